/* The reader process, confined where the build confines: shows, makes evidence, compares ledgers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "gateway/gateway.h"
#include "proc/papers.h"
#include "rings.h"
#include "store/bundle.h"
#include "world_home.h"

struct child {
	pid_t		   pid;
	struct config	   config;
	struct event_base *base;
	struct pipe	  *control, *desk;
	bool		   ready, closed, answered;
	uint8_t		   type;
	uint8_t		   payload[EVIDENCE_MOST + 64];
	size_t		   n;
	struct papers	   papers; /* as it told them */
	enum err	   papers_err;
	bool		   papers_whole;
};

static struct world_home home;
static struct child	 child;

static void on_control(void *arg, uint8_t type, struct bytes payload unused_arg, int fd unused_arg)
{
	struct child *c = arg;

	c->ready = c->ready || type == CONTROL_READY;
	event_base_loopbreak(c->base);
}

static void on_closed(void *arg, enum err why unused_arg)
{
	struct child *c = arg;

	c->closed = true;
	event_base_loopbreak(c->base);
}

/* As the desk builds them. */
static void paper_come(struct child *c, uint8_t type, struct bytes payload)
{
	struct cursor cur = cursor_on(payload);
	enum paper    kind = (enum paper)(type == READER_PAPER ? cursor_u8(&cur) : 0);

	if (type == READER_PAPER && c->papers_err == ERR_OK)
		c->papers_err = papers_note_take(&c->papers, kind, cursor_rest(&cur));
	c->papers_whole = type == READER_PAPERS;
	if (c->papers_whole)
		event_base_loopbreak(c->base);
}

static void on_answer(void *arg, uint8_t type, struct bytes payload, int fd unused_arg)
{
	struct child *c = arg;

	if (type == READER_PAPER || type == READER_PAPERS) {
		paper_come(c, type, payload);
		return;
	}
	c->type = type;
	c->n = payload.n;
	memcpy(c->payload, payload.at, payload.n);
	c->answered = true;
	event_base_loopbreak(c->base);
}

static void child_orphan(void *arg, enum err why unused_arg)
{
	process_leave(arg, EXIT_ORPHAN);
}

static void child_control(void *arg, uint8_t type, struct bytes payload, int fd)
{
	struct process *p = arg;
	struct cursor	c = cursor_on(payload);

	if (type == CONTROL_STOP) {
		process_leave(p, EXIT_STOPPED);
		return;
	}
	enum role role = (enum role)cursor_u8(&c);
	p->on_peer(p, role, cursor_u16(&c), fd);
}

static void child_run(const struct config *config, int control)
{
	struct process p = {.config = config, .role = ROLE_READER, .base = event_base_new()};

	journal_open("reader", NULL);
	p.control = pipe_new(p.base, control, child_control, child_orphan, &p);
	_exit(reader_main(&p));
}

/* `as`: whom it takes us for. */
static void child_start(struct child *c, enum role as)
{
	int	     control[2], desk[2];
	struct fault fault = {0};
	uint8_t	     role[3] = {(uint8_t)as, 0, 0};

	memset(c, 0, sizeof *c);
	config_places(&c->config, home.folder);
	home_must(config_read(&c->config, &fault), fault.found);
	home_must(pipe_pair(control), "pipe");
	home_must(pipe_pair(desk), "pipe");
	c->pid = fork();
	if (c->pid == 0) {
		close(control[0]);
		close(desk[0]);
		close(desk[1]);
		child_run(&c->config, control[1]);
	}
	close(control[1]);
	c->base = event_base_new();
	c->control = pipe_new(c->base, control[0], on_control, on_closed, c);
	c->desk = pipe_new(c->base, desk[0], on_answer, on_closed, c);
	home_must(pipe_send(c->control, CONTROL_PIPE, bytes_of(role, 3), desk[1]), "pipe");
	event_base_dispatch(c->base);
}

static int child_stop(struct child *c)
{
	int status = 0;

	(void)pipe_send(c->control, CONTROL_STOP, BYTES_NONE, -1);
	pipe_flush(c->control);
	pipe_free(c->control);
	pipe_free(c->desk);
	waitpid(c->pid, &status, 0);
	event_base_free(c->base);
	papers_done(&c->papers);
	config_done(&c->config);
	if (WIFSIGNALED(status))
		fail_msg("the reader was killed by signal %d", WTERMSIG(status));
	return WEXITSTATUS(status);
}

