/*
 * odbc_kind.c: a statement on an existing database through unixODBC.
 *
 * A driver is a stranger's library. So it is loaded, and the database reached, before the
 * process confines itself; afterwards it has the connection that it has and opens nothing. When
 * that connection breaks the source is lost: this process ends, and its successor connects
 * anew. A driver that neither answers nor stops when its time is over ends the process the
 * same way, by an alarm.
 *
 * Values are always bound. Each question is a transaction of its own that is rolled back.
 * What a driver says about an error may quote values and secrets: only its SQLSTATE is told.
 */
#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <sql.h>
#include <sqlext.h>
#include <sqlucode.h>

#include "proc/journal.h"
#include "provider/bind.h"
#include "provider/credential.h"
#include "provider/provider.h"
#include "provider/wide.h"

#define CONNECTION_MOST	 2048 /* of a connection string, with its password */
#define CONNECT_MOST_S	 10
#define GRACE_MS	 1000  /* between the driver's own limit and the alarm */
#define WORDS_MOST	 65536 /* UTF-16 units of all parameters of one question */
#define ROW_MOST	 65536 /* names and values of one answer */
#define SOCKETS_MOST	 8     /* of the driver's connection */
#define SOCKET_LOOK_S	 1     /* whether they are still open */
#define DESCRIPTORS_MOST 1024
#define ROWS_MOST	 2		/* the second tells that there is more than one */
#define DATA_MOST	 (512ull << 20) /* memory of a driver that holds a whole result */

_Static_assert(sizeof(SQLWCHAR) == sizeof(uint16_t), "ODBC's wide text is UTF-16");

struct column {
	char			 name[BIND_NAME_MOST + 1];
	SQLSMALLINT		 type;
	const struct field_rule *rule;	  /* of the clause; NULL when that was not known; not looked at after opening */
	bool			 is_date; /* the clause wants a day */
};

struct odbc {
	provider_found_fn	     *found;
	provider_lost_fn	     *lost;
	provider_trace_fn	     *trace;
	void			     *arg;
	const struct config_provider *config;
	struct bind		      bind;
	SQLHENV			      env;
	SQLHDBC			      dbc;
	SQLHSTMT		      stmt;
	char			      state[SQL_SQLSTATE_SIZE + 1]; /* of the last trouble */
	char			      cause[PROVIDER_CAUSE_MOST];
	unsigned		      ncolumns;
	struct column		      column[FIELDS_MOST];
	bool			      is_lost;
	char			      folder[CONFIG_PATH_MOST]; /* of a database that is a file; empty: it is not */
	int			      socket[SOCKETS_MOST];
	unsigned		      nsockets;
	struct event		     *look;
	struct fields		      answer;
	SQLLEN			      length[BIND_PARAMETERS_MOST]; /* of each parameter, in bytes */
	size_t			      place[BIND_PARAMETERS_MOST];  /* of each parameter, in words */
	uint16_t		      words[WORDS_MOST];
	uint16_t		      value[FIELD_VALUE_MOST + 1];
	uint8_t			      row[ROW_MOST];
};

static uint64_t monotonic_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- the alarm: whoever hangs in a driver cannot look at a clock ---- */

static const char *alarm_clause = ""; /* one source per process */

/* journal() builds its line on the stack and writes it once; nothing that the driver may hold is touched. */
static void alarm_rang(int number unused_arg)
{
	journal(LEVEL_ERROR, "provider-hung", "%s: the driver neither answered nor stopped in time: this process ends and starts anew", alarm_clause);
	_exit(1);
}

/* 0: off */
static void alarm_set(uint64_t ms)
{
	struct itimerval once = {.it_value = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000) * 1000}};

	(void)setitimer(ITIMER_REAL, &once, NULL);
}

static void alarm_open(const char *clause)
{
	struct sigaction rings = {.sa_handler = alarm_rang};

	alarm_clause = clause;
	(void)sigaction(SIGALRM, &rings, NULL);
}

/* ---- troubles ---- */

/* What went wrong, by its five letters: "HY000" when the driver does not say. */
static void state_take(struct odbc *o, SQLSMALLINT kind, SQLHANDLE handle)
{
	SQLCHAR state[SQL_SQLSTATE_SIZE + 1] = "";

	snprintf(o->state, sizeof o->state, "HY000");
	if (handle == NULL || !SQL_SUCCEEDED(SQLGetDiagRec(kind, handle, 1, state, NULL, NULL, 0, NULL)))
		return;
	for (size_t i = 0; i < SQL_SQLSTATE_SIZE; i++)
		if ((state[i] < '0' || state[i] > '9') && (state[i] < 'A' || state[i] > 'Z'))
			return;
	memcpy(o->state, state, SQL_SQLSTATE_SIZE);
}

