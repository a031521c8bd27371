"""Events: a stream that goes on where it was, one answer that waits, webhooks; and who sees none of it."""
import contextlib
import hashlib
import http.client
import http.server
import json
import os
import re
import signal
import socket
import sqlite3
import threading
import time

from gateways import KW, PATIENCE, ROOT, Pair, free_port, until
from test_cancel import providers_stopped

ASKED = {"clause": "customs/declaration-status", "purpose": "duty-assessment", "fields": {"declaration": "2026-0048817", "office": "KWSAA"}}
SECRET = "sample-secret-of-a-webhook"


class Stream:
    """Follows /v1/events as a browser does: by hand, so that every byte is ours to look at."""

    def __init__(self, party, token, last=None, target="/v1/events"):
        self.events, self.last, self.beats, self.ended = [], last, 0, threading.Event()
        self.connection = http.client.HTTPConnection("127.0.0.1", party.api, timeout=PATIENCE + 10)
        headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream", **({"Last-Event-ID": last} if last else {})}
        self.connection.request("GET", target, headers=headers)
        self.socket = self.connection.sock  # the answer takes it from the connection
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200, self.answer.read()
        assert self.answer.getheader("Content-Type").startswith("text/event-stream")
        self.thread = threading.Thread(target=self.follow, daemon=True)
        self.thread.start()

    def follow(self):
        data = {}
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError, AttributeError):
            while line := self.answer.readline():
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name:
                    data[name] = value
                    self.beats += name.startswith(":")
                    continue
                self.last = data.get("id", self.last)
                if "data" in data:
                    self.take(data)
                data = {}
        self.ended.set()

    def take(self, data):
        event = json.loads(data["data"])
        assert data["id"] == event["id"] and data["event"] == event["type"], data
        self.events.append(event)

    def placed(self):
        """Where it stands is known: nothing from now on is missed."""
        until("the stream has its place", lambda: self.last)
        return self

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.shutdown(2)
        self.ended.wait(PATIENCE)


def queries(events):
    return [e for e in events if e["type"].startswith("query.")]


def ask(pair, token, **headers):
    status, _, body = pair.us.http("POST", "/v1/queries", ASKED, token=token, headers=headers)
    assert status == 200, body
    return body["id"]


def ended_in_ledger(party):
    """How many questions of ours have their end: the ledger knows."""
    with contextlib.closing(sqlite3.connect(f"file:{party.home}/data/ledger.db?mode=ro", uri=True)) as db:
        return db.execute("SELECT count(*) FROM exchange WHERE ours = 1 AND state > 2").fetchone()[0]


def test_a_stream_tells_each_end_once():
    with Pair() as pair:
        pair.start()
        token = pair.us.token()
        stream = Stream(pair.us, token).placed()
        asked = [ask(pair, token) for _ in range(5)]
        until("five events came", lambda: len(queries(stream.events)) == 5)
        told = queries(stream.events)
        assert [e["object"]["id"] for e in told] == asked
        assert all(e["type"] == "query.answered" and e["object"]["href"] == f"/v1/queries/{e['object']['id']}" for e in told)
        assert sorted(e["id"] for e in told) == [e["id"] for e in told]
        assert "2026-0048817" not in json.dumps(stream.events), "an event says what is in it"
        stream.close()


def test_a_stream_goes_on_over_a_killed_gateway():
    with Pair() as pair:
        pair.start()
        token = pair.us.token()
        stream = Stream(pair.us, token).placed()
        killed = threading.Event()

        def keep_asking():
            while not killed.is_set():
                with contextlib.suppress(OSError, http.client.HTTPException, AssertionError):
                    ask(pair, token)

        threads = [threading.Thread(target=keep_asking) for _ in range(4)]
        for thread in threads:
            thread.start()
        until("some events came", lambda: len(stream.events) > 40)
        pair.us.process.send_signal(signal.SIGKILL)
        pair.us.process.wait()
        killed.set()
        for thread in threads:
            thread.join()
        assert stream.ended.wait(PATIENCE)
        before = stream.events
        pair.us.start()
        pair.wait_linked()
        again = Stream(pair.us, token, last=stream.last)
        for _ in range(3):
            ask(pair, token)
        pair.wait_equal()
        ended = ended_in_ledger(pair.us)
        until("each end was told", lambda: len(queries(before + again.events)) >= ended)
        told = [e["object"]["id"] for e in queries(before + again.events)]
        assert len(told) == len(set(told)) == ended_in_ledger(pair.us), "an end was lost, or told twice"
        assert [e["type"] for e in again.events].count("partner.up") == 1
        again.close()


