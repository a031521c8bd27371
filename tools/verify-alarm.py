#!/usr/bin/env python3
"""Verifies an ALARM file (spec/evidence.md, section 7), on top of tools/verify.py and like it without code of libmithaq.
    verify-alarm.py FILE    prints PROVED or NOT PROVED, code, party, origin, size, both roots, fingerprint; exit 0, or 7 when nothing is proved
"""
import re, sys
from verify import FAILURES, NAME, PARTY, b64, card_read, decimal, need, note_read, revoked, sha, signed, tar_read

TEXT = re.compile(r"mithaq/alarm/1\ncode (fork|root|structure|signature|tally|[0-9]+)\ntime (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)\n"
                  r"kept-by (\S+)\nsaid-by (\S+)\nabout (\S+)\nchannel (\S+)\nbecause ([^\n]*)\n")


def checkpoint(raw):
    text, lines = note_read(raw)
    m = re.fullmatch(r"([^\n]{1,259})\n([0-9]+)\n(\S+)\n", text)
    need(m, "checkpoint")
    return text, lines, m[1], decimal(m[2]), b64(m[3], 32)


def proof(files, card, about):
    """Origin, size and both roots, when two notes of one log contradict each other under the card's key; else why not."""
    try:
        one, other = checkpoint(files["note/1"]), checkpoint(files["note/2"])
    except (KeyError, *FAILURES):
        return "it does not hold two signed checkpoints"
    author, word, reader, channel, epoch = (one[2].split("/") + [""] * 5)[:5]
    if one[2] != other[2] or author != about or word != "mithaq" or not re.fullmatch("[0-9a-f]{32}", epoch):
        return "not of one log of the party on the card"
    key = card["log"].get(channel, card["log"].get("*"))
    for text, lines, origin, size, root in (one, other):
        if key is None or all(signed(text, line, origin, 1, key) is None for line in lines):
            return "not signed by the log key on the card"
    if revoked([card], key, {"epoch": bytes.fromhex(epoch), "size": one[3]}):
        return "the key is revoked for that place"
    return (one[2], one[3], one[4], other[4]) if one[3] == other[3] and one[4] != other[4] else "they do not contradict each other"


def verify(data):
    need(len(data) <= 65536, "size")
    rows = tar_read(data)
    need([r[0] for r in rows] == [n for n in ("alarm", "note/1", "note/2", "card") if n in dict(rows)] and all(r[1] for r in rows), "files")
    files = dict(rows)
    need("alarm" in files and "card" in files, "files")
    m = TEXT.fullmatch(files["alarm"].decode())
    need(m and all(PARTY.match(m[i]) for i in (3, 4, 5)) and (m[6] == "-" or NAME.match(m[6])), "alarm")
    card = card_read(files["card"])
    need(card["party"] == m[5], "card")
    return m[1], m[3], m[5], " ".join(re.findall("....", sha(*card["roots"]).hex())), proof(files, card, m[5]) if m[1] == "fork" else "it does not tell who is at fault"


def main(argv):
    if len(argv) != 2:
        sys.exit(__doc__)
    try:
        code, kept_by, about, fingerprint, found = verify(open(argv[1], "rb").read())
    except FAILURES as why:
        print("verify-alarm.py: %s is broken: %s" % (argv[1], why), file=sys.stderr)
        return 7
    if isinstance(found, str):
        print("NOT PROVED  %s  %s  %s; a record by %s" % (code, about, found, kept_by))
        return 7
    print("PROVED  %s  %s  %s  %d  %s  %s  %s" % (code, about, found[0], found[1], found[2].hex(), found[3].hex(), fingerprint))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
