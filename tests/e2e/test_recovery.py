"""Gateways and their processes are killed between any two steps; the next question works and the ledgers are equal."""
import os
import signal
import threading

import gateways
from gateways import Pair, until

CLAUSE = "customs/declaration-status"
ROLES = ("core", "keeper", "desk", "reader", "link", "worker")


def ask(p, number=4817):
    said = p.us.query(CLAUSE, declaration=f"2026-{number:07d}", purpose="duty-assessment")
    assert said["state"] == "answered", said


def answered(p):
    """Asks until a question is answered: right after a death the honest answer may be 503."""
    done = p.us.run("query", CLAUSE, "declaration=2026-0000007", "--purpose", "duty-assessment", "--json", check=False)
    assert done.returncode in (0, 1, 5), f"{done.returncode}: {done.stderr}{done.stdout}"
    return done.returncode == 0


def test_each_process_of_either_gateway_is_killed_and_comes_back():
    with Pair(change=lambda text: text.replace("per-day: 500", "per-day: 100000")) as p:
        p.start()
        ask(p)
        for party in p.parties:
            for role in ROLES:
                for pid in [pid for name, pid in party.children() if role in name][:1]:
                    os.kill(pid, signal.SIGKILL)
                    until(f"{party.name}: another {role}", lambda: any(role in name and other != pid for name, other in party.children()))
                    until(f"a question after {role} of {party.name} was killed", lambda: answered(p))
            names = [name for name, _ in party.children()]
            for role in ROLES:
                assert any(role in name for name in names), f"{party.name} has no {role}: {names}"
        p.wait_equal()
        for party in p.parties:
            party.run("log", "verify")


def test_either_gateway_is_killed_between_two_questions():
    with Pair() as p:
        p.start()
        for round_number, party in enumerate([p.kw, p.us, p.kw, p.us]):
            ask(p, 1 + round_number)
            party.stop(signal.SIGKILL)
            party.start()
            p.wait_linked()
            ask(p, 100 + round_number)
        p.wait_equal()
        for party in p.parties:
            party.run("log", "verify")


def test_a_gateway_told_to_stop_ends_in_order_and_its_epochs_are_closed():
    with Pair() as p:
        p.start()
        ask(p)
        for party in p.parties:
            assert party.stop() == 0, party.journal()[-1500:]
        p.start()
        ask(p)
        p.wait_equal()


def test_a_question_that_is_repeated_by_its_key_hears_the_answer_when_it_comes():
    with Pair() as p:
        p.start()
        token = p.us.token()
        body = {"clause": CLAUSE, "purpose": "duty-assessment", "fields": {"declaration": "2026-0000007"}}
        worker = [pid for name, pid in p.kw.children() if "worker" in name]
        for pid in worker:
            os.kill(pid, signal.SIGSTOP)
        status, _, first = p.us.http("POST", "/v1/queries", body, token, {"Idempotency-Key": "again", "Prefer": "wait=0"})
        assert status == 202, first
        for pid in [pid for name, pid in p.us.children() if "desk" in name]:
            os.kill(pid, signal.SIGKILL)
            until("another desk", lambda: any("desk" in name and other != pid for name, other in p.us.children()))
        until("the new desk answers", p.us.ready)
        threading.Timer(0.5, lambda: [os.kill(pid, signal.SIGCONT) for pid in worker]).start()
        status, headers, said = p.us.http("POST", "/v1/queries", body, token, {"Idempotency-Key": "again", "Prefer": "wait=50"})
        assert (status, said["id"], headers.get("idempotent-replayed")) == (200, first["id"], "true"), said


def test_no_process_outlives_its_gateway():
    with Pair() as p:
        p.start()
        left = [pid for party in p.parties for _, pid in party.children()]
        for party in p.parties:
            party.stop(signal.SIGKILL)
        until("every process is gone", lambda: not any(gateways.name_of(pid) for pid in left))


def test_while_the_partner_is_away_a_question_fails_at_once_and_says_so():
    with Pair() as p:
        p.start()
        ask(p)
        p.kw.stop()
        until("the link is down", lambda: not p.us.linked())
        status, headers, said = p.us.http("POST", "/v1/queries",
                                          {"clause": CLAUSE, "purpose": "duty-assessment", "fields": {"declaration": "2026-0000001"}}, p.us.token())
        assert (status, said["code"]) == (503, "partner-unreachable"), said
        assert "retry-after" in headers and said["since"] and said["cause"], said
        assert p.us.run("query", CLAUSE, "declaration=2026-0000001", "--purpose", "duty-assessment", check=False).returncode == 5
        p.kw.start()
        p.wait_linked()
        ask(p)
        p.wait_equal()


def test_a_second_gateway_in_the_same_folder_is_refused():
    with Pair() as p:
        p.kw.start()
        code, said = p.kw.serve_refused()
        assert code != 0 and "another gateway" in said, said
        assert p.kw.ready()
