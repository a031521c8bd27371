"""Wrong keys, wrong protocols, unknown agreements: refused, with words on both sides."""
import base64
import os
import shutil
import socket
import ssl

import gateways
from gateways import KW, US, Pair, until

CLAUSE = "customs/declaration-status"


def said_by(party, *words):
    return until(f"{party.name} says {words}", lambda: all(word in party.journal() for word in words))


def private_pem(seed_line):
    """A PKCS 8 file of a seed as `mithaq init` keeps it."""
    seed = base64.b64decode(seed_line.split()[2])
    der = bytes.fromhex("302e020100300506032b657004220420") + seed
    return "-----BEGIN PRIVATE KEY-----\n" + base64.b64encode(der).decode() + "\n-----END PRIVATE KEY-----\n"


def client(pair, alpn, with_key=True, version=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(alpn)
    if version:
        context.maximum_version = version
    if with_key:
        key = pair.top / "client.key"
        key.write_text(private_pem((pair.us.home / "keys/tls.key").read_text()))
        context.load_cert_chain(pair.us.home / "keys/tls.pem", key)
    return context


def tls_refused(pair, **how):
    """True when the listening side ends the session, at the handshake or with its first words."""
    with socket.create_connection(("127.0.0.1", pair.link_port), timeout=10) as plain:
        try:
            with client(pair, **how).wrap_socket(plain) as tls:
                tls.settimeout(10)
                return tls.recv(1) == b""
        except (ssl.SSLError, ConnectionError):
            return True


def test_a_wrong_key_is_refused_and_both_sides_say_why():
    with Pair() as p:
        p.us.run("--home", p.top / "other", "init", US)
        for name in ("tls.key", "tls.pem"):
            shutil.copy(p.top / "other/keys" / name, p.us.home / "keys" / name)
        p.kw.start()
        try:
            p.us.start()
        except AssertionError:
            # Refusing to start with a certificate that is not on the own card is an answer, too.
            assert "card" in p.us.journal() or "certificate" in p.us.journal(), p.us.journal()
            return
        said_by(p.kw, "not the one on its card")
        said_by(p.us, "partner refused our certificate")
        assert not p.us.linked()


def test_a_partner_with_another_key_than_on_its_card_is_refused():
    """The answering side shows a key that the asking side's copy of its card does not have."""
    with Pair() as p:
        other = p.top / "other"
        seeds = [w for letter in "ab" for w in (f"--root-seed-{letter}", p.top / f"{KW}.{letter}")]
        p.kw.run("--home", other, "init", KW, *seeds)
        shutil.copy(other / f"{KW}.card", p.us.home / f"partners/{KW}.card")
        for party in p.parties:
            party.start()
        said_by(p.us, "not the one on its card")
        said_by(p.kw, "refused our certificate")
        partner = p.us.status()["partners"][0]
        assert not partner["connected"] and "card" in partner["cause"], partner


def test_the_wrong_protocol_is_refused():
    with Pair() as p:
        p.kw.start()
        assert tls_refused(p, alpn=["http/1.1"])
        said_by(p.kw, "ALPN mithaq/1")
        assert tls_refused(p, alpn=None)
        assert tls_refused(p, alpn=["mithaq/1"], with_key=False)
        assert tls_refused(p, alpn=["mithaq/1"], version=ssl.TLSVersion.TLSv1_2)
        with socket.create_connection(("127.0.0.1", p.link_port), timeout=30) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
            plain.settimeout(30)
            while plain.recv(4096):
                pass
        p.us.start()
        p.wait_linked()


def test_the_right_protocol_and_key_are_taken():
    """The sibling of the test above: the same client, nothing wrong with it, is not refused."""
    with Pair() as p:
        p.kw.start()
        with socket.create_connection(("127.0.0.1", p.link_port), timeout=10) as plain:
            with client(p, ["mithaq/1"]).wrap_socket(plain) as tls:
                tls.settimeout(10)
                assert tls.selected_alpn_protocol() == "mithaq/1" and tls.version() == "TLSv1.3"


def test_garbage_inside_a_session_ends_it_and_not_the_gateway():
    with Pair() as p:
        p.kw.start()
        for junk in (b"\xff" * 64, b"\x00\x00\x00\x01\x02", b"\x7f\xff\xff\xff\x01", b"\x00\x00\x00\x05\x01abcd"):
            with socket.create_connection(("127.0.0.1", p.link_port), timeout=10) as plain:
                with client(p, ["mithaq/1"]).wrap_socket(plain) as tls:
                    tls.settimeout(30)
                    try:
                        tls.sendall(junk)
                        while tls.recv(4096):
                            pass
                    except (ssl.SSLError, ConnectionError):
                        pass
        p.us.start()
        p.wait_linked()
        assert p.us.query(CLAUSE, declaration="2026-0000001", purpose="duty-assessment")["state"] == "answered"


def test_an_agreement_that_one_side_does_not_hold_is_no_error_and_not_in_force():
    for holder in (US, KW):
        with Pair(activate=(holder,)) as p:
            p.start()
            done = p.us.run("query", CLAUSE, "declaration=2026-0000001", "--purpose", "duty-assessment", "--json", check=False)
            assert done.returncode in (3, 4), f"held by {holder} alone: {done.returncode} {done.stdout}{done.stderr}"
            other = p.kw if holder == US else p.us
            other.run("agreement", "activate", p.signed)
            other.stop()
            other.start()
            p.wait_linked()
            until("the agreement is in force", lambda: p.us.run("query", CLAUSE, "declaration=2026-0000001", "--purpose", "duty-assessment",
                                                                check=False).returncode == 0)


def test_an_agreement_with_one_signature_is_not_activated():
    with Pair() as p:
        half = p.top / "half.signed"
        p.kw.run("agreement", "sign", p.top / "draft.yaml", "--root", p.kw.home / "root/root-b.key", "--out", half)
        done = p.us.run("agreement", "activate", half, check=False)
        assert done.returncode == 2, done.stderr
        changed = p.top / "changed.signed"
        changed.write_bytes(p.signed.read_bytes().replace(b"per-day: 500", b"per-day: 501"))
        done = p.us.run("agreement", "activate", changed, check=False)
        assert done.returncode == 2, done.stderr
        assert len(list((p.us.home / "agreements").glob("*.agreement"))) == 1


def test_secrets_that_others_may_read_are_refused():
    with Pair() as p:
        for name in ("log.key", "receipt.key", "tls.key"):
            path = p.kw.home / "keys" / name
            assert path.stat().st_mode & 0o777 == 0o600
            os.chmod(path, 0o644)
            code, said = p.kw.serve_refused()
            assert code != 0 and name in said and "0600" in said, f"{name}: {code} {said}"
            os.chmod(path, 0o600)
        root = p.kw.home / "root/root-a.key"
        os.chmod(root, 0o640)
        done = p.kw.run("agreement", "sign", p.top / "draft.yaml", "--root", root, "--out", p.top / "never", check=False)
        assert done.returncode != 0 and "0600" in done.stderr, done.stderr
        assert not (p.top / "never").exists()
        p.kw.start()


def test_a_configuration_with_an_unknown_key_is_refused_with_its_line():
    with Pair() as p:
        path = p.kw.home / "mithaq.yaml"
        good = path.read_text()
        path.write_text(good + "colour: green\n")
        code, said = p.kw.serve_refused()
        line = good.count("\n") + 1
        assert code == 2 and f"mithaq.yaml:{line}:" in said and "colour" in said, said


def test_a_key_that_is_not_on_our_card_signs_nothing():
    with Pair() as p:
        keys = p.us.home / "keys"
        right = (keys / "log.key").read_bytes()
        (keys / "log.key").write_bytes((keys / "receipt.key").read_bytes())
        p.kw.start()
        p.us.ready = lambda: "not the key on our own card" in p.us.journal()
        p.us.start()
        del p.us.ready
        until("the core stays down", lambda: not any("core" in name for name, _ in p.us.children()))
        assert p.us.run("query", CLAUSE, "declaration=2026-0000007", "--purpose", "duty-assessment", check=False).returncode != 0
        p.us.stop()
        (keys / "log.key").write_bytes(right)
        p.us.start()
        p.wait_linked()
        until("a question with the right key", lambda: p.us.query(CLAUSE, declaration="2026-0000007", purpose="duty-assessment")["state"] == "answered")
