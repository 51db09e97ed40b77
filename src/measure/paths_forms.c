// SPDX-License-Identifier: Apache-2.0
// The three forms of paths, from the different paths and their counts. What --top leaves out is summed exactly.
//
// Order: most frequent first; equal counts by the order of their steps' names (the corridor file's, else by name), so
// that it is the data's alone.
#include "measure/paths.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_STEPS_MAX 100u // of a path in a cell; longer ones end in "… (n more)"

// The used slots of a table, group by group.
struct book {
	uint32_t *slot;
	uint64_t *start; // n_groups + 1
	uint32_t n_groups;
};

static void book_free(struct book *b)
{
	mem_free(b->slot);
	mem_free(b->start);
}

static uint32_t group_of(const struct census *t, uint64_t slot)
{
	return t->shape.packed ? (uint32_t)(census_key(t, slot) >> (t->shape.code_bits * t->shape.depth))
			       : t->codes[t->place[slot]];
}

// The code of a path's i-th step plus 1; 0: it has fewer.
static inline uint32_t step_at(const struct census *t, uint64_t slot, uint32_t i)
{
	if (t->shape.packed)
		return i < t->shape.depth ? (uint32_t)((census_key(t, slot) >> (t->shape.code_bits * i)) &
						       ((UINT64_C(1) << t->shape.code_bits) - 1))
					  : 0;
	const uint32_t *p = t->codes + t->place[slot];
	return i < p[1] ? p[2 + i] + 1 : 0;
}

static enum rc book_open(const struct census *t, uint32_t n_groups, struct book *out, struct err *e)
{
	uint64_t slots = census_slots(t);
	*out = (struct book){.n_groups = n_groups};
	out->slot = mem_alloc((t->n_used + 1) * sizeof(*out->slot));
	out->start = mem_calloc((size_t)n_groups + 2, sizeof(*out->start));
	if (!out->slot || !out->start) {
		book_free(out);
		return err_set(e, RC_NOMEM, "out of memory for paths");
	}
	for (uint64_t i = 0; i < slots; i++)
		if (census_key(t, i))
			out->start[group_of(t, i) + 2]++;
	for (uint32_t g = 2; g < n_groups + 2; g++)
		out->start[g] += out->start[g - 1];
	for (uint64_t i = 0; i < slots; i++)
		if (census_key(t, i))
			out->slot[out->start[group_of(t, i) + 1]++] = (uint32_t)i;
	return RC_OK;
}

enum rc paths_text(struct run *run, const uint32_t *code, uint32_t n, bool backwards, const char *before,
	const char *after, struct cell *out, struct err *e)
{
	const struct paths_plan *plan = run->plan;
	uint32_t shown = n < TEXT_STEPS_MAX ? n : TEXT_STEPS_MAX;
	struct buf b = buf_new((size_t)1 << 24);
	buf_str(&b, before);
	for (uint32_t i = 0; i < shown; i++) {
		buf_str(&b, i ? " → " : "");
		buf_sv(&b, step_label(run, &plan->key, code[backwards ? n - 1 - i : i]));
	}
	if (shown < n)
		buf_printf(&b, " → … (%u more)", n - shown);
	buf_str(&b, after);
	struct sv text = b.rc == RC_OK ? arena_copy(run->arena, buf_view(&b)) : SV_NONE;
	buf_free(&b);
	if (!text.ptr)
		return err_set(e, RC_NOMEM, "out of memory for a path");
	cell_text(out, text);
	return RC_OK;
}

static int compare_codes(const struct run *run, uint32_t a, uint32_t b)
{
	const struct paths_plan *plan = run->plan;
	if (a == b)
		return 0;
	return step_before(run, &plan->key, a, b) ? -1 : 1;
}

static double ratio(uint64_t a, uint64_t b)
{
	return b ? (double)a / (double)b : (double)NAN;
}

// --- tree ---

#define ROOT 0u

struct node {
	uint32_t parent, code, depth; // the root's children have depth 1
	uint64_t n, ended;
};

struct live {
	uint32_t slot, node;
};

