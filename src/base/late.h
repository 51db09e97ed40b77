// SPDX-License-Identifier: Apache-2.0
// Libraries that few commands need are loaded when they are needed: with all that they bring along (libcurl has thirty
// others behind it) each start of the program would take twice as long, and the package would have to depend on them.
#ifndef CORRIDOR_BASE_LATE_H
#define CORRIDOR_BASE_LATE_H

#include "base/err.h"

#include <stddef.h>

// A function and its place in the caller's table of pointers to functions.
struct late_symbol {
	const char *name;
	size_t offset;
};

// Loads a library (by its soname; it stays until the process ends) and fills the table. RC_NOT_FOUND with the remedy,
// which names the package: it is not there, or lacks a function. To be called again without harm.
enum rc late_load(const char *library, const char *package, const struct late_symbol *symbols, size_t n,
	void *table, struct err *e);

#endif
