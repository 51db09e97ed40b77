# SPDX-License-Identifier: Apache-2.0
"""Charts of a run as SVG, on light and dark paper: bench.svg compares the engines at the largest size, bench-curve.svg
shows what each question costs from the smallest size to the largest. `chart.py RESULT.json FOLDER` draws them anew."""
import json
import math
import os
import sys

from engines import ENGINES
from report import TITLES, geometric_mean, median, number, peers_of, ratios, rows_text

FONT = 13
CHARACTER = 7.1  # width of one at that size, generously
STYLE = """
svg{font:%dpx system-ui,-apple-system,"Segoe UI","DejaVu Sans",sans-serif}
.paper{fill:#fff}text{fill:#1f2933}.quiet{fill:#5f6b7a}.strong{font-weight:600}.title{font-size:17px;font-weight:600}
.grid{stroke:#dfe4ea;stroke-width:1}
.corridor{fill:#0a6ebd}.duckdb{fill:#d9a300}.clickhouse{fill:#d2562b}.clickhouse18{fill:#98a2ae}
.line{fill:none;stroke-width:2}.line.corridor{stroke:#0a6ebd;fill:none}.line.duckdb{stroke:#d9a300;fill:none}
.line.clickhouse{stroke:#d2562b;fill:none}.line.clickhouse18{stroke:#98a2ae;fill:none}
@media (prefers-color-scheme:dark){.paper{fill:#14181d}text{fill:#e6eaee}.quiet{fill:#9aa6b2}.grid{stroke:#2b333c}
.corridor{fill:#4aa8f0}.duckdb{fill:#e8bd3a}.clickhouse{fill:#ea7a52}.clickhouse18{fill:#7d8894}
.line.corridor{stroke:#4aa8f0}.line.duckdb{stroke:#e8bd3a}.line.clickhouse{stroke:#ea7a52}.line.clickhouse18{stroke:#7d8894}}
""" % FONT


def escape(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def text(x, y, s, css="", anchor="start"):
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{css}" text-anchor="{anchor}">{escape(s)}</text>'


def document(width, height, title, parts):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
            f'height="{height:.0f}" role="img" aria-label="{escape(title)}"><style>{STYLE}</style>'
            f'<rect class="paper" width="100%" height="100%"/>' + "\n".join(parts) + "</svg>\n")


class Scale:
    """A logarithmic axis from whole powers of ten."""

    def __init__(self, values, start, end):
        self.low, self.high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)) + 1e-9)
        self.start, self.end = start, end

    def __call__(self, v):
        return self.start + (math.log10(v) - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self):
        return [10.0 ** e for e in range(self.low, self.high + 1)]


def duration(ms):
    return f"{ms / 1000:g} s" if ms >= 1000 else f"{ms:g} ms"


def legend(x, y, names):
    parts = []
    for name in names:
        parts += [f'<rect x="{x}" y="{y - 10}" width="12" height="12" rx="2" class="{name}"/>',
                  text(x + 18, y, ENGINES[name].title)]
        x += 18 + CHARACTER * len(ENGINES[name].title) + 26
    return parts


