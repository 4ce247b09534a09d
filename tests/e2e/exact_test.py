#!/usr/bin/python3
"""Whoever sends it, whatever it holds: what arrives is what was sent, under one Received field."""

import glob
import os
import random
import re
import smtplib
import subprocess
import time

import harness
from harness import Client
from next_hop import NextHop

HEADER = b"From: chris@contoso.com\r\nSubject: bytes\r\n\r\n"


class Exact(harness.EndToEnd):
    def setUp(self):
        super().setUp()
        self.hop = NextHop(self.ports.take())
        self.addCleanup(self.hop.stop)
        self.configure()

    def configure(self, **more):
        self.relais.configure(receive=[harness.relay_connector(self.port, **more)],
                              send=[harness.smart_host(self.hop.port)])

    def begin(self):
        self.hop.start()
        self.relais.start()

    def arrived(self, count=1, seconds=20):
        harness.wait_until(lambda: len(self.hop.messages) >= count, seconds, f"{count} messages")
        self.assertEqual(self.hop.violations, [])
        self.assertEqual(len(self.hop.messages), count, "a message came twice")
        return self.hop.messages

    def round_trip(self, body, **more):
        before = len(self.hop.messages)
        harness.send(self.port, "chris@contoso.com", ["kate@fabrikam.com"], body, **more)
        content = harness.without_received(self.arrived(before + 1)[before].content)
        self.assertEqual(len(content), len(body))
        self.assertTrue(content == body, "content differs")

    def test_bodies(self):
        self.begin()
        for name, body in {
                "leading dots": HEADER + b".\r\n..\r\n...x\r\n.y\r\n\r\n.\r\n",
                "dot first": b".\r\n",
                "8 bit": HEADER + bytes(range(1, 10)) + bytes(range(14, 256)) + b"\r\n",
                "998 octets": HEADER + (b"x" * 998 + b"\r\n") * 40,
                "998 dots": HEADER + (b"." * 998 + b"\r\n") * 40,
                "empty body": HEADER,
                "header without body": b"Subject: only a header\r\n",
                "no octet at all": b"",
                "only an empty line": b"\r\n",
                "no header": b"just text, no field\r\n",
                "many empty lines": HEADER + b"\r\n" * 20000,
                "CRLF at every place of a buffer": HEADER + b"".join(
                    b"." * (n % 70) + b"\r\n" for n in range(4000)),
        }.items():
            with self.subTest(name):
                self.round_trip(body)

    def test_random_bodies_cut_at_random(self):
        self.begin()
        rng = random.Random(20)
        sent = []
        with Client(self.port) as client:
            client.expect("EHLO x", 250)
            for _ in range(60):
                body = b"".join(rng.choice([b".", b"..", b"", b"a" * rng.randrange(998), b"\xff"])
                                + b"\r\n" for _ in range(rng.randrange(200)))
                client.begin("chris@contoso.com", ["kate@fabrikam.com"])
                client.expect("DATA", 354)
                wire = harness.stuff(body) + b".\r\n"
                while wire:
                    cut = rng.choice([1, 2, 3, 100, 5000, 100000])
                    client.send(wire[:cut])
                    wire = wire[cut:]
                    if cut < 4:
                        time.sleep(0.0005)
                harness.guid_of(client.reply())
                sent.append(body)
            client.quit()
        got = [harness.without_received(m.content) for m in self.arrived(len(sent))]
        self.assertTrue(sorted(sent) == sorted(got), "some content differs")

    def test_64_mib(self):
        self.configure(max_message_size=100 << 20)
        self.begin()
        body = HEADER + b"".join(b"%s%013d%s\r\n" % (b"." if n % 7 == 0 else b"x", n, b"-" * 48)
                                 for n in range(1 << 20))
        self.assertGreater(len(body), 64 << 20)
        started = time.monotonic()
        self.round_trip(body)
        print(f"64 MiB in and out in {time.monotonic() - started:.1f} s, "
              f"RSS {self.relais.rss() >> 20} MiB")

    def test_several_recipients(self):
        self.begin()
        recipients = [f"user{n}@fabrikam.com" for n in range(100)]
        harness.send(self.port, "", recipients, HEADER + b"to a hundred\r\n")
        harness.wait_until(lambda: sum(len(m.recipients) for m in self.hop.messages) >= 100, 10,
                           "all recipients")
        got = [r for m in self.hop.messages for r in m.recipients]
        self.assertEqual(sorted(got), sorted(recipients))
        for message in self.hop.messages:
            self.assertEqual(message.sender, "")
            self.assertEqual(harness.without_received(message.content),
                             HEADER + b"to a hundred\r\n")

    def test_a_pipelined_group_and_the_next_one_behind_its_dot(self):
        self.begin()
        group = (b"MAIL FROM:<chris@contoso.com>\r\nRCPT TO:<a@fabrikam.com>\r\n"
                 b"RCPT TO:<b@fabrikam.com>\r\nDATA\r\n")
        with Client(self.port) as client:
            client.send(b"EHLO x\r\n")
            self.assertTrue(client.reply().startswith("250"))
            client.send((group + HEADER + b"hello\r\n.\r\n") * 20 + b"QUIT\r\n")
            for _ in range(20):
                self.assertEqual([client.reply()[:3] for _ in range(4)],
                                 ["250", "250", "250", "354"])
                harness.guid_of(client.reply())
            self.assertTrue(client.reply().startswith("221"))
        for message in self.arrived(20):
            self.assertEqual(harness.without_received(message.content), HEADER + b"hello\r\n")
            self.assertEqual(sorted(message.recipients), ["a@fabrikam.com", "b@fabrikam.com"])

    def test_a_next_hop_without_pipelining(self):
        self.hop.extensions = ["SIZE 0"]
        self.begin()
        for n in range(5):
            self.round_trip(HEADER + b"plain %d\r\n" % n)

    def test_smtplib(self):
        self.begin()
        text = "From: chris@contoso.com\nSubject: smtplib\n\n.one\n\n..two\nlast line\n"
        with smtplib.SMTP("127.0.0.1", self.port) as smtp:
            smtp.sendmail("chris@contoso.com", ["kate@fabrikam.com", "joe@fabrikam.com"], text)
        messages = self.arrived(1)
        self.assertEqual(harness.without_received(messages[0].content),
                         text.replace("\n", "\r\n").encode())
        self.assertEqual(sorted(messages[0].recipients), ["joe@fabrikam.com", "kate@fabrikam.com"])

    def test_swaks(self):
        swaks = harness.need("swaks")
        self.begin()
        mail = self.folder / "mail"
        mail.write_bytes(HEADER.replace(b"\r\n", b"\n") + b".dot\nk\xc3\xbchl\n")
        done = harness.run([swaks, "--server", f"127.0.0.1:{self.port}", "--from",
                            "chris@contoso.com", "--to", "kate@fabrikam.com,joe@fabrikam.com",
                            "--data", f"@{mail}"])
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        content = harness.without_received(self.arrived()[0].content)
        self.assertEqual(content.rstrip(b"\r\n"), HEADER + b".dot\r\nk\xc3\xbchl")

    def test_curl(self):
        curl = harness.need("curl")
        self.begin()
        body = HEADER + b".dot\r\n.\r\n" + b"y" * 998 + b"\r\nlast\r\n"
        mail = self.folder / "mail"
        mail.write_bytes(body)
        done = harness.run([curl, "-sS", f"smtp://127.0.0.1:{self.port}/client.example",
                            "--mail-from", "chris@contoso.com", "--mail-rcpt", "kate@fabrikam.com",
                            "--mail-rcpt", "joe@fabrikam.com", "--upload-file", str(mail)])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(harness.without_received(self.arrived()[0].content), body)

    def test_smtp_source(self):
        source = harness.need("smtp-source")
        self.begin()
        done = harness.run([source, "-d", "-s", "10", "-m", "200", "-l", "10240", "-f",
                            "chris@contoso.com", "-t", "kate@fabrikam.com",
                            f"127.0.0.1:{self.port}"])
        self.assertEqual(done.returncode, 0, done.stderr)
        for message in self.arrived(200):
            content = harness.without_received(message.content)
            self.assertTrue(content.startswith(
                b"From: <chris@contoso.com>\r\nTo: <kate@fabrikam.com>\r\n"), content[:200])
            self.assertTrue(content.endswith(b"X\r\n"))

    def test_into_smtp_sink(self):
        """Debian's own sink behind us; its dump has LF for CRLF and fields of its own in front."""
        sink = harness.need("smtp-sink")
        dump = self.folder / "dump"
        dump.mkdir()
        os.chmod(dump, 0o777)
        command = [sink, "-d", f"{dump}/m.", f"127.0.0.1:{self.hop.port}", "100"]
        if os.getuid() == 0:
            os.chmod(self.folder, 0o755)
            command[1:1] = ["-u", "nobody"]
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        try:
            self.relais.start()
            body = HEADER + b".dot\r\nk\xc3\xbchl\r\n" + b"z" * 998 + b"\r\n"
            for _ in range(10):
                harness.send(self.port, "chris@contoso.com", ["kate@fabrikam.com"], body)
            for _ in range(10):
                self.relais.wait_event("delivered")
            files = harness.wait_until(
                lambda: (f := glob.glob(f"{dump}/m.*")) and len(f) >= 10 and f, 10, "10 dump files")
            time.sleep(0.2)
            for name in files:
                with open(name, "rb") as file:
                    content = file.read()
                text = body.replace(b"\r\n", b"\n")
                self.assertTrue(content.rstrip(b"\n").endswith(text.rstrip(b"\n")), content)
                added = content[:content.index(text.rstrip(b"\n"))]
                # The sink's own field, then ours.
                self.assertEqual(len(re.findall(rb"(?m)^Received: ", added)), 2, added)
                self.assertIn(b"relay.contoso.com", added)
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    harness.main()
