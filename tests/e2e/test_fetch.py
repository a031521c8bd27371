"""A national system takes the questions of the partner and answers them (`fetch: true`)."""
import concurrent.futures
import signal
import time

from gateways import KW, US, Pair, until

CLAUSE = "customs/declaration-status"
OTHER = "border/travel-document-status"
KNOWN = "2026-0048817"
HIT = {"result": "hit", "fields": {"status": "released", "released_on": "2026-11-20"}}


def slowly(text):
    return text.replace("answer-within: 2 seconds", "answer-within: 3 days", 1)


class Fetched(Pair):
    """The sample, with the declarations in the hands of a case system that has days."""

    def __init__(self):
        super().__init__(change=slowly)

    def configure(self, party):
        super().configure(party)
        if party.name == KW:
            path = party.home / "mithaq.yaml"
            text = path.read_text()
            begin, end = text.index(f"  {CLAUSE}:"), text.index(f"  {OTHER}:")
            path.write_text(text[:begin] + f"  {CLAUSE}:\n    fetch: true\n" + text[end:])

    def start(self):
        super().start()
        self.asker = self.us.token()
        self.system = self.kw.token("case-system", "--clauses", f"answer:{CLAUSE}")
        return self

    def ask(self, wait=0, declaration=KNOWN):
        status, _, said = self.us.http("POST", "/v1/queries", {"clause": CLAUSE, "purpose": "duty-assessment", "fields": {"declaration": declaration}},
                                       self.asker, {"Prefer": f"wait={wait}"})
        assert status in (200, 202), said
        return said

    def shown(self, identity):
        return self.us.http("GET", f"/v1/queries/{identity}", token=self.asker)[2]

    def waiting(self, token=None, **words):
        words = {"clause": CLAUSE, "wait": 0, **words}
        address = "/v1/requests?" + "&".join(f"{k}={v}" for k, v in words.items() if v != "")
        status, _, said = self.kw.http("GET", address, token=token or self.system)
        assert status == 200, said
        return said["data"]

    def answer(self, identity, body, token=None):
        return self.kw.http("POST", f"/v1/requests/{identity}/answer", body, token=token or self.system)

    def verified(self):
        self.wait_equal()
        for party in self.parties:
            party.run("log", "verify")


def test_a_system_waits_takes_and_answers():
    with Fetched() as p:
        p.start()
        assert p.waiting() == []
        with concurrent.futures.ThreadPoolExecutor() as pool:
            taken = pool.submit(p.waiting, wait=30)
            asked = pool.submit(p.ask, wait=30)
            began = time.monotonic()
            offers = taken.result()
            assert time.monotonic() - began < 10, "it was not woken"
            assert len(offers) == 1, offers
            offer = offers[0]
            assert (offer["from"], offer["purpose"], offer["fields"]) == (US, "duty-assessment", {"declaration": KNOWN}), offer
            assert offer["clause"]["name"] == CLAUSE and offer["lease"] and offer["account"] == "case-system", offer
            assert offer["asked"] < offer["lease"] < offer["answer_by"] < offer["expires"], offer
            assert p.waiting() == []  # it is taken
            assert [o["id"] for o in p.waiting(lease=0)] == [offer["id"]]  # looking takes nothing
            status, headers, said = p.answer(offer["id"], HIT)
            assert (status, said["state"], said["id"]) == (200, "answered", offer["id"]), said
            assert headers["mithaq-id"] == offer["id"]
            got = asked.result()
        assert (got["state"], got["result"], got["fields"]) == ("answered", "hit", HIT["fields"]), got
        assert p.waiting(lease=0) == []
        p.verified()


def test_every_result_reaches_the_partner_as_it_was_given():
    with Fetched() as p:
        p.start()
        for body, state, told in (({"result": "no-hit"}, "answered", lambda x: x["result"] == "no-hit"),
                                  ({"result": "refused", "reason": "inquiry-under-way"}, "refused",
                                   lambda x: (x["refusal"]["reason"], x["refusal"]["rule"]) == ("inquiry-under-way", "7/refuse-for")),
                                  ({"result": "error"}, "failed", lambda x: x["failure"]["reason"] == "provider-failed"),
                                  ({"result": "hit", "fields": {"status": "held"}}, "answered", lambda x: x["fields"] == {"status": "held"})):
            identity = p.ask()["id"]
            offers = until("it is offered", p.waiting)
            assert [o["id"] for o in offers] == [identity]
            status, _, said = p.answer(identity, body)
            assert (status, said["state"]) == (200, state), said
            until("the partner has it", lambda: p.shown(identity)["state"] == state)
            assert told(p.shown(identity)), p.shown(identity)
        p.verified()


