#!/usr/bin/env python3
"""run.py: the first days of two real machines, from the package to a lost machine that is back, with the time of each step.

  run.py PACKAGE.deb [--delay MS] [--loss PERCENT] [--keep]

Two machines of their own on this one (machine.py), and between them a line of 100 ms each way that loses one packet in a
hundred (line.py). Everything is done by the commands that the guides name. Prints "ok STEP  SECONDS" for each step,
"skipped: WHY" where this machine does not permit such namespaces, and "rehearsal done" at the end.
"""
import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import machine
from machine import Broken, Machine

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
KW, US = "customs.kw.example", "cbp.us.example"
AT = {KW: "10.213.78.1", US: "10.213.78.2"}
PORT = 7443
SERVICE_HOME, DATA = "/etc/mithaq", "/var/lib/mithaq"
QUESTION = ["query", "customs/declaration-status", "declaration=2026-0048817", "--purpose", "duty-assessment", "--json"]
PAIRED_MOST_S = 120
INSTALL_MOST_S = 30


def until(what, ask, patience=60):
    deadline = time.monotonic() + patience
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise Broken(f"did not happen within {patience} s: {what}")
        time.sleep(0.05)


class Rehearsal:
    def __init__(self, words, top):
        self.words, self.top = words, Path(top)
        self.machines, self.line, self.began = {}, None, None
        self.answered, self.spoken = [], {}

    # ---- telling ----

    def step(self, name, do):
        begun = time.monotonic()
        do()
        took = time.monotonic() - begun
        print(f"ok {name:<58} {took:6.1f} s", flush=True)
        return took

    # ---- machines and the line ----

    def boot(self, party):
        self.machines[party] = Machine(self.top, party, AT[party]).boot()

    def lay_line(self):
        """Laid anew whenever a machine is new: a card dies with its machine."""
        if self.line is not None:
            self.line.kill()
            self.line.wait()
        ends = [f"{self.machines[party].pid}:line0" for party in (KW, US)]
        self.line = subprocess.Popen([sys.executable, str(HERE / "line.py"), *ends, str(self.words.delay), str(self.words.loss), "20261123"],
                                     stdout=subprocess.PIPE, text=True)
        if self.line.stdout.readline() != "ready\n":
            raise Broken("the line between the machines cannot be laid")
        for party in (KW, US):
            self.machines[party].connect("line0", 30)

    def both(self):
        return self.machines[KW], self.machines[US]

    # ---- the steps ----

    def install(self, party):
        m = self.machines[party]
        m.put("/root/mithaq.deb", Path(self.words.package).read_bytes())
        m.run("dpkg", "--install", "/root/mithaq.deb")

    def init(self, party):
        m = self.machines[party]
        said = m.mithaq("init", party, "--environment", "test", "--root-seed-a", self.seed(m, party, "a"), "--root-seed-b", self.seed(m, party, "b"))
        self.spoken[party] = next(line.split(": ", 1)[1] for line in said.stdout.splitlines() if line.strip().startswith("English:"))

    def seed(self, m, party, which):
        """The published keys of the sample parties, because the sample agreement names them."""
        path = f"/root/root-{which}.seed"
        done = subprocess.run([sys.executable, str(ROOT / "tools/sample-keys.py"), party, which], capture_output=True, text=True, check=True)
        m.put(path, done.stdout.encode(), 0o600)
        return path

    def pair(self):
        """The cards travel by any way; the words are read over the telephone."""
        kw, us = self.both()
        for m, own, other in ((kw, KW, US), (us, US, KW)):
            m.put(f"/root/{other}.card", self.machines[other].get(f"{SERVICE_HOME}/{other}.card"))
            wrong = m.mithaq("partner", "add", f"/root/{other}.card", "--words", self.spoken[own], check=False)
            if wrong.returncode == 0:
                raise Broken("the words of another party were taken for the partner's")
            m.mithaq("partner", "add", f"/root/{other}.card", f"{AT[other]}:{PORT}", "--words", self.spoken[other])
        config = kw.get(f"{SERVICE_HOME}/mithaq.yaml").decode().replace(f"  {US}: {AT[US]}:{PORT}\n", f"  {US}: {{listen: {AT[KW]}:{PORT}}}\n")
        config += "\nprovide:\n" + "".join(f"  {clause}: {{examples: true}}\n" for clause in self.clauses(KW))
        kw.put(f"{SERVICE_HOME}/mithaq.yaml", config.encode(), 0o640)

    def clauses(self, party):
        """What the sample agreement lets be asked of this party."""
        names, channel, name = [], None, None
        for line in (ROOT / "samples/customs-and-border.yaml").read_text().splitlines():
            word, _, value = line.strip().removeprefix("- ").partition(": ")
            if word == "channel":
                channel = value
            elif word == "name" and not value.startswith("{"):
                name = value
            elif word == "answers" and value == party:
                names.append(f"{channel}/{name}")
        return names

    def sign(self):
        kw, us = self.both()
        kw.put("/root/agreement.yaml", (ROOT / "samples/customs-and-border.yaml").read_bytes())
        kw.mithaq("agreement", "sign", "/root/agreement.yaml", "--root", f"{SERVICE_HOME}/root/root-a.key", "--out", "/root/agreement.signed")
        us.put("/root/agreement.signed", kw.get("/root/agreement.signed"))
        us.mithaq("agreement", "sign", "/root/agreement.signed", "--root", f"{SERVICE_HOME}/root/root-a.key")
        kw.put("/root/agreement.signed", us.get("/root/agreement.signed"))
        for m in (kw, us):
            m.mithaq("agreement", "activate", "/root/agreement.signed")
            m.mithaq("token", "new", "rehearsal", "--cli")

    def start(self):
        for m in self.both():
            m.start()
        self.linked()

    def status(self, m):
        done = m.mithaq("status", "--json", check=False)
        return json.loads(done.stdout) if done.returncode == 0 else {"partners": [], "channels": []}

    def linked(self):
        for m in self.both():
            until(f"{m.name} is linked", lambda m=m: any(p["connected"] for p in self.status(m)["partners"]))

    def ask(self):
        """One question over the line, and the answer as it is promised."""
        answer = json.loads(until("an answer", lambda: self.machines[US].mithaq(*QUESTION, check=False).stdout or None))
        if answer.get("result") != "hit":
            raise Broken(f"no answer: {answer}")
        self.answered.append(answer["id"])
        return answer["id"]

    def exchange(self):
        self.prove(self.ask())

    def prove(self, mid):
        """Evidence of the exchange, verified by a third who trusts nobody."""
        us = self.machines[US]
        until("the receipt of the answer", lambda: us.mithaq("evidence", "export", mid, "--out", "/root/evidence", check=False).returncode == 0
              and us.mithaq("verify", "/root/evidence", check=False).returncode == 0)

    def ledgers_equal(self):
        def equal():
            heads = [{(c["channel"], c["ledgers"]) for c in self.status(m)["channels"]} for m in self.both()]
            return heads[0] and heads[0] == heads[1]

        until("both ledgers are equal", equal)

    def rotate(self, party, key):
        m = self.machines[party]
        m.mithaq("key", "rotate", key, "--root", f"{SERVICE_HOME}/root/root-a.key")
        m.reload()
        other = self.machines[US if party == KW else KW]
        serial = int(next(line.split()[1] for line in m.get(f"{SERVICE_HOME}/{party}.card").decode().splitlines() if line.startswith("serial ")))
        until(f"{other.name} holds card {serial}", lambda: any(other.path(f"{DATA}/cards").glob(f"{party}.{serial}.card")))
        self.linked()
        self.exchange()

    def back_up(self):
        kw = self.machines[KW]
        kw.mithaq("backup", "/root/kw.backup")
        (self.top / "safe").mkdir()
        (self.top / "safe/backup").write_bytes(kw.get("/root/kw.backup"))
        for path in kw.path(f"{SERVICE_HOME}/keys").iterdir():  # keys travel apart from the backup
            (self.top / "safe" / path.name).write_bytes(path.read_bytes())

    def lose(self):
        self.ask()  # after the backup: only the partner will know of it
        self.machines[KW].lose()
        until("the loss is noticed", lambda: not any(p["connected"] for p in self.status(self.machines[US])["partners"]))

    def bring_back(self):
        self.boot(KW)
        self.lay_line()
        kw = self.machines[KW]
        self.install(KW)
        kw.put("/root/kw.backup", (self.top / "safe/backup").read_bytes())
        kw.mithaq("restore", "/root/kw.backup")
        kw.mithaq("token", "new", "rehearsal", "--cli")  # tokens are in no backup
        for path in (self.top / "safe").iterdir():
            if path.name != "backup":
                kw.put(f"{SERVICE_HOME}/keys/{path.name}", path.read_bytes(), 0o600)
                kw.run("chown", "mithaq:mithaq", f"{SERVICE_HOME}/keys/{path.name}")
        kw.start()
        self.linked()
        self.exchange()
        self.ledgers_equal()

    def all_is_told(self):
        """Everything that was answered before the fire is still proved by the side that had no fire."""
        for mid in self.answered:
            self.prove(mid)

    # ---- the play ----

    def play(self):
        begun = time.monotonic()
        self.step("two machines and a line between them", lambda: (self.boot(KW), self.boot(US), self.lay_line()))
        for party in (KW, US):
            took = self.step(f"{party}: the package installed", lambda party=party: self.install(party))
            if took > INSTALL_MOST_S:
                raise Broken(f"the package took {took:.1f} s to install")
        paired = time.monotonic()
        for party in (KW, US):
            self.step(f"{party}: keys, card, configuration", lambda party=party: self.init(party))
        self.step("cards exchanged, words compared", self.pair)
        self.step("the agreement signed by both and in force", self.sign)
        self.step("both gateways started and linked", self.start)
        self.step("a first question, answered and proved", self.exchange)
        took = time.monotonic() - paired
        print(f"   from pairing to the first proved exchange: {took:.1f} s", flush=True)
        if took > PAIRED_MOST_S:
            raise Broken(f"more than {PAIRED_MOST_S} s")
        self.step("the connection agreement answers: ping", self.ping)
        for party, key in ((KW, "log"), (US, "receipt"), (US, "tls"), (KW, "tls"), (KW, "root-b")):
            self.step(f"{party}: {key} rotated, exchanges go on", lambda party=party, key=key: self.rotate(party, key))
        self.step(f"{KW}: a backup, carried away", self.back_up)
        self.step(f"{KW}: the machine is lost", self.lose)
        self.step(f"{KW}: a new machine, restored, what was lost fetched", self.bring_back)
        self.step("every exchange of before is still proved", self.all_is_told)
        print(f"   the whole rehearsal: {time.monotonic() - begun:.1f} s", flush=True)

    def ping(self):
        us = self.machines[US]
        until("the connection agreement is in force", lambda: us.mithaq("ping", KW, check=False).returncode == 0)

    def end(self):
        for m in self.machines.values():
            try:
                m.stop()
            except (OSError, subprocess.TimeoutExpired):
                pass
            if not self.words.keep:
                m.lose()
        if self.line is not None:
            self.line.kill()
            self.line.wait()
            self.line.stdout.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("package")
    parser.add_argument("--delay", type=float, default=100)
    parser.add_argument("--loss", type=float, default=1)
    parser.add_argument("--keep", action="store_true")
    words = parser.parse_args()
    why = machine.possible()
    if why is not None:
        print(f"skipped: the rehearsal: {why}\nrehearsal done")
        return 0
    with tempfile.TemporaryDirectory(prefix="mithaq-rehearsal-", dir="/var/tmp") as top:
        play = Rehearsal(words, top)
        code = 0
        try:
            play.play()
        except (Broken, subprocess.SubprocessError, OSError) as trouble:
            print(f"FAIL rehearsal: {trouble}")
            for m in play.machines.values():
                print(f"   journal of {m.name}, its end:\n{m.journal()[-2500:]}")
            code = 1
        finally:
            play.end()
    print("rehearsal done")
    return code


if __name__ == "__main__":
    sys.exit(main())
