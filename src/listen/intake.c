// SPDX-License-Identifier: Apache-2.0
// Group commit.
//
// Invariants:
//  1. A delivery's messages are in the group that its `done` is in, and the writer commits a group as a whole: what was
//     told to be durable is.
//  2. After an error while decoding, messages of that body may stay in the group: they become durable without anybody
//     being told, and are known when they are sent again.
//  3. Batches are made with the store's current design: they are thrown away empty when the intake is paused.
#include "listen/intake.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "listen/import.h"
#include "listen/wire_keep.h"
#include "people/people.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

enum {
	WAITING_BYTES_MAX = 64 << 20,
	GATHERED_BYTES_MAX = 256 << 10,
	QUARANTINE_MAX = 1000000,
	LINKS_AT_ONCE = 20000,
	SAMPLE_MS = 100
};

struct told {
	intake_done *done;
	void *context;
};

enum note_kind { NOTE_REJECT, NOTE_LINK };

// What is committed together.
struct group {
	struct batch **batches;
	size_t n_batches, batches_capacity; // n_batches: with something in them; more may be there, empty
	size_t n_made;
	struct told *told;
	size_t n_told, told_capacity;
	struct buf notes; // rejects and links, see note_*
	size_t bytes;     // of the bodies
	uint64_t n_rejects;
};

struct lane {
	pthread_mutex_t mu;
	struct wire_decoder *decoder;
	struct group *filling, *spare; // spare: NULL while the writer has it
};

// A file of the quarantine's for each address and origin (wire_keep.h).
struct quarantine_file {
	char name[128];
	struct buf origin;
	struct import_file file; // points into this
	struct csv_head head;
};

struct intake {
	struct intake_options o;
	const struct clock *clock;
	struct people *people;
	struct lane *lanes;
	unsigned n_lanes;
	struct thread *writer;
	pthread_mutex_t mu;
	pthread_cond_t work, idle; // for the writer; for intake_pause
	bool wanted, closing, committing;
	atomic_bool paused;
	atomic_size_t waiting;
	atomic_uint_fast64_t n_quarantined;
	_Atomic int64_t sampled_at;
	struct intake_stats stats; // under mu
	struct quarantine_file **files;
	size_t n_files, files_capacity;
	struct group **groups; // n_lanes, the writer's
};

// --- groups ---

static void group_free(struct group **group)
{
	struct group *g = *group;
	*group = NULL;
	if (!g)
		return;
	for (size_t i = 0; i < g->n_made; i++)
		batch_free(&g->batches[i]);
	mem_free(g->batches);
	mem_free(g->told);
	buf_free(&g->notes);
	mem_free(g);
}

static struct group *group_new(void)
{
	struct group *g = mem_calloc(1, sizeof(*g));
	if (g)
		g->notes = buf_new((size_t)512 << 20);
	return g;
}

static void group_clear(struct group *g, bool forget_batches)
{
	for (size_t i = 0; i < g->n_made; i++) {
		if (forget_batches || i > 0)
			batch_free(&g->batches[i]);
		else
			batch_clear(g->batches[i]);
	}
	g->n_made = forget_batches ? 0 : g->n_made > 0;
	g->n_batches = g->n_told = 0;
	g->n_rejects = 0;
	g->bytes = 0;
	buf_clear(&g->notes);
}

static bool group_empty(const struct group *g)
{
	return g->n_told == 0 && g->n_batches == 0 && g->notes.len == 0;
}

// The batch that takes the next interaction; `full`: the last one does not.
static enum rc group_batch(
	struct group *g, const struct design *d, bool full, struct batch **out, struct err *e)
{
	size_t at = g->n_batches && !full ? g->n_batches - 1 : g->n_batches;
	if (at == g->n_made) {
		if (mem_grow((void **)&g->batches, &g->batches_capacity, at + 1, sizeof(struct batch *)) != 0)
			return err_set(e, RC_NOMEM, "out of memory for what comes in");
		g->batches[at] = batch_new(d);
		if (!g->batches[at])
			return err_set(e, RC_NOMEM, "out of memory for what comes in");
		g->n_made++;
	}
	*out = g->batches[at];
	return RC_OK;
}

