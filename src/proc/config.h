/*
 * config.h: the configuration a newcomer writes (docs/configuration.md), and the
 * places of everything else.
 *
 *   party: customs.kw.example
 *   listen: 0.0.0.0:7443                              for the only partner; with several, each names its own
 *   api: {listen: 127.0.0.1:7171}                     loopback only in this version
 *   partners:
 *     cbp.us.example: gw.cbp.us.example:7443          we dial
 *     fiu.us.example: {dial: host:port, listen: address:port}
 *   provide:
 *     customs/declaration-status:
 *       sqlite: /srv/customs.db
 *       statement: SELECT status, released_on AS "released-on" FROM declarations WHERE number = :declaration
 *       timeout: 2 s
 *
 * Below the home folder (option --home, else MITHAQ_HOME, else /etc/mithaq for
 * configuration and /var/lib/mithaq for data):
 *   mithaq.yaml  tokens/<hash>  agreements/<hash>.agreement  partners/<name>.card  <party>.card
 *   keys/{log,receipt,tls}.key  keys/tls.pem   root/root-{a,b}.key (to be taken away)
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

struct config_partner {
	const char *name;
	const char *dial;   /* "host:port" or NULL */
	const char *listen; /* "address:port" or NULL; the configuration's own `listen` stands here for the only partner */
};

struct config_provider {
	const char *clause; /* "channel/name" */
	unsigned    line;
	const char *sqlite; /* path of the database; one that is relative was taken from the home folder */
	const char *statement;
	unsigned    timeout_ms; /* default 2,000 */
};

struct config {
	struct arena	       arena;
	char		       home[CONFIG_PATH_MOST]; /* configuration, keys, agreements, partners, tokens */
	char		       data[CONFIG_PATH_MOST]; /* ledger and socket */
	const char	      *party;
	const char	      *api_listen; /* "127.0.0.1:7171", or NULL when `api: off` */
	unsigned	       npartners, nproviders;
	struct config_partner  partner[CONFIG_PARTNERS_MOST];
	struct config_provider provider[CONFIG_PROVIDERS_MOST];
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

#endif
