/*
 * log.c: `mithaq log show` lists entries, never their content; `mithaq log verify`
 * recomputes everything the ledger claims, with the keys on the parties' cards.
 *
 * Verified, per log: every header and part against its commitment, every leaf and
 * root, every checkpoint's and receipt's signature, GENESIS against the epoch it
 * names, the numbering per agreement, every TALLY, and what the log's row remembers;
 * then every exchange against its two entries.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include <jansson.h>

#include "cli/home.h"
#include "store/store.h"
#include "wire/entry.h"

#define LOG_ROWS_MOST  16384
#define DAMAGE_MOST    100 /* told one by one; beyond it only counted */
#define DAMAGE_TEXT    512
#define PROGRESS_EVERY 2048 /* entries between two movements of the bar */
#define PROGRESS_CELLS 40
#define ENTRY_MEMORY   (1u << 17)

/* ---- the logs of a ledger ---- */

struct rows {
	struct log_row *at;
	size_t		n, room;
	const char     *partner, *channel;
	enum err	err;
};

static bool rows_add(void *arg, const struct log_row *row)
{
	struct rows *rows = arg;

	if (rows->n == LOG_ROWS_MOST) {
		rows->err = ERR_TOO_LONG;
		return false;
	}
	if (rows->n == rows->room) {
		size_t		room = rows->room == 0 ? 16 : 2 * rows->room;
		struct log_row *at = reallocarray(rows->at, room, sizeof *at);
		if (at == NULL) {
			rows->err = ERR_MEMORY;
			return false;
		}
		rows->at = at;
		rows->room = room;
	}
	rows->at[rows->n++] = *row;
	return true;
}

static enum err rows_read(struct store *s, struct rows *rows)
{
	enum err e = store_logs(s, rows->partner, rows->channel, rows_add, rows);

	return e == ERR_OK ? rows->err : e;
}

static int ledger_open(struct cli *cli, const struct config *config, struct store **out)
{
	char	     path[CONFIG_PATH_MOST];
	struct fault fault = {0};
	int	     code = EXIT_DONE;

	if (config_data_path(config, "ledger.db", path) != ERR_OK)
		return cli_err(cli, ERR_TOO_LONG, config->data, NULL);
	if (store_open(path, STORE_READ, out, &fault) != ERR_OK) {
		code = cli_fault(cli, &fault, "ledger");
		return code == EXIT_DONE ? EXIT_INTERNAL : code;
	}
	return EXIT_DONE;
}

/* ---- show ---- */

struct showing {
	struct cli	     *cli;
	const struct log_row *row;
	char		      origin[ORIGIN_MOST];
	bool		      first;
};

struct shown_entry {
	uint64_t    index;
	const char *kind, *status, *form;
	char	    time[25], leaf[17];
	unsigned    clause;
};

static const char *form_name(uint8_t form)
{
	static const char *const names[] = {"full", "purged", "bare"};

	return form < COUNT_OF(names) ? names[form] : "unknown";
}

/* A bare entry has no header any more: only its number and its leaf. */
static void entry_describe(const struct entry_row *row, struct shown_entry *out)
{
	struct header h;
	struct hash   leaf = entry_leaf(&row->commitment);

	*out = (struct shown_entry){.index = row->index, .kind = "-", .status = "", .form = form_name(row->form)};
	hex_write(leaf.b, 8, out->leaf);
	if (row->form == FORM_BARE || header_read(row->header, &h) != ERR_OK)
		return;
	out->kind = kind_name(h.kind);
	out->status = h.kind == KIND_REPLY ? status_name(h.status) : "";
	out->clause = h.clause;
	time_write(h.time_ms, out->time);
}

static void show_plain(struct showing *s, const struct shown_entry *e)
{
	char clause[16] = "";

	if (e->clause != 0)
		snprintf(clause, sizeof clause, "%u", e->clause);
	fprintf(s->cli->out, "%8" PRIu64 "  %-9s  %-24s  %5s  %-11s  %s..  %s\n", e->index, e->kind, e->time, clause, e->status, e->leaf, e->form);
}

