// SPDX-License-Identifier: Apache-2.0
// Runs a pattern's program on a journey: all ways of matching at once, as threads that go through the interactions side
// by side (Pike's virtual machine). A thread is a place in the program and what was remembered on the way: times that
// conditions look back to, and what must not come now (guards).
//
// Invariants:
//  1. Threads that stand at the same place and of which one can do all that the other can (times no worse, guards no
//     stricter) are one thread. So without time conditions, and with conditions that are all “within” or all “after”
//     for each element, there are at most as many threads as instructions; only a mixture can make more, up to
//     SEQUENCE_THREADS_MAX.
//  2. A thread in `now` waits at OP_ROW, or at OP_MATCH with guards that are not over.
//  3. Whether a waiting thread leads to a match depends on where it stands, what it remembers and the rows to come, not on
//     the start it came from. So those of an attempt that found nothing are kept (`dead`), and the next attempt drops its
//     own that can do no more: without time conditions a journey takes time in proportion to its length, not its square.
#include "measure/sequence.h"

#include "base/mem.h"

#include <assert.h>

struct guard {
	uint32_t mask;
	int64_t until_ms; // inclusive
};
struct sequence_thread {
	uint32_t pc, last; // last: the row matched last; NO_ROW: none yet
	bool skip;
	uint32_t n_guards;
	struct guard guards[SEQUENCE_GUARDS_MAX];
	int64_t slots[SEQUENCE_SLOTS_MAX];
};
#define NO_ROW UINT32_MAX

#define DEAD_EVERY 16u    // rows at least between two at which dead threads are kept
#define DEAD_PLACES 1024u // such rows of a journey
#define DEAD_MAX 64u      // threads kept at one

struct sequence_dead_thread {
	struct sequence_thread thread;
	uint32_t row, next; // next: 1 + another at the same row; 0: none
};

struct match_run {
	struct sequence_runner *r;
	const struct sequence_program *p;
	const struct sequence_journey *j;
	struct sequence_match *out;
	uint64_t *work;
	bool longest, found;
	uint32_t start;
};

void sequence_runner_free(struct sequence_runner *r)
{
	mem_free(r->now.v);
	mem_free(r->next.v);
	mem_free(r->closure.v);
	mem_free(r->left);
	mem_free(r->dead.v);
	mem_free(r->dead.newest);
	*r = (struct sequence_runner){0};
}

enum rc sequence_prepare(struct sequence_runner *r, const struct sequence_journey *j, struct err *e)
{
	struct sequence_dead *dead = &r->dead;
	dead->every = DEAD_EVERY + j->n / DEAD_PLACES;
	dead->n = 0;
	size_t places = (size_t)j->n / dead->every + 1;
	if (mem_grow((void **)&r->left, &r->left_capacity, (size_t)j->n + 1, sizeof(*r->left)) != 0 ||
		mem_grow((void **)&dead->newest, &dead->newest_capacity, places, sizeof(*dead->newest)) != 0)
		return err_set(e, RC_NOMEM, "out of memory for a journey of %u interactions", j->n);
	memset(dead->newest, 0, places * sizeof(*dead->newest));
	r->left[j->n] = 0;
	for (uint32_t i = j->n; i-- > 0;)
		r->left[i] = r->left[i + 1] | j->bits[i];
	return RC_OK;
}

bool sequence_can_match(const struct sequence_runner *r, const struct sequence_program *p, uint32_t start)
{
	bool can = true;
	for (uint32_t i = 0; i < p->n_required; i++)
		can = can && (r->left[start] & p->required[i]) != 0;
	return can;
}

static int64_t time_of(const struct sequence_journey *j, uint32_t i)
{
	return j->at[j->row[i]];
}

