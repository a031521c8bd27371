"""What the Debian package brings: units, user, folders, backup, completion; without building it (tests/package/run.py does)."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from gateways import BINARY, Pair, ROOT

sys.path.insert(0, str(ROOT / "tests/package"))
import unit  # noqa: E402

EXPOSURE_MOST = 1.2  # of 10; what is left is the network, which is a gateway's work


def test_the_unit_says_what_the_design_asks_for():
    said = unit.settings(unit.UNITS["mithaq.service"])
    wanted = {"Type": "notify", "Restart": "on-failure", "User": "mithaq", "ProtectSystem": "strict", "NoNewPrivileges": "yes", "PrivateTmp": "yes",
              "MemoryDenyWriteExecute": "yes", "CapabilityBoundingSet": "", "StateDirectory": "mithaq", "KillMode": "mixed",
              "LoadCredential": "credentials:/etc/mithaq/credentials", "RestrictAddressFamilies": "AF_UNIX AF_INET AF_INET6 AF_NETLINK"}
    assert {name: said.get(name) for name in wanted} == {name: [value] for name, value in wanted.items()}, said
    assert int(said["WatchdogSec"][0]) > 0 and "-HUP ${MAINPID}" in said["ExecReload"][0]


def test_systemd_takes_the_units():
    if not unit.has_analyze():
        return "there is no systemd-analyze here"
    with tempfile.TemporaryDirectory() as folder:
        paths = unit.lay(folder, BINARY)
        done = unit.analyze("verify", "--man=no", "--recursive-errors=no", *paths)
        ours = [line for line in done.stderr.splitlines() if "mithaq" in line]
        assert done.returncode == 0 and not ours, done.stderr
        spoilt = Path(folder) / "mithaq.service"
        spoilt.write_text(spoilt.read_text().replace("ProtectSystem=", "ProtectSystems="))
        assert "ProtectSystems" in unit.analyze("verify", "--man=no", str(spoilt)).stderr


def test_little_is_exposed():
    if not unit.has_analyze():
        return "there is no systemd-analyze here"
    for name in ("mithaq.service", "mithaq-backup.service"):
        level, said = unit.exposure(unit.UNITS[name])
        assert level is not None and level <= EXPOSURE_MOST, said


def test_the_filter_permits_what_a_promise_needs():
    """Every call that src/proc/promise.c names is in the sets that the unit allows, or does not come from the gateway's own user."""
    if not unit.has_analyze():
        return "there is no systemd-analyze here"
    words = " ".join(unit.settings(unit.UNITS["mithaq.service"])["SystemCallFilter"]).split()
    sets = [w for w in words if w.startswith("@")]
    allowed = {w for w in words if not re.match(r"[@~]", w)} | calls_of(*sets) - calls_of("@privileged", "@resources")
    promised = set(re.findall(r'^\t\{"([a-z0-9_]+)",', (ROOT / "src/proc/promise.c").read_text(), re.M))
    # SQLite gives a file to its owner when it runs as root; glibc limits by prlimit64.
    assert promised - allowed <= {"fchown", "setrlimit"}, promised - allowed


def calls_of(*names):
    """The calls of sets, and of the sets in them."""
    calls, left = set(), list(names)
    while left:
        said = subprocess.run(["systemd-analyze", "--no-pager", "syscall-filter", left.pop()], capture_output=True, text=True, check=True).stdout
        for word in re.findall(r"(?m)^    (\S+)$", said):
            (left.append if word.startswith("@") else calls.add)(word)
    return calls


def test_user_and_folders():
    if os.geteuid() != 0 or not shutil.which("systemd-sysusers") or not shutil.which("systemd-tmpfiles"):
        return "this needs root and systemd's tools"
    with tempfile.TemporaryDirectory() as top:
        Path(top, "etc").mkdir()
        for _ in range(2):  # doing it twice changes nothing
            subprocess.run(["systemd-sysusers", f"--root={top}", unit.DEBIAN / "mithaq.sysusers"], check=True, capture_output=True)
            subprocess.run(["systemd-tmpfiles", f"--root={top}", "--create", unit.DEBIAN / "mithaq.tmpfiles"], check=True, capture_output=True)
        user = re.search(r"(?m)^mithaq:[^:]*:(\d+):(\d+):.*:/var/lib/mithaq:/usr/sbin/nologin$", Path(top, "etc/passwd").read_text())
        for folder, mode in (("etc/mithaq", 0o750), ("etc/mithaq/credentials", 0o700), ("var/lib/mithaq", 0o700), ("var/backups/mithaq", 0o700)):
            about = Path(top, folder).stat()
            assert about.st_mode & 0o7777 == mode and about.st_uid == int(user.group(1)), folder


def test_what_root_makes_belongs_to_whom_the_folder_belongs_to():
    if os.geteuid() != 0:
        return "this needs root"
    with tempfile.TemporaryDirectory() as top:
        os.chmod(top, 0o755)
        home = Path(top, "home")
        home.mkdir(mode=0o750)
        os.chown(home, 65533, 65533)
        run = [BINARY, "--home", home, "--lang", "en"]
        subprocess.run([*run, "init", "customs.kw.example"], check=True, capture_output=True)
        subprocess.run([*run, "token", "new", "operator", "--cli"], check=True, capture_output=True)
        made = list(home.rglob("*"))
        assert len(made) > 15 and all((p.stat().st_uid, p.stat().st_gid) == (65533, 65533) for p in made), made
        assert all(p.stat().st_mode & 0o7777 == 0o600 for p in made if p.suffix == ".key")
        # Root reads such a key; one of a third user it refuses.
        subprocess.run([*run, "upgrade", "--check"], check=True, capture_output=True)
        os.chown(home / "keys/log.key", 65532, 65532)
        assert "uid 65532" in subprocess.run([*run, "upgrade", "--check"], capture_output=True, text=True).stdout


