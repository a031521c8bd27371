/* cli_run.h: commands run in a temporary room, as a person would type them, and the invented sample parties. */
#ifndef TESTS_CLI_RUN_H
#define TESTS_CLI_RUN_H

#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "crypto/hash.h"
#include "crypto/sign.h"
#include "proc/files.h"
#include "proc/papers.h"

#define KW "customs.kw.example"
#define US "cbp.us.example"

static char  room[] = "/tmp/mithaq-cli-XXXXXX";
static char *said, *complained; /* by the last command */

static const struct command commands[] = {
	{"init", cmd_init, "", "", ""},		  {"partner", cmd_partner, "", "", ""}, {"token", cmd_token, "", "", ""},
	{"agreement", cmd_agreement, "", "", ""}, {"version", cmd_version, "", "", ""}, {"why", cmd_why, "", "", ""},
	{"status", cmd_status, "", "", ""},	  {"query", cmd_query, "", "", ""},	{"cancel", cmd_cancel, "", "", ""},
};

/* Runs "mithaq WORDS" split at spaces, in the room. */
static inline int run(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline int run(const char *format, ...)
{
	char	   line[2048], *words[40] = {line}, *rest = NULL;
	int	   n = 1;
	size_t	   size;
	struct cli cli = {.commands = commands, .ncommands = COUNT_OF(commands)};
	va_list	   arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof line, format, arguments);
	va_end(arguments);
	free(said);
	free(complained);
	for (char *word = strtok_r(line, " ", &rest); word != NULL && n < 39; word = strtok_r(NULL, " ", &rest))
		words[n++] = word;
	cli.out = open_memstream(&said, &size);
	cli.complain = open_memstream(&complained, &size);
	int code = cli_main(&cli, n, words);
	fclose(cli.out);
	fclose(cli.complain);
	return code;
}

static inline const char *in_room(const char *rest)
{
	static char path[4][600];
	static int  next;

	next = (next + 1) % 4;
	snprintf(path[next], sizeof path[next], "%s/%s", room, rest);
	return path[next];
}

static inline unsigned mode_of(const char *rest)
{
	struct stat s;

	return stat(in_room(rest), &s) == 0 ? s.st_mode & 0777 : 0;
}

static inline void write_text(const char *rest, const char *text)
{
	assert_int_equal(file_write(in_room(rest), bytes_text(text), 0644), ERR_OK);
}

static inline void read_text(const char *rest, struct buffer *out)
{
	assert_int_equal(file_read(in_room(rest), out), ERR_OK);
	assert_int_equal(buffer_add(out, bytes_of("", 1)), ERR_OK);
}

/* The published seed of a sample party's root. */
static inline void sample_seed(const char *party, const char *letter)
{
	char text[200], hex[2 * HASH_SIZE + 1], name[100];

	snprintf(text, sizeof text, "mithaq sample root %s %s", letter, party);
	struct hash seed = hash_bytes(bytes_text(text));
	hex_write(seed.b, HASH_SIZE, hex);
	snprintf(text, sizeof text, "%s\n", hex);
	snprintf(name, sizeof name, "%s.%s", party, letter);
	write_text(name, text);
}

static inline int init_sample(const char *folder, const char *party)
{
	sample_seed(party, "a");
	sample_seed(party, "b");
	return run("--lang en --home %s/%s init %s --root-seed-a %s/%s.a --root-seed-b %s/%s.b", room, folder, party, room, party, room, party);
}

static inline void sample_copy(void)
{
	struct buffer text = {.most = AGREEMENT_TEXT_MOST};
	char	      path[1024];

	snprintf(path, sizeof path, "%s/samples/customs-and-border.yaml", getenv("MITHAQ_SOURCE"));
	assert_int_equal(file_read(path, &text), ERR_OK);
	assert_int_equal(file_write(in_room("a.yaml"), buffer_bytes(&text), 0644), ERR_OK);
	buffer_done(&text);
}

static inline int room_drop_one(const char *path, const struct stat *s, int type, struct FTW *at)
{
	(void)s;
	(void)type;
	(void)at;
	return remove(path);
}

static inline bool room_make(void)
{
	return mkdtemp(room) != NULL && crypto_start() == ERR_OK;
}

static inline void room_drop(void)
{
	nftw(room, room_drop_one, 16, FTW_DEPTH | FTW_PHYS);
	free(said);
	free(complained);
}

#endif
