// SPDX-License-Identifier: Apache-2.0
// A parsed node as JSON text again, through the writer. The recursion is bounded: the parser refuses nesting
// deeper than JSON_DEPTH_MAX, which is also the writer's depth.
#include "base/json.h"

static void value(struct json *j, struct json_node n)
{
	char scratch[32];
	if (n.type == JSON_OBJECT) {
		json_object(j);
		for (struct json_iter it = json_iter(n); json_next(&it);) {
			json_key_sv(j, it.key);
			value(j, it.value);
		}
		json_object_end(j);
	} else if (n.type == JSON_ARRAY) {
		json_array(j);
		for (struct json_iter it = json_iter(n); json_next(&it);)
			value(j, it.value);
		json_array_end(j);
	} else if (n.type == JSON_STRING) {
		json_string(j, json_text(n, scratch));
	} else if (n.type == JSON_NULL || n.type == JSON_NONE) {
		json_null(j);
	} else {
		json_raw(j, json_text(n, scratch));
	}
}

void json_serialize(struct json_node n, struct buf *out)
{
	struct json j = json_new(out);
	value(&j, n);
}
