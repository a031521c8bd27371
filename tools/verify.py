#!/usr/bin/env python3
"""Verifies a mithaq evidence bundle: a second, independent reading of spec/evidence.md.
    verify.py BUNDLE [--agreement FILE] [--card FILE]...   prints each claim's name and values; exit 0, or 7 when the bundle is broken
    verify.py --batch FILE                                 FILE holds (u32 length, bundle) again and again; one line each

It shares no code with libmithaq and needs only PyNaCl. It does not judge whether a question was inside its clause.
"""
import base64, datetime, hashlib, re, struct, sys, unicodedata
from nacl.bindings import crypto_sign_open

ROLES = {"genesis": 0, "agree": 3, "tally": 12, "question": 16, "answer": 17}
STATUS = "ok no-hit refused expired error unsupported suspended postponed needs-information unknown".split()
PARTY = re.compile(r"(?=.{1,128}\Z)L(\.L){0,3}\Z".replace("L", "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"))
NAME = re.compile(r"(?!.*--)[a-z]([a-z0-9-]{0,46}[a-z0-9])?\Z")
UNSEEN = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]")
CARD = re.compile(r"mithaq/keys/1\nparty (\S+)\nenvironment (live|test)\nserial ([1-9][0-9]*)\n(previous \S+\n)?valid (\S+) (\S+)\nroot (\S+) (\S+)\n"
                  r"((?:tls \S+\n){1,4})((?:log \S+ \S+\n)+)((?:receipt \S+ \S+\n)+)((?:revoked \S+ \S+ \S+\n)*)")

FAILURES = (ValueError, struct.error, IndexError)  # ours, or a decoder's that met the end or a foreign byte

def need(condition, why):
    if not condition:
        raise ValueError(why)
def sha(*pieces):
    return hashlib.sha256(b"".join(pieces)).digest()
def b64(text, size=None):
    raw = base64.b64decode(text, validate=True)
    need(base64.b64encode(raw).decode() == text and size in (None, len(raw)), "base 64")
    return raw
def decimal(text):
    need(re.fullmatch(r"0|[1-9][0-9]{0,19}", text) and int(text) < 1 << 64, "number")
    return int(text)
# ---- ustar, signed notes, trees ----
def tar_block(name, size):
    head = name.ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2 + b"%011o\0" % size + b"0" * 11 + b"\0"
    tail = b"0" + bytes(100) + b"ustar\0" + b"00" + bytes(64) + b"0000000\0" * 2 + bytes(167)
    return head + b"%06o\0 " % (sum(head) + 8 * 32 + sum(tail)) + tail
def tar_read(data):
    files, at = [], 0
    while data[at:at + 512] != bytes(512):
        name, digits = data[at:at + 100].split(b"\0")[0], data[at + 124:at + 135]
        need(re.fullmatch(rb"[a-z0-9./-]{1,99}", name) and re.fullmatch(rb"[0-7]{11}", digits), "tar header")
        size, body = int(digits, 8), at + 512
        need(data[at:body] == tar_block(name, size), "tar header")
        at = body + (size + 511) // 512 * 512
        need(len(data) >= at and not any(data[body + size:at]), "tar padding")
        files.append((name.decode(), data[body:body + size]))
    need(data[at:] == bytes(1024) and len(data) <= (4 << 20) - 4096, "tar end")
    return files
def note_read(raw):
    text = raw.decode()
    need(not re.search(r"[\x00-\x09\x0b-\x1f]", text) and "\n\n" in text and text.endswith("\n"), "note")
    cut = text.rindex("\n\n") + 1
    lines = [re.fullmatch(r"\u2014 ([^\s+]+) (\S+)", line) for line in text[cut + 1:-1].split("\n")]
    need(len(lines) <= 8 and all(lines), "signature line")
    return text[:cut], [(m[1], b64(m[2])) for m in lines]
def signed(text, line, name, kind, key):
    """The time of a cosignature, 0 for a plain signature by this key, None when it is not by it."""
    if line[0] != name or line[1][:4] != sha(name.encode(), b"\n", bytes([kind]), key)[:4] or len(line[1]) != (68 if kind == 1 else 76):
        return None
    time = int.from_bytes(line[1][4:-64], "big")
    message = text.encode() if kind == 1 else b"cosignature/v1\ntime %d\n" % time + text.encode()
    try:
        return time if crypto_sign_open(line[1][-64:] + message, key) == message else None
    except Exception:  # PyNaCl's BadSignatureError, or a ValueError for a key of another size
        return None
