// SPDX-License-Identifier: Apache-2.0
// Verification of a whole data directory: SQLite's own check, every segment's checksums and invariants, the catalogue
// against the files, codes against names, that no interaction is there twice, and that every person's deciding identity
// gives the person's key and is the only one that does.
#include "base/hash.h"
#include "base/mem.h"
#include "journey/store_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

enum { PROBLEMS_MAX = 16, REPORT_ROWS = 65536 };

__attribute__((format(printf, 2, 3))) static void problem(struct verify_report *r, const char *format, ...)
{
	if (r->n_problems < PROBLEMS_MAX) {
		va_list args;
		va_start(args, format);
		vsnprintf(r->problems[r->n_problems], sizeof(r->problems[0]), format, args);
		va_end(args);
	}
	r->n_problems++;
}

struct checking {
	struct verify_report *report;
	const struct names *names;
	uint32_t counts[NAME_KINDS]; // highest code of each kind
	struct progress *progress;
	uint64_t rows_done;
};

static const char *segment_name(const struct catalogue_entry *entry, char name[48])
{
	if (entry->id)
		snprintf(name, 48, "segments/%012llx.seg", (unsigned long long)entry->id);
	else
		snprintf(name, 48, "inbox");
	return name;
}

// The first thing about a row that names or catalogue do not back; NULL when all is well.
static const char *row_problem(const struct checking *c, const struct row *row)
{
	for (uint32_t k = 0; k < CODE_COLUMNS; k++) {
		uint32_t kind = k < CODE_DIMENSION0 ? k : NAME_DIMENSION0 + (k - CODE_DIMENSION0);
		if (row->code[k] > c->counts[kind])
			return "a code without a name";
		if (row->code[k] && k >= CODE_DIMENSION0 && k - CODE_DIMENSION0 >= c->counts[NAME_DIMENSION])
			return "a dimension without a name";
	}
	for (uint32_t i = 0; i < row->n_measures; i++)
		if (row->measures[i].slot >= c->counts[NAME_MEASURE])
			return "a measure without a name";
	return NULL;
}

static bool same_info(const struct segment_info *a, const struct segment_info *b)
{
	return a->n_rows == b->n_rows && a->n_persons == b->n_persons && a->n_chunks == b->n_chunks &&
	       a->bytes == b->bytes && a->first_ms == b->first_ms && a->last_ms == b->last_ms &&
	       a->first_person == b->first_person && a->last_person == b->last_person &&
	       a->checksum == b->checksum;
}

// True when the rows can be trusted.
static bool check_segment(struct checking *c, const struct segment_ref *ref)
{
	char name[48];
	struct err e = ERR_NONE;
	struct segment_info info;
	segment_name(&ref->entry, name);
	segment_info_get(ref->segment, &info);
	c->report->n_chunks += info.n_chunks;
	c->report->n_interactions += info.n_rows;
	c->report->bytes += ref->entry.id ? info.bytes : 0;
	if (segment_verify(ref->segment, &e) != RC_OK) {
		problem(c->report, "%s: %s", name, e.message);
		c->report->repairable |= ref->entry.id != 0;
		return false;
	}
	if (!same_info(&info, &ref->entry.info))
		problem(c->report, "%s: the catalogue says something else than the file", name);
	return true;
}

// --- rows: all segments side by side, person by person ---

struct walk {
	struct segment_rows *rows;
	const struct row *row; // NULL: no more
	char name[48];
	bool wrong; // told once for each segment
};

static void walk_next(struct checking *c, struct walk *w)
{
	struct err e = ERR_NONE;
	if (segment_rows_next(w->rows, &w->row, &e) != RC_OK) {
		problem(c->report, "%s: %s", w->name, e.message);
		w->row = NULL;
	}
	if (w->row && ++c->rows_done % REPORT_ROWS == 0)
		progress_update(c->progress, c->rows_done, c->rows_done);
}

// The first identity of a list: it decides whose interaction it is.
static struct sv deciding_of(struct sv list)
{
	struct rd r = rd_new(list);
	struct sv first = rd_blob(&r);
	return r.bad ? SV_NONE : first;
}

// `known` holds the person's deciding identity once it was seen.
static const char *identity_problem(const struct row *row, struct buf *known, struct checking *c)
{
	if (!row->identities.ptr)
		return NULL;
	struct sv first = deciding_of(row->identities);
	uint64_t owner = row->origin ? row->origin : row->person;
	if (!first.ptr || hash64(first.ptr, first.len) != owner)
		return "an interaction whose deciding identity is not its person's";
	struct sv before = {(const char *)known->data, known->len};
	if (known->len == 0)
		buf_put(known, first.ptr, first.len);
	else if (hash64(before.ptr, before.len) == owner && !sv_equal(before, first))
		problem(c->report, "%.*s and %.*s are two customers under one key, %016llx",
			(int)(before.len < 80 ? before.len : 80), before.ptr,
			(int)(first.len < 80 ? first.len : 80), first.ptr, (unsigned long long)row->person);
	return NULL;
}

