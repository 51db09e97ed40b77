// SPDX-License-Identifier: Apache-2.0
// Touch points: their keys, match rules, expectations, and the designed order. All names are known before the
// first touch point is read in full, so that `after` may name a later one.
#include "design/internal.h"

#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static uint32_t count_children(const struct yaml_node *touchpoints, struct sv key, uint64_t limit)
{
	uint64_t n = 0;
	for (uint32_t i = 0; i < touchpoints->n; i++) {
		const struct yaml_node *node = yaml_get(touchpoints->items[i], key);
		n += node ? node->n : 0;
	}
	return (uint32_t)(n < limit ? n : limit);
}

void read_touchpoints(
	struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	struct design *d = target;
	uint32_t limit = value->n < DESIGN_TOUCHPOINTS_MAX ? value->n : DESIGN_TOUCHPOINTS_MAX;
	if (value->n > limit)
		reader_problem(r, value, "use fewer", "more than %d touch points", DESIGN_TOUCHPOINTS_MAX);
	if (value->n == 0)
		reader_problem(r, key, "add at least one", "there are no touch points");
	r->rules_capacity = count_children(value, SV("match"), DESIGN_RULES_MAX);
	r->rules = reader_array(r, r->rules_capacity, sizeof(*r->rules));
	d->touchpoints = reader_array(r, limit, sizeof(*d->touchpoints));
	d->expectations =
		reader_array(r, count_children(value, SV("expect"), YAML_NODES_MAX), sizeof(*d->expectations));
	for (uint32_t i = 0; i < limit && !r->nomem; i++) {
		struct design_touchpoint *t = &d->touchpoints[i];
		reader_name_ok(r, value->keys[i], "touch point");
		t->name = reader_copy(r, value->keys[i]->scalar);
		t->title = t->name;
		t->stage = t->owner = DESIGN_NONE;
		t->importance = 1;
		t->match_text = SV("");
		t->line = value->keys[i]->line;
		d->n_touchpoints++;
	}
	if (!r->nomem && !(d->touchpoint_names = design_names_index(r->a, d)))
		r->nomem = true;
	for (uint32_t i = 0; i < limit && !r->nomem; i++) {
		struct design_touchpoint *t = &d->touchpoints[i];
		t->first_expectation = d->n_expectations;
		format_read(r, SECTION_TOUCHPOINT, value->keys[i], value->items[i], t);
		t->n_expectations = d->n_expectations - t->first_expectation;
		if (!yaml_get(value->items[i], SV("match")))
			reader_warning(r, value->keys[i], "add for example match: [{event: …}]",
				"nothing can match \"%s\": it has no match rules", value->keys[i]->scalar.ptr);
	}
	if (!r->nomem)
		touchpoints_check_order(r, value);
}

void read_touchpoint_name(
	struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	(void)key;
	struct design_touchpoint *t = target;
	if (reader_name_ok(r, value, "touch point"))
		t->title = reader_copy(r, value->scalar);
}

void read_touchpoint_stage(
	struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	(void)key;
	struct design_touchpoint *t = target;
	t->stage = reader_find(r, value, "stage", r->d->stages, r->d->n_stages);
}

void read_touchpoint_owner(
	struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	(void)key;
	struct design_touchpoint *t = target;
	t->owner = reader_find(r, value, "department", r->d->departments, r->d->n_departments);
}

void read_touchpoint_systems(
	struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	(void)key;
	struct design_touchpoint *t = target;
	reader_names(r, value, "system", &t->systems, &t->n_systems);
	for (uint32_t i = 0; i < value->n && i < DESIGN_LIST_MAX && !r->nomem; i++)
		reader_find(r, value->items[i], "system", r->d->systems, r->d->n_systems);
}

void read_touchpoint_channels(
	struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	(void)key;
	struct design_touchpoint *t = target;
	struct design *d = r->d;
	struct sv *names, *known = reader_array(r, d->n_channels, sizeof(*known));
	uint32_t n;
	reader_names(r, value, "channel", &names, &n);
	t->channels = reader_array(r, n, sizeof(*t->channels));
	if (r->nomem)
		return;
	for (uint32_t i = 0; i < d->n_channels; i++)
		known[i] = d->channels[i].name;
	for (uint32_t i = 0; i < value->n && i < DESIGN_LIST_MAX; i++) {
		uint32_t channel = reader_find(r, value->items[i], "channel", known, d->n_channels);
		bool again = channel == DESIGN_NONE;
		for (uint32_t k = 0; k < t->n_channels && !again; k++)
			again = t->channels[k] == channel;
		if (!again)
			t->channels[t->n_channels++] = channel;
	}
}