def root_of(leaf, index, size, path):
    """Back from PATH(m, D[n]) of RFC 6962, 2.1.1: its last step joins the two largest subtrees."""
    need(index < size and bool(path) == (size > 1), "inclusion path")
    if size == 1:
        return leaf
    k = 1 << (size - 1).bit_length() - 1
    pair = (root_of(leaf, index, k, path[:-1]), path[-1]) if index < k else (path[-1], root_of(leaf, index - k, size - k, path[:-1]))
    return sha(b"\1", *pair)
# ---- records: header, tally, fields, card ----
def header_read(raw):
    names = "kind flags index time not_after mid agreement clause aseq seen_epoch seen_size status".split()
    h = dict(zip(names, struct.unpack(">BHQQQ16s32sHQ16sQH", raw[:111])))
    h["re"] = struct.unpack(">16sQ32s", raw[111:167]) if h["flags"] & 1 else None
    at = 111 + 56 * (h["flags"] & 1)
    end = at + 1 + 36 * raw[at]
    h["parts"] = list(struct.iter_unpack(">BBBB32s", raw[at + 1:end]))
    need(raw[at] <= 8 and len(raw) == end + 2 + int.from_bytes(raw[end:end + 2], "big") <= 4096, "header length")
    h["attrs"], at = {}, end + 2
    while at < len(raw):
        kind, n = struct.unpack(">HH", raw[at:at + 4])
        need(kind > max(h["attrs"], default=-1) and at + 4 + n <= len(raw), "attribute")
        h["attrs"][kind], at = raw[at + 4:at + 4 + n], at + 4 + n
    need(len(h["attrs"]) <= 8 and not any(p[3] for p in h["parts"]), "header")
    need(h["flags"] < 8 and (h["kind"] == 17 or not h["status"]) and (h["kind"] != 17 or h["re"]), "header")
    control, zero = h["kind"] < 16, [h["not_after"], h["clause"], h["aseq"], any(h["mid"]), h["kind"] not in (3, 4, 5, 6) and any(h["agreement"])]
    need(not any(zero) if control else 0 < h["not_after"] - h["time"] <= 30 * 86400000 and any(h["mid"]), "header")
    return h
def fields_read(raw):
    """The record as a dictionary, or None when it is no record."""
    rows, at = {}, 3
    try:
        for _ in range(int.from_bytes(raw[1:3], "big")):
            n, = struct.unpack(">H", raw[at:at + 2])
            form, v = struct.unpack(">BH", raw[at + 2 + n:at + 5 + n])
            name, text, at = raw[at + 2:at + 2 + n].decode(), raw[at + 5 + n:at + 5 + n + v].decode(), at + 5 + n + v
            need(form == 1 and NAME.match(name) and name > max(rows, default="") and v <= 8192, "field")
            need(unicodedata.is_normalized("NFC", text) and not UNSEEN.search(text), "field")
            rows[name] = text
        return rows if raw[0] == 1 and at == len(raw) and len(rows) <= 64 else None
    except FAILURES:
        return None
def tally_read(h):
    raw = h["attrs"].get(6, b"")
    need(len(raw) >= 16 and len(raw) % 48 == 16, "tally")
    return raw[:16], {agreement: (n, last) for agreement, n, last in struct.iter_unpack(">32sQQ", raw[16:])}
def card_read(raw):
    text, lines = note_read(raw)
    m = CARD.fullmatch(text)
    need(m and PARTY.match(m[1]) and len(raw) <= 16384, "card")
    card = {"party": m[1], "live": m[2] == "live", "serial": decimal(m[3]), "days": (m[5], m[6]), "roots": [b64(m[7], 32), b64(m[8], 32)]}
    card["previous"], card["id"] = b64(m[4].split()[1], 32) if m[4] else bytes(32), sha(text.encode())
    for word, block in (("log", m[10]), ("receipt", m[11])):
        card[word] = {channel: b64(key, 32) for _, channel, key in map(str.split, block.splitlines())}
    card["revoked"] = [(b64(key, 32), epoch, decimal(size)) for _, key, epoch, size in map(str.split, m[12].splitlines())]
    signers = [[k for k in card["roots"] if signed(text, line, m[1] + "/root", 1, k) is not None] for line in lines]
    need(all(signers) and len({s[0] for s in signers}) == len(lines), "card signature")
    return dict(card, signers=[s[0] for s in signers])
