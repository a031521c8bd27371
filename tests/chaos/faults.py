"""faults.py: the ways in which things break. Each function breaks one thing on one side, keeps it broken for as long as it
should be, mends it, and returns what is worth telling; the caller measures until questions are answered again.

Journal codes that a fault explains stand beside it: an error with any other code fails the run.
"""
import os
import shutil
import signal
import sqlite3
import time
from dataclasses import dataclass
from typing import Callable

import world
from world import until

CLOCK_STEP_MS, CLOCK_JUMP_MS = 290_000, 600_000  # within what both sides allow each other, and far beyond
LONG_SILENCE = 50  # seconds: longer than a partner may be silent


class Skip(Exception):
    """Nothing there to break."""


@dataclass
class Fault:
    name: str
    do: Callable  # (world, gateway, draw, run)
    codes: tuple = ()
    short: bool = True  # takes seconds, not minutes
    named: bool = False  # only when --only names it: the README says why


def pause(draw, least, most):
    time.sleep(draw.uniform(least, most))


# ---- deaths ----


def killer(role):
    def kill(w, g, draw, _):
        if not g.kill(role, draw):
            raise Skip

    return kill


def kill_all(w, g, draw, _):
    g.kill_all()
    g.start(wait=False)


def restart(w, g, draw, _):
    code = g.stop()
    if code != 0:
        raise AssertionError(f"{g.name} was told to stop and ended with {code}")
    pause(draw, 0, 0.5)
    g.start(wait=False)


def freeze(w, g, draw, _):
    """A process that neither lives nor dies: its sockets stay open."""
    role = draw.choice(world.ROLES[1:])
    pid = g.victim(role, draw)
    if pid is None:
        raise Skip
    os.kill(pid, signal.SIGSTOP)
    pause(draw, 0.2, 2.5)
    os.kill(pid, signal.SIGCONT)
    return role


# ---- the network ----


def net_cut(w, g, draw, _):
    w.relay.cut(True)
    pause(draw, 0.05, 1.5)
    w.relay.cut(False)


def net_silent(w, g, draw, _):
    w.relay.silent(True)
    pause(draw, 0.2, 2.5)
    w.relay.silent(False)


def net_dead(w, g, draw, _):
    w.relay.silent(True)
    time.sleep(LONG_SILENCE)
    w.relay.cut(True)
    w.relay.silent(False)
    time.sleep(0.2)
    w.relay.cut(False)


def net_slow(w, g, draw, _):
    w.relay.slow(draw.uniform(0.02, 0.4))
    pause(draw, 0.5, 2)
    w.relay.slow(0)


def spoiler(how):
    def spoil(w, g, draw, _):
        before = w.relay.spoiled
        w.relay.spoil_next(how)
        until("something was carried", lambda: w.relay.spoiled > before)

    return spoil


# ---- clocks ----


def clock(by):
    def jump(w, g, draw, _):
        ms = draw.choice((-by, by))
        g.shim.set("clock_ms", ms)
        pause(draw, 0.3, 1.5)
        g.shim.set("clock_ms", 0)
        return f"{ms / 1000:+.0f} s"

    return jump


# ---- the disk ----


def stopped(g):
    """The gateway says of itself that its ledger stopped."""
    return any(line.get("code") == "ledger-stopped" and line.get("process") == "parent" for line in g.journal_lines())


def restart_stopped(g, draw):
    """What a person does when the disk is mended."""
    g.stop()
    g.journal_path.rename(g.journal_path.with_suffix(f".log.{g.starts}"))
    g.start(wait=False)


def disk_breaks(how, nth):
    def fail(w, g, draw, run):
        before = g.shim.broke()
        g.shim.break_disk(how, draw.randint(*nth))
        until("the disk was written to", lambda: g.shim.broke() > before)
        until(f"{g.name} says that its ledger stopped", lambda: stopped(g))
        status, _, said = g.http("GET", "/v1/status", token=g.watch_token)
        if (status, said.get("code")) != (503, "ledger-stopped"):
            raise AssertionError(f"{g.name}: the ledger stopped, and the API says {status} {said}")
        pause(draw, 0, 0.5)
        g.shim.mend_disk()
        run.journal_kept(g)
        restart_stopped(g, draw)

    return fail


def disk_dies(how, nth):
    """The process dies inside its own write or sync; the parent starts it again."""

    def fail(w, g, draw, _):
        before = g.shim.broke()
        g.shim.break_disk(how, draw.randint(*nth))
        until("the disk was written to", lambda: g.shim.broke() > before)

    return fail


def power_cut(w, g, draw, _):
    """Everything dies at once, and what was not synced is lost sector by sector."""
    g.kill_all()
    at_risk = g.shim.cut_power(g.data, draw)
    g.start(wait=False)
    return f"{at_risk} writes at risk"


# ---- an older copy ----


def copy_ledger(g, to):
    """A consistent copy while the gateway writes, as a backup makes it."""
    source, target = sqlite3.connect(f"file:{g.data}/ledger.db?mode=ro", uri=True), sqlite3.connect(to)
    source.backup(target)
    source.close()
    target.close()


def restore(w, g, draw, run):
    """The ledger of a moment ago takes the place of today's."""
    copy = w.top / f"{g.name}.{g.starts}.db"
    copy_ledger(g, copy)
    pause(draw, 0.2, 1.5)
    g.kill_all()
    for name in ("ledger.db", "ledger.db-wal", "ledger.db-shm"):
        (g.data / name).unlink(missing_ok=True)
    shutil.move(copy, g.data / "ledger.db")
    (g.data / "ledger.db").chmod(0o600)
    run.restored.add(g.name)
    g.start(wait=False)


# ---- the table ----

STOPPED = ("ledger-stopped",)  # the core and the parent both say it
DIED = ("keeper",)  # a core that had a message for a keeper that is gone
FAULTS = [
    *(Fault(f"kill {role}", killer(role), DIED) for role in world.ROLES),
    Fault("kill all", kill_all),
    Fault("stop and start", restart),
    Fault("freeze a process", freeze),
    Fault("net cut", net_cut),
    Fault("net half-open", net_silent),
    Fault("net dead for 50 s", net_dead, short=False),
    Fault("net slow", net_slow),
    Fault("net bit flipped", spoiler("flip")),
    Fault("net bytes twice", spoiler("twice")),
    Fault("clock steps", clock(CLOCK_STEP_MS)),
    Fault("clock jumps", clock(CLOCK_JUMP_MS), named=True),
    Fault("disk full", disk_breaks("full", (1, 1)), STOPPED),
    Fault("write fails", disk_breaks("write-fail", (1, 60)), STOPPED),
    Fault("sync fails", disk_breaks("sync-fail", (1, 8)), STOPPED),
    Fault("short write", disk_dies("short", (1, 60))),
    Fault("torn write, death", disk_dies("torn", (1, 60))),
    Fault("death before a write", disk_dies("die-write", (1, 60))),
    Fault("death before a sync", disk_dies("die-sync", (1, 8))),
    Fault("death after a sync", disk_dies("die-synced", (1, 8))),
    Fault("power cut", power_cut),
    Fault("restored from a copy", restore, named=True),
]
