// SPDX-License-Identifier: Apache-2.0
// Bytes of a file or of standard input, unpacked: plain, gzip (any number of members) or zstd (any number of
// frames), recognised by their first bytes and not by the name. Memory is bounded whatever the input says.
#ifndef CORRIDOR_LISTEN_STREAM_H
#define CORRIDOR_LISTEN_STREAM_H

#include "base/err.h"
#include "base/io.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum stream_kind { STREAM_PLAIN, STREAM_GZIP, STREAM_ZSTD };

struct stream;

// Is what looks at `cancel` (may be NULL) to stop? It is set by a signal's handler or, with stop_set, by another thread.
static inline bool stop_asked(const volatile sig_atomic_t *cancel)
{
	return cancel && __atomic_load_n(cancel, __ATOMIC_RELAXED);
}
static inline void stop_set(volatile sig_atomic_t *cancel, bool stop)
{
	__atomic_store_n(cancel, stop, __ATOMIC_RELAXED);
}

// Opens `path` ("-" = standard input) and looks at its first bytes. io NULL = the system's. cancel (may be NULL):
// when it becomes non-zero, waiting for a pipe ends with RC_CANCELLED. RC_INPUT with a remedy for containers that
// are not read here (zip, xz, bzip2).
enum rc stream_open(const struct io *io, const char *path, const volatile sig_atomic_t *cancel,
	struct stream **out, struct err *e);
// Can the file be read twice? Not so standard input and pipes.
bool stream_rereadable(const struct stream *s);
// Reads a packed file that can be read twice to its end, gives nothing of it, and begins anew: whether it is damaged tell its
// checksums only behind the bytes that they cover, when those have been taken. Other input is left as it is. Right after
// stream_open, in bounded memory. `progress` (may be NULL) is told now and then how many bytes of the file as it lies on disk
// have been looked at, of how many. RC_INPUT when it is damaged or ends early, RC_CANCELLED when `cancel` of stream_open asks for it.
enum rc stream_check(struct stream *s, void (*progress)(void *context, uint64_t bytes, uint64_t total),
	void *context, struct err *e);
// Fills buf[n]; *got < n only at the end of the input. On failure *got bytes are good still. Input that ends inside
// a member or frame, or is damaged, is RC_INPUT naming the offset in the compressed file.
enum rc stream_read(struct stream *s, void *buf, size_t n, size_t *got, struct err *e);
enum stream_kind stream_kind(const struct stream *s);
// Bytes of the file as it lies on disk that have been used up so far, and in all (0 = unknown: a pipe).
uint64_t stream_bytes_used(const struct stream *s);
uint64_t stream_bytes_total(const struct stream *s);
void stream_close(struct stream **s);

#endif
