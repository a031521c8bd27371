/* config.c: one function per key of the configuration; a table says which keys there are. */
#include "proc/config.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "channel/news.h"
#include "proc/config_inside.h"
#include "proc/files.h"

#define CONFIG_ARENA_MOST (4u << 20)
#define DEFAULT_API	  "127.0.0.1:7171"

/* ---- places ---- */

/* A name that does not fit ends cut, and reading from it fails with what is left of it shown. */
static void place_set(char out[CONFIG_PATH_MOST], const char *folder, const char *below)
{
	(void)snprintf(out, CONFIG_PATH_MOST, "%s%s", folder, below);
}

void config_places(struct config *c, const char *home)
{
	memset(c, 0, sizeof *c);
	arena_init(&c->arena, CONFIG_ARENA_MOST);
	if (!home || !*home)
		home = getenv("MITHAQ_HOME");
	if (home && *home) {
		place_set(c->home, home, "");
		place_set(c->data, home, "/data");
		return;
	}
	place_set(c->home, "/etc/mithaq", "");
	place_set(c->data, "/var/lib/mithaq", "");
}

static enum err path_below(const char *folder, const char *rest, char out[CONFIG_PATH_MOST])
{
	char joined[2 * CONFIG_PATH_MOST];
	int  n = snprintf(joined, sizeof joined, "%s/%s", folder, rest);

	if (n < 0 || n >= CONFIG_PATH_MOST)
		return ERR_TOO_LONG;
	memcpy(out, joined, (size_t)n + 1);
	return ERR_OK;
}

enum err config_path(const struct config *c, const char *rest, char out[CONFIG_PATH_MOST])
{
	return path_below(c->home, rest, out);
}

enum err config_data_path(const struct config *c, const char *rest, char out[CONFIG_PATH_MOST])
{
	return path_below(c->data, rest, out);
}

/* systemd names a file of a loaded folder "<id of the folder>_<file>". */
static bool credential_given(const char *prefix, const char *name, char out[CONFIG_PATH_MOST])
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	char	    file[CONFIG_PATH_MOST];

	(void)snprintf(file, sizeof file, "%s%s", prefix, name);
	return folder && *folder && path_below(folder, file, out) == ERR_OK && access(out, F_OK) == 0;
}

enum err config_credential_path(const struct config *c, const char *name, char out[CONFIG_PATH_MOST])
{
	char rest[CONFIG_PATH_MOST];

	if (credential_given("credentials_", name, out) || credential_given("", name, out))
		return ERR_OK;
	if (path_below("credentials", name, rest))
		return ERR_TOO_LONG;
	return config_path(c, rest, out);
}

void config_done(struct config *c)
{
	arena_done(&c->arena);
	c->npartners = 0;
	c->nproviders = 0;
	c->nwebhooks = 0;
	c->provider = NULL;
}

/* ---- values ---- */

static bool host_plain(const char *host)
{
	if (!*host || *host == '-' || *host == '.')
		return false;
	for (const char *at = host; *at; at++) {
		if (!isalnum((unsigned char)*at) && *at != '-' && *at != '.')
			return false;
	}
	return true;
}

static bool is_numeric(const char *host)
{
	struct in_addr	four;
	struct in6_addr six;

	return inet_pton(AF_INET, host, &four) == 1 || inet_pton(AF_INET6, host, &six) == 1;
}

static bool is_loopback(const char *host)
{
	struct in_addr four;

	if (inet_pton(AF_INET, host, &four) == 1)
		return (ntohl(four.s_addr) >> 24) == 127;
	return strcmp(host, "::1") == 0;
}

enum err address_split(const char *text, char host[CONFIG_ADDRESS_MOST], uint16_t *port)
{
	char	    name[CONFIG_ADDRESS_MOST];
	const char *colon = strrchr(text, ':');
	uint64_t    number = 0;
	bool	    bracketed = text[0] == '[';
	const char *begin = text + (bracketed ? 1 : 0);
	const char *end = colon && bracketed ? colon - 1 : colon;

