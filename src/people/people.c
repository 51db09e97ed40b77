// SPDX-License-Identifier: Apache-2.0
// Pairs of identities: the table, and the links made of it.
#include "people/people.h"

#include "base/hash.h"
#include "base/mem.h"

// state: what became of the pair.
enum pair_state { PAIR_WAITS, PAIR_LINKED, PAIR_REFUSED };

static const char *const migrations[] = {
	"CREATE TABLE people_pair("
	" id INTEGER PRIMARY KEY AUTOINCREMENT, hash INTEGER NOT NULL, at_ms INTEGER NOT NULL,"
	" from_identity TEXT NOT NULL, to_identity TEXT NOT NULL, state INTEGER NOT NULL) STRICT;"
	"CREATE INDEX people_pair_hash ON people_pair(hash);"
	"CREATE INDEX people_pair_waits ON people_pair(id) WHERE state = 0;",
};

#define SEEN_SLOTS (1u << 16)

struct people {
	struct store *store;
	const struct clock *clock;
	uint64_t seen[SEEN_SLOTS]; // hashes of pairs at their place, the latest of each place; 0: none
	uint64_t n_waiting;
	int64_t linked_at_ms, took_ms; // the last time that links were made
};

static enum rc count_waiting(void *people, struct db *db, struct err *e)
{
	struct people *p = people;
	struct db_stmt *s;
	bool row;
	enum rc rc = db_prepare(db, "SELECT count(*) FROM people_pair WHERE state = 0", &s, e);
	if (rc == RC_OK)
		rc = db_step(s, &row, e);
	if (rc != RC_OK)
		return rc;
	p->n_waiting = (uint64_t)db_i64(s, 0);
	db_reset(s);
	return RC_OK;
}

static enum rc make_table(void *people, struct db *db, struct err *e)
{
	enum rc rc = db_migrate(db, "people", migrations, sizeof(migrations) / sizeof(migrations[0]), e);
	return rc == RC_OK ? count_waiting(people, db, e) : rc;
}

enum rc people_open(struct store *s, const struct clock *clock, struct people **out, struct err *e)
{
	*out = NULL;
	struct people *p = mem_calloc(1, sizeof(*p));
	if (!p)
		return err_set(e, RC_NOMEM, "out of memory for who is who");
	p->store = s;
	p->clock = clock ? clock : clock_system();
	enum rc rc = store_alone(s, make_table, p, e);
	if (rc != RC_OK)
		people_close(&p);
	*out = p;
	return rc;
}

void people_close(struct people **p)
{
	mem_free(*p);
	*p = NULL;
}

void people_failed(struct people *p)
{
	memset(p->seen, 0, sizeof(p->seen));
	if (store_alone(p->store, count_waiting, p, NULL) != RC_OK)
		p->n_waiting = 1; // looking again tells
}

static uint64_t pair_hash(struct sv from, struct sv to)
{
	uint64_t h = hash64_seed(to.ptr, to.len, hash64(from.ptr, from.len));
	return h ? h : 1;
}

static enum rc pair_known(struct db *db, int64_t hash, struct sv from, struct sv to, bool *known, struct err *e)
{
	struct db_stmt *s;
	enum rc rc = db_prepare(db,
		"SELECT 1 FROM people_pair WHERE hash = ?1 AND from_identity = ?2 AND to_identity = ?3", &s, e);
	if (rc != RC_OK)
		return rc;
	db_bind_i64(s, 1, hash);
	db_bind_text(s, 2, from);
	db_bind_text(s, 3, to);
	rc = db_step(s, known, e);
	db_reset(s);
	return rc;
}

enum rc people_pair(struct people *p, struct db *db, struct sv from, struct sv to, int64_t at_ms, struct err *e)
{
	uint64_t hash = pair_hash(from, to), *place = &p->seen[hash & (SEEN_SLOTS - 1)];
	bool known;
	if (*place == hash)
		return RC_OK;
	enum rc rc = pair_known(db, (int64_t)hash, from, to, &known, e);
	struct db_stmt *s;
	if (rc == RC_OK && !known) {
		rc = db_prepare(db,
			"INSERT INTO people_pair(hash, at_ms, from_identity, to_identity, state)"
			" VALUES(?1, ?2, ?3, ?4, 0)",
			&s, e);
		if (rc != RC_OK)
			return rc;
		db_bind_i64(s, 1, (int64_t)hash);
		db_bind_i64(s, 2, at_ms);
		db_bind_text(s, 3, from);
		db_bind_text(s, 4, to);
		rc = db_run(s, e);
		p->n_waiting += rc == RC_OK;
	}
	if (rc == RC_OK)
		*place = hash;
	return rc;
}

bool people_due(const struct people *p, int64_t now_ms)
{
	int64_t pause = p->took_ms * 20 > 1000 ? p->took_ms * 20 : 1000;
	return p->n_waiting > 0 && now_ms - p->linked_at_ms >= pause;
}

uint64_t people_waiting(const struct people *p)
{
	return p->n_waiting;
}

