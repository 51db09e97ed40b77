// SPDX-License-Identifier: Apache-2.0
// The inbox for readers: however small the batches and whatever is sealed in between, a snapshot shows every row once,
// out of few pieces, and an interaction is encoded only a few times.
#include "journey/overlay.h"
#include "store_kit.h"

#include <time.h>

// Asks, so that everything has a piece.
static void look(struct store *s)
{
	struct err e = ERR_NONE;
	struct snapshot *sn;
	kit_ok(snapshot_open(s, &sn, &e), &e);
	snapshot_close(&sn);
}

// Rows of pieces that were not there before.
static uint64_t rows_made(const struct inbox_pieces *before, const struct inbox_pieces *now)
{
	uint64_t rows = 0;
	for (size_t i = 0; i < now->n; i++) {
		bool kept = false;
		for (size_t k = 0; k < before->n; k++)
			kept |= before->items[k].ref == now->items[i].ref;
		rows += kept ? 0 : (uint64_t)now->items[i].n_rows;
	}
	return rows;
}

static void check_pieces(const struct store *s)
{
	const struct inbox_pieces *p = &s->inbox_seen;
	for (size_t i = 1; i < p->n; i++)
		assert_true(p->items[i - 1].last_seq < p->items[i].first_seq);
	assert_true(p->n <= 24); // three classes of at most eight
}

static void small_batches(void **state)
{
	struct kit *k = *state;
	struct err e = ERR_NONE;
	struct store *s = kit_open(k, NULL, true);
	uint64_t made = 0;
	uint32_t next = 0;
	for (unsigned i = 0; i < 700; i++) {
		struct inbox_pieces before = {0};
		before.items = mem_calloc(s->inbox_seen.n + 1, sizeof(*before.items));
		before.n = s->inbox_seen.n;
		for (size_t p = 0; p < before.n; p++)
			before.items[p] = s->inbox_seen.items[p];
		uint32_t n = 1 + (uint32_t)(kit_mix(i) % 4);
		kit_append_range(k, s, next, n);
		next += n;
		struct snapshot *sn;
		kit_ok(snapshot_open(s, &sn, &e), &e);
		struct snapshot_stats stats;
		snapshot_stats(sn, &stats);
		assert_int_equal(stats.n_interactions, next);
		assert_int_equal(stats.n_in_inbox, next);
		if (i % 50 == 0)
			kit_check_snapshot(k, sn, next, kit_check_resolved);
		snapshot_close(&sn);
		made += rows_made(&before, &s->inbox_seen);
		mem_free(before.items);
		check_pieces(s);
	}
	kit_check(k, s);
	assert_true(made < 6 * (uint64_t)next); // made anew each time it would be 350 times
	store_close(&s);
}

// Sealing takes rows from the front while snapshots of before stay; a batch of nothing but duplicates leaves no piece.
static void sealed_in_between(void **state)
{
	struct kit *k = *state;
	struct err e = ERR_NONE;
	struct store_options o = {.seal_rows = 90};
	struct store *s = kit_open(k, &o, false);
	uint32_t next = 0;
	for (unsigned i = 0; i < 150; i++) {
		struct snapshot *old;
		size_t n_old = k->n_model;
		kit_ok(snapshot_open(s, &old, &e), &e);
		kit_append_range(k, s, i % 9 == 8 ? 0 : next, 5);
		next += i % 9 == 8 ? 0 : 5;
		kit_check(k, s);
		if (i % 10 == 0)
			kit_check_snapshot(k, old, n_old, kit_check_resolved);
		snapshot_close(&old);
	}
	store_close(&s);
	kit_verify(k->dir);
}

static int64_t count_rows(struct db *db, const char *sql)
{
	struct err e = ERR_NONE;
	struct db_stmt *st;
	bool row = false;
	kit_ok(db_prepare(db, sql, &st, &e), &e);
	kit_ok(db_step(st, &row, &e), &e);
	assert_true(row);
	int64_t n = db_i64(st, 0);
	db_reset(st);
	return n;
}

static struct db *open_db(const struct kit *k, bool with_sums)
{
	struct err e = ERR_NONE;
	char path[256];
	struct db *db;
	snprintf(path, sizeof(path), "%s/corridor.db", k->dir);
	kit_ok(db_open(path, DB_READ_WRITE, &db, &e), &e);
	if (with_sums)
		kit_ok(db_migrate(db, "journey", store_schema, store_schema_steps, &e), &e);
	return db;
}

