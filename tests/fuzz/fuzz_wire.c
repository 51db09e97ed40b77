// SPDX-License-Identifier: Apache-2.0
// Bodies of wire protocols: the first byte chooses the protocol, the rest is the body. Whatever comes, every message
// is either an interaction that has what an interaction needs and whose properties are one JSON object, or rejected
// with a reason; the same body gives the same twice, also when its key is looked for first.
#include "base/json.h"
#include "listen/wire.h"

#include <stdio.h>
#include <stdlib.h>

#define RECEIVED INT64_C(1774792800000) // 2026-03-29T14:00:00Z

static const char corridor[] =
	"corridor: 1\nbrand: F\ntimezone: Europe/Berlin\ncurrency: EUR\nstages: [use]\n"
	"channels: {web: digital, api: digital, phone: contact-centre}\nmeasures: {speed: {unit: Mbit/s}}\n"
	"dimensions: {a: {from: properties.a}, b: {from: properties.a.b}, c: {from: "
	"properties.context.page.path}}\n"
	"touchpoints: {any: {stage: use, match: [{event: E, properties.a: y}, {event: F*}]}}\n";

struct seen {
	struct json_parser *parser;
	uint64_t sum;
	uint32_t n, n_rejects;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "wire: %s\n", what);
	abort();
}

static enum rc take(void *context, uint32_t index, const struct interaction *x, struct err *e)
{
	struct seen *s = context;
	struct json_node root;
	check(x->event.len && x->n_identities && x->identities[0].value.len, "an interaction lacks something");
	check(x->at_ms >= WIRE_PAST_MIN_MS && x->at_ms <= RECEIVED, "a time is absurd");
	check(!x->properties.ptr ||
			(json_parse(s->parser, x->properties, &root, e) == RC_OK && root.type == JSON_OBJECT),
		"the properties are no JSON object");
	check(sv_utf8_valid(x->event, NULL) && sv_utf8_valid(x->identities[0].value, NULL),
		"a text is no UTF-8");
	s->sum = s->sum * 31 + index + x->event.len + x->properties.len + (uint64_t)x->at_ms + x->n_measures;
	s->n++;
	return RC_OK;
}

static enum rc take_link(void *context, const struct wire_link *link, struct err *e)
{
	(void)e;
	check(link->from.value.len && link->to.value.len, "a link lacks something");
	((struct seen *)context)->sum++;
	return RC_OK;
}

static enum rc take_reject(void *context, uint32_t index, struct sv raw, struct sv reason, struct err *e)
{
	struct seen *s = context;
	(void)e;
	(void)raw;
	check(reason.len > 10, "a rejection without a reason");
	s->sum = s->sum * 31 + index + reason.len;
	s->n_rejects++;
	return RC_OK;
}

static enum rc decode(struct wire_decoder *d, enum wire_kind kind, struct sv body, const struct wire_context *c,
	struct seen *s)
{
	const struct wire_sink sink = {s, take, take_link, take_reject};
	struct wire_result r;
	struct err e = ERR_NONE;
	s->sum = s->n = s->n_rejects = 0;
	enum rc rc = wire_decode(d, kind, body, c, &sink, &r, &e);
	check(rc == RC_OK || rc == RC_INPUT || rc == RC_LIMIT, "kind of error");
	check(rc != RC_OK || (r.n_messages == s->n + s->n_rejects && r.n_interactions == s->n), "counts");
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct design *design; // the same for every input
	static struct wire_decoder *d;
	static struct seen s;
	struct sv key;
	if (!design) {
		if (design_parse(sv_from(corridor), "fuzz", &design, NULL, NULL) != RC_OK)
			return 0;
		d = wire_decoder_new();
		s.parser = json_parser_new((size_t)64 << 20);
	}
	if (!size || !d || !s.parser)
		return 0;
	enum wire_kind kind = (enum wire_kind)(data[0] % WIRE_KINDS);
	struct wire_header h[] = {{SV("ce-id"), SV("1")}, {SV("ce-source"), SV("/s%C3")},
		{SV("ce-type"), SV("E")}, {SV("ce-specversion"), SV("1.0")}, {SV("ce-subject"), SV("u1")},
		{SV("content-type"), data[0] & 0x80 ? SV("text/plain") : SV("application/json")}};
	struct wire_context c = {.design = design,
		.source = SV("fuzz"),
		.received_ms = RECEIVED,
		.message_bytes_max = data[0] & 0x40 ? 200 : 0,
		.headers = h,
		.n_headers = 6};
	char *exact = malloc(size); // so that a read past the end is seen
	if (!exact)
		return 0;
	memcpy(exact, data + 1, size - 1);
	struct sv body = {exact, size - 1};
	struct err e = ERR_NONE;
	enum rc rc = decode(d, kind, body, &c, &s);
	uint64_t sum = s.sum;
	wire_key(d, kind, body, 0, &key, &e);
	check(decode(d, kind, body, &c, &s) == rc && s.sum == sum, "the same body gives something else");
	free(exact);
	return 0;
}
