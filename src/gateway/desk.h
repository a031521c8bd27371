/*
 * desk.h: the process that local applications and people's tools speak to.
 *
 * One HTTP request is a `struct call` while its handler runs. A handler answers at
 * once, or sends a message to core or reader and leaves a `struct pending` behind,
 * named by its ticket, which the answer from there finishes. The desk keeps no
 * state that matters: what it knows it has from the papers, the core and the reader.
 *
 * desk.c           routes, who may in, the pipes' messages
 * desk_doors.c     the Unix socket, the TCP port, the certificate
 * desk_pending.c   tickets and their deadlines
 * desk_return.c    callers outlive the core and the reader
 * desk_query.c     POST, GET and DELETE /v1/queries, evidence
 * desk_request.c   what partners ask of this house, for a national system that takes and answers it
 * desk_ask.c       the body of a question, read strictly
 * desk_exchange.c  an exchange as JSON
 * desk_problem.c   problems (RFC 9457) and their pages
 * desk_cause.c     why a partner is not there, in Arabic
 * desk_dry.c       a dry run
 * desk_clauses.c   the catalogue
 * desk_schema.c    a clause as JSON Schema
 * desk_openapi.c   the description of the API, whole and of one clause
 * desk_status.c    status, health
 * desk_metrics.c   numbers for those who watch
 * desk_events.c    events: streams, and answers that wait
 * desk_docs.c      the pages for people
 */
#ifndef MITHAQ_GATEWAY_DESK_H
#define MITHAQ_GATEWAY_DESK_H

#include <event2/http.h>

#include "gateway/gateway.h"
#include "net/api_tls.h"
#include "net/json.h"
#include "proc/papers.h"
#include "proc/tokens.h"

#define DESK_PENDING_MOST 4096 /* a power of two: the low bits of a ticket are its slot */
#define DESK_ANSWER_MOST  PIPE_MESSAGE_MOST
#define DESK_BODY_MOST	  (4 * JSON_BODY_MOST) /* read at all; above JSON_BODY_MOST it gets our own 413 */
#define DESK_WAIT_S	  10		       /* Prefer: wait, when not said */
#define DESK_GRACE_MS	  5000		       /* past the wait, for a core that has not even accepted yet */
#define DESK_TICK_MS	  50
#define DESK_AWAIT_MS	  5000 /* for the successor of a core or reader */
#define DESK_KEPT_MOST	  8192 /* a kept message's memory larger than this is given back */
#define DESK_AGAIN_MS	  250  /* a waiting GET asks the reader this often */
#define DESK_IDLE_S	  75   /* a connection that says nothing */
#define DESK_FILES_MOST	  1100 /* descriptors, and so connections */
#define DESK_POINTER_MOST 160

enum asked {
	ASKED_NOTHING, /* the slot is free */
	ASKED_QUERY,
	ASKED_DRY_RUN,
	ASKED_SHOW,
	ASKED_EVIDENCE,
	ASKED_CANCEL,	/* the reader shows what it is, the core withdraws it; then it is ASKED_SHOW */
	ASKED_REQUESTS, /* what waits to be answered; parked until something does */
	ASKED_ANSWER,	/* the core writes it; then it is ASKED_SHOW */
	ASKED_STATUS,
	ASKED_CLAUSES,
	ASKED_METRICS,
};

/* Whose words a status or a withdrawal is still waiting for. */
enum { HALF_CORE = 1, HALF_READER = 2 };

