// SPDX-License-Identifier: Apache-2.0
// Properties of a message: their text is the members as they were received, put one behind the other; on the way each
// name is looked up once among all that the design and we read out of properties.
//
// Of a name that comes twice the first one counts, as when the stored text is read again (restate).
#include "listen/wire_decoder.h"

#include <math.h>

// --- the text ---

static void separate(struct wire_decoder *d)
{
	buf_char(&d->properties, d->found.n_written++ ? ',' : '{');
}

void wire_property_put(struct wire_decoder *d, const char *name, struct sv raw)
{
	separate(d);
	buf_char(&d->properties, '"');
	buf_str(&d->properties, name);
	buf_put(&d->properties, "\":", 2);
	buf_sv(&d->properties, raw);
}

void wire_property_put_member(struct wire_decoder *d, struct sv member)
{
	separate(d);
	buf_sv(&d->properties, member);
}

void wire_property_put_members(struct wire_decoder *d, struct sv object)
{
	separate(d);
	buf_put(&d->properties, object.ptr + 1, object.len - 2);
}

void wire_property_put_text(struct wire_decoder *d, const char *name, struct sv text)
{
	wire_property_put(d, name, SV_NONE);
	struct json j = json_new(&d->properties);
	json_string(&j, text.ptr ? text : SV(""));
}

// --- what they feed ---

void wire_measure(struct wire_decoder *d, uint32_t measure, double value)
{
	const struct design_measure *m = &d->c->design->measures[measure];
	uint64_t bit = UINT64_C(1) << measure;
	if (d->found.measures & bit || !(value >= m->min && value <= m->max)) {
		d->result->n_ignored++;
		return;
	}
	d->found.measures |= bit;
	d->x.measures[d->x.n_measures++] = (struct measure_value){measure, value};
}

static bool number_of(struct json_node n, double *out)
{
	char digits[32];
	if (json_number(n, out))
		return true;
	if (n.type == JSON_STRING)
		return sv_to_double(json_text(n, digits), out);
	*out = n.type == JSON_BOOL && json_text(n, digits).len == 4; // "true"
	return n.type == JSON_BOOL;
}

static bool is_money(const struct design_measure *m)
{
	return sv_equal(m->unit, SV("minor"));
}

static double minor(const struct design *d, double value)
{
	static const double power[] = {1, 10, 100, 1000, 10000};
	return round(value * power[d->currency_digits < 5 ? d->currency_digits : 4]);
}

static void role_measure(struct wire_decoder *d, uint32_t measure, struct json_node value)
{
	double v;
	if (value.type == JSON_NULL)
		return;
	if (!number_of(value, &v)) {
		d->result->n_ignored++;
		return;
	}
	wire_measure(d, measure, is_money(&d->c->design->measures[measure]) ? minor(d->c->design, v) : v);
}

static void role_amount(struct wire_decoder *d, uint32_t rank, struct json_node value)
{
	double v;
	if (value.type == JSON_NULL || d->found.has_amount & 1u << rank)
		return;
	if (!number_of(value, &v)) {
		d->result->n_ignored += rank + 1 < WIRE_AMOUNTS; // "value" may be anything
		return;
	}
	d->found.has_amount |= 1u << rank;
	d->found.amounts[rank] = v;
}

// The text of a path: of a property of its whole name, else (role->rest) of something inside a property.
static enum rc path_text(
	struct wire_decoder *d, const struct wire_role *role, struct sv name, struct json_node n)
{
	struct sv *out = &d->x.paths[role->index];
	uint64_t bit = UINT64_C(1) << role->index;
	if (d->found.exact & bit || (role->rest.ptr && out->ptr))
		return RC_OK;
	if (!role->rest.ptr)
		d->found.exact |= bit;
	struct sv text = json_text(n, d->digits[role->index]);
	if (text.len && memchr(text.ptr, 0, text.len)) {
		err_set(&d->why, RC_INPUT, "a property holds a NUL character: \"%.*s\"",
			SV_ARG(wire_shown(d, name)));
		err_remedy(&d->why, "leave it out");
		return d->why.rc;
	}
	*out = text;
	return RC_OK;
}

// A text that a property gives beside staying a property; what is no text stays only that.
static void role_text(struct sv *out, struct json_node value)
{
	char digits[32];
	struct sv text = json_text(value, digits);
	if (value.type == JSON_STRING && text.len && !memchr(text.ptr, 0, text.len))
		*out = text;
}

static enum rc role_promise(struct wire_decoder *d, struct json_node value)
{
	bool is_object = value.type == JSON_OBJECT;
	enum rc rc = wire_name(
		d, "properties.promise.id", is_object ? json_get(value, SV("id")) : value, &d->x.promise);
	if (rc != RC_OK || !is_object || !d->x.promise.len)
		return rc;
	return wire_time(d, "properties.promise.due", json_get(value, SV("due")), &d->x.due_ms);
}

