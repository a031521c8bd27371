/* un.c: the UN consolidated list, read as a stream; the tables below say what stands where. */
#include "lists/un.h"

#include <libxml/xmlreader.h>
#include <stdlib.h>
#include <utf8proc.h>

#include "base/builder.h"
#include "base/text.h"

#define SLOTS	   10 /* members of one group */
#define NAME_PARTS 4
#define NOWHERE	   UN_FIELDS /* known, not kept */

/* The list's elements by depth: CONSOLIDATED_LIST / INDIVIDUALS / INDIVIDUAL / element / member. */
enum { DEPTH_LIST, DEPTH_SECTION, DEPTH_RECORD, DEPTH_ELEMENT, DEPTH_MEMBER };

struct row {
	const char   *element;
	const char   *member; /* NULL: the element's own text */
	enum un_field field;
	unsigned      slot; /* the member's place in the written value; of FIRST_NAME ..: the part of the name */
};

/* clang-format off */
static const struct row ROWS[] = {
	{"REFERENCE_NUMBER",	     NULL,		 UN_REFERENCE,		  0},
	{"FIRST_NAME",		     NULL,		 UN_NAME,		  0},
	{"SECOND_NAME",		     NULL,		 UN_NAME,		  1},
	{"THIRD_NAME",		     NULL,		 UN_NAME,		  2},
	{"FOURTH_NAME",		     NULL,		 UN_NAME,		  3},
	{"NAME_ORIGINAL_SCRIPT",     NULL,		 UN_NAME_ORIGINAL_SCRIPT, 0},
	{"UN_LIST_TYPE",	     NULL,		 UN_LIST_TYPE,		  0},
	{"LISTED_ON",		     NULL,		 UN_LISTED_ON,		  0},
	{"LAST_DAY_UPDATED",	     "VALUE",		 UN_UPDATED_ON,		  0},
	{"GENDER",		     NULL,		 UN_GENDER,		  0},
	{"TITLE",		     "VALUE",		 UN_TITLE,		  0},
	{"DESIGNATION",		     "VALUE",		 UN_DESIGNATION,	  0},
	{"NATIONALITY",		     "VALUE",		 UN_NATIONALITY,	  0},
	{"COMMENTS1",		     NULL,		 UN_COMMENTS,		  0},
	{"INDIVIDUAL_ALIAS",	     "ALIAS_NAME",	 UN_ALIASES,		  0},
	{"INDIVIDUAL_ALIAS",	     "QUALITY",		 NOWHERE,		  0},
	{"INDIVIDUAL_ALIAS",	     "DATE_OF_BIRTH",	 NOWHERE,		  0},
	{"INDIVIDUAL_ALIAS",	     "CITY_OF_BIRTH",	 NOWHERE,		  0},
	{"INDIVIDUAL_ALIAS",	     "COUNTRY_OF_BIRTH", NOWHERE,		  0},
	{"INDIVIDUAL_ALIAS",	     "NOTE",		 NOWHERE,		  0},
	{"ENTITY_ALIAS",	     "ALIAS_NAME",	 UN_ALIASES,		  0},
	{"ENTITY_ALIAS",	     "QUALITY",		 NOWHERE,		  0},
	{"INDIVIDUAL_DATE_OF_BIRTH", "TYPE_OF_DATE",	 UN_BORN,		  0},
	{"INDIVIDUAL_DATE_OF_BIRTH", "DATE",		 UN_BORN,		  1},
	{"INDIVIDUAL_DATE_OF_BIRTH", "YEAR",		 UN_BORN,		  2},
	{"INDIVIDUAL_DATE_OF_BIRTH", "FROM_YEAR",	 UN_BORN,		  3},
	{"INDIVIDUAL_DATE_OF_BIRTH", "TO_YEAR",		 UN_BORN,		  4},
	{"INDIVIDUAL_DATE_OF_BIRTH", "NOTE",		 UN_BORN,		  5},
	{"INDIVIDUAL_PLACE_OF_BIRTH", "CITY",		 UN_BORN_IN,		  0},
	{"INDIVIDUAL_PLACE_OF_BIRTH", "STATE_PROVINCE",	 UN_BORN_IN,		  1},
	{"INDIVIDUAL_PLACE_OF_BIRTH", "COUNTRY",	 UN_BORN_IN,		  2},
	{"INDIVIDUAL_PLACE_OF_BIRTH", "NOTE",		 UN_BORN_IN,		  3},
	{"INDIVIDUAL_DOCUMENT",	     "TYPE_OF_DOCUMENT", UN_DOCUMENTS,		  0},
	{"INDIVIDUAL_DOCUMENT",	     "TYPE_OF_DOCUMENT2", UN_DOCUMENTS,		  1},
	{"INDIVIDUAL_DOCUMENT",	     "NUMBER",		 UN_DOCUMENTS,		  2},
	{"INDIVIDUAL_DOCUMENT",	     "ISSUING_COUNTRY",	 UN_DOCUMENTS,		  3},
	{"INDIVIDUAL_DOCUMENT",	     "COUNTRY_OF_ISSUE", UN_DOCUMENTS,		  4},
	{"INDIVIDUAL_DOCUMENT",	     "CITY_OF_ISSUE",	 UN_DOCUMENTS,		  5},
	{"INDIVIDUAL_DOCUMENT",	     "DATE_OF_ISSUE",	 UN_DOCUMENTS,		  6},
	{"INDIVIDUAL_DOCUMENT",	     "NOTE",		 UN_DOCUMENTS,		  7},
	{"INDIVIDUAL_ADDRESS",	     "STREET",		 UN_ADDRESSES,		  0},
	{"INDIVIDUAL_ADDRESS",	     "CITY",		 UN_ADDRESSES,		  1},
	{"INDIVIDUAL_ADDRESS",	     "STATE_PROVINCE",	 UN_ADDRESSES,		  2},
	{"INDIVIDUAL_ADDRESS",	     "ZIP_CODE",	 UN_ADDRESSES,		  3},
	{"INDIVIDUAL_ADDRESS",	     "COUNTRY",		 UN_ADDRESSES,		  4},
	{"INDIVIDUAL_ADDRESS",	     "NOTE",		 UN_ADDRESSES,		  5},
	{"ENTITY_ADDRESS",	     "STREET",		 UN_ADDRESSES,		  0},
	{"ENTITY_ADDRESS",	     "CITY",		 UN_ADDRESSES,		  1},
	{"ENTITY_ADDRESS",	     "STATE_PROVINCE",	 UN_ADDRESSES,		  2},
	{"ENTITY_ADDRESS",	     "ZIP_CODE",	 UN_ADDRESSES,		  3},
	{"ENTITY_ADDRESS",	     "COUNTRY",		 UN_ADDRESSES,		  4},
	{"ENTITY_ADDRESS",	     "NOTE",		 UN_ADDRESSES,		  5},
	{"DATAID",		     NULL,		 NOWHERE,		  0},
	{"VERSIONNUM",		     NULL,		 NOWHERE,		  0},
	{"LIST_TYPE",		     "VALUE",		 NOWHERE,		  0},
	{"SORT_KEY",		     NULL,		 NOWHERE,		  0},
	{"SORT_KEY_LAST_MOD",	     NULL,		 NOWHERE,		  0},
	{"SUBMITTED_BY",	     NULL,		 NOWHERE,		  0},
	{"SUBMITTED_ON",	     NULL,		 NOWHERE,		  0},
	{"DELISTED_ON",		     NULL,		 NOWHERE,		  0},
};
/* clang-format on */

