#!/usr/bin/python3
"""The telnet dialogue of the manual, word for word, and the message at the next hop."""

import harness
from harness import Client
from next_hop import NextHop


class WalkThrough(harness.EndToEnd):
    def setUp(self):
        super().setUp()
        self.hop = NextHop(self.ports.take()).start()
        self.addCleanup(self.hop.stop)
        self.relais.configure(receive=[harness.relay_connector(self.port),
                                       harness.default_connector(self.port)],
                              send=[harness.smart_host(self.hop.port)])
        self.relais.start()

    def test_the_dialogue_is_word_for_word(self):
        with Client(self.port) as client:
            self.assertRegex(client.greeting, r"\A220 relay\.contoso\.com .*[A-Z][a-z]{2}, \d{1,2} "
                             r"[A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}\Z")
            hello = client.command("EHLO").split("\n")
            self.assertEqual(hello[0], "250-relay.contoso.com Hello [127.0.0.1]")
            self.assertEqual({line[4:] for line in hello[1:]},
                             {"SIZE 37748736", "PIPELINING", "DSN", "ENHANCEDSTATUSCODES",
                              "8BITMIME", "BINARYMIME", "CHUNKING", "SMTPUTF8",
                              "LIMITS RCPTMAX=200"})
            for line, answer in [
                    ("MAIL FROM:chris@contoso.com", "250 2.1.0 Sender OK"),
                    ("RCPT TO:kate@fabrikam.com", "250 2.1.5 Recipient OK"),
                    ("DATA", "354 Start mail input; end with <CRLF>.<CRLF>")]:
                self.assertEqual(client.command(line), answer)
            client.send("Subject: Test\r\n\r\nThis is a test message\r\n.\r\n")
            reply = client.reply()
            self.assertRegex(reply, r"\A250 2\.6\.0 <[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-"
                             r"[0-9A-Fa-f]{12}[^<> ]*> Queued mail for delivery\Z")
            client.quit()
        harness.wait_until(lambda: self.hop.messages, 10, "the message at the next hop")
        message = self.hop.messages[0]
        self.assertEqual(message.sender, "chris@contoso.com")
        self.assertEqual(message.recipients, ["kate@fabrikam.com"])
        self.assertEqual(harness.without_received(message.content),
                         b"Subject: Test\r\n\r\nThis is a test message\r\n")
        self.assertEqual(self.hop.violations, [])
        guid = harness.guid_of(reply)
        logged = self.relais.wait_event("message")
        self.assertIn(logged["id"], guid)
        self.assertEqual(logged["from"], "chris@contoso.com")
        self.assertEqual(logged["to"], ["kate@fabrikam.com"])
        self.assertEqual(logged["connector"], "Anonymous Relay")
        delivered = self.relais.wait_event("delivered")
        self.assertEqual(delivered["id"], logged["id"])
        self.assertEqual(delivered["to"], ["kate@fabrikam.com"])

    def test_from_an_unlisted_address_it_is_refused(self):
        with Client(self.port, "127.0.0.3") as client:
            client.expect("EHLO", 250)
            self.assertEqual(client.command("MAIL FROM:chris@contoso.com"), "250 2.1.0 Sender OK")
            self.assertEqual(client.command("RCPT TO:kate@fabrikam.com"),
                             "550 5.7.1 Unable to relay")
            client.quit()
        refused = self.relais.wait_event("refused")
        self.assertEqual(refused["connector"], "Default Frontend")
        self.assertEqual(refused["command"].split()[0].upper(), "RCPT")


if __name__ == "__main__":
    harness.main()
