"""kill -HUP takes up what changed in the home, and no exchange is lost, doubled or refused because of it."""
import contextlib
import http.client
import json
import os
import re
import signal
import sqlite3
import threading
import time

import gateways
from gateways import KW, US, Pair, Party, until

ROUNDS = 20
CONNECTIONS = 4  # on each side
SPECIAL = "2026-9990001"  # a declaration that only a changed statement knows


class Load:
    """Questions over connections that stay, both ways at once, until it is told to end; each answer is compared with the database it comes from."""

    ASKS = {
        US: ("customs/declaration-status", "duty-assessment", "declaration", "SELECT number, status FROM declarations ORDER BY number LIMIT 400"),
        KW: ("border/travel-document-status-us", "border-check", "document", "SELECT number, status FROM travel_documents ORDER BY number LIMIT 400"),
    }

    def __init__(self, pair):
        self.pair, self.ending = pair, threading.Event()
        self.answered, self.wrong, self.slowest = {US: 0, KW: 0}, [], 0.0
        self.lock = threading.Lock()

    def __enter__(self):
        self.threads = []
        for asker, answerer in ((self.pair.us, self.pair.kw), (self.pair.kw, self.pair.us)):
            with contextlib.closing(sqlite3.connect(answerer.database)) as database:
                rows = database.execute(self.ASKS[asker.name][3]).fetchall()
            token = asker.token("load")
            for number in range(CONNECTIONS):
                self.threads.append(threading.Thread(target=self.ask_on, args=(asker, token, rows[number::CONNECTIONS])))
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *trouble):
        self.ending.set()
        for t in self.threads:
            t.join()

    def ask_on(self, asker, token, rows):
        clause, purpose, field, _ = self.ASKS[asker.name]
        connection = http.client.HTTPConnection("127.0.0.1", asker.api, timeout=60)
        at = 0
        while not self.ending.is_set():
            number, status = rows[at % len(rows)]
            at += 1
            fields = {field: number} if field == "declaration" else {field: number, "country": "US"}
            body = json.dumps({"clause": clause, "purpose": purpose, "fields": fields})
            began = time.monotonic()
            try:
                connection.request("POST", "/v1/queries", body, {"Authorization": f"Bearer {token}", "Content-Type": "application/json"})
                answer = connection.getresponse()
                said = json.loads(answer.read())
            except (OSError, http.client.HTTPException) as trouble:
                self.note(asker, False, f"{number}: {trouble!r}", began)
                connection.close()
                continue
            right = answer.status == 200 and said.get("state") == "answered" and said.get("fields", {}).get("status") == status
            self.note(asker, right, f"{asker.name} {number}: {answer.status} {json.dumps(said)[:300]}", began)
        connection.close()

    def note(self, asker, right, said, began):
        with self.lock:
            self.slowest = max(self.slowest, time.monotonic() - began)
            if right:
                self.answered[asker.name] += 1
            else:
                self.wrong.append(said)

    def total(self):
        return sum(self.answered.values())


def pair():
    return Pair(rows=400, change=lambda text: re.sub(r"per-day: \d+", "per-day: 10000000", text))


def journalled(party, code):
    return party.journal().count(f'"code":"{code}"')


def reload(party, code="reloaded"):
    """Says SIGHUP and waits for its end; seconds."""
    before, began = journalled(party, code), time.monotonic()
    party.process.send_signal(signal.SIGHUP)
    until(f"{party.name} journals {code}", lambda: journalled(party, code) > before)
    return time.monotonic() - began


def pids(party, role):
    return {pid for name, pid in party.children() if role in name}


def exchanges(party):
    """How many the ledger holds, and how many different ones."""
    with contextlib.closing(sqlite3.connect(f"file:{party.home}/data/ledger.db?mode=ro", uri=True)) as ledger:
        return ledger.execute("SELECT count(*), count(DISTINCT mid) FROM exchange").fetchone()


