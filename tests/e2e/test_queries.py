"""Questions between two real gateways: what is answered, what is refused here, and that nothing else leaves."""
import re

import gateways
from gateways import Pair

KW, US = gateways.KW, gateways.US
CLAUSE = "customs/declaration-status"
KNOWN, UNKNOWN = "2026-0048817", "2026-9999999"
ARABIC = re.compile("[\u0621-\u064a]")
PAIR = None


def pair():
    """One pair for the tests of this file that only ask; it ends with the file's last test."""
    global PAIR
    if PAIR is None:
        PAIR = Pair(rows=50_000).__enter__().start()
    return PAIR


def question(**more):
    return {"clause": CLAUSE, "purpose": "duty-assessment", "fields": {"declaration": KNOWN}, **more}


def asked_so_far(p):
    return sum(c["asked"] for c in p.us.status()["channels"])


def same(found, expected):
    assert found == expected, f"found {found!r}, expected {expected!r}"


def test_a_hit_gives_the_fields_of_the_clause_and_nothing_else():
    said = pair().us.query(CLAUSE, declaration=KNOWN, office="KWSAA", purpose="duty-assessment")
    same((said["state"], said["result"]), ("answered", "hit"))
    same(said["fields"], {"status": "released", "released_on": "2026-11-20"})
    same(said["texts"]["status"], "released")
    same(said["proof"]["receipt"], "held")
    assert re.fullmatch("q_[0-9A-HJKMNP-TV-Z]{26}", said["id"]), said["id"]


def test_a_hit_in_arabic_keeps_codes_and_translates_texts():
    said = pair().us.query(CLAUSE, declaration=KNOWN, purpose="duty-assessment", lang="ar")
    same(said["fields"]["status"], "released")
    assert ARABIC.search(said["texts"]["status"]), said["texts"]


def test_a_miss_is_no_hit_and_an_exit_code_of_its_own_when_asked_for():
    said = pair().us.query(CLAUSE, declaration=UNKNOWN, purpose="duty-assessment")
    same((said["state"], said["result"], said["fields"]), ("answered", "no-hit", None))
    same(pair().us.run("query", CLAUSE, f"declaration={UNKNOWN}", "--purpose", "duty-assessment").returncode, 0)
    same(pair().us.run("query", CLAUSE, f"declaration={UNKNOWN}", "--purpose", "duty-assessment", "--exit-hit", check=False).returncode, 6)


def test_the_other_direction_and_the_other_clauses():
    said = pair().kw.query("border/travel-document-status-us", document="X0000815", country="US", purpose="border-check")
    same(said["fields"], {"status": "valid", "since": "2024-06-30"})
    said = pair().us.query("border/travel-document-status", document="P0004711", country="KW", document_type="passport", purpose="border-check")
    same(said["fields"], {"status": "stolen", "since": "2026-03-02"})
    said = pair().us.query("border/designation-record", reference="XXi.001", purpose="listing-check")
    same(said["fields"]["name_original_script"], "فلان النموذج")
    same(said["fields"]["listed_on"], "2001-01-25")


REFUSED_HERE = {
    "purpose": (["customs/declaration-status", f"declaration={KNOWN}", "--purpose", "marketing"], ["clause 7", "duty-assessment", "marketing"]),
    "field": (["customs/declaration-status", f"declaration={KNOWN}", "importer=Noura Al-Sample", "--purpose", "duty-assessment"],
              ["clause 7", "importer"]),
    "case": (["customs/declaration-status", f"declaration={KNOWN}", "--purpose", "offence-inquiry"], ["clause 7", "case"]),
    "required": (["customs/declaration-status", "office=KWSAA", "--purpose", "duty-assessment"], ["clause 7", "declaration"]),
    "value": (["customs/declaration-status", f"declaration={KNOWN}", "office=Shuaiba", "--purpose", "duty-assessment"], ["clause 7", "office"]),
}


def test_refused_here_says_clause_and_reason_and_sends_nothing():
    p = pair()
    before = asked_so_far(p)
    for rule, (words, expected) in REFUSED_HERE.items():
        done = p.us.run("query", *words, check=False)
        same((rule, done.returncode), (rule, 3))
        for word in [*expected, "refused here", "nothing was sent"]:
            assert word in done.stderr, f"{rule}: {word!r} is not in: {done.stderr}"
        arabic = p.us.run("query", *words, lang="ar", check=False)
        same((rule, arabic.returncode), (rule, 3))
        assert ARABIC.search(arabic.stderr) and "7" in arabic.stderr, arabic.stderr
    same(asked_so_far(p), before)


