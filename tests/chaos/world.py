"""world.py: two real gateways that ask each other, each behind a shim, with a relay between them."""
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/e2e"))
import gateways  # noqa: E402
from gateways import free_port, until  # noqa: E402

import space  # noqa: E402
from relay import Relay  # noqa: E402
from shim import Shim  # noqa: E402

NORTH, SOUTH = "north.example", "south.example"
CHANNELS = ("alpha", "beta")
ROWS = 20_000  # of each provider: further numbers are honest misses
ROLES = ("parent", "core", "keeper", "desk", "reader", "link", "worker")
SHIM = os.environ.get("MITHAQ_CHAOS_LIBRARY", str(ROOT / "build-plain/tests/chaos/chaos_shim.so"))
BACK_AGAIN = 30  # seconds within which both gateways must be linked again after anything

AGREEMENT = """mithaq: agreement/1
# For breaking gateways on purpose. Both parties are invented and their root keys are published.
id: broken-on-purpose
version: 1
environment: test
sample: not an agreement of anybody
languages: [ar, en]
authentic: [ar, en]
above-this: nothing
title: {{ar: اتفاق لتجارب الأعطال (نموذج), en: Agreement for trials by breaking (sample)}}
in-force: {{from: 2025-01-01, until: 2045-12-31, renews: no, notice: 6 months}}
parties:
{parties}
purposes:
  trial: {{ar: تجربة, en: a trial}}
clauses:
{clauses}"""

PARTY = """  {name}:
    name: {{ar: {ar} (نموذج), en: {en} (sample)}}
    working-days: Sunday to Thursday
    time-zone: UTC
    keys:
      - root-a {a}
      - root-b {b}
"""

CLAUSE = """  - number: {number}
    channel: {channel}
    name: {name}
    pattern: query
    title: {{ar: قيمة رقم, en: Value of a number}}
    basis: {{ar: المادة 1, en: Article 1}}
    asks: {asks}
    answers: {answers}
    purposes: [trial]
    request:
      number: {{type: document-number, length: 15, required: always, ar: الرقم, en: Number}}
    answer:
      value: {{type: text, length: 40, ar: القيمة, en: Value}}
    limits: {{per-day: 1000000, answer-within: 2 seconds}}
    keep: {{question: until answered, answer: 30 days}}
    onward: no
    examples:
      - ask: {{purpose: trial, number: "0000001"}}
        answer: {{value: value of 0000001}}
    must-refuse:
      - ask: {{purpose: trial}}
        because: required
"""


def public_key(party, letter):
    from nacl.signing import SigningKey

    return bytes(SigningKey(seed(party, letter)).verify_key).hex()


def seed(party, letter):
    return bytes.fromhex(subprocess.check_output([sys.executable, ROOT / "tools/sample-keys.py", party, letter], text=True).strip())


def clauses_of(asker):
    side = asker.split(".")[0]
    return [f"{channel}/{side}-asks" for channel in CHANNELS]


def agreement_text():
    parties = "".join(PARTY.format(name=n, ar=ar, en=en, a=public_key(n, "a"), b=public_key(n, "b"))
                      for n, ar, en in ((NORTH, "الشمال", "North"), (SOUTH, "الجنوب", "South")))
    clauses, number = "", 1
    for asker, answerer in ((NORTH, SOUTH), (SOUTH, NORTH)):
        for clause in clauses_of(asker):
            channel, name = clause.split("/")
            clauses += CLAUSE.format(number=number, channel=channel, name=name, asks=asker, answers=answerer)
            number += 1
    return AGREEMENT.format(parties=parties, clauses=clauses)


def value_of(number):
    """What the provider says of a number: None is a miss."""
    return f"value of {number}" if len(number) == 7 and 0 < int(number) <= ROWS else None


