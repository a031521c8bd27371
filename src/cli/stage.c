/* stage.c: two gateways of this machine, set up by the commands that a person would type. */
#include "cli/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/secret.h"
#include "cli/home.h"
#include "crypto/random.h"
#include "proc/files.h"

#define READY_MOST_MS  20000
#define LOOK_EVERY_MS  20
#define STOP_MOST_MS   5000
#define FIRST_API_PORT 7171
#define HEX_KEY	       (2 * SIGN_PUBLIC)
#define WORDS_MOST     15

/* ---- words typed ---- */

/* Runs one of our own commands quietly; what it complained of is shown when it fails. `out` gets the first line it printed. */
static int typed(struct stage *s, command_fn *run, const char *home, char *out, size_t room, const char *const *words)
{
	char	      *argv[WORDS_MOST + 1];
	char	       copies[WORDS_MOST][CONFIG_PATH_MOST + 64];
	int	       argc = 0;
	struct command row = {.name = words[0], .words = ""};
	struct cli     quiet = {.home = home, .lang = s->cli->lang, .commands = s->cli->commands, .ncommands = s->cli->ncommands, .command = &row};
	char	      *text = NULL, *trouble = NULL;
	size_t	       n = 0, ntrouble = 0;

	for (; words[argc] != NULL && argc < WORDS_MOST; argc++) {
		snprintf(copies[argc], sizeof copies[argc], "%s", words[argc]);
		argv[argc] = copies[argc];
	}
	argv[argc] = NULL;
	quiet.out = open_memstream(&text, &n);
	quiet.complain = open_memstream(&trouble, &ntrouble);
	int code = quiet.out != NULL && quiet.complain != NULL ? run(&quiet, argc, argv) : cli_err(s->cli, ERR_MEMORY, words[0], NULL);
	if (quiet.out != NULL)
		fclose(quiet.out);
	if (quiet.complain != NULL)
		fclose(quiet.complain);
	if (code != EXIT_DONE && trouble != NULL)
		fputs(trouble, s->cli->complain);
	if (code == EXIT_DONE && out != NULL)
		snprintf(out, room, "%.*s", (int)strcspn(text, "\n"), text);
	if (text != NULL)
		secret_zero(text, n);
	free(text);
	free(trouble);
	return code;
}

#define TYPED(s, run, home, ...) typed(s, run, home, NULL, 0, (const char *const[]){__VA_ARGS__, NULL})

/* ---- the agreement as it is played ---- */

/* Puts `to` in the place of every `from`, both of one length. */
static void replace_all(struct buffer *text, const char *from, const char *to)
{
	size_t n = strlen(from);

	for (size_t at = 0; text->at != NULL && at + n <= text->n; at++)
		if (memcmp(text->at + at, from, n) == 0)
			memcpy(text->at + at, to, n);
}

/* A line "<key>: <was>" of its own becomes "<key>: <now>"; both values of one length. */
static void replace_value(struct buffer *text, const char *key, const char *was, const char *now)
{
	char from[96], to[96];

	snprintf(from, sizeof from, "%s: %s\n", key, was);
	snprintf(to, sizeof to, "%s: %s\n", key, now);
	replace_all(text, from, to);
}

static void dates_move(struct buffer *text, const struct agreement *a)
{
	char	was[11], now[11];
	int32_t today = (int32_t)(now_ms() / 86400000);

	if (a->from_day > today) {
		date_write(a->from_day, was);
		date_write(today, now);
		replace_value(text, "from", was, now);
	}
	if (a->until_day < today) {
		date_write(a->until_day, was);
		date_write(today + 365, now);
		replace_value(text, "until", was, now);
	}
}

/* The words of the note, or the whole file when nobody signed it yet. */
static int text_read(struct stage *s, const struct stage_words *words, struct buffer *out)
{
	scoped(buffer_done) struct buffer whole = {.most = AGREEMENT_TEXT_MOST + 4096};
	struct note			  note;
	enum err			  e = words->text.n > 0 ? buffer_add(&whole, words->text) : file_read(words->file, &whole);

	if (e == ERR_OK)
		e = buffer_add(out, note_read(buffer_bytes(&whole), &note) == ERR_OK ? note.text : buffer_bytes(&whole));
	return e == ERR_OK ? EXIT_DONE : cli_err(s->cli, e, words->file, NULL);
}

