// SPDX-License-Identifier: Apache-2.0
// The progress line: "import [#########----------]  47%  1.2M rows  350k rows/s  0:12 left". Invariants: what
// is drawn is done / total as last reported, never more than the truth; one line, never wider than the
// terminal, cleared at the end. Rates are means since the start.
#include "base/progress.h"
#include "base/clock.h"
#include "base/mem.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 256, BAR_MAX = 40, REDRAW_NS = 100000000 };

struct progress {
	pthread_mutex_t lock;
	char label[48], unit[16];
	uint64_t total;
	bool draws;
	int64_t start_ns, drawn_ns;
	int drawn_columns; // to be cleared
};

struct progress *progress_new(const char *label, uint64_t total, const char *unit, bool quiet)
{
	struct progress *p = mem_calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	pthread_mutex_init(&p->lock, NULL);
	snprintf(p->label, sizeof(p->label), "%s", label);
	snprintf(p->unit, sizeof(p->unit), "%s", unit);
	p->total = total;
	p->draws = !quiet && isatty(STDERR_FILENO);
	p->start_ns = clock_system()->monotonic_ns(clock_system());
	return p;
}

static int terminal_columns(void)
{
	struct winsize size;
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
		return 80;
	return size.ws_col < LINE_MAX_BYTES - 1 ? size.ws_col : LINE_MAX_BYTES - 1;
}

char *progress_amount(double v, char *out, unsigned size)
{
	static const char suffix[] = " kMGTP";
	unsigned i = 0;
	while (v >= 999.5 && i < sizeof(suffix) - 2) {
		v /= 1000;
		i++;
	}
	if (i == 0)
		snprintf(out, size, "%.0f", v);
	else
		snprintf(out, size, v < 9.95 ? "%.1f%c" : "%.0f%c", v, suffix[i]);
	return out;
}

char *progress_duration(double seconds, char *out, unsigned size)
{
	uint64_t s = seconds < 0 ? 0 : seconds > 359999 ? 359999 : (uint64_t)(seconds + 0.5);
	if (s >= 3600)
		snprintf(out, size, "%u:%02u:%02u", (unsigned)(s / 3600), (unsigned)(s / 60 % 60),
			(unsigned)(s % 60));
	else
		snprintf(out, size, "%u:%02u", (unsigned)(s / 60), (unsigned)(s % 60));
	return out;
}

int progress_line(const char *label, const char *unit, uint64_t total, uint64_t done, uint64_t items,
	double elapsed_s, int columns, char *out, unsigned size)
{
	char tail[128], a[16], b[16], c[24];
	int n = 0;
	if (total) {
		double share = done >= total ? 1 : (double)done / (double)total;
		n = snprintf(tail, sizeof(tail), " %3u%%", (unsigned)(share * 100));
		if (done > 0 && elapsed_s > 0.5)
			snprintf(c, sizeof(c), "  %s left",
				progress_duration(elapsed_s / share - elapsed_s, a, sizeof(a)));
		else
			c[0] = '\0';
	} else {
		n = snprintf(tail, sizeof(tail), " %s %s", progress_amount((double)done, a, sizeof(a)), unit);
		snprintf(c, sizeof(c), "  %s", progress_duration(elapsed_s, a, sizeof(a)));
	}
	if (items && n > 0)
		n += snprintf(tail + n, sizeof(tail) - (size_t)n, "  %s rows  %s rows/s",
			progress_amount((double)items, a, sizeof(a)),
			progress_amount(elapsed_s > 0 ? (double)items / elapsed_s : 0, b, sizeof(b)));
	snprintf(tail + n, sizeof(tail) - (size_t)n, "%s", c);
	int left = columns - 1 - (int)strlen(label) - (int)strlen(tail) - 3;
	int width = left > BAR_MAX ? BAR_MAX : left;
	if (total && width >= 5) {
		char bar[BAR_MAX + 1];
		int filled = done >= total ? width : (int)((double)done / (double)total * width);
		memset(bar, '#', (size_t)filled);
		memset(bar + filled, '-', (size_t)(width - filled));
		bar[width] = '\0';
		n = snprintf(out, size, "%s [%s]%s", label, bar, tail);
	} else {
		n = snprintf(out, size, "%s%s", label, tail);
	}
	if (n > columns - 1)
		n = columns - 1;
	if (n >= (int)size)
		n = (int)size - 1;
	out[n] = '\0';
	return n;
}

// Writes the line over the one before.
static void draw(struct progress *p, const char *line, int columns)
{
	char out[2 * LINE_MAX_BYTES];
	int pad = p->drawn_columns > columns ? p->drawn_columns - columns : 0;
	int n = snprintf(out, sizeof(out), "\r%s%*s", line, pad, "");
	if (columns == 0 && n > 0 && (size_t)n + 1 < sizeof(out))
		out[n++] = '\r';
	p->drawn_columns = columns;
	// A terminal that cannot be written to is no reason to stop the work.
	if (n > 0 && write(STDERR_FILENO, out, (size_t)n) < 0)
		p->draws = false;
}

void progress_update(struct progress *p, uint64_t done, uint64_t items)
{
	if (!p || !p->draws)
		return;
	pthread_mutex_lock(&p->lock);
	int64_t now = clock_system()->monotonic_ns(clock_system());
	if (p->drawn_ns == 0 || now - p->drawn_ns >= REDRAW_NS) {
		char line[LINE_MAX_BYTES];
		int columns = progress_line(p->label, p->unit, p->total, done, items,
			(double)(now - p->start_ns) / 1e9, terminal_columns(), line, sizeof(line));
		draw(p, line, columns);
		p->drawn_ns = now;
	}
	pthread_mutex_unlock(&p->lock);
}

void progress_clear(struct progress *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	if (p->draws && p->drawn_columns > 0)
		draw(p, "", 0);
	pthread_mutex_unlock(&p->lock);
}

void progress_finish(struct progress **p)
{
	if (!*p)
		return;
	progress_clear(*p);
	pthread_mutex_destroy(&(*p)->lock);
	mem_free(*p);
	*p = NULL;
}
