// SPDX-License-Identifier: Apache-2.0
// The host's side: a few workers, started when they are needed, each used by one thread at a time. A worker is ended
// when it took too long, and replaced after so much work that the kernel's limit of its processor time cannot be met
// by somebody else's program.
#include "sandbox/internal.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORKERS_MAX = 16 };
#define MEMORY_BYTES ((size_t)512 << 20)

struct worker {
	pid_t pid; // 0: not started
	int fd;
	uint32_t number; // of the latest request
	int64_t busy_ms;
	bool taken;
};

struct sandbox {
	struct sandbox_options o;
	const struct clock *clock;
	pthread_mutex_t mu;
	pthread_cond_t free;
	struct worker workers[WORKERS_MAX];
	struct sandbox_stats stats; // under mu
};

enum rc sandbox_open(const struct sandbox_options *options, struct sandbox **out, struct err *e)
{
	struct sandbox *s = *out = mem_calloc(1, sizeof(*s));
	if (!s)
		return err_set(e, RC_NOMEM, "out of memory for the sandbox");
	s->o = options ? *options : (struct sandbox_options){0};
	s->o.executable = s->o.executable ? s->o.executable : "/proc/self/exe";
	s->o.workers = s->o.workers ? s->o.workers : 2;
	s->o.workers = s->o.workers < WORKERS_MAX ? s->o.workers : WORKERS_MAX;
	s->o.time_ms = s->o.time_ms ? s->o.time_ms : SANDBOX_TIME_MS;
	s->o.memory_bytes = s->o.memory_bytes ? s->o.memory_bytes : MEMORY_BYTES;
	s->clock = clock_system();
	pthread_mutex_init(&s->mu, NULL);
	pthread_cond_init(&s->free, NULL);
	return RC_OK;
}

// --- processes ---

// Ends it; the status of its end.
static int worker_end(struct worker *w)
{
	int status = 0;
	if (w->pid == 0)
		return 0;
	kill(w->pid, SIGKILL);
	close(w->fd);
	while (waitpid(w->pid, &status, 0) < 0 && errno == EINTR)
		continue;
	w->pid = 0;
	w->busy_ms = 0;
	return status;
}

static bool spawn_set(posix_spawn_file_actions_t *files, posix_spawnattr_t *attributes, int end)
{
	sigset_t none, all;
	sigemptyset(&none);
	sigfillset(&all);
	bool set = posix_spawn_file_actions_adddup2(files, end, WORKER_FD) == 0;
	for (int fd = 0; fd < WORKER_FD; fd++)
		set &= posix_spawn_file_actions_addopen(files, fd, "/dev/null", O_RDWR, 0) == 0;
	set &= posix_spawn_file_actions_addclosefrom_np(files, WORKER_FD + 1) == 0;
	set &= posix_spawnattr_setsigmask(attributes, &none) == 0;
	set &= posix_spawnattr_setsigdefault(attributes, &all) == 0;
	// A group of its own: what is typed at the terminal is not for it.
	set &= posix_spawnattr_setpgroup(attributes, 0) == 0;
	set &= posix_spawnattr_setflags(
		       attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP) == 0;
	return set;
}

static int spawn(const struct sandbox *s, int end, pid_t *pid)
{
	char name[] = "corridor", argument[] = SANDBOX_ARGUMENT, memory[24];
	char *const argv[] = {name, argument, memory, NULL}, *const environment[] = {NULL};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	snprintf(memory, sizeof(memory), "%zu", s->o.memory_bytes);
	if (posix_spawn_file_actions_init(&files) != 0)
		return ENOMEM;
	int failed = posix_spawnattr_init(&attributes) != 0 ? ENOMEM : 0;
	if (!failed) {
		failed = spawn_set(&files, &attributes, end)
				 ? posix_spawn(pid, s->o.executable, &files, &attributes, argv, environment)
				 : ENOMEM;
		posix_spawnattr_destroy(&attributes);
	}
	posix_spawn_file_actions_destroy(&files);
	return failed;
}

// Both ends are above the descriptors that the worker's own files take.
static bool socket_pair(int ends[2])
{
	enum { ABOVE = 10 };
	int low[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, low) != 0)
		return false;
	ends[0] = fcntl(low[0], F_DUPFD_CLOEXEC, ABOVE);
	ends[1] = fcntl(low[1], F_DUPFD_CLOEXEC, ABOVE);
	close(low[0]);
	close(low[1]);
	if (ends[0] >= 0 && ends[1] >= 0 && fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0)
		return true;
	int errnum = errno;
	for (int i = 0; i < 2; i++)
		if (ends[i] >= 0)
			close(ends[i]);
	errno = errnum;
	return false;
}

