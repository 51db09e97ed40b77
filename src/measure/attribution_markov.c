// SPDX-License-Identifier: Apache-2.0
// See attribution.h.
#include "measure/attribution.h"

#include "base/mem.h"

#include <stdlib.h>

#define DENSE_MAX (UINT64_C(1) << 20)
#define WORK_MAX (UINT64_C(1) << 29) // transitions × keys of one solution

static enum rc no_memory(struct err *e)
{
	return err_set(e, RC_NOMEM, "out of memory for paths");
}

enum rc markov_shape_of(uint32_t n_keys, uint32_t order, struct markov_shape *out, struct err *e)
{
	struct markov_shape s = {.n_keys = n_keys, .order = order, .base = (uint64_t)n_keys + 3, .n_states = 1};
	uint64_t all;
	bool over = false;
	for (uint32_t i = 0; i < order; i++)
		over |= __builtin_mul_overflow(s.n_states, s.base, &s.n_states);
	over |= __builtin_mul_overflow(s.n_states, s.base, &s.n_transitions);
	over |= __builtin_mul_overflow(s.n_transitions, (uint64_t)GROUPS_MAX + 2, &all);
	*out = s;
	if (!over)
		return RC_OK;
	err_set(e, RC_LIMIT, "a Markov chain of order %u over %u values is too large", order, n_keys);
	err_remedy(e, "give a lower --order, or a --model other than all and markov");
	return RC_LIMIT;
}

// --- counts ---

void markov_counts_open(struct markov_counts *c, const struct markov_shape *shape, bool dense)
{
	*c = (struct markov_counts){0};
	if (dense && shape->n_transitions <= DENSE_MAX)
		c->n_dense = shape->n_transitions;
}

void markov_counts_free(struct markov_counts *c)
{
	mem_free(c->dense);
	mem_free(c->key);
	mem_free(c->count);
	*c = (struct markov_counts){0};
}

static size_t slot_of(const struct markov_counts *c, uint64_t transition)
{
	uint64_t h = (transition + 1) * UINT64_C(0x9e3779b97f4a7c15);
	size_t i = (size_t)(h >> 20) & c->mask;
	while (c->key[i] != 0 && c->key[i] != transition + 1)
		i = (i + 1) & c->mask;
	return i;
}

static enum rc grow(struct markov_counts *c, struct err *e)
{
	size_t slots = c->key ? 2 * (c->mask + 1) : 4096;
	struct markov_counts bigger = {.key = mem_calloc(slots, sizeof(uint64_t)),
		.count = mem_calloc(slots, sizeof(double)),
		.mask = slots - 1,
		.n = c->n};
	if (!bigger.key || !bigger.count) {
		markov_counts_free(&bigger);
		return no_memory(e);
	}
	for (size_t i = 0; c->key && i <= c->mask; i++)
		if (c->key[i]) {
			size_t slot = slot_of(&bigger, c->key[i] - 1);
			bigger.key[slot] = c->key[i];
			bigger.count[slot] = c->count[i];
		}
	markov_counts_free(c);
	*c = bigger;
	return RC_OK;
}

static enum rc count(struct markov_counts *c, uint64_t transition, double times, struct err *e)
{
	if (c->n_dense) {
		if (!c->dense && !(c->dense = mem_calloc((size_t)c->n_dense, sizeof(*c->dense))))
			return no_memory(e);
		c->dense[transition] += times;
		return RC_OK;
	}
	if (!c->key || 2 * (c->n + 1) > c->mask) {
		enum rc rc = grow(c, e);
		if (rc != RC_OK)
			return rc;
	}
	size_t slot = slot_of(c, transition);
	c->n += c->key[slot] == 0;
	c->key[slot] = transition + 1;
	c->count[slot] += times;
	return RC_OK;
}

static uint64_t next_state(const struct markov_shape *s, uint64_t state, uint64_t symbol)
{
	return s->order == 1 ? symbol : state % (s->n_states / s->base) * s->base + symbol;
}

enum rc markov_path(struct markov_counts *c, const struct markov_shape *shape, uint32_t group,
	const uint32_t *touch, uint32_t n, bool converts, struct err *e)
{
	uint64_t state = 0, first = group * shape->n_transitions;
	enum rc rc = RC_OK;
	for (uint32_t i = 0; rc == RC_OK && i < n; i++) {
		uint64_t symbol = (uint64_t)touch[i] + 1;
		rc = count(c, first + state * shape->base + symbol, 1.0, e);
		state = next_state(shape, state, symbol);
	}
	if (rc != RC_OK)
		return rc;
	return count(c, first + state * shape->base + shape->n_keys + (converts ? 1 : 2), 1.0, e);
}

// Calls f for every transition that was counted.
static enum rc each(const struct markov_counts *c,
	enum rc (*f)(void *context, uint64_t transition, double times, struct err *e), void *context,
	struct err *e)
{
	enum rc rc = RC_OK;
	for (uint64_t i = 0; rc == RC_OK && c->dense && i < c->n_dense; i++)
		if (c->dense[i] > 0.0)
			rc = f(context, i, c->dense[i], e);
	for (size_t i = 0; rc == RC_OK && c->key && i <= c->mask; i++)
		if (c->key[i])
			rc = f(context, c->key[i] - 1, c->count[i], e);
	return rc;
}

