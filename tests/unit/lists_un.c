/* The UN list's reader and the table it is loaded into: an invented list, its broken siblings, and the real one where it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "lists/designations.h"
#include "proc/files.h"

#define REAL_LIST "un-consolidated-2018.xml"

static struct buffer read_below(const char *folder, const char *name, enum err *e)
{
	struct buffer content = {.most = UN_LIST_MOST};
	char	      path[2048];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	*e = file_read(path, &content);
	return content;
}

static const char *source_folder(void)
{
	const char *source = getenv("MITHAQ_SOURCE");

	return source != NULL ? source : ".";
}

static struct buffer sample(void)
{
	enum err      e;
	struct buffer content = read_below(source_folder(), "tests/data/un-list.xml", &e);

	assert_int_equal(e, ERR_OK);
	return content;
}

/* ---- what the reader hands over ---- */

struct kept {
	unsigned n;
	char	 field[8][UN_FIELDS][128];
};

static enum err keep(void *arg, const struct un_record *record)
{
	struct kept *k = arg;

	assert_true(k->n < 8);
	for (size_t i = 0; i < UN_FIELDS; i++)
		snprintf(k->field[k->n][i], sizeof k->field[0][0], "%.*s", (int)record->field[i].n, (const char *)record->field[i].at);
	k->n++;
	return ERR_OK;
}

static enum err well_formed(void *arg, const struct un_record *record)
{
	unsigned *n = arg;

	for (size_t i = 0; i < UN_FIELDS; i++)
		assert_int_equal(text_check(record->field[i], TEXT_LINE), ERR_OK);
	(*n)++;
	return ERR_OK;
}

static void the_sample_is_read(void **state unused_arg)
{
	struct buffer	 xml = sample();
	struct kept	 kept = {0};
	struct un_report report;

	assert_int_equal(un_list_read(buffer_bytes(&xml), keep, &kept, &report, NULL), ERR_OK);
	assert_int_equal(kept.n, 4);
	assert_int_equal(report.individuals, 3);
	assert_int_equal(report.entities, 2);
	assert_string_equal(report.generated, "2026-11-23T10:00:00.000-05:00");
	assert_string_equal(kept.field[0][UN_REFERENCE], "SMi.001");
	assert_string_equal(kept.field[0][UN_KIND], "individual");
	assert_string_equal(kept.field[0][UN_NAME], "Salim AL- NAMUDHAJ");
	assert_string_equal(kept.field[0][UN_NAME_ORIGINAL_SCRIPT], "سالم النموذج");
	assert_string_equal(kept.field[0][UN_TITLE], "Sample; Mister");
	assert_string_equal(kept.field[0][UN_ALIASES], "Salim Example; The Sample");
	assert_string_equal(kept.field[0][UN_UPDATED_ON], "2026-02-01");
	assert_string_equal(kept.field[0][UN_COMMENTS], "An invented record: it shows the form, & nothing else.");
	buffer_done(&xml);
}

static void order_does_not_matter(void **state unused_arg)
{
	struct buffer	 xml = sample();
	struct kept	 kept = {0};
	struct un_report report;

	assert_int_equal(un_list_read(buffer_bytes(&xml), keep, &kept, &report, NULL), ERR_OK);
	assert_string_equal(kept.field[0][UN_BORN], "EXACT 1970-01-01");
	assert_string_equal(kept.field[0][UN_DOCUMENTS], "Passport, 000000001");
	assert_string_equal(kept.field[0][UN_ADDRESSES], "Exampleton, Sampleland");
	assert_string_equal(kept.field[1][UN_NAME], "Noura Third");
	assert_string_equal(kept.field[1][UN_BORN], "BETWEEN 1979 1981");
	assert_string_equal(kept.field[2][UN_ADDRESSES], "Exampleton");
	buffer_done(&xml);
}

