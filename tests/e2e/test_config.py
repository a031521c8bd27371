"""mithaq config check: good and bad homes, in both languages."""
import json

from gateways import Pair


def check(party, lang="en", *words):
    done = party.run("config", "check", *words, lang=lang, check=False)
    return done.returncode, done.stdout


def test_a_home_in_order_is_said_to_be():
    with Pair() as p:
        for lang, word in (("en", "ok "), ("ar", "سليم")):
            code, said = check(p.kw, lang)
            assert code == 0, said
            assert all(line.startswith(word) for line in said.splitlines()[:-1]), said
        code, said = check(p.kw, "en", "--json")
        assert code == 0 and json.loads(said)["ok"] is True


def spoil_mode(p):
    path = p.kw.home / "keys/log.key"
    path.chmod(0o644)
    return path


def spoil_key(p):
    """The receipt key in the place of the log key: each is whole, and the core would stop at its first signature."""
    path = p.kw.home / "keys/log.key"
    path.write_bytes((p.kw.home / "keys/receipt.key").read_bytes())
    return path


def spoil_card(p):
    path = p.kw.home / "partners/cbp.us.example.card"
    path.write_text(path.read_text().replace("serial 1", "serial 2"))
    return path


def spoil_agreement(p):
    path = next((p.kw.home / "agreements").iterdir())
    path.write_bytes(path.read_bytes()[:-40])
    return path


def spoil_statement(p):
    path = p.kw.home / "mithaq.yaml"
    path.write_text(path.read_text().replace("FROM declarations", "FROM nowhere"))
    return f"{path}:6"


def spoil_configuration(p):
    path = p.kw.home / "mithaq.yaml"
    lines = path.read_text() + "watchword: open\n"
    path.write_text(lines)
    return f"{path}:{len(lines.splitlines())}"


def lose_certificate(p):
    path = p.kw.home / "keys/tls.pem"
    path.unlink()
    return path


def test_each_thing_that_is_off_is_named():
    for spoil in (spoil_mode, spoil_key, spoil_card, spoil_agreement, spoil_statement, spoil_configuration, lose_certificate):
        with Pair() as p:
            place = str(spoil(p))
            for lang, word in (("en", "OFF"), ("ar", "خلل")):
                code, said = check(p.kw, lang)
                off = [line for line in said.splitlines() if line.startswith(word)]
                assert code == 2, f"{spoil.__name__}: {said}"
                assert any(place in line for line in off), f"{spoil.__name__}: {said}"
            code, said = check(p.kw, "en", "--json")
            assert code == 2 and json.loads(said)["ok"] is False