def test_a_killed_reader_or_core_ends_no_stream():
    with Pair() as pair:
        pair.start()
        token = pair.us.token()
        stream = Stream(pair.us, token).placed()
        for victim in ("mq-reader", "mq-core"):
            pid = dict(pair.us.children())[victim]
            os.kill(pid, signal.SIGKILL)
            until(f"{victim} is back", lambda: dict(pair.us.children()).get(victim, pid) != pid)
            until("the gateway is ready", pair.us.ready)
            pair.wait_linked()
            asked = ask(pair, token)
            until("its end is told", lambda: asked in [e["object"]["id"] for e in queries(stream.events)])
        assert not stream.ended.is_set()
        stream.close()


def test_one_answer_waits():
    with Pair() as pair:
        pair.start()
        token = pair.us.token()
        status, _, now = pair.us.http("GET", "/v1/events?wait=0", token=token)
        assert status == 200 and now["data"] == [], now
        asked = [ask(pair, token) for _ in range(3)]
        status, headers, body = pair.us.http("GET", f"/v1/events?after={now['next']}&types=query.answered,query.refused", token=token)
        assert status == 200 and headers["content-type"] == "application/json"
        assert [e["object"]["id"] for e in body["data"]] == asked and body["next"] == body["data"][-1]["id"]
        # Nothing more: it waits until there is.
        found = {}
        waiting = threading.Thread(target=lambda: found.update(zip(("status", "_", "body"), pair.us.http("GET", f"/v1/events?after={body['next']}&wait=20", token=token))))
        waiting.start()
        later = ask(pair, token)
        waiting.join(PATIENCE)
        assert found["status"] == 200 and [e["object"]["id"] for e in queries(found["body"]["data"])] == [later]
        # What is filtered away still moves the place.
        status, _, other = pair.us.http("GET", f"/v1/events?after={now['next']}&types=alarm.raised&wait=1", token=token)
        assert status == 200 and other["data"] == [] and other["next"] >= found["body"]["next"]
        for bad in ("after=e_1", "after=q_0000000000001", "wait=61", "types=query", "types=", "since=1"):
            assert pair.us.http("GET", f"/v1/events?{bad}", token=token)[0] == 400, bad
        assert pair.us.http("GET", "/v1/events?wait=0")[0] == 401


def test_partners_and_agreements_are_told():
    with Pair() as pair:
        pair.start()
        token = pair.us.token()
        everything = lambda: pair.us.http("GET", "/v1/events?after=e_0000000000000", token=token)[2]["data"]
        until("the agreement is told to be in force", lambda: "agreement.in-force" in [e["type"] for e in everything()])
        assert {"id": KW, "href": "/v1/status"} in [e["object"] for e in everything() if e["type"] == "partner.up"]
        pair.kw.stop()
        until("the partner is told to be away", lambda: "partner.down" in [e["type"] for e in everything()])
        pair.us.stop()
        pair.us.start()
        pair.kw.start()
        pair.wait_linked()
        until("the partner is told to be there again", lambda: [e["type"] for e in everything()].count("partner.up") >= 2)
        ask(pair, token)
        told = [e["object"]["id"] for e in everything() if e["type"] == "agreement.in-force"]
        assert told and len(told) == len(set(told)), "each is told once, not at each start"


