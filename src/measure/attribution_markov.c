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
	uint64_t state, symbol; // state: its rotated code
	double times;
};

// Steps between states: state i has those from start[i] to start[i + 1], with probabilities that are already divided by
// that of not staying in the state. State 0 is the beginning. States stand in the order of their codes with the oldest
// touch put last: neighbours then step to the same few states.
struct chain {
	const struct markov_shape *shape;
	uint32_t group;
	struct edge *edges;
	size_t n_edges, capacity;
	uint64_t *code;
	uint32_t *start, *target, n_states;
	uint32_t *last;       // of each state: the symbol it ends in, 0 at the beginning
	double *left;         // of each state: how often it was left for another one
	double *p, *converts; // of each step; of each state: to conversion at once
	double *x;            // LANES per state: probability of conversion
	uint32_t n_last;      // n_keys + 1
	double *between; // n_last × n_last: steps from states that end in one to states that end in another
	double *factors; // LANES × n_last × n_last: see coarse_factor; NULL: too many
};

// So many removals are solved side by side: every step is read once for all of them.
#define LANES 8u
#define COARSE_MAX 256u // keys; beyond, eliminating takes longer than it saves

static void chain_free(struct chain *h)
{
	mem_free(h->edges);
	mem_free(h->code);
	mem_free(h->start);
	mem_free(h->target);
	mem_free(h->last);
	mem_free(h->left);
	mem_free(h->p);
	mem_free(h->converts);
	mem_free(h->x);
	mem_free(h->between);
	mem_free(h->factors);
}

static uint64_t rotated(const struct markov_shape *s, uint64_t state)
{
	uint64_t oldest = s->n_states / s->base;
	return s->order == 1 ? state : state % oldest * s->base + state / oldest;
}

static uint64_t unrotated(const struct markov_shape *s, uint64_t code)
{
	uint64_t oldest = s->n_states / s->base;
	return s->order == 1 ? code : code % s->base * oldest + code / s->base;
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
		(struct edge){.state = rotated(s, local / s->base), .symbol = local % s->base, .times = times};
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
	uint64_t state = unrotated(s, h->code[k]);
	h->last[k] = (uint32_t)(state % s->base);
	for (size_t i = from; i < to; i++) {
		const struct edge *x = &h->edges[i];
		sum += x->times;
		if (x->symbol == s->n_keys + UINT64_C(1))
			h->converts[k] = x->times;
		if (x->symbol > s->n_keys)
			continue;
		uint32_t target = find_state(h, rotated(s, next_state(s, state, x->symbol)));
		if (target == k) {
			sum -= x->times;
			continue;
		}
		h->target[n] = target;
		h->p[n++] = x->times;
		if (h->between)
			h->between[h->last[k] * h->n_last + x->symbol] += x->times;
	}
	h->left[k] = sum;
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
	h->n_last = h->shape->n_keys + 1;
	size_t cells = (size_t)h->n_last * h->n_last;
	bool coarse = h->shape->n_keys <= COARSE_MAX;
	h->code = mem_calloc(h->n_edges, sizeof(*h->code));
	h->start = mem_calloc(h->n_edges + 1, sizeof(*h->start));
	h->target = mem_calloc(h->n_edges, sizeof(*h->target));
	h->last = mem_calloc(h->n_edges, sizeof(*h->last));
	h->left = mem_calloc(h->n_edges, sizeof(*h->left));
	h->p = mem_calloc(h->n_edges, sizeof(*h->p));
	h->converts = mem_calloc(h->n_edges, sizeof(*h->converts));
	h->between = coarse ? mem_calloc(cells, sizeof(*h->between)) : NULL;
	h->factors = coarse ? mem_calloc(LANES * cells, sizeof(*h->factors)) : NULL;
	if (!h->code || !h->start || !h->target || !h->last || !h->left || !h->p || !h->converts ||
		(coarse && (!h->between || !h->factors)))
		return no_memory(e);
	chain_link(h);
	h->x = mem_calloc((size_t)h->n_states * LANES, sizeof(*h->x));
	return h->x ? RC_OK : no_memory(e);
}

