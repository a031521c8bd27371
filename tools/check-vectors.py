#!/usr/bin/python3
"""Checks spec/vectors/entry.txt with an implementation of spec/entry.md, and of three frames of spec/wire.md, of its own
(standard library only).

    check-vectors.py [FILE]          exit 1 at the first line that differs
    check-vectors.py --fill [FILE]   writes the lines that begin with "= " anew
"""
import hashlib
import os
import re
import struct
import sys
import unicodedata

MONTH_MS = 30 * 24 * 3600 * 1000
BLOCK = 1 << 20
PADDED_KINDS = (16, 17, 20)
RE_MUST, RE_NEVER = (17, 21), (0, 1, 2, 3, 4, 5, 6, 10, 12, 16, 19, 20)


class Refused(Exception):
    pass


def sha(*pieces):
    return hashlib.sha256(b"".join(pieces)).digest()


def tree(leaves):
    """RFC 6962 section 2.1 over leaf hashes."""
    if not leaves:
        return sha()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha(b"\x01", tree(leaves[:k]), tree(leaves[k:]))


def part_commit(salt, body):
    blocks = [sha(b"\x00", body[i:i + BLOCK]) for i in range(0, len(body), BLOCK)]
    return sha(b"mithaq/part/v1\n", salt, struct.pack(">Q", len(body)), tree(blocks))


def header_write(h):
    out = struct.pack(">BHQQQ", h["kind"], h["flags"], h["index"], h["time_ms"], h["not_after_ms"])
    out += h["mid"] + h["agreement"] + struct.pack(">HQ", h["clause"], h["aseq"])
    out += h["seen_epoch"] + struct.pack(">QH", h["seen_size"], h["status"])
    if h["re"]:
        epoch, index, leaf = h["re"]
        out += epoch + struct.pack(">Q", index) + leaf
    out += bytes([len(h["parts"])])
    for p in h["parts"]:
        out += bytes([p["type"], p["retention"], p["placement"], 0]) + part_commit(p["salt"], p["body"])
    attrs = b"".join(struct.pack(">HH", t, len(v)) + v for t, v in h["attrs"])
    return out + struct.pack(">H", len(attrs)) + attrs


def refuse_if(wrong, why):
    if wrong:
        raise Refused(why)


def header_read(wire):
    """The rules of spec/entry.md, "What every reader checks"; raises Refused."""
    at = 0

    def take(n):
        nonlocal at
        refuse_if(at + n > len(wire), "short")
        at += n
        return wire[at - n:at]

    def number(n):
        return int.from_bytes(take(n), "big")

    refuse_if(len(wire) > 4096, "longer than 4096")
    kind, flags, _, time_ms, not_after = number(1), number(2), number(8), number(8), number(8)
    mid, agreement, clause, aseq = take(16), take(32), number(2), number(8)
    seen_epoch, seen_size, status = take(16), number(8), number(2)
    if flags & 1:
        take(56)
    count = number(1)
    refuse_if(count > 8, "more than 8 parts")
    for _ in range(count):
        _, retention, placement, zero = take(4)
        take(32)
        refuse_if(retention > 15 or placement > 2 or zero, "part")
    end = number(2) + at
    last, count = -1, 0
    while at < end:
        kind_of, length = number(2), number(2)
        take(length)
        refuse_if(kind_of <= last, "attributes out of order")
        last, count = kind_of, count + 1
        refuse_if(count > 8, "more than 8 attributes")
    refuse_if(at != end or at != len(wire), "length")
    refuse_if(flags & ~7, "flags")
    refuse_if(status and kind != 17, "status")
    refuse_if(seen_size and not any(seen_epoch), "seen")
    refuse_if(kind in RE_MUST and not flags & 1, "re is missing")
    refuse_if(kind in RE_NEVER and flags & 1, "re is not for this kind")
    if kind < 16:
        refuse_if(not_after or clause or aseq or any(mid), "a control entry has no life, clause, aseq or mid")
        refuse_if(any(agreement) and not 3 <= kind <= 6, "agreement")
    else:
        refuse_if(not any(mid) or not any(agreement), "mid or agreement")
        refuse_if(not time_ms < not_after <= time_ms + MONTH_MS, "not_after")


