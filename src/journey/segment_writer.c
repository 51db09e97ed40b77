// SPDX-License-Identifier: Apache-2.0
// Writes a segment: header, the chunks' columns, the id section (prefix index, keys), footer, trailer.
// Memory: one chunk, a piece of the file, the footer so far, and about 2 bits per key for the prefix index.
//
// States: rows → ids (segment_writer_rows_end) → finished. After any error only segment_writer_free may
// follow; it removes the unfinished file, so a file with a trailer is a whole one.
#include "base/hash.h"
#include "base/mem.h"
#include "base/pool.h"
#include "journey/bits.h"
#include "journey/segment_footer.h"

#include <errno.h>

// Columns go to the file in pieces of this size, each at a multiple of it: file systems that can (ext4 since Linux 6.16,
// XFS) then keep them in huge pages, and scans that take single values out of columns wait for addresses less.
#define PIECE_BYTES ((size_t)2 << 20)

enum { TURN_ROWS = 64, TURN_KEYS = 4096 }; // between two calls of thread_pass

enum writer_state { WRITER_ROWS, WRITER_IDS, WRITER_FINISHED };

struct segment_writer {
	const struct io *io;
	char *path; // NULL: in memory
	int fd;
	bool created; // there is a file to remove
	enum writer_state state;
	struct buf out;    // what is not yet in the file; in memory: everything
	uint64_t written;  // bytes in the file before `out`
	struct buf chunks; // the chunk directory so far
	struct chunk_builder *builder;
	struct footer_head head;
	uint64_t person; // of the last row
	int64_t at_ms;
	uint32_t *prefix;
	uint64_t n_prefix, next_prefix; // entries of the prefix index; the first not yet set
	uint64_t last_key, keys_sum;
	struct bits_writer keys; // the bits that do not yet make up 8 bytes
};

static enum rc writer_nomem(struct err *e)
{
	return err_set(e, RC_NOMEM, "out of memory while writing a segment");
}

static enum rc writer_create(struct segment_writer *w, const char *path, struct err *e)
{
	size_t n = strlen(path) + 1;
	w->path = mem_alloc(n);
	if (!w->path)
		return writer_nomem(e);
	memcpy(w->path, path, n);
	w->fd = w->io->open(w->io, path, IO_CREATE_NEW);
	if (w->fd < 0)
		return err_errno(e, RC_IO, errno, "cannot create segment %s", path);
	w->created = true;
	return RC_OK;
}

static void put_header(struct buf *out)
{
	size_t start = out->len;
	buf_u64(out, SEGMENT_MAGIC);
	buf_u32(out, SEGMENT_FORMAT);
	while (out->rc == RC_OK && out->len - start < SEGMENT_HEADER_BYTES - 8)
		buf_u32(out, 0);
	if (out->rc == RC_OK)
		buf_u64(out, segment_checksum(out->data + start, SEGMENT_HEADER_BYTES - 8));
}

enum rc segment_writer_new(const struct io *io, const char *path, struct segment_writer **out, struct err *e)
{
	*out = NULL;
	struct segment_writer *w = mem_calloc(1, sizeof *w);
	if (!w)
		return writer_nomem(e);
	w->io = io ? io : io_system();
	w->fd = -1;
	w->out = buf_new(SIZE_MAX);
	w->chunks = buf_new(SIZE_MAX);
	w->head.info.first_ms = w->head.info.last_ms = TIME_NONE;
	enum rc rc = RC_OK;
	w->builder = chunk_builder_new();
	if (!w->builder)
		rc = writer_nomem(e);
	if (!rc && path)
		rc = writer_create(w, path, e);
	put_header(&w->out);
	if (!rc)
		rc = buf_check(&w->out, e, "segment");
	if (rc)
		segment_writer_free(&w);
	*out = w;
	return rc;
}

// Moves the first n bytes of `out` to the file. Nothing to do in memory.
static enum rc writer_flush(struct segment_writer *w, size_t n, struct err *e)
{
	if (!w->path || n == 0)
		return RC_OK;
	enum rc rc = io_write_all(w->io, w->fd, w->out.data, n, w->written, w->path, e);
	if (rc)
		return rc;
	if (w->io->write_back)
		w->io->write_back(w->io, w->fd, w->written, n);
	w->written += n;
	w->out.len -= n;
	memmove(w->out.data, w->out.data + n, w->out.len);
	return RC_OK;
}