static enum rc push(struct sequence_threads *list, const struct sequence_thread *t, struct err *e)
{
	if (list->n >= SEQUENCE_THREADS_MAX) {
		err_set(e, RC_LIMIT, "the pattern has more than %u ways to match at the same time",
			SEQUENCE_THREADS_MAX);
		err_remedy(e, "make its time conditions simpler: only “within”, or shorter");
		return RC_LIMIT;
	}
	if (list->n == list->capacity &&
		mem_grow((void **)&list->v, &list->capacity, (size_t)list->n + 1, sizeof(*list->v)) != 0)
		return err_set(e, RC_NOMEM, "out of memory for a pattern");
	list->v[list->n++] = *t;
	return RC_OK;
}

// Has a a match whenever b has? Both wait at the same instruction.
static bool does_for(
	const struct match_run *m, const struct sequence_thread *a, const struct sequence_thread *b)
{
	unsigned live = m->p->code[a->pc].live;
	if ((a->skip != b->skip) || a->n_guards != b->n_guards)
		return false;
	for (uint32_t i = 0; i < a->n_guards; i++)
		if (a->guards[i].mask != b->guards[i].mask || a->guards[i].until_ms > b->guards[i].until_ms)
			return false;
	for (uint32_t i = 0; i < m->p->n_slots; i++) {
		int64_t x = a->slots[i], y = b->slots[i];
		if ((live >> i & 1) && x != y &&
			(m->p->better[i] == 0 || (m->p->better[i] > 0 ? x < y : x > y)))
			return false;
	}
	return true;
}

// And that same match?
static bool covers(const struct match_run *m, const struct sequence_thread *a, const struct sequence_thread *b)
{
	return (m->p->code[a->pc].op == OP_ROW || a->last == b->last) && does_for(m, a, b);
}

// Adds a thread that waits, unless another does as well; one that does worse is replaced.
static enum rc add_waiting(
	struct match_run *m, struct sequence_threads *list, const struct sequence_thread *t, struct err *e)
{
	for (uint32_t i = 0; i < list->n; i++) {
		struct sequence_thread *x = &list->v[i];
		if (x->pc != t->pc)
			continue;
		++*m->work;
		if (covers(m, x, t))
			return RC_OK;
		if (covers(m, t, x)) {
			*x = *t;
			return RC_OK;
		}
	}
	return push(list, t, e);
}

static void accept(struct match_run *m, const struct sequence_thread *t, bool open)
{
	uint32_t end = t->last == NO_ROW ? m->start : t->last;
	if (m->found && (m->longest ? end < m->out->end : end > m->out->end))
		return;
	m->out->open = (m->found && end == m->out->end) ? m->out->open && open : open;
	m->found = true;
	m->out->end = end;
}

static void add_guard(
	struct match_run *m, struct sequence_thread *t, const struct sequence_instruction *x, bool *full)
{
	int64_t from = time_of(m->j, t->last == NO_ROW ? m->start : t->last), until;
	if (x->max_ms == SEQUENCE_NO_TIME || __builtin_add_overflow(from, x->max_ms, &until))
		until = INT64_MAX;
	struct guard g = {x->mask, until};
	for (uint32_t i = 0; i < t->n_guards; i++)
		if (t->guards[i].mask == g.mask) {
			t->guards[i].until_ms = until > t->guards[i].until_ms ? until : t->guards[i].until_ms;
			return;
		}
	*full = t->n_guards == SEQUENCE_GUARDS_MAX;
	if (!*full)
		t->guards[t->n_guards++] = g;
}

static bool same_state(
	const struct match_run *m, const struct sequence_thread *a, const struct sequence_thread *b)
{
	if (a->pc != b->pc || a->skip != b->skip || a->n_guards != b->n_guards)
		return false;
	for (uint32_t i = 0; i < a->n_guards; i++)
		if (a->guards[i].mask != b->guards[i].mask || a->guards[i].until_ms != b->guards[i].until_ms)
			return false;
	for (uint32_t i = 0; i < m->p->n_slots; i++)
		if ((m->p->code[a->pc].live >> i & 1) && a->slots[i] != b->slots[i])
			return false;
	return true;
}

