// SPDX-License-Identifier: Apache-2.0
// See paths_log.h.
#include "measure/paths_log.h"

#include "base/mem.h"
#include "base/pool.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#define DENSE_KEYS 65536u // keys below it are counted in a table by key

// A record is a path's key with its duration above it; a duration that does not fit there makes it a sum.
#define CHUNK_SUMS CENSUS_PAGE
#define CHUNK_RECORDS (CENSUS_PAGE * 3u)
#define LINE_RECORDS 8u // of a cache line

struct path_chunk {
	struct path_chunk *next;
	uint32_t n; // elements, except in the last chunk of a list
	union {
		uint64_t record[CHUNK_RECORDS];
		struct census_sum sum[CHUNK_SUMS];
	} u;
};
static_assert(CHUNK_RECORDS * sizeof(uint64_t) == CHUNK_SUMS * sizeof(struct census_sum), "no room is lost");

struct path_slab {
	struct path_slab *next;
	struct path_chunk *chunk;
	size_t n;
};

// The first slab has so many chunks, each further one four times as many as the one before, up to the most (50 MB of
// addresses; memory is had as it is written to).
#define SLAB_CHUNKS_FIRST ((size_t)1 << 7)
#define SLAB_CHUNKS_MOST ((size_t)1 << 15)

void path_log_init(struct path_log *l, const struct census_shape *shape, uint64_t records_max)
{
	uint32_t key_bits = shape->packed ? shape->code_bits * shape->depth + shape->group_bits : 63;
	*l = (struct path_log){.shape = *shape, .records_max = records_max, .key_bits = key_bits};
}

void path_log_free(struct path_log *l)
{
	for (struct path_slab *s = l->memory.slabs, *next; s; s = next) {
		next = s->next;
		mem_free(s->chunk);
		mem_free(s);
	}
	mem_free(l->dense);
	*l = (struct path_log){.shape = l->shape, .records_max = l->records_max, .key_bits = l->key_bits};
}

// --- lists of chunks ---

static struct path_slab *slab_new(size_t n)
{
	struct path_slab *s = mem_calloc(1, sizeof(*s));
	if (!s || !(s->chunk = mem_alloc_large(n * sizeof(*s->chunk)))) {
		mem_free(s);
		return NULL;
	}
	s->n = n;
	return s;
}

static struct path_chunk *chunk_take(struct path_memory *m, struct err *e)
{
	struct path_chunk *c = m->spare;
	if (c) {
		m->spare = c->next;
		return c;
	}
	if (!m->left) {
		size_t n = !m->slabs ? SLAB_CHUNKS_FIRST : 4 * m->slabs->n;
		struct path_slab *s = slab_new(n < SLAB_CHUNKS_MOST ? n : SLAB_CHUNKS_MOST);
		if (!s) {
			err_set(e, RC_NOMEM, "out of memory for paths");
			return NULL;
		}
		s->next = m->slabs;
		m->slabs = s;
		m->left = s->n;
	}
	return &m->slabs->chunk[m->slabs->n - m->left--];
}

// All that `from` has goes to `into`, whose newest slab stays the one that is being filled.
static void memory_move(struct path_memory *into, struct path_memory *from)
{
	struct path_slab **at = into->slabs ? &into->slabs->next : &into->slabs, *behind = *at;
	if (!into->slabs)
		into->left = from->left;
	*at = from->slabs;
	while (*at)
		at = &(*at)->next;
	*at = behind;
	struct path_chunk **end = &from->spare;
	while (*end)
		end = &(*end)->next;
	*end = into->spare;
	into->spare = from->spare;
	*from = (struct path_memory){0};
}

// A chunk more at the end of a list.
static enum rc list_grow(struct path_memory *m, struct path_list *list, struct err *e)
{
	struct path_chunk *c = chunk_take(m, e);
	if (!c)
		return RC_NOMEM;
	if (list->last)
		list->last->n = list->n;
	else
		list->first = c;
	c->next = list->last;
	list->last = c;
	list->n = 0;
	return RC_OK;
}

