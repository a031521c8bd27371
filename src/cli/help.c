/* help.c: `mithaq help [COMMAND]` and `mithaq version`. */
#include <string.h>

#include "cli/cli.h"

static void print_row(const struct cli *cli, const struct command *c)
{
	fprintf(cli->out, "  %-10s %s\n", c->name, cli_text(cli, c->about, c->about_ar));
}

static void print_all(const struct cli *cli)
{
	fprintf(cli->out, "%s\n\n",
		cli_text(cli, "mithaq: nothing crosses but what an agreement that both parties signed permits",
			 "ميثاق: لا يعبر إلا ما يجيزه اتفاق وقّعه الطرفان"));
	for (size_t i = 0; i < cli->ncommands; i++)
		print_row(cli, &cli->commands[i]);
	fprintf(cli->out, "\n%s\n", cli_text(cli, "with every command:", "مع كل أمر:"));
	fprintf(cli->out, "  --home DIR   %s\n",
		cli_text(cli, "the party's folder (else MITHAQ_HOME, else /etc/mithaq)", "مجلد الطرف (وإلا MITHAQ_HOME وإلا /etc/mithaq)"));
	fprintf(cli->out, "  --lang ar|en %s\n", cli_text(cli, "the language of what is printed", "لغة ما يُطبع"));
	fprintf(cli->out, "  --json       %s\n", cli_text(cli, "the result for machines", "النتيجة للآلات"));
	fprintf(cli->out, "\n%s\n",
		cli_text(cli,
			 "exit codes: 0 done, 1 internal, 2 usage, 3 refused here, 4 refused by partner, 5 unreachable, 6 no hit (--exit-hit), 7 "
			 "evidence broken",
			 "رموز الخروج: 0 تم، 1 خطأ داخلي، 2 صيغة الأمر، 3 رُفض هنا، 4 رفضه الشريك، 5 تعذر الاتصال، 6 لا نتيجة "
			 "(‎--exit-hit)، "
			 "7 "
			 "دليل "
			 "معيب"));
}

int cmd_help(struct cli *cli, int argc, char **argv)
{
	if (argc < 2) {
		print_all(cli);
		return EXIT_DONE;
	}
	for (size_t i = 0; i < cli->ncommands; i++) {
		const struct command *c = &cli->commands[i];

		if (strcmp(c->name, argv[1]) != 0)
			continue;
		fprintf(cli->out, "mithaq %s %s\n%s\n", c->name, c->words, cli_text(cli, c->about, c->about_ar));
		return EXIT_DONE;
	}
	return cli_complain(cli, EXIT_USAGE, cli_text(cli, "no such command", "لا يوجد أمر بهذا الاسم"), argv[1], NULL);
}

int cmd_version(struct cli *cli, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	fprintf(cli->out, cli->json ? "{\"name\":\"mithaq\",\"version\":\"%s\"}\n" : "mithaq %s\n", MITHAQ_VERSION);
	return EXIT_DONE;
}
