/*
 * doctor_partner.c: towards one partner, from the bottom up: name, TCP, TLS, pin, clock,
 * agreement. The first layer that fails is the one to mend; those above it say nothing.
 *
 * When the running gateway has a session with this partner that session is the proof:
 * a second one in our name would take its place. Otherwise we dial as the gateway does.
 */
#include "cli/doctor.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "cli/ask.h"
#include "net/link_tls.h"
#include "proc/files.h"

#define DIAL_MOST_MS	 5000
#define CERTIFICATE_MOST 16384
#define SKEW_NOTE_MS	 60000
#define SKEW_BAD_MS	 300000 /* CHANNEL_SKEW_MS */

static const struct check name_check_row = {"name", "الاسم"}, tcp_check = {"TCP", "TCP"}, tls_check = {"TLS 1.3", "TLS 1.3"},
			  pin_check = {"pin", "البصمة"}, clock_check = {"clock", "الساعة"}, agreement_check = {"agreement", "الاتفاق"},
			  card_check = {"card", "البطاقة"};

struct dialling {
	struct doctor	       *d;
	struct home	       *h;
	const struct card      *card;
	const char	       *address;
	char			host[CONFIG_ADDRESS_MOST];
	uint16_t		port;
	struct sockaddr_storage at;
	socklen_t		n;
};

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* ---- card ---- */

static void card_look(struct doctor *d, const struct card *card)
{
	int32_t today = (int32_t)(now_ms() / 86400000);
	char	until[11];

	date_write(card->until_day, until);
	doctor_say(d, &card_check,
		   today > card->until_day	  ? GRADE_BAD
		   : card->until_day - today < 30 ? GRADE_NOTE
						  : GRADE_OK,
		   cli_text(d->cli, "the partner writes one with the next serial: `mithaq key rotate`, then `mithaq partner add` here",
			    "يكتب الشريك بطاقة بالرقم التالي: «mithaq key rotate»، ثم «mithaq partner add» هنا"),
		   cli_text(d->cli, "serial %llu, valid until %s", "الرقم %llu، صالحة حتى %s"), (unsigned long long)card->serial, until);
}

/* ---- name ---- */

static bool name_look(struct dialling *t)
{
	struct addrinfo	 hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	struct addrinfo *found = NULL;
	char		 service[8], number[INET6_ADDRSTRLEN + 1] = "";

	if (address_split(t->address, t->host, &t->port) != ERR_OK)
		return false;
	snprintf(service, sizeof service, "%u", t->port);
	int failed = getaddrinfo(t->host, service, &hints, &found);
	if (failed != 0 || found == NULL || found->ai_addrlen > sizeof t->at) {
		doctor_say(t->d, &name_check_row, GRADE_BAD,
			   cli_text(t->d->cli, "is the name right in mithaq.yaml? does this machine reach its name server?",
				    "هل الاسم صحيح في mithaq.yaml؟ وهل يصل هذا الجهاز إلى خادم الأسماء؟"),
			   "%s: %s", t->host, failed != 0 ? gai_strerror(failed) : "-");
		return false;
	}
	memcpy(&t->at, found->ai_addr, found->ai_addrlen);
	t->n = found->ai_addrlen;
	(void)getnameinfo(found->ai_addr, found->ai_addrlen, number, sizeof number, NULL, 0, NI_NUMERICHOST);
	freeaddrinfo(found);
	doctor_say(t->d, &name_check_row, GRADE_OK, NULL, "%s -> %s", t->host, number);
	return true;
}

/* ---- TCP ---- */

