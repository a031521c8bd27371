/* What the processes of a gateway tell each other comes back as it was said, and is refused when cut, long or odd. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/fetch.h"
#include "wire_help.h"

static uint8_t wire[256 * 1024];

/* Each reader on a cursor must take exactly what its writer wrote. */
#define AGAIN(name, type)                                                                                                                            \
	static bool name##_again(struct bytes v, struct builder *again)                                                                              \
	{                                                                                                                                            \
		struct cursor c = cursor_on(v);                                                                                                      \
		type	      t;                                                                                                                     \
		if (name##_read(&c, &t) != ERR_OK || cursor_end(&c) != ERR_OK)                                                                       \
			return false;                                                                                                                \
		name##_write(again, &t);                                                                                                             \
		return true;                                                                                                                         \
	}
AGAIN(exchange, struct exchange)
AGAIN(decision, struct decision)
AGAIN(partner_state, struct partner_state)
AGAIN(quota_used, struct quota_used)
AGAIN(channel_status, struct channel_status)

static bool ask_again(struct bytes v, struct builder *again)
{
	struct ask a;

	if (ask_read(v, &a) != ERR_OK)
		return false;
	ask_write(again, &a);
	return true;
}

static void add(struct fields *f, const char *name, const char *value)
{
	assert_int_equal(fields_add(f, bytes_text(name), bytes_text(value)), ERR_OK);
}

static struct ask sample_ask(void)
{
	struct ask a = {.ticket = 9, .dry_run = true, .account = bytes_text("tariff-desk"), .key = bytes_text("bayan-000481")};

	a.clause = bytes_text("customs/declaration-status");
	a.purpose = bytes_text("duty-assessment");
	a.reference = bytes_text("SAMPLE-1044");
	a.officer = bytes_text("r.sample");
	add(&a.fields, "declaration", "2026-0048817");
	return a;
}

static struct exchange sample_exchange(void)
{
	struct exchange x = {
		.mid = {1, 2}, .ours = true, .partner = "customs.kw.example", .channel = "customs", .clause = 7, .state = EXCHANGE_ANSWERED};

	x.accepted_ms = 1795420800000;
	x.question.index = 4817;
	x.receipt_held = true;
	x.used = 39;
	x.purpose = bytes_text("duty-assessment");
	add(&x.ask, "declaration", "2026-0048817");
	add(&x.got, "status", "released");
	return x;
}

static void an_ask_comes_back(void **state)
{
	(void)state;
	struct ask     a = sample_ask(), back;
	struct builder b = builder_on(wire, sizeof wire);

	ask_write(&b, &a);
	assert_int_equal(ask_read(builder_bytes(&b), &back), ERR_OK);
	assert_true(back.dry_run);
	assert_true(bytes_equal(back.clause, a.clause));
	assert_true(bytes_is(fields_find(&back.fields, "declaration")->value, "2026-0048817"));
	uint8_t *copy = exact_copy(builder_bytes(&b));
	assert_true(reader_is_strict(ask_again, bytes_of(copy, b.n)));
	free(copy);
}

static void an_ask_keeps_its_limits(void **state)
{
	(void)state;
	static const uint8_t large[IDEMPOTENCY_MOST + 1];
	struct ask	     a = sample_ask(), back;
	struct builder	     b = builder_on(wire, sizeof wire);

	a.key = bytes_of(large, sizeof large);
	ask_write(&b, &a);
	assert_int_equal(b.err, ERR_OK);
	assert_int_equal(ask_read(builder_bytes(&b), &back), ERR_TOO_LONG);
}

static bool withdrawal_again(struct bytes v, struct builder *again)
{
	struct withdrawal w;

	if (withdrawal_read(v, &w) != ERR_OK)
		return false;
	withdrawal_write(again, &w);
	return true;
}

static void a_withdrawal_comes_back(void **state)
{
	(void)state;
	struct withdrawal w = {.ticket = 9, .account = bytes_text("tariff-desk"), .mid = {1, 2, 3}}, back;
	struct builder	  b = builder_on(wire, sizeof wire);

	withdrawal_write(&b, &w);
	assert_int_equal(withdrawal_read(builder_bytes(&b), &back), ERR_OK);
	assert_int_equal(back.ticket, 9);
	assert_true(bytes_equal(back.account, w.account));
	assert_memory_equal(back.mid, w.mid, MID_SIZE);
	uint8_t *copy = exact_copy(builder_bytes(&b));
	assert_true(reader_is_strict(withdrawal_again, bytes_of(copy, b.n)));
	free(copy);
}

static void a_withdrawal_keeps_its_limits(void **state)
{
	(void)state;
	static const uint8_t large[ACCOUNT_MOST + 1];
	struct withdrawal    w = {.account = bytes_of(large, sizeof large)}, back = {.ticket = 77};
	struct builder	     b = builder_on(wire, sizeof wire);

	withdrawal_write(&b, &w);
	assert_int_equal(withdrawal_read(builder_bytes(&b), &back), ERR_TOO_LONG);
	assert_int_equal(back.ticket, 77);
}

static void an_exchange_comes_back(void **state)
{
	(void)state;
	struct exchange x = sample_exchange(), back;
	struct builder	b = builder_on(wire, sizeof wire);

	exchange_write(&b, &x);
	struct cursor c = cursor_on(builder_bytes(&b));
	assert_int_equal(exchange_read(&c, &back), ERR_OK);
	assert_string_equal(back.partner, x.partner);
	assert_int_equal(back.question.index, 4817);
	assert_true(bytes_is(fields_find(&back.got, "status")->value, "released"));
	uint8_t *copy = exact_copy(builder_bytes(&b));
	assert_true(reader_is_strict(exchange_again, bytes_of(copy, b.n)));
	free(copy);
}

static void an_unknown_state_is_refused(void **state)
{
	(void)state;
	struct exchange x = sample_exchange();
	struct builder	b = builder_on(wire, sizeof wire);
	struct cursor	c;

	x.state = (enum exchange_state)7;
	exchange_write(&b, &x);
	c = cursor_on(builder_bytes(&b));
	assert_int_equal(exchange_read(&c, &x), ERR_MALFORMED);
	assert_string_equal(exchange_state_name(EXCHANGE_FAILED), "failed");
	assert_string_equal(exchange_state_name((enum exchange_state)7), "unknown");
}

static void an_id_is_read_as_it_is_printed(void **state)
{
	(void)state;
	uint8_t mid[MID_SIZE], back[MID_SIZE];
	char	text[29];

	memset(mid, 0xa7, sizeof mid);
	exchange_id_write(mid, text);
	assert_int_equal(strlen(text), 28);
	assert_memory_equal(text, "q_", 2);
	assert_int_equal(exchange_id_read(bytes_text(text), back), ERR_OK);
	assert_memory_equal(mid, back, MID_SIZE);
	assert_int_equal(exchange_id_read(bytes_of(text, 27), back), ERR_MALFORMED);
	/* The example of spec/rules.md. */
	assert_int_equal(hex_read(bytes_text("00079c2858fe1720608eb549613886dd"), mid, sizeof mid), ERR_OK);
	exchange_id_write(mid, text);
	assert_string_equal(text, "q_000YE2GP7Y2WG613NN95GKH1PX");
	assert_int_equal(exchange_id_read(bytes_text(text + 2), back), ERR_MALFORMED);
	assert_int_equal(exchange_id_read(bytes_text("q"), back), ERR_MALFORMED);
	text[0] = 'd';
	assert_int_equal(exchange_id_read(bytes_text(text), back), ERR_MALFORMED);
}

static void a_decision_comes_back(void **state)
{
	(void)state;
	struct decision d = {.refusal = REFUSAL_PURPOSE, .clause = 7, .rule = "7/purposes", .pointer = "/purpose", .found = "marketing"};
	struct builder	b = builder_on(wire, sizeof wire);

	memcpy(d.allowed, "duty-assessment", 16);
	decision_write(&b, &d);
	assert_true(reader_is_strict(decision_again, bytes_of(wire, b.n)));
	d.refusal = REFUSAL_COUNT;
	b = builder_on(wire, sizeof wire);
	decision_write(&b, &d);
	struct cursor c = cursor_on(builder_bytes(&b));
	assert_int_equal(decision_read(&c, &d), ERR_MALFORMED);
}

static void states_come_back(void **state)
{
	(void)state;
	struct partner_state  p = {.name = "cbp.us.example",
				   .connected = true,
				   .since_ms = 5,
				   .cause = "refused",
				   .unreceipted = 3,
				   .frozen = "border,customs",
				   .waiting = "customs"};
	struct channel_status s = {
		.partner = "cbp.us.example", .channel = "customs", .own_origin = "a/mithaq/b/c/00", .own_size = 9, .unanswered = 1};
	struct builder b = builder_on(wire, sizeof wire);

	partner_state_write(&b, &p);
	assert_true(reader_is_strict(partner_state_again, bytes_of(wire, b.n)));
	b = builder_on(wire, sizeof wire);
	quota_used_write(&b, &(struct quota_used){.agreement.b = {9}, .clause = 7, .used = 38});
	assert_true(reader_is_strict(quota_used_again, bytes_of(wire, b.n)));
	b = builder_on(wire, sizeof wire);
	channel_status_write(&b, &s);
	assert_true(reader_is_strict(channel_status_again, bytes_of(wire, b.n)));
}

static void a_text_fits_its_room_and_has_no_nul(void **state)
{
	(void)state;
	char	      out[5] = "left";
	struct cursor c = cursor_on(bytes_of("\0\4abcd", 6));

	piped_text_read(&c, out, sizeof out);
	assert_int_equal(cursor_err(&c), ERR_OK);
	assert_string_equal(out, "abcd");
	c = cursor_on(bytes_of("\0\5abcde", 7));
	piped_text_read(&c, out, sizeof out);
	assert_int_equal(cursor_err(&c), ERR_TOO_LONG);
	assert_string_equal(out, "");
	c = cursor_on(bytes_of("\0\3a\0b", 5));
	piped_text_read(&c, out, sizeof out);
	assert_int_equal(cursor_err(&c), ERR_MALFORMED);
}

/* ---- what a national system fetches ---- */

static void offers_and_their_orders_come_back(void **state unused_arg)
{
	static struct offer	   o, offer_back;
	static struct fetch_answer a, answer_back;
	struct fetch_list f = {.ticket = 9, .account = bytes_text("case-system"), .scope = bytes_text("answer:customs/a"), .most = 3, .lease_s = 60},
			  list_back;
	struct builder b = builder_on(wire, sizeof wire);
	struct cursor  c;

	f.clause = bytes_text("customs/a");
	fetch_list_write(&b, &f);
	assert_int_equal(fetch_list_read(builder_bytes(&b), &list_back), ERR_OK);
	assert_true(list_back.most == 3 && list_back.lease_s == 60 && bytes_is(list_back.clause, "customs/a"));
	for (size_t n = 0; n < b.n; n++)
		assert_int_not_equal(fetch_list_read(bytes_of(wire, n), &list_back), ERR_OK);

	o = (struct offer){.mid = {1}, .from = "cbp.us.example", .clause = bytes_text("customs/a"), .number = 7, .lease_ms = 5};
	add(&o.fields, "declaration", "2026-0048817");
	b = builder_on(wire, sizeof wire);
	offer_write(&b, &o);
	c = cursor_on(builder_bytes(&b));
	assert_int_equal(offer_read(&c, &offer_back), ERR_OK);
	assert_int_equal(cursor_end(&c), ERR_OK);
	assert_string_equal(offer_back.from, o.from);
	assert_true(bytes_is(fields_find(&offer_back.fields, "declaration")->value, "2026-0048817"));

	a = (struct fetch_answer){.ticket = 9, .account = f.account, .scope = f.scope, .mid = {1}, .outcome = OUTCOME_HIT};
	add(&a.fields, "status", "released");
	b = builder_on(wire, sizeof wire);
	fetch_answer_write(&b, &a);
	assert_int_equal(fetch_answer_read(builder_bytes(&b), &answer_back), ERR_OK);
	assert_true(answer_back.outcome == OUTCOME_HIT && answer_back.fields.n == 1);
	for (size_t n = 0; n < b.n; n++)
		assert_int_not_equal(fetch_answer_read(bytes_of(wire, n), &answer_back), ERR_OK);
}

static void orders_that_contradict_themselves_are_refused(void **state unused_arg)
{
	static struct fetch_answer bad[4], back;
	struct fetch_list	   lists[] = {{.most = 0}, {.most = FETCH_OFFERS_MOST + 1}, {.most = 1, .lease_s = FETCH_LEASE_MOST + 1}}, list_back;

	bad[0] = (struct fetch_answer){.outcome = OUTCOME_NO_HIT};
	add(&bad[0].fields, "status", "released"); /* nothing is found, and something */
	bad[1] = (struct fetch_answer){.outcome = OUTCOME_REFUSED};
	bad[2] = (struct fetch_answer){.outcome = OUTCOME_HIT, .reason = bytes_text("public-order")};
	bad[3] = (struct fetch_answer){.outcome = (enum outcome)3};
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		struct builder b = builder_on(wire, sizeof wire);

		fetch_answer_write(&b, &bad[i]);
		assert_int_equal(fetch_answer_read(builder_bytes(&b), &back), ERR_MALFORMED);
	}
	for (size_t i = 0; i < COUNT_OF(lists); i++) {
		struct builder b = builder_on(wire, sizeof wire);

		fetch_list_write(&b, &lists[i]);
		assert_int_equal(fetch_list_read(builder_bytes(&b), &list_back), ERR_MALFORMED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(offers_and_their_orders_come_back),
		cmocka_unit_test(orders_that_contradict_themselves_are_refused),
		cmocka_unit_test(an_ask_comes_back),
		cmocka_unit_test(an_ask_keeps_its_limits),
		cmocka_unit_test(a_withdrawal_comes_back),
		cmocka_unit_test(a_withdrawal_keeps_its_limits),
		cmocka_unit_test(an_exchange_comes_back),
		cmocka_unit_test(an_unknown_state_is_refused),
		cmocka_unit_test(an_id_is_read_as_it_is_printed),
		cmocka_unit_test(a_decision_comes_back),
		cmocka_unit_test(states_come_back),
		cmocka_unit_test(a_text_fits_its_room_and_has_no_nul),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
