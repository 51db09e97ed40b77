// SPDX-License-Identifier: Apache-2.0
// A load client for the server: keep-alive connections from one thread, each sends a request, waits for the answer and
// sends the next. Prints requests, events and bytes per second, answers by class and latencies.
// In the body every ################ becomes a number that no other has (for message ids), every @@@@@@@@ one of a
// million (for users), and every %%%%%%%%%%%%%%%%%%%%%%%% the time, each a millisecond after the one before it.
//   http_load HOST:PORT PATH [-c connections] [-s seconds] [-b body file] [-n events a body] [-r requests a second] [-H header]… [-i idle]
// -r paces all connections together (latency is counted from when a request was due, so that a stall is not
// hidden); without it each connection goes as fast as it is answered. -i holds that many idle connections beside.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	ANSWER_MAX = 1 << 16,
	EVENTS = 256,
	US_MAX = 1 << 22,
	ID_LEN = 16,
	USER_LEN = 8,
	TIME_LEN = 24, // 2026-01-31T23:59:59.999Z
	USERS = 1000000,
	WAIT_NS = 100000000
};

// A place in the request that changes each time.
struct blank {
	size_t offset;
	enum { BLANK_ID, BLANK_USER, BLANK_TIME } kind;
};

struct client {
	int fd;
	bool busy;
	char *request;
	int64_t due_ns;
	size_t sent, got, need; // need 0: the head is not complete
	char in[ANSWER_MAX];
};

struct load {
	struct sockaddr_in to;
	char *request;
	size_t request_len;
	struct blank *blanks;
	size_t n_blanks;
	uint64_t ids, random;
	unsigned n, n_idle, events, rate;
	double seconds;
	uint64_t answers[6], reconnects, done;
	uint32_t *histogram; // by microsecond
};

static int64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int dial(const struct load *l)
{
	int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&l->to, sizeof(l->to)) < 0)
		die("http_load: connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static void watch(int epoll, struct client *c, const struct load *l)
{
	c->fd = dial(l);
	struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &ev) < 0)
		die("http_load: epoll");
}

static void send_more(struct client *c, const struct load *l)
{
	while (c->busy && c->sent < l->request_len) {
		ssize_t n = send(c->fd, c->request + c->sent, l->request_len - c->sent, MSG_NOSIGNAL);
		if (n <= 0)
			return;
		c->sent += (size_t)n;
	}
}

static void write_hex(char *out, int len, uint64_t number)
{
	for (int i = len - 1; i >= 0; i--, number >>= 4)
		out[i] = "0123456789abcdef"[number & 15];
}

static void write_decimal(char *out, int len, uint64_t number)
{
	for (int i = len - 1; i >= 0; i--, number /= 10)
		out[i] = (char)('0' + number % 10);
}

// A moment of today: `day` as YYYY-MM-DD, and milliseconds since it began.
static void write_time(char *out, const char *day, uint64_t ms)
{
	memcpy(out, day, 10);
	memcpy(out + 10, "T00:00:00.000Z", 14);
	write_decimal(out + 11, 2, ms / 3600000);
	write_decimal(out + 14, 2, ms / 60000 % 60);
	write_decimal(out + 17, 2, ms / 1000 % 60);
	write_decimal(out + 20, 3, ms % 1000);
}

static void fill_blanks(struct client *c, struct load *l)
{
	struct timespec now;
	struct tm tm;
	char day[16];
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(day, sizeof(day), "%Y-%m-%d", &tm);
	uint64_t ms = (uint64_t)(now.tv_sec % 86400) * 1000 + (uint64_t)now.tv_nsec / 1000000;
	ms = ms > l->events ? ms - l->events : 0;
	for (size_t i = 0; i < l->n_blanks; i++) {
		char *at = c->request + l->blanks[i].offset;
		l->random = l->random * 6364136223846793005u + 1442695040888963407u;
		if (l->blanks[i].kind == BLANK_USER)
			write_hex(at, USER_LEN, (l->random >> 33) % USERS);
		else if (l->blanks[i].kind == BLANK_ID)
			write_hex(at, ID_LEN, l->ids++);
		else
			write_time(at, day, ms++);
	}
}

