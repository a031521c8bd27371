"""Keys change between two gateways that go on talking, and what was said before stays proved."""
import subprocess

from cards import Keys
from gateways import BINARY, KW, ROOT, US, Pair, until

CLAUSE = "customs/declaration-status"


def ask(p):
    return p.us.query(CLAUSE, declaration="2026-0000001", purpose="duty-assessment")["id"]


def proofs(party, said, top, *cards):
    """What both verifiers call proved of this exchange, from this side's bundle."""
    bundle = top / f"{party.name}-{said}-{len(list(top.glob('*')))}"
    party.run("evidence", "export", said, "--out", bundle)
    given = [word for card in cards for word in ("--card", str(card))]
    first = subprocess.run([BINARY, "verify", str(bundle), "--lang", "en", *given], capture_output=True, text=True)
    second = subprocess.run(["/usr/bin/python3", str(ROOT / "tools/verify.py"), str(bundle), *given], capture_output=True, text=True)
    assert first.returncode == 0 and second.returncode == 0, first.stdout + first.stderr + second.stdout + second.stderr
    return [line.split()[1] for line in second.stdout.splitlines() if line.startswith("PROVED")], first.stdout + second.stdout


def all_proved(p, *ids):
    for party in p.parties:
        for said in ids:
            proved, text = proofs(party, said, p.top)
            assert {"agreed", "asked", "received", "answered"} <= set(proved), f"{party.name} {said}\n{text}"
            assert "revoked" not in text, text


def restart(p, party, **change):
    party.stop()
    for name, stolen in change.items():
        Keys(party).rotate(name, stolen)
    party.start()
    p.wait_linked()


def test_log_and_receipt_keys_change_on_either_side():
    with Pair() as p:
        p.start()
        said = [ask(p)]
        p.wait_equal()
        for party, word in ((p.us, "log"), (p.kw, "log"), (p.us, "receipt"), (p.kw, "receipt"), (p.us, "log")):
            restart(p, party, **{word: False})
            said.append(ask(p))
        p.wait_equal()
        all_proved(p, *said)
        assert sorted(f.name for f in (p.kw.home / "data/cards").iterdir()) == [f"{US}.{n}.card" for n in (2, 3, 4)]
        assert p.kw.journal().count('"card-taken"') == 3 and p.us.journal().count('"card-taken"') == 2
        for party in p.parties:  # what came by wire is read again at the next start
            party.stop()
            party.run("log", "verify")
            party.start()
        p.wait_linked()
        said.append(ask(p))
        p.wait_equal()
        all_proved(p, *said)


def test_keys_change_twice_while_the_partner_is_away():
    """Both roots, too: each card is vouched for by the one before it, and all of them are shown."""
    with Pair() as p:
        p.start()
        said = [ask(p)]
        p.wait_equal()
        p.kw.stop()
        for root in ("root-b", "root-a", "root-b"):
            p.us.stop()
            Keys(p.us).rotate("log")
            Keys(p.us).rotate_root("ab"[root == "root-a"], by=root)
            p.us.start()
        p.kw.start()
        p.wait_linked()
        said.append(ask(p))
        p.wait_equal()
        all_proved(p, *said)


def test_more_cards_than_are_kept_are_refused_and_nothing_else_suffers():
    """A partner that shows card after card: what is too much is not written, and the gateway starts again as ever."""
    with Pair() as p:
        p.start()
        ask(p)
        keys, kept = Keys(p.us), p.kw.home / "data/cards"
        for _ in range(2):  # it hides the cards before, so that its own house has few
            p.us.stop()
            for old in (p.us.home / "cards").glob("*.card"):
                old.unlink()
            for _ in range(20):
                keys.put(keys.lines())
            p.us.start()
            until("its cards came", lambda: f"{US}.{keys.serial()}.card" in [f.name for f in kept.iterdir()] or "card-refused" in p.kw.journal())
        assert "card-refused" in p.kw.journal()
        assert len(list(kept.iterdir())) == 31
        p.kw.stop()
        p.kw.start()
        assert p.kw.status()["partners"]


