// SPDX-License-Identifier: Apache-2.0
// The quarantine as people see it: groups, single rows, removal. A file is named by its path as imported or by its
// name without folders.
#include "listen/import.h"

#include "base/mem.h"
#include "listen/hook_line.h"
#include "listen/wire_keep.h"

#include <time.h>

#define FILE_MATCHES "(?1 IS NULL OR i.path = ?1 OR i.file = ?1)"

void quarantine_choice_bind(struct db_stmt *q, const struct quarantine_choice *choice)
{
	const struct sv texts[] = {choice->file, choice->source, choice->map_name, choice->reason};
	for (int i = 0; i < 4; i++)
		db_bind_text(q, i + 1, texts[i].ptr ? texts[i] : SV(""));
}

static void bind_file(struct db_stmt *s, struct sv file)
{
	if (file.len)
		db_bind_text(s, 1, file);
	else
		db_bind_null(s, 1);
}

// The next of a growing array of `size`-byte elements; NULL when out of memory.
static void *grow_one(void **items, size_t *capacity, uint32_t n, size_t size)
{
	return mem_grow(items, capacity, (size_t)n + 1, size) == 0 ? (char *)*items + n * size : NULL;
}

// Moves n elements collected on the heap into the arena.
static enum rc into_arena(struct arena *a, void *items, uint32_t n, size_t size, void **out, struct err *e)
{
	*out = arena_array(a, n ? n : 1, size);
	if (!*out)
		return err_set(e, RC_NOMEM, "out of memory for listing the quarantine");
	if (n)
		memcpy(*out, items, n * size);
	return RC_OK;
}

struct grouping {
	struct arena *arena;
	void *items; // struct quarantine_group
	size_t capacity;
	uint32_t n;
};

// Counted by the index first, which knows all but the time.
static enum rc read_groups(void *context, struct db *db, struct err *e)
{
	struct grouping *x = context;
	struct arena *a = x->arena;
	struct db_stmt *q = NULL;
	bool more = false;
	enum rc rc = import_tables_exist(db, &more, e);
	if (rc != RC_OK || !more)
		return rc;
	rc = db_prepare(db,
		"SELECT g.*, (SELECT at_ms FROM quarantine WHERE id = g.last) FROM ("
		"SELECT i.path, i.map_name, c.kind, sum(c.n), min(c.first), max(c.last) last FROM ("
		"SELECT import, kind, count(*) n, min(id) first, max(id) last FROM quarantine GROUP BY import, "
		"kind"
		") c JOIN import i ON i.id = c.import GROUP BY 1, 2, 3) g ORDER BY g.last DESC",
		&q, e);
	while (rc == RC_OK && (rc = db_step(q, &more, e)) == RC_OK && more) {
		struct quarantine_group *g = grow_one(&x->items, &x->capacity, x->n, sizeof(*g));
		if (g)
			*g = (struct quarantine_group){.file = arena_copy(a, db_text(q, 0)),
				.map_name = arena_copy(a, db_text(q, 1)),
				.reason = arena_copy(a, db_text(q, 2)),
				.n = (uint64_t)db_i64(q, 3),
				.first_id = (uint64_t)db_i64(q, 4),
				.last_id = (uint64_t)db_i64(q, 5),
				.last_at_ms = db_i64(q, 6)};
		if (!g || !g->file.ptr || !g->map_name.ptr || !g->reason.ptr) {
			rc = err_set(e, RC_NOMEM, "out of memory for listing the quarantine");
			break;
		}
		x->n++;
	}
	if (q)
		db_reset(q);
	return rc;
}

enum rc quarantine_groups(
	struct store *s, struct arena *a, struct quarantine_group **out, uint32_t *n, struct err *e)
{
	struct grouping x = {.arena = a};
	void *result = NULL;
	enum rc rc = store_alone(s, read_groups, &x, e);
	if (rc == RC_OK)
		rc = into_arena(a, x.items, x.n, sizeof(**out), &result, e);
	*n = rc == RC_OK ? x.n : 0;
	*out = result;
	mem_free(x.items);
	return rc;
}

static struct quarantine_item item_of(struct db_stmt *q, struct arena *a)
{
	return (struct quarantine_item){.id = (uint64_t)db_i64(q, 0),
		.at_ms = db_i64(q, 1),
		.file = arena_copy(a, db_text(q, 2)),
		.map_name = arena_copy(a, db_text(q, 3)),
		.reason = arena_copy(a, db_text(q, 4)),
		.raw = arena_copy(a, db_blob(q, 5)),
		.line = (uint64_t)db_i64(q, 6),
		.header = arena_copy(a, db_blob(q, 7))};
}

