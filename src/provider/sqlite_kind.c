/* sqlite_kind.c: a database file of the answering authority as a provider (sqlite.h does the work). */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "provider/provider.h"
#include "provider/sqlite.h"

struct file_provider {
	struct sqlite_source *source;
	provider_found_fn    *found;
	provider_trace_fn    *trace;
	void		     *arg;
	const char	     *database;
	char		      folder[CONFIG_PATH_MOST], shm[CONFIG_PATH_MOST];
	struct fields	      answer;
};

/* The folder for reading: an authority may put a new file in the old one's place. WAL needs its -shm shared for writing. */
static void paths_find(struct file_provider *f)
{
	snprintf(f->folder, sizeof f->folder, "%s", f->database);
	char *slash = strrchr(f->folder, '/');
	if (slash == NULL)
		snprintf(f->folder, sizeof f->folder, ".");
	else
		slash[slash == f->folder ? 1 : 0] = '\0';
	int n = snprintf(f->shm, sizeof f->shm, "%s-shm", f->database);
	if (n >= CONFIG_PATH_MOST || access(f->shm, F_OK) != 0)
		f->shm[0] = '\0';
}

static enum err file_open(const struct provider_setup *setup, void **self, struct fault *fault)
{
	struct file_provider *f = calloc(1, sizeof *f);

	if (f == NULL)
		return fault_at(fault, ERR_MEMORY, 0, "", "", "", "");
	f->found = setup->found;
	f->trace = setup->trace;
	f->arg = setup->arg;
	f->database = setup->provider->sqlite;
	enum err e = sqlite_source_open(f->database, setup->provider->statement, setup->clause, &f->source, fault);
	if (e != ERR_OK) {
		free(f);
		return e;
	}
	paths_find(f);
	*self = f;
	return ERR_OK;
}

static void file_needs(const void *self, struct provider_needs *out)
{
	const struct file_provider *f = self;

	out->promises = PROMISE_READ | (f->shm[0] != '\0' ? (unsigned)PROMISE_WRITE : 0u);
	out->paths[0].path = f->folder;
	if (f->shm[0] != '\0')
		out->paths[1] = (struct promise_path){.path = f->shm, .write = 1};
}

static const struct {
	enum err    err;
	const char *code;
} codes[] = {
	{ERR_BUSY, "provider-timeout"},
	{ERR_DUPLICATE, "provider-ambiguous"},
	{ERR_VALUE, "provider-value"},
};

static const char *code_of(enum err e)
{
	for (size_t i = 0; i < COUNT_OF(codes); i++)
		if (codes[i].err == e)
			return codes[i].code;
	return "provider-database";
}

static void trace(const struct file_provider *f, const struct provider_answer *a)
{
	if (f->trace == NULL)
		return;
	f->trace(f->arg, STEP_ASKED, BYTES_NONE, bytes_text(f->database),
		 bytes_text(a->outcome == PROVIDER_HIT	    ? "one row"
			    : a->outcome == PROVIDER_NO_HIT ? "no row"
							    : a->code));
	for (unsigned i = 0; a->outcome == PROVIDER_HIT && i < a->fields->n; i++)
		f->trace(f->arg, STEP_MAPPED, a->fields->at[i].name, a->fields->at[i].name, a->fields->at[i].value);
}

static void file_ask(void *self, const struct provider_question *q)
{
	struct file_provider  *f = self;
	struct provider_answer a = {.ticket = q->ticket, .fields = &f->answer};
	enum err	       e = q->most_ms == 0 ? ERR_BUSY : sqlite_source_begin(f->source);

	if (e == ERR_OK)
		e = sqlite_source_lookup(f->source, q->fields, q->most_ms, &f->answer);
	a.outcome = e == ERR_OK ? PROVIDER_HIT : e == ERR_NOT_FOUND ? PROVIDER_NO_HIT : PROVIDER_FAILED;
	if (a.outcome == PROVIDER_FAILED)
		a.code = code_of(e);
	trace(f, &a);
	f->found(f->arg, &a);
}

static void file_turn(void *self)
{
	struct file_provider *f = self;

	sqlite_source_end(f->source);
}

static void file_close(void *self)
{
	struct file_provider *f = self;

	sqlite_source_close(f->source);
	free(f);
}

const struct provider_kind provider_sqlite = {
	.source = SOURCE_SQLITE,
	.open = file_open,
	.needs = file_needs,
	.ask = file_ask,
	.turn = file_turn,
	.close = file_close,
};
