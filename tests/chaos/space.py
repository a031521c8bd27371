"""space.py: the southern gateway in a network namespace of its own, behind a pair of virtual network cards (needs root).

What is lost here is packets, and TCP has to find out by itself: the kernel's own time-outs, not a relay's kindness.
"""
import ctypes
import os
import subprocess

from relay import Relay

NORTH_CARD, SOUTH_CARD = "mqchaos0", "mqchaos1"
NORTH_AT, SOUTH_AT = "10.213.77.1", "10.213.77.2"
CLONE_NEWNET = 0x40000000


def ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True)


def enter(namespace):
    if ctypes.CDLL(None, use_errno=True).setns(namespace, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Space:
    def __init__(self):
        self.holder = subprocess.Popen(["unshare", "-n", "sh", "-c", "echo in; exec sleep infinity"], stdout=subprocess.PIPE)
        self.holder.stdout.readline()  # it is inside
        self.words = ["nsenter", "-t", str(self.holder.pid), "-n"]
        self.namespace = os.open(f"/proc/{self.holder.pid}/ns/net", os.O_RDONLY)
        self.doors, self.spoiled, self.port = [], 0, None
        ip("link", "add", NORTH_CARD, "type", "veth", "peer", "name", SOUTH_CARD)
        ip("link", "set", SOUTH_CARD, "netns", str(self.holder.pid))
        ip("address", "add", f"{NORTH_AT}/30", "dev", NORTH_CARD)
        ip("link", "set", NORTH_CARD, "up")
        for words in (["address", "add", f"{SOUTH_AT}/30", "dev", SOUTH_CARD], ["link", "set", SOUTH_CARD, "up"], ["link", "set", "lo", "up"]):
            subprocess.run([*self.words, "ip", *words], check=True, capture_output=True)

    def door(self, port):
        """A port out here that leads to a port on the loopback in there."""
        self.doors.append(Relay(port, before=lambda: enter(self.namespace)))
        return self.doors[-1].port

    # ---- the network ----

    def cut(self, yes):
        ip("link", "set", NORTH_CARD, "down" if yes else "up")

    silent = cut

    def slow(self, seconds):
        raise NotImplementedError

    def spoil_next(self, how):
        raise NotImplementedError

    def end(self):
        for door in self.doors:
            door.end()
        os.close(self.namespace)
        self.holder.kill()
        self.holder.wait()
        self.holder.stdout.close()
        subprocess.run(["ip", "link", "delete", NORTH_CARD], capture_output=True, check=False)
