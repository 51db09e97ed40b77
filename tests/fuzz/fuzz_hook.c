// SPDX-License-Identifier: Apache-2.0
// Bodies of webhooks, behind lines of headers and a line "---". Whatever comes, every object is an interaction that has
// what one needs, or rejected with a reason; the same body gives the same twice; no style of signing takes it, since
// nobody here knows the secret.
#include "base/mem.h"
#include "listen/hook.h"
#include "listen/signature.h"

#include <stdio.h>
#include <stdlib.h>

#define RECEIVED INT64_C(1774792800000) // 2026-03-29T14:00:00Z
enum { HEADERS_MAX = 16 };

static const char corridor[] = "corridor: 1\nbrand: F\ntimezone: Europe/Berlin\ncurrency: EUR\nstages: [use]\n"
			       "channels: {web: digital, phone: contact-centre}\ndimensions: [a, b]\n"
			       "touchpoints: {any: {stage: use, match: [{event: E}, {event: F*}]}}\n";

// For JSON as help desks and shops send it, and for forms as telephone systems do.
static const char *const mappings[] = {
	"mapping: 1\nsource: desk\nformat: ndjson\ninteractions:\n"
	"  - when: {ticket.status: solved}\n    event: E\n    id: \"{ticket.id}-solved\"\n"
	"    customer: {user: \"{ticket.user.id}\", email: \"{ticket.user.email}\"}\n"
	"    at: {column: ticket.at, format: iso}\n    text: \"{ticket.comment}\"\n"
	"    measures: {csat: {column: ticket.rating, optional: true}}\n    properties: [a, b]\n"
	"  - when: {type: order}\n    event: Fo\n    customer: {user: \"{customer}\"}\n    at: {column: at, "
	"format: unix}\n"
	"    channel: \"{channel}\"\n    promise: \"{number}\"\n",
	"mapping: 1\nsource: phone\nformat: ndjson\ninteractions:\n"
	"  - event: F\n    id: \"{CallId}\"\n    customer: {phone: \"{From}\"}\n    at: {column: EndedAt, "
	"format: unix}\n"
	"    channel: phone\n    measures: {wait: \"{QueueSeconds}\"}\n    properties: [{a: \"{Menu}\"}]\n",
};
enum { MAPPINGS = sizeof(mappings) / sizeof(mappings[0]) };

struct seen {
	uint64_t sum;
	uint32_t n, n_rejects;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "hook: %s\n", what);
	abort();
}

static enum rc take(void *context, uint32_t index, const struct interaction *x, struct err *e)
{
	struct seen *s = context;
	(void)e;
	check(x->event.len && x->n_identities && x->identities[0].value.len, "an interaction lacks something");
	check(sv_utf8_valid(x->event, NULL) && sv_utf8_valid(x->identities[0].value, NULL),
		"a text is no UTF-8");
	s->sum = s->sum * 31 + index + x->event.len + x->properties.len + (uint64_t)x->at_ms + x->n_measures;
	s->n++;
	return RC_OK;
}

static enum rc take_reject(void *context, uint32_t index, struct sv raw, struct sv reason, struct err *e)
{
	struct seen *s = context;
	(void)raw;
	(void)e;
	check(reason.len > 10, "a rejection without a reason");
	s->sum = s->sum * 31 + index + reason.len;
	s->n_rejects++;
	return RC_OK;
}

static enum rc decode(struct hook *h, struct sv body, size_t bytes_max, struct seen *s)
{
	const struct wire_sink sink = {s, take, NULL, take_reject};
	struct hook_result r;
	struct err e = ERR_NONE;
	*s = (struct seen){0};
	enum rc rc = hook_decode(h, body, bytes_max, RECEIVED, &sink, &r, &e);
	check(rc == RC_OK || rc == RC_LIMIT, "kind of error");
	check(rc != RC_OK || (r.n_interactions == s->n && r.n_rejected == s->n_rejects), "counts");
	return rc;
}

static struct sv headers_read(struct sv text, struct wire_header *out, uint32_t *n)
{
	struct sv line = sv_cut(text, '\n', &text);
	for (; line.ptr && !sv_equal(line, SV("---")); line = sv_cut(text, '\n', &text)) {
		struct sv value = SV_NONE, name = sv_cut(line, ':', &value);
		if (*n < HEADERS_MAX)
			out[(*n)++] = (struct wire_header){name, value.ptr ? sv_trim(value) : SV("")};
	}
	return text;
}

static void verify_all(const struct wire_header *headers, uint32_t n_headers, struct sv body)
{
	uint32_t n;
	const struct signature_style *styles = signature_styles(&n);
	for (uint32_t i = 0; i < n; i++) {
		struct err e = ERR_NONE;
		const struct signature_check c = {.style = &styles[i],
			.secrets = {SV("whsec_c2VjcmV0IG9mIHRoaXJ0eSB0d28gYnl0ZXMgISE="),
				SV("an older secret that nobody guesses")},
			.n_secrets = 2};
		enum rc rc = signature_verify(&c, headers, n_headers, body, RECEIVED, &e);
		check(rc == RC_DENIED && e.message[0], "taken without the secret");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct design *design; // all of it the same for every input
	static struct mapping *mapping[MAPPINGS];
	static struct hook *hook[MAPPINGS];
	struct err e = ERR_NONE;
	if (!design) {
		check(design_parse(sv_from(corridor), "fuzz", &design, NULL, &e) == RC_OK, e.message);
		for (int i = 0; i < MAPPINGS; i++) {
			check(mapping_parse(sv_from(mappings[i]), "fuzz", design, &mapping[i], &e) == RC_OK,
				e.message);
			check(hook_open(mapping[i], design, SV("fuzz"), &hook[i], &e) == RC_OK, e.message);
		}
	}
	if (!size)
		return 0;
	char *exact = malloc(size); // so that a read past the end is seen
	if (!exact)
		return 0;
	memcpy(exact, data + 1, size - 1);
	struct wire_header headers[HEADERS_MAX];
	uint32_t n_headers = 0;
	struct sv body = headers_read((struct sv){exact, size - 1}, headers, &n_headers);
	struct hook *h = hook[data[0] % MAPPINGS];
	size_t bytes_max = data[0] & 0x40 ? 200 : 0;
	struct seen first, second;
	enum rc rc = decode(h, body, bytes_max, &first);
	check(decode(h, body, bytes_max, &second) == rc && first.sum == second.sum,
		"the same body gives something else");
	verify_all(headers, n_headers, body);
	free(exact);
	return 0;
}
