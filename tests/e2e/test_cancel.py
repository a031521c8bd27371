"""A question is withdrawn while its provider is slow: both sides end it alike, and an answer that came first stands."""
import contextlib
import os
import re
import signal

import gateways
from gateways import Pair, until

CLAUSE = "customs/declaration-status"
KNOWN = "2026-0048817"
ARABIC = re.compile("[\u0621-\u064a]")


@contextlib.contextmanager
def providers_stopped(party):
    """The workers of a gateway stand still: what they are asked is not answered before they go on."""
    workers = [pid for name, pid in party.children() if "worker" in name]
    assert workers, party.children()
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in workers:
            with contextlib.suppress(ProcessLookupError):  # its gateway was killed meanwhile
                os.kill(pid, signal.SIGCONT)


def ask(p, token):
    """A question that is not answered yet; its id."""
    status, _, said = p.us.http("POST", "/v1/queries", {"clause": CLAUSE, "purpose": "duty-assessment", "fields": {"declaration": KNOWN}}, token,
                                {"Prefer": "wait=0"})
    assert status == 202, said
    return said["id"]


def shown(party, token, identity):
    return party.http("GET", f"/v1/queries/{identity}", token=token)[2]


def verified(p):
    p.wait_equal()
    for party in p.parties:
        party.run("log", "verify")


def test_a_question_is_withdrawn_and_ends_alike_on_both_sides():
    with Pair() as p:
        p.start()
        token, theirs = p.us.token(), p.kw.token()
        with providers_stopped(p.kw):
            identity = ask(p, token)
            until("the question is there", lambda: shown(p.kw, theirs, identity).get("state"))
            status, headers, said = p.us.http("DELETE", f"/v1/queries/{identity}", token=token, headers={"Prefer": "wait=30"})
            assert (status, said["state"], said["failure"]["reason"]) == (200, "failed", "cancelled"), said
            assert headers["mithaq-id"] == identity and said["failure"]["text"], (headers, said)
            there = shown(p.kw, theirs, identity)
            assert (there["state"], there["failure"]["reason"]) == ("failed", "cancelled"), there
            assert there["proof"]["answer"] == said["proof"]["answer"], (there, said)
            status, _, again = p.us.http("DELETE", f"/v1/queries/{identity}", token=token)
            assert (status, again["code"], again["left_the_house"]) == (409, "ended", False), again
        # What the provider finds later changes nothing, and the next question is answered.
        assert p.us.query(CLAUSE, declaration=KNOWN, purpose="duty-assessment")["state"] == "answered"
        assert shown(p.us, token, identity)["state"] == shown(p.kw, theirs, identity)["state"] == "failed"
        for party in p.parties:
            assert "cancelled" in party.run("why", identity).stdout
            assert ARABIC.search(party.run("why", identity, lang="ar").stdout)
        verified(p)


def test_the_command_says_what_became_of_it():
    with Pair() as p:
        p.start()
        token = p.us.token()
        with providers_stopped(p.kw):
            first, second = ask(p, token), ask(p, token)
            done = p.us.run("cancel", first, "--wait", "30")
            assert "withdrawn" in done.stdout and first in done.stdout, done.stdout
            # Without --wait it is done when it is written; a second time the same, until the end is here.
            assert second in p.us.run("cancel", second).stdout
            assert p.us.run("cancel", second, check=False, lang="ar").returncode in (0, 3)
        answered = p.us.query(CLAUSE, declaration=KNOWN, purpose="duty-assessment")
        for words, lang in ((["its end already"], "en"), (["انتهى"], "ar")):
            done = p.us.run("cancel", answered["id"], check=False, lang=lang)
            assert done.returncode == 3 and all(word in done.stderr for word in words), done.stderr
        assert shown(p.us, token, answered["id"])["state"] == "answered"
        assert p.us.run("cancel", "q_nothing", check=False).returncode == 2
        assert p.us.run("cancel", "q_00000000000000000000000000", check=False).returncode == 2
        verified(p)


def test_only_who_asked_withdraws_and_only_under_its_clauses():
    with Pair() as p:
        p.start()
        token = p.us.token()
        with providers_stopped(p.kw):
            identity = ask(p, token)
            theirs = p.kw.token()
            until("the question is there", lambda: shown(p.kw, theirs, identity).get("state"))
            status, _, said = p.kw.http("DELETE", f"/v1/queries/{identity}", token=theirs)
            assert (status, said["code"]) == (404, "not-found"), said
            narrow = p.us.token("narrow", "--clauses", "border/travel-document-status")
            status, _, said = p.us.http("DELETE", f"/v1/queries/{identity}", token=narrow)
            assert (status, said["code"]) == (404, "not-found"), said
            assert p.us.http("DELETE", f"/v1/queries/{identity}")[0] == 401
            assert "failure" not in shown(p.us, token, identity)
        until("the answer", lambda: shown(p.us, token, identity)["state"] == "answered")
        verified(p)


def test_a_withdrawal_is_written_while_the_partner_is_away():
    with Pair() as p:
        p.start()
        token = p.us.token()
        with providers_stopped(p.kw):
            identity = ask(p, token)
            p.kw.stop(signal.SIGKILL)
        until("the link is down", lambda: not p.us.linked())
        for _ in range(2):
            status, headers, said = p.us.http("DELETE", f"/v1/queries/{identity}", token=token)
            assert status == 202 and headers["location"].endswith(identity), said
            assert said["state"] in ("accepted", "delivered"), said
        p.kw.start()
        p.wait_linked()
        # It had been asked before: the partner looks it up as it starts, so its answer may come first, and then stands.
        said = until("its end", lambda: [x for x in [shown(p.us, token, identity)] if x["state"] in ("answered", "failed")])[0]
        theirs = shown(p.kw, p.kw.token(), identity)
        assert theirs["state"] == said["state"] and theirs["proof"]["answer"] == said["proof"]["answer"], (said, theirs)
        assert said["state"] == "answered" or said["failure"]["reason"] == "cancelled", said
        verified(p)


def test_an_asker_that_is_killed_after_withdrawing_still_sees_the_end():
    with Pair() as p:
        p.start()
        token = p.us.token()
        with providers_stopped(p.kw):
            identity = ask(p, token)
            assert p.us.http("DELETE", f"/v1/queries/{identity}", token=token)[0] in (200, 202)
            p.us.stop(signal.SIGKILL)
            p.us.start()
            p.wait_linked()
            until("its end", lambda: shown(p.us, token, identity).get("failure", {}).get("reason") == "cancelled")
        verified(p)
