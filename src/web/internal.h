// SPDX-License-Identifier: Apache-2.0
#ifndef CORRIDOR_WEB_INTERNAL_H
#define CORRIDOR_WEB_INTERNAL_H

#include "web/assets.h"

// Made by tools/web_assets.py; in no order that matters.
extern const struct web_asset web_assets[];
extern const size_t n_web_assets;

#endif
