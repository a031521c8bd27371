/* agreement_card.c: a party's card, written and read back; everything else is refused with its line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agreement/card.h"
#include "agreement_help.h"
#include "base/attrs.h"

#define ROOM (2u * CARD_MOST)

static struct sign_key root_a, root_b, other;

static struct card sample_card(void)
{
	struct card c = {.live = false, .serial = 2, .from_day = 20454, .until_day = 20818, .ntls = 2, .nlog = 2, .nreceipt = 1, .nrevoked = 1};

	(void)snprintf(c.party, sizeof c.party, "%s", KUWAIT);
	memset(c.previous.b, 7, sizeof c.previous.b);
	c.root[0] = root_a.pub;
	c.root[1] = root_b.pub;
	memset(c.tls[0].b, 1, sizeof c.tls[0].b);
	memset(c.tls[1].b, 2, sizeof c.tls[1].b);
	(void)snprintf(c.log[0].channel, sizeof c.log[0].channel, "customs");
	memset(c.log[0].key.b, 3, SIGN_PUBLIC);
	(void)snprintf(c.log[1].channel, sizeof c.log[1].channel, "*");
	memset(c.log[1].key.b, 4, SIGN_PUBLIC);
	(void)snprintf(c.receipt[0].channel, sizeof c.receipt[0].channel, "border");
	memset(c.receipt[0].key.b, 5, SIGN_PUBLIC);
	memset(c.revoked[0].key.b, 6, SIGN_PUBLIC);
	memset(c.revoked[0].epoch.b, 0xab, EPOCH_SIZE);
	c.revoked[0].size = 4711;
	return c;
}

static const char sample_text[] = "mithaq/keys/1\n"
				  "party customs.kw.example\n"
				  "environment test\n"
				  "serial 2\n"
				  "previous BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n"
				  "valid 2026-01-01 2026-12-31\n"
				  "root w2xIvn7+Zy+GQiQF+brsOC4psPc0dEYFvMPPxxuEoPw= 5dGtFqNVJzuibytm52mDZjP/2ecIDD9Mi1aonzLkogQ=\n"
				  "tls AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n"
				  "tls AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=\n"
				  "log customs AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM=\n"
				  "log * BAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ=\n"
				  "receipt border BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU=\n"
				  "revoked BgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgY= abababababababababababababababab 4711\n";

/* `text` as a note, signed by the given keys under the given names. */
static struct builder signed_note(uint8_t *memory, const char *text, const char *name_1, const struct sign_key *key_1, const char *name_2,
				  const struct sign_key *key_2)
{
	struct builder	 b = builder_on(memory, ROOM);
	struct signature sig;

	build_text(&b, text);
	build_text(&b, "\n");
	note_sign(key_1, bytes_text(text), &sig);
	note_line_ed25519(&b, bytes_text(name_1), &key_1->pub, &sig);
	if (key_2 != NULL) {
		note_sign(key_2, bytes_text(text), &sig);
		note_line_ed25519(&b, bytes_text(name_2), &key_2->pub, &sig);
	}
	assert_int_equal(b.err, ERR_OK);
	return b;
}

static void writes_and_reads_the_drawn_form(void **state)
{
	struct card    card = sample_card(), back = {.serial = 0};
	uint8_t	       memory[ROOM];
	struct builder b = builder_on(memory, sizeof memory);
	struct fault   fault = {.err = ERR_OK};

	(void)state;
	card_write(&b, &card);
	assert_int_equal(b.err, ERR_OK);
	assert_int_equal(b.n, sizeof sample_text - 1);
	assert_memory_equal(b.at, sample_text, b.n);
	b = builder_on(memory, sizeof memory);
	assert_int_equal(card_sign(&card, &root_b, &b), ERR_OK);
	if (card_read(builder_bytes(&b), &back, &fault) != ERR_OK)
		fail_msg("line %u: %s", fault.line, err_text(fault.err, LANG_EN));
	card.id = hash_bytes(bytes_text(sample_text));
	assert_true(hash_equal(&back.id, &card.id));
	b = builder_on(memory, sizeof memory);
	card_write(&b, &back);
	assert_true(bytes_is(builder_bytes(&b), sample_text));
	assert_string_equal(back.party, KUWAIT);
	assert_true(!back.live && back.serial == 2 && back.ntls == 2 && back.nlog == 2 && back.nreceipt == 1 && back.nrevoked == 1);
}