def test_what_the_clause_does_not_permit_never_leaves():
    with Fetched() as p:
        p.start()
        identity = p.ask()["id"]
        until("it is offered", p.waiting)
        for body, code, pointer in (({"result": "hit", "fields": {"status": "released", "importer": "Noura Al-Sample"}}, "field-not-permitted", "/fields/importer"),
                                    ({"result": "hit", "fields": {"status": "gone"}}, "value-out-of-list", "/fields/status"),
                                    ({"result": "hit", "fields": {"released_on": "20.11.2026"}}, "value-out-of-list", "/fields/released_on"),
                                    ({"result": "refused", "reason": "no-time"}, "value-out-of-list", "/reason"),
                                    ({"result": "refused"}, "field-missing", "/reason"),
                                    ({"result": "hit"}, "field-missing", "/fields"),
                                    ({}, "field-missing", "/result"),
                                    ({"result": "perhaps"}, "malformed", "/result"),
                                    ({"result": "no-hit", "fields": {}}, "malformed", "/fields"),
                                    ({"result": "hit", "fields": {"status": 7}}, "malformed", "/fields/status"),
                                    ({"result": "no-hit", "note": "x"}, "malformed", "/note")):
            status, _, said = p.answer(identity, body)
            assert (status, said["code"], said["pointer"], said["left_the_house"]) == (400, code, pointer, False), (body, said)
        assert p.answer(identity, b"{")[0] == 400
        assert p.shown(identity)["state"] in ("accepted", "delivered")
        said = p.answer(identity, {"result": "refused", "reason": "no-time"})[2]
        assert said["allowed"] == ["inquiry-under-way", "public-order"], said
        assert p.answer(identity, HIT)[0] == 200
        # Answered once is answered: the second says so, and nobody hears of it.
        status, _, said = p.answer(identity, {"result": "no-hit"})
        assert (status, said["code"]) == (409, "ended"), said
        until("the answer", lambda: p.shown(identity)["fields"] == HIT["fields"] if "fields" in p.shown(identity) else False)
        p.verified()


def test_a_token_answers_what_it_is_for_and_nothing_else():
    with Fetched() as p:
        p.start()
        identity = p.ask()["id"]
        until("it is offered", p.waiting)
        everything, sees, elsewhere = p.kw.token("app"), p.kw.token("sees", "--clauses", CLAUSE), p.kw.token("else", "--clauses", f"answer:{OTHER}")
        second = p.kw.token("second", "--clauses", f"*,answer:{CLAUSE}")
        for token in (everything, sees):  # who may ask may not answer
            assert p.kw.http("GET", "/v1/requests?lease=0", token=token)[0] == 403
            assert p.answer(identity, HIT, token)[0] == 403
        assert p.kw.http("GET", f"/v1/requests?clause={CLAUSE}", token=elsewhere)[0] == 403
        assert p.waiting(elsewhere, clause="", lease=0) == []
        assert p.answer(identity, HIT, elsewhere)[0] == 404
        assert p.answer("q_00000000000000000000000000", HIT)[0] == 404
        assert p.answer("q_nothing", HIT)[0] == 404
        assert p.kw.http("GET", f"/v1/requests?clause={OTHER}", token=p.kw.token("both", "--clauses", "answer:*"))[0] == 404  # a database answers there
        for wrong in ("wait=61", "most=0", "most=101", "lease=3601", "since=3"):
            assert p.kw.http("GET", f"/v1/requests?{wrong}", token=p.system)[0] == 400, wrong
        assert p.kw.http("GET", "/v1/requests")[0] == 401
        # Another account has it: not now.
        status, headers, said = p.answer(identity, HIT, second)
        assert (status, said["code"]) == (409, "leased") and 0 < int(headers["retry-after"]) <= 61, (headers, said)
        assert p.shown(identity)["state"] in ("accepted", "delivered")
        assert p.answer(identity, HIT)[0] == 200
        # The token that answers sees what it answered.
        assert p.kw.http("GET", f"/v1/queries/{identity}", token=p.system)[2]["state"] == "answered"
        assert p.kw.http("GET", f"/v1/queries/{identity}", token=elsewhere)[0] == 404
        assert p.kw.run("token", "new", "wrong", "--clauses", "answer:", check=False).returncode == 2
        p.verified()