static enum rc worker_start(struct sandbox *s, struct worker *w, struct err *e)
{
	int ends[2];
	if (!socket_pair(ends))
		return err_errno(e, RC_IO, errno, "cannot start a process for a program");
	int failed = spawn(s, ends[1], &w->pid);
	close(ends[1]);
	if (failed) {
		close(ends[0]);
		w->pid = 0;
		return err_errno(e, RC_IO, failed, "cannot start a process for a program");
	}
	w->fd = ends[0];
	w->number = 0;
	w->busy_ms = 0;
	pthread_mutex_lock(&s->mu);
	s->stats.started++;
	pthread_mutex_unlock(&s->mu);
	return RC_OK;
}

// --- talking ---

static int64_t now_ms(const struct sandbox *s)
{
	return s->clock->monotonic_ns(s->clock) / 1000000;
}

enum talk { TALK_OK, TALK_LATE, TALK_BROKEN, TALK_WRONG, TALK_FULL };

static enum talk wait_for(const struct sandbox *s, const struct worker *w, short what, int64_t until_ms)
{
	for (;;) {
		int64_t left = until_ms - now_ms(s);
		struct pollfd p = {.fd = w->fd, .events = what};
		if (left <= 0)
			return TALK_LATE;
		int n = poll(&p, 1, (int)left);
		if (n > 0)
			return TALK_OK; // or broken, which the next call tells
		if (n < 0 && errno != EINTR)
			return TALK_BROKEN;
	}
}

static enum talk put(
	const struct sandbox *s, const struct worker *w, const void *bytes, size_t n, int64_t until)
{
	const char *p = bytes;
	while (n > 0) {
		ssize_t sent = send(w->fd, p, n, MSG_NOSIGNAL);
		if (sent > 0) {
			p += sent;
			n -= (size_t)sent;
			continue;
		}
		if (sent < 0 && errno != EAGAIN && errno != EINTR)
			return TALK_BROKEN;
		enum talk t = wait_for(s, w, POLLOUT, until);
		if (t != TALK_OK)
			return t;
	}
	return TALK_OK;
}

// Has the worker said something, though it was not asked?
static bool has_more(const struct worker *w)
{
	char c;
	return recv(w->fd, &c, 1, MSG_PEEK) > 0;
}

struct job {
	struct request request;
	struct sv program, body;
	struct answer_in answer;
};

static enum talk send_job(const struct sandbox *s, const struct worker *w, const struct job *j, int64_t until)
{
	enum talk t = put(s, w, &j->request, sizeof(j->request), until);
	if (t == TALK_OK)
		t = put(s, w, j->program.ptr, j->program.len, until);
	return t == TALK_OK ? put(s, w, j->body.ptr, j->body.len, until) : t;
}

static enum talk take_answer(const struct sandbox *s, const struct worker *w, struct job *j, int64_t until)
{
	for (;;) {
		void *room;
		size_t n;
		enum frame f = answer_next(&j->answer, &room, &n);
		if (f == FRAME_WHOLE)
			return has_more(w) ? TALK_WRONG : TALK_OK;
		if (f != FRAME_MORE)
			return f == FRAME_FULL ? TALK_FULL : TALK_WRONG;
		ssize_t got = recv(w->fd, room, n, 0);
		if (got > 0) {
			answer_got(&j->answer, (size_t)got);
			continue;
		}
		if (got == 0 || (errno != EAGAIN && errno != EINTR))
			return TALK_BROKEN;
		enum talk t = wait_for(s, w, POLLIN, until);
		if (t != TALK_OK)
			return t;
	}
}

// --- running ---

static struct worker *worker_take(struct sandbox *s)
{
	struct worker *w = NULL;
	const struct timespec until = thread_deadline(1000 + s->o.time_ms * 4);
	pthread_mutex_lock(&s->mu);
	for (;;) {
		// One that runs is better than one that has to be started.
		for (unsigned i = 0; i < s->o.workers; i++)
			if (!s->workers[i].taken && (!w || (w->pid == 0 && s->workers[i].pid)))
				w = &s->workers[i];
		if (w || !thread_wait_until(&s->free, &s->mu, &until))
			break;
	}
	if (w)
		w->taken = true;
	pthread_mutex_unlock(&s->mu);
	return w;
}

static void worker_give(struct sandbox *s, struct worker *w, bool failed, bool ended)
{
	pthread_mutex_lock(&s->mu);
	w->taken = false;
	s->stats.runs++;
	s->stats.failures += failed;
	s->stats.ended += ended;
	pthread_cond_signal(&s->free);
	pthread_mutex_unlock(&s->mu);
}

// Gives the job to the worker, to a new one where it is worn out, has said more than its answer or was found dead.
static enum rc begin(struct sandbox *s, struct worker *w, struct job *j, int64_t *until, struct err *e)
{
	if (w->busy_ms > WORKER_BUSY_MS || (w->pid && has_more(w)))
		worker_end(w);
	for (unsigned turn = 0; turn < 2; turn++) {
		enum rc rc = w->pid ? RC_OK : worker_start(s, w, e);
		if (rc != RC_OK)
			return rc;
		*until = now_ms(s) + s->o.time_ms;
		j->request.number = ++w->number;
		if (send_job(s, w, j, *until) == TALK_OK)
			return RC_OK;
		worker_end(w);
	}
	return err_set(e, RC_IO, "the process for a program does not listen");
}

