# SPDX-License-Identifier: Apache-2.0
"""The checks that hold the house together. Each prints its findings; the last line counts the checks."""
import collections
import os
import re
import subprocess
import sys

# What a folder may include from besides itself (ARCHITECTURE.md).
_STORE = {"base", "db", "design", "journey"}
MAY_INCLUDE = {
    "base": set(), "sandbox": {"base"}, "web": {"base"}, "db": {"base"}, "http": {"base"},
    "design": {"base", "db"}, "access": {"base", "db"},
    "journey": _STORE - {"journey"}, "measure": _STORE, "people": _STORE, "simulate": _STORE,
    "sql": _STORE | {"measure"},
    "listen": _STORE | {"people", "sandbox"},
}
MAY_INCLUDE["api"] = set(MAY_INCLUDE)
MAY_INCLUDE["cli"] = set(MAY_INCLUDE)
MAY_INCLUDE["app"] = set(MAY_INCLUDE)
BANNED = ["strcpy", "strcat", "sprintf", "vsprintf", "strtok", "atoi", "atol", "atof", "gets", "alloca", "strncpy",
          "system", "popen", "tmpnam", "mktemp", "asctime", "ctime", "gmtime", "localtime",
          "pthread_cond_timedwait"]  # by the wall clock; thread_wait_until goes by one that nobody sets
ALLOCATION = ["malloc", "calloc", "realloc", "free", "strdup", "strndup", "asprintf"]
MAX_LINES = 1000
MAX_COMPLEXITY = 20


def sources(*suffixes):
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], capture_output=True, text=True, check=True)
    return [f for f in out.stdout.split("\n") if f.endswith(suffixes) and os.path.exists(f)]


def code_of(path):
    """The text without comments and string literals, line numbers kept."""
    text = open(path, encoding="utf-8").read()
    blank = lambda m: re.sub(r"[^\n]", " ", m.group(0))
    return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.S)


def check_includes():
    for path in sources(".c", ".h", ".cc"):
        m = re.match(r"src/(\w+)/", path)
        if not m:
            continue
        here = m.group(1)
        if here not in MAY_INCLUDE:
            yield f"{path}: what may the folder '{here}' include from? MAY_INCLUDE in tools/lint.py and ARCHITECTURE.md say"
            continue
        for number, line in enumerate(open(path, encoding="utf-8"), 1):
            inc = re.match(r'\s*#\s*include\s+"(\w+)/([^"]+)"', line)
            if not inc:
                continue
            there, name = inc.groups()
            if there != here and there not in MAY_INCLUDE[here]:
                yield f"{path}:{number}: {here} must not include from {there}"
            if there != here and name.endswith("internal.h"):
                yield f"{path}:{number}: {name} belongs to {there} alone"


def check_banned():
    for path in sources(".c", ".h"):
        if not path.startswith(("src/", "tests/", "bench/")):
            continue
        names = list(BANNED)
        if path.startswith("src/") and path != "src/base/mem.c":
            names += ALLOCATION
        pattern = re.compile(r"(?<![\w.>])(" + "|".join(names) + r")\s*\(")
        for number, line in enumerate(code_of(path).split("\n"), 1):
            for m in pattern.finditer(line):
                yield f"{path}:{number}: {m.group(1)}() is banned here"


def check_complexity():
    files = [f for f in sources(".c", ".cc") if f.startswith("src/")]
    out = subprocess.run(["pmccabe"] + files, capture_output=True, text=True, check=True).stdout
    for line in out.split("\n"):
        cols = line.split("\t")
        if len(cols) >= 6 and int(cols[0]) > MAX_COMPLEXITY:
            yield f"{cols[5]}: complexity {cols[0]} is over {MAX_COMPLEXITY}"


def check_size():
    for path in sources(".c", ".h", ".cc", ".ts", ".tsx", ".mjs", ".css", ".py", ".sh", "dev"):
        n = sum(1 for _ in open(path, encoding="utf-8"))
        if n > MAX_LINES:
            yield f"{path}: {n} lines, over {MAX_LINES}"


def check_spdx():
    for path in sources(".c", ".h", ".cc", ".py", "meson.build"):
        head = open(path, encoding="utf-8").read(300)
        if "SPDX-License-Identifier: Apache-2.0" not in head:
            yield f"{path}: no SPDX line"


def check_documented():
    """A prototype in a public header is preceded by a comment, or stands in a group that is (no blank line between)."""
    proto = re.compile(r"^(?!static|typedef|extern|#|struct \w+ \{|enum \w+ \{)[a-z][\w \*]*[ \*](\w+)\(")
    for path in sources(".h"):
        if not path.startswith("src/"):
            continue
        lines = open(path, encoding="utf-8").read().split("\n")
        documented = False
        for number, line in enumerate(lines, 1):
            if not line.strip():
                documented = False
            elif line.lstrip().startswith(("//", "/*", "*")):
                documented = True
            elif proto.match(line) and not documented:
                yield f"{path}:{number}: {proto.match(line).group(1)} is not documented"


def check_format():
    files = sources(".c", ".h", ".cc")
    out = subprocess.run(["clang-format", "--dry-run", "--ferror-limit=1"] + files, capture_output=True, text=True).stderr
    seen = collections.OrderedDict()
    for line in out.split("\n"):
        m = re.match(r"([^:]+):(\d+):\d+: (?:warning|error):", line)
        if m:
            seen.setdefault(m.group(1), m.group(2))
    for path, number in seen.items():
        yield f"{path}:{number}: not formatted; ./dev format does it"


CHECKS = [("include direction", check_includes), ("banned functions", check_banned),
          ("complexity", check_complexity), ("file size", check_size), ("SPDX lines", check_spdx),
          ("public functions documented", check_documented), ("formatting", check_format)]


def main():
    bad = 0
    for name, check in CHECKS:
        findings = list(check())
        bad += bool(findings)
        print(f"{'FAIL' if findings else 'ok  '} {name}")
        for f in findings[:40]:
            print("     " + f)
        if len(findings) > 40:
            print(f"     … and {len(findings) - 40} more")
    print(f"{len(CHECKS) - bad} passed, {bad} failed")
    return 1 if bad else 0


sys.exit(main())
