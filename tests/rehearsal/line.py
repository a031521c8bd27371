"""line.py: a long line between two machines: packets take their time, and some never arrive.

  line.py LEFT RIGHT DELAY_MS LOSS_PERCENT SEED     carries packets between two virtual network cards until it is ended

The kernel's own emulator of bad lines is not in every kernel; two TAP cards and this loop are. What is delayed and
lost are Ethernet frames, so TCP has to find out by itself, as on the real line. LEFT and RIGHT are "namespace-pid:card".
"""
import ctypes
import fcntl
import heapq
import os
import random
import select
import struct
import sys
import time

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
CLONE_NEWNET = 0x40000000
QUEUE_MOST = 10000  # frames under way; a real line drops what its buffers do not hold


def enter(namespace):
    if ctypes.CDLL(None, use_errno=True).setns(namespace, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def card(where):
    """The descriptor of a TAP card that stands in the network namespace of a process."""
    pid, name = where.split(":")
    namespace = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    enter(namespace)
    os.close(namespace)
    fd = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH", name.encode(), IFF_TAP | IFF_NO_PI))
    os.set_blocking(fd, False)
    return fd


def carry(left, right, delay, loss, seed):
    luck = random.Random(seed)
    under_way, count = [], 0
    other = {left: right, right: left}
    while True:
        wait = max(0, under_way[0][0] - time.monotonic()) if under_way else None
        ready, _, _ = select.select([left, right], [], [], wait)
        now = time.monotonic()
        for fd in ready:
            frame = os.read(fd, 65536)
            if luck.random() >= loss and len(under_way) < QUEUE_MOST:
                heapq.heappush(under_way, (now + delay, count, other[fd], frame))
                count += 1
        while under_way and under_way[0][0] <= now:
            _, _, to, frame = heapq.heappop(under_way)
            try:
                os.write(to, frame)
            except OSError:
                pass  # the machine there is off


def main():
    left, right, delay, loss, seed = sys.argv[1:]
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    ends = []
    for where in (left, right):
        ends.append(card(where))
        enter(home)
    print("ready", flush=True)
    carry(*ends, float(delay) / 1000, float(loss) / 100, int(seed))


if __name__ == "__main__":
    main()
