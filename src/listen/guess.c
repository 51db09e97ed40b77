// SPDX-License-Identifier: Apache-2.0
// A mapping for a file that nobody has described, by the names of its columns and by what is in them. It is a start for
// a person who looks at the preview, so where two readings are possible it takes the likelier one and says so in a
// comment; where nothing fits it leaves the key out and says what is missing.
//
// Names are compared as words: "Customer_ID", "customerId" and "CUSTOMER ID" are all "customer id". A message id is only
// taken from a column that is named like one and has no value twice, because rows with the same id count once.
#include "listen/peek.h"

#include "base/json.h"
#include "listen/mapping.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { WORDS_BYTES = 128, TABLE_MAX = 12, FEW = 20 };

enum field {
	FIELD_NONE,
	FIELD_ID,
	FIELD_AT,
	FIELD_CLOCK, // the time of day, when the date stands alone
	FIELD_EVENT,
	FIELD_CHANNEL,
	FIELD_AGENT,
	FIELD_LOCATION,
	FIELD_TEXT,
	FIELD_SOURCE,
	FIELD_USER,
	FIELD_EMAIL,
	FIELD_PHONE,
	FIELD_CARD,
	FIELD_ANONYMOUS,
	FIELD_WHOLE, // identities as type:value
	FIELD_MEASURE,
	FIELDS
};

// Names that mean a field, the likelier first. English and German, since that is what was seen.
static const struct {
	enum field field;
	const char *words;
} names[] = {
	{FIELD_ID, "message id|event id|interaction id|uuid|id"},
	{FIELD_AT, "at|timestamp|time stamp|event time|occurred at|happened at|datetime|date time|created "
		   "at|created on|"
		   "created|started at|start "
		   "time|begin|start|time|date|day|zeitstempel|zeitpunkt|datum|zeit|when|opened at|"
		   "call time|order date|call date|received at|submitted at|sent at"},
	{FIELD_CLOCK, "time|clock|hour|uhrzeit|zeit|time of day|call time"},
	{FIELD_EVENT, "event|event name|event type|activity|action|interaction|interaction "
		      "type|type|kind|ereignis|vorgang"},
	{FIELD_CHANNEL, "channel|contact channel|channel name|medium|kanal"},
	{FIELD_AGENT,
		"agent|agent id|agent name|employee|operator|handled by|representative|rep|advisor|mitarbeiter|"
		"bearbeiter|dealer|courier|sales person|salesperson"},
	{FIELD_LOCATION, "location|store|store id|shop|branch|site|filiale|standort"},
	{FIELD_TEXT, "text|comment|comments|message|feedback|verbatim|review|review "
		     "text|note|notes|kommentar|bemerkung|"
		     "complaint|transcript|body"},
	{FIELD_SOURCE, "source"},
	{FIELD_USER,
		"user|user id|customer id|customer|customer no|customer number|customer nr|client id|client|"
		"account id|account|account no|account number|member id|member|subscriber id|subscriber|person "
		"id|"
		"person|contact id|kunde|kunden id|kundennr|kunden nr|kundennummer|contract id|contract|uid"},
	{FIELD_EMAIL, "email|e mail|mail|email address|customer email|user email|mailadresse|e mail adresse"},
	{FIELD_PHONE, "phone|phone number|mobile|mobile number|telephone|tel|msisdn|caller|caller id|telefon|"
		      "telefonnummer|customer phone"},
	{FIELD_CARD, "card|card number|card no|loyalty card|loyalty card number"},
	{FIELD_ANONYMOUS, "anonymous id|visitor id|device id|cookie id"},
};

// Other names of the built-in measures.
static const struct {
	const char *measure, *words;
} measure_names[] = {
	{"nps", "nps score|recommend|likelihood to recommend"},
	{"csat", "csat score|satisfaction|zufriedenheit"},
	{"ces", "ces score|effort|customer effort"},
	{"rating", "stars|star rating|bewertung"},
	{"wait", "wait time|waiting time|waiting|time in queue|queue time|wartezeit|time to answer"},
	{"duration", "talk time|call duration|handle time|handling time|length|dauer|gesprächsdauer"},
	{"delay", "delayed|late by|verspätung"},
	{"amount", "total|order total|price|revenue|value|total price|betrag|summe|preis|umsatz"},
	{"resolved", "solved|is resolved|is solved|first contact resolution|fcr|gelöst"},
	{"sentiment", "sentiment score"},
};