/* SQLSTATE begins with these -> what it is about; the longest that fits stands first. */
static const struct {
	const char *state;
	enum err    err;
	const char *help, *help_ar;
} reasons[] = {
	{"IM002", ERR_NOT_FOUND, "no data source of this name: see /etc/odbc.ini, or name a driver: Driver={...}",
	 "لا مصدر بيانات بهذا الاسم: راجع ‎/etc/odbc.ini‎ أو سمِّ مشغّلًا: ‎Driver={...}‎"},
	{"IM", ERR_FILE, "the driver does not load: see /etc/odbcinst.ini", "تعذر تحميل المشغّل: راجع ‎/etc/odbcinst.ini‎"},
	{"01000", ERR_FILE, "the driver does not load: see /etc/odbcinst.ini",
	 "تعذر تحميل المشغّل: راجع ‎/etc/odbcinst.ini‎"},
	{"28", ERR_KEY, "the database refuses this account or its password", "ترفض قاعدة البيانات هذا الحساب أو كلمة مروره"},
	{"08", ERR_NETWORK, "is the database there, and may we connect?", "هل قاعدة البيانات متاحة ويُسمح لنا بالاتصال؟"},
	{"HYT", ERR_NETWORK, "is the database there, and may we connect?", "هل قاعدة البيانات متاحة ويُسمح لنا بالاتصال؟"},
	{"42", ERR_VALUE, "the database does not take this statement: try it there with the same account",
	 "لا تقبل قاعدة البيانات هذه العبارة: جرّبها هناك بالحساب نفسه"},
	{"", ERR_STORE, "the database or its driver reported an error", "أبلغت قاعدة البيانات أو مشغّلها عن خطأ"},
};

/* Before the first question: told to whoever configures it. */
static enum err refuse_state(struct odbc *o, SQLSMALLINT kind, SQLHANDLE handle, const char *at, struct fault *fault)
{
	char   found[24];
	size_t i = 0;

	state_take(o, kind, handle);
	while (strncmp(o->state, reasons[i].state, strlen(reasons[i].state)) != 0)
		i++;
	snprintf(found, sizeof found, "SQLSTATE %s", o->state);
	return fault_at(fault, reasons[i].err, 0, at, found, reasons[i].help, reasons[i].help_ar);
}

static bool state_is_one_of(const struct odbc *o, const char *const *states, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strncmp(o->state, states[i], strlen(states[i])) == 0)
			return true;
	return false;
}

/* HYT00, HYT01: the limits of ODBC; HY008, 57014: cancelled, by PostgreSQL and Db2 for its time; S1T00: ODBC 2. */
static bool is_timeout(const struct odbc *o)
{
	static const char *const states[] = {"HYT", "HY008", "57014", "S1T00"};

	return state_is_one_of(o, states, COUNT_OF(states));
}

/* 08: connection; 57P: PostgreSQL is shut down or ends us; else the driver may know. */
static bool is_broken(const struct odbc *o)
{
	static const char *const states[] = {"08", "57P"};
	SQLUINTEGER		 dead = SQL_CD_FALSE;

	if (state_is_one_of(o, states, COUNT_OF(states)))
		return true;
	return SQL_SUCCEEDED(SQLGetConnectAttr(o->dbc, SQL_ATTR_CONNECTION_DEAD, &dead, SQL_IS_UINTEGER, NULL)) && dead == SQL_CD_TRUE;
}

static void source_lost(struct odbc *o)
{
	if (o->is_lost)
		return;
	o->is_lost = true;
	if (o->lost != NULL)
		o->lost(o->arg);
}

/* ---- opening: the connection ---- */

/* The next "key=value" of a connection string; a value in braces may have a semicolon. False at the end. */
static bool part_next(const char **at, struct bytes *key)
{
	*at += strspn(*at, "; ");
	if (**at == '\0')
		return false;
	size_t n = strcspn(*at, "=;");

	*key = bytes_of(*at, n);
	*at += n;
	if (**at == '=')
		(*at)++;
	*at += strspn(*at, " ");
	if (**at == '{')
		*at += strcspn(*at, "}");
	*at += strcspn(*at, ";");
	return true;
}

static bool key_is(struct bytes key, const char *name)
{
	while (key.n > 0 && key.at[key.n - 1] == ' ')
		key.n--;
	return key.n == strlen(name) && strncasecmp((const char *)key.at, name, key.n) == 0;
}

static enum err secrets_refuse(const char *connection, struct fault *fault)
{
	struct bytes key;

	while (part_next(&connection, &key))
		if (key_is(key, "PWD") || key_is(key, "PASSWORD"))
			return fault_at(fault, ERR_VALUE, 0, "odbc", "a password", "a password stands in a file: credential: NAME",
					"كلمة المرور تُكتب في ملف: ‎credential: NAME‎");
	return ERR_OK;
}

/* "...;PWD={password}" */
static enum err connection_text(const struct provider_setup *setup, char out[CONNECTION_MOST], struct fault *fault)
{
	const struct config_provider *p = setup->provider;
	char			      secret[CREDENTIAL_MOST + 1] = "";
	enum err		      e = secrets_refuse(p->odbc, fault);

