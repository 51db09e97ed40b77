// SPDX-License-Identifier: Apache-2.0
// See funnel.h. An attempt takes for each step the first event after the step before it that is of this step (its
// candidate), and goes on if that lies in the window and nothing that ends an attempt comes between. With the next event
// of every class known for each event, each question “does X come before the candidate” is one comparison.
#include "measure/funnel.h"

#include "base/mem.h"

#include <assert.h>

uint32_t funnel_classes(const struct funnel_rules *r)
{
	return r->n_steps + r->n_exclusions + r->without;
}

static uint32_t step_bits(const struct funnel_rules *r)
{
	return (1u << r->n_steps) - 1;
}

static void read_next(struct funnel_journey *j, const struct funnel_rules *r)
{
	uint32_t n = funnel_classes(r), now[CLASSES_MAX];
	for (uint32_t k = 0; k < n; k++)
		now[k] = FUNNEL_NONE;
	j->overlap = false;
	for (uint32_t e = j->n; e-- > 0;) {
		memcpy(j->next + (size_t)e * n, now, n * sizeof(now[0]));
		uint32_t bits = j->bits[e], steps = bits & step_bits(r);
		j->overlap |= (steps & (steps - 1)) != 0;
		for (; bits; bits &= bits - 1)
			now[__builtin_ctz(bits)] = e;
	}
}

static bool same_time(const struct funnel_journey *j, uint32_t a, uint32_t b)
{
	return j->at[j->row[a]] == j->at[j->row[b]];
}

enum rc funnel_journey_read(struct funnel_journey *j, const struct funnel_rules *r, const int64_t *at,
	const uint32_t *row, const uint32_t *bits, uint32_t n, struct err *e)
{
	bool ties = r->ties != FUNNEL_TIES_ARRIVAL, strict = r->order == FUNNEL_STRICT;
	size_t n_next = (size_t)n * funnel_classes(r);
	if (mem_grow((void **)&j->next, &j->next_capacity, n_next + 1, sizeof(*j->next)) != 0 ||
		(ties && mem_grow((void **)&j->tie, &j->tie_capacity, (size_t)n + 1, sizeof(*j->tie)) != 0) ||
		(strict && mem_grow((void **)&j->steps, &j->steps_capacity, (size_t)n + 1, sizeof(*j->steps)) !=
				   0))
		return err_set(e, RC_NOMEM, "out of memory for a journey of %u interactions", n);
	j->n = n;
	j->row = row;
	j->bits = bits;
	j->at = at;
	read_next(j, r);
	for (uint32_t i = 0; r->ties == FUNNEL_TIES_ANY && i < n; i++)
		j->tie[i] = i && same_time(j, i - 1, i) ? j->tie[i - 1] : i;
	for (uint32_t i = n; r->ties == FUNNEL_TIES_LATER && i-- > 0;)
		j->tie[i] = i + 1 < n && same_time(j, i, i + 1) ? j->tie[i + 1] : i;
	for (uint32_t i = 0, before = 0; strict && i < n; i++) {
		j->steps[i] = before;
		before += (bits[i] & step_bits(r)) != 0;
	}
	return RC_OK;
}

void funnel_journey_free(struct funnel_journey *j)
{
	mem_free(j->next);
	mem_free(j->tie);
	mem_free(j->steps);
	*j = (struct funnel_journey){0};
}

static uint32_t next_of(
	const struct funnel_journey *j, const struct funnel_rules *r, uint32_t event, uint32_t class)
{
	return j->next[(size_t)event * funnel_classes(r) + class];
}

static int64_t time_of(const struct funnel_journey *j, uint32_t event)
{
	return j->at[j->row[event]];
}

// Saturating, so that no window is a window that never ends.
static int64_t after(int64_t at_ms, int64_t window_ms)
{
	int64_t end;
	return __builtin_add_overflow(at_ms, window_ms, &end) ? INT64_MAX : end;
}

struct path {
	uint32_t event[FUNNEL_STEPS_MAX];
	uint32_t n;
	int64_t end_ms; // last moment of the window
};

// The step for which an event was taken; p->n: none.
static uint32_t taken_for(const struct path *p, uint32_t event)
{
	uint32_t i = 0;
	while (i < p->n && p->event[i] != event)
		i++;
	return i;
}

