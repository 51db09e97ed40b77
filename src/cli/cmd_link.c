// SPDX-License-Identifier: Apache-2.0
// corridor link, corridor unlink: two identities that are one person.
#include "cli/commands.h"
#include "cli/overlay_receipt.h"

// --- many, from a file ---

struct listed {
	struct person_link *links;
	uint32_t *lines;
	uint32_t n;
};

// One link: two identities with a tab between them, or else a comma.
static bool parse_line(struct sv line, struct person_link *out)
{
	struct sv to;
	struct sv from = sv_cut(line, memchr(line.ptr, '\t', line.len) ? '\t' : ',', &to);
	*out = (struct person_link){sv_trim(from), to.ptr ? sv_trim(to) : SV_NONE};
	return memchr(out->from.ptr, ':', out->from.len) && to.ptr && memchr(out->to.ptr, ':', out->to.len);
}

static enum rc parse_file(struct cli *cli, const char *file, struct sv text, struct listed *out, struct err *e)
{
	size_t n_lines = 1;
	for (size_t i = 0; i < text.len; i++)
		n_lines += text.ptr[i] == '\n';
	out->links = arena_array(cli->arena, n_lines, sizeof(*out->links));
	out->lines = arena_array(cli->arena, n_lines, sizeof(*out->lines));
	if (!out->links || !out->lines)
		return err_set(e, RC_NOMEM, "out of memory for the links of %s", file);
	uint32_t number = 0;
	while (text.ptr && text.len) {
		struct sv line = sv_trim(sv_cut(text, '\n', &text));
		number++;
		if (line.len == 0 || line.ptr[0] == '#')
			continue;
		if (!parse_line(line, &out->links[out->n])) {
			err_set(e, RC_INPUT, "this is not two identities");
			err_place(e, file, number, 1);
			err_remedy(e, "write FROM and TO with a tab or a comma between them: "
				      "anonymous:8f3a,user:4711");
			return RC_INPUT;
		}
		out->lines[out->n++] = number;
	}
	return RC_OK;
}

static enum rc tell_outcomes(struct cli *cli, const struct listed *listed, const enum link_outcome *outcomes,
	struct receipt_links *out, struct err *e)
{
	struct left_out *list = arena_array(cli->arena, listed->n + 1, sizeof(*list));
	if (!list)
		return err_set(e, RC_NOMEM, "out of memory for the receipt");
	*out = (struct receipt_links){.left_out = list};
	for (uint32_t i = 0; i < listed->n; i++) {
		struct err why = ERR_NONE;
		out->n_known += outcomes[i] == LINK_KNOWN;
		if (link_outcome_rc(outcomes[i], &listed->links[i], &why) == RC_OK)
			continue;
		struct left_out *x = &list[out->n_left_out++];
		*x = (struct left_out){listed->lines[i], arena_copy(cli->arena, sv_from(why.message))};
		if (!x->reason.ptr)
			return err_set(e, RC_NOMEM, "out of memory for the receipt");
	}
	return RC_OK;
}

static enum rc link_file(struct cli *cli, const char *file, struct err *e)
{
	struct store *store = NULL;
	struct sv text;
	struct listed listed = {0};
	struct overlay_receipt receipt = {0};
	struct receipt_links links = {0};
	enum link_outcome *outcomes = NULL;
	enum rc rc = cli_read_file(cli, file, &text, e);
	if (rc == RC_OK)
		rc = parse_file(cli, file, text, &listed, e);
	if (rc == RC_OK && !(outcomes = arena_array(cli->arena, listed.n + 1, sizeof(*outcomes))))
		rc = err_set(e, RC_NOMEM, "out of memory for the links of %s", file);
	if (rc == RC_OK)
		rc = cli_store_open(cli, false, &store, e);
	const struct linking linking = {listed.links, listed.n, cli_who(cli), outcomes};
	if (rc == RC_OK)
		rc = store_link_all(store, &linking, cli->arena, &receipt, e);
	store_close(&store);
	if (rc == RC_OK)
		rc = tell_outcomes(cli, &listed, outcomes, &links, e);
	const struct receipt_more more = {.links = &links};
	return rc == RC_OK ? overlay_receipt_put(cli, "linked", &receipt, false, &more, e) : rc;
}

// --- one ---

static enum rc run(struct cli *cli, bool undo, struct err *e)
{
	struct store *store = NULL;
	struct overlay_receipt receipt = {0};
	struct sv from = sv_from(cli->args.operands[0]);
	enum rc rc = cli_store_open(cli, false, &store, e);
	if (rc == RC_OK)
		rc = undo ? store_unlink(store, from, cli_who(cli), cli->arena, &receipt, e)
			  : store_link(store, from, sv_from(cli->args.operands[1]), cli_who(cli), cli->arena,
				    &receipt, e);
	store_close(&store);
	return rc == RC_OK ? overlay_receipt_put(cli, undo ? "unlinked" : "linked", &receipt, false, NULL, e)
			   : rc;
}

static enum rc run_link(struct cli *cli, struct err *e)
{
	const char *file = args_text(&cli->args, "file");
	if (file && cli->args.n_operands == 0)
		return link_file(cli, file, e);
	if (!file && cli->args.n_operands == 2)
		return run(cli, false, e);
	err_set(e, RC_USAGE, "name two identities, or a file of them");
	err_remedy(e, "corridor link anonymous:8f3a user:4711, or corridor link --file links.csv");
	return RC_USAGE;
}

static enum rc run_unlink(struct cli *cli, struct err *e)
{
	return run(cli, true, e);
}

static const struct option link_options[] = {
	{.name = "file",
		.letter = 'f',
		.type = OPTION_FILE,
		.value = "FILE",
		.help = "many links: a line each, FROM and TO with a tab or a comma between them; \"-\" is "
			"standard input"},
	OPTION_RECEIPT_FORMAT,
};
static const struct option unlink_options[] = {
	OPTION_RECEIPT_FORMAT,
};

const struct command command_link = {
	.name = "link",
	.group = "Persons",
	.summary = "two identities are one person: the first's interactions belong to the second",
	.about =
		"From now on all interactions of FROM, those that are stored and those that arrive later, are "
		"part of the journey of TO. Links make chains. Nothing is lost by it: corridor unlink gives "
		"both their own history back. The links of a file are made in its order and all at once; those "
		"that are not possible are left out and told with their lines. Empty lines and lines that "
		"begin "
		"with # are passed over.",
	.operands = "[FROM TO]",
	.max_operands = 2,
	.options = link_options,
	.n_options = sizeof(link_options) / sizeof(link_options[0]),
	.examples = "corridor link anonymous:8f3a user:4711 --data tidewater\n"
		    "corridor link --file same-person.csv --data tidewater",
	.run = run_link,
};

const struct command command_unlink = {
	.name = "unlink",
	.group = "Persons",
	.summary = "undo a link: the identity is a person of its own again",
	.about = "The interactions of the identity, and of those who were linked to it, are its own again, as "
		 "if "
		 "it had never been linked.",
	.operands = "IDENTITY",
	.min_operands = 1,
	.max_operands = 1,
	.options = unlink_options,
	.n_options = 1,
	.examples = "corridor unlink anonymous:8f3a --data tidewater",
	.run = run_unlink,
};
