"""A ledger is put back from an older copy: a new epoch, everything the partner was shown is fetched back, nothing is signed twice."""
import shutil
import signal
import sqlite3

from gateways import Pair, until

CLAUSE = "customs/declaration-status"


def ask(p, number):
    said = p.us.query(CLAUSE, declaration=f"2026-{number:07d}", purpose="duty-assessment")
    assert said["state"] == "answered", said
    return said["id"]


def copy_ledger(party, to):
    """A consistent copy, taken while the gateway runs."""
    with sqlite3.connect(party.home / "data/ledger.db") as of, sqlite3.connect(to) as copy:
        of.backup(copy)
    copy.close()
    of.close()


def put_back(party, copy):
    party.stop(signal.SIGKILL)
    for end in ("", "-wal", "-shm"):
        (party.home / f"data/ledger.db{end}").unlink(missing_ok=True)
    shutil.copy(copy, party.home / "data/ledger.db")


def evidence_holds(p, party, exchange):
    bundle = p.top / f"{party.name}.mithaq"
    bundle.unlink(missing_ok=True)
    party.run("evidence", "export", exchange, "--out", bundle)
    party.run("verify", bundle)


def exchanges(party):
    with sqlite3.connect(f"file:{party.home}/data/ledger.db?mode=ro", uri=True) as ledger:
        rows = dict(ledger.execute("SELECT hex(mid), state FROM exchange").fetchall())
    ledger.close()
    return rows


def kinds(party, own):
    """How many entries of each kind stand in the logs of one direction."""
    counts = {}
    with sqlite3.connect(f"file:{party.home}/data/ledger.db?mode=ro", uri=True) as ledger:
        for (header,) in ledger.execute("SELECT e.header FROM entry e JOIN log l ON l.id = e.log WHERE l.own = ?", (own,)):
            counts[header[0]] = counts.get(header[0], 0) + 1
    ledger.close()
    return counts


ADOPT, QUERY, REPLY = 1, 16, 17


def settle(p):
    p.wait_linked()
    until("a question after the restore is answered",
          lambda: p.us.run("query", CLAUSE, "declaration=2026-0000009", "--purpose", "duty-assessment", check=False).returncode == 0)
    p.wait_equal()
    for party in p.parties:
        party.run("log", "verify")


def test_the_asking_side_is_put_back_and_what_the_partner_holds_comes_back():
    with Pair() as p:
        p.start()
        for n in range(3):
            ask(p, 10 + n)
        copy_ledger(p.us, p.top / "copy.db")
        last = [ask(p, 20 + n) for n in range(40)][-1]
        p.us.stop()
        p.us.start()
        p.wait_linked()
        for n in range(5):
            ask(p, 70 + n)
        p.wait_equal()
        before = exchanges(p.us)
        put_back(p.us, p.top / "copy.db")
        p.us.start()
        settle(p)
        after = exchanges(p.us)
        missing = {mid: state for mid, state in before.items() if after.get(mid) != state}
        assert not missing, f"{len(missing)} of {len(before)} exchanges did not come back as they were: {missing}"
        assert kinds(p.us, 1).get(ADOPT, 0) >= 1, kinds(p.us, 1)
        theirs = exchanges(p.kw)
        assert set(theirs) == set(after), f"{len(set(theirs) ^ set(after))} exchanges are on one side only"
        assert kinds(p.kw, 1)[REPLY] == len(theirs), f"{kinds(p.kw, 1)[REPLY]} answers to {len(theirs)} questions"
        for party in p.parties:
            evidence_holds(p, party, last)


def test_the_answering_side_is_put_back_and_answers_nothing_twice():
    with Pair() as p:
        p.start()
        for n in range(3):
            ask(p, 10 + n)
        copy_ledger(p.kw, p.top / "copy.db")
        last = [ask(p, 20 + n) for n in range(30)][-1]
        p.kw.stop(signal.SIGKILL)
        p.kw.start()
        p.wait_linked()
        for n in range(5):
            ask(p, 70 + n)
        p.wait_equal()
        before = exchanges(p.kw)
        answers = kinds(p.us, 0)[REPLY]
        put_back(p.kw, p.top / "copy.db")
        p.kw.start()
        settle(p)
        after = exchanges(p.kw)
        missing = {mid: state for mid, state in before.items() if after.get(mid) != state}
        assert not missing, f"{len(missing)} of {len(before)} exchanges did not come back as they were: {missing}"
        asked = len(after) - len(before)
        assert kinds(p.us, 0)[REPLY] == answers + asked, f"{answers} answers before, {kinds(p.us, 0)[REPLY]} after {asked} more questions"
        for party in p.parties:
            evidence_holds(p, party, last)


def test_both_sides_are_put_back_one_after_the_other():
    with Pair() as p:
        p.start()
        ask(p, 10)
        for at, party in enumerate(p.parties):
            copy_ledger(party, p.top / f"copy{at}.db")
        for round_number in range(2):
            for at, party in enumerate(p.parties):
                for n in range(5):
                    ask(p, 100 * round_number + 20 + 10 * at + n)
                p.wait_equal()
                before = exchanges(party)
                put_back(party, p.top / f"copy{at}.db")
                party.start()
                settle(p)
                after = exchanges(party)
                missing = [mid for mid, state in before.items() if after.get(mid) != state]
                assert not missing, f"{len(missing)} of {len(before)} exchanges did not come back to {party.name}"


def test_a_ledger_lost_whole_is_had_again_from_the_partner():
    with Pair() as p:
        p.start()
        for n in range(12):
            ask(p, 20 + n)
        p.wait_equal()
        before = exchanges(p.us)
        p.us.stop(signal.SIGKILL)
        for end in ("", "-wal", "-shm"):
            (p.us.home / f"data/ledger.db{end}").unlink(missing_ok=True)
        p.us.start()
        settle(p)
        after = exchanges(p.us)
        missing = [mid for mid, state in before.items() if after.get(mid) != state]
        assert not missing, f"{len(missing)} of {len(before)} exchanges did not come back"
