/* status.c: `mithaq status`: partners, links and ledgers of the running gateway. */
#include <string.h>

#include "cli/ask.h"

static void print_partner(struct cli *cli, const json_t *p)
{
	bool up = json_is_true(json_object_get(p, "connected"));

	fprintf(cli->out, "%-28s %s %s", reply_text(p, "name"), up ? cli_text(cli, "up since", "متصل منذ") : cli_text(cli, "down since", "منقطع منذ"),
		*reply_text(p, "since") != '\0' ? reply_text(p, "since") : "-");
	if (!up && *reply_text(p, "cause") != '\0')
		fprintf(cli->out, ": %s", reply_text(p, "cause"));
	if (reply_number(p, "unreceipted") > 0)
		fprintf(cli->out, "%s %llu", cli_text(cli, "; without receipt:", "؛ بلا إيصال:"), (unsigned long long)reply_number(p, "unreceipted"));
	fputc('\n', cli->out);
}

static void print_channel(struct cli *cli, const json_t *c)
{
	const json_t *own = json_object_get(c, "own"), *peer = json_object_get(c, "peer");

	fprintf(cli->out, "  %-14s %s %.12s  %s %llu/%llu  %s %llu\n", reply_text(c, "channel"), cli_text(cli, "ledgers", "السجلان"),
		reply_text(c, "ledgers"), cli_text(cli, "ours (receipted/held)", "سجلنا (بإيصال/محفوظ)"),
		(unsigned long long)reply_number(own, "receipted"), (unsigned long long)reply_number(own, "size"), cli_text(cli, "theirs", "سجلهم"),
		(unsigned long long)reply_number(peer, "size"));
	fprintf(cli->out, "  %-14s %s %llu%s %llu%s %llu%s %llu\n", "", cli_text(cli, "asked", "الاستعلامات"),
		(unsigned long long)reply_number(c, "asked"), cli_text(cli, ", answered", "، المجاب"),
		(unsigned long long)reply_number(c, "answered"), cli_text(cli, ", refused", "، المرفوض"),
		(unsigned long long)reply_number(c, "refused"), cli_text(cli, ", unanswered", "، بلا جواب"),
		(unsigned long long)reply_number(c, "unanswered"));
}

/* A channel that does not do its work says why. */
static void print_conditions(struct cli *cli, const json_t *p)
{
	static const struct {
		const char *member, *en, *ar;
	} conditions[] = {
		{"frozen", "FROZEN by an alarm: `mithaq alarm list`", "مجمّدة بإنذار: «mithaq alarm list»"},
		{"fetching", "taking in again what this ledger lost; nothing is asked or answered until then",
		 "تستعيد ما فقده هذا السجل؛ لا سؤال ولا جواب قبل ذلك"},
		{"waiting", "waiting: the partner must first take in what its ledger lost", "في الانتظار: على الشريك أن يستعيد أولًا ما فقده سجله"},
	};
	size_t	index;
	json_t *name;

	for (size_t i = 0; i < COUNT_OF(conditions); i++)
		json_array_foreach(json_object_get(p, conditions[i].member), index, name)
			fprintf(cli->out, "  %-14s %s\n", json_string_value(name), cli_text(cli, conditions[i].en, conditions[i].ar));
}

static void print_channels_of(struct cli *cli, const json_t *channels, const char *partner)
{
	size_t	index;
	json_t *channel;

	json_array_foreach(channels, index, channel) if (strcmp(reply_text(channel, "partner"), partner) == 0) print_channel(cli, channel);
}

static int show(struct cli *cli, const struct reply *r)
{
	size_t	index;
	json_t *partner;

	if (r->http.status >= 400)
		return ask_problem(cli, r);
	if (cli->json) {
		ask_print_raw(cli, r);
		return EXIT_DONE;
	}
	fprintf(cli->out, "%s   mithaq %s   %s %s\n", reply_text(r->json, "party"), reply_text(r->json, "version"),
		cli_text(cli, "up since", "تعمل منذ"), reply_text(r->json, "started"));
	json_array_foreach(json_object_get(r->json, "partners"), index, partner)
	{
		print_partner(cli, partner);
		print_conditions(cli, partner);
		print_channels_of(cli, json_object_get(r->json, "channels"), reply_text(partner, "name"));
	}
	return EXIT_DONE;
}

int cmd_status(struct cli *cli, int argc, char **argv)
{
	const char	       *token = NULL;
	const struct cli_option options[] = {{"--token", &token, NULL}};
	struct http_question	q = {.method = "GET", .target = "/v1/status"};
	struct reply		r;

	if (cli_options(cli, argc, argv, options, COUNT_OF(options)) != 0)
		return cli_usage(cli);
	int code = ask_gateway(cli, &q, token, &r);
	if (code != EXIT_DONE)
		return code;
	code = show(cli, &r);
	reply_done(&r);
	return code;
}
