"""gateways.py: real gateways in a temporary folder on loopback, driven as people drive them.

    with Pair() as pair:
        pair.start()
        pair.us.query("customs/declaration-status", declaration="2026-0048817", purpose="duty-assessment")

Every process is ended by its own id. Waiting is asking again until a deadline, never a sleep that hopes.
"""
import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BINARY = os.environ.get("MITHAQ_BINARY", str(ROOT / "build-plain/src/mithaq"))
PYTHON = sys.executable
KW, US = "customs.kw.example", "cbp.us.example"
PATIENCE = 20  # seconds until something that must happen counts as not happening

PROVIDERS = {
    KW: """provide:
  customs/declaration-status:
    sqlite: {database}
    statement: SELECT status, released_on AS "released-on" FROM declarations WHERE number = :declaration
    timeout: 2 s
  border/travel-document-status:
    sqlite: {database}
    statement: SELECT status, since FROM travel_documents WHERE number = :document AND country = :country
    timeout: 2 s
  border/designation-record:
    sqlite: {list}
    statement: SELECT name, name_original_script AS "name-original-script", list_type AS "list-type", listed_on AS "listed-on", nationality, designation FROM designation WHERE reference = :reference
    timeout: 2 s
""",
    US: """provide:
  border/travel-document-status-us:
    sqlite: {database}
    statement: SELECT status, since FROM travel_documents WHERE number = :document AND country = :country
    timeout: 2 s
""",
}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def until(what, ask, patience=PATIENCE):
    """Asks again until the answer is true; says what did not happen otherwise."""
    deadline = time.monotonic() + patience
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"did not happen within {patience} s: {what}")
        time.sleep(0.02)


def children_of(pid):
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(p) for p in text.split()]


def name_of(pid):
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


