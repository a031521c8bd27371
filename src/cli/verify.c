/* verify.c: `mithaq verify FILE`: what a bundle or an ALARM file proves, offline, with libmithaq alone. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cli/cli.h"
#include "evidence/alarm.h"
#include "evidence/evidence.h"
#include "proc/files.h"

#define SENTENCE_MOST 1400
#define PAPER_MOST    (AGREEMENT_TEXT_MOST + 4096u)

/* The files of one run: the bundle, and what the person brought along to compare with. */
struct run {
	const char   *bundle_path;
	struct buffer bundle, agreement;
	unsigned      ncards;
	const char   *card_path[EVIDENCE_GIVEN_MOST];
	struct buffer card[EVIDENCE_GIVEN_MOST];
	struct report report;
};

/* ---- for people ---- */

/* A value may have several lines; here each stands on one. */
static void print_value(FILE *out, struct bytes v)
{
	for (size_t i = 0; i < v.n; i++)
		fputc(v.at[i] == '\n' ? ' ' : v.at[i], out);
}

static void print_shown(struct cli *cli, const struct shown *s)
{
	const char *question = cli_text(cli, "QUESTION", "السؤال"), *answer = cli_text(cli, "ANSWER", "الجواب");

	fprintf(cli->out, "%-8s  ", s->in == SHOWN_QUESTION ? question : answer);
	print_value(cli->out, s->name);
	fputs("  ", cli->out);
	print_value(cli->out, s->value);
	fputc('\n', cli->out);
}

static void print_claim(struct cli *cli, const struct claim *c)
{
	char text[SENTENCE_MOST];

	claim_text(c, cli->lang, text, sizeof text);
	fprintf(cli->out, "%-7s  %s\n", verdict_word(c->verdict, cli->lang), text);
}

static void print_report(struct cli *cli, const struct report *r)
{
	for (unsigned i = 0; i < r->nshown; i++)
		print_shown(cli, &r->shown[i]);
	for (unsigned i = 0; i < r->n; i++)
		print_claim(cli, &r->claim[i]);
}

/* ---- for programs ---- */

static json_t *json_bytes(struct bytes v)
{
	return json_stringn((const char *)v.at, v.n);
}

static json_t *json_claim(const struct claim *c, enum lang lang)
{
	static const char *const verdicts[] = {[VERDICT_PROVED] = "proved", [VERDICT_NOT_PROVED] = "not-proved", [VERDICT_TRUST] = "trust"};
	char			 text[SENTENCE_MOST];
	json_t			*values = json_array();

	for (unsigned i = 0; i < c->n; i++)
		json_array_append_new(values, json_string(c->value[i]));
	claim_text(c, lang, text, sizeof text);
	return json_pack("{s:s, s:s, s:o, s:s}", "verdict", verdicts[c->verdict], "claim", claim_name(c->kind), "values", values, "text", text);
}

static json_t *json_shown(const struct report *r, enum shown_in in)
{
	json_t *object = json_object();

	for (unsigned i = 0; i < r->nshown; i++) {
		const struct shown *s = &r->shown[i];

		if (s->in == in)
			json_object_setn_new(object, (const char *)s->name.at, s->name.n, json_bytes(s->value));
	}
	return object;
}

static json_t *json_report(const struct report *r, enum lang lang)
{
	char	id[ID_TEXT + 1];
	json_t *claims = json_array();

	for (unsigned i = 0; i < r->n; i++)
		json_array_append_new(claims, json_claim(&r->claim[i], lang));
	id_write(r->mid, id);
	return json_pack("{s:b, s:s++, s:o, s:o, s:o}", "sound", 1, "id", "q_", id, "", "question", json_shown(r, SHOWN_QUESTION), "answer",
			 json_shown(r, SHOWN_ANSWER), "claims", claims);
}

static int print_json(struct cli *cli, json_t *object, int code)
{
	if (object == NULL || json_dumpf(object, cli->out, JSON_INDENT(2)) != 0)
		code = EXIT_INTERNAL;
	fputc('\n', cli->out);
	json_decref(object);
	return code;
}

/* ---- the run ---- */

static int broken(struct cli *cli, const struct run *run, const struct fault *fault)
{
	char line[1024];

	fault_print(fault, run->bundle_path, cli->lang, line, sizeof line);
	if (cli->json)
		return print_json(cli, json_pack("{s:b, s:s}", "sound", 0, "because", line), EXIT_EVIDENCE_BROKEN);
	fprintf(cli->complain, "%s  %s\n", cli_text(cli, "BROKEN", "باطل"), line);
	return EXIT_EVIDENCE_BROKEN;
}

/* ---- an ALARM file ---- */

