// SPDX-License-Identifier: Apache-2.0
// Rows through mappings: every kind of value, time, number and condition, and what is rejected with which words.
// Expected instants were computed with GNU date.
#include "mapping_test.h"

#include "listen/mapping.h"

#include <math.h>

static const char corridor[] = "corridor: 1\n"
			       "brand: Test\n"
			       "timezone: Europe/Berlin\n"
			       "currency: EUR\n"
			       "stages: [use]\n"
			       "channels: {web: digital, phone: contact-centre}\n"
			       "measures: {speed: {unit: Mbit/s}, share: {min: 0, max: 1}}\n"
			       "dimensions: [product, city]\n"
			       "touchpoints:\n"
			       "  buy: {stage: use, match: [{event: Bought, properties.product: dsl}]}\n"
			       "  any: {stage: use, match: [{event: Bought}]}\n";

#define HEAD "mapping: 1\nsource: shop\n"
#define FIELDS "customer: {user: \"{u}\"}, at: \"{t}\""

static void values(void **state)
{
	struct bench b;
	(void)state;
	bench_open(&b, corridor,
		HEAD "empty: [\"N/A\", \"-\"]\n"
		     "tables: {ways: {Internet: web, Tel: phone}}\n"
		     "interactions:\n"
		     "  event: {column: e, default: Bought}\n"
		     "  id: \"{_file}#{_line}/{_row}/{{x}}\"\n"
		     "  customer: {email: {column: mail, case: lower, trim: true}, user: \"{u}\"}\n"
		     "  at: \"{t}\"\n"
		     "  channel: {column: way, map: ways, default: web}\n"
		     "  agent: {join: [\"{first}\", \"{last}\"], separator: \", \"}\n"
		     "  location: {first: [\"{shop}\", {column: place, split: {by: \"; \", part: -1}}]}\n"
		     "  text: {template: \"<{note}>\", replace: {\"<\": \"\", \">\": \"!\", a: bb}}\n",
		"e,mail,u,t,way,first,last,shop,place,note");
	assert_mapped(&b, bench_row(&b, "|  Ann@X.ORG |7|2026-03-01|Tel|Ann|Lee||a; b; c|banana"), 1);
	struct interaction *x = &b.seen.x[0];
	assert_text(x->source, "shop");
	assert_text(x->event, "Bought");
	assert_text(x->id, "rows.csv#7/6/{x}");
	assert_int_equal(x->n_identities, 2);
	assert_text(x->identities[0].type, "email");
	assert_text(x->identities[0].value, "ann@x.org");
	assert_text(x->identities[1].value, "7");
	assert_text(x->channel, "phone");
	assert_text(x->agent, "Ann, Lee");
	assert_text(x->location, "c");
	assert_text(x->text, "bbbnbbnbb!");
	assert_text(x->properties, NULL);
	assert_text(x->promise, NULL);
	assert_int_equal(x->due_ms, TIME_NONE);
	assert_int_equal(x->received_ms, 1000);

	// Absent: empty, listed as empty, a short row. The second identity decides then.
	assert_mapped(&b, bench_row(&b, "Sold|N/A|7|2026-03-01|-||Lee|Mall"), 1);
	assert_text(x->event, "Sold");
	assert_int_equal(x->n_identities, 1);
	assert_text(x->identities[0].type, "user");
	assert_text(x->channel, "web");
	assert_text(x->agent, "Lee");
	assert_text(x->location, "Mall");
	assert_text(x->text, NULL);

	// A value that the table does not list takes the default here.
	assert_rejected(
		&b, bench_row(&b, "|||2026-03-01|Fax"), "customer is required but column \"mail\" is empty");
	assert_mapped(&b, bench_row(&b, "||7|2026-03-01|Fax"), 1);
	assert_text(x->channel, "web");
	bench_close(&b);
}

