// SPDX-License-Identifier: Apache-2.0
// Who it was: a person is named by the hash of the deciding identity.
#include "base/hash.h"
#include "journey/journey.h"

#include <string.h>

// Long identities are hashed in two steps; the importer allows none, so this keeps person_of total.
static uint64_t hash_long(struct sv type, struct sv value)
{
	return hash64_seed(value.ptr, value.len, hash64(type.len ? type.ptr : "", type.len));
}

uint64_t person_of(struct sv type, struct sv value)
{
	char bytes[2048];
	if (type.len + 1 + value.len > sizeof(bytes))
		return hash_long(type, value);
	size_t n = type.len;
	if (n)
		memcpy(bytes, type.ptr, n);
	bytes[n++] = ':';
	if (value.len)
		memcpy(bytes + n, value.ptr, value.len);
	return hash64(bytes, n + value.len);
}
