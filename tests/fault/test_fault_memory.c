// SPDX-License-Identifier: Apache-2.0
// Every allocation of every operation, import, analysis and output fails once. The outcome is success or "out of
// memory"; nothing acknowledged is lost, nothing is there twice, and the same operation then succeeds. They are many
// (most of them SQLite's, again and again by the same way), so there are three choices: see `points`. Without sanitizers the allocations of everybody fail (SQLite's, zstd's, ICU's too); with them, which bring their own malloc,
// this program's. Opening a store, which takes most allocations, is an operation by itself; in the others the count
// begins when the store is open.
#include "fault_os.h"
#include "world.h"

#include "../unit/journey/store_kit.h"

#include "listen/listen.h"
#include "measure/measure.h"

#include <sys/stat.h>

static void fail_at(uint64_t nth)
{
	if (os_alloc_possible())
		os_alloc_fail_at(nth);
	else
		mem_fail_at(nth);
}

// Did the nth allocation since `before` happen?
static bool reached(uint64_t nth, uint64_t before)
{
	return os_alloc_possible() ? os_allocs() >= nth : mem_count() - before >= nth;
}

// Which allocations fail. All with CORRIDOR_FAULT_ALL. With CORRIDOR_FAULT_PATHS all to which calls lead that had not led
// to one before in this operation, and the last of each of these ways. Else the first `dense` one by one, later ones in
// growing steps, larger ones with CORRIDOR_FAULT_SPARSE.
struct points {
	uint64_t dense, *nth;
	size_t at, n, n_paths;
};

static bool points_traced(void)
{
	return world_setting("CORRIDOR_FAULT_PATHS", 0) && os_alloc_possible();
}

static void points_read(struct points *p)
{
	os_alloc_trace(false);
	size_t n = os_alloc_paths(NULL, 0, &p->n_paths);
	p->nth = malloc((n + 1) * sizeof(*p->nth));
	assert_non_null(p->nth);
	p->n = os_alloc_paths(p->nth, n, &p->n_paths);
	assert_true(p->n > 0 && p->n == n);
	p->nth[p->n] = UINT64_MAX; // the end: none fails
}

static uint64_t next(struct points *p, uint64_t n)
{
	if (p->nth)
		return p->nth[p->at++];
	uint64_t sparse = world_setting("CORRIDOR_FAULT_SPARSE", 1), tenths = sparse > 12  ? 5
									      : sparse > 1 ? 2
											   : 1;
	return world_setting("CORRIDOR_FAULT_ALL", 0) || n < p->dense / tenths ? n + 1
									       : n + 1 + n * tenths / 10;
}

static void points_told(struct points *p, const char *kind, const char *name, uint64_t n, uint64_t n_failed)
{
	if (p->nth)
		print_message("%s%s: %llu allocations on %zu paths, %llu errors\n", kind, name,
			(unsigned long long)n, p->n_paths, (unsigned long long)n_failed);
	else
		print_message("%s%s: %llu allocations, %llu errors\n", kind, name, (unsigned long long)n,
			(unsigned long long)n_failed);
	free(p->nth);
}

// --- operations on the store ---

struct trial {
	struct world *w;
	const struct operation *o;
	struct world_state before, after, partly;
	uint64_t nth, count; // which allocation fails; how many of this program's there were before the first
};

static void begin_failing(void *context)
{
	struct trial *t = context;
	t->count = mem_count();
	if (t->nth)
		fail_at(t->nth);
	else
		os_alloc_trace(true);
}

static void describe(const struct trial *t, enum rc rc, const char *what)
{
	fail_msg(
		"%s, allocation %llu, %s: %s", t->o->name, (unsigned long long)t->nth, rc_info(rc)->name, what);
}

static void check(const struct trial *t, enum rc rc)
{
	char text[600];
	const char *wrong = world_compare(t->w, t->w->dir, &t->after);
	if (wrong) {
		snprintf(text, sizeof(text), "%s", wrong);
		bool partly = rc != RC_OK && t->o->partly && !world_compare(t->w, t->w->dir, &t->partly);
		if (rc == RC_OK || (!partly && world_compare(t->w, t->w->dir, &t->before)))
			describe(t, rc, text);
	}
	wrong = t->o->check ? t->o->check(t->w, rc == RC_OK) : NULL;
	if (wrong)
		describe(t, rc, wrong);
	world_clear(t->w);
}

// Runs the operation from `base`, its nth allocation failing; 0: all are noted.
static enum rc attempt(struct trial *t, const char *base, struct err *e)
{
	world_copy_tree(base, t->w->dir);
	world_clear(t->w);
	if (t->o->whole) {
		begin_failing(t);
	} else {
		t->w->opened = begin_failing;
		t->w->context = t;
	}
	enum rc rc = world_run(t->w, t->o, e);
	t->w->opened = NULL;
	t->w->context = NULL;
	return rc;
}