enum rc quarantine_items(struct store *s, struct sv file, uint64_t after, uint32_t limit, struct arena *a,
	struct quarantine_item **out, uint32_t *n, struct err *e)
{
	struct db *db = store_db(s);
	struct db_stmt *q = NULL;
	void *items = NULL, *result = NULL;
	size_t capacity = 0;
	bool more = false;
	*n = 0;
	*out = NULL;
	enum rc rc = import_tables_exist(db, &more, e);
	if (rc != RC_OK || !more)
		return rc;
	rc = db_prepare(db,
		"SELECT q.id, q.at_ms, i.path, i.map_name, q.reason, q.raw, q.line, i.header FROM quarantine q "
		"JOIN "
		"import i"
		" ON i.id = q.import WHERE q.id > ?2 AND " FILE_MATCHES " ORDER BY q.id LIMIT ?3",
		&q, e);
	if (rc != RC_OK)
		return rc;
	bind_file(q, file);
	db_bind_i64(q, 2, (int64_t)after);
	db_bind_i64(q, 3, limit);
	while ((rc = db_step(q, &more, e)) == RC_OK && more) {
		struct quarantine_item *item = grow_one(&items, &capacity, *n, sizeof(*item));
		if (item)
			*item = item_of(q, a);
		if (!item || !item->raw.ptr || !item->reason.ptr || !item->file.ptr || !item->map_name.ptr ||
			(!item->header.ptr && !db_is_null(q, 7))) {
			rc = err_set(e, RC_NOMEM, "out of memory for listing the quarantine");
			err_remedy(e, "ask for fewer rows at a time");
			break;
		}
		++*n;
	}
	db_reset(q);
	if (rc == RC_OK)
		rc = into_arena(a, items, *n, sizeof(**out), &result, e);
	*out = result;
	mem_free(items);
	return rc;
}

// --- for a server, while others append ---

struct page {
	const struct quarantine_choice *choice;
	struct arena *arena;
	struct quarantine_item *items;
	uint64_t before, total;
	uint32_t limit, n;
};

#define CHOSEN_ROWS "import IN (SELECT i.id FROM import i WHERE " CHOSEN_IMPORT ") AND " CHOSEN_KIND

// The rows of a choice are found by the index, which says their file and reason.
static const char *const page_sql[2][2] = {
	{"SELECT count(*) FROM quarantine",
		"SELECT q.id, q.at_ms, i.path, i.map_name, q.reason, q.raw, q.line, NULL FROM quarantine q"
		" JOIN import i ON i.id = q.import WHERE (?5 = 0 OR q.id < ?5) ORDER BY q.id DESC LIMIT ?6"},
	{"SELECT count(*) FROM quarantine WHERE " CHOSEN_ROWS,
		"SELECT q.id, q.at_ms, i.path, i.map_name, q.reason, q.raw, q.line, NULL FROM quarantine q"
		" JOIN import i ON i.id = q.import WHERE q.id IN (SELECT id FROM quarantine WHERE " CHOSEN_ROWS
		" AND (?5 = 0 OR id < ?5) ORDER BY id DESC LIMIT ?6) ORDER BY q.id DESC"},
};

static enum rc count_chosen(struct page *p, struct db *db, bool some, struct err *e)
{
	struct db_stmt *q;
	bool row;
	enum rc rc = db_prepare(db, page_sql[some][0], &q, e);
	if (rc != RC_OK)
		return rc;
	if (some)
		quarantine_choice_bind(q, p->choice);
	rc = db_step(q, &row, e);
	p->total = rc == RC_OK ? (uint64_t)db_i64(q, 0) : 0;
	db_reset(q);
	return rc;
}

static enum rc read_page(void *context, struct db *db, struct err *e)
{
	struct page *p = context;
	const struct quarantine_choice *c = p->choice;
	bool some = c->file.len || c->source.len || c->map_name.len || c->reason.len;
	struct db_stmt *q = NULL;
	bool more = false;
	enum rc rc = import_tables_exist(db, &more, e);
	if (rc != RC_OK || !more)
		return rc;
	rc = count_chosen(p, db, some, e);
	if (rc == RC_OK)
		rc = db_prepare(db, page_sql[some][1], &q, e);
	if (rc != RC_OK)
		return rc;
	if (some)
		quarantine_choice_bind(q, c);
	db_bind_i64(q, 5, (int64_t)p->before);
	db_bind_i64(q, 6, p->limit);
	while (p->n < p->limit && (rc = db_step(q, &more, e)) == RC_OK && more) {
		struct quarantine_item *item = &p->items[p->n++];
		*item = item_of(q, p->arena);
		if (!item->raw.ptr || !item->reason.ptr) {
			rc = err_set(e, RC_LIMIT, "the page is too large: ask for fewer rows at a time");
			break;
		}
	}
	db_reset(q);
	return rc;
}

