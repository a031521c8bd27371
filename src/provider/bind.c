/* bind.c: one pass over a statement: quotes and comments are known, `:name` becomes `?`, everything else is copied or refused. */
#include "provider/bind.h"

#include <stdlib.h>
#include <strings.h>

#define WORD_MOST  64 /* a longer one is no word that we look for */
#define FOUND_MOST 24 /* bytes of the statement that a complaint shows */

struct scan {
	const char    *at;
	struct builder out;
	struct bind   *bind;
	unsigned       words;
	bool	       ended;	       /* behind the semicolon */
	const char    *help, *help_ar; /* why it stopped */
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_word_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* A dollar sign ends no word: Oracle has V$SESSION. One that begins something is a quote of PostgreSQL's. */
static bool is_word(char c)
{
	return is_word_start(c) || is_digit(c) || c == '$';
}

static bool stop(struct scan *s, const char *help, const char *help_ar)
{
	s->help = help;
	s->help_ar = help_ar;
	return false;
}

static void copy(struct scan *s, size_t n)
{
	build_copy(&s->out, s->at, n);
	s->at += n;
}

/* ---- what is left out ---- */

/* To the end of the line. MariaDB wants a space behind the dashes, others do not: with one they agree. */
static bool comment_line(struct scan *s)
{
	if (s->at[2] != '\0' && !is_space(s->at[2]))
		return stop(s, "write a space behind --", "اكتب مسافة بعد --");
	s->at += strcspn(s->at, "\n");
	build_u8(&s->out, ' ');
	return true;
}

/* One within another ends at the first end for some databases and at the second for others. */
static bool comment_block(struct scan *s)
{
	const char *end = strstr(s->at + 2, "*/"), *inner = strstr(s->at + 2, "/*");

	if (end == NULL || (inner != NULL && inner < end))
		return stop(s, "a comment ends with */ and has no other within",
			    "ينتهي التعليق بـ ‎*/‎ ولا يحوي تعليقًا آخر");
	s->at = end + 2;
	build_u8(&s->out, ' ');
	return true;
}

/* ---- quotes ---- */

/* 'a text' or "a name"; the quote itself is written twice. A backslash is a letter to some databases and hides the quote from others. */
static bool quoted(struct scan *s)
{
	char   quote = *s->at;
	size_t n = 1;

	for (;;) {
		if (s->at[n] == '\0')
			return stop(s, "this quote has no end", "لا نهاية لعلامة الاقتباس هذه");
		if (s->at[n] == '\\')
			return stop(s, "databases disagree about a backslash: make a view and select from it",
				    "تختلف قواعد البيانات في الشرطة المعكوسة: أنشئ عرضًا (view) واستعلم منه");
		if (s->at[n++] != quote)
			continue;
		if (s->at[n] != quote)
			break;
		n++;
	}
	copy(s, n);
	if (is_word(*s->at))
		return stop(s, "a space is missing behind a quote", "تنقص مسافة بعد علامة الاقتباس");
	return true;
}

/* ---- words ---- */

static const char *const changing[] = {
	"insert",   "update", "delete", "merge",  "into",   "call",	 "exec",      "execute", "declare", "drop",	  "alter",     "create",
	"truncate", "grant",  "revoke", "deny",	  "commit", "rollback",	 "savepoint", "set",	 "begin",   "use",	  "lock",      "copy",
	"attach",   "detach", "pragma", "vacuum", "backup", "restore",	 "shutdown",  "kill",	 "waitfor", "dbcc",	  "bulk",      "handler",
	"load",	    "do",     "while",	"goto",	  "print",  "raiserror", "throw",     "return",	 "go",	    "openrowset", "openquery",
};

static bool word_is(const char *at, size_t n, const char *word)
{
	return n == strlen(word) && strncasecmp(at, word, n) == 0;
}

static bool word_permitted(const struct scan *s, size_t n)
{
	for (size_t i = 0; i < COUNT_OF(changing); i++)
		if (word_is(s->at, n, changing[i]))
			return false;
	return true;
}

static bool word(struct scan *s)
{
	size_t n = 1;

	while (is_word(s->at[n]))
		n++;
	if (s->words++ == 0 && !word_is(s->at, n, "select") && !word_is(s->at, n, "with"))
		return stop(s, "a provider has one SELECT that only reads", "للمزوّد عبارة SELECT واحدة للقراءة فقط");
	if (!word_permitted(s, n))
		return stop(s, "a provider only reads; a column of this name is written in double quotes",
			    "المزوّد يقرأ فقط؛ ويُكتب عمود بهذا الاسم بين علامتي اقتباس مزدوجتين");
	bool national = n == 1 && (*s->at == 'N' || *s->at == 'n');
	if (s->at[n] == '"' || (s->at[n] == '\'' && !national))
		return stop(s, "a space is missing before a quote", "تنقص مسافة قبل علامة الاقتباس");
	copy(s, n);
	return true;
}

static bool number(struct scan *s)
{
	size_t n = 1;

	while (is_word(s->at[n]))
		n++;
	if (s->at[n] == '"' || s->at[n] == '\'')
		return stop(s, "a space is missing before a quote", "تنقص مسافة قبل علامة الاقتباس");
	copy(s, n);
	return true;
}

/* ---- parameters ---- */

static bool parameter_stop(struct scan *s)
{
	return stop(s, "a parameter is :name, the name of a request field",
		    "المعامل يُكتب ‎:name‎ باسم حقل من حقول الطلب");
}

enum err bind_name(struct bytes sql, char out[BIND_NAME_MOST + 1])
{
	char name[BIND_NAME_MOST + 1];

