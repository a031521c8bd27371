/*
 * parent_reload.c: SIGHUP. What changed in the home is taken up without dropping an exchange.
 *
 *	SIGHUP -> TRIES    mithaq.yaml is read again, by the parent; papers and keys by a
 *	                   trial process, which says what is wrong with them. Bad: nothing changes.
 *	       -> LEAVES   the core ends in order, when anything that it read has changed
 *	       -> STARTS   whoever read something that has changed is replaced; the others stay
 *	       -> NONE     all of them are ready
 *
 * A child is replaced when the files that it read at its start are not the same any
 * more: their names, sizes, times and numbers, hashed to its mark. The desk is never
 * replaced: it holds the callers. It has the papers from the reader, which is.
 */
#include "gateway/parent.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/builder.h"
#include "proc/inspect.h"

#define RETIRE_MS      500  /* for a child that was told to end */
#define LEAVE_CORE_MS  5000 /* for the core, which closes its epochs first */
#define TRIAL_MOST_MS  10000
#define RELOAD_MOST_MS 10000 /* until who was replaced is ready */

/* ---- who is wanted ---- */

static void want(struct wanted *out, unsigned *n, enum role role, unsigned which, const char *subject)
{
	out[(*n)++] = (struct wanted){role, which, subject};
}

/* The keeper before the core, so that the core's first pipe is the one it cannot work without. */
unsigned wanted_list(const struct config *config, struct wanted out[WANTED_MOST])
{
	static const enum role fixed[] = {ROLE_KEEPER, ROLE_CORE, ROLE_READER, ROLE_DESK};
	unsigned	       n = 0;

	for (size_t i = 0; i < COUNT_OF(fixed); i++)
		want(out, &n, fixed[i], 0, "");
	for (unsigned i = 0; i < config->npartners; i++)
		want(out, &n, ROLE_LINK, i, config->partner[i].name);
	for (unsigned i = 0; i < config->nproviders; i++)
		if (config->provider[i].source != SOURCE_FETCH) /* its questions wait at the desk */
			want(out, &n, ROLE_WORKER, i, config->provider[i].clause);
	if (config->nwebhooks > 0)
		want(out, &n, ROLE_HOOK, 0, "");
	return n;
}

/* ---- marks ---- */

/* H(mark before || what is added). */
static void mark_add(struct hash *mark, struct bytes more)
{
	struct bytes pieces[] = {bytes_of(mark->b, HASH_SIZE), more};

	*mark = hash_pieces(pieces, COUNT_OF(pieces));
}

static void mark_text(struct hash *mark, const char *text)
{
	mark_add(mark, bytes_of(text ? text : "", text ? strlen(text) + 1 : 0));
}

static uint64_t time_of(const struct timespec *t)
{
	return (uint64_t)t->tv_sec * 1000000000 + (uint64_t)t->tv_nsec;
}

/* The parent reads no paper and no key: that a file is another one is seen from outside. */
static struct hash file_mark(const char *path)
{
	struct stat about;
	struct hash mark = {.b = {0}};

	if (stat(path, &about) != 0)
		return mark;
	const uint64_t seen[] = {(uint64_t)about.st_dev, (uint64_t)about.st_ino, (uint64_t)about.st_size, time_of(&about.st_mtim),
				 time_of(&about.st_ctim)};
	return hash_bytes(bytes_of(seen, sizeof seen));
}

static void mark_file(struct hash *mark, const char *path)
{
	struct hash file = file_mark(path);

	mark_add(mark, bytes_of(file.b, HASH_SIZE));
}

/* A folder's files in no order: the sum of what each is. */
static void mark_folder(struct hash *mark, const char *path)
{
	struct hash    sum = {.b = {0}};
	char	       name[CONFIG_PATH_MOST + 256];
	struct dirent *entry;
	DIR	      *folder = opendir(path);

	while (folder && (entry = readdir(folder))) {
		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
		struct hash one = file_mark(name);
		mark_text(&one, entry->d_name);
		for (size_t i = 0; i < HASH_SIZE; i++)
			sum.b[i] ^= one.b[i];
	}
	if (folder)
		closedir(folder);
	mark_add(mark, bytes_of(sum.b, HASH_SIZE));
}

