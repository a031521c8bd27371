/*
 * log.h: what the rooms of `mithaq log` share, and nobody else includes.
 *
 *   log.c          the command's words; show
 *   log_scrub.c    what can be said of an entry by itself, on several threads (struct scrub)
 *   log_check.c    the walk along each log in order: tree, heads, counts, epochs (struct checking)
 *   log_progress.c the file `scrub` in the data folder, from which an interrupted scrub goes on
 *   log_verify.c   `log verify`: tells what the walk finds
 *   log_export.c   `log export`: what this side holds of a channel, as frames of the wire
 *   log_offer.c    reading such files
 *   log_mend.c     what a damaged row should be, and putting it there
 *   log_repair.c   `log repair`: decides whether what was put is committed
 */
#ifndef MITHAQ_CLI_LOG_H
#define MITHAQ_CLI_LOG_H

#include "cli/home.h"
#include "store/store.h"
#include "wire/entry.h"

#define LOG_ROWS_MOST 16384

/* Opens the ledger of this home; has complained unless EXIT_DONE. */
int log_ledger_open(struct cli *cli, const struct config *config, enum store_mode mode, struct store **out);

/* The words behind `log`, the options taken out by each of them. */
int log_show(struct cli *cli, int argc, char **argv);
int log_verify(struct cli *cli, int argc, char **argv);
int log_export(struct cli *cli, int argc, char **argv);
int log_repair(struct cli *cli, int argc, char **argv);

/* ---- what may be found ---- */

#define DAMAGE_TABLE(X)                                                                                                                              \
	X(UNREADABLE, "this row of the ledger cannot be read", "تعذرت قراءة هذا الصف من السجل")                                                      \
	X(MISSING, "the entry is missing", "القيد مفقود")                                                                                            \
	X(STRAY, "an entry stands beyond the end of its log", "قيد يقع بعد نهاية سجله")                                                              \
	X(FORM, "the entry's form is not one of full, purged, bare", "صيغة القيد ليست من الصيغ الثلاث")                                              \
	X(COMMITMENT, "header and salt do not match the entry's commitment", "الرأس والملح لا يطابقان ما التزم به القيد")                            \
	X(HEADER, "the header cannot be read", "تعذرت قراءة رأس القيد")                                                                              \
	X(INDEX, "the header names another place", "رأس القيد يذكر موضعًا آخر")                                                                       \
	X(BODY, "the stored parts cannot be read", "تعذرت قراءة أجزاء القيد")                                                                        \
	X(PART, "a part does not match its commitment", "أحد الأجزاء لا يطابق ما التُزم به")                                                          \
	X(WITHHELD, "a withheld part does not match its commitment", "أحد الأجزاء المحجوبة لا يطابق ما التُزم به")                                    \
	X(ASEQ, "the numbering under its agreement has a gap", "في ترقيم القيود بموجب الاتفاق فجوة")                                                 \
	X(GENESIS, "a log begins with GENESIS, and only there", "يبدأ السجل بقيد GENESIS ولا يرد في غير أوله")                                       \
	X(CHAIN, "GENESIS does not name the epoch before it as it is held here", "لا يذكر قيد GENESIS الحقبة السابقة كما هي محفوظة هنا")             \
	X(TALLY, "TALLY counts other entries than are here", "عدد القيود في TALLY يخالف الموجود هنا")                                                \
	X(CHECKPOINT_ROOT, "the checkpoint's root is not that of the entries", "جذر نقطة التحقق ليس جذر القيود")                                     \
	X(CHECKPOINT_SIGNATURE, "the checkpoint's signature does not verify by the log key on the card",                                             \
	  "توقيع نقطة التحقق لا يصح بمفتاح السجل الوارد في البطاقة")                                                                                 \
	X(RECEIPT_ROOT, "the receipt's root is not that of the entries", "جذر الإيصال ليس جذر القيود")                                               \
	X(RECEIPT_SIGNATURE, "the receipt's signature does not verify by the receipt key on the card",                                               \
	  "توقيع الإيصال لا يصح بمفتاح الإيصالات الوارد في البطاقة")                                                                                 \
	X(BEYOND, "it covers entries that are not here", "يغطي قيودًا ليست هنا")                                                                      \
	X(FRONTIER, "the frontier remembered is not that of the entries", "الحد المحفوظ ليس حد القيود")                                              \
	X(TALLY_ROW, "the counts remembered are not those of the entries", "الأعداد المحفوظة ليست أعداد القيود")                                     \
	X(RECEIPT_FRONTIER, "the frontier of the last receipt is not that of the entries", "حد آخر إيصال ليس حد القيود")                             \
	X(SUMS, "what was added up of exchanges and heads is not what is here", "ما جُمع من التبادلات والرؤوس الموقعة يخالف الموجود هنا")             \
	X(KEY, "no card here has the key of this log", "لا توجد هنا بطاقة فيها مفتاح هذا السجل")                                                     \
	X(QUESTION, "the exchange does not match the entry of its question", "التبادل لا يطابق قيد السؤال")                                          \
	X(ANSWER, "the exchange does not match the entry of its answer", "التبادل لا يطابق قيد الجواب")                                              \
	/* From here on notices: worth telling, and no damage. */                                                                                    \
	X(WITHHELD_GONE, "a withheld part of this entry is kept by nobody any more", "جزء محجوب من هذا القيد لم يعد محفوظًا عند أحد")                 \
	X(FETCH, "entries up to what a later epoch names are to be fetched from the partner",                                                        \
	  "قيود حتى الحد الذي تذكره حقبة لاحقة يلزم جلبها من الشريك")

