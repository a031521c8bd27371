/* agreement_open.c: exactly one root of each party signs, and nobody else; then the text is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agreement_help.h"
#include "base/attrs.h"

#define ROOM (64u * 1024)

struct desk {
	char		 *text;
	struct agreement *draft;
	struct root_key	  roots[4]; /* KUWAIT a, b, AMERICA a, b */
	uint8_t		 *memory;
	struct builder	  note;
};

static void desk_init(struct desk *d)
{
	static const char *const parties[] = {KUWAIT, AMERICA};
	struct fault		 fault;

	d->text = source_file("samples/customs-and-border.yaml");
	d->draft = NULL;
	assert_int_equal(agreement_parse(bytes_text(d->text), &d->draft, &fault), ERR_OK);
	for (unsigned i = 0; i < 4; i++) {
		struct sign_key key = sample_root(parties[i / 2], i % 2 == 0 ? 'a' : 'b');

		d->roots[i] = (struct root_key){parties[i / 2], key.pub};
		sign_key_done(&key);
	}
	d->memory = calloc(1, ROOM);
	d->note = builder_on(d->memory, ROOM);
	build_bytes(&d->note, d->draft->text);
	build_text(&d->note, "\n");
}

static void desk_done(struct desk *d)
{
	agreement_free(d->draft);
	free(d->text);
	free(d->memory);
}

static void signs(struct desk *d, const char *party, char letter)
{
	struct sign_key key = sample_root(party, letter);

	assert_int_equal(agreement_sign(d->draft, (unsigned)agreement_party(d->draft, bytes_text(party)), &key, &d->note), ERR_OK);
	sign_key_done(&key);
}

/* A valid signature under a name and key of the test's choice. */
static void signs_as(struct desk *d, const char *name, const struct sign_key *key)
{
	struct signature sig;

	note_sign(key, d->draft->text, &sig);
	note_line_ed25519(&d->note, bytes_text(name), &key->pub, &sig);
}

static void opens(struct desk *d, const struct root_key *roots, size_t n, unsigned signer_of_kuwait, unsigned signer_of_america)
{
	struct agreement *a = NULL;
	struct fault	  fault = {.err = ERR_OK};

	assert_int_equal(agreement_open(builder_bytes(&d->note), roots, n, &a, &fault), ERR_OK);
	assert_true(bytes_equal(a->note, builder_bytes(&d->note)));
	assert_true(hash_equal(&a->id, &d->draft->id));
	assert_true(public_key_equal(&a->signer[0], &d->roots[signer_of_kuwait].key));
	assert_true(public_key_equal(&a->signer[1], &d->roots[signer_of_america].key));
	agreement_free(a);
	assert_int_equal(agreement_open_unpinned(builder_bytes(&d->note), &a, &fault), ERR_OK);
	assert_true(public_key_equal(&a->signer[0], &d->roots[signer_of_kuwait].key));
	agreement_free(a);
}

static void refuses(struct desk *d, const struct root_key *roots, size_t n, enum err wanted)
{
	struct agreement *a = (struct agreement *)1;
	struct fault	  fault = {.err = ERR_OK};
	enum err	  e = agreement_open(builder_bytes(&d->note), roots, n, &a, &fault);

	if (e != wanted)
		fail_msg("got %s, wanted %s", err_name(e), err_name(wanted));
	assert_null(a);
	assert_int_equal(fault.err, wanted);
	assert_true(fault.help[0] != '\0' && fault.help_ar[0] != '\0');
}

static void refuses_unpinned(struct desk *d, enum err wanted)
{
	struct agreement *a = (struct agreement *)1;
	struct fault	  fault = {.err = ERR_OK};

	assert_int_equal(agreement_open_unpinned(builder_bytes(&d->note), &a, &fault), wanted);
	assert_null(a);
}

static void either_root_of_each_signs(void **state)
{
	static const char letters[][2] = {{'a', 'a'}, {'a', 'b'}, {'b', 'a'}, {'b', 'b'}};

	(void)state;
	for (unsigned i = 0; i < COUNT_OF(letters); i++) {
		struct desk d;

		desk_init(&d);
		signs(&d, i < 2 ? KUWAIT : AMERICA, i < 2 ? letters[i][0] : letters[i][1]);
		signs(&d, i < 2 ? AMERICA : KUWAIT, i < 2 ? letters[i][1] : letters[i][0]);
		opens(&d, d.roots, 4, letters[i][0] == 'a' ? 0 : 1, letters[i][1] == 'a' ? 2 : 3);
		desk_done(&d);
	}
}

