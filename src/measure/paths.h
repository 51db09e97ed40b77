// SPDX-License-Identifier: Apache-2.0
// Between the kernel of the analysis paths (paths.c) and its three forms (paths_forms.c). Nobody else includes this.
#ifndef CORRIDOR_MEASURE_PATHS_H
#define CORRIDOR_MEASURE_PATHS_H

#include "measure/paths_census.h"
#include "measure/paths_log.h"
#include "measure/paths_steps.h"
#include "measure/sessions.h"

#define PATHS_DEPTH_MAX 20u

enum paths_form { PATHS_TREE, PATHS_EDGES, PATHS_VARIANTS };

struct paths_plan {
	struct step_key key;
	struct filter_node *start, *end, *around;
	int64_t gap_ms;
	uint32_t depth; // steps in one direction; 0: all (variants only)
	uint32_t top;   // 0: all
	enum paths_form form;
	bool collapse, quantiles;
	bool backwards; // the path is read from its last step: --end without --start
	struct census_shape shape;
};

// One path's duration, for quantiles. `key` stands for the path without its group.
struct paths_time {
	uint64_t key;
	int64_t ms;
	uint32_t group;
};

struct paths_session {
	uint32_t first, last, anchor; // steps; the path is [first, last], read from anchor
};

struct paths_state {
	struct steps steps;
	struct path_log log; // the fast way's, until they are counted into `paths`
	struct census paths;
	struct census before; // --around, tree and edges: what came before, read backwards
	struct paths_time *times;
	size_t n_times, times_capacity;
	// Scratch of the kernel.
	struct paths_session *sessions;
	uint64_t *keys;
	int64_t *ms;
	uint32_t *anchors, *group_rows, *codes;
	// Of sessions of bytes: steps, where sessions begin among them, the bit of each row that begins one.
	uint8_t *bytes, *bits;
	uint32_t *places;
	struct session_tables *tables; // NULL until needed
	size_t sessions_capacity, keys_capacity, ms_capacity, anchors_capacity, group_rows_capacity,
		codes_capacity, bytes_capacity, bits_capacity, places_capacity;
	uint32_t n_sessions;
};

// What stands for a path in paths_time: the same for equal paths whatever their group.
uint64_t paths_key(const struct census_shape *shape, const uint32_t *code, uint32_t n);

// Every session of the steps that were read as a key without its group: n_sessions, keys, anchors (the first step; one
// more, where the last session ends) and, where durations are wanted, ms. Of plans whose shape is packed, without
// --start, --end and --around; arrays have room for the steps and SESSIONS_SLACK. RC_NOMEM.
enum rc paths_pack(const struct paths_plan *plan, struct paths_state *s, struct err *e);

// The columns of each form, in the order in which they are written.
enum { TREE_STEP, TREE_PATH, TREE_N, TREE_SHARE, TREE_ENDED, N_TREE };
enum { EDGE_STEP, EDGE_FROM, EDGE_TO, EDGE_N, EDGE_SHARE, N_EDGE };
enum {
	VARIANT_PATH,
	VARIANT_STEPS,
	VARIANT_N,
	VARIANT_SHARE,
	VARIANT_CUMULATIVE,
	VARIANT_MEAN,
	VARIANT_P50,
	VARIANT_P90,
	N_VARIANT
};

// Puts the names of steps into a cell, "a → b → c", with something before and after; long ones end in "… (n more)".
enum rc paths_text(struct run *run, const uint32_t *code, uint32_t n, bool backwards, const char *before,
	const char *after, struct cell *out, struct err *e);

// Write the rows of a form.
enum rc paths_write_tree(struct run *run, struct paths_state *s, struct err *e);
enum rc paths_write_edges(struct run *run, struct paths_state *s, struct err *e);
enum rc paths_write_variants(struct run *run, struct paths_state *s, struct err *e);

#endif
