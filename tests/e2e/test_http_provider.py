"""An existing service as the source of a clause: what it is asked, what becomes of its answer, and every way in which it can fail."""
import contextlib
import json
import re
import socket
import threading

import gateways
from gateways import Pair, until

KW, US = gateways.KW, gateways.US
CLAUSE = "customs/declaration-status"
ARABIC = re.compile("[\u0621-\u064a]")

PROVIDE = """provide:
  customs/declaration-status:
    http: http://127.0.0.1:{port}/api/declarations/{{declaration}}{{?office}}
    credential: declarations-token
    headers: {{X-House: customs}}
    timeout: 500 ms
    no-hit-on: [404]
    refused-on: {{451: public-order}}
    answer:
      status: {{from: /state, codes: {{"01": lodged, "04": released, "07": held}}}}
      released-on: {{from: /dates/0/released, date: DD-MM-YYYY}}
"""
GOOD = {"state": "04", "dates": [{"released": "20-11-2026"}], "importer": {"nationalId": "284010100000"}}


def answer(body, status="200 OK", kind="application/json", more=""):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body


RESET, HANG, CLOSE = object(), object(), object()
# What the service does when it is asked for a declaration of this number -> the code in our journal and the cause that `provider test` tells.
TROUBLES = {
    "HANGS": (HANG, "provider-timeout", "did not answer in time"),
    "FAILS": (answer({"error": "secret detail"}, "500 Internal Server Error"), "provider-status", "answered 500"),
    "MOVED": (answer({}, "302 Found", more="Location: http://127.0.0.1:1/\r\n"), "provider-status", "redirects are not followed"),
    "RESETS": (RESET, "provider-unreachable", "reset"),
    "CLOSES": (CLOSE, "provider-unreachable", "without an answer"),
    "HALF": (answer(GOOD)[:-20], "provider-unreachable", "in the middle of its answer"),
    "HUGE": (answer(b'{"state": "04", "more": "' + b"x" * (2 << 20) + b'"}'), "provider-too-much", "more than its limit"),
    "ENDLESS": (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + b" " * (2 << 20), "provider-too-much", "more than its limit"),
    "NOT-HTTP": (b"220 mail.example ESMTP\r\n", "provider-malformed", "cannot be read"),
    "TWO-LENGTHS": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{} ", "provider-malformed", "cannot be read"),
    "GARBAGE": (answer(b'{"state": '), "provider-malformed", "not JSON"),
    "TWICE": (answer(b'{"state": "04", "state": "07"}'), "provider-malformed", "not JSON"),
    "DEEP": (answer(b"[" * 4000 + b"]" * 4000), "provider-malformed", "too deep"),
    "PAGE": (answer(b"<html>state 04</html>", kind="text/html"), "provider-malformed", "application/json"),
    "PACKED": (answer(GOOD, more="Content-Encoding: gzip\r\n"), "provider-malformed", "compressed"),
    "OTHER-CODE": (answer({"state": "99"}), "provider-value", "status: the service's word is not in the list of codes"),
    "OBJECT": (answer({"state": {"code": "04"}}), "provider-value", "status: the service gave an object or a list"),
    "NO-DATE": (answer({"state": "04", "dates": [{"released": "31-02-2026"}]}), "provider-value", "released-on: the service's date"),
    "NOTHING": (answer({"status": "04"}), "provider-value", "none of the fields"),
}
FINE = {
    "2026-0048817": answer(GOOD),
    "2026-2": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-type: application/hal+json; charset=UTF-8\r\nTransfer-Encoding: chunked\r\n\r\n"
              b"c;x=1\r\n{\"state\": \"0\r\n3\r\n7\"}\r\n0\r\nX: y\r\n\r\n",
    "2026-3": answer({"state": None, "dates": [{"released": "01-01-2020"}]}),
    "MISSING": answer({"nothing": "here"}, "404 Not Found"),
    "SECRET": answer(b"no", "451 Unavailable For Legal Reasons", kind="text/plain"),
    "BEHIND": answer({"state": "07"}) + answer({"state": "01"}),  # the second one is nobody's answer
}


