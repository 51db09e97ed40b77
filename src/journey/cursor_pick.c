// SPDX-License-Identifier: Apache-2.0
// The columns at rows of interest (cursor_interest.c finds these).
//
// Invariant: after interest_load every column of the stage has exactly the rows of interest, in the stage's order, and
// the persons and runs of an ordered batch tell where theirs are.
#include "journey/cursor.h"

#define DENSE 4u // from every 4th row on, decoding all rows costs less than picking

static void pick_u32(uint32_t *v, const uint32_t *row, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) // row[i] ≥ i
		v[i] = v[row[i]];
}

static void pick_u64(uint64_t *v, const uint32_t *row, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		v[i] = v[row[i]];
}

// Values at rows of interest, which get their numbers among these.
static void pick_measure(struct stage *st, unsigned slot, const struct interest *in)
{
	uint32_t *row = st->measure_row[slot], n = st->measure_n[slot], found = 0;
	for (uint32_t i = 0; slot == in->of_measure && i < n; i++)
		row[i] = i;
	if (slot == in->of_measure)
		return;
	double *value = st->data[COLUMN_MEASURE0 + slot];
	int32_t *scaled = st->data[COLUMN_MEASURE0 + slot];
	bool is_scaled = st->scaled >> slot & 1;
	st->measure_all[slot] = 0;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t k = interest_rank(in, row[i]);
		row[found] = k;
		if (is_scaled)
			scaled[found] = scaled[i];
		else
			value[found] = value[i];
		found += k < in->n;
	}
	st->measure_n[slot] = found;
}

static enum rc column_load(struct cursor *c, unsigned number, struct err *e)
{
	struct stage *st = &c->stage;
	struct interest *in = &c->interest;
	if (number >= COLUMN_MEASURE0) {
		unsigned slot = number - COLUMN_MEASURE0;
		if (!(c->request.columns.measures >> slot & 1)) { // only conditions are on it
			st->measure_n[slot] = 0;
			return RC_OK;
		}
		enum rc rc = cursor_load(c, number, e);
		if (!rc)
			pick_measure(st, slot, in);
		return rc;
	}
	if (!st->loaded[number] && in->n < st->n / DENSE)
		return stage_load_picked(st, c->segments, c->pieces, c->n_pieces, number, in->row, in->n, e);
	enum rc rc = cursor_load(c, number, e);
	if (!rc && stage_is_code(number))
		pick_u32(st->data[number], in->row, in->n);
	else if (!rc)
		pick_u64(st->data[number], in->row, in->n);
	return rc;
}

static inline __attribute__((always_inline)) void persons_with(
	struct order *o, const struct interest *in, uint32_t n, bool popcnt)
{
	uint32_t n_persons = 0, first = 0;
	for (uint32_t p = 0; p < o->n_persons; p++) {
		uint32_t k = interest_before_by(in, o->person_start[p + 1], n, popcnt);
		o->person[n_persons] = o->person[p];
		o->person_start[n_persons] = first;
		n_persons += k > first;
		first = k;
	}
	o->person_start[n_persons] = in->n;
	o->n_persons = n_persons;
}

#if defined(__x86_64__)
static __attribute__((target("popcnt"))) void persons_with_popcnt(
	struct order *o, const struct interest *in, uint32_t n)
{
	persons_with(o, in, n, true);
}
#else
static void persons_with_popcnt(struct order *o, const struct interest *in, uint32_t n)
{
	persons_with(o, in, n, false);
}
#endif

// Persons that have such rows, and where. n: rows of the stage.
static void persons_pick(struct order *o, const struct interest *in, uint32_t n)
{
	if (in->n == 0) {
		o->n_persons = 0;
		o->person_start[0] = 0;
	} else if (vectors_have() != VECTORS_NONE) {
		persons_with_popcnt(o, in, n);
	} else {
		persons_with(o, in, n, false);
	}
}

// The same where several lanes contribute: runs keep their rows of interest, and those without any go. A mark of a
// shared person stays where rows of interest are on both sides of it.
static void runs_pick(struct cursor *c)
{
	struct order *o = &c->order;
	const struct interest *in = &c->interest;
	uint32_t n = c->stage.n, row = 0, person = 0, shared = 0;       // as they were
	uint32_t n_runs = 0, n_persons = 0, n_shared = 0, n_picked = 0; // as they become
	uint32_t first = 0;                                             // of the person's rows of interest
	for (uint32_t r = 0; r < o->n_runs; r++) {
		const struct run run = o->runs[r];
		uint32_t from = interest_before(in, run.from, n),
			 end = interest_before(in, run.from + run.n, n);
		for (; shared < o->n_shared && o->shared[shared].run == r; shared++)
			if (end > from && n_picked > first)
				o->shared[n_shared++] = (struct shared){n_runs, n_persons};
		if (end > from)
			o->runs[n_runs++] = (struct run){from, end - from, run.piece};
		for (uint32_t done = 0; done < run.n;) {
			uint32_t left = o->person_start[person + 1] - row, rows = run.n - done;
			rows = rows < left ? rows : left;
			done += rows;
			row += rows;
			uint32_t before = interest_before(in, run.from + done, n);
			n_picked += before - from;
			from = before;
			if (rows < left)
				break;
			o->person[n_persons] = o->person[person++];
			o->person_start[n_persons] = first;
			n_persons += n_picked > first;
			first = n_picked;
		}
	}
	o->person_start[n_persons] = n_picked;
	o->n_persons = n_persons;
	o->n_runs = n_runs;
	o->n_shared = n_shared;
	for (uint32_t i = 0; i < c->n_pieces; i++)
		c->pieces[i].to = interest_before(in, c->pieces[i].to, n);
}

enum rc interest_load(struct cursor *c, bool mixed, uint32_t *n_keep, struct err *e)
{
	struct stage *st = &c->stage;
	struct interest *in = &c->interest;
	enum rc rc = RC_OK;
	if (in->n == 0)
		memset(st->measure_n, 0, sizeof st->measure_n);
	for (uint32_t i = 0; !rc && in->n > 0 && i < st->n_wanted; i++)
		rc = column_load(c, st->wanted[i], e);
	if (rc)
		return rc;
	if (st->want_rows) {
		pick_u64(st->row_person, in->row, in->n);
		pick_u64(st->locator, in->row, in->n);
	}
	uint32_t kept = in->n;
	if (*n_keep < st->n && c->request.all_rows) {
		kept = 0;
		for (uint32_t i = 0; i < in->n; i++)
			kept += st->keep[i] = st->keep[in->row[i]];
	}
	*n_keep = kept;
	if (mixed && in->n > 0)
		runs_pick(c);
	else if (c->request.ordered)
		persons_pick(&c->order, in, st->n);
	st->n = in->n;
	return RC_OK;
}
