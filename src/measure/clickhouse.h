// SPDX-License-Identifier: Apache-2.0
// Interactions in ClickHouse: the table, the file that fills it, and each analysis as SQL on it. The table and the
// slots of templates are described for readers in docs/clickhouse.md.
//
// A template (`clickhouse` in struct analysis) is SQL with slots in braces. Slots take arguments after a colon,
// parted by `|`. The keys of a question (--by, and the touch point of analyses by touch point) are the columns
// _k1 … _kN of {rows} and {all}.
//
//   {rows}             subquery: the interactions that pass the filters, all columns and the keys
//   {all}              subquery: all interactions, the keys, and _keep: 1 = passes the filters
//   {keys}             "_k1, _k2, " (nothing without keys): in front of a select list
//   {,keys}            ", _k1, _k2": behind a list, as in tuple(at{,keys})
//   {unpack:T|N}       "T.N AS _k1, T.N+1 AS _k2, ": keys from a tuple that holds them from element N on
//   {group}            "GROUP BY _k1, _k2", nothing without keys; {group:A, B} adds columns of the template's own
//   {by}               the keys as labels under their names, for the outermost select list
//   {order}            "ORDER BY" the keys, absent last; {order:A} adds columns
//   {shown:CONDITION}  the condition; without --by the only group is always shown: 1
//   {zone}             the brand's time zone, quoted
//   {param:NAME}       a parameter's value as a literal: durations in seconds, times in ms; NULL when there is none
//   {filter:NAME}      a filter parameter as a condition (0 or 1, never NULL); 1 when there is none
//   {if:NAME}…{else}…{end}, {if:NAME=CHOICE}…   flag set or value given; choice made. {else} may be missing
//   {ledger:T|A, B}    subquery: promises as of T ms, one row each: _n_made, _n_kept, and the first interaction
//                      that made and kept it, _made and _kept = (at, due, _keep, A, B, keys …)
//   {time:A}           ms as DateTime64(3) in the brand's zone
//   {seconds:NAME|A}   ms as seconds under a name; NULL when not finite
//   {quantile:NAME|V|P} quantile of the ascending array V of ms, type 7 of Hyndman & Fan, in seconds
//   {share:NAME|K|N}   NAME, NAME_low, NAME_high: share K of N with Wilson's 95 % interval
//   {mean:NAME|N|S|Q|SHIFT}  NAME, NAME_low, NAME_high: mean with 95 % t interval of N values, from the sum S and the
//                      sum of squares Q of (x - SHIFT)
//   {refuse:NAME}      no SQL, but a mistake that names the parameter (and its value); {refuse:NAME|INSTEAD} adds what
//                      to do besides asking without --sql
//   {filters:NAME}     a repeated filter parameter as an array of 0 or 1; {texts:NAME} as it was asked
//   {ms:NAME}          a duration parameter in ms; {gap:NAME} one that can be `none`: the largest number
//   {from}, {to}       the period in ms, open ends as the least and the largest number
//   {field:NAME}       the column of the field that a text parameter names, as a string
//   {label:NAME|X}     X, of that column, as a label; {rank:NAME|X} as expressions to order by
//   {part:NUMBER}      one of the analysis's clickhouse_parts, a template too
//   {measure:NAME}     the column of the measure that a text parameter names
//   {strata:NAME|DEFAULT|TENURE|PRIOR} the fields that a list names, one behind the other; the last two for `tenure`, `prior`
//   {bucket:UNIT|A}    ms as the consecutive number of its calendar bucket; UNIT is day … year or a parameter
//   {bucket-of-day:UNIT|D}, {bucket-label:UNIT|B}, {bucket-start:UNIT|B}, {bucket-day:UNIT|B}, {bucket-ms:UNIT}
//                      bucket of a day's number; a bucket's label, beginning, first day; its length in days of 24 hours
//   {design:NAME}      what the corridor file says, as expressions: the table of clickhouse_design.c
//
// Aliases begin with an underscore wherever columns of the table are in sight, so that no name of a corridor file can
// be mistaken for one (columns of such names never begin with one).
#ifndef CORRIDOR_MEASURE_CLICKHOUSE_H
#define CORRIDOR_MEASURE_CLICKHOUSE_H

#include "base/io.h"
#include "base/progress.h"
#include "measure/measure.h"

// Writes the SQL that answers exactly this question (all rows: `limit` is left out) on the table `interactions`.
// RC_USAGE: as query_run, and for an analysis without SQL.
enum rc query_clickhouse_sql(struct snapshot *sn, const struct query *q, struct buf *out, struct err *e);

// Writes the statement that makes the table for a design's measures and dimensions.
void clickhouse_schema_write(const struct design *d, struct buf *out);

// Writes all interactions as RowBinaryWithNamesAndTypes into a new file, journey by journey, in bounded memory.
// *n: how many. RC_EXISTS: the file is there already. After a failure no file is left.
enum rc clickhouse_export(struct snapshot *sn, const struct io *io, const char *path, struct progress *progress,
	uint64_t *n, struct err *e);

#endif