// A sealing that ended between its transaction and the removal of the rows: nobody sees them, and closing removes them.
static void sealed_but_not_removed(void **state)
{
	struct kit *k = *state;
	struct err e = ERR_NONE;
	struct store *s = kit_open(k, NULL, true);
	for (uint32_t i = 0; i < 10; i++)
		kit_append_range(k, s, i * 7, 7);
	store_close(&s);
	struct db *db = open_db(k, true);
	kit_ok(db_exec(db, "UPDATE sealed SET seq = (SELECT seq FROM inbox ORDER BY seq LIMIT 1 OFFSET 3)", &e),
		&e);
	db_close(&db);
	const struct store_options reading = {.read_only = true};
	struct snapshot *sn;
	struct snapshot_stats stats;
	kit_ok(store_open(k->dir, &reading, &s, &e), &e);
	kit_ok(snapshot_open(s, &sn, &e), &e);
	snapshot_stats(sn, &stats);
	assert_int_equal(stats.n_in_inbox, 42);
	snapshot_close(&sn);
	store_close(&s);
	struct verify_report report;
	kit_ok(store_verify(k->dir, &report, NULL, &e), &e);
	assert_int_equal(report.n_interactions, 42);
	s = kit_open(k, NULL, false);
	kit_ok(snapshot_open(s, &sn, &e), &e);
	snapshot_stats(sn, &stats);
	assert_int_equal(stats.n_in_inbox, 42);
	snapshot_close(&sn);
	store_close(&s);
	db = open_db(k, false);
	assert_int_equal(count_rows(db, "SELECT count(*) FROM inbox"), 6);
	db_close(&db);
}

// Whoever cannot open a store because the mark is damaged takes nothing away by it.
static void a_damaged_mark_removes_nothing(void **state)
{
	struct kit *k = *state;
	struct err e = ERR_NONE;
	struct store *s = kit_open(k, NULL, true);
	for (uint32_t i = 0; i < 10; i++)
		kit_append_range(k, s, i * 7, 7);
	store_close(&s);
	struct db *db = open_db(k, false);
	kit_ok(db_exec(db, "UPDATE sealed SET seq = 1 << 40", &e), &e);
	db_close(&db);
	assert_int_equal(store_open(k->dir, NULL, &s, &e), RC_CORRUPT);
	assert_null(s);
	struct arena *a = arena_new(0);
	struct repair_report report;
	e = ERR_NONE;
	store_repair(k->dir, a, &report, NULL, &e);
	arena_free(&a);
	db = open_db(k, false);
	assert_int_equal(count_rows(db, "SELECT count(*) FROM inbox"), 10);
	kit_ok(db_exec(db, "UPDATE sealed SET seq = 0", &e), &e);
	db_close(&db);
	kit_verify(k->dir);
}

// What a sealing could not remove goes with the next erasure, also when nothing is to be sealed for that.
static void erased_though_not_removed(void **state)
{
	struct kit *k = *state;
	struct err e = ERR_NONE;
	struct store *s = kit_open(k, NULL, true);
	for (uint32_t i = 0; i < 10; i++)
		kit_append_range(k, s, i * 7, 7);
	store_close(&s);
	struct db *db = open_db(k, true);
	kit_ok(db_exec(db, "UPDATE sealed SET seq = (SELECT max(seq) FROM inbox)", &e), &e);
	db_close(&db);
	s = kit_open(k, NULL, false);
	struct arena *a = arena_new(0);
	struct overlay_receipt receipt;
	uint64_t person = person_of(SV("user"), SV("u1"));
	kit_ok(store_erase_persons(s, &person, 1, SV("tester"), a, &receipt, &e), &e);
	assert_int_equal(count_rows(s->db, "SELECT count(*) FROM inbox"), 0);
	assert_int_equal(count_rows(s->db, "PRAGMA freelist_count"), 0);
	arena_free(&a);
	// Where something was erased, closing gives back even few pages: giving them back may have failed before.
	for (uint32_t i = 0; i < 20; i++)
		kit_append_range(k, s, 1000 + i * 40, 40);
	kit_ok(store_seal(s, &e), &e);
	assert_true(count_rows(s->db, "PRAGMA freelist_count") > 0);
	store_close(&s);
	db = open_db(k, false);
	assert_int_equal(count_rows(db, "PRAGMA freelist_count"), 0);
	db_close(&db);
}

