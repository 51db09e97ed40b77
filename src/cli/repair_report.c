// SPDX-License-Identifier: Apache-2.0
// What verify --repair says.
#include "cli/repair_report.h"
#include "base/json.h"
#include "base/tz.h"
#include "cli/look.h"

enum { PERSONS_SHOWN = 10 };

static void put_hex(struct json *j, const char *key, uint64_t person)
{
	char text[20];
	snprintf(text, sizeof(text), "%016llx", (unsigned long long)person);
	json_key_text(j, key, text);
}

static void person_json(const struct lost_person *p, struct json *j)
{
	json_object(j);
	put_hex(j, "person", p->person);
	if (p->n_interactions)
		json_key_u64(j, "lost", p->n_interactions);
	json_key(j, "identities");
	json_array(j);
	for (uint32_t i = 0; i < p->n_identities; i++)
		json_string(j, p->identities[i]);
	json_array_end(j);
	json_object_end(j);
}

static void segment_json(const struct repaired_segment *s, const struct tz *utc, struct json *j)
{
	json_object(j);
	json_key_i64(j, "segment", s->id);
	json_key_string(j, "problem", s->problem);
	if (s->moved_to.ptr)
		json_key_string(j, "moved_to", s->moved_to);
	json_key_u64(j, "interactions", s->n_interactions);
	json_key_u64(j, "salvaged", s->n_salvaged);
	json_key_u64(j, "lost", s->n_lost);
	if (s->n_lost) {
		tz_key(j, "lost_first", utc, s->lost_first_ms);
		tz_key(j, "lost_last", utc, s->lost_last_ms);
		put_hex(j, "lost_first_person", s->lost_first_person);
		put_hex(j, "lost_last_person", s->lost_last_person);
	}
	json_key_bool(j, "persons_known", s->persons_known);
	if (s->n_unnamed) {
		json_key_u64(j, "unnamed", s->n_unnamed);
		put_hex(j, "unnamed_first_person", s->unnamed_first_person);
		put_hex(j, "unnamed_last_person", s->unnamed_last_person);
	}
	json_key(j, "persons");
	json_array(j);
	for (uint32_t k = 0; k < s->n_persons; k++)
		person_json(&s->persons[k], j);
	json_array_end(j);
	json_object_end(j);
}

static void report_json(const struct repair_report *r, const struct tz *utc, struct buf *out)
{
	struct json j = json_new(out);
	json_object(&j);
	json_key_u64(&j, "lost", r->n_lost);
	json_key_u64(&j, "salvaged", r->n_salvaged);
	json_key(&j, "segments");
	json_array(&j);
	for (uint32_t i = 0; i < r->n_segments; i++)
		segment_json(&r->segments[i], utc, &j);
	json_array_end(&j);
	json_object_end(&j);
	buf_char(out, '\n');
}

static void lost_text(struct cli *cli, const struct repaired_segment *s, const struct tz *utc, struct buf *out)
{
	char a[HUMAN_TEXT_MAX], from[40], to[40];
	buf_printf(out, "  lost: %s interaction%s of %s to %s, ", human_number((double)s->n_lost, 0, a),
		s->n_lost == 1 ? "" : "s", tz_format(utc, s->lost_first_ms, from),
		tz_format(utc, s->lost_last_ms, to));
	if (s->n_unnamed == s->n_lost) {
		buf_printf(out, "of persons with keys from %016llx to %016llx\n",
			(unsigned long long)s->unnamed_first_person,
			(unsigned long long)s->unnamed_last_person);
		return;
	}
	buf_printf(
		out, "of %s person%s", human_number((double)s->n_persons, 0, a), s->n_persons == 1 ? "" : "s");
	if (s->n_unnamed)
		buf_printf(out, ", and %s of them of persons with keys from %016llx to %016llx",
			human_number((double)s->n_unnamed, 0, a), (unsigned long long)s->unnamed_first_person,
			(unsigned long long)s->unnamed_last_person);
	buf_char(out, '\n');
	for (uint32_t i = 0; i < s->n_persons && i < PERSONS_SHOWN; i++) {
		const struct lost_person *p = &s->persons[i];
		buf_printf(out, "    %s of ",
			p->n_interactions ? human_number((double)p->n_interactions, 0, a) : "some");
		if (p->n_identities)
			ink_put(out, &cli->look, INK_PLAIN, p->identities[0]);
		else
			buf_printf(out, "%016llx", (unsigned long long)p->person);
		buf_char(out, '\n');
	}
	if (s->n_persons > PERSONS_SHOWN)
		buf_printf(out, "    and %s more: --format json lists all\n",
			human_number(s->n_persons - PERSONS_SHOWN, 0, a));
}

static void report_text(struct cli *cli, const struct repair_report *r, const struct tz *utc, struct buf *out)
{
	char a[HUMAN_TEXT_MAX];
	for (uint32_t i = 0; i < r->n_segments; i++) {
		const struct repaired_segment *s = &r->segments[i];
		buf_printf(out, "Set aside: segment %012llx", (unsigned long long)s->id);
		if (s->moved_to.ptr)
			buf_printf(out, ", kept as %.*s", SV_ARG(s->moved_to));
		buf_str(out, "\n  because: ");
		ink_put(out, &cli->look, INK_PLAIN, s->problem);
		buf_printf(
			out, "\n  saved: %s of its interactions\n", human_number((double)s->n_salvaged, 0, a));
		if (s->n_lost)
			lost_text(cli, s, utc, out);
	}
	if (r->n_lost)
		buf_str(out, "Import the original files again: what is lost comes back, all else is known.\n");
	else
		buf_str(out, r->n_segments ? "Nothing is lost.\n" : "Nothing had to be repaired.\n");
}

enum rc repair_run(struct cli *cli, const char *dir, struct err *e)
{
	struct repair_report report = {0};
	struct tz *utc = NULL;
	struct buf out = buf_new(1u << 30);
	enum rc rc = tz_open(SV("UTC"), &utc, e);
	struct progress *progress = rc == RC_OK ? progress_new("repair", 0, "segments", cli->quiet) : NULL;
	if (rc == RC_OK)
		rc = store_repair(dir, cli->arena, &report, progress, e);
	progress_finish(&progress);
	if (rc == RC_OK && args_is(&cli->args, "format", "json"))
		report_json(&report, utc, &out);
	else if (rc == RC_OK)
		report_text(cli, &report, utc, &out);
	if (rc == RC_OK)
		rc = cli_write_buf(cli, &out, e);
	buf_free(&out);
	tz_free(&utc);
	return rc;
}
