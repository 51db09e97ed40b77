// SPDX-License-Identifier: Apache-2.0
// YAML 1.1 text as a tree of nodes that know their line and column. What the file sizes comes from an arena with
// a cap; size, depth and expanded aliases are bounded, so that a hostile file costs no more than an honest one.
// Doubled keys of a map, cyclic aliases, tags and several documents are mistakes.
#ifndef CORRIDOR_DESIGN_YAML_H
#define CORRIDOR_DESIGN_YAML_H

#include "base/arena.h"
#include "base/err.h"
#include "base/sv.h"

#include <stdbool.h>
#include <stdint.h>

#define YAML_TEXT_MAX_BYTES (4u << 20)
#define YAML_DEPTH_MAX 64
#define YAML_NODES_MAX 1000000 // after expansion of aliases
#define YAML_ANCHORS_MAX 1000
#define YAML_ARENA_BYTES ((size_t)256 << 20) // a fitting cap for the arena of one tree

enum yaml_kind { YAML_IS_SCALAR, YAML_IS_LIST, YAML_IS_MAP };

struct yaml_node {
	enum yaml_kind kind;
	bool quoted;              // scalar: written with quotes or as a block, so never null, number or boolean
	uint32_t line, column;    // 1-based, in characters; of an alias: where the alias stands
	struct sv scalar;         // scalar: the text, NUL-terminated, UTF-8; "" for a null that is left out
	uint32_t n;               // list: items; map: pairs
	struct yaml_node **items; // list: n items; map: n values
	struct yaml_node **keys;  // map: n keys, all scalars, pairwise different; NULL for lists
	uint32_t n_nodes;         // in this subtree with aliases expanded, itself included
};

// Receives every mistake, in order of its place.
struct yaml_sink {
	void (*problem)(void *context, uint32_t line, uint32_t column, const char *message, const char *remedy);
	void *context;
};

// Parses one document. The tree and its texts live in `a`. file_name is used in e only. sink may be NULL.
// Goes on after duplicate keys (the first value wins), stops at anything else. RC_INPUT: the first mistake, with
// place and remedy (*root is then the tree when only keys were doubled, else NULL); RC_NOMEM.
enum rc yaml_parse(struct sv text, const char *file_name, struct arena *a, const struct yaml_sink *sink,
	struct yaml_node **root, struct err *e);

// Value of a key of a map; NULL when absent or when the node is NULL or no map. Linear in the number of keys.
const struct yaml_node *yaml_get(const struct yaml_node *map, struct sv key);
// The key's own node (for its place), likewise.
const struct yaml_node *yaml_get_key(const struct yaml_node *map, struct sv key);
// Left out, ~ or null.
bool yaml_is_null(const struct yaml_node *node);
// Unquoted true/false (also yes/no, on/off). False when it is neither.
bool yaml_to_bool(const struct yaml_node *node, bool *out);
// Unquoted finite decimal number. False when it is not one.
bool yaml_to_double(const struct yaml_node *node, double *out);
// "a text", "a list", "a map" or "nothing", for messages.
const char *yaml_kind_name(const struct yaml_node *node);

#endif
