// SPDX-License-Identifier: Apache-2.0
// Makes lives block by block on several threads and appends the blocks in order, so that the store is the same
// whatever the number of threads. Thread t makes blocks t, t + T, t + 2T, … into its own queue; the writer takes
// from the queues in turn.
#include "base/clock.h"
#include "base/mem.h"
#include "base/pool.h"
#include "simulate/internal.h"

#include <stdatomic.h>
#include <stdio.h>

#define BLOCK_PERSONS 800
#define THREADS_MAX 64
#define QUEUE_BLOCKS 3

struct block {
	struct batch *batches[4]; // a block may overflow one batch
	uint32_t n_batches;
	uint64_t n_persons, n_interactions;
	struct err error;
};

struct maker {
	const struct world *world;
	struct queue *queue;
	struct thread *thread;
	uint64_t first_block, step, n_blocks, n_attackers;
	struct simulate_counts counts;
	atomic_bool stop;
};

uint64_t simulate_persons_for(uint64_t n_interactions)
{
	uint64_t n = (uint64_t)((double)n_interactions / 35.4);
	return n ? n : 1;
}

static void block_free(struct block *b)
{
	if (!b)
		return;
	for (uint32_t i = 0; i < b->n_batches; i++)
		batch_free(&b->batches[i]);
	mem_free(b);
}

static void measures_fill(const struct world *w, const struct sim_event *x, struct interaction *out)
{
	out->n_measures = 0;
	for (uint32_t i = 0; i < SIM_MEASURES; i++) {
		if (isnan(x->measure[i]))
			continue;
		// Tenths come back exactly: floats are only the store of small decimals here.
		double v = round((double)x->measure[i] * 1000) / 1000;
		out->measures[out->n_measures++] = (struct measure_value){w->measure[i], v};
	}
}

struct texts {
	char customer[32], promise[48], keeps[48], properties[96];
	struct buf verbatim;
};

static void interaction_fill(const struct life *l, const struct sim_event *x, struct rng *words,
	struct texts *t, struct interaction *out)
{
	const struct world *w = l->world;
	out->event = w->event[x->kind];
	if (x->kind == SIM_RENEWAL && x->measure[SIM_RESOLVED] < .5F)
		out->event = SV("Contract Cancelled");
	out->channel = w->channel[x->channel];
	out->agent = x->role == ROLE_NONE ? SV_NONE : w->agent[x->role - 1][x->agent];
	out->at_ms = x->at_ms;
	out->received_ms = x->at_ms + 1500;
	measures_fill(w, x, out);
	out->promise = out->keeps = SV_NONE;
	out->due_ms = x->due_ms;
	if (x->promise)
		out->promise = (struct sv){t->promise,
			(size_t)snprintf(t->promise, sizeof t->promise, "%s-%u", t->customer, x->promise)};
	if (x->keeps)
		out->keeps = (struct sv){
			t->keeps, (size_t)snprintf(t->keeps, sizeof t->keeps, "%s-%u", t->customer, x->keeps)};
	out->text = SV_NONE;
	if (x->kind == SIM_COMPLAINT || x->kind == SIM_REVIEW) {
		buf_clear(&t->verbatim);
		text_write(words, x->topic, &t->verbatim);
		out->text = buf_view(&t->verbatim);
	}
}

static enum rc person_add(
	struct life *l, struct block *b, struct interaction *x, struct texts *t, struct err *e)
{
	const struct world *w = l->world;
	snprintf(t->customer, sizeof t->customer, "c%07llu", (unsigned long long)l->person + 1);
	snprintf(t->properties, sizeof t->properties, "{\"product\":\"%s\",\"region\":\"%s\"}",
		w->product[l->product].ptr, w->region[l->region].ptr);
	x->identities[0] = (struct identity){SV("customer"), sv_from(t->customer)};
	x->n_identities = 1;
	x->properties = sv_from(t->properties);
	if (w->path_region != DESIGN_NONE)
		x->paths[w->path_region] = w->region[l->region];
	if (w->path_product != DESIGN_NONE)
		x->paths[w->path_product] = w->product[l->product];
	struct rng words = {l->rng.state ^ UINT64_C(0x7465787473)};
	for (size_t i = 0; i < l->n; i++) {
		interaction_fill(l, &l->events[i], &words, t, x);
		design_resolve(w->design, x);
		enum rc rc = batch_add(b->batches[b->n_batches - 1], x, e);
		if (rc == RC_LIMIT && b->n_batches < 4) {
			*e = ERR_NONE;
			struct batch *next = batch_new(w->design);
			if (!next)
				return err_set(e, RC_NOMEM, "out of memory while simulating");
			b->batches[b->n_batches++] = next;
			rc = batch_add(next, x, e);
		}
		if (rc)
			return rc;
	}
	b->n_interactions += l->n;
	b->n_persons++;
	return l->out_of_memory ? err_set(e, RC_NOMEM, "out of memory while simulating") : RC_OK;
}