	if (e == ERR_OK && p->credential != NULL)
		e = credential_read(setup->config, p->credential, secret, fault);
	if (e == ERR_OK && strchr(secret, '}') != NULL)
		e = fault_at(fault, ERR_VALUE, 0, "credential", "", "ODBC drivers disagree about } in a password: choose another",
			     "تختلف مشغّلات ODBC في الرمز } ضمن كلمة المرور: اختر غيرها");
	if (e != ERR_OK)
		return e;
	bool plain = strpbrk(secret, " []{(),;?*=!@") == NULL;
	int  n = p->credential == NULL ? snprintf(out, CONNECTION_MOST, "%s", p->odbc)
		 : plain	       ? snprintf(out, CONNECTION_MOST, "%s;PWD=%s", p->odbc, secret)
				       : snprintf(out, CONNECTION_MOST, "%s;PWD={%s}", p->odbc, secret);
	explicit_bzero(secret, sizeof secret);
	return n > 0 && n < CONNECTION_MOST ? ERR_OK : fault_at(fault, ERR_TOO_LONG, 0, "odbc", "", "a shorter connection string", "نص اتصال أقصر");
}

/* Which descriptors are open now. */
static void descriptors_look(bool open[DESCRIPTORS_MOST])
{
	struct stat about;

	for (int fd = 0; fd < DESCRIPTORS_MOST; fd++)
		open[fd] = fstat(fd, &about) == 0;
}

/* The sockets that were not there before are the driver's. */
static void sockets_find(struct odbc *o, const bool before[DESCRIPTORS_MOST])
{
	struct stat about;

	for (int fd = 0; fd < DESCRIPTORS_MOST && o->nsockets < SOCKETS_MOST; fd++)
		if (!before[fd] && fstat(fd, &about) == 0 && S_ISSOCK(about.st_mode))
			o->socket[o->nsockets++] = fd;
}

static enum err driver_connect(struct odbc *o, char *connection, struct fault *fault)
{
	uint16_t wide[CONNECTION_MOST];
	size_t	 n = CONNECTION_MOST;
	bool	 before[DESCRIPTORS_MOST];

	if (wide_write(bytes_text(connection), wide, &n) != ERR_OK)
		return fault_at(fault, ERR_UTF8, 0, "odbc", "", "", "");
	descriptors_look(before);
	SQLRETURN rc = SQLDriverConnectW(o->dbc, NULL, wide, (SQLSMALLINT)n, NULL, 0, NULL, SQL_DRIVER_NOPROMPT);
	explicit_bzero(wide, sizeof wide);
	if (!SQL_SUCCEEDED(rc))
		return refuse_state(o, SQL_HANDLE_DBC, o->dbc, "odbc", fault);
	sockets_find(o, before);
	return ERR_OK;
}

/* Reading only, and no transaction that outlives its question. A driver that cannot end one is not used. */
static enum err connection_confine(struct odbc *o, struct fault *fault)
{
	(void)SQLSetConnectAttr(o->dbc, SQL_ATTR_ACCESS_MODE, (SQLPOINTER)(uintptr_t)SQL_MODE_READ_ONLY, SQL_IS_UINTEGER);
	if (!SQL_SUCCEEDED(SQLSetConnectAttr(o->dbc, SQL_ATTR_AUTOCOMMIT, (SQLPOINTER)(uintptr_t)SQL_AUTOCOMMIT_OFF, SQL_IS_UINTEGER)))
		return refuse_state(o, SQL_HANDLE_DBC, o->dbc, "odbc", fault);
	return ERR_OK;
}

static enum err connect_with(struct odbc *o, char *connection, struct fault *fault)
{
	if (!SQL_SUCCEEDED(SQLAllocHandle(SQL_HANDLE_ENV, SQL_NULL_HANDLE, &o->env)))
		return fault_at(fault, ERR_MEMORY, 0, "odbc", "", "", "");
	if (!SQL_SUCCEEDED(SQLSetEnvAttr(o->env, SQL_ATTR_ODBC_VERSION, (SQLPOINTER)(uintptr_t)SQL_OV_ODBC3, 0)) ||
	    !SQL_SUCCEEDED(SQLAllocHandle(SQL_HANDLE_DBC, o->env, &o->dbc)))
		return refuse_state(o, SQL_HANDLE_ENV, o->env, "odbc", fault);
	(void)SQLSetConnectAttr(o->dbc, SQL_ATTR_LOGIN_TIMEOUT, (SQLPOINTER)(uintptr_t)CONNECT_MOST_S, SQL_IS_UINTEGER);
	(void)SQLSetConnectAttr(o->dbc, SQL_ATTR_ACCESS_MODE, (SQLPOINTER)(uintptr_t)SQL_MODE_READ_ONLY, SQL_IS_UINTEGER);
	enum err e = driver_connect(o, connection, fault);
	return e == ERR_OK ? connection_confine(o, fault) : e;
}

static enum err database_connect(struct odbc *o, const struct provider_setup *setup, struct fault *fault)
{
	char	 connection[CONNECTION_MOST];
	enum err e = connection_text(setup, connection, fault);

	if (e == ERR_OK)
		e = connect_with(o, connection, fault);
	explicit_bzero(connection, sizeof connection);
	return e;
}