static int roots_make(struct stage *s, struct buffer *text, const struct agreement *a)
{
	char		path[CONFIG_PATH_MOST], was[HEX_KEY + 1], now[HEX_KEY + 1], hex[2 * SIGN_SEED + 1];
	uint8_t		seed[SIGN_SEED];
	struct sign_key key;
	enum err	e = ERR_OK;

	for (unsigned i = 0; i < 4 && e == ERR_OK; i++) {
		random_bytes(seed, sizeof seed);
		sign_key_from_seed(&key, seed);
		hex_write(a->party[i / 2].root[i % 2].b, SIGN_PUBLIC, was);
		hex_write(key.pub.b, SIGN_PUBLIC, now);
		replace_all(text, was, now);
		hex_write(seed, SIGN_SEED, hex);
		snprintf(path, sizeof path, "%s/root-%u", s->folder, i);
		e = file_write_new(path, bytes_of(hex, sizeof hex - 1), 0600);
		sign_key_done(&key);
	}
	secret_zero(seed, sizeof seed);
	secret_zero(hex, sizeof hex);
	return e == ERR_OK ? EXIT_DONE : cli_err(s->cli, e, s->folder, NULL);
}

static int parse(struct stage *s, const char *file, struct bytes text, struct agreement **out)
{
	struct fault fault = {0};
	enum err     e = agreement_parse(text, out, &fault);

	if (e == ERR_OK)
		return EXIT_DONE;
	fault.err = e;
	return cli_fault(s->cli, &fault, file);
}

/* Dates that stand on no line of their own were not moved. */
static int in_force(struct stage *s, const char *file)
{
	int32_t today = (int32_t)(now_ms() / 86400000);

	if (s->agreement->from_day <= today && today <= s->agreement->until_day)
		return EXIT_DONE;
	return cli_complain(s->cli, EXIT_USAGE, file, cli_text(s->cli, "it is not in force today", "ليس نافذًا اليوم"),
			    cli_text(s->cli, "write `from:` and `until:` on lines of their own", "اكتب «from:» و«until:» كلًا في سطر"));
}

/* <folder>/agreement.yaml: the same text under keys of ours. */
static int agreement_make(struct stage *s, const struct stage_words *words)
{
	char				  path[CONFIG_PATH_MOST];
	scoped(buffer_done) struct buffer text = {.most = AGREEMENT_TEXT_MOST + 64};
	struct agreement		 *real = NULL;

	int code = text_read(s, words, &text);
	if (code == EXIT_DONE)
		code = parse(s, words->file, buffer_bytes(&text), &real);
	if (code != EXIT_DONE)
		return code;
	replace_value(&text, "environment", "live", "test");
	dates_move(&text, real);
	code = roots_make(s, &text, real);
	agreement_free(real);
	if (code == EXIT_DONE)
		code = parse(s, words->file, buffer_bytes(&text), &s->agreement);
	if (code == EXIT_DONE)
		code = in_force(s, words->file);
	snprintf(path, sizeof path, "%s/agreement.yaml", s->folder);
	if (code != EXIT_DONE)
		return code;
	enum err e = file_write_new(path, buffer_bytes(&text), 0600);
	return e == ERR_OK ? EXIT_DONE : cli_err(s->cli, e, path, NULL);
}

/* ---- which party is ours ---- */

static int us_find(struct stage *s, const char *as)
{
	if (as == NULL) {
		s->us = s->agreement->clause[0].asks;
		return EXIT_DONE;
	}
	int party = agreement_party(s->agreement, bytes_text(as));
	if (party < 0)
		return cli_complain(s->cli, EXIT_USAGE, cli_text(s->cli, "no party of this agreement", "ليس طرفًا في هذا الاتفاق"), as,
				    s->agreement->party[0].name);
	s->us = (unsigned)party;
	return EXIT_DONE;
}

/* ---- ports ---- */

/* A port of loopback that nobody has now; `wanted` when it is one of them. */
static uint16_t port_free(uint16_t wanted)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(wanted)};
	socklen_t	   n = sizeof at;
	int		   on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint16_t	   found = 0;

	if (fd < 0)
		return 0;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && getsockname(fd, (struct sockaddr *)&at, &n) == 0)
		found = ntohs(at.sin_port);
	close(fd);
	return found != 0 || wanted == 0 ? found : port_free(0);
}

