"""The keys and the pairing as a person types them, without any gateway: what is written, in which order, and what is refused."""
import base64
import hashlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import gateways
from gateways import KW, US, until


class House:
    def __init__(self, top, name, party, *words):
        self.home, self.party = top / name, party
        self.card = self.home / f"{party}.card"
        self.born = self.said("init", party, *words)

    def typed(self, *words, lang="en"):
        return subprocess.run([gateways.BINARY, "--home", str(self.home), "--lang", lang, *map(str, words)], capture_output=True, text=True)

    def said(self, *words):
        done = self.typed("--json", *words)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return json.loads(done.stdout)

    def refused(self, word, *words, code=2):
        done = self.typed(*words)
        assert done.returncode == code and word in done.stderr, (words, done.returncode, done.stdout, done.stderr)

    def lines(self, word):
        return [line.split()[1:] for line in self.card.read_text().split("\n\n")[0].split("\n") if line.split()[:1] == [word]]

    def root(self, letter):
        return self.home / f"root/root-{letter}.key"

    def keys(self):
        return sorted(path.name for path in (self.home / "keys").iterdir())

    def public(self, word):
        return {row["public"] for row in self.said("key", "list")["keys"] if row["key"] == word}


class Houses:
    def __enter__(self):
        self.top = Path(tempfile.mkdtemp(prefix="mithaq-keys-"))
        self.kw, self.us = House(self.top, "kw", KW), House(self.top, "us", US)
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.top)


def test_words_are_the_same_on_both_sides():
    with Houses() as h:
        taken = h.us.said("partner", "add", h.kw.card)
        assert taken["words"] == h.kw.born["words"] and not taken["compared"]
        for line in h.kw.born["words"].values():
            assert h.us.said("partner", "add", h.kw.card, "--words", line)["compared"]
        wrong = h.kw.born["words"]["en"].split()
        wrong[3] = "cobalt" if wrong[3] != "cobalt" else "walnut"
        (h.us.home / f"partners/{KW}.card").unlink()
        h.us.refused("word 4", "partner", "add", h.kw.card, "--words", " ".join(wrong))
        h.us.refused("six words", "partner", "add", h.kw.card, "--words", "cobalt walnut")
        assert not (h.us.home / f"partners/{KW}.card").exists()


def test_pairing_signs_one_text():
    with Houses() as h:
        assert h.kw.said("partner", "add", h.us.card)["connection"] == "signed-by-us"
        assert h.us.said("partner", "add", h.kw.card)["connection"] == "signed-by-us"
        halves = [next((house.home / "agreements/pending").iterdir()) for house in (h.kw, h.us)]
        assert halves[0].name == halves[1].name
        texts = [half.read_text().rsplit("\n\n", 1) for half in halves]
        assert texts[0][0] == texts[1][0]
        assert halves[0].name == hashlib.sha256((texts[0][0] + "\n").encode()).hexdigest() + ".signed-by-us"
        # Both halves together are an agreement that each of them activates.
        whole = h.top / "connection.agreement"
        whole.write_text(halves[0].read_text() + texts[1][1])
        for house in (h.kw, h.us):
            house.said("agreement", "activate", whole)
            assert len(house.said("agreement", "list")) == 1
        assert h.kw.said("partner", "add", h.us.card)["connection"] == "in-force"
        h.kw.refused("verify", "agreement", "activate", halves[0])


def test_without_a_root_nothing_is_signed():
    with Houses() as h:
        safe = h.top / "safe"
        shutil.move(h.kw.home / "root", safe)
        assert h.kw.said("partner", "add", h.us.card)["connection"] == "unsigned"
        h.kw.refused("not a root key of our card", "partner", "add", h.us.card, "--root", h.us.root("a"))
        assert h.kw.said("partner", "add", h.us.card, "--root", safe / "root-b.key")["connection"] == "signed-by-us"
        h.kw.refused("--root KEYFILE", "key", "rotate", "log")
        os.chmod(safe / "root-a.key", 0o644)
        h.kw.refused("chmod 600", "key", "rotate", "log", "--root", safe / "root-a.key")
        assert h.kw.lines("serial") == [["1"]]
        os.chmod(safe / "root-a.key", 0o600)
        assert h.kw.said("key", "rotate", "root-b", "--root", safe / "root-a.key")["serial"] == 2
        assert h.kw.root("b").exists() and not h.kw.root("a").exists()


