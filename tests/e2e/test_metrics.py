"""What GET /metrics tells is valid and true; each alert of share/alerts.yaml is provoked on real gateways, and its runbook's first command run.

A gateway is brought into the state, its numbers are read, and Prometheus's own `promtool` evaluates the rule over them. Time passes in the
rule's evaluation alone: the numbers read before stand in the first minute, those read after in all the others.
"""
import contextlib
import json
import math
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

import gateways
import test_alarm
import test_api_tls
import test_http_provider
from gateways import KW, ROOT, US, Pair, Party, until

RULES = ROOT / "share/alerts.yaml"
CLAUSE = "customs/declaration-status"
SHIM = Path(gateways.BINARY).resolve().parent.parent / "tests/chaos/chaos_shim.so"
PROMTOOL = shutil.which("promtool") or os.environ.get("MITHAQ_PROMTOOL")
NO_PROMTOOL = "promtool is not installed (tools/setup.sh, group metrics)"
MINUTES = 40  # how long a state lasts where a rule is evaluated

# ---- a strict reader of the text format 0.0.4 ----

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"'
LINE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? ([+-]?(?:Inf|NaN|[0-9.]+(?:e[+-]?[0-9]+)?))")


class Page:
    """Samples by (name, labels). Refuses what the format does not permit."""

    def __init__(self, text):
        assert text.endswith("\n"), "the last line has an end too"
        self.samples, self.types, family, done = {}, {}, None, set()
        for line in text[:-1].split("\n"):
            if line.startswith("# HELP "):
                if family:
                    done.add(family)
                family, words = line.split(" ", 3)[2:]
                assert re.fullmatch(NAME, family) and words and family not in done, f"a family stands in one piece: {line}"
            elif line.startswith("# TYPE "):
                name, kind = line.split(" ")[2:]
                assert name == family and name not in self.types and kind in ("counter", "gauge", "histogram"), line
                self.types[name] = kind
            else:
                self.take(line, family)
        for name, kind in self.types.items():
            assert kind != "counter" or name.endswith("_total"), name
            if kind == "histogram":
                self.histogram(name)

    def take(self, line, family):
        found = LINE.fullmatch(line)
        assert found, f"no line of the format: {line!r}"
        name, labels, value = found.groups()
        ends = ("_bucket", "_sum", "_count") if self.types.get(family) == "histogram" else ("",)
        assert family in self.types and name in {family + end for end in ends}, line
        pairs = tuple(sorted(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', labels or "")))
        assert len({k for k, _ in pairs}) == len(pairs) and (name, pairs) not in self.samples, f"twice: {line}"
        self.samples[name, pairs] = float(value)

    def histogram(self, name):
        rows = {}
        for (n, labels), value in self.samples.items():
            if n == name + "_bucket":
                rest = tuple(p for p in labels if p[0] != "le")
                rows.setdefault(rest, []).append((float(dict(labels)["le"]), value))
        for rest, buckets in rows.items():
            buckets.sort()
            assert buckets[-1][0] == math.inf and buckets[-1][1] == self.samples[name + "_count", rest]
            assert all(a[1] <= b[1] for a, b in zip(buckets, buckets[1:])) and (name + "_sum", rest) in self.samples

    def get(self, name, **labels):
        return self.samples.get((name, tuple(sorted(labels.items()))))


def refused(text):
    try:
        Page(text)
    except AssertionError:
        return True
    return False


def scrape(party):
    status, headers, body = party.http("GET", "/metrics")
    assert status == 200 and headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8", (status, headers)
    text = body.decode() if isinstance(body, bytes) else body
    return Page(text)


def seen(party, what, judge):
    """The first page of which this is so."""
    def look():
        page = scrape(party)
        return page if judge(page) else None
    return until(what, look)


def ask(pair, **more):
    return pair.us.query(CLAUSE, check=False, declaration="2026-0048817", purpose="duty-assessment", **more)


def test_the_reader_of_the_format_is_strict():
    good = '# HELP a_total A.\n# TYPE a_total counter\na_total{b="c"} 1\n'
    assert Page(good).get("a_total", b="c") == 1
    for old, new in ((" 1\n", " one\n"), ("counter", "clock"), ('"c"', '"c'), ('b="c"', 'b="c",b="d"'), ("1\n", "1"), ("a_total{", "b_total{"),
                     ("# TYPE a_total counter\n", ""), (' 1\n', ' 1\na_total{b="c"} 2\n')):
        assert refused(good.replace(old, new, 1)), (old, new)


def settled_with(partner):
    """Ledgers are equal, and the clock of the partner, which is measured within a second, is known."""
    return lambda s: (all(v for (n, _), v in s.samples.items() if n == "mithaq_ledgers_equal")
                      and s.get("mithaq_clock_skew_seconds", partner=partner) is not None)


def test_the_numbers_are_valid_and_true():
    with Pair() as p:
        p.start()
        before = scrape(p.us)
        assert before.get("mithaq_backup_age_seconds") == math.inf
        for _ in range(3):
            assert ask(p).returncode == 0
        p.us.query(CLAUSE, check=False, declaration="2026-0048817", purpose="marketing")  # nothing leaves: nothing is counted
        p.us.run("backup", p.top / "one.backup")
        equal, other = seen(p.us, "all is settled", settled_with(KW)), seen(p.kw, "all is settled", settled_with(US))
        for page, partner in ((equal, KW), (other, US)):
            about = {"partner": partner, "clause": CLAUSE}
            for state, n in (("accepted", 3), ("answered", 3), ("refused", 0), ("expired", 0), ("failed", 0)):
                assert page.get("mithaq_exchanges_total", state=state, **about) == n, (partner, state)
            assert page.get("mithaq_quota_used_ratio", **about) == 0.006
            assert page.get("mithaq_link_up", partner=partner) == 1 and page.get("mithaq_unreceipted", partner=partner) == 0
            assert abs(page.get("mithaq_clock_skew_seconds", partner=partner)) < 5
            assert 0 < page.get("mithaq_disk_free_bytes")
            assert 700 * 86400 < page.get("mithaq_key_expires_seconds", key=f"card:{partner}") < 732 * 86400
        assert equal.get("mithaq_answer_seconds_count", partner=KW, clause=CLAUSE) == 3
        assert other.get("mithaq_answer_seconds_count", partner=US, clause=CLAUSE) is None  # they ask
        assert 0 <= equal.get("mithaq_backup_age_seconds") < 60
        partner = p.us.status()["partners"][0]
        assert partner["in_force"] >= 1 and abs(partner["clock_skew_ms"]) < 5000, partner


def by_socket(party):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(party.home / "data/api.sock"))
        s.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        said = b""
        while piece := s.recv(65536):
            said += piece
        return said


def test_who_may_read_the_numbers():
    with Pair() as p:
        p.us.start()
        assert p.us.http("GET", "/metrics")[0] == 200 and p.us.http("GET", "/metrics?all=1")[0] == 400
        assert p.us.http("POST", "/metrics", body={})[0] == 405
    why = test_api_tls.has_openssl()
    if why:
        return why
    with test_api_tls.House() as p:
        p.us.start()
        trusted = test_api_tls.context(p.us.home / "api.pem")
        assert test_api_tls.ask(p.us, path="/metrics", how=trusted)[0] == 401
        token = p.us.run("token", "new", "watch").stdout.strip()
        until("the new token counts", lambda: test_api_tls.ask(p.us, path="/metrics", token=token)[0] == 200)
    return None


# ---- the alerts ----

def rules():
    """alert -> its fields, from the few forms that the file uses."""
    found = {}
    for block in RULES.read_text().split("      - alert: ")[1:]:
        name = block.split("\n")[0]
        found[name] = dict(re.findall(r"^ {8,10}(expr|for|summary|description|summary_ar|description_ar|runbook|runbook_ar): (.+)", block, re.M))
    return found


def test_each_alert_has_its_words_and_its_pages():
    all_rules = rules()
    assert len(all_rules) == 11, list(all_rules)
    for name, rule in all_rules.items():
        for key in ("expr", "summary", "description", "summary_ar", "description_ar", "runbook", "runbook_ar"):
            assert rule.get(key), f"{name} has no {key}"
        assert re.search("[\u0621-\u064a]", rule["summary_ar"] + rule["description_ar"]) and not re.search("[\u0621-\u064a]", rule["summary"]), name
        for key in ("runbook", "runbook_ar"):
            page = (ROOT / rule[key]).read_text()
            assert f"`{name}`" in page and first_command(page) == first_command((ROOT / rule["runbook"]).read_text()), rule[key]
    pages = {p.name for p in (ROOT / "docs/runbooks").glob("*.md")}
    assert pages == {Path(r["runbook"]).name for r in all_rules.values()} == {p.name for p in (ROOT / "docs/ar/runbooks").glob("*.md")}
    board = json.loads((ROOT / "share/dashboard.json").read_text())
    told = {n for n, _ in page_of_a_pair().samples}
    for used in re.findall(r"mithaq_\w+", json.dumps(board) + "".join(r["expr"] for r in all_rules.values())):
        assert used in told, f"{used} is watched and never told"
    if PROMTOOL is None:
        return NO_PROMTOOL
    assert subprocess.run([PROMTOOL, "check", "rules", RULES], capture_output=True).returncode == 0
    return None


def page_of_a_pair():
    with Pair() as p:
        p.start()
        return seen(p.kw, "the clock of the partner is known", lambda s: s.get("mithaq_clock_skew_seconds", partner=US) is not None)


def first_command(page):
    return re.search(r"```console\n\$ (.+)\n", page).group(1)


def number(value):
    return "1e300" if value == math.inf else repr(value)  # promtool's series know no infinity


def fires(before, after, up=1):
    """The alerts that fire when `before` stood for a minute and `after` has stood ever since."""
    if PROMTOOL is None:
        return None
    series = [f"      - series: 'up{{job=\"mithaq\"}}'\n        values: '{up}x{MINUTES}'\n"]
    for key in sorted(set(before.samples) | set(after.samples)):
        name, labels = key
        written = name + "{" + ",".join(f'{k}="{v}"' for k, v in labels) + "}"
        first, last = (number(s.samples[key]) if key in s.samples else "_" for s in (before, after))
        series.append(f"      - series: '{written}'\n        values: '{first} {first} {last}x{MINUTES}'\n")
    names = list(rules())
    checks = "".join(f"      - expr: count(ALERTS{{alertname=\"{n}\",alertstate=\"firing\"}}) > bool 0 or vector(0)\n        eval_time: {at}m\n"
                     f"        exp_samples: [{{labels: '{{}}', value: 7}}]\n" for n in names for at in (6, 10, 30))
    with tempfile.TemporaryDirectory() as folder:
        test = Path(folder) / "test.yaml"
        test.write_text(f"rule_files: [{RULES}]\nevaluation_interval: 1m\ntests:\n  - interval: 1m\n    input_series:\n{''.join(series)}"
                        f"    promql_expr_test:\n{checks}")
        said = subprocess.run([PROMTOOL, "test", "rules", test], capture_output=True, text=True)
    said = said.stdout + said.stderr
    # No alert has the value 7, so promtool tells what each of them has.
    found = re.findall(r'alertname=\\"(\w+)\\".*?, time: (\d+)m.*?got:(.*?)(?=expr:|\Z)', said, re.S)
    assert {n for n, _, _ in found} == set(names), said[:2000]
    return {n for n, _, got in found if re.search(r"\s1(E\+00)?\b", got)}


def provoked(alert, before, after, up=1):
    """Words where there is no promtool: then only the state and the runbook were tried."""
    if PROMTOOL is None:
        return NO_PROMTOOL
    quiet, loud = fires(before, before), fires(before, after, up)
    assert alert not in quiet, f"{alert} fires without a cause"
    assert alert in loud, f"{alert} does not fire: {loud}"
    return None


def run_the_runbook(alert, party, codes=(0,)):
    """Its first command, as it stands there: only places are this test's."""
    command = first_command((ROOT / rules()[alert]["runbook"]).read_text())
    if command.startswith("mithaq "):
        words = [w.replace("/var/backups/mithaq", str(party.home.parent)) for w in command.split()[1:]]
        words = [KW if w == US and party.name == US else w for w in words]
        done = party.run(*words, check=False)
    else:
        done = subprocess.run(command.replace(":7171", f":{party.api}"), shell=True, capture_output=True, text=True, timeout=60)
    assert done.returncode in codes and done.stdout + done.stderr, (command, done)
    return done.stdout + done.stderr


def test_nothing_fires_where_all_is_well():
    with Pair() as p:
        p.start()
        p.us.run("backup", p.top / "one.backup")
        ask(p)
        page = seen(p.us, "all is settled", lambda s: all(v for (n, _), v in s.samples.items() if n == "mithaq_ledgers_equal"))
        if PROMTOOL is None:
            return NO_PROMTOOL
        assert fires(page, page) == set(), fires(page, page)
    return None


def test_alert_gateway_down():
    with Pair() as p:
        p.start()
        before = scrape(p.us)
        reader = dict(p.us.children())["mq-reader"]
        os.kill(reader, signal.SIGSTOP)  # it hangs: the scrape is told so, and the gateway is not kept waiting for ever
        try:
            status = p.us.http("GET", "/metrics")[0]
        finally:
            os.kill(reader, signal.SIGCONT)
        assert status in (200, 503), status
        p.us.stop()
        run_the_runbook("MithaqGatewayDown", p.us, (1, 5))
        return provoked("MithaqGatewayDown", before, before, up=0)


def test_alerts_link_down():
    with Pair() as p:
        p.start()
        before = scrape(p.us)
        p.kw.stop()
        after = seen(p.us, "the link is down", lambda s: s.get("mithaq_link_up", partner=KW) == 0)
        assert after.get("mithaq_clock_skew_seconds", partner=KW) is None  # nobody measures it now
        run_the_runbook("MithaqLinkDown", p.us, (0, 1, 5))
        return provoked("MithaqLinkDown", before, after)


def test_alerts_unreceipted_and_ledgers_differ():
    with Pair() as p:
        p.start()
        before = seen(p.us, "all is settled", lambda s: s.get("mithaq_unreceipted", partner=KW) == 0)
        stopped = [pid for name, pid in p.kw.children() if name.startswith("mq-")]
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            for _ in range(2):
                ask(p, wait="1")
            after = seen(p.us, "entries wait", lambda s: s.get("mithaq_unreceipted", partner=KW) >= 2)
            assert after.get("mithaq_link_up", partner=KW) == 1 and after.get("mithaq_ledgers_equal", partner=KW, channel="customs") == 0
            for alert in ("MithaqUnreceiptedGrows", "MithaqLedgersDiffer"):
                run_the_runbook(alert, p.us)
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)
        return provoked("MithaqLedgersDiffer", before, after) or provoked("MithaqUnreceiptedGrows", settled(before), after)


