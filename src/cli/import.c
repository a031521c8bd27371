/* import.c: `mithaq import un-list FILE --into DATABASE`: fills what a provider answers from. */
#include <jansson.h>
#include <string.h>

#include "base/text.h"
#include "cli/cli.h"
#include "lists/designations.h"
#include "proc/files.h"

static enum err only_looked_at(void *arg unused_arg, const struct un_record *record unused_arg)
{
	return ERR_OK;
}

struct imported {
	struct un_report	   list;
	struct designations_report table;
};

/* The list is read twice: once to see that it is whole, before the database is touched, and once to load it. */
static enum err load(struct bytes xml, const char *database, struct imported *out, struct fault *fault, bool *of_list)
{
	struct designations *d = NULL;

	*of_list = true;
	enum err e = un_list_read(xml, only_looked_at, NULL, &out->list, fault);
	if (e != ERR_OK)
		return e;
	*of_list = false;
	e = designations_begin(database, &d, fault);
	if (e == ERR_OK)
		e = un_list_read(xml, designations_add, d, &out->list, fault);
	if (e == ERR_OK)
		e = designations_commit(d, &out->table, fault);
	designations_close(d);
	return e;
}

static void say_count(struct cli *cli, unsigned n, const char *en, const char *ar)
{
	if (n > 0)
		fprintf(cli->out, "  %u %s\n", n, cli_text(cli, en, ar));
}

static void say_places(struct cli *cli, const struct imported *i)
{
	for (unsigned k = 0; k < i->table.nduplicates; k++)
		fprintf(cli->out, "    %s:%u %s\n", cli_text(cli, "line", "السطر"), i->table.duplicate_line[k], i->table.duplicate[k]);
	for (unsigned k = 0; k < i->list.nunknown; k++)
		fprintf(cli->out, "    %s:%u <%s>\n", cli_text(cli, "line", "السطر"), i->list.unknown_line[k], i->list.unknown_name[k]);
}

static void say(struct cli *cli, const struct imported *i, const char *database)
{
	fprintf(cli->out, "%s: %u\n", cli_text(cli, "individuals read", "الأفراد الذين قُرئت قيودهم"), i->list.individuals);
	fprintf(cli->out, "%s: %u\n", cli_text(cli, "entities read", "الكيانات التي قُرئت قيودها"), i->list.entities);
	fprintf(cli->out, "%s: %u, %s\n", cli_text(cli, "records loaded", "القيود المحمّلة"), i->table.loaded, database);
	if (i->list.generated[0] != '\0')
		fprintf(cli->out, "  %s %s\n", cli_text(cli, "list generated", "تاريخ إصدار القائمة"), i->list.generated);
	say_count(cli, i->list.original_script, "names in original script", "اسمًا بالكتابة الأصلية");
	say_count(cli, i->list.arabic, "of these in Arabic script", "منها بالكتابة العربية");
	say_count(cli, i->table.fresh, "references that were not here before", "مرجعًا لم يكن هنا من قبل");
	say_count(cli, i->table.gone, "references of the earlier list are gone", "مرجعًا من القائمة السابقة لم يعد فيها");
	say_count(cli, i->list.spaces_folded, "texts with stray white space, folded", "نصًا فيه فراغات زائدة، سُوّيت");
	say_count(cli, i->list.normalised, "texts brought to Unicode NFC", "نصًا حُوّل إلى صيغة يونيكود NFC");
	say_count(cli, i->list.bidi_removed, "bidirectional controls removed", "من محارف التحكم باتجاه الكتابة، أُزيلت");
	say_count(cli, i->list.dates_left_out, "dates that are none, left out", "تاريخًا غير صحيح، أُهمل");
	say_count(cli, i->list.without_reference, "records without a reference number, left out", "قيدًا بلا رقم مرجعي، أُهمل");
	say_count(cli, i->table.duplicates, "records repeat a reference number; the first stays:", "قيدًا كرر رقمًا مرجعيًا؛ بقي الأول:");
	say_count(cli, i->list.unknown, "elements not known here, passed over", "عنصرًا غير معروف هنا، جرى تجاوزه");
	say_places(cli, i);
}

static json_t *places_json(const char *word, const void *names, size_t width, const unsigned *lines, unsigned n)
{
	json_t *list = json_array();

	for (unsigned k = 0; k < n; k++)
		json_array_append_new(list, json_pack("{s:s, s:i}", word, (const char *)names + k * width, "line", (int)lines[k]));
	return list;
}

static void say_json(struct cli *cli, const struct imported *i, const char *database)
{
	const struct un_report		 *l = &i->list;
	const struct designations_report *t = &i->table;
	json_t *all = json_pack("{s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i}", "into", database, "generated",
				l->generated, "individuals", (int)l->individuals, "entities", (int)l->entities, "loaded", (int)t->loaded,
				"original_script", (int)l->original_script, "arabic", (int)l->arabic, "new", (int)t->fresh, "gone", (int)t->gone,
				"spaces_folded", (int)l->spaces_folded, "normalised", (int)l->normalised, "bidi_removed", (int)l->bidi_removed,
				"dates_left_out", (int)l->dates_left_out, "without_reference", (int)l->without_reference, "duplicates",
				(int)t->duplicates, "unknown", (int)l->unknown);

	json_object_set_new(all, "duplicate", places_json("reference", t->duplicate, sizeof t->duplicate[0], t->duplicate_line, t->nduplicates));
	json_object_set_new(all, "unknown_elements", places_json("name", l->unknown_name, sizeof l->unknown_name[0], l->unknown_line, l->nunknown));
	json_dumpf(all, cli->out, JSON_INDENT(2));
	fputc('\n', cli->out);
	json_decref(all);
}

static int import_un_list(struct cli *cli, const char *path, const char *database)
{
	struct buffer	xml = {.most = UN_LIST_MOST};
	struct imported imported = {0};
	struct fault	fault = {0};
	bool		of_list = true;
	enum err	e = file_read(path, &xml);

	if (e != ERR_OK)
		return cli_err(cli, e, path, NULL);
	e = load(buffer_bytes(&xml), database, &imported, &fault, &of_list);
	buffer_done(&xml);
	if (e != ERR_OK) {
		fault.err = e;
		return cli_fault(cli, &fault, of_list ? path : database);
	}
	if (cli->json)
		say_json(cli, &imported, database);
	else
		say(cli, &imported, database);
	return EXIT_DONE;
}

int cmd_import(struct cli *cli, int argc, char **argv)
{
	const char	       *into = NULL;
	const struct cli_option options[] = {{"--into", &into, NULL}};
	int			words = cli_options(cli, argc, argv, options, COUNT_OF(options));

	if (words < 0)
		return EXIT_USAGE;
	if (words != 2 || into == NULL || strcmp(argv[1], "un-list") != 0)
		return cli_usage(cli);
	return import_un_list(cli, argv[2], into);
}
