// SPDX-License-Identifier: Apache-2.0
// Quantities with units, and how they are refused.
#include "support.h"

#include <string.h>

struct good {
	const char *text, *unit;
	double value;
};

static const struct good good[] = {
	{"2min", "s", 120},
	{"1h 30min", "s", 5400},
	{"1h30min", "s", 5400},
	{"250ms", "s", 0.25},
	{"1.5 h", "s", 5400},
	{"1d", "s", 86400},
	{"2w", "s", 1209600},
	{"-5min", "s", -300},
	{"0", "s", 0},
	{" 45s ", "s", 45},
	{"90min", "h", 1.5},
	{"2s", "ms", 2000},
	{"95%", "1", 0.95},
	{"4.2", "1", 4.2},
	{"1e3", "1", 1000},
	{"-1", "1", -1},
	{"95%", "%", 95},
	{"95", "%", 95},
	{"12.50 EUR", "minor", 1250},
	{"12 EUR", "minor", 1200},
	{"EUR 0.07", "minor", 7},
	{"-3.10EUR", "minor", -310},
	{"1.10 EUR", "minor", 110},
	{"0", "minor", 0},
	{"100", "Mbit/s", 100},
	{"100 Mbit/s", "Mbit/s", 100},
	{"100Mbit/s", "Mbit/s", 100},
};

static void test_good(void **state)
{
	(void)state;
	struct design *d = parse_ok(SV(HEAD "touchpoints: {t: {stage: use, match: [{event: x}]}}\n"));
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct err e = ERR_NONE;
		double v = -1;
		if (design_quantity_parse(d, sv_from(good[i].text), sv_from(good[i].unit), &v, &e) != RC_OK)
			fail_msg("\"%s\" in %s: %s", good[i].text, good[i].unit, e.message);
		assert_near(v, good[i].value, 1e-12);
	}
	design_free(&d);
}

static const struct {
	const char *text, *unit, *remedy;
} bad[] = {
	{"120", "s", "ms, s, min, h, d, w"},
	{"2m", "s", "ms, s, min, h, d, w"},
	{"30min 1h", "s", "ms, s, min, h, d, w"},
	{"1h 1h", "s", "ms, s, min, h, d, w"},
	{"", "s", "ms, s, min, h, d, w"},
	{"-", "s", "ms, s, min, h, d, w"},
	{"1h x", "s", "ms, s, min, h, d, w"},
	{"5%", "s", "ms, s, min, h, d, w"},
	{"12.50", "minor", "12.50 EUR"},
	{"12.50 USD", "minor", "12.50 EUR"},
	{"12.505 EUR", "minor", "EUR has 2"},
	{"EUR", "minor", "12.50 EUR"},
	{"2min", "1", "95%"},
	{"x", "1", "95%"},
	{"", "1", "95%"},
	{"1e999", "1", ""},
	{"nan", "1", "95%"},
	{"inf", "1", "95%"},
	{"100 kbit/s", "Mbit/s", "4.2 Mbit/s"},
};

static void test_bad(void **state)
{
	(void)state;
	struct design *d = parse_ok(SV(HEAD "touchpoints: {t: {stage: use, match: [{event: x}]}}\n"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err e = ERR_NONE;
		double v;
		if (design_quantity_parse(d, sv_from(bad[i].text), sv_from(bad[i].unit), &v, &e) != RC_INPUT)
			fail_msg("\"%s\" in %s was taken", bad[i].text, bad[i].unit);
		if (!strstr(e.remedy, bad[i].remedy))
			fail_msg("\"%s\": expected \"%s\" in \"%s\"", bad[i].text, bad[i].remedy, e.remedy);
	}
	design_free(&d);
}

// Decimals of ISO 4217: JPY 0, EUR 2, KWD 3.
static void test_currencies(void **state)
{
	(void)state;
	static const struct {
		const char *code;
		uint32_t digits;
		const char *text;
		double minor;
	} rows[] = {{"JPY", 0, "1200 JPY", 1200}, {"EUR", 2, "12.34 EUR", 1234}, {"KWD", 3, "1.234 KWD", 1234},
		{"CHF", 2, "CHF 0.05", 5}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[256];
		snprintf(text, sizeof(text),
			"corridor: 1\nbrand: B\ntimezone: UTC\ncurrency: %s\ntouchpoints: {t: {stage: use, "
			"match: [{event: x}]}}",
			rows[i].code);
		struct design *d = parse_ok(sv_from(text));
		assert_int_equal(d->currency_digits, rows[i].digits);
		double v = 0;
		struct err e = ERR_NONE;
		assert_int_equal(design_quantity_parse(d, sv_from(rows[i].text), SV("minor"), &v, &e), RC_OK);
		assert_near(v, rows[i].minor, 0);
		design_free(&d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_currencies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