static void list_move(struct path_list *into, struct path_list *from)
{
	if (!from->last)
		return;
	from->last->n = from->n;
	if (into->last) {
		from->first->next = into->last->next;
		into->last->next = from->last;
		into->first = into->first == into->last ? from->first : into->first;
	} else {
		*into = *from;
	}
	*from = (struct path_list){0};
}

static void list_spare(struct path_memory *m, struct path_list *list)
{
	if (list->last) {
		list->first->next = m->spare;
		m->spare = list->last;
	}
	*list = (struct path_list){0};
}

// --- writing down ---

// Its number comes from other bits of the hash than its place in a table.
static inline uint32_t log_of(uint64_t key)
{
	return (uint32_t)(census_spread(key) >> 24) % PATH_LOGS;
}

static enum rc add_sum(struct path_log *l, uint64_t key, uint64_t n, int64_t ms, struct err *e)
{
	struct path_list *list = &l->sums[log_of(key)];
	if ((!list->last || list->n == CHUNK_SUMS) && list_grow(&l->memory, list, e) != RC_OK)
		return RC_NOMEM;
	list->last->u.sum[list->n++] = (struct census_sum){key, n, ms};
	l->n_sums++;
	return RC_OK;
}

static enum rc add_records(
	struct path_log *l, const uint64_t *key, const int64_t *ms, uint32_t n, struct err *e)
{
	const uint64_t ms_end = UINT64_C(1) << (64 - l->key_bits);
	for (uint32_t i = 0; i < n; i++) {
		struct path_list *list = &l->records[log_of(key[i])];
		if ((uint64_t)ms[i] >= ms_end) {
			if (add_sum(l, key[i], 1, ms[i], e) != RC_OK)
				return RC_NOMEM;
			continue;
		}
		if ((!list->last || list->n == CHUNK_RECORDS) && list_grow(&l->memory, list, e) != RC_OK)
			return RC_NOMEM;
		uint64_t *record = list->last->u.record + list->n++;
		*record = key[i] | (uint64_t)ms[i] << l->key_bits;
		__builtin_prefetch(record + LINE_RECORDS, 1);
	}
	l->n_records += n;
	return RC_OK;
}

static void add_dense(struct path_log *l, const uint64_t *key, const int64_t *ms, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		l->dense[key[i]].n++;
		l->dense[key[i]].ms += ms[i];
	}
}

static enum rc replace_records(struct path_log *l, struct err *e);

// Short and long paths alternate at random: they are told apart without a branch.
enum rc path_log_add(struct path_log *l, const uint64_t *key, const int64_t *ms, uint32_t n, struct err *e)
{
	enum { BLOCK = 512 };
	uint64_t few[BLOCK], rest[BLOCK];
	int64_t few_ms[BLOCK], rest_ms[BLOCK];
	if (!l->dense && !(l->dense = mem_calloc(DENSE_KEYS, sizeof(*l->dense))))
		return err_set(e, RC_NOMEM, "out of memory for paths");
	enum rc rc = RC_OK;
	for (uint32_t from = 0; rc == RC_OK && from < n; from += BLOCK) {
		uint32_t end = n - from < BLOCK ? n : from + BLOCK, n_few = 0, n_rest = 0;
		for (uint32_t i = from; i < end; i++) {
			int64_t duration = l->shape.timed ? ms[i] : 0;
			few[n_few] = rest[n_rest] = key[i];
			few_ms[n_few] = rest_ms[n_rest] = duration;
			n_few += key[i] < DENSE_KEYS;
			n_rest += key[i] >= DENSE_KEYS;
		}
		add_dense(l, few, few_ms, n_few);
		rc = add_records(l, rest, rest_ms, n_rest, e);
	}
	uint64_t most = l->records_max > 2 * l->n_sums ? l->records_max : 2 * l->n_sums;
	return rc == RC_OK && l->n_records > most ? replace_records(l, e) : rc;
}

void path_log_merge(struct path_log *into, struct path_log *from)
{
	for (uint32_t k = 0; k < PATH_LOGS; k++) {
		list_move(&into->records[k], &from->records[k]);
		list_move(&into->sums[k], &from->sums[k]);
	}
	into->n_records += from->n_records;
	into->n_sums += from->n_sums;
	memory_move(&into->memory, &from->memory);
	if (!into->dense) {
		into->dense = from->dense;
		from->dense = NULL;
	}
	for (uint32_t i = 0; from->dense && i < DENSE_KEYS; i++) {
		into->dense[i].n += from->dense[i].n;
		into->dense[i].ms += from->dense[i].ms;
	}
	path_log_free(from);
}