enum rc quarantine_page(struct store *s, const struct quarantine_choice *choice, uint64_t before,
	uint32_t limit, struct arena *a, struct quarantine_item **out, uint32_t *n, uint64_t *total,
	struct err *e)
{
	struct page p = {.choice = choice, .arena = a, .before = before, .limit = limit};
	p.items = arena_array(a, (size_t)limit + 1, sizeof(*p.items));
	enum rc rc = p.items ? store_alone(s, read_page, &p, e)
			     : err_set(e, RC_NOMEM, "out of memory for listing the quarantine");
	*out = p.items;
	*n = p.n;
	*total = p.total;
	return rc;
}

// What the newest chosen row was read with.
struct reading {
	const struct quarantine_choice *choice;
	struct arena *arena;
	struct sv map_name, map_text, header; // map_text.ptr NULL: there is no such row
};

static enum rc newest_of_ids(struct reading *x, struct db_stmt *q, bool *row, struct err *e)
{
	enum rc rc = RC_OK;
	*row = false;
	for (uint32_t i = x->choice->n_ids; rc == RC_OK && !*row && i-- > 0;) {
		db_reset(q);
		db_bind_i64(q, 1, x->choice->ids[i]);
		rc = db_step(q, row, e);
	}
	return rc;
}

static enum rc read_reading(void *context, struct db *db, struct err *e)
{
	struct reading *x = context;
	struct db_stmt *q;
	bool row = false;
	enum rc rc = import_tables_exist(db, &row, e);
	if (rc != RC_OK || !row)
		return rc;
#define READING_SQL                                                                                            \
	"SELECT i.map_name, m.text, i.header FROM quarantine q JOIN import i ON i.id = q.import"               \
	" JOIN import_mapping m ON m.id = i.mapping WHERE q.id = "
	rc = db_prepare(db,
		x->choice->ids ? READING_SQL "?1"
			       : READING_SQL "(SELECT max(id) FROM quarantine WHERE " CHOSEN_ROWS ")",
		&q, e);
	if (rc != RC_OK)
		return rc;
	if (x->choice->ids) {
		rc = newest_of_ids(x, q, &row, e);
	} else {
		quarantine_choice_bind(q, x->choice);
		rc = db_step(q, &row, e);
	}
	if (rc == RC_OK && row) {
		x->map_name = arena_copy(x->arena, db_text(q, 0));
		x->map_text = db_blob(q, 1).len ? arena_copy(x->arena, db_blob(q, 1)) : SV("");
		x->header = db_blob(q, 2).len ? arena_copy(x->arena, db_blob(q, 2)) : SV("");
		if (!x->map_name.ptr || !x->map_text.ptr || !x->header.ptr)
			rc = err_set(e, RC_NOMEM, "out of memory for a mapping");
	}
	db_reset(q);
	return rc;
}

enum rc quarantine_reading(struct store *s, const struct quarantine_choice *choice, struct arena *a,
	struct quarantine_reading *out, struct err *e)
{
	struct reading x = {.choice = choice, .arena = a};
	*out = (struct quarantine_reading){0};
	enum rc rc = store_alone(s, read_reading, &x, e);
	if (rc == RC_OK && !x.map_text.ptr)
		rc = err_set(e, RC_NOT_FOUND, "the quarantine has no such row: it was replayed or dropped");
	if (rc != RC_OK)
		return rc;
	out->name = x.map_name;
	out->header = x.header;
	if (hook_origin_read(x.map_text, a, &out->name)) {
		out->kind = QUARANTINE_WEBHOOK;
	} else if (x.map_text.len == 0 || wire_origin_is(x.map_text)) {
		out->kind = QUARANTINE_TRACKING;
	} else {
		out->mapping = x.map_text;
	}
	return RC_OK;
}

// Whoever appends waits while the database is read: texts are copied there, as many at a time as TEXTS_BYTES, and parsed
// afterwards.
struct sources {
	struct arena *texts;
	struct quarantine_source *items;
	int64_t *ids; // of their mappings
	struct sv *map_texts;
	uint32_t n, n_texts; // of n_texts the texts have been copied
};
#define SOURCES_MAX 10000u
#define TEXTS_BYTES ((size_t)4 << 20)

