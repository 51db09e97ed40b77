// SPDX-License-Identifier: Apache-2.0
// Cursors and parallel scans against a slow sort and a slow filter of the same rows.
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include "journey/cursor.h"
#include "journey/overlay.h"

#include "../seeds.h"
#include "random_rows.h"

#include <math.h>

#define SEGMENTS_MAX 12u
#define FEW 7u // most worlds have fewer
#define HIDDEN_MAX 40u

// A row and where it is.
struct placed {
	const struct row *row;
	uint64_t order; // arrival: segment, then position
	uint32_t segment, position;
};

struct world {
	struct rows rows[SEGMENTS_MAX];
	struct segment *segments[SEGMENTS_MAX];
	struct snapshot_segments all;
	int64_t epochs[SEGMENTS_MAX];
	struct overlay_view view; // only the plan's hidden persons
	struct hidden_person hidden[HIDDEN_MAX];
	struct placed *placed; // by (person, at, arrival)
	uint32_t n;
};

static int placed_compare(const void *a, const void *b)
{
	const struct placed *x = a, *y = b;
	if (x->row->person != y->row->person)
		return x->row->person < y->row->person ? -1 : 1;
	if (x->row->at_ms != y->row->at_ms)
		return x->row->at_ms < y->row->at_ms ? -1 : 1;
	return (x->order > y->order) - (x->order < y->order);
}

// How segments follow one another, besides the shape of their rows.
struct lanes_shape {
	uint32_t first;   // the first segment has so many times the rows of the others
	bool in_time;     // segments are later one after another; ties where they meet
	uint32_t n_late;  // one row in so many is as early as the first segment's; 0: none
	bool uneven_keys; // half of the persons close together, some at both ends of the range
	bool hidden;      // some persons are hidden in some segments
};

static void rows_arrive(struct random *r, struct rows *rows, uint32_t segment, const struct lanes_shape *lanes)
{
	const int64_t base = 1700000000000, width = 1000000;
	for (uint32_t i = 0; i < rows->n; i++) {
		struct row *row = &rows->items[i];
		if (lanes->in_time) {
			bool late = lanes->n_late && random_below(r, lanes->n_late) == 0;
			row->at_ms = base + (late ? 0 : segment * width) + 1000 * random_below(r, 1001);
		}
		if (lanes->uneven_keys && row->person % 2)
			row->person = row->person % 64 < 2 ? (row->person % 128 < 64 ? 0 : UINT64_MAX)
							   : (UINT64_C(1) << 41) + (row->person >> 20);
	}
	qsort(rows->items, rows->n, sizeof *rows->items, row_compare);
}

static int hidden_compare(const void *a, const void *b)
{
	const struct hidden_person *x = a, *y = b;
	return (x->person > y->person) - (x->person < y->person);
}

static void world_hide(struct world *w, struct random *r)
{
	struct overlay_plan *plan = &w->view.plan;
	for (uint32_t i = 0; i < w->all.n; i++)
		w->epochs[i] = random_below(r, 3);
	for (uint32_t i = 0; w->n && i < HIDDEN_MAX; i++)
		w->hidden[i] = (struct hidden_person){
			w->placed[random_below(r, w->n)].row->person, 1 + random_below(r, 3)};
	qsort(w->hidden, HIDDEN_MAX, sizeof *w->hidden, hidden_compare);
	for (uint32_t i = 0; w->n && i < HIDDEN_MAX; i++)
		if (i == 0 || w->hidden[i].person != w->hidden[plan->n_hidden - 1].person)
			w->hidden[plan->n_hidden++] = w->hidden[i];
	plan->hidden = w->hidden;
	w->all.view = &w->view;
	w->all.view_at = UINT32_MAX;
	w->all.epochs = w->epochs;
}

static bool is_hidden(const struct world *w, const struct placed *p)
{
	for (size_t i = 0; i < w->view.plan.n_hidden; i++)
		if (w->hidden[i].person == p->row->person)
			return w->epochs[p->segment] < w->hidden[i].before;
	return false;
}

