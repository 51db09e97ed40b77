// SPDX-License-Identifier: Apache-2.0
// Versions of the corridor file that a data directory has had, parsed once and kept until the store closes.
#include "base/mem.h"
#include "journey/store_internal.h"

#include <stdio.h>

static struct design_entry *find(struct store *s, uint32_t version)
{
	pthread_mutex_lock(&s->mu);
	struct design_entry *d = s->designs;
	while (d && d->version != version)
		d = d->next;
	pthread_mutex_unlock(&s->mu);
	return d;
}

// Keeps a parsed design; when another thread was faster, theirs.
static enum rc keep(
	struct store *s, uint32_t version, struct design *design, struct design_entry **out, struct err *e)
{
	struct design_entry *entry = mem_calloc(1, sizeof(*entry));
	if (!entry) {
		design_free(&design);
		return err_set(e, RC_NOMEM, "out of memory for a design");
	}
	pthread_mutex_lock(&s->mu);
	struct design_entry *other = s->designs;
	while (other && other->version != version)
		other = other->next;
	if (!other) {
		*entry = (struct design_entry){version, design, s->designs};
		s->designs = entry;
	}
	pthread_mutex_unlock(&s->mu);
	*out = other ? other : entry;
	if (other) {
		design_free(&design);
		mem_free(entry);
	}
	return RC_OK;
}

static enum rc parse_row(
	struct store *s, struct db_stmt *row, uint32_t version, struct design_entry **out, struct err *e)
{
	char name[64];
	struct design *design = NULL;
	snprintf(name, sizeof(name), "stored design, version %u", version);
	enum rc rc = design_parse(db_text(row, 1), name, &design, NULL, e);
	return rc == RC_OK ? keep(s, version, design, out, e) : rc;
}

enum rc designs_get(struct store *s, struct db *db, uint32_t version, struct design_entry **out, struct err *e)
{
	*out = NULL;
	struct db_stmt *row;
	bool found = false;
	enum rc rc = db_prepare(db,
		version ? "SELECT version, text FROM design WHERE version = ?1"
			: "SELECT version, text FROM design ORDER BY version DESC LIMIT 1",
		&row, e);
	if (rc != RC_OK)
		return rc;
	if (version)
		db_bind_i64(row, 1, version);
	rc = db_step(row, &found, e);
	if (rc != RC_OK)
		return rc;
	if (!found)
		return err_set(e, version ? RC_NOT_FOUND : RC_CORRUPT, "%s has no design of version %u",
			db_path(db), version);
	uint32_t have = (uint32_t)db_i64(row, 0);
	*out = find(s, have);
	if (!*out)
		rc = db_sums_check(db, "design", e);
	if (rc == RC_OK && !*out)
		rc = parse_row(s, row, have, out, e);
	db_reset(row);
	return rc;
}

enum rc designs_insert(struct db *db, uint32_t version, int64_t at_ms, struct sv who, uint64_t hash,
	struct sv text, struct err *e)
{
	struct db_stmt *s;
	enum rc rc = db_prepare(
		db, "INSERT INTO design(version, at_ms, who, hash, text) VALUES(?1, ?2, ?3, ?4, ?5)", &s, e);
	if (rc != RC_OK)
		return rc;
	db_bind_i64(s, 1, version);
	db_bind_i64(s, 2, at_ms);
	db_bind_text(s, 3, who.ptr ? who : SV(""));
	db_bind_i64(s, 4, (int64_t)hash);
	db_bind_text(s, 5, text.ptr ? text : SV(""));
	return db_run(s, e);
}

static enum rc copy_version(struct db_stmt *s, struct arena *a, struct design_version *v)
{
	*v = (struct design_version){
		.version = (uint32_t)db_i64(s, 0),
		.at_ms = db_i64(s, 1),
		.who = arena_copy(a, db_text(s, 2)),
		.hash = (uint64_t)db_i64(s, 3),
		.text = arena_copy(a, db_text(s, 4)),
	};
	return v->who.ptr && v->text.ptr ? RC_OK : RC_NOMEM;
}

static enum rc count_versions(struct db *db, uint32_t *n, struct err *e)
{
	struct db_stmt *s;
	bool row;
	enum rc rc = db_prepare(db, "SELECT count(*) FROM design", &s, e);
	if (rc == RC_OK)
		rc = db_step(s, &row, e);
	if (rc == RC_OK) {
		*n = (uint32_t)db_i64(s, 0);
		db_reset(s);
	}
	return rc;
}

struct versions {
	struct arena *arena;
	struct design_version *items;
	uint32_t n;
};

static enum rc read_versions(void *context, struct db *db, struct err *e)
{
	struct versions *v = context;
	uint32_t count = 0;
	struct db_stmt *row;
	bool more = false;
	enum rc rc = count_versions(db, &count, e);
	if (rc != RC_OK)
		return rc;
	v->items = arena_array(v->arena, count, sizeof(*v->items));
	if (!v->items)
		return err_set(e, RC_NOMEM, "out of memory for %u versions of the design", count);
	rc = db_prepare(db, "SELECT version, at_ms, who, hash, text FROM design ORDER BY version", &row, e);
	if (rc != RC_OK)
		return rc;
	while (v->n < count && (rc = db_step(row, &more, e)) == RC_OK && more) {
		rc = copy_version(row, v->arena, &v->items[v->n]);
		if (rc != RC_OK) {
			err_set(e, rc, "out of memory for the versions of the design");
			break;
		}
		v->n++;
	}
	db_reset(row);
	return rc;
}

enum rc store_design_versions(
	struct store *s, struct arena *a, struct design_version **out, uint32_t *n, struct err *e)
{
	struct versions v = {.arena = a};
	enum rc rc = store_alone(s, read_versions, &v, e);
	*out = v.items;
	*n = v.n;
	return rc;
}

void designs_adopt(struct store *s, struct design_entry *entry)
{
	pthread_mutex_lock(&s->mu);
	entry->next = s->designs;
	s->designs = entry;
	s->current = entry;
	pthread_mutex_unlock(&s->mu);
}

const struct design *store_design(const struct store *s)
{
	const struct design_entry *current = atomic_load(&s->current);
	return current->design;
}

uint32_t store_design_version(const struct store *s)
{
	const struct design_entry *current = atomic_load(&s->current);
	return current->version;
}
