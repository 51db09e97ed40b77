// SPDX-License-Identifier: Apache-2.0
// The JSON Schema is valid JSON, names the draft, and has every key of the format's table in its place.
#include "support.h"

#include "base/json.h"
#include "design/internal.h"

static const char *const def_paths[SECTION_COUNT] = {"", "$defs.hours.", "$defs.department.", "$defs.measure.",
	"$defs.rating.", "$defs.acsi.", "$defs.servqual.", "$defs.dimension.", "$defs.touchpoint.",
	"$defs.rule.", "$defs.expectation.", "$defs.loyalty.", "$defs.rung.", "$defs.ladder-rule."};

static bool listed(struct json_node list, struct sv wanted)
{
	char scratch[32];
	bool found = false;
	for (struct json_iter it = json_iter(list); json_next(&it);)
		found |= sv_equal(json_text(it.value, scratch), wanted);
	return found;
}

static void test_schema(void **state)
{
	(void)state;
	struct buf b = buf_new(1 << 20);
	design_schema_write(&b);
	assert_int_equal(b.rc, RC_OK);
	struct json_parser *p = json_parser_new(1 << 20);
	struct json_node root;
	struct err e = ERR_NONE;
	if (json_parse(p, buf_view(&b), &root, &e) != RC_OK)
		fail_msg("%s", e.message);
	char scratch[32], path[128];
	assert_sv(json_text(json_get(root, SV("$schema")), scratch),
		"https://json-schema.org/draft/2020-12/schema");
	for (uint32_t i = 0; i < n_format_keys; i++) {
		const struct format_key *row = &format_keys[i];
		snprintf(path, sizeof(path), "%s%s", def_paths[row->section],
			row->pattern ? "patternProperties" : "properties");
		struct json_node keys = json_path(root, sv_from(path));
		struct sv key = row->pattern ? sv_from(row->pattern) : row->key;
		struct json_node schema = json_get(keys, key);
		if (schema.type != JSON_OBJECT)
			fail_msg("%s.%.*s is missing", path, SV_ARG(key));
		assert_true(
			sv_equal(json_text(json_get(schema, SV("description")), scratch), sv_from(row->help)));
		snprintf(path, sizeof(path), "%srequired", def_paths[row->section]);
		assert_int_equal(listed(json_path(root, sv_from(path)), row->key), row->required);
	}
	json_parser_free(&p);
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_schema)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