static void print_alarm(struct cli *cli, const struct alarm *a, const struct alarm_proof *p)
{
	const char *proved = verdict_word(VERDICT_PROVED, cli->lang), *not_proved = verdict_word(VERDICT_NOT_PROVED, cli->lang);
	char	    hex[2][2 * HASH_SIZE + 1], code[ALARM_CODE_MOST], time[25];

	alarm_code_word(a->code, code);
	time_write(a->time_ms, time);
	if (p->finding == ALARM_PROVED_FOUND) {
		hex_write(p->root[0].b, HASH_SIZE, hex[0]);
		hex_write(p->root[1].b, HASH_SIZE, hex[1]);
		fprintf(cli->out,
			cli_text(cli, "%s: %s signed two different histories of %s at size %llu\n",
				 "%s: وقّعت %s تاريخين مختلفين للسجل %s عند الحجم %llu\n"),
			proved, a->about, p->origin, (unsigned long long)p->size);
		fprintf(cli->out, "  %s %s\n  %s %s\n", cli_text(cli, "one root:  ", "جذر:    "), hex[0], cli_text(cli, "the other: ", "والآخر:"),
			hex[1]);
	} else {
		fprintf(cli->out, "%s: %s\n", not_proved, alarm_finding_text(p->finding, cli->lang));
		fprintf(cli->out, cli_text(cli, "  this is a record by %s, not a proof\n", "  هذا قيد لدى %s وليس دليلًا\n"), a->kept_by);
	}
	fprintf(cli->out,
		cli_text(cli, "  alarm %s, raised by %s, at %s: %.*s\n", "  الإنذار %s، رفعته %s، في %s؛ السبب كما سُجّل بالإنجليزية: %.*s\n"), code,
		a->said_by, time, (int)a->because.n, (const char *)a->because.at);
	fprintf(cli->out,
		cli_text(cli, "%s: all of this rests on the root keys of %s, %s: trust in them is yours\n",
			 "%s: كل ما سبق يقوم على مفتاحي %s الجذريين، %s: والثقة بهما لك\n"),
		verdict_word(VERDICT_TRUST, cli->lang), a->about, p->fingerprint);
}

static json_t *json_alarm(const struct alarm *a, const struct alarm_proof *p, enum lang lang)
{
	bool	proved = p->finding == ALARM_PROVED_FOUND;
	char	hex[2][2 * HASH_SIZE + 1], code[ALARM_CODE_MOST], time[25];
	json_t *o;

	alarm_code_word(a->code, code);
	time_write(a->time_ms, time);
	hex_write(p->root[0].b, HASH_SIZE, hex[0]);
	hex_write(p->root[1].b, HASH_SIZE, hex[1]);
	o = json_pack("{s:b, s:s, s:b, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:s}", "sound", 1, "alarm", code, "proved", proved, "finding",
		      alarm_finding_word(p->finding), "text", alarm_finding_text(p->finding, lang), "time", time, "kept-by", a->kept_by, "said-by",
		      a->said_by, "about", a->about, "channel", a->channel, "because", json_bytes(a->because), "fingerprint", p->fingerprint);
	if (proved)
		json_object_update_new(o, json_pack("{s:s, s:I, s:s, s:s}", "origin", p->origin, "size", (json_int_t)p->size, "root-1", hex[0],
						    "root-2", hex[1]));
	return o;
}

/* What any of the given cards takes from the proof is taken. */
static enum err alarm_judge(const struct alarm *a, const struct run *run, struct alarm_proof *proof, struct fault *fault)
{
	static struct alarm_proof by_card; /* large */
	enum err		  e = alarm_verify(a, BYTES_NONE, proof, fault);

	for (unsigned i = 0; i < run->ncards && e == ERR_OK; i++) {
		e = alarm_verify(a, buffer_bytes(&run->card[i]), &by_card, fault);
		if (e == ERR_OK && proof->finding == ALARM_PROVED_FOUND)
			*proof = by_card;
	}
	return e;
}

/* A record that proves nothing ends like a broken bundle does: scripts ask for proof. */
static int verify_alarm(struct cli *cli, struct run *run)
{
	static struct alarm_proof proof; /* large */
	struct alarm		  alarm;
	struct fault		  fault = {.err = ERR_OK};
	enum err		  e = alarm_read(buffer_bytes(&run->bundle), &alarm, &fault);

	if (run->agreement.n > 0)
		return cli_complain(cli, EXIT_USAGE, "--agreement", cli_text(cli, "an ALARM file holds no agreement", "لا اتفاق في ملف الإنذار"),
				    NULL);
	if (e == ERR_OK)
		e = alarm_judge(&alarm, run, &proof, &fault);
	if (e != ERR_OK)
		return broken(cli, run, &fault);
	int code = proof.finding == ALARM_PROVED_FOUND ? EXIT_DONE : EXIT_EVIDENCE_BROKEN;
	if (cli->json)
		return print_json(cli, json_alarm(&alarm, &proof, cli->lang), code);
	print_alarm(cli, &alarm, &proof);
	return code;
}

