#include "proc/tokens.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cursor.h"
#include "proc/files.h"

#define TOKEN_FORM	"mithaq-token/1"
#define TOKEN_FILE_MOST (TOKEN_CLAUSES_MOST + TOKEN_ACCOUNT_MOST + 96)

enum err token_account_check(struct bytes account)
{
	if (account.n == 0 || account.n > TOKEN_ACCOUNT_MOST)
		return ERR_VALUE;
	for (size_t i = 0; i < account.n; i++) {
		uint8_t c = account.at[i];
		bool	ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';

		if (!ok)
			return ERR_VALUE;
	}
	return ERR_OK;
}

void token_text(bool live, const uint8_t random[TOKEN_RANDOM], char out[TOKEN_TEXT + 1])
{
	static const char letters[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	unsigned	  held = 0, bits = 0;
	char		 *to = out;

	memcpy(to, live ? TOKEN_PREFIX_LIVE : TOKEN_PREFIX_TEST, 8);
	to += 8;
	for (size_t i = 0; i < TOKEN_RANDOM; i++) {
		held = (held << 8 | random[i]) & 0xffff;
		for (bits += 8; bits >= 5; bits -= 5)
			*to++ = letters[held >> (bits - 5) & 31];
	}
	*to = '\0';
}

/* ---- one file ---- */

/* The next word up to a space, or the rest. */
static struct bytes word_next(struct bytes *line)
{
	size_t n = 0;

	while (n < line->n && line->at[n] != ' ')
		n++;
	struct bytes word = bytes_of(line->at, n);
	size_t	     skip = n < line->n ? n + 1 : n;
	*line = bytes_of(line->at + skip, line->n - skip);
	return word;
}

static void text_keep(char *out, struct bytes v)
{
	memcpy(out, v.at, v.n);
	out[v.n] = '\0';
}

static enum err token_read(struct bytes file, struct token *out)
{
	struct cursor c = cursor_on(file);
	struct bytes  line = cursor_line(&c);

	if (cursor_end(&c) != ERR_OK)
		return ERR_MALFORMED;
	struct bytes form = word_next(&line), account = word_next(&line), created = word_next(&line), clauses = word_next(&line);
	uint64_t     expires_ms = 0;
	if (line.n != 0 && time_read(line, &expires_ms) != ERR_OK)
		return ERR_MALFORMED;
	if (!bytes_is(form, TOKEN_FORM) || clauses.n == 0 || clauses.n > TOKEN_CLAUSES_MOST)
		return ERR_MALFORMED;
	if (token_account_check(account) != ERR_OK || time_read(created, &out->created_ms) != ERR_OK)
		return ERR_MALFORMED;
	out->expires_ms = expires_ms;
	text_keep(out->account, account);
	text_keep(out->clauses, clauses);
	return ERR_OK;
}

static enum err token_path(const char *folder, const struct hash *hash, char out[CONFIG_PATH_MOST])
{
	char hex[2 * HASH_SIZE + 1];

	hex_write(hash->b, HASH_SIZE, hex);
	int n = snprintf(out, CONFIG_PATH_MOST, "%s/%s", folder, hex);
	return n > 0 && n < CONFIG_PATH_MOST ? ERR_OK : ERR_TOO_LONG;
}

static enum err token_load(const char *folder, const char *name, struct token *out)
{
	struct buffer file = {.most = TOKEN_FILE_MOST};
	char	      path[CONFIG_PATH_MOST];
	enum err      e = hex_read(bytes_text(name), out->hash.b, HASH_SIZE);

	if (e == ERR_OK)
		e = token_path(folder, &out->hash, path);
	if (e == ERR_OK)
		e = file_read(path, &file);
	if (e == ERR_OK)
		e = token_read(buffer_bytes(&file), out);
	buffer_done(&file);
	return e;
}

enum err token_store(const char *folder, const struct token *t)
{
	char path[CONFIG_PATH_MOST], line[TOKEN_FILE_MOST], created[25], expires[26] = "";

	enum err e = token_path(folder, &t->hash, path);
	if (e != ERR_OK)
		return e;
	time_write(t->created_ms, created);
	if (t->expires_ms != 0) {
		expires[0] = ' ';
		time_write(t->expires_ms, expires + 1);
	}
	int n = snprintf(line, sizeof line, TOKEN_FORM " %s %s %s%s\n", t->account, created, t->clauses, expires);
	if (n <= 0 || (size_t)n >= sizeof line)
		return ERR_TOO_LONG;
	return file_write_new(path, bytes_of(line, (size_t)n), 0600);
}

enum err token_remove(const char *folder, const struct hash *hash)
{
	char path[CONFIG_PATH_MOST];

	enum err e = token_path(folder, hash, path);
	if (e != ERR_OK)
		return e;
	if (unlink(path) == 0)
		return ERR_OK;
	return errno == ENOENT ? ERR_NOT_FOUND : ERR_FILE;
}

/* ---- the folder ---- */

static enum err tokens_take(const char *folder, DIR *dir, struct tokens *t, unsigned *skipped)
{
	struct dirent *entry;

	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		if (t->n == TOKENS_MOST)
			return ERR_TOO_LONG;
		enum err e = token_load(folder, entry->d_name, &t->at[t->n]);
		if (e == ERR_OK)
			t->n++;
		else
			(*skipped)++;
	}
	return ERR_OK;
}

