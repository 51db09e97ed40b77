// SPDX-License-Identifier: Apache-2.0
// The decision structure for match rules. Every rule is filed under one of its conditions, the one whose patterns
// the fewest rules share (event on a tie), once for each pattern of it, in one open-addressing table over
// (field, kind of pattern, text). An interaction probes the table with each field that rules are filed under:
// once with the whole value, once for each different length of a prefix or suffix pattern. The rules found under a
// key are in order of precedence, and only they are checked in full. So the cost depends on the number of fields
// and lengths that the rules use, and on how many rules share their most selective key; not on the number of rules.
// Invariant: a rule that matches an interaction is filed under a key that the interaction probes.
#include "base/hash.h"
#include "base/mem.h"
#include "design/internal.h"

#include <stdlib.h>

struct slot {
	struct sv text; // ptr NULL = free
	uint32_t hash_high;
	uint32_t field_kind; // field * 4 + kind
	uint32_t first, n;   // of entries
};

struct table {
	struct slot *slots;
	uint32_t mask;
};

// What to probe for one field.
struct probe {
	uint32_t field, offset;
	bool exact;
	uint32_t n_prefixes, n_suffixes;
	uint8_t *prefixes, *suffixes; // different lengths, ascending
};

struct design_match {
	struct table table;
	const struct rule *rules;
	uint32_t *entries; // rule numbers, ascending within a slot
	struct probe *probes;
	uint32_t n_probes;
};

static uint64_t key_hash(uint32_t field_kind, struct sv text)
{
	return hash64_seed(text.ptr, text.len, field_kind);
}

// The slot of a key, or the free slot where it belongs.
static struct slot *table_slot(const struct table *t, uint32_t field_kind, struct sv text)
{
	uint64_t hash = key_hash(field_kind, text);
	for (uint32_t at = (uint32_t)hash & t->mask;; at = (at + 1) & t->mask) {
		struct slot *s = &t->slots[at];
		if (!s->text.ptr || (s->hash_high == (uint32_t)(hash >> 32) && s->field_kind == field_kind &&
					    sv_equal(s->text, text)))
			return s;
	}
}

static struct slot *table_add(const struct table *t, uint32_t field_kind, struct sv text)
{
	struct slot *s = table_slot(t, field_kind, text);
	if (!s->text.ptr) {
		s->text = text;
		s->hash_high = (uint32_t)(key_hash(field_kind, text) >> 32);
		s->field_kind = field_kind;
	}
	return s;
}

// Slots for n_keys at half load at most.
static uint32_t table_size(uint32_t n_keys)
{
	uint32_t size = 4;
	while (size < n_keys * 2)
		size *= 2;
	return size;
}

static uint32_t field_kind(const struct condition *c, const struct pattern *p)
{
	return c->field * 4 + (uint32_t)p->kind;
}

// The condition under which a rule is filed. counts: how many rules use each pattern. A wildcard counts double,
// because it may catch more than the rules show.
static const struct condition *choose(const struct rule *rule, const struct table *counts)
{
	const struct condition *best = &rule->conditions[0];
	uint64_t best_score = UINT64_MAX;
	for (uint32_t i = 0; i < rule->n; i++) {
		const struct condition *c = &rule->conditions[i];
		uint64_t score = 0;
		for (uint32_t k = 0; k < c->n; k++) {
			uint64_t n = table_slot(counts, field_kind(c, &c->patterns[k]), c->patterns[k].text)->n;
			score += c->patterns[k].kind == PATTERN_EXACT ? n : 2 * n;
		}
		if (score < best_score) {
			best_score = score;
			best = c;
		}
	}
	return best;
}

// Counts, and (with entries) files, a rule under the patterns of its condition.
static void file_under(struct design_match *m, uint32_t rule, const struct condition *c, bool fill)
{
	for (uint32_t k = 0; k < c->n; k++) {
		struct slot *s = table_add(&m->table, field_kind(c, &c->patterns[k]), c->patterns[k].text);
		if (fill)
			m->entries[s->first + s->n] = rule;
		s->n++;
	}
}

// Adds a length to a sorted set.
static void lengths_add(uint8_t *lengths, uint32_t *n, size_t length)
{
	uint32_t at = 0;
	while (at < *n && lengths[at] < length)
		at++;
	if (at < *n && lengths[at] == length)
		return;
	memmove(lengths + at + 1, lengths + at, *n - at);
	lengths[at] = (uint8_t)length;
	++*n;
}

