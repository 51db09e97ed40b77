// SPDX-License-Identifier: Apache-2.0
// Databases of parts that stand above the journey store and need files of their own (access.db): any NAME.db in the data
// directory beside corridor.db. The store neither reads nor writes them, but a backup has them and verification looks at
// them. Each is of a moment of its own, a little after that of corridor.db.
#include "journey/store_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COMPANIONS_MAX = 16 };

static bool is_companion(const char *name)
{
	struct sv s = sv_from(name);
	return name[0] != '.' && sv_ends(s, SV(".db")) && !sv_equal(s, SV("corridor.db"));
}

// Their names, read before anything is done with them.
static enum rc list(const char *dir, char names[COMPANIONS_MAX][NAME_MAX + 1], uint32_t *n, struct err *e)
{
	*n = 0;
	DIR *d = opendir(dir);
	if (!d)
		return err_errno(e, RC_IO, errno, "cannot list %s", dir);
	enum rc rc = RC_OK;
	for (struct dirent *entry; rc == RC_OK && (entry = readdir(d));) {
		if (!is_companion(entry->d_name))
			continue;
		if (*n == COMPANIONS_MAX)
			rc = err_set(e, RC_LIMIT, "more than %d databases are in %s", (int)COMPANIONS_MAX, dir);
		else
			snprintf(names[(*n)++], NAME_MAX + 1, "%s", entry->d_name);
	}
	closedir(d);
	return rc;
}

enum rc companions_each(const char *dir,
	enum rc (*f)(void *context, const char *name, const char *path, struct err *e), void *context,
	struct err *e)
{
	char names[COMPANIONS_MAX][NAME_MAX + 1], path[STORE_PATH_BYTES];
	uint32_t n = 0;
	enum rc rc = list(dir, names, &n, e);
	for (uint32_t i = 0; rc == RC_OK && i < n; i++) {
		rc = store_path(dir, names[i], path, e);
		if (rc == RC_OK)
			rc = f(context, names[i], path, e);
	}
	return rc;
}

static enum rc open_as(const char *path, enum db_mode mode, struct db **db, struct err *e)
{
	enum rc rc = db_open(path, mode, db, e);
	if (rc == RC_OK)
		rc = db_begin(*db, e);
	if (rc == RC_OK)
		db_rollback(*db);
	else
		db_close(db);
	return rc;
}

// The store's lock keeps nobody from writing to a companion, so what a full disk takes away is had by keeping others out;
// where even that needs a permission, nobody who has it is expected.
enum rc companion_open(const char *path, enum db_mode mode, struct db **db, struct err *e)
{
	struct err failed = ERR_NONE, again = ERR_NONE;
	enum rc rc = open_as(path, DB_READ_ONLY, db, &failed);
	if (rc == RC_IO)
		rc = open_as(path, DB_ALONE, db, &again);
	if (rc == RC_IO && mode == DB_IMMUTABLE && !db_has_wal(path)) {
		again = ERR_NONE;
		rc = open_as(path, DB_IMMUTABLE, db, &again);
	}
	if (rc == RC_OK)
		return RC_OK;
	return err_take(e, rc == RC_IO || rc == RC_BUSY || again.rc == RC_OK ? &failed : &again);
}

struct copying {
	struct store *store;
	const char *to_dir;
};

// The copy has the mode of what it is a copy of: nobody else may read it.
static enum rc make_like(const char *from, const char *to, struct err *e)
{
	struct stat st;
	if (stat(from, &st) != 0)
		return err_errno(e, RC_IO, errno, "cannot look at %s", from);
	int fd = open(to, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, st.st_mode & 0777);
	if (fd < 0)
		return err_errno(e, RC_IO, errno, "cannot create %s", to);
	close(fd);
	return RC_OK;
}

static enum rc sync_file(const struct io *io, const char *path, struct err *e)
{
	int fd = io->open(io, path, IO_READ_WRITE);
	if (fd < 0)
		return err_errno(e, RC_IO, errno, "cannot open %s", path);
	enum rc rc = io->fsync(io, fd) == 0 ? RC_OK : err_errno(e, RC_IO, errno, "cannot sync %s", path);
	io->close(io, fd);
	return rc;
}

static enum rc copy_one(void *context, const char *name, const char *path, struct err *e)
{
	const struct copying *c = context;
	struct db *db = NULL;
	char to[STORE_PATH_BYTES];
	enum rc rc = store_path(c->to_dir, name, to, e);
	if (rc == RC_OK && access(path, R_OK) != 0) {
		rc = err_errno(e, RC_IO, errno, "cannot read %s", path);
		err_remedy(e, "run as the owner of the data directory");
	}
	if (rc == RC_OK)
		rc = make_like(path, to, e);
	if (rc == RC_OK)
		rc = companion_open(path, c->store->read_mode, &db, e);
	if (rc == RC_OK)
		rc = db_backup(db, to, e);
	db_close(&db);
	return rc == RC_OK ? sync_file(c->store->io, to, e) : rc;
}

enum rc companions_copy(struct store *s, const char *to_dir, struct err *e)
{
	struct copying c = {s, to_dir};
	return companions_each(s->dir, copy_one, &c, e);
}

static enum rc remove_one(void *context, const char *name, const char *path, struct err *e)
{
	(void)context;
	(void)name;
	(void)e;
	database_remove(path);
	return RC_OK;
}

void companions_remove(const char *dir)
{
	companions_each(dir, remove_one, NULL, NULL);
}