def test_each_key_is_rotated_and_the_partner_follows():
    with Houses() as h:
        h.us.said("partner", "add", h.kw.card)
        for serial, kind in enumerate(("log", "receipt", "tls", "root-a"), start=2):
            before, first = h.kw.public(kind), h.kw.card.read_text()
            root = h.kw.root("b")
            assert h.kw.said("key", "rotate", kind, "--root", root)["serial"] == serial
            assert (h.kw.home / f"cards/{KW}.{serial - 1}.card").read_text() == first
            assert (h.kw.public(kind) > before) if kind == "tls" else (h.kw.public(kind) != before)
            assert all(row["file"] in ("here", "take-away") for row in h.kw.said("key", "list")["keys"])
            assert h.us.said("partner", "add", h.kw.card)["serial"] == serial
            assert (h.us.home / f"cards/{KW}.{serial - 1}.card").read_text() == first
        h.us.refused("older than the card held", "partner", "add", h.kw.home / f"cards/{KW}.3.card")
        h.kw.refused("the root that goes", "key", "rotate", "root-a", "--root", h.kw.root("a"))
        h.kw.refused("under way", "key", "rotate", "tls", code=3)
        pins = h.kw.lines("tls")
        assert len(pins) == 2
        h.kw.said("key", "retire", "tls")
        assert h.kw.lines("tls") == pins[1:]
        assert h.kw.keys() == ["log.key", "receipt.key", "tls.key", "tls.old.key", "tls.old.pem", "tls.pem"]
        h.kw.refused("one TLS key alone", "key", "retire", "tls", code=3)
        assert all(oct(path.stat().st_mode & 0o777) == "0o600" for path in (h.kw.home / "keys").glob("*.key"))


def test_a_revoked_key_is_named_on_every_later_card():
    with Houses() as h:
        stolen = h.kw.lines("log")[0][1]
        h.kw.said("key", "revoke", "log")
        assert h.kw.lines("revoked") == [[stolen, "0" * 32, "0"]]
        h.kw.said("key", "rotate", "receipt")
        assert h.kw.lines("revoked") == [[stolen, "0" * 32, "0"]]
        pin = h.kw.lines("tls")
        h.kw.said("key", "revoke", "tls")
        assert len(h.kw.lines("tls")) == 1 and h.kw.lines("tls") != pin


def test_a_crash_between_two_steps_leaves_a_house_that_goes_on():
    with Houses() as h:
        # The new key is there and no card names it: it is forgotten.
        shutil.copy(h.us.home / "keys/log.key", h.kw.home / "keys/log.next.key")
        h.kw.said("key", "rotate", "log")
        assert h.kw.keys() == ["log.key", "receipt.key", "tls.key", "tls.pem"]
        # The card names the new key, which is not in its place yet: the next command puts it there.
        old = h.top / "old.key"
        shutil.copy(h.kw.home / "keys/log.key", old)
        h.kw.said("key", "rotate", "log")
        shutil.move(h.kw.home / "keys/log.key", h.kw.home / "keys/log.next.key")
        shutil.move(old, h.kw.home / "keys/log.key")
        assert {row["file"] for row in h.kw.said("key", "list")["keys"] if row["key"] == "log"} == {"other"}
        h.kw.said("key", "rotate", "log")
        assert all(row["file"] in ("here", "take-away") for row in h.kw.said("key", "list")["keys"])
        # The TLS key was put in its place, its certificate not yet.
        h.kw.said("key", "rotate", "tls")
        keys = h.kw.home / "keys"
        for ending in ("key", "pem"):
            shutil.copy(keys / f"tls.{ending}", keys / f"tls.old.{ending}")
        shutil.move(keys / "tls.next.key", keys / "tls.key")
        fresh = (keys / "tls.next.pem").read_text()
        h.kw.said("key", "retire", "tls")
        assert (keys / "tls.pem").read_text() == fresh
        assert all(row["file"] in ("here", "take-away") for row in h.kw.said("key", "list")["keys"])


