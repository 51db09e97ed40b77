// SPDX-License-Identifier: Apache-2.0
// Broken corridor files: where the mistake is, what is said about it, and what would put it right.
#include "support.h"

#include <string.h>

#define TP "touchpoints:\n  t:\n    stage: use\n    match: [{event: x}]\n" // lines 5 to 8
#define EXPECT HEAD TP "    expect:\n      e: "                            // line 10, column 10

static const struct {
	const char *text;
	uint32_t line, column;
	const char *message, *remedy; // beginnings are enough; "!" before the message: only a warning
} table[] = {
	// the file
	{"", 1, 1, "the file is empty", "start from"},
	{"- a\n", 1, 1, "a corridor file is a map of keys, not a list", "start with corridor: 1"},
	{"corridor: 1\n\tbrand: x\n", 2, 1, "a tab character", "indent with blanks"},
	{"corridor: 1\nbrand: a: b\n", 2, 9, "a colon is not allowed here", "quote a text"},
	{"corridor: 1\nbrand: [a\n", 3, 1, "a comma or ] is missing before this (begun in line 2)", "separate"},
	// keys
	{HEAD "stagess: [use]\n" TP, 5, 1, "unknown key \"stagess\" in the corridor file",
		"did you mean \"stages\"?"},
	{HEAD "xyzzy: 1\n" TP, 5, 1, "unknown key \"xyzzy\"", "use one of corridor, brand"},
	{HEAD "brand: C\n" TP, 5, 1, "duplicate key \"brand\", first given in line 2", "keep one"},
	{"corridor: 1\nbrand: B\n" TP, 1, 1, "the key \"timezone\" is missing",
		"add for example timezone: Europe/Berlin"},
	{HEAD, 1, 1, "the key \"touchpoints\" is missing", "add for example"},
	{HEAD "touchpoints:\n  t: {match: [{event: x}]}\n", 6, 3, "a touch point needs the key \"stage\"",
		"add for example stage: fulfilment"},
	{HEAD TP "    ownr: a\n", 9, 5, "unknown key \"ownr\" in a touch point", "did you mean \"owner\"?"},
	{HEAD TP "    <<: {a: b}\n", 9, 5, "unknown key \"<<\"", "merge keys are not supported"},
	// head
	{"corridor: 2\nbrand: B\ntimezone: UTC\n" TP, 1, 11, "format version 2 is not supported",
		"use a newer"},
	{"corridor: x\nbrand: B\ntimezone: UTC\n" TP, 1, 11, "corridor must be a number, not \"x\"",
		"write for example corridor: 1"},
	{"corridor: 1\nbrand: [B]\ntimezone: UTC\n" TP, 2, 8, "brand must be a text, not a list",
		"write for example brand: Tidewater Telecom"},
	{"corridor: 1\nbrand: B\ntimezone: Europe/Berln\n" TP, 3, 11, "\"Europe/Berln\" is not a time zone",
		"did you mean Europe/Berlin?"},
	{"corridor: 1\nbrand: B\ntimezone: UTC\ncurrency: EURO\n" TP, 4, 11, "unknown currency \"EURO\"",
		"write the ISO 4217 code"},
	{"corridor: 1\nbrand: B\ntimezone: UTC\ncurrency: QQQ\n" TP, 4, 11, "unknown currency \"QQQ\"",
		"write the"},
	// declarations
	{HEAD "stages: [use, b,\n  use]\n" TP, 6, 3, "duplicate stage \"use\", first given in line 5",
		"keep one"},
	{HEAD "stages: []\n" TP, 5, 1, "the list of stages is empty", "name at least one"},
	{HEAD "channels: {web: digtal}\n" TP, 5, 17, "unknown kind of channel \"digtal\"",
		"did you mean \"digital\"?"},
	{HEAD "channels: [web, fax]\n" TP, 5, 17, "the channel \"fax\" has no default kind", "write a map"},
	{HEAD "channels: {web: [a]}\n" TP, 5, 11, "channels must be a list of texts or a map of names",
		"write"},
	{HEAD "measures: {csat: {min: 1}}\n" TP, 5, 12, "the measure \"csat\" is built in", "take it away"},
	{HEAD "measures: {fee: {unit: USD}}\n" TP, 5, 24,
		"bad unit: USD is not the currency of this corridor, EUR", "write"},
	{HEAD "measures: {fee: {unit: 5x}}\n" TP, 5, 24, "bad unit \"5x\"", "write a time unit"},
	{HEAD "measures: {fee: {min: 2, max: 1}}\n" TP, 5, 12, "the range of \"fee\" is empty",
		"make max larger"},
	{HEAD "measures: {age: {unit: d, min: 3}}\n" TP, 5, 32, "\"3\" is no duration",
		"write a number with one of"},
	{HEAD "rating: {min: 5, max: 1}\n" TP, 5, 1, "the scale of rating is empty", "make max larger"},
	{HEAD "acsi: {satisfaction: -1, expectancy: 1, ideal: 1}\n" TP, 5, 22, "a weight is out of range",
		"write"},
	{HEAD "servqual: {a: {expected: ces}}\n" TP, 5, 12, "a servqual dimension needs the key \"perceived\"",
		"add"},
	{HEAD "servqual: {a: {expected: ces, perceived: cez}}\n" TP, 5, 42, "unknown measure \"cez\"",
		"did you mean \"ces\"?"},
	{HEAD "dimensions: [a, channel]\n" TP, 5, 17,
		"a dimension cannot be called \"channel\": that is a field of every "
		"interaction",
		"choose another name"},
	{HEAD "measures: {speed: {}}\ndimensions: [speed]\n" TP, 6, 14,
		"the dimension \"speed\" has the name of a measure", "choose another name"},
	{HEAD "measures: {at: {}}\n" TP, 5, 12,
		"a measure cannot be called \"at\": that is a field of every "
		"interaction",
		"choose another name"},
	{HEAD "dimensions: [a, a]\n" TP, 5, 17, "duplicate dimension \"a\"", "keep one"},
	{HEAD "dimensions: {a: {from: region}}\n" TP, 5, 24, "\"region\" is no path of a property",
		"write properties.NAME"},
	{HEAD "departments: {a: {hours: night}}\n" TP, 5, 26, "unknown hours \"night\"",
		"declare the calendar"},
	{HEAD "departments: {a: {hours: nigth}}\nhours: {night: {fri: [22:00, 06:00]}}\n" TP, 5, 26,
		"unknown hours \"nigth\"", "did you mean \"night\"?"},
	// hours
	{HEAD "hours: {a: {mon: [08:00, 25:00]}}\n" TP, 5, 26, "25:00 is no time of day",
		"write hours and minutes"},
	{HEAD "hours: {a: {mon: [08:00, 08:60]}}\n" TP, 5, 26, "08:60 is no time of day",
		"write hours and minutes"},
	{HEAD "hours: {a: {mon-fry: [08:00, 09:00]}}\n" TP, 5, 13, "\"mon-fry\" is no day", "write mon, tue"},
	{HEAD "hours: {a: {mon: [08:00, 08:00]}}\n" TP, 5, 18, "the span of hours is empty", "write 00:00"},
	{HEAD "hours: {a: {mon: [[08:00]]}}\n" TP, 5, 19, "a span of hours has two times", "write [from, to]"},
	{HEAD "hours: {a: {mon: [[08:00, 10:00], [09:00, 11:00]]}}\n" TP, 5, 9,
		"hours overlap: mon 08:00-10:00 and mon 09:00-11:00", "make one span"},
	{HEAD "hours: {a: {sun: [22:00, 06:00], mon: [05:00, 08:00]}}\n" TP, 5, 9,
		"hours overlap: sun 22:00-06:00 and mon 05:00-08:00", "make one span"},
	{HEAD "hours: {a: {mon: [08:00, 09:00], holidays: [2026-02-29]}}\n" TP, 5, 45,
		"\"2026-02-29\" is no date", "write a date"},
	{HEAD "hours: {a: {}}\n" TP, 5, 9, "the calendar \"a\" has no hours", "add for example"},
	// touch points
	// loyalty
	{HEAD TP "loyalty: {purchases: [tt]}\n", 9, 23, "unknown touch point \"tt\"", "did you mean \"t\"?"},
	{HEAD TP "loyalty: {half-life: 0s}\n", 9, 22, "a half-life must be above 0",
		"write for example half-life: 90d"},
	{HEAD TP "loyalty: {loss-weight: 0}\n", 9, 24, "a weight of losses is out of range", "write"},
	{HEAD TP "loyalty: {rungs: {a: {}}}\n", 9, 11, "a ladder needs at least two rungs", "write"},
	{HEAD TP "loyalty: {rungs: {a: {}, b: {}}}\n", 9, 26, "the rung \"b\" has no rules", "only"},
	{HEAD TP "loyalty: {rungs: {a: {}, b: {when: [{measure: tenur, at least: 1d}]}}}\n", 9, 47,
		"unknown measure \"tenur\"", "did you mean \"tenure\"?"},
	{HEAD TP "loyalty: {rungs: {a: {}, b: {when: [{measure: tenure, at least: 3}]}}}\n", 9, 65,
		"\"3\" is no duration", "write a number with one of"},
	{HEAD TP "loyalty: {rungs: {a: {}, b: {when: [{measure: nps}]}}}\n", 9, 37,
		"a rule of a rung without a bound", "add for example at least: 2"},
	{HEAD TP "loyalty: {rungs: {a: {}, b: {when: [{measure: nps, at least: 9, at most: 3}]}}}\n", 9, 74,
		"no value is at least and at most these", "exchange the two"},
	{HEAD "touchpoints: {}\n", 5, 1, "there are no touch points", "add at least one"},
	{HEAD "touchpoints: {t: 5}\n", 5, 18, "a touch point must be a map, not a text", "write a map"},
	{HEAD "stages: [use]\ntouchpoints: {t: {stage: usr, match: [{event: x}]}}\n", 6, 26,
		"unknown stage \"usr\"", "did you mean \"use\"?"},
	{HEAD TP "    owner: nobody\n", 9, 12, "unknown department \"nobody\"", "declare it under departments"},
	{HEAD "departments: [billing]\n" TP "    owner: biling\n", 10, 12, "unknown department \"biling\"",
		"did you mean \"billing\"?"},
	{HEAD "systems: [crm]\n" TP "    systems: [crn]\n", 10, 15, "unknown system \"crn\"",
		"did you mean \"crm\"?"},
	{HEAD TP "    channels: [phnoe]\n", 9, 16, "unknown channel \"phnoe\"", "did you mean \"phone\"?"},
	{HEAD TP "    importance: much\n", 9, 17, "importance must be a number, not \"much\"",
		"write for example"},
	{HEAD TP "    importance: -1\n", 9, 17, "importance is out of range: -1",
		"write a number from 0 to 1000"},
	{HEAD TP "    after: [delivry]\n  delivery: {stage: use, match: [{event: y}]}\n", 9, 13,
		"unknown touch point \"delivry\"", "did you mean \"delivery\"?"},
	{HEAD TP "    after: [t]\n", 9, 5, "a cycle in the designed order: t → t",
		"take one of them out of after"},
	{HEAD "touchpoints:\n  a: {stage: use, after: [c], match: [{event: a}]}\n"
	      "  b: {stage: use, after: [a], match: [{event: b}]}\n  c: {stage: use, after: [b], match: "
	      "[{event: c}]}\n",
		7, 19, "a cycle in the designed order: a → b → c → a", "take one"},
	{HEAD TP "    required: perhaps\n", 9, 15, "required must be true or false, not \"perhaps\"",
		"write true or false"},
	{HEAD TP "    repeat: twice\n", 9, 13, "repeat must be once or any, not \"twice\"",
		"write once or any"},
	// match rules
	{HEAD "touchpoints:\n  t: {stage: use, match: []}\n", 6, 19, "an empty list of match rules", "write"},
	{HEAD "touchpoints:\n  t: {stage: use, match: [{}]}\n", 6, 27, "a match rule without conditions",
		"write"},
	{HEAD "touchpoints:\n  t: {stage: use, match: [x]}\n", 6, 26, "match must be a list of maps", "write"},
	{HEAD "touchpoints:\n  t: {stage: use, match: [{evnt: x}]}\n", 6, 28,
		"unknown key \"evnt\" in a match rule", "did you mean \"event\"?"},
	{HEAD "touchpoints:\n  t: {stage: use, match: [{event: 'a*b'}]}\n", 6, 35,
		"\"a*b\" has a * in the middle", "write one *"},
	{HEAD "touchpoints:\n  t: {stage: use, match: [{event: ''}]}\n", 6, 35, "a condition without a value",
		"write"},
	{HEAD "touchpoints:\n  t: {stage: use, match: [{event: []}]}\n", 6, 35, "event has an empty list",
		"write"},
	{HEAD "touchpoints:\n  t: {stage: use, match: [{properties.a..b: x}]}\n", 6, 28,
		"\"properties.a..b\" is no path", "write properties.NAME"},
	{HEAD "touchpoints:\n  t: {stage: use}\n", 6, 3, "!nothing can match \"t\"", "add for example match"},
	{HEAD TP "  u: {stage: use, match: [{event: x, channel: web}]}\n", 9, 27,
		"!this rule never wins: the one of \"t\" in line 8", "take it away"},
	// expectations
	{EXPECT "{at most: 3}\n", 10, 7, "an expectation needs the key \"measure\"",
		"add for example measure: wait"},
	{EXPECT "{measure: csat}\n", 10, 7, "the expectation \"e\" has no target",
		"add for example at least: 4.2"},
	{EXPECT "{measure: csat, at least: 3, at most: 4}\n", 10, 48, "the expectation \"e\" has both",
		"keep one"},
	{EXPECT "{measure: weit, at most: 1min}\n", 10, 20, "unknown measure \"weit\"",
		"did you mean \"wait\"?"},
	{EXPECT "{measure: wait, at most: 120}\n", 10, 35, "\"120\" is no duration",
		"write a number with one of ms, s, min, h, d, w"},
	{EXPECT "{measure: wait, at most: 2 parsecs}\n", 10, 35, "\"2 parsecs\" is no duration",
		"write a number with"},
	{EXPECT "{measure: amount, at most: 12.50}\n", 10, 37, "\"12.50\" is no amount of EUR",
		"write the number and the currency: 12.50 EUR"},
	{EXPECT "{measure: csat, at least: 6}\n", 10, 36, "the target 6 does not fit the measure csat",
		"write a value from 1 to 5"},
	{EXPECT "{measure: nps, at least: 80%}\n", 10, 35, "the target 80% does not fit the measure nps",
		"write a value from 0 to 10"},
	{EXPECT "{measure: wait, at most: 1min, for: 95}\n", 10, 46, "the share 95 is out of range",
		"write a share from 0% to 100%"},
	{EXPECT "{measure: wait, at most: 1min, for: 101%}\n", 10, 46, "the share 101% is out of range",
		"write a share"},
	{EXPECT "{measure: wait, at most: 1min, for: most}\n", 10, 46, "\"most\" is no number",
		"write a plain number"},
	{EXPECT "{measure: wait, at most: 1min, scale: 0}\n", 10, 48, "the scale must be above 0",
		"write the distance"},
	{EXPECT "{measure: wait, atmost: 1min}\n", 10, 26, "unknown key \"atmost\" in an expectation",
		"did you mean \"at most\"?"},
};