static void what_was_mended_is_reported(void **state unused_arg)
{
	struct buffer	 xml = sample();
	struct kept	 kept = {0};
	struct un_report report;

	assert_int_equal(un_list_read(buffer_bytes(&xml), keep, &kept, &report, NULL), ERR_OK);
	assert_string_equal(kept.field[1][UN_LISTED_ON], "2026-03-04");
	assert_string_equal(kept.field[2][UN_LISTED_ON], "");
	assert_int_equal(report.dates_left_out, 1);
	assert_string_equal(kept.field[2][UN_NAME], "SAMPLE TRADING ÉTABLISSEMENT");
	assert_int_equal(report.normalised, 1);
	assert_string_equal(kept.field[2][UN_ALIASES], "مؤسسة المثال للتجارة");
	assert_int_equal(report.bidi_removed, 1);
	assert_int_equal(report.spaces_folded, 4);
	assert_int_equal(report.without_reference, 1);
	assert_int_equal(report.original_script, 2);
	assert_int_equal(report.arabic, 2);
	assert_int_equal(report.unknown, 2);
	assert_string_equal(report.unknown_name[0], "SHOE_SIZE");
	assert_int_equal(report.unknown_line[0], 7);
	assert_string_equal(report.unknown_name[1], "SHIPS");
	buffer_done(&xml);
}

/* ---- what it refuses ---- */

#define HEAD "<?xml version=\"1.0\"?>\n"
#define ONE  "<INDIVIDUALS><INDIVIDUAL><REFERENCE_NUMBER>X.1</REFERENCE_NUMBER></INDIVIDUAL></INDIVIDUALS>"

static const struct refused {
	const char *what, *xml;
	enum err    err;
	unsigned    line;
} REFUSED[] = {
	{"nothing", "", ERR_SHORT, 0},
	{"no XML", "reference,name\n", ERR_MALFORMED, 1},
	{"another root", HEAD "<sdnList/>", ERR_MALFORMED, 2},
	{"no record", HEAD "<CONSOLIDATED_LIST></CONSOLIDATED_LIST>", ERR_MISSING, 0},
	{"an end that is missing", HEAD "<CONSOLIDATED_LIST>\n" ONE, ERR_MALFORMED, 3},
	{"an element left open", HEAD "<CONSOLIDATED_LIST>\n<INDIVIDUALS><INDIVIDUAL>\n</INDIVIDUALS></CONSOLIDATED_LIST>", ERR_MALFORMED, 4},
	{"a document type", HEAD "<!DOCTYPE CONSOLIDATED_LIST>\n<CONSOLIDATED_LIST>" ONE "</CONSOLIDATED_LIST>", ERR_MALFORMED, 0},
	{"an external entity", HEAD "<!DOCTYPE l [<!ENTITY f SYSTEM \"file:///etc/passwd\">]>\n<CONSOLIDATED_LIST>&f;" ONE "</CONSOLIDATED_LIST>",
	 ERR_MALFORMED, 0},
	{"an entity nobody defined", HEAD "<CONSOLIDATED_LIST>\n&f;" ONE "</CONSOLIDATED_LIST>", ERR_MALFORMED, 3},
	{"bytes that are no UTF-8", HEAD "<CONSOLIDATED_LIST>\n<INDIVIDUALS>\xff</INDIVIDUALS></CONSOLIDATED_LIST>", ERR_MALFORMED, 3},
	{"nesting too deep", HEAD "<CONSOLIDATED_LIST><a><a><a><a><a><a><a><a><a>\n</a></a></a></a></a></a></a></a></a>" ONE "</CONSOLIDATED_LIST>",
	 ERR_TOO_DEEP, 2},
};

static void broken_lists_are_refused_with_their_line(void **state unused_arg)
{
	for (size_t i = 0; i < COUNT_OF(REFUSED); i++) {
		struct fault	 fault = {0};
		struct un_report report;
		unsigned	 n = 0;

		print_message("%s\n", REFUSED[i].what);
		assert_int_equal(un_list_read(bytes_text(REFUSED[i].xml), well_formed, &n, &report, &fault), REFUSED[i].err);
		assert_int_equal(fault.err, REFUSED[i].err);
		assert_int_equal(fault.line, REFUSED[i].line);
	}
}

static void a_record_without_bound_is_refused(void **state unused_arg)
{
	struct buffer	 xml = {.most = 2 * UN_RECORD_MOST};
	struct fault	 fault = {0};
	struct un_report report;
	unsigned	 n = 0;

	assert_int_equal(buffer_add(&xml, bytes_text("<CONSOLIDATED_LIST><ENTITIES><ENTITY><COMMENTS1>")), ERR_OK);
	assert_int_equal(buffer_room(&xml, UN_RECORD_MOST + 1), ERR_OK);
	memset(xml.at + xml.n, 'a', UN_RECORD_MOST + 1);
	xml.n += UN_RECORD_MOST + 1;
	assert_int_equal(buffer_add(&xml, bytes_text("</COMMENTS1></ENTITY></ENTITIES></CONSOLIDATED_LIST>")), ERR_OK);
	assert_int_equal(un_list_read(buffer_bytes(&xml), well_formed, &n, &report, &fault), ERR_TOO_LONG);
	buffer_done(&xml);
}

