/* config_inside.h: what the files that read the configuration share. Private to src/proc/config*.c. */
#ifndef MITHAQ_PROC_CONFIG_INSIDE_H
#define MITHAQ_PROC_CONFIG_INSIDE_H

#include "base/yaml.h"
#include "proc/config.h"

struct reading {
	struct config *c;
	struct fault  *fault;
	const char    *listen; /* the one for the only partner */
	unsigned       listen_line, api_line;
};

/* One function per key; `into` is what the table's object is. */
typedef enum err key_fn(struct reading *r, const struct yaml *node, void *into);

struct key_row {
	const char *name;
	key_fn	   *read;
};

enum err config_refuse(struct reading *r, const struct yaml *node, enum err e, const char *help, const char *help_ar);
enum err config_missing(struct reading *r, const struct yaml *node, const char *found, const char *help, const char *help_ar);
/* Every member of `map` by its row; a key without one is refused. */
enum err config_map(struct reading *r, const struct yaml *map, const struct key_row *rows, size_t n, void *into);
/* A scalar's text, copied to live as long as the configuration. */
enum err config_text(struct reading *r, const struct yaml *node, const char **out);
enum err config_file(struct reading *r, const struct yaml *node, const char **out);
enum err config_credential(struct reading *r, const struct yaml *node, const char **out);
enum err config_url_check(const char *text);

/* config_provide.c */
key_fn config_provide;

#endif
