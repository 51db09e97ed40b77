// SPDX-License-Identifier: Apache-2.0
// What the files of cli/ share: declared options and commands, the parsed command line, the running command.
#ifndef CORRIDOR_CLI_INTERNAL_H
#define CORRIDOR_CLI_INTERNAL_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/sv.h"
#include "cli/cli.h"
#include "journey/journey.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COMMAND_DEPTH_MAX 4
#define INPUT_FILE_MAX (64u << 20) // corridor and mapping files, statements

// --- declarations ---

enum option_type { OPTION_FLAG, OPTION_TEXT, OPTION_INTEGER, OPTION_FILE, OPTION_DIR, OPTION_CHOICE };

// One option of a command. Parsing, --help, completion and the manual come from this row.
struct option {
	const char *name; // without dashes
	char letter;      // short form; 0 = none
	enum option_type type;
	bool repeated, required;
	const char *value;    // placeholder in the help: "FILE"
	const char *choices;  // OPTION_CHOICE: "table|json|csv"
	const char *fallback; // value when not given, as text; NULL = none
	int64_t min, max;     // OPTION_INTEGER
	const char *help;     // one sentence without a period
};

struct cli;

// One command; a command may have subcommands, fixed or made from another declaration (analyses).
struct command {
	const char *name, *summary;
	const char *group;    // heading in the list of commands
	const char *about;    // paragraphs of the help; NULL = none
	const char *operands; // "FILE…"; NULL = none
	uint32_t min_operands, max_operands;
	enum option_type operand_type; // for completion
	const struct option *options;
	uint32_t n_options;
	const char *examples;                     // lines; NULL = none
	const struct command *const *subcommands; // NULL-terminated, or NULL
	const struct command *const *(*subcommands_make)(
		struct arena *arena); // or NULL; NULL result: no memory
	const char *child;            // what one of its subcommands is called: "analysis"; NULL = "command"
	void (*help_more)(struct cli *cli, const struct command *self, struct buf *out); // or NULL
	enum rc (*run)(struct cli *cli, struct err *e);
	const void *subject;  // what a made command stands for
	bool stops_by_itself; // looks at cli_interrupted; all others end at once, which the store survives
};

// The root: its subcommands are all commands (commands.c).
extern const struct command command_root;
// Options that every command takes.
const struct option *global_options(uint32_t *n);

// --- the parsed command line ---

struct given {
	const struct option *option;
	const char *value; // "" for flags
};

struct args {
	const struct command *path[COMMAND_DEPTH_MAX]; // root, command, subcommand
	uint32_t depth;                                // of path
	const struct command *command;                 // the last of path
	struct given *given;
	uint32_t n_given;
	const char **operands;
	uint32_t n_operands;
	bool help;
};

// Parses argv[1…] against the declarations under root. All memory from the arena. RC_USAGE with "did you mean".
enum rc args_parse(const struct command *root, int argc, const char *const *argv, struct arena *arena,
	struct args *out, struct err *e);
bool args_flag(const struct args *args, const char *name);
// The last value given, else the declared fallback, else NULL.
const char *args_text(const struct args *args, const char *name);
// The same as a view; empty (not absent) when neither given nor declared.
struct sv args_sv(const struct args *args, const char *name);
// Is the value of an option that has a fallback this one?
bool args_is(const struct args *args, const char *name, const char *value);
// As a number; 0 when neither given nor declared (ranges were checked by args_parse).
int64_t args_integer(const struct args *args, const char *name);
// All values of a repeated option, in order, into out[max]; returns how many.
uint32_t args_list(const struct args *args, const char *name, struct sv *out, uint32_t max);
// Was it given on the command line?
bool args_given(const struct args *args, const char *name);
// The subcommands of a command (made ones from the arena); NULL when it has none.
const struct command *const *command_children(const struct command *command, struct arena *arena);
// The name in a list that is nearest to a mistyped word, or NULL when none is near.
const char *nearest_name(const char *word, const char *const *names, uint32_t n);

// --- how output looks ---

struct look {
	bool terminal, colour, unicode;
	unsigned width; // columns; 0 = as wide as it gets
};

enum ink { INK_PLAIN, INK_BOLD, INK_DIM, INK_GOOD, INK_BAD, INK_WARN, INK_TITLE };
// Text in a colour when the look has colours, without characters that act on a terminal (text_clean).
void ink_put(struct buf *out, const struct look *look, enum ink ink, struct sv text);
const char *ink_on(const struct look *look, enum ink ink);
const char *ink_off(const struct look *look);
// One of two spellings.
const char *glyph(const struct look *look, const char *unicode, const char *ascii);

// --- the running command ---

struct cli {
	const struct cli_env *env;
	struct args args;
	struct look look, err_look;
	struct arena *arena; // lives as long as the command
	bool quiet;
};

// The data directory from --data or CORRIDOR_DATA. RC_USAGE when neither is given.
enum rc cli_data_dir(const struct cli *cli, const char **out, struct err *e);
enum rc cli_store_open(const struct cli *cli, bool read_only, struct store **out, struct err *e);
// Store (read-only) and snapshot together; cli_snapshot_close closes both.
enum rc cli_snapshot_open(
	const struct cli *cli, struct store **store, struct snapshot **snapshot, struct err *e);
void cli_snapshot_close(struct store **store, struct snapshot **snapshot);
// A whole file ("-" = standard input), in the command's arena.
enum rc cli_read_file(struct cli *cli, const char *path, struct sv *out, struct err *e);
// Writes to standard output. RC_IO when that fails; a reader that has gone away is RC_OK with nothing written.
enum rc cli_write(const struct cli *cli, struct sv bytes, struct err *e);
// buf_check, then cli_write.
enum rc cli_write_buf(const struct cli *cli, const struct buf *b, struct err *e);
// Prints how many interactions in how many segments and bytes the store holds.
enum rc cli_write_size(const struct cli *cli, struct store *store, struct err *e);
// "user@host" of this process, in the arena.
struct sv cli_who(struct cli *cli);
// True once the user has interrupted.
bool cli_interrupted(const struct cli *cli);

// The limits of the server from --limit NAME=NUMBER. RC_USAGE names the limit, with "did you mean".
struct api_limits;
enum rc cli_limits(struct cli *cli, struct api_limits *out, struct err *e);

// Prints "corridor: error: file:line:column: message" and the remedy.
void message_error(const struct cli *cli, const struct err *e);
void message_warning(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
// The line of a text with a caret under the column (1-based), indented; nothing when there is no such line.
void message_caret(struct buf *out, const struct look *look, struct sv text, uint32_t line, uint32_t column);

// Help pages.
void help_command(struct cli *cli, const struct args *args, struct buf *out);
void help_exit_codes(struct buf *out);
// "corridor query gap" of a path.
void help_path(const struct args *args, struct buf *out);

#endif
