/* The commands that make a party and its papers: what they write, with which mode, and what they refuse. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "cli_run.h"

/* ---- init ---- */

static void a_new_party(void **state)
{
	(void)state;
	static const char *const secrets[] = {"kw/root/root-a.key", "kw/root/root-b.key", "kw/keys/log.key", "kw/keys/receipt.key",
					      "kw/keys/tls.key"};
	static const char *const folders[] = {"kw", "kw/keys", "kw/root", "kw/tokens", "kw/partners", "kw/agreements"};
	struct card		 card;
	struct config		 config;

	assert_int_equal(init_sample("kw", KW), EXIT_DONE);
	assert_int_equal(init_sample("us", US), EXIT_DONE);
	for (size_t i = 0; i < COUNT_OF(secrets); i++)
		assert_int_equal(mode_of(secrets[i]), 0600);
	for (size_t i = 0; i < COUNT_OF(folders); i++)
		assert_int_equal(mode_of(folders[i]), 0700);
	assert_int_equal(papers_card_read(in_room("kw/" KW ".card"), &card, NULL), ERR_OK);
	assert_string_equal(card.party, KW);
	assert_false(card.live);
	assert_int_equal(card.serial, 1);
	config_places(&config, in_room("kw"));
	assert_int_equal(config_read(&config, NULL), ERR_OK);
	assert_string_equal(config.party, KW);
	config_done(&config);
}

static void nothing_is_written_over(void **state)
{
	(void)state;
	struct buffer before = {.most = 4096}, after = {.most = 4096};

	read_text("kw/keys/log.key", &before);
	assert_int_equal(run("--lang en --home %s/kw init %s", room, KW), EXIT_USAGE);
	assert_non_null(strstr(complained, "exists already"));
	read_text("kw/keys/log.key", &after);
	assert_true(bytes_equal(buffer_bytes(&before), buffer_bytes(&after)));
	buffer_done(&before);
	buffer_done(&after);
}

static void bad_words_to_init(void **state)
{
	(void)state;
	write_text("short.seed", "abcdef\n");
	assert_int_equal(run("--home %s/x init NotAName", room), EXIT_USAGE);
	assert_int_equal(run("--home %s/x init a.example --environment mars", room), EXIT_USAGE);
	assert_int_equal(run("--home %s/x init a.example --environment live --root-seed-a %s/short.seed", room, room), EXIT_USAGE);
	assert_int_equal(run("--home %s/x init a.example --root-seed-a %s/short.seed", room, room), EXIT_USAGE);
	assert_int_equal(run("--home %s/x init a.example --colour red", room), EXIT_USAGE);
	assert_int_equal(run("--home %s/x init", room), EXIT_USAGE);
	assert_int_equal(access(in_room("x"), F_OK), -1);
}

static bool stands(const char *rest)
{
	struct stat s;

	return lstat(in_room(rest), &s) == 0;
}

/* A file stands where a folder is needed: what was made before it goes, what others made stays. */
static void a_birth_that_fails_leaves_nothing(void **state)
{
	(void)state;
	static const char *const gone[] = {"half/keys", "half/root", "half/agreements", "half/data", "half/mithaq.yaml"};

	assert_int_equal(mkdir(in_room("half"), 0755), 0);
	assert_int_equal(mkdir(in_room("half/partners"), 0755), 0);
	write_text("half/partners/other.card", "somebody else's");
	write_text("half/tokens", "not a folder");
	assert_int_equal(run("--lang en --home %s/half init a.example", room), EXIT_INTERNAL);
	assert_non_null(strstr(complained, "tokens"));
	assert_non_null(strstr(complained, "nothing that was made is left"));
	for (size_t i = 0; i < COUNT_OF(gone); i++)
		assert_false(stands(gone[i]));
	assert_true(stands("half/tokens"));
	assert_true(stands("half/partners/other.card"));
	assert_int_equal(remove(in_room("half/tokens")), 0);
	assert_int_equal(run("--lang ar --home %s/half init a.example", room), EXIT_DONE);
}