static bool starts(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct design *d = NULL;
		struct design_problems p = {0};
		struct err e = ERR_NONE;
		bool warning = table[i].message[0] == '!';
		const char *message = table[i].message + warning;
		enum rc rc = design_parse(sv_from(table[i].text), "f.yaml", &d, &p, &e);
		assert_int_equal(rc, warning ? RC_OK : RC_INPUT);
		bool found = false;
		for (uint32_t k = 0; k < p.n; k++)
			found |= p.items[k].line == table[i].line && p.items[k].column == table[i].column &&
				 p.items[k].warning == warning && starts(p.items[k].message, message) &&
				 starts(p.items[k].remedy, table[i].remedy);
		if (!found) {
			for (uint32_t k = 0; k < p.n; k++)
				print_message("%u:%u: %s; %s\n", p.items[k].line, p.items[k].column,
					p.items[k].message, p.items[k].remedy);
			fail_msg("not found: %u:%u: %s; %s in\n%s", table[i].line, table[i].column,
				table[i].message, table[i].remedy, table[i].text);
		}
		if (!warning) {
			assert_null(d);
			assert_string_equal(e.file, "f.yaml");
			assert_int_equal(e.rc, RC_INPUT);
		}
		design_problems_free(&p);
		design_free(&d);
	}
}