def key_of(card, word, channel):
    return card[word].get(channel, card[word].get("*"))
def keys_of(ring, word, channel):
    """Each key that the party ever had for this channel, the latest first."""
    keys = [key_of(card, word, channel) for card in reversed(ring)]
    return [k for i, k in enumerate(keys) if k and k not in keys[:i]]
def revoked(ring, key, item):
    """Of several cards that revoke the key the latest speaks: it counts in the epochs named there, up to the sizes named."""
    for card in reversed(ring):
        lines = [(epoch, size) for k, epoch, size in card["revoked"] if k == key]
        if lines:
            return all(epoch != item["epoch"].hex() or item["size"] > size for epoch, size in lines)
    return False
def succeeds(held, later):
    follows = later["serial"] > held["serial"] and (later["serial"] > held["serial"] + 1 or later["previous"] == held["id"])
    return follows and (held["party"], held["live"]) == (later["party"], later["live"]) and any(s in held["roots"] for s in later["signers"])
def vouches(later, held):
    return later["previous"] == held["id"] if later["serial"] == held["serial"] + 1 else any(s in later["roots"] for s in held["signers"])
def ring_check(ring, roots):
    """The anchor: the card with the agreement's own roots. The cards after it succeed each other, those before it are vouched for as well."""
    anchor = [i for i, card in enumerate(ring) if card["roots"] == roots]
    need(anchor, "roots")
    for i, (held, later) in enumerate(zip(ring, ring[1:])):
        need(succeeds(held, later) and (i >= anchor[0] or vouches(later, held)), "succession of cards")
    return ring[anchor[0]]
# ---- the bundle ----
def item_read(files, number, role):
    def sees(leaf):
        return files and files[0][0] == "items/%04d/%s" % (number, leaf)
    def take(leaf, size=None):
        need(sees(leaf) and size in (None, len(files[0][1])), "items/%04d/%s" % (number, leaf))
        return files.pop(0)[1]
    raw, salt = take("header"), take("salt", 32)
    item = {"h": header_read(raw), "body": {}, "signed": None, "receipt": None, "stale": False, "leaf": sha(b"\0\1", sha(b"mithaq/header/v1\n", salt, raw))}
    need(item["h"]["kind"] == ROLES[role], "role")
    for k, part in enumerate(item["h"]["parts"]):
        if sees("part-%d" % k):
            body = item["body"][k] = take("part-%d" % k)
            need(len(body) <= 16384, "part size")  # far below a block of 1 MiB: its tree is one leaf
            root = sha(b"\0", body) if body else sha()
            need(sha(b"mithaq/part/v1\n", take("part-%d.salt" % k, 32), struct.pack(">Q", len(body)), root) == part[4], "part commitment")
    bare = sees("place")  # nobody signed this checkpoint
    head, rest = take("place" if bare else "proof").split(b"\n\n", 1)
    head = head.decode().split("\n")
    need(len(head) >= 2 and head[0] == ("mithaq/place/1" if bare else "c2sp.org/tlog-proof@v1") and head[1].startswith("index "), "proof")
    item["text"], item["lines"] = (rest.decode(), []) if bare else note_read(rest)
    m = re.fullmatch(r"([^\n]{1,259})\n([0-9]+)\n(\S+)\n", item["text"])
    need(m and len(head) <= 66 and decimal(head[1][6:]) == item["h"]["index"], "checkpoint")
    item["name"], item["size"], item["root"], item["origin"] = m[1], decimal(m[2]), b64(m[3], 32), m[1].split("/")
    o = item["origin"]
    need(len(o) == 5 and PARTY.match(o[0]) and o[1] == "mithaq" and PARTY.match(o[2]) and NAME.match(o[3]) and re.fullmatch("[0-9a-f]{32}", o[4]), "origin")
    need(root_of(item["leaf"], item["h"]["index"], item["size"], [b64(line, 32) for line in head[2:]]) == item["root"], "inclusion")
    return dict(item, epoch=bytes.fromhex(o[4]))