PROBLEMS = [
    ({"purpose": "marketing"}, 403, "purpose-not-permitted", "/purpose"),
    ({"fields": {"declaration": KNOWN, "importer": "Noura Al-Sample"}}, 400, "field-not-permitted", "/fields/importer"),
    ({"purpose": "offence-inquiry"}, 400, "field-missing", "/case"),
    ({"fields": {}}, 400, "field-missing", "/fields/declaration"),
    ({"fields": {"declaration": KNOWN, "office": "Shuaiba"}}, 400, "value-out-of-list", "/fields/office"),
    ({"clause": "customs/nothing-of-this-name"}, 403, None, None),
]


def test_problems_name_code_pointer_clause_and_what_helps():
    p = pair()
    token, before = p.us.token("problems"), asked_so_far(p)
    for change, status, code, pointer in PROBLEMS:
        found, headers, said = p.us.http("POST", "/v1/queries", question(**change), token)
        same((change, found), (change, status))
        assert headers["content-type"].startswith("application/problem+json"), headers
        same(said["left_the_house"], False)
        assert said["remedy"], said
        if code:
            same((said["code"], said["pointer"]), (code, pointer))
            same(said["clause"]["number"], 7)
        _, headers, arabic = p.us.http("POST", "/v1/queries", question(**change), token, {"Accept-Language": "ar"})
        same(arabic["code"], said["code"])
        assert ARABIC.search(arabic["title"]) and ARABIC.search(arabic["detail"]), arabic
        same(headers.get("content-language"), "ar")
    same(asked_so_far(p), before)


def test_the_wrong_direction_is_refused():
    done = pair().kw.run("query", CLAUSE, f"declaration={KNOWN}", "--purpose", "duty-assessment", check=False)
    same(done.returncode, 3)


def test_a_dry_run_decides_and_writes_nothing():
    p = pair()
    token, before = p.us.token("dry"), asked_so_far(p)
    status, _, said = p.us.http("POST", "/v1/queries?dry_run=true", question(), token)
    same((status, said.get("would")), (200, "send"))
    same(p.us.run("query", CLAUSE, f"declaration={KNOWN}", "--purpose", "marketing", "--dry-run", check=False).returncode, 3)
    same(asked_so_far(p), before)


def test_the_same_key_gives_the_first_answer_again():
    p = pair()
    token = p.us.token("keys")
    key = {"Idempotency-Key": "bayan-2026-11-23-000481", "Prefer": "wait=10"}
    status, headers, first = p.us.http("POST", "/v1/queries", question(), token, key)
    same(status, 200)
    assert "idempotent-replayed" not in headers
    before = asked_so_far(p)
    status, headers, again = p.us.http("POST", "/v1/queries", question(), token, key)
    same((status, headers.get("idempotent-replayed"), again["id"], again["fields"]), (200, "true", first["id"], first["fields"]))
    status, _, said = p.us.http("POST", "/v1/queries", question(case="another"), token, key)
    same((status, said["code"]), (409, "key-reused"))
    same(asked_so_far(p), before)


def test_a_key_belongs_to_its_account():
    p = pair()
    key = {"Idempotency-Key": "the-same-words"}
    ids = {p.us.http("POST", "/v1/queries", question(), p.us.token(account), key)[2]["id"] for account in ("first", "second")}
    same(len(ids), 2)


def test_an_exchange_is_shown_again_by_its_id():
    p = pair()
    said = p.us.query(CLAUSE, declaration=KNOWN, purpose="duty-assessment")
    status, _, again = p.us.http("GET", f"/v1/queries/{said['id']}", token=p.us.token("again"))
    same((status, again["state"], again["fields"]), (200, "answered", said["fields"]))
    for party in p.parties:
        assert said["id"] in party.run("why", said["id"]).stdout + said["id"]
    assert ARABIC.search(p.kw.run("why", said["id"], lang="ar").stdout)
    status, _, said = p.us.http("GET", "/v1/queries/q_00000000000000000000000000", token=p.us.token("again"))
    same((status, said["code"]), (404, "not-found"))