static const struct {
	const char *word, *unit;
} units[] = {{"ms", "ms"}, {"millis", "ms"}, {"s", "s"}, {"sec", "s"}, {"secs", "s"}, {"seconds", "s"},
	{"sekunden", "s"}, {"min", "min"}, {"mins", "min"}, {"minutes", "min"}, {"minuten", "min"}, {"h", "h"},
	{"hours", "h"}, {"stunden", "h"}, {"days", "d"}, {"tage", "d"}, {"cents", "minor"}, {"cent", "minor"},
	{"minor", "minor"}};

struct found {
	const struct peek_values *column; // NULL: none
	struct sv format;                 // of times
	bool is_ambiguous;                // day and month could be the other way round
};

struct measured {
	const struct peek_values *column;
	uint32_t measure;
	const char *unit;        // NULL: the measure's
	char decimal, thousands; // thousands 0: none
	bool is_words;           // yes and no
};

struct guess {
	const struct peek_table *t;
	const struct design *d;
	struct arena *arena;
	struct sv name;
	struct found of[FIELDS];
	struct measured measures[DESIGN_MEASURES_MAX];
	uint32_t n_measures;
	struct buf out;
	bool *no_memory; // something could not be looked at: better no guess than a worse one
};

// --- names ---

// "customerID" → "customer id". Letters beyond ASCII stay. Of a path the last `steps` count.
static void words_of(struct sv name, unsigned steps, char out[WORDS_BYTES])
{
	size_t n = 0;
	bool gap = false;
	for (size_t i = name.len; i > 0; i--)
		if (name.ptr[i - 1] == '.' && --steps == 0) {
			name.ptr += i;
			name.len -= i;
			break;
		}
	for (size_t i = 0; i < name.len && n + 2 < WORDS_BYTES; i++) {
		unsigned char c = (unsigned char)name.ptr[i];
		bool upper = c >= 'A' && c <= 'Z', lower = c >= 'a' && c <= 'z';
		bool letter = upper || lower || c >= 0x80 || (c >= '0' && c <= '9');
		bool after_lower = i > 0 && name.ptr[i - 1] >= 'a' && name.ptr[i - 1] <= 'z';
		gap |= !letter || (upper && after_lower);
		if (!letter)
			continue;
		if (gap && n > 0)
			out[n++] = ' ';
		gap = false;
		out[n++] = (char)(upper ? c + 'a' - 'A' : c);
	}
	out[n] = 0;
}

// Place of words in a list like "a|b c"; UINT32_MAX: it is not there.
static uint32_t place_in(const char *list, const char *words)
{
	uint32_t place = 0;
	for (struct sv rest = sv_from(list); rest.ptr; place++)
		if (sv_equal(sv_cut(rest, '|', &rest), sv_from(words)))
			return place;
	return UINT32_MAX;
}

// The same of a column: user.id is "user id", or else "id", but not when a message id is looked for.
static uint32_t place_of(const char *list, struct sv name, bool is_id)
{
	char words[WORDS_BYTES];
	words_of(name, 2, words);
	uint32_t place = place_in(list, words);
	if (place != UINT32_MAX || is_id)
		return place;
	words_of(name, 1, words);
	return place_in(list, words);
}

// --- what is in a column ---

// How many of the values that are there fit.
static uint32_t n_fitting(const struct peek_values *v, uint32_t n_rows,
	bool (*fits)(struct sv text, const void *context), const void *context)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < n_rows; i++)
		n += v->values[i].ptr && fits(v->values[i], context);
	return n;
}

static bool all_fit(const struct peek_values *v, uint32_t n_rows,
	bool (*fits)(struct sv text, const void *context), const void *context)
{
	return v->n_present > 0 && n_fitting(v, n_rows, fits, context) == v->n_present;
}

// Files have bad rows: four of five are enough to say what a column is.
static bool are_most(uint32_t n, const struct peek_values *v)
{
	return n > 0 && 5 * (uint64_t)n >= 4 * (uint64_t)v->n_present;
}

static bool most_fit(const struct peek_values *v, uint32_t n_rows,
	bool (*fits)(struct sv text, const void *context), const void *context)
{
	return are_most(n_fitting(v, n_rows, fits, context), v);
}

static bool is_email(struct sv s, const void *context)
{
	struct sv host;
	(void)context;
	struct sv user = sv_cut(s, '@', &host);
	return user.len > 0 && host.len > 2 && memchr(host.ptr, '.', host.len) && !memchr(s.ptr, ' ', s.len);
}

static bool is_phone(struct sv s, const void *context)
{
	uint32_t digits = 0;
	(void)context;
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] >= '0' && s.ptr[i] <= '9')
			digits++;
		else if (!strchr("+ -()/.", s.ptr[i]))
			return false;
	}
	return s.len > 0 && (s.ptr[0] == '+' || s.ptr[0] == '0') && digits >= 7 && digits <= 15;
}

