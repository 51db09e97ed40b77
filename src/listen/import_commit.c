// SPDX-License-Identifier: Apache-2.0
// Mapped blocks into one transaction of the store.
#include "listen/import.h"

#include "base/mem.h"

enum rc commit_collect(struct commit *c, struct import_block *const *blocks, uint32_t n_blocks, struct err *e)
{
	size_t n = 0;
	for (uint32_t i = 0; i < n_blocks; i++)
		n += blocks[i]->n_batches;
	*c = (struct commit){0};
	c->from = mem_calloc(n, sizeof(*c->from));
	c->batches = mem_calloc(n, sizeof(*c->batches));
	c->results = mem_calloc(n, sizeof(*c->results));
	if (!c->from || !c->batches || !c->results) {
		commit_free(c);
		return err_set(e, RC_NOMEM, "out of memory for a commit");
	}
	for (uint32_t i = 0; i < n_blocks; i++) {
		for (size_t k = 0; k < blocks[i]->n_batches; k++) {
			struct import_batch *b = blocks[i]->batches[k];
			if (batch_count(b->batch) == 0)
				continue; // its only row was rejected
			c->from[c->n_batches] = b;
			c->batches[c->n_batches++] = b->batch;
		}
	}
	return RC_OK;
}

void commit_free(struct commit *c)
{
	mem_free(c->from);
	mem_free(c->batches);
	mem_free(c->results);
	*c = (struct commit){0};
}

void commit_count(const struct commit *c, const struct append_result *results, struct import_report *r)
{
	for (uint32_t i = 0; i < c->n_batches; i++) {
		uint32_t n = batch_count(c->batches[i]);
		r->n_interactions += results[i].n_added;
		r->n_duplicates += results[i].n_duplicates;
		for (uint32_t w = 0; w * 64 < n; w++) {
			uint64_t known = results[i].n_duplicates ? results[i].duplicate_bits[w] : 0;
			r->n_unmatched += (uint64_t)__builtin_popcountll(c->from[i]->unmatched[w] & ~known);
		}
	}
}
