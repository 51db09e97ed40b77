// SPDX-License-Identifier: Apache-2.0
// The quarantine: groups, rows, replay with the stored and with a mended mapping, removal.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "import_support.h"

#include "base/mem.h"

static void put_file(struct work *w, const char *name, const char *text)
{
	FILE *f = work_file(w, name);
	fputs(text, f);
	fclose(f);
}

static const char first_file[] = "id;user;at;kind;score;agent\n"
				 "1;ann;2026-03-01T10:00:00;call;9;\n"
				 "2;ann;01.03.2026 10:00;call;9;\n"
				 "3;bob;02.03.2026 10:00;call;\"\"\"9\";\n"
				 "4;bob;sometime;call;9;\n"
				 "5;bob;03.03.2026 10:00;skip;9;\n"
				 "6;bob;2026-03-01T10:00:00;call;eleven;\n"
				 "7;bob;04.03.2026 10:00;\"call\";9;\"a\nb\"\n";

// Understands German dates too.
static const char *mended(char out[2600])
{
	snprintf(out, 2600, "times: [ISO, \"dd.MM.yyyy HH:mm\"]\n%s", map_csv);
	return out;
}

static void test_list(void **state)
{
	struct work *w = *state;
	struct import_report r;
	struct arena *a = arena_new(0);
	struct quarantine_group *groups;
	struct quarantine_item *items;
	struct err e = ERR_NONE;
	uint32_t n;
	char path[300];
	struct store *s = work_store(w);
	assert_int_equal(quarantine_groups(s, a, &groups, &n, &e), RC_OK); // before the first import
	assert_int_equal(n, 0);
	assert_int_equal(quarantine_items(s, SV_NONE, 0, 10, a, &items, &n, &e), RC_OK);
	assert_int_equal(n, 0);
	put_file(w, "one.csv", first_file);
	put_file(w, "two.csv", "id,user,at,kind,score,agent\n1,ann,never,call,9,\n");
	import_one_file(w, s, "one.csv", NULL, RC_OK, &r);
	assert_int_equal(r.n_quarantined, 5);
	import_one_file(w, s, "two.csv", NULL, RC_OK, &r);
	assert_int_equal(quarantine_groups(s, a, &groups, &n, &e), RC_OK);
	assert_int_equal(n, 3);
	assert_true(sv_equal(groups[0].file, sv_from(work_path(w, "two.csv", path))));
	assert_int_equal(groups[0].n, 1);
	assert_int_equal(groups[1].n + groups[2].n, 5);
	assert_true(sv_equal(groups[0].map_name, SV("map.yaml")));
	assert_int_equal(quarantine_items(s, SV("one.csv"), 0, 3, a, &items, &n, &e), RC_OK);
	assert_int_equal(n, 3);
	assert_int_equal(items[0].line, 3);
	assert_true(sv_equal(items[0].raw, SV("2;ann;01.03.2026 10:00;call;9;")));
	uint64_t after = items[2].id;
	assert_int_equal(quarantine_items(s, SV("one.csv"), after, 10, a, &items, &n, &e), RC_OK);
	assert_int_equal(n, 2);
	assert_int_equal(items[1].line, 8);
	assert_true(sv_equal(items[1].raw, SV("7;bob;04.03.2026 10:00;\"call\";9;\"a\nb\"")));
	arena_free(&a);
	store_close(&s);
}

