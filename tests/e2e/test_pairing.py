"""The connection agreement: each side signs it when it adds the other, and it is in force when the two have met."""
import json

from gateways import KW, US, Pair, until

FOLDER = "data/agreements"


def joined(party):
    folder = party.home / FOLDER
    return sorted(f.name for f in folder.iterdir()) if folder.exists() else []


def connection_open(p):
    until("both halves are joined", lambda: joined(p.kw) and joined(p.us))
    until("both have taken it up", lambda: all(any(c["channel"] == "mithaq" for c in party.status()["channels"]) for party in p.parties))
    p.wait_linked()


def ping(party):
    """The clause of our direction; its name says which side asks."""
    which = "first" if party.name < (US if party.name == KW else KW) else "second"
    return party.query(f"mithaq/ping-by-{which}", at="2026-11-23T08:00:00Z", purpose="operation")


def test_two_halves_become_one_agreement_and_the_house_answers():
    with Pair() as p:
        p.start()
        connection_open(p)
        assert joined(p.kw) == joined(p.us) and len(joined(p.kw)) == 1
        for party in p.parties:
            said = ping(party)
            assert said["state"] == "answered" and said["fields"]["at"], json.dumps(said)
            assert "agreement-joined" in party.journal()
        p.wait_equal()
        # A start later it is an agreement like any other, and nothing is sent again.
        for party in p.parties:
            party.stop()
        p.start()
        assert ping(p.us)["state"] == "answered"


def test_one_half_alone_is_nothing():
    with Pair() as p:
        for half in (p.kw.home / "agreements/pending").iterdir():
            half.unlink()
        p.start()
        until("it is said", lambda: "paper-waits" in p.kw.journal())
        assert not joined(p.kw) and not joined(p.us)


def test_a_half_that_was_touched_is_nothing():
    with Pair() as p:
        for half in (p.us.home / "agreements/pending").iterdir():
            text = half.read_bytes()
            at = text.rindex(b" ") + 40
            half.write_bytes(text[:at] + (b"A" if text[at:at + 1] != b"A" else b"B") + text[at + 1:])
        p.start()
        until("it is refused", lambda: "paper-refused" in p.kw.journal())
        assert not joined(p.kw)