def test_each_end_has_its_name():
    with Pair() as pair:
        pair.start()
        token = pair.us.token()
        stream = Stream(pair.us, token).placed()
        # What was refused here left nothing, and is no event.
        assert pair.us.http("POST", "/v1/queries", {**ASKED, "purpose": "marketing"}, token=token)[0] == 403
        with providers_stopped(pair.kw):
            status, _, body = pair.us.http("POST", "/v1/queries", ASKED, token=token, headers={"Prefer": "wait=0"})
            assert status == 202, body
            pair.us.http("DELETE", f"/v1/queries/{body['id']}", token=token, headers={"Prefer": "wait=20"})
            until("its end is told", lambda: queries(stream.events))
        assert [(e["type"], e["object"]["id"]) for e in queries(stream.events)] == [("query.cancelled", body["id"])]
        stream.close()


def test_a_token_for_other_clauses_sees_nothing():
    with Pair() as pair:
        pair.start()
        everyone = pair.us.token()
        theirs = pair.us.token("border-desk", "--clauses", "border/travel-document-status")
        ours = pair.us.token("customs-desk", "--clauses", "customs/declaration-status")
        asked = ask(pair, everyone)
        all_of = lambda token: pair.us.http("GET", "/v1/events?after=e_0000000000000", token=token)[2]["data"]
        until("its end is told", lambda: asked in [e["object"]["id"] for e in all_of(everyone)])
        assert all_of(theirs) == []
        assert [e["object"]["id"] for e in all_of(ours)] == [asked], "it sees its clauses, and no partners"
        stream = Stream(pair.us, theirs).placed()
        place = stream.last
        ask(pair, everyone)
        status, _, body = pair.us.http("GET", f"/v1/events?after={place}&wait=1", token=theirs)
        assert status == 200 and body["data"] == [] and stream.events == []
        # A token that is revoked ends its stream.
        pair.us.run("token", "revoke", "border-desk")
        assert stream.ended.wait(PATIENCE)


def test_followers_are_few_and_a_place_comes_free():
    with Pair() as pair:
        pair.start()
        token, other = pair.us.token(), pair.us.token("second")
        streams = [Stream(pair.us, token) for _ in range(16)]
        status, headers, body = pair.us.http("GET", "/v1/events", token=token)
        assert status == 503 and body["code"] == "busy" and "retry-after" in headers
        streams.append(Stream(pair.us, other).placed())
        streams.pop(0).close()
        until("a place is free again", lambda: pair.us.http("GET", "/v1/events?wait=0", token=token)[0] == 200)
        asked = ask(pair, token)
        until("everybody is told", lambda: all(asked in [e["object"]["id"] for e in queries(s.events)] for s in streams))
        for stream in streams:
            stream.close()


