#include "gateway/events.h"

#include <stdio.h>

#include "base/text.h"

/* Where more is to be read about what has no address of its own. */
static const char *subject_address(enum news_type type)
{
	return type == NEWS_AGREEMENT_IN_FORCE ? "/v1/clauses" : "/v1/status";
}

static void object_json(struct json_writer *w, const struct news *news)
{
	char id[29], address[48];

	json_member_open(w, "object", '{');
	if (news->of_exchange) {
		exchange_id_write(news->mid, id);
		snprintf(address, sizeof address, "/v1/queries/%s", id);
	}
	json_member(w, "id", news->of_exchange ? id : news->subject);
	json_member(w, "href", news->of_exchange ? address : subject_address(news->type));
	json_close(w, '}');
}

void event_json(struct json_writer *w, const struct news *news)
{
	char id[NEWS_ID_TEXT + 1], at[25];

	news_id_write(news->number, id);
	time_write(news_time_ms(news->number), at);
	json_open(w, '{');
	json_member(w, "id", id);
	json_member(w, "type", news_type_name(news->type));
	json_member(w, "at", at);
	if (news->type == NEWS_LOST)
		json_member(w, "object", NULL);
	else
		object_json(w, news);
	json_close(w, '}');
}
