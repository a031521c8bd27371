"""A partner that signs two histories: the proof is kept, the channel stays frozen over restarts, the others go on, a person thaws it."""
import base64
import hashlib
import socket
import ssl
import struct
import subprocess
import time

import gateways
from gateways import KW, US, Pair, until
from nacl.signing import SigningKey
from test_trust import client

HELLO, ENTRY, CHECKPOINT, CREDIT, ALARM = 1, 2, 3, 6, 15


def sha(*pieces):
    return hashlib.sha256(b"".join(pieces)).digest()


class Forger:
    """US's side of a link, played with its true keys: a GENESIS, its checkpoint, and another one of the same size."""

    def __init__(self, pair):
        self.seed = base64.b64decode((pair.us.home / "keys/log.key").read_text().split()[2])
        self.plain = socket.create_connection(("127.0.0.1", pair.link_port), timeout=10)
        self.tls = client(pair, ["mithaq/1"]).wrap_socket(self.plain)
        self.tls.settimeout(gateways.PATIENCE)
        self.origin = f"{US}/mithaq/{KW}/customs/{'5a' * 16}"

    def send(self, kind, payload):
        self.tls.sendall(struct.pack(">IB", len(payload) + 1, kind) + payload)

    def frame(self):
        """The next frame, or None when the other side has closed."""
        try:
            head = self.take(5)
            return head[4], self.take(struct.unpack(">I", head[:4])[0] - 1)
        except (EOFError, ssl.SSLError, ConnectionError):
            return None

    def take(self, n):
        data = b""
        while len(data) < n:
            piece = self.tls.recv(n - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    def hello(self):
        name, origin = US.encode(), self.origin.encode()
        log = struct.pack(">H", len(origin)) + origin + b"\0" + struct.pack(">Q", 1) + bytes(32)
        self.send(HELLO, struct.pack(">HHI", 1, 1, 0) + b"\7" * 16 + b"\0" + struct.pack(">H", len(name)) + name + struct.pack(">QI", 1, 0)
                  + struct.pack(">H", 0) + struct.pack(">H", 1) + log + struct.pack(">H", 0))
        while (came := self.frame())[0] != CREDIT:
            pass
        return came

    def genesis(self):
        previous = bytes(16 + 8 + 32) + b"\0"
        header = struct.pack(">BHQQQ16s32sHQ16sQH", 0, 0, 0, int(time.time() * 1000), 0, bytes(16), bytes(32), 0, 0, bytes(16), 0, 0)
        attr = struct.pack(">HH", 1, len(previous)) + previous
        header += b"\0" + struct.pack(">H", len(attr)) + attr
        salt = b"\3" * 32
        self.send(ENTRY, struct.pack(">H", 0) + salt + struct.pack(">H", len(header)) + header)
        return sha(b"\0\1", sha(b"mithaq/header/v1\n", salt, header))

    def checkpoint(self, root):
        text = f"{self.origin}\n1\n{base64.b64encode(root).decode()}\n".encode()
        self.send(CHECKPOINT, struct.pack(">HQ", 0, 1) + root + SigningKey(self.seed).sign(text).signature)

    def close(self):
        self.tls.close()


def test_a_fork_is_proved_and_its_channel_stays_frozen():
    with Pair() as p:
        p.kw.start()
        forger = Forger(p)
        forger.hello()
        forger.checkpoint(forger.genesis())
        forger.checkpoint(sha(b"another history"))
        shown = []
        while (came := forger.frame()) is not None:
            shown.append(came[0])
        forger.close()
        assert ALARM in shown, shown
        alarms = p.kw.home / "data/alarms"
        kept = until("the alarm is kept", lambda: list(alarms.glob("*.alarm")) if alarms.exists() else None)
        assert len(kept) == 1 and kept[0].name.endswith(f"_{US}_customs_fork.alarm"), kept
        said = p.kw.run("verify", kept[0]).stdout
        assert f"PROVED: {US} signed two different histories of {forger.origin} at size 1" in said, said
        done = subprocess.run([gateways.PYTHON, gateways.ROOT / "tools/verify-alarm.py", kept[0]], capture_output=True, text=True)
        assert done.returncode == 0 and done.stdout.startswith("PROVED"), done
        for _ in range(2):
            assert p.kw.status()["partners"][0]["frozen"] == ["customs"], p.kw.status()
            assert "FROZEN" in p.kw.run("status").stdout and "مجمّدة" in p.kw.run("status", lang="ar").stdout
            p.kw.stop()
            p.kw.start()
        p.us.start()
        p.wait_linked()
        # The other channel between the same two goes on.
        until("the other channel answers", lambda: p.us.run("query", "border/travel-document-status", "document=P0004711", "country=KW", "--purpose",
                                                            "border-check", check=False).returncode in (0, 6))
        assert p.us.run("query", "customs/declaration-status", "declaration=2026-0000001", "--purpose", "duty-assessment", "--wait", "1",
                        check=False).returncode != 0
        p.us.stop()
        listed = p.kw.run("alarm", "list").stdout
        assert "FROZEN" in listed and "a proof:" in listed, listed
        typed = listed.split("`mithaq ")[1].split("`")[0].split()
        assert p.us.run(*typed).stdout.startswith("PROVED"), typed  # as it stands there, from any folder
        p.kw.run("alarm", "release", listed.split()[0])
        assert list(alarms.glob("*.released")) and not list(alarms.glob("*.alarm"))
        assert p.kw.status()["partners"][0]["frozen"] == ["customs"]  # until the next start
        p.kw.stop()
        p.kw.start()
        assert p.kw.status()["partners"][0]["frozen"] == []
        p.kw.stop()
        p.kw.run("log", "verify")


def test_what_a_partner_says_is_kept_and_freezes_nothing():
    with Pair() as p:
        p.kw.start()
        forger = Forger(p)
        forger.hello()
        forger.send(ALARM, struct.pack(">H", 1) + struct.pack(">I", 4) + b"ha!\n" + struct.pack(">I", 0))
        alarms = p.kw.home / "data/alarms"
        said = until("the alarm is kept", lambda: list(alarms.glob("*.said")) if alarms.exists() else None)
        forger.close()
        assert p.kw.run("verify", said[0], check=False).returncode == 7
        assert "said by the partner" in p.kw.run("alarm", "list").stdout
        assert p.kw.status()["partners"][0]["frozen"] == []
        p.us.start()
        p.wait_linked()
        assert p.us.query("customs/declaration-status", declaration="2026-0000001", purpose="duty-assessment")["state"] == "answered"