enum err tokens_load(const char *folder, struct tokens *out, unsigned *skipped)
{
	struct tokens t = {.at = calloc(TOKENS_MOST, sizeof(struct token))};
	unsigned      lost = 0;
	enum err      e = ERR_OK;

	if (t.at == NULL)
		return ERR_MEMORY;
	DIR *dir = opendir(folder);
	if (dir != NULL) {
		e = tokens_take(folder, dir, &t, &lost);
		closedir(dir);
	} else if (errno != ENOENT) {
		e = ERR_FILE;
	}
	if (e != ERR_OK) {
		tokens_done(&t);
		return e;
	}
	*out = t;
	*skipped = lost;
	return ERR_OK;
}

void tokens_done(struct tokens *t)
{
	free(t->at);
	*t = (struct tokens){0};
}

const struct token *tokens_find(const struct tokens *t, struct bytes text)
{
	const struct token *found = NULL;

	if (text.n != TOKEN_TEXT)
		return NULL;
	struct hash hash = hash_bytes(text);
	/* No early return: how long this takes says nothing about which one it was. */
	for (unsigned i = 0; i < t->n; i++)
		if (hash_equal_secret(&t->at[i].hash, &hash))
			found = &t->at[i];
	return found;
}

/* ---- what a token is for ---- */

#define ANSWER "answer:"

/* Cuts the next one off. */
static bool scope_next(const char **at, struct bytes *one)
{
	if (**at == '\0')
		return false;
	size_t n = strcspn(*at, ",");

	*one = bytes_of(*at, n);
	*at += n;
	*at += **at == ',';
	return true;
}

/* "answer:x" is x behind its word; anything else is left as it is. */
static bool scope_is_answer(struct bytes *one)
{
	size_t n = sizeof ANSWER - 1;

	if (one->n < n || memcmp(one->at, ANSWER, n) != 0)
		return false;
	*one = bytes_of(one->at + n, one->n - n);
	return true;
}

bool token_expired(const struct token *t, uint64_t now_ms)
{
	return t->expires_ms != 0 && now_ms >= t->expires_ms;
}

bool token_of_environment(struct bytes text, bool live)
{
	const char *prefix = live ? TOKEN_PREFIX_LIVE : TOKEN_PREFIX_TEST;

	return text.n == TOKEN_TEXT && memcmp(text.at, prefix, strlen(prefix)) == 0;
}

bool token_permits(const struct token *t, struct bytes clause)
{
	const char  *at = t->clauses;
	struct bytes one;

	while (scope_next(&at, &one)) {
		bool answers = scope_is_answer(&one);

		if (bytes_equal(one, clause) || (bytes_is(one, "*") && !answers))
			return true;
	}
	return scope_answers(t->clauses, clause);
}

bool scope_answers(const char *clauses, struct bytes clause)
{
	struct bytes one;

	while (scope_next(&clauses, &one))
		if (scope_is_answer(&one) && (bytes_is(one, "*") || bytes_equal(one, clause)))
			return true;
	return false;
}

static bool is_clause(struct bytes v)
{
	const uint8_t *slash = v.n > 0 ? memchr(v.at, '/', v.n) : NULL;

	if (slash == NULL)
		return false;
	size_t n = (size_t)(slash - v.at);
	return name_check(bytes_of(v.at, n)) == ERR_OK && name_check(bytes_of(slash + 1, v.n - n - 1)) == ERR_OK;
}

enum err scope_check(const char *clauses)
{
	size_t	     n = strlen(clauses);
	struct bytes one;

	if (n == 0 || n > TOKEN_CLAUSES_MOST || clauses[n - 1] == ',')
		return ERR_VALUE;
	while (scope_next(&clauses, &one)) {
		(void)scope_is_answer(&one);
		if (!bytes_is(one, "*") && !is_clause(one))
			return ERR_VALUE;
	}
	return ERR_OK;
}
