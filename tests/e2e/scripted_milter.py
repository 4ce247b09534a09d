"""A milter that does what a test tells it to, and writes down what it was told.

Speaks the protocol by hand (version 6), not with anybody's library, so that it can also be wrong.
"""

import socket
import struct
import threading

ANSWERED = "CHMRTLNBE"  # commands that are answered when nothing was negotiated away
MUTE = 0x80 | 0x1000 | 0x2000 | 0x4000 | 0x8000 | 0x10000 | 0x40000 | 0x80000  # SMFIP_NR_*


def packet(command, data=b""):
    return struct.pack(">I", len(data) + 1) + command.encode() + data


class ScriptedMilter:
    """`answers`: command -> list of raw octets to send, or None for silence, or "close"; what is not
    there is answered "continue". `wishes`: the SMFIP flags of the negotiation."""

    def __init__(self, address, answers=None, wishes=0, version=6):
        self.answers = answers or {}
        self.wishes = wishes
        self.version = version
        self.told = []  # (connection, command, data)
        self.connections = 0
        self.open = 0
        self.paused = threading.Event()
        self.paused.set()  # clear() it, and the milter reads nothing
        self.lock = threading.Lock()
        self.sockets = []
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.listener = socket.socket(family)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(address)
        self.listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.paused.set()
        # A blocked accept() holds the listener open; shutting it down wakes it.
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        with self.lock:
            for connection in self.sockets:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def commands(self, connection=None):
        """The commands without macros, as one string."""
        with self.lock:
            return "".join(c for n, c, _ in self.told
                           if c != "D" and (connection is None or n == connection))

    def data(self, command):
        with self.lock:
            return [data for _, c, data in self.told if c == command]

    def macros(self, command):
        """The macros that came for a command, the last time."""
        found = [d for d in self.data("D") if d[:1] == command.encode()][-1]
        parts = found[1:].split(b"\0")[:-1]
        return dict(zip(parts[::2], parts[1::2]))

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                number = self.connections
                self.connections += 1
                self.open += 1
                self.sockets.append(connection)
            threading.Thread(target=self._serve, args=(connection, number), daemon=True).start()

    def _serve(self, connection, number):
        try:
            with connection:
                stream = connection.makefile("rb")
                while self._turn(connection, stream, number):
                    pass
        except OSError:
            pass
        finally:
            with self.lock:
                self.open -= 1

    def _turn(self, connection, stream, number):
        self.paused.wait()
        head = stream.read(4)
        if len(head) < 4:
            return False
        body = stream.read(struct.unpack(">I", head)[0])
        if not body:
            return False
        command, data = chr(body[0]), body[1:]
        with self.lock:
            self.told.append((number, command, data))
        if command == "Q":
            return False
        answer = self.answers.get(command, "default")
        if callable(answer):
            answer = answer(data)
        if answer == "close":
            return False
        if answer is None:
            return True
        if answer != "default":
            for piece in answer:
                connection.sendall(piece)
            return True
        if command == "O":
            offered = struct.unpack(">III", data)
            assert offered[1] == 0, "relais offers to change messages"
            connection.sendall(packet("O", struct.pack(">III", self.version, 0, self.wishes)))
        elif command in ANSWERED and not self._is_mute(command):
            connection.sendall(packet("c"))
        return True

    def _is_mute(self, command):
        bits = {"C": 0x1000, "H": 0x2000, "M": 0x4000, "R": 0x8000, "T": 0x10000, "L": 0x80,
                "N": 0x40000, "B": 0x80000, "E": 0}
        return bool(self.wishes & bits[command])