static void start(struct client *c, struct load *l, int64_t due_ns)
{
	fill_blanks(c, l);
	c->busy = true;
	c->due_ns = due_ns;
	c->sent = c->got = c->need = 0;
	send_more(c, l);
}

// True: an answer is complete.
static bool receive(struct client *c, bool *lost)
{
	*lost = false;
	for (;;) {
		ssize_t n = recv(c->fd, c->in + c->got, ANSWER_MAX - 1 - c->got, 0);
		if (n <= 0) {
			*lost = n == 0 || errno != EAGAIN;
			return false;
		}
		c->got += (size_t)n;
		c->in[c->got] = 0;
		if (!c->need) {
			const char *end = strstr(c->in, "\r\n\r\n");
			if (!end)
				continue;
			const char *length = strstr(c->in, "Content-Length: ");
			c->need = (size_t)(end - c->in) + 4 +
				  (length && length < end ? strtoul(length + 16, NULL, 10) : 0);
			if (c->need >= ANSWER_MAX)
				die("http_load: the answer is too large");
		}
		if (c->got >= c->need)
			return true;
	}
}

static void note(struct load *l, const struct client *c, int64_t now)
{
	int64_t us = (now - c->due_ns) / 1000;
	l->histogram[us < US_MAX ? us : US_MAX - 1]++;
	unsigned first = (unsigned)(c->in[9] - '0');
	l->answers[first < 6 ? first : 0]++;
	l->done++;
}

static double percentile(const struct load *l, double share)
{
	uint64_t seen = 0, wanted = (uint64_t)((double)l->done * share);
	for (size_t us = 0; us < US_MAX; us++)
		if ((seen += l->histogram[us]) > wanted)
			return (double)us / 1000;
	return (double)US_MAX / 1000;
}

static void run(struct load *l, struct client *clients, int epoll)
{
	struct epoll_event events[EVENTS];
	int64_t begun = now_ns(), end = begun + (int64_t)(l->seconds * 1e9);
	uint64_t due = 0; // requests that the pace has asked for
	unsigned turn = 0;
	for (unsigned i = 0; i < l->n && !l->rate; i++)
		start(&clients[i], l, now_ns());
	for (int64_t now = begun; now < end; now = now_ns()) {
		int64_t wait_ns = WAIT_NS; // all are busy, unless a request is due later
		for (unsigned tried = 0; l->rate && tried < l->n; tried++, turn = (turn + 1) % l->n) {
			int64_t at = begun + (int64_t)((double)due * 1e9 / l->rate);
			if (at > now) {
				wait_ns = at - now < WAIT_NS ? at - now : WAIT_NS;
				break;
			}
			if (clients[turn].busy)
				continue;
			start(&clients[turn], l, at);
			due++;
		}
		struct timespec wait = {.tv_nsec = wait_ns};
		int n = epoll_pwait2(
			epoll, events, EVENTS, &wait, NULL); // finer than the milliseconds of epoll_wait
		if (n < 0 && errno != EINTR)
			die("http_load: cannot wait to the microsecond (Linux 5.11 can)");
		for (int i = 0; i < n; i++) {
			struct client *c = events[i].data.ptr;
			bool lost;
			send_more(c, l);
			if (receive(c, &lost)) {
				int64_t at = now_ns();
				note(l, c, at);
				c->busy = false;
				if (!l->rate)
					start(c, l, at);
			} else if (lost) {
				bool busy = c->busy;
				close(c->fd);
				l->reconnects++;
				watch(epoll, c, l);
				c->busy = false;
				if (busy)
					start(c, l, c->due_ns);
			}
		}
	}
	double took = (double)(now_ns() - begun) / 1e9;
	printf("%.0f requests/s, %.0f events/s, %.1f MB/s; 2xx %llu, 4xx %llu, 5xx %llu, reconnects %llu\n",
		(double)l->done / took, (double)l->done * l->events / took,
		(double)l->done * (double)l->request_len / took / 1e6, (unsigned long long)l->answers[2],
		(unsigned long long)l->answers[4], (unsigned long long)l->answers[5],
		(unsigned long long)l->reconnects);
	printf("latency ms: p50 %.3f, p90 %.3f, p99 %.3f, p99.9 %.3f\n", percentile(l, 0.5), percentile(l, 0.9),
		percentile(l, 0.99), percentile(l, 0.999));
}