/* A database that is a file, as SQLite's: it is read again and again. */
static void file_find(struct odbc *o)
{
	SQLSMALLINT n = 0;
	struct stat about;

	o->folder[0] = '\0';
	if (!SQL_SUCCEEDED(SQLGetInfo(o->dbc, SQL_DATABASE_NAME, o->folder, sizeof o->folder, &n)) || n <= 0 || n >= (SQLSMALLINT)sizeof o->folder ||
	    o->folder[0] != '/' || stat(o->folder, &about) != 0 || !S_ISREG(about.st_mode)) {
		o->folder[0] = '\0';
		return;
	}
	char *slash = strrchr(o->folder, '/');
	slash[slash == o->folder ? 1 : 0] = '\0';
}

/* ---- opening: the statement ---- */

static enum err statement_prepare(struct odbc *o, struct fault *fault)
{
	uint16_t    wide[BIND_STATEMENT_MOST];
	size_t	    n = BIND_STATEMENT_MOST;
	SQLSMALLINT parameters = 0, columns = 0;

	if (wide_write(bytes_text(o->bind.statement), wide, &n) != ERR_OK)
		return fault_at(fault, ERR_UTF8, 0, "statement", "", "", "");
	if (!SQL_SUCCEEDED(SQLAllocHandle(SQL_HANDLE_STMT, o->dbc, &o->stmt)))
		return refuse_state(o, SQL_HANDLE_DBC, o->dbc, "odbc", fault);
	(void)SQLSetStmtAttr(o->stmt, SQL_ATTR_MAX_ROWS, (SQLPOINTER)(uintptr_t)ROWS_MOST, SQL_IS_UINTEGER);
	(void)SQLSetStmtAttr(o->stmt, SQL_ATTR_QUERY_TIMEOUT, (SQLPOINTER)(uintptr_t)CONNECT_MOST_S, SQL_IS_UINTEGER);
	if (!SQL_SUCCEEDED(SQLPrepareW(o->stmt, wide, (SQLINTEGER)n)) || !SQL_SUCCEEDED(SQLNumResultCols(o->stmt, &columns)))
		return refuse_state(o, SQL_HANDLE_STMT, o->stmt, "statement", fault);
	if (SQL_SUCCEEDED(SQLNumParams(o->stmt, &parameters)) && parameters != (SQLSMALLINT)o->bind.n)
		return fault_at(fault, ERR_VALUE, 0, "statement", "", "the driver counts the parameters otherwise: make a view and select from it",
				"يعد المشغّل المعاملات على نحو آخر: أنشئ عرضًا (view) واستعلم منه");
	if (columns < 1 || columns > FIELDS_MOST)
		return fault_at(fault, ERR_VALUE, 0, "statement", "", "a statement has 1 to 64 columns", "للعبارة من عمود واحد إلى 64 عمودًا");
	o->ncolumns = (unsigned)columns;
	return ERR_OK;
}

static const struct field_rule *rule_named(const struct field_rule *rules, unsigned n, const char *name)
{
	for (unsigned i = 0; i < n; i++)
		if (strcmp(rules[i].name, name) == 0)
			return &rules[i];
	return NULL;
}

static enum err parameters_check(const struct odbc *o, const struct clause *clause, struct fault *fault)
{
	for (unsigned i = 0; clause != NULL && i < o->bind.n; i++)
		if (rule_named(clause->request, clause->nrequest, o->bind.parameter[i]) == NULL)
			return fault_at(fault, ERR_VALUE, 0, "statement", o->bind.parameter[i],
					"the clause has no such request field; a hyphen in a field's name is written _ here",
					"ليس في البند حقل طلب بهذا الاسم؛ وتُكتب الشرطة في اسم الحقل هنا _");
	return ERR_OK;
}

/* Oracle and others give names in capitals. */
static void lower(uint8_t *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (text[i] >= 'A' && text[i] <= 'Z')
			text[i] = (uint8_t)(text[i] - 'A' + 'a');
}

static bool is_bytes(SQLSMALLINT type)
{
	return type == SQL_BINARY || type == SQL_VARBINARY || type == SQL_LONGVARBINARY;
}

static bool is_timestamp(SQLSMALLINT type)
{
	return type == SQL_TYPE_TIMESTAMP || type == SQL_TIMESTAMP;
}

static enum err column_refuse(struct fault *fault, const char *name, const char *help, const char *help_ar)
{
	return fault_at(fault, ERR_VALUE, 0, "statement", name, help, help_ar);
}

/* What can be known of a column before there is a row. */
static enum err column_check(const struct odbc *o, unsigned i, const struct clause *clause, struct fault *fault)
{
	const struct column *c = &o->column[i];