static void test_replay(void **state)
{
	struct work *w = *state;
	struct import_report r;
	struct import_options o = work_options(w);
	struct err e = ERR_NONE;
	char map[2600];
	put_file(w, "one.csv", first_file);
	struct store *s = work_store(w);
	import_one_file(w, s, "one.csv", NULL, RC_OK, &r);
	assert_int_equal(work_count(s), 1);
	assert_int_equal(work_quarantined(s), 5);
	// With its own mapping nothing changes.
	o.map_text = SV_NONE;
	assert_int_equal(quarantine_replay(s, SV_NONE, &o, &r, &e), RC_OK);
	assert_int_equal(r.n_rows, 5);
	assert_int_equal(r.n_quarantined, 5);
	assert_int_equal(work_quarantined(s), 5);
	// Trying out a mended one changes nothing either.
	o.map_text = sv_from(mended(map));
	o.dry_run = true;
	assert_int_equal(quarantine_replay(s, SV_NONE, &o, &r, &e), RC_OK);
	assert_int_equal(r.n_mapped_rows, 2);
	assert_int_equal(work_count(s), 1);
	assert_int_equal(work_quarantined(s), 5);
	o.dry_run = false;
	assert_int_equal(quarantine_replay(s, SV("other.csv"), &o, &r, &e), RC_OK);
	assert_int_equal(r.n_rows, 0);
	assert_int_equal(quarantine_replay(s, SV("one.csv"), &o, &r, &e), RC_OK);
	assert_int_equal(r.n_rows, 5);
	assert_int_equal(r.n_mapped_rows, 2); // 2 and 7
	assert_int_equal(r.n_interactions, 2);
	assert_int_equal(r.n_quarantined, 3); // 3 (a quote in the score), 4 and 6
	assert_int_equal(work_count(s), 3);
	assert_int_equal(work_quarantined(s), 3);
	// 3 stays with its new reason.
	assert_int_equal(
		work_i64(s, "SELECT count(*) FROM quarantine WHERE line = 4 AND reason LIKE '%is no number%'"),
		1);
	// The file again with the mended mapping: all that is understood is known.
	import_one_file(w, s, "one.csv", &o, RC_OK, &r);
	assert_int_equal(r.n_interactions, 0);
	assert_int_equal(r.n_duplicates, 3);
	assert_int_equal(r.n_quarantined, 3);
	store_close(&s);
}

// More rows than one run of a replay, of several files.
static void test_replay_many(void **state)
{
	struct work *w = *state;
	struct import_report r;
	struct import_options o = work_options(w);
	struct err e = ERR_NONE;
	char map[2600];
	struct store *s = work_store(w);
	for (int file = 0; file < 3; file++) {
		char name[20];
		snprintf(name, sizeof(name), "f%d.csv", file);
		FILE *f = work_file(w, name);
		fprintf(f, file == 1 ? "user,id,at,kind,score,agent\n" : "id,user,at,kind,score,agent\n");
		for (int i = 0; i < 6000; i++)
			fprintf(f,
				file == 1 ? "u,%d-%d,01.03.2026 10:00,call,1,\n"
					  : "%d-%d,u,01.03.2026 10:00,call,1,\n",
				file, i);
		fclose(f);
		import_one_file(w, s, name, NULL, RC_OK, &r);
		assert_int_equal(r.n_quarantined, 6000);
	}
	o.map_text = sv_from(mended(map));
	assert_int_equal(quarantine_replay(s, SV_NONE, &o, &r, &e), RC_OK);
	assert_int_equal(r.n_interactions, 18000);
	assert_int_equal(work_count(s), 18000);
	assert_int_equal(work_quarantined(s), 0);
	store_close(&s);
}

static void test_replay_broken_rows(void **state)
{
	struct work *w = *state;
	struct import_report r;
	struct import_options o = work_options(w);
	struct err e = ERR_NONE;
	char map[2600];
	put_file(w, "in.csv",
		"id,user,at,kind,score,agent\n"
		"2,\"a\"b,2026-03-01T10:00:00,call,9,\n"
		"3,\xf6,2026-03-01T10:00:00,call,9,\n"

		"1,\"never closed,2026-03-01T10:00:00,call,9,\n");
	struct store *s = work_store(w);
	import_one_file(w, s, "in.csv", NULL, RC_OK, &r);
	assert_int_equal(r.n_quarantined, 3);
	assert_int_equal(r.n_rows, 3);
	o.map_text = SV_NONE;
	assert_int_equal(quarantine_replay(s, SV_NONE, &o, &r, &e), RC_OK);
	assert_int_equal(r.n_quarantined, 3);
	snprintf(map, sizeof(map), "csv: {encoding: windows-1252}\n%s", map_csv);
	o.map_text = sv_from(map);
	assert_int_equal(quarantine_replay(s, SV_NONE, &o, &r, &e), RC_OK);
	assert_int_equal(r.n_interactions, 1);
	snprintf(map, sizeof(map), "csv: {quote: \"'\"}\n%s", map_csv);
	o.map_text = sv_from(map);
	assert_int_equal(quarantine_replay(s, SV_NONE, &o, &r, &e), RC_OK);
	assert_int_equal(r.n_interactions, 2);
	assert_int_equal(work_quarantined(s), 0);
	store_close(&s);
}

