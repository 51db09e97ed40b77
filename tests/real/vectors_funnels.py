# SPDX-License-Identifier: Apache-2.0
"""Published funnels of ClickHouse, PostHog and retentioneering, each by the options that stand for its product; and the
web shop's."""
import csv
import json
import os
from datetime import datetime, timezone

from kit import check, corridor, data_file, end, example, import_report, new_data_dir, query

# ClickHouse's modes. strict_order without re-entry looks at a person's first entry only.
MODES = {
    ("ordered",): [],
    ("strict_once",): [],
    ("strict",): ["--order", "strict"],
    ("strict_increase",): ["--ties", "later"],
    ("strict_deduplication",): ["--repeats", "end"],
    ("strict_order",): ["--order", "strict", "--repeats", "end-at-first", "--count", "first"],
    ("strict_order", "allow_reentry"): ["--order", "strict", "--repeats", "ignore"],
    ("strict_deduplication", "strict_order"): ["--order", "strict", "--repeats", "end"],
}
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
  agent: "{vector}"
"""

vectors = json.load(open(data_file("vectors", "funnels.json"), encoding="utf-8"))
data = new_data_dir()
folder = os.path.dirname(data)
for name, text in (("corridor.yaml", CORRIDOR), ("mapping.yaml", MAPPING)):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
        f.write(text)


def seconds(t):
    return t + 1700000000 if isinstance(t, int) else \
        int(datetime.fromisoformat(t).replace(tzinfo=timezone.utc).timestamp())


n_rows = 0
with open(os.path.join(folder, "log.csv"), "w", encoding="utf-8", newline="") as f:
    out = csv.writer(f)
    out.writerow(["vector", "user", "at", "event", "id"])
    for v in vectors:
        person = {i: p for p, ids in v.get("identities", {}).items() for i in ids}
        for user, events in v["events"].items():
            for at, event in events:
                if event is not None:
                    n_rows += 1
                    out.writerow([v["id"], v["id"] + "/" + person.get(user, user), seconds(at), event, n_rows])
corridor("init", "--design", os.path.join(folder, "corridor.yaml"), data=data)
report = import_report(data, os.path.join(folder, "mapping.yaml"), os.path.join(folder, "log.csv"))["files"][0]
check("interactions", report["interactions"], n_rows)

passed = 0
for v in vectors:
    mode = MODES[tuple(v["mode"])]
    if v["id"] == "ch-same-event-thrice-loose":  # ClickHouse's default lets one event be several steps
        mode = ["--reuse"]
    ask = ["--where", f'agent = "{v["id"]}"', "--window", f'{v["window_s"]}s', *mode]
    for step in v["steps"]:
        ask += ["--step", f'event = "{step}"']
    if v["kind"] == "max_level_per_user":
        got = dict.fromkeys(v["expect"], 0)
        for k in range(1, len(v["steps"]) + 1):
            for row in query("funnel", *ask, "--persons", f"reached:{k}", data=data):
                got[row["customer"].split("/", 1)[1]] = k
        wanted = v["expect"]
    elif v["kind"] == "count_per_step":
        got, wanted = [r["n"] for r in query("funnel", *ask, data=data)], v["expect"]
    else:
        row = query("funnel", *ask, "--times", data=data)[1]
        times = sorted(v["expect"]["seconds"].values())
        got = [row["first_mean"], row["previous_p50"], row["n"]]
        wanted = [v["expect"]["average"], times[1], len(times)]
    check(v["id"], got, wanted)
    passed += got == wanted
print(f"{passed} of {len(vectors)} vectors")

# The web shop (numbers of its NOTE), by user and by session.
path = data_file("ecom", "ecom.csv.gz")
steps = []
for event in ("product_view", "add_to_cart", "cart", "shipping_details", "payment_details", "purchase"):
    steps += ["--step", f"event = {event}"]
with open(example("ecom", "mapping.yaml"), encoding="utf-8") as f:
    by_user = f.read()
by_session = by_user.replace('{user: "{user_id}"}', '{session: "{user_id}/{session_id}"}')
assert by_session != by_user
for what, mapping, wanted in (
        ("user", by_user, {(): [598, 517, 429, 329, 222, 114], ("--window", "1d"): [598, 482, 324, 169, 69, 16]}),
        ("session", by_session, {(): [2868, 944, 477, 194, 72, 15], ("--window", "10min"): [2868, 820, 264, 49, 5, 0],
                                 ("--order", "strict"): [2868, 342, 73, 15, 7, 5]})):
    data = new_data_dir()
    corridor("init", "--design", example("ecom", "corridor.yaml"), data=data)
    mapped = os.path.join(os.path.dirname(data), "mapping.yaml")
    with open(mapped, "w", encoding="utf-8") as f:
        f.write(mapping)
    import_report(data, mapped, path)
    for options, numbers in wanted.items():
        for count in ((), ("--times",)):  # the two ways through a journey
            got = [r["n"] for r in query("funnel", *steps, *options, *count, data=data)]
            check(f"ecom by {what} {' '.join(options + count)}", got, numbers)
end()
