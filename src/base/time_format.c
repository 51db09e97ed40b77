// SPDX-License-Identifier: Apache-2.0
// Time formats: a pattern of letters is compiled once into a list of steps that is run over each row.
// Invariants of a compiled pattern: each field occurs at most once; year, month and day are there; a
// twelve-hour clock has its half of the day and the other way round.
#include "base/internal.h"
#include "base/mem.h"

#include <assert.h>
#include <string.h>

enum { MAGIC = 0x54464D54, N_STEPS_MAX = 64, LETTERS_MAX = 9 };

enum field {
	YEAR,
	MONTH,
	DAY,
	HOUR,
	HOUR_12,
	MINUTE,
	SECOND,
	FRACTION,
	HALF,
	OFFSET,
	WEEKDAY,
	LITERAL,
	N_FIELDS
};

struct step {
	uint8_t field;  // enum field
	uint8_t digits; // exact number, 0 = as many as there are up to `most`
	uint8_t most;
	bool is_name; // letters instead of digits
	char literal;
};

enum kind { KIND_PATTERN, KIND_ISO, KIND_UNIX, KIND_UNIX_MS };

struct time_format {
	uint32_t magic;
	enum kind kind;
	uint32_t n_steps;
	struct step step[N_STEPS_MAX];
};

// The letters, their field, and how many of them are allowed.
static const struct letter {
	char letter;
	uint8_t field, longest;
	uint8_t names_from; // as many letters or more mean a name; 0 = never
} letters[] = {
	{'y', YEAR, 4, 0},
	{'u', YEAR, 4, 0},
	{'M', MONTH, 4, 3},
	{'d', DAY, 2, 0},
	{'H', HOUR, 2, 0},
	{'h', HOUR_12, 2, 0},
	{'m', MINUTE, 2, 0},
	{'s', SECOND, 2, 0},
	{'S', FRACTION, 9, 0},
	{'a', HALF, 1, 1},
	{'z', OFFSET, 3, 1},
	{'Z', OFFSET, 5, 1},
	{'X', OFFSET, 5, 1},
	{'x', OFFSET, 5, 1},
	{'E', WEEKDAY, 4, 1},
};

