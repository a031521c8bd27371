/* tree_note.c: notes, checkpoints, receipts, origins and proofs as files; what others published, and what we refuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tree/note.h"
#include "vectors.h"

#define NOTE_ROOM  8192
#define ZEROS_68   "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define LINE(name) "\xe2\x80\x94 " name " " ZEROS_68 "\n"
#define ROOT	   "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="

/* ---- what others published ---- */

static unsigned signatures_named(const struct note *n, const char *name)
{
	unsigned count = 0;
	for (unsigned i = 0; i < n->n; i++)
		count += bytes_is(n->at[i].name, name);
	return count;
}

/* "key NAME ID TYPE PUBLIC": exactly one signature verifies by it, and none once a letter of the text differs. */
static void key_line(const struct vectors *v, const struct note *n)
{
	uint8_t		  id[4], made[4], type;
	struct public_key pub;
	unsigned	  good = 0, bad = 0;
	vectors_exact(v->word[2], id, 4);
	vectors_exact(v->word[3], &type, 1);
	vectors_exact(v->word[4], pub.b, SIGN_PUBLIC);
	note_key_id(bytes_text(v->word[1]), type, &pub, made);
	assert_memory_equal(made, id, 4);
	struct note tampered = *n;
	tampered.text.n--;
	for (unsigned i = 0; i < n->n; i++) {
		good += note_signed_by(n, i, bytes_text(v->word[1]), &pub);
		bad += note_signed_by(&tampered, i, bytes_text(v->word[1]), &pub);
	}
	assert_int_equal(good, 1);
	assert_int_equal(bad, 0);
	pub.b[7] ^= 1;
	for (unsigned i = 0; i <= n->n; i++)
		assert_false(note_signed_by(n, i, bytes_text(v->word[1]), &pub));
}

static void checkpoint_line(const struct vectors *v, const struct note *n)
{
	struct checkpoint c;
	struct hash	  root;
	uint8_t		  room[512];
	struct builder	  b = builder_on(room, sizeof room);
	vectors_exact(v->word[2], root.b, HASH_SIZE);
	assert_int_equal(checkpoint_read(n->text, &c), ERR_OK);
	assert_true(c.size == vectors_number(v->word[1]));
	assert_true(hash_equal(&c.root, &root));
	checkpoint_write(&b, &c);
	assert_true(bytes_equal(builder_bytes(&b), n->text));
}

static void published_notes(void **state)
{
	static struct vectors v;
	char		      room[NOTE_ROOM];
	struct builder	      b = builder_on(room, sizeof room);
	struct note	      note = {.n = 0};
	unsigned	      notes = 0, keys = 0, checkpoints = 0;
	(void)state;
	vectors_open(&v, "note.txt");
	while (vectors_next(&v)) {
		if (vectors_note_line(&v, &b))
			continue;
		if (vectors_is(&v, "note", 1)) {
			b = builder_on(room, sizeof room);
			notes++;
			continue;
		}
		assert_int_equal(note_read(builder_bytes(&b), &note), ERR_OK);
		if (vectors_is(&v, "key", 5)) {
			key_line(&v, &note);
			keys++;
		} else if (vectors_is(&v, "checkpoint", 3)) {
			checkpoint_line(&v, &note);
			checkpoints++;
		} else {
			assert_true(vectors_is(&v, "unknown", 2));
			assert_int_equal(signatures_named(&note, v.word[1]), 1);
		}
	}
	assert_int_equal(notes, 5);
	assert_int_equal(keys, 7);
	assert_int_equal(checkpoints, 2);
}

/* ---- our own vectors: origin, checkpoint, receipt, proof ---- */

struct papers {
	struct sign_key log, receipt;
	char		receipt_name[64];
	uint64_t	time_s;
	char		origin[ORIGIN_MOST];
	char		note_room[NOTE_ROOM], proof_room[NOTE_ROOM];
	struct builder	note, proof;
};

static struct papers papers;

static void key_words(const struct vectors *v, struct sign_key *key)
{
	uint8_t		  seed[SIGN_SEED];
	struct public_key pub;
	vectors_exact(v->word[1], seed, SIGN_SEED);
	vectors_exact(v->word[2], pub.b, SIGN_PUBLIC);
	sign_key_from_seed(key, seed);
	assert_true(public_key_equal(&key->pub, &pub));
}

