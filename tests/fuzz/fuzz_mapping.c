// SPDX-License-Identifier: Apache-2.0
// Fuzzes mapping files together with rows: the input is a mapping, then a line "---", then rows: CSV without quotes,
// separated by commas, or JSON documents. The columns of the file are those that the mapping asks for.
#include "listen/internal.h"

#include <stdint.h>

#define COLUMNS_MAX 64

static const char corridor[] =
	"corridor: 1\nbrand: F\ntimezone: Europe/Berlin\ncurrency: EUR\nstages: [use]\n"
	"channels: {web: digital, phone: contact-centre}\n"
	"measures: {speed: {unit: Mbit/s}}\ndimensions: [a, b]\n"
	"touchpoints: {any: {stage: use, match: [{event: E, properties.a.x: y}, {event: F}]}}\n";

static enum rc swallow(void *context, const struct interaction *x, struct err *e)
{
	(void)e;
	*(uint64_t *)context += x->event.len + x->properties.len + x->n_measures;
	return RC_OK;
}

static void map_line(const struct mapping *m, struct mapping_bound *b, struct json_parser *p, struct sv line)
{
	struct sv fields[COLUMNS_MAX], rest = line;
	struct record r = {.line = 1, .number = 1, .file = SV("fuzz"), .raw = line, .fields = fields};
	struct map_counts counts = {0};
	uint64_t sum = 0;
	uint32_t n;
	if (mapping_reader_options(m)->format == RECORD_NDJSON) {
		if (json_parse(p, line, &r.json, NULL) != RC_OK)
			return;
	} else {
		while (rest.ptr && r.n_fields < COLUMNS_MAX)
			fields[r.n_fields++] = sv_cut(rest, ',', &rest);
	}
	struct err e = ERR_NONE;
	mapping_map(b, &r, 0, swallow, &sum, &n, &counts, &e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct design *d; // parsed once: it is the same for every input
	struct sv text = {(const char *)data, size}, rows = SV_NONE;
	struct mapping *m = NULL;
	struct mapping_bound *b = NULL;
	struct err e = ERR_NONE;
	uint32_t n;
	if (!d && design_parse(sv_from(corridor), "fuzz", &d, NULL, NULL) != RC_OK)
		return 0;
	const char *split = size ? memmem(data, size, "\n---\n", 5) : NULL;
	if (split) {
		rows = (struct sv){split + 5, size - (size_t)(split + 5 - (const char *)data)};
		text.len = (size_t)(split - (const char *)data) + 1;
	}
	if (mapping_parse(text, "fuzz", d, &m, &e) != RC_OK)
		return 0;
	const struct sv *columns = mapping_required_columns(m, &n);
	bool csv = mapping_reader_options(m)->format == RECORD_CSV;
	struct json_parser *p = json_parser_new(1u << 20);
	if (p && mapping_bind(m, csv ? columns : NULL, n, &b, &e) == RC_OK) {
		while (rows.ptr)
			map_line(m, b, p, sv_cut(rows, '\n', &rows));
	}
	mapping_bound_free(&b);
	json_parser_free(&p);
	mapping_free(&m);
	return 0;
}
