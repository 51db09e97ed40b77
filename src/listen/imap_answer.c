// SPDX-License-Identifier: Apache-2.0
// An answer is a line, or a line that goes on after a literal: "{N}" at its end announces N bytes of anything.
#include "listen/imap_answer.h"

struct imap_reader imap_reader_new(size_t literal_bytes_max)
{
	return (struct imap_reader){
		.literal_bytes_max = literal_bytes_max, .text = buf_new(IMAP_LINE_BYTES_MAX)};
}

void imap_reader_free(struct imap_reader *r)
{
	buf_free(&r->text);
}

// --- lines and literals ---

// Where the reader's line ends, behind CR LF; 0: it is not all there.
static size_t line_end(struct imap_reader *r, struct sv bytes)
{
	size_t at = r->looked > r->from ? r->looked : r->from;
	while (at < bytes.len) {
		const char *q = memchr(bytes.ptr + at, '\n', bytes.len - at);
		if (!q)
			break;
		at = (size_t)(q - bytes.ptr) + 1;
		if (at >= r->from + 2 && q[-1] == '\r')
			return at;
	}
	r->looked = bytes.len;
	return 0;
}

// N of a line that ends with {N}. False: it does not.
static bool literal_of(struct sv line, uint64_t *n)
{
	int64_t value;
	size_t open = line.len;
	if (line.len < 3 || line.ptr[line.len - 1] != '}')
		return false;
	while (open > 0 && line.ptr[open - 1] != '{')
		open--;
	if (open == 0 || !sv_to_i64((struct sv){line.ptr + open, line.len - open - 1}, &value) || value < 0)
		return false;
	*n = (uint64_t)value;
	return true;
}

static void begin_anew(struct imap_reader *r)
{
	r->from = r->looked = r->literal_at = r->literal_len = 0;
	r->has_literal = false;
}

enum rc imap_read(struct imap_reader *r, struct sv bytes, struct imap_answer *out, size_t *used, struct err *e)
{
	*used = 0;
	if (r->from == 0)
		buf_clear(&r->text);
	while (bytes.len > r->from) {
		uint64_t n;
		size_t end = line_end(r, bytes);
		if ((end ? end : bytes.len) - r->from > IMAP_LINE_BYTES_MAX)
			return err_set(e, RC_LIMIT, "the mail server sends a line of more than %zu bytes",
				IMAP_LINE_BYTES_MAX);
		if (!end)
			return RC_OK;
		struct sv line = {bytes.ptr + r->from, end - 2 - r->from};
		buf_sv(&r->text, line);
		enum rc rc = buf_check(&r->text, e, "an answer of the mail server");
		if (rc != RC_OK)
			return rc;
		if (!literal_of(line, &n)) {
			*out = (struct imap_answer){buf_view(&r->text), SV_NONE};
			if (r->has_literal)
				out->literal = (struct sv){bytes.ptr + r->literal_at, r->literal_len};
			*used = end;
			begin_anew(r);
			return RC_OK;
		}
		if (n > r->literal_bytes_max)
			return err_set(e, RC_LIMIT, "the mail server sends more than %zu bytes at once",
				r->literal_bytes_max);
		r->has_literal = true;
		r->literal_at = end;
		r->literal_len = (size_t)n;
		r->from = end + (size_t)n;
	}
	return RC_OK;
}

// --- what answers say ---

// The digits at the beginning. False: there are none, or too many.
static bool number_at(struct sv s, uint64_t max, uint64_t *out)
{
	size_t n = 0;
	int64_t value;
	while (n < s.len && s.ptr[n] >= '0' && s.ptr[n] <= '9')
		n++;
	if (n == 0 || !sv_to_i64((struct sv){s.ptr, n}, &value) || (uint64_t)value > max)
		return false;
	*out = (uint64_t)value;
	return true;
}

static bool number_behind(struct sv text, const char *key, uint64_t max, uint64_t *out)
{
	size_t len = strlen(key);
	const char *at = text.len ? memmem(text.ptr, text.len, key, len) : NULL;
	return at && number_at((struct sv){at + len, (size_t)(text.ptr + text.len - at) - len}, max, out);
}

bool imap_says_validity(struct sv text, uint32_t *validity)
{
	uint64_t n;
	if (!sv_starts(text, SV("* OK [UIDVALIDITY ")) ||
		!number_behind(text, "[UIDVALIDITY ", UINT32_MAX, &n) || n == 0)
		return false;
	*validity = (uint32_t)n;
	return true;
}

// "* N WORD…": what follows N. SV_NONE: it does not begin so.
static struct sv counted(struct sv text, uint32_t *n)
{
	struct sv rest = SV_NONE;
	uint64_t value;
	if (!sv_starts(text, SV("* ")))
		return SV_NONE;
	struct sv word = sv_cut((struct sv){text.ptr + 2, text.len - 2}, ' ', &rest);
	if (!number_at(word, UINT32_MAX, &value))
		return SV_NONE;
	*n = (uint32_t)value;
	return rest;
}

bool imap_says_exists(struct sv text, uint32_t *n)
{
	uint32_t value;
	struct sv rest = counted(text, &value);
	if (!rest.ptr || !sv_equal_nocase(sv_trim(rest), SV("EXISTS")))
		return false;
	*n = value;
	return true;
}

bool imap_says_size(struct sv text, uint64_t *bytes)
{
	return number_behind(text, "RFC822.SIZE ", INT64_MAX, bytes);
}

bool imap_says_uid(struct sv text, uint32_t place, uint32_t *uid)
{
	uint32_t at;
	uint64_t n;
	struct sv rest = counted(text, &at);
	if (!rest.ptr || at != place || !sv_starts(rest, SV("FETCH (")) ||
		(!number_behind(rest, "(UID ", UINT32_MAX, &n) &&
			!number_behind(rest, " UID ", UINT32_MAX, &n)))
		return false;
	*uid = (uint32_t)n;
	return true;
}

bool imap_says_found(struct sv *rest, uint32_t *uid)
{
	static const struct sv begins = {"* SEARCH", 8};
	uint64_t n;
	if (sv_starts(*rest, begins))
		*rest = (struct sv){rest->ptr + begins.len, rest->len - begins.len};
	else if (rest->len && rest->ptr[0] != ' ')
		return false;
	while (rest->len && rest->ptr[0] == ' ')
		*rest = (struct sv){rest->ptr + 1, rest->len - 1};
	if (!number_at(*rest, UINT32_MAX, &n))
		return false;
	while (rest->len && rest->ptr[0] != ' ')
		*rest = (struct sv){rest->ptr + 1, rest->len - 1};
	*uid = (uint32_t)n;
	return true;
}

// --- what commands say ---

enum rc imap_quote(struct sv name, char out[1024], struct err *e)
{
	size_t n = 0;
	out[n++] = '"';
	for (size_t k = 0; k < name.len; k++) {
		unsigned char c = (unsigned char)name.ptr[k];
		if (c < ' ' || c >= 127) {
			err_set(e, RC_INPUT, "the folder's name %.*s has a letter beyond ASCII", SV_ARG(name));
			err_remedy(e, "write it as the mail server does, in modified UTF-7 (RFC 3501, 5.1.3)");
			return RC_INPUT;
		}
		if (n + 4 > 1024)
			return err_set(e, RC_INPUT, "the folder's name is too long");
		if (c == '"' || c == '\\')
			out[n++] = '\\';
		out[n++] = (char)c;
	}
	out[n++] = '"';
	out[n] = 0;
	return RC_OK;
}