def line_take(item, lines, ring, word, name, kind):
    """The time and the key of the first line, when it is by a key of this ring."""
    for key in keys_of(ring, word, item["origin"][3]) if lines else []:
        time = signed(item["text"], lines[0], name, kind, key)
        if time is not None:
            lines.pop(0)
            return time, key
    return None, None
def lines_check(item, author, reader):
    """The author's line, then the reader's; each may be missing, nothing else may stand there. `signed` is None, or whether it counts."""
    lines = list(item["lines"])
    _, key = line_take(item, lines, author, "log", item["name"], 1)
    if key:
        item["signed"] = not revoked(author, key, item)
    time, key = line_take(item, lines, reader, "receipt", item["origin"][2] + "/receipt", 4)
    if key:
        item["stale"] = revoked(reader, key, item)
        item["receipt"] = None if item["stale"] else time
    need(not lines, "signature")
def genesis_names(genesis, item):
    named = genesis["h"]["attrs"].get(1, b"")[:56] == item["epoch"] + struct.pack(">Q", item["size"]) + item["root"]
    return named and genesis["h"]["kind"] == 0 and genesis["origin"][0] == item["origin"][0]
def items_check(items, cards, agreement_id):
    for i, item in enumerate(items):
        o, h = item["origin"], item["h"]
        need(o[0] in cards and o[2] in cards and o[0] != o[2] and o[3] == items[0]["origin"][3], "parties")
        need(i == 0 or (items[i - 1]["name"], items[i - 1]["h"]["index"]) < (item["name"], h["index"]), "order")
        lines_check(item, cards[o[0]], cards[o[2]])
        need(all((x["name"], x["size"]) != (item["name"], item["size"]) or x["root"] == item["root"] for x in items[:i]), "fork")
        need(h["index"] == 0 if h["kind"] == 0 else agreement_id in tally_read(h)[1] if h["kind"] == 12 else h["agreement"] == agreement_id, "agreement")
    for count in (False, True):  # first whether it leads to any signature at all, then whether to one that counts
        covered = [x for x in items if x["signed"] or (x["signed"] is False and not count)]
        for genesis in covered:  # grows while it is walked: each step goes back one epoch
            covered += [x for x in items if x not in covered and genesis_names(genesis, x)]
        need(count or len(covered) == len(items), "coverage")
    for x in items:
        x["covered"] = x in covered
def roots_of(text, party):
    """The two keys below this party's own name, and nowhere else in the text."""
    parties = re.search(r"^parties:\n((?: .*\n|\n|#.*\n)*)", text, re.M)
    rows = re.findall(r"^  (\S+):[ ]*\n((?:   .*\n|\n|#.*\n)*)", parties[1] if parties else "", re.M)
    blocks = [block for name, block in rows if name.strip("'\"") == party]
    need(len(rows) == 2 and len(blocks) == 1, "parties")
    keys = re.findall(r"root-([ab]) ([0-9a-f]{64})\b", blocks[0])
    need([k[0] for k in keys] == ["a", "b"], "roots")
    return [k[1] for k in keys]
def agreement_check(raw, rings):
    text, lines = note_read(raw)
    need(text.startswith("mithaq: agreement/1\n") and sorted(n for n, _ in lines) == sorted(p + "/root" for p in rings), "agreement")
    anchors = {}
    for line in lines:
        party, roots = line[0][:-5], [bytes.fromhex(k) for k in roots_of(text, line[0][:-5])]
        need(any(signed(text, line, line[0], 1, k) is not None for k in roots), "agreement signature")
        need(all(("\nenvironment: live\n" in text) == card["live"] for card in rings[party]), "environment")
        anchors[party] = ring_check(rings[party], roots)
    name = re.search(r"^id: *['\"]?([^'\"\n]*)", text, re.M)
    return text, sha(text.encode()), name[1].strip() if name else "?", anchors
def rings_read(notes):
    """Both parties' cards, ascending by party and serial."""
    cards = [card_read(raw) for raw in notes]
    need(len(cards) <= 64 and all((x["party"], x["serial"]) < (y["party"], y["serial"]) for x, y in zip(cards, cards[1:])), "cards")
    rings = {party: [card for card in cards if card["party"] == party] for party in sorted({card["party"] for card in cards})}
    need(len(rings) == 2 and all(len(ring) <= 32 for ring in rings.values()), "cards")
    return rings