def test_a_root_changes_and_the_agreement_stays():
    with Pair() as p:
        p.start()
        said = [ask(p)]
        p.us.stop()
        Keys(p.us).rotate_root("a", by="root-b")
        Keys(p.us).rotate("log")
        p.us.start()
        p.wait_linked()
        said.append(ask(p))
        p.wait_equal()
        all_proved(p, *said)


def test_a_stolen_log_key_and_a_stolen_receipt_key():
    with Pair() as p:
        p.start()
        said = [ask(p)]
        p.wait_equal()
        restart(p, p.us, log=True)
        said.append(ask(p))
        p.wait_equal()
        restart(p, p.kw, receipt=True)
        said.append(ask(p))
        p.wait_equal()
        all_proved(p, *said)


def test_what_a_thief_signs_is_not_proved():
    """The card names less than was signed: as if a thief had signed the rest."""
    with Pair() as p:
        p.start()
        said = ask(p)
        p.wait_equal()
        p.us.stop()
        keys = Keys(p.us)
        full = keys.revoked
        keys.revoked = lambda word, old: [line.rsplit(" ", 1)[0] + " 1" for line in full(word, old)]
        keys.rotate("log", stolen=True)
        proved, text = proofs(p.kw, said, p.top)  # the other side has not heard of it: its own bundle proves it
        assert "asked" in proved
        proved, text = proofs(p.kw, said, p.top, p.us.home / f"{US}.card")
        assert "asked" not in proved and "key-revoked" in text and "has revoked the key that signed it" in text, text


def test_a_card_that_does_not_succeed_is_refused():
    with Pair() as p:
        p.start()
        p.us.stop()
        Keys(p.us).put(Keys(p.us).lines())
        spoiled = Keys(p.us).text()
        p.us.start()
        p.wait_linked()
        p.us.stop()
        # Another card of the same serial.
        p.us.home.joinpath(f"cards/{US}.1.card").replace(p.us.home / f"{US}.card")
        Keys(p.us).rotate("log")
        assert Keys(p.us).text() != spoiled
        p.us.start()
        until("it is refused", lambda: '"card-refused"' in p.kw.journal())
        assert not p.kw.linked()


def test_tls_keys_change_while_the_partner_is_away():
    """Kw is down during the whole rotation, on the listening side and then on the dialling one, and nobody is locked out."""
    with Pair() as p:
        for party, away in ((p.us, p.kw), (p.kw, p.us)):
            p.start()
            said = ask(p)
            for each in p.parties:
                each.stop()
            Keys(party).rotate_tls()
            Keys(party).retire_tls()
            party.start()
            away.start()
            p.wait_linked()
            until("the card is taken", lambda away=away: '"card-taken"' in away.journal())
            all_proved(p, said, ask(p))
            # From now on the partner knows the new key alone, and the old one is destroyed.
            for each in p.parties:
                each.stop()
            for ending in ("key", "pem"):
                (party.home / f"keys/tls.old.{ending}").unlink()
            p.start()
            ask(p)
            for each in p.parties:
                each.stop()


def test_a_thief_of_the_old_tls_key_stays_outside():
    """The sibling: who shows the old key alone is refused by one that has taken the new card."""
    with Pair() as p:
        p.start()
        for each in p.parties:
            each.stop()
        Keys(p.us).rotate_tls()
        Keys(p.us).retire_tls()
        p.start()
        for each in p.parties:
            each.stop()
        for ending in ("key", "pem"):
            (p.us.home / f"keys/tls.old.{ending}").rename(p.us.home / f"keys/tls.{ending}")
        for party in p.parties:
            party.start()
        until("it is refused", lambda: "the partner's certificate is not the one on its card" in p.kw.journal())
        assert not p.kw.linked() and not p.us.linked()