def settled(page):
    """The rule is about entries that wait all the time and become more: here one waits at the beginning."""
    page.samples["mithaq_unreceipted", (("partner", KW),)] = 1
    return page


@contextlib.contextmanager
def shifted(party, seconds):
    """A gateway whose clock is off, by the same shim as in tests/chaos."""
    import sys
    sys.path.insert(0, str(ROOT / "tests/chaos"))
    import shim
    folder = party.home.parent / f"{party.name}.shim"
    control = shim.Shim(folder)
    control.set("clock_ms", int(seconds * 1000))
    os.environ.update({"LD_PRELOAD": str(SHIM), "MITHAQ_CHAOS_FOLDER": str(folder)})
    try:
        party.start()
        yield
    finally:
        for name in ("LD_PRELOAD", "MITHAQ_CHAOS_FOLDER"):
            os.environ.pop(name, None)


def test_alert_clock_skew():
    if not SHIM.exists():
        return f"{SHIM} is not built"
    with Pair() as p:
        p.start()
        before = seen(p.us, "the clock is measured", lambda s: s.get("mithaq_clock_skew_seconds", partner=KW) is not None)
        p.kw.stop()
        with shifted(p.kw, 100):
            p.wait_linked()
            after = seen(p.us, "the clock is measured", lambda s: (s.get("mithaq_clock_skew_seconds", partner=KW) or 0) > 90)
        assert after.get("mithaq_clock_skew_seconds", partner=KW) < 110
        assert "ahead" in run_the_runbook("MithaqClockSkew", p.us, (0, 1))
        return provoked("MithaqClockSkew", before, after)


