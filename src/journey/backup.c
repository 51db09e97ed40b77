// SPDX-License-Identifier: Apache-2.0
// Backup while others write: first the database, by SQLite's online copy; then the segments that the *copied*
// catalogue names, which never change. One that was merged away in between means that the copied catalogue is out of
// date: the database is copied again. Last, the copy is verified.
#include "base/mem.h"
#include "journey/store_internal.h"

#include <errno.h>
#include <unistd.h>

enum { BACKUP_TRIES = 5, COPY_BYTES = 1 << 20 };

static enum rc copy_bytes(const struct io *io, int from, int to, const char *from_path, const char *to_path,
	struct progress *progress, struct err *e)
{
	uint8_t *bytes = mem_alloc(COPY_BYTES);
	if (!bytes)
		return err_set(e, RC_NOMEM, "out of memory copying %s", from_path);
	enum rc rc = RC_OK;
	for (uint64_t at = 0; rc == RC_OK;) {
		int64_t n = io->pread(io, from, bytes, COPY_BYTES, at);
		if (n < 0)
			rc = err_errno(e, RC_IO, errno, "cannot read %s", from_path);
		if (n <= 0)
			break;
		rc = io_write_all(io, to, bytes, (size_t)n, at, to_path, e);
		at += (uint64_t)n;
		progress_update(progress, at, at);
	}
	if (rc == RC_OK && io->fsync(io, to) != 0)
		rc = err_errno(e, RC_IO, errno, "cannot sync %s", to_path);
	mem_free(bytes);
	return rc;
}

// RC_NOT_FOUND: the source is gone.
static enum rc copy_file(const struct io *io, const char *from_path, const char *to_path,
	struct progress *progress, struct err *e)
{
	int from = io->open(io, from_path, IO_READ);
	if (from < 0)
		return err_errno(e, errno == ENOENT ? RC_NOT_FOUND : RC_IO, errno, "cannot open %s", from_path);
	int to = io->open(io, to_path, IO_CREATE);
	enum rc rc = to < 0 ? err_errno(e, RC_IO, errno, "cannot create %s", to_path)
			    : copy_bytes(io, from, to, from_path, to_path, progress, e);
	if (to >= 0)
		io->close(io, to);
	io->close(io, from);
	return rc;
}

static enum rc take_segment(
	struct store *s, const char *to_dir, int64_t id, struct progress *progress, struct err *e)
{
	char from[STORE_PATH_BYTES], to[STORE_PATH_BYTES];
	enum rc rc = segment_path(s->dir, id, "", from, e);
	if (rc == RC_OK)
		rc = segment_path(to_dir, id, "", to, e);
	if (rc != RC_OK)
		return rc;
	if (link(from, to) == 0 || errno == EEXIST)
		return RC_OK;
	if (errno == ENOENT)
		return err_set(e, RC_NOT_FOUND, "%s was merged away", from);
	return copy_file(s->io, from, to, progress, e); // another file system, or one without links
}

static enum rc copied_catalogue(const char *path, struct catalogue_entry **entries, size_t *n, struct err *e)
{
	struct db *db = NULL;
	*entries = NULL;
	enum rc rc = db_open(path, DB_READ_ONLY, &db, e);
	if (rc == RC_OK)
		rc = catalogue_read(db, entries, n, e);
	db_close(&db);
	return rc;
}

static void remove_database(const char *path)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		struct buf name = buf_new(STORE_PATH_BYTES + 16);
		buf_str(&name, path);
		buf_put(&name, suffixes[i], strlen(suffixes[i]) + 1);
		if (name.rc == RC_OK)
			unlink((const char *)name.data);
		buf_free(&name);
	}
}

static enum rc copy_once(
	struct store *s, const char *to_dir, const char *made, struct progress *progress, struct err *e)
{
	struct db *db = NULL;
	struct catalogue_entry *entries = NULL;
	size_t n = 0;
	remove_database(made);
	enum rc rc = db_open(db_path(s->db), DB_READ_ONLY, &db, e);
	if (rc == RC_OK)
		rc = db_backup(db, made, e);
	db_close(&db);
	if (rc == RC_OK)
		rc = copied_catalogue(made, &entries, &n, e);
	for (size_t i = 0; rc == RC_OK && i < n; i++)
		rc = take_segment(s, to_dir, entries[i].id, progress, e);
	if (rc == RC_OK)
		rc = catalogue_sweep(s->io, to_dir, entries, n, e);
	mem_free(entries);
	return rc;
}

// The database gets its name last: before that the directory is no data directory.
static enum rc publish(struct store *s, const char *to_dir, const char *made, const char *path, struct err *e)
{
	char segments[STORE_PATH_BYTES];
	enum rc rc = store_path(to_dir, "segments", segments, e);
	if (rc != RC_OK)
		return rc;
	int fd = s->io->open(s->io, made, IO_READ_WRITE);
	if (fd < 0)
		return err_errno(e, RC_IO, errno, "cannot open %s", made);
	if (s->io->fsync(s->io, fd) != 0)
		rc = err_errno(e, RC_IO, errno, "cannot sync %s", made);
	s->io->close(s->io, fd);
	if (rc == RC_OK)
		rc = io_sync_dir(s->io, segments, e);
	if (rc == RC_OK && s->io->rename(s->io, made, path) != 0)
		rc = err_errno(e, RC_IO, errno, "cannot rename %s", made);
	return rc == RC_OK ? io_sync_dir(s->io, to_dir, e) : rc;
}

enum rc store_backup(struct store *s, const char *to_dir, struct progress *progress, struct err *e)
{
	char path[STORE_PATH_BYTES], made[STORE_PATH_BYTES], segments[STORE_PATH_BYTES];
	enum rc rc = store_path(to_dir, "corridor.db", path, e);
	if (rc == RC_OK)
		rc = store_path(to_dir, "corridor.db.new", made, e);
	if (rc == RC_OK)
		rc = store_path(to_dir, "segments", segments, e);
	if (rc != RC_OK)
		return rc;
	if (access(path, F_OK) == 0) {
		rc = err_set(e, RC_EXISTS, "%s is a data directory already", to_dir);
		err_remedy(e, "choose a new directory for the backup");
		return rc;
	}
	rc = io_make_dir(s->io, to_dir, e);
	if (rc == RC_OK)
		rc = io_make_dir(s->io, segments, e);
	if (rc != RC_OK)
		return rc;
	struct err failed = ERR_NONE;
	for (int i = 0; i < BACKUP_TRIES; i++) {
		failed = ERR_NONE;
		if (copy_once(s, to_dir, made, progress, &failed) != RC_NOT_FOUND)
			break;
	}
	if (failed.rc != RC_OK) {
		remove_database(made);
		return err_take(e, &failed);
	}
	rc = publish(s, to_dir, made, path, e);
	struct verify_report report;
	return rc == RC_OK ? store_verify(to_dir, &report, progress, e) : rc;
}
