#!/usr/bin/python3
"""delivery = "proxy": mail that goes straight through to an upstream. What the client sees when, byte
for byte, and what the upstream is left with."""

import threading
import time
import unittest

import harness
from extensions_test import TEXT, dotted
from next_hop import CLOSE, Delay, NextHop

PLAIN = ("PIPELINING", "8BITMIME")
FULL = ("PIPELINING", "8BITMIME", "BINARYMIME", "CHUNKING", "DSN", "SMTPUTF8", "SIZE 0")
PRX2 = "451 4.7.0 Temporary server error. Please try again later. PRX2"
BODY = b"Subject: x\r\n\r\n.dots\r\n..more\r\n"
DOTTED = dotted(BODY)


class CutThrough(harness.EndToEnd):
    def serve(self, *, extensions=PLAIN, hops=1, send=None, start=True, server=None, **more):
        self.hops = [NextHop(self.ports.take(), extensions=extensions) for _ in range(hops)]
        self.hop = self.hops[0]
        for hop in self.hops:
            self.addCleanup(hop.stop)
            if start:
                hop.start()
        self.relais.configure(
            receive=[harness.relay_connector(
                self.port, delivery="proxy",
                upstreams=[f"127.0.0.1:{hop.port}" for hop in self.hops], **more)],
            send=send or [], server={"cores": 1, **(server or {})})
        self.relais.start()

    def arrived(self, count=1, hop=None):
        hop = hop or self.hop
        harness.wait_until(lambda: len(hop.messages) >= count, 20, "the message")
        self.assertEqual(hop.violations, [])
        self.assertEqual(len(hop.messages), count)
        return hop.messages[-1]

    def deliver(self, client=None, body=BODY):
        """One message; the reply to its end."""
        client = client or self.client()
        client.begin("chris@contoso.com", ["kate@fabrikam.com"])
        return client.content(body)

    def refused(self, **fields):
        return self.relais.wait_event("refused", **fields)

    # ---- the message

    def test_a_message_goes_through_and_the_upstreams_own_words_come_back(self):
        self.serve()
        self.hop.rule = lambda verb, *_: "250 2.0.0 Ok: queued as ABC123" if verb == "END" else None
        self.assertEqual(self.deliver(), "250 2.0.0 Ok: queued as ABC123")
        message = self.arrived()
        self.assertEqual((message.sender, message.recipients),
                         ("chris@contoso.com", ["kate@fabrikam.com"]))
        self.assertEqual(harness.without_received(message.content), BODY)
        event = self.relais.wait_event("message")
        self.assertEqual(event["upstream"], f"127.0.0.1:{self.hop.port}")
        self.assertEqual(event["reply"], "250 2.0.0 Ok: queued as ABC123")
        self.assertIn(event["id"].encode(), message.content)

    def test_content_is_the_same_however_it_comes_and_goes(self):
        for extensions in (PLAIN, FULL, ("8BITMIME",), ("8BITMIME", "CHUNKING")):
            with self.subTest(extensions=extensions):
                self.serve(extensions=extensions)
                client = self.client()
                for number, chunk in enumerate((0, 7, 16384, 10**9)):
                    content = TEXT[:2000] if chunk == 7 else TEXT
                    client.begin("chris@contoso.com", ["kate@fabrikam.com"])
                    if chunk == 0:
                        client.expect("DATA", 354)
                        client.send(dotted(content) + b".\r\n")
                        self.assertEqual(client.reply(), "250 2.0.0 kept")
                    else:
                        for start in range(0, len(content), chunk):
                            part = content[start:start + chunk]
                            client.send(f"BDAT {len(part)}\r\n".encode() + part)
                            self.assertTrue(client.reply().startswith("250 2.6.0 CHUNK"))
                        self.assertEqual(client.command("BDAT 0 LAST"), "250 2.0.0 kept")
                    self.assertEqual(
                        harness.without_received(self.arrived(number + 1).content),
                        content if content.endswith(b"\r\n") else content + b"\r\n")
                verbs = {line.split(" ")[0] for _, line in self.hop.commands}
                self.assertEqual("BDAT" in verbs, "CHUNKING" in extensions)
                self.assertEqual("DATA" in verbs, "CHUNKING" not in extensions)
                self.relais.stop()
                self.hop.stop()

    def test_a_chunk_is_refused_while_the_next_one_fills_up(self):
        """What waited for it to be answered is not sent any more, and the client is not left waiting."""
        self.serve(extensions=("8BITMIME", "CHUNKING"))

        def refuse(verb, argument, session):
            if verb != "CHUNK":
                return None
            time.sleep(1)  # the hop's thread: meanwhile nothing goes on to it
            return "552 5.3.4 too much"

        self.hop.rule = refuse
        client = self.client()
        client.begin("chris@contoso.com", ["kate@fabrikam.com"])
        client.expect("DATA", 354)
        began = time.monotonic()
        client.send(b"Subject: large\r\n\r\n" + b".23456789\r\n" * 100_000 + b".\r\n")
        self.assertEqual(client.reply(), "552 5.3.4 too much")
        self.assertLess(time.monotonic() - began, 15 * harness.PATIENCE)

    def test_sessions_share_a_connection_and_mail_leaves_with_its_recipient(self):
        self.serve()
        for _ in range(5):
            client = self.client()
            self.deliver(client)
            client.quit()
        self.arrived(5)
        self.assertEqual(self.hop.sessions, 1)
        self.assertEqual([line.split(" ")[0] for _, line in self.hop.commands],
                         ["EHLO"] + ["MAIL", "RCPT", "DATA"] * 5)

    def test_a_large_message_and_a_client_with_tls(self):
        self.relais.certificate = harness.certificate(self.folder)
        self.hops = [NextHop(self.ports.take(), extensions=PLAIN).start()]
        self.hop = self.hops[0]
        self.addCleanup(self.hop.stop)
        self.relais.configure(receive=[harness.relay_connector(
            self.port, delivery="proxy", upstreams=[f"127.0.0.1:{self.hop.port}"])],
            send=[], tls=self.relais.certificate)
        self.relais.start()
        import smtplib
        import ssl
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        body = b"Subject: large\r\n\r\n" + b".23456789\r\n" * 300_000
        with smtplib.SMTP("127.0.0.1", self.port, timeout=60) as client:
            client.starttls(context=context)
            client.sendmail("chris@contoso.com", ["kate@fabrikam.com"], body)
        self.assertEqual(harness.without_received(self.arrived().content), body)

    def test_binary_utf8_and_dsn_go_through_where_they_are_offered(self):
        self.serve(extensions=FULL)
        client = self.client()
        client.expect("MAIL FROM:<chris@contoso.com> BODY=BINARYMIME RET=HDRS ENVID=abc", 250)
        client.expect("RCPT TO:<kate@fabrikam.com> NOTIFY=FAILURE ORCPT=rfc822;k@x.example", 250)
        content = b"Subject: b\r\n\r\n\0\n\r.\xff"
        client.send(b"BDAT %d LAST\r\n" % len(content) + content)
        self.assertEqual(client.reply(), "250 2.0.0 kept")
        self.assertEqual(harness.without_received(self.arrived().content), content)
        commands = [line for _, line in self.hop.commands]
        self.assertIn("MAIL FROM:<chris@contoso.com> BODY=BINARYMIME RET=HDRS ENVID=abc", commands)
        self.assertIn("RCPT TO:<kate@fabrikam.com> NOTIFY=FAILURE ORCPT=rfc822;k@x.example",
                      commands)
        self.assertNotIn("dsn", self.relais.wait_event("message"))

    def test_the_log_says_that_an_upstream_without_dsn_was_not_asked_for_notifications(self):
        self.serve(extensions=("PIPELINING",))
        client = self.client()
        cases = ((" ENVID=1", "", True), (" RET=HDRS", "", True), ("", "", False),
                 ("", " NOTIFY=SUCCESS ORCPT=rfc822;k@x.example", True))
        for count, (mail, rcpt, said) in enumerate(cases, 1):
            client.expect("MAIL FROM:<chris@contoso.com>" + mail, 250)
            client.expect("RCPT TO:<kate@fabrikam.com>" + rcpt, 250)
            self.assertEqual(client.content(BODY), "250 2.0.0 kept")
            harness.wait_until(lambda: len(self.relais.events("message")) == count, 10, "its line")
            self.assertEqual("dsn" in self.relais.events("message")[-1], said, mail + rcpt)
        self.assertIn("RCPT TO:<kate@fabrikam.com>", [line for _, line in self.hop.commands])
        self.assertFalse([line for _, line in self.hop.commands if "NOTIFY" in line])

    def test_what_the_upstream_does_not_offer_is_refused_at_mail(self):
        self.serve(extensions=("PIPELINING", "SIZE 100000"))
        client = self.client()
        for parameter, reply in (("BODY=8BITMIME", "554 5.6.3 "), ("SMTPUTF8", "554 5.6.7 "),
                                 ("BODY=BINARYMIME", "554 5.6.3 "), ("SIZE=100001", "552 5.3.4 ")):
            self.assertTrue(client.command(f"MAIL FROM:<chris@contoso.com> {parameter}")
                            .startswith(reply), parameter)
        self.assertEqual(self.deliver(client), "250 2.0.0 kept")

    # ---- refusals

    def test_refusals_come_back_as_they_were_said(self):
        self.serve()
        rules = {}
        self.hop.rule = lambda verb, argument, session: (
            rules[verb] if verb in rules and "good@" not in str(argument) else None)
        client = self.client()
        rules["MAIL"] = "550 5.7.1 you again"
        client.expect("MAIL FROM:<chris@contoso.com>", 250)
        for _ in range(2):
            self.assertEqual(client.command("RCPT TO:<kate@fabrikam.com>"), "550 5.7.1 you again")
        client.expect("DATA", 503)
        client.expect("RSET", 250)

        rules = {"RCPT": "450 4.2.1 mailbox busy"}
        client.expect("MAIL FROM:<chris@contoso.com>", 250)
        self.assertEqual(client.command("RCPT TO:<kate@fabrikam.com>"), "450 4.2.1 mailbox busy")
        self.assertEqual(client.command("RCPT TO:<good@fabrikam.com>"), "250 2.1.5 ok")
        rules = {"DATA": "451 4.3.0 disk"}
        self.assertEqual(client.command("DATA"), "451 4.3.0 disk")
        rules = {"END": "554 5.6.0 no such content"}
        client.expect("DATA", 354)
        client.send(DOTTED + b".\r\n")
        self.assertEqual(client.reply(), "554 5.6.0 no such content")
        rules = {}
        self.assertEqual(self.deliver(client), "250 2.0.0 kept")
        self.assertEqual(self.arrived().recipients, ["kate@fabrikam.com"])
        self.assertEqual(self.hop.rejected[0].recipients, ["good@fabrikam.com"])
        self.assertEqual(self.hop.sessions, 1, "a refusal does not cost the connection")
        name = f"127.0.0.1:{self.hop.port}"
        self.refused(command="RCPT", to="kate@fabrikam.com", reply="450 4.2.1 mailbox busy",
                     upstream=name, reason=f"upstream {name} refused")

    def test_several_lines_and_texts_without_enhanced_codes(self):
        self.serve()
        self.hop.rule = lambda verb, *_: {"RCPT": "251 user not local", "END":
                                          "250-one\r\n250 two"}.get(verb)
        client = self.client()
        client.expect("MAIL FROM:<chris@contoso.com>", 250)
        self.assertEqual(client.command("RCPT TO:<kate@fabrikam.com>"), "251 2.0.0 user not local")
        self.assertEqual(client.content(BODY), "250 2.0.0 one two")

    def test_a_pipelined_group_has_exact_results(self):
        self.serve()
        self.hop.rule = lambda verb, argument, session: (
            f"550 5.1.1 no {argument}" if verb == "RCPT" and "bad" in argument else None)
        client = self.client()
        client.send(b"MAIL FROM:<chris@contoso.com>\r\nRCPT TO:<a@fabrikam.com>\r\n"
                    b"RCPT TO:<bad@fabrikam.com>\r\nRCPT TO:<c@fabrikam.com>\r\nDATA\r\n")
        self.assertEqual([client.reply()[:9] for _ in range(5)],
                         ["250 2.1.0", "250 2.1.5", "550 5.1.1", "250 2.1.5", "354 Start"])
        client.send(DOTTED + b".\r\nMAIL FROM:<x@contoso.com>\r\nRCPT TO:<d@fabrikam.com>\r\nQUIT\r\n")
        self.assertEqual([client.reply()[:3] for _ in range(4)], ["250", "250", "250", "221"])
        self.assertEqual(self.arrived().recipients, ["a@fabrikam.com", "c@fabrikam.com"])

    # ---- nobody answers

    def test_no_upstream_is_prx2_with_its_name_and_the_cause_in_the_log(self):
        self.serve(start=False)
        client = self.client()
        self.assertEqual(client.command("MAIL FROM:<chris@contoso.com>"), PRX2)
        event = self.refused(command="MAIL", reply=PRX2)
        self.assertIn(f"127.0.0.1:{self.hop.port}: connection refused", event["reason"].lower())
        for _ in range(2):
            self.assertEqual(client.command("MAIL FROM:<chris@contoso.com>"), PRX2)
        self.relais.wait_event("upstream down", upstream=f"127.0.0.1:{self.hop.port}")
        self.hop.start()
        self.relais.wait_event("upstream up", upstream=f"127.0.0.1:{self.hop.port}")
        self.assertEqual(self.deliver(client), "250 2.0.0 kept")

    def test_one_of_two_upstreams_is_down_and_nobody_notices(self):
        self.serve(hops=2, start=False)
        self.hops[1].start()
        client = self.client()
        for _ in range(20):
            self.assertEqual(self.deliver(client), "250 2.0.0 kept")
        self.arrived(20, self.hops[1])
        self.relais.wait_event("upstream down", upstream=f"127.0.0.1:{self.hops[0].port}")

    def test_two_upstreams_share_and_one_dies(self):
        self.serve(hops=2)
        clients = [self.client() for _ in range(4)]
        for _ in range(10):
            for client in clients:
                self.assertEqual(self.deliver(client), "250 2.0.0 kept")
        self.assertEqual([len(hop.messages) for hop in self.hops], [20, 20])
        self.hops[0].stop()
        for client in clients:
            self.assertEqual(self.deliver(client), "250 2.0.0 kept")
        self.assertEqual([len(hop.messages) for hop in self.hops], [20, 24])
        self.assertEqual([hop.violations for hop in self.hops], [[], []])

    def test_a_used_connection_that_is_gone_costs_nobody_anything(self):
        self.serve()
        client = self.client()
        self.deliver(client)
        for verb in ("MAIL", "RCPT"):
            for how in (CLOSE, "421 4.4.2 you were idle"):
                state = {"done": False}

                def once(asked, *_, verb=verb, how=how, state=state):
                    if asked == verb and not state["done"]:
                        state["done"] = True
                        return how
                    return None
                self.hop.rule = once
                if verb == "MAIL":
                    self.assertEqual(self.deliver(client), "250 2.0.0 kept")
                else:
                    # MAIL was answered, so it is not known any more that nothing has happened.
                    client.expect("MAIL FROM:<chris@contoso.com>", 250)
                    self.assertEqual(client.command("RCPT TO:<kate@fabrikam.com>"), PRX2)
                    client.expect("RSET", 250)
                self.hop.rule = lambda *_: None
                self.assertEqual(self.deliver(client), "250 2.0.0 kept")

    def test_an_upstream_that_dies_in_the_middle_or_at_the_end(self):
        self.serve(upstream_timeout="1s")
        client = self.client()
        body = b"Subject: x\r\n\r\n" + b"0123456789\r\n" * 200_000
        self.hop.rule = lambda verb, argument, _: CLOSE if (
            verb == "BODY" and argument > 100_000) else None
        self.assertEqual(self.deliver(client, body), PRX2)
        self.hop.rule = lambda verb, *_: CLOSE if verb == "END" else None
        self.assertEqual(self.deliver(client), PRX2)
        self.assertIn("it may have the message",
                      harness.wait_until(lambda: [e["reason"] for e in self.relais.events("refused")
                                                  if "may have" in e["reason"]], 5, "log")[0])
        for verb in ("CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "END"):
            self.hop.rule = lambda asked, *_, verb=verb: Delay(30) if asked == verb else None
            with self.subTest(silent_at=verb):
                if verb in ("CONNECT", "EHLO"):  # none is left that has said hello
                    self.hop.stop()
                    self.hop.start()
                replies = []
                began = time.monotonic()
                client.send("MAIL FROM:<chris@contoso.com>\r\n")
                replies.append(client.reply())
                if replies[-1] != PRX2:
                    replies.append(client.command("RCPT TO:<kate@fabrikam.com>"))
                if replies[-1] != PRX2:
                    replies.append(client.command("DATA"))
                if replies[-1] != PRX2:
                    client.send(DOTTED + b".\r\n")
                    replies.append(client.reply())
                self.assertEqual(replies[-1], PRX2)
                self.assertLess(time.monotonic() - began, 10 * harness.PATIENCE)
                client.expect("RSET", 250)
                self.hop.rule = lambda *_: None
                harness.wait_until(lambda: self.try_once(client), 20, "the upstream again")

    def try_once(self, client):
        """A whole message is taken."""
        if client.command("MAIL FROM:<chris@contoso.com>")[:3] != "250":
            return False
        client.expect("RCPT TO:<kate@fabrikam.com>", 250)
        return client.content(BODY) == "250 2.0.0 kept"

    # ---- clients

    def test_half_a_message_never_arrives(self):
        for extensions in (PLAIN, FULL):
            with self.subTest(extensions=extensions):
                self.serve(extensions=extensions, max_message_size="1MB")
                for how in ("close", "reset", "illegal", "too large"):
                    client = self.client()
                    client.begin("chris@contoso.com", ["kate@fabrikam.com"])
                    client.expect("DATA", 354)
                    client.send(b"Subject: half\r\n\r\n" + b"0123456789\r\n" * 1000)
                    if how == "illegal":
                        client.send(b"bare\nline\r\n.\r\n")
                        self.assertTrue(client.reply().startswith("550 5.6.11"))
                    elif how == "close":
                        client.close()
                    elif how == "reset":
                        client.reset()
                    else:
                        client.send(b"0123456789\r\n" * 100_000 + b".\r\n")
                        self.assertTrue(client.reply().startswith("552 5.3.4"))
                harness.wait_until(lambda: self.hop.open == 0, 20, "connections of half messages")
                self.assertEqual(self.deliver(), "250 2.0.0 kept")
                self.arrived(1)
                self.assertEqual(self.hop.rejected, [])
                self.relais.stop()
                self.hop.stop()

    def test_a_slow_upstream_slows_its_client_and_memory_stays(self):
        self.serve()
        body = b"Subject: x\r\n\r\n" + b"0123456789\r\n" * 800_000
        self.deliver(body=body)
        self.deliver(body=body)  # all receive buffers have been touched
        before = self.relais.rss()
        self.hop.rule = lambda verb, *_: Delay(0.02) if verb == "BODY" else None
        most = [0]
        done = threading.Event()

        def watch():
            while not done.wait(0.05):
                most[0] = max(most[0], self.relais.rss())
        thread = threading.Thread(target=watch)
        thread.start()
        try:
            self.assertEqual(self.deliver(body=body), "250 2.0.0 kept")
        finally:
            done.set()
            thread.join()
        self.assertLess(most[0] - before, 2 << 20)

    def test_a_slow_client(self):
        self.serve()
        client = self.client()
        for octet in b"MAIL FROM:<chris@contoso.com>\r\nRCPT TO:<kate@fabrikam.com>\r\nDATA\r\n":
            client.send(bytes([octet]))
        self.assertEqual([client.reply()[:3] for _ in range(3)], ["250", "250", "354"])
        for octet in DOTTED + b".\r\n":
            client.send(bytes([octet]))
            time.sleep(0.002)
        self.assertEqual(client.reply(), "250 2.0.0 kept")
        self.assertEqual(harness.without_received(self.arrived().content), BODY)

    def test_more_sessions_than_connections(self):
        self.serve(upstream_max_connections=2)
        self.hop.rule = lambda verb, *_: Delay(0.05) if verb == "END" else None
        results = []
        threads = [threading.Thread(target=lambda: results.append(self.deliver()))
                   for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(results, ["250 2.0.0 kept"] * 10)
        self.assertLessEqual(self.hop.open_max, 2)

    # ---- the queue behind it

    def test_fallback_takes_mail_into_the_queue(self):
        queue_hop = NextHop(self.ports.take()).start()
        self.addCleanup(queue_hop.stop)
        self.serve(start=False, proxy_fallback="queue",
                   send=[harness.smart_host(queue_hop.port)])
        client = self.client()
        harness.guid_of(self.deliver(client))
        self.arrived(1, queue_hop)
        self.assertIn("refused", self.relais.wait_event("fallback")["reason"].lower())
        self.hop.start()
        harness.wait_until(lambda: self.deliver(client) == "250 2.0.0 kept", 20, "the upstream")

    def test_drain_lets_what_is_under_way_finish(self):
        self.serve()
        self.hop.rule = lambda verb, *_: Delay(1) if verb == "END" else None
        client = self.client()
        client.begin("chris@contoso.com", ["kate@fabrikam.com"])
        client.expect("DATA", 354)
        client.send(DOTTED + b".\r\n")
        stopper = threading.Thread(target=self.relais.stop)
        stopper.start()
        self.assertEqual(client.reply(), "250 2.0.0 kept")
        stopper.join()
        self.arrived(1)


if __name__ == "__main__":
    unittest.main(verbosity=2, warnings="ignore")