def test_a_card_that_does_not_follow_stops_everything_and_is_named():
    with Houses() as h:
        h.us.said("partner", "add", h.kw.card)
        other = House(h.top, "other", KW)
        h.us.refused("two different cards have the same serial", "partner", "add", other.card)
        other.said("key", "rotate", "log")
        h.us.refused("does not follow", "partner", "add", other.card)
        cards = h.us.home / "data/cards"
        cards.mkdir()
        shutil.copy(other.card, cards / f"{KW}.2.card")
        h.us.refused(f"cards/{KW}.2.card", "partner", "list")
        shutil.move(cards / f"{KW}.2.card", cards / f"{KW}.3.card")
        h.us.refused("PARTY.SERIAL.card", "partner", "list")
        (cards / f"{KW}.3.card").unlink()
        # What the gateway took over the link counts for the commands, too.
        h.kw.said("key", "rotate", "log")
        shutil.copy(h.kw.card, cards / f"{KW}.2.card")
        assert h.us.said("partner", "list")[0]["serial"] == 2


def test_test_and_live_never_meet():
    with Houses() as h:
        live = House(h.top, "live", US, "--environment", "live")
        h.kw.refused("test and live do not meet", "partner", "add", live.card)
        shutil.copy(live.card, h.kw.home / "partners")
        h.kw.refused("test and live never meet", "partner", "list")
        (h.kw.home / f"partners/{US}.card").unlink()
        h.kw.said("partner", "add", h.us.card)
        # An agreement whose text says live, signed by the keys of the two test houses.
        h.us.said("partner", "add", h.kw.card)
        half = next((h.kw.home / "agreements/pending").iterdir())
        draft = h.top / "live.yaml"
        draft.write_text(half.read_text().rsplit("\n\n", 1)[0].replace("environment: test", "environment: live") + "\n")
        once, whole = h.top / "once", h.top / "whole"
        h.kw.said("agreement", "sign", draft, "--root", h.kw.root("a"), "--out", once)
        h.us.said("agreement", "sign", once, "--root", h.us.root("a"), "--out", whole)
        h.kw.refused("environment is not ours", "agreement", "activate", whole)
        shutil.copy(whole, h.kw.home / "agreements/live.agreement")
        h.kw.refused("test and live never meet", "agreement", "list")


def test_a_sheet_for_the_annex():
    with Houses() as h:
        plain, page = h.kw.typed("key", "sheet").stdout, h.kw.typed("key", "sheet", "--html").stdout
        for text in (h.kw.born["words"]["en"], h.kw.born["words"]["ar"], h.kw.born["fingerprint"]):
            assert text in plain and text in page
        assert page.startswith("<!doctype html>") and 'dir="rtl"' in page
        sheet = h.kw.said("key", "sheet")
        assert base64.b64decode(h.kw.lines("root")[0][1]).hex() == sheet["root_b"]


def test_a_token_has_an_end_when_one_is_given():
    with Houses() as h:
        h.kw.said("token", "new", "desk", "--days", "30")
        h.kw.said("token", "new", "free")
        rows = {row["account"]: row for row in h.kw.said("token", "list")}
        assert rows["free"]["expires"] == "" and rows["desk"]["expires"] > rows["desk"]["created"] and not rows["desk"]["expired"]
        h.kw.refused("--days", "token", "new", "desk", "--days", "0")


