// SPDX-License-Identifier: Apache-2.0
// Compiles times (formats, zone, what is added) and numbers (separators, unit, seconds between two times).
#include "base/mem.h"
#include "listen/mapping_compile.h"

#include <math.h>
#include <stdio.h>

#define FORMATS_MAX 256u
#define ZONES_MAX 64u

// --- zones and formats: few, kept in arrays of the mapping ---

enum rc compile_zone(struct compiler *c, const struct yaml_node *node, uint32_t *out)
{
	struct mapping *m = c->m;
	struct sv name;
	enum rc rc = compile_text(c, node, "timezone", &name);
	if (rc != RC_OK)
		return rc;
	for (uint32_t i = 0; i < m->n_zones; i++) {
		if (sv_equal(sv_from(tz_name(m->zones[i])), name)) {
			*out = i;
			return RC_OK;
		}
	}
	if (!m->zones)
		m->zones = arena_array(m->arena, ZONES_MAX, sizeof(struct tz *));
	if (!m->zones)
		return compile_no_memory(c);
	if (m->n_zones == ZONES_MAX)
		return compile_fail(c, node, "more than %u time zones", ZONES_MAX);
	rc = tz_open(name, &m->zones[m->n_zones], c->e);
	if (rc != RC_OK) {
		err_place(c->e, c->file_name, node->line, node->column);
		return rc;
	}
	*out = m->n_zones++;
	return RC_OK;
}

static struct sv names_joined(struct arena *a, const struct sv *texts, uint32_t n)
{
	struct sv joined = texts[0];
	for (uint32_t i = 1; i < n && joined.ptr; i++)
		joined = arena_printf(a, "%.*s or %.*s", SV_ARG(joined), SV_ARG(texts[i]));
	return joined;
}

enum rc compile_formats(struct compiler *c, const struct yaml_node *node, uint32_t *out)
{
	struct mapping *m = c->m;
	struct sv iso = SV("ISO"), *texts = &iso;
	uint32_t n = 1;
	enum rc rc = node ? compile_texts(c, node, "format", &texts, &n) : RC_OK;
	if (rc != RC_OK)
		return rc;
	if (!n || n > MAPPING_FORMATS_MAX)
		return compile_fail(c, node, "give from 1 to %u time formats", MAPPING_FORMATS_MAX);
	struct sv names = names_joined(m->arena, texts, n);
	if (!names.ptr)
		return compile_no_memory(c);
	for (uint32_t i = 0; i < m->n_formats; i++) {
		if (sv_equal(m->formats[i].names, names)) {
			*out = i;
			return RC_OK;
		}
	}
	if (!m->formats)
		m->formats = arena_array(m->arena, FORMATS_MAX, sizeof(*m->formats));
	if (!m->formats)
		return compile_no_memory(c);
	if (m->n_formats == FORMATS_MAX)
		return compile_fail(c, node, "more than %u different time formats", FORMATS_MAX);
	struct formats *f = &m->formats[m->n_formats];
	f->names = names;
	f->items = arena_array(m->arena, n, sizeof(struct time_format *));
	if (!f->items)
		return compile_no_memory(c);
	*out = m->n_formats++;
	for (; f->n < n; f->n++) {
		rc = time_format_compile(texts[f->n], &f->items[f->n], c->e);
		if (rc != RC_OK) {
			const struct yaml_node *at =
				node && node->kind == YAML_IS_LIST ? node->items[f->n] : node;
			if (at)
				err_place(c->e, c->file_name, at->line, at->column);
			return rc;
		}
	}
	return RC_OK;
}

// --- times ---

// "15d" and "2w" are calendar days; everything else is exact.
static enum rc compile_plus(struct compiler *c, const struct yaml_node *node, struct time_spec *t)
{
	struct sv text, number;
	int64_t n;
	double seconds;
	enum rc rc = compile_text(c, node, "plus", &text);
	if (rc != RC_OK)
		return rc;
	number = text.len ? (struct sv){text.ptr, text.len - 1} : text;
	if (text.len && (text.ptr[text.len - 1] == 'd' || text.ptr[text.len - 1] == 'w') &&
		sv_to_i64(sv_trim(number), &n) && n >= -36500 && n <= 36500) {
		t->plus_days = n * (text.ptr[text.len - 1] == 'w' ? 7 : 1);
		return RC_OK;
	}
	rc = design_quantity_parse(c->d, text, SV("s"), &seconds, c->e);
	if (rc != RC_OK) {
		err_place(c->e, c->file_name, node->line, node->column);
		return rc;
	}
	if (!(fabs(seconds) <= 36500.0 * 86400))
		return compile_fail(c, node, "plus is more than 36500 days");
	t->plus_ms = (int64_t)round(seconds * 1000);
	return RC_OK;
}

