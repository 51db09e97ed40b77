// SPDX-License-Identifier: Apache-2.0
// Groups: the combinations of --by values. Each field gives a row a value number (a table lookup of its code, or the
// calendar bucket of its time); values times strides make one composite number per row.
//
// Up to DIRECT_MAX combinations the composite is the group. Beyond, groups are numbered as they are met: each lane
// remembers composite → group (an array up to LANE_ARRAY_MAX, else a hash table) and asks the shared table, under
// its lock, only at the first meeting.
#include "measure/group_vector.h"

#include "base/mem.h"

#include <assert.h>
#include <pthread.h>

#define DIRECT_MAX 16384u
#define LANE_ARRAY_MAX (1u << 22)
#define GROUP_NONE UINT32_MAX

struct key {
	struct attribute attribute;
	bool is_time, from_analysis; // the touch point of analyses by touch point is not part of the group
	struct tz_buckets buckets;
	uint64_t stride;
	uint32_t n_values;
	bool few; // codes or buckets: `lookup` or `steps` can do many rows at a time
	struct group_lookup lookup;
	struct group_steps steps;
};

// Open addressing, linear probing, at most half full.
struct group_map {
	uint64_t *key; // composite + 1; 0 = free
	uint32_t *group;
	size_t mask, n;
};

struct grouping {
	struct key keys[KEYS_MAX];
	uint32_t n_keys;
	uint64_t n_product;
	bool direct;
	bool other; // groups were folded
	pthread_mutex_t lock;
	struct group_map map;
	uint64_t *composite; // of each group, when not direct
	size_t capacity;
	uint32_t n_groups;
};

struct group_cache {
	const uint32_t
		*person[KEYS_MAX]; // of the span at hand: per row, the value of keys that are fields of persons
	uint32_t *array;           // composite → group + 1
	struct group_map map;
};

// --- a hash table of composites ---

static size_t map_slot(const struct group_map *m, uint64_t composite)
{
	uint64_t h = (composite + 1) * UINT64_C(0x9e3779b97f4a7c15);
	size_t i = (size_t)(h >> 20) & m->mask;
	while (m->key[i] != 0 && m->key[i] != composite + 1)
		i = (i + 1) & m->mask;
	return i;
}

static void map_free(struct group_map *m)
{
	mem_free(m->key);
	mem_free(m->group);
	*m = (struct group_map){0};
}

static enum rc map_grow(struct group_map *m, struct err *e)
{
	size_t slots = m->key ? 2 * (m->mask + 1) : 1024;
	struct group_map bigger = {.key = mem_calloc(slots, sizeof(uint64_t)),
		.group = mem_calloc(slots, sizeof(uint32_t)),
		.mask = slots - 1,
		.n = m->n};
	if (!bigger.key || !bigger.group) {
		map_free(&bigger);
		return err_set(e, RC_NOMEM, "out of memory for groups");
	}
	for (size_t i = 0; m->key && i <= m->mask; i++)
		if (m->key[i]) {
			size_t slot = map_slot(&bigger, m->key[i] - 1);
			bigger.key[slot] = m->key[i];
			bigger.group[slot] = m->group[i];
		}
	map_free(m);
	*m = bigger;
	return RC_OK;
}

static enum rc map_put(struct group_map *m, uint64_t composite, uint32_t group, struct err *e)
{
	if (!m->key || 2 * (m->n + 1) > m->mask) {
		enum rc rc = map_grow(m, e);
		if (rc != RC_OK)
			return rc;
	}
	size_t slot = map_slot(m, composite);
	m->n += m->key[slot] == 0;
	m->key[slot] = composite + 1;
	m->group[slot] = group;
	return RC_OK;
}

static uint32_t map_get(const struct group_map *m, uint64_t composite)
{
	if (!m->key)
		return GROUP_NONE;
	size_t slot = map_slot(m, composite);
	return m->key[slot] ? m->group[slot] : GROUP_NONE;
}

// --- keys ---

static const struct {
	const char *name;
	enum tz_unit unit;
} units[] = {{"hour", TZ_HOUR}, {"day", TZ_DAY}, {"week", TZ_WEEK}, {"month", TZ_MONTH},
	{"quarter", TZ_QUARTER}, {"year", TZ_YEAR}};
#define N_UNITS (sizeof(units) / sizeof(units[0]))

