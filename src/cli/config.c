/*
 * config.c: `mithaq config check`: everything that the gateway will read, looked at before it does.
 *
 * Configuration, papers, keys, credentials, and each source of answers opened as its
 * worker opens it. One line for each: ok, or where it is off and what helps. Nothing is changed,
 * and a gateway that runs is not disturbed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "cli/cli.h"
#include "net/json.h"
#include "proc/inspect.h"
#include "proc/papers.h"
#include "provider/provider.h"

#define LINE_MOST 1280

struct checking {
	struct cli	  *cli;
	struct config	   config;
	struct papers	  *papers; /* NULL: they do not load, which has been said */
	struct event_base *base;
	unsigned	   good, bad;
	json_t		  *items;
};

/* ---- telling ---- */

/* `bad` is the whole sentence with its place, or NULL. */
static void tell(struct checking *k, const char *what, const char *bad)
{
	*(bad != NULL ? &k->bad : &k->good) += 1;
	json_t *item = json_pack("{s:s, s:b}", "what", what, "ok", bad == NULL);
	if (item != NULL && bad != NULL)
		json_object_set_new(item, "found", json_string(bad));
	json_array_append_new(k->items, item);
	if (k->cli->json)
		return;
	if (bad == NULL)
		fprintf(k->cli->out, "%s  %s\n", cli_text(k->cli, "ok ", "سليم"), what);
	else
		fprintf(k->cli->out, "%s  %s\n", cli_text(k->cli, "OFF", "خلل"), bad);
}

static void tell_fault(struct checking *k, const char *what, const struct fault *fault)
{
	char line[LINE_MOST];

	fault_print(fault, what, k->cli->lang, line, sizeof line);
	tell(k, what, line);
}

static void seen(void *arg, const struct inspected *seen)
{
	struct checking *k = arg;

	if (seen->err == ERR_OK)
		tell(k, seen->file, NULL);
	else
		tell_fault(k, seen->file, seen->fault);
}

/* ---- sources ---- */

static void no_answer(void *arg unused_arg, const struct provider_answer *a unused_arg)
{
}

static void source_check(struct checking *k, const struct config_provider *p)
{
	struct provider_setup setup = {.config = &k->config, .provider = p, .base = k->base, .found = no_answer};
	struct provider	     *provider = NULL;
	struct fault	      fault = {.err = ERR_OK};
	char		      what[CONFIG_PATH_MOST + 2 * NAME_MOST + 64], line[LINE_MOST];

	setup.agreement = k->papers != NULL ? provider_agreement(k->papers, p->clause) : NULL;
	if (setup.agreement != NULL)
		setup.clause = agreement_clause_named(setup.agreement, bytes_text(p->clause));
	snprintf(what, sizeof what, "%s/mithaq.yaml:%u: %s", k->config.home, p->line, p->clause);
	enum err e = p->source == SOURCE_FETCH ? ERR_OK : provider_open(&setup, &provider, &fault);
	if (e == ERR_OK) {
		tell(k, what, NULL);
		provider_close(provider);
		return;
	}
	if (fault.err == ERR_OK)
		fault.err = e;
	fault.line = 0; /* the line of the configuration stands in `what` */
	fault_print(&fault, what, k->cli->lang, line, sizeof line);
	tell(k, what, line);
}

static void sources_check(struct checking *k)
{
	char file[CONFIG_PATH_MOST];

	k->papers = calloc(1, sizeof *k->papers); /* large: kept off the stack */
	k->base = event_base_new();
	if (k->papers != NULL && papers_load(&k->config, k->papers, file, NULL) != ERR_OK) {
		free(k->papers);
		k->papers = NULL;
	}
	for (unsigned i = 0; k->base != NULL && i < k->config.nproviders; i++)
		source_check(k, &k->config.provider[i]);
	if (k->papers != NULL)
		papers_done(k->papers);
	free(k->papers);
	if (k->base != NULL)
		event_base_free(k->base);
}

/* ---- the whole ---- */

static void config_look(struct checking *k)
{
	struct fault fault = {.err = ERR_OK};
	char	     path[CONFIG_PATH_MOST + 16];

	config_places(&k->config, k->cli->home);
	snprintf(path, sizeof path, "%s/mithaq.yaml", k->config.home);
	enum err e = config_read(&k->config, &fault);
	if (e != ERR_OK) {
		fault.err = e;
		tell_fault(k, path, &fault);
		return;
	}
	tell(k, path, NULL);
	e = inspect_home(&k->config, seen, k);
	if (e != ERR_OK && k->bad == 0)
		tell(k, k->config.home, err_text(e, k->cli->lang));
	sources_check(k);
}

static void print_end(struct checking *k)
{
	if (k->cli->json) {
		json_t *whole = json_pack("{s:b, s:O}", "ok", k->bad == 0, "checked", k->items);
		char   *text = json_dumps(whole, JSON_INDENT(2));

		fprintf(k->cli->out, "%s\n", text != NULL ? text : "{}");
		free(text);
		json_decref(whole);
		return;
	}
	if (k->bad == 0)
		fprintf(k->cli->out,
			cli_text(k->cli, "all %u are in order; a running gateway takes them up with SIGHUP (systemctl reload mithaq)\n",
				 "سليمة كلها وعددها %u، وتأخذ بها البوابة العاملة بالإشارة SIGHUP "
				 "‏(systemctl "
				 "reload "
				 "mithaq)\n"),
			k->good);
	else
		fprintf(k->cli->out,
			cli_text(k->cli,
				 "%u of %u are off: a source alone fails its own clause; with anything else the gateway does not start, and a "
				 "running one refuses the reload\n",
				 "فيها %u مختل من %u: خلل المصدر وحده يُفشل بنده، وأما غيره فلا تبدأ البوابة به، وترفضه العاملة وتمضي على ما هي "
				 "عليه\n"),
			k->bad, k->bad + k->good);
}

int cmd_config(struct cli *cli, int argc, char **argv)
{
	struct checking k = {.cli = cli, .items = json_array()};

	if (cli_options(cli, argc, argv, NULL, 0) != 1 || strcmp(argv[1], "check") != 0) {
		json_decref(k.items);
		return cli_usage(cli);
	}
	config_look(&k);
	print_end(&k);
	json_decref(k.items);
	config_done(&k.config);
	return k.bad == 0 ? EXIT_DONE : EXIT_USAGE;
}