static void origin_line(const struct vectors *v)
{
	struct origin o;
	memset(&o, 0, sizeof o);
	memcpy(o.author, v->word[1], strlen(v->word[1]) + 1);
	memcpy(o.reader, v->word[2], strlen(v->word[2]) + 1);
	memcpy(o.channel, v->word[3], strlen(v->word[3]) + 1);
	vectors_exact(v->word[4], o.epoch.b, EPOCH_SIZE);
	assert_int_equal(origin_write(&o, papers.origin), ERR_OK);
}

static int papers_load(void **state)
{
	static struct vectors v;
	struct builder	     *open = &papers.note;
	(void)state;
	if (crypto_start() != ERR_OK)
		return -1;
	papers.note = builder_on(papers.note_room, NOTE_ROOM);
	papers.proof = builder_on(papers.proof_room, NOTE_ROOM);
	vectors_open(&v, "checkpoint.txt");
	while (vectors_next(&v)) {
		if (vectors_note_line(&v, open))
			continue;
		if (vectors_is(&v, "log", 4)) {
			key_words(&v, &papers.log);
		} else if (vectors_is(&v, "receipt", 6)) {
			key_words(&v, &papers.receipt);
			memcpy(papers.receipt_name, v.word[4], strlen(v.word[4]) + 1);
			papers.time_s = vectors_number(v.word[5]);
		} else if (vectors_is(&v, "origin", 5)) {
			origin_line(&v);
		} else {
			open = vectors_is(&v, "proof", 1) ? &papers.proof : &papers.note;
		}
	}
	return 0;
}

static void our_note_is_written_as_published(void **state)
{
	struct note	  note;
	struct checkpoint c;
	struct signature  log, receipt;
	char		  room[NOTE_ROOM];
	struct builder	  b = builder_on(room, sizeof room);
	(void)state;
	assert_int_equal(note_read(builder_bytes(&papers.note), &note), ERR_OK);
	assert_int_equal(note.n, 2);
	assert_int_equal(checkpoint_read(note.text, &c), ERR_OK);
	assert_string_equal(c.origin, papers.origin);
	assert_true(note_signed_by(&note, 0, bytes_text(papers.origin), &papers.log.pub));
	assert_true(note_signed_by(&note, 1, bytes_text(papers.receipt_name), &papers.receipt.pub));

	checkpoint_sign(&papers.log, &c, &log);
	receipt_sign(&papers.receipt, &c, papers.time_s, &receipt);
	checkpoint_write(&b, &c);
	build_text(&b, "\n");
	note_line_ed25519(&b, bytes_text(c.origin), &papers.log.pub, &log);
	note_line_cosignature(&b, bytes_text(papers.receipt_name), &papers.receipt.pub, papers.time_s, &receipt);
	assert_int_equal(b.err, ERR_OK);
	assert_true(bytes_equal(builder_bytes(&b), builder_bytes(&papers.note)));
	note_sign(&papers.log, note.text, &receipt);
	assert_memory_equal(receipt.b, log.b, SIGN_SIZE);
}

static void a_signature_counts_for_its_own_name_and_kind_only(void **state)
{
	struct note note;
	(void)state;
	assert_int_equal(note_read(builder_bytes(&papers.note), &note), ERR_OK);
	assert_false(note_signed_by(&note, 0, bytes_text(papers.receipt_name), &papers.log.pub));
	assert_false(note_signed_by(&note, 0, bytes_text(papers.origin), &papers.receipt.pub));
	assert_false(note_signed_by(&note, 1, bytes_text(papers.origin), &papers.log.pub));
	assert_false(note_signed_by(&note, 2, bytes_text(papers.origin), &papers.log.pub));
	/* The line says another name: the id alone, four bytes, does not make it ours. */
	struct note other = note;
	other.at[0].name = bytes_text("other");
	assert_false(note_signed_by(&other, 0, bytes_text(papers.origin), &papers.log.pub));
	other = note;
	other.n = 0;
	assert_false(note_signed_by(&other, 0, bytes_text(papers.origin), &papers.log.pub));
	/* The same signature with another key id is by a key that nobody knows. */
	note.at[0].id[3] ^= 1;
	assert_false(note_signed_by(&note, 0, bytes_text(papers.origin), &papers.log.pub));
}

