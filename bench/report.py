# SPDX-License-Identifier: Apache-2.0
"""The numbers of a run as text: a table for the terminal, tables for docs/benchmarks.md."""
import math
import statistics

from engines import ENGINES
from questions import QUESTIONS

TITLES = {q.name: q.title for q in QUESTIONS}
BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"
median = statistics.median


def number(x):
    """Three digits that matter."""
    if x >= 1000:
        return f"{x:,.0f}"
    return f"{x:.0f}" if x >= 100 else f"{x:.1f}" if x >= 10 else f"{x:.2f}"


def rows_text(n):
    return f"{n // 10**6} M" if n % 10**6 == 0 else f"{n:,}"


def peers_of(size):
    return [name for name in ENGINES if name in size["loads"] and name != "corridor"]


def geometric_mean(values):
    return math.exp(statistics.fmean(math.log(v) for v in values)) if values else math.nan


def ratios(size, peer):
    """Question → how many times as long the peer takes."""
    return {name: median(q[peer]) / median(q["corridor"]) for name, q in size.get("queries", {}).items()}


def share_of_memory(size, question):
    """Bytes per second of a question's columns as a share of what two threads can read."""
    q = size["queries"][question]
    return q["bytes"] / (median(q["corridor"]) / 1000) / size["bandwidth"][2]


def grid(head, body, markdown=False):
    """Rows of text as a table, first column to the left, the others to the right."""
    if markdown:
        lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
        return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in body])
    widths = [max(len(row[i]) for row in [head] + body) for i in range(len(head))]
    align = lambda row: "  ".join([row[0].ljust(widths[0])] + [c.rjust(w) for c, w in zip(row[1:], widths[1:])])
    return "\n".join([align(head), "  ".join("-" * w for w in widths)] + [align(row) for row in body])


def queries_table(size, markdown):
    peers = peers_of(size)
    head = ["ms"] + ["Corridor"] + [h for p in peers for h in (ENGINES[p].title, "×")]
    head += ["1 thread", "process", "memory speed", "memory, MiB"]
    body = []
    for name, q in size["queries"].items():
        cell = lambda t: f"{number(median(t))} ({number(min(t))}–{number(max(t))})" if markdown else number(median(t))
        row = [f"`{name}`: {TITLES[name]}" if markdown else name, cell(q["corridor"])]
        for p in peers:
            row += [cell(q[p]), f"{ratios(size, p)[name]:.1f}"]
        row += [number(median(q["corridor-1"])), number(median(q["corridor-process"])),
                f"{share_of_memory(size, name):.0%}", number(q["memory_kib"] / 1024)]
        body.append(row)
    if body:
        mean = ["geometric mean of ratios", ""]
        for p in peers:
            mean += ["", f"{geometric_mean(list(ratios(size, p).values())):.1f}"]
        body.append(mean + [""] * 4)
    if "journey" in size:
        j = size["journey"]
        for q in ("p50", "p99"):
            row = [f"`journey`: one customer, {q}" if markdown else f"journey {q}", f"{j['corridor'][q]:.4f}"]
            for p in peers:
                row += [f"{j[p][q]:.2f}", f"{j[p][q] / j['corridor'][q]:,.0f}"]
            body.append(row + ["", number(j["corridor-process"][q]), "", ""])
            body.append([f"the same again as a story in process, {q}", f"{j['corridor-story'][q]:.4f}"] +
                        [""] * (2 * len(peers) + 4))
    return grid(head, body, markdown)


def load_table(size, markdown):
    names = ["corridor"] + peers_of(size)
    loads, n = size["loads"], size["n"]
    body = [["load to a sorted store, s"] + [number(loads[e]["seconds"]) for e in names],
            ["rows/s"] + [number(n / loads[e]["seconds"]) for e in names],
            ["rows/s to sealed segments, before they are merged to one"] +
            [number(n / loads[e]["import_seconds"]) if "import_seconds" in loads[e] else "" for e in names],
            ["peak memory, MiB"] + [number(loads[e]["peak_mib"]) for e in names],
            ["on disk, bytes per interaction"] + [f"{loads[e]['disk_bytes'] / n:.1f}" for e in names]]
    return grid([""] + [ENGINES[e].title for e in names], body, markdown)


def curve_table(sizes, markdown):
    names = ["corridor"] + peers_of(sizes[0])
    body = []
    for question in sizes[0].get("queries", {}):
        for e in names:
            row = [f"`{question}`, {ENGINES[e].title}" if markdown else f"{question}, {ENGINES[e].title}"]
            row += [number(median(s["queries"][question][e])) if e in s["queries"][question] else "" for s in sizes]
            body.append(row)
    return grid(["ms"] + [rows_text(s["n"]) for s in sizes], body, markdown)


def facts(size):
    """Lines of what is measured besides."""
    lines = []
    made = size["simulate"]
    lines.append(f"simulate: {number(made['interactions'] / made['seconds'])} interactions/s "
                 f"({made['interactions']:,} in {made['seconds']:.1f} s)")
    if "open" in size:
        lines.append(f"opening the data directory: {size['open']['open_ms']:.1f} ms, "
                     f"{size['open']['segments']} segments")
    if "bandwidth" in size:
        lines.append(f"reading memory: {size['bandwidth'][1] / 1e9:.1f} GB/s on one thread, "
                     f"{size['bandwidth'][2] / 1e9:.1f} GB/s on two")
    if size.get("queries"):
        gain = geometric_mean([median(q["corridor-1"]) / median(q["corridor"]) for q in size["queries"].values()])
        lines.append(f"two threads: {gain:.2f} times one (geometric mean)")
    return lines


def terminal(result):
    out = []
    for size in result["sizes"]:
        out += ["", f"{size['n']:,} interactions, {result['rounds']} rounds, medians, {result['threads']} threads", "",
                queries_table(size, False), "", load_table(size, False), ""] + facts(size)
    if len(result["sizes"]) > 1:
        out += ["", curve_table(result["sizes"], False)]
    return "\n".join(out)


def markdown(result):
    m, out = result["machine"], []
    versions = result["sizes"][-1].get("versions", {})
    out.append(f"{m['date']}, {m['processors']} processors ({m['processor']}), {m['memory_gib']} GiB, "
               + ", ".join(f"{ENGINES[e].title} {v}" for e, v in versions.items())
               + f". {result['rounds']} rounds, {result['threads']} threads. Trust the ratios more than the milliseconds.")
    out += ["", "![Time to an answer by question and engine](pictures/bench.svg)"]
    if len(result["sizes"]) > 1:
        out += ["", "![Time by number of interactions](pictures/bench-curve.svg)"]
    for size in reversed(result["sizes"]):
        out += ["", f"### {rows_text(size['n'])} interactions", "", queries_table(size, True), "", load_table(size, True), ""]
        out += [f"- {line}" for line in facts(size)]
    if len(result["sizes"]) > 1:
        out += ["", "### Cost by size", "", curve_table(result["sizes"], True)]
    return "\n".join(out)


def into_docs(result, path):
    with open(path, encoding="utf-8") as f:
        text = f.read()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    text = f"{before}{BEGIN}\n{markdown(result)}\n{END}{after}"
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
