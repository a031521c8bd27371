#include "provider/map.h"

#include <stdio.h>

#include "agreement/decide.h"
#include "base/text.h"

#define DROPPED_MOST 100 /* lines of a trace */

/* ---- pointers (RFC 6901) ---- */

enum err pointer_check(const char *pointer)
{
	unsigned steps = 0;

	if (*pointer != '/' || strlen(pointer) > POINTER_MOST)
		return ERR_VALUE;
	for (const char *at = pointer; *at != '\0';) {
		size_t n = strcspn(++at, "/");

		if (++steps > POINTER_STEPS_MOST || n > POINTER_STEP_MOST)
			return ERR_VALUE;
		for (size_t i = 0; i < n; i++)
			if (at[i] == '~' && at[i + 1] != '0' && at[i + 1] != '1')
				return ERR_VALUE;
		at += n;
	}
	return ERR_OK;
}

/* The step at `*at`, unescaped; `*at` goes on to the next slash or the end. */
static void step_take(const char **at, char out[POINTER_STEP_MOST + 1])
{
	size_t n = 0;

	for (; **at != '\0' && **at != '/' && n < POINTER_STEP_MOST; (*at)++) {
		if (**at == '~' && (*at)[1] != '\0') {
			(*at)++;
			out[n++] = **at == '1' ? '/' : '~';
		} else {
			out[n++] = **at;
		}
	}
	out[n] = '\0';
}

static const json_t *step_into(const json_t *in, const char *step)
{
	uint64_t index;

	if (json_is_object(in))
		return json_object_get(in, step);
	if (!json_is_array(in) || decimal_read(bytes_text(step), &index) != ERR_OK)
		return NULL;
	return json_array_get(in, (size_t)index);
}

const json_t *pointer_find(const json_t *root, const char *pointer)
{
	char step[POINTER_STEP_MOST + 1];

	while (root != NULL && *pointer == '/') {
		pointer++;
		step_take(&pointer, step);
		root = step_into(root, step);
	}
	return *pointer == '\0' ? root : NULL;
}

/* ---- reading the configuration against the clause ---- */

static enum err refuse(struct fault *fault, const struct config_answer *a, const char *found, const char *help, const char *help_ar)
{
	return fault_at(fault, ERR_VALUE, a->line, a->field, found, help, help_ar);
}

static const struct field_rule *rule_of(const struct clause *c, const char *field)
{
	for (unsigned i = 0; i < c->nanswer; i++)
		if (strcmp(c->answer[i].name, field) == 0)
			return &c->answer[i];
	return NULL;
}

static enum err date_fits(const struct field_rule *rule, const struct config_answer *a, const struct date_form *form, struct fault *fault)
{
	enum field_type wanted = form->time ? FIELD_TIME : FIELD_DATE;

	if (rule->type == wanted)
		return ERR_OK;
	return refuse(fault, a, a->date, "a form that ends in -time goes with a field of type time, the others with type date",
		      "الصيغة المنتهية بـ ‎-time‎ لحقل من نوع time، وسائر الصيغ لنوع date");
}

static enum err clause_fits(const struct clause *c, const struct config_answer *a, const struct date_form *form, struct fault *fault)
{
	const struct field_rule *rule = rule_of(c, a->field);

	if (rule == NULL)
		return refuse(fault, a, a->field, "the clause's answer has no such field, so it may not be sent",
			      "ليس في جواب البند حقل بهذا الاسم فلا يجوز إرساله");
	if (a->value != NULL && field_check(rule, bytes_text(a->value)) != ERR_OK)
		return refuse(fault, a, a->value, "the clause does not permit this value here", "لا يجيز البند هذه القيمة هنا");
	for (unsigned i = 0; i < a->ncodes; i++)
		if (field_check(rule, bytes_text(a->code[i].to)) != ERR_OK)
			return refuse(fault, a, a->code[i].to, "the clause does not permit this value here", "لا يجيز البند هذه القيمة هنا");
	return a->date != NULL ? date_fits(rule, a, form, fault) : ERR_OK;
}