def given_add(rings, card):
    """A card that the verifier brought along: it has roots of one in the file, or goes on from the last of them."""
    ring = rings.get(card["party"], [])
    need(any(card["roots"] == held["roots"] for held in ring) or (ring and succeeds(ring[-1], card)), "other root keys than those on the card given")
    if all(card["id"] != held["id"] for held in ring):
        ring.append(card)
        ring.sort(key=lambda c: c["serial"])
def bundle_read(data, given):
    files = tar_read(data)
    cards = [f for f in files if f[0].startswith("cards/")]
    head = 2 + len(cards)
    need([f[0] for f in files[:head]] == ["manifest", "agreement"] + ["cards/%d.card" % (i + 1) for i in range(len(cards))], "files")
    m = re.fullmatch(rb"mithaq/evidence/1\nexchange ([0-9a-f]{32})\n((?:item [0-9]{4} [a-z]+\n)+)", files[0][1])
    roles = [line.split() for line in m[2].decode().splitlines()] if m else []
    need(m and len(roles) <= 1024 and all(r[1] == "%04d" % (i + 1) and r[2] in ROLES for i, r in enumerate(roles)), "manifest")
    rings = rings_read([f[1] for f in cards])
    agreement, rest = agreement_check(files[1][1], rings), files[head:]
    for card in given:
        given_add(rings, card)
    items = [item_read(rest, i + 1, r[2]) for i, r in enumerate(roles)]
    need(not rest, "a file that nothing uses")
    items_check(items, rings, agreement[1])
    return files[1][1], bytes.fromhex(m[1].decode()), agreement, rings, items
# ---- what it proves ----
def clock(ms):
    late, start = ms > 253402300799999, datetime.datetime(1970, 1, 1)
    return "beyond the year 9999" if late else (start + datetime.timedelta(milliseconds=ms)).isoformat(timespec="milliseconds") + "Z"
def value(v):
    return re.sub(r"[\x00-\x1f\x7f]", "?", str(v)).encode()[:159].decode("utf-8", "ignore")

def count(items, author, epoch, agreement):
    """Entries held, at least expected, index of the last by the highest TALLY, and whether all of them are here."""
    mine = [x for x in items if x["origin"][0] == author and x["covered"]]
    held = [x for x in mine if x["h"]["kind"] >= 16 and x["epoch"] == epoch]
    row = {x["h"]["aseq"]: x["h"]["index"] for x in reversed(held) if x["receipt"] is not None}
    highest, last, complete = 0, 0, False
    for x in mine:
        if x["h"]["kind"] == 12 and tally_read(x["h"])[0] == epoch and tally_read(x["h"])[1][agreement][0] >= highest:
            highest, last = tally_read(x["h"])[1][agreement]
            complete = x["receipt"] is not None and highest == len(held) > 0 and set(row) == set(range(highest)) and row[highest - 1] == last
    return len(held), min(max([highest] + [x["h"]["aseq"] + 1 for x in held]), (1 << 64) - 1), last, complete

