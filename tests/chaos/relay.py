"""relay.py: the network between the two gateways, in our hands: one thread that carries bytes, or does not.

  cut        connections are closed and new ones refused
  half-open  nothing is carried and nothing is said, as behind a dead router
  delay      bytes arrive late
  flip       one bit of what is carried next is turned
  twice      what is carried next is carried twice
"""
import random
import select
import socket
import threading
import time

PIECE = 65536


class Relay:
    def __init__(self, to_port, before=None):
        """`before` is called in the carrying thread before it connects anywhere."""
        self.to_port, self.before = to_port, before
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.is_cut = self.is_silent = False
        self.delay, self.spoil = 0.0, None
        self.draw = random.Random(1)
        self.pairs, self.late = {}, []
        self.ended = False
        self.spoiled = 0
        self.wake_read, self.wake_write = socket.socketpair()
        self.thread = threading.Thread(target=self.carry, daemon=True)
        self.thread.start()

    # ---- what the harness says ----

    def cut(self, yes):
        self.is_cut = yes
        self.wake()

    def silent(self, yes):
        self.is_silent = yes
        self.wake()

    def slow(self, seconds):
        self.delay = seconds
        self.wake()

    def spoil_next(self, how):
        self.spoil = how
        self.wake()

    def end(self):
        self.ended = True
        self.wake()
        self.thread.join(timeout=5)

    def wake(self):
        self.wake_write.send(b"x")

    # ---- the thread ----

    def carry(self):
        if self.before:
            self.before()
        while not self.ended:
            if self.is_cut:
                self.drop_all()
            watched = [self.wake_read, self.listener] + ([] if self.is_silent else list(self.pairs))
            wait = max(0.0, self.late[0][0] - time.monotonic()) if self.late else None
            for s in select.select(watched, [], [], wait)[0]:
                if s is self.wake_read:
                    s.recv(100)
                elif s is self.listener:
                    self.accept()
                elif s in self.pairs:
                    self.piece(s)
            self.deliver()
        self.drop_all()
        self.listener.close()

    def accept(self):
        near, _ = self.listener.accept()
        if self.is_cut:
            near.close()
            return
        try:
            far = socket.create_connection(("127.0.0.1", self.to_port), timeout=2)
        except OSError:
            near.close()
            return
        for a, b in ((near, far), (far, near)):
            a.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            a.settimeout(5)
            self.pairs[a] = b

    def piece(self, s):
        try:
            data = s.recv(PIECE)
        except OSError:
            data = b""
        if not data:
            self.drop(s)
        elif self.delay or self.late:
            self.late.append((time.monotonic() + self.delay, s, data))
        else:
            self.give(s, data)

    def deliver(self):
        while self.late and self.late[0][0] <= time.monotonic() and not self.is_silent:
            _, s, data = self.late.pop(0)
            if s in self.pairs:
                self.give(s, data)

    def give(self, s, data):
        if self.spoil:
            data, self.spoil = self.spoiled_piece(data), None
        try:
            self.pairs[s].sendall(data)
        except OSError:
            self.drop(s)

    def spoiled_piece(self, data):
        self.spoiled += 1
        if self.spoil == "twice":
            return data + data
        at = self.draw.randrange(len(data))
        return data[:at] + bytes([data[at] ^ 1 << self.draw.randrange(8)]) + data[at + 1:]

    def drop(self, s):
        other = self.pairs.pop(s, None)
        if other is not None:
            self.pairs.pop(other, None)
            other.close()
        s.close()

    def drop_all(self):
        for s in list(self.pairs):
            if s in self.pairs:
                self.drop(s)
        self.late.clear()
