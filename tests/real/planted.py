# SPDX-License-Identifier: Apache-2.0
"""The simulated year: the planted truths come back from the analyses, exactly where they can be counted, and with
intervals that exclude "no change"; the same seed gives the same bytes whatever the number of threads."""
import filecmp
import json
import os

from kit import check, corridor, end, new_data_dir, one, query

data, other = new_data_dir(), new_data_dir()
corridor("simulate", "--persons", "20000", "--seed", "7", "--threads", "1", data=data)
corridor("simulate", "--persons", "20000", "--seed", "7", "--threads", "3", data=other)
segments = sorted(os.listdir(os.path.join(data, "segments")))
check("the same segments", segments, sorted(os.listdir(os.path.join(other, "segments"))))
same, differ, errors = filecmp.cmpfiles(os.path.join(data, "segments"), os.path.join(other, "segments"), segments, False)
check("segments that differ between 1 and 3 threads", differ + errors, [])

document = json.load(open(os.path.join(data, "truths.json"), encoding="utf-8"))
truths = {t["truth"]: t for t in document["truths"]}
check("interactions", one("volume", data=data)["interactions"], document["interactions"])

# The billing defect and its repair, in gap: exact counts and sums, intervals apart.
defect = truths["billing defect"]
periods = {"before": ("2025-10", "2026-01"), "during": ("2026-02", "2026-06"), "after": ("2026-07", "2026-09")}
gap = {}
for phase, (first, last) in periods.items():
    rows = {r["expectation"]: r for r in query(
        "gap", "--where", "touchpoint = invoice", "--from", first, "--to", last, data=data)}
    gap[phase] = rows["understood"]
    truth = defect["invoice_csat_sum"][phase]
    check(f"invoices asked {phase}", gap[phase]["n"], truth["n"])
    check(f"csat sum {phase}", gap[phase]["experience"] * truth["n"], truth["of_them"], 1e-6)
    score = [r for r in query("scores", "--score", "csat", "--where", "touchpoint = invoice", "--from", first,
                              "--to", last, data=data)]
    check(f"csat share {phase}", score[0]["value"] * truth["n"], defect["invoice_csat_4_or_5"][phase]["of_them"], 1e-6)
    if phase == "during":
        overcharged = rows["as-agreed"]
        check("overcharged invoices", round(overcharged["n"] * (1 - overcharged["share_kept"])), defect["invoices_wrong"])
        check("as agreed is broken", overcharged["verdict"], "broken")
    else:
        check(f"as agreed {phase}", rows["as-agreed"]["share_kept"], 1)
check("the defect is seen", gap["during"]["gap_high"] < gap["before"]["gap_low"], True)
check("the repair is seen", gap["after"]["gap_low"] > gap["during"]["gap_high"], True)

# The same in promises: answers to complaints.
kept = {}
for phase, (first, last) in periods.items():
    kept[phase] = one("promises", "--where", "touchpoint = complaint", "--from", first, "--to", last, data=data)
check("late answers are seen", kept["during"]["share_kept_high"] < kept["before"]["share_kept_low"], True)
check("the repair of answers is seen", kept["after"]["share_kept_low"] > kept["during"]["share_kept_high"], True)

# The weak dealer: exact, and apart from all others.
dealers = {r["agent"]: r for r in query("promises", "--by", "agent", "--where", "touchpoint = order", "--where",
                                        "channel = dealer", data=data)}
weak = truths["weak dealer"]
check("dealers", len(dealers), 24)
mine = dealers[weak["agent"]]
check("late of the weak dealer", mine["broken"] + mine["overdue"], weak["late"])
check("deliveries of the weak dealer", mine["kept"] + mine["broken"] + mine["overdue"], weak["deliveries"])
check("late of the others", sum(d["broken"] for a, d in dealers.items() if a != weak["agent"]),
      weak["other_dealers_late"])
check("the weak dealer is seen",
      all(mine["share_kept_high"] < d["share_kept_low"] for a, d in dealers.items() if a != weak["agent"]), True)
ces = {r["agent"]: r for r in query("gap", "--by", "agent", "--where", "touchpoint = order", "--where",
                                    "channel = dealer", data=data) if r["expectation"] == "easy"}
check("the weak dealer's orders are not easy", ces[weak["agent"]]["verdict"], "broken")

# The storm and the attack are in the data as planted.
storm = truths["complaint storm"]
rows = query("volume", "--by", "day", "--where", "event = 'Complaint Filed'", "--where", "region = north", data=data)
peak = max(rows, key=lambda r: r["interactions"])
check("the day of the storm", peak["day"], storm["from"][:10])
attack = truths["coordinated attack"]
reviews = query("volume", "--where", "event = 'Review Posted'", "--where", "rating = 1", "--from", attack["from"][:10],
                "--to", "2026-06-19", data=data)[0]["interactions"]
check("reviews of the attack", attack["reviews"] <= reviews <= attack["reviews"] + 20, True)
corridor("verify", data=data)
end()
