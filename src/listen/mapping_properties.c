// SPDX-License-Identifier: Apache-2.0
// Properties: kept as received, as the text of one JSON object per interaction, and the values that match rules
// and dimensions of the design read out of them (design->paths). Which property feeds which path is settled when
// the mapping is bound to a file.
#include "listen/mapping.h"

#define PROPERTIES_MAX (32u << 20) // bytes of JSON for all interactions of one row

// --- binding ---

static bool excepted(const struct property_set *s, struct sv name)
{
	for (uint32_t i = 0; i < s->n_except; i++) {
		if (sv_equal(s->except[i], name))
			return true;
	}
	return false;
}

static enum rc property_bind(struct mapping_bound *b, struct bound_property *p, struct sv name, struct err *e)
{
	struct buf key = buf_new(1u << 20);
	struct json j = json_new(&key);
	json_string(&j, name);
	buf_char(&key, ':');
	enum rc rc = buf_check(&key, e, "a property name");
	p->name = name;
	p->key = rc == RC_OK ? arena_copy(b->arena, buf_view(&key)) : SV_NONE;
	p->column = p->ref = NONE32;
	buf_free(&key);
	return rc == RC_OK && !p->key.ptr ? err_set(e, RC_NOMEM, "out of memory for the mapping") : rc;
}

// The ref of a value that is nothing but a column; NONE32 when it is more.
static uint32_t plain_ref(const struct mapping *m, const struct value *v)
{
	const struct op *op = &m->ops[v->ops.first];
	return v->ops.n == 1 && op->kind == OP_REF ? op->index : NONE32;
}

static enum rc items_bind(struct mapping_bound *b, const struct property_set *s, struct bound_set *out,
	const struct sv *header, struct err *e)
{
	bool json = b->m->reader.format == RECORD_NDJSON;
	uint32_t n = s->all && !json ? b->n_columns : s->n_items;
	out->items = arena_array(b->arena, n ? n : 1, sizeof(*out->items));
	if (!out->items)
		return err_set(e, RC_NOMEM, "out of memory for the mapping");
	for (uint32_t i = 0; i < n; i++) {
		struct sv name = s->all ? header[i] : s->items[i].name;
		struct bound_property *p = &out->items[out->n_items];
		if (s->all && excepted(s, name))
			continue;
		enum rc rc = property_bind(b, p, s->all ? arena_copy(b->arena, name) : name, e);
		if (rc != RC_OK)
			return rc;
		out->n_items++;
		if (s->all) {
			p->column = i;
			continue;
		}
		p->value = s->items[i].value;
		uint32_t ref = plain_ref(b->m, &p->value);
		if (json && ref != NONE32 && b->m->refs[ref].kind <= REF_ELEMENT)
			p->ref = ref;
	}
	return RC_OK;
}

// Finds what gives "status" or "address.city": the property of that very name, else the property before the first
// dot, for a look inside.
static bool path_find(const struct bound_set *s, struct sv name, struct bound_path *out)
{
	struct sv rest, head = sv_cut(name, '.', &rest);
	for (uint32_t i = 0; i < s->n_items; i++) {
		if (sv_equal(s->items[i].name, name)) {
			out->property = i;
			out->rest = SV_NONE;
			return true;
		}
	}
	for (uint32_t i = 0; rest.ptr && i < s->n_items; i++) {
		if (s->items[i].ref != NONE32 && sv_equal(s->items[i].name, head)) {
			out->property = i;
			out->rest = rest;
			return true;
		}
	}
	return false;
}

static enum rc paths_bind(
	struct mapping_bound *b, const struct property_set *s, struct bound_set *out, struct err *e)
{
	static const struct sv prefix = {"properties.", 11};
	const struct design *d = b->m->design;
	bool object = b->m->reader.format == RECORD_NDJSON && (s->all || s->object != NONE32);
	object |= s->json != NONE32;
	uint32_t n = d->n_paths ? d->n_paths : 1;
	out->paths = arena_array(b->arena, n, sizeof(*out->paths));
	out->path_texts = arena_array(b->arena, n, sizeof(*out->path_texts));
	out->texts = arena_array(b->arena, out->n_items + 1, sizeof(*out->texts));
	out->nodes = arena_array(b->arena, out->n_items + 1, sizeof(*out->nodes));
	if (!out->paths || !out->path_texts || !out->texts || !out->nodes)
		return err_set(e, RC_NOMEM, "out of memory for the mapping");
	for (uint32_t i = 0; i < d->n_paths; i++) {
		if (!sv_starts(d->paths[i], prefix))
			continue;
		struct sv name = {d->paths[i].ptr + prefix.len, d->paths[i].len - prefix.len};
		struct bound_path p = {.path = i, .property = NONE32, .rest = name};
		if (object || path_find(out, name, &p))
			out->paths[out->n_paths++] = p;
	}
	return RC_OK;
}