	for (unsigned k = 0; k < i; k++)
		if (strcmp(o->column[k].name, c->name) == 0)
			return column_refuse(fault, c->name, "two columns have this name", "يحمل عمودان هذا الاسم");
	if (is_bytes(c->type))
		return column_refuse(fault, c->name, "bytes are not sent: select them as text", "لا تُرسل البيانات الثنائية: اخترها نصًا");
	if (clause == NULL)
		return ERR_OK;
	if (c->rule == NULL)
		return column_refuse(fault, c->name, "the clause has no such answer field, so this column may not be read",
				     "ليس في البند حقل جواب بهذا الاسم فلا يجوز قراءة هذا العمود");
	if (c->rule->type == FIELD_TIME && is_timestamp(c->type))
		return column_refuse(
			fault, c->name, "a timestamp does not say its zone: select text such as 2026-11-20T09:30:00Z",
			"لا يذكر هذا النوع المنطقة الزمنية: اختره نصًا مثل ‎2026-11-20T09:30:00Z‎");
	return ERR_OK;
}

static enum err column_describe(struct odbc *o, unsigned i, const struct clause *clause, struct fault *fault)
{
	struct column *c = &o->column[i];
	uint16_t       wide[BIND_NAME_MOST + 1] = {0};
	uint8_t	       text[4 * BIND_NAME_MOST];
	struct builder b = builder_on(text, sizeof text);
	SQLSMALLINT    n = 0, digits, null;
	SQLULEN	       size;

	if (!SQL_SUCCEEDED(SQLDescribeColW(o->stmt, (SQLUSMALLINT)(i + 1), wide, BIND_NAME_MOST + 1, &n, &c->type, &size, &digits, &null)))
		return refuse_state(o, SQL_HANDLE_STMT, o->stmt, "statement", fault);
	bool named = n > 0 && n <= BIND_NAME_MOST && wide_read(wide, (size_t)n, &b) == ERR_OK;
	lower(text, b.n);
	if (!named || bind_name(builder_bytes(&b), c->name) != ERR_OK)
		return column_refuse(fault, "", "a column needs the name of an answer field: add AS \"name\"",
				     "يلزم أن يحمل العمود اسم حقل من حقول الجواب: أضف AS \"name\"");
	c->rule = clause == NULL ? NULL : rule_named(clause->answer, clause->nanswer, c->name);
	c->is_date = c->rule != NULL && c->rule->type == FIELD_DATE;
	enum err e = column_check(o, i, clause, fault);
	c->rule = NULL;
	return e;
}

static enum err statement_open(struct odbc *o, const struct clause *clause, struct fault *fault)
{
	enum err e = parameters_check(o, clause, fault);

	if (e == ERR_OK)
		e = statement_prepare(o, fault);
	for (unsigned i = 0; e == ERR_OK && i < o->ncolumns; i++)
		e = column_describe(o, i, clause, fault);
	if (e == ERR_OK && !SQL_SUCCEEDED(SQLEndTran(SQL_HANDLE_DBC, o->dbc, SQL_ROLLBACK)))
		e = refuse_state(o, SQL_HANDLE_DBC, o->dbc, "odbc", fault);
	return e;
}

/* ---- is it still there? ---- */

/* Whatever else the database said before it closed: nobody will answer there. */
static bool has_ended(int fd)
{
	struct pollfd look = {.fd = fd, .events = POLLRDHUP};

	return poll(&look, 1, 0) > 0 && (look.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)) != 0;
}

static void looked(evutil_socket_t fd unused_arg, short what unused_arg, void *arg)
{
	struct odbc *o = arg;

	for (unsigned i = 0; i < o->nsockets; i++)
		if (has_ended(o->socket[i]))
			source_lost(o);
}

/* A database that was started again is found out before somebody asks. */
static enum err look_start(struct odbc *o, struct event_base *base)
{
	const struct timeval every = {.tv_sec = SOCKET_LOOK_S};

	if (base == NULL || o->nsockets == 0)
		return ERR_OK;
	o->look = event_new(base, -1, EV_PERSIST, looked, o);
	return o->look != NULL && event_add(o->look, &every) == 0 ? ERR_OK : ERR_MEMORY;
}

/* ---- one question ---- */

/* One field at two places is bound twice and kept once. */
static bool place_find(struct odbc *o, unsigned i)
{
	for (unsigned k = 0; k < i; k++)
		if (strcmp(o->bind.parameter[k], o->bind.parameter[i]) == 0) {
			o->place[i] = o->place[k];
			o->length[i] = o->length[k];
			return true;
		}
	return false;
}

/* A field that was not given is NULL. */
static enum err value_place(struct odbc *o, unsigned i, const struct fields *ask, size_t *used)
{
	const struct field *f = fields_find(ask, o->bind.parameter[i]);
	size_t		    n = WORDS_MOST - *used;

	if (place_find(o, i))
		return ERR_OK;
	o->place[i] = *used;
	o->length[i] = SQL_NULL_DATA;
	if (f == NULL)
		return ERR_OK;
	if (wide_write(f->value, o->words + *used, &n) != ERR_OK)
		return ERR_VALUE;
	o->length[i] = (SQLLEN)(n * sizeof *o->words);
	*used += n;
	return ERR_OK;
}

