// SPDX-License-Identifier: Apache-2.0
// What the operations of the fault tests do, by the files that hold them; the table of all is in world.c.
#ifndef CORRIDOR_TESTS_FAULT_OPERATIONS_H
#define CORRIDOR_TESTS_FAULT_OPERATIONS_H

#include "world.h"

enum { N_FIRST = 130 }; // numbers that world_prepare puts in

// The program's command line with these words (ended by NULL) and the data directory. What it prints is in w->out.
enum rc world_command(struct world *w, const char *const *words, struct err *e);
// What the last command printed, or a file; into out, at most `size` bytes. SIZE_MAX: there is no such file.
size_t world_printed(const struct world *w, char *out, size_t size);
size_t world_file(const char *path, char *out, size_t size);
// Is that what world_expect saw? `file` NULL: what was printed.
const char *world_same(const struct world *w, const char *file);

// --- world_listen.c: rows [IMPORT_FIRST, IMPORT_FIRST + IMPORT_ROWS) from a file; some cannot be understood, of these
// some with a mended mapping ---

enum { IMPORT_FIRST = 200, IMPORT_ROWS = 20 };
#define IMPORT_RECEIVED_MS INT64_C(1710000000000)

enum rc do_import(struct world *w, struct store *s, struct err *e);
void expect_import(struct world_state *state);
void setup_input(struct world *w, struct world_state *state);
void setup_quarantine(struct world *w, struct world_state *state);
enum rc do_replay(struct world *w, struct store *s, struct err *e);
void expect_replay(struct world_state *state);
enum rc do_drop(struct world *w, struct store *s, struct err *e);
void expect_drop(struct world_state *state);
// The person of the first row in quarantine, and that row.
enum rc do_erase_person(struct world *w, struct store *s, struct err *e);
void expect_erase_person(struct world_state *state);
enum rc do_list(struct world *w, struct err *e);
enum rc do_show(struct world *w, struct err *e);
const char *check_printed(const struct world *w, bool succeeded);

// --- world_care.c: repair, export, loading ---

enum rc do_repair(struct world *w, struct err *e);
void expect_repair(struct world_state *state);      // nothing is lost
void expect_repair_lost(struct world_state *state); // the damaged segment is
void setup_damaged_keys(struct world *w, struct world_state *state);
void setup_damaged_chunk(struct world *w, struct world_state *state);
void setup_damaged_footer(struct world *w, struct world_state *state);
void setup_damaged_trailer(struct world *w, struct world_state *state);
void setup_damaged_header(struct world *w, struct world_state *state);
const char *check_repair(const struct world *w, bool succeeded);
// Changes the damaged byte of a data directory: from sound to damaged, and back.
void damage_toggle(const struct world *w, const char *dir);
enum rc do_export_csv(struct world *w, struct err *e);
enum rc do_export_xes(struct world *w, struct err *e);
const char *check_export(const struct world *w, bool succeeded);
enum rc do_load(struct world *w, struct store *s, struct err *e);
void expect_load(struct world_state *state);
void expect_load_partly(struct world_state *state);

#endif