static struct block *block_make(
	struct maker *m, struct life *l, uint64_t index, struct texts *t, struct interaction *x)
{
	struct block *b = mem_calloc(1, sizeof *b);
	if (!b)
		return NULL;
	uint64_t persons = m->world->n_persons, first = index * BLOCK_PERSONS;
	uint64_t end = first + BLOCK_PERSONS;
	if (end > persons + m->n_attackers)
		end = persons + m->n_attackers;
	b->batches[0] = batch_new(m->world->design);
	if (!b->batches[0]) {
		err_set(&b->error, RC_NOMEM, "out of memory while simulating");
		return b;
	}
	b->n_batches = 1;
	for (uint64_t p = first; p < end && !b->error.rc; p++) {
		if (p < persons)
			life_make(l, p);
		else
			life_make_attacker(l, p - persons);
		person_add(l, b, x, t, &b->error);
	}
	for (uint32_t i = 0; i < b->n_batches && !b->error.rc; i++)
		batch_pack(b->batches[i], &b->error);
	return b;
}

static void maker_run(void *context)
{
	struct maker *m = context;
	struct life l = {.world = m->world, .counts = &m->counts};
	struct texts t = {.verbatim = buf_new(4096)};
	struct interaction *x = mem_calloc(1, sizeof *x);
	if (x)
		x->source = SV("simulation");
	for (uint64_t i = m->first_block; x && i < m->n_blocks && !m->stop; i += m->step) {
		struct block *b = block_make(m, &l, i, &t, x);
		if (!b)
			break; // the writer sees a closed queue and reports it
		if (!queue_push(m->queue, b)) {
			block_free(b);
			break;
		}
	}
	queue_close(m->queue);
	mem_free(x);
	mem_free(l.events);
	buf_free(&t.verbatim);
}

static void counts_add(struct simulate_counts *to, const struct simulate_counts *c)
{
	uint64_t *a = (uint64_t *)to;
	const uint64_t *b = (const uint64_t *)c;
	_Static_assert(sizeof *to % sizeof *a == 0, "counts are all uint64_t");
	for (size_t i = 0; i < sizeof *to / sizeof *a; i++)
		a[i] += b[i];
}

static enum rc write_blocks(struct store *s, struct maker *makers, unsigned n, uint64_t n_blocks,
	struct progress *progress, struct simulate_report *report, struct err *e)
{
	for (uint64_t i = 0; i < n_blocks; i++) {
		struct block *b = queue_pop(makers[i % n].queue);
		if (!b)
			return err_set(e, RC_NOMEM, "out of memory while simulating");
		enum rc rc = err_take(e, &b->error);
		struct append_result results[4];
		if (!rc)
			rc = store_append(s, b->batches, b->n_batches, results, NULL, NULL, e);
		report->n_persons += b->n_persons;
		for (uint32_t k = 0; k < b->n_batches && !rc; k++)
			report->counts.n_interactions += results[k].n_added;
		block_free(b);
		if (rc)
			return rc;
		progress_update(progress, report->n_persons, report->counts.n_interactions);
	}
	return RC_OK;
}

enum rc simulate_run(
	struct store *s, const struct simulate_options *o, struct simulate_report *report, struct err *e)
{
	*report = (struct simulate_report){0};
	const struct clock *clock = clock_system();
	int64_t started = clock->monotonic_ns(clock);
	struct world *w = mem_calloc(1, sizeof *w);
	unsigned n = o->threads ? o->threads : pool_cpus();
	n = n > THREADS_MAX ? THREADS_MAX : n;
	struct maker *makers = mem_calloc(n, sizeof *makers);
	struct progress *progress = NULL;
	unsigned started_makers = 0;
	enum rc rc = w && makers ? world_init(w, store_design(s), o, e)
				 : err_set(e, RC_NOMEM, "out of memory while simulating");
	if (rc)
		goto out;
	uint64_t n_attackers = attack_size(w);
	uint64_t n_blocks = (w->n_persons + n_attackers + BLOCK_PERSONS - 1) / BLOCK_PERSONS;
	progress = progress_new("simulating", w->n_persons + n_attackers, "persons", o->quiet);
	for (; started_makers < n && !rc; started_makers++) {
		struct maker *m = &makers[started_makers];
		*m = (struct maker){.world = w,
			.queue = queue_new(QUEUE_BLOCKS),
			.first_block = started_makers,
			.step = n,
			.n_blocks = n_blocks,
			.n_attackers = n_attackers};
		m->thread = m->queue ? thread_start(maker_run, m) : NULL;
		if (!m->thread)
			rc = err_set(e, RC_NOMEM, "cannot start a thread");
	}
	if (!rc)
		rc = write_blocks(s, makers, n, n_blocks, progress, report, e);
	if (!rc)
		rc = store_seal(s, e);
out:
	for (unsigned i = 0; i < started_makers; i++) {
		makers[i].stop = true;
		if (makers[i].queue)
			queue_close(makers[i].queue);
		thread_join(&makers[i].thread);
		for (struct block *b; makers[i].queue && (b = queue_pop(makers[i].queue));)
			block_free(b);
		queue_free(&makers[i].queue);
		counts_add(&report->counts, &makers[i].counts);
	}
	progress_finish(&progress);
	mem_free(makers);
	mem_free(w);
	report->elapsed_ms = (clock->monotonic_ns(clock) - started) / 1000000;
	return rc;
}
