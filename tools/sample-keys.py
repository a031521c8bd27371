#!/usr/bin/env python3
"""Prints the root keys of the invented sample parties: seed and public key.

They are published on purpose, so that the sample agreements are complete and can
be signed by anybody. A key made this way protects nothing: never use it for more
than a rehearsal. seed = SHA-256("mithaq sample root a customs.kw.example").

  tools/sample-keys.py                 every sample party, one line per key
  tools/sample-keys.py PARTY a         the seed alone, 64 hexadecimal digits
"""
import hashlib
import sys

PARTIES = ["customs.kw.example", "cbp.us.example", "north.bank.example", "south.bank.example", "harbour.hospital.example", "hill.hospital.example",
           "education.north.example", "education.south.example"]


def seed(party, letter):
    return hashlib.sha256(f"mithaq sample root {letter} {party}".encode()).digest()


def public(party, letter):
    from nacl.signing import SigningKey

    return bytes(SigningKey(seed(party, letter)).verify_key)


def main(words):
    if len(words) == 2 and words[1] in ("a", "b"):
        print(seed(words[0], words[1]).hex())
        return 0
    if words:
        print(__doc__, file=sys.stderr)
        return 2
    for party in PARTIES:
        for letter in "ab":
            print(f"{party} root-{letter} seed {seed(party, letter).hex()} public {public(party, letter).hex()}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
