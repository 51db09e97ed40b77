// SPDX-License-Identifier: Apache-2.0
// The section `loyalty`: how the experience index forgets, and the rungs of the loyalty ladder. What is left out gets
// defaults that name no touch point: they come from the stages.
#include "design/internal.h"

#include <math.h>
#include <stdio.h>

#define RUNGS_MAX 32
#define RUNG_RULES_MAX 32

// In the order of enum standing_fact.
static const struct {
	struct sv name, unit;
} facts[] = {
	[FACT_INDEX] = {{"index", 5}, {"1", 1}},
	[FACT_TENURE] = {{"tenure", 6}, {"s", 1}},
	[FACT_INTERACTIONS] = {{"interactions", 12}, {"1", 1}},
	[FACT_PURCHASES] = {{"purchases", 9}, {"1", 1}},
	[FACT_REFERRALS] = {{"referrals", 9}, {"1", 1}},
};
#define N_FACTS (sizeof(facts) / sizeof(facts[0]))

struct sv design_fact_name(const struct design *d, const struct ladder_rule *rule)
{
	return rule->fact == FACT_MEASURE ? d->measures[rule->measure].name : facts[rule->fact].name;
}

struct sv design_fact_unit(const struct design *d, const struct ladder_rule *rule)
{
	return rule->fact == FACT_MEASURE ? d->measures[rule->measure].unit : facts[rule->fact].unit;
}

void read_loyalty(struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	struct design *d = target;
	format_read(r, SECTION_LOYALTY, key, value, &d->loyalty);
}

void read_loyalty_half_life(
	struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	struct design_loyalty *l = target;
	(void)key;
	if (reader_quantity(r, value, SV("s"), &l->half_life_s) && !(l->half_life_s >= 1.0))
		reader_problem(r, value, "write for example half-life: 90d", "a half-life must be above 0");
}

void read_loyalty_loss_weight(
	struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	struct design_loyalty *l = target;
	(void)key;
	reader_number(r, value, "a weight of losses", 0.01, 100, &l->loss_weight);
}

// Marks the touch points of a list.
static uint8_t *read_touchpoint_set(struct reader *r, const struct yaml_node *list, const char *what)
{
	const struct design *d = r->d;
	struct sv *names;
	uint32_t n;
	uint8_t *set = reader_array(r, d->n_touchpoints + (size_t)1, 1);
	reader_names(r, list, what, &names, &n);
	struct sv *all = reader_array(r, d->n_touchpoints + (size_t)1, sizeof(*all));
	for (uint32_t i = 0; !r->nomem && i < d->n_touchpoints; i++)
		all[i] = d->touchpoints[i].name;
	for (uint32_t i = 0; !r->nomem && i < list->n; i++) {
		if (list->items[i]->kind != YAML_IS_SCALAR)
			continue; // reader_names has told
		uint32_t t = reader_find(r, list->items[i], "touch point", all, d->n_touchpoints);
		if (t != DESIGN_NONE)
			set[t] = 1;
	}
	return set;
}

void read_loyalty_purchases(
	struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	struct design_loyalty *l = target;
	(void)key;
	l->is_purchase = read_touchpoint_set(r, value, "purchase");
}

void read_loyalty_referrals(
	struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	struct design_loyalty *l = target;
	(void)key;
	l->is_referral = read_touchpoint_set(r, value, "referral");
}

// --- rungs ---

struct rung_reader {
	struct ladder_rung rung;
	struct ladder_rule *rules;
};

struct rule_reader {
	struct ladder_rule rule;
	bool known;
	const struct yaml_node *at_least, *at_most;
};

void read_ladder_measure(
	struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	struct rule_reader *rr = target;
	struct sv names[N_FACTS + DESIGN_MEASURES_MAX];
	uint32_t n = 0;
	(void)key;
	while (n < N_FACTS) {
		names[n] = facts[n].name;
		n++;
	}
	for (uint32_t i = 0; i < r->d->n_measures; i++)
		names[n++] = r->d->measures[i].name;
	uint32_t found = reader_find(r, value, "measure", names, n);
	rr->known = found != DESIGN_NONE;
	if (!rr->known)
		return;
	rr->rule.fact = found < N_FACTS ? (enum standing_fact)found : FACT_MEASURE;
	rr->rule.measure = found < N_FACTS ? DESIGN_NONE : found - (uint32_t)N_FACTS;
}

void read_ladder_target(
	struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	struct rule_reader *rr = target;
	(void)r;
	if (sv_equal(key->scalar, SV("at least")))
		rr->at_least = value;
	else
		rr->at_most = value;
}

static bool read_rule(struct reader *r, const struct yaml_node *node, struct ladder_rule *out)
{
	struct rule_reader rr = {.rule = {.min = (double)-INFINITY, .max = (double)INFINITY}};
	format_read(r, SECTION_LADDER_RULE, node, node, &rr);
	if (!rr.known)
		return false;
	struct sv unit = design_fact_unit(r->d, &rr.rule);
	if (!rr.at_least && !rr.at_most)
		reader_problem(r, node, "add for example at least: 2", "a rule of a rung without a bound");
	if (rr.at_least && !reader_quantity(r, rr.at_least, unit, &rr.rule.min))
		return false;
	if (rr.at_most && !reader_quantity(r, rr.at_most, unit, &rr.rule.max))
		return false;
	if (rr.rule.min > rr.rule.max)
		reader_problem(r, rr.at_most, "exchange the two", "no value is at least and at most these");
	*out = rr.rule;
	return true;
}

