// SPDX-License-Identifier: Apache-2.0
// Calendars of business hours. Every span is checked, sorted by its start in the week, and may not overlap the
// next one, around the end of the week too.
#include "design/internal.h"

#include <stdio.h>
#include <stdlib.h>

#define MINUTES_PER_DAY 1440u
#define MINUTES_PER_WEEK (7 * MINUTES_PER_DAY)
#define SPANS_MAX 500 // of one calendar

// "HH:MM" up to 24:00; UINT32_MAX when it is none.
static uint32_t parse_minutes(struct sv s)
{
	if (s.len != 5 && s.len != 4)
		return UINT32_MAX;
	size_t colon = s.len - 3;
	uint32_t hour = 0, minute = 0;
	for (size_t i = 0; i < s.len; i++) {
		bool digit = s.ptr[i] >= '0' && s.ptr[i] <= '9';
		if (digit != (i != colon) || (i == colon && s.ptr[i] != ':'))
			return UINT32_MAX;
		if (i < colon)
			hour = hour * 10 + (uint32_t)(s.ptr[i] - '0');
		else if (i > colon)
			minute = minute * 10 + (uint32_t)(s.ptr[i] - '0');
	}
	uint32_t total = hour * 60 + minute;
	return minute < 60 && total <= MINUTES_PER_DAY ? total : UINT32_MAX;
}

static bool read_time(struct reader *r, const struct yaml_node *node, uint32_t *minutes)
{
	*minutes = node->kind == YAML_IS_SCALAR ? parse_minutes(node->scalar) : UINT32_MAX;
	if (*minutes != UINT32_MAX)
		return true;
	reader_problem(r, node, "write hours and minutes from 00:00 to 24:00, such as 08:30",
		"%s is no time of day", node->kind == YAML_IS_SCALAR ? node->scalar.ptr : yaml_kind_name(node));
	return false;
}

static uint32_t weekday_of(struct sv s)
{
	for (uint32_t i = 0; i < 7; i++)
		if (sv_equal_nocase(s, sv_from(weekday_names[i])))
			return i;
	return UINT32_MAX;
}

static uint32_t span_start(const struct design_span *s)
{
	return s->weekday * MINUTES_PER_DAY + s->from_min;
}

static int span_order(const void *a, const void *b)
{
	uint32_t sa = span_start(a), sb = span_start(b);
	return sa < sb ? -1 : sa > sb;
}

// Adds one span [from, to] to each of the days.
static void read_span(struct reader *r, const struct yaml_node *node, uint32_t first_day, uint32_t last_day,
	struct design_hours *h)
{
	uint32_t from, to;
	if (node->kind != YAML_IS_LIST || node->n != 2) {
		reader_problem(r, node, "write [from, to], for example [08:00, 12:00]",
			"a span of hours has two times");
		return;
	}
	if (!read_time(r, node->items[0], &from) || !read_time(r, node->items[1], &to))
		return;
	if (from == to || from == MINUTES_PER_DAY) {
		reader_problem(r, node, "write 00:00 to 24:00 for the whole day", "the span of hours is empty");
		return;
	}
	if (to < from)
		to += MINUTES_PER_DAY; // ends on the next day
	for (uint32_t day = first_day;; day = (day + 1) % 7) {
		if (h->n_spans == SPANS_MAX) {
			reader_problem(
				r, node, "merge some of them", "more than %d spans in a calendar", SPANS_MAX);
			return;
		}
		h->spans[h->n_spans++] = (struct design_span){day, from, to};
		if (day == last_day)
			break;
	}
}

void read_day(struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	struct design_hours *h = target;
	struct sv last, first = sv_cut(key->scalar, '-', &last);
	uint32_t from = weekday_of(first), to = last.ptr ? weekday_of(last) : from;
	if (from == UINT32_MAX || to == UINT32_MAX) {
		reader_problem(r, key,
			"write mon, tue, wed, thu, fri, sat, sun, a range such as mon-fri, or holidays",
			"\"%s\" is no day", key->scalar.ptr);
		return;
	}
	bool single = value->n == 2 && value->items[0]->kind == YAML_IS_SCALAR;
	if (single)
		read_span(r, value, from, to, h);
	for (uint32_t i = 0; i < value->n && !single && !r->nomem; i++)
		read_span(r, value->items[i], from, to, h);
}

static int day_order(const void *a, const void *b)
{
	const int64_t *da = a, *db = b;
	return *da < *db ? -1 : *da > *db;
}

