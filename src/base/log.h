// SPDX-License-Identifier: Apache-2.0
// Logging to standard error: for people on a terminal, JSON lines otherwise. Never logs customers' data.
#ifndef CORRIDOR_BASE_LOG_H
#define CORRIDOR_BASE_LOG_H

#include "base/err.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

// Messages below `level` are dropped. Default LOG_WARN. `part` is the folder: "journey", "listen", …
void log_level_set(enum log_level level);
void log_write(enum log_level level, const char *part, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
// Logs an error value (with its place and remedy as fields) at LOG_ERROR.
void log_err(const char *part, const struct err *e);

#endif
