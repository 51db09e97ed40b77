// SPDX-License-Identifier: Apache-2.0
// The program: nothing but wiring. Commands live in cli/.
#include "cli/cli.h"
#include "sandbox/sandbox.h"

#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

// The only state of the process that a signal handler may touch.
static volatile sig_atomic_t interrupted;

// The first interruption asks the command to stop after what it is doing; the second one ends the process.
static void interrupt(int signal_number)
{
	interrupted = 1;
	signal(signal_number, SIG_DFL);
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], SANDBOX_ARGUMENT) == 0)
		return sandbox_worker(argc - 2, argv + 2);
	struct cli_env env = {.in = stdin, .out = stdout, .err = stderr, .interrupted = &interrupted};
	struct sigaction action = {.sa_handler = interrupt};
	setlocale(LC_CTYPE, "");
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	signal(SIGPIPE,
		SIG_IGN); // a reader that goes away is an error of the write, which is told or ignored there
	return cli_run(&env, argc, (const char *const *)argv);
}
