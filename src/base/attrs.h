/* attrs.h: the compiler annotations this house uses, in one place. */
#ifndef MITHAQ_BASE_ATTRS_H
#define MITHAQ_BASE_ATTRS_H

#define must_use		    __attribute__((warn_unused_result))
#define prints(format_at, first_at) __attribute__((format(printf, format_at, first_at)))
#define unused_arg		    __attribute__((unused))
#define scoped(done)		    __attribute__((cleanup(done)))

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif
