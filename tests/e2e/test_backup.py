"""A backup is made while questions run, and what is restored from it is a ledger that verifies."""
import hashlib
import json
import shutil
import subprocess
import tarfile
import threading

import gateways
from gateways import US, Pair, until

CLAUSE = "customs/declaration-status"


class Asking:
    """Questions without end, from one more thread, until the block is left."""

    def __init__(self, pair):
        self.pair, self.stop, self.answered = pair, threading.Event(), 0
        self.thread = threading.Thread(target=self.work)

    def work(self):
        token = self.pair.us.token("load")
        while not self.stop.is_set():
            body = {"clause": CLAUSE, "purpose": "duty-assessment", "fields": {"declaration": f"2026-{self.answered + 1:07d}"}}
            status, _, said = self.pair.us.http("POST", "/v1/queries", body, token)
            assert status == 200, (status, said)
            self.answered += 1

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *trouble):
        self.stop.set()
        self.thread.join()


def many(text):
    return text.replace("per-day: 500", "per-day: 100000")


def test_backups_under_load_are_whole_and_restore_to_a_ledger_that_verifies():
    with Pair(change=many) as p:
        p.start()
        with Asking(p) as asking:
            until("some questions", lambda: asking.answered > 20)
            before = asking.answered
            for party in p.parties:
                made = json.loads(party.run("backup", p.top / f"{party.name}.backup", "--json").stdout)
                assert made["party"] == party.name and len(made["logs"]) >= 2, made
            until("questions went on meanwhile", lambda: asking.answered > before)
        for party in p.parties:
            file, home = p.top / f"{party.name}.backup", p.top / f"{party.name}-restored"
            assert "whole" in party.run("backup", "verify", file).stdout
            said = json.loads(party.run("--home", home, "restore", file, "--json").stdout)
            assert "keys/log.key" in said["keys-missing"] and said["replaced"] is None, said
            assert "whole" in party.run("--home", home, "log", "verify").stdout
            assert party.run("restore", file, check=False).returncode == 3  # the gateway is running
        assert not list(p.top.glob("*.ledger")) and not list(p.top.glob("*.new"))


def test_a_backup_goes_through_a_pipe_and_a_changed_one_is_refused():
    with Pair() as p:
        p.start()
        p.us.query(CLAUSE, declaration="2026-0000001", purpose="duty-assessment")
        file = p.top / "piped"
        with open(file, "wb") as out:
            done = subprocess.run([gateways.BINARY, "--home", p.kw.home, "--lang", "en", "backup", "-"], stdout=out, stderr=subprocess.PIPE, text=True)
        assert done.returncode == 0 and "not in it: keys/" in done.stderr, done
        p.kw.run("backup", "verify", file)
        data = bytearray(file.read_bytes())
        for at in (600, len(data) // 2, len(data) - 1200):
            data[at] ^= 1
            file.write_bytes(data)
            assert p.kw.run("backup", "verify", file, check=False).returncode == 7, at
            data[at] ^= 1


def test_a_backup_restored_in_place_after_a_quiet_time_goes_on():
    """Nothing was shown to the partner after the backup but the closing of the epoch, so nothing is lost."""
    with Pair() as p:
        p.start()
        p.us.query(CLAUSE, declaration="2026-0000001", purpose="duty-assessment")
        p.wait_equal()
        p.kw.stop()
        p.kw.run("backup", p.top / "kw.backup")
        assert p.kw.run("restore", p.top / "kw.backup", check=False).returncode == 3  # a ledger is there
        said = p.kw.run("restore", p.top / "kw.backup", "--replace").stdout
        assert "is kept under" in said and list((p.kw.home / "data").glob("ledger.db.replaced-*")), said
        p.kw.start()
        p.wait_linked()
        until("a question after the restore", lambda: p.us.run("query", CLAUSE, "declaration=2026-0000002", "--purpose", "duty-assessment",
                                                               check=False).returncode == 0)
        p.wait_equal()
        for party in p.parties:
            party.run("log", "verify")


# ---- a house whose keys changed ----

def rebuilt(backup, change):
    """A backup as somebody makes it by hand: the members changed, sizes and hashes in the manifest fitting again."""
    with tarfile.open(backup) as of:
        members = [(m.name, of.extractfile(m).read()) for m in of.getmembers()]
    bodies = change(dict(members))
    lines = []
    for line in bodies["manifest"].decode().splitlines()[:-1]:
        word, name, *_ = *line.split(), ""
        lines.append(f"file {name} {len(bodies[name])} {hashlib.sha256(bodies[name]).hexdigest()}" if word == "file" else line)
    text = "".join(f"{line}\n" for line in lines).encode()
    bodies["manifest"] = text + f"sum {hashlib.sha256(text).hexdigest()}\n".encode()
    made = bytearray()
    with open(backup, "rb") as of, tarfile.open(backup) as known:
        heads = {m.name: (m.offset, of) for m in known.getmembers()}
        for name, _ in members:
            of.seek(heads[name][0])
            head = bytearray(of.read(512))
            head[124:136] = b"%011o\0" % len(bodies[name])
            head[148:156] = b" " * 8
            head[148:156] = b"%06o\0 " % sum(head)
            made += head + bodies[name] + bytes(-len(bodies[name]) % 512)
    return bytes(made) + bytes(1024)


def changed_house(p):
    """Root a, log and tls of one side are new, the partner's log too; before and after it was talked. The exchanges' ids."""
    us, kw = p.us, p.kw
    us.run("query", CLAUSE, "declaration=2026-0000001", "--purpose", "duty-assessment")
    said = [p.us.query(CLAUSE, declaration="2026-0000001", purpose="duty-assessment")["id"]]
    p.wait_equal()
    for party, words in ((us, ("root-a", "log", "tls")), (kw, ("log",))):
        party.stop()
        for word in words:
            party.run("key", "rotate", word, "--root", party.home / "root/root-b.key")
        party.start()
        p.wait_linked()
    until("both took the other's cards", lambda: all('"card-taken"' in party.journal() for party in p.parties))
    said.append(p.us.query(CLAUSE, declaration="2026-0000002", purpose="duty-assessment")["id"])
    p.wait_equal()
    return said


def proved(p, party, said):
    for exchange in said:
        bundle = p.top / f"{party.name}-{exchange}-{len(list(p.top.iterdir()))}"
        party.run("evidence", "export", exchange, "--out", bundle)
        for judge in p.parties:
            assert "PROVED" in judge.run("verify", bundle).stdout
        subprocess.run([gateways.PYTHON, gateways.ROOT / "tools/verify.py", bundle], check=True, stdout=subprocess.DEVNULL)


def papers(home):
    return {f.relative_to(home): f.read_bytes() for folder in ("partners", "cards", "agreements", "data/cards", "data/agreements")
            for f in sorted((home / folder).rglob("*")) if f.is_file()}


def modes(home):
    return {f.relative_to(home): f.stat().st_mode & 0o777 for name in papers(home) for f in (home / name, (home / name).parent)}


def test_a_house_whose_keys_changed_comes_back_from_its_keys_and_a_backup():
    with Pair() as p:
        (p.us.home / "officers").write_text("Dana Example, +1 555 0100\n")
        p.start()
        said = changed_house(p)
        backup = p.top / "us.backup"
        p.us.run("backup", backup)
        assert backup.read_bytes()[512:].startswith(b"mithaq/backup/2\n")
        assert "whole" in p.us.run("backup", "verify", backup).stdout
        p.us.stop()
        was, were = papers(p.us.home), modes(p.us.home)
        folders = {str(name.parent) for name in was}
        assert {"cards", "data/cards", "data/agreements", "agreements/pending"} <= folders, folders
        lost = p.top / "lost"
        p.us.home.rename(lost)
        p.us.home.mkdir(mode=0o700)
        shutil.copytree(lost / "keys", p.us.home / "keys")
        p.us.run("restore", backup)
        assert papers(p.us.home) == was and modes(p.us.home) == were
        assert (p.us.home / "officers").read_text() == "Dana Example, +1 555 0100\n"
        assert not list(p.us.home.glob("data/restoring*"))
        p.us.run("token", "new", "operator", "--cli")
        p.us.start()
        p.wait_linked()
        until("a question after the restore", lambda: p.us.run("query", CLAUSE, "declaration=2026-0000003", "--purpose", "duty-assessment",
                                                               check=False).returncode == 0)
        p.wait_equal()
        for party in p.parties:
            proved(p, party, said)
            party.run("log", "verify")


def test_a_backup_with_a_card_that_does_not_succeed_is_refused_by_its_name():
    with Pair() as p:
        p.start()
        changed_house(p)
        backup, spoilt, home = p.top / "us.backup", p.top / "spoilt", p.top / "elsewhere"
        p.us.run("backup", backup)
        stranger = gateways.Party(p.top / "strangers", US, 1)
        stranger.home.parent.mkdir()
        stranger.run("init", US)
        for _ in range(2):
            stranger.run("key", "rotate", "log", "--root", stranger.home / "root/root-b.key")
        other = (stranger.home / f"cards/{US}.2.card").read_bytes()

        def refused(change, *words):
            spoilt.write_bytes(rebuilt(backup, change))
            for done in (p.us.run("backup", "verify", spoilt, check=False), p.us.run("--home", home, "restore", spoilt, check=False)):
                assert done.returncode == 7 and all(word in done.stderr for word in words), (done.returncode, done.stderr)
            assert not (home / "mithaq.yaml").exists() and not (home / "data/ledger.db").exists()
            assert not list(p.top.glob("*.papers"))

        def same(bodies):
            return bodies

        def another(bodies):
            assert b"serial 2\n" in bodies["cards/0002.card"]
            return {**bodies, "cards/0002.card": other}

        def taken_spoilt(bodies):
            return {**bodies, "taken/0001.card": bodies["taken/0001.card"].replace(b"serial 2\n", b"serial 3\n")}

        def half_spoilt(bodies):
            name = next(n for n in bodies if n.startswith("pending/"))
            return {**bodies, name: bodies["agreements/" + next(n for n in bodies if n.startswith("agreements/")).split("/")[1]]}

        def joined_spoilt(bodies):
            name = next(n for n in bodies if n.startswith("joined/"))
            return {**bodies, name: bodies[name].replace(b"ping", b"pong")}

        assert rebuilt(backup, same) == backup.read_bytes()
        refused(another, f"cards/{US}.2.card")
        refused(taken_spoilt, "taken/0001.card")
        refused(half_spoilt, "pending/")
        refused(joined_spoilt, "data/agreements/")
        p.us.run("--home", home, "restore", backup)