struct tree {
	struct run *run;
	const struct census *t;
	struct node *nodes; // 0 is the root; the shown ones follow, of growing depth
	uint32_t n_nodes;
	size_t nodes_capacity;
	struct node *best; // children of shown nodes and shown nodes, before the cut
	uint32_t n_best;
	size_t best_capacity;
	struct live *live;
	uint64_t n_live;
};

static void tree_free(struct tree *tree)
{
	mem_free(tree->nodes);
	mem_free(tree->best);
	mem_free(tree->live);
}

// Order among nodes of equal count: by depth, then by their paths' names. Parents are shown nodes, so two of the same
// depth are told apart by walking up.
static int compare_paths(const struct tree *tree, const struct node *a, const struct node *b)
{
	if (a->depth != b->depth)
		return a->depth < b->depth ? -1 : 1;
	if (a->parent != b->parent) {
		int c = compare_paths(tree, &tree->nodes[a->parent], &tree->nodes[b->parent]);
		if (c)
			return c;
	}
	return compare_codes(tree->run, a->code, b->code);
}

static int compare_nodes(const void *x, const void *y, void *context)
{
	const struct node *a = x, *b = y;
	if (a->n != b->n)
		return a->n > b->n ? -1 : 1;
	return compare_paths(context, a, b);
}

static enum rc push_node(struct node **nodes, uint32_t *n, size_t *capacity, struct node x, struct err *e)
{
	if (mem_grow((void **)nodes, capacity, (size_t)*n + 1, sizeof(**nodes)) != 0)
		return err_set(e, RC_NOMEM, "out of memory for a tree");
	(*nodes)[(*n)++] = x;
	return RC_OK;
}

static uint64_t child_key(uint32_t node, uint32_t code1)
{
	return (uint64_t)node << 32 | code1;
}

// Counts the children of shown nodes at `depth`; paths that end there leave.
static enum rc count_children(struct tree *tree, uint32_t depth, struct census *children, struct err *e)
{
	enum rc rc = RC_OK;
	uint64_t kept = 0;
	for (uint64_t i = 0; rc == RC_OK && i < tree->n_live; i++) {
		struct live x = tree->live[i];
		uint32_t code1 = step_at(tree->t, x.slot, depth);
		uint64_t n = census_n(tree->t, x.slot);
		if (!code1) {
			tree->nodes[x.node].ended += n;
			continue;
		}
		rc = census_count(children, child_key(x.node, code1), n, e);
		tree->live[kept++] = x;
	}
	tree->n_live = kept;
	return rc;
}

// Adds the children to the shown nodes and keeps the `top` most frequent. A node has no more than its parent and comes
// after it, so what is kept is connected; nodes that drop out have no children yet.
static enum rc choose_children(
	struct tree *tree, uint32_t depth, const struct census *children, uint32_t top, struct err *e)
{
	enum rc rc = RC_OK;
	tree->n_best = 0;
	for (uint32_t i = 1; rc == RC_OK && i < tree->n_nodes; i++)
		rc = push_node(&tree->best, &tree->n_best, &tree->best_capacity, tree->nodes[i], e);
	for (uint64_t i = 0; rc == RC_OK && i < census_slots(children); i++)
		if (children->slot[i].key)
			rc = push_node(&tree->best, &tree->n_best, &tree->best_capacity,
				(struct node){.parent = (uint32_t)(children->slot[i].key >> 32),
					.code = (uint32_t)children->slot[i].key - 1,
					.depth = depth + 1,
					.n = children->slot[i].n},
				e);
	if (rc != RC_OK || tree->n_best == 0)
		return rc;
	qsort_r(tree->best, tree->n_best, sizeof(*tree->best), compare_nodes, tree);
	if (top && tree->n_best > top)
		tree->n_best = top;
	return RC_OK;
}

static int compare_depth(const void *x, const void *y)
{
	const struct node *a = x, *b = y;
	if (a->depth != b->depth)
		return a->depth < b->depth ? -1 : 1;
	return 0;
}

