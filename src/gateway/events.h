/* events.h: one event as JSON, the same for streams, for waiting requests and for webhooks. */
#ifndef MITHAQ_GATEWAY_EVENTS_H
#define MITHAQ_GATEWAY_EVENTS_H

#include "channel/news.h"
#include "net/json.h"

#define EVENT_JSON_MOST 1024

void event_json(struct json_writer *w, const struct news *news);

#endif