def record_write(fields):
    out = b"\x01" + struct.pack(">H", len(fields))
    for name, value in sorted((n.encode(), v.encode()) for n, v in fields):
        assert re.fullmatch(rb"[a-z][a-z0-9-]{0,47}", name) and unicodedata.is_normalized("NFC", value.decode())
        out += struct.pack(">H", len(name)) + name + b"\x01" + struct.pack(">H", len(value)) + value
    return out


def frame_write(h, header):
    payload = struct.pack(">H", h["log"]) + h["header_salt"] + struct.pack(">H", len(header)) + header
    payload += parts_inline(h)
    if h["kind"] in PADDED_KINDS:
        payload += bytes(min(s for s in (1024, 4096, 16384, 32768) if s >= len(payload)) - len(payload))
    return frame_of(2, payload)


def parts_inline(h):
    return b"".join(p["salt"] + struct.pack(">H", len(p["body"])) + p["body"] for p in h["parts"] if p["placement"] == 0)


def row_write(form, h):
    """A row of RANGE: how much of an entry is shown is its form."""
    header = header_write(h)
    opened = h["header_salt"] + struct.pack(">H", len(header)) + header
    bare = b"\x01" + sha(b"mithaq/header/v1\n", h["header_salt"], header)
    code, row = {"full": (0, opened + parts_inline(h)), "purged": (1, opened), "bare": (2, bare)}[form]
    return struct.pack(">BI", code, len(row)) + row


def frame_of(kind, payload):
    return struct.pack(">IB", len(payload) + 1, kind) + payload


def get_write(lines):
    v = dict(lines)
    return frame_of(11, struct.pack(">H", len(v["origin"])) + v["origin"].encode() + struct.pack(">QQ", int(v["from"]), int(v["to"])))


def range_write(lines, entries):
    v = dict(lines)
    rows = [row_write(w.split(" ")[0], entries[w.split(" ")[1]]) for k, w in lines if k == "row"]
    size, root, signature = (0, bytes(32), bytes(64))
    if v["checkpoint"] != "none":
        size, root, signature = v["checkpoint"].split(" ")
        size, root, signature = int(size), hexed(root), hexed(signature)
    return frame_of(12, struct.pack(">H", len(v["origin"])) + v["origin"].encode() + struct.pack(">QH", int(v["from"]), len(rows))
                    + b"".join(rows) + struct.pack(">Q", size) + root + signature)


class Reading:
    """Bytes from the front; raises Refused at the end."""

    def __init__(self, wire):
        self.wire, self.at = wire, 0

    def take(self, n):
        refuse_if(self.at + n > len(self.wire), "short")
        self.at += n
        return self.wire[self.at - n:self.at]

    def number(self, n):
        return int.from_bytes(self.take(n), "big")

    def end(self):
        refuse_if(self.at != len(self.wire), "bytes are left")


def origin_read(r):
    length = r.number(2)
    refuse_if(not 1 <= length <= 260, "origin")
    r.take(length)


def get_read(wire):
    r = Reading(wire)
    origin_read(r)
    start, end = r.number(8), r.number(8)
    refuse_if(start >= end, "from and to")
    r.end()


def row_read(form, row, place):
    r = Reading(row)
    refuse_if(form > 2, "form")
    if form == 2:
        refuse_if(r.number(1) != 1, "version")
        r.take(32)
        return r.end()
    r.take(32)
    header = r.take(r.number(2))
    header_read(header)
    refuse_if(int.from_bytes(header[3:11], "big") != place, "place")
    count_at = 111 + 56 * (header[2] & 1)
    inline = 0
    for i in range(header[count_at] if form == 0 else 0):
        if header[count_at + 1 + 36 * i + 2] == 0:
            r.take(32)
            inline += len(r.take(r.number(2)))
    refuse_if(inline > 16384, "inline parts")
    return r.end()


