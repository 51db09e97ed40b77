// SPDX-License-Identifier: Apache-2.0
// Receipts of erasures and links.
#include "cli/overlay_receipt.h"
#include "base/json.h"
#include "cli/look.h"

static void links_json(const struct receipt_links *links, struct json *j)
{
	json_key_u64(j, "known", links->n_known);
	json_key(j, "left_out");
	json_array(j);
	for (uint32_t i = 0; i < links->n_left_out; i++) {
		json_object(j);
		json_key_u64(j, "line", links->left_out[i].line);
		json_key_string(j, "reason", links->left_out[i].reason);
		json_object_end(j);
	}
	json_array_end(j);
}

static void put_json(const char *verb, const struct overlay_receipt *r, bool physical,
	const struct receipt_more *more, struct buf *out)
{
	struct json j = json_new(out);
	json_object(&j);
	overlay_receipt_json(&j, verb, r, physical);
	if (more->links)
		links_json(more->links, &j);
	if (more->quarantine)
		quarantine_named_json(&j, more->quarantine);
	json_object_end(&j);
	buf_char(out, '\n');
}

static void links_text(const struct receipt_links *links, struct buf *out)
{
	enum { SHOWN = 20 };
	char n[HUMAN_TEXT_MAX];
	if (links->n_known)
		buf_printf(out, "Linked before: %s.\n", human_number(links->n_known, 0, n));
	if (links->n_left_out == 0)
		return;
	buf_printf(out, "Left out: %s.\n", human_number(links->n_left_out, 0, n));
	for (uint32_t i = 0; i < links->n_left_out && i < SHOWN; i++)
		buf_printf(
			out, "  line %u: %.*s\n", links->left_out[i].line, SV_ARG(links->left_out[i].reason));
	if (links->n_left_out > SHOWN)
		buf_printf(out, "  … and %s more; --format json lists them all\n",
			human_number(links->n_left_out - SHOWN, 0, n));
}

static void quarantine_text(const struct quarantine_named *named, struct buf *out)
{
	char n[HUMAN_TEXT_MAX];
	if (named->n_removed)
		buf_printf(out, "Removed from quarantine: %s.\n", human_number((double)named->n_removed, 0, n));
	if (named->n_unsure)
		buf_printf(out,
			"In quarantine there may be more, %s with a value of less than 4 characters; see "
			"corridor quarantine show, and drop.\n",
			human_number((double)named->n_unsure, 0, n));
}

static void put_text(const char *verb, const struct overlay_receipt *r, bool physical, struct buf *out)
{
	char a[HUMAN_TEXT_MAX], b[HUMAN_TEXT_MAX];
	if (r->entry == 0) {
		buf_str(out, "Nothing to do.\n");
		return;
	}
	buf_printf(out, "%s interaction%s of %s person%s %s (journal entry %lld).\n",
		human_number((double)r->n_interactions, 0, a), r->n_interactions == 1 ? "" : "s",
		human_number((double)r->n_persons, 0, b), r->n_persons == 1 ? "" : "s", verb,
		(long long)r->entry);
	for (uint32_t i = 0; i < r->n_segments; i++) {
		const struct receipt_segment *s = &r->segments[i];
		human_number((double)s->n_interactions, 0, a);
		if (s->id == 0)
			buf_printf(out, "  %s in the inbox\n", a);
		else
			buf_printf(out, "  %s in segment %012llx%s\n", a, (unsigned long long)s->id,
				s->was_inbox ? " (the inbox until now)" : "");
	}
	buf_str(out, physical ? "The segments were written anew.\n"
			      : "Queries show it at once; the segments are written anew when they are merged "
				"next.\n");
}

enum rc overlay_receipt_put(struct cli *cli, const char *verb, const struct overlay_receipt *r, bool physical,
	const struct receipt_more *more, struct err *e)
{
	static const struct receipt_more nothing = {0};
	more = more ? more : &nothing;
	struct buf out = buf_new(64u << 20);
	bool as_json = args_is(&cli->args, "format", "json");
	if (as_json)
		put_json(verb, r, physical, more, &out);
	else if (!cli->quiet)
		put_text(verb, r, physical, &out);
	if (!as_json && more->links)
		links_text(more->links, &out);
	if (!as_json && more->quarantine && !cli->quiet)
		quarantine_text(more->quarantine, &out);
	enum rc rc = cli_write_buf(cli, &out, e);
	buf_free(&out);
	return rc;
}