// Buckets cover the interactions that there are, cut to the period.
static enum rc open_buckets(struct run *run, struct key *k, enum tz_unit unit, struct err *e)
{
	int64_t from = run->stats.first_ms, to = run->stats.last_ms;
	if (from == TIME_NONE || to == TIME_NONE)
		from = to = 0;
	to += 1;
	for (uint32_t i = 0; i < run->request.n_predicates; i++) {
		const struct predicate *p = &run->predicates[i];
		if (p->kind == PREDICATE_TIME && p->from_ms > from)
			from = p->from_ms;
		if (p->kind == PREDICATE_TIME && p->to_ms < to)
			to = p->to_ms;
	}
	if (from >= to)
		from = to - 1;
	k->is_time = true;
	enum rc rc = tz_buckets_make(run->design->tz, unit, from, to, run->scratch, &k->buckets, e);
	k->n_values = k->buckets.n;
	return rc;
}

static enum rc unknown_key(struct run *run, struct sv name, struct err *e)
{
	struct attribute unused;
	struct suggestion s = suggestion_new(name);
	for (size_t i = 0; i < N_UNITS; i++)
		suggestion_add(&s, sv_from(units[i].name));
	struct err local = ERR_NONE;
	if (attribute_open(run, name, &unused, &local) == RC_OK) {
		err_set(e, RC_USAGE, "cannot group by “%.*s”: it is not a name", SV_ARG(name));
		err_remedy(
			e, "group by a name or by hour, day, week, month, quarter, year; filter with --where");
		return RC_USAGE;
	}
	err_set(e, RC_USAGE, "cannot group by unknown field “%.*s”", SV_ARG(name));
	if (s.distance <= 2)
		suggestion_remedy(&s, e, "");
	else
		err_remedy(e, "%s", local.remedy);
	return RC_USAGE;
}

// Numbers of persons come in bands.
static bool is_name(const struct attribute *a)
{
	return a->kind == ATTRIBUTE_CODES || a->kind == ATTRIBUTE_PERSON || a->kind == ATTRIBUTE_PERSON_NUMBER;
}

static enum rc open_key(struct run *run, struct sv name, struct key *k, struct err *e)
{
	k->attribute.name = name;
	for (size_t i = 0; i < N_UNITS; i++)
		if (sv_equal(name, sv_from(units[i].name)))
			return open_buckets(run, k, units[i].unit, e);
	struct err local = ERR_NONE;
	enum rc rc = attribute_open(run, name, &k->attribute, &local);
	if (rc == RC_NOMEM)
		return err_take(e, &local);
	if (rc != RC_OK || !is_name(&k->attribute))
		return unknown_key(run, name, e);
	k->n_values = k->attribute.n_values;
	return RC_OK;
}

static enum rc add_key(struct run *run, struct grouping *g, struct sv name, struct err *e)
{
	for (uint32_t i = 0; i < g->n_keys; i++)
		if (sv_equal(g->keys[i].attribute.name, name)) {
			if (run->analysis->by_touchpoint && i == 0)
				return RC_OK;
			return err_set(e, RC_USAGE, "grouped by “%.*s” twice", SV_ARG(name));
		}
	struct key *k = &g->keys[g->n_keys];
	enum rc rc = open_key(run, name, k, e);
	if (rc != RC_OK)
		return rc;
	for (uint32_t i = 0; i < g->n_keys; i++)
		if (k->is_time && g->keys[i].is_time) {
			err_set(e, RC_USAGE, "grouped by two times, “%.*s” and “%.*s”",
				SV_ARG(g->keys[i].attribute.name), SV_ARG(name));
			err_remedy(e, "keep one of them");
			return RC_USAGE;
		}
	g->n_keys++;
	k->from_analysis = run->analysis->by_touchpoint && g->n_keys == 1;
	if (!k->from_analysis && !k->is_time)
		run_want_code(run, k->attribute.column);
	return RC_OK;
}

// Tables for many rows at a time. What codes add fits 32 bits because the grouping is direct.
static void open_few(struct key *k)
{
	const struct attribute *a = &k->attribute;
	if (k->is_time) {
		k->few = group_steps_make(&k->buckets, &k->steps);
		return;
	}
	k->few = a->kind == ATTRIBUTE_CODES && a->n_codes > 0 && a->n_codes <= GROUP_LOOKUP_CODES;
	k->lookup.n_codes = a->n_codes;
	for (uint32_t code = 0; k->few && code < a->n_codes; code++)
		k->lookup.value[code] = (a->map ? a->map[code] : code) * (uint32_t)k->stride;
}

