// SPDX-License-Identifier: Apache-2.0
// Parallel scans. The range of person keys is cut where the chunk directories say that the parts hold about the rows
// they should: large parts first and small ones last (guided self-scheduling, Polychronopoulos and Kuck 1987), so that
// threads end at about the same time however unlike their processors are. Each part is a task with a cursor and a state
// of its own. States are merged in the order of the ranges, as soon as all before are merged, so few of them exist at a
// time and the result does not depend on which thread did what. Large states are handed on from task to task, and merged
// at the end.
#include "base/mem.h"
#include "base/pool.h"
#include "journey/cursor.h"

#include <pthread.h>
#include <stdlib.h>

#define TASK_SHARE 2u  // a thread takes at most this part of its share of what is left …
#define TASK_LEAST 64u // … and at least this part of its share of the whole
#define TASK_ROWS_MIN 32768u
#define SAMPLES_PER_CHUNK 8u

struct sample {
	uint64_t key;
	uint32_t rows; // between this key and the chunk's next sample
};

struct scan {
	const struct snapshot_segments *segments;
	const struct scan_request *request;
	const struct kernel *kernel;
	uint64_t *lo; // first key of each task
	uint32_t n_tasks;
	pthread_mutex_t lock; // over what follows
	void **states;        // of finished tasks not yet merged; large ones: that no task has now
	bool *finished;
	uint32_t n_merged, n_idle; // n_idle: large states
	void *merged;
};

static int sample_compare(const void *a, const void *b)
{
	const struct sample *x = a, *y = b;
	return (x->key > y->key) - (x->key < y->key);
}

// Keys where the chunks' rows are, sorted; *n_rows in all. NULL: out of memory.
static struct sample *samples_take(const struct snapshot_segments *segments, size_t *n, uint64_t *n_rows)
{
	size_t n_chunks = 0;
	for (uint32_t i = 0; i < segments->n; i++)
		n_chunks += segments->items[i]->info.n_chunks;
	struct sample *samples = mem_calloc(n_chunks * SAMPLES_PER_CHUNK, sizeof *samples);
	if (!samples)
		return NULL;
	*n = 0;
	*n_rows = 0;
	for (uint32_t i = 0; i < segments->n; i++)
		for (uint64_t k = 0; k < segments->items[i]->info.n_chunks; k++) {
			const struct segment_chunk *c = &segments->items[i]->chunks[k];
			uint64_t step = (c->last_person - c->first_person) / SAMPLES_PER_CHUNK;
			for (uint32_t j = 0; j < SAMPLES_PER_CHUNK; j++)
				samples[(*n)++] = (struct sample){
					c->first_person + j * step, c->n_rows / SAMPLES_PER_CHUNK + 1};
			*n_rows += (c->n_rows / SAMPLES_PER_CHUNK + 1) * SAMPLES_PER_CHUNK;
		}
	qsort(samples, *n, sizeof *samples, sample_compare);
	return samples;
}

static bool is_narrow(const struct scan_request *r)
{
	for (uint32_t i = 0; i < r->n_predicates; i++)
		if (r->predicates[i].kind == PREDICATE_PERSON)
			return true;
	return false;
}

// Room for the ranges; the first begins at key 0.
static enum rc scan_allocate(struct scan *s, size_t parts, struct err *e)
{
	s->lo = mem_calloc(parts, sizeof *s->lo);
	s->states = mem_calloc(parts, sizeof *s->states);
	s->finished = mem_calloc(parts, sizeof *s->finished);
	s->n_tasks = 1;
	return s->lo && s->states && s->finished ? RC_OK : err_set(e, RC_NOMEM, "out of memory for a scan");
}

// Rows of the next part, when so many are left.
static uint64_t part_rows(unsigned threads, uint64_t n_rows, uint64_t left)
{
	uint64_t share = left / threads / TASK_SHARE, least = n_rows / threads / TASK_LEAST;
	share = share > least ? share : least;
	return share > TASK_ROWS_MIN ? share : TASK_ROWS_MIN;
}