static void world_make_lanes(struct world *w, struct random *r, uint32_t n_segments,
	const struct rows_shape *shape, const struct lanes_shape *lanes)
{
	*w = (struct world){.n = 0};
	for (uint32_t i = 0; i < n_segments; i++) {
		struct rows_shape one = *shape;
		one.n_rows = shape->n_rows ? random_below(r, shape->n_rows * 2) : 0;
		one.n_rows *= i == 0 ? lanes->first : 1;
		w->rows[i] = rows_random(r, &one);
		if (lanes->in_time || lanes->uneven_keys)
			rows_arrive(r, &w->rows[i], i, lanes);
		w->segments[i] = rows_segment(&w->rows[i]);
		w->n += w->rows[i].n;
	}
	w->all = (struct snapshot_segments){.items = w->segments, .n = n_segments};
	w->placed = mem_calloc(w->n, sizeof *w->placed);
	assert_non_null(w->placed);
	uint32_t n = 0;
	for (uint32_t i = 0; i < n_segments; i++)
		for (uint32_t k = 0; k < w->rows[i].n; k++)
			w->placed[n++] = (struct placed){&w->rows[i].items[k], (uint64_t)i << 32 | k, i, k};
	qsort(w->placed, n, sizeof *w->placed, placed_compare);
	if (lanes->hidden)
		world_hide(w, r);
}

static void world_make(struct world *w, struct random *r, uint32_t n_segments, const struct rows_shape *shape)
{
	world_make_lanes(w, r, n_segments, shape, &(struct lanes_shape){.first = 1});
}

static void world_free(struct world *w)
{
	for (uint32_t i = 0; i < w->all.n; i++) {
		segment_close(&w->segments[i]);
		rows_free(&w->rows[i]);
	}
	mem_free(w->placed);
}

static const double *row_measure(const struct row *row, uint32_t slot)
{
	for (uint32_t i = 0; i < row->n_measures; i++)
		if (row->measures[i].slot == slot)
			return &row->measures[i].value;
	return NULL;
}

static bool row_holds(const struct row *row, const struct predicate *p)
{
	if (p->kind == PREDICATE_TIME)
		return row->at_ms >= p->from_ms && row->at_ms < p->to_ms;
	if (p->kind == PREDICATE_CODES)
		return row->code[p->column] < p->n_codes && p->code_wanted[row->code[p->column]];
	if (p->kind == PREDICATE_PERSON)
		return row->person == p->person;
	if (p->kind == PREDICATE_TEXT)
		return (row->cold[COLD_TEXT].ptr == NULL) == p->wanted_absent;
	const double *v = row_measure(row, p->measure_slot);
	if (!v)
		return p->wanted_absent;
	return (p->min_open ? *v > p->min : *v >= p->min) && (p->max_open ? *v < p->max : *v <= p->max);
}

static bool row_passes(const struct row *row, const struct scan_request *r)
{
	bool passes = true;
	for (uint32_t i = 0; i < r->n_predicates; i++)
		passes &= row_holds(row, &r->predicates[i]);
	return passes;
}

static uint32_t row_interest(const struct row *row, const struct scan_request *r)
{
	uint32_t bits = 0;
	for (uint32_t i = 0; i < r->n_interest; i++)
		bits |= row_holds(row, &r->interest[i]) ? 1u << i : 0;
	return bits;
}

// One row of a span, next[slot] pointing at the measures not yet seen.
static uint32_t n_scaled; // values that came as integers

static void value_expect(const struct sparse_values *m, uint32_t i, double wanted, bool may_be_scaled)
{
	static const double power[SCALED_DECIMALS_MAX + 1] = {1, 10, 100, 1e3, 1e4, 1e5, 1e6};
	double v;
	assert_true(!m->scaled || (may_be_scaled && !m->value));
	if (m->scaled) {
		n_scaled++;
		assert_true((uint32_t)abs(m->scaled[i]) <= m->scaled_max && m->scaled_max <= SCALED_MAX);
		assert_true(m->decimals <= SCALED_DECIMALS_MAX);
		v = m->scaled[i] / power[m->decimals];
	} else {
		v = m->value[i];
	}
	assert_memory_equal(&v, &wanted, sizeof v);
}

