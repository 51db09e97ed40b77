# SPDX-License-Identifier: Apache-2.0
"""What the tests on real data share: where the data is, running corridor, checking, counting."""
import json
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHARED = os.environ.get("CORRIDOR_SHARED", os.path.join(os.path.dirname(ROOT), "shared"))
CORRIDOR = sys.argv[1]

failures = 0


def data_file(*path):
    """The path of a file of the shared data; leaves with 'skipped: …' when it is not there."""
    full = os.path.join(SHARED, "data", *path)
    if not os.path.exists(full):
        print(f"skipped: no {full} (set CORRIDOR_SHARED)")
        sys.exit(0)
    return full


def corridor(*args, data=None, expect=0, stdin=None):
    """Runs corridor; its standard output. Any other exit code than expected ends the test."""
    env = dict(os.environ)
    if data:
        env["CORRIDOR_DATA"] = data
    done = subprocess.run([CORRIDOR, *args], capture_output=True, text=True, env=env, input=stdin)
    if done.returncode != expect:
        print(f"corridor {' '.join(args)} left with {done.returncode}, not {expect}:\n{done.stdout}{done.stderr}")
        sys.exit(1)
    return done.stdout


def query(name, *args, data):
    """The rows of an analysis, as a list of dictionaries."""
    return json.loads(corridor("query", name, "--format", "json", *args, data=data))["rows"]


def one(name, *args, data):
    rows = query(name, *args, data=data)
    assert len(rows) == 1, rows
    return rows[0]


def check(what, got, wanted, tolerance=0):
    """Compares and reports; a difference makes the test fail at its end."""
    global failures
    same = got == wanted if not tolerance else got is not None and abs(got - wanted) <= tolerance
    if not same:
        failures += 1
        print(f"{what}: {got}, not {wanted}")


def end():
    print("all as expected" if failures == 0 else f"{failures} differences")
    sys.exit(1 if failures else 0)


def new_data_dir():
    """A folder that goes away with the process."""
    holder = tempfile.TemporaryDirectory(prefix="corridor-real-")
    new_data_dir.holders.append(holder)
    return os.path.join(holder.name, "data")


new_data_dir.holders = []


def import_report(data, mapping, *files):
    """The rows of corridor import's JSON report."""
    return json.loads(corridor("import", "--map", mapping, "--format", "json", *files, data=data))


def example(*path):
    return os.path.join(ROOT, "examples", *path)
