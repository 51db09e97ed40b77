// SPDX-License-Identifier: Apache-2.0
// A mapping at work: bound to the columns of a file, then row by row. All interactions of a row are made in slots
// that are kept from row to row; only when the whole row is understood are they handed on, so that a row is all or
// nothing.
#include "listen/mapping.h"

#include "base/mem.h"

#include <assert.h>
#include <stdio.h>

#define JSON_TEXT_MAX (32u << 20)

// --- binding ---

static enum rc no_memory(struct err *e)
{
	return err_set(e, RC_NOMEM, "out of memory for the mapping");
}

static void remedy_columns(const struct sv *header, uint32_t n, struct sv name, struct err *e)
{
	uint32_t best = 0;
	unsigned distance = UINT32_MAX;
	for (uint32_t i = 0; i < n; i++) {
		unsigned d = sv_equal_nocase(sv_trim(header[i]), name) ? 0 : sv_distance(header[i], name);
		if (d < distance) {
			distance = d;
			best = i;
		}
	}
	char guess[160] = "", list[256];
	if (n && distance <= 1 + name.len / 3)
		snprintf(guess, sizeof(guess), "did you mean \"%.*s\"? ", SV_ARG(header[best]));
	size_t len = 0;
	for (uint32_t i = 0; i < n && len + header[i].len + 8 < sizeof(list); i++) {
		memcpy(list + len, i ? ", " : "", i ? 2 : 0);
		len += i ? 2 : 0;
		memcpy(list + len, header[i].ptr, header[i].len);
		len += header[i].len;
	}
	err_remedy(e, "%sit has: %.*s; {column: …, optional: true} allows a column to be missing", guess,
		(int)len, list);
}

static enum rc column_bind(
	struct mapping_bound *b, const struct sv *header, uint32_t n, uint32_t ref, struct err *e)
{
	const struct ref *r = &b->m->refs[ref];
	uint32_t at = NONE32;
	for (uint32_t i = 0; i < n; i++) {
		if (!sv_equal(header[i], r->name))
			continue;
		if (at != NONE32) {
			err_set(e, RC_INPUT, "the file has two columns named \"%.*s\": numbers %u and %u",
				SV_ARG(r->name), at + 1, i + 1);
			err_remedy(e, "name the columns in the mapping: csv: {header: false, columns: [...]}");
			goto placed;
		}
		at = i;
	}
	b->columns[ref] = at;
	if (at != NONE32 || !r->required)
		return RC_OK;
	err_set(e, RC_INPUT, "the file has no column \"%.*s\"", SV_ARG(r->name));
	remedy_columns(header, n, r->name, e);
placed:
	if (e) {
		char file[256];
		size_t len = b->m->file_name.len < 255 ? b->m->file_name.len : 255;
		memcpy(file, b->m->file_name.ptr, len);
		file[len] = 0;
		err_place(e, file, r->line, r->column);
	}
	return RC_INPUT;
}

static enum rc identities_bind(struct mapping_bound *b, struct err *e)
{
	bool wanted = false;
	for (uint32_t i = 0; i < b->m->n_rules; i++)
		wanted |= b->m->rules[i].n_whole > 0;
	if (wanted)
		b->identity_parser = json_parser_new(MAPPING_JSON_MAX);
	return wanted && !b->identity_parser ? no_memory(e) : RC_OK;
}

static enum rc refs_bind(struct mapping_bound *b, const struct sv *header, struct err *e)
{
	const struct mapping *m = b->m;
	enum rc rc = RC_OK;
	for (uint32_t i = 0; i < m->n_refs && rc == RC_OK; i++) {
		b->columns[i] = NONE32;
		if (m->refs[i].kind == REF_COLUMN && m->reader.format == RECORD_CSV)
			rc = column_bind(b, header, b->n_columns, i, e);
	}
	return rc;
}

