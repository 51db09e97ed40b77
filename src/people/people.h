// SPDX-License-Identifier: Apache-2.0
// Who it was: pairs of identities that interactions bring along ("this visitor is that user") and the links that follow
// from them. Richer resolution has its place here.
//
// A pair is kept when it is first seen, in the transaction of the interactions that brought it, and becomes a link of
// the journey store a moment later, together with others: reading the journal costs time that grows with it, and pairs
// come all the time. Each pair makes a link once only, so that a link that somebody has undone stays undone.
#ifndef CORRIDOR_PEOPLE_PEOPLE_H
#define CORRIDOR_PEOPLE_PEOPLE_H

#include "base/clock.h"
#include "journey/journey.h"

struct people;

// Makes or migrates the tables in the store's database. The store must outlive it. Used by one thread at a time: the one
// that appends. RC_NOMEM and what the database reports.
enum rc people_open(struct store *s, const struct clock *clock, struct people **out, struct err *e);
void people_close(struct people **p); // NULL is allowed

// "Both are one person": keeps the pair unless it is known; in the transaction of the interactions that brought it (the
// `also` of store_append). Pairs that were seen lately cost no look at the table.
enum rc people_pair(
	struct people *p, struct db *db, struct sv from, struct sv to, int64_t at_ms, struct err *e);
// The transaction of the last pairs did not become durable: what was seen lately has to be looked up again.
void people_failed(struct people *p);

struct people_linked {
	uint32_t n_made;    // links
	uint32_t n_refused; // `from` is linked to somebody else already, or to follows from
};
// Makes links of the pairs that are kept, at most `limit`, in one transaction. Call it when people_due says so.
enum rc people_link(struct people *p, uint32_t limit, struct people_linked *out, struct err *e);
// Is it time? True when pairs wait and the time since the last links is at least a second and twenty times what they
// took.
bool people_due(const struct people *p, int64_t now_ms);
// Pairs that wait.
uint64_t people_waiting(const struct people *p);

// Removes all pairs with one of these identities ("type:value"), in the caller's transaction. A database without the
// table is fine.
enum rc people_forget(struct db *db, const struct sv *identities, uint32_t n, struct err *e);
// Is there a pair with this identity? In a transaction, or inside store_alone.
enum rc people_knows(struct db *db, struct sv identity, bool *out, struct err *e);

#endif
