#!/usr/bin/python3
"""OpenSSL's own client: what comes after STARTTLS, tickets on every core and over a reload, names."""

import re
import signal
import subprocess

import harness
from next_hop import NextHop

NAME = "relay.contoso.com"
OTHER = "mail.fabrikam.com"
BODY = b"Subject: openssl\r\n\r\n.dot\r\nQUIT\r\nR\r\n" + bytes(range(1, 256)) * 40 + b"\r\n"
CONNECTIONS = 16  # that all of them come to one of two cores happens once in 32,768 runs


class OpensslClient(harness.EndToEnd):
    def setUp(self):
        super().setUp()
        self.hop = NextHop(self.ports.take(), extensions=["PIPELINING", "8BITMIME", "CHUNKING",
                                                          "BINARYMIME"]).start()
        self.addCleanup(self.hop.stop)
        self.secure_port = self.ports.take()
        self.tls = harness.certificate(self.folder, NAME)
        other = self.folder / "other"
        other.mkdir()
        self.other = harness.certificate(other, OTHER)
        connector = harness.relay_connector(
            self.port, bindings=[f"127.0.0.1:{self.port}", f"127.0.0.1:{self.secure_port};tls=implicit"])
        self.relais.configure(receive=[connector], send=[harness.smart_host(self.hop.port)],
                              tls={**self.tls, "sni": [self.other]})
        self.relais.start()

    def s_client(self, *options, said=b"QUIT\r\n", implicit=False):
        """Its standard output, once relais has closed the connection."""
        wire = [f"127.0.0.1:{self.secure_port}"] if implicit else [f"127.0.0.1:{self.port}",
                                                                  "-starttls", "smtp"]
        done = subprocess.run(["openssl", "s_client", "-connect", *wire, *map(str, options)],
                              input=said, capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout.decode(errors="replace")

    def test_bdat_after_starttls(self):
        """All in one go, binary content among it; only what is inside TLS is heard."""
        commands = (b"EHLO client.example\r\nMAIL FROM:<chris@contoso.com> BODY=BINARYMIME\r\n"
                    b"RCPT TO:<kate@fabrikam.com>\r\nBDAT 100\r\n" + BODY[:100] +
                    b"BDAT %d LAST\r\n" % len(BODY[100:]) + BODY[100:] + b"NOOP\r\nQUIT\r\n")
        for number, implicit in enumerate((False, True)):
            text = self.s_client("-quiet", "-verify_return_error", "-CAfile", self.tls["certificate"],
                                 "-servername", NAME, said=commands, implicit=implicit)
            inside = text[text.index("Hello [127.0.0.1]"):]
            self.assertIn("250-CHUNKING", inside)
            self.assertNotIn("STARTTLS", inside)
            codes = re.findall(r"^(\d\d\d) ", inside, re.M)
            self.assertEqual(codes, ["250", "250", "250", "250", "250", "250", "221"], text)
            harness.wait_until(lambda n=number: len(self.hop.messages) > n, 20, "the message")
            self.assertEqual(harness.without_received(self.hop.messages[number].content), BODY)
        self.assertEqual(self.hop.violations, [])

    def session(self, version):
        """A file with a ticket of a whole handshake."""
        path = self.folder / f"ticket{version}"
        text = self.s_client("-ign_eof", version, "-sess_out", path)
        self.assertIn("New, ", text)
        self.assertTrue(path.exists(), text)
        return path

    def resumed(self, version, path, count=1):
        texts = [self.s_client("-ign_eof", version, "-sess_in", path, said=b"NOOP\r\nQUIT\r\n")
                 for _ in range(count)]
        for text in texts:
            self.assertIn("221 2.0.0", text)
        return ["Reused, " in text for text in texts]

    def reload(self):
        self.relais.signal(signal.SIGHUP)
        harness.wait_until(lambda: self.relais.said("reload"), 10, "the reload")

    def test_tickets_on_every_core_and_over_a_reload(self):
        for version in ("-tls1_2", "-tls1_3"):
            with self.subTest(version):
                path = self.session(version)
                self.assertEqual(self.resumed(version, path, CONNECTIONS), [True] * CONNECTIONS)
        path = self.session("-tls1_3")
        self.reload()
        self.assertEqual(self.resumed("-tls1_3", path, CONNECTIONS), [True] * CONNECTIONS)

    def test_tickets_end_with_the_process(self):
        paths = {version: self.session(version) for version in ("-tls1_2", "-tls1_3")}
        self.relais.stop()
        self.relais.start()
        for version, path in paths.items():
            self.assertEqual(self.resumed(version, path), [False])

    def subject(self, *options, implicit=False):
        return re.search(r"^subject=CN = (\S+)", self.s_client("-ign_eof", *options, implicit=implicit),
                         re.M)[1]

    def test_names(self):
        for implicit in (False, True):
            for options, subject in (([], NAME), (["-noservername"], NAME),
                                     (["-servername", NAME], NAME), (["-servername", OTHER], OTHER),
                                     (["-servername", OTHER.upper()], OTHER),
                                     (["-servername", "nobody.example"], NAME)):
                with self.subTest(options=options, implicit=implicit):
                    self.assertEqual(self.subject(*options, implicit=implicit), subject)

    def test_renegotiation_and_compression_are_refused(self):
        text = self.s_client("-ign_eof", "-tls1_2", "-comp")
        self.assertIn("Compression: NONE", text)
        self.assertIn("Secure Renegotiation IS supported", text)
        done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{self.port}",
                               "-starttls", "smtp", "-tls1_2"], input=b"R\r\n", capture_output=True,
                              timeout=30)
        self.assertRegex(done.stderr, rb"no renegotiation|handshake failure|unexpected eof")
        self.client().expect("NOOP", 250)

    def test_the_certificate_is_verified_by_name(self):
        for name, status in ((NAME, "0 (ok)"), ("wrong.contoso.com", "62 (hostname mismatch)")):
            text = self.s_client("-ign_eof", "-CAfile", self.tls["certificate"], "-verify_hostname",
                                 name, "-servername", NAME)
            self.assertIn(f"Verify return code: {status}", text)


if __name__ == "__main__":
    harness.main()