// --- taking in, under the lane's lock ---

struct taking {
	struct intake *intake;
	struct group *group;
	const struct intake_delivery *d;
	const struct design *design;
	const struct wire_context *context;
};

static void sample(struct intake *i, const struct interaction *x, const struct design *d)
{
	int64_t now = i->clock->now_ms(i->clock), last = atomic_load(&i->sampled_at);
	if (now - last >= SAMPLE_MS && atomic_compare_exchange_strong(&i->sampled_at, &last, now))
		i->o.sample(i->o.context, x, d);
}

static enum rc take_interaction(void *context, uint32_t index, const struct interaction *x, struct err *e)
{
	(void)index;
	struct taking *t = context;
	struct batch *b = NULL;
	struct err why = ERR_NONE;
	enum rc rc = group_batch(t->group, t->design, false, &b, e);
	if (rc != RC_OK)
		return rc;
	rc = batch_add(b, x, &why);
	if (rc == RC_LIMIT && batch_count(b) > 0) {
		why = ERR_NONE;
		rc = group_batch(t->group, t->design, true, &b, e);
		if (rc != RC_OK)
			return rc;
		rc = batch_add(b, x, &why);
	}
	if (rc != RC_OK)
		return err_take(e, &why);
	if (t->group->n_batches == 0 || t->group->batches[t->group->n_batches - 1] != b)
		t->group->n_batches++;
	if (t->intake->o.sample)
		sample(t->intake, x, t->design);
	return RC_OK;
}

// A note that did not fit leaves nothing behind.
static enum rc note_check(struct buf *b, size_t before, struct err *e)
{
	enum rc rc = buf_check(b, e, "what comes in");
	if (rc != RC_OK) {
		b->len = before;
		b->rc = RC_OK;
	}
	return rc;
}

static enum rc take_link(void *context, const struct wire_link *l, struct err *e)
{
	struct taking *t = context;
	struct buf *b = &t->group->notes;
	size_t before = b->len;
	buf_u8(b, NOTE_LINK);
	buf_u64(b, (uint64_t)l->at_ms);
	const struct identity *both[] = {&l->from, &l->to};
	for (unsigned i = 0; i < 2; i++) {
		buf_u32(b, (uint32_t)(both[i]->type.len + 1 + both[i]->value.len));
		buf_sv(b, both[i]->type);
		buf_char(b, ':');
		buf_sv(b, both[i]->value);
	}
	return note_check(b, before, e);
}

static void put_text(struct buf *b, struct sv s)
{
	buf_u32(b, (uint32_t)s.len);
	buf_sv(b, s);
}

static enum rc take_reject(void *context, uint32_t index, struct sv raw, struct sv reason, struct err *e)
{
	struct taking *t = context;
	if (t->d->reject) {
		t->d->reject(t->d->done_context, index, reason);
		return RC_OK;
	}
	if (atomic_load(&t->intake->n_quarantined) >= t->intake->o.quarantine_max) {
		err_set(e, RC_LIMIT, "the quarantine is full (%llu messages)",
			(unsigned long long)t->intake->o.quarantine_max);
		err_remedy(e, "look at it, replay or drop it: corridor quarantine list");
		return RC_LIMIT;
	}
	struct buf *b = &t->group->notes;
	size_t before = b->len;
	struct buf origin = buf_new(1 << 16), kept = buf_new((size_t)1 << 30);
	if (t->d->hook) {
		hook_origin_write(&origin, hook_line_name(t->d->hook));
		buf_sv(&kept, raw);
	} else {
		wire_origin_write(&origin, t->d->kind, t->context);
		wire_kept_write(&kept, t->d->kind, raw, t->context);
	}
	buf_u8(b, NOTE_REJECT);
	buf_u64(b, index);
	put_text(b, sv_from(t->d->file));
	put_text(b, buf_view(&origin));
	put_text(b, buf_view(&kept));
	put_text(b, reason);
	b->rc = b->rc != RC_OK ? b->rc : origin.rc != RC_OK ? origin.rc : kept.rc;
	buf_free(&origin);
	buf_free(&kept);
	enum rc rc = note_check(b, before, e);
	if (rc == RC_OK) {
		t->group->n_rejects++;
		atomic_fetch_add(&t->intake->n_quarantined, 1);
	}
	return rc;
}

