// SPDX-License-Identifier: Apache-2.0
// Lookup in the table of web pages. There are a few dozen, so it is read through.
#include "web/internal.h"

#include <assert.h>

const struct web_asset *web_asset_find(struct sv path)
{
	for (size_t i = 0; i < n_web_assets; i++)
		if (sv_equal(path, sv_from(web_assets[i].path)))
			return &web_assets[i];
	return NULL;
}

const struct web_asset *web_asset_page(void)
{
	const struct web_asset *page = web_asset_find(SV("/index.html"));
	assert(page);
	return page;
}
