"""checks.py: what must hold once both gateways are quiet. Every check gives sentences about what is wrong; none is good.

The ledgers are read here by hand, straight from their tables and headers, and not with the gateway's own eyes.
"""
import sqlite3
import struct
import subprocess
from collections import Counter, defaultdict

import world
from world import gateways

QUERY, REPLY, HAS_RE = 16, 17, 1
LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
STATES = {1: "accepted", 2: "delivered", 3: "answered", 4: "refused", 5: "expired", 6: "failed"}
FINAL = {"answered", "refused", "expired", "failed", "lost"}
SANITIZER = ("AddressSanitizer", "runtime error:", "LeakSanitizer", "UndefinedBehavior", "stack smashing", "buffer overflow", "corrupted")
TOLD_MOST = 12
BUNDLES = 20


def id_of(mid):
    value = int.from_bytes(mid, "big")
    return "q_" + "".join(LETTERS[value >> 5 * at & 31] for at in range(25, -1, -1))


# ---- a ledger, read by hand ----


class Log:
    def __init__(self, row):
        self.id, self.channel, self.own, self.epoch = row
        self.entries = []


class Entry:
    """The fixed fields of a header (spec/entry.md) and `re` where there is one."""

    def __init__(self, commitment, header):
        self.commitment = commitment
        self.kind, flags, self.index, _, _, self.mid = struct.unpack_from(">BHQQQ16s", header)
        self.re = struct.unpack_from(">16sQ", header, 111) if flags & HAS_RE else None


class Ledger:
    def __init__(self, gateway):
        self.name = gateway.name
        db = sqlite3.connect(f"file:{gateway.data}/ledger.db?mode=ro", uri=True)
        self.logs = {row[0]: Log(row) for row in db.execute("SELECT id, channel, own, epoch FROM log ORDER BY id")}
        for log, index, commitment, header in db.execute("SELECT log, idx, commitment, header FROM entry ORDER BY id"):
            entry = Entry(commitment, header)
            assert entry.index == index == len(self.logs[log].entries), f"{self.name}: log {log} has entry {index} at {len(self.logs[log].entries)}"
            self.logs[log].entries.append(entry)
        self.exchanges = {(bool(ours), mid): STATES.get(state, state) for ours, mid, state in db.execute("SELECT ours, mid, state FROM exchange")}
        self.keys = {key.decode(): mid for key, mid in db.execute("SELECT key, mid FROM idempotency WHERE account = ?", (b"asks",))}
        db.close()

    def by_epoch(self, own):
        return {log.epoch: log for log in self.logs.values() if bool(log.own) == own}


# ---- what applications were told, against the ledger of their side ----


def check_promises(gateway, watch, ledger, _):
    for line in watch.doubles:
        yield f"{gateway.name}: key {line['key']} stood for {line['was']} and then for {line['id']}"
    for key, identity in watch.ids.items():
        mid = ledger.keys.get(key)
        if mid is None or id_of(mid) != identity:
            yield f"{gateway.name}: LOST: {identity} (key {key}) was accepted and its key is not in the ledger"
            continue
        state = ledger.exchanges.get((True, mid))
        if state not in FINAL:
            yield f"{gateway.name}: {identity} (key {key}) ended as {state}"
        told = watch.ends.get(key)
        if told is None:
            yield f"{gateway.name}: {identity} (key {key}): the application was never told its end ({state})"
        elif told["state"] != state and told["state"] != "refused here":
            yield f"{gateway.name}: {identity} (key {key}): told {told['state']}, the ledger says {state}"
    yield from check_values(gateway, watch)
    twice = [mid for mid, n in Counter(ledger.keys.values()).items() if n > 1]
    for mid in twice:
        yield f"{gateway.name}: {id_of(mid)} stands behind two keys"


def check_restored(gateway, watch, ledger, other):
    """A copy forgets keys and what never reached the partner, and nothing else."""
    known = {id_of(mid): state for (ours, mid), state in ledger.exchanges.items() if ours}
    partner = {id_of(mid) for ours, mid in other.exchanges if not ours}
    for key, identity in watch.ids.items():
        if identity in partner and known.get(identity) not in FINAL:
            yield f"{gateway.name}: {identity} (key {key}) reached the partner and is {known.get(identity, 'lost')} here"
    for key, end in watch.ends.items():
        state = known.get(end.get("id"))
        if state not in (None, end["state"]):
            yield f"{gateway.name}: {end['id']} (key {key}): told {end['state']}, the ledger says {state}"
    yield from check_values(gateway, watch)


def check_values(gateway, watch):
    for key, end in watch.ends.items():
        if end["state"] == "answered" and end["value"] != world.value_of(watch.asked[key]["number"]):
            yield f"{gateway.name}: {end['id']}: {watch.asked[key]['number']} was answered {end['value']!r}"


