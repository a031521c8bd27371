"""idle.py: damage at rest. One bit of one file is turned, a file is cut short, the WAL is lost; then the gateway starts.

What must hold after each: nothing dies of a signal; what is damaged is named by `mithaq log verify`, or every row of the
ledger still reads as before; a gateway that does not start says why; one that starts gives no false answer, and its
partner neither sees a fork nor loses anything.
"""
import shutil
import sqlite3
import subprocess
import urllib.parse
from collections import Counter

import checks
import world
from world import gateways

TABLES = ("log", "entry", "head", "exchange", "idempotency")
READY = 10  # seconds until a gateway is ready or has said why not
NOT_TOUCHED = (".db-shm", ".pid", ".lock")  # made anew at every start


def rows_of(path):
    """Everything a ledger says, or None when SQLite cannot read it to its end."""
    try:
        db = sqlite3.connect(f"file:{urllib.parse.quote(str(path))}?mode=ro", uri=True)
        try:
            return {t: rows_in(db, t) for t in TABLES}
        finally:
            db.close()
    except sqlite3.Error:
        return None


def rows_in(db, table):
    found = db.execute(f"SELECT * FROM {table} ORDER BY 1")
    return [column[0] for column in found.description], found.fetchall()


def differing(before, after):
    """The columns that say something else, or the tables that have other rows."""
    for table in TABLES if after else ():
        columns, old = before[table]
        new = after[table][1]
        if len(old) != len(new):
            yield f"{table}: {len(new)} rows, not {len(old)}"
        elif old != new:
            yield from {f"{table}.{column}" for at, column in enumerate(columns) if [r[at] for r in old] != [r[at] for r in new]}
    if not after:
        yield "SQLite cannot read it to its end"


def flip(path, draw):
    data = bytearray(path.read_bytes())
    at, bit = draw.randrange(len(data)), draw.randrange(8)
    data[at] ^= 1 << bit
    path.write_bytes(data)
    return f"bit {bit} of byte {at}"


def cut_short(path, draw):
    size = path.stat().st_size
    to = draw.randrange(size)
    with open(path, "r+b") as f:
        f.truncate(to)
    return f"cut from {size} to {to} bytes"