#define COLUMN(name, column) column,
static const char *const COLUMNS[] = {UN_FIELD_TABLE(COLUMN)};
#undef COLUMN

struct reading {
	xmlTextReaderPtr  xml;
	un_record_fn	 *each;
	void		 *arg;
	struct un_report *report;
	struct fault	 *fault;
	int		  skip_depth; /* everything deeper than this is passed over; -1: nothing is */
	bool		  entity;     /* the record being read is an ENTITY */
	bool		  ended;      /* the root element was closed */
	unsigned	  record_line;
	size_t		  record_bytes;
	const char	 *element; /* the row's name of the element being read, static text */
	const struct row *row;	   /* of the element or member whose text is being read */
	struct buffer	  raw, clean, joined;
	struct buffer	  slot[SLOTS], name[NAME_PARTS], field[UN_FIELDS];
	char		  complaint[96];  /* what libxml2 said first, */
	unsigned	  complaint_line; /* and where */
};

const char *un_field_column(enum un_field f)
{
	return COLUMNS[f];
}

/* Where the node being looked at begins; 0 where libxml2 does not say. The parser itself is up to half a KiB further. */
static unsigned line_now(const struct reading *u)
{
	long line = xmlGetLineNo(xmlTextReaderCurrentNode(u->xml));

	return line > 0 ? (unsigned)line : 0;
}

