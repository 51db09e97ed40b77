// SPDX-License-Identifier: Apache-2.0
// JSON out and in: escapes, numbers, limits, paths, iteration, round trips, failing allocations, noise.
#include "unit.h"

#include "base/json.h"

#include <math.h>
#include <stdio.h>

static void writes(void **state)
{
	(void)state;
	struct buf b = buf_new(4096);
	struct json j = json_new(&b);
	json_object(&j);
	json_key(&j, "a\"b");
	json_array(&j);
	json_i64(&j, INT64_MIN);
	json_u64(&j, UINT64_MAX);
	json_double(&j, 0.1);
	json_double(&j, 5);
	json_double(&j, 1e300);
	json_double(&j, (double)NAN);
	json_double(&j, -(double)INFINITY);
	json_array_end(&j);
	json_key(&j, "b");
	json_object(&j);
	json_object_end(&j);
	json_key(&j, "c");
	json_bool(&j, true);
	json_key(&j, "d");
	json_string(&j, SV_NONE);
	json_key(&j, "e");
	json_string(&j, SV("\x01\b\t\n\v\f\r\x1f\\/\xC3\xA4\x7f"));
	json_key(&j, "f");
	json_string(&j, SV("x\xFFy\xE2\x82z\xED\xA0\x80"));
	json_key(&j, "g");
	json_raw(&j, SV("[1,2]"));
	json_object_end(&j);
	assert_sv(buf_view(&b),
		"{\"a\\\"b\":[-9223372036854775808,18446744073709551615,0.1,5,1e+300,null,null],\"b\":{},\"c\":"
		"true,"
		"\"d\":null,\"e\":\"\\u0001\\b\\t\\n\\u000b\\f\\r\\u001f\\\\/\xC3\xA4\x7f\","
		"\"f\":\"x\xEF\xBF\xBDy\xEF\xBF\xBD\xEF\xBF\xBDz\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\",\"g\":["
		"1,2]}");
	buf_free(&b);
}

static void writes_members(void **state)
{
	(void)state;
	struct buf b = buf_new(4096);
	struct json j = json_new(&b);
	json_object(&j);
	json_key_string(&j, "a", SV("x\"y"));
	json_key_string(&j, "b", SV_NONE);
	json_key_text(&j, "c", "z");
	json_key_text(&j, "d", NULL);
	json_key_i64(&j, "e", INT64_MIN);
	json_key_u64(&j, "f", UINT64_MAX);
	json_key_double(&j, "g", 0.25);
	json_key_bool(&j, "h", false);
	json_object_end(&j);
	assert_sv(buf_view(&b),
		"{\"a\":\"x\\\"y\",\"b\":null,\"c\":\"z\",\"d\":null,\"e\":-9223372036854775808,"
		"\"f\":18446744073709551615,\"g\":0.25,\"h\":false}");
	buf_free(&b);
}

static bool write_work(void)
{
	struct buf b = buf_new(1 << 20);
	struct json j = json_new(&b);
	json_array(&j);
	for (int i = 0; i < 2000; i++) {
		json_object(&j);
		json_key(&j, "key");
		json_string(&j, SV("value \xC3\xA4\n"));
		json_object_end(&j);
	}
	json_array_end(&j);
	bool ok = b.rc == RC_OK;
	buf_free(&b);
	return ok;
}

static bool parse_work(void)
{
	struct json_parser *p = json_parser_new(1000);
	struct json_node root;
	bool ok = p && json_parse(p, SV("{\"a\":[1,2]}"), &root, NULL) == RC_OK;
	json_parser_free(&p);
	return ok;
}

static void faults(void **state)
{
	(void)state;
	fault_each(write_work);
	fault_each(parse_work);
}