static enum rc probes_make(
	struct design_match *m, const struct condition *const *chosen, uint32_t n, struct arena *a)
{
	m->probes = arena_array(a, FIELDS_FIXED + DESIGN_PATHS_MAX, sizeof(*m->probes));
	if (!m->probes)
		return RC_NOMEM;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t at = 0;
		while (at < m->n_probes && m->probes[at].field != chosen[i]->field)
			at++;
		struct probe *p = &m->probes[at];
		if (at == m->n_probes) {
			p->prefixes = arena_alloc(a, DESIGN_PATTERN_MAX_BYTES + 1);
			p->suffixes = arena_alloc(a, DESIGN_PATTERN_MAX_BYTES + 1);
			if (!p->prefixes || !p->suffixes)
				return RC_NOMEM;
			p->field = chosen[i]->field;
			p->offset = chosen[i]->offset;
			m->n_probes++;
		}
		for (uint32_t k = 0; k < chosen[i]->n; k++) {
			const struct pattern *pattern = &chosen[i]->patterns[k];
			if (pattern->kind == PATTERN_EXACT)
				p->exact = true;
			else if (pattern->kind == PATTERN_PREFIX)
				lengths_add(p->prefixes, &p->n_prefixes, pattern->text.len);
			else
				lengths_add(p->suffixes, &p->n_suffixes, pattern->text.len);
		}
	}
	return RC_OK;
}

static uint32_t count_patterns(const struct rule *rules, uint32_t n)
{
	uint32_t total = 0;
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < rules[i].n; k++)
			total += rules[i].conditions[k].n;
	return total;
}

// How many rules use each pattern.
static void count_use(const struct table *counts, const struct rule *rules, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < rules[i].n; k++) {
			const struct condition *c = &rules[i].conditions[k];
			for (uint32_t p = 0; p < c->n; p++)
				table_add(counts, field_kind(c, &c->patterns[p]), c->patterns[p].text)->n++;
		}
}

static enum rc file_all(
	struct design_match *m, const struct condition *const *chosen, uint32_t n, struct arena *a)
{
	uint32_t n_entries = 0;
	for (uint32_t i = 0; i < n; i++)
		n_entries += chosen[i]->n;
	m->table.mask = table_size(n_entries) - 1;
	m->table.slots = arena_array(a, (size_t)m->table.mask + 1, sizeof(*m->table.slots));
	m->entries = arena_array(a, n_entries, sizeof(*m->entries));
	if (!m->table.slots || (n_entries > 0 && !m->entries))
		return RC_NOMEM;
	for (uint32_t i = 0; i < n; i++)
		file_under(m, i, chosen[i], false);
	uint32_t first = 0;
	for (uint32_t i = 0; i <= m->table.mask; i++) {
		m->table.slots[i].first = first;
		first += m->table.slots[i].n;
		m->table.slots[i].n = 0;
	}
	for (uint32_t i = 0; i < n; i++)
		file_under(m, i, chosen[i], true);
	return probes_make(m, chosen, n, a);
}

enum rc match_compile(const struct rule *rules, uint32_t n, struct arena *a, struct design_match **out)
{
	uint32_t size = table_size(count_patterns(rules, n));
	struct table counts = {mem_calloc(size, sizeof(struct slot)), size - 1};
	const struct condition **chosen = mem_calloc(n, sizeof(const struct condition *));
	struct design_match *m = arena_alloc(a, sizeof(*m));
	enum rc rc = RC_NOMEM;
	if (counts.slots && chosen && m) {
		m->rules = rules;
		count_use(&counts, rules, n);
		for (uint32_t i = 0; i < n; i++)
			chosen[i] = choose(&rules[i], &counts);
		rc = file_all(m, chosen, n, a);
	}
	mem_free(counts.slots);
	mem_free(chosen);
	*out = rc == RC_OK ? m : NULL;
	return rc;
}

static struct sv head(struct sv s, size_t n)
{
	return (struct sv){s.ptr, n};
}

static struct sv tail(struct sv s, size_t n)
{
	return (struct sv){s.ptr + s.len - n, n};
}

// ---- resolving ----

static int exact_order(const struct pattern *p, struct sv value)
{
	if (p->text.len != value.len)
		return p->text.len < value.len ? -1 : 1;
	return memcmp(p->text.ptr, value.ptr, value.len);
}