static struct lane *lane_take(struct intake *i)
{
	for (unsigned k = 0; k < i->n_lanes; k++)
		if (pthread_mutex_trylock(&i->lanes[k].mu) == 0)
			return &i->lanes[k];
	struct lane *l = &i->lanes[((uintptr_t)pthread_self() >> 12) % i->n_lanes];
	pthread_mutex_lock(&l->mu);
	return l;
}

static enum rc decode(struct lane *l, const struct taking *t, const struct wire_sink *sink,
	struct wire_result *result, struct err *e)
{
	const struct intake_delivery *d = t->d;
	struct hook_result mapped = {0};
	if (!d->hook)
		return wire_decode(l->decoder, d->kind, d->body, t->context, sink, result, e);
	const struct hook_body body = {
		d->body, d->made, d->refused, t->context->batch_bytes_max, t->context->received_ms};
	enum rc rc = hook_line_decode(
		d->hook, t->design, store_design_version(t->intake->o.store), &body, sink, &mapped, e);
	*result = (struct wire_result){.n_messages = mapped.n_messages,
		.n_interactions = mapped.n_interactions,
		.n_rejected = mapped.n_rejected};
	return rc;
}

static enum rc fill(struct intake *i, struct lane *l, const struct intake_delivery *d,
	struct wire_result *result, struct err *e)
{
	struct group *g = l->filling;
	struct wire_context c = d->context;
	struct taking t = {i, g, d, store_design(i->o.store), &c};
	const struct wire_sink sink = {&t, take_interaction, take_link, take_reject};
	c.design = t.design;
	struct sv key;
	if (d->authorize) {
		enum rc known = wire_key(l->decoder, d->kind, d->body, c.batch_bytes_max, &key, e);
		if (known == RC_OK)
			known = d->authorize(d->done_context, key, &c, e);
		if (known != RC_OK)
			return known;
	}
	// Room first, so that nothing can fail once messages are in.
	if (mem_grow((void **)&g->told, &g->told_capacity, g->n_told + 1, sizeof(*g->told)) != 0)
		return err_set(e, RC_NOMEM, "out of memory for what comes in");
	enum rc rc = decode(l, &t, &sink, result, e);
	if (rc != RC_OK)
		return rc;
	g->told[g->n_told++] = (struct told){d->done, d->done_context};
	g->bytes += d->body.len;
	atomic_fetch_add(&i->waiting, d->body.len);
	return RC_OK;
}

// The signal comes after the lock is free, or the writer would wake up only to wait for that.
static void wake_writer(struct intake *i)
{
	pthread_mutex_lock(&i->mu);
	bool first = !i->wanted;
	i->wanted = true;
	pthread_mutex_unlock(&i->mu);
	if (first)
		pthread_cond_signal(&i->work);
}

void intake_go(struct intake *i)
{
	wake_writer(i);
}