static enum err refuse(struct reading *u, enum err e, const char *found, const char *help, const char *help_ar)
{
	return fault_at(u->fault, e, line_now(u), u->element, found, help, help_ar);
}

/* ---- texts ---- */

static bool is_bidi(utf8proc_int32_t c)
{
	return c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

static bool is_blank(utf8proc_int32_t c)
{
	utf8proc_category_t category = utf8proc_category(c);

	return category == UTF8PROC_CATEGORY_ZS || category == UTF8PROC_CATEGORY_ZL || category == UTF8PROC_CATEGORY_ZP ||
	       category == UTF8PROC_CATEGORY_CC;
}

static bool is_arabic(utf8proc_int32_t c)
{
	return (c >= 0x0600 && c <= 0x06ff) || (c >= 0x0750 && c <= 0x077f) || (c >= 0x08a0 && c <= 0x08ff) || (c >= 0xfb50 && c <= 0xfdff) ||
	       (c >= 0xfe70 && c <= 0xfeff);
}

static bool speaks_arabic(struct bytes v)
{
	utf8proc_int32_t c;

	for (size_t at = 0; at < v.n;) {
		utf8proc_ssize_t n = utf8proc_iterate(v.at + at, (utf8proc_ssize_t)(v.n - at), &c);
		if (n <= 0)
			return false;
		if (is_arabic(c))
			return true;
		at += (size_t)n;
	}
	return false;
}

/* Copies `v` with its white space folded and its bidirectional controls left out. */
static enum err fold(struct reading *u, struct bytes v, struct buffer *out)
{
	utf8proc_int32_t c;
	bool		 blank = false, touched = false;
	enum err	 e = ERR_OK;

	for (size_t at = 0; at < v.n && e == ERR_OK;) {
		utf8proc_ssize_t n = utf8proc_iterate(v.at + at, (utf8proc_ssize_t)(v.n - at), &c);
		if (n <= 0)
			return refuse(u, ERR_UTF8, NULL, "save the list as UTF-8", "احفظ القائمة بترميز UTF-8");
		if (is_bidi(c)) {
			u->report->bidi_removed++;
		} else if (is_blank(c)) {
			touched |= blank || c != ' ' || out->n == 0;
			blank = true;
		} else {
			if (blank && out->n > 0)
				e = buffer_add(out, bytes_text(" "));
			if (e == ERR_OK)
				e = buffer_add(out, bytes_of(v.at + at, (size_t)n));
			blank = false;
		}
		at += (size_t)n;
	}
	/* What is nothing but layout between two elements is no finding. */
	u->report->spaces_folded += (touched || blank) && out->n > 0;
	return e;
}

/* Brings `v` to NFC; what comes out replaces `out`. */
static enum err compose(struct reading *u, struct bytes v, struct buffer *out)
{
	utf8proc_uint8_t *composed = NULL;
	utf8proc_ssize_t  n = utf8proc_map(v.at, (utf8proc_ssize_t)v.n, &composed, UTF8PROC_STABLE | UTF8PROC_COMPOSE);

	if (n < 0) {
		free(composed);
		return refuse(u, ERR_UTF8, NULL, "save the list as UTF-8", "احفظ القائمة بترميز UTF-8");
	}
	struct bytes done = bytes_of(composed, (size_t)n);
	u->report->normalised += !bytes_equal(done, v);
	out->n = 0;
	enum err e = buffer_add(out, done);
	free(composed);
	return e;
}

/* The text gathered since the element began, ready to be kept: in u->clean. */
static enum err clean_text(struct reading *u)
{
	u->joined.n = 0;
	u->clean.n = 0;
	enum err e = fold(u, buffer_bytes(&u->raw), &u->joined);
	u->raw.n = 0;
	if (e != ERR_OK || u->joined.n == 0)
		return e;
	return compose(u, buffer_bytes(&u->joined), &u->clean);
}

static enum err append(struct buffer *out, struct bytes v, const char *separator)
{
	if (v.n == 0)
		return ERR_OK;
	if (out->n > 0) {
		enum err e = buffer_add(out, bytes_text(separator));
		if (e != ERR_OK)
			return e;
	}
	return buffer_add(out, v);
}

/* A date as the list writes it, perhaps with a time zone behind it: 2011-01-31-05:00. Only its day is kept. */
static struct bytes date_only(struct reading *u, struct bytes v)
{
	struct bytes day = bytes_of(v.at, v.n < 10 ? v.n : 10);
	int32_t	     ignored;
	bool	     zone = v.n == 16 && (v.at[10] == '-' || v.at[10] == '+') && v.at[13] == ':';

	if (v.n == 0)
		return v;
	if (date_read(day, &ignored) == ERR_OK && (v.n == 10 || zone || (v.n == 11 && v.at[10] == 'Z')))
		return day;
	u->report->dates_left_out++;
	return BYTES_NONE;
}

/* ---- records ---- */

static void reset(struct buffer *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		list[i].n = 0;
}

static enum err record_begin(struct reading *u, bool entity)
{
	if (u->report->individuals + u->report->entities >= UN_RECORDS_MOST)
		return refuse(u, ERR_TOO_LONG, NULL, "a list has at most 200,000 records", "لا تزيد القائمة على 200,000 قيد");
	u->entity = entity;
	u->record_line = line_now(u);
	u->record_bytes = 0;
	reset(u->name, NAME_PARTS);
	reset(u->field, UN_FIELDS);
	if (entity)
		u->report->entities++;
	else
		u->report->individuals++;
	return ERR_OK;
}

static enum err record_name(struct reading *u)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < NAME_PARTS && e == ERR_OK; i++)
		e = append(&u->field[UN_NAME], buffer_bytes(&u->name[i]), " ");
	return e;
}