// However it is emptied, what was committed is there, and the -wal file does not grow for ever.
static void emptied_beside(void **state)
{
	struct kit *k = *state;
	struct err e = ERR_NONE;
	const struct store_options o = {.seal_rows = 3000, .gives_way = true, .compact_in_background = true};
	struct store *s = kit_open(k, &o, true);
	for (uint32_t i = 0; i < 400; i++)
		kit_append_range(k, s, i * 40, 40);
	kit_check(k, s);
	kit_ok(store_seal(s, &e), &e);
	kit_check(k, s);
	// What is sealed goes with what is appended, more of it each time than comes.
	static const char sealed[] = "SELECT count(*) FROM inbox WHERE seq <= (SELECT seq FROM sealed)";
	int64_t left = count_rows(s->db, sealed);
	assert_true(left > 0);
	for (uint32_t i = 400; left > 0; i++) {
		kit_append_range(k, s, i * 40, 40);
		int64_t now = count_rows(s->db, sealed);
		assert_true(now < left);
		left = now;
	}
	kit_check(k, s);
	store_close(&s);
	kit_verify(k->dir);
}

static int64_t rows_seen(struct store *s)
{
	int64_t n = 0;
	pthread_mutex_lock(&s->snap_mu);
	for (size_t i = 0; i < s->inbox_seen.n; i++)
		n += s->inbox_seen.items[i].n_rows;
	pthread_mutex_unlock(&s->snap_mu);
	return n;
}

static void wait_until_seen(struct store *s, int64_t n)
{
	for (int i = 0; i < 3000 && rows_seen(s) < n; i++)
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	assert_true(rows_seen(s) >= n);
}

static void read_ahead_of_questions_in_a_flood(void **state)
{
	enum { BATCH = 1000, ENOUGH = 3000 };
	struct kit *k = *state;
	const struct store_options o = {.gives_way = true};
	struct store *s = kit_open(k, &o, true);
	uint32_t n = 0;
	for (; n < ENOUGH && atomic_load(&s->n_shown) < 2 * s->piece_rows; n++)
		kit_append_range(k, s, n * BATCH, BATCH);
	assert_true(n < ENOUGH);
	for (; n < ENOUGH && atomic_load(&s->n_ahead) == 0; n++)
		kit_append_range(k, s, n * BATCH, BATCH);
	assert_true(atomic_load(&s->n_ahead) > 0); // of batches, by the thread
	kit_check(k, s);
	store_close(&s);
}

// Without a question, once little more comes; what is little is left to whoever asks.
static void read_ahead_of_questions(void **state)
{
	enum { BATCH = 1000, LITTLE = 3, MUCH = 17 };
	struct kit *k = *state;
	const struct store_options o = {.gives_way = true};
	struct store *s = kit_open(k, &o, true);
	uint32_t n = 0;
	for (; n < LITTLE; n++)
		kit_append_range(k, s, n * BATCH, BATCH);
	assert_int_equal(rows_seen(s), 0);
	for (unsigned times = 1; times <= 3; times++) {
		for (; n < times * MUCH; n++)
			kit_append_range(k, s, n * BATCH, BATCH);
		wait_until_seen(s, (int64_t)n * BATCH);
	}
	kit_append_range(k, s, n * BATCH, BATCH);
	kit_check(k, s);
	store_close(&s);
}

// Much that nobody has seen becomes several pieces of like size; without memory, no piece.
static void a_flood_in_pieces(void **state)
{
	enum { BATCH = 20000, BATCHES = 15 };
	struct kit *k = *state;
	struct store *s = kit_open(k, NULL, true);
	kit_append_range(k, s, 0, 100);
	look(s);
	for (uint32_t i = 0; i < BATCHES; i++)
		kit_append_range(k, s, 100 + i * BATCH, BATCH);
	unsigned n_failed = 0;
	for (uint64_t nth = 40; nth < 4000; nth += nth / 3) {
		struct err failed = ERR_NONE;
		struct snapshot *sn;
		mem_fail_at(nth);
		enum rc rc = snapshot_open(s, &sn, &failed);
		mem_fail_at(0);
		if (rc == RC_OK) { // done without: fewer threads, or there were not so many
			snapshot_close(&sn);
			break;
		}
		n_failed++;
		assert_int_equal(rc, RC_NOMEM);
		assert_int_equal(s->inbox_seen.n, 1);
		assert_int_equal(s->inbox_seen.items[0].ref->refs, 1);
		assert_int_equal(rows_seen(s), 100);
	}
	assert_true(n_failed > 3);
	kit_check(k, s);
	const struct inbox_pieces *p = &s->inbox_seen;
	assert_int_equal(p->n, 9); // 100 rows, seven times two batches, the last batch
	for (size_t i = 1; i < p->n; i++) {
		assert_int_equal(p->items[i].n_rows, i + 1 < p->n ? 2 * BATCH : BATCH);
		assert_int_equal(p->items[i - 1].last_seq + 1, p->items[i].first_seq);
	}
	store_close(&s);
}

