#!/usr/bin/python3
"""REQUIRETLS (RFC 8689): mail for which the client asks so goes on in TLS, to next hops that prove who
they are and promise the same; else it fails, and not in the clear."""

import ssl

import harness
from harness import Client
from next_hop import NextHop

NAME = "mx.contoso.com"
BODY = b"Subject: secret\r\n\r\ntext\r\n"
EXTENSIONS = ("PIPELINING", "8BITMIME", "DSN")


class RequireTls(harness.EndToEnd):
    def setUp(self):
        super().setUp()
        self.table = harness.certificate(self.folder, NAME)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.table["certificate"], self.table["key"])
        self.hop = NextHop(self.ports.take(), extensions=(*EXTENSIONS, "REQUIRETLS"),
                           tls=self.context)
        self.addCleanup(self.hop.stop)

    def start(self, verified=True, **more):
        verify = {"tls_auth_level": "DomainValidation", "tls_domain": NAME,
                  "tls_ca_file": self.table["certificate"]} if verified else {}
        self.relais.configure(
            receive=[harness.relay_connector(self.port, **more.pop("receive", {}))],
            send=[harness.smart_host(self.hop.port, **verify)], tls=self.table,
            notifications={"enabled": True}, **more)
        self.relais.start()

    def client(self, tls=True):
        client = Client(self.port)
        self.addCleanup(client.close)
        client.expect("EHLO x", 250)
        if tls:
            client.expect("STARTTLS", 220)
            context = ssl.create_default_context(cafile=self.table["certificate"])
            client.socket = context.wrap_socket(client.socket, server_hostname=NAME)
        return client

    def send(self, sender="chris@contoso.com"):
        client = self.client()
        self.assertIn("REQUIRETLS", client.command("EHLO x"))
        client.expect(f"MAIL FROM:<{sender}> REQUIRETLS RET=FULL", 250)
        client.expect("RCPT TO:<kate@fabrikam.com>", 250)
        harness.guid_of(client.content(BODY))
        client.quit()

    def test_it_is_passed_on(self):
        self.start()
        self.send()  # the next hop is down: over a restart
        self.relais.wait_event("host down")
        self.relais.stop()
        self.hop.start()
        self.relais.start()
        harness.wait_until(lambda: self.hop.messages, 10, "the message")
        message = self.hop.messages[0]
        self.assertEqual(message.tls, "TLSv1.3")
        self.assertIn("REQUIRETLS", message.sender_parameters.split())

    def fails(self, status, content):
        failed = self.relais.wait_event("failed")
        self.assertIn(status, failed["reply"])
        self.assertEqual(failed["host"], f"127.0.0.1:{self.hop.port}")
        notified = self.relais.wait_event("notified")
        self.relais.wait_event("delivered", id=notified["notification"])
        harness.wait_until(lambda: self.hop.messages, 10, "the notification")
        [report] = self.hop.messages
        self.assertEqual(report.sender, "")
        self.assertIn(b"Status: 5.7.30", report.content)
        self.assertNotIn(b"Remote-MTA", report.content)  # it has not said so
        self.assertNotIn(content, report.content)  # nothing of the message, also with RET=FULL
        self.assertNotIn("REQUIRETLS", report.sender_parameters)

    def test_a_next_hop_that_does_not_promise_it(self):
        self.hop.extensions = list(EXTENSIONS)
        self.hop.start()
        self.start()
        self.send()
        self.fails("5.7.30", b"Subject: secret")

    def test_not_offered_where_no_next_hop_proves_itself(self):
        self.hop.start()
        self.start(verified=False)
        client = self.client()
        self.assertNotIn("REQUIRETLS", client.command("EHLO x"))
        client.expect("MAIL FROM:<a@contoso.com> REQUIRETLS", 555)

    def test_not_offered_in_the_clear_or_switched_off(self):
        self.hop.start()
        self.start()
        client = self.client(tls=False)
        self.assertNotIn("REQUIRETLS", client.command("EHLO x"))
        client.expect("MAIL FROM:<a@contoso.com> REQUIRETLS", 555)
        client = self.client()
        client.expect("EHLO x", 250)
        client.expect("MAIL FROM:<a@contoso.com> REQUIRETLS=yes", 501)
        self.relais.stop()
        self.start(receive={"require_tls_extension_enabled": False})
        self.assertNotIn("REQUIRETLS", self.client().command("EHLO x"))

    def test_the_next_hop_of_another_connector_does_not_prove_itself(self):
        """It promises it, in TLS, and could be anybody."""
        self.hop.start()
        other = {"name": "Other", "address_spaces": ["contoso.com"],
                 "smart_hosts": [f"127.0.0.1:{self.hop.port}"],
                 "tls_auth_level": "DomainValidation", "tls_domain": NAME,
                 "tls_ca_file": self.table["certificate"]}
        self.relais.configure(send=[harness.smart_host(self.hop.port), other], tls=self.table,
                              notifications={"enabled": True})
        self.relais.start()
        self.send()
        self.fails("5.7.30", b"Subject: secret")


if __name__ == "__main__":
    harness.main()