static enum err parameter_bind(struct odbc *o, unsigned i)
{
	size_t	  n = o->length[i] > 0 ? (size_t)o->length[i] : 0;
	SQLULEN	  letters = n > 0 ? n / sizeof *o->words : 1;
	SQLRETURN rc = SQLBindParameter(o->stmt, (SQLUSMALLINT)(i + 1), SQL_PARAM_INPUT, SQL_C_WCHAR, SQL_WVARCHAR, letters, 0,
					o->words + o->place[i], (SQLLEN)n, &o->length[i]);

	return SQL_SUCCEEDED(rc) ? ERR_OK : ERR_STORE;
}

static enum err values_bind(struct odbc *o, const struct fields *ask)
{
	size_t	 used = 0;
	enum err e = ERR_OK;

	for (unsigned i = 0; i < o->bind.n && e == ERR_OK; i++) {
		e = value_place(o, i, ask, &used);
		if (e == ERR_OK)
			e = parameter_bind(o, i);
	}
	return e;
}

/* ---- one value as text ---- */

/* ERR_NOT_FOUND: it is NULL. */
static enum err plain_get(struct odbc *o, SQLUSMALLINT number, SQLSMALLINT type, void *into, SQLLEN room, SQLLEN *n)
{
	SQLLEN	  length = 0;
	SQLRETURN rc = SQLGetData(o->stmt, number, type, into, room, &length);

	if (!SQL_SUCCEEDED(rc))
		return ERR_STORE;
	if (length == SQL_NULL_DATA)
		return ERR_NOT_FOUND;
	if (rc == SQL_SUCCESS_WITH_INFO && (length == SQL_NO_TOTAL || length >= room))
		return ERR_TOO_LONG;
	*n = length;
	return ERR_OK;
}

static bool is_day(int year, unsigned month, unsigned day)
{
	char	text[16];
	int32_t unused;
	int	n = snprintf(text, sizeof text, "%04d-%02u-%02u", year, month, day);

	return n == 10 && date_read(bytes_of(text, 10), &unused) == ERR_OK;
}

static enum err date_get(struct odbc *o, SQLUSMALLINT number, struct builder *b)
{
	SQL_DATE_STRUCT d = {0};
	SQLLEN		n;
	enum err	e = plain_get(o, number, SQL_C_TYPE_DATE, &d, sizeof d, &n);

	if (e == ERR_OK && !is_day(d.year, d.month, d.day))
		e = ERR_VALUE;
	if (e == ERR_OK)
		build_format(b, "%04d-%02u-%02u", d.year, d.month, d.day);
	return e;
}

static enum err time_get(struct odbc *o, SQLUSMALLINT number, struct builder *b)
{
	SQL_TIME_STRUCT t = {0};
	SQLLEN		n;
	enum err	e = plain_get(o, number, SQL_C_TYPE_TIME, &t, sizeof t, &n);

	if (e == ERR_OK && (t.hour > 23 || t.minute > 59 || t.second > 59))
		e = ERR_VALUE;
	if (e == ERR_OK)
		build_format(b, "%02u:%02u:%02u", t.hour, t.minute, t.second);
	return e;
}

/* Nanoseconds without the zeros that say nothing. */
static void fraction_write(struct builder *b, unsigned long ns)
{
	unsigned digits = 9;

	if (ns == 0)
		return;
	for (; ns % 10 == 0; ns /= 10)
		digits--;
	build_format(b, ".%0*lu", (int)digits, ns);
}

/* Oracle's DATE comes so, too: where the clause wants a day, the day is what is sent. */
static enum err timestamp_get(struct odbc *o, SQLUSMALLINT number, bool day, struct builder *b)
{
	SQL_TIMESTAMP_STRUCT t = {0};
	SQLLEN		     n;
	enum err	     e = plain_get(o, number, SQL_C_TYPE_TIMESTAMP, &t, sizeof t, &n);

	if (e == ERR_OK && (!is_day(t.year, t.month, t.day) || t.hour > 23 || t.minute > 59 || t.second > 59 || t.fraction > 999999999))
		e = ERR_VALUE;
	if (e != ERR_OK)
		return e;
	build_format(b, "%04d-%02u-%02u", t.year, t.month, t.day);
	if (day)
		return ERR_OK;
	build_format(b, "T%02u:%02u:%02u", t.hour, t.minute, t.second);
	fraction_write(b, t.fraction);
	return ERR_OK;
}

/* Everything else as the driver writes it: a decimal keeps each of its digits. */
static enum err text_get(struct odbc *o, SQLUSMALLINT number, struct builder *b)
{
	SQLLEN	 n = 0;
	enum err e = plain_get(o, number, SQL_C_WCHAR, o->value, sizeof o->value, &n);

	if (e != ERR_OK)
		return e;
	if (n < 0 || (size_t)n % sizeof *o->value != 0 || (size_t)n >= sizeof o->value)
		return ERR_TOO_LONG;
	e = wide_read(o->value, (size_t)n / sizeof *o->value, b);
	return e == ERR_UTF8 ? ERR_VALUE : e;
}

