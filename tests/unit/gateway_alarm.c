/*
 * Alarms as files: a partner that signs two histories leaves a proof behind that `mithaq verify` accepts, the
 * channel stays frozen over a restart, and a person thaws it. The core is the real one with a real ledger; its loop does not run.
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <dirent.h>
#include <ftw.h>

#include "cli/cli.h"
#include "evidence/alarm.h"
#include "gateway/core.h"
#include "world_home.h"

/* ---- a core that was started over north's home ---- */

struct house {
	struct world_home home;
	struct config	  config;
	struct process	  process;
	struct core	 *core;
};

static void house_start(struct house *h)
{
	struct fault fault = {0};

	config_places(&h->config, h->home.folder);
	assert_int_equal(config_read(&h->config, &fault), ERR_OK);
	h->process = (struct process){.config = &h->config};
	h->core = calloc(1, sizeof *h->core);
	h->core->process = &h->process;
	h->core->now_ms = QUESTION_MS;
	assert_int_equal(core_papers(h->core), ERR_OK);
	assert_int_equal(core_alarms_recall(h->core), ERR_OK);
	assert_int_equal(store_open(h->home.ledger, STORE_WRITE, &h->core->store, &fault), ERR_OK);
	assert_int_equal(core_recall(h->core), ERR_OK);
}

static void house_stop(struct house *h)
{
	core_done(h->core);
	free(h->core);
	config_done(&h->config);
}

static struct core_channel *channel_at(struct house *h)
{
	assert_int_equal(h->core->partner[0].nchannels, 1);
	return &h->core->partner[0].channel[0];
}

static int fresh(void **state)
{
	static struct house h;

	memset(&h, 0, sizeof h);
	home_make(&h.home, STORY_HIT);
	house_start(&h);
	*state = &h;
	return 0;
}

static int remove_one(const char *path, const struct stat *s unused_arg, int type unused_arg, struct FTW *at unused_arg)
{
	return remove(path);
}

static int gone(void **state)
{
	struct house *h = *state;

	house_stop(h);
	nftw(h->home.folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return 0;
}

/* ---- what the partner did ---- */

/* South's log as it stands here, and what south signs of it besides. */
static struct contradiction other_history(struct house *h, uint64_t size, char origin[static ORIGIN_MOST])
{
	struct contradiction x = {.origin = origin, .checkpoint = {.size = size}};
	struct checkpoint    c = {.size = size};

	assert_int_equal(origin_write(&h->home.world.log[1].origin, origin), ERR_OK);
	memcpy(c.origin, origin, sizeof c.origin);
	memset(c.root.b, 0x66, HASH_SIZE);
	x.checkpoint.root = c.root;
	checkpoint_sign(&h->home.world.log_key[SOUTH], &c, &x.checkpoint.sig);
	return x;
}

static void raise_alarm(struct house *h, uint16_t code, const struct contradiction *against)
{
	const struct duty duty = {
		.type = DUTY_ALARM,
		.end = {.code = code, .frozen = true, .text = "a signed CHECKPOINT contradicts the entries delivered", .against = against}};

	core_perform(h->core, channel_at(h), &(struct duties){.at = &duty, .n = 1});
}

/* ---- what stands in data/alarms ---- */

static unsigned alarms_with(const struct house *h, const char *ending, char first[static 512])
{
	char	       folder[128];
	struct dirent *entry;
	unsigned       n = 0;

	snprintf(folder, sizeof folder, "%s/data/alarms", h->home.folder);
	DIR *dir = opendir(folder);
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		size_t a = strlen(entry->d_name), b = strlen(ending);

		if (a <= b || strcmp(entry->d_name + a - b, ending) != 0)
			continue;
		snprintf(first, 512, "%s/%.250s", folder, entry->d_name);
		n++;
	}
	if (dir != NULL)
		closedir(dir);
	return n;
}

static void alarm_at(const char *path, struct buffer *file, struct alarm *a)
{
	file->most = ALARM_FILE_MOST;
	assert_int_equal(file_read(path, file), ERR_OK);
	assert_int_equal(alarm_read(buffer_bytes(file), a, NULL), ERR_OK);
}

struct ran {
	char  *out, *complain;
	size_t out_n, complain_n;
	int    code;
};