static void show_json(struct showing *s, const struct shown_entry *e)
{
	json_t *o = json_pack("{s:s, s:I, s:s, s:s, s:i, s:s, s:s, s:s}", "origin", s->origin, "index", (json_int_t)e->index, "kind", e->kind, "time",
			      e->time, "clause", (int)e->clause, "status", e->status, "leaf", e->leaf, "form", e->form);

	fputs(s->first ? "\n" : ",\n", s->cli->out);
	if (o != NULL)
		json_dumpf(o, s->cli->out, JSON_COMPACT);
	json_decref(o);
	s->first = false;
}

static bool show_entry(void *arg, const struct entry_row *row)
{
	struct showing	  *s = arg;
	struct shown_entry e;

	entry_describe(row, &e);
	if (s->cli->json)
		show_json(s, &e);
	else
		show_plain(s, &e);
	return true;
}

static void show_log_head(struct showing *s)
{
	if (s->cli->json)
		return;
	fprintf(s->cli->out, "%s\n", s->origin);
	fprintf(s->cli->out, "  %s %" PRIu64 "%s %" PRIu64 "%s %" PRIu64 "\n", cli_text(s->cli, "entries", "القيود"), s->row->frontier.size,
		cli_text(s->cli, ", under checkpoints", "، تحت نقاط تحقق"), s->row->checkpoint.size, cli_text(s->cli, ", receipted", "، بإيصال"),
		s->row->receipt.size);
}

static int show_logs(struct cli *cli, const char *self, struct store *s, const struct rows *rows)
{
	struct showing showing = {.cli = cli, .first = true};
	enum err       e = ERR_OK;

	fputs(cli->json ? "[" : "", cli->out);
	for (size_t i = 0; i < rows->n && e == ERR_OK; i++) {
		showing.row = &rows->at[i];
		e = store_log_origin(self, showing.row, showing.origin);
		if (e != ERR_OK)
			break;
		show_log_head(&showing);
		e = store_entries(s, rows->at[i].id, 0, INT64_MAX, show_entry, &showing);
	}
	fputs(cli->json ? "\n]\n" : "", cli->out);
	return e == ERR_OK ? EXIT_DONE
			   : cli_err(cli, e, store_fault(s)->at, cli_text(cli, "`mithaq log verify` says more", "يفصّل ذلك «mithaq log verify»"));
}

/* ---- what verification may find ---- */

#define DAMAGE_TABLE(X)                                                                                                                              \
	X(UNREADABLE, "this row of the ledger cannot be read", "تعذرت قراءة هذا الصف من السجل")                                                      \
	X(MISSING, "the entry is missing", "القيد مفقود")                                                                                            \
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
	X(ANSWER, "the exchange does not match the entry of its answer", "التبادل لا يطابق قيد الجواب")

enum damage {
#define DAMAGE_ENUM(name, en, ar) DAMAGE_##name,
	DAMAGE_TABLE(DAMAGE_ENUM)
#undef DAMAGE_ENUM
};

static const struct damage_row {
	const char *name, *text[2];
} damages[] = {
#define DAMAGE_ROW(name, en, ar) {#name, {en, ar}},
	DAMAGE_TABLE(DAMAGE_ROW)
#undef DAMAGE_ROW
};

struct verifying {
	struct cli	    *cli;
	struct store	    *s;
	const struct papers *papers;
	const char	    *self;
	struct rows	     rows;
	uint64_t	     entries, entries_all, found, heads, exchanges;
	json_t		    *json; /* list of damages */
	bool		     bar;

	/* the log being walked */
	const struct log_row	*row;
	char			 origin[ORIGIN_MOST];
	const struct public_key *log_key, *receipt_key;
	struct frontier		 frontier;
	struct tally		 tally;
	uint64_t		 aseq[TALLY_ROWS_MOST]; /* expected next, by row of tally */
	bool			 bare;			/* one was met: what it counted is not known */
	struct checkpoint_head	 checkpoint;		/* the next to compare; size 0: none left */
	struct receipt_head	 receipt;
};

