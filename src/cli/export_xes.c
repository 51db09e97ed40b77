// SPDX-License-Identifier: Apache-2.0
// XES (IEEE 1849-2016): a trace per person, an event per interaction, all of them `complete` with the time at which the
// interaction happened; its duration is a measure like others.
//
// XML cannot hold some characters (most control characters, U+FFFE, U+FFFF). They become U+FFFD, and a nested attribute
// `corridor:json` has the whole text as JSON, which the import puts back.
#include "cli/export.h"

#include "base/json.h"
#include "base/number.h"

#include <math.h>

static const char head[] =
	"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	"<log xmlns=\"http://www.xes-standard.org/\" xes.version=\"1849-2016\" "
	"xes.features=\"nested-attributes\">\n"
	"<extension name=\"Concept\" prefix=\"concept\" uri=\"http://www.xes-standard.org/concept.xesext\"/>\n"
	"<extension name=\"Time\" prefix=\"time\" uri=\"http://www.xes-standard.org/time.xesext\"/>\n"
	"<extension name=\"Lifecycle\" prefix=\"lifecycle\" "
	"uri=\"http://www.xes-standard.org/lifecycle.xesext\"/>\n"
	"<extension name=\"Organizational\" prefix=\"org\" uri=\"http://www.xes-standard.org/org.xesext\"/>\n"
	"<global scope=\"trace\">\n"
	"<string key=\"concept:name\" value=\"\"/>\n"
	"</global>\n"
	"<global scope=\"event\">\n"
	"<string key=\"concept:name\" value=\"\"/>\n"
	"<date key=\"time:timestamp\" value=\"1970-01-01T00:00:00Z\"/>\n"
	"<string key=\"lifecycle:transition\" value=\"complete\"/>\n"
	"</global>\n"
	"<classifier name=\"Activity\" keys=\"concept:name\"/>\n";

// Bytes of the character at p that XML cannot hold; 0 when it can.
static size_t forbidden(const char *p, size_t n)
{
	const unsigned char *u = (const unsigned char *)p;
	if (u[0] < 0x20)
		return u[0] == '\t' || u[0] == '\n' || u[0] == '\r' ? 0 : 1;
	return n >= 3 && u[0] == 0xef && u[1] == 0xbf && u[2] >= 0xbe ? 3 : 0;
}

static const char *escape_of(char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\t':
		return "&#9;";
	case '\n':
		return "&#10;";
	case '\r':
		return "&#13;";
	default:
		return NULL;
	}
}

// False when something had to be replaced.
static bool put_text(struct buf *out, struct sv s)
{
	bool whole = true, utf8 = sv_utf8_valid(s, NULL);
	size_t from = 0;
	for (size_t i = 0; i < s.len;) {
		const char *escape = escape_of(s.ptr[i]);
		size_t bad = !utf8 && (unsigned char)s.ptr[i] >= 0x80 ? 1 : forbidden(s.ptr + i, s.len - i);
		if (!escape && !bad) {
			i++;
			continue;
		}
		buf_put(out, s.ptr + from, i - from);
		buf_str(out, bad ? "\xef\xbf\xbd" : escape);
		whole &= bad == 0;
		i += bad ? bad : 1;
		from = i;
	}
	buf_put(out, s.ptr + from, s.len - from);
	return whole;
}

static void put_json_child(struct buf *out, struct sv value)
{
	struct buf text = buf_new(16u << 20);
	struct json j = json_new(&text);
	json_string(&j, value);
	buf_str(out, "\"><string key=\"corridor:json\" value=\"");
	// Control characters are escaped in JSON already, U+FFFE and U+FFFF are not.
	struct sv rest = buf_view(&text);
	for (size_t i = 0; i < rest.len;) {
		if (forbidden(rest.ptr + i, rest.len - i) == 0) {
			i++;
			continue;
		}
		put_text(out, (struct sv){rest.ptr, i});
		buf_str(out, (unsigned char)rest.ptr[i + 2] == 0xbe ? "\\ufffe" : "\\uffff");
		rest = (struct sv){rest.ptr + i + 3, rest.len - i - 3};
		i = 0;
	}
	put_text(out, rest);
	buf_str(out, "\"/></string>\n");
	out->rc = out->rc == RC_OK ? text.rc : out->rc;
	buf_free(&text);
}

