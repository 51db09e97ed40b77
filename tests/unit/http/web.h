// SPDX-License-Identifier: Apache-2.0
// A server on the loopback and raw sockets against it.
#ifndef TEST_HTTP_WEB_H
#define TEST_HTTP_WEB_H

// cmocka wants these before it
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "http/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct answer {
	char bytes[1 << 18];
	size_t len;
	int status; // of the first answer; 0: the connection ended without one
	bool ended; // the server closed
};

static inline int dial_port(uint16_t port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

static inline void say(int fd, const char *bytes, size_t n)
{
	while (n) {
		ssize_t put = send(fd, bytes, n, MSG_NOSIGNAL);
		if (put <= 0)
			return; // the server may end the connection first
		bytes += put;
		n -= (size_t)put;
	}
}

static inline void say_text(int fd, const char *text)
{
	say(fd, text, strlen(text));
}

// Reads until `wanted` is in the answer (NULL: to the end of the connection), at most 20 s.
static inline struct answer *hear(int fd, const char *wanted)
{
	static struct answer a;
	a.len = 0;
	a.status = 0;
	a.ended = false;
	a.bytes[0] = 0;
	while (a.len < sizeof(a.bytes) - 1 && !(wanted && strstr(a.bytes, wanted))) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		if (poll(&p, 1, 20000) <= 0)
			fail_msg("nothing came; so far: %s", a.bytes);
		ssize_t n = recv(fd, a.bytes + a.len, sizeof(a.bytes) - 1 - a.len, 0);
		if (n <= 0) {
			a.ended = true;
			break;
		}
		a.len += (size_t)n;
		a.bytes[a.len] = 0;
	}
	if (strncmp(a.bytes, "HTTP/1.1 ", 9) == 0)
		a.status = (int)strtol(a.bytes + 9, NULL, 10);
	if (wanted && !strstr(a.bytes, wanted))
		fail_msg("'%s' is not in: %s", wanted, a.bytes);
	return &a;
}

static inline size_t occurrences(const char *in, const char *what)
{
	size_t n = 0;
	for (const char *p = in; (p = strstr(p, what)); p += strlen(what))
		n++;
	return n;
}

#endif