static void test_drop(void **state)
{
	struct work *w = *state;
	struct import_report r;
	struct err e = ERR_NONE;
	uint64_t n;
	put_file(w, "one.csv", first_file);
	put_file(w, "two.csv", "id,user,at,kind,score,agent\n1,ann,never,call,9,\n");
	struct store *s = work_store(w);
	import_one_file(w, s, "one.csv", NULL, RC_OK, &r);
	import_one_file(w, s, "two.csv", NULL, RC_OK, &r);
	uint64_t id = (uint64_t)work_i64(s, "SELECT min(id) FROM quarantine");
	assert_int_equal(quarantine_drop(s, SV_NONE, id, &n, &e), RC_OK);
	assert_int_equal(n, 1);
	assert_int_equal(quarantine_drop(s, SV_NONE, id, &n, &e), RC_NOT_FOUND);
	assert_int_equal(quarantine_drop(s, SV("one.csv"), 0, &n, &e), RC_OK);
	assert_int_equal(n, 4);
	assert_int_equal(work_quarantined(s), 1);
	assert_int_equal(quarantine_drop(s, SV_NONE, 0, &n, &e), RC_OK);
	assert_int_equal(n, 1);
	store_close(&s);
}

struct shown {
	unsigned n_interactions, n_rejects;
	uint64_t first_id, reject_id;
	char reason[200];
};

static enum rc see_interaction(void *context, uint64_t id, const struct interaction *x, struct err *e)
{
	struct shown *s = context;
	(void)e;
	assert_true(sv_equal(x->event, SV("Call")));
	if (s->n_interactions++ == 0)
		s->first_id = id;
	return RC_OK;
}

static enum rc see_reject(void *context, uint64_t id, struct sv reason, struct err *e)
{
	struct shown *s = context;
	(void)e;
	s->n_rejects++;
	s->reject_id = id;
	snprintf(s->reason, sizeof(s->reason), "%.*s", SV_ARG(reason));
	return RC_OK;
}

static void test_preview(void **state)
{
	struct work *w = *state;
	struct import_report r;
	struct import_options o = work_options(w);
	struct err e = ERR_NONE;
	struct shown shown = {0};
	const struct preview_sink sink = {&shown, see_interaction, see_reject};
	struct quarantine_choice all = {0};
	char map[2600];
	put_file(w, "one.csv", first_file);
	struct store *s = work_store(w);
	import_one_file(w, s, "one.csv", NULL, RC_OK, &r);
	int64_t first = work_i64(s, "SELECT min(id) FROM quarantine");
	o.map_text = sv_from(mended(map));
	assert_int_equal(quarantine_preview(s, &all, 1000, &o, &sink, &r, &e), RC_OK);
	assert_int_equal(r.n_rows, 5);
	assert_int_equal(r.n_mapped_rows, 2);
	assert_int_equal(shown.n_interactions, 2);
	assert_int_equal(shown.n_rejects, 3);
	assert_int_equal(shown.first_id, first);
	assert_int_equal(shown.reject_id, first + 3);
	assert_non_null(strstr(shown.reason, "is no number"));
	// No more than asked for; the reasons in the quarantine stay as they were.
	shown = (struct shown){0};
	assert_int_equal(quarantine_preview(s, &all, 2, &o, &sink, &r, &e), RC_OK);
	assert_int_equal(r.n_rows, 2);
	assert_int_equal(shown.n_interactions + shown.n_rejects, 2);
	assert_int_equal(work_count(s), 1);
	assert_int_equal(work_quarantined(s), 5);
	assert_int_equal(work_i64(s, "SELECT count(*) FROM quarantine WHERE reason LIKE '%is no number%'"), 1);
	// A mistake has its place.
	o.map_text = SV("mapping: 1\nsorce: x\n");
	assert_int_equal(quarantine_preview(s, &all, 2, &o, &sink, &r, &e), RC_INPUT);
	assert_int_equal(e.line, 2);
	store_close(&s);
}

static uint32_t chosen(struct store *s, const struct quarantine_choice *c, uint64_t *total)
{
	struct arena *a = arena_new(0);
	struct quarantine_item *items;
	struct err e = ERR_NONE;
	uint32_t n;
	if (quarantine_page(s, c, 0, 100, a, &items, &n, total, &e) != RC_OK)
		work_fail(&e);
	for (uint32_t i = 1; i < n; i++)
		assert_true(items[i].id < items[i - 1].id);
	arena_free(&a);
	return n;
}