static struct ran run_in(const char *home, enum lang lang, command_fn *command, const char *name, const char *a, const char *b)
{
	static struct command row = {.words = "", .about = "", .about_ar = ""};
	struct ran	      r = {0};
	char		      words[3][512], *argv[] = {words[0], words[1], words[2], NULL};
	struct cli	      cli = {.home = home, .lang = lang, .commands = &row, .command = &row, .ncommands = 1};

	row.name = name;
	snprintf(words[0], sizeof words[0], "%s", name);
	snprintf(words[1], sizeof words[1], "%s", a);
	snprintf(words[2], sizeof words[2], "%s", b != NULL ? b : "");
	cli.out = open_memstream(&r.out, &r.out_n);
	cli.complain = open_memstream(&r.complain, &r.complain_n);
	r.code = command(&cli, b != NULL ? 3 : 2, argv);
	fclose(cli.out);
	fclose(cli.complain);
	return r;
}

static void ran_done(struct ran *r)
{
	free(r->out);
	free(r->complain);
}

/* ---- the proof ---- */

static void a_fork_leaves_a_proof_that_verifies(void **state)
{
	struct house	    *h = *state;
	char		     origin[ORIGIN_MOST], path[512];
	struct contradiction x = other_history(h, 4, origin);

	raise_alarm(h, ALARM_FORK, &x);
	assert_int_equal(alarms_with(h, ".alarm", path), 1);
	assert_non_null(strstr(path, "_" SOUTH_NAME "_customs_fork.alarm"));
	struct ran r = run_in(NULL, LANG_EN, cmd_verify, "verify", path, NULL);
	assert_int_equal(r.code, EXIT_DONE);
	assert_non_null(strstr(r.out, "PROVED: " SOUTH_NAME " signed two different histories of " SOUTH_NAME "/mithaq/" NORTH_NAME "/customs/"));
	assert_non_null(strstr(r.out, "at size 4"));
	assert_non_null(strstr(r.out, "6666666666666666666666666666666666666666666666666666666666666666"));
	assert_non_null(strstr(r.out, "trust in them is yours"));
	ran_done(&r);
	r = run_in(NULL, LANG_AR, cmd_verify, "verify", path, NULL);
	assert_int_equal(r.code, EXIT_DONE);
	assert_non_null(strstr(r.out, "وقّعت " SOUTH_NAME " تاريخين مختلفين"));
	ran_done(&r);
}

/* A verifier that shares no code with ours says the same. */
static void the_independent_verifier_agrees(void **state)
{
	struct house	    *h = *state;
	char		     origin[ORIGIN_MOST], path[512], command[1200], line[512] = "";
	struct contradiction x = other_history(h, 4, origin);

	raise_alarm(h, ALARM_FORK, &x);
	assert_int_equal(alarms_with(h, ".alarm", path), 1);
	snprintf(command, sizeof command, "/usr/bin/python3 '%s/tools/verify-alarm.py' '%s'", getenv("MITHAQ_SOURCE"), path);
	FILE *said = popen(command, "r");
	assert_non_null(fgets(line, sizeof line, said));
	assert_int_equal(pclose(said), 0);
	assert_non_null(strstr(line, "PROVED  fork  " SOUTH_NAME));
}

/* The sibling: at a size of which no signed checkpoint is held there is one note only, and the file says that it proves nothing. */
static void without_the_held_note_it_is_a_record(void **state)
{
	struct house	    *h = *state;
	char		     origin[ORIGIN_MOST], path[512];
	struct contradiction x = other_history(h, 3, origin);
	struct buffer	     file = {0};
	struct alarm	     a;

	raise_alarm(h, ALARM_FORK, &x);
	assert_int_equal(alarms_with(h, ".alarm", path), 1);
	alarm_at(path, &file, &a);
	assert_int_equal(a.note[0].n, 0);
	assert_true(a.note[1].n > 0);
	buffer_done(&file);
	struct ran r = run_in(NULL, LANG_EN, cmd_verify, "verify", path, NULL);
	assert_int_equal(r.code, EXIT_EVIDENCE_BROKEN);
	assert_non_null(strstr(r.out, "this is a record by " NORTH_NAME ", not a proof"));
	ran_done(&r);
}

