// SPDX-License-Identifier: Apache-2.0
// Makes lives and loads them: persons in the order of their keys, cut into runs that threads make side by side, each
// straight into a segment. Which person is in which run follows from keys and numbers alone, so the interactions are
// the same whatever the number of threads; names get their codes before the runs begin.
#include "base/clock.h"
#include "base/mem.h"
#include "base/pool.h"
#include "simulate/internal.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define RUN_PERSONS 230000u // about 2^23 interactions
#define RUNS_MIN 8u         // so that threads can share a small simulation
#define RUNS_MIN_PERSONS 1000u
#define PROGRESS_PERSONS 500u
#define INTERACTIONS_PER_PERSON 35.4

struct numbered {
	uint64_t key; // of the person in the store
	uint64_t number;
};

struct simulation {
	const struct world *world;
	struct store_load *load;
	struct numbered *persons; // by key
	uint64_t n_persons, n_runs;
	pthread_mutex_t mu; // over what follows
	struct simulate_report *report;
	struct progress *progress;
};

uint64_t simulate_persons_for(uint64_t n_interactions)
{
	uint64_t n = (uint64_t)((double)n_interactions / INTERACTIONS_PER_PERSON);
	return n ? n : 1;
}

static enum rc person_add(const struct life *l, struct load_run *run, struct interaction *x,
	struct sim_texts *t, uint64_t *n_added, struct err *e)
{
	interaction_begin(l, t, x);
	struct rng words = {l->rng.state ^ UINT64_C(0x7465787473)};
	for (size_t i = 0; i < l->n; i++) {
		bool added;
		interaction_fill(l, &l->events[i], &words, t, x);
		enum rc rc = buf_check(&t->verbatim, e, "a simulated text");
		if (rc)
			return rc;
		design_resolve(l->world->design, x);
		rc = load_run_add(run, x, &added, e);
		if (rc)
			return rc;
		*n_added += added;
	}
	return l->out_of_memory ? err_set(e, RC_NOMEM, "out of memory while simulating") : RC_OK;
}

static void counts_add(struct simulate_counts *to, const struct simulate_counts *c)
{
	uint64_t *a = (uint64_t *)to;
	const uint64_t *b = (const uint64_t *)c;
	_Static_assert(sizeof *to % sizeof *a == 0, "counts are all uint64_t");
	for (size_t i = 0; i < sizeof *to / sizeof *a; i++)
		a[i] += b[i];
}

static void progress_tell(struct simulation *s, uint64_t n_persons, uint64_t n_interactions)
{
	pthread_mutex_lock(&s->mu);
	s->report->n_persons += n_persons;
	s->report->counts.n_interactions += n_interactions;
	progress_update(s->progress, s->report->n_persons, s->report->counts.n_interactions);
	pthread_mutex_unlock(&s->mu);
}

// Persons [first, end) in order of keys.
static enum rc lives_make(struct simulation *s, uint64_t first, uint64_t end, struct load_run *run,
	struct simulate_counts *counts, struct err *e)
{
	struct life l = {.world = s->world, .counts = counts};
	struct sim_texts t = {.verbatim = buf_new(4096)};
	struct interaction *x = mem_calloc(1, sizeof *x);
	enum rc rc = x ? RC_OK : err_set(e, RC_NOMEM, "out of memory while simulating");
	if (x)
		x->source = SV("simulation");
	uint64_t told = first, n_added = 0;
	for (uint64_t i = first; !rc && i < end; i++) {
		uint64_t number = s->persons[i].number;
		if (number < s->world->n_persons)
			life_make(&l, number);
		else
			life_make_attacker(&l, number - s->world->n_persons);
		rc = person_add(&l, run, x, &t, &n_added, e);
		if (i + 1 - told == PROGRESS_PERSONS || i + 1 == end) {
			progress_tell(s, i + 1 - told, n_added);
			told = i + 1;
			n_added = 0;
		}
	}
	mem_free(x);
	mem_free(l.events);
	buf_free(&t.verbatim);
	return rc;
}

static enum rc run_make(void *context, uint32_t i, struct err *e)
{
	struct simulation *s = context;
	struct load_run *run;
	struct simulate_counts counts = {0};
	enum rc rc = load_run_new(s->load, i, &run, e);
	if (rc)
		return rc;
	rc = lives_make(s, s->n_persons * i / s->n_runs, s->n_persons * (i + 1) / s->n_runs, run, &counts, e);
	if (!rc)
		rc = load_run_finish(&run, e);
	load_run_free(&run);
	pthread_mutex_lock(&s->mu);
	counts_add(&s->report->counts, &counts);
	pthread_mutex_unlock(&s->mu);
	return rc;
}

static int by_key(const void *a, const void *b)
{
	const struct numbered *x = a, *y = b;
	return (x->key > y->key) - (x->key < y->key);
}