static void a_cosignature_speaks_of_checkpoints_only(void **state)
{
	struct signature sig;
	struct note	 note;
	uint8_t		 room[NOTE_ROOM];
	const char	*text = "cosignature/v1\ntime 5\nsome other text\n";
	struct builder	 b = builder_on(room, sizeof room);
	(void)state;
	sign_bytes(&papers.receipt, bytes_text(text), &sig);
	build_text(&b, "some other text\n\n");
	note_line_cosignature(&b, bytes_text("r"), &papers.receipt.pub, 5, &sig);
	assert_int_equal(note_read(builder_bytes(&b), &note), ERR_OK);
	assert_false(note_signed_by(&note, 0, bytes_text("r"), &papers.receipt.pub));
}

static void checkpoints_and_receipts_do_not_stand_in_for_each_other(void **state)
{
	struct checkpoint c, other;
	struct note	  note;
	struct signature  log, receipt;
	(void)state;
	assert_int_equal(note_read(builder_bytes(&papers.note), &note), ERR_OK);
	assert_int_equal(checkpoint_read(note.text, &c), ERR_OK);
	checkpoint_sign(&papers.log, &c, &log);
	receipt_sign(&papers.receipt, &c, 100, &receipt);
	assert_int_equal(checkpoint_verify(&papers.log.pub, &c, &log), ERR_OK);
	assert_int_equal(receipt_verify(&papers.receipt.pub, &c, 100, &receipt), ERR_OK);

	assert_int_equal(receipt_verify(&papers.receipt.pub, &c, 101, &receipt), ERR_SIGNATURE);
	assert_int_equal(receipt_verify(&papers.log.pub, &c, 100, &log), ERR_SIGNATURE);
	assert_int_equal(checkpoint_verify(&papers.receipt.pub, &c, &receipt), ERR_SIGNATURE);
	assert_int_equal(receipt_verify(&papers.receipt.pub, &c, UINT64_C(1) << 63, &receipt), ERR_VALUE);
	other = c;
	other.size++;
	assert_int_equal(checkpoint_verify(&papers.log.pub, &other, &log), ERR_SIGNATURE);
	other = c;
	other.root.b[0] ^= 1;
	assert_int_equal(checkpoint_verify(&papers.log.pub, &other, &log), ERR_SIGNATURE);
	other = c;
	other.origin[0] ^= 1;
	assert_int_equal(receipt_verify(&papers.receipt.pub, &other, 100, &receipt), ERR_SIGNATURE);
}

/* ---- notes that are refused ---- */

static const struct {
	const char *wire;
	enum err    err;
} notes[] = {
	{"text\n\n" LINE("name"), ERR_OK},
	{"two\n\nparts\n\n" LINE("name"), ERR_OK},
	{"\n\n" LINE("name"), ERR_OK},			   /* an empty first line is text */
	{"del \x7f c1 \xc2\x85\n\n" LINE("name"), ERR_OK}, /* the format forbids ASCII controls below U+0020 only */
	{"", ERR_MALFORMED},
	{"\n", ERR_MALFORMED},
	{"text\n", ERR_MALFORMED},
	{"text\n\n", ERR_MALFORMED},
	{"text\n" LINE("name"), ERR_MALFORMED},
	{"\n" LINE("name"), ERR_MALFORMED}, /* no text at all */
	{"text\n\n\n", ERR_MALFORMED},
	{"text\n\n" LINE("name") "\n", ERR_MALFORMED},
	{"text\n\n" LINE("name") "more\n", ERR_MALFORMED},
	{"text\n\n\xe2\x80\x94 name " ZEROS_68, ERR_SHORT},
	{"text\n\n- name " ZEROS_68 "\n", ERR_MALFORMED},
	{"text\n\n\xe2\x80\x93 name " ZEROS_68 "\n", ERR_MALFORMED}, /* EN DASH */
	{"text\n\n" LINE(""), ERR_MALFORMED},
	{"text\n\n" LINE("na+me"), ERR_MALFORMED},
	{"text\n\n" LINE("na me"), ERR_MALFORMED},
	{"text\n\n" LINE("na\xc2\xa0me"), ERR_MALFORMED},
	{"text\n\n" LINE("na\xe3\x80\x80me"), ERR_MALFORMED},
	{"text\n\n\xe2\x80\x94 name  " ZEROS_68 "\n", ERR_MALFORMED},
	{"text\n\n\xe2\x80\x94 name " ZEROS_68 " \n", ERR_MALFORMED},
	{"text\n\n\xe2\x80\x94 name AAAA\n", ERR_MALFORMED}, /* shorter than any signature */
	{"text\n\n\xe2\x80\x94 name \n", ERR_MALFORMED},
	{"text\n\n\xe2\x80\x94 name AAAA" ZEROS_68 "\n", ERR_MALFORMED}, /* 71 bytes: neither kind */
	{"tab\t\n\n" LINE("name"), ERR_CONTROL},
	{"cr\r\n\n" LINE("name"), ERR_CONTROL},
	{"bad \xff\n\n" LINE("name"), ERR_UTF8},
};