// One run shows them all, in order of line; the error is the first of them.
static void test_all_at_once(void **state)
{
	(void)state;
	struct design *d = NULL;
	struct design_problems p = {0};
	struct err e = ERR_NONE;
	assert_int_equal(
		design_parse(SV("corridor: 1\nbrand: B\ntimezone: Nowhere\ncurrency: 5\nstages: [a, a]\n"
				"touchpoints:\n  t: {stage: b}\n"),
			"f.yaml", &d, &p, &e),
		RC_INPUT);
	static const uint32_t lines[] = {3, 4, 5, 7, 7};
	assert_int_equal(p.n, 5);
	assert_int_equal(p.n_errors, 4);
	for (uint32_t i = 0; i < p.n; i++)
		assert_int_equal(p.items[i].line, lines[i]);
	assert_int_equal(e.line, 3);
	assert_true(p.items[3].warning);
	design_problems_free(&p);
}

// The list is bounded, the count is not, and warnings make room for errors.
static void test_many(void **state)
{
	(void)state;
	static char text[100000];
	size_t n = (size_t)snprintf(text, sizeof(text), HEAD "touchpoints:\n");
	for (int i = 0; i < 150; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "  w%d: {stage: use}\n", i);
	for (int i = 0; i < 150; i++)
		n += (size_t)snprintf(
			text + n, sizeof(text) - n, "  t%d: {stage: usq, match: [{event: e%d}]}\n", i, i);
	struct design *d = NULL;
	struct design_problems p = {0};
	struct err e = ERR_NONE;
	assert_int_equal(design_parse((struct sv){text, n}, "f.yaml", &d, &p, &e), RC_INPUT);
	assert_int_equal(p.n, 100);
	assert_int_equal(p.n_errors, 150);
	assert_false(p.items[0].warning);
	design_problems_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_all_at_once),
		cmocka_unit_test(test_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
