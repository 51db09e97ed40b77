// SPDX-License-Identifier: Apache-2.0
// Shim over simdjson's DOM. A node's two opaque words are simdjson's element (document pointer and tape index),
// an iterator's four are simdjson's iterators (now and end). Invariants: nothing but parsing allocates; no
// exception leaves this file; the size limit is ours, the depth limit is given to simdjson. simdjson's own
// allocations do not go through base/mem.h.
#include <cstring>
#include <new>
#include <simdjson.h>
#include <type_traits>

extern "C" {
#include "base/json.h"
#include "base/mem.h"
#include "base/number.h"
}

namespace dom = simdjson::dom;

struct json_parser {
	size_t max_bytes;
	char *text; // a copy of the input with simdjson's padding behind it
	size_t text_capacity;
	dom::parser dom;
};

namespace
{

static_assert(sizeof(dom::element) <= sizeof(json_node::tape), "a node holds an element");
static_assert(
	sizeof(dom::object::iterator) * 2 <= sizeof(json_iter::state), "an iterator holds its place and end");
static_assert(
	sizeof(dom::array::iterator) * 2 <= sizeof(json_iter::state), "an iterator holds its place and end");
static_assert(std::is_trivially_copyable_v<dom::element>);
static_assert(std::is_trivially_copyable_v<dom::object::iterator>);
static_assert(std::is_trivially_copyable_v<dom::array::iterator>);

// Opaque words to a value of simdjson's and back.
template <typename T> T load(const uint64_t *words) noexcept
{
	T value;
	std::memcpy(static_cast<void *>(&value), words, sizeof(value));
	return value;
}

template <typename T> void store(uint64_t *words, const T &value) noexcept
{
	std::memcpy(words, static_cast<const void *>(&value), sizeof(value));
}

json_type type_of(dom::element element) noexcept
{
	switch (element.type()) {
	case dom::element_type::ARRAY:
		return JSON_ARRAY;
	case dom::element_type::OBJECT:
		return JSON_OBJECT;
	case dom::element_type::INT64:
		return JSON_INT;
	case dom::element_type::UINT64:
		return JSON_UINT;
	case dom::element_type::DOUBLE:
		return JSON_DOUBLE;
	case dom::element_type::STRING:
		return JSON_STRING;
	case dom::element_type::BOOL:
		return JSON_BOOL;
	case dom::element_type::NULL_VALUE:
		break;
	}
	return JSON_NULL;
}

json_node node_of(const json_parser *parser, dom::element element) noexcept
{
	json_node n = {};
	n.parser = parser;
	n.type = type_of(element);
	store(n.tape, element);
	return n;
}

json_node absent(const json_parser *parser) noexcept
{
	json_node n = {};
	n.parser = parser;
	n.type = JSON_NONE;
	return n;
}

// Only called on nodes whose type has been looked at.
template <typename T> T get(json_node n) noexcept
{
	T value{};
	return load<dom::element>(n.tape).get(value) ? T{} : value;
}

sv view(std::string_view s) noexcept
{
	return sv{s.data(), s.size()};
}

// The element at an array's index given as text, absent when that is no number.
json_node step_array(json_node array, sv index) noexcept
{
	int64_t wanted = 0;
	if (!sv_to_i64(index, &wanted) || wanted < 0)
		return absent(array.parser);
	for (dom::element element : get<dom::array>(array))
		if (wanted-- == 0)
			return node_of(array.parser, element);
	return absent(array.parser);
}

enum rc fail(err *e, sv text, simdjson::error_code code) noexcept
{
	size_t bad = 0;
	if (code == simdjson::MEMALLOC)
		return err_set(e, RC_NOMEM, "out of memory reading JSON of %zu bytes", text.len);
	if (code == simdjson::DEPTH_ERROR)
		return err_set(e, RC_LIMIT, "JSON is nested deeper than %d levels", JSON_DEPTH_MAX);
	if (code == simdjson::UTF8_ERROR && !sv_utf8_valid(text, &bad))
		return err_set(e, RC_INPUT, "not valid JSON: byte %zu is not valid UTF-8", bad + 1);
	return err_set(e, RC_INPUT, "not valid JSON: %s", simdjson::error_message(code));
}

} // namespace

extern "C" struct json_parser *json_parser_new(size_t max_bytes)
{
	// simdjson's document sizes are 32 bits
	const size_t most = simdjson::SIMDJSON_MAXSIZE_BYTES - simdjson::SIMDJSON_PADDING;
	void *place = mem_alloc(sizeof(json_parser));
	if (!place)
		return nullptr;
	try {
		json_parser *p =
			new (place) json_parser{max_bytes < most ? max_bytes : most, nullptr, 0, dom::parser()};
		return p;
	} catch (...) {
		mem_free(place);
		return nullptr;
	}
}

