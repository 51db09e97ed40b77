// SPDX-License-Identifier: Apache-2.0
// Reads the words of a funnel's question to its rules and filters. Every mistake names the remedy.
#include "measure/funnel.h"

#include <math.h>

static enum rc too_many(const char *what, uint32_t n, uint32_t max, struct err *e)
{
	err_set(e, RC_USAGE, "a funnel of %u %s; at most %u are possible", n, what, max);
	return RC_USAGE;
}

// Reads "A and B".
static bool read_range(struct sv text, uint32_t *first, uint32_t *last)
{
	struct sv rest, a = sv_cut(sv_trim(text), ' ', &rest);
	int64_t from, to;
	rest = sv_trim(rest);
	if (!sv_starts(rest, SV("and ")) || !sv_to_i64(a, &from) ||
		!sv_to_i64(sv_trim((struct sv){rest.ptr + 4, rest.len - 4}), &to))
		return false;
	*first = from > 0 && from < INT32_MAX ? (uint32_t)from : 0;
	*last = to > 0 && to < INT32_MAX ? (uint32_t)to : 0;
	return true;
}

// Cuts " between A and B" off the end of an exclusion.
static bool cut_between(struct sv *text, uint32_t *first, uint32_t *last)
{
	const struct sv word = SV(" between ");
	for (size_t i = text->len; i-- > 0;) {
		struct sv tail = {text->ptr + i, text->len - i};
		if (!sv_starts(tail, word))
			continue;
		if (!read_range((struct sv){tail.ptr + word.len, tail.len - word.len}, first, last))
			return false;
		text->len = i;
		return true;
	}
	return false;
}

