#!/usr/bin/env python3
"""load.py: one party's applications, asking over the local API as real ones do: one Idempotency-Key per question, and the
same key again until there is an answer.

  load.py API TOKEN FOLDER SEED THREADS CLAUSE...

Each asker writes a journal of its own, one JSON line per thing it came to know. SIGTERM: no new questions; what was asked is
followed to its end. A second one, or too long a wait, ends it with questions open.
"""
import http.client
import json
import random
import signal
import sys
import threading
import time
from pathlib import Path

FINAL = ("answered", "refused", "expired", "failed", "lost")
SETTLE = 150  # seconds to follow questions to their end: an unanswered one expires after 62
HTTP_TIMEOUT = 12
stop = threading.Event()
deadline = [float("inf")]
hurry = threading.Event()


class Asker(threading.Thread):
    def __init__(self, which, api, token, folder, seed, clauses):
        super().__init__()
        self.which, self.api, self.clauses = which, api, clauses
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Accept-Language": "en"}
        self.draw = random.Random(f"{seed} {which}")
        self.journal = open(Path(folder) / f"asker-{which}.jsonl", "a", buffering=1, encoding="utf-8")
        self.connection = None
        self.said = {}

    def say(self, **what):
        self.journal.write(json.dumps({"t": time.monotonic(), **what}) + "\n")

    # ---- HTTP ----

    def call(self, method, target, body=None, headers=None):
        """(status, parsed body), or None when no answer came."""
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.api, timeout=HTTP_TIMEOUT)
            self.connection.request(method, target, body=body, headers={**self.headers, **(headers or {})})
            answer = self.connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError):
            self.hang_up()
            return None

    def hang_up(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None

    # ---- one question ----

    def run(self):
        n = 0
        while not stop.is_set():
            n += 1
            number = f"{self.draw.randint(1, 20_400):07d}" if n % 2 else f"{self.which:02d}{n:08d}"
            clause = self.draw.choice(self.clauses)
            self.ask(f"{self.which}-{n}", clause, number)
        self.hang_up()

    def ask(self, key, clause, number):
        body = json.dumps({"clause": clause, "purpose": "trial", "fields": {"number": number}})
        self.say(key=key, event="asks", clause=clause, number=number)
        identity = None
        while True:
            began = time.monotonic()
            wait = "wait=3"
            said = self.call("POST", "/v1/queries", body, {"Idempotency-Key": key, "Prefer": wait})
            identity, final = self.hear(key, identity, said, began)
            if final or self.given_up():
                return
            if said is not None and said[0] == 202:
                if self.follow(key, identity):
                    return
            else:
                time.sleep(self.draw.uniform(0.02, 0.2))

    def follow(self, key, identity):
        """Asks for an accepted one by its id, now and then, for a while; then by its key again."""
        for _ in range(3):
            began = time.monotonic()
            said = self.call("GET", f"/v1/queries/{identity}?wait=5")
            _, final = self.hear(key, identity, said, began)
            if final or self.given_up():
                return True
            if said is None or said[0] != 200 and said[0] != 202:
                time.sleep(self.draw.uniform(0.05, 0.3))
        return False

    def hear(self, key, identity, said, began):
        """(the exchange's id as far as it is known, whether this was its end)."""
        if said is None:
            return identity, False
        status, what = said
        if status in (200, 202) and "id" in what:
            if identity is None:
                self.say(key=key, event="accepted", id=what["id"], began=began)
            elif identity != what["id"]:
                self.say(key=key, event="another-id", id=what["id"], was=identity)
            if what["state"] in FINAL:
                value = (what.get("fields") or {}).get("value") if what["state"] == "answered" else None
                self.say(key=key, event="final", id=what["id"], state=what["state"], value=value, began=began,
                         reason=(what.get("refusal") or {}).get("reason"))
                return what["id"], True
            return what["id"], False
        self.failure(key, status, what)
        if 400 <= status < 500 and status != 404 and status != 429 and status != 408:
            self.say(key=key, event="refused-here", status=status, code=what.get("code"))
            return identity, identity is None
        return identity, False

    def failure(self, key, status, what):
        word = f"{status} {what.get('code')}"
        self.said[word] = self.said.get(word, 0) + 1
        if self.said[word] <= 20:
            self.say(key=key, event="failure", status=status, code=what.get("code"), cause=what.get("cause"))

    def given_up(self):
        return hurry.is_set() or time.monotonic() > deadline[0]


def told(*_):
    if stop.is_set():
        hurry.set()
    stop.set()
    deadline[0] = time.monotonic() + SETTLE


def main(words):
    api, token, folder, seed, threads, clauses = int(words[0]), words[1], words[2], words[3], int(words[4]), words[5:]
    signal.signal(signal.SIGTERM, told)
    askers = [Asker(i, api, token, folder, seed, clauses) for i in range(threads)]
    for a in askers:
        a.start()
    for a in askers:
        while a.is_alive():
            a.join(0.2)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