void read_touchpoint_importance(
	struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	(void)key;
	struct design_touchpoint *t = target;
	reader_number(r, value, "importance", 0, 1000, &t->importance);
}

void read_touchpoint_after(
	struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	(void)key;
	struct design_touchpoint *t = target;
	struct sv *names;
	uint32_t n;
	reader_names(r, value, "touch point", &names, &n);
	t->after = reader_array(r, n, sizeof(*t->after));
	for (uint32_t i = 0; i < n && !r->nomem; i++) {
		uint32_t before = design_touchpoint_find(r->d, names[i]);
		if (before != DESIGN_NONE) {
			t->after[t->n_after++] = before;
			continue;
		}
		if (r->problems->n_errors >= DESIGN_PROBLEMS_MAX) {
			r->problems->n_errors++;
			continue;
		}
		struct sv *known = reader_array(r, r->d->n_touchpoints, sizeof(*known));
		if (r->nomem)
			return;
		for (uint32_t k = 0; k < r->d->n_touchpoints; k++)
			known[k] = r->d->touchpoints[k].name;
		for (uint32_t k = 0; k < value->n; k++)
			if (sv_equal(value->items[k]->scalar, names[i])) {
				reader_find(r, value->items[k], "touch point", known, r->d->n_touchpoints);
				break;
			}
	}
}

void read_touchpoint_required(
	struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	(void)key;
	struct design_touchpoint *t = target;
	t->required = sv_equal(value->scalar, SV("true"));
	if (!t->required && !sv_equal(value->scalar, SV("false")))
		reader_problem(r, value, "write true or false", "required must be true or false, not \"%s\"",
			value->scalar.ptr);
}

void read_touchpoint_repeat(
	struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	(void)key;
	struct design_touchpoint *t = target;
	t->once = sv_equal(value->scalar, SV("once"));
	if (!t->once && !sv_equal(value->scalar, SV("any")))
		reader_problem(r, value, "write once or any", "repeat must be once or any, not \"%s\"",
			value->scalar.ptr);
}

// ---- match rules ----

static void read_pattern(struct reader *r, const struct yaml_node *node, struct condition *c)
{
	struct sv s = node->scalar;
	struct pattern p = {PATTERN_EXACT, s};
	if (s.len == 0) {
		reader_problem(r, node, "write a text, or \"*\" for any", "a condition without a value");
		return;
	}
	if (s.len > DESIGN_PATTERN_MAX_BYTES) {
		reader_problem(r, node, "write a shorter one with * at its end", "a text of more than %d bytes",
			DESIGN_PATTERN_MAX_BYTES);
		return;
	}
	if (s.ptr[s.len - 1] == '*')
		p = (struct pattern){PATTERN_PREFIX, {s.ptr, s.len - 1}};
	else if (s.ptr[0] == '*')
		p = (struct pattern){PATTERN_SUFFIX, {s.ptr + 1, s.len - 1}};
	if (memchr(p.text.ptr, '*', p.text.len)) {
		reader_problem(r, node, "write one * at the start or at the end",
			"\"%s\" has a * in the middle, or more than one", s.ptr);
		return;
	}
	p.text = reader_copy(r, p.text);
	c->patterns[c->n++] = p;
}

void read_condition(struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	struct rule *rule = target;
	struct condition *c = &rule->conditions[rule->n];
	uint32_t field = 0;
	while (field < FIELDS_FIXED && !sv_equal(field_names[field], key->scalar))
		field++;
	if (field == FIELDS_FIXED) {
		uint32_t path = reader_path(r, key, key->scalar);
		if (path == DESIGN_NONE)
			return;
		field += path;
		c->offset = (uint32_t)(offsetof(struct interaction, paths) + path * sizeof(struct sv));
	} else {
		static const uint32_t offsets[FIELDS_FIXED] = {offsetof(struct interaction, event),
			offsetof(struct interaction, source), offsetof(struct interaction, channel),
			offsetof(struct interaction, agent), offsetof(struct interaction, location)};
		c->offset = offsets[field];
	}
	c->field = field;
	bool list = value->kind == YAML_IS_LIST;
	if (list && value->n == 0) {
		reader_problem(r, value, "write at least one text", "%s has an empty list", key->scalar.ptr);
		return;
	}
	c->patterns = reader_array(r, list ? value->n : 1, sizeof(*c->patterns));
	if (r->nomem)
		return;
	if (!list)
		read_pattern(r, value, c);
	for (uint32_t i = 0; list && i < value->n && !r->nomem; i++)
		read_pattern(r, value->items[i], c);
	rule->n += c->n > 0;
}

static int text_order(const void *a, const void *b)
{
	const struct sv *sa = a, *sb = b;
	return sv_compare(*sa, *sb);
}