// "user:u-17", or a JSON list of such.
static bool is_whole(struct sv s, const void *context)
{
	struct sv value;
	(void)context;
	if (s.len > 1 && s.ptr[0] == '[')
		return true;
	struct sv type = sv_cut(s, ':', &value);
	for (size_t i = 0; i < type.len; i++)
		if (type.ptr[i] < 'a' || type.ptr[i] > 'z')
			return false;
	return type.len > 1 && value.len > 0 && value.ptr[0] != '/';
}

static bool is_declared_channel(struct sv s, const void *context)
{
	const struct design *d = context;
	return design_channel_find(d, s) != DESIGN_NONE;
}

static bool is_declared_lower(struct sv s, const void *context)
{
	char lower[PEEK_VALUE_BYTES];
	if (s.len > sizeof(lower))
		return false;
	for (size_t i = 0; i < s.len; i++)
		lower[i] = (char)(s.ptr[i] >= 'A' && s.ptr[i] <= 'Z' ? s.ptr[i] + 'a' - 'A' : s.ptr[i]);
	return is_declared_channel((struct sv){lower, s.len}, context);
}

struct time_test {
	const struct time_format *format;
	const struct tz *zone;
};

static bool is_time(struct sv s, const void *context)
{
	const struct time_test *t = context;
	int64_t at_ms;
	// A year alone is no time of an interaction.
	return s.len >= 6 && time_parse(t->format, t->zone, s, &at_ms, NULL) &&
	       at_ms > INT64_C(-2208988800000) && at_ms < INT64_C(4102444800000);
}

static bool form_open(const struct guess *g, const char *form, struct time_format **out)
{
	enum rc rc = time_format_compile(sv_from(form), out, NULL);
	*g->no_memory |= rc == RC_NOMEM;
	return rc == RC_OK;
}

static uint32_t n_times(const struct guess *g, const struct peek_values *v, const char *format)
{
	struct time_test t = {.zone = g->d->tz};
	struct time_format *f = NULL;
	if (!form_open(g, format, &f))
		return 0;
	t.format = f;
	uint32_t n = n_fitting(v, g->t->n_rows, is_time, &t);
	time_format_free(&f);
	return n;
}

static bool is_long_number(struct sv s, const void *context)
{
	double v;
	const double *range = context;
	return sv_to_double(s, &v) && v >= range[0] && v < range[1];
}

// The form of all times of a column; SV_NONE: they are none. with_clock: it says the time of day.
static struct sv time_form(
	const struct guess *g, const struct peek_values *v, bool *with_clock, bool *is_ambiguous)
{
	static const struct {
		const char *form, *other; // other: what it could be as well
		bool with_clock;
	} forms[] = {{"dd.MM.yyyy HH:mm:ss", NULL, true}, {"dd.MM.yyyy HH:mm", NULL, true},
		{"dd.MM.yyyy, HH:mm", NULL, true}, {"dd.MM.yyyy", NULL, false}, {"d.M.yyyy H:mm", NULL, true},
		{"d.M.yyyy", NULL, false}, {"dd.MM.yy", NULL, false}, {"yyyy/MM/dd HH:mm:ss", NULL, true},
		{"yyyy/MM/dd HH:mm", NULL, true}, {"yyyy/MM/dd", NULL, false},
		{"dd/MM/yyyy HH:mm:ss", "MM/dd/yyyy HH:mm:ss", true}, {"MM/dd/yyyy HH:mm:ss", NULL, true},
		{"dd/MM/yyyy HH:mm", "MM/dd/yyyy HH:mm", true}, {"MM/dd/yyyy HH:mm", NULL, true},
		{"MM/dd/yyyy hh:mm:ss a", NULL, true}, {"MM/dd/yyyy hh:mm a", NULL, true},
		{"M/d/yyyy h:mm:ss a", NULL, true}, {"M/d/yyyy h:mm a", NULL, true},
		{"M/d/yyyy H:mm", NULL, true}, {"dd/MM/yyyy", "MM/dd/yyyy", false}, {"MM/dd/yyyy", NULL, false},
		{"M/d/yyyy", NULL, false}, {"dd-MM-yyyy HH:mm", NULL, true}, {"dd-MM-yyyy", NULL, false},
		{"dd MMM yyyy HH:mm", NULL, true}, {"d MMM yyyy", NULL, false},
		{"E, dd MMM yyyy HH:mm:ss Z", NULL, true}};
	static const double seconds[] = {1e9 / 4, 4.2e9}, milliseconds[] = {1e12 / 4, 4.2e12};
	*with_clock = true;
	*is_ambiguous = false;
	if (most_fit(v, g->t->n_rows, is_long_number, seconds))
		return SV("unix");
	if (most_fit(v, g->t->n_rows, is_long_number, milliseconds))
		return SV("unix-ms");
	if (are_most(n_times(g, v, "ISO"), v)) {
		*with_clock = false;
		for (uint32_t i = 0; i < g->t->n_rows; i++)
			*with_clock |= v->values[i].ptr && v->values[i].len > 10;
		return SV("ISO");
	}
	uint32_t best = 0, n;
	struct sv form = SV_NONE;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if ((n = n_times(g, v, forms[i].form)) <= best || !are_most(n, v))
			continue;
		best = n;
		form = sv_from(forms[i].form);
		*with_clock = forms[i].with_clock;
		*is_ambiguous = forms[i].other && n_times(g, v, forms[i].other) == n;
	}
	return form;
}

