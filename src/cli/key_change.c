/* key_change.c: `mithaq key rotate | revoke | retire`: the next card, and the key that goes with it. */
#include <stdio.h>
#include <string.h>

#include "agreement/words.h"
#include "base/secret.h"
#include "cli/key.h"
#include "proc/files.h"

/* ---- begin ---- */

/* The card in the home must be the newest that we have: a card made on an older one would be refused by everybody. */
static int card_is_newest(struct change *c)
{
	char	     rest[PARTY_MOST + 16];
	struct card  here;
	struct fault fault = {0};

	snprintf(rest, sizeof rest, "%s.card", c->home.config.party);
	int code = home_path(c->cli, &c->home.config, rest, c->card_path);
	if (code != EXIT_DONE)
		return code;
	enum err e = papers_card_read(c->card_path, &here, &fault);
	if (e != ERR_OK) {
		fault.err = e;
		return cli_fault(c->cli, &fault, c->card_path);
	}
	if (hash_equal(&here.id, &c->held->id))
		return EXIT_DONE;
	return cli_complain(c->cli, EXIT_USAGE, c->card_path,
			    cli_text(c->cli, "a later card of ours stands in cards/", "توجد بطاقة أحدث لنا في ‎cards/‎"),
			    cli_text(c->cli, "put the latest one back in this place", "أعد أحدثها إلى هذا الموضع"));
}

/* A gateway that finds one more than it keeps would not start, here and there. */
static int card_has_place(const struct change *c)
{
	if (c->home.papers.keyring[0].n < KEYRING_CARDS_MOST)
		return EXIT_DONE;
	return cli_complain(c->cli, EXIT_USAGE, "cards/",
			    cli_text(c->cli, "32 cards of ours are kept, and no more can be", "لنا 32 بطاقة محفوظة، ولا يُحفظ أكثر منها"),
			    cli_text(c->cli, "archive the oldest ones on both sides: what they signed is then verified with --card",
				     "انقل أقدمها إلى الأرشيف لدى الطرفين: يُتحقق مما وقّعته بعد ذلك باستعمال "
				     "‎--card‎"));
}

static bool root_is(const struct change *c, unsigned i)
{
	return public_key_equal(&c->root.pub, &c->held->root[i]);
}

/* The card after a change of a root is signed by the root that stays: it stands on both. */
static int root_may_sign(struct change *c)
{
	if (!root_is(c, 0) && !root_is(c, 1))
		return cli_complain(c->cli, EXIT_USAGE, c->root_file,
				    cli_text(c->cli, "this is not a root key of our card", "ليس هذا مفتاحًا جذريًا في بطاقتنا"), NULL);
	if ((c->kind == KEY_ROOT_A && root_is(c, 0)) || (c->kind == KEY_ROOT_B && root_is(c, 1)))
		return cli_complain(c->cli, EXIT_USAGE, c->root_file, cli_text(c->cli, "this is the root that goes", "هذا هو الجذر المستبدَل"),
				    cli_text(c->cli, "--root names the one that stays", "يسمي ‎--root‎ الجذر الباقي"));
	return EXIT_DONE;
}

static int root_read(struct change *c)
{
	struct fault fault = {0};
	enum err     e = key_file_read(c->root_file, &c->root, &fault);

	if (e == ERR_OK)
		return root_may_sign(c);
	fault.err = e;
	return cli_fault(c->cli, &fault, c->root_file);
}

static void next_begin(struct change *c)
{
	c->next = *c->held;
	c->next.serial++;
	c->next.previous = c->held->id;
	c->next.from_day = today();
	c->next.until_day = today() + CARD_DAYS;
}

int change_begin(struct change *c, struct cli *cli, enum key_kind kind, const char *root_file)
{
	memset(c, 0, sizeof *c);
	c->cli = cli;
	c->kind = kind;
	c->root_file = root_file;
	int code = home_open_cards(cli, &c->home);
	if (code != EXIT_DONE)
		return code;
	c->held = c->home.papers.card[0];
	code = card_is_newest(c);
	if (code == EXIT_DONE)
		code = card_has_place(c);
	if (code == EXIT_DONE)
		code = root_read(c);
	if (code == EXIT_DONE)
		code = key_files_settle(c);
	if (code == EXIT_DONE)
		next_begin(c);
	else
		change_done(c);
	return code;
}