// An attribute; absent values are left out. The name: prefix and name put together.
static void put_string(struct buf *out, const char *prefix, struct sv name, struct sv value)
{
	if (!value.len)
		return;
	buf_str(out, "<string key=\"");
	buf_str(out, prefix);
	put_text(out, name);
	buf_str(out, "\" value=\"");
	if (put_text(out, value))
		buf_str(out, "\"/>\n");
	else
		put_json_child(out, value);
}

static void put_date(const struct export_shape *s, struct buf *out, const char *key, int64_t at_ms)
{
	char text[40];
	if (at_ms == TIME_NONE)
		return;
	buf_printf(out, "<date key=\"%s\" value=\"%.*s\"/>\n", key, SV_ARG(export_time(s, at_ms, text)));
}

static void put_float(struct buf *out, struct sv name, double value)
{
	char digits[NUMBER_TEXT_MAX];
	if (isnan(value))
		return;
	number_from_double(value, digits);
	buf_str(out, "<float key=\"measure.");
	put_text(out, name);
	buf_str(out, "\" value=\"");
	buf_str(out, digits);
	buf_str(out, "\"/>\n");
}

static void begin(const struct export_shape *s, struct buf *out)
{
	buf_str(out, head);
	put_string(out, "", SV("concept:name"), s->design->brand);
}

static void row(const struct export_shape *s, const struct export_row *r, struct buf *out)
{
	const struct design *d = s->design;
	if (r->first) {
		buf_str(out, "<trace>\n");
		put_string(out, "", SV("concept:name"), r->customer);
	}
	buf_str(out, "<event>\n");
	put_string(out, "", SV("concept:name"), r->event);
	put_date(s, out, "time:timestamp", r->at_ms);
	put_string(out, "", SV("lifecycle:transition"), SV("complete"));
	const struct {
		struct sv key, value;
	} texts[] = {{{"org:resource", 12}, r->agent}, {{"corridor:id", 11}, r->id},
		{{"corridor:source", 15}, r->source}, {{"corridor:channel", 16}, r->channel},
		{{"corridor:touchpoint", 19}, r->touchpoint}, {{"corridor:stage", 14}, r->stage},
		{{"corridor:owner", 14}, r->owner}, {{"corridor:location", 17}, r->location},
		{{"corridor:promise", 16}, r->promise}, {{"corridor:keeps", 14}, r->keeps},
		{{"corridor:text", 13}, r->text}, {{"corridor:properties", 19}, r->properties}};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		put_string(out, "", texts[i].key, texts[i].value);
	put_date(s, out, "corridor:received", r->received_ms);
	put_date(s, out, "corridor:due", r->due_ms);
	for (uint32_t i = 0; i < d->n_measures; i++)
		put_float(out, d->measures[i].name, r->measures[i]);
	for (uint32_t i = 0; i < d->n_dimensions; i++)
		put_string(out, "dimension.", d->dimensions[i], r->dimensions[i]);
	if (r->n_identities > 1) {
		struct buf list = buf_new(1u << 20);
		export_identities(r, &list);
		put_string(out, "", SV("corridor:customer"), buf_view(&list));
		out->rc = out->rc == RC_OK ? list.rc : out->rc;
		buf_free(&list);
	}
	buf_str(out, "</event>\n");
}

static void end(const struct export_shape *s, bool any, struct buf *out)
{
	(void)s;
	buf_str(out, any ? "</trace>\n</log>\n" : "</log>\n");
}

const struct export_format export_xes = {"xes", ".xes ", begin, row, end};