enum rc mapping_bind(const struct mapping *m, const struct sv *header, uint32_t n_columns,
	struct mapping_bound **out, struct err *e)
{
	assert(m->magic == MAPPING_MAGIC);
	*out = NULL;
	struct mapping_bound *b = mem_calloc(1, sizeof(*b));
	if (!b)
		return no_memory(e);
	b->magic = MAPPING_MAGIC;
	b->m = m;
	b->n_columns = header ? n_columns : 0;
	b->arena = arena_new(0);
	b->scratch = arena_new(MAPPING_SCRATCH_MAX);
	b->json = buf_new(JSON_TEXT_MAX);
	enum rc rc = b->arena && b->scratch ? RC_OK : no_memory(e);
	if (rc != RC_OK)
		goto out;
	b->columns = arena_array(b->arena, m->n_refs + 1, sizeof(*b->columns));
	b->texts = arena_array(b->arena, m->n_refs + 1, sizeof(*b->texts));
	b->times = arena_array(b->arena, m->n_times + 1, sizeof(*b->times));
	rc = b->columns && b->texts && b->times ? RC_OK : no_memory(e);
	if (rc == RC_OK && m->reader.format == RECORD_NDJSON) {
		b->nodes = arena_array(b->arena, m->n_refs + 1, sizeof(*b->nodes));
		b->digits = arena_array(b->arena, m->n_refs + 1, sizeof(*b->digits));
		rc = b->nodes && b->digits ? RC_OK : no_memory(e);
	}
	if (rc == RC_OK)
		rc = refs_bind(b, header, e);
	if (rc == RC_OK)
		rc = identities_bind(b, e);
	if (rc == RC_OK)
		rc = mapping_sets_bind(b, header, e);
out:
	if (rc == RC_OK)
		*out = b;
	else
		mapping_bound_free(&b);
	return rc;
}

void mapping_bound_free(struct mapping_bound **b)
{
	struct mapping_bound *x = *b;
	if (!x)
		return;
	assert(x->magic == MAPPING_MAGIC);
	arena_free(&x->arena);
	arena_free(&x->scratch);
	buf_free(&x->properties);
	buf_free(&x->json);
	json_parser_free(&x->property_parser);
	json_parser_free(&x->identity_parser);
	mem_free(x->slots);
	mem_free(x);
	*b = NULL;
}

// --- one interaction ---

// An empty slot at the end; NULL with *rc set when there is none.
static struct slot *slot_next(struct mapping_bound *b, enum rc *rc, struct err *e)
{
	if (b->n_slots == MAPPING_ROW_MAX) {
		*rc = err_set(e, RC_INPUT, "one row gives more than %u interactions", MAPPING_ROW_MAX);
		return NULL;
	}
	size_t before = b->capacity;
	void *slots = b->slots;
	if (mem_grow(&slots, &b->capacity, b->n_slots + 1, sizeof(*b->slots))) {
		*rc = no_memory(e);
		return NULL;
	}
	b->slots = slots;
	if (b->capacity > before)
		memset(b->slots + before, 0, (b->capacity - before) * sizeof(*b->slots));
	struct slot *slot = &b->slots[b->n_slots];
	struct interaction *x = &slot->x;
	const struct design *d = b->m->design;
	x->n_identities = x->n_measures = 0;
	x->touchpoint = TOUCHPOINT_NONE;
	memset(x->paths, 0, d->n_paths * sizeof(x->paths[0]));
	memset(x->dimensions, 0, d->n_dimensions * sizeof(x->dimensions[0]));
	slot->properties_at = slot->properties_len = 0;
	return slot;
}

static enum rc required(const struct mapping *m, const char *what, uint32_t ref, struct err *e)
{
	struct sv name = ref == NONE32 ? SV_NONE : m->refs[ref].name;
	if (name.ptr)
		return err_set(e, RC_INPUT, "%s is required but column \"%.*s\" is empty", what, SV_ARG(name));
	return err_set(e, RC_INPUT, "%s is required but has no value", what);
}

static enum rc map_texts(struct mapping_bound *b, const struct rule *r, struct interaction *x, struct err *e)
{
	const struct {
		const struct value *value;
		struct sv *out;
	} fields[] = {{&r->event, &x->event}, {&r->id, &x->id}, {&r->source, &x->source},
		{&r->channel, &x->channel}, {&r->agent, &x->agent}, {&r->location, &x->location},
		{&r->text, &x->text}, {&r->promise, &x->promise}, {&r->keeps, &x->keeps}};
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		enum rc rc = mapping_text(b, fields[i].value, fields[i].out, e);
		if (rc != RC_OK)
			return rc;
	}
	if (!x->event.ptr)
		return required(b->m, "event", r->event.ref, e);
	if (x->channel.ptr && !r->channel_known &&
		design_channel_find(b->m->design, x->channel) == DESIGN_NONE) {
		char shown[100];
		err_set(e, RC_INPUT, "channel is not declared in the corridor file: \"%s\"",
			mapping_shown(x->channel, shown));
		err_remedy(e, "declare it under channels:, or map it to a declared one in the mapping");
		return RC_INPUT;
	}
	return RC_OK;
}

static enum rc bad_identity(const struct mapping *m, const struct value *v, struct sv text, struct err *e)
{
	char shown[100];
	err_set(e, RC_INPUT, "column \"%.*s\" is no identity of the form type:value: \"%s\"",
		SV_ARG(v->ref == NONE32 ? SV("customer") : m->refs[v->ref].name), mapping_shown(text, shown));
	return RC_INPUT;
}

