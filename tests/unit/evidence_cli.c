/* evidence_cli.c: `mithaq verify` over the golden bundles: words, JSON and exit codes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "crypto/sign.h"
#include "proc/files.h"

struct heard {
	char *out, *complaint;
	int   code;
};

static int start(void **state)
{
	(void)state;
	return crypto_start() == ERR_OK ? 0 : -1;
}

static void golden_path(const char *story, char out[static 512])
{
	const char *source = getenv("MITHAQ_SOURCE");

	snprintf(out, 512, "%s/spec/vectors/bundle-%s.mithaq", source != NULL ? source : ".", story);
}

/* Runs `mithaq verify` with these words; free out and complaint. */
static struct heard run(enum lang lang, bool json, char *path, const char *option, char *value)
{
	static const struct command row = {.name = "verify", .run = cmd_verify, .words = "BUNDLE", .about = "", .about_ar = ""};
	struct heard		    h = {NULL, NULL, 0};
	size_t			    n, m;
	char			    name[] = "verify", word[32];
	char			   *argv[] = {name, path, word, value, NULL};
	struct cli		    cli = {.lang = lang, .json = json, .command = &row};

	snprintf(word, sizeof word, "%s", option != NULL ? option : "");
	cli.out = open_memstream(&h.out, &n);
	cli.complain = open_memstream(&h.complaint, &m);
	h.code = cmd_verify(&cli, path == NULL ? 1 : option == NULL ? 2 : 4, argv);
	fclose(cli.out);
	fclose(cli.complain);
	return h;
}

static void heard_done(struct heard *h)
{
	free(h->out);
	free(h->complaint);
}

static void sound_bundle_is_told_in_both_languages(void **state)
{
	char	     path[512];
	struct heard h;

	(void)state;
	golden_path("hit", path);
	h = run(LANG_EN, false, path, NULL, NULL);
	assert_int_equal(h.code, EXIT_DONE);
	assert_non_null(strstr(h.out, "PROVED   customs.north.example asked this (entry 2)\n"));
	assert_non_null(strstr(h.out, "NOT PROVED  that the content is true;"));
	assert_non_null(strstr(h.out, "ANSWER    released-on  2026-11-20\n"));
	heard_done(&h);
	h = run(LANG_AR, false, path, NULL, NULL);
	assert_int_equal(h.code, EXIT_DONE);
	assert_non_null(strstr(h.out, "تسلمت customs.north.example الجواب"));
	heard_done(&h);
}

static void json_is_one_object(void **state)
{
	char	     path[512];
	struct heard h;
	json_t	    *object;

	(void)state;
	golden_path("refused", path);
	h = run(LANG_EN, true, path, NULL, NULL);
	assert_int_equal(h.code, EXIT_DONE);
	object = json_loads(h.out, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(object);
	assert_true(json_is_true(json_object_get(object, "sound")));
	assert_int_equal(json_array_size(json_object_get(object, "claims")), 10);
	json_decref(object);
	heard_done(&h);
}

/* The golden bundle with one bit flipped, in a file of its own. */
static void tampered_file(char path[static 512])
{
	struct buffer file = {.most = 1 << 20};
	char	      golden[512];

	golden_path("hit", golden);
	assert_int_equal(file_read(golden, &file), ERR_OK);
	file.at[file.n / 2] ^= 1;
	snprintf(path, 512, "/tmp/mithaq-tampered-XXXXXX");
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, file.at, file.n), (ssize_t)file.n);
	close(fd);
	buffer_done(&file);
}

static void tampered_bundle_is_broken(void **state)
{
	char	     path[512];
	struct heard h;

	(void)state;
	tampered_file(path);
	h = run(LANG_EN, false, path, NULL, NULL);
	assert_int_equal(h.code, EXIT_EVIDENCE_BROKEN);
	assert_string_equal(h.out, "");
	assert_non_null(strstr(h.complaint, "BROKEN  "));
	heard_done(&h);
	h = run(LANG_EN, true, path, NULL, NULL);
	assert_int_equal(h.code, EXIT_EVIDENCE_BROKEN);
	assert_non_null(strstr(h.out, "\"sound\": false"));
	heard_done(&h);
	unlink(path);
}

static void another_agreement_is_refused(void **state)
{
	char	     path[512], other[512];
	struct heard h;

	(void)state;
	golden_path("hit", path);
	golden_path("chain", other);
	h = run(LANG_EN, false, path, "--agreement", other);
	assert_int_equal(h.code, EXIT_EVIDENCE_BROKEN);
	assert_string_equal(h.out, "");
	heard_done(&h);
}

static void wrong_words_are_usage(void **state)
{
	char	     path[] = "/nonexistent/bundle";
	struct heard h = run(LANG_EN, false, path, NULL, NULL);

	(void)state;
	assert_int_equal(h.code, EXIT_USAGE);
	heard_done(&h);
	h = run(LANG_EN, false, NULL, NULL, NULL);
	assert_int_equal(h.code, EXIT_USAGE);
	heard_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sound_bundle_is_told_in_both_languages),
		cmocka_unit_test(json_is_one_object),
		cmocka_unit_test(tampered_bundle_is_broken),
		cmocka_unit_test(another_agreement_is_refused),
		cmocka_unit_test(wrong_words_are_usage),
	};

	return cmocka_run_group_tests_name("evidence_cli", tests, start, NULL);
}
