// SPDX-License-Identifier: Apache-2.0
// dlopen and dlsym with errors that say what to install.
#include "base/late.h"

#include <dlfcn.h>
#include <string.h>

enum rc late_load(const char *library, const char *package, const struct late_symbol *symbols, size_t n,
	void *table, struct err *e)
{
	void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
	for (size_t i = 0; handle && i < n; i++) {
		void *symbol = dlsym(handle, symbols[i].name);
		if (!symbol)
			handle = NULL;
		else
			memcpy((char *)table + symbols[i].offset, &symbol, sizeof(symbol));
	}
	if (handle)
		return RC_OK;
	const char *why = dlerror();
	err_set(e, RC_NOT_FOUND, "%s cannot be loaded: %s", library, why ? why : "it lacks a function");
	err_remedy(e, "install the package %s", package);
	return RC_NOT_FOUND;
}
