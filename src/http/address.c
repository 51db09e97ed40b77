// SPDX-License-Identifier: Apache-2.0
// Addresses of peers: reading, comparing with ranges, the one behind proxies, and the census of connections.
// All addresses are 16 bytes; IPv4 is mapped (::ffff:a.b.c.d).
#include "base/hash.h"
#include "base/mem.h"
#include "http/internal.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

struct address address_of(const struct sockaddr_storage *sa)
{
	struct address a = {.known = true};
	if (sa->ss_family == AF_INET) {
		memcpy(a.bytes, mapped, sizeof(mapped));
		memcpy(a.bytes + 12, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
	} else if (sa->ss_family == AF_INET6) {
		memcpy(a.bytes, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, 16);
	} else {
		a.known = false;
	}
	return a;
}

static bool is_v4(const uint8_t bytes[16])
{
	return memcmp(bytes, mapped, sizeof(mapped)) == 0;
}

void address_text(const struct address *a, char out[INET6_ADDRSTRLEN])
{
	bool v4 = is_v4(a->bytes);
	if (!a->known ||
		!inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? a->bytes + 12 : a->bytes, out, INET6_ADDRSTRLEN))
		memcpy(out, "unknown", sizeof("unknown"));
}

static bool address_plain(struct sv text, struct address *out)
{
	char z[INET6_ADDRSTRLEN];
	if (text.len == 0 || text.len >= sizeof(z))
		return false;
	memcpy(z, text.ptr, text.len);
	z[text.len] = 0;
	*out = (struct address){.known = true};
	memcpy(out->bytes, mapped, sizeof(mapped));
	return inet_pton(AF_INET, z, out->bytes + 12) == 1 || inet_pton(AF_INET6, z, out->bytes) == 1;
}

bool address_read(struct sv text, struct address *out)
{
	text = sv_trim(text);
	if (address_plain(text, out))
		return true;
	if (text.len && text.ptr[0] == '[') {
		struct sv rest, inside = sv_cut((struct sv){text.ptr + 1, text.len - 1}, ']', &rest);
		return rest.ptr && address_plain(inside, out);
	}
	struct sv port, host = sv_cut(text, ':', &port);
	return port.ptr && address_plain(host, out);
}

bool range_read(struct sv text, struct range *out)
{
	struct sv bits, host = sv_cut(text, '/', &bits);
	struct address a;
	int64_t n = 0;
	if (!address_plain(host, &a))
		return false;
	unsigned width = is_v4(a.bytes) ? 32 : 128;
	if (bits.ptr && (!sv_to_i64(bits, &n) || n < 0 || n > width))
		return false;
	memcpy(out->bytes, a.bytes, 16);
	out->bits = 128 - width + (bits.ptr ? (unsigned)n : width);
	return true;
}

bool range_has(const struct range *r, size_t n, const struct address *a)
{
	for (size_t i = 0; i < n && a->known; i++) {
		unsigned whole = r[i].bits / 8, rest = r[i].bits % 8;
		if (memcmp(r[i].bytes, a->bytes, whole) != 0)
			continue;
		if (rest == 0 || ((r[i].bytes[whole] ^ a->bytes[whole]) >> (8 - rest)) == 0)
			return true;
	}
	return false;
}

struct address forwarded_for(struct sv list, const struct range *trusted, size_t n, struct address peer)
{
	struct address here = peer;
	while (list.len && range_has(trusted, n, &here)) {
		size_t at = list.len;
		while (at > 0 && list.ptr[at - 1] != ',')
			at--;
		struct address next;
		if (!address_read((struct sv){list.ptr + at, list.len - at}, &next))
			break;
		here = next;
		list.len = at ? at - 1 : 0;
	}
	return here;
}