struct pending {
	enum asked		asked;
	uint32_t		ticket;
	struct evhttp_request  *request; /* NULL once the client is gone */
	enum lang		lang;
	uint64_t		deadline_ms; /* monotonic */
	uint64_t		asked_ms;    /* ASKED_SHOW: when the reader was last asked */
	bool			accepted;    /* an entry exists: ASKED_QUERY the question, with this mid; ASKED_SHOW its withdrawal */
	bool			grace;	     /* ASKED_QUERY: the wait is over, only `accepted` is waited for */
	bool			dashes;	     /* the caller wrote field names with '-' */
	bool			waits;	     /* ASKED_SHOW with ?wait, ASKED_CANCEL with Prefer: wait */
	bool			parked;	     /* ASKED_SHOW: the reader has answered "not yet" */
	bool			replayed;    /* ASKED_SHOW: a key came again, and its question is still open */
	bool			again;	     /* the reader was lost while it was asked */
	uint8_t			of_reader;   /* what it was asked: READER_SHOW, READER_EVIDENCE, READER_STATUS, READER_METRICS */
	uint8_t			mid[MID_SIZE];
	struct hash		token;	   /* who asked: looked up again before an exchange is shown */
	const struct agreement *agreement; /* what we think the question falls under; NULL: nothing */
	bool			officer;   /* ASKED_DRY_RUN: one was named */
	struct buffer		halves[2]; /* ASKED_STATUS, ASKED_METRICS: payloads of core and reader; ASKED_DRY_RUN: what would be sent, as JSON */
	unsigned		missing;   /* ASKED_STATUS, ASKED_METRICS, ASKED_CANCEL: HALF_... */
	const char	       *asks;	   /* ASKED_CLAUSES: "me", "them" or "" */
	uint16_t		place;	   /* in desk.active */
};

/* ---- who follows the events (desk_events.c) ---- */

#define FOLLOWERS_MOST 64

struct follower {
	struct evhttp_request *request; /* NULL: the slot is free */
	enum lang	       lang;
	bool		       stream; /* or one answer that waits */
	bool		       fresh;  /* to be looked up whatever the core says */
	struct hash	       token;
	uint32_t	       types;
	uint64_t	       after;  /* its place; NEWS_NOW: not known yet */
	uint64_t	       looked; /* the newest number when all after its place had been told */
	uint64_t	       said_ms, deadline_ms, full_ms;
	size_t		       full_left; /* what it had not taken when that was looked at last */
};

struct feed {
	struct follower follower[FOLLOWERS_MOST];
	unsigned	nfollowers, turn;
	uint64_t	newest; /* as the core said last */
	bool		asked;	/* a question is at the reader */
	uint32_t	ticket;
	uint64_t	asked_after, asked_newest, asked_ms;
	struct event   *tick;
};

/* One READER_EVENTS_ARE. */
struct feed_answer {
	uint64_t    next;
	bool	    more;
	uint16_t    n;
	struct news news[READER_EVENTS_MOST];
};

/* What was asked of the core last, for its successor. */
struct kept {
	uint8_t	      type;
	struct buffer message;
};

struct desk;
struct problem;

/* One of the two doors. */
struct door {
	struct desk   *desk;
	struct evhttp *http;
	bool	       tcp;	 /* the Host header must name this machine */
	bool	       loopback; /* by one of the names every machine has */
};

/* Made once, for each language. */
struct openapi {
	struct buffer whole[2];	    /* as served */
	json_t	     *questions[2]; /* the part about questions */
};

struct desk {
	struct process *process;
	struct papers	papers;
	struct tokens	tokens;
	char		token_folder[CONFIG_PATH_MOST];
	uint64_t	tokens_read_ms; /* wall clock */
	struct timespec tokens_changed;
	struct openapi	openapi;
	struct door	local, tcp;
	struct api_tls *tls;	       /* of the TCP door; NULL: it speaks plain HTTP on loopback */
	int		renewed[2];    /* enum certificate_part: handed over by the parent, -1: not */
	struct event   *watch;	       /* of the certificate's last day */
	int32_t		days_told;     /* so many days were left when the journal last said so */
	uint64_t	away_told;     /* connections turned away that the journal has told of */
	struct pipe    *core, *reader; /* freed when the fresh ones come */
	bool		core_up, reader_up;
	uint64_t	core_until_ms, reader_until_ms; /* gone, and awaited until then; 0: not */
	struct papers  *coming;				/* from the reader, not yet whole */
	enum err	coming_err;
	bool		ledger_stopped;
	uint64_t	started_ms; /* wall clock */
	uint64_t	reloads;
	struct event   *tick;
	struct feed	feed;
	unsigned	nactive;
	uint16_t	active[DESK_PENDING_MOST];
	uint16_t	free[DESK_PENDING_MOST];
	unsigned	nfree;
	uint32_t	turn; /* upper bits of the next ticket */
	struct pending	pending[DESK_PENDING_MOST];
	struct kept	kept[DESK_PENDING_MOST]; /* by slot */
	struct buffer	out;			 /* the body being written; reused */
	uint8_t		message[128 * 1024];	 /* the message being written; reused */
};

