// SPDX-License-Identifier: Apache-2.0
// libc's file functions, replaced for the fault tests. See fault_os.h.
//
// Invariants:
//  1. A call that is not watched does exactly what the system does.
//  2. A change and its event happen under one lock: the order of events is the order of changes.
//  3. Whatever is counted can fail, and whatever changes a file is told.
#include "fault_os.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

enum { FDS = 1024, INODES = 8192 };

const char *const os_fault_names[FAULTS] = {"EIO", "ENOSPC", "torn", "short"};
const char *const os_call_names[OS_CALLS] = {"open", "create", "read", "write", "sync", "truncate", "rename",
	"unlink", "mkdir", "link", "map", "stat", "list", "close"};

struct watched {
	bool used, dir;
	uint64_t file;
	char path[256]; // below the root
};

static struct {
	pthread_mutex_t mu;
	char root[PATH_MAX];
	size_t root_len; // 0: nothing is watched
	struct watched fds[FDS];
	int n_open;
	struct {
		uint64_t inode, number;
	} inodes[INODES];
	size_t n_inodes;
	uint64_t last_number;
	uint64_t n_calls, fail_at, n_fired;
	enum os_fault fault;
	enum os_call fired_call;
	bool forever;
	atomic_bool shm_full;
	bool shm[FDS]; // by descriptor
	os_observer *observer;
	void *context;
} os = {.mu = PTHREAD_MUTEX_INITIALIZER};

// --- what is watched ---

void os_watch(const char *root)
{
	pthread_mutex_lock(&os.mu);
	os.root_len = root ? strlen(root) : 0;
	if (root)
		memcpy(os.root, root, os.root_len + 1);
	pthread_mutex_unlock(&os.mu);
}

// The path below the root; NULL: not watched.
static const char *below(const char *path)
{
	if (!os.root_len || !path || strncmp(path, os.root, os.root_len) != 0)
		return NULL;
	const char *rest = path + os.root_len;
	return *rest == '/' ? rest + 1 : *rest ? NULL : rest;
}

static bool counts(const char *path)
{
	size_t n = path ? strlen(path) : 0;
	return path && !(n > 4 && strcmp(path + n - 4, "-shm") == 0);
}

static struct watched *watched_fd(int fd)
{
	return fd >= 0 && fd < FDS && os.fds[fd].used ? &os.fds[fd] : NULL;
}

void os_fault_at(uint64_t nth, enum os_fault fault, bool forever)
{
	pthread_mutex_lock(&os.mu);
	os.n_calls = os.n_fired = 0;
	os.fail_at = nth;
	os.fault = fault;
	os.forever = forever;
	pthread_mutex_unlock(&os.mu);
}

uint64_t os_calls(void)
{
	return os.n_calls;
}

uint64_t os_fired(void)
{
	return os.n_fired;
}

enum os_call os_fired_call(void)
{
	return os.fired_call;
}

int os_open_files(void)
{
	return os.n_open;
}

void os_shm_full(bool full)
{
	atomic_store(&os.shm_full, full);
}

void os_observe(os_observer *observer, void *context)
{
	pthread_mutex_lock(&os.mu);
	os.observer = observer;
	os.context = context;
	pthread_mutex_unlock(&os.mu);
}

static bool fits(enum os_fault fault, enum os_call call)
{
	switch (fault) {
	case FAULT_ENOSPC:
		return call == OS_CREATE || call == OS_WRITE || call == OS_MKDIR || call == OS_LINK;
	case FAULT_TORN:
		return call == OS_WRITE || call == OS_TRUNCATE;
	case FAULT_SHORT:
		return call == OS_READ || call == OS_WRITE;
	case FAULT_EIO:
	case FAULTS:
		break;
	}
	return true;
}

// Counts a watched call (mu held). True when it must fail, with errno set.
static bool fires(enum os_call call)
{
	os.n_calls++;
	if (!os.fail_at || os.n_calls < os.fail_at || (os.n_calls > os.fail_at && !os.forever) ||
		!fits(os.fault, call))
		return false;
	if (os.n_fired++ == 0)
		os.fired_call = call;
	errno = os.fault == FAULT_ENOSPC ? ENOSPC : call == OS_MAP ? ENOMEM : EIO;
	return true;
}

