// SPDX-License-Identifier: Apache-2.0
// The journey store as read-only virtual tables of SQLite: interactions, promises, people.
//
// Times are texts in UTC, "2026-03-29T01:59:59.123Z", so that they compare and work with SQLite's date functions;
// `local` columns are the wall clock of the brand's zone. Persons are 16 hexadecimal digits. Conditions and the
// choice of columns are pushed down into the scan; SQLite checks the conditions again, so a push-down may let too
// many rows through, never too few. Only conditions on `person` are not checked again (vtab_scan.c).
#ifndef CORRIDOR_SQL_VTAB_H
#define CORRIDOR_SQL_VTAB_H

#include "base/arena.h"
#include "base/err.h"
#include "journey/journey.h"

#include <sqlite3.h>

#define VTAB_TIME_MAX 40
#define VTAB_PERSON_MAX 17

// What all tables of a connection read from; must outlive the connection.
struct vtab_source {
	struct snapshot *snapshot;
	int64_t now_ms;    // promises due before this and not kept are overdue
	struct err failed; // the first error of the tables, which SQLite passes on as a text only
};

// Registers the three tables.
enum rc vtab_register(sqlite3 *db, struct vtab_source *source, struct err *e);
extern const sqlite3_module vtab_interactions, vtab_promises, vtab_people;

// --- shared by the tables ---

struct vtab {
	sqlite3_vtab base;
	struct vtab_source *source;
	struct arena *arena; // of the table's plan
	const void *plan;
};

// Declares the table with this column list and makes its struct vtab (plan NULL).
int vtab_connect(
	sqlite3 *db, struct vtab_source *source, const char *columns, sqlite3_vtab **out, char **message);
int vtab_disconnect(sqlite3_vtab *base);
// Makes an error of ours the table's error and, the first one, the source's; returns the code for SQLite.
int vtab_fail(sqlite3_vtab *base, const struct err *e);

// UTC text with milliseconds; NULL for TIME_NONE.
void vtab_result_time(sqlite3_context *context, int64_t ms);
// Wall clock of the zone, "2026-03-29 01:59:59".
void vtab_result_local(sqlite3_context *context, const struct tz *tz, int64_t ms);
void vtab_result_person(sqlite3_context *context, uint64_t person);
// A name that lives as long as the snapshot; NULL when absent.
void vtab_result_name(sqlite3_context *context, struct sv name);
// The instant from which on texts compare equal to or greater than `text`, a prefix of a UTC text. False when it is
// none.
bool vtab_time_of(const char *text, int64_t *ms);
bool vtab_person_of(const char *text, uint64_t *person);

// --- vtab_scan.c ---

struct vtab_scan {
	const struct snapshot *snapshot;
	struct scan_request request; // its predicates are the caller's
	bool want_rows;
	struct cursor *cursor;
	uint64_t *persons; // those asked for, if not everybody
	size_t n_persons, at, capacity;
};

// For xBestIndex: the first usable condition `column =` or `column IN`; -1: there is none.
int vtab_scan_find(const sqlite3_index_info *info, int column);
// Takes condition i as the argument of this number (from 1) for vtab_scan_start; true: it is an IN.
bool vtab_scan_choose(sqlite3_index_info *info, int i, int argument);
// xBestIndex of a table that takes no other condition: idxNum is one of the numbers below, the condition's value argument
// 1. rows: of the whole table; rows_of_one: of one person.
enum { SCAN_ALL, SCAN_PERSON, SCAN_PERSONS };
int vtab_scan_best_index(
	sqlite3_vtab *table, sqlite3_index_info *info, int column, double rows, double rows_of_one);
// For xFilter: begins anew. persons NULL: everybody; else the chosen condition's value. s is zero at first. SQLite's
// code; the table has the error.
int vtab_scan_start(struct vtab_scan *s, sqlite3_vtab *table, const struct scan_request *request,
	bool want_rows, sqlite3_value *persons, bool in);
// The next span as cursor_next gives it; *span NULL at the end.
int vtab_scan_next(struct vtab_scan *s, sqlite3_vtab *table, const struct span **span);
void vtab_scan_end(struct vtab_scan *s);

#endif