static void other_codes_are_records_with_what_is_held(void **state)
{
	static const uint16_t codes[] = {ALARM_ROOT, ALARM_STRUCTURE, ALARM_SIGNATURE, ALARM_TALLY};
	struct house	     *h = *state;

	for (size_t i = 0; i < COUNT_OF(codes); i++) {
		struct buffer file = {0};
		struct alarm  a;
		char	      path[512];

		raise_alarm(h, codes[i], NULL);
		assert_int_equal(alarms_with(h, ".alarm", path), 1);
		alarm_at(path, &file, &a);
		assert_int_equal(a.code, codes[i]);
		assert_int_equal(a.note[0].n > 0, codes[i] != ALARM_SIGNATURE);
		struct ran r = run_in(NULL, LANG_EN, cmd_verify, "verify", path, NULL);
		assert_int_equal(r.code, EXIT_EVIDENCE_BROKEN);
		ran_done(&r);
		buffer_done(&file);
		assert_int_equal(remove(path), 0);
	}
}

/* ---- the partner is shown it ---- */

static void the_partner_gets_both_notes(void **state)
{
	struct house	    *h = *state;
	struct core_partner *p = &h->core->partner[0];
	char		     origin[ORIGIN_MOST];
	struct contradiction x = other_history(h, 4, origin);
	struct frame	     frame;
	struct alarm_frame   f;
	struct note	     note;
	size_t		     used;

	p->up = p->hello_sent = p->hello_done = true;
	raise_alarm(h, ALARM_FORK, &x);
	assert_int_equal(frame_next(buffer_bytes(&p->out), &frame, &used), ERR_OK);
	assert_int_equal(frame.type, FRAME_ALARM);
	assert_int_equal(used, p->out.n);
	assert_int_equal(alarm_frame_read(frame.payload, &f), ERR_OK);
	assert_int_equal(f.code, ALARM_FORK);
	assert_int_equal(note_read(f.note[0], &note), ERR_OK);
	assert_int_equal(note_read(f.note[1], &note), ERR_OK);
	p->up = false;
}

/* ---- frozen until a person says otherwise ---- */

static void a_channel_stays_frozen_until_released(void **state)
{
	struct house	    *h = *state;
	char		     origin[ORIGIN_MOST], path[512], id[16] = "";
	struct contradiction x = other_history(h, 4, origin);

	raise_alarm(h, ALARM_FORK, &x);
	house_stop(h);
	house_start(h);
	assert_true(channel_frozen(channel_at(h)->channel));
	struct ran r = run_in(h->home.folder, LANG_EN, cmd_alarm, "alarm", "list", NULL);
	assert_int_equal(r.code, EXIT_DONE);
	assert_non_null(strstr(r.out, "FROZEN"));
	assert_non_null(strstr(r.out, "a proof:"));
	snprintf(id, sizeof id, "%.12s", r.out);
	/* What it tells to type has the folder in it. */
	const char *typed = strstr(r.out, "`mithaq verify /");
	assert_non_null(typed);
	assert_non_null(strstr(typed, "/alarms/"));
	ran_done(&r);
	r = run_in(h->home.folder, LANG_AR, cmd_alarm, "alarm", "list", NULL);
	assert_non_null(strstr(r.out, "السبب كما سُجّل بالإنجليزية: a signed"));
	assert_non_null(strstr(r.out, "«mithaq verify /"));
	ran_done(&r);
	r = run_in(h->home.folder, LANG_EN, cmd_alarm, "alarm", "release", "000000000000");
	assert_int_equal(r.code, EXIT_USAGE);
	ran_done(&r);
	r = run_in(h->home.folder, LANG_EN, cmd_alarm, "alarm", "release", id);
	assert_int_equal(r.code, EXIT_DONE);
	assert_non_null(strstr(r.out, "at the next start"));
	ran_done(&r);
	assert_int_equal(alarms_with(h, ".alarm", path), 0);
	assert_int_equal(alarms_with(h, ".released", path), 1);
	assert_non_null(strstr(path, "_by-"));
	house_stop(h);
	house_start(h);
	assert_false(channel_frozen(channel_at(h)->channel));
	r = run_in(h->home.folder, LANG_AR, cmd_alarm, "alarm", "list", NULL);
	assert_non_null(strstr(r.out, "رُفع"));
	ran_done(&r);
}

