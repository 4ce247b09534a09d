#!/usr/bin/python3
"""Clients that mean harm or know no better: the server stays up and serves others meanwhile."""

import random
import socket
import threading
import time

import harness
from harness import Client
from next_hop import NextHop

BODY = b"Subject: well behaved\r\n\r\ntext\r\n"


class Hostile(harness.EndToEnd):
    def setUp(self):
        super().setUp()
        self.hop = NextHop(self.ports.take()).start()
        self.addCleanup(self.hop.stop)
        self.relais.configure(
            receive=[harness.relay_connector(self.port, connection_timeout="20s",
                                             connection_inactivity_timeout="2s")],
            send=[harness.smart_host(self.hop.port)])
        self.relais.start()

    def well_behaved(self):
        """Another client is served, and soon."""
        before = len(self.hop.messages)
        started = time.monotonic()
        harness.send(self.port, "chris@contoso.com", ["kate@fabrikam.com"], BODY)
        self.assertLess(time.monotonic() - started, 2 * harness.PATIENCE)
        harness.wait_until(lambda: len(self.hop.messages) > before, 10, "the message")
        return self.hop.messages[before:]

    def only_good_mail(self):
        for message in self.hop.messages:
            self.assertEqual(harness.without_received(message.content), BODY)

    def end_of(self, client, seconds):
        """Reads until the server closes; gives what it said."""
        client.socket.settimeout(seconds * harness.PATIENCE)
        said = client.buffer
        try:
            while data := client.socket.recv(65536):
                said += data
        except ConnectionResetError:
            pass
        except TimeoutError:
            self.fail(f"still open after {seconds * harness.PATIENCE:.0f} s, having said {said!r}")
        return said

    def test_each_reply_comes_once(self):
        """Short ones and long ones, one by one and together: strings go from one to the next."""
        others = [Client(self.port) for _ in range(5)]
        with Client(self.port) as client:
            for _ in range(3):
                for command, code in (("EHLO x", 250), ("NOOP", 250), ("NOOP", 250), ("RSET", 250),
                                      ("VRFY kate", 252), ("NOOP", 250), ("HELO x", 250)):
                    client.expect(command, code)
                    for other in others:
                        other.expect("NOOP", 250)
                client.send("NOOP\r\nVRFY kate\r\nNOOP\r\n")
                self.assertEqual([client.reply()[:3] for _ in range(3)], ["250", "252", "250"])
            client.quit()
        for other in others:
            other.quit()

    def test_a_slow_writer(self):
        """An octet at a time is allowed, as long as it goes on."""
        with Client(self.port) as slow:
            for octet in "EHLO slow.example\r\n":
                slow.send(octet)
                time.sleep(0.02)
            self.assertTrue(slow.reply().startswith("250"))
            self.well_behaved()
            slow.begin("chris@contoso.com", ["kate@fabrikam.com"])
            slow.expect("DATA", 354)
            for octet in BODY + b".\r\n":
                slow.send(bytes([octet]))
                time.sleep(0.005)
            harness.guid_of(slow.reply())
        harness.wait_until(lambda: len(self.hop.messages) == 2, 10, "both messages")
        self.only_good_mail()

    def test_silence_is_ended_in_every_state(self):
        script = ["EHLO x\r\n", "MAIL FROM:<a@contoso.com>\r\n", "RCPT TO:<b@fabrikam.com>\r\n",
                  "DATA\r\n", "half a line"]
        clients = []
        for depth in range(len(script) + 1):
            client = Client(self.port)
            clients.append(client)
            for line in script[:depth]:
                client.send(line)
                if line.endswith("\n"):
                    client.reply()
        self.well_behaved()
        for depth, client in enumerate(clients):
            with self.subTest(depth=depth):
                self.assertRegex(self.end_of(client, 8), rb"\A451 4\.7\.0 ")
                client.close()
        self.only_good_mail()

    def test_a_session_has_an_end_however_busy(self):
        """connection_timeout is absolute: NOOPs do not extend it."""
        self.relais.stop()
        self.relais.configure(
            receive=[harness.relay_connector(self.port, connection_timeout="3s",
                                             connection_inactivity_timeout="2s")],
            send=[harness.smart_host(self.hop.port)])
        self.relais.start()
        with Client(self.port) as client:
            started = time.monotonic()
            while (reply := client.command("NOOP")).startswith("250"):
                time.sleep(0.2)
                self.assertLess(time.monotonic() - started, 8 * harness.PATIENCE)
            self.assertTrue(reply.startswith("421"), reply)

    def test_http(self):
        for request in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
                        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n"
                        b"EHLO x\r\nMAIL FROM:<a@contoso.com>\r\n"
                        b"RCPT TO:<b@fabrikam.com>\r\nDATA\r\n"
                        b"Subject: from a browser\r\n\r\nhello\r\n.\r\nQUIT\r\n"):
            with Client(self.port) as client:
                client.send(request)
                said = self.end_of(client, 8)
                self.assertNotIn(b"354", said)
                self.assertNotIn(b"Queued", said)
        self.well_behaved()
        self.only_good_mail()

    def test_tls_hello_on_the_plain_port(self):
        with Client(self.port) as client:
            client.send(bytes.fromhex("1603010200010001fc0303") + bytes(range(256)) * 2)
            self.end_of(client, 8)
        self.well_behaved()

    def test_one_that_never_reads(self):
        """It is not given memory without end: the server stops reading when it cannot write."""
        before = self.relais.rss()
        clients = []
        for _ in range(20):
            client = Client(self.port)
            client.expect("EHLO x", 250)
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.socket.settimeout(0.5)
            sent = 0
            try:
                while sent < 64 << 20:
                    sent += client.socket.send(b"NOOP\r\n" * 10000)
            except (TimeoutError, ConnectionError):
                pass
            self.assertLess(sent, 64 << 20, "it swallows commands, and nobody reads its replies")
            clients.append(client)
            if len(clients) % 5 == 0:
                self.well_behaved()
        grown = self.relais.rss() - before
        print(f"20 clients that never read: {grown >> 10} KiB more")
        if not harness.SANITIZED:
            # The receive buffers of both cores (32 MiB, a budget) and little more.
            self.assertLess(grown, 48 << 20)
        for client in clients:
            client.close()
        self.well_behaved()

    def never_reading(self, count):
        """So many clients that have sent more than can be answered."""
        clients = []
        for _ in range(count):
            client = socket.socket()
            self.addCleanup(client.close)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", self.port))
            client.recv(1024)
            client.setblocking(False)
            clients.append(client)
        began = full_since = time.monotonic()
        while (now := time.monotonic()) - full_since < 0.5 and now - began < 3:
            for client in clients:
                try:
                    client.send(b"EHLO x\r\n" * 4000)
                    full_since = now
                except OSError:
                    pass
            time.sleep(0.001)
        return clients

    def test_one_that_never_reads_has_an_end_too(self):
        client, = self.never_reading(1)

        def is_gone():
            try:
                client.send(b"NOOP\r\n")
            except BlockingIOError:
                pass
            except ConnectionError:
                return True
            return False
        harness.wait_until(is_gone, 10, "the end of its connection")
        self.assertEqual([event["command"] for event in self.relais.events("refused")], ["timeout"])

    def test_who_never_reads_keeps_no_receive_buffer_from_others(self):
        """All that there are, and more: 64, of which each of them holds two."""
        self.with_few_buffers()
        self.never_reading(40)
        self.others_get_on("receive buffers ran out, and its client, who sends on, does not read")

    def test_nor_does_who_sends_on_in_the_tarpit(self):
        port = self.ports.take()
        self.with_few_buffers(harness.default_connector(port, tarpit_interval="60s"))
        for _ in range(40):
            client = Client(port)
            self.addCleanup(client.close)
            client.socket.setblocking(False)
            try:
                client.socket.send(b"HELO x\r\nDATA\r\n" + b"NOOP\r\n" * 20_000)
            except BlockingIOError:
                pass
        self.others_get_on("receive buffers ran out, and its client, who must wait, sends on")

    def with_few_buffers(self, *more):
        self.relais.stop()
        self.relais.configure(
            receive=[harness.relay_connector(self.port), *more],
            send=[harness.smart_host(self.hop.port)],
            server={"cores": 1, "receive_buffers": "1MB"})
        self.relais.start()

    def others_get_on(self, reason):
        with Client(self.port) as hasty:  # and needs more buffers than are left
            sender = threading.Thread(target=hasty.send, args=(b"HELO x\r\n" * 40_000,))
            sender.start()
            for _ in range(40_000):
                self.assertTrue(hasty.reply().startswith("250"))
            sender.join()
        self.well_behaved()

        def reasons():
            return {event["reason"] for event in self.relais.events("refused")
                    if event["command"] == "input"}
        # They may have had something to do until now: all take turns.
        harness.wait_until(reasons, 20, "the end of one that hoards")
        self.assertEqual(reasons(), {reason})
        self.well_behaved()

    def test_resets_in_every_state(self):
        script = [b"EHLO x\r\n", b"MAIL FROM:<a@contoso.com>\r\n", b"RCPT TO:<b@fabrikam.com>\r\n",
                  b"DATA\r\n", b"Subject: cut\r\n\r\nhalf", b" a line\r\n", b".\r"]
        for round in range(20):
            for depth in range(len(script) + 1):
                client = Client(self.port, greet=round % 2 == 0)
                for line in script[:depth]:
                    client.send(line)
                    if round % 4 == 0 and line.endswith(b"\r\n") and line[:1] in b"EMRD":
                        client.reply()
                client.reset()
        self.well_behaved()
        time.sleep(0.3)
        self.only_good_mail()
        self.assertEqual(len(self.hop.messages), 1)

    def test_what_comes_behind_quit_does_not_cost_the_last_replies(self):
        """Closing a socket that has unread octets would reset the connection, and the client might
        never see that its message was taken."""
        for behind in (1, 20_000, 300_000):
            with socket.create_connection(("127.0.0.1", self.port), 10) as client:
                client.sendall(b"EHLO x\r\nMAIL FROM:<a@contoso.com>\r\n"
                               b"RCPT TO:<b@fabrikam.com>\r\nDATA\r\n" + BODY + b".\r\nQUIT\r\n" +
                               b"x" * behind)
                time.sleep(0.3)
                replies = b""
                while octets := client.recv(65536):
                    replies += octets
            self.assertIn(b"\r\n250 2.6.0 ", replies)
            self.assertTrue(replies.split(b"\r\n")[-2].startswith(b"221 "), replies)

    def test_half_closed_after_quit_in_one_go(self):
        """printf ... | nc: all at once, then FIN. Replies still come, and the message is kept."""
        with Client(self.port) as client:
            client.send(b"EHLO x\r\nMAIL FROM:<a@contoso.com>\r\n"
                        b"RCPT TO:<b@fabrikam.com>\r\nDATA\r\n" + BODY + b".\r\nQUIT\r\n")
            client.socket.shutdown(socket.SHUT_WR)
            said = self.end_of(client, 8)
        self.assertIn(b"Queued mail for delivery", said)
        self.assertIn(b"221 2.0.0", said)
        harness.wait_until(lambda: self.hop.messages, 10, "the message")

    def test_long_lines(self):
        with Client(self.port) as client:
            client.expect("EHLO x", 250)
            # The tail of a line that is too long is never a command of its own.
            client.send("NOOP " + "x" * 5000 + "MAIL FROM:<evil@contoso.com>\r\n")
            self.assertRegex(client.reply(), r"\A5\d\d ")
            self.assertTrue(client.command("NOOP").startswith("250"))
            self.assertTrue(client.command("RCPT TO:<b@fabrikam.com>").startswith("503"))
            # A long line of content is content.
            body = BODY + b"y" * 5000 + b"\r\n"
            client.message("chris@contoso.com", ["kate@fabrikam.com"], body)
            client.quit()
        harness.wait_until(lambda: self.hop.messages, 10, "the message")
        self.assertEqual(harness.without_received(self.hop.messages[0].content), body)
        self.hop.messages.clear()
        with Client(self.port) as client:
            client.socket.settimeout(20)
            try:
                for _ in range(400):
                    client.send(b"z" * 50_000)  # 20 MB without a line end
                client.send(b"\r\n")
            except ConnectionError:
                pass
            said = self.end_of(client, 8)
            self.assertLessEqual(said.count(b"\r\n"), 2, said[:200])
        self.well_behaved()

    def test_smuggling_gets_one_message_or_none(self):
        """No end of data but CRLF.CRLF (SMTP smuggling)."""
        inner = (b"MAIL FROM:<x@contoso.com>\r\nRCPT TO:<y@fabrikam.com>\r\nDATA\r\n"
                 b"Subject: two\r\n\r\n")
        for end in (b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\r\n\0.\r\n",
                    b"\n\r.\r\n",
                    b"\r\r\n.\r\r\n", b"\r\n. \r\n", b"\r\n.\r\r\n"):
            with self.subTest(end), Client(self.port) as client:
                client.expect("EHLO x", 250)
                client.begin("chris@contoso.com", ["kate@fabrikam.com"])
                client.expect("DATA", 354)
                client.send(BODY + b"first" + end + inner + b"\r\n.\r\n")
                reply = client.reply()
                self.assertIn(reply[:3], ("250", "550", "554"))
                client.quit()
        time.sleep(0.5)
        for message in self.hop.messages:
            self.assertEqual(message.recipients, ["kate@fabrikam.com"])
        # A line that came with one dot in front may go on like that: it means the same.
        self.assertEqual([v for v in self.hop.violations if "dot-stuffed" not in v], [])
        self.hop.messages.clear()
        self.well_behaved()

    def test_noise(self):
        rng = random.Random(7)
        words = [b"EHLO x\r\n", b"MAIL FROM:<a@contoso.com>\r\n", b"RCPT TO:<b@fabrikam.com>\r\n",
                 b"DATA\r\n", b".\r\n", b"RSET\r\n", b"\r\n", b"\0\xff\r\n", b"QUIT\r\n",
                 b"x" * 3000]
        for _ in range(300):
            client = Client(self.port, greet=False)
            try:
                client.send(b"".join(
                    rng.choice(words) if rng.random() < 0.8 else rng.randbytes(rng.randrange(200))
                    for _ in range(rng.randrange(20))))
                if rng.random() < 0.5:
                    client.reset()
                else:
                    client.close()
            except OSError:
                client.close()
        self.well_behaved()

    def test_the_floor_is_held_open_by_half_messages(self):
        """Many sessions in the middle of big messages: memory stays bounded, others are served."""
        clients = []
        for _ in range(100):
            client = Client(self.port)
            client.expect("EHLO x", 250)
            client.begin("chris@contoso.com", ["kate@fabrikam.com"])
            client.expect("DATA", 354)
            client.send(b"h" * 70_000)
            clients.append(client)
        self.well_behaved()
        for client in clients:
            client.reset()
        self.well_behaved()
        self.only_good_mail()


if __name__ == "__main__":
    harness.main()