static enum err value_get(struct odbc *o, unsigned i, struct builder *b)
{
	SQLUSMALLINT number = (SQLUSMALLINT)(i + 1);

	switch (o->column[i].type) {
	case SQL_TYPE_DATE:
	case SQL_DATE:
		return date_get(o, number, b);
	case SQL_TYPE_TIME:
	case SQL_TIME:
		return time_get(o, number, b);
	case SQL_TYPE_TIMESTAMP:
	case SQL_TIMESTAMP:
		return timestamp_get(o, number, o->column[i].is_date, b);
	case SQL_BINARY:
	case SQL_VARBINARY:
	case SQL_LONGVARBINARY:
		return ERR_VALUE;
	default:
		return text_get(o, number, b);
	}
}

/* ---- one row ---- */

static enum err column_take(struct odbc *o, unsigned i, struct builder *b, struct fields *out)
{
	size_t	 begun = b->n;
	enum err e = value_get(o, i, b);

	if (e == ERR_NOT_FOUND)
		return ERR_OK;
	if (e != ERR_OK)
		return e;
	if (b->err != ERR_OK || b->n - begun > FIELD_VALUE_MOST)
		return ERR_TOO_LONG;
	return fields_add(out, bytes_text(o->column[i].name), bytes_of(b->at + begun, b->n - begun)) == ERR_OK ? ERR_OK : ERR_VALUE;
}

static enum err row_take(struct odbc *o, struct fields *out)
{
	struct builder b = builder_on(o->row, sizeof o->row);
	enum err       e = ERR_OK;

	for (unsigned i = 0; i < o->ncolumns && e == ERR_OK; i++)
		e = column_take(o, i, &b, out);
	return e;
}

/* ERR_NOT_FOUND: no row. ERR_DUPLICATE: more than one. */
static enum err one_row(struct odbc *o, const struct fields *ask)
{
	enum err  e = values_bind(o, ask);
	SQLRETURN rc = e == ERR_OK ? SQLExecute(o->stmt) : SQL_ERROR;

	if (e != ERR_OK)
		return e;
	if (rc == SQL_NO_DATA)
		return ERR_NOT_FOUND;
	if (!SQL_SUCCEEDED(rc))
		return ERR_STORE;
	rc = SQLFetch(o->stmt);
	if (rc == SQL_NO_DATA)
		return ERR_NOT_FOUND;
	o->answer.n = 0;
	e = SQL_SUCCEEDED(rc) ? row_take(o, &o->answer) : ERR_STORE;
	if (e != ERR_OK)
		return e;
	rc = SQLFetch(o->stmt);
	return rc == SQL_NO_DATA ? ERR_OK : SQL_SUCCEEDED(rc) ? ERR_DUPLICATE : ERR_STORE;
}

/* A driver may take badly to a statement that was left in the middle of its rows: the next question has a fresh one. */
static enum err statement_renew(struct odbc *o)
{
	(void)SQLFreeHandle(SQL_HANDLE_STMT, o->stmt);
	o->stmt = NULL;
	return statement_prepare(o, NULL);
}

/* Nothing stays open behind a question. A connection that cannot even end it is of no use for the next. */
static void question_end(struct odbc *o, enum err e)
{
	bool broken = false;

	snprintf(o->state, sizeof o->state, "HY000");
	if (e == ERR_STORE) {
		state_take(o, SQL_HANDLE_STMT, o->stmt);
		broken = is_broken(o);
	}
	(void)SQLFreeStmt(o->stmt, SQL_CLOSE);
	explicit_bzero(o->words, sizeof o->words);
	bool failed = e != ERR_OK && e != ERR_NOT_FOUND;
	if (broken || !SQL_SUCCEEDED(SQLEndTran(SQL_HANDLE_DBC, o->dbc, SQL_ROLLBACK)) || (failed && statement_renew(o) != ERR_OK))
		source_lost(o);
}

/* The driver counts whole seconds; what is left of the last one is the alarm's grace. */
static enum err look_up(struct odbc *o, const struct provider_question *q)
{
	uint64_t begun = monotonic_ms();
	unsigned seconds = (q->most_ms + 999) / 1000;

	if (q->most_ms == 0)
		return ERR_BUSY;
	if (o->is_lost)
		return ERR_NETWORK;
	alarm_set((uint64_t)seconds * 1000 + GRACE_MS);
	(void)SQLSetStmtAttr(o->stmt, SQL_ATTR_QUERY_TIMEOUT, (SQLPOINTER)(uintptr_t)seconds, SQL_IS_UINTEGER);
	enum err e = one_row(o, q->fields);
	question_end(o, e);
	alarm_set(0);
	if ((e == ERR_STORE && is_timeout(o)) || monotonic_ms() - begun > q->most_ms)
		return ERR_BUSY;
	return e;
}

/* ---- what it is told as ---- */

static const struct {
	enum err    err;
	const char *code;
} codes[] = {
	{ERR_BUSY, "provider-timeout"},	     {ERR_DUPLICATE, "provider-ambiguous"}, {ERR_VALUE, "provider-value"},
	{ERR_TOO_LONG, "provider-too-much"}, {ERR_NETWORK, "provider-unreachable"},
};

