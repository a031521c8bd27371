#!/usr/bin/env python3
"""provider.py: what asking an existing service costs: processor time of the worker process per lookup, 16 questions outstanding.

  ./dev bench provider [SECONDS]     SECONDS of load per figure, 8 unless told

The service is nginx with a fixed JSON answer, so that it is no part of the figure. Time is user and system time of the worker
alone, from the scheduler's nanoseconds, and holds everything: the core's lookup, the request, the answer's reading and mapping. The
same load answered from SQLite, and from a service that closes each connection, stand beside it.
"""
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import query  # noqa: E402
from query import gateways  # noqa: E402

OUTSTANDING, GOAL_US = 16, 60
ANSWER = '{"state":"04","releaseDate":"20-11-2026","weight":18450.000,"importer":{"nationalId":"284010100000","name":"Noura Al-Sample"}}'
PROVIDE = """provide:
  customs/declaration-status:
    http: http://127.0.0.1:%d/api/declarations/{declaration}{?office}
    credential: bench-token
    no-hit-on: [404]
    answer:
      status: {from: /state, codes: {"01": lodged, "04": released, "07": held}}
      released-on: {from: /releaseDate, date: DD-MM-YYYY}
"""


class Service:
    """One nginx that answers every path with the same JSON; `keeps` says whether it keeps connections."""

    def __init__(self, keeps):
        self.keeps = keeps

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="mithaq-bench-")
        top, self.port = Path(self.folder.name), gateways.free_port()
        top.chmod(0o755)
        (top / "one.server").write_text(f"""server {{ listen 127.0.0.1:{self.port}; {'' if self.keeps else 'keepalive_timeout 0;'}
            location / {{ default_type application/json; return 200 '{ANSWER}'; }} }}""")
        text = (HERE / "nginx.conf").read_text()
        for word, value in {"WORKERS": "1", "FOLDER": top, "ROLE": "one", "NEXT": self.port}.items():
            text = text.replace(f"@{word}@", str(value))
        (top / "one.conf").write_text(text)
        self.process = subprocess.Popen([query.NGINX, "-p", str(top), "-c", str(top / "one.conf"), "-e", str(top / "one.error.log")])
        return self

    def __exit__(self, *trouble):
        self.process.terminate()
        self.process.wait()
        self.folder.cleanup()


def worker_of(party):
    """The worker that answers the clause of the load: the first provider of the configuration is the first worker started."""
    return next(pid for name, pid in party.children() if name == "mq-worker")


def nanoseconds(pid):
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])


def measure(what, port):
    change = lambda text: re.sub(r"per-day: \d+", "per-day: 100000000", text)
    with gateways.Pair(rows=100_000, change=change) as pair:
        if port is not None:
            path, folder = pair.kw.home / "mithaq.yaml", pair.kw.home / "credentials"
            path.write_text(path.read_text().split("provide:")[0] + PROVIDE % port)
            folder.mkdir(mode=0o700)
            (folder / "bench-token").write_text("made-up-token\n")
            (folder / "bench-token").chmod(0o600)
        pair.start()
        said = pair.us.query("customs/declaration-status", declaration="2026-0048817", purpose="duty-assessment")
        assert said["fields"] == {"status": "released", "released_on": "2026-11-20"}, said
        token, worker = pair.us.token("bench"), worker_of(pair.kw)
        before, spent = pair.us.status(), nanoseconds(worker)
        rate, p50, p99, bad = query.wrk(f"http://127.0.0.1:{pair.us.api}/v1/queries", OUTSTANDING, "-s", str(HERE / "query.lua"), token,
                                        f"run-{time.time_ns()}")
        spent = nanoseconds(worker) - spent
        answered = sum(c["answered"] for c in pair.us.status()["channels"]) - sum(c["answered"] for c in before["channels"])
        each = spent / 1000 / answered
        print(f"{what:<34}{each:8.1f} us   of the worker per lookup ({answered} answered, {rate:.0f}/s, p50 {p50:.2f} ms, p99 {p99:.2f} ms, {bad} not 2xx)")
        return each


def main():
    print(f"mithaq {gateways.BINARY}, {OUTSTANDING} outstanding, {query.SECONDS} s per figure")
    with Service(True) as kept, Service(False) as closing:
        plain = measure("sqlite", None)
        each = measure("http, connections kept", kept.port)
        measure("http, each connection closed", closing.port)
    print(f"http adds at most {each:.1f} us per exchange (goal <= {GOAL_US}; beside sqlite {each - plain:+.1f})")
    return 0 if each <= GOAL_US else 1


if __name__ == "__main__":
    sys.exit(main())
