// SPDX-License-Identifier: Apache-2.0
// gen N > events.csv: N interactions for the benchmark, the same on every run. Customers are heavy-tailed (Lomax with
// shape 1.5, mean about 20 interactions), touch points zipf over 64, eight channels, six months, in time order.
// Columns: customer,at,event,channel,nps,amount,duration (nps on 5 % of rows, amount on 8 %, duration in ms on all).
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_MS INT64_C(1735689600000) // 2025-01-01T00:00:00Z
#define SPAN_MS (INT64_C(181) * 86400000)
#define TOUCHPOINTS 64

static uint64_t state = 42;

static uint64_t next(void)
{
	uint64_t z = (state += UINT64_C(0x9e3779b97f4a7c15));
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static double unit(void)
{
	return ((double)(next() >> 11) + 0.5) * 0x1.0p-53;
}

static const char *const channels[8] = {"web", "app", "phone", "chat", "email", "store", "social", "partner"};

// Days of 2025 only: a table is enough.
static void day_write(int64_t day_ms, char out[32])
{
	static const int length[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int d = (int)((day_ms - FIRST_MS) / 86400000), m = 0;
	while (d >= length[m])
		d -= length[m++];
	snprintf(out, 32, "2025-%02d-%02d", m + 1, d + 1);
}

int main(int argc, char **argv)
{
	uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
	if (n == 0) {
		fprintf(stderr, "usage: gen N > events.csv\n");
		return 2;
	}
	static uint8_t zipf[65536];
	double total = 0, sum = 0;
	for (int i = 1; i <= TOUCHPOINTS; i++)
		total += 1.0 / i;
	for (int i = 1, slot = 0; i <= TOUCHPOINTS; i++) {
		sum += 1.0 / i;
		for (; slot < (int)(65536 * sum / total + .5) && slot < 65536; slot++)
			zipf[slot] = (uint8_t)(i - 1);
	}
	// Which customer acts: each gets a weight, drawn once, laid out in a table of n slots in mixed order.
	uint32_t *who = malloc(n * sizeof *who);
	if (!who)
		return 1;
	uint32_t customer = 0;
	for (uint64_t i = 0; i < n; customer++) {
		double x = 9.7 * (pow(unit(), -1 / 1.5) - 1);
		uint64_t count = 1 + (uint64_t)(x > 19999 ? 19999 : x);
		for (; count > 0 && i < n; count--)
			who[i++] = customer;
	}
	for (uint64_t i = n - 1; i > 0; i--) {
		uint64_t j = next() % (i + 1);
		uint32_t t = who[i];
		who[i] = who[j];
		who[j] = t;
	}
	puts("customer,at,event,channel,nps,amount,duration");
	int64_t days_ms = 0;
	char day[32] = "";
	for (uint64_t i = 0; i < n; i++) {
		int64_t at = FIRST_MS + (int64_t)((double)SPAN_MS * (double)i / (double)n);
		if (at / 86400000 != days_ms / 86400000 || !day[0]) {
			days_ms = at / 86400000 * 86400000;
			day_write(days_ms, day);
		}
		int ms = (int)(at - days_ms);
		uint64_t z = next();
		unsigned tp = zipf[z & 65535];
		unsigned channel = (z >> 16 & 255) < 180 ? tp & 7 : z >> 24 & 7;
		char nps[16] = "", amount[16] = "";
		if ((z >> 32 & 1023) < 51) {
			int score = (int)(11 * pow(unit(), .55));
			snprintf(nps, sizeof nps, "%d", score > 10 ? 10 : score);
		}
		if ((z >> 42 & 1023) < 82)
			snprintf(amount, sizeof amount, "%d", (int)(500 - 4000 * log(unit())));
		printf("%u,%sT%02d:%02d:%02d.%03dZ,tp-%02u,%s,%s,%s,%u\n", who[i], day, ms / 3600000,
			ms / 60000 % 60, ms / 1000 % 60, ms % 1000, tp, channels[channel], nps, amount,
			(unsigned)(-30000 * log(unit())));
	}
	free(who);
	return fflush(stdout) == 0 ? 0 : 1;
}