	if (!colon || end <= begin || (size_t)(end - begin) >= sizeof name || (bracketed && *end != ']'))
		return ERR_VALUE;
	(void)snprintf(name, sizeof name, "%.*s", (int)(end - begin), begin);
	if (bracketed ? !is_numeric(name) : !host_plain(name))
		return ERR_VALUE;
	if (decimal_read(bytes_text(colon + 1), &number) || number < 1 || number > UINT16_MAX)
		return ERR_VALUE;
	memcpy(host, name, sizeof name);
	*port = (uint16_t)number;
	return ERR_OK;
}

enum err duration_read(const char *text, unsigned *ms)
{
	const char *space = strchr(text, ' ');
	uint64_t    number = 0;

	if (!space || decimal_read(bytes_of(text, (size_t)(space - text)), &number) || number < 1 || number > CONFIG_TIMEOUT_MOST_MS)
		return ERR_VALUE;
	if (strcmp(space, " s") == 0)
		number *= 1000;
	else if (strcmp(space, " ms") != 0)
		return ERR_VALUE;
	if (number > CONFIG_TIMEOUT_MOST_MS)
		return ERR_VALUE;
	*ms = (unsigned)number;
	return ERR_OK;
}

/* ---- reading ---- */

static unsigned line_of(const struct yaml *node)
{
	return node->key ? node->key_line : node->line;
}

enum err config_refuse(struct reading *r, const struct yaml *node, enum err e, const char *help, const char *help_ar)
{
	const char *found = node->kind == YAML_SCALAR ? node->text : node->kind == YAML_MAP ? "{...}" : "[...]";

	return fault_at(r->fault, e, line_of(node), node->key, found, help, help_ar);
}

enum err config_missing(struct reading *r, const struct yaml *node, const char *found, const char *help, const char *help_ar)
{
	return fault_at(r->fault, ERR_MISSING, line_of(node), node->key, found, help, help_ar);
}

static enum err refuse_key(struct reading *r, const struct yaml *node, const struct key_row *rows, size_t n)
{
	char	       help[160], help_ar[200], names[120];
	struct builder b = builder_on(names, sizeof names - 1);

	for (size_t i = 0; i < n; i++) {
		build_text(&b, i ? ", " : "");
		build_text(&b, rows[i].name);
	}
	names[b.n] = 0;
	(void)snprintf(help, sizeof help, "known here: %s", names);
	(void)snprintf(help_ar, sizeof help_ar, "المعروف هنا: %s", names);
	return fault_at(r->fault, ERR_UNKNOWN_KEY, node->key_line, node->key, node->key, help, help_ar);
}

static const struct key_row *row_of(const struct key_row *rows, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	}
	return NULL;
}

/* Every member of `map` by its row; a key without one is refused. */
enum err config_map(struct reading *r, const struct yaml *map, const struct key_row *rows, size_t n, void *into)
{
	if (map->kind != YAML_MAP)
		return config_refuse(r, map, ERR_VALUE, "write `key: value` lines here", "اكتب هنا أسطرًا بصيغة «مفتاح: قيمة»");
	for (unsigned i = 0; i < map->n; i++) {
		const struct key_row *row = row_of(rows, n, map->at[i]->key);
		enum err	      e = row ? row->read(r, map->at[i], into) : refuse_key(r, map->at[i], rows, n);

		if (e)
			return e;
	}
	return ERR_OK;
}

static bool is_empty(const struct yaml *node)
{
	return node->kind == YAML_SCALAR && !*node->text;
}

/* A scalar's text, copied to live as long as the configuration. */
enum err config_text(struct reading *r, const struct yaml *node, const char **out)
{
	if (node->kind != YAML_SCALAR || !*node->text)
		return config_refuse(r, node, ERR_VALUE, "one value is expected here", "المطلوب هنا قيمة واحدة");
	const char *text = arena_text(&r->c->arena, bytes_text(node->text));
	if (!text)
		return config_refuse(r, node, ERR_MEMORY, NULL, NULL);
	*out = text;
	return ERR_OK;
}

