// SPDX-License-Identifier: Apache-2.0
// The command line: parses the arguments, runs one command, prints its answer or its error.
#ifndef CORRIDOR_CLI_CLI_H
#define CORRIDOR_CLI_CLI_H

#include <signal.h>
#include <stdio.h>

// What the process gives to its one command.
struct cli_env {
	FILE *in, *out, *err;
	const volatile sig_atomic_t *interrupted; // becomes non-zero when the user interrupts
};

// Runs argv[1…] and returns the process's exit code (the table in base/err.c).
int cli_run(const struct cli_env *env, int argc, const char *const *argv);

#endif