static void tell(const struct os_event *event)
{
	if (os.observer)
		os.observer(os.context, event);
}

void os_mark(uint64_t value)
{
	pthread_mutex_lock(&os.mu);
	tell(&(struct os_event){.change = CHANGE_MARK, .offset = value});
	pthread_mutex_unlock(&os.mu);
}

// --- files have numbers, since inodes are used again ---

static int system_stat(int at, const char *path, struct stat *st, int flags)
{
	return (int)syscall(SYS_newfstatat, at, path, st, flags);
}

static uint64_t number_of(uint64_t inode, bool fresh)
{
	for (size_t i = 0; i < os.n_inodes; i++)
		if (os.inodes[i].inode == inode) {
			if (fresh)
				os.inodes[i].number = ++os.last_number;
			return os.inodes[i].number;
		}
	size_t at = os.n_inodes < INODES ? os.n_inodes++ : inode % INODES;
	os.inodes[at].inode = inode;
	os.inodes[at].number = ++os.last_number;
	return os.last_number;
}

uint64_t os_number(const char *path)
{
	struct stat st;
	pthread_mutex_lock(&os.mu);
	uint64_t number = system_stat(AT_FDCWD, path, &st, 0) == 0 ? number_of(st.st_ino, false) : 0;
	pthread_mutex_unlock(&os.mu);
	return number;
}

// --- open, close ---

static int system_open(int at, const char *path, int flags, mode_t mode)
{
	return (int)syscall(SYS_openat, at, path, flags, mode);
}

static void remember(int fd, const char *path, int flags, bool existed)
{
	struct stat st;
	if (fd < 0 || fd >= FDS || system_stat(fd, "", &st, AT_EMPTY_PATH) != 0)
		return;
	struct watched *w = &os.fds[fd];
	*w = (struct watched){.used = true, .dir = S_ISDIR(st.st_mode)};
	snprintf(w->path, sizeof(w->path), "%s", path);
	os.n_open++;
	if (w->dir)
		return;
	w->file = number_of(st.st_ino, !existed);
	if (!existed)
		tell(&(struct os_event){.change = CHANGE_CREATE, .path = w->path, .file = w->file});
	else if (flags & O_TRUNC)
		tell(&(struct os_event){.change = CHANGE_TRUNCATE, .file = w->file});
}

static int opened(const char *path, int flags, mode_t mode)
{
	const char *name = below(path);
	if (!counts(name)) {
		int plain = system_open(AT_FDCWD, path, flags, mode);
		if (plain >= 0 && plain < FDS)
			os.shm[plain] = name != NULL;
		return plain;
	}
	struct stat st;
	pthread_mutex_lock(&os.mu);
	bool existed = system_stat(AT_FDCWD, path, &st, 0) == 0;
	int fd = -1;
	if (!fires(existed || !(flags & O_CREAT) ? OS_OPEN : OS_CREATE)) {
		fd = system_open(AT_FDCWD, path, flags, mode);
		remember(fd, name, flags, existed);
	}
	int error = errno;
	pthread_mutex_unlock(&os.mu);
	errno = error;
	return fd;
}

int open64(const char *path, int flags, ...)
{
	va_list args;
	va_start(args, flags);
	mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
	va_end(args);
	return opened(path, flags, mode);
}

int close(int fd)
{
	pthread_mutex_lock(&os.mu);
	struct watched *w = watched_fd(fd);
	bool failed = w && fires(OS_CLOSE);
	if (w) {
		w->used = false;
		os.n_open--;
	}
	if (fd >= 0 && fd < FDS)
		os.shm[fd] = false;
	int result = (int)syscall(SYS_close, fd);
	int error = failed ? EIO : errno;
	pthread_mutex_unlock(&os.mu);
	errno = error;
	return failed ? -1 : result;
}

// --- contents ---