static void either_or_both_roots_sign(void **state)
{
	static const char name[] = KUWAIT "/root";
	uint8_t		  memory[ROOM];
	struct card	  card;
	struct fault	  fault;
	const struct {
		const char	      *name_1;
		const struct sign_key *key_1;
		const char	      *name_2;
		const struct sign_key *key_2;
		enum err	       err;
	} cases[] = {
		{name, &root_a, NULL, NULL, ERR_OK},
		{name, &root_b, NULL, NULL, ERR_OK},
		{name, &root_a, name, &root_b, ERR_OK},
		{name, &root_b, name, &root_a, ERR_OK},
		{name, &root_a, name, &root_a, ERR_DUPLICATE},
		{name, &other, NULL, NULL, ERR_SIGNATURE},
		{name, &root_a, name, &other, ERR_SIGNATURE},
		{KUWAIT, &root_a, NULL, NULL, ERR_SIGNATURE},
		{AMERICA "/root", &root_a, NULL, NULL, ERR_SIGNATURE},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct builder b = signed_note(memory, sample_text, cases[i].name_1, cases[i].key_1, cases[i].name_2, cases[i].key_2);

		assert_int_equal(card_read(builder_bytes(&b), &card, &fault), cases[i].err);
	}
}

static void any_altered_byte_is_refused(void **state)
{
	uint8_t	       memory[ROOM];
	struct builder b = signed_note(memory, sample_text, KUWAIT "/root", &root_a, NULL, NULL);
	struct card    untouched = {.serial = 77};
	struct fault   fault;

	(void)state;
	for (size_t i = 0; i < b.n; i++) {
		memory[i] ^= 0x01;
		assert_int_not_equal(card_read(builder_bytes(&b), &untouched, &fault), ERR_OK);
		memory[i] ^= 0x01;
		assert_int_not_equal(card_read(bytes_of(memory, i), &untouched, &fault), ERR_OK);
	}
	assert_int_equal(untouched.serial, 77);
}

static void each_rule_refuses(void **state)
{
	static const struct {
		const char *find, *replace;
		enum err    err;
		unsigned    line;
	} bad[] = {
		{"mithaq/keys/1", "mithaq/keys/2", ERR_VERSION, 1},
		{"party customs", "name customs", ERR_MALFORMED, 2},
		{"party customs.kw.example", "party Customs.kw.example", ERR_MALFORMED, 2},
		{"party customs.kw.example", "party customs.kw.example two", ERR_MALFORMED, 2},
		{"party customs.kw.example\n", "", ERR_MALFORMED, 2},
		{"environment test", "environment both", ERR_VALUE, 3},
		{"serial 2", "serial 02", ERR_MALFORMED, 4},
		{"serial 2", "serial 0", ERR_VALUE, 4},
		{"serial 2", "serial 18446744073709551616", ERR_TOO_LONG, 4},
		{"serial 2", "serial 1", ERR_MALFORMED, 5},
		{"previous BwcH", "previous Bwc", ERR_MALFORMED, 5},
		{"BwcHBwc=\nvalid", "BwcHBwd=\nvalid", ERR_MALFORMED, 5},
		{"valid 2026-01-01", "valid 2027-01-01", ERR_VALUE, 6},
		{"valid 2026-01-01", "valid 2026-13-01", ERR_VALUE, 6},
		{"valid 2026-01-01 ", "valid 2026-01-01  ", ERR_MALFORMED, 6},
		{"root w2x", "root  w2x", ERR_MALFORMED, 7},
		{"5dGtFqNVJzuibytm52mDZjP/2ecIDD9Mi1aonzLkogQ=", "w2xIvn7+Zy+GQiQF+brsOC4psPc0dEYFvMPPxxuEoPw=", ERR_DUPLICATE, 7},
		{"tls AgIC", "pin AgIC", ERR_MALFORMED, 9},
		{"tls AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=", "tls AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=", ERR_DUPLICATE, 9},
		{"log customs ", "log Customs ", ERR_MALFORMED, 10},
		{"log customs ", "log ", ERR_MALFORMED, 10},
		{"log * ", "log customs ", ERR_DUPLICATE, 11},
		{"receipt border", "receipt bo--rder", ERR_MALFORMED, 12},
		{"receipt border BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU=\n", "", ERR_MALFORMED, 12},
		{" 4711", " 04711", ERR_MALFORMED, 13},
		{" 4711", "", ERR_MALFORMED, 13},
		{"abababababababababababababababab", "ABababababababababababababababab", ERR_MALFORMED, 13},
		{" 4711\n", " 4711\nlog late BAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ=\n", ERR_TRAILING, 14},
		{" 4711\n", " 4711\n\n", ERR_TRAILING, 14},
		{"receipt border", "log late BAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ=\nnote hello\nreceipt border", ERR_MALFORMED, 13},
		{"tls AgIC",
		 "tls BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU=\ntls BgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgY=\ntls "
		 "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\ntls AgIC",
		 ERR_TOO_LONG, 12},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		char	      *text = edited(sample_text, bad[i].find, bad[i].replace);
		uint8_t	       memory[ROOM];
		struct builder b = signed_note(memory, text, KUWAIT "/root", &root_a, NULL, NULL);
		struct card    card;
		struct fault   fault = {.err = ERR_OK};
		enum err       e = card_read(builder_bytes(&b), &card, &fault);

		if (e != bad[i].err || fault.line != bad[i].line)
			fail_msg("\"%s\": got %s at line %u, wanted %s at line %u", bad[i].replace, err_name(e), fault.line, err_name(bad[i].err),
				 bad[i].line);
		free(text);
	}
}