static void span_row_expect(
	const struct span *s, uint32_t i, const struct scan_columns *c, const struct row *row, uint32_t *next)
{
	assert_true(s->at[i] == row->at_ms);
	assert_true(!c->received || s->received[i] == row->received_ms);
	assert_true(!c->due || s->due[i] == row->due_ms);
	assert_true(!c->promise || s->promise[i] == row->promise);
	assert_true(!c->keeps || s->keeps[i] == row->keeps);
	const bool fixed[] = {c->touchpoint, c->channel, c->event, c->source, c->agent, c->location};
	for (unsigned k = 0; k < CODE_COLUMNS; k++) {
		bool asked = k < CODE_DIMENSION0 ? fixed[k] : c->dimensions >> (k - CODE_DIMENSION0) & 1;
		assert_true(!asked || s->code[k][i] == row->code[k]);
	}
	for (unsigned slot = 0; slot < DESIGN_MEASURES_MAX; slot++) {
		if (!(c->measures >> slot & 1))
			continue;
		const struct sparse_values *m = &s->measures[slot];
		const double *v = row_measure(row, slot);
		bool present = next[slot] < m->n && m->row[next[slot]] == i;
		assert_int_equal(present, v != NULL);
		if (present)
			value_expect(m, next[slot]++, *v, !s->n_persons && c->scaled >> slot & 1);
	}
}

static void values_used_up(const struct span *s, const struct scan_columns *c, const uint32_t *next)
{
	for (unsigned slot = 0; slot < DESIGN_MEASURES_MAX; slot++)
		if (c->measures >> slot & 1)
			assert_int_equal(next[slot], s->measures[slot].n);
}

static const struct placed *placed_of(const struct world *w, uint64_t locator)
{
	uint32_t segment = (uint32_t)(locator >> 48),
		 chunk = (uint32_t)(locator >> 28) & (SEGMENT_CHUNKS_MAX - 1);
	uint32_t row = (uint32_t)locator & ((1u << 28) - 1);
	for (uint32_t i = 0; i < chunk; i++)
		row += w->segments[segment]->chunks[i].n_rows;
	static struct placed place;
	place = (struct placed){&w->rows[segment].items[row], 0, segment, row};
	return &place;
}

// Unordered: every row in range that passes comes exactly once, in its segment's order.
static void unordered_expect(const struct world *w, const struct scan_request *r, uint64_t lo, uint64_t hi)
{
	struct cursor *c;
	struct err e = ERR_NONE;
	const struct span *s;
	assert_int_equal(cursor_open_segments(&w->all, r, lo, hi, &c, &e), RC_OK);
	cursor_want_rows(c);
	uint64_t n_kept = 0, last = 0, n_expected = 0;
	for (;;) {
		assert_int_equal(cursor_next(c, &s, &e), RC_OK);
		if (!s)
			break;
		assert_true(s->n > 0 && s->n <= SPAN_ROWS && s->n_keep > 0);
		uint32_t next[DESIGN_MEASURES_MAX] = {0}, n_keep = 0;
		for (uint32_t i = 0; i < s->n; i++) {
			const struct placed *p = placed_of(w, s->locator[i]);
			assert_true(s->locator[i] > last || last == 0);
			last = s->locator[i];
			assert_true(p->row->person >= lo && p->row->person <= hi);
			assert_true(s->row_person[i] == p->row->person);
			span_row_expect(s, i, &r->columns, p->row, next);
			bool kept = !s->keep || s->keep[i];
			assert_int_equal(kept, row_passes(p->row, r));
			n_keep += kept;
		}
		assert_int_equal(n_keep, s->n_keep);
		values_used_up(s, &r->columns, next);
		n_kept += n_keep;
	}
	for (uint32_t i = 0; i < w->n; i++) {
		uint64_t person = w->placed[i].row->person;
		n_expected += person >= lo && person <= hi && row_passes(w->placed[i].row, r) &&
			      !is_hidden(w, &w->placed[i]);
	}
	assert_true(n_kept == n_expected);
	cursor_close(&c);
}