static void operate_without_memory(struct world *w, const struct operation *o)
{
	struct trial t = {.w = w, .o = o};
	struct points points = {.dense = 30};
	char base[160];
	uint64_t n_points = 0, n_failed = 0;
	snprintf(base, sizeof(base), "%s-base", w->root);
	world_prepare(w, o, &t.before);
	t.after = t.partly = t.before;
	if (o->expect)
		o->expect(&t.after);
	if (o->partly)
		o->partly(&t.partly);
	if (o->from_nothing)
		assert_int_equal(mkdir(w->dir, 0750), 0);
	world_copy_tree(w->dir, base);
	world_expect(w, o, base);
	if (points_traced()) {
		struct err e = ERR_NONE;
		enum rc rc = attempt(&t, base, &e);
		points_read(&points);
		check(&t, rc);
	}
	bool fired = true;
	for (t.nth = next(&points, 0); fired; t.nth = next(&points, t.nth)) {
		struct err e = ERR_NONE;
		enum rc rc = attempt(&t, base, &e);
		fired = reached(t.nth, t.count);
		fail_at(0);
		n_points += fired;
		n_failed += rc != RC_OK;
		if (rc != RC_OK && (!fired || e.message[0] == '\0'))
			describe(&t, rc, e.message);
		check(&t, rc);
		e = ERR_NONE;
		rc = world_run(w, o, &e);
		world_clear(w);
		if (rc != RC_OK && rc != o->again)
			describe(&t, rc, e.message);
	}
	points_told(&points, "", o->name, n_points, n_failed);
	world_remove_tree(base);
}

static void operations_without_memory(void **state)
{
	const char *only = getenv("CORRIDOR_FAULT_ONLY");
	for (uint32_t i = 0; i < n_world_operations; i++)
		if (!only || strcmp(only, world_operations[i].name) == 0)
			operate_without_memory(*state, &world_operations[i]);
}

// --- analyses ---

static const struct {
	const char *analysis;
	struct {
		const char *name, *value;
	} params[4];
} examples[] = {
	{"funnel", {{"step", "call"}, {"step", "delivery"}, {"window", "7d"}}},
	{"sequence", {{"pattern", "call delivery within 7d"}}},
	{"interval", {{"start", "call"}, {"end", "delivery"}}},
	{"spread", {{"measure", "csat"}}},
	{"effect", {{"after", "csat <= 3"}, {"then", "call"}, {"within", "30d"}, {"against", "csat >= 4"}}},
	{"attribution", {{"conversion", "delivery"}}},
	{"journey", {{"customer", "user:u5"}}},
};

static struct query question(const struct analysis *a, struct query_param params[4])
{
	struct query q = {.analysis = sv_from(a->name), .params = params, .threads = 1};
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		if (strcmp(examples[i].analysis, a->name) != 0)
			continue;
		for (; q.n_params < 4 && examples[i].params[q.n_params].name; q.n_params++)
			params[q.n_params] = (struct query_param){sv_from(examples[i].params[q.n_params].name),
				sv_from(examples[i].params[q.n_params].value)};
	}
	return q;
}

// Asks and writes the answer in all forms; into *out as JSON.
static enum rc answer(struct snapshot *sn, const struct query *q, struct buf *out, struct err *e)
{
	struct result *r = NULL;
	struct buf other = buf_new(1u << 24);
	enum rc rc = query_run(sn, q, &r, e);
	if (rc == RC_OK)
		rc = result_write_csv(r, &other, e);
	if (rc == RC_OK)
		rc = result_write_markdown(r, &other, e);
	if (rc == RC_OK)
		rc = result_write_json(r, out, e);
	result_free(&r);
	buf_free(&other);
	return rc;
}

static void ask_without_memory(struct store *s, const struct analysis *a)
{
	struct err e = ERR_NONE;
	struct query_param params[4];
	struct query q = question(a, params);
	struct snapshot *sn;
	struct buf right = buf_new(1u << 24), now = buf_new(1u << 24);
	struct points points = {.dense = 150};
	uint64_t n_points = 0, n_failed = 0;
	kit_ok(snapshot_open(s, &sn, &e), &e);
	kit_ok(answer(sn, &q, &right, &e), &e);
	if (points_traced()) {
		buf_clear(&right);
		os_alloc_trace(true);
		kit_ok(answer(sn, &q, &right, &e), &e);
		points_read(&points);
	}
	bool fired = true;
	for (uint64_t n = next(&points, 0); fired; n = next(&points, n)) {
		buf_clear(&now);
		e = ERR_NONE;
		uint64_t count = mem_count();
		fail_at(n);
		enum rc rc = answer(sn, &q, &now, &e);
		fired = reached(n, count);
		fail_at(0);
		n_points += fired;
		n_failed += rc != RC_OK;
		if (rc != RC_OK && (!fired || e.message[0] == '\0'))
			fail_msg("%s, allocation %llu: %s", a->name, (unsigned long long)n, e.message);
		if (rc == RC_OK && !sv_equal(buf_view(&now), buf_view(&right)))
			fail_msg("%s, allocation %llu: another answer", a->name, (unsigned long long)n);
	}
	points_told(&points, "query ", a->name, n_points, n_failed);
	assert_true(n_failed > 0);
	snapshot_close(&sn);
	buf_free(&right);
	buf_free(&now);
}

static void analyses_without_memory(void **state)
{
	struct world *w = *state;
	struct world_state st;
	struct err e = ERR_NONE;
	const char *only = getenv("CORRIDOR_FAULT_ONLY");
	world_prepare(w, NULL, &st);
	struct store *s = world_open(w, &e);
	assert_non_null(s);
	for (const struct analysis *const *a = analysis_list(); *a; a++)
		if (!only || strcmp(only, (*a)->name) == 0)
			ask_without_memory(s, *a);
	store_close(&s);
}

static int setup(void **state)
{
	static struct world w;
	world_new(&w);
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	world_free(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(operations_without_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(analyses_without_memory, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