/* ---- homes ---- */

/* The block `provide:` of a person's own configuration, as it stands there. */
static int provide_copy(struct stage *s, const char *file, struct buffer *out)
{
	scoped(buffer_done) struct buffer whole = {.most = CONFIG_FILE_MOST};
	enum err			  e = file_read(file, &whole);
	bool				  inside = false;

	for (size_t at = 0; e == ERR_OK && at < whole.n;) {
		const uint8_t *line = whole.at + at, *end = memchr(line, '\n', whole.n - at);
		size_t	       n = end != NULL ? (size_t)(end - line) + 1 : whole.n - at;

		if (line[0] != ' ' && line[0] != '#' && line[0] != '\n')
			inside = n > 8 && memcmp(line, "provide:", 8) == 0;
		if (inside)
			e = buffer_add(out, bytes_of(line, n));
		at += n;
	}
	return e == ERR_OK ? EXIT_DONE : cli_err(s->cli, e, file, NULL);
}

static enum err provide_examples(const struct stage *s, unsigned who, struct buffer *out)
{
	enum err e = ERR_OK;
	bool	 begun = false;

	for (unsigned i = 0; i < s->agreement->nclauses && e == ERR_OK; i++) {
		const struct clause *c = &s->agreement->clause[i];

		if (c->answers != who)
			continue;
		e = buffer_format(out, "%s  %s/%s: {examples: true}\n", begun ? "" : "provide:\n", c->channel, c->name);
		begun = true;
	}
	return e;
}

static int config_make(struct stage *s, unsigned who, const struct stage_words *words, uint16_t link)
{
	char				  path[CONFIG_PATH_MOST + 32];
	const struct agreement		 *a = s->agreement;
	scoped(buffer_done) struct buffer text = {.most = CONFIG_FILE_MOST};
	int				  code = EXIT_DONE;

	enum err e = buffer_format(&text, "party: %s\napi: %s%s%s\npartners:\n  %s: {%s: 127.0.0.1:%u}\n", a->party[who].name,
				   who == s->us ? "{listen: " : "off", who == s->us ? s->api : "", who == s->us ? "}" : "", a->party[1 - who].name,
				   who == s->us ? "dial" : "listen", link);
	if (e == ERR_OK && who == s->us && words->provide != NULL)
		code = provide_copy(s, words->provide, &text);
	else if (e == ERR_OK)
		e = provide_examples(s, who, &text);
	snprintf(path, sizeof path, "%s/mithaq.yaml", s->party[who].home);
	if (e == ERR_OK && code == EXIT_DONE)
		e = file_write(path, buffer_bytes(&text), 0600);
	return e == ERR_OK ? code : cli_err(s->cli, e, path, NULL);
}

static int home_make(struct stage *s, unsigned who)
{
	struct stage_party *p = &s->party[who];
	const char	   *name = s->agreement->party[who].name;
	char		    a[CONFIG_PATH_MOST], b[CONFIG_PATH_MOST + 16];

	snprintf(a, sizeof a, "%s/%s", s->folder, name);
	memcpy(p->home, a, sizeof p->home);
	snprintf(b, sizeof b, "%s/data/api.sock", a);
	memcpy(p->socket, b, sizeof p->socket);
	snprintf(a, sizeof a, "%s/root-%u", s->folder, 2 * who);
	snprintf(b, sizeof b, "%s/root-%u", s->folder, 2 * who + 1);
	return TYPED(s, cmd_init, p->home, "init", name, "--environment", "test", "--root-seed-a", a, "--root-seed-b", b);
}

static int card_exchange(struct stage *s, unsigned who)
{
	char card[2 * CONFIG_PATH_MOST];

	snprintf(card, sizeof card, "%s/%s.card", s->party[1 - who].home, s->agreement->party[1 - who].name);
	return TYPED(s, cmd_partner, s->party[who].home, "partner", "add", card);
}

/* The first signs into a new file, the second adds its line to it. */
static int signature(struct stage *s, unsigned who)
{
	char key[CONFIG_PATH_MOST + 32], text[CONFIG_PATH_MOST], note[CONFIG_PATH_MOST];

	snprintf(key, sizeof key, "%s/root/root-a.key", s->party[who].home);
	snprintf(text, sizeof text, "%s/agreement.yaml", s->folder);
	snprintf(note, sizeof note, "%s/agreement.signed", s->folder);
	if (who == 0)
		return TYPED(s, cmd_agreement, s->party[who].home, "agreement", "sign", text, "--root", key, "--out", note);
	return TYPED(s, cmd_agreement, s->party[who].home, "agreement", "sign", note, "--root", key);
}

