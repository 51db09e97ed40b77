// SPDX-License-Identifier: Apache-2.0
// Reading the journal of erasures and links; receipts as JSON. The database is used inside store_alone.
#include "base/json.h"
#include "base/mem.h"
#include "journey/overlay_act.h"

#include <stdio.h>

#define ENTRY                                                                                                  \
	"SELECT id, at_ms, kind, who, from_identity, to_identity, person, target, n_rows,"                     \
	" id <= coalesce((SELECT min(epoch) FROM segment), id),"                                               \
	" kind = 2 AND NOT EXISTS (SELECT 1 FROM overlay u WHERE u.person = o.person AND u.kind = 3 AND"       \
	" u.id > o.id) FROM overlay o "

static struct sv kind_name(int64_t kind)
{
	static const char *const names[] = {"?", "erase", "link", "unlink", "erase-interaction"};
	return sv_from(names[kind >= OVERLAY_ERASE && kind <= OVERLAY_ERASE_INTERACTION ? kind : 0]);
}

static struct sv copy_text(struct arena *arena, struct sv text)
{
	return text.ptr ? arena_copy(arena, text) : SV_NONE;
}

struct reading {
	const char *sql;
	struct overlays *overlays;
	int64_t bound;     // ?1
	struct sv persons; // ?2: a JSON list; SV_NONE: of everybody
	uint32_t limit;
	struct arena *arena;
	struct journal_entry *out;
	uint32_t n;
};

static struct journal_entry entry_of(struct db_stmt *q, const struct overlays *o, struct arena *arena)
{
	return (struct journal_entry){
		.id = db_i64(q, 0),
		.at_ms = db_i64(q, 1),
		.kind = kind_name(db_i64(q, 2)),
		.who = copy_text(arena, db_text(q, 3)),
		.from = copy_text(arena, db_text(q, 4)),
		.to = copy_text(arena, db_text(q, 5)),
		.person = (uint64_t)db_i64(q, 6),
		.target = (uint64_t)db_i64(q, 7),
		.owner = overlays_resolve(o, (uint64_t)db_i64(q, 6)),
		.n_interactions = (uint64_t)db_i64(q, 8),
		.applied = db_i64(q, 9) != 0,
		.in_force = db_i64(q, 10) != 0,
	};
}

static enum rc read_entries(void *context, struct db *db, struct err *e)
{
	struct reading *r = context;
	struct db_stmt *q;
	void *items = NULL;
	size_t capacity = 0;
	bool row = false;
	enum rc rc = db_prepare(db, r->sql, &q, e);
	if (rc != RC_OK)
		return rc;
	db_bind_i64(q, 1, r->bound);
	db_bind_i64(q, 3, r->limit);
	if (r->persons.ptr)
		db_bind_text(q, 2, r->persons);
	while ((rc = db_step(q, &row, e)) == RC_OK && row) {
		if (mem_grow(&items, &capacity, r->n + 1u, sizeof(*r->out)) != 0) {
			rc = act_nomem(e);
			break;
		}
		((struct journal_entry *)items)[r->n++] = entry_of(q, r->overlays, r->arena);
	}
	db_reset(q);
	if (rc == RC_OK && r->n) {
		r->out = arena_array(r->arena, r->n, sizeof(*r->out));
		if (r->out)
			memcpy(r->out, items, r->n * sizeof(*r->out));
	}
	mem_free(items);
	return rc == RC_OK && arena_refused(r->arena) ? act_nomem(e) : rc;
}

static enum rc read_journal(
	struct store *s, struct reading *r, struct journal_entry **out, uint32_t *n, struct err *e)
{
	enum rc rc = store_alone(s, read_entries, r, e);
	overlays_unref(&r->overlays);
	*out = rc == RC_OK ? r->out : NULL;
	*n = rc == RC_OK ? r->n : 0;
	return rc;
}

