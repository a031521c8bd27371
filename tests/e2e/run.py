#!/usr/bin/env python3
"""run.py: runs the end-to-end tests; each prints `ok NAME` or `FAIL NAME`, and the last line is `e2e done`.

  tests/e2e/run.py [NAME...]      all, or those whose name contains one of the words

Files run beside one another, as many as there are processors, since most of a test is waiting; the tests of a file run in order.
"""
import importlib
import multiprocessing
import os
import sys
import time
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
SLOWEST = ("test_events", "test_guides", "test_openapi", "test_metrics", "test_keys", "test_odbc", "test_api_tls")  # begun first


def say(text):
    """One write, so that the lines of two files do not mix."""
    sys.stdout.flush()
    os.write(sys.stdout.fileno(), (text + "\n").encode())


def tests_of(stem):
    module = importlib.import_module(stem)
    for name, function in vars(module).items():
        if name.startswith("test_") and callable(function) and function.__module__ == stem:
            yield f"{stem[5:]}: {name[5:].replace('_', ' ')}", function


def run_one(name, function):
    began = time.monotonic()
    try:
        said = function()
    except Exception:
        say(f"FAIL {name}\n" + "".join("   " + line + "\n" for line in traceback.format_exc().rstrip().split("\n")))
        return 1
    say(f"skipped: {name}: {said}" if isinstance(said, str) else f"ok {name} ({time.monotonic() - began:.1f} s)")
    return 0


def run_file(stem, words):
    """How many tests of the file failed."""
    try:
        return sum(run_one(name, function) for name, function in tests_of(stem) if not words or any(word in name for word in words))
    except Exception:  # the file itself does not load
        say(f"FAIL {stem[5:]}\n{traceback.format_exc()}")
        return 1


def main(words):
    stems = sorted((path.stem for path in HERE.glob("test_*.py")), key=lambda s: (SLOWEST.index(s) if s in SLOWEST else len(SLOWEST), s))
    with multiprocessing.Pool(os.cpu_count(), maxtasksperchild=1) as pool:
        failed = sum(pool.starmap(run_file, [(s, words) for s in stems], chunksize=1))
    say("e2e done")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
