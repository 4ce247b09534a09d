#!/usr/bin/python3
"""Postfix and Exim as relays in front of relais: STARTTLS, AUTH, PIPELINING, BDAT (Exim's) and DATA
(Postfix's), and what becomes of recipients that are refused. What arrives is compared octet for octet."""

import csv
import os
import smtplib
import socket
import subprocess
import threading

import harness
from harness import BINARY
from next_hop import NextHop
from other_servers import Exim, Postfix

PASSWORD = "s3cret pass"
HEAD = b"From: kate@contoso.com\r\nDate: Fri, 27 Nov 2026 06:00:00 +0000\r\nMessage-ID: <%d@x>\r\n\r\n"
BODIES = [HEAD % 1,
          HEAD % 2 + b".\r\n..\r\n.a line with a dot\r\n\r\n.\r\n",
          HEAD % 3 + "Grüße, 你好\r\n".encode() * 40,
          HEAD % 4 + b"x" * 990 + b"\r\n" + bytes(range(128, 256)) + b"\t \r\n",
          HEAD % 5 + b"a line of some length, as they come\r\n" * 30_000,
          *(HEAD % (100 + n) + b".short\r\n" * n for n in range(10))]


class Recorder:
    """Passes connections on to `to` in the clear and keeps what the client says, as it comes in."""

    def __init__(self, port, to):
        self.to, self.said = to, []
        self.listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.to))
            for one, other, kept in ((client, server, self.said), (server, client, None)):
                threading.Thread(target=self._pass, args=(one, other, kept), daemon=True).start()

    @staticmethod
    def _pass(one, other, kept):
        try:
            while data := one.recv(65536):
                if kept is not None:
                    kept.append(data)
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self.listener.close()


