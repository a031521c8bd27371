"""unit.py: reads a systemd unit, and asks systemd-analyze about it, for the tests of the package."""
import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
DEBIAN = ROOT / "packaging/debian"
UNITS = {"mithaq.service": DEBIAN / "mithaq.service", "mithaq-backup.service": DEBIAN / "mithaq.mithaq-backup.service",
         "mithaq-backup.timer": DEBIAN / "mithaq.mithaq-backup.timer"}


def lay(folder, binary):
    """The units under the names they are installed by, with programs that are there. Returns their paths."""
    backup, out = ROOT / "packaging/backup", []
    for name, path in UNITS.items():
        text = path.read_text().replace("/usr/libexec/mithaq/backup", str(backup)).replace("/usr/bin/mithaq", str(binary))
        (Path(folder) / name).write_text(text)
        out.append(str(Path(folder) / name))
    return out


def settings(path):
    """directive -> its values in order."""
    found = {}
    for name, value in re.findall(r"(?m)^([A-Za-z]+)=(.*)$", Path(path).read_text()):
        found.setdefault(name, []).append(value)
    return found


def analyze(*words):
    return subprocess.run(["systemd-analyze", *words], capture_output=True, text=True)


def exposure(path):
    """The exposure level that `systemd-analyze security` gives, 0 (none) to 10; and the whole of what it said."""
    done = analyze("security", "--offline=true", "--no-pager", str(path))
    level = re.search(r"exposure level for \S+: ([0-9.]+)", done.stdout)
    return (float(level.group(1)) if level else None), done.stdout + done.stderr


def has_analyze():
    return shutil.which("systemd-analyze") is not None