// Ordered: rows come as in `placed`; without all_rows some that fail may be left out.
static void ordered_expect(const struct world *w, const struct scan_request *r, uint64_t lo, uint64_t hi)
{
	struct cursor *c;
	struct err e = ERR_NONE;
	const struct span *s;
	assert_int_equal(cursor_open_segments(&w->all, r, lo, hi, &c, &e), RC_OK);
	cursor_want_rows(c);
	uint32_t at = 0;
	uint64_t last_person = 0;
	bool any = false;
	for (;;) {
		assert_int_equal(cursor_next(c, &s, &e), RC_OK);
		if (!s)
			break;
		assert_true(s->n > 0 && s->n_persons > 0 && s->person_start[s->n_persons] == s->n);
		uint32_t next[DESIGN_MEASURES_MAX] = {0}, n_keep = 0;
		for (uint32_t p = 0; p < s->n_persons; p++) {
			assert_true(!any || s->person[p] > last_person);
			any = true;
			last_person = s->person[p];
			for (uint32_t i = s->person_start[p]; i < s->person_start[p + 1]; i++) {
				const struct placed *here = placed_of(w, s->locator[i]);
				while (w->placed[at].segment != here->segment ||
					w->placed[at].position != here->position) {
					const struct row *left = w->placed[at].row;
					bool outside = left->person < lo || left->person > hi ||
						       is_hidden(w, &w->placed[at]);
					at++;
					for (uint32_t k = 0; k < r->n_predicates; k++)
						outside |= r->predicates[k].kind == PREDICATE_PERSON &&
							   left->person != r->predicates[k].person;
					assert_true(outside || (!r->all_rows && !row_passes(left, r)));
				}
				assert_true(
					s->person[p] == here->row->person && s->row_person[i] == s->person[p]);
				span_row_expect(s, i, &r->columns, here->row, next);
				bool kept = !s->keep || s->keep[i];
				assert_int_equal(kept, row_passes(here->row, r));
				n_keep += kept;
				at++;
			}
		}
		assert_int_equal(n_keep, s->n_keep);
		values_used_up(s, &r->columns, next);
	}
	for (; at < w->n; at++) {
		const struct row *left = w->placed[at].row;
		assert_true(left->person > hi || left->person < lo || is_hidden(w, &w->placed[at]) ||
			    !row_passes(left, r));
	}
	cursor_close(&c);
}

// With conditions of interest: the rows that come are in the order of `placed` (ordered) or of their segments; none of
// interest is missing, and with bits none else comes; what is left out is counted.
static void interest_expect(const struct world *w, const struct scan_request *r, uint64_t lo, uint64_t hi)
{
	struct cursor *c;
	struct err e = ERR_NONE;
	const struct span *s;
	assert_int_equal(cursor_open_segments(&w->all, r, lo, hi, &c, &e), RC_OK);
	cursor_want_rows(c);
	uint64_t n_wanted = 0, n_passing = 0, n_seen = 0, n_passed = 0;
	uint32_t at = 0;
	for (;;) {
		assert_int_equal(cursor_next(c, &s, &e), RC_OK);
		if (!s)
			break;
		assert_true(s->n > 0 || s->n_left_out > 0);
		uint32_t next[DESIGN_MEASURES_MAX] = {0}, n_keep = 0, person = 0;
		assert_true(!r->ordered || s->person_start[s->n_persons] == s->n);
		for (uint32_t i = 0; i < s->n; i++) {
			const struct row *row = placed_of(w, s->locator[i])->row;
			uint32_t bits = row_interest(row, r);
			bool kept = !s->keep || s->keep[i];
			assert_true(row->person >= lo && row->person <= hi);
			assert_true(s->row_person[i] == row->person);
			assert_true(!r->interest_bits || (bits && s->interest[i] == bits));
			assert_int_equal(kept, row_passes(row, r));
			span_row_expect(s, i, &r->columns, row, next);
			n_keep += kept;
			n_seen += bits && (kept || (r->ordered && r->all_rows));
			while (r->ordered && i >= s->person_start[person + 1])
				assert_true(s->person_start[++person] <= s->n);
			assert_true(!r->ordered || s->person[person] == row->person);
			while (r->ordered && w->placed[at].row != row)
				assert_true(++at < w->n);
		}
		assert_int_equal(n_keep, s->n_keep);
		n_passed += n_keep + s->n_left_out;
		values_used_up(s, &r->columns, next);
	}
	for (uint32_t i = 0; i < w->n; i++) {
		const struct row *row = w->placed[i].row;
		bool inside = row->person >= lo && row->person <= hi && !is_hidden(w, &w->placed[i]);
		bool passes = row_passes(row, r);
		for (uint32_t k = 0; k < r->n_predicates; k++)
			inside &= r->predicates[k].kind != PREDICATE_PERSON ||
				  row->person == r->predicates[k].person;
		n_passing += inside && passes;
		n_wanted += inside && row_interest(row, r) && (passes || (r->ordered && r->all_rows));
	}
	assert_true(n_seen == n_wanted && n_passed == n_passing);
	cursor_close(&c);
}

