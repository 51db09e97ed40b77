// SPDX-License-Identifier: Apache-2.0
// Gathering: a batch of several segments is copied from the stage into order, run by run. Usually the rows of a person
// in a later segment are later in time too, and runs are what cursor_order.c made of persons; where they are not, the
// person's rows are merged by time, which makes more and shorter runs of them.
//
// Invariants: runs of a piece come in the order of its rows (so its values of a measure are used up one after another);
// copying in blocks touches at most STAGE_SLACK values after the last.
#include "base/mem.h"
#include "journey/cursor.h"

#define BLOCK 8u
#define LONG_RUN 64u // of which copying by the library is worth its call
static_assert(2 * BLOCK <= STAGE_SLACK, "blocks stay in the slack");

// --- order of time ---

static enum rc gather_nomem(struct err *e)
{
	return err_set(e, RC_NOMEM, "out of memory for a scan");
}

// Appends rows to a list of runs that has room.
static void run_append(struct run *runs, uint32_t *n_runs, uint32_t from, uint32_t n, uint32_t piece)
{
	struct run *last = *n_runs ? &runs[*n_runs - 1] : NULL;
	if (last && last->piece == piece && last->from + last->n == from)
		last->n += n;
	else
		runs[(*n_runs)++] = (struct run){from, n, piece};
}

// The person of o->shared[i] continues with rows that are earlier than the last one before.
static bool is_disordered(const struct order *o, const int64_t *at, uint32_t i)
{
	const struct run *next = &o->runs[o->shared[i].run], *before = next - 1;
	return at[before->from + before->n - 1] > at[next->from];
}

// Merges a run into runs that are in order of time; they win ties. `to` has room for as many runs as there are rows.
static uint32_t run_merge(
	const int64_t *at, const struct run *runs, uint32_t n_runs, const struct run *with, struct run *to)
{
	uint32_t n = 0, taken = 0; // of `with`
	for (uint32_t i = 0; i < n_runs; i++)
		for (uint32_t row = runs[i].from; row < runs[i].from + runs[i].n; row++) {
			uint32_t from = taken;
			while (taken < with->n && at[with->from + taken] < at[row])
				taken++;
			if (taken > from)
				run_append(to, &n, with->from + from, taken - from, with->piece);
			run_append(to, &n, row, 1, runs[i].piece);
		}
	if (taken < with->n)
		run_append(to, &n, with->from + taken, with->n - taken, with->piece);
	return n;
}

// Appends the runs of one person, those of each lane in order of time, merged. `parts` is o->parts; there is room for
// `rows` runs behind what is in o->merged, and twice behind the parts.
static void person_merge(struct order *o, const int64_t *at, uint32_t n_parts, uint32_t rows)
{
	struct run *from = o->parts + n_parts, *to = from + rows;
	uint32_t n = 0;
	for (uint32_t i = 0; i < n_parts; i++) {
		n = run_merge(at, from, n, &o->parts[i], to);
		struct run *swap = from;
		from = to;
		to = swap;
	}
	for (uint32_t i = 0; i < n; i++)
		run_append(o->merged, &o->n_merged, from[i].from, from[i].n, from[i].piece);
}

// Where one is among the runs.
struct place {
	uint32_t run, used; // rows of it that are behind
};

// Goes on by n rows, whose runs are appended to a list that has room.
static void runs_take(const struct order *o, struct place *p, uint32_t n, struct run *list, uint32_t *n_list)
{
	while (n > 0) {
		const struct run *run = &o->runs[p->run];
		uint32_t rows = run->n - p->used < n ? run->n - p->used : n;
		run_append(list, n_list, run->from + p->used, rows, run->piece);
		p->used += rows;
		n -= rows;
		if (p->used == run->n)
			*p = (struct place){p->run + 1, 0};
	}
}

// Merges the rows of persons that are not in order of time. The runs of all others stay.
static enum rc runs_order(struct cursor *c, struct err *e)
{
	struct order *o = &c->order;
	const int64_t *at = c->stage.data[COLUMN_AT];
	struct place place = {0};
	uint32_t row = 0, n = c->stage.n;
	for (uint32_t i = 0; i < o->n_shared; i++) {
		uint32_t person = o->shared[i].person, first = o->person_start[person], n_parts = 0;
		if (first < row || !is_disordered(o, at, i)) // or done already
			continue;
		uint32_t rows = o->person_start[person + 1] - first;
		if (mem_grow((void **)&o->merged, &o->merged_capacity, n, sizeof *o->merged) ||
			mem_grow((void **)&o->parts, &o->parts_capacity, 3 * (size_t)rows, sizeof *o->parts))
			return gather_nomem(e);
		runs_take(o, &place, first - row, o->merged, &o->n_merged);
		runs_take(o, &place, rows, o->parts, &n_parts);
		person_merge(o, at, n_parts, rows);
		row = first + rows;
	}
	if (row == 0)
		return RC_OK;
	runs_take(o, &place, n - row, o->merged, &o->n_merged);
	struct run *runs = o->runs;
	size_t capacity = o->runs_capacity;
	o->runs = o->merged;
	o->runs_capacity = o->merged_capacity;
	o->n_runs = o->n_merged;
	o->merged = runs;
	o->merged_capacity = capacity;
	return RC_OK;
}

