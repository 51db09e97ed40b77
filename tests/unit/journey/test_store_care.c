// SPDX-License-Identifier: Apache-2.0
// Care of a store: restating by a new design, verification of damaged directories, backup while writing, readers in
// other threads while a writer seals and merges.
#include "store_kit.h"

#include "base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

// The first design with other rules: deliveries only by phone, "call" renamed, a dimension added.
static const char second_design[] = "corridor: 1\n"
				    "brand: Test\n"
				    "timezone: Europe/Berlin\n"
				    "currency: EUR\n"
				    "stages: [purchase, use]\n"
				    "channels: {web: digital, phone: contact-centre}\n"
				    "dimensions: [product, plan]\n"
				    "touchpoints:\n"
				    "  delivery:\n"
				    "    stage: purchase\n"
				    "    match: [{event: Delivered, channel: phone}]\n"
				    "    expect: {fast: {measure: wait, at most: 2min}}\n"
				    "  support:\n"
				    "    stage: use\n"
				    "    match: [{event: Call}, {properties.plan: q1}]\n"
				    "    expect: {happy: {measure: csat, at least: 4}}\n";

// Nobody has a wait; csat has its slot since somebody gave one.
static bool carries_csat(const struct names *names, const struct design *d, const struct row *row)
{
	uint32_t slot = names_measure_slot(names, d, design_measure_find(d, SV("csat")));
	for (uint32_t i = 0; i < row->n_measures; i++)
		if (row->measures[i].slot == slot)
			return true;
	return false;
}

static uint64_t effect_of(const struct restate_count *count, enum design_change_kind kind, struct sv touchpoint,
	const char *what, enum restate_effect expected)
{
	const struct design_change change = {.kind = kind, .touchpoint = touchpoint, .what = sv_from(what)};
	uint64_t n = 0;
	assert_int_equal(restate_effect_of(count, &change, &n), expected);
	return n;
}

// By hand: the most specific rule wins; event and channel name more than one property does.
static void check_second(const struct names *names, const struct row *row, uint32_t number)
{
	struct interaction x;
	struct kit_texts t;
	kit_interaction(number, &x, &t);
	bool delivered = sv_equal(x.event, SV("Delivered")), call = sv_equal(x.event, SV("Call"));
	bool phone = sv_equal(x.channel, SV("phone"));
	unsigned plan = (unsigned)((kit_mix(number) >> 12) % 3);
	char plan_name[8];
	snprintf(plan_name, sizeof(plan_name), "q%u", plan);
	struct sv touchpoint = kit_touchpoint(names, row);
	if (delivered && phone && plan != 1)
		assert_true(sv_equal(touchpoint, SV("delivery")));
	else if (call || plan == 1)
		assert_true(sv_equal(touchpoint, SV("support")) || (delivered && phone));
	else
		assert_true(touchpoint.len == 0);
	assert_true(sv_equal(kit_dimension(names, row, "product"), x.dimensions[0]));
	assert_true(sv_equal(kit_dimension(names, row, "plan"), sv_from(plan_name)));
}

