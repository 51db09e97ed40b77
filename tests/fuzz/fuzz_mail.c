// SPDX-License-Identifier: Apache-2.0
// Mail messages. Whatever comes, the sender is told once and before the parts, every part has a name, a name that is taken
// for that of a file stays in its folder, nothing is told of a message that is not wanted, and the same message gives the
// same twice.
#include "listen/mail.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct seen {
	uint64_t sum, bytes;
	uint32_t n_from, n_parts;
	bool wanted;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "mail: %s\n", what);
	abort();
}

static void add(struct seen *s, struct sv text)
{
	for (size_t i = 0; i < text.len; i++)
		s->sum = s->sum * 31 + (unsigned char)text.ptr[i];
	s->bytes += text.len;
}

static bool take_from(void *context, struct sv address)
{
	struct seen *s = context;
	check(s->n_from == 0 && s->n_parts == 0 && address.ptr, "the sender is not told first, and once");
	add(s, address);
	s->n_from++;
	return s->wanted;
}

static enum rc take_part(void *context, struct sv name, struct sv bytes, struct err *e)
{
	struct seen *s = context;
	char clean[MAIL_NAME_BYTES_MAX + 1];
	check(s->n_from == 1 && s->wanted, "a part of a message that is not wanted");
	check(name.len > 0, "a part without a name");
	if (mail_file_name(name, clean)) {
		size_t len = strlen(clean);
		check(len > 0 && len <= MAIL_NAME_BYTES_MAX && clean[0] != '.' &&
				!strpbrk(clean, "/\\\n\r\t\x7f"),
			"a name that is none of a file");
		check(sv_utf8_valid(sv_from(clean), NULL) && sv_ends(name, sv_from(clean)),
			"a name that is another one");
	}
	add(s, name);
	add(s, bytes);
	if (++s->n_parts == 1000)
		return err_set(e, RC_LIMIT, "enough");
	return RC_OK;
}

static enum rc take(struct sv message, bool wanted, struct seen *s)
{
	const struct mail_sink sink = {s, take_from, take_part};
	struct err e = ERR_NONE;
	*s = (struct seen){.wanted = wanted};
	enum rc rc = mail_read(message, &sink, &e);
	check(rc == RC_OK || ((rc == RC_INPUT || rc == RC_LIMIT) && e.message[0]), "kind of error");
	check(rc != RC_OK || s->n_from == 1, "a message without a sender");
	check(wanted || s->n_parts == 0, "parts of a message that is not wanted");
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool told;
	struct err e = ERR_NONE;
	if (mail_available(&e) != RC_OK) {
		if (!told)
			printf("skipped: %s\n", e.message);
		told = true;
		return 0;
	}
	char *exact = malloc(size ? size : 1); // so that a read past the end is seen
	if (!exact)
		return 0;
	if (size)
		memcpy(exact, data, size);
	struct seen first, second, none;
	const struct sv message = {exact, size};
	enum rc rc = take(message, true, &first);
	check(take(message, true, &second) == rc && first.sum == second.sum && first.n_parts == second.n_parts,
		"the same message gives something else");
	take(message, false, &none);
	free(exact);
	return 0;
}