static void reads(void **state)
{
	(void)state;
	char scratch[32];
	double v = 0;
	struct err e = ERR_NONE;
	struct json_node root;
	struct json_parser *p = json_parser_new(100000);
	assert_int_equal(
		json_parse(p,
			SV(" {\"a\":{\"b\":[10,{\"c\":\"x\\u00e4\\n\"}]},\"n\":-1,\"u\":18446744073709551615,"
			   "\"d\":1.5e3,\"t\":true,\"f\":false,\"z\":null,\"\":7,\"a\":2} "),
			&root, &e),
		RC_OK);
	assert_int_equal(root.type, JSON_OBJECT);
	assert_sv(json_text(json_path(root, SV("a.b.1.c")), scratch), "x\xC3\xA4\n");
	assert_sv(json_text(json_path(root, SV("a.b.0")), scratch), "10");
	assert_int_equal(json_path(root, SV("a.b.2")).type, JSON_NONE);
	assert_int_equal(json_path(root, SV("a.b.-1")).type, JSON_NONE);
	assert_int_equal(json_path(root, SV("a.b.x")).type, JSON_NONE);
	assert_int_equal(json_path(root, SV("n.b")).type, JSON_NONE);
	assert_int_equal(json_path(root, SV("z")).type, JSON_NULL);
	assert_int_equal(json_path(root, SV_NONE).type, JSON_OBJECT);
	assert_sv(json_text(json_path(root, SV("")), scratch), "7");
	assert_sv(json_text(json_get(root, SV("u")), scratch), "18446744073709551615");
	assert_sv(json_text(json_get(root, SV("n")), scratch), "-1");
	assert_sv(json_text(json_get(root, SV("d")), scratch), "1500");
	assert_sv(json_text(json_get(root, SV("t")), scratch), "true");
	assert_sv(json_text(json_get(root, SV("f")), scratch), "false");
	assert_null(json_text(json_get(root, SV("z")), scratch).ptr);
	assert_null(json_text(root, scratch).ptr);
	assert_true(json_number(json_get(root, SV("d")), &v) && v == 1500);
	assert_true(json_number(json_get(root, SV("n")), &v) && v == -1);
	assert_true(json_number(json_get(root, SV("u")), &v) && v == 18446744073709551615.0);
	assert_false(json_number(json_get(root, SV("t")), &v));
	assert_int_equal(json_get(json_get(root, SV("n")), SV("x")).type, JSON_NONE);
	assert_int_equal(json_get(json_get(root, SV("nothing")), SV("x")).type, JSON_NONE);
	uint64_t allocations = mem_count();
	unsigned n = 0;
	for (struct json_iter it = json_iter(root); json_next(&it); n++)
		assert_non_null(it.key.ptr);
	assert_int_equal(n, 9);
	n = 0;
	for (struct json_iter it = json_iter(json_path(root, SV("a.b"))); json_next(&it); n++)
		assert_int_equal(it.value.type, n ? JSON_OBJECT : JSON_INT);
	assert_int_equal(n, 2);
	struct json_iter none = json_iter(json_get(root, SV("n")));
	assert_false(json_next(&none));
	assert_int_equal(mem_count(), allocations);
	json_parser_free(&p);
	json_parser_free(&p);
}

static enum rc parse_nested(struct json_parser *p, unsigned depth, char open, char close)
{
	char text[400];
	unsigned n = 0;
	for (unsigned i = 0; i < depth; i++) {
		text[n++] = open;
		if (open == '{' && i + 1 < depth) {
			memcpy(text + n, "\"\":", 3);
			n += 3;
		}
	}
	for (unsigned i = 0; i < depth; i++)
		text[n++] = close;
	struct json_node root;
	struct err e = ERR_NONE;
	enum rc rc = json_parse(p, (struct sv){text, n}, &root, &e);
	if (rc == RC_OK) {
		struct buf b = buf_new(1000);
		json_serialize(root, &b);
		assert_int_equal(b.len, n);
		assert_memory_equal(b.data, text, n);
		buf_free(&b);
	}
	return rc;
}

static void limits(void **state)
{
	(void)state;
	struct json_parser *p = json_parser_new(300);
	for (unsigned depth = 1; depth < 70; depth++) {
		enum rc expected = depth <= JSON_DEPTH_MAX ? RC_OK : RC_LIMIT;
		assert_int_equal(parse_nested(p, depth, '[', ']'), expected);
		if (depth <= 60 || depth > 66) // {"": … grows over 300 bytes later
			assert_int_equal(parse_nested(p, depth, '{', '}'), expected);
	}
	char text[301];
	memset(text, ' ', sizeof(text));
	text[0] = '1';
	struct json_node root;
	struct err e = ERR_NONE;
	assert_int_equal(json_parse(p, (struct sv){text, 300}, &root, &e), RC_OK);
	assert_int_equal(json_parse(p, (struct sv){text, 301}, &root, &e), RC_LIMIT);
	assert_int_equal(root.type, JSON_NONE);
	json_parser_free(&p);
}