// A time that is the same in every row is hardly ever meant: it must at least be a time.
static enum rc constant_time(
	struct compiler *c, const struct yaml_node *node, const char *what, const struct time_spec *t)
{
	const struct mapping *m = c->m;
	struct sv text = compile_op(c, t->value.ops.first)->text;
	const struct formats *f = &m->formats[t->formats];
	const struct tz *tz = t->zone == NONE32 ? c->d->tz : m->zones[t->zone];
	int64_t at_ms;
	enum tz_kind kind;
	for (uint32_t i = 0; i < f->n; i++) {
		if (time_parse(f->items[i], tz, text, &at_ms, &kind))
			return RC_OK;
	}
	compile_fail(c, node, "%s is the text \"%.*s\" in every row, which is no time of the form %.*s", what,
		SV_ARG(text), SV_ARG(f->names));
	err_remedy(c->e, "a column is written in braces: \"{%.*s}\"", SV_ARG(text));
	return RC_INPUT;
}

// The same plain column read in the same way is one time, parsed (and counted) once per row. NONE32: not yet there.
static uint32_t time_known(const struct compiler *c, const struct time_spec *t)
{
	const struct op *op = compile_op(c, t->value.ops.first);
	const struct list *l = &c->lists[LIST_TIMES];
	if (!t->cached || t->value.ops.n != 1 || op->kind != OP_REF)
		return NONE32;
	for (uint32_t i = 0; i < l->n; i++) {
		const struct time_spec *o = (const struct time_spec *)l->items + i;
		const struct op *other = compile_op(c, o->value.ops.first);
		if (o->value.ops.n == 1 && other->kind == OP_REF && other->index == op->index &&
			o->formats == t->formats && o->zone == t->zone && o->plus_days == t->plus_days &&
			o->plus_ms == t->plus_ms)
			return i;
	}
	return NONE32;
}

enum rc compile_time(struct compiler *c, const struct yaml_node *node, const char *what, uint32_t *out)
{
	struct time_spec t = {.formats = c->default_formats, .zone = c->m->zone};
	struct keys k = {0};
	bool row_only = c->row_only;
	c->row_only = true;
	enum rc rc;
	if (node->kind == YAML_IS_MAP) {
		rc = compile_keys(c, IN_TIME, node, &k);
		if (rc == RC_OK)
			rc = compile_value_keys(c, node, &k, what, &t.value);
	} else {
		rc = compile_value(c, node, what, &t.value);
	}
	t.cached = c->row_only;
	c->row_only &= row_only;
	if (rc == RC_OK && k.of[KEY_TIME_FORMAT])
		rc = compile_formats(c, k.of[KEY_TIME_FORMAT], &t.formats);
	if (rc == RC_OK && k.of[KEY_TIME_ZONE])
		rc = compile_zone(c, k.of[KEY_TIME_ZONE], &t.zone);
	if (rc == RC_OK && k.of[KEY_PLUS])
		rc = compile_plus(c, k.of[KEY_PLUS], &t);
	if (rc == RC_OK && compile_is_constant(c, &t.value))
		rc = constant_time(c, node, what, &t);
	if (rc != RC_OK)
		return rc;
	*out = time_known(c, &t);
	return *out == NONE32 ? compile_add(c, LIST_TIMES, &t, 1, out) : RC_OK;
}

// --- numbers ---

static enum rc one_character(struct compiler *c, const struct yaml_node *node, const char *what, char *out)
{
	struct sv text;
	enum rc rc = compile_text(c, node, what, &text);
	if (rc == RC_OK && (text.len != 1 || (text.ptr[0] >= '0' && text.ptr[0] <= '9') || text.ptr[0] == '-'))
		rc = compile_fail(c, node, "%s must be one character that is no digit", what);
	if (rc == RC_OK)
		*out = text.ptr[0];
	return rc;
}

// How much one of the column's unit is in the measure's: the corridor file's own quantities say it.
static enum rc compile_unit(struct compiler *c, const struct yaml_node *node, struct number_spec *n)
{
	const struct design_measure *d = &c->d->measures[n->measure];
	struct sv unit;
	char one[64];
	enum rc rc = compile_text(c, node, "unit", &unit);
	if (rc != RC_OK)
		return rc;
	n->factor = 1;
	if (sv_equal(unit, d->unit))
		return RC_OK;
	if (!unit.len || unit.len > sizeof(one) - 3 || (unit.ptr[0] >= '0' && unit.ptr[0] <= '9'))
		return compile_fail(c, node, "\"%.*s\" is no unit", SV_ARG(unit));
	snprintf(one, sizeof(one), "1 %.*s", SV_ARG(unit));
	struct err first = ERR_NONE;
	if (design_quantity_parse(c->d, sv_from(one), d->unit, &n->factor, &first) == RC_OK)
		return RC_OK;
	snprintf(one, sizeof(one), "1%.*s", SV_ARG(unit));
	if (design_quantity_parse(c->d, sv_from(one), d->unit, &n->factor, NULL) == RC_OK)
		return RC_OK;
	compile_fail(c, node, "unit \"%.*s\" cannot be converted to that of measure %.*s, which is %.*s",
		SV_ARG(unit), SV_ARG(d->name), SV_ARG(d->unit));
	if (first.remedy[0])
		err_remedy(c->e, "%s", first.remedy);
	return RC_INPUT;
}