struct call {
	struct desk	      *desk;
	struct evhttp_request *request;
	enum lang	       lang;
	const struct token    *token;	/* NULL on routes that need none */
	struct bytes	       part[3]; /* what stood in place of each '*' of the route */
	const char	      *query;	/* after '?', or NULL */
};

/* ---- desk.c ---- */

uint64_t desk_clock_ms(void); /* monotonic */
uint64_t desk_wall_ms(void);
void	 desk_header(struct evhttp_request *request, const char *name, const char *value);
void	 desk_reply(struct evhttp_request *request, unsigned status, const char *type, struct bytes body);
/* Starts a JSON body in desk->out; finish sends it, or says 500 when it did not fit. */
struct json_writer desk_json(struct desk *d);
void		   desk_json_send(struct desk *d, struct evhttp_request *request, enum lang lang, unsigned status, const struct json_writer *w);

/* The value of a parameter of the address, or empty; and a refusal of every parameter not in `known`. */
struct bytes desk_parameter(const char *query, const char *name);
bool	     desk_parameters_known(struct call *c, const char *const *known, size_t n);

const struct token *desk_token(const struct desk *d, const struct hash *hash);
void		    desk_tokens_refresh(struct desk *d); /* when their folder changed */
/* A token for some clauses sees what is under those alone. */
bool desk_token_sees(const struct desk *d, const struct token *token, const struct hash *agreement, uint16_t clause);
void desk_on_request(struct evhttp_request *request, void *arg); /* a struct door */

/* ---- desk_doors.c ---- */

enum err doors_open(struct desk *d) must_use; /* says its troubles in the journal */
void	 doors_close(struct desk *d);
/* May a request that came by this door carry this Host header? */
bool door_names(const struct door *door, struct evhttp_request *request, const char *host);

/* A renewed file of the certificate, which the parent opened; taken up when the word to reload comes. */
void	 certificate_came(struct process *p, enum certificate_part part, int fd);
void	 certificate_renew(struct desk *d);
uint64_t desk_certificate_until_ms(const struct desk *d); /* 0: no certificate */
/* A line for /readyz when a person has to look at the certificate; otherwise empty. */
void certificate_line(const struct desk *d, char *out, size_t size);

/* ---- desk_pending.c ---- */

void		pending_start(struct desk *d);
struct pending *pending_new(struct call *c, enum asked asked, unsigned wait_s); /* NULL: all are taken */
struct pending *pending_find(struct desk *d, uint32_t ticket);			/* or NULL */
void		pending_end(struct desk *d, struct pending *p);			/* frees the slot; does not answer */
void		pending_tick(struct desk *d);
bool		pending_needs(const struct pending *p, enum role role);		      /* does it wait for that process? */
void		pending_give_up(struct desk *d, struct pending *p, const char *code); /* answers the problem and ends it */
/* That process is gone and is not waited for: everything that waited for it is answered. */
void pending_lost(struct desk *d, enum role role);

/* ---- desk_return.c ---- */

