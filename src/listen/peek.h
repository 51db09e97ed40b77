// SPDX-License-Identifier: Apache-2.0
// What looking at a file and guessing its mapping share: the first rows as a table of texts.
#ifndef CORRIDOR_LISTEN_PEEK_H
#define CORRIDOR_LISTEN_PEEK_H

#include "listen/listen.h"

#define PEEK_ROWS 500u
#define PEEK_COLUMNS_MAX 1024u
#define PEEK_VALUE_BYTES 300u // longer texts are cut

// values[i]: of row i; ptr NULL: absent or empty.
struct peek_values {
	struct sv name;
	struct sv values[PEEK_ROWS];
	uint32_t n_present;
	bool cut; // one of them is longer than what is kept
};

struct peek_table {
	const char *format;
	bool has_header, latin1;
	struct peek_values **columns; // n_columns, in the order of the file
	uint32_t n_columns, n_rows;
};

// The mapping for a table; name: of the file. SV_NONE: out of memory.
struct sv mapping_guess(const struct peek_table *t, struct sv name, const struct design *d, struct arena *a);

#endif
