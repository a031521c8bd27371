"""The API over TLS with the house's own certificate: who may in, what a bad file is told, how it is renewed.

The address of a LAN is played by ::ffff:127.0.0.1, which no packet leaves and which is none of the loopback names.
"""
import contextlib
import http.client
import os
import shutil
import signal
import socket
import ssl
import subprocess

import gateways
from gateways import US, Pair, free_port, until

LAN = "[::ffff:127.0.0.1]"
NAME = "api.customs.example"


class House(Pair):
    """One gateway is enough; `api` is what stands below that key."""

    def __init__(self, api="", listen=LAN):
        super().__init__(rows=100)
        self.api, self.listen = api, listen

    def configure(self, party):
        super().configure(party)
        if party.name == US:
            party.api = free_port()
            path = party.home / "mithaq.yaml"
            whole = self.api or f"certificate: {party.home}/api.pem"
            path.write_text(path.read_text().replace(path.read_text().splitlines()[1], f"api: {{listen: '{self.listen}:{party.api}', {whole}}}"))

    def make(self):
        super().make()
        make_certificate(self.us.home)


def openssl(*words, check=True):
    return subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True, timeout=60, check=check)


def make_certificate(folder, name="api", hosts=(f"DNS:{NAME}", "DNS:*.inside.example", "IP:10.1.4.9"), days=365, together=True, mode=0o600, more=()):
    """NAME.pem with certificate and key in `folder`, or NAME.pem and NAME.key apart."""
    key, pem = folder / f"{name}.key", folder / f"{name}.pem"
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", pem, "-days", days,
            "-subj", f"/CN={name}", "-addext", "subjectAltName=" + ",".join(hosts), *more)
    if together:
        pem.write_text(pem.read_text() + key.read_text())
        key.unlink()
    os.chmod(pem if together else key, mode)
    return pem


def expired(folder, name="old"):
    """A certificate whose last day is past: signed by a little authority, since only that takes dates."""
    make_certificate(folder, "ca", together=False)
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.csr",
            "-subj", "/CN=old")
    for file, text in (("index.txt", ""), ("serial", "01\n"), ("ca.cnf", f"[ca]\ndefault_ca=d\n[d]\ndatabase={folder}/index.txt\nserial={folder}/serial\n"
                                                               f"new_certs_dir={folder}\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n")):
        (folder / file).write_text(text)
    openssl("ca", "-batch", "-config", folder / "ca.cnf", "-cert", folder / "ca.pem", "-keyfile", folder / "ca.key", "-in", folder / f"{name}.csr",
            "-out", folder / f"{name}.pem", "-notext", "-startdate", "20200101000000Z", "-enddate", "20210101000000Z")
    pem = folder / f"{name}.pem"
    pem.write_text(pem.read_text() + (folder / f"{name}.key").read_text())
    os.chmod(pem, 0o600)
    return pem


def context(trust=None, least=None, most=None):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_REQUIRED if trust else ssl.CERT_NONE
    if trust:
        made.load_verify_locations(trust)
    if least:
        made.minimum_version = least
    if most:
        made.maximum_version = most
    return made


def ask(party, host=NAME, path="/readyz", token=None, how=None):
    """(status, text) over TLS."""
    connection = http.client.HTTPSConnection("127.0.0.1", party.api, timeout=30, context=how or context())
    headers = {"Host": host, **({"Authorization": f"Bearer {token}"} if token else {})}
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def shown(party):
    """The certificate that it shows, as DER."""
    with socket.create_connection(("127.0.0.1", party.api), timeout=30) as plain, context().wrap_socket(plain) as secured:
        return secured.getpeercert(binary_form=True)


def has_openssl():
    return None if shutil.which("openssl") else "openssl is not installed (tools/setup.sh, group api)"