static void test_choice(void **state)
{
	struct work *w = *state;
	struct import_report r;
	struct import_options o = work_options(w);
	struct err e = ERR_NONE;
	struct arena *a = arena_new(0);
	struct quarantine_reading reading;
	uint64_t n;
	char path[300], map[2600];
	struct store *s = work_store(w);
	assert_int_equal(quarantine_reading(s, &(struct quarantine_choice){0}, a, &reading, &e), RC_NOT_FOUND);
	put_file(w, "one.csv", first_file);
	put_file(w, "two.csv", "id,user,at,kind,score,agent\n11,ann,01.03.2026 10:00,call,9,\n");
	import_one_file(w, s, "one.csv", NULL, RC_OK, &r);
	import_one_file(w, s, "two.csv", NULL, RC_OK, &r);
	struct sv two = sv_from(work_path(w, "two.csv", path));
	const struct {
		struct quarantine_choice choice;
		uint32_t n;
	} cases[] = {
		{{0}, 6},
		{{.file = SV("two.csv")}, 1},
		{{.file = two}, 1},
		{{.source = two}, 1},
		{{.source = SV("two.csv")}, 0}, // not by its name alone
		{{.map_name = SV("map.yaml")}, 6},
		{{.map_name = SV("other.yaml")}, 0},
		{{.file = SV("one.csv"), .reason = SV("nothing of the kind")}, 0},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(chosen(s, &cases[i].choice, &n), cases[i].n);
		assert_int_equal(n, cases[i].n);
	}
	// What they were read with.
	if (quarantine_reading(s, &cases[1].choice, a, &reading, &e) != RC_OK)
		work_fail(&e);
	assert_int_equal(reading.kind, QUARANTINE_FILE);
	assert_true(sv_equal(reading.mapping, sv_from(map_csv)));
	assert_true(sv_starts(reading.header, SV("id,user,at")));
	// A choice is replayed, and dropped, and leaves the others alone.
	o.map_text = sv_from(mended(map));
	assert_int_equal(quarantine_replay_chosen(s, &cases[3].choice, &o, &r, &e), RC_OK);
	assert_int_equal(r.n_rows, 1);
	assert_int_equal(r.n_interactions, 1);
	assert_int_equal(work_quarantined(s), 5);
	struct arena *groups_arena = arena_new(0);
	struct quarantine_group *groups;
	uint32_t n_groups;
	assert_int_equal(quarantine_groups(s, groups_arena, &groups, &n_groups, &e), RC_OK);
	const struct quarantine_choice group = {.source = groups[0].file, .reason = groups[0].reason};
	assert_int_equal(chosen(s, &group, &n), groups[0].n);
	assert_int_equal(quarantine_drop_chosen(s, &group, &n, &e), RC_OK);
	assert_int_equal(n, groups[0].n);
	assert_int_equal(work_quarantined(s), 5 - (int64_t)n);
	arena_free(&groups_arena);
	arena_free(&a);
	store_close(&s);
}

// A clock that removes a row when the time is asked for: rows have been read then, and are not stored yet.
struct meddler {
	struct clock clock;
	struct store *store;
	int64_t id; // 0: nothing is removed any more
};

static int64_t meddle(const struct clock *clock)
{
	struct meddler *m = (struct meddler *)(uintptr_t)clock;
	struct err e = ERR_NONE;
	uint64_t n;
	int64_t id = m->id;
	m->id = 0;
	if (id && quarantine_drop_chosen(m->store, &(struct quarantine_choice){.ids = &id, .n_ids = 1}, &n, &e))
		work_fail(&e);
	return clock_system()->now_ms(clock_system());
}

