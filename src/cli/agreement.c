/* agreement.c: `mithaq agreement check | sign | show | activate | list`. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/home.h"
#include "proc/files.h"

#define SIGNED_ENDING ".signed"
#define ID_SHORTEST   8 /* hex digits that name an agreement on the command line */

/* A file that holds an agreement, signed or not yet. */
struct draft {
	struct buffer	  file;
	struct bytes	  text; /* up to the blank line before the signatures, or all */
	bool		  is_signed;
	struct note	  note; /* when is_signed */
	struct agreement *agreement;
};

static void draft_done(struct draft *d)
{
	agreement_free(d->agreement);
	buffer_done(&d->file);
}

/* A text without any signature line is a draft; one with a blank line and an em dash claims to be a note and must be a whole one. */
static bool has_signatures(struct bytes file)
{
	static const char mark[] = "\n\n\xe2\x80\x94 ";

	return memmem(file.at, file.n, mark, sizeof mark - 1) != NULL;
}

static int draft_open(struct cli *cli, const char *path, struct draft *d)
{
	struct fault fault = {0};

	*d = (struct draft){.file = {.most = AGREEMENT_NOTE_MOST}};
	enum err e = file_read(path, &d->file);
	if (e != ERR_OK) {
		int code = cli_err(cli, e, path, NULL);
		draft_done(d);
		return code;
	}
	d->text = buffer_bytes(&d->file);
	d->is_signed = has_signatures(d->text);
	if (d->is_signed) {
		e = note_read(d->text, &d->note);
		if (e != ERR_OK)
			fault_at(&fault, e, 0, "", "", "a signed note: text, blank line, signature lines", "نص ثم سطر فارغ ثم سطور التوقيع");
		else
			d->text = d->note.text;
	}
	if (e == ERR_OK)
		e = agreement_parse(d->text, &d->agreement, &fault);
	if (e == ERR_OK)
		return EXIT_DONE;
	fault.err = e;
	int code = cli_fault(cli, &fault, path);
	draft_done(d);
	return code;
}

/* ---- check ---- */

struct counts {
	unsigned clauses, examples, must_refuse;
};

static struct counts count(const struct agreement *a)
{
	struct counts n = {.clauses = a->nclauses};

	for (unsigned i = 0; i < a->nclauses; i++)
		for (unsigned k = 0; k < a->clause[i].nexamples; k++) {
			if (a->clause[i].example[k].expect == EXPECT_REFUSED)
				n.must_refuse++;
			else
				n.examples++;
		}
	return n;
}

static int examples_run(struct cli *cli, const char *path, const struct agreement *a)
{
	struct fault fault = {0};
	unsigned     run = 0;
	enum err     e = agreement_examples(a, &run, &fault);

	if (e == ERR_OK)
		return EXIT_DONE;
	fault.err = e;
	return cli_fault(cli, &fault, path);
}

static void check_tell(struct cli *cli, const struct draft *d)
{
	struct counts n = count(d->agreement);
	char	      id[2 * HASH_SIZE + 1];

	hex_write(d->agreement->id.b, HASH_SIZE, id);
	if (cli->json) {
		fprintf(cli->out, "{\"id\":\"%s\",\"name\":\"%s\",\"clauses\":%u,\"examples\":%u,\"must_refuse\":%u,\"signatures\":%u}\n", id,
			d->agreement->name, n.clauses, n.examples, n.must_refuse, d->is_signed ? d->note.n : 0);
		return;
	}
	fprintf(cli->out, "%s  %s\n", d->agreement->name, id);
	fprintf(cli->out, "  %u %s\n", n.clauses, cli_text(cli, "clauses", "من البنود"));
	fprintf(cli->out, "  %u %s\n", n.examples, cli_text(cli, "examples answered as written", "من الأمثلة أُجيب عنها كما كُتبت"));
	fprintf(cli->out, "  %u %s\n", n.must_refuse, cli_text(cli, "must-refuse cases refused", "من حالات الرفض الواجب رُفضت"));
}

static int check(struct cli *cli, const char *path)
{
	struct draft d;
	int	     code = draft_open(cli, path, &d);

	if (code != EXIT_DONE)
		return code;
	code = examples_run(cli, path, d.agreement);
	if (code == EXIT_DONE)
		check_tell(cli, &d);
	draft_done(&d);
	return code;
}

/* ---- sign ---- */

struct signing {
	const char *file, *root, *party, *out;
};