enum rc intake_deliver(
	struct intake *i, const struct intake_delivery *d, struct wire_result *result, struct err *e)
{
	*result = (struct wire_result){0};
	if (atomic_load(&i->waiting) > i->o.waiting_bytes_max) {
		pthread_mutex_lock(&i->mu);
		i->stats.refused++;
		pthread_mutex_unlock(&i->mu);
		wake_writer(i);
		return err_set(
			e, RC_BUSY, "more comes in than can be stored at the moment; send it again later");
	}
	struct lane *l = lane_take(i);
	// Looked at under the lane's lock: intake_pause goes through all lanes after setting it.
	enum rc rc = atomic_load(&i->paused)
			     ? err_set(e, RC_BUSY, "the corridor file is being changed; send it again later")
			     : fill(i, l, d, result, e);
	// After the lane's lock `done` may have been called and all be gone.
	uint32_t n_rejected = result->n_rejected;
	bool gathered = d->gathered;
	pthread_mutex_unlock(&l->mu);
	if (rc == RC_OK) {
		pthread_mutex_lock(&i->mu);
		i->stats.deliveries++;
		i->stats.rejects += n_rejected;
		pthread_mutex_unlock(&i->mu);
	}
	// Also after an error: a few messages of the body may be in the group.
	if (!gathered || atomic_load(&i->waiting) > GATHERED_BYTES_MAX)
		wake_writer(i);
	return rc;
}

enum rc intake_add(struct intake *i, const struct interaction *x, struct err *e)
{
	struct lane *l = lane_take(i);
	struct taking t = {.intake = i, .group = l->filling, .design = store_design(i->o.store)};
	enum rc rc = atomic_load(&i->paused) ? err_set(e, RC_BUSY, "the corridor file is being changed")
					     : take_interaction(&t, 0, x, e);
	pthread_mutex_unlock(&l->mu);
	wake_writer(i);
	return rc;
}

// --- the writer ---

struct commit_context {
	struct intake *i;
	struct group **groups;
	unsigned n;
};

static struct sv take_text(struct rd *r)
{
	uint32_t len = rd_u32(r);
	return rd_bytes(r, len);
}

static void file_free(struct quarantine_file *f)
{
	if (f)
		buf_free(&f->origin);
	mem_free(f);
}

static struct quarantine_file *file_find(struct intake *i, struct sv name, struct sv origin, struct err *e)
{
	for (size_t k = 0; k < i->n_files; k++)
		if (sv_equal(sv_from(i->files[k]->name), name) &&
			sv_equal(buf_view(&i->files[k]->origin), origin))
			return i->files[k];
	struct quarantine_file *f = mem_calloc(1, sizeof(*f));
	if (f) {
		f->origin = buf_new(1 << 16);
		buf_sv(&f->origin, origin);
		snprintf(f->name, sizeof(f->name), "%.*s", SV_ARG(name));
	}
	if (!f || f->origin.rc != RC_OK ||
		mem_grow((void **)&i->files, &i->files_capacity, i->n_files + 1,
			sizeof(struct quarantine_file *)) != 0) {
		file_free(f);
		err_set(e, RC_NOMEM, "out of memory for the quarantine");
		return NULL;
	}
	i->files[i->n_files++] = f;
	return f;
}

static enum rc quarantine(struct intake *i, struct db *db, struct rd *r, struct err *e)
{
	uint64_t index = rd_u64(r);
	struct sv name = take_text(r), origin = take_text(r), raw = take_text(r), reason = take_text(r);
	struct quarantine_file *f = file_find(i, name, origin, e);
	if (!f)
		return RC_NOMEM;
	int64_t now = i->clock->now_ms(i->clock);
	enum rc rc = RC_OK;
	if (f->file.id == 0) {
		const struct import_report none = {0};
		f->file = (struct import_file){.path = f->name,
			.name = f->name,
			.map_name = sv_starts(origin, SV("{\"hook\":")) ? "webhook" : "tracking",
			.map_text = buf_view(&f->origin),
			.head = &f->head,
			.format = RECORD_NDJSON,
			.at_ms = now};
		rc = import_file_save(db, &f->file, &none, true, e);
	}
	const struct reject reject = {.line = index + 1, .number = index + 1, .raw = raw};
	return rc == RC_OK ? quarantine_add(db, &f->file, &reject, reason, now, e) : rc;
}

