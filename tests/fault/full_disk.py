# SPDX-License-Identifier: Apache-2.0
"""A disk that fills up for real: import into a small tmpfs until it is refused, ask questions meanwhile, enlarge the file
system and import again: every row is there exactly once. Others fill it to the last byte: what reads
goes on. Needs the right to mount; skipped without."""
import json
import os
import subprocess
import sys
import tempfile
import time

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


def corridor(*args, fails=False, directory=data):
    done = subprocess.run([CORRIDOR, *args, "--data", directory], capture_output=True, text=True)
    if bool(done.returncode) != fails:
        sys.exit(f"corridor {' '.join(args)} left with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stderr if fails else done.stdout


def fill(f):
    """To the last byte: many small pieces where a large one does not fit."""
    for size in (1 << 20, 4096, 1):
        try:
            while f.write(bytes(size)) == size:
                pass
        except OSError:
            pass


def stored(directory=data):
    return json.loads(corridor("query", "volume", "--format", "json", directory=directory))["rows"][0]["interactions"]


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
    # Not a byte is free, and nobody has the database open: SQLite cannot even share its index among readers.
    some = stored()
    with open(filler, "ab", buffering=0) as f:
        fill(f)
    for args in (("query", "volume"), ("verify", "-q"), ("journal",), ("quarantine", "list"), ("design", "list"),
                 ("export", "--format", "csv"), ("sql", "SELECT count(*) FROM interactions")):
        corridor(*args)
    if stored() != some:
        sys.exit("another answer on the full file system")
    corridor("backup", "-q", os.path.join(work, "saved"))
    for args in (importing, ("erase", "user:u1"), ("link", "user:u1", "user:u2"), ("seal",), ("compact",),
                 ("verify", "--repair"), ("serve", "--listen", "127.0.0.1:0"), ("user", "add", "x@example.org", "--name", "X", "--role", "administrator")):
        told = corridor(*args, fails=True)
        if "full" not in told or "MiB" not in told or "free some space" not in told:
            sys.exit(f"corridor {args[0]} does not say that the disk is full:\n{told}")
    if stored() != some:
        sys.exit("what could not write has changed something")
    os.unlink(filler)
    subprocess.run(["mount", "-o", "remount,size=400m", disk], check=True)
    corridor(*importing)
    if stored() != ROWS:
        sys.exit(f"{stored()} interactions instead of {ROWS}")
    # The same after a process has died that wrote: its last transactions are in the -wal file.
    died = os.path.join(disk, "died")
    corridor("init", "--design", os.path.join(work, "corridor.yaml"), directory=died)
    writing = subprocess.Popen([CORRIDOR, "import", "-q", "--data", died, "--map", mapping, events])
    for _ in range(200):
        some = stored(died)
        if some:
            break
        time.sleep(0.05)
    writing.kill()
    writing.wait()
    wal = os.path.join(died, "corridor.db-wal")
    if not some or not os.path.getsize(wal):
        sys.exit(f"nothing is in the -wal file after {some} interactions: {os.listdir(died)}")
    if os.path.exists(wal[:-3] + "shm"):
        os.unlink(wal[:-3] + "shm")
    with open(filler, "wb", buffering=0) as f:
        fill(f)
    readers = [subprocess.Popen([CORRIDOR, *args, "--data", died], stdout=subprocess.DEVNULL)
               for args in (("verify", "-q"), ("query", "volume"), ("journal",))]
    if any([r.wait() for r in readers]) or stored(died) < some:
        sys.exit("another answer on the full file system after a process died")
    os.unlink(filler)
    corridor("seal", "-q", directory=died)
    corridor("verify", "-q", directory=died)
    subprocess.run(["rm", "-rf", died])
    corridor("compact", "-q")
    corridor("verify", "-q")
    print(f"refused after {some} of {ROWS} interactions, all there after the file system grew")
finally:
    subprocess.run(["umount", disk])
    subprocess.run(["rm", "-rf", work])
