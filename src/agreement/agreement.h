/*
 * agreement.h: the agreement, read (spec/agreement.md).
 *
 * An agreement is a signed note whose text is a YAML document of our own strict
 * schema. agreement_open verifies both root signatures before it parses a byte of
 * YAML; agreement_parse reads an unsigned text, for drafting. All memory of an
 * agreement lives in its own arena and dies with agreement_free; every `const
 * char *` in it is NUL-ended, NFC, without control or bidirectional characters.
 */
#ifndef MITHAQ_AGREEMENT_AGREEMENT_H
#define MITHAQ_AGREEMENT_AGREEMENT_H

#include "base/arena.h"
#include "base/text.h"
#include "crypto/sign.h"
#include "tree/note.h"
#include "wire/fields.h"

#define AGREEMENT_TEXT_MOST	(256u * 1024)
#define AGREEMENT_CLAUSES_MOST	200
#define AGREEMENT_FIELDS_MOST	32
#define AGREEMENT_CODES_MOST	200
#define AGREEMENT_PURPOSES_MOST 64
#define AGREEMENT_EXAMPLES_MOST 64

/* A text in each of the agreement's languages; NULL where the agreement has not that language. */
struct texts {
	const char *in[2]; /* by enum lang */
};

/* The text in `lang`, or in the other language, or "". */
const char *texts_in(const struct texts *t, enum lang lang);

enum field_type {
	FIELD_TEXT,
	FIELD_CODE,
	FIELD_DATE,
	FIELD_TIME,
	FIELD_INTEGER,
	FIELD_DECIMAL,
	FIELD_COUNTRY,
	FIELD_DOCUMENT_NUMBER,
	FIELD_UN_LOCODE,
	FIELD_NAME,
};

struct code {
	const char  *name;
	struct texts text;
};

struct field_rule {
	const char     *name;
	enum field_type type;
	struct texts	label;
	bool		required; /* request fields: `required: always` */
	unsigned	length;	  /* most characters; default by type */
	unsigned	ncodes;
	struct code    *code; /* FIELD_CODE only */
};

struct purpose {
	const char  *name;
	struct texts text;
};

struct must_state {
	const char *what;    /* "case" */
	const char *purpose; /* when the purpose is this, or NULL: always */
};

enum expectation { EXPECT_ANSWER, EXPECT_NO_HIT, EXPECT_REFUSED };

struct example {
	unsigned	 line;
	const char	*purpose;
	const char	*reference; /* case, or NULL */
	struct fields	 ask;
	enum expectation expect;
	struct fields	 answer;  /* EXPECT_ANSWER */
	const char	*because; /* EXPECT_REFUSED: the rule's short name: purpose, field, case, required, value */
};

struct clause {
	uint16_t	       number;
	unsigned	       line;
	const char	      *channel;
	const char	      *name;
	struct texts	       title, basis;
	unsigned	       asks, answers; /* index into agreement.party */
	unsigned	       npurposes;
	const struct purpose **purpose;
	unsigned	       nmust;
	struct must_state     *must;
	unsigned	       nrequest, nanswer;
	struct field_rule     *request, *answer;
	uint64_t	       per_day; /* 0: no limit */
	uint64_t	       answer_within_ms;
	bool		       keep_question_until_answered;
	unsigned	       keep_question_days, keep_answer_days;
	const char	      *onward; /* "no" | "only with prior authorisation" | "yes" */
	unsigned	       nrefusals;
	struct code	      *refusal;
	unsigned	       nexamples;
	struct example	      *example; /* examples, then must-refuse */
};

struct agreement_party {
	const char	 *name; /* DNS-like */
	struct texts	  title;
	const char	 *time_zone, *working_days;
	struct public_key root[2]; /* root-a, root-b */
};

struct agreement {
	struct arena	       arena;
	struct hash	       id;   /* H(note text including its final LF) */
	struct bytes	       text; /* that text */
	struct bytes	       note; /* the whole signed note; empty when only parsed */
	const char	      *name; /* `id:` */
	unsigned	       version;
	bool		       live;   /* environment: live, else test */
	const char	      *sample; /* `sample:` text, or NULL */
	bool		       has_lang[2], authentic[2];
	struct texts	       title;
	int32_t		       from_day, until_day; /* days since 1970, UTC; until_day INT32_MAX when open */
	struct agreement_party party[2];
	struct public_key      signer[2]; /* the root key that signed for each party; zero when only parsed */
	unsigned	       npurposes;
	struct purpose	      *purpose;
	unsigned	       nclauses;
	struct clause	      *clause; /* ascending by number */
};

/* Parses a text (no signatures). On failure *out is NULL and *fault says where and what helps. */
enum err agreement_parse(struct bytes text, struct agreement **out, struct fault *fault) must_use;

/*
 * A note signed by exactly one root of each party and nobody else. Signature lines
 * are checked first, then the text is parsed, and the keys that signed must be the
 * roots that the text names. Because keys stand inside the text, a candidate list of
 * root keys from party cards is given: `roots` of `n` keys, each with its party's name.
 */
struct root_key {
	const char	 *party;
	struct public_key key;
};
enum err agreement_open(struct bytes wire, const struct root_key *roots, size_t n, struct agreement **out, struct fault *fault) must_use;

/*
 * For a verifier who has no cards: takes the candidate keys from a pre-scan of the
 * text's `keys:` lines (plain text search, no YAML), verifies both signatures with
 * them, then parses. Whose keys they are is for the reader to compare on paper.
 */
enum err agreement_open_unpinned(struct bytes wire, struct agreement **out, struct fault *fault) must_use;

void agreement_free(struct agreement *a); /* accepts NULL */

const struct clause  *agreement_clause(const struct agreement *a, uint16_t number);
const struct clause  *agreement_clause_named(const struct agreement *a, struct bytes channel_and_name); /* "customs/declaration-status" */
const struct purpose *agreement_purpose(const struct agreement *a, const char *name);
int		      agreement_party(const struct agreement *a, struct bytes name); /* 0, 1 or -1 */

/* Signs: writes the signature line of `party` by `key` (one of its roots in the text) to `b`. ERR_KEY otherwise. */
enum err agreement_sign(const struct agreement *a, unsigned party, const struct sign_key *key, struct builder *b) must_use;

/* The clause as plain sentences in one language (page of the lawyer); ends in LF. */
enum err agreement_show(const struct agreement *a, const struct clause *c, enum lang lang, struct buffer *out) must_use;

/* Runs every example and must-refuse case through decide(); the first that comes out otherwise fills fault. `*run` counts them. */
enum err agreement_examples(const struct agreement *a, unsigned *run, struct fault *fault) must_use;

#endif