/* Whose root is it? The party named, else the one that has this key. */
static int signer_of(const struct agreement *a, const struct sign_key *key, const char *party)
{
	for (int i = 0; i < 2; i++) {
		bool named = party == NULL || strcmp(a->party[i].name, party) == 0;

		if (named && (public_key_equal(&a->party[i].root[0], &key->pub) || public_key_equal(&a->party[i].root[1], &key->pub)))
			return i;
	}
	return -1;
}

/* Is signature i of the draft by a root of this party? */
static bool signed_by(const struct draft *d, unsigned i, const struct agreement_party *party)
{
	for (unsigned k = 0; k < 2; k++)
		if (note_signed_by(&d->note, i, d->note.at[i].name, &party->root[k]))
			return true;
	return false;
}

/* Every line that stands there must be good and of the other party. */
static int earlier_signatures(struct cli *cli, const struct signing *s, const struct draft *d, int party)
{
	for (unsigned i = 0; d->is_signed && i < d->note.n; i++) {
		if (signed_by(d, i, &d->agreement->party[party]))
			return cli_complain(cli, EXIT_USAGE, s->file, cli_text(cli, "this party has signed already", "وقّع هذا الطرف من قبل"),
					    d->agreement->party[party].name);
		if (!signed_by(d, i, &d->agreement->party[1 - party]))
			return cli_complain(cli, EXIT_USAGE, s->file, cli_text(cli, "a signature in it does not verify", "فيه توقيع لا يصح"), NULL);
	}
	return EXIT_DONE;
}

static enum err signed_write(const struct draft *d, int party, const struct sign_key *key, struct buffer *out)
{
	uint8_t	       memory[NOTE_NAME_MOST + 256];
	struct builder line = builder_on(memory, sizeof memory);

	enum err e = agreement_sign(d->agreement, (unsigned)party, key, &line);
	if (e == ERR_OK)
		e = line.err;
	if (e == ERR_OK)
		e = buffer_add(out, buffer_bytes(&d->file));
	if (e == ERR_OK && !d->is_signed)
		e = buffer_add(out, bytes_text("\n"));
	return e == ERR_OK ? buffer_add(out, builder_bytes(&line)) : e;
}

static bool ends_with(const char *text, const char *ending)
{
	size_t n = strlen(text), m = strlen(ending);

	return n >= m && strcmp(text + n - m, ending) == 0;
}

/* FILE.signed for a draft; a file that is FILE.signed already gets its second line in place. Nothing else is ever written over. */
static int signed_store(struct cli *cli, const struct signing *s, struct bytes note)
{
	char	    path[CONFIG_PATH_MOST + sizeof SIGNED_ENDING];
	bool	    in_place = s->out == NULL && ends_with(s->file, SIGNED_ENDING);
	const char *to = s->out != NULL ? s->out : s->file;

	if (strlen(to) >= CONFIG_PATH_MOST)
		return cli_err(cli, ERR_TOO_LONG, to, NULL);
	snprintf(path, sizeof path, "%s%s", to, s->out != NULL || in_place ? "" : SIGNED_ENDING);
	enum err e = in_place ? file_write(path, note, 0644) : file_write_new(path, note, 0644);
	if (e != ERR_OK)
		return cli_err(cli, e, path,
			       e == ERR_EXISTS ? cli_text(cli, "--out FILE chooses another", "‏‎--out FILE‎ يختار غيره") : NULL);
	if (cli->json) {
		fputs("{\"written\":", cli->out);
		cli_json_text(cli, path);
		fputs("}\n", cli->out);
		return EXIT_DONE;
	}
	fprintf(cli->out, "%s %s\n", cli_text(cli, "signed:", "وُقّع:"), path);
	return EXIT_DONE;
}

static int sign_with(struct cli *cli, const struct signing *s, const struct draft *d, const struct sign_key *key)
{
	scoped(buffer_done) struct buffer note = {.most = AGREEMENT_NOTE_MOST};
	int				  party = signer_of(d->agreement, key, s->party);

	if (party < 0)
		return cli_complain(cli, EXIT_USAGE, s->root,
				    cli_text(cli, "this key is not a root that the agreement names", "ليس هذا المفتاح جذرًا يسميه الاتفاق"), s->party);
	int code = earlier_signatures(cli, s, d, party);
	/* Nobody signs a text that does not do what its own examples say. */
	if (code == EXIT_DONE)
		code = examples_run(cli, s->file, d->agreement);
	if (code != EXIT_DONE)
		return code;
	enum err e = signed_write(d, party, key, &note);
	if (e != ERR_OK)
		return cli_err(cli, e, s->file, NULL);
	return signed_store(cli, s, buffer_bytes(&note));
}