static void mark_home(struct hash *mark, const struct config *config, const char *rest, void (*add)(struct hash *, const char *))
{
	char path[CONFIG_PATH_MOST];

	if (config_path(config, rest, path) == ERR_OK)
		add(mark, path);
}

static void mark_data(struct hash *mark, const struct config *config, const char *rest)
{
	char path[CONFIG_PATH_MOST];

	if (config_data_path(config, rest, path) == ERR_OK)
		mark_folder(mark, path);
}

static void mark_cards(struct hash *mark, const struct config *config)
{
	char own[PARTY_MOST + 8];

	(void)snprintf(own, sizeof own, "%s.card", config->party);
	mark_home(mark, config, own, mark_file);
	mark_home(mark, config, "partners", mark_folder);
	mark_home(mark, config, "cards", mark_folder);
	mark_data(mark, config, "cards");
}

static void mark_agreements(struct hash *mark, const struct config *config)
{
	mark_home(mark, config, "agreements", mark_folder);
	mark_data(mark, config, "agreements");
}

static void mark_sources(struct hash *mark, const struct config *config)
{
	const char *credentials = getenv("CREDENTIALS_DIRECTORY");

	mark_home(mark, config, "mithaq.yaml", mark_file);
	mark_home(mark, config, "credentials", mark_folder);
	if (credentials)
		mark_folder(mark, credentials);
}

static void mark_keys(struct hash *mark, const struct config *config)
{
	mark_home(mark, config, "keys", mark_folder);
}

struct hash wanted_mark(const struct config *config, const struct wanted *w)
{
	bool	    pair = w->role == ROLE_CORE || w->role == ROLE_KEEPER; /* one mark for both: they are replaced together */
	bool	    source = w->role == ROLE_WORKER || w->role == ROLE_HOOK;
	struct hash mark = {.b = {0}};

	if (w->role == ROLE_LINK) {
		mark_text(&mark, config->partner[w->which].dial);
		mark_text(&mark, config->partner[w->which].listen);
	}
	if (pair || source)
		mark_sources(&mark, config);
	if (pair || w->role == ROLE_LINK)
		mark_keys(&mark, config);
	if (pair || source || w->role == ROLE_LINK || w->role == ROLE_READER)
		mark_cards(&mark, config);
	if (pair || source || w->role == ROLE_READER)
		mark_agreements(&mark, config);
	if (pair)
		mark_home(&mark, config, "officers", mark_file); /* what the house itself answers to officer-list */
	return mark;
}

/* ---- the trial ---- */

static void trial_seen(void *arg unused_arg, const struct inspected *seen)
{
	char line[900];

	if (seen->err == ERR_OK)
		return;
	fault_print(seen->fault, seen->file, LANG_EN, line, sizeof line);
	journal(LEVEL_ERROR, "reload-refused", "%s; everything stays as it was", line);
}

/* Reads what the new core, keeper, links and workers will read, and says what is wrong with it. */
int trial_main(struct process *p)
{
	const char	   *credentials = getenv("CREDENTIALS_DIRECTORY");
	struct promise_path paths[] = {{p->config->home, 0}, {p->config->data, 0}, {credentials, 0}, {NULL, 0}};

	if (promise(PROMISE_STDIO | PROMISE_READ, paths, NULL))
		return EXIT_SETUP;
	return inspect_home(p->config, trial_seen, NULL) == ERR_OK ? EXIT_STOPPED : EXIT_SETUP;
}

/* ---- the end of a reload ---- */

static void fresh_free(struct reload *r)
{
	if (r->fresh)
		config_done(r->fresh);
	free(r->fresh);
	r->fresh = NULL;
}

