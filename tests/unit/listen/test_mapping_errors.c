// SPDX-License-Identifier: Apache-2.0
// Mistakes in mapping files: the message with its place, and the remedy. And out of memory at every allocation.
#include "mapping_test.h"

#include "base/json.h"
#include "base/mem.h"

static const char corridor[] = "corridor: 1\n"
			       "brand: Test\n"
			       "timezone: Europe/Berlin\n"
			       "currency: EUR\n"
			       "stages: [use]\n"
			       "channels: {web: digital, phone: contact-centre}\n"
			       "touchpoints: {any: {stage: use, match: [{event: Bought}]}}\n";

#define HEAD "mapping: 1\nsource: shop\n"
// The entry starts at line 3, column 15, its 5 own keys with `event`.
#define ENTRY(more) HEAD "interactions: {event: E, customer: {u: \"{u}\"}, at: \"{t}\", " more "}\n"

static struct design *design_make(void)
{
	struct design *d = NULL;
	struct err e = ERR_NONE;
	char out[1400];
	if (design_parse(sv_from(corridor), "corridor.yaml", &d, NULL, &e) != RC_OK)
		fail_msg("%s", err_format(&e, out, sizeof(out)));
	return d;
}

static int report(const char *mapping, const char *wanted, const char *got)
{
	print_message("%s\nwanted: %s\ngot:    %s\n", mapping, wanted, got);
	return 1;
}

