# SPDX-License-Identifier: Apache-2.0
"""Nothing acknowledged is lost and nothing counts twice: import is killed (SIGKILL) at random moments, sealing and
background merging included, again and again until it gets through; and in between so are merging, backup, erasing and
linking. Then with a new data directory, until `kills` kills have been survived. After every kill the store verifies
clean and holds every row that was acknowledged; after every complete import it holds every row exactly once, and the
quarantine every rejected row exactly once. CORRIDOR_KILLS=500 is the full run."""
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

CORRIDOR = sys.argv[1]
KILLS = int(os.environ.get("CORRIDOR_KILLS") or sys.argv[2])
SEED = int(sys.argv[3]) if len(sys.argv) > 3 else random.SystemRandom().randrange(1 << 30)
ROWS, BAD = 200000, 200

random.seed(SEED)
work = tempfile.mkdtemp(prefix="corridor-kill-")
data, events = os.path.join(work, "data"), os.path.join(work, "events.csv")
with open(os.path.join(work, "corridor.yaml"), "w") as f:
    f.write("corridor: 1\nbrand: Kill\ntimezone: UTC\ncurrency: EUR\nstages: [use]\nchannels: {web: digital}\n"
            "touchpoints:\n  visit: {stage: use, match: [{event: Visit}]}\n")
mapping = os.path.join(work, "mapping.yaml")
with open(mapping, "w") as f:
    f.write("mapping: 1\nsource: kill\nformat: csv\ntimezone: UTC\ninteractions:\n"
            "  - {id: \"{n}\", customer: {user: \"{user}\"}, at: {column: at, format: ISO}, event: Visit, channel: web,\n"
            "     measures: {duration: {column: seconds, unit: s}}}\n")
bad_rows = set(random.sample(range(ROWS), BAD))
with open(events, "w") as f:
    f.write("n,user,at,seconds\n")
    for i in range(ROWS):
        seconds = "never" if i in bad_rows else i % 600
        f.write(f"{i},u{random.randrange(5000)},2026-01-{1 + i * 28 // ROWS:02d}T{i % 24:02d}:{i % 60:02d}:00Z,{seconds}\n")


