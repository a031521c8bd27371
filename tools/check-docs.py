#!/usr/bin/env python3
"""Compares the pages for operators and judges with the program and the tree.

  tools/check-docs.py MITHAQ      MITHAQ is the program

Every `mithaq COMMAND ...` on these pages must be a command of `mithaq help`, with a
second word and options that its own line of help has; every journal code in the
English table must stand in the source, and every code that the source writes in the table; every file
that any page of the tree links to must exist. A page and its translation name the same commands.
"""
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAIRS = [("docs/operations.md", "docs/ar/operations.md"), ("docs/what-is-proved.md", "docs/ar/what-is-proved.md"),
         ("docs/installing.md", "docs/ar/installing.md"),
         ("docs/keys.md", "docs/ar/keys.md"), ("docs/sizing.md", "docs/ar/sizing.md"), ("docs/coming-from.md", "docs/ar/coming-from.md"),
         *((f"docs/guides/{chair}.md", f"docs/ar/guides/{chair}.md")
           for chair in ("integration-engineer", "officer", "operator", "supervisor", "legal-adviser"))]
# Every page of the tree, wherever it stands; what was built or installed into it is no page of ours.
LINKED = sorted(name for name in (str(p.relative_to(ROOT)) for p in ROOT.rglob("*.md")) if not re.search(r"^build|^\.|/node_modules/", name))
COMMON = {"home", "lang", "json"}


def said(program, *words):
    return subprocess.run([program, *words, "--lang", "en"], check=True, capture_output=True, text=True).stdout


def known(program):
    """command -> its line of help without the name."""
    names = re.findall(r"^  ([a-z]+) +\S", said(program, "help").split("with every command")[0], re.M)
    return {name: said(program, "help", name).splitlines()[0].split(name, 1)[1] for name in names}


def typed(text):
    """Each command as a list of words: between back quotes or Arabic quotes, or on a console line, alone or behind && and |."""
    text = text.replace("\u200e", "")
    blocks = re.findall(r"^ *```(\w*)[^\n`]*\n(.*?)^ *```", text, re.M | re.S)
    prose = re.sub(r"^ *```.*?^ *```", "", text, flags=re.M | re.S)
    lines = [line[2:] for kind, block in blocks if kind == "console" for line in block.splitlines() if line.startswith("$ ")]
    spans = re.findall(r"(?<!`)`([^`\n]+(?:\n[^`\n]+)?)`(?!`)", prose) + re.findall(r"«(mithaq [^«»\n]+)»", prose)
    lines += [span.replace("\n", " ") for span in spans]
    for line in lines:
        for piece in re.split(r"&&|\||;", line.split("  #")[0]):
            words = piece.split(" > ")[0].strip().rstrip(".:,").split()
            if words[:1] == ["mithaq"] and len(words) > 1:
                yield words[1:]


def faults_of(words, commands):
    name, rest = words[0], words[1:]
    if name not in commands:
        return [f"there is no command `mithaq {' '.join(words)}`"]
    options = COMMON | set(re.findall(r"--([a-z-]+)", commands[name]))
    faults = [f"`mithaq {name}` has no option --{o}" for word in rest for o in re.findall(r"^--([a-z-]+)", word) if o not in options]
    seconds = set(re.findall(r"(?:^|\| )\s*([a-z][a-z-]+)", commands[name].strip()))
    plain = [word for word in rest if not word.startswith("-")]
    free = re.search(r"(?:^|\| )\s*(?:\[FILE|[A-Z])", commands[name].strip()) is not None
    if seconds and plain and not free and plain[0] not in seconds:
        faults.append(f"`mithaq {name} {plain[0]}` is not known; there are: {', '.join(sorted(seconds))}")
    return faults


def link_faults(page):
    text = (ROOT / page).read_text()
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
    return [f"{page}: links to {t}, which is not there" for t in targets
            if "://" not in t and not (ROOT / page).parent.joinpath(t).exists()]


def written_codes():
    source = "\n".join(p.read_text() for p in sorted((ROOT / "src").rglob("*.c")))
    literal = re.findall(r'journal(?:_about)?\((?:LEVEL_[A-Z]+|level),\s*"([a-z-]+)"', source)
    choice = re.findall(r'journal\(LEVEL_[A-Z]+,[^"();]*\?\s*"([a-z-]+)"\s*:\s*"([a-z-]+)"', source)
    passed = re.findall(r'said\(p, [^;]*?LEVEL_\w+, "([a-z-]+)"', source)
    kinds = "\n".join(p.read_text() for p in sorted((ROOT / "src/provider").glob("*.c")))
    troubles = re.findall(r'"(provider-[a-z-]+)"', kinds)
    return set(literal) | {c for pair in choice for c in pair} | set(passed) | set(troubles)


def error_names():
    table = (ROOT / "src/base/error.h").read_text()
    return {name.lower().replace("_", "-") for name in re.findall(r"^\tX\(([A-Z_0-9]+),", table, re.M)}


def code_faults():
    page = (ROOT / "docs/operations.md").read_text().split("## 21.")[1].split("## 22.")[0]
    told = {code for row in re.findall(r"^\| (`[^|]+) \|", page, re.M) for code in re.findall(r"`([a-z-]+)`", row)}
    written = written_codes()
    faults = [f"docs/operations.md: the journal code {c} is not told" for c in written - told]
    return faults + [f"docs/operations.md: nothing writes the journal code {c}" for c in told - written - error_names()]


def main(program):
    commands, faults, count = known(program), [], 0
    for pair in PAIRS:
        used = []
        for page in pair:
            lines = list(typed((ROOT / page).read_text()))
            count += len(lines)
            faults += [f"{page}: {fault}" for words in lines for fault in faults_of(words, commands)]
            used.append({words[0] for words in lines if words[0] in commands})
        faults += [f"{pair[0]} and {pair[1]}: only one of them speaks of `mithaq {c}`" for c in used[0] ^ used[1]]
    faults += [fault for page in LINKED for fault in link_faults(page)] + code_faults()
    for fault in sorted(set(faults)):
        print(fault)
    print(f"{count} commands, {len(LINKED)} pages")
    return 1 if faults or count < 100 else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
