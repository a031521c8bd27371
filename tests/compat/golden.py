"""golden.py: the golden homes of a release, laid out so that a gateway can open them.

tests/compat/VERSION/ holds what the build of that release wrote: golden.tar.xz with the homes of two invented parties, their
ledgers, and in kept/ evidence of their exchanges and a backup; and expected.json, what is expected of them. Private keys are not kept: they are derived from published words, as those of all samples are.
"""
import base64
import hashlib
import io
import json
import re
import sys
import tarfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "e2e"))
import gateways  # noqa: E402
from gateways import KW, US, Pair, Party, free_port  # noqa: E402

KEYS = ("log", "receipt", "tls")
CLAUSE = "customs/declaration-status"


def versions():
    return sorted(p.name for p in HERE.iterdir() if (p / "golden.tar.xz").exists())


def seed(party, what):
    """The seed of a sample's key: "root a" and "root b" are those of tools/sample-keys.py."""
    return hashlib.sha256(f"mithaq sample {what} {party}".encode()).digest()


def key_file(path, secret):
    path.write_text(f"mithaq-key/1 ed25519 {base64.b64encode(secret).decode()}\n")
    path.chmod(0o600)


def expected(version):
    return json.loads((HERE / version / "expected.json").read_text())


class Golden(Pair):
    """The two parties of a release's golden homes, on free ports; `binaries` as in Pair."""

    def __init__(self, version, **words):
        super().__init__(**words)
        self.version = version

    def make(self):
        with tarfile.open(HERE / self.version / "golden.tar.xz") as homes:
            homes.extractall(self.top, filter="data") if hasattr(tarfile, "data_filter") else homes.extractall(self.top)
        for party in self.parties:
            self.keys(party)
            self.places(party)

    def keys(self, party):
        for folder in ("keys", "root"):
            (party.home / folder).mkdir(mode=0o700, exist_ok=True)
        for name in KEYS:
            key_file(party.home / f"keys/{name}.key", seed(party.name, name))
        for letter in "ab":
            key_file(party.home / f"root/root-{letter}.key", seed(party.name, f"root {letter}"))

    def places(self, party):
        """Ports and the database of this machine; not a word else of what stood there."""
        path = party.home / "mithaq.yaml"
        text = path.read_text()
        for old, new in (("127.0.0.1:1", f"127.0.0.1:{party.api}"), ("127.0.0.1:2", f"127.0.0.1:{self.link_port}"),
                         ("/nowhere/declarations.db", str(self.top / f"{party.name}.db"))):
            text = re.sub(re.escape(old) + r"\b", new, text)
        path.write_text(text)