BAD_BODIES = {
    "oversize": b'{"clause": "customs/declaration-status", "case": "' + b"a" * (2 << 20) + b'"}',
    "overdeep": b'{"fields": ' + b"[" * 2000 + b"]" * 2000 + b"}",
    "a key twice": b'{"clause": "customs/declaration-status", "clause": "customs/declaration-status", "purpose": "duty-assessment"}',
    "a field twice": b'{"clause": "customs/declaration-status", "purpose": "duty-assessment", "fields": {"declaration": "1", "declaration": "2"}}',
    "invalid UTF-8": b'{"clause": "customs/declaration-status", "purpose": "duty-\xff"}',
    "an overlong encoding": b'{"clause": "customs/declaration-status", "purpose": "duty-\xc0\xaf"}',
    "a bidirectional control": '{"clause": "customs/declaration-status", "purpose": "duty-assessment", "fields": {"declaration": "2026\u202e7188400"}}'.encode(),
    "one that is escaped": b'{"clause": "customs/declaration-status", "purpose": "duty-assessment", "fields": {"declaration": "2026\\u202e7188400"}}',
    "a NUL": b'{"clause": "customs/declaration-status", "purpose": "duty-assessment", "fields": {"declaration": "2026\\u00007188400"}}',
    "half a surrogate": b'{"clause": "customs/declaration-status", "purpose": "duty-assessment", "fields": {"declaration": "2026\\ud800"}}',
    "an unknown member": b'{"clause": "customs/declaration-status", "purpose": "duty-assessment", "importer": "x"}',
    "a number for a text": b'{"clause": "customs/declaration-status", "purpose": "duty-assessment", "fields": {"declaration": 20260048817}}',
    "a list": b"[]",
    "nothing": b"",
    "something behind": b'{"clause": "customs/declaration-status"} {}',
    "half an object": b'{"clause": "customs/decl',
    "not normalised": '{"clause": "customs/declaration-status", "purpose": "duty-assessment", "case": "e\u0301"}'.encode(),
}


def test_bad_bodies_are_refused_each_in_words():
    p = pair()
    token, before = p.us.token("bad"), asked_so_far(p)
    for what, body in BAD_BODIES.items():
        status, _, said = p.us.http("POST", "/v1/queries", body, token)
        assert status in (400, 413), f"{what}: {status} {said}"
        if status == 400:
            assert said["code"] == "malformed" or said["code"] == "field-missing", f"{what}: {said}"
            assert said["detail"] and said["remedy"], f"{what}: {said}"
    status, _, said = p.us.http("POST", "/v1/queries", question(), token, {"Content-Type": "text/plain"})
    same((status, said["code"]), (415, "not-json"))
    same(asked_so_far(p), before)
    same(p.us.http("POST", "/v1/queries", question(), token)[0], 200)


def test_tokens_open_only_what_they_say():
    p = pair()
    good = p.us.token("tokens")
    same(p.us.http("POST", "/v1/queries", question())[2]["code"], "token-missing")
    wrong = {"another": good[:-1] + ("0" if good[-1] != "0" else "1"), "of the partner": p.kw.token("tokens"),
             "for live": good.replace("mq_test_", "mq_live_"), "empty": "x"}
    for what, token in wrong.items():
        status, headers, said = p.us.http("POST", "/v1/queries", question(), token)
        same((what, status, said["code"]), (what, 401, "token-expired"))
        assert "www-authenticate" in headers
    narrow = p.us.token("narrow", "--clauses", "border/travel-document-status")
    status, _, said = p.us.http("POST", "/v1/queries", question(), narrow)
    same((status, said["code"]), (403, "account-not-permitted"))
    gone = p.us.token("gone")
    p.us.run("token", "revoke", "gone")
    same(gateways.until("the revoked token is forgotten", lambda: p.us.http("GET", "/v1/status", token=gone)[0] == 401), True)
    same(p.us.http("GET", "/v1/status", token=good)[0], 200)


def test_a_token_is_kept_as_its_hash_only():
    token = pair().us.token("hashed")
    for path in (pair().us.home / "tokens").iterdir():
        assert token not in path.read_text() and token not in path.name
        same(path.stat().st_mode & 0o777, 0o600)


def test_a_foreign_host_is_refused():
    status, _, said = pair().us.http("GET", "/v1/status", token=pair().us.token("host"), headers={"Host": "elsewhere.example"})
    same((status, said["code"]), (403, "host-unknown"))


