// SPDX-License-Identifier: Apache-2.0
// Rows on their way to another place in the order: written one after another as they are found, sorted by their keys,
// read back in order. What is in memory is the keys (40 bytes a row) and, where there is a file, a few MiB of bytes.
#include "base/mem.h"
#include "journey/overlay.h"

#include <errno.h>
#include <stdlib.h>

#define SPILL_BYTES (4u << 20)

struct moved_key {
	uint64_t person;
	int64_t at_ms;
	uint64_t number;
	uint64_t offset;
	uint32_t place;
};

struct moved_rows {
	struct moved_key *keys;
	size_t n, capacity;
	struct buf bytes;
	const struct io *io;
	char *path; // NULL: all in memory
	int fd;
	uint64_t written; // bytes in the file
	void *mapped;
};

enum rc moved_rows_new(const struct io *io, const char *path, struct moved_rows **out, struct err *e)
{
	*out = NULL;
	struct moved_rows *m = mem_calloc(1, sizeof(*m));
	if (!m)
		return err_set(e, RC_NOMEM, "out of memory for moved interactions");
	m->io = io;
	m->fd = -1;
	m->bytes = buf_new(SIZE_MAX);
	enum rc rc = RC_OK;
	if (path) {
		size_t n = strlen(path) + 1;
		m->path = mem_alloc(n);
		if (!m->path) {
			rc = err_set(e, RC_NOMEM, "out of memory for moved interactions");
		} else {
			memcpy(m->path, path, n);
			m->fd = io->open(io, path, IO_CREATE);
			if (m->fd < 0)
				rc = err_errno(e, RC_IO, errno, "cannot create %s", path);
		}
	}
	if (rc != RC_OK)
		moved_rows_free(&m);
	*out = m;
	return rc;
}

void moved_rows_free(struct moved_rows **moved)
{
	struct moved_rows *m = *moved;
	*moved = NULL;
	if (!m)
		return;
	if (m->mapped)
		m->io->unmap(m->io, m->mapped, m->written);
	if (m->fd >= 0) {
		m->io->close(m->io, m->fd);
		m->io->unlink(m->io, m->path);
	}
	mem_free(m->path);
	mem_free(m->keys);
	buf_free(&m->bytes);
	mem_free(m);
}

static enum rc spill(struct moved_rows *m, struct err *e)
{
	enum rc rc = io_write_all(m->io, m->fd, m->bytes.data, m->bytes.len, m->written, m->path, e);
	if (rc == RC_OK) {
		m->written += m->bytes.len;
		buf_clear(&m->bytes);
	}
	return rc;
}

static void row_put(struct buf *b, const struct row *row, uint64_t person, uint64_t locator)
{
	uint64_t origin = row->origin ? row->origin : row->person;
	uint32_t n_codes = 0;
	buf_u64(b, locator);
	buf_u64(b, origin == person ? 0 : origin);
	buf_zigzag(b, (int64_t)((uint64_t)row->received_ms - (uint64_t)row->at_ms));
	buf_u64(b, (uint64_t)row->due_ms);
	buf_u64(b, row->promise);
	buf_u64(b, row->keeps);
	for (uint32_t i = 0; i < CODE_COLUMNS; i++)
		n_codes += row->code[i] != NAME_NONE;
	buf_varint(b, n_codes);
	for (uint32_t i = 0; i < CODE_COLUMNS; i++)
		if (row->code[i] != NAME_NONE) {
			buf_varint(b, i);
			buf_varint(b, row->code[i]);
		}
	buf_varint(b, row->n_measures);
	for (uint32_t i = 0; i < row->n_measures; i++) {
		buf_varint(b, row->measures[i].slot);
		buf_double(b, row->measures[i].value);
	}
	uint8_t flags = 0;
	for (unsigned i = 0; i < COLD_COLUMNS; i++)
		flags |= (uint8_t)((row->cold[i].ptr != NULL) << i);
	buf_u8(b, (uint8_t)(flags | (row->identities.ptr != NULL) << COLD_COLUMNS));
	for (unsigned i = 0; i < COLD_COLUMNS; i++)
		if (row->cold[i].ptr)
			buf_blob(b, row->cold[i]);
	if (row->identities.ptr)
		buf_blob(b, row->identities);
}