class SendingRelays(harness.EndToEnd):
    def setUp(self):
        super().setUp()
        self.front = self.ports.take()
        self.hop = NextHop(self.ports.take(), extensions=["PIPELINING", "8BITMIME", "SIZE 0", "DSN",
                                                          "SMTPUTF8"]).start()
        self.addCleanup(self.hop.stop)
        self.tls = harness.certificate(self.folder, "localhost")

    def connector(self, kind=harness.relay_connector, **more):
        return kind(self.port, protocol_logging_level="Verbose", **more)

    def serve(self, connector, tls=True):
        self.relais.configure(receive=[connector], send=[harness.smart_host(self.hop.port)],
                              tls=self.tls if tls else None,
                              auth={"password_file": "users"})
        done = subprocess.run([BINARY, "user", "add", "kate", "--password-stdin", "--config",
                               self.relais.config_dir], input=PASSWORD + "\n", text=True,
                              capture_output=True, timeout=30)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.relais.start()

    def serve_users(self, **more):
        self.serve(self.connector(auth_mechanism=["Tls", "BasicAuth", "BasicAuthRequireTLS"],
                                  permission_groups=["ExchangeUsers"], **more))

    # --- the senders

    def secure_postfix(self, **more):
        table = self.folder / "passwords"
        table.write_text(f"[localhost]:{self.port} kate:{PASSWORD}\n")
        os.chmod(table, 0o644)
        os.chmod(self.tls["certificate"], 0o644)
        self.sender = Postfix(self)
        self.sender.start(self.front, f"[localhost]:{self.port}", **{
            "smtp_tls_security_level": "secure", "smtp_tls_CAfile": self.tls["certificate"],
            "smtp_tls_connection_reuse": "yes", "smtp_sasl_auth_enable": "yes",
            "smtp_sasl_password_maps": f"texthash:{table}",
            "smtp_sasl_security_options": "noanonymous", **more})

    def secure_exim(self, mechanism="PLAIN", **more):
        os.chmod(self.tls["certificate"], 0o644)
        secret = f"^kate^{PASSWORD}" if mechanism == "PLAIN" else f": kate : {PASSWORD}"
        self.sender = Exim(self)
        self.sender.start(
            self.front, self.port,
            transport=["hosts_require_tls = *", "hosts_require_auth = *", "tls_verify_hosts = *",
                       f"tls_verify_certificates = {self.tls['certificate']}"],
            authenticators=f"{mechanism.lower()}:\n  driver = plaintext\n"
                           f"  public_name = {mechanism}\n  client_send = {secret}", **more)

    def submit(self, bodies=BODIES, recipients=("bob@example.net",), **more):
        with smtplib.SMTP("127.0.0.1", self.front, timeout=30) as server:
            for body in bodies:
                server.sendmail("kate@contoso.com", list(recipients), body,
                                ["BODY=8BITMIME", *more.get("mail", [])], more.get("rcpt", []))

    # --- what came of it

    def mail(self):
        """What has come that is not mail returned to its sender."""
        return [message for message in self.hop.messages if message.sender]

    def arrived(self, bodies=BODIES, protocol="ESMTPSA"):
        try:
            harness.wait_until(lambda: len(self.mail()) >= len(bodies), 40,
                               f"{len(bodies)} messages")
        except AssertionError:
            print(self.sender.log()[-5000:])
            raise
        got = []
        for message in self.mail():
            security = rb" \(version=TLSv1\.[23], cipher=" if "S" in protocol[5:] else b""
            self.assertRegex(message.content[:400].replace(b"\r\n", b""),
                             rb"with " + protocol.encode() + security)
            ours = harness.without_received(message.content)
            self.assertIn(b"mx.contoso.com", ours[:300])
            got.append(harness.without_received(ours))
        self.assertEqual(sorted(map(len, got)), sorted(map(len, bodies)))
        self.assertEqual(sorted(got), sorted(bodies))
        self.assertEqual(self.hop.violations, [])

    def said(self):
        """What clients said, a list a session, once relais has ended."""
        self.relais.stop()
        sessions = {}
        for path in sorted((self.relais.data_dir / "protocol").glob("RECV*.log")):
            lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
            for row in csv.reader(lines):
                if row[6] == "<":
                    sessions.setdefault(row[2], []).append(row[7])
        return list(sessions.values())

    def check_dialogues(self, verb, mechanism, sessions_max):
        sessions = self.said()
        verbs = [[line.split(" ")[0] for line in lines] for lines in sessions]
        for lines in sessions:
            self.assertEqual([line.split(" ")[0] for line in lines[:4]],
                             ["EHLO", "STARTTLS", "EHLO", "AUTH"])
            self.assertEqual(lines[3].split(" ")[1], mechanism)
        self.assertGreaterEqual(sum(v.count(verb) for v in verbs), len(BODIES))
        self.assertEqual(sum(v.count("BDAT" if verb == "DATA" else "DATA") for v in verbs), 0)
        self.assertLessEqual(len(sessions), sessions_max)

    def test_postfix(self):
        self.serve_users()
        self.secure_postfix()
        self.submit()
        self.arrived()
        self.check_dialogues("DATA", "PLAIN", len(BODIES))

    def test_postfix_many_messages_a_connection(self):
        """Kept open in TLS by its tlsproxy."""
        self.serve_users()
        self.secure_postfix(smtp_sasl_mechanism_filter="login",
                            smtp_connection_cache_destinations="static:all",
                            default_destination_concurrency_limit=2)
        self.submit()
        self.arrived()
        self.check_dialogues("DATA", "LOGIN", 5)

    def test_exim(self):
        self.serve_users()
        self.secure_exim()
        self.submit()
        self.arrived()
        self.check_dialogues("BDAT", "PLAIN", len(BODIES))

    def test_exim_many_messages_a_connection(self):
        """It hands a connection in TLS from one of its processes to the next."""
        self.serve_users()
        self.secure_exim("LOGIN", queue_only=True)
        self.submit()
        self.sender.queue_run()
        self.arrived()
        self.check_dialogues("BDAT", "LOGIN", 5)

    def straight_through(self):
        self.serve_users(delivery="proxy", upstreams=[f"127.0.0.1:{self.hop.port}"])

    def test_postfix_straight_through(self):
        self.straight_through()
        self.secure_postfix()
        self.submit()
        self.arrived()

    def test_exim_straight_through(self):
        self.straight_through()
        self.secure_exim()
        self.submit()
        self.arrived()

    # --- in the clear, where it can be seen what goes together

    def in_the_clear(self, sender, **connector):
        """relais behind a recorder, and a sender without TLS and AUTH before both."""
        between = self.ports.take()
        self.serve(self.connector(**connector), tls=False)
        recorder = Recorder(between, self.port)
        self.addCleanup(recorder.close)
        self.sender = sender(self)
        self.sender.start(self.front, f"[localhost]:{between}" if sender is Postfix else between)
        return recorder

    def test_postfix_pipelines(self):
        recorder = self.in_the_clear(Postfix)
        self.submit(recipients=["bob@example.net", "ann@example.net"])
        self.arrived(protocol="ESMTP")
        said = b"\n".join(recorder.said)
        self.assertRegex(b"|".join(recorder.said), rb"MAIL FROM:[^|]*\r\nRCPT TO:[^|]*\r\n"
                         rb"RCPT TO:[^|]*\r\nDATA\r\n")
        self.assertNotIn(b"BDAT", said)

    def test_exim_pipelines_chunks(self):
        recorder = self.in_the_clear(Exim)
        self.submit(recipients=["bob@example.net", "ann@example.net"])
        self.arrived(protocol="ESMTP")
        self.assertRegex(b"|".join(recorder.said), rb"MAIL FROM:[^|]*\r\nRCPT TO:[^|]*\r\n"
                         rb"RCPT TO:[^|]*\r\nBDAT \d+ LAST\r\n")
        self.assertNotIn(b"\r\nDATA\r\n", b"".join(recorder.said))

    def check_refusals(self, sender):
        """Some, then all of the recipients of a group that was sent without waiting."""
        self.in_the_clear(sender, kind=harness.default_connector)  # accepted domains alone
        self.submit(BODIES[:5], ["kate@contoso.com", "bob@example.net"])
        self.submit(BODIES[:5], ["ann@example.net", "bob@example.net"])
        self.submit(BODIES[5:7], ["kate@contoso.com"])
        self.arrived(BODIES[:7], protocol="ESMTP")
        self.assertEqual([m.recipients for m in self.mail()], [["kate@contoso.com"]] * 7)
        # The sender returns what it could not deliver to kate, whom relais accepts.
        harness.wait_until(lambda: len(self.hop.messages) >= 17, 30, "ten returned messages")
        self.relais.stop()
        refused = {(e["command"], e["reply"][:9]) for e in self.relais.events("refused")}
        verb = "BDAT" if sender is Exim else "DATA"  # of those groups that were refused whole
        self.assertEqual(refused, {("RCPT", "550 5.7.1"), (verb, "503 5.5.2")})
        self.assertEqual(self.hop.violations, [])

    def test_postfix_and_refused_recipients(self):
        self.check_refusals(Postfix)

    def test_exim_and_refused_recipients(self):
        self.check_refusals(Exim)

    # --- what else a relay says about a message

    def check_parameters(self, sender):
        self.in_the_clear(sender)
        self.submit(BODIES[:1], mail=["RET=HDRS", "ENVID=envelope+3D1"],
                    rcpt=["NOTIFY=FAILURE,DELAY", "ORCPT=rfc822;robert@example.net"])
        self.arrived(BODIES[:1], protocol="ESMTP")
        self.assertIn("RET=HDRS ENVID=envelope+3D1", self.hop.messages[0].sender_parameters)
        recipient = next(line for _, line in self.hop.commands if line.startswith("RCPT"))
        self.assertRegex(recipient, "NOTIFY=(FAILURE,DELAY|DELAY,FAILURE)")
        self.assertIn("ORCPT=rfc822;robert@example.net", recipient)

    def test_dsn_through_postfix(self):
        self.check_parameters(Postfix)

    def test_dsn_through_exim(self):
        self.check_parameters(Exim)


if __name__ == "__main__":
    harness.main()
