"""watch.py: what the askers came to know, read while they write it."""
import json
from pathlib import Path


class Watch:
    """Follows the journals of one party's askers."""

    def __init__(self, folder):
        self.folder, self.at = Path(folder), {}
        self.asked, self.ids, self.ends = {}, {}, {}
        self.answers = []  # (when the attempt began, when its answer came)
        self.events = {}
        self.doubles, self.failures = [], {}

    def read(self):
        for path in sorted(self.folder.glob("asker-*.jsonl")):
            with open(path, "rb") as f:
                f.seek(self.at.get(path, 0))
                text = f.read()
            whole = text[:text.rfind(b"\n") + 1]
            self.at[path] = self.at.get(path, 0) + len(whole)
            for line in whole.splitlines():
                self.hear(json.loads(line))
        return self

    def hear(self, line):
        event = line["event"]
        self.events[event] = self.events.get(event, 0) + 1
        if event == "asks":
            self.asked[line["key"]] = line
        elif event == "accepted":
            self.ids[line["key"]] = line["id"]
        elif event == "final":
            self.ends[line["key"]] = line
            if line["state"] == "answered":
                self.answers.append((line["began"], line["t"]))
        elif event == "another-id":
            self.doubles.append(line)
        elif event == "refused-here":
            self.ends.setdefault(line["key"], {**line, "state": "refused here"})
        elif event == "failure":
            word = f"{line['status']} {line['code']}"
            self.failures[word] = self.failures.get(word, 0) + 1

    def answered_since(self, when):
        """When the first question that was posted after `when` was answered, or None."""
        self.read()
        found = [came for began, came in reversed(self.answers[-2000:]) if began >= when]
        return min(found) if found else None
