// SPDX-License-Identifier: Apache-2.0
// Reads a question's words: parameters by the analysis's declaration, the period. Every mistake names the remedy.
#include "measure/internal.h"

#include <assert.h>
#include <math.h>

static const struct param *param_find(const struct analysis *a, struct sv name, uint32_t *index)
{
	for (uint32_t i = 0; i < a->n_params; i++)
		if (sv_equal(name, sv_from(a->params[i].name))) {
			*index = i;
			return &a->params[i];
		}
	return NULL;
}

static enum rc unknown_param(const struct analysis *a, struct sv name, struct err *e)
{
	struct suggestion s = suggestion_new(name);
	for (uint32_t i = 0; i < a->n_params; i++)
		suggestion_add(&s, sv_from(a->params[i].name));
	err_set(e, RC_USAGE, "analysis “%s” has no parameter “%.*s”", a->name, SV_ARG(name));
	suggestion_remedy(&s, e, a->n_params ? "its help lists its parameters" : "it takes none");
	return RC_USAGE;
}

static enum rc bad_value(const struct param *p, struct sv text, const char *wanted, struct err *e)
{
	err_set(e, RC_USAGE, "--%s “%.*s” is not %s", p->name, SV_ARG(text), wanted);
	return RC_USAGE;
}

static enum rc parse_choice(const struct param *p, struct param_value *v, struct err *e)
{
	struct suggestion s = suggestion_new(v->text);
	struct sv rest = sv_from(p->choices);
	for (uint32_t i = 0; rest.ptr; i++) {
		struct sv choice = sv_cut(rest, '|', &rest);
		if (sv_equal(choice, v->text)) {
			v->choice = i;
			return RC_OK;
		}
		suggestion_add(&s, choice);
	}
	err_set(e, RC_USAGE, "--%s “%.*s” is none of %s", p->name, SV_ARG(v->text), p->choices);
	suggestion_remedy(&s, e, "choose one of them");
	return RC_USAGE;
}

static enum rc parse_flag(const struct param *p, struct param_value *v, struct err *e)
{
	static const char *const yes[] = {"", "true", "yes", "1", "on"};
	static const char *const no[] = {"false", "no", "0", "off"};
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		if (sv_equal_nocase(v->text, sv_from(yes[i]))) {
			v->flag = true;
			return RC_OK;
		}
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		if (sv_equal_nocase(v->text, sv_from(no[i])))
			return RC_OK;
	return bad_value(p, v->text, "true or false", e);
}

static enum rc parse_number(struct run *run, const struct param *p, struct param_value *v, struct err *e)
{
	if (p->type == PARAM_DURATION) {
		if (design_quantity_parse(run->design, v->text, SV("s"), &v->number, NULL) != RC_OK)
			return bad_value(p, v->text, "a duration such as 90s, 5min, 2h or 3d", e);
	} else if (!sv_to_double(v->text, &v->number) ||
		   (p->type == PARAM_INTEGER && v->number != floor(v->number))) {
		return bad_value(p, v->text, p->type == PARAM_INTEGER ? "a whole number" : "a number", e);
	}
	if (p->min >= p->max || (v->number >= p->min && v->number <= p->max))
		return RC_OK;
	const char *unit = p->type == PARAM_DURATION ? " s" : "";
	err_set(e, RC_USAGE, "--%s %.*s is outside %g%s to %.10g%s", p->name, SV_ARG(v->text), p->min, unit,
		p->max, unit);
	err_remedy(e, p->type == PARAM_DURATION ? "give a duration between these, for example 30min or 7d"
						: "give a number between these");
	return RC_USAGE;
}

static enum rc parse_value(struct run *run, const struct param *p, struct param_value *v, struct err *e)
{
	v->present = true;
	switch (p->type) {
	case PARAM_STRING:
		return RC_OK;
	case PARAM_CHOICE:
		return parse_choice(p, v, e);
	case PARAM_FLAG:
		return parse_flag(p, v, e);
	case PARAM_TIME:
		return query_bound(run->design->tz, p->name, v->text, false, &v->time_ms, e);
	case PARAM_FILTER: {
		struct sv what = arena_printf(run->scratch, "--%s", p->name);
		return what.ptr ? filter_open(run, what.ptr, v->text, &v->filter, e)
				: err_set(e, RC_NOMEM, "out of memory for parameters");
	}
	case PARAM_NUMBER:
	case PARAM_INTEGER:
	case PARAM_DURATION:
		break;
	}
	return parse_number(run, p, v, e);
}

// Puts a given value where its parameter keeps it; a repeated one's further values go to the end of its list.
static enum rc take_param(struct run *run, uint32_t index, struct sv text, struct err *e)
{
	const struct param *p = &run->analysis->params[index];
	struct param_value *v = &run->params[index];
	if (v->given && !p->repeated)
		return err_set(e, RC_USAGE, "--%s is given twice", p->name);
	if (v->given) {
		while (v->next)
			v = v->next;
		v->next = arena_alloc(run->scratch, sizeof(*v->next));
		if (!v->next)
			return err_set(e, RC_NOMEM, "out of memory for parameters");
		v = v->next;
		v->time_ms = TIME_NONE;
	}
	v->given = true;
	v->text = text.ptr ? text : SV("");
	return RC_OK;
}

enum rc params_parse(struct run *run, struct err *e)
{
	const struct analysis *a = run->analysis;
	const struct query *q = run->query;
	run->params = arena_array(run->scratch, a->n_params + 1, sizeof(*run->params));
	if (!run->params)
		return err_set(e, RC_NOMEM, "out of memory for parameters");
	for (uint32_t i = 0; i < a->n_params; i++) {
		run->params[i].text = sv_from(a->params[i].value);
		run->params[i].time_ms = TIME_NONE;
	}
	for (uint32_t i = 0; i < q->n_params; i++) {
		uint32_t index = 0;
		if (!param_find(a, q->params[i].name, &index))
			return unknown_param(a, q->params[i].name, e);
		if (take_param(run, index, q->params[i].value, e) != RC_OK)
			return e->rc;
	}
	for (uint32_t i = 0; i < a->n_params; i++) {
		struct param_value *v = &run->params[i];
		if (!v->given && a->params[i].required)
			return err_set(
				e, RC_USAGE, "--%s is missing: %s", a->params[i].name, a->params[i].help);
		for (; v && v->text.ptr; v = v->next) {
			enum rc rc = parse_value(run, &a->params[i], v, e);
			if (rc != RC_OK)
				return rc;
		}
	}
	return RC_OK;
}

const struct param_value *run_param(const struct run *run, const char *name)
{
	uint32_t index = 0;
	const struct param *p = param_find(run->analysis, sv_from(name), &index);
	assert(p);
	return &run->params[index];
}

uint32_t run_param_count(const struct run *run, const char *name)
{
	uint32_t n = 0;
	for (const struct param_value *v = run_param(run, name); v && v->present; v = v->next)
		n++;
	return n;
}