static void a_new_design_restates_the_past(void **state)
{
	struct kit *k = *state;
	struct err e = ERR_NONE;
	const struct store_options options = {.seal_rows = 600};
	struct store *s = kit_open(k, &options, true);
	struct design *second;
	kit_ok(design_parse(sv_from(second_design), "second.yaml", &second, NULL, &e), &e);
	for (uint32_t i = 0; i < 5; i++)
		kit_append_range(k, s, i * 250, 250);
	struct snapshot *before, *after;
	kit_ok(snapshot_open(s, &before, &e), &e);
	struct arena *a = arena_new(0);
	struct restate_count count;
	kit_ok(store_design_dry_run(s, store_design(s), second, a, &count, &e), &e);
	assert_int_equal(count.n_interactions, 1250);
	uint64_t n_changed = 0;
	kit_ok(store_design_adopt(s, sv_from(second_design), "second.yaml", SV("head"), &n_changed, NULL, &e),
		&e);
	// Everybody gets a plan, so every row changes; and the dry run knew.
	assert_int_equal(n_changed, 1250);
	assert_int_equal(count.n_moved, 1250);
	assert_true(store_design(s)->hash == second->hash);
	kit_ok(snapshot_open(s, &after, &e), &e);
	kit_check_snapshot(k, before, 1250, kit_check_resolved);
	kit_check_snapshot(k, after, 1250, check_second);
	assert_true(snapshot_design(before)->hash == k->design->hash);
	assert_true(snapshot_design(after)->hash == second->hash);
	struct segment *all = kit_merge(after);
	struct segment_rows *rows;
	const struct row *row;
	uint64_t n_support = 0, n_csat = 0, n_support_csat = 0;
	kit_ok(segment_rows_open(all, &rows, &e), &e);
	while (segment_rows_next(rows, &row, &e) == RC_OK && row) {
		bool support = sv_equal(kit_touchpoint(snapshot_names(after), row), SV("support"));
		bool csat = carries_csat(snapshot_names(after), second, row);
		n_support += support;
		n_csat += csat;
		n_support_csat += support && csat;
	}
	// What an expectation scores are the interactions at its touch point that carry its measure, not all of them.
	assert_true(n_support_csat > 0 && n_support_csat < n_support && n_support_csat < n_csat);
	assert_int_equal(effect_of(&count, CHANGE_ADDED, SV("support"), "expectation happy", RESTATE_RESCORED),
		n_support_csat);
	assert_int_equal(
		effect_of(&count, CHANGE_CHANGED, SV("delivery"), "expectation fast", RESTATE_RESCORED), 0);
	assert_int_equal(effect_of(&count, CHANGE_CHANGED, SV(""), "measure csat", RESTATE_CARRIED), n_csat);
	effect_of(&count, CHANGE_CHANGED, SV("support"), "expectation nobody's", RESTATE_NONE);
	effect_of(&count, CHANGE_CHANGED, SV("support"), "match rules", RESTATE_NONE);
	// Back to the first they would be scored no longer.
	kit_ok(store_design_dry_run(s, second, k->design, a, &count, &e), &e);
	assert_int_equal(
		effect_of(&count, CHANGE_REMOVED, SV("support"), "expectation happy", RESTATE_UNSCORED),
		n_support_csat);
	segment_rows_close(&rows);
	segment_close(&all);
	snapshot_close(&before);
	snapshot_close(&after);
	// The same again changes nothing; ids still tell duplicates.
	kit_ok(store_design_adopt(s, sv_from(second_design), "second.yaml", SV("head"), &n_changed, NULL, &e),
		&e);
	assert_int_equal(n_changed, 0);
	struct batch *b = kit_range(second, 0, 300);
	struct append_result r;
	kit_ok(store_append(s, &b, 1, &r, NULL, NULL, &e), &e);
	assert_int_equal(r.n_duplicates, 300);
	batch_free(&b);
	store_close(&s);
	kit_verify(k->dir);
	s = kit_open(k, NULL, true);
	kit_ok(snapshot_open(s, &after, &e), &e);
	kit_check_snapshot(k, after, 1250, check_second);
	snapshot_close(&after);
	// Back to the first: everything is as it was.
	kit_ok(store_design_adopt(s, sv_from(kit_design_text), "test.yaml", SV("head"), &n_changed, NULL, &e),
		&e);
	assert_true(n_changed > 0 && n_changed < 1250);
	kit_check(k, s);
	struct design_version *versions;
	uint32_t n;
	kit_ok(store_design_versions(s, a, &versions, &n, &e), &e);
	assert_int_equal(n, 3);
	assert_true(versions[1].version == 2 && sv_equal(versions[1].who, SV("head")) &&
		    sv_equal(versions[1].text, sv_from(second_design)) && versions[2].hash == versions[0].hash);
	arena_free(&a);
	store_close(&s);
	design_free(&second);
	kit_verify(k->dir);
}