static enum rc read_exclusions(
	struct run *run, struct funnel_plan *plan, struct filter_node **filters, struct err *e)
{
	struct funnel_rules *r = &plan->rules;
	uint32_t n = run_param_count(run, "exclude");
	if (n > FUNNEL_EXCLUSIONS_MAX)
		return too_many("exclusions", n, FUNNEL_EXCLUSIONS_MAX, e);
	for (const struct param_value *v = run_param(run, "exclude"); n && v; v = v->next) {
		uint32_t i = r->n_exclusions++;
		struct sv text = v->text;
		r->exclude_first[i] = 1;
		r->exclude_last[i] = r->n_steps;
		if (cut_between(&text, &r->exclude_first[i], &r->exclude_last[i]) &&
			(r->exclude_first[i] < 1 || r->exclude_first[i] >= r->exclude_last[i] ||
				r->exclude_last[i] > r->n_steps)) {
			err_set(e, RC_USAGE, "--exclude “%.*s” is not between two steps of this funnel",
				SV_ARG(v->text));
			err_remedy(e, "steps are 1 to %u, the smaller first: “… between 1 and 2”", r->n_steps);
			return RC_USAGE;
		}
		enum rc rc = filter_open(run, "--exclude", text, &filters[r->n_steps + i], e);
		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

static enum rc read_filters(struct run *run, struct funnel_plan *plan, struct err *e)
{
	struct filter_node *filters[CLASSES_MAX];
	struct funnel_rules *r = &plan->rules;
	r->n_steps = run_param_count(run, "step");
	if (r->n_steps > FUNNEL_STEPS_MAX)
		return too_many("steps", r->n_steps, FUNNEL_STEPS_MAX, e);
	uint32_t k = 0;
	for (const struct param_value *v = run_param(run, "step"); v; v = v->next, k++) {
		filters[k] = v->filter;
		plan->texts[k] = arena_copy(run->arena, v->text);
		if (!plan->texts[k].ptr)
			return err_set(e, RC_NOMEM, "out of memory for a funnel");
	}
	enum rc rc = read_exclusions(run, plan, filters, e);
	if (rc != RC_OK)
		return rc;
	const struct param_value *without = run_param(run, "without");
	plan->n_levels = r->n_steps;
	if (without->present) {
		r->without = true;
		filters[r->n_steps + r->n_exclusions] = without->filter;
		plan->texts[plan->n_levels] =
			arena_printf(run->arena, "not followed by %.*s", SV_ARG(without->text));
		if (!plan->texts[plan->n_levels++].ptr)
			return err_set(e, RC_NOMEM, "out of memory for a funnel");
	}
	return classes_open(run, filters, funnel_classes(r), &plan->classes, e);
}

static enum rc refuse(struct err *e, const char *what, const char *remedy)
{
	err_set(e, RC_USAGE, "%s", what);
	err_remedy(e, "%s", remedy);
	return RC_USAGE;
}

static enum rc read_rules(struct run *run, struct funnel_plan *plan, struct err *e)
{
	struct funnel_rules *r = &plan->rules;
	const struct param_value *window = run_param(run, "window"), *repeats = run_param(run, "repeats");
	r->order = (enum funnel_order)run_param(run, "order")->choice;
	r->ties = (enum funnel_ties)run_param(run, "ties")->choice;
	r->repeats = repeats->present            ? (enum funnel_repeats)repeats->choice
		     : r->order == FUNNEL_STRICT ? FUNNEL_REPEATS_END
						 : FUNNEL_REPEATS_IGNORE;
	r->reuse = run_param(run, "reuse")->flag;
	r->drop = run_param(run, "excluded")->choice == 1;
	r->window_ms = window->present ? llround(window->number * 1000.0) : FUNNEL_NO_WINDOW;
	r->newest_ms = run->stats.last_ms;
	if (r->n_steps == 1 && !r->without)
		run_note(run, "a funnel of one step counts who reaches it; give --step once more for each "
			      "further one");
	if (r->drop && r->n_exclusions == 0)
		return refuse(e, "--excluded drop says what an exclusion does, and there is none",
			"give --exclude with what must not come between, or leave --excluded away");
	if (r->order == FUNNEL_ANY && (repeats->present || r->ties != FUNNEL_TIES_ARRIVAL))
		return refuse(e, "--repeats and --ties have no meaning with --order any",
			"leave them out: steps may come in any order, each once");
	if (r->ties == FUNNEL_TIES_ANY && (r->order != FUNNEL_ORDERED || r->repeats != FUNNEL_REPEATS_IGNORE))
		return refuse(e, "--ties any does not say what comes between two steps",
			"give it with --order ordered and without --repeats, or use --ties arrival");
	return RC_OK;
}

static enum rc read_list(struct run *run, struct funnel_plan *plan, struct err *e)
{
	const struct param_value *v = run_param(run, "persons");
	if (!v->present)
		return RC_OK;
	int64_t level = 0;
	struct sv number, word = sv_cut(v->text, ':', &number);
	plan->list = sv_equal(word, SV("reached"))   ? FUNNEL_LIST_REACHED
		     : sv_equal(word, SV("dropped")) ? FUNNEL_LIST_DROPPED
						     : FUNNEL_LIST_NOBODY;
	int64_t lowest = plan->list == FUNNEL_LIST_DROPPED ? 2 : 1;
	if (plan->list == FUNNEL_LIST_NOBODY || !number.ptr || !sv_to_i64(number, &level) || level < lowest ||
		level > plan->n_levels) {
		err_set(e, RC_USAGE, "--persons “%.*s” is not a list of this funnel", SV_ARG(v->text));
		err_remedy(e, "reached:1 to reached:%u, or dropped:2 to dropped:%u", plan->n_levels,
			plan->n_levels);
		return RC_USAGE;
	}
	plan->list_level = (uint32_t)level;
	persons_open(run);
	return RC_OK;
}

enum rc funnel_question_read(struct run *run, struct funnel_plan **out, struct err *e)
{
	struct funnel_plan *plan = arena_alloc(run->scratch, sizeof(*plan));
	*out = plan;
	if (!plan)
		return err_set(e, RC_NOMEM, "out of memory for a funnel");
	enum rc rc = read_filters(run, plan, e);
	if (rc == RC_OK)
		rc = read_rules(run, plan, e);
	if (rc != RC_OK)
		return rc;
	plan->count = run_param(run, "count")->choice;
	plan->times = run_param(run, "times")->flag;
	rc = read_list(run, plan, e);
	const struct funnel_rules *r = &plan->rules;
	plan->fast = r->order == FUNNEL_ORDERED && r->repeats == FUNNEL_REPEATS_IGNORE &&
		     r->ties == FUNNEL_TIES_ARRIVAL && !r->n_exclusions && !r->without && !plan->times &&
		     !plan->list && plan->count == FUNNEL_COUNT_PERSONS && grouping_keys(run) == 0;
	return rc;
}