static enum err record_end(struct reading *u)
{
	struct un_record record = {.line = u->record_line};
	enum err	 e = record_name(u);

	if (e != ERR_OK)
		return e;
	for (size_t i = 0; i < UN_FIELDS; i++)
		record.field[i] = buffer_bytes(&u->field[i]);
	record.field[UN_KIND] = bytes_text(u->entity ? "entity" : "individual");
	u->report->original_script += record.field[UN_NAME_ORIGINAL_SCRIPT].n > 0;
	u->report->arabic += speaks_arabic(record.field[UN_NAME_ORIGINAL_SCRIPT]);
	if (record.field[UN_REFERENCE].n == 0) {
		u->report->without_reference++;
		return ERR_OK;
	}
	return u->each(u->arg, &record);
}

/* ---- elements ---- */

static const struct row *row_of(const char *element, const char *member)
{
	for (size_t i = 0; i < COUNT_OF(ROWS); i++)
		if (strcmp(ROWS[i].element, element) == 0 && (member == NULL || (ROWS[i].member != NULL && strcmp(ROWS[i].member, member) == 0)))
			return &ROWS[i];
	return NULL;
}

static void unknown_element(struct reading *u, const char *name, int depth)
{
	struct un_report *r = u->report;
	unsigned	  i = 0;

	u->skip_depth = depth;
	r->unknown++;
	while (i < r->nunknown && strncmp(r->unknown_name[i], name, sizeof r->unknown_name[i] - 1) != 0)
		i++;
	if (i < r->nunknown || i == UN_UNKNOWN_MOST)
		return;
	struct builder b = builder_on(r->unknown_name[i], sizeof r->unknown_name[i] - 1);
	build_copy(&b, name, strnlen(name, sizeof r->unknown_name[i] - 1));
	r->unknown_line[i] = line_now(u);
	r->nunknown++;
}