class Party:
    def __init__(self, top, name, api, extra="", binary=BINARY):
        self.name, self.home, self.api, self.extra, self.binary = name, Path(top) / name, api, extra, binary
        self.process = None
        self.journal_path = Path(top) / f"{name}.log"

    # ---- commands ----

    def run(self, *words, lang="en", check=True, env=None):
        done = subprocess.run([self.binary, "--home", str(self.home), "--lang", lang, *map(str, words)], capture_output=True, text=True, timeout=60,
                              env={**os.environ, **(env or {})})
        if check and done.returncode != 0:
            raise AssertionError(f"{self.name}: mithaq {' '.join(map(str, words))}: code {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def query(self, clause, check=True, lang="en", json_out=True, **words):
        """Asks as a person does: fields by name, options as --purpose, --case ... `case` and `purpose` are options."""
        options = {k: words.pop(k) for k in ("purpose", "case", "officer", "to", "wait", "key") if k in words}
        line = ["query", clause, *(f"{k.replace('_', '-')}={v}" for k, v in words.items())]
        for k, v in options.items():
            line += [f"--{k}", v]
        if json_out:
            line.append("--json")
        done = self.run(*line, lang=lang, check=check)
        return json.loads(done.stdout) if check and json_out else done

    def serve_refused(self):
        """Starts a gateway that must not start; its exit code and words. One that starts all the same is ended."""
        process = subprocess.Popen([self.binary, "--home", str(self.home), "--lang", "en", "serve"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            said, _ = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.terminate()
            said, _ = process.communicate()
            raise AssertionError(f"it started all the same:\n{said}") from None
        return process.returncode, said

    # ---- the local API ----

    def token(self, account="tests", *words):
        token = self.run("token", "new", account, *words).stdout.strip()
        if self.process is not None:
            until("the gateway takes up a new token", lambda: self.http("GET", "/v1/status", token=token)[0] != 401)
        return token

    def http(self, method, target, body=None, token=None, headers=None, timeout=60):
        """(status, headers, parsed body). `body` is bytes, or anything JSON can say."""
        connection = http.client.HTTPConnection("127.0.0.1", self.api, timeout=timeout)
        sent = {"Accept-Language": "en"}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        if body is not None:
            sent["Content-Type"] = "application/json"
            body = body if isinstance(body, bytes) else json.dumps(body).encode()
        # Who refuses a body may close before all of it was written; its answer still counts.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.request(method, target, body=body, headers={**sent, **(headers or {})})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        try:
            parsed = json.loads(content)
        except ValueError:
            parsed = content
        return answer.status, dict((k.lower(), v) for k, v in answer.getheaders()), parsed

    # ---- the gateway ----

    def start(self):
        with open(self.journal_path, "ab") as journal:
            self.process = subprocess.Popen([self.binary, "--home", str(self.home), "serve"], stdin=subprocess.DEVNULL, stdout=journal, stderr=journal,
                                            env={**os.environ, "MITHAQ_LOG": "json"})
        until(f"{self.name} is ready", self.ready)
        return self

    def ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.name} ended with {self.process.returncode}:\n{self.journal()[-2000:]}")
        return self.run("status", "--json", check=False).returncode == 0

    def journal(self):
        return self.journal_path.read_text(errors="replace") if self.journal_path.exists() else ""

    def status(self):
        return json.loads(self.run("status", "--json").stdout)

    def linked(self):
        done = self.run("status", "--json", check=False)
        return done.returncode == 0 and all(p["connected"] for p in json.loads(done.stdout)["partners"])

    def children(self):
        """Name and id of each process of the gateway, the parent aside."""
        return [(name_of(pid), pid) for pid in children_of(self.process.pid)]

    def stop(self, how=signal.SIGTERM):
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            self.process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        code, self.process = self.process.returncode, None
        return code


class Pair:
    """Two sample customs services with the sample agreement, in a folder that dies with them."""

    def __init__(self, rows=500, agreement=None, activate=(KW, US), change=None, binaries=None):
        self.rows, self.change, self.activate, self.binaries = rows, change, activate, binaries or {}
        self.agreement = agreement or ROOT / "samples/customs-and-border.yaml"

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="mithaq-e2e-")
        self.top = Path(self.folder.name)
        self.link_port = free_port()
        self.kw = Party(self.top, KW, free_port(), f"partners:\n  {US}: {{listen: 127.0.0.1:{self.link_port}}}\n", self.binaries.get(KW, BINARY))
        self.us = Party(self.top, US, free_port(), f"partners:\n  {KW}: 127.0.0.1:{self.link_port}\n", self.binaries.get(US, BINARY))
        self.parties = (self.kw, self.us)
        try:
            self.make()
        except BaseException:
            self.folder.cleanup()
            raise
        return self

    def __exit__(self, *trouble):
        for party in self.parties:
            party.stop()
        if trouble[0] is not None:
            for party in self.parties:
                print(f"   journal of {party.name}, its end:\n{party.journal()[-1500:]}", file=sys.stderr)
        self.folder.cleanup()

    def make(self):
        for party in self.parties:
            self.make_party(party)
        self.us.run("partner", "add", self.kw.home / f"{KW}.card")
        self.kw.run("partner", "add", self.us.home / f"{US}.card")
        self.signed = self.sign(self.agreement)
        for party in self.parties:
            if party.name in self.activate:
                party.run("agreement", "activate", self.signed)

    def make_party(self, party):
        seeds = []
        for letter in "ab":
            path = self.top / f"{party.name}.{letter}"
            path.write_bytes(subprocess.check_output([PYTHON, ROOT / "tools/sample-keys.py", party.name, letter]))
            seeds += [f"--root-seed-{letter}", path]
        party.run("init", party.name, *seeds)
        party.database, party.list = self.top / f"{party.name}.db", self.top / "list.db"
        generate = [PYTHON, ROOT / "tools/generate-samples.py", party.database, "--rows", str(max(self.rows, 5000)), "--country",
                    "KW" if party.name == KW else "US"]
        subprocess.run(generate, check=True, stdout=subprocess.DEVNULL)
        if party.name == KW:
            party.run("import", "un-list", ROOT / "samples/un-list.xml", "--into", party.list)
        self.configure(party)
        party.run("token", "new", "operator", "--cli")

    def configure(self, party):
        text = f"party: {party.name}\napi: {{listen: 127.0.0.1:{party.api}}}\n{party.extra}"
        text += PROVIDERS[party.name].format(database=party.database, list=party.list)
        (party.home / "mithaq.yaml").write_text(text)

    def sign(self, path):
        """Both parties sign a copy of the agreement, changed by `change` where there is one."""
        text = Path(path).read_text()
        draft, signed = self.top / "draft.yaml", self.top / f"{time.monotonic_ns()}.signed"
        draft.write_text(self.change(text) if self.change else text)
        self.kw.run("agreement", "sign", draft, "--root", self.kw.home / "root/root-a.key", "--out", signed)
        self.us.run("agreement", "sign", signed, "--root", self.us.home / "root/root-a.key")
        return signed

    def start(self):
        for party in self.parties:
            party.start()
        self.wait_linked()
        return self

    def wait_linked(self):
        for party in self.parties:
            until(f"the link of {party.name}", party.linked)

    def ledgers(self):
        """channel -> (hash at one side, hash at the other), or None while one side does not have the channel."""
        seen = {}
        for at, party in enumerate(self.parties):
            for channel in party.status()["channels"]:
                seen.setdefault(channel["channel"], [None, None])[at] = channel["ledgers"]
        return seen

    def wait_equal(self):
        def equal():
            with contextlib.suppress(AssertionError):
                found = self.ledgers()
                return found if found and all(a == b and a for a, b in found.values()) else None

        return until("both ledgers are equal", equal)