static void a_missing_signature_is_refused(void **state)
{
	struct desk d;

	(void)state;
	desk_init(&d);
	signs(&d, KUWAIT, 'a');
	refuses(&d, d.roots, 4, ERR_SIGNATURE);
	refuses_unpinned(&d, ERR_SIGNATURE);
	desk_done(&d);
}

static void no_signature_is_no_note(void **state)
{
	struct desk	  d;
	struct agreement *a = NULL;
	struct fault	  fault;

	(void)state;
	desk_init(&d);
	assert_int_not_equal(agreement_open(bytes_text(d.text), d.roots, 4, &a, &fault), ERR_OK);
	assert_int_not_equal(agreement_open(BYTES_NONE, d.roots, 4, &a, &fault), ERR_OK);
	assert_null(a);
	desk_done(&d);
}

static void an_extra_signature_is_refused(void **state)
{
	struct desk d;

	(void)state;
	desk_init(&d);
	signs(&d, KUWAIT, 'a');
	signs(&d, AMERICA, 'a');
	signs(&d, AMERICA, 'b');
	refuses(&d, d.roots, 4, ERR_SIGNATURE);
	refuses_unpinned(&d, ERR_SIGNATURE);
	desk_done(&d);
}

static void two_roots_of_one_party_are_refused(void **state)
{
	struct desk d;

	(void)state;
	desk_init(&d);
	signs(&d, KUWAIT, 'a');
	signs(&d, KUWAIT, 'b');
	refuses(&d, d.roots, 4, ERR_DUPLICATE);
	refuses_unpinned(&d, ERR_DUPLICATE);
	desk_done(&d);
}

static void one_signature_twice_is_refused(void **state)
{
	struct desk d;

	(void)state;
	desk_init(&d);
	signs(&d, KUWAIT, 'a');
	signs(&d, KUWAIT, 'a');
	refuses(&d, d.roots, 4, ERR_DUPLICATE);
	desk_done(&d);
}

static void a_root_not_on_our_cards_is_refused(void **state)
{
	struct desk d;

	(void)state;
	desk_init(&d);
	signs(&d, KUWAIT, 'a');
	signs(&d, AMERICA, 'a');
	refuses(&d, d.roots, 2, ERR_SIGNATURE);
	refuses(&d, NULL, 0, ERR_SIGNATURE);
	desk_done(&d);
}

static void a_stranger_is_refused_even_with_a_card(void **state)
{
	struct desk	d;
	struct sign_key stranger = sample_root("stranger.example", 'a');

	(void)state;
	desk_init(&d);
	struct root_key roots[] = {d.roots[0], {"stranger.example", stranger.pub}};
	signs(&d, KUWAIT, 'a');
	signs_as(&d, "stranger.example/root", &stranger);
	refuses(&d, roots, COUNT_OF(roots), ERR_KEY);
	refuses_unpinned(&d, ERR_SIGNATURE);
	desk_done(&d);
	sign_key_done(&stranger);
}

/* A card that names another root than the text does: the text decides what was agreed. */
static void a_root_that_the_text_does_not_name_is_refused(void **state)
{
	struct desk	d;
	struct sign_key other = sample_root(AMERICA, 'c');

	(void)state;
	desk_init(&d);
	struct root_key roots[] = {d.roots[0], {AMERICA, other.pub}};
	signs(&d, KUWAIT, 'a');
	signs_as(&d, AMERICA "/root", &other);
	refuses(&d, roots, COUNT_OF(roots), ERR_KEY);
	refuses_unpinned(&d, ERR_SIGNATURE);
	desk_done(&d);
	sign_key_done(&other);
}

/* One party's key under the other party's name is nobody's signature. */
static void a_borrowed_name_is_refused(void **state)
{
	struct desk	d;
	struct sign_key kuwait = sample_root(KUWAIT, 'b');

	(void)state;
	desk_init(&d);
	signs(&d, KUWAIT, 'a');
	signs_as(&d, AMERICA "/root", &kuwait);
	refuses(&d, d.roots, 4, ERR_SIGNATURE);
	refuses_unpinned(&d, ERR_KEY);
	desk_done(&d);
	sign_key_done(&kuwait);
}