static enum err root_begin(struct reading *u, const char *name)
{
	if (strcmp(name, "CONSOLIDATED_LIST") != 0)
		return refuse(u, ERR_MALFORMED, name, "the root element of a UN list is CONSOLIDATED_LIST",
			      "العنصر الجذر لقائمة الأمم المتحدة هو CONSOLIDATED_LIST");
	xmlChar *generated = xmlTextReaderGetAttribute(u->xml, (const xmlChar *)"dateGenerated");
	if (generated != NULL && text_check(bytes_text((const char *)generated), TEXT_LINE) == ERR_OK) {
		struct builder b = builder_on(u->report->generated, sizeof u->report->generated - 1);
		build_text(&b, (const char *)generated);
		if (b.err != ERR_OK)
			memset(u->report->generated, 0, sizeof u->report->generated);
	}
	xmlFree(generated);
	return ERR_OK;
}

/* An element of a record, or a member of one. An unknown one is passed over; what stands around it stays. */
static enum err element_begin(struct reading *u, const char *name, int depth)
{
	const struct row *row = NULL;

	if (depth == DEPTH_ELEMENT)
		row = row_of(name, NULL);
	else if (depth == DEPTH_MEMBER && u->element != NULL)
		row = row_of(u->element, name);
	if (row == NULL) {
		unknown_element(u, name, depth);
		return ERR_OK;
	}
	if (depth == DEPTH_ELEMENT)
		reset(u->slot, SLOTS);
	u->element = row->element;
	u->row = row;
	u->raw.n = 0;
	return ERR_OK;
}

static enum err any_begin(struct reading *u, const char *name, int depth)
{
	switch (depth) {
	case DEPTH_LIST:
		return root_begin(u, name);
	case DEPTH_SECTION:
		if (strcmp(name, "INDIVIDUALS") != 0 && strcmp(name, "ENTITIES") != 0)
			unknown_element(u, name, depth);
		return ERR_OK;
	case DEPTH_RECORD:
		if (strcmp(name, "INDIVIDUAL") == 0 || strcmp(name, "ENTITY") == 0)
			return record_begin(u, name[0] == 'E');
		unknown_element(u, name, depth);
		return ERR_OK;
	default:
		return element_begin(u, name, depth);
	}
}

static enum err text_keep(struct reading *u, const struct row *row)
{
	struct bytes text = buffer_bytes(&u->clean);

	if (row->field == UN_LISTED_ON || row->field == UN_UPDATED_ON)
		text = date_only(u, text);
	if (row->member != NULL)
		return append(&u->slot[row->slot], text, "; ");
	return append(row->field == UN_NAME ? &u->name[row->slot] : &u->field[row->field], text, "; ");
}

/* A member is over: its text goes to its slot. */
static enum err member_end(struct reading *u)
{
	const struct row *row = u->row;

	u->row = NULL;
	if (row == NULL || row->field == NOWHERE) {
		u->raw.n = 0;
		return ERR_OK;
	}
	enum err e = clean_text(u);
	return e == ERR_OK ? text_keep(u, row) : e;
}

/* An element is over: its own text, or its members in the table's order whatever order they came in. */
static enum err element_end(struct reading *u)
{
	const struct row *row = u->element != NULL ? row_of(u->element, NULL) : NULL;
	enum err	  e = ERR_OK;

