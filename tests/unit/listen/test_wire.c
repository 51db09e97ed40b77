// SPDX-License-Identifier: Apache-2.0
// Wire protocols on texts of our own: what becomes of each field, what is refused and why, and that one bad message
// never costs the others.
#include "wire_test.h"

#include "base/json.h"
#include "base/mem.h"

#include <stdlib.h>

#define U "\"userId\":\"u1\""

// --- Segment ---

static void segment_events(void **state)
{
	struct kept *k = *state;
	const struct interaction *x =
		one(k, WIRE_SEGMENT_TRACK, "{\"event\":\"Order Completed\"," U ",\"messageId\":\"m1\"}");
	assert_text(x->event, "Order Completed");
	assert_text(x->source, "shop");
	assert_text(x->id, "m1");
	assert_touchpoint(k, x, "order");
	assert_text(x->properties, NULL);
	assert_int_equal(x->at_ms, RECEIVED);
	assert_text(one(k, WIRE_SEGMENT_IDENTIFY, "{" U "}")->event, "User Identified");
	assert_text(one(k, WIRE_SEGMENT_PAGE, "{" U "}")->event, "Page Viewed");
	assert_text(one(k, WIRE_SEGMENT_SCREEN, "{" U "}")->event, "Screen Viewed");
	assert_text(one(k, WIRE_SEGMENT_GROUP, "{" U ",\"groupId\":\"g\"}")->event, "Group Identified");
	assert_text(k->x[0].properties, "{\"groupId\":\"g\"}");
	assert_text(one(k, WIRE_SEGMENT_ALIAS, "{" U ",\"previousId\":\"p\"}")->event, "Alias Made");
	assert_text(k->x[0].properties, "{\"previousId\":\"p\"}");
	assert_links(k, "anonymous:p>user:u1 user:p>user:u1");
	// The endpoint decides, in a batch the type; `action` is its old name.
	assert_text(one(k, WIRE_SEGMENT_PAGE, "{\"type\":\"track\"," U "}")->event, "Page Viewed");
	assert_text(one(k, WIRE_SEGMENT_BATCH, "{\"batch\":[{\"action\":\"screen\"," U "}]}")->event,
		"Screen Viewed");
}

// Only a trusted sender is believed whose an e-mail address is.
static void email_links(void **state)
{
	struct kept *k = *state;
	const char *both = "{\"userId\":\"u1\",\"traits\":{\"email\":\"Ann@Example.com\"}}";
	one(k, WIRE_SEGMENT_IDENTIFY, both);
	assert_links(k, "");
	k->c.links_email = true;
	one(k, WIRE_SEGMENT_IDENTIFY, both);
	assert_links(k, "email:ann@example.com>user:u1");
	one(k, WIRE_SEGMENT_IDENTIFY,
		"{\"userId\":\"u1\",\"anonymousId\":\"a\",\"traits\":{\"email\":\"ann@example.com\"}}");
	assert_links(k, "anonymous:a>user:u1 email:ann@example.com>user:u1");
	one(k, WIRE_SEGMENT_TRACK,
		"{\"event\":\"E\",\"userId\":\"u1\",\"context\":{\"traits\":{\"email\":\"ann@example.com\"}}}");
	assert_links(k, "email:ann@example.com>user:u1");
	// Nobody is known by name; the traits are a group's; nobody has an address.
	one(k, WIRE_SEGMENT_IDENTIFY, "{\"anonymousId\":\"a\",\"traits\":{\"email\":\"ann@example.com\"}}");
	assert_links(k, "");
	one(k, WIRE_SEGMENT_GROUP,
		"{\"userId\":\"u1\",\"groupId\":\"g\",\"traits\":{\"email\":\"office@example.com\"}}");
	assert_links(k, "");
	one(k, WIRE_SEGMENT_IDENTIFY, "{\"userId\":\"u1\",\"traits\":{\"email\":7}}");
	assert_links(k, "");
	one(k, WIRE_NATIVE,
		"{\"customer\":{\"user\":\"u2\",\"email\":\"bob@example.com\"},\"event\":\"E\",\"at\":"
		"1774792800000}");
	assert_links(k, "email:bob@example.com>user:u2");
	k->c.links_email = false;
}

static void segment_properties(void **state)
{
	struct kept *k = *state;
	const struct interaction *x = one(k, WIRE_SEGMENT_PAGE,
		"{" U ",\"name\":\"Start\",\"category\":\"Docs\",\"properties\":{ \"path\": \"/start\", \"n\" "
		": 1.50 },"
		"\"context\":{\"page\":{\"path\":\"/"
		"p\"},\"ip\":\"203.0.113.7\",\"locale\":\"de-DE\",\"os\":{}}}");
	assert_text(x->properties,
		"{ \"path\": \"/start\", \"n\" : 1.50 ,\"name\":\"Start\",\"category\":\"Docs\","
		"\"context\":{\"page\":{\"path\":\"/p\"},\"locale\":\"de-DE\"}}");
	assert_touchpoint(k, x, "start");
	assert_text(dimension_of(k, x, "landing"), "/p");
	// What the properties of a page call say already is not said again.
	x = one(k, WIRE_SEGMENT_PAGE,
		"{" U ",\"name\":\"A\",\"properties\":{\"url\":\"u\",\"name\":\"B\"},\"context\":{\"page\":{"
		"\"path\":\"/p\"}}}");
	assert_text(x->properties, "{\"url\":\"u\",\"name\":\"B\"}");
	assert_text(dimension_of(k, x, "landing"), NULL);
	x = one(k, WIRE_SEGMENT_IDENTIFY, "{" U ",\"traits\":{\"plan\":\"pro\",\"age\":7}}");
	assert_text(x->properties, "{\"traits\":{\"plan\":\"pro\",\"age\":7}}");
	assert_text(dimension_of(k, x, "plan"), "pro");
	// Of a name that comes twice, and of the context's in the properties, the first counts.
	x = one(k, WIRE_SEGMENT_TRACK,
		"{\"event\":\"E\"," U
		",\"properties\":{\"product\":\"a\",\"product\":\"b\",\"context\":1},\"context\":{\"locale\":"
		"\"x\"}}");
	assert_text(x->properties, "{\"product\":\"a\",\"product\":\"b\",\"context\":1}");
	assert_text(dimension_of(k, x, "product"), "a");
	// A name with a dot in it comes before a look inside, as when stored properties are read.
	x = one(k, WIRE_SEGMENT_TRACK,
		"{\"event\":\"E\"," U
		",\"properties\":{\"address\":{\"city\":\"in\"},\"address.city\":\"dot\"}}");
	assert_text(dimension_of(k, x, "city"), "dot");
	x = one(k, WIRE_SEGMENT_TRACK, "{\"event\":\"E\"," U ",\"properties\":{\"address\":{\"city\":12.50}}}");
	assert_text(dimension_of(k, x, "city"), "12.5");
}

