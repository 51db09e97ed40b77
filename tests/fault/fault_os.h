// SPDX-License-Identifier: Apache-2.0
// The operating system as the fault tests want it. The calls to files that this program makes (struct io and all
// others) and those that SQLite makes are the same functions of libc; a test program that links fault_os.c has its own
// in their place. One counter for both worlds: the nth call can fail, or all from the nth on, and every change can be
// told to an observer, which is how the power-loss model learns what happened in what order.
//
// Only files under the watched directory count. Locks (fcntl, flock) and the shared memory of SQLite's -shm files,
// which hold nothing that must survive, are left alone.
#ifndef CORRIDOR_TESTS_FAULT_OS_H
#define CORRIDOR_TESTS_FAULT_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum os_call {
	OS_OPEN,
	OS_CREATE,
	OS_READ,
	OS_WRITE,
	OS_SYNC,
	OS_TRUNCATE,
	OS_RENAME,
	OS_UNLINK,
	OS_MKDIR,
	OS_LINK,
	OS_MAP,
	OS_STAT,
	OS_LIST,
	OS_CLOSE,
	OS_CALLS
};

// How a call fails. One that does not fit the call at hand (a short rename) lets it pass.
enum os_fault {
	FAULT_EIO,    // nothing is done, EIO (ENOMEM of a mapping). A close closes all the same
	FAULT_ENOSPC, // the disk is full: creating and writing fail, nothing is done
	FAULT_TORN,   // a write or truncation leaves a part of it behind and fails with EIO
	FAULT_SHORT,  // a read or write does only half and says so; not an error
	FAULTS
};
extern const char *const os_fault_names[FAULTS];
extern const char *const os_call_names[OS_CALLS];

// Watches the files under a directory (a path as realpath gives it); NULL: none.
void os_watch(const char *root);
// The nth watched call from now on (from 1; 0: none) fails so, once, or with `forever` every one from there on.
void os_fault_at(uint64_t nth, enum os_fault fault, bool forever);
// Watched calls since os_fault_at.
uint64_t os_calls(void);
// How often something failed since os_fault_at, and which call was the first to.
uint64_t os_fired(void);
enum os_call os_fired_call(void);
// Watched files that are open now.
int os_open_files(void);
// SQLite's -shm files, which faults leave out (SQLite forgives nothing there, and they are no data): from now on they can
// be made, but not written, as on a disk without a free byte.
void os_shm_full(bool full);

// A change of the watched files. Names are paths below the root; a file is known by the number that it got when it was
// made.
enum os_change {
	CHANGE_CREATE,   // path, file
	CHANGE_WRITE,    // file, offset, bytes
	CHANGE_TRUNCATE, // file, offset = new length
	CHANGE_SYNC,     // file, ok
	CHANGE_SYNC_DIR, // path, ok
	CHANGE_RENAME,   // path → to
	CHANGE_UNLINK,   // path
	CHANGE_LINK,     // path, to
	CHANGE_MKDIR,    // path
	CHANGE_RMDIR,    // path
	CHANGE_MARK,     // offset = value
};
struct os_event {
	enum os_change change;
	const char *path, *to;
	uint64_t file, offset;
	const void *bytes;
	size_t n;
	bool ok;
};
// Told of every change, in order, one at a time. NULL: nobody. Files that are there already get numbers by os_number.
typedef void os_observer(void *context, const struct os_event *event);
void os_observe(os_observer *observer, void *context);
// Puts a mark among the events.
void os_mark(uint64_t value);
// The number of a file that is there; 0: none.
uint64_t os_number(const char *path);

// Allocations of everybody (this program, SQLite, zstd, …): the nth from now fails once; 0: none. Not with sanitizers,
// which bring their own malloc.
bool os_alloc_possible(void);
void os_alloc_fail_at(uint64_t nth);
uint64_t os_allocs(void); // since os_alloc_fail_at
// From now on (true), until it is told to stop, notes by which calls each allocation is reached; begins anew, also the
// count. Several threads may allocate.
void os_alloc_trace(bool on);
// The numbers of allocations, ascending, that are the first or the last to be reached by the same calls, of those noted:
// at most max of them go to nth. Returns how many there are; *n_paths: how many different ways. 0: out of memory.
size_t os_alloc_paths(uint64_t *nth, size_t max, size_t *n_paths);

#endif