	u->element = NULL;
	u->row = NULL;
	if (row == NULL)
		return ERR_OK;
	if (row->member == NULL) {
		if (row->field != NOWHERE && (e = clean_text(u)) == ERR_OK)
			e = text_keep(u, row);
		return e;
	}
	u->joined.n = 0;
	for (size_t i = 0; i < SLOTS && e == ERR_OK; i++)
		e = append(&u->joined, buffer_bytes(&u->slot[i]), row->field == UN_BORN ? " " : ", ");
	/* The first row of a group says where the group is kept. */
	if (e == ERR_OK && row->field != NOWHERE)
		e = append(&u->field[row->field], buffer_bytes(&u->joined), "; ");
	return e;
}

static enum err node_end(struct reading *u, int depth)
{
	switch (depth) {
	case DEPTH_LIST:
		u->ended = true;
		return ERR_OK;
	case DEPTH_RECORD:
		return record_end(u);
	case DEPTH_ELEMENT:
		return element_end(u);
	case DEPTH_MEMBER:
		return member_end(u);
	default:
		return ERR_OK;
	}
}

static enum err node_begin(struct reading *u, int depth)
{
	const char *name = (const char *)xmlTextReaderConstName(u->xml);

	if (depth > UN_DEEP)
		return refuse(u, ERR_TOO_DEEP, name, "a list is nested at most 8 deep", "لا يتجاوز تداخل القائمة 8 مستويات");
	enum err e = any_begin(u, name, depth);
	if (e != ERR_OK || xmlTextReaderIsEmptyElement(u->xml) != 1)
		return e;
	/* An empty element has no end of its own. */
	if (u->skip_depth == depth) {
		u->skip_depth = -1;
		return ERR_OK;
	}
	return node_end(u, depth);
}

static enum err node_text(struct reading *u)
{
	const char *text = (const char *)xmlTextReaderConstValue(u->xml);

	if (text == NULL || u->row == NULL)
		return ERR_OK;
	size_t n = strlen(text);
	u->record_bytes += n;
	if (u->record_bytes > UN_RECORD_MOST)
		return refuse(u, ERR_TOO_LONG, NULL, "one record has at most 256 KiB of text", "لا يتجاوز نص القيد الواحد 256 كيبيبايت");
	return buffer_add(&u->raw, bytes_of(text, n));
}

static enum err node(struct reading *u)
{
	int depth = xmlTextReaderDepth(u->xml);
	int type = xmlTextReaderNodeType(u->xml);

	/* Entities are how XML reads files and grows without bound; a list of designations needs none. */
	if (type == XML_READER_TYPE_DOCUMENT_TYPE || type == XML_READER_TYPE_ENTITY_REFERENCE || type == XML_READER_TYPE_ENTITY)
		return refuse(u, ERR_MALFORMED, "a document type or an entity", "remove it: a list needs none", "احذفه: القائمة لا تحتاج إليه");
	if (u->skip_depth >= 0) {
		if (type == XML_READER_TYPE_END_ELEMENT && depth == u->skip_depth)
			u->skip_depth = -1;
		if (depth > UN_DEEP)
			return refuse(u, ERR_TOO_DEEP, NULL, "a list is nested at most 8 deep", "لا يتجاوز تداخل القائمة 8 مستويات");
		return ERR_OK;
	}
	switch (type) {
	case XML_READER_TYPE_ELEMENT:
		return node_begin(u, depth);
	case XML_READER_TYPE_END_ELEMENT:
		return node_end(u, depth);
	case XML_READER_TYPE_TEXT:
	case XML_READER_TYPE_CDATA:
	case XML_READER_TYPE_SIGNIFICANT_WHITESPACE:
		return node_text(u);
	default:
		return ERR_OK;
	}
}

/* ---- the whole ---- */