# ---- what may change in a home ----

def another_agreement(p, number):
    """The sample agreement on channels of its own, so that nobody asks under it."""
    text = p.agreement.read_text()
    for name in ("customs", "border"):
        text = re.sub(rf"channel: {name}$", f"channel: {name}-{number}", text, flags=re.M)
        text = text.replace(f"{name}/", f"{name}-{number}/")
    text = re.sub(r"^id: (.*)$", rf"id: \1-{number}", text, flags=re.M)
    draft = p.top / "another.yaml"
    draft.write_text(text)
    return p.sign(draft)


def agreement_added(p, party, number):
    party.run("agreement", "activate", another_agreement(p, number))


def token_added(p, party, number):
    party.run("token", "new", f"application-{number}")


def statement_changed(p, party, number):
    """Each time another text, which answers as before."""
    path = party.home / "mithaq.yaml"
    text = re.sub(r" AND \d+ = \d+$", "", path.read_text(), flags=re.M)
    path.write_text(re.sub(r"(WHERE number = :\w+.*)$", rf"\1 AND {number} = {number}", text, flags=re.M))


def partner_added(p, party, number):
    name = f"customs-{number}.example"
    other = Party(p.top, name, gateways.free_port())
    other.run("init", name)
    party.run("partner", "add", other.home / f"{name}.card")
    path = party.home / "mithaq.yaml"
    path.write_text(path.read_text().replace("partners:\n", f"partners:\n  {name}: 127.0.0.1:{gateways.free_port()}\n", 1))


def configuration_spoiled(p, party, number):
    """Refused with file and line, and everything stays as it was."""
    path = party.home / "mithaq.yaml"
    good = path.read_text()
    path.write_text(good + "watchword: open\n")
    core = pids(party, "core")
    reload(party, "reload-refused")
    assert f"{path}:{len(good.splitlines()) + 1}" in party.journal().replace("\\/", "/"), party.journal()[-600:]
    assert pids(party, "core") == core
    path.write_text(good)


CHANGES = (agreement_added, token_added, statement_changed, partner_added, configuration_spoiled)


# ---- stories ----

def reload_under_load(party_of):
    with pair() as p:
        p.start()
        party, took, states = party_of(p), [], set()
        with Load(p) as load:
            until("questions are answered", lambda: min(load.answered.values()) > 10)
            for number in range(ROUNDS):
                CHANGES[number % len(CHANGES)](p, party, number)
                before = dict(load.answered)
                took.append(reload(party))
                states.add(party.http("GET", "/healthz")[0])
                states.add(party.http("GET", "/readyz")[0])
                until("questions are answered after a reload", lambda: load.wrong or all(load.answered[name] > before[name] for name in before))
        assert not load.wrong, f"{len(load.wrong)} of {load.total()} went wrong, the first: {load.wrong[:3]}"
        assert states == {200}, states
        until("both ledgers are equal", lambda: all(a == b for a, b in p.ledgers().values() if a and b))
        for side in p.parties:
            assert exchanges(side) == (load.total(), load.total()), f"{side.name}: {exchanges(side)} in the ledger, {load.total()} answered"
            side.run("log", "verify")
        print(f"   {load.total()} questions answered; a reload took {sorted(took)[len(took) // 2] * 1000:.0f} ms (median), "
              f"the slowest answer {load.slowest * 1000:.0f} ms", flush=True)


def test_the_asking_side_is_reloaded_under_load():
    reload_under_load(lambda p: p.us)


def test_the_answering_side_is_reloaded_under_load():
    reload_under_load(lambda p: p.kw)


def test_a_lost_question_is_noticed_by_these_tests():
    """The sibling: a core that is killed instead of replaced costs answers, and Load sees that."""
    with pair() as p:
        p.start()
        with Load(p) as load:
            def killed():
                for pid in pids(p.us, "core"):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                return load.wrong
            until("questions are answered", lambda: min(load.answered.values()) > 10)
            until("a question goes wrong", killed)