	if (sql.n == 0 || sql.n > BIND_NAME_MOST)
		return ERR_VALUE;
	for (size_t i = 0; i < sql.n; i++)
		name[i] = (char)(sql.at[i] == '_' ? '-' : sql.at[i]);
	name[sql.n] = '\0';
	if (name_check(bytes_of(name, sql.n)) != ERR_OK)
		return ERR_VALUE;
	memcpy(out, name, sql.n + 1);
	return ERR_OK;
}

static bool parameter(struct scan *s)
{
	struct bind *b = s->bind;
	size_t	     n = 0;

	while (is_word(s->at[1 + n]))
		n++;
	if (b->n == BIND_PARAMETERS_MOST)
		return stop(s, "64 parameters are the most", "الحد الأقصى 64 معاملًا");
	if (bind_name(bytes_of(s->at + 1, n), b->parameter[b->n]) != ERR_OK || s->at[1 + n] == '\'' || s->at[1 + n] == '"')
		return parameter_stop(s);
	b->n++;
	build_u8(&s->out, '?');
	s->at += 1 + n;
	return true;
}

/* `::type` is how PostgreSQL casts. */
static bool colon(struct scan *s)
{
	if (s->at[1] != ':')
		return parameter(s);
	if (!is_word_start(s->at[2]))
		return parameter_stop(s);
	copy(s, 2);
	return true;
}

/* ---- the whole ---- */

static bool semicolon(struct scan *s)
{
	s->ended = true;
	s->at++;
	return true;
}

static bool other(struct scan *s)
{
	static const char taken[] = "(),.*+-/%=<>!|&~^@ \t\r\n";

	if (strchr(taken, *s->at) == NULL)
		return stop(s, "databases disagree about this sign: make a view and select from it",
			    "تختلف قواعد البيانات في هذا الرمز: أنشئ عرضًا (view) واستعلم منه");
	copy(s, 1);
	return true;
}

static bool piece(struct scan *s)
{
	if (s->at[0] == '-' && s->at[1] == '-')
		return comment_line(s);
	if (s->at[0] == '/' && s->at[1] == '*')
		return comment_block(s);
	if (is_space(*s->at))
		return other(s);
	if (s->ended)
		return stop(s, "a provider has one SELECT and nothing behind it", "للمزوّد عبارة SELECT واحدة لا يتبعها شيء");
	if (*s->at == ';')
		return semicolon(s);
	if (s->words == 0 && !is_word_start(*s->at))
		return stop(s, "a provider has one SELECT that only reads", "للمزوّد عبارة SELECT واحدة للقراءة فقط");
	if (*s->at == '\'' || *s->at == '"')
		return quoted(s);
	if (*s->at == ':')
		return colon(s);
	if (is_word_start(*s->at))
		return word(s);
	return is_digit(*s->at) ? number(s) : other(s);
}

/* What a person is shown of the place where it stopped: a few bytes, whole letters. */
static void found_cut(const char *at, char out[FOUND_MOST + 1])
{
	size_t n = strnlen(at, FOUND_MOST);

	while (n > 0 && at[n] != '\0' && ((unsigned char)at[n] & 0xc0) == 0x80)
		n--;
	memcpy(out, at, n);
	out[n] = '\0';
}

static enum err refuse(const struct scan *s, enum err e, struct fault *fault)
{
	char found[FOUND_MOST + 1];

	found_cut(s->at, found);
	return fault_at(fault, e, 0, "statement", found, s->help, s->help_ar);
}

static enum err scan(struct scan *s, struct fault *fault)
{
	while (*s->at != '\0')
		if (!piece(s))
			return refuse(s, ERR_VALUE, fault);
	if (s->words == 0) {
		(void)stop(s, "a provider has one SELECT that only reads", "للمزوّد عبارة SELECT واحدة للقراءة فقط");
		return refuse(s, ERR_VALUE, fault);
	}
	return s->out.err == ERR_OK ? ERR_OK : refuse(s, s->out.err, fault);
}

enum err bind_read(const char *statement, struct bind *out, struct fault *fault)
{
	size_t	     n = strnlen(statement, BIND_STATEMENT_MOST + 1);
	struct bind *b = calloc(1, sizeof *b);

	if (b == NULL)
		return fault_at(fault, ERR_MEMORY, 0, "statement", "", "", "");
	struct scan s = {.at = statement, .bind = b, .out = builder_on(b->statement, BIND_STATEMENT_MOST)};
	enum err    e = n > BIND_STATEMENT_MOST ? ERR_TOO_LONG : ERR_OK;
	if (e != ERR_OK)
		fault_at(fault, e, 0, "statement", "", "make a view in the database and select from it",
			 "أنشئ في قاعدة البيانات عرضًا (view) واستعلم منه");
	else
		e = scan(&s, fault);
	if (e == ERR_OK) {
		b->statement[s.out.n] = '\0';
		*out = *b;
	}
	free(b);
	return e;
}
