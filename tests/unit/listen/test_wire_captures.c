// SPDX-License-Identifier: Apache-2.0
// What the clients of SDKs really send: every request with a body in ../shared/captures is understood without a
// rejection; for one of each kind, who, when and what is held against what the capture says. Skipped when the captures
// are not there.
#include "wire_test.h"

#include "base/io.h"
#include "base/mem.h"

#include <dirent.h>
#include <stdlib.h>

#define CAPTURE_MAX (1u << 20)

static const char *captures(char path[512])
{
	const char *shared = getenv("CORRIDOR_SHARED");
	snprintf(path, 512, "%s/captures", shared ? shared : EXAMPLES_DIR "/../../shared");
	return path;
}

// One request of a capture file.
struct request {
	struct sv method, path, query, body;
	struct wire_header headers[40];
	uint32_t n_headers;
};

static bool next_line(struct sv *rest, struct sv *line)
{
	if (!rest->ptr)
		return false;
	*line = sv_cut(*rest, '\n', rest);
	return true;
}

// Reads the next request behind a line "--- request …".
static bool next_request(struct sv *rest, struct request *r)
{
	struct sv line = SV_NONE;
	*r = (struct request){.body = SV_NONE};
	do {
		if (!next_line(rest, &line))
			return false;
	} while (!sv_starts(line, SV("--- request")));
	assert_true(next_line(rest, &line));
	r->method = sv_cut(line, ' ', &line);
	r->path = sv_cut(sv_cut(line, ' ', &line), '?', &r->query);
	while (next_line(rest, &line) && line.len) {
		struct sv value, name = sv_cut(line, ':', &value);
		assert_true(r->n_headers < 40);
		r->headers[r->n_headers++] = (struct wire_header){name, value.ptr ? sv_trim(value) : SV("")};
	}
	if (!rest->ptr)
		return true;
	const char *end = memmem(rest->ptr, rest->len, "\n--- request", 12);
	r->body = sv_trim((struct sv){rest->ptr, end ? (size_t)(end - rest->ptr) : rest->len});
	rest->len -= (size_t)(r->body.ptr + r->body.len - rest->ptr);
	rest->ptr = r->body.ptr + r->body.len;
	return true;
}

static bool header_is(const struct request *r, const char *name, const char *start)
{
	for (uint32_t i = 0; i < r->n_headers; i++) {
		if (sv_equal_nocase(r->headers[i].name, sv_from(name)))
			return sv_starts(r->headers[i].value, sv_from(start));
	}
	return false;
}

// The decoder of a path, as a server's routes would choose it; WIRE_KINDS: none.
static enum wire_kind kind_of(const struct request *r)
{
	static const struct {
		const char *end;
		enum wire_kind kind;
	} ends[] = {{"/v1/t", WIRE_SEGMENT_TRACK}, {"/v1/i", WIRE_SEGMENT_IDENTIFY},
		{"/v1/p", WIRE_SEGMENT_PAGE}, {"/v1/s", WIRE_SEGMENT_SCREEN}, {"/v1/g", WIRE_SEGMENT_GROUP},
		{"/v1/a", WIRE_SEGMENT_ALIAS}, {"/v1/b", WIRE_SEGMENT_BATCH}, {"/track", WIRE_SEGMENT_TRACK},
		{"/identify", WIRE_SEGMENT_IDENTIFY}, {"/page", WIRE_SEGMENT_PAGE},
		{"/screen", WIRE_SEGMENT_SCREEN}, {"/group", WIRE_SEGMENT_GROUP},
		{"/alias", WIRE_SEGMENT_ALIAS}, {"/v1/batch", WIRE_SEGMENT_BATCH}, {"/batch/", WIRE_POSTHOG},
		{"/tp2", WIRE_SNOWPLOW}};
	if (sv_equal(r->method, SV("GET")) && sv_equal(r->path, SV("/i")))
		return WIRE_SNOWPLOW_GET;
	if (!sv_equal(r->method, SV("POST")))
		return WIRE_KINDS;
	if (header_is(r, "content-type", "application/cloudevents-batch+json"))
		return WIRE_CLOUDEVENT_BATCH;
	if (header_is(r, "content-type", "application/cloudevents+json"))
		return WIRE_CLOUDEVENT;
	if (header_is(r, "ce-specversion", "1.0"))
		return WIRE_CLOUDEVENT_BINARY;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		if (sv_ends(r->path, sv_from(ends[i].end)))
			return ends[i].kind;
	}
	return WIRE_KINDS;
}