// Different values, at most `most` of them into out; most + 1: there are more.
static uint32_t distinct(const struct guess *g, const struct peek_values *v, struct sv *out, uint32_t most)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < g->t->n_rows; i++) {
		bool known = v->values[i].ptr == NULL;
		for (uint32_t k = 0; k < n && !known; k++)
			known = sv_equal(out[k], v->values[i]);
		if (known)
			continue;
		if (n == most)
			return most + 1;
		out[n++] = v->values[i];
	}
	return n;
}

// --- which column is what ---

static bool is_taken(const struct guess *g, const struct peek_values *v)
{
	for (int f = 0; f < FIELDS; f++)
		if (g->of[f].column == v)
			return true;
	for (uint32_t i = 0; i < g->n_measures; i++)
		if (g->measures[i].column == v)
			return true;
	return false;
}

// The column whose name stands earliest in the list of the field and that `fits`.
static const struct peek_values *by_name(const struct guess *g, enum field field,
	bool (*fits)(const struct guess *g, const struct peek_values *v))
{
	const char *list = "";
	const struct peek_values *best = NULL;
	uint32_t best_place = UINT32_MAX;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		list = names[i].field == field ? names[i].words : list;
	for (uint32_t i = 0; i < g->t->n_columns; i++) {
		const struct peek_values *v = g->t->columns[i];
		uint32_t place = place_of(list, v->name, field == FIELD_ID);
		if (place < best_place && v->n_present > 0 && !is_taken(g, v) && (!fits || fits(g, v))) {
			best = v;
			best_place = place;
		}
	}
	return best;
}

static bool fits_time(const struct guess *g, const struct peek_values *v)
{
	bool with_clock, is_ambiguous;
	return time_form(g, v, &with_clock, &is_ambiguous).ptr != NULL;
}

// A time of day together with a date, in the form given.
static bool is_clock(struct sv s, const void *context)
{
	const struct time_test *t = context;
	char both[40];
	int64_t at_ms;
	int n = snprintf(both, sizeof(both), "2026-01-01 %.*s", SV_ARG(s));
	return n > 0 && n < (int)sizeof(both) && s.len >= 4 &&
	       time_parse(t->format, t->zone, (struct sv){both, (size_t)n}, &at_ms, NULL);
}

static bool are_clocks(const struct guess *g, const struct peek_values *v, const char *form)
{
	struct time_test t = {.zone = g->d->tz};
	struct time_format *f = NULL;
	char both[40];
	snprintf(both, sizeof(both), "yyyy-MM-dd %s", form);
	if (!form_open(g, both, &f))
		return false;
	t.format = f;
	bool all = most_fit(v, g->t->n_rows, is_clock, &t);
	time_format_free(&f);
	return all;
}

static const char *clock_form(const struct guess *g, const struct peek_values *v)
{
	static const char *const forms[] = {"HH:mm", "HH:mm:ss", "H:mm", "hh:mm a", "h:mm a"};
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (are_clocks(g, v, forms[i]))
			return forms[i];
	return NULL;
}

static bool fits_clock(const struct guess *g, const struct peek_values *v)
{
	return clock_form(g, v) != NULL;
}