class Service:
    """A server that does to each question what its number says. Keeps what it was sent."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port, self.requests, self.connections, self.open = self.listener.getsockname()[1], [], 0, []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            self.connections += 1
            self.open.append(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        pending = b""
        try:
            while True:
                while b"\r\n\r\n" not in pending:
                    more = connection.recv(65536)
                    if not more:
                        return
                    pending += more
                head, pending = pending.split(b"\r\n\r\n", 1)
                lines = head.decode().split("\r\n")
                headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in lines[1:])}
                length = int(headers.get("content-length", 0))
                while len(pending) < length:
                    pending += connection.recv(65536)
                body, pending = pending[:length], pending[length:]
                self.requests.append((lines[0], headers, body))
                if not self.act(connection, lines[0], body):
                    return
        except OSError:
            pass
        finally:
            if connection.fileno() >= 0:
                connection.close()

    def act(self, connection, line, body):
        number = line.split(" ")[1].split("?")[0].rsplit("/", 1)[1] if not body else json.loads(body)["number"]
        what = TROUBLES[number][0] if number in TROUBLES else FINE[number]
        if what is HANG:
            return connection.recv(1) != b""
        if what is RESET:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.close()
            return False
        if what is CLOSE:
            return False
        connection.sendall(what)
        return not (number in ("HALF", "ENDLESS"))

    def close(self):
        """A thread that waits in a socket keeps it open: it is shut down, not only closed."""
        for end in [self.listener, *self.open]:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


def same(found, expected):
    assert found == expected, f"found {found!r}, expected {expected!r}"


def configure(party, provide, token="made-up.token_1"):
    before = (party.home / "mithaq.yaml").read_text().split("provide:")[0]
    (party.home / "mithaq.yaml").write_text(before + provide)
    folder = party.home / "credentials"
    folder.mkdir(mode=0o700, exist_ok=True)
    secret = folder / "declarations-token"
    secret.write_text(token + "\n")
    secret.chmod(0o600)
    return secret


def hex_of(identity):
    """The 16 bytes of "q_..." in hexadecimal."""
    number = 0
    for letter in identity[2:]:
        number = number * 32 + "0123456789ABCDEFGHJKMNPQRSTVWXYZ".index(letter)
    return f"{number:032x}"


class World:
    def __enter__(self):
        self.service = Service()
        self.pair = Pair().__enter__()
        self.secret = configure(self.pair.kw, PROVIDE.format(port=self.service.port))
        return self

    def __exit__(self, *trouble):
        self.pair.__exit__(*trouble)
        self.service.close()

    def ask(self, number, **more):
        return self.pair.us.query(CLAUSE, check=False, declaration=number, purpose="duty-assessment", **more)


def test_a_service_is_asked_and_its_answer_becomes_the_clauses():
    with World() as w:
        w.pair.start()
        said = w.pair.us.query(CLAUSE, declaration="2026-0048817", office="KWSAA", purpose="duty-assessment")
        same((said["state"], said["fields"]), ("answered", {"status": "released", "released_on": "2026-11-20"}))
        line, headers, _ = w.service.requests[-1]
        same(line, "GET /api/declarations/2026-0048817?office=KWSAA HTTP/1.1")
        same(headers["mithaq-id"], said["id"])
        same((headers["mithaq-from"], headers["mithaq-purpose"], headers["x-house"]), (US, "duty-assessment", "customs"))
        same(headers["authorization"], "Bearer made-up.token_1")
        trace = hex_of(said["id"])
        same(headers["traceparent"], f"00-{trace}-{trace[16:]}-01")
        said = w.pair.us.query(CLAUSE, declaration="2026-2", purpose="duty-assessment")
        same(said["fields"], {"status": "held"})
        same(w.service.requests[-1][0], "GET /api/declarations/2026-2 HTTP/1.1")
        same(w.pair.us.query(CLAUSE, declaration="2026-3", purpose="duty-assessment")["fields"], {"released_on": "2020-01-01"})
        same(w.service.connections, 1)  # kept open


def test_its_statuses_are_no_hits_and_refusals():
    with World() as w:
        w.pair.start()
        said = w.pair.us.query(CLAUSE, declaration="MISSING", purpose="duty-assessment")
        same((said["state"], said["result"], said["fields"]), ("answered", "no-hit", None))
        same(w.ask("SECRET").returncode, 4)
        done = w.ask("SECRET")
        assert "public-order" in done.stdout + done.stderr, (done.stdout, done.stderr)


def test_bytes_behind_an_answer_are_never_the_next_one():
    with World() as w:
        w.pair.start()
        same(w.pair.us.query(CLAUSE, declaration="BEHIND", purpose="duty-assessment")["fields"], {"status": "held"})
        same(w.pair.us.query(CLAUSE, declaration="2026-0048817", purpose="duty-assessment")["fields"]["status"], "released")
        same(w.service.connections, 2)


def test_every_trouble_is_named_to_us_and_told_to_the_partner_as_an_error_alone():
    with World() as w:
        w.pair.start()
        for number, (_, code, cause) in TROUBLES.items():
            done = w.ask(number)
            same((number, done.returncode), (number, 1))
            said = json.loads(done.stdout)
            same((number, said["state"], said["failure"]["reason"]), (number, "failed", "provider-failed"))
            for word in (code, cause, "secret detail", str(w.service.port)):
                assert word not in done.stdout + done.stderr, f"{number}: the partner was told {word!r}"
            until(f"{number}: {code} in the journal", lambda c=code: f'"code":"{c}"' in w.pair.kw.journal())
        assert "secret detail" not in w.pair.kw.journal() and '"99"' not in w.pair.kw.journal()
        same(w.pair.us.query(CLAUSE, declaration="2026-0048817", purpose="duty-assessment")["fields"]["status"], "released")


def test_provider_test_tells_each_cause():
    with World() as w:
        for number, (_, code, cause) in TROUBLES.items():
            done = w.pair.kw.run("provider", "test", CLAUSE, f"declaration={number}", check=False)
            same((number, done.returncode), (number, 5 if code in ("provider-timeout", "provider-unreachable") else 1))
            assert f"{code}: " in done.stdout and cause.lower() in done.stdout.lower(), f"{number}: {done.stdout}{done.stderr}"
            assert "the partner would receive an error, and nothing of its cause" in done.stdout, done.stdout
            arabic = w.pair.kw.run("provider", "test", CLAUSE, f"declaration={number}", lang="ar", check=False)
            assert ARABIC.search(arabic.stdout.split(code + ": ")[1].split("\n")[0]), arabic.stdout


def test_provider_test_shows_what_would_leave_and_what_is_dropped():
    with World() as w:
        done = w.pair.kw.run("provider", "test", CLAUSE, "declaration=2026-0048817", "office=KWSAA")
        assert re.search(rf"^  GET http://127\.0\.0\.1:{w.service.port}/api/declarations/2026-0048817\?office=KWSAA   200 in \d+ ms\n"
                         r'  /state "04" +-> status +released\n'
                         r'  /dates/0/released "20-11-2026" -> released-on +2026-11-20\n'
                         r"  /importer/nationalId +not in clause 7: dropped, will never be sent\n"
                         r"  the partner would receive 2 fields, \d+ bytes\n$", done.stdout), done.stdout
        assert "284010100000" not in done.stdout
        said = json.loads(w.pair.kw.run("provider", "test", CLAUSE, "declaration=2026-0048817", "--json").stdout)
        same((said["outcome"], said["fields"]), ("hit", {"status": "released", "released-on": "2026-11-20"}))
        same([s["step"] for s in said["steps"]], ["asked", "mapped", "mapped", "dropped"])
        same(w.service.requests[-1][1]["mithaq-id"], said["id"])
        same(w.service.requests[-1][1]["mithaq-from"], US)
        assert "no hit" in w.pair.kw.run("provider", "test", CLAUSE, "declaration=MISSING").stdout
        assert "public-order" in w.pair.kw.run("provider", "test", CLAUSE, "declaration=SECRET").stdout
        before = len(w.service.requests)
        for words in (["declaration=2026-1", "importer=x"], ["office=KWSAA"], ["declaration=2026-1", "--purpose", "marketing"]):
            done = w.pair.kw.run("provider", "test", CLAUSE, *words, check=False)
            same((words, done.returncode), (words, 3))
            assert "refused before the source is asked" in done.stderr, done.stderr
        same(len(w.service.requests), before)
        same(w.pair.kw.run("provider", "test", "customs/nothing", check=False).returncode, 2)


def test_a_body_is_posted_and_a_value_stays_a_value():
    with World() as w:
        configure(w.pair.kw, f"""provide:
  customs/declaration-status:
    http: http://localhost:{w.service.port}/find
    method: POST
    body: '{{"number": {{declaration}}, "office": {{office}}, "note": "of {{declaration}}"}}'
    answer:
      status: {{from: /state, codes: {{"04": released}}}}
