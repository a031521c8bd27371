/*
 * wide.h: UTF-8, as everything here is, and UTF-16, as ODBC's wide text is. Both ways
 * are strict: half a pair is refused, never replaced.
 */
#ifndef MITHAQ_PROVIDER_WIDE_H
#define MITHAQ_PROVIDER_WIDE_H

#include "base/builder.h"

/* `*n` is the room going in and the units written coming out. ERR_UTF8, ERR_NO_SPACE. */
enum err wide_write(struct bytes text, uint16_t *out, size_t *n) must_use;

/* Appends as UTF-8. ERR_UTF8 for half a pair or U+0000; the builder is left as it is when full. */
enum err wide_read(const uint16_t *units, size_t n, struct builder *out) must_use;

#endif