enum rc mapping_sets_bind(struct mapping_bound *b, const struct sv *header, struct err *e)
{
	enum rc rc = RC_OK;
	b->sets = arena_array(b->arena, b->m->n_sets + 1, sizeof(*b->sets));
	if (!b->sets)
		return err_set(e, RC_NOMEM, "out of memory for the mapping");
	b->properties = buf_new(PROPERTIES_MAX);
	for (uint32_t i = 0; i < b->m->n_sets && rc == RC_OK; i++) {
		if (b->m->sets[i].json != NONE32 && !b->property_parser)
			b->property_parser = json_parser_new(MAPPING_JSON_MAX);
		if (b->m->sets[i].json != NONE32 && !b->property_parser)
			return err_set(e, RC_NOMEM, "out of memory for the mapping");
		rc = items_bind(b, &b->m->sets[i], &b->sets[i], header, e);
		if (rc == RC_OK)
			rc = paths_bind(b, &b->m->sets[i], &b->sets[i], e);
	}
	return rc;
}

// --- per row ---

// The text is valid UTF-8 already, so only what JSON wants escaped needs care.
static void put_string(struct buf *out, struct sv s)
{
	bool plain = true;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		plain &= (c >= 0x20) & (c != '"') & (c != '\\');
	}
	if (!plain) {
		struct json j = json_new(out);
		json_string(&j, s);
		return;
	}
	uint8_t *to = buf_reserve(out, s.len + 2);
	if (!to)
		return;
	to[0] = '"';
	memcpy(to + 1, s.ptr, s.len);
	to[s.len + 1] = '"';
	out->len += s.len + 2;
}

static enum rc item_value(struct mapping_bound *b, struct bound_set *s, uint32_t i, struct err *e)
{
	const struct bound_property *p = &s->items[i];
	s->texts[i] = SV_NONE;
	s->nodes[i].type = JSON_NONE;
	if (p->column != NONE32) {
		if (p->column < b->record->n_fields)
			s->texts[i] = b->record->fields[p->column];
		return mapping_text_check(b->m, p->name, &s->texts[i], e);
	}
	if (p->ref == NONE32)
		return mapping_text(b, &p->value, &s->texts[i], e);
	s->texts[i] = b->texts[p->ref];
	struct json_node node = b->nodes[p->ref];
	if (s->texts[i].ptr || node.type == JSON_ARRAY || node.type == JSON_OBJECT)
		s->nodes[i] = node;
	return RC_OK;
}

static enum rc items_write(struct mapping_bound *b, struct bound_set *s, struct err *e)
{
	struct buf *out = &b->properties;
	for (uint32_t i = 0; i < s->n_items; i++) {
		enum rc rc = item_value(b, s, i, e);
		if (rc != RC_OK)
			return rc;
		bool node = s->nodes[i].type != JSON_NONE;
		if (!node && !s->texts[i].ptr)
			continue;
		buf_char(out, out->len == s->at ? '{' : ',');
		buf_sv(out, s->items[i].key);
		if (node)
			json_serialize(s->nodes[i], out);
		else
			put_string(out, s->texts[i]);
	}
	if (out->len > s->at)
		buf_char(out, '}');
	return RC_OK;
}

static void object_write(struct mapping_bound *b, const struct property_set *ps, struct json_node object)
{
	struct buf *out = &b->properties;
	if (object.type != JSON_OBJECT)
		return;
	if (!ps->n_except) {
		json_serialize(object, out);
		return;
	}
	size_t at = out->len;
	for (struct json_iter it = json_iter(object); json_next(&it);) {
		if (excepted(ps, it.key))
			continue;
		buf_char(out, out->len == at ? '{' : ',');
		put_string(out, it.key);
		buf_char(out, ':');
		json_serialize(it.value, out);
	}
	if (out->len > at)
		buf_char(out, '}');
}