# ---- nothing twice ----


def check_once(ledgers):
    for asker, answerer in (ledgers, reversed(ledgers)):
        questions = Counter(e.mid for log in asker.by_epoch(True).values() for e in log.entries if e.kind == QUERY)
        for mid, n in questions.items():
            if n > 1:
                yield f"{asker.name}: {id_of(mid)} stands {n} times in its ledger"
        asked = {(log.epoch, e.index): e.mid for log in asker.by_epoch(True).values() for e in log.entries if e.kind == QUERY}
        replies = Counter()
        for log in answerer.by_epoch(True).values():
            for e in log.entries:
                if e.kind == REPLY and e.re not in asked:
                    yield f"{answerer.name}: a REPLY answers a question that {asker.name} does not have"
                elif e.kind == REPLY:
                    replies[asked[e.re]] += 1
        for mid, n in replies.items():
            if n > 1:
                yield f"{answerer.name}: DOUBLE: {id_of(mid)} was answered {n} times"
        for (ours, mid), state in asker.exchanges.items():
            if ours and state == "answered" and replies[mid] != 1:
                yield f"{asker.name}: {id_of(mid)} is answered, by {replies[mid]} REPLY entries"


# ---- both sides hold the same ----


def check_same(ledgers):
    for author, reader in (ledgers, reversed(ledgers)):
        written, held = author.by_epoch(True), reader.by_epoch(False)
        for epoch in held.keys() - written.keys():
            yield f"{reader.name} holds an epoch {epoch.hex()} that {author.name} does not have"
        for epoch, log in written.items():
            mine = [e.commitment for e in log.entries]
            theirs = [e.commitment for e in held[epoch].entries] if epoch in held else []
            if not theirs and all(e.kind < QUERY for e in log.entries):
                continue  # no message stands in it: the next epoch may go on from the one before
            if mine != theirs:
                yield f"{author.name}'s log {log.id} of {log.channel} has {len(mine)} entries, {reader.name} holds {len(theirs)}" + (
                    "" if mine[:len(theirs)] == theirs or theirs[:len(mine)] == mine else ", and they differ")


# ---- with the program's own eyes ----


def check_verify(gateway):
    done = gateway.run("log", "verify", check=False)
    if done.returncode != 0:
        yield f"{gateway.name}: mithaq log verify: code {done.returncode}: {(done.stdout + done.stderr).strip()[:2000]}"


def check_evidence(gateway, watch, draw, top):
    """Some answered exchanges leave as bundles, and the bundles verify."""
    answered = [end["id"] for end in watch.ends.values() if end["state"] == "answered"]
    for identity in draw.sample(answered, min(BUNDLES // 2, len(answered))):
        bundle = top / f"{identity}.mithaq"
        status, _, content = gateway.http("GET", f"/v1/queries/{identity}/evidence", token=gateway.ask_token)
        if status != 200:
            yield f"{gateway.name}: no evidence of {identity}: {status} {content}"
            continue
        bundle.write_bytes(content)
        done = subprocess.run([gateways.BINARY, "verify", str(bundle)], capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            yield f"{gateway.name}: the evidence of {identity} does not verify: {done.stdout[-300:]}{done.stderr[-300:]}"


# ---- what was left behind ----


def check_left(top):
    for path in list(top.rglob("core")) + list(top.rglob("core.*")):
        if path.is_file():
            yield f"a core dump: {path}"


def check_journal(gateway, allowed):
    """Errors, and words of no journal; `allowed` are codes that the faults of this run explain."""
    seen = Counter()
    for line in gateway.journal_lines():
        text = f"{line.get('process', '')} {line.get('code', '')}: {line.get('text', '')}"
        if line["level"] == "raw" and line["text"].startswith("{"):
            continue  # a process was killed in the middle of its line
        if line["level"] == "raw" or any(word in text for word in SANITIZER):
            seen[f"unexpected: {line['text'][:200]}"] += 1
        elif line.get("code") == "promise" or line["level"] == "error" and line.get("code") not in allowed:
            seen[text[:200]] += 1
    for text, n in seen.items():
        yield f"{gateway.name}: journal, {n} times: {text}"


# ---- all ----


def counted(watch, ledger):
    states = Counter(state for (ours, _), state in ledger.exchanges.items() if ours)
    return {"keys": len(watch.asked), "accepted": len(watch.ids), **states}


def shortened(faults):
    """The first of each kind, and how many more."""
    kinds = defaultdict(list)
    for text in faults:
        kinds[" ".join(word for word in text.split() if not any(c.isdigit() for c in word))[:60]].append(text)
    for texts in kinds.values():
        yield from texts[:TOLD_MOST]
        if len(texts) > TOLD_MOST:
            yield f"... and {len(texts) - TOLD_MOST} more of that kind"