static enum rc compile_between(
	struct compiler *c, const struct yaml_node *node, const struct keys *k, struct number_spec *n)
{
	const struct yaml_node *pair = k->of[KEY_SECONDS_BETWEEN];
	const struct design_measure *d = &c->d->measures[n->measure];
	if (pair->kind != YAML_IS_LIST || pair->n != 2) {
		compile_fail(c, pair, "seconds between needs two times");
		err_remedy(c->e, "write it like [\"{From}\", \"{To}\"]");
		return RC_INPUT;
	}
	if (node->n != 1)
		return compile_fail(c, node, "seconds between stands alone");
	if (!sv_equal(d->unit, SV("s")))
		return compile_fail(c, pair, "measure %.*s is not in seconds but in %.*s", SV_ARG(d->name),
			SV_ARG(d->unit));
	enum rc rc = compile_time(c, pair->items[0], "seconds between", &n->from);
	return rc == RC_OK ? compile_time(c, pair->items[1], "seconds between", &n->to) : rc;
}

// A number written in the mapping itself is a quantity like those of the corridor file ("2min"); it is checked now.
static enum rc constant_number(struct compiler *c, const struct yaml_node *node, struct number_spec *n)
{
	const struct op *op = compile_op(c, n->value.ops.first);
	const struct design_measure *d = &c->d->measures[n->measure];
	double v;
	if (!mapping_number_parse(op->text, n->decimal, n->thousands, &v)) {
		struct err quantity = ERR_NONE;
		if (design_quantity_parse(c->d, op->text, d->unit, &v, &quantity) != RC_OK) {
			compile_fail(c, node,
				"measure %.*s is the text \"%.*s\" in every row, which is no number",
				SV_ARG(d->name), SV_ARG(op->text));
			err_remedy(c->e, "a column is written in braces: \"{%.*s}\"", SV_ARG(op->text));
			return RC_INPUT;
		}
		struct sv text = arena_printf(c->m->arena, "%.17g", v);
		if (!text.ptr)
			return compile_no_memory(c);
		((struct op *)c->lists[LIST_OPS].items)[n->value.ops.first].text = text;
		n->factor = 1;
	}
	v = mapping_number_scale(v, n->factor);
	if (v < d->min || v > d->max)
		return compile_fail(c, node, "measure %.*s is outside its range of %g to %g", SV_ARG(d->name),
			d->min, d->max);
	return RC_OK;
}

enum rc compile_number(struct compiler *c, const struct yaml_node *node, uint32_t measure, uint32_t *out)
{
	struct number_spec n = {.from = NONE32, .to = NONE32, .decimal = '.', .factor = 1, .measure = measure};
	const struct design_measure *d = &c->d->measures[measure];
	struct keys k = {0};
	char what[128];
	snprintf(what, sizeof(what), "measure %.*s", SV_ARG(d->name));
	n.whole = sv_equal(d->unit, SV("minor"));
	if (n.whole)
		n.factor = pow(10, c->d->currency_digits);
	enum rc rc = RC_OK;
	if (node->kind == YAML_IS_MAP) {
		rc = compile_keys(c, IN_NUMBER, node, &k);
		if (rc == RC_OK && k.of[KEY_SECONDS_BETWEEN]) {
			rc = compile_between(c, node, &k, &n);
			return rc == RC_OK ? compile_add(c, LIST_NUMBERS, &n, 1, out) : rc;
		}
		if (rc == RC_OK)
			rc = compile_value_keys(c, node, &k, what, &n.value);
	} else {
		rc = compile_value(c, node, what, &n.value);
	}
	if (rc == RC_OK && k.of[KEY_DECIMAL])
		rc = one_character(c, k.of[KEY_DECIMAL], "decimal", &n.decimal);
	if (rc == RC_OK && k.of[KEY_THOUSANDS])
		rc = one_character(c, k.of[KEY_THOUSANDS], "thousands", &n.thousands);
	if (rc == RC_OK && n.decimal == n.thousands)
		rc = compile_fail(c, k.of[KEY_THOUSANDS], "decimal and thousands are the same character");
	if (rc == RC_OK && k.of[KEY_UNIT])
		rc = compile_unit(c, k.of[KEY_UNIT], &n);
	if (rc == RC_OK && compile_is_constant(c, &n.value))
		rc = constant_number(c, node, &n);
	return rc == RC_OK ? compile_add(c, LIST_NUMBERS, &n, 1, out) : rc;
}
