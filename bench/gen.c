// SPDX-License-Identifier: Apache-2.0
// gen N > events.csv: N interactions for the benchmark, the same on every run, in the order in which they arrive
// (time, then customer). Columns, all numbers, so that no engine has to parse names:
//   customer,at,touchpoint,channel,kind,score,amount,duration
// at in Unix ms, score (0-10) on 5 % of the rows, amount (minor units) on the 8 % of kind 3 (a purchase), duration in
// ms on all.
//
// Customers are heavy-tailed (1 + Lomax of shape 1.5, mean about 20, at most 20,000 interactions) over 180 days from
// Monday, 2025-01-06. Each one's interactions fall into sessions (mean length 4, a minute between interactions); the
// touch point stays (15 %), moves to the next (35 %) or is drawn by Zipf's law over 64 (50 %).
//
// An interaction is one 64-bit word while they are sorted: time (32 bits), customer (26), touch point (6). All other
// columns are a hash of that word. So N rows take 16 N bytes of memory. Times come in ticks of 8 ms: 31 bits then hold
// the half year, which an old ClickHouse needs for its windowFunnel.
//
// Invariant: a customer's times are at least a second apart, so (customer, at) is a key and all orders are total.
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_MS INT64_C(1736121600000) // Monday, 2025-01-06T00:00:00Z
#define TICK_MS 8
#define SECOND (1000 / TICK_MS)
#define SPAN (INT64_C(180) * 86400 * SECOND) // in ticks, as all times below
#define TOUCHPOINTS 64
#define CUSTOMER_MAX 20000
#define N_MAX UINT64_C(1000000000) // 26 bits of customers
#define TIME_SHIFT 32
#define CUSTOMER_SHIFT 6
#define DIGIT_BITS 11 // of the radix sort: three digits hold the 32 bits of time

static uint8_t zipf[65536];

static uint64_t mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static uint64_t next(uint64_t *state)
{
	return mix(*state += UINT64_C(0x9e3779b97f4a7c15));
}

static double unit(uint64_t bits)
{
	return ((double)(bits >> 11) + .5) * 0x1.0p-53;
}

static void zipf_fill(void)
{
	double total = 0, sum = 0;
	for (int i = 1; i <= TOUCHPOINTS; i++)
		total += 1.0 / i;
	for (int i = 1, slot = 0; i <= TOUCHPOINTS; i++) {
		sum += 1.0 / i;
		for (int end = i == TOUCHPOINTS ? 65536 : (int)(65536 * sum / total + .5); slot < end; slot++)
			zipf[slot] = (uint8_t)(i - 1);
	}
}