static void strict_notes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(notes); i++) {
		struct note n = {.n = 99};
		assert_int_equal(note_read(bytes_text(notes[i].wire), &n), notes[i].err);
		assert_true(notes[i].err == ERR_OK ? n.n == 1 : n.n == 99);
	}
}

static void signature_bits_have_one_spelling(void **state)
{
	char	    wire[] = "text\n\n" LINE("name");
	struct note n;
	(void)state;
	char *pad = strstr(wire, "A=\n");
	*pad = 'B'; /* the same 68 bytes, with a pad bit set */
	assert_int_equal(note_read(bytes_text(wire), &n), ERR_NOT_CANONICAL);
}

static void notes_have_limits(void **state)
{
	static char    room[20000];
	char	       name[NOTE_NAME_MOST + 2];
	struct note    n;
	struct builder b = builder_on(room, sizeof room);
	(void)state;
	build_text(&b, "text\n\n");
	for (unsigned i = 0; i < NOTE_SIGNATURES_MOST; i++)
		build_text(&b, LINE("name"));
	assert_int_equal(note_read(builder_bytes(&b), &n), ERR_OK);
	assert_int_equal(n.n, NOTE_SIGNATURES_MOST);
	build_text(&b, LINE("name"));
	assert_int_equal(note_read(builder_bytes(&b), &n), ERR_TOO_LONG);

	memset(name, 'n', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	b = builder_on(room, sizeof room);
	build_text(&b, "text\n\n\xe2\x80\x94 ");
	build_text(&b, name);
	build_text(&b, " " ZEROS_68 "\n");
	assert_int_equal(note_read(builder_bytes(&b), &n), ERR_TOO_LONG);
	b = builder_on(room, sizeof room);
	note_line_ed25519(&b, bytes_text("na me"), &papers.log.pub, &(struct signature){{0}});
	assert_int_equal(b.err, ERR_MALFORMED);
}

/* ---- checkpoints that are refused ---- */

static const struct {
	const char *text;
	enum err    err;
} checkpoints[] = {
	{"o\n0\n" ROOT "\n", ERR_OK},
	{"o\n18446744073709551615\n" ROOT "\n", ERR_OK},
	{"o\n18446744073709551616\n" ROOT "\n", ERR_TOO_LONG},
	{"o\n007\n" ROOT "\n", ERR_NOT_CANONICAL},
	{"o\n00\n" ROOT "\n", ERR_NOT_CANONICAL},
	{"o\n0x1\n" ROOT "\n", ERR_MALFORMED},
	{"o\n-1\n" ROOT "\n", ERR_MALFORMED},
	{"o\n\n" ROOT "\n", ERR_MALFORMED},
	{"o\n1\n" ROOT "\nextension\n", ERR_NOT_CANONICAL},
	{"o\n1\n" ROOT "\n\n", ERR_NOT_CANONICAL},
	{"o\n1\n" ROOT, ERR_SHORT},
	{"o\n1\n", ERR_SHORT},
	{"", ERR_SHORT},
	{"\n1\n" ROOT "\n", ERR_MALFORMED},
	{"o o\n1\n" ROOT "\n", ERR_MALFORMED},
	{"o+o\n1\n" ROOT "\n", ERR_MALFORMED},
	{"\xd8\xa3\n1\n" ROOT "\n", ERR_MALFORMED},
	{"o\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2J=\n", ERR_NOT_CANONICAL},
	{"o\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxqw==\n", ERR_MALFORMED}, /* 31 bytes */
	{"o\n1\n" ROOT "AAAA\n", ERR_MALFORMED},
};

static void strict_checkpoints(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(checkpoints); i++) {
		struct checkpoint c = {.size = 4711};
		assert_int_equal(checkpoint_read(bytes_text(checkpoints[i].text), &c), checkpoints[i].err);
		assert_true(checkpoints[i].err == ERR_OK || c.size == 4711);
	}
}

