# SPDX-License-Identifier: Apache-2.0
"""The patients' log (eventdataR) as XES, written here with the standard library: traces, events, variants and times of
its note, from pairs of start and complete events; then out again as XES, read with the standard library and imported
anew, with the same answers."""
import csv
import gzip
import json
import os
import xml.etree.ElementTree as etree
from collections import Counter
from datetime import datetime
from statistics import median

from kit import check, corridor, data_file, end, example, import_report, new_data_dir, query

table = data_file("patients", "patients_full.csv")
reference = json.load(open(data_file("patients", "reference.json")))
folder = new_data_dir()
os.makedirs(folder)


def path(name):
    return os.path.join(folder, name)


def write(name, text):
    with open(path(name), "w", encoding="utf-8") as f:
        f.write(text)
    return path(name)


# --- the log, as a process-mining tool would write it ---

log = etree.Element("log", {"xes.version": "1849-2016", "xmlns": "http://www.xes-standard.org/"})
traces = {}
with open(table, newline="", encoding="utf-8") as f:
    for row in sorted(csv.DictReader(f), key=lambda r: int(r[".order"])):
        traces.setdefault(row["patient"], []).append(row)
for patient, rows in traces.items():
    trace = etree.SubElement(log, "trace")
    etree.SubElement(trace, "string", {"key": "concept:name", "value": patient})
    for row in rows:
        event = etree.SubElement(trace, "event")
        for key, column in (("concept:name", "handling"), ("concept:instance", "handling_id"),
                            ("org:resource", "employee"), ("lifecycle:transition", "registration_type")):
            etree.SubElement(event, "string", {"key": key, "value": row[column]})
        etree.SubElement(event, "date", {"key": "time:timestamp", "value": row["time"].replace(" ", "T") + "Z"})
with gzip.open(path("patients.xes.gz"), "wb") as f:
    etree.ElementTree(log).write(f, encoding="utf-8", xml_declaration=True)

# --- in ---

design, mapping = example("patients", "corridor.yaml"), example("patients", "mapping.yaml")
data = path("data")
corridor("init", "--design", design, data=data)
report = import_report(data, mapping, path("patients.xes.gz"))["files"][0]
wanted = {"traces": 500, "events": 5442, "pairs": 2721, "rows": 2721, "interactions": 2721, "lone_starts": 0,
          "lone_ends": 0, "quarantined": 0}
for key, n in wanted.items():
    check(key, report[key], n)
again = import_report(data, mapping, path("patients.xes.gz"))["files"][0]
check("second import", (again["interactions"], again["duplicates"]), (0, 2721))


def story(rows):
    """Traces, variants, and the median seconds from the first start to the last."""
    cases = {}
    for person, at, event in rows:
        cases.setdefault(person, []).append((at, event))
    variants = Counter(tuple(e for _, e in sorted(case, key=lambda x: x[0])) for case in cases.values())
    spans = [max(a for a, _ in case) - min(a for a, _ in case) for case in cases.values()]
    return {"cases": len(cases), "variants": len(variants), "most frequent": sorted(variants.values())[-2:][::-1],
            "check-out": sum(any(e == "Check-out" for _, e in case) for case in cases.values()),
            "median seconds": median(spans) / 1000}


def stored(data):
    out = corridor("sql", "--format", "csv", "select person, at_ms, event, duration, agent, id, source, location, channel,"
                   " touchpoint, text, properties, instance, at from interactions order by person, at_ms, id", data=data)
    return list(csv.reader(out.splitlines()))[1:]


rows = stored(data)
found = story((r[0], int(r[1]), r[2]) for r in rows)
check("the story", found, {"cases": 500, "variants": 7, "most frequent": [258, 234], "check-out": 492,
                           "median seconds": 515393})
wanted = reference["patients_start"]
check("the reference", [found["cases"], found["variants"], found["most frequent"], found["median seconds"], len(rows)],
      [wanted["cases"], wanted["variants"], [n for _, n in wanted["top"][:2]], wanted["median_s"], wanted["events"]])

# Durations, computed here from the table.
starts = {(r["patient"], r["handling_id"]): r["time"] for v in traces.values() for r in v if r["registration_type"] == "start"}
seconds = Counter()
for v in traces.values():
    for r in v:
        if r["registration_type"] == "complete":
            begin = datetime.fromisoformat(starts[r["patient"], r["handling_id"]])
            seconds[r["handling"]] += (datetime.fromisoformat(r["time"]) - begin).total_seconds()
got = Counter()
for r in rows:
    got[r[2]] += float(r[3])
check("seconds per activity", dict(got), dict(seconds))

# --- out, read by another reader, and in again ---

volume = query("volume", "--by", "event,month", data=data)
for form in ("xes", "csv", "ndjson"):
    file, back = path("out." + form + ".gz"), path("back-" + form)
    corridor("export", "--output", file, data=data)
    anew = write("anew.yaml", corridor("export", "--format", form, "--mapping", data=data))
    corridor("init", "--design", design, data=back)
    check(form + " back", import_report(back, anew, file)["files"][0]["interactions"], 2721)
    check(form + " the same interactions", stored(back), rows)
    check(form + " the same answers", query("volume", "--by", "event,month", data=back), volume)
    check(form + " twice", import_report(data, anew, file)["files"][0]["interactions"], 0)

name = "{http://www.xes-standard.org/}"
with gzip.open(path("out.xes.gz")) as f:
    root = etree.parse(f).getroot()
events = []
for trace in root.iter(name + "trace"):
    case = trace.find(name + "string").get("value")
    for event in trace.iter(name + "event"):
        values = {a.get("key"): a.get("value") for a in event}
        at = datetime.fromisoformat(values["time:timestamp"]).timestamp() * 1000
        events.append((case, at, values["concept:name"]))
check("by another reader", story(events), found)
part = corridor("export", "--format", "csv", "--where", "event=Check-out", "--from", "2017-06", "--to", "2017-06", data=data)
june = [r for r in rows if r[2] == "Check-out" and r[13].startswith("2017-06")]
check("filtered", len(part.splitlines()) - 1, len(june))
end()
