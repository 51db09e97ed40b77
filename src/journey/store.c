// SPDX-License-Identifier: Apache-2.0
// The store: making, opening, reloading and closing a data directory. See store_internal.h for its invariants.
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "journey/overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { STORE_MAGIC = 0x73746f31, VACUUM_PAGES = 256 };

// Step i takes the schema from version i to i + 1. Never change a step that was released: add one.
const char *const store_schema[] = {
	"CREATE TABLE inbox(seq INTEGER PRIMARY KEY AUTOINCREMENT, n INTEGER NOT NULL, n_dropped INTEGER NOT "
	"NULL,"
	" dropped BLOB, bytes BLOB NOT NULL) STRICT;"
	"CREATE TABLE segment(id INTEGER PRIMARY KEY AUTOINCREMENT, ordinal INTEGER NOT NULL UNIQUE,"
	" n_rows INTEGER NOT NULL, n_persons INTEGER NOT NULL, n_chunks INTEGER NOT NULL, bytes INTEGER NOT "
	"NULL,"
	" first_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL, first_person INTEGER NOT NULL,"
	" last_person INTEGER NOT NULL, checksum INTEGER NOT NULL) STRICT;"
	"CREATE TABLE name(id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, code INTEGER NOT NULL, name TEXT NOT "
	"NULL,"
	" UNIQUE(kind, code)) STRICT;"
	"CREATE TABLE design(version INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, who TEXT NOT NULL,"
	" hash INTEGER NOT NULL, text TEXT NOT NULL) STRICT",
	"ALTER TABLE segment ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;"
	"CREATE TABLE overlay(id INTEGER PRIMARY KEY AUTOINCREMENT, kind INTEGER NOT NULL, at_ms INTEGER NOT "
	"NULL,"
	" who TEXT NOT NULL, person INTEGER NOT NULL, target INTEGER NOT NULL, interaction_ms INTEGER NOT NULL,"
	" print INTEGER NOT NULL, from_identity TEXT, to_identity TEXT, n_rows INTEGER NOT NULL) STRICT;"
	"CREATE INDEX overlay_person ON overlay(person);"
	"CREATE INDEX overlay_target ON overlay(target);"
	"CREATE TABLE damaged_segment(id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, ordinal INTEGER NOT NULL,"
	" n_rows INTEGER NOT NULL, n_persons INTEGER NOT NULL, bytes INTEGER NOT NULL, first_ms INTEGER NOT "
	"NULL,"
	" last_ms INTEGER NOT NULL, first_person INTEGER NOT NULL, last_person INTEGER NOT NULL,"
	" n_salvaged INTEGER NOT NULL, problem TEXT NOT NULL) STRICT",
	("CREATE TABLE sealed(id INTEGER PRIMARY KEY CHECK(id = 1), seq INTEGER NOT NULL) STRICT;"
	 "INSERT INTO sealed VALUES(1, 0)"),
};
const uint32_t store_schema_steps = sizeof(store_schema) / sizeof(store_schema[0]);

enum rc store_path(const char *dir, const char *name, char out[STORE_PATH_BYTES], struct err *e)
{
	int n = snprintf(out, STORE_PATH_BYTES, "%s/%s", dir, name);
	if (n < 0 || n >= STORE_PATH_BYTES)
		return err_set(e, RC_LIMIT, "the path of the data directory is too long");
	return RC_OK;
}

enum rc store_must_write(const struct store *s, struct err *e)
{
	assert(s->magic == STORE_MAGIC);
	return s->options.read_only ? err_set(e, RC_USAGE, "%s was opened for reading only", s->dir) : RC_OK;
}

// --- making ---

static enum rc make_database(
	const char *path, struct sv text, const struct design *design, struct sv who, struct err *e)
{
	struct db *db = NULL;
	enum rc rc = db_open(path, DB_READ_WRITE, &db, e);
	if (rc == RC_OK)
		rc = db_migrate(db, "journey", store_schema, store_schema_steps, e);
	if (rc == RC_OK) {
		const struct clock *clock = clock_system();
		rc = designs_insert(db, 1, clock->now_ms(clock), who, design->hash, text, e);
	}
	// The file gets another name without its -wal file: nothing may be left in that. Closing would empty it as
	// well, but not say when it cannot.
	if (rc == RC_OK)
		rc = db_checkpoint(db, e);
	db_close(&db);
	return rc;
}

