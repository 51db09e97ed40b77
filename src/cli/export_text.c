// SPDX-License-Identifier: Apache-2.0
// CSV (RFC 4180, one row per interaction) and NDJSON (one object per interaction).
#include "cli/export.h"

#include "base/json.h"
#include "base/number.h"

#include <math.h>

struct sv export_time(const struct export_shape *s, int64_t at_ms, char out[40])
{
	return sv_from(tz_format(s->utc, at_ms, out));
}

void export_identities(const struct export_row *row, struct buf *out)
{
	if (row->n_identities == 1 && row->customer.ptr[0] != '[') {
		buf_sv(out, row->customer);
		return;
	}
	struct json j = json_new(out);
	json_array(&j);
	for (uint32_t i = 0; i < row->n_identities; i++)
		json_string(&j, row->identities[i]);
	json_array_end(&j);
}

// --- CSV ---

static void csv_begin(const struct export_shape *s, struct buf *out)
{
	const struct design *d = s->design;
	struct buf name = buf_new(4096);
	buf_str(out, "id,customer,at,event,source,channel,touchpoint,stage,owner,agent,location,received,"
		     "promise,due,"
		     "keeps");
	for (uint32_t i = 0; name.rc == RC_OK && i < d->n_measures + d->n_dimensions; i++) {
		bool measure = i < d->n_measures;
		uint32_t k = measure ? i : i - d->n_measures;
		if (measure ? !s->measures[k] : !s->dimensions[k])
			continue;
		buf_clear(&name);
		buf_str(&name, measure ? "measure." : "dimension.");
		buf_sv(&name, measure ? d->measures[k].name : d->dimensions[k]);
		buf_char(out, ',');
		buf_csv(out, buf_view(&name));
	}
	buf_str(out, ",text,properties\n");
	out->rc = out->rc == RC_OK ? name.rc : out->rc;
	buf_free(&name);
}

static void csv_time(const struct export_shape *s, int64_t at_ms, struct buf *out)
{
	char text[40];
	buf_char(out, ',');
	if (at_ms != TIME_NONE)
		buf_sv(out, export_time(s, at_ms, text));
}

static void csv_field(struct sv text, struct buf *out)
{
	buf_char(out, ',');
	if (text.len)
		buf_csv(out, text);
}

static void csv_row(const struct export_shape *s, const struct export_row *r, struct buf *out)
{
	const struct design *d = s->design;
	char digits[NUMBER_TEXT_MAX];
	struct buf identities = buf_new(1u << 20);
	export_identities(r, &identities);
	buf_csv(out, r->id);
	csv_field(buf_view(&identities), out);
	csv_time(s, r->at_ms, out);
	const struct sv names[] = {
		r->event, r->source, r->channel, r->touchpoint, r->stage, r->owner, r->agent, r->location};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		csv_field(names[i], out);
	csv_time(s, r->received_ms, out);
	csv_field(r->promise, out);
	csv_time(s, r->due_ms, out);
	csv_field(r->keeps, out);
	for (uint32_t i = 0; i < d->n_measures; i++) {
		if (!s->measures[i])
			continue;
		buf_char(out, ',');
		if (!isnan(r->measures[i]))
			buf_put(out, digits, number_from_double(r->measures[i], digits));
	}
	for (uint32_t i = 0; i < d->n_dimensions; i++)
		if (s->dimensions[i])
			csv_field(r->dimensions[i], out);
	csv_field(r->text, out);
	csv_field(r->properties, out);
	buf_char(out, '\n');
	out->rc = out->rc == RC_OK ? identities.rc : out->rc;
	buf_free(&identities);
}

// --- NDJSON ---

static void nothing(const struct export_shape *s, struct buf *out)
{
	(void)s;
	(void)out;
}

static void no_end(const struct export_shape *s, bool any, struct buf *out)
{
	(void)s;
	(void)any;
	(void)out;
}

static void json_time(const struct export_shape *s, struct json *j, const char *key, int64_t at_ms)
{
	char text[40];
	if (at_ms != TIME_NONE)
		json_key_string(j, key, export_time(s, at_ms, text));
}

static void json_values(const struct export_shape *s, const struct export_row *r, struct json *j)
{
	const struct design *d = s->design;
	json_key(j, "measures");
	json_object(j);
	for (uint32_t i = 0; i < d->n_measures; i++) {
		if (isnan(r->measures[i]))
			continue;
		json_key_sv(j, d->measures[i].name);
		json_double(j, r->measures[i]);
	}
	json_object_end(j);
	json_key(j, "dimensions");
	json_object(j);
	for (uint32_t i = 0; i < d->n_dimensions; i++) {
		if (!r->dimensions[i].len)
			continue;
		json_key_sv(j, d->dimensions[i]);
		json_string(j, r->dimensions[i]);
	}
	json_object_end(j);
}

static void ndjson_row(const struct export_shape *s, const struct export_row *r, struct buf *out)
{
	struct json j = json_new(out);
	json_object(&j);
	json_key_string(&j, "id", r->id);
	json_key(&j, "customer");
	json_array(&j);
	for (uint32_t i = 0; i < r->n_identities; i++)
		json_string(&j, r->identities[i]);
	json_array_end(&j);
	json_time(s, &j, "at", r->at_ms);
	const struct {
		const char *key;
		struct sv value;
	} texts[] = {{"event", r->event}, {"source", r->source}, {"channel", r->channel},
		{"touchpoint", r->touchpoint}, {"stage", r->stage}, {"owner", r->owner}, {"agent", r->agent},
		{"location", r->location}, {"promise", r->promise}, {"keeps", r->keeps}, {"text", r->text}};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i].value.len)
			json_key_string(&j, texts[i].key, texts[i].value);
	json_time(s, &j, "due", r->due_ms);
	json_time(s, &j, "received", r->received_ms);
	json_values(s, r, &j);
	if (r->properties.len) {
		json_key(&j, "properties");
		json_raw(&j, r->properties);
	}
	json_object_end(&j);
	buf_char(out, '\n');
}

const struct export_format export_csv = {"csv", ".csv ", csv_begin, csv_row, no_end};
const struct export_format export_ndjson = {"ndjson", ".ndjson .jsonl ", nothing, ndjson_row, no_end};
