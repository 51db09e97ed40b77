// SPDX-License-Identifier: Apache-2.0
// Watching folders. A file goes through: seen → settled → imported (a job) → report → moved.
//
// The report is written and the file moved after the import is durable. A process that dies in between leaves the file
// where it was, and the next one imports it again: nothing comes in twice.
//
// A file is settled when it was renamed into the folder, or when size and time of change have stayed the same for
// settle_ms; so is a mapping, for which its file waits. inotify tells at once; a look at the folder every LOOK_MS finds what it does not tell (network file systems).
//
// Whoever may write to the folder may import what he puts there, and nothing else: no link of his is followed, be it in the
// place of a file or of done/ and failed/.
#include "listen/drop.h"

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "listen/drop_place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	PATH_BYTES = 4096,
	LOOK_MS = 10000,    // between looks when all is quiet
	SOON_MS = 200,      // while a file settles
	MAPPING_MS = 30000, // a file waits so long for its mapping
	RETRY_MS = 60000,   // after a failure of ours; doubled each time
	RETRY_MAX_MS = 3600000,
	SEEN_MAX = 100000,
	MAPPING_BYTES_MAX = 4 << 20,
	ARENA_BYTES_MAX = 16 << 20
};

// A file as it was at the last look.
struct seen {
	char name[NAME_MAX + 1];
	uint64_t size;
	int64_t changed_ns, since_ms; // since_ms: it has looked like this
	int64_t not_before_ms, retry_ms;
	bool moved;      // it came by a rename
	bool stuck;      // it could not be moved away: until it changes
	bool there;      // at this look
	bool is_mapping; // it is taken with a file, not by itself
};

struct folder {
	const char *dir;
	int watch;
	struct seen *seen;
	size_t n_seen, capacity;
};

struct drop {
	struct drop_options o;
	const struct clock *clock;
	struct folder folders[DROP_DIRS_MAX];
	int inotify, wake;
	atomic_bool closing;
	struct thread *thread;
};

// --- names ---

static bool ends(const char *name, const char *ending)
{
	return sv_ends(sv_from(name), sv_from(ending));
}

// Mappings, hidden files and those that programs write to until they are whole.
static bool is_passed_over(const char *name)
{
	static const char *const endings[] = {
		".yaml", ".yml", "~", ".tmp", ".part", ".partial", ".filepart", ".crdownload", ".swp"};
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
		if (ends(name, endings[i]))
			return true;
	return name[0] == '.';
}

static bool is_mapping(const char *name)
{
	return name[0] != '.' && ends(name, ".yaml");
}

static const char *without(const char *name, const char *const *endings, struct arena *a)
{
	for (; *endings; endings++)
		if (ends(name, *endings))
			return arena_copy(a, (struct sv){name, strlen(name) - strlen(*endings)}).ptr;
	return name;
}

static bool is_xes(const char *name)
{
	return ends(name, ".xes") || ends(name, ".xes.gz") || ends(name, ".xes.zst");
}

static enum rc read_text(const char *path, struct arena *a, struct sv *out, struct err *e)
{
	char *bytes;
	size_t len;
	enum rc rc = io_read_file(io_system(), path, MAPPING_BYTES_MAX, &bytes, &len, e);
	if (rc != RC_OK)
		return rc;
	*out = arena_copy(a, (struct sv){bytes, len});
	mem_free(bytes);
	return out->ptr ? RC_OK : err_set(e, RC_NOMEM, "out of memory for %s", path);
}