ssize_t pread64(int fd, void *to, size_t n, off64_t offset)
{
	pthread_mutex_lock(&os.mu);
	bool fired = watched_fd(fd) && fires(OS_READ), half = fired && os.fault == FAULT_SHORT;
	pthread_mutex_unlock(&os.mu);
	if (fired && !half)
		return -1;
	return syscall(SYS_pread64, fd, to, half && n > 1 ? n / 2 : n, offset);
}

ssize_t pwrite64(int fd, const void *from, size_t n, off64_t offset)
{
	if (fd >= 0 && fd < FDS && os.shm[fd] && atomic_load(&os.shm_full)) {
		errno = ENOSPC;
		return -1;
	}
	if (!watched_fd(fd))
		return syscall(SYS_pwrite64, fd, from, n, offset);
	pthread_mutex_lock(&os.mu);
	struct watched *w = watched_fd(fd);
	bool fired = fires(OS_WRITE);
	bool partly = fired && (os.fault == FAULT_SHORT || os.fault == FAULT_TORN);
	ssize_t put = -1;
	int error = errno;
	if (!fired || partly) {
		put = syscall(SYS_pwrite64, fd, from, partly && n > 1 ? n / 2 : n, offset);
		if (put > 0)
			tell(&(struct os_event){.change = CHANGE_WRITE,
				.file = w->file,
				.offset = (uint64_t)offset,
				.bytes = from,
				.n = (size_t)put});
		error = partly ? error : errno;
	}
	if (fired && os.fault == FAULT_TORN)
		put = -1;
	pthread_mutex_unlock(&os.mu);
	errno = error;
	return put;
}

int ftruncate64(int fd, off64_t length)
{
	if (!watched_fd(fd))
		return (int)syscall(SYS_ftruncate, fd, length);
	pthread_mutex_lock(&os.mu);
	struct watched *w = watched_fd(fd);
	bool fired = fires(OS_TRUNCATE);
	int result = -1, error = errno;
	if (!fired || os.fault == FAULT_TORN) {
		result = (int)syscall(SYS_ftruncate, fd, length);
		if (result == 0)
			tell(&(struct os_event){
				.change = CHANGE_TRUNCATE, .file = w->file, .offset = (uint64_t)length});
		result = fired ? -1 : result;
	}
	pthread_mutex_unlock(&os.mu);
	errno = error;
	return result;
}

// The system's own is left out: there is nothing to wait for in a test.
static int synced(int fd)
{
	pthread_mutex_lock(&os.mu);
	struct watched *w = watched_fd(fd);
	bool fired = w && fires(OS_SYNC);
	if (w)
		tell(&(struct os_event){.change = w->dir ? CHANGE_SYNC_DIR : CHANGE_SYNC,
			.path = w->path,
			.file = w->file,
			.ok = !fired});
	pthread_mutex_unlock(&os.mu);
	return fired ? -1 : 0;
}

int fsync(int fd)
{
	return synced(fd);
}

int fdatasync(int fd)
{
	return synced(fd);
}

void *mmap64(void *at, size_t n, int protection, int flags, int fd, off64_t offset)
{
	pthread_mutex_lock(&os.mu);
	bool fired = watched_fd(fd) && fires(OS_MAP);
	pthread_mutex_unlock(&os.mu);
	return fired ? MAP_FAILED : (void *)syscall(SYS_mmap, at, n, protection, flags, fd, offset);
}

// --- names ---

// A call that changes names: counted, done, told.
struct naming {
	enum os_call call;
	enum os_change change;
	const char *path, *to;
	mode_t mode;
};

static int system_naming(const struct naming *x)
{
	if (x->change == CHANGE_RENAME)
		return (int)syscall(SYS_renameat2, AT_FDCWD, x->path, AT_FDCWD, x->to, 0);
	if (x->change == CHANGE_LINK)
		return (int)syscall(SYS_linkat, AT_FDCWD, x->path, AT_FDCWD, x->to, 0);
	if (x->change == CHANGE_MKDIR)
		return (int)syscall(SYS_mkdirat, AT_FDCWD, x->path, x->mode);
	return (int)syscall(SYS_unlinkat, AT_FDCWD, x->path, x->change == CHANGE_RMDIR ? AT_REMOVEDIR : 0);
}