static void times(void **state)
{
	struct bench b;
	(void)state;
	bench_open(&b, corridor,
		HEAD "interactions:\n"
		     "  event: Bought\n"
		     "  customer: {user: \"{u}\"}\n"
		     "  at: {template: \"{d} {h}\", format: [\"dd/MM/yyyy HH:mm\", ISO]}\n"
		     "  promise: {id: \"{u}\", due: {column: d2, format: [dd.MM.yyyy, unix], timezone: "
		     "Asia/Kathmandu, plus: 15d}}\n"
		     "  keeps: \"{u}-old\"\n",
		"u,d,h,d2");
	assert_mapped(&b, bench_row(&b, "7|03/02/2026|14:30|"), 1);
	assert_true(b.seen.x[0].at_ms == INT64_C(1770125400000)); // 2026-02-03 14:30 +01:00
	assert_text(b.seen.x[0].promise, "7");
	assert_text(b.seen.x[0].keeps, "7-old");
	assert_int_equal(b.seen.x[0].due_ms, TIME_NONE);
	assert_mapped(&b, bench_row(&b, "7|2026-02-03|14:30:00+00:00|01.01.2026"), 1);
	assert_true(b.seen.x[0].at_ms == INT64_C(1770129000000));
	assert_true(b.seen.x[0].due_ms == INT64_C(1768500900000)); // 2026-01-16 00:00 +05:45
	assert_true(b.counts.n_ambiguous_times == 0 && b.counts.n_skipped_times == 0);
	// 2026-03-29 02:30 never was in Berlin: an hour later. 2026-10-25 02:30 was twice: the first.
	assert_mapped(&b, bench_row(&b, "7|29/03/2026|02:30|"), 1);
	assert_true(b.seen.x[0].at_ms == INT64_C(1774747800000));
	assert_mapped(&b, bench_row(&b, "7|25/10/2026|02:30|"), 1);
	assert_true(b.seen.x[0].at_ms == INT64_C(1792888200000));
	assert_true(b.counts.n_ambiguous_times == 1 && b.counts.n_skipped_times == 1);
	assert_rejected(&b, bench_row(&b, "7|31/02/2026|02:30|"),
		"column \"d\" is no time of the form dd/MM/yyyy HH:mm or ISO: \"31/02/2026 02:30\"");
	assert_rejected(&b, bench_row(&b, "7||02:30|"), "at is required but column \"d\" is empty");
	bench_close(&b);
}

static void calendar_days(void **state)
{
	struct bench b;
	(void)state;
	// Over the change of 2026-03-29 a calendar day has 23 hours, 24h have 24.
	bench_open(&b, corridor,
		HEAD
		"interactions: {event: Bought, customer: {user: \"{u}\"}, at: {column: t, plus: 1d}, promise: "
		"{id: \"{u}\", due: {column: t, plus: 24h}}}\n",
		"u,t");
	assert_mapped(&b, bench_row(&b, "7|2026-03-28 12:00"), 1);
	assert_true(b.seen.x[0].at_ms == INT64_C(1774778400000));
	assert_true(b.seen.x[0].due_ms == INT64_C(1774782000000));
	bench_close(&b);
}

static void numbers(void **state)
{
	struct bench b;
	(void)state;
	bench_open(&b, corridor,
		HEAD "interactions:\n"
		     "  event: Bought\n"
		     "  customer: {user: \"{u}\"}\n"
		     "  at: \"{t}\"\n"
		     "  measures:\n"
		     "    amount: {column: total, decimal: \",\", thousands: \".\", unit: EUR}\n"
		     "    wait: {column: wait, unit: min}\n"
		     "    duration: {column: took, unit: ms}\n"
		     "    share: {column: share, unit: \"%\"}\n"
		     "    resolved: {column: ok, map: {\"Yes\": 1, \"No\": 0}}\n"
		     "    csat: 4\n"
		     "    speed: \"{speed}\"\n"
		     "    delay: {seconds between: [\"{due}\", \"{t}\"]}\n",
		"u,t,total,wait,took,share,ok,speed,due");
	assert_mapped(
		&b, bench_row(&b, "7|2026-03-01 00:00|1.234,56|2.5|1500|12.5|Yes|1e3|2026-02-28 23:00:30"), 1);
	assert_true(measure_of(&b, 0, "amount") == 123456);
	assert_true(measure_of(&b, 0, "wait") == 150);
	assert_true(measure_of(&b, 0, "duration") == 1.5);
	assert_true(measure_of(&b, 0, "share") == 0.125);
	assert_true(measure_of(&b, 0, "resolved") == 1);
	assert_true(measure_of(&b, 0, "csat") == 4);
	assert_true(measure_of(&b, 0, "speed") == 1000);
	assert_true(measure_of(&b, 0, "delay") == 3570);
	assert_mapped(&b, bench_row(&b, "7|2026-03-01|-19,99"), 1);
	assert_true(measure_of(&b, 0, "amount") == -1999);
	assert_true(isnan(measure_of(&b, 0, "delay")) && isnan(measure_of(&b, 0, "wait")));
	assert_int_equal(b.seen.x[0].n_measures, 2);
	// A dot that does not stand before three digits separates no thousands.
	assert_rejected(&b, bench_row(&b, "7|2026-03-01|12.5"),
		"column \"total\" is no number for measure amount: \"12.5\"");
	assert_rejected(&b, bench_row(&b, "7|2026-03-01|||9|101"),
		"measure share is outside its range of 0 to 1: 1.01");
	assert_rejected(&b, bench_row(&b, "7|2026-03-01||||50|Maybe"),
		"column \"ok\" holds a value that its table does not list: \"Maybe\"");
	bench_close(&b);
}