// A batch may carry the context of messages that have none of their own.
static void segment_batch_context(void **state)
{
	struct kept *k = *state;
	assert_int_equal(kept_decode(k, WIRE_SEGMENT_BATCH,
				 SV("{\"batch\":[{\"type\":\"track\",\"event\":\"E\"," U
				    "},{\"type\":\"track\",\"event\":\"E\"," U ",\"context\":{}}],"
				    "\"context\":{\"locale\":\"de\",\"traits\":{\"email\":\"a@b.example\"}}}")),
		RC_OK);
	assert_text(k->x[0].properties, "{\"context\":{\"locale\":\"de\"}}");
	assert_identities(&k->x[0], "user:u1 email:a@b.example");
	assert_text(k->x[1].properties, NULL);
}

// What is lifted out at once must be what is found again in the properties that are stored.
static void segment_restated(void **state)
{
	struct kept *k = *state;
	const struct interaction *x = one(k, WIRE_SEGMENT_TRACK,
		"{\"event\":\"E\"," U
		",\"properties\":{\"product\":\"\\u00e4\\\"\",\"address\":{\"city\":3}},\"traits\":{\"plan\":"
		"true},\"context\":{\"page\":{\"path\":\"/x\"},\"ip\":\"1\"}}");
	struct json_parser *p = json_parser_new(1u << 20);
	struct json_node root;
	char digits[32];
	if (json_parse(p, x->properties, &root, &k->err) != RC_OK)
		fail_msg("%s", k->err.message);
	for (uint32_t i = 0; i < k->design->n_dimensions; i++) {
		struct sv path = k->design->paths[k->design->dimension_path[i]];
		struct sv want = json_text(json_path(root, (struct sv){path.ptr + 11, path.len - 11}), digits);
		assert_true(want.len > 0);
		assert_true(sv_equal(x->dimensions[i], want));
	}
	json_parser_free(&p);
}

static void segment_identities(void **state)
{
	struct kept *k = *state;
	const struct interaction *x = one(k, WIRE_SEGMENT_IDENTIFY,
		"{\"userId\":17,\"anonymousId\":\"a\",\"traits\":{\"email\":\" Ann@Example.COM "
		"\",\"phone\":\"+49 30 1\"}}");
	assert_identities(x, "user:17 anonymous:a email:ann@example.com phone:+49 30 1");
	assert_links(k, "anonymous:a>user:17");
	assert_identities(one(k, WIRE_SEGMENT_TRACK, "{\"event\":\"E\",\"userId\":null,\"anonymousId\":\"a\"}"),
		"anonymous:a");
	assert_links(k, "");
	assert_identities(one(k, WIRE_SEGMENT_TRACK, "{\"event\":\"E\",\"userId\":\"\",\"anonymousId\":\"a\"}"),
		"anonymous:a");
	// The traits of a group call are the group's, those of the context the person's.
	x = one(k, WIRE_SEGMENT_GROUP,
		"{" U ",\"groupId\":\"g\",\"traits\":{\"email\":\"all@acme.example\"},\"context\":{\"traits\":{"
		"\"email\":"
		"\"b@c.example\"}}}");
	assert_identities(x, "user:u1 email:b@c.example");
	// Every link once per body.
	assert_int_equal(kept_decode(k, WIRE_SEGMENT_BATCH,
				 SV("{\"batch\":[{\"type\":\"page\",\"userId\":\"u\",\"anonymousId\":\"a\"},"
				    "{\"type\":\"page\",\"userId\":\"u\",\"anonymousId\":\"a\"},"
				    "{\"type\":\"page\",\"userId\":\"v\",\"anonymousId\":\"a\"}]}")),
		RC_OK);
	assert_links(k, "anonymous:a>user:u anonymous:a>user:v");
}

static int64_t at_of(struct kept *k, const char *times)
{
	char body[512];
	snprintf(body, sizeof(body), "{\"event\":\"E\"," U "%s%s}", *times ? "," : "", times);
	return one(k, WIRE_SEGMENT_TRACK, body)->at_ms;
}

// received = 2026-03-29T14:00:00Z
static void segment_times(void **state)
{
	struct kept *k = *state;
	const int64_t hour = 3600000;
	assert_int_equal(at_of(k, ""), RECEIVED);
	assert_int_equal(at_of(k, "\"timestamp\":\"2026-03-29T13:00:00.250Z\""), RECEIVED - hour + 250);
	assert_int_equal(at_of(k, "\"timestamp\":\"2026-03-29T15:00:00+02:00\""), RECEIVED - hour);
	assert_int_equal(at_of(k, "\"timestamp\":\"2026-03-29T13:00:00\""), RECEIVED - hour);
	assert_int_equal(at_of(k, "\"timestamp\":\"2026-03-29\""), RECEIVED - 14 * hour);
	assert_int_equal(at_of(k, "\"timestamp\":1774789200000"), RECEIVED - hour);
	assert_int_equal(at_of(k, "\"timestamp\":1774789200"), RECEIVED - hour);
	// A clock that is an hour behind: sent at 13:00 by it, happened ten minutes before.
	assert_int_equal(at_of(k, "\"timestamp\":\"2026-03-29T12:50:00Z\",\"sentAt\":\"2026-03-29T13:00:00Z\""),
		RECEIVED - hour / 6);
	// One that is two years ahead.
	assert_int_equal(at_of(k, "\"timestamp\":\"2028-03-29T13:50:00Z\",\"sentAt\":\"2028-03-29T14:00:00Z\""),
		RECEIVED - hour / 6);
	// The way of the request is no wrong clock.
	assert_int_equal(
		at_of(k, "\"timestamp\":\"2026-03-29T13:50:00Z\",\"sentAt\":\"2026-03-29T13:59:58.100Z\""),
		RECEIVED - hour / 6);
	// Nothing happens after it was received.
	assert_int_equal(at_of(k, "\"timestamp\":\"2026-03-29T14:00:01.500Z\""), RECEIVED);
	// The caller's own time comes before the call's; a sentAt that is none is none.
	assert_int_equal(at_of(k, "\"originalTimestamp\":\"2026-03-29T13:30:00Z\""), RECEIVED - hour / 2);
	assert_int_equal(at_of(k, "\"timestamp\":\"2026-03-29T13:00:00Z\",\"originalTimestamp\":\"2026-03-"
				  "29T13:30:00Z\""),
		RECEIVED - hour);
	assert_int_equal(
		at_of(k, "\"timestamp\":\"2026-03-29T13:00:00Z\",\"sentAt\":\"yes\""), RECEIVED - hour);
	// Of a batch, the batch's time of sending counts.
	one(k, WIRE_SEGMENT_BATCH,
		"{\"batch\":[{\"type\":\"page\"," U
		",\"timestamp\":\"2026-03-29T12:50:00Z\",\"sentAt\":\"2026-03-29T12:51:00Z\"}],"
		"\"sentAt\":\"2026-03-29T13:00:00Z\"}");
	assert_int_equal(k->x[0].at_ms, RECEIVED - hour / 6);
}