static enum rc count_sources(void *context, struct db *db, struct err *e)
{
	struct sources *x = context;
	struct db_stmt *q = NULL;
	bool more = false;
	enum rc rc = import_tables_exist(db, &more, e);
	if (rc != RC_OK || !more)
		return rc;
	rc = db_prepare(db,
		"SELECT i.mapping, sum(x.n) FROM (SELECT import, count(*) n FROM quarantine GROUP BY import) x"
		" JOIN import i ON i.id = x.import GROUP BY i.mapping ORDER BY i.mapping LIMIT ?1",
		&q, e);
	if (rc != RC_OK)
		return rc;
	db_bind_i64(q, 1, SOURCES_MAX);
	while ((rc = db_step(q, &more, e)) == RC_OK && more) {
		x->ids[x->n] = db_i64(q, 0);
		x->items[x->n++].n = (uint64_t)db_i64(q, 1);
	}
	db_reset(q);
	return rc;
}

static enum rc copy_texts(void *context, struct db *db, struct err *e)
{
	struct sources *x = context;
	struct db_stmt *q = NULL;
	bool found;
	enum rc rc = db_prepare(db, "SELECT text FROM import_mapping WHERE id = ?1", &q, e);
	while (rc == RC_OK && x->n_texts < x->n && arena_used(x->texts) < TEXTS_BYTES) {
		db_bind_i64(q, 1, x->ids[x->n_texts]);
		rc = db_step(q, &found, e);
		if (rc == RC_OK)
			x->map_texts[x->n_texts++] =
				found && db_blob(q, 0).len ? arena_copy(x->texts, db_blob(q, 0)) : SV("");
		db_reset(q);
	}
	return rc == RC_OK && arena_refused(x->texts) ? err_set(e, RC_NOMEM, "out of memory for the sources")
						      : rc;
}

// The source, by what stands in the place of a mapping's text. An origin that cannot be read has an empty name.
static enum rc source_of(struct sv map_text, struct arena *a, struct quarantine_source *out, struct err *e)
{
	struct wire_origin wire;
	struct err why = ERR_NONE;
	out->is_hook = hook_origin_read(map_text, a, &out->name);
	if (!out->is_hook && wire_origin_is(map_text)) {
		enum rc rc = wire_origin_read(map_text, a, &wire, &why);
		if (rc == RC_NOMEM)
			return err_take(e, &why);
		out->name = rc == RC_OK && wire.source.ptr ? wire.source : SV("");
	} else if (!out->is_hook) {
		out->name = mapping_source(map_text, a);
	}
	return arena_refused(a) ? err_set(e, RC_NOMEM, "out of memory for the sources") : RC_OK;
}

static enum rc read_sources(struct store *s, struct sources *x, struct arena *a, struct quarantine_source *out,
	uint32_t *n, struct err *e)
{
	enum rc rc = store_alone(s, count_sources, x, e);
	while (rc == RC_OK && x->n_texts < x->n) {
		uint32_t i = x->n_texts;
		arena_reset(x->texts);
		rc = store_alone(s, copy_texts, x, e);
		for (; rc == RC_OK && i < x->n_texts; i++) {
			out[*n] = x->items[i];
			rc = source_of(x->map_texts[i], a, &out[*n], e);
			*n += rc == RC_OK && out[*n].name.ptr != NULL;
		}
	}
	return rc;
}

enum rc quarantine_sources(
	struct store *s, struct arena *a, struct quarantine_source **out, uint32_t *n, struct err *e)
{
	struct arena *scratch = arena_new(0);
	struct sources x = {.texts = arena_new(0)};
	if (scratch) {
		x.items = arena_array(scratch, SOURCES_MAX, sizeof(*x.items));
		x.ids = arena_array(scratch, SOURCES_MAX, sizeof(*x.ids));
		x.map_texts = arena_array(scratch, SOURCES_MAX, sizeof(*x.map_texts));
	}
	*n = 0;
	*out = arena_array(a, SOURCES_MAX, sizeof(**out));
	enum rc rc = *out && x.texts && x.items && x.ids && x.map_texts
			     ? read_sources(s, &x, a, *out, n, e)
			     : err_set(e, RC_NOMEM, "out of memory for the sources");
	arena_free(&x.texts);
	arena_free(&scratch);
	return rc;
}

// Whoever appends waits meanwhile, so that many rows go in several transactions, with pauses as long as these, at most
// PAUSE_MAX_NS.
struct drop {
	const struct quarantine_choice *choice;
	int64_t last; // rows that come in meanwhile are not meant
	uint32_t at;  // of the choice's ids
	uint64_t n_dropped, n_now;
};
#define DROP_ROWS 500u
#define PAUSE_MAX_NS INT64_C(500000000)