static void number_texts(void **state)
{
	static const struct {
		const char *text;
		char decimal, thousands;
		double want; // NAN = none
	} cases[] = {{"12", '.', 0, 12}, {"-0.5", '.', 0, -0.5}, {"+3", '.', 0, 3}, {".5", '.', 0, 0.5},
		{"1e-3", '.', 0, 0.001}, {" 7 ", '.', 0, 7}, {"true", '.', 0, 1}, {"false", '.', 0, 0},
		{"0.1", '.', 0, 0.1}, {"123456789012345", '.', 0, 123456789012345},
		{"1,234,567.5", '.', ',', 1234567.5}, {"12,34,567", '.', ',', 1234567},
		{"1 000", '.', ' ', 1000}, {"1.000", ',', '.', 1000}, {"3,5", ',', 0, 3.5},
		{"1,23", '.', ',', NAN}, {",123", '.', ',', NAN}, {"1,,000", '.', ',', NAN},
		{"1.5,000", '.', ',', NAN}, {"1.2.3", '.', 0, NAN}, {"", '.', 0, NAN}, {"abc", '.', 0, NAN},
		{"1e999", '.', 0, NAN}, {"inf", '.', 0, NAN}, {"nan", '.', 0, NAN}, {"3.5", ',', 0, NAN},
		{"-", '.', 0, NAN}};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		double v = 0;
		bool ok =
			mapping_number_parse(sv_from(cases[i].text), cases[i].decimal, cases[i].thousands, &v);
		if (ok != !isnan(cases[i].want) || (ok && v != cases[i].want))
			fail_msg("\"%s\": %d %g", cases[i].text, ok, v);
	}
}

static void conditions(void **state)
{
	static const struct {
		const char *when, *row; // u|t|a|b
		int want;               // interactions; -1 = rejected
	} cases[] = {
		{"{a: present}", "7|2026-03-01|x|", 1},
		{"{a: present}", "7|2026-03-01||x", 0},
		{"{a: absent}", "7|2026-03-01|N/A|x", 1},
		{"{a: x}", "7|2026-03-01|x|", 1},
		{"{a: [x, y]}", "7|2026-03-01|y|", 1},
		{"{a: [x, y]}", "7|2026-03-01|z|", 0},
		{"{a: {not: x}}", "7|2026-03-01|z|", 1},
		{"{a: {not: x}}", "7|2026-03-01||", 1},
		{"{a: {is: present}}", "7|2026-03-01|present|", 1},
		{"{a: {is: present}}", "7|2026-03-01|x|", 0},
		{"{a: {starts: [b, x]}}", "7|2026-03-01|xyz|", 1},
		{"{a: {ends: yz}}", "7|2026-03-01|xyz|", 1},
		{"{a: {contains: y}}", "7|2026-03-01|xyz|", 1},
		{"{a: {at least: 5}}", "7|2026-03-01|5|", 1},
		{"{a: {above: 5}}", "7|2026-03-01|5|", 0},
		{"{a: {at least: 3, below: 5}}", "7|2026-03-01|4.5|", 1},
		{"{a: {at most: 3}}", "7|2026-03-01|4|", 0},
		{"{a: {at most: 3}}", "7|2026-03-01||", 0},
		{"{a: {at most: 3}}", "7|2026-03-01|x|", -1},
		{"{a: x, b: y}", "7|2026-03-01|x|z", 0},
		{"{a: x, b: y}", "7|2026-03-01|x|y", 1},
		{"[{a: x}, {b: y}]", "7|2026-03-01|w|y", 1},
		{"{any: [{a: x}, {b: y}]}", "7|2026-03-01|w|w", 0},
		{"{all: [{a: x}, {not: {b: y}}]}", "7|2026-03-01|x|z", 1},
		{"{not: {any: [{a: x}, {b: y}]}}", "7|2026-03-01|a|y", 0},
		{"{\"{a}\": x}", "7|2026-03-01|x|", 1},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bench b;
		char mapping[512];
		snprintf(mapping, sizeof(mapping),
			HEAD "empty: N/A\ninteractions: {event: Bought, " FIELDS ", when: %s}\n",
			cases[i].when);
		bench_open(&b, corridor, mapping, "u,t,a,b");
		enum rc rc = bench_row(&b, cases[i].row);
		int got = rc == RC_OK ? (int)b.n_emitted : -1;
		if (got != cases[i].want)
			fail_msg("%s on %s: %d (%s)", cases[i].when, cases[i].row, got, bench_error(&b));
		bench_close(&b);
	}
}

