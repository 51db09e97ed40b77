// SPDX-License-Identifier: Apache-2.0
// Logging: each message is one write(2) of one line, so that lines of several threads do not mix. Nothing is
// allocated: running out of memory can be logged too. The level is process-wide and atomic.
#include "base/log.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/tz.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

static atomic_int threshold = LOG_WARN;

static const char *const level_names[] = {"debug", "info", "warning", "error"};

void log_level_set(enum log_level level)
{
	atomic_store(&threshold, (int)level);
}

static void write_stderr(const struct buf *line)
{
	size_t done = 0;
	while (done < line->len) {
		ssize_t n = write(STDERR_FILENO, line->data + done, line->len - done);
		if (n <= 0)
			return;
		done += (size_t)n;
	}
}

// "2026-03-29T12:00:00.000Z"
static void now_text(char *out, size_t size)
{
	int64_t ms = clock_system()->now_ms(clock_system()), year;
	unsigned month, day, of_day_ms = (unsigned)(ms % 86400000);
	civil_from_days(ms / 86400000, &year, &month, &day);
	snprintf(out, size, "%04lld-%02u-%02uT%02u:%02u:%02u.%03uZ", (long long)year, month, day,
		of_day_ms / 3600000, of_day_ms / 60000 % 60, of_day_ms / 1000 % 60, of_day_ms % 1000);
}

static void field(struct json *j, const char *key, const char *value)
{
	if (value[0] != '\0')
		json_key_text(j, key, value);
}

static void json_line(
	struct buf *b, enum log_level level, const char *part, const char *message, const struct err *e)
{
	char at[40];
	now_text(at, sizeof(at));
	struct json j = json_new(b);
	json_object(&j);
	field(&j, "at", at);
	field(&j, "level", level_names[level]);
	field(&j, "part", part);
	field(&j, "message", message);
	if (e) {
		field(&j, "kind", rc_info(e->rc)->name);
		field(&j, "file", e->file);
		if (e->line) {
			json_key_i64(&j, "line", e->line);
			json_key_i64(&j, "column", e->column);
		}
		field(&j, "remedy", e->remedy);
	}
	json_object_end(&j);
}

static void emit(enum log_level level, const char *part, const char *message, const struct err *e)
{
	uint8_t bytes[12 * 1024]; // all texts of an error, each byte escaped to six
	struct buf line = {.data = bytes, .capacity = sizeof(bytes) - 1, .max = sizeof(bytes) - 1};
	if (isatty(STDERR_FILENO)) {
		char text[1400];
		buf_printf(&line, "%s: %s: %s", level_names[level], part,
			e ? err_format(e, text, sizeof(text)) : message);
	} else {
		json_line(&line, level, part, message, e);
	}
	buf_char(&line, '\n');
	write_stderr(&line);
}

void log_write(enum log_level level, const char *part, const char *format, ...)
{
	if ((int)level < atomic_load_explicit(&threshold, memory_order_relaxed))
		return;
	char message[1024];
	va_list args;
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	emit(level, part, message, NULL);
}

void log_err(const char *part, const struct err *e)
{
	if ((int)LOG_ERROR >= atomic_load_explicit(&threshold, memory_order_relaxed))
		emit(LOG_ERROR, part, e->message, e);
}
