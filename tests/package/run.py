#!/usr/bin/env python3
"""run.py: tries the package that packaging/build.sh made, in build-package/; called by ./dev package.

  tests/package/run.py [NAME...]

Each test prints `ok NAME`, `FAIL NAME` or `skipped: NAME: why`. Installation is tried in a fresh Debian 12 of its own, as root
and where debootstrap is there; `./dev fresh` tries it as well.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

import unit
from unit import ROOT

SIZE_MOST = 2_000_000
WANTED = """usr/bin/mithaq lib/systemd/system/mithaq.service lib/systemd/system/mithaq-backup.service lib/systemd/system/mithaq-backup.timer
usr/lib/sysusers.d/mithaq.conf usr/lib/tmpfiles.d/mithaq.conf usr/libexec/mithaq/backup usr/share/bash-completion/completions/mithaq
usr/share/man/man1/mithaq.1.gz usr/share/man/man5/mithaq.yaml.5.gz usr/share/doc/mithaq/README.md usr/share/doc/mithaq/README.ar.md
usr/share/doc/mithaq/docs/installing.md usr/share/doc/mithaq/docs/ar/installing.md usr/share/doc/mithaq/samples/customs-and-border.yaml""".split()


def version():
    return re.search(r"(?m)^  version: '(.*)',$", (ROOT / "meson.build").read_text()).group(1)


def package():
    architecture = subprocess.check_output(["dpkg", "--print-architecture"], text=True).strip()
    return ROOT / f"build-package/mithaq_{version()}_{architecture}.deb"


def listed():
    """path -> (mode, owner) of everything in the package."""
    said = subprocess.check_output(["dpkg-deb", "-c", package()], text=True)
    return {row[5].removeprefix("./").rstrip("/"): (row[0], row[1]) for row in (line.split(None, 5) for line in said.splitlines())}


def whole():
    found = listed()
    wanted = WANTED + [f"usr/share/mithaq/{p.relative_to(ROOT / 'share')}" for p in (ROOT / "share").rglob("*") if p.is_file()]
    missing = [path for path in wanted if path not in found]
    assert not missing, missing
    assert not any(path.endswith((".a", ".h", ".o", ".pyc")) for path in found), found
    assert package().stat().st_size < SIZE_MOST


def nothing_is_anybody_elses_or_too_open():
    for path, (mode, owner) in listed().items():
        assert owner == "root/root" and mode[8] != "w" and mode[5] != "w" and "s" not in mode, (path, mode, owner)
    assert not any(path.startswith(("etc", "var")) for path in listed()), "folders of the party are made at installation, and are not the package's"


def the_version_is_that_of_the_tree():
    said = subprocess.check_output(["dpkg-deb", "-f", package(), "Version"], text=True).strip()
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["dpkg-deb", "-x", package(), folder], check=True)
        told = subprocess.check_output([f"{folder}/usr/bin/mithaq", "version"], text=True)
    assert said == version() and version() in told, (said, told)


def units_verify_where_they_stand():
    if not unit.has_analyze():
        return "there is no systemd-analyze here"
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["dpkg-deb", "-x", package(), folder], check=True)
        level, said = unit.exposure(f"{folder}/lib/systemd/system/mithaq.service")
        print(f"   exposure of mithaq.service: {level} of 10")
        assert level is not None and level < 2, said
    return None


def lintian_is_content():
    if not shutil.which("lintian"):
        return "there is no lintian here"
    done = subprocess.run(["lintian", "--allow-root", "--pedantic", "--fail-on", "error,warning", package()], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return None


def two_builds_are_the_same():
    if os.environ.get("MITHAQ_PACKAGE_TWICE") is None:
        return "set MITHAQ_PACKAGE_TWICE to build it once more"
    first = package().read_bytes()
    subprocess.run([ROOT / "packaging/build.sh"], check=True, stdout=subprocess.DEVNULL)
    assert package().read_bytes() == first
    return None


def it_installs_in_a_fresh_debian():
    if os.geteuid() != 0 or not shutil.which("debootstrap"):
        return "this needs root and debootstrap"
    top = Path(tempfile.mkdtemp(prefix="mithaq-package-", dir="/var/tmp"))
    try:
        fresh(f'fresh_make "{top}"')
        for path in (package(), ROOT / "tests/package/inside.sh"):
            shutil.copy(path, top / "root")
        said = fresh(f'fresh_do "{top}" "apt-get update -qq && /root/inside.sh /root/{package().name}"')
        print("".join(f"   {line}\n" for line in said.splitlines() if line.startswith("ok ")), end="")
    finally:
        fresh(f'fresh_away "{top}"')
    return None


def fresh(words):
    """Runs functions of tools/fresh.sh; what they printed."""
    done = subprocess.run(["bash", "-c", f'. "{ROOT}/tools/fresh.sh"; {words}'], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
    return done.stdout


TESTS = (whole, nothing_is_anybody_elses_or_too_open, the_version_is_that_of_the_tree, units_verify_where_they_stand, lintian_is_content,
         it_installs_in_a_fresh_debian, two_builds_are_the_same)


def main(words):
    if not package().exists():
        print(f"FAIL there is no {package()}: ./dev package makes it")
        return 1
    failed = 0
    for test in TESTS:
        name = test.__name__.replace("_", " ")
        if words and not any(word in name for word in words):
            continue
        began = time.monotonic()
        try:
            said = test()
            print(f"skipped: {name}: {said}" if said else f"ok {name} ({time.monotonic() - began:.1f} s)", flush=True)
        except Exception:
            failed += 1
            print(f"FAIL {name}\n{traceback.format_exc()}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