static int named(const struct naming *x)
{
	const char *path = below(x->path), *to = below(x->to);
	if (!counts(path))
		return system_naming(x);
	pthread_mutex_lock(&os.mu);
	int result = fires(x->call) ? -1 : system_naming(x);
	int error = errno;
	if (result == 0)
		tell(&(struct os_event){.change = x->change, .path = path, .to = to});
	pthread_mutex_unlock(&os.mu);
	errno = error;
	return result;
}

int rename(const char *from, const char *to)
{
	return named(&(struct naming){OS_RENAME, CHANGE_RENAME, from, to, 0});
}

int link(const char *from, const char *to)
{
	return named(&(struct naming){OS_LINK, CHANGE_LINK, from, to, 0});
}

int unlink(const char *path)
{
	return named(&(struct naming){OS_UNLINK, CHANGE_UNLINK, path, NULL, 0});
}

int mkdir(const char *path, mode_t mode)
{
	return named(&(struct naming){OS_MKDIR, CHANGE_MKDIR, path, NULL, mode});
}

int rmdir(const char *path)
{
	return named(&(struct naming){OS_UNLINK, CHANGE_RMDIR, path, NULL, 0});
}

// --- looking ---

static bool looking_fails(const char *path)
{
	if (!counts(below(path)))
		return false;
	pthread_mutex_lock(&os.mu);
	bool fired = fires(OS_STAT);
	pthread_mutex_unlock(&os.mu);
	return fired;
}

int stat64(const char *path, struct stat64 *st)
{
	return looking_fails(path) ? -1 : (int)syscall(SYS_newfstatat, AT_FDCWD, path, st, 0);
}

int lstat64(const char *path, struct stat64 *st)
{
	return looking_fails(path) ? -1 : (int)syscall(SYS_newfstatat, AT_FDCWD, path, st, AT_SYMLINK_NOFOLLOW);
}

int fstat64(int fd, struct stat64 *st)
{
	pthread_mutex_lock(&os.mu);
	bool fired = watched_fd(fd) && fires(OS_STAT);
	pthread_mutex_unlock(&os.mu);
	return fired ? -1 : (int)syscall(SYS_newfstatat, fd, "", st, AT_EMPTY_PATH);
}

int access(const char *path, int mode)
{
	return looking_fails(path) ? -1 : (int)syscall(SYS_faccessat, AT_FDCWD, path, mode);
}

DIR *opendir(const char *path)
{
	pthread_mutex_lock(&os.mu);
	bool fired = counts(below(path)) && fires(OS_LIST);
	pthread_mutex_unlock(&os.mu);
	if (fired)
		return NULL;
	int fd = system_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	return fd < 0 ? NULL : fdopendir(fd);
}

// --- memory ---

static atomic_uint_fast64_t n_allocs, alloc_countdown;

bool os_alloc_possible(void)
{
	return !SANITIZED;
}

uint64_t os_allocs(void)
{
	return atomic_load(&n_allocs);
}

#if !SANITIZED
// glibc's own, under the names that it keeps for this purpose.
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);

// ICU crashes without memory (OlsonTimeZone does not look at what it gets), so its calls always succeed.
static struct {
	uintptr_t from, to;
} spared[8];
static atomic_size_t n_spared;

static int spare_icu(struct dl_phdr_info *info, size_t size, void *context)
{
	(void)size;
	(void)context;
	size_t n = atomic_load(&n_spared);
	if (!strstr(info->dlpi_name, "libicu") || n == sizeof(spared) / sizeof(spared[0]))
		return 0;
	spared[n].from = UINTPTR_MAX;
	spared[n].to = 0;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		uintptr_t from = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr,
			  to = from + info->dlpi_phdr[i].p_memsz;
		if (info->dlpi_phdr[i].p_type == PT_LOAD && from < spared[n].from)
			spared[n].from = from;
		if (info->dlpi_phdr[i].p_type == PT_LOAD && to > spared[n].to)
			spared[n].to = to;
	}
	atomic_store(&n_spared, n + 1);
	return 0;
}