def range_read(wire):
    r = Reading(wire)
    origin_read(r)
    start, n = r.number(8), r.number(2)
    refuse_if(n > 1024 or start + n >= 1 << 64, "number of rows")
    for i in range(n):
        form, length = r.number(1), r.number(4)
        row_read(form, r.take(length), start + i)
    size, rest = r.number(8), r.take(96)
    r.end()
    refuse_if(size == 0 and any(rest), "something of a checkpoint")
    refuse_if(size != 0 and size != start + n, "the checkpoint is of another size")


def hexed(text):
    return b"" if text == "-" else bytes.fromhex(text)


def entry_of(lines):
    h = {"parts": [], "attrs": [], "re": None}
    for key, value in lines:
        words = value.split(" ")
        if key == "part":
            h["parts"].append({"type": int(words[0]), "retention": int(words[1]), "placement": int(words[2]),
                               "salt": hexed(words[3]), "body": hexed(words[4])})
        elif key == "attr":
            h["attrs"].append((int(words[0]), hexed(words[1])))
        elif key == "re":
            h["re"] = None if value == "none" else (hexed(words[0]), int(words[1]), hexed(words[2]))
        elif key in ("mid", "agreement", "seen_epoch", "header_salt"):
            h[key] = hexed(value)
        elif key != "entry":
            h[key] = int(value)
    return h


def entry_results(lines, leaves, entries):
    h = entries[lines[0][1]] = entry_of(lines)
    header = header_write(h)
    header_read(header)
    commitment = sha(b"mithaq/header/v1\n", h["header_salt"], header)
    leaf = sha(b"\x00", b"\x01" + commitment)
    frame = frame_write(h, header)
    leaves.append(leaf)
    return [("part_commitment", part_commit(p["salt"], p["body"]).hex()) for p in h["parts"]] + [
        ("header", header.hex()), ("header_commitment", commitment.hex()), ("entry", "01" + commitment.hex()),
        ("leaf", leaf.hex()), ("frame_size", str(len(frame))), ("frame_hash", sha(frame).hex())]


READERS = {"header": header_read, "get": get_read, "range": range_read}


def results(lines, leaves, entries):
    kind, value = lines[0]
    if kind == "entry":
        return entry_results(lines, leaves, entries)
    if kind == "get":
        frame = get_write(lines)
        get_read(frame[5:])
        return [("frame", frame.hex())]
    if kind == "range":
        frame = range_write(lines, entries)
        range_read(frame[5:])
        return [("frame", frame.hex())]
    if kind == "record":
        return [("record", record_write([v.split(" ", 1) for k, v in lines if k == "field"]).hex())]
    if kind == "tree":
        return [("root", tree(leaves[:int(value)]).hex())]
    if kind == "reject":
        try:
            READERS[lines[1][0]](hexed(lines[1][1]))
        except Refused:
            return []
        raise SystemExit(f"check-vectors: {value} should be refused and was not")
    raise SystemExit(f"check-vectors: unknown block {kind}")


def pairs(block):
    return [tuple(line.split(": ", 1)) for line in block.split("\n") if line and not line.startswith(("#", "="))]


def main(arguments):
    fill = arguments[:1] == ["--fill"]
    here = os.path.dirname(os.path.abspath(__file__))
    path = arguments[fill] if len(arguments) > fill else os.path.join(here, "..", "spec", "vectors", "entry.txt")
    with open(path, encoding="utf-8") as f:
        blocks = f.read().rstrip("\n").split("\n\n")
    leaves, entries, written, checked = [], {}, [], 0
    for block in blocks:
        lines = pairs(block)
        want = [f"= {k}: {v}" for k, v in results(lines, leaves, entries)] if lines else []
        found = [line for line in block.split("\n") if line.startswith("=")]
        if not fill and found != want:
            raise SystemExit(f"check-vectors: {lines[0][1]}: found {found}, computed {want}")
        written.append("\n".join([line for line in block.split("\n") if not line.startswith("=")] + want))
        checked += bool(lines)
    if fill:
        with open(path, "w", encoding="utf-8") as f:
            f.write("\n\n".join(written) + "\n")
    print(f"check-vectors: {checked} vectors agree")


if __name__ == "__main__":
    main(sys.argv[1:])
