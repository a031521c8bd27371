"""What the gateway describes is what it does: descriptions judged by a foreign validator, requests generated from them.

The property: a body that the schema permits is answered with 200; one that it refuses is refused with 4xx, and the
problem's pointer is the place that the schema names. Values are drawn from a seed that is printed when something is found.
"""
import itertools
import json
import os
import random
import re
import shutil
import subprocess
from re import _parser as regex

import gateways
from gateways import ROOT, Pair

TOOL = ROOT / "tools/openapi"
KEEP = {"customs/declaration-status", "border/travel-document-status", "border/designation-record", "customs/every-type"}
ARABIC = re.compile("[\u0621-\u064a]")
SEED = int(os.environ.get("MITHAQ_SEED", "20261123"))
RANDOM_VALUES = 40  # valid bodies drawn for each clause

# Beside the sample's clauses one that has every type of field, a case that is always required and no required field but one.
EVERY_TYPE = """
  - number: 40
    channel: customs
    name: every-type
    pattern: query
    title: {ar: كل الأنواع, en: Every type}
    basis: {ar: مُختلق, en: invented}
    asks: cbp.us.example
    answers: customs.kw.example
    purposes: [duty-assessment, offence-inquiry]
    must-state:
      case: always
    request:
      a-text: {type: text, length: 40, ar: نص, en: Text}
      a-code: {type: code, ar: رمز, en: Code, codes: {one: {ar: واحد, en: one}, two-three: {ar: اثنان, en: two}}}
      a-date: {type: date, ar: تاريخ, en: Date}
      a-time: {type: time, ar: وقت, en: Time}
      a-number: {type: integer, length: 9, required: always, ar: عدد, en: Number}
      a-decimal: {type: decimal, ar: عشري, en: Decimal}
      a-country: {type: country, ar: دولة, en: Country}
      a-document: {type: document-number, ar: وثيقة, en: Document}
      a-place: {type: un-locode, ar: موقع, en: Place}
      a-name: {type: name, length: 60, ar: اسم, en: Name}
    answer:
      status: {type: code, ar: الحالة, en: Status, codes: {lodged: {ar: مقدم, en: lodged}, held: {ar: محجوز, en: held}, released: {ar: مفرج عنه, en: released}}}
      released-on: {type: date, ar: تاريخ الإفراج, en: Released on}
    limits:
      per-day: 100000
      answer-within: 2 seconds
    keep:
      question: until answered
      answer: 2 days
    onward: no
    examples:
      - ask: {purpose: duty-assessment, case: A/1, a-number: 12, a-code: one}
        answer: no-hit
"""


def every_type(text):
    return text.replace("per-day: 500\n", "per-day: 100000\n") + EVERY_TYPE


class Described(Pair):
    def configure(self, party):
        super().configure(party)
        if party.name == gateways.KW:
            with open(party.home / "mithaq.yaml", "a") as file:
                file.write(f"  customs/every-type:\n    sqlite: {party.database}\n    statement: SELECT status, released_on AS \"released-on\""
                           " FROM declarations WHERE number = :a_document\n")


# ---- the foreign validator ----


def missing_tool():
    """None when the validator is there or could be installed, else why not."""
    if not shutil.which("node") or not shutil.which("npm"):
        return "node and npm are not installed (tools/setup.sh, group api)"
    lock = TOOL / "package-lock.json"
    stamp = TOOL / "node_modules/.package-lock.json"
    if not stamp.exists() or stamp.stat().st_mtime < lock.stat().st_mtime:
        done = subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=TOOL, capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            return "npm could not install the validator: " + done.stderr.strip().splitlines()[-1]
    return None


