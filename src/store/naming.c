/* naming.c: what is said of a log by others of its author, and answers that came back before their questions. */
#include "store/inside.h"

enum err store_naming_save(struct store *s, int64_t log, const struct naming *naming)
{
	scoped_query q = query_take(s, STATEMENT_LOG_NAMING);

	query_u64(&q, naming->size);
	query_bytes(&q, bytes_of(naming->root.b, HASH_SIZE));
	query_u64(&q, naming->said);
	query_integer(&q, naming->adopted);
	query_bytes(&q, bytes_of(naming->by.b, EPOCH_SIZE));
	query_integer(&q, log);
	return query_run(&q);
}

enum err store_answered_add(struct store *s, const struct answered_row *a)
{
	scoped_query q = query_take(s, STATEMENT_ANSWERED_ADD);

	query_bytes(&q, bytes_of(a->question_epoch.b, EPOCH_SIZE));
	query_u64(&q, a->question_index);
	query_place(&q, a->answer_log, a->answer_index);
	query_integer(&q, a->status);
	query_u64(&q, a->time_ms);
	s->answered = ANSWERED_SOME;
	return query_run(&q);
}

/* Asked for with every question that arrives, and nearly always there is none at all. */
static enum err any_answered(struct store *s)
{
	if (s->answered == ANSWERED_UNKNOWN) {
		scoped_query q = query_take(s, STATEMENT_ANSWERED_ANY);
		enum err     e = query_row(&q);

		if (e != ERR_OK && e != ERR_NOT_FOUND)
			return e;
		s->answered = e == ERR_OK ? ANSWERED_SOME : ANSWERED_NONE;
	}
	return s->answered == ANSWERED_SOME ? ERR_OK : ERR_NOT_FOUND;
}

enum err store_answered_find(struct store *s, const struct epoch *question_epoch, uint64_t question_index, struct answered_row *out)
{
	enum err e = any_answered(s);

	if (e != ERR_OK)
		return e;
	scoped_query q = query_take(s, STATEMENT_ANSWERED_FIND);
	query_bytes(&q, bytes_of(question_epoch->b, EPOCH_SIZE));
	query_u64(&q, question_index);
	e = query_row(&q);
	if (e != ERR_OK)
		return e;
	*out = (struct answered_row){.question_epoch = *question_epoch,
				     .question_index = question_index,
				     .answer_log = place_log((int64_t)column_u64(&q, 0)),
				     .answer_index = place_index((int64_t)column_u64(&q, 0)),
				     .status = (uint16_t)column_u64(&q, 1),
				     .time_ms = column_u64(&q, 2)};
	return ERR_OK;
}