/* A path; one that is relative is taken from the home folder. */
enum err config_file(struct reading *r, const struct yaml *node, const char **out)
{
	const char *path = NULL;
	char	    whole[CONFIG_PATH_MOST];
	enum err    e = config_text(r, node, &path);

	if (e || !path || path[0] == '/') {
		if (!e)
			*out = path;
		return e;
	}
	if (config_path(r->c, path, whole))
		return config_refuse(r, node, ERR_TOO_LONG, "the path is too long", "المسار أطول من اللازم");
	path = arena_text(&r->c->arena, bytes_text(whole));
	if (!path)
		return config_refuse(r, node, ERR_MEMORY, NULL, NULL);
	*out = path;
	return ERR_OK;
}

/* The name of a file in the folder of credentials: the secret itself never stands in the configuration. */
enum err config_credential(struct reading *r, const struct yaml *node, const char **out)
{
	if (node->kind != YAML_SCALAR || name_check(bytes_text(node->text)))
		return config_refuse(r, node, ERR_VALUE, "name a file in the folder `credentials`, such as declarations-token",
				     "اذكر اسم ملف في مجلد credentials مثل declarations-token");
	return config_text(r, node, out);
}

/* "http://host:port/path": what may follow the port is for whoever uses it. */
enum err config_url_check(const char *text)
{
	char	    address[CONFIG_ADDRESS_MOST], host[CONFIG_ADDRESS_MOST];
	uint16_t    port;
	const char *at = text + sizeof "http://" - 1;

	if (strncmp(text, "http://", sizeof "http://" - 1) != 0 || text_check(bytes_text(text), TEXT_LINE))
		return ERR_VALUE;
	size_t n = strcspn(at, "/");
	if (at[n] != '/' || n >= sizeof address - 4)
		return ERR_VALUE;
	(void)snprintf(address, sizeof address, "%.*s%s", (int)n, at, memchr(at, ':', n) ? "" : ":80");
	return address_split(address, host, &port);
}

static enum err read_dial_address(struct reading *r, const struct yaml *node, const char **out)
{
	char	 host[CONFIG_ADDRESS_MOST];
	uint16_t port;

	if (node->kind != YAML_SCALAR || address_split(node->text, host, &port))
		return config_refuse(r, node, ERR_VALUE, "write it as host:port, such as gw.cbp.us.example:7443",
				     "اكتبه بصيغة host:port مثل gw.cbp.us.example:7443");
	return config_text(r, node, out);
}

static enum err read_listen_address(struct reading *r, const struct yaml *node, const char **out)
{
	char	 host[CONFIG_ADDRESS_MOST];
	uint16_t port;

	if (node->kind != YAML_SCALAR || address_split(node->text, host, &port) || !is_numeric(host))
		return config_refuse(r, node, ERR_VALUE, "write the machine's own address and a port, such as 0.0.0.0:7443",
				     "اكتب عنوان هذا الجهاز ومنفذًا مثل 0.0.0.0:7443");
	return config_text(r, node, out);
}

/* ---- party, listen, api ---- */

static enum err read_party(struct reading *r, const struct yaml *node, void *into unused_arg)
{
	if (node->kind != YAML_SCALAR || party_name_check(bytes_text(node->text)))
		return config_refuse(r, node, ERR_VALUE, "a party is named like a host: customs.kw.example, lower case",
				     "اسم الطرف كاسم مضيف بأحرف صغيرة: customs.kw.example");
	return config_text(r, node, &r->c->party);
}

static enum err read_listen(struct reading *r, const struct yaml *node, void *into unused_arg)
{
	r->listen_line = line_of(node);
	return read_listen_address(r, node, &r->listen);
}

static enum err read_api_listen(struct reading *r, const struct yaml *node, void *into unused_arg)
{
	char	 host[CONFIG_ADDRESS_MOST];
	uint16_t port;

	if (node->kind != YAML_SCALAR || address_split(node->text, host, &port) || !is_numeric(host))
		return config_refuse(r, node, ERR_VALUE, "write the machine's own address and a port, such as 127.0.0.1:7171",
				     "اكتب عنوان هذا الجهاز ومنفذًا مثل 127.0.0.1:7171");
	r->api_line = line_of(node);
	return config_text(r, node, &r->c->api_listen);
}

static enum err read_api_certificate(struct reading *r, const struct yaml *node, void *into unused_arg)
{
	return config_file(r, node, &r->c->api_certificate);
}

static enum err read_api_key(struct reading *r, const struct yaml *node, void *into unused_arg)
{
	return config_file(r, node, &r->c->api_key);
}

static const struct key_row api_rows[] = {
	{"listen", read_api_listen},
	{"certificate", read_api_certificate},
	{"key", read_api_key},
};

/* On a network whoever listens in would read tokens and answers. */
static enum err check_api(struct reading *r)
{
	char	 host[CONFIG_ADDRESS_MOST];
	uint16_t port;

	if (!r->c->api_listen || r->c->api_certificate || (address_split(r->c->api_listen, host, &port) == ERR_OK && is_loopback(host)))
		return ERR_OK;
	return fault_at(r->fault, ERR_MISSING, r->api_line, "api", r->c->api_listen,
			"beyond loopback the API speaks TLS only: certificate: /etc/mithaq/api.pem",
			"خارج العنوان المحلي لا تتحدث الواجهة إلا عبر TLS: certificate: /etc/mithaq/api.pem");
}

static enum err read_api(struct reading *r, const struct yaml *node, void *into unused_arg)
{
	if (node->kind == YAML_SCALAR && strcmp(node->text, "off") == 0) {
		r->c->api_listen = NULL;
		return ERR_OK;
	}
	if (node->kind != YAML_MAP)
		return config_refuse(r, node, ERR_VALUE, "write `off` or {listen: 127.0.0.1:7171}", "اكتب off أو {listen: 127.0.0.1:7171}");
	return config_map(r, node, api_rows, COUNT_OF(api_rows), NULL);
}

/* ---- partners ---- */

static enum err read_partner_dial(struct reading *r, const struct yaml *node, void *into)
{
	struct config_partner *partner = into;

	return read_dial_address(r, node, &partner->dial);
}

static enum err read_partner_listen(struct reading *r, const struct yaml *node, void *into)
{
	struct config_partner *partner = into;

	return read_listen_address(r, node, &partner->listen);
}

static const struct key_row partner_rows[] = {
	{"dial", read_partner_dial},
	{"listen", read_partner_listen},
};

static enum err read_partner(struct reading *r, const struct yaml *node)
{
	struct config	     *c = r->c;
	struct config_partner partner = {0};

	if (c->npartners == CONFIG_PARTNERS_MOST)
		return config_refuse(r, node, ERR_TOO_LONG, "64 partners are the most", "الحد الأقصى 64 شريكًا");
	if (party_name_check(bytes_text(node->key)))
		return fault_at(r->fault, ERR_VALUE, node->key_line, "partners", node->key,
				"a party is named like a host: cbp.us.example, lower case", "اسم الطرف كاسم مضيف بأحرف صغيرة: cbp.us.example");
	if (c->party && strcmp(node->key, c->party) == 0)
		return fault_at(r->fault, ERR_VALUE, node->key_line, "partners", node->key, "this is the name of our own party", "هذا اسم طرفنا نحن");
	partner.name = arena_text(&c->arena, bytes_text(node->key));
	if (!partner.name)
		return config_refuse(r, node, ERR_MEMORY, NULL, NULL);
	enum err e = ERR_OK;
	if (node->kind == YAML_MAP)
		e = config_map(r, node, partner_rows, COUNT_OF(partner_rows), &partner);
	else if (!is_empty(node))
		e = read_dial_address(r, node, &partner.dial);
	if (!e)
		c->partner[c->npartners++] = partner;
	return e;
}

