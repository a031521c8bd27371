#!/usr/bin/env python3
"""run.py: two real gateways, questions from both sides, and everything that can break breaks (README.md).

  ./dev chaos [--minutes N] [--seed S]    faults of every kind, one after another, for N minutes (5)
  ./dev chaos --kills N [--seed S]        N times kill -9 of a random process, three or four a second
  ./dev chaos --short [--seed S]          what ./test runs: each fault once, under 40 s
  ./dev chaos --only WORD                 only faults whose name contains WORD
     --side WORD  only on the side whose name begins so (north, south)
     --idle N     afterwards, at rest: N times one bit of a ledger, and one of every other file (12; 2 with --short)
     --lying-disk a sync stores nothing: with --only "power cut" this run must fail, or the checks are worth nothing
     --namespace  the southern gateway in a network namespace of its own (needs root)
     --askers N   applications on each side (4)          --keep   keep the folder of a run that went well

A run that fails prints its seed and keeps its folder.
"""
import argparse
import bisect
import json
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import checks  # noqa: E402
import faults  # noqa: E402
import idle  # noqa: E402
import prove  # noqa: E402
import world  # noqa: E402
from watch import Watch  # noqa: E402

HERE = Path(__file__).resolve().parent
SHORT_BUDGET = 22  # seconds of faults in the short form
KILL_WAIT = (0.05, 0.4)  # seconds between two kills
STALL = 6  # seconds without an answer after which no more is killed until there is one
STALLED = 45  # seconds without an answer that are a fault of their own


