#!/usr/bin/env python3
"""run.py: runs the end-to-end tests; each prints `ok NAME` or `FAIL NAME`, and the last line is `e2e done`.

  tests/e2e/run.py [NAME...]      all, or those whose name contains one of the words
"""
import importlib
import sys
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))




def tests():
    for path in sorted(Path(__file__).resolve().parent.glob("test_*.py")):
        module = importlib.import_module(path.stem)
        for name, function in vars(module).items():
            if name.startswith("test_") and callable(function) and function.__module__ == path.stem:
                yield f"{path.stem[5:]}: {name[5:].replace('_', ' ')}", function


def main(words):
    failed = 0
    for name, function in tests():
        if words and not any(word in name for word in words):
            continue
        began = time.monotonic()
        try:
            said = function()
            if isinstance(said, str):
                print(f"skipped: {name}: {said}", flush=True)
            else:
                print(f"ok {name} ({time.monotonic() - began:.1f} s)", flush=True)
        except Exception:
            failed += 1
            print(f"FAIL {name}", flush=True)
            print("".join("   " + line + "\n" for line in traceback.format_exc().rstrip().split("\n")), flush=True)
    print("e2e done", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