static int activation(struct stage *s, unsigned who)
{
	char note[CONFIG_PATH_MOST];

	snprintf(note, sizeof note, "%s/agreement.signed", s->folder);
	return TYPED(s, cmd_agreement, s->party[who].home, "agreement", "activate", note);
}

static int token_make(struct stage *s, unsigned who)
{
	return typed(s, cmd_token, s->party[who].home, s->party[who].token, sizeof s->party[who].token,
		     (const char *const[]){"token", "new", "try", "--cli", NULL});
}

static int homes_make(struct stage *s, const struct stage_words *words)
{
	uint16_t link = port_free(0);
	int	 code = EXIT_DONE;

	snprintf(s->api, sizeof s->api, "127.0.0.1:%u", port_free(FIRST_API_PORT));
	if (words->api != NULL)
		snprintf(s->api, sizeof s->api, "%s", words->api);
	for (unsigned i = 0; i < 2 && code == EXIT_DONE; i++)
		code = home_make(s, i);
	for (unsigned i = 0; i < 2 && code == EXIT_DONE; i++)
		code = config_make(s, i, words, link);
	for (unsigned i = 0; i < 2 && code == EXIT_DONE; i++)
		code = card_exchange(s, i);
	for (unsigned i = 0; i < 2 && code == EXIT_DONE; i++)
		code = signature(s, i);
	for (unsigned i = 0; i < 2 && code == EXIT_DONE; i++)
		code = activation(s, i);
	for (unsigned i = 0; i < 2 && code == EXIT_DONE; i++)
		code = token_make(s, i);
	return code;
}

/* ---- gateways ---- */

/* The credentials of the providers that a person named stand beside their configuration. */
static void credentials_point(const char *provide)
{
	char  folder[CONFIG_PATH_MOST];
	char *slash;

	snprintf(folder, sizeof folder, "%s", provide);
	slash = strrchr(folder, '/');
	snprintf(slash != NULL ? slash + 1 : folder, sizeof folder - (slash != NULL ? (size_t)(slash + 1 - folder) : 0), "credentials");
	(void)setenv("CREDENTIALS_DIRECTORY", folder, 0);
}

static _Noreturn void gateway_exec(const struct stage *s, unsigned who, const struct stage_words *words)
{
	char  program[] = "mithaq", option[] = "--home", serve[] = "serve", home[CONFIG_PATH_MOST], journal[CONFIG_PATH_MOST + 16];
	char *argv[] = {program, option, home, serve, NULL};

	snprintf(home, sizeof home, "%s", s->party[who].home);
	snprintf(journal, sizeof journal, "%s.journal", home);
	int fd = open(journal, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600), none = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || none < 0 || dup2(none, 0) < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
		_exit(EXIT_INTERNAL);
	(void)setpgid(0, 0); /* Ctrl-C is for us: we end them in order */
	(void)setenv("MITHAQ_LOG", "json", 1);
	if (who == s->us && words->provide != NULL)
		credentials_point(words->provide);
	(void)execv("/proc/self/exe", argv);
	_exit(EXIT_INTERNAL);
}

static int gateway_start(struct stage *s, unsigned who, const struct stage_words *words)
{
	pid_t pid = fork();

	if (pid == 0)
		gateway_exec(s, who, words);
	if (pid < 0)
		return cli_err(s->cli, ERR_INTERNAL, "fork", strerror(errno));
	s->party[who].pid = pid;
	return EXIT_DONE;
}

static void sleep_ms(unsigned ms)
{
	struct timespec wait = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

	(void)nanosleep(&wait, NULL);
}

/* Waits for nobody; a process that ended is forgotten at once, since its number may soon be another's. */
static bool party_gone(struct stage_party *p)
{
	if (p->pid != 0 && waitpid(p->pid, NULL, WNOHANG) == p->pid)
		p->pid = 0;
	return p->pid == 0;
}

bool stage_broken(struct stage *s)
{
	return party_gone(&s->party[0]) || party_gone(&s->party[1]);
}

