/*
 * schema.h: the tables of a ledger, schema 3; and what schema 2 lacks of them.
 *
 * What costs is not the row but the page it dirties: each commit writes every page it
 * touched once more to the WAL. So a place of a log is one integer, the row id itself
 *
 *     log << 40 | index (of an entry) or size (of a head)
 *
 * and rows of a log stand in one tree, side by side, without an index of their own.
 *
 * log         one epoch of one direction; ids ascend in order of opening. `checkpointed`,
 *             `receipted` and `sums` are what the store adds up while it writes (sums.c).
 *             `named`, `said` and `adopted`: channel/naming.h.
 * entry       the 33 bytes of an entry without their version, and what of it is still held.
 * head        every signed head, by size: the author's checkpoint and the reader's receipt
 *             of one root; zero until it comes. The smallest that covers an entry shows the earliest time.
 * exchange    one question per mid and side, at the place of its question: in order of asking.
 *             mids begin with the hour but are random within it, so only their small index is
 *             written at random places. `answer` is the place of the answer.
 * answered    an answer of ours that was taken in again while its question was not here.
 * idempotency what an account's Idempotency-Key stood for.
 * event       what applications are told of, by number (channel/news.h): the place of an exchange, or a subject. From
 *             schema 3. The row of the smallest number may stand for all before it, which were forgotten (news.c).
 * mark        small numbers that outlast a start: how far a webhook was told, that an agreement was once in force.
 *             From schema 3.
 *
 * The generated columns are for people and for the foreign keys; they take no room.
 */
#ifndef MITHAQ_STORE_SCHEMA_H
#define MITHAQ_STORE_SCHEMA_H

#define STORE_APPLICATION 0x6d697468 /* "mith" */
#define STORE_PAGE_SIZE	  2048	     /* two or three entries fill one: half the bytes a commit of 4,096 writes */

#define PLACE_COLUMNS(log, index)                                                                                                                    \
	" id INTEGER PRIMARY KEY,"                                                                                                                   \
	" " log " INTEGER AS (id >> 40) VIRTUAL REFERENCES log(id), " index " INTEGER AS (id & 0xffffffffff) VIRTUAL,"

/* Schema 3 is schema 2 and these two; a ledger of schema 2 is given them where it stands (sqlite.c). */
#define TABLE_EVENT "CREATE TABLE event (id INTEGER PRIMARY KEY, type INTEGER NOT NULL, exchange INTEGER, subject TEXT) STRICT"
#define TABLE_MARK  "CREATE TABLE mark (name BLOB PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID"

#define STORE_SCHEMA_BEFORE 2 /* the oldest that is converted, and that can be read as it is */

static const char *const schema_3[] = {TABLE_EVENT, TABLE_MARK};

static const char *const schema[] = {
	"CREATE TABLE log ("
	" id INTEGER PRIMARY KEY, partner TEXT NOT NULL, channel TEXT NOT NULL, own INTEGER NOT NULL, epoch BLOB NOT NULL,"
	" last_time_ms INTEGER NOT NULL DEFAULT 0, agreed INTEGER NOT NULL DEFAULT 0,"
	" checkpointed INTEGER NOT NULL DEFAULT 0, receipted INTEGER NOT NULL DEFAULT 0, sums BLOB NOT NULL,"
	" named INTEGER NOT NULL DEFAULT 0, named_root BLOB NOT NULL DEFAULT (zeroblob(32)), said INTEGER NOT NULL DEFAULT 0,"
	" named_by BLOB NOT NULL DEFAULT (zeroblob(16)), adopted INTEGER NOT NULL DEFAULT 0,"
	" frontier BLOB NOT NULL, tally BLOB NOT NULL, receipt_frontier BLOB NOT NULL, UNIQUE (epoch, own)) STRICT",

	"CREATE TABLE entry (" PLACE_COLUMNS(
		"log", "idx") " commitment BLOB NOT NULL, form INTEGER NOT NULL, salt BLOB, header BLOB, body BLOB, withheld BLOB) STRICT",

	"CREATE TABLE head (" PLACE_COLUMNS(
		"log", "size") " root BLOB NOT NULL, checkpoint BLOB, receipt BLOB NOT NULL, time_s INTEGER NOT NULL DEFAULT 0) STRICT",

	"CREATE TABLE exchange (" PLACE_COLUMNS(
		"question_log",
		"question_index") " answer INTEGER, answer_log INTEGER AS (answer >> 40) VIRTUAL REFERENCES log(id),"
				  " ours INTEGER NOT NULL, mid BLOB NOT NULL, agreement BLOB NOT NULL, clause INTEGER NOT NULL, day INTEGER NOT NULL,"
				  " state INTEGER NOT NULL, status INTEGER NOT NULL,"
				  " accepted_ms INTEGER NOT NULL, delivered_ms INTEGER NOT NULL, answered_ms INTEGER NOT NULL, not_after_ms INTEGER "
				  "NOT NULL,"
				  " used INTEGER NOT NULL, UNIQUE (ours, mid)) STRICT",

	"CREATE TABLE answered ("
	" epoch BLOB NOT NULL, idx INTEGER NOT NULL, answer INTEGER NOT NULL, status INTEGER NOT NULL, time_ms INTEGER NOT NULL,"
	" PRIMARY KEY (epoch, idx)) STRICT, WITHOUT ROWID",

	"CREATE TABLE idempotency ("
	" account BLOB NOT NULL, key BLOB NOT NULL, mid BLOB NOT NULL, body BLOB NOT NULL, at_ms INTEGER NOT NULL,"
	" UNIQUE (account, key)) STRICT",

	TABLE_EVENT,
	TABLE_MARK,
};

#endif
