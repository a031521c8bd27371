#!/usr/bin/env python3
"""generate-samples.py: invented customs declarations and travel documents, the same ones every time.

  tools/generate-samples.py DATABASE [--rows 100000] [--country KW|US] [--seed 2017]

Writes an SQLite file with two tables, `declarations` and `travel_documents`, of that many rows each. Nobody in it
exists: every name says that it is a sample. The file is replaced whole or not at all.
"""
import argparse
import os
import random
import sqlite3
import sys
from datetime import date, timedelta

FIRST = ["Noura", "Salim", "Dana", "Faris", "Layan", "Yusuf", "Maha", "Tariq", "Ada", "Ben", "Clara", "Dexter", "Ella", "Frank", "Gina", "Hugo"]
LAST = ["Al-Sample", "Al-Namudhaj", "Al-Mithal", "Al-Tajriba", "Example", "Sampleton", "Placeholder", "Testcase", "Specimen", "Mockford"]
FIRST_AR = ["نورة", "سالم", "دانة", "فارس", "ليان", "يوسف", "مها", "طارق"]
LAST_AR = ["النموذج", "المثال", "التجربة", "العينة", "الافتراضي"]
TRADE = ["Sample Trading Co.", "Example Imports", "Placeholder Freight", "Specimen Foods", "مؤسسة المثال للتجارة", "شركة النموذج للشحن"]
GOODS = ["sample machine parts", "example textiles", "specimen foodstuffs", "placeholder furniture", "test instruments"]
OFFICES = ["KWSAA", "KWSWK", "KWKWI", "KWSAB"]
# One country's documents: letter of the number, types, and one row that samples/ speak of.
COUNTRIES = {
    "KW": ("P", ["passport", "identity-card", "refugee-document"], ["P0004711", "passport", "KW", "stolen", "2026-03-02", "2031-05-01"]),
    "US": ("X", ["passport", "passport-card", "refugee-document"], ["X0000815", "passport", "US", "valid", "2024-06-30", "2034-06-29"]),
}

# Declarations that samples/ and the README speak of.
DECLARATIONS = {
    "2026-0048817": ["KWSAA", "released", "2026-11-17", "2026-11-20"],
    "2026-0048818": ["KWSAA", "held", "2026-11-18", None],
}

SCHEMA = """
CREATE TABLE declarations(
  number TEXT PRIMARY KEY, office TEXT NOT NULL, status TEXT NOT NULL, lodged_on TEXT NOT NULL, released_on TEXT,
  importer TEXT NOT NULL, goods TEXT NOT NULL, duty TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE travel_documents(
  number TEXT PRIMARY KEY, type TEXT NOT NULL, country TEXT NOT NULL, status TEXT NOT NULL, since TEXT NOT NULL,
  expires_on TEXT NOT NULL, holder TEXT NOT NULL, holder_ar TEXT NOT NULL) WITHOUT ROWID;
"""


def day_between(draw, first, last):
    return first + timedelta(days=draw.randrange((last - first).days + 1))


def declaration(draw, i):
    number = f"2026-{i:07d}"
    lodged = day_between(draw, date(2026, 1, 1), date(2026, 11, 15))
    status = draw.choices(["released", "held", "lodged"], [85, 5, 10])[0]
    released = lodged + timedelta(days=draw.randrange(1, 6))
    row = [number, draw.choice(OFFICES), status, lodged, released if status == "released" else None,
           draw.choice(TRADE), draw.choice(GOODS), f"{draw.randrange(10, 90000)}.{draw.randrange(1000):03d}"]
    row[1:5] = DECLARATIONS.get(number, row[1:5])
    return [v.isoformat() if isinstance(v, date) else v for v in row]


def travel_document(draw, i, country):
    letter, types, known = COUNTRIES[country]
    issued = day_between(draw, date(2018, 1, 1), date(2026, 10, 31))
    status = draw.choices(["valid", "lost", "stolen", "revoked"], [96, 2, 1, 1])[0]
    since = issued if status == "valid" else issued + timedelta(days=draw.randrange(10, 400))
    row = [f"{letter}{i:07d}", draw.choice(types), country, status, since, issued + timedelta(days=3652),
           f"{draw.choice(FIRST)} {draw.choice(LAST)}", f"{draw.choice(FIRST_AR)} {draw.choice(LAST_AR)}"]
    if row[0] == known[0]:
        row[:6] = known
    return [v.isoformat() if isinstance(v, date) else v for v in row]


def fill(path, rows, seed, country):
    draw = random.Random(f"{seed} {country}")
    db = sqlite3.connect(path)
    db.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;" + SCHEMA)
    with db:
        db.executemany("INSERT INTO declarations VALUES(?,?,?,?,?,?,?,?)", (declaration(draw, i) for i in range(1, rows + 1)))
        db.executemany("INSERT INTO travel_documents VALUES(?,?,?,?,?,?,?,?)", (travel_document(draw, i, country) for i in range(1, rows + 1)))
    db.close()


def main():
    words = argparse.ArgumentParser(description="Invented declarations and travel documents, the same ones every time.")
    words.add_argument("database")
    words.add_argument("--rows", type=int, default=100_000)
    words.add_argument("--seed", type=int, default=2017)
    words.add_argument("--country", choices=sorted(COUNTRIES), default="KW", help="whose travel documents")
    asked = words.parse_args()
    if not 1 <= asked.rows <= 999_999:
        words.error(f"--rows is between 1 and 999999, found {asked.rows}")
    making = asked.database + ".new"
    try:
        if os.path.exists(making):
            os.unlink(making)
        fill(making, asked.rows, asked.seed, asked.country)
        os.replace(making, asked.database)
    except (OSError, sqlite3.Error) as trouble:
        print(f"generate-samples: {asked.database}: {trouble}", file=sys.stderr)
        return 1
    print(f"{asked.database}: {asked.rows} declarations, {asked.rows} travel documents, all invented")
    return 0


if __name__ == "__main__":
    sys.exit(main())