// The canonical text of a touch point's rules: alternatives sorted, since their order means nothing.
static void print_rules(struct reader *r, const struct rule *rules, uint32_t n, struct design_touchpoint *t)
{
	struct sv *texts = reader_array(r, n, sizeof(*texts));
	struct buf b = buf_new((size_t)64 << 20);
	for (uint32_t i = 0; i < n && !r->nomem; i++) {
		buf_clear(&b);
		rule_print(r->d, &rules[i], &b);
		texts[i] = b.rc == RC_OK ? reader_copy(r, buf_view(&b)) : SV_NONE;
		r->nomem |= b.rc != RC_OK;
	}
	if (!r->nomem && n > 1)
		qsort(texts, n, sizeof(*texts), text_order);
	buf_clear(&b);
	for (uint32_t i = 0; i < n && !r->nomem; i++) {
		buf_str(&b, i ? "; " : "");
		buf_sv(&b, texts[i]);
	}
	if (b.rc != RC_OK)
		r->nomem = true;
	else if (n > 0 && !r->nomem)
		t->match_text = reader_copy(r, buf_view(&b));
	buf_free(&b);
}

void read_touchpoint_match(
	struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	struct design_touchpoint *t = target;
	uint32_t first = r->n_rules;
	if (value->n == 0)
		reader_problem(r, key, "write for example match: [{event: Order Placed}]",
			"an empty list of match rules");
	for (uint32_t i = 0; i < value->n && !r->nomem; i++) {
		const struct yaml_node *node = value->items[i];
		if (r->n_rules == r->rules_capacity) {
			reader_problem(r, node, "merge rules with lists of values", "more than %d match rules",
				DESIGN_RULES_MAX);
			break;
		}
		struct rule *rule = &r->rules[r->n_rules];
		*rule = (struct rule){.touchpoint = (uint32_t)(t - r->d->touchpoints),
			.line = node->line,
			.column = node->column};
		rule->conditions = reader_array(r, node->n, sizeof(*rule->conditions));
		if (r->nomem)
			return;
		if (node->n == 0)
			reader_problem(r, node, "write for example {event: Order Placed}",
				"a match rule without conditions");
		uint32_t before = r->problems->n_errors;
		format_read(r, SECTION_RULE, node, node, rule);
		if (rule->n > 0 && r->problems->n_errors == before)
			r->n_rules++;
	}
	for (uint32_t i = first; i < r->n_rules && !r->nomem; i++)
		rule_sort(&r->rules[i]);
	if (!r->nomem)
		print_rules(r, r->rules + first, r->n_rules - first, t);
}

// ---- expectations ----

// What an expectation is read into; the target waits for the measure and the check of both directions.
struct expectation_reader {
	struct expectation x; // first, so that it is what read_expectation_measure sees
	const struct yaml_node *at_least, *at_most, *scale;
};

void read_expectation_target(
	struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	(void)r;
	struct expectation_reader *er = target;
	if (sv_equal(key->scalar, SV("at least")))
		er->at_least = value;
	else
		er->at_most = value;
}

void read_expectation_scale(
	struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	(void)r;
	(void)key;
	struct expectation_reader *er = target;
	er->scale = value;
}

void read_expectation_share(
	struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	struct expectation_reader *er = target;
	(void)key;
	double share;
	if (!reader_quantity(r, value, SV("1"), &share))
		return;
	if (share < 0 || share > 1)
		reader_problem(r, value, "write a share from 0% to 100%", "the share %s is out of range",
			value->scalar.ptr);
	else
		er->x.share = share;
}

// DESIGN section 7: half the range of a bounded measure, the target of a ratio measure. Where the target is 0 it
// gives no scale: then a day, one unit of the currency, or 1.
static double default_scale(const struct design *d, const struct design_measure *m, double target)
{
	if (m->bounded)
		return (m->max - m->min) / 2;
	if (target != 0)
		return fabs(target);
	if (unit_seconds(m->unit) > 0)
		return SECONDS_PER_DAY / unit_seconds(m->unit);
	return sv_equal(m->unit, SV("minor")) ? pow(10, d->currency_digits) : 1;
}

static void read_target(
	struct reader *r, const struct yaml_node *node, const struct design_measure *m, double *target)
{
	if (!reader_quantity(r, node, m->unit, target))
		return;
	struct sv text = sv_trim(node->scalar);
	bool percent = sv_ends(text, SV("%")) && sv_equal(m->unit, SV("1"));
	bool outside = *target < m->min || *target > m->max;
	if (!outside && !(percent && m->bounded && m->max - m->min > 2))
		return;
	struct sv min = design_quantity_print(r->d, r->a, m->unit, m->min),
		  max = design_quantity_print(r->d, r->a, m->unit, m->max);
	char remedy[REMEDY_MAX];
	snprintf(remedy, sizeof(remedy), "write a value from %.*s to %.*s", SV_ARG(min), SV_ARG(max));
	reader_problem(
		r, node, remedy, "the target %s does not fit the measure %s", node->scalar.ptr, m->name.ptr);
}

