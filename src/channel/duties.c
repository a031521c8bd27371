#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "channel/state.h"

void *step_take(struct channel *ch, size_t n)
{
	void *at = arena_take(&ch->arena, n);

	if (at == NULL)
		ch->err = ERR_MEMORY;
	return at;
}

struct bytes step_copy(struct channel *ch, struct bytes v)
{
	uint8_t *at;

	if (v.n == 0)
		return BYTES_NONE;
	at = step_take(ch, v.n);
	if (at == NULL)
		return BYTES_NONE;
	memcpy(at, v.at, v.n);
	return bytes_of(at, v.n);
}

struct duty *duty_add(struct channel *ch, enum duty_type type)
{
	if (ch->nduties == ch->room_duties) {
		size_t	     room = ch->room_duties ? 2 * ch->room_duties : 64;
		struct duty *more = realloc(ch->duty, room * sizeof *more);

		if (more == NULL) {
			ch->err = ERR_MEMORY;
			return NULL;
		}
		ch->duty = more;
		ch->room_duties = room;
	}
	struct duty *d = &ch->duty[ch->nduties++];
	memset(d, 0, sizeof *d);
	d->type = type;
	return d;
}

void duty_close(struct channel *ch, enum close_code code, const char *text)
{
	struct duty *d = duty_add(ch, DUTY_CLOSE);

	ch->connected = false;
	if (d == NULL)
		return;
	d->end.code = (uint16_t)code;
	d->end.text = text;
}

void duty_alarm(struct channel *ch, enum alarm_code code, const char *text)
{
	struct duty *d = duty_add(ch, DUTY_ALARM);

	ch->frozen = true;
	if (d != NULL) {
		d->end.code = (uint16_t)code;
		d->end.frozen = true;
		d->end.text = text;
	}
	duty_close(ch, CLOSE_STRUCTURE, text);
}

void naming_store(struct channel *ch, bool own, const struct epoch *epoch, const struct naming *naming)
{
	struct duty *store = duty_add(ch, DUTY_STORE_NAMING);

	if (store == NULL)
		return;
	store->naming.epoch = *epoch;
	store->naming.own = own;
	store->naming.naming = *naming;
	ch->dirty = true;
}

const char *text_of(struct channel *ch, const char *format, ...)
{
	char	text[256];
	va_list args;

	va_start(args, format);
	int n = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (n < 0)
		return "";
	char *at = step_take(ch, sizeof text);
	if (at == NULL)
		return "";
	memcpy(at, text, sizeof text);
	return at;
}