// --- counting ---

static enum rc count_records(const struct path_log *l, uint32_t k, struct census *t, struct err *e)
{
	const struct path_list *list = &l->records[k];
	const uint64_t mask = (UINT64_C(1) << l->key_bits) - 1;
	uint64_t key[CHUNK_RECORDS];
	int64_t ms[CHUNK_RECORDS];
	enum rc rc = RC_OK;
	for (const struct path_chunk *c = list->last; rc == RC_OK && c; c = c->next) {
		uint32_t n = c == list->last ? list->n : c->n;
		for (size_t line = 0; c->next && line < sizeof(*c); line += 64)
			__builtin_prefetch((const uint8_t *)c->next + line);
		for (uint32_t i = 0; i < n; i++) {
			key[i] = c->u.record[i] & mask;
			ms[i] = (int64_t)(c->u.record[i] >> l->key_bits);
		}
		rc = census_add_packed(t, key, ms, n, e);
	}
	return rc;
}

static enum rc count_log(const struct path_log *l, uint32_t k, struct census *t, struct err *e)
{
	const struct path_list *list = &l->sums[k];
	census_clear(t);
	enum rc rc = count_records(l, k, t, e);
	for (const struct path_chunk *c = list->last; rc == RC_OK && c; c = c->next)
		rc = census_add_sums(t, c->u.sum, c == list->last ? list->n : c->n, e);
	return rc;
}

static enum rc replace_records(struct path_log *l, struct err *e)
{
	struct census t = {.shape = l->shape};
	enum rc rc = RC_OK;
	l->n_records = l->n_sums = 0;
	for (uint32_t k = 0; rc == RC_OK && k < PATH_LOGS; k++) {
		rc = count_log(l, k, &t, e);
		list_spare(&l->memory, &l->records[k]);
		list_spare(&l->memory, &l->sums[k]);
		for (uint64_t i = 0; rc == RC_OK && i < census_slots(&t); i++)
			if (t.slot[i].key)
				rc = add_sum(l, t.slot[i].key, t.slot[i].n, census_ms(&t, i), e);
	}
	census_free(&t);
	return rc == RC_OK ? census_check(l->n_sums, e) : rc;
}

// --- counting everything, side by side ---

struct worker {
	struct path_memory memory;
	struct census_page *page;
	size_t n_pages, pages_capacity;
	struct census_sum *at, *end; // where its next path goes, and the end of that page
	uint64_t n_paths, n;         // n: how often in all
	int64_t ms;
};

struct count {
	struct path_log *log;
	struct worker *workers;
	atomic_uint_fast32_t next_log;
};

static enum rc page_new(struct worker *w, struct err *e)
{
	struct path_chunk *c = chunk_take(&w->memory, e);
	if (!c)
		return RC_NOMEM;
	if (mem_grow((void **)&w->page, &w->pages_capacity, w->n_pages + 1, sizeof(*w->page)) != 0)
		return err_set(e, RC_NOMEM, "out of memory for paths");
	w->page[w->n_pages++] = (struct census_page){c->u.sum, 0};
	w->at = c->u.sum;
	w->end = w->at + CHUNK_SUMS;
	return RC_OK;
}

static enum rc list_path(struct worker *w, struct census_sum x, struct err *e)
{
	if (w->at == w->end && page_new(w, e) != RC_OK)
		return RC_NOMEM;
	uint64_t *most = &w->page[w->n_pages - 1].most;
	*most = x.n > *most ? x.n : *most;
	*w->at++ = x;
	w->n_paths++;
	w->n += x.n;
	w->ms += x.ms;
	return RC_OK;
}

