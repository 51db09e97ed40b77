// SPDX-License-Identifier: Apache-2.0
// Dashboards, which all users have in common, and shares: links that let somebody without an account read one page until
// they expire. Both are in access.db; of a share's token its hash is stored.
#ifndef CORRIDOR_ACCESS_BOARDS_H
#define CORRIDOR_ACCESS_BOARDS_H

#include "access/access.h"

#define BOARDS_MAX 1000u
#define BOARD_TILES_BYTES_MAX (256u << 10)
#define SHARES_MAX 1000u // that have not expired
#define SHARE_PATH_MAX 4096u

struct access_board {
	int64_t id, made_ms;
	struct sv title, tiles, who; // tiles: a JSON array, as it was given
};

// All of them in order of their making, in the arena.
enum rc access_board_list(
	struct access *a, struct arena *arena, struct access_board **out, uint32_t *n, struct err *e);
// One, in the arena. RC_NOT_FOUND.
enum rc access_board_get(
	struct access *a, int64_t id, struct arena *arena, struct access_board *out, struct err *e);
// Makes one (*id 0) or replaces its title and tiles. RC_INPUT: a text breaks a limit; RC_NOT_FOUND; RC_LIMIT: there are
// BOARDS_MAX.
enum rc access_board_put(struct access *a, const struct access_actor *by, int64_t *id, struct sv title,
	struct sv tiles, struct err *e);
// RC_NOT_FOUND.
enum rc access_board_remove(struct access *a, const struct access_actor *by, int64_t id, struct err *e);

struct access_share {
	int64_t id, made_ms, expires_ms;
	struct sv path, title, who; // path: of the page, with its query
};

// Those that have not expired, newest first, in the arena.
enum rc access_share_list(
	struct access *a, struct arena *arena, struct access_share **out, uint32_t *n, struct err *e);
// RC_INPUT: path or title; RC_USAGE: longer than a year; RC_LIMIT: there are SHARES_MAX.
enum rc access_share_add(struct access *a, const struct access_actor *by, struct sv path, struct sv title,
	int64_t lifetime_ms, char token[ACCESS_TOKEN_BYTES], int64_t *expires_ms, struct err *e);
// RC_NOT_FOUND (also of an expired one).
enum rc access_share_end(struct access *a, const struct access_actor *by, int64_t id, struct err *e);
// The share of a token, in the arena. RC_DENIED: it is unknown, ended or expired. Waits for the disk.
enum rc access_share_find(
	struct access *a, struct sv token, struct arena *arena, struct access_share *out, struct err *e);

#endif