static enum rc chunk_close(struct segment_writer *w, struct err *e)
{
	if (chunk_builder_rows(w->builder) == 0)
		return RC_OK;
	struct segment_info *info = &w->head.info;
	if (info->n_chunks == SEGMENT_CHUNKS_MAX)
		return err_set(e, RC_LIMIT, "a segment holds at most %u chunks", SEGMENT_CHUNKS_MAX);
	struct segment_chunk chunk;
	enum rc rc = chunk_builder_finish(w->builder, &w->out, w->written + w->out.len, &chunk, e);
	if (rc)
		return rc;
	footer_put_chunk(&w->chunks, &chunk);
	rc = buf_check(&w->chunks, e, "footer of a segment");
	if (rc)
		return rc;
	bool first = info->n_chunks++ == 0;
	if (first)
		info->first_person = chunk.first_person;
	info->n_persons += chunk.n_persons - (!first && info->last_person == chunk.first_person);
	info->last_person = chunk.last_person;
	info->first_ms = first || chunk.first_ms < info->first_ms ? chunk.first_ms : info->first_ms;
	info->last_ms = first || chunk.last_ms > info->last_ms ? chunk.last_ms : info->last_ms;
	info->n_rows += chunk.n_rows;
	w->head.n_columns += chunk.n_columns;
	return writer_flush(w, w->out.len / PIECE_BYTES * PIECE_BYTES, e);
}

enum rc segment_writer_add(struct segment_writer *w, const struct row *row, struct err *e)
{
	assert(w->state == WRITER_ROWS);
	uint32_t n = chunk_builder_rows(w->builder);
	if (n % TURN_ROWS == 0)
		thread_pass();
	bool any = n > 0 || w->head.info.n_rows > 0;
	if (any && (row->person < w->person || (row->person == w->person && row->at_ms < w->at_ms)))
		return err_set(e, RC_CORRUPT, "rows for a segment are not in order of person and time");
	if ((n >= CHUNK_ROWS && row->person != w->person) || n == CHUNK_ROWS_MAX) {
		enum rc rc = chunk_close(w, e);
		if (rc)
			return rc;
	}
	w->person = row->person;
	w->at_ms = row->at_ms;
	return chunk_builder_add(w->builder, row, e);
}

// --- ids ---

static uint64_t prefix_length(const struct segment_writer *w)
{
	return segment_region_length(w->n_prefix * 4);
}

// Leaves room for the prefix index, whose size follows from the number of keys; they follow it.
enum rc segment_writer_rows_end(struct segment_writer *w, uint64_t n_ids, struct err *e)
{
	assert(w->state == WRITER_ROWS);
	enum rc rc = chunk_close(w, e);
	if (!rc)
		rc = writer_flush(w, w->out.len, e);
	if (rc)
		return rc;
	w->state = WRITER_IDS;
	struct footer_head *h = &w->head;
	h->prefix_bits = ids_prefix_bits(n_ids);
	w->n_prefix = (1ull << h->prefix_bits) + 1;
	w->prefix = mem_calloc(1, prefix_length(w));
	if (!w->prefix)
		return writer_nomem(e);
	uint64_t here = w->written + w->out.len, room = prefix_length(w);
	h->ids[REGION_PREFIX] = (struct segment_region){.offset = here, .length = room};
	h->ids[REGION_KEYS].offset = here + room;
	if (w->path) {
		w->written += room;
	} else if (buf_reserve(&w->out, room)) {
		memset(w->out.data + w->out.len, 0, room);
		w->out.len += room;
	}
	return buf_check(&w->out, e, "segment");
}

// In a file: hands over whole pieces of the checksum.
static enum rc keys_flush(struct segment_writer *w, struct err *e)
{
	while (w->path && w->out.len >= SEGMENT_CHECKSUM_PIECE) {
		w->keys_sum = hash64_seed(w->out.data, SEGMENT_CHECKSUM_PIECE, w->keys_sum);
		enum rc rc = writer_flush(w, SEGMENT_CHECKSUM_PIECE, e);
		if (rc)
			return rc;
	}
	return RC_OK;
}

static enum rc keys_put(struct segment_writer *w, const uint64_t *keys, size_t n, struct err *e)
{
	uint8_t *to = buf_reserve(&w->out, 8 * n + 16);
	if (!to)
		return buf_check(&w->out, e, "segment");
	unsigned width = ids_low_bits(w->head.prefix_bits);
	w->keys.to = to;
	for (size_t i = 0; i < n; i++) {
		if (keys[i] < w->last_key)
			return err_set(e, RC_CORRUPT, "id keys for a segment are not ascending");
		w->last_key = keys[i];
		uint64_t prefix = ids_prefix(keys[i], w->head.prefix_bits);
		while (w->next_prefix <= prefix)
			w->prefix[w->next_prefix++] = (uint32_t)w->head.n_ids;
		w->head.n_ids++;
		bits_put(&w->keys, keys[i] & bits_mask(width), width);
	}
	w->out.len += (size_t)(w->keys.to - to);
	return RC_OK;
}

enum rc segment_writer_ids(struct segment_writer *w, const uint64_t *keys, size_t n, struct err *e)
{
	assert(w->state != WRITER_FINISHED);
	enum rc rc = w->state == WRITER_ROWS ? segment_writer_rows_end(w, n, e) : RC_OK;
	if (!rc && n > UINT32_MAX - w->head.n_ids)
		rc = err_set(e, RC_LIMIT, "a segment holds at most %u ids", UINT32_MAX);
	while (!rc && n > 0) {
		size_t piece = n < TURN_KEYS ? n : TURN_KEYS;
		thread_pass();
		rc = keys_put(w, keys, piece, e);
		if (!rc)
			rc = keys_flush(w, e);
		keys += piece;
		n -= piece;
	}
	return rc;
}