static struct scan_columns random_columns(struct random *r)
{
	uint64_t bits = random_u64(r);
	return (struct scan_columns){.received = bits & 1,
		.touchpoint = bits >> 1 & 1,
		.channel = bits >> 2 & 1,
		.event = bits >> 3 & 1,
		.source = bits >> 4 & 1,
		.agent = bits >> 5 & 1,
		.location = bits >> 6 & 1,
		.promise = bits >> 7 & 1,
		.due = bits >> 8 & 1,
		.keeps = bits >> 9 & 1,
		.dimensions = (uint32_t)(bits >> 32),
		.measures = random_u64(r),
		.scaled = random_u64(r)};
}

static uint8_t wanted[400]; // of all predicates on codes

static struct predicate random_predicate(struct random *r, const struct world *w)
{
	const struct row *some = w->n ? w->placed[random_below(r, w->n)].row : NULL;
	const struct row *other = w->n ? w->placed[random_below(r, w->n)].row : NULL;
	struct predicate p = {.kind = (enum predicate_kind)random_below(r, 5)};
	if (p.kind == PREDICATE_TIME) {
		p.from_ms = some && random_below(r, 3) ? some->at_ms : INT64_MIN;
		p.to_ms = other && random_below(r, 3) ? other->at_ms : INT64_MAX;
	} else if (p.kind == PREDICATE_CODES) {
		p.column = (enum code_column)random_below(r, CODE_COLUMNS);
		p.code_wanted = wanted;
		p.n_codes = random_below(r, 400);
	} else if (p.kind == PREDICATE_PERSON) {
		p.person = some && random_below(r, 5) ? some->person : random_u64(r);
	} else if (p.kind == PREDICATE_TEXT) {
		p.wanted_absent = random_below(r, 2);
	} else {
		p.measure_slot = 5 * random_below(r, 13) % 64;
		const double *v = some ? row_measure(some, p.measure_slot) : NULL;
		p.min = v ? *v : -10;
		p.max = random_below(r, 2) ? p.min + 50 : (double)INFINITY;
		p.min_open = random_below(r, 2);
		p.max_open = random_below(r, 2);
		p.wanted_absent = random_below(r, 2);
	}
	return p;
}

// Often that a measure is there at all, or one code.
static struct predicate random_interest(struct random *r, const struct world *w)
{
	struct predicate p = random_predicate(r, w);
	bool plain = random_below(r, 2);
	if (p.kind == PREDICATE_MEASURE && plain) {
		p.min = (double)-INFINITY;
		p.max = (double)INFINITY;
		p.min_open = p.max_open = p.wanted_absent = false;
	} else if (p.kind == PREDICATE_CODES && plain) {
		static uint8_t one[4] = {[2] = 1};
		p.code_wanted = one;
		p.n_codes = 3 + random_below(r, 2);
	}
	return p;
}

static void scans_expect(struct random *r, const struct world *w, unsigned n_scans)
{
	for (unsigned i = 0; i < n_scans; i++) {
		struct predicate predicates[3];
		struct scan_request request = {.columns = random_columns(r),
			.predicates = predicates,
			.n_predicates = random_below(r, 4),
			.all_rows = random_below(r, 2)};
		for (uint32_t k = 0; k < request.n_predicates; k++)
			predicates[k] = random_predicate(r, w);
		uint64_t lo = 0, hi = UINT64_MAX;
		if (w->n && random_below(r, 2)) {
			lo = w->placed[random_below(r, w->n)].row->person + random_below(r, 2);
			hi = w->placed[random_below(r, w->n)].row->person - random_below(r, 2);
		}
		unordered_expect(w, &request, lo, hi);
		request.ordered = true;
		ordered_expect(w, &request, lo, hi);
		struct predicate interest[INTEREST_MAX];
		request.interest = interest;
		request.n_interest = 1 + random_below(r, random_below(r, 4) ? 3 : INTEREST_MAX);
		request.interest_bits = random_below(r, 2);
		for (uint32_t k = 0; k < request.n_interest; k++)
			do
				interest[k] = random_interest(r, w);
			while (interest[k].kind == PREDICATE_PERSON || interest[k].kind == PREDICATE_TEXT);
		interest_expect(w, &request, lo, hi);
		request.ordered = false;
		interest_expect(w, &request, lo, hi);
	}
}