def judge(mid, agreement, rings, items, given):
    claims, found = [], [x for x in items if x["h"]["kind"] == 16 and x["h"]["mid"] == mid]
    def say(verdict, name, *values):
        claims.append((("PROVED", "NOT PROVED", "TRUST")[verdict], name, [value(v) for v in values]))
    def agree(author, epoch, before):
        return [x for x in items if x["h"]["kind"] == 3 and x["covered"] and x["origin"][0] == author and x["epoch"] == epoch and x["h"]["index"] < before]
    need(len(found) == 1, "question")
    q, h = found[0], found[0]["h"]
    a, b = q["origin"][0], q["origin"][2]
    answers = [x for x in items if x["h"]["kind"] == 17 and x["h"]["re"][:2] == (q["epoch"], h["index"])]
    named = [x["h"]["re"][2] == q["leaf"] and x["origin"][0] == b and x["h"]["clause"] == h["clause"] for x in answers]
    need(len(answers) <= 4 and all(named), "answers")
    stale, answers = [x for x in answers if not x["covered"]], [x for x in answers if x["covered"]]
    ours = agree(a, q["epoch"], h["index"])
    theirs = agree(b, h["seen_epoch"], h["seen_size"]) + [y for x in answers for y in agree(b, x["epoch"], x["h"]["index"])]
    both = [ours[0]["h"]["index"], theirs[0]["h"]["index"]] if ours and theirs else []
    times = [q["receipt"] * 1000] if q["receipt"] is not None else [x["h"]["time"] for x in answers]
    if q["covered"]:
        say(not both, "agreed" if both else "not-agreed", agreement[2], a, b, *both)
        say(0, "asked", a, h["index"])
        say(not times, "received" if times else "not-received", b, *map(clock, times[:1]))
    for x in answers:
        index, status = x["h"]["index"], x["h"]["status"]
        reason = ([fields_read(x["body"].get(k, b"")) for k, p in enumerate(x["h"]["parts"]) if p[0] == 2 and p[2] == 0] + [None])[0]
        extra = [STATUS[min(status, 9)]] if status > 2 else [reason.get(k, "") for k in ("reason", "rule")] if status == 2 and reason is not None else []
        say(0, "closed" if status > 2 else ("answered", "no-hit", "refused" if extra else "refused-bare")[status], b, index, *extra)
        say(x["receipt"] is None, "answer-not-received" if x["receipt"] is None else "answer-received", a)
    if not answers:
        say(1, "not-answered", b)
    mine = count(items, a, q["epoch"], agreement[1])
    other = count(items, b, answers[-1]["epoch"] if answers else h["seen_epoch"], agreement[1])
    say(*((0, "complete", mine[2], other[2]) if mine[3] and other[3] else (1, "incomplete", a, *mine[:2], b, *other[:2])))
    for party, x in ([] if q["covered"] else [(a, q)]) + [(b, x) for x in stale]:
        say(1, "key-revoked", party, x["h"]["index"])
    for party, x in [(b, q)] + [(a, x) for x in answers]:
        if x["stale"]:
            say(1, "receipt-revoked", party, x["h"]["index"])
    for x in [q] + answers:
        absent = [str(k) for k, p in enumerate(x["h"]["parts"]) if k not in x["body"] and p[2] != 2]
        time, ring = clock(x["h"]["time"]), rings[x["origin"][0]]
        if absent:
            say(1, "erased", x["h"]["index"], ", ".join(absent), x["origin"][0])
        if not any(card["days"][0] <= time[:10] <= card["days"][1] for card in ring):
            say(1, "card-date", ring[-1]["party"], time, *ring[-1]["days"])
    say(1, "limits")
    order, anchors = sorted(rings, key=lambda p: agreement[0].find("\n  %s:" % p)), agreement[3]  # as the agreement has them
    for name, same in (("same-card", True), ("card-goes-on", False)):
        for p in order:
            if any(card["party"] == p and (card["roots"] == anchors[p]["roots"]) == same for card in given):
                say(0, name, p)
    for p in order:
        say(2, "roots", p, " ".join(re.findall("....", sha(*anchors[p]["roots"]).hex())))
    return sorted(claims, key=lambda c: ("PROVED", "NOT PROVED", "TRUST").index(c[0]))

def verify(data, pin=None, given=()):
    given = [card_read(raw) for raw in given]
    note, *case = bundle_read(data, given)
    need(pin in (None, case[1][0].encode(), note), "another agreement than in the file given")
    return judge(*case, given)

def batch(f):
    while size := f.read(4):
        try:
            print(" ; ".join(" ".join([verdict, name] + values) for verdict, name, values in verify(f.read(int.from_bytes(size, "big")))))
        except FAILURES:
            print("broken")

def main(argv):
    if len(argv) == 3 and argv[1] == "--batch":
        return batch(open(argv[2], "rb"))
    brought = list(zip(argv[2::2], argv[3::2]))
    if len(argv) < 2 or len(argv) % 2 or any(word not in ("--agreement", "--card") for word, _ in brought):
        sys.exit(__doc__)
    read = {word: [open(path, "rb").read() for w, path in brought if w == word] for word in ("--agreement", "--card")}
    try:
        for verdict, name, values in verify(open(argv[1], "rb").read(), (read["--agreement"] or [None])[-1], read["--card"]):
            print("%-10s  %-15s %s" % (verdict, name, "  ".join(values)))
    except FAILURES as why:
        print("verify.py: %s is broken: %s" % (argv[1], why), file=sys.stderr)
        return 7

if __name__ == "__main__":
    sys.exit(main(sys.argv))
