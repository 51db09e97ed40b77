// SPDX-License-Identifier: Apache-2.0
// The web pages, built from web/ and carried in the program: paths to bytes. Knows nothing of HTTP.
#ifndef CORRIDOR_WEB_ASSETS_H
#define CORRIDOR_WEB_ASSETS_H

#include "base/sv.h"

#include <stdbool.h>
#include <stddef.h>

// One file. All pointers are to static memory.
struct web_asset {
	const char *path;           // as in a URL: "/assets/index-1a2b3c.js"
	const char *type;           // for Content-Type
	const char *etag;           // with its quotes, of the plain bytes
	const unsigned char *bytes; // plain
	size_t n_bytes;
	const unsigned char *gzip; // the same in gzip form; NULL where that is not smaller
	size_t n_gzip;
	bool immutable; // the name changes with the content: may be cached for ever
};

// The file at exactly that path; NULL when there is none.
const struct web_asset *web_asset_find(struct sv path);

// The page that every view starts from: the answer to any path that is a view and no file. Never NULL.
const struct web_asset *web_asset_page(void);

#endif