static void a_wrong_design_changes_nothing(void **state)
{
	struct kit *k = *state;
	struct err wrong = ERR_NONE;
	struct store *s = kit_open(k, NULL, true);
	kit_append_range(k, s, 0, 100);
	uint64_t n_changed;
	assert_int_equal(
		store_design_adopt(s, SV("corridor: wrong"), "x.yaml", SV("head"), &n_changed, NULL, &wrong),
		RC_INPUT);
	kit_check(k, s);
	store_close(&s);
}

static void adopting_survives_failed_allocations(void **state)
{
	struct kit *k = *state;
	struct err e = ERR_NONE;
	const struct store_options options = {.seal_rows = 300};
	struct store *s = kit_open(k, &options, true);
	kit_append_range(k, s, 0, 500);
	bool fired = true;
	for (uint64_t n = 1; fired; n += 1 + n / 6) {
		struct err failed = ERR_NONE;
		uint64_t n_changed, before = mem_count();
		mem_fail_at(n);
		enum rc rc = store_design_adopt(
			s, sv_from(second_design), "second.yaml", SV("head"), &n_changed, NULL, &failed);
		mem_fail_at(0);
		fired = mem_count() - before >= n;
		if (rc != RC_OK) {
			kit_check(k, s);
			continue;
		}
		kit_ok(store_design_adopt(
			       s, sv_from(kit_design_text), "test.yaml", SV("head"), &n_changed, NULL, &e),
			&e);
		kit_check(k, s);
	}
	store_close(&s);
	kit_verify(k->dir);
}

// --- damage ---

static void flip(const char *dir, const char *name, off_t at)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	int fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	off_t size = lseek(fd, 0, SEEK_END);
	unsigned char byte;
	at = at < 0 ? size + at : at % size;
	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 0x10;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

static void verification_finds_damage(void **state)
{
	struct kit *k = *state;
	struct err e = ERR_NONE;
	struct store *s = kit_open(k, NULL, true);
	kit_append_range(k, s, 0, 500);
	kit_ok(store_seal(s, &e), &e);
	kit_append_range(k, s, 500, 100);
	store_close(&s);
	kit_verify(k->dir);
	struct verify_report report;
	for (off_t at = 0; at < 40000; at += 997) {
		struct err found = ERR_NONE;
		flip(k->dir, "segments/000000000001.seg", at);
		assert_int_equal(store_verify(k->dir, &report, NULL, &found), RC_CORRUPT);
		assert_true(report.n_problems > 0 && report.problems[0][0] != '\0');
		flip(k->dir, "segments/000000000001.seg", at);
	}
	kit_verify(k->dir);
	char path[128], aside[160];
	snprintf(path, sizeof(path), "%s/segments/000000000001.seg", k->dir);
	snprintf(aside, sizeof(aside), "%s.aside", path);
	struct err gone = ERR_NONE;
	assert_int_equal(rename(path, aside), 0);
	assert_int_equal(store_verify(k->dir, &report, NULL, &gone), RC_CORRUPT);
	assert_int_equal(rename(aside, path), 0);
	kit_verify(k->dir);
}

static void run_sql(struct kit *k, const char *sql)
{
	struct err e = ERR_NONE;
	struct db *db;
	char path[128];
	snprintf(path, sizeof(path), "%s/corridor.db", k->dir);
	kit_ok(db_open(path, DB_READ_WRITE, &db, &e), &e);
	kit_ok(db_exec(db, sql, &e), &e);
	db_close(&db);
}

