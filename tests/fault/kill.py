# SPDX-License-Identifier: Apache-2.0
"""Nothing acknowledged is lost and nothing counts twice: import is killed (SIGKILL) at random moments, sealing and
background merging included, again and again until it gets through; and in between so are all other commands that write.
Then with a new data directory, until `kills` kills have been survived. After every kill the store verifies clean and
holds, by their ids, all rows that were ever acknowledged since it is there. Rows are wide, so that an import takes some
ten commits and kills fall between their acknowledgements: how many did is told at the end, and none is a failure. After
every complete import it holds every row exactly once, and the quarantine every rejected row exactly once. Repair,
replaying and dropping are tried on copies. CORRIDOR_KILLS=500 is the full run."""
import contextlib
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

CORRIDOR = sys.argv[1]
KILLS = int(os.environ.get("CORRIDOR_KILLS") or sys.argv[2])
SEED = int(sys.argv[3]) if len(sys.argv) > 3 else random.SystemRandom().randrange(1 << 30)
ROWS, BAD = 200000, 200
PADDING = "x" * 800  # that nobody reads: a commit is of 16 MB of the file or 200,000 interactions

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
good_ids = {str(i) for i in range(ROWS) if i not in bad_rows}
with open(events, "w") as f:
    f.write("n,user,at,seconds,padding\n")
    for i in range(ROWS):
        seconds = "never" if i in bad_rows else i % 600
        f.write(f"{i},u{random.randrange(5000)},2026-01-{1 + i * 28 // ROWS:02d}T{i % 24:02d}:{i % 60:02d}:00Z,{seconds},{PADDING}\n")