void change_done(struct change *c)
{
	sign_key_done(&c->root);
	sign_key_done(&c->fresh);
	secret_zero(c->seed, sizeof c->seed);
	home_done(&c->home);
}

int change_commit(struct change *c)
{
	int code = home_card_keep(c->cli, &c->home.config, c->card_path);

	if (code != EXIT_DONE)
		return code;
	enum err e = home_card_write(c->card_path, &c->next, &c->root, true);
	return e == ERR_OK ? EXIT_DONE : cli_err(c->cli, e, c->card_path, NULL);
}

/* ---- what a person reads afterwards ---- */

enum deed { DEED_ROTATED, DEED_REVOKED, DEED_RETIRED };

static void line(const struct change *c, const char *en, const char *ar)
{
	fprintf(c->cli->out, "  %s\n", cli_text(c->cli, en, ar));
}

static void tell_json(const struct change *c)
{
	char until[11], words[2][WORDS_TEXT_MOST];

	date_write(c->next.until_day, until);
	words_line(&c->next, LANG_EN, words[0]);
	words_line(&c->next, LANG_AR, words[1]);
	fprintf(c->cli->out, "{\"key\":\"%s\",\"serial\":%llu,\"until\":\"%s\",\"revoked\":%u,\"words\":{\"en\":\"%s\",\"ar\":\"%s\"},\"card\":",
		key_names[c->kind].word, (unsigned long long)c->next.serial, until, c->next.nrevoked, words[0], words[1]);
	cli_json_text(c->cli, c->card_path);
	fputs("}\n", c->cli->out);
}

static void tell_written(const struct change *c, enum deed deed)
{
	char until[11];

	date_write(c->next.until_day, until);
	fprintf(c->cli->out, "%s\n", cli_text(c->cli, "written:", "كُتب:"));
	if (deed != DEED_RETIRED)
		fprintf(c->cli->out, "  %s/%s%s.key  %s\n", c->home.config.home, key_names[c->kind].file,
			c->kind == KEY_TLS && deed == DEED_ROTATED ? ".next" : "",
			cli_text(c->cli, key_names[c->kind].text, key_names[c->kind].text_ar));
	fprintf(c->cli->out, "  %s  %s %llu, %s %s\n", c->card_path, cli_text(c->cli, "serial", "الرقم"), (unsigned long long)c->next.serial,
		cli_text(c->cli, "until", "حتى"), until);
}

static void tell_reload(const struct change *c)
{
	fprintf(c->cli->out, "%s\n  systemctl reload mithaq      %s\n", cli_text(c->cli, "now:", "الآن:"),
		cli_text(c->cli, "(or: kill -HUP, the process of `mithaq serve`)", "(أو kill -HUP لعملية «mithaq serve»)"));
	line(c, "partners take the card by themselves when they are next connected; nobody has to do anything there",
	     "يأخذ الشركاء البطاقة من تلقاء أنفسهم عند اتصالهم التالي، ولا يلزم أحدًا عمل شيء هناك");
}

static void tell_log_or_receipt(const struct change *c, enum deed deed)
{
	line(c, "until then the running gateway signs with the old key; the old key is no longer in this folder",
	     "إلى ذلك الحين توقّع البوابة العاملة بالمفتاح القديم؛ ولم يعد المفتاح القديم في هذا المجلد");
	if (deed == DEED_ROTATED)
		line(c, "what the old key signed stays good for ever", "ما وقّعه المفتاح القديم يبقى صحيحًا دائمًا");
	else
		fprintf(c->cli->out,
			cli_text(c->cli, "  the old key counts only up to what both sides hold now: %u epochs named on the card\n",
				 "  لا يُعتد بالمفتاح القديم إلا فيما لدى الطرفين الآن: ذُكرت %u حقبة في البطاقة\n"),
			c->nlines);
}

