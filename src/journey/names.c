// SPDX-License-Identifier: Apache-2.0
// Dictionaries of the data directory: string ↔ code per kind, append-only; the table `name` holds them.
#include "base/mem.h"
#include "journey/store_internal.h"

enum { NAMES_MAX = 1 << 28 };

struct names *names_new(void)
{
	struct names *n = mem_calloc(1, sizeof(*n));
	if (n)
		atomic_init(&n->refs, 1);
	return n;
}

struct names *names_ref(struct names *n)
{
	atomic_fetch_add(&n->refs, 1);
	return n;
}

void names_unref(struct names **names)
{
	struct names *n = *names;
	*names = NULL;
	if (!n || atomic_fetch_sub(&n->refs, 1) != 1)
		return;
	for (uint32_t k = 0; k < NAME_KINDS; k++)
		dict_free(&n->dicts[k]);
	mem_free(n);
}

uint32_t names_count(const struct names *n, enum name_kind kind)
{
	return n->dicts[kind] ? dict_count(n->dicts[kind]) + 1 : 1;
}

struct sv names_at(const struct names *n, enum name_kind kind, uint32_t code)
{
	return code != NAME_NONE && n->dicts[kind] ? dict_at(n->dicts[kind], code - 1) : SV_NONE;
}

uint32_t names_find(const struct names *n, enum name_kind kind, struct sv name)
{
	uint32_t found = n->dicts[kind] ? dict_find(n->dicts[kind], name) : DICT_NONE;
	return found == DICT_NONE ? NAME_NONE : found + 1;
}

static uint32_t slot_of(const struct names *n, enum name_kind kind, struct sv name)
{
	uint32_t code = names_find(n, kind, name);
	return code == NAME_NONE ? UINT32_MAX : code - 1;
}

uint32_t names_measure_slot(const struct names *n, const struct design *d, uint32_t measure)
{
	return slot_of(n, NAME_MEASURE, d->measures[measure].name);
}

uint32_t names_dimension_slot(const struct names *n, const struct design *d, uint32_t dimension)
{
	return slot_of(n, NAME_DIMENSION, d->dimensions[dimension]);
}

static uint32_t most_of(enum name_kind kind)
{
	return kind == NAME_MEASURE     ? DESIGN_MEASURES_MAX
	       : kind == NAME_DIMENSION ? DESIGN_DIMENSIONS_MAX
					: NAMES_MAX;
}

enum rc names_code(struct names *n, enum name_kind kind, struct sv name, uint32_t *code, struct err *e)
{
	*code = names_find(n, kind, name);
	if (*code != NAME_NONE)
		return RC_OK;
	if (!n->dicts[kind])
		n->dicts[kind] = dict_new(NAMES_MAX);
	if (n->dicts[kind] && dict_count(n->dicts[kind]) >= most_of(kind)) {
		enum rc rc =
			err_set(e, RC_LIMIT, "no room for the %s %.*s: the data directory has had %u already",
				kind == NAME_MEASURE     ? "measure"
				: kind == NAME_DIMENSION ? "dimension"
							 : "name",
				SV_ARG(name), most_of(kind));
		err_remedy(
			e, "start a new data directory with the measures and dimensions that are still wanted");
		return rc;
	}
	uint32_t added = n->dicts[kind] ? dict_add(n->dicts[kind], name) : DICT_NONE;
	if (added == DICT_NONE)
		return err_set(e, RC_NOMEM, "out of memory for names");
	*code = added + 1;
	return RC_OK;
}

void names_counts(const struct names *n, uint32_t counts[NAME_KINDS])
{
	for (uint32_t k = 0; k < NAME_KINDS; k++)
		counts[k] = names_count(n, (enum name_kind)k) - 1;
}

enum rc names_save(struct db *db, const struct names *n, const uint32_t saved[NAME_KINDS], struct err *e)
{
	struct db_stmt *s = NULL;
	for (uint32_t k = 0; k < NAME_KINDS; k++) {
		uint32_t count = names_count(n, (enum name_kind)k);
		for (uint32_t code = saved[k] + 1; code < count; code++) {
			enum rc rc = RC_OK;
			if (!s)
				rc = db_prepare(
					db, "INSERT INTO name(kind, code, name) VALUES(?1, ?2, ?3)", &s, e);
			if (rc != RC_OK)
				return rc;
			db_bind_i64(s, 1, k);
			db_bind_i64(s, 2, code);
			db_bind_text(s, 3, names_at(n, (enum name_kind)k, code));
			rc = db_run(s, e);
			if (rc != RC_OK)
				return rc;
		}
	}
	return RC_OK;
}

enum rc names_max_id(struct db *db, int64_t *out, struct err *e)
{
	struct db_stmt *s;
	bool row;
	*out = 0;
	enum rc rc = db_prepare(db, "SELECT coalesce(max(id), 0) FROM name", &s, e);
	if (rc == RC_OK)
		rc = db_step(s, &row, e);
	if (rc == RC_OK && row) {
		*out = db_i64(s, 0);
		db_reset(s);
	}
	return rc;
}

static enum rc load_rows(struct db *db, struct names *n, struct err *e)
{
	struct db_stmt *s;
	bool row = false;
	enum rc rc = db_prepare(db, "SELECT kind, code, name FROM name NOT INDEXED ORDER BY kind, code", &s,
		e); // the table itself, which the sums are about
	if (rc != RC_OK)
		return rc;
	while ((rc = db_step(s, &row, e)) == RC_OK && row) {
		int64_t kind = db_i64(s, 0), expected = db_i64(s, 1);
		uint32_t code = 0;
		if (kind < 0 || kind >= NAME_KINDS) {
			rc = err_set(e, RC_CORRUPT, "%s has a name of unknown kind %lld", db_path(db),
				(long long)kind);
			break;
		}
		rc = names_code(n, (enum name_kind)kind, db_text(s, 2), &code, e);
		if (rc == RC_OK && code != expected)
			rc = err_set(e, RC_CORRUPT, "%s: names of kind %lld have a gap at code %lld",
				db_path(db), (long long)kind, (long long)expected);
		if (rc != RC_OK)
			break;
	}
	db_reset(s);
	return rc;
}

enum rc names_load(struct db *db, struct names **out, struct err *e)
{
	*out = NULL;
	struct names *n = names_new();
	if (!n)
		return err_set(e, RC_NOMEM, "out of memory for names");
	enum rc rc = names_max_id(db, &n->max_id, e);
	if (rc == RC_OK)
		rc = db_sums_check(db, "name", e);
	if (rc == RC_OK)
		rc = load_rows(db, n, e);
	if (rc != RC_OK)
		names_unref(&n);
	*out = n;
	return rc;
}
