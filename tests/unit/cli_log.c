/* `mithaq log`: a sound ledger is whole, and whatever byte is changed, verify names the place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "cli/cli.h"
#include "world_home.h"

static int fresh(void **state)
{
	static struct world_home h;

	memset(&h, 0, sizeof h);
	home_make(&h, STORY_HIT);
	*state = &h;
	return 0;
}

static int gone(void **state)
{
	home_gone(*state);
	return 0;
}

static const struct command log_command = {"log", cmd_log, "", "", ""};

struct ran {
	char  *out, *complain;
	size_t out_n, complain_n;
	int    code;
};

static struct ran run(const struct world_home *h, const char *word, bool json, enum lang lang)
{
	struct ran r = {0};
	char	   name[] = "log", second[16];
	char	  *argv[] = {name, second, NULL};
	struct cli cli = {.home = h->folder, .json = json, .lang = lang, .commands = &log_command, .command = &log_command, .ncommands = 1};

	snprintf(second, sizeof second, "%s", word);
	cli.out = open_memstream(&r.out, &r.out_n);
	cli.complain = open_memstream(&r.complain, &r.complain_n);
	r.code = cmd_log(&cli, 2, argv);
	fclose(cli.out);
	fclose(cli.complain);
	return r;
}

static void ran_done(struct ran *r)
{
	free(r->out);
	free(r->complain);
}

static void sql(const struct world_home *h, const char *text)
{
	sqlite3 *db;
	char	*why = NULL;

	assert_int_equal(sqlite3_open(h->ledger, &db), SQLITE_OK);
	if (sqlite3_exec(db, text, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s: %s", text, why);
	sqlite3_close(db);
}

static void a_sound_ledger_is_whole(void **state)
{
	struct ran r = run(*state, "verify", false, LANG_EN);

	if (r.code != EXIT_DONE)
		fail_msg("%s", r.complain);
	assert_non_null(strstr(r.out, "whole: logs 2, entries 8, checkpoints and receipts 4, exchanges 1"));
	ran_done(&r);
	r = run(*state, "verify", true, LANG_AR);
	assert_int_equal(r.code, EXIT_DONE);
	assert_non_null(strstr(r.out, "\"whole\": true"));
	ran_done(&r);
}

static void show_lists_entries_and_never_content(void **state)
{
	struct ran r = run(*state, "show", false, LANG_EN);

	assert_int_equal(r.code, EXIT_DONE);
	assert_non_null(strstr(r.out, "GENESIS"));
	assert_non_null(strstr(r.out, "QUERY"));
	assert_non_null(strstr(r.out, NORTH_NAME "/mithaq/" SOUTH_NAME "/customs/"));
	assert_null(strstr(r.out, DECLARATION_NO));
	ran_done(&r);
	r = run(*state, "show", true, LANG_EN);
	assert_int_equal(r.code, EXIT_DONE);
	assert_non_null(strstr(r.out, "\"kind\":\"REPLY\""));
	ran_done(&r);
}

static void an_unknown_word_is_usage(void **state)
{
	struct ran r = run(*state, "destroy", false, LANG_EN);

	assert_int_equal(r.code, EXIT_USAGE);
	ran_done(&r);
}

/* A byte in the middle of a blob, turned over. */
#define FLIP(column, at)                                                                                                                             \
	column " = CAST(substr(" column ", 1, " at " - 1) || CASE hex(substr(" column ", " at ", 1)) WHEN '00' THEN x'01' ELSE x'00' END"            \
	       " || substr(" column ", " at " + 1) AS BLOB)"
#define QUESTION " WHERE log = 1 AND idx = 2"

