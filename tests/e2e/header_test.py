#!/usr/bin/python3
"""The header firewall, from a client to the next hop: what arrives is exact to the octet."""

import signal
import smtplib

import harness
from next_hop import NextHop

EXTERNAL = r"MS Exchange\Externally Secured Servers"
ROUTING = "ms-Exch-Accept-Headers-Routing"
ORGANIZATION = "ms-Exch-Accept-Headers-Organization"
FOREST = "ms-Exch-Accept-Headers-Forest"

# Each field with the right that it needs.
FIELDS = (
    (ROUTING, b"Received: from app (10.0.0.1)\r\n"
              b"\tby hub.contoso.com; Fri, 5 Aug 2016 16:24:41 +0000\r\n"),
    (None, b"From: chris@contoso.com\r\n"),
    (ORGANIZATION, b"X-MS-Exchange-Organization-SCL: -1\r\n"),
    (None, b"Subject: header\r\n fields\r\n"),
    (ROUTING, b"RESENT-TO : kate@contoso.com\r\n"),
    (FOREST, b"x-ms-exchange-forest-RulesExecuted:\r\n one,\r\n two\r\n"),
    ("stamp", b"X-MS-Exchange-Organization-AuthAs: Internal\r\n"),
    ("stamp", b"X-MS-Exchange-Organization-AuthSource\r\n : forged.contoso.com\r\n"),
)
BODY = b"\r\nReceived: not a field\r\n.\r\n..\r\ntext\r\n"
MESSAGE = b"".join(field for _, field in FIELDS) + BODY


def expected(*kept, replace=()):
    """What of MESSAGE passes with these rights, behind the Received field of relais."""
    out = b"".join(field for right, field in FIELDS if right is None or right in kept) + BODY
    for old, new in replace:
        assert out.count(old) == 1
        out = out.replace(old, new)
    return out


def stamps(as_whom, mechanism=None):
    fields = [("AuthAs", as_whom), ("AuthSource", "relay.contoso.com")]
    if mechanism:
        fields.append(("AuthMechanism", mechanism))
    return b"".join(f"X-MS-Exchange-Organization-{n}: {v}\r\n".encode() for n, v in fields)


