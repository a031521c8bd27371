/*
 * evidence_tamper.c: every byte of a bundle is flipped, and no claim survives wrongly;
 * the golden bundles stay as they are; the verifier in Python agrees on all of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "evidence_world.h"

#define SAMPLE_EVERY 331 /* flips shown to the second verifier: a prime, so that it walks over all fields */
#define LINE_MOST    8192

static struct world world;

static int start(void **state)
{
	(void)state;
	return crypto_start() == ERR_OK ? 0 : -1;
}

static struct buffer story_bundle(enum story story)
{
	struct buffer out = {.most = EVIDENCE_MOST};

	assert_int_equal(world_init(&world, NULL), ERR_OK);
	assert_int_equal(world_bundle(&world, story_tell(&world, story), &out), ERR_OK);
	return out;
}

/* ---- one line per bundle, the same from both verifiers ---- */

/* What only libmithaq judges, because it needs the agreement's clauses. */
static bool needs_clauses(enum claim_kind kind)
{
	return kind == CLAIM_INSIDE || kind == CLAIM_OUTSIDE || kind == CLAIM_UNJUDGED || kind == CLAIM_ANSWER_OUTSIDE;
}

static void claims_line(struct bytes bundle, char line[static LINE_MOST])
{
	struct builder b = builder_on(line, LINE_MOST - 1);
	struct report  report;

	if (evidence_verify(bundle, NULL, &report, NULL) != ERR_OK) {
		strcpy(line, "broken");
		return;
	}
	for (unsigned i = 0; i < report.n; i++) {
		const struct claim *c = &report.claim[i];

		if (needs_clauses(c->kind))
			continue;
		build_format(&b, "%s%s %s", b.n > 0 ? " ; " : "", verdict_word(c->verdict, LANG_EN), claim_name(c->kind));
		for (unsigned v = 0; v < c->n; v++)
			build_format(&b, " %s", c->value[v]);
	}
	assert_int_equal(b.err, ERR_OK);
	line[b.n] = '\0';
}

/* ---- the second verifier, over a file of many bundles ---- */

struct second {
	char  path[64];
	FILE *file;
	char  expected_path[64];
	FILE *expected;
};

static FILE *open_temporary(char path[static 64])
{
	strcpy(path, "/tmp/mithaq-bundles-XXXXXX");
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	return fdopen(fd, "w+");
}

static void second_add(struct second *s, struct bytes bundle)
{
	uint8_t	       length[4];
	struct builder b = builder_on(length, sizeof length);
	char	       line[LINE_MOST];

	build_u32(&b, (uint32_t)bundle.n);
	assert_int_equal(fwrite(length, 1, 4, s->file), 4);
	assert_int_equal(fwrite(bundle.at, 1, bundle.n, s->file), bundle.n);
	claims_line(bundle, line);
	fprintf(s->expected, "%s\n", line);
}

static void second_run(struct second *s, FILE *output)
{
	const char		  *source = getenv("MITHAQ_SOURCE");
	char			   program[512];
	char			  *argv[] = {"python3", program, "--batch", s->path, NULL};
	char			  *envp[] = {"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", NULL};
	posix_spawn_file_actions_t actions;
	pid_t			   pid;
	int			   status;

	snprintf(program, sizeof program, "%s/tools/verify.py", source != NULL ? source : ".");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fileno(output), STDOUT_FILENO);
	assert_int_equal(posix_spawn(&pid, "/usr/bin/python3", &actions, NULL, argv, envp), 0);
	posix_spawn_file_actions_destroy(&actions);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void second_agrees(struct second *s)
{
	char	 output_path[64], ours[LINE_MOST], theirs[LINE_MOST];
	FILE	*output = open_temporary(output_path);
	unsigned n = 0;

	fflush(s->file);
	second_run(s, output);
	rewind(output);
	rewind(s->expected);
	while (fgets(ours, sizeof ours, s->expected) != NULL) {
		assert_non_null(fgets(theirs, sizeof theirs, output));
		if (strcmp(ours, theirs) != 0)
			print_message("bundle %u of the batch\n", n);
		assert_string_equal(theirs, ours);
		n++;
	}
	assert_null(fgets(theirs, sizeof theirs, output));
	fclose(output);
	fclose(s->file);
	fclose(s->expected);
	unlink(output_path);
	unlink(s->path);
	unlink(s->expected_path);
}

static void second_start(struct second *s)
{
	s->file = open_temporary(s->path);
	s->expected = open_temporary(s->expected_path);
}

/* ---- stories ---- */

static void both_verifiers_agree_on_every_story(void **state)
{
	struct second s;

	(void)state;
	second_start(&s);
	for (int story = 0; story < STORY_COUNT; story++) {
		struct buffer bundle = story_bundle((enum story)story);

		second_add(&s, buffer_bytes(&bundle));
		buffer_done(&bundle);
	}
	second_agrees(&s);
}

/* Flips bit 0 and bit 7 of every `step`-th byte. The result is broken: there is no byte that says nothing. */
static void flip_all(enum story story, size_t step)
{
	struct buffer bundle = story_bundle(story);
	struct second s;
	struct report report;

	second_start(&s);
	second_add(&s, buffer_bytes(&bundle));
	for (size_t i = 0; i < bundle.n; i += step)
		for (unsigned bit = 0; bit < 8; bit += 7) {
			bundle.at[i] ^= (uint8_t)(1u << bit);
			if (evidence_verify(buffer_bytes(&bundle), NULL, &report, NULL) == ERR_OK)
				fail_msg("byte %zu bit %u of %s does not matter", i, bit, story_names[story]);
			if ((2 * i + bit) % SAMPLE_EVERY == 0)
				second_add(&s, buffer_bytes(&bundle));
			bundle.at[i] ^= (uint8_t)(1u << bit);
		}
	second_agrees(&s);
	buffer_done(&bundle);
}

static void no_byte_of_a_hit_may_flip(void **state)
{
	(void)state;
	flip_all(STORY_HIT, 1);
}

static void no_byte_of_a_chain_may_flip(void **state)
{
	(void)state;
	flip_all(STORY_CHAIN, 3); /* its items are of the same form; three keeps the run short */
}

/* Bundles that were once made verify for ever, and are made the same way today. MITHAQ_WRITE_VECTORS makes them anew. */
static void golden_bundles_stay(void **state)
{
	const char *source = getenv("MITHAQ_SOURCE");

	(void)state;
	for (int story = 0; story < STORY_COUNT; story++) {
		struct buffer  bundle = story_bundle((enum story)story);
		static uint8_t golden[1 << 18];
		char	       path[512];

		snprintf(path, sizeof path, "%s/spec/vectors/bundle-%s.mithaq", source != NULL ? source : ".", story_names[story]);
		FILE *f = fopen(path, getenv("MITHAQ_WRITE_VECTORS") != NULL ? "w+" : "r");
		assert_non_null(f);
		if (getenv("MITHAQ_WRITE_VECTORS") != NULL)
			assert_int_equal(fwrite(bundle.at, 1, bundle.n, f), bundle.n);
		rewind(f);
		assert_int_equal(fread(golden, 1, sizeof golden, f), bundle.n);
		assert_memory_equal(golden, bundle.at, bundle.n);
		fclose(f);
		buffer_done(&bundle);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_verifiers_agree_on_every_story),
		cmocka_unit_test(golden_bundles_stay),
		cmocka_unit_test(no_byte_of_a_hit_may_flip),
		cmocka_unit_test(no_byte_of_a_chain_may_flip),
	};

	return cmocka_run_group_tests_name("evidence_tamper", tests, start, NULL);
}
