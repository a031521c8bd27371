#!/usr/bin/env python3
"""query.py: how fast questions are answered, beside the chain of proxies people would run instead, in the same run.

  ./dev bench query [SECONDS]     SECONDS of load per figure, 8 unless told

Every question goes through the asking side's HTTP edge and policy, is signed and on disk on both sides, and is answered
from SQLite by a worker. The chain nginx -> mutual TLS -> nginx -> static upstream signs nothing and keeps nothing.
Ratios count; the figures themselves belong to one machine.
"""
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests/e2e"))
import gateways  # noqa: E402

SECONDS = sys.argv[1] if len(sys.argv) > 1 else "8"
NGINX = shutil.which("nginx") or "/usr/sbin/nginx"


def wrk(url, connections, *script):
    """(requests per second, p50 in ms, p99 in ms, answers that were not 2xx)."""
    threads = min(2, connections)
    line = ["wrk", "-t", str(threads), "-c", str(connections), "-d", f"{SECONDS}s", "--latency", "--timeout", "20s", *script[:2], url]
    if len(script) > 2:
        line += ["--", *script[2:]]
    said = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    latency = {}
    for share, value, unit in re.findall(r"^\s+(50|99)%\s+([\d.]+)(us|ms|s)$", said, re.M):
        latency[share] = float(value) * {"us": 0.001, "ms": 1, "s": 1000}[unit]
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    errors = re.search(r"Socket errors: (.*)", said)
    if errors:
        print(f"  wrk: socket errors: {errors.group(1)}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", said).group(1)), latency["50"], latency["99"], int(bad.group(1)) if bad else 0


def cpu_seconds(party):
    total = 0
    for pid in [party.process.pid, *(pid for _, pid in party.children())]:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def pss_mb(party):
    total = 0
    try:
        for pid in [party.process.pid, *(pid for _, pid in party.children())]:
            total += int(re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M).group(1))
    except PermissionError:
        return None
    return total / 1024


def ready_ms(party):
    """From the program's start to its own word that it is ready."""
    began = time.monotonic()
    process = subprocess.Popen([gateways.BINARY, "--home", str(party.home), "serve"], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                               env={**os.environ, "MITHAQ_LOG": "json"})
    for line in process.stderr:
        if b'"ready"' in line:
            break
    took = (time.monotonic() - began) * 1000
    process.terminate()
    process.stderr.read()
    process.wait()
    return took


def verify_ms(pair):
    said = pair.us.query("customs/declaration-status", declaration="2026-0048817", purpose="duty-assessment")
    bundle = pair.top / "one.mithaq"
    pair.us.run("evidence", "export", said["id"], "--out", bundle)
    took = []
    for _ in range(15):
        began = time.monotonic()
        subprocess.run([gateways.BINARY, "verify", str(bundle)], check=True, stdout=subprocess.DEVNULL)
        took.append((time.monotonic() - began) * 1000)
    return statistics.median(took), bundle.stat().st_size


