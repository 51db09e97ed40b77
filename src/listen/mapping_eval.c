// SPDX-License-Identifier: Apache-2.0
// Values of a row: texts, instants, numbers and conditions, by walking the compiled arrays of struct mapping.
// Nothing here allocates except texts that are put together, from the row's scratch arena. Messages begin with
// words that are the same for every row with the same mistake; the offending text comes last, after ": ".
#include "listen/mapping.h"

#include "base/number.h"

#include <math.h>
#include <stdio.h>

const char *mapping_shown(struct sv s, char out[100])
{
	size_t n = 0;
	for (size_t i = 0; i < s.len && n < 80; i++)
		out[n++] = (unsigned char)s.ptr[i] < 0x20 ? ' ' : s.ptr[i];
	if (n < s.len) { // do not cut inside a character
		while (n && ((unsigned char)s.ptr[n] & 0xc0) == 0x80)
			n--;
		memcpy(out + n, "...", 3);
		n += 3;
	}
	out[n] = 0;
	return out;
}

static struct sv ref_name(const struct mapping *m, uint32_t ref)
{
	return ref == NONE32 ? SV("value") : m->refs[ref].name;
}

static bool has_high_bit(struct sv s)
{
	uint64_t high = 0;
	size_t i = 0;
	for (; i + 8 <= s.len; i += 8) {
		uint64_t word;
		memcpy(&word, s.ptr + i, 8);
		high |= word;
	}
	for (; i < s.len; i++)
		high |= (uint64_t)(unsigned char)s.ptr[i];
	return high & 0x8080808080808080u;
}

enum rc mapping_text_check(const struct mapping *m, struct sv name, struct sv *text, struct err *e)
{
	if (!text->len) {
		*text = SV_NONE;
		return RC_OK;
	}
	if (m->empty_lengths >> (text->len > 63 ? 63 : text->len) & 1) {
		for (uint32_t i = 0; i < m->n_empty; i++) {
			if (sv_equal(m->empty[i], *text)) {
				*text = SV_NONE;
				return RC_OK;
			}
		}
	}
	if (has_high_bit(*text) && !sv_utf8_valid(*text, NULL)) {
		err_set(e, RC_INPUT, "column \"%.*s\" is not valid UTF-8", SV_ARG(name));
		err_remedy(
			e, "say csv: {encoding: windows-1252} in the mapping if the file is in that encoding");
		return RC_INPUT;
	}
	return RC_OK;
}

static enum rc load_json(struct mapping_bound *b, uint32_t i, struct json_node root, struct err *e)
{
	const struct ref *r = &b->m->refs[i];
	struct json_node node = r->name.len ? json_path(root, r->name) : root;
	if (node.type == JSON_NONE && memchr(r->name.ptr, '.', r->name.len))
		node = json_get(root, r->name); // a member whose name has dots in it
	b->nodes[i] = node;
	b->texts[i] = json_text(node, b->digits[i]);
	return mapping_text_check(b->m, r->name, &b->texts[i], e);
}

static enum rc load_csv(struct mapping_bound *b, uint32_t i, struct err *e)
{
	uint32_t column = b->columns[i];
	b->texts[i] = column < b->record->n_fields ? b->record->fields[column] : SV_NONE;
	return mapping_text_check(b->m, b->m->refs[i].name, &b->texts[i], e);
}

static struct sv digits_u64(uint64_t v, char out[32])
{
	return (struct sv){out, number_from_u64(v, out)};
}

enum rc mapping_load(struct mapping_bound *b, bool element, struct err *e)
{
	const struct mapping *m = b->m;
	bool json = m->reader.format == RECORD_NDJSON;
	enum rc rc = RC_OK;
	for (uint32_t i = 0; i < m->n_refs && rc == RC_OK; i++) {
		enum ref_kind kind = m->refs[i].kind;
		if (element != (kind == REF_ELEMENT || kind == REF_INDEX))
			continue;
		switch (kind) {
		case REF_COLUMN:
			rc = json ? load_json(b, i, b->record->json, e) : load_csv(b, i, e);
			break;
		case REF_ELEMENT:
			rc = load_json(b, i, b->element, e);
			break;
		case REF_FILE:
			b->texts[i] = b->record->file;
			break;
		case REF_LINE:
			b->texts[i] = digits_u64(b->record->line, b->line_digits);
			break;
		case REF_ROW:
			b->texts[i] = digits_u64(b->record->number, b->row_digits);
			break;
		case REF_INDEX:
			b->texts[i] = digits_u64(b->element_index, b->index_digits);
			break;
		}
	}
	return rc;
}