static struct cursor child_ask(struct child *c, uint8_t type, const uint8_t *mid)
{
	uint8_t	       room[64];
	struct builder b = builder_on(room, sizeof room);

	build_u32(&b, 4711);
	if (mid != NULL)
		build_copy(&b, mid, MID_SIZE);
	c->answered = false;
	home_must(pipe_send(c->desk, type, builder_bytes(&b), -1), "pipe");
	while (!c->answered && !c->closed)
		event_base_dispatch(c->base);
	struct cursor answer = cursor_on(bytes_of(c->payload, c->n));
	assert_true(c->answered);
	assert_int_equal(cursor_u32(&answer), 4711);
	return answer;
}

static int started(void **state unused_arg)
{
	memset(&home, 0, sizeof home);
	home_make(&home, STORY_HIT);
	child_start(&child, ROLE_DESK);
	return child.ready ? 0 : -1;
}

static int started_by_hook(void **state unused_arg)
{
	memset(&home, 0, sizeof home);
	home_make(&home, STORY_HIT);
	child_start(&child, ROLE_HOOK);
	return child.ready ? 0 : -1;
}

static int ended(void **state unused_arg)
{
	int code = child_stop(&child);

	home_gone(&home);
	return code == EXIT_STOPPED ? 0 : -1;
}

static void an_exchange_is_shown(void **state unused_arg)
{
	static struct exchange x;
	struct cursor	       c = child_ask(&child, READER_SHOW, home.exchange.mid);

	assert_int_equal(child.type, READER_EXCHANGE);
	assert_int_equal(cursor_u8(&c), 1);
	home_must(exchange_read(&c, &x), "exchange");
	home_must(cursor_end(&c), "exchange");
	assert_string_equal(x.partner, SOUTH_NAME);
	assert_true(bytes_is(fields_find(&x.got, "released-on")->value, "2026-11-20"));
	assert_true(x.receipt_held);
}

static void an_unknown_id_is_not_there(void **state unused_arg)
{
	uint8_t	      mid[MID_SIZE] = {9};
	struct cursor c = child_ask(&child, READER_SHOW, mid);

	assert_int_equal(cursor_u8(&c), 0);
	home_must(cursor_end(&c), "nothing behind it");
	c = child_ask(&child, READER_EVIDENCE, mid);
	assert_int_equal(cursor_u16(&c), ERR_NOT_FOUND);
	home_must(cursor_end(&c), "nothing behind it");
}

static bool proved(const struct report *r, enum claim_kind kind)
{
	for (unsigned i = 0; i < r->n; i++)
		if (r->claim[i].kind == kind && r->claim[i].verdict == VERDICT_PROVED)
			return true;
	return false;
}

static void evidence_verifies_offline(void **state unused_arg)
{
	static struct report report;
	struct fault	     fault = {0};
	struct cursor	     c = child_ask(&child, READER_EVIDENCE, home.exchange.mid);

	assert_int_equal(cursor_u16(&c), ERR_OK);
	struct bytes bundle = cursor_rest(&c);
	home_must(evidence_verify(bundle, NULL, &report, &fault), fault.at);
	static const enum claim_kind wanted[] = {CLAIM_AGREED,	 CLAIM_ASKED,		CLAIM_INSIDE,  CLAIM_RECEIVED,
						 CLAIM_ANSWERED, CLAIM_ANSWER_RECEIVED, CLAIM_COMPLETE};
	for (size_t i = 0; i < COUNT_OF(wanted); i++)
		if (!proved(&report, wanted[i]))
			fail_msg("not proved: %s", claim_name(wanted[i]));
}