class Chain:
    """Three nginx, each its own master: front, back, upstream."""

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="mithaq-bench-")
        top = Path(self.folder.name)
        top.chmod(0o755)
        ports = {role: gateways.free_port() for role in ("front", "back", "upstream")}
        for side in ("front", "back"):
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "2", "-subj", f"/CN={side}", "-addext",
                            f"subjectAltName=DNS:{side}", "-keyout", top / f"{side}.key", "-out", top / f"{side}.pem"], check=True, capture_output=True)
        servers = {
            "front": f"""server {{ listen 127.0.0.1:{ports['front']}; location / {{ proxy_pass https://next;
                proxy_ssl_certificate {top}/front.pem; proxy_ssl_certificate_key {top}/front.key; proxy_ssl_trusted_certificate {top}/back.pem;
                proxy_ssl_verify on; proxy_ssl_name back; proxy_ssl_protocols TLSv1.3; proxy_ssl_session_reuse off; }} }}""",
            "back": f"""server {{ listen 127.0.0.1:{ports['back']} ssl; ssl_certificate {top}/back.pem; ssl_certificate_key {top}/back.key;
                ssl_client_certificate {top}/front.pem; ssl_verify_client on; ssl_protocols TLSv1.3; location / {{ proxy_pass http://next; }} }}""",
            "upstream": f"""server {{ listen 127.0.0.1:{ports['upstream']}; location / {{ default_type application/json;
                return 200 '{{"status":"released","released_on":"2026-11-20"}}'; }} }}""",
        }
        following = {"front": ports["back"], "back": ports["upstream"], "upstream": ports["upstream"]}
        self.processes = []
        for role, server in servers.items():
            (top / f"{role}.server").write_text(server)
            text = (HERE / "nginx.conf").read_text()
            for word, value in {"WORKERS": "auto", "FOLDER": top, "ROLE": role, "NEXT": following[role]}.items():
                text = text.replace(f"@{word}@", str(value))
            (top / f"{role}.conf").write_text(text)
            self.processes.append(subprocess.Popen([NGINX, "-p", str(top), "-c", str(top / f"{role}.conf"), "-e", str(top / f"{role}.error.log")]))
        self.url = f"http://127.0.0.1:{ports['front']}/v1/queries"
        gateways.until("nginx answers", self.answers)
        return self

    def answers(self):
        import urllib.request
        try:
            return urllib.request.urlopen(self.url, timeout=2).status == 200
        except OSError:
            return False

    def __exit__(self, *trouble):
        for process in self.processes:
            process.terminate()
            process.wait()
        self.folder.cleanup()


def main():
    print(f"mithaq {gateways.BINARY}, {os.cpu_count()} processors, {SECONDS} s per figure")
    change = lambda text: re.sub(r"per-day: \d+", "per-day: 100000000", text)
    lua = str(HERE / "query.lua")
    rate = {}
    with gateways.Pair(rows=100_000, change=change) as pair:
        starts = [ready_ms(pair.kw) for _ in range(5)]
        print(f"ready                      {statistics.median(starts):8.0f} ms   median of {len(starts)} starts of the answering side (goal < 200)")
        pair.start()
        token = pair.us.token("bench")
        url = f"http://127.0.0.1:{pair.us.api}/v1/queries"
        for connections in (1, 16, 64):
            before, cpu = pair.us.status(), cpu_seconds(pair.us) + cpu_seconds(pair.kw)
            rate[connections], p50, p99, bad = wrk(url, connections, "-s", lua, token, f"run{connections}-{time.time_ns()}")
            cpu = cpu_seconds(pair.us) + cpu_seconds(pair.kw) - cpu
            answered = sum(c["answered"] for c in pair.us.status()["channels"]) - sum(c["answered"] for c in before["channels"])
            print(f"mithaq {connections:3d} connections     {rate[connections]:8.0f} /s   p50 {p50:.2f} ms  p99 {p99:.2f} ms  "
                  f"{cpu / max(answered, 1) * 1e6:.0f} us CPU each, both gateways  {answered} answered, {bad} not 2xx")
        pair.wait_equal()
        for party in pair.parties:
            memory = pss_mb(party)
            print(f"memory of {party.name:<20} " + (f"{memory:5.1f} MB PSS over {1 + len(party.children())} processes (goal <= 64)" if memory else "needs root"))
        took, size = verify_ms(pair)
        print(f"one bundle verified        {took:8.1f} ms   {size} bytes, the program's start included (goal < 50)")
    with Chain() as chain:
        for connections in (1, 16, 64):
            other, p50, p99, bad = wrk(chain.url, connections, "-s", lua, "none", "none")
            print(f"nginx  {connections:3d} connections     {other:8.0f} /s   p50 {p50:.2f} ms  p99 {p99:.2f} ms   mithaq/nginx {rate[connections] / other:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