enum damage {
#define DAMAGE_ENUM(name, en, ar) DAMAGE_##name,
	DAMAGE_TABLE(DAMAGE_ENUM)
#undef DAMAGE_ENUM
};

const char	  *damage_name(enum damage what);
const char	  *damage_text(enum damage what, enum lang lang);
static inline bool damage_is_notice(enum damage what)
{
	return what == DAMAGE_WITHHELD_GONE || what == DAMAGE_FETCH;
}

#define LOG_PLACE_TEXT 512
struct found;
/* Where something was found, in the person's language. */
void log_place(const struct cli *cli, const struct found *f, char out[LOG_PLACE_TEXT]);

/* ---- log_scrub.c: everything that needs no neighbour ---- */

#define SCRUB_BLOCK	 1024		   /* entries read and handed over at a time */
#define SCRUB_FOUND_MOST (2 * SCRUB_BLOCK) /* of a block; damage beyond it is counted with the rest */
#define SCRUB_NO_PART	 -1

/* A stretch of a log that is to be checked. */
struct scrub_log {
	int64_t	     id;
	bool	     own;
	uint64_t     from, to;
	struct epoch epoch;
	char	     origin[ORIGIN_MOST];
	/* Every key that the author, or the reader, ever had for it; none: nothing is said of signatures. */
	unsigned		 nlog_keys, nreceipt_keys;
	const struct public_key *log_key[KEYRING_KEYS_MOST], *receipt_key[KEYRING_KEYS_MOST];
};

/* What the walk in order needs of an entry. */
struct scrubbed {
	struct hash leaf, agreement;
	uint64_t    aseq;
	uint8_t	    mid[MID_SIZE];
	uint16_t    clause;
	uint8_t	    kind, form;
	bool	    leaf_known;	  /* there is a row, and its commitment can be read */
	bool	    header_known; /* it is what was committed to, and reads */
	bool	    damaged;
};

struct scrub_found {
	enum damage what;
	uint64_t    index;
	int	    part; /* SCRUB_NO_PART: the entry */
};

/* One signed head: what is stored, and whether its signatures verify over what is stored. */
struct scrubbed_head {
	struct head_row head;
	bool		checkpoint_verifies, receipt_verifies;
};

struct scrubbed_exchange {
	struct exchange_row row;
	bool		    question_matches, answer_matches;
};

struct scrub_block {
	size_t			 log; /* place in the table given to scrub_begin */
	uint64_t		 from;
	unsigned		 n, nfound, nheads, nexchanges;
	char			 why[160]; /* a head or an exchange that cannot be read; empty: all can */
	struct scrubbed		 at[SCRUB_BLOCK];
	struct scrub_found	 found[SCRUB_FOUND_MOST];
	struct scrubbed_head	 head[SCRUB_BLOCK];	/* of from < size <= from + n */
	struct scrubbed_exchange exchange[SCRUB_BLOCK]; /* whose questions stand in this block */
};

struct scrub;

/*
 * Threads that check the blocks of all logs, each reading with a store of its own from
 * `path`; or, when `store` is given, nobody but the caller in scrub_next, who may see there
 * what is not committed yet. `logs` is not copied and must not move.
 */
enum err scrub_begin(const char *path, struct store *store, const struct scrub_log *logs, size_t n, struct scrub **out, struct fault *fault) must_use;
/* The next block, log by log and in order; NULL at the end. It lives until the next call. */
const struct scrub_block *scrub_next(struct scrub *s);
void			  scrub_end(struct scrub *s); /* waits for the threads; accepts NULL */

/* False when the exchange says other than its question or its answer; for exchanges that belong to no block. */
void scrub_exchange(struct store *s, const struct scrub_log *logs, size_t n, const struct exchange_row *x, struct scrubbed_exchange *out);

/* ---- log_check.c: the walk ---- */

/* How far a walk came, and what it knew there. */
struct mark {
	uint64_t	size;
	struct frontier frontier;
	struct tally	tally;
	uint64_t	aseq[TALLY_ROWS_MOST]; /* expected next, by row of tally */
	bool		bare;		       /* one was met whose header is not known: neither is what it counted */
};