static void the_ledgers_are_one_hash_on_both_sides(void **state unused_arg)
{
	struct channel_status s = {0};
	struct cursor	      c = child_ask(&child, READER_STATUS, NULL);
	struct log_row	      own = {0}, peer = {0};
	struct hash	      theirs;

	assert_int_equal(cursor_u16(&c), 1);
	home_must(channel_status_read(&c, &s), "status");
	home_must(cursor_end(&c), "status");
	assert_string_equal(s.partner, SOUTH_NAME);
	assert_int_equal(s.own_size, 4);
	assert_int_equal(s.own_receipted, 4);
	assert_int_equal(s.asked, 1);
	assert_int_equal(s.answered, 1);
	/* South computes it from its own point of view. */
	snprintf(own.partner, sizeof own.partner, NORTH_NAME);
	snprintf(own.channel, sizeof own.channel, WORLD_CHANNEL);
	peer = own;
	own.own = true;
	own.epoch = home.world.log[1].origin.epoch;
	peer.epoch = home.world.log[0].origin.epoch;
	own.receipt = (struct receipt_head){.size = 4, .root = log_root(&home.world.log[1])};
	peer.receipt = (struct receipt_head){.size = 4, .root = log_root(&home.world.log[0])};
	home_must(store_ledgers_hash(SOUTH_NAME, &own, &peer, &theirs), "hash");
	assert_true(hash_equal(&s.ledgers, &theirs));
	peer.receipt.root.b[0] ^= 1;
	home_must(store_ledgers_hash(SOUTH_NAME, &own, &peer, &theirs), "hash");
	assert_false(hash_equal(&s.ledgers, &theirs));
}

/* The core writes, moves pages and starts again while the confined reader reads. */
static void it_follows_a_ledger_that_grows(void **state unused_arg)
{
	struct store *s = NULL;
	struct fault  fault;

	home_must(store_open(home.ledger, STORE_WRITE, &s, &fault), "ledger");
	for (uint32_t i = 0; i < 300; i++) {
		struct exchange_row x = home.exchange;
		x.mid[0] ^= 0x80;
		memcpy(x.mid + 8, &i, sizeof i);
		x.question_index += 1000 + i;
		x.state = EXCHANGE_ACCEPTED;
		home_must(store_exchange_add(s, &x), "exchange");
		home_must(store_commit(s), "commit");
		struct channel_status status = {0};
		struct cursor	      c = child_ask(&child, READER_STATUS, NULL);
		assert_int_equal(cursor_u16(&c), 1);
		home_must(channel_status_read(&c, &status), "status");
		assert_int_equal(status.asked, i + 2);
		if (i % 100 == 50)
			home_must(store_tidy(s, true), "tidy");
		if (i == 200) {
			store_close(s);
			home_must(store_open(home.ledger, STORE_WRITE, &s, &fault), "ledger");
		}
	}
	store_close(s);
	struct cursor c = child_ask(&child, READER_STATUS, NULL);
	assert_int_equal(cursor_u16(&c), 1);
}

static void nonsense_ends_the_pipe_and_nothing_else(void **state unused_arg)
{
	home_must(pipe_send(child.desk, READER_SHOW, bytes_text("?"), -1), "pipe");
	while (!child.closed && !child.answered)
		event_base_dispatch(child.base);
	assert_false(child.answered);
}

/* ---- events ---- */

static uint64_t news_add(struct store *s, const struct news_row *row)
{
	uint64_t number = 0;

	home_must(store_news_add(s, row, 1795420800000, &number), "event");
	return number;
}

/* Two events; the number of the first. */
static uint64_t events_write(uint64_t *last)
{
	struct store   *s = NULL;
	struct fault	fault;
	struct news_row answered = {.type = NEWS_QUERY_ANSWERED,
				    .question_log = home.exchange.question_log,
				    .question_index = home.exchange.question_index};

	home_must(store_open(home.ledger, STORE_WRITE, &s, &fault), "ledger");
	uint64_t first = news_add(s, &answered);
	*last = news_add(s, &(struct news_row){.type = NEWS_PARTNER_UP, .subject = SOUTH_NAME});
	home_must(store_mark_set(s, &(struct hash){{7}}, first), "mark");
	home_must(store_commit(s), "commit");
	store_close(s);
	return first;
}

static struct cursor ask_with(uint8_t type, struct bytes rest)
{
	uint8_t	       room[64];
	struct builder b = builder_on(room, sizeof room);