def corridor(*args, directory=data):
    done = subprocess.run([CORRIDOR, *args, "--data", directory], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"seed {SEED}: corridor {' '.join(args)} left with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def stored(directory=data):
    return json.loads(corridor("query", "volume", "--format", "json", directory=directory))["rows"][0]["interactions"]


def quarantined(directory=data):
    return sum(g["n"] for g in json.loads(corridor("quarantine", "list", "--format", "json", directory=directory))["groups"])


def start_import():
    return subprocess.Popen([CORRIDOR, "import", "--data", data, "--map", mapping, "--seal-rows", "30000", "--acknowledge",
                             events], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def acknowledged(output):
    """The last complete acknowledgement: so many rows of the file, its first, are durable."""
    rows = 0
    for line in output.split("\n")[:-1]:
        if line.startswith("{"):
            rows = json.loads(line)["acknowledged_rows"]
    return rows


def check_prefix(rows):
    """The first `rows` rows are there, but the bad ones, and nothing that is not of the file."""
    ids = set(corridor("sql", "--format", "csv", "select id from interactions").split("\n")[1:-1])
    missing = [i for i in range(rows) if i not in bad_rows and str(i) not in ids]
    if missing:
        sys.exit(f"seed {SEED}: {rows} rows were acknowledged, {len(missing)} of them are not there: {missing[:9]}")
    strange = ids - good_ids
    if strange:
        sys.exit(f"seed {SEED}: {len(strange)} interactions that no row has made: {sorted(strange)[:9]}")


def complete():
    n, total = stored(), quarantined()
    if n != ROWS - BAD:
        sys.exit(f"seed {SEED}: {n} interactions stored, not {ROWS - BAD}")
    if total != BAD:
        sys.exit(f"seed {SEED}: {total} rows in the quarantine, not {BAD}")
    ids = corridor("sql", "--format", "csv", "select count(*), count(distinct id) from interactions").split("\n")[1]
    if ids != f"{ROWS - BAD},{ROWS - BAD}":
        sys.exit(f"seed {SEED}: rows and different ids: {ids}")


def killed(longest, *args, directory=data, verify=True):
    """Runs a command and kills it at some moment of the time that it may take. (killed?, output)"""
    process = subprocess.Popen([CORRIDOR, *args, "--data", directory], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        output, error = process.communicate(timeout=random.uniform(0, longest))
    except subprocess.TimeoutExpired:
        process.kill()
        output, error = process.communicate()
    if process.returncode not in (0, -9):
        sys.exit(f"seed {SEED}: corridor {' '.join(args)} left with {process.returncode}: {error}")
    if verify:
        corridor("verify", directory=directory)
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


def kill_unlink():
    before = stored()
    corridor("link", "user:u3", "user:u4")
    was_killed, _ = killed(0.2, "unlink", "user:u3")
    if stored() != before:
        sys.exit(f"seed {SEED}: {stored()} interactions after unlinking, {before} before")
    subprocess.run([CORRIDOR, "unlink", "user:u3", "--data", data], capture_output=True)
    return was_killed


def kill_adopt():
    global versions
    versions, before = versions + 1, stored()
    design = os.path.join(work, "next.yaml")
    with open(os.path.join(work, "corridor.yaml")) as f, open(design, "w") as g:
        g.write(f.read().replace("visit:", f"visit-{versions}:"))
    was_killed, _ = killed(0.8, "design", "adopt", design)
    groups = json.loads(corridor("query", "volume", "--by", "touchpoint", "--format", "json"))["rows"]
    if sum(g["interactions"] for g in groups) != before or (before and len(groups) != 1):
        sys.exit(f"seed {SEED}: after another corridor file {groups}, {before} interactions before")
    return was_killed


def kill_export():
    path, n = os.path.join(work, "export.csv"), stored()
    was_killed, _ = killed(0.6, "export", "--output", path)
    if os.path.exists(path):
        with open(path) as f:
            lines = sum(1 for _ in f)
        if lines != n + 1:
            sys.exit(f"seed {SEED}: {lines} lines of {n} interactions exported")
        os.unlink(path)
    elif not was_killed:
        sys.exit(f"seed {SEED}: no export")
    return was_killed


def on_copy(act):
    def act_on_copy():
        copy = os.path.join(work, "copied")
        shutil.copytree(data, copy)
        try:
            return act(copy)
        finally:
            shutil.rmtree(copy)
    return act_on_copy


def kill_replay(copy):
    """With a mapping that understands what the first did not: a row is in the store or in the quarantine."""
    n, bad, mended = stored(copy), quarantined(copy), os.path.join(work, "mended.yaml")
    with open(mapping) as f, open(mended, "w") as g:
        g.write(f.read().replace(",\n     measures: {duration: {column: seconds, unit: s}}", ""))
    was_killed, _ = killed(0.3, "quarantine", "replay", "--map", mended, directory=copy)
    if stored(copy) + quarantined(copy) != n + bad:
        sys.exit(f"seed {SEED}: {stored(copy)} and {quarantined(copy)} after replaying, {n} and {bad} before")
    corridor("quarantine", "replay", "--map", mended, directory=copy)
    if (stored(copy), quarantined(copy)) != (n + bad, 0):
        sys.exit(f"seed {SEED}: {stored(copy)} and {quarantined(copy)} after replaying again, {n} and {bad} before")
    return was_killed


def kill_drop(copy):
    n, bad = stored(copy), quarantined(copy)
    was_killed, _ = killed(0.2, "quarantine", "drop", "--all", directory=copy)
    if stored(copy) != n or quarantined(copy) not in ((0, bad) if was_killed else (0,)):
        sys.exit(f"seed {SEED}: {stored(copy)} and {quarantined(copy)} after dropping, {n} and {bad} before")
    return was_killed


def kill_repair(copy):
    """A damaged segment: whatever comes, no sound row is lost and the damaged file stays."""
    with contextlib.closing(sqlite3.connect(os.path.join(copy, "corridor.db"))) as db:
        segments = [row[0] for row in db.execute("select id from segment order by id")]
    if not segments:
        return False
    path, n = os.path.join(copy, "segments", f"{random.choice(segments):012x}.seg"), stored(copy)
    with open(path, "rb") as f:
        content = bytearray(f.read())
    content[random.randrange(64, len(content) * 3 // 4)] ^= 1 << random.randrange(8)
    with open(path, "wb") as f:
        f.write(content)
    was_killed, _ = killed(0.4, "verify", "--repair", directory=copy, verify=False)
    corridor("verify", "--repair", directory=copy)
    corridor("verify", directory=copy)
    with open(os.path.join(copy, "damaged", os.path.basename(path)), "rb") as f:
        if f.read() != content:
            sys.exit(f"seed {SEED}: the damaged segment is not kept")
    with contextlib.closing(sqlite3.connect(os.path.join(copy, "corridor.db"))) as db:
        lost = db.execute("select sum(n_rows - n_salvaged) from damaged_segment").fetchone()[0]
    if not n - lost <= stored(copy) <= n:  # rows of erased customers may be among the lost
        sys.exit(f"seed {SEED}: {stored(copy)} interactions and {lost} lost, {n} before")
    return was_killed


def kill_simulate():
    """Whole runs, or nothing: what is there is in order."""
    global simulated
    made = os.path.join(work, "simulated")
    was_killed, _ = killed(0.6, "simulate", "--persons", "9000", directory=made, verify=False)
    if os.path.exists(os.path.join(made, "corridor.db")):
        corridor("verify", directory=made)
        n = stored(made)
        simulated = simulated if was_killed else n
        if simulated is not None and n > simulated or not was_killed and n == 0:
            sys.exit(f"seed {SEED}: {n} interactions simulated, {simulated} in all")
    elif not was_killed:
        sys.exit(f"seed {SEED}: no simulation")
    shutil.rmtree(made, ignore_errors=True)
    return was_killed


def erase_rest(user):
    """Whatever is left of a customer; 10: nothing is."""
    done = subprocess.run([CORRIDOR, "erase", f"user:{user}", "--data", data], capture_output=True, text=True)
    if done.returncode not in (0, 10):
        sys.exit(f"seed {SEED}: corridor erase user:{user} left with {done.returncode}: {done.stderr}")


def kill_erase_single():
    """A customer of five interactions comes; one of them is erased."""
    global comers
    comers += 1
    user, path, before = f"gone{comers}", os.path.join(work, "comers.csv"), stored()
    with open(path, "w") as f:
        f.write("n,user,at,seconds\n" + "".join(f"s{comers}-{i},{user},2026-02-01T00:0{i}:00Z,5\n" for i in range(5)))
    corridor("import", "--map", mapping, path)
    was_killed, _ = killed(0.3, "erase", "--interaction", f"kill/s{comers}-2")
    left = stored() - before
    if left not in ((4, 5) if was_killed else (4,)):
        sys.exit(f"seed {SEED}: {left} of 5 interactions, one of them erased")
    erase_rest(user)
    if stored() != before:
        sys.exit(f"seed {SEED}: {stored() - before} interactions after erasing the customer")
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
    erase_rest(user)
    if stored() != before:
        sys.exit(f"seed {SEED}: {stored() - before} interactions after erasing again")
    return was_killed


ACTS = {"compact": kill_compact, "backup": kill_backup, "link": kill_link, "unlink": kill_unlink, "erase": kill_erase,
        "erase-single": kill_erase_single, "adopt": kill_adopt, "export": kill_export, "replay": on_copy(kill_replay),
        "drop": on_copy(kill_drop), "repair": on_copy(kill_repair), "simulate": kill_simulate}
counts = dict.fromkeys(["import", *ACTS], 0)
comers = versions = 0
simulated = None  # interactions of a whole simulation
kills = completed = between = 0
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
        least = 0  # rows that any run on this data directory has acknowledged
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
            least = max(least, rows)
            check_prefix(least)
            if process.returncode == 0:
                break
            kills += 1
            counts["import"] += 1
            between += 0 < rows < ROWS
            act = random.choice(list(ACTS))
            if ACTS[act]():
                kills += 1
                counts[act] += 1
            check_prefix(least)
            if kills >= KILLS:
                process = start_import()
                process.communicate()
                break
        complete()
        completed += 1
finally:
    shutil.rmtree(work, ignore_errors=True)
print(f"{kills} kills survived ({', '.join(f'{k} {v}' for k, v in counts.items())}), {completed} imports completed; "
      f"{between} of the {counts['import']} kills of imports between the first and the last acknowledgement; seed {SEED}")
if counts["import"] >= 5 and not between:
    sys.exit(f"seed {SEED}: no kill fell between acknowledgements: commits are too large for what is imported")
