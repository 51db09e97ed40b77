// SPDX-License-Identifier: Apache-2.0
// Compiles the entries of `interactions:`.
#include "listen/mapping_compile.h"

#include <stdio.h>

static enum rc optional_value(
	struct compiler *c, const struct yaml_node *node, const char *what, struct value *out)
{
	*out = (struct value){.ref = NONE32};
	return node ? compile_value(c, node, what, out) : RC_OK;
}

// --- channel ---

static struct sv channel_name(const void *channels, uint32_t i)
{
	const struct design_channel *ch = channels;
	return ch[i].name;
}

static enum rc check_channel(struct compiler *c, const struct yaml_node *node, struct sv name)
{
	if (!name.len || design_channel_find(c->d, name) != DESIGN_NONE)
		return RC_OK;
	compile_fail(c, node, "channel \"%.*s\" is not declared in the corridor file", SV_ARG(name));
	compile_remedy_names(c, name, channel_name, c->d->channels, c->d->n_channels);
	return RC_INPUT;
}

// Checks the channels that are known now; *known when no other can come out.
static enum rc compile_channel(struct compiler *c, const struct yaml_node *node, struct rule *r)
{
	enum rc rc = optional_value(c, node, "channel", &r->channel);
	r->channel_known = compile_is_constant(c, &r->channel);
	for (uint32_t i = 0; i < r->channel.ops.n && rc == RC_OK; i++) {
		const struct op *op = compile_op(c, r->channel.ops.first + i);
		if (op->kind == OP_MAP) {
			const struct table *t = &c->m->tables[op->index];
			for (uint32_t at = 0; at < dict_count(t->keys) && rc == RC_OK; at++)
				rc = check_channel(c, node, t->texts[at]);
			r->channel_known = op->number != UNLISTED_KEEP;
		} else if (op->kind == OP_DEFAULT || (op->kind == OP_CONSTANT && r->channel.ops.n == 1)) {
			rc = check_channel(c, node, op->text);
		}
	}
	return rc;
}

// --- customer ---