/* No file may grow past 300 bytes: the keys are written, the certificate is not, and no key is left behind. */
static void a_full_disk_leaves_no_key(void **state)
{
	(void)state;
	struct rlimit before, small;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = (struct rlimit){.rlim_cur = 300, .rlim_max = before.rlim_max};
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	int code = run("--lang ar --home %s/full init a.example", room);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(code, EXIT_INTERNAL);
	assert_non_null(strstr(complained, "keys/tls.pem"));
	assert_non_null(strstr(complained, "أُزيل كل ما أُنشئ"));
	assert_false(stands("full"));
	assert_int_equal(run("--home %s/full init a.example", room), EXIT_DONE);
	assert_true(stands("full/keys/log.key"));
}

/* ---- the gateway is away ---- */

static void said_away(const char *words)
{
	char line[256];

	snprintf(line, sizeof line, "--lang en --home %s/us %s", room, words);
	assert_int_equal(run("%s", line), EXIT_UNREACHABLE);
	assert_non_null(strstr(complained, "the gateway is not running"));
	assert_non_null(strstr(complained, "us/data/api.sock"));
	assert_non_null(strstr(complained, "mithaq serve"));
	snprintf(line, sizeof line, "--lang ar --home %s/us %s", room, words);
	assert_int_equal(run("%s", line), EXIT_UNREACHABLE);
	assert_non_null(strstr(complained, "البوابة لا تعمل"));
	assert_non_null(strstr(complained, "mithaq serve"));
}

static void all_said_away(void)
{
	said_away("why q_00000000000000000000000000");
	assert_non_null(strstr(complained, "mithaq log show"));
	said_away("status");
	said_away("query customs/declaration-status declaration=2026-0048817 --purpose duty-assessment");
	assert_non_null(strstr(complained, "لم يُرسل شيء"));
}

/* There was never a socket; or one stands there of a gateway that was killed. */
static void a_gateway_that_is_away_is_said_so(void **state)
{
	(void)state;
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int		   fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_int_equal(run("--home %s/us token new clerk --cli", room), EXIT_DONE);
	all_said_away();
	snprintf(at.sun_path, sizeof at.sun_path, "%s", in_room("us/data/api.sock"));
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
	close(fd);
	all_said_away();
	assert_int_equal(remove(in_room("us/data/api.sock")), 0);
	assert_int_equal(remove(in_room("us/cli.token")), 0);
}

/* ---- partner ---- */

static void partners_are_added(void **state)
{
	(void)state;
	struct buffer text = {.most = 4096};

	assert_int_equal(run("--lang en --home %s/kw partner add %s/us/%s.card 127.0.0.1:7443", room, room, US), EXIT_DONE);
	assert_int_equal(run("--lang en --home %s/us partner add %s/kw/%s.card", room, room, KW), EXIT_DONE);
	read_text("kw/mithaq.yaml", &text);
	assert_non_null(strstr((const char *)text.at, "partners:\n  " US ": 127.0.0.1:7443\n"));
	buffer_done(&text);
	/* A second time changes nothing. */
	assert_int_equal(run("--home %s/kw partner add %s/us/%s.card 127.0.0.1:7443", room, room, US), EXIT_DONE);
	read_text("kw/mithaq.yaml", &text);
	assert_null(strstr(strstr((const char *)text.at, US) + 1, US));
	buffer_done(&text);
}

static void cards_that_are_refused(void **state)
{
	(void)state;
	struct buffer card = {.most = 4096};

	assert_int_equal(run("--home %s/kw partner add %s/kw/%s.card", room, room, KW), EXIT_USAGE); /* our own */
	assert_int_equal(run("--home %s/kw partner add %s/us/%s.card nowhere", room, room, US), EXIT_USAGE);
	assert_int_equal(run("--home %s/kw partner add %s/us/%s.card a:99999", room, room, US), EXIT_USAGE);
	assert_int_equal(run("--home %s/kw partner add %s/no-such.card", room, room), EXIT_INTERNAL);
	read_text("us/" US ".card", &card);
	char *pin = strstr((char *)card.at, "tls ");
	assert_non_null(pin);
	pin[4] = pin[4] == 'A' ? 'B' : 'A';
	write_text("tampered.card", (const char *)card.at);
	assert_int_equal(run("--lang en --home %s/kw partner add %s/tampered.card", room, room), EXIT_USAGE);
	assert_non_null(strstr(complained, "signature"));
	buffer_done(&card);
	/* Another party of the same name: other roots, same serial. */
	assert_int_equal(run("--home %s/false init %s", room, US), EXIT_DONE);
	assert_int_equal(run("--lang en --home %s/kw partner add %s/false/%s.card", room, room, US), EXIT_USAGE);
	assert_int_equal(run("--home %s/live init live.example --environment live", room), EXIT_DONE);
	assert_int_equal(run("--lang en --home %s/kw partner add %s/live/live.example.card", room, room), EXIT_USAGE);
	assert_non_null(strstr(complained, "test and live"));
}

