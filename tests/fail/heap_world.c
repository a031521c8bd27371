/* heap_world.c: readers and builders without memory: agreements, evidence, configuration, keeper, pipes, a provider's database. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "../unit/world_home.h"
#include "gateway/keeper.h"
#include "heap.h"
#include "proc/config.h"
#include "proc/papers.h"
#include "proc/pipe.h"
#include "provider/sqlite.h"
#include "rings.h"
#include "store/bundle.h"

static struct world_home    home;
static struct buffer	    bundle = {.most = EVIDENCE_MOST};
static const struct record *question;
static struct root_key	    roots[4];
static char		    records[128];

/* ---- made once ---- */

static void records_make(void)
{
	sqlite3 *db;

	snprintf(records, sizeof records, "%s/records.db", home.folder);
	assert_int_equal(sqlite3_open(records, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "CREATE TABLE d(number TEXT, status TEXT); INSERT INTO d VALUES ('2026-1', 'released')", NULL, NULL, NULL),
			 SQLITE_OK);
	sqlite3_close(db);
}

void world_begin(void)
{
	home_make(&home, STORY_HIT);
	for (unsigned p = 0; p < 2; p++)
		for (unsigned k = 0; k < 2; k++)
			roots[2 * p + k] = (struct root_key){p == NORTH ? NORTH_NAME : SOUTH_NAME, home.world.root[p][k].pub};
	question = &home.world.log[0].record[2];
	home_must(world_bundle(&home.world, question, &bundle), "a bundle");
	records_make();
}

void world_end(void)
{
	unlink(records);
	buffer_done(&bundle);
	home_gone(&home);
}

/* ---- agreement/ ---- */

enum err play_agreement(void)
{
	struct agreement *a = NULL;
	struct fault	  fault;
	unsigned	  run;
	enum err	  e = agreement_open(bytes_of(home.world.note, home.world.note_n), roots, 4, &a, &fault);

	if (e == ERR_OK)
		e = agreement_examples(a, &run, &fault);
	agreement_free(a);
	return e;
}

enum err play_show(void)
{
	struct agreement *a = NULL;
	struct fault	  fault;
	struct buffer	  out = {.most = 1u << 20};
	enum err	  e = agreement_open(bytes_of(home.world.note, home.world.note_n), roots, 4, &a, &fault);

	if (e == ERR_OK)
		e = agreement_show(a, &a->clause[0], LANG_AR, &out);
	buffer_done(&out);
	agreement_free(a);
	return e;
}

/* ---- evidence/ ---- */

enum err play_bundle(void)
{
	struct buffer out = {.most = EVIDENCE_MOST};
	enum err      e = world_bundle(&home.world, question, &out);

	buffer_done(&out);
	return e;
}

enum err play_verify(void)
{
	static struct report report;
	struct fault	     fault;

	return evidence_verify(buffer_bytes(&bundle), NULL, &report, &fault);
}

/* ---- the ledger's readers ---- */

static enum err gather(struct store *s)
{
	struct bundle_papers papers = {.self = NORTH_NAME, .agreement = bytes_of(home.world.note, home.world.note_n)};
	struct buffer	     out = {.most = EVIDENCE_MOST};
	struct keyring	     ring[2] = {{0}, {0}};
	struct exchange_row  x;
	struct exchange	     loaded;
	struct arena	     a;
	enum err	     e = ERR_OK;

	for (unsigned p = 0; p < 2 && e == ERR_OK; p++) {
		papers.ring[p == NORTH] = &ring[p];
		e = ring_of_note(&ring[p], bytes_of(home.world.card[p], home.world.card_n[p]));
	}
	arena_init(&a, 1u << 20);
	if (e == ERR_OK)
		e = store_exchange_find(s, question->header.mid, true, &x);
	if (e == ERR_OK)
		e = store_exchange_load(s, &x, &a, &loaded);
	if (e == ERR_OK)
		e = store_bundle(s, &x, &papers, &out);
	for (unsigned p = 0; p < 2; p++)
		keyring_done(&ring[p]);
	arena_done(&a);
	buffer_done(&out);
	return e;
}

enum err play_gather(void)
{
	struct store *s = NULL;
	struct fault  fault;
	enum err      e = store_open(home.ledger, STORE_READ, &s, &fault);

	if (e == ERR_OK)
		e = gather(s);
	store_close(s);
	return e;
}

/* ---- proc/ ---- */

enum err play_papers(void)
{
	static struct config config;
	static struct papers papers;
	static char	     file[CONFIG_PATH_MOST];
	struct fault	     fault;

	memset(&papers, 0, sizeof papers);
	config_places(&config, home.folder);
	enum err e = config_read(&config, &fault);
	if (e != ERR_OK)
		return e;
	e = papers_load(&config, &papers, file, &fault);
	papers_done(&papers);
	config_done(&config);
	return e;
}

#define SAID_MOST  3
#define LONG_WORDS 300000

static struct said {
	struct event_base *base;
	struct pipe	  *left, *right;
	unsigned	   sent, heard;
	bool		   closed;
} said;

static void on_message(void *arg, uint8_t type, struct bytes payload unused_arg, int fd unused_arg)
{
	struct said *s = arg;

	if (++s->heard != type || s->heard == SAID_MOST)
		event_base_loopbreak(s->base);
}