static void wanted_fill(void)
{
	struct random r = {99};
	for (unsigned i = 0; i < sizeof wanted; i++)
		wanted[i] = random_below(&r, 3) > 0;
}

static void small_scans_agree(void **state)
{
	(void)state;
	wanted_fill();
	for (uint64_t seed = 0; seed < 1500; seed += seeds_step()) {
		struct random r = {seed};
		struct rows_shape shape = {.n_rows = random_below(&r, 60),
			.n_persons = 1 + random_below(&r, 25),
			.spread = seed % 2,
			.flavour = (unsigned)seed % 168};
		struct world w;
		world_make(&w, &r, random_below(&r, FEW), &shape);
		scans_expect(&r, &w, 4);
		world_free(&w);
	}
}

static void big_scans_agree(void **state)
{
	(void)state;
	wanted_fill();
	for (unsigned flavour = 0; flavour < 3; flavour += (unsigned)seeds_step()) {
		struct random r = {flavour + 1000};
		struct rows_shape shape = {
			.n_rows = 50000, .n_persons = 3000, .spread = true, .flavour = flavour * 3};
		struct world w;
		world_make(&w, &r, 4, &shape);
		scans_expect(&r, &w, 3);
		world_free(&w);
	}
}

static struct lanes_shape lanes_of(uint64_t seed)
{
	return (struct lanes_shape){.first = seed % 3 ? 1 : 15,
		.in_time = seed / 3 % 4 > 0,
		.n_late = seed / 3 % 4 == 2 ? 30 : 0,
		.uneven_keys = seed / 12 % 2,
		.hidden = seed / 24 % 3 == 1};
}

// Segments one after another in time or nearly so, of one size or one large and many small.
static void lanes_agree(void **state)
{
	(void)state;
	wanted_fill();
	for (uint64_t seed = 0; seed < 288; seed += seeds_step()) {
		struct random r = {seed + 5000};
		struct rows_shape shape = {.n_rows = 1 + random_below(&r, 60),
			.n_persons = 1 + random_below(&r, 300),
			.spread = true,
			.flavour = (unsigned)seed % 3};
		struct lanes_shape lanes = lanes_of(seed);
		struct world w;
		world_make_lanes(&w, &r, 2 + random_below(&r, SEGMENTS_MAX - 1), &shape, &lanes);
		scans_expect(&r, &w, 3);
		world_free(&w);
	}
}

// The same with chunks of many batches, and persons whose rows fill several.
static void big_lanes_agree(void **state)
{
	(void)state;
	wanted_fill();
	for (uint64_t seed = 0; seed < 72; seed += 7 * seeds_step()) {
		struct random r = {seed + 6000};
		struct lanes_shape lanes = lanes_of(seed);
		struct rows_shape shape = {.n_rows = lanes.first > 1 ? 4000 : 12000,
			.n_persons = seed % 4 ? 4000 : 8,
			.spread = true,
			.flavour = (unsigned)seed % 3};
		struct world w;
		world_make_lanes(&w, &r, 2 + random_below(&r, 6), &shape, &lanes);
		scans_expect(&r, &w, 2);
		world_free(&w);
	}
}

static void giants_agree(void **state)
{
	(void)state;
	struct random r = {4};
	struct rows_shape shape = {.n_rows = 150000, .n_persons = 2, .spread = true, .flavour = 0};
	struct world w;
	world_make(&w, &r, 2, &shape);
	scans_expect(&r, &w, 3);
	world_free(&w);
}