def test_applications_on_a_lan():
    why = has_openssl()
    if why:
        return why
    with House() as p:
        p.us.start()
        trusted = context(p.us.home / "api.pem")
        assert ask(p.us, how=trusted) == (200, "ready\n")
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            assert ask(p.us, how=context(least=version, most=version))[0] == 200
        token = p.us.run("token", "new", "lan").stdout.strip()
        until("the new token counts", lambda: ask(p.us, path="/v1/clauses", token=token)[0] == 200)
        assert ask(p.us, path="/v1/clauses")[0] == 401
        for host in (NAME, f"{NAME}:8443", "10.1.4.9:8443", "a.inside.example", NAME.upper()):
            assert ask(p.us, host)[0] == 200, host
        for host in ("localhost", "127.0.0.1", "elsewhere.example", "a.b.inside.example", "10.1.4.10", f"{NAME}:1@evil.example", f"x{NAME}", "", "[", "[::1"):
            status, text = ask(p.us, host)
            assert status in (400, 403), (host, status)
            assert status == 400 or "host-unknown" in text, text
        assert f'"url":"https://{LAN}:{p.us.api}"' in ask(p.us, path="/v1/clauses/customs/declaration-status/openapi.json", token=token)[1]
        assert f"https://{LAN}:{p.us.api}" in p.us.journal()
        with contextlib.suppress(ConnectionError, http.client.HTTPException):
            raise AssertionError(p.us.http("GET", "/readyz"))  # plain HTTP is no HTTP here
    return None


def test_over_tls_on_loopback_its_own_names_count_too():
    why = has_openssl()
    if why:
        return why
    with House(listen="127.0.0.1") as p:
        p.us.start()
        for host in ("localhost", "127.0.0.1", NAME):
            assert ask(p.us, host)[0] == 200, host
        assert ask(p.us, "elsewhere.example")[0] == 403
    return None


