// SPDX-License-Identifier: Apache-2.0
// What decoding costs: batches of 1,000 messages as SDKs send them, to resolved interactions, on one core. Prints
// nanoseconds per message; run by hand: micro_wire [rounds].
#include "listen/wire.h"
#include "base/clock.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

#define MESSAGES 1000

static const char corridor[] =
	"corridor: 1\nbrand: B\ntimezone: Europe/Berlin\ncurrency: EUR\nstages: [discovery, purchase]\n"
	"channels: {web: digital, app: digital, api: digital}\ndimensions: [product, region]\n"
	"touchpoints:\n"
	"  order: {stage: purchase, match: [{event: Order Completed}]}\n"
	"  page: {stage: discovery, match: [{event: Page Viewed, properties.path: /start}]}\n";

static uint64_t sum;

static enum rc take(void *context, uint32_t index, const struct interaction *x, struct err *e)
{
	(void)context;
	(void)e;
	sum += index + x->event.len + x->properties.len + (uint64_t)x->at_ms + x->touchpoint;
	return RC_OK;
}

static enum rc take_link(void *context, const struct wire_link *link, struct err *e)
{
	(void)context;
	(void)e;
	sum += link->to.value.len;
	return RC_OK;
}

static enum rc take_reject(void *context, uint32_t index, struct sv raw, struct sv reason, struct err *e)
{
	(void)context;
	(void)raw;
	return err_set(e, RC_INPUT, "message %u: %.*s", index, SV_ARG(reason));
}

static void node_message(struct buf *b, int i)
{
	buf_printf(b,
		"{\"timestamp\":\"2026-11-21T10:00:%02d.%03dZ\",\"integrations\":{},\"event\":\"Order "
		"Completed\",\"type\":"
		"\"track\",\"properties\":{\"revenue\":%d.95,\"currency\":\"EUR\",\"product\":\"p%d\","
		"\"region\":\"north\"},"
		"\"context\":{\"ip\":\"203.0.113.7\",\"locale\":\"de-DE\",\"library\":{\"name\":\"@segment/"
		"analytics-node\","
		"\"version\":\"3.1.0\"}},\"userId\":\"u%d\",\"messageId\":\"node-next-1795299028462-3ee3292a-%"
		"08d-403e-"
		"8809373fb511\",\"_metadata\":{\"nodeVersion\":\"v20.20.2\",\"jsRuntime\":\"node\"}}",
		i % 60, i, i, i % 7, i * 7919, i);
}

static void browser_message(struct buf *b, int i)
{
	buf_printf(b,
		"{\"timestamp\":\"2026-11-21T10:00:%02d.%03dZ\",\"type\":\"page\",\"properties\":{\"path\":\"/"
		"start\","
		"\"referrer\":\"\",\"search\":\"?utm_source=mail\",\"title\":\"Shop\",\"url\":\"https://"
		"shop.example/start\","
		"\"category\":\"Docs\",\"name\":\"Start\"},\"context\":{\"page\":{\"path\":\"/"
		"start\",\"referrer\":\"\",\"search\":"
		"\"?utm_source=mail\",\"title\":\"Shop\",\"url\":\"https://shop.example/"
		"start\"},\"userAgent\":\"Mozilla/5.0 (X11; "
		"Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 "
		"Safari/537.36\",\"userAgentData\":"
		"{\"brands\":[{\"brand\":\"Chromium\",\"version\":\"156\"}],\"mobile\":false,\"platform\":"
		"\"Linux\"},\"locale\":"
		"\"de-DE\",\"library\":{\"name\":\"analytics.js\",\"version\":\"npm:next-1.84.3\"},"
		"\"campaign\":{\"source\":\"mail\"},"
		"\"timezone\":\"UTC\"},\"messageId\":\"ajs-next-1795299389032-%08d-ae82-41bf-8165-"
		"24a919a8b265\",\"userId\":\"u%d\","
		"\"anonymousId\":\"0a5cdf05-9e17-407b-ae82-%08d\"}",
		i % 60, i, i, i * 7919, i);
}

static void measure(
	const char *name, void (*message)(struct buf *, int), const struct wire_context *c, int rounds)
{
	static const struct wire_sink sink = {NULL, take, take_link, take_reject};
	const struct clock *clock = clock_system();
	struct wire_decoder *d = wire_decoder_new();
	struct buf body = buf_new(16 << 20);
	struct wire_result r = {0};
	struct err e = ERR_NONE;
	int64_t best = INT64_MAX;
	buf_str(&body, "{\"batch\":[");
	for (int i = 0; i < MESSAGES; i++) {
		if (i)
			buf_char(&body, ',');
		message(&body, i);
	}
	buf_str(&body, "],\"writeKey\":\"K\",\"sentAt\":\"2026-11-21T10:01:00.000Z\"}");
	for (int round = 0; d && round < rounds; round++) {
		int64_t start = clock->monotonic_ns(clock);
		enum rc rc = wire_decode(d, WIRE_SEGMENT_BATCH, buf_view(&body), c, &sink, &r, &e);
		int64_t took = clock->monotonic_ns(clock) - start;
		if (rc != RC_OK || r.n_interactions != MESSAGES) {
			fprintf(stderr, "%s\n", e.message);
			exit(1);
		}
		best = took < best ? took : best;
	}
	printf("%-10s %zu bytes a message, %.0f ns a message\n", name, body.len / MESSAGES,
		(double)best / MESSAGES);
	buf_free(&body);
	wire_decoder_free(&d);
}

int main(int argc, char **argv)
{
	struct design *design;
	struct err e = ERR_NONE;
	int rounds = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 200;
	if (design_parse(sv_from(corridor), "bench", &design, NULL, &e) != RC_OK) {
		fprintf(stderr, "%s\n", e.message);
		return 1;
	}
	struct wire_context c = {.design = design,
		.source = SV("shop"),
		.received_ms = 1795255260100,
		.batch_bytes_max = 16 << 20};
	measure("server", node_message, &c, rounds);
	measure("browser", browser_message, &c, rounds);
	design_free(&design);
	return sum == 0;
}
