"""pages.py: runs what a page tells people to type, and compares what comes with what the page shows.

Each ```console block is typed line by line into one shell, in a folder where the samples stand and `mithaq` is the program. Words behind `console`:

    console at customs.kw.example    typed at that party's gateway; at the asking one when nothing is said
    console new                      typed where no party is yet
    console stopped                  both gateways were stopped before

A block of another kind with a name behind it (```yaml provide.yaml) is written to a file of that name. A line that begins with `$ ` is typed, one
that ends with a backslash goes on; what stands below is what must come. In it `...` is anything, alone on a line any lines; ids, times, tokens, hashes,
milliseconds and the six words are anything of their form, but an id or token that the page shows twice is the same one both times, and what is typed
with it later is typed with the real one. A command below which nothing stands must succeed.
"""
import contextlib
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from gateways import BINARY, ROOT, US, free_port

FORMS = [
    ("name", r"\b[qe]_[0-9A-HJKMNP-TV-Z]{13,26}\b", None),
    ("name", r"\bmq_(?:test|live)_[0-9A-Z]{10,}\b", None),
    ("any", r"\d{4}-\d\d-\d\dT\d\d[:-]\d\d[:-]\d\d[.-]\d{3}Z", None),
    ("any", r"\d{4}-\d\d-\d\d(?=$|\D)", r"\d{4}-\d\d-\d\d"),
    ("any", r"(?:\b[0-9a-f]{4} ){15}[0-9a-f]{4}\b", None),
    ("any", r"\b[0-9a-f]{64}\b|\b[0-9a-f]{32}\b|\b[0-9a-f]{12,16}\b", None),
    ("any", r"\b\d+(?:\.\d+)? (?:ms|us|MiB|مللي ثانية|م\.ث)(?=\W|$)", r"\d+(?:\.\d+)? (?:ms|us|MiB|مللي ثانية|م\.ث)"),
    ("words", r"(?<=: )(?:[a-z]+ ){5}[a-z]+$|(?<=^  )(?:[a-z]+ ){5}[a-z]+$|(?<=: )(?:[\u0621-\u0652]+ ){5}[\u0621-\u0652]+$", r"(?:\w+ ){5}\w+"),
    ("dots", r"\.\.\.", ".*"),
    ("space", r"\s+", r"\s+"),
]
SCANNER = re.compile("|".join(f"({form})" for _, form, _ in FORMS))
PATIENCE = 60
DONE = "--typed--"


class Different(AssertionError):
    pass


class Block:
    def __init__(self, words, line, lines):
        self.words, self.line, self.lines = words, line, lines

    def steps(self):
        """(line number, what is typed, what is shown)"""
        found = []
        for at, text in enumerate(self.lines, self.line):
            if text.startswith("$ "):
                found.append([at, text[2:], []])
            elif found and found[-1][1].endswith("\\") and not found[-1][2]:
                found[-1][1] = found[-1][1][:-1] + text.strip()
            elif found:
                found[-1][2].append(text)
        return found


def markdown(path):
    """The blocks of a page; what Arabic pages put around them does not matter."""
    found = []
    lines = Path(path).read_text().split("\n")
    inside = None
    for at, line in enumerate(lines, 1):
        if line.startswith("```"):
            if inside is None:
                inside = Block(line[3:].split(), at + 1, [])
            else:
                found.append(inside)
                inside = None
        elif inside is not None:
            inside.lines.append(line)
    assert inside is None, f"{path}: a block does not end"
    return found


def examples(path):
    """The examples of a manual page: a comment `.\\" at PARTY`, `.\\" new`, `.\\" stopped` says where the following ones are typed."""
    found = []
    where, inside = None, None
    for at, line in enumerate(Path(path).read_text().split("\n"), 1):
        if line.startswith(".Sh "):
            where = [] if line == ".Sh EXAMPLES" else None
        elif where is None:
            continue
        elif line.startswith('.\\" '):
            where = line[4:].split()
        elif line.startswith(".Bd -literal"):
            inside = Block(["console", *where], at + 1, [])
        elif line.startswith(".Ed"):
            found.append(inside)
            inside = None
        elif inside is not None:
            inside.lines.append(line.replace("\\e", "\\").replace("\\&", ""))
    return found