static int sign(struct cli *cli, const struct signing *s)
{
	struct draft	d;
	struct sign_key key;
	struct fault	fault = {0};

	if (s->root == NULL)
		return cli_usage(cli);
	enum err e = key_file_read(s->root, &key, &fault);
	if (e != ERR_OK) {
		fault.err = e;
		return cli_fault(cli, &fault, s->root);
	}
	int code = draft_open(cli, s->file, &d);
	if (code == EXIT_DONE) {
		code = sign_with(cli, s, &d, &key);
		draft_done(&d);
	}
	sign_key_done(&key);
	return code;
}

/* ---- show ---- */

static int show_clauses(struct cli *cli, const struct agreement *a, const char *which)
{
	scoped(buffer_done) struct buffer out = {.most = 4 * AGREEMENT_TEXT_MOST};
	uint64_t			  number = 0;

	if (which != NULL &&
	    (decimal_read(bytes_text(which), &number) != ERR_OK || number > UINT16_MAX || agreement_clause(a, (uint16_t)number) == NULL))
		return cli_complain(cli, EXIT_USAGE, cli_text(cli, "the agreement has no such clause", "ليس في الاتفاق بند كهذا"), which, NULL);
	for (unsigned i = 0; i < a->nclauses; i++) {
		if (which != NULL && a->clause[i].number != number)
			continue;
		enum err e = agreement_show(a, &a->clause[i], cli->lang, &out);
		if (e == ERR_OK && which == NULL && i + 1 < a->nclauses)
			e = buffer_add(&out, bytes_text("\n"));
		if (e != ERR_OK)
			return cli_err(cli, e, a->name, NULL);
	}
	fwrite(out.at, 1, out.n, cli->out);
	return EXIT_DONE;
}

/* An activated agreement by its name, or by the beginning of its id. */
static const struct agreement *activated(const struct papers *p, const char *name)
{
	char id[2 * HASH_SIZE + 1];

	for (unsigned i = 0; i < p->nagreements; i++) {
		hex_write(p->agreement[i]->id.b, HASH_SIZE, id);
		if (strcmp(p->agreement[i]->name, name) == 0 || (strlen(name) >= ID_SHORTEST && strncmp(id, name, strlen(name)) == 0))
			return p->agreement[i];
	}
	return NULL;
}

static int show(struct cli *cli, const char *what, const char *which)
{
	struct draft d;
	struct home  h;
	struct stat  s;

	if (stat(what, &s) == 0) {
		int code = draft_open(cli, what, &d);
		if (code != EXIT_DONE)
			return code;
		code = show_clauses(cli, d.agreement, which);
		draft_done(&d);
		return code;
	}
	int code = home_open(cli, &h);
	if (code != EXIT_DONE)
		return code;
	const struct agreement *a = activated(&h.papers, what);
	code = a != NULL ? show_clauses(cli, a, which)
			 : cli_complain(cli, EXIT_USAGE,
					cli_text(cli, "no such file, and no agreement of this id here", "لا ملف ولا اتفاق بهذا المعرّف هنا"), what,
					NULL);
	home_done(&h);
	return code;
}

/* ---- activate and list ---- */

static int ours(struct cli *cli, const struct home *h, const struct agreement *a, const char *file)
{
	int us = agreement_party(a, bytes_text(h->config.party));

	if (us < 0)
		return cli_complain(cli, EXIT_USAGE, file, cli_text(cli, "we are no party to it", "لسنا طرفًا فيه"), h->config.party);
	if (papers_card(&h->papers, a->party[1 - us].name) == NULL)
		return cli_complain(cli, EXIT_USAGE, file, cli_text(cli, "the other party's card is not here", "بطاقة الطرف الآخر ليست هنا"),
				    cli_text(cli, "`mithaq partner add CARD` first", "«mithaq partner add CARD» أولًا"));
	if (a->live != h->papers.card[0]->live)
		return cli_complain(cli, EXIT_USAGE, file, cli_text(cli, "its environment is not ours", "بيئته غير بيئتنا"),
				    a->live ? "live" : "test");
	return EXIT_DONE;
}