// One identity "type:value"; the same again is left out.
static enum rc identity_add(
	struct mapping_bound *b, const struct value *v, struct sv text, struct interaction *x, struct err *e)
{
	struct identity id;
	id.type = sv_cut(text, ':', &id.value);
	if (!id.type.len || !id.value.len)
		return bad_identity(b->m, v, text, e);
	for (uint32_t i = 0; i < x->n_identities; i++) {
		if (sv_equal(x->identities[i].type, id.type) && sv_equal(x->identities[i].value, id.value))
			return RC_OK;
	}
	if (x->n_identities == INTERACTION_IDENTITIES_MAX)
		return err_set(e, RC_INPUT, "more than %d identities", INTERACTION_IDENTITIES_MAX);
	x->identities[x->n_identities++] = id;
	return RC_OK;
}

static enum rc identity_list(
	struct mapping_bound *b, const struct value *v, struct sv text, struct interaction *x, struct err *e)
{
	struct json_node root;
	struct err why = ERR_NONE;
	char digits[32];
	enum rc rc = json_parse(b->identity_parser, text, &root, &why);
	if (rc == RC_NOMEM)
		return err_take(e, &why);
	if (rc != RC_OK || root.type != JSON_ARRAY)
		return bad_identity(b->m, v, text, e);
	rc = RC_OK;
	for (struct json_iter it = json_iter(root); rc == RC_OK && json_next(&it);) {
		// The parser's texts are gone with the next list.
		struct sv one = arena_copy(b->scratch, json_text(it.value, digits));
		rc = one.ptr ? identity_add(b, v, one, x, e) : bad_identity(b->m, v, text, e);
	}
	return rc;
}

static enum rc map_whole_identities(
	struct mapping_bound *b, const struct rule *r, struct interaction *x, struct err *e)
{
	for (uint32_t i = 0; i < r->n_whole; i++) {
		const struct value *v = &r->whole[i];
		struct sv text;
		enum rc rc = mapping_text(b, v, &text, e);
		if (rc == RC_OK && text.ptr)
			rc = text.ptr[0] == '[' ? identity_list(b, v, text, x, e)
						: identity_add(b, v, text, x, e);
		if (rc != RC_OK)
			return rc;
	}
	return x->n_identities ? RC_OK : required(b->m, "customer", r->whole[0].ref, e);
}

static enum rc map_identities(
	struct mapping_bound *b, const struct rule *r, struct interaction *x, struct err *e)
{
	if (r->n_whole)
		return map_whole_identities(b, r, x, e);
	for (uint32_t i = 0; i < r->n_identities; i++) {
		struct sv value;
		enum rc rc = mapping_text(b, &r->identities[i].value, &value, e);
		if (rc != RC_OK)
			return rc;
		if (value.ptr)
			x->identities[x->n_identities++] = (struct identity){r->identities[i].type, value};
	}
	return x->n_identities ? RC_OK : required(b->m, "customer", r->identities[0].value.ref, e);
}

static enum rc map_times(struct mapping_bound *b, const struct rule *r, int64_t received_ms,
	struct interaction *x, struct err *e)
{
	x->received_ms = received_ms;
	x->due_ms = TIME_NONE;
	enum rc rc = mapping_time(b, r->at, &x->at_ms, e);
	if (rc == RC_OK && x->at_ms == TIME_NONE)
		rc = required(b->m, "at", b->m->times[r->at].value.ref, e);
	if (rc == RC_OK && x->promise.ptr)
		rc = mapping_time(b, r->due, &x->due_ms, e);
	return rc;
}

static enum rc map_measures(struct mapping_bound *b, const struct rule *r, struct interaction *x, struct err *e)
{
	for (uint32_t i = 0; i < r->n_numbers; i++) {
		const struct number_spec *n = &b->m->numbers[r->numbers[i]];
		double value;
		bool present;
		enum rc rc = mapping_number(b, n, &value, &present, e);
		if (rc != RC_OK)
			return rc;
		if (present)
			x->measures[x->n_measures++] = (struct measure_value){n->measure, value};
	}
	return RC_OK;
}

static enum rc map_dimensions(
	struct mapping_bound *b, const struct rule *r, struct interaction *x, struct err *e)
{
	enum rc rc = RC_OK;
	for (uint32_t i = 0; i < r->n_dimensions && rc == RC_OK; i++) {
		const struct dimension_spec *d = &r->dimensions[i];
		if (!x->paths[d->path].ptr)
			rc = mapping_text(b, &d->value, &x->paths[d->path], e);
	}
	return rc;
}