bool	 desk_core_there(const struct desk *d); /* or soon again */
bool	 desk_reader_there(const struct desk *d);
enum err desk_core_send(struct desk *d, const struct pending *p, uint8_t type, struct bytes payload) must_use;
enum err desk_reader_send(struct desk *d, struct pending *p, uint8_t type) must_use; /* of p->mid */
void	 desk_kept_forget(struct desk *d, const struct pending *p);
void	 desk_core_gone(struct desk *d);
void	 desk_core_back(struct desk *d);
void	 desk_reader_gone(struct desk *d);
void	 desk_reader_back(struct desk *d);
void	 desk_return_tick(struct desk *d, uint64_t now);
void	 desk_on_leaving(struct desk *d, struct bytes payload);
void	 desk_on_paper(struct desk *d, struct bytes payload);
void	 desk_on_papers(struct desk *d, struct bytes payload);
void	 desk_papers_forget(struct desk *d);

/* ---- desk_ask.c ---- */

struct asked_body {
	json_t	  *json; /* owns what `ask` points to */
	struct ask ask;
	bool	   dashes;
	char	   names[FIELDS_MOST][NAME_MOST + 1]; /* field names with '_' as '-' */
};
/* Reads the body of POST /v1/queries. On failure there is nothing to free. */
/* The member "fields" of a body into ask.fields; none is none. */
enum err asked_fields_read(struct asked_body *b, struct fault *fault) must_use;
enum err asked_body_read(struct bytes text, struct asked_body *out, struct fault *fault) must_use;
void	 asked_body_done(struct asked_body *b);

/* ---- desk_query.c ---- */

void desk_query_post(struct call *c);
void desk_query_get(struct call *c);
void desk_query_delete(struct call *c);
void desk_evidence_get(struct call *c);
void desk_on_state(struct desk *d, struct bytes payload);
void desk_on_refused(struct desk *d, struct bytes payload);
void desk_on_failed(struct desk *d, struct bytes payload);
void desk_on_exchange(struct desk *d, struct bytes payload);
void desk_on_bundle(struct desk *d, struct bytes payload);
void desk_query_deadline(struct desk *d, struct pending *p);
void desk_show_again(struct desk *d, struct pending *p);

/* ---- desk_request.c ---- */

void desk_requests_get(struct call *c);
void desk_answer_post(struct call *c);
void desk_on_offers(struct desk *d, struct bytes payload);
void desk_on_come(struct desk *d, struct bytes payload);
void desk_on_answered(struct desk *d, struct bytes payload);
void desk_on_not_answered(struct desk *d, struct bytes payload);
void desk_requests_due(struct desk *d, struct pending *p, uint64_t now);

/* ---- desk_dry.c ---- */

enum err dry_run_keep(struct pending *p, const struct ask *ask) must_use;
void	 desk_on_permitted(struct desk *d, struct bytes payload);
void	 would_refuse(struct desk *d, struct evhttp_request *request, enum lang lang, const struct problem *p);

/* ---- desk_exchange.c ---- */

void exchange_json(struct json_writer *w, const char *self, const struct papers *papers, const struct exchange *x, enum lang lang);
/* "released-on" as JSON writes it, "released_on". `out` is cut to fit. */
void api_name(struct bytes name, char *out, size_t size);
/* The agreement and clause that a question names, as core will choose it: in force today and asked by us, if there is one. */
const struct clause *clause_asked(const struct papers *papers, const char *self, struct bytes to, struct bytes name, int32_t today,
				  const struct agreement **agreement);

/* ---- desk_problem.c ---- */

struct problem {
	const char	       *code;	/* a row of the table: gives status, title and remedy */
	const char	       *detail; /* in the language of the answer; NULL: the table's sentence */
	const char	       *remedy; /* NULL: the table's */
	const struct agreement *agreement;
	uint16_t		clause;
	const char	       *rule, *pointer;
	const char	       *allowed; /* values separated by ", " */
	uint64_t		since_ms;
	const char	       *cause;
	unsigned		retry_s;
	bool			maybe_left; /* 5xx after the question went to core: it may have left the house */
};
unsigned problem_status(const char *code);				   /* 500 for one not in the table */
void	 problem_allowed_json(struct json_writer *w, const char *allowed); /* the member "allowed", of values separated by ", " */
void	 problem_json(struct json_writer *w, const struct problem *p, enum lang lang);
void	 desk_problem(struct desk *d, struct evhttp_request *request, enum lang lang, const struct problem *p);
void	 desk_problem_code(struct call *c, const char *code);
void	 desk_problem_fault(struct call *c, const char *code, const struct fault *fault);
void	 desk_problem_get(struct call *c);
void	 desk_problem_page(struct call *c);
/* From a decision of decide.h. The texts live in `room` as long as the problem. */
struct problem_room {
	char detail[700], remedy[400], pointer[DESK_POINTER_MOST];
};
struct problem problem_of_decision(const struct decision *d, const struct agreement *a, bool dashes, enum lang lang, struct problem_room *room);