def test_alert_key_expires():
    if not SHIM.exists():
        return f"{SHIM} is not built"
    with Pair() as p:
        p.us.start()
        before = scrape(p.us)
        p.us.stop()
        with shifted(p.us, 710 * 86400):
            after = scrape(p.us)
        assert 0 < after.get("mithaq_key_expires_seconds", key=f"card:{US}") < 30 * 86400
        run_the_runbook("MithaqKeyExpires", p.us)
        return provoked("MithaqKeyExpires", before, after)


def test_alert_quota_low():
    with Pair(change=lambda text: text.replace("per-day: 500", "per-day: 10")) as p:
        p.start()
        before = scrape(p.us)
        for _ in range(9):
            ask(p)
        after = scrape(p.us)
        assert after.get("mithaq_quota_used_ratio", partner=KW, clause=CLAUSE) == 0.9
        assert CLAUSE in run_the_runbook("MithaqQuotaLow", p.us)
        return provoked("MithaqQuotaLow", before, after)


def test_alert_disk_low():
    with Pair() as p:
        data = p.us.home / "data"
        p.us.start()
        before = scrape(p.us)
        p.us.stop()
        shutil.move(data, p.us.home / "aside")
        data.mkdir(mode=0o700)
        if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m,mode=700", "tmpfs", data], capture_output=True).returncode != 0:
            return "no small disk can be mounted here"
        try:
            shutil.copytree(p.us.home / "aside", data, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.sock"))
            p.us.start()
            after = scrape(p.us)
            assert after.get("mithaq_disk_free_bytes") < 64 << 20
            run_the_runbook("MithaqDiskLow", p.us, (0, 1))
        finally:
            p.us.stop()
            subprocess.run(["umount", data], check=True)
        return provoked("MithaqDiskLow", before, after)


def test_alert_backup_old():
    with Pair() as p:
        p.us.start()
        p.us.run("backup", p.top / "one.backup")
        before, marker = scrape(p.us), p.us.home / "data/backup.made"
        never = scrape(p.us)
        marker.write_text("2026-01-01T00:00:00.000Z\n")
        after = scrape(p.us)
        assert after.get("mithaq_backup_age_seconds") > 93600
        marker.write_text("yesterday\n")  # no time: no backup
        never = scrape(p.us)
        assert never.get("mithaq_backup_age_seconds") == math.inf
        run_the_runbook("MithaqBackupOld", p.us)
        assert scrape(p.us).get("mithaq_backup_age_seconds") < 60
        return provoked("MithaqBackupOld", before, after) or provoked("MithaqBackupOld", before, never)


def test_alert_alarm():
    with Pair() as p:
        p.kw.start()
        before = scrape(p.kw)
        assert before.get("mithaq_alarm", code="fork", by="us") == 0
        forger = test_alarm.Forger(p)
        forger.hello()
        forger.checkpoint(forger.genesis())
        forger.checkpoint(test_alarm.sha(b"another history"))
        after = seen(p.kw, "the alarm stands", lambda s: s.get("mithaq_alarm", code="fork", by="us") == 1)
        forger.close()
        assert after.get("mithaq_ledgers_equal", partner=US, channel="customs") == 0
        assert "fork" in run_the_runbook("MithaqAlarm", p.kw)
        return provoked("MithaqAlarm", before, after)


def test_alert_provider_failing_and_the_journal_names_the_exchange():
    with test_http_provider.World() as w:
        w.pair.start()
        before, failed = scrape(w.pair.kw), {}
        for trouble, (_, code, _) in test_http_provider.TROUBLES.items():
            failed[json.loads(w.ask(trouble).stdout)["id"]] = code
        after = scrape(w.pair.kw)
        clause = test_http_provider.CLAUSE
        assert after.get("mithaq_provider_failures_total", clause=clause) == len(failed)
        assert after.get("mithaq_exchanges_total", partner=US, clause=clause, state="failed") == len(failed)
        run_the_runbook("MithaqProviderFailing", w.pair.kw, (0, 1, 2))
        lines = [json.loads(line) for line in w.pair.kw.journal().split("\n") if line]
        named = {line["id"]: line for line in lines if line["code"] == "lookup-failed"}
        for exchange, code in failed.items():
            line = named.get(exchange)
            assert line and (line["partner"], line["clause"]) == (US, clause) and code in line["text"], (exchange, code, line)
        # No value of any field of these questions and answers: what was asked for stands in the service's own log, not in ours.
        said = w.pair.kw.journal() + w.pair.us.journal()
        values = [*test_http_provider.TROUBLES, *test_http_provider.FINE, "released", "2026-11-20", "KWSAA", "secret detail", "duty-assessment"]
        for value in values:
            assert f'"{value}"' not in said and f" {value} " not in said and f"={value}" not in said and f"/{value}" not in said, value
        return provoked("MithaqProviderFailing", before, after)
