# SPDX-License-Identifier: Apache-2.0
"""PostHog's published path graphs, and the variants, transitions and throughput times of the patients' log."""
import csv
import json
import os

from kit import check, corridor, data_file, end, import_report, new_data_dir, query

CORRIDOR = """corridor: 1
brand: Vectors
timezone: UTC
currency: EUR
stages: [all]
channels: {web: digital}
touchpoints: {other: {stage: all, match: [{event: "(nothing)"}]}}
"""
MAPPING = """mapping: 1
source: vectors
format: csv
timezone: UTC
times: %s
interactions:
  event: "{event}"
  id: "{id}"
  customer: {user: "{user}"}
  at: "{at}"
"""


def load(rows, times):
    """A data directory of (at, event, user) rows."""
    data = new_data_dir()
    folder = os.path.dirname(data)
    for name, text in (("corridor.yaml", CORRIDOR), ("mapping.yaml", MAPPING % times)):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
            f.write(text)
    with open(os.path.join(folder, "log.csv"), "w", encoding="utf-8", newline="") as f:
        out = csv.writer(f)
        out.writerow(["id", "at", "event", "user"])
        out.writerows([i, *row] for i, row in enumerate(rows))
    corridor("init", "--design", os.path.join(folder, "corridor.yaml"), data=data)
    report = import_report(data, os.path.join(folder, "mapping.yaml"), os.path.join(folder, "log.csv"))["files"][0]
    check("interactions", report["interactions"], len(rows))
    return data


# --- path graphs ---

vectors = json.load(open(data_file("vectors", "retention_lifecycle_paths.json"), encoding="utf-8"))["paths"]
for vector in vectors:
    data = load([(1700000000 + 60 * i, event, user) for user, events in vector["events"].items()
                 for i, event in enumerate(events)], "unix")
    rows = query("paths", "--of", "event", "--form", "edges", data=data)
    got = sorted([f"{int(r['step'])}_{r['from']}", f"{int(r['step']) + 1}_{r['to']}", r["n"]]
                 for r in rows if r["to"] != "(end)")
    check(vector["id"], got, sorted(vector["expect"]))

# --- the patients' log ---

reference = json.load(open(data_file("patients", "reference.json"), encoding="utf-8"))
with open(data_file("patients", "patients_full.csv"), newline="", encoding="utf-8") as f:
    log = sorted(csv.DictReader(f), key=lambda r: int(r[".order"]))
for kind in ("start", "complete"):
    wanted = reference[f"patients_{kind}"]
    data = load([(r["time"], r["handling"], r["patient"]) for r in log if r["registration_type"] == kind],
                "yyyy-MM-dd HH:mm:ss")
    options = ("--of", "event", "--gap", "none", "--repeats", "keep", "--form", "variants", "--top", "0")
    rows = query("paths", *options, data=data)
    check(f"{kind}: variants", len(rows), wanted["variants"])
    check(f"{kind}: cases", sum(r["n"] for r in rows), wanted["cases"])
    for sequence, n in wanted["top"]:
        found = [r["n"] for r in rows if r["path"] == " → ".join(sequence)]
        check(f"{kind}: {sequence}", found, [n])
    check(f"{kind}: mean throughput", sum(r["n"] * r["mean_duration"] for r in rows) / wanted["cases"],
          wanted["mean_s"], 0.01)
    # All steps have the same source, so every case is the same variant.
    whole = query("paths", "--of", "source", "--gap", "none", "--form", "variants", "--quantiles", data=data)
    check(f"{kind}: median throughput", [r["p50_duration"] for r in whole], [wanted["median_s"]])
    flow = query("flow", "--of", "event", "--top", "0", data=data)
    for a, b, n in wanted["dfg_top"]:
        check(f"{kind}: {a} → {b}", [r["n"] for r in flow if (r["from"], r["to"]) == (a, b)], [n])
end()
