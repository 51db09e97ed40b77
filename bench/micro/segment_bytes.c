// SPDX-License-Identifier: Apache-2.0
// segment_bytes FILE.seg…: how many bytes each column takes per interaction, over all files.
#include "journey/segment.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	static uint64_t bytes[SEGMENT_COLUMNS], width[SEGMENT_COLUMNS], chunks[SEGMENT_COLUMNS];
	uint64_t rows = 0, persons = 0, ids = 0, total = 0;
	for (int i = 1; i < argc; i++) {
		struct err e = ERR_NONE;
		struct segment *s;
		if (segment_open(NULL, argv[i], &s, &e)) {
			fprintf(stderr, "%s\n", e.message);
			return EXIT_FAILURE;
		}
		rows += s->info.n_rows;
		persons += s->info.n_persons;
		total += s->info.bytes;
		for (unsigned k = 0; k < ID_REGIONS; k++)
			ids += s->ids[k].length;
		for (uint32_t k = 0; k < s->n_columns; k++) {
			const struct segment_column *x = &s->columns[k];
			bytes[x->number] += x->length;
			width[x->number] += x->width;
			chunks[x->number]++;
		}
		segment_close(&s);
	}
	if (rows == 0)
		return EXIT_FAILURE;
	double n = (double)rows;
	for (unsigned k = 0; k < SEGMENT_COLUMNS; k++) {
		char name[32];
		if (chunks[k])
			printf("%-16s %8.3f  (%.1f bits a value)\n", segment_column_name(k, name, sizeof name),
				(double)bytes[k] / n, (double)width[k] / (double)chunks[k]);
	}
	printf("%-16s %8.3f\n%-16s %8.3f\n", "ids", (double)ids / n, "all", (double)total / n);
	printf("%llu interactions, %.2f for each person and segment\n", (unsigned long long)rows,
		n / (double)persons);
	return EXIT_SUCCESS;
}