def test_every_path_of_the_openapi_is_real():
    p = pair()
    token = p.us.token("openapi", "--clauses", "*,answer:*")
    status, _, api = p.us.http("GET", "/v1/openapi.json")
    same((status, api["openapi"][:3]), (200, "3.1"))
    said = p.us.query(CLAUSE, declaration=KNOWN, purpose="duty-assessment")
    filled = {"id": said["id"], "channel": "customs", "name": "declaration-status", "code": "malformed", "clause": "declaration-status"}
    assert api["paths"]
    for path, methods in api["paths"].items():
        address = re.sub(r"{(\w+)}", lambda m: filled[m.group(1)], path)
        if path == "/v1/events":
            address += "?wait=0"  # without it they come without end
        for method, operation in methods.items():
            if method not in ("get", "post", "put", "delete"):
                continue
            body = {"result": "no-hit"} if path.endswith("/answer") else question() if method == "post" else None
            status, headers, answer = p.us.http(method.upper(), address, body, token)
            assert str(status) in operation["responses"], f"{method} {path}: {status} is not among {sorted(operation['responses'])}: {answer}"
            # Everything works but withdrawing what is answered, and answering what nobody asked us.
            assert status < 300 or (method, status) == ("delete", 409) or (path[-7:], status) == ("/answer", 404), f"{method} {path}: {status} {answer}"
            promised = operation["responses"][str(status)].get("content", {})
            kind = headers.get("content-type", "").split(";")[0]
            assert not promised or kind in promised, f"{method} {path}: {kind} is not among {sorted(promised)}"


def test_every_problem_has_a_page_in_both_languages():
    p = pair()
    codes = set(re.findall(r'^\s*\{"([a-z-]+)",', (gateways.ROOT / "src/gateway/desk_problem.c").read_text(), re.M))
    assert len(codes) > 15, codes
    for code in codes:
        for lang in ("en", "ar"):
            status, _, page = p.us.http("GET", f"/v1/problems/{code}", headers={"Accept-Language": lang})
            same((code, lang, status), (code, lang, 200))
            assert lang == "en" or ARABIC.search(str(page) if not isinstance(page, bytes) else page.decode()), page


def test_the_catalogue_says_what_may_be_asked():
    p = pair()
    status, _, said = p.us.http("GET", "/v1/clauses?asks=me", token=p.us.token("catalogue"))
    same(status, 200)
    signed = [c for c in said["data"] if c["agreement"] == "customs-and-border-2026"]
    same({c["clause"] for c in signed}, {CLAUSE, "border/travel-document-status", "border/designation-record"})
    same({c["number"] for c in signed}, {7, 9, 12})
    # The others are those that pairing signed.
    assert all(c["clause"].startswith("mithaq/") for c in said["data"] if c not in signed), said


def test_zz_both_ledgers_are_equal_and_verify():
    """The last of this file: it ends the pair."""
    global PAIR
    p = pair()
    try:
        same(set(p.wait_equal()), {"customs", "border", "mithaq"})
        for party in p.parties:
            party.run("log", "verify")
    finally:
        p.__exit__(None, None, None)
        PAIR = None


def test_the_quota_holds_at_the_asking_side_and_in_a_new_epoch():
    with Pair(change=lambda text: text.replace("per-day: 500", "per-day: 3")) as p:
        p.start()
        for i in range(3):
            same(p.us.query(CLAUSE, declaration=KNOWN, purpose="duty-assessment")["quota"], {"per_day": 3, "used": i + 1})
        token = p.us.token("quota")
        status, headers, said = p.us.http("POST", "/v1/queries", question(), token)
        same((status, said["code"], said["clause"]["rule"]), (429, "quota-spent", "7/limits/per-day"))
        assert int(headers["retry-after"]) > 0
        done = p.us.run("query", CLAUSE, f"declaration={KNOWN}", "--purpose", "duty-assessment", check=False)
        same(done.returncode, 3)
        assert "500" not in done.stderr and "3" in done.stderr
        for party, asks in ((p.us, "me"), (p.kw, "them")):
            _, _, said = party.http("GET", f"/v1/clauses?asks={asks}", token=party.token("catalogue"))
            quota = next(c["quota"] for c in said["data"] if c["clause"] == CLAUSE)
            same((quota["per_day"], quota["used"]), (3, 3))
            assert quota["resets"].endswith("T00:00:00.000Z"), quota
        p.us.stop()
        p.us.start()
        p.wait_linked()
        same(p.us.http("POST", "/v1/queries", question(), token)[0], 429)
        same(p.us.query("border/travel-document-status", document="P0004711", country="KW", purpose="border-check")["result"], "hit")