static void damage(struct verifying *v, enum damage what, const char *where)
{
	if (v->found++ >= DAMAGE_MOST)
		return;
	if (v->cli->json) {
		json_array_append_new(v->json, json_pack("{s:s, s:s, s:s}", "where", where, "code", damages[what].name, "what",
							 damages[what].text[v->cli->lang]));
		return;
	}
	if (v->bar)
		fputs("\r\033[K", v->cli->complain);
	fprintf(v->cli->complain, "mithaq: %s: %s\n", where, damages[what].text[v->cli->lang]);
}

/* For people in their language; for machines as it is. */
static const char *kind_word(const struct verifying *v, const char *kind)
{
	static const struct {
		const char *en, *ar;
	} words[] = {{"entry", "القيد"}, {"part", "الجزء"}, {"checkpoint", "نقطة التحقق"}, {"receipt", "الإيصال"}, {"log row", "صف السجل"}};

	for (size_t i = 0; i < COUNT_OF(words) && !v->cli->json; i++)
		if (strcmp(words[i].en, kind) == 0)
			return cli_text(v->cli, words[i].en, words[i].ar);
	return kind;
}

static void damage_at(struct verifying *v, enum damage what, const char *kind, uint64_t number)
{
	char where[DAMAGE_TEXT];

	snprintf(where, sizeof where, "%s, %s %" PRIu64, v->origin, kind_word(v, kind), number);
	damage(v, what, where);
}

static void damage_part(struct verifying *v, enum damage what, uint64_t index, unsigned part)
{
	char where[DAMAGE_TEXT];

	snprintf(where, sizeof where, "%s, %s %" PRIu64 ", %s %u", v->origin, kind_word(v, "entry"), index, kind_word(v, "part"), part);
	damage(v, what, where);
}

/* ---- one entry ---- */

static void verify_parts(struct verifying *v, const struct entry_row *row, const struct header *h)
{
	static const struct entry none;
	struct entry		  entry = none;

	entry.header = *h;
	if (entry_body_read(row->body, &entry) != ERR_OK) {
		damage_at(v, DAMAGE_BODY, "entry", row->index);
		return;
	}
	for (unsigned i = 0; i < h->nparts; i++) {
		if (h->part[i].placement != PLACED_INLINE)
			continue;
		struct hash c = part_commit(&entry.part[i].salt, entry.part[i].body);
		if (!hash_equal(&c, &h->part[i].commitment))
			damage_part(v, DAMAGE_PART, row->index, i);
	}
}

/* Own entries keep what is not inline (store/store.h); of an attached part only the salt stands here, its bytes are had elsewhere. */
static void verify_withheld(struct verifying *v, const struct entry_row *row, const struct header *h)
{
	struct cursor c = cursor_on(row->withheld);

	for (unsigned i = 0; i < h->nparts; i++) {
		struct salt salt;
		if (h->part[i].placement == PLACED_INLINE)
			continue;
		cursor_copy(&c, salt.b, sizeof salt.b);
		struct bytes body = cursor_take16(&c, INLINE_MOST);
		if (h->part[i].placement == PLACED_ATTACHED && cursor_err(&c) == ERR_OK && body.n == 0)
			continue;
		struct hash commitment = part_commit(&salt, body);
		if (cursor_err(&c) != ERR_OK || !hash_equal(&commitment, &h->part[i].commitment)) {
			damage_part(v, DAMAGE_WITHHELD, row->index, i);
			return;
		}
	}
	if (cursor_end(&c) != ERR_OK)
		damage_at(v, DAMAGE_WITHHELD, "entry", row->index);
}