// The database is made under another name and renamed, so that half a data directory never looks like one.
static enum rc make_directory(
	const char *dir, struct sv text, const struct design *design, struct sv who, struct err *e)
{
	const struct io *io = io_system();
	char path[STORE_PATH_BYTES], made[STORE_PATH_BYTES], segments[STORE_PATH_BYTES];
	enum rc rc = store_path(dir, "corridor.db", path, e);
	if (rc == RC_OK)
		rc = store_path(dir, "corridor.db.new", made, e);
	if (rc == RC_OK)
		rc = store_path(dir, "segments", segments, e);
	if (rc == RC_OK)
		rc = io_make_dir(io, dir, e);
	bool there = false;
	if (rc == RC_OK)
		rc = io_exists(path, &there, e);
	if (rc == RC_OK && there) {
		rc = err_set(e, RC_EXISTS, "%s is a data directory already", dir);
		err_remedy(e, "choose another directory, or use it as it is");
	}
	if (rc == RC_OK)
		rc = io_make_dir(io, segments, e);
	if (rc != RC_OK)
		return rc;
	unlink(made);
	rc = make_database(made, text, design, who, e);
	if (rc == RC_OK && rename(made, path) != 0)
		rc = err_errno(e, RC_IO, errno, "cannot rename %s", made);
	if (rc != RC_OK)
		unlink(made);
	return rc == RC_OK ? io_sync_dir(io, dir, e) : rc;
}

enum rc store_create(
	const char *dir, struct sv design_text, const char *file_name, struct sv who, struct err *e)
{
	struct design *design = NULL;
	enum rc rc = design_parse(design_text, file_name, &design, NULL, e);
	if (rc == RC_OK)
		rc = make_directory(dir, design_text, design, who, e);
	design_free(&design);
	return rc;
}

// --- the lock ---

static enum rc held_by_other(const char *path, int fd, struct err *e)
{
	char text[32] = "";
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	int64_t pid = 0;
	struct sv digits = sv_trim((struct sv){text, n > 0 ? (size_t)n : 0});
	enum rc rc;
	if (sv_to_i64(digits, &pid))
		rc = err_set(e, RC_BUSY, "process %lld is writing to this data directory (%s)", (long long)pid,
			path);
	else
		rc = err_set(e, RC_BUSY, "another process is writing to this data directory (%s)", path);
	err_remedy(e, "wait until it is done; reading is possible meanwhile");
	return rc;
}

// What the system refuses to whoever is not the owner.
static enum rc refused(const char *path, int errnum, struct err *e)
{
	enum rc rc = err_errno(e, RC_IO, errnum, "cannot open %s", path);
	if (errnum == EACCES || errnum == EPERM)
		err_remedy(
			e, "run as the owner of the data directory, or let the owner change its permissions");
	else if (errnum == EROFS)
		err_remedy(e, "writing needs a file system that is not mounted for reading only");
	return rc;
}

static enum rc take_lock(struct store *s, struct err *e)
{
	char path[STORE_PATH_BYTES], pid[32];
	enum rc rc = store_path(s->dir, "lock", path, e);
	if (rc != RC_OK)
		return rc;
	s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (s->lock_fd < 0)
		return refused(path, errno, e);
	if (flock(s->lock_fd, LOCK_EX | LOCK_NB) != 0)
		return errno == EWOULDBLOCK ? held_by_other(path, s->lock_fd, e)
					    : err_errno(e, RC_IO, errno, "cannot lock %s", path);
	int n = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	if (ftruncate(s->lock_fd, 0) != 0 || pwrite(s->lock_fd, pid, (size_t)n, 0) != n)
		return err_errno(e, RC_IO, errno, "cannot write to %s", path);
	return RC_OK;
}