bool listen_address(const char *text, struct sockaddr_storage *out, socklen_t *len)
{
	const char *colon = strrchr(text, ':');
	int64_t port;
	if (!colon || !sv_to_i64(sv_from(colon + 1), &port) || port < 0 || port > 65535)
		return false;
	struct sv host = {text, (size_t)(colon - text)};
	memset(out, 0, sizeof(*out));
	struct address a = {.known = true};
	if (!sv_equal(host, SV("*"))) {
		if (host.len >= 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']')
			host = (struct sv){host.ptr + 1, host.len - 2};
		else if (memchr(host.ptr, ':', host.len))
			return false;
		if (sv_equal(host, SV("localhost")))
			host = SV("127.0.0.1");
		if (!address_plain(host, &a))
			return false;
	}
	if (is_v4(a.bytes)) {
		struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)out;
		v4->sin_family = AF_INET;
		v4->sin_port = htons((uint16_t)port);
		memcpy(&v4->sin_addr, a.bytes + 12, 4);
		*len = sizeof(*v4);
	} else {
		struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)out;
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)port);
		memcpy(&v6->sin6_addr, a.bytes, 16);
		*len = sizeof(*v6);
	}
	return true;
}

// --- the census: open addressing, a slot is free when its count is 0 and it is not in a chain (removal shifts back) ---

struct seat {
	uint8_t key[16];
	uint32_t n;
};

struct census {
	pthread_mutex_t lock;
	uint32_t limit;
	struct seat *seats;
	size_t n_seats, n_used;
};

struct census *peers_new(uint32_t limit)
{
	struct census *c = mem_calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->limit = limit;
	pthread_mutex_init(&c->lock, NULL);
	return c;
}

void peers_free(struct census **c)
{
	if (!*c)
		return;
	pthread_mutex_destroy(&(*c)->lock);
	mem_free((*c)->seats);
	mem_free(*c);
	*c = NULL;
}

// Whoever has IPv6 has a /64 at least.
static void key_of(const struct address *a, uint8_t key[16])
{
	memcpy(key, a->bytes, 16);
	if (!is_v4(key))
		memset(key + 8, 0, 8);
}

static size_t seat_of(const struct census *c, const uint8_t key[16])
{
	size_t i = hash64(key, 16) & (c->n_seats - 1);
	while (c->seats[i].n && memcmp(c->seats[i].key, key, 16) != 0)
		i = (i + 1) & (c->n_seats - 1);
	return i;
}

static bool peers_room(struct census *c)
{
	if (c->n_seats && c->n_used * 2 < c->n_seats)
		return true;
	struct census bigger = {.n_seats = c->n_seats ? c->n_seats * 2 : 256};
	bigger.seats = mem_calloc(bigger.n_seats, sizeof(*bigger.seats));
	if (!bigger.seats)
		return false;
	for (size_t i = 0; i < c->n_seats; i++)
		if (c->seats[i].n)
			bigger.seats[seat_of(&bigger, c->seats[i].key)] = c->seats[i];
	mem_free(c->seats);
	c->seats = bigger.seats;
	c->n_seats = bigger.n_seats;
	return true;
}

bool peers_enter(struct census *c, const struct address *a)
{
	uint8_t key[16];
	key_of(a, key);
	pthread_mutex_lock(&c->lock);
	bool ok = peers_room(c);
	if (ok) {
		struct seat *s = &c->seats[seat_of(c, key)];
		ok = s->n < c->limit;
		if (ok && s->n++ == 0) {
			memcpy(s->key, key, 16);
			c->n_used++;
		}
	}
	pthread_mutex_unlock(&c->lock);
	return ok;
}

void peers_leave(struct census *c, const struct address *a)
{
	uint8_t key[16];
	key_of(a, key);
	pthread_mutex_lock(&c->lock);
	size_t i = seat_of(c, key), mask = c->n_seats - 1;
	if (--c->seats[i].n == 0) {
		c->n_used--;
		for (size_t k = (i + 1) & mask; c->seats[k].n; k = (k + 1) & mask) {
			size_t home = hash64(c->seats[k].key, 16) & mask;
			if (((k - home) & mask) < ((k - i) & mask))
				continue; // its home lies behind the gap
			c->seats[i] = c->seats[k];
			c->seats[k].n = 0;
			i = k;
		}
	}
	pthread_mutex_unlock(&c->lock);
}
