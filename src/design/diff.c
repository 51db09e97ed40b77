// SPDX-License-Identifier: Apache-2.0
// What changes between two designs, in meaning and not in text. Each design is turned into facts, a name and a
// canonical text each ("expectation on-time" = "delay at most 0 for 95%, scale 1d"), for the corridor as a whole
// and for every touch point; facts with the same name are compared. Two files that differ only in layout, comments,
// the order of alternatives or the way a quantity is written have equal facts.
#include "base/number.h"
#include "design/internal.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

struct fact {
	struct sv what, text;
};

struct facts {
	struct arena *a;
	struct fact *items;
	uint32_t n, capacity;
	bool nomem;
};

struct differ {
	struct arena *a;
	struct design_changes *out;
	uint32_t capacity;
	bool nomem;
};

static void facts_reserve(struct facts *f, uint32_t capacity)
{
	f->capacity = capacity;
	f->items = arena_array(f->a, capacity, sizeof(*f->items));
	f->nomem |= !f->items;
}

// kind and name make the fact's name: "measure speed", or "brand" with an empty name.
__attribute__((format(printf, 4, 5))) static void fact_add(
	struct facts *f, const char *kind, struct sv name, const char *format, ...)
{
	if (f->nomem || f->n == f->capacity)
		return;
	char text[1024];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	struct fact *item = &f->items[f->n++];
	item->what = arena_printf(f->a, "%s%s%.*s", kind, name.len ? " " : "", SV_ARG(name));
	item->text = arena_copy(f->a, sv_from(text));
	f->nomem |= !item->what.ptr || !item->text.ptr;
}

// A fact whose text may be long.
static void fact_text(struct facts *f, const char *what, struct sv text)
{
	if (f->nomem || f->n == f->capacity)
		return;
	f->items[f->n++] = (struct fact){sv_from(what), text};
	f->nomem |= !text.ptr;
}

// Joins n names with ", "; name_at gives the i-th.
static struct sv join(struct facts *f, const struct design *d, const void *list, uint32_t n,
	struct sv (*name_at)(const struct design *d, const void *list, uint32_t i))
{
	struct buf b = buf_new((size_t)16 << 20);
	for (uint32_t i = 0; i < n; i++) {
		buf_str(&b, i ? ", " : "");
		buf_sv(&b, name_at(d, list, i));
	}
	struct sv text = b.rc == RC_OK ? arena_copy(f->a, n ? buf_view(&b) : SV("")) : SV_NONE;
	buf_free(&b);
	return text;
}

static struct sv name_of_text(const struct design *d, const void *list, uint32_t i)
{
	(void)d;
	return ((const struct sv *)list)[i];
}

static struct sv name_of_channel(const struct design *d, const void *list, uint32_t i)
{
	return d->channels[((const uint32_t *)list)[i]].name;
}

static struct sv name_of_touchpoint(const struct design *d, const void *list, uint32_t i)
{
	return d->touchpoints[((const uint32_t *)list)[i]].name;
}

static void hours_fact(struct facts *f, const struct design_hours *h)
{
	struct buf b = buf_new(1 << 20);
	for (uint32_t i = 0; i < h->n_spans; i++)
		buf_printf(&b, "%s%s %02u:%02u-%02u:%02u", i ? ", " : "", weekday_names[h->spans[i].weekday],
			(unsigned)h->spans[i].from_min / 60, (unsigned)h->spans[i].from_min % 60,
			(unsigned)h->spans[i].to_min / 60, (unsigned)h->spans[i].to_min % 60);
	for (uint32_t i = 0; i < h->n_holidays; i++) {
		int64_t year;
		unsigned month, day;
		civil_from_days(h->holidays[i], &year, &month, &day);
		buf_printf(&b, "%s%04d-%02u-%02u", i ? ", " : "; holidays ", (int)year, month, day);
	}
	struct sv what = arena_printf(f->a, "hours %.*s", SV_ARG(h->name));
	struct sv text = b.rc == RC_OK && b.len > 0 ? arena_copy(f->a, buf_view(&b)) : SV("");
	f->nomem |= b.rc != RC_OK || !what.ptr || !text.ptr;
	buf_free(&b);
	if (!f->nomem)
		f->items[f->n++] = (struct fact){what, text};
}

