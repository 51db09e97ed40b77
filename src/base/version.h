// SPDX-License-Identifier: Apache-2.0
// The program's version, given by the build.
#ifndef CORRIDOR_BASE_VERSION_H
#define CORRIDOR_BASE_VERSION_H

// "0.1.0"; static.
const char *corridor_version(void);

#endif