// Cuts the keys into ranges. RC_NOMEM only.
static enum rc scan_cut(struct scan *s, unsigned threads, struct err *e)
{
	if (threads == 1 || is_narrow(s->request))
		return scan_allocate(s, 1, e);
	size_t n;
	uint64_t n_rows;
	struct sample *samples = samples_take(s->segments, &n, &n_rows);
	if (!samples)
		return err_set(e, RC_NOMEM, "out of memory for a scan");
	enum rc rc = scan_allocate(s, n + 1, e);
	uint64_t rows = 0, end = part_rows(threads, n_rows, n_rows);
	for (size_t i = 0; !rc && i < n; i++) {
		if (rows >= end && samples[i].key > s->lo[s->n_tasks - 1]) {
			s->lo[s->n_tasks++] = samples[i].key;
			end = rows + part_rows(threads, n_rows, n_rows - rows);
		}
		rows += samples[i].rows;
	}
	mem_free(samples);
	return rc;
}

static enum rc task_read(struct scan *s, uint32_t i, void *state, struct err *e)
{
	struct cursor *c;
	uint64_t hi = i + 1 < s->n_tasks ? s->lo[i + 1] - 1 : UINT64_MAX;
	enum rc rc = cursor_open_segments(s->segments, s->request, s->lo[i], hi, &c, e);
	while (!rc) {
		const struct span *span;
		rc = cursor_next(c, &span, e);
		if (rc || !span)
			break;
		rc = s->kernel->add(s->kernel->context, state, span, e);
	}
	cursor_close(&c);
	return rc;
}

// Merges finished states in order as far as there is no gap. Called with the lock held.
static enum rc states_merge(struct scan *s, struct err *e)
{
	const struct kernel *k = s->kernel;
	enum rc rc = RC_OK;
	while (!rc && s->n_merged < s->n_tasks && s->finished[s->n_merged]) {
		void *state = s->states[s->n_merged];
		s->states[s->n_merged++] = NULL;
		if (!s->merged) {
			s->merged = state;
			continue;
		}
		rc = k->merge(k->context, s->merged, state, e);
		k->state_free(k->context, state);
	}
	return rc;
}

// A state for a task: a large one that no other task has now, or a new one. NULL: out of memory.
static void *state_take(struct scan *s)
{
	void *state = NULL;
	pthread_mutex_lock(&s->lock);
	if (s->n_idle) {
		state = s->states[--s->n_idle];
		s->states[s->n_idle] = NULL;
	}
	pthread_mutex_unlock(&s->lock);
	return state ? state : s->kernel->state_new(s->kernel->context);
}

static enum rc task_run(void *context, uint32_t i, struct err *e)
{
	struct scan *s = context;
	void *state = state_take(s);
	if (!state)
		return err_set(e, RC_NOMEM, "out of memory for an analysis");
	enum rc rc = task_read(s, i, state, e);
	if (rc) {
		s->kernel->state_free(s->kernel->context, state);
		return rc;
	}
	pthread_mutex_lock(&s->lock);
	if (s->kernel->large_state) {
		s->states[s->n_idle++] = state;
	} else {
		s->states[i] = state;
		s->finished[i] = true;
		rc = states_merge(s, e);
	}
	pthread_mutex_unlock(&s->lock);
	return rc;
}

// Merges the large states: as many as threads had tasks.
static enum rc large_merge(struct scan *s, struct err *e)
{
	s->n_tasks = s->n_idle;
	for (uint32_t i = 0; i < s->n_idle; i++)
		s->finished[i] = true;
	return states_merge(s, e);
}

enum rc scan_segments(const struct snapshot_segments *segments, const struct scan_request *r,
	const struct kernel *k, unsigned threads, void **state, struct err *e)
{
	*state = NULL;
	struct scan s = {.segments = segments, .request = r, .kernel = k, .lock = PTHREAD_MUTEX_INITIALIZER};
	unsigned n_threads = threads ? threads : 1;
	enum rc rc = scan_cut(&s, n_threads, e);
	if (!rc)
		rc = pool_run(n_threads, s.n_tasks, task_run, &s, e);
	if (!rc && k->large_state)
		rc = large_merge(&s, e);
	for (uint32_t i = 0; s.states && i < s.n_tasks; i++)
		if (s.states[i])
			k->state_free(k->context, s.states[i]);
	if (rc && s.merged)
		k->state_free(k->context, s.merged);
	else
		*state = s.merged;
	mem_free(s.lo);
	mem_free(s.states);
	mem_free(s.finished);
	return rc;
}
