// SPDX-License-Identifier: Apache-2.0
// Secrets that people give to a command, and the access database as commands open it.
#ifndef CORRIDOR_CLI_SECRET_H
#define CORRIDOR_CLI_SECRET_H

#include "access/access.h"
#include "cli/internal.h"

// Opens the access database of --data; *by is who runs the command, with all rights: who can write to the data directory
// can do anything anyway.
enum rc cli_access_open(struct cli *cli, struct access **out, struct access_actor *by, struct err *e);

// A password into out[size], NUL-terminated: the first line of the file (NULL: standard input; "-" as well), or typed at
// the terminal, unseen, twice. RC_INPUT: empty, too long, or typed differently; RC_CANCELLED.
enum rc cli_read_secret(
	struct cli *cli, const char *path, const char *prompt, char *out, size_t size, struct err *e);

// An instant as "2026-11-22T06:10:05Z" in the arena (users have no time zone of their own); SV_NONE for 0.
struct sv cli_time_utc(struct cli *cli, int64_t ms);

#endif