static bool condition_holds(const struct condition *c, struct sv value)
{
	if (value.len == 0)
		return false;
	for (uint32_t low = 0, high = c->n_exact; low < high;) {
		uint32_t middle = low + (high - low) / 2;
		int order = exact_order(&c->patterns[middle], value);
		if (order == 0)
			return true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (uint32_t i = c->n_exact; i < c->n; i++) {
		const struct pattern *p = &c->patterns[i];
		if (p->kind == PATTERN_PREFIX ? sv_starts(value, p->text) : sv_ends(value, p->text))
			return true;
	}
	return false;
}

static struct sv field_of(const struct interaction *x, uint32_t offset)
{
	return *(const struct sv *)(const void *)((const char *)x + offset);
}

// Does the rule hold, given that its condition on `field` does?
static bool rule_holds(const struct rule *rule, uint32_t field, const struct interaction *x)
{
	for (uint32_t i = 0; i < rule->n; i++) {
		const struct condition *c = &rule->conditions[i];
		if (c->field != field && !condition_holds(c, field_of(x, c->offset)))
			return false;
	}
	return true;
}

// The first rule under a key that holds and comes before `best`; else best.
static uint32_t best_under(const struct design_match *m, uint32_t field, enum pattern_kind kind, struct sv text,
	const struct interaction *x, uint32_t best)
{
	const struct slot *s = table_slot(&m->table, field * 4 + (uint32_t)kind, text);
	for (uint32_t i = 0; i < s->n; i++) {
		uint32_t rule = m->entries[s->first + i];
		if (rule >= best)
			break;
		if (rule_holds(&m->rules[rule], field, x))
			return rule;
	}
	return best;
}

static uint32_t match_rule(const struct design_match *m, const struct interaction *x)
{
	uint32_t best = DESIGN_NONE;
	for (uint32_t i = 0; i < m->n_probes; i++) {
		const struct probe *p = &m->probes[i];
		struct sv value = field_of(x, p->offset);
		if (value.len == 0)
			continue;
		if (p->exact)
			best = best_under(m, p->field, PATTERN_EXACT, value, x, best);
		for (uint32_t k = 0; k < p->n_prefixes && p->prefixes[k] <= value.len; k++)
			best = best_under(m, p->field, PATTERN_PREFIX, head(value, p->prefixes[k]), x, best);
		for (uint32_t k = 0; k < p->n_suffixes && p->suffixes[k] <= value.len; k++)
			best = best_under(m, p->field, PATTERN_SUFFIX, tail(value, p->suffixes[k]), x, best);
	}
	return best;
}

void design_resolve(const struct design *d, struct interaction *x)
{
	uint32_t rule = match_rule(d->match, x);
	x->touchpoint = rule == DESIGN_NONE ? TOUCHPOINT_NONE : d->match->rules[rule].touchpoint;
	for (uint32_t i = 0; i < d->n_dimensions; i++)
		x->dimensions[i] = x->paths[d->dimension_path[i]];
}

// ---- shadowed rules ----

static uint32_t covering_under(
	const struct design_match *m, uint32_t field, enum pattern_kind kind, struct sv text, uint32_t rule)
{
	const struct slot *s = table_slot(&m->table, field * 4 + (uint32_t)kind, text);
	for (uint32_t i = 0; i < s->n && m->entries[s->first + i] < rule; i++)
		if (rule_covers(&m->rules[m->entries[s->first + i]], &m->rules[rule]))
			return m->entries[s->first + i];
	return DESIGN_NONE;
}

static uint32_t covering_field(const struct design_match *m, const struct probe *p, const struct pattern *first,
	uint32_t rule, uint32_t found)
{
	struct sv text = first->text;
	if (first->kind == PATTERN_EXACT) {
		uint32_t by = covering_under(m, p->field, PATTERN_EXACT, text, rule);
		found = by < found ? by : found;
	}
	// Of the prefixes, "*" (length 0) covers a suffix too.
	size_t prefix_max = first->kind == PATTERN_SUFFIX ? 0 : text.len;
	for (uint32_t k = 0; k < p->n_prefixes && p->prefixes[k] <= prefix_max; k++) {
		uint32_t by = covering_under(m, p->field, PATTERN_PREFIX, head(text, p->prefixes[k]), rule);
		found = by < found ? by : found;
	}
	for (uint32_t k = 0; k < p->n_suffixes && first->kind != PATTERN_PREFIX && p->suffixes[k] <= text.len;
		k++) {
		uint32_t by = covering_under(m, p->field, PATTERN_SUFFIX, tail(text, p->suffixes[k]), rule);
		found = by < found ? by : found;
	}
	return found;
}

// A covering rule is filed under a pattern that covers the first pattern of one of the rule's conditions.
uint32_t match_shadow(const struct design_match *m, uint32_t rule)
{
	uint32_t found = DESIGN_NONE;
	for (uint32_t i = 0; i < m->rules[rule].n; i++) {
		const struct condition *c = &m->rules[rule].conditions[i];
		for (uint32_t k = 0; k < m->n_probes; k++)
			if (m->probes[k].field == c->field)
				found = covering_field(m, &m->probes[k], &c->patterns[0], rule, found);
	}
	return found;
}