// Where writing could not begin for want of space, the numbers tell more than what failed.
static enum rc begins(const struct store *s, enum rc rc, const struct err *failed, struct err *e)
{
	struct err full = ERR_NONE;
	if (rc == RC_IO && space_for_opening(s, &full) != RC_OK)
		return err_take(e, &full);
	return rc == RC_OK ? RC_OK : err_take(e, failed);
}

// --- opening ---

static enum rc load_catalogue(struct store *s, bool sweep, struct err *e)
{
	struct catalogue_entry *entries;
	struct segment_list list = {0};
	size_t n;
	struct db_stmt *last;
	bool row = false;
	enum rc rc = catalogue_read(s->db, &entries, &n, e);
	if (rc == RC_OK && sweep)
		rc = catalogue_sweep(s->io, s->dir, entries, n, e);
	if (rc == RC_OK) {
		struct err failed = ERR_NONE;
		rc = pool_acquire_all(s, entries, n, 0, &list, &failed);
		if (rc != RC_OK) { // nobody else can have merged it away
			segment_missing(&failed);
			rc = err_take(e, &failed);
		}
	}
	if (rc == RC_OK)
		rc = db_prepare(s->db, "SELECT seq FROM sqlite_sequence WHERE name = 'segment'", &last, e);
	if (rc == RC_OK)
		rc = db_step(last, &row, e);
	if (rc != RC_OK) {
		segment_list_release(s, &list);
		mem_free(entries);
		return rc;
	}
	int64_t last_id = row ? db_i64(last, 0) : 0;
	if (row)
		db_reset(last);
	pthread_mutex_lock(&s->mu);
	struct segment_list old = s->catalogue;
	s->catalogue = list;
	if (s->next_id <= last_id)
		s->next_id = last_id + 1;
	s->next_ordinal = n ? entries[n - 1].ordinal + 1 : 1;
	pthread_mutex_unlock(&s->mu);
	segment_list_release(s, &old);
	mem_free(entries);
	return RC_OK;
}

struct overlays *store_overlays(struct store *s)
{
	pthread_mutex_lock(&s->mu);
	struct overlays *o = overlays_ref(s->overlays);
	pthread_mutex_unlock(&s->mu);
	return o;
}

static void put_overlays(struct store *s, struct overlays *fresh)
{
	pthread_mutex_lock(&s->mu);
	struct overlays *old = s->overlays;
	s->overlays = fresh;
	pthread_mutex_unlock(&s->mu);
	overlays_unref(&old);
}

// A merge may have been committed whose segments are still in the catalogue in memory: what they lack is read, too.
enum rc store_overlays_reload(struct store *s, struct err *e)
{
	struct overlays *fresh;
	int64_t least = INT64_MAX;
	pthread_mutex_lock(&s->mu);
	for (size_t i = 0; i < s->catalogue.n; i++)
		if (s->catalogue.items[i]->entry.epoch < least)
			least = s->catalogue.items[i]->entry.epoch;
	pthread_mutex_unlock(&s->mu);
	enum rc rc = overlays_load(s->db, least, &fresh, e);
	if (rc == RC_OK)
		put_overlays(s, fresh);
	return rc;
}

enum rc store_overlays_extend(struct store *s, const struct overlay_entry *entries, size_t n, struct err *e)
{
	struct overlays *fresh;
	enum rc rc = overlays_extend(s->overlays, entries, n, &fresh, e);
	if (rc == RC_OK)
		put_overlays(s, fresh);
	return rc;
}

static enum rc load_head(struct store *s, struct err *e)
{
	struct names *names = NULL;
	struct head *head = NULL;
	enum rc rc = names_load(s->db, &names, e);
	if (rc == RC_OK)
		rc = inbox_load_all(s->db, names, &head, e);
	if (rc == RC_OK)
		rc = seal_room(s, head, e);
	if (rc != RC_OK) {
		head_free(&head);
		names_unref(&names);
		return rc;
	}
	names_unref(&s->names);
	s->names = names;
	pthread_mutex_lock(&s->mu);
	struct head *old[] = {s->active, s->sealing};
	s->active = head;
	s->sealing = NULL;
	pthread_mutex_unlock(&s->mu);
	head_free(&old[0]);
	head_free(&old[1]);
	names_counts(names, s->names_saved);
	return RC_OK;
}

