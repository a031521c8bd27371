#!/usr/bin/env python3
"""Plays a program of an earlier release against the present one, both ways round.

  tests/compat/run.py --with BINARY [NAME...]

BINARY is the program of the release before; the present one is MITHAQ_BINARY, else build-plain/src/mithaq. Each test prints
`ok NAME` or `FAIL NAME`.
"""
import sys
import time
import traceback

import golden
from golden import CLAUSE, KW, US, Pair
from gateways import BINARY, until


def ask(pair, number="2026-0000010", purpose="duty-assessment", check=True):
    return pair.us.query(CLAUSE, check=check, declaration=number, purpose=purpose)


def proved(pair, exchange):
    """Both sides' evidence, each judged by the other side's program."""
    for party, other in (pair.parties, pair.parties[::-1]):
        bundle = pair.top / f"{party.name}-{exchange}.mithaq"
        party.run("evidence", "export", exchange, "--out", bundle)
        other.run("verify", bundle)


def talk(pair):
    hit, miss = ask(pair), ask(pair, "2026-9999999")
    assert hit["result"] == "hit" and miss["result"] == "no-hit", (hit, miss)
    pair.wait_equal()
    proved(pair, hit["id"])
    proved(pair, miss["id"])
    return hit["id"]


def whole(pair):
    for party in pair.parties:
        party.stop()
        party.run("log", "verify", "--from-start")


def old_answers(old):
    with Pair(binaries={KW: old}) as pair:
        pair.start()
        talk(pair)
        whole(pair)


def old_asks(old):
    with Pair(binaries={US: old}) as pair:
        pair.start()
        talk(pair)
        whole(pair)


def upgraded(pair, party):
    """The present program takes over while the partner runs on."""
    party.stop()
    party.binary = BINARY
    party.run("upgrade", "--check")
    party.start()
    pair.wait_linked()


def one_after_the_other(old):
    """Both begin old; first one side is upgraded, then the other; every exchange of every stage stays proved."""
    for first in (KW, US):
        with Pair(binaries={KW: old, US: old}) as pair:
            pair.start()
            asked = [talk(pair)]
            for party in sorted(pair.parties, key=lambda p: p.name != first):
                upgraded(pair, party)
                asked.append(talk(pair))
            for exchange in asked:
                proved(pair, exchange)
            whole(pair)


def lost_and_fetched_back(old):
    """The present side is put back to an older copy; the old partner holds what it lost."""
    for side in (0, 1):
        with Pair(binaries={(US, KW)[side]: old}) as pair:
            party = pair.parties[side]
            pair.start()
            talk(pair)
            backup = pair.top / "old.backup"
            party.run("backup", backup)
            asked = [talk(pair) for _ in range(5)]
            party.stop()
            party.run("restore", backup, "--replace")
            party.start()
            pair.wait_linked()
            until("a question after the restore is answered",
                  lambda: pair.us.run("query", CLAUSE, "declaration=2026-0000010", "--purpose", "duty-assessment", check=False).returncode == 0)
            pair.wait_equal()
            for exchange in asked:
                proved(pair, exchange)
            whole(pair)


def a_newer_backup_is_refused_with_words(old):
    """Form 2 holds what the old program would leave out without a word; its own form is read here."""
    with Pair() as pair:
        (pair.us.home / "officers").write_text("Dana Example\n")
        pair.start()
        talk(pair)
        backup = pair.top / "new.backup"
        pair.us.run("backup", backup)
        pair.us.stop()
        pair.us.run("backup", "verify", backup)
        pair.us.binary = old
        for words in (("backup", "verify", backup), ("--home", pair.top / "elsewhere", "restore", backup)):
            done = pair.us.run(*words, check=False)
            assert done.returncode != 0 and "it was made by another version" in done.stderr, done
        assert not (pair.top / "elsewhere/mithaq.yaml").exists()


def golden_against_old(old):
    """A home that the old program left, taken over here, while the partner's stays with the old one."""
    for side in (KW, US):
        for version in golden.versions():
            with golden.Golden(version, binaries={side: old}) as pair:
                for party in pair.parties:
                    party.run("token", "new", "operator", "--cli")
                pair.start()
                done = pair.us.run("query", CLAUSE, "declaration=2026-0000001", "--purpose", "duty-assessment", "--json", check=False)
                assert '"state"' in done.stdout, done  # the provider's database did not come along: any end counts
                pair.wait_equal()
                whole(pair)


TESTS = (old_answers, old_asks, one_after_the_other, lost_and_fetched_back, a_newer_backup_is_refused_with_words, golden_against_old)


def main(words):
    if len(words) < 2 or words[0] != "--with":
        print(__doc__, file=sys.stderr)
        return 2
    failed = 0
    for test in TESTS:
        name = test.__name__.replace("_", " ")
        if words[2:] and not any(word in name for word in words[2:]):
            continue
        began = time.monotonic()
        try:
            test(words[1])
            print(f"ok {name} ({time.monotonic() - began:.1f} s)", flush=True)
        except Exception:
            failed += 1
            print(f"FAIL {name}\n{traceback.format_exc()}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
