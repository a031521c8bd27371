#!/usr/bin/env python3
"""scrub.py: how fast `mithaq log verify` reads a ledger again.

  ./dev bench scrub [ENTRIES [HEAD]]     1,000,000 entries unless told, HEAD (64) of a log between two checkpoints

The ledger is made by bench/ledger.c: full QUERY and REPLY entries with parts and exchanges, signed by real keys. Every
checkpoint and receipt is two signatures to verify, so the rate hangs on how many entries share one.
"""
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BINARY = os.environ["MITHAQ_BINARY"]
MAKER = str(Path(BINARY).parent.parent / "bench/bench_ledger")
ENTRIES = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
HEAD = sys.argv[2] if len(sys.argv) > 2 else "64"
GOAL = 500_000
RUNS = 3
PARTIES = ("customs.north.example", "customs.south.example")


def mithaq(home, *words):
    return subprocess.run([BINARY, "--home", str(home), *map(str, words)], check=True, capture_output=True, text=True).stdout


def homes(top):
    for party in PARTIES:
        mithaq(top / party, "init", party)
    for us, them in (PARTIES, PARTIES[::-1]):
        mithaq(top / us, "partner", "add", top / them / f"{them}.card", "127.0.0.1:7443")
        (top / us / "data").mkdir(mode=0o700, exist_ok=True)


def main():
    with tempfile.TemporaryDirectory(prefix="mithaq-bench-") as folder:
        top = Path(folder)
        homes(top)
        began = time.monotonic()
        subprocess.run([MAKER, top / PARTIES[0], top / PARTIES[1], "customs", str(ENTRIES), HEAD], check=True)
        size = (top / PARTIES[0] / "data/ledger.db").stat().st_size
        print(f"mithaq {BINARY}, {os.cpu_count()} processors; {ENTRIES} entries, {size / 1e6:.0f} MB, {HEAD} to a checkpoint, "
              f"made in {time.monotonic() - began:.0f} s")
        best = 0
        for _ in range(RUNS):
            before, began = os.times(), time.monotonic()
            said = json.loads(mithaq(top / PARTIES[0], "log", "verify", "--from-start", "--json"))
            took, after = time.monotonic() - began, os.times()
            worked = after.children_user + after.children_system - before.children_user - before.children_system
            if not said["whole"] or said["entries"] < ENTRIES:
                sys.exit(f"scrub: the ledger is not whole: {said}")
            best = max(best, said["entries"] / took)
            print(f"verify {took:6.2f} s  {said['entries'] / took:9.0f} entries/s  {worked / said['entries'] * 1e6:5.2f} us of processor an entry  "
                  f"({said['heads']} heads, {said['exchanges']} exchanges)")
    print(f"best {best:.0f} entries/s, goal {GOAL}: {'reached' if best >= GOAL else 'NOT reached'}")
    return 0 if best >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
