// SPDX-License-Identifier: Apache-2.0
// Import and quarantine as operations of the fault tests.
#include "operations.h"

#include "../unit/journey/store_kit.h"

#include "listen/listen.h"

#include <time.h>

// Times come in two forms; the first mapping knows one of them.
#define MAPPING(times)                                                                                         \
	"mapping: 1\n"                                                                                         \
	"source: shop\n"                                                                                       \
	"format: csv\n"                                                                                        \
	"timezone: UTC\n"                                                                                      \
	"times: [" times "]\n"                                                                                 \
	"interactions:\n"                                                                                      \
	"  id: \"{id}\"\n"                                                                                     \
	"  customer: {user: \"{who}\"}\n"                                                                      \
	"  at: \"{at}\"\n"                                                                                     \
	"  event: \"{event}\"\n"                                                                               \
	"  channel: \"{channel}\"\n"                                                                           \
	"  text: \"{text}\"\n"                                                                                 \
	"  properties json: properties\n"                                                                      \
	"  measures: {csat: {column: csat, optional: true}}\n"

static const char first_mapping[] = MAPPING("ISO");
static const char mended_mapping[] = MAPPING("ISO, \"dd.MM.yyyy HH:mm:ss\"");

enum row_kind { ROW_GOOD, ROW_MENDABLE, ROW_HOPELESS };

static enum row_kind kind_of(uint32_t i)
{
	return i % 10 == 7 ? ROW_HOPELESS : i % 4 == 1 ? ROW_MENDABLE : ROW_GOOD;
}

