#!/usr/bin/python3
"""TLS behind a load balancer: HAProxy passes it through, ends it, or makes it anew; the client that
relais serves is the real one, by its PROXY header. And swaks, which can play a balancer itself."""

import smtplib
import socket
import ssl
import subprocess

import harness
from harness import BINARY
from next_hop import NextHop
from other_servers import HAProxy

NAME = "localhost"
PASSWORD = "s3cret pass"
BODY = b"Subject: balanced\r\n\r\n.dot\r\n" + b"a line of some length, as they come\r\n" * 3000
GROUPS = (("127.0.0.2", "printers"), ("127.0.0.3", "printers"), ("127.0.0.4", "web"))


class ProxiedTls(harness.EndToEnd):
    """Printers are 127.0.0.2 and .3, web servers 127.0.0.4; each group has a connector."""

    def setUp(self):
        super().setUp()
        self.front, self.secure_port = self.ports.take(), self.ports.take()
        self.hop = NextHop(self.ports.take()).start()
        self.addCleanup(self.hop.stop)
        self.tls = harness.certificate(self.folder, NAME)
        pem = self.folder / "haproxy.pem"
        pem.write_bytes(b"".join(open(self.tls[k], "rb").read() for k in ("certificate", "key")))
        self.pem = pem

    def start(self, own=False, **more):
        """`own`: a connector for the balancer itself."""
        behind = {"proxy_protocol": "required", "trusted_proxies": ["127.0.0.1"],
                  "auth_mechanism": ["Tls", "BasicAuth", "BasicAuthRequireTLS"],
                  "permission_groups": ["AnonymousUsers", "ExchangeUsers"],
                  "bindings": [f"127.0.0.1:{self.port}",
                               f"127.0.0.1:{self.secure_port};tls=implicit"], **more}
        receive = [{**harness.relay_connector(self.port, **behind), "name": name,
                    "remote_ip_ranges": [source for source, group in GROUPS if group == name],
                    "fqdn": f"{name}.contoso.com"} for name in ("printers", "web")]
        if own:
            receive.append({**receive[0], "name": "balancer", "remote_ip_ranges": ["127.0.0.1"],
                            "permission_groups": ["None"], "permission": []})
        self.relais.configure(receive=receive, send=[harness.smart_host(self.hop.port)],
                              tls=self.tls, auth={"password_file": "users"})
        done = subprocess.run([BINARY, "user", "add", "kate", "--password-stdin", "--config",
                               self.relais.config_dir], input=PASSWORD + "\n", text=True,
                              capture_output=True, timeout=30)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.relais.start()

    def balance(self, to, bind="", server="send-proxy-v2", *options):
        haproxy = HAProxy(self)
        haproxy.start(f"127.0.0.1:{self.front} {bind}", f"127.0.0.1:{to} {server}", *options)
        return haproxy

    def smtp(self, source, implicit):
        context = ssl.create_default_context(cafile=self.tls["certificate"])
        options = {"timeout": 20, "source_address": (source, 0)}
        if implicit:
            return smtplib.SMTP_SSL(NAME, self.front, context=context, **options)
        server = smtplib.SMTP(NAME, self.front, **options)
        server.starttls(context=context)
        return server

    def check_clients(self, implicit, protocol, logon=True):
        """Each group is served by its connector, whatever is between."""
        for source, name in GROUPS:
            with self.smtp(source, implicit) as server:
                self.assertEqual(server.ehlo()[0], 250)
                self.assertTrue(server.ehlo_resp.startswith(f"{name}.contoso.com Hello [{source}]"
                                                            .encode()), server.ehlo_resp)
                if logon:
                    server.login("kate", PASSWORD)
                server.sendmail("kate@contoso.com", ["bob@example.net"], BODY)
        events = harness.wait_until(lambda: (found := self.relais.events("message"))
                                    and len(found) == len(GROUPS) and found, 10, "messages")
        self.assertEqual(sorted((e["client"].split(":")[0], e["connector"]) for e in events),
                         sorted(GROUPS))
        harness.wait_until(lambda: len(self.hop.messages) == len(GROUPS), 10, "deliveries")
        for message, (source, _) in zip(sorted(self.hop.messages, key=lambda m: m.content[:200]),
                                        GROUPS):
            field = message.content.split(b"; ")[0].replace(b"\r\n", b"")
            self.assertIn(b"(" + source.encode() + b")", field)
            self.assertRegex(field, rb"with " + protocol.encode())
            self.assertEqual(harness.without_received(message.content), BODY)
        self.assertEqual(self.relais.events("refused", "turned away", "limited"), [])

    def test_starttls_passed_through(self):
        self.start(require_tls=True)
        self.balance(self.port)
        self.check_clients(False, r"ESMTPSA \(version=TLSv1\.3")

    def test_starttls_passed_through_with_version_1(self):
        self.start(require_tls=True)
        self.balance(self.port, server="send-proxy")
        self.check_clients(False, r"ESMTPSA \(version=TLSv1\.3")

    def test_implicit_tls_passed_through(self):
        self.start()
        self.balance(self.secure_port)
        self.check_clients(True, r"ESMTPSA \(version=TLSv1\.3")

    def test_haproxy_ends_tls(self):
        """What relais hears is in the clear, so no password is asked for."""
        self.start()
        self.balance(self.port, f"ssl crt {self.pem}", "send-proxy-v2-ssl-cn")
        self.check_clients(True, r"ESMTP id ", logon=False)

    def test_haproxy_makes_tls_anew(self):
        self.start()
        self.balance(self.secure_port, f"ssl crt {self.pem}",
                     f"send-proxy-v2-ssl ssl verify required ca-file {self.tls['certificate']} "
                     f"verifyhost {NAME} check no-check-ssl inter 100ms")
        self.check_clients(True, r"ESMTPSA \(version=TLSv1\.3")

    def test_health_checks_in_tls(self):
        """They need a connector that serves the balancer, or there is nobody to shake hands with."""
        self.start(own=True)
        haproxy = self.balance(self.secure_port, f"ssl crt {self.pem}",
                               f"send-proxy-v2 ssl verify required ca-file {self.tls['certificate']} "
                               f"verifyhost {NAME} check check-send-proxy inter 100ms")
        harness.wait_until(lambda: haproxy.health()[:2] == ("UP", "L6OK"), 10, "L6OK")
        self.check_clients(True, r"ESMTPSA \(version=TLSv1\.3")
        self.assertEqual(haproxy.health()[:2], ("UP", "L6OK"))

    def test_certificate_of_the_connector(self):
        """It is the client's group that chooses the certificate, before the handshake."""
        own = self.folder / "config" / "printers.pem"
        folder = self.folder / "own"
        folder.mkdir()
        table = harness.certificate(folder, "printers.contoso.com")
        own.parent.mkdir(exist_ok=True)
        own.write_bytes(b"".join(open(table[k], "rb").read() for k in ("certificate", "key")))
        own.chmod(0o600)
        self.start(tls_certificate_name="printers.pem")
        web = self.relais.config_dir / "connectors" / "1.toml"
        web.write_text("".join(line for line in web.read_text().splitlines(True)
                               if "tls_certificate_name" not in line))
        self.relais.stop()
        self.relais.start()
        self.balance(self.secure_port)
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        for source, name in GROUPS:
            with socket.create_connection(("127.0.0.1", self.front), 20, (source, 0)) as plain, \
                    context.wrap_socket(plain) as secured:
                shown = secured.getpeercert(True)
            path = table["certificate"] if name == "printers" else self.tls["certificate"]
            self.assertEqual(shown, ssl.PEM_cert_to_DER_cert(open(path, encoding="ascii").read()))

    def swaks(self, *options, status=0):
        done = subprocess.run(
            ["swaks", "--from", "kate@contoso.com", "--to", "bob@example.net", "--timeout", "20",
             "--ehlo", "balancer.example", *map(str, options)], capture_output=True, text=True,
            timeout=60)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout

    def test_swaks_as_the_balancer(self):
        """Both versions, both ways of TLS; 127.0.0.9 is nobody's, whoever speaks for it."""
        self.start()
        harness.need("swaks")
        logon = ["--auth-user", "kate", "--auth-password", PASSWORD]
        for version in (1, 2):
            def header(source, version=version):
                return ["--proxy-version", version, "--proxy-family",
                        "TCP4" if version == 1 else "AF_INET", "--proxy-source", source,
                        "--proxy-source-port", 1000, "--proxy-dest", "127.0.0.1", "--proxy-dest-port",
                        25, *([] if version == 1 else ["--proxy-protocol", "STREAM",
                                                       "--proxy-command", "PROXY"])]
            for wire in (["--port", self.port], ["--port", self.port, "--tls", *logon],
                         ["--port", self.secure_port, "--tls-on-connect", *logon]):
                for source, name in GROUPS:
                    said = self.swaks("--server", "127.0.0.1", *wire, *header(source))
                    self.assertIn(f"{name}.contoso.com Hello [{source}]", said)
            self.swaks("--server", "127.0.0.1", "--port", self.port, *header("127.0.0.9"), status=21)
        events = harness.wait_until(lambda: (found := self.relais.events("message"))
                                    and len(found) == 2 * 3 * len(GROUPS) and found, 10, "messages")
        self.assertEqual({(e["client"].split(":")[0], e["connector"]) for e in events}, set(GROUPS))


if __name__ == "__main__":
    harness.main()
