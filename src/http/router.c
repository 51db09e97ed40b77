// SPDX-License-Identifier: Apache-2.0
// From a path to a row of the route table: a tree of segments. A node has literal children (sorted), at most one child for any segment,
// and routes per method for paths that end here and for those that go on below ("*").
// Searching tries literal, any, rest in this order and steps back when a branch leads nowhere; each step uses up a
// segment and paths have at most SEGMENTS_MAX of them, so that a search is short whatever is asked for.
#include "base/mem.h"
#include "http/internal.h"

#include <stdlib.h>
#include <string.h>

enum { SEGMENTS_MAX = 32 };

struct ends {
	int route[HTTP_METHODS]; // index + 1, 0: none
	unsigned allowed;
};

struct node {
	struct sv name; // of a literal
	struct node **literals;
	size_t n_literals, cap_literals;
	struct node *any;
	struct ends here, rest;
};

struct router {
	const struct http_route *routes;
	struct node root;
};

static void node_free(struct node *n)
{
	for (size_t i = 0; i < n->n_literals; i++) {
		node_free(n->literals[i]);
		mem_free(n->literals[i]);
	}
	mem_free(n->literals);
	if (n->any) {
		node_free(n->any);
		mem_free(n->any);
	}
}

void router_free(struct router **r)
{
	if (!*r)
		return;
	node_free(&(*r)->root);
	mem_free(*r);
	*r = NULL;
}