static unsigned tally_place(struct verifying *v, const struct hash *agreement)
{
	unsigned i = 0;

	while (i < v->tally.n && !hash_equal(&v->tally.row[i].agreement, agreement))
		i++;
	if (i == v->tally.n && i < TALLY_ROWS_MOST) {
		v->tally.n++;
		v->tally.row[i] = (struct tally_row){.agreement = *agreement};
		v->aseq[i] = 0;
	}
	return i;
}

static void verify_aseq(struct verifying *v, const struct header *h)
{
	unsigned i = tally_place(v, &h->agreement);

	if (i == TALLY_ROWS_MOST) {
		damage_at(v, DAMAGE_ASEQ, "entry", h->index);
		return;
	}
	if (h->aseq != v->aseq[i] && !(v->bare && h->aseq > v->aseq[i]))
		damage_at(v, DAMAGE_ASEQ, "entry", h->index);
	v->aseq[i] = h->aseq + 1;
	v->tally.row[i].count++;
	v->tally.row[i].last = h->index;
}

/* Rows of a TALLY ascend by agreement, ours stand in order of appearance. */
static bool tally_same(const struct tally *counted, const struct tally *said)
{
	if (counted->n != said->n)
		return false;
	for (unsigned i = 0; i < said->n; i++) {
		unsigned k = 0;
		while (k < counted->n && !hash_equal(&counted->row[k].agreement, &said->row[i].agreement))
			k++;
		if (k == counted->n || counted->row[k].count != said->row[i].count || counted->row[k].last != said->row[i].last)
			return false;
	}
	return true;
}

/* The log's count of another epoch of the same author, which was compared with its entries when that epoch was walked. */
static const struct tally *tally_of(const struct verifying *v, const uint8_t epoch[EPOCH_SIZE])
{
	if (memcmp(epoch, v->row->epoch.b, EPOCH_SIZE) == 0)
		return &v->tally;
	for (size_t i = 0; i < v->rows.n; i++)
		if (v->rows.at[i].own == v->row->own && memcmp(epoch, v->rows.at[i].epoch.b, EPOCH_SIZE) == 0)
			return &v->rows.at[i].tally;
	return NULL;
}

/* A TALLY counts the epoch it stands in, or, behind GENESIS, the one before (spec/rules.md). */
static void verify_tally(struct verifying *v, const struct header *h)
{
	const struct attr  *a = header_attr(h, ATTR_TALLY);
	const struct tally *counted;
	struct tally	    said;

	if (a == NULL || tally_read(a->value, &said) != ERR_OK) {
		damage_at(v, DAMAGE_TALLY, "entry", h->index);
		return;
	}
	counted = tally_of(v, said.epoch);
	if (counted == &v->tally && v->bare)
		return;
	if (counted == NULL || !tally_same(counted, &said))
		damage_at(v, DAMAGE_TALLY, "entry", h->index);
}

/* ---- GENESIS: the epoch it names must be held here to that size, with that root ---- */

static bool same_direction(const struct log_row *a, const struct log_row *b)
{
	return a->own == b->own && strcmp(a->partner, b->partner) == 0 && strcmp(a->channel, b->channel) == 0;
}

static const struct log_row *log_before(const struct verifying *v)
{
	const struct log_row *before = NULL;

	for (size_t i = 0; i < v->rows.n && v->rows.at[i].id < v->row->id; i++)
		if (same_direction(&v->rows.at[i], v->row))
			before = &v->rows.at[i];
	return before;
}

/* ENTRIES is taken while this log is walked, so the older epoch's leaves are read in blocks. */
static bool root_is(struct verifying *v, const struct log_row *log, uint64_t size, const struct hash *root)
{
	struct hash	leaves[256];
	struct frontier f;

	frontier_init(&f);
	while (f.size < size) {
		uint64_t n = size - f.size < COUNT_OF(leaves) ? size - f.size : COUNT_OF(leaves);
		if (store_leaves(v->s, log->id, f.size, f.size + n, leaves) != ERR_OK)
			return false;
		for (uint64_t i = 0; i < n; i++)
			frontier_add(&f, &leaves[i]);
	}
	struct hash computed = frontier_root(&f);
	return hash_equal(&computed, root);
}