enum rc store_reload(struct store *s, struct err *e)
{
	if (!s->stale)
		return RC_OK;
	seal_wait(s, NULL); // what failed there will fail again, with the head that is loaded now
	// A merge commits first and changes the catalogue in memory after: nothing may be read in between.
	compact_lock(s);
	enum rc rc = load_catalogue(s, false, e);
	pthread_mutex_unlock(&s->compact_mu);
	if (rc == RC_OK)
		rc = store_overlays_reload(s, e);
	if (rc == RC_OK)
		rc = load_head(s, e);
	if (rc == RC_OK)
		inbox_pieces_forget(s);
	if (rc == RC_OK)
		s->stale = false;
	return rc;
}

static enum rc open_to_write(struct store *s, const char *path, struct err *e)
{
	enum rc rc = take_lock(s, e);
	if (rc == RC_OK)
		rc = db_open(path, DB_READ_WRITE, &s->db, e);
	if (rc == RC_OK)
		rc = db_migrate(s->db, "journey", store_schema, store_schema_steps, e);
	return rc;
}

static enum rc open_for_writing(struct store *s, const char *path, struct err *e)
{
	struct err failed = ERR_NONE;
	enum rc rc = open_to_write(s, path, &failed);
	if (rc == RC_OK)
		rc = db_open(path, DB_READ_WRITE, &s->back, &failed);
	if (rc == RC_OK)
		rc = db_migrate(s->back, "journey", store_schema, store_schema_steps, &failed);
	rc = begins(s, rc, &failed, e);
	if (rc != RC_OK)
		return rc;
	db_take_turns(s->db, &s->turn_mu);
	db_take_turns(s->back, &s->turn_mu);
	rc = load_catalogue(s, true, e);
	if (rc == RC_OK)
		rc = store_overlays_reload(s, e);
	if (rc == RC_OK)
		rc = load_head(s, e);
	return rc;
}

// May nobody write as long as this store is open? So it is on a file system that is mounted for reading only, and
// where the writer's lock can be shared.
static bool keeps_still(struct store *s, const char *path)
{
	char lock[STORE_PATH_BYTES];
	struct statvfs fs;
	if (statvfs(path, &fs) == 0 && (fs.f_flag & ST_RDONLY))
		return true;
	if (store_path(s->dir, "lock", lock, NULL) != RC_OK)
		return false;
	s->lock_fd = open(lock, O_RDONLY | O_CLOEXEC);
	if (s->lock_fd < 0 && errno == ENOENT) // nobody has written yet
		s->lock_fd = open(lock, O_RDONLY | O_CREAT | O_CLOEXEC, 0640);
	return s->lock_fd >= 0 && flock(s->lock_fd, LOCK_SH | LOCK_NB) == 0;
}

static enum rc open_to_read(struct store *s, const char *path, enum db_mode mode, struct err *e)
{
	s->read_mode = mode;
	enum rc rc = db_open(path, mode, &s->db, e);
	if (rc == RC_OK)
		rc = db_migrate(s->db, "journey", store_schema, store_schema_steps, e);
	if (rc != RC_OK)
		db_close(&s->db);
	return rc;
}

// Where nothing may be written, or the disk is full, SQLite cannot make the -shm file that readers share with a writer.
// As long as no writer can come there is nothing to share. Its -wal file is looked at after that is sure: when it is
// empty, the database file does not change, and any number may read it; else one process at a time reads both.
static enum rc open_for_reading(struct store *s, const char *path, struct err *e)
{
	struct err failed = ERR_NONE, again = ERR_NONE;
	enum rc rc = open_to_read(s, path, DB_READ_ONLY, &failed);
	if (rc != RC_IO || !keeps_still(s, path))
		return rc == RC_OK ? RC_OK : err_take(e, &failed);
	rc = open_to_read(s, path, db_has_wal(path) ? DB_ALONE : DB_IMMUTABLE, &again);
	if (rc == RC_OK)
		return RC_OK;
	return err_take(e, rc == RC_IO || rc == RC_BUSY || rc == RC_NOT_FOUND ? &failed : &again);
}

