"""A backup is made while questions run, and what is restored from it is a ledger that verifies."""
import json
import subprocess
import threading

import gateways
from gateways import Pair, until

CLAUSE = "customs/declaration-status"


class Asking:
    """Questions without end, from one more thread, until the block is left."""

    def __init__(self, pair):
        self.pair, self.stop, self.answered = pair, threading.Event(), 0
        self.thread = threading.Thread(target=self.work)

    def work(self):
        token = self.pair.us.token("load")
        while not self.stop.is_set():
            body = {"clause": CLAUSE, "purpose": "duty-assessment", "fields": {"declaration": f"2026-{self.answered + 1:07d}"}}
            status, _, said = self.pair.us.http("POST", "/v1/queries", body, token)
            assert status == 200, (status, said)
            self.answered += 1

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *trouble):
        self.stop.set()
        self.thread.join()


def many(text):
    return text.replace("per-day: 500", "per-day: 100000")


def test_backups_under_load_are_whole_and_restore_to_a_ledger_that_verifies():
    with Pair(change=many) as p:
        p.start()
        with Asking(p) as asking:
            until("some questions", lambda: asking.answered > 20)
            before = asking.answered
            for party in p.parties:
                made = json.loads(party.run("backup", p.top / f"{party.name}.backup", "--json").stdout)
                assert made["party"] == party.name and len(made["logs"]) >= 2, made
            until("questions went on meanwhile", lambda: asking.answered > before)
        for party in p.parties:
            file, home = p.top / f"{party.name}.backup", p.top / f"{party.name}-restored"
            assert "whole" in party.run("backup", "verify", file).stdout
            said = json.loads(party.run("--home", home, "restore", file, "--json").stdout)
            assert "keys/log.key" in said["keys-missing"] and said["replaced"] is None, said
            assert "whole" in party.run("--home", home, "log", "verify").stdout
            assert party.run("restore", file, check=False).returncode == 3  # the gateway is running
        assert not list(p.top.glob("*.ledger")) and not list(p.top.glob("*.new"))


def test_a_backup_goes_through_a_pipe_and_a_changed_one_is_refused():
    with Pair() as p:
        p.start()
        p.us.query(CLAUSE, declaration="2026-0000001", purpose="duty-assessment")
        file = p.top / "piped"
        with open(file, "wb") as out:
            done = subprocess.run([gateways.BINARY, "--home", p.kw.home, "--lang", "en", "backup", "-"], stdout=out, stderr=subprocess.PIPE, text=True)
        assert done.returncode == 0 and "not in it: keys/" in done.stderr, done
        p.kw.run("backup", "verify", file)
        data = bytearray(file.read_bytes())
        for at in (600, len(data) // 2, len(data) - 1200):
            data[at] ^= 1
            file.write_bytes(data)
            assert p.kw.run("backup", "verify", file, check=False).returncode == 7, at
            data[at] ^= 1


def test_a_backup_restored_in_place_after_a_quiet_time_goes_on():
    """Nothing was shown to the partner after the backup but the closing of the epoch, so nothing is lost."""
    with Pair() as p:
        p.start()
        p.us.query(CLAUSE, declaration="2026-0000001", purpose="duty-assessment")
        p.wait_equal()
        p.kw.stop()
        p.kw.run("backup", p.top / "kw.backup")
        assert p.kw.run("restore", p.top / "kw.backup", check=False).returncode == 3  # a ledger is there
        said = p.kw.run("restore", p.top / "kw.backup", "--replace").stdout
        assert "is kept under" in said and list((p.kw.home / "data").glob("ledger.db.replaced-*")), said
        p.kw.start()
        p.wait_linked()
        until("a question after the restore", lambda: p.us.run("query", CLAUSE, "declaration=2026-0000002", "--purpose", "duty-assessment",
                                                               check=False).returncode == 0)
        p.wait_equal()
        for party in p.parties:
            party.run("log", "verify")