enum rc grouping_open(struct run *run, struct err *e)
{
	struct grouping *g = arena_alloc(run->scratch, sizeof(*g));
	if (!g)
		return err_set(e, RC_NOMEM, "out of memory for groups");
	const struct query *q = run->query;
	if (q->n_by > BY_MAX)
		return err_set(e, RC_USAGE, "grouped by %u fields; at most %d are possible", q->n_by, BY_MAX);
	enum rc rc = run->analysis->by_touchpoint ? add_key(run, g, SV("touchpoint"), e) : RC_OK;
	for (uint32_t i = 0; rc == RC_OK && i < q->n_by; i++)
		rc = add_key(run, g, q->by[i], e);
	if (rc != RC_OK)
		return rc;
	g->n_product = 1;
	for (uint32_t i = 0; i < g->n_keys; i++) {
		struct key *k = &g->keys[i];
		k->stride = k->from_analysis ? 0 : g->n_product;
		if (!k->from_analysis && __builtin_mul_overflow(g->n_product, k->n_values, &g->n_product))
			return err_set(e, RC_LIMIT, "grouping has more than 2^64 combinations");
	}
	g->direct = g->n_product <= DIRECT_MAX;
	for (uint32_t i = 0; g->direct && i < g->n_keys; i++)
		open_few(&g->keys[i]);
	g->n_groups = g->direct ? (uint32_t)g->n_product : 0;
	if (pthread_mutex_init(&g->lock, NULL) != 0)
		return err_set(e, RC_NOMEM, "out of memory for a lock");
	run->grouping = g;
	return RC_OK;
}

void grouping_close(struct run *run)
{
	struct grouping *g = run->grouping;
	if (!g)
		return;
	pthread_mutex_destroy(&g->lock);
	map_free(&g->map);
	mem_free(g->composite);
	run->grouping = NULL;
}

uint32_t run_groups(const struct run *run)
{
	return run->grouping->n_groups + run->grouping->other;
}

uint32_t grouping_other(const struct run *run)
{
	run->grouping->other = true;
	return run->grouping->n_groups;
}

bool run_group_is_other(const struct run *run, uint32_t group)
{
	return group >= run->grouping->n_groups;
}

uint32_t grouping_keys(const struct run *run)
{
	return run->grouping->n_keys;
}

struct sv grouping_key_name(const struct run *run, uint32_t key)
{
	return run->grouping->keys[key].attribute.name;
}

uint32_t grouping_values(const struct run *run, uint32_t key, const uint32_t **rank)
{
	const struct key *k = &run->grouping->keys[key];
	*rank = k->is_time ? NULL : k->attribute.rank;
	return k->n_values;
}

bool grouping_is_time(const struct run *run, uint32_t key)
{
	return run->grouping->keys[key].is_time;
}

struct sv grouping_label(const struct run *run, uint32_t key, uint32_t index)
{
	const struct key *k = &run->grouping->keys[key];
	if (index == INDEX_OTHER)
		return SV("(other)");
	return k->is_time ? k->buckets.label[index] : attribute_label(run, &k->attribute, index);
}

void grouping_decode(const struct run *run, uint32_t group, uint32_t index[KEYS_MAX])
{
	const struct grouping *g = run->grouping;
	for (uint32_t i = 0; i < g->n_keys; i++)
		index[i] = INDEX_OTHER;
	if (group >= g->n_groups)
		return;
	uint64_t composite = g->direct ? group : g->composite[group];
	for (uint32_t i = 0; i < g->n_keys; i++)
		if (!g->keys[i].from_analysis)
			index[i] = (uint32_t)(composite / g->keys[i].stride % g->keys[i].n_values);
}

// --- composites of rows ---

// A slot of the guess is narrower than a bucket, so one step is enough, which is no branch; the loop is for days that a
// zone left out.
static inline uint32_t bucket_at(const struct tz_buckets *b, int64_t t)
{
	const int64_t *start = b->start;
	bool inside = (t >= start[0]) & (t < start[b->n]);
	t = inside ? t : start[0]; // only rows that fail the filters are outside
	uint32_t i = b->guess[(uint64_t)(t - start[0]) >> b->shift];
	i += t >= start[i + 1];
	while (__builtin_expect(t >= start[i + 1], 0))
		i++;
	return i;
}

