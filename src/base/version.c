// SPDX-License-Identifier: Apache-2.0
#include "base/version.h"

#ifndef CORRIDOR_VERSION
#error "the build defines CORRIDOR_VERSION"
#endif

const char *corridor_version(void)
{
	return CORRIDOR_VERSION;
}