// Where `name` is, or would have to be.
static size_t literal_place(const struct node *n, struct sv name, bool *found)
{
	size_t low = 0, high = n->n_literals;
	*found = false;
	while (low < high) {
		size_t middle = (low + high) / 2;
		int c = sv_compare(n->literals[middle]->name, name);
		if (c == 0) {
			*found = true;
			return middle;
		}
		if (c < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct node *child(struct node *n, struct sv segment)
{
	if (segment.len && segment.ptr[0] == '{') {
		if (!n->any)
			n->any = mem_calloc(1, sizeof(*n->any));
		return n->any;
	}
	bool found;
	size_t at = literal_place(n, segment, &found);
	if (found)
		return n->literals[at];
	struct node *made = mem_calloc(1, sizeof(*made));
	if (!made || mem_grow((void **)&n->literals, &n->cap_literals, n->n_literals + 1,
			     sizeof(*n->literals)) != 0) {
		mem_free(made);
		return NULL;
	}
	made->name = segment;
	memmove(n->literals + at + 1, n->literals + at, (n->n_literals - at) * sizeof(*n->literals));
	n->literals[at] = made;
	n->n_literals++;
	return made;
}

// A segment is {name}, or has none of {}*; * stands last.
static bool segment_valid(struct sv s, bool is_last)
{
	if (sv_equal(s, SV("*")))
		return is_last;
	bool braces = s.len > 2 && s.ptr[0] == '{' && s.ptr[s.len - 1] == '}';
	for (size_t i = braces; i + braces < s.len; i++)
		if (s.ptr[i] == '{' || s.ptr[i] == '}' || s.ptr[i] == '*')
			return false;
	return true;
}

static enum rc route_add(struct router *r, size_t index, struct err *e)
{
	const struct http_route *route = &r->routes[index];
	struct node *n = &r->root;
	bool rest_of = false;
	size_t n_params = 0;
	if (route->path[0] != '/')
		return err_set(e, RC_USAGE, "route %s: a path begins with /", route->path);
	for (struct sv rest = sv_from(route->path + 1); rest.ptr;) {
		struct sv segment = sv_cut(rest, '/', &rest);
		bool is_param = segment.len && (segment.ptr[0] == '{' || segment.ptr[0] == '*');
		if (!segment_valid(segment, !rest.ptr) || (n_params += is_param) > HTTP_PARAMS_MAX)
			return err_set(e, RC_USAGE,
				"route %s: segments are literal, {name}, or * at the end, with at most %d "
				"names",
				route->path, HTTP_PARAMS_MAX);
		if (sv_equal(segment, SV("*"))) {
			rest_of = true;
			break;
		}
		n = child(n, segment);
		if (!n)
			return err_set(e, RC_NOMEM, "no memory for the route table");
	}
	struct ends *ends = rest_of ? &n->rest : &n->here;
	if (ends->route[route->method])
		return err_set(e, RC_USAGE, "route %s %s is there twice", http_method_name(route->method),
			route->path);
	ends->route[route->method] = (int)index + 1;
	ends->allowed |= 1u << route->method;
	return RC_OK;
}

enum rc router_new(const struct http_route *routes, size_t n, struct router **out, struct err *e)
{
	struct router *r = mem_calloc(1, sizeof(*r));
	if (!r)
		return err_set(e, RC_NOMEM, "no memory for the route table");
	r->routes = routes;
	for (size_t i = 0; i < n; i++) {
		enum rc rc = route_add(r, i, e);
		if (rc) {
			router_free(&r);
			return rc;
		}
	}
	*out = r;
	return RC_OK;
}

// The segments of the path that stand for names are noted in `taken`.
static const struct ends *search(
	const struct node *n, const struct sv *segments, size_t count, struct sv *taken, uint32_t *n_taken)
{
	if (count == 0 && n->here.allowed)
		return &n->here;
	uint32_t before = *n_taken;
	if (count) {
		bool found;
		size_t at = literal_place(n, segments[0], &found);
		const struct ends *e =
			found ? search(n->literals[at], segments + 1, count - 1, taken, n_taken) : NULL;
		if (e)
			return e;
		*n_taken = before;
		if (n->any && segments[0].len && before < HTTP_PARAMS_MAX) {
			taken[(*n_taken)++] = segments[0];
			e = search(n->any, segments + 1, count - 1, taken, n_taken);
			if (e)
				return e;
			*n_taken = before;
		}
	}
	if (!n->rest.allowed || before >= HTTP_PARAMS_MAX)
		return NULL;
	struct sv all = SV("");
	if (count)
		all = (struct sv){segments[0].ptr,
			(size_t)(segments[count - 1].ptr + segments[count - 1].len - segments[0].ptr)};
	taken[(*n_taken)++] = all;
	return &n->rest;
}

// Gives the taken segments the names of the route.
static void params_name(const char *path, struct route_match *out)
{
	uint32_t k = 0;
	for (struct sv rest = sv_from(path + 1); rest.ptr && k < out->n_params;) {
		struct sv s = sv_cut(rest, '/', &rest);
		if (s.len && s.ptr[0] == '{')
			out->params[k++].name = (struct sv){s.ptr + 1, s.len - 2};
		else if (sv_equal(s, SV("*")))
			out->params[k++].name = s;
	}
}

bool router_find(const struct router *r, enum http_method method, struct sv path, struct arena *a,
	struct route_match *out)
{
	*out = (struct route_match){.route = ROUTE_NONE, .any = ROUTE_NONE};
	struct sv segments[SEGMENTS_MAX], taken[HTTP_PARAMS_MAX];
	size_t n = 0;
	if (path.len == 0 || path.ptr[0] != '/')
		return path.len == 1; // "*"
	for (struct sv rest = {path.ptr + 1, path.len - 1}; rest.ptr;) {
		struct sv s = sv_cut(rest, '/', &rest);
		if (!unescape(s, false, a, &s) || !path_part_valid(s))
			return false;
		if (n == SEGMENTS_MAX)
			return true;
		segments[n++] = s;
	}
	// What * takes is one view: escapes in the path are undone in a piece, if there are any.
	struct sv whole = path;
	if (memchr(path.ptr, '%', path.len)) {
		if (!unescape(path, false, a, &whole))
			return false;
		size_t at = 1;
		for (size_t i = 0; i < n; i++) {
			segments[i].ptr = whole.ptr + at;
			at += segments[i].len + 1;
		}
	}
	const struct ends *e = search(&r->root, segments, n, taken, &out->n_params);
	if (!e) {
		out->n_params = 0;
		return true;
	}
	out->allowed = e->allowed;
	for (int m = 0; m < HTTP_METHODS; m++)
		if (e->route[m])
			out->any = e->route[m] - 1;
	int index = e->route[method];
	if (!index && method == HTTP_HEAD)
		index = e->route[HTTP_GET];
	out->route = index ? index - 1 : ROUTE_NONE;
	for (uint32_t i = 0; i < out->n_params; i++)
		out->params[i].value = taken[i];
	if (out->any != ROUTE_NONE)
		params_name(r->routes[index ? out->route : out->any].path, out);
	return true;
}