/* Keeps the first complaint of libxml2, which would otherwise print it. */
static void complained(void *arg, xmlErrorPtr error)
{
	struct reading *u = arg;

	if (u->complaint[0] != '\0' || error->message == NULL || error->level < XML_ERR_ERROR)
		return;
	struct builder b = builder_on(u->complaint, sizeof u->complaint - 1);
	build_copy(&b, error->message,
		   strcspn(error->message, "\r\n") < sizeof u->complaint - 1 ? strcspn(error->message, "\r\n") : sizeof u->complaint - 1);
	u->complaint_line = error->line > 0 ? (unsigned)error->line : 0;
}

static enum err read_all(struct reading *u)
{
	enum err e = ERR_OK;
	int	 more;

	while ((more = xmlTextReaderRead(u->xml)) == 1)
		if ((e = node(u)) != ERR_OK)
			return e;
	if (more < 0 || !u->ended)
		return fault_at(u->fault, ERR_MALFORMED, u->complaint_line != 0 ? u->complaint_line : line_now(u), NULL, u->complaint,
				"this is not whole XML: fetch the list again", "هذا ليس ملف XML كاملًا: نزِّل القائمة مرة أخرى");
	if (u->report->individuals + u->report->entities == 0)
		return fault_at(u->fault, ERR_MISSING, 0, "CONSOLIDATED_LIST", "", "a list has at least one INDIVIDUAL or ENTITY",
				"في القائمة قيد واحد على الأقل من نوع INDIVIDUAL أو ENTITY");
	return ERR_OK;
}

static void limits(struct buffer *list, size_t n, size_t most)
{
	for (size_t i = 0; i < n; i++)
		list[i] = (struct buffer){.most = most};
}

static void release(struct buffer *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buffer_done(&list[i]);
}

static void reading_init(struct reading *u)
{
	/* Composed text and separators can be longer than what was read, by less than four times. */
	size_t most = 4 * (size_t)UN_RECORD_MOST;

	limits(&u->raw, 1, most);
	limits(&u->clean, 1, most);
	limits(&u->joined, 1, most);
	limits(u->slot, SLOTS, most);
	limits(u->name, NAME_PARTS, most);
	limits(u->field, UN_FIELDS, most);
}

static void reading_done(struct reading *u)
{
	xmlFreeTextReader(u->xml);
	release(&u->raw, 1);
	release(&u->clean, 1);
	release(&u->joined, 1);
	release(u->slot, SLOTS);
	release(u->name, NAME_PARTS);
	release(u->field, UN_FIELDS);
}

enum err un_list_read(struct bytes xml, un_record_fn *each, void *arg, struct un_report *report, struct fault *fault)
{
	struct reading *u = NULL;
	enum err	e;

	memset(report, 0, sizeof *report);
	if (xml.n > UN_LIST_MOST)
		return fault_at(fault, ERR_TOO_LONG, 0, NULL, NULL, "a list has at most 64 MiB", "لا يتجاوز حجم القائمة 64 ميبيبايت");
	if (xml.n == 0)
		return fault_at(fault, ERR_SHORT, 0, NULL, "", "fetch the list again", "نزِّل القائمة مرة أخرى");
	u = calloc(1, sizeof *u);
	if (u == NULL)
		return ERR_MEMORY;
	*u = (struct reading){.each = each, .arg = arg, .report = report, .fault = fault, .skip_depth = -1};
	reading_init(u);
	/* The encoding is said here, so that nothing in the file chooses another. */
	u->xml = xmlReaderForMemory((const char *)xml.at, (int)xml.n, NULL, "UTF-8",
				    XML_PARSE_NONET | XML_PARSE_IGNORE_ENC | XML_PARSE_COMPACT | XML_PARSE_BIG_LINES);
	if (u->xml == NULL) {
		e = ERR_MEMORY;
	} else {
		/* The reader's own handler does not hear of encodings; without the other libxml2 would print. */
		xmlTextReaderSetStructuredErrorHandler(u->xml, complained, u);
		xmlSetStructuredErrorFunc(u, complained);
		e = read_all(u);
		xmlSetStructuredErrorFunc(NULL, NULL);
	}
	reading_done(u);
	free(u);
	return e;
}