static void verification_holds_catalogue_and_names_against_the_files(void **state)
{
	struct kit *k = *state;
	static const char *const tampering[] = {
		"UPDATE segment SET n_rows = n_rows - 1",
		"UPDATE segment SET last_ms = last_ms + 1",
		"DELETE FROM name WHERE kind = 2 AND code = (SELECT max(code) FROM name WHERE kind = 2)",
		"DELETE FROM name WHERE kind = 6 AND code = (SELECT max(code) FROM name WHERE kind = 6)",
		"INSERT INTO inbox(n, n_dropped, bytes) SELECT n, n_dropped, bytes FROM inbox",
		"UPDATE inbox SET bytes = substr(bytes, 1, 100)",
		"UPDATE inbox SET n = n + 1",
		"UPDATE sealed SET seq = seq + 1",
		"UPDATE sealed SET seq = 0",
		"DELETE FROM sealed",
	};
	for (size_t i = 0; i < sizeof(tampering) / sizeof(tampering[0]); i++) {
		struct err e = ERR_NONE, found = ERR_NONE;
		struct verify_report report;
		kit_create(k);
		struct store *s = kit_open(k, NULL, true);
		kit_append_range(k, s, 0, 300);
		kit_ok(store_seal(s, &e), &e);
		kit_append_range(k, s, 300, 100);
		store_close(&s);
		kit_verify(k->dir);
		run_sql(k, tampering[i]);
		if (store_verify(k->dir, &report, NULL, &found) != RC_CORRUPT)
			fail_msg("not found: %s", tampering[i]);
		if (!strstr(tampering[i], " sealed"))
			continue;
		const struct store_options reading = {.read_only = true};
		struct snapshot *sn = NULL;
		s = NULL;
		enum rc rc = store_open(k->dir, &reading, &s, &found);
		if (rc == RC_OK)
			rc = snapshot_open(s, &sn, &found);
		if (rc != RC_CORRUPT)
			fail_msg("read without an error: %s", tampering[i]);
		store_close(&s);
	}
}

// One byte of the schema takes a column's name away: whoever reads gets an error, not the column of another table.
static void a_name_in_the_schema(void **state)
{
	struct kit *k = *state;
	struct err e = ERR_NONE;
	struct store *s = kit_open(k, NULL, true);
	kit_append_range(k, s, 0, 300);
	store_close(&s);
	static const char before_name[] = "CHECK(id = 1), ";
	char path[256], byte = 0;
	snprintf(path, sizeof(path), "%s/corridor.db", k->dir);
	int fd = open(path, O_RDWR);
	off_t at = 0;
	char seen[sizeof(before_name)] = "";
	while (memcmp(seen, before_name, sizeof(before_name) - 1) != 0)
		assert_int_equal(pread(fd, seen, sizeof(before_name) - 1, at++), sizeof(before_name) - 1);
	at += (off_t)sizeof(before_name) - 3;
	assert_int_equal(pread(fd, &byte, 1, at), 1);
	assert_int_equal(byte, ' ');
	assert_int_equal(pwrite(fd, "\xdf", 1, at), 1);
	close(fd);
	const struct store_options reading = {.read_only = true};
	struct snapshot *sn = NULL;
	enum rc rc = store_open(k->dir, &reading, &s, &e);
	if (rc == RC_OK)
		rc = snapshot_open(s, &sn, &e);
	assert_int_not_equal(rc, RC_OK);
	store_close(&s);
}

// A segment of one row as no batch would make it: `identity` under the key `person`.
static void forge(struct kit *k, int64_t id, uint64_t person, struct sv identity)
{
	struct err e = ERR_NONE;
	struct store *s = kit_open(k, NULL, true);
	struct segment_draft d;
	struct buf list = buf_new(1024);
	uint64_t key = (uint64_t)id;
	buf_blob(&list, identity);
	const struct row row = {
		.person = person,
		.at_ms = 1700000000000,
		.received_ms = 1700000000000,
		.due_ms = TIME_NONE,
		.identities = {(const char *)list.data, list.len},
	};
	kit_ok(draft_new(s, &d, &e), &e);
	kit_ok(segment_writer_add(d.writer, &row, &e), &e);
	kit_ok(segment_writer_ids(d.writer, &key, 1, &e), &e);
	kit_ok(draft_finish(s, &d, id, &e), &e);
	kit_ok(catalogue_insert(store_db(s), &d.ref->entry, &e), &e);
	draft_drop(s, &d, false);
	buf_free(&list);
	store_close(&s);
}

// XXH3 of 17 to 128 bytes multiplies eight bytes, mixed with its secret, by the next eight: where the first equal the
// secret's, the next do not matter.
static const char one_of_two[] = "\xb8\xfe\x6c\x39\x23\xa4\x4b\xbe:one....0123456789abcdef";
static const char two_of_two[] = "\xb8\xfe\x6c\x39\x23\xa4\x4b\xbe:two....0123456789abcdef";