""")
        w.pair.kw.run("provider", "test", CLAUSE, "declaration=2026-0048817")
        line, headers, body = w.service.requests[-1]
        same((line, headers["content-type"]), ("POST /find HTTP/1.1", "application/json"))
        same(json.loads(body), {"number": "2026-0048817", "office": None, "note": "of 2026-0048817"})


def test_what_cannot_be_sent_is_refused_before_the_gateway_answers():
    with World() as w:
        base = f"provide:\n  customs/declaration-status:\n    http: http://127.0.0.1:{w.service.port}/api/%s\n    answer:\n      %s\n%s"
        changes = {
            "importer": base % ("{declaration}", "importer: /importer/nationalId", ""),
            "seized": base % ("{declaration}", 'status: {from: /state, codes: {"04": seized}}', ""),
            "weight": base % ("{weight}", "status: /state", ""),
            "office": base % ("{office}", "status: /state", ""),
            "no-such-reason": base % ("{declaration}", "status: /state", "    refused-on: {451: no-such-reason}\n"),
            "DD-MM": base % ("{declaration}", "released-on: {from: /d, date: DD-MM}", ""),
            "epoch-seconds-time": base % ("{declaration}", "released-on: {from: /d, date: epoch-seconds-time}", ""),
        }
        for word, provide in changes.items():
            configure(w.pair.kw, provide)
            done = w.pair.kw.run("provider", "test", CLAUSE, "declaration=2026-0048817", check=False)
            same((word, done.returncode), (word, 2))
            assert re.search(r"mithaq\.yaml:\d+: ", done.stderr) and word in done.stderr, done.stderr
            same(ARABIC.search(w.pair.kw.run("provider", "test", CLAUSE, "declaration=1", lang="ar", check=False).stderr) is not None, True)
        configure(w.pair.kw, changes["importer"])
        w.pair.start()
        until("the journal names the line", lambda: re.search(r'"text":"mithaq\.yaml:\d+: [^"]*importer', w.pair.kw.journal()))
        same(json.loads(w.ask("2026-0048817").stdout)["failure"]["reason"], "provider-failed")
        same(w.service.requests, [])


def test_a_credential_that_others_may_read_is_refused():
    with World() as w:
        for mode, code in ((0o644, 2), (0o640, 2), (0o700, 2), (0o600, 0), (0o400, 0)):
            w.secret.chmod(mode)
            done = w.pair.kw.run("provider", "test", CLAUSE, "declaration=2026-0048817", check=False)
            same((oct(mode), done.returncode), (oct(mode), code))
            assert code == 0 or "declarations-token" in done.stderr, done.stderr
        w.secret.chmod(0o600)
        for text in ("", "two words", "a\r\nX-Forged: 1"):
            w.secret.write_text(text)
            same(w.pair.kw.run("provider", "test", CLAUSE, "declaration=2026-0048817", check=False).returncode, 2)
        w.secret.unlink()
        assert "declarations-token" in w.pair.kw.run("provider", "test", CLAUSE, "declaration=2026-0048817", check=False).stderr


def test_a_service_that_is_away_comes_back_without_a_word():
    with World() as w:
        w.pair.start()
        port = w.service.port
        same(w.ask("2026-0048817").returncode, 0)
        w.service.close()
        same(json.loads(w.ask("2026-0048817").stdout)["failure"]["reason"], "provider-failed")
        until("it is unreachable", lambda: '"code":"provider-unreachable"' in w.pair.kw.journal())
        w.service.listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=w.service.accept, daemon=True).start()
        same(w.ask("2026-0048817").returncode, 0)


def test_the_agreements_own_examples_answer():
    with World() as w:
        configure(w.pair.kw, "provide:\n  customs/declaration-status: {examples: true}\n")
        done = w.pair.kw.run("provider", "test", CLAUSE, "declaration=2026-0048817")
        assert "the partner would receive 2 fields" in done.stdout, done.stdout
        w.pair.start()
        same(w.pair.us.query(CLAUSE, declaration="2026-0048817", purpose="duty-assessment")["fields"],
             {"status": "released", "released_on": "2026-11-20"})
        same(w.pair.us.query(CLAUSE, declaration="2026-0048818", purpose="duty-assessment")["fields"], {"status": "held"})
        same(w.pair.us.query(CLAUSE, declaration="2026-1", purpose="duty-assessment")["result"], "no-hit")
