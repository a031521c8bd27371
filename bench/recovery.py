#!/usr/bin/env python3
"""recovery.py: how long a gateway with a long ledger is away after kill -9.

  ./dev bench recovery [ENTRIES [TIMES]]     1,000,000 entries unless told, 5 kills of each kind

Two gateways hold the same ledger, made by bench/ledger.c and mirrored. Measured is the time from the kill until
GET /v1/status answers and says that the partner is connected, and until a new question is answered. Both gateways are
started anew before each kill: who dies again and again is started and dialled less often, and that is not measured here.
"""
import os
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests/chaos"))
os.environ["MITHAQ_CHAOS_LIBRARY"] = ""  # nothing stands between the gateway and its disk
import world  # noqa: E402
from world import gateways  # noqa: E402

MAKER = str(Path(gateways.BINARY).parent.parent / "bench/bench_ledger")
ENTRIES = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
TIMES = int(sys.argv[2]) if len(sys.argv) > 2 else 5
GOAL = 1.0
SETTLED = 1.5  # seconds from a start to the kill: what the start left to be done is done


def mirror(g, other):
    """The partner's side of the same ledger: what is own here is the other's there."""
    other.data.mkdir(mode=0o700, exist_ok=True)
    db = sqlite3.connect(g.data / "ledger.db")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    path = other.data / "ledger.db"
    shutil.copy(g.data / "ledger.db", path)
    path.chmod(0o600)
    db = sqlite3.connect(path)
    db.execute("UPDATE log SET own = 1 - own, partner = ?", (g.name,))
    db.execute("UPDATE exchange SET ours = 1 - ours")
    db.execute("UPDATE entry SET withheld = NULL")
    db.commit()
    db.close()


def answered(g, clause, number):
    body = {"clause": clause, "purpose": "trial", "fields": {"number": f"{number:07d}"}}
    try:
        status, _, said = g.http("POST", "/v1/queries", body, g.ask_token, {"Prefer": "wait=5"}, timeout=8)
    except (OSError, gateways.http.client.HTTPException):
        return False
    return status == 200 and said["state"] == "answered"


def until(what, ask):
    while not ask():
        time.sleep(0.002)


def kill_and_wait(w, how, number):
    began = time.monotonic()
    if how == "all":
        w.north.kill_all()
        w.north.start(wait=False)
    else:
        w.north.kill(how, w.draw)
    until("status", w.north.linked)
    linked = time.monotonic() - began
    until("an answer", lambda: answered(w.north, world.clauses_of(w.north.name)[0], number))
    return linked, time.monotonic() - began


def main():
    with tempfile.TemporaryDirectory(prefix="mithaq-bench-") as folder:
        w = world.World(folder, random.Random(1)).make()
        w.north.data.mkdir(mode=0o700, exist_ok=True)
        subprocess.run([MAKER, w.north.home, w.south.home, world.CHANNELS[0], str(ENTRIES)], check=True)
        mirror(w.north, w.south)
        size = (w.north.data / "ledger.db").stat().st_size
        print(f"mithaq {gateways.BINARY}, {os.cpu_count()} processors; {ENTRIES} entries, {size / 1e6:.0f} MB", flush=True)
        worst = 0.0
        try:
            began = time.monotonic()
            w.start()
            print(f"first start of both, linked      {time.monotonic() - began:6.3f} s", flush=True)
            for how in ("core", "keeper", "all"):
                took = []
                for i in range(TIMES):
                    for g in w.sides:
                        g.stop()
                    w.start()
                    time.sleep(SETTLED)
                    took.append(kill_and_wait(w, how, i + 1))
                for name, times in zip(("status says connected", "a question is answered"), zip(*took)):
                    print(f"kill {how:<7} {name:<24} median {statistics.median(times):6.3f} s  longest {max(times):6.3f} s", flush=True)
                worst = max(worst, max(t for _, t in took))
        finally:
            w.stop()
    print(f"longest {worst:.3f} s, goal {GOAL:.0f} s: {'reached' if worst < GOAL else 'NOT reached'}")
    return 0 if worst < GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