static enum rc ended_by(int status, bool late, const struct sandbox *s, struct err *e)
{
	int signal_number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	if (!late && signal_number == SIGKILL)
		return err_set(e, RC_IO, "the process for programs was killed");
	if (late || signal_number == SIGXCPU)
		return err_set(e, RC_INPUT, "the program takes longer than %u ms", s->o.time_ms);
	if (signal_number == SIGSYS)
		return err_set(e, RC_INPUT, "the program tried what no program may");
	if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		return err_set(
			e, RC_IO, "the process for programs could not be shut in (%d)", WEXITSTATUS(status));
	return err_set(e, RC_INPUT, "the program broke off: out of memory, or nested too deeply");
}

static enum rc finish(
	struct sandbox *s, struct worker *w, struct job *j, int64_t until, bool *ended, struct err *e)
{
	int64_t start = now_ms(s);
	j->answer = (struct answer_in){.number = j->request.number, .out = j->answer.out};
	enum talk t = take_answer(s, w, j, until);
	w->busy_ms += now_ms(s) - start;
	if (t != TALK_OK) { // one that broke off by itself keeps the status of that
		*ended = true;
		int status = worker_end(w);
		if (t == TALK_FULL)
			return buf_check(j->answer.out, e, "what a program makes");
		// When it has run others before, it may be their fault: once more.
		return t == TALK_WRONG ? err_set(e, j->request.number > 1 ? RC_IO : RC_INPUT,
						 "the process for the program said what is no answer")
				       : ended_by(status, t == TALK_LATE, s, e);
	}
	if (j->answer.head.kind == ANSWER_NOMEM)
		return err_set(e, RC_INPUT, "the program needs too much memory");
	return j->answer.head.kind == ANSWER_REASON ? err_set(e, RC_INPUT, "%s", j->answer.reason) : RC_OK;
}

static enum rc run(struct sandbox *s, struct job *j, struct err *e)
{
	int64_t until = 0;
	bool ended = false;
	if (j->program.len == 0 || j->program.len > SANDBOX_PROGRAM_MAX)
		return err_set(e, RC_LIMIT, "a program has 1 to %u bytes", SANDBOX_PROGRAM_MAX);
	if (memchr(j->program.ptr, '\0', j->program.len))
		return err_set(e, RC_INPUT, "the program has a NUL character in it");
	if (j->body.len > SANDBOX_BODY_MAX)
		return err_set(e, RC_LIMIT, "the body is too large for a program");
	struct worker *w = worker_take(s);
	if (!w)
		return err_set(e, RC_BUSY, "all programs are busy; send it again later");
	struct buf *out = j->answer.out;
	size_t before = out->len;
	enum rc rc = RC_IO;
	struct err why = ERR_NONE;
	for (unsigned turn = 0; rc == RC_IO && turn < 2; turn++) { // somebody may have killed it: once more
		why = ERR_NONE;
		out->len = before;
		rc = begin(s, w, j, &until, &why);
		if (rc == RC_OK)
			rc = finish(s, w, j, until, &ended, &why);
	}
	if (rc != RC_OK) {
		out->len = before;
		err_take(e, &why);
	}
	worker_give(s, w, rc == RC_INPUT, ended);
	return rc;
}

enum rc sandbox_run(struct sandbox *s, struct sv program, struct sv body, struct buf *out, struct err *e)
{
	struct job j = {.request = {0, (uint32_t)program.len, (uint32_t)body.len, 0},
		.program = program,
		.body = body,
		.answer = {.out = out}};
	return run(s, &j, e);
}

enum rc sandbox_check(struct sandbox *s, struct sv program, struct err *e)
{
	struct buf none = buf_new(SANDBOX_OUTPUT_MAX);
	struct job j = {.request = {0, (uint32_t)program.len, 0, 1},
		.program = program,
		.body = SV(""),
		.answer = {.out = &none}};
	enum rc rc = run(s, &j, e);
	buf_free(&none);
	return rc;
}

void sandbox_stats(struct sandbox *s, struct sandbox_stats *out)
{
	pthread_mutex_lock(&s->mu);
	*out = s->stats;
	pthread_mutex_unlock(&s->mu);
}

void sandbox_close(struct sandbox **sandbox)
{
	struct sandbox *s = *sandbox;
	*sandbox = NULL;
	if (!s)
		return;
	for (unsigned i = 0; i < s->o.workers; i++)
		worker_end(&s->workers[i]);
	pthread_cond_destroy(&s->free);
	pthread_mutex_destroy(&s->mu);
	mem_free(s);
}
