"""shim.py: the harness's side of shim.c: what is broken now, power cuts, and the lookups that were made.

A power cut keeps of every 512 bytes any state they had since the last sync, which is what a disk may do.
"""
import mmap
import os
import struct
from collections import Counter
from pathlib import Path

SECTOR = 512
CONTROL_SIZE, UNDO_SIZE, LOOKUP_SIZE, LOOKUPS_MOST = 4096, 16 << 20, 16, 1 << 20
DISK = {name: at for at, name in enumerate(["well", "full", "write-fail", "sync-fail", "short", "torn", "die-write", "die-sync", "die-synced"])}
AT = {"clock_ms": (0, "q"), "disk": (8, "I"), "countdown": (12, "I"), "hits": (16, "I"), "undo_on": (20, "I"), "writes": (24, "I"),
      "syncs": (28, "I"), "lookups": (32, "I"), "syncs_lie": (80, "I")}
UNDO_OVERFLOW, UNDO_USED, DURABLE_SIZE = 36, 48, 64
FILES = ("ledger.db", "ledger.db-wal")
UNDO_NAMES = ("undo-ledger", "undo-wal")


class Shim:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir()
        self.control = self.map("control", CONTROL_SIZE)

    def map(self, name, size):
        with open(self.folder / name, "a+b") as f:
            f.truncate(size)
            return mmap.mmap(f.fileno(), size)

    def get(self, name):
        at, form = AT[name]
        return struct.unpack_from(form, self.control, at)[0]

    def set(self, name, value):
        at, form = AT[name]
        struct.pack_into(form, self.control, at, value)

    # ---- the disk ----

    def break_disk(self, how, nth=1):
        """From now on, or once at the nth call of its kind."""
        self.set("countdown", nth)
        self.set("disk", DISK[how])

    def mend_disk(self):
        self.set("disk", DISK["well"])

    def broke(self):
        return self.get("hits")

    # ---- a power cut: unsynced writes are lost, each sector on its own ----

    def undo_records(self, which):
        used = struct.unpack_from("Q", self.control, UNDO_USED + 8 * which)[0]
        records, at = [], 0
        if used == 0:
            return records
        area = self.map(UNDO_NAMES[which], UNDO_SIZE)
        while at < used:
            offset, length, old = struct.unpack_from("QII", area, at)
            body = at + 16
            records.append((offset, area[body:body + old], area[body + length:body + 2 * length]))
            at = body + 2 * length
        area.close()
        return records

    def cut_power(self, data, random):
        """Takes unsynced writes of a gateway that is gone back, as far as `random` says. The number of writes at risk."""
        at_risk = 0
        for which, name in enumerate(FILES):
            overflow = struct.unpack_from("I", self.control, UNDO_OVERFLOW + 4 * which)[0]
            records = [] if overflow else self.undo_records(which)
            at_risk += len(records)
            if records:
                durable = struct.unpack_from("Q", self.control, DURABLE_SIZE + 8 * which)[0]
                take_back(data / name, records, durable, random)
            self.forget(which)
        # The index of the WAL is shared memory: after a power cut it is not there.
        (data / "ledger.db-shm").unlink(missing_ok=True)
        return at_risk

    def forget(self, which):
        struct.pack_into("Q", self.control, UNDO_USED + 8 * which, 0)
        struct.pack_into("I", self.control, UNDO_OVERFLOW + 4 * which, 0)

    def keep_undo(self, data):
        """Before a start: whatever is in the files now is taken as durable."""
        for which, name in enumerate(FILES):
            path = data / name
            struct.pack_into("Q", self.control, DURABLE_SIZE + 8 * which, path.stat().st_size if path.exists() else 0)
            self.forget(which)
        self.set("undo_on", 1)

    # ---- lookups ----

    def looked_up(self):
        """What was looked up, and how often."""
        n = min(self.get("lookups"), LOOKUPS_MOST)
        area = self.map("lookups", LOOKUPS_MOST * LOOKUP_SIZE)
        counted = Counter(area[i * LOOKUP_SIZE:(i + 1) * LOOKUP_SIZE].rstrip(b"\0").decode() for i in range(n))
        area.close()
        return counted


def take_back(path, records, durable, random):
    now = path.read_bytes()
    base = bytearray(now)
    for offset, old, new in reversed(records):
        base[offset:offset + len(old)] = old
    touching = {}
    for offset, _, new in records:
        for sector in range(offset // SECTOR, (offset + len(new) - 1) // SECTOR + 1):
            touching.setdefault(sector, []).append((offset, new))
    reach = durable
    for sector, writes in touching.items():
        for offset, new in writes[:random.randint(0, len(writes))]:
            start, end = max(offset, sector * SECTOR), min(offset + len(new), (sector + 1) * SECTOR)
            base[start:end] = new[start - offset:end - offset]
            reach = max(reach, end)
    with open(path, "r+b") as f:
        f.write(base)
        f.truncate(min(reach, len(now)))
        os.fsync(f.fileno())
