// SPDX-License-Identifier: Apache-2.0
// Rows on their way to the result: an analysis writes them in any order of groups; here they get the order that
// readers expect (the design's, time's, most frequent first), the `(other)` row and the --by columns.
#include "measure/internal.h"

#include "base/mem.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

struct row_key {
	uint32_t index[KEYS_MAX];
	uint32_t order[KEYS_MAX]; // of index, filled by rows_sort
	uint32_t group, sequence;
	double weight;
};

struct row_store {
	struct row_key *keys;
	size_t keys_capacity;
	struct cell *cells; // n × the analysis's columns, by sequence
	size_t cells_capacity;
	uint32_t n;
};

enum rc rows_open(struct run *run, struct err *e)
{
	run->rows = arena_alloc(run->scratch, sizeof(*run->rows));
	return run->rows ? RC_OK : err_set(e, RC_NOMEM, "out of memory for rows");
}

void rows_close(struct run *run)
{
	if (!run->rows)
		return;
	mem_free(run->rows->keys);
	mem_free(run->rows->cells);
	run->rows = NULL;
}

uint32_t rows_count(const struct run *run)
{
	return run->rows->n;
}

void rows_clear(struct run *run)
{
	run->rows->n = 0;
}

// --- what analyses call ---

struct cell *result_row(struct run *run, uint32_t group, double weight, struct err *e)
{
	struct row_store *s = run->rows;
	uint32_t width = run->n_columns;
	if (mem_grow((void **)&s->keys, &s->keys_capacity, (size_t)s->n + 1, sizeof(*s->keys)) != 0 ||
		mem_grow((void **)&s->cells, &s->cells_capacity, ((size_t)s->n + 1) * width,
			sizeof(*s->cells)) != 0) {
		err_set(e, RC_NOMEM, "out of memory for rows");
		return NULL;
	}
	struct row_key *key = &s->keys[s->n];
	*key = (struct row_key){.group = group, .sequence = s->n, .weight = weight};
	grouping_decode(run, group, key->index);
	struct cell *cells = s->cells + (size_t)s->n * width;
	for (uint32_t i = 0; i < width; i++)
		cells[i] = (struct cell){.null = true};
	s->n++;
	return cells;
}

void row_touchpoint(struct run *run, uint32_t touchpoint)
{
	assert(run->analysis->by_touchpoint && run->rows->n);
	run->rows->keys[run->rows->n - 1].index[0] = touchpoint + 1;
}

bool run_group_shown(const struct run *run, uint32_t group, double n)
{
	return n > 0.0 || (run->query->n_by == 0 && group == 0);
}

void cell_number(struct cell *c, double v)
{
	c->null = !isfinite(v);
	c->number = c->null ? 0.0 : v;
}

void cell_text(struct cell *c, struct sv v)
{
	c->null = v.ptr == NULL;
	c->text = v;
}

void cell_time(struct run *run, struct cell *c, int64_t at_ms)
{
	c->null = at_ms == TIME_NONE;
	if (c->null)
		return;
	c->number = (double)at_ms;
	c->text = run_time_text(run, at_ms);
}

void cell_estimate(struct cell *value, struct cell *low, struct cell *high, struct estimate v)
{
	cell_number(value, v.value);
	cell_number(low, v.low);
	cell_number(high, v.high);
}

// --- order ---

struct frequency {
	double weight;
	uint32_t index;
	struct sv label;
};

// Absent last, then by weight, then by name, so that the order is the data's alone.
static int frequency_compare(const void *x, const void *y)
{
	const struct frequency *a = x, *b = y;
	if ((a->index == 0) != (b->index == 0))
		return a->index == 0 ? 1 : -1;
	if (a->weight != b->weight)
		return a->weight > b->weight ? -1 : 1;
	int c = sv_compare(a->label, b->label);
	return c ? c : (a->index > b->index) - (a->index < b->index);
}

static enum rc order_by_frequency(struct run *run, uint32_t key, uint32_t n_values, struct err *e)
{
	struct row_store *s = run->rows;
	struct frequency *f = mem_calloc(n_values ? n_values : 1, sizeof(*f));
	uint32_t *order = mem_calloc(n_values ? n_values : 1, sizeof(*order));
	if (!f || !order) {
		mem_free(f);
		mem_free(order);
		return err_set(e, RC_NOMEM, "out of memory for ordering rows");
	}
	for (uint32_t i = 0; i < s->n; i++)
		if (s->keys[i].index[key] != INDEX_OTHER)
			f[s->keys[i].index[key]].weight += s->keys[i].weight;
	for (uint32_t i = 0; i < n_values; i++) {
		f[i].index = i;
		f[i].label = grouping_label(run, key, i);
	}
	qsort(f, n_values, sizeof(*f), frequency_compare);
	for (uint32_t i = 0; i < n_values; i++)
		order[f[i].index] = i;
	for (uint32_t i = 0; i < s->n; i++) {
		uint32_t index = s->keys[i].index[key];
		s->keys[i].order[key] = index == INDEX_OTHER ? INDEX_OTHER : order[index];
	}
	mem_free(f);
	mem_free(order);
	return RC_OK;
}