static const struct tamper {
	const char *sql, *place, *what;
} tampers[] = {
	{"UPDATE entry SET " FLIP("commitment", "9") QUESTION, "entry 2", "commitment"},
	{"UPDATE entry SET " FLIP("salt", "9") QUESTION, "entry 2", "commitment"},
	{"UPDATE entry SET " FLIP("header", "60") QUESTION, "entry 2", "commitment"},
	{"UPDATE entry SET " FLIP("body", "60") QUESTION, "entry 2, part 0", "part"},
	{"UPDATE entry SET " FLIP("body", "5") QUESTION, "entry 2, part 0", "part"},
	{"UPDATE entry SET body = NULL" QUESTION, "entry 2", "parts"},
	{"UPDATE entry SET withheld = x'00'" QUESTION, "entry 2", "withheld"},
	{"UPDATE entry SET form = 3" QUESTION, "entry 2", "form"},
	{"DELETE FROM entry" QUESTION, "entry 2", "missing"},
	{"UPDATE entry SET id = 1 << 40 | 9" QUESTION, "entry 2", "missing"},
	{"DELETE FROM entry WHERE log = 2 AND idx = 3", "log row 2", "frontier"},
	{"INSERT INTO entry(id, commitment, form) VALUES (2 << 40 | 7, randomblob(32), 2)", "entry 7", "beyond the end"},
	{"UPDATE entry SET commitment = x'00'" QUESTION, "entry 2", "cannot be read"},
	{"UPDATE head SET " FLIP("root", "7") " WHERE log = 1 AND size = 4", "checkpoint 4", "root"},
	{"UPDATE head SET root = x'00' WHERE log = 1 AND size = 4", "checkpoint", "cannot be read"},
	{"UPDATE head SET " FLIP("checkpoint", "7") " WHERE log = 1 AND size = 4", "checkpoint 4", "signature"},
	{"UPDATE head SET id = 2 << 40 | 9 WHERE log = 2 AND size = 4; UPDATE log SET checkpointed = 9, receipted = 9 WHERE id = 2", "checkpoint 9",
	 "not here"},
	{"UPDATE head SET " FLIP("root", "7") " WHERE log = 2 AND size = 4", "receipt 4", "root"},
	{"UPDATE head SET " FLIP("receipt", "7") " WHERE log = 2 AND size = 4", "receipt 4", "signature"},
	{"UPDATE head SET time_s = time_s + 1 WHERE log = 1 AND size = 4", "receipt 4", "signature"},
	{"INSERT INTO head(id, root, receipt, time_s) VALUES (2 << 40 | 9, zeroblob(32), randomblob(64), 1)", "receipt 9", "not here"},
	{"UPDATE head SET checkpoint = x'00' WHERE log = 1 AND size = 4", "checkpoint", "cannot be read"},
	{"DELETE FROM head WHERE log = 1", "checkpoint", "cannot be read"},
	{"UPDATE head SET receipt = zeroblob(64), time_s = 0 WHERE log = 1", "log row 1", "added up"},
	{"UPDATE log SET checkpointed = 0 WHERE id = 1", "log row 1", "added up"},
	{"UPDATE log SET receipted = 0 WHERE id = 2", "log row 2", "added up"},
	{"UPDATE log SET " FLIP("sums", "24") " WHERE id = 1", "log row 1", "added up"},
	{"UPDATE log SET " FLIP("sums", "60") " WHERE id = 1", "log row 1", "added up"},
	{"UPDATE log SET sums = x'00' WHERE id = 1", "sums of log 1", "cannot be read"},
	{"DELETE FROM exchange", "log row 1", "added up"},
	{"UPDATE exchange SET state = 5", "log row 1", "added up"},
	{"UPDATE exchange SET day = day + 1", "log row 1", "added up"},
	{"UPDATE log SET " FLIP("frontier", "20") " WHERE id = 1", "log row 1", "frontier"},
	{"UPDATE log SET " FLIP("frontier", "8") " WHERE id = 1", "frontier of log 1", "cannot be read"},
	{"UPDATE log SET " FLIP("tally", "30") " WHERE id = 1", "log row 1", "counts"},
	{"UPDATE log SET " FLIP("receipt_frontier", "20") " WHERE id = 2", "log row 2", "last receipt"},
	{"UPDATE log SET " FLIP("epoch", "3") " WHERE id = 1", "checkpoint 4", "signature"},
	{"UPDATE log SET channel = 'police' WHERE id = 1", "/police/", "signature"},
	{"UPDATE log SET partner = 'nobody.example' WHERE id = 1", "nobody.example", "no card"},
	{"UPDATE log SET own = 0 WHERE id = 1", "checkpoint 4", "signature"},
	{"UPDATE exchange SET " FLIP("mid", "9"), "q_", "question"},
	{"UPDATE exchange SET " FLIP("agreement", "9"), "q_", "question"},
	{"UPDATE exchange SET clause = 8", "q_", "question"},
	{"UPDATE exchange SET id = id - 1", "q_", "question"},
	{"UPDATE exchange SET answer = answer - 1", "q_", "answer"},
	{"UPDATE exchange SET status = 1", "q_", "answer"},
};

