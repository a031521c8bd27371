/*
 * schema.h: the tables of a ledger, schema 1.
 *
 * log         one epoch of one direction; ids ascend in order of opening.
 * entry       the 33 bytes of an entry without their version, and what of it is still held.
 * checkpoint, receipt   every signed head, by size: the largest is the log's head, the smallest
 *             that covers an entry shows the earliest time.
 * exchange    one question per mid and side, appended in order of asking: mids begin with the hour but are
 *             random within it, so only their small index is written at random places.
 * counted     how many exchanges of a question log are in each state, kept by the two triggers.
 * idempotency what an account's Idempotency-Key stood for.
 *
 * An entry is found by (log, idx) alone. Unanswered exchanges (states 1 and 2) have
 * an index of their own that stays small; the quota index serves the recount at start.
 */
#ifndef MITHAQ_STORE_SCHEMA_H
#define MITHAQ_STORE_SCHEMA_H

#define STORE_APPLICATION 0x6d697468 /* "mith" */

static const char *const schema[] = {
	"CREATE TABLE log ("
	" id INTEGER PRIMARY KEY, partner TEXT NOT NULL, channel TEXT NOT NULL, own INTEGER NOT NULL, epoch BLOB NOT NULL,"
	" frontier BLOB NOT NULL, tally BLOB NOT NULL, receipt_frontier BLOB NOT NULL,"
	" last_time_ms INTEGER NOT NULL DEFAULT 0, agreed INTEGER NOT NULL DEFAULT 0, UNIQUE (epoch, own)) STRICT",

	"CREATE TABLE entry ("
	" log INTEGER NOT NULL REFERENCES log(id), idx INTEGER NOT NULL, commitment BLOB NOT NULL, form INTEGER NOT NULL,"
	" salt BLOB, header BLOB, body BLOB, withheld BLOB, PRIMARY KEY (log, idx)) STRICT, WITHOUT ROWID",

	"CREATE TABLE checkpoint ("
	" log INTEGER NOT NULL REFERENCES log(id), size INTEGER NOT NULL, root BLOB NOT NULL, sig BLOB NOT NULL,"
	" PRIMARY KEY (log, size)) STRICT, WITHOUT ROWID",

	"CREATE TABLE receipt ("
	" log INTEGER NOT NULL REFERENCES log(id), size INTEGER NOT NULL, root BLOB NOT NULL, time_s INTEGER NOT NULL, sig BLOB NOT NULL,"
	" PRIMARY KEY (log, size)) STRICT, WITHOUT ROWID",

	"CREATE TABLE exchange ("
	" ours INTEGER NOT NULL, mid BLOB NOT NULL,"
	" question_log INTEGER NOT NULL REFERENCES log(id), question_index INTEGER NOT NULL,"
	" answer_log INTEGER REFERENCES log(id), answer_index INTEGER NOT NULL,"
	" agreement BLOB NOT NULL, clause INTEGER NOT NULL, day INTEGER NOT NULL,"
	" state INTEGER NOT NULL, status INTEGER NOT NULL,"
	" accepted_ms INTEGER NOT NULL, delivered_ms INTEGER NOT NULL, answered_ms INTEGER NOT NULL, not_after_ms INTEGER NOT NULL,"
	" used INTEGER NOT NULL, UNIQUE (ours, mid)) STRICT",
	"CREATE INDEX exchange_quota ON exchange(agreement, clause, day, ours, question_log)",
	"CREATE INDEX exchange_open ON exchange(question_log, question_index) WHERE state <= 2",

	"CREATE TABLE counted ("
	" log INTEGER NOT NULL, state INTEGER NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (log, state)) STRICT, WITHOUT ROWID",
	"CREATE TRIGGER exchange_added AFTER INSERT ON exchange BEGIN"
	" INSERT INTO counted VALUES (new.question_log, new.state, 1) ON CONFLICT DO UPDATE SET n = n + 1; END",
	"CREATE TRIGGER exchange_moved AFTER UPDATE OF state ON exchange WHEN old.state <> new.state BEGIN"
	" UPDATE counted SET n = n - 1 WHERE log = old.question_log AND state = old.state;"
	" INSERT INTO counted VALUES (new.question_log, new.state, 1) ON CONFLICT DO UPDATE SET n = n + 1; END",

	"CREATE TABLE idempotency ("
	" account BLOB NOT NULL, key BLOB NOT NULL, mid BLOB NOT NULL, body BLOB NOT NULL, at_ms INTEGER NOT NULL,"
	" UNIQUE (account, key)) STRICT",
};

#endif