static int row_compare(const void *x, const void *y)
{
	const struct row_key *a = x, *b = y;
	for (uint32_t i = 0; i < KEYS_MAX; i++)
		if (a->order[i] != b->order[i])
			return a->order[i] < b->order[i] ? -1 : 1;
	return (a->sequence > b->sequence) - (a->sequence < b->sequence);
}

// Rows of one group keep the order in which the analysis wrote them.
enum rc rows_sort(struct run *run, struct err *e)
{
	struct row_store *s = run->rows;
	for (uint32_t k = 0; k < grouping_keys(run); k++) {
		const uint32_t *rank;
		uint32_t n_values = grouping_values(run, k, &rank);
		if (!rank && !grouping_is_time(run, k)) {
			enum rc rc = order_by_frequency(run, k, n_values, e);
			if (rc != RC_OK)
				return rc;
			continue;
		}
		for (uint32_t i = 0; i < s->n; i++) {
			uint32_t index = s->keys[i].index[k];
			// Absent has the rank of INDEX_OTHER; the folded row is written last and comes after it.
			s->keys[i].order[k] = index == INDEX_OTHER ? INDEX_OTHER : rank ? rank[index] : index;
		}
	}
	if (s->n)
		qsort(s->keys, s->n, sizeof(*s->keys), row_compare);
	return RC_OK;
}

// Groups stay, in order of their first row, as long as their rows fit beside the folded one.
enum rc rows_cut(struct run *run, uint32_t limit, uint32_t *to, uint32_t n, bool *cut, struct err *e)
{
	const struct row_store *s = run->rows;
	uint32_t *rows_of = arena_array(run->scratch, n, sizeof(*rows_of));
	if (!rows_of)
		return err_set(e, RC_NOMEM, "out of memory for groups");
	for (uint32_t i = 0; i < s->n; i++)
		rows_of[s->keys[i].group]++;
	uint32_t other = grouping_other(run), used = 0;
	for (uint32_t g = 0; g < n; g++)
		to[g] = other;
	*cut = false;
	for (uint32_t i = 0; i < s->n && !*cut; i++) {
		uint32_t g = s->keys[i].group;
		if (to[g] != other)
			continue;
		*cut = used > 0 && used + rows_of[g] > limit;
		if (*cut)
			break;
		used += rows_of[g];
		to[g] = g;
	}
	return RC_OK;
}

// --- the result ---

static enum rc result_columns(struct run *run, struct err *e)
{
	struct result *r = run->result;
	r->n_by = grouping_keys(run);
	r->n_columns = r->n_by + run->n_columns;
	r->columns = arena_array(run->arena, r->n_columns, sizeof(*r->columns));
	if (!r->columns)
		return err_set(e, RC_NOMEM, "out of memory for columns");
	for (uint32_t i = 0; i < r->n_by; i++) {
		struct sv name = arena_copy(run->arena, grouping_key_name(run, i));
		if (!name.ptr)
			return err_set(e, RC_NOMEM, "out of memory for columns");
		r->columns[i] = (struct result_column){
			.name = name.ptr, .title = name.ptr, .type = CELL_TEXT, .unit = "", .help = "group"};
	}
	for (uint32_t i = 0; i < run->n_columns; i++)
		r->columns[r->n_by + i] = run->columns[i];
	return RC_OK;
}

enum rc rows_finish(struct run *run, uint32_t limit, struct err *e)
{
	enum rc rc = result_columns(run, e);
	if (rc != RC_OK)
		return rc;
	struct result *r = run->result;
	struct row_store *s = run->rows;
	uint32_t n = limit && limit < s->n ? limit : s->n, width = run->n_columns;
	if (n < s->n)
		run_note(run, "%u of %u rows are shown; the limit cut off %u", n, s->n, s->n - n);
	r->cells = arena_array(run->arena, (size_t)n * r->n_columns + 1, sizeof(*r->cells));
	if (!r->cells)
		return err_set(e, RC_NOMEM, "out of memory for rows");
	for (uint32_t i = 0; i < n; i++) {
		struct cell *out = r->cells + (size_t)i * r->n_columns;
		for (uint32_t k = 0; k < r->n_by; k++) {
			struct sv label = arena_copy(run->arena, grouping_label(run, k, s->keys[i].index[k]));
			if (!label.ptr)
				return err_set(e, RC_NOMEM, "out of memory for rows");
			cell_text(&out[k], label);
		}
		memcpy(out + r->n_by, s->cells + (size_t)s->keys[i].sequence * width, width * sizeof(*out));
	}
	r->n_rows = n;
	return RC_OK;
}
