# SPDX-License-Identifier: Apache-2.0
"""The same questions twice: by the store, and as SQL by ClickHouse (chDB) on what export-clickhouse wrote. Every number
of every row must agree: counts exactly, all else to 1e-9 (ends of intervals to 1e-7). ./dev clickhouse installs chDB and
asks all questions (--all); without, one in nine."""
import itertools
import json
import math
import os
import re
import shlex
import subprocess
import sys

from kit import ROOT, SHARED, check, corridor, end, example, new_data_dir

MODULES = os.environ.get("CORRIDOR_NODE_MODULES", os.path.join(ROOT, "build", "bench", "node_modules"))
if not os.path.isdir(os.path.join(MODULES, "chdb")):
    print(f"skipped: no chdb in {MODULES} (./dev clickhouse installs it)")
    sys.exit(0)


class ClickHouse:
    def __init__(self):
        runner = os.path.join(os.path.dirname(os.path.abspath(__file__)), "clickhouse.mjs")
        self.process = subprocess.Popen(["node", runner, MODULES, new_data_dir()], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def run(self, *statements):
        self.process.stdin.write(json.dumps(statements) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            print("ClickHouse has gone away")
            sys.exit(1)
        return json.loads(line)

    def load(self, data):
        out = new_data_dir()
        corridor("export-clickhouse", out, "--quiet", data=data)
        schema = open(os.path.join(out, "schema.sql"), encoding="utf-8").read().rstrip().rstrip(";")
        rows = os.path.join(out, "interactions.rowbinary")
        answer = self.run("DROP TABLE IF EXISTS interactions", schema,
                          f"INSERT INTO interactions SELECT * FROM file('{rows}', RowBinaryWithNamesAndTypes)",
                          "OPTIMIZE TABLE interactions FINAL", "SELECT count() AS n FROM interactions")
        assert "error" not in answer, answer
        return int(answer["rows"][0]["n"])


def local_time(text):
    """Both print the brand's local time; ClickHouse without offset and with a blank."""
    return None if text is None else re.sub(r"(\.\d+|[+-]\d\d:\d\d|Z)+$", "", text.replace(" ", "T")).ljust(19, ":").replace("::", ":00").rstrip(":")


def same(column, store, sql):
    kind = column["type"]
    if store is None or sql is None:
        return store is None and sql is None
    if kind == "time":
        return local_time(store)[:16] == local_time(sql)[:16]
    if kind == "text":
        return store == sql
    if kind == "count":
        return int(store) == int(sql)
    # An interval of equal values has no width but for what rounding leaves of a difference of sums: its square root.
    tolerance = 1e-7 if column["name"].endswith(("_low", "_high")) or column["name"] in ("low", "high") else 1e-9
    return math.isclose(float(store), float(sql), rel_tol=tolerance, abs_tol=tolerance)


numbers = questions = offered = 0
NUMBERS_THAT_NAME = ("offset", "buckets", "step")  # with the texts, they tell rows apart
EVERY = 1 if "--all" in sys.argv else 9
slow = []


def compare(clickhouse, data, analysis, *args):
    global numbers, questions, offered
    offered += 1
    if offered % EVERY:
        return
    what = " ".join((analysis, *args))
    answer = json.loads(corridor("query", analysis, "--format", "json", *args, data=data))
    sql = clickhouse.run(corridor("query", analysis, "--sql", *args, data=data))
    questions += 1
    slow.append((sql.get("ms", 0), what))
    if "error" in sql:
        check(what, sql["error"][:600], "an answer")
        return
    columns = [c for c in answer["columns"] if c["name"] != "advice"]
    texts = [c["name"] for c in columns if c["name"] in NUMBERS_THAT_NAME or
             (c["type"] == "text" and c["name"] not in ("verdict", "unit", "direction"))]
    rows = {tuple(r[c] for c in texts): r for r in sql["rows"]}
    check(f"{what}: rows", len(sql["rows"]), len(answer["rows"]))
    check(f"{what}: keys are unique", len(rows), len(sql["rows"]))
    if rows:
        check(f"{what}: columns", sorted(next(iter(rows.values()))), sorted(c["name"] for c in columns))
    for row in answer["rows"]:
        key = tuple(row[c] for c in texts)
        if key not in rows:
            check(f"{what}: row", key, "in ClickHouse's answer")
            return
        for column in columns:
            numbers += 1
            got = rows[key].get(column["name"])
            if not same(column, row[column["name"]], got):
                check(f"{what}: {key} {column['name']}", got, row[column["name"]])
                return


def ask_all(clickhouse, data, analyses, groups, filters):
    for (analysis, variants) in analyses.items():
        for variant, by, where in itertools.product(variants, groups, filters):
            args = [*variant, *(("--by", by) if by else ()), *where]
            compare(clickhouse, data, analysis, *args)


ANALYSES = {
    "volume": [[], ["--customers"]],
    "scores": [[], ["--score", "nps"], ["--score", "acsi"]],
    "gap": [[]],
    "promises": [[], ["--attribute", "kept"], ["--as-of", "{middle}"]],
    "interval": [["--pair", "promise"], ["--pair", "promise", "--clock", "wall"], ["--start", "{start}", "--end", "{end}"],
                 ["--start", "{start}", "--end", "{start}", "--clock", "wall"]],
    "quality": [[], ["--all"]],
}


def filled(values):
    return {a: [[word.format(**values) for word in v] for v in variants] for a, variants in ANALYSES.items()}


# Over journeys: one question a line; none is repeated by groups and filters.
JOURNEYS = """
flow
flow --ends --top 10
flow --top 0 --where 'channel = phone, web or csat <= 2 and not event = Order*'
flow --gap 30min --quantiles --by month
flow --gap 7d --ends --by channel,quarter --from 2026-03-20 --to 2026-04-10
flow --of channel-kind --ends --by agent --top 3
flow --of channel --show loops --quantiles
flow --of event --show loops --gap 2h --by month
flow --of stage --show rework --gap 7d --by channel
flow --of region --show rework --from 2026-02
flow --show rework --top 7
retention
retention --bucket day --periods 20 --from 2026-03-20 --to 2026-04-10
retention --bucket month --by channel
retention --bucket quarter --where 'channel = phone, web'
retention --bucket year --mode rolling --by stage
retention --bucket month --mode rolling --show curve
retention --bucket week --clock elapsed --periods 6 --start 'channel = phone' --return 'channel = web'
retention --bucket day --clock elapsed --mode rolling --show curve --periods 40 --start order
retention --bucket month --clock elapsed --mode rolling --by month
retention --bucket month --clock elapsed --show curve --return 'csat <= 2' --as-of 2026-05-17
retention --bucket month --cohort recurring --start 'channel = phone' --from 2026-02 --to 2026-04 --as-of 2026-06-10
retention --bucket week --cohort recurring --mode rolling --by channel --where 'csat missing'
lifecycle
lifecycle --bucket day --from 2026-03-20 --to 2026-04-10
lifecycle --bucket month --by channel
lifecycle --bucket month --from 2026-02-10 --to 2026-04 --where 'channel = phone'
lifecycle --bucket quarter --by stage,channel-kind
lifecycle --bucket year
frequency
frequency --bins exact --by channel
frequency --bins '1, 5,10' --from 2026-03-20 --to 2026-04-10
frequency --count days --by month
frequency --count days --bins exact --where 'channel = web'
frequency --count sessions
frequency --count sessions --gap 1d --where 'channel = web' --by quarter,channel
stickiness
stickiness --bucket week --by channel
stickiness --bucket week --period quarter --where 'channel = phone'
stickiness --period week --from 2026-02 --to 2026-03
stickiness --bucket day --period quarter --by stage
stickiness --bucket month --period year
funnel --step order --step delivery
funnel --step order --step delivery --step 'channel = phone' --window 30d --times --by month
funnel --step 'channel = web' --step 'channel = web' --step 'channel = phone' --window 3d --count entries --times --reuse
funnel --step 'channel = web' --step 'channel = web' --step 'channel = phone' --count first --where 'csat missing' --by channel
funnel --step 'channel = web' --step 'stage = billing' --reuse --window 1d --times --from 2026-02 --to 2026-03
effect --after 'nps <= 3' --then 'channel = phone' --within 30d --against 'nps >= 9'
effect --after 'channel = phone' --then 'channel = web' --within 7d
effect --after 'nps <= 6' --then 'channel = phone' --by channel --match month,tenure,prior --each person
effect --after 'channel = phone' --then order --control never --censor keep --match none
effect --after 'channel = phone' --then 'channel = web' --against 'channel = web' --match 'touchpoint, week, region' --by month
attribution --conversion order --reuse
attribution --conversion order --model linear --of touchpoint
attribution --conversion 'channel = phone' --model time-decay --value amount --window 60d --by month
attribution --conversion 'channel = phone' --model position --touch 'channel = web, app' --of event
attribution --conversion 'stage = billing' --reuse --value amount --half-life 1d --from 2026-03 --where 'csat missing' --by channel
attribution --conversion order --model first --by month
attribution --conversion order --model last
paths
paths --top 0 --depth 3 --by channel
paths --end 'channel = phone' --top 10
paths --start 'channel = web' --end 'channel = phone' --gap 7d --of channel
paths --around 'channel = phone' --gap 2d --depth 4 --by month
paths --form edges
paths --form edges --end order --gap 7d --repeats keep --of stage --by channel
paths --form edges --around 'channel = phone' --gap 3d --depth 4
paths --form variants --quantiles
paths --form variants --gap none --of channel --top 30 --by month
paths --form variants --gap 30d --around 'channel = phone' --depth 3 --of channel-kind --where 'csat missing'
paths --form variants --gap 30d --end 'channel = phone' --of region --quantiles --top 7
funnel --step 'channel = web' --step 'csat <= 3' --step 'channel = phone' --window 14d --by channel-kind,quarter
funnel --step 'nps <= 6' --window 7d
effect --after 'nps <= 6' --then complaint --within 60d --match day --where 'channel = web'
effect --after 'csat <= 2' --then 'channel = phone' --within 10d --by quarter --from 2026-01 --censor keep --each person
attribution --conversion complaint --model linear --window 3d --by region
paths --form edges --start 'channel = web' --top 0 --depth 20 --of event --from 2026-02 --to 2026-03
paths --around 'csat <= 2' --top 12 --gap none --depth 6 --of channel --by quarter
paths --end 'csat <= 2' --repeats keep --gap 1d --of channel-kind --depth 3
paths --form variants --repeats keep --gap none --top 3
funnel --step order --step delivery --window 30d --without 'channel = phone' --times
funnel --step 'channel = web' --step 'channel = phone' --reuse --window 20d --without 'channel = phone, web' --by quarter
funnel --step 'nps <= 6' --without 'channel = phone' --count entries
funnel --step 'channel = app' --step 'csat <= 3' --without complaint --window 60d --count first --by month
conformance
conformance --by channel --gap 30d
conformance --show journeys
conformance --show journeys --by quarter --gap 60d --unmatched ignore --where 'csat missing'
conformance --unmatched ignore --from 2026-02 --to 2026-06 --by stage
"""

JOURNEYS_OF_BOSTON = """
flow --of event --ends --by owner --top 5
flow --of event --quantiles --gap 3d --by month
paths --form variants --gap none --of event --quantiles
retention --bucket month --clock elapsed --by channel
retention --bucket day --from 2015-03-06 --to 2015-03-10 --periods 9 --where 'channel = phone'
lifecycle --bucket day --from 2015-03-07 --to 2015-03-09
lifecycle --bucket day --from 2015-10-31 --to 2015-11-02 --by channel
frequency --count days --by channel
frequency --count sessions --gap 1d --bins exact
stickiness --bucket week --by channel
funnel --step 'event = "Request Opened"' --step 'event = "Request Closed"' --times --window 7d --by channel
funnel --step 'event = "Request Opened"' --without 'event = "Request Closed"' --window 2d --by month
effect --after 'channel = phone' --then 'event = "Request Closed"' --within 3d --match owner,month,tenure
effect --after 'event = "Request Opened"' --then 'event = "Request Closed"' --against 'channel = phone' --within 1d --by channel
attribution --conversion 'event = "Request Closed"' --of owner --model position --window 5d
conformance --by channel
"""

clickhouse = ClickHouse()

# A simulated year of Tidewater Telecom: all channels, scores, promises, agents.
data = new_data_dir()
corridor("simulate", "--persons", "1500", "--seed", "7", data=data)
check("rows loaded", clickhouse.load(data), json.loads(corridor("query", "volume", "--format", "json", data=data))["n"])
ask_all(clickhouse, data, filled({"middle": "2026-03-15", "start": "order", "end": "delivery"}),
        ["", "channel", "month", "stage,channel-kind", "agent,quarter", "touchpoint"],
        [[], ["--where", "channel = phone, web or csat <= 2 and not event = Order*"],
         ["--from", "2026-03-20", "--to", "2026-04-10"]])
for by in ("hour", "day", "week", "year", "owner,week", "source,event", "product", "region,month", "location"):
    for analysis in ("volume", "promises", "gap"):
        compare(clickhouse, data, analysis, "--by", by, "--from", "2026-03-25", "--to", "2026-03-31")
for where in ("wait > 2min", "csat missing", "nps exists and nps != 7", "agent = (none)", "channel != (none), web",
              "at >= 2026-03-29 and not (channel = app or amount >= 12.50 EUR)", "touchpoint = (unmatched)",
              "event = \"it's\" or event = 'a\\b'", "channel-kind = partner and stage != billing"):
    for analysis in ("volume", "scores", "gap", "promises", "quality"):
        compare(clickhouse, data, analysis, "--where", where, "--by", "month")
for question in JOURNEYS.strip().splitlines():
    compare(clickhouse, data, *shlex.split(question))
print(f"simulated: {questions} questions")

# Boston's requests: promises that are kept before they are made, local time through daylight saving.
boston = os.path.join(SHARED, "data", "boston311", "boston311_2015.csv.gz")
if os.path.exists(boston):
    data = new_data_dir()
    corridor("init", "--design", example("boston311", "corridor.yaml"), data=data)
    corridor("import", "--quiet", "--map", example("boston311", "mapping.yaml"), boston, data=data)
    check("rows loaded", clickhouse.load(data), 121245 + 101371)
    ask_all(clickhouse, data, filled({"middle": "2015-06-30", "start": "event = 'Request Opened'",
                                      "end": "event = 'Request Closed'"}),
            ["", "owner", "channel,month"], [[], ["--where", "channel = phone", "--from", "2015-03"]])
    for by in ("hour", "day", "week"):
        for period in (("2015-03-07", "2015-03-09"), ("2015-10-31", "2015-11-02")):
            for analysis in ("volume", "promises", "interval"):
                compare(clickhouse, data, analysis, *(("--pair", "promise") if analysis == "interval" else ()),
                        "--by", by, "--from", period[0], "--to", period[1])
    for question in JOURNEYS_OF_BOSTON.strip().splitlines():
        compare(clickhouse, data, *shlex.split(question))
else:
    print(f"without Boston: no {boston}")

print(f"{questions} questions, {numbers} numbers; slowest:")
for ms, what in sorted(slow)[-3:]:
    print(f"  {ms:.0f} ms {what}")
end()
