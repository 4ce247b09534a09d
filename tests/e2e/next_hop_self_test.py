#!/usr/bin/python3
"""The test instruments themselves, client against next hop without a relais between them."""

import pathlib
import shutil
import ssl
import tempfile
import unittest

import harness
from harness import Client
from next_hop import CLOSE, NextHop

BODY = b"Subject: x\r\n\r\n.\r\n..\r\nend\r\n"


class Instruments(unittest.TestCase):
    def setUp(self):
        self.ports = harness.Ports()
        self.addCleanup(self.ports.close)
        self.hop = NextHop(self.ports.take()).start()
        self.addCleanup(self.hop.stop)

    def client(self):
        client = Client(self.hop.port)
        self.addCleanup(client.close)
        client.expect("EHLO x", 250)
        return client

    def transaction(self, client, body=BODY):
        client.begin("a@x", ["b@y"])
        client.content(body)

    def test_content_comes_through_exactly(self):
        client = self.client()
        for body in (BODY, b"", b".\r\n", b"\r\n", b"x" * 300000 + b"\r\n"):
            self.transaction(client, body)
            harness.wait_until(lambda: self.hop.messages, 5, "the message")
            self.assertEqual(self.hop.messages.pop().content, body)
        self.assertEqual(self.hop.violations, [])

    def test_a_breach_of_the_protocol_is_noticed(self):
        client = self.client()
        for content, word in ((b".x\r\n", "dot-stuffed"), (b"a\nb\r\n", "bare")):
            client.begin("a@x", ["b@y"])
            client.expect("DATA", 354)
            client.send(content + b".\r\n")
            client.reply()
            self.assertIn(word, self.hop.violations.pop())

    def test_rules(self):
        self.hop.rule = lambda verb, argument, session: (
            "450 no" if (verb, argument) == ("RCPT", "b@y") else CLOSE if verb == "END" else None)
        client = self.client()
        client.expect("MAIL FROM:<a@x>", 250)
        client.expect("RCPT TO:<b@y>", 450)
        client.expect("RCPT TO:<c@y>", 250)
        client.expect("DATA", 354)
        client.send(b"x\r\n.\r\n")
        try:
            self.assertEqual(client.line(), "")
        except ConnectionResetError:
            pass
        harness.wait_until(lambda: self.hop.rejected, 5, "the message")
        self.assertEqual(self.hop.rejected[0].recipients, ["c@y"])
        self.assertEqual(self.hop.messages, [])

    def test_it_can_go_away_and_come_back(self):
        self.client()
        self.hop.stop()
        with self.assertRaises(OSError):
            Client(self.hop.port)
        self.hop.start()
        self.client()

    def test_tls_and_logon(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="relais-e2e-"))
        self.addCleanup(shutil.rmtree, folder)
        table = harness.certificate(folder, "next.hop")
        self.hop.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.hop.tls.load_cert_chain(table["certificate"], table["key"])
        self.hop.users = {"me": "secret"}
        client = self.client()
        self.assertNotIn("AUTH", client.command("EHLO x"))
        client.expect("STARTTLS", 220)
        context = ssl.create_default_context(cafile=table["certificate"])
        client.socket = context.wrap_socket(client.socket, server_hostname="next.hop")
        self.assertNotIn("STARTTLS", client.expect("EHLO x", 250))
        client.expect("MAIL FROM:<a@x>", 530)
        client.expect("AUTH PLAIN AG1lAHdyb25n", 535)
        client.expect("AUTH PLAIN AG1lAHNlY3JldA==", 235)
        self.transaction(client)
        harness.wait_until(lambda: self.hop.messages, 5, "the message")
        message = self.hop.messages.pop()
        self.assertEqual((message.content, message.tls, message.user), (BODY, "TLSv1.3", "me"))
        self.assertEqual(self.hop.logons, [("PLAIN", "me", "wrong", True),
                                           ("PLAIN", "me", "secret", True)])
        # Who goes on in the clear behind STARTTLS is told of.
        hasty = self.client()
        hasty.send(b"STARTTLS\r\nMAIL FROM:<a@x>\r\n")
        harness.wait_until(lambda: self.hop.violations, 5, "the violation")
        self.assertIn("behind STARTTLS", self.hop.violations[0])

    def test_received_is_taken_off_once(self):
        self.assertEqual(harness.without_received(b"Received: a\r\n\tb\r\n c\r\nReceived: d\r\n"),
                         b"Received: d\r\n")
        with self.assertRaises(AssertionError):
            harness.without_received(b"Subject: a\r\n")


if __name__ == "__main__":
    harness.main()
