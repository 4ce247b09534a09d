#!/usr/bin/python3
"""Senders are told of what could not be delivered, by messages that mail programs understand; where
nobody can or wants to be told, the message is kept. Either is durable before it is forgotten."""

import collections
import email
import email.policy
import time

import harness
from harness import Client
from next_hop import NextHop

SENDER = "chris@contoso.com"
BODY = b"Subject: undeliverable\r\nX-Own: kept\r\n\r\n.dot\r\ntext\r\n"


class Notification(harness.EndToEnd):
    def setUp(self):
        super().setUp()
        self.hop = NextHop(self.ports.take(), extensions=("PIPELINING", "8BITMIME", "DSN"))
        self.addCleanup(self.hop.stop)
        self.refused = {"b@fabrikam.com": "550 5.1.1 no such user"}
        self.hop.rule = lambda verb, argument, session: (
            self.refused.get(argument) if verb == "RCPT" else None)
        self.hop.start()

    def start(self, **more):
        self.relais.configure(send=[harness.smart_host(self.hop.port)],
                              notifications={"enabled": True}, **more)
        self.relais.start()

    def send(self, recipients, body=BODY, sender=SENDER, mail="", rcpt=""):
        with Client(self.port) as client:
            client.expect("EHLO x", 250)
            client.expect(f"MAIL FROM:<{sender}>{mail}", 250)
            for recipient in recipients:
                client.expect(f"RCPT TO:<{recipient}>{rcpt}", 250)
            guid = harness.guid_of(client.content(body))
            client.quit()
            return guid

    def told(self, count=1):
        """The notifications that have come to the next hop, as a mail program reads them."""
        find = lambda: [m for m in self.hop.messages if m.sender == ""]
        harness.wait_until(lambda: len(find()) >= count, 20, "notifications")
        self.assertEqual(self.hop.violations, [])
        return [email.message_from_bytes(m.content, policy=email.policy.default) for m in find()]

    def kept(self):
        return sorted((self.relais.data_dir / "failed" / "new").glob("*"))

    def test_one_of_three_is_refused(self):
        self.start()
        guid = self.send(["a@fabrikam.com", "b@fabrikam.com", "c@fabrikam.com"],
                         mail=" ENVID=QQ+2B1 RET=HDRS", rcpt=" ORCPT=rfc822;b+2Bx@fabrikam.com")
        [report] = self.told()
        raw = [m for m in self.hop.messages if m.sender == ""][0]
        self.assertEqual(raw.recipients, [SENDER])
        self.assertEqual(report["To"], SENDER)
        self.assertEqual(report["From"], "Mail Delivery System <postmaster@contoso.com>")
        self.assertEqual(report["Auto-Submitted"], "auto-replied")
        self.assertEqual(report.get_content_type(), "multipart/report")
        self.assertEqual(report["Content-Type"].params["report-type"], "delivery-status")
        self.assertEqual(report.defects, [])
        text, status, header = report.iter_parts()
        self.assertIn("<b@fabrikam.com>", text.get_content())
        self.assertIn("550 5.1.1 no such user", text.get_content())
        message, recipient = status.get_payload()
        self.assertEqual(message["Reporting-MTA"], "dns;relay.contoso.com")
        self.assertEqual(message["Original-Envelope-Id"], "QQ+1")
        self.assertEqual(recipient["Original-Recipient"], "rfc822;b+x@fabrikam.com")
        self.assertEqual(recipient["Final-Recipient"], "rfc822;b@fabrikam.com")
        self.assertEqual((recipient["Action"], recipient["Status"]), ("failed", "5.1.1"))
        self.assertEqual(recipient["Diagnostic-Code"], "smtp;550 5.1.1 no such user")
        self.assertEqual(recipient["Remote-MTA"], f"dns;127.0.0.1:{self.hop.port}")
        self.assertEqual(header.get_content_type(), "text/rfc822-headers")
        self.assertIn("X-Own: kept", header.get_content())
        self.assertIn("Received: from", header.get_content())
        self.assertNotIn("text", header.get_content().splitlines())
        failed = self.relais.wait_event("failed")
        self.assertNotIn("kept_in", failed)
        notified = self.relais.wait_event("notified", id=failed["id"])
        self.assertIn(failed["id"], guid)
        self.assertEqual((notified["to"], notified["about"]), (SENDER, ["b@fabrikam.com"]))
        self.relais.wait_event("delivered", id=notified["notification"])
        self.assertEqual(self.kept(), [])
        # It is settled: another start knows nothing of it.
        self.relais.stop()
        self.relais.start()
        time.sleep(0.5)
        self.assertEqual(len(self.hop.messages), 2)

    def test_the_whole_message_for_who_asks(self):
        self.start()
        self.send(["b@fabrikam.com"], mail=" RET=FULL")
        [report] = self.told()
        original = list(report.iter_parts())[2]
        self.assertEqual(original.get_content_type(), "message/rfc822")
        raw = [m for m in self.hop.messages if m.sender == ""][0].content
        self.assertIn(BODY, raw)
        # Not if it is large: then the header, also where it goes over many chunks of the spool.
        self.send(["b@fabrikam.com"], mail=" RET=FULL",
                  body=b"Subject: large\r\n" + b"X-Long: " + b"y" * 900 + b"\r\n" * 1 +
                  b"".join(b"X-%d: %s\r\n" % (n, b"z" * 900) for n in range(45)) +
                  b"\r\n" + (b"w" * 70 + b"\r\n") * 3000)
        large = list(self.told(2)[1].iter_parts())[2]
        self.assertEqual(large.get_content_type(), "text/rfc822-headers")
        self.assertIn("X-44: z", large.get_content())
        self.assertNotIn("wwww", large.get_content())

    def test_nobody_can_or_wants_to_be_told(self):
        self.start()
        self.send(["b@fabrikam.com"], sender="")
        self.send(["b@fabrikam.com"], rcpt=" NOTIFY=NEVER")
        self.send(["b@fabrikam.com"], rcpt=" NOTIFY=SUCCESS,DELAY")
        harness.wait_until(lambda: len(self.kept()) == 3, 20, "three in failed/")
        self.send(["b@fabrikam.com"], rcpt=" NOTIFY=FAILURE")
        self.told()
        self.assertTrue(all("kept_in" in event for event in self.relais.events("failed")[:3]))
        self.assertEqual(len(self.kept()), 3)

    def test_some_are_told_and_some_kept(self):
        self.refused["n@fabrikam.com"] = "550 5.1.1 nor this one"
        self.start()
        with Client(self.port) as client:
            client.expect("EHLO x", 250)
            client.expect(f"MAIL FROM:<{SENDER}>", 250)
            client.expect("RCPT TO:<b@fabrikam.com>", 250)
            client.expect("RCPT TO:<n@fabrikam.com> NOTIFY=NEVER", 250)
            client.content(BODY)
        [report] = self.told()
        self.assertNotIn("n@fabrikam.com", report.as_string())
        harness.wait_until(self.kept, 20, "the other one")
        self.assertIn(b"X-Relais-Failed-Recipient: n@fabrikam.com", self.kept()[0].read_bytes())

    def test_success_is_told_where_nobody_else_would(self):
        """The next hop knows no DSN, and the Maildir is the end of the way."""
        self.hop.extensions = ["PIPELINING", "8BITMIME"]
        maildir = {"name": "Local", "address_spaces": ["local.example"],
                   "maildir": str(self.folder / "mail")}
        self.relais.configure(send=[harness.smart_host(self.hop.port), maildir],
                              notifications={"enabled": True})
        self.relais.start()
        self.send(["a@fabrikam.com", "c@fabrikam.com", "d@local.example"], mail=" RET=FULL",
                  rcpt=" NOTIFY=SUCCESS,FAILURE")
        self.send(["e@fabrikam.com"])
        self.send(["f@fabrikam.com"], sender="", rcpt=" NOTIFY=SUCCESS")
        def actions():
            found = {}
            for report in (r for r in self.told(0) if r["Auto-Submitted"]):
                text, status, header = report.iter_parts()
                self.assertIn("has been delivered to, or passed on for", text.get_content())
                self.assertNotIn("text", header.get_content().splitlines())
                for recipient in status.get_payload()[1:]:
                    found[recipient["Final-Recipient"]] = (recipient["Action"], recipient["Status"])
            return found
        harness.wait_until(lambda: len(actions()) == 3, 20, "a report of each")
        self.assertEqual(actions(), {"rfc822;a@fabrikam.com": ("relayed", "2.0.0"),
                                   "rfc822;c@fabrikam.com": ("relayed", "2.0.0"),
                                   "rfc822;d@local.example": ("delivered", "2.0.0")})
        time.sleep(1)
        counts = collections.Counter(r for m in self.hop.messages for r in m.recipients)
        del counts[SENDER]
        self.assertEqual(counts, {f"{name}@fabrikam.com": 1 for name in "acef"})
        self.assertEqual(len(list((self.folder / "mail" / "new").glob("*"))), 1)

    def test_success_is_left_to_a_next_hop_that_tells(self):
        self.start()
        self.send(["a@fabrikam.com"], rcpt=" NOTIFY=SUCCESS")
        self.relais.wait_event("delivered")
        time.sleep(1)
        self.assertEqual([m.sender for m in self.hop.messages], [SENDER])

    def test_what_has_expired(self):
        self.refused["b@fabrikam.com"] = "450 4.2.1 busy"
        self.start(retry={"first": "200ms", "max": "500ms", "expire_after": "2s"})
        self.send(["b@fabrikam.com"])
        [report] = self.told()
        recipient = list(report.iter_parts())[1].get_payload()[1]
        self.assertEqual(recipient["Status"], "4.4.7")
        self.assertEqual(recipient["Diagnostic-Code"], "smtp;450 4.2.1 busy")
        self.assertIn(f"127.0.0.1:{self.hop.port} said at last: 450 4.2.1 busy",
                      list(report.iter_parts())[0].get_content())
        self.assertIn("450 4.2.1 busy", self.relais.wait_event("failed")["reply"])

    def test_any_next_hop_takes_it(self):
        """One that knows neither 8BITMIME nor SMTPUTF8, for mail of those who do."""
        plain = NextHop(self.ports.take(), extensions=("PIPELINING",)).start()
        self.addCleanup(plain.stop)
        self.hop.extensions += ["SMTPUTF8"]
        self.relais.configure(
            send=[harness.smart_host(self.hop.port),
                  {"name": "Back", "address_spaces": ["contoso.com"],
                   "smart_hosts": [f"127.0.0.1:{plain.port}"]}],
            notifications={"enabled": True})
        self.relais.start()
        body = "Subject: k\u00e4se\r\n\r\nk\u00e4se\r\n".encode()
        self.send(["b@fabrikam.com"], body=body, mail=" BODY=8BITMIME RET=FULL")
        self.send(["b@fabrikam.com"], body=body)
        self.refused["k\u00e4the@fabrikam.com"] = "550 5.1.1 nor this one"
        with Client(self.port) as client:
            client.expect("EHLO x", 250)
            client.expect(f"MAIL FROM:<{SENDER}> SMTPUTF8", 250)
            client.send("RCPT TO:<k\u00e4the@fabrikam.com>\r\n".encode())
            self.assertTrue(client.reply().startswith("250"))
            harness.guid_of(client.content(body))
        harness.wait_until(lambda: len(plain.messages) == 3, 20, "three notifications")
        self.assertEqual(plain.violations, [])
        for message in plain.messages:
            self.assertTrue(message.content.isascii())
            self.assertIn(b"Subject: k??se", message.content)
        self.assertIn(rb"Final-Recipient: utf-8;k\x{E4}the@fabrikam.com",
                      b"".join(m.content for m in plain.messages))
        self.assertEqual(self.kept(), [])

    def test_our_own_verdict_is_nobody_else_s(self):
        self.hop.extensions = ["PIPELINING", "DSN"]
        self.start()
        self.send(["a@fabrikam.com"], mail=" BODY=8BITMIME", body=b"Subject: x\r\n\r\n\xe4\r\n")
        [report] = self.told()
        recipient = list(report.iter_parts())[1].get_payload()[1]
        self.assertEqual(recipient["Status"], "5.6.3")
        self.assertNotIn("Remote-MTA", recipient)
        self.assertNotIn("said", list(report.iter_parts())[0].get_content())

    def test_a_notification_that_cannot_be_delivered(self):
        self.refused[SENDER] = "550 5.1.1 the sender does not exist"
        self.start()
        self.send(["b@fabrikam.com"])
        harness.wait_until(self.kept, 20, "the notification in failed/")
        content = self.kept()[0].read_bytes()
        self.assertIn(b"Return-Path: <>", content)
        self.assertIn(b"Final-Recipient: rfc822;b@fabrikam.com", content)
        time.sleep(1)
        self.assertEqual(len(self.kept()), 1)
        self.assertEqual(len(self.relais.events("notified")), 1)

    def test_killed_in_the_middle_of_it(self):
        for name in range(60):
            self.refused[f"u{name}@fabrikam.com"] = "550 5.1.1 none of them"
        self.start()
        for name in range(60):
            self.send([f"u{name}@fabrikam.com"])
            if name % 20 == 10:
                self.relais.kill()
                self.relais.start()
        def about():
            return {recipient["Final-Recipient"] for report in self.told(0)
                    for recipient in list(report.iter_parts())[1].get_payload()[1:]}
        harness.wait_until(lambda: len(about()) == 60, 20, "a notification about each")
        self.assertEqual(self.kept(), [])

    def test_the_address_is_checked(self):
        self.relais.configure(send=[harness.smart_host(self.hop.port)],
                              notifications={"from": "nobody at all"})
        done = harness.run([harness.BINARY, "check", "--config", str(self.relais.config_dir)])
        self.assertEqual(done.returncode, 1)
        self.assertIn("notifications.from: 'nobody at all' is not an address", done.stdout + done.stderr)


if __name__ == "__main__":
    harness.main()