static void check_person(struct checking *c, struct walk *walks, size_t n, uint64_t person, struct buf *known)
{
	known->len = 0;
	for (size_t i = 0; i < n; i++) {
		struct walk *w = &walks[i];
		for (; w->row && w->row->person == person; walk_next(c, w)) {
			const char *wrong = row_problem(c, w->row);
			if (!wrong)
				wrong = identity_problem(w->row, known, c);
			if (wrong && !w->wrong)
				problem(c->report, "%s: %s", w->name, wrong);
			w->wrong |= wrong != NULL;
		}
	}
}

static void check_persons(struct checking *c, struct walk *walks, size_t n)
{
	struct buf known = buf_new(1u << 20);
	for (;;) {
		uint64_t least = UINT64_MAX;
		bool any = false;
		for (size_t i = 0; i < n; i++) {
			if (walks[i].row && walks[i].row->person <= least) {
				least = walks[i].row->person;
				any = true;
			}
		}
		if (!any)
			break;
		check_person(c, walks, n, least, &known);
	}
	buf_free(&known);
}

static enum rc check_rows(struct checking *c, const struct segment_list *list, const bool *sound, struct err *e)
{
	struct walk *walks = mem_calloc(list->n, sizeof(*walks));
	if (!walks)
		return err_set(e, RC_NOMEM, "out of memory verifying rows");
	enum rc rc = RC_OK;
	size_t n = 0;
	for (size_t i = 0; rc == RC_OK && i < list->n; i++) {
		if (!sound[i])
			continue;
		segment_name(&list->items[i]->entry, walks[n].name);
		rc = segment_rows_open(list->items[i]->segment, &walks[n].rows, e);
		if (rc == RC_OK)
			walk_next(c, &walks[n++]);
	}
	if (rc == RC_OK)
		check_persons(c, walks, n);
	for (size_t i = 0; i < n; i++)
		segment_rows_close(&walks[i].rows);
	mem_free(walks);
	return rc;
}

// --- ids ---

// All ids of all segments in one ascending pass: a key that comes twice is an interaction that is there twice.
static enum rc check_ids(struct checking *c, const struct segment_list *list, struct err *e)
{
	struct run {
		struct segment_ids ids;
		uint64_t key; // the next one
	} *runs = mem_calloc(list->n, sizeof(*runs));
	if (!runs)
		return err_set(e, RC_NOMEM, "out of memory verifying ids");
	size_t n = 0;
	for (size_t i = 0; i < list->n; i++) {
		struct run *r = &runs[n];
		enum rc rc = segment_ids_open(list->items[i]->segment, &r->ids, e);
		if (rc != RC_OK) {
			mem_free(runs);
			return rc;
		}
		n += segment_ids_next(&r->ids, &r->key);
	}
	uint64_t last = 0, n_twice = 0;
	for (bool first = true; n > 0; first = false) {
		size_t least = 0;
		for (size_t i = 1; i < n; i++)
			if (runs[i].key < runs[least].key)
				least = i;
		n_twice += !first && runs[least].key == last;
		last = runs[least].key;
		if (!segment_ids_next(&runs[least].ids, &runs[least].key))
			runs[least] = runs[--n];
	}
	mem_free(runs);
	if (n_twice)
		problem(c->report, "%llu interactions are there twice", (unsigned long long)n_twice);
	return RC_OK;
}

static enum rc check_snapshot(struct checking *c, const struct snapshot *sn, struct err *e)
{
	struct snapshot_stats stats;
	const struct segment_list *list = snapshot_refs(sn);
	snapshot_stats(sn, &stats);
	c->names = snapshot_names(sn);
	names_counts(c->names, c->counts);
	c->report->n_segments = stats.n_segments;
	c->report->n_in_inbox = stats.n_in_inbox;
	bool *sound = mem_calloc(list->n, sizeof(*sound));
	if (!sound)
		return err_set(e, RC_NOMEM, "out of memory verifying segments");
	for (size_t i = 0; i < list->n; i++)
		sound[i] = check_segment(c, list->items[i]);
	enum rc rc = check_rows(c, list, sound, e);
	mem_free(sound);
	if (c->report->n_problems)
		return rc; // damaged ids need not be compared
	return rc == RC_OK ? check_ids(c, list, e) : rc;
}

// How many interactions the inbox says that it has, unread.
static uint64_t inbox_rows(struct db *db)
{
	int64_t n = 0;
	if (inbox_rows_after(db, 0, &n, NULL) != RC_OK)
		return 0;
	return n > 0 ? (uint64_t)n : 0;
}

static bool is_damage(enum rc rc)
{
	return rc == RC_CORRUPT || rc == RC_NOT_FOUND || rc == RC_DB || rc == RC_INPUT;
}