// value · stride of key k for n rows (the first of the column, or those in `row`), added to `out` unless it is the first
// key.
static void add_codes32(const struct key *k, const uint32_t *code, const uint32_t *row, uint32_t n, bool first,
	uint32_t *restrict out)
{
	const uint32_t *map = k->attribute.map;
	uint32_t stride = (uint32_t)k->stride, n_codes = k->attribute.n_codes, old = first ? 0 : UINT32_MAX;
	uint32_t done = k->few && !row ? group_lookup_add(&k->lookup, code, n, first, out) : 0;
	for (uint32_t i = done; i < n; i++) {
		uint32_t c = code[row ? row[i] : i];
		c = c < n_codes ? c : 0;
		out[i] = (out[i] & old) + (map ? map[c] : c) * stride;
	}
}

static void add_times32(const struct key *k, const int64_t *at, const uint32_t *row, uint32_t n, bool first,
	uint32_t *restrict out)
{
	const struct tz_buckets b = k->buckets;
	uint32_t stride = (uint32_t)k->stride, old = first ? 0 : UINT32_MAX;
	uint32_t done = k->few && !row ? group_steps_add(&k->steps, at, n, stride, first, out) : 0;
	for (uint32_t i = done; i < n; i++)
		out[i] = (out[i] & old) + bucket_at(&b, at[row ? row[i] : i]) * stride;
}

// Where the codes of a key are; NULL: nothing of this column is stored.
static const uint32_t *key_codes(const struct lane *lane, uint32_t key)
{
	const struct attribute *a = &lane->run->grouping->keys[key].attribute;
	if (a->column < CODE_COLUMNS)
		return lane->span->code[a->column];
	return lane->cache->person[key];
}

static uint32_t key_value(const struct lane *lane, uint32_t key, uint32_t row)
{
	const struct key *k = &lane->run->grouping->keys[key];
	if (k->is_time)
		return bucket_at(&k->buckets, lane->span->at[row]);
	const uint32_t *code = key_codes(lane, key);
	uint32_t c = code ? code[row] : 0;
	c = c < k->attribute.n_codes ? c : 0;
	return k->attribute.map ? k->attribute.map[c] : c;
}

// Is each row the one after the row before?
static bool rows_follow(const uint32_t *row, uint32_t n)
{
	if (n == 0 || row[n - 1] - row[0] != n - 1)
		return false;
	uint32_t differs = 0;
	for (uint32_t i = 0; i < n; i++)
		differs |= row[i] ^ (row[0] + i);
	return !differs;
}

static void groups_direct(const struct lane *lane, const uint32_t *row, uint32_t n, uint32_t *out)
{
	const struct grouping *g = lane->run->grouping;
	bool first = true;
	uint32_t from = 0; // rows that follow one another are as good as all
	if (row && rows_follow(row, n)) {
		from = row[0];
		row = NULL;
	}
	for (uint32_t i = 0; i < g->n_keys; i++) {
		const struct key *k = &g->keys[i];
		const uint32_t *code = k->is_time ? NULL : key_codes(lane, i);
		// Nothing of this column is stored: value 0, which adds nothing.
		if (k->from_analysis || k->n_values == 1 || (!k->is_time && !code))
			continue;
		if (k->is_time)
			add_times32(k, lane->span->at + from, row, n, first, out);
		else
			add_codes32(k, code + from, row, n, first, out);
		first = false;
	}
	if (first)
		memset(out, 0, n * sizeof(*out));
}

// The shared table's number for a composite that this lane meets for the first time.
static uint32_t group_number(struct grouping *g, uint64_t composite, struct err *e)
{
	pthread_mutex_lock(&g->lock);
	uint32_t group = map_get(&g->map, composite);
	if (group == GROUP_NONE) {
		if (g->n_groups >= GROUPS_MAX) {
			err_set(e, RC_LIMIT, "more than %u groups", GROUPS_MAX);
			err_remedy(e, "group by fewer fields, or filter");
		} else if (mem_grow((void **)&g->composite, &g->capacity, (size_t)g->n_groups + 1,
				   sizeof(*g->composite)) != 0) {
			err_set(e, RC_NOMEM, "out of memory for groups");
		} else if (map_put(&g->map, composite, g->n_groups, e) == RC_OK) {
			group = g->n_groups++;
			g->composite[group] = composite;
		}
	}
	pthread_mutex_unlock(&g->lock);
	return group;
}

