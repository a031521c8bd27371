"""The absent partner is played from the agreement's own examples; and the doctor says what is wrong, layer by layer."""
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

from gateways import BINARY, KW, ROOT, US, Pair

SAMPLE = ROOT / "samples/customs-and-border.yaml"


def mithaq(*words, code=0):
    done = subprocess.run([BINARY, "--lang", "en", *map(str, words)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == code, f"code {done.returncode}, not {code}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def folders():
    return set(Path(tempfile.gettempdir()).glob("mithaq-try-*"))


def test_every_example_is_played_through_both_gateways_and_nothing_is_left():
    before = folders()
    said = mithaq("try", SAMPLE, "--once")
    assert len(re.findall(r"clause \d+ .* ok$", said, re.M)) == 4, said
    assert folders() == before


def test_every_sample_can_be_tried():
    for path in sorted((ROOT / "samples").glob("*.yaml")):
        said = mithaq("try", path, "--once")
        assert re.search(r"^  clause \d+ ", said, re.M) and "NOT AS WRITTEN" not in said, f"{path.name}: {said}"


def test_an_agreement_that_begins_in_the_future_is_tried_today_under_keys_of_its_own():
    with tempfile.TemporaryDirectory() as top:
        path = Path(top) / "later.yaml"
        path.write_text(SAMPLE.read_text().replace("from: 2025-01-01", "from: 2030-01-01"))
        said = mithaq("try", path, "--once")
        assert "NOT AS WRITTEN" not in said and "clause 12" in said, said


def test_an_agreement_whose_examples_lie_is_not_played():
    with tempfile.TemporaryDirectory() as top:
        path = Path(top) / "lies.yaml"
        path.write_text(SAMPLE.read_text().replace("because: case", "because: quota", 1))
        said = mithaq("try", path, "--once", code=2)
        assert "must-refuse" in said, said


def test_our_own_database_answers_the_partner_s_examples_and_its_lack_shows():
    with tempfile.TemporaryDirectory() as top:
        database = Path(top) / "customs.db"
        with sqlite3.connect(database) as db:
            db.execute("CREATE TABLE d (number TEXT, status TEXT, released_on TEXT)")
            db.execute("INSERT INTO d VALUES ('2026-0048817', 'held', NULL)")
        config = Path(top) / "mithaq.yaml"
        clauses = ["border/travel-document-status", "border/designation-record"]
        config.write_text(f"party: {KW}\nprovide:\n  customs/declaration-status:\n    sqlite: {database}\n"
                          "    statement: SELECT status, released_on FROM d WHERE number = :declaration\n"
                          + "".join(f"  {c}: {{examples: true}}\n" for c in clauses) + "api: off\n")
        said = mithaq("try", SAMPLE, "--as", KW, "--provide", config, "--once")
        assert re.search(r"clause 7 .* ok$", said, re.M), said
        # A value that the clause does not know must not pass for an answer.
        with sqlite3.connect(database) as db:
            db.execute("UPDATE d SET status = 'lost'")
        said = mithaq("try", SAMPLE, "--as", KW, "--provide", config, "--once", code=2)
        assert re.search(r"clause 7 .* NOT AS WRITTEN$", said, re.M), said


def test_it_stays_for_us_to_try_and_takes_everything_away_at_ctrl_c():
    before = folders()
    process = subprocess.Popen([BINARY, "--lang", "en", "try", str(SAMPLE)], stdout=subprocess.PIPE, text=True)
    lines = []
    while not lines or "Ctrl-C" not in lines[-1]:
        lines.append(process.stdout.readline())
        assert lines[-1], "".join(lines)
    address, token = re.search(r"http://(\S+)/v1\s+token (mq_test_\S+)", "".join(lines)).groups()
    body = json.dumps({"clause": "customs/declaration-status", "purpose": "duty-assessment", "fields": {"declaration": "2026-0048817", "office": "KWSAA"}})
    asked = urllib.request.Request(f"http://{address}/v1/queries", body.encode(),
                                   {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Prefer": "wait=10"})
    with urllib.request.urlopen(asked, timeout=30) as answer:
        assert json.load(answer)["result"] == "hit"
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 0
    process.stdout.close()
    assert folders() == before


# ---- doctor ----

def grades(said):
    return {row["check"]: row["grade"] for row in json.loads(said)}


def test_the_doctor_looks_at_the_machine():
    found = grades(mithaq("--home", "/nonexistent", "doctor", "--json"))
    assert {"clock", "disk flush", "disk", "entropy", "signing", "kernel", "sizes", "home"} <= set(found), found
    assert found["kernel"] != "bad" and found["entropy"] == "ok", found


def test_the_doctor_measures_with_two_whole_gateways():
    rows = {row["check"]: row["found"] for row in json.loads(mithaq("doctor", "--measure", "--json"))}
    assert float(rows["exchanges"].split("/s")[0]) > 1, rows
    assert int(rows["disk, asking"].split()[0]) > 300, rows


def doctor(party, partner, code):
    done = party.run("doctor", "--partner", partner, "--json", check=False)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return grades(done.stdout)


def test_the_doctor_names_the_layer_that_fails():
    with Pair() as pair:
        pair.start()
        found = doctor(pair.us, KW, 0)
        assert found["session"] == "ok" and found["agreement"] == "ok", found
        pair.us.stop()
        found = doctor(pair.us, KW, 0)
        assert [found[c] for c in ("name", "TCP", "TLS 1.3", "pin")] == ["ok"] * 4, found
        pair.kw.stop()
        found = doctor(pair.us, KW, 5)
        assert found["TCP"] == "bad" and "TLS 1.3" not in found, found
        # Somebody listens there who is no gateway.
        config = pair.us.home / "mithaq.yaml"
        address = re.search(rf"{KW}: (?:\{{dial: )?\"?127.0.0.1:(\d+)", config.read_text())
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("127.0.0.1", int(address.group(1))))
            other.listen()
            found = doctor(pair.us, KW, 5)
            assert found["TCP"] == "ok" and found["TLS 1.3"] == "bad" and "pin" not in found, found
        text = config.read_text()
        config.write_text(text.replace(f"127.0.0.1:{address.group(1)}", "nobody.invalid:7443"))
        found = doctor(pair.us, KW, 5)
        assert found["name"] == "bad" and "TCP" not in found, found
        config.write_text(text)


def test_the_doctor_tells_a_stranger_at_the_partner_s_address():
    with Pair() as pair, tempfile.TemporaryDirectory() as top:
        # Another house of the same name, with keys of its own, where the partner ought to be.
        stranger = Path(top) / "stranger"
        mithaq("--home", stranger, "init", KW)
        (stranger / "partners").mkdir(exist_ok=True)
        (stranger / f"partners/{US}.card").write_bytes((pair.us.home / f"{US}.card").read_bytes())
        port = re.search(rf"{KW}: (?:\{{dial: )?\"?127.0.0.1:(\d+)", (pair.us.home / "mithaq.yaml").read_text()).group(1)
        (stranger / "mithaq.yaml").write_text(f"party: {KW}\napi: off\npartners:\n  {US}: {{listen: '127.0.0.1:{port}'}}\n")
        gateway = subprocess.Popen([BINARY, "--home", str(stranger), "serve"], stderr=subprocess.DEVNULL, env={**os.environ, "MITHAQ_LOG": "json"})
        try:
            deadline = time.monotonic() + 20
            while (found := grades(pair.us.run("doctor", "--partner", KW, "--json", check=False).stdout))["TCP"] == "bad":
                assert time.monotonic() < deadline, found
                time.sleep(0.05)
            assert found["pin"] == "bad" and "agreement" not in found, found
        finally:
            gateway.terminate()
            gateway.wait()