static bool path_excepted(const struct property_set *ps, struct sv path)
{
	struct sv rest;
	return excepted(ps, sv_cut(path, '.', &rest));
}

static enum rc path_text(struct mapping_bound *b, const struct property_set *ps, struct bound_set *s,
	struct json_node object, uint32_t i, struct err *e)
{
	const struct bound_path *p = &s->paths[i];
	s->path_texts[i] = SV_NONE;
	if (p->property != NONE32 && !p->rest.len) {
		s->path_texts[i] = s->texts[p->property];
		return RC_OK;
	}
	if (p->property == NONE32 && path_excepted(ps, p->rest))
		return RC_OK;
	char *digits = arena_alloc(b->scratch, 32);
	if (!digits)
		return err_set(e, RC_NOMEM, "out of memory for the texts made from one row");
	struct json_node from = p->property == NONE32 ? object : s->nodes[p->property];
	struct json_node found = {.type = JSON_NONE};
	if (p->property == NONE32)
		found = json_get(from, p->rest); // the name of a member may have dots in it
	if (found.type == JSON_NONE)
		found = json_path(from, p->rest);
	s->path_texts[i] = json_text(found, digits);
	if (ps->json != NONE32 && s->path_texts[i].ptr) { // its parser serves the next set too
		s->path_texts[i] = arena_copy(b->scratch, s->path_texts[i]);
		if (!s->path_texts[i].ptr)
			return err_set(e, RC_NOMEM, "out of memory for the texts made from one row");
	}
	return mapping_text_check(b->m, p->rest, &s->path_texts[i], e);
}

// The text of a JSON object. Absent: no properties.
static enum rc text_object(
	struct mapping_bound *b, const struct property_set *ps, struct json_node *object, struct err *e)
{
	char shown[100];
	struct err why = ERR_NONE;
	struct sv text = b->texts[ps->json];
	if (!text.ptr)
		return RC_OK;
	enum rc rc = json_parse(b->property_parser, text, object, &why);
	if (rc == RC_NOMEM)
		return err_take(e, &why);
	if (rc != RC_OK || object->type != JSON_OBJECT)
		return err_set(e, RC_INPUT, "column \"%.*s\" is not the text of a JSON object: \"%s\"",
			SV_ARG(b->m->refs[ps->json].name), mapping_shown(text, shown));
	json_serialize(*object, &b->properties);
	return RC_OK;
}

static enum rc set_make(struct mapping_bound *b, uint32_t set, struct err *e)
{
	const struct property_set *ps = &b->m->sets[set];
	struct bound_set *s = &b->sets[set];
	struct json_node object = {.type = JSON_NONE};
	s->at = b->properties.len;
	enum rc rc = RC_OK;
	if (b->m->reader.format == RECORD_NDJSON && (ps->all || ps->object != NONE32)) {
		object = ps->all ? b->record->json : b->nodes[ps->object];
		object_write(b, ps, object);
	} else if (ps->json != NONE32) {
		rc = text_object(b, ps, &object, e);
	} else {
		rc = items_write(b, s, e);
	}
	s->len = b->properties.len - s->at;
	for (uint32_t i = 0; i < s->n_paths && rc == RC_OK; i++)
		rc = path_text(b, ps, s, object, i, e);
	return rc == RC_OK ? buf_check(&b->properties, e, "the properties of one row") : rc;
}

enum rc mapping_properties(struct mapping_bound *b, uint32_t set, bool fresh, struct slot *slot, struct err *e)
{
	struct bound_set *s = &b->sets[set];
	if (fresh || s->row != b->row) {
		enum rc rc = set_make(b, set, e);
		if (rc != RC_OK)
			return rc;
		s->row = fresh ? 0 : b->row;
	}
	slot->properties_at = s->at;
	slot->properties_len = s->len;
	for (uint32_t i = 0; i < s->n_paths; i++)
		slot->x.paths[s->paths[i].path] = s->path_texts[i];
	return RC_OK;
}
