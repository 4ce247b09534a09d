#!/usr/bin/python3
"""STARTTLS on the running server, with Python's and OpenSSL's own clients."""

import signal
import smtplib
import socket
import ssl
import struct
import subprocess
import threading
import time

import harness
from harness import BINARY, Client
from next_hop import NextHop

NAME = "relay.contoso.com"
BODY = b"Subject: tls\r\n\r\n.dot\r\n" + b"a line of some length, as they come\r\n" * 30_000


class Tls(harness.EndToEnd):
    def setUp(self):
        super().setUp()
        self.hop = NextHop(self.ports.take()).start()
        self.addCleanup(self.hop.stop)
        self.certificate = self.folder / "cert.pem"
        self.key = self.folder / "key.pem"

    def issue(self, serial=1):
        self.table = harness.certificate(self.folder, NAME, serial)

    def configure(self, tls=True, **more):
        connector = harness.relay_connector(self.port, remote_ip_ranges=["127.0.0.0/8"], **more)
        self.relais.configure(receive=[connector], send=[harness.smart_host(self.hop.port)],
                              tls=self.table if tls else None)

    def serve(self, **more):
        self.issue()
        self.configure(**more)
        self.relais.start()

    def context(self, **more):
        context = ssl.create_default_context(cafile=str(self.certificate))
        for name, value in more.items():
            setattr(context, name, value)
        return context

    def secured(self, context=None, session=None):
        """A client in TLS, before its second EHLO."""
        client = Client(self.port)
        self.addCleanup(client.close)
        client.expect("EHLO client.example", 250)
        client.expect("STARTTLS", 220)
        client.socket = (context or self.context()).wrap_socket(
            client.socket, server_hostname=NAME, session=session)
        return client

    def test_smtplib(self):
        self.serve()
        for _ in range(3):
            with smtplib.SMTP("127.0.0.1", self.port, timeout=20) as server:
                server.ehlo()
                server._host = NAME
                server.starttls(context=self.context())
                self.assertFalse(server.has_extn("starttls"))
                server.sendmail("chris@contoso.com", ["kate@fabrikam.com"], BODY)
        harness.wait_until(lambda: len(self.hop.messages) == 3, 20, "three messages")
        for message in self.hop.messages:
            self.assertRegex(message.content[:300].replace(b"\r\n", b""),
                             rb"with ESMTPS \(version=TLSv1\.3, cipher=TLS_AES_128_GCM_SHA256\) id ")
            self.assertTrue(message.content.endswith(BODY))
        self.assertEqual(self.hop.violations, [])

    def test_what_comes_in_the_clear_behind_it_is_nobody_s(self):
        self.serve()
        client = self.client()
        client.send(b"STARTTLS\r\nMAIL FROM:<evil@contoso.com>\r\nRCPT TO:<evil@fabrikam.com>\r\n")
        self.assertEqual(client.reply(), "220 2.0.0 SMTP server ready")
        client.socket = self.context().wrap_socket(client.socket, server_hostname=NAME)
        self.assertTrue(client.command("MAIL FROM:<chris@contoso.com>").startswith("503"))
        client.expect("EHLO client.example", 250)
        self.assertTrue(client.command("RCPT TO:<kate@fabrikam.com>").startswith("503"))
        self.assertTrue(client.command("STARTTLS").startswith("503"))
        client.message("chris@contoso.com", ["kate@fabrikam.com"], b"Subject: x\r\n\r\nx\r\n")

    def test_after_a_failed_handshake_nothing_is_said_in_the_clear(self):
        self.serve()
        for garbage in (b"EHLO client.example\r\n", b"\x16\x03\x01\x00\x05hello", b"\0" * 1000):
            with self.subTest(garbage=garbage[:10]):
                client = self.client()
                client.expect("STARTTLS", 220)
                client.send(garbage)
                client.send(b"QUIT\r\n")
                rest = b""
                while data := client.socket.recv(4096):
                    rest += data
                self.assertNotRegex(rest, rb"\d\d\d ")
                self.assertLess(len(rest), 20, "an alert at most")
        event = self.relais.wait_event("refused", command="TLS")
        self.assertTrue(event["reason"], event)
        self.client().expect("NOOP", 250)

    def test_old_versions_are_refused(self):
        self.serve()
        for version in ("-tls1", "-tls1_1"):
            done = subprocess.run(
                ["openssl", "s_client", "-connect", f"127.0.0.1:{self.port}", "-starttls", "smtp",
                 version, "-cipher", "ALL:@SECLEVEL=0"], stdin=subprocess.DEVNULL,
                capture_output=True, text=True, timeout=20)
            self.assertIn("Cipher is (NONE)", done.stdout, version)
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            client = self.secured(self.context(minimum_version=version, maximum_version=version))
            client.expect("EHLO client.example", 250)

    def test_sessions_are_resumed_on_every_core(self):
        self.serve()
        context = self.context(maximum_version=ssl.TLSVersion.TLSv1_2)
        first = self.secured(context)
        first.expect("EHLO client.example", 250)
        session = first.socket.session
        for _ in range(10):
            again = self.secured(context, session)
            again.expect("EHLO client.example", 250)
            self.assertTrue(again.socket.session_reused)

    def test_quit_ends_with_close_notify(self):
        self.serve()
        client = self.secured()
        client.expect("EHLO client.example", 250)
        client.expect("QUIT", 221)
        self.assertEqual(client.socket.recv(100), b"")  # an SSLEOFError without it

    def test_half_closed_with_a_farewell_in_one_go(self):
        """As Exim ends a connection: message, QUIT and close_notify without waiting. Replies still come."""
        self.serve()
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            client = self.client()
            client.expect("STARTTLS", 220)
            coming, going = ssl.MemoryBIO(), ssl.MemoryBIO()
            context = self.context(minimum_version=version, maximum_version=version)
            tls = context.wrap_bio(coming, going, server_hostname=NAME)
            while True:
                try:
                    tls.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    client.send(going.read())
                    coming.write(client.socket.recv(65536))
            tls.write(b"EHLO x\r\nMAIL FROM:<a@contoso.com>\r\nRCPT TO:<b@fabrikam.com>\r\n"
                      b"BDAT %d LAST\r\n" % len(BODY) + BODY)
            tls.write(b"QUIT\r\n")
            with self.assertRaises(ssl.SSLWantReadError):
                tls.unwrap()
            client.send(going.read())
            client.socket.shutdown(socket.SHUT_WR)
            while data := client.socket.recv(65536):
                coming.write(data)
            said = b""
            try:
                while data := tls.read(65536):
                    said += data
            except (ssl.SSLZeroReturnError, ssl.SSLWantReadError):
                pass
            self.assertRegex(said, rb"250 2\.6\.0 <[^>]+> Queued mail for delivery\r\n"
                             rb"221 2\.0\.0 [^\r]*\r\n\Z")
        harness.wait_until(lambda: len(self.hop.messages) == 2, 20, "two messages")

    def test_required(self):
        self.serve(require_tls=True)
        plain = self.client()
        self.assertEqual(plain.command("MAIL FROM:<chris@contoso.com>"),
                         "451 5.7.3 STARTTLS is required to send mail")
        client = self.secured()
        client.expect("EHLO client.example", 250)
        client.message("chris@contoso.com", ["kate@fabrikam.com"], b"Subject: x\r\n\r\nx\r\n")

    def test_a_new_certificate_at_a_reload(self):
        self.serve()
        old = self.secured()
        old.expect("EHLO client.example", 250)
        self.issue(serial=2)
        self.relais.signal(signal.SIGHUP)

        def serial():
            client = self.secured()
            return client.socket.getpeercert()["serialNumber"]

        def is_new():
            try:
                return serial() == "02"
            except ssl.SSLError:  # of the old one, which is not in our file any more
                return False
        harness.wait_until(is_new, 10, "the new certificate")
        old.message("chris@contoso.com", ["kate@fabrikam.com"], b"Subject: x\r\n\r\nx\r\n")
        # One that cannot be used changes nothing.
        self.key.write_text("nonsense")
        self.relais.signal(signal.SIGHUP)
        harness.wait_until(lambda: self.relais.said("last good one stays"), 10, "the complaint")
        self.assertIn("key.pem", self.relais.tail())
        self.assertEqual(serial(), "02")

    def check(self, status, *words):
        done = harness.run([BINARY, "check", "--config", str(self.relais.config_dir)])
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        for word in words:
            self.assertIn(word, done.stdout + done.stderr)

    def test_files_that_check_refuses(self):
        self.issue()
        self.configure()
        self.check(0)
        self.key.chmod(0o644)
        self.check(1, "tls.key", "key.pem: the key is open to every user", "[R047]")
        self.key.chmod(0o600)
        other = self.key.read_text()
        self.issue()
        self.key.write_text(other)
        self.check(1, "tls.key", "does not match the certificate")
        self.certificate.unlink()
        self.check(1, "tls.certificate", "cert.pem")
        self.configure(tls=False, require_tls=True)
        self.check(1, "require_tls", "nobody could send", "[R047]")

    def test_who_only_asks_does_not_need_the_key(self):
        """Monitoring runs as somebody who may not read it."""
        self.serve()
        self.key.unlink()
        for command in (["explain", "--local", f"127.0.0.1:{self.port}", "--remote", "127.0.0.1"],
                        ["stats"], ["limit", "list"], ["top", "--once"]):
            done = harness.run([BINARY, *command, "--config", str(self.relais.config_dir)])
            self.assertEqual(done.returncode, 0, (command, done.stdout + done.stderr))
        self.check(1, "tls.key", "key.pem")

    def test_peers_that_misbehave_in_the_handshake(self):
        """Others are served meanwhile."""
        self.serve()
        # A client hello of which each cut is somebody's last octet.
        outgoing = ssl.MemoryBIO()
        half = self.context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=NAME)
        try:
            half.do_handshake()
        except ssl.SSLWantReadError:
            pass
        hello = outgoing.read()
        for cut in range(0, len(hello) + 1, 16):
            client = Client(self.port)
            client.expect("EHLO client.example", 250)
            client.expect("STARTTLS", 220)
            client.send(hello[:cut])
            if cut % 32:
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
        good = self.secured()
        good.expect("EHLO client.example", 250)
        good.message("chris@contoso.com", ["kate@fabrikam.com"], b"Subject: x\r\n\r\nx\r\n")

    def test_handshakes_can_be_limited(self):
        self.serve(limit=[{"measure": "tls_handshakes", "per": "source", "rate": "1/h",
                           "burst": 2}])
        for _ in range(2):
            self.secured().expect("EHLO client.example", 250)
        client = self.client()
        self.assertRegex(client.command("STARTTLS"), r"^451 4\.7\.1 .*limit=tls_handshakes/h per "
                         r"source 2/2 retry in \d+s")
        client.expect("NOOP", 250)

    def test_handshakes_can_be_delayed(self):
        """The reply to STARTTLS waits, what was said before it does not."""
        self.serve(limit=[{"measure": "tls_handshakes", "per": "source", "rate": "1/s", "burst": 1,
                           "action": "delay", "max_delay": "20s"}])
        self.secured()
        client = self.client()
        begin = time.monotonic()
        client.send(b"NOOP\r\nSTARTTLS\r\n")
        self.assertEqual(client.reply(), "250 2.0.0 OK")
        self.assertLess(time.monotonic() - begin, 0.5)
        self.assertEqual(client.reply(), "220 2.0.0 SMTP server ready")
        self.assertGreater(time.monotonic() - begin, 0.5)
        client.socket = self.context().wrap_socket(client.socket, server_hostname=NAME)
        client.expect("EHLO client.example", 250)

    def test_hellos_that_come_together(self):
        """Most of them wait for a thread; some are gone, or say that they are, when it comes."""
        self.serve()
        context = self.context()
        waiting = []
        for number in range(90):
            client = Client(self.port)
            self.addCleanup(client.close)
            client.expect("EHLO client.example", 250)
            client.expect("STARTTLS", 220)
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            tls = context.wrap_bio(incoming, outgoing, server_hostname=NAME)
            with self.assertRaises(ssl.SSLWantReadError):
                tls.do_handshake()
            waiting.append((client, tls, incoming, outgoing))
        for number, (client, _, _, outgoing) in enumerate(waiting):
            client.send(outgoing.read())
            if number % 3 == 1:
                client.reset()
            if number % 3 == 2:
                client.socket.shutdown(socket.SHUT_WR)
        with Client(self.port) as other:
            other.expect("NOOP", 250)
        for client, tls, incoming, outgoing in waiting[::3]:
            while True:
                incoming.write(client.socket.recv(65536))
                try:
                    tls.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    pass
            tls.write(b"EHLO client.example\r\n")
            client.send(outgoing.read())
            answer = b""
            while b"250 " not in answer:
                incoming.write(client.socket.recv(65536))
                try:
                    answer += tls.read()
                except ssl.SSLWantReadError:
                    pass
        self.assertEqual(self.relais.process.poll(), None)

    def test_many_at_once(self):
        """Messages of many clients in TLS over both cores, each byte for byte."""
        self.serve()
        problems = []

        def work(number):
            try:
                client = self.secured()
                client.expect("EHLO client.example", 250)
                for _ in range(5):
                    client.message("chris@contoso.com", ["kate@fabrikam.com"],
                                   BODY[:1000 * number].rpartition(b"\r\n")[0] + b"\r\n")
            except (AssertionError, OSError) as problem:
                problems.append(problem)
        threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 31)]
        begin = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(problems, [])
        harness.wait_until(lambda: len(self.hop.messages) == 150, 30, "all messages")
        sizes = sorted(len(m.content) for m in self.hop.messages)
        self.assertGreater(len(set(sizes)), 25)
        self.assertEqual(self.hop.violations, [])
        print(f"150 messages of 30 clients in {time.monotonic() - begin:.1f} s")


if __name__ == "__main__":
    harness.main()
