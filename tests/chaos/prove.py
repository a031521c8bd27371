"""prove.py: the checks are tried out on what they must find. A check that stays silent about a tampered ledger fails the run."""
import contextlib

import checks
from checks import QUERY, REPLY


@contextlib.contextmanager
def changed(place, key, value):
    kept = place[key]
    place[key] = value
    yield
    place[key] = kept


@contextlib.contextmanager
def gone(place, key):
    kept = place.pop(key)
    yield
    place[key] = kept


@contextlib.contextmanager
def added(entries, one):
    entries.append(one)
    yield
    entries.pop()


def a_log_with(ledger, kind):
    for log in ledger.by_epoch(True).values():
        for e in log.entries:
            if e.kind == kind:
                return log, e
    raise LookupError(f"{ledger.name} has no entry of kind {kind}")


def tampered(gateway, watch, ledgers):
    """(what is done, how, the check that must notice)."""
    mine, other = ledgers
    key = next(k for k, end in watch.ends.items() if end["state"] == "answered")
    mid, end = mine.keys[key], watch.ends[key]
    asked, question = a_log_with(mine, QUERY)
    answering, reply = a_log_with(other, REPLY)

    def promises():
        return checks.check_promises(gateway, watch, mine, other)

    def restored():
        return checks.check_restored(gateway, watch, mine, other)

    def once():
        return checks.check_once(ledgers)

    def same():
        return checks.check_same(ledgers)

    yield "an accepted exchange is gone", gone(mine.keys, key), promises
    yield "an exchange never ends", changed(mine.exchanges, (True, mid), "accepted"), promises
    yield "another end than the application was told", changed(mine.exchanges, (True, mid), "failed"), promises
    yield "an application is never told", gone(watch.ends, key), promises
    yield "a key stands for two exchanges", added(watch.doubles, {"key": key, "was": "q_1", "id": "q_2"}), promises
    yield "a false answer", changed(end, "value", "another"), promises
    yield "lost by a restore although the partner has it", gone(mine.exchanges, (True, mid)), restored
    yield "a question stands twice", added(asked.entries, question), once
    yield "a question is answered twice", added(answering.entries, reply), once
    yield "an answer is gone", changed(reply.__dict__, "kind", 0), once
    yield "an entry never arrives", added(asked.entries, question), same
    yield "the two copies differ", changed(question.__dict__, "commitment", b"another"), same
    yield "an epoch with messages never arrives", changed(asked.__dict__, "epoch", b"another"), same


def unnoticed(gateway, watch, ledgers):
    for what, tampering, check in tampered(gateway, watch, ledgers):
        if list(check()):
            continue  # the run failed already, and says why
        with tampering:
            if not list(check()):
                yield f"the checks do not notice: {what}"
