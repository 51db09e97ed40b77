// SPDX-License-Identifier: Apache-2.0
// Strata of the analysis `effect`: interactions are compared with those that agree in every match field.
#include "measure/effect.h"

#define FIELDS_MAX 6u
#define DAY_MS INT64_C(86400000)

enum field_kind { FIELD_CODES, FIELD_TIME, FIELD_TENURE, FIELD_PRIOR };

struct field {
	enum field_kind kind;
	struct attribute attribute;
	struct tz_buckets buckets;
	uint32_t n_values, stride;
};

struct match {
	uint32_t n_fields, n_strata;
	struct field fields[FIELDS_MAX];
};

static const struct {
	const char *name;
	enum tz_unit unit;
} units[] = {{"hour", TZ_HOUR}, {"day", TZ_DAY}, {"week", TZ_WEEK}, {"month", TZ_MONTH},
	{"quarter", TZ_QUARTER}, {"year", TZ_YEAR}};

// Days since the first interaction, and interactions before this one: upper ends of the classes, the last is open.
static const int64_t tenure_days[] = {1, 7, 30, 90, 180, 365, 730};
static const uint32_t prior_counts[] = {0, 1, 3, 7, 15, 31, 63, 127};
#define N_TENURE (sizeof(tenure_days) / sizeof(tenure_days[0]) + 1)
#define N_PRIOR (sizeof(prior_counts) / sizeof(prior_counts[0]) + 1)

static enum rc open_time(struct run *run, struct field *f, enum tz_unit unit, struct err *e)
{
	int64_t from = run->stats.first_ms, to = run->stats.last_ms;
	if (from == TIME_NONE || to == TIME_NONE)
		from = to = 0;
	f->kind = FIELD_TIME;
	enum rc rc = tz_buckets_make(run->design->tz, unit, from, to + 1, run->scratch, &f->buckets, e);
	f->n_values = f->buckets.n;
	return rc;
}

static enum rc open_attribute(struct run *run, struct sv name, struct field *f, struct err *e)
{
	struct err local = ERR_NONE;
	enum rc rc = attribute_open(run, name, &f->attribute, &local);
	if (rc == RC_NOMEM)
		return err_take(e, &local);
	if (rc != RC_OK || f->attribute.kind != ATTRIBUTE_CODES) {
		err_set(e, RC_USAGE, "--match: cannot match by “%.*s”", SV_ARG(name));
		err_remedy(e, "match by names (touchpoint, channel, …), hour to year, tenure, prior; or none");
		return RC_USAGE;
	}
	f->kind = FIELD_CODES;
	f->n_values = f->attribute.n_values;
	run_want_code(run, f->attribute.column);
	return RC_OK;
}

static enum rc open_field(struct run *run, struct sv name, struct field *f, struct err *e)
{
	if (sv_equal(name, SV("tenure"))) {
		*f = (struct field){.kind = FIELD_TENURE, .n_values = N_TENURE};
		return RC_OK;
	}
	if (sv_equal(name, SV("prior"))) {
		*f = (struct field){.kind = FIELD_PRIOR, .n_values = N_PRIOR};
		return RC_OK;
	}
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (sv_equal(name, sv_from(units[i].name)))
			return open_time(run, f, units[i].unit, e);
	return open_attribute(run, name, f, e);
}

enum rc match_open(struct run *run, struct sv text, struct match **out, struct err *e)
{
	struct match *m = arena_alloc(run->scratch, sizeof(*m));
	*out = m;
	if (!m)
		return err_set(e, RC_NOMEM, "out of memory for strata");
	m->n_strata = 1;
	struct sv rest = sv_equal(sv_trim(text), SV("none")) ? SV_NONE : text;
	while (rest.ptr) {
		struct sv name = sv_trim(sv_cut(rest, ',', &rest));
		if (m->n_fields == FIELDS_MAX)
			return err_set(e, RC_USAGE, "--match names more than %u fields", FIELDS_MAX);
		struct field *f = &m->fields[m->n_fields++];
		enum rc rc = open_field(run, name, f, e);
		if (rc != RC_OK)
			return rc;
		f->stride = m->n_strata;
		if (__builtin_mul_overflow(m->n_strata, f->n_values, &m->n_strata) ||
			m->n_strata > STRATA_MAX) {
			err_set(e, RC_LIMIT, "--match %.*s makes more than %u strata", SV_ARG(text),
				STRATA_MAX);
			err_remedy(e, "match by fewer fields, or by a longer time");
			return RC_LIMIT;
		}
	}
	return RC_OK;
}

bool match_by_journey(const struct match *m)
{
	for (uint32_t i = 0; i < m->n_fields; i++)
		if (m->fields[i].kind == FIELD_TENURE || m->fields[i].kind == FIELD_PRIOR)
			return true;
	return false;
}

uint32_t match_strata(const struct match *m)
{
	return m->n_strata;
}

static uint32_t code_value(const struct attribute *a, const struct span *span, uint32_t row)
{
	const uint32_t *code = a->column < CODE_COLUMNS ? span->code[a->column] : NULL;
	uint32_t c = code ? code[row] : 0;
	c = c < a->n_codes ? c : 0;
	return a->map ? a->map[c] : c;
}

static uint32_t tenure_class(int64_t ms)
{
	uint32_t k = 0;
	while (k < N_TENURE - 1 && ms >= tenure_days[k] * DAY_MS)
		k++;
	return k;
}

static uint32_t prior_class(uint32_t n)
{
	uint32_t k = 0;
	while (k < N_PRIOR - 1 && n > prior_counts[k])
		k++;
	return k;
}

static uint32_t field_value(const struct field *f, const struct span *span, uint32_t first, uint32_t row)
{
	switch (f->kind) {
	case FIELD_CODES:
		return code_value(&f->attribute, span, row);
	case FIELD_TIME:
		return tz_bucket_of(&f->buckets, span->at[row]);
	case FIELD_TENURE:
		return tenure_class(span->at[row] - span->at[first]);
	case FIELD_PRIOR:
		break;
	}
	return prior_class(row - first);
}

uint32_t match_stratum(const struct match *m, const struct span *span, uint32_t first, uint32_t row)
{
	uint32_t stratum = 0;
	for (uint32_t i = 0; i < m->n_fields; i++)
		stratum += m->fields[i].stride * field_value(&m->fields[i], span, first, row);
	return stratum;
}
