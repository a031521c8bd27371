/*
 * desk.h: the process that local applications and people's tools speak to.
 *
 * One HTTP request is a `struct call` while its handler runs. A handler answers at
 * once, or sends a message to core or reader and leaves a `struct pending` behind,
 * named by its ticket, which the answer from there finishes. The desk keeps no
 * state that matters: what it knows it has from the papers, the core and the reader.
 *
 * desk.c           listeners, routes, who may in, the pipes' messages
 * desk_pending.c   tickets and their deadlines
 * desk_query.c     POST, GET and DELETE /v1/queries, evidence
 * desk_ask.c       the body of a question, read strictly
 * desk_exchange.c  an exchange as JSON
 * desk_problem.c   problems (RFC 9457) and their pages
 * desk_cause.c     why a partner is not there, in Arabic
 * desk_clauses.c   the catalogue and the request schemas
 * desk_status.c    status, health
 * desk_docs.c      the pages for people
 */
#ifndef MITHAQ_GATEWAY_DESK_H
#define MITHAQ_GATEWAY_DESK_H

#include <event2/http.h>

#include "gateway/gateway.h"
#include "net/json.h"
#include "proc/papers.h"
#include "proc/tokens.h"

#define DESK_PENDING_MOST 4096 /* a power of two: the low bits of a ticket are its slot */
#define DESK_ANSWER_MOST  PIPE_MESSAGE_MOST
#define DESK_BODY_MOST	  (4 * JSON_BODY_MOST) /* read at all; above JSON_BODY_MOST it gets our own 413 */
#define DESK_WAIT_S	  10		       /* Prefer: wait, when not said */
#define DESK_GRACE_MS	  5000		       /* past the wait, for a core that has not even accepted yet */
#define DESK_TICK_MS	  50
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
	ASKED_CANCEL, /* the reader shows what it is, the core withdraws it; then it is ASKED_SHOW */
	ASKED_STATUS,
	ASKED_CLAUSES,
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
	uint8_t			mid[MID_SIZE];
	struct hash		token;	   /* who asked: looked up again before an exchange is shown */
	const struct agreement *agreement; /* what we think the question falls under; NULL: nothing */
	struct buffer		halves[2]; /* ASKED_STATUS: payloads of core and reader */
	unsigned		missing;   /* ASKED_STATUS, ASKED_CANCEL: HALF_... */
	const char	       *asks;	   /* ASKED_CLAUSES: "me", "them" or "" */
	uint16_t		place;	   /* in desk.active */
};

struct desk;

/* One of the two doors. */
struct door {
	struct desk   *desk;
	struct evhttp *http;
	bool	       tcp; /* the Host header must name this machine */
};

struct desk {
	struct process *process;
	struct papers	papers;
	struct tokens	tokens;
	char		token_folder[CONFIG_PATH_MOST];
	uint64_t	tokens_read_ms; /* wall clock */
	struct timespec tokens_changed;
	struct door	local, tcp;
	struct pipe    *core, *reader; /* freed when the fresh ones come */
	bool		core_up, reader_up;
	bool		ledger_stopped;
	uint64_t	started_ms; /* wall clock */
	struct event   *tick;
	unsigned	nactive;
	uint16_t	active[DESK_PENDING_MOST];
	uint16_t	free[DESK_PENDING_MOST];
	unsigned	nfree;
	uint32_t	turn; /* upper bits of the next ticket */
	struct pending	pending[DESK_PENDING_MOST];
	struct buffer	out;		     /* the body being written; reused */
	uint8_t		message[128 * 1024]; /* the message being written; reused */
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

/* ---- desk_pending.c ---- */

void		pending_start(struct desk *d);
struct pending *pending_new(struct call *c, enum asked asked, unsigned wait_s); /* NULL: all are taken */
struct pending *pending_find(struct desk *d, uint32_t ticket);			/* or NULL */
void		pending_end(struct desk *d, struct pending *p);			/* frees the slot; does not answer */
void		pending_tick(struct desk *d);
/* A pipe broke: everything that waited for that process is answered. */
void pending_lost(struct desk *d, enum role role);

/* ---- desk_ask.c ---- */

struct asked_body {
	json_t	  *json; /* owns what `ask` points to */
	struct ask ask;
	bool	   dashes;
	char	   names[FIELDS_MOST][NAME_MOST + 1]; /* field names with '_' as '-' */
};
/* Reads the body of POST /v1/queries. On failure there is nothing to free. */
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
void desk_on_permitted(struct desk *d, struct bytes payload);
void desk_on_exchange(struct desk *d, struct bytes payload);
void desk_on_bundle(struct desk *d, struct bytes payload);
void desk_query_deadline(struct desk *d, struct pending *p);
void desk_show_again(struct desk *d, struct pending *p);

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
unsigned problem_status(const char *code); /* 500 for one not in the table */
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

/* ---- the others ---- */

#define CAUSE_TEXT_MOST 640 /* of a cause as told, with its end */
/* A link's reason in the language asked for; what no table knows stays in its own words. */
void cause_text(const char *cause, enum lang lang, struct builder *out);
void cause_json(struct json_writer *w, const char *cause, enum lang lang); /* as the member "cause" */

void desk_clauses_get(struct call *c);
void desk_on_quotas(struct desk *d, struct bytes payload);
void desk_schema_get(struct call *c);
void desk_status_get(struct call *c);
void desk_on_partners(struct desk *d, struct bytes payload);
void desk_on_status(struct desk *d, struct bytes payload);
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
void schema_json(struct json_writer *w, const struct agreement *a, const struct clause *c, enum lang lang);

/* spec/openapi.json, embedded at build. */
extern const unsigned char openapi_json[];
extern const size_t	   openapi_json_size;

#endif
