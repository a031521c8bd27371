/*
 * desk_events.c: GET /v1/events, as a stream of server-sent events or as one answer that waits.
 *
 * Whoever follows has a place in the numbers and is told what comes after it. The core says
 * that there is more, the reader is asked once for all who stand at the same place, one
 * question at a time: nobody polls, and nothing is kept here for a follower but its place.
 * One that takes what it is given too slowly is given nothing more, and closed when that
 * lasts; it comes back with Last-Event-ID and has lost nothing.
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "gateway/desk.h"
#include "gateway/events.h"
#include "net/http.h"

#define FEED_TICK_MS	    250
#define FOLLOWERS_EACH	    16	  /* of one account */
#define FOLLOWER_QUEUE_MOST 65536 /* bytes it has not taken, above which it is given nothing more ... */
#define FOLLOWER_SLOW_MS    20000 /* ... and is closed when it stays so */
#define HEARTBEAT_MS	    15000 /* a stream that has nothing to say says so */
#define READER_PATIENCE_MS  5000  /* a question the reader has not answered is asked again */
#define TYPES_TEXT_MOST	    400
#define STREAM_RETRY	    "retry: 1000\n" /* how soon a browser comes back, in milliseconds */

/* ---- the set of followers ---- */

static struct follower *follower_free(struct feed *feed)
{
	for (unsigned i = 0; i < FOLLOWERS_MOST; i++)
		if (feed->follower[i].request == NULL)
			return &feed->follower[i];
	return NULL;
}

static void follower_end(struct desk *d, struct follower *f)
{
	f->request = NULL;
	if (--d->feed.nfollowers == 0)
		event_del(d->feed.tick);
}

/* The request of a client that went away is nobody's but ours; its connection was freed without it. */
static void follower_gone(struct desk *d, struct follower *f)
{
	struct evhttp_request *request = f->request;

	follower_end(d, f);
	evhttp_request_free(request);
}

void feed_gone(struct desk *d, const struct evhttp_connection *connection)
{
	for (unsigned i = 0; i < FOLLOWERS_MOST && d->feed.nfollowers > 0; i++) {
		struct follower *f = &d->feed.follower[i];

		if (f->request == NULL)
			continue;
		if (evhttp_request_get_connection(f->request) == connection)
			follower_end(d, f); /* freed with its connection */
		else if (evhttp_request_get_connection(f->request) == NULL)
			follower_gone(d, f);
	}
}

static size_t untaken(const struct follower *f)
{
	struct evhttp_connection *connection = evhttp_request_get_connection(f->request);

	return connection == NULL ? 0 : evbuffer_get_length(bufferevent_get_output(evhttp_connection_get_bufferevent(connection)));
}

static void drained(struct evhttp_connection *connection, void *arg)
{
	(void)connection;
	feed_ask(arg);
}

/* What stands in d->out, as one chunk. */
static void stream_send(struct desk *d, struct follower *f)
{
	struct evbuffer *chunk = evbuffer_new();

	if (chunk != NULL && d->out.n > 0 && evbuffer_add(chunk, d->out.at, d->out.n) == 0)
		evhttp_send_reply_chunk_with_cb(f->request, chunk, drained, d);
	if (chunk != NULL)
		evbuffer_free(chunk);
	f->said_ms = desk_clock_ms();
}

static void stream_close(struct desk *d, struct follower *f)
{
	struct evhttp_request *request = f->request;

	follower_end(d, f);
	evhttp_send_reply_end(request);
}

/* An id alone moves Last-Event-ID at the client and is no event to it. */
static void place_say(struct desk *d, struct follower *f, const char *before)
{
	char id[NEWS_ID_TEXT + 1];

	news_id_write(f->after, id);
	d->out.n = 0;
	if (buffer_format(&d->out, "%sid: %s\n\n", before, id) == ERR_OK)
		stream_send(d, f);
}

/* ---- what a follower may be told ---- */

static bool sees(const struct desk *d, const struct token *token, const struct news *news)
{
	if (news->type == NEWS_LOST || strcmp(token->clauses, "*") == 0)
		return true;
	return news->of_exchange && desk_token_sees(d, token, &news->agreement, news->clause);
}

static bool wanted(const struct desk *d, const struct follower *f, const struct token *token, const struct news *news)
{
	return (f->types & news_bit(news->type)) != 0 && sees(d, token, news);
}

static bool stream_event(struct desk *d, const struct news *news)
{
	char id[NEWS_ID_TEXT + 1];

	news_id_write(news->number, id);
	if (buffer_format(&d->out, "id: %s\nevent: %s\ndata: ", id, news_type_name(news->type)) != ERR_OK)
		return false;
	struct json_writer w = json_writer_on(&d->out);
	event_json(&w, news);
	return w.err == ERR_OK && buffer_format(&d->out, "\n\n") == ERR_OK;
}

