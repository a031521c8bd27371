/* key_sheet.c: `mithaq key sheet`: what is pinned to the paper agreement and signed by hand, in both languages. */
#include <stdio.h>

#include "agreement/words.h"
#include "cli/key.h"

struct sheet_row {
	const char *en, *ar;
	char	    value[2 * CONFIG_PATH_MOST];
};

#define SHEET_ROWS 11

static void hex_into(const uint8_t *at, char *out)
{
	char hex[2 * HASH_SIZE + 1];

	hex_write(at, HASH_SIZE, hex);
	/* In groups of eight, for eyes. */
	for (unsigned i = 0; i < 8; i++)
		snprintf(out + 9 * i, 10, "%.8s ", hex + 8 * i);
	out[71] = '\0';
}

static void rows_fill(const struct card *card, struct sheet_row r[SHEET_ROWS])
{
	static const char *const names[SHEET_ROWS][2] = {
		{"Party", "الطرف"},
		{"Environment", "البيئة"},
		{"Six words, English", "الكلمات الست بالإنجليزية"},
		{"Six words, Arabic", "الكلمات الست بالعربية"},
		{"Fingerprint", "البصمة"},
		{"Root key a", "المفتاح الجذري أ"},
		{"Root key b", "المفتاح الجذري ب"},
		{"Card, serial", "رقم البطاقة"},
		{"Card, id", "معرّف البطاقة"},
		{"Valid from", "صالحة من"},
		{"Valid until", "صالحة حتى"},
	};

	for (unsigned i = 0; i < SHEET_ROWS; i++) {
		r[i].en = names[i][0];
		r[i].ar = names[i][1];
	}
	snprintf(r[0].value, sizeof r[0].value, "%s", card->party);
	snprintf(r[1].value, sizeof r[1].value, "%s", card->live ? "live" : "test");
	words_line(card, LANG_EN, r[2].value);
	words_line(card, LANG_AR, r[3].value);
	card_fingerprint(card, r[4].value);
	hex_into(card->root[0].b, r[5].value);
	hex_into(card->root[1].b, r[6].value);
	snprintf(r[7].value, sizeof r[7].value, "%llu", (unsigned long long)card->serial);
	hex_into(card->id.b, r[8].value);
	date_write(card->from_day, r[9].value);
	date_write(card->until_day, r[10].value);
}

static const char *const title[2] = {"Key sheet of a party", "صحيفة مفاتيح طرف"};
static const char *const purpose[2] = {
	"Annex to the agreement on paper. Whoever holds the two root keys speaks for this party. Compare every character with what the other side's "
	"program shows.",
	"ملحق بالاتفاق الورقي. من بيده المفتاحان الجذريان يتكلم باسم هذا الطرف. قارن كل محرف بما يعرضه برنامج الطرف الآخر.",
};
static const char *const hands[4][2] = {
	{"For this party: name, office", "عن هذا الطرف: الاسم والصفة"},
	{"Signature, date, seal", "التوقيع والتاريخ والختم"},
	{"For the partner: name, office", "عن الشريك: الاسم والصفة"},
	{"Compared, signature, date", "قورنت: التوقيع والتاريخ"},
};

static void plain(FILE *out, const struct sheet_row r[SHEET_ROWS])
{
	fprintf(out, "%s\n%s\n\n%s\n%s\n\n", title[0], title[1], purpose[0], purpose[1]);
	for (unsigned i = 0; i < SHEET_ROWS; i++)
		fprintf(out, "%s / %s\n    %s\n", r[i].en, r[i].ar, r[i].value);
	for (unsigned i = 0; i < COUNT_OF(hands); i++)
		fprintf(out, "\n%s / %s\n\n    ______________________________________________\n", hands[i][0], hands[i][1]);
}

/* Nothing in the values needs to be escaped: names, words, digits and dates of our own alphabets. */
static void html_page(FILE *out, const struct sheet_row r[SHEET_ROWS])
{
	fprintf(out,
		"<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>%s: %s</title>\n<style>\n"
		"@page { size: A4; margin: 20mm }\n"
		"body { font-family: serif; font-size: 11pt; max-width: 170mm; margin: auto }\n"
		"h1 { font-size: 16pt; margin: 0 }\n"
		"table { width: 100%%; border-collapse: collapse; margin: 6mm 0 }\n"
		"td { border: 0.3mm solid #444; padding: 2mm; vertical-align: top }\n"
		"td.value { font-family: monospace; font-size: 10pt; word-spacing: 0.2em }\n"
		".hand { height: 18mm; border-bottom: 0.3mm solid #444; display: flex; justify-content: space-between }\n"
		"</style>\n",
		title[0], r[0].value);
	fprintf(out, "<h1>%s</h1>\n<h1 lang=\"ar\" dir=\"rtl\">%s</h1>\n<p>%s</p>\n<p lang=\"ar\" dir=\"rtl\">%s</p>\n<table>\n", title[0], title[1],
		purpose[0], purpose[1]);
	for (unsigned i = 0; i < SHEET_ROWS; i++)
		fprintf(out, "<tr><td>%s<td class=\"value\" dir=\"auto\">%s<td lang=\"ar\" dir=\"rtl\">%s\n", r[i].en, r[i].value, r[i].ar);
	fputs("</table>\n", out);
	for (unsigned i = 0; i < COUNT_OF(hands); i++)
		fprintf(out, "<p class=\"hand\"><span>%s</span><span lang=\"ar\" dir=\"rtl\">%s</span>\n", hands[i][0], hands[i][1]);
	fputs("</html>\n", out);
}

static void json(const struct cli *cli, const struct card *card, const struct sheet_row r[SHEET_ROWS])
{
	char root[2][2 * SIGN_PUBLIC + 1], id[2 * HASH_SIZE + 1];

	hex_write(card->root[0].b, SIGN_PUBLIC, root[0]);
	hex_write(card->root[1].b, SIGN_PUBLIC, root[1]);
	hex_write(card->id.b, HASH_SIZE, id);
	fprintf(cli->out,
		"{\"party\":\"%s\",\"environment\":\"%s\",\"words\":{\"en\":\"%s\",\"ar\":\"%s\"},\"fingerprint\":\"%s\",\"root_a\":\"%s\",\"root_"
		"b\":\"%s\","
		"\"serial\":%llu,\"card\":\"%s\",\"from\":\"%s\",\"until\":\"%s\"}\n",
		r[0].value, r[1].value, r[2].value, r[3].value, r[4].value, root[0], root[1], (unsigned long long)card->serial, id, r[9].value,
		r[10].value);
}

int key_sheet(struct cli *cli, bool html)
{
	struct home	 h;
	struct sheet_row r[SHEET_ROWS];
	int		 code = home_open_cards(cli, &h);

	if (code != EXIT_DONE)
		return code;
	rows_fill(h.papers.card[0], r);
	if (cli->json)
		json(cli, h.papers.card[0], r);
	else if (html)
		html_page(cli->out, r);
	else
		plain(cli->out, r);
	home_done(&h);
	return EXIT_DONE;
}
