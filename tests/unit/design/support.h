// SPDX-License-Identifier: Apache-2.0
// What the tests of design/ share: cmocka with its includes, a small corridor file, and parsing that must succeed.
#ifndef CORRIDOR_TESTS_DESIGN_SUPPORT_H
#define CORRIDOR_TESTS_DESIGN_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "design/design.h"

// What every corridor file needs, ready for "touchpoints:" to follow.
#define HEAD "corridor: 1\nbrand: B\ntimezone: UTC\ncurrency: EUR\n"

static inline struct design *parse_ok(struct sv text)
{
	struct design *d = NULL;
	struct err e = ERR_NONE;
	if (design_parse(text, "f.yaml", &d, NULL, &e) != RC_OK) {
		char out[1200];
		fail_msg("%s", err_format(&e, out, sizeof(out)));
	}
	return d;
}

// |a - b| <= within.
#define assert_near(a, b, within)                                                                              \
	do {                                                                                                   \
		double a_ = (a), b_ = (b);                                                                     \
		if (!(a_ - b_ <= (within) && b_ - a_ <= (within)))                                             \
			fail_msg("%.17g is not %.17g", a_, b_);                                                \
	} while (0)

#define assert_sv(view, text)                                                                                  \
	do {                                                                                                   \
		struct sv v_ = (view);                                                                         \
		assert_int_equal(v_.len, sizeof(text) - 1);                                                    \
		assert_memory_equal(v_.len ? v_.ptr : "", text, sizeof(text) - 1);                             \
	} while (0)

#endif
