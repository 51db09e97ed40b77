// SPDX-License-Identifier: Apache-2.0
// Fields that a person has and not an interaction: the experience index, the rung of the loyalty ladder, the tenure,
// and the first or last value of any name in the journey. Every interaction of a journey has its person's value, so
// all analyses can filter and group by them; asking for one makes the scan hand over whole journeys.
//
// Index, rung and tenure are as of the end of the period asked for (--to), or of the newest interaction there is, and
// count what came before --from too: they are cumulative.
#include "measure/filter.h"
#include "measure/standing.h"

#include "base/mem.h"

#include <assert.h>

// Bounds of the bands in which numbers are grouped: band i holds bound[i] ≤ x < bound[i + 1], the last one all above.
struct bands {
	const double *bound;
	const struct sv *label; // n + 1: [0] is for who has no value
	uint32_t n;
};

#define LABEL(text)                                                                                            \
	{                                                                                                      \
		text, sizeof(text) - 1                                                                         \
	}
static const double index_bounds[] = {0, 10, 20, 30, 40, 50, 60, 70, 80, 90};
static const struct sv index_labels[] = {LABEL("(none)"), LABEL("0-10"), LABEL("10-20"), LABEL("20-30"),
	LABEL("30-40"), LABEL("40-50"), LABEL("50-60"), LABEL("60-70"), LABEL("70-80"), LABEL("80-90"),
	LABEL("90-100")};
#define DAY_S 86400.0
static const double tenure_bounds[] = {
	0, 30 * DAY_S, 90 * DAY_S, 180 * DAY_S, 365 * DAY_S, 730 * DAY_S, 1826 * DAY_S};
static const struct sv tenure_labels[] = {LABEL("(none)"), LABEL("under 30 days"), LABEL("30-89 days"),
	LABEL("90-179 days"), LABEL("180-364 days"), LABEL("1 year"), LABEL("2-4 years"),
	LABEL("5 years and more")};
static const struct bands index_bands = {index_bounds, index_labels, 10};
static const struct bands tenure_bands = {tenure_bounds, tenure_labels, 7};

struct person_field {
	enum person_fact fact;
	struct attribute of;       // PERSON_FIRST, PERSON_LAST
	const struct bands *bands; // numbers
};

struct person_fields {
	struct person_field items[PERSON_FIELDS_MAX];
	uint32_t n;
	struct standing_plan *plan; // NULL: no field needs it
	int64_t until_ms;
};

// The values of one field in the span at hand.
struct person_column {
	uint32_t *code; // per row
	double *number;
	size_t code_capacity, number_capacity;
	bool ready;
};

struct person_values {
	struct person_column columns[PERSON_FIELDS_MAX];
	struct standing_work work;
	struct standing *standing; // per person
	size_t standing_capacity;
	bool standing_ready;
};

// --- opening ---

static const struct {
	const char *name;
	enum person_fact fact;
	const char *unit;
	const struct bands *bands;
} named[] = {
	{"index", PERSON_INDEX, "1", &index_bands},
	{"ladder", PERSON_LADDER, "", NULL},
	{"tenure", PERSON_TENURE, "s", &tenure_bands},
};
#define N_NAMED (sizeof(named) / sizeof(named[0]))

void person_fields_suggest(struct suggestion *s)
{
	for (size_t i = 0; i < N_NAMED; i++)
		suggestion_add(s, sv_from(named[i].name));
}

static enum rc fields_need_standing(struct run *run, struct person_fields *f, struct err *e)
{
	if (f->plan)
		return RC_OK;
	enum rc rc = standing_plan_open(run->design, run->names, run->scratch, &f->plan, e);
	if (rc != RC_OK)
		return rc;
	standing_plan_want(f->plan, &run->request.columns);
	f->until_ms = run->to_ms;
	if (f->until_ms == TIME_NONE)
		f->until_ms = run->stats.last_ms == TIME_NONE ? 0 : run->stats.last_ms + 1;
	return RC_OK;
}

static enum rc ladder_values(struct run *run, struct attribute *a, struct err *e)
{
	const struct design_loyalty *l = &run->design->loyalty;
	struct sv *labels = arena_array(run->scratch, l->n_rungs + (size_t)1, sizeof(*labels));
	uint32_t *rank = arena_array(run->scratch, l->n_rungs + (size_t)1, sizeof(*rank));
	if (!labels || !rank)
		return err_set(e, RC_NOMEM, "out of memory for a field");
	labels[0] = SV("(none)");
	rank[0] = UINT32_MAX;
	for (uint32_t i = 0; i < l->n_rungs; i++) {
		labels[i + 1] = l->rungs[i].name;
		rank[i + 1] = i;
	}
	a->labels = labels;
	a->rank = rank;
	a->n_values = l->n_rungs + 1;
	a->closed = true;
	return RC_OK;
}

