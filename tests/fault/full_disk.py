# SPDX-License-Identifier: Apache-2.0
"""A disk that fills up for real: import into a small tmpfs until it is refused, ask questions meanwhile, enlarge the file
system and import again: every row is there exactly once. Needs the right to mount; skipped without."""
import json
import os
import subprocess
import sys
import tempfile

CORRIDOR = sys.argv[1]
ROWS = 800000

work = tempfile.mkdtemp(prefix="corridor-full-")
disk = os.path.join(work, "disk")
os.mkdir(disk)
if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=120m", "tmpfs", disk],
                                       capture_output=True).returncode:
    print("skipped: no right to mount a file system")
    subprocess.run(["rm", "-rf", work])
    sys.exit(0)
data, events = os.path.join(disk, "data"), os.path.join(work, "events.csv")


def corridor(*args, fails=False):
    done = subprocess.run([CORRIDOR, *args, "--data", data], capture_output=True, text=True)
    if bool(done.returncode) != fails:
        sys.exit(f"corridor {' '.join(args)} left with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stderr if fails else done.stdout


def stored():
    return json.loads(corridor("query", "volume", "--format", "json"))["rows"][0]["interactions"]


try:
    with open(os.path.join(work, "corridor.yaml"), "w") as f:
        f.write("corridor: 1\nbrand: Full\ntimezone: UTC\ncurrency: EUR\nstages: [use]\nchannels: {web: digital}\n"
                "touchpoints:\n  visit: {stage: use, match: [{event: Visit}]}\n")
    mapping = os.path.join(work, "mapping.yaml")
    with open(mapping, "w") as f:
        f.write("mapping: 1\nsource: full\nformat: csv\ntimezone: UTC\ninteractions:\n"
                "  - {id: \"{n}\", customer: {user: \"{user}\"}, at: {column: at, format: ISO}, event: Visit,\n"
                "     channel: web, text: \"{text}\"}\n")
    with open(events, "w") as f:
        f.write("n,user,at,text\n")
        for i in range(ROWS):
            f.write(f"{i},u{i * 7919 % 20011},2026-01-{1 + i * 28 // ROWS:02d}T{i % 24:02d}:{i % 60:02d}:00Z,"
                    f"{os.urandom(60).hex()}\n")
    corridor("init", "--design", os.path.join(work, "corridor.yaml"))
    importing = ["import", "--map", mapping, "--seal-rows", "50000", events]
    told = corridor(*importing, fails=True)
    if "nearly full" not in told or "MiB are free" not in told:
        sys.exit(f"not a clean refusal:\n{told}")
    some = stored()
    if not 0 < some < ROWS:
        sys.exit(f"{some} interactions before the file system was full")
    corridor("verify", "-q")
    told = corridor(*importing, fails=True)  # and again, with nothing changed
    if "nearly full" not in told or stored() < some:
        sys.exit(f"not a clean refusal the second time:\n{told}")
    # What does not fit is refused as a whole: an export leaves no file, a backup no directory.
    filler = os.path.join(disk, "filler")
    with open(filler, "wb") as f:
        f.write(bytes(os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize - (1 << 20)))
    corridor("export", "--output", os.path.join(disk, "export.csv"), fails=True)
    corridor("backup", os.path.join(disk, "copy"), fails=True)
    if sorted(os.listdir(disk)) != ["data", "filler"]:
        sys.exit(f"left behind: {os.listdir(disk)}")
    if stored() < some:
        sys.exit("something is lost on the full file system")
    os.unlink(filler)
    subprocess.run(["mount", "-o", "remount,size=400m", disk], check=True)
    corridor(*importing)
    if stored() != ROWS:
        sys.exit(f"{stored()} interactions instead of {ROWS}")
    corridor("compact", "-q")
    corridor("verify", "-q")
    print(f"refused after {some} of {ROWS} interactions, all there after the file system grew")
finally:
    subprocess.run(["umount", disk])
    subprocess.run(["rm", "-rf", work])