static enum rc write_notes(void *context, struct db *db, const struct append_result *results, struct err *e)
{
	(void)results;
	struct commit_context *c = context;
	enum rc rc = RC_OK;
	for (unsigned g = 0; g < c->n; g++) {
		struct rd r = rd_new(buf_view(&c->groups[g]->notes));
		while (rc == RC_OK && r.p < r.end) {
			if (rd_u8(&r) == NOTE_REJECT) {
				rc = quarantine(c->i, db, &r, e);
				continue;
			}
			int64_t at_ms = (int64_t)rd_u64(&r);
			struct sv from = take_text(&r), to = take_text(&r);
			rc = people_pair(c->i->people, db, from, to, at_ms, e);
		}
	}
	return rc;
}

static enum rc append_groups(struct intake *i, struct group **groups, unsigned n, uint32_t *added,
	uint32_t *duplicates, struct err *e)
{
	size_t n_batches = 0;
	for (unsigned g = 0; g < n; g++)
		n_batches += groups[g]->n_batches;
	struct batch **batches = mem_calloc(n_batches + 1, sizeof(struct batch *));
	struct append_result *results = mem_calloc(n_batches + 1, sizeof(*results));
	struct commit_context c = {i, groups, n};
	enum rc rc = batches && results ? RC_OK : err_set(e, RC_NOMEM, "out of memory for what comes in");
	if (rc == RC_OK) {
		size_t k = 0;
		for (unsigned g = 0; g < n; g++)
			for (size_t b = 0; b < groups[g]->n_batches; b++)
				batches[k++] = groups[g]->batches[b];
		rc = store_append(i->o.store, batches, (uint32_t)n_batches, results, write_notes, &c, e);
	}
	for (size_t b = 0; rc == RC_OK && b < n_batches; b++) {
		*added += results[b].n_added;
		*duplicates += results[b].n_duplicates;
	}
	mem_free(batches);
	mem_free(results);
	return rc;
}

static void tell(struct intake *i, struct group **groups, unsigned n, const struct intake_result *result)
{
	for (unsigned g = 0; g < n; g++) {
		for (size_t t = 0; t < groups[g]->n_told; t++)
			groups[g]->told[t].done(groups[g]->told[t].context, result);
		atomic_fetch_sub(&i->waiting, groups[g]->bytes);
	}
}

// Returns the processor time that appending took, in ns.
static int64_t commit_groups(struct intake *i, struct group **groups, unsigned n)
{
	struct err e = ERR_NONE;
	uint32_t added = 0, duplicates = 0;
	int64_t start = i->clock->monotonic_ns(i->clock), used_ns = clock_thread_ns();
	enum rc rc = append_groups(i, groups, n, &added, &duplicates, &e);
	used_ns = clock_thread_ns() - used_ns;
	if (rc != RC_OK) {
		log_err("listen", &e);
		people_failed(i->people);
		for (size_t k = 0; k < i->n_files; k++) // their rows may not be there
			i->files[k]->file.id = 0;
		for (unsigned g = 0; g < n; g++)
			atomic_fetch_sub(&i->n_quarantined, groups[g]->n_rejects);
	}
	pthread_mutex_lock(&i->mu);
	i->stats.commits += rc == RC_OK;
	i->stats.failed += rc != RC_OK;
	i->stats.interactions += added;
	i->stats.duplicates += duplicates;
	i->stats.commit_us += (uint64_t)((i->clock->monotonic_ns(i->clock) - start) / 1000);
	pthread_mutex_unlock(&i->mu);
	const struct intake_result result = {rc, &e};
	if (i->o.telling)
		i->o.telling(i->o.context, true);
	tell(i, groups, n, &result);
	if (i->o.telling)
		i->o.telling(i->o.context, false);
	if (rc == RC_OK && i->o.committed)
		i->o.committed(i->o.context, added);
	return used_ns;
}

// Takes the filled groups of all lanes, leaving each its spare one. A lane's group is its own again afterwards.
static unsigned collect(struct intake *i)
{
	unsigned n = 0;
	for (unsigned k = 0; k < i->n_lanes; k++) {
		struct lane *l = &i->lanes[k];
		pthread_mutex_lock(&l->mu);
		i->groups[k] = NULL;
		if (!group_empty(l->filling)) {
			i->groups[k] = l->filling;
			l->filling = l->spare;
			l->spare = NULL;
			n++;
		}
		pthread_mutex_unlock(&l->mu);
	}
	return n;
}

