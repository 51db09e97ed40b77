// SPDX-License-Identifier: Apache-2.0
// The corridor file over HTTP.
#include "api/internal.h"

// "first-bill" as people read it: "First bill".
static void write_name(struct json *j, struct sv key)
{
	char text[128];
	size_t n = key.len < sizeof(text) ? key.len : sizeof(text);
	for (size_t i = 0; i < n; i++)
		text[i] = key.ptr[i] == '-' ? ' ' : key.ptr[i];
	if (n > 0 && text[0] >= 'a' && text[0] <= 'z')
		text[0] = (char)(text[0] - 'a' + 'A');
	json_key_string(j, "name", (struct sv){text, n});
}

static void write_names(struct json *j, const char *key, const struct sv *names, uint32_t n)
{
	json_key(j, key);
	json_array(j);
	for (uint32_t i = 0; i < n; i++)
		json_string(j, names[i]);
	json_array_end(j);
}

static void write_expectation(struct json *j, const struct design *d, const struct expectation *x)
{
	json_object(j);
	json_key_string(j, "key", x->name);
	json_key_string(j, "measure", d->measures[x->measure].name);
	json_key_string(j, "unit", d->measures[x->measure].unit);
	json_key_text(j, "direction", x->direction == EXPECT_AT_LEAST ? "at least" : "at most");
	json_key_double(j, "target", x->target);
	json_key_double(j, "share", x->share);
	json_key_double(j, "scale", x->scale);
	json_object_end(j);
}

static void write_touchpoint(struct json *j, const struct design *d, const struct design_touchpoint *t)
{
	json_object(j);
	json_key_string(j, "key", t->name);
	if (sv_equal(t->name, t->title))
		write_name(j, t->name);
	else
		json_key_string(j, "name", t->title);
	json_key_string(j, "stage", d->stages[t->stage]);
	json_key_string(j, "owner", t->owner == DESIGN_NONE ? SV("") : d->departments[t->owner]);
	write_names(j, "systems", t->systems, t->n_systems);
	json_key(j, "channels");
	json_array(j);
	for (uint32_t i = 0; i < t->n_channels; i++)
		json_string(j, d->channels[t->channels[i]].name);
	json_array_end(j);
	json_key_double(j, "importance", t->importance);
	json_key_bool(j, "required", t->required);
	json_key(j, "after");
	json_array(j);
	for (uint32_t i = 0; i < t->n_after; i++)
		json_string(j, d->touchpoints[t->after[i]].name);
	json_array_end(j);
	json_key(j, "expect");
	json_array(j);
	for (uint32_t i = 0; i < t->n_expectations; i++)
		write_expectation(j, d, &d->expectations[t->first_expectation + i]);
	json_array_end(j);
	json_object_end(j);
}

static void write_channels(struct json *j, const struct design *d)
{
	static const char *const kinds[] = {[CHANNEL_DIGITAL] = "digital",
		[CHANNEL_CONTACT_CENTRE] = "contact-centre",
		[CHANNEL_IN_PERSON] = "in-person",
		[CHANNEL_PARTNER] = "partner",
		[CHANNEL_PUBLIC] = "public"};
	json_key(j, "channels");
	json_array(j);
	for (uint32_t i = 0; i < d->n_channels; i++) {
		json_object(j);
		json_key_string(j, "key", d->channels[i].name);
		json_key_text(j, "kind", kinds[d->channels[i].kind]);
		json_object_end(j);
	}
	json_array_end(j);
}

static void write_measures(struct json *j, const struct design *d)
{
	json_key(j, "measures");
	json_array(j);
	for (uint32_t i = 0; i < d->n_measures; i++) {
		const struct design_measure *m = &d->measures[i];
		json_object(j);
		json_key_string(j, "key", m->name);
		json_key_string(j, "unit", m->unit);
		json_key_double(j, "min", m->min); // open ends are null
		json_key_double(j, "max", m->max);
		json_object_end(j);
	}
	json_array_end(j);
}

enum rc design_get(struct api_call *c, struct err *e)
{
	struct snapshot *sn;
	enum rc rc = snapshot_open(c->api->store, &sn, e);
	if (rc != RC_OK)
		return rc;
	const struct design *d = snapshot_design(sn);
	struct json j = json_new(http_out(c->x));
	json_object(&j);
	json_key_string(&j, "brand", d->brand);
	json_key_string(&j, "timezone", d->timezone);
	json_key_string(&j, "currency", d->currency);
	json_key(&j, "stages");
	json_array(&j);
	for (uint32_t i = 0; i < d->n_stages; i++) {
		json_object(&j);
		json_key_string(&j, "key", d->stages[i]);
		write_name(&j, d->stages[i]);
		json_object_end(&j);
	}
	json_array_end(&j);
	json_key(&j, "touchpoints");
	json_array(&j);
	for (uint32_t i = 0; i < d->n_touchpoints; i++)
		write_touchpoint(&j, d, &d->touchpoints[i]);
	json_array_end(&j);
	write_channels(&j, d);
	write_names(&j, "departments", d->departments, d->n_departments);
	write_measures(&j, d);
	write_names(&j, "dimensions", d->dimensions, d->n_dimensions);
	json_object_end(&j);
	snapshot_close(&sn);
	return RC_OK;
}
