#!/usr/bin/python3
"""Byte for byte, whatever carries it: DATA or BDAT, in the clear or in TLS, on either side, through the
queue and straight through."""

import itertools
import ssl

import harness
from extensions_test import TEXT, dotted
from harness import Client
from next_hop import NextHop

NAME = "relay.contoso.com"
BASE = ("PIPELINING", "8BITMIME")
CONTENT = TEXT + b"\r\n.\x80\xff8 bit\r\n" + b"y" * 998 + b"\r\n"


class Matrix(harness.EndToEnd):
    def setUp(self):
        super().setUp()
        self.tls = harness.certificate(self.folder, NAME)
        self.hop_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.hop_tls.load_cert_chain(self.tls["certificate"], self.tls["key"])

    def client(self, tls):
        client = Client(self.port)
        self.addCleanup(client.close)
        client.expect("EHLO x", 250)
        if tls:
            client.expect("STARTTLS", 220)
            client.socket = ssl.create_default_context(cafile=self.tls["certificate"]).wrap_socket(
                client.socket, server_hostname=NAME)
            client.expect("EHLO x", 250)
        return client

    def send(self, client, chunks):
        client.expect("MAIL FROM:<chris@contoso.com> BODY=8BITMIME", 250)
        client.expect("RCPT TO:<kate@fabrikam.com>", 250)
        if not chunks:
            client.expect("DATA", 354)
            client.send(dotted(CONTENT) + b".\r\n")
            self.assertTrue(client.reply().startswith("250 2."))
            return
        for start in range(0, len(CONTENT), 30_000):
            part = CONTENT[start:start + 30_000]
            last = " LAST" if start + len(part) == len(CONTENT) else ""
            client.send(f"BDAT {len(part)}{last}\r\n".encode() + part)
            self.assertTrue(client.reply().startswith("250 2."))

    def carry(self, proxied, hop_chunks, hop_in_tls):
        hop = NextHop(self.ports.take(), extensions=BASE + (("CHUNKING",) if hop_chunks else ()),
                      tls=self.hop_tls if hop_in_tls else None).start()
        self.addCleanup(hop.stop)
        through = {"delivery": "proxy", "upstream_send_connector": "Smart host"} if proxied else {}
        self.relais.configure(receive=[harness.relay_connector(self.port, **through)], tls=self.tls,
                              send=[harness.smart_host(hop.port)])
        self.relais.start()
        for number, (tls, chunks) in enumerate(itertools.product((False, True), repeat=2)):
            with self.subTest(proxied=proxied, client=("clear", "TLS")[tls],
                              comes=("DATA", "BDAT")[chunks], hop=("clear", "TLS")[hop_in_tls],
                              goes=("DATA", "BDAT")[hop_chunks]):
                self.send(self.client(tls), chunks)
                harness.wait_until(lambda: len(hop.messages) == number + 1, 20, "the message")
                self.assertEqual(hop.violations, [])
                message = hop.messages[number]
                self.assertTrue(harness.without_received(message.content) == CONTENT)
                self.assertEqual(message.tls is not None, hop_in_tls)
        verbs = {line.split(" ")[0] for _, line in hop.commands}
        self.assertEqual("BDAT" in verbs, hop_chunks)
        self.assertEqual("DATA" in verbs, not hop_chunks)
        self.relais.stop()

    def test_through_the_queue(self):
        for hop_chunks, hop_in_tls in itertools.product((False, True), repeat=2):
            self.carry(False, hop_chunks, hop_in_tls)

    def test_straight_through(self):
        for hop_chunks, hop_in_tls in itertools.product((False, True), repeat=2):
            self.carry(True, hop_chunks, hop_in_tls)


if __name__ == "__main__":
    harness.main()