// Statistics leave chunks alone that cannot hold what is asked, and a person costs one chunk.
static void statistics_skip_chunks(void **state)
{
	(void)state;
	struct random r = {8};
	struct rows_shape shape = {.n_rows = 150000, .n_persons = 8000, .spread = true, .flavour = 0};
	struct rows rows = rows_random(&r, &shape);
	for (uint32_t i = 0; i < rows.n; i++) // an event of its own in the last third
		rows.items[i].code[CODE_EVENT] = i > 140000 ? 9 : 2;
	struct segment *s = rows_segment(&rows);
	struct snapshot_segments all = {.items = &s, .n = 1};
	assert_int_equal(s->info.n_chunks, 3);
	uint8_t nine[10] = {[9] = 1};
	struct predicate p = {
		.kind = PREDICATE_CODES, .column = CODE_EVENT, .code_wanted = nine, .n_codes = 10};
	struct scan_request request = {.predicates = &p, .n_predicates = 1};
	for (unsigned ordered = 0; ordered < 2; ordered++) {
		struct cursor *c;
		struct err e = ERR_NONE;
		const struct span *span;
		uint64_t n_keep = 0;
		request.ordered = ordered;
		assert_int_equal(cursor_open_segments(&all, &request, 0, UINT64_MAX, &c, &e), RC_OK);
		do {
			assert_int_equal(cursor_next(c, &span, &e), RC_OK);
			n_keep += span ? span->n_keep : 0;
		} while (span);
		struct cursor_stats stats;
		cursor_stats(c, &stats);
		assert_int_equal(n_keep, rows.n - 140001);
		assert_int_equal(stats.chunks_skipped, 2);
		assert_int_equal(stats.chunks_read, 1);
		cursor_close(&c);
	}
	p = (struct predicate){.kind = PREDICATE_PERSON, .person = rows.items[70000].person};
	request.ordered = true;
	struct cursor *c;
	struct err e = ERR_NONE;
	const struct span *span;
	assert_int_equal(cursor_open_segments(&all, &request, 0, UINT64_MAX, &c, &e), RC_OK);
	assert_int_equal(cursor_next(c, &span, &e), RC_OK);
	assert_non_null(span);
	assert_int_equal(span->n_persons, 1);
	struct cursor_stats stats;
	cursor_stats(c, &stats);
	assert_true(stats.rows == span->n && stats.bytes_decoded <= 8 * (uint64_t)span->n &&
		    stats.chunks_read <= 2);
	cursor_close(&c);
	segment_close(&s);
	rows_free(&rows);
}

// --- parallel ---

// Sums, and the persons in order: merged states must be those of the ranges in order.
struct sums {
	uint64_t rows, kept;
	int64_t at;
	uint64_t first_person, last_person;
	bool any, disordered;
};

static atomic_uint n_sums, n_added;

static void *sums_new(void *context)
{
	(void)context;
	atomic_fetch_add(&n_sums, 1);
	return mem_calloc(1, sizeof(struct sums));
}

static enum rc sums_add(void *context, void *state, const struct span *span, struct err *e)
{
	(void)context;
	(void)e;
	struct sums *s = state;
	s->rows += span->n;
	s->kept += span->n_keep;
	for (uint32_t i = 0; i < span->n; i++)
		s->at = (int64_t)((uint64_t)s->at + (uint64_t)span->at[i]);
	for (uint32_t i = 0; i < span->n_persons; i++) {
		if (!s->any)
			s->first_person = span->person[i];
		s->disordered |= s->any && span->person[i] <= s->last_person;
		s->last_person = span->person[i];
		s->any = true;
	}
	return RC_OK;
}

static enum rc sums_merge(void *context, void *into, void *from, struct err *e)
{
	(void)context;
	(void)e;
	struct sums *a = into, *b = from;
	a->rows += b->rows;
	a->kept += b->kept;
	a->at = (int64_t)((uint64_t)a->at + (uint64_t)b->at);
	a->disordered |= b->disordered || (a->any && b->any && b->first_person <= a->last_person);
	if (b->any) {
		a->last_person = b->last_person;
		a->first_person = a->any ? a->first_person : b->first_person;
		a->any = true;
	}
	return RC_OK;
}

static void sums_free(void *context, void *state)
{
	(void)context;
	mem_free(state);
}

// Fails at the call that the context says.
static enum rc sums_fail(void *context, void *state, const struct span *span, struct err *e)
{
	const unsigned *calls = context;
	if (atomic_fetch_add(&n_added, 1) + 1 >= *calls)
		return err_set(e, RC_LIMIT, "enough");
	return sums_add(NULL, state, span, e);
}

