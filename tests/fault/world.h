// SPDX-License-Identifier: Apache-2.0
// A small data directory whose contents are known, what can be done to it, and the comparison of what is there with
// what must be there. Shared by all fault tests. Interactions are those of store_kit.h: everything about the one with
// number n follows from n.
#ifndef CORRIDOR_TESTS_FAULT_WORLD_H
#define CORRIDOR_TESTS_FAULT_WORLD_H

#include "journey/journey.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum {
	WORLD_NUMBERS = 400,
	WORLD_SEALED = 60, // the first segment of a prepared directory holds numbers [0, 60)
};

struct interaction;
struct kit_texts;

// What a data directory must hold.
struct world_state {
	bool made;                 // there is a data directory
	bool there[WORLD_NUMBERS]; // by number: exactly once, or not at all
	uint32_t design;           // which of the two corridor files holds
	bool linked;               // user:u1 → user:u2
	uint64_t n_quarantined;
	bool damaged; // world.damage is still as it was done
};

struct world {
	char root[64];              // watched
	char dir[160], copy[160];   // the data directory, where backups go; both below the root
	char input[160], file[160]; // what is imported, what is exported; so are these
	struct design *designs[2];
	FILE *out, *told; // what commands print and complain; not below the root
	// Called between opening and acting, so that faults can begin there; NULL: nothing.
	void (*opened)(void *context);
	void *context;
	struct { // one byte of a segment, and the hash of the file with it
		char name[40];
		uint64_t at, hash;
		uint8_t mask;
	} damage;
};

// One thing that is done to a data directory.
struct operation {
	const char *name;
	// Does it with an open store; NULL: opens what it needs itself (see `whole`).
	enum rc (*act)(struct world *w, struct store *s, struct err *e);
	enum rc (*whole)(struct world *w, struct err *e);
	// From the state before to the one after; NULL: nothing changes.
	void (*expect)(struct world_state *state);
	// From the state before to what it may leave besides that when it fails; NULL: nothing else.
	void (*partly)(struct world_state *state);
	// Is what it printed or left beside the interactions right? NULL: yes; else what is wrong (static text).
	const char *(*check)(const struct world *w, bool succeeded);
	enum rc again;            // what doing it once more may give besides RC_OK
	bool from_nothing, empty; // there is no data directory; there is one without interactions
	void (*setup)(struct world *w, struct world_state *state);
};
extern const struct operation world_operations[];
extern const uint32_t n_world_operations;

void world_new(struct world *w);
void world_free(struct world *w);
// Makes the directory that the operation starts from, and says what is in it.
void world_prepare(struct world *w, const struct operation *o, struct world_state *state);
const struct operation *world_find(const char *name);
// Remembers what was printed and exported last: what the checks of operations compare with.
void world_remember(const struct world *w);
// Does the operation undisturbed, remembers that, and brings the directory back from `base`.
void world_expect(struct world *w, const struct operation *o, const char *base);
// Removes what operations leave beside the data directory.
void world_clear(const struct world *w);
// The whole operation as a command does it: open, act, close.
enum rc world_run(struct world *w, const struct operation *o, struct err *e);
struct store *world_open(struct world *w, struct err *e);
// Does the directory hold exactly this? Reads every row and verifies. NULL: yes; else what is wrong (static text).
const char *world_compare(const struct world *w, const char *dir, const struct world_state *state);
// The same for a snapshot, without verifying.
const char *world_compare_snapshot(const struct world *w, const struct world_state *state, struct snapshot *sn);
// Copies a directory tree; the target is emptied first.
void world_copy_tree(const char *from, const char *to);
void world_remove_tree(const char *path);
// Link, erasure, quarantine, repair, inbox: something in every table.
void world_prepare_all(struct world *w, struct world_state *state);
// The interaction with a number, as it is stored.
void world_interaction(uint32_t number, struct interaction *x, struct kit_texts *t);
// Appends numbers [first, first + n), as two batches.
enum rc world_append(struct world *w, struct store *s, uint32_t first, uint32_t n, struct err *e);
extern const char world_second_design[];
// An environment variable as a number; `otherwise` when it is not set.
uint64_t world_setting(const char *name, uint64_t otherwise);
// How many faults to go on at a time: 1 with CORRIDOR_FAULT_ALL, else `otherwise` times CORRIDOR_FAULT_SPARSE.
uint64_t world_step(uint64_t otherwise);

#endif