static void properties_csv(void **state)
{
	struct bench b;
	(void)state;
	bench_open(&b, corridor,
		HEAD "common: {event: Bought, " FIELDS
		     ", properties: [product, {city: {column: c, case: upper}}]}\n"
		     "interactions: [{id: \"a{u}\"}, {id: \"b{u}\"}]\n",
		"u,t,product,c");
	assert_mapped(&b, bench_row(&b, "7|2026-03-01|dsl|bonn \"x\\"), 2);
	for (uint32_t i = 0; i < 2; i++) {
		assert_text(b.seen.x[i].properties, "{\"product\":\"dsl\",\"city\":\"BONN \\\"X\\\\\"}");
		assert_text(b.seen.x[i].dimensions[0], "dsl");
		assert_text(b.seen.x[i].dimensions[1], "BONN \"X\\");
		assert_int_equal(b.seen.x[i].touchpoint, design_touchpoint_find(b.design, SV("buy")));
	}
	assert_mapped(&b, bench_row(&b, "7|2026-03-01||"), 2);
	assert_text(b.seen.x[0].properties, NULL);
	assert_text(b.seen.x[0].dimensions[0], NULL);
	assert_int_equal(b.seen.x[0].touchpoint, design_touchpoint_find(b.design, SV("any")));
	bench_close(&b);

	bench_open(&b, corridor,
		HEAD "interactions: {event: Bought, " FIELDS ", properties: all, properties except: [u]}\n",
		"u,t,product,city");
	assert_mapped(&b, bench_row(&b, "7|2026-03-01|tv|K\xc3\xb6ln"), 1);
	assert_text(
		b.seen.x[0].properties, "{\"t\":\"2026-03-01\",\"product\":\"tv\",\"city\":\"K\xc3\xb6ln\"}");
	assert_text(b.seen.x[0].dimensions[1], "K\xc3\xb6ln");
	assert_rejected(&b, bench_row(&b, "7|2026-03-01|tv|K\xf6ln"), "column \"city\" is not valid UTF-8");
	assert_rejected(
		&b, bench_row(&b, "7|2026-03-01|tv|x|y"), "row has more fields than the file has columns");
	assert_mapped(&b, bench_row(&b, "7|2026-03-01|tv|x|||"), 1);
	bench_close(&b);
}