static bool chain_holds(struct verifying *v, const struct previous *p)
{
	const struct log_row *before = log_before(v);

	if (p->cause == CAUSE_FIRST)
		return before == NULL;
	return before != NULL && memcmp(before->epoch.b, p->epoch, EPOCH_SIZE) == 0 && root_is(v, before, p->size, &p->root);
}

static void verify_genesis(struct verifying *v, const struct header *h)
{
	const struct attr *a = header_attr(h, ATTR_PREVIOUS);
	struct previous	   p;

	if (a == NULL || previous_read(a->value, &p) != ERR_OK || !chain_holds(v, &p))
		damage_at(v, DAMAGE_CHAIN, "entry", h->index);
}

static void verify_header(struct verifying *v, const struct entry_row *row)
{
	struct hash   commitment = header_commit(&row->salt, row->header);
	struct header h;

	if (!hash_equal(&commitment, &row->commitment)) {
		damage_at(v, DAMAGE_COMMITMENT, "entry", row->index);
		return;
	}
	if (header_read(row->header, &h) != ERR_OK) {
		damage_at(v, DAMAGE_HEADER, "entry", row->index);
		return;
	}
	if (h.index != row->index)
		damage_at(v, DAMAGE_INDEX, "entry", row->index);
	if ((h.kind == KIND_GENESIS) != (row->index == 0))
		damage_at(v, DAMAGE_GENESIS, "entry", row->index);
	else if (h.kind == KIND_GENESIS)
		verify_genesis(v, &h);
	if (h.kind == KIND_TALLY)
		verify_tally(v, &h);
	if (!KIND_IS_CONTROL(h.kind))
		verify_aseq(v, &h);
	if (row->form == FORM_FULL)
		verify_parts(v, row, &h);
	if (row->form == FORM_FULL && v->row->own)
		verify_withheld(v, row, &h);
}

/* ---- heads ---- */

static void checkpoint_next(struct verifying *v)
{
	enum err e = store_checkpoint_covering(v->s, v->row->id, v->checkpoint.size, &v->checkpoint);

	if (e == ERR_STORE)
		damage_at(v, DAMAGE_UNREADABLE, "checkpoint", v->checkpoint.size + 1);
	if (e != ERR_OK)
		v->checkpoint.size = 0;
}

static void receipt_next(struct verifying *v)
{
	enum err e = store_receipt_covering(v->s, v->row->id, v->receipt.size, &v->receipt);

	if (e == ERR_STORE)
		damage_at(v, DAMAGE_UNREADABLE, "receipt", v->receipt.size + 1);
	if (e != ERR_OK)
		v->receipt.size = 0;
}

static void head_fill(const struct verifying *v, struct checkpoint *out)
{
	memcpy(out->origin, v->origin, sizeof out->origin);
	out->size = v->frontier.size;
	out->root = frontier_root(&v->frontier);
}

static void verify_checkpoint(struct verifying *v, const struct checkpoint *c)
{
	v->heads++;
	if (!hash_equal(&c->root, &v->checkpoint.root))
		damage_at(v, DAMAGE_CHECKPOINT_ROOT, "checkpoint", c->size);
	else if (v->log_key != NULL && checkpoint_verify(v->log_key, c, &v->checkpoint.sig) != ERR_OK)
		damage_at(v, DAMAGE_CHECKPOINT_SIGNATURE, "checkpoint", c->size);
	checkpoint_next(v);
}

static bool frontier_same(const struct frontier *a, const struct frontier *b)
{
	struct hash x = frontier_root(a), y = frontier_root(b);

	return a->size == b->size && hash_equal(&x, &y);
}