def corridor(*args):
    done = subprocess.run([CORRIDOR, *args, "--data", data], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"seed {SEED}: corridor {' '.join(args)} left with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def stored():
    return json.loads(corridor("query", "volume", "--format", "json"))["rows"][0]["interactions"]


def start_import():
    return subprocess.Popen([CORRIDOR, "import", "--data", data, "--map", mapping, "--seal-rows", "30000", "--acknowledge",
                             events], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def acknowledged(output):
    """The last complete acknowledgement: (rows, interactions that this run added)."""
    rows = 0
    for line in output.split("\n")[:-1]:
        if line.startswith("{"):
            rows = json.loads(line)["acknowledged_rows"]
    return rows


def complete():
    n, bad = stored(), json.loads(corridor("quarantine", "list", "--format", "json"))
    if n != ROWS - BAD:
        sys.exit(f"seed {SEED}: {n} interactions stored, not {ROWS - BAD}")
    total = sum(group["n"] for group in bad["groups"])
    if total != BAD:
        sys.exit(f"seed {SEED}: {total} rows in the quarantine, not {BAD}")
    ids = corridor("sql", "--format", "csv", "select count(*), count(distinct id) from interactions").split("\n")[1]
    if ids != f"{ROWS - BAD},{ROWS - BAD}":
        sys.exit(f"seed {SEED}: rows and different ids: {ids}")


def killed(longest, *args):
    """Runs a command and kills it at some moment of the time that it may take. (killed?, output)"""
    process = subprocess.Popen([CORRIDOR, *args, "--data", data], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        output, error = process.communicate(timeout=random.uniform(0, longest))
    except subprocess.TimeoutExpired:
        process.kill()
        output, error = process.communicate()
    if process.returncode not in (0, -9):
        sys.exit(f"seed {SEED}: corridor {' '.join(args)} left with {process.returncode}: {error}")
    corridor("verify")
    return process.returncode == -9, output


def kill_compact():
    before = stored()
    was_killed, _ = killed(0.6, "compact", "--segments", str(random.choice([1, 2, 3])))
    if stored() != before:
        sys.exit(f"seed {SEED}: {stored()} interactions after merging, {before} before")
    return was_killed


def kill_backup():
    copy, before = os.path.join(work, "copy"), stored()
    was_killed, _ = killed(0.6, "backup", copy)
    if stored() != before:
        sys.exit(f"seed {SEED}: {stored()} interactions after a backup, {before} before")
    if os.path.exists(os.path.join(copy, "corridor.db")):  # whole, or no data directory
        done = subprocess.run([CORRIDOR, "verify", "--data", copy], capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"seed {SEED}: half a backup: {done.stdout}{done.stderr}")
    elif not was_killed:
        sys.exit(f"seed {SEED}: no backup")
    shutil.rmtree(copy, ignore_errors=True)
    return was_killed


def kill_link():
    before = stored()
    was_killed, _ = killed(0.2, "link", "user:u1", "user:u2")
    if stored() != before:
        sys.exit(f"seed {SEED}: {stored()} interactions after linking, {before} before")
    subprocess.run([CORRIDOR, "unlink", "user:u1", "--data", data], capture_output=True)
    return was_killed


def kill_erase():
    """A customer of 40 interactions comes and is erased: all are there or none."""
    global comers
    comers += 1
    user, path, before = f"gone{comers}", os.path.join(work, "comers.csv"), stored()
    with open(path, "w") as f:
        f.write("n,user,at,seconds\n" + "".join(f"g{comers}-{i},{user},2026-02-01T00:{i}:00Z,5\n" for i in range(10, 50)))
    corridor("import", "--map", mapping, path)
    if stored() != before + 40:
        sys.exit(f"seed {SEED}: {stored()} interactions, not {before} and 40")
    was_killed, _ = killed(0.3, "erase", f"user:{user}")
    left = stored() - before
    if left not in ((0, 40) if was_killed else (0,)):
        sys.exit(f"seed {SEED}: {left} of 40 interactions of an erased customer")
    corridor("erase", f"user:{user}")
    if stored() != before:
        sys.exit(f"seed {SEED}: {stored() - before} interactions after erasing again")
    return was_killed


ACTS = {"compact": kill_compact, "backup": kill_backup, "link": kill_link, "erase": kill_erase}
counts = dict.fromkeys(["import", *ACTS], 0)
comers = 0
kills = completed = 0
whole = None
try:
    while kills < KILLS:
        shutil.rmtree(data, ignore_errors=True)
        corridor("init", "--design", os.path.join(work, "corridor.yaml"))
        if whole is None:  # how long a whole import takes here, so that kills fall anywhere in it
            begin = time.monotonic()
            process = start_import()
            process.communicate()
            whole = time.monotonic() - begin
            complete()
            shutil.rmtree(data)
            corridor("init", "--design", os.path.join(work, "corridor.yaml"))
        while True:
            process = start_import()
            try:
                output, error = process.communicate(timeout=random.uniform(0, 1.1 * whole))
            except subprocess.TimeoutExpired:
                process.kill()
                output, error = process.communicate()
            if process.returncode not in (0, -9):
                sys.exit(f"seed {SEED}: import left with {process.returncode}: {error}")
            corridor("verify")
            rows = acknowledged(output)
            least = rows - sum(1 for b in bad_rows if b < rows)
            if stored() < least:
                sys.exit(f"seed {SEED}: {stored()} stored, but {least} were acknowledged")
            if process.returncode == 0:
                break
            kills += 1
            counts["import"] += 1
            act = random.choice(list(ACTS))
            if ACTS[act]():
                kills += 1
                counts[act] += 1
            if kills >= KILLS:
                process = start_import()
                process.communicate()
                break
        complete()
        completed += 1
finally:
    shutil.rmtree(work, ignore_errors=True)
print(f"{kills} kills survived ({', '.join(f'{k} {v}' for k, v in counts.items())}), {completed} imports completed; seed {SEED}")
