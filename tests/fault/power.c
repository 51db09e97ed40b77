// SPDX-License-Identifier: Apache-2.0
// The model of a power failure. See power.h.
//
// Invariants:
//  1. Changes are kept in the order in which they happened and replayed in it; leaving some out is all that a crash
//     does.
//  2. A file is its number, not its name: names come and go, contents stay with the number.
#include "power.h"

#include "fault_os.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH = 256 };

struct change {
	enum os_change kind;
	bool ok;
	uint64_t file, offset;
	char path[PATH], to[PATH];
	uint8_t *bytes;
	size_t n;
};

struct power {
	char root[PATH];
	struct change *changes;
	size_t n, capacity;
	size_t n_base; // changes that make what was there at the beginning
	uint64_t n_files;
};

static void *must(void *p)
{
	assert(p);
	return p;
}

static struct change *push(struct power *p)
{
	if (p->n == p->capacity) {
		p->capacity = p->capacity ? p->capacity * 2 : 256;
		p->changes = must(realloc(p->changes, p->capacity * sizeof(*p->changes)));
	}
	struct change *c = &p->changes[p->n++];
	memset(c, 0, sizeof(*c));
	return c;
}

static void note(void *context, const struct os_event *event)
{
	struct power *p = context;
	struct change *c = push(p);
	c->kind = event->change;
	c->ok = event->ok;
	c->file = event->file;
	c->offset = event->offset;
	c->n = event->n;
	snprintf(c->path, sizeof(c->path), "%s", event->path ? event->path : "");
	snprintf(c->to, sizeof(c->to), "%s", event->to ? event->to : "");
	if (event->n) {
		c->bytes = must(malloc(event->n));
		memcpy(c->bytes, event->bytes, event->n);
	}
	if (c->file >= p->n_files)
		p->n_files = c->file + 1;
}

// --- what was there ---

static void base_file(struct power *p, const char *path, const char *name, uint64_t size)
{
	uint64_t number = os_number(path);
	uint8_t *bytes = must(malloc(size + 1));
	int fd = open(path, O_RDONLY);
	assert(fd >= 0 && pread(fd, bytes, size, 0) == (ssize_t)size);
	close(fd);
	note(p, &(struct os_event){.change = CHANGE_CREATE, .path = name, .file = number});
	note(p, &(struct os_event){.change = CHANGE_WRITE, .file = number, .bytes = bytes, .n = size});
	note(p, &(struct os_event){.change = CHANGE_SYNC, .file = number, .ok = true});
	free(bytes);
}

static void base_tree(struct power *p, const char *name)
{
	char path[2 * PATH + 2], below[PATH];
	snprintf(path, sizeof(path), "%s%s%s", p->root, *name ? "/" : "", name);
	DIR *d = must(opendir(path));
	for (struct dirent *entry; (entry = readdir(d));) {
		struct stat st;
		if (entry->d_name[0] == '.')
			continue;
		int len = snprintf(below, sizeof(below), "%s%s%s", name, *name ? "/" : "", entry->d_name);
		assert(len > 0 && len < PATH);
		snprintf(path, sizeof(path), "%s/%s", p->root, below);
		assert(stat(path, &st) == 0);
		if (S_ISDIR(st.st_mode)) {
			note(p, &(struct os_event){.change = CHANGE_MKDIR, .path = below});
			base_tree(p, below);
		} else {
			base_file(p, path, below, (uint64_t)st.st_size);
		}
	}
	closedir(d);
	note(p, &(struct os_event){.change = CHANGE_SYNC_DIR, .path = name, .ok = true});
}

struct power *power_record(const char *root)
{
	struct power *p = must(calloc(1, sizeof(*p)));
	snprintf(p->root, sizeof(p->root), "%s", root);
	os_watch(NULL);
	base_tree(p, "");
	p->n_base = p->n;
	os_observe(note, p);
	os_watch(root);
	return p;
}

void power_stop(struct power *p)
{
	(void)p;
	os_observe(NULL, NULL);
	os_watch(NULL);
}

void power_free(struct power **p)
{
	for (size_t i = 0; *p && i < (*p)->n; i++)
		free((*p)->changes[i].bytes);
	if (*p)
		free((*p)->changes);
	free(*p);
	*p = NULL;
}