def test_a_follower_that_takes_nothing_is_closed_and_goes_on_later():
    with Pair() as pair:
        pair.start()
        token = pair.us.token()
        ask(pair, token)
        pair.us.stop()
        with contextlib.closing(sqlite3.connect(pair.us.home / "data/ledger.db")) as db:
            first = db.execute("SELECT max(id) FROM event").fetchone()[0] + 1
            db.executemany("INSERT INTO event(id, type, subject) VALUES (?, 7, ?)", ((first + i, KW) for i in range(60000)))
            db.commit()
        pair.us.start()
        lazy = socket.socket()
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.connect(("127.0.0.1", pair.us.api))
        lazy.sendall(f"GET /v1/events?after=e_0000000000000 HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
        until("it is closed", lambda: '"slow-follower"' in pair.us.journal(), patience=60)
        taken = b""
        with contextlib.suppress(OSError):
            while piece := lazy.recv(65536):
                taken += piece
        lazy.close()
        last = re.findall(rb"id: (e_\w{13})\nevent: [\w.-]+\ndata: [^\n]*\n\n", taken)[-1].decode()
        again = Stream(pair.us, token, last=last)
        until("it has all", lambda: len(again.events) + taken.count(b"\ndata: ") >= 60000, patience=40)
        again.close()


# ---- webhooks ----


class Receiver:
    """A web server of the house: answers as it is told to, and keeps what it took."""

    def __init__(self):
        self.fail_first, self.tried, self.taken = 0, 0, []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.tried += 1
                refused = receiver.tried <= receiver.fail_first
                if not refused:
                    receiver.taken.append((dict(self.headers), body, self.path))
                self.send_response(500 if refused else 204)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def handle(self):
                with contextlib.suppress(ConnectionError):
                    super().handle()

            def log_message(self, *_):
                pass

        self.port = free_port()
        self.handler = Handler
        self.server = None

    def start(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), self.handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def stop(self):
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def events(self):
        return [json.loads(body) for _, body, _ in list(self.taken)]


@contextlib.contextmanager
def hooked(types=None):
    receiver = Receiver()
    with Pair() as pair:
        credentials = pair.us.home / "credentials"
        credentials.mkdir(mode=0o700, exist_ok=True)
        (credentials / "hook-secret").write_text(SECRET + "\n")
        (credentials / "hook-secret").chmod(0o600)
        with open(pair.us.home / "mithaq.yaml", "a") as f:
            f.write(f"webhooks:\n  - url: http://127.0.0.1:{receiver.port}/hooks/mithaq\n    secret: hook-secret\n" + (f"    types: {types}\n" if types else ""))
        try:
            yield pair, receiver
        finally:
            receiver.stop()


def checker():
    """The five lines of spec/api.md, as a receiver copies them."""
    text = (ROOT / "spec/api.md").read_text()
    found = re.search(r"```python\n(import hashlib.*?)```", text, re.S)
    space = {}
    exec(found.group(1), space)
    return space["is_genuine"]


def begun(pair):
    """The webhook has its place: what happens from now on is told to it."""
    def mark():
        with contextlib.closing(sqlite3.connect(f"file:{pair.us.home}/data/ledger.db?mode=ro", uri=True)) as db:
            return db.execute("SELECT count(*) FROM mark WHERE name = ?", (hook_mark(pair),)).fetchone()[0]
    until("the webhook has its place", mark)


def hook_mark(pair):
    url = re.search(r"url: (\S+)", (pair.us.home / "mithaq.yaml").read_text()).group(1)
    return hashlib.sha256(b"mithaq/hook/v1\n" + url.encode()).digest()


def told_in_ledger(pair):
    with contextlib.closing(sqlite3.connect(f"file:{pair.us.home}/data/ledger.db?mode=ro", uri=True)) as db:
        row = db.execute("SELECT value FROM mark WHERE name = ?", (hook_mark(pair),)).fetchone()
        return row[0] if row else 0


def last_in_ledger(pair):
    with contextlib.closing(sqlite3.connect(f"file:{pair.us.home}/data/ledger.db?mode=ro", uri=True)) as db:
        return db.execute("SELECT max(id) FROM event").fetchone()[0]


def test_a_webhook_that_fails_three_times_is_told_all_in_order():
    with hooked("[query.answered]") as (pair, receiver):
        receiver.fail_first = 3
        receiver.start()
        pair.start()
        begun(pair)
        token = pair.us.token()
        asked = [ask(pair, token) for _ in range(4)]
        until("the webhook took all", lambda: len(receiver.taken) >= 4, patience=40)
        assert [e["object"]["id"] for e in receiver.events()] == asked and receiver.tried == 7
        is_genuine = checker()
        for headers, body, path in receiver.taken:
            signature = headers["Mithaq-Signature"]
            assert path == "/hooks/mithaq" and headers["Content-Type"] == "application/json"
            assert headers["Mithaq-Event"] == json.loads(body)["id"]
            assert is_genuine(SECRET.encode(), signature, body)
            assert not is_genuine(SECRET.encode(), signature, body + b" ")
            assert not is_genuine(b"another-secret-of-16", signature, body)
            assert not is_genuine(SECRET.encode(), signature.replace("t=", "t=1"), body)
            old = re.sub(r"t=\d+", f"t={int(time.time()) - 3600}", signature)
            assert not is_genuine(SECRET.encode(), old, body), "an old one is replayed"
        assert '"webhook-failing"' in pair.us.journal() and '"webhook-back"' in pair.us.journal()


def test_a_webhook_is_not_told_again_after_a_start():
    with hooked("[query.answered]") as (pair, receiver):
        receiver.start()
        pair.start()
        begun(pair)
        token = pair.us.token()
        first = [ask(pair, token) for _ in range(3)]
        until("the webhook took all", lambda: len(receiver.taken) == 3)
        until("that is durable", lambda: told_in_ledger(pair) == last_in_ledger(pair))
        pair.us.process.send_signal(signal.SIGKILL)
        pair.us.process.wait()
        pair.us.start()
        pair.wait_linked()
        second = ask(pair, token)
        until("the webhook took one more", lambda: len(receiver.taken) > 3)
        assert [e["object"]["id"] for e in receiver.events()] == first + [second]


def test_a_webhook_that_was_down_catches_up():
    with hooked("[query.answered]") as (pair, receiver):
        pair.start()
        begun(pair)
        token = pair.us.token()
        asked = [ask(pair, token) for _ in range(300)]
        until("it was tried", lambda: '"webhook-failing"' in pair.us.journal())
        receiver.start()
        until("the webhook took all", lambda: len(receiver.taken) >= len(asked), patience=60)
        assert [e["object"]["id"] for e in receiver.events()] == asked


def test_a_killed_hook_loses_nothing():
    with hooked("[query.answered]") as (pair, receiver):
        receiver.start()
        pair.start()
        begun(pair)
        token = pair.us.token()
        asked = []
        for _ in range(3):
            asked += [ask(pair, token) for _ in range(10)]
            pid = dict(pair.us.children())["mq-hook"]
            os.kill(pid, signal.SIGKILL)
            until("the hook is back", lambda: dict(pair.us.children()).get("mq-hook", pid) != pid)
        until("each was told at least once", lambda: {e["object"]["id"] for e in receiver.events()} == set(asked))
        seen = list(dict.fromkeys(e["object"]["id"] for e in receiver.events()))
        assert seen == asked, "the order is kept, whatever is told again"


def test_a_webhook_hears_what_it_lost():
    with hooked() as (pair, receiver):
        pair.start()
        begun(pair)
        token = pair.us.token()
        for _ in range(20):
            ask(pair, token)
        pair.us.stop()
        # Seven days later most of it is forgotten: the oldest is replaced by what says so.
        with contextlib.closing(sqlite3.connect(pair.us.home / "data/ledger.db")) as db:
            lost = db.execute("SELECT id FROM event ORDER BY id DESC LIMIT 1 OFFSET 3").fetchone()[0]
            db.execute("DELETE FROM event WHERE id < ?", (lost,))
            db.execute("UPDATE event SET type = 0, exchange = NULL, subject = NULL WHERE id = ?", (lost,))
            db.commit()
        receiver.start()
        pair.us.start()
        until("the webhook is told again", lambda: len(receiver.taken) >= 4)
        first = receiver.events()[0]
        assert first["type"] == "events.lost" and first["object"] is None
        assert '"webhook-lost"' in pair.us.journal()


def test_a_webhook_is_taken_up_and_let_go_by_a_reload():
    with hooked("[query.answered]") as (pair, receiver):
        path = pair.us.home / "mithaq.yaml"
        with_hook = path.read_text()
        path.write_text(with_hook.split("webhooks:")[0])
        receiver.start()
        pair.start()
        token = pair.us.token()
        ask(pair, token)
        assert "mq-hook" not in dict(pair.us.children())
        path.write_text(with_hook)
        pair.us.process.send_signal(signal.SIGHUP)
        until("the hook is there", lambda: "mq-hook" in dict(pair.us.children()))
        begun(pair)
        asked = ask(pair, token)
        until("the webhook took it", lambda: [e["object"]["id"] for e in receiver.events()] == [asked])
        path.write_text(with_hook.split("webhooks:")[0])
        pair.us.process.send_signal(signal.SIGHUP)
        until("the hook is gone", lambda: "mq-hook" not in dict(pair.us.children()))
        ask(pair, token)
        assert len(receiver.taken) == 1


def test_a_webhook_without_its_secret_does_not_start():
    with hooked() as (pair, receiver):
        secret = pair.us.home / "credentials/hook-secret"
        secret.write_text("short\n")
        code, said = pair.us.serve_refused()
        assert code != 0 and "16 characters" in said, said
        secret.write_text(SECRET)
        secret.chmod(0o644)
        code, said = pair.us.serve_refused()
        assert code != 0 and "0600" in said, said
        secret.unlink()
        assert pair.us.serve_refused()[0] != 0