static void a_list_does_not_choose_its_encoding(void **state unused_arg)
{
	const char *xml =
		"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><CONSOLIDATED_LIST><ENTITIES><ENTITY><REFERENCE_NUMBER>X.1</REFERENCE_NUMBER>"
		"<FIRST_NAME>مثال</FIRST_NAME></ENTITY></ENTITIES></CONSOLIDATED_LIST>";
	struct kept	 kept = {0};
	struct un_report report;

	assert_int_equal(un_list_read(bytes_text(xml), keep, &kept, &report, NULL), ERR_OK);
	assert_string_equal(kept.field[0][UN_NAME], "مثال");
}

static void every_cut_of_the_sample_is_refused(void **state unused_arg)
{
	struct buffer	 xml = sample();
	struct un_report report;
	unsigned	 n = 0;
	size_t		 whole = xml.n;

	while (whole > 0 && xml.at[whole - 1] != '>')
		whole--;
	for (size_t cut = 0; cut < whole; cut += 7)
		assert_int_not_equal(un_list_read(bytes_of(xml.at, cut), well_formed, &n, &report, NULL), ERR_OK);
	assert_int_equal(un_list_read(bytes_of(xml.at, whole), well_formed, &n, &report, NULL), ERR_OK);
	buffer_done(&xml);
}

/* ---- the table ---- */

static void load(const char *path, struct bytes xml, struct designations_report *table)
{
	struct designations *d = NULL;
	struct un_report     list;

	assert_int_equal(designations_begin(path, &d, NULL), ERR_OK);
	assert_int_equal(un_list_read(xml, designations_add, d, &list, NULL), ERR_OK);
	assert_int_equal(designations_commit(d, table, NULL), ERR_OK);
	designations_close(d);
}

static void ask(const char *path, const char *reference, char name[static 128], char original[static 128])
{
	sqlite3	     *db = NULL;
	sqlite3_stmt *q = NULL;

	name[0] = original[0] = '\0';
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT name, coalesce(name_original_script, '') FROM designation WHERE reference = ?1", -1, &q,
					    NULL),
			 SQLITE_OK);
	sqlite3_bind_text(q, 1, reference, -1, SQLITE_STATIC);
	if (sqlite3_step(q) == SQLITE_ROW) {
		snprintf(name, 128, "%s", (const char *)sqlite3_column_text(q, 0));
		snprintf(original, 128, "%s", (const char *)sqlite3_column_text(q, 1));
	}
	sqlite3_finalize(q);
	sqlite3_close(db);
}

static int fresh_database(void **state)
{
	static char path[64];

	snprintf(path, sizeof path, "/tmp/mithaq-un-XXXXXX");
	int fd = mkstemp(path);
	if (fd < 0)
		return -1;
	close(fd);
	*state = path;
	return 0;
}

static int remove_database(void **state)
{
	return unlink(*state);
}

static void the_table_answers_by_reference(void **state)
{
	struct buffer		   xml = sample();
	struct designations_report table;
	char			   name[128], original[128];

	load(*state, buffer_bytes(&xml), &table);
	assert_int_equal(table.loaded, 3);
	assert_int_equal(table.fresh, 3);
	assert_int_equal(table.duplicates, 1);
	assert_string_equal(table.duplicate[0], "SMe.001");
	assert_int_equal(table.duplicate_line[0], 12);
	ask(*state, "SMi.002", name, original);
	assert_string_equal(original, "نورة بنت المثال");
	ask(*state, "SMe.001", name, original);
	assert_string_equal(name, "SAMPLE TRADING ÉTABLISSEMENT");
	ask(*state, "SMi.003", name, original);
	assert_string_equal(name, "");
	buffer_done(&xml);
}

