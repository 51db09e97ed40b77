# SPDX-License-Identifier: Apache-2.0
"""PostHog's published retention triangles and lifecycle; the sessions of the web shop's click stream."""
import csv
import datetime
import json
import os

from kit import check, corridor, data_file, end, example, import_report, new_data_dir, query

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
interactions:
  event: "{event}"
  id: "{id}"
  customer: {user: "{user}"}
  at: {column: at, format: ISO}
"""


def load(rows):
    """A data directory of (at, event, user) rows."""
    data = new_data_dir()
    folder = os.path.dirname(data)
    for name, text in (("corridor.yaml", CORRIDOR), ("mapping.yaml", MAPPING)):
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


def day_of(vector, index):
    """Noon of the vector's bucket number index."""
    start = datetime.date.fromisoformat(vector["start"])
    if vector["period"] == "day":
        return f"{start + datetime.timedelta(index)}T12:00:00Z"
    month = start.month - 1 + index
    return f"{start.year + month // 12}-{month % 12 + 1:02d}-{start.day:02d}T12:00:00Z"


vectors = json.load(open(data_file("vectors", "retention_lifecycle_paths.json"), encoding="utf-8"))

# The intervals go on after the last interaction of a vector: somebody is seen in the last one who starts nothing.
for vector in vectors["retention"]:
    person = {alias: p for p, aliases in vector["identities"].items() for alias in aliases}
    last = vector["intervals"] - 1
    data = load([(day_of(vector, i), "seen", person.get(user, user)) for user, i in vector["events"]]
                + [(day_of(vector, last), "other", "witness")])
    rows = query("retention", "--bucket", vector["period"], "--cohort", "recurring", "--start", "event = seen",
                 "--return", "event = seen", data=data)
    triangle = {}
    for r in rows:
        triangle.setdefault(r["cohort"], []).append(r["returned"])
    check(vector["id"], list(triangle.values()), vector["expect"])

vector = json.load(open(data_file("vectors", "retention_lifecycle_paths.json"), encoding="utf-8"))["lifecycle"]
data = load([(f"{day}T12:00:00Z", "seen", user) for user, days in vector["events"].items() for day in days])
rows = query("lifecycle", "--bucket", "day", "--from", vector["date_from"], "--to", vector["date_to"], data=data)
for state, wanted in vector["expect"].items():
    check(f"{vector['id']} {state}", [r[state] for r in rows], [abs(n) for n in wanted])
for r in rows:
    check("active adds up", r["active"], r["new"] + r["returning"] + r["resurrecting"])

path = data_file("ecom", "ecom.csv.gz")
data = new_data_dir()
corridor("init", "--design", example("ecom", "corridor.yaml"), data=data)
import_report(data, example("ecom", "mapping.yaml"), path)
for count, total in (("sessions", 3605), ("interactions", 31106)):
    rows = query("frequency", "--count", count, data=data)
    check(f"users by {count}", sum(r["persons"] for r in rows), 600)
    check(count, sum(r["counted"] for r in rows), total)
end()