def judge(*requests):
    text = "".join(json.dumps(r) + "\n" for r in requests)
    done = subprocess.run(["node", TOOL / "validate.mjs"], input=text, capture_output=True, text=True, timeout=120, check=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    for answer in answers:
        assert answer["valid"], answer
    return answers


# ---- the generator ----

CHARACTERS = "abcXYZ019 -_.,:;()'\"/\\&<>%éßñİابتثعغمميةءئؤ۱۲漢字\U0001f600"


def spell(tree, rng):
    """A text that matches a parsed regular expression of the kinds our schemas use."""
    out = ""
    for kind, value in tree:
        name = str(kind)
        if name in ("AT", "ASSERT_NOT"):
            continue
        if name == "LITERAL":
            out += chr(value)
        elif name == "IN":
            out += member(value, rng)
        elif name == "BRANCH":
            out += spell(rng.choice(value[1]), rng)
        elif name == "SUBPATTERN":
            out += spell(value[3], rng)
        elif name in ("MAX_REPEAT", "MIN_REPEAT"):
            least, most, inner = value
            out += "".join(spell(inner, rng) for _ in range(rng.randint(least, min(most, least + 12))))
        else:
            raise AssertionError(f"the generator does not know {name}")
    return out


def member(choices, rng):
    if str(choices[0][0]) == "NEGATE":
        refused = [c for kind, value in choices[1:] for c in (range(value[0], value[1] + 1) if str(kind) == "RANGE" else [value])]
        return rng.choice([c for c in CHARACTERS if ord(c) not in refused])
    kind, value = rng.choice(choices)
    return chr(rng.randint(*value)) if str(kind) == "RANGE" else chr(value)


def is_date(text):
    year, month, day = int(text[:4]), int(text[5:7]), int(text[8:10])
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return year > 0 and 1 <= month <= 12 and 1 <= day <= [31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]


def draw(schema, rng):
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return rng.choice(schema["enum"])
    while True:
        text = spell(regex.parse(schema["pattern"]), rng)[:schema["maxLength"]]
        good = schema.get("minLength", 0) <= len(text) and re.search(schema["pattern"], text)
        if good and ("format" not in schema or is_date(text)):
            return text


def needed(schema, purpose):
    """What a question for this purpose must have."""
    names = set(schema["required"])
    for rule in schema.get("allOf", []):
        if rule["if"]["properties"]["purpose"]["const"] == purpose:
            names |= set(rule["then"]["required"])
    return names


def draw_body(schema, rng, purpose=None, whole=False):
    members = dict(schema["properties"])
    fields = members.pop("fields")
    body = {"purpose": purpose or rng.choice(members["purpose"]["enum"])}
    must = needed(schema, body["purpose"])
    for name, member in members.items():
        if name != "purpose" and (whole or name in must or rng.random() < 0.5):
            body[name] = draw(member, rng)
    if body.get("case") == "" and "case" in must:
        body["case"] = "A/1"
    chosen = [n for n in fields["properties"] if whole or n in fields["required"] or rng.random() < 0.5]
    body["fields"] = {n: draw(fields["properties"][n], rng) for n in chosen}
    return body


WRONG_TYPES = (7, 1.5, True, None, [], {"a": "b"})


def changed(body, *path, value=None, drop=False):
    copy = json.loads(json.dumps(body))
    at = copy
    for step in path[:-1]:
        at = at[step]
    if drop:
        at.pop(path[-1], None)
    else:
        at[path[-1]] = value
    return copy


def misfits(schema):
    """Texts that look like a value and are none; whether they are is for both judges to say."""
    yield ""
    if "maxLength" in schema:
        yield from ("a" * (schema["maxLength"] + 1), "1" * (schema["maxLength"] + 1), "ع" * (schema["maxLength"] + 1))
    for text in ("Shuaiba", "kwsaa", "KWSA1", "KW", "K W", "kw", "KWT", "2026-02-30", "2026-13-01", "0000-01-01", "2026-1-1", "2024-02-29", "2023-02-29",
                 "2026-11-20T24:00:00Z", "2026-11-20T09:30:00", "2026-11-20T09:30:00+03:00", "2026-11-20T09:30:60Z", "1969-12-31T23:59:59Z",
                 "2026-11-20t09:30:00z", "2026-11-20T09:30:00.1Z", "2026-11-20T09:30:00.123Z", "-0", "+1", "01", "1.", ".5", "1.50", "-0.0", "1e3",
                 "--1", "-", "A-", "-A", "A..B", "A B", "two", "one ", " one", "a\nb", "a\tb", "a\u202eb", "a\u200bb", "a\u00adb", "\ufeffa", "a\u2028b",
                 "\u0661\u0662", "a\u200db"):
        yield text


def wrongs(schema, rng):
    """(what was done, body) for each way to depart from the schema; some turn out to be permitted, which the judge then says."""
    members, fields = schema["properties"], schema["properties"]["fields"]["properties"]
    for purpose in members["purpose"]["enum"]:
        body = draw_body(schema, rng, purpose, whole=True)
        for name in needed(schema, purpose):
            yield f"without {name}", changed(body, name, drop=True)
    body = draw_body(schema, rng, whole=True)
    for name in fields:
        yield f"without field {name}", changed(body, "fields", name, drop=True)
    yield "an extra member", changed(body, "importer", value="x")
    yield "an extra member with a slash", changed(body, "a/b~c", value="x")
    yield "an extra field", changed(body, "fields", "importer", value="Noura Al-Sample")
    for name in members:
        for value in WRONG_TYPES:
            if name != "fields" or not isinstance(value, dict):
                yield f"{name} is {value!r}", changed(body, name, value=value)
        if name != "fields":
            for text in misfits(members[name]):
                yield f"{name} is {text!r}", changed(body, name, value=text)
    for name in fields:
        for value in WRONG_TYPES:
            yield f"field {name} is {value!r}", changed(body, "fields", name, value=value)
        for text in misfits(fields[name]):
            yield f"field {name} is {text!r}", changed(body, "fields", name, value=text)


# ---- the tests ----


def same_place(predicted, found):
    """The schema misses a member whole; the gateway may name what is missing inside it."""
    return found == predicted or (predicted == "/fields" and found.startswith("/fields/"))


def agree(p, token, name, schema):
    """Every body generated, judged by the schema and by the gateway; what was accepted is answered from the source."""
    rng = random.Random(f"{SEED}/{name}")
    bodies = [("an example", example) for example in schema["examples"]]
    bodies += [("drawn", draw_body(schema, rng)) for _ in range(RANDOM_VALUES)]
    bodies += [("drawn whole", draw_body(schema, rng, whole=True)) for _ in range(RANDOM_VALUES)]
    bodies += wrongs(schema, rng)
    verdicts = judge({"schema": schema, "values": [body for _, body in bodies]})[0]["verdicts"]
    asked = {True: 0, False: 0}
    for (what, body), verdict in zip(bodies, verdicts):
        status, _, said = p.us.http("POST", "/v1/queries", body, token)
        where = f"{name}: {what}: {json.dumps(body, ensure_ascii=False)}: the schema says {verdict}, the gateway {status} {said} (seed {SEED})"
        if what in ("an example", "drawn", "drawn whole"):
            assert verdict["valid"], where
        asked[verdict["valid"]] += 1
        if verdict["valid"]:
            assert status == 200 and said["state"] == "answered", where
        else:
            assert 400 <= status < 500 and said["left_the_house"] is False, where
            assert same_place(verdict["at"], said.get("pointer", "")), where
    assert asked[True] > 2 * RANDOM_VALUES and asked[False] > 50, asked
    return asked


def test_the_description_of_the_whole_is_valid():
    why = missing_tool()
    if why:
        return why
    judge({"openapi": json.loads((ROOT / "spec/openapi.json").read_text())})
    with Pair() as p:
        p.us.start()
        for lang in ("en", "ar"):
            status, headers, said = p.us.http("GET", "/v1/openapi.json", headers={"Accept-Language": lang})
            assert (status, headers["content-language"]) == (200, lang)
            assert "x-ar-" not in json.dumps(said)
            judge({"openapi": said})
    return None


def words_of(node, kinds=("title", "description", "summary")):
    """Every sentence of a document that is for people; examples are values, not sentences."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in kinds and isinstance(value, str):
                yield value
            elif key not in ("examples", "example"):
                yield from words_of(value)
    elif isinstance(node, list):
        for value in node:
            yield from words_of(value)


def test_schema_and_gateway_agree_in_every_case():
    why = missing_tool()
    if why:
        return why
    with Described(change=every_type) as p:
        p.start()
        token = p.us.token("openapi")
        said = p.us.http("GET", "/v1/clauses?asks=me", token=token)[2]["data"]
        # What pairing signed lets a notice be given a few times a day only.
        said = [row for row in said if not row["clause"].startswith("mithaq/")]
        assert {row["clause"] for row in said} == KEEP, said
        for row in said:
            described(p, token, row)
    return None


def test_a_schema_that_permits_more_than_the_gateway_is_found():
    why = missing_tool()
    if why:
        return why
    with Described(change=every_type) as p:
        p.start()
        token = p.us.token("tampered")
        schema = p.us.http("GET", "/v1/clauses/customs/declaration-status/request.schema.json", token=token)[2]
        for change in ({"pattern": "^[A-Z]{2}[A-Z1-9]{3}$"}, {"maxLength": 4}):
            tampered = json.loads(json.dumps(schema))
            office = tampered["properties"]["fields"]["properties"]["office"]
            office.update(change)
            if "maxLength" in change:
                office.update(pattern="^[A-Z]{2}[A-Z2-9]{2,3}$")
            try:
                agree(p, token, "tampered", tampered)
            except AssertionError as found:
                assert "the schema says" in str(found), found
                continue
            raise AssertionError(f"nobody noticed {change}")
    return None


def described(p, token, row):
    documents = {}
    for lang, what in itertools.product(("en", "ar"), ("openapi", "request_schema", "answer_schema")):
        status, headers, documents[lang, what] = p.us.http("GET", row[what], token=token, headers={"Accept-Language": lang})
        assert (status, headers["content-language"]) == (200, lang), documents[lang, what]
    for lang in ("en", "ar"):
        api = documents[lang, "openapi"]
        assert set(re.findall(r'"\$ref": "([^"#]*)', json.dumps(api))) == {""}, "it refers to something outside itself"
        judge({"openapi": api})
    for what in ("openapi", "request_schema", "answer_schema"):
        untold = [text for text in words_of(documents["ar", what]) if not ARABIC.search(text)]
        assert not untold, f"not told in Arabic: {untold}"
        told = [text for text in words_of(documents["en", what]) if ARABIC.search(text)]
        assert not told, f"not told in English: {told}"
    schema, api = documents["en", "request_schema"], documents["en", "openapi"]
    assert {**schema, "$schema": None} == {**api["components"]["schemas"]["Question"], "$schema": None}
    judge({"schema": documents["en", "answer_schema"], "values": []})
    examples = api["paths"]["/v1/queries"]["post"]["requestBody"]["content"]["application/json"]["examples"]
    assert [e["value"] for e in examples.values()] == schema["examples"]
    asked = agree(p, token, row["clause"], schema)
    print(f"   {row['clause']}: {asked[True]} permitted, {asked[False]} refused")
    answers_fit(p, token, documents, schema)


def answers_fit(p, token, documents, schema):
    """What really comes back fits what is described: answers, dry runs and problems."""
    for lang in ("en", "ar"):
        api, pairs = documents[lang, "openapi"], []
        for body in (*schema["examples"], changed(schema["examples"][0], "purpose", value="marketing"), changed(schema["examples"][0], "x", value="y")):
            for address in ("/v1/queries", "/v1/queries?dry_run=true"):
                status, _, said = p.us.http("POST", address, body, token, {"Accept-Language": lang})
                pairs.append([status, said])
        pairs.append([401, p.us.http("POST", "/v1/queries", schema["examples"][0])[2]])
        hits = [said["fields"] for status, said in pairs if status == 200 and said.get("fields")]
        verdicts = judge({"openapi": api, "answers": pairs}, {"schema": documents[lang, "answer_schema"], "values": hits})
        for given, verdict in zip(pairs, verdicts[0]["verdicts"]):
            assert verdict["valid"], f"{given} is not as described: {verdict}"
        assert all(v["valid"] for v in verdicts[1]["verdicts"]), (hits, verdicts[1])


def test_the_description_of_a_clause_that_the_partner_asks():
    with Pair() as p:
        p.kw.start()
        token = p.kw.token("theirs")
        rows = {r["clause"]: r for r in p.kw.http("GET", "/v1/clauses", token=token)[2]["data"]}
        row = rows["customs/declaration-status"]
        assert "openapi" not in row and "openapi" in rows["border/travel-document-status-us"]
        status, _, said = p.kw.http("GET", row["answer_schema"].replace("answer.schema", "openapi"), token=token)
        assert (status, said["code"]) == (404, "not-found") and "answer.schema.json" in said["detail"], said
        assert set(p.kw.http("GET", row["answer_schema"], token=token)[2]["properties"]) == {"status", "released_on"}
        for address in ("/v1/clauses/customs/nothing/openapi.json", "/v1/clauses/" + "a" * 60 + "/b/answer.schema.json"):
            assert p.kw.http("GET", address, token=token)[0] == 404
        assert p.kw.http("GET", row["answer_schema"])[0] == 401


def heads(p):
    """Sizes and roots of every log on both sides."""
    return {party.name: [(c["partner"], c["channel"], c["own"], c["peer"]) for c in party.status()["channels"]] for party in p.parties}


def test_a_dry_run_explains_and_writes_nothing():
    with Pair() as p:
        p.start()
        token = p.us.token("dry")
        p.us.query("customs/declaration-status", declaration="2026-0048817", purpose="duty-assessment")
        p.wait_equal()
        before = heads(p)
        body = {"clause": "customs/declaration-status", "purpose": "offence-inquiry", "case": "US-C-2026-1044", "officer": "r.sample",
                "fields": {"declaration": "2026-0048817", "office": "KWSAA"}}
        status, headers, said = p.us.http("POST", "/v1/queries?dry_run=true", body, token, {"Idempotency-Key": "dry-1"})
        assert status == 200 and "mithaq-id" not in headers, said
        assert (said["would"], said["clause"], said["rule"], said["stays"]) == ("send", 7, "7", ["officer"]), said
        assert said["sends"] == {"to": gateways.KW, **{k: body[k] for k in ("clause", "purpose", "case", "fields")}}, said
        assert "r.sample" not in json.dumps(said), said
        assert said["quota"] == {"per_day": 500, "used": 1, "left": 499}, said
        dashes = p.us.http("POST", "/v1/queries?dry_run=true", {"clause": "border/travel-document-status", "purpose": "border-check",
                           "fields": {"document": "P1", "country": "KW", "document-type": "passport"}}, token)[2]
        assert dashes["sends"]["fields"]["document-type"] == "passport", dashes
        for change, code, pointer in (({"purpose": "marketing"}, "purpose-not-permitted", "/purpose"), ({"case": ""}, "field-missing", "/case"),
                                      ({"fields": {"declaration": "1", "importer": "x"}}, "field-not-permitted", "/fields/importer")):
            for lang in ("en", "ar"):
                status, _, said = p.us.http("POST", "/v1/queries?dry_run=true", {**body, **change}, token, {"Accept-Language": lang})
                assert (status, said["would"], said["code"], said["pointer"]) == (200, "refuse", code, pointer), said
                assert said["rule"].startswith("7/") and said["remedy"] and (lang == "en" or ARABIC.search(said["because"])), said
        for lang, word in (("en", "this would be sent; nothing was sent"), ("ar", "ولم يُرسل شيء")):
            shown = p.us.run("query", body["clause"], "declaration=2026-0048817", "--purpose", "duty-assessment", "--officer", "r.sample", "--dry-run", lang=lang)
            assert word in shown.stdout and "499" in shown.stdout and "2026-0048817" in shown.stdout and "r.sample" not in shown.stdout, shown.stdout
        assert heads(p) == before, "a dry run wrote something"
        p.us.query("customs/declaration-status", declaration="2026-0048817", purpose="duty-assessment")
        p.wait_equal()
        assert heads(p) != before, "the comparison sees nothing"