static void verify_receipt(struct verifying *v, const struct checkpoint *c)
{
	v->heads++;
	if (!hash_equal(&c->root, &v->receipt.root))
		damage_at(v, DAMAGE_RECEIPT_ROOT, "receipt", c->size);
	else if (v->receipt_key != NULL && receipt_verify(v->receipt_key, c, v->receipt.time_s, &v->receipt.sig) != ERR_OK)
		damage_at(v, DAMAGE_RECEIPT_SIGNATURE, "receipt", c->size);
	if (!v->row->own && c->size == v->row->receipt.size && !frontier_same(&v->frontier, &v->row->receipt_frontier))
		damage_at(v, DAMAGE_RECEIPT_FRONTIER, "log row", (uint64_t)v->row->id);
	receipt_next(v);
}

static void verify_heads(struct verifying *v)
{
	struct checkpoint c;

	if (v->frontier.size != v->checkpoint.size && v->frontier.size != v->receipt.size)
		return;
	head_fill(v, &c);
	if (c.size == v->checkpoint.size)
		verify_checkpoint(v, &c);
	if (c.size == v->receipt.size)
		verify_receipt(v, &c);
}

/* ---- progress ---- */

static void progress(struct verifying *v)
{
	uint64_t done = v->entries_all == 0 ? PROGRESS_CELLS : v->entries * PROGRESS_CELLS / v->entries_all;
	char	 cells[PROGRESS_CELLS + 1];

	if (!v->bar || v->entries % PROGRESS_EVERY != 0)
		return;
	for (uint64_t i = 0; i < PROGRESS_CELLS; i++)
		cells[i] = i < done ? '#' : '.';
	cells[PROGRESS_CELLS] = '\0';
	fprintf(v->cli->complain, "\r[%s] %" PRIu64 " / %" PRIu64, cells, v->entries, v->entries_all);
	fflush(v->cli->complain);
}

/* ---- one log ---- */

static bool verify_entry(void *arg, const struct entry_row *row)
{
	struct verifying *v = arg;
	struct hash	  leaf = entry_leaf(&row->commitment);

	if (row->index != v->frontier.size) {
		damage_at(v, DAMAGE_MISSING, "entry", v->frontier.size);
		return false;
	}
	if (row->form > FORM_BARE)
		damage_at(v, DAMAGE_FORM, "entry", row->index);
	else if (row->form == FORM_BARE)
		v->bare = true;
	else
		verify_header(v, row);
	frontier_add(&v->frontier, &leaf);
	verify_heads(v);
	v->entries++;
	progress(v);
	return true;
}

static void keys_find(struct verifying *v)
{
	const struct card *author = papers_card(v->papers, v->row->own ? v->self : v->row->partner);
	const struct card *reader = papers_card(v->papers, v->row->own ? v->row->partner : v->self);

	v->log_key = author == NULL ? NULL : card_log_key(author, v->row->channel);
	v->receipt_key = reader == NULL ? NULL : card_receipt_key(reader, v->row->channel);
	if (v->log_key == NULL || v->receipt_key == NULL)
		damage(v, DAMAGE_KEY, v->origin);
}

static void verify_row(struct verifying *v)
{
	if (v->checkpoint.size > v->frontier.size)
		damage_at(v, DAMAGE_BEYOND, "checkpoint", v->checkpoint.size);
	if (v->receipt.size > v->frontier.size)
		damage_at(v, DAMAGE_BEYOND, "receipt", v->receipt.size);
	if (!frontier_same(&v->frontier, &v->row->frontier))
		damage_at(v, DAMAGE_FRONTIER, "log row", (uint64_t)v->row->id);
	if (!v->bare && !tally_same(&v->tally, &v->row->tally))
		damage_at(v, DAMAGE_TALLY_ROW, "log row", (uint64_t)v->row->id);
}

static void verify_sums(struct verifying *v)
{
	bool same = true;

	if (store_sums_check(v->s, v->row->id, &same) != ERR_OK)
		damage(v, DAMAGE_UNREADABLE, store_fault(v->s)->at);
	else if (!same)
		damage_at(v, DAMAGE_SUMS, "log row", (uint64_t)v->row->id);
}