// --- solving ---
//
// The unknowns x of a lane are the probabilities of conversion from each state that does not end in the removed key
// (those are 0): x = converts + p·x. Gauss-Seidel takes away what differs from state to state in a few sweeps, but not
// what states have in common. So between sweeps all states that end in the same symbol are moved together, by the
// exact solution of the chain of the first order that these groups make, weighted by how often the states were left
// (aggregation, Mandel & Sekerka 1983); with a chain that is of the first order the first such step ends it.
//
// How far x[0] may be off is known: by the residuals times how often each state is visited per path; without a removal
// that is as often as it was counted, with one it can only be less often.

static bool is_removed(const struct chain *h, uint32_t k, uint64_t removed)
{
	return removed && h->last[k] == removed;
}

// What state k is by the others, in all lanes.
static inline void step_from(const struct chain *h, uint32_t k, double x[LANES])
{
	for (uint32_t j = 0; j < LANES; j++)
		x[j] = h->converts[k];
	for (uint32_t i = h->start[k]; i < h->start[k + 1]; i++) {
		const double *other = h->x + (size_t)h->target[i] * LANES;
		for (uint32_t j = 0; j < LANES; j++)
			x[j] += h->p[i] * other[j];
	}
}

static void sweep(struct chain *h, const uint64_t removed[LANES])
{
	for (uint32_t k = h->n_states; k-- > 0;) {
		double x[LANES], *now = h->x + (size_t)k * LANES;
		step_from(h, k, x);
		for (uint32_t j = 0; j < LANES; j++)
			now[j] = is_removed(h, k, removed[j]) ? 0.0 : x[j];
	}
}

// The bounds of |error of x[0]|, and the residuals by last symbol (n_last × LANES).
static void residuals(const struct chain *h, const uint64_t removed[LANES], double *r, double bound[LANES])
{
	memset(bound, 0, LANES * sizeof(*bound));
	memset(r, 0, (size_t)h->n_last * LANES * sizeof(*r));
	for (uint32_t k = 0; k < h->n_states; k++) {
		double x[LANES], *of = r + (size_t)h->last[k] * LANES;
		const double *now = h->x + (size_t)k * LANES;
		step_from(h, k, x);
		for (uint32_t j = 0; j < LANES; j++) {
			double d = is_removed(h, k, removed[j]) ? 0.0 : h->left[k] * (x[j] - now[j]);
			of[j] += d;
			bound[j] += fabs(d);
		}
	}
	for (uint32_t j = 0; j < LANES; j++)
		bound[j] /= h->left[0];
}

// LU factors of the chain of groups for one lane. The matrix is diagonally dominant: no pivots are looked for.
static void coarse_factor(struct chain *h, uint32_t lane, uint64_t removed)
{
	const uint32_t n = h->n_last;
	double *a = h->factors + (size_t)lane * n * n;
	for (size_t i = 0; i < (size_t)n * n; i++)
		a[i] = -h->between[i];
	for (uint32_t k = 0; k < h->n_states; k++)
		a[(size_t)h->last[k] * n + h->last[k]] += h->left[k];
	for (uint32_t i = 0; i < n; i++) {
		bool none = a[(size_t)i * n + i] <= 0.0 || (removed && i == removed);
		for (uint32_t j = 0; none && j < n; j++)
			a[(size_t)i * n + j] = i == j ? 1.0 : 0.0;
		if (removed && i != removed)
			a[(size_t)i * n + removed] = 0.0;
	}
	for (uint32_t k = 0; k < n; k++)
		for (uint32_t i = k + 1; i < n; i++) {
			double *row = a + (size_t)i * n, f = row[k] / a[(size_t)k * n + k];
			row[k] = f;
			for (uint32_t j = k + 1; f != 0.0 && j < n; j++)
				row[j] -= f * a[(size_t)k * n + j];
		}
}

// r: residuals by group in, corrections by group out.
static void coarse_solve(const struct chain *h, uint32_t lane, double *r)
{
	const uint32_t n = h->n_last;
	const double *a = h->factors + (size_t)lane * n * n;
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t j = 0; j < i; j++)
			r[i * LANES + lane] -= a[(size_t)i * n + j] * r[j * LANES + lane];
	for (uint32_t i = n; i-- > 0;) {
		for (uint32_t j = i + 1; j < n; j++)
			r[i * LANES + lane] -= a[(size_t)i * n + j] * r[j * LANES + lane];
		r[i * LANES + lane] /= a[(size_t)i * n + i];
	}
}