def test_without_a_connection_agreement_ping_says_what_to_do():
    with Houses() as h:
        h.kw.said("partner", "add", h.us.card)
        h.kw.refused("partner add CARD", "ping", US, code=3)
        h.kw.refused("partner add CARD", "notice", "incident", US, "--text", "A machine was lost", code=3)
        h.kw.refused("--from", "notice", "outage", US, "--from", "tomorrow", "--text", "Maintenance")


def test_no_card_is_made_that_nobody_can_keep():
    with tempfile.TemporaryDirectory(prefix="mithaq-cards-") as top:
        house = House(Path(top), "us", US)
        for serial in range(2, 33):
            assert house.said("key", "rotate", "receipt", "--root", house.root("b"))["serial"] == serial
        house.refused("32 cards", "key", "rotate", "receipt", "--root", house.root("b"))
        assert house.said("key", "list")["serial"] == 32


def token_file(home, text, created="2026-11-01T00:00:00.000Z", expires=None):
    """A token as `mithaq token new` keeps it, from an hour or a house of our choice."""
    path = home / "tokens" / hashlib.sha256(text.encode()).hexdigest()
    path.write_text(f"mithaq-token/1 desk {created} *{'' if expires is None else ' ' + expires}\n")
    os.chmod(path, 0o600)


def test_a_gateway_refuses_a_token_that_ended_and_one_of_the_other_environment():
    with gateways.Pair() as p:
        here, ended, live = ("mq_test_" + "1" * 32, "mq_test_" + "2" * 32, "mq_live_" + "3" * 32)
        token_file(p.kw.home, here, expires="2999-01-01T00:00:00.000Z")
        token_file(p.kw.home, ended, expires="2026-11-02T00:00:00.000Z")
        token_file(p.kw.home, live)
        p.kw.start()
        assert p.kw.http("GET", "/v1/status", token=here)[0] == 200
        for refused in (ended, live):
            status, _, problem = p.kw.http("GET", "/v1/status", token=refused)
            assert (status, problem["code"]) == (401, "token-expired"), problem


def test_the_commands_of_the_page_change_the_keys_of_a_running_gateway():
    with gateways.Pair() as p:
        p.start()

        def answered():
            done = p.us.query("customs/declaration-status", check=False, declaration="2026-0000001", purpose="duty-assessment")
            return json.loads(done.stdout)["id"] if done.returncode == 0 else None

        said = [answered()]
        p.wait_equal()
        until("the connection agreement is in force", lambda: p.us.run("ping", KW, check=False).returncode == 0)
        steps = (("rotate", "log"), ("revoke", "log"), ("revoke", "receipt"), ("rotate", "tls"), ("retire", "tls"), ("rotate", "root-a"))
        for serial, (verb, kind) in enumerate(steps, start=2):
            words = ("--root", p.us.home / "root/root-b.key")
            made = json.loads(p.us.run("--json", "key", verb, kind, *words).stdout)
            assert made["serial"] == serial and (verb != "revoke" or made["revoked"] > 0), made
            p.us.process.send_signal(signal.SIGHUP)
            taken = p.kw.home / f"data/cards/{US}.{serial}.card"
            until(f"the partner took card {serial}", taken.exists)
            p.wait_linked()
            said.append(until("a question is answered again", answered))
        p.wait_equal()
        # A key that signed something is named with the epochs that both sides hold.
        card = (p.us.home / f"{US}.card").read_text()
        named = [line.split() for line in card.splitlines() if line.startswith("revoked ")]
        assert len({line[1] for line in named}) == 2 and all(int(line[3]) > 0 for line in named), card
        for number, exchange in enumerate(said):
            bundle = p.top / f"{number}.mithaq"
            p.us.run("evidence", "export", exchange, "--out", bundle)
            verdict = p.us.run("verify", bundle).stdout
            assert verdict.count("PROVED") >= 4, verdict
        for party in p.parties:
            party.stop()
            party.run("log", "verify")