static void mistakes(void **state)
{
	static const struct {
		const char *mapping, *place_and_message, *remedy; // remedy: a part of it
	} cases[] = {
		{"mapping: 2\nsource: x\ninteractions: []\n",
			"m.yaml:1:10: this is no mapping file of format 1", "write mapping: 1"},
		{"mapping: 1\nsource: x\n", "m.yaml:1:1: the key \"interactions\" is missing",
			"what one row becomes"},
		{HEAD "interactons: []\n", "m.yaml:3:1: unknown key \"interactons\"",
			"did you mean \"interactions\"?"},
		{HEAD "interactions: []\n", "m.yaml:3:15: interactions must be a list of 1 to 1024 maps", ""},
		{ENTRY("evnt: x"), "m.yaml:3:59: unknown key \"evnt\"", "did you mean \"event\"?"},
		{HEAD "interactions: {event: E, at: \"{t}\"}\n",
			"m.yaml:3:15: an interaction needs \"customer\"", "identity type"},
		{ENTRY("measures: {csta: 1}"), "m.yaml:3:70: there is no measure \"csta\"",
			"did you mean \"csat\"?"},
		{ENTRY("measures: {zzzzzzzz: 1}"), "m.yaml:3:70: there is no measure \"zzzzzzzz\"",
			"known are: nps, csat, ces"},
		{ENTRY("measures: {csat: Score}"),
			"m.yaml:3:76: measure csat is the text \"Score\" in every row, which is no number",
			"\"{Score}\""},
		{ENTRY("measures: {csat: 7}"), "m.yaml:3:76: measure csat is outside its range of 1 to 5", ""},
		{ENTRY("measures: {wait: {column: w, unit: EUR}}"),
			"m.yaml:3:94: unit \"EUR\" cannot be converted to that of measure wait, which is s",
			""},
		{ENTRY("measures: {amount: {column: w, unit: USD}}"),
			"m.yaml:3:96: unit \"USD\" cannot be converted to that of measure amount, which is "
			"minor",
			""},
		{ENTRY("measures: {csat: {seconds between: [\"{a}\", \"{b}\"]}}"),
			"m.yaml:3:94: measure csat is not in seconds but in 1", ""},
		{ENTRY("channel: wbe"), "m.yaml:3:68: channel \"wbe\" is not declared in the corridor file",
			"did you mean \"web\"?"},
		{ENTRY("channel: {column: c, map: {A: web, B: fax}}"),
			"m.yaml:3:68: channel \"fax\" is not declared in the corridor file",
			"known are: web, phone"},
		{ENTRY("channel: {column: c, map: way}"), "m.yaml:3:85: there is no table \"way\"",
			"write it under tables:"},
		{HEAD "tables: {ways: {A: web}}\ninteractions: {event: E, customer: {u: \"{u}\"}, at: \"{t}\", "
		      "channel: "
		      "{column: c, map: way}}\n",
			"m.yaml:4:85: there is no table \"way\"", "did you mean \"ways\"?"},
		{ENTRY("text: \"a {b\""), "m.yaml:3:65: bad template: a { that is not closed", "{Column}"},
		{ENTRY("text: \"a} b\""), "m.yaml:3:65: bad template: a } that closes nothing", "{{ or }}"},
		{ENTRY("text: {Note}"), "m.yaml:3:66: unknown key \"Note\"", "needs quotes: \"{Note}\""},
		{ENTRY("id: Order"),
			"m.yaml:3:63: id is the text \"Order\" in every row: all but one would be duplicates",
			"\"{Order}\""},
		{HEAD "interactions: {event: E, customer: {u: \"{u}\"}, at: OPEN_DT}\n",
			"m.yaml:3:52: at is the text \"OPEN_DT\" in every row, which is no time of the form "
			"ISO",
			"\"{OPEN_DT}\""},
		{HEAD "timezone: Europe/Berln\ninteractions: []\n", "m.yaml:3:11:", "Europe/Berlin"},
		{HEAD "times: yyyy-QQ\ninteractions: []\n", "m.yaml:3:8:", ""},
		{ENTRY("promise: {due: \"{d}\"}"), "m.yaml:3:68: the key \"id\" is missing", ""},
		{ENTRY("when: {a: {at least: x}}"), "m.yaml:3:80: a number is wanted here", ""},
		{ENTRY("when: {a: \"\"}"), "m.yaml:3:69: no value is ever \"\": it counts as absent",
			"test for absent"},
		{ENTRY("when: []"), "m.yaml:3:65: a list of conditions is wanted here", ""},
		{ENTRY("each: items"), "m.yaml:3:65: each is for NDJSON", ""},
		{ENTRY("properties: Type"), "m.yaml:3:71: properties is the text \"Type\"", "[Type]"},
		{ENTRY("properties: [a, a]"), "m.yaml:3:75: property \"a\" is given twice", ""},
		{ENTRY("text: {column: a, template: b}"), "m.yaml:3:65: text has more than one source",
			"exactly one"},
		{ENTRY("text: {case: lower}"), "m.yaml:3:65: text has no source", "exactly one"},
		{ENTRY("text: {column: a, split: {by: \";\", part: 0}}"),
			"m.yaml:3:100: parts are counted from 1", ""},
		{HEAD "csv: {header: false, columns: [a, t]}\ninteractions: {event: E, customer: {u: \"{u}\"}, "
		      "at: \"{t}\"}\n",
			"m.yaml:4:40: there is no column \"u\" among those of csv: columns", ""},
		{HEAD "csv: {delimiter: ab}\ninteractions: []\n",
			"m.yaml:3:18: delimiter must be one ASCII character", ""},
		{HEAD "csv: {encoding: utf-16}\ninteractions: []\n",
			"m.yaml:3:17: encoding \"utf-16\" is not known", "iconv"},
		{HEAD "format: ndjson\ninteractions: {event: \"{.x}\", customer: {u: \"{u}\"}, at: \"{t}\"}\n",
			"m.yaml:4:23: a path that starts with a dot only means something with `each`",
			"each: path"},
		{HEAD "format: xml\ninteractions: []\n", "m.yaml:3:9: format \"xml\" is not known",
			"csv, ndjson or xes"},
		{"[", "m.yaml:", ""},
		{"", "", ""},
	};
	struct design *d = design_make();
	int n_wrong = 0;
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mapping *m = NULL;
		struct err e = ERR_NONE;
		char out[1400];
		enum rc rc = mapping_parse(sv_from(cases[i].mapping), "m.yaml", d, &m, &e);
		err_format(&e, out, sizeof(out));
		if (rc != RC_INPUT || m)
			fail_msg("accepted: %s", cases[i].mapping);
		if (strncmp(out, cases[i].place_and_message, strlen(cases[i].place_and_message)) != 0)
			n_wrong += report(cases[i].mapping, cases[i].place_and_message, out);
		if (!strstr(e.remedy, cases[i].remedy))
			n_wrong += report(cases[i].mapping, cases[i].remedy, out);
	}
	design_free(&d);
	assert_int_equal(n_wrong, 0);
}