	build_u32(&b, 4711);
	build_bytes(&b, rest);
	child.answered = false;
	home_must(pipe_send(child.desk, type, builder_bytes(&b), -1), "pipe");
	while (!child.answered && !child.closed)
		event_base_dispatch(child.base);
	struct cursor answer = cursor_on(bytes_of(child.payload, child.answered ? child.n : 0));
	assert_int_equal(cursor_u32(&answer), child.answered ? 4711 : 0);
	return answer;
}

static struct cursor events_after(uint64_t after, uint32_t types)
{
	uint8_t	       room[12];
	struct builder b = builder_on(room, sizeof room);

	build_u64(&b, after);
	build_u32(&b, types);
	struct cursor c = ask_with(READER_EVENTS, builder_bytes(&b));
	assert_int_equal(child.type, READER_EVENTS_ARE);
	return c;
}

static void events_are_shown_by_place(void **state unused_arg)
{
	struct news   news;
	uint64_t      last, first = events_write(&last);
	struct cursor c = events_after(0, NEWS_ALL);

	assert_int_equal(cursor_u64(&c), last);
	assert_false(piped_bool_read(&c));
	assert_int_equal(cursor_u16(&c), 2);
	home_must(news_read(&c, &news), "event");
	assert_int_equal(news.number, first);
	assert_memory_equal(news.mid, home.exchange.mid, MID_SIZE);
	home_must(news_read(&c, &news), "event");
	assert_string_equal(news.subject, SOUTH_NAME);
	assert_int_equal(cursor_end(&c), ERR_OK);
	c = events_after(first, news_bit(NEWS_ALARM_RAISED));
	assert_int_equal(cursor_u64(&c), last);
	assert_false(piped_bool_read(&c));
	assert_int_equal(cursor_u16(&c), 0);
	/* After the newest: its number alone. */
	c = events_after(NEWS_NOW, NEWS_ALL);
	assert_int_equal(cursor_u64(&c), last);
}

static void a_hook_is_shown_its_mark(void **state unused_arg)
{
	struct hash   name = {{7}}, other = {{8}};
	uint64_t      last, first = events_write(&last);
	struct cursor c = ask_with(READER_MARK, bytes_of(name.b, HASH_SIZE));

	assert_int_equal(child.type, READER_MARK_IS);
	assert_true(piped_bool_read(&c));
	assert_int_equal(cursor_u64(&c), first);
	c = ask_with(READER_MARK, bytes_of(other.b, HASH_SIZE));
	assert_false(piped_bool_read(&c));
}

/* It talks to a network: exchanges are not shown to it. */
static void a_hook_that_asks_for_more_is_shown_nothing(void **state unused_arg)
{
	(void)ask_with(READER_SHOW, bytes_of(home.exchange.mid, MID_SIZE));
	assert_true(child.closed && !child.answered);
}

static void a_desk_has_no_marks(void **state unused_arg)
{
	struct hash name = {{7}};

	(void)ask_with(READER_MARK, bytes_of(name.b, HASH_SIZE));
	assert_true(child.closed && !child.answered);
}

/* ---- the papers that it tells the desk ---- */

static void papers_come_whole(void)
{
	while (!child.papers_whole && !child.closed)
		event_base_dispatch(child.base);
	assert_int_equal(child.papers_err, ERR_OK);
}

static void it_tells_the_papers_it_read(void **state unused_arg)
{
	struct papers read;
	char	      file[CONFIG_PATH_MOST];

	papers_come_whole();
	assert_int_equal(papers_load(&child.config, &read, file, NULL), ERR_OK);
	assert_int_equal(child.papers.ncards, read.ncards);
	assert_int_equal(child.papers.nagreements, read.nagreements);
	for (unsigned i = 0; i < read.ncards; i++)
		assert_true(hash_equal(&child.papers.card[i]->id, &read.card[i]->id));
	for (unsigned i = 0; i < read.nagreements; i++)
		assert_true(hash_equal(&child.papers.agreement[i]->id, &read.agreement[i]->id));
	papers_done(&read);
}

struct spoiling {
	struct papers papers;
	enum err      err;
	enum paper    which;
};