// When the whole cannot be opened: which segments are damaged, and what the others have. `told` is
// in the report already.
static void find_unopened(struct store *s, struct checking *c, const char *told)
{
	struct err e = ERR_NONE;
	struct catalogue_entry *entries;
	size_t n;
	if (catalogue_read(s->db, &entries, &n, &e) != RC_OK) {
		problem(c->report, "%s", e.message);
		return;
	}
	c->report->n_in_inbox = inbox_rows(s->db);
	c->report->n_interactions = c->report->n_in_inbox;
	for (size_t i = 0; i < n; i++) {
		struct err why = ERR_NONE;
		struct segment_ref *ref;
		if (pool_acquire(s, &entries[i], &ref, &why) == RC_OK) {
			c->report->n_segments++;
			check_segment(c, ref);
		} else {
			c->report->repairable |= is_damage(why.rc);
			if (strcmp(why.message, told) != 0)
				problem(c->report, "%s", why.message);
		}
		pool_release(s, &ref);
	}
	mem_free(entries);
}

// Damage becomes a problem in the report; other failures stay failures.
static enum rc note_damage(struct verify_report *report, const struct err *found, struct err *e)
{
	if (!is_damage(found->rc))
		return err_take(e, found);
	problem(report, "%s", found->message);
	return RC_OK;
}

static enum rc check_store(struct store *s, struct checking *c, struct err *e)
{
	struct err found = ERR_NONE;
	enum rc rc = db_check(s->db, &found);
	if (rc != RC_OK)
		rc = note_damage(c->report, &found, e);
	if (rc != RC_OK)
		return rc;
	struct snapshot *sn = NULL;
	struct err unopened = ERR_NONE;
	if (snapshot_open(s, &sn, &unopened) == RC_OK) {
		rc = check_snapshot(c, sn, e);
	} else {
		rc = note_damage(c->report, &unopened, e);
		if (rc == RC_OK)
			find_unopened(s, c, unopened.message);
	}
	snapshot_close(&sn);
	if (rc != RC_OK || c->report->n_problems)
		return rc;
	// What has not been found in what rows mean: a table that is not as it was written.
	rc = db_sums_check(s->db, NULL, &found);
	return rc == RC_OK ? RC_OK : note_damage(c->report, &found, e);
}

struct companion_check {
	struct verify_report *report;
	enum db_mode mode;
};

static void note_unseen(struct verify_report *r, const char *path)
{
	const uint32_t most = sizeof(r->notes) / sizeof(r->notes[0]);
	if (r->n_notes < most)
		snprintf(r->notes[r->n_notes], sizeof(r->notes[0]),
			"%s was not checked, for want of permission to read it; run as the owner of the data "
			"directory",
			path);
	r->n_notes++;
}

static enum rc check_companion(void *context, const char *name, const char *path, struct err *e)
{
	struct companion_check *c = context;
	struct err found = ERR_NONE;
	struct db *db = NULL;
	if (access(path, R_OK) != 0 && (errno == EACCES || errno == EPERM)) {
		note_unseen(c->report, path);
		return RC_OK;
	}
	enum rc rc = companion_open(path, c->mode, &db, &found);
	if (rc == RC_OK)
		rc = db_check(db, &found);
	if (rc == RC_OK)
		rc = db_sums_check(db, NULL, &found);
	db_close(&db);
	if (rc == RC_IO)
		err_remedy(&found, "run as the owner of the data directory: %s is only for its owner", name);
	return rc == RC_OK ? RC_OK : note_damage(c->report, &found, e);
}

enum rc store_verify(const char *dir, struct verify_report *report, struct progress *progress, struct err *e)
{
	*report = (struct verify_report){0};
	struct checking c = {.report = report, .progress = progress};
	const struct store_options options = {.read_only = true};
	struct store *s = NULL;
	struct err found = ERR_NONE;
	enum rc rc = store_open(dir, &options, &s, &found);
	if (rc == RC_NOT_FOUND)
		return err_take(e, &found);
	rc = rc == RC_OK ? check_store(s, &c, e) : note_damage(report, &found, e);
	struct companion_check companion = {report, s ? s->read_mode : DB_READ_ONLY};
	if (rc == RC_OK)
		rc = companions_each(dir, check_companion, &companion, e);
	store_close(&s);
	if (rc == RC_OK && report->n_problems) {
		rc = err_set(e, RC_CORRUPT, "%s: %u problem%s; the first: %s", dir, report->n_problems,
			report->n_problems == 1 ? "" : "s", report->problems[0]);
		if (report->repairable)
			err_remedy(e,
				"run corridor verify --repair --data %s, which saves what is sound in damaged "
				"segments "
				"and says what is lost, or restore the data directory from a backup",
				dir);
		else
			err_remedy(e, "restore the data directory from a backup");
	}
	return rc;
}