static enum err answer_read(const struct config_answer *a, const struct clause *clause, struct date_form *form, struct fault *fault)
{
	if (a->from != NULL && pointer_check(a->from) != ERR_OK)
		return refuse(fault, a, a->from, "a JSON pointer: /state, /items/0/state; ~1 for a slash in a name, ~0 for ~",
			      "مؤشر JSON مثل ‎/state‎ أو ‎/items/0/state‎");
	if (a->value != NULL && a->ncodes > 0)
		return refuse(fault, a, a->value, "codes: goes with from:", "codes: تأتي مع from:");
	if (a->date != NULL && (a->from == NULL || a->ncodes > 0))
		return refuse(fault, a, a->date, "a date form goes with from: and without codes:", "صيغة التاريخ تأتي مع from: ودون codes:");
	if (a->date != NULL && date_form_read(a->date, form) != ERR_OK)
		return refuse(fault, a, a->date, "write DD-MM-YYYY, YYYYMMDD, RFC3339, epoch-seconds ...",
			      "اكتب DD-MM-YYYY أو YYYYMMDD أو RFC3339 أو epoch-seconds ...");
	return clause != NULL ? clause_fits(clause, a, form, fault) : ERR_OK;
}

enum err map_read(const struct config_provider *p, const struct clause *clause, struct map *out, struct fault *fault)
{
	struct map m = {.n = p->nanswers, .answer = p->answer};

	for (unsigned i = 0; i < m.n; i++) {
		enum err e = answer_read(&p->answer[i], clause, &m.date[i], fault);

		if (e != ERR_OK)
			return e;
		m.dates[i] = p->answer[i].date != NULL;
	}
	*out = m;
	return ERR_OK;
}

/* ---- one field of one answer ---- */

struct step {
	const struct config_answer *answer;
	const struct date_form	   *form; /* or NULL */
	struct bytes		    said, value;
	char			   *date;
};

static enum map_trouble code_take(struct step *s)
{
	for (unsigned i = 0; i < s->answer->ncodes; i++) {
		if (bytes_is(s->said, s->answer->code[i].from)) {
			s->value = bytes_text(s->answer->code[i].to);
			return MAP_DONE;
		}
	}
	return MAP_CODE;
}

/* What a value says as text; an object or a list says nothing. */
static bool said_of(const json_t *v, struct bytes *out)
{
	if (json_is_string(v))
		*out = bytes_of(json_string_value(v), json_string_length(v));
	else if (json_is_boolean(v))
		*out = bytes_text(json_is_true(v) ? "true" : "false");
	else
		return false;
	return true;
}

static enum map_trouble convert(struct step *s)
{
	s->value = s->said;
	if (s->answer->ncodes > 0)
		return code_take(s);
	if (s->form != NULL) {
		if (date_form_convert(s->form, s->said, s->date) != ERR_OK)
			return MAP_DATE;
		s->value = bytes_text(s->date);
	}
	return MAP_DONE;
}

static enum map_trouble step_do(struct step *s, const json_t *root)
{
	const json_t *v = s->answer->from != NULL ? pointer_find(root, s->answer->from) : NULL;

	s->said = s->value = BYTES_NONE;
	if (s->answer->value != NULL) {
		s->value = bytes_text(s->answer->value);
		return MAP_DONE;
	}
	if (v == NULL || json_is_null(v))
		return MAP_DONE;
	if (!said_of(v, &s->said))
		return MAP_TYPE;
	if (s->said.n == 0 && s->answer->ncodes == 0)
		return MAP_DONE;
	enum map_trouble trouble = convert(s);
	if (trouble != MAP_DONE)
		return trouble;
	if (s->value.n > FIELD_VALUE_MOST)
		return MAP_LONG;
	return text_check(s->value, TEXT_LINES) == ERR_OK ? MAP_DONE : MAP_TEXT;
}

/* ---- telling it, to whoever runs `provider test` ---- */

struct telling {
	provider_trace_fn *trace;
	void		  *arg;
	const struct map  *map;
	unsigned	   dropped;
};

/* "/state" or, where the value was made into another one, `/state "04"`. */
static void tell_step(const struct telling *t, const struct step *s, enum map_trouble trouble)
{
	char	       from[POINTER_MOST + FIELD_VALUE_MOST + 8];
	struct builder b = builder_on(from, sizeof from);

	build_text(&b, s->answer->from != NULL ? s->answer->from : "");
	if (s->said.n > 0 && s->said.n <= FIELD_VALUE_MOST && (trouble != MAP_DONE || !bytes_equal(s->said, s->value))) {
		build_text(&b, " \"");
		build_bytes(&b, s->said);
		build_text(&b, "\"");
	}
	t->trace(t->arg, trouble == MAP_DONE ? STEP_MAPPED : STEP_WRONG, builder_bytes(&b), bytes_text(s->answer->field),
		 trouble == MAP_DONE ? s->value : bytes_text(map_trouble_text(trouble)));
}

static bool is_taken(const struct map *m, struct bytes pointer)
{
	for (unsigned i = 0; i < m->n; i++)
		if (m->answer[i].from != NULL && bytes_is(pointer, m->answer[i].from))
			return true;
	return false;
}