static void stream_tell(struct desk *d, struct follower *f, const struct token *token, const struct feed_answer *a)
{
	bool whole = true;

	d->out.n = 0;
	for (unsigned i = 0; i < a->n && whole; i++)
		if (wanted(d, f, token, &a->news[i]))
			whole = stream_event(d, &a->news[i]);
	if (!whole)
		stream_close(d, f); /* no memory for it now: it comes back */
	else if (d->out.n > 0)
		stream_send(d, f);
}

/* {"data": [...], "next": "e_..."} */
static void answer_tell(struct desk *d, struct follower *f, const struct token *token, const struct feed_answer *a)
{
	struct json_writer     w = desk_json(d);
	char		       next[NEWS_ID_TEXT + 1];
	struct evhttp_request *request = f->request;
	enum lang	       lang = f->lang;

	json_open(&w, '{');
	json_member_open(&w, "data", '[');
	for (unsigned i = 0; a != NULL && i < a->n; i++)
		if (wanted(d, f, token, &a->news[i]))
			event_json(&w, &a->news[i]);
	json_close(&w, ']');
	news_id_write(f->after, next);
	json_member(&w, "next", next);
	json_close(&w, '}');
	follower_end(d, f);
	desk_json_send(d, request, lang, 200, &w);
}

static bool has_some(const struct desk *d, const struct follower *f, const struct token *token, const struct feed_answer *a)
{
	for (unsigned i = 0; i < a->n; i++)
		if (wanted(d, f, token, &a->news[i]))
			return true;
	return false;
}

/* Its token may have been revoked since it came. */
static void follower_tell(struct desk *d, struct follower *f, const struct feed_answer *a)
{
	const struct token *token = desk_token(d, &f->token);
	bool		    placed = f->after == NEWS_NOW;

	if (token == NULL)
		return; /* the tick ends it */
	f->after = a->next;
	f->fresh = a->more;
	f->looked = d->feed.asked_newest;
	if (f->stream && placed)
		place_say(d, f, STREAM_RETRY);
	else if (f->stream)
		stream_tell(d, f, token, a);
	else if (has_some(d, f, token, a) || (!a->more && f->deadline_ms == 0))
		answer_tell(d, f, token, a);
}

/* ---- the reader ---- */

static bool is_behind(const struct desk *d, const struct follower *f)
{
	return f->request != NULL && evhttp_request_get_connection(f->request) != NULL && (f->fresh || f->looked != d->feed.newest) &&
	       untaken(f) <= FOLLOWER_QUEUE_MOST;
}

static void events_ask(struct desk *d, uint64_t after)
{
	uint8_t	       memory[16];
	struct builder b = builder_on(memory, sizeof memory);

	build_u32(&b, ++d->feed.ticket);
	build_u64(&b, after);
	build_u32(&b, NEWS_ALL);
	if (pipe_send(d->reader, READER_EVENTS, builder_bytes(&b), -1) != ERR_OK)
		return;
	d->feed.asked = true;
	d->feed.asked_after = after;
	d->feed.asked_newest = d->feed.newest;
	d->feed.asked_ms = desk_clock_ms();
}

/* One question at a time, each time for the next who is behind and all who stand where it stands. */
void feed_ask(struct desk *d)
{
	struct feed *feed = &d->feed;

	if (feed->asked || !d->reader_up || feed->nfollowers == 0)
		return;
	for (unsigned i = 1; i <= FOLLOWERS_MOST; i++) {
		unsigned next = (feed->turn + i) % FOLLOWERS_MOST;

		if (!is_behind(d, &feed->follower[next]))
			continue;
		feed->turn = next;
		events_ask(d, feed->follower[next].after);
		return;
	}
}

static enum err answer_read(struct cursor *c, struct feed_answer *out)
{
	out->next = cursor_u64(c);
	out->more = piped_bool_read(c);
	out->n = cursor_u16(c);
	if (out->n > READER_EVENTS_MOST || out->next > INT64_MAX)
		return ERR_MALFORMED;
	for (unsigned i = 0; i < out->n; i++)
		if (news_read(c, &out->news[i]) != ERR_OK)
			return ERR_MALFORMED;
	return cursor_end(c);
}

void desk_on_events(struct desk *d, struct bytes payload)
{
	static struct feed_answer answer; /* large; one is read at a time */
	struct feed		 *feed = &d->feed;
	struct cursor		  c = cursor_on(payload);

	if (cursor_u32(&c) != feed->ticket || !feed->asked)
		return;
	feed->asked = false;
	if (answer_read(&c, &answer) != ERR_OK) {
		journal(LEVEL_ERROR, "pipe", "the reader's READER_EVENTS_ARE does not read");
		return; /* the tick asks again */
	}
	for (unsigned i = 0; i < FOLLOWERS_MOST; i++)
		if (feed->follower[i].after == feed->asked_after && is_behind(d, &feed->follower[i]))
			follower_tell(d, &feed->follower[i], &answer);
	feed_ask(d);
}