static enum rc band_values(struct run *run, const struct bands *bands, struct attribute *a, struct err *e)
{
	uint32_t *rank = arena_array(run->scratch, bands->n + (size_t)1, sizeof(*rank));
	if (!rank)
		return err_set(e, RC_NOMEM, "out of memory for a field");
	rank[0] = UINT32_MAX;
	for (uint32_t i = 0; i < bands->n; i++)
		rank[i + 1] = i;
	a->labels = bands->label;
	a->rank = rank;
	a->n_values = bands->n + 1;
	return RC_OK;
}

// "first.X" and "last.X".
static enum rc open_edge(
	struct run *run, struct sv name, struct person_field *f, struct attribute *a, struct err *e)
{
	struct sv rest;
	struct sv edge = sv_cut(name, '.', &rest);
	f->fact = sv_equal(edge, SV("first")) ? PERSON_FIRST : PERSON_LAST;
	enum rc rc = attribute_open(run, rest, &f->of, e);
	if (rc != RC_OK)
		return rc;
	if (f->of.kind != ATTRIBUTE_CODES) {
		err_set(e, RC_USAGE, "“%.*s” asks for the %.*s of something that is not a name", SV_ARG(name),
			SV_ARG(edge));
		err_remedy(e, "give a name, for example %.*s.channel", SV_ARG(edge));
		return RC_USAGE;
	}
	run_want_code(run, f->of.column);
	*a = f->of;
	return RC_OK;
}

static bool is_edge(struct sv name)
{
	return sv_starts(name, SV("first.")) || sv_starts(name, SV("last."));
}

bool person_field_named(struct sv name)
{
	for (size_t i = 0; i < N_NAMED; i++)
		if (sv_equal(name, sv_from(named[i].name)))
			return true;
	return is_edge(name);
}

static enum rc open_named(struct run *run, struct sv name, struct person_fields *fields, struct person_field *f,
	struct attribute *a, struct err *e)
{
	size_t i = 0;
	while (!sv_equal(name, sv_from(named[i].name)))
		i++;
	f->fact = named[i].fact;
	f->bands = named[i].bands;
	a->unit = sv_from(named[i].unit);
	enum rc rc = fields_need_standing(run, fields, e);
	if (rc != RC_OK)
		return rc;
	return f->bands ? band_values(run, f->bands, a, e) : ladder_values(run, a, e);
}

enum rc person_field_open(struct run *run, struct sv name, struct attribute *out, struct err *e)
{
	if (!run->person_fields)
		run->person_fields = arena_alloc(run->scratch, sizeof(*run->person_fields));
	struct person_fields *fields = run->person_fields;
	if (!fields)
		return err_set(e, RC_NOMEM, "out of memory for a field");
	if (fields->n == PERSON_FIELDS_MAX)
		return err_set(
			e, RC_LIMIT, "more than %d fields of persons in one question", PERSON_FIELDS_MAX);
	struct person_field *f = &fields->items[fields->n];
	*out = (struct attribute){.name = name};
	enum rc rc = is_edge(name) ? open_edge(run, name, f, out, e) : open_named(run, name, fields, f, out, e);
	if (rc != RC_OK)
		return rc;
	out->name = name;
	out->kind = f->bands ? ATTRIBUTE_PERSON_NUMBER : ATTRIBUTE_PERSON;
	out->column = CODE_COLUMNS;
	out->map = NULL;
	out->n_codes = out->n_values;
	out->person = fields->n++;
	return RC_OK;
}

// --- values ---

void person_values_forget(struct person_values *v)
{
	if (!v)
		return;
	v->standing_ready = false;
	for (uint32_t i = 0; i < PERSON_FIELDS_MAX; i++)
		v->columns[i].ready = false;
}

void person_values_free(struct person_values **v)
{
	if (!*v)
		return;
	for (uint32_t i = 0; i < PERSON_FIELDS_MAX; i++) {
		mem_free((*v)->columns[i].code);
		mem_free((*v)->columns[i].number);
	}
	standing_work_free(&(*v)->work);
	mem_free((*v)->standing);
	mem_free(*v);
	*v = NULL;
}

