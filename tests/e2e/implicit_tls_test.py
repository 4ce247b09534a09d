#!/usr/bin/python3
"""TLS from the first octet on, and which certificate a client gets."""

import signal
import smtplib
import socket
import ssl
import subprocess
import time

import harness
from harness import BINARY, Client
from next_hop import NextHop

NAME = "relay.contoso.com"
OTHER = "mail.fabrikam.com"
OWN = "printers.contoso.com"
BODY = b"Subject: tls\r\n\r\n.dot\r\n" + b"a line of some length, as they come\r\n" * 30_000


class ImplicitTls(harness.EndToEnd):
    def setUp(self):
        super().setUp()
        self.hop = NextHop(self.ports.take()).start()
        self.addCleanup(self.hop.stop)
        self.secure_port = self.ports.take()
        self.tls = harness.certificate(self.folder, NAME)

    def issue(self, name):
        """A folder with the certificate of another name."""
        folder = self.folder / name
        folder.mkdir()
        return harness.certificate(folder, name)

    def configure(self, tls=None, table=False, **more):
        address = f"127.0.0.1:{self.secure_port}"
        secure = {"address": address, "tls": "implicit"} if table else address + ";tls=implicit"
        more.setdefault("bindings", [f"127.0.0.1:{self.port}", secure])
        connector = harness.relay_connector(self.port, remote_ip_ranges=["127.0.0.0/8"], **more)
        self.relais.configure(receive=[connector], send=[harness.smart_host(self.hop.port)],
                              tls=tls or self.tls)

    def secured(self, name=NAME, trusted=None, port=None, source="127.0.0.1"):
        context = ssl.create_default_context(cafile=str(trusted or self.folder / "cert.pem"))
        client = Client(port or self.secure_port, source=source, greet=False)
        self.addCleanup(client.close)
        client.socket = context.wrap_socket(client.socket, server_hostname=name)
        return client

    def test_the_command_to_try_the_server_with_works(self):
        """It names a binding that speaks in the clear, or says that it is TLS."""
        harness.need("swaks")
        self.secure_port, self.port = sorted((self.secure_port, self.port))  # it comes first
        secure = f"127.0.0.1:{self.secure_port};tls=implicit"
        for bindings, server in (
                ([secure, f"127.0.0.1:{self.port}"], f"127.0.0.1:{self.port}"),
                ([secure], f"127.0.0.1:{self.secure_port} --tls-on-connect")):
            with self.subTest(bindings=bindings):
                self.configure(bindings=bindings)
                self.relais.start()
                command = self.relais.said("swaks")[-1].split("try", 1)[1].split()
                self.assertEqual(" ".join(command[:command.index("--from")]),
                                 "swaks --server " + server)
                done = harness.run([*command, "--timeout", "10", "--body", "x"])
                self.assertEqual(done.returncode, 0, done.stdout)
                self.relais.stop()

    def test_the_command_to_try_the_server_with_works_on_every_kind_of_binding(self):
        """In the clear and without a PROXY header if it can be so; else with what it takes; and none
        where swaks could do nothing."""
        harness.need("swaks")
        self.secure_port, self.port = sorted((self.secure_port, self.port))
        first, second = f"127.0.0.1:{self.secure_port}", f"127.0.0.1:{self.port}"
        def connector(name, binding, **more):
            return harness.relay_connector(self.port, **{
                "name": name, "bindings": [binding], "remote_ip_ranges": ["127.0.0.0/8"], **more})
        balanced = {"proxy_protocol": "required", "trusted_proxies": ["127.0.0.1"]}
        header = (" --proxy-family TCP4 --proxy-source 127.0.0.1 --proxy-source-port 50000"
                  f" --proxy-dest 127.0.0.1 --proxy-dest-port {self.secure_port}")
        a, b = connector("a", first), connector("b", second)
        proxied = connector("a", first, **balanced)
        cases = {
            "a header": ([proxied, b], second),
            "only a header": ([proxied], first + header),
            "a header of others only": (
                [connector("a", first, **{**balanced, "trusted_proxies": ["127.0.0.9"]})], None),
            "TLS is required": ([connector("a", first, require_tls=True), b], second),
            "TLS is required everywhere": ([connector("a", first, require_tls=True)],
                                           first + " --tls"),
            "TLS from the first octet, behind a header": (
                [connector("a", first + ";tls=implicit", **balanced)],
                first + " --tls-on-connect" + header),
            "STARTTLS before the first octet": (
                [connector("a", first + ";tls=implicit"), connector("b", second, require_tls=True)],
                second + " --tls"),
            "clients from elsewhere": ([connector("a", first, remote_ip_ranges=["10.1.1.0/24"]), b],
                                       second),
            "only clients from elsewhere": ([{**a, "remote_ip_ranges": ["10.1.1.0/24"]}], None),
            "no relaying": ([harness.default_connector(self.port)], second),
        }
        for what, (receive, server) in cases.items():
            with self.subTest(what):
                self.relais.configure(receive=receive, send=[harness.smart_host(self.hop.port)],
                                      tls=self.tls)
                self.relais.start()
                said = self.relais.said("swaks")
                if server is None:
                    self.assertEqual(said, [])
                else:
                    command = said[-1].split("try", 1)[1].split()
                    self.assertEqual(" ".join(command[:command.index("--from")]),
                                     "swaks --server " + server)
                    done = harness.run([*command, "--timeout", "10", "--body", "x"])
                    self.assertEqual(done.returncode, 0, done.stdout)
                self.relais.stop()

    def test_smtplib_and_curl(self):
        self.configure()
        self.relais.start()
        context = ssl.create_default_context(cafile=str(self.folder / "cert.pem"))
        server = smtplib.SMTP_SSL(host=None, timeout=20, context=context)
        server._host = NAME
        server._get_socket = lambda host, port, timeout: context.wrap_socket(
            socket.create_connection(("127.0.0.1", self.secure_port), timeout), server_hostname=NAME)
        self.assertEqual(server.connect("127.0.0.1", self.secure_port)[0], 220)
        server.ehlo()
        self.assertFalse(server.has_extn("starttls"))
        server.sendmail("chris@contoso.com", ["kate@fabrikam.com"], BODY)
        server.quit()
        mail = self.folder / "mail"
        mail.write_bytes(BODY)
        done = subprocess.run(
            ["curl", "-sS", "--cacert", self.folder / "cert.pem", "--resolve",
             f"{NAME}:{self.secure_port}:127.0.0.1", "--mail-from", "chris@contoso.com",
             "--mail-rcpt", "kate@fabrikam.com", "-T", mail, f"smtps://{NAME}:{self.secure_port}"],
            capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 0, done.stderr)
        harness.wait_until(lambda: len(self.hop.messages) == 2, 20, "two messages")
        for message in self.hop.messages:
            self.assertRegex(message.content[:300].replace(b"\r\n", b""), rb"with ESMTPS \(version=")
            self.assertTrue(message.content.endswith(BODY))

    def test_both_ways_to_write_it_and_a_clear_port_beside(self):
        self.configure(table=True)
        self.relais.start()
        self.assertTrue(self.secured().reply().startswith("220 "))
        self.client().expect("NOOP", 250)

    def test_who_speaks_in_the_clear_hears_nothing(self):
        self.configure()
        self.relais.start()
        client = Client(self.secure_port, greet=False)
        self.addCleanup(client.close)
        client.send(b"EHLO client.example\r\n")
        rest = b""
        while data := client.socket.recv(4096):
            rest += data
        self.assertNotRegex(rest, rb"\d\d\d[ -]")
        self.assertLess(len(rest), 20, "an alert at most")
        self.relais.wait_event("refused", command="TLS")

    def test_silent_clients_go_at_their_time(self):
        self.configure(connection_timeout="2s", connection_inactivity_timeout="1s")
        self.relais.start()
        client = Client(self.secure_port, greet=False)
        self.addCleanup(client.close)
        began = time.monotonic()
        self.assertEqual(client.socket.recv(100), b"")
        self.assertLess(time.monotonic() - began, 6)

    def test_refused_connections_and_limits_say_nothing_in_the_clear(self):
        self.configure(limit=[{"measure": "tls_handshakes", "per": "source", "rate": "1/h",
                               "burst": 1}], max_inbound_connection=1)
        self.relais.start()
        first = self.secured()
        first.reply()
        refused = Client(self.secure_port, greet=False)
        self.assertEqual(refused.socket.recv(100), b"")
        first.close()
        harness.wait_until(lambda: True, 1, "")
        time.sleep(0.3)
        second = Client(self.secure_port, greet=False)
        self.assertEqual(second.socket.recv(100), b"")
        event = self.relais.wait_event("refused", command="TLS")
        self.assertIn("tls_handshakes", event["reply"])

    def test_the_name_chooses_the_certificate(self):
        other = self.issue(OTHER)
        self.configure(tls={**self.tls, "sni": [other]})
        self.relais.start()
        self.assertTrue(self.secured().reply().startswith("220 "))
        self.assertTrue(self.secured(OTHER, other["certificate"]).reply().startswith("220 "))
        # Nobody's name: the first one.
        with self.assertRaises(ssl.SSLCertVerificationError) as failure:
            self.secured("nobody.example")
        self.assertIn("Hostname mismatch", str(failure.exception))

    def test_a_connector_has_a_certificate_of_its_own(self):
        own = self.issue(OWN)
        both = self.folder / "own.pem"
        both.write_text(open(own["certificate"]).read() + open(own["key"]).read())
        both.chmod(0o600)
        self.configure(tls_certificate_name=str(both))
        self.relais.start()
        done = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{self.secure_port}", "-noservername"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20)
        self.assertIn(f"CN = {OWN}", done.stdout)
        # By its name the other one can still be had.
        self.assertTrue(self.secured().reply().startswith("220 "))

    def test_what_check_refuses(self):
        check = lambda: harness.run([BINARY, "check", "--config", str(self.relais.config_dir)])
        self.configure()
        self.assertEqual(check().returncode, 0, check().stderr)
        address = f"127.0.0.1:{self.secure_port}"
        for binding, words in (
                ({"address": address, "tls": "starttls"}, "'starttls'. Write \"implicit\""),
                ({"address": address, "ssl": "implicit"}, "Known here: address, tls"),
                ({"tls": "implicit"}, "the port is missing"),
                (address + ";tls=no", "no word that a binding knows")):
            self.configure(bindings=[binding])
            self.assertIn(words, check().stdout + check().stderr)
        self.configure(tls_certificate_name="missing.pem")
        self.assertIn("tls_certificate_name: ", check().stdout + check().stderr)
        self.configure(tls={"sni": [self.tls]})
        self.assertIn("certificates for names, and none for clients", check().stdout + check().stderr)
        connector = harness.relay_connector(self.port, bindings=[address + ";tls=implicit"])
        self.relais.configure(receive=[connector, harness.default_connector(self.secure_port)],
                              send=[harness.smart_host(self.hop.port)], tls=self.tls)
        self.assertIn("begins in the clear", check().stdout + check().stderr)
        self.relais.configure(receive=[connector], send=[harness.smart_host(self.hop.port)])
        self.assertIn("speaks TLS from the first octet on, and there is no certificate",
                      check().stdout + check().stderr)

    def test_explain_and_the_shell_know_the_binding(self):
        self.configure()
        run = lambda *words: harness.run([BINARY, *words, "--config", str(self.relais.config_dir)])
        shown = run("shell", "-c", "Get-ReceiveConnector | Format-List Bindings")
        self.assertIn(f"127.0.0.1:{self.secure_port};tls=implicit", shown.stdout)
        changed = run("shell", "-c", f'Set-ReceiveConnector "Anonymous Relay" -Bindings '
                      f'127.0.0.1:{self.port},"127.0.0.1:{self.secure_port};tls=implicit"')
        self.assertEqual(changed.returncode, 0, changed.stderr)
        shown = run("shell", "-c", "Get-ReceiveConnector | Format-List Bindings")
        self.assertIn(f"127.0.0.1:{self.secure_port};tls=implicit", shown.stdout)


if __name__ == "__main__":
    harness.main()