static void an_origin_line_fits_its_field_or_is_refused(void **state)
{
	char		  room[600];
	struct checkpoint c;
	(void)state;
	for (size_t n = ORIGIN_MOST - 1; n <= ORIGIN_MOST; n++) {
		struct builder b = builder_on(room, sizeof room);
		memset(build_reserve(&b, n), 'o', n);
		build_text(&b, "\n1\n" ROOT "\n");
		assert_int_equal(checkpoint_read(builder_bytes(&b), &c), n < ORIGIN_MOST ? ERR_OK : ERR_TOO_LONG);
	}
	struct builder b = builder_on(room, sizeof room);
	build_copy(&b, "o\0o", 3);
	build_text(&b, "\n1\n" ROOT "\n");
	assert_int_equal(checkpoint_read(builder_bytes(&b), &c), ERR_MALFORMED);
}

/* ---- origins ---- */

#define EPOCH "000102030405060708090a0b0c0d0e0f"

static void origins_go_round(void **state)
{
	struct origin o;
	char	      out[ORIGIN_MOST];
	(void)state;
	assert_int_equal(origin_read(bytes_text(papers.origin), &o), ERR_OK);
	assert_string_equal(o.author, "customs.north.example");
	assert_string_equal(o.reader, "customs.south.example");
	assert_string_equal(o.channel, "customs");
	assert_int_equal(o.epoch.b[15], 15);
	assert_int_equal(origin_write(&o, out), ERR_OK);
	assert_string_equal(out, papers.origin);
	assert_string_equal(out, "customs.north.example/mithaq/customs.south.example/customs/" EPOCH);
}

static void strict_origins(void **state)
{
	static const char *const bad[] = {
		"",
		"a",
		"a/mithaq/b/c/",
		"a/mithaq/b/c",
		"a/mithaq/b/c/" EPOCH "/",
		"a/mithaq/b/c/" EPOCH "0",
		"a/mithaq/b/c/000102030405060708090A0B0C0D0E0F",
		"a/Mithaq/b/c/" EPOCH,
		"a//b/c/" EPOCH,
		"/mithaq/b/c/" EPOCH,
		"a/mithaq//c/" EPOCH,
		"a/mithaq/b//" EPOCH,
		"A/mithaq/b/c/" EPOCH,
		"a/mithaq/b/c--d/" EPOCH,
		"a/mithaq/b/c/d/" EPOCH,
		" a/mithaq/b/c/" EPOCH,
		"a/mithaq/b/c/" EPOCH "\n",
		"a/mithaq/b./c/" EPOCH,
	};
	struct origin o = {.author = "kept"};
	char	      out[ORIGIN_MOST] = "kept";
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		assert_int_not_equal(origin_read(bytes_text(bad[i]), &o), ERR_OK);
	assert_string_equal(o.author, "kept");
	o.author[0] = 'K';
	assert_int_equal(origin_write(&o, out), ERR_MALFORMED);
	assert_string_equal(out, "kept");
}

static void long_names_do_not_fit_an_origin(void **state)
{
	struct origin o = {.reader = "b", .channel = "c"};
	char	      out[ORIGIN_MOST];
	(void)state;
	memset(o.author, 'a', PARTY_MOST);
	memset(o.reader, 'b', PARTY_MOST);
	o.author[63] = o.reader[63] = '.';
	o.author[127] = o.reader[127] = 'x';
	o.author[126] = o.reader[126] = '.';
	assert_int_equal(origin_write(&o, out), ERR_TOO_LONG);
	memset(o.reader, 0, sizeof o.reader);
	o.reader[0] = 'b';
	assert_int_equal(origin_write(&o, out), ERR_OK);
	assert_int_equal(origin_read(bytes_text(out), &o), ERR_OK);
}

