"""This release reads and goes on with what the releases before it left (tests/compat/)."""
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

from gateways import KW, ROOT, US, Party, free_port

sys.path.insert(0, str(ROOT / "tests/compat"))
import golden  # noqa: E402
from golden import CLAUSE, Golden, expected  # noqa: E402


def each(check):
    """Every release that left golden homes, one after the other."""
    for version in golden.versions():
        with Golden(version) as pair:
            check(pair, expected(version))


def ask(pair, number, **words):
    return pair.us.query(CLAUSE, declaration=number, purpose="duty-assessment", **words)


def database(pair):
    """The provider's data did not come along: the answers of this life are of today."""
    with sqlite3.connect(pair.top / f"{KW}.db") as made:
        made.execute("CREATE TABLE declarations (number TEXT PRIMARY KEY, status TEXT, released_on TEXT)")
        made.execute("INSERT INTO declarations VALUES ('2026-0048817', 'released', '2026-11-20')")


def test_an_upgrade_is_told_what_it_will_find():
    def check(pair, _):
        for party in pair.parties:
            said = json.loads(party.run("upgrade", "--check", "--json").stdout)
            assert said["ready"] and said["ledger"]["schema"] >= 2 and said["ledger"]["needed"] > 0, said
            assert said["changes"] == said["ledger"]["converts"], said
            words = party.run("upgrade", "--check").stdout
            assert ("nothing changes" in words) != said["changes"] and party.name in words, words
            assert "يستطيع هذا البرنامج" in party.run("upgrade", "--check", lang="ar").stdout

    each(check)


def test_asking_before_an_upgrade_changes_nothing():
    def check(pair, _):
        files = {p: p.read_bytes() for p in pair.us.home.rglob("*") if p.is_file() and not p.name.endswith("-shm")}
        pair.us.run("upgrade", "--check")
        assert files == {p: p.read_bytes() for p in files}

    each(check)


def refused(party, *causes):
    done = party.run("upgrade", "--check", check=False)
    assert done.returncode == 3 and all(c in done.stdout for c in ("FAILS", "leave the version before running", *causes)), done.stdout
    assert json.loads(party.run("upgrade", "--check", "--json", check=False).stdout)["ready"] is False


def test_what_cannot_be_taken_over_is_named_before():
    with Golden(golden.versions()[0]) as pair:
        home = pair.us.home
        yaml = (home / "mithaq.yaml").read_text()
        (home / "mithaq.yaml").write_text(yaml + "colour: green\n")
        refused(pair.us, "mithaq.yaml:", "colour")
        (home / "mithaq.yaml").write_text(yaml)
        (home / "keys/log.key").chmod(0o644)
        refused(pair.us, "log.key", "0644")
        (home / "keys/log.key").chmod(0o600)
        card = home / f"partners/{KW}.card"
        text = card.read_text()
        card.write_text(text.replace("serial 1", "serial 2"))
        refused(pair.us, f"{KW}.card")
        card.write_text(text)
        agreement = next((home / "agreements").iterdir())
        signed = agreement.read_bytes()
        agreement.write_bytes(signed.replace(b"per-day: 500", b"per-day: 900"))
        refused(pair.us, agreement.name)
        agreement.write_bytes(signed)
        pair.us.run("upgrade", "--check")


def schema_set(party, number):
    with sqlite3.connect(party.home / "data/ledger.db") as ledger:
        ledger.execute(f"PRAGMA user_version = {number}")
    ledger.close()


def test_a_ledger_of_a_later_program_is_named_before():
    with Golden(golden.versions()[0]) as pair:
        schema_set(pair.us, 99)
        refused(pair.us, "schema 99")
        (pair.kw.home / "data/ledger.db").write_bytes(b"no ledger at all" * 200)
        for end in ("-wal", "-shm"):
            (pair.kw.home / f"data/ledger.db{end}").unlink(missing_ok=True)
        refused(pair.kw, "ledger")


def test_a_disk_too_full_for_the_conversion_is_told_before():
    with Golden("0.1") as pair:
        os.truncate(pair.us.home / "data/ledger.db", 1 << 42)  # a hole: no byte of it is on the disk
        refused(pair.us, "MiB needed")


def test_golden_ledgers_verify():
    def check(pair, _):
        for party in pair.parties:
            before = json.loads(party.run("upgrade", "--check", "--json").stdout)
            if not before["changes"]:
                party.run("log", "verify", "--from-start")

    each(check)


def test_golden_evidence_verifies_with_both_verifiers():
    def check(pair, _):
        bundles = sorted((pair.top / "kept").glob("*.mithaq"))
        assert len(bundles) == 4
        for bundle in bundles:
            assert "PROVED" in pair.us.run("verify", bundle).stdout
            subprocess.run([sys.executable, ROOT / "tools/verify.py", bundle], check=True, stdout=subprocess.DEVNULL)
            spoilt = bundle.read_bytes().replace(b"serial 1\n", b"serial 3\n", 1)
            bundle.write_bytes(spoilt)
            assert pair.us.run("verify", bundle, check=False).returncode == 7

    each(check)


def test_golden_homes_go_on_exchanging():
    def check(pair, known):
        database(pair)
        for party in pair.parties:
            party.run("token", "new", "operator", "--cli")
        pair.start()
        ledgers = {channel: a for channel, (a, b) in pair.ledgers().items()}
        assert set(ledgers) == set(known["ledgers"]), ledgers
        for exchange in known["exchanges"].values():
            for party in pair.parties:
                assert "answered" in party.run("why", exchange).stdout
        fresh = ask(pair, "2026-0048817")
        assert fresh["state"] == "answered" and fresh["result"] == "hit", fresh
        pair.wait_equal()
        for exchange in (fresh["id"], known["exchanges"]["hit"], known["exchanges"]["no-hit"]):
            for party in pair.parties:
                bundle = pair.top / f"{party.name}-{exchange}.mithaq"
                party.run("evidence", "export", exchange, "--out", bundle)
                party.run("verify", bundle)
        for party in pair.parties:
            party.run("log", "verify", "--from-start")
            assert json.loads(party.run("upgrade", "--check", "--json").stdout)["changes"] is False

    each(check)


def test_a_golden_backup_is_put_in_place():
    def check(pair, known):
        backup = pair.top / f"kept/{KW}.backup"
        pair.kw.run("backup", "verify", backup)
        fresh = Party(pair.top / "elsewhere", KW, free_port())
        fresh.home.parent.mkdir()
        fresh.home.mkdir(mode=0o700)
        shutil.copytree(pair.kw.home / "keys", fresh.home / "keys")
        fresh.run("restore", backup)
        (fresh.home / "mithaq.yaml").write_text((pair.kw.home / "mithaq.yaml").read_text())
        fresh.run("token", "new", "operator", "--cli")
        database(pair)
        pair.us.run("token", "new", "operator", "--cli")
        fresh.api, pair.kw, pair.parties = pair.kw.api, fresh, (fresh, pair.us)
        pair.start()
        assert "answered" in pair.kw.run("why", known["exchanges"]["hit"]).stdout
        assert ask(pair, "2026-0048817")["state"] == "answered"

    each(check)
