/*
 * un.h: reads the consolidated list of the United Nations Security Council (XML).
 *
 * The list as published breaks its own schema, so the reader is tolerant: order
 * does not matter, white space is folded, text is brought to NFC, bidirectional
 * controls are removed, unknown elements are passed over; all of it is counted in
 * the report. It is strict where tolerance would be dangerous: broken XML, a
 * document type, another root element or a limit passed refuse the whole list.
 *
 * Reading is libxml2's streaming reader over memory: no network, no external or
 * internal entity, no document type. Nothing is kept between two records.
 */
#ifndef MITHAQ_LISTS_UN_H
#define MITHAQ_LISTS_UN_H

#include "base/bytes.h"
#include "base/error.h"

#define UN_LIST_MOST	(64u << 20) /* bytes of the whole list */
#define UN_RECORDS_MOST 200000
#define UN_RECORD_MOST	((size_t)256 * 1024) /* bytes of text in one record */
#define UN_DEEP		8
#define UN_UNKNOWN_MOST 16 /* unknown elements that are named; more are only counted */

/* The columns of a record, in the order the table `designation` has them. */
#define UN_FIELD_TABLE(X)                                                                                                                            \
	X(REFERENCE, "reference")                                                                                                                    \
	X(KIND, "kind")                                                                                                                              \
	X(NAME, "name")                                                                                                                              \
	X(NAME_ORIGINAL_SCRIPT, "name_original_script")                                                                                              \
	X(LIST_TYPE, "list_type")                                                                                                                    \
	X(LISTED_ON, "listed_on")                                                                                                                    \
	X(UPDATED_ON, "updated_on")                                                                                                                  \
	X(GENDER, "gender")                                                                                                                          \
	X(TITLE, "title")                                                                                                                            \
	X(DESIGNATION, "designation")                                                                                                                \
	X(NATIONALITY, "nationality")                                                                                                                \
	X(ALIASES, "aliases")                                                                                                                        \
	X(BORN, "born")                                                                                                                              \
	X(BORN_IN, "born_in")                                                                                                                        \
	X(DOCUMENTS, "documents")                                                                                                                    \
	X(ADDRESSES, "addresses")                                                                                                                    \
	X(COMMENTS, "comments")

enum un_field {
#define UN_FIELD_ENUM(name, column) UN_##name,
	UN_FIELD_TABLE(UN_FIELD_ENUM)
#undef UN_FIELD_ENUM
		UN_FIELDS
};

const char *un_field_column(enum un_field f);

/* One person or entity. Empty fields have n == 0; several values are joined by "; ". Views live until the callback returns. */
struct un_record {
	unsigned     line; /* where its element begins */
	struct bytes field[UN_FIELDS];
};

/* Return ERR_OK to go on; anything else ends the reading with that error. */
typedef enum err un_record_fn(void *arg, const struct un_record *record);

struct un_report {
	unsigned individuals, entities;
	unsigned original_script;   /* records with a name in its original script */
	unsigned arabic;	    /* of these, in Arabic script */
	unsigned without_reference; /* not handed over */
	unsigned dates_left_out;    /* LISTED_ON or LAST_DAY_UPDATED that is no date */
	unsigned spaces_folded;	    /* texts whose white space was folded */
	unsigned normalised;	    /* texts brought to NFC */
	unsigned bidi_removed;	    /* bidirectional controls taken out */
	unsigned unknown;	    /* elements the reader does not know */
	unsigned nunknown;	    /* of which these many kinds are named: */
	char	 unknown_name[UN_UNKNOWN_MOST][48];
	unsigned unknown_line[UN_UNKNOWN_MOST]; /* where each was first met */
	char	 generated[40];			/* dateGenerated of the list, or empty */
};

/* On failure `report` says how far it came, and nothing may be kept of what was handed over. */
enum err un_list_read(struct bytes xml, un_record_fn *each, void *arg, struct un_report *report, struct fault *fault) must_use;

#endif