def test_what_changed_is_in_use_after_a_reload():
    with pair() as p:
        p.start()
        ask = dict(declaration=SPECIAL, purpose="duty-assessment")
        assert p.us.query("customs/declaration-status", **ask)["result"] == "no-hit"
        path = p.kw.home / "mithaq.yaml"
        path.write_text(path.read_text().replace("WHERE number = :declaration", f"WHERE number = :declaration UNION ALL SELECT 'held', NULL WHERE :declaration = '{SPECIAL}'"))
        reload(p.kw)
        assert p.us.query("customs/declaration-status", **ask)["fields"] == {"status": "held"}

        signed = another_agreement(p, 1)
        for party in p.parties:
            party.run("agreement", "activate", signed)
            reload(party)
        clauses = [c["clause"] for c in p.us.http("GET", "/v1/clauses", token=p.us.token("reads"))[2]["data"]]
        assert "customs-1/declaration-status" in clauses, clauses
        p.wait_linked()

        partner_added(p, p.us, 7)
        reload(p.us)
        assert "customs-7.example" in [partner["name"] for partner in p.us.status()["partners"]]
        path = p.us.home / "mithaq.yaml"
        path.write_text(re.sub(r"  customs-7.example: .*\n", "", path.read_text()))
        reload(p.us)
        assert "customs-7.example" not in [partner["name"] for partner in p.us.status()["partners"]]


def test_only_what_changed_is_replaced():
    with pair() as p:
        p.start()
        before = dict.fromkeys(p.kw.children())
        reload(p.kw)
        assert dict.fromkeys(p.kw.children()).keys() == before.keys(), "nothing had changed"
        statement_changed(p, p.kw, 3)
        desk, link, core = (pids(p.kw, role) for role in ("desk", "link", "core"))
        reload(p.kw)
        assert pids(p.kw, "desk") == desk and pids(p.kw, "link") == link
        assert not pids(p.kw, "core") & core


def test_papers_and_keys_that_are_off_are_refused_and_nobody_ends():
    with pair() as p:
        p.start()
        key = p.kw.home / "keys/log.key"
        agreement = next((p.kw.home / "agreements").iterdir())
        good = agreement.read_bytes()
        for spoil, mend in ((lambda: key.chmod(0o644), lambda: key.chmod(0o600)),
                            (lambda: agreement.write_bytes(good.replace(b"customs", b"customz", 1)), lambda: agreement.write_bytes(good))):
            before = p.kw.children()
            spoil()
            reload(p.kw, "reload-refused")
            assert p.kw.children() == before
            mend()
            p.us.query("customs/declaration-status", declaration="2026-0048817", purpose="duty-assessment")
        reload(p.kw)


def test_an_address_of_the_api_is_told_to_need_a_restart():
    with pair() as p:
        p.start()
        path = p.us.home / "mithaq.yaml"
        path.write_text(path.read_text().replace(f"127.0.0.1:{p.us.api}", f"127.0.0.1:{gateways.free_port()}"))
        reload(p.us)
        assert journalled(p.us, "needs-restart") == 1
        p.us.query("customs/declaration-status", declaration="2026-0048817", purpose="duty-assessment")


def test_a_partner_that_stops_is_told_at_once():
    """Waiting is for a partner that comes back; one that said it stops is not waited for."""
    with pair() as p:
        p.start()
        p.us.query("customs/declaration-status", declaration="2026-0048817", purpose="duty-assessment")
        p.kw.stop()
        until("the session is down", lambda: not p.us.linked())
        status, _, said = p.us.http("POST", "/v1/queries", {"clause": "customs/declaration-status", "purpose": "duty-assessment",
                                                            "fields": {"declaration": "2026-0048817"}}, p.us.token("asks"))
        assert (status, said["code"]) == (503, "partner-unreachable"), said