// The used slots of a table. Every slot is written and overwritten by the next if it was not used, of which n is 0: which
// are is as good as random.
static enum rc list_slots(struct worker *w, const struct census *t, struct err *e)
{
	uint64_t left = t->n_used;
	for (uint64_t i = 0; left;) {
		if (w->at == w->end && page_new(w, e) != RC_OK)
			return RC_NOMEM;
		struct census_sum *at = w->at;
		uint64_t most = w->page[w->n_pages - 1].most, n = 0;
		int64_t ms = 0;
		for (; left && at < w->end; i++) {
			bool used = t->slot[i].key != 0;
			*at = (struct census_sum){t->slot[i].key, t->slot[i].n, t->sum_ms ? t->sum_ms[i] : 0};
			most = at->n > most ? at->n : most;
			n += at->n;
			ms += at->ms;
			at += used;
			left -= used;
		}
		w->at = at;
		w->page[w->n_pages - 1].most = most;
		w->n += n;
		w->ms += ms;
	}
	w->n_paths += t->n_used;
	return RC_OK;
}

// Takes one log after another until there are no more, with one table for all of them; what a log took is room for its
// paths then.
static enum rc count_logs(void *context, uint32_t i, struct err *e)
{
	struct count *c = context;
	struct path_log *l = c->log;
	struct worker *w = &c->workers[i];
	struct census t = {.shape = l->shape};
	enum rc rc = RC_OK;
	while (rc == RC_OK) {
		uint32_t k = (uint32_t)atomic_fetch_add(&c->next_log, 1);
		if (k >= PATH_LOGS)
			break;
		rc = count_log(l, k, &t, e);
		list_spare(&w->memory, &l->records[k]);
		list_spare(&w->memory, &l->sums[k]);
		if (rc == RC_OK)
			rc = list_slots(w, &t, e);
	}
	census_free(&t);
	return rc;
}

static enum rc list_dense(const struct path_log *l, struct worker *w, struct err *e)
{
	enum rc rc = RC_OK;
	for (uint32_t key = 0; rc == RC_OK && key < DENSE_KEYS; key++)
		if (l->dense[key].n)
			rc = list_path(w, (struct census_sum){key, l->dense[key].n, l->dense[key].ms}, e);
	return rc;
}

// The pages of all workers become one list.
static enum rc join_pages(struct worker *w, unsigned n, struct census *out, struct err *e)
{
	uint64_t n_pages = 0;
	for (unsigned i = 0; i < n; i++) {
		n_pages += w[i].n_pages;
		out->n_used += w[i].n_paths;
		out->list_n += w[i].n;
		out->list_ms += w[i].ms;
		if (w[i].at != w[i].end)
			memset(w[i].at, 0, (size_t)(w[i].end - w[i].at) * sizeof(*w[i].at));
	}
	out->page = mem_alloc((size_t)n_pages * sizeof(*out->page));
	if (!out->page)
		return err_set(e, RC_NOMEM, "out of memory for paths");
	for (unsigned i = 0; i < n; i++) {
		if (w[i].n_pages)
			memcpy(out->page + out->n_slots / CENSUS_PAGE, w[i].page,
				w[i].n_pages * sizeof(*w[i].page));
		out->n_slots += w[i].n_pages * CENSUS_PAGE;
	}
	return census_check(out->n_used, e);
}

enum rc path_log_count(struct path_log *l, unsigned threads, struct census *out, struct err *e)
{
	if (!l->dense)
		return RC_OK;
	assert(!out->slot && !out->page);
	uint64_t n = l->n_records + l->n_sums;
	unsigned n_workers = n < 65536 ? 1 : threads; // few paths are counted before a thread is up
	struct worker *w = mem_calloc(n_workers, sizeof(*w));
	if (!w)
		return err_set(e, RC_NOMEM, "out of memory for paths");
	struct count c = {.log = l, .workers = w};
	enum rc rc = list_dense(l, &w[0], e);
	if (rc == RC_OK && n > 0)
		rc = pool_run(n_workers, n_workers, count_logs, &c, e);
	if (rc == RC_OK)
		rc = join_pages(w, n_workers, out, e);
	for (unsigned i = 0; i < n_workers; i++) {
		memory_move(&l->memory, &w[i].memory);
		mem_free(w[i].page);
	}
	mem_free(w);
	mem_free(l->dense);
	l->dense = NULL;
	return rc;
}