static void ndjson(void **state)
{
	struct bench b;
	(void)state;
	bench_open(&b, corridor,
		HEAD "format: ndjson\ntimes: unix-ms\n"
		     "interactions:\n"
		     "  - event: \"{type}\"\n"
		     "    customer: {user: \"{user.id}\"}\n"
		     "    at: \"{ts}\"\n"
		     "    id: \"{order}\"\n"
		     "    measures: {resolved: \"{ok}\", amount: \"{total}\"}\n"
		     "    properties: props\n"
		     "  - each: items\n"
		     "    when: {.n: {at least: 1}}\n"
		     "    event: Bought\n"
		     "    customer: {user: \"{user.id}\"}\n"
		     "    at: \"{ts}\"\n"
		     "    id: \"{order}/{_index}\"\n"
		     "    measures: {amount: \"{.price}\"}\n"
		     "    properties: [.product, order, {n: \"{.n}\"}]\n",
		NULL);
	assert_mapped(&b,
		bench_json(&b, "{\"type\":\"Order\",\"user\":{\"id\":12},\"ts\":1770125400000,\"order\":\"o1\","
			       "\"ok\":true,\"total\":12.5,\"props\":{\"city\":\"Bonn\",\"n\":[1,2]},"
			       "\"items\":[{\"product\":\"dsl\",\"price\":10,\"n\":2},{\"product\":\"tv\","
			       "\"n\":0},{\"product\":\"tv\",\"price\":2.5,\"n\":1}]}"),
		3);
	struct interaction *x = b.seen.x;
	assert_text(x[0].event, "Order");
	assert_text(x[0].identities[0].value, "12");
	assert_true(x[0].at_ms == INT64_C(1770125400000));
	assert_true(measure_of(&b, 0, "resolved") == 1 && measure_of(&b, 0, "amount") == 1250);
	assert_text(x[0].properties, "{\"city\":\"Bonn\",\"n\":[1,2]}");
	assert_text(x[0].dimensions[1], "Bonn");
	assert_text(x[1].id, "o1/1");
	assert_text(x[2].id, "o1/3");
	assert_true(measure_of(&b, 1, "amount") == 1000 && measure_of(&b, 2, "amount") == 250);
	assert_text(x[1].properties, "{\"product\":\"dsl\",\"order\":\"o1\",\"n\":2}");
	assert_text(x[2].properties, "{\"product\":\"tv\",\"order\":\"o1\",\"n\":1}");
	assert_text(x[1].dimensions[0], "dsl");
	assert_text(x[2].dimensions[0], "tv");
	assert_mapped(&b, bench_json(&b, "{\"type\":\"A\",\"user\":{\"id\":1},\"ts\":1,\"items\":null}"), 1);
	assert_rejected(&b, bench_json(&b, "{\"type\":\"A\",\"user\":{\"id\":1},\"ts\":1,\"items\":5}"),
		"\"items\" of each is not a list");
	assert_rejected(&b, bench_json(&b, "{\"type\":\"A\",\"user\":{\"id\":null},\"ts\":1}"),
		"customer is required but column \"user.id\" is empty");
	bench_close(&b);

	bench_open(&b, corridor,
		HEAD "format: ndjson\ninteractions: {event: \"{a.b}\", " FIELDS
		     ", text: \"{list}\", properties: all, properties except: [t, u]}\n",
		NULL);
	assert_mapped(
		&b, bench_json(&b, "{\"a.b\":\"Bought\",\"u\":1,\"t\":\"2026-03-01\",\"list\":[1,\"x\"]}"), 1);
	assert_text(b.seen.x[0].event, "Bought");
	assert_text(b.seen.x[0].text, "[1,\"x\"]");
	assert_text(b.seen.x[0].properties, "{\"a.b\":\"Bought\",\"list\":[1,\"x\"]}");
	bench_close(&b);
}

// A row is all or nothing: the second interaction is wrong, so the first is not emitted either.
static void all_or_nothing(void **state)
{
	struct bench b;
	(void)state;
	bench_open(&b, corridor,
		HEAD "common: {" FIELDS
		     "}\ninteractions: [{event: Bought}, {event: Bought, channel: \"{c}\"}]\n",
		"u,t,c");
	assert_mapped(&b, bench_row(&b, "7|2026-03-01|phone"), 2);
	assert_rejected(
		&b, bench_row(&b, "7|2026-03-01|fax"), "channel is not declared in the corridor file: \"fax\"");
	assert_mapped(&b, bench_row(&b, "7|2026-03-01|web"), 2);
	bench_close(&b);
}

static void binding(void **state)
{
	struct bench b;
	struct sv header[] = {SV("U"), SV("t"), SV("t"), SV("c")};
	struct mapping_bound *bound = NULL;
	uint32_t n;
	(void)state;
	bench_open(&b, corridor,
		HEAD "interactions:\n  event: Bought\n  customer: {user: \"{u}\"}\n  at: \"{t}\"\n"
		     "  text: {column: x, optional: true}\n  agent: \"{_file}\"\n",
		"c,u,t");
	assert_mapped(&b, bench_row(&b, "1|7|2026-03-01"), 1);
	assert_text(b.seen.x[0].text, NULL);
	const struct sv *required = mapping_required_columns(b.mapping, &n);
	assert_int_equal(n, 2);
	assert_text(required[0], "u");
	assert_text(required[1], "t");
	assert_int_equal(mapping_bind(b.mapping, header, 4, &bound, &b.err), RC_INPUT);
	assert_string_equal(bench_error(&b),
		"mapping.yaml:5:20: the file has no column \"u\"; did you mean \"U\"? "
		"it has: U, t, t, c; {column: …, optional: true} allows a column to be missing");
	assert_null(bound);
	b.err = ERR_NONE;
	header[0] = SV("u");
	assert_int_equal(mapping_bind(b.mapping, header, 4, &bound, &b.err), RC_INPUT);
	assert_string_equal(b.err.message, "the file has two columns named \"t\": numbers 2 and 3");
	bench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values),
		cmocka_unit_test(times),
		cmocka_unit_test(calendar_days),
		cmocka_unit_test(numbers),
		cmocka_unit_test(number_texts),
		cmocka_unit_test(conditions),
		cmocka_unit_test(properties_csv),
		cmocka_unit_test(ndjson),
		cmocka_unit_test(all_or_nothing),
		cmocka_unit_test(binding),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