static enum rc map_rule(struct mapping_bound *b, const struct rule *r, int64_t received_ms, struct err *e)
{
	bool wanted = true;
	enum rc rc = r->when == NONE32 ? RC_OK : mapping_cond(b, r->when, &wanted, e);
	if (rc != RC_OK || !wanted)
		return rc;
	struct slot *slot = slot_next(b, &rc, e);
	if (!slot)
		return rc;
	struct interaction *x = &slot->x;
	rc = map_texts(b, r, x, e);
	if (!x->source.ptr)
		x->source = b->m->source;
	if (rc == RC_OK)
		rc = map_identities(b, r, x, e);
	if (rc == RC_OK)
		rc = map_times(b, r, received_ms, x, e);
	if (rc == RC_OK)
		rc = map_measures(b, r, x, e);
	if (rc == RC_OK && r->properties != NONE32)
		rc = mapping_properties(b, r->properties, r->each != NONE32, slot, e);
	if (rc == RC_OK)
		rc = map_dimensions(b, r, x, e);
	b->n_slots += rc == RC_OK;
	return rc;
}

// Element texts must outlive the element: numbers are copied, strings point into the parsed document.
static enum rc keep_element_digits(struct mapping_bound *b, struct err *e)
{
	const struct mapping *m = b->m;
	for (uint32_t i = 0; i < m->n_refs; i++) {
		enum ref_kind kind = m->refs[i].kind;
		bool ours = kind == REF_INDEX || (kind == REF_ELEMENT && b->texts[i].ptr == b->digits[i]);
		if (!ours || !b->texts[i].ptr)
			continue;
		b->texts[i] = arena_copy(b->scratch, b->texts[i]);
		if (!b->texts[i].ptr)
			return no_memory(e);
	}
	return RC_OK;
}

static enum rc map_each(struct mapping_bound *b, const struct rule *r, int64_t received_ms, struct err *e)
{
	struct json_node list = b->nodes[r->each];
	if (list.type == JSON_NONE || list.type == JSON_NULL)
		return RC_OK;
	if (list.type != JSON_ARRAY)
		return err_set(e, RC_INPUT, "\"%.*s\" of each is not a list", SV_ARG(b->m->refs[r->each].name));
	enum rc rc = RC_OK;
	b->element_index = 0;
	for (struct json_iter it = json_iter(list); rc == RC_OK && json_next(&it);) {
		b->element = it.value;
		b->element_index++;
		rc = mapping_load(b, true, e);
		if (rc == RC_OK)
			rc = keep_element_digits(b, e);
		if (rc == RC_OK)
			rc = map_rule(b, r, received_ms, e);
	}
	return rc;
}

// --- a row ---

static enum rc ragged(const struct mapping_bound *b, struct err *e)
{
	for (uint32_t i = b->n_columns; i < b->record->n_fields; i++) {
		if (b->record->fields[i].len) {
			err_set(e, RC_INPUT, "row has more fields than the file has columns");
			err_remedy(e, "look for a separator or a quote inside a field that is not quoted");
			return RC_INPUT;
		}
	}
	return RC_OK;
}

enum rc mapping_map(struct mapping_bound *b, const struct record *r, int64_t received_ms,
	enum rc (*emit)(void *context, const struct interaction *x, struct err *e), void *context,
	uint32_t *n_emitted, struct map_counts *counts, struct err *e)
{
	const struct mapping *m = b->m;
	*n_emitted = 0;
	b->record = r;
	b->row++;
	b->n_slots = 0;
	b->counts = (struct map_counts){0};
	arena_reset(b->scratch);
	buf_clear(&b->properties);
	enum rc rc = m->reader.format == RECORD_CSV && r->n_fields > b->n_columns ? ragged(b, e) : RC_OK;
	if (rc == RC_OK)
		rc = mapping_load(b, false, e);
	for (uint32_t i = 0; i < m->n_rules && rc == RC_OK; i++) {
		const struct rule *rule = &m->rules[i];
		rc = rule->each == NONE32 ? map_rule(b, rule, received_ms, e)
					  : map_each(b, rule, received_ms, e);
	}
	if (rc != RC_OK)
		return rc;
	counts->n_ambiguous_times += b->counts.n_ambiguous_times;
	counts->n_skipped_times += b->counts.n_skipped_times;
	for (size_t i = 0; i < b->n_slots && rc == RC_OK; i++) {
		struct slot *s = &b->slots[i];
		const char *properties = (const char *)b->properties.data;
		s->x.properties = s->properties_len
					  ? (struct sv){properties + s->properties_at, s->properties_len}
					  : SV_NONE;
		design_resolve(m->design, &s->x);
		rc = emit(context, &s->x, e);
		*n_emitted += rc == RC_OK;
	}
	return rc;
}