// A value every thousand rows lies in a cache line of its own.
static void picked_lines_are_counted(void **state)
{
	enum { EVERY = 1000, N = 60000, LINE = 64 };
	(void)state;
	struct random r = {9};
	struct rows_shape shape = {.n_rows = N, .n_persons = 3000, .spread = true, .flavour = 0};
	struct rows rows = rows_random(&r, &shape);
	for (uint32_t i = 0; i < rows.n; i++)
		rows.items[i].code[CODE_EVENT] = i % EVERY == 0 ? 9 : 2;
	struct segment *s = rows_segment(&rows);
	struct snapshot_segments all = {.items = &s, .n = 1};
	uint8_t nine[10] = {[9] = 1};
	struct predicate p = {
		.kind = PREDICATE_CODES, .column = CODE_EVENT, .code_wanted = nine, .n_codes = 10};
	struct scan_request request = {.interest = &p, .n_interest = 1};
	uint64_t bytes[2];
	for (unsigned lines = 0; lines < 2; lines++) {
		struct cursor *c;
		struct err e = ERR_NONE;
		const struct span *span;
		uint32_t n = 0;
		assert_int_equal(cursor_open_segments(&all, &request, 0, UINT64_MAX, &c, &e), RC_OK);
		if (lines)
			cursor_count_lines(c);
		do {
			assert_int_equal(cursor_next(c, &span, &e), RC_OK);
			n += span ? span->n : 0;
		} while (span);
		assert_int_equal(n, N / EVERY);
		struct cursor_stats stats;
		cursor_stats(c, &stats);
		bytes[lines] = stats.bytes_decoded;
		cursor_close(&c);
	}
	// Of the time's column: as it is packed, at most 8 bytes each; as lines one or two each.
	uint64_t more = bytes[1] - bytes[0];
	assert_true(more >= (LINE - 8) * (uint64_t)N / EVERY && more <= 2 * LINE * (uint64_t)N / EVERY);
	segment_close(&s);
	rows_free(&rows);
}

static void parallel_scans_agree(void **state)
{
	(void)state;
	struct random r = {21};
	for (unsigned round = 0; round < 4; round++) {
		struct rows_shape shape = {.n_rows = round ? 90000 : 0,
			.n_persons = 4000,
			.spread = round % 2,
			.flavour = 3 * round};
		struct world w;
		world_make(&w, &r, round ? 3 : 0, &shape);
		int64_t at = 0;
		for (uint32_t i = 0; i < w.n; i++)
			at = (int64_t)((uint64_t)at + (uint64_t)w.placed[i].row->at_ms);
		for (unsigned threads = 1; threads < 5; threads++)
			for (unsigned how = 0; how < 4; how++) {
				bool large = how & 2;
				struct kernel k = {NULL, sums_new, sums_add, sums_merge, sums_free, large};
				struct scan_request request = {.ordered = how & 1};
				struct err e = ERR_NONE;
				void *out;
				atomic_store(&n_sums, 0);
				assert_int_equal(scan_segments(&w.all, &request, &k, threads, &out, &e), RC_OK);
				struct sums *s = out;
				assert_non_null(s);
				assert_true(s->rows == w.n && s->kept == w.n && s->at == at);
				// Ranges in order; large states get them in any order, but there are few.
				assert_true(large ? atomic_load(&n_sums) <= threads : !s->disordered);
				assert_true(large || threads == 1 || !w.n || atomic_load(&n_sums) > threads);
				sums_free(NULL, s);
				for (unsigned calls = 1; calls < 4; calls++) {
					struct kernel failing = {
						&calls, sums_new, sums_fail, sums_merge, sums_free, large};
					atomic_store(&n_added, 0);
					enum rc rc =
						scan_segments(&w.all, &request, &failing, threads, &out, &e);
					assert_int_equal(rc, w.n ? RC_LIMIT : RC_OK);
					sums_free(NULL, out);
				}
			}
		world_free(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_scans_agree),
		cmocka_unit_test(big_scans_agree),
		cmocka_unit_test(lanes_agree),
		cmocka_unit_test(big_lanes_agree),
		cmocka_unit_test(giants_agree),
		cmocka_unit_test(statistics_skip_chunks),
		cmocka_unit_test(picked_lines_are_counted),
		cmocka_unit_test(parallel_scans_agree),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	return failed || !n_scaled; // some values came as integers
}