static enum err read_partners(struct reading *r, const struct yaml *node, void *into unused_arg)
{
	if (is_empty(node))
		return ERR_OK;
	if (node->kind != YAML_MAP)
		return config_refuse(r, node, ERR_VALUE, "write one line per partner: name: host:port", "اكتب سطرًا لكل شريك: الاسم: host:port");
	for (unsigned i = 0; i < node->n; i++) {
		enum err e = read_partner(r, node->at[i]);

		if (e)
			return e;
	}
	return ERR_OK;
}

/* ---- webhooks ---- */

static enum err read_hook_url(struct reading *r, const struct yaml *node, void *into)
{
	struct config_webhook *hook = into;

	if (node->kind != YAML_SCALAR || config_url_check(node->text) != ERR_OK)
		return config_refuse(r, node, ERR_VALUE, "write it as http://host:port/path", "اكتبه بصيغة http://host:port/path");
	return config_text(r, node, &hook->url);
}

static enum err read_hook_secret(struct reading *r, const struct yaml *node, void *into)
{
	struct config_webhook *hook = into;

	return config_credential(r, node, &hook->secret);
}

static enum err read_hook_types(struct reading *r, const struct yaml *node, void *into)
{
	struct config_webhook *hook = into;

	if (node->kind != YAML_LIST || node->n == 0 || node->n > CONFIG_TYPES_MOST)
		return config_refuse(r, node, ERR_VALUE, "write a list of event types: [query.answered, alarm.raised]",
				     "اكتب قائمة بأنواع الأحداث: [query.answered, alarm.raised]");
	for (unsigned i = 0; i < node->n; i++) {
		enum news_type type;
		enum err       e = config_text(r, node->at[i], &hook->type[i]);

		if (e)
			return e;
		if (news_type_read(bytes_text(hook->type[i]), &type))
			return config_refuse(r, node->at[i], ERR_VALUE, "no event is called so; docs/configuration.md names them",
					     "لا حدث بهذا الاسم؛ وأسماؤها في docs/configuration.md");
	}
	hook->ntypes = node->n;
	return ERR_OK;
}

static const struct key_row hook_rows[] = {
	{"url", read_hook_url},
	{"secret", read_hook_secret},
	{"types", read_hook_types},
};

static enum err read_hook(struct reading *r, const struct yaml *node)
{
	struct config_webhook hook = {.line = node->line};
	enum err	      e = config_map(r, node, hook_rows, COUNT_OF(hook_rows), &hook);

	if (e)
		return e;
	if (!hook.url)
		return config_missing(r, node, "", "say where: url: http://host:port/path", "اذكر الوجهة: url: http://host:port/path");
	if (!hook.secret)
		return config_missing(r, node, "", "name the file in credentials that signs: secret: hook-secret",
				      "اذكر ملف السر في مجلد credentials: secret: hook-secret");
	r->c->webhook[r->c->nwebhooks++] = hook;
	return ERR_OK;
}

static enum err read_webhooks(struct reading *r, const struct yaml *node, void *into unused_arg)
{
	if (is_empty(node))
		return ERR_OK;
	if (node->kind != YAML_LIST || node->n > CONFIG_WEBHOOKS_MOST)
		return config_refuse(r, node, node->kind == YAML_LIST ? ERR_TOO_LONG : ERR_VALUE,
				     "write a list, 16 at most: - {url: http://host:port/path, secret: hook-secret}",
				     "اكتب قائمة لا تزيد على 16: - {url: http://host:port/path, secret: hook-secret}");
	for (unsigned i = 0; i < node->n; i++) {
		enum err e = read_hook(r, node->at[i]);

		if (e)
			return e;
	}
	return ERR_OK;
}

/* ---- the whole ---- */