/* ---- desk_events.c ---- */

enum err feed_open(struct desk *d) must_use;
void	 feed_done(struct desk *d);
void	 feed_ask(struct desk *d);
void	 feed_again(struct desk *d);						/* a fresh core or reader is there */
void	 feed_gone(struct desk *d, const struct evhttp_connection *connection); /* a client's connection ended */
void	 desk_events_get(struct call *c);
void	 desk_on_news(struct desk *d, struct bytes payload);
void	 desk_on_events(struct desk *d, struct bytes payload);
void	 desk_on_events_failed(struct desk *d, struct bytes payload);

/* ---- the others ---- */

#define CAUSE_TEXT_MOST 640 /* of a cause as told, with its end */
/* A link's reason in the language asked for; what no table knows stays in its own words. */
void cause_text(const char *cause, enum lang lang, struct builder *out);
void cause_json(struct json_writer *w, const char *cause, enum lang lang); /* as the member "cause" */

void desk_clauses_get(struct call *c);
void desk_on_quotas(struct desk *d, struct bytes payload);
void desk_schema_get(struct call *c);
void desk_answer_schema_get(struct call *c);
void desk_clause_openapi_get(struct call *c);
void desk_status_get(struct call *c);
void desk_on_partners(struct desk *d, struct bytes payload);
void desk_on_status(struct desk *d, struct bytes payload);
void desk_metrics_get(struct call *c);
void desk_on_core_metrics(struct desk *d, struct bytes payload);
void desk_on_reader_metrics(struct desk *d, struct bytes payload);
void desk_health_get(struct call *c);
void desk_ready_get(struct call *c);
void desk_openapi_get(struct call *c);
void desk_docs_get(struct call *c);

/* What the core says was used on one UTC day; `rows` are quota_used after quota_used. */
struct quotas {
	int32_t	     day;
	struct bytes rows;
};

/* The whole of a clause list and of a schema, for the tests. `quotas` is NULL when the core is not there to tell. */
struct clauses {
	const struct papers *papers;
	const char	    *self, *asks; /* "me": what we may ask; "them": what may be asked of us; "": both */
	int32_t		     today;
	const struct quotas *quotas;
};
void clauses_json(struct json_writer *w, const struct clauses *list, enum lang lang);
/* What a question under the clause may be, and what the fields of an answer may be. */
void schema_json(struct json_writer *w, const struct agreement *a, const struct clause *c, enum lang lang);
void answer_schema_json(struct json_writer *w, const struct clause *c, enum lang lang);
/* One of the agreement's examples as the body of a question. */
void example_json(struct json_writer *w, const struct agreement *a, const struct clause *c, const struct example *e);

#define DESK_ADDRESS_MOST (CONFIG_ADDRESS_MOST + 16)
/* "https://10.1.4.9:8443": where the API is, for people and documents. */
void desk_address(const struct config *config, char out[DESK_ADDRESS_MOST]);

struct clause_page {
	const struct agreement *agreement;
	const struct clause    *clause;
	char			address[DESK_ADDRESS_MOST];
	enum lang		lang;
};
enum err openapi_start(struct openapi *o) must_use;
void	 openapi_done(struct openapi *o);
/* The description of the API under one clause, appended. */
enum err openapi_clause(const struct openapi *o, const struct clause_page *page, struct buffer *out) must_use;

/* spec/openapi.json, embedded at build. */
extern const unsigned char openapi_json[];
extern const size_t	   openapi_json_size;

#endif