def test_a_lease_that_ends_offers_the_question_again_and_many_are_shared():
    with Fetched() as p:
        p.start()
        second = p.kw.token("second", "--clauses", f"answer:{CLAUSE}")
        ids = [p.ask(declaration=f"2026-{n:07d}")["id"] for n in range(7)]
        until("all wait", lambda: len(p.waiting(lease=0, most=100)) == 7)
        first = [o["id"] for o in p.waiting(most=3, lease=1)]
        assert first == ids[:3], "the oldest first"
        rest = [o["id"] for o in p.waiting(second, lease=600)]
        assert rest == ids[3:], rest
        # The first system does nothing: what it took is offered to whoever waits.
        again = [o["id"] for o in p.waiting(second, wait=30, lease=600)]
        assert again == first
        for identity in ids:
            assert p.answer(identity, {"result": "no-hit"})[0] == 409
            assert p.answer(identity, {"result": "no-hit"}, second)[0] == 200
        until("all are answered", lambda: all(p.shown(i)["state"] == "answered" for i in ids))
        p.verified()


def test_a_gateway_that_is_killed_between_taking_and_answering_loses_nothing():
    with Fetched() as p:
        p.start()
        identity = p.ask()["id"]
        offer = until("it is offered", p.waiting)[0]
        p.kw.stop(signal.SIGKILL)
        p.kw.start()
        p.wait_linked()
        # The lease died with the gateway; who had it may answer all the same.
        again = until("it is offered again", lambda: p.waiting(lease=0))
        assert [(o["id"], o["answer_by"], o["expires"]) for o in again] == [(identity, offer["answer_by"], offer["expires"])], (offer, again)
        assert again[0]["fields"] == {"declaration": KNOWN} and again[0]["lease"] is None, again
        assert p.answer(identity, HIT)[0] == 200
        until("the answer", lambda: p.shown(identity)["state"] == "answered")
        # Killed at once after the answer was taken: it was on the disk before that was said.
        second = p.ask()["id"]
        until("it is offered", p.waiting)
        assert p.answer(second, HIT)[0] == 200
        p.kw.stop(signal.SIGKILL)
        p.kw.start()
        p.wait_linked()
        until("the answer", lambda: p.shown(second).get("fields") == HIT["fields"])
        assert p.waiting(lease=0) == []
        p.verified()


def test_while_the_partner_is_away_its_question_waits_for_both():
    with Fetched() as p:
        p.start()
        identity = p.ask()["id"]
        until("it is offered", p.waiting)
        p.us.stop(signal.SIGKILL)
        # Who asked is away: the answer is written and goes with the next session.
        assert p.answer(identity, HIT)[0] == 200
        p.us.start()
        p.wait_linked()
        until("the answer", lambda: p.shown(identity).get("fields") == HIT["fields"])
        # And a gateway that started while the partner is away does not know yet what to offer.
        second = p.ask()["id"]
        until("it is offered", p.waiting)
        p.us.stop(signal.SIGKILL)
        p.kw.stop(signal.SIGKILL)
        p.kw.start()
        status, headers, said = p.answer(second, HIT)
        assert (status, said["code"]) == (503, "busy") and headers["retry-after"], said
        assert p.waiting(lease=0) == []
        p.us.start()
        p.wait_linked()
        until("it is offered again", lambda: [o["id"] for o in p.waiting(lease=0)] == [second])
        assert p.answer(second, {"result": "no-hit"})[0] == 200
        until("the answer", lambda: p.shown(second).get("result") == "no-hit")
        p.verified()


def test_a_question_that_the_partner_withdraws_is_offered_no_more():
    with Fetched() as p:
        p.start()
        identity = p.ask()["id"]
        until("it is offered", p.waiting)
        assert p.us.http("DELETE", f"/v1/queries/{identity}", token=p.asker, headers={"Prefer": "wait=30"})[2]["failure"]["reason"] == "cancelled"
        assert p.waiting(lease=0) == []
        status, _, said = p.answer(identity, HIT)
        assert (status, said["code"], said["left_the_house"]) == (409, "ended", False), said
        assert p.shown(identity)["state"] == "failed"
        # Other clauses are answered by their own source all the while.
        assert p.us.query(OTHER, document="P9999999", country="KW", purpose="border-check")["result"] == "no-hit"
        p.verified()