enum rc moved_rows_add(struct moved_rows *m, const struct row *row, uint64_t person, uint32_t place,
	uint64_t number, uint64_t locator, struct err *e)
{
	if (mem_grow((void **)&m->keys, &m->capacity, m->n + 1, sizeof(*m->keys)) != 0)
		return err_set(e, RC_NOMEM, "out of memory for moved interactions");
	m->keys[m->n++] = (struct moved_key){person, row->at_ms, number, m->written + m->bytes.len, place};
	row_put(&m->bytes, row, person, locator);
	enum rc rc = buf_check(&m->bytes, e, "moved interactions");
	return rc == RC_OK && m->path && m->bytes.len >= SPILL_BYTES ? spill(m, e) : rc;
}

static int key_compare(const void *a, const void *b)
{
	const struct moved_key *x = a, *y = b;
	if (x->person != y->person)
		return x->person < y->person ? -1 : 1;
	if (x->at_ms != y->at_ms)
		return x->at_ms < y->at_ms ? -1 : 1;
	if (x->place != y->place)
		return x->place < y->place ? -1 : 1;
	return (x->number > y->number) - (x->number < y->number);
}

enum rc moved_rows_sort(struct moved_rows *m, struct err *e)
{
	if (m->n > 0)
		qsort(m->keys, m->n, sizeof(*m->keys), key_compare);
	if (!m->path || m->n == 0)
		return RC_OK;
	enum rc rc = spill(m, e);
	if (rc != RC_OK)
		return rc;
	m->mapped = m->io->map(m->io, m->fd, m->written);
	if (m->mapped == (void *)-1) { // MAP_FAILED
		m->mapped = NULL;
		return err_errno(e, RC_IO, errno, "cannot map %s", m->path);
	}
	return RC_OK;
}

size_t moved_rows_count(const struct moved_rows *m)
{
	return m->n;
}

enum rc moved_rows_get(struct moved_rows *m, size_t i, struct row *row, uint64_t *locator, struct err *e)
{
	const struct moved_key *k = &m->keys[i];
	const uint8_t *bytes = m->mapped ? m->mapped : m->bytes.data;
	uint64_t end = m->mapped ? m->written : m->bytes.len;
	struct rd r = {bytes + k->offset, bytes + end, false};
	row->person = k->person;
	row->at_ms = k->at_ms;
	row->id_key = 0;
	*locator = rd_u64(&r);
	row->origin = rd_u64(&r);
	row->received_ms = (int64_t)((uint64_t)k->at_ms + (uint64_t)rd_zigzag(&r));
	row->due_ms = (int64_t)rd_u64(&r);
	row->promise = rd_u64(&r);
	row->keeps = rd_u64(&r);
	memset(row->code, 0, sizeof(row->code));
	for (uint64_t n = rd_varint(&r); n > 0 && !r.bad; n--) {
		uint64_t column = rd_varint(&r), code = rd_varint(&r);
		if (column < CODE_COLUMNS)
			row->code[column] = (uint32_t)code;
	}
	uint64_t n_measures = rd_varint(&r);
	row->n_measures = n_measures <= DESIGN_MEASURES_MAX ? (uint32_t)n_measures : 0;
	for (uint32_t n = 0; n < row->n_measures; n++) {
		row->measures[n].slot = (uint32_t)rd_varint(&r);
		row->measures[n].value = rd_double(&r);
	}
	uint8_t flags = rd_u8(&r);
	for (unsigned c = 0; c < COLD_COLUMNS; c++)
		row->cold[c] = flags >> c & 1 ? rd_blob(&r) : SV_NONE;
	row->identities = flags >> COLD_COLUMNS & 1 ? rd_blob(&r) : SV_NONE;
	return r.bad ? err_set(e, RC_CORRUPT, "a file of moved interactions was changed while it was in use")
		     : RC_OK;
}