static char *capture_read(const char *name, struct sv *text)
{
	char folder[512], path[1024], *bytes;
	size_t n;
	struct err e = ERR_NONE;
	snprintf(path, sizeof(path), "%s/%s", captures(folder), name);
	if (io_read_file(io_system(), path, CAPTURE_MAX, &bytes, &n, &e) != RC_OK)
		fail_msg("%s", e.message);
	*text = (struct sv){bytes, n};
	return bytes;
}

static enum rc request_decode(struct kept *k, const struct request *r, enum wire_kind kind)
{
	k->c.headers = r->headers;
	k->c.n_headers = r->n_headers;
	return kept_decode(k, kind, kind == WIRE_SNOWPLOW_GET ? r->query : r->body);
}

// How many requests of a file were decoded.
static uint32_t file_decode(struct kept *k, const char *name)
{
	struct sv text;
	struct request r;
	uint32_t n = 0;
	char *bytes = capture_read(name, &text);
	while (next_request(&text, &r)) {
		enum wire_kind kind = kind_of(&r);
		if (kind == WIRE_KINDS)
			continue;
		if (request_decode(k, &r, kind) != RC_OK)
			fail_msg("%s: %s", name, k->err.message);
		if (k->n_rejects)
			fail_msg("%s: %.*s", name, SV_ARG(k->rejects[0].text));
		assert_true(k->n > 0);
		n++;
	}
	mem_free(bytes);
	return n;
}

static bool there(void)
{
	char path[512];
	DIR *d = opendir(captures(path));
	if (d) {
		closedir(d);
		return true;
	}
	printf("skipped: no captures at %s\n", path);
	return false;
}

static void all_files(void **state)
{
	struct kept *k = *state;
	char path[512];
	uint32_t n_files = 0, n_requests = 0;
	if (!there())
		return;
	k->c.received_ms = INT64_C(1795305600000); // 2026-11-22T00:00:00Z
	DIR *d = opendir(captures(path));
	for (struct dirent *entry; (entry = readdir(d));) {
		if (!sv_ends(sv_from(entry->d_name), SV(".txt")) || entry->d_name[0] == '0')
			continue;
		n_files++;
		n_requests += file_decode(k, entry->d_name);
	}
	closedir(d);
	assert_true(n_files > 80);
	assert_true(n_requests > 100);
}

// What the first decoded request of a file must give in its first interaction.
struct expected {
	const char *file;
	uint32_t n; // interactions
	const char *event, *identities, *id, *at, *channel, *links;
};

