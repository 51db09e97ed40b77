// SPDX-License-Identifier: Apache-2.0
// A stream of new interactions: some customers live through their simulated years at the same time, each event taken as
// if it happened now. Their order and what follows from what are those of a life; only the pauses are shorter.
#include "base/mem.h"
#include "simulate/internal.h"

#include <stdio.h>

enum { LIVES = 48, FIRST_PERSON = 9000000 };

struct feed_life {
	struct life life;
	struct rng words;
	size_t next;
};

struct simulate_feed {
	struct world world;
	struct simulate_counts counts; // of no use, but lives count
	struct rng rng;
	struct feed_life lives[LIVES];
	uint64_t n_lives, n_given;
	struct sim_texts texts;
	struct interaction x;
	char id[64];
};

static bool life_begin(struct simulate_feed *f, struct feed_life *l)
{
	l->life.world = &f->world;
	l->life.counts = &f->counts;
	life_make(&l->life, FIRST_PERSON + f->n_lives++);
	l->words = (struct rng){l->life.rng.state ^ UINT64_C(0x7465787473)};
	l->next = 0;
	return !l->life.out_of_memory;
}

enum rc simulate_feed_open(const struct design *d, uint64_t seed, struct simulate_feed **out, struct err *e)
{
	struct simulate_feed *f = *out = mem_calloc(1, sizeof(*f));
	const struct simulate_options o = {.n_persons = FIRST_PERSON, .seed = seed, .start = SV("2025-10-01")};
	if (!f)
		return err_set(e, RC_NOMEM, "out of memory while simulating");
	f->rng = (struct rng){seed};
	f->texts.verbatim = buf_new(4096);
	enum rc rc = world_init(&f->world, d, &o, e);
	if (rc != RC_OK)
		simulate_feed_close(out);
	return rc;
}

void simulate_feed_close(struct simulate_feed **feed)
{
	struct simulate_feed *f = *feed;
	*feed = NULL;
	if (!f)
		return;
	for (unsigned i = 0; i < LIVES; i++)
		mem_free(f->lives[i].life.events);
	buf_free(&f->texts.verbatim);
	mem_free(f);
}

const struct interaction *simulate_feed_next(struct simulate_feed *f, int64_t now_ms)
{
	struct feed_life *l = &f->lives[rng_below(&f->rng, LIVES)];
	while (l->next >= l->life.n) // a life may be without any event
		if (!life_begin(f, l))
			return NULL;
	struct interaction *x = &f->x;
	const struct sim_event *event = &l->life.events[l->next++];
	interaction_begin(&l->life, &f->texts, x);
	interaction_fill(&l->life, event, &l->words, &f->texts, x);
	if (x->due_ms != TIME_NONE)
		x->due_ms += now_ms - x->at_ms;
	x->at_ms = now_ms;
	x->received_ms = now_ms;
	x->source = SV("simulation");
	int n = snprintf(
		f->id, sizeof(f->id), "live-%lld-%llu", (long long)now_ms, (unsigned long long)f->n_given++);
	x->id = (struct sv){f->id, (size_t)n};
	design_resolve(f->world.design, x);
	return x;
}