// The chosen nodes become tree->nodes. Those of lesser depth keep their numbers only if none of them dropped out, so
// all are numbered anew, level by level, and live paths and parents follow.
static enum rc adopt(struct tree *tree, uint32_t depth, struct err *e)
{
	struct census number = CENSUS_PLAIN;
	uint32_t n = tree->n_nodes;
	uint32_t *to = mem_calloc(n, sizeof(*to));
	struct node *nodes = mem_calloc((size_t)tree->n_best + 1, sizeof(*nodes));
	enum rc rc = to && nodes ? RC_OK : err_set(e, RC_NOMEM, "out of memory for a tree");
	if (rc == RC_OK) {
		nodes[0] = tree->nodes[0];
		qsort(tree->best, tree->n_best, sizeof(*tree->best), compare_depth);
	}
	for (uint32_t i = 0; rc == RC_OK && i < tree->n_best; i++) {
		struct node x = tree->best[i];
		rc = census_count(&number, child_key(x.parent, x.code + 1), i + 1, e);
		nodes[i + 1] = x;
	}
	// Old numbers to new ones, from the root down; 0: dropped out (or the root).
	for (uint32_t i = 1; rc == RC_OK && i < n; i++) {
		const struct node *x = &tree->nodes[i];
		to[i] = (uint32_t)census_get(&number, child_key(x->parent, x->code + 1));
	}
	for (uint32_t i = 1; rc == RC_OK && i <= tree->n_best; i++)
		nodes[i].parent = to[nodes[i].parent];
	uint64_t kept = 0;
	for (uint64_t i = 0; rc == RC_OK && i < tree->n_live; i++) {
		struct live x = tree->live[i];
		x.node = (uint32_t)census_get(&number, child_key(x.node, step_at(tree->t, x.slot, depth)));
		tree->live[kept] = x;
		kept += x.node != 0;
	}
	tree->n_live = kept;
	census_free(&number);
	mem_free(to);
	if (rc != RC_OK) {
		mem_free(nodes);
		return rc;
	}
	mem_free(tree->nodes);
	tree->nodes = nodes;
	tree->nodes_capacity = (size_t)tree->n_best + 1;
	tree->n_nodes = tree->n_best + 1;
	return RC_OK;
}

static enum rc tree_grow(struct tree *tree, const struct book *b, uint32_t group, struct err *e)
{
	const struct paths_plan *plan = tree->run->plan;
	uint64_t first = b->start[group], end = b->start[group + 1];
	tree->live = mem_alloc((end - first + 1) * sizeof(*tree->live));
	if (!tree->live)
		return err_set(e, RC_NOMEM, "out of memory for a tree");
	enum rc rc = push_node(&tree->nodes, &tree->n_nodes, &tree->nodes_capacity, (struct node){0}, e);
	for (uint64_t i = first; rc == RC_OK && i < end; i++) {
		tree->live[tree->n_live++] = (struct live){b->slot[i], ROOT};
		tree->nodes[ROOT].n += census_n(tree->t, b->slot[i]);
	}
	for (uint32_t depth = 0; rc == RC_OK && depth < plan->depth && tree->n_live; depth++) {
		struct census children = CENSUS_PLAIN;
		rc = count_children(tree, depth, &children, e);
		if (rc == RC_OK)
			rc = choose_children(tree, depth, &children, plan->top, e);
		if (rc == RC_OK)
			rc = adopt(tree, depth, e);
		census_free(&children);
	}
	return rc;
}

static int32_t step_number(const struct paths_plan *plan, uint32_t depth, bool backwards)
{
	if (backwards)
		return 1 - (int32_t)depth;
	return plan->around ? (int32_t)depth - 1 : (int32_t)depth;
}

static enum rc tree_row(struct tree *tree, uint32_t group, const struct node *x, uint64_t of, bool backwards,
	bool other, struct err *e)
{
	struct run *run = tree->run;
	uint32_t codes[PATHS_DEPTH_MAX], n = 0;
	for (const struct node *at = other ? &tree->nodes[x->parent] : x; at->depth;
		at = &tree->nodes[at->parent])
		codes[n++] = at->code;
	struct cell *c = result_row(run, group, (double)x->n, e);
	if (!c)
		return e->rc;
	// codes[] go from the node to the root: in order of time when the tree is read backwards.
	const char *before = !other || !backwards ? "" : n ? "(other) → " : "(other)";
	const char *after = !other || backwards ? "" : n ? " → (other)" : "(other)";
	enum rc rc = paths_text(run, codes, n, !backwards, before, after, &c[TREE_PATH], e);
	cell_number(&c[TREE_STEP], step_number(run->plan, x->depth, backwards));
	cell_number(&c[TREE_N], (double)x->n);
	cell_number(&c[TREE_SHARE], ratio(x->n, of));
	const struct paths_plan *plan = run->plan;
	if (!other && x->depth < plan->depth)
		cell_number(&c[TREE_ENDED], (double)x->ended);
	return rc;
}