static const char *code_of(enum err e)
{
	for (size_t i = 0; i < COUNT_OF(codes); i++)
		if (codes[i].err == e)
			return codes[i].code;
	return "provider-database";
}

static void trace(const struct odbc *o, const struct provider_answer *a)
{
	const char *how = a->outcome == PROVIDER_HIT ? "one row" : a->outcome == PROVIDER_NO_HIT ? "no row" : a->cause != NULL ? a->cause : a->code;

	if (o->trace == NULL)
		return;
	o->trace(o->arg, STEP_ASKED, BYTES_NONE, bytes_text(o->config->odbc), bytes_text(how));
	for (unsigned i = 0; a->outcome == PROVIDER_HIT && i < a->fields->n; i++)
		o->trace(o->arg, STEP_MAPPED, a->fields->at[i].name, a->fields->at[i].name, a->fields->at[i].value);
}

static void odbc_ask(void *self, const struct provider_question *q)
{
	struct odbc	      *o = self;
	struct provider_answer a = {.ticket = q->ticket, .fields = &o->answer};
	enum err	       e = look_up(o, q);

	a.outcome = e == ERR_OK ? PROVIDER_HIT : e == ERR_NOT_FOUND ? PROVIDER_NO_HIT : PROVIDER_FAILED;
	if (a.outcome == PROVIDER_FAILED)
		a.code = code_of(e);
	if (e == ERR_STORE) {
		snprintf(o->cause, sizeof o->cause, "the database reported an error, SQLSTATE %s", o->state);
		a.cause = o->cause;
	}
	trace(o, &a);
	o->found(o->arg, &a);
	explicit_bzero(o->row, sizeof o->row);
	explicit_bzero(o->value, sizeof o->value);
}

/* ---- its life ---- */

static void odbc_close(void *self)
{
	struct odbc *o = self;

	if (o->look != NULL)
		event_free(o->look);
	if (o->stmt != NULL)
		(void)SQLFreeHandle(SQL_HANDLE_STMT, o->stmt);
	if (o->dbc != NULL) {
		(void)SQLDisconnect(o->dbc);
		(void)SQLFreeHandle(SQL_HANDLE_DBC, o->dbc);
	}
	if (o->env != NULL)
		(void)SQLFreeHandle(SQL_HANDLE_ENV, o->env);
	free(o);
}

/* A driver that takes the whole of a large result into memory takes its own process down, not the machine. */
static void memory_limit(void)
{
#ifndef MITHAQ_SANITIZED
	const struct rlimit most = {DATA_MOST, DATA_MOST};

	(void)setrlimit(RLIMIT_DATA, &most);
#endif
}

/*
 * What a driver would look for later, when it may open nothing: the time zone, which is read again
 * whenever TZ is not set. And where wide text has to become bytes, those are UTF-8.
 */
static void libraries_warm(void)
{
	(void)setenv("TZ", ":/etc/localtime", 0);
	tzset();
	(void)setlocale(LC_CTYPE, "C.UTF-8");
}

static enum err source_open(struct odbc *o, const struct provider_setup *setup, struct fault *fault)
{
	enum err e = bind_read(setup->provider->statement, &o->bind, fault);

	if (e != ERR_OK)
		return e;
	memory_limit();
	libraries_warm();
	alarm_open(setup->provider->clause);
	alarm_set(CONNECT_MOST_S * 1000 + GRACE_MS);
	e = database_connect(o, setup, fault);
	if (e == ERR_OK)
		e = statement_open(o, setup->clause, fault);
	if (e == ERR_OK)
		file_find(o);
	if (e == ERR_OK && look_start(o, setup->base) != ERR_OK)
		e = fault_at(fault, ERR_MEMORY, 0, "", "", "", "");
	alarm_set(0);
	return e;
}

static enum err odbc_open(const struct provider_setup *setup, void **self, struct fault *fault)
{
	struct odbc *o = calloc(1, sizeof *o);

	if (o == NULL)
		return fault_at(fault, ERR_MEMORY, 0, "", "", "", "");
	o->found = setup->found;
	o->lost = setup->lost;
	o->trace = setup->trace;
	o->arg = setup->arg;
	o->config = setup->provider;
	enum err e = source_open(o, setup, fault);
	if (e != ERR_OK) {
		odbc_close(o);
		return e;
	}
	*self = o;
	return ERR_OK;
}

/*
 * The connection is there: nothing is dialled, and nothing read but a database that is a file. A driver
 * that looks for another file is told that it may not, rather than killed.
 */
static void odbc_needs(const void *self, struct provider_needs *out)
{
	const struct odbc *o = self;

	out->promises = PROMISE_READ;
	out->paths[0].path = o->folder[0] != '\0' ? o->folder : NULL;
}

const struct provider_kind provider_odbc = {
	.source = SOURCE_ODBC,
	.open = odbc_open,
	.needs = odbc_needs,
	.ask = odbc_ask,
	.close = odbc_close,
};