// --- columns ---

static void gather_u64(const struct order *o, const uint64_t *restrict from, uint64_t *restrict to)
{
	for (uint32_t r = 0; r < o->n_runs; r++) {
		const uint64_t *run = from + o->runs[r].from;
		uint32_t n = o->runs[r].n;
		if (n >= LONG_RUN)
			memcpy(to, run, n * sizeof *to);
		else
			for (uint32_t i = 0; i < n; i += BLOCK)
				memcpy(to + i, run + i, BLOCK * sizeof *to);
		to += n;
	}
}

static void gather_u32(const struct order *o, const uint32_t *restrict from, uint32_t *restrict to)
{
	for (uint32_t r = 0; r < o->n_runs; r++) {
		const uint32_t *run = from + o->runs[r].from;
		uint32_t n = o->runs[r].n;
		if (n >= LONG_RUN)
			memcpy(to, run, n * sizeof *to);
		else
			for (uint32_t i = 0; i < n; i += BLOCK)
				memcpy(to + i, run + i, BLOCK * sizeof *to);
		to += n;
	}
}

static void gather_u8(const struct order *o, const uint8_t *restrict from, uint8_t *restrict to)
{
	for (uint32_t r = 0; r < o->n_runs; r++) {
		const uint8_t *run = from + o->runs[r].from;
		uint32_t n = o->runs[r].n;
		if (n >= LONG_RUN)
			memcpy(to, run, n);
		else
			for (uint32_t i = 0; i < n; i += 2 * BLOCK)
				memcpy(to + i, run + i, 2 * BLOCK);
		to += n;
	}
}

// The number of values at rows below `row`.
static uint32_t values_below(const uint32_t *rows, uint32_t n_values, uint32_t row)
{
	uint32_t lo = 0, hi = n_values;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (rows[mid] < row)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

// The values of each piece in turn; their rows move as far as their run does.
static void gather_measure(struct cursor *c, unsigned slot)
{
	struct order *o = &c->order;
	const struct stage *st = &c->stage;
	const double *restrict value = st->data[COLUMN_MEASURE0 + slot];
	double *restrict out = o->out.data[COLUMN_MEASURE0 + slot];
	uint32_t *rows = st->measure_row[slot], *restrict out_row = o->out.measure_row[slot];
	uint32_t n_values = st->measure_n[slot], m = 0, to = 0;
	o->out.measure_n[slot] = n_values;
	if (n_values == st->n) {
		gather_u64(o, (const uint64_t *)value, (uint64_t *)out);
		memcpy(out_row, rows, n_values * sizeof *rows);
		return;
	}
	rows[n_values] = UINT32_MAX; // in the slack: ends the last piece
	for (uint32_t i = 0; i < c->n_pieces; i++)
		o->next[i] = values_below(rows, n_values, c->pieces[i].to);
	for (uint32_t r = 0; r < o->n_runs; r++) {
		const struct run *run = &o->runs[r];
		uint32_t end = run->from + run->n, shift = to - run->from, k = o->next[run->piece];
		for (; rows[k] < end; k++, m++) {
			out_row[m] = rows[k] + shift;
			out[m] = value[k];
		}
		o->next[run->piece] = k;
		to += run->n;
	}
}

static void gather_column(struct cursor *c, unsigned number)
{
	struct order *o = &c->order;
	if (number >= COLUMN_MEASURE0)
		gather_measure(c, number - COLUMN_MEASURE0);
	else if (number >= COLUMN_CODE0)
		gather_u32(o, c->stage.data[number], o->out.data[number]);
	else
		gather_u64(o, c->stage.data[number], o->out.data[number]);
	o->out.loaded[number] = true;
}

enum rc order_gather(struct cursor *c, bool use_keep, struct err *e)
{
	struct order *o = &c->order;
	const struct stage *st = &c->stage;
	enum rc rc = stage_reserve(&o->out, st->n, e);
	if (!rc && mem_grow((void **)&o->next, &o->next_capacity, c->n_pieces, sizeof *o->next))
		rc = gather_nomem(e);
	o->n_merged = 0;
	if (!rc)
		rc = runs_order(c, e);
	if (rc)
		return rc;
	for (uint32_t i = 0; i < st->n_wanted; i++)
		if (st->loaded[st->wanted[i]])
			gather_column(c, st->wanted[i]);
	if (st->want_rows) {
		gather_u64(o, st->row_person, o->out.row_person);
		gather_u64(o, st->locator, o->out.locator);
	}
	if (use_keep)
		gather_u8(o, st->keep, o->out.keep);
	return RC_OK;
}
