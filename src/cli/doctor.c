/* doctor.c: `mithaq doctor`: is this machine fit, which layer towards a partner fails, how much does it carry. */
#include "cli/doctor.h"

#include <stdarg.h>
#include <string.h>

#define FOUND_MOST 400

static const char *grade_word(const struct doctor *d, enum grade grade)
{
	switch (grade) {
	case GRADE_OK:
		return cli_text(d->cli, "ok", "سليم");
	case GRADE_NOTE:
		return cli_text(d->cli, "note", "ملاحظة");
	case GRADE_BAD:
		return cli_text(d->cli, "BAD", "خلل");
	}
	return "";
}

static void say_json(struct doctor *d, const struct check *check, enum grade grade, const char *help, const char *found)
{
	static const char *const grades[] = {"ok", "note", "bad"};

	fprintf(d->cli->out, "%s{\"check\":\"%s\",\"grade\":\"%s\",\"found\":", d->listed ? "," : "", check->name, grades[grade]);
	cli_json_text(d->cli, found);
	fputs(",\"help\":", d->cli->out);
	cli_json_text(d->cli, help);
	fputs("}", d->cli->out);
	d->listed = true;
}

void doctor_say(struct doctor *d, const struct check *check, enum grade grade, const char *help, const char *format, ...)
{
	char	found[FOUND_MOST];
	va_list values;

	va_start(values, format);
	(void)vsnprintf(found, sizeof found, format, values);
	va_end(values);
	if (grade == GRADE_BAD)
		d->bad++;
	if (grade == GRADE_OK)
		help = NULL;
	if (d->cli->json)
		say_json(d, check, grade, help, found);
	else if (d->cli->lang == LANG_AR) /* columns are counted in bytes, and an Arabic letter has two */
		fprintf(d->cli->out, "  %s: %s (%s)\n", check->name_ar, found, grade_word(d, grade));
	else
		fprintf(d->cli->out, "  %-12s %-60s %s\n", check->name, found, grade_word(d, grade));
	if (help != NULL && !d->cli->json)
		fprintf(d->cli->out, "  %-12s %s\n", "", help);
	fflush(d->cli->out);
}

/* A machine may be looked at before it has a home. */
static int machine(struct doctor *d)
{
	struct config config;
	struct fault  fault = {0};

	config_places(&config, d->cli->home);
	bool there = config_read(&config, &fault) == ERR_OK;
	doctor_machine(d, there ? &config : NULL);
	config_done(&config);
	return EXIT_DONE;
}

static int partner(struct doctor *d, const char *name)
{
	struct home h;
	int	    code = home_open(d->cli, &h);

	if (code != EXIT_DONE)
		return code;
	doctor_partner(d, &h, name);
	home_done(&h);
	return EXIT_DONE;
}

int cmd_doctor(struct cli *cli, int argc, char **argv)
{
	struct doctor		d = {.cli = cli};
	const char	       *name = NULL;
	bool			measure = false;
	const struct cli_option options[] = {{"--partner", &name, NULL}, {"--measure", NULL, &measure}};

	if (cli_options(cli, argc, argv, options, COUNT_OF(options)) != 0)
		return cli_usage(cli);
	if (cli->json)
		fputc('[', cli->out);
	int code = measure ? doctor_measure(&d) : name != NULL ? partner(&d, name) : machine(&d);
	if (cli->json)
		fputs("]\n", cli->out);
	if (code != EXIT_DONE)
		return code;
	return d.bad > 0 ? name != NULL ? EXIT_UNREACHABLE : EXIT_INTERNAL : EXIT_DONE;
}