// By what they have in common and by their numbers: what leaves the quarantine after it was read is not stored.
static void test_gone_meanwhile(void **state)
{
	struct work *w = *state;
	struct import_report r;
	struct import_options o = work_options(w);
	struct err e = ERR_NONE;
	char map[2600];
	put_file(w, "one.csv", first_file);
	for (unsigned by_ids = 0; by_ids < 2; by_ids++) {
		work_clear(w);
		struct store *s = work_store(w);
		import_one_file(w, s, "one.csv", NULL, RC_OK, &r);
		int64_t first = work_i64(s, "SELECT min(id) FROM quarantine");
		const int64_t ids[] = {first, first + 1, first + 2, first + 3, first + 4};
		const struct quarantine_choice choice = {.ids = by_ids ? ids : NULL, .n_ids = by_ids ? 5 : 0};
		struct meddler m = {{meddle, clock_system()->monotonic_ns, 0}, s, first};
		o.map_text = sv_from(mended(map));
		o.clock = &m.clock;
		if (quarantine_replay_chosen(s, &choice, &o, &r, &e) != RC_OK)
			work_fail(&e);
		assert_int_equal(r.n_rows, 4);
		assert_int_equal(r.n_mapped_rows, 1);
		assert_int_equal(r.n_quarantined, 3);
		assert_int_equal(work_count(s), 2);
		assert_int_equal(work_quarantined(s), 3);
		store_close(&s);
	}
}

// A number that is given twice is one row.
static void test_ids_twice(void **state)
{
	struct work *w = *state;
	struct import_report r;
	struct import_options o = work_options(w);
	struct err e = ERR_NONE;
	char map[2600];
	put_file(w, "one.csv", first_file);
	struct store *s = work_store(w);
	import_one_file(w, s, "one.csv", NULL, RC_OK, &r);
	int64_t first = work_i64(s, "SELECT min(id) FROM quarantine");
	const int64_t ids[] = {first, first, first, first + 4, first + 4};
	const struct quarantine_choice choice = {.ids = ids, .n_ids = 5};
	o.map_text = sv_from(mended(map));
	if (quarantine_replay_chosen(s, &choice, &o, &r, &e) != RC_OK)
		work_fail(&e);
	assert_int_equal(r.n_rows, 2);
	assert_int_equal(r.n_interactions, 2);
	assert_int_equal(r.n_duplicates, 0);
	assert_int_equal(work_quarantined(s), 3);
	store_close(&s);
}

// Bytes of a file that hold the text.
static bool file_has(const struct work *w, const char *name, const char *text)
{
	char path[300];
	static char bytes[4 << 20];
	FILE *f = fopen(work_path(w, name, path), "rb");
	size_t n = f ? fread(bytes, 1, sizeof(bytes), f) : 0;
	if (f)
		fclose(f);
	return memmem(bytes, n, text, strlen(text)) != NULL;
}

struct erasing {
	struct quarantine_found found;
	uint64_t n_removed;
};

static enum rc erasing_remove(void *context, struct db *db, struct err *e)
{
	struct erasing *x = context;
	enum rc rc = db_exec(db, "PRAGMA secure_delete = ON", e);
	if (rc == RC_OK)
		rc = db_begin(db, e);
	if (rc == RC_OK)
		rc = quarantine_found_remove(db, &x->found, &x->n_removed, e);
	return rc == RC_OK ? db_commit(db, e) : rc;
}

// What stands there of the values: how many rows surely, how many perhaps; the former are removed if `removes`.
static void check_named(
	struct store *s, const struct sv *values, uint32_t n, bool removes, uint64_t n_sure, uint64_t n_unsure)
{
	struct err e = ERR_NONE;
	struct erasing x = {0};
	assert_int_equal(quarantine_find(s, values, n, &x.found, &e), RC_OK);
	if (removes) {
		assert_int_equal(store_alone(s, erasing_remove, &x, &e), RC_OK);
		assert_int_equal(x.n_removed, n_sure);
	}
	assert_int_equal(x.found.n, n_sure);
	assert_int_equal(x.found.n_unsure, n_unsure);
	mem_free(x.found.ids);
}