static void init_locks(struct store *s)
{
	pthread_mutex_init(&s->append_mu, NULL);
	pthread_mutex_init(&s->compact_mu, NULL);
	pthread_mutex_init(&s->snap_mu, NULL);
	pthread_mutex_init(&s->mu, NULL);
	pthread_mutex_init(&s->back_mu, NULL);
	pthread_mutex_init(&s->turn_mu, NULL);
	pthread_mutex_init(&s->wal_mu, NULL);
	pthread_cond_init(&s->wake, NULL);
	pthread_cond_init(&s->merged, NULL);
	pthread_cond_init(&s->full, NULL);
	pthread_cond_init(&s->unseen, NULL);
}

static struct store *store_new(const char *dir, const struct store_options *options)
{
	size_t len = strlen(dir);
	struct store *s = mem_calloc(1, sizeof(*s));
	char *copy = mem_alloc(len + 1);
	if (!s || !copy) {
		mem_free(s);
		mem_free(copy);
		return NULL;
	}
	memcpy(copy, dir, len + 1);
	s->magic = STORE_MAGIC;
	s->dir = copy;
	s->lock_fd = -1;
	s->read_mode = DB_READ_ONLY;
	s->next_id = 1;
	if (options)
		s->options = *options;
	s->io = s->options.io ? s->options.io : io_system();
	s->clock = s->options.clock ? s->options.clock : clock_system();
	if (s->options.seal_rows == 0)
		s->options.seal_rows = SEAL_ROWS_DEFAULT;
	uint32_t piece_rows = s->options.seal_rows / HEAD_PIECES;
	s->piece_rows = piece_rows > PIECE_ROWS_LEAST ? piece_rows : PIECE_ROWS_LEAST;
	if (s->options.head_max_bytes == 0)
		s->options.head_max_bytes = HEAD_BYTES_DEFAULT;
	init_locks(s);
	return s;
}

enum rc store_open(const char *dir, const struct store_options *options, struct store **out, struct err *e)
{
	*out = NULL;
	char path[STORE_PATH_BYTES];
	enum rc rc = store_path(dir, "corridor.db", path, e);
	if (rc != RC_OK)
		return rc;
	bool writing = !options || !options->read_only;
	if (access(path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR)) {
		rc = err_set(e, RC_NOT_FOUND, "%s is not a data directory (there is no %s)", dir, path);
		err_remedy(e, "make one with: corridor init --data %s --design FILE", dir);
		return rc;
	}
	if (access(path, writing ? R_OK | W_OK : R_OK) != 0)
		return refused(path, errno, e);
	struct design_entry *current = NULL;
	struct store *s = store_new(dir, options);
	if (!s)
		return err_set(e, RC_NOMEM, "out of memory opening %s", dir);
	rc = s->options.read_only ? open_for_reading(s, path, e) : open_for_writing(s, path, e);
	if (rc == RC_OK)
		rc = designs_get(s, s->db, 0, &current, e);
	if (rc != RC_OK) {
		store_close(&s);
		return rc;
	}
	s->current = current;
	atomic_store(&s->purge_due, true); // whoever wrote before may have died in between
	if (!s->options.read_only && s->options.compact_in_background)
		compact_start(s);
	if (!s->options.read_only && s->options.gives_way) {
		wal_start(s);
		seal_left_over(s);
		fresh_start(s);
	}
	*out = s;
	return RC_OK;
}

enum rc store_open_bare(const char *dir, struct store **out, struct err *e)
{
	*out = NULL;
	char path[STORE_PATH_BYTES];
	enum rc rc = store_path(dir, "corridor.db", path, e);
	if (rc != RC_OK)
		return rc;
	if (access(path, R_OK | W_OK) != 0)
		return refused(path, errno, e);
	struct store *s = store_new(dir, NULL);
	if (!s)
		return err_set(e, RC_NOMEM, "out of memory opening %s", dir);
	struct err failed = ERR_NONE;
	rc = open_to_write(s, path, &failed);
	rc = begins(s, rc, &failed, e);
	if (rc != RC_OK)
		store_close(&s);
	*out = s;
	return rc;
}

