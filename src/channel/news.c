/* news.c: names, numbers and the encoding of what applications are told of. */
#include "channel/news.h"

#define NUMBER_TIME_BITS 10
#define NUMBER_LETTERS	 13
#define NUMBER_TIME_MOST (UINT64_MAX >> (NUMBER_TIME_BITS + 1)) /* numbers stay positive in a ledger's column */

static const char *const names[NEWS_TYPES] = {
	[NEWS_LOST] = "events.lost",
	[NEWS_QUERY_ANSWERED] = "query.answered",
	[NEWS_QUERY_REFUSED] = "query.refused",
	[NEWS_QUERY_EXPIRED] = "query.expired",
	[NEWS_QUERY_CANCELLED] = "query.cancelled",
	[NEWS_QUERY_FAILED] = "query.failed",
	[NEWS_REQUEST_WAITING] = "request.waiting",
	[NEWS_PARTNER_UP] = "partner.up",
	[NEWS_PARTNER_DOWN] = "partner.down",
	[NEWS_ALARM_RAISED] = "alarm.raised",
	[NEWS_CARD_CHANGED] = "card.changed",
	[NEWS_AGREEMENT_IN_FORCE] = "agreement.in-force",
	[NEWS_NOTICE_OUTAGE] = "notice.outage",
	[NEWS_NOTICE_INCIDENT] = "notice.incident",
};

/* ---- types ---- */

const char *news_type_name(enum news_type t)
{
	return t < NEWS_TYPES ? names[t] : "unknown";
}

enum err news_type_read(struct bytes name, enum news_type *out)
{
	for (unsigned t = 0; t < NEWS_TYPES; t++)
		if (bytes_is(name, names[t])) {
			*out = (enum news_type)t;
			return ERR_OK;
		}
	return ERR_VALUE;
}

static size_t until_comma(struct bytes v)
{
	const uint8_t *comma = v.n > 0 ? memchr(v.at, ',', v.n) : NULL;

	return comma != NULL ? (size_t)(comma - v.at) : v.n;
}

enum err news_types_read(struct bytes list, uint32_t *out)
{
	uint32_t set = 0;

	for (bool more = true; more;) {
		size_t	       n = until_comma(list);
		enum news_type type;

		if (news_type_read(bytes_of(list.at, n), &type) != ERR_OK || (set & news_bit(type)) != 0)
			return ERR_VALUE;
		set |= news_bit(type);
		more = n < list.n;
		list = more ? bytes_of(list.at + n + 1, list.n - n - 1) : BYTES_NONE;
	}
	*out = set | news_bit(NEWS_LOST);
	return ERR_OK;
}

enum news_type news_of_end(const struct exchange *x)
{
	switch (x->state) {
	case EXCHANGE_ANSWERED:
		return NEWS_QUERY_ANSWERED;
	case EXCHANGE_REFUSED:
		return NEWS_QUERY_REFUSED;
	case EXCHANGE_EXPIRED:
		return NEWS_QUERY_EXPIRED;
	case EXCHANGE_ACCEPTED:
	case EXCHANGE_DELIVERED:
	case EXCHANGE_FAILED:
		break;
	}
	return bytes_is(x->reason, "cancelled") ? NEWS_QUERY_CANCELLED : NEWS_QUERY_FAILED;
}

/* ---- numbers ---- */

uint64_t news_number_from(uint64_t ms)
{
	return (ms < NUMBER_TIME_MOST ? ms : NUMBER_TIME_MOST) << NUMBER_TIME_BITS;
}

uint64_t news_number(uint64_t last, uint64_t now_ms)
{
	uint64_t now = news_number_from(now_ms);

	return now > last ? now : last + 1;
}

uint64_t news_time_ms(uint64_t number)
{
	return number >> NUMBER_TIME_BITS;
}

/* The last 13 of an id's 26 letters are the low 64 of its bits; those before are zeros. */
void news_id_write(uint64_t number, char out[NEWS_ID_TEXT + 1])
{
	uint8_t	       id[16];
	char	       letters[ID_TEXT + 1];
	struct builder b = builder_on(id, sizeof id);

	build_u64(&b, 0);
	build_u64(&b, number);
	id_write(id, letters);
	memcpy(out, "e_", 2);
	memcpy(out + 2, letters + ID_TEXT - NUMBER_LETTERS, NUMBER_LETTERS + 1);
}

enum err news_id_read(struct bytes text, uint64_t *number)
{
	char	letters[ID_TEXT];
	uint8_t id[16];

	if (text.n != NEWS_ID_TEXT || memcmp(text.at, "e_", 2) != 0)
		return ERR_MALFORMED;
	memset(letters, '0', sizeof letters);
	memcpy(letters + ID_TEXT - NUMBER_LETTERS, text.at + 2, NUMBER_LETTERS);
	if (id_read(bytes_of(letters, sizeof letters), id) != ERR_OK)
		return ERR_MALFORMED;
	struct cursor c = cursor_on(bytes_of(id, sizeof id));
	if (cursor_u64(&c) != 0)
		return ERR_MALFORMED;
	uint64_t found = cursor_u64(&c);
	if (found > INT64_MAX)
		return ERR_MALFORMED;
	*number = found;
	return ERR_OK;
}

/*
 * ---- as written ----
 *   u64 number | u8 type | bool of an exchange
 *   of an exchange: mid[16] | bool ours | agreement[32] | u16 clause
 *   otherwise:      text subject
 */

void news_write(struct builder *b, const struct news *n)
{
	build_u64(b, n->number);
	build_u8(b, (uint8_t)n->type);
	piped_bool_write(b, n->of_exchange);
	if (!n->of_exchange) {
		piped_text_write(b, n->subject);
		return;
	}
	build_copy(b, n->mid, MID_SIZE);
	piped_bool_write(b, n->ours);
	build_copy(b, n->agreement.b, HASH_SIZE);
	build_u16(b, n->clause);
}

static enum news_type type_read(struct cursor *c)
{
	uint8_t type = cursor_u8(c);

	if (type < NEWS_TYPES)
		return (enum news_type)type;
	cursor_fail(c, ERR_MALFORMED);
	return NEWS_LOST;
}

enum err news_read(struct cursor *c, struct news *out)
{
	struct news n = {.number = cursor_u64(c)};

	n.type = type_read(c);
	n.of_exchange = piped_bool_read(c);
	if (n.of_exchange) {
		cursor_copy(c, n.mid, MID_SIZE);
		n.ours = piped_bool_read(c);
		cursor_copy(c, n.agreement.b, HASH_SIZE);
		n.clause = cursor_u16(c);
	} else {
		piped_text_read(c, n.subject, sizeof n.subject);
	}
	if (cursor_err(c) != ERR_OK)
		return cursor_err(c);
	*out = n;
	return ERR_OK;
}