static const char rich[] = HEAD
	"timezone: America/New_York\ntimes: [ISO, dd/MM/yyyy]\nempty: [N/A]\n"
	"tables: {ways: {A: web, B: phone}}\n"
	"common: {customer: {email: \"{m}\", user: \"{u}\"}, properties: [a, {b: \"{c}-{d}\"}]}\n"
	"interactions:\n"
	"  - when: [{a: [x, y]}, {not: {b: {at least: 5}}}]\n"
	"    event: {column: e, trim: true, replace: {x: y}, case: upper, default: Bought}\n"
	"    id: \"{_file}#{_line}\"\n"
	"    at: {join: [\"{d1}\", \"{d2}\"], format: yyyy-MM-dd HH:mm, timezone: Asia/Kathmandu, plus: 2h}\n"
	"    channel: {column: w, map: ways, unlisted: absent}\n"
	"    promise: {id: \"{u}\", due: \"{d3}\"}\n"
	"    measures: {amount: {column: n, unit: EUR}, wait: 2min, delay: {seconds between: [\"{d1}\", "
	"\"{d3}\"]}}\n"
	"  - {event: Bought, at: \"{d1}\", text: {first: [\"{a}\", \"{b}\"], split: {by: \",\"}}, keeps: "
	"\"{u}\"}\n";

static void out_of_memory(void **state)
{
	struct sv header[] = {SV("m"), SV("u"), SV("a"), SV("b"), SV("c"), SV("d"), SV("e"), SV("w"), SV("d1"),
		SV("d2"), SV("d3"), SV("n")};
	struct sv fields[] = {SV("m@x.org"), SV("7"), SV("x"), SV("1"), SV("c"), SV("d"), SV("bxx"), SV("A"),
		SV("2026-03-01"), SV("12:00"), SV("2026-03-02"), SV("5")};
	struct design *d = design_make();
	static struct seen seen;
	uint64_t n = 1;
	enum rc rc = RC_NOMEM;
	(void)state;
	for (; rc != RC_OK; n++) {
		struct mapping *m = NULL;
		struct mapping_bound *b = NULL;
		struct err e = ERR_NONE;
		struct record r = {.line = 1, .number = 1, .file = SV("f"), .fields = fields, .n_fields = 12};
		struct map_counts counts = {0};
		uint32_t emitted = 0;
		char out[1400];
		seen.n = 0;
		seen.used = 0;
		mem_fail_at(n);
		rc = mapping_parse(sv_from(rich), "m.yaml", d, &m, &e);
		if (rc == RC_OK)
			rc = mapping_bind(m, header, 12, &b, &e);
		if (rc == RC_OK)
			rc = mapping_map(b, &r, 0, seen_emit, &seen, &emitted, &counts, &e);
		mem_fail_at(0);
		if (rc != RC_OK && rc != RC_NOMEM)
			fail_msg("allocation %u: %s", (unsigned)n, err_format(&e, out, sizeof(out)));
		assert_int_equal(emitted, rc == RC_OK ? 2 : 0);
		if (rc == RC_OK) {
			assert_text(seen.x[0].event, "BYY");
			assert_text(seen.x[0].properties, "{\"a\":\"x\",\"b\":\"c-d\"}");
		}
		mapping_bound_free(&b);
		mapping_free(&m);
	}
	assert_true(n > 20);
	design_free(&d);
}

// A row costs no allocation once the scratch memory has grown to its size.
static void no_allocation_per_row(void **state)
{
	struct bench b;
	(void)state;
	bench_open(&b, corridor, rich, "m,u,a,b,c,d,e,w,d1,d2,d3,n");
	const char *row = "m@x.org|7|x|1|c|d|bxx|A|2026-03-01|12:00|2026-03-02|5";
	for (int i = 0; i < 3; i++)
		assert_mapped(&b, bench_row(&b, row), 2);
	uint64_t before = mem_count();
	for (int i = 0; i < 1000; i++)
		assert_int_equal(bench_row(&b, row), RC_OK);
	assert_true(mem_count() == before);
	bench_close(&b);
}

static void schema(void **state)
{
	struct buf out = buf_new(1u << 20);
	struct json_parser *p = json_parser_new(1u << 20);
	struct json_node root;
	struct err e = ERR_NONE;
	(void)state;
	mapping_schema_write(&out);
	assert_int_equal(buf_check(&out, &e, "schema"), RC_OK);
	assert_int_equal(json_parse(p, buf_view(&out), &root, &e), RC_OK);
	assert_int_equal(json_path(root, SV("$defs.interaction.properties.customer")).type, JSON_OBJECT);
	assert_int_equal(json_path(root, SV("$defs.condition.anyOf")).type, JSON_ARRAY);
	assert_int_equal(json_path(root, SV("properties.interactions")).type, JSON_OBJECT);
	json_parser_free(&p);
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mistakes),
		cmocka_unit_test(out_of_memory),
		cmocka_unit_test(no_allocation_per_row),
		cmocka_unit_test(schema),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
