// SPDX-License-Identifier: Apache-2.0
// Refusing before the disk is full. The reserve that an append leaves is what sealing the whole inbox can need, so that
// what was acknowledged can always be brought into a segment; merges, restating and backups leave it as well.
#include "journey/store_internal.h"

// SQLite's log grows to 1,000 pages of 16 KiB before it is copied into the database; where a thread does that, to more.
#define PAGE_BYTES ((uint64_t)16 << 10)
#define LOG_PAGES 1024u
// With this much free the log can begin.
#define OPENING_BYTES ((uint64_t)256 << 10)
// Unpacked batches are larger than the segment that they become: times, codes and numbers are packed there, values that
// are read seldom are compressed. Keys of message ids and the footer come on top.
#define SEAL_ROW_BYTES 12u

static uint64_t seal_bytes(const struct head *h)
{
	return h ? h->bytes + h->n_rows * SEAL_ROW_BYTES : 0;
}

static uint64_t log_bytes(const struct store *s)
{
	return (s->options.gives_way ? WAL_PAGES_MOST + LOG_PAGES : LOG_PAGES) * PAGE_BYTES;
}

static uint64_t reserve(const struct store *s)
{
	return log_bytes(s) + seal_bytes(s->active) + seal_bytes(s->sealing);
}

enum rc space_for_opening(const struct store *s, struct err *e)
{
	struct err ignored = ERR_NONE;
	if (io_need_space(s->io, s->dir, OPENING_BYTES, "opening", &ignored) == RC_OK)
		return RC_OK;
	return io_need_space(s->io, s->dir, log_bytes(s), "writing", e);
}

enum rc space_for_append(const struct store *s, uint64_t batch_bytes, struct err *e)
{
	uint64_t needed = reserve(s) + 2 * batch_bytes; // packed in the log and in the database; in a segment
	return io_need_space(s->io, s->dir, needed, "taking in more, with room to seal it,", e);
}

enum rc space_for_seal(const struct store *s, const struct head *h, struct err *e)
{
	return io_need_space(s->io, s->dir, seal_bytes(h), "sealing the inbox", e);
}

enum rc space_for_rewrite(const struct store *s, uint64_t bytes, const char *what, struct err *e)
{
	return io_need_space(s->io, s->dir, bytes + bytes / 8 + log_bytes(s), what, e);
}