extern "C" void json_parser_free(struct json_parser **p)
{
	if (!*p)
		return;
	mem_free((*p)->text);
	(*p)->~json_parser();
	mem_free(*p);
	*p = nullptr;
}

extern "C" enum rc json_parse(struct json_parser *p, struct sv text, struct json_node *root, struct err *e)
{
	*root = absent(p);
	if (text.len > p->max_bytes)
		return err_set(e, RC_LIMIT, "JSON of %zu bytes is larger than the allowed %zu", text.len,
			p->max_bytes);
	void *copy = p->text;
	if (mem_grow(&copy, &p->text_capacity, text.len + simdjson::SIMDJSON_PADDING, 1) != 0)
		return err_set(e, RC_NOMEM, "out of memory reading JSON of %zu bytes", text.len);
	p->text = static_cast<char *>(copy);
	if (text.len)
		std::memcpy(p->text, text.ptr, text.len);
	std::memset(p->text + text.len, 0, simdjson::SIMDJSON_PADDING);
	try {
		if (p->dom.capacity() < text.len || p->dom.max_depth() != JSON_DEPTH_MAX) {
			// Doubled, so that documents which grow slowly do not allocate each time.
			size_t capacity = p->dom.capacity() * 2 > text.len ? p->dom.capacity() * 2 : text.len;
			simdjson::error_code code =
				p->dom.allocate(capacity < 4096 ? 4096 : capacity, JSON_DEPTH_MAX);
			if (code)
				return fail(e, text, code);
		}
		dom::element element;
		simdjson::error_code code = p->dom.parse(p->text, text.len, false).get(element);
		if (code)
			return fail(e, text, code);
		*root = node_of(p, element);
		return RC_OK;
	} catch (...) {
		return err_set(e, RC_NOMEM, "out of memory reading JSON of %zu bytes", text.len);
	}
}

extern "C" struct json_node json_get(struct json_node object, struct sv key)
{
	if (object.type != JSON_OBJECT)
		return absent(object.parser);
	const dom::object members = get<dom::object>(object);
	const std::string_view wanted(key.len ? key.ptr : "", key.len);
	for (dom::object::iterator it = members.begin(); it != members.end(); ++it)
		if (it.key_equals(wanted))
			return node_of(object.parser, it.value());
	return absent(object.parser);
}

extern "C" struct json_node json_path(struct json_node root, struct sv path)
{
	json_node node = root;
	while (path.ptr && node.type != JSON_NONE) {
		sv rest;
		const sv step = sv_cut(path, '.', &rest);
		node = node.type == JSON_ARRAY ? step_array(node, step) : json_get(node, step);
		path = rest;
	}
	return node;
}

extern "C" struct json_iter json_iter(struct json_node container)
{
	struct json_iter it = {};
	it.value = absent(container.parser);
	if (container.type == JSON_OBJECT) {
		const dom::object members = get<dom::object>(container);
		store(it.state, members.begin());
		store(it.state + 2, members.end());
		it.is_object = true;
	} else if (container.type == JSON_ARRAY) {
		const dom::array elements = get<dom::array>(container);
		store(it.state, elements.begin());
		store(it.state + 2, elements.end());
	}
	return it;
}

extern "C" bool json_next(struct json_iter *it)
{
	if (std::memcmp(it->state, it->state + 2, 2 * sizeof(uint64_t)) == 0)
		return false;
	if (it->is_object) {
		dom::object::iterator at = load<dom::object::iterator>(it->state);
		it->key = view(at.key());
		it->value = node_of(it->value.parser, at.value());
		++at;
		store(it->state, at);
	} else {
		dom::array::iterator at = load<dom::array::iterator>(it->state);
		it->value = node_of(it->value.parser, *at);
		++at;
		store(it->state, at);
	}
	return true;
}

extern "C" struct sv json_text(struct json_node n, char scratch[32])
{
	switch (n.type) {
	case JSON_STRING:
		return view(get<std::string_view>(n));
	case JSON_INT:
		return sv{scratch, number_from_i64(get<int64_t>(n), scratch)};
	case JSON_UINT:
		return sv{scratch, number_from_u64(get<uint64_t>(n), scratch)};
	case JSON_DOUBLE:
		return sv{scratch, number_from_double(get<double>(n), scratch)};
	case JSON_BOOL:
		return get<bool>(n) ? sv{"true", 4} : sv{"false", 5};
	case JSON_NONE:
	case JSON_NULL:
	case JSON_ARRAY:
	case JSON_OBJECT:
		break;
	}
	return sv{nullptr, 0};
}

extern "C" bool json_number(struct json_node n, double *out)
{
	if (n.type == JSON_DOUBLE)
		*out = get<double>(n);
	else if (n.type == JSON_INT)
		*out = static_cast<double>(get<int64_t>(n));
	else if (n.type == JSON_UINT)
		*out = static_cast<double>(get<uint64_t>(n));
	else
		return false;
	return true;
}
