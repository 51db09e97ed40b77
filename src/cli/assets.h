// SPDX-License-Identifier: Apache-2.0
// Files that the program carries (src/cli/assets, embedded by assets/embed.c).
#ifndef CORRIDOR_CLI_ASSETS_H
#define CORRIDOR_CLI_ASSETS_H

#include <stddef.h>

struct asset {
	const char *name;
	const unsigned char *bytes;
	size_t n_bytes;
};

extern const struct asset assets[];
extern const unsigned n_assets;

#endif