/* A file that is damaged freezes by its name; one of another channel does not freeze this one. */
static void a_damaged_alarm_still_freezes(void **state)
{
	struct house	    *h = *state;
	char		     origin[ORIGIN_MOST], path[512], other[600];
	struct contradiction x = other_history(h, 4, origin);

	raise_alarm(h, ALARM_FORK, &x);
	assert_int_equal(alarms_with(h, ".alarm", path), 1);
	assert_int_equal(file_write(path, bytes_text("nothing that could be read"), 0600), ERR_OK);
	house_stop(h);
	house_start(h);
	assert_true(channel_frozen(channel_at(h)->channel));
	snprintf(other, sizeof other, "%s/data/alarms/2026-11-23T06-14-07-112Z_" SOUTH_NAME "_border_fork.alarm", h->home.folder);
	assert_int_equal(rename(path, other), 0);
	house_stop(h);
	house_start(h);
	assert_false(channel_frozen(channel_at(h)->channel));
}

/* ---- what a partner says ---- */

static void what_a_partner_says_is_kept_and_freezes_nothing(void **state)
{
	struct house	  *h = *state;
	struct alarm_frame f = {.code = 77, .note = {bytes_text("no note at all"), BYTES_NONE}};
	struct buffer	   file = {0};
	struct alarm	   a;
	char		   path[512];

	for (unsigned i = 0; i < CORE_ALARMS_SAID_MOST + 4; i++) {
		h->core->now_ms++;
		core_alarm_said(&h->core->partner[0], &f);
	}
	assert_int_equal(alarms_with(h, ".said", path), CORE_ALARMS_SAID_MOST);
	assert_int_equal(alarms_with(h, ".alarm", path), 0);
	assert_int_equal(alarms_with(h, ".said", path), CORE_ALARMS_SAID_MOST);
	alarm_at(path, &file, &a);
	assert_string_equal(a.said_by, SOUTH_NAME);
	assert_string_equal(a.about, NORTH_NAME);
	assert_true(bytes_is(a.note[0], "no note at all"));
	buffer_done(&file);
	house_stop(h);
	house_start(h);
	assert_false(channel_frozen(channel_at(h)->channel));
	struct ran r = run_in(h->home.folder, LANG_EN, cmd_alarm, "alarm", "list", NULL);
	assert_non_null(strstr(r.out, "said by the partner"));
	ran_done(&r);
}

/* A backup holds what freezes: on another machine the channel is as frozen as here. */
static void an_alarm_is_in_the_backup(void **state)
{
	struct house	    *h = *state;
	char		     origin[ORIGIN_MOST], path[512], file[96], other[96], there[700];
	struct contradiction x = other_history(h, 4, origin);
	struct buffer	     a = {.most = ALARM_FILE_MOST}, b = {.most = ALARM_FILE_MOST};

	raise_alarm(h, ALARM_FORK, &x);
	assert_int_equal(store_commit(h->core->store), ERR_OK);
	snprintf(file, sizeof file, "%s/alarms.backup", h->home.folder);
	snprintf(other, sizeof other, "%s/other", h->home.folder);
	struct ran r = run_in(h->home.folder, LANG_EN, cmd_backup, "backup", file, NULL);
	assert_int_equal(r.code, EXIT_DONE);
	ran_done(&r);
	r = run_in(other, LANG_EN, cmd_restore, "restore", file, NULL);
	assert_int_equal(r.code, EXIT_DONE);
	ran_done(&r);
	assert_int_equal(alarms_with(h, ".alarm", path), 1);
	snprintf(there, sizeof there, "%s/data/alarms%s", other, strrchr(path, '/'));
	assert_int_equal(file_read(path, &a), ERR_OK);
	assert_int_equal(file_read(there, &b), ERR_OK);
	assert_true(a.n > 0 && bytes_equal(buffer_bytes(&a), buffer_bytes(&b)));
	buffer_done(&a);
	buffer_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_fork_leaves_a_proof_that_verifies, fresh, gone),
		cmocka_unit_test_setup_teardown(the_independent_verifier_agrees, fresh, gone),
		cmocka_unit_test_setup_teardown(without_the_held_note_it_is_a_record, fresh, gone),
		cmocka_unit_test_setup_teardown(other_codes_are_records_with_what_is_held, fresh, gone),
		cmocka_unit_test_setup_teardown(the_partner_gets_both_notes, fresh, gone),
		cmocka_unit_test_setup_teardown(a_channel_stays_frozen_until_released, fresh, gone),
		cmocka_unit_test_setup_teardown(a_damaged_alarm_still_freezes, fresh, gone),
		cmocka_unit_test_setup_teardown(an_alarm_is_in_the_backup, fresh, gone),
		cmocka_unit_test_setup_teardown(what_a_partner_says_is_kept_and_freezes_nothing, fresh, gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