static void tell_tls(const struct change *c, enum deed deed)
{
	if (deed == DEED_ROTATED) {
		line(c, "both TLS keys stand on this card, and the gateway goes on showing the old one",
		     "مفتاحا TLS كلاهما في هذه البطاقة، وتظل البوابة تعرض القديم");
		line(c, "when every partner was connected since: mithaq key retire tls --root KEYFILE",
		     "بعد أن يتصل كل شريك: mithaq key retire tls --root KEYFILE");
		return;
	}
	line(c, "the gateway shows the new TLS key; to a partner who has not this card yet it shows the old one once more, to hand the card over",
	     "تعرض البوابة مفتاح TLS الجديد، وتعرض القديم مرة أخرى لشريك لم تصله البطاقة بعد كي تسلمه إياها");
	line(c, "keys/tls.old.key may be destroyed when every partner was connected since",
	     "يمكن إتلاف ‎keys/tls.old.key‎ بعد أن يتصل كل شريك");
	if (deed == DEED_REVOKED)
		line(c,
		     "a thief with the old key can be taken for us until then: better send each partner the card and have `mithaq partner add` typed",
		     "إلى ذلك الحين قد ينتحل السارق صفتنا: الأسلم إرسال البطاقة إلى كل شريك ليكتب «mithaq partner add»");
}

static void tell_root(const struct change *c)
{
	line(c, "take the new root key away to a safe, apart from the other; then destroy every copy of the old one",
	     "انقل المفتاح الجذري الجديد إلى خزانة بعيدًا عن الآخر، ثم أتلف كل نسخة من القديم");
	line(c, "agreements that the old root signed stay in force; new ones name the new root",
	     "الاتفاقات التي وقّعها الجذر القديم تبقى نافذة، والجديدة تسمي الجذر الجديد");
	line(c, "change the other root only after every partner took this card: who missed it knows no root on the one after",
	     "لا تغيّر الجذر الآخر إلا بعد أن يأخذ كل شريك هذه البطاقة: من فاتته لا يعرف جذرًا في التي تليها");
	fprintf(c->cli->out, "%s\n", cli_text(c->cli, "the six words are new as well:", "والكلمات الست جديدة أيضًا:"));
	home_words_tell(c->cli, &c->next);
}

static void tell(const struct change *c, enum deed deed)
{
	if (c->cli->json) {
		tell_json(c);
		return;
	}
	tell_written(c, deed);
	tell_reload(c);
	switch (c->kind) {
	case KEY_LOG:
	case KEY_RECEIPT:
		tell_log_or_receipt(c, deed);
		break;
	case KEY_TLS:
		tell_tls(c, deed);
		break;
	case KEY_ROOT_A:
	case KEY_ROOT_B:
		tell_root(c);
		break;
	}
}

/* ---- the next card ---- */

static void keys_replace(struct card_key *keys, unsigned n, const struct public_key *old, const struct public_key *fresh)
{
	for (unsigned i = 0; i < n; i++)
		if (public_key_equal(&keys[i].key, old))
			keys[i].key = *fresh;
}

/* Which key of the card goes? For log and receipt the one in the key file, which must stand there. */
static int old_key(struct change *c, struct public_key *out)
{
	char		       path[CONFIG_PATH_MOST];
	struct sign_key	       key;
	struct fault	       fault = {0};
	const struct card_key *keys = c->kind == KEY_LOG ? c->held->log : c->held->receipt;
	unsigned	       n = c->kind == KEY_LOG ? c->held->nlog : c->held->nreceipt;

	int code = key_path(c->cli, &c->home.config, c->kind, ".key", path);
	if (code != EXIT_DONE)
		return code;
	enum err e = key_file_read(path, &key, &fault);
	/* Lost: the card says which it was when it names one alone. */
	*out = e == ERR_OK ? key.pub : keys[0].key;
	if (e == ERR_OK)
		sign_key_done(&key);
	else if (e != ERR_FILE || n > 1) {
		fault.err = e;
		return cli_fault(c->cli, &fault, path);
	}
	for (unsigned i = 0; i < n; i++)
		if (public_key_equal(&keys[i].key, out))
			return EXIT_DONE;
	return cli_complain(c->cli, EXIT_USAGE, path, cli_text(c->cli, "it is not on our own card", "ليس على بطاقتنا"),
			    cli_text(c->cli, "put the right one back", "أعد المفتاح الصحيح"));
}

