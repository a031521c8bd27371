#!/usr/bin/env python3
"""Makes the golden homes of a release with the program of that release; done once for each.

  tests/compat/make.py BINARY VERSION      writes tests/compat/VERSION/

Needs gcc. What is made is dated in June 2025 and holds no key that is not derived from published words.
"""
import base64
import hashlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import golden
from golden import CLAUSE, HERE, KEYS, KW, US, Pair, seed
from gateways import ROOT, until

BEGIN = 1748772000  # 2025-06-01T10:00:00Z
VALID = "2025-06-01 2099-12-31"
RELEASED, HELD, UNKNOWN = "2026-0048817", "2026-0048818", "2026-9999999"


def shim(folder):
    out = Path(folder) / "shim.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-D_GNU_SOURCE", "-O1", "-o", out, HERE / "shim.c"], check=True)
    return str(out)


def card_sign(text, party):
    """The card again, valid for as long as the tests are to run, signed by the sample's root a."""
    from nacl.signing import SigningKey

    key = SigningKey(seed(party, "root a"))
    name = f"{party}/root"
    identity = hashlib.sha256(name.encode() + b"\n\x01" + bytes(key.verify_key)).digest()[:4]
    return f"{text}\n\u2014 {name} {base64.b64encode(identity + key.sign(text.encode()).signature).decode()}\n"


class Making(Pair):
    def make_party(self, party):
        os.environ["MITHAQ_SHIM_SEEDS"] = "".join(seed(party.name, name).hex() for name in KEYS)
        roots = []
        for letter in "ab":
            path = self.top / f"{party.name}.{letter}"
            path.write_text(seed(party.name, f"root {letter}").hex())
            roots += [f"--root-seed-{letter}", path]
        party.run("init", party.name, *roots)
        del os.environ["MITHAQ_SHIM_SEEDS"]
        card = party.home / f"{party.name}.card"
        text = card.read_text().rsplit("\n\n", 1)[0] + "\n"
        card.write_text(card_sign(re.sub(r"(?m)^valid .*$", f"valid {VALID}", text), party.name))
        party.database = self.top / f"{party.name}.db"
        with sqlite3.connect(party.database) as made:
            made.execute("CREATE TABLE declarations (number TEXT PRIMARY KEY, status TEXT, released_on TEXT)")
            made.executemany("INSERT INTO declarations VALUES (?,?,?)", [(RELEASED, "released", "2026-11-20"), (HELD, "held", None)])
        provide = f"provide:\n  {CLAUSE}:\n    sqlite: {party.database}\n" \
                  '    statement: SELECT status, released_on AS "released-on" FROM declarations WHERE number = :declaration\n'
        extra = party.extra + (provide if party.name == KW else "")
        (party.home / "mithaq.yaml").write_text(f"party: {party.name}\napi: {{listen: 127.0.0.1:{party.api}}}\n{extra}")
        party.run("token", "new", "operator", "--cli")


def change(text):
    """In force for as long as the tests are to run."""
    return re.sub(r"(?m)^  until: .*$", "  until: 2099-12-31", text, count=1)


def ask(pair, number, check=True, purpose="duty-assessment"):
    return pair.us.query(CLAUSE, check=check, declaration=number, purpose=purpose)


def play(pair):
    """Three lives of the asking side and two of the answering one; returns the exchanges' ids by what became of them."""
    pair.start()
    found = {"hit": ask(pair, RELEASED)["id"], "held": ask(pair, HELD)["id"], "no-hit": ask(pair, UNKNOWN)["id"]}
    pair.us.stop(signal.SIGKILL)
    pair.us.start()
    pair.wait_linked()
    found["after a kill"] = ask(pair, RELEASED)["id"]
    pair.kw.stop()
    pair.kw.start()
    pair.wait_linked()
    found["after a restart"] = ask(pair, HELD)["id"]
    pair.wait_equal()
    return found


def keep(pair, found, out):
    out.mkdir(parents=True, exist_ok=True)
    (pair.top / "kept").mkdir()
    for name in ("hit", "no-hit"):
        for party, side in ((pair.kw, "answered"), (pair.us, "asked")):
            path = pair.top / f"kept/{name}-{side}.mithaq"
            party.run("evidence", "export", found[name], "--out", path)
            party.run("verify", path)
    ledgers = {channel: a for channel, (a, _) in pair.ledgers().items()}
    pair.kw.run("backup", pair.top / f"kept/{KW}.backup")
    for party in pair.parties:
        party.stop()
        party.run("log", "verify")
    (out / "expected.json").write_text(json.dumps({"exchanges": found, "ledgers": ledgers}, indent=1, sort_keys=True) + "\n")


def plain(member):
    """Nothing of the machine that made it; and neither keys nor what is of one run alone."""
    rest = "/".join(member.name.split("/")[1:])
    if re.match(r"(keys/.*\.key|root|tokens|cli\.token|data/(mithaq\.pid|api\.sock|ledger\.db-shm))", rest):
        return None
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = ""
    return member


def pack(pair, out):
    for party in pair.parties:
        text = (party.home / "mithaq.yaml").read_text()
        for old, new in ((f"127.0.0.1:{party.api}", "127.0.0.1:1"), (f"127.0.0.1:{pair.link_port}", "127.0.0.1:2"),
                         (str(pair.kw.database), "/nowhere/declarations.db")):
            text = text.replace(old, new)
        (party.home / "mithaq.yaml").write_text(text)
    with tarfile.open(out / "golden.tar.xz", "w:xz", preset=9) as homes:
        for party in pair.parties:
            homes.add(party.home, party.name, filter=plain)
        homes.add(pair.top / "kept", "kept", filter=plain)


def main(binary, version):
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LD_PRELOAD"] = shim(folder)
        os.environ["MITHAQ_SHIM_BEHIND"] = str(int(time.time()) - BEGIN)
        out = HERE / version
        with Making(change=change, binaries={KW: binary, US: binary}) as pair:
            found = play(pair)
            keep(pair, found, out)
            pack(pair, out)
    for path in sorted(out.iterdir()):
        print(path.name, path.stat().st_size)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