static enum rc persons_order(struct simulation *s, struct err *e)
{
	s->persons = mem_alloc((size_t)s->n_persons * sizeof *s->persons);
	if (!s->persons)
		return err_set(
			e, RC_NOMEM, "out of memory for %llu customers", (unsigned long long)s->n_persons);
	for (uint64_t i = 0; i < s->n_persons; i++) {
		char text[32];
		s->persons[i] = (struct numbered){person_of(SV("customer"), customer_name(i, text)), i};
	}
	qsort(s->persons, (size_t)s->n_persons, sizeof *s->persons, by_key);
	return RC_OK;
}

static enum rc list_give(
	const struct simulation *s, enum name_kind kind, const struct sv *names, uint32_t n, struct err *e)
{
	enum rc rc = RC_OK;
	for (uint32_t i = 0, code; !rc && i < n; i++)
		rc = store_load_name(s->load, kind, names[i], &code, e);
	return rc;
}

static enum rc dimensions_give(const struct simulation *s, struct err *e)
{
	const struct world *w = s->world;
	const struct design *d = w->design;
	enum rc rc = RC_OK;
	for (uint32_t i = 0; !rc && i < d->n_dimensions; i++) {
		uint32_t slot, path = d->dimension_path[i];
		rc = store_load_name(s->load, NAME_DIMENSION, d->dimensions[i], &slot, e);
		enum name_kind values = (enum name_kind)(NAME_DIMENSION0 + slot - 1);
		if (!rc && path == w->path_region)
			rc = list_give(s, values, w->region, 5, e);
		else if (!rc && path == w->path_product)
			rc = list_give(s, values, w->product, 4, e);
	}
	return rc;
}

static enum rc names_give(const struct simulation *s, struct err *e)
{
	const struct world *w = s->world;
	const struct design *d = w->design;
	const struct sv source = SV("simulation"), cancelled = SV("Contract Cancelled");
	enum rc rc = list_give(s, NAME_SOURCE, &source, 1, e);
	for (uint32_t i = 0; !rc && i < d->n_touchpoints; i++)
		rc = list_give(s, NAME_TOUCHPOINT, &d->touchpoints[i].name, 1, e);
	if (!rc)
		rc = list_give(s, NAME_CHANNEL, w->channel, SIM_CHANNELS, e);
	if (!rc)
		rc = list_give(s, NAME_EVENT, w->event, SIM_KINDS, e);
	if (!rc)
		rc = list_give(s, NAME_EVENT, &cancelled, 1, e);
	static const uint32_t n_agents[3] = {DEALERS, COURIERS, AGENTS};
	for (int i = 0; !rc && i < 3; i++)
		rc = list_give(s, NAME_AGENT, w->agent[i], n_agents[i], e);
	for (int i = 0; !rc && i < SIM_MEASURES; i++)
		rc = list_give(s, NAME_MEASURE, &d->measures[w->measure[i]].name, 1, e);
	return rc ? rc : dimensions_give(s, e);
}

static enum rc runs_make(struct simulation *s, unsigned threads, struct err *e)
{
	s->n_runs = (s->n_persons + RUN_PERSONS - 1) / RUN_PERSONS;
	if (s->n_runs < RUNS_MIN && s->n_persons >= (uint64_t)RUNS_MIN * RUNS_MIN_PERSONS)
		s->n_runs = RUNS_MIN;
	enum rc rc = persons_order(s, e);
	if (!rc)
		rc = names_give(s, e);
	return rc ? rc : pool_run(threads, (uint32_t)s->n_runs, run_make, s, e);
}

enum rc simulate_run(
	struct store *store, const struct simulate_options *o, struct simulate_report *report, struct err *e)
{
	*report = (struct simulate_report){0};
	const struct clock *clock = clock_system();
	int64_t started = clock->monotonic_ns(clock);
	struct world *w = mem_calloc(1, sizeof *w);
	struct simulation s = {.world = w, .report = report, .mu = PTHREAD_MUTEX_INITIALIZER};
	enum rc rc = w ? world_init(w, store_design(store), o, e)
		       : err_set(e, RC_NOMEM, "out of memory while simulating");
	if (!rc)
		rc = store_load_begin(store, &s.load, e);
	if (!rc) {
		s.n_persons = w->n_persons + attack_size(w);
		s.progress = progress_new("simulating", s.n_persons, "persons", o->quiet);
		rc = runs_make(&s, o->threads ? o->threads : pool_cpus(), e);
	}
	store_load_end(&s.load);
	progress_finish(&s.progress);
	mem_free(s.persons);
	mem_free(w);
	report->elapsed_ms = (clock->monotonic_ns(clock) - started) / 1000000;
	return rc;
}