static void take_spoiled(void *arg, enum paper kind, struct bytes note)
{
	struct spoiling *s = arg;
	uint8_t		*copy = malloc(note.n);

	assert_non_null(copy);
	memcpy(copy, note.at, note.n);
	copy[note.n / 2] ^= kind == s->which;
	if (s->err == ERR_OK)
		s->err = papers_note_take(&s->papers, kind, bytes_of(copy, note.n));
	free(copy);
}

/* The sibling: a note that changed on its way is taken by nobody. */
static void a_paper_that_changed_on_its_way_is_refused(void **state unused_arg)
{
	papers_come_whole();
	for (int which = PAPER_CARD; which <= PAPER_AGREEMENT; which++) {
		struct spoiling s = {.which = (enum paper)which};

		papers_notes(&child.papers, take_spoiled, &s);
		assert_int_not_equal(s.err, ERR_OK);
		papers_done(&s.papers);
	}
}

/* ---- bundles of every story, made from the ledger ---- */

static void bundle_of(enum story story, struct report *report)
{
	struct store	  *s = NULL;
	struct fault	   fault = {0};
	struct buffer	   out = {.most = EVIDENCE_MOST};
	struct world_home *h = &home;

	memset(h, 0, sizeof *h);
	home_make(h, story);
	home_must(store_open(h->ledger, STORE_READ, &s, &fault), "ledger");
	struct keyring north = {0}, south = {0};
	home_must(ring_of_note(&north, bytes_of(h->world.card[NORTH], h->world.card_n[NORTH])), "card");
	home_must(ring_of_note(&south, bytes_of(h->world.card[SOUTH], h->world.card_n[SOUTH])), "card");
	struct bundle_papers papers = {.self = NORTH_NAME, .agreement = bytes_of(h->world.note, h->world.note_n), .ring = {&south, &north}};
	home_must(store_bundle(s, &h->exchange, &papers, &out), "bundle");
	home_must(evidence_verify(buffer_bytes(&out), NULL, report, &fault), fault.at);
	buffer_done(&out);
	keyring_done(&north);
	keyring_done(&south);
	store_close(s);
	home_gone(h);
}

static void every_story_makes_a_sound_bundle(void **state unused_arg)
{
	static const struct {
		enum story	story;
		enum claim_kind proved;
	} rows[] = {
		{STORY_HIT, CLAIM_ANSWERED},	 {STORY_NO_HIT, CLAIM_NO_HIT}, {STORY_REFUSED, CLAIM_REFUSED}, {STORY_OUTSIDE, CLAIM_OUTSIDE},
		{STORY_NO_RECEIPT, CLAIM_ASKED}, {STORY_TAIL, CLAIM_ANSWERED}, {STORY_PLACE, CLAIM_ANSWERED},  {STORY_CHAIN, CLAIM_ANSWERED},
	};
	static struct report report;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		memset(&report, 0, sizeof report);
		bundle_of(rows[i].story, &report);
		if (!proved(&report, rows[i].proved))
			fail_msg("story %s: not proved: %s", story_names[rows[i].story], claim_name(rows[i].proved));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_exchange_is_shown, started, ended),
		cmocka_unit_test_setup_teardown(an_unknown_id_is_not_there, started, ended),
		cmocka_unit_test_setup_teardown(evidence_verifies_offline, started, ended),
		cmocka_unit_test_setup_teardown(the_ledgers_are_one_hash_on_both_sides, started, ended),
		cmocka_unit_test_setup_teardown(it_follows_a_ledger_that_grows, started, ended),
		cmocka_unit_test_setup_teardown(nonsense_ends_the_pipe_and_nothing_else, started, ended),
		cmocka_unit_test_setup_teardown(events_are_shown_by_place, started, ended),
		cmocka_unit_test_setup_teardown(a_hook_is_shown_its_mark, started_by_hook, ended),
		cmocka_unit_test_setup_teardown(a_hook_that_asks_for_more_is_shown_nothing, started_by_hook, ended),
		cmocka_unit_test_setup_teardown(a_desk_has_no_marks, started, ended),
		cmocka_unit_test_setup_teardown(it_tells_the_papers_it_read, started, ended),
		cmocka_unit_test_setup_teardown(a_paper_that_changed_on_its_way_is_refused, started, ended),
		cmocka_unit_test(every_story_makes_a_sound_bundle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