static void verification_finds_two_customers_under_one_key(void **state)
{
	struct kit *k = *state;
	struct verify_report report;
	struct err found = ERR_NONE, foreign = ERR_NONE;
	struct sv one = sv_from(one_of_two), two = sv_from(two_of_two);
	uint64_t person = hash64(one.ptr, one.len);
	assert_true(hash64(two.ptr, two.len) == person);
	forge(k, 1, person, one);
	forge(k, 2, person, one);
	kit_verify(k->dir);
	forge(k, 3, person, two);
	assert_int_equal(store_verify(k->dir, &report, NULL, &found), RC_CORRUPT);
	assert_int_equal(report.n_problems, 1);
	assert_non_null(strstr(report.problems[0], ":one"));
	assert_non_null(strstr(report.problems[0], ":two"));
	kit_create(k);
	forge(k, 1, person + 1, one);
	assert_int_equal(store_verify(k->dir, &report, NULL, &foreign), RC_CORRUPT);
	assert_non_null(strstr(report.problems[0], "deciding identity"));
}

// What is damaged is told apart: which batch of the inbox, and the segments are checked all the same.
static void a_damaged_batch_is_named(void **state)
{
	struct kit *k = *state;
	struct err e = ERR_NONE, writing = ERR_NONE, reading = ERR_NONE, found = ERR_NONE;
	struct store *s = kit_open(k, NULL, true);
	kit_append_range(k, s, 0, 100);
	kit_ok(store_seal(s, &e), &e);
	kit_append_range(k, s, 100, 100);
	kit_append_range(k, s, 200, 100);
	store_close(&s);
	run_sql(k, "UPDATE inbox SET bytes = CAST(substr(bytes, 1, 200) || x'00' || substr(bytes, 202) AS BLOB)"
		   " WHERE seq = 3");
	assert_int_equal(store_open(k->dir, NULL, &s, &writing), RC_CORRUPT);
	assert_non_null(strstr(writing.message, "batch 3"));
	const struct store_options options = {.read_only = true};
	struct snapshot *sn;
	kit_ok(store_open(k->dir, &options, &s, &e), &e);
	assert_int_equal(snapshot_open(s, &sn, &reading), RC_CORRUPT);
	assert_non_null(strstr(reading.message, "batch 3"));
	store_close(&s);
	struct verify_report report;
	flip(k->dir, "segments/000000000001.seg", 100);
	assert_int_equal(store_verify(k->dir, &report, NULL, &found), RC_CORRUPT);
	assert_int_equal(report.n_problems, 2);
	assert_non_null(strstr(report.problems[0], "batch 3"));
	assert_non_null(strstr(report.problems[1], "000000000001.seg"));
}

// --- backup ---

static struct kit copy_of(const struct kit *k)
{
	struct kit copy = {.design = k->design,
		.model = k->model,
		.n_model = k->n_model,
		.place = k->place,
		.places = k->places};
	int len = snprintf(copy.dir, sizeof(copy.dir), "%s-copy", k->dir);
	assert_true(len > 0 && (size_t)len < sizeof(copy.dir));
	return copy;
}

static void damage_does_not_reach_a_backup(void **state)
{
	struct kit *k = *state;
	struct err e = ERR_NONE, found = ERR_NONE;
	struct store *s = kit_open(k, NULL, true);
	kit_append_range(k, s, 0, 300);
	kit_ok(store_seal(s, &e), &e);
	kit_append_range(k, s, 300, 50);
	struct kit copy = copy_of(k);
	kit_ok(store_backup(s, copy.dir, false, NULL, &e), &e);
	store_close(&s);
	struct verify_report report;
	flip(k->dir, "segments/000000000001.seg", 1000);
	assert_int_equal(store_verify(k->dir, &report, NULL, &found), RC_CORRUPT);
	kit_verify(copy.dir);
	s = kit_open(&copy, NULL, true);
	kit_check(&copy, s);
	store_close(&s);
	kit_remove_tree(copy.dir);
}