static enum rc standing_fill(struct lane *lane, struct person_values *v, struct err *e)
{
	const struct person_fields *f = lane->run->person_fields;
	const struct span *span = lane->span;
	if (v->standing_ready)
		return RC_OK;
	if (mem_grow((void **)&v->standing, &v->standing_capacity, (size_t)span->n_persons + 1,
		    sizeof(*v->standing)) != 0)
		return err_set(e, RC_NOMEM, "out of memory for the standing of persons");
	enum rc rc = standing_gains(f->plan, span, &v->work, e);
	for (uint32_t p = 0; rc == RC_OK && p < span->n_persons; p++)
		standing_at(f->plan, span, &v->work, span->person_start[p], span->person_start[p + 1],
			f->until_ms, &v->standing[p]);
	v->standing_ready = rc == RC_OK;
	return rc;
}

static uint32_t edge_value(const struct person_field *f, const struct span *span, uint32_t first, uint32_t end)
{
	const struct attribute *a = &f->of;
	const uint32_t *code = a->column < CODE_COLUMNS ? span->code[a->column] : NULL;
	for (uint32_t k = first; code && k < end; k++) {
		uint32_t c = code[f->fact == PERSON_FIRST ? k : first + (end - 1 - k)];
		c = c < a->n_codes ? c : 0;
		uint32_t value = a->map ? a->map[c] : c;
		if (value)
			return value;
	}
	return 0;
}

static uint32_t band_of(const struct bands *b, double x)
{
	uint32_t i = 0;
	while (i < b->n && x >= b->bound[i])
		i++;
	return i;
}

static double number_of(enum person_fact fact, const struct standing *s)
{
	if (s->n_interactions == 0)
		return (double)NAN;
	return fact == PERSON_INDEX ? s->index : s->tenure_s;
}

static uint32_t code_of(const struct lane *lane, const struct person_field *f, uint32_t p)
{
	const struct span *span = lane->span;
	if (f->fact == PERSON_FIRST || f->fact == PERSON_LAST)
		return edge_value(f, span, span->person_start[p], span->person_start[p + 1]);
	const struct standing *s = &lane->persons->standing[p];
	if (f->fact == PERSON_LADDER)
		return s->rung;
	double x = number_of(f->fact, s);
	return isnan(x) ? 0 : band_of(f->bands, x);
}

static enum rc column_fill(struct lane *lane, uint32_t field, struct person_column *c, struct err *e)
{
	const struct span *span = lane->span;
	const struct person_field *f = &lane->run->person_fields->items[field];
	bool standing = f->fact != PERSON_FIRST && f->fact != PERSON_LAST;
	enum rc rc = standing ? standing_fill(lane, lane->persons, e) : RC_OK;
	if (rc == RC_OK &&
		(mem_grow((void **)&c->code, &c->code_capacity, (size_t)span->n + 1, sizeof(*c->code)) != 0 ||
			mem_grow((void **)&c->number, &c->number_capacity, (size_t)span->n + 1,
				sizeof(*c->number)) != 0))
		rc = err_set(e, RC_NOMEM, "out of memory for a field of persons");
	if (rc != RC_OK)
		return rc;
	for (uint32_t p = 0; p < span->n_persons; p++) {
		uint32_t code = code_of(lane, f, p);
		double number = f->bands ? number_of(f->fact, &lane->persons->standing[p]) : 0.0;
		for (uint32_t i = span->person_start[p]; i < span->person_start[p + 1]; i++) {
			c->code[i] = code;
			c->number[i] = number;
		}
	}
	c->ready = true;
	return RC_OK;
}

static struct person_column *column_of(struct lane *lane, const struct attribute *a, struct err *e)
{
	assert(a->person < PERSON_FIELDS_MAX);
	if (!lane->persons)
		lane->persons = mem_calloc(1, sizeof(*lane->persons));
	if (!lane->persons) {
		err_set(e, RC_NOMEM, "out of memory for a field of persons");
		return NULL;
	}
	struct person_column *c = &lane->persons->columns[a->person];
	return c->ready || column_fill(lane, a->person, c, e) == RC_OK ? c : NULL;
}

const uint32_t *person_field_codes(struct lane *lane, const struct attribute *a, struct err *e)
{
	struct person_column *c = column_of(lane, a, e);
	return c ? c->code : NULL;
}

const double *person_field_numbers(struct lane *lane, const struct attribute *a, struct err *e)
{
	struct person_column *c = column_of(lane, a, e);
	return c ? c->number : NULL;
}
