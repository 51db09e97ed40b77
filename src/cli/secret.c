// SPDX-License-Identifier: Apache-2.0
// Reading passwords: never from the command line, which every user of the machine can see.
#include "cli/secret.h"

#include "base/tz.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum rc cli_access_open(struct cli *cli, struct access **out, struct access_actor *by, struct err *e)
{
	const char *dir;
	*out = NULL;
	*by = (struct access_actor){.who = cli_who(cli), .rights = RIGHTS_ALL};
	enum rc rc = cli_data_dir(cli, &dir, e);
	return rc == RC_OK ? access_open(dir, NULL, out, e) : rc;
}

struct sv cli_time_utc(struct cli *cli, int64_t ms)
{
	enum { DAY_S = 86400 };
	int64_t year, days = ms / 1000 / DAY_S, seconds = ms / 1000 % DAY_S;
	unsigned month, day;
	if (ms <= 0)
		return SV_NONE;
	civil_from_days(days, &year, &month, &day);
	return arena_printf(cli->arena, "%04d-%02u-%02uT%02d:%02d:%02dZ", (int)year, month, day,
		(int)(seconds / 3600), (int)(seconds / 60 % 60), (int)(seconds % 60));
}

// One line without its end. Byte by byte: what comes after it is somebody else's.
static enum rc read_line(struct cli *cli, int fd, char *out, size_t size, struct err *e)
{
	size_t len = 0;
	for (;;) {
		char c;
		ssize_t n = read(fd, &c, 1);
		if (n < 0 && errno == EINTR && !cli_interrupted(cli))
			continue;
		if (n < 0 && errno == EINTR)
			return err_set(e, RC_CANCELLED, "interrupted");
		if (n < 0)
			return err_errno(e, RC_IO, errno, "cannot read the password");
		if (n == 0 || c == '\n')
			break;
		if (len + 1 >= size)
			return err_set(e, RC_INPUT, "the password is longer than %zu bytes", size - 1);
		out[len++] = c;
	}
	if (len && out[len - 1] == '\r')
		len--;
	out[len] = '\0';
	return len ? RC_OK : err_set(e, RC_INPUT, "the password is empty");
}

static enum rc type_once(struct cli *cli, int fd, const char *prompt, char *out, size_t size, struct err *e)
{
	struct termios before, silent;
	if (tcgetattr(fd, &before) != 0)
		return err_errno(e, RC_IO, errno, "cannot hide what is typed");
	silent = before;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	fprintf(cli->env->err, "%s: ", prompt);
	fflush(cli->env->err);
	if (tcsetattr(fd, TCSAFLUSH, &silent) != 0)
		return err_errno(e, RC_IO, errno, "cannot hide what is typed");
	enum rc rc = read_line(cli, fd, out, size, e);
	tcsetattr(fd, TCSAFLUSH, &before);
	fputc('\n', cli->env->err);
	return rc;
}

static enum rc type_twice(struct cli *cli, int fd, const char *prompt, char *out, size_t size, struct err *e)
{
	char again[ACCESS_PASSWORD_MAX + 2];
	enum rc rc = type_once(cli, fd, prompt, out, size, e);
	if (rc == RC_OK)
		rc = type_once(cli, fd, "Once more", again, sizeof(again), e);
	if (rc == RC_OK && strcmp(out, again) != 0)
		rc = err_set(e, RC_INPUT, "the two are not the same; nothing was changed");
	explicit_bzero(again, sizeof(again));
	return rc;
}

enum rc cli_read_secret(
	struct cli *cli, const char *path, const char *prompt, char *out, size_t size, struct err *e)
{
	int in = fileno(cli->env->in);
	if (!path && isatty(in))
		return type_twice(cli, in, prompt, out, size, e);
	if (!path || strcmp(path, "-") == 0)
		return read_line(cli, in, out, size, e);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, errno == ENOENT ? RC_NOT_FOUND : RC_IO, errno, "cannot open %s", path);
	enum rc rc = read_line(cli, fd, out, size, e);
	close(fd);
	return rc;
}