static void measure_fact(struct facts *f, const struct design *d, const struct design_measure *m)
{
	char min[NUMBER_TEXT_MAX], max[NUMBER_TEXT_MAX];
	number_from_double(m->min, min);
	number_from_double(m->max, max);
	fact_add(f, "measure", m->name, "unit %.*s, from %s to %s",
		SV_ARG(sv_equal(m->unit, SV("minor")) ? d->currency : m->unit), min, max);
}

static void loyalty_facts(struct facts *f, const struct design *d)
{
	const struct design_loyalty *l = &d->loyalty;
	struct sv half_life = design_quantity_print(d, f->a, SV("s"), l->half_life_s);
	fact_add(f, "experience index", SV(""), "half-life %.*s, losses weigh %.6g", SV_ARG(half_life),
		l->loss_weight);
	for (uint32_t i = 0; i < l->n_rungs; i++) {
		struct buf b = buf_new((size_t)1 << 20);
		const struct ladder_rung *rung = &l->rungs[i];
		for (uint32_t k = 0; k < rung->n_rules; k++) {
			const struct ladder_rule *rule = &rung->rules[k];
			struct sv unit = design_fact_unit(d, rule);
			buf_printf(&b, "%s%.*s", k ? ", " : "", SV_ARG(design_fact_name(d, rule)));
			if (isfinite(rule->min))
				buf_printf(&b, " at least %.*s",
					SV_ARG(design_quantity_print(d, f->a, unit, rule->min)));
			if (isfinite(rule->max))
				buf_printf(&b, " at most %.*s",
					SV_ARG(design_quantity_print(d, f->a, unit, rule->max)));
		}
		f->nomem |= b.rc != RC_OK;
		fact_add(f, "rung", rung->name, "%u: %.*s", (unsigned)i + 1, (int)b.len,
			b.len ? (const char *)b.data : "");
		buf_free(&b);
	}
}

static void corridor_facts(struct facts *f, const struct design *d)
{
	facts_reserve(f, 16 + d->n_departments + d->n_channels + d->n_measures + d->n_dimensions + d->n_hours +
				 d->n_servqual + d->loyalty.n_rungs);
	fact_add(f, "brand", SV(""), "%.*s", SV_ARG(d->brand));
	fact_add(f, "timezone", SV(""), "%.*s", SV_ARG(d->timezone));
	fact_add(f, "currency", SV(""), "%.*s", SV_ARG(d->currency));
	fact_text(f, "stages", join(f, d, d->stages, d->n_stages, name_of_text));
	fact_text(f, "systems", join(f, d, d->systems, d->n_systems, name_of_text));
	for (uint32_t i = 0; i < d->n_hours && !f->nomem; i++)
		hours_fact(f, &d->hours[i]);
	for (uint32_t i = 0; i < d->n_departments; i++) {
		uint32_t hours = d->department_hours[i];
		fact_add(f, "department", d->departments[i], "%s%.*s", hours == DESIGN_NONE ? "" : "hours ",
			SV_ARG(hours == DESIGN_NONE ? SV("") : d->hours[hours].name));
	}
	for (uint32_t i = 0; i < d->n_channels; i++)
		fact_add(f, "channel", d->channels[i].name, "%s", channel_kind_names[d->channels[i].kind]);
	for (uint32_t i = 0; i < d->n_measures; i++)
		measure_fact(f, d, &d->measures[i]);
	for (uint32_t i = 0; i < d->n_servqual; i++)
		fact_add(f, "servqual", d->servqual[i].dimension, "expected %.*s, perceived %.*s",
			SV_ARG(d->measures[d->servqual[i].expected].name),
			SV_ARG(d->measures[d->servqual[i].perceived].name));
	for (uint32_t i = 0; i < d->n_dimensions; i++)
		fact_add(f, "dimension", d->dimensions[i], "%.*s", SV_ARG(d->paths[d->dimension_path[i]]));
	fact_add(f, "acsi weights", SV(""), "%.6g, %.6g, %.6g", d->acsi_weights[0], d->acsi_weights[1],
		d->acsi_weights[2]);
	loyalty_facts(f, d);
}

