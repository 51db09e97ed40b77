// SPDX-License-Identifier: Apache-2.0
// Shim over simdjson's DOM. A node's two opaque words are simdjson's element (document pointer and tape index),
// an iterator's four are simdjson's iterators (now and end). Invariants: nothing but parsing allocates; no
// exception leaves this file; the size limit is ours, the depth limit is given to simdjson. simdjson's own
// allocations do not go through base/mem.h.
#include <cassert>
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
	uint32_t *closing; // see brackets_pair
	size_t closing_capacity;
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

// The end of the value that starts at `place` of the offsets, and the place behind it.
const char *value_end(
	const json_parser *p, const uint32_t *offsets, uint32_t *place, bool is_container) noexcept
{
	if (is_container) {
		const uint32_t closing = p->closing[*place];
		*place = closing + 1;
		return p->text + offsets[closing] + 1;
	}
	const char *end = p->text + offsets[++*place]; // of what follows: a comma or bracket
	while (end[-1] == ' ' || end[-1] == '\n' || end[-1] == '\t' || end[-1] == '\r')
		end--;
	return end;
}

// Finds the closing bracket of every opening one, so that a walk steps over a value at once. No other byte that is
// found at an offset is the same as a bracket when bit 5 is set.
bool brackets_pair(json_parser *p) noexcept
{
	const uint32_t *offsets = p->dom.implementation->structural_indexes.get();
	const uint32_t n = p->dom.implementation->n_structural_indexes;
	uint32_t open[JSON_DEPTH_MAX + 1];
	uint32_t depth = 0;
	void *closing = p->closing;
	if (mem_grow(&closing, &p->closing_capacity, n, sizeof(*p->closing)) != 0)
		return false;
	p->closing = static_cast<uint32_t *>(closing);
	for (uint32_t i = 0; i < n; i++) {
		const unsigned char c = static_cast<unsigned char>(p->text[offsets[i]]) | 0x20;
		if (c == '{')
			open[depth++] = i;
		else if (c == '}')
			p->closing[open[--depth]] = i;
	}
	return true;
}

sv key_of(const dom::object::iterator &at) noexcept
{
	return view(at.key());
}
sv key_of(const dom::array::iterator &) noexcept
{
	return sv{nullptr, 0};
}
dom::element value_of(const dom::object::iterator &at) noexcept
{
	return at.value();
}
dom::element value_of(const dom::array::iterator &at) noexcept
{
	return *at;
}

template <typename T>
uint32_t walk_next(const json_parser *p, struct json_walk *w, struct json_member *out, uint32_t max) noexcept
{
	constexpr bool is_object = std::is_same_v<T, dom::object::iterator>;
	const uint32_t *offsets = p->dom.implementation->structural_indexes.get();
	T at = load<T>(w->state);
	const T end = load<T>(w->state + 2);
	uint32_t n = 0, place = w->place;
	for (; n < max && at != end; ++at, ++n) {
		json_member &m = out[n];
		const char *first = p->text + offsets[place];
		place += is_object ? 2 : 0;
		const char *start = p->text + offsets[place];
		m.key = key_of(at);
		// In place: a copy of two words that were just written would wait for the writing.
		const dom::element *element = new (m.value.tape) dom::element(value_of(at));
		m.value.parser = p;
		m.value.type = type_of(*element);
		m.value.place = place + 1;
		const bool is_container = m.value.type == JSON_ARRAY || m.value.type == JSON_OBJECT;
		const char *stop = value_end(p, offsets, &place, is_container);
		m.raw = sv{start, static_cast<size_t>(stop - start)};
		m.member = sv{first, static_cast<size_t>(stop - first)};
		place++; // the comma
	}
	store(w->state, at);
	w->place = place;
	return n;
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
		json_parser *p = new (place)
			json_parser{max_bytes < most ? max_bytes : most, nullptr, 0, nullptr, 0, dom::parser()};
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
	mem_free((*p)->closing);
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

// simdjson's first stage leaves the offsets of all brackets, commas, colons, and starts of scalars. A walk keeps pace
// with them: a place is the number of one of these, counted from 1.
extern "C" enum rc json_parse_to_walk(
	struct json_parser *p, struct sv text, struct json_node *root, struct err *e)
{
	enum rc rc = json_parse(p, text, root, e);
	if (rc != RC_OK)
		return rc;
	if (!brackets_pair(p))
		return err_set(e, RC_NOMEM, "out of memory reading JSON of %zu bytes", text.len);
	root->place = 1;
	return RC_OK;
}

extern "C" struct json_walk json_walk(struct json_node container)
{
	struct json_walk w = {};
	const struct json_iter it = json_iter(container);
	std::memcpy(w.state, it.state, sizeof(w.state));
	w.container = container;
	w.place = container.place; // its bracket, so the offset of what follows is at this index
	assert(container.place || std::memcmp(w.state, w.state + 2, 2 * sizeof(uint64_t)) == 0);
	return w;
}

extern "C" uint32_t json_walk_next(struct json_walk *w, struct json_member *out, uint32_t max)
{
	const json_parser *p = w->container.parser;
	if (w->container.type == JSON_OBJECT)
		return walk_next<dom::object::iterator>(p, w, out, max);
	if (w->container.type == JSON_ARRAY)
		return walk_next<dom::array::iterator>(p, w, out, max);
	return 0;
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