// Times that say the time of day are better than dates; a name that is known better than another; else the first.
static void find_time(struct guess *g)
{
	struct found *at = &g->of[FIELD_AT];
	const struct peek_values *named = by_name(g, FIELD_AT, fits_time);
	bool best_clock = false, with_clock, is_ambiguous;
	for (uint32_t i = 0; i < g->t->n_columns; i++) {
		const struct peek_values *v = g->t->columns[i];
		struct sv form = v->n_present == g->t->n_rows || v == named
					 ? time_form(g, v, &with_clock, &is_ambiguous)
					 : SV_NONE;
		char words[WORDS_BYTES];
		words_of(v->name, 1, words);
		if (!form.ptr || (sv_starts(form, SV("unix")) && v != named && !strstr(words, "time")))
			continue;
		bool better =
			!at->column || (with_clock && !best_clock) || (with_clock == best_clock && v == named);
		if (!better)
			continue;
		*at = (struct found){v, form, is_ambiguous};
		best_clock = with_clock;
	}
	if (!at->column || best_clock)
		return;
	struct found *clock = &g->of[FIELD_CLOCK];
	clock->column = by_name(g, FIELD_CLOCK, fits_clock);
	clock->format = clock->column ? sv_from(clock_form(g, clock->column)) : SV_NONE;
}

static bool fits_whole(const struct guess *g, const struct peek_values *v)
{
	return all_fit(v, g->t->n_rows, is_whole, NULL);
}

static bool fits_email(const struct guess *g, const struct peek_values *v)
{
	return most_fit(v, g->t->n_rows, is_email, NULL);
}

static bool fits_phone(const struct guess *g, const struct peek_values *v)
{
	return most_fit(v, g->t->n_rows, is_phone, NULL);
}

static const struct peek_values *by_values(
	const struct guess *g, bool (*fits)(const struct guess *g, const struct peek_values *v))
{
	for (uint32_t i = 0; i < g->t->n_columns; i++)
		if (!is_taken(g, g->t->columns[i]) && fits(g, g->t->columns[i]))
			return g->t->columns[i];
	return NULL;
}

static void find_customer(struct guess *g)
{
	struct found *of = g->of;
	of[FIELD_WHOLE].column = by_name(g, FIELD_USER, fits_whole);
	if (of[FIELD_WHOLE].column)
		return;
	of[FIELD_EMAIL].column = by_name(g, FIELD_EMAIL, fits_email);
	of[FIELD_USER].column = by_name(g, FIELD_USER, NULL);
	of[FIELD_PHONE].column = by_name(g, FIELD_PHONE, NULL);
	of[FIELD_CARD].column = by_name(g, FIELD_CARD, NULL);
	of[FIELD_ANONYMOUS].column = by_name(g, FIELD_ANONYMOUS, NULL);
	if (of[FIELD_USER].column && !of[FIELD_EMAIL].column && fits_email(g, of[FIELD_USER].column)) {
		of[FIELD_EMAIL].column = of[FIELD_USER].column;
		of[FIELD_USER].column = NULL;
	}
	if (!of[FIELD_EMAIL].column)
		of[FIELD_EMAIL].column = by_values(g, fits_email);
	if (!of[FIELD_EMAIL].column && !of[FIELD_USER].column && !of[FIELD_PHONE].column)
		of[FIELD_PHONE].column = by_values(g, fits_phone);
}

// How many of the column's values are events that a match rule of the corridor file takes.
static uint32_t n_matched(const struct guess *g, const struct peek_values *v)
{
	struct sv values[FEW];
	uint32_t n = distinct(g, v, values, FEW), matched = 0;
	if (n > FEW)
		return 0;
	for (uint32_t i = 0; i < n; i++) {
		struct interaction x = {.event = values[i], .at_ms = 0, .due_ms = TIME_NONE};
		design_resolve(g->d, &x);
		matched += x.touchpoint != TOUCHPOINT_NONE;
	}
	return matched;
}

// By what the corridor file knows, else by name.
static void find_event(struct guess *g)
{
	uint32_t best = 0;
	for (uint32_t i = 0; i < g->t->n_columns; i++) {
		uint32_t n = is_taken(g, g->t->columns[i]) ? 0 : n_matched(g, g->t->columns[i]);
		if (n > best) {
			best = n;
			g->of[FIELD_EVENT].column = g->t->columns[i];
		}
	}
	if (!g->of[FIELD_EVENT].column)
		g->of[FIELD_EVENT].column = by_name(g, FIELD_EVENT, NULL);
}

static bool fits_channel(const struct guess *g, const struct peek_values *v)
{
	return all_fit(v, g->t->n_rows, is_declared_lower, g->d);
}

static int compare_values(const void *a, const void *b)
{
	return sv_compare(*(const struct sv *)a, *(const struct sv *)b);
}

static bool fits_id(const struct guess *g, const struct peek_values *v)
{
	struct sv *sorted = arena_array(g->arena, (size_t)g->t->n_rows + 1, sizeof(*sorted));
	*g->no_memory |= !sorted;
	if (!sorted || v->cut || v->n_present < g->t->n_rows)
		return false;
	memcpy(sorted, v->values, g->t->n_rows * sizeof(*sorted));
	qsort(sorted, g->t->n_rows, sizeof(*sorted), compare_values);
	for (uint32_t i = 1; i < g->t->n_rows; i++)
		if (sv_equal(sorted[i - 1], sorted[i]))
			return false;
	return true;
}

