// SPDX-License-Identifier: Apache-2.0
// The audit trail: who did what to what, when and from where. Entries are only added; triggers of the table refuse
// anything else. An act of this part and its entry are one transaction.
#include "access/internal.h"

#include "base/log.h"

#include <stdio.h>

enum { REFUSED_PER_MINUTE = 30, PAGE_MAX = 1000 };

static struct sv some(struct sv s)
{
	return s.ptr ? text_cut(s, AUDIT_TEXT_MAX) : SV("");
}

static enum rc put(struct access *a, const struct access_actor *by, struct sv act, struct sv object,
	struct sv detail, struct err *e)
{
	return run_sql(a->db, e,
		"INSERT INTO audit(at_ms, user, who, address, act, object, detail) VALUES(?1, ?2, ?3, ?4, ?5, "
		"?6, ?7)",
		"iittttt", access_now(a), by->user, some(by->who), some(by->address), some(act), some(object),
		some(detail));
}

enum rc audit_put(struct access *a, const struct access_actor *by, const char *act, struct sv object,
	struct sv detail, struct err *e)
{
	return put(a, by, sv_from(act), object, detail, e);
}

enum rc access_audit_add(struct access *a, const struct access_actor *by, struct sv act, struct sv object,
	struct sv detail, struct err *e)
{
	enum rc rc = change_begin(a, e);
	return rc == RC_OK ? change_end(a, put(a, by, act, object, detail, e), false, e) : rc;
}

void audit_flooded(struct access *a, struct flood *f, const struct access_actor *by, const char *act,
	struct sv object, const char *why)
{
	struct err e = ERR_NONE;
	int64_t minute = access_now(a) / MINUTE_MS;
	enum rc rc = change_begin(a, &e);
	if (rc == RC_OK) {
		unsigned before = f->minute == minute ? f->n : 0;
		unsigned left_out =
			f->minute != minute && f->n > REFUSED_PER_MINUTE ? f->n - REFUSED_PER_MINUTE : 0;
		char more[80];
		int n = snprintf(more, sizeof(more), "%u more in a minute before", left_out);
		if (left_out)
			rc = audit_put(a, &(struct access_actor){.who = SV("corridor")}, act, SV_NONE,
				(struct sv){more, (size_t)n}, &e);
		if (rc == RC_OK && before < REFUSED_PER_MINUTE)
			rc = audit_put(a, by, act, object, sv_from(why), &e);
		f->minute = minute;
		f->n = before + 1;
		rc = change_end(a, rc, false, &e);
	}
	if (rc != RC_OK)
		log_err("access", &e);
}

void audit_refused(struct access *a, struct sv who, struct sv address, const char *why)
{
	const struct access_actor by = {.who = who, .address = address};
	audit_flooded(a, &a->refused, &by, "session.refused", SV_NONE, why);
}

// --- reading ---

static enum rc copy_row(struct db_stmt *s, struct arena *arena, struct access_audit *out, struct err *e)
{
	*out = (struct access_audit){.id = db_i64(s, 0), .at_ms = db_i64(s, 1), .user = db_i64(s, 2)};
	struct sv *const texts[] = {&out->who, &out->address, &out->act, &out->object, &out->detail};
	for (int i = 0; i < 5; i++) {
		*texts[i] = arena_copy(arena, db_text(s, 3 + i));
		if (!texts[i]->ptr)
			return err_set(e, RC_NOMEM, "out of memory for the audit trail");
	}
	return RC_OK;
}

enum rc access_audit_page(struct access *a, const struct access_audit_filter *filter, int64_t before,
	uint32_t limit, struct arena *arena, struct access_audit **out, uint32_t *n, int64_t *next,
	struct err *e)
{
	static const struct access_audit_filter all = {.from_ms = 0};
	const struct access_audit_filter *f = filter ? filter : &all;
	struct db_stmt *s = NULL;
	bool row = false;
	*n = 0;
	*next = 0;
	if (limit < 1 || limit > PAGE_MAX)
		return err_set(e, RC_USAGE, "a page of the audit trail has 1 to %d entries", (int)PAGE_MAX);
	*out = arena_array(arena, limit, sizeof(**out));
	if (!*out)
		return err_set(e, RC_NOMEM, "out of memory for the audit trail");
	pthread_mutex_lock(&a->db_mu);
	enum rc rc = ask_sql(a->db, &s, &row, e,
		"SELECT id, at_ms, user, who, address, act, object, detail FROM audit WHERE id < ?1"
		" AND (?2 IS NULL OR act = ?2 OR (substr(?2, -1) = '.' AND substr(act, 1, length(?2)) = ?2))"
		" AND (?3 IS NULL OR who = ?3) AND at_ms >= ?4 AND at_ms < ?5 ORDER BY id DESC LIMIT ?6",
		"ittiii", before > 0 ? before : INT64_MAX, f->act, f->who, f->from_ms,
		f->to_ms ? f->to_ms : INT64_MAX, (int64_t)limit + 1);
	while (rc == RC_OK && row) {
		if (*n == limit) {
			*next = (*out)[limit - 1].id;
			break;
		}
		rc = copy_row(s, arena, &(*out)[(*n)++], e);
		if (rc == RC_OK)
			rc = db_step(s, &row, e);
	}
	if (s)
		db_reset(s);
	pthread_mutex_unlock(&a->db_mu);
	return rc;
}
