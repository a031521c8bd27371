#!/usr/bin/env python3
"""tally.py: counts what meson's test log says, case by case where a test program counts its own cases.

  tools/tally.py testlog.json...    prints the failures' output, then "PASSED FAILED SKIPPED"
"""
import json
import re
import sys

CASE_OK = re.compile(r"^\[\s+OK \]", re.M)
CASE_BAD = re.compile(r"^\[\s+FAILED\s+\] (?!.*test\(s\))(\S+)", re.M)
CASE_SKIPPED = re.compile(r"^\[\s+SKIPPED\s+\] (?!.*test\(s\))(\S+)", re.M)
MESON_SKIPPED = "SKIP"


def count(record):
    """(passed, failed, skipped) of one test program. A program that ends badly fails at least once, whatever it printed."""
    text = (record.get("stdout") or "") + "\n" + (record.get("stderr") or "")
    fine = record["result"] in ("OK", "EXPECTEDFAIL")
    if record["result"] == MESON_SKIPPED:
        return 0, 0, 1
    passed, failed, skipped = len(CASE_OK.findall(text)), len(set(CASE_BAD.findall(text))), len(set(CASE_SKIPPED.findall(text)))
    if fine:
        return (passed, 0, skipped) if passed + skipped else (1, 0, 0)
    return passed, max(failed, 1), skipped


def main():
    total = [0, 0, 0]
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8", errors="replace") as log:
            for line in log:
                if not line.strip():
                    continue
                record = json.loads(line)
                counted = count(record)
                total = [a + b for a, b in zip(total, counted)]
                if counted[1]:
                    text = ((record.get("stdout") or "") + (record.get("stderr") or "")).strip().splitlines()
                    print(f"--- FAILED {record['name']} ({record['result']})", file=sys.stderr)
                    print("\n".join(text[-60:]), file=sys.stderr)
    print(*total)
    return 0


if __name__ == "__main__":
    sys.exit(main())