static void serial_one_has_no_previous(void **state)
{
	char	      *no_previous = edited(sample_text, "previous BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n", "");
	char	      *first = edited(no_previous, "serial 2", "serial 1");
	uint8_t	       memory[ROOM];
	struct builder b = signed_note(memory, first, KUWAIT "/root", &root_a, NULL, NULL);
	struct card    card;
	struct fault   fault;

	(void)state;
	assert_int_equal(card_read(builder_bytes(&b), &card, &fault), ERR_OK);
	b = signed_note(memory, no_previous, KUWAIT "/root", &root_a, NULL, NULL);
	assert_int_equal(card_read(builder_bytes(&b), &card, &fault), ERR_MALFORMED);
	assert_int_equal(fault.line, 5);
	free(first);
	free(no_previous);
}

static void only_its_roots_sign_a_card(void **state)
{
	struct card    card = sample_card();
	uint8_t	       memory[ROOM];
	struct builder b = builder_on(memory, sizeof memory), small = builder_on(memory, 100);

	(void)state;
	assert_int_equal(card_sign(&card, &other, &b), ERR_KEY);
	assert_int_equal(b.n, 0);
	assert_int_equal(card_sign(&card, &root_a, &small), ERR_NO_SPACE);
}

static void finds_keys_by_channel(void **state)
{
	struct card card = sample_card();

	(void)state;
	assert_ptr_equal(card_log_key(&card, "customs"), &card.log[0].key);
	assert_ptr_equal(card_log_key(&card, "police"), &card.log[1].key);
	assert_ptr_equal(card_receipt_key(&card, "border"), &card.receipt[0].key);
	assert_null(card_receipt_key(&card, "customs"));
}

static void the_fingerprint_is_of_both_roots(void **state)
{
	struct card  card = sample_card();
	struct bytes roots[2] = {bytes_of(card.root[0].b, SIGN_PUBLIC), bytes_of(card.root[1].b, SIGN_PUBLIC)};
	struct hash  h = hash_pieces(roots, 2);
	char	     shown[80], hex[65], joined[65] = "";

	(void)state;
	card_fingerprint(&card, shown);
	assert_int_equal(strlen(shown), 79);
	for (size_t i = 0, n = 0; i < 79; i++) {
		if (i % 5 == 4)
			assert_int_equal(shown[i], ' ');
		else
			joined[n++] = shown[i];
	}
	hex_write(h.b, sizeof h.b, hex);
	assert_string_equal(joined, hex);
}

static void a_full_card_fits(void **state)
{
	struct card    card = sample_card(), back;
	uint8_t	       memory[ROOM];
	struct builder b = builder_on(memory, sizeof memory);
	struct fault   fault;

	(void)state;
	card.nlog = card.nreceipt = card.nrevoked = CARD_KEYS_MOST;
	card.serial = UINT64_MAX;
	for (unsigned i = 0; i < CARD_KEYS_MOST; i++) {
		(void)snprintf(card.log[i].channel, sizeof card.log[i].channel, "channel-with-a-name-as-long-as-permitted-abcde%02u", i);
		memcpy(card.receipt[i].channel, card.log[i].channel, sizeof card.receipt[i].channel);
		card.revoked[i].size = UINT64_MAX;
	}
	assert_int_equal(card_sign(&card, &root_a, &b), ERR_OK);
	assert_true(b.n <= CARD_MOST);
	assert_int_equal(card_read(builder_bytes(&b), &back, &fault), ERR_OK);
}

static int start(void **state)
{
	(void)state;
	if (crypto_start() != ERR_OK)
		return 1;
	root_a = sample_root(KUWAIT, 'a');
	root_b = sample_root(KUWAIT, 'b');
	other = sample_root(AMERICA, 'a');
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_and_reads_the_drawn_form),
		cmocka_unit_test(either_or_both_roots_sign),
		cmocka_unit_test(any_altered_byte_is_refused),
		cmocka_unit_test(each_rule_refuses),
		cmocka_unit_test(serial_one_has_no_previous),
		cmocka_unit_test(only_its_roots_sign_a_card),
		cmocka_unit_test(finds_keys_by_channel),
		cmocka_unit_test(the_fingerprint_is_of_both_roots),
		cmocka_unit_test(a_full_card_fits),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