static char *read_file(const char *path, size_t *len)
{
	FILE *f = fopen(path, "rb");
	if (!f)
		die(path);
	fseek(f, 0, SEEK_END);
	*len = (size_t)ftell(f);
	rewind(f);
	char *out = malloc(*len + 1);
	if (!out || fread(out, 1, *len, f) != *len)
		die(path);
	fclose(f);
	return out;
}

static void request_make(
	struct load *l, const char *host, const char *path, const char *headers, const char *file)
{
	size_t len = 0, room;
	char *body = file ? read_file(file, &len) : NULL;
	room = len + strlen(path) + strlen(headers) + strlen(host) + 256;
	l->request = malloc(room);
	if (!l->request)
		die("http_load");
	int n = body ? snprintf(l->request, room,
			       "POST %s HTTP/1.1\r\nHost: %s\r\n%sContent-Length: %zu\r\n\r\n", path, host,
			       headers, len)
		     : snprintf(l->request, room, "GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", path, host, headers);
	if (len)
		memcpy(l->request + n, body, len);
	l->request_len = (size_t)n + len;
	free(body);
}

static void find_blanks(struct load *l)
{
	static const char *const marks[] = {"################", "@@@@@@@@", "%%%%%%%%%%%%%%%%%%%%%%%%"};
	l->blanks = malloc((l->request_len / USER_LEN + 1) * sizeof(*l->blanks));
	if (!l->blanks)
		die("http_load");
	for (size_t i = 0; i < l->request_len; i++)
		for (int kind = BLANK_ID; kind <= BLANK_TIME; kind++) {
			size_t len = strlen(marks[kind]);
			if (i + len > l->request_len || memcmp(l->request + i, marks[kind], len) != 0)
				continue;
			l->blanks[l->n_blanks++] = (struct blank){i, kind};
			i += len - 1;
			break;
		}
}

int main(int argc, char **argv)
{
	struct load l = {.n = 64, .seconds = 5, .events = 1};
	const char *file = NULL;
	char headers[4096] = "";
	if (argc < 3) {
		fprintf(stderr, "usage: http_load HOST:PORT PATH [-c connections] [-s seconds] [-b body file] "
				"[-n events] [-r rate] [-H header] [-i idle]\n");
		return 2;
	}
	for (int i = 3; i + 1 < argc; i += 2) {
		const char *v = argv[i + 1];
		unsigned number = (unsigned)strtoul(v, NULL, 10);
		size_t used = strlen(headers);
		switch (argv[i][1]) {
		case 'c':
			l.n = number;
			break;
		case 's':
			l.seconds = strtod(v, NULL);
			break;
		case 'b':
			file = v;
			break;
		case 'n':
			l.events = number;
			break;
		case 'r':
			l.rate = number;
			break;
		case 'i':
			l.n_idle = number;
			break;
		case 'H':
			snprintf(headers + used, sizeof(headers) - used, "%s\r\n", v);
			break;
		default:
			fprintf(stderr, "http_load: %s is not known\n", argv[i]);
			return 2;
		}
	}
	char host[64];
	snprintf(host, sizeof(host), "%s", argv[1]);
	char *colon = strrchr(host, ':');
	if (!colon)
		return 2;
	*colon = 0;
	l.to = (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10))};
	inet_pton(AF_INET, host, &l.to.sin_addr);
	request_make(&l, host, argv[2], headers, file);
	find_blanks(&l);
	l.ids = (uint64_t)time(NULL) << 32 ^ (uint64_t)getpid() << 48;
	l.histogram = calloc(US_MAX, sizeof(*l.histogram));
	struct client *clients = calloc(l.n + 1, sizeof(*clients));
	int epoll = epoll_create1(0);
	if (!l.histogram || !clients || epoll < 0)
		die("http_load");
	for (unsigned i = 0; i < l.n_idle; i++)
		(void)dial(&l);
	for (unsigned i = 0; i < l.n; i++) {
		clients[i].request = malloc(l.request_len);
		if (!clients[i].request)
			die("http_load");
		memcpy(clients[i].request, l.request, l.request_len);
		watch(epoll, &clients[i], &l);
	}
	run(&l, clients, epoll);
	return 0;
}
