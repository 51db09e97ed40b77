# SPDX-License-Identifier: Apache-2.0
"""Counts a meson test log: prints 'passed failed skipped'. A cmocka program counts each of its test functions, any
other test counts once. A test whose output holds a line 'skipped: …' adds to skipped beside its result."""
import json
import re
import sys

passed = failed = skipped = 0
for line in open(sys.argv[1], encoding="utf-8"):
    test = json.loads(line)
    output = test.get("stdout", "") + test.get("stderr", "")
    skipped += len(re.findall(r"^skipped: ", output, re.M))
    good = re.findall(r"\[  PASSED  \] (\d+) test", output)
    bad = re.findall(r"\[  FAILED  \] (\d+) test", output)
    n_good = sum(map(int, good))
    n_bad = sum(map(int, bad))
    if test["result"] in ("OK", "EXPECTEDFAIL"):
        passed += n_good or 1
        failed += n_bad
    elif test["result"] == "SKIP":
        skipped += 1
    else:
        passed += n_good
        failed += max(n_bad, 1)
print(passed, failed, skipped)
