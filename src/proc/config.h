/*
 * config.h: the configuration a newcomer writes (docs/configuration.md), and the
 * places of everything else.
 *
 *   party: customs.kw.example
 *   listen: 0.0.0.0:7443                              for the only partner; with several, each names its own
 *   api: {listen: 127.0.0.1:7171}                     loopback; another address of this machine needs a certificate
 *   partners:
 *     cbp.us.example: gw.cbp.us.example:7443          we dial
 *     fiu.us.example: {dial: host:port, listen: address:port}
 *   provide:
 *     customs/declaration-status:
 *       sqlite: /srv/customs.db
 *       statement: SELECT status, released_on AS "released-on" FROM declarations WHERE number = :declaration
 *       timeout: 2 s
 *   webhooks:
 *     - {url: http://10.1.4.20:8080/hooks/mithaq, secret: hook-secret}
 *
 * docs/configuration.md has every key.
 *
 * Below the home folder (option --home, else MITHAQ_HOME, else /etc/mithaq for
 * configuration and /var/lib/mithaq for data):
 *   mithaq.yaml  tokens/<hash>  agreements/<hash>.agreement  partners/<name>.card  <party>.card
 *   keys/{log,receipt,tls}.key  keys/tls.pem   root/root-{a,b}.key (to be taken away)   credentials/<name>
 *   data/ledger.db  data/api.sock
 * Unknown keys are refused with their line.
 */
#ifndef MITHAQ_PROC_CONFIG_H
#define MITHAQ_PROC_CONFIG_H

#include "base/arena.h"
#include "base/error.h"
#include "base/text.h"

#define CONFIG_PARTNERS_MOST   64
#define CONFIG_PROVIDERS_MOST  200
#define CONFIG_ADDRESS_MOST    300
#define CONFIG_PATH_MOST       1024
#define CONFIG_TIMEOUT_MOST_MS 60000
#define CONFIG_ANSWERS_MOST    64 /* fields of an answer that a provider maps */
#define CONFIG_CODES_MOST      200
#define CONFIG_STATUSES_MOST   16
#define CONFIG_HEADERS_MOST    16
#define CONFIG_WEBHOOKS_MOST   16
#define CONFIG_TYPES_MOST      32
#define CONFIG_FILE_MOST       (256u << 10) /* of mithaq.yaml */

struct config_partner {
	const char *name;
	const char *dial;   /* "host:port" or NULL */
	const char *listen; /* "address:port" or NULL; the configuration's own `listen` stands here for the only partner */
};

enum provider_source {
	SOURCE_SQLITE,	 /* sqlite, statement */
	SOURCE_ODBC,	 /* odbc, statement */
	SOURCE_HTTP,	 /* http, method, body, headers, credential, no-hit-on, refused-on, answer */
	SOURCE_FETCH,	 /* fetch: true: a national system takes the questions from the API and posts the answers; no worker */
	SOURCE_EXAMPLES, /* examples: true: the agreement's own; in the test environment only */
};

struct config_pair {
	const char *from, *to;
};

/* How one field of the answer is made from what the source said: `status: {from: /state, codes: {"04": released}}`. */
struct config_answer {
	const char	   *field;
	unsigned	    line;
	const char	   *from;  /* a JSON pointer (RFC 6901); an ODBC or SQLite column needs no mapping */
	const char	   *value; /* instead of from: always this */
	const char	   *date;  /* how the source writes dates: "DD-MM-YYYY"; NULL: as the clause does */
	unsigned	    ncodes;
	struct config_pair *code; /* the source's word -> ours; a word that is not there cannot be sent */
};

struct config_provider {
	const char	    *clause; /* "channel/name" */
	unsigned	     line;
	enum provider_source source;
	unsigned	     timeout_ms; /* default 2,000 */
	const char	    *sqlite;	 /* path of the database; one that is relative was taken from the home folder */
	const char	    *odbc;	 /* connection string without a password: the credential is its password */
	const char	    *statement;
	const char	    *http;	 /* http://host:port/path/{field}?x={field} */
	const char	    *method;	 /* "GET" (default) or "POST" */
	const char	    *body;	 /* POST: a JSON text with {field} in it */
	const char	    *credential; /* name of a file in credentials: http: a bearer token; odbc: the password */
	unsigned	     nheaders, nno_hit, nrefused, nanswers;
	struct config_pair   header[CONFIG_HEADERS_MOST];
	unsigned	     no_hit[CONFIG_STATUSES_MOST];  /* HTTP statuses */
	struct config_pair   refused[CONFIG_STATUSES_MOST]; /* HTTP status -> a code of the clause's refuse-for */
	struct config_answer answer[CONFIG_ANSWERS_MOST];
};

struct config_webhook {
	unsigned    line;
	const char *url;    /* http://host:port/path */
	const char *secret; /* name of a file in credentials */
	unsigned    ntypes; /* 0: every event */
	const char *type[CONFIG_TYPES_MOST];
};

struct config {
	struct arena		arena;
	char			home[CONFIG_PATH_MOST]; /* configuration, keys, agreements, partners, tokens */
	char			data[CONFIG_PATH_MOST]; /* ledger and socket */
	const char	       *party;
	const char	       *api_listen;	 /* "127.0.0.1:7171", or NULL when `api: off` */
	const char	       *api_certificate; /* PEM file, or NULL: plain HTTP, then api_listen is a loopback address */
	const char	       *api_key;	 /* PEM file; the certificate's when not said */
	unsigned		npartners, nproviders, nwebhooks;
	struct config_partner	partner[CONFIG_PARTNERS_MOST];
	struct config_provider *provider; /* nproviders, in the arena */
	struct config_webhook	webhook[CONFIG_WEBHOOKS_MOST];
};

/* "host:port", "192.0.2.1:port" or "[2001:db8::1]:port" in two; `host` without brackets. ERR_VALUE. */
enum err address_split(const char *text, char host[CONFIG_ADDRESS_MOST], uint16_t *port) must_use;

/* "2 s" or "500 ms", from 1 ms to CONFIG_TIMEOUT_MOST_MS; ERR_VALUE. */
enum err duration_read(const char *text, unsigned *ms) must_use;

/* Chooses the folders: `home` from the command line or NULL. */
void config_places(struct config *c, const char *home);
/* Reads <home>/mithaq.yaml. The fault's line is that of the file. */
enum err config_read(struct config *c, struct fault *fault) must_use;
void	 config_done(struct config *c);

/* "<home>/<rest>" or "<data>/<rest>" into `out`; ERR_TOO_LONG. */
enum err config_path(const struct config *c, const char *rest, char out[CONFIG_PATH_MOST]) must_use;
enum err config_data_path(const struct config *c, const char *rest, char out[CONFIG_PATH_MOST]) must_use;

/* Below the data folder: when `mithaq backup` last wrote a whole file, one line of time_write(). */
#define CONFIG_BACKUP_MADE "backup.made"
/* Where the secret of this name stands: in $CREDENTIALS_DIRECTORY (systemd), as credentials_NAME or NAME, when that has it, else <home>/credentials.
 */
enum err config_credential_path(const struct config *c, const char *name, char out[CONFIG_PATH_MOST]) must_use;

#endif