// --- measures ---

struct number_test {
	char decimal, thousands;
	double min, max;
};

static bool is_number(struct sv s, const void *context)
{
	const struct number_test *t = context;
	double v;
	return mapping_number_parse(s, t->decimal, t->thousands, &v) && v >= t->min && v <= t->max;
}

static bool is_yes_or_no(struct sv s, const void *context)
{
	(void)context;
	static const char *const known[] = {"yes", "no", "ja", "nein", "y", "n", "j"};
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (sv_equal_nocase(s, sv_from(known[i])))
			return true;
	return false;
}

static bool measure_take(struct guess *g, const struct peek_values *v, uint32_t m, const char *unit)
{
	const struct design_measure *dm = &g->d->measures[m];
	static const char separators[][2] = {{'.', 0}, {',', 0}, {',', '.'}, {'.', ','}};
	struct measured found = {v, m, unit, 0, 0, false};
	uint32_t best = 0, n;
	for (size_t i = 0; i < 4; i++) {
		struct number_test t = {separators[i][0], separators[i][1], dm->min, dm->max};
		if (unit || sv_equal(dm->unit, SV("minor"))) { // the range is that of the converted number
			t.min = -HUGE_VAL;
			t.max = HUGE_VAL;
		}
		if ((n = n_fitting(v, g->t->n_rows, is_number, &t)) <= best || !are_most(n, v))
			continue;
		best = n;
		found.decimal = t.decimal;
		found.thousands = t.thousands;
	}
	if (!found.decimal && sv_equal(dm->name, SV("resolved")))
		found.is_words = all_fit(v, g->t->n_rows, is_yes_or_no, NULL);
	if (!found.decimal && !found.is_words)
		return false;
	g->measures[g->n_measures++] = found;
	return true;
}

static bool is_unit_of(const struct design_measure *m, const char *unit)
{
	bool money = sv_equal(m->unit, SV("minor"));
	return strcmp(unit, "minor") == 0 ? money : sv_equal(m->unit, SV("s"));
}

// The unit at the end of the words, which are cut there. NULL: none.
static const char *unit_cut(char *words)
{
	char *last = strrchr(words, ' ');
	for (size_t i = 0; last && i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(last + 1, units[i].word) == 0) {
			*last = 0;
			return units[i].unit;
		}
	return NULL;
}

static bool means(const struct design_measure *m, const char *words)
{
	char own[WORDS_BYTES];
	words_of(m->name, 1, own);
	if (strcmp(own, words) == 0)
		return true;
	for (size_t i = 0; i < sizeof(measure_names) / sizeof(measure_names[0]); i++)
		if (sv_equal(m->name, sv_from(measure_names[i].measure)))
			return place_in(measure_names[i].words, words) != UINT32_MAX;
	return false;
}

static void find_measures(struct guess *g)
{
	for (uint32_t m = 0; m < g->d->n_measures; m++) {
		const struct design_measure *dm = &g->d->measures[m];
		for (uint32_t i = 0; i < g->t->n_columns; i++) {
			const struct peek_values *v = g->t->columns[i];
			char words[WORDS_BYTES];
			words_of(v->name, 1, words);
			bool named = means(dm, words);
			const char *unit = named ? NULL : unit_cut(words);
			if (unit && means(dm, words) && is_unit_of(dm, unit))
				named = true;
			if (named && !is_taken(g, v) && measure_take(g, v, m, unit))
				break;
		}
	}
}

static void find_all(struct guess *g)
{
	find_time(g);
	find_customer(g);
	find_measures(g);
	find_event(g);
	g->of[FIELD_ID].column = by_name(g, FIELD_ID, fits_id);
	g->of[FIELD_CHANNEL].column = by_name(g, FIELD_CHANNEL, fits_channel);
	if (!g->of[FIELD_CHANNEL].column)
		g->of[FIELD_CHANNEL].column = by_values(g, fits_channel);
	g->of[FIELD_AGENT].column = by_name(g, FIELD_AGENT, NULL);
	g->of[FIELD_LOCATION].column = by_name(g, FIELD_LOCATION, NULL);
	g->of[FIELD_TEXT].column = by_name(g, FIELD_TEXT, NULL);
	g->of[FIELD_SOURCE].column = by_name(g, FIELD_SOURCE, NULL);
}

// --- writing ---