size_t power_changes(const struct power *p)
{
	return p->n - p->n_base;
}

uint64_t power_mark_at(const struct power *p, size_t crash)
{
	for (size_t i = p->n_base + crash; i > 0; i--)
		if (p->changes[i - 1].kind == CHANGE_MARK)
			return p->changes[i - 1].offset;
	return 0;
}

bool power_matters(const struct power *p, size_t crash)
{
	return crash == 0 || p->changes[p->n_base + crash - 1].kind != CHANGE_MARK;
}

// --- a crash ---

static bool changes_contents(const struct change *c)
{
	return c->kind == CHANGE_WRITE || c->kind == CHANGE_TRUNCATE;
}

static bool changes_names(const struct change *c)
{
	return c->kind == CHANGE_CREATE || c->kind == CHANGE_RENAME || c->kind == CHANGE_UNLINK ||
	       c->kind == CHANGE_LINK || c->kind == CHANGE_MKDIR || c->kind == CHANGE_RMDIR;
}

// Is the directory of this path the one that was synced?
static bool is_in(const char *path, const char *dir)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash ? (size_t)(slash - path) : 0;
	return strlen(dir) == n && strncmp(path, dir, n) == 0;
}

// Of a change of contents: a sync of the file between it and `end` succeeded, and none before that failed.
static bool contents_durable(const struct power *p, size_t i, size_t end)
{
	for (size_t k = i + 1; k < end; k++)
		if (p->changes[k].kind == CHANGE_SYNC && p->changes[k].file == p->changes[i].file)
			return p->changes[k].ok;
	return false;
}

static bool synced_dir(const struct power *p, const char *path, size_t i, size_t end)
{
	for (size_t k = i + 1; k < end; k++)
		if (p->changes[k].kind == CHANGE_SYNC_DIR && p->changes[k].ok &&
			is_in(path, p->changes[k].path))
			return true;
	return false;
}

static bool names_durable(const struct power *p, size_t i, size_t end)
{
	const struct change *c = &p->changes[i];
	if (c->kind == CHANGE_LINK) // another name of a file that has one already
		return synced_dir(p, c->to, i, end);
	return synced_dir(p, c->path, i, end) && (c->kind != CHANGE_RENAME || synced_dir(p, c->to, i, end));
}

struct contents {
	uint8_t *bytes;
	size_t n;
};

struct name {
	char path[PATH];
	uint64_t file; // 0: a directory
};

struct building {
	const struct power *p;
	size_t end;
	enum power_luck luck;
	uint64_t random;
	size_t names_end; // random: 0, or all changes of names before this one are kept and none after it
	size_t sector;
	struct contents *files;
	struct name *names;
	size_t n_names, names_capacity;
};