static enum rc count_into(void *context, uint64_t transition, double times, struct err *e)
{
	return count(context, transition, times, e);
}

enum rc markov_merge(struct markov_counts *into, const struct markov_counts *from, struct err *e)
{
	return each(from, count_into, into, e);
}

struct folding {
	struct markov_counts folded;
	uint64_t n_transitions;
	const uint32_t *to;
	uint32_t n;
};

static enum rc count_folded(void *context, uint64_t transition, double times, struct err *e)
{
	struct folding *f = context;
	uint64_t group = transition / f->n_transitions;
	group = group < f->n ? f->to[group] : group;
	return count(&f->folded, group * f->n_transitions + transition % f->n_transitions, times, e);
}

enum rc markov_fold(struct markov_counts *c, const struct markov_shape *shape, const uint32_t *to, uint32_t n,
	struct err *e)
{
	struct folding f = {.n_transitions = shape->n_transitions, .to = to, .n = n};
	enum rc rc = each(c, count_folded, &f, e);
	if (rc != RC_OK) {
		markov_counts_free(&f.folded);
		return rc;
	}
	markov_counts_free(c);
	*c = f.folded;
	return RC_OK;
}

// --- the chain of one group ---

struct edge {
	uint64_t state, symbol; // state: its code
	double times;
};

// Steps between states: state i has those from start[i] to start[i + 1], with probabilities that are already divided by
// that of not staying in the state. State 0 is the beginning.
struct chain {
	const struct markov_shape *shape;
	uint32_t group;
	struct edge *edges;
	size_t n_edges, capacity;
	uint64_t *code;
	uint32_t *start, *target, n_states;
	double *p, *converts; // of each step; of each state: to conversion at once
	double *x;            // LANES per state: probability of conversion
};

// So many removals are solved side by side: every step is read once for all of them.
#define LANES 8u

static void chain_free(struct chain *h)
{
	mem_free(h->edges);
	mem_free(h->code);
	mem_free(h->start);
	mem_free(h->target);
	mem_free(h->p);
	mem_free(h->converts);
	mem_free(h->x);
}

static enum rc take_edge(void *context, uint64_t transition, double times, struct err *e)
{
	struct chain *h = context;
	const struct markov_shape *s = h->shape;
	if (transition / s->n_transitions != h->group)
		return RC_OK;
	if (mem_grow((void **)&h->edges, &h->capacity, h->n_edges + 1, sizeof(*h->edges)) != 0)
		return no_memory(e);
	uint64_t local = transition % s->n_transitions;
	h->edges[h->n_edges++] =
		(struct edge){.state = local / s->base, .symbol = local % s->base, .times = times};
	return RC_OK;
}

static int edge_compare(const void *x, const void *y)
{
	const struct edge *a = x, *b = y;
	if (a->state != b->state)
		return a->state < b->state ? -1 : 1;
	return (a->symbol > b->symbol) - (a->symbol < b->symbol);
}

// Every state that is entered is left again, be it to null, so it is found.
static uint32_t find_state(const struct chain *h, uint64_t code)
{
	uint32_t low = 0, high = h->n_states;
	while (low + 1 < high) {
		uint32_t middle = low + (high - low) / 2;
		if (h->code[middle] <= code)
			low = middle;
		else
			high = middle;
	}
	return low;
}

// The edges [from, to) of state k, as steps from number n on; returns the number behind them.
static uint32_t link_state(struct chain *h, uint32_t k, size_t from, size_t to, uint32_t n)
{
	const struct markov_shape *s = h->shape;
	double sum = 0.0;
	uint32_t first = n;
	for (size_t i = from; i < to; i++) {
		const struct edge *x = &h->edges[i];
		sum += x->times;
		if (x->symbol == s->n_keys + UINT64_C(1))
			h->converts[k] = x->times;
		if (x->symbol > s->n_keys)
			continue;
		uint32_t target = find_state(h, next_state(s, x->state, x->symbol));
		if (target == k) {
			sum -= x->times;
			continue;
		}
		h->target[n] = target;
		h->p[n++] = x->times;
	}
	h->converts[k] /= sum;
	for (uint32_t i = first; i < n; i++)
		h->p[i] /= sum;
	return n;
}

static void chain_link(struct chain *h)
{
	for (size_t i = 0; i < h->n_edges; i++)
		if (i == 0 || h->edges[i].state != h->edges[i - 1].state)
			h->code[h->n_states++] = h->edges[i].state;
	uint32_t n = 0;
	for (size_t from = 0, to, k = 0; from < h->n_edges; from = to, k++) {
		for (to = from + 1; to < h->n_edges && h->edges[to].state == h->edges[from].state;)
			to++;
		n = link_state(h, (uint32_t)k, from, to, n);
		h->start[k + 1] = n;
	}
}

