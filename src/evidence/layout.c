#include "evidence/layout.h"

#include <stdio.h>

static const struct role {
	uint8_t	    kind;
	const char *word;
} roles[] = {
	{KIND_GENESIS, "genesis"}, /* ties an old epoch's tail to a signature */
	{KIND_AGREE, "agree"},	   /* the agreement, recorded by one party */
	{KIND_TALLY, "tally"},	   /* how many entries there are */
	{KIND_QUERY, "question"},  /* what was asked */
	{KIND_REPLY, "answer"},	   /* what was said to it */
};

const char *role_word(uint8_t kind)
{
	for (size_t i = 0; i < COUNT_OF(roles); i++)
		if (roles[i].kind == kind)
			return roles[i].word;
	return NULL;
}

void item_file_name(unsigned number, const char *leaf, char out[static TAR_NAME_MOST + 1])
{
	snprintf(out, TAR_NAME_MOST + 1, "items/%04u/%s", number, leaf);
}

void card_file_name(unsigned number, char out[static TAR_NAME_MOST + 1])
{
	snprintf(out, TAR_NAME_MOST + 1, "cards/%u.card", number);
}

void part_file_name(unsigned number, unsigned place, bool salt, char out[static TAR_NAME_MOST + 1])
{
	snprintf(out, TAR_NAME_MOST + 1, "items/%04u/part-%u%s", number, place, salt ? ".salt" : "");
}

enum err manifest_write(struct buffer *out, const uint8_t mid[static MID_SIZE], const uint8_t *kinds, size_t n)
{
	char	 hex[2 * MID_SIZE + 1];
	enum err e;

	hex_write(mid, MID_SIZE, hex);
	e = buffer_format(out, MANIFEST_FIRST "\nexchange %s\n", hex);
	for (size_t i = 0; i < n && e == ERR_OK; i++) {
		const char *word = role_word(kinds[i]);

		if (word == NULL)
			return ERR_VALUE;
		e = buffer_format(out, "item %04u %s\n", (unsigned)i + 1, word);
	}
	return e;
}

void receipt_key_name(const char *reader, char out[static RECEIPT_NAME_MOST])
{
	snprintf(out, RECEIPT_NAME_MOST, "%s/receipt", reader);
}

bool tally_counts(const struct header *h, const struct hash *agreement)
{
	const struct attr *attr = header_attr(h, ATTR_TALLY);
	struct tally	   t;

	if (attr == NULL || tally_read(attr->value, &t) != ERR_OK)
		return false;
	for (unsigned i = 0; i < t.n; i++)
		if (hash_equal(&t.row[i].agreement, agreement))
			return true;
	return false;
}