/* The tick asks again. */
void desk_on_events_failed(struct desk *d, struct bytes payload)
{
	struct cursor c = cursor_on(payload);

	if (cursor_u32(&c) == d->feed.ticket)
		d->feed.asked = false;
}

void desk_on_news(struct desk *d, struct bytes payload)
{
	struct cursor c = cursor_on(payload);

	d->feed.newest = cursor_u64(&c);
	feed_ask(d);
}

/* A fresh reader knows nothing of what was asked; a fresh core may have written before anybody could be told. */
void feed_again(struct desk *d)
{
	d->feed.asked = false;
	for (unsigned i = 0; i < FOLLOWERS_MOST; i++)
		d->feed.follower[i].fresh = true;
	feed_ask(d);
}

/* ---- time ---- */

static bool is_slow(const struct follower *f, uint64_t now)
{
	return f->stream && f->full_ms != 0 && now - f->full_ms > FOLLOWER_SLOW_MS;
}

static void full_note(struct follower *f, uint64_t now)
{
	size_t left = untaken(f);

	if (left <= FOLLOWER_QUEUE_MOST)
		f->full_ms = 0;
	else if (f->full_ms == 0 || left < f->full_left)
		f->full_ms = now;
	f->full_left = left;
}

static void slow_close(struct desk *d, struct follower *f)
{
	struct evhttp_connection *connection = evhttp_request_get_connection(f->request);

	journal(LEVEL_WARNING, "slow-follower", "a reader of /v1/events took nothing for %u s and is closed; it can go on where it was",
		FOLLOWER_SLOW_MS / 1000);
	follower_end(d, f);
	evhttp_connection_free(connection); /* and the request with it */
}

/* Nothing came within the wait; or the reader does not answer. */
static void answer_due(struct desk *d, struct follower *f)
{
	const struct problem   busy = {.code = "busy", .retry_s = 1};
	struct evhttp_request *request = f->request;
	enum lang	       lang = f->lang;

	if (f->deadline_ms != 0 && f->after != NEWS_NOW) {
		answer_tell(d, f, NULL, NULL);
		return;
	}
	follower_end(d, f);
	desk_problem(d, request, lang, &busy);
}

static void token_lost(struct desk *d, struct follower *f)
{
	const struct problem   revoked = {.code = "token-expired"};
	struct evhttp_request *request = f->request;
	enum lang	       lang = f->lang;

	follower_end(d, f);
	desk_problem(d, request, lang, &revoked);
}

static void follower_tick(struct desk *d, struct follower *f, uint64_t now)
{
	bool token_here = desk_token(d, &f->token) != NULL;

	full_note(f, now);
	if (evhttp_request_get_connection(f->request) == NULL)
		follower_gone(d, f);
	else if (is_slow(f, now))
		slow_close(d, f);
	else if (!token_here && f->stream)
		stream_close(d, f);
	else if (!token_here)
		token_lost(d, f);
	else if (!f->stream && now >= (f->deadline_ms != 0 ? f->deadline_ms : f->said_ms + READER_PATIENCE_MS))
		answer_due(d, f);
	else if (f->stream && now - f->said_ms >= HEARTBEAT_MS && f->after != NEWS_NOW)
		place_say(d, f, ":\n");
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct desk *d = arg;
	uint64_t     now = desk_clock_ms();

	(void)fd;
	(void)what;
	desk_tokens_refresh(d);
	for (unsigned i = 0; i < FOLLOWERS_MOST; i++)
		if (d->feed.follower[i].request != NULL)
			follower_tick(d, &d->feed.follower[i], now);
	if (d->feed.asked && now - d->feed.asked_ms > READER_PATIENCE_MS)
		d->feed.asked = false;
	feed_ask(d);
}

enum err feed_open(struct desk *d)
{
	d->feed.tick = event_new(d->process->base, -1, EV_PERSIST, on_tick, d);
	return d->feed.tick != NULL ? ERR_OK : ERR_MEMORY;
}

void feed_done(struct desk *d)
{
	if (d->feed.tick != NULL)
		event_free(d->feed.tick);
}

/* ---- the request ---- */

static const char *header_of(const struct call *c, const char *name)
{
	return evhttp_find_header(evhttp_request_get_input_headers(c->request), name);
}

static bool refuse(struct call *c, const char *help, const char *help_ar)
{
	struct fault fault;

	fault_at(&fault, ERR_VALUE, 0, "", "", help, help_ar);
	desk_problem_fault(c, "malformed", &fault);
	return false;
}

