# SPDX-License-Identifier: Apache-2.0
"""ClickHouse's published cases of sequenceMatch and sequenceCount."""
import csv
import json
import os

from kit import check, corridor, data_file, end, import_report, new_data_dir, one

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
times: unix
interactions:
  event: "{event}"
  id: "{id}"
  customer: {user: "{user}"}
  at: "{at}"
"""

vectors = json.load(open(data_file("vectors", "sequences.json"), encoding="utf-8"))
data = new_data_dir()
folder = os.path.dirname(data)
for name, text in (("corridor.yaml", CORRIDOR), ("mapping.yaml", MAPPING)):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
        f.write(text)
with open(os.path.join(folder, "log.csv"), "w", encoding="utf-8", newline="") as f:
    out = csv.writer(f)
    out.writerow(["id", "at", "event", "user"])
    for i, (at, event) in enumerate(vectors["events"]):
        out.writerow([i, 1700000000 + at, f"e{event}", "u"])
corridor("init", "--design", os.path.join(folder, "corridor.yaml"), data=data)
report = import_report(data, os.path.join(folder, "mapping.yaml"), os.path.join(folder, "log.csv"))["files"][0]
check("interactions", report["interactions"], len(vectors["events"]))

passed, total = 0, 0
for kind, column, count in (("match", "persons", "persons"), ("count", "matches", "matches")):
    for pattern, wanted in vectors[kind].items():
        events = [w for i in range(4) for w in ("--event", f"event = e{i}")]
        got = one("sequence", "--pattern", pattern, *events, "--count", count, data=data)[column]
        check(f"{kind} {pattern}", got, wanted)
        passed += got == wanted
        total += 1
print(f"{passed} of {total} patterns")
end()