/* ---- proofs as files ---- */

static void our_proof_is_written_as_published(void **state)
{
	struct tlog_proof p;
	struct note	  note;
	struct checkpoint c;
	struct hash	  leaf = leaf_hash(bytes_text("\x40\x41\x42\x43"));
	char		  room[NOTE_ROOM];
	struct builder	  b = builder_on(room, sizeof room);
	(void)state;
	assert_int_equal(tlog_proof_read(builder_bytes(&papers.proof), &p), ERR_OK);
	assert_int_equal(p.index, 5);
	assert_true(bytes_equal(p.note, builder_bytes(&papers.note)));
	assert_int_equal(note_read(p.note, &note), ERR_OK);
	assert_int_equal(checkpoint_read(note.text, &c), ERR_OK);
	assert_int_equal(inclusion_verify(&leaf, p.index, c.size, &p.path, &c.root), ERR_OK);
	assert_int_equal(inclusion_verify(&leaf, 4, c.size, &p.path, &c.root), ERR_PROOF);
	tlog_proof_write(&b, &p);
	assert_true(bytes_equal(builder_bytes(&b), builder_bytes(&papers.proof)));
}

#define FIRST "c2sp.org/tlog-proof@v1\n"
#define NOTE  "\no\n9\n" ROOT "\n\n" LINE("o")

static void strict_proofs(void **state)
{
	static const struct {
		const char *wire;
		enum err    err;
	} cases[] = {
		{FIRST "index 8\n" NOTE, ERR_OK},
		{FIRST "index 8\n" ROOT "\n" NOTE, ERR_OK},
		{FIRST "index 9\n" NOTE, ERR_PROOF}, /* beyond the checkpoint */
		{FIRST "index 08\n" NOTE, ERR_MALFORMED},
		{FIRST "index 8 \n" NOTE, ERR_MALFORMED},
		{FIRST "Index 8\n" NOTE, ERR_MALFORMED},
		{FIRST "extra AAAA\nindex 8\n" NOTE, ERR_MALFORMED},
		{FIRST "index 8\nAAAA\n" NOTE, ERR_MALFORMED},
		{FIRST "index 8\n", ERR_SHORT},
		{FIRST "index 8\n\n", ERR_MALFORMED},
		{FIRST "index 8\n" ROOT "\n", ERR_SHORT},
		{FIRST "index 8\n\n\no\n9\n" ROOT "\n\n" LINE("o"), ERR_SHORT},
		{FIRST "index 8\n\no\n9\n" ROOT "\nmore\n\n" LINE("o"), ERR_NOT_CANONICAL},
		{"c2sp.org/tlog-proof@v2\nindex 8\n" NOTE, ERR_MALFORMED},
		{"", ERR_MALFORMED},
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct tlog_proof p = {.index = 4711};
		enum err	  e = tlog_proof_read(bytes_text(cases[i].wire), &p);
		if (cases[i].err == ERR_OK || cases[i].err == ERR_PROOF)
			assert_int_equal(e, cases[i].err);
		assert_true((e == ERR_OK) == (cases[i].err == ERR_OK));
		assert_true(e == ERR_OK || p.index == 4711);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_notes),
		cmocka_unit_test(our_note_is_written_as_published),
		cmocka_unit_test(a_signature_counts_for_its_own_name_and_kind_only),
		cmocka_unit_test(a_cosignature_speaks_of_checkpoints_only),
		cmocka_unit_test(checkpoints_and_receipts_do_not_stand_in_for_each_other),
		cmocka_unit_test(strict_notes),
		cmocka_unit_test(signature_bits_have_one_spelling),
		cmocka_unit_test(notes_have_limits),
		cmocka_unit_test(strict_checkpoints),
		cmocka_unit_test(an_origin_line_fits_its_field_or_is_refused),
		cmocka_unit_test(origins_go_round),
		cmocka_unit_test(strict_origins),
		cmocka_unit_test(long_names_do_not_fit_an_origin),
		cmocka_unit_test(our_proof_is_written_as_published),
		cmocka_unit_test(strict_proofs),
	};
	return cmocka_run_group_tests(tests, papers_load, NULL);
}