static struct sv channel_of(struct kept *k, enum wire_kind kind, const char *members)
{
	char body[512];
	snprintf(body, sizeof(body), "{\"event\":\"E\"," U ",%s}", members);
	return one(k, kind, body)->channel;
}

static void segment_channels(void **state)
{
	struct kept *k = *state;
	const struct {
		enum wire_kind kind;
		const char *members, *channel;
	} cases[] = {
		{WIRE_SEGMENT_TRACK, "\"context\":{\"library\":{\"name\":\"analytics.js\"}}", "web"},
		{WIRE_SEGMENT_TRACK, "\"context\":{\"library\":{\"name\":\"analytics-ios\"}}", "app"},
		{WIRE_SEGMENT_TRACK, "\"context\":{\"library\":{\"name\":\"analytics-python\"}}", "api"},
		{WIRE_SEGMENT_TRACK, "\"context\":{\"library\":{\"name\":\"@jitsu/js\",\"env\":\"node\"}}",
			"api"},
		{WIRE_SEGMENT_TRACK, "\"context\":{\"library\":{\"name\":\"@jitsu/js\",\"env\":\"browser\"}}",
			"web"},
		{WIRE_SEGMENT_TRACK, "\"context\":{\"userAgent\":\"Mozilla/5.0\"}", "web"},
		{WIRE_SEGMENT_TRACK, "\"context\":{}", "api"},
		{WIRE_SEGMENT_SCREEN, "\"context\":{}", "app"},
		{WIRE_SEGMENT_PAGE, "\"context\":{}", "web"},
		{WIRE_SEGMENT_TRACK, "\"channel\":\"mobile\"", "app"},
		{WIRE_SEGMENT_TRACK, "\"channel\":\"server\"", "api"},
		{WIRE_SEGMENT_TRACK, "\"channel\":\"phone\"", "phone"},
		{WIRE_SEGMENT_TRACK, "\"channel\":\"nothing of ours\"", "api"},
		{WIRE_SEGMENT_TRACK, "\"context\":{\"channel\":\"phone\"}", "phone"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_text(channel_of(k, cases[i].kind, cases[i].members), cases[i].channel);
	k->c.channel = SV("app");
	assert_text(channel_of(k, WIRE_SEGMENT_TRACK, "\"channel\":\"web\""), "app");
	assert_text(channel_of(k, WIRE_SEGMENT_TRACK, "\"context\":{\"channel\":\"phone\"}"), "phone");
}

static const struct interaction *with(struct kept *k, const char *properties)
{
	char body[1024];
	snprintf(body, sizeof(body), "{\"event\":\"E\"," U ",\"properties\":{%s}}", properties);
	return one(k, WIRE_SEGMENT_TRACK, body);
}

static void measures(void **state)
{
	struct kept *k = *state;
	assert_measure(k, with(k, "\"revenue\":39.95,\"value\":1,\"total\":2"), "amount", 3995);
	assert_measure(k, with(k, "\"total\":\"12.50\",\"value\":1"), "amount", 1250);
	assert_measure(k, with(k, "\"amount\":0.1"), "amount", 10);
	assert_measure(k, with(k, "\"value\":5"), "amount", (double)NAN);
	assert_measure(k, with(k, "\"value\":5,\"currency\":\"eur\""), "amount", 500);
	const struct interaction *x = with(k, "\"revenue\":5,\"shipping\":2,\"currency\":\"USD\"");
	assert_measure(k, x, "amount", (double)NAN);
	assert_measure(k, x, "shipping", (double)NAN);
	assert_int_equal(k->result.n_ignored, 2);
	assert_measure(k, with(k, "\"shipping\":4.99"), "shipping", 499);
	x = with(k, "\"nps\":9,\"csat\":5,\"ces\":\"6\",\"duration\":12.5,\"resolved\":true,\"speed\":50");
	assert_measure(k, x, "nps", 9);
	assert_measure(k, x, "csat", 5);
	assert_measure(k, x, "ces", 6);
	assert_measure(k, x, "duration", 12.5);
	assert_measure(k, x, "resolved", 1);
	assert_measure(k, x, "speed", 50);
	// Outside its range, twice, or no number: still a property, and counted.
	x = with(k, "\"nps\":97,\"csat\":4,\"csat\":5,\"ces\":\"good\",\"duration\":null");
	assert_int_equal(x->n_measures, 1);
	assert_measure(k, x, "csat", 4);
	assert_int_equal(k->result.n_ignored, 3);
	assert_text(x->properties, "{\"nps\":97,\"csat\":4,\"csat\":5,\"ces\":\"good\",\"duration\":null}");
}

static void other_fields(void **state)
{
	struct kept *k = *state;
	const struct interaction *x =
		with(k, "\"agent\":\"kim\",\"location\":\"Kiel\",\"comment\":\"slow\",\"text\":\"late\","
			"\"promise\":{\"id\":\"p1\",\"due\":\"2026-04-01T00:00:00Z\"},\"keeps\":7");
	assert_text(x->agent, "kim");
	assert_text(x->location, "Kiel");
	assert_text(x->text, "late");
	assert_text(x->promise, "p1");
	assert_int_equal(x->due_ms, INT64_C(1775001600000));
	assert_text(x->keeps, "7");
	x = with(k, "\"agent\":{\"a\":1},\"location\":3,\"promise\":\"p2\"");
	assert_text(x->agent, NULL);
	assert_text(x->location, NULL);
	assert_text(x->promise, "p2");
	assert_int_equal(x->due_ms, TIME_NONE);
}

static void segment_refused(void **state)
{
	struct kept *k = *state;
	const struct {
		enum wire_kind kind;
		const char *body, *reason;
	} cases[] = {
		{WIRE_SEGMENT_TRACK, "{" U "}",
			"event is missing; send the name of what happened with every track call"},
		{WIRE_SEGMENT_TRACK, "{\"event\":{}," U "}",
			"event is neither a text nor a number; send it as a text"},
		{WIRE_SEGMENT_TRACK, "{\"event\":\"E\"}",
			"userId and anonymousId are missing; send one of them"},
		{WIRE_SEGMENT_TRACK, "{\"event\":\"E\",\"userId\":true}",
			"userId is neither a text nor a number; send it as a text"},
		{WIRE_SEGMENT_TRACK, "{\"event\":\"E\",\"userId\":\"a\\u0000b\"}",
			"userId holds a NUL character; leave it out"},
		{WIRE_SEGMENT_TRACK, "{\"event\":\"E\"," U ",\"properties\":[]}",
			"properties is no object; send {} or leave it out"},
		{WIRE_SEGMENT_IDENTIFY, "{" U ",\"traits\":\"x\"}",
			"traits is no object; send {} or leave it out"},
		{WIRE_SEGMENT_TRACK, "{\"event\":\"E\"," U ",\"timestamp\":\"yesterday\"}",
			"timestamp is no time: \"yesterday\"; send it as 2026-03-29T14:30:00.000Z, or as Unix "
			"milliseconds"},
		{WIRE_SEGMENT_TRACK, "{\"event\":\"E\"," U ",\"timestamp\":{}}",
			"timestamp is no time; send it as 2026-03-29T14:30:00.000Z, or as Unix milliseconds"},
		{WIRE_SEGMENT_TRACK, "{\"event\":\"E\"," U ",\"timestamp\":\"2026-02-30T00:00:00Z\"}",
			"timestamp is no time: \"2026-02-30T00:00:00Z\"; send it as 2026-03-29T14:30:00.000Z, "
			"or as Unix "
			"milliseconds"},
		{WIRE_SEGMENT_TRACK, "{\"event\":\"E\"," U ",\"timestamp\":\"2026-03-31T14:00:00Z\"}",
			"timestamp is more than a day ahead of the time of receipt; send the time that it "
			"happened at, and "
			"sentAt by the same clock"},
		{WIRE_SEGMENT_TRACK, "{\"event\":\"E\"," U ",\"timestamp\":1774789}",
			"timestamp is before 1980; send it as 2026-03-29T14:30:00.000Z, or as Unix "
			"milliseconds"},
		{WIRE_SEGMENT_TRACK, "{\"event\":\"E\"," U ",\"context\":{\"channel\":\"telex\"}}",
			"channel is not declared in the corridor file: \"telex\"; declare it under channels:, "
			"or send one that "
			"is"},
		{WIRE_SEGMENT_TRACK, "{\"event\":\"E\"," U ",\"properties\":{\"product\":\"\\u0000\"}}",
			"a property holds a NUL character: \"product\"; leave it out"},
		{WIRE_SEGMENT_ALIAS, "{" U "}", "alias needs previousId and userId; send both"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		refused(k, cases[i].kind, cases[i].body, cases[i].reason);
}

// --- bodies ---

static void bodies_refused(void **state)
{
	struct kept *k = *state;
	const struct {
		enum wire_kind kind;
		const char *body, *message, *remedy;
	} cases[] = {
		{WIRE_SEGMENT_BATCH, "", "the body is empty", "send {\"batch\": [messages]}"},
		{WIRE_SEGMENT_BATCH, "[]", "the body holds no messages", "send {\"batch\": [messages]}"},
		{WIRE_SEGMENT_BATCH, "{}", "the body holds no messages", "send {\"batch\": [messages]}"},
		{WIRE_SEGMENT_BATCH, "{\"batch\":7}", "the body holds no messages",
			"send {\"batch\": [messages]}"},
		{WIRE_SEGMENT_TRACK, "[1]", "the body holds no messages", "send one JSON object"},
		{WIRE_CLOUDEVENT_BATCH, "{}", "the body holds no messages", "send a list of events"},
		{WIRE_NATIVE, "7", "the body holds no messages", NULL},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(kept_decode(k, cases[i].kind, sv_from(cases[i].body)), RC_INPUT);
		assert_string_equal(k->err.message, cases[i].message);
		if (cases[i].remedy)
			assert_string_equal(k->err.remedy, cases[i].remedy);
		assert_int_equal(k->n + k->n_rejects, 0);
	}
	const char *broken[] = {"{\"batch\":[{\"type\":\"page\"", "{\"batch\":[}", "nothing",
		"{\"batch\":[{},]]}", "{\"batch\":[\"]}", "{\"batch\":[]} x", "{\"batch\"", "\xff"};
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
		assert_int_equal(kept_decode(k, WIRE_SEGMENT_BATCH, sv_from(broken[i])), RC_INPUT);
	assert_int_equal(kept_decode(k, WIRE_SEGMENT_BATCH, SV(" {\"batch\":[]} ")), RC_OK);
	assert_int_equal(kept_decode(k, WIRE_SEGMENT_BATCH, SV("\xEF\xBB\xBF{\"batch\":[]}")), RC_OK);
}

static void sizes(void **state)
{
	struct kept *k = *state;
	static char body[600 << 10];
	int n = snprintf(
		body, sizeof(body), "{\"event\":\"E\"," U ",\"properties\":{\"a\":\"%0*d\"}}", 33000, 7);
	assert_int_equal(kept_decode(k, WIRE_SEGMENT_TRACK, (struct sv){body, (size_t)n}), RC_OK);
	assert_int_equal(k->n_rejects, 1);
	assert_text(k->rejects[0].text,
		"message is larger than the allowed 32768 bytes; send less with it, or allow more");
	k->c.message_bytes_max = 40000;
	assert_int_equal(kept_decode(k, WIRE_SEGMENT_TRACK, (struct sv){body, (size_t)n}), RC_OK);
	assert_int_equal(k->n, 1);
	n = snprintf(body, sizeof(body), "{\"batch\":[{\"a\":\"%0*d\"}]}", 512000, 7);
	assert_int_equal(kept_decode(k, WIRE_SEGMENT_BATCH, (struct sv){body, (size_t)n}), RC_LIMIT);
	assert_string_equal(k->err.message, "the body of 512020 bytes is larger than the allowed 512000");
	k->c.batch_bytes_max = 550000;
	assert_int_equal(kept_decode(k, WIRE_SEGMENT_BATCH, (struct sv){body, (size_t)n}), RC_OK);
	assert_int_equal(k->n_rejects, 1);
}

// Each kind of bad message between two good ones.
static void one_bad_message(void **state)
{
	struct kept *k = *state;
	char deep[256] = "";
	for (int i = 0; i < 70; i++)
		strncat(deep, "[", sizeof(deep) - strlen(deep) - 1);
	for (int i = 0; i < 70; i++)
		strncat(deep, "]", sizeof(deep) - strlen(deep) - 1);
	const char *bad[] = {"\xC3\x28", "\x01", "\\x", "1e999\xff", "\\uD8"};
	char body[2048];
	for (size_t i = 0; i <= sizeof(bad) / sizeof(bad[0]); i++) {
		bool is_deep = i == sizeof(bad) / sizeof(bad[0]);
		int n = snprintf(body, sizeof(body),
			"{\"sentAt\":\"2026-03-29T13:00:00Z\",\"batch\": "
			"[{\"type\":\"page\",\"userId\":\"first\",\"timestamp\":"
			"\"2026-03-29T12:50:00Z\"} , {\"type\":\"page\"," U
			",\"a\":%s%s%s},{\"type\":\"page\",\"userId\":\"la}]st\"}]}",
			is_deep ? "" : "\"", is_deep ? deep : bad[i], is_deep ? "" : "\"");
		assert_int_equal(kept_decode(k, WIRE_SEGMENT_BATCH, (struct sv){body, (size_t)n}), RC_OK);
		assert_int_equal(k->n, 2);
		assert_int_equal(k->n_rejects, 1);
		assert_int_equal(k->index[0], 0);
		assert_int_equal(k->rejects[0].index, 1);
		assert_int_equal(k->index[1], 2);
		assert_identities(&k->x[0], "user:first");
		assert_identities(&k->x[1], "user:la}]st");
		assert_int_equal(k->x[0].at_ms, RECEIVED - 600000);
		assert_true(sv_starts(k->rejects[0].raw, SV("{\"type\":\"page\"")));
		assert_true(sv_ends(k->rejects[0].raw, SV("}")));
	}
	assert_text(k->rejects[0].text,
		"JSON is nested deeper than 64 levels; texts must be UTF-8, numbers fit in 64 bits, "
		"and no nesting be deeper than 64 levels");
	// Elements that are no objects, in a body that is valid.
	assert_int_equal(
		kept_decode(k, WIRE_SEGMENT_BATCH, SV("{\"batch\":[1,{\"type\":\"page\"," U "},null,[]]}")),
		RC_OK);
	assert_int_equal(k->n, 1);
	assert_int_equal(k->n_rejects, 3);
	assert_text(k->rejects[0].raw, "1");
	assert_text(k->rejects[1].raw, "null");
	assert_int_equal(k->rejects[2].index, 3);
}

// Half an emoji, as JSON.stringify writes a text that was cut in it.
static void half_emoji(void **state)
{
	struct kept *k = *state;
	const struct interaction *x = one(k, WIRE_SEGMENT_TRACK,
		"{\"event\":\"E\"," U ",\"properties\":{\"product\":\"x\\ud83d\",\"b\":\"\\ude00\\\\ud83d\","
		"\"c\":\"\\ud83d\\ude00\"}}");
	assert_text(dimension_of(k, x, "product"), "x\xEF\xBF\xBD");
	assert_text(x->properties,
		"{\"product\":\"x\\uFFFD\",\"b\":\"\\uFFFD\\\\ud83d\",\"c\":\"\\ud83d\\ude00\"}");
	assert_int_equal(kept_decode(k, WIRE_SEGMENT_BATCH,
				 SV("{\"batch\":[{\"type\":\"track\",\"event\":\"\\udc00\"," U
				    "},{\"type\":\"page\"," U "}]}")),
		RC_OK);
	assert_int_equal(k->n, 2);
	assert_text(k->x[0].event, "\xEF\xBF\xBD");
}

static enum rc refuse_second(void *context, uint32_t index, const struct interaction *x, struct err *e)
{
	if (index != 1)
		return keep_interaction(context, index, x, e);
	err_set(e, RC_INPUT, "event is too long");
	err_remedy(e, "shorten it");
	return RC_INPUT;
}

static enum rc fail_second(void *context, uint32_t index, const struct interaction *x, struct err *e)
{
	return index == 1 ? err_set(e, RC_IO, "disk") : keep_interaction(context, index, x, e);
}

static void sink_errors(void **state)
{
	struct kept *k = *state;
	struct wire_sink sink = {k, refuse_second, keep_link, keep_reject};
	struct sv body = SV(
		"{\"batch\":[{\"type\":\"page\"," U "},{\"type\":\"page\"," U "},{\"type\":\"page\"," U "}]}");
	assert_int_equal(
		wire_decode(k->decoder, WIRE_SEGMENT_BATCH, body, &k->c, &sink, &k->result, &k->err), RC_OK);
	assert_int_equal(k->result.n_interactions, 2);
	assert_text(k->rejects[0].text, "event is too long; shorten it");
	sink.interaction = fail_second;
	assert_int_equal(
		wire_decode(k->decoder, WIRE_SEGMENT_BATCH, body, &k->c, &sink, &k->result, &k->err), RC_IO);
	assert_string_equal(k->err.message, "disk");
}

static void keys(void **state)
{
	struct kept *k = *state;
	struct sv key;
	const struct {
		enum wire_kind kind;
		const char *body, *key;
	} cases[] = {
		{WIRE_SEGMENT_BATCH, "{\"batch\":[],\"writeKey\":\"K1\"}", "K1"},
		{WIRE_SEGMENT_TRACK, "{\"writeKey\":\"K2\",\"event\":\"\xff\"}", "K2"},
		{WIRE_SEGMENT_TRACK, "{\"writeKey\":\"ID:***\"}", NULL},
		{WIRE_SEGMENT_TRACK, "{\"writeKey\":7}", NULL},
		{WIRE_SEGMENT_TRACK, "{}", NULL},
		{WIRE_POSTHOG, "{\"api_key\":\"phc\",\"batch\":[]}", "phc"},
		{WIRE_POSTHOG, "[]", NULL},
		{WIRE_NATIVE, "{}", NULL},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(
			wire_key(k->decoder, cases[i].kind, sv_from(cases[i].body), 0, &key, &k->err), RC_OK);
		assert_text(key, cases[i].key);
	}
	assert_int_equal(wire_key(k->decoder, WIRE_SEGMENT_BATCH, SV("{"), 0, &key, &k->err), RC_INPUT);
	// Looking for the key first changes nothing.
	struct sv body = SV("{\"batch\":[{\"type\":\"page\"," U "}],\"writeKey\":\"K1\"}");
	assert_int_equal(wire_key(k->decoder, WIRE_SEGMENT_BATCH, body, 0, &key, &k->err), RC_OK);
	assert_text(one(k, WIRE_SEGMENT_BATCH, body.ptr)->event, "Page Viewed");
}

// --- PostHog, Snowplow, CloudEvents ---

static void posthog(void **state)
{
	struct kept *k = *state;
	const struct interaction *x = one(k, WIRE_POSTHOG,
		"{\"event\":\"$pageview\",\"distinct_id\":\"d-1\",\"uuid\":\"m\",\"properties\":{\"$device_"
		"id\":\"d-1\",\"$lib\":"
		"\"web\",\"path\":\"/"
		"start\",\"$current_url\":\"u\",\"$ip\":\"1\",\"event\":\"x\"},\"offset\":60000}");
	assert_identities(x, "anonymous:d-1");
	assert_text(x->channel, "web");
	assert_text(x->properties, "{\"path\":\"/start\",\"$current_url\":\"u\",\"event\":\"x\"}");
	assert_touchpoint(k, x, "start");
	assert_int_equal(x->at_ms, RECEIVED - 60000);
	x = one(k, WIRE_POSTHOG,
		"[{\"event\":\"$identify\",\"properties\":{\"distinct_id\":\"u1\",\"$anon_distinct_id\":\"d-"
		"1\",\"$set\":{\"plan\":"
		"\"pro\",\"email\":\"A@b.example\"}}}]");
	assert_text(x->event, "User Identified");
	assert_identities(x, "user:u1 email:a@b.example");
	assert_links(k, "anonymous:d-1>user:u1");
	assert_text(x->properties, "{\"traits\":{\"plan\":\"pro\",\"email\":\"A@b.example\"}}");
	assert_text(dimension_of(k, x, "plan"), "pro");
	refused(k, WIRE_POSTHOG, "{\"event\":\"E\"}", "distinct_id is missing; send it with every event");
}

static void snowplow(void **state)
{
	struct kept *k = *state;
	const struct interaction *x = one(k, WIRE_SNOWPLOW,
		"{\"schema\":\"s\",\"data\":[{\"e\":\"se\",\"se_ca\":\"shop\",\"se_ac\":\"buy\",\"eid\":\"1\","
		"\"uid\":\"u\",\"duid\":\"d\","
		"\"p\":\"mob\",\"dtm\":\"1774789200000\",\"stm\":\"1774789800000\"}]}");
	assert_text(x->event, "buy");
	assert_identities(x, "user:u anonymous:d");
	assert_links(k, "anonymous:d>user:u");
	assert_text(x->channel, "app");
	assert_text(x->properties, "{\"category\":\"shop\",\"action\":\"buy\"}");
	assert_int_equal(x->at_ms, RECEIVED - 600000);
	// {"schema":"x","data":{"schema":"iglu:a/Order Completed/jsonschema/1-0-0","data":{"revenue":1.5}}}
	x = one(k, WIRE_SNOWPLOW,
		"{\"data\":[{\"e\":\"ue\",\"uid\":\"u\",\"eid\":\"2\",\"ue_px\":"
		"\"eyJzY2hlbWEiOiJ4IiwiZGF0YSI6eyJzY2hlbWEiOiJpZ2x1OmEvT3Jk"
		"ZXIgQ29tcGxldGVkL2pzb25zY2hlbWEvMS0wLTAiLCJkYXRhIjp7InJldmVudWUiOjEuNX19fQ\"}]}");
	assert_text(x->event, "Order Completed");
	assert_touchpoint(k, x, "order");
	assert_measure(k, x, "amount", 150);
	x = one(k, WIRE_SNOWPLOW_GET, "e=pv&uid=u%C3%A4&page=A+b%20c&eid=7&x=%zz&=");
	assert_identities(x, "user:u\xC3\xA4");
	assert_text(x->properties, "{\"title\":\"A b c\"}");
	refused(k, WIRE_SNOWPLOW_GET, "e=pv&uid=%FF",
		"query is not UTF-8; encode texts as UTF-8 before %-encoding them");
	assert_int_equal(
		kept_decode(k, WIRE_SNOWPLOW, SV("{\"data\":[{\"e\":\"ue\",\"uid\":\"u\",\"ue_px\":\"!\"}]}")),
		RC_OK);
	assert_int_equal(k->n_rejects, 1);
	refused(k, WIRE_SNOWPLOW_GET, // an event without a name
		"e=ue&uid=u&ue_pr={\"schema\":\"x\",\"data\":{\"schema\":\"\",\"data\":{\"a\":1}}}",
		"ue_pr holds no schema; send {\"schema\":…,\"data\":{\"schema\":…,\"data\":…}}");
}

static void cloudevents(void **state)
{
	struct kept *k = *state;
	const struct interaction *x = one(k, WIRE_CLOUDEVENT,
		"{\"specversion\":\"1.0\",\"id\":\"7\",\"source\":\"/crm\",\"type\":\"Call "
		"Ended\",\"subject\":\"email:a@b.example\","
		"\"channel\":\"phone\",\"time\":\"2026-03-29T13:00:00Z\",\"data\":{\"wait\":12,\"userId\":"
		"\"u\"}}");
	assert_identities(x, "email:a@b.example user:u");
	assert_text(x->id, "/crm#7");
	assert_touchpoint(k, x, "call");
	assert_measure(k, x, "wait", 12);
	assert_int_equal(x->at_ms, RECEIVED - 3600000);
	k->c.source = SV("");
	x = one(k, WIRE_CLOUDEVENT,
		"{\"specversion\":\"1.0\",\"id\":\"7\",\"source\":\"/"
		"crm\",\"type\":\"T\",\"subject\":\"urn:x:1\",\"data\":[1]}");
	assert_text(x->source, "/crm");
	assert_text(x->id, "7");
	assert_identities(x, "user:urn:x:1");
	assert_text(x->properties, "{\"data\":[1]}");
	refused(k, WIRE_CLOUDEVENT, "{\"specversion\":\"0.3\"}",
		"specversion is not 1.0; send CloudEvents 1.0");
	refused(k, WIRE_CLOUDEVENT, "{\"specversion\":\"1.0\",\"id\":\"1\",\"type\":\"T\"}",
		"source is missing; every CloudEvent has id, source and type");
	refused(k, WIRE_CLOUDEVENT, "{\"specversion\":\"1.0\",\"id\":\"1\",\"type\":\"T\",\"source\":\"s\"}",
		"subject is missing; send it, or userId or email in the data");
}

static void cloudevent_binary(void **state)
{
	struct kept *k = *state;
	struct wire_header h[] = {{SV("Content-Type"), SV("application/json; charset=utf-8")},
		{SV("CE-Id"), SV("1")}, {SV("ce-source"), SV("/s")}, {SV("ce-type"), SV("Euro %E2%82%AC")},
		{SV("ce-specversion"), SV("1.0")}, {SV("ce-subject"), SV("u1")}};
	k->c.headers = h;
	k->c.n_headers = 6;
	const struct interaction *x = one(k, WIRE_CLOUDEVENT_BINARY, "{\"product\":\"p\"}");
	assert_text(x->event, "Euro \xE2\x82\xAC");
	assert_text(dimension_of(k, x, "product"), "p");
	assert_identities(one(k, WIRE_CLOUDEVENT_BINARY, ""), "user:u1");
	refused(k, WIRE_CLOUDEVENT_BINARY, "{",
		"not valid JSON: The JSON document has an improper structure: missing or "
		"superfluous commas, braces, missing keys, etc.; send valid JSON, or another "
		"content-type");
	h[0].value = SV("text/plain");
	assert_text(one(k, WIRE_CLOUDEVENT_BINARY, "too late")->text, "too late");
	h[0].value = SV("image/png");
	assert_text(one(k, WIRE_CLOUDEVENT_BINARY, "\x89PNG")->text, NULL);
	k->c.n_headers = 0;
	refused(k, WIRE_CLOUDEVENT_BINARY, "{}", "specversion is missing; send CloudEvents 1.0");
}

// --- native ---

#define BASE "\"event\":\"E\",\"customer\":{\"user\":\"u\"},\"at\":\"2026-03-29T15:30:00+02:00\""

static void native(void **state)
{
	struct kept *k = *state;
	const struct interaction *x = one(k, WIRE_NATIVE,
		"{\"id\":\"i\",\"event\":\"Call "
		"Ended\",\"customer\":[{\"type\":\"card\",\"value\":\"007\"},{\"type\":\"user\",\"value\":"
		"\"u\"}],\"at\":1774789200000,\"channel\":\"phone\",\"agent\":\"kim\",\"location\":\"Kiel\","
		"\"measures\":{\"amount\":1250,"
		"\"nps\":0},\"promise\":{\"id\":\"p\",\"due\":\"2026-03-30T00:00:00Z\"},\"keeps\":\"q\","
		"\"text\":\"fine\",\"properties\":"
		"{\"product\":\"x\",\"nps\":3,\"agent\":\"no\"}}");
	assert_identities(x, "card:007 user:u");
	assert_text(x->id, "i");
	assert_text(x->source, "shop");
	assert_touchpoint(k, x, "call");
	assert_int_equal(x->at_ms, RECEIVED - 3600000);
	assert_text(x->agent, "kim");
	assert_measure(k, x, "amount", 1250);
	assert_measure(k, x, "nps", 0);
	assert_text(x->promise, "p");
	assert_int_equal(x->due_ms, INT64_C(1774828800000));
	assert_text(x->keeps, "q");
	assert_text(x->text, "fine");
	assert_text(x->properties, "{\"product\":\"x\",\"nps\":3,\"agent\":\"no\"}");
	assert_text(dimension_of(k, x, "product"), "x");
	assert_text(one(k, WIRE_NATIVE, "{" BASE ",\"promise\":{\"keeps\":\"q\"}}")->keeps, "q");
	assert_int_equal(
		kept_decode(k, WIRE_NATIVE, SV("{\"interactions\":[{" BASE "},{},{" BASE "}]}")), RC_OK);
	assert_int_equal(k->n, 2);
	assert_int_equal(k->rejects[0].index, 1);
}

static void native_refused(void **state)
{
	struct kept *k = *state;
	const struct {
		const char *body, *reason;
	} cases[] = {
		{"{}", "event is missing; every interaction has id or content, customer, at and event"},
		{"{" BASE ",\"chanel\":\"web\"}",
			"an interaction has no such field: \"chanel\"; did you mean \"channel\"?"},
		{"{" BASE ",\"whatever\":1}",
			"an interaction has no such field: \"whatever\"; put it into \"properties\""},
		{"{" BASE ",\"stage\":\"use\"}",
			"stage cannot be sent; leave it out: it follows from the touch point"},
		{"{" BASE ",\"event\":\"F\"}", "event is given twice; send it once"},
		{"{" BASE ",\"id\":7}", "id is no text; send it as a JSON string"},
		{"{" BASE ",\"source\":\"crm\"}",
			"source is not that of the key; leave it out, or use the key of that source"},
		{"{" BASE ",\"channel\":\"telex\"}", "channel is not declared in the corridor file: \"telex\"; "
						     "declare it under channels:, or send one that "
						     "is"},
		{"{" BASE ",\"measures\":{\"fun\":1}}", "measure is not declared in the corridor file: "
							"\"fun\"; declare it under measures:, or put it into "
							"\"properties\""},
		{"{" BASE ",\"measures\":{\"nps\":\"9\"}}",
			"measure nps is no number; send a JSON number in the measure's unit (1)"},
		{"{" BASE ",\"measures\":{\"nps\":11}}", "measure nps is 11, outside its range of 0 to 10; "
							 "correct the value, or the range in the "
							 "corridor file"},
		{"{" BASE ",\"measures\":{\"nps\":1,\"nps\":1}}", "measure nps is given twice; send it once"},
		{"{" BASE ",\"interactions\":5}", "interactions is no list, or stands beside others; send "
						  "{\"interactions\": [{…}, {…}]}, or "
						  "one interaction"},
		{"{" BASE ",\"promise\":{}}", "promise is neither made nor kept; send {\"id\": \"p-1\", "
					      "\"due\": \"2026-03-29T18:00:00Z\"}, or "
					      "{\"keeps\": \"p-1\"}"},
		{"{" BASE ",\"promise\":{\"id\":\"a\",\"until\":1}}",
			"promise has a field that is not known; it has id and due, or keeps"},
		{"{" BASE ",\"properties\":[]}", "properties is no object; send {} or leave it out"},
		{"{\"event\":\"E\",\"customer\":{\"user\":\"u\"},\"at\":\"2026-03-29T15:30:00\"}",
			"at has no time of day or no offset from UTC: \"2026-03-29T15:30:00\"; send it as "
			"2026-03-29T14:30:00+02:00, or as Unix milliseconds"},
		{"{\"event\":\"E\",\"customer\":{\"user\":\"u\"}}",
			"at is missing; send when it happened, as 2026-03-29T14:30:00+02:00"},
		{"{\"event\":\"E\",\"at\":1774789200000}",
			"customer is missing; send {\"user\": \"u-17\"} or another identity"},
		{"{\"event\":\"E\",\"at\":1774789200000,\"customer\":{\"user\":7}}",
			"value of an identity is no text; send it as a JSON string"},
		{"{\"event\":\"E\",\"at\":1774789200000,\"customer\":[]}",
			"customer is no list of identities; send {\"user\": \"u-17\", \"email\": "
			"\"ann@example.com\"}, or "
			"[{\"type\": \"user\", \"value\": \"u-17\"}]"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		refused(k, WIRE_NATIVE, cases[i].body, cases[i].reason);
}

// --- robustness ---

// Every allocation fails once; the decoder must say so or do without, and be of use again.
static void failing_allocations(void **state)
{
	struct kept *k = *state;
	struct sv body = SV("{\"batch\":[{\"type\":\"identify\",\"userId\":7,\"traits\":{\"email\":\"A@B."
			    "example\"},\"properties\":"
			    "{\"a\":\"\\ud83d\"}},{\"type\":\"page\"," U ",\"name\":\"x\"}]}");
	const struct wire_sink sink = {k, keep_interaction, keep_link, keep_reject};
	for (uint64_t nth = 1;; nth++) {
		assert_true(nth < 10000);
		k->n = k->n_links = k->n_rejects = 0;
		arena_reset(k->arena);
		struct err e = ERR_NONE;
		mem_fail_at(nth);
		uint64_t before = mem_count();
		struct wire_decoder *d = wire_decoder_new();
		enum rc rc =
			d ? wire_decode(d, WIRE_SEGMENT_BATCH, body, &k->c, &sink, &k->result, &e) : RC_NOMEM;
		bool fired = mem_count() - before >= nth;
		mem_fail_at(0);
		if (!fired) {
			wire_decoder_free(&d);
			assert_int_equal(rc, RC_OK);
			assert_int_equal(k->n, 2);
			return;
		}
		if (rc != RC_OK)
			assert_int_equal(rc, RC_NOMEM);
		if (d) {
			k->n = k->n_links = k->n_rejects = 0;
			e = ERR_NONE;
			assert_int_equal(
				wire_decode(d, WIRE_SEGMENT_BATCH, body, &k->c, &sink, &k->result, &e), RC_OK);
			assert_int_equal(k->n, 2);
		}
		wire_decoder_free(&d);
	}
}

// A thousand messages cost no allocation once the decoder is warm.
static uint32_t n_taken;

static enum rc take(void *context, uint32_t index, const struct interaction *x, struct err *e)
{
	(void)context;
	(void)index;
	(void)e;
	n_taken += x->n_identities;
	return RC_OK;
}

static void no_allocations(void **state)
{
	struct kept *k = *state;
	const struct wire_sink sink = {k, take, keep_link, keep_reject};
	struct buf body = buf_new(1u << 20);
	buf_str(&body, "{\"batch\":[");
	for (int i = 0; i < 1000; i++)
		buf_printf(&body,
			"%s{\"type\":\"track\",\"event\":\"Order "
			"Completed\",\"userId\":%d,\"properties\":{\"revenue\":1.5}}",
			i ? "," : "", i);
	buf_str(&body, "]}");
	for (int round = 0; round < 3; round++) {
		uint64_t before = mem_count();
		n_taken = 0;
		assert_int_equal(wire_decode(k->decoder, WIRE_SEGMENT_BATCH, buf_view(&body), &k->c, &sink,
					 &k->result, &k->err),
			RC_OK);
		assert_int_equal(n_taken, 1000);
		if (round)
			assert_int_equal(mem_count() - before, 0);
	}
	buf_free(&body);
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

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_kept, close_kept)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(segment_events),
		TEST(email_links),
		TEST(segment_properties),
		TEST(segment_batch_context),
		TEST(segment_restated),
		TEST(segment_identities),
		TEST(segment_times),
		TEST(segment_channels),
		TEST(measures),
		TEST(other_fields),
		TEST(segment_refused),
		TEST(bodies_refused),
		TEST(sizes),
		TEST(one_bad_message),
		TEST(half_emoji),
		TEST(sink_errors),
		TEST(keys),
		TEST(posthog),
		TEST(snowplow),
		TEST(cloudevents),
		TEST(cloudevent_binary),
		TEST(native),
		TEST(native_refused),
		TEST(failing_allocations),
		TEST(no_allocations),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
