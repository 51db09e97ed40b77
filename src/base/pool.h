// SPDX-License-Identifier: Apache-2.0
// Threads: run n tasks on up to k threads, and a bounded queue between a producer and a consumer.
#ifndef CORRIDOR_BASE_POOL_H
#define CORRIDOR_BASE_POOL_H

#include "base/err.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

// Processors that this process may use (affinity respected), at least 1.
unsigned pool_cpus(void);

// Calls task(context, i) for i in 0..n-1 on `threads` threads (the caller's is one of them); tasks are taken
// in order of i. Stops handing out tasks after the first failure; returns the failure of the lowest i.
enum rc pool_run(unsigned threads, uint32_t n, enum rc (*task)(void *context, uint32_t i, struct err *e),
	void *context, struct err *e);

// A bounded first-in-first-out queue of pointers.
struct queue;
struct queue *queue_new(size_t capacity);
void queue_free(struct queue **q);
// Waits for room. False when the queue was closed (item not taken).
bool queue_push(struct queue *q, void *item);
// Waits for an item. NULL when the queue is closed and empty.
void *queue_pop(struct queue *q);
// No more pushes; poppers drain what is left.
void queue_close(struct queue *q);

// A thread that runs fn(context); NULL when it could not be started. thread_join waits, frees and sets *t to
// NULL.
struct thread;
struct thread *thread_start(void (*fn)(void *context), void *context);
void thread_join(struct thread **t);
// A moment after_ms from now for thread_wait_until: on a clock that nobody sets.
struct timespec thread_deadline(uint64_t after_ms);
// As pthread_cond_wait, but until the deadline at most; false: it is past.
bool thread_wait_until(pthread_cond_t *cond, pthread_mutex_t *mu, const struct timespec *deadline);
// The calling thread gives way to the others: it gets a tenth of a busy processor, or less, and pauses in thread_pass
// unless hurries(context), which must be quick, says that somebody waits for it (NULL: nobody does).
void thread_give_way(bool (*hurries)(const void *context), const void *context);
// Only the pauses, at full priority: for what will soon be waited for.
void thread_take_breaks(bool (*hurries)(const void *context), const void *context);
// To be called in long work, at best every tenth of a millisecond: a thread that gives way pauses for 0.15 ms when it
// has not paused for 0.2 ms, so that whoever became ready meanwhile gets the processor. Does nothing in other threads.
void thread_pass(void);
// The calling thread answers somebody: it works in short turns and, when it wakes up, gets its turn before threads that
// work in long ones. Without effect where Linux is older than 6.12.
void thread_be_prompt(void);

#endif