enum rc store_journal(struct store *s, int64_t after, uint32_t limit, struct arena *arena,
	struct journal_entry **out, uint32_t *n, struct err *e)
{
	struct reading r = {.sql = ENTRY "WHERE id > ?1 ORDER BY id LIMIT ?3",
		.overlays = store_overlays(s),
		.bound = after,
		.limit = limit,
		.arena = arena};
	return read_journal(s, &r, out, n, e);
}

// The person and all whom links have ever brought together with it, as a JSON list.
static struct sv group_list(const struct overlays *o, uint64_t person, struct arena *arena)
{
	const struct linked_person *l = o ? overlays_find(o, person) : NULL;
	struct buf text = buf_new(64u << 20);
	buf_printf(&text, "[%lld", (long long)person);
	for (uint32_t i = 0; l && i < o->groups[l->group].n; i++)
		buf_printf(&text, ",%lld", (long long)o->group_persons[o->groups[l->group].first + i]);
	buf_char(&text, ']');
	struct sv list = text.rc == RC_OK ? arena_copy(arena, buf_view(&text)) : SV_NONE;
	buf_free(&text);
	return list;
}

enum rc store_journal_page(struct store *s, const uint64_t *person, int64_t before, uint32_t limit,
	struct arena *arena, struct journal_entry **out, uint32_t *n, struct err *e)
{
	struct reading r = {.sql = person ? ENTRY "WHERE id < ?1 AND person IN (SELECT value FROM "
						  "json_each(?2)) ORDER BY id DESC LIMIT ?3"
					  : ENTRY "WHERE id < ?1 ORDER BY id DESC LIMIT ?3",
		.overlays = store_overlays(s),
		.bound = before > 0 ? before : INT64_MAX,
		.limit = limit,
		.arena = arena};
	if (person && !(r.persons = group_list(r.overlays, *person, arena)).ptr) {
		overlays_unref(&r.overlays);
		return act_nomem(e);
	}
	return read_journal(s, &r, out, n, e);
}

struct naming {
	uint64_t person;
	bool found;
};

static enum rc look_for_name(void *context, struct db *db, struct err *e)
{
	struct naming *x = context;
	struct db_stmt *q;
	enum rc rc = db_prepare(db,
		"SELECT 1 FROM overlay WHERE person = ?1 AND from_identity IS NOT NULL"
		" UNION ALL SELECT 1 FROM overlay WHERE target = ?1 AND to_identity IS NOT NULL LIMIT 1",
		&q, e);
	if (rc != RC_OK)
		return rc;
	db_bind_i64(q, 1, (int64_t)x->person);
	rc = db_step(q, &x->found, e);
	db_reset(q);
	return rc;
}

enum rc store_journal_names(struct store *s, uint64_t person, bool *out, struct err *e)
{
	struct naming x = {.person = person};
	enum rc rc = store_alone(s, look_for_name, &x, e);
	*out = rc == RC_OK && x.found;
	return rc;
}

void overlay_receipt_json(struct json *j, const char *verb, const struct overlay_receipt *r, bool physical)
{
	json_key_text(j, "act", verb);
	json_key_i64(j, "entry", r->entry);
	json_key_i64(j, "persons", (int64_t)r->n_persons);
	json_key_i64(j, "interactions", (int64_t)r->n_interactions);
	json_key(j, "segments");
	json_array(j);
	for (uint32_t i = 0; i < r->n_segments; i++) {
		char id[32];
		snprintf(id, sizeof(id), "%012llx", (unsigned long long)r->segments[i].id);
		json_object(j);
		json_key_string(j, "segment", r->segments[i].id ? sv_from(id) : SV("inbox"));
		json_key_i64(j, "interactions", (int64_t)r->segments[i].n_interactions);
		json_key_bool(j, "was_inbox", r->segments[i].was_inbox);
		json_object_end(j);
	}
	json_array_end(j);
	json_key_bool(j, "physical", physical);
}