// Identities as they come: "{column}" or a list of such, each type:value or a JSON list of them.
static enum rc compile_whole_identities(struct compiler *c, const struct yaml_node *node, struct rule *r)
{
	bool list = node->kind == YAML_IS_LIST;
	uint32_t n = list ? node->n : 1;
	if (n > INTERACTION_IDENTITIES_MAX)
		return compile_fail(c, node, "more than %d identities", INTERACTION_IDENTITIES_MAX);
	r->whole = arena_array(c->m->arena, n, sizeof(*r->whole));
	if (!r->whole)
		return compile_no_memory(c);
	for (uint32_t i = 0; i < n; i++) {
		enum rc rc = compile_varying(c, list ? node->items[i] : node, "customer",
			": all rows would be one customer", &r->whole[r->n_whole++]);
		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

static enum rc compile_customer(struct compiler *c, const struct yaml_node *node, struct rule *r)
{
	if (node->kind != YAML_IS_MAP && (node->kind == YAML_IS_SCALAR ? node->scalar.len : node->n))
		return compile_whole_identities(c, node, r);
	if (node->kind != YAML_IS_MAP || !node->n) {
		compile_fail(c, node, "customer must be a map of identity type → value");
		err_remedy(c->e, "write it like {user: \"{user_id}\"}");
		return RC_INPUT;
	}
	if (node->n > INTERACTION_IDENTITIES_MAX)
		return compile_fail(c, node, "more than %d identities", INTERACTION_IDENTITIES_MAX);
	for (uint32_t i = 0; i < node->n; i++) {
		struct identity_spec *id = &r->identities[r->n_identities++];
		id->type = node->keys[i]->scalar;
		if (!id->type.len)
			return compile_fail(c, node->keys[i], "the type of an identity is empty");
		enum rc rc = compile_varying(
			c, node->items[i], "customer", ": all rows would be one customer", &id->value);
		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

// --- promise ---

static enum rc compile_promise(struct compiler *c, const struct yaml_node *node, struct rule *r)
{
	struct keys k = {0};
	if (node->kind != YAML_IS_MAP)
		return compile_varying(c, node, "promise", ": all rows would be one promise", &r->promise);
	enum rc rc = compile_keys(c, IN_PROMISE, node, &k);
	if (rc == RC_OK)
		rc = compile_varying(
			c, k.of[KEY_PROMISE_ID], "promise", ": all rows would be one promise", &r->promise);
	if (rc == RC_OK && k.of[KEY_DUE])
		rc = compile_time(c, k.of[KEY_DUE], "due", &r->due);
	return rc;
}

// --- measures ---

static struct sv measure_name(const void *measures, uint32_t i)
{
	const struct design_measure *d = measures;
	return d[i].name;
}

static enum rc compile_measures(struct compiler *c, const struct yaml_node *node, struct rule *r)
{
	if (node->kind != YAML_IS_MAP)
		return compile_fail(c, node, "measures must be a map of measure → number");
	r->numbers = arena_array(c->m->arena, node->n + 1, sizeof(*r->numbers));
	if (!r->numbers)
		return compile_no_memory(c);
	for (uint32_t i = 0; i < node->n; i++) {
		struct sv name = node->keys[i]->scalar;
		uint32_t measure = design_measure_find(c->d, name);
		if (measure == DESIGN_NONE) {
			compile_fail(c, node->keys[i], "there is no measure \"%.*s\"", SV_ARG(name));
			compile_remedy_names(c, name, measure_name, c->d->measures, c->d->n_measures);
			return RC_INPUT;
		}
		enum rc rc = compile_number(c, node->items[i], measure, &r->numbers[r->n_numbers]);
		if (rc != RC_OK)
			return rc;
		r->n_numbers++;
	}
	return RC_OK;
}

// --- properties ---

// The last name of a path: user.address.city → city.
static struct sv last_name(const struct compiler *c, struct sv path)
{
	struct sv rest = path;
	while (c->m->reader.format == RECORD_NDJSON && rest.ptr) {
		path = rest;
		sv_cut(path, '.', &rest);
		if (rest.ptr && !rest.len)
			break;
	}
	return path;
}

static enum rc property_add(struct compiler *c, struct property_set *s, const struct yaml_node *key,
	struct sv name, const struct yaml_node *value)
{
	struct property *p = &s->items[s->n_items++];
	for (uint32_t i = 0; i + 1 < s->n_items; i++) {
		if (sv_equal(s->items[i].name, name))
			return compile_fail(c, key, "property \"%.*s\" is given twice", SV_ARG(name));
	}
	p->name = name;
	if (value)
		return compile_value(c, value, "property", &p->value);
	struct op op = {.kind = OP_REF};
	enum rc rc = compile_ref(c, key, key->scalar, false, &op.index);
	p->value = (struct value){.ops = {0, 1}, .ref = op.index};
	return rc == RC_OK ? compile_add(c, LIST_OPS, &op, 1, &p->value.ops.first) : rc;
}

// An item of the list form: a column, or a map of name → value.
static enum rc property_item(struct compiler *c, struct property_set *s, const struct yaml_node *node)
{
	struct sv column;
	if (node->kind == YAML_IS_MAP && node->n == 1)
		return property_add(c, s, node->keys[0], node->keys[0]->scalar, node->items[0]);
	enum rc rc = compile_text(c, node, "property", &column);
	return rc == RC_OK ? property_add(c, s, node, last_name(c, column), NULL) : rc;
}

static enum rc property_items(struct compiler *c, const struct yaml_node *node, struct property_set *s)
{
	enum rc rc = RC_OK;
	if (node->n > COMPILE_ITEMS_MAX)
		return compile_fail(c, node, "more than %u properties", COMPILE_ITEMS_MAX);
	s->items = arena_array(c->m->arena, node->n + 1, sizeof(*s->items));
	if (!s->items)
		return compile_no_memory(c);
	for (uint32_t i = 0; i < node->n && rc == RC_OK; i++) {
		rc = node->kind == YAML_IS_LIST
			     ? property_item(c, s, node->items[i])
			     : property_add(c, s, node->keys[i], node->keys[i]->scalar, node->items[i]);
	}
	return rc;
}

// The set that was made of this node before; NONE32 when there is none.
static uint32_t known_set(const struct compiler *c, const struct yaml_node *node)
{
	const struct list *l = &c->lists[LIST_SETS];
	const struct property_set *known = l->items;
	// What `common:` gives is one set for all interactions, unless its paths mean an element.
	for (uint32_t i = 0; i < l->n && !c->in_each; i++) {
		if (known[i].node == node)
			return i;
	}
	return NONE32;
}

static enum rc compile_properties_json(struct compiler *c, const struct yaml_node *node, uint32_t *out)
{
	struct property_set s = {.node = node, .object = NONE32, .json = NONE32};
	struct sv column;
	*out = known_set(c, node);
	if (*out != NONE32)
		return RC_OK;
	enum rc rc = compile_text(c, node, "properties json", &column);
	if (rc == RC_OK)
		rc = compile_ref(c, node, column, false, &s.json);
	return rc == RC_OK ? compile_add(c, LIST_SETS, &s, 1, out) : rc;
}

static enum rc compile_properties(
	struct compiler *c, const struct yaml_node *node, const struct yaml_node *except, uint32_t *out)
{
	struct property_set s = {.node = node, .object = NONE32, .json = NONE32};
	*out = known_set(c, node);
	if (*out != NONE32)
		return RC_OK;
	enum rc rc = RC_OK;
	if (node->kind != YAML_IS_SCALAR) {
		if (except)
			return compile_fail(c, except, "\"properties except\" belongs to properties: all");
		rc = property_items(c, node, &s);
	} else if (sv_equal(node->scalar, SV("all"))) {
		s.all = true;
	} else if (c->m->reader.format == RECORD_NDJSON) {
		rc = compile_ref(c, node, node->scalar, false, &s.object);
	} else {
		compile_fail(c, node, "properties is the text \"%.*s\"", SV_ARG(node->scalar));
		err_remedy(c->e, "write all, or a list of columns like [%.*s]", SV_ARG(node->scalar));
		return RC_INPUT;
	}
	if (rc == RC_OK && except)
		rc = compile_texts(c, except, "properties except", &s.except, &s.n_except);
	return rc == RC_OK ? compile_add(c, LIST_SETS, &s, 1, out) : rc;
}

// --- dimensions ---

static struct sv dimension_name(const void *dimensions, uint32_t i)
{
	return ((const struct sv *)dimensions)[i];
}

static enum rc compile_dimensions(struct compiler *c, const struct yaml_node *node, struct rule *r)
{
	if (node->kind != YAML_IS_MAP)
		return compile_fail(c, node, "dimensions must be a map of dimension → value");
	r->dimensions = arena_array(c->m->arena, node->n + 1, sizeof(*r->dimensions));
	if (!r->dimensions)
		return compile_no_memory(c);
	for (uint32_t i = 0; i < node->n; i++) {
		struct sv name = node->keys[i]->scalar;
		uint32_t dimension = design_dimension_find(c->d, name);
		if (dimension == DESIGN_NONE) {
			compile_fail(c, node->keys[i], "there is no dimension \"%.*s\"", SV_ARG(name));
			compile_remedy_names(c, name, dimension_name, c->d->dimensions, c->d->n_dimensions);
			return RC_INPUT;
		}
		struct dimension_spec *to = &r->dimensions[r->n_dimensions++];
		to->path = c->d->dimension_path[dimension];
		enum rc rc = compile_value(c, node->items[i], "dimension", &to->value);
		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

// --- the rule ---

static enum rc check_needed(struct compiler *c, const struct yaml_node *node, const struct keys *k)
{
	static const enum key needed[] = {KEY_EVENT, KEY_CUSTOMER, KEY_AT};
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		if (k->of[needed[i]])
			continue;
		const struct key_info *info = &mapping_keys[needed[i]];
		compile_fail(c, node, "an interaction needs \"%s\"", info->name);
		err_remedy(c->e, "%s: %s; give it here or under common:", info->name, info->about);
		return RC_INPUT;
	}
	return RC_OK;
}

static enum rc compile_each(struct compiler *c, const struct yaml_node *node, struct rule *r)
{
	struct sv path;
	if (c->m->reader.format != RECORD_NDJSON)
		return compile_fail(c, node, "each is for NDJSON: a CSV field holds no list");
	enum rc rc = compile_text(c, node, "each", &path);
	if (rc == RC_OK)
		rc = compile_ref(c, node, path, false, &r->each);
	c->in_each = rc == RC_OK;
	return rc;
}

static enum rc compile_texts_of(struct compiler *c, const struct keys *k, struct rule *r)
{
	const struct {
		enum key key;
		struct value *out;
	} values[] = {{KEY_EVENT, &r->event}, {KEY_RULE_SOURCE, &r->source}, {KEY_AGENT, &r->agent},
		{KEY_LOCATION, &r->location}, {KEY_TEXT, &r->text}};
	enum rc rc = RC_OK;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]) && rc == RC_OK; i++)
		rc = optional_value(c, k->of[values[i].key], mapping_keys[values[i].key].name, values[i].out);
	r->id = r->keeps = (struct value){.ref = NONE32};
	if (rc == RC_OK && k->of[KEY_ID])
		rc = compile_varying(c, k->of[KEY_ID], "id", ": all but one would be duplicates", &r->id);
	if (rc == RC_OK && k->of[KEY_KEEPS])
		rc = compile_varying(
			c, k->of[KEY_KEEPS], "keeps", ": all rows would keep one promise", &r->keeps);
	return rc == RC_OK ? compile_channel(c, k->of[KEY_CHANNEL], r) : rc;
}

static enum rc compile_all_properties(struct compiler *c, const struct keys *k, struct rule *r)
{
	const struct yaml_node *given = k->of[KEY_PROPERTIES], *except = k->of[KEY_PROPERTIES_EXCEPT],
			       *json = k->of[KEY_PROPERTIES_JSON];
	// What the format has by default gives way as a whole.
	const struct keys *defaults = &c->defaults;
	if (json && given == defaults->of[KEY_PROPERTIES])
		given = NULL;
	if (given != defaults->of[KEY_PROPERTIES] && except == defaults->of[KEY_PROPERTIES_EXCEPT])
		except = NULL;
	if (given && json)
		return compile_fail(c, json, "properties are given by \"properties\" already");
	if (json && !except)
		return compile_properties_json(c, json, &r->properties);
	if (given)
		return compile_properties(c, given, except, &r->properties);
	return except ? compile_fail(c, except, "\"properties except\" belongs to properties: all") : RC_OK;
}

enum rc compile_rule(struct compiler *c, const struct yaml_node *node, const struct keys *common)
{
	struct keys k = *common;
	struct rule r = {
		.line = node->line, .when = NONE32, .each = NONE32, .due = NONE32, .properties = NONE32};
	uint32_t at;
	r.promise.ref = NONE32;
	c->in_each = false;
	enum rc rc = compile_keys(c, IN_RULE, node, &k);
	if (rc == RC_OK)
		rc = check_needed(c, node, &k);
	if (rc == RC_OK && k.of[KEY_EACH])
		rc = compile_each(c, k.of[KEY_EACH], &r);
	if (rc == RC_OK && k.of[KEY_WHEN])
		rc = compile_condition(c, k.of[KEY_WHEN], &r.when);
	if (rc == RC_OK)
		rc = compile_texts_of(c, &k, &r);
	if (rc == RC_OK)
		rc = compile_customer(c, k.of[KEY_CUSTOMER], &r);
	if (rc == RC_OK)
		rc = compile_time(c, k.of[KEY_AT], "at", &r.at);
	if (rc == RC_OK && k.of[KEY_PROMISE])
		rc = compile_promise(c, k.of[KEY_PROMISE], &r);
	if (rc == RC_OK && k.of[KEY_MEASURES])
		rc = compile_measures(c, k.of[KEY_MEASURES], &r);
	if (rc == RC_OK)
		rc = compile_all_properties(c, &k, &r);
	if (rc == RC_OK && k.of[KEY_DIMENSIONS])
		rc = compile_dimensions(c, k.of[KEY_DIMENSIONS], &r);
	c->in_each = false;
	return rc == RC_OK ? compile_add(c, LIST_RULES, &r, 1, &at) : rc;
}