static void give_back(struct intake *i)
{
	for (unsigned k = 0; k < i->n_lanes; k++) {
		if (!i->groups[k])
			continue;
		group_clear(i->groups[k], false);
		pthread_mutex_lock(&i->lanes[k].mu);
		i->lanes[k].spare = i->groups[k];
		pthread_mutex_unlock(&i->lanes[k].mu);
	}
}

static void link_people(struct intake *i)
{
	struct err e = ERR_NONE;
	struct people_linked linked;
	if (!people_due(i->people, i->clock->now_ms(i->clock)))
		return;
	if (people_link(i->people, LINKS_AT_ONCE, &linked, &e) != RC_OK)
		log_err("people", &e);
	pthread_mutex_lock(&i->mu);
	i->stats.links_made += linked.n_made;
	i->stats.links_refused += linked.n_refused;
	i->stats.links_waiting = people_waiting(i->people);
	pthread_mutex_unlock(&i->mu);
}

// Waits for work; false: closing and nothing is left to do.
static bool writer_wait(struct intake *i)
{
	const struct timespec until = thread_deadline(1000); // links may be due
	pthread_mutex_lock(&i->mu);
	i->committing = false;
	pthread_cond_broadcast(&i->idle);
	while (!i->wanted && !i->closing)
		if (!thread_wait_until(&i->work, &i->mu, &until))
			break;
	bool go_on = i->wanted || !i->closing;
	i->wanted = false;
	i->committing = true;
	pthread_mutex_unlock(&i->mu);
	return go_on;
}

static void writer_run(void *context)
{
	struct intake *i = context;
	thread_be_prompt();
	while (writer_wait(i)) {
		unsigned n = collect(i);
		if (n > 0) {
			struct group *filled[256];
			unsigned at = 0;
			for (unsigned k = 0; k < i->n_lanes; k++)
				if (i->groups[k])
					filled[at++] = i->groups[k];
			int64_t used_ns = commit_groups(i, filled, at);
			give_back(i);
			if (!atomic_load(&i->paused))
				store_pace(i->o.store, used_ns);
		}
		if (!atomic_load(&i->paused))
			link_people(i);
	}
}

// --- pausing ---

void intake_pause(struct intake *i)
{
	atomic_store(&i->paused, true);
	for (unsigned k = 0; k < i->n_lanes; k++) { // who saw it unpaused is through after this
		pthread_mutex_lock(&i->lanes[k].mu);
		pthread_mutex_unlock(&i->lanes[k].mu);
	}
	pthread_mutex_lock(&i->mu);
	i->wanted = true; // one more round of the writer takes what is there
	pthread_cond_signal(&i->work);
	while (i->committing || i->wanted)
		pthread_cond_wait(&i->idle, &i->mu);
	pthread_mutex_unlock(&i->mu);
	for (unsigned k = 0; k < i->n_lanes; k++) {
		struct lane *l = &i->lanes[k];
		pthread_mutex_lock(&l->mu);
		assert(l->spare && group_empty(l->filling) && group_empty(l->spare));
		group_clear(l->filling, true);
		group_clear(l->spare, true);
		pthread_mutex_unlock(&l->mu);
	}
}

void intake_resume(struct intake *i)
{
	atomic_store(&i->paused, false);
}

// --- opening ---

static enum rc count_quarantined(struct intake *i, struct err *e)
{
	struct db_stmt *s;
	bool row;
	enum rc rc = db_prepare(store_db(i->o.store), "SELECT count(*) FROM quarantine", &s, e);
	if (rc == RC_OK)
		rc = db_step(s, &row, e);
	if (rc != RC_OK)
		return rc;
	atomic_store(&i->n_quarantined, (uint64_t)db_i64(s, 0));
	db_reset(s);
	return RC_OK;
}