struct held_log {
	struct log_row	row;	  /* its names alone when it is not readable */
	bool		readable; /* else `why` says what is not */
	char		why[160];
	uint64_t	extent; /* one more than the largest index that has a row */
	bool		walked, damaged;
	bool		entry_damaged;		  /* and the first such: behind it no signed head can be compared */
	uint64_t	first_damaged, unvouched; /* heads behind it */
	bool		leaves_known;		  /* every entry's; else the frontier stops at the first that is not */
	struct mark	end;			  /* recomputed */
	struct frontier receipt_frontier;	  /* recomputed, at the largest receipt */
	uint64_t	queries, asked;		  /* QUERY entries; exchanges asked in this log */
	uint64_t	confirmed;		  /* the largest size whose root a verified signature confirms */
};

enum place_kind { PLACE_WORDS, PLACE_LOG, PLACE_ENTRY, PLACE_PART, PLACE_CHECKPOINT, PLACE_RECEIPT, PLACE_ROW, PLACE_EXCHANGE };

/* One thing found. Lives as long as the call that tells it. */
struct found {
	enum damage	 what;
	enum place_kind	 kind;
	struct held_log *log;	 /* or NULL */
	const char	*origin; /* of it */
	uint64_t	 number; /* index, size, row id; of an exchange the index of its question */
	int		 part;
	const char	*words; /* PLACE_WORDS */
	const uint8_t	*mid;	/* PLACE_EXCHANGE */
};

struct checking {
	/* Given. The callbacks but `tell` may be NULL. */
	struct store	    *s;
	const char	    *path; /* of the ledger, for threads; NULL: `s` alone is read, which may have a turn open */
	const struct papers *papers;
	const char	    *self, *partner, *channel; /* partner, channel NULL: all */
	int64_t		     only;		       /* the id of the one log to walk; 0: all */
	void (*tell)(void *arg, const struct found *found);
	void (*step)(void *arg);								    /* after each block */
	void (*marked)(void *arg, const struct scrub_log *log, const struct mark *mark, bool last); /* at a head that verified; the log's last one? */
	bool (*resume)(void *arg, const struct scrub_log *log, struct mark *out);		    /* where another walk came to */
	void *arg;

	/* Told. */
	uint64_t	  entries, entries_all, resumed, heads, exchanges, damages, notices;
	struct held_log	 *log;
	struct scrub_log *stretch; /* of each log */
	size_t		  n, room;

	/* The log being walked. */
	size_t	    now;
	struct mark at;
	bool	    leaf_damaged, root_told;
	enum err    err;
};

/* Reads the logs and walks them. Damage is told, not returned: an error here is one of memory or of opening the ledger. */
enum err check_all(struct checking *c, struct fault *fault) must_use;
void	 check_done(struct checking *c);
/* Does a signature of the stored head verify? */
bool head_verifies(const struct scrub_log *log, const struct head_row *head);

/* ---- log_progress.c ---- */

struct progress_file;

/* Reads what an interrupted scrub left; `from_start` ignores it. Never fails: without memory or a file there is no progress. */
struct progress_file *progress_open(const char *path, bool from_start);
/* Fills `mark` when the file has one of this origin. */
bool	    progress_find(const struct progress_file *p, const char *origin, struct mark *mark);
const char *progress_when(const struct progress_file *p); /* when it was written; NULL: there was none */
void	    progress_put(struct progress_file *p, const char *origin, const struct mark *mark);
void	    progress_save(struct progress_file *p);
void	    progress_finish(struct progress_file *p); /* removes the file */
void	    progress_close(struct progress_file *p);  /* accepts NULL */

/* ---- log_offer.c: rows and heads that a partner's files offer ---- */

#define OFFER_FILES_MOST 64
#define OFFER_MEMORY	 (1u << 30)

struct frame;
typedef enum err offer_frame_fn(void *arg, const struct frame *f);
/* Every whole frame of a file; `*at` is how far it was read. ERR_SHORT: it ends inside of a frame. */
enum err offer_frames(struct bytes file, offer_frame_fn *each, void *arg, size_t *at) must_use;

struct offered_row {
	const char	*file;
	int64_t		 log;
	struct entry_row row;
};
struct offered_head {
	int64_t		       log;
	struct checkpoint_head head;
};

/* Owns the files' bytes, which its rows are views of. `wanted` and `arena` are set by the caller. */
struct offers {
	bool (*wanted)(void *arg, int64_t log, uint64_t index);
	void		    *arg;
	struct arena	     arena;
	struct offered_row  *row;
	struct offered_head *head;
	size_t		     nrows, rows_room, nheads, heads_room, nfiles;
	struct buffer	     file[OFFER_FILES_MOST];
};

/* Takes one file in, as a whole; has complained, naming it, when it takes nothing. `path` must live as long as the offers. */
int  offers_read(struct cli *cli, struct offers *o, const char *path, const struct scrub_log *logs, size_t nlogs);
void offers_done(struct offers *o);

#endif
