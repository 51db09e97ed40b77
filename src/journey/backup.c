// SPDX-License-Identifier: Apache-2.0
// Backup while others write: first the database, by SQLite's online copy; then the segments that the *copied*
// catalogue names, which never change. One that was merged away in between means that the copied catalogue is out of
// date: the database is copied again. Last, the copy is verified.
//
// Databases of other parts (companions.c) follow, then the database gets its name.
//
// Segments are copied, so that no damage to the bytes of one reaches the other; hard links are for who asks for them.
// A segment gets its name when it is whole. The directory was empty before, so after a failure all is removed again.
#include "base/mem.h"
#include "journey/store_internal.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { BACKUP_TRIES = 5, COPY_BYTES = 1 << 20 };

struct backup {
	struct store *store;
	const char *to_dir;
	bool link;
	uint64_t bytes_done;
	struct progress *progress;
};

static enum rc copy_bytes(
	struct backup *b, int from, int to, const char *from_path, const char *to_path, struct err *e)
{
	const struct io *io = b->store->io;
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
		b->bytes_done += (uint64_t)n;
		progress_update(b->progress, b->bytes_done, b->bytes_done);
	}
	if (rc == RC_OK && io->fsync(io, to) != 0)
		rc = err_errno(e, RC_IO, errno, "cannot sync %s", to_path);
	mem_free(bytes);
	return rc;
}

// RC_NOT_FOUND: the source is gone.
static enum rc copy_file(struct backup *b, const char *from_path, const char *to_path, struct err *e)
{
	const struct io *io = b->store->io;
	int from = io->open(io, from_path, IO_READ);
	if (from < 0)
		return err_errno(e, errno == ENOENT ? RC_NOT_FOUND : RC_IO, errno, "cannot open %s", from_path);
	int to = io->open(io, to_path, IO_CREATE);
	enum rc rc = to < 0 ? err_errno(e, RC_IO, errno, "cannot create %s", to_path)
			    : copy_bytes(b, from, to, from_path, to_path, e);
	if (to >= 0 && io->close(io, to) != 0 && rc == RC_OK)
		rc = err_errno(e, RC_IO, errno, "cannot write to %s", to_path);
	io->close(io, from);
	return rc;
}

