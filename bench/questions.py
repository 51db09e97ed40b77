# SPDX-License-Identifier: Apache-2.0
"""The questions of the benchmark, one entry each: what Corridor is asked, and how its rows and a peer's become the same
dictionary, key → numbers. The peers' SQL is in sql/*.sql under the question's name.

Answers must be equal: keys, whole numbers exactly, other numbers to 1e-9 relative (of 1 for those below 1)."""
import dataclasses
import datetime
import typing

CHANNELS = ["web", "app", "phone", "chat", "email", "store", "social", "partner"]
Z95 = 1.959963984540054  # of Corridor's 95 % intervals
TOLERANCE = 1e-9
FIRST_MONDAY = "2025-01-06"


@dataclasses.dataclass
class Question:
    name: str
    title: str
    corridor: list  # analysis, then KEY=VALUE as on the command line
    mine: typing.Callable  # rows (dicts of text) → {key: numbers}
    theirs: typing.Callable  # rows (lists) → {key: numbers}
    customer: int = 0  # of a lookup

    def of_customer(self, customer):
        fields = [f.replace("$customer", str(customer)) for f in self.corridor]
        return dataclasses.replace(self, corridor=fields, customer=customer)


def point(text):
    return int(text.removeprefix("tp-"))


def month(text):
    return int(text.replace("-", ""))


def week(text):
    """Weeks since the first Monday, from "2025-W03"."""
    year, number = text.split("-W")
    monday = datetime.date.fromisocalendar(int(year), int(number), 1)
    return (monday - datetime.date.fromisoformat(FIRST_MONDAY)).days // 7


def scores_mine(rows):
    return {(point(r["touchpoint"]), CHANNELS.index(r["channel"]), month(r["month"])):
            tuple([int(r["n"])] + [float(r[c]) for c in ("value", "mean", "low", "high")]) for r in rows if int(r["n"]) > 1}


def scores_theirs(rows):
    """Peers give the standard error; a score has no interval beyond its scale, one answer has none."""
    return {tuple(r[:3]): (r[3], r[4], r[5], max(-100, r[4] - Z95 * r[6]), min(100, r[4] + Z95 * r[6]))
            for r in rows if r[3] > 1}


def gap_mine(rows):
    return {(point(r["touchpoint"]), r["expectation"], CHANNELS.index(r["channel"]), month(r["month"])):
            (int(r["n"]), float(r["gap"]), round(float(r["share_kept"]) * int(r["n"]))) for r in rows if int(r["n"])}


def gap_theirs(rows):
    return {tuple(r[:4]): tuple(r[4:]) for r in rows if r[4]}


def funnel_mine(rows):
    return {int(r["step"]): (int(r["n"]),) for r in rows}


def funnel_theirs(rows):
    return {i + 1: (n,) for i, n in enumerate(rows[0])}


def top(paths):
    """Of the most frequent paths those above the last place, where ties may fall either way, and how many are there."""
    last = min(n for _, n in paths)
    found = {path: (n,) for path, n in paths if n > last}
    found["at the last place"] = (last, len(paths) - len(found))
    return found


def paths_mine(rows):
    return top([(tuple(point(t) for t in r["path"].split(" → ")), int(r["n"])) for r in rows if r["path"] != "(other)"])


def paths_theirs(rows):
    return top([(tuple(int(t) for t in r[0].split(">")), r[1]) for r in rows])


def flow_mine(rows):
    return {(point(r["from"]), point(r["to"])): (int(r["n"]), float(r["mean"])) for r in rows}


def flow_theirs(rows):
    return {(r[0], r[1]): (r[2], r[3] / 1000) for r in rows}


def retention_mine(rows):
    return {(week(r["cohort"]), int(r["offset"])): (int(r["returned"]),) for r in rows if int(r["returned"])}


def retention_theirs(rows):
    return {(r[0], r[1]): (r[2],) for r in rows}


def effect_mine(rows):
    return {b: (int(rows[0][side]), int(rows[0][side + "_followed"])) for b, side in (("low", "after"), ("high", "against"))}


def effect_theirs(rows):
    return {r[0]: tuple(r[1:]) for r in rows}


def journey_mine(rows):
    return {"interactions": (len(rows),)}


QUESTIONS = [
    Question("funnel", "funnel of 4 steps in 7 days",
             ["funnel", "step=tp-03", "step=tp-04", "step=tp-05", "step=tp-06", "window=7d"], funnel_mine, funnel_theirs),
    Question("paths", "first 5 touch points per session, top 20",
             ["paths", "form=variants", "gap=30min", "depth=5", "top=20"], paths_mine, paths_theirs),
    Question("flow", "transitions with mean time", ["flow", "top=0"], flow_mine, flow_theirs),
    Question("scores", "NPS by touch point, channel, month",
             ["scores", "by=touchpoint,channel,month", "score=nps"], scores_mine, scores_theirs),
    Question("retention", "weekly retention by first touch", ["retention", "bucket=week"], retention_mine, retention_theirs),
    Question("effect", "low or high score, then a purchase in 30 days",
             ["effect", "after=nps <= 3", "against=nps >= 9", "then=kind = 3", "within=30d", "match=none", "censor=keep"],
             effect_mine, effect_theirs),
    Question("gap", "gap by touch point, channel, month", ["gap", "by=channel,month"], gap_mine, gap_theirs),
]
JOURNEY = Question("journey", "one customer's journey", ["journey", "customer=customer:$customer"],
                   journey_mine, journey_mine)


def difference(mine, theirs):
    """The first difference of two answers as text, or None."""
    if mine.keys() != theirs.keys():
        odd = sorted(mine.keys() ^ theirs.keys(), key=str)
        return f"{len(mine)} and {len(theirs)} groups, for example {odd[0]} is in one of them only"
    for key, numbers in mine.items():
        other = theirs[key]
        if len(numbers) != len(other):
            return f"{key}: {numbers} and {other}"
        for a, b in zip(numbers, other):
            if isinstance(a, int):
                same = a == b
            else:
                same = abs(a - b) <= TOLERANCE * max(1, abs(a), abs(b))
            if not same:
                return f"{key}: {numbers} and {other}"
    return None