static bool is_container(const struct mapping_bound *b, uint32_t ref)
{
	return b->nodes && (b->nodes[ref].type == JSON_ARRAY || b->nodes[ref].type == JSON_OBJECT);
}

static enum rc scratch_failed(struct err *e)
{
	err_set(e, RC_NOMEM, "out of memory for the texts made from one row");
	return RC_NOMEM;
}

// Objects and arrays as text are JSON text, made only when somebody asks.
static enum rc ref_text(struct mapping_bound *b, uint32_t ref, struct sv *out, struct err *e)
{
	*out = b->texts[ref];
	if (out->ptr || !is_container(b, ref))
		return RC_OK;
	buf_clear(&b->json);
	json_serialize(b->nodes[ref], &b->json);
	enum rc rc = buf_check(&b->json, e, "a JSON value");
	if (rc != RC_OK)
		return rc;
	*out = b->texts[ref] = arena_copy(b->scratch, buf_view(&b->json));
	return out->ptr ? RC_OK : scratch_failed(e);
}

// A template is absent when any of its columns is.
static enum rc template_text(struct mapping_bound *b, struct range parts, struct sv *out, struct err *e)
{
	const struct part *p = b->m->parts + parts.first;
	size_t n_bytes = 0;
	*out = SV_NONE;
	for (uint32_t i = 0; i < parts.n; i++) {
		struct sv text = p[i].text;
		if (p[i].index != NONE32) {
			enum rc rc = ref_text(b, p[i].index, &text, e);
			if (rc != RC_OK || !text.ptr)
				return rc;
		}
		n_bytes += text.len;
	}
	char *at = arena_alloc(b->scratch, n_bytes ? n_bytes : 1);
	if (!at)
		return scratch_failed(e);
	*out = (struct sv){at, n_bytes};
	for (uint32_t i = 0; i < parts.n; i++) {
		struct sv text = p[i].index == NONE32 ? p[i].text : b->texts[p[i].index];
		memcpy(at, text.ptr, text.len);
		at += text.len;
	}
	return RC_OK;
}

static enum rc join_text(struct mapping_bound *b, const struct op *op, struct sv *out, struct err *e)
{
	struct sv *texts = arena_array(b->scratch, op->range.n, sizeof(*texts));
	if (!texts)
		return scratch_failed(e);
	size_t n_bytes = 0;
	uint32_t n = 0;
	for (uint32_t i = 0; i < op->range.n; i++) {
		enum rc rc = mapping_text(b, &b->m->items[op->range.first + i], &texts[n], e);
		if (rc != RC_OK)
			return rc;
		if (texts[n].ptr)
			n_bytes += texts[n++].len + op->text.len;
	}
	*out = SV_NONE;
	if (!n)
		return RC_OK;
	char *to = arena_alloc(b->scratch, n_bytes);
	if (!to)
		return scratch_failed(e);
	*out = (struct sv){to, n_bytes - op->text.len};
	for (uint32_t i = 0; i < n; i++) {
		memcpy(to, texts[i].ptr, texts[i].len);
		to += texts[i].len;
		if (i + 1 < n && op->text.len) {
			memcpy(to, op->text.ptr, op->text.len);
			to += op->text.len;
		}
	}
	return RC_OK;
}