class Typist:
    """One shell, beside a pair of gateways that run."""

    def __init__(self, pair, folder, lang):
        self.pair, self.folder, self.lang = pair, Path(folder), lang
        self.known = {}  # what the page calls it -> what it is here
        self.ports = {}
        self.shell = None

    def __enter__(self):
        (self.folder / "bin").mkdir()
        program = self.folder / "bin/mithaq"
        program.write_text(f"#!/bin/sh\nLC_ALL={'ar_KW' if self.lang == 'ar' else 'C'}.UTF-8 exec {shlex.quote(BINARY)} \"$@\"\n")
        program.chmod(0o755)
        (self.folder / "bin/python3").symlink_to(sys.executable)
        (self.folder / "here").mkdir()
        (self.folder / "here/samples").symlink_to(ROOT / "samples")
        (self.folder / "here/tools").symlink_to(ROOT / "tools")
        (self.folder / "here/root").symlink_to(self.pair.us.home / "root")
        for party in self.pair.parties:
            (self.folder / f"here/{party.name}.card").write_bytes((party.home / f"{party.name}.card").read_bytes())
        (self.folder / "here/customs-and-border.yaml").write_bytes((ROOT / "samples/customs-and-border.yaml").read_bytes())
        (self.folder / "here/customs-and-border.yaml.signed").write_bytes(self.pair.signed.read_bytes())
        self.shell = subprocess.Popen(["bash", "--noprofile", "--norc"], cwd=self.folder / "here", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                      text=True, start_new_session=True,
                                      env={"PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}", "HOME": str(self.folder), "LC_ALL": "C.UTF-8"})
        return self

    def __exit__(self, *trouble):
        self.shell.stdin.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.shell.pid, 15)
        self.shell.wait()
        self.shell.stdout.close()

    def port(self, shown):
        """The API of the party stands at the page's 7171, whatever port it has here; any other port of the page is one that is free."""
        if shown == "7171":
            return str(self.api)
        return self.ports.setdefault(shown, str(free_port()))

    def real(self, text):
        for shown, real in self.known.items():
            text = text.replace(shown, real)
        return re.sub(r"(?<=127\.0\.0\.1:)\d+|(?<=http\.server )\d+", lambda m: self.port(m[0]), text)

    def type(self, line, patience=PATIENCE):
        """(what came, exit code)"""
        self.shell.stdin.write(f"{line}\nprintf '\\n{DONE} %s\\n' $? \n")
        self.shell.stdin.flush()
        came = []
        for text in self.shell.stdout:
            if text.startswith(DONE):
                if came and came[-1] == "\n":
                    came.pop()
                return "".join(came), int(text.split()[1])
            came.append(text)
        raise Different(f"the shell ended at: {line}")

    def pattern(self, shown, groups):
        """A page's line as an expression; what it names for the first time becomes a group."""
        out, at = "", 0
        shown = shown.strip()
        for match in SCANNER.finditer(shown):
            out += re.escape(shown[at:match.start()])
            kind, form, is_ = FORMS[match.lastindex - 1]
            if kind == "name":
                name = match[0]
                if name in self.known:
                    out += re.escape(self.known[name])
                elif name in groups:
                    out += f"(?P=n{groups.index(name)})"
                else:
                    out += f"(?P<n{len(groups)}>{form})"
                    groups.append(name)
            else:
                out += f"(?:{is_ or form})"
            at = match.end()
        return out + re.escape(shown[at:])

    def compare(self, shown, came):
        groups, parts = [], []
        for line in shown:
            parts.append(r"(?:.*\n)*?" if line.strip() == "..." else r"[ \t]*" + self.pattern(self.real_ports(line), groups) + r"[ \t]*\n")
        match = re.fullmatch("".join(parts), "".join(line.rstrip() + "\n" for line in came.rstrip().split("\n")) if came.strip() else "")
        if match is None:
            return False
        self.known.update((name, match[f"n{i}"]) for i, name in enumerate(groups))
        return True

    def real_ports(self, text):
        return re.sub(r"(?<=127\.0\.0\.1:)\d+", lambda m: self.port(m[0]), text)

    def settle(self, block):
        """Where this block is typed."""
        words = block.words[1:]
        if "stopped" in words:
            for party in self.pair.parties:
                party.stop()
        name = words[words.index("at") + 1] if "at" in words else US
        party = next(p for p in self.pair.parties if p.name == name)
        self.api = party.api
        home = self.folder / "new" if "new" in words else party.home
        self.type(f"export MITHAQ_HOME={shlex.quote(str(home))}")

    def play(self, page, blocks):
        """Types the page; how many commands that were."""
        count = 0
        for block in blocks:
            if not block.words or block.words[0] != "console":
                if len(block.words) > 1 and "." in block.words[1]:
                    self.api = self.pair.us.api
                    (self.folder / "here" / block.words[1]).write_text(self.real_ports("\n".join(block.lines) + "\n"))
                continue
            self.settle(block)
            for at, line, shown in block.steps():
                count += 1
                while shown and not shown[-1].strip():
                    shown = shown[:-1]
                came, code = self.type(self.real(line))
                if shown and not self.compare(shown, came):
                    raise Different(f"{page}:{at}: $ {line}\n--- the page shows\n" + "\n".join(shown) + f"\n--- what came, code {code}\n{came}")
                if not shown and code != 0:
                    raise Different(f"{page}:{at}: $ {line}\n--- code {code}\n{came}")
        return count
