// SPDX-License-Identifier: Apache-2.0
// The jail: each act is tried by a process of its own, after the door is shut.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sandbox/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FINE = 40 }; // exit codes above it: FINE + errno

static int act_socket(int fd)
{
	(void)fd;
	return socket(AF_INET, SOCK_STREAM, 0);
}
static int act_exec(int fd)
{
	char name[] = "/bin/true", *const argv[] = {name, NULL};
	(void)fd;
	return execv(name, argv);
}
static int act_fork(int fd)
{
	(void)fd;
	return fork();
}
static int act_kill(int fd)
{
	(void)fd;
	return kill(getppid(), 0);
}
static int act_trace(int fd)
{
	(void)fd;
	return (int)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}
static int act_executable_memory(int fd)
{
	(void)fd;
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? -1
													 : 0;
}
static int act_map_file(int fd)
{
	return mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED ? -1 : 0;
}
static int act_unlink(int fd)
{
	(void)fd;
	return unlink("/nothing/there");
}
static int act_mkdir(int fd)
{
	(void)fd;
	return mkdir("/tmp/corridor-jail", 0700);
}
static int act_privileges(int fd)
{
	(void)fd;
	return setuid(0);
}
static int act_pass_descriptor(int fd)
{
	return (int)send(fd, "x", 1, 0);
}
static int act_open(int fd)
{
	(void)fd;
	return open("/etc/passwd", O_RDONLY);
}
static int act_create(int fd)
{
	(void)fd;
	return open("/tmp/corridor-jail", O_CREAT | O_WRONLY, 0600);
}
static int act_stat(int fd)
{
	struct stat s;
	(void)fd;
	return stat("/etc/passwd", &s);
}
static int act_write_elsewhere(int fd)
{
	(void)fd;
	return (int)write(2, "", 1);
}
static int act_read_elsewhere(int fd)
{
	char c;
	(void)fd;
	return (int)read(0, &c, 1);
}
static int act_write(int fd)
{
	return write(fd, "x", 1) == 1 ? 0 : -1;
}
static int act_memory(int fd)
{
	(void)fd;
	void *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return p == MAP_FAILED ? -1 : munmap(p, 1 << 20);
}
static int act_too_much_memory(int fd)
{
	(void)fd;
	void *p = mmap(NULL, (size_t)8 << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return p == MAP_FAILED ? -1 : 0;
}
static int act_abort(int fd)
{
	(void)fd;
	abort();
}

static const struct {
	const char *name;
	int (*act)(int fd);
	int signal_number, errnum; // both 0: it succeeds
	bool not_sanitized;        // sanitizers have a hand in it
} acts[] = {
	{"open a socket", act_socket, SIGSYS, 0, false},
	{"execute", act_exec, SIGSYS, 0, false},
	{"fork", act_fork, SIGSYS, 0, false},
	{"signal another process", act_kill, SIGSYS, 0, false},
	{"trace", act_trace, SIGSYS, 0, false},
	{"executable memory", act_executable_memory, SIGSYS, 0, false},
	{"map a file", act_map_file, SIGSYS, 0, false},
	{"remove a file", act_unlink, SIGSYS, 0, false},
	{"make a folder", act_mkdir, SIGSYS, 0, false},
	{"become root", act_privileges, SIGSYS, 0, false},
	{"send instead of write", act_pass_descriptor, SIGSYS, 0, false},
	{"open a file", act_open, 0, EACCES, false},
	{"make a file", act_create, 0, EACCES, false},
	{"look at a file", act_stat, 0, EACCES, false},
	{"write to another descriptor", act_write_elsewhere, 0, EBADF, false},
	{"read from another descriptor", act_read_elsewhere, 0, EBADF, false},
	{"write to the socket", act_write, 0, 0, false},
	{"have memory", act_memory, 0, 0, false},
	{"have too much memory", act_too_much_memory, 0, ENOMEM, true},
	{"abort", act_abort, SIGABRT, 0, true},
};

static bool sanitized(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	return true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
	return true;
#endif
#endif
	return false;
}

static int try_act(int (*act)(int fd), bool jail)
{
	int ends[2], status;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	fflush(NULL);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		signal(SIGABRT, SIG_DFL);
		if (jail && !jail_enter(ends[1], (size_t)1 << 30))
			_exit(1);
		int rc = act(ends[1]);
		_exit(rc < 0 ? FINE + errno : 0);
	}
	close(ends[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(ends[0]);
	return status;
}

static void shut(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
		if (acts[i].not_sanitized && sanitized())
			continue;
		int status = try_act(acts[i].act, true);
		bool right =
			acts[i].signal_number
				? WIFSIGNALED(status) && WTERMSIG(status) == acts[i].signal_number
				: WIFEXITED(status) &&
					  WEXITSTATUS(status) == (acts[i].errnum ? FINE + acts[i].errnum : 0);
		if (!right)
			fail_msg("%s: status %x", acts[i].name, (unsigned)status);
	}
}

// Without the jail the same acts go well: it is the jail that stops them.
static void open_door(void **state)
{
	(void)state;
	static int (*const harmless[])(int) = {
		act_socket, act_exec, act_fork, act_executable_memory, act_open, act_stat};
	for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++) {
		int status = try_act(harmless[i], false);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(open_door), cmocka_unit_test(shut)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