static void expectation_fact(struct facts *f, const struct design *d, const struct expectation *x)
{
	const struct design_measure *m = &d->measures[x->measure];
	struct sv target = design_quantity_print(d, f->a, m->unit, x->target),
		  scale = design_quantity_print(d, f->a, m->unit, x->scale);
	char share[64] = "on average";
	if (!isnan(x->share))
		snprintf(share, sizeof(share), "for %.10g%%", x->share * 100);
	fact_add(f, "expectation", x->name, "%.*s at %s %.*s %s, scale %.*s", SV_ARG(m->name),
		x->direction == EXPECT_AT_LEAST ? "least" : "most", SV_ARG(target), share, SV_ARG(scale));
}

static void touchpoint_facts(struct facts *f, const struct design *d, const struct design_touchpoint *t)
{
	facts_reserve(f, 12 + t->n_expectations);
	fact_add(f, "name", SV(""), "%.*s", SV_ARG(t->title));
	fact_add(f, "stage", SV(""), "%.*s", SV_ARG(d->stages[t->stage]));
	fact_add(f, "owner", SV(""), "%.*s",
		SV_ARG(t->owner == DESIGN_NONE ? SV("") : d->departments[t->owner]));
	fact_add(f, "importance", SV(""), "%g", t->importance);
	fact_text(f, "systems", join(f, d, t->systems, t->n_systems, name_of_text));
	fact_text(f, "channels", join(f, d, t->channels, t->n_channels, name_of_channel));
	if (t->required)
		fact_add(f, "required", SV(""), "true");
	if (t->once)
		fact_add(f, "repeat", SV(""), "once");
	fact_text(f, "after", join(f, d, t->after, t->n_after, name_of_touchpoint));
	fact_text(f, "match rules", t->match_text);
	uint32_t index = (uint32_t)(t - d->touchpoints);
	fact_text(f, "counts as purchase", d->loyalty.is_purchase[index] ? SV("yes") : SV("no"));
	fact_text(f, "counts as referral", d->loyalty.is_referral[index] ? SV("yes") : SV("no"));
	for (uint32_t i = 0; i < t->n_expectations; i++)
		expectation_fact(f, d, &d->expectations[t->first_expectation + i]);
}

static void change_add(struct differ *df, enum design_change_kind kind, struct sv touchpoint, struct sv what,
	struct sv before, struct sv after)
{
	if (df->out->n == df->capacity) {
		uint32_t capacity = df->capacity ? df->capacity * 2 : 32;
		struct design_change *items = arena_array(df->a, capacity, sizeof(*items));
		if (!items) {
			df->nomem = true;
			return;
		}
		if (df->out->n > 0)
			memcpy(items, df->out->items, df->out->n * sizeof(*items));
		df->out->items = items;
		df->capacity = capacity;
	}
	touchpoint = arena_copy(df->a, touchpoint);
	what = arena_copy(df->a, what);
	before = arena_copy(df->a, before);
	after = arena_copy(df->a, after);
	df->nomem |= !touchpoint.ptr || !what.ptr || !before.ptr || !after.ptr;
	df->out->items[df->out->n++] = (struct design_change){kind, touchpoint, what, before, after};
}

static const struct fact *fact_find(const struct facts *f, struct sv what)
{
	for (uint32_t i = 0; i < f->n; i++)
		if (sv_equal(f->items[i].what, what))
			return &f->items[i];
	return NULL;
}