class Idle:
    def __init__(self, w, draw):
        self.world, self.draw, self.wrong, self.lines = w, draw, [], []
        self.copies = {g.name: w.top / f"{g.name}.copy" for g in w.sides}
        for g in w.sides:
            g.journal_path.rename(g.journal_path.with_suffix(".log.load"))
            g.journal_path.touch()
            shutil.copytree(g.home, self.copies[g.name], ignore=shutil.ignore_patterns("*.sock"))

    # ---- one trial ----

    def mend(self):
        for g in self.world.sides:
            if g.is_up():
                g.kill_all()
            shutil.rmtree(g.home)
            shutil.copytree(self.copies[g.name], g.home)
            g.journal_path.write_text("")

    def trial(self, g, name, how):
        path = g.home / name
        other = next(x for x in self.world.sides if x is not g)
        before = rows_of(g.data / "ledger.db")
        place = how(path, self.draw)
        outcome = {"side": g.name, "file": str(name), "damage": place}
        outcome["verify"] = self.verify(g, before)
        outcome["start"] = self.start(g, other)
        self.lines.append(outcome)
        self.mend()

    def fault(self, g, text):
        self.wrong.append(f"{g.name}: {text}")

    def verify(self, g, before):
        done = g.run("log", "verify", check=False)
        said = (done.stdout + done.stderr).strip()
        if done.returncode < 0 or any(word in said for word in checks.SANITIZER):
            self.fault(g, f"log verify died with {done.returncode}: {said[-300:]}")
        if done.returncode != 0:
            return "named" if said else "fails without a word"
        after = rows_of(g.data / "ledger.db")
        if after == before:
            return "no row differs"
        return "UNSEEN: " + ", ".join(sorted(differing(before, after)))

    def start(self, g, other):
        with open(g.journal_path, "ab") as journal:
            words = [*g.within, gateways.BINARY, "--home", str(g.home), "--lang", "en", "serve"]
            g.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=journal, stderr=journal, start_new_session=True)
        other.start()
        limit = world.now() + READY
        while g.process.poll() is None and g.asks("/readyz") is None and world.now() < limit:
            world.time.sleep(0.02)
        if g.process.poll() is not None:
            return self.refused(g)
        said = self.serves(g, other)
        self.harm(g, other)
        return said

    def refused(self, g):
        code, said = g.process.returncode, g.journal().strip()
        if code < 0 or not said:
            self.fault(g, f"the gateway ended with {code} and said: {said[-300:]!r}")
        return f"refuses, code {code}"

    def serves(self, g, other):
        """Questions of every clause that `g` asks or answers: who is answered, and whether it is the truth."""
        outcomes = Counter()
        for asker in (g, other):
            for clause in world.clauses_of(asker.name):
                outcomes[self.ask(asker, clause)] += 1
        return "serves: " + ", ".join(f"{n} {what}" for what, n in sorted(outcomes.items()))

    def ask(self, asker, clause):
        number = f"{self.draw.randint(1, world.ROWS):07d}"
        body = {"clause": clause, "purpose": "trial", "fields": {"number": number}}
        what = "no answer"
        for _ in range(20):
            try:
                status, _, said = asker.http("POST", "/v1/queries", body, asker.ask_token, {"Prefer": "wait=3"}, timeout=8)
            except (OSError, gateways.http.client.HTTPException):
                status, said = 0, {}
            what = said.get("state") or said.get("code") or what if isinstance(said, dict) else what
            if status == 200:
                break
            if status != 503 or what not in ("busy", "partner-unreachable"):
                break
            world.time.sleep(0.1)
        if what == "answered" and (said.get("fields") or {}).get("value") != world.value_of(number):
            self.fault(asker, f"{clause} of {number} was answered {said.get('fields')}")
        return what

    def harm(self, g, other):
        """The partner of a damaged gateway saw no contradiction, and its own ledger is whole."""
        for line in other.journal_lines():
            if line.get("code") in ("alarm", "contradiction", "promise"):
                self.fault(other, f"after damage at {g.name}: {line['code']}: {line['text'][:160]}")
        for line in g.journal_lines():
            if line.get("code") == "promise" or "killed by signal" in line.get("text", ""):
                self.fault(g, f"{line['text'][:160]}")
        for x in (g, other):
            x.stop()
        done = other.run("log", "verify", check=False)
        if done.returncode != 0:
            self.fault(other, f"after damage at {g.name}, log verify: {done.stdout[-300:]}")

    # ---- all of them ----

    def files(self, g):
        found = [p.relative_to(g.home) for p in sorted(g.home.rglob("*")) if p.is_file() and p.stat().st_size > 0]
        return [f for f in found if not str(f).endswith(NOT_TOUCHED) and not str(f).startswith("root/")]

    def all(self, flips, every_file=True):
        g = self.draw.choice(self.world.sides)
        if every_file:
            for name in self.files(g):
                self.trial(g, name, flip)
        self.gather(g)
        for _ in range(flips):
            self.trial(g, "data/ledger.db", flip)
        self.trial(g, "data/ledger.db", cut_short)

    def gather(self, g):
        """Everything into the database file: after a stop it may all stand in the WAL."""
        db = sqlite3.connect(self.copies[g.name] / "data/ledger.db")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.close()
        self.mend()

    def report(self):
        for line in self.lines:
            print(f"  {line['file']:<42} {line['damage']:<36} verify: {line['verify']:<24} {line['start']}")
        unseen = sum(line["verify"].startswith("UNSEEN") for line in self.lines)
        print(f"idle: {len(self.lines)} damages, {unseen} changed a row that log verify does not vouch for")
