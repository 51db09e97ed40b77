// SPDX-License-Identifier: Apache-2.0
// Fuzz target: the bytes of a segment. Opens, verifies, reads and scans them; and does so once more after making
// all checksums right again, so that what lies behind them is reached.
#include "base/mem.h"
#include "journey/cursor.h"
#include "journey/segment_footer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void rows_read(const struct segment *s)
{
	struct segment_rows *r;
	struct err e = ERR_NONE;
	const struct row *row = NULL;
	enum rc rc = segment_rows_open(s, &r, &e);
	do {
		rc = rc ? rc : segment_rows_next(r, &row, &e);
	} while (!rc && row);
	segment_rows_close(&r);
}

static void scan_read(struct segment *s, bool ordered)
{
	struct segment *both[2] = {s, s};
	const struct snapshot_segments all = {.items = both, .n = ordered ? 2 : 1};
	static const uint8_t wanted[4] = {0, 1, 1, 0};
	const struct predicate predicates[] = {
		{.kind = PREDICATE_CODES, .column = CODE_TOUCHPOINT, .code_wanted = wanted, .n_codes = 4},
		{.kind = PREDICATE_MEASURE, .measure_slot = 0, .min = -1e9, .max = 1e9, .wanted_absent = true}};
	const struct scan_request request = {.ordered = ordered,
		.all_rows = true,
		.columns = {.received = true,
			.touchpoint = true,
			.channel = true,
			.event = true,
			.due = true,
			.promise = true,
			.keeps = true,
			.dimensions = UINT32_MAX,
			.measures = UINT64_MAX},
		.predicates = predicates,
		.n_predicates = 2};
	struct cursor *c;
	struct err e = ERR_NONE;
	const struct span *span = NULL;
	enum rc rc = cursor_open_segments(&all, &request, 1, UINT64_MAX - 1, &c, &e);
	if (!rc)
		cursor_want_rows(c);
	do {
		rc = rc ? rc : cursor_next(c, &span, &e);
	} while (!rc && span);
	cursor_close(&c);
}

static void segment_use(const uint8_t *data, size_t size)
{
	uint8_t *copy = mem_alloc(size);
	struct segment *s;
	struct err e = ERR_NONE;
	if (!copy)
		return;
	memcpy(copy, data, size);
	if (segment_open_memory(copy, size, &s, &e))
		return;
	rows_read(s);
	scan_read(s, false);
	scan_read(s, true);
	uint64_t keys[3] = {0, 1ull << 63, UINT64_MAX}, bits[1] = {0};
	struct segment_ids ids;
	if (segment_ids_lookup(s, keys, 3, bits) == RC_OK && segment_ids_open(s, &ids, &e) == RC_OK)
		while (segment_ids_next(&ids, &keys[0]))
			;
	struct identity_list list = {.n = 0};
	struct arena *a = arena_new(1u << 20);
	if (a && s->info.n_chunks &&
		segment_identities(s, s->info.first_person, NULL, NULL, a, &list, &e) != RC_OK)
		e = ERR_NONE;
	mem_free(list.items);
	arena_free(&a);
	if (segment_verify(s, &e) != RC_OK && e.message[0] == '\0')
		__builtin_trap(); // every failure says what is wrong
	segment_close(&s);
}

static void put_u64(uint8_t *to, uint64_t v)
{
	memcpy(to, &v, sizeof v);
}

static void region_reseal(const uint8_t *data, size_t size, uint64_t offset, uint64_t length, uint8_t *checksum)
{
	if (offset <= size && length <= size - offset)
		put_u64(checksum, segment_checksum(data + offset, (size_t)length));
}

// Puts the right checksums everywhere that the footer points to.
static void reseal(uint8_t *data, size_t size)
{
	if (size < SEGMENT_HEADER_BYTES + FOOTER_HEAD_BYTES + SEGMENT_TRAILER_BYTES)
		return;
	uint8_t *trailer = data + size - SEGMENT_TRAILER_BYTES;
	uint64_t offset = load_u64(trailer), length = load_u64(trailer + 8);
	if (offset > size || length > size - offset || length < FOOTER_HEAD_BYTES)
		return;
	uint8_t *footer = data + offset;
	struct rd rd = rd_new((struct sv){(const char *)footer, (size_t)length});
	struct footer_head head;
	footer_get_head(&rd, &head);
	for (unsigned k = 0; k < ID_REGIONS; k++)
		region_reseal(data, size, head.ids[k].offset, head.ids[k].length,
			footer + FOOTER_HEAD_BYTES - 24 * (ID_REGIONS - k) + 16);
	while (!rd.bad && rd.p < rd.end) {
		struct segment_chunk chunk;
		footer_get_chunk(&rd, &chunk);
		for (uint32_t i = 0; !rd.bad && i < chunk.n_columns; i++) {
			struct segment_column column;
			footer_get_column(&rd, &column);
			if (!rd.bad)
				region_reseal(data, size, column.offset, column.length,
					data + (rd.p - data) - 24); // before the statistics
		}
	}
	put_u64(data + SEGMENT_HEADER_BYTES - 8, segment_checksum(data, SEGMENT_HEADER_BYTES - 8));
	put_u64(trailer + 16, segment_checksum(footer, (size_t)length));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	segment_use(data, size);
	uint8_t *copy = mem_alloc(size);
	if (!copy)
		return 0;
	memcpy(copy, data, size);
	reseal(copy, size);
	segment_use(copy, size);
	mem_free(copy);
	return 0;
}
