// SPDX-License-Identifier: Apache-2.0
// The jail of a worker: limits of the kernel, and a filter of system calls (seccomp).
//
// What a library asks for in passing (a time zone's file, the kind of a descriptor) is refused with an error, so that a
// program gets an answer that says so. What nobody in here has any business with ends the process at once.
#include "sandbox/internal.h"

#include <errno.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0 // sanitizers reserve terabytes of addresses
#endif

static bool limit(__rlimit_resource_t what, rlim_t soft, rlim_t hard)
{
	const struct rlimit r = {soft, hard};
	return setrlimit(what, &r) == 0;
}

static bool limit_all(size_t memory_bytes)
{
	return limit(RLIMIT_CORE, 0, 0) && limit(RLIMIT_FSIZE, 0, 0) && limit(RLIMIT_NOFILE, 0, 0) &&
	       limit(RLIMIT_CPU, WORKER_CPU_S, WORKER_CPU_S + 1) &&
	       (SANITIZED || limit(RLIMIT_AS, memory_bytes, memory_bytes));
}

// Memory, threads' locks, time, and ending.
static const int allowed[] = {SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
	SCMP_SYS(futex), SCMP_SYS(sched_yield), SCMP_SYS(getrandom), SCMP_SYS(clock_gettime),
	SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack), SCMP_SYS(restart_syscall),
	SCMP_SYS(exit), SCMP_SYS(exit_group)};
// What libraries ask for in passing.
static const int refused[] = {SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(stat), SCMP_SYS(lstat),
	SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(statx), SCMP_SYS(access), SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getcwd), SCMP_SYS(ioctl),
	SCMP_SYS(lseek), SCMP_SYS(fcntl), SCMP_SYS(close), SCMP_SYS(getrlimit), SCMP_SYS(prlimit64),
	SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(sysinfo), SCMP_SYS(uname)};

static bool add_calls(scmp_filter_ctx f)
{
	bool added = true;
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
		added &= seccomp_rule_add(f, SCMP_ACT_ALLOW, allowed[i], 0) == 0;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		added &= seccomp_rule_add(f, SCMP_ACT_ERRNO(EACCES), refused[i], 0) == 0;
	return added;
}

// A condition on a call's first argument.
static struct scmp_arg_cmp first(enum scmp_compare op, scmp_datum_t value)
{
	return (struct scmp_arg_cmp){.arg = 0, .op = op, .datum_a = value};
}

// Reading and writing: the socket only. Memory: nothing of a file, and nothing that can be executed.
static bool add_narrow(scmp_filter_ctx f, int fd)
{
	static const int rw[] = {SCMP_SYS(read), SCMP_SYS(write)};
	const scmp_datum_t socket = (scmp_datum_t)fd;
	bool added = true;
	for (size_t i = 0; i < 2; i++) {
		added &= seccomp_rule_add(f, SCMP_ACT_ALLOW, rw[i], 1, first(SCMP_CMP_EQ, socket)) == 0;
		added &= seccomp_rule_add(f, SCMP_ACT_ERRNO(EBADF), rw[i], 1, first(SCMP_CMP_NE, socket)) == 0;
	}
	// What streams write with.
	added &= seccomp_rule_add(f, SCMP_ACT_ERRNO(EBADF), SCMP_SYS(writev), 0) == 0;
	added &= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2,
			 SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
			 SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS)) == 0;
	added &= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
			 SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) == 0;
	// abort() signals this process.
	added &= seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
			 first(SCMP_CMP_EQ, (scmp_datum_t)getpid())) == 0;
	return added;
}

bool jail_enter(int fd, size_t memory_bytes)
{
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return false;
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_KILL_PROCESS);
	bool shut = f && add_calls(f) && add_narrow(f, fd) && limit_all(memory_bytes) && seccomp_load(f) == 0;
	seccomp_release(f);
	return shut;
}