def backup(folder, keep, **env):
    return subprocess.run([ROOT / "packaging/backup", str(folder), str(keep)], capture_output=True, text=True, env={**os.environ, **env})


def test_backups_are_kept_until_newer_ones_are_whole():
    with Pair() as p, tempfile.TemporaryDirectory() as folder:
        p.kw.start()
        p.kw.stop()
        env = {"MITHAQ": str(BINARY), "MITHAQ_HOME": str(p.kw.home)}
        old = [Path(folder, f"mithaq-2025-01-{day:02}T02-15-00Z.backup") for day in range(1, 6)]
        others = [Path(folder, name) for name in ("before.backup", "mithaq-2024-01-01.backup")]
        for path in old + others:
            path.write_bytes(b"kept")
        (p.kw.home / "mithaq.yaml").rename(p.kw.home / "away")
        assert backup(folder, 3, **env).returncode != 0 and all(path.exists() for path in old)
        (p.kw.home / "away").rename(p.kw.home / "mithaq.yaml")
        done = backup(folder, 3, **env)
        assert done.returncode == 0, done.stderr
        assert [path.exists() for path in old] == [False, False, False, True, True] and all(path.exists() for path in others)
        fresh = [path for path in Path(folder).glob("mithaq-2*Z.backup") if path not in old]
        assert len(fresh) == 1 and fresh[0].stat().st_mode & 0o7777 == 0o600
        assert backup(folder, "few", **env).returncode == 2


COMPLETE = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _mithaq
printf '%s\\n' "${COMPREPLY[@]}"
"""


def completed(script, *words):
    return set(subprocess.run(["bash", "-c", COMPLETE, "bash", script, *words], capture_output=True, text=True, check=True).stdout.split("\n")[:-1])


def test_completion_is_that_of_the_table_of_commands():
    table = (ROOT / "src/main.c").read_text()
    rows = re.findall(r'\{"([a-z]+)", cmd_[a-z]+,\s*((?:"(?:\\.|[^"\\])*"\s*)+),', table)
    assert len(rows) > 15
    with tempfile.NamedTemporaryFile("w") as script:
        script.write(subprocess.run([sys.executable, ROOT / "packaging/completion.py", BINARY], capture_output=True, text=True, check=True).stdout)
        script.flush()
        offered = completed(script.name, "mithaq", "")
        assert offered == {name for name, _ in rows} | {"--home", "--lang", "--json"}, offered
        for name, line in rows:
            words = "".join(re.findall(r'"([^"]*)"', line))
            subs = re.findall(r"(?:^|\| )([a-z][a-z-]*)(?= |$)", words)
            here = set()
            for at in (["mithaq", name, ""], *(["mithaq", name, sub, "--"] for sub in subs)):
                here |= completed(script.name, *at)
            missing = set(re.findall(r"--[a-z][a-z-]*", words)) | set(subs)
            assert missing <= here, (name, missing - here)
        assert completed(script.name, "mithaq", "init", "--environment", "") == {"test", "live"}
        assert completed(script.name, "mithaq", "--home", "/x", "agreement", "si") == {"sign"}
        assert "--root" not in completed(script.name, "mithaq", "agreement", "list", "--")


def test_scripts_of_the_package_are_shell():
    for name in ("mithaq.postinst", "mithaq.prerm", "mithaq.postrm"):
        subprocess.run(["sh", "-n", unit.DEBIAN / name], check=True)
    subprocess.run(["sh", "-n", ROOT / "packaging/backup"], check=True)


def purge(top, *env):
    text = (unit.DEBIAN / "mithaq.postrm").read_text().replace("#DEBHELPER#", "")
    return subprocess.run(["env", f"DPKG_ROOT={top}", *env, "sh", "-c", text, "postrm", "purge"], check=True, capture_output=True, text=True).stdout


def test_a_purge_leaves_keys_and_ledger_unless_all_is_asked_for():
    with tempfile.TemporaryDirectory() as top:
        for folder in ("etc/mithaq/keys", "etc/mithaq/credentials", "var/lib/mithaq", "var/backups/mithaq"):
            Path(top, folder).mkdir(parents=True)
        key, ledger = Path(top, "etc/mithaq/keys/log.key"), Path(top, "var/lib/mithaq/ledger.db")
        for path in (key, ledger):
            path.write_text("kept")
        for _ in range(2):
            said = purge(top)
            assert key.exists() and ledger.exists() and "left in place" in said and not Path(top, "var/backups/mithaq").exists()
        assert purge(top, "MITHAQ_PURGE=all") == said and key.exists()
        assert purge(top, "MITHAQ_PURGE=everything") == ""
        assert not Path(top, "etc/mithaq").exists() and not Path(top, "var/lib/mithaq").exists() and Path(top, "etc").exists()
        purge(top)
