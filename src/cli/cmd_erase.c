// SPDX-License-Identifier: Apache-2.0
// corridor erase: erases persons and single interactions.
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

// Either persons or single interactions.
static enum rc erase(struct cli *cli, struct store *store, const struct interaction_name *names, uint32_t n,
	struct quarantine_named *named, struct overlay_receipt *out, struct err *e)
{
	if (n)
		return store_erase_interactions(store, names, n, cli_who(cli), cli->arena, out, e);
	struct sv *identities = arena_array(cli->arena, cli->args.n_operands + 1, sizeof(*identities));
	if (!identities)
		return err_set(e, RC_NOMEM, "out of memory for the persons");
	for (uint32_t i = 0; i < cli->args.n_operands; i++)
		identities[i] = sv_from(cli->args.operands[i]);
	const struct persons_erasing x = {.identities = identities,
		.n = cli->args.n_operands,
		.keep_quarantine = args_flag(&cli->args, "keep-quarantine"),
		.who = cli_who(cli)};
	return persons_erase(store, &x, cli->arena, out, named, e);
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
		"word (of at least 4 characters; shorter ones are counted only). Backups are not touched. When "
		"one "
		"of the identities is nobody's, nobody is erased.",
	.operands = "IDENTITY…",
	.max_operands = UINT32_MAX,
	.options = options,
	.n_options = sizeof(options) / sizeof(options[0]),
	.examples = "corridor erase user:4711 --data tidewater\n"
		    "corridor erase --interaction shop/order-17 --now --data tidewater",
	.run = run,
};
