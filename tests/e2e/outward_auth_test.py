#!/usr/bin/python3
"""Logging on to smart hosts, and how a password stays where it is."""

import os
import ssl
import time

import harness
from harness import BINARY, Client
from next_hop import NextHop

PASSWORD = "correct horse 9!"
BODY = b"Subject: logon\r\n\r\ntext\r\n"


class OutwardAuth(harness.EndToEnd):
    def setUp(self):
        super().setUp()
        self.table = harness.certificate(self.folder, "mx.contoso.com")
        self.password_file = self.folder / "password"
        self.write(PASSWORD + "\nwhat stands below is a remark\n")

    def write(self, text, mode=0o600):
        self.password_file.unlink(missing_ok=True)
        self.password_file.write_text(text)
        self.password_file.chmod(mode)

    def make_hop(self, **more):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.table["certificate"], self.table["key"])
        hop = NextHop(self.ports.take(), **{"tls": context, "users": {"relay@contoso.com": PASSWORD},
                                            **more})
        self.addCleanup(hop.stop)
        return hop.start()

    def connector(self, *hops, **more):
        return harness.smart_host(*[hop.port for hop in hops], **{
            "smart_host_auth_mechanism": "BasicAuthRequireTLS", "auth_user": "relay@contoso.com",
            "auth_password_file": str(self.password_file), **more})

    def serve(self, *hops, **more):
        self.relais.configure(send=[self.connector(*hops, **more)], server={"cores": 1})
        self.relais.start()

    def send(self, count=1):
        with Client(self.port) as client:
            client.expect("EHLO client.example", 250)
            for _ in range(count):
                client.message("chris@contoso.com", ["kate@fabrikam.com"], BODY)

    def arrived(self, hop, count=1):
        harness.wait_until(lambda: len(hop.messages) >= count, 20, f"{count} messages")
        self.assertEqual(hop.violations, [])
        return hop.messages

    def nowhere(self):
        """The password, in any form, is in no file but its own and in nothing that was said."""
        self.relais.stop()
        secrets = [PASSWORD.encode(), b"Y29ycmVjdCBob3JzZSA5IQ",
                   b"AHJlbGF5QGNvbnRvc28uY29tAGNvcnJlY3QgaG9yc2UgOSE"]
        for folder, _, names in os.walk(self.folder):
            for name in names:
                path = os.path.join(folder, name)
                if path == str(self.password_file):
                    continue
                with open(path, "rb") as file:
                    content = file.read()
                for secret in secrets:
                    self.assertNotIn(secret, content, path)

    def test_plain(self):
        hop = self.make_hop()
        self.serve(hop)
        self.send(3)
        for message in self.arrived(hop, 3):
            self.assertEqual(message.user, "relay@contoso.com")
        self.assertEqual(set(hop.logons), {("PLAIN", "relay@contoso.com", PASSWORD, True)})
        self.nowhere()

    def test_login_where_there_is_nothing_else(self):
        hop = self.make_hop(mechanisms="CRAM-MD5 LOGIN")
        self.serve(hop)
        self.send()
        self.arrived(hop)
        self.assertEqual(set(hop.logons), {("LOGIN", "relay@contoso.com", PASSWORD, True)})
        self.nowhere()

    def test_implicit_tls(self):
        hop = self.make_hop(implicit=True)
        self.serve(hop, tls="implicit")
        self.send()
        self.arrived(hop)

    def test_a_wrong_password_is_tried_once(self):
        hop = self.make_hop(users={"relay@contoso.com": "another"})
        self.serve(hop)
        for _ in range(5):
            self.send(4)
        event = self.relais.wait_event("host down")
        self.assertEqual(event["reply"], 'Send connector "Smart host" cannot log on as '
                         '"relay@contoso.com": 535 5.7.8 authentication credentials invalid')
        time.sleep(2.5)
        self.assertEqual(len(hop.logons), 1, "accounts are locked after a few")
        self.assertEqual(hop.messages, [])
        self.nowhere()

    def test_a_wrong_password_at_one_of_two(self):
        bad = self.make_hop(users={"relay@contoso.com": "another"})
        good = self.make_hop()
        self.serve(bad, good)
        self.send(6)
        self.arrived(good, 6)
        self.assertEqual(bad.messages, [])

    def test_later(self):
        hop = self.make_hop()
        hop.rule = lambda verb, *_: "454 4.7.0 later" if verb == "AUTH" else None
        self.serve(hop)
        self.send()
        self.assertRegex(self.relais.wait_event("host down")["reply"],
                         '^Send connector "Smart host" cannot log on .*: 454 4.7.0 later$')
        hop.rule = lambda *_: None
        self.arrived(hop)

    def test_not_offered(self):
        hop = self.make_hop(mechanisms="GSSAPI")
        self.serve(hop)
        self.send()
        self.assertRegex(self.relais.wait_event("host down")["reply"],
                         "neither AUTH PLAIN nor AUTH LOGIN is offered$")

    def test_an_echo_of_the_password_is_not_told_on(self):
        hop = self.make_hop()
        hop.rule = lambda verb, *_: (
            f"535 5.7.8 no such password: {PASSWORD}" if verb == "AUTH" else None)
        self.serve(hop)
        self.send()
        self.assertRegex(self.relais.wait_event("host down")["reply"],
                         r"535 \(a text that repeats the password\)$")
        self.nowhere()

    def test_no_password_without_tls(self):
        hop = self.make_hop(tls=None, auth_in_clear=True)
        self.serve(hop)
        self.send()
        self.assertRegex(self.relais.wait_event("host down")["reply"],
                         "^no TLS: STARTTLS is not offered$")
        time.sleep(1.5)
        self.assertEqual(hop.logons, [])

    def test_in_the_clear_where_the_connector_says_so(self):
        hop = self.make_hop(tls=None, auth_in_clear=True)
        self.serve(hop, smart_host_auth_mechanism="BasicAuth")
        self.send()
        self.arrived(hop)
        self.assertEqual(set(hop.logons), {("PLAIN", "relay@contoso.com", PASSWORD, False)})

    def test_in_tls_where_there_is_some(self):
        hop = self.make_hop(auth_in_clear=True)
        self.serve(hop, smart_host_auth_mechanism="BasicAuth")
        self.send()
        self.arrived(hop)
        self.assertEqual(set(hop.logons), {("PLAIN", "relay@contoso.com", PASSWORD, True)})

    # --- the file

    def check(self, status, *words, **connector):
        self.relais.configure(send=[self.connector(self.hop, **connector)])
        done = harness.run([BINARY, "check", "--config", str(self.relais.config_dir)])
        said = done.stdout + done.stderr
        self.assertEqual(done.returncode, status, said)
        self.assertNotIn(PASSWORD, said)
        for word in words:
            self.assertIn(word, said)

    def test_files_that_check_refuses(self):
        self.hop = self.make_hop()
        self.check(0)
        where = ("relais.toml", "auth_password_file", str(self.password_file), "[R053]")
        for mode in (0o644, 0o640, 0o604, 0o620):
            self.write(PASSWORD, mode)
            self.check(1, f"is open to others than its owner (mode {mode:o})", *where)
        self.write(PASSWORD, 0o400)
        self.check(0)
        for text in ("", "\n", "\n" + PASSWORD, "\r\n"):
            self.write(text)
            self.check(1, "has no password in its first line", *where)
        self.write("x" * 256)
        self.check(1, "no password of at most 255 octets", *where)
        self.write("x\0y")
        self.check(1, "no password of at most 255 octets", *where)
        self.password_file.unlink()
        self.check(1, "cannot be read: No such file or directory", *where)
        os.mkfifo(self.password_file, 0o600)
        self.check(1, "cannot be read: it is no file", *where)
        self.password_file.unlink()
        self.password_file.mkdir(0o700)
        self.check(1, "cannot be read: it is no file", *where)

    def test_who_only_asks_does_not_need_the_password(self):
        hop = self.make_hop()
        self.serve(hop)
        self.password_file.unlink()
        for command in (["explain", "--local", f"127.0.0.1:{self.port}", "--remote", "127.0.0.1"],
                        ["stats"], ["shell", "-c", "Get-SendConnector | Format-List"]):
            done = harness.run([BINARY, *command, "--config", str(self.relais.config_dir)])
            self.assertEqual(done.returncode, 0, (command, done.stdout + done.stderr))


if __name__ == "__main__":
    harness.main()