// A text as YAML: what JSON quotes, YAML reads.
static void put_quoted(struct guess *g, struct sv text)
{
	struct json j = json_new(&g->out);
	json_string(&j, text);
}

// A map without its closing brace: {column: "Name"
static void put_open(struct guess *g, const struct peek_values *v)
{
	buf_str(&g->out, "{column: ");
	put_quoted(g, v->name);
}

static void put_column(struct guess *g, const char *key, const struct peek_values *v, const char *more)
{
	if (!v)
		return;
	buf_printf(&g->out, "%s", key);
	put_open(g, v);
	buf_printf(&g->out, "%s}\n", more);
}

// The column in braces, for where a map means something else.
static void put_template(struct guess *g, const char *key, struct sv name)
{
	struct buf text = buf_new(1 << 20);
	buf_char(&text, '{');
	for (size_t i = 0; i < name.len; i++) {
		if (name.ptr[i] == '{' || name.ptr[i] == '}')
			buf_char(&text, name.ptr[i]);
		buf_char(&text, name.ptr[i]);
	}
	buf_char(&text, '}');
	buf_str(&g->out, key);
	put_quoted(g, buf_view(&text));
	buf_char(&g->out, '\n');
	g->out.rc = g->out.rc == RC_OK ? text.rc : g->out.rc;
	buf_free(&text);
}

// "calls-2026-01.csv.gz" → "calls": the letters that a name begins with.
static struct sv stem_of(struct sv name)
{
	size_t n = 0;
	while (n < name.len &&
		((name.ptr[n] >= 'a' && name.ptr[n] <= 'z') || (name.ptr[n] >= 'A' && name.ptr[n] <= 'Z') ||
			(unsigned char)name.ptr[n] >= 0x80))
		n++;
	return n ? (struct sv){name.ptr, n} : SV("import");
}

static void put_time(struct guess *g)
{
	const struct found *at = &g->of[FIELD_AT], *clock = &g->of[FIELD_CLOCK];
	if (!at->column) {
		buf_str(&g->out, "  # at: no column holds times in a form that is known; say which one, and "
				 "its format:\n"
				 "  # at: {column: \"…\", format: \"dd.MM.yyyy HH:mm\"}\n");
		return;
	}
	if (at->is_ambiguous)
		buf_str(&g->out, "  # Month first would fit, too: then it is MM/dd.\n");
	if (clock->column) {
		buf_str(&g->out, "  at: {join: [");
		put_open(g, at->column);
		buf_str(&g->out, "}, ");
		put_open(g, clock->column);
		buf_str(&g->out, "}], format: ");
		struct sv date = sv_equal(at->format, SV("ISO")) ? SV("yyyy-MM-dd") : at->format;
		put_quoted(g, arena_printf(g->arena, "%.*s %.*s", SV_ARG(date), SV_ARG(clock->format)));
		buf_str(&g->out, "}\n");
		return;
	}
	buf_str(&g->out, "  at: ");
	put_open(g, at->column);
	if (!sv_equal(at->format, SV("ISO"))) {
		buf_str(&g->out, ", format: ");
		put_quoted(g, at->format);
	}
	buf_str(&g->out, "}\n");
}

static void put_customer(struct guess *g)
{
	static const struct {
		enum field field;
		const char *key, *more;
	} keys[] = {{FIELD_USER, "    user: ", ""}, {FIELD_EMAIL, "    email: ", ", case: lower"},
		{FIELD_PHONE, "    phone: ", ""}, {FIELD_CARD, "    card: ", ""},
		{FIELD_ANONYMOUS, "    anonymous: ", ""}};
	bool any = false;
	if (g->of[FIELD_WHOLE].column) {
		put_template(g, "  customer: ", g->of[FIELD_WHOLE].column->name);
		return;
	}
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		any |= g->of[keys[i].field].column != NULL;
	buf_str(&g->out, any ? "  customer:\n"
			     : "  # customer: no column says plainly who it was; say which one does:\n"
			       "  # customer: {user: \"{…}\"}\n");
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		put_column(g, keys[i].key, g->of[keys[i].field].column, keys[i].more);
}

static void put_event(struct guess *g)
{
	const struct peek_values *v = g->of[FIELD_EVENT].column;
	if (v) {
		if (n_matched(g, v) == 0)
			buf_str(&g->out, "  # The corridor file has no touch point for these events yet.\n");
		put_column(g, "  event: ", v, "");
		return;
	}
	struct sv event = stem_of(g->name);
	struct interaction x = {.event = event, .due_ms = TIME_NONE};
	design_resolve(g->d, &x);
	if (x.touchpoint == TOUCHPOINT_NONE)
		buf_str(&g->out, "  # All rows are the same event; the corridor file's match rules say which "
				 "names have a "
				 "touch point.\n");
	buf_str(&g->out, "  event: ");
	put_quoted(g, event);
	buf_char(&g->out, '\n');
}

