/*
 * core_house.c: what the gateway answers itself under the connection agreement, without any source of answers: it is
 * there (ping), it has noted what was told (notices), who may ask in its name (officer-list). What was
 * asked and answered stands in both ledgers, as under any other clause.
 */
#include "agreement/connection.h"
#include "gateway/core.h"
#include "proc/files.h"

#define OFFICERS_FILE "officers"

struct house_answer {
	struct core_channel   *channel;
	uint64_t	       ticket;
	enum connection_clause what;
	uint8_t		       mid[MID_SIZE]; /* of the question */
};

/* The list is text that a person put into the home; a gateway without one has none to show. */
void core_house_read(struct core *c)
{
	char path[CONFIG_PATH_MOST];

	c->officers.most = CORE_OFFICERS_MOST;
	if (config_path(c->process->config, OFFICERS_FILE, path) != ERR_OK || file_read(path, &c->officers) != ERR_OK)
		return;
	while (c->officers.n > 0 && c->officers.at[c->officers.n - 1] == '\n')
		c->officers.n--;
	if (text_check(buffer_bytes(&c->officers), TEXT_LINES) == ERR_OK)
		return;
	journal(LEVEL_WARNING, "officers", "%s is not plain text, and is not shown to partners", path);
	c->officers.n = 0;
}

/* Takes the question on when it is the house's. The channel is in the middle of a step: it is answered when the turn begins. */
bool core_house_ask(struct core *c, struct core_channel *ch, const struct duty *d)
{
	struct house_answer  answer = {.channel = ch, .ticket = d->lookup.ticket};
	const struct clause *clause = agreement_clause(d->lookup.agreement, d->lookup.clause);

	if (strcmp(ch->name, CONNECTION_CHANNEL) != 0 || clause == NULL || !connection_clause_read(d->lookup.agreement, clause, &answer.what))
		return false;
	memcpy(answer.mid, d->lookup.mid, MID_SIZE);
	c->house.most = CORE_OUT_MOST;
	if (buffer_add(&c->house, bytes_of(&answer, sizeof answer)) != ERR_OK)
		return false;
	process_again(c->process);
	return true;
}

/* ---- answers ---- */

static void field_put(struct fields *f, const char *name, struct bytes value)
{
	if (fields_add(f, bytes_text(name), value) != ERR_OK)
		f->n = 0;
}

static void answer_step(struct core *c, const struct house_answer *a)
{
	char		     now[25];
	struct fields	     found = {0};
	struct channel_event event = {.type = EVENT_FOUND, .found = {.ticket = a->ticket, .outcome = FOUND_HIT, .fields = &found}};

	switch (a->what) {
	case CONNECTION_PING:
		time_write(c->now_ms, now);
		field_put(&found, "at", bytes_text(now));
		break;
	case CONNECTION_OUTAGE:
	case CONNECTION_INCIDENT:
		journal(LEVEL_WARNING, "partner-notice", "%s gives notice of %s: it stands in the ledger", a->channel->partner->name,
			a->what == CONNECTION_OUTAGE ? "an outage" : "an incident");
		core_news_mid(c, a->what == CONNECTION_OUTAGE ? NEWS_NOTICE_OUTAGE : NEWS_NOTICE_INCIDENT, a->mid, false);
		field_put(&found, "noted", bytes_text("yes"));
		break;
	case CONNECTION_OFFICERS:
		if (c->officers.n > 0)
			field_put(&found, "officers", buffer_bytes(&c->officers));
		else
			event.found.outcome = FOUND_NO_HIT;
		break;
	}
	core_step(c, a->channel, &event);
}

/* A step may lead to another question, which is taken on behind these. */
void core_house_answer(struct core *c)
{
	struct house_answer a;

	for (size_t at = 0; at + sizeof a <= c->house.n && !c->stopped; at += sizeof a) {
		memcpy(&a, c->house.at + at, sizeof a);
		answer_step(c, &a);
	}
	c->house.n = 0;
}