static int verify(struct cli *cli, struct run *run)
{
	struct pins  pins = {.agreement = buffer_bytes(&run->agreement)};
	struct fault fault = {.err = ERR_OK};

	for (unsigned i = 0; i < run->ncards; i++)
		pins.card[i] = buffer_bytes(&run->card[i]);
	enum err e = evidence_verify(buffer_bytes(&run->bundle), &pins, &run->report, &fault);

	if (e == ERR_MEMORY)
		return cli_err(cli, e, run->bundle_path, NULL);
	if (e != ERR_OK)
		return broken(cli, run, &fault);
	if (cli->json)
		return print_json(cli, json_report(&run->report, cli->lang), EXIT_DONE);
	print_report(cli, &run->report);
	return EXIT_DONE;
}

/* A file that cannot be read is the caller's word gone wrong, not broken evidence. */
static int read_paper(struct cli *cli, const char *path, struct buffer *out)
{
	if (path == NULL || file_read(path, out) == ERR_OK)
		return EXIT_DONE;
	return cli_complain(cli, EXIT_USAGE, path, errno != 0 ? strerror(errno) : NULL, NULL);
}

static int read_all(struct cli *cli, struct run *run, const char *agreement)
{
	int code;

	errno = 0;
	if ((code = read_paper(cli, run->bundle_path, &run->bundle)) != EXIT_DONE)
		return code;
	if ((code = read_paper(cli, agreement, &run->agreement)) != EXIT_DONE)
		return code;
	for (unsigned i = 0; i < run->ncards && code == EXIT_DONE; i++) {
		run->card[i].most = CARD_MOST;
		code = read_paper(cli, run->card_path[i], &run->card[i]);
	}
	return code;
}

/* "--card FILE" may stand several times: takes the first one out of argv; its value, or NULL when there is none left. */
static const char *card_option(int *argc, char **argv)
{
	static const char name[] = "--card", joined[] = "--card=";

	for (int i = 1; i < *argc && strcmp(argv[i], "--") != 0; i++) {
		bool apart = strcmp(argv[i], name) == 0 && i + 1 < *argc;

		if (!apart && strncmp(argv[i], joined, sizeof joined - 1) != 0)
			continue;
		const char *value = apart ? argv[i + 1] : argv[i] + sizeof joined - 1;
		int	    used = apart ? 2 : 1;
		memmove(&argv[i], &argv[i + used], (size_t)(*argc - i - used + 1) * sizeof *argv);
		*argc -= used;
		return value;
	}
	return NULL;
}

/* The rest of the command line: one bundle, and perhaps an agreement. False: that is not how it is used, or too many cards. */
static bool words_read(struct cli *cli, int argc, char **argv, struct run *run, const char **agreement)
{
	const struct cli_option options[] = {{"--agreement", agreement, NULL}};
	const char	       *card;

	while ((card = card_option(&argc, argv)) != NULL) {
		if (run->ncards == EVIDENCE_GIVEN_MOST)
			return false;
		run->card_path[run->ncards++] = card;
	}
	if (cli_options(cli, argc, argv, options, COUNT_OF(options)) != 1)
		return false;
	run->bundle_path = argv[1];
	return true;
}

static void run_free(struct run *run)
{
	buffer_done(&run->bundle);
	buffer_done(&run->agreement);
	for (unsigned i = 0; i < run->ncards; i++)
		buffer_done(&run->card[i]);
	free(run);
}

int cmd_verify(struct cli *cli, int argc, char **argv)
{
	const char *agreement = NULL;
	struct run *run = calloc(1, sizeof *run);

	if (run == NULL)
		return cli_err(cli, ERR_MEMORY, argv[0], NULL);
	if (!words_read(cli, argc, argv, run, &agreement)) {
		run_free(run);
		return cli_usage(cli);
	}
	run->bundle.most = EVIDENCE_MOST + 1; /* one more, so that a longer one is broken evidence and not an unreadable file */
	run->agreement.most = PAPER_MOST;
	int code = read_all(cli, run, agreement);
	if (code == EXIT_DONE)
		code = alarm_is(buffer_bytes(&run->bundle)) ? verify_alarm(cli, run) : verify(cli, run);
	run_free(run);
	return code;
}