/* ---- agreement ---- */

static void check_runs_the_examples(void **state)
{
	(void)state;
	struct buffer text = {.most = AGREEMENT_TEXT_MOST + 1};

	sample_copy();
	assert_int_equal(run("--lang en agreement check %s/a.yaml", room), EXIT_DONE);
	assert_non_null(strstr(said, "must-refuse cases refused"));
	read_text("a.yaml", &text);
	char *because = strstr((char *)text.at, "because: purpose");
	assert_non_null(because);
	memcpy(because, "because: field  ", 16);
	write_text("wrong.yaml", (const char *)text.at);
	assert_int_equal(run("--lang en agreement check %s/wrong.yaml", room), EXIT_USAGE);
	assert_non_null(strstr(complained, "wrong.yaml:")); /* with its line */
	assert_int_equal(run("--lang en agreement sign %s/wrong.yaml --root %s/kw/root/root-a.key", room, room), EXIT_USAGE);
	assert_int_equal(access(in_room("wrong.yaml.signed"), F_OK), -1);
	buffer_done(&text);
}

static void two_signatures(void **state)
{
	(void)state;
	assert_int_equal(run("--home %s/kw agreement sign %s/a.yaml --root %s/kw/root/root-a.key", room, room, room), EXIT_DONE);
	/* One is not enough. */
	assert_int_equal(run("--home %s/kw agreement activate %s/a.yaml.signed", room, room), EXIT_USAGE);
	/* The same party twice, by its other root. */
	assert_int_equal(run("--lang en agreement sign %s/a.yaml.signed --root %s/kw/root/root-b.key", room, room), EXIT_USAGE);
	assert_non_null(strstr(complained, "signed already"));
	/* A key that is nobody's root. */
	assert_int_equal(run("agreement sign %s/a.yaml.signed --root %s/us/keys/log.key", room, room), EXIT_USAGE);
	/* The draft again would lose the signature that stands in the file. */
	assert_int_equal(run("agreement sign %s/a.yaml --root %s/us/root/root-a.key", room, room), EXIT_USAGE);
	assert_int_equal(run("agreement sign %s/a.yaml.signed --root %s/us/root/root-b.key --party " KW, room, room), EXIT_USAGE);
	assert_int_equal(run("agreement sign %s/a.yaml.signed --root %s/us/root/root-b.key --party " US, room, room), EXIT_DONE);
}

static void a_key_that_others_read_is_refused(void **state)
{
	(void)state;
	assert_int_equal(chmod(in_room("us/root/root-a.key"), 0644), 0);
	assert_int_equal(run("--lang en agreement sign %s/a.yaml --root %s/us/root/root-a.key --out %s/other.signed", room, room, room), EXIT_USAGE);
	assert_non_null(strstr(complained, "0600"));
	assert_int_equal(chmod(in_room("us/root/root-a.key"), 0600), 0);
	assert_int_equal(run("agreement sign %s/a.yaml --root %s/us/root/root-a.key --out %s/other.signed", room, room, room), EXIT_DONE);
}