static bool parse_date(struct sv s, int64_t *days)
{
	int64_t year, month, day, y;
	unsigned m, dd;
	if (s.len != 10 || s.ptr[4] != '-' || s.ptr[7] != '-' || !sv_to_i64((struct sv){s.ptr, 4}, &year) ||
		!sv_to_i64((struct sv){s.ptr + 5, 2}, &month) || !sv_to_i64((struct sv){s.ptr + 8, 2}, &day) ||
		year < 1900 || month < 1 || month > 12 || day < 1 || day > 31)
		return false;
	*days = civil_to_days(year, (unsigned)month, (unsigned)day);
	civil_from_days(*days, &y, &m, &dd);
	return y == year && m == month && dd == day;
}

void read_holidays(struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	struct design_hours *h = target;
	(void)key;
	uint32_t limit = value->n < DESIGN_LIST_MAX ? value->n : DESIGN_LIST_MAX;
	if (value->n > limit)
		reader_problem(r, value, "leave past years out", "more than %d holidays", DESIGN_LIST_MAX);
	h->holidays = reader_array(r, limit, sizeof(*h->holidays));
	for (uint32_t i = 0; i < limit && !r->nomem; i++) {
		if (parse_date(value->items[i]->scalar, &h->holidays[h->n_holidays]))
			h->n_holidays++;
		else
			reader_problem(r, value->items[i], "write a date of the calendar as 2026-12-25",
				"\"%s\" is no date", value->items[i]->scalar.ptr);
	}
	if (!r->nomem && h->n_holidays > 1)
		qsort(h->holidays, h->n_holidays, sizeof(*h->holidays), day_order);
}

static void print_span(const struct design_span *s, char out[32])
{
	uint32_t to = s->to_min > MINUTES_PER_DAY ? s->to_min - MINUTES_PER_DAY : s->to_min;
	snprintf(out, 32, "%s %02u:%02u-%02u:%02u", weekday_names[s->weekday], s->from_min / 60 % 100,
		s->from_min % 60, to / 60 % 100, to % 60);
}

static void check_overlap(struct reader *r, const struct yaml_node *at, const struct design_hours *h)
{
	for (uint32_t i = 0; i < h->n_spans && h->n_spans > 1; i++) {
		const struct design_span *a = &h->spans[i], *b = &h->spans[(i + 1) % h->n_spans];
		uint32_t end = span_start(a) + a->to_min - a->from_min;
		uint32_t next = span_start(b) + (i + 1 == h->n_spans ? MINUTES_PER_WEEK : 0);
		if (end <= next)
			continue;
		char ta[32], tb[32];
		print_span(a, ta);
		print_span(b, tb);
		reader_problem(
			r, at, "make one span of them, or take one away", "hours overlap: %s and %s", ta, tb);
		return;
	}
}

void read_hours(struct reader *r, const struct yaml_node *key, const struct yaml_node *value, void *target)
{
	struct design *d = target;
	(void)key;
	uint32_t limit = value->n < DESIGN_LIST_MAX ? value->n : DESIGN_LIST_MAX;
	if (value->n > limit)
		reader_problem(r, value, "use fewer calendars", "more than %d calendars", DESIGN_LIST_MAX);
	d->hours = reader_array(r, limit, sizeof(*d->hours));
	for (uint32_t i = 0; i < limit && !r->nomem; i++) {
		if (!reader_name_ok(r, value->keys[i], "calendar"))
			continue;
		struct design_hours *h = &d->hours[d->n_hours];
		struct design_span spans[SPANS_MAX];
		h->name = reader_copy(r, value->keys[i]->scalar);
		h->spans = spans;
		d->n_hours++;
		format_read(r, SECTION_HOURS, value->keys[i], value->items[i], h);
		h->spans = reader_array(r, h->n_spans, sizeof(*h->spans));
		if (r->nomem)
			return;
		memcpy(h->spans, spans, h->n_spans * sizeof(*spans));
		if (h->n_spans > 1)
			qsort(h->spans, h->n_spans, sizeof(*h->spans), span_order);
		check_overlap(r, value->keys[i], h);
		if (h->n_spans == 0 && value->items[i]->n == 0)
			reader_problem(r, value->keys[i], "add for example mon-fri: [[08:00, 18:00]]",
				"the calendar \"%s\" has no hours", h->name.ptr);
	}
}