static enum rc lanes_new(struct intake *i, struct err *e)
{
	i->lanes = mem_calloc(i->o.lanes, sizeof(*i->lanes));
	i->groups = mem_calloc(i->o.lanes, sizeof(struct group *));
	if (!i->lanes || !i->groups)
		return err_set(e, RC_NOMEM, "out of memory for what comes in");
	for (; i->n_lanes < i->o.lanes; i->n_lanes++) {
		struct lane *l = &i->lanes[i->n_lanes];
		pthread_mutex_init(&l->mu, NULL);
		l->decoder = wire_decoder_new();
		l->filling = group_new();
		l->spare = group_new();
		if (!l->decoder || !l->filling || !l->spare) {
			i->n_lanes++;
			return err_set(e, RC_NOMEM, "out of memory for what comes in");
		}
	}
	return RC_OK;
}

enum rc intake_open(const struct intake_options *options, struct intake **out, struct err *e)
{
	*out = NULL;
	struct intake *i = mem_calloc(1, sizeof(*i));
	if (!i)
		return err_set(e, RC_NOMEM, "out of memory for what comes in");
	i->o = *options;
	i->clock = options->clock ? options->clock : clock_system();
	i->o.lanes = options->lanes ? options->lanes : pool_cpus();
	i->o.lanes = i->o.lanes < 256 ? i->o.lanes : 256;
	i->o.waiting_bytes_max = options->waiting_bytes_max ? options->waiting_bytes_max : WAITING_BYTES_MAX;
	i->o.quarantine_max = options->quarantine_max ? options->quarantine_max : QUARANTINE_MAX;
	pthread_mutex_init(&i->mu, NULL);
	pthread_cond_init(&i->work, NULL);
	pthread_cond_init(&i->idle, NULL);
	enum rc rc = lanes_new(i, e);
	if (rc == RC_OK)
		rc = import_tables(store_db(options->store), e);
	if (rc == RC_OK)
		rc = people_open(options->store, i->clock, &i->people, e);
	if (rc == RC_OK)
		rc = count_quarantined(i, e);
	if (rc == RC_OK && !(i->writer = thread_start(writer_run, i)))
		rc = err_set(e, RC_NOMEM, "no thread could be started for what comes in");
	if (rc != RC_OK)
		intake_close(&i);
	*out = i;
	return rc;
}

void intake_close(struct intake **intake)
{
	struct intake *i = *intake;
	*intake = NULL;
	if (!i)
		return;
	atomic_store(&i->paused, true);
	for (unsigned k = 0; k < i->n_lanes; k++) {
		pthread_mutex_lock(&i->lanes[k].mu);
		pthread_mutex_unlock(&i->lanes[k].mu);
	}
	pthread_mutex_lock(&i->mu);
	i->closing = i->wanted = true;
	pthread_cond_signal(&i->work);
	pthread_mutex_unlock(&i->mu);
	if (i->writer)
		thread_join(&i->writer);
	people_close(&i->people);
	for (unsigned k = 0; k < i->n_lanes; k++) {
		group_free(&i->lanes[k].filling);
		group_free(&i->lanes[k].spare);
		wire_decoder_free(&i->lanes[k].decoder);
		pthread_mutex_destroy(&i->lanes[k].mu);
	}
	mem_free(i->lanes);
	mem_free(i->groups);
	for (size_t k = 0; k < i->n_files; k++)
		file_free(i->files[k]);
	mem_free(i->files);
	pthread_cond_destroy(&i->work);
	pthread_cond_destroy(&i->idle);
	pthread_mutex_destroy(&i->mu);
	mem_free(i);
}

void intake_quarantine_left(struct intake *i, uint64_t n)
{
	uint_fast64_t now = atomic_load(&i->n_quarantined);
	while (!atomic_compare_exchange_weak(&i->n_quarantined, &now, now > n ? now - n : 0))
		continue;
}

void intake_stats(struct intake *i, struct intake_stats *out)
{
	pthread_mutex_lock(&i->mu);
	*out = i->stats;
	pthread_mutex_unlock(&i->mu);
	out->waiting_bytes = atomic_load(&i->waiting);
}