static void activation(void **state)
{
	(void)state;
	struct buffer note = {.most = AGREEMENT_NOTE_MOST};
	struct config config;
	struct papers papers;
	struct fault  fault = {0};
	char	      file[CONFIG_PATH_MOST];

	read_text("a.yaml.signed", &note);
	char *days = strstr((char *)note.at, "per-day: 5");
	assert_non_null(days);
	days[9] = '6';
	write_text("tampered.signed", (const char *)note.at);
	buffer_done(&note);
	assert_int_equal(run("--lang en --home %s/kw agreement activate %s/tampered.signed", room, room), EXIT_USAGE);
	assert_int_equal(run("--home %s/live agreement activate %s/a.yaml.signed", room, room), EXIT_USAGE);
	assert_int_equal(run("--home %s/kw agreement activate %s/a.yaml.signed", room, room), EXIT_DONE);
	assert_int_equal(run("--home %s/kw agreement activate %s/a.yaml.signed", room, room), EXIT_DONE);
	assert_int_equal(run("--home %s/kw --json agreement list", room), EXIT_DONE);
	assert_non_null(strstr(said, "\"customs-and-border-2026\""));
	assert_int_equal(run("--home %s/kw --lang ar agreement show customs-and-border-2026 --clause 7", room), EXIT_DONE);
	assert_non_null(strstr(said, "حالة البيان الجمركي"));
	assert_int_equal(run("--home %s/kw agreement show customs-and-border-2026 --clause 99", room), EXIT_USAGE);
	config_places(&config, in_room("kw"));
	assert_int_equal(config_read(&config, &fault), ERR_OK);
	assert_int_equal(papers_load(&config, &papers, file, &fault), ERR_OK);
	assert_int_equal(papers.nagreements, 1);
	assert_int_equal(papers.ncards, 2);
	papers_done(&papers);
	/* A card under another's name is not taken. */
	assert_int_equal(rename(in_room("kw/partners/" US ".card"), in_room("kw/partners/other.example.card")), 0);
	assert_int_equal(papers_load(&config, &papers, file, &fault), ERR_VALUE);
	assert_non_null(strstr(file, "other.example.card"));
	assert_int_equal(rename(in_room("kw/partners/other.example.card"), in_room("kw/partners/" US ".card")), 0);
	config_done(&config);
}

/* ---- token, options ---- */

static void tokens(void **state)
{
	(void)state;
	assert_int_equal(run("--home %s/us token new portal --clauses customs/declaration-status --cli", room), EXIT_DONE);
	assert_memory_equal(said, "mq_test_", 8);
	assert_int_equal(mode_of("us/cli.token"), 0600);
	assert_int_equal(run("--home %s/live token new portal", room), EXIT_DONE);
	assert_memory_equal(said, "mq_live_", 8);
	assert_int_equal(run("--home %s/us token new bad/name", room), EXIT_USAGE);
	assert_int_equal(run("--home %s/us token new portal --clauses customs", room), EXIT_USAGE);
	assert_int_equal(run("--home %s/us token new portal --clauses a/b,", room), EXIT_USAGE);
	assert_int_equal(run("--home %s/us token list", room), EXIT_DONE);
	assert_non_null(strstr(said, "portal"));
	assert_int_equal(run("--home %s/us token revoke portal", room), EXIT_DONE);
	assert_int_equal(run("--home %s/us token revoke portal", room), EXIT_USAGE);
}

static void options(void **state)
{
	(void)state;
	assert_int_equal(run("version --json"), EXIT_DONE);
	assert_memory_equal(said, "{\"name\":\"mithaq\"", 16);
	assert_int_equal(run("--lang fr version"), EXIT_USAGE);
	assert_int_equal(run("nothing"), EXIT_USAGE);
	assert_int_equal(run("--home"), EXIT_USAGE);
	assert_int_equal(run("--lang=ar nothing"), EXIT_USAGE);
	assert_non_null(strstr(complained, "لا يوجد أمر"));
	assert_int_equal(run("--home %s/nowhere token list", room), EXIT_INTERNAL);
}

int main(void)
{
	/* In this order: each stands on what the one before has made. */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_party),
		cmocka_unit_test(nothing_is_written_over),
		cmocka_unit_test(bad_words_to_init),
		cmocka_unit_test(a_birth_that_fails_leaves_nothing),
		cmocka_unit_test(a_full_disk_leaves_no_key),
		cmocka_unit_test(partners_are_added),
		cmocka_unit_test(cards_that_are_refused),
		cmocka_unit_test(check_runs_the_examples),
		cmocka_unit_test(two_signatures),
		cmocka_unit_test(a_key_that_others_read_is_refused),
		cmocka_unit_test(activation),
		cmocka_unit_test(tokens),
		cmocka_unit_test(a_gateway_that_is_away_is_said_so),
		cmocka_unit_test(options),
	};

	if (!room_make())
		return 1;
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	room_drop();
	return failed;
}