static int activate_store(struct cli *cli, const struct home *h, const struct agreement *a, struct bytes note)
{
	char id[2 * HASH_SIZE + 1], rest[2 * HASH_SIZE + 40], path[CONFIG_PATH_MOST];

	int code = home_path(cli, &h->config, "agreements", path);
	if (code != EXIT_DONE)
		return code;
	if (folder_make_private(path) != 0 && errno != EEXIST)
		return cli_err(cli, ERR_FILE, path, NULL);
	hex_write(a->id.b, HASH_SIZE, id);
	snprintf(rest, sizeof rest, "agreements/%s.agreement", id);
	code = home_path(cli, &h->config, rest, path);
	if (code != EXIT_DONE)
		return code;
	enum err e = file_write_new(path, note, 0644);
	if (e != ERR_OK && e != ERR_EXISTS)
		return cli_err(cli, e, path, NULL);
	if (cli->json) {
		fprintf(cli->out, "{\"id\":\"%s\",\"name\":\"%s\",\"new\":%s}\n", id, a->name, e == ERR_OK ? "true" : "false");
		return EXIT_DONE;
	}
	fprintf(cli->out, "%s  %s\n", a->name, id);
	fprintf(cli->out, "%s\n",
		e == ERR_EXISTS ? cli_text(cli, "it was active already", "كان نافذًا من قبل")
				: cli_text(cli, "activated; a running gateway takes it up at kill -HUP, or systemctl reload mithaq",
					   "أُنفذ؛ وتأخذ به البوابة العاملة عند kill -HUP أو systemctl reload mithaq"));
	return EXIT_DONE;
}

static int activate_note(struct cli *cli, const struct home *h, const char *file, struct bytes note)
{
	struct root_key	  roots[PAPERS_ROOTS_MOST];
	struct agreement *a;
	struct fault	  fault = {0};

	size_t	 n = papers_roots(&h->papers, roots);
	enum err e = agreement_open(note, roots, n, &a, &fault);
	if (e != ERR_OK) {
		fault.err = e;
		return cli_fault(cli, &fault, file);
	}
	int code = ours(cli, h, a, file);
	if (code == EXIT_DONE)
		code = examples_run(cli, file, a);
	if (code == EXIT_DONE)
		code = activate_store(cli, h, a, note);
	agreement_free(a);
	return code;
}

static int activate(struct cli *cli, const char *file)
{
	struct home			  h;
	scoped(buffer_done) struct buffer note = {.most = AGREEMENT_NOTE_MOST};

	enum err e = file_read(file, &note);
	if (e != ERR_OK)
		return cli_err(cli, e, file, NULL);
	int code = home_open_cards(cli, &h);
	if (code != EXIT_DONE)
		return code;
	code = activate_note(cli, &h, file, buffer_bytes(&note));
	home_done(&h);
	return code;
}

static void list_row(struct cli *cli, const struct home *h, const struct agreement *a, bool first)
{
	char id[2 * HASH_SIZE + 1], from[11], until[11] = "";
	int  us = agreement_party(a, bytes_text(h->config.party));

	hex_write(a->id.b, HASH_SIZE, id);
	date_write(a->from_day, from);
	if (a->until_day != INT32_MAX)
		date_write(a->until_day, until);
	const char *partner = us >= 0 ? a->party[1 - us].name : "";
	if (cli->json)
		fprintf(cli->out,
			"%s{\"id\":\"%s\",\"name\":\"%s\",\"version\":%u,\"partner\":\"%s\",\"from\":\"%s\",\"until\":\"%s\",\"clauses\":%u}",
			first ? "" : ",", id, a->name, a->version, partner, from, until, a->nclauses);
	else
		fprintf(cli->out, "%.16s  %-32s %-28s %s .. %s\n", id, a->name, partner, from, until);
}

static int list(struct cli *cli)
{
	struct home h;
	int	    code = home_open(cli, &h);

	if (code != EXIT_DONE)
		return code;
	if (cli->json)
		fputc('[', cli->out);
	for (unsigned i = 0; i < h.papers.nagreements; i++)
		list_row(cli, &h, h.papers.agreement[i], i == 0);
	if (cli->json)
		fputs("]\n", cli->out);
	home_done(&h);
	return EXIT_DONE;
}

int cmd_agreement(struct cli *cli, int argc, char **argv)
{
	struct signing		s = {0};
	const char	       *clause = NULL;
	const struct cli_option options[] = {{"--root", &s.root, NULL},
					     {"--party", &s.party, NULL},
					     {"--out", &s.out, NULL},
					     {"--clause", &clause, NULL}};
	int			n = cli_options(cli, argc, argv, options, COUNT_OF(options));

	if (n < 1)
		return n < 0 ? EXIT_USAGE : cli_usage(cli);
	const char *what = argv[1];
	s.file = n == 2 ? argv[2] : NULL;
	if (n == 1 && strcmp(what, "list") == 0)
		return list(cli);
	if (n != 2)
		return cli_usage(cli);
	if (strcmp(what, "check") == 0)
		return check(cli, s.file);
	if (strcmp(what, "sign") == 0)
		return sign(cli, &s);
	if (strcmp(what, "show") == 0)
		return show(cli, s.file, clause);
	if (strcmp(what, "activate") == 0)
		return activate(cli, s.file);
	return cli_usage(cli);
}
