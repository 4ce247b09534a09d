#!/usr/bin/python3
"""Clients that other people wrote, in TLS and with a password: swaks, curl, msmtp, nodemailer,
smtplib; and sslscan, which tells what else the port would take."""

import os
import pathlib
import smtplib
import ssl
import subprocess

import harness
from harness import BINARY
from next_hop import NextHop

NAME = "localhost"
PASSWORD = "s3cret pass"
BODY = "Subject: clients\r\n\r\n.a line with a dot\r\n..two\r\n" + "of some length\r\n" * 2000


class Clients(harness.EndToEnd):
    def setUp(self):
        super().setUp()
        self.hop = NextHop(self.ports.take()).start()
        self.addCleanup(self.hop.stop)
        self.secure_port = self.ports.take()
        self.mail = self.folder / "mail"
        self.mail.write_text(BODY, newline="")
        tls = harness.certificate(self.folder, NAME)
        connector = harness.relay_connector(
            self.port, bindings=[f"127.0.0.1:{self.port}", f"127.0.0.1:{self.secure_port};tls=implicit"],
            auth_mechanism=["Tls", "BasicAuth", "BasicAuthRequireTLS"],
            permission_groups=["ExchangeUsers"], permission=[], auth_tarpit_interval="0s")
        self.relais.configure(receive=[connector], send=[harness.smart_host(self.hop.port)], tls=tls,
                              auth={"password_file": "users"})
        self.authority = tls["certificate"]
        done = subprocess.run([BINARY, "user", "add", "kate", "--password-stdin", "--config",
                               self.relais.config_dir], input=PASSWORD + "\n", text=True,
                              capture_output=True, timeout=30)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.relais.start()

    def run_client(self, command, **more):
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                              timeout=60, **more)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def arrived(self, count, content=BODY):
        """So many messages at the next hop, each octet for octet below our Received field."""
        harness.wait_until(lambda: len(self.hop.messages) == count, 20, f"{count} messages")
        for message in self.hop.messages:
            self.assertRegex(message.content[:400].replace(b"\r\n", b""),
                             rb"with ESMTPSA \(version=TLSv1\.[23], cipher=")
            self.assertTrue(message.content.endswith(content.encode()), message.content[-200:])
        self.assertEqual(self.hop.violations, [])

    def test_swaks(self):
        harness.need("swaks")
        for options in (["--port", self.port, "--tls"],
                        ["--port", self.secure_port, "--tls-on-connect"]):
            for mechanism in ("PLAIN", "LOGIN"):
                self.run_client(
                    ["swaks", "--server", "127.0.0.1", *options, "--auth", mechanism, "--auth-user",
                     "kate", "--auth-password", PASSWORD, "--from", "kate@contoso.com", "--to",
                     "bob@example.net", "--data", f"@{self.mail}", "--suppress-data"])
        harness.wait_until(lambda: len(self.hop.messages) == 4, 20, "four messages")
        self.assertEqual(self.hop.violations, [])

    def swaks(self, *options, status=0):
        done = subprocess.run(
            ["swaks", "--from", "kate@contoso.com", "--to", "bob@example.net", "--ehlo",
             "client.example", "--data", f"@{self.mail}", *map(str, options)],
            capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout

    def test_transports_and_protocols_of_swaks(self):
        """IPv4, IPv6 and a pipe (a UNIX socket is nothing that relais serves); HELO, EHLO, all at once."""
        harness.need("swaks")
        connector = harness.relay_connector(
            self.port, bindings=[f"127.0.0.1:{self.port}", f"[::1]:{self.port}",
                                 f"127.0.0.1:{self.secure_port};tls=implicit"],
            remote_ip_ranges=["127.0.0.1", "::1"],
            permission_groups=["AnonymousUsers", "ExchangeUsers"],
            auth_mechanism=["Tls", "BasicAuth", "BasicAuthRequireTLS"])
        self.relais.stop()
        self.relais.configure(receive=[connector], send=[harness.smart_host(self.hop.port)],
                              tls={"certificate": self.authority, "key": self.folder / "key.pem"},
                              auth={"password_file": "users"})
        self.relais.start()
        logon = ["--auth-user", "kate", "--auth-password", PASSWORD]
        here = ["--server", "127.0.0.1", "--port", self.port]
        implicit = ["--server", "127.0.0.1", "--port", self.secure_port]
        pipe = f"openssl s_client -quiet -connect 127.0.0.1:{self.secure_port}"
        for options, protocol in (
                ([*here, "--protocol", "SMTP"], "SMTP"),
                ([*here, "--protocol", "ESMTP"], "ESMTP"),
                ([*here, "--protocol", "ESMTP", "--pipeline"], "ESMTP"),
                (["--server", "::1", "-6", "--port", self.port], "ESMTP"),
                (["--server", "::1", "-6", "--port", self.port, "--tls", *logon], "ESMTPSA"),
                ([*here, "--protocol", "ESMTPS"], "ESMTPS"),
                ([*here, "--protocol", "ESMTPSA", *logon, "--pipeline"], "ESMTPSA"),
                ([*here, "--tls", "--tls-protocol", "tlsv1_2", *logon], "ESMTPSA"),
                ([*here, "--tls-optional", "--auth-optional", *logon], "ESMTPSA"),
                ([*implicit, "--tls-on-connect", "--tls-sni", NAME, "--tls-ca-path", self.authority,
                  "--tls-verify"], "ESMTPS"),
                (["--pipe", pipe], "ESMTPS"),
                (["--pipe", pipe, "--pipeline", "--protocol", "ESMTPA", *logon], "ESMTPSA")):
            with self.subTest(options):
                seen = len(self.hop.messages)
                self.swaks(*options)
                harness.wait_until(lambda n=seen: len(self.hop.messages) > n, 20, "the message")
                message = self.hop.messages[-1].content
                self.assertIn(f" with {protocol} ".encode(), message.replace(b"\r\n", b"")[:400])
                self.assertIn(b"of some length\r\n" * 2000, message)
        # What swaks ends with where nobody lets it in, and where nobody shakes its hand
        self.swaks(*here, "--tls", "--auth-user", "kate", "--auth-password", "wrong", status=28)
        self.swaks(*here, "--tls", "--tls-protocol", "tlsv1_1", status=29)
        self.assertEqual(self.hop.violations, [])

    def test_curl(self):
        for url in (f"smtp://{NAME}:{self.port}", f"smtps://{NAME}:{self.secure_port}"):
            self.run_client(
                ["curl", "-sS", "--ssl-reqd", "--cacert", self.authority, "--user",
                 f"kate:{PASSWORD}", "--mail-from", "kate@contoso.com", "--mail-rcpt",
                 "bob@example.net", "-T", self.mail, url])
        self.arrived(2)

    def test_msmtp(self):
        harness.need("msmtp")
        for port, starttls in ((self.port, "on"), (self.secure_port, "off")):
            for mechanism in ("plain", "login"):
                self.run_client(
                    ["msmtp", "--file=/dev/null", f"--host={NAME}", f"--port={port}", "--tls=on",
                     f"--tls-starttls={starttls}", f"--tls-trust-file={self.authority}",
                     f"--auth={mechanism}", "--user=kate", f"--passwordeval=echo '{PASSWORD}'",
                     "--from=kate@contoso.com", "bob@example.net"],
                    input=BODY.replace("\r\n", "\n"))
        harness.wait_until(lambda: len(self.hop.messages) == 4, 20, "four messages")
        self.assertEqual(self.hop.violations, [])

    def test_smtplib(self):
        context = ssl.create_default_context(cafile=self.authority)
        starttls = smtplib.SMTP(NAME, self.port, timeout=20)
        starttls.starttls(context=context)
        for server in (starttls, smtplib.SMTP_SSL(NAME, self.secure_port, timeout=20, context=context)):
            server.login("kate", PASSWORD)
            server.sendmail("kate@contoso.com", ["bob@example.net"], BODY.encode())
            server.quit()
        self.arrived(2)

    def test_nodemailer(self):
        """Installed once into a folder of the user's cache."""
        harness.need("npm")
        modules = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache",
                               "relais-test-npm")
        if not (modules / "node_modules" / "nodemailer").exists():
            modules.mkdir(parents=True, exist_ok=True)
            done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--prefix", modules,
                                   "nodemailer"], capture_output=True, text=True, timeout=80)
            if done.returncode != 0:
                self.skipTest(f"npm cannot install nodemailer: {done.stderr[-300:]}")
        script = self.folder / "send.js"
        script.write_text("""
const nodemailer = require(process.argv[2]);
const fs = require('fs');
const [, , , starttls, implicit, password, authority, mail] = process.argv;
async function main() {
  for (const [port, secure] of [[starttls, false], [implicit, true]])
    for (const method of ['PLAIN', 'LOGIN']) {
      const transport = nodemailer.createTransport({
        host: 'localhost', port: +port, secure, requireTLS: true, authMethod: method,
        auth: { user: 'kate', pass: password }, tls: { ca: fs.readFileSync(authority) } });
      await transport.sendMail({ envelope: { from: 'kate@contoso.com', to: ['bob@example.net'] },
        raw: fs.readFileSync(mail) });
      transport.close();
    }
}
main().catch(error => { console.error(error); process.exit(1); });
""")
        self.run_client(["node", script, modules / "node_modules" / "nodemailer", self.port,
                         self.secure_port, PASSWORD, self.authority, self.mail])
        self.arrived(4)

    def test_sslscan_finds_nothing_weak(self):
        harness.need("sslscan")
        for options, port in (["--starttls-smtp"], self.port), ([], self.secure_port):
            said = self.run_client(["sslscan", "--no-colour", *options, f"127.0.0.1:{port}"])
            for version in ("SSLv2", "SSLv3", "TLSv1.0", "TLSv1.1"):
                self.assertRegex(said, rf"{version}\s+disabled", said)
            for version in ("TLSv1.2", "TLSv1.3"):
                self.assertRegex(said, rf"{version}\s+enabled", said)
            self.assertNotIn("vulnerable to heartbleed", said.replace("not vulnerable", ""))
            self.assertRegex(said, r"Session renegotiation not supported|Secure session renegotiation "
                             r"supported", said)
            ciphers = [line for line in said.splitlines() if line.startswith(("Accepted", "Preferred"))]
            self.assertTrue(ciphers, said)
            for line in ciphers:
                self.assertRegex(line, r"GCM|CHACHA20|POLY1305", line)


if __name__ == "__main__":
    harness.main()
