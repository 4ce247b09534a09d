#!/usr/bin/python3
"""Clients' certificates: who shows a trusted one of a listed domain is a partner, and mail from such a
domain comes from nobody else."""

import os
import ssl

import harness
from harness import Client
from next_hop import NextHop

NAME = "relay.contoso.com"
PARTNERS = "MS Exchange\\Partner Servers"
BODY = b"Subject: secured\r\n\r\ntext\r\n"


class DomainSecure(harness.EndToEnd):
    def setUp(self):
        super().setUp()
        self.hop = NextHop(self.ports.take()).start()
        self.addCleanup(self.hop.stop)
        self.tls = harness.certificate(self.folder, NAME)
        self.authority = self.folder / "ca"
        self.authority.mkdir()
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                     "-days", "30", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Test CA")

    def openssl(self, *arguments):
        done = harness.run(["openssl", *arguments], cwd=self.authority)
        self.assertEqual(done.returncode, 0, done.stderr)

    def issue(self, name, trusted=True):
        """The path of a client's certificate and key."""
        files = [f"{name}.{kind}" for kind in ("key", "csr", "crt")]
        self.openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                     "-keyout", files[0], "-out", files[1], "-subj", "/O=Partner", "-addext",
                     f"subjectAltName=DNS:{name}")
        signer = ["-CA", "ca.pem", "-CAkey", "ca.key"] if trusted else ["-signkey", files[0]]
        self.openssl("x509", "-req", "-in", files[1], *signer, "-days", "30", "-copy_extensions",
                     "copy", "-out", files[2])
        both = self.authority / f"{name}.pem"
        both.write_text("".join((self.authority / f).read_text() for f in (files[2], files[0])))
        os.chmod(both, 0o600)
        return str(both)

    def start(self, **more):
        settings = {"domain_secure_enabled": True, "domain_secure_domains": ["partner.com"],
                    "auth_mechanism": ["Tls"], "permission_groups": ["AnonymousUsers", "Partners"]}
        self.relais.configure(
            receive=[harness.default_connector(self.port, **{**settings, **more})],
            send=[harness.smart_host(self.hop.port)],
            tls={**self.tls, "client_ca_file": str(self.authority / "ca.pem")})
        self.relais.start()

    def client(self, certificate=None, version=None):
        client = Client(self.port)
        self.addCleanup(client.close)
        client.expect("EHLO x", 250)
        client.expect("STARTTLS", 220)
        context = ssl.create_default_context(cafile=self.tls["certificate"])
        if version:
            context.maximum_version = version
        if certificate:
            context.load_cert_chain(certificate)
        client.socket = context.wrap_socket(client.socket, server_hostname=NAME)
        client.expect("EHLO mx.partner.com", 250)
        return client

    def test_a_partner(self):
        certificate = self.issue("mx.partner.com")
        self.start()
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            client = self.client(certificate, version)
            client.message("a@partner.com", ["kate@contoso.com"], BODY)
            client.message("a@sub.partner.com", ["kate@contoso.com"], BODY)
            client.message("a@example.org", ["kate@contoso.com"], BODY)  # as without a certificate
            client.expect("MAIL FROM:<a@partner.com>", 250)
            client.expect("RCPT TO:<kate@fabrikam.com>", 550)
            client.quit()
        event = self.relais.wait_event("message")
        self.assertEqual(event["partner"], "partner.com")

    def test_what_entries_give_to_partners_and_take_from_them(self):
        self.start(permission=[
            {"user": PARTNERS, "extended_rights": ["ms-Exch-SMTP-Accept-Any-Recipient"]},
            {"user": PARTNERS, "extended_rights": ["ms-Exch-SMTP-Accept-Authoritative-Domain-Sender"],
             "deny": True}])
        client = self.client(self.issue("mx.partner.com"))
        client.message("a@partner.com", ["kate@fabrikam.com"], BODY)
        client.expect("MAIL FROM:<a@contoso.com>", 550)
        self.refused(self.client())

    def refused(self, client):
        self.assertEqual(client.command("MAIL FROM:<a@partner.com>"),
                         "550 5.7.1 A certificate of the sender's domain is required")
        client.expect("MAIL FROM:<a@sub.partner.com>", 550)
        client.expect("MAIL FROM:<a@contoso.com>", 250)
        client.expect("RCPT TO:<kate@fabrikam.com>", 550)

    def test_everybody_else(self):
        self.start()
        self.refused(self.client())
        self.refused(self.client(self.issue("mx.contoso.org")))      # trusted, and another's
        self.refused(self.client(self.issue("notpartner.com")))
        self.refused(self.client(self.issue("mx.partner.com", trusted=False)))
        harness.wait_until(lambda: len(self.relais.events("refused")) >= 12, 10, "refusals")
        reasons = " ".join(event["reason"] for event in self.relais.events("refused"))
        for words in ("it has shown no certificate",
                      "its certificate is of no domain in domain_secure_domains: O=Partner",
                      "its certificate is not trusted: self-signed certificate"):
            self.assertIn(words, reasons)
        with Client(self.port) as clear:
            clear.expect("EHLO x", 250)
            self.refused(clear)

    def test_one_partner_is_not_another(self):
        self.start(domain_secure_domains=["partner.com", "other.com"])
        client = self.client(self.issue("other.com"))
        client.expect("MAIL FROM:<a@partner.com>", 550)
        client.expect("MAIL FROM:<a@other.com>", 250)

    def test_a_certificate_is_not_asked_for_elsewhere(self):
        self.start(domain_secure_enabled=False)
        client = self.client(self.issue("mx.partner.com"))
        client.expect("MAIL FROM:<a@contoso.com>", 250)
        client.expect("RCPT TO:<kate@fabrikam.com>", 550)

    def test_explain_and_check(self):
        self.start()
        done = harness.run([harness.BINARY, "explain", "--config", str(self.relais.config_dir),
                            "--local", f"127.0.0.1:{self.port}", "--remote", "127.0.0.1",
                            "--mail-from", "a@partner.com", "--rcpt-to", "b@contoso.com"])
        self.assertEqual(done.returncode, 1)
        self.assertIn("A certificate of the sender's domain is required", done.stdout)
        self.relais.stop()
        self.relais.configure(
            receive=[harness.default_connector(self.port, domain_secure_enabled=True)],
            send=[harness.smart_host(self.hop.port)])
        done = harness.run([harness.BINARY, "check", "--config", str(self.relais.config_dir)])
        self.assertEqual(done.returncode, 1)
        self.assertIn("domain security of no domain", done.stdout + done.stderr)
        self.assertIn("there is none of our own", done.stdout + done.stderr)


if __name__ == "__main__":
    harness.main()
