// SPDX-License-Identifier: Apache-2.0
// What the virtual tables share: connecting, errors, times and persons as text.
#include "sql/vtab.h"

#include "base/mem.h"

#include <stdio.h>

int vtab_connect(
	sqlite3 *db, struct vtab_source *source, const char *columns, sqlite3_vtab **out, char **message)
{
	char *sql = sqlite3_mprintf("CREATE TABLE x(%s)", columns);
	int rc = sql ? sqlite3_declare_vtab(db, sql) : SQLITE_NOMEM;
	sqlite3_free(sql);
	if (rc != SQLITE_OK) {
		*message = sqlite3_mprintf("%s", sqlite3_errmsg(db));
		return rc;
	}
	struct vtab *v = mem_calloc(1, sizeof(*v));
	struct arena *arena = arena_new(64u << 20);
	if (!v || !arena) {
		mem_free(v);
		arena_free(&arena);
		return SQLITE_NOMEM;
	}
	v->source = source;
	v->arena = arena;
	*out = &v->base;
	return SQLITE_OK;
}

int vtab_disconnect(sqlite3_vtab *base)
{
	struct vtab *v = (struct vtab *)base;
	arena_free(&v->arena);
	mem_free(v);
	return SQLITE_OK;
}

int vtab_fail(sqlite3_vtab *base, const struct err *e)
{
	char text[1200];
	struct vtab_source *source = ((struct vtab *)base)->source;
	if (source->failed.rc == RC_OK)
		source->failed = *e;
	sqlite3_free(base->zErrMsg);
	base->zErrMsg = sqlite3_mprintf("%s", err_format(e, text, sizeof(text)));
	if (e->rc == RC_NOMEM)
		return SQLITE_NOMEM;
	return e->rc == RC_CORRUPT ? SQLITE_CORRUPT_VTAB : SQLITE_ERROR;
}

static int time_text(int64_t ms, char *out)
{
	int64_t days = ms / 86400000, rest = ms % 86400000;
	if (rest < 0) {
		rest += 86400000;
		days--;
	}
	int64_t year;
	unsigned month, day, s = (unsigned)(rest / 1000);
	civil_from_days(days, &year, &month, &day);
	return snprintf(out, VTAB_TIME_MAX, "%04lld-%02u-%02uT%02u:%02u:%02u.%03uZ", (long long)year, month,
		day, s / 3600, s / 60 % 60, s % 60, (unsigned)(rest % 1000));
}

void vtab_result_time(sqlite3_context *context, int64_t ms)
{
	char text[VTAB_TIME_MAX];
	if (ms == TIME_NONE)
		sqlite3_result_null(context);
	else
		sqlite3_result_text(context, text, time_text(ms, text), SQLITE_TRANSIENT);
}

void vtab_result_local(sqlite3_context *context, const struct tz *tz, int64_t ms)
{
	char text[VTAB_TIME_MAX];
	time_text(tz_to_local(tz, ms), text);
	text[10] = ' ';
	sqlite3_result_text(context, text, 19, SQLITE_TRANSIENT);
}

void vtab_result_person(sqlite3_context *context, uint64_t person)
{
	char text[VTAB_PERSON_MAX];
	snprintf(text, sizeof(text), "%016llx", (unsigned long long)person);
	sqlite3_result_text(context, text, 16, SQLITE_TRANSIENT);
}

void vtab_result_name(sqlite3_context *context, struct sv name)
{
	if (name.ptr)
		sqlite3_result_text64(context, name.ptr, name.len, SQLITE_STATIC, SQLITE_UTF8);
	else
		sqlite3_result_null(context);
}

static unsigned two(const char *s)
{
	return (unsigned)(s[0] - '0') * 10 + (unsigned)(s[1] - '0');
}

// Texts are compared from the left: of a prefix that ends within a month or a day, the first there is of those digits is
// meant ("2025-1": October).
bool vtab_time_of(const char *text, int64_t *ms)
{
	char full[] = "0000-01-01T00:00:00.000Z";
	static const char shape[] = "dddd-dd-ddTdd:dd:dd.dddZ";
	size_t n = strlen(text);
	if (n < 4 || n >= sizeof(full))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (shape[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != shape[i])
			return false;
		full[i] = text[i];
	}
	if ((n == 6 || n == 9) && text[n - 1] != '0')
		full[n] = '0';
	unsigned month = two(full + 5), day = two(full + 8);
	int64_t year = (int64_t)two(full) * 100 + two(full + 2);
	if (month < 1 || month > 12 || day < 1 || two(full + 11) > 23 || two(full + 14) > 59 ||
		two(full + 17) > 59)
		return false;
	int64_t next = month < 12 ? civil_to_days(year, month + 1, 1) : civil_to_days(year + 1, 1, 1);
	if (civil_to_days(year, month, day) >= next)
		return false;
	int64_t seconds = (int64_t)two(full + 11) * 3600 + two(full + 14) * 60 + two(full + 17);
	*ms = civil_to_days(year, month, day) * 86400000 + seconds * 1000 + (int64_t)two(full + 20) * 10 +
	      (full[22] - '0');
	return true;
}

bool vtab_person_of(const char *text, uint64_t *person)
{
	uint64_t v = 0;
	for (int i = 0; i < 16; i++) {
		char c = text[i];
		if (c >= '0' && c <= '9')
			v = v << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			v = v << 4 | (uint64_t)(c - 'a' + 10);
		else
			return false;
	}
	*person = v;
	return text[16] == '\0';
}

enum rc vtab_register(sqlite3 *db, struct vtab_source *source, struct err *e)
{
	static const struct {
		const char *name;
		const sqlite3_module *module;
	} tables[] = {
		{"interactions", &vtab_interactions}, {"promises", &vtab_promises}, {"people", &vtab_people}};
	for (unsigned i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		if (sqlite3_create_module_v2(db, tables[i].name, tables[i].module, source, NULL) != SQLITE_OK)
			return err_set(
				e, RC_DB, "cannot make the table %s: %s", tables[i].name, sqlite3_errmsg(db));
	return RC_OK;
}
