#!/usr/bin/env python3
"""layers.py: checks that includes flow down the floors of ARCHITECTURE.md, and draws the picture.

  tools/layers.py            the picture, then every breach; exit 1 when there is one
  tools/layers.py --quiet    breaches only

Rules
  1. A folder includes itself and lower floors only: never a neighbour, never upward.
  2. Below the waterline (floors 0 to 4) nothing includes crypto/random.h, and nothing opens a file,
     asks the time, sleeps, draws randomness, reads the environment or prints.
  3. Below the waterline no variable at file scope can change (crypto may hold its once-fetched digest).
  4. The tables of texts have both languages.
"""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src"

FLOORS = [
    ["base"],
    ["crypto"],
    ["tree", "wire", "match"],
    ["agreement"],
    ["channel", "evidence"],
    ["store", "lists", "net", "proc"],
    ["provider"],
    ["gateway", "cli"],
]
WATERLINE = 5  # the first floor that may touch the world
FLOOR = {name: number for number, names in enumerate(FLOORS) for name in names}
TOP = len(FLOORS)  # src/main.c

# What only floors above the waterline may call. The one file below that draws is crypto/random.c.
FORBIDDEN = set("""
time clock clock_gettime gettimeofday localtime localtime_r mktime sleep usleep nanosleep clock_nanosleep
open openat creat fopen fdopen freopen opendir read write pread pwrite close unlink rename mkdir stat fstat lstat
fread fwrite fgets fputs puts printf fprintf vfprintf perror scanf fscanf
socket connect bind listen accept send recv sendmsg recvmsg poll select epoll_wait
getrandom getentropy rand random srand rand_r drand48 arc4random randombytes_buf randombytes RAND_bytes
getenv setenv system popen fork execve execv execvp exit _exit getpid signal sigaction pthread_create dlopen
""".split())
MAY_DRAW = {"crypto/random.c"}
MAY_HOLD_STATE = {"crypto"}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+"([^"]+)"', re.M)
CALL = re.compile(r"(?<![\w.])(?<!->)(\w+)\s*\(")
PARAMETER = re.compile(r"\w\s+\*?(\w+)\s*[,)]")
VARIABLE = re.compile(r"^static\s+(?!inline\b)(?![^;={(]*\bconst\b)[^;={(]*[;=]", re.M)


def without_comments_and_texts(code):
    """Replaces comments and literals by blanks of as many lines, so that line numbers stay true."""
    pattern = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
    return pattern.sub(lambda m: "\n" * m.group(0).count("\n") or " ", code)


def line_of(code, position):
    return code.count("\n", 0, position) + 1


def breaches_of_include(path, folder, floor, target):
    there = target.split("/")[0] if "/" in target else folder
    if there == folder or there not in FLOOR:
        return None
    if FLOOR[there] > floor:
        return f'includes upward: "{target}" stands on floor {FLOOR[there]}, this is floor {floor}'
    if FLOOR[there] == floor:
        return f'includes a neighbour: "{target}" stands on the same floor {floor}'
    return None


def check_file(path, edges):
    """Yields (line, words) for every breach in one file, and adds its includes to `edges`."""
    inside = path.relative_to(SOURCE)
    folder = inside.parts[0] if len(inside.parts) > 1 else "main"
    floor = FLOOR.get(folder, TOP if folder == "main" else None)
    code = path.read_text(encoding="utf-8")
    if floor is None:
        yield 1, f'folder "{folder}" has no floor: add it to ARCHITECTURE.md and to tools/layers.py'
        return
    for found in INCLUDE.finditer(code):
        target, line = found.group(1), line_of(code, found.start())
        there = target.split("/")[0] if "/" in target else folder
        if there in FLOOR and there != folder:
            edges.setdefault(folder, {}).setdefault(there, 0)
            edges[folder][there] += 1
        words = breaches_of_include(path, folder, floor, target)
        if words:
            yield line, words
        if floor < WATERLINE and target == "crypto/random.h" and str(inside) not in MAY_DRAW:
            yield line, "includes crypto/random.h below the waterline: randomness is an input there"
    if floor >= WATERLINE or str(inside) in MAY_DRAW:
        return
    bare = without_comments_and_texts(code)
    given = set(PARAMETER.findall(bare))  # a parameter that is a function, whatever its name, opens nothing by itself
    for found in CALL.finditer(bare):
        if found.group(1) in FORBIDDEN - given:
            yield line_of(bare, found.start()), f"calls {found.group(1)}() below the waterline"
    if folder not in MAY_HOLD_STATE:
        for found in VARIABLE.finditer(bare):
            yield line_of(bare, found.start()), f"holds state at file scope: {found.group(0).strip()}"


ARABIC = re.compile(r"[\u0621-\u064a]")
TEXT = re.compile(r'"((?:\\.|[^"\\])*)"')


def check_languages(path):
    """In an X-macro table where one row speaks Arabic, every row must."""
    code = path.read_text(encoding="utf-8")
    for table in re.finditer(r"^#define\s+(\w+)\(X\)((?:.*\\\n)*.*)", code, re.M):
        rows = [(m.start(), m.group(0)) for m in re.finditer(r"\bX\((?:[^()\"]|\"(?:\\.|[^\"\\])*\"|\([^()]*\))*\)", table.group(2))]
        spoken = [bool(ARABIC.search(" ".join(TEXT.findall(row)))) for _, row in rows]
        if not any(spoken):
            continue
        for (start, row), arabic in zip(rows, spoken):
            if not arabic:
                yield line_of(code, table.start(2) + start), f"{table.group(1)}: a row without Arabic: {row[:60]}"


def picture(edges):
    lines = ["floor  folder       includes (times)"]
    for floor in range(TOP, -1, -1):
        for folder in ["main"] if floor == TOP else FLOORS[floor]:
            if folder != "main" and not (SOURCE / folder).is_dir():
                continue
            below = sorted(edges.get(folder, {}).items(), key=lambda e: (-FLOOR[e[0]], e[0]))
            lines.append(f"  {floor}    {folder:<12} " + "  ".join(f"{name} ({n})" for name, n in below))
        if floor == WATERLINE:
            lines.append("  ~~~~ waterline: nothing below opens a file, sleeps, asks the time or draws randomness ~~~~")
    return "\n".join(lines)


def main():
    edges, count = {}, 0
    for path in sorted(SOURCE.rglob("*.[ch]")):
        for line, words in [*check_file(path, edges), *check_languages(path)]:
            print(f"{path.relative_to(ROOT)}:{line}: {words}", file=sys.stderr)
            count += 1
    if "--quiet" not in sys.argv:
        print(picture(edges))
    if count:
        print(f"layers: {count} breaches", file=sys.stderr)
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
