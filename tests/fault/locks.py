# SPDX-License-Identifier: Apache-2.0
"""One writer, any number of readers, as processes: a second writer is told who holds the lock, readers go on while one
writes, a writer that is killed leaves no lock behind, and a directory on a file system mounted for reading only can
be read (that needs the right to mount)."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

CORRIDOR = sys.argv[1]
work = tempfile.mkdtemp(prefix="corridor-locks-")
data = os.path.join(work, "data")
BUSY = 9


def corridor(*args, code=0, directory=data):
    done = subprocess.run([CORRIDOR, *args, "--data", directory], capture_output=True, text=True)
    if done.returncode != code:
        sys.exit(f"corridor {' '.join(args)} left with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout if code == 0 else done.stderr


def stored(directory=data):
    return json.loads(corridor("query", "volume", "--format", "json", directory=directory))["rows"][0]["interactions"]


with open(os.path.join(work, "corridor.yaml"), "w") as f:
    f.write("corridor: 1\nbrand: Lock\ntimezone: UTC\ncurrency: EUR\nstages: [use]\nchannels: {web: digital}\n"
            "touchpoints:\n  visit: {stage: use, match: [{event: Visit}]}\n")
with open(os.path.join(work, "mapping.yaml"), "w") as f:
    f.write("mapping: 1\nsource: lock\nformat: csv\ntimezone: UTC\ninteractions:\n"
            "  - {id: \"{n}\", customer: {user: \"{user}\"}, at: {column: at, format: ISO}, event: Visit, channel: web}\n")
corridor("init", "--design", os.path.join(work, "corridor.yaml"))
writing = subprocess.Popen([CORRIDOR, "import", "-q", "--data", data, "--map", os.path.join(work, "mapping.yaml"), "-"],
                           stdin=subprocess.PIPE, text=True)
writing.stdin.write("n,user,at\n" + "".join(f"{i},u{i % 100},2026-01-01T00:00:00Z\n" for i in range(5000)))
writing.stdin.flush()
told = ""
for _ in range(200):  # until it has opened the directory
    done = subprocess.run([CORRIDOR, "seal", "-q", "--data", data], capture_output=True, text=True)
    told = done.stderr
    if done.returncode:
        break
    time.sleep(0.05)
if done.returncode != BUSY or f"process {writing.pid} is writing" not in told:
    sys.exit(f"a second writer left with {done.returncode}: {told}")
writers = (("seal",), ("compact",), ("verify", "--repair"), ("erase", "user:u1"), ("erase", "--interaction", "lock/1"),
           ("link", "user:u1", "user:u2"), ("unlink", "user:u1"), ("design", "adopt", os.path.join(work, "corridor.yaml")),
           ("import", "--map", os.path.join(work, "mapping.yaml"), os.path.join(work, "mapping.yaml")),
           ("quarantine", "replay"), ("quarantine", "drop", "--all"))
for args in writers:
    if f"process {writing.pid}" not in corridor(*args, code=BUSY):
        sys.exit(f"corridor {args[0]} does not name the holder of the lock")
reading = (("query", "volume"), ("verify",), ("export", "--format", "csv"), ("quarantine", "list"), ("quarantine", "show"),
           ("journal",), ("design", "list"), ("backup", os.path.join(work, "copy")))
readers = [subprocess.Popen([CORRIDOR, *args, "--data", data], stdout=subprocess.DEVNULL) for args in reading]
if any(r.wait() for r in readers):
    sys.exit("a reader failed while one writes")
writing.send_signal(signal.SIGKILL)
writing.wait()
corridor("seal", "-q")  # no stale lock
corridor("verify", "-q")
n = stored()
disk = os.path.join(work, "disk")
os.mkdir(disk)
if os.geteuid() == 0 and subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", disk],
                                        capture_output=True).returncode == 0:
    try:
        copy = os.path.join(disk, "data")
        corridor("backup", "-q", copy)
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        if stored(copy) != n:
            sys.exit("another answer from a file system mounted for reading only")
        corridor("verify", "-q", directory=copy)
        told = subprocess.run([CORRIDOR, "seal", "--data", copy], capture_output=True, text=True)
        if told.returncode == 0 or "read" not in told.stderr:
            sys.exit(f"writing to a file system mounted for reading only: {told.stderr}")
    finally:
        subprocess.run(["umount", disk])
else:
    print("skipped: reading from a file system mounted for reading only (no right to mount)")
shutil.rmtree(work)
print("one writer, many readers")