// The last bits of the keys and the padding of their region.
static enum rc keys_pad(struct segment_writer *w, struct err *e)
{
	struct segment_region *keys = &w->head.ids[REGION_KEYS];
	keys->length = segment_region_length(bits_bytes(w->head.n_ids, ids_low_bits(w->head.prefix_bits)));
	size_t left = (size_t)(keys->offset + keys->length - (w->written + w->out.len));
	uint8_t *to = buf_reserve(&w->out, left + 8);
	if (!to)
		return buf_check(&w->out, e, "segment");
	memset(to, 0, left);
	w->keys.to = to;
	bits_flush(&w->keys);
	w->out.len += left;
	return keys_flush(w, e);
}

// Pads and sums the keys, puts the prefix index into the room left for it.
static enum rc ids_end(struct segment_writer *w, struct err *e)
{
	struct segment_region *ids = w->head.ids;
	while (w->next_prefix < w->n_prefix)
		w->prefix[w->next_prefix++] = (uint32_t)w->head.n_ids;
	enum rc rc = keys_pad(w, e);
	if (rc)
		return rc;
	ids[REGION_PREFIX].checksum = segment_checksum(w->prefix, ids[REGION_PREFIX].length);
	if (!w->path) {
		ids[REGION_KEYS].checksum =
			segment_checksum(w->out.data + ids[REGION_KEYS].offset, ids[REGION_KEYS].length);
		memcpy(w->out.data + ids[REGION_PREFIX].offset, w->prefix, ids[REGION_PREFIX].length);
		return RC_OK;
	}
	if (w->out.len > 0)
		w->keys_sum = hash64_seed(w->out.data, w->out.len, w->keys_sum);
	ids[REGION_KEYS].checksum = w->keys_sum;
	return io_write_all(
		w->io, w->fd, w->prefix, ids[REGION_PREFIX].length, ids[REGION_PREFIX].offset, w->path, e);
}

static enum rc writer_close(struct segment_writer *w, struct err *e)
{
	enum rc rc = writer_flush(w, w->out.len, e);
	if (rc || !w->path)
		return rc;
	if (w->io->fsync(w->io, w->fd))
		return err_errno(e, RC_IO, errno, "cannot make segment %s durable", w->path);
	int fd = w->fd;
	w->fd = -1;
	if (w->io->close(w->io, fd))
		return err_errno(e, RC_IO, errno, "cannot close segment %s", w->path);
	return RC_OK;
}

enum rc segment_writer_finish(struct segment_writer *w, struct segment_info *info, struct err *e)
{
	assert(w->state != WRITER_FINISHED);
	enum rc rc = w->state == WRITER_ROWS ? segment_writer_rows_end(w, 0, e) : RC_OK;
	if (!rc)
		rc = ids_end(w, e);
	if (rc)
		return rc;
	uint64_t footer = w->written + w->out.len;
	size_t start = w->out.len;
	footer_put_head(&w->out, &w->head);
	buf_sv(&w->out, buf_view(&w->chunks));
	rc = buf_check(&w->out, e, "footer of a segment");
	if (rc)
		return rc;
	uint64_t length = w->out.len - start;
	w->head.info.checksum = segment_checksum(w->out.data + start, length);
	buf_u64(&w->out, footer);
	buf_u64(&w->out, length);
	buf_u64(&w->out, w->head.info.checksum);
	buf_u64(&w->out, SEGMENT_TRAILER_MAGIC);
	rc = buf_check(&w->out, e, "segment");
	if (rc)
		return rc;
	w->head.info.bytes = w->written + w->out.len;
	rc = writer_close(w, e);
	if (rc)
		return rc;
	w->state = WRITER_FINISHED;
	*info = w->head.info;
	return RC_OK;
}

uint8_t *segment_writer_take(struct segment_writer *w, size_t *bytes)
{
	assert(w->state == WRITER_FINISHED && !w->path);
	uint8_t *data = w->out.data;
	*bytes = w->out.len;
	w->out.data = NULL;
	w->out.len = w->out.capacity = 0;
	return data;
}

void segment_writer_free(struct segment_writer **out)
{
	struct segment_writer *w = *out;
	if (!w)
		return;
	if (w->fd >= 0)
		w->io->close(w->io, w->fd);
	if (w->created && w->state != WRITER_FINISHED)
		w->io->unlink(w->io, w->path);
	buf_free(&w->out);
	buf_free(&w->chunks);
	chunk_builder_free(&w->builder);
	mem_free(w->prefix);
	mem_free(w->path);
	mem_free(w);
	*out = NULL;
}