// Shown nodes by parent, each parent's most frequent first: the children of node i are order[first[i]] …
// order[first[i + 1] - 1].
struct family {
	uint32_t *order, *first;
};

static int compare_family(const void *x, const void *y, void *context)
{
	const struct tree *tree = context;
	const struct node *a = &tree->nodes[*(const uint32_t *)x], *b = &tree->nodes[*(const uint32_t *)y];
	if (a->parent != b->parent)
		return a->parent < b->parent ? -1 : 1;
	return compare_nodes(a, b, context);
}

static enum rc family_open(struct tree *tree, struct family *out, struct err *e)
{
	uint32_t n = tree->n_nodes;
	out->order = mem_calloc(n, sizeof(*out->order));
	out->first = mem_calloc((size_t)n + 2, sizeof(*out->first));
	if (!out->order || !out->first)
		return err_set(e, RC_NOMEM, "out of memory for a tree");
	for (uint32_t i = 1; i < n; i++) {
		out->order[i - 1] = i;
		out->first[tree->nodes[i].parent + 1]++;
	}
	for (uint32_t i = 0; i < n; i++)
		out->first[i + 1] += out->first[i];
	qsort_r(out->order, n - 1, sizeof(*out->order), compare_family, tree);
	return RC_OK;
}

static void family_free(struct family *f)
{
	mem_free(f->order);
	mem_free(f->first);
}

// Depth first; the depth is at most PATHS_DEPTH_MAX.
static enum rc tree_rows(
	struct tree *tree, uint32_t group, uint32_t node, const struct family *f, bool backwards, struct err *e)
{
	const struct paths_plan *plan = tree->run->plan;
	const struct node *x = &tree->nodes[node];
	// The two trees of --around have the step in the middle in common: it is listed once.
	bool again = backwards && plan->around && node == ROOT;
	uint64_t shown = 0;
	enum rc rc = RC_OK;
	for (uint32_t k = f->first[node]; rc == RC_OK && k < f->first[node + 1]; k++) {
		uint32_t i = f->order[k];
		shown += tree->nodes[i].n;
		if (!again)
			rc = tree_row(tree, group, &tree->nodes[i], x->n, backwards, false, e);
		if (rc == RC_OK)
			rc = tree_rows(tree, group, i, f, backwards, e);
	}
	uint64_t rest = x->n - x->ended - shown;
	if (rc != RC_OK || !shown || !rest || again)
		return rc;
	struct node other = {.parent = node, .depth = x->depth + 1, .n = rest};
	return tree_row(tree, group, &other, x->n, backwards, true, e);
}

static enum rc write_group_tree(struct run *run, const struct census *t, const struct book *b, uint32_t group,
	bool backwards, struct err *e)
{
	struct tree tree = {.run = run, .t = t};
	struct family family = {0};
	enum rc rc = tree_grow(&tree, b, group, e);
	if (rc == RC_OK)
		rc = family_open(&tree, &family, e);
	if (rc == RC_OK)
		rc = tree_rows(&tree, group, ROOT, &family, backwards, e);
	family_free(&family);
	tree_free(&tree);
	return rc;
}

static enum rc write_trees(struct run *run, const struct census *t, bool backwards, struct err *e)
{
	struct book b;
	enum rc rc = book_open(t, run_groups(run), &b, e);
	if (rc != RC_OK)
		return rc;
	for (uint32_t g = 0; rc == RC_OK && g < b.n_groups; g++)
		if (b.start[g] < b.start[g + 1])
			rc = write_group_tree(run, t, &b, g, backwards, e);
	book_free(&b);
	return rc;
}

