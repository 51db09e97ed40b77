// SPDX-License-Identifier: Apache-2.0
// Messages for the person at the terminal, on standard error.
#include "cli/look.h"

#include <stdarg.h>

void message_error(const struct cli *cli, const struct err *e)
{
	const struct look *look = &cli->err_look;
	FILE *err = cli->env->err;
	fprintf(err, "%scorridor: error:%s ", ink_on(look, INK_BAD), ink_off(look));
	if (e->file[0]) {
		fprintf(err, "%s", e->file);
		if (e->line)
			fprintf(err, ":%u", e->line);
		if (e->line && e->column)
			fprintf(err, ":%u", e->column);
		fprintf(err, ": ");
	}
	fprintf(err, "%s\n", e->message[0] ? e->message : rc_info(e->rc)->meaning);
	if (e->remedy[0])
		fprintf(err, "  %sremedy:%s %s\n", ink_on(look, INK_GOOD), ink_off(look), e->remedy);
}

void message_warning(const struct cli *cli, const char *format, ...)
{
	const struct look *look = &cli->err_look;
	va_list args;
	va_start(args, format);
	fprintf(cli->env->err, "%scorridor: note:%s ", ink_on(look, INK_WARN), ink_off(look));
	vfprintf(cli->env->err, format, args);
	fputc('\n', cli->env->err);
	va_end(args);
}

// A tab takes one column here, so that the caret stands where the column counts.
void message_caret(struct buf *out, const struct look *look, struct sv text, uint32_t line, uint32_t column)
{
	struct sv rest = text, one = SV_NONE;
	for (uint32_t i = 0; i < line && rest.ptr; i++)
		one = sv_cut(rest, '\n', &rest);
	if (line == 0 || !one.ptr)
		return;
	struct sv head = {one.ptr, column && column <= one.len ? column - 1 : 0};
	char number[16];
	int n = snprintf(number, sizeof(number), "%u", line);
	unsigned gutter = n > 5 ? (unsigned)n : 5;
	text_blanks(out, gutter - (unsigned)n);
	buf_printf(out, "%s%s |%s ", ink_on(look, INK_DIM), number, ink_off(look));
	text_put(out, look, one, look->width > gutter + 4 ? look->width - gutter - 4 : 200, false);
	buf_char(out, '\n');
	if (column == 0)
		return;
	text_blanks(out, gutter + 1);
	buf_printf(out, "%s|%s ", ink_on(look, INK_DIM), ink_off(look));
	text_blanks(out, text_width(head));
	ink_put(out, look, INK_BAD, SV("^"));
	buf_char(out, '\n');
}