static bool is_spared(const void *caller)
{
	size_t n = atomic_load_explicit(&n_spared, memory_order_acquire);
	for (size_t i = 0; i < n; i++)
		if ((uintptr_t)caller >= spared[i].from && (uintptr_t)caller < spared[i].to)
			return true;
	return false;
}

// What calls led to the nth allocation, as a hash of their addresses.
enum { FRAMES = 32, TRACED = 1 << 20 };
static uint64_t traced[TRACED];
static size_t n_traced; // when it was stopped
static atomic_bool tracing;
static _Thread_local bool in_trace; // backtrace may allocate

static uint64_t calls_hash(void)
{
	void *frames[FRAMES];
	uint64_t hash = 14695981039346656037u;
	in_trace = true;
	int n = backtrace(frames, FRAMES);
	in_trace = false;
	for (int i = 0; i < n; i++)
		hash = (hash ^ (uintptr_t)frames[i]) * 1099511628211u;
	return hash;
}

static bool allocation_fails(const void *caller)
{
	if (in_trace || is_spared(caller))
		return false;
	uint_fast64_t n = atomic_fetch_add_explicit(&n_allocs, 1, memory_order_relaxed);
	if (atomic_load_explicit(&tracing, memory_order_relaxed) && n < TRACED)
		traced[n] = calls_hash();
	uint_fast64_t left = atomic_load_explicit(&alloc_countdown, memory_order_relaxed);
	while (left != 0)
		if (atomic_compare_exchange_weak(&alloc_countdown, &left, left - 1)) {
			if (left == 1)
				errno = ENOMEM;
			return left == 1;
		}
	return false;
}

void *malloc(size_t n)
{
	return allocation_fails(__builtin_return_address(0)) ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	return allocation_fails(__builtin_return_address(0)) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
	return allocation_fails(__builtin_return_address(0)) ? NULL : __libc_realloc(p, n);
}
#endif

void os_alloc_fail_at(uint64_t nth)
{
#if !SANITIZED
	if (atomic_load(&n_spared) == 0)
		dl_iterate_phdr(spare_icu, NULL);
#endif
	atomic_store(&n_allocs, 0);
	atomic_store(&alloc_countdown, nth);
}

void os_alloc_trace(bool on)
{
#if !SANITIZED
	if (on)
		(void)calls_hash(); // what backtrace has to load, it loads now
	else
		n_traced = os_allocs() < TRACED ? os_allocs() : TRACED;
	os_alloc_fail_at(0);
	atomic_store(&tracing, on);
#else
	(void)on;
#endif
}

#if !SANITIZED
struct place {
	uint64_t hash, nth;
};

static int compare_places(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x->nth < y->nth ? -1 : x->nth > y->nth;
}

static int compare_numbers(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return *x < *y ? -1 : *x > *y;
}

size_t os_alloc_paths(uint64_t *nth, size_t max, size_t *n_paths)
{
	size_t n = n_traced, found = 0;
	struct place *all = malloc((n + 1) * sizeof(*all));
	*n_paths = 0;
	if (!all)
		return 0;
	for (size_t i = 0; i < n; i++)
		all[i] = (struct place){traced[i], i + 1};
	qsort(all, n, sizeof(*all), compare_places);
	for (size_t i = 0; i < n; i++) {
		bool first = i == 0 || all[i - 1].hash != all[i].hash,
		     last = i + 1 == n || all[i + 1].hash != all[i].hash;
		*n_paths += first;
		if (!first && !last)
			continue;
		if (found < max)
			nth[found] = all[i].nth;
		found++;
	}
	qsort(nth, found < max ? found : max, sizeof(*nth), compare_numbers);
	free(all);
	return found;
}
#else
size_t os_alloc_paths(uint64_t *nth, size_t max, size_t *n_paths)
{
	(void)nth;
	(void)max;
	*n_paths = 0;
	return 0;
}
#endif