static void reload_end(struct parent *p)
{
	bool again = p->reload.again;

	fresh_free(&p->reload);
	evtimer_del(p->reload.deadline);
	p->reload.phase = RELOAD_NONE;
	p->reload.again = false;
	if (p->said_ready)
		notify_ready(&p->notify);
	if (again)
		reload_ask(p, true);
}

/* Every child but those that a stopped ledger keeps down is ready, or waits for its next start; nobody old is left. */
static bool all_replaced(struct parent *p)
{
	for (unsigned i = 0; i < p->nchildren; i++) {
		const struct child *c = &p->child[i];

		if (c->state != CHILD_ENDED && (!child_settled(c) || (c->state == CHILD_RETIRED && c->role == ROLE_LINK)))
			return false;
	}
	return true;
}

void reload_look(struct parent *p)
{
	const struct config *c = p->config;

	if (p->state != PARENT_RUNS || p->reload.phase != RELOAD_STARTS || !all_replaced(p))
		return;
	journal(LEVEL_INFO, "reloaded", "taken up in %u ms: %u partner%s, %u provider%s", (unsigned)(parent_now_ms() - p->reload.began_ms),
		c->npartners, c->npartners == 1 ? "" : "s", c->nproviders, c->nproviders == 1 ? "" : "s");
	reload_end(p);
}

/* ---- replacing ---- */

static void retire(struct child *c, uint8_t word, unsigned most_ms)
{
	if (!child_is_running(c)) {
		child_free(c);
		return;
	}
	if (!c->told_to_stop)
		child_say(c, word);
	c->told_to_stop = true;
	c->state = CHILD_RETIRED;
	timer_set(c->restart, most_ms); /* then it is killed */
}

static const struct wanted *wanted_find(const struct wanted *list, unsigned n, const struct child *c)
{
	for (unsigned i = 0; i < n; i++) {
		if (list[i].role == c->role && strcmp(list[i].subject, c->subject) == 0)
			return &list[i];
	}
	return NULL;
}

static struct child *child_find(struct parent *p, const struct wanted *w)
{
	for (unsigned i = 0; i < p->nchildren; i++) {
		struct child *c = &p->child[i];

		if (c->state != CHILD_FREE && c->state != CHILD_RETIRED && c->role == w->role && strcmp(c->subject, w->subject) == 0)
			return c;
	}
	return NULL;
}

static bool is_pair(enum role role)
{
	return role == ROLE_CORE || role == ROLE_KEEPER;
}

/* May it go on as it is? A pair whose ledger stopped stays down; papers that the core itself brought concern the reader alone. */
static bool may_stay(const struct parent *p, const struct child *c, const struct hash *mark)
{
	if (c->role == ROLE_DESK || (is_pair(c->role) && p->ledger_stopped))
		return true;
	return (p->reload.keep_core && c->role != ROLE_READER) || hash_equal(&c->mark, mark);
}

static void old_retire(struct parent *p, const struct wanted *list, unsigned n)
{
	for (unsigned i = 0; i < p->nchildren; i++) {
		struct child	    *c = &p->child[i];
		const struct wanted *w = wanted_find(list, n, c);

		if (c->state == CHILD_FREE || c->state == CHILD_RETIRED)
			continue;
		struct hash mark = w ? wanted_mark(p->config, w) : c->mark;
		if (w && may_stay(p, c, &mark))
			c->which = w->which;
		else
			retire(c, c->role == ROLE_LINK ? CONTROL_LEAVE : CONTROL_STOP, RETIRE_MS);
	}
}

static void new_add(struct parent *p, const struct wanted *list, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (child_find(p, &list[i]) || (p->ledger_stopped && is_pair(list[i].role)))
			continue;
		struct child *c = child_add(p, list[i].role, list[i].which, list[i].subject);
		if (c)
			c->mark = wanted_mark(p->config, &list[i]);
		else
			journal(LEVEL_ERROR, "memory", "no room for %s %s", role_name(list[i].role), list[i].subject);
	}
}