// A link that comes while its person is in the inbox concerns the pieces with its rows and no others.
static void links_touch_their_pieces(void **state)
{
	struct kit *k = *state;
	struct err e = ERR_NONE;
	struct store *s = kit_open(k, NULL, true);
	struct arena *a = arena_new(0);
	struct snapshot *sn;
	for (uint32_t i = 0; i < 20; i++) { // a piece for each of many persons' first interactions
		kit_append_range(k, s, i, 1);
		look(s);
	}
	struct inbox_pieces before = s->inbox_seen;
	struct segment_ref *refs[32];
	size_t n_before = before.n;
	assert_true(n_before >= 3 && n_before < 32);
	for (size_t i = 0; i < n_before; i++)
		refs[i] = before.items[i].ref;
	char last[32];
	snprintf(last, sizeof(last), "user:u%u", (unsigned)(kit_mix(19) % KIT_PERSONS));
	struct overlay_receipt receipt;
	kit_ok(store_link(s, sv_from(last), SV("user:somebody-new"), SV("tester"), a, &receipt, &e), &e);
	kit_ok(snapshot_open(s, &sn, &e), &e);
	assert_int_equal(s->inbox_seen.n, n_before);
	assert_true(s->inbox_seen.items[n_before - 1].ref != refs[n_before - 1]); // made anew
	size_t kept = 0;
	for (size_t i = 0; i < n_before; i++)
		kept += s->inbox_seen.items[i].ref == refs[i];
	assert_true(kept > 0);
	uint64_t somebody = person_of(SV("user"), SV("somebody-new"));
	struct scan_request request = {.ordered = true, .columns = {.event = true}};
	struct cursor *c;
	const struct span *span;
	kit_ok(cursor_open(sn, &request, somebody, somebody, &c, &e), &e);
	kit_ok(cursor_next(c, &span, &e), &e);
	assert_non_null(span);
	cursor_close(&c);
	snapshot_close(&sn);
	arena_free(&a);
	store_close(&s);
}

static void link_users(struct store *s, const char *from, const char *to)
{
	struct err e = ERR_NONE;
	struct arena *a = arena_new(0);
	struct overlay_receipt receipt;
	kit_ok(store_link(s, sv_from(from), sv_from(to), SV("tester"), a, &receipt, &e), &e);
	arena_free(&a);
}

// One interaction of somebody who has no other.
static void append_lonely(struct kit *k, struct store *s)
{
	struct err e = ERR_NONE;
	struct interaction *x = mem_calloc(1, sizeof(*x));
	struct batch *b = batch_new(k->design);
	struct append_result result;
	struct kit_texts t;
	kit_interaction(100000, x, &t);
	x->identities[0].value = SV("lonely");
	kit_ok(batch_add(b, x, &e), &e);
	kit_ok(store_append(s, &b, 1, &result, NULL, NULL, &e), &e);
	batch_free(&b);
	mem_free(x);
}