enum rc paths_write_tree(struct run *run, struct paths_state *s, struct err *e)
{
	const struct paths_plan *plan = run->plan;
	enum rc rc = write_trees(run, &s->paths, plan->backwards, e);
	return rc == RC_OK && plan->around ? write_trees(run, &s->before, true, e) : rc;
}

// --- edges ---

#define EDGE_CODE_BITS 29u
#define EDGE_STEPS (2u * PATHS_DEPTH_MAX + 1u)

struct edge {
	uint64_t n;
	int32_t step;      // of `from`
	uint32_t from, to; // codes + 1; 0: the end (of from: the start)
	bool backwards;    // the path is read backwards: `to` is nearer to where it is read from
};

struct edges {
	struct run *run;
	struct edge *edge;
	uint32_t n;
	size_t capacity;
	uint64_t rest[EDGE_STEPS]; // by step + PATHS_DEPTH_MAX: what is not shown
	struct census at;          // sessions that are at a step, by its code: what shares are of
};

static int compare_ends(const struct run *run, uint32_t a, uint32_t b)
{
	if (a == b || a == 0 || b == 0)
		return a == b ? 0 : a == 0 ? 1 : -1;
	return compare_codes(run, a - 1, b - 1);
}

static int compare_edges(const void *x, const void *y, void *context)
{
	const struct edge *a = x, *b = y;
	if (a->n != b->n)
		return a->n > b->n ? -1 : 1;
	if (a->step != b->step)
		return a->step < b->step ? -1 : 1;
	int c = compare_ends(context, a->from, b->from);
	return c ? c : compare_ends(context, a->to, b->to);
}

// Steps forwards, then by count.
static int compare_shown(const void *x, const void *y, void *context)
{
	const struct edge *a = x, *b = y;
	if (a->step != b->step)
		return a->step < b->step ? -1 : 1;
	return compare_edges(x, y, context);
}

static uint64_t edge_key(uint32_t i, uint32_t here1, uint32_t next1)
{
	return (uint64_t)i << (2 * EDGE_CODE_BITS) | (uint64_t)here1 << EDGE_CODE_BITS | next1;
}

static enum rc count_edges(const struct census *t, const struct book *b, uint32_t group, uint32_t depth,
	struct census *out, struct err *e)
{
	enum rc rc = RC_OK;
	for (uint64_t k = b->start[group]; k < b->start[group + 1]; k++) {
		uint32_t slot = b->slot[k], here = step_at(t, slot, 0);
		for (uint32_t i = 0; rc == RC_OK && here && i + 1 < depth; i++) {
			uint32_t next = step_at(t, slot, i + 1);
			rc = census_count(out, edge_key(i, here, next), census_n(t, slot), e);
			here = next;
		}
	}
	return rc;
}

static uint32_t step_place(int32_t step)
{
	return (uint32_t)(step + (int32_t)PATHS_DEPTH_MAX);
}

static uint64_t near_key(const struct edge *x)
{
	return edge_key(step_place(x->step), x->backwards ? x->to : x->from, x->backwards);
}

static enum rc take_edges(struct edges *out, const struct census *counts, bool backwards, struct err *e)
{
	const uint64_t mask = (UINT64_C(1) << EDGE_CODE_BITS) - 1;
	enum rc rc = RC_OK;
	for (uint64_t k = 0; rc == RC_OK && k < census_slots(counts); k++) {
		uint64_t key = counts->slot[k].key;
		if (!key)
			continue;
		uint32_t i = (uint32_t)(key >> (2 * EDGE_CODE_BITS));
		uint32_t here = (uint32_t)(key >> EDGE_CODE_BITS & mask), next = (uint32_t)(key & mask);
		// Of a path that is read backwards, the step after the i-th is the one before it in time.
		struct edge x = {.n = counts->slot[k].n,
			.step = step_number(out->run->plan, backwards ? i + 2 : i + 1, backwards),
			.from = backwards ? next : here,
			.to = backwards ? here : next,
			.backwards = backwards};
		if (mem_grow((void **)&out->edge, &out->capacity, (size_t)out->n + 1, sizeof(x)) != 0)
			return err_set(e, RC_NOMEM, "out of memory for edges");
		out->edge[out->n++] = x;
		out->rest[step_place(x.step)] += x.n;
		rc = census_count(&out->at, near_key(&x), x.n, e);
	}
	return rc;
}

