"""machine.py: a machine of its own on this one: its own network, its own process list and its own disk above this disk.

The disk is an overlay: what the machine installs and writes stands in a folder that goes with it; nothing of the
machine underneath changes. What is missing of a real machine is systemd: start() does what the package's unit says.
"""
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

PATIENCE = 60
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/root"}


class Broken(AssertionError):
    pass


def possible():
    """Why this cannot be played here, or None."""
    if os.geteuid() != 0:
        return "it needs root, for namespaces of its own"
    for program in ("unshare", "nsenter", "ip", "dpkg", "setpriv"):
        if not shutil.which(program):
            return f"{program} is not installed"
    if not Path("/dev/net/tun").exists():
        return "/dev/net/tun is not there"
    probe = subprocess.run(["unshare", "--net", "--mount", "--pid", "--fork", "true"], capture_output=True, check=False)
    return None if probe.returncode == 0 else "namespaces are not permitted here"


class Machine:
    """`top` is a folder of the disk underneath; `name` the machine's; `address` its own on the line."""

    def __init__(self, top, name, address):
        self.name, self.address = name, address
        self.top = Path(top) / name
        self.root = self.top / "root"
        self.gateway = None
        self.holder = None

    def boot(self):
        for part in ("upper", "work", "root"):
            (self.top / part).mkdir(parents=True)
        setup = (
            f"mount -t overlay overlay -o lowerdir=/,upperdir={self.top}/upper,workdir={self.top}/work {self.root} && "
            f"mount -t proc proc {self.root}/proc && mount -t tmpfs tmpfs {self.root}/run && mount -t tmpfs tmpfs {self.root}/tmp && "
            f"mount --rbind /dev {self.root}/dev && ip link set lo up && echo in && exec sleep infinity"
        )
        self.holder = subprocess.Popen(["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", setup],
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if self.holder.stdout.readline() != "in\n":
            raise Broken(f"{self.name} does not boot: {self.holder.stderr.read()}")
        self.pid = int(Path(f"/proc/{self.holder.pid}/task/{self.holder.pid}/children").read_text().split()[0])
        return self

    def connect(self, card, prefix):
        for words in (["address", "add", f"{self.address}/{prefix}", "dev", card], ["link", "set", card, "up"]):
            subprocess.run(["nsenter", "-t", str(self.pid), "-n", "ip", *words], check=True, capture_output=True)

    def words(self, *command, user=None):
        """The command as it runs in there."""
        as_user = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--"] if user else []
        return ["nsenter", "-t", str(self.pid), "-n", "-m", "-p", "chroot", str(self.root), *as_user, *command]

    def run(self, *command, check=True, user=None, feed=None):
        done = subprocess.run(self.words(*map(str, command), user=user), capture_output=True, text=True, timeout=PATIENCE, env=ENVIRONMENT,
                              input=feed, check=False)
        if check and done.returncode != 0:
            raise Broken(f"{self.name}: {' '.join(map(str, command))}: code {done.returncode}\n{done.stdout}{done.stderr}{self.journal()[-3000:]}")
        return done

    def mithaq(self, *words, **how):
        return self.run("mithaq", *words, **how)

    # ---- files, carried by hand ----

    def put(self, path, content, mode=0o644):
        where = self.path(path)
        where.parent.mkdir(parents=True, exist_ok=True)
        where.write_bytes(content)
        where.chmod(mode)

    def get(self, path):
        return self.path(path).read_bytes()

    def path(self, path):
        return Path(f"/proc/{self.pid}/root") / str(self.root).lstrip("/") / str(path).lstrip("/")

    # ---- the gateway, as the unit starts it ----

    def start(self):
        """Starts the service and waits for READY=1, as systemd does for Type=notify."""
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        where = self.path("/run/notify")
        where.unlink(missing_ok=True)
        here = Path.cwd()
        os.chdir(where.parent)  # a socket's address is short, a path to the machine is not
        try:
            notify.bind("notify")
        finally:
            os.chdir(here)
        where.chmod(0o777)
        notify.settimeout(PATIENCE)
        with open(self.top / "journal", "ab") as journal:
            self.gateway = subprocess.Popen(self.words("mithaq", "serve", user="mithaq"), stdin=subprocess.DEVNULL, stdout=journal, stderr=journal,
                                            env={**ENVIRONMENT, "NOTIFY_SOCKET": "/run/notify", "MITHAQ_LOG": "json"})
        try:
            while b"READY=1" not in notify.recv(4096):
                pass
        except TimeoutError:
            raise Broken(f"{self.name} did not become ready:\n{self.journal()[-3000:]}") from None
        finally:
            notify.close()

    def gateway_pid(self):
        """The parent process, as it is numbered out here: nsenter forks for a list of processes of its own."""
        children = Path(f"/proc/{self.gateway.pid}/task/{self.gateway.pid}/children").read_text().split()
        return int(children[0]) if children else self.gateway.pid

    def reload(self):
        os.kill(self.gateway_pid(), signal.SIGHUP)

    def stop(self):
        if self.gateway is not None and self.gateway.poll() is None:
            os.kill(self.gateway_pid(), signal.SIGTERM)
            self.gateway.wait(timeout=PATIENCE)
        self.gateway = None

    def journal(self):
        path = self.top / "journal"
        return path.read_text(errors="replace") if path.exists() else ""

    # ---- the end ----

    def lose(self):
        """Fire: every process dies at once, and the disk is gone."""
        if self.holder is not None:
            os.kill(self.pid, signal.SIGKILL)
            self.holder.kill()
            self.holder.wait()
            self.holder.stdout.close()
            self.holder.stderr.close()
            self.holder = None
        if self.gateway is not None:
            self.gateway.wait(timeout=PATIENCE)
            self.gateway = None
        for _ in range(50):  # the overlay goes with its last process
            shutil.rmtree(self.top, ignore_errors=True)
            if not self.top.exists():
                return
            time.sleep(0.02)