static void finish_expectation(struct reader *r, const struct yaml_node *key, struct expectation_reader *er)
{
	struct expectation *x = &er->x;
	if (er->at_least && er->at_most) {
		const struct yaml_node *l = er->at_least, *m = er->at_most;
		bool least_first = l->line < m->line || (l->line == m->line && l->column < m->column);
		const struct yaml_node *second = least_first ? m : l;
		reader_problem(r, second, "keep one direction, or make two expectations",
			"the expectation \"%s\" has both at least and at most", key->scalar.ptr);
		return;
	}
	const struct yaml_node *node = er->at_least ? er->at_least : er->at_most;
	if (!node) {
		reader_problem(r, key, "add for example at least: 4.2, or at most: 2min",
			"the expectation \"%s\" has no target", key->scalar.ptr);
		return;
	}
	if (x->measure == DESIGN_NONE)
		return;
	const struct design_measure *m = &r->d->measures[x->measure];
	x->direction = er->at_least ? EXPECT_AT_LEAST : EXPECT_AT_MOST;
	read_target(r, node, m, &x->target);
	x->scale = default_scale(r->d, m, x->target);
	if (er->scale && reader_quantity(r, er->scale, m->unit, &x->scale) && !(x->scale > 0))
		reader_problem(r, er->scale, "write the distance from the target that counts as a gap of 1",
			"the scale must be above 0");
}

void read_touchpoint_expect(
	struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	struct design_touchpoint *t = target;
	struct design *d = r->d;
	(void)key;
	for (uint32_t i = 0; i < value->n && !r->nomem; i++) {
		const struct yaml_node *name = value->keys[i];
		if (!reader_name_ok(r, name, "expectation"))
			continue;
		struct expectation_reader er = {.x = {.name = reader_copy(r, name->scalar),
							.touchpoint = (uint32_t)(t - d->touchpoints),
							.measure = DESIGN_NONE,
							.scale = 1,
							.share = (double)NAN,
							.line = name->line}};
		format_read(r, SECTION_EXPECTATION, name, value->items[i], &er);
		finish_expectation(r, name, &er);
		d->expectations[d->n_expectations++] = er.x;
	}
}

// ---- the designed order ----

static void report_cycle(struct reader *r, const struct yaml_node *at, const uint32_t *path, uint32_t n)
{
	char chain[200];
	size_t used = 0;
	// path runs from a touch point to its predecessors; people read it the other way round.
	for (uint32_t i = n + 1; i-- > 0 && used < sizeof(chain);)
		used += (size_t)snprintf(chain + used, sizeof(chain) - used, "%s%.*s", i == n ? "" : " → ",
			SV_ARG(r->d->touchpoints[path[i % n]].name));
	reader_problem(r, at, "take one of them out of after", "a cycle in the designed order: %s", chain);
}

// Depth-first search with a stack of its own. colour: 0 new, 1 on the stack, 2 done.
static void search_cycles(struct reader *r, const struct yaml_node *touchpoints, uint32_t start,
	uint32_t *stack, uint32_t *next, uint8_t *colour)
{
	const struct design *d = r->d;
	uint32_t depth = 0;
	stack[depth++] = start;
	colour[start] = 1;
	while (depth > 0) {
		uint32_t at = stack[depth - 1];
		if (next[at] == d->touchpoints[at].n_after) {
			colour[at] = 2;
			depth--;
			continue;
		}
		uint32_t before = d->touchpoints[at].after[next[at]++];
		if (colour[before] == 0) {
			colour[before] = 1;
			stack[depth++] = before;
		} else if (colour[before] == 1) {
			uint32_t from = depth - 1;
			while (stack[from] != before)
				from--;
			const struct yaml_node *key = yaml_get_key(touchpoints->items[at], SV("after"));
			report_cycle(r, key, stack + from, depth - from);
		}
	}
}

void touchpoints_check_order(struct reader *r, const struct yaml_node *touchpoints)
{
	uint32_t n = r->d->n_touchpoints;
	uint32_t *stack = reader_array(r, n, sizeof(*stack)), *next = reader_array(r, n, sizeof(*next));
	uint8_t *colour = reader_array(r, n, 1);
	for (uint32_t i = 0; i < n && !r->nomem; i++)
		if (colour[i] == 0)
			search_cycles(r, touchpoints, i, stack, next, colour);
}
