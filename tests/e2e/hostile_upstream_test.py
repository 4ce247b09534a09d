#!/usr/bin/python3
"""Proxy mode against upstreams that break the protocol: no client is told 250 on the strength of
nonsense, and no connection that has said any is used again."""

import time
import unittest

import harness
from cut_through_test import BODY, DOTTED, PLAIN, PRX2
from next_hop import CLOSE, NextHop

KEPT = "250 2.0.0 kept"
CHUNKS = ("PIPELINING", "8BITMIME", "CHUNKING")


class HostileUpstream(harness.EndToEnd):
    def serve(self, extensions=PLAIN, hops=1, **more):
        self.hops = [NextHop(self.ports.take(), extensions=extensions) for _ in range(hops)]
        self.hop = self.hops[0]
        for hop in self.hops:
            self.addCleanup(hop.stop)
            hop.start()
        self.relais.configure(
            receive=[harness.relay_connector(
                self.port, delivery="proxy",
                upstreams=[f"127.0.0.1:{hop.port}" for hop in self.hops], **more)],
            send=[], server={"cores": 1})
        self.relais.start()

    def say_once(self, verb, reply):
        """The hop says `reply` to the next such command, and behaves otherwise."""
        left = [reply]

        def rule(asked, *_):
            return left.pop() if asked == verb and left else None
        self.hop.rule = rule
        return left

    def replies(self, client=None):
        """To MAIL, RCPT, DATA and the end, up to the first that is a refusal."""
        client = client or self.client()
        said = [client.command("MAIL FROM:<chris@contoso.com>")]
        if said[-1][0] == "2":
            said.append(client.command("RCPT TO:<kate@fabrikam.com>"))
        if said[-1][0] == "2":
            said.append(client.command("DATA"))
        if said[-1][0] == "3":
            client.send(DOTTED + b".\r\n")
            said.append(client.reply())
        if said[-1] != KEPT:
            client.expect("RSET", 250)
        return said

    def good(self, client):
        """The upstream works again: a circuit that is open closes within a second or two."""
        self.hop.rule = lambda *_: None
        harness.wait_until(lambda: self.replies(client)[-1] == KEPT, 20, "a message")

    def violation(self, text):
        name = f"127.0.0.1:{self.hop.port}"
        harness.wait_until(
            lambda: any(text in event["reason"] and event["upstream"] == name
                        for event in self.relais.events("upstream violation")), 5,
            f"a violation with {text!r}")

    def arrived(self, count):
        harness.wait_until(lambda: len(self.hop.messages) >= count, 5, "the message")
        self.assertEqual(len(self.hop.messages), count)

    def violations(self, count):
        harness.wait_until(lambda: len(self.relais.events("upstream violation")) >= count, 5, "log")
        self.assertEqual(len(self.relais.events("upstream violation")), count)

    def test_a_code_that_answers_something_else_is_no_success(self):
        for extensions in (PLAIN, CHUNKS):
            self.serve(extensions)
            client = self.client()
            self.good(client)
            for verb, code in (("MAIL", 220), ("MAIL", 235), ("MAIL", 334), ("MAIL", 252),
                               ("RCPT", 220), ("RCPT", 221), ("RCPT", 354), ("DATA", 250),
                               ("DATA", 334), ("END", 220), ("END", 221), ("END", 235),
                               ("END", 252), ("END", 354)):
                if verb == "DATA" and extensions is CHUNKS:
                    continue
                with self.subTest(verb=verb, code=code, extensions=extensions):
                    sessions = self.hop.sessions
                    taken = len(self.hop.messages)
                    left = self.say_once(verb, f"{code} 2.0.0 nonsense")
                    said = self.replies(client)
                    self.assertEqual(left, [])
                    # Nothing of it was answered yet, so MAIL may be asked elsewhere: there is a
                    # second connection, and it behaves.
                    expected = KEPT if verb == "MAIL" else PRX2
                    self.assertEqual(said[-1], expected, said)
                    if verb == "END":  # it thinks that it has kept some of these
                        taken = len(self.hop.messages)
                    self.good(client)
                    self.assertGreater(self.hop.sessions, sessions, "the connection was used again")
                    harness.wait_until(lambda: len(self.hop.messages) > taken, 5, "the message")
            self.violation("answered MAIL with 235: 2.0.0 nonsense")
            self.violation("answered RCPT with 354")
            self.violation("answered " + ("BDAT" if extensions is CHUNKS else "the end of data"))
            self.relais.stop()
            self.hop.stop()

    def test_a_251_and_252_to_a_recipient_are_passed_on(self):
        self.serve()
        for code in (251, 252):
            self.say_once("RCPT", f"{code} 2.1.5 whoever")
            said = self.replies()
            self.assertEqual(said[1:], [f"{code} 2.1.5 whoever", said[2], KEPT])
        self.assertEqual(self.relais.events("upstream violation"), [])

    def test_one_reply_too_many_never_makes_a_success(self):
        """MAIL, RCPT or DATA answered twice, and the content refused: nobody may hear 250."""
        for extensions in (PLAIN, CHUNKS):
            self.serve(extensions)
            for verb, double in (("MAIL", "250 2.1.0 ok\r\n250 2.1.0 ok"),
                                 ("RCPT", "250 2.1.5 ok\r\n250 2.1.5 ok"),
                                 ("DATA", "354 go\r\n250 2.0.0 kept"),
                                 ("END", "250 2.0.0 of MAIL\r\n554 5.6.0 no such content"),
                                 ("RSET", "250 2.0.0 ok\r\n250 2.0.0 ok")):
                # Those of BDAT are recognized where they come in one segment.
                if extensions is CHUNKS and verb not in ("RCPT", "END"):
                    continue
                with self.subTest(verb=verb, extensions=extensions):
                    client = self.client()
                    self.good(client)

                    def rule(asked, *_, verb=verb, double=double):
                        if asked == verb:
                            return double
                        return "554 5.6.0 no such content" if asked == "END" else None
                    self.hop.rule = rule
                    for _ in range(3):
                        if verb == "RSET":  # a transaction that is given up makes us say it
                            self.assertEqual(self.begin_and_give_up(client)[:3] == "250", True)
                        last = self.replies(client)[-1]
                        self.assertIn(last[:3], ("451", "554"), last)
                    self.good(client)
            self.violation("said what nobody had asked for")
            self.relais.stop()
            self.hop.stop()

    def begin_and_give_up(self, client):
        said = client.command("MAIL FROM:<chris@contoso.com>")
        if said[0] == "2":
            client.command("RCPT TO:<kate@fabrikam.com>")
        return client.command("RSET")

    def test_what_comes_behind_a_clean_end_is_for_nobody(self):
        self.serve()
        client = self.client()
        for number, extra in enumerate(("250 2.0.0 and another", "25", "\0\1\2", "250-half")):
            # It stands in the same segment as a yes, so that yes is in doubt.
            self.say_once("END", KEPT + "\r\n" + extra)
            self.assertEqual(self.replies(client)[-1], PRX2)
            self.good(client)
            self.violations(number + 1)
        self.assertIn("it may have the message",
                      self.relais.wait_event("refused", command="DATA")["reason"])
        # 421 takes nothing back.
        self.say_once("END", KEPT + "\r\n421 4.4.2 enough for today")
        self.assertEqual(self.replies(client)[-1], KEPT)
        self.good(client)
        self.violations(4)

    def test_an_idle_upstream_that_speaks_loses_its_connection(self):
        self.serve()
        client = self.client()
        sockets = []
        self.hop.rule = lambda verb, argument, session: sockets.append(session)
        self.assertEqual(self.replies(client)[-1], KEPT)
        import asyncio
        for said in (b"250 2.0.0 psst\r\n", b"250", b"4", b"\0"):
            sessions = self.hop.sessions
            taken = len(self.hop.messages)

            async def speak(said=said):
                for talk in list(self.hop.talks):
                    talk.writer.write(said)
            asyncio.run_coroutine_threadsafe(speak(), self.hop.loop).result(5)
            harness.wait_until(lambda: self.hop.open == 0, 5, "the end of the connection")
            self.assertEqual(self.replies(client)[-1], KEPT)
            self.assertEqual(self.hop.sessions, sessions + 1)
            self.arrived(taken + 1)
        self.violation("said something while it was idle")
        self.violation("said what nobody had asked for: 250 2.0.0 psst")

    def test_a_message_goes_to_the_upstream_that_makes_sense(self):
        self.serve(hops=2)
        self.hops[0].rule = lambda verb, *_: "220 hello again" if verb == "MAIL" else None
        client = self.client()
        for _ in range(10):
            self.assertEqual(self.replies(client)[-1], KEPT)
        harness.wait_until(lambda: len(self.hops[1].messages) == 10, 5, "the messages")
        # Hellos do not make it good: it is left alone like one that cannot be reached.
        self.relais.wait_event("upstream down", upstream=f"127.0.0.1:{self.hops[0].port}")

    def test_replies_are_cleaned_and_bounded(self):
        self.serve()
        client = self.client()
        long = "550-5.7.1 " + "x" * 480
        cases = (
            ("RCPT", "550 5.7.1 \t\x01\x7f caf\u00e9 \x1b[31m", "550 5.7.1  ?? caf?? ?[31m"),
            ("RCPT", "\r\n".join([long] * 50 + ["550 5.7.1 the end"]), None),
            ("END", "554 " + "y" * 1500, None),
        )
        for verb, reply, expected in cases:
            self.say_once(verb, reply)
            said = self.replies(client)[-1]
            self.assertLessEqual(len(said), 510)
            self.assertRegex(said, r"^5\d\d 5\.\d\.\d [ -~]*$")
            if expected:
                self.assertEqual(said, expected)
        self.assertEqual(self.relais.events("upstream violation"), [])
        for verb, reply, reason in (
                ("RCPT", "250 " + "z" * 5000, "a line without an end"),
                ("RCPT", "\r\n".join(["250-and so on"] * 8000), "a reply without an end"),
                ("RCPT", "250 bare\nlf", "said what is no reply"),
                ("RCPT", "2\x0050 ok", "said what is no reply"),
                ("RCPT", "", "said what is no reply"),
                ("RCPT", "HTTP/1.1 200 OK", "said what is no reply"),
                ("END", "250-one\r\n251 two", "said what is no reply")):
            with self.subTest(reply=reply[:20]):
                self.say_once(verb, reply)
                self.assertEqual(self.replies(client)[-1], PRX2)
                self.violation(reason)
                self.good(client)

    def test_a_greeting_that_is_none(self):
        self.serve()
        client = self.client()
        for verb, reply in (("CONNECT", "250 hello"), ("CONNECT", "220 hello\r\n250 and so on"),
                            ("CONNECT", "SSH-2.0-OpenSSH_9.2"), ("EHLO", "220 hello"),
                            ("EHLO", "250 hello\r\n250 hello")):
            with self.subTest(reply=reply):
                self.hop.stop()
                self.hop.start()
                self.hop.rule = lambda asked, *_, verb=verb, reply=reply: (
                    reply if asked == verb else None)
                self.assertEqual(self.replies(client)[-1], PRX2)
                self.good(client)

    def interrupted(self, reply):
        """What becomes of a message whose upstream says `reply` while half of it has come."""
        client = self.client()
        said = []

        def rule(verb, argument, session):
            if verb in ("BODY", "CHUNK") and argument and not said:
                said.append(verb)
                return reply if verb == "BODY" or reply[0] == "5" else "\r\n".join([reply] * 2)
            return None
        self.hop.rule = rule
        client.begin("chris@contoso.com", ["kate@fabrikam.com"])
        client.expect("DATA", 354)
        client.send(b"Subject: x\r\n\r\n" + b"0123456789\r\n" * 5000)
        harness.wait_until(lambda: said, 5, "half of the content")
        time.sleep(0.2)  # until relais has heard it, too
        client.send(b"0123456789\r\n" * 5000 + b".\r\n")
        last = client.reply()
        client.expect("RSET", 250)
        self.assertEqual(self.hop.messages, [])
        self.good(client)
        self.arrived(1)
        return last

    def test_a_yes_in_the_middle_of_content_is_none(self):
        for extensions in (PLAIN, CHUNKS):
            self.serve(extensions)
            self.assertEqual(self.interrupted(KEPT), PRX2)
            self.violation("said what nobody had asked for")
            self.relais.stop()
            self.hop.stop()

    def test_a_refusal_in_the_middle_of_content_is_the_answer(self):
        for extensions in (PLAIN, CHUNKS):
            self.serve(extensions)
            self.assertEqual(self.interrupted("552 5.3.4 enough"), "552 5.3.4 enough")
            self.relais.stop()
            self.hop.stop()

    def test_service_closing_at_any_place(self):
        self.serve()
        client = self.client()
        for verb in ("CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "BODY", "END"):
            with self.subTest(verb=verb):
                self.good(client)
                if verb in ("CONNECT", "EHLO"):
                    self.hop.stop()
                    self.hop.start()
                self.hop.rule = lambda asked, *_, verb=verb: (
                    "421 4.3.2 closing" if asked == verb else None)
                client.send("MAIL FROM:<chris@contoso.com>\r\n")
                said = [client.reply()]
                if said[-1][0] == "2":
                    said.append(client.command("RCPT TO:<kate@fabrikam.com>"))
                if said[-1][0] == "2":
                    said.append(client.command("DATA"))
                if said[-1][0] == "3":
                    client.send(BODY[:10])
                    if verb == "BODY":
                        harness.wait_until(lambda: self.hop.open == 0, 5, "the end of it")
                    client.send(DOTTED[10:] + b".\r\n")
                    said.append(client.reply())
                self.assertEqual(said[-1], PRX2)
                client.expect("RSET", 250)
        # A 421 is an answer: the message was not kept.
        doubtful = [e for e in self.relais.events("refused") if "may have" in e["reason"]]
        self.assertEqual(doubtful, [])

    def test_one_that_closes_at_any_place(self):
        for extensions in (PLAIN, CHUNKS):
            self.serve(extensions)
            client = self.client()
            places = ["CONNECT", "EHLO", "MAIL", "RCPT", "END"]
            for verb in places + (["DATA", "BODY"] if extensions is PLAIN else ["CHUNK"]):
                with self.subTest(verb=verb, extensions=extensions):
                    self.good(client)
                    if verb in ("CONNECT", "EHLO"):
                        self.hop.stop()
                        self.hop.start()
                    taken = len(self.hop.messages)
                    self.hop.rule = lambda asked, *_, verb=verb: CLOSE if asked == verb else None
                    if verb == "CHUNK":
                        client.begin("chris@contoso.com", ["kate@fabrikam.com"])
                        body = b"Subject: x\r\n\r\n" + b"0123456789\r\n" * 50_000
                        self.assertEqual(client.content(body), PRX2)
                        client.expect("RSET", 250)
                    else:
                        self.assertEqual(self.replies(client)[-1], PRX2)
                    self.assertEqual(len(self.hop.messages), taken)
            self.relais.stop()
            self.hop.stop()

    def test_a_client_beside_it_notices_nothing(self):
        """Two connectors: the upstream of one talks nonsense for ever, that of the other is well."""
        other = NextHop(self.ports.take()).start()
        self.addCleanup(other.stop)
        second = self.ports.take()
        self.hop = NextHop(self.ports.take()).start()
        self.addCleanup(self.hop.stop)
        self.hop.rule = lambda verb, *_: "\r\n".join(["250-and so on"] * 20_000) if (
            verb == "RCPT") else None
        self.relais.configure(
            receive=[harness.relay_connector(self.port, delivery="proxy",
                                             upstreams=[f"127.0.0.1:{self.hop.port}"]),
                     harness.relay_connector(second, name="well", delivery="proxy",
                                             upstreams=[f"127.0.0.1:{other.port}"])],
            send=[], server={"cores": 1})
        self.relais.start()
        bad = self.client()
        with harness.Client(second) as well:
            well.expect("EHLO client.example", 250)
            for _ in range(20):
                self.assertEqual(self.replies(bad)[-1], PRX2)
                began = time.monotonic()
                self.assertEqual(self.replies(well)[-1], KEPT)
                self.assertLess(time.monotonic() - began, 2 * harness.PATIENCE)


if __name__ == "__main__":
    unittest.main(verbosity=2, warnings="ignore")
