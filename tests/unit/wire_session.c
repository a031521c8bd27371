/* HELLO and the small frames: each comes back, none is accepted cut or changed in form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/checkpoint.h"
#include "wire/flow.h"
#include "wire/hello.h"
#include "wire/paper.h"
#include "wire/receipt.h"
#include "wire/session.h"
#include "wire_help.h"

static uint8_t	    wire[FRAME_REST_MOST + FRAME_HEAD], scratch[FRAME_REST_MOST + FRAME_HEAD];
static struct hello hello, back;

/* A reader that writes a whole frame again, of which the payload is compared. */
#define AGAIN(name, type, write)                                                                                                                     \
	static bool name##_again(struct bytes v, struct builder *again)                                                                              \
	{                                                                                                                                            \
		static type    f;                                                                                                                    \
		struct builder frame = builder_on(scratch, sizeof scratch);                                                                          \
		if (name##_frame_read(v, &f) != ERR_OK)                                                                                              \
			return false;                                                                                                                \
		write;                                                                                                                               \
		build_copy(again, frame.at + FRAME_HEAD, frame.n - FRAME_HEAD);                                                                      \
		return frame.err == ERR_OK;                                                                                                          \
	}
AGAIN(hello, struct hello, hello_frame_write(&frame, &f))
AGAIN(checkpoint, struct checkpoint_frame, checkpoint_frame_write(&frame, &f))
AGAIN(receipt, struct receipt_frame, receipt_frame_write(&frame, &f))
AGAIN(ack, struct ack_frame, ack_frame_write(&frame, &f))
AGAIN(credit, struct credit_frame, credit_frame_write(&frame, &f))
AGAIN(ping, struct ping_frame, ping_frame_write(&frame, FRAME_PONG, &f))
AGAIN(alarm, struct alarm_frame, alarm_frame_write(&frame, &f))
AGAIN(paper, struct paper_frame, paper_frame_write(&frame, &f))
AGAIN(close, struct close_frame, close_frame_write(&frame, &f))

static bool frame_is_strict(reader_fn reader, const struct builder *b, uint8_t type)
{
	struct frame f;
	size_t	     used = 0;

	assert_int_equal(b->err, ERR_OK);
	assert_int_equal(frame_next(builder_bytes(b), &f, &used), ERR_OK);
	assert_int_equal(used, b->n);
	assert_int_equal(f.type, type);
	return reader_is_strict(reader, f.payload);
}

static void hello_of(unsigned logs)
{
	static char origins[HELLO_LOGS_MOST][8];

	hello = (struct hello){
		.protocol_min = 1, .protocol_max = PROTOCOL_VERSION, .features = 1, .party = bytes_text("customs.kw.example"), .card_serial = 3};
	hello.card = bytes_text("card");
	hello.nagreements = 1;
	hello.nown = hello.npeer = logs;
	for (unsigned i = 0; i < logs; i++) {
		memcpy(origins[i], "origin", 7);
		hello.own[i] = (struct hello_log){bytes_text(origins[i]), (uint8_t)(i + 1 < logs), i, {{1}}};
		hello.peer[i] = (struct hello_log){bytes_text(origins[i]), 0, i, {{2}}};
	}
}

static struct bytes hello_payload(void)
{
	struct builder b = builder_on(wire, sizeof wire);

	hello_frame_write(&b, &hello);
	assert_int_equal(b.err, ERR_OK);
	return bytes_of(wire + FRAME_HEAD, b.n - FRAME_HEAD);
}

static enum err hello_read(void)
{
	return hello_frame_read(hello_payload(), &back);
}

static void hello_comes_back(void **state)
{
	(void)state;
	hello_of(2);
	assert_int_equal(hello_read(), ERR_OK);
	assert_true(bytes_is(back.party, "customs.kw.example"));
	assert_true(bytes_is(back.card, "card"));
	assert_int_equal(back.nown, 2);
	assert_int_equal(back.own[0].state, 1);
	assert_int_equal(back.own[1].state, 0);
	assert_int_equal(back.peer[1].size, 1);
	struct bytes v = hello_payload();
	assert_true(reader_is_strict(hello_again, v));
}

static void hello_bears_its_limits(void **state)
{
	(void)state;
	bool same = false;

	hello_of(HELLO_LOGS_MOST);
	hello.nagreements = HELLO_AGREEMENTS_MOST;
	assert_true(takes(hello_again, hello_payload(), &same) && same);
	struct builder b = builder_on(wire, sizeof wire);
	hello.nown = HELLO_LOGS_MOST + 1;
	hello_frame_write(&b, &hello);
	assert_int_equal(b.err, ERR_TOO_LONG);
}

static void random_hellos_come_back(void **state)
{
	(void)state;
	struct dice d = {31};

	for (int i = 0; i < 200; i++) {
		bool same = false;

		hello_of(dice_below(&d, 9));
		hello.nagreements = dice_below(&d, 20);
		dice_fill(&d, hello.agreement, sizeof hello.agreement);
		dice_fill(&d, hello.session, SESSION_SIZE);
		hello.features = (uint32_t)dice_next(&d);
		hello.lane = (uint8_t)dice_below(&d, 2);
		hello.card = bytes_of(hello.agreement, dice_below(&d, sizeof hello.agreement));
		assert_true(takes(hello_again, hello_payload(), &same) && same);
	}
}

static void an_improper_hello_is_refused(void **state)
{
	(void)state;
	hello_of(1);
	hello.protocol_min = 0;
	assert_int_not_equal(hello_read(), ERR_OK);
	hello_of(1);
	hello.protocol_min = 2;
	assert_int_not_equal(hello_read(), ERR_OK);
	hello_of(1);
	hello.lane = 2;
	assert_int_not_equal(hello_read(), ERR_OK);
	hello_of(1);
	hello.party = bytes_text("Customs..example");
	assert_int_not_equal(hello_read(), ERR_OK);
	hello_of(1);
	hello.own[0].state = 2;
	assert_int_not_equal(hello_read(), ERR_OK);
	hello_of(1);
	hello.own[0].origin = BYTES_NONE;
	assert_int_not_equal(hello_read(), ERR_OK);
	hello_of(1);
	hello.card = bytes_of(scratch, HELLO_CARD_MOST + 1);
	assert_int_equal(hello_read(), ERR_TOO_LONG);
}

static void checkpoint_and_receipt_come_back(void **state)
{
	(void)state;
	struct checkpoint_frame checkpoint = {.log = 1, .size = 77, .root = {{3}}, .sig = {{4}}};
	struct receipt_frame	receipt = {.log = 1, .size = 77, .root = {{3}}, .time_s = 1795420811, .sig = {{4}}};
	struct builder		b = builder_on(wire, sizeof wire);

	checkpoint_frame_write(&b, &checkpoint);
	assert_int_equal(b.n, FRAME_HEAD + 2 + 8 + 32 + 64);
	assert_true(frame_is_strict(checkpoint_again, &b, FRAME_CHECKPOINT));
	b = builder_on(wire, sizeof wire);
	receipt_frame_write(&b, &receipt);
	assert_int_equal(b.n, FRAME_HEAD + 2 + 8 + 32 + 8 + 64);
	assert_true(frame_is_strict(receipt_again, &b, FRAME_RECEIPT));
}

static void flow_comes_back(void **state)
{
	(void)state;
	struct builder b = builder_on(wire, sizeof wire);

	ack_frame_write(&b, &(struct ack_frame){2, 900});
	assert_true(frame_is_strict(ack_again, &b, FRAME_ACK));
	b = builder_on(wire, sizeof wire);
	credit_frame_write(&b, &(struct credit_frame){2, 900, 1u << 24, 0});
	assert_true(frame_is_strict(credit_again, &b, FRAME_CREDIT));
}

static void ping_and_alarm_come_back(void **state)
{
	(void)state;
	struct builder b = builder_on(wire, sizeof wire);

	ping_frame_write(&b, FRAME_PING, &(struct ping_frame){5, 6});
	assert_true(frame_is_strict(ping_again, &b, FRAME_PING));
	b = builder_on(wire, sizeof wire);
	alarm_frame_write(&b, &(struct alarm_frame){ALARM_FORK, {bytes_text("one"), bytes_text("two")}});
	assert_true(frame_is_strict(alarm_again, &b, FRAME_ALARM));
	b = builder_on(wire, sizeof wire);
	alarm_frame_write(&b, &(struct alarm_frame){ALARM_FORK, {bytes_of(scratch, ALARM_NOTE_MOST + 1), BYTES_NONE}});
	assert_int_equal(b.err, ERR_TOO_LONG);
}

static void paper_comes_back(void **state)
{
	(void)state;
	struct builder b = builder_on(wire, sizeof wire);
	struct frame   f;
	size_t	       used;

	paper_frame_write(&b, &(struct paper_frame){PAPER_SIGNATURE, {{7}}, bytes_text("a line\n")});
	assert_true(frame_is_strict(paper_again, &b, FRAME_PAPER));
	assert_int_equal(frame_next(builder_bytes(&b), &f, &used), ERR_OK); /* whoever does not know it skips it */
	b = builder_on(wire, sizeof wire);
	paper_frame_write(&b, &(struct paper_frame){PAPER_SIGNATURE, {{7}}, bytes_of(scratch, PAPER_MOST + 1)});
	assert_int_equal(b.err, ERR_TOO_LONG);
}

static enum err close_read(struct bytes text)
{
	struct builder	   b = builder_on(wire, sizeof wire);
	struct close_frame f;

	close_frame_write(&b, &(struct close_frame){CLOSE_PROTOCOL, text});
	assert_int_equal(b.err, ERR_OK);
	return close_frame_read(bytes_of(wire + FRAME_HEAD, b.n - FRAME_HEAD), &f);
}

static void close_says_one_clean_line(void **state)
{
	(void)state;
	struct builder b = builder_on(wire, sizeof wire);

	close_frame_write(&b, &(struct close_frame){CLOSE_RESTART, bytes_text("restart, إعادة تشغيل")});
	assert_true(frame_is_strict(close_again, &b, FRAME_CLOSE));
	assert_int_equal(close_read(bytes_text("")), ERR_OK);
	assert_int_equal(close_read(bytes_text("a\nb")), ERR_CONTROL);
	assert_int_equal(close_read(bytes_text("\x1b[2J")), ERR_CONTROL);
	assert_int_equal(close_read(bytes_text("\xe2\x80\xae")), ERR_BIDI);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hello_comes_back),
		cmocka_unit_test(hello_bears_its_limits),
		cmocka_unit_test(random_hellos_come_back),
		cmocka_unit_test(an_improper_hello_is_refused),
		cmocka_unit_test(checkpoint_and_receipt_come_back),
		cmocka_unit_test(flow_comes_back),
		cmocka_unit_test(ping_and_alarm_come_back),
		cmocka_unit_test(paper_comes_back),
		cmocka_unit_test(close_says_one_clean_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