static void compare(
	struct differ *df, struct sv touchpoint, const struct facts *before, const struct facts *after)
{
	df->nomem |= before->nomem || after->nomem;
	for (uint32_t i = 0; i < before->n && !df->nomem; i++) {
		const struct fact *b = &before->items[i], *a = fact_find(after, b->what);
		bool changed = a && !sv_equal(a->text, b->text);
		if (!a)
			change_add(df, CHANGE_REMOVED, touchpoint, b->what, b->text, SV(""));
		else if (changed)
			change_add(df, CHANGE_CHANGED, touchpoint, b->what, b->text, a->text);
		df->out->matching_changed |= changed && sv_equal(b->what, SV("match rules"));
		df->out->lifting_changed |= (!a || changed) && sv_starts(b->what, SV("dimension "));
	}
	for (uint32_t i = 0; i < after->n && !df->nomem; i++) {
		const struct fact *a = &after->items[i];
		if (fact_find(before, a->what))
			continue;
		change_add(df, CHANGE_ADDED, touchpoint, a->what, SV(""), a->text);
		df->out->lifting_changed |= sv_starts(a->what, SV("dimension "));
	}
}

// Touch points that both designs have, in another order: another may now win where rules overlap.
static void compare_order(struct differ *df, const struct design *before, const struct design *after)
{
	uint32_t last = 0;
	for (uint32_t i = 0; i < after->n_touchpoints; i++) {
		uint32_t was = design_touchpoint_find(before, after->touchpoints[i].name);
		if (was == DESIGN_NONE)
			continue;
		if (was < last) {
			change_add(df, CHANGE_CHANGED, SV(""), SV("order of touch points"),
				before->touchpoints[last].name, after->touchpoints[i].name);
			df->out->matching_changed = true;
			return;
		}
		last = was;
	}
}

static void compare_touchpoint(
	struct differ *df, const struct design *before, const struct design *after, struct sv name)
{
	struct facts fb = {.a = df->a}, fa = {.a = df->a};
	uint32_t b = design_touchpoint_find(before, name), a = design_touchpoint_find(after, name);
	if (b != DESIGN_NONE && a != DESIGN_NONE) {
		touchpoint_facts(&fb, before, &before->touchpoints[b]);
		touchpoint_facts(&fa, after, &after->touchpoints[a]);
		compare(df, name, &fb, &fa);
		return;
	}
	bool added = b == DESIGN_NONE;
	const struct design_touchpoint *t = added ? &after->touchpoints[a] : &before->touchpoints[b];
	change_add(df, added ? CHANGE_ADDED : CHANGE_REMOVED, name, SV("touch point"),
		added ? SV("") : t->title, added ? t->title : SV(""));
	df->out->matching_changed |= t->match_text.len > 0;
}

enum rc design_diff(const struct design *before, const struct design *after, struct arena *a,
	struct design_changes *out, struct err *e)
{
	*out = (struct design_changes){0};
	struct differ df = {.a = a, .out = out};
	struct facts fb = {.a = a}, fa = {.a = a};
	corridor_facts(&fb, before);
	corridor_facts(&fa, after);
	compare(&df, SV(""), &fb, &fa);
	compare_order(&df, before, after);
	for (uint32_t i = 0; i < before->n_dimensions && before->n_dimensions == after->n_dimensions; i++)
		out->lifting_changed |= !sv_equal(before->dimensions[i], after->dimensions[i]);
	for (uint32_t i = 0; i < before->n_touchpoints && !df.nomem; i++)
		compare_touchpoint(&df, before, after, before->touchpoints[i].name);
	for (uint32_t i = 0; i < after->n_touchpoints && !df.nomem; i++)
		if (design_touchpoint_find(before, after->touchpoints[i].name) == DESIGN_NONE)
			compare_touchpoint(&df, before, after, after->touchpoints[i].name);
	return df.nomem ? err_set(e, RC_NOMEM, "out of memory while comparing two corridor files") : RC_OK;
}