static void another_kind_of_name_is_refused(void **state)
{
	struct desk	d;
	struct sign_key america = sample_root(AMERICA, 'a');

	(void)state;
	desk_init(&d);
	signs(&d, KUWAIT, 'a');
	signs_as(&d, AMERICA, &america);
	refuses(&d, d.roots, 4, ERR_SIGNATURE);
	refuses_unpinned(&d, ERR_KEY);
	desk_done(&d);
	sign_key_done(&america);
}

/* Every byte of the text and of the signature lines counts. */
static void any_altered_byte_is_refused(void **state)
{
	struct desk	  d;
	struct agreement *a = NULL;
	struct fault	  fault;

	(void)state;
	desk_init(&d);
	signs(&d, KUWAIT, 'a');
	signs(&d, AMERICA, 'b');
	for (size_t i = 0; i < d.note.n; i += i + 600 < d.note.n ? 7 : 1) {
		d.memory[i] ^= 0x01;
		assert_int_not_equal(agreement_open(builder_bytes(&d.note), d.roots, 4, &a, &fault), ERR_OK);
		assert_int_not_equal(agreement_open_unpinned(builder_bytes(&d.note), &a, &fault), ERR_OK);
		assert_null(a);
		d.memory[i] ^= 0x01;
	}
	opens(&d, d.roots, 4, 0, 3);
	desk_done(&d);
}

/* Both signed it, but it is no agreement: refused after the signatures, by the language. */
static void a_signed_text_must_still_be_an_agreement(void **state)
{
	static const char text[] = "mithaq: agreement/1\nid: &x odd\n";
	uint8_t		  memory[2000];
	struct builder	  note = builder_on(memory, sizeof memory);
	struct agreement *a = NULL;
	struct fault	  fault;
	struct root_key	  roots[2];

	(void)state;
	build_text(&note, text);
	build_text(&note, "\n");
	for (unsigned i = 0; i < 2; i++) {
		const char	*party = i == 0 ? KUWAIT : AMERICA;
		struct sign_key	 key = sample_root(party, 'a');
		struct signature sig;

		note_sign(&key, bytes_text(text), &sig);
		note_line_ed25519(&note, bytes_text(i == 0 ? KUWAIT "/root" : AMERICA "/root"), &key.pub, &sig);
		roots[i] = (struct root_key){party, key.pub};
		sign_key_done(&key);
	}
	assert_int_equal(agreement_open(builder_bytes(&note), roots, 2, &a, &fault), ERR_MALFORMED);
	assert_int_equal(fault.line, 2);
	assert_null(a);
}

static void only_a_root_of_the_text_may_sign(void **state)
{
	struct desk	d;
	struct sign_key stranger = sample_root("stranger.example", 'a'), america = sample_root(AMERICA, 'a');

	(void)state;
	desk_init(&d);
	size_t before = d.note.n;
	assert_int_equal(agreement_sign(d.draft, 0, &stranger, &d.note), ERR_KEY);
	assert_int_equal(agreement_sign(d.draft, 0, &america, &d.note), ERR_KEY);
	assert_int_equal(agreement_sign(d.draft, 2, &america, &d.note), ERR_KEY);
	assert_int_equal(d.note.n, before);
	assert_int_equal(agreement_sign(d.draft, 1, &america, &d.note), ERR_OK);
	desk_done(&d);
}

static int start(void **state)
{
	(void)state;
	return crypto_start() == ERR_OK ? 0 : 1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(either_root_of_each_signs),
		cmocka_unit_test(a_missing_signature_is_refused),
		cmocka_unit_test(no_signature_is_no_note),
		cmocka_unit_test(an_extra_signature_is_refused),
		cmocka_unit_test(two_roots_of_one_party_are_refused),
		cmocka_unit_test(one_signature_twice_is_refused),
		cmocka_unit_test(a_root_not_on_our_cards_is_refused),
		cmocka_unit_test(a_stranger_is_refused_even_with_a_card),
		cmocka_unit_test(a_root_that_the_text_does_not_name_is_refused),
		cmocka_unit_test(a_borrowed_name_is_refused),
		cmocka_unit_test(another_kind_of_name_is_refused),
		cmocka_unit_test(any_altered_byte_is_refused),
		cmocka_unit_test(a_signed_text_must_still_be_an_agreement),
		cmocka_unit_test(only_a_root_of_the_text_may_sign),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