def bars(size):
    """One group of bars for each question, in milliseconds, with each peer's ratio to Corridor at its end."""
    names = ["corridor"] + peers_of(size)
    queries = size["queries"]
    left, right, bar, gap, top = 340, 110, 15, 16, 84
    width, group = 980, len(names) * bar + gap
    height = top + len(queries) * group + 58
    scale = Scale([median(q[e]) for q in queries.values() for e in names], left, width - right)
    title = f"{rows_text(size['n'])} interactions, 2 threads: time to an answer"
    parts = [text(20, 30, title, "title")] + legend(20, 58, names)
    bottom = top + len(queries) * group - gap + 6
    for tick in scale.ticks():
        parts += [f'<line class="grid" x1="{scale(tick):.1f}" x2="{scale(tick):.1f}" y1="{top - 6}" y2="{bottom}"/>',
                  text(scale(tick), bottom + 18, duration(tick), "quiet", "middle")]
    for i, (question, q) in enumerate(queries.items()):
        y = top + i * group
        middle = y + len(names) * bar / 2
        parts += [text(left - 14, middle - 2, question, "strong", "end"),
                  text(left - 14, middle + 15, TITLES[question], "quiet", "end")]
        for k, e in enumerate(names):
            ms = median(q[e])
            parts.append(f'<rect class="{e}" x="{left}" y="{y + k * bar}" width="{scale(ms) - left:.1f}" '
                         f'height="{bar - 2}" rx="2"/>')
            label = f"{number(ms)} ms" if e == "corridor" else f"× {number(ms / median(q['corridor']))}"
            parts.append(text(scale(ms) + 6, y + k * bar + 11, label, "strong" if e == "corridor" else "quiet"))
    means = ", ".join(f"{ENGINES[p].title} × {number(geometric_mean(list(ratios(size, p).values())))}" for p in names[1:])
    if means:
        parts.append(text(20, height - 12, f"Geometric means: {means}. × is how many times as long as Corridor. "
                          "Logarithmic scale.", "quiet"))
    return document(width, height, title, parts)


def curves(sizes):
    """Small multiples: milliseconds by number of interactions, both logarithmic."""
    names = ["corridor"] + peers_of(sizes[0])
    queries = [q for q in sizes[0]["queries"] if all(q in s["queries"] for s in sizes)]
    columns, cell_w, cell_h, top, left = 3, 320, 220, 84, 20
    n_rows = math.ceil(len(queries) / columns)
    width, height = left + columns * cell_w + 10, top + n_rows * cell_h + 34
    title = "What a question costs as the data grows"
    parts = [text(20, 30, title, "title")] + legend(20, 58, names)
    values = [median(s["queries"][q][e]) for s in sizes for q in queries for e in names]
    for i, question in enumerate(queries):
        x0, y0 = left + i % columns * cell_w + 52, top + i // columns * cell_h + 26
        x1, y1 = x0 + cell_w - 86, y0 + cell_h - 74
        up = Scale(values, y1, y0)
        lows, highs = math.log(sizes[0]["n"]), math.log(sizes[-1]["n"])
        across = lambda n: x0 + (math.log(n) - lows) / (highs - lows) * (x1 - x0)
        parts.append(text(x0 - 44, y0 - 12, question, "strong"))
        for tick in up.ticks():
            parts += [f'<line class="grid" x1="{x0}" x2="{x1}" y1="{up(tick):.1f}" y2="{up(tick):.1f}"/>',
                      text(x0 - 8, up(tick) + 4, duration(tick), "quiet", "end")]
        for s in sizes:
            parts.append(text(across(s["n"]), y1 + 20, rows_text(s["n"]), "quiet", "middle"))
        for e in names:
            points = [(across(s["n"]), up(median(s["queries"][question][e]))) for s in sizes]
            parts.append(f'<polyline class="line {e}" points="' + " ".join(f"{x:.1f},{y:.1f}" for x, y in points) + '"/>')
            parts += [f'<circle class="{e}" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>' for x, y in points]
    parts.append(text(20, height - 12, "Median time by number of interactions; both axes logarithmic.", "quiet"))
    return document(width, height, title, parts)


def charts(result):
    """File name → SVG."""
    sizes = [s for s in result["sizes"] if s.get("queries")]
    out = {}
    if sizes:
        out["bench.svg"] = bars(sizes[-1])
    if len(sizes) > 1:
        out["bench-curve.svg"] = curves(sizes)
    return out


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as f:
        drawn = charts(json.load(f))
    for file_name, svg in drawn.items():
        with open(os.path.join(sys.argv[2], file_name), "w", encoding="utf-8") as f:
            f.write(svg)
