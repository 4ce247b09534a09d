#!/usr/bin/python3
"""A full disk and a used-up budget: 4xx, nothing acknowledged lost, and it recovers."""

import ctypes
import os
import unittest

import harness
from harness import Client
from next_hop import NextHop

MIB = 1 << 20


def body(name, size):
    return (b"Subject: disk\r\nX-Id: " + name.encode() + b"\r\n\r\n"
            + (b"d" * 998 + b"\r\n") * (size // 1000) + b"\r\n")


class Disk(harness.EndToEnd):
    def setUp(self):
        super().setUp()
        self.hop = NextHop(self.ports.take())
        self.addCleanup(self.hop.stop)
        self.kept = []
        self.count = 0

    def fill(self, size, most):
        """Sends until it is refused; gives that reply. Remembers what was acknowledged."""
        for _ in range(most):
            self.count += 1
            name = f"u{self.count}@fabrikam.com"
            with Client(self.port) as client:
                client.expect("EHLO x", 250)
                reply = client.command("MAIL FROM:<chris@contoso.com>")
                if not reply.startswith("250"):
                    return reply
                client.expect(f"RCPT TO:<{name}>", 250)
                reply = client.command("DATA")
                if not reply.startswith("354"):
                    return reply
                client.send(body(name, size) + b".\r\n")
                reply = client.reply()
                if not reply.startswith("250"):
                    return reply
                self.kept.append(name)
        return None

    def all_arrive(self):
        got = lambda: [r for m in self.hop.messages for r in m.recipients]
        harness.wait_until(lambda: set(self.kept) <= set(got()), 30, "all acknowledged messages")
        self.assertEqual(sorted(got()), sorted(self.kept), "more, or twice")
        for message in self.hop.messages:
            self.assertIn(b"X-Id: " + message.recipients[0].encode(), message.content)
        self.assertEqual(self.hop.violations, [])

    def accepts_again(self):
        def once():
            return self.fill(1000, 1) is None
        harness.wait_until(once, 20, "mail is accepted again")

    def test_budget(self):
        """[spool] max_size: 452 at MAIL while it is used up, 250 again when mail has gone."""
        self.relais.configure(send=[harness.smart_host(self.hop.port)], server={"cores": 1},
                              spool={"segment_size": "4MB", "max_size": "32MB"})
        self.relais.start()
        reply = self.fill(100_000, 1000)
        self.assertEqual(reply, "452 4.3.1 Insufficient system resources")
        self.assertGreater(len(self.kept), 80, "a fraction of the budget was usable")
        self.assertLess(len(self.kept), 400, "the budget was not kept")
        used = sum(p.stat().st_size for p in self.relais.data_dir.rglob("*") if p.is_file())
        print(f"{len(self.kept)} messages of 100,000 octets in 32 MB; {used >> 20} MiB used")
        self.assertLessEqual(used, 40 * MIB)
        self.hop.start()
        self.accepts_again()
        self.all_arrive()

    def test_one_stuck_message_does_not_pin_the_disk(self):
        """Far more than the budget flows through while one message cannot leave."""
        self.hop.rule = lambda verb, argument, session: (
            "450 4.2.1 busy" if (verb, argument) == ("RCPT", "stuck@fabrikam.com") else None)
        self.hop.start()
        self.relais.configure(send=[harness.smart_host(self.hop.port)], server={"cores": 1},
                              spool={"segment_size": "4MB", "max_size": "32MB"})
        self.relais.start()
        harness.send(self.port, "a@contoso.com", ["stuck@fabrikam.com"],
                     body("stuck@fabrikam.com", 50_000))
        for _ in range(1500):  # 150 MB, at the pace at which it leaves
            while self.fill(100_000, 1) is not None:
                pass
        self.hop.rule = lambda verb, argument, session: None
        self.kept.append("stuck@fabrikam.com")
        self.all_arrive()

    def test_restarts_do_not_use_up_the_spool(self):
        """Each start begins a new file; what the old ones still hold is moved together."""
        self.relais.configure(send=[harness.smart_host(self.hop.port)], server={"cores": 1},
                              spool={"segment_size": "4MB", "max_size": "32MB"})
        for _ in range(20):
            self.relais.start()
            self.assertIsNone(self.fill(1000, 2))
            self.relais.stop()
        self.relais.start()
        self.hop.start()
        self.all_arrive()

    @unittest.skipUnless(os.getuid() == 0, "only root can mount a small file system")
    def test_full(self):
        """A real ENOSPC on a small tmpfs, seen only by this process and its children."""
        libc = ctypes.CDLL(None, use_errno=True)
        data = self.folder / "data"
        data.mkdir()
        if (libc.unshare(0x00020000) != 0  # CLONE_NEWNS
                or libc.mount(b"none", b"/", None, 0x44000, None) != 0  # MS_REC | MS_PRIVATE
                or libc.mount(b"tmpfs", bytes(data), b"tmpfs", 0, b"size=48m") != 0):
            self.skipTest("no mount here: " + os.strerror(ctypes.get_errno()))
        self.addCleanup(libc.umount2, bytes(data), 2)
        self.relais.configure(send=[harness.smart_host(self.hop.port)], server={"cores": 1},
                              spool={"segment_size": "4MB", "max_size": "1GB"})
        self.relais.start()
        self.assertIsNone(self.fill(100_000, 50))
        filler = data / "filler"
        with open(filler, "wb", buffering=0) as file:  # someone else takes the rest of the disk
            try:
                while True:
                    file.write(b"f" * 65536)
            except OSError:
                pass
        reply = self.fill(100_000, 1000)
        self.assertRegex(str(reply), r"\A4(51|52) 4\.3\.", "no 4xx on a full disk")
        print(f"full after {len(self.kept)} messages: {reply}")
        # It stays up, says no each time, and loses nothing when it is cut off in that state.
        self.assertRegex(str(self.fill(100_000, 1000)), r"\A45")
        self.relais.kill()
        filler.unlink()
        self.relais.start()
        self.accepts_again()
        with open(filler, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"f" * 65536)
            except OSError:
                pass
        self.assertRegex(str(self.fill(100_000, 1000)), r"\A45")
        filler.unlink()
        self.accepts_again()  # without a restart, too
        self.hop.start()
        self.all_arrive()


if __name__ == "__main__":
    harness.main()