static enum rc first_text(struct mapping_bound *b, struct range items, struct sv *out, struct err *e)
{
	*out = SV_NONE;
	for (uint32_t i = 0; i < items.n && !out->ptr; i++) {
		enum rc rc = mapping_text(b, &b->m->items[items.first + i], out, e);
		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

static struct sv find(struct sv in, struct sv what)
{
	const char *at = in.len >= what.len ? memmem(in.ptr, in.len, what.ptr, what.len) : NULL;
	return at ? (struct sv){at, what.len} : SV_NONE;
}

static struct sv split_part(struct sv s, struct sv by, int32_t part)
{
	int32_t n = 1;
	struct sv rest = s, hit;
	if (part < 0) {
		for (; (hit = find(rest, by)).ptr; n++)
			rest = (struct sv){hit.ptr + by.len, (size_t)(s.ptr + s.len - hit.ptr) - by.len};
		part = n + 1 + part;
		rest = s;
	}
	for (n = 1; part >= 1; n++) {
		hit = find(rest, by);
		if (n == part)
			return hit.ptr ? (struct sv){rest.ptr, (size_t)(hit.ptr - rest.ptr)} : rest;
		if (!hit.ptr)
			break;
		rest = (struct sv){hit.ptr + by.len, (size_t)(s.ptr + s.len - hit.ptr) - by.len};
	}
	return SV_NONE;
}

static enum rc replace_text(struct mapping_bound *b, const struct op *op, struct sv *s, struct err *e)
{
	size_t n = 0;
	struct sv rest = *s, hit;
	const char *end = s->ptr + s->len;
	for (; (hit = find(rest, op->text)).ptr; n++)
		rest = (struct sv){hit.ptr + hit.len, (size_t)(end - hit.ptr) - hit.len};
	if (!n)
		return RC_OK;
	size_t n_bytes = s->len + n * op->text2.len - n * op->text.len;
	char *to = arena_alloc(b->scratch, n_bytes + 1);
	if (!to)
		return scratch_failed(e);
	struct sv made = {to, n_bytes};
	for (rest = *s; (hit = find(rest, op->text)).ptr;) {
		size_t before = (size_t)(hit.ptr - rest.ptr);
		memcpy(to, rest.ptr, before);
		to += before;
		if (op->text2.len)
			memcpy(to, op->text2.ptr, op->text2.len);
		to += op->text2.len;
		rest = (struct sv){hit.ptr + hit.len, (size_t)(end - hit.ptr) - hit.len};
	}
	memcpy(to, rest.ptr, rest.len);
	*s = made;
	return RC_OK;
}

// ASCII letters only: other letters stay as they are.
static enum rc change_case(struct mapping_bound *b, bool upper, struct sv *s, struct err *e)
{
	char *to = arena_alloc(b->scratch, s->len);
	if (!to)
		return scratch_failed(e);
	char first = upper ? 'a' : 'A';
	for (size_t i = 0; i < s->len; i++) {
		unsigned char c = (unsigned char)s->ptr[i];
		to[i] = (char)((unsigned)c - (unsigned char)first < 26 ? c ^ 0x20 : c);
	}
	s->ptr = to;
	return RC_OK;
}

static enum rc map_text(
	const struct mapping *m, const struct value *v, const struct op *op, struct sv *s, struct err *e)
{
	const struct table *t = &m->tables[op->index];
	uint32_t code = dict_find(t->keys, *s);
	if (code != DICT_NONE) {
		*s = t->texts[code];
		return RC_OK;
	}
	if (op->number == UNLISTED_KEEP)
		return RC_OK;
	if (op->number == UNLISTED_ABSENT) {
		*s = SV_NONE;
		return RC_OK;
	}
	char shown[100];
	err_set(e, RC_INPUT, "column \"%.*s\" holds a value that its table%s%.*s does not list: \"%s\"",
		SV_ARG(ref_name(m, v->ref)), t->name.len ? " " : "", SV_ARG(t->name), mapping_shown(*s, shown));
	err_remedy(e, "add it to the table, or say default: … or unlisted: keep in the mapping");
	return RC_INPUT;
}

static enum rc source_op(struct mapping_bound *b, const struct op *op, struct sv *s, struct err *e)
{
	switch (op->kind) {
	case OP_REF:
		return ref_text(b, op->index, s, e);
	case OP_TEMPLATE:
		return template_text(b, op->range, s, e);
	case OP_JOIN:
		return join_text(b, op, s, e);
	case OP_FIRST:
		return first_text(b, op->range, s, e);
	case OP_CONSTANT:
	case OP_SPLIT:
	case OP_REPLACE:
	case OP_LOWER:
	case OP_UPPER:
	case OP_TRIM:
	case OP_MAP:
	case OP_DEFAULT:
	case OP_REQUIRED:
		break;
	}
	*s = op->text;
	return RC_OK;
}

// Steps that change a present text.
static enum rc change_op(
	struct mapping_bound *b, const struct value *v, const struct op *op, struct sv *s, struct err *e)
{
	switch (op->kind) {
	case OP_SPLIT:
		*s = split_part(*s, op->text, op->number);
		return RC_OK;
	case OP_REPLACE:
		return replace_text(b, op, s, e);
	case OP_LOWER:
	case OP_UPPER:
		return change_case(b, op->kind == OP_UPPER, s, e);
	case OP_TRIM:
		*s = sv_trim(*s);
		return RC_OK;
	case OP_MAP:
		return map_text(b->m, v, op, s, e);
	case OP_CONSTANT:
	case OP_REF:
	case OP_TEMPLATE:
	case OP_JOIN:
	case OP_FIRST:
	case OP_DEFAULT:
	case OP_REQUIRED:
		break;
	}
	return RC_OK;
}

enum rc mapping_text(struct mapping_bound *b, const struct value *v, struct sv *out, struct err *e)
{
	*out = SV_NONE;
	if (!v->ops.n)
		return RC_OK;
	const struct op *op = b->m->ops + v->ops.first;
	enum rc rc = source_op(b, op, out, e);
	if (!out->len)
		*out = SV_NONE;
	for (uint32_t i = 1; i < v->ops.n && rc == RC_OK; i++) {
		op++;
		if (out->ptr) {
			rc = change_op(b, v, op, out, e);
			if (!out->len)
				*out = SV_NONE;
		} else if (op->kind == OP_DEFAULT) {
			*out = op->text;
		} else if (op->kind == OP_REQUIRED) {
			rc = err_set(e, RC_INPUT, "%.*s is required but column \"%.*s\" is empty",
				SV_ARG(op->text), SV_ARG(ref_name(b->m, v->ref)));
		}
	}
	return rc;
}

static int64_t plus_days(const struct tz *tz, int64_t utc_ms, int64_t days)
{
	enum tz_kind kind;
	return tz_to_utc(tz, tz_to_local(tz, utc_ms) + days * INT64_C(86400000), &kind);
}

static enum rc time_compute(struct mapping_bound *b, const struct time_spec *t, int64_t *out, struct err *e)
{
	const struct mapping *m = b->m;
	struct sv text;
	*out = TIME_NONE;
	enum rc rc = mapping_text(b, &t->value, &text, e);
	if (rc != RC_OK || !text.ptr)
		return rc;
	const struct tz *tz = t->zone == NONE32 ? m->design->tz : m->zones[t->zone];
	const struct formats *f = &m->formats[t->formats];
	enum tz_kind kind = TZ_UNIQUE;
	uint32_t i = 0;
	while (i < f->n && !time_parse(f->items[i], tz, text, out, &kind))
		i++;
	if (i == f->n) {
		*out = TIME_NONE;
		char shown[100];
		err_set(e, RC_INPUT, "column \"%.*s\" is no time of the form %.*s: \"%s\"",
			SV_ARG(ref_name(m, t->value.ref)), SV_ARG(f->names), mapping_shown(text, shown));
		err_remedy(e, "correct the value, or add its form to `format:` in the mapping");
		return RC_INPUT;
	}
	b->counts.n_ambiguous_times += kind == TZ_AMBIGUOUS;
	b->counts.n_skipped_times += kind == TZ_SKIPPED;
	if (t->plus_days)
		*out = plus_days(tz, *out, t->plus_days);
	*out += t->plus_ms;
	return RC_OK;
}

enum rc mapping_time(struct mapping_bound *b, uint32_t time, int64_t *out, struct err *e)
{
	*out = TIME_NONE;
	if (time == NONE32)
		return RC_OK;
	const struct time_spec *t = &b->m->times[time];
	struct cached_time *c = &b->times[time];
	if (t->cached && c->row == b->row) {
		*out = c->at_ms;
		return RC_OK;
	}
	enum rc rc = time_compute(b, t, out, e);
	if (rc == RC_OK)
		*c = (struct cached_time){b->row, *out};
	return rc;
}

// Up to 15 digits and a point: both the digits and the power of ten are exact doubles, so one division rounds
// correctly (Clinger 1990, "How to read floating point numbers accurately").
static bool number_fast(struct sv s, double *out)
{
	static const double tens[] = {
		1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
	size_t i = s.len && s.ptr[0] == '-' ? 1 : 0;
	size_t n_digits = 0, n_after = 0;
	bool negative = i, point = false;
	uint64_t digits = 0;
	if (s.len > 17)
		return false;
	for (; i < s.len; i++) {
		unsigned d = (unsigned)(unsigned char)s.ptr[i] - '0';
		if (d < 10) {
			digits = digits * 10 + d;
			n_digits++;
			n_after += point;
		} else if (s.ptr[i] == '.' && !point && n_digits) {
			point = true;
		} else {
			return false;
		}
	}
	if (!n_digits || n_digits > 15 || (point && !n_after))
		return false;
	double v = (double)digits / tens[n_after];
	*out = negative ? -v : v;
	return true;
}

// Takes the thousands separators out and puts a point for the decimal one. Groups between separators must have
// three digits (two are allowed except in the last: 12,34,567), so that "12.5" is not read as 125 when the dot
// separates thousands.
static bool number_plain(struct sv s, char decimal, char thousands, char out[64], size_t *n)
{
	size_t group = 0, n_groups = 0;
	bool fraction = false;
	*n = 0;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];
		bool digit = c >= '0' && c <= '9';
		if (*n == 62)
			return false;
		if (c == thousands && thousands) {
			if (fraction || group == 0 || (n_groups && group != 2 && group != 3))
				return false;
			n_groups++;
			group = 0;
			continue;
		}
		if (n_groups && !digit && !fraction && group != 3)
			return false;
		if (c == decimal)
			fraction = true;
		else if (c == '.')
			return false;
		out[(*n)++] = c == decimal ? '.' : c;
		group += digit;
	}
	return !(n_groups && !fraction && group != 3);
}

double mapping_number_scale(double v, double factor)
{
	double whole = factor > 0 && factor < 1 ? round(1 / factor) : 0;
	return whole > 0 && 1 / whole == factor ? v / whole : v * factor;
}

bool mapping_number_parse(struct sv text, char decimal, char thousands, double *out)
{
	char plain[64];
	text = sv_trim(text);
	if (sv_equal(text, SV("true")) || sv_equal(text, SV("false"))) {
		*out = text.len == 4;
		return true;
	}
	if (decimal != '.' || thousands) {
		size_t n;
		if (!number_plain(text, decimal, thousands, plain, &n))
			return false;
		text = (struct sv){plain, n};
	}
	if (number_fast(text, out))
		return true;
	return text.len && number_to_double(text.ptr, text.len, out) && isfinite(*out);
}

static enum rc seconds_between(
	struct mapping_bound *b, const struct number_spec *n, double *out, bool *present, struct err *e)
{
	int64_t from, to = TIME_NONE;
	enum rc rc = mapping_time(b, n->from, &from, e);
	if (rc == RC_OK)
		rc = mapping_time(b, n->to, &to, e);
	*present = rc == RC_OK && from != TIME_NONE && to != TIME_NONE;
	if (*present)
		*out = (double)(to - from) / 1000.0;
	return rc;
}

static enum rc number_range(const struct mapping *m, const struct number_spec *n, double v, struct err *e)
{
	const struct design_measure *d = &m->design->measures[n->measure];
	if (v >= d->min && v <= d->max)
		return RC_OK;
	char low[NUMBER_TEXT_MAX], high[NUMBER_TEXT_MAX], is[NUMBER_TEXT_MAX];
	number_from_double(d->min, low);
	number_from_double(d->max, high);
	number_from_double(v, is);
	return err_set(e, RC_INPUT, "measure %.*s is outside its range of %s to %s: %s", SV_ARG(d->name), low,
		high, is);
}

enum rc mapping_number(
	struct mapping_bound *b, const struct number_spec *n, double *out, bool *present, struct err *e)
{
	const struct mapping *m = b->m;
	struct sv text = SV_NONE;
	double v = 0;
	enum rc rc;
	*present = false;
	if (n->from != NONE32) {
		rc = seconds_between(b, n, &v, present, e);
	} else {
		rc = mapping_text(b, &n->value, &text, e);
		*present = text.ptr != NULL;
	}
	if (rc != RC_OK || !*present)
		return rc;
	if (n->from == NONE32 && !mapping_number_parse(text, n->decimal, n->thousands, &v)) {
		char shown[100];
		err_set(e, RC_INPUT, "column \"%.*s\" is no number for measure %.*s: \"%s\"",
			SV_ARG(ref_name(m, n->value.ref)), SV_ARG(m->design->measures[n->measure].name),
			mapping_shown(text, shown));
		err_remedy(e, "correct the value, or say decimal:, thousands: or map: in the mapping");
		return RC_INPUT;
	}
	v = mapping_number_scale(v, n->factor);
	*out = n->whole ? round(v) : v;
	return number_range(m, n, *out, e);
}

static bool cond_texts(const struct mapping *m, const struct cond *c, struct sv s)
{
	for (uint32_t i = 0; i < c->range.n; i++) {
		struct sv t = m->texts[c->range.first + i];
		bool hit = c->kind == COND_IS       ? sv_equal(t, s)
			   : c->kind == COND_STARTS ? sv_starts(s, t)
			   : c->kind == COND_ENDS   ? sv_ends(s, t)
						    : find(s, t).ptr != NULL;
		if (hit)
			return true;
	}
	return false;
}

static enum rc cond_number(struct mapping_bound *b, const struct cond *c, struct sv s, bool *out, struct err *e)
{
	double v;
	if (!mapping_number_parse(s, '.', 0, &v)) {
		char shown[100];
		return err_set(e, RC_INPUT, "column \"%.*s\" is compared with a number but is none: \"%s\"",
			SV_ARG(ref_name(b->m, c->index)), mapping_shown(s, shown));
	}
	*out = c->kind == COND_AT_LEAST  ? v >= c->number
	       : c->kind == COND_AT_MOST ? v <= c->number
	       : c->kind == COND_ABOVE   ? v > c->number
					 : v < c->number;
	return RC_OK;
}

// all, any, not. Depth is bounded when compiling.
static enum rc cond_group(struct mapping_bound *b, const struct cond *c, bool *out, struct err *e)
{
	bool until = c->kind == COND_ANY; // the answer of one item that decides
	bool hit = !until;
	for (uint32_t i = 0; i < c->range.n && hit != until; i++) {
		enum rc rc = mapping_cond(b, b->m->cond_items[c->range.first + i], &hit, e);
		if (rc != RC_OK)
			return rc;
	}
	*out = c->kind == COND_NOT ? !hit : hit;
	return RC_OK;
}

enum rc mapping_cond(struct mapping_bound *b, uint32_t cond, bool *out, struct err *e)
{
	const struct cond *c = &b->m->conds[cond];
	if (c->kind == COND_ALL || c->kind == COND_ANY || c->kind == COND_NOT)
		return cond_group(b, c, out, e);
	struct sv s = b->texts[c->index];
	bool present = s.ptr || is_container(b, c->index);
	*out = c->kind == COND_ABSENT ? !present : c->kind == COND_PRESENT && present;
	if (c->kind == COND_ABSENT || c->kind == COND_PRESENT || !s.ptr)
		return RC_OK;
	if (c->kind >= COND_AT_LEAST)
		return cond_number(b, c, s, out, e);
	*out = cond_texts(b->m, c, s);
	return RC_OK;
}
