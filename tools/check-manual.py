#!/usr/bin/env python3
"""Compares the pages about the commands with what the program says of itself.

  tools/check-manual.py MITHAQ      MITHAQ is the program

Every command of `mithaq help` and every option of its own line must stand in
docs/man/mithaq.1 and every command in docs/ar/commands.md; and no page may name
a command or an option that the program does not have.
"""
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def said(program, *words):
    return subprocess.run([program, *words, "--lang", "en"], check=True, capture_output=True, text=True).stdout


def commands(program):
    return re.findall(r"^  ([a-z]+) +\S", said(program, "help").split("with every command")[0], re.M)


def options(program, command):
    return set(re.findall(r"--([a-z-]+)", said(program, "help", command).splitlines()[0]))


def main(program):
    manual = (ROOT / "docs/man/mithaq.1").read_text()
    arabic = (ROOT / "docs/ar/commands.md").read_text()
    known = commands(program)
    common = set(re.findall(r"--([a-z-]+)", said(program, "help").split("with every command")[1]))
    opts = common.union(*(options(program, c) for c in known))
    wrong = []
    for where, named in (("docs/man/mithaq.1", set(re.findall(r"^\.It Cm ([a-z]+)", manual, re.M))),
                         ("docs/ar/commands.md", set(re.findall(r"`mithaq ([a-z]+)", arabic)))):
        wrong += [f"{where}: {c} is not told" for c in set(known) - named]
        wrong += [f"{where}: there is no command {c}" for c in named - set(known)]
    for where, named in (("docs/man/mithaq.1", set(re.findall(r"Fl Fl ([a-z-]+)", manual))),
                         ("docs/ar/commands.md", set(re.findall(r"--([a-z][a-z-]*)", arabic)))):
        wrong += [f"{where}: there is no option --{o}" for o in named - opts]
        if where.endswith(".1"):
            wrong += [f"{where}: --{o} is not told" for o in opts - named]
    for line in sorted(wrong):
        print(line)
    print(f"{len(known)} commands, {len(opts)} options")
    return 1 if wrong or len(known) < 10 else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