static const struct letter *letter_of(char c)
{
	for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
		if (letters[i].letter == c)
			return &letters[i];
	return NULL;
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static enum rc bad_format(struct err *e, struct sv format, const char *why)
{
	err_set(e, RC_INPUT, "time format \"%.*s\": %s", (int)(format.len < 80 ? format.len : 80), format.ptr,
		why);
	err_remedy(e,
		"use ISO, unix, unix-ms, or a pattern such as \"dd.MM.yyyy HH:mm:ss\" (yyyy yy M MM MMM d dd H "
		"HH h hh m mm s ss SSS a E Z, text in 'quotes')");
	return e ? e->rc : RC_INPUT;
}

static bool add_step(struct time_format *f, struct step step)
{
	if (f->n_steps == N_STEPS_MAX)
		return false;
	f->step[f->n_steps++] = step;
	return true;
}

// A run of the same letter; returns what is wrong, or NULL.
static const char *compile_run(struct time_format *f, char c, size_t count)
{
	const struct letter *letter = letter_of(c);
	if (!letter)
		return "a letter that means nothing";
	if (count > letter->longest)
		return "too many of the same letter";
	struct step step = {.field = letter->field, .literal = c};
	step.is_name = letter->names_from && count >= letter->names_from;
	if (letter->field == YEAR) {
		if (count == 3)
			return "a year is yy or yyyy";
		step.digits = count == 2 ? 2 : 4;
	} else if (letter->field == FRACTION) {
		step.most = LETTERS_MAX;
	} else if (!step.is_name) {
		step.digits = count == 2 ? 2 : 0;
		step.most = 2;
	}
	return add_step(f, step) ? NULL : "too long";
}

// Text in quotes from format[*i], which is the opening quote; two quotes are one. Leaves *i behind it.
static const char *compile_quoted(struct time_format *f, struct sv format, size_t *i)
{
	size_t start = ++*i;
	for (; *i < format.len; ++*i) {
		if (format.ptr[*i] == '\'') {
			bool is_double = *i + 1 < format.len && format.ptr[*i + 1] == '\'';
			bool is_empty = *i == start;
			if (!is_double || is_empty) {
				++*i;
				return !is_empty || add_step(
							    f, (struct step){.field = LITERAL, .literal = '\''})
					       ? NULL
					       : "too long";
			}
			++*i;
		}
		if (!add_step(f, (struct step){.field = LITERAL, .literal = format.ptr[*i]}))
			return "too long";
	}
	return "a quote is not closed";
}

static const char *compile_pattern(struct time_format *f, struct sv format)
{
	for (size_t i = 0; i < format.len;) {
		char c = format.ptr[i];
		const char *why = NULL;
		if (c == '\'') {
			why = compile_quoted(f, format, &i);
		} else if (is_letter(c)) {
			size_t count = 1;
			while (i + count < format.len && format.ptr[i + count] == c)
				count++;
			why = compile_run(f, c, count);
			i += count;
		} else {
			why = add_step(f, (struct step){.field = LITERAL, .literal = c}) ? NULL : "too long";
			i++;
		}
		if (why)
			return why;
	}
	return NULL;
}

// The invariants at the top of this file; returns what is wrong, or NULL.
static const char *check_pattern(const struct time_format *f)
{
	unsigned count[N_FIELDS] = {0};
	for (uint32_t i = 0; i < f->n_steps; i++)
		count[f->step[i].field]++;
	for (unsigned i = 0; i < LITERAL; i++)
		if (count[i] > 1)
			return "the same field twice";
	if (!count[YEAR] || !count[MONTH] || !count[DAY])
		return "year, month and day are needed";
	if (count[HOUR_12] != count[HALF])
		return "h (1 to 12) and a (AM or PM) belong together; H is 0 to 23";
	if (count[HOUR] && count[HOUR_12])
		return "both H and h";
	return NULL;
}

enum rc time_format_compile(struct sv format, struct time_format **out, struct err *e)
{
	*out = NULL;
	struct time_format *f = mem_calloc(1, sizeof(*f));
	if (!f)
		return err_set(e, RC_NOMEM, "out of memory for a time format");
	f->magic = MAGIC;
	const char *why = NULL;
	if (sv_equal_nocase(format, SV("ISO"))) {
		f->kind = KIND_ISO;
	} else if (sv_equal(format, SV("unix"))) {
		f->kind = KIND_UNIX;
	} else if (sv_equal(format, SV("unix-ms"))) {
		f->kind = KIND_UNIX_MS;
	} else {
		f->kind = KIND_PATTERN;
		why = compile_pattern(f, format);
		if (!why)
			why = check_pattern(f);
	}
	if (why) {
		time_format_free(&f);
		return bad_format(e, format, why);
	}
	*out = f;
	return RC_OK;
}

void time_format_free(struct time_format **f)
{
	if (!*f)
		return;
	assert((*f)->magic == MAGIC);
	(*f)->magic = 0;
	mem_free(*f);
	*f = NULL;
}

// Reads one of n names or its first three letters, whatever the case, at *p; the index from 0, or n.
static unsigned read_name(const char **p, const char *end, const char *const *names, unsigned n)
{
	size_t len = 0;
	while (*p + len < end && is_letter((*p)[len]))
		len++;
	struct sv word = {*p, len};
	for (unsigned i = 0; i < n; i++) {
		struct sv name = sv_from(names[i]);
		if (sv_equal_nocase(word, name) || sv_equal_nocase(word, (struct sv){name.ptr, 3})) {
			*p += len;
			return i;
		}
	}
	return n;
}

static bool read_month(const char **p, const char *end, unsigned *out)
{
	static const char *const names[] = {"January", "February", "March", "April", "May", "June", "July",
		"August", "September", "October", "November", "December"};
	*out = read_name(p, end, names, 12) + 1;
	return *out <= 12;
}

static bool read_weekday(const char **p, const char *end)
{
	static const char *const names[] = {
		"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"};
	return read_name(p, end, names, 7) < 7;
}

// AM or PM, a.m. or p.m.
static bool read_half(const char **p, const char *end, bool *is_pm)
{
	static const char *const texts[] = {"am", "pm", "a.m.", "p.m."};
	for (unsigned i = 4; i-- > 0;) {
		struct sv text = sv_from(texts[i]);
		if ((size_t)(end - *p) >= text.len && sv_equal_nocase((struct sv){*p, text.len}, text)) {
			*p += text.len;
			*is_pm = i % 2 == 1;
			return true;
		}
	}
	return false;
}

// A zone's name that needs no table.
static bool read_utc_name(const char **p, const char *end)
{
	static const char *const names[] = {"UTC", "GMT"};
	return read_name(p, end, names, 2) < 2;
}

static bool read_number(const struct step *step, const char **p, const char *end, unsigned *out)
{
	if (step->digits)
		return time_read_digits(p, end, step->digits, out);
	unsigned n = 0;
	while (n < step->most && *p + n < end && (unsigned)(unsigned char)(*p)[n] - '0' <= 9)
		n++;
	return n > 0 && time_read_digits(p, end, n, out);
}

// What the fields do not hold until all are read.
struct halves {
	unsigned hour_12;
	bool is_used, is_pm;
};

static bool read_named(
	const struct step *step, const char **p, const char *end, struct time_fields *f, struct halves *half)
{
	switch ((enum field)step->field) {
	case MONTH:
		return read_month(p, end, &f->month);
	case WEEKDAY:
		return read_weekday(p, end);
	case HALF:
		return read_half(p, end, &half->is_pm);
	case OFFSET:
		f->has_offset = true;
		return read_utc_name(p, end) || time_read_offset(p, end, &f->offset_ms);
	case YEAR:
	case DAY:
	case HOUR:
	case HOUR_12:
	case MINUTE:
	case SECOND:
	case FRACTION:
	case LITERAL:
	case N_FIELDS:
		break;
	}
	return false;
}

static bool read_step(
	const struct step *step, const char **p, const char *end, struct time_fields *f, struct halves *half)
{
	if (step->is_name)
		return read_named(step, p, end, f, half);
	if (step->field == LITERAL)
		return *p < end && *(*p)++ == step->literal;
	if (step->field == FRACTION)
		return time_read_fraction(p, end, &f->ms);
	unsigned v;
	if (!read_number(step, p, end, &v))
		return false;
	unsigned *const place[N_FIELDS] = {[MONTH] = &f->month,
		[DAY] = &f->day,
		[HOUR] = &f->hour,
		[HOUR_12] = &half->hour_12,
		[MINUTE] = &f->minute,
		[SECOND] = &f->second};
	if (step->field == YEAR) // POSIX strptime: 69-99 are of the 20th century
		f->year = step->digits == 2 ? v + (v < 69 ? 2000u : 1900u) : v;
	else
		*place[step->field] = v;
	half->is_used |= step->field == HOUR_12;
	return true;
}

static bool parse_pattern(const struct time_format *f, struct sv s, struct time_fields *out)
{
	const char *p = s.ptr, *end = p + s.len;
	struct halves half = {0};
	*out = (struct time_fields){0};
	for (uint32_t i = 0; i < f->n_steps; i++)
		if (!read_step(&f->step[i], &p, end, out, &half))
			return false;
	if (half.is_used) {
		if (half.hour_12 < 1 || half.hour_12 > 12)
			return false;
		out->hour = half.hour_12 % 12 + (half.is_pm ? 12 : 0);
	}
	return p == end;
}

bool time_parse(
	const struct time_format *f, const struct tz *tz, struct sv s, int64_t *utc_ms, enum tz_kind *kind)
{
	struct time_fields fields;
	if (s.len == 0)
		return false;
	switch (f->kind) {
	case KIND_ISO:
		return time_parse_iso(s, &fields) && time_from_fields(&fields, tz, utc_ms, kind);
	case KIND_PATTERN:
		return parse_pattern(f, s, &fields) && time_from_fields(&fields, tz, utc_ms, kind);
	case KIND_UNIX:
	case KIND_UNIX_MS:
		break;
	}
	if (kind)
		*kind = TZ_UNIQUE;
	return time_parse_unix(s, f->kind == KIND_UNIX ? 1000 : 1, utc_ms);
}
