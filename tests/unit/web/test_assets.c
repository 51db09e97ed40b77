// SPDX-License-Identifier: Apache-2.0
// The pages in the program: the start page is there, everything it names is there, gzip forms unpack to the plain bytes,
// and nothing in it would need a Content-Security-Policy other than default-src 'self'.
#include "web/assets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

static char page[65536];

static void load_page(void)
{
	const struct web_asset *a = web_asset_page();
	assert_true(a->n_bytes < sizeof(page));
	memcpy(page, a->bytes, a->n_bytes);
	page[a->n_bytes] = 0;
}

static void start_page(void **state)
{
	(void)state;
	const struct web_asset *a = web_asset_page();
	assert_string_equal(a->path, "/index.html");
	assert_string_equal(a->type, "text/html; charset=utf-8");
	assert_false(a->immutable);
	assert_ptr_equal(web_asset_find(SV("/index.html")), a);
	assert_null(web_asset_find(SV("/")));
	assert_null(web_asset_find(SV("/index.htm")));
	assert_null(web_asset_find(SV("/assets/../index.html")));
}

static void unpack(const struct web_asset *a)
{
	unsigned char *plain = malloc(a->n_bytes + 1);
	z_stream z = {.next_in = (Bytef *)(uintptr_t)a->gzip,
		.avail_in = (uInt)a->n_gzip,
		.next_out = plain,
		.avail_out = (uInt)a->n_bytes + 1};
	assert_int_equal(inflateInit2(&z, 16 + MAX_WBITS), Z_OK);
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(z.total_out, a->n_bytes);
	assert_memory_equal(plain, a->bytes, a->n_bytes);
	inflateEnd(&z);
	free(plain);
}

// Every src="…" and href="…" of the start page is a file of ours; those under /assets/ may be kept for ever.
static void named_files(void **state)
{
	(void)state;
	load_page();
	size_t n = 0, first_view = 0;
	for (const char *p = page; (p = strpbrk(p, "sh"));) {
		size_t skip = strncmp(p, "src=\"", 5) == 0 ? 5 : strncmp(p, "href=\"", 6) == 0 ? 6 : 0;
		if (!skip) {
			p++;
			continue;
		}
		p += skip;
		size_t len = strcspn(p, "\"");
		const struct web_asset *a = web_asset_find((struct sv){p, len});
		assert_non_null(a);
		assert_int_equal(a->immutable, strncmp(a->path, "/assets/", 8) == 0);
		assert_int_equal(strlen(a->etag), 22);
		if (a->gzip) {
			assert_true(a->n_gzip < a->n_bytes);
			unpack(a);
		}
		first_view += a->gzip ? a->n_gzip : a->n_bytes;
		n++;
		p += len;
	}
	assert_true(n >= 4);                   // icon, theme, program, styles
	assert_true(first_view < 70u * 1024u); // with the font of 27 kB under 100 kB
}

static void nothing_inline(void **state)
{
	(void)state;
	load_page();
	assert_null(strstr(page, "style="));
	assert_null(strstr(page, "<style"));
	assert_null(strstr(page, "http://"));
	assert_null(strstr(page, "https://"));
	for (const char *p = page; (p = strstr(p, "<script")); p++)
		assert_non_null(strstr(p, "src="));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(start_page),
		cmocka_unit_test(named_files),
		cmocka_unit_test(nothing_inline),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