static struct sv end_label(const struct run *run, uint32_t code1, bool is_from)
{
	const struct paths_plan *plan = run->plan;
	if (code1)
		return step_label(run, &plan->key, code1 - 1);
	return is_from ? SV("(start)") : SV("(end)");
}

static enum rc edge_row(
	struct run *run, uint32_t group, const struct edge *x, bool other, uint64_t of, struct err *e)
{
	struct cell *c = result_row(run, group, (double)x->n, e);
	if (!c)
		return e->rc;
	struct sv from = arena_copy(run->arena, other ? SV("(other)") : end_label(run, x->from, true));
	struct sv to = arena_copy(run->arena, other ? SV("(other)") : end_label(run, x->to, false));
	if (!from.ptr || !to.ptr)
		return err_set(e, RC_NOMEM, "out of memory for edges");
	cell_number(&c[EDGE_STEP], x->step);
	cell_text(&c[EDGE_FROM], from);
	cell_text(&c[EDGE_TO], to);
	cell_number(&c[EDGE_N], (double)x->n);
	cell_number(&c[EDGE_SHARE], ratio(x->n, of));
	return RC_OK;
}

static enum rc edge_rows(struct edges *x, uint32_t group, struct err *e)
{
	const struct paths_plan *plan = x->run->plan;
	uint32_t shown = plan->top && plan->top < x->n ? plan->top : x->n, i = 0;
	qsort_r(x->edge, x->n, sizeof(*x->edge), compare_edges, x->run);
	for (uint32_t k = 0; k < shown; k++)
		x->rest[step_place(x->edge[k].step)] -= x->edge[k].n;
	qsort_r(x->edge, shown, sizeof(*x->edge), compare_shown, x->run);
	enum rc rc = RC_OK;
	for (uint32_t place = 0; rc == RC_OK && place < EDGE_STEPS; place++) {
		for (; rc == RC_OK && i < shown && step_place(x->edge[i].step) == place; i++)
			rc = edge_row(x->run, group, &x->edge[i], false,
				census_get(&x->at, near_key(&x->edge[i])), e);
		struct edge rest = {.step = (int32_t)place - (int32_t)PATHS_DEPTH_MAX, .n = x->rest[place]};
		if (rc == RC_OK && rest.n)
			rc = edge_row(x->run, group, &rest, true, 0, e);
	}
	return rc;
}

static enum rc write_group_edges(struct run *run, struct paths_state *s, const struct book *b,
	const struct book *before, uint32_t group, struct err *e)
{
	const struct paths_plan *plan = run->plan;
	struct edges x = {.run = run, .at = CENSUS_PLAIN};
	struct census counts = CENSUS_PLAIN, counts_before = CENSUS_PLAIN;
	enum rc rc = count_edges(&s->paths, b, group, plan->depth, &counts, e);
	if (rc == RC_OK)
		rc = take_edges(&x, &counts, plan->backwards, e);
	if (rc == RC_OK)
		rc = count_edges(&s->before, before, group, plan->depth, &counts_before, e);
	if (rc == RC_OK)
		rc = take_edges(&x, &counts_before, true, e);
	if (rc == RC_OK && x.n)
		rc = edge_rows(&x, group, e);
	census_free(&counts);
	census_free(&counts_before);
	census_free(&x.at);
	mem_free(x.edge);
	return rc;
}

enum rc paths_write_edges(struct run *run, struct paths_state *s, struct err *e)
{
	const struct paths_plan *plan = run->plan;
	struct book b = {0}, before = {0};
	enum rc rc = RC_OK;
	if (plan->key.n_codes >= 1u << EDGE_CODE_BITS)
		return err_set(e, RC_LIMIT, "more than %u different steps", (1u << EDGE_CODE_BITS) - 1);
	rc = book_open(&s->paths, run_groups(run), &b, e);
	if (rc == RC_OK)
		rc = book_open(&s->before, run_groups(run), &before, e);
	for (uint32_t g = 0; rc == RC_OK && g < b.n_groups; g++)
		rc = write_group_edges(run, s, &b, &before, g, e);
	book_free(&b);
	book_free(&before);
	return rc;
}