// Finds an event for a step among those of the moment of the last one, by giving steps of that moment other events of it
// (an augmenting path: Kuhn 1955). The entry stays what it is.
static bool make_room(const struct funnel_journey *j, struct path *p, uint32_t step, uint32_t *visited)
{
	uint32_t first = j->tie[p->event[p->n - 1]];
	for (uint32_t x = first; x < j->n && same_time(j, first, x); x++) {
		uint32_t taken = taken_for(p, x);
		if (!(j->bits[x] >> step & 1) || taken == 0 || *visited >> taken & 1)
			continue;
		*visited |= taken < p->n ? 1u << taken : 0;
		if (taken == p->n || make_room(j, p, taken, visited)) { // at most one level per step
			p->event[step] = x;
			return true;
		}
	}
	return false;
}

// The event from which on others are between this one and the next step.
static uint32_t base_of(const struct funnel_journey *j, const struct funnel_rules *r, uint32_t event)
{
	return r->ties == FUNNEL_TIES_LATER ? j->tie[event] : event;
}

static uint32_t candidate(const struct funnel_journey *j, const struct funnel_rules *r, struct path *p)
{
	uint32_t step = p->n, last = p->event[p->n - 1];
	if (r->ties == FUNNEL_TIES_LATER)
		return next_of(j, r, j->tie[last], step);
	if (r->ties == FUNNEL_TIES_ARRIVAL)
		return r->reuse && (j->bits[last] >> step & 1) ? last : next_of(j, r, last, step);
	uint32_t x = j->tie[last];
	if (!(j->bits[x] >> step & 1))
		x = next_of(j, r, x, step);
	while (!r->reuse && x != FUNNEL_NONE && taken_for(p, x) < p->n)
		x = next_of(j, r, x, step);
	uint32_t visited = 0;
	bool later = x == FUNNEL_NONE || !same_time(j, last, x);
	return later && !r->reuse && j->overlap && make_room(j, p, step, &visited) ? p->event[step] : x;
}

// Does anything that ends the attempt come before event x? FUNNEL_NONE is after all events.
static bool is_broken(
	const struct funnel_journey *j, const struct funnel_rules *r, const struct path *p, uint32_t x)
{
	uint32_t base = base_of(j, r, p->event[p->n - 1]), reached = p->n, repeats = 0;
	if (r->repeats == FUNNEL_REPEATS_END)
		repeats = reached;
	else if (r->repeats == FUNNEL_REPEATS_END_AT_FIRST && reached > 1)
		repeats = 1;
	for (uint32_t k = 0; k < repeats; k++)
		if (next_of(j, r, base, k) < x)
			return true;
	if (r->order == FUNNEL_ORDERED)
		return false;
	for (uint32_t k = reached + 1; k < r->n_steps; k++)
		if (next_of(j, r, base, k) < x)
			return true;
	if (r->order != FUNNEL_STRICT || x == FUNNEL_NONE || x <= base)
		return false;
	uint32_t is_step = (j->bits[base] & step_bits(r)) != 0;
	uint32_t row = j->row[base]; // the last one that is not between
	while (r->ties == FUNNEL_TIES_LATER && row + 1 < j->row[x] && j->at[row + 1] == j->at[row])
		row++;
	return j->row[x] - row - 1 != j->steps[x] - j->steps[base] - is_step;
}

// Is there an exclusion between event `from`, with `reached` steps done, and x, within the window?
static bool is_excluded(const struct funnel_journey *j, const struct funnel_rules *r, uint32_t from,
	uint32_t reached, uint32_t x, int64_t end_ms)
{
	for (uint32_t i = 0; i < r->n_exclusions; i++) {
		if (reached < r->exclude_first[i] || reached >= r->exclude_last[i])
			continue;
		uint32_t y = next_of(j, r, from, r->n_steps + i);
		if (y < x && time_of(j, y) <= end_ms)
			return true;
	}
	return false;
}

static void finish(
	const struct funnel_journey *j, const struct funnel_rules *r, uint32_t last, struct funnel_attempt *out)
{
	if (!r->without || out->level < r->n_steps)
		return;
	int64_t end = after(time_of(j, last), r->window_ms);
	uint32_t y = next_of(j, r, last, r->n_steps + r->n_exclusions);
	if (y != FUNNEL_NONE && time_of(j, y) <= end)
		return;
	out->level++;
	out->open = end > r->newest_ms;
}