static void every_change_is_named(void **state)
{
	for (size_t i = 0; i < COUNT_OF(tampers); i++) {
		gone(state);
		fresh(state);
		sql(*state, tampers[i].sql);
		struct ran r = run(*state, "verify", false, LANG_EN);
		if (r.code != EXIT_EVIDENCE_BROKEN || strstr(r.complain, tampers[i].place) == NULL || strstr(r.complain, tampers[i].what) == NULL)
			fail_msg("%s\n-> exit %d\n%s", tampers[i].sql, r.code, r.complain);
		ran_done(&r);
	}
}

/* What follows from a damaged entry is counted behind it, and does not bury it. */
static void what_stands_behind_damage_is_counted(void **state)
{
	sql(*state, "UPDATE entry SET " FLIP("commitment", "9") QUESTION);
	struct ran r = run(*state, "verify", false, LANG_EN);
	assert_int_equal(r.code, EXIT_EVIDENCE_BROKEN);
	if (strstr(r.complain, "nothing behind entry 2 can be vouched for; checkpoints and receipts there: 2") == NULL ||
	    strstr(r.complain, "root is not that") != NULL || strstr(r.complain, "entry 2: ") > strstr(r.complain, "nothing behind"))
		fail_msg("%s", r.complain);
	ran_done(&r);
	r = run(*state, "verify", true, LANG_EN);
	assert_non_null(strstr(r.out, "\"unvouched\""));
	assert_non_null(strstr(r.out, "\"behind\": 2"));
	ran_done(&r);
}

/* A page takes neighbours with it: one line. */
static void neighbours_are_one_line(void **state)
{
	sql(*state, "DELETE FROM entry WHERE log = 1 AND idx IN (1, 2)");
	struct ran r = run(*state, "verify", false, LANG_EN);
	assert_int_equal(r.code, EXIT_EVIDENCE_BROKEN);
	if (strstr(r.complain, "entries 1 to 2: the entry is missing") == NULL || strstr(r.complain, "entry 2:") != NULL)
		fail_msg("%s", r.complain);
	ran_done(&r);
}

static void a_chain_of_epochs_is_followed(void **state)
{
	struct world_home *h = *state;

	home_gone(h);
	memset(h, 0, sizeof *h);
	home_make(h, STORY_CHAIN);
	struct ran r = run(h, "verify", false, LANG_EN);
	if (r.code != EXIT_DONE)
		fail_msg("%s", r.complain);
	ran_done(&r);
	/* The last entry of the first epoch goes: its row remembers less, but the next GENESIS does not. */
	sql(h, "DELETE FROM entry WHERE log = 1 AND idx = (SELECT max(idx) FROM entry WHERE log = 1)");
	r = run(h, "verify", false, LANG_EN);
	assert_int_equal(r.code, EXIT_EVIDENCE_BROKEN);
	assert_non_null(strstr(r.complain, "GENESIS does not name"));
	ran_done(&r);
}

/* What was lost with a disk and is on its way back from the partner is told, and is no damage. */
static void what_is_to_be_fetched_is_no_damage(void **state)
{
	sql(*state, "UPDATE log SET named = 9, named_root = zeroblob(32) WHERE id = 1");
	struct ran r = run(*state, "verify", false, LANG_EN);
	if (r.code != EXIT_DONE || strstr(r.complain, "no damage: entries up to what a later epoch names are to be fetched") == NULL)
		fail_msg("exit %d\n%s", r.code, r.complain);
	ran_done(&r);
	sql(*state, "UPDATE log SET named = 0 WHERE id = 1; DELETE FROM entry WHERE log = 1 AND idx = 3");
	r = run(*state, "verify", false, LANG_EN);
	assert_int_equal(r.code, EXIT_EVIDENCE_BROKEN);
	assert_non_null(strstr(r.out, "mithaq log repair " SOUTH_NAME " " WORLD_CHANNEL " FILE"));
	ran_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_sound_ledger_is_whole, fresh, gone),
		cmocka_unit_test_setup_teardown(show_lists_entries_and_never_content, fresh, gone),
		cmocka_unit_test_setup_teardown(an_unknown_word_is_usage, fresh, gone),
		cmocka_unit_test_setup_teardown(every_change_is_named, fresh, gone),
		cmocka_unit_test_setup_teardown(what_stands_behind_damage_is_counted, fresh, gone),
		cmocka_unit_test_setup_teardown(neighbours_are_one_line, fresh, gone),
		cmocka_unit_test_setup_teardown(a_chain_of_epochs_is_followed, fresh, gone),
		cmocka_unit_test_setup_teardown(what_is_to_be_fetched_is_no_damage, fresh, gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