/* 0, or errno. */
static int connect_timed(const struct dialling *t, uint64_t *took_us)
{
	uint64_t  begun = now_us();
	int	  fd = socket(t->at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int	  why = 0;
	socklen_t n = sizeof why;

	if (fd < 0)
		return errno;
	if (connect(fd, (const struct sockaddr *)&t->at, t->n) != 0 && errno != EINPROGRESS) {
		why = errno;
		close(fd);
		return why;
	}
	struct pollfd wait = {.fd = fd, .events = POLLOUT};
	int	      ready = poll(&wait, 1, DIAL_MOST_MS);
	if (ready != 1)
		why = ETIMEDOUT;
	else
		(void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &n);
	close(fd);
	*took_us = now_us() - begun;
	return why;
}

static const char *tcp_help(const struct dialling *t, int why)
{
	if (why == ECONNREFUSED)
		return cli_text(t->d->cli,
				"the machine is there and nobody listens at that port: is the partner's gateway running, is the port right?",
				"الجهاز موجود ولا أحد يستمع على المنفذ: هل بوابة الشريك تعمل وهل المنفذ صحيح؟");
	if (why == ETIMEDOUT)
		return cli_text(t->d->cli, "nothing comes back: a firewall on either side drops it, or the machine is off",
				"لا شيء يعود: جدار ناري في أحد الطرفين يسقطه، أو الجهاز متوقف");
	return cli_text(t->d->cli, "no route: ask your network's people", "لا مسار إليه: اسأل مسؤولي الشبكة");
}

static bool tcp_look(struct dialling *t)
{
	uint64_t took = 0;
	int	 why = connect_timed(t, &took);

	if (why != 0)
		doctor_say(t->d, &tcp_check, GRADE_BAD, tcp_help(t, why), "%u: %s", t->port, strerror(why));
	else
		doctor_say(t->d, &tcp_check, GRADE_OK, NULL, cli_text(t->d->cli, "port %u in %.1f ms", "المنفذ %u خلال %.1f مللي ثانية"), t->port,
			   (double)took / 1000);
	return why == 0;
}

/* ---- TLS and pin ---- */

struct handshake {
	struct event_base  *base;
	struct bufferevent *socket;
	enum err	    result;
	bool		    done;
	char		    why[LINK_WHY_MOST];
	struct hash	    shown;
};

/* A handshake that failed after the partner chose our protocol and showed a certificate failed for its pin, or because it did not like ours. */
static void handshake_event(struct bufferevent *socket, short what, void *arg)
{
	struct handshake *s = arg;
	enum err	  e = link_tls_check(socket);

	s->done = true;
	s->result = (what & BEV_EVENT_CONNECTED) != 0 || e == ERR_PIN ? e : ERR_TLS;
	if (s->result != ERR_OK)
		link_tls_why(socket, what, s->why);
	else if (!link_tls_shown(socket, &s->shown))
		s->result = ERR_PIN;
	(void)event_base_loopbreak(s->base);
}

static void handshake_run(const struct dialling *t, struct link_tls *tls, struct handshake *s)
{
	struct timeval wait = {.tv_sec = DIAL_MOST_MS / 1000};

	s->base = event_base_new();
	s->socket = s->base != NULL ? link_tls_dial(tls, s->base) : NULL;
	if (s->socket == NULL) {
		s->result = ERR_MEMORY;
		return;
	}
	bufferevent_setcb(s->socket, NULL, NULL, handshake_event, s);
	(void)bufferevent_enable(s->socket, EV_READ | EV_WRITE);
	if (bufferevent_socket_connect(s->socket, (const struct sockaddr *)&t->at, (int)t->n) == 0) {
		(void)event_base_loopexit(s->base, &wait);
		(void)event_base_dispatch(s->base);
	}
	if (!s->done) {
		s->result = ERR_TLS;
		snprintf(s->why, sizeof s->why, "no handshake within %d s", DIAL_MOST_MS / 1000);
	}
}

static void handshake_done(struct handshake *s)
{
	if (s->socket != NULL)
		bufferevent_free(s->socket);
	if (s->base != NULL)
		event_base_free(s->base);
}

static void pin_short(const struct hash *pin, char out[16])
{
	char hex[2 * HASH_SIZE + 1];

	hex_write(pin->b, HASH_SIZE, hex);
	snprintf(out, 16, "%.4s..%.2s", hex, hex + 2 * HASH_SIZE - 2);
}

static void say_handshake(struct dialling *t, const struct handshake *s)
{
	char shown[16], ours[16];

	if (s->result == ERR_OK) {
		pin_short(&s->shown, shown);
		pin_short(&t->card->tls[0], ours);
		doctor_say(t->d, &tls_check, GRADE_OK, NULL, "ALPN " LINK_ALPN);
		doctor_say(t->d, &pin_check, GRADE_OK, NULL,
			   cli_text(t->d->cli, "their card says %s%s, their server showed %s", "بطاقتهم تذكر %s%s، وعرض خادمهم %s"), ours,
			   t->card->ntls > 1 ? ", ..." : "", shown);
	} else if (s->result == ERR_PIN) {
		doctor_say(t->d, &tls_check, GRADE_OK, NULL, "%s", cli_text(t->d->cli, "somebody answers", "هناك من يجيب"));
		doctor_say(t->d, &pin_check, GRADE_BAD,
			   cli_text(t->d->cli, "ask the partner for its newest card, by a way you trust; if it has none, somebody else answers there",
				    "اطلب من الشريك أحدث بطاقة بطريق موثوق؛ فإن لم تكن لديه فالمجيب غيره"),
			   "%s", s->why);
	} else {
		doctor_say(t->d, &tls_check, GRADE_BAD,
			   cli_text(t->d->cli, "does the partner hold our newest card? does something between us open TLS?",
				    "هل لدى الشريك أحدث بطاقة لنا؟ وهل بيننا ما يفتح TLS؟"),
			   "%s", s->why);
	}
}

static enum err identity_read(const struct home *h, struct sign_key *key, struct buffer *certificate, struct fault *fault)
{
	char	 path[CONFIG_PATH_MOST];
	enum err e = config_path(&h->config, "keys/tls.key", path);

	if (e == ERR_OK)
		e = key_file_read(path, key, fault);
	if (e == ERR_OK)
		e = config_path(&h->config, "keys/tls.pem", path);
	return e == ERR_OK ? file_read(path, certificate) : e;
}

static bool tls_look(struct dialling *t)
{
	scoped(buffer_done) struct buffer certificate = {.most = CERTIFICATE_MOST};
	struct sign_key			  key = {.secret = {0}};
	struct fault			  fault = {0};
	struct link_tls			 *tls = NULL;
	struct handshake		  s = {.result = ERR_TLS};
	enum err			  e = identity_read(t->h, &key, &certificate, &fault);

	if (e == ERR_OK)
		e = link_tls_new(&key, buffer_bytes(&certificate), t->card->tls, t->card->ntls, &tls);
	sign_key_done(&key);
	if (e != ERR_OK) {
		doctor_say(t->d, &tls_check, GRADE_BAD,
			   cli_text(t->d->cli, "`mithaq config check` looks at our own keys", "يفحص «mithaq config check» مفاتيحنا"),
			   "keys/tls.key: %s", err_text(e, t->d->cli->lang));
		return false;
	}
	handshake_run(t, tls, &s);
	say_handshake(t, &s);
	handshake_done(&s);
	link_tls_free(tls);
	return s.result == ERR_OK;
}

/* ---- what the running gateway says ---- */

static json_t *partner_status(struct doctor *d, const char *name, struct reply *r)
{
	struct http_question q = {.method = "GET", .target = "/v1/status", .patience_s = 10};
	struct cli	     quiet = *d->cli;
	FILE		    *nowhere = fopen("/dev/null", "we");
	size_t		     index;
	json_t		    *p;

	if (nowhere == NULL)
		return NULL;
	quiet.complain = quiet.out = nowhere;
	int code = ask_gateway(&quiet, &q, NULL, r);
	fclose(nowhere);
	if (code != EXIT_DONE)
		return NULL;
	json_array_foreach(json_object_get(r->json, "partners"), index, p) if (strcmp(reply_text(p, "name"), name) == 0) return p;
	reply_done(r);
	return NULL;
}

static void clock_look(struct doctor *d, const json_t *partner)
{
	const json_t *skew = json_object_get(partner, "clock_skew_ms");
	json_int_t    ms = json_integer_value(skew);

	if (!json_is_integer(skew))
		return;
	json_int_t off = ms < 0 ? -ms : ms;
	doctor_say(d, &clock_check,
		   off >= SKEW_BAD_MS	 ? GRADE_BAD
		   : off >= SKEW_NOTE_MS ? GRADE_NOTE
					 : GRADE_OK,
		   cli_text(d->cli, "at 5 minutes every question is refused: which of the two clocks is wrong?",
			    "عند 5 دقائق يُرفض كل سؤال: أي الساعتين مخطئة؟"),
		   ms < 0 ? cli_text(d->cli, "theirs is %.1f s behind", "ساعتهم متأخرة %.1f ثانية")
			  : cli_text(d->cli, "theirs is %.1f s ahead", "ساعتهم متقدمة %.1f ثانية"),
		   (double)off / 1000);
}

/* ---- agreement ---- */

static void agreement_look(struct doctor *d, const struct home *h, const char *partner, const json_t *status)
{
	int32_t	 today = (int32_t)(now_ms() / 86400000);
	unsigned held = 0, now = 0;

	for (unsigned i = 0; i < h->papers.nagreements; i++) {
		const struct agreement *a = h->papers.agreement[i];

		if (agreement_party(a, bytes_text(partner)) < 0)
			continue;
		held++;
		now += a->from_day <= today && today <= a->until_day;
	}
	const json_t *both = json_object_get(status, "in_force");
	if (held == 0)
		doctor_say(d, &agreement_check, GRADE_BAD, "`mithaq agreement activate FILE`", "%s",
			   cli_text(d->cli, "none is held here", "لا شيء محفوظ هنا"));
	else if (now == 0)
		doctor_say(d, &agreement_check, GRADE_BAD, "`mithaq agreement list`",
			   cli_text(d->cli, "%u held here, none of them for today", "%u محفوظ هنا، وليس منها نافذ اليوم"), held);
	else if (json_is_integer(both))
		doctor_say(d, &agreement_check, json_integer_value(both) > 0 ? GRADE_OK : GRADE_BAD,
			   cli_text(d->cli, "the partner has not activated the same text: compare `mithaq agreement list` on both sides",
				    "لم يُنفذ الشريك النص نفسه: قارن «mithaq agreement list» عند الطرفين"),
			   cli_text(d->cli, "%u for today here, %lld in force on both sides", "%u لليوم هنا، و%lld نافذ عند الطرفين"), now,
			   (long long)json_integer_value(both));
	else
		doctor_say(d, &agreement_check, GRADE_OK, NULL,
			   cli_text(d->cli, "%u for today here; both sides are compared once linked", "%u لليوم هنا؛ يقارن الطرفان عند الاتصال"),
			   now);
}

/* ---- the whole ---- */

static const struct config_partner *configured(const struct home *h, const char *name)
{
	for (unsigned i = 0; i < h->config.npartners; i++)
		if (strcmp(h->config.partner[i].name, name) == 0)
			return &h->config.partner[i];
	return NULL;
}

static void session_look(struct doctor *d, const json_t *status)
{
	static const struct check check = {"session", "الجلسة"};

	doctor_say(d, &check, GRADE_OK, NULL,
		   cli_text(d->cli, "up since %s: name, TCP, TLS and pin are good", "قائمة منذ %s: الاسم وTCP وTLS والبصمة سليمة"),
		   reply_text(status, "since"));
	clock_look(d, status);
}

static bool layers_look(struct doctor *d, struct home *h, const struct config_partner *p, const struct card *card)
{
	struct dialling t = {.d = d, .h = h, .card = card, .address = p->dial};

	if (p->dial == NULL) {
		doctor_say(d, &tcp_check, GRADE_NOTE, cli_text(d->cli, "run the same command on the partner's side", "شغّل الأمر نفسه عند الشريك"),
			   cli_text(d->cli, "we do not dial them: they dial %s", "لا نتصل بهم: هم يتصلون على %s"),
			   p->listen != NULL ? p->listen : "-");
		return false;
	}
	return name_look(&t) && tcp_look(&t) && tls_look(&t);
}

void doctor_partner(struct doctor *d, struct home *h, const char *name)
{
	const struct config_partner *p = configured(h, name);
	const struct card	    *card = papers_card(&h->papers, name);
	struct reply		     r = {0};

	if (card == NULL || p == NULL) {
		doctor_say(d, &card_check, GRADE_BAD, "`mithaq partner add CARD HOST:PORT`", "%s: %s", name,
			   card == NULL ? cli_text(d->cli, "its card is not held here", "بطاقته ليست محفوظة هنا")
					: cli_text(d->cli, "it is not in mithaq.yaml", "ليس في mithaq.yaml"));
		return;
	}
	card_look(d, card);
	const json_t *status = partner_status(d, name, &r);
	bool	      up = json_is_true(json_object_get(status, "connected"));
	if (up)
		session_look(d, status);
	if (up || layers_look(d, h, p, card))
		agreement_look(d, h, name, status);
	if (status != NULL)
		reply_done(&r);
}