static uint64_t draw(struct building *b)
{
	b->random += UINT64_C(0x9e3779b97f4a7c15);
	uint64_t z = b->random;
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static void grow(struct contents *f, size_t n)
{
	if (n <= f->n)
		return;
	f->bytes = must(realloc(f->bytes, n));
	memset(f->bytes + f->n, 0, n - f->n);
	f->n = n;
}

static void put(struct contents *f, const struct change *c, size_t from, size_t n)
{
	grow(f, (size_t)c->offset + from + n);
	memcpy(f->bytes + c->offset + from, c->bytes + from, n);
}

// Each sector that the write touches is there or not.
static void put_torn(struct building *b, struct contents *f, const struct change *c)
{
	for (size_t at = 0; at < c->n;) {
		size_t n = b->sector - (size_t)(c->offset + at) % b->sector;
		n = n < c->n - at ? n : c->n - at;
		if (draw(b) & 1)
			put(f, c, at, n);
		at += n;
	}
}

static void apply_contents(struct building *b, size_t i)
{
	const struct change *c = &b->p->changes[i];
	struct contents *f = &b->files[c->file];
	bool durable = contents_durable(b->p, i, b->end);
	uint64_t chance = b->luck == POWER_RANDOM && !durable ? draw(b) % 3 : 0; // 0 kept, 1 dropped, 2 torn
	if (!durable && b->luck == POWER_ALL_DROPPED)
		return;
	if (chance == 1)
		return;
	if (c->kind == CHANGE_TRUNCATE) {
		grow(f, (size_t)c->offset);
		f->n = (size_t)c->offset;
	} else if (chance == 2) {
		put_torn(b, f, c);
	} else {
		put(f, c, 0, c->n);
	}
}

static struct name *find_name(struct building *b, const char *path)
{
	for (size_t i = 0; i < b->n_names; i++)
		if (strcmp(b->names[i].path, path) == 0)
			return &b->names[i];
	return NULL;
}

static void set_name(struct building *b, const char *path, uint64_t file)
{
	struct name *name = find_name(b, path);
	if (!name) {
		if (b->n_names == b->names_capacity) {
			b->names_capacity = b->names_capacity ? b->names_capacity * 2 : 32;
			b->names = must(realloc(b->names, b->names_capacity * sizeof(*b->names)));
		}
		name = &b->names[b->n_names++];
		snprintf(name->path, sizeof(name->path), "%s", path);
	}
	name->file = file;
}

static void drop_name(struct building *b, const char *path)
{
	struct name *name = find_name(b, path);
	if (name)
		*name = b->names[--b->n_names];
}

static bool name_kept(struct building *b, size_t i)
{
	if (names_durable(b->p, i, b->end) || b->luck == POWER_ALL_KEPT)
		return true;
	if (b->luck == POWER_ALL_DROPPED)
		return false;
	return b->names_end ? i < b->names_end : draw(b) & 1;
}

// What a name stood for at the moment of the change, whatever of that is lost now.
static uint64_t file_of(const struct power *p, size_t i, const char *path)
{
	for (size_t k = i; k-- > 0;) {
		const struct change *c = &p->changes[k];
		if (c->kind == CHANGE_CREATE && strcmp(c->path, path) == 0)
			return c->file;
		if ((c->kind == CHANGE_RENAME || c->kind == CHANGE_LINK) && strcmp(c->to, path) == 0)
			return file_of(p, k, c->path);
	}
	return 0;
}

static void apply_names(struct building *b, size_t i)
{
	const struct change *c = &b->p->changes[i];
	if (!name_kept(b, i))
		return;
	if (c->kind == CHANGE_CREATE)
		set_name(b, c->path, c->file);
	else if (c->kind == CHANGE_MKDIR)
		set_name(b, c->path, 0);
	else if (c->kind == CHANGE_RENAME || c->kind == CHANGE_LINK)
		set_name(b, c->to, file_of(b->p, i, c->path));
	if (c->kind == CHANGE_RENAME || c->kind == CHANGE_UNLINK || c->kind == CHANGE_RMDIR)
		drop_name(b, c->path);
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct name *)a)->path, ((const struct name *)b)->path);
}

// Directories before what is in them; what has no directory is lost with it.
static void write_out(struct building *b, const char *to)
{
	if (b->n_names)
		qsort(b->names, b->n_names, sizeof(*b->names), by_path);
	for (size_t i = 0; i < b->n_names; i++) {
		char path[2 * PATH + 2];
		const struct contents *f = &b->files[b->names[i].file];
		snprintf(path, sizeof(path), "%s/%s", to, b->names[i].path);
		if (b->names[i].file == 0) {
			mkdir(path, 0750);
			continue;
		}
		int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0640);
		if (fd < 0)
			continue;
		if (f->n)
			assert(pwrite(fd, f->bytes, f->n, 0) == (ssize_t)f->n);
		close(fd);
	}
}

void power_build(const struct power *p, size_t crash, enum power_luck luck, uint64_t seed, const char *to)
{
	struct building b = {.p = p, .end = p->n_base + crash, .luck = luck, .random = seed};
	b.files = must(calloc(p->n_files + 1, sizeof(*b.files)));
	b.sector = draw(&b) & 1 ? 512 : 4096;
	if (draw(&b) & 1)
		b.names_end = p->n_base + 1 + draw(&b) % (crash + 1);
	for (size_t i = 0; i < b.end; i++) {
		if (changes_contents(&p->changes[i]))
			apply_contents(&b, i);
		else if (changes_names(&p->changes[i]))
			apply_names(&b, i);
	}
	write_out(&b, to);
	for (size_t i = 0; i <= p->n_files; i++)
		free(b.files[i].bytes);
	free(b.files);
	free(b.names);
}