static void on_closed(void *arg, enum err why unused_arg)
{
	struct said *s = arg;

	s->closed = true;
	event_base_loopbreak(s->base);
}

static enum err pipe_story(struct said *s)
{
	static uint8_t words[LONG_WORDS];
	size_t	       length[SAID_MOST] = {0, LONG_WORDS, 10};
	enum err       e = s->left == NULL || s->right == NULL ? ERR_MEMORY : ERR_OK;

	for (uint8_t i = 0; e == ERR_OK && i < SAID_MOST; i++) {
		e = pipe_send(s->left, (uint8_t)(i + 1), bytes_of(words, length[i]), -1);
		s->sent += e == ERR_OK;
	}
	if (e == ERR_OK)
		event_base_dispatch(s->base);
	return e == ERR_OK && s->closed ? ERR_MEMORY : e;
}

enum err play_pipe(void)
{
	int ends[2];

	heap_arm(false);
	said = (struct said){.base = event_base_new()};
	if (said.base == NULL || pipe_pair(ends) != ERR_OK)
		abort();
	heap_arm(true);
	said.left = pipe_new(said.base, ends[0], on_message, on_closed, &said);
	said.right = pipe_new(said.base, ends[1], on_message, on_closed, &said);
	return pipe_story(&said);
}

/* Nothing is heard that was not said, nor out of order; without a word of failure everything is heard. */
const char *judge_pipe(enum err e)
{
	bool all = said.heard == SAID_MOST;

	pipe_free(said.left);
	pipe_free(said.right);
	event_base_free(said.base);
	return said.heard > said.sent ? "heard what was not said" : e == ERR_OK && !all ? "not all was heard, and nobody was told" : NULL;
}

/* ---- the keeper ---- */

static enum err keeper_said(struct keeper *k, uint8_t type, const struct builder *b, uint8_t wanted)
{
	struct keeper_reply reply;

	keeper_handle(k, type, builder_bytes(b), 1796462050, &reply);
	if (reply.type != KEEPER_REFUSED)
		return reply.type == wanted ? ERR_OK : ERR_INTERNAL;
	struct cursor c = cursor_on(bytes_of(reply.payload, reply.n));
	cursor_u32(&c);
	return (enum err)cursor_u16(&c);
}

static enum err keeper_open(struct keeper *k)
{
	uint8_t	       room[512];
	struct builder b = builder_on(room, sizeof room);

	build_u32(&b, 1);
	build_bytes16(&b, bytes_text(NORTH_NAME));
	build_bytes16(&b, bytes_text(SOUTH_NAME));
	build_bytes16(&b, bytes_text(WORLD_CHANNEL));
	return keeper_said(k, KEEPER_OPEN, &b, KEEPER_OPENED);
}

static enum err keeper_follow(struct keeper *k)
{
	char	       origin[ORIGIN_MOST];
	uint8_t	       room[512];
	struct builder b = builder_on(room, sizeof room);

	build_u32(&b, 2);
	if (origin_write(&home.world.log[1].origin, origin) != ERR_OK)
		return ERR_INTERNAL;
	build_bytes16(&b, bytes_text(origin));
	build_u8(&b, 0);
	return keeper_said(k, KEEPER_FOLLOW, &b, 0);
}

static enum err keeper_leaves(struct keeper *k, uint32_t handle, uint8_t type, uint8_t wanted)
{
	uint8_t	       room[512];
	struct builder b = builder_on(room, sizeof room);

	build_u32(&b, handle);
	build_u32(&b, 2);
	build_copy(&b, home.world.log[1].leaf[0].b, HASH_SIZE);
	build_copy(&b, home.world.log[1].leaf[1].b, HASH_SIZE);
	return keeper_said(k, type, &b, wanted);
}

enum err play_keeper(void)
{
	struct keeper *k = keeper_new(NORTH_NAME, &home.world.log_key[NORTH], &home.world.receipt_key[NORTH]);
	enum err       e = k == NULL ? ERR_MEMORY : keeper_open(k);

	if (e == ERR_OK)
		e = keeper_leaves(k, 1, KEEPER_SIGN, KEEPER_SIGNED);
	if (e == ERR_OK)
		e = keeper_follow(k);
	if (e == ERR_OK)
		e = keeper_leaves(k, 2, KEEPER_COSIGN, KEEPER_COSIGNED);
	keeper_free(k);
	return e;
}

/* ---- a provider ---- */

static enum err look_up(struct sqlite_source *p)
{
	struct fields ask = {.n = 0}, got;
	enum err      e = fields_add(&ask, bytes_text("declaration"), bytes_text("2026-1"));

	if (e == ERR_OK)
		e = sqlite_source_begin(p);
	if (e != ERR_OK)
		return e;
	e = sqlite_source_lookup(p, &ask, 5000, &got);
	sqlite_source_end(p);
	return e;
}

enum err play_provider(void)
{
	struct sqlite_source *p = NULL;
	struct fault	      fault;
	enum err	      e = sqlite_source_open(records, "SELECT status FROM d WHERE number = :declaration", NULL, &p, &fault);

	if (e == ERR_OK)
		e = look_up(p);
	sqlite_source_close(p);
	return e;
}