static const struct key_row config_rows[] = {
	{"party", read_party},	     {"listen", read_listen},	  {"api", read_api},
	{"partners", read_partners}, {"provide", config_provide}, {"webhooks", read_webhooks},
};

/* The configuration's own `listen` is for the only partner. */
static enum err place_listen(struct reading *r)
{
	struct config_partner *only = &r->c->partner[0];

	if (!r->listen || r->c->npartners == 0)
		return ERR_OK;
	if (r->c->npartners > 1)
		return fault_at(r->fault, ERR_VALUE, r->listen_line, "listen", r->listen,
				"with several partners each names its own: {dial: host:port, listen: address:port}",
				"مع عدة شركاء يذكر كل منهم عنوانه: {dial: host:port, listen: address:port}");
	if (only->listen)
		return fault_at(r->fault, ERR_DUPLICATE, r->listen_line, "listen", r->listen, "the partner names its own `listen` already",
				"ذكر الشريك عنوان استماعه من قبل");
	only->listen = r->listen;
	return ERR_OK;
}

static enum err check_partners(struct reading *r, const struct yaml *root)
{
	const struct yaml *partners = yaml_get(root, "partners");

	for (unsigned i = 0; i < r->c->npartners; i++) {
		struct config_partner *p = &r->c->partner[i];

		/* `party` may stand below `partners`. */
		if (strcmp(p->name, r->c->party) == 0)
			return config_missing(r, partners->at[i], p->name, "this is the name of our own party", "هذا اسم طرفنا نحن");
		if (!p->dial && !p->listen)
			return config_missing(r, partners->at[i], "", "say where we dial (host:port) or where we listen",
					      "اذكر أين نتصل (host:port) أو أين نستمع");
	}
	return ERR_OK;
}

static enum err check_whole(struct reading *r, const struct yaml *root)
{
	if (!r->c->party)
		return fault_at(r->fault, ERR_MISSING, 1, "party", "", "say who we are: party: customs.kw.example",
				"اذكر من نحن: party: customs.kw.example");
	enum err e = place_listen(r);
	if (!e)
		e = check_partners(r, root);
	return e ? e : check_api(r);
}

static enum err config_parse(struct reading *r, struct bytes text)
{
	struct arena nodes;
	struct yaml *root = NULL;

	arena_init(&nodes, CONFIG_ARENA_MOST);
	enum err e = yaml_read(&nodes, text, CONFIG_FILE_MOST, &root, r->fault);
	if (!e)
		e = config_map(r, root, config_rows, COUNT_OF(config_rows), NULL);
	if (!e)
		e = check_whole(r, root);
	arena_done(&nodes);
	return e;
}

static enum err config_load(struct config *c, struct buffer *text, struct fault *fault)
{
	char	 path[CONFIG_PATH_MOST];
	enum err e = config_path(c, "mithaq.yaml", path);

	if (!e)
		e = file_read(path, text);
	if (e)
		return fault_at(fault, e, 0, "", e == ERR_FILE ? strerror(errno) : path,
				"mithaq init NAME writes the first one; --home says where it is",
				"الأمر mithaq init NAME يكتب أول ملف، والخيار --home يحدد مكانه");
	return ERR_OK;
}

enum err config_read(struct config *c, struct fault *fault)
{
	struct buffer  text = {.most = CONFIG_FILE_MOST};
	struct config  next;
	struct reading r = {.c = &next, .fault = fault};

	memset(&next, 0, sizeof next);
	memcpy(next.home, c->home, sizeof next.home);
	memcpy(next.data, c->data, sizeof next.data);
	next.api_listen = DEFAULT_API;
	arena_init(&next.arena, CONFIG_ARENA_MOST);

	enum err e = config_load(c, &text, fault);
	if (!e)
		e = config_parse(&r, buffer_bytes(&text));
	buffer_done(&text);
	if (e) {
		config_done(&next);
		return e;
	}
	config_done(c);
	*c = next;
	return ERR_OK;
}
