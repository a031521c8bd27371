#!/usr/bin/env python3
"""Writes a file as a C array: embed.py INPUT OUTPUT NAME. For JSON, white space between tokens is dropped and the text is checked."""
import json
import sys


def main():
    source, target, name = sys.argv[1:4]
    with open(source, "rb") as f:
        data = f.read()
    if source.endswith(".json"):
        data = json.dumps(json.loads(data), ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    rows = (data[i : i + 20] for i in range(0, len(data), 20))
    with open(target, "w", encoding="ascii") as f:
        f.write("#include <stddef.h>\n")
        f.write(f"extern const unsigned char {name}[];\nextern const size_t {name}_size;\n")
        f.write(f"const unsigned char {name}[] = {{\n")
        for row in rows:
            f.write("\t" + ", ".join(str(b) for b in row) + ",\n")
        f.write(f"}};\nconst size_t {name}_size = {len(data)};\n")


main()
