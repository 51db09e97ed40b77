# SPDX-License-Identifier: Apache-2.0
"""The CFPB's complaints: counts by channel, timeliness, narratives; a file with junk before the header."""
from kit import check, corridor, data_file, end, example, import_report, new_data_dir, one, query

path = data_file("cfpb", "complaints_sample.csv.gz")
data = new_data_dir()
corridor("init", "--design", example("cfpb", "corridor.yaml"), data=data)
mapping = example("cfpb", "mapping.yaml")
report = import_report(data, mapping, path)["files"][0]
check("rows", report["rows"], 6623)
check("quarantined", report["quarantined"], 0)
received = "touchpoint = complaint"
channels = {r["channel"]: r["interactions"] for r in
            query("volume", "--by", "channel", "--where", received, data=data)}
check("by channel", channels,
      {"web": 5143, "referral": 627, "phone": 482, "post": 267, "fax": 102, "email": 2})
p = one("promises", data=data)
check("timely", (p["kept"], p["made"] - p["kept"]), (6529, 94))
narratives = corridor("sql", "--format", "csv", "select count(*) n from interactions where text is not null", data=data)
check("narratives", narratives.split(), ["n", "1532"])
check("second import", import_report(data, mapping, path)["files"][0]["interactions"], 0)

raw = new_data_dir()
corridor("init", "--design", example("cfpb", "corridor.yaml"), data=raw)
report = import_report(raw, mapping, data_file("cfpb", "complaints_raw_head.csv"))["files"][0]
check("junk lines before the header", report["skipped_lines"], 2)
check("the rows add up", report["rows"], report["mapped_rows"] + report["empty_rows"] + report["quarantined"])
check("rows", report["mapped_rows"], 97)
check("the row that the end of the file cuts", report["quarantined"], 1)
corridor("verify", data=data)
end()