// --- the second writing connection ---

enum rc back_begin(struct store *s, struct err *e)
{
	pthread_mutex_lock(&s->back_mu);
	return db_begin(s->back, e);
}

enum rc back_end(struct store *s, enum rc rc, struct err *e)
{
	if (rc == RC_OK)
		rc = db_commit(s->back, e);
	if (rc != RC_OK)
		db_rollback(s->back);
	pthread_mutex_unlock(&s->back_mu);
	return rc;
}

// --- closing ---

static int64_t number_of(struct db *db, const char *sql, struct err *e)
{
	struct db_stmt *s;
	bool row = false;
	if (db_prepare(db, sql, &s, e) != RC_OK || db_step(s, &row, e) != RC_OK || !row)
		return 0;
	int64_t n = db_i64(s, 0);
	db_reset(s);
	return n;
}

// Gives the pages that the sealed inbox left behind back to the file system: when it is worth it, or when they may hold
// what was erased, because who erased it could not do so.
static void give_back_pages(struct db *db)
{
	struct err e = ERR_NONE;
	int64_t n = number_of(db, "PRAGMA freelist_count", &e);
	if (n > 0 && n < VACUUM_PAGES &&
		!number_of(db, "SELECT EXISTS(SELECT 1 FROM overlay WHERE kind IN (1, 4))", &e)) // erasures
		return;
	if (e.rc == RC_OK && n > 0)
		db_exec(db, "PRAGMA incremental_vacuum", &e);
	if (e.rc != RC_OK)
		log_err("journey", &e);
}

// What the last sealing could not do any more. Not of a store that could not be opened: its mark may be what is damaged.
static void clear_inbox(struct store *s)
{
	struct err e = ERR_NONE;
	if (s->current && !s->stale && inbox_purge(s->db, INT64_MAX, NULL, &e) != RC_OK)
		log_err("journey", &e);
}

static void close_databases(struct store *s)
{
	db_close(&s->reader);
	db_close(&s->back);
	if (s->db && !s->options.read_only) {
		clear_inbox(s);
		give_back_pages(s->db);
	}
	db_close(&s->db);
}

void store_close(struct store **store)
{
	struct store *s = *store;
	if (!s)
		return;
	assert(s->magic == STORE_MAGIC);
	fresh_stop(s);
	seal_wait(s, NULL);
	compact_stop(s);
	wal_stop(s);
	names_unref(&s->names);
	names_unref(&s->names_seen);
	inbox_pieces_clear(s, &s->inbox_seen);
	overlay_view_unref(&s->view_seen);
	overlays_unref(&s->overlays_seen);
	overlays_unref(&s->overlays);
	head_free(&s->active);
	head_free(&s->sealing);
	segment_list_release(s, &s->catalogue);
	assert(s->pool.n == 0); // a snapshot is still open
	mem_free(s->pool.items);
	close_databases(s);
	while (s->designs) {
		struct design_entry *next = s->designs->next;
		design_free(&s->designs->design);
		mem_free(s->designs);
		s->designs = next;
	}
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	pthread_cond_destroy(&s->wake);
	pthread_cond_destroy(&s->merged);
	pthread_cond_destroy(&s->full);
	pthread_cond_destroy(&s->unseen);
	pthread_mutex_destroy(&s->back_mu);
	pthread_mutex_destroy(&s->turn_mu);
	pthread_mutex_destroy(&s->wal_mu);
	pthread_mutex_destroy(&s->mu);
	pthread_mutex_destroy(&s->snap_mu);
	pthread_mutex_destroy(&s->compact_mu);
	pthread_mutex_destroy(&s->append_mu);
	mem_free(s->dir);
	s->magic = 0;
	mem_free(s);
	*store = NULL;
}

struct db *store_db(struct store *s)
{
	return s->db;
}

const char *store_dir(const struct store *s)
{
	return s->dir;
}