static enum rc apply(
	struct wire_decoder *d, const struct wire_role *role, struct sv name, struct json_node value)
{
	switch (role->kind) {
	case ROLE_PATH:
		return path_text(d, role, name, role->rest.ptr ? json_path(value, role->rest) : value);
	case ROLE_MEASURE:
		role_measure(d, role->index, value);
		break;
	case ROLE_AMOUNT:
		role_amount(d, role->index, value);
		break;
	case ROLE_CURRENCY:
		role_text(&d->found.currency, value);
		break;
	case ROLE_AGENT:
		role_text(&d->x.agent, value);
		break;
	case ROLE_LOCATION:
		role_text(&d->x.location, value);
		break;
	case ROLE_TEXT:
		if (!d->x.text.ptr || role->index < d->found.text_rank) {
			role_text(&d->x.text, value);
			d->found.text_rank = role->index;
		}
		break;
	case ROLE_PROMISE:
		return role_promise(d, value);
	case ROLE_KEEPS:
		return wire_name(d, "properties.keeps", value, &d->x.keeps);
	case ROLE_TRAITS:
	case ROLE_CONTEXT:
	case ROLE_NAME:
	case ROLE_CATEGORY:
	case ROLE_URL:
	case ROLE_KINDS:
		break;
	}
	return RC_OK;
}

enum rc wire_property(struct wire_decoder *d, struct sv name, struct json_node value)
{
	enum rc rc = RC_OK;
	for (uint32_t at = wire_keys_find(&d->roles.keys, name); at && rc == RC_OK;) {
		const struct wire_role *role = &d->roles.roles[at];
		d->found.seen |= 1u << role->kind;
		rc = apply(d, role, name, value);
		at = role->next;
	}
	return rc;
}

enum rc wire_property_paths(struct wire_decoder *d, struct sv name, struct json_node value)
{
	enum rc rc = RC_OK;
	for (uint32_t at = wire_keys_find(&d->roles.keys, name); at && rc == RC_OK;) {
		const struct wire_role *role = &d->roles.roles[at];
		if (role->kind == ROLE_PATH)
			rc = apply(d, role, name, value);
		at = role->next;
	}
	return rc;
}

enum rc wire_property_inside(struct wire_decoder *d, struct sv outer, struct sv name, struct json_node value)
{
	enum rc rc = RC_OK;
	for (uint32_t at = wire_keys_find(&d->roles.keys, outer); at && rc == RC_OK;) {
		struct wire_role role = d->roles.roles[at];
		at = role.next;
		if (role.kind != ROLE_PATH || !sv_starts(role.rest, name))
			continue;
		role.rest = (struct sv){role.rest.ptr + name.len, role.rest.len - name.len};
		if (role.rest.len && role.rest.ptr[0] != '.')
			continue;
		struct json_node n = value;
		if (role.rest.len)
			n = json_path(value, (struct sv){role.rest.ptr + 1, role.rest.len - 1});
		role.rest = SV("inside");
		rc = path_text(d, &role, name, n);
	}
	return rc;
}

// All members of an object.
enum rc wire_properties(struct wire_decoder *d, const struct json_member *object)
{
	struct json_member m[WIRE_MEMBERS];
	struct json_walk w = json_walk(object->value);
	enum rc rc = RC_OK;
	uint32_t n, total = 0;
	while (rc == RC_OK && (n = json_walk_next(&w, m, WIRE_MEMBERS)) > 0) {
		for (uint32_t i = 0; rc == RC_OK && i < n; i++)
			rc = wire_property(d, m[i].key, m[i].value);
		total += n;
	}
	if (total)
		wire_property_put_members(d, object->raw);
	return rc;
}

// Of another currency, all money is left a property.
static void drop_money(struct wire_decoder *d)
{
	struct interaction *x = &d->x;
	uint32_t kept = 0;
	for (uint32_t i = 0; i < x->n_measures; i++) {
		if (is_money(&d->c->design->measures[x->measures[i].measure]))
			d->result->n_ignored++;
		else
			x->measures[kept++] = x->measures[i];
	}
	x->n_measures = kept;
}

enum rc wire_properties_end(struct wire_decoder *d)
{
	struct wire_found *f = &d->found;
	if (f->currency.ptr && !sv_equal_nocase(f->currency, d->c->design->currency)) {
		d->result->n_ignored += f->has_amount != 0;
		drop_money(d);
	} else if (f->has_amount && d->roles.amount != DESIGN_NONE) {
		uint32_t rank = (uint32_t)__builtin_ctz(f->has_amount);
		if (rank + 1 < WIRE_AMOUNTS || f->currency.ptr)
			wire_measure(d, d->roles.amount, minor(d->c->design, f->amounts[rank]));
	}
	if (f->n_written)
		buf_char(&d->properties, '}');
	d->x.properties = f->n_written ? buf_view(&d->properties) : SV_NONE;
	return buf_check(&d->properties, &d->why, "the properties of a message");
}