static void test_erase(void **state)
{
	struct work *w = *state;
	struct import_report r;
	struct err e = ERR_NONE;
	struct arena *a = arena_new(0);
	struct quarantine_item *items;
	uint32_t n;
	struct store *s = work_store(w);
	const struct sv values[] = {SV("anna.k@x.example"), SV("u-4711"), SV("7"), SV("")};
	check_named(s, values, 4, false, 0, 0); // before the first import
	put_file(w, "one.csv",
		"id;user;at;kind;score;agent\n"
		"1;u-4711;never;call;9;\n"                  // removed
		"2;u-47110;never;call;9;\n"                 // somebody else
		"3;xu-4711;never;call;9;\n"                 // somebody else
		"4;someone;never;call;9;Anna.K@X.example\n" // removed, whatever the case
		"5;\"U-4711\";never;call;9;\"a\nb\"\n"      // removed
		"6;bob;never;call;7;\n"                     // may be
		"7;bob;never;call;9;\n"                     // may be: the first field
		"8;bob;never;call;77;u-471\n"               // no
		"9;u-4711;2026-03-01T10:00:00;call;9;\n");  // understood
	import_one_file(w, s, "one.csv", NULL, RC_OK, &r);
	assert_int_equal(r.n_quarantined, 8);
	check_named(s, values, 4, false, 3, 2);
	check_named(s, values, 4, true, 3, 2);
	assert_int_equal(quarantine_items(s, SV_NONE, 0, 10, a, &items, &n, &e), RC_OK);
	assert_int_equal(n, 5);
	for (uint32_t i = 0; i < n; i++)
		assert_null(memmem(items[i].raw.ptr, items[i].raw.len, ";u-4711;", 8));
	check_named(s, values, 4, true, 0, 2);
	arena_free(&a);
	store_close(&s); // what is in the -wal file comes into the database
	assert_true(file_has(w, "data/corridor.db", "2;u-47110;never"));
	assert_false(file_has(w, "data/corridor.db", "1;u-4711;never"));
	assert_false(file_has(w, "data/corridor.db", "Anna.K@X.example"));
	assert_false(file_has(w, "data/corridor.db-wal", "Anna.K@X.example"));
}

// More than are searched at a time, by their number and by their bytes.
static void test_erase_many(void **state)
{
	struct work *w = *state;
	struct import_report r;
	const struct sv values[] = {SV("quetzal-17"), SV("qa")};
	struct store *s = work_store(w);
	FILE *f = work_file(w, "many.csv");
	fputs("id;user;at;kind;score;agent\n", f);
	for (unsigned i = 0; i < 4000; i++)
		fprintf(f, "%u;%s;never;call;9;%0*u\n", i,
			i % 1000 == 0 || i % 1000 == 999 ? "Quetzal-17"
			: i == 1500                      ? "qa"
							 : "quetzal-170",
			i < 2000 ? 4 : 2000, i);
	fclose(f);
	import_one_file(w, s, "many.csv", NULL, RC_OK, &r);
	assert_int_equal(r.n_quarantined, 4000);
	check_named(s, values, 2, true, 8, 1);
	assert_int_equal(work_quarantined(s), 3992);
	check_named(s, values, 2, false, 0, 1);
	store_close(&s);
}

// More than go in one transaction: by their numbers, then all.
static void test_drop_many(void **state)
{
	struct work *w = *state;
	struct import_report r;
	struct err e = ERR_NONE;
	int64_t ids[1101];
	uint64_t n;
	struct store *s = work_store(w);
	FILE *f = work_file(w, "many.csv");
	fputs("id;user;at;kind;score;agent\n", f);
	for (unsigned i = 0; i < 3000; i++)
		fprintf(f, "%u;ann;never;call;9;\n", i);
	fclose(f);
	import_one_file(w, s, "many.csv", NULL, RC_OK, &r);
	int64_t first = work_i64(s, "SELECT min(id) FROM quarantine");
	for (int i = 0; i < 1101; i++)
		ids[i] = first + 2 * i;
	assert_int_equal(
		quarantine_drop_chosen(s, &(struct quarantine_choice){.ids = ids, .n_ids = 1101}, &n, &e),
		RC_OK);
	assert_int_equal(n, 1101);
	assert_int_equal(work_quarantined(s), 1899);
	assert_int_equal(
		quarantine_drop_chosen(s, &(struct quarantine_choice){.file = SV("many.csv")}, &n, &e), RC_OK);
	assert_int_equal(n, 1899);
	assert_int_equal(work_quarantined(s), 0);
	assert_int_equal(quarantine_drop_chosen(s, &(struct quarantine_choice){0}, &n, &e), RC_OK);
	assert_int_equal(n, 0);
	store_close(&s);
}