// Appends and links; `looks`: with questions in between, of which the last is followed by some more. The segment's bytes,
// to be freed.
static uint8_t *seal_some(struct kit *k, bool looks, size_t *n_bytes)
{
	struct err e = ERR_NONE;
	kit_create(k);
	struct store *s = kit_open(k, NULL, true);
	uint32_t next = 0;
	for (unsigned i = 0; i < 60; i++) {
		kit_append_range(k, s, next, 1 + i % 7);
		next += 1 + i % 7;
		if (i % 9 == 4)
			kit_append_range(k, s, next / 2, 5); // known
		if (i == 20 || i == 40)
			link_users(s, i == 20 ? "user:u1" : "user:u2", i == 20 ? "user:u3" : "user:u1");
		if (i == 52)
			append_lonely(k, s);
		if (looks && i % 2 && i < 56)
			look(s);
	}
	link_users(s, "user:lonely", "user:somebody-new"); // nobody has looked since
	if (looks) {
		struct overlays *links = store_overlays(s);
		struct inbox_pieces whole;
		const struct head *h = s->active;
		kit_ok(inbox_pieces_within(s, h->views[0].seq, h->last_seq, links, &whole, &e), &e);
		int64_t rows = 0;
		for (size_t i = 0; i < whole.n; i++)
			rows += whole.items[i].n_rows;
		assert_int_equal(whole.n, s->inbox_seen.n - 1); // the link concerns one
		assert_true(2 * (uint64_t)rows > h->n_rows);
		inbox_pieces_clear(s, &whole);
		overlays_unref(&links);
	}
	kit_ok(store_seal(s, &e), &e);
	store_close(&s);
	kit_verify(k->dir);
	char path[256];
	snprintf(path, sizeof(path), "%s/segments/000000000001.seg", k->dir);
	uint8_t *bytes = mem_alloc(1 << 20);
	FILE *f = fopen(path, "rb");
	assert_non_null(f);
	*n_bytes = fread(bytes, 1, 1 << 20, f);
	fclose(f);
	return bytes;
}

// The same segment, byte for byte, whether readers had pieces of it or not.
static void sealed_from_pieces(void **state)
{
	struct kit *k = *state;
	size_t n_plain, n_merged;
	uint8_t *plain = seal_some(k, false, &n_plain), *merged = seal_some(k, true, &n_merged);
	assert_true(n_plain > 1000);
	assert_int_equal(n_plain, n_merged);
	assert_memory_equal(plain, merged, n_plain);
	mem_free(plain);
	mem_free(merged);
}

// What is read after a head ended does not reach over its end: the pieces stay when it is sealed.
static void pieces_end_with_heads(void **state)
{
	struct kit *k = *state;
	struct err e = ERR_NONE;
	struct store *s = kit_open(k, NULL, true);
	for (uint32_t i = 0; i < 30; i++)
		kit_append_range(k, s, i * 3, 3);
	const int64_t end = s->active->views[19].seq;
	atomic_store(&s->boundary, end);
	look(s);
	assert_int_equal(s->inbox_seen.n, 2);
	assert_int_equal(s->inbox_seen.items[0].last_seq, end);
	assert_int_equal(s->inbox_seen.items[1].first_seq, end + 1);
	for (uint32_t i = 30; i < 60; i++) {
		kit_append_range(k, s, i * 3, 3);
		look(s);
	}
	const struct inbox_pieces *p = &s->inbox_seen;
	for (size_t i = 0; i < p->n; i++)
		assert_true(p->items[i].last_seq <= end || p->items[i].first_seq > end);
	assert_int_equal(p->items[0].last_seq, end);
	kit_check(k, s);
	const int64_t last = p->items[p->n - 1].last_seq;
	kit_ok(store_seal(s, &e), &e);
	assert_int_equal(atomic_load(&s->boundary), last);
	assert_int_equal(p->n, 0);
	store_close(&s);
}

// A full inbox that a process left is sealed before anything else; one that is not full stays.
static void left_full(void **state)
{
	struct kit *k = *state;
	struct err e = ERR_NONE;
	const struct store_options o = {.seal_rows = 100, .gives_way = true};
	for (uint32_t n = 40; n <= 120; n += 80) {
		kit_create(k);
		struct store *s = kit_open(k, NULL, true);
		kit_append_range(k, s, 0, n);
		store_close(&s);
		s = kit_open(k, &o, false);
		struct snapshot *sn;
		struct snapshot_stats stats;
		kit_ok(snapshot_open(s, &sn, &e), &e);
		snapshot_stats(sn, &stats);
		assert_int_equal(stats.n_in_inbox, n < 100 ? n : 0);
		snapshot_close(&sn);
		kit_check(k, s);
		store_close(&s);
	}
}