class Run:
    def __init__(self, options, top):
        self.options, self.draw = options, random.Random(options.seed)
        self.top, self.askers, self.faults, self.allowed, self.wrong = Path(top), [], [], set(), []
        self.world = world.World(top, self.draw, options.namespace)
        self.sides = [g for g in self.world.sides if g.name.startswith(options.side)]
        self.watches = {g.name: Watch(self.top / f"{g.name}.asks") for g in self.world.sides}
        self.kills = self.held = 0
        self.restored = set()  # names of parties whose ledger was an older one for a while
        self.idle = None

    # ---- the load ----

    def load_start(self):
        for g in self.world.sides:
            folder = self.watches[g.name].folder
            folder.mkdir()
            words = [sys.executable, HERE / "load.py", g.api, g.ask_token, folder, f"{self.options.seed} {g.name}", self.options.askers]
            self.askers.append(subprocess.Popen([*map(str, words), *world.clauses_of(g.name)]))
        self.wait_answers(time.monotonic())

    def load_end(self):
        for p in self.askers:
            p.send_signal(signal.SIGTERM)
        for p in self.askers:
            p.wait()
        for w in self.watches.values():
            w.read()

    def answered_since(self, when, both=True):
        """Seconds from `when` to the first answer to a question posted after it; of the slower side, or of either."""
        came = [w.answered_since(when) for w in self.watches.values()]
        if both:
            return None if None in came else max(came) - when
        found = [c for c in came if c is not None]
        return min(found) - when if found else None

    def wait_answers(self, when):
        world.until("both sides are answered again", lambda: self.answered_since(when) is not None, STALLED)
        return self.answered_since(when, both=False), self.answered_since(when)

    # ---- faults, one after another ----

    def chosen(self):
        found = [f for f in faults.FAULTS if not self.options.only or self.options.only in f.name]
        return [f for f in found if (f.short or not self.options.short) and (not f.named or self.options.only == f.name)]

    def break_one(self, fault, gateway):
        began = time.monotonic()
        try:
            said = fault.do(self.world, gateway, self.draw, self)
        except (faults.Skip, NotImplementedError):
            return
        mended = time.monotonic()
        self.allowed |= set(fault.codes)
        first, both = self.wait_answers(mended)
        self.faults.append({"fault": fault.name, "side": gateway.name, "said": said, "at": began, "broken_s": mended - began, "first_s": first, "both_s": both})
        with open(self.top / "faults.jsonl", "a", encoding="utf-8") as f:
            f.write(json.dumps(self.faults[-1]) + "\n")

    def rounds(self):
        """Every fault once in a random order, then again in another, until the time is up."""
        limit = time.monotonic() + (SHORT_BUDGET if self.options.short else self.options.minutes * 60)
        while True:
            order = self.chosen()
            self.draw.shuffle(order)
            for fault in order:
                self.break_one(fault, self.draw.choice(self.sides))
                if time.monotonic() > limit:
                    return
            if self.options.short:
                return

    # ---- kills ----

    def last_answer(self):
        return max((w.read().answers[-1][1] for w in self.watches.values() if w.answers), default=0)

    def hold_back(self):
        """Killing on while nothing is answered would be no load; but never to be answered again is a fault."""
        if time.monotonic() - self.last_answer() < STALL:
            return
        self.held += 1
        since = time.monotonic()
        world.until("an answer, while nothing more is killed", lambda: self.last_answer() > since, STALLED)

    def kill_many(self):
        self.deaths = []
        self.allowed |= set(faults.DIED)
        while self.kills < self.options.kills:
            gateway = self.draw.choice(self.sides)
            role = self.draw.choice(world.ROLES)
            when = time.monotonic()
            if gateway.kill(role, self.draw):
                self.kills += 1
                self.deaths.append((when, gateway.name, role))
            time.sleep(self.draw.uniform(*KILL_WAIT))
            if self.kills % 10 == 0:
                self.hold_back()

    # ---- the end ----

    def journal_kept(self, gateway):
        """Before a journal is put aside: it counts at the end all the same."""
        self.wrong += list(checks.check_journal(gateway, self.allowed | set(faults.STOPPED)))

    def quiet(self):
        """Both gateways run, orderly started; every application has heard how its questions ended."""
        for g in self.world.sides:
            if not g.is_up():
                g.start()
        self.world.wait_linked()
        self.load_end()
        self.world.wait_equal()

    def check(self):
        w = self.world
        self.ledgers = [checks.Ledger(g) for g in w.sides]
        self.wrong += checks.check_once(self.ledgers)
        self.wrong += checks.check_same(self.ledgers)
        for g in w.sides:
            self.wrong += checks.check_evidence(g, self.watches[g.name], self.draw, self.top)
        left = [pid for g in w.sides for _, pid in g.victims()]
        for g in w.sides:
            code = g.stop()
            if code != 0:
                self.wrong.append(f"{g.name}: told to stop, ended with {code}")
        self.wrong += [f"process {pid} is left" for pid in left if world.alive(pid)]
        for g, ledger, other in zip(w.sides, self.ledgers, reversed(self.ledgers)):
            promises = checks.check_restored if g.name in self.restored else checks.check_promises
            self.wrong += promises(g, self.watches[g.name], ledger, other)
            self.wrong += checks.check_verify(g)
            self.wrong += checks.check_journal(g, self.allowed)
        self.wrong += checks.check_left(self.top)
        self.wrong += prove.unnoticed(w.north, self.watches[w.north.name], self.ledgers)

    def damage(self):
        """Both are down. What they have at rest is damaged, in copies of this end."""
        flips = self.options.idle if self.options.idle is not None else 2 if self.options.short else 0 if self.kills else 12
        self.idle = idle.Idle(self.world, self.draw) if flips else None
        if self.idle:
            self.idle.all(flips, every_file=not self.options.short)
            self.wrong += self.idle.wrong

    # ---- the report ----

    def report(self):
        if self.faults:
            print(f"{'fault':<24}{'times':>6}{'first answer, s':>18}{'longest':>9}{'both sides, s':>16}{'longest':>9}")
        for name in [f.name for f in faults.FAULTS]:
            found = [f for f in self.faults if f["fault"] == name]
            if found:
                first, both = [f["first_s"] for f in found], [f["both_s"] for f in found]
                print(f"{name:<24}{len(found):>6}{statistics.median(first):>18.3f}{max(first):>9.3f}{statistics.median(both):>16.3f}{max(both):>9.3f}")
        if self.kills:
            self.report_kills()
        for g, ledger in zip(self.world.sides, self.ledgers):
            watch, looked = self.watches[g.name], g.shim.looked_up()
            print(f"{g.name:<15}", ", ".join(f"{k} {v}" for k, v in checks.counted(watch, ledger).items()))
            print(f"{'':<15} starts {g.starts}, epochs {len(ledger.by_epoch(True))}, lookups {sum(looked.values())}; told to applications: {watch.failures or 'no failures'}")

    def report_kills(self):
        roles = {}
        for _, _, role in self.deaths:
            roles[role] = roles.get(role, 0) + 1
        answers = sorted((a for w in self.watches.values() for a in w.answers), key=lambda a: a[1])
        gaps = [b[1] - a[1] for a, b in zip(answers, answers[1:])]
        lasted = self.deaths[-1][0] - self.deaths[0][0]
        waits = sorted(min((came for began, came in answers if began >= when), default=float("nan")) - when for when, _, _ in self.deaths)
        print(f"{self.kills} kills in {lasted:.0f} s, one in {lasted / max(1, self.kills - 1):.2f} s: {', '.join(f'{r} {n}' for r, n in sorted(roles.items()))}")
        print(f"held back {self.held} times for want of answers; {len(answers)} answers, longest time without one {max(gaps, default=0):.2f} s")
        print(f"failed, by the role killed last before: {dict(self.failed_by())}")
        print(f"from a kill to the first answer posted after it: median {waits[len(waits) // 2]:.3f} s, 99th of 100 {waits[len(waits) * 99 // 100]:.3f} s, longest {waits[-1]:.3f} s")

    def failed_by(self):
        """Which death lies before the end of each failed question."""
        when = [d[0] for d in self.deaths]
        ends = [e for w in self.watches.values() for e in w.ends.values() if e["state"] == "failed"]
        return Counter(self.deaths[bisect.bisect(when, e["t"]) - 1][2] for e in ends).most_common()

    def go(self):
        self.world.make().start()
        for g in self.world.sides:
            g.shim.set("syncs_lie", self.options.lying_disk)
        self.load_start()
        if self.options.kills:
            self.kill_many()
        else:
            self.rounds()
        self.quiet()
        self.check()
        self.report()
        self.damage()
        if self.idle:
            self.idle.report()

    def end(self):
        """Whatever happened: nothing of ours stays."""
        for p in self.askers:
            if p.poll() is None:
                p.kill()
                p.wait()
        for g in self.world.sides:
            if g.is_up():
                g.kill_all()
        self.world.relay.end()


def options_read():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--idle", type=int, default=None)
    parser.add_argument("--side", default="")
    parser.add_argument("--askers", type=int, default=4)
    parser.add_argument("--lying-disk", action="store_true")
    parser.add_argument("--namespace", action="store_true")
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 32)
    return options


def main():
    options = options_read()
    top = Path(tempfile.mkdtemp(prefix="mithaq-chaos-"))
    print(f"seed {options.seed}, folder {top}", flush=True)
    run, began = Run(options, top), time.monotonic()
    try:
        run.go()
    except Exception:
        run.wrong.append("the run did not come to its end:\n" + traceback.format_exc())
    finally:
        run.end()
    for text in checks.shortened(run.wrong):
        print("WRONG:", text)
    print(f"chaos: {'FAILED' if run.wrong else 'fine'}, seed {options.seed}, {time.monotonic() - began:.1f} s", flush=True)
    if run.wrong:
        print(f"the folder is kept: {top}")
    elif not options.keep:
        shutil.rmtree(top)
    return 1 if run.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
