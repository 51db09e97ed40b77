// SPDX-License-Identifier: Apache-2.0
// corridor erase: erases persons and single interactions.
#include "base/hash.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/overlay_receipt.h"

enum { INTERACTIONS_MAX = 1024 };

// "SOURCE/ID": the id may have slashes, the source not.
static enum rc parse_interactions(struct cli *cli, struct interaction_name *names, uint32_t *n, struct err *e)
{
	struct sv given[INTERACTIONS_MAX];
	*n = args_list(&cli->args, "interaction", given, INTERACTIONS_MAX);
	for (uint32_t i = 0; i < *n; i++) {
		struct sv id;
		struct sv source = sv_cut(given[i], '/', &id);
		if (source.len == 0 || !id.ptr || id.len == 0) {
			err_set(e, RC_USAGE, "--interaction %.*s does not name an interaction",
				SV_ARG(given[i]));
			err_remedy(e, "write it as SOURCE/ID, for example shop/order-4711");
			return RC_USAGE;
		}
		names[i] = (struct interaction_name){source, id};
	}
	return RC_OK;
}

static enum rc parse_persons(struct cli *cli, uint64_t *persons, struct err *e)
{
	for (uint32_t i = 0; i < cli->args.n_operands; i++) {
		struct sv text = sv_from(cli->args.operands[i]);
		if (!memchr(text.ptr, ':', text.len)) {
			err_set(e, RC_USAGE, "\"%.*s\" is not an identity", SV_ARG(text));
			err_remedy(e, "write it as type:value, for example user:4711");
			return RC_USAGE;
		}
		persons[i] = hash64(text.ptr, text.len);
	}
	return RC_OK;
}

// The values of all identities that are known of the persons, those that were given first.
static enum rc known_values(struct cli *cli, struct store *store, const uint64_t *persons, struct sv **values,
	uint32_t *n, struct err *e)
{
	struct snapshot *sn = NULL;
	void *items = NULL;
	size_t capacity = 0, m = 0;
	enum rc rc = snapshot_open(store, &sn, e);
	for (uint32_t i = 0; rc == RC_OK && i < cli->args.n_operands; i++) {
		struct sv *list = NULL;
		uint32_t n_list = 0;
		rc = snapshot_identities(sn, persons[i], cli->arena, &list, &n_list, e);
		if (rc == RC_OK && mem_grow(&items, &capacity, m + n_list + 1, sizeof(struct sv)) != 0)
			rc = err_set(e, RC_NOMEM, "out of memory for the identities");
		for (uint32_t k = 0; rc == RC_OK && k <= n_list; k++) {
			struct sv *value = (struct sv *)items + m++;
			sv_cut(k ? list[k - 1] : sv_from(cli->args.operands[i]), ':', value);
		}
	}
	*values = rc == RC_OK ? arena_array(cli->arena, m, sizeof(**values)) : NULL;
	if (*values)
		memcpy(*values, items, m * sizeof(**values));
	else if (rc == RC_OK)
		rc = err_set(e, RC_NOMEM, "out of memory for the identities");
	*n = (uint32_t)m;
	mem_free(items);
	snapshot_close(&sn);
	return rc;
}

// The quarantine first: if that is all that was done, the same command again finds the same identities.
static enum rc erase_quarantine(struct cli *cli, struct store *store, const uint64_t *persons,
	struct quarantine_named *named, struct err *e)
{
	struct sv *values;
	uint32_t n;
	enum rc rc = known_values(cli, store, persons, &values, &n, e);
	return rc == RC_OK ? quarantine_erase(store, values, n, named, e) : rc;
}

// Both at once in one receipt.
static enum rc erase(struct cli *cli, struct store *store, const struct interaction_name *names, uint32_t n,
	struct quarantine_named *named, struct overlay_receipt *out, struct err *e)
{
	uint64_t *persons = arena_array(cli->arena, cli->args.n_operands + 1, sizeof(*persons));
	if (!persons)
		return err_set(e, RC_NOMEM, "out of memory for the persons");
	enum rc rc = parse_persons(cli, persons, e);
	if (rc == RC_OK && n)
		return store_erase_interactions(store, names, n, cli_who(cli), cli->arena, out, e);
	if (rc == RC_OK && !args_flag(&cli->args, "keep-quarantine"))
		rc = erase_quarantine(cli, store, persons, named, e);
	if (rc == RC_OK)
		rc = store_erase_persons(
			store, persons, cli->args.n_operands, cli_who(cli), cli->arena, out, e);
	return rc;
}

static enum rc run(struct cli *cli, struct err *e)
{
	struct store *store = NULL;
	struct overlay_receipt receipt = {0};
	struct interaction_name names[INTERACTIONS_MAX];
	uint32_t n = 0;
	bool now = args_flag(&cli->args, "now");
	struct quarantine_named named = {0};
	enum rc rc = parse_interactions(cli, names, &n, e);
	if (rc == RC_OK && (n > 0) == (cli->args.n_operands > 0)) {
		err_set(e, RC_USAGE, "name either persons or single interactions");
		err_remedy(e, "corridor erase user:4711, or corridor erase --interaction shop/order-4711");
		return RC_USAGE;
	}
	if (rc == RC_OK)
		rc = cli_store_open(cli, false, &store, e);
	if (rc == RC_OK)
		rc = erase(cli, store, names, n, &named, &receipt, e);
	struct progress *progress = rc == RC_OK && now ? progress_new("erase", 0, "rows", cli->quiet) : NULL;
	if (rc == RC_OK && now)
		rc = store_compact(store, 0, progress, e);
	progress_finish(&progress);
	store_close(&store);
	const struct receipt_more more = {.quarantine = n ? NULL : &named};
	return rc == RC_OK ? overlay_receipt_put(cli, "erased", &receipt, now, &more, e) : rc;
}

static const struct option options[] = {
	{.name = "interaction",
		.letter = 'i',
		.type = OPTION_TEXT,
		.value = "SOURCE/ID",
		.repeated = true,
		.help = "a single interaction, by its source and message id"},
	{.name = "keep-quarantine",
		.type = OPTION_FLAG,
		.help = "leave the rows in quarantine that name the persons"},
	{.name = "now", .type = OPTION_FLAG, .help = "write the segments anew at once"},
	OPTION_RECEIPT_FORMAT,
};

const struct command command_erase = {
	.name = "erase",
	.group = "Persons",
	.summary = "erase persons or single interactions",
	.about =
		"Erases everything that is stored of the persons who have these identities, and of all who are "
		"linked to them, up to this moment. Queries no longer show it as soon as the command has "
		"ended; "
		"the bytes go when segments are merged, by themselves within the hour while something is "
		"writing, or at once with --now. What arrives later is new. What stays is the hash of each "
		"message id, so that the same message cannot come in again, and the journal's entry, without "
		"names. Rows in quarantine go too if one of the persons' identities stands in them as a whole "
		"word (of at least 4 characters; shorter ones are counted only). Backups are not touched.",
	.operands = "IDENTITY…",
	.max_operands = UINT32_MAX,
	.options = options,
	.n_options = sizeof(options) / sizeof(options[0]),
	.examples = "corridor erase user:4711 --data tidewater\n"
		    "corridor erase --interaction shop/order-17 --now --data tidewater",
	.run = run,
};