static void step_write(struct builder *b, const char *key)
{
	build_u8(b, '/');
	for (; *key != '\0'; key++) {
		if (*key == '~' || *key == '/')
			build_text(b, *key == '~' ? "~0" : "~1");
		else
			build_u8(b, (uint8_t)*key);
	}
}

static void tell_dropped(struct telling *t, const json_t *v, struct builder *at);

static void tell_below(struct telling *t, const json_t *v, struct builder *at)
{
	const char *key;
	json_t	   *member;
	size_t	    index, before = at->n;

	json_object_foreach((json_t *)(uintptr_t)v, key, member)
	{
		step_write(at, key);
		tell_dropped(t, member, at);
		*at = (struct builder){.at = at->at, .n = before, .room = at->room};
	}
	json_array_foreach(v, index, member)
	{
		build_format(at, "/%zu", index);
		tell_dropped(t, member, at);
		*at = (struct builder){.at = at->at, .n = before, .room = at->room};
	}
}

/* Every value that no field was made of. The reader of the JSON has limited how deep this goes. */
static void tell_dropped(struct telling *t, const json_t *v, struct builder *at)
{
	if (is_taken(t->map, builder_bytes(at)) || t->dropped == DROPPED_MOST)
		return;
	if (json_object_size(v) > 0 || json_array_size(v) > 0) {
		tell_below(t, v, at);
		return;
	}
	t->dropped++;
	t->trace(t->arg, STEP_DROPPED, builder_bytes(at), BYTES_NONE, BYTES_NONE);
}

static void tell_rest(const struct map *m, const json_t *root, provider_trace_fn *trace, void *arg)
{
	struct telling t = {.trace = trace, .arg = arg, .map = m};
	char	       memory[4 * POINTER_MOST];
	struct builder at = builder_on(memory, sizeof memory);

	tell_dropped(&t, root, &at);
}

/* ---- a whole answer ---- */

static enum map_trouble field_take(const struct map *m, unsigned i, const json_t *root, struct mapped *out, const struct telling *t)
{
	struct step	 s = {.answer = &m->answer[i], .form = m->dates[i] ? &m->date[i] : NULL, .date = out->date[i]};
	enum map_trouble trouble = step_do(&s, root);

	if (t != NULL && (s.value.n > 0 || trouble != MAP_DONE))
		tell_step(t, &s, trouble);
	if (trouble == MAP_DONE && s.value.n > 0 && fields_add(&out->fields, bytes_text(s.answer->field), s.value) != ERR_OK)
		trouble = MAP_TEXT;
	if (trouble != MAP_DONE && out->field == NULL)
		out->field = s.answer->field;
	return trouble;
}

/* A map that takes nothing from the service but its status is content with that. */
static bool something_found(const struct map *m, const struct fields *found)
{
	bool wanted = false;

	for (unsigned i = 0; i < m->n; i++) {
		wanted = wanted || m->answer[i].from != NULL;
		if (m->answer[i].from != NULL && fields_find(found, m->answer[i].field) != NULL)
			return true;
	}
	return !wanted;
}

enum map_trouble map_answer(const struct map *m, const json_t *root, struct mapped *out, provider_trace_fn *trace, void *arg)
{
	const struct telling t = {.trace = trace, .arg = arg, .map = m};
	enum map_trouble     first = MAP_DONE;

	out->fields.n = 0;
	out->field = NULL;
	for (unsigned i = 0; i < m->n && (first == MAP_DONE || trace != NULL); i++) {
		enum map_trouble trouble = field_take(m, i, root, out, trace != NULL ? &t : NULL);

		first = first != MAP_DONE ? first : trouble;
	}
	if (trace != NULL)
		tell_rest(m, root, trace, arg);
	if (first != MAP_DONE)
		return first;
	return something_found(m, &out->fields) ? MAP_DONE : MAP_NOTHING;
}

const char *map_trouble_text(enum map_trouble trouble)
{
	switch (trouble) {
	case MAP_DONE:
		break;
	case MAP_TYPE:
		return "the service gave an object or a list where one value is expected";
	case MAP_CODE:
		return "the service's word is not in the list of codes";
	case MAP_DATE:
		return "the service's date is not of the form that the configuration names";
	case MAP_TEXT:
		return "the service's text has control characters or is not in Unicode normal form NFC";
	case MAP_LONG:
		return "the service's text is longer than a field may be";
	case MAP_NOTHING:
		return "the answer has none of the fields that the configuration names";
	}
	return "";
}