static int by_time(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

// Writes one customer's interactions, at most `max`, and returns how many.
static uint64_t customer_live(uint32_t customer, uint64_t max, uint64_t *out)
{
	static int64_t start[CUSTOMER_MAX];
	static uint32_t length[CUSTOMER_MAX];
	uint64_t state = mix(customer + UINT64_C(42));
	double x = 9.7 * (pow(unit(next(&state)), -1 / 1.5) - 1);
	uint64_t n = 1 + (uint64_t)(x > CUSTOMER_MAX - 1 ? CUSTOMER_MAX - 1 : x);
	if (n > max)
		n = max;
	// Room after the first session for the others; a few customers run on into the day after the last.
	double room = fmin((double)n * 240 * SECOND + 86400.0 * SECOND, .98 * (double)SPAN);
	int64_t first = (int64_t)(unit(next(&state)) * ((double)SPAN - room));
	uint32_t n_sessions = 0;
	for (uint64_t left = n; left > 0; left -= length[n_sessions++])
		for (length[n_sessions] = 1; length[n_sessions] < left && (next(&state) & 3) != 0;)
			length[n_sessions]++;
	start[0] = first;
	for (uint32_t i = 1; i < n_sessions; i++)
		start[i] = first + (int64_t)(unit(next(&state)) * (double)(SPAN - first));
	qsort(start, n_sessions, sizeof start[0], by_time);
	int64_t at = -1;
	uint64_t k = 0;
	for (uint32_t s = 0; s < n_sessions; s++) {
		unsigned touchpoint = 0;
		for (uint32_t i = 0; i < length[s]; i++) {
			uint64_t z = next(&state);
			if (i > 0)
				at += SECOND + (int64_t)(-45.0 * SECOND * log(unit(next(&state))));
			else
				at = start[s] > at + SECOND ? start[s]
							    : at + SECOND + (int64_t)(z >> 40) % (60 * SECOND);
			unsigned move = (unsigned)(z >> 16 & 0xffff) % 100;
			if (i == 0 || move >= 50)
				touchpoint = zipf[z & 0xffff];
			else if (move < 35)
				touchpoint = (touchpoint + 1) % TOUCHPOINTS;
			out[k++] =
				(uint64_t)at << TIME_SHIFT | (uint64_t)customer << CUSTOMER_SHIFT | touchpoint;
		}
	}
	return n;
}

// Sorts by time, stable; `a` holds the result.
static void sort(uint64_t **a, uint64_t **b, uint64_t n)
{
	static uint64_t place[1 << DIGIT_BITS];
	for (int shift = TIME_SHIFT; shift < 64; shift += DIGIT_BITS) {
		const uint64_t mask = (1 << DIGIT_BITS) - 1;
		memset(place, 0, sizeof place);
		for (uint64_t i = 0; i < n; i++)
			place[(*a)[i] >> shift & mask]++;
		uint64_t sum = 0;
		for (uint64_t d = 0; d <= mask; d++) {
			uint64_t count = place[d];
			place[d] = sum;
			sum += count;
		}
		for (uint64_t i = 0; i < n; i++)
			(*b)[place[(*a)[i] >> shift & mask]++] = (*a)[i];
		uint64_t *t = *a;
		*a = *b;
		*b = t;
	}
}

static char *put(char *p, uint64_t v)
{
	char digits[20];
	int n = 0;
	do
		digits[n++] = (char)('0' + v % 10);
	while (v /= 10);
	while (n)
		*p++ = digits[--n];
	return p;
}

static char *row_write(char *p, uint64_t word)
{
	unsigned touchpoint = word & (TOUCHPOINTS - 1);
	uint64_t z = mix(word + 1), y = mix(z);
	p = put(p, word >> CUSTOMER_SHIFT & 0x3ffffff);
	*p++ = ',';
	p = put(p, (uint64_t)FIRST_MS + (word >> TIME_SHIFT) * TICK_MS);
	*p++ = ',';
	p = put(p, touchpoint);
	*p++ = ',';
	p = put(p, (z & 255) < 180 ? touchpoint & 7 : z >> 8 & 7);
	*p++ = ',';
	bool purchase = (z >> 11 & 1023) < 82;
	unsigned other = (unsigned)(z >> 21 & 0xffff) % 9;
	p = put(p, purchase ? 3 : other + (other >= 3));
	*p++ = ',';
	if ((z >> 37 & 1023) < 51) {
		unsigned score = (unsigned)(11 * pow(unit(y), .55));
		p = put(p, score > 10 ? 10 : score);
	}
	*p++ = ',';
	if (purchase)
		p = put(p, 500 + (uint64_t)(-4000 * log(unit(mix(y)))));
	*p++ = ',';
	p = put(p, (uint64_t)(-30000 * log(unit(mix(y + 1)))));
	*p++ = '\n';
	return p;
}

int main(int argc, char **argv)
{
	uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
	if (n == 0 || n > N_MAX) {
		fprintf(stderr, "usage: gen N > events.csv, N up to %llu\n", (unsigned long long)N_MAX);
		return 2;
	}
	uint64_t *a = malloc(n * sizeof *a), *b = malloc(n * sizeof *b);
	static char buffer[1 << 20];
	if (!a || !b) {
		fprintf(stderr, "gen: out of memory for %llu rows\n", (unsigned long long)n);
		return 1;
	}
	zipf_fill();
	uint32_t customer = 0;
	for (uint64_t i = 0; i < n; customer++)
		i += customer_live(customer, n - i, a + i);
	sort(&a, &b, n);
	puts("customer,at,touchpoint,channel,kind,score,amount,duration");
	char *p = buffer;
	for (uint64_t i = 0; i < n; i++) {
		p = row_write(p, a[i]);
		if (p > buffer + sizeof buffer - 256 || i + 1 == n) {
			fwrite(buffer, 1, (size_t)(p - buffer), stdout);
			p = buffer;
		}
	}
	fprintf(stderr, "%llu interactions of %u customers\n", (unsigned long long)n, customer);
	free(a);
	free(b);
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