static enum rc drop_named(struct drop *d, struct db_stmt *q, struct db *db, struct err *e)
{
	const struct quarantine_choice *c = d->choice;
	enum rc rc = RC_OK;
	for (uint32_t end = d->at + DROP_ROWS; rc == RC_OK && d->at < c->n_ids && d->at < end; d->at++) {
		db_bind_i64(q, 1, c->ids[d->at]);
		rc = db_run(q, e);
		d->n_now += rc == RC_OK ? (uint64_t)db_changes(db) : 0;
	}
	return rc;
}

static enum rc drop_rows(void *context, struct db *db, const struct append_result *results, struct err *e)
{
	(void)results;
	struct drop *d = context;
	struct db_stmt *q;
	enum rc rc = db_prepare(db,
		d->choice->ids
			? "DELETE FROM quarantine WHERE id = ?1"
			: "DELETE FROM quarantine WHERE id IN (SELECT id FROM quarantine WHERE " CHOSEN_ROWS
			  " AND id <= ?5 LIMIT ?6)",
		&q, e);
	d->n_now = 0;
	if (rc != RC_OK || d->choice->ids)
		return rc == RC_OK ? drop_named(d, q, db, e) : rc;
	quarantine_choice_bind(q, d->choice);
	db_bind_i64(q, 5, d->last);
	db_bind_i64(q, 6, DROP_ROWS);
	rc = db_run(q, e);
	d->n_now = rc == RC_OK ? (uint64_t)db_changes(db) : 0;
	return rc;
}

static enum rc last_row(void *context, struct db *db, struct err *e)
{
	struct drop *d = context;
	struct db_stmt *q;
	bool row;
	enum rc rc = import_tables_exist(db, &row, e);
	if (rc != RC_OK || !row)
		return rc;
	rc = db_prepare(db, "SELECT coalesce(max(id), 0) FROM quarantine", &q, e);
	if (rc == RC_OK)
		rc = db_step(q, &row, e);
	if (rc != RC_OK)
		return rc;
	d->last = db_i64(q, 0);
	db_reset(q);
	return RC_OK;
}

enum rc quarantine_drop_chosen(
	struct store *s, const struct quarantine_choice *choice, uint64_t *n_dropped, struct err *e)
{
	const struct clock *clock = clock_system();
	struct drop d = {.choice = choice};
	enum rc rc = store_alone(s, last_row, &d, e);
	bool more = d.last > 0;
	while (rc == RC_OK && more) {
		int64_t began_ns = clock->monotonic_ns(clock);
		rc = store_append(s, NULL, 0, NULL, drop_rows, &d, e);
		d.n_dropped += rc == RC_OK ? d.n_now : 0;
		more = choice->ids ? d.at < choice->n_ids : d.n_now == DROP_ROWS;
		int64_t took_ns = clock->monotonic_ns(clock) - began_ns;
		if (rc == RC_OK && more)
			nanosleep(
				&(struct timespec){.tv_nsec = took_ns < PAUSE_MAX_NS ? took_ns : PAUSE_MAX_NS},
				NULL);
	}
	*n_dropped = d.n_dropped;
	return rc;
}

enum rc quarantine_drop(struct store *s, struct sv file, uint64_t id, uint64_t *n_dropped, struct err *e)
{
	struct db *db = store_db(s);
	struct db_stmt *q;
	*n_dropped = 0;
	enum rc rc = import_tables(db, e);
	if (rc == RC_OK)
		rc = db_prepare(db,
			"DELETE FROM quarantine WHERE (?2 = 0 OR id = ?2) AND (?2 <> 0 OR import IN"
			" (SELECT i.id FROM import i WHERE " FILE_MATCHES "))",
			&q, e);
	if (rc != RC_OK)
		return rc;
	bind_file(q, file);
	db_bind_i64(q, 2, (int64_t)id);
	rc = db_run(q, e);
	if (rc != RC_OK)
		return rc;
	*n_dropped = (uint64_t)db_changes(db);
	if ((id || file.len) && *n_dropped == 0) {
		if (id)
			err_set(e, RC_NOT_FOUND, "the quarantine has no row %llu", (unsigned long long)id);
		else
			err_set(e, RC_NOT_FOUND, "the quarantine has no row of the file %.*s", SV_ARG(file));
		err_remedy(e, "`corridor quarantine list` shows what is there");
		return RC_NOT_FOUND;
	}
	return RC_OK;
}