static const struct expected table[] = {
	{"segment-analytics-node_track.txt", 1, "Order Completed", "user:u1",
		"node-next-1795299028462-3ee3292a-c873-409c-9eda-8809373fb511", "2026-11-21T10:00:00.000Z",
		"api", ""},
	{"segment-analytics-node_identify.txt", 1, "User Identified", "user:u1 email:a@example.com",
		"node-next-1795299028383-86dbed0f-3ee3-492a-8873-609cdeda8809", "2026-11-21T10:00:00.000Z",
		"api", ""},
	{"segment-analytics-node_alias.txt", 1, "Alias Made", "user:u1",
		"node-next-1795299028496-53b3f8fc-2810-42a2-b696-7f61baeb22af", "2026-11-21T22:10:28.496Z",
		"api", "anonymous:an1>user:u1 user:an1>user:u1"},
	{"segment-analytics-node_page.txt", 1, "Page Viewed", "user:u1",
		"node-next-1795299028470-c873609c-deda-4809-b73f-b51153b3f8fc", "2026-11-21T22:10:28.470Z",
		"api", ""},
	{"segment-analytics-next_page.txt", 1, "Page Viewed",
		"user:u1 anonymous:0a5cdf05-9e17-407b-ae82-31bf416524a9",
		"ajs-next-1795299389032-9e17007b-ae82-41bf-8165-24a919a8b265", "2026-11-21T22:16:29.032Z",
		"web", "anonymous:0a5cdf05-9e17-407b-ae82-31bf416524a9>user:u1"},
	{"segment-analytics-next_identify.txt", 1, "User Identified",
		"user:u1 anonymous:0a5cdf05-9e17-407b-ae82-31bf416524a9 email:a@example.com",
		"ajs-next-1795299387973-440a5cdf-059e-4700-bbae-8231bf416524", "2026-11-21T22:16:27.973Z",
		"web", "anonymous:0a5cdf05-9e17-407b-ae82-31bf416524a9>user:u1"},
	{"segment-analytics-next_batch_unload.txt", 1, "LastBeforeUnload",
		"anonymous:40b46a02-78a5-435c-a8b2-3e76d4c6710c",
		"ajs-next-1795299395900-7f3a2b4e-3be8-4f28-a602-272254e67116", "2026-11-21T22:16:35.900Z",
		"web", ""},
	{"rudder-analytics-js_track.txt", 1, "Order Completed",
		"user:u1 anonymous:29772c39-19c7-4c19-9e88-130a85a7dedc email:a@example.com",
		"5f8cb1fe-5ffd-4ae1-8c9b-5ac553e11d15", "2026-11-21T22:17:27.429Z", "web",
		"anonymous:29772c39-19c7-4c19-9e88-130a85a7dedc>user:u1"},
	{"rudder-analytics-js_alias.txt", 1, "Alias Made",
		"user:u2 anonymous:29772c39-19c7-4c19-9e88-130a85a7dedc email:a@example.com",
		"9fa88c0b-a75b-41b7-8220-656ede0893d2", "2026-11-21T22:17:29.577Z", "web",
		"anonymous:u1>user:u2 user:u1>user:u2"},
	{"rudder-sdk-node_identify.txt", 1, "User Identified", "user:u1 email:a@example.com",
		"67de5db2-8fb6-4bb4-9c6f-649adfaab616", "2026-11-21T10:00:00.000Z", "api", ""},
	{"jitsu-js_track.txt", 1, "Order Completed", "user:u1 anonymous:d2e40e65-6295-4c8d-a2e0-b02961cb6ec6",
		"1kvpoz2uhh55vmp2xf7mq", "2026-11-21T22:13:20.938Z", "api",
		"anonymous:d2e40e65-6295-4c8d-a2e0-b02961cb6ec6>user:u1"},
	{"jitsu-js-browser_page.txt", 1, "Page Viewed",
		"user:u1 anonymous:20658dfa-b7c6-41b5-86fc-649062b396f2 email:a@example.com",
		"1mymga8p52i1qi92x9y32t", "2026-11-21T22:19:32.328Z", "web",
		"anonymous:20658dfa-b7c6-41b5-86fc-649062b396f2>user:u1"},
	{"posthog-node_capture.txt", 1, "Order Completed", "user:u1", "01a2002c-030b-7740-b92e-8c6f8efcc46c",
		"2026-11-21T22:13:34.091Z", "api", ""},
	{"posthog-node_identify.txt", 1, "User Identified", "user:u1 email:a@example.com",
		"01a2002c-00af-72f5-b2d8-f7a4c82810b2", "2026-11-21T22:13:33.487Z", "api", ""},
	{"posthog-node_alias.txt", 1, "Alias Made", "user:u1", "01a2002c-0a19-7a05-9427-e059cc4df395",
		"2026-11-21T22:13:35.897Z", "api", "anonymous:an1>user:u1 user:an1>user:u1"},
	{"posthog-node_group.txt", 1, "Group Identified", "group:company_g1",
		"01a2002c-07bf-7ecf-90f5-b841ac57216f", "2026-11-21T22:13:35.295Z", "api", ""},
	{"snowplow-node_struct.txt", 1, "order", "user:u1", "7d2c4b88-e968-401e-8edb-0ac8a11fe236",
		"2026-11-21T22:14:08.870Z", "api", ""},
	{"snowplow-node_selfdescribing.txt", 1, "order", "user:u1", "a0048786-e991-4d3b-9412-a563feb3e0be",
		"2026-11-21T22:14:09.372Z", "api", ""},
	{"snowplow-node_screen.txt", 1, "Screen Viewed", "user:u1", "4a80377b-5b07-4e72-9b39-939a17875e2a",
		"2026-11-21T22:14:08.368Z", "api", ""},
	{"snowplow-node_pageview_get.txt", 1, "Page Viewed", "user:u1", "da8b3aef-d5e2-4a48-82a9-7a5ffe541964",
		"2026-11-21T22:14:09.874Z", "api", ""},
	{"snowplow-node_batch.txt", 12, "order", "anonymous:fb3252be-9db5-43a0-b64a-a434e91e1559",
		"fb3252be-9db5-43a0-b64a-a434e91e1559", "2026-11-21T22:14:10.376Z", "api", ""},
	{"cloudevents_structured.txt", 1, "com.example.order", "user:u1", "/shop#A-1",
		"2026-11-21T10:00:00.000Z", "api", ""},
	{"cloudevents_binary.txt", 1, "com.example.order", "user:u1", "/shop#A-1", "2026-11-21T10:00:00.000Z",
		"api", ""},
	{"cloudevents_batch.txt", 2, "com.example.order", "user:u1", "/shop#A-1", "2026-11-21T10:00:00.000Z",
		"api", ""},
};