// Takes a thread over one instruction that takes no interaction. False: it ends here (or waits: *waits).
static enum rc step(struct match_run *m, struct sequence_thread *t, bool *goes_on, struct err *e)
{
	const struct sequence_instruction *x = &m->p->code[t->pc];
	bool full = false;
	*goes_on = true;
	switch (x->op) {
	case OP_SAVE:
		t->slots[x->a] = time_of(m->j, t->last == NO_ROW ? m->start : t->last);
		break;
	case OP_NOT:
		add_guard(m, t, x, &full);
		if (full) {
			err_set(e, RC_USAGE, "--pattern has more than %u different `not` one after the other",
				SEQUENCE_GUARDS_MAX);
			err_remedy(e, "join them in one: not {touchpoint = a, b}");
			return RC_USAGE;
		}
		break;
	case OP_GAP:
		t->skip = x->skip;
		break;
	case OP_FIRST:
		*goes_on = t->last == NO_ROW && m->j->row[m->start] == m->j->first_row;
		break;
	case OP_LAST:
		*goes_on = t->last != NO_ROW && m->j->row[t->last] == m->j->last_row;
		break;
	case OP_JUMP:
		t->pc = x->a;
		return RC_OK;
	case OP_ROW:
	case OP_SPLIT:
	case OP_MATCH:
		assert(false);
	}
	t->pc++;
	return RC_OK;
}

// A thread has come to the pattern's end. What must not come at any time comes, or is not left in the journey; for what
// must not come for some time the thread waits.
static enum rc end_thread(
	struct match_run *m, struct sequence_threads *list, const struct sequence_thread *t, struct err *e)
{
	uint32_t after = (t->last == NO_ROW ? m->start : t->last) + 1;
	bool waits = false;
	for (uint32_t i = 0; i < t->n_guards; i++) {
		const struct guard *g = &t->guards[i];
		if (g->until_ms != INT64_MAX)
			waits = true;
		else if (g->mask == SEQUENCE_ANY ? after < m->j->n : (m->r->left[after] & g->mask) != 0)
			return RC_OK;
	}
	if (waits)
		return add_waiting(m, list, t, e);
	accept(m, t, t->n_guards > 0);
	return RC_OK;
}

// Takes a thread as far as it goes without a choice. *splits: it stands at OP_SPLIT; else it waits in `list`, has matched,
// or is dead.
static enum rc run_on(struct match_run *m, struct sequence_thread *t, struct sequence_threads *list,
	bool *splits, struct err *e)
{
	bool goes_on = true;
	enum rc rc = RC_OK;
	*splits = false;
	while (rc == RC_OK && goes_on) {
		enum sequence_op op = m->p->code[t->pc].op;
		++*m->work;
		if (op == OP_ROW)
			return add_waiting(m, list, t, e);
		if (op == OP_MATCH)
			return end_thread(m, list, t, e);
		*splits = op == OP_SPLIT;
		if (*splits)
			return RC_OK;
		rc = step(m, t, &goes_on, e);
	}
	return rc;
}

// Puts into `list` all threads that wait after t, which stands anywhere. Each state at a choice is visited once.
static enum rc close_over(
	struct match_run *m, struct sequence_thread *t, struct sequence_threads *list, struct err *e)
{
	struct sequence_threads *c = &m->r->closure;
	bool splits;
	enum rc rc = run_on(m, t, list, &splits, e);
	if (rc != RC_OK || !splits)
		return rc;
	c->n = 0;
	rc = push(c, t, e);
	for (uint32_t i = 0; rc == RC_OK && i < c->n; i++) {
		const struct sequence_instruction *split = &m->p->code[c->v[i].pc];
		for (uint32_t k = 0; rc == RC_OK && k < 2; k++) {
			struct sequence_thread x = c->v[i];
			x.pc = k == 0 ? split->a : split->b;
			rc = run_on(m, &x, list, &splits, e);
			bool seen = !splits;
			*m->work += c->n / 8;
			for (uint32_t q = 0; rc == RC_OK && q < c->n && !seen; q++)
				seen = same_state(m, &c->v[q], &x);
			if (rc == RC_OK && !seen)
				rc = push(c, &x, e);
		}
	}
	return rc;
}

