/* hook_post.c: one event on its way to one webhook. */
#include "gateway/hook.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include <event2/buffer.h>

#include "crypto/keyed.h"
#include "gateway/events.h"

#define WAIT_FIRST_MS	    1000
#define WAIT_MOST_MS	    300000
#define RESOLVE_AGAIN_AFTER 10 /* failed attempts, after which a host name is looked up again: some minutes */
#define UNRESOLVED_AGAIN    4  /* the same when it had no address at all */

/* ---- signing ---- */

void hook_sign(struct bytes secret, uint64_t seconds, struct bytes body, char out[HOOK_SIGNATURE_TEXT + 1])
{
	char hex[2 * HASH_SIZE + 1], time[24];

	(void)snprintf(time, sizeof time, "%" PRIu64, seconds);
	struct bytes pieces[] = {bytes_text(time), bytes_text("."), body};
	struct hash  mac = keyed_mac(secret, pieces, COUNT_OF(pieces));
	hex_write(mac.b, HASH_SIZE, hex);
	(void)snprintf(out, HOOK_SIGNATURE_TEXT + 1, "t=%s,v1=%s", time, hex);
}

/* ---- when it did not take it ---- */

static void say_failure(struct hook *h, const char *why)
{
	if (strcmp(h->said, why) == 0)
		return;
	(void)snprintf(h->said, sizeof h->said, "%s", why);
	journal(LEVEL_WARNING, "webhook-failing", "webhook %u at %s: %s; it is tried again, up to every %u s", h->number + 1, h->authority, why,
		WAIT_MOST_MS / 1000);
}

/* Names are looked up before the promise; so looking one up again takes a new process. */
static void resolve_again(struct hook *h)
{
	if (!h->host_is_name || h->failures < (h->address[0] != '\0' ? RESOLVE_AGAIN_AFTER : UNRESOLVED_AGAIN))
		return;
	journal(LEVEL_INFO, "resolve", "starting again to look up %s", h->authority);
	process_leave(h->all->process, EXIT_TROUBLE);
}

static void attempt_failed(struct hook *h, const char *why)
{
	say_failure(h, why);
	h->failures++;
	h->wait_ms = h->wait_ms == 0 ? WAIT_FIRST_MS : h->wait_ms * 2 > WAIT_MOST_MS ? WAIT_MOST_MS : h->wait_ms * 2;
	hook_timer_set(h->again, h->wait_ms);
	resolve_again(h);
}

static void taken(struct hook *h)
{
	const struct news *news = &h->queue[h->at];

	if (h->said[0] != '\0')
		journal(LEVEL_INFO, "webhook-back", "webhook %u at %s takes events again", h->number + 1, h->authority);
	if (news->type == NEWS_LOST)
		journal(LEVEL_WARNING, "webhook-lost", "webhook %u at %s was told that events it had not taken are no longer held", h->number + 1,
			h->authority);
	h->said[0] = '\0';
	h->wait_ms = h->failures = 0;
	h->told = news->number;
	h->at++;
}

static void on_answer(struct evhttp_request *request, void *arg)
{
	struct hook *h = arg;
	int	     status = request != NULL ? evhttp_request_get_response_code(request) : 0;
	char	     why[64] = "nobody answers there";

	h->sending = false;
	if (status >= 200 && status < 300) {
		taken(h);
		hook_turn(h);
		return;
	}
	if (status != 0)
		(void)snprintf(why, sizeof why, "it answered with status %d", status);
	attempt_failed(h, why);
}

/* ---- the request ---- */

static struct evhttp_request *request_make(struct hook *h, const struct news *news, struct bytes body)
{
	struct evhttp_request *request = evhttp_request_new(on_answer, h);
	char		       id[NEWS_ID_TEXT + 1], signature[HOOK_SIGNATURE_TEXT + 1];

	if (request == NULL)
		return NULL;
	struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
	news_id_write(news->number, id);
	hook_sign(bytes_text(h->secret), (uint64_t)time(NULL), body, signature);
	if (evhttp_add_header(headers, "Host", h->authority) == 0 && evhttp_add_header(headers, "Content-Type", "application/json") == 0 &&
	    evhttp_add_header(headers, "User-Agent", "mithaq/" MITHAQ_VERSION) == 0 && evhttp_add_header(headers, "Mithaq-Event", id) == 0 &&
	    evhttp_add_header(headers, "Mithaq-Signature", signature) == 0 &&
	    evbuffer_add(evhttp_request_get_output_buffer(request), body.at, body.n) == 0)
		return request;
	evhttp_request_free(request);
	return NULL;
}

static bool request_send(struct hook *h, const struct news *news)
{
	struct buffer	       body = {.most = EVENT_JSON_MOST};
	struct json_writer     w = json_writer_on(&body);
	struct evhttp_request *request = NULL;

	event_json(&w, news);
	if (w.err == ERR_OK)
		request = request_make(h, news, buffer_bytes(&body));
	buffer_done(&body);
	/* The connection owns the request from here, also when it fails. */
	return request != NULL && evhttp_make_request(h->connection, request, EVHTTP_REQ_POST, h->target) == 0;
}

void hook_post(struct hook *h)
{
	if (h->connection == NULL) {
		attempt_failed(h, "its name has no address");
		return;
	}
	h->sending = true;
	if (request_send(h, &h->queue[h->at]))
		return;
	h->sending = false;
	attempt_failed(h, "no connection could be made");
}