static void who_left_the_list_leaves_the_table(void **state)
{
	struct buffer		   xml = sample();
	struct designations_report table;
	char			   name[128], original[128];

	load(*state, buffer_bytes(&xml), &table);
	load(*state,
	     bytes_text("<CONSOLIDATED_LIST><INDIVIDUALS><INDIVIDUAL><FIRST_NAME>Noura</FIRST_NAME><REFERENCE_NUMBER>SMi.002</REFERENCE_NUMBER>"
			"</INDIVIDUAL></INDIVIDUALS></CONSOLIDATED_LIST>"),
	     &table);
	assert_int_equal(table.loaded, 1);
	assert_int_equal(table.fresh, 0);
	assert_int_equal(table.gone, 2);
	ask(*state, "SMi.001", name, original);
	assert_string_equal(name, "");
	buffer_done(&xml);
}

static void a_list_that_breaks_half_way_changes_nothing(void **state)
{
	struct buffer		   xml = sample();
	struct designations_report table;
	struct designations	  *d = NULL;
	struct un_report	   list;
	char			   name[128], original[128];

	load(*state, buffer_bytes(&xml), &table);
	assert_int_equal(designations_begin(*state, &d, NULL), ERR_OK);
	assert_int_not_equal(un_list_read(bytes_of(xml.at, xml.n / 2), designations_add, d, &list, NULL), ERR_OK);
	designations_close(d);
	ask(*state, "SMe.001", name, original);
	assert_string_equal(name, "SAMPLE TRADING ÉTABLISSEMENT");
	buffer_done(&xml);
}

static void a_file_that_is_no_database_is_refused(void **state)
{
	struct designations *d = NULL;
	struct fault	     fault = {0};
	FILE		    *f = fopen(*state, "w");

	assert_non_null(f);
	fprintf(f, "This is a letter, not a database; it is long enough to be taken for a header of one hundred bytes or more. %80s\n", "");
	fclose(f);
	assert_int_equal(designations_begin(*state, &d, &fault), ERR_STORE);
	assert_int_equal(fault.err, ERR_STORE);
	assert_null(d);
}

/* ---- the real list, where it is ---- */

static void the_real_list_of_2018_is_read(void **state)
{
	const char		  *data = getenv("MITHAQ_DATA");
	char			   folder[1024];
	enum err		   e;
	unsigned		   n = 0;
	struct un_report	   report;
	struct designations_report table;

	snprintf(folder, sizeof folder, "%s/../shared/data", source_folder());
	struct buffer xml = read_below(data != NULL ? data : folder, REAL_LIST, &e);
	if (e != ERR_OK) {
		print_message("skipped: the UN list of 2018 is not here (MITHAQ_DATA)\n");
		skip();
	}
	assert_int_equal(un_list_read(buffer_bytes(&xml), well_formed, &n, &report, NULL), ERR_OK);
	assert_int_equal(report.individuals, 703);
	assert_int_equal(report.entities, 390);
	assert_int_equal(report.original_script, 371 + 40);
	assert_int_equal(report.arabic, 358 + 39); /* individuals and entities */
	assert_int_equal(report.unknown, 0);
	assert_int_equal(report.dates_left_out, 0);
	assert_int_equal(n, 1093);
	load(*state, buffer_bytes(&xml), &table);
	assert_int_equal(table.loaded, 1093);
	assert_int_equal(table.duplicates, 0);
	buffer_done(&xml);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_sample_is_read),
		cmocka_unit_test(order_does_not_matter),
		cmocka_unit_test(what_was_mended_is_reported),
		cmocka_unit_test(broken_lists_are_refused_with_their_line),
		cmocka_unit_test(a_record_without_bound_is_refused),
		cmocka_unit_test(a_list_does_not_choose_its_encoding),
		cmocka_unit_test(every_cut_of_the_sample_is_refused),
		cmocka_unit_test_setup_teardown(the_table_answers_by_reference, fresh_database, remove_database),
		cmocka_unit_test_setup_teardown(who_left_the_list_leaves_the_table, fresh_database, remove_database),
		cmocka_unit_test_setup_teardown(a_list_that_breaks_half_way_changes_nothing, fresh_database, remove_database),
		cmocka_unit_test_setup_teardown(a_file_that_is_no_database_is_refused, fresh_database, remove_database),
		cmocka_unit_test_setup_teardown(the_real_list_of_2018_is_read, fresh_database, remove_database),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
