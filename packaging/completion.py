#!/usr/bin/env python3
"""Writes the bash completion from what the program says of itself: its one table of commands.

  packaging/completion.py MITHAQ > completions/mithaq

`mithaq help` names the commands and the options of every command, `mithaq help COMMAND` the words of one. In such a line

  check FILE | sign FILE --root KEYFILE [--party PARTY] | list      separates forms by " | " outside of brackets
  test|live                                                         offers words, where it follows an option
  FILE, KEYFILE, CARD, BUNDLE, DATABASE ...                         stands for the name of a file
"""
import re
import subprocess
import sys

# By lines, so that a file's name may hold spaces.
OFFER = """_mithaq_offer() {
	[ -z "${2:-}" ] || compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(compgen -W "$1" -- "$word"; [ -z "${2:-}" ] || compgen -f -- "$word")
}
"""
FILES = ("FILE", "KEYFILE", "CARD", "BUNDLE", "ALARM", "DATABASE", "DIR", "AGREEMENT")


def said(program, *words):
    return subprocess.run([program, "--lang", "en", "help", *words], check=True, capture_output=True, text=True).stdout


def forms_of(line):
    """The forms of one command: cut at a bar that stands outside of brackets and between spaces."""
    depth, forms, at = 0, [""], 0
    while at < len(line):
        depth += {"[": 1, "]": -1}.get(line[at], 0)
        if depth == 0 and line[at:at + 3] == " | ":
            forms.append("")
            at += 3
            continue
        forms[-1] += line[at]
        at += 1
    return [form.strip() for form in forms]


def options_of(form):
    """--option -> words to offer after it; an empty list: any; None: it takes no value; "file": a file's name."""
    found = {}
    for option, value in re.findall(r"(--[a-z][a-z-]*)(?:[ =]([^\s\[\]]+))?", form):
        if not value or value.startswith("--") or value == "|":
            found[option] = None
        elif re.fullmatch(r"[a-z]+(\|[a-z]+)+", value):
            found[option] = value.split("|")
        else:
            found[option] = "file" if any(word in FILES for word in value.split("|")) else []
    return found


def takes_file(form):
    plain = re.sub(r"--[a-z-]+[ =][^\s\[\]]+", "", form)
    return any(word in FILES for part in re.findall(r"[A-Z|a-z-]+", plain) for word in part.split("|"))


def table(program):
    """command -> [(subcommand or "", options, whether a file's name may stand there)], and the common options."""
    listed, _, common = said(program).partition("with every command")
    names = re.findall(r"^  ([a-z]+) +\S", listed, re.M)
    rows = {}
    for name in names:
        line = said(program, name).splitlines()[0]
        words = line.split(f"mithaq {name}", 1)[1].strip()
        rows[name] = []
        for form in forms_of(words):
            first = re.match(r"[a-z][a-z-]*(?= |$)", form)
            rows[name].append((first.group(0) if first else "", options_of(form), takes_file(form)))
    return rows, options_of(common.split("exit codes")[0])


def after(options):
    """The shell's case arms for the word after an option."""
    arms = []
    for option, value in sorted(options.items()):
        if isinstance(value, list) and value:
            arms.append(f"\t{option}) _mithaq_offer '{' '.join(value)}'; return ;;")
        elif value == "file":
            arms.append(f"\t{option}) _mithaq_offer '' file; return ;;")
        elif value == []:
            arms.append(f"\t{option}) return ;;")
    return arms


def write(program, out):
    rows, common = table(program)
    every = dict(common)
    for forms in rows.values():
        for _, options, _ in forms:
            every.update(options)
    valued = sorted(o for o, v in every.items() if v is not None)
    print("# bash completion of mithaq: made from its table of commands, not written by hand.", file=out)
    print(OFFER, file=out)
    print("_mithaq() {", file=out)
    print('\tlocal word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command="" sub="" at', file=out)
    print("\tCOMPREPLY=()", file=out)
    print("\tfor ((at = 1; at < COMP_CWORD; at++)); do", file=out)
    print("\t\tcase ${COMP_WORDS[at]} in", file=out)
    print(f"\t\t{' | '.join(valued)}) at=$((at + 1)) ;;", file=out)
    print("\t\t-*) ;;", file=out)
    print('\t\t*) if [ -z "$command" ]; then command=${COMP_WORDS[at]}; elif [ -z "$sub" ]; then sub=${COMP_WORDS[at]}; fi ;;', file=out)
    print("\t\tesac", file=out)
    print("\tdone", file=out)
    print("\tcase $before in", file=out)
    print("\n".join(after(every)), file=out)
    print("\tesac", file=out)
    print("\tcase $command/$sub in", file=out)
    arm(out, "/*", [*rows, *sorted(common)], False)
    for name, forms in rows.items():
        subs = [sub for sub, _, _ in forms if sub]
        for sub, options, file in forms:
            if sub:
                arm(out, f"{name}/{sub}", sorted([*options, *common]), file)
        bare = [form for form in forms if not form[0]]
        words = [*subs, *sorted({o for _, options, _ in bare for o in options} | set(common))]
        if name == "help":
            words = [*rows, *sorted(common)]
        arm(out, f"{name}/*", words, any(file for _, _, file in bare))
    print("\tesac", file=out)
    print("}", file=out)
    print("complete -F _mithaq mithaq", file=out)


def arm(out, pattern, words, file):
    print(f"\t{pattern}) _mithaq_offer '{' '.join(words)}'{' file' if file else ''} ;;", file=out)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    write(sys.argv[1], sys.stdout)