enum err stage_ask(const struct stage *s, unsigned who, struct http_question *q, struct http_answer *out)
{
	q->token = s->party[who].token;
	if (q->patience_s == 0)
		q->patience_s = HTTP_WAIT_MOST + 10;
	return http_ask(s->party[who].socket, q, out);
}

/* Both sides see the session. */
static bool linked(const struct stage *s, unsigned who)
{
	struct http_question q = {.method = "GET", .target = "/v1/status", .patience_s = 5};
	struct http_answer   answer;
	bool		     up = false;

	if (stage_ask(s, who, &q, &answer) != ERR_OK)
		return false;
	json_t *json = json_loadb((const char *)answer.body.at, answer.body.n, 0, NULL);
	up = json_is_true(json_object_get(json_array_get(json_object_get(json, "partners"), 0), "connected"));
	json_decref(json);
	http_answer_done(&answer);
	return up;
}

static int journal_show(struct stage *s, unsigned who)
{
	char				  path[CONFIG_PATH_MOST + 16];
	scoped(buffer_done) struct buffer text = {.most = 1u << 20};

	snprintf(path, sizeof path, "%s.journal", s->party[who].home);
	if (file_read(path, &text) == ERR_OK)
		fwrite(text.at, 1, text.n, s->cli->complain);
	return cli_complain(s->cli, EXIT_INTERNAL, cli_text(s->cli, "a gateway did not come up", "لم تبدأ إحدى البوابتين"),
			    s->agreement->party[who].name, NULL);
}

static int ready_wait(struct stage *s)
{
	for (unsigned waited = 0; waited < READY_MOST_MS; waited += LOOK_EVERY_MS) {
		if (linked(s, 0) && linked(s, 1))
			return EXIT_DONE;
		for (unsigned i = 0; i < 2; i++)
			if (party_gone(&s->party[i]))
				return journal_show(s, i);
		sleep_ms(LOOK_EVERY_MS);
	}
	return journal_show(s, s->us);
}

/* ---- the whole ---- */

static int folder_make(struct stage *s)
{
	const char *under = getenv("TMPDIR");

	snprintf(s->folder, sizeof s->folder, "%s/mithaq-try-XXXXXX", under != NULL && *under != '\0' ? under : "/tmp");
	if (mkdtemp(s->folder) != NULL)
		return EXIT_DONE;
	int code = cli_err(s->cli, ERR_FILE, s->folder, NULL);
	s->folder[0] = '\0';
	return code;
}

int stage_open(struct cli *cli, const struct stage_words *words, struct stage *s)
{
	memset(s, 0, sizeof *s);
	s->cli = cli;
	int code = folder_make(s);
	if (code == EXIT_DONE)
		code = agreement_make(s, words);
	if (code == EXIT_DONE)
		code = us_find(s, words->as);
	if (code == EXIT_DONE)
		code = homes_make(s, words);
	for (unsigned i = 0; i < 2 && code == EXIT_DONE; i++)
		code = gateway_start(s, i, words);
	if (code == EXIT_DONE)
		code = ready_wait(s);
	if (code != EXIT_DONE)
		stage_close(s);
	return code;
}

static int remove_one(const char *path, const struct stat *st unused_arg, int type unused_arg, struct FTW *at unused_arg)
{
	return remove(path);
}

static void gateway_end(struct stage_party *p)
{
	if (p->pid == 0)
		return;
	(void)kill(p->pid, SIGTERM);
	for (unsigned waited = 0; waited < STOP_MOST_MS; waited += LOOK_EVERY_MS) {
		if (party_gone(p))
			return;
		sleep_ms(LOOK_EVERY_MS);
	}
	(void)kill(p->pid, SIGKILL);
	(void)waitpid(p->pid, NULL, 0);
	p->pid = 0;
}

void stage_stop(struct stage *s)
{
	for (unsigned i = 0; i < 2; i++)
		gateway_end(&s->party[i]);
}

void stage_close(struct stage *s)
{
	stage_stop(s);
	for (unsigned i = 0; i < 2; i++)
		secret_zero(s->party[i].token, sizeof s->party[i].token);
	agreement_free(s->agreement);
	s->agreement = NULL;
	if (s->folder[0] != '\0')
		(void)nftw(s->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	s->folder[0] = '\0';
}