enum rc drop_mapping(
	const char *path, struct arena *a, struct sv *name, struct sv *text, bool *own, struct err *e)
{
	static const char *const packed[] = {".gz", ".zst", NULL};
	static const char *const kinds[] = {
		".csv", ".tsv", ".txt", ".ndjson", ".jsonl", ".json", ".xes", ".CSV", NULL};
	const char *slash = strrchr(path, '/'), *plain = without(path, packed, a);
	const char *stem = plain ? without(plain, kinds, a) : NULL;
	const char *bases[] = {path, plain, stem};
	*own = false;
	for (unsigned i = 0; i < 4; i++) {
		struct sv candidate = i < 3 ? arena_printf(a, "%s.yaml", bases[i] ? bases[i] : "")
					    : arena_printf(a, "%.*s/mapping.yaml",
						      (int)(slash ? slash - path : 1), slash ? path : ".");
		struct stat st;
		if (!candidate.ptr)
			return err_set(e, RC_NOMEM, "out of memory for a path");
		bool there = stat(candidate.ptr, &st) == 0;
		if (!there && errno != ENOENT && errno != ENOTDIR && errno != ENAMETOOLONG)
			return err_errno(e, RC_IO, errno, "cannot look for %s", candidate.ptr);
		if (!there || !S_ISREG(st.st_mode))
			continue;
		*own = i == 0;
		*name = candidate;
		return read_text(candidate.ptr, a, text, e);
	}
	if (is_xes(path)) {
		*name = SV("the defaults for XES");
		*text = SV("mapping: 1\nsource: xes\nformat: xes\n");
		return RC_OK;
	}
	err_set(e, RC_NOT_FOUND, "there is no mapping for %s", path);
	err_remedy(e, "put %s.yaml beside it, or one mapping.yaml into the folder (docs/mapping.md)",
		slash ? slash + 1 : path);
	return RC_NOT_FOUND;
}

// --- one file ---