static void refuses(void **state)
{
	(void)state;
	static const char *const bad[] = {"", " ", "{", "[1,]", "{\"a\":1,}", "{a:1}", "01", "1.", "nul",
		"\"\n\"", "\"\xFF\"", "\"\\ud800\"", "[1] [2]", "'a'", "1e999", "99999999999999999999", "NaN",
		"{\"a\" 1}"};
	struct json_parser *p = json_parser_new(1000);
	for (size_t i = 0; i < N_TESTS(bad); i++) {
		struct err e = ERR_NONE;
		struct json_node root;
		assert_int_equal(json_parse(p, sv_from(bad[i]), &root, &e), RC_INPUT);
		assert_int_equal(root.type, JSON_NONE);
		assert_true(e.message[0] != '\0');
	}
	struct err e = ERR_NONE;
	struct json_node root;
	json_parse(p, SV("[\"ab\xFF\"]"), &root, &e);
	assert_non_null(strstr(e.message, "byte 5"));
	json_parser_free(&p);
}

// A random value of at most this depth, written with our writer.
static void write_random(struct json *j, uint64_t *seed, unsigned depth)
{
	char text[16];
	uint64_t r = random_next(seed);
	unsigned n = (unsigned)(r >> 8) % 5;
	double d;
	switch (depth ? r % 8 : r % 6) {
	case 0:
		json_null(j);
		break;
	case 1:
		json_bool(j, r & 256);
		break;
	case 2:
		json_i64(j, (int64_t)random_next(seed) >> (r >> 58));
		break;
	case 3:
		r = random_next(seed);
		memcpy(&d, &r, sizeof(d));
		json_double(j, d);
		break;
	case 4:
	case 5:
		for (unsigned i = 0; i < sizeof(text); i++)
			text[i] = (char)random_next(seed);
		json_string(j, (struct sv){text, (r >> 20) % sizeof(text)});
		break;
	case 6:
		json_array(j);
		for (unsigned i = 0; i < n; i++)
			write_random(j, seed, depth - 1);
		json_array_end(j);
		break;
	default:
		json_object(j);
		for (unsigned i = 0; i < n; i++) {
			json_key_sv(j, (struct sv){text, (size_t)snprintf(text, sizeof(text), "k%u", i)});
			write_random(j, seed, depth - 1);
		}
		json_object_end(j);
		break;
	}
}

// What the writer writes, the reader reads and the serialiser writes again the same.
static void round_trips(void **state)
{
	(void)state;
	uint64_t seed = 7;
	struct json_parser *p = json_parser_new(1 << 20);
	struct buf b = buf_new(1 << 20), again = buf_new(1 << 20);
	for (int i = 0; i < 5000; i++) {
		buf_clear(&b);
		buf_clear(&again);
		struct json j = json_new(&b);
		write_random(&j, &seed, 6);
		struct json_node root;
		struct err e = ERR_NONE;
		assert_int_equal(json_parse(p, buf_view(&b), &root, &e), RC_OK);
		json_serialize(root, &again);
		assert_int_equal(again.rc, RC_OK);
		assert_int_equal(again.len, b.len);
		assert_memory_equal(again.data, b.data, b.len);
	}
	buf_free(&b);
	buf_free(&again);
	json_parser_free(&p);
}