// All rows of the pieces are under the person that the links give.
static void check_resolved(struct store *s)
{
	struct err e = ERR_NONE;
	struct overlays *links = store_overlays(s);
	for (size_t i = 0; i < s->inbox_seen.n; i++) {
		struct segment_rows *rows;
		const struct row *row;
		kit_ok(segment_rows_open(s->inbox_seen.items[i].ref->segment, &rows, &e), &e);
		for (kit_ok(segment_rows_next(rows, &row, &e), &e); row;
			kit_ok(segment_rows_next(rows, &row, &e), &e))
			assert_true(row->person ==
				    overlays_resolve(links, row->origin ? row->origin : row->person));
		segment_rows_close(&rows);
	}
	overlays_unref(&links);
}

struct asking {
	struct store *s;
	atomic_uint n_appended; // at least
	atomic_bool ends;
	atomic_uint n_asked;
};

static void ask_again_and_again(void *context)
{
	struct asking *a = context;
	uint64_t before = 0;
	while (!atomic_load(&a->ends)) {
		struct err e = ERR_NONE;
		struct snapshot *sn;
		struct snapshot_stats stats;
		uint64_t least = atomic_load(&a->n_appended);
		kit_ok(snapshot_open(a->s, &sn, &e), &e);
		snapshot_stats(sn, &stats);
		assert_true(stats.n_interactions >= least && stats.n_interactions >= before);
		before = stats.n_interactions;
		snapshot_close(&sn);
		atomic_fetch_add(&a->n_asked, 1);
		nanosleep(&(struct timespec){.tv_nsec = 3000000}, NULL);
	}
}

// Everybody at once: what comes in, sealing, merging, reading ahead, questions, links; n_links of them.
static void flood_with_questions(struct kit *k, unsigned n_links)
{
	enum { BATCHES = 1200, BATCH = 40, ASKERS = 2 };
	struct err e = ERR_NONE;
	const struct store_options o = {.seal_rows = 6400, .gives_way = true, .compact_in_background = true};
	struct store *s = kit_open(k, &o, false);
	struct asking a = {.s = s};
	struct thread *askers[ASKERS];
	assert_int_equal(s->piece_rows, 200);
	for (unsigned i = 0; i < ASKERS; i++) {
		askers[i] = thread_start(ask_again_and_again, &a);
		assert_non_null(askers[i]);
	}
	uint32_t next = 0;
	for (unsigned i = 0; i < BATCHES; i++) {
		kit_append_range(k, s, next, BATCH);
		next += BATCH;
		if (i % 10 == 3)
			kit_append_range(k, s, next / 2, BATCH); // known
		if (i % 100 == 50 && i / 100 < n_links) {
			char from[16], to[16];
			snprintf(from, sizeof(from), "user:u%u", i / 100);
			snprintf(to, sizeof(to), "user:u%u", i / 100 + 10);
			link_users(s, from, to);
		}
		atomic_store(&a.n_appended, next);
	}
	atomic_store(&a.ends, true);
	for (unsigned i = 0; i < ASKERS; i++)
		thread_join(&askers[i]);
	assert_true(atomic_load(&a.n_asked) > ASKERS);
	if (n_links == 0)
		kit_check(k, s);
	look(s);
	check_resolved(s);
	kit_ok(store_seal(s, &e), &e);
	assert_int_equal(s->inbox_seen.n, 0); // nobody sees them any more
	struct snapshot *sn;
	struct snapshot_stats stats;
	kit_ok(snapshot_open(s, &sn, &e), &e);
	snapshot_stats(sn, &stats);
	assert_int_equal(stats.n_interactions, next);
	assert_int_equal(stats.n_in_inbox, 0);
	snapshot_close(&sn);
	if (n_links == 0)
		kit_check(k, s);
	store_close(&s);
	kit_verify(k->dir);
}

static void a_flood_with_questions(void **state)
{
	flood_with_questions(*state, 0);
}

static void a_flood_with_questions_and_links(void **state)
{
	flood_with_questions(*state, 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(small_batches, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(sealed_in_between, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(sealed_but_not_removed, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(a_damaged_mark_removes_nothing, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(erased_though_not_removed, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(emptied_beside, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(read_ahead_of_questions, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(read_ahead_of_questions_in_a_flood, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(a_flood_in_pieces, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(links_touch_their_pieces, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(sealed_from_pieces, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(pieces_end_with_heads, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(left_full, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(a_flood_with_questions, kit_setup, kit_teardown),
		cmocka_unit_test_setup_teardown(a_flood_with_questions_and_links, kit_setup, kit_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