/* The parameter says it; a browser that comes back says it in a header, which is then the newer. */
static bool after_of(struct call *c, uint64_t *out)
{
	const char  *last = header_of(c, "Last-Event-ID");
	struct bytes text = last != NULL && *last != '\0' ? bytes_text(last) : desk_parameter(c->query, "after");

	*out = NEWS_NOW;
	if (text.n == 0 || news_id_read(text, out) == ERR_OK)
		return true;
	return refuse(c, "after=ID, the id of an event or the \"next\" of an answer",
		      "‏‎after=ID‎ أي معرّف حدث أو ‎\"next\"‎ من جواب سابق");
}

static bool wait_of(struct call *c, uint64_t *out)
{
	struct bytes v = desk_parameter(c->query, "wait");

	*out = 0;
	if (v.n == 0 || (decimal_read(v, out) == ERR_OK && *out <= HTTP_WAIT_MOST))
		return true;
	return refuse(c, "wait=SECONDS, at most 60", "‏‎wait=SECONDS‎، 60 على الأكثر");
}

/* A comma may come as "%2C". */
static bool types_of(struct call *c, uint32_t *out)
{
	struct bytes v = desk_parameter(c->query, "types");
	char	     text[TYPES_TEXT_MOST];
	size_t	     n = 0;

	*out = NEWS_ALL;
	if (v.n == 0)
		return true;
	for (size_t i = 0; i < v.n && n < sizeof text; i++) {
		bool comma = i + 2 < v.n && evutil_ascii_strncasecmp((const char *)v.at + i, "%2c", 3) == 0;

		text[n++] = comma ? ',' : (char)v.at[i];
		i += comma ? 2 : 0;
	}
	if (n < sizeof text && news_types_read(bytes_of(text, n), out) == ERR_OK)
		return true;
	return refuse(c, "types=query.answered,partner.down and the like; /docs has them all",
		      "‏‎types=query.answered,partner.down‎ وما شابه؛ وكلها في ‎/docs‎");
}

static bool wants_stream(const struct call *c)
{
	const char *accept = header_of(c, "Accept");

	if (accept != NULL && strstr(accept, "text/event-stream") != NULL)
		return true;
	return desk_parameter(c->query, "after").n == 0 && desk_parameter(c->query, "wait").n == 0;
}

static unsigned followers_of(const struct desk *d, const struct token *token)
{
	unsigned n = 0;

	for (unsigned i = 0; i < FOLLOWERS_MOST; i++) {
		const struct follower *f = &d->feed.follower[i];
		const struct token    *other = f->request != NULL ? desk_token(d, &f->token) : NULL;

		n += other != NULL && strcmp(other->account, token->account) == 0;
	}
	return n;
}

/* A stream lives long: it may be silent, and what its client sends meanwhile is not gathered. */
static void stream_begin(struct follower *f)
{
	struct bufferevent *socket = evhttp_connection_get_bufferevent(evhttp_request_get_connection(f->request));

	bufferevent_set_timeouts(socket, NULL, NULL);
	bufferevent_setwatermark(socket, EV_READ, 0, HTTP_HEADERS_MOST);
	desk_header(f->request, "Content-Type", "text/event-stream; charset=utf-8");
	desk_header(f->request, "Cache-Control", "no-store");
	desk_header(f->request, "Connection", "close");
	desk_header(f->request, "X-Content-Type-Options", "nosniff");
	evhttp_send_reply_start(f->request, 200, NULL);
}

static void follow(struct call *c, uint64_t after, uint64_t wait_s, uint32_t types)
{
	const struct timeval every = {.tv_usec = FEED_TICK_MS * 1000};
	struct desk	    *d = c->desk;
	uint64_t	     now = desk_clock_ms();
	struct follower	    *f = followers_of(d, c->token) < FOLLOWERS_EACH ? follower_free(&d->feed) : NULL;

	if (f == NULL) {
		desk_problem_code(c, "busy");
		return;
	}
	*f = (struct follower){.request = c->request,
			       .lang = c->lang,
			       .stream = wants_stream(c),
			       .fresh = true,
			       .token = c->token->hash,
			       .types = types,
			       .after = after,
			       .said_ms = now,
			       .deadline_ms = wait_s > 0 ? now + wait_s * 1000 : 0};
	if (d->feed.nfollowers++ == 0)
		event_add(d->feed.tick, &every);
	if (f->stream)
		stream_begin(f);
	feed_ask(d);
}

void desk_events_get(struct call *c)
{
	static const char *const known[] = {"after", "wait", "types"};
	uint64_t		 after, wait_s;
	uint32_t		 types;

	if (desk_parameters_known(c, known, COUNT_OF(known)) && after_of(c, &after) && wait_of(c, &wait_s) && types_of(c, &types))
		follow(c, after, wait_s, types);
}