static void verify_log(struct verifying *v, const struct log_row *row)
{
	v->row = row;
	v->bare = false;
	v->tally.n = 0;
	v->checkpoint.size = v->receipt.size = 0;
	frontier_init(&v->frontier);
	if (store_log_origin(v->self, row, v->origin) != ERR_OK) {
		damage(v, DAMAGE_UNREADABLE, row->partner);
		return;
	}
	keys_find(v);
	checkpoint_next(v);
	receipt_next(v);
	if (store_entries(v->s, row->id, 0, INT64_MAX, verify_entry, v) != ERR_OK)
		damage(v, DAMAGE_UNREADABLE, store_fault(v->s)->at);
	verify_row(v);
	verify_sums(v);
}

/* ---- exchanges ---- */

static const struct log_row *row_of(const struct verifying *v, int64_t id)
{
	for (size_t i = 0; i < v->rows.n; i++)
		if (v->rows.at[i].id == id)
			return &v->rows.at[i];
	return NULL;
}

/* False only when there is an entry with a header that says otherwise, or none at all. */
static bool entry_header(struct verifying *v, int64_t log, uint64_t index, struct arena *a, struct header *h, struct hash *leaf, bool *bare)
{
	struct entry_row row;

	if (store_entry_get(v->s, log, index, a, &row) != ERR_OK)
		return false;
	*leaf = entry_leaf(&row.commitment);
	*bare = row.form == FORM_BARE;
	return *bare || header_read(row.header, h) == ERR_OK;
}

static bool question_matches(const struct exchange_row *x, const struct header *h)
{
	return !KIND_IS_CONTROL(h->kind) && memcmp(h->mid, x->mid, MID_SIZE) == 0 && hash_equal(&h->agreement, &x->agreement) &&
	       h->clause == x->clause;
}

static bool answer_matches(const struct exchange_row *x, const struct header *h, const struct log_row *question, const struct hash *leaf)
{
	return h->kind == KIND_REPLY && (h->flags & FLAG_HAS_RE) != 0 && h->status == x->status && h->re.index == x->question_index &&
	       question != NULL && memcmp(h->re.epoch, question->epoch.b, EPOCH_SIZE) == 0 && hash_equal(&h->re.leaf, leaf);
}

static void damage_exchange(struct verifying *v, enum damage what, const struct exchange_row *x)
{
	char id[29];

	exchange_id_write(x->mid, id);
	damage(v, what, id);
}

static bool verify_exchange(void *arg, const struct exchange_row *x)
{
	struct verifying *v = arg;
	struct header	  h;
	struct hash	  leaf, reply;
	struct arena	  a;
	bool		  bare = false;

	v->exchanges++;
	arena_init(&a, ENTRY_MEMORY);
	bool asked = entry_header(v, x->question_log, x->question_index, &a, &h, &leaf, &bare);
	if (!asked || (!bare && !question_matches(x, &h)))
		damage_exchange(v, DAMAGE_QUESTION, x);
	else if (x->answer_log != 0) {
		bool answered = entry_header(v, x->answer_log, x->answer_index, &a, &h, &reply, &bare);
		if (!answered || (!bare && !answer_matches(x, &h, row_of(v, x->question_log), &leaf)))
			damage_exchange(v, DAMAGE_ANSWER, x);
	}
	arena_done(&a);
	return true;
}

/* ---- verify ---- */

static void verify_all(struct verifying *v)
{
	enum err e = rows_read(v->s, &v->rows);

	if (e != ERR_OK)
		damage(v, DAMAGE_UNREADABLE, store_fault(v->s)->at);
	for (size_t i = 0; i < v->rows.n; i++)
		v->entries_all += v->rows.at[i].frontier.size;
	for (size_t i = 0; i < v->rows.n; i++)
		verify_log(v, &v->rows.at[i]);
	if (store_exchanges(v->s, verify_exchange, v) != ERR_OK)
		damage(v, DAMAGE_UNREADABLE, store_fault(v->s)->at);
	if (v->bar)
		fputs("\r\033[K", v->cli->complain);
}