static int64_t instant(const char *iso)
{
	struct time_format *f;
	int64_t ms = 0;
	assert_int_equal(time_format_compile(SV("ISO"), &f, NULL), RC_OK);
	assert_true(time_parse(f, NULL, sv_from(iso), &ms, NULL));
	time_format_free(&f);
	return ms;
}

static void expect(struct kept *k, const struct expected *want)
{
	struct sv text;
	struct request r;
	char *bytes = capture_read(want->file, &text);
	do
		assert_true(next_request(&text, &r));
	while (kind_of(&r) == WIRE_KINDS);
	// Received when the clients' clocks said so, or a little later.
	k->c.received_ms = instant("2026-11-21T22:19:40Z");
	for (uint32_t i = 0; i < 2; i++) {
		if (request_decode(k, &r, kind_of(&r)) != RC_OK)
			fail_msg("%s: %s", want->file, k->err.message);
		assert_int_equal(k->n, want->n);
		// Sent minutes ago by the sender's clock, which then is behind; so again as if it came at once.
		int64_t late = k->x[0].at_ms - instant(want->at);
		if (late)
			k->c.received_ms -= late;
	}
	assert_text(k->x[0].event, want->event);
	assert_identities(&k->x[0], want->identities);
	assert_text(k->x[0].id, want->id);
	assert_int_equal(k->x[0].at_ms, instant(want->at));
	assert_text(k->x[0].channel, want->channel);
	assert_links(k, want->links);
	mem_free(bytes);
}

static void chosen_files(void **state)
{
	for (size_t i = 0; there() && i < sizeof(table) / sizeof(table[0]); i++)
		expect(*state, &table[i]);
}

// The 45 events of a batch are there once each, in order.
static void batch_in_order(void **state)
{
	struct kept *k = *state;
	struct sv text;
	struct request r;
	uint32_t total = 0;
	if (!there())
		return;
	char *bytes = capture_read("posthog-node_batch.txt", &text);
	k->c.received_ms = instant("2026-11-21T22:13:38Z");
	while (next_request(&text, &r)) {
		assert_int_equal(request_decode(k, &r, WIRE_POSTHOG), RC_OK);
		for (uint32_t i = 0; i < k->n; i++, total++) {
			char event[16];
			snprintf(event, sizeof(event), "E%u", total);
			assert_text(k->x[i].event, event);
		}
	}
	assert_int_equal(total, 45);
	mem_free(bytes);
}

static int open_kept(void **state)
{
	static struct kept k;
	kept_open(&k);
	*state = &k;
	return 0;
}

static int close_kept(void **state)
{
	kept_close(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_files, open_kept, close_kept),
		cmocka_unit_test_setup_teardown(chosen_files, open_kept, close_kept),
		cmocka_unit_test_setup_teardown(batch_in_order, open_kept, close_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