static void read_in_order(const struct funnel_journey *j, const struct funnel_rules *r, uint32_t entry,
	struct funnel_attempt *out)
{
	struct path p = {.event = {entry}, .n = 1, .end_ms = after(time_of(j, entry), r->window_ms)};
	while (p.n < r->n_steps) {
		uint32_t x = candidate(j, r, &p);
		if (x != FUNNEL_NONE && time_of(j, x) > p.end_ms)
			x = FUNNEL_NONE;
		if (is_excluded(j, r, base_of(j, r, p.event[p.n - 1]), p.n, x, p.end_ms)) {
			if (r->drop)
				return;
			break;
		}
		if (x == FUNNEL_NONE || is_broken(j, r, &p, x))
			break;
		out->at_ms[p.n] = time_of(j, x);
		p.event[p.n++] = x;
	}
	out->level = p.n;
	out->last = p.event[p.n - 1];
	finish(j, r, out->last, out);
}

// --- any order ---

// Steps covered by different events: a maximum matching, extended event by event (an event that finds no augmenting
// path never will: Kuhn 1955).
struct cover {
	uint32_t bits[FUNNEL_STEPS_MAX]; // of the event that covers a step
	uint32_t steps, visited;
};

static bool augment(struct cover *c, uint32_t bits)
{
	for (uint32_t left = bits; left; left &= left - 1) {
		uint32_t k = (uint32_t)__builtin_ctz(left);
		if (c->visited >> k & 1)
			continue;
		c->visited |= 1u << k;
		if (!(c->steps >> k & 1) || augment(c, c->bits[k])) { // at most one level per step
			c->steps |= 1u << k;
			c->bits[k] = bits;
			return true;
		}
	}
	return false;
}

static uint32_t match_events(const struct funnel_journey *j, const struct funnel_rules *r, uint32_t entry,
	int64_t end_ms, uint32_t events[FUNNEL_STEPS_MAX])
{
	struct cover c = {.steps = 0};
	uint32_t n = 0;
	for (uint32_t x = entry; x < j->n && n < r->n_steps && time_of(j, x) <= end_ms; x++) {
		c.visited = 0;
		if (augment(&c, j->bits[x] & step_bits(r)))
			events[n++] = x;
	}
	return n;
}

static uint32_t nearest_events(const struct funnel_journey *j, const struct funnel_rules *r, uint32_t entry,
	int64_t end_ms, uint32_t events[FUNNEL_STEPS_MAX])
{
	uint32_t n = 0;
	for (uint32_t k = 0; k < r->n_steps; k++) {
		uint32_t x = j->bits[entry] >> k & 1 ? entry : next_of(j, r, entry, k);
		if (x == FUNNEL_NONE || time_of(j, x) > end_ms)
			continue;
		uint32_t i = n++;
		for (; i > 0 && events[i - 1] > x; i--)
			events[i] = events[i - 1];
		events[i] = x;
	}
	return n;
}

static void read_any_order(const struct funnel_journey *j, const struct funnel_rules *r, uint32_t entry,
	struct funnel_attempt *out)
{
	uint32_t events[FUNNEL_STEPS_MAX];
	int64_t end_ms = after(time_of(j, entry), r->window_ms);
	uint32_t n = (j->overlap && !r->reuse ? match_events : nearest_events)(j, r, entry, end_ms, events);
	uint32_t reached = 1;
	for (; reached <= n; reached++) {
		uint32_t x = reached < n ? events[reached] : FUNNEL_NONE;
		if (reached < r->n_steps && is_excluded(j, r, events[reached - 1], reached, x, end_ms)) {
			if (r->drop)
				return;
			break;
		}
		if (reached == n)
			break;
		out->at_ms[reached] = time_of(j, x);
	}
	out->level = reached;
	out->last = events[reached - 1];
	finish(j, r, out->last, out);
}

void funnel_attempt_read(const struct funnel_journey *j, const struct funnel_rules *r, uint32_t entry,
	struct funnel_attempt *out)
{
	out->level = 0;
	out->open = false;
	out->last = entry;
	out->at_ms[0] = time_of(j, entry);
	if (r->order == FUNNEL_ANY)
		read_any_order(j, r, entry, out);
	else
		read_in_order(j, r, entry, out);
}
