// SPDX-License-Identifier: Apache-2.0
// Corridor files: parsing anything must end with a design or with an explanation.
#include "design/design.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct design *d = NULL;
	struct design_problems problems = {0};
	struct err e = ERR_NONE;
	struct sv text = {(const char *)data, size};
	enum rc rc = design_parse(text, "fuzz.yaml", &d, &problems, &e);
	if (rc != RC_OK && (d || e.message[0] == '\0'))
		abort();
	if (rc == RC_OK) {
		struct interaction x;
		memset(&x, 0, sizeof(x));
		x.event = x.source = x.channel = text;
		for (uint32_t i = 0; i < d->n_paths; i++)
			x.paths[i] = d->paths[i];
		design_resolve(d, &x);
		struct arena *a = arena_new(0);
		struct design_changes changes;
		if (a && design_diff(d, d, a, &changes, NULL) == RC_OK && changes.n != 0)
			abort();
		arena_free(&a);
	}
	design_problems_free(&problems);
	design_free(&d);
	return 0;
}