static void put_words(struct guess *g, const struct peek_values *v)
{
	struct sv values[TABLE_MAX];
	uint32_t n = distinct(g, v, values, TABLE_MAX);
	buf_str(&g->out, ", map: {");
	for (uint32_t i = 0; i < n && i < TABLE_MAX; i++) {
		bool yes = memchr("yYjJ", values[i].ptr[0], 4) != NULL;
		buf_str(&g->out, i ? ", " : "");
		put_quoted(g, values[i]);
		buf_printf(&g->out, ": %d", yes);
	}
	buf_char(&g->out, '}');
}

static void put_measures(struct guess *g)
{
	if (g->n_measures)
		buf_str(&g->out, "  measures:\n");
	for (uint32_t i = 0; i < g->n_measures; i++) {
		const struct measured *m = &g->measures[i];
		buf_str(&g->out, "    ");
		put_quoted(g, g->d->measures[m->measure].name);
		buf_str(&g->out, ": ");
		put_open(g, m->column);
		if (m->unit)
			buf_printf(&g->out, ", unit: %s", m->unit);
		if (m->decimal == ',')
			buf_str(&g->out, ", decimal: \",\"");
		if (m->thousands)
			buf_printf(&g->out, ", thousands: \"%c\"", m->thousands);
		if (m->is_words)
			put_words(g, m->column);
		buf_str(&g->out, "}\n");
	}
}

// Who it was, what was said and when stand in fields of their own.
static void put_properties(struct guess *g)
{
	static const enum field own[] = {FIELD_ID, FIELD_AT, FIELD_CLOCK, FIELD_TEXT, FIELD_USER, FIELD_EMAIL,
		FIELD_PHONE, FIELD_CARD, FIELD_ANONYMOUS, FIELD_WHOLE};
	bool any = false;
	buf_str(&g->out, "  properties: all\n");
	if (strcmp(g->t->format, "csv") != 0)
		return;
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		if (!g->of[own[i]].column)
			continue;
		buf_str(&g->out, any ? ", " : "  properties except: [");
		put_quoted(g, g->of[own[i]].column->name);
		any = true;
	}
	buf_str(&g->out, any ? "]\n" : "");
}

static void put_head(struct guess *g)
{
	const struct peek_table *t = g->t;
	buf_printf(&g->out, "# A guess from the first %u rows: look at what comes of it below, and mend it.\n",
		t->n_rows);
	buf_str(&g->out, "mapping: 1\nsource: ");
	put_quoted(g, stem_of(g->name));
	buf_printf(&g->out, "\nformat: %s\n", t->format);
	if (t->latin1 && !t->has_header)
		buf_str(&g->out, "csv: {encoding: windows-1252, header: false}\n");
	else if (t->latin1)
		buf_str(&g->out, "csv: {encoding: windows-1252}\n");
	else if (!t->has_header)
		buf_str(&g->out, "csv: {header: false} # the columns are named 1, 2, 3 …\n");
}

struct sv mapping_guess(const struct peek_table *t, struct sv name, const struct design *d, struct arena *a)
{
	bool no_memory = false;
	struct guess g = {.t = t,
		.d = d,
		.arena = a,
		.name = name,
		.out = buf_new((size_t)1 << 20),
		.no_memory = &no_memory};
	put_head(&g);
	if (strcmp(t->format, "xes") != 0) { // an event log says by itself what is what
		find_all(&g);
		buf_str(&g.out, "interactions:\n");
		put_event(&g);
		put_column(&g, "  id: ", g.of[FIELD_ID].column, "");
		put_customer(&g);
		put_time(&g);
		const struct peek_values *channel = g.of[FIELD_CHANNEL].column;
		bool as_is = channel && all_fit(channel, t->n_rows, is_declared_channel, d);
		put_column(&g, "  channel: ", channel, as_is ? "" : ", case: lower");
		put_column(&g, "  agent: ", g.of[FIELD_AGENT].column, "");
		put_column(&g, "  location: ", g.of[FIELD_LOCATION].column, "");
		put_column(&g, "  source: ", g.of[FIELD_SOURCE].column, "");
		put_column(&g, "  text: ", g.of[FIELD_TEXT].column, "");
		put_measures(&g);
		put_properties(&g);
	}
	struct sv text = g.out.rc == RC_OK && !no_memory ? arena_copy(a, buf_view(&g.out)) : SV_NONE;
	buf_free(&g.out);
	return text;
}
