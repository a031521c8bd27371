"""cards.py: a party's next card, made by hand from spec/card.md alone: what `mithaq key` does, by another implementation.

    keys = Keys(party)
    keys.rotate("log")            a new log key, and a card that names it; taken up when the gateway starts again
    keys.rotate("log", stolen=True)
"""
import base64
import hashlib
import os
import shutil
import sqlite3
import subprocess

from nacl.signing import SigningKey


def b64(raw):
    return base64.b64encode(raw).decode()


class Keys:
    def __init__(self, party):
        self.party, self.home = party, party.home
        self.card = self.home / f"{party.name}.card"

    # ---- files ----

    def path(self, name):
        return self.home / name

    def read(self, name):
        return SigningKey(base64.b64decode(self.path(name).read_text().split()[2]))

    def write(self, name, key):
        self.path(name).unlink(missing_ok=True)
        with os.fdopen(os.open(self.path(name), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(f"mithaq-key/1 ed25519 {b64(bytes(key))}\n")

    def text(self):
        return self.card.read_text().rsplit("\n\n", 1)[0] + "\n"

    def serial(self):
        return int(self.text().split("\nserial ")[1].split("\n")[0])

    # ---- cards ----

    def certificate(self, name, key):
        """A self-signed certificate of this key; the hash that a card pins."""
        der = bytes.fromhex("302e020100300506032b657004220420") + bytes(key)
        pem = "-----BEGIN PRIVATE KEY-----\n" + b64(der) + "\n-----END PRIVATE KEY-----\n"
        made = subprocess.run(["openssl", "req", "-x509", "-new", "-key", "/dev/stdin", "-days", "400", "-subj", f"/CN={self.party.name}"],
                              input=pem, capture_output=True, text=True, check=True)
        self.path(name).write_text(made.stdout)
        return hashlib.sha256(bytes.fromhex("302a300506032b6570032100") + bytes(key.verify_key)).digest()

    def put(self, lines, root="root-b"):
        """The next card with these lines in the place of serial, previous and so on, signed by a root that stays."""
        before = self.text()
        lines = [line for line in lines if line.split()[0] not in ("serial", "previous")]
        lines[3:3] = [f"serial {self.serial() + 1}", f"previous {b64(hashlib.sha256(before.encode()).digest())}"]
        text, name, key = "\n".join(lines) + "\n", f"{self.party.name}/root", self.read(f"root/{root}.key")
        identity = hashlib.sha256(name.encode() + b"\n\x01" + bytes(key.verify_key)).digest()[:4]
        os.makedirs(self.path("cards"), exist_ok=True)
        shutil.copy(self.card, self.path(f"cards/{self.party.name}.{self.serial()}.card"))
        self.card.write_text(f"{text}\n\u2014 {name} {b64(identity + key.sign(text.encode()).signature)}\n")

    def lines(self):
        return [line for line in self.text().splitlines() if not line.startswith("revoked ")]

    def revoked(self, word, old):
        """Where a stolen key counts: the logs it signed, or receipted, as far as the other side, or we, receipted."""
        db = sqlite3.connect(f"file:{self.home}/data/ledger.db?mode=ro", uri=True)
        rows = db.execute("SELECT epoch, receipted FROM log WHERE own = ? AND receipted > 0 ORDER BY id DESC LIMIT 32", (word == "log",)).fetchall()
        db.close()
        return [f"revoked {old} {epoch.hex()} {size}" for epoch, size in rows]

    def rotate(self, word, stolen=False):
        """Signed by root b."""
        lines = self.lines()
        key = SigningKey.generate()
        at = next(i for i, line in enumerate(lines) if line.startswith(f"{word} "))
        channel, old = lines[at].split()[1:]
        lines[at] = f"{word} {channel} {b64(bytes(key.verify_key))}"
        if stolen:
            lines += self.revoked(word, old)
        self.put(lines)
        self.write(f"keys/{word}.key", key)

    def rotate_root(self, letter, by):
        """Another root a or b; the one that stays signs."""
        lines = self.lines()
        key = SigningKey.generate()
        at = next(i for i, line in enumerate(lines) if line.startswith("root "))
        roots = lines[at].split()[1:]
        roots["ab".index(letter)] = b64(bytes(key.verify_key))
        lines[at] = f"root {roots[0]} {roots[1]}"
        self.put(lines, by)
        self.write(f"root/root-{letter}.key", key)

    def rotate_tls(self):
        """The next identity beside the one in use; both stand on the card."""
        lines = self.lines()
        key = SigningKey.generate()
        self.write("keys/tls.next.key", key)
        at = next(i for i, line in enumerate(lines) if line.startswith("tls "))
        lines.insert(at + 1, f"tls {b64(self.certificate('keys/tls.next.pem', key))}")
        self.put(lines)

    def retire_tls(self):
        """From here on the next identity is the one in use, and the old one stands on the card no more."""
        lines = self.lines()
        del lines[next(i for i, line in enumerate(lines) if line.startswith("tls "))]
        for ending in ("key", "pem"):
            os.rename(self.path(f"keys/tls.{ending}"), self.path(f"keys/tls.old.{ending}"))
            os.rename(self.path(f"keys/tls.next.{ending}"), self.path(f"keys/tls.{ending}"))
        self.put(lines)