static bool links_end(const struct parent *p)
{
	for (unsigned i = 0; i < p->nchildren; i++) {
		if (p->child[i].state == CHILD_RETIRED && p->child[i].role == ROLE_LINK)
			return true;
	}
	return false;
}

/* Sources before the core that asks them; a link when the old ones have let go of their addresses. */
static void new_start(struct parent *p)
{
	static const enum role order[] = {ROLE_WORKER, ROLE_HOOK, ROLE_KEEPER, ROLE_CORE, ROLE_READER, ROLE_LINK};

	for (size_t k = 0; k < COUNT_OF(order); k++)
		for (unsigned i = 0; i < p->nchildren; i++) {
			struct child *c = &p->child[i];

			if (c->role != order[k] || c->state != CHILD_DOWN || c->started_ms != 0)
				continue;
			if (c->role != ROLE_LINK || !links_end(p))
				child_start(c);
		}
}

static void config_swap(struct parent *p)
{
	struct config *old = p->owned;

	if (!p->reload.fresh)
		return;
	p->config = p->owned = p->reload.fresh;
	p->reload.fresh = NULL;
	if (old)
		config_done(old);
	free(old);
}

static void desk_tell(struct parent *p)
{
	struct child *desk = child_of(p, ROLE_DESK);

	if (!desk)
		return;
	certificate_hand(desk);
	child_say(desk, CONTROL_RELOAD);
}

/* The core is gone, or stays: now everybody else. */
static void replace(struct parent *p)
{
	static struct wanted list[WANTED_MOST];

	p->reload.phase = RELOAD_STARTS;
	timer_set(p->reload.deadline, RELOAD_MOST_MS);
	config_swap(p);
	unsigned n = wanted_list(p->config, list);
	old_retire(p, list, n);
	new_add(p, list, n);
	desk_tell(p);
	new_start(p);
	reload_look(p);
}

void reload_core_gone(struct parent *p)
{
	if (p->reload.phase == RELOAD_LEAVES)
		replace(p);
}

void reload_retired(struct parent *p, struct child *c)
{
	enum role role = c->role;

	child_free(c);
	if (role == ROLE_CORE)
		reload_core_gone(p);
	if (p->state == PARENT_RUNS && p->reload.phase == RELOAD_STARTS)
		new_start(p);
	reload_look(p);
}

static bool core_must_leave(struct parent *p)
{
	const struct config *next = p->reload.fresh ? p->reload.fresh : p->config;
	struct child	    *core = child_of(p, ROLE_CORE);
	struct hash	     mark = wanted_mark(next, &(struct wanted){.role = ROLE_CORE, .subject = ""});

	return core && !may_stay(p, core, &mark) && child_is_running(core);
}

/* It signs to the end and goes by itself when the core is gone. */
static void keeper_follows(struct child *keeper)
{
	keeper->told_to_stop = true;
	retire(keeper, CONTROL_STOP, LEAVE_CORE_MS + RETIRE_MS);
}

static void apply(struct parent *p)
{
	if (!core_must_leave(p)) {
		replace(p);
		return;
	}
	struct child *keeper = child_of(p, ROLE_KEEPER);

	p->reload.phase = RELOAD_LEAVES;
	retire(child_of(p, ROLE_CORE), CONTROL_LEAVE, LEAVE_CORE_MS);
	if (keeper)
		keeper_follows(keeper);
}

/* ---- what a person asked ---- */

static void refuse(struct parent *p, const char *why)
{
	journal(LEVEL_ERROR, "reload-refused", "%s; everything stays as it was", why);
	reload_end(p);
}