class Gateway(gateways.Party):
    """A party whose gateway has a process group of its own and lives behind a shim."""

    def __init__(self, top, name, partner, api, extra):
        super().__init__(top, name, api, extra)
        self.partner, self.shim, self.starts = partner, Shim(Path(top) / f"{name}.shim"), 0
        self.api_inside, self.within = api, []  # another port and a command before ours, in a network namespace
        self.data = self.home / "data"

    def start(self, wait=True):
        self.shim.mend_disk()
        self.shim.keep_undo(self.data)
        environment = {**os.environ, "MITHAQ_LOG": "json", "LD_PRELOAD": SHIM, "MITHAQ_CHAOS_FOLDER": str(self.shim.folder)}
        with open(self.journal_path, "ab") as journal:
            self.process = subprocess.Popen([*self.within, gateways.BINARY, "--home", str(self.home), "serve"], stdin=subprocess.DEVNULL, stdout=journal,
                                            stderr=journal, env=environment, start_new_session=True)
        self.starts += 1
        if wait:
            until(f"{self.name} is ready", self.ready, BACK_AGAIN)
        return self

    def ready(self):
        if self.process is None or self.process.poll() is not None:
            raise AssertionError(f"{self.name} ended with {self.process and self.process.returncode}:\n{self.journal()[-2000:]}")
        return self.asks("/readyz") is not None

    def asks(self, target, timeout=5):
        """The parsed answer of GET, or None when there is none or it is not 200."""
        try:
            status, _, said = self.http("GET", target, token=self.watch_token, timeout=timeout)
        except (OSError, ValueError, gateways.http.client.HTTPException):
            return None
        return said if status == 200 else None

    def linked(self):
        said = self.asks("/v1/status")
        return said is not None and all(p["connected"] for p in said["partners"])

    def status(self):
        return self.asks("/v1/status") or {"channels": [], "partners": []}

    def is_up(self):
        return self.process is not None and self.process.poll() is None

    def victims(self):
        """(role, process id) of everything that lives now."""
        if not self.is_up():
            return []
        return [("parent", self.process.pid)] + [(name.removeprefix("mq-"), pid) for name, pid in self.children() if name.startswith("mq-")]

    def victim(self, role, draw):
        found = [pid for name, pid in self.victims() if name == role]
        return draw.choice(found) if found else None

    def kill(self, role, draw):
        """kill -9 of one process; a dead parent is started again at once, as a service manager does. False: there is none now."""
        pid = self.victim(role, draw)
        if pid is None:
            return False
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        if role == "parent":
            self.process.wait()
            self.start(wait=False)
        return True

    def kill_all(self):
        """kill -9 of every process of the gateway at once; they are gone when this returns."""
        group = [pid for _, pid in self.victims()]
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        until(f"no process of {self.name} is left", lambda: not any(alive(pid) for pid in group))

    def journal_lines(self):
        for line in self.journal().splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                yield {"level": "raw", "text": line}


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


class World:
    def __init__(self, top, draw=None, namespace=False):
        self.top, self.draw = Path(top), draw or random.Random(0)
        port = free_port()
        self.relay = space.Space() if namespace else Relay(port)
        listens = f"{space.NORTH_AT}:{port}" if namespace else f"127.0.0.1:{port}"
        dials = listens if namespace else f"127.0.0.1:{self.relay.port}"
        self.north = Gateway(top, NORTH, SOUTH, free_port(), f"partners:\n  {SOUTH}: {{listen: {listens}}}\n")
        self.south = Gateway(top, SOUTH, NORTH, free_port(), f"partners:\n  {NORTH}: {dials}\n")
        if namespace:
            self.south.api, self.south.within = self.relay.door(self.south.api_inside), self.relay.words
        self.sides = (self.north, self.south)

    # ---- making ----

    def make(self):
        for g in self.sides:
            self.make_party(g)
        for g, other in ((self.north, self.south), (self.south, self.north)):
            g.run("partner", "add", other.home / f"{other.name}.card")
        draft, signed = self.top / "draft.yaml", self.top / "agreement.signed"
        draft.write_text(agreement_text())
        self.north.run("agreement", "sign", draft, "--root", self.north.home / "root/root-a.key", "--out", signed)
        self.south.run("agreement", "sign", signed, "--root", self.south.home / "root/root-a.key")
        for g in self.sides:
            g.run("agreement", "activate", signed)
        return self

    def make_party(self, g):
        words = []
        for letter in "ab":
            path = self.top / f"{g.name}.{letter}"
            path.write_text(seed(g.name, letter).hex())
            words += [f"--root-seed-{letter}", path]
        g.run("init", g.name, *words)
        g.database = self.top / f"{g.name}.db"
        self.fill(g.database)
        text = f"party: {g.name}\napi: {{listen: 127.0.0.1:{g.api_inside}}}\n{g.extra}provide:\n"
        for clause in clauses_of(g.partner):
            text += f"  {clause}:\n    sqlite: {g.database}\n    statement: SELECT value FROM numbers WHERE number = :number\n    timeout: 2 s\n"
        (g.home / "mithaq.yaml").write_text(text)
        g.watch_token = g.token("watch")
        g.ask_token = g.token("asks")

    @staticmethod
    def fill(path):
        db = sqlite3.connect(path)
        db.execute("CREATE TABLE numbers (number TEXT PRIMARY KEY, value TEXT NOT NULL)")
        db.executemany("INSERT INTO numbers VALUES (?, ?)", ((n, value_of(n)) for n in (f"{i:07d}" for i in range(1, ROWS + 1))))
        db.commit()
        db.close()

    # ---- running ----

    def start(self):
        for g in self.sides:
            g.start()
        self.wait_linked()
        return self

    def linked(self):
        return all(g.linked() for g in self.sides)

    def wait_linked(self, patience=BACK_AGAIN):
        until("both gateways are linked", self.linked, patience)

    def stop(self):
        """Ends everything; the exit codes."""
        codes = [g.stop() for g in self.sides]
        self.relay.end()
        return codes

    def ledgers_equal(self):
        seen = {}
        for at, g in enumerate(self.sides):
            for channel in g.status()["channels"]:
                seen.setdefault(channel["channel"], [None, None])[at] = channel["ledgers"]
        return all(seen.get(c, [None])[0] for c in CHANNELS) and all(a == b for a, b in seen.values())

    def wait_equal(self, patience=BACK_AGAIN):
        until("both ledgers are equal", self.ledgers_equal, patience)


def now():
    return time.monotonic()