static void put_time(FILE *f, int64_t at_ms, enum row_kind kind)
{
	struct tm tm;
	time_t seconds = (time_t)(at_ms / 1000);
	gmtime_r(&seconds, &tm);
	int year = tm.tm_year + 1900, month = tm.tm_mon + 1;
	if (kind == ROW_HOPELESS)
		fputs("sometime", f);
	else if (kind == ROW_MENDABLE)
		fprintf(f, "%02d.%02d.%d", tm.tm_mday, month, year);
	else
		fprintf(f, "%d-%02d-%02d", year, month, tm.tm_mday);
	if (kind != ROW_HOPELESS)
		fprintf(f, " %02d:%02d:%02d", tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static void put_row(FILE *f, uint32_t i)
{
	struct interaction x;
	struct kit_texts t;
	world_interaction(IMPORT_FIRST + i, &x, &t);
	fprintf(f, "%.*s,%.*s,", SV_ARG(x.id), SV_ARG(x.identities[0].value));
	put_time(f, x.at_ms, kind_of(i));
	fprintf(f, ",%.*s,%.*s,%.*s,", SV_ARG(x.event), SV_ARG(x.channel), SV_ARG(x.text));
	if (x.n_measures)
		fprintf(f, "%.0f", x.measures[0].value);
	fputs(",\"", f);
	for (size_t k = 0; k < x.properties.len; k++)
		fputs(x.properties.ptr[k] == '"' ? "\"\"" : (char[]){x.properties.ptr[k], 0}, f);
	fputs("\"\n", f);
}

void setup_input(struct world *w, struct world_state *state)
{
	(void)state;
	FILE *f = fopen(w->input, "w");
	assert_non_null(f);
	fputs("id,who,at,event,channel,text,csat,properties\n", f);
	for (uint32_t i = 0; i < IMPORT_ROWS; i++)
		put_row(f, i);
	assert_int_equal(fclose(f), 0);
}

static struct import_options options_of(const char *mapping, const struct clock *clock)
{
	return (struct import_options){.map_name = "map.yaml",
		.map_text = sv_from(mapping),
		.quiet = true,
		.threads = 1,
		.clock = clock};
}

enum rc do_import(struct world *w, struct store *s, struct err *e)
{
	const struct clock clock = clock_fixed(IMPORT_RECEIVED_MS);
	const struct import_options o = options_of(first_mapping, &clock);
	const char *path = w->input;
	struct import_report report;
	return import_files(s, &o, &path, 1, &report, e);
}

static void expect_rows(struct world_state *state, enum row_kind kind)
{
	for (uint32_t i = 0; i < IMPORT_ROWS; i++)
		state->there[IMPORT_FIRST + i] |= kind_of(i) == kind;
}

static uint64_t count_rows(enum row_kind kind)
{
	uint64_t n = 0;
	for (uint32_t i = 0; i < IMPORT_ROWS; i++)
		n += kind_of(i) == kind;
	return n;
}

void expect_import(struct world_state *state)
{
	expect_rows(state, ROW_GOOD);
	state->n_quarantined = count_rows(ROW_MENDABLE) + count_rows(ROW_HOPELESS);
}

void setup_quarantine(struct world *w, struct world_state *state)
{
	struct err e = ERR_NONE;
	setup_input(w, state);
	struct store *s = world_open(w, &e);
	assert_non_null(s);
	kit_ok(do_import(w, s, &e), &e);
	store_close(&s);
	expect_import(state);
}

enum rc do_replay(struct world *w, struct store *s, struct err *e)
{
	(void)w;
	const struct clock clock = clock_fixed(IMPORT_RECEIVED_MS);
	const struct import_options o = options_of(mended_mapping, &clock);
	struct import_report report;
	return quarantine_replay(s, SV_NONE, &o, &report, e);
}

void expect_replay(struct world_state *state)
{
	expect_rows(state, ROW_MENDABLE);
	state->n_quarantined = count_rows(ROW_HOPELESS);
}

enum rc do_drop(struct world *w, struct store *s, struct err *e)
{
	(void)w;
	uint64_t n;
	struct err why = ERR_NONE;
	enum rc rc = quarantine_drop(s, SV("input.csv"), 0, &n, &why);
	return rc == RC_NOT_FOUND ? RC_OK
	       : rc == RC_OK      ? rc
				  : err_take(e, &why); // gone already: dropped before the fault
}

void expect_drop(struct world_state *state)
{
	state->n_quarantined = 0;
}

static bool same_person(uint32_t a, uint32_t b)
{
	struct interaction x[2];
	struct kit_texts t[2];
	world_interaction(a, &x[0], &t[0]);
	world_interaction(b, &x[1], &t[1]);
	return sv_equal(x[0].identities[0].value, x[1].identities[0].value);
}

// The number of the first row in quarantine that has a message id and is about somebody whom the store knows.
static uint32_t first_waiting(void)
{
	for (uint32_t i = 0; i < IMPORT_ROWS; i++) {
		struct interaction x;
		struct kit_texts t;
		world_interaction(IMPORT_FIRST + i, &x, &t);
		for (uint32_t k = 0; kind_of(i) != ROW_GOOD && x.id.len && k < N_FIRST; k++)
			if (same_person(k, IMPORT_FIRST + i))
				return IMPORT_FIRST + i;
	}
	fail_msg("nobody in quarantine is known");
	return 0;
}

// By the identity that the store knows, which is too short to be looked for in quarantine, and one that stands only there.
enum rc do_erase_person(struct world *w, struct store *s, struct err *e)
{
	(void)w;
	struct interaction x;
	struct kit_texts t;
	char known[64], waiting[64];
	world_interaction(first_waiting(), &x, &t);
	snprintf(known, sizeof(known), "user:%.*s", SV_ARG(x.identities[0].value));
	snprintf(waiting, sizeof(waiting), "order:%.*s", SV_ARG(x.id));
	const struct sv identities[] = {sv_from(known), sv_from(waiting)};
	const struct persons_erasing erasing = {.identities = identities, .n = 2, .who = SV("tester")};
	struct overlay_receipt receipt;
	struct quarantine_named named;
	struct arena *a = arena_new(1u << 20);
	if (!a)
		return err_set(e, RC_NOMEM, "out of memory");
	enum rc rc = persons_erase(s, &erasing, a, &receipt, &named, e);
	arena_free(&a);
	return rc;
}

void expect_erase_person(struct world_state *state)
{
	state->n_quarantined--;
	for (uint32_t i = 0; i < WORLD_NUMBERS; i++)
		state->there[i] &= !same_person(i, first_waiting());
}

enum rc do_list(struct world *w, struct err *e)
{
	static const char *const words[] = {"quarantine", "list", "--format", "json", NULL};
	return world_command(w, words, e);
}

enum rc do_show(struct world *w, struct err *e)
{
	static const char *const words[] = {"quarantine", "show", "--format", "raw", NULL};
	return world_command(w, words, e);
}

const char *check_printed(const struct world *w, bool succeeded)
{
	return succeeded ? world_same(w, NULL) : NULL;
}