// done/ or failed/, opened: what is done there by its descriptor is done in this very folder.
static int sub_open(const char *dir, const char *sub, struct err *e)
{
	char path[PATH_BYTES];
	if (snprintf(path, sizeof(path), "%s/%s", dir, sub) >= PATH_BYTES) {
		err_set(e, RC_IO, "the path %s is too long", dir);
		return -1;
	}
	int fd = open(path, O_DIRECTORY | O_NOFOLLOW | O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		err_errno(e, RC_IO, errno, "%s is no folder that can be written to", path);
	return fd;
}

static enum rc move(const char *from, const char *to, struct err *e)
{
	const struct io *io = io_system();
	if (io->rename(io, from, to) != 0)
		return err_errno(e, RC_IO, errno, "cannot move %s to %s", from, to);
	enum rc rc = io_sync_parent(io, to, e);
	return rc == RC_OK ? io_sync_parent(io, from, e) : rc;
}

static void settle(struct drop *d, const struct folder *f, struct seen *s, const char *path,
	const struct import_report *r, const struct err *why, bool own)
{
	char sub[40], to[DROP_PATH_BYTES], from[PATH_BYTES + 8], beside[DROP_PATH_BYTES + 8];
	struct err e = ERR_NONE;
	int fd = sub_open(f->dir, why->rc == RC_OK ? "done" : "failed", &e);
	snprintf(sub, sizeof(sub), "/proc/self/fd/%d", fd);
	enum rc rc = fd < 0 ? e.rc : drop_place(sub, s->name, own, d->clock->now_ms(d->clock), to, &e);
	if (rc == RC_OK)
		rc = job_report_save(to, s->name, r, why, d->o.tz, d->clock->now_ms(d->clock), &e);
	if (rc == RC_OK)
		rc = move(path, to, &e);
	if (rc == RC_OK && own) {
		snprintf(from, sizeof(from), "%s.yaml", path);
		snprintf(beside, sizeof(beside), "%s.yaml", to);
		rc = move(from, beside, &e);
	}
	if (rc != RC_OK) {
		err_remedy(&e,
			"let the server write to %s; the file was %s and is not tried again until it changes",
			f->dir, why->rc == RC_OK ? "imported" : "not imported");
		log_err("listen", &e);
	}
	if (fd >= 0)
		close(fd);
	s->stuck = rc != RC_OK;
}

// Failures of ours, and not of the file: it stays and is tried again.
static bool is_passing(enum rc rc)
{
	return rc == RC_BUSY || rc == RC_NOMEM || rc == RC_DB || rc == RC_IO;
}

static void try_again_later(struct drop *d, struct seen *s, const struct err *why)
{
	s->retry_ms = s->retry_ms ? s->retry_ms * 2 : RETRY_MS;
	if (s->retry_ms > RETRY_MAX_MS)
		s->retry_ms = RETRY_MAX_MS;
	s->not_before_ms = d->clock->now_ms(d->clock) + s->retry_ms;
	log_err("listen", why);
}

static bool has_settled(const struct drop *d, const struct seen *s)
{
	return s->moved || d->clock->now_ms(d->clock) - s->since_ms >= d->o.settle_ms;
}

static int64_t changed_ns_of(const struct stat *st)
{
	return st->st_mtim.tv_sec * INT64_C(1000000000) + st->st_mtim.tv_nsec;
}

// Was the mapping, which has just been read, whole? It must look as it did when it settled. One that is no plain file, or
// for which there is no room among what was seen, is taken as it is.
static bool mapping_settled(const struct drop *d, const struct folder *f, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	struct stat st;
	if (!slash || lstat(path, &st) != 0 || !S_ISREG(st.st_mode) || f->n_seen >= SEEN_MAX)
		return true;
	for (size_t i = 0; i < f->n_seen; i++) {
		const struct seen *m = &f->seen[i];
		if (strcmp(m->name, name) == 0)
			return has_settled(d, m) && m->size == (uint64_t)st.st_size &&
			       m->changed_ns == changed_ns_of(&st);
	}
	return false; // the next look sees it
}

static void take_file(struct drop *d, const struct folder *f, struct seen *s)
{
	char path[PATH_BYTES], who[PATH_BYTES + 16];
	struct arena *a = arena_new(ARENA_BYTES_MAX);
	struct import_report report = {0};
	struct err why = ERR_NONE;
	struct sv map_name = SV(""), map_text = SV("");
	bool own = false;
	int64_t now = d->clock->now_ms(d->clock);
	snprintf(path, sizeof(path), "%s/%s", f->dir, s->name);
	snprintf(who, sizeof(who), "folder %s", f->dir);
	enum rc rc = a ? drop_mapping(path, a, &map_name, &map_text, &own, &why)
		       : err_set(&why, RC_NOMEM, "out of memory for a file");
	if (rc == RC_NOT_FOUND && now - s->since_ms < MAPPING_MS)
		goto out; // it may be on its way
	if (rc == RC_OK && !mapping_settled(d, f, map_name.ptr))
		goto out; // it is being written
	const struct job_order order = {.origin = JOB_FOLDER,
		.who = sv_from(who),
		.name = sv_from(s->name),
		.path = sv_from(path),
		.map_name = map_name,
		.map_text = map_text};
	if (rc == RC_OK)
		rc = jobs_run(d->o.jobs, &order, &report, &why);
	if (rc == RC_CANCELLED)
		goto out; // the next process takes it
	if (is_passing(rc))
		try_again_later(d, s, &why);
	else
		settle(d, f, s, path, &report, &why, own);
out:
	arena_free(&a);
}

// --- looking ---

static struct seen *seen_find(struct folder *f, const char *name)
{
	for (size_t i = 0; i < f->n_seen; i++)
		if (strcmp(f->seen[i].name, name) == 0)
			return &f->seen[i];
	if (f->n_seen >= SEEN_MAX ||
		mem_grow((void **)&f->seen, &f->capacity, f->n_seen + 1, sizeof(*f->seen)) != 0)
		return NULL;
	struct seen *s = &f->seen[f->n_seen++];
	*s = (struct seen){.size = UINT64_MAX, .is_mapping = is_mapping(name)};
	snprintf(s->name, sizeof(s->name), "%s", name);
	return s;
}

static void note_file(struct drop *d, struct folder *f, const char *name)
{
	char path[PATH_BYTES];
	struct stat st;
	int n = snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	if ((is_passed_over(name) && !is_mapping(name)) || n < 0 || n >= PATH_BYTES || lstat(path, &st) != 0 ||
		!S_ISREG(st.st_mode))
		return;
	struct seen *s = seen_find(f, name);
	if (!s)
		return;
	int64_t changed_ns = changed_ns_of(&st);
	s->there = true;
	if (s->size == (uint64_t)st.st_size && s->changed_ns == changed_ns)
		return;
	s->size = (uint64_t)st.st_size;
	s->changed_ns = changed_ns;
	s->since_ms = d->clock->now_ms(d->clock);
	s->not_before_ms = s->retry_ms = 0;
	s->stuck = s->moved = false;
}

static void look(struct drop *d, struct folder *f)
{
	DIR *dir = opendir(f->dir);
	size_t kept = 0;
	if (!dir) {
		log_write(LOG_ERROR, "listen", "cannot look into %s: %s; its files wait", f->dir,
			strerror(errno));
		return;
	}
	for (size_t i = 0; i < f->n_seen; i++)
		f->seen[i].there = false;
	for (const struct dirent *entry; (entry = readdir(dir));)
		note_file(d, f, entry->d_name);
	closedir(dir);
	for (size_t i = 0; i < f->n_seen; i++)
		if (f->seen[i].there)
			f->seen[kept++] = f->seen[i];
	f->n_seen = kept;
}

static bool is_settled(const struct drop *d, const struct seen *s, int64_t now)
{
	return !s->stuck && now >= s->not_before_ms && has_settled(d, s);
}

static int by_age(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;
	if (x->changed_ns != y->changed_ns)
		return x->changed_ns < y->changed_ns ? -1 : 1;
	return strcmp(x->name, y->name);
}

// Oldest first. True: some file will have to be looked at again soon.
static bool take_settled(struct drop *d, struct folder *f)
{
	bool soon = false;
	if (f->n_seen > 1)
		qsort(f->seen, f->n_seen, sizeof(*f->seen), by_age);
	for (size_t i = 0; i < f->n_seen && !atomic_load(&d->closing); i++) {
		struct seen *s = &f->seen[i];
		if (s->is_mapping)
			continue;
		if (is_settled(d, s, d->clock->now_ms(d->clock)))
			take_file(d, f, s);
		soon |= !s->stuck && s->not_before_ms == 0;
	}
	return soon;
}

// --- waiting ---

static void note_moved(struct drop *d, int watch, const char *name)
{
	for (size_t i = 0; i < d->o.n_dirs; i++) {
		if (d->folders[i].watch != watch || (is_passed_over(name) && !is_mapping(name)))
			continue;
		note_file(d, &d->folders[i], name);
		for (size_t k = 0; k < d->folders[i].n_seen; k++)
			if (strcmp(d->folders[i].seen[k].name, name) == 0)
				d->folders[i].seen[k].moved = true;
	}
}

static void read_events(struct drop *d)
{
	union {
		struct inotify_event event; // for its alignment
		char bytes[64 << 10];
	} u;
	ssize_t n;
	while ((n = read(d->inotify, u.bytes, sizeof(u.bytes))) > 0)
		for (ssize_t at = 0; at < n;) {
			struct inotify_event event;
			memcpy(&event, u.bytes + at, sizeof(event));
			if ((event.mask & IN_MOVED_TO) && event.len)
				note_moved(d, event.wd, u.bytes + at + sizeof(event));
			at += (ssize_t)(sizeof(event) + event.len);
		}
}

static void watch(void *context)
{
	struct drop *d = context;
	while (!atomic_load(&d->closing)) {
		bool soon = false;
		for (size_t i = 0; i < d->o.n_dirs; i++)
			look(d, &d->folders[i]);
		for (size_t i = 0; i < d->o.n_dirs; i++)
			soon |= take_settled(d, &d->folders[i]);
		struct pollfd wait[2] = {
			{.fd = d->wake, .events = POLLIN}, {.fd = d->inotify, .events = POLLIN}};
		if (poll(wait, 2, soon ? SOON_MS : LOOK_MS) > 0 && wait[1].revents)
			read_events(d);
	}
}

// --- opening ---

static enum rc open_folder(struct drop *d, struct folder *f, struct err *e)
{
	static const char *const subs[] = {"done", "failed"};
	const struct io *io = io_system();
	char path[PATH_BYTES];
	struct stat st;
	if (stat(f->dir, &st) != 0 || !S_ISDIR(st.st_mode)) {
		err_set(e, RC_NOT_FOUND, "there is no folder %s to watch", f->dir);
		err_remedy(e, "make it, so that the user of the server may read and write it");
		return RC_NOT_FOUND;
	}
	for (size_t i = 0; i < 2; i++) {
		if (snprintf(path, sizeof(path), "%s/%s", f->dir, subs[i]) >= PATH_BYTES)
			return err_set(e, RC_IO, "the path %s is too long", f->dir);
		if ((io->mkdir(io, path) != 0 && errno != EEXIST) || access(path, W_OK) != 0)
			err_errno(e, RC_IO, errno, "%s cannot be written to", path);
		int fd = e->rc == RC_OK ? sub_open(f->dir, subs[i], e) : -1;
		if (fd < 0) {
			err_remedy(e,
				"let the user of the server write to the folder: files are moved to done and "
				"failed in it, which are no links");
			return RC_IO;
		}
		close(fd);
	}
	f->watch = inotify_add_watch(d->inotify, f->dir, IN_MOVED_TO | IN_CLOSE_WRITE | IN_CREATE | IN_ONLYDIR);
	if (f->watch < 0) // looking every few seconds will do
		log_write(LOG_WARN, "listen", "%s cannot be watched, only looked at: %s", f->dir,
			strerror(errno));
	return RC_OK;
}

enum rc drop_open(const struct drop_options *options, struct drop **out, struct err *e)
{
	struct drop *d = *out = mem_calloc(1, sizeof(*d));
	if (!d)
		return err_set(e, RC_NOMEM, "out of memory for watching folders");
	d->o = *options;
	d->o.settle_ms = options->settle_ms ? options->settle_ms : DROP_SETTLE_MS;
	d->clock = options->clock ? options->clock : clock_system();
	d->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	d->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	enum rc rc = d->wake >= 0 ? RC_OK : err_errno(e, RC_IO, errno, "cannot watch folders");
	if (rc == RC_OK && d->o.n_dirs > DROP_DIRS_MAX)
		rc = err_set(e, RC_USAGE, "at most %u folders can be watched", DROP_DIRS_MAX);
	for (size_t i = 0; rc == RC_OK && i < d->o.n_dirs; i++) {
		d->folders[i].dir = d->o.dirs[i];
		rc = open_folder(d, &d->folders[i], e);
	}
	if (rc == RC_OK && !(d->thread = thread_start(watch, d)))
		rc = err_set(e, RC_NOMEM, "no thread could be started for watching folders");
	if (rc != RC_OK)
		drop_close(out);
	return rc;
}

void drop_close(struct drop **drop)
{
	struct drop *d = *drop;
	uint64_t one = 1;
	*drop = NULL;
	if (!d)
		return;
	atomic_store(&d->closing, true);
	if (d->thread && write(d->wake, &one, sizeof(one)) != (ssize_t)sizeof(one))
		log_write(LOG_WARN, "listen", "the watch of folders ends late");
	if (d->thread)
		thread_join(&d->thread);
	if (d->inotify >= 0)
		close(d->inotify);
	if (d->wake >= 0)
		close(d->wake);
	for (size_t i = 0; i < DROP_DIRS_MAX; i++)
		mem_free(d->folders[i].seen);
	mem_free(d);
}