// Links share their bytes; merging and removing in one directory does not touch the other.
static void linked_backups_stand_alone(void **state)
{
	struct kit *k = *state;
	struct err e = ERR_NONE;
	const struct store_options options = {.seal_rows = 100};
	struct store *s = kit_open(k, &options, true);
	kit_append_range(k, s, 0, 150);
	kit_append_range(k, s, 150, 150);
	struct kit copy = copy_of(k);
	kit_ok(store_backup(s, copy.dir, true, NULL, &e), &e);
	char path[128];
	struct stat status;
	snprintf(path, sizeof(path), "%s/segments/000000000001.seg", copy.dir);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_nlink, 2);
	kit_ok(store_compact(s, 1, NULL, &e), &e);
	store_close(&s);
	kit_verify(copy.dir);
	s = kit_open(&copy, NULL, true);
	kit_check(&copy, s);
	store_close(&s);
	kit_remove_tree(copy.dir);
}

static int64_t full_pwrite(const struct io *self, int fd, const void *buf, size_t n, uint64_t offset)
{
	(void)self;
	(void)fd;
	(void)buf;
	(void)n;
	(void)offset;
	errno = ENOSPC;
	return -1;
}

static void a_backup_that_fails_leaves_nothing(void **state)
{
	struct kit *k = *state;
	struct err e = ERR_NONE, full = ERR_NONE, foreign = ERR_NONE;
	struct io io = *io_system();
	const struct store_options options = {.io = &io};
	struct store *s = kit_open(k, &options, true);
	kit_append_range(k, s, 0, 300);
	kit_ok(store_seal(s, &e), &e);
	struct kit copy = copy_of(k);
	io.pwrite = full_pwrite;
	assert_int_equal(store_backup(s, copy.dir, false, NULL, &full), RC_IO);
	io.pwrite = io_system()->pwrite;
	kit_ok(store_backup(s, copy.dir, false, NULL, &e), &e);
	kit_verify(copy.dir);
	// Segments without a database may be all that somebody has left.
	char path[128];
	snprintf(path, sizeof(path), "%s/corridor.db", copy.dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(store_backup(s, copy.dir, false, NULL, &foreign), RC_EXISTS);
	snprintf(path, sizeof(path), "%s/segments/000000000001.seg", copy.dir);
	assert_int_equal(access(path, F_OK), 0);
	store_close(&s);
	kit_remove_tree(copy.dir);
}

// --- while others write ---

struct writing {
	struct kit *kit;
	struct store *store;
	atomic_uint n_appended; // interactions 0 … n − 1 are stored
	atomic_bool stop;
};

enum { STEP = 200 };

static void write_on(void *context)
{
	struct writing *w = context;
	for (uint32_t i = 0; i < 150 && !atomic_load(&w->stop); i++) {
		struct err e = ERR_NONE;
		struct append_result r;
		struct batch *b = kit_range(w->kit->design, i * STEP, STEP);
		kit_ok(store_append(w->store, &b, 1, &r, NULL, NULL, &e), &e);
		atomic_store(&w->n_appended, (i + 1) * STEP);
		batch_free(&b);
	}
	atomic_store(&w->stop, true);
}

static size_t rows_in(const struct snapshot *sn)
{
	struct snapshot_stats stats;
	snapshot_stats(sn, &stats);
	return stats.n_interactions;
}

// A snapshot has a prefix of what was appended, whole batches, and at least what was acknowledged before it.
static void look(struct writing *w, struct store *s)
{
	struct err e = ERR_NONE;
	struct snapshot *sn;
	size_t at_least = atomic_load(&w->n_appended);
	kit_ok(snapshot_open(s, &sn, &e), &e);
	size_t n = rows_in(sn);
	assert_true(n % STEP == 0 && n >= at_least && n <= w->kit->n_model);
	kit_check_snapshot(w->kit, sn, n, kit_check_resolved);
	snapshot_close(&sn);
}

static void readers_see_whole_states_while_a_writer_goes_on(void **state)
{
	struct kit *k = *state;
	const struct store_options options = {.seal_rows = 1500, .compact_in_background = true};
	const struct store_options reading = {.read_only = true};
	for (uint32_t i = 0; i < 150 * STEP; i++)
		kit_push(k, i);
	struct writing w = {.kit = k, .store = kit_open(k, &options, false)};
	struct store *reader = kit_open(k, &reading, true);
	struct thread *t = thread_start(write_on, &w);
	assert_non_null(t);
	while (!atomic_load(&w.stop)) {
		look(&w, reader);
		look(&w, w.store);
	}
	thread_join(&t);
	look(&w, reader);
	store_close(&reader);
	kit_check(k, w.store);
	store_close(&w.store);
	kit_verify(k->dir);
}

// A reader's vtable that has everything merged just before the reader opens its first segment.
struct racing {
	struct io io;
	struct store *writer;
	uint32_t n_races;
};

static int racing_open(const struct io *self, const char *path, enum io_mode mode)
{
	struct racing *r = self->context;
	struct err e = ERR_NONE;
	if (r->n_races++ == 0)
		kit_ok(store_compact(r->writer, 1, NULL, &e), &e);
	return io_system()->open(io_system(), path, mode);
}

static void a_reader_begins_again_when_segments_were_merged_away(void **state)
{
	struct kit *k = *state;
	struct err e = ERR_NONE;
	const struct store_options options = {.seal_rows = 100};
	struct racing r = {.io = *io_system(), .writer = kit_open(k, &options, true)};
	r.io.open = racing_open;
	r.io.context = &r;
	kit_append_range(k, r.writer, 0, 150);
	kit_append_range(k, r.writer, 150, 150);
	const struct store_options reading = {.read_only = true, .io = &r.io};
	struct store *reader;
	kit_ok(store_open(k->dir, &reading, &reader, &e), &e);
	kit_check(k, reader);
	assert_true(r.n_races == 2); // one that was gone, one that had taken its place
	store_close(&reader);
	store_close(&r.writer);
}

static void backups_are_whole_while_a_writer_goes_on(void **state)
{
	struct kit *k = *state;
	const struct store_options options = {.seal_rows = 1000, .compact_in_background = true};
	for (uint32_t i = 0; i < 150 * STEP; i++)
		kit_push(k, i);
	struct writing w = {.kit = k, .store = kit_open(k, &options, false)};
	struct thread *t = thread_start(write_on, &w);
	assert_non_null(t);
	struct kit copy = copy_of(k);
	for (int i = 0; i < 5; i++) {
		struct err e = ERR_NONE, exists = ERR_NONE;
		size_t at_least = atomic_load(&w.n_appended);
		kit_ok(store_backup(w.store, copy.dir, i % 2, NULL, &e), &e);
		assert_int_equal(store_backup(w.store, copy.dir, false, NULL, &exists), RC_EXISTS);
		struct store *s = kit_open(&copy, NULL, true);
		struct snapshot *sn;
		kit_ok(snapshot_open(s, &sn, &e), &e);
		size_t n = rows_in(sn);
		assert_true(n % STEP == 0 && n >= at_least);
		kit_check_snapshot(&copy, sn, n, kit_check_resolved);
		snapshot_close(&sn);
		store_close(&s);
		kit_remove_tree(copy.dir);
	}
	atomic_store(&w.stop, true);
	thread_join(&t);
	store_close(&w.store);
	kit_verify(k->dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_new_design_restates_the_past, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(a_wrong_design_changes_nothing, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(adopting_survives_failed_allocations, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(verification_finds_damage, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(
			verification_holds_catalogue_and_names_against_the_files, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(a_name_in_the_schema, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(
			verification_finds_two_customers_under_one_key, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(a_damaged_batch_is_named, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(damage_does_not_reach_a_backup, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(linked_backups_stand_alone, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(a_backup_that_fails_leaves_nothing, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(
			readers_see_whole_states_while_a_writer_goes_on, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(
			a_reader_begins_again_when_segments_were_merged_away, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(
			backups_are_whole_while_a_writer_goes_on, kit_setup, kit_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