void reload_tried(struct parent *p, int status)
{
	if (p->state != PARENT_RUNS || p->reload.phase != RELOAD_TRIES)
		return;
	evtimer_del(p->reload.deadline);
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_STOPPED)
		apply(p);
	else if (WIFEXITED(status))
		reload_end(p); /* it said why */
	else
		refuse(p, "the new papers could not be read to their end");
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* The desk bound its address at its start, with or without TLS, and it is never replaced: it holds the callers. */
static void needs_restart_say(const struct config *now, const struct config *next)
{
	bool	    tls_changes = (now->api_certificate == NULL) != (next->api_certificate == NULL);
	const char *key = !same_text(now->api_listen, next->api_listen) ? "api: listen" : tls_changes ? "api: certificate" : NULL;

	if (key)
		journal(LEVEL_WARNING, "needs-restart", "%s changed: it is taken up when the gateway is started again", key);
}

/* The same folders, read again. */
static enum err fresh_read(struct parent *p, struct fault *fault)
{
	struct config *fresh = calloc(1, sizeof *fresh);

	if (!fresh)
		return fault_at(fault, ERR_MEMORY, 0, "", "", "", "");
	memcpy(fresh->home, p->config->home, sizeof fresh->home);
	memcpy(fresh->data, p->config->data, sizeof fresh->data);
	p->reload.fresh = fresh;
	enum err e = config_read(fresh, fault);
	if (e)
		fault->err = e;
	return e;
}

static void try(struct parent *p)
{
	char	     path[CONFIG_PATH_MOST + 16], line[900];
	struct fault fault = {.err = ERR_OK};

	(void)snprintf(path, sizeof path, "%s/mithaq.yaml", p->config->home);
	if (fresh_read(p, &fault)) {
		fault_print(&fault, path, LANG_EN, line, sizeof line);
		refuse(p, line);
		return;
	}
	assert(p->reload.fresh != NULL); /* fresh_read() made it */
	if (strcmp(p->reload.fresh->party, p->config->party) != 0) {
		refuse(p, "needs-restart: party: another party is another gateway");
		return;
	}
	needs_restart_say(p->config, p->reload.fresh);
	struct child *trial = child_add(p, ROLE_TRIAL, 0, "");
	if (!trial) {
		refuse(p, "no memory for the trial");
		return;
	}
	p->reload.phase = RELOAD_TRIES;
	timer_set(p->reload.deadline, TRIAL_MOST_MS);
	child_start(trial);
}

static void deadline_due(evutil_socket_t fd unused_arg, short what unused_arg, void *arg)
{
	struct parent *p = arg;
	struct child  *trial = child_of(p, ROLE_TRIAL);

	if (p->reload.phase == RELOAD_TRIES && trial) {
		timer_set(trial->restart, 0); /* kills it */
		return;
	}
	journal(LEVEL_WARNING, "reload-late", "not everybody is ready again after %d ms", RELOAD_MOST_MS);
	reload_end(p);
}

void reload_ask(struct parent *p, bool whole)
{
	if (p->state != PARENT_RUNS)
		return;
	if (p->reload.phase != RELOAD_NONE) {
		p->reload.again = true;
		return;
	}
	if (!p->reload.deadline)
		p->reload.deadline = evtimer_new(p->base, deadline_due, p);
	if (!p->reload.deadline)
		return;
	p->reload.keep_core = !whole;
	p->reload.began_ms = parent_now_ms();
	notify_reloading(&p->notify);
	if (whole)
		try(p);
	else
		apply(p);
}

void reload_stop(struct parent *p)
{
	struct child *trial = child_of(p, ROLE_TRIAL);

	if (p->reload.deadline)
		evtimer_del(p->reload.deadline);
	if (trial && child_is_running(trial))
		(void)kill(trial->pid, SIGKILL);
}

void reload_done(struct parent *p)
{
	fresh_free(&p->reload);
	if (p->reload.deadline)
		event_free(p->reload.deadline);
	if (p->owned)
		config_done(p->owned);
	free(p->owned);
}
