// SPDX-License-Identifier: Apache-2.0
// Names in done/ and failed/. Whoever may write to a watched folder chooses names freely: also such as end in .report.json,
// and such as have no room for an ending behind them.
#include "listen/drop_place.h"

#include "base/io.h"
#include "base/json.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define REPORT ".report.json"
enum {
	LONGEST = NAME_MAX - (int)(sizeof(REPORT ".tmp") - 1), // a report is written to a .tmp first
	TAIL = 40, // bytes of a shortened name's end: what kind of file it is
	REPORT_BYTES_MAX = 1 << 20,
	NAME_BYTES = NAME_MAX + 40,
	TRIES = 1000
};

// --- names ---

static bool is_inside_letter(char c)
{
	return ((unsigned char)c & 0xC0) == 0x80; // of UTF-8
}

// Prefix and name, at most LONGEST bytes of both.
static void name_make(const char *prefix, const char *name, char out[NAME_BYTES])
{
	size_t len = strlen(name), room = (size_t)LONGEST - strlen(prefix);
	if (len <= room) {
		snprintf(out, NAME_BYTES, "%s%s", prefix, name);
		return;
	}
	size_t head = room - TAIL - 3, tail = len - TAIL;
	for (unsigned i = 0; i < 3 && is_inside_letter(name[head]); i++)
		head--;
	for (unsigned i = 0; i < 3 && is_inside_letter(name[tail]); i++)
		tail++;
	snprintf(out, NAME_BYTES, "%s%.*s...%s", prefix, (int)head, name, name + tail);
}

// --- what is there ---

static enum rc is_there(const char *path, const char *ending, bool *yes, struct err *e)
{
	char whole[DROP_PATH_BYTES + 80]; // of a report's report
	struct stat st;
	snprintf(whole, sizeof(whole), "%s%s", path, ending);
	*yes = lstat(whole, &st) == 0; // a link that leads nowhere is something, too
	return *yes || errno == ENOENT ? RC_OK : err_errno(e, RC_IO, errno, "cannot look for %s", whole);
}

static bool reads_as_report(struct sv text)
{
	static const char *const members[] = {"file", "at", "state", "message"};
	struct json_parser *parser = json_parser_new(REPORT_BYTES_MAX);
	struct json_node root;
	bool is = parser && json_parse(parser, text, &root, NULL) == RC_OK;
	for (size_t i = 0; is && i < sizeof(members) / sizeof(members[0]); i++)
		is = json_get(root, sv_from(members[i])).type == JSON_STRING;
	json_parser_free(&parser);
	return is;
}

// Did we write what is at this path? A file that was dropped and put here has a report of its own beside it.
static bool is_report(const char *path)
{
	bool has_report = true, is = false;
	struct stat st;
	if (is_there(path, REPORT, &has_report, NULL) != RC_OK || has_report)
		return false;
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 && st.st_size <= REPORT_BYTES_MAX) {
		size_t n = (size_t)st.st_size;
		char *bytes = mem_alloc(n);
		is = bytes && io_read_all(io_system(), fd, bytes, n, 0, path, NULL) == RC_OK &&
		     reads_as_report((struct sv){bytes, n});
		mem_free(bytes);
	}
	close(fd);
	return is;
}

static enum rc is_taken(const char *path, bool has_mapping, bool *taken, struct err *e)
{
	char report[DROP_PATH_BYTES + 40];
	enum rc rc = is_there(path, "", taken, e);
	if (rc == RC_OK && !*taken && has_mapping)
		rc = is_there(path, ".yaml", taken, e);
	if (rc != RC_OK || *taken)
		return rc;
	snprintf(report, sizeof(report), "%s" REPORT, path);
	rc = is_there(report, "", taken, e);
	*taken = *taken && !is_report(report);
	return rc;
}

enum rc drop_place(const char *sub, const char *name, bool has_mapping, int64_t now_ms,
	char out[DROP_PATH_BYTES], struct err *e)
{
	char stamp[32] = "", fitting[NAME_BYTES];
	bool taken = true;
	for (unsigned i = 0; i < TRIES; i++) {
		name_make(stamp, name, fitting);
		if (snprintf(out, DROP_PATH_BYTES, "%s/%s", sub, fitting) >= DROP_PATH_BYTES)
			return err_set(e, RC_IO, "the path of %s is too long", name);
		enum rc rc = is_taken(out, has_mapping, &taken, e);
		if (rc != RC_OK || !taken)
			return rc;
		struct tm tm;
		time_t at = (time_t)(now_ms / 1000) + (time_t)i;
		gmtime_r(&at, &tm);
		strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ-", &tm);
	}
	return err_set(e, RC_IO, "too many files named %s are there", name);
}
