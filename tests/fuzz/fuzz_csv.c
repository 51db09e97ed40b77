// SPDX-License-Identifier: Apache-2.0
// The CSV splitter must give what the slow machine gives, for every dialect, limit and cut into windows. The first
// four bytes choose those; the rest is the file. Finding the header of the same bytes must not break anything.
#include "../unit/listen/csv_slow.h"

#include "base/arena.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void sniff(const char *text, size_t len, uint8_t choice)
{
	struct reader_options o = {
		.has_header = choice & 1, .trim = choice & 2, .latin1 = choice & 4, .skip_lines = choice >> 6};
	const struct sv required[] = {SV("id"), SV("at")};
	struct arena *a = arena_new((size_t)16 << 20);
	struct csv_head head;
	struct err e = ERR_NONE;
	if (a && csv_sniff((struct sv){text, len}, 0, choice & 8, &o, required, choice >> 4 & 2, a, &head,
			 &e) == RC_OK) {
		if (head.body_at > len || head.n_columns == 0)
			abort();
	}
	arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char delimiters[] = {',', ';', '\t', '|'};
	if (size < 4)
		return 0;
	struct csv_dialect d = {delimiters[data[0] & 3], data[0] & 4 ? '\'' : '"', data[0] & 8 ? '\r' : '\n',
		data[0] & 16, data[0] & 32};
	size_t max = 1 + data[1] % 64;
	size_t window = 2 * (max + 2) + data[2];
	size_t len = size - 4;
	char *exact = malloc(len ? len : 1); // so that a read past the end is seen
	if (!exact)
		return 0;
	memcpy(exact, data + 4, len);
	const char *wrong = slow_check(&d, max, window, exact, len);
	if (wrong) {
		fprintf(stderr, "the fast splitter differs: %s\n", wrong);
		abort();
	}
	sniff(exact, len, data[3]);
	free(exact);
	return 0;
}