// A mapping's text, or what stands in its place, and n rows in the quarantine that came in with it.
static void put_rejected(struct store *s, unsigned id, const char *text, unsigned n)
{
	char sql[400];
	struct err e = ERR_NONE;
	struct db_stmt *q;
	if (db_prepare(store_db(s), "INSERT INTO import_mapping VALUES(?1, ?1, ?2)", &q, &e) != RC_OK)
		work_fail(&e);
	db_bind_i64(q, 1, id);
	db_bind_blob(q, 2, sv_from(text));
	if (db_run(q, &e) != RC_OK)
		work_fail(&e);
	snprintf(sql, sizeof(sql),
		"INSERT INTO import VALUES(%u, 0, 'x', 'x', 0, %u, 'm', 0, 0, 0, 0, 0, NULL, 0, 0, 0, 0, 0, 0, "
		"0, 0, 1)",
		id, id);
	if (db_exec(store_db(s), sql, &e) != RC_OK)
		work_fail(&e);
	snprintf(sql, sizeof(sql),
		"INSERT INTO quarantine(import, at_ms, line, number, raw_hash, kind, reason, raw)"
		" VALUES(%u, 0, 1, 1, 1, 'k', 'r', x'61')",
		id);
	for (unsigned i = 0; i < n; i++)
		if (db_exec(store_db(s), sql, &e) != RC_OK)
			work_fail(&e);
}

// Each origin counts; what is broken in one keeps none of the others from being told.
static void test_sources(void **state)
{
	struct work *w = *state;
	struct err e = ERR_NONE;
	struct store *s = work_store(w);
	struct arena *a = arena_new(0);
	struct quarantine_source *found;
	struct import_report r;
	uint32_t n;
	if (quarantine_sources(s, a, &found, &n, &e) != RC_OK) // before the first import
		work_fail(&e);
	assert_int_equal(n, 0);
	put_file(w, "one.csv", first_file);
	import_one_file(w, s, "one.csv", NULL, RC_OK, &r);
	char *large = malloc((5 << 20) + 1); // more than is copied at a time
	memset(large, '#', 5 << 20);
	large[5 << 20] = 0;
	memcpy(large, "{\"wire\":\"", 9);
	put_rejected(s, 11, "{\"wire\":\"segment-batch\",\"source\":\"shop\",\"channel\":\"web\"}", 2);
	put_rejected(s, 12, "{\"wire\":\"segment-ba", 3);
	put_rejected(s, 13, "{\"wire\":\"pigeon\",\"source\":\"loft\",\"channel\":\"air\"}", 4);
	put_rejected(s, 14, large, 5);
	put_rejected(s, 15, "{\"wire\":\"posthog\"}", 1);
	put_rejected(s, 16, "{\"hook\":\"till\"}", 6);
	put_rejected(s, 17, "mapping: 1\n", 7); // names none: not told
	put_rejected(s, 18, "source: last\n", 8);
	free(large);
	if (quarantine_sources(s, a, &found, &n, &e) != RC_OK)
		work_fail(&e);
	static const struct quarantine_source wanted[] = {{{"test", 4}, 5, false}, {{"shop", 4}, 2, false},
		{{"", 0}, 3, false}, {{"", 0}, 4, false}, {{"", 0}, 5, false}, {{"", 0}, 1, false},
		{{"till", 4}, 6, true}, {{"last", 4}, 8, false}};
	assert_int_equal(n, sizeof(wanted) / sizeof(wanted[0]));
	for (uint32_t i = 0; i < n; i++) {
		assert_true(sv_equal(found[i].name, wanted[i].name));
		assert_int_equal(found[i].n, wanted[i].n);
		assert_int_equal(found[i].is_hook, wanted[i].is_hook);
	}
	arena_free(&a);
	store_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_list, work_open, work_close),
		cmocka_unit_test_setup_teardown(test_replay, work_open, work_close),
		cmocka_unit_test_setup_teardown(test_replay_many, work_open, work_close),
		cmocka_unit_test_setup_teardown(test_gone_meanwhile, work_open, work_close),
		cmocka_unit_test_setup_teardown(test_ids_twice, work_open, work_close),
		cmocka_unit_test_setup_teardown(test_drop_many, work_open, work_close),
		cmocka_unit_test_setup_teardown(test_erase_many, work_open, work_close),
		cmocka_unit_test_setup_teardown(test_erase, work_open, work_close),
		cmocka_unit_test_setup_teardown(test_replay_broken_rows, work_open, work_close),
		cmocka_unit_test_setup_teardown(test_drop, work_open, work_close),
		cmocka_unit_test_setup_teardown(test_preview, work_open, work_close),
		cmocka_unit_test_setup_teardown(test_choice, work_open, work_close),
		cmocka_unit_test_setup_teardown(test_sources, work_open, work_close),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
