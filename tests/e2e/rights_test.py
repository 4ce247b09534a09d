#!/usr/bin/python3
"""Each right of a Receive connector at the stage where it is checked, with it and without it."""

import re

import harness
from harness import Client
from next_hop import NextHop

EXTERNAL = r"MS Exchange\Externally Secured Servers"
SENDER_REFUSED = "550 5.7.1 {} does not have permission to send as this sender"


class Rights(harness.EndToEnd):
    def setUp(self):
        super().setUp()
        self.hop = NextHop(self.ports.take()).start()
        self.addCleanup(self.hop.stop)
        self.with_right, self.without = self.port, self.ports.take()

    tls = None  # the table, for one test

    def serve(self, base, user, right, given, **more):
        """Two connectors that differ in one right: the first has it. `given`: by its groups."""
        connectors = []
        for name, port in (("With", self.with_right), ("Without", self.without)):
            connector = {**base, **more, "name": name, "bindings": [f"127.0.0.1:{port}"],
                         "remote_ip_ranges": ["127.0.0.1"]}
            entries = list(base.get("permission", []))
            if (name == "With") != given:
                entries.append({"user": user, "extended_rights": [right], "deny": given})
            if entries:
                connector["permission"] = entries
            connectors.append(connector)
        self.relais.configure(receive=connectors, send=[harness.smart_host(self.hop.port)],
                              domains=("contoso.com",), tls=self.tls)
        self.relais.start()

    def anonymous(self, right, given, **more):
        self.serve({"permission_groups": ["AnonymousUsers"]}, harness.ANONYMOUS, right, given,
                   **more)

    def external(self, right, given, **more):
        self.serve({"permission_groups": ["ExchangeServers"],
                    "auth_mechanism": ["ExternalAuthoritative"]}, EXTERNAL, right, given, **more)

    def replies(self, *lines):
        """The last of the replies to these lines, with the right and without."""
        answers = []
        for port in (self.with_right, self.without):
            with Client(port) as client:
                client.expect("EHLO client.contoso.com", 250)
                for line in lines:
                    answer = client.command(line)
                answers.append(answer)
                client.quit()
        return tuple(answers)

    def extensions(self):
        answers = []
        for port in (self.with_right, self.without):
            with Client(port) as client:
                answers.append({line[4:] for line in
                                client.command("EHLO client.contoso.com").split("\n")[1:]})
                client.quit()
        return tuple(answers)

    def test_submit(self):
        self.anonymous("ms-Exch-SMTP-Submit", True)
        self.assertEqual(self.replies("MAIL FROM:<chris@contoso.com>"),
                         ("250 2.1.0 Sender OK", "530 5.7.1 Client was not authenticated"))
        refused = self.relais.wait_event("refused", connector="Without")
        self.assertIn("ms-Exch-SMTP-Submit", refused["reason"])

    def test_accept_any_sender(self):
        self.anonymous("ms-Exch-SMTP-Accept-Any-Sender", True)
        self.assertEqual(self.replies("MAIL FROM:<chris@fabrikam.com>"),
                         ("250 2.1.0 Sender OK", SENDER_REFUSED.format("Anonymous client")))
        self.assertEqual(self.replies("MAIL FROM:<chris@contoso.com>"),
                         ("250 2.1.0 Sender OK",) * 2)

    def test_accept_any_sender_looks_at_from_too(self):
        """The envelope's sender is ours; who is shown is somebody else."""
        self.anonymous("ms-Exch-SMTP-Accept-Any-Sender", True)
        refused = SENDER_REFUSED.format("Anonymous client")
        for field, answer in [(b"From: Kate <kate@fabrikam.com>\r\n", refused),
                              (b"From: a@contoso.com, b@fabrikam.com\r\n", refused),
                              (b"From: nobody\r\n", refused),
                              (b"From: Chris <chris@contoso.com>\r\n", "250 2.6.0 "),
                              (b"", "250 2.6.0 ")]:
            for port in (self.with_right, self.without):
                with Client(port) as client:
                    client.expect("EHLO client.contoso.com", 250)
                    client.begin("chris@contoso.com", ["kate@contoso.com"])
                    reply = client.content(field + b"Subject: x\r\n\r\nFrom: a@b.c\r\n")
                    wanted = "250 2.6.0 " if port == self.with_right else answer
                    self.assertTrue(reply.startswith(wanted), f"{field}: {reply}")
                    client.message("chris@contoso.com", ["kate@contoso.com"],
                                   b"Subject: y\r\n\r\nthe session goes on\r\n")
                    client.quit()
        harness.wait_until(lambda: len(self.relais.events("refused")) == 3, 10, "three refusals")
        # Sessions of two cores: their lines reach the log in either order.
        unread = [event["reason"] for event in self.relais.events("refused")
                  if "From cannot be read" in event["reason"]]
        self.assertEqual(len(unread), 1)

    def test_accept_any_sender_of_externally_secured(self):
        self.external("ms-Exch-SMTP-Accept-Any-Sender", True)
        self.assertEqual(self.replies("MAIL FROM:<chris@fabrikam.com>"),
                         ("250 2.1.0 Sender OK", SENDER_REFUSED.format("Client")))

    def test_accept_authoritative_domain_sender(self):
        self.anonymous("ms-Exch-SMTP-Accept-Authoritative-Domain-Sender", True)
        self.assertEqual(self.replies("MAIL FROM:<chris@contoso.com>"),
                         ("250 2.1.0 Sender OK", SENDER_REFUSED.format("Anonymous client")))
        self.assertEqual(self.replies("MAIL FROM:<chris@fabrikam.com>"),
                         ("250 2.1.0 Sender OK",) * 2)

    def test_accept_any_recipient(self):
        self.anonymous("ms-Exch-SMTP-Accept-Any-Recipient", False)
        mail = "MAIL FROM:<chris@contoso.com>"
        self.assertEqual(self.replies(mail, "RCPT TO:<kate@fabrikam.com>"),
                         ("250 2.1.5 Recipient OK", "550 5.7.1 Unable to relay"))
        self.assertEqual(self.replies(mail, "RCPT TO:<kate@contoso.com>"),
                         ("250 2.1.5 Recipient OK",) * 2)

    def test_accept_authentication_flag(self):
        self.external("ms-Exch-SMTP-Accept-Authentication-Flag", True)
        self.assertEqual(self.replies("MAIL FROM:<chris@contoso.com> AUTH=<>"),
                         ("250 2.1.0 Sender OK", "555 5.5.4 Unsupported parameter"))

    def test_accept_exch50(self):
        self.external("ms-Exch-SMTP-Accept-Exch50", True)
        self.assertEqual(tuple("XEXCH50" in offered for offered in self.extensions()),
                         (True, False))
        for port, answer in ((self.with_right, "354 Send binary data"),
                             (self.without, "550 5.7.1 Command not allowed")):
            with Client(port) as client:
                client.expect("EHLO client.contoso.com", 250)
                client.begin("chris@contoso.com", ["kate@contoso.com"])
                self.assertEqual(client.command("XEXCH50 6 1"), answer)
                if port == self.with_right:
                    client.send(b"\0\xff\r\n\n\r")
                    self.assertEqual(client.reply(), "250 2.0.0 XEXCH50 OK")
                harness.guid_of(client.content(b"Subject: after it\r\n\r\ntext\r\n"))
                client.quit()

    def test_bypass_message_size_limit(self):
        self.external("ms-Exch-Bypass-Message-Size-Limit", True, max_message_size="64KB")
        self.assertEqual(self.replies("MAIL FROM:<chris@contoso.com> SIZE=100000"),
                         ("250 2.1.0 Sender OK",
                          "552 5.3.4 Message size exceeds fixed maximum message size"))
        body = b"Subject: large\r\n\r\n" + b"0123456789012345678901234567890123456789\r\n" * 2500
        answers = []
        for port in (self.with_right, self.without):
            with Client(port) as client:
                client.expect("EHLO client.contoso.com", 250)
                client.begin("chris@contoso.com", ["kate@contoso.com"])
                answers.append(client.content(body))
                client.quit()
        self.assertRegex(answers[0], r"\A250 2\.6\.0 ")
        self.assertEqual(answers[1], "552 5.3.4 Message size exceeds fixed maximum message size")

    def test_require_tls_refuses_without_tls(self):
        self.tls = harness.certificate(self.folder)
        self.anonymous("ms-Exch-SMTP-Accept-Any-Recipient", False, require_tls=True,
                       auth_mechanism=["Tls"])
        self.assertEqual(self.replies("MAIL FROM:<chris@contoso.com>"),
                         ("451 5.7.3 STARTTLS is required to send mail",) * 2)

    def test_switches_for_recipient_domains(self):
        self.anonymous("ms-Exch-SMTP-Accept-Any-Recipient", False,
                       reject_reserved_top_level_recipient_domains=True,
                       reject_reserved_second_level_recipient_domains=True,
                       reject_single_label_recipient_domains=True)
        mail = "MAIL FROM:<chris@contoso.com>"
        for domain, answer in [
                ("a.test", "550 5.1.4 Recipient address reserved by RFC 2606"),
                ("mail.example.com", "550 5.1.5 Recipient address reserved by RFC 2606"),
                ("fabrikam",
                 "550 5.1.6 Recipient addresses in single label domains not accepted"),
                ("fabrikam.com", "250 2.1.5 Recipient OK")]:
            self.assertEqual(self.replies(mail, f"RCPT TO:<kate@{domain}>")[0], answer)

    def test_externally_secured_needs_no_group_for_anonymous(self):
        """The second method of the walk-through, beside a connector without any group."""
        self.serve({"permission_groups": ["ExchangeServers"],
                    "auth_mechanism": ["ExternalAuthoritative"]}, EXTERNAL, "ms-Exch-SMTP-Submit",
                   True)
        with_it, without = self.replies("MAIL FROM:<chris@fabrikam.com>",
                                        "RCPT TO:<kate@fabrikam.com>")
        self.assertEqual(with_it, "250 2.1.5 Recipient OK")
        self.assertTrue(re.match(r"503 5\.5\.2 Need mail command", without), without)


if __name__ == "__main__":
    harness.main()