static enum rc chain_open(struct chain *h, const struct markov_counts *c, struct err *e)
{
	enum rc rc = each(c, take_edge, h, e);
	if (rc != RC_OK || h->n_edges == 0)
		return rc;
	if (h->n_edges * h->shape->n_keys > WORK_MAX || h->n_edges >= UINT32_MAX) {
		err_set(e, RC_LIMIT, "a Markov chain with %zu transitions is too large", h->n_edges);
		err_remedy(e, "give a lower --order, or a --model other than all and markov");
		return RC_LIMIT;
	}
	qsort(h->edges, h->n_edges, sizeof(*h->edges), edge_compare);
	h->code = mem_calloc(h->n_edges, sizeof(*h->code));
	h->start = mem_calloc(h->n_edges + 1, sizeof(*h->start));
	h->target = mem_calloc(h->n_edges, sizeof(*h->target));
	h->p = mem_calloc(h->n_edges, sizeof(*h->p));
	h->converts = mem_calloc(h->n_edges, sizeof(*h->converts));
	if (!h->code || !h->start || !h->target || !h->p || !h->converts)
		return no_memory(e);
	chain_link(h);
	h->x = mem_calloc((size_t)h->n_states * LANES, sizeof(*h->x));
	return h->x ? RC_OK : no_memory(e);
}

// One state anew from the others, in all lanes; returns the largest change. To remove a key from a lane is to hold the
// states that end in it at 0.
static double relax(struct chain *h, uint32_t k, const uint64_t removed[LANES])
{
	double x[LANES], *now = h->x + (size_t)k * LANES, change = 0.0;
	for (uint32_t j = 0; j < LANES; j++)
		x[j] = h->converts[k];
	for (uint32_t i = h->start[k]; i < h->start[k + 1]; i++) {
		const double *other = h->x + (size_t)h->target[i] * LANES;
		for (uint32_t j = 0; j < LANES; j++)
			x[j] += h->p[i] * other[j];
	}
	uint64_t ends_in = h->code[k] % h->shape->base;
	for (uint32_t j = 0; j < LANES; j++) {
		x[j] = ends_in && ends_in == removed[j] ? 0.0 : x[j];
		change = fmax(change, fabs(x[j] - now[j]));
		now[j] = x[j];
	}
	return change;
}

// h->x[j]: probability of conversion from the beginning, without the symbol removed[j] (0: with all). Backwards: the
// states of long paths tend to have the larger codes.
static void solve(struct chain *h, const uint64_t removed[LANES])
{
	memset(h->x, 0, (size_t)h->n_states * LANES * sizeof(*h->x));
	for (uint32_t sweep = 0; sweep < MARKOV_SWEEPS_MAX; sweep++) {
		double change = 0.0;
		for (uint32_t k = h->n_states; k-- > 0;)
			change = fmax(change, relax(h, k, removed));
		if (change <= MARKOV_TOLERANCE)
			return;
	}
}

// The symbols that were touched, behind a 0 (nothing removed); n counts both.
static uint64_t *symbols_of(const struct chain *h, uint32_t *n)
{
	uint64_t *symbol = mem_calloc((size_t)h->shape->n_keys + 1, sizeof(*symbol));
	*n = 1;
	if (!symbol)
		return NULL;
	for (size_t i = 0; i < h->n_edges; i++)
		if (h->edges[i].symbol <= h->shape->n_keys)
			symbol[h->edges[i].symbol] = h->edges[i].symbol;
	for (uint32_t k = 1; k <= h->shape->n_keys; k++)
		if (symbol[k])
			symbol[(*n)++] = symbol[k];
	return symbol;
}

enum rc markov_removal(const struct markov_counts *c, const struct markov_shape *shape, uint32_t group,
	double *effect, double *conversion, struct err *e)
{
	struct chain h = {.shape = shape, .group = group};
	uint64_t *symbol = NULL;
	uint32_t n = 0;
	memset(effect, 0, shape->n_keys * sizeof(*effect));
	*conversion = 0.0;
	enum rc rc = chain_open(&h, c, e);
	if (rc != RC_OK || h.n_edges == 0)
		goto out;
	symbol = symbols_of(&h, &n);
	if (!symbol) {
		rc = no_memory(e);
		goto out;
	}
	for (uint32_t from = 0; from < n && (from == 0 || *conversion > 0.0); from += LANES) {
		uint64_t removed[LANES] = {0};
		uint32_t lanes = n - from < LANES ? n - from : LANES;
		memcpy(removed, symbol + from, lanes * sizeof(*removed));
		solve(&h, removed);
		if (from == 0)
			*conversion = h.x[0];
		for (uint32_t j = 0; j < lanes; j++)
			if (removed[j] && *conversion > 0.0)
				effect[removed[j] - 1] = fmax(1.0 - h.x[j] / *conversion, 0.0);
	}
out:
	mem_free(symbol);
	chain_free(&h);
	return rc;
}