static void correct(struct chain *h, const uint64_t removed[LANES], double *r)
{
	for (uint32_t j = 0; j < LANES; j++)
		coarse_solve(h, j, r);
	for (uint32_t k = 0; k < h->n_states; k++) {
		const double *d = r + (size_t)h->last[k] * LANES;
		for (uint32_t j = 0; j < LANES; j++)
			if (!is_removed(h, k, removed[j]))
				h->x[(size_t)k * LANES + j] += d[j];
	}
}

// h->x[j]: probability of conversion from the beginning without the symbol removed[j], to within `tolerance`. r: room
// for n_last × LANES.
static void solve(struct chain *h, const uint64_t removed[LANES], double tolerance, double *r)
{
	memset(h->x, 0, (size_t)h->n_states * LANES * sizeof(*h->x));
	for (uint32_t j = 0; h->factors && j < LANES; j++)
		coarse_factor(h, j, removed[j]);
	for (uint32_t round = 0; round < MARKOV_ROUNDS_MAX; round++) {
		double bound[LANES], worst = 0.0;
		residuals(h, removed, r, bound);
		for (uint32_t j = 0; j < LANES; j++)
			worst = fmax(worst, bound[j]);
		if (worst <= tolerance)
			return;
		if (h->factors)
			correct(h, removed, r);
		for (uint32_t i = 0; i < (h->factors ? 2 : 6); i++)
			sweep(h, removed);
	}
}

// The symbols that were touched; n counts them.
static uint64_t *symbols_of(const struct chain *h, uint32_t *n)
{
	uint64_t *symbol = mem_calloc((size_t)h->shape->n_keys + 1, sizeof(*symbol));
	*n = 0;
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

// The chain was counted on whole paths, so with all keys it converts as often as they did. *steps: of a path.
static double conversion_of(const struct chain *h, double *steps)
{
	double converted = 0.0, left = 0.0;
	for (uint32_t k = 0; k < h->n_states; k++) {
		converted += h->converts[k] * h->left[k];
		left += h->left[k];
	}
	*steps = left / h->left[0];
	return converted / h->left[0];
}

static void remove_each(struct chain *h, const uint64_t *symbol, uint32_t n, double conversion,
	double tolerance, double *r, double *effect)
{
	for (uint32_t from = 0; from < n; from += LANES) {
		uint64_t removed[LANES];
		uint32_t lanes = n - from < LANES ? n - from : LANES;
		for (uint32_t j = 0; j < LANES; j++)
			removed[j] = symbol[from + (j < lanes ? j : 0)];
		solve(h, removed, tolerance, r);
		for (uint32_t j = 0; j < lanes; j++) // less than the tolerance is nothing
			effect[removed[j] - 1] =
				conversion - h->x[j] > tolerance ? 1.0 - h->x[j] / conversion : 0.0;
	}
}

enum rc markov_removal(const struct markov_counts *c, const struct markov_shape *shape, uint32_t group,
	double *effect, double *conversion, struct err *e)
{
	struct chain h = {.shape = shape, .group = group};
	uint64_t *symbol = NULL;
	double *r = NULL, steps;
	uint32_t n = 0;
	memset(effect, 0, shape->n_keys * sizeof(*effect));
	*conversion = 0.0;
	enum rc rc = chain_open(&h, c, e);
	if (rc != RC_OK || h.n_edges == 0)
		goto out;
	*conversion = conversion_of(&h, &steps);
	if (*conversion <= 0.0)
		goto out;
	symbol = symbols_of(&h, &n);
	r = mem_calloc((size_t)h.n_last * LANES, sizeof(*r));
	if (!symbol || !r) {
		rc = no_memory(e);
		goto out;
	}
	// Below what rounding leaves of a path's steps nothing gets any better.
	double tolerance = fmax(MARKOV_TOLERANCE * *conversion, 4e-16 * steps);
	remove_each(&h, symbol, n, *conversion, tolerance, r, effect);
out:
	mem_free(r);
	mem_free(symbol);
	chain_free(&h);
	return rc;
}