static bool takes(const struct match_run *m, const struct sequence_thread *t, uint32_t i)
{
	const struct sequence_instruction *x = &m->p->code[t->pc];
	if (x->op != OP_ROW || (x->mask != SEQUENCE_ANY && !(m->j->bits[i] & x->mask)))
		return false;
	for (uint32_t k = 0; k < x->n_conditions; k++) {
		int64_t gap = time_of(m->j, i) - t->slots[x->conditions[k].slot];
		// Nothing comes before a match's first interaction that it could be too close to.
		if ((gap < x->conditions[k].min_ms && t->last != NO_ROW) || gap > x->conditions[k].max_ms)
			return false;
	}
	return true;
}

// Does the thread live on without taking row i?
static bool waits_on(struct match_run *m, const struct sequence_thread *t, uint32_t i)
{
	const struct sequence_instruction *x = &m->p->code[t->pc];
	int64_t at = time_of(m->j, i);
	bool over = true;
	for (uint32_t k = 0; k < t->n_guards; k++) {
		const struct guard *g = &t->guards[k];
		if (at <= g->until_ms && (g->mask == SEQUENCE_ANY || (m->j->bits[i] & g->mask)))
			return false;
		over = over && at > g->until_ms;
	}
	if (x->op == OP_MATCH) {
		if (over)
			accept(m, t, false);
		return !over;
	}
	for (uint32_t k = 0; k < x->n_conditions; k++)
		if (at - t->slots[x->conditions[k].slot] > x->conditions[k].max_ms)
			return false;
	return t->skip;
}

// Worth following at row i: could it still make a match that ends earlier (or later) than the one found, or there and for
// certain?
static bool is_worth(const struct match_run *m, const struct sequence_thread *t, uint32_t i)
{
	if (!m->found || m->longest)
		return true;
	uint32_t end = m->p->code[t->pc].op == OP_MATCH ? t->last : i;
	return end < m->out->end || (end == m->out->end && m->out->open);
}

static enum rc take_row(struct match_run *m, const struct sequence_thread *t, uint32_t i, struct err *e)
{
	struct sequence_thread x = *t;
	x.pc++;
	x.last = i;
	x.skip = m->p->skip;
	x.n_guards = 0;
	return close_over(m, &x, &m->r->next, e);
}

// Does row i change nothing?
static bool is_passed(struct match_run *m, uint32_t i)
{
	for (uint32_t k = 0; k < m->r->now.n; k++) {
		const struct sequence_thread *t = &m->r->now.v[k];
		if (!is_worth(m, t, i) || takes(m, t, i) || !waits_on(m, t, i))
			return false;
	}
	*m->work += m->r->now.n;
	return true;
}

static enum rc go_through(struct match_run *m, uint32_t i, struct err *e)
{
	struct sequence_runner *r = m->r;
	enum rc rc = RC_OK;
	if (i != m->start && is_passed(m, i))
		return RC_OK;
	r->next.n = 0;
	for (uint32_t k = 0; rc == RC_OK && k < r->now.n; k++) {
		const struct sequence_thread *t = &r->now.v[k];
		++*m->work;
		if (!is_worth(m, t, i))
			continue;
		if (takes(m, t, i))
			rc = take_row(m, t, i, e);
		if (rc == RC_OK && i != m->start && waits_on(m, t, i))
			rc = add_waiting(m, &r->next, t, e);
	}
	struct sequence_threads swap = r->now;
	r->now = r->next;
	r->next = swap;
	return rc;
}