static uint32_t cached_group(struct lane *lane, uint64_t composite, struct err *e)
{
	struct group_cache *c = lane->cache;
	uint32_t group = c->array ? c->array[composite] - 1 : map_get(&c->map, composite);
	if (group != GROUP_NONE)
		return group;
	group = group_number(lane->run->grouping, composite, e);
	if (group == GROUP_NONE)
		return group;
	if (group >= lane->n_groups)
		lane->n_groups = group + 1;
	if (c->array)
		c->array[composite] = group + 1;
	else if (map_put(&c->map, composite, group, e) != RC_OK)
		return GROUP_NONE;
	return group;
}

// Rows that fail the filters make no groups.
static enum rc groups_cached(struct lane *lane, const uint32_t *row, uint32_t n, uint32_t *out, struct err *e)
{
	const struct grouping *g = lane->run->grouping;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t r = row ? row[i] : i;
		out[i] = 0;
		if (!lane_keeps(lane, r))
			continue;
		uint64_t composite = 0;
		for (uint32_t k = 0; k < g->n_keys; k++)
			if (!g->keys[k].from_analysis)
				composite += key_value(lane, k, r) * g->keys[k].stride;
		out[i] = cached_group(lane, composite, e);
		if (out[i] == GROUP_NONE)
			return e ? e->rc : RC_NOMEM;
	}
	return RC_OK;
}

static const uint32_t *lane_groups_into(
	struct lane *lane, const uint32_t *row, uint32_t n, uint32_t **out, size_t *capacity, struct err *e)
{
	if (mem_grow((void **)out, capacity, n ? n : 1, sizeof(**out)) != 0) {
		err_set(e, RC_NOMEM, "out of memory for groups");
		return NULL;
	}
	const struct grouping *g = lane->run->grouping;
	for (uint32_t i = 0; i < g->n_keys; i++) {
		const struct attribute *a = &g->keys[i].attribute;
		if (g->keys[i].is_time || a->kind == ATTRIBUTE_CODES)
			continue;
		lane->cache->person[i] = person_field_codes(lane, a, e);
		if (!lane->cache->person[i])
			return NULL;
	}
	if (!g->direct)
		return groups_cached(lane, row, n, *out, e) == RC_OK ? *out : NULL;
	lane->n_groups = g->n_groups;
	groups_direct(lane, row, n, *out);
	return *out;
}

const uint32_t *lane_group(struct lane *lane, struct err *e)
{
	if (!lane->group_ready) {
		if (!lane_groups_into(lane, NULL, lane->span->n, &lane->group, &lane->rows_capacity, e))
			return NULL;
		lane->group_ready = true;
	}
	return lane->group;
}

const uint32_t *lane_group_rows(struct lane *lane, const uint32_t *row, uint32_t n, struct err *e)
{
	if (!lane->group_ready)
		return lane_groups_into(lane, row, n, &lane->group_rows, &lane->group_rows_capacity, e);
	if (mem_grow((void **)&lane->group_rows, &lane->group_rows_capacity, n ? n : 1,
		    sizeof(*lane->group_rows)) != 0) {
		err_set(e, RC_NOMEM, "out of memory for groups");
		return NULL;
	}
	for (uint32_t i = 0; i < n; i++)
		lane->group_rows[i] = lane->group[row[i]];
	return lane->group_rows;
}

struct group_cache *group_cache_new(const struct run *run)
{
	struct group_cache *c = mem_calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	const struct grouping *g = run->grouping;
	if (!g->direct && g->n_product <= LANE_ARRAY_MAX) {
		c->array = mem_calloc((size_t)g->n_product, sizeof(*c->array));
		if (!c->array) {
			mem_free(c);
			return NULL;
		}
	}
	return c;
}

void group_cache_free(struct group_cache **c)
{
	if (!*c)
		return;
	mem_free((*c)->array);
	map_free(&(*c)->map);
	mem_free(*c);
	*c = NULL;
}
