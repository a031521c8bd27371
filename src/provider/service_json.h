/*
 * service_json.h: the JSON that a service answers, read strictly (RFC 8259). Pure.
 *
 * Numbers become strings, as the service wrote them: 18450.000 keeps its places, and
 * 20260048817 never passes through a float. A field is text anyway. No key may stand twice,
 * nesting is at most SERVICE_DEEP, and there is no U+0000.
 */
#ifndef MITHAQ_PROVIDER_SERVICE_JSON_H
#define MITHAQ_PROVIDER_SERVICE_JSON_H

#include <jansson.h>

#include "base/builder.h"

#define SERVICE_DEEP 32

/*
 * `room` is memory to work in, kept by the caller from one answer to the next; its `most` is
 * at least twice the text and two bytes. The caller frees *out with json_decref.
 * ERR_MALFORMED, ERR_TOO_DEEP, ERR_TOO_LONG, ERR_MEMORY.
 */
enum err service_json_read(struct bytes text, struct buffer *room, json_t **out) must_use;

#endif
