"""What the guides and the manual tell people to type is typed, and what comes is what they show."""
import re
import subprocess
import tempfile
from pathlib import Path

import pages
from gateways import BINARY, ROOT, Pair, until

GUIDES = ("integration-engineer", "officer", "operator", "supervisor", "legal-adviser")
LEAST = 5  # commands on a page; fewer means that the reading of pages went wrong


def settled(pair):
    """The connection agreement is in force on both sides and nothing is taken up any more."""
    pair.start()
    until("the connection agreement is in force", lambda: "mithaq" in pair.wait_equal())
    pair.wait_linked()
    return pair


def typed_at(pair, path, blocks, lang="en"):
    with tempfile.TemporaryDirectory(prefix="mithaq-page-") as folder, pages.Typist(pair, folder, lang) as typist:
        return typist.play(path, blocks)


def play(path, blocks, lang="en"):
    with Pair(rows=50_000) as pair:
        count = typed_at(settled(pair), path, blocks, lang)
    assert count >= LEAST, f"{path}: {count} commands"


def guide(name):
    path = ROOT / "docs" / name
    play(f"docs/{name}", pages.markdown(path), "ar" if name.startswith("ar/") else "en")


def test_the_guide_of_the_integration_engineer():
    guide("guides/integration-engineer.md")


def test_the_guide_of_the_officer():
    guide("guides/officer.md")


def test_the_guide_of_the_operator():
    guide("guides/operator.md")


def test_the_guide_of_the_supervisor():
    guide("guides/supervisor.md")


def test_the_guide_of_the_legal_adviser():
    guide("guides/legal-adviser.md")


def test_the_guides_in_arabic():
    for name in GUIDES:
        guide(f"ar/guides/{name}.md")


def typed(path):
    return [line for block in pages.markdown(path) if block.words[:1] == ["console"] for _, line, _ in block.steps()]


def test_both_languages_type_the_same():
    for name in GUIDES:
        english, arabic = (typed(ROOT / f"docs/{at}guides/{name}.md") for at in ("", "ar/"))
        assert english == arabic, f"{name}: {[pair for pair in zip(english, arabic) if pair[0] != pair[1]] or (len(english), len(arabic))}"


def test_the_manual_has_an_example_of_every_command_and_they_run():
    path = ROOT / "docs/man/mithaq.1"
    blocks = pages.examples(path)
    lines = [line for block in blocks for _, line, _ in block.steps()]
    said = subprocess.run([BINARY, "help", "--lang", "en"], check=True, capture_output=True, text=True).stdout
    commands = re.findall(r"^  ([a-z]+) +\S", said.split("with every command")[0], re.M)
    missing = [c for c in commands if not any(re.search(rf"\bmithaq (?:--home \S+ )?{c}\b", line) for line in lines)]
    assert len(commands) > 20 and not missing, missing
    play("docs/man/mithaq.1", blocks)


def tampered(blocks, old, new):
    """The same page with one thing in it changed, once."""
    for block in blocks:
        for at, line in enumerate(block.lines):
            if old in line:
                block.lines[at] = line.replace(old, new)
                return blocks
    raise AssertionError(f"{old} does not stand there")


def test_a_page_that_shows_something_else_is_found():
    path = Path("docs/guides/officer.md")
    with Pair(rows=50_000) as pair:
        settled(pair)
        for old, new in (("released on   ", "released at   "), ("declaration=2026-0048817", "declaration=2026-0000000"), ("  rule 7/purposes", "  rule 7/fields"),
                         ("receipt held", "receipt held, and more")):
            try:
                typed_at(pair, path, tampered(pages.markdown(ROOT / path), old, new))
            except pages.Different as found:
                assert str(path) in str(found), found
                continue
            raise AssertionError(f"{new!r} in the place of {old!r} was not found")