// Noise, and valid documents with bytes changed: never a crash, and what is accepted serialises to valid JSON.
static void noise(void **state)
{
	(void)state;
	static const char alphabet[] = "{}[]\",:0123456789.eE+-truefalsn\\u \xC3\xA4\xFF";
	static const char sample[] = "{\"a\":[1,2.5e3,{\"b\":\"x\\u00e4\"}],\"c\":null,\"d\":[true,false]}";
	uint64_t seed = 99;
	struct json_parser *p = json_parser_new(1000);
	struct buf b = buf_new(10000);
	for (int i = 0; i < 200000; i++) {
		char text[64];
		size_t n = random_next(&seed) % sizeof(text);
		if (i % 2) {
			n = sizeof(sample) - 1;
			memcpy(text, sample, n);
			for (unsigned k = 0; k < 1 + i % 3u; k++)
				text[random_next(&seed) % n] =
					alphabet[random_next(&seed) % (sizeof(alphabet) - 1)];
		} else {
			for (size_t k = 0; k < n; k++)
				text[k] = i % 4 ? (char)random_next(&seed)
						: alphabet[random_next(&seed) % (sizeof(alphabet) - 1)];
		}
		struct json_node root;
		if (json_parse(p, (struct sv){text, n}, &root, NULL) != RC_OK)
			continue;
		buf_clear(&b);
		json_serialize(root, &b);
		assert_int_equal(b.rc, RC_OK);
		assert_int_equal(json_parse(p, buf_view(&b), &root, NULL), RC_OK);
	}
	buf_free(&b);
	json_parser_free(&p);
}

// Walks a document side by side with the iterator: same keys and values, and what each was received as parses to the
// same text again. Returns the number of values.
static uint32_t walk_all(struct json_parser *again, struct json_node node, struct buf *one, struct buf *two)
{
	struct json_member m[3]; // fewer than members, so that walks are resumed
	struct json_walk w = json_walk(node);
	struct json_iter it = json_iter(node);
	uint32_t total = 0, n;
	while ((n = json_walk_next(&w, m, 3)) > 0) {
		for (uint32_t i = 0; i < n; i++) {
			struct json_node root;
			assert_true(json_next(&it));
			assert_true(sv_equal(it.key, m[i].key));
			assert_int_equal(it.value.type, m[i].value.type);
			buf_clear(one);
			buf_clear(two);
			json_serialize(m[i].value, one);
			assert_int_equal(json_parse(again, m[i].raw, &root, NULL), RC_OK);
			json_serialize(root, two);
			assert_true(sv_equal(buf_view(one), buf_view(two)));
			char last = m[i].raw.ptr[m[i].raw.len - 1];
			assert_true(last != ' ' && last != '\n' && last != ',');
			assert_true(m[i].member.ptr + m[i].member.len == m[i].raw.ptr + m[i].raw.len);
			assert_true(m[i].key.ptr ? *m[i].member.ptr == '"' : m[i].member.ptr == m[i].raw.ptr);
			total += 1 + walk_all(again, m[i].value, one, two);
		}
	}
	assert_false(json_next(&it));
	return total;
}

static void walks(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint32_t n;
	} cases[] = {
		{"7", 0},
		{"[]", 0},
		{" { } ", 0},
		{"[1]", 1},
		{"{\"a\":{},\"b\":[],\"c\":[[]],\"d\":null}", 5},
		{" { \"a\" : 1 ,\n\"b\\u00e4\" : [ 1 , 2.50 , \"x,]}\" , true ] , \"c\\\"{\":\"\\\\\" }\n", 7},
		{"[{\"a\":[{\"b\":[1,2,3,4,5,6,7]},8]},\"{\",[\"[\"],{\"}\":\"]\"},9]", 18},
	};
	struct json_parser *p = json_parser_new(1 << 20), *again = json_parser_new(1 << 20);
	struct buf one = buf_new(1 << 20), two = buf_new(1 << 20);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json_node root;
		assert_int_equal(json_parse_to_walk(p, sv_from(cases[i].text), &root, NULL), RC_OK);
		assert_int_equal(walk_all(again, root, &one, &two), cases[i].n);
	}
	buf_free(&one);
	buf_free(&two);
	json_parser_free(&p);
	json_parser_free(&again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(walks),
		cmocka_unit_test(writes),
		cmocka_unit_test(writes_members),
		cmocka_unit_test(faults),
		cmocka_unit_test(reads),
		cmocka_unit_test(limits),
		cmocka_unit_test(refuses),
		cmocka_unit_test(round_trips),
		cmocka_unit_test(noise),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