// What an earlier try has copied is whole, since it has its name; segments never change.
static enum rc take_segment(struct backup *b, int64_t id, struct err *e)
{
	const struct io *io = b->store->io;
	char from[STORE_PATH_BYTES], to[STORE_PATH_BYTES], made[STORE_PATH_BYTES];
	enum rc rc = segment_path(b->store->dir, id, "", from, e);
	if (rc == RC_OK)
		rc = segment_path(b->to_dir, id, "", to, e);
	if (rc == RC_OK)
		rc = segment_path(b->to_dir, id, ".tmp", made, e);
	bool there = false;
	if (rc == RC_OK)
		rc = io_exists(to, &there, e);
	if (rc != RC_OK || there)
		return rc;
	if (b->link && link(from, to) == 0)
		return RC_OK;
	rc = copy_file(b, from, made, e); // also where there are no links: another file system
	if (rc == RC_OK && io->rename(io, made, to) != 0)
		rc = err_errno(e, RC_IO, errno, "cannot rename %s", made);
	return rc;
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

void database_remove(const char *path)
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

static enum rc copy_once(struct backup *b, const char *made, struct err *e)
{
	struct db *db = NULL;
	struct catalogue_entry *entries = NULL;
	size_t n = 0;
	database_remove(made);
	enum rc rc = db_open(db_path(b->store->db), b->store->read_mode, &db, e);
	if (rc == RC_OK)
		rc = db_backup(db, made, e);
	db_close(&db);
	if (rc == RC_OK)
		rc = copied_catalogue(made, &entries, &n, e);
	uint64_t bytes = 0;
	for (size_t i = 0; rc == RC_OK && i < n; i++)
		bytes += entries[i].info.bytes;
	if (rc == RC_OK && !b->link)
		rc = io_need_space(b->store->io, b->to_dir, bytes, "the backup", e);
	for (size_t i = 0; rc == RC_OK && i < n; i++)
		rc = take_segment(b, entries[i].id, e);
	if (rc == RC_OK)
		rc = catalogue_sweep(b->store->io, b->to_dir, entries, n, e);
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

static enum rc must_be_empty(const char *dir, struct err *e)
{
	DIR *d = opendir(dir);
	if (!d && errno == ENOENT)
		return RC_OK;
	if (!d)
		return err_errno(e, RC_IO, errno, "cannot list %s", dir);
	enum rc rc = RC_OK;
	for (struct dirent *entry; rc == RC_OK && (entry = readdir(d));)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			rc = err_set(e, RC_EXISTS, "%s is not empty: it has %s", dir, entry->d_name);
	closedir(d);
	if (rc != RC_OK)
		err_remedy(e, "choose a new directory for the backup");
	return rc;
}

// A copy inside of what is copied would be swept away or copied again, and lost together with it. The target itself
// may not be there yet: then where it would be made counts.
static enum rc must_be_outside(const struct store *s, const char *to_dir, struct err *e)
{
	char to[STORE_PATH_BYTES], parent[STORE_PATH_BYTES], source[PATH_MAX], target[PATH_MAX];
	enum rc rc = RC_OK;
	bool known = realpath(to_dir, target) != NULL;
	size_t len = strlen(to_dir);
	while (len > 1 && to_dir[len - 1] == '/')
		len--;
	if (!known && len < sizeof(to)) {
		snprintf(to, sizeof(to), "%.*s", (int)len, to_dir);
		char *slash = strrchr(to, '/');
		snprintf(parent, sizeof(parent), "%.*s", slash ? (int)(slash - to) + (slash == to) : 1,
			slash ? to : ".");
		known = realpath(parent, target) != NULL;
	}
	size_t n = realpath(s->dir, source) ? strlen(source) : 0;
	if (n && known && strncmp(target, source, n) == 0 &&
		(target[n] == '/' || !target[n] || source[n - 1] == '/')) {
		rc = err_set(
			e, RC_USAGE, "%s is inside the data directory %s that is to be copied", to_dir, s->dir);
		err_remedy(e, "choose a directory elsewhere, best on another disk");
	}
	return rc;
}

// Everything in the directory is this backup's own.
static void remove_all(
	struct backup *b, bool made_dir, const char *made, const char *path, const char *segments)
{
	database_remove(made);
	database_remove(path);
	companions_remove(b->to_dir);
	catalogue_sweep(b->store->io, b->to_dir, NULL, 0, NULL);
	rmdir(segments);
	if (made_dir)
		rmdir(b->to_dir);
}

static enum rc copy_all(struct backup *b, const char *made, const char *path, struct err *e)
{
	struct err failed = ERR_NONE;
	for (int i = 0; i < BACKUP_TRIES; i++) {
		failed = ERR_NONE;
		if (copy_once(b, made, &failed) != RC_NOT_FOUND)
			break;
	}
	if (failed.rc != RC_OK) {
		segment_missing(&failed);
		return err_take(e, &failed);
	}
	enum rc rc = companions_copy(b->store, b->to_dir, e);
	return rc == RC_OK ? publish(b->store, b->to_dir, made, path, e) : rc;
}

// Verifies the copy. What is wrong with it is most likely wrong with the source: then that is named.
static enum rc check_copy(struct backup *b, struct err *e)
{
	struct verify_report report;
	struct err copy = ERR_NONE, source = ERR_NONE;
	if (store_verify(b->to_dir, &report, b->progress, &copy) != RC_CORRUPT)
		return err_take(e, &copy);
	enum rc rc = store_verify(b->store->dir, &report, b->progress, &source);
	if (rc != RC_CORRUPT)
		return err_take(e, &copy);
	err_set(e, rc, "the source is damaged, nothing was copied: %s", source.message);
	if (report.repairable)
		err_remedy(e, "run corridor verify --repair, which saves what is sound, or restore the data "
			      "directory from an "
			      "earlier backup");
	else
		err_remedy(e, "restore the data directory from an earlier backup (corridor verify says more)");
	return rc;
}

enum rc store_backup(struct store *s, const char *to_dir, bool link, struct progress *progress, struct err *e)
{
	char path[STORE_PATH_BYTES], made[STORE_PATH_BYTES], segments[STORE_PATH_BYTES];
	struct backup b = {.store = s, .to_dir = to_dir, .link = link, .progress = progress};
	enum rc rc = store_path(to_dir, "corridor.db", path, e);
	if (rc == RC_OK)
		rc = store_path(to_dir, "corridor.db.new", made, e);
	if (rc == RC_OK)
		rc = store_path(to_dir, "segments", segments, e);
	if (rc == RC_OK)
		rc = must_be_outside(s, to_dir, e);
	if (rc == RC_OK)
		rc = must_be_empty(to_dir, e);
	bool there = false;
	if (rc == RC_OK)
		rc = io_exists(to_dir, &there, e);
	if (rc != RC_OK)
		return rc;
	rc = io_make_dir(s->io, to_dir, e);
	if (rc == RC_OK)
		rc = io_make_dir(s->io, segments, e);
	if (rc == RC_OK)
		rc = copy_all(&b, made, path, e);
	if (rc == RC_OK)
		rc = check_copy(&b, e);
	if (rc != RC_OK)
		remove_all(&b, !there, made, path, segments);
	return rc;
}
