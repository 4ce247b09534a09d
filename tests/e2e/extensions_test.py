#!/usr/bin/python3
"""CHUNKING, BINARYMIME, DSN and SMTPUTF8 on the running server: byte for byte from the client to the
next hop, whatever each of them speaks."""

import time

import harness
from next_hop import NextHop

FULL = ("PIPELINING", "8BITMIME", "BINARYMIME", "CHUNKING", "DSN", "SMTPUTF8", "SIZE 0")
TEXT = b"Subject: dots\r\n\r\n.one\r\n..two\r\nthree\r\n.\r\n" + b"\r\n.".join(
    b"x" * (i % 70) for i in range(3000)) + b"\r\nQUIT\r\n"


def dotted(content):
    return (b"\r\n" + content).replace(b"\r\n.", b"\r\n..")[2:]


class Extensions(harness.EndToEnd):
    def serve(self, extensions=FULL, **more):
        self.hop = NextHop(self.ports.take(), extensions=extensions).start()
        self.addCleanup(self.hop.stop)
        self.relais.configure(send=[{**harness.smart_host(self.hop.port), **more}])
        self.relais.start()

    def arrived(self, count=1):
        harness.wait_until(lambda: len(self.hop.messages) == count, 20, "the message")
        self.assertEqual(self.hop.violations, [])
        return self.hop.messages[-1]

    @staticmethod
    def body_of(message):
        """Behind the Received field that relais puts in front."""
        content = message.content
        assert content.startswith(b"Received: "), content[:100]
        end = 0
        while content[end:end + 1] in b"R \t":
            end = content.index(b"\r\n", end) + 2
        return content[end:]

    def send(self, content, chunks, mail="", rcpt=""):
        client = self.client()
        client.expect("MAIL FROM:<chris@contoso.com>" + mail, 250)
        client.expect("RCPT TO:<kate@fabrikam.com>" + rcpt, 250)
        if not chunks:
            client.expect("DATA", 354)
            client.send(dotted(content) + b".\r\n")
            self.assertTrue(client.reply().startswith("250 2.6.0"))
            return
        for start in range(0, len(content), chunks):
            part = content[start:start + chunks]
            client.send(f"BDAT {len(part)}\r\n".encode() + part)
            self.assertEqual(client.reply(), f"250 2.6.0 CHUNK received OK, {len(part)} octets")
        self.assertTrue(client.command("BDAT 0 LAST").startswith("250 2.6.0"))

    def test_a_refusal_says_who_sent_it_to_whom_and_how(self):
        self.serve()
        client = self.client()
        def refused(count):
            harness.wait_until(lambda: len(self.relais.events("refused")) == count, 10, "its line")
            return self.relais.events("refused")[-1]
        def begin():
            client.expect("MAIL FROM:<chris@contoso.com>", 250)
            client.expect("RCPT TO:<kate@fabrikam.com>", 250)
            client.expect("RCPT TO:<joe@fabrikam.com>", 250)
        bare = b"Subject: bare\r\n\r\na\nb\r\n"
        envelope = {"from": "chris@contoso.com", "to": ["kate@fabrikam.com", "joe@fabrikam.com"]}
        begin()
        client.expect("DATA", 354)
        client.send(bare + b".\r\n")
        self.assertTrue(client.reply().startswith("550 5.6.11"))
        line = refused(1)
        self.assertEqual({**line, **envelope, "command": "DATA", "reason": "content"}, line)
        for count, last in ((2, " LAST"), (3, "")):
            begin()
            client.send(f"BDAT {len(bare)}{last}\r\n".encode() + bare)
            self.assertTrue(client.reply().startswith("550 5.6.11"))
            line = refused(count)
            self.assertEqual({**line, **envelope, "command": "BDAT", "reason": "content"}, line)
        for count, (command, sender) in enumerate((
                ("MAIL FROM:<chris@contoso.com> ENVID=a=b", "chris@contoso.com"),
                ("MAIL FROM:<> NONSENSE=1", ""),
                ("MAIL FROM:chris@@contoso.com", None),
                ("MAIL", None)), 4):
            client.expect(command, 501 if "NONSENSE" not in command else 555)
            line = refused(count)
            self.assertEqual(line["command"], "MAIL")
            self.assertEqual(line.get("from"), sender, command)
            self.assertNotIn("to", line)

    def test_what_is_refused_between_chunks_takes_nothing_away(self):
        self.serve()
        client = self.client()
        client.expect("MAIL FROM:<chris@contoso.com>", 250)
        client.expect("RCPT TO:<kate@fabrikam.com>", 250)
        for part in (b"Subject: in", b" parts\r\n\r\none\r\n."):
            client.send(f"BDAT {len(part)}\r\n".encode() + part)
            self.assertTrue(client.reply().startswith("250 2.6.0"))
            client.expect("DATA", 503)
            client.expect("NONSENSE", 500)
        self.assertTrue(client.command("BDAT 0 LAST").startswith("250 2.6.0"))
        message = self.arrived()
        self.assertEqual(self.body_of(message), b"Subject: in parts\r\n\r\none\r\n.\r\n")
        self.assertEqual(message.recipients, ["kate@fabrikam.com"])

    def test_a_pipelined_chunk_is_answered_at_once(self):
        """Not when the client's delayed acknowledgement of the replies before it has come: 40 ms."""
        self.serve()
        client = self.client()
        times = []
        for _ in range(15):
            began = time.monotonic()
            client.send(b"MAIL FROM:<chris@contoso.com>\r\nRCPT TO:<kate@fabrikam.com>\r\n"
                        b"BDAT 17 LAST\r\nSubject: x\r\n\r\nx\r\n")
            self.assertEqual([client.reply()[:3] for _ in range(3)], ["250"] * 3)
            times.append(time.monotonic() - began)
        self.assertLess(min(times), 0.03, times)

    def test_text_is_the_same_however_it_comes_and_goes(self):
        for extensions, more in ((FULL, {}), (FULL, {"chunking_enabled": False}),
                                 (("8BITMIME",), {}), (("8BITMIME", "CHUNKING"), {})):
            with self.subTest(extensions=extensions, **more):
                self.serve(extensions, **more)
                for number, chunks in enumerate((0, 7, 16384, 10**9)):
                    content = TEXT[:2000] if chunks == 7 else TEXT
                    self.send(content, chunks)
                    self.assertEqual(self.body_of(self.arrived(number + 1)),
                                     content if content.endswith(b"\r\n") else content + b"\r\n")
                verbs = {line.split(" ")[0] for _, line in self.hop.commands}
                in_chunks = "CHUNKING" in extensions and not more
                self.assertEqual("BDAT" in verbs, in_chunks)
                self.assertEqual("DATA" in verbs, not in_chunks)
                self.relais.stop()
                self.hop.stop()

    def test_a_large_message_goes_out_in_several_chunks(self):
        self.serve()
        content = b"Subject: large\r\n\r\n" + b".23456789\r\n" * 300_000
        self.send(content, 100_000)
        self.assertEqual(self.body_of(self.arrived()), content)
        sizes = [line for _, line in self.hop.commands if line.startswith("BDAT")]
        self.assertGreater(len(sizes), 2)
        self.assertTrue(sizes[-1].endswith(" LAST"))

    def test_binary_content(self):
        self.serve()
        content = b"Subject: binary\r\n\r\n" + bytes(range(256)) * 300 + b"\r\n.\r\n.\r\n..\r"
        self.send(content, 1000, mail=" BODY=BINARYMIME")
        message = self.arrived()
        self.assertEqual(self.body_of(message), content)
        self.assertIn("BODY=BINARYMIME", message.sender_parameters)

    def test_binary_content_into_a_maildir(self):
        maildir = self.folder / "maildir"
        self.relais.configure(send=[{"name": "Here", "address_spaces": ["*"],
                                     "maildir": str(maildir)}])
        self.relais.start()
        content = b"Subject: binary\r\n\r\n" + bytes(range(256)) * 300 + b"\r\n.\r\n.\r\n..\r"
        self.send(content, 1000, mail=" BODY=BINARYMIME")
        files = harness.wait_until(lambda: list((maildir / "new").glob("*")), 10, "the file")
        self.assertTrue(files[0].read_bytes().endswith(content))

    def test_notifications_are_asked_for_at_the_next_hop(self):
        self.serve()
        self.send(b"Subject: x\r\n\r\nx\r\n", 0, mail=" RET=HDRS ENVID=QQ+2B1",
                  rcpt=" NOTIFY=SUCCESS,DELAY ORCPT=rfc822;kate+2Bx@fabrikam.com")
        self.assertIn("RET=HDRS ENVID=QQ+2B1", self.arrived().sender_parameters)
        self.assertIn("RCPT TO:<kate@fabrikam.com> NOTIFY=SUCCESS,DELAY "
                      "ORCPT=rfc822;kate+2Bx@fabrikam.com", [line for _, line in self.hop.commands])

    def test_what_was_asked_for_outlives_a_restart(self):
        self.serve()
        self.hop.stop()
        self.send(b"Subject: x\r\n\r\nx\r\n", 0, mail=" SMTPUTF8 ENVID=1", rcpt=" NOTIFY=NEVER")
        self.relais.stop()
        self.hop.start()
        self.relais.start()
        self.assertIn("SMTPUTF8 ENVID=1", self.arrived().sender_parameters)
        self.assertIn("RCPT TO:<kate@fabrikam.com> NOTIFY=NEVER",
                      [line for _, line in self.hop.commands])

    def test_a_hop_without_dsn_is_not_asked(self):
        self.serve(("8BITMIME",))
        self.send(b"Subject: x\r\n\r\nx\r\n", 0, mail=" RET=HDRS ENVID=1", rcpt=" NOTIFY=NEVER")
        self.assertEqual(self.arrived().sender_parameters, "")

    def test_addresses_in_utf8(self):
        self.serve()
        client = self.client()
        client.expect("MAIL FROM:<käthe@contoso.com> SMTPUTF8", 250)
        client.expect("RCPT TO:<用户@例子.广告>", 250)
        client.expect("DATA", 354)
        client.send("Subject: Grüße\r\n\r\nx\r\n.\r\n".encode())
        self.assertTrue(client.reply().startswith("250 2.6.0"))
        message = self.arrived()
        self.assertEqual((message.sender, message.recipients),
                         ("käthe@contoso.com", ["用户@例子.广告"]))
        self.assertIn(b"with UTF8SMTP id", message.content)
        self.assertIn("for <用户@例子.广告>;".encode(), message.content)
        self.assertEqual(self.relais.wait_event("message")["from"], "käthe@contoso.com")

    def test_what_was_declared_and_is_not_needed_goes_without(self):
        """Also behind a restart, and to a next hop that offers nothing at all."""
        for extensions in (("PIPELINING",), ()):
            with self.subTest(extensions=extensions):
                self.serve(extensions)
                self.send(TEXT, 16384, mail=" BODY=8BITMIME SMTPUTF8")
                message = self.arrived()
                self.assertEqual((self.body_of(message), message.sender_parameters), (TEXT, ""))
                self.hop.stop()
                self.send(TEXT, 0, mail=" BODY=8BITMIME SMTPUTF8")
                self.relais.stop()
                self.hop.start()
                self.relais.start()
                message = self.arrived(2)
                self.assertEqual((self.body_of(message), message.sender_parameters), (TEXT, ""))
                client = self.client()
                client.expect("MAIL FROM:<chris@contoso.com> SMTPUTF8", 250)
                client.expect("RCPT TO:<käthe@fabrikam.com>", 250)
                client.content(b"Subject: x\r\n\r\nx\r\n")
                self.assertIn("554 5.6.7", str(self.relais.wait_event("failed")))
                self.relais.stop()
                self.hop.stop()

    def test_what_the_next_hop_does_not_take_fails_and_is_kept(self):
        for extensions, mail, status in [(("PIPELINING", "8BITMIME"), " SMTPUTF8", "5.6.7"),
                                         (("8BITMIME", "CHUNKING"), " BODY=BINARYMIME", "5.6.3"),
                                         (("PIPELINING",), " BODY=8BITMIME", "5.6.3")]:
            with self.subTest(extensions=extensions, mail=mail):
                self.serve(extensions)
                before = len(self.relais.events("failed"))
                self.send(b"Subject: x\r\n\r\n\xe4\r\n", 100, mail=mail)
                harness.wait_until(lambda: len(self.relais.events("failed")) > before, 10, "it fails")
                event = self.relais.events("failed")[-1]
                self.assertIn(f"554 {status}", str(event))
                self.assertEqual(event["host"], f"127.0.0.1:{self.hop.port}")
                self.send(b"Subject: y\r\n\r\ny\r\n", 0)
                self.arrived()
                self.relais.stop()
                self.hop.stop()


if __name__ == "__main__":
    harness.main()
