// SPDX-License-Identifier: Apache-2.0
// What the files of clickhouse*.c share: the pieces of SQL. All write to a buffer with a sticky error.
#ifndef CORRIDOR_MEASURE_CLICKHOUSE_INTERNAL_H
#define CORRIDOR_MEASURE_CLICKHOUSE_INTERNAL_H

#include "measure/clickhouse.h"
#include "measure/filter.h"

// --- words (clickhouse_words.c) ---

// 'text', with all that could end the literal escaped. Control characters too, so that SQL stays on its lines.
void sql_text(struct buf *out, struct sv text);
// `name`, likewise.
void sql_name(struct buf *out, struct sv name);
// A Float64 literal that reads back to the same double; infinities as inf.
void sql_number(struct buf *out, double v);
// What comes in front of a measure's or dimension's name where its column would else have one of ours, or "".
#define SQL_MEASURE "measure_"
#define SQL_DIMENSION "dimension_"
const char *sql_prefix(struct sv name, const char *kind);
// The column of a measure or dimension, quoted.
void sql_measure(struct buf *out, const struct design *d, uint32_t measure);
void sql_dimension(struct buf *out, const struct design *d, uint32_t dimension);

// --- conditions and keys (clickhouse_words.c) ---

// A filter as a condition that is 0 or 1, never NULL.
void sql_filter(struct buf *out, const struct run *run, const struct filter_node *node);
// All that the question's rows must fulfil (period and filters); "1" when there is nothing.
void sql_where(struct buf *out, const struct run *run);
// A calendar bucket of `at` (hour … year) as a number that ascends with time. False: there is no such unit.
bool sql_time_unit(struct buf *out, const struct run *run, struct sv name);
// Of key number `key`: the expression over columns of the table that _k stands for, and its label from _k.
void sql_key(struct buf *out, const struct run *run, uint32_t key);
void sql_label(struct buf *out, const struct run *run, uint32_t key);

// --- fields, lists and calendar buckets (clickhouse_fields.c) ---

enum calendar_sql {
	CALENDAR_OF_TIME,   // ms → number of the bucket
	CALENDAR_OF_DAY,    // number of a day → number of the bucket it lies in
	CALENDAR_LABEL,     // number of a bucket → its label,
	CALENDAR_START,     // its beginning as DateTime64 in the brand's zone,
	CALENDAR_FIRST_DAY, // and the number of its first day
	CALENDAR_LENGTH     // ms in a bucket of whole days of 24 hours; no value
};
// unit: day … year. False: there is no such unit.
bool sql_calendar(
	struct buf *out, const struct run *run, enum calendar_sql what, struct sv unit, struct sv value);

enum field_sql {
	FIELD_COLUMN, // the column, as a string
	FIELD_LABEL,  // `value`, of the column, as a label
	FIELD_ORDER // `value` as expressions to order by: as the corridor file lists them, else by name, absent last
};
// Of the field `name`. RC_USAGE: there is none; RC_NOMEM.
enum rc sql_field(
	struct buf *out, struct run *run, enum field_sql what, struct sv name, struct sv value, struct err *e);
// Fields that a list names (a, b; or none), behind each other; `tenure` and `prior` are given. "0" for none.
void sql_strata(struct buf *out, const struct run *run, struct sv list, struct sv tenure, struct sv prior);
// A parameter that is a duration or `none`, as ms.
enum rc sql_gap(struct buf *out, struct run *run, const char *param, struct err *e);
// The values of a repeated parameter: an array of filters (0 or 1), or of texts.
void sql_filters(struct buf *out, const struct run *run, const char *param);
void sql_texts(struct buf *out, const struct run *run, const char *param);

// --- from the corridor file (clickhouse_design.c) ---

// Writes the expressions of {design:NAME}. False: there is no such name.
bool sql_design(struct buf *out, const struct run *run, struct sv name);

#endif
