// SPDX-License-Identifier: Apache-2.0
// The mapping that reads an export back. Names of columns differ by form; the rest is the same.
#include "cli/export.h"

#include "base/json.h"

// A text as YAML: what JSON quotes, YAML reads.
static void put_quoted(struct buf *out, struct sv text)
{
	struct json j = json_new(out);
	json_string(&j, text);
}

struct columns {
	const char *how;      // lines about the file
	const char *customer; // value of the key
	const char *prefix;   // of most columns
	const char *event, *at, *agent, *measure, *dimension, *properties;
};

static struct columns columns_of(const struct export_format *f)
{
	if (f == &export_xes)
		return (struct columns){"", "[\"{corridor:customer}\", \"{trace.concept:name}\"]",
			"corridor:", "concept:name", "time:timestamp", "org:resource", "measure.", "dimension.",
			"properties json: corridor:properties"};
	if (f == &export_csv)
		return (struct columns){"csv: {delimiter: \",\", quote: '\"'}\n", "\"{customer}\"", "", "event",
			"at", "agent", "measure.", "dimension.", "properties json: properties"};
	return (struct columns){"", "\"{customer}\"", "", "event", "at", "agent", "measures.", "dimensions.",
		"properties: properties"};
}

static void put_column(struct buf *out, struct sv key, const char *prefix, struct sv name, const char *more)
{
	struct buf column = buf_new(4096);
	buf_str(&column, prefix);
	buf_sv(&column, name);
	buf_str(out, "    ");
	put_quoted(out, key);
	buf_str(out, ": {column: ");
	put_quoted(out, buf_view(&column));
	buf_printf(out, ", optional: true%s}\n", more);
	out->rc = out->rc == RC_OK ? column.rc : out->rc;
	buf_free(&column);
}

void export_mapping(const struct export_shape *s, const struct export_format *f, struct buf *out)
{
	const struct design *d = s->design;
	struct columns c = columns_of(f);
	bool any = false;
	buf_printf(out,
		"# Reads what `corridor export --format %s` wrote.\n"
		"mapping: 1\nsource: export\nformat: %s\n%s"
		"interactions:\n"
		"  id: \"{%sid}\"\n  source: \"{%ssource}\"\n  customer: %s\n  event: \"{%s}\"\n  at: "
		"\"{%s}\"\n"
		"  channel: \"{%schannel}\"\n  agent: \"{%s}\"\n  location: \"{%slocation}\"\n"
		"  promise: {id: \"{%spromise}\", due: \"{%sdue}\"}\n  keeps: \"{%skeeps}\"\n  text: "
		"\"{%stext}\"\n"
		"  %s\n",
		f->name, f->name, c.how, c.prefix, c.prefix, c.customer, c.event, c.at, c.prefix, c.agent,
		c.prefix, c.prefix, c.prefix, c.prefix, c.prefix, c.properties);
	for (uint32_t i = 0; i < d->n_measures; i++) {
		if (!s->measures[i])
			continue;
		buf_str(out, any ? "" : "  measures:\n");
		any = true;
		put_column(out, d->measures[i].name, c.measure, d->measures[i].name,
			sv_equal(d->measures[i].unit, SV("minor")) ? ", unit: minor" : "");
	}
	if (f == &export_xes && !any)
		buf_str(out, "  measures: {}\n"); // else the default's
	any = false;
	for (uint32_t i = 0; i < d->n_dimensions; i++) {
		if (!s->dimensions[i])
			continue;
		buf_str(out, any ? "" : "  dimensions:\n");
		any = true;
		put_column(out, d->dimensions[i], c.dimension, d->dimensions[i], "");
	}
}
