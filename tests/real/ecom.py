# SPDX-License-Identifier: Apache-2.0
"""A web shop's click stream: users, events, purchases; equal rows are different events."""
from kit import check, corridor, data_file, end, example, import_report, new_data_dir, one, query

path = data_file("ecom", "ecom.csv.gz")
data = new_data_dir()
corridor("init", "--design", example("ecom", "corridor.yaml"), data=data)
report = import_report(data, example("ecom", "mapping.yaml"), path)["files"][0]
check("events", report["interactions"], 31106)
check("users", one("volume", "--customers", data=data)["customers"], 600)
events = query("volume", "--by", "event", data=data)
check("event names", len(events), 19)
check("events add up", sum(r["interactions"] for r in events), 31106)
check("second import", import_report(data, example("ecom", "mapping.yaml"), path)["files"][0]["interactions"], 0)
corridor("verify", data=data)
end()