class Header(harness.EndToEnd):
    def setUp(self):
        super().setUp()
        self.hop = NextHop(self.ports.take())
        self.addCleanup(self.hop.stop)
        self.hop.start()

    def connector(self, user, rights, deny=(), **more):
        connector = harness.relay_connector(self.port, **more)
        connector["permission"] = []
        if rights:
            connector["permission"].append({"user": user, "extended_rights": list(rights)})
        if deny:
            connector["permission"].append(
                {"user": user, "extended_rights": list(deny), "deny": True})
        if not connector["permission"]:
            del connector["permission"]
        return connector

    def anonymous(self, *rights, **more):
        return self.connector(harness.ANONYMOUS,
                              ("ms-Exch-SMTP-Accept-Any-Recipient",) + rights, **more)

    def external(self, *rights, **more):
        return self.connector(EXTERNAL, rights, permission_groups=["ExchangeServers"],
                              auth_mechanism=["ExternalAuthoritative"], **more)

    def start(self, connector, book=None):
        top = {}
        if book is not None:
            top = {"address_book": "addressbook.csv"}
            self.write_book(book)
        self.relais.configure(receive=[connector], send=[harness.smart_host(self.hop.port)],
                              top=top)
        self.relais.start()

    def write_book(self, text):
        self.relais.config_dir.mkdir(parents=True, exist_ok=True)
        (self.relais.config_dir / "addressbook.csv").write_bytes(text.encode())

    def sent(self, message=MESSAGE):
        before = len(self.hop.messages)
        with smtplib.SMTP("127.0.0.1", self.port, timeout=20) as client:
            client.sendmail("chris@contoso.com", ["kate@fabrikam.com"], message)
        harness.wait_until(lambda: len(self.hop.messages) > before, 20, "the message")
        self.assertEqual(self.hop.violations, [])
        return harness.without_received(self.hop.messages[before].content)

    def test_anonymous_keeps_routing_only(self):
        self.start(self.anonymous())
        self.assertEqual(self.sent(), expected(ROUTING))

    def test_a_denied_right_removes_routing(self):
        self.start(self.anonymous(deny=[ROUTING]))
        self.assertEqual(self.sent(), expected())

    def test_organization_by_right(self):
        self.start(self.anonymous(ORGANIZATION))
        self.assertEqual(self.sent(), expected(ROUTING, ORGANIZATION, "stamp"))

    def test_forest_by_right(self):
        self.start(self.anonymous(FOREST))
        self.assertEqual(self.sent(), expected(ROUTING, FOREST))

    def test_externally_secured_keeps_routing_only(self):
        self.start(self.external())
        self.assertEqual(self.sent(), expected(ROUTING))

    def test_stamps_of_anonymous(self):
        self.start(self.anonymous(stamp_auth_headers=True))
        self.assertEqual(self.sent(), stamps("Anonymous") + expected(ROUTING))

    def test_stamps_of_externally_secured(self):
        self.start(self.external(stamp_auth_headers=True))
        self.assertEqual(self.sent(), stamps("Internal", "10") + expected(ROUTING))

    def test_no_stamp_of_the_client_beside_ours(self):
        self.start(self.external(ORGANIZATION, stamp_auth_headers=True))
        self.assertEqual(self.sent(), stamps("Internal", "10") + expected(ROUTING, ORGANIZATION))

    def test_a_continuation_in_front_becomes_body(self):
        self.start(self.external(stamp_auth_headers=True))
        self.assertEqual(self.sent(b" Internal\r\n\r\ntext\r\n"),
                         stamps("Internal", "10") + b"\r\n Internal\r\n\r\ntext\r\n")

    def test_local_hops(self):
        self.start(self.anonymous(max_local_hop_count=1))
        hop = b"Received: from a by Relay.Contoso.com (10.0.0.9) with ESMTP id x; y\r\n"
        self.assertEqual(self.sent(hop + MESSAGE), hop + expected(ROUTING))
        with self.assertRaises(smtplib.SMTPDataError) as refused:
            self.sent(hop + hop + MESSAGE)
        self.assertEqual(refused.exception.smtp_code, 554)
        self.assertEqual(refused.exception.smtp_error,
                         b"5.4.6 Hop count exceeded - possible mail loop")

    BOOK = "mail,name\r\nChris@contoso.com,\"Green, Chris\"\r\nzoe@contoso.com,Zo\u00eb\r\n"

    def test_display_name_of_externally_secured(self):
        self.start(self.external(), book=self.BOOK)
        named = [(b"From: chris@contoso.com\r\n", b'From: "Green, Chris" <chris@contoso.com>\r\n')]
        self.assertEqual(self.sent(), expected(ROUTING, replace=named))
        self.assertEqual(self.sent(b"From:\r\n <zoe@contoso.com>\r\n\r\nx\r\n"),
                         b"From: =?UTF-8?B?Wm/Dqw==?= <zoe@contoso.com>\r\n\r\nx\r\n")
        for untouched in (b"From: C <chris@contoso.com>\r\n\r\nx\r\n",
                          b"From: chris@contoso.com\r\nfrom: zoe@contoso.com\r\n\r\nx\r\n",
                          b"From: chris@contoso.com, zoe@contoso.com\r\n\r\nx\r\n",
                          b"From: nobody@contoso.com\r\n\r\nx\r\n"):
            self.assertEqual(self.sent(untouched), untouched)

    def test_display_name_not_of_anonymous(self):
        self.start(self.anonymous(), book=self.BOOK)
        self.assertEqual(self.sent(), expected(ROUTING))

    def test_display_name_after_a_reload(self):
        self.start(self.external(), book=self.BOOK)
        message = b"From: kate@contoso.com\r\n\r\nx\r\n"
        self.assertEqual(self.sent(message), message)
        self.write_book("kate@contoso.com,Kate\n")
        self.relais.signal(signal.SIGHUP)
        named = b'From: "Kate" <kate@contoso.com>\r\n\r\nx\r\n'
        harness.wait_until(lambda: self.sent(message) == named, 20, "the new book")
        # A bad one is refused, and the last good one stays.
        self.write_book("kate@contoso.com,Kate\u202e\n")
        self.relais.signal(signal.SIGHUP)
        harness.wait_until(lambda: self.relais.said(r"addressbook\.csv:1: .*U\+202E"), 20, "why")
        self.assertEqual(self.sent(message), named)


if __name__ == "__main__":
    harness.main()