// Is a thread before row i known to lead to no match? *n: threads kept there.
static bool is_dead(struct match_run *m, const struct sequence_thread *t, uint32_t i, uint32_t *n)
{
	const struct sequence_dead *dead = &m->r->dead;
	*n = 0;
	for (uint32_t k = dead->newest[i / dead->every]; k; k = dead->v[k - 1].next) {
		const struct sequence_thread *x = &dead->v[k - 1].thread;
		++*n;
		++*m->work;
		if (x->pc == t->pc && does_for(m, x, t))
			return true;
	}
	return false;
}

// Drops the threads before row i that are known to lead to no match, and notes the others: should nothing be found, they
// lead to none either.
static enum rc drop_dead(struct match_run *m, uint32_t i, struct err *e)
{
	struct sequence_dead *dead = &m->r->dead;
	struct sequence_threads *now = &m->r->now;
	uint32_t n = 0, noted = 0, kept;
	for (uint32_t k = 0; k < now->n; k++) {
		if (is_dead(m, &now->v[k], i, &kept))
			continue;
		now->v[n] = now->v[k];
		if (kept + noted < DEAD_MAX) {
			if (mem_grow((void **)&dead->v, &dead->capacity, (size_t)dead->n + 1,
				    sizeof(*dead->v)) != 0)
				return err_set(e, RC_NOMEM, "out of memory for a pattern");
			dead->v[dead->n++] = (struct sequence_dead_thread){now->v[n], i, 0};
			noted++;
		}
		n++;
	}
	now->n = n;
	return RC_OK;
}

// Keeps of the threads noted since `from` those that have led to nothing: all when there is no match; when the last one
// was looked for, those that would have ended later.
static void keep_dead(struct match_run *m, uint32_t from)
{
	struct sequence_dead *dead = &m->r->dead;
	uint32_t n = from;
	for (uint32_t k = from; k < dead->n; k++) {
		struct sequence_dead_thread x = dead->v[k];
		if (m->found && (!m->longest || x.row <= m->out->end || m->p->code[x.thread.pc].op != OP_ROW))
			continue;
		x.next = dead->newest[x.row / dead->every];
		dead->v[n++] = x;
		dead->newest[x.row / dead->every] = n;
	}
	dead->n = n;
}

enum rc sequence_match_at(struct sequence_runner *r, const struct sequence_program *p,
	const struct sequence_journey *j, uint32_t start, bool longest, uint64_t *work,
	struct sequence_match *out, bool *found, struct err *e)
{
	struct match_run m = {
		.r = r, .p = p, .j = j, .out = out, .work = work, .longest = longest, .start = start};
	struct sequence_thread t = {.last = NO_ROW, .skip = p->skip};
	*out = (struct sequence_match){.start = start, .end = start};
	for (uint32_t i = 0; i < p->n_slots; i++)
		t.slots[i] = time_of(j, start);
	r->now.n = 0;
	uint32_t noted = r->dead.n;
	enum rc rc = close_over(&m, &t, &r->now, e);
	for (uint32_t i = start; rc == RC_OK && i < j->n && r->now.n; i++) {
		if (i > start && i % r->dead.every == 0)
			rc = drop_dead(&m, i, e);
		if (rc == RC_OK)
			rc = go_through(&m, i, e);
		if (rc == RC_OK && *work > SEQUENCE_WORK_MAX) {
			err_set(e, RC_LIMIT, "the pattern takes more than %llu steps on one customer's journey",
				(unsigned long long)SEQUENCE_WORK_MAX);
			err_remedy(e, "bound it in time with “within”, or filter where it starts with --where");
			rc = RC_LIMIT;
		}
	}
	for (uint32_t k = 0; rc == RC_OK && k < r->now.n; k++) {
		const struct sequence_thread *x = &r->now.v[k];
		bool open = false;
		for (uint32_t g = 0; g < x->n_guards; g++)
			open = open || x->guards[g].until_ms > j->newest_ms;
		if (p->code[x->pc].op == OP_MATCH)
			accept(&m, x, open);
	}
	keep_dead(&m, noted);
	*found = m.found;
	return rc;
}