static int next_with_signing_key(struct change *c, bool stolen)
{
	struct public_key old;
	int		  code = old_key(c, &old);

	if (code == EXIT_DONE && stolen)
		code = revoked_lines(c, &old);
	if (code == EXIT_DONE)
		code = key_files_add(c, NULL);
	if (code != EXIT_DONE)
		return code;
	if (c->kind == KEY_LOG)
		keys_replace(c->next.log, c->next.nlog, &old, &c->fresh.pub);
	else
		keys_replace(c->next.receipt, c->next.nreceipt, &old, &c->fresh.pub);
	return EXIT_DONE;
}

static int next_with_tls(struct change *c, bool stolen)
{
	struct public_key waiting;
	struct hash	  pin;

	if (key_files_waiting(c) && !stolen)
		return cli_complain(c->cli, EXIT_REFUSED_HERE, cli_text(c->cli, "a rotation of the TLS key is under way", "تدوير مفتاح TLS جارٍ"),
				    NULL, "`mithaq key retire tls`");
	bool under_way = key_files_waiting(c);
	int  code = under_way ? key_files_public(c, ".next.key", &waiting) : key_files_add(c, &pin);
	if (code != EXIT_DONE)
		return code;
	if (under_way)
		pin = key_pin(&waiting);
	if (stolen)
		c->next.ntls = 0;
	else if (c->next.ntls == CARD_TLS_MOST)
		return cli_complain(c->cli, EXIT_REFUSED_HERE, cli_text(c->cli, "the card is full of TLS keys", "البطاقة مليئة بمفاتيح TLS"), NULL,
				    "`mithaq key retire tls`");
	c->next.tls[c->next.ntls++] = pin;
	return EXIT_DONE;
}

static int next_with_root(struct change *c)
{
	int code = key_files_add(c, NULL);

	if (code == EXIT_DONE)
		c->next.root[c->kind == KEY_ROOT_A ? 0 : 1] = c->fresh.pub;
	return code;
}

static int next_make(struct change *c, bool stolen)
{
	switch (c->kind) {
	case KEY_LOG:
	case KEY_RECEIPT:
		return next_with_signing_key(c, stolen);
	case KEY_TLS:
		return next_with_tls(c, stolen);
	case KEY_ROOT_A:
	case KEY_ROOT_B:
		return next_with_root(c);
	}
	return EXIT_INTERNAL;
}

static int change_key(struct cli *cli, enum key_kind kind, const char *root_file, bool stolen)
{
	struct change c;
	int	      code = change_begin(&c, cli, kind, root_file);

	if (code != EXIT_DONE)
		return code;
	code = next_make(&c, stolen);
	if (code == EXIT_DONE)
		code = change_commit(&c);
	/* Both TLS keys stay in the folder while they overlap. */
	if (code == EXIT_DONE && (kind != KEY_TLS || stolen))
		code = key_files_swap(&c);
	if (code == EXIT_DONE)
		tell(&c, stolen ? DEED_REVOKED : DEED_ROTATED);
	change_done(&c);
	return code;
}

int key_rotate(struct cli *cli, enum key_kind kind, const char *root_file)
{
	return change_key(cli, kind, root_file, false);
}

int key_revoke(struct cli *cli, enum key_kind kind, const char *root_file)
{
	return change_key(cli, kind, root_file, true);
}

/* ---- the end of an overlap ---- */

/* Under the card held both keys are good, so the files change first. */
static int retire(struct change *c)
{
	struct public_key in_use;
	int		  code = key_files_waiting(c) ? key_files_swap(c) : EXIT_DONE;

	if (code == EXIT_DONE)
		code = key_files_public(c, ".key", &in_use);
	if (code != EXIT_DONE)
		return code;
	if (c->held->ntls == 1)
		return cli_complain(c->cli, EXIT_REFUSED_HERE,
				    cli_text(c->cli, "our card names one TLS key alone: there is none to retire",
					     "لا تسمي بطاقتنا سوى مفتاح TLS واحد: لا شيء يُحال"),
				    NULL, "`mithaq key rotate tls`");
	c->next.ntls = 1;
	c->next.tls[0] = key_pin(&in_use);
	return change_commit(c);
}

int key_retire_tls(struct cli *cli, const char *root_file)
{
	struct change c;
	int	      code = change_begin(&c, cli, KEY_TLS, root_file);

	if (code != EXIT_DONE)
		return code;
	code = retire(&c);
	if (code == EXIT_DONE)
		tell(&c, DEED_RETIRED);
	change_done(&c);
	return code;
}
