// SPDX-License-Identifier: Apache-2.0
// --limit NAME=NUMBER of corridor serve: one row per limit. docs/serve.md says what each is for.
#include "api/api.h"
#include "cli/internal.h"

#include <inttypes.h>
#include <stddef.h>

struct limit {
	const char *name;
	size_t offset; // in struct api_limits
	int64_t min, max;
};

#define LIMIT(name, member, min, max)                                                                          \
	{                                                                                                      \
		name, offsetof(struct api_limits, member), min, max                                            \
	}
static const struct limit limits[] = {
	LIMIT("message-bytes", message_bytes, 1024, 16 << 20),
	LIMIT("batch-bytes", batch_bytes, 1024, 64 << 20),
	LIMIT("unpacked-bytes", unpacked_bytes, 1024, 256 << 20),
	LIMIT("header-bytes", header_bytes, 1024, 1 << 20),
	LIMIT("waiting-bytes", waiting_bytes, 1 << 20, INT64_C(1) << 36),
	LIMIT("upload-bytes", upload_bytes, 1024, INT64_C(1) << 40),
	LIMIT("connections", connections, 1, 1000000),
	LIMIT("connections-per-address", connections_per_address, 1, 1000000),
	LIMIT("header-ms", header_ms, 100, 3600000),
	LIMIT("body-ms", body_ms, 100, 3600000),
	LIMIT("idle-ms", idle_ms, 100, 3600000),
	LIMIT("write-ms", write_ms, 100, 3600000),
	LIMIT("rate-bytes", rate_bytes, 16, 1 << 30),
};
#undef LIMIT
enum { N_LIMITS = sizeof(limits) / sizeof(limits[0]) };

static enum rc unknown(struct cli *cli, struct sv name, struct err *e)
{
	const char *names[N_LIMITS];
	struct sv all = SV_NONE;
	for (int i = 0; i < N_LIMITS; i++) {
		names[i] = limits[i].name;
		all = arena_printf(cli->arena, "%.*s%s%s", SV_ARG(all), i ? ", " : "", names[i]);
	}
	const char *near = nearest_name(arena_printf(cli->arena, "%.*s", SV_ARG(name)).ptr, names, N_LIMITS);
	err_set(e, RC_USAGE, "there is no limit “%.*s”", SV_ARG(name));
	if (near)
		err_remedy(e, "did you mean %s?", near);
	else
		err_remedy(e, "limits are %.*s", SV_ARG(all));
	return RC_USAGE;
}

static enum rc read_limit(struct cli *cli, struct sv text, struct api_limits *out, struct err *e)
{
	struct sv value = SV_NONE, name = sv_cut(text, '=', &value);
	int64_t number;
	for (int i = 0; i < N_LIMITS; i++) {
		const struct limit *l = &limits[i];
		if (!sv_equal(name, sv_from(l->name)))
			continue;
		if (!sv_to_i64(value, &number) || number < l->min || number > l->max)
			return err_set(e, RC_USAGE,
				"--limit %s=NUMBER: a whole number from %" PRId64 " to %" PRId64 " is wanted",
				l->name, l->min, l->max);
		*(uint64_t *)(void *)((char *)out + l->offset) = (uint64_t)number;
		return RC_OK;
	}
	return unknown(cli, name, e);
}

enum rc cli_limits(struct cli *cli, struct api_limits *out, struct err *e)
{
	struct sv given[4 * N_LIMITS];
	uint32_t n = args_list(&cli->args, "limit", given, 4 * N_LIMITS);
	enum rc rc = RC_OK;
	*out = (struct api_limits){0};
	for (uint32_t i = 0; rc == RC_OK && i < n; i++)
		rc = read_limit(cli, given[i], out, e);
	return rc;
}