def test_a_weak_client_is_refused():
    why = has_openssl()
    if why:
        return why
    with House() as p:
        p.us.start()
        weak = (["-tls1_1"], ["-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0"], ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"])
        for words in weak:
            done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{p.us.api}", *words], stdin=subprocess.DEVNULL, capture_output=True, timeout=30)
            assert done.returncode != 0, words
        done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{p.us.api}", "-tls1_2"], stdin=subprocess.DEVNULL, capture_output=True, timeout=30)
        assert done.returncode == 0, done.stderr
    return None


def bad_files(home):
    """(below `api:`, what the journal must say)"""
    apart = make_certificate(home, "apart", together=False)
    other = make_certificate(home, "other", together=False)
    loose = make_certificate(home, "loose", mode=0o644)
    locked = home / "locked.key"
    openssl("pkcs8", "-topk8", "-in", home / "apart.key", "-out", locked, "-passout", "pass:secret")
    os.chmod(locked, 0o600)
    (home / "folder").mkdir()
    (home / "words.pem").write_text("these are words\n")
    os.chmod(home / "words.pem", 0o600)
    (home / "long.pem").write_text("x" * 70000)
    os.chmod(home / "long.pem", 0o600)
    yield f"certificate: {apart}, key: {home}/other.key", ["other.key", "does not belong to the certificate", "made together"]
    yield f"certificate: {loose}", ["loose.pem", "0644", "chmod 600"]
    os.chmod(home / "other.key", 0o604)
    yield f"certificate: {other}, key: {home}/other.key", ["other.key", "0604", "chmod 600"]
    yield f"certificate: {home}/folder", ["a folder", "name the file itself"]
    yield f"certificate: {apart}, key: {home}/folder", ["folder: ", "a folder"]
    yield f"certificate: {home}/nothing.pem", ["nothing.pem", "No such file", "name a file"]
    yield f"certificate: {home}/words.pem", ["words.pem", "no certificate", "BEGIN CERTIFICATE"]
    yield f"certificate: {home}/long.pem", ["long.pem", "64 KiB"]
    os.chmod(apart, 0o600)
    yield f"certificate: {apart}", ["apart.pem", "no private key", "api: {key: FILE}"]
    yield f"certificate: {apart}, key: {locked}", ["locked.key", "passphrase", "openssl pkey"]
    openssl("req", "-x509", "-newkey", "rsa:1024", "-nodes", "-keyout", home / "weak.key", "-out", home / "weak.pem", "-subj", "/CN=weak")
    yield f"certificate: {home}/weak.pem, key: {home}/weak.key", ["weak.pem", "too small", "2048"]


def configured(p, words, listen=LAN):
    p.listen, p.api = listen, words
    p.configure(p.us)


def test_a_bad_file_says_what_to_do():
    why = has_openssl()
    if why:
        return why
    with House() as p:
        for words, expected in bad_files(p.us.home):
            configured(p, words)
            code, said = p.us.serve_refused()
            assert code != 0, words
            for word in expected:
                assert word in said, f"{words}: {word!r} is not in: {said}"
            assert "PRIVATE" not in said, said
        make_certificate(p.us.home)
        configured(p, "")
        p.us.start()  # and with a good one it starts
    return None


def test_a_place_where_nobody_can_listen_says_what_to_do():
    why = has_openssl()
    if why:
        return why
    with House() as p, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        cases = ((f"api: {{listen: 127.0.0.1:{taken.getsockname()[1]}}}", ["Address already in use", "ss -ltnp", "another port"]),
                 ("api: {listen: 192.0.2.1:8443, certificate: api.pem}", ["Cannot assign requested address", "ip address"]),
                 ("api: {listen: 192.0.2.1:8443}", ["beyond loopback", "certificate:"]))
        for line, expected in cases:
            path = p.us.home / "mithaq.yaml"
            configured(p, "")
            path.write_text(path.read_text().replace(path.read_text().splitlines()[1], line))
            code, said = p.us.serve_refused()
            assert code != 0
            for word in expected:
                assert word in said, f"{line}: {word!r} is not in: {said}"
    return None


def test_an_expired_certificate_is_told_and_stops_nothing():
    why = has_openssl()
    if why:
        return why
    with House() as p:
        shutil.copy2(expired(p.us.home), p.us.home / "api.pem")
        p.us.start()
        assert "applications refuse this one since 2021-01-01" in p.us.journal(), p.us.journal()
        status, text = ask(p.us, host="old")
        assert (status, text.splitlines()[0]) == (200, "ready") and "since 2021-01-01" in text, text
        renewed = make_certificate(p.us.home, "soon", days=10)
        os.replace(renewed, p.us.home / "api.pem")
        p.us.process.send_signal(signal.SIGHUP)
        until("the new one is told of", lambda: "put a new certificate of the api in place and reload, this one ends" in p.us.journal())
        assert "this one ends" in ask(p.us)[1]
    return None


def test_a_renewed_certificate_is_taken_up_and_a_bad_one_is_not():
    why = has_openssl()
    if why:
        return why
    for together in (True, False):
        with House(api="" if together else "certificate: api.pem, key: api.key") as p:
            home = p.us.home
            if not together:
                make_certificate(home, together=False)
            p.us.start()
            first = shown(p.us)
            waiting = http.client.HTTPSConnection("127.0.0.1", p.us.api, timeout=30, context=context())
            waiting.request("GET", "/healthz", headers={"Host": NAME})
            waiting.getresponse().read()
            make_certificate(home, "next", together=together)
            for end in ("pem",) if together else ("key", "pem"):
                os.replace(home / f"next.{end}", home / f"api.{end}")  # as a renewal does: another file under the same name
            p.us.process.send_signal(signal.SIGHUP)
            until("the new certificate is shown", lambda: shown(p.us) != first)
            waiting.request("GET", "/healthz", headers={"Host": NAME})  # who was here stays
            assert waiting.getresponse().read() == b"ok\n"
            waiting.close()
            second = shown(p.us)
            (home / ("api.pem" if together else "api.key")).write_text("nothing\n")
            p.us.process.send_signal(signal.SIGHUP)
            until("the bad one is told of", lambda: "the certificate before it stays in use" in p.us.journal())
            assert shown(p.us) == second and ask(p.us)[0] == 200
            (home / "api.pem").unlink()
            p.us.process.send_signal(signal.SIGHUP)
            until("the missing one is told of", lambda: "No such file" in p.us.journal())
            assert shown(p.us) == second
            assert "\"promise\"" not in p.us.journal(), "a process was killed for what it did"
    return None


def test_silent_and_slow_clients_cost_nobody_else_anything():
    why = has_openssl()
    if why:
        return why
    with House() as p, contextlib.ExitStack() as held:
        p.us.start()
        token = p.us.run("token", "new", "other").stdout.strip()
        silent = [held.enter_context(socket.create_connection(("127.0.0.1", p.us.api), timeout=30)) for _ in range(80)]
        silent[0].sendall(b"\x16\x03\x01")  # the begin of a hello, and never the rest
        # Of one address 64 are kept, whoever comes after is let go at once; others, here at the socket, notice nothing.
        until("those above the limit are let go", lambda: len([s for s in silent if ended(s)]) >= 16)
        assert len([s for s in silent if ended(s)]) == 16
        assert p.us.run("status", "--json").returncode == 0
        until("whoever was silent is let go", lambda: all(ended(s) for s in silent), patience=40)
        assert ask(p.us, path="/v1/clauses", token=token)[0] == 200
    return None


def ended(connection):
    """Has the other side closed? What it may have said before, an alert, is read and dropped."""
    connection.setblocking(False)
    try:
        while connection.recv(4096):
            pass
        return True
    except BlockingIOError:
        return False
    except ConnectionError:
        return True