static void say_json(struct verifying *v)
{
	json_t *o = json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:O}", "whole", v->found == 0, "logs", (json_int_t)v->rows.n, "entries",
			      (json_int_t)v->entries, "heads", (json_int_t)v->heads, "exchanges", (json_int_t)v->exchanges, "found",
			      (json_int_t)v->found, "damage", v->json);

	if (o != NULL)
		json_dumpf(o, v->cli->out, JSON_INDENT(2));
	fputc('\n', v->cli->out);
	json_decref(o);
}

static void say_plain(struct verifying *v)
{
	if (v->found > 0) {
		fprintf(v->cli->out, "%s: %" PRIu64 "\n", cli_text(v->cli, "damaged, places found", "السجل متضرر، عدد المواضع"), v->found);
		return;
	}
	fprintf(v->cli->out, "%s: %s %zu%s %" PRIu64 "%s %" PRIu64 "%s %" PRIu64 "\n", cli_text(v->cli, "whole", "السجل سليم"),
		cli_text(v->cli, "logs", "السجلات"), v->rows.n, cli_text(v->cli, ", entries", "، القيود"), v->entries,
		cli_text(v->cli, ", checkpoints and receipts", "، نقاط التحقق والإيصالات"), v->heads, cli_text(v->cli, ", exchanges", "، التبادلات"),
		v->exchanges);
}

static int verify(struct cli *cli, struct home *home, struct store *s)
{
	struct verifying *v = calloc(1, sizeof *v);

	if (v == NULL)
		return cli_err(cli, ERR_MEMORY, "log verify", NULL);
	v->cli = cli;
	v->s = s;
	v->papers = &home->papers;
	v->self = home->config.party;
	v->json = json_array();
	v->bar = !cli->json && isatty(fileno(cli->complain));
	verify_all(v);
	if (cli->json)
		say_json(v);
	else
		say_plain(v);
	int code = v->found == 0 ? EXIT_DONE : EXIT_EVIDENCE_BROKEN;
	json_decref(v->json);
	free(v->rows.at);
	free(v);
	return code;
}

static int show(struct cli *cli, struct home *home, struct store *s, const char *partner, const char *channel)
{
	struct rows rows = {.partner = partner, .channel = channel};
	enum err    e = rows_read(s, &rows);
	int	    code = e == ERR_OK ? show_logs(cli, home->config.party, s, &rows) : cli_err(cli, e, store_fault(s)->at, NULL);

	free(rows.at);
	return code;
}

/* ---- the command ---- */

int cmd_log(struct cli *cli, int argc, char **argv)
{
	const char	       *partner = NULL, *channel = NULL;
	const struct cli_option options[] = {{"--partner", &partner, NULL}, {"--channel", &channel, NULL}};
	struct home		home;
	struct store	       *s = NULL;
	int			n = cli_options(cli, argc, argv, options, COUNT_OF(options));

	if (n < 0)
		return EXIT_USAGE;
	bool showing = n == 1 && strcmp(argv[1], "show") == 0, verifying = n == 1 && strcmp(argv[1], "verify") == 0;
	if (!showing && !(verifying && partner == NULL && channel == NULL))
		return cli_usage(cli);
	int code = home_open_cards(cli, &home);
	if (code != EXIT_DONE)
		return code;
	code = ledger_open(cli, &home.config, &s);
	/* One snapshot for all of it: the gateway may be writing meanwhile. */
	if (code == EXIT_DONE && store_begin(s) != ERR_OK)
		code = cli_err(cli, ERR_STORE, store_fault(s)->at, NULL);
	if (code == EXIT_DONE)
		code = showing ? show(cli, &home, s, partner, channel) : verify(cli, &home, s);
	store_close(s);
	home_done(&home);
	return code;
}