// --- linking ---

struct waiting {
	struct person_link *links;
	int64_t *ids;
	enum link_outcome *outcomes;
	uint32_t n, limit;
	struct arena *arena;
};

static enum rc read_waiting(void *context, struct db *db, struct err *e)
{
	struct waiting *w = context;
	struct arena *a = w->arena;
	struct db_stmt *s;
	bool row = false;
	w->links = arena_array(a, w->limit, sizeof(*w->links));
	w->ids = arena_array(a, w->limit, sizeof(*w->ids));
	w->outcomes = arena_array(a, w->limit, sizeof(*w->outcomes));
	if (!w->links || !w->ids || !w->outcomes)
		return err_set(e, RC_NOMEM, "out of memory for links");
	enum rc rc = db_prepare(db,
		"SELECT id, from_identity, to_identity FROM people_pair WHERE state = 0 ORDER BY id LIMIT ?1",
		&s, e);
	if (rc != RC_OK)
		return rc;
	db_bind_i64(s, 1, w->limit);
	while ((rc = db_step(s, &row, e)) == RC_OK && row) {
		struct person_link *l = &w->links[w->n];
		*l = (struct person_link){arena_copy(a, db_text(s, 1)), arena_copy(a, db_text(s, 2))};
		w->ids[w->n++] = db_i64(s, 0);
		if (!l->from.ptr || !l->to.ptr) {
			rc = err_set(e, RC_NOMEM, "out of memory for links");
			break;
		}
	}
	db_reset(s);
	return rc;
}

static enum rc mark(void *context, struct db *db, const struct append_result *results, struct err *e)
{
	(void)results;
	const struct waiting *w = context;
	struct db_stmt *s;
	enum rc rc = db_prepare(db, "UPDATE people_pair SET state = ?2 WHERE id = ?1", &s, e);
	for (uint32_t i = 0; rc == RC_OK && i < w->n; i++) {
		bool linked = w->outcomes[i] == LINK_MADE || w->outcomes[i] == LINK_KNOWN;
		db_bind_i64(s, 1, w->ids[i]);
		db_bind_i64(s, 2, linked ? PAIR_LINKED : PAIR_REFUSED);
		rc = db_run(s, e);
	}
	return rc;
}

enum rc people_link(struct people *p, uint32_t limit, struct people_linked *out, struct err *e)
{
	*out = (struct people_linked){0};
	int64_t start = p->clock->monotonic_ns(p->clock);
	struct arena *a = arena_new(0);
	if (!a)
		return err_set(e, RC_NOMEM, "out of memory for links");
	struct waiting w = {.limit = limit, .arena = a};
	enum rc rc = store_alone(p->store, read_waiting, &w, e);
	const struct linking linking = {w.links, w.n, SV("tracking"), w.outcomes};
	if (rc == RC_OK && w.n > 0)
		rc = store_append_linking(p->store, NULL, 0, NULL, &linking, mark, &w, e);
	for (uint32_t i = 0; rc == RC_OK && i < w.n; i++) {
		out->n_made += w.outcomes[i] == LINK_MADE;
		out->n_refused += w.outcomes[i] != LINK_MADE && w.outcomes[i] != LINK_KNOWN;
	}
	if (rc == RC_OK)
		p->n_waiting = w.n < limit ? 0 : p->n_waiting - w.n;
	arena_free(&a);
	p->linked_at_ms = p->clock->now_ms(p->clock);
	p->took_ms = (p->clock->monotonic_ns(p->clock) - start) / 1000000;
	return rc;
}

static enum rc table_exists(struct db *db, bool *out, struct err *e)
{
	struct db_stmt *s;
	*out = false;
	enum rc rc = db_prepare(
		db, "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'people_pair'", &s, e);
	if (rc != RC_OK)
		return rc;
	rc = db_step(s, out, e);
	db_reset(s);
	return rc;
}

enum rc people_forget(struct db *db, const struct sv *identities, uint32_t n, struct err *e)
{
	struct db_stmt *s;
	bool there;
	enum rc rc = table_exists(db, &there, e);
	if (rc != RC_OK || !there)
		return rc;
	rc = db_prepare(db, "DELETE FROM people_pair WHERE from_identity = ?1 OR to_identity = ?1", &s, e);
	for (uint32_t i = 0; rc == RC_OK && i < n; i++) {
		db_bind_text(s, 1, identities[i]);
		rc = db_run(s, e);
	}
	return rc;
}

enum rc people_knows(struct db *db, struct sv identity, bool *out, struct err *e)
{
	struct db_stmt *s;
	enum rc rc = table_exists(db, out, e);
	if (rc != RC_OK || !*out)
		return rc;
	rc = db_prepare(
		db, "SELECT 1 FROM people_pair WHERE from_identity = ?1 OR to_identity = ?1 LIMIT 1", &s, e);
	if (rc != RC_OK)
		return rc;
	db_bind_text(s, 1, identity);
	rc = db_step(s, out, e);
	db_reset(s);
	return rc;
}
