"""relais-sink and relais-verify for a test, and marked messages that are made by hand."""

import json
import pathlib
import re
import signal
import subprocess
import threading

import harness

SINK = str(pathlib.Path(harness.BINARY).with_name("relais-sink"))
VERIFY = str(pathlib.Path(harness.BINARY).with_name("relais-verify"))
LOAD = str(pathlib.Path(harness.BINARY).with_name("relais-load"))
RUN = 0x5f0c2a9e11d3b847

_TABLE = []
for _byte in range(256):
    for _ in range(8):
        _byte = _byte >> 1 ^ (0x82f63b78 if _byte & 1 else 0)
    _TABLE.append(_byte)


def crc32c(octets):
    crc = 0xffffffff
    for octet in octets:
        crc = crc >> 8 ^ _TABLE[(crc ^ octet) & 0xff]
    return crc ^ 0xffffffff


def marked(number, body, header=b"Subject: marked\r\n"):
    """A message with a mark for this body."""
    counted = body if not body or body.endswith(b"\r\n") else body + b"\r\n"
    mark = f"X-Relais-Load: run={RUN:016x} n={number} octets={len(counted)} " \
           f"crc32c={crc32c(counted):08x}\r\n"
    return mark.encode() + header + b"\r\n" + body


class Sink:
    """One relais-sink, from start to stop(), which gives its summary."""

    def __init__(self, test, *options, listen=("127.0.0.1:0",)):
        addresses = [word for address in listen for word in ("--listen", address)]
        self.process = subprocess.Popen(
            [SINK, *addresses, "--json", *map(str, options)], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        test.addCleanup(self.end)
        harness.wait_until(lambda: len(self.said("listening on")) == len(listen)
                           or self.process.poll() is not None, 20, "relais-sink listens")
        assert self.process.poll() is None, self.lines
        self.ports = [int(line.rsplit(":", 1)[1]) for line in self.said("listening on")]
        self.port = self.ports[0]

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(line.rstrip("\n"))

    def said(self, pattern):
        return [line for line in self.lines if re.search(pattern, line)]

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        found = self.said(harness.SANITIZER.pattern)
        assert not found, "\n".join(self.lines)

    def stop(self, number=signal.SIGTERM, status=0):
        self.process.send_signal(number)
        return self.wait(status)

    def wait(self, status=0):
        """What it said when it ended by itself."""
        text = self.process.stdout.read()
        code = self.process.wait(20 * harness.PATIENCE)
        self.reader.join(5)
        assert code == status, (code, self.lines)
        return json.loads(text)

    def client(self, test, hello=True):
        client = harness.Client(self.port)
        test.addCleanup(client.close)
        if hello:
            client.expect("EHLO client.example", 250)
        return client


def verify(sent, received, status):
    """relais-verify's JSON."""
    done = harness.run([VERIFY, "--json", str(sent), str(received)])
    assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
    return json.loads(done.stdout)
