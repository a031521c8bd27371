"""Evidence that two verifiers read alike, and lists that are imported whole or not at all."""
import os
import sqlite3
import subprocess
import tempfile
from pathlib import Path

from gateways import BINARY, ROOT, Pair

CLAUSE = "customs/declaration-status"


def verify(path, *words):
    return subprocess.run([BINARY, "verify", str(path), *words], capture_output=True, text=True)


def verify_apart(path):
    return subprocess.run(["/usr/bin/python3", str(ROOT / "tools/verify.py"), str(path)], capture_output=True, text=True)


def test_a_bundle_of_either_side_is_proved_by_both_verifiers():
    with Pair() as p:
        p.start()
        hit = p.us.query(CLAUSE, declaration="2026-0000001", purpose="duty-assessment")["id"]
        miss = p.us.query(CLAUSE, declaration="2026-9999999", purpose="duty-assessment")["id"]
        p.wait_equal()
        for party in p.parties:
            for which in (hit, miss):
                bundle = p.top / f"{party.name}-{which}"
                party.run("evidence", "export", which, "--out", bundle)
                done = verify(bundle, "--lang", "en")
                assert done.returncode == 0 and "PROVED" in done.stdout and "NOT PROVED" in done.stdout and "TRUST" in done.stdout, done.stdout + done.stderr
                assert verify(bundle, "--lang", "ar").returncode == 0
                apart = verify_apart(bundle)
                assert apart.returncode == 0, apart.stdout + apart.stderr
        # The local API gives the same file.
        status, _, content = p.us.http("GET", f"/v1/queries/{hit}/evidence", token=p.us.token("evidence"))
        assert status == 200 and isinstance(content, bytes)
        (p.top / "api.mithaq").write_bytes(content)
        assert verify(p.top / "api.mithaq").returncode == 0


def test_a_bundle_that_was_touched_is_refused_by_both():
    with Pair() as p:
        p.start()
        said = p.us.query(CLAUSE, declaration="2026-0000001", purpose="duty-assessment")["id"]
        bundle, touched = p.top / "good.mithaq", p.top / "touched.mithaq"
        p.us.run("evidence", "export", said, "--out", bundle)
        good = bundle.read_bytes()
        for word in (b"duty-assessment", b"2026-0000001", b"per-day: 500", b"mithaq/keys/1"):
            at = good.find(word)
            assert at > 0, word
            changed = bytearray(good)
            changed[at] ^= 1
            touched.write_bytes(changed)
            assert verify(touched).returncode == 7, word
            assert verify_apart(touched).returncode != 0, word
        touched.write_bytes(good[: len(good) // 2])
        assert verify(touched).returncode == 7 and verify_apart(touched).returncode != 0


def test_the_ledger_of_either_side_verifies_and_a_changed_one_does_not():
    with Pair() as p:
        p.start()
        p.us.query(CLAUSE, declaration="2026-0000001", purpose="duty-assessment")
        p.wait_equal()
        for party in p.parties:
            party.run("log", "verify")
            assert party.run("log", "show").stdout
            party.stop()
            party.run("log", "verify")
        db = sqlite3.connect(p.kw.home / "data/ledger.db")
        log, index, header = db.execute("SELECT log, idx, header FROM entry WHERE header IS NOT NULL LIMIT 1").fetchone()
        changed = bytearray(header)
        changed[-1] ^= 1
        with db:
            db.execute("UPDATE entry SET header = ? WHERE log = ? AND idx = ?", (bytes(changed), log, index))
        db.close()
        assert p.kw.run("log", "verify", check=False).returncode == 7


# ---- lists ----


def imported(*words, check=True):
    done = subprocess.run([BINARY, "import", "un-list", *map(str, words)], capture_output=True, text=True)
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def records(database):
    with sqlite3.connect(database) as db:
        return dict(db.execute("SELECT reference, name_original_script FROM designation"))


def test_a_list_is_imported_and_reported():
    with tempfile.TemporaryDirectory() as top:
        database = Path(top) / "list.db"
        done = imported(ROOT / "tests/data/un-list.xml", "--into", database, "--lang", "en")
        for words in ("records loaded: 3", "1 records repeat a reference number", "line:12 SMe.001", "<SHOE_SIZE>", "1 bidirectional controls removed"):
            assert words in done.stdout, done.stdout
        assert records(database) == {"SMi.001": "سالم النموذج", "SMi.002": "نورة بنت المثال", "SMe.001": None}
        done = imported(ROOT / "tests/data/un-list.xml", "--into", database, "--lang", "ar")
        assert "القيود المحمّلة: 3" in done.stdout, done.stdout
        done = imported(ROOT / "tests/data/un-list.xml", "--into", database, "--json")
        assert '"loaded": 3' in done.stdout and '"new"' not in done.stderr


def test_a_broken_list_leaves_the_database_as_it_was():
    with tempfile.TemporaryDirectory() as top:
        database, cut = Path(top) / "list.db", Path(top) / "cut.xml"
        whole = (ROOT / "tests/data/un-list.xml").read_bytes()
        cut.write_bytes(whole[: len(whole) // 2])
        done = imported(cut, "--into", database, check=False)
        assert done.returncode == 2 and f"{cut}:" in done.stderr and not database.exists(), done.stderr
        imported(ROOT / "tests/data/un-list.xml", "--into", database)
        before = database.read_bytes()
        assert imported(cut, "--into", database, check=False).returncode == 2
        assert database.read_bytes() == before
        assert imported(Path(top) / "absent.xml", "--into", database, check=False).returncode != 0
        done = imported(ROOT / "tests/data/un-list.xml", "--into", cut, check=False)
        assert done.returncode != 0 and cut.read_bytes() == whole[: len(whole) // 2], done.stderr


def test_the_real_list_answers_by_reference_with_its_arabic_name():
    real = Path(os.environ.get("MITHAQ_DATA", ROOT.parent / "shared/data")) / "un-consolidated-2018.xml"
    if not real.exists():
        return "the UN list of 2018 is not here (MITHAQ_DATA)"
    with Pair() as p:
        done = p.kw.run("import", "un-list", real, "--into", p.kw.list)
        assert "records loaded: 1093" in done.stdout, done.stdout
        p.start()
        wanted = [(r, n) for r, n in records(p.kw.list).items() if n and any("\u0600" <= c <= "\u06ff" for c in n)]
        assert len(wanted) == 397, len(wanted)
        for reference, name in wanted[::40]:
            said = p.us.query("border/designation-record", reference=reference, purpose="listing-check")
            assert said["result"] == "hit" and said["fields"]["name_original_script"] == name, said
        assert p.us.query("border/designation-record", reference="XXi.001", purpose="listing-check")["result"] == "no-hit"
    return None