void read_rung_when(struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	struct ladder_rung *rung = target;
	(void)key;
	uint32_t n = value->n < RUNG_RULES_MAX ? value->n : RUNG_RULES_MAX;
	if (value->n > n)
		reader_problem(r, value, "use fewer", "more than %d rules for a rung", RUNG_RULES_MAX);
	rung->rules = reader_array(r, n + (size_t)1, sizeof(*rung->rules));
	for (uint32_t i = 0; i < n && !r->nomem; i++)
		if (read_rule(r, value->items[i], &rung->rules[rung->n_rules]))
			rung->n_rules++;
}

void read_loyalty_rungs(
	struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	struct design_loyalty *l = target;
	uint32_t n = value->n < RUNGS_MAX ? value->n : RUNGS_MAX;
	if (value->n > n)
		reader_problem(r, value, "use fewer", "more than %d rungs", RUNGS_MAX);
	if (n < 2)
		reader_problem(r, key,
			"write for example rungs: {at-risk: {}, loyal: {when: [{measure: purchases, "
			"at least: 2}]}}",
			"a ladder needs at least two rungs");
	l->rungs = reader_array(r, n + (size_t)1, sizeof(*l->rungs));
	l->n_rungs = 0;
	for (uint32_t i = 0; i < n && !r->nomem; i++) {
		if (!reader_name_ok(r, value->keys[i], "rung"))
			continue;
		struct ladder_rung rung = {.name = reader_copy(r, value->keys[i]->scalar)};
		format_read(r, SECTION_RUNG, value->keys[i], value->items[i], &rung);
		if (i > 0 && rung.n_rules == 0)
			reader_problem(r, value->keys[i],
				"only the lowest rung, where all others stand, has none",
				"the rung \"%s\" has no rules", rung.name.ptr);
		l->rungs[l->n_rungs++] = rung;
	}
}

// --- defaults ---

static const struct ladder_rule satisfied[] = {{FACT_INDEX, DESIGN_NONE, 45, (double)INFINITY}};
static const struct ladder_rule loyal[] = {{FACT_INDEX, DESIGN_NONE, 50, (double)INFINITY},
	{FACT_PURCHASES, DESIGN_NONE, 2, (double)INFINITY},
	{FACT_TENURE, DESIGN_NONE, 180 * SECONDS_PER_DAY, (double)INFINITY}};
// nps is the first built-in measure.
static const struct ladder_rule advocate[] = {
	{FACT_INDEX, DESIGN_NONE, 50, (double)INFINITY}, {FACT_MEASURE, 0, 9, (double)INFINITY}};
static const struct {
	struct sv name;
	const struct ladder_rule *rules;
	uint32_t n;
} default_rungs[] = {{{"at-risk", 7}, NULL, 0}, {{"satisfied", 9}, satisfied, 1}, {{"loyal", 5}, loyal, 3},
	{{"advocate", 8}, advocate, 2}};
#define N_DEFAULT_RUNGS (sizeof(default_rungs) / sizeof(default_rungs[0]))

// The touch points of the stages with one of two names.
static uint8_t *stage_set(struct reader *r, struct sv a, struct sv b)
{
	const struct design *d = r->d;
	uint8_t *set = reader_array(r, d->n_touchpoints + (size_t)1, 1);
	for (uint32_t i = 0; !r->nomem && i < d->n_touchpoints; i++) {
		uint32_t stage = d->touchpoints[i].stage;
		set[i] =
			stage < d->n_stages && (sv_equal(d->stages[stage], a) || sv_equal(d->stages[stage], b));
	}
	return set;
}

void loyalty_defaults(struct reader *r)
{
	struct design_loyalty *l = &r->d->loyalty;
	if (!l->half_life_s)
		l->half_life_s = 90 * SECONDS_PER_DAY;
	if (!l->loss_weight)
		l->loss_weight = 2;
	if (!l->is_purchase)
		l->is_purchase = stage_set(r, SV("purchase"), SV("renewal"));
	if (!l->is_referral)
		l->is_referral = stage_set(r, SV("advocacy"), SV("advocacy"));
	if (l->rungs)
		return;
	l->rungs = reader_array(r, N_DEFAULT_RUNGS, sizeof(*l->rungs));
	for (uint32_t i = 0; !r->nomem && i < N_DEFAULT_RUNGS; i++) {
		struct ladder_rung *rung = &l->rungs[i];
		*rung = (struct ladder_rung){.name = default_rungs[i].name, .n_rules = default_rungs[i].n};
		rung->rules = reader_array(r, rung->n_rules + (size_t)1, sizeof(*rung->rules));
		for (uint32_t k = 0; !r->nomem && k < rung->n_rules; k++)
			rung->rules[k] = default_rungs[i].rules[k];
	}
	l->n_rungs = r->nomem ? 0 : (uint32_t)N_DEFAULT_RUNGS;
}
