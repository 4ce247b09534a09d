#!/usr/bin/python3
"""The protocol log of the running server: what is in it, what never is, and where it ends."""

import base64
import csv
import ctypes
import datetime
import os
import pathlib
import re
import signal
import ssl
import subprocess
import unittest
import urllib.request

import harness
from harness import Client
from next_hop import NextHop

SECRET = b"c2VjcmV0LWNvbnRlbnQ="
BODY = b"Subject: " + SECRET + b"\r\n\r\n" + SECRET + b"\r\n..\r\nMAIL " + SECRET + b"\r\n"
FIELDS = ("date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,event,"
          "data,context")


class ProtocolLog(harness.EndToEnd):
    def setUp(self):
        super().setUp()
        self.hop = NextHop(self.ports.take()).start()
        self.addCleanup(self.hop.stop)
        self.logs = self.relais.data_dir / "protocol"

    def configure(self, log=None, level="Verbose", receive=None, tls=None, admin=None, **more):
        receive = receive or [harness.relay_connector(self.port, protocol_logging_level=level,
                                                      **more)]
        top = {**({"protocol_log": log} if log else {}), **({"admin": admin} if admin else {})}
        self.relais.configure(receive=receive, send=[harness.smart_host(self.hop.port)], tls=tls,
                              top=top)

    def serve(self, **more):
        self.configure(**more)
        self.relais.start()

    def files(self, folder=None):
        return sorted((folder or self.logs).glob("RECV*.log"))

    def rows(self, folder=None):
        """All lines, each a dict; headers and session numbering must be right."""
        found = []
        for path in self.files(folder):
            lines = path.read_text(encoding="ascii").splitlines()
            if not lines:  # made, and its first write is yet to come
                continue
            self.assertEqual(lines[0], "#Software: relais")
            self.assertEqual(lines[2], "#Log-Type: SMTP Receive Protocol Log")
            self.assertEqual(lines[4], "#Fields: " + FIELDS)
            plain = [line for line in lines if not line.startswith("#")]
            found += csv.DictReader(plain, FIELDS.split(","), strict=True)
        for row in found:
            self.assertRegex(row["date-time"], r"\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\Z")
            self.assertRegex(row["session-id"], r"\A[0-9A-F]{16}\Z")
            self.assertIsNotNone(row["context"], row)
        return found

    def sessions(self):
        by_id = {}
        for row in self.rows():
            by_id.setdefault(row["session-id"], []).append(row)
        for rows in by_id.values():
            self.assertEqual([int(r["sequence-number"]) for r in rows], list(range(len(rows))))
        return list(by_id.values())

    def ended(self, count=1):
        """So many sessions, once all have ended and are in the file."""
        def find():
            sessions = self.sessions() if self.logs.exists() else []
            done = len(sessions) >= count and all(s[-1]["event"] == "-" for s in sessions)
            return sessions if done else None
        return harness.wait_until(find, 10, f"{count} whole sessions in the log")

    @staticmethod
    def events(session):
        return [(row["event"], row["data"], row["context"]) for row in session]

    def no_secret(self):
        for path in self.files():
            self.assertNotIn(SECRET, path.read_bytes(), path)

    def test_a_session_line_by_line(self):
        self.serve()
        guid = harness.send(self.port, "chris@contoso.com", ["kate@fabrikam.com"], BODY)
        session = self.ended()[0]
        row = session[0]
        self.assertEqual(row["connector-id"], r"RELAY\Anonymous Relay")
        self.assertEqual(row["local-endpoint"], f"127.0.0.1:{self.port}")
        self.assertRegex(row["remote-endpoint"], r"\A127\.0\.0\.1:\d+\Z")
        events = self.events(session)
        self.assertEqual(events[0], ("+", "", ""))
        self.assertEqual(events[1][2], "Set Session Permissions")
        self.assertIn("SMTPAcceptAnyRecipient", events[1][1].split())
        self.assertRegex(events[2][1], r"\A220 relay\.contoso\.com .* at \w\w\w, ")
        self.assertEqual(events[3], ("<", "EHLO client.example", ""))
        extensions = [e[1] for e in events if e[0] == ">" and e[1].startswith("250-")]
        self.assertIn("250-PIPELINING", extensions)
        rest = events[events.index(("<", "MAIL FROM:<chris@contoso.com>", "")):]
        self.assertEqual(rest, [
            ("<", "MAIL FROM:<chris@contoso.com>", ""), (">", "250 2.1.0 Sender OK", ""),
            ("<", "RCPT TO:<kate@fabrikam.com>", ""), (">", "250 2.1.5 Recipient OK", ""),
            ("<", "DATA", ""), ("*", guid, "receiving message"),
            (">", "354 Start mail input; end with <CRLF>.<CRLF>", ""),
            (">", f"250 2.6.0 <{guid}> Queued mail for delivery", ""), ("<", "QUIT", ""),
            (">", "221 2.0.0 Service closing transmission channel", ""), ("-", "", "Local")])
        self.no_secret()
        name = datetime.datetime.now(datetime.timezone.utc).strftime("RECV%Y%m%d-0001.log")
        self.assertEqual([path.name for path in self.files()], [name])

    def test_only_verbose_connectors_and_only_new_sessions(self):
        other = harness.default_connector(self.port)
        quiet = harness.relay_connector(self.port)
        self.serve(receive=[quiet, {**other, "protocol_logging_level": "verbose"}])
        old = self.client()
        with Client(self.port, "127.0.0.2") as client:
            client.expect("NOOP", 250)
            client.quit()
        self.assertEqual(self.ended()[0][0]["connector-id"], r"RELAY\Default Frontend")
        self.configure(receive=[{**quiet, "protocol_logging_level": "Verbose"}, other])
        self.relais.signal(signal.SIGHUP)
        harness.wait_until(lambda: self.relais.said("reload: .* in force"), 10, "the reload")
        old.expect("NOOP", 250)
        old.quit()
        with Client(self.port, "127.0.0.2") as client:
            client.quit()
        with Client(self.port) as client:
            client.quit()
        names = [s[0]["connector-id"] for s in self.ended(2)]
        self.assertEqual(names, [r"RELAY\Default Frontend", r"RELAY\Anonymous Relay"])

    def test_pipelined_commands_stand_before_their_replies(self):
        self.serve()
        client = self.client()
        client.send("MAIL FROM:<a@contoso.com>\r\nRCPT TO:<b@contoso.com>\r\nNOOP\r\nQUIT\r\n")
        for _ in range(4):
            client.reply()
        self.assertEqual(client.line(), "")
        client.close()
        events = "".join(e[0] for e in self.events(self.ended()[0]))
        self.assertTrue(events.endswith("<><><><>-"), events)

    def test_refusals_say_why_and_tarpits_how_long(self):
        connector = harness.default_connector(self.port, protocol_logging_level="Verbose",
                                              tarpit_interval="1s")
        self.serve(receive=[connector])
        client = self.client()
        client.expect("MAIL FROM:<chris@contoso.com>", 250)
        client.expect("RCPT TO:<kate@fabrikam.com>", 550)
        client.reset()
        session = self.ended()[0]
        events = self.events(session)
        at = events.index(("<", "RCPT TO:<kate@fabrikam.com>", ""))
        self.assertEqual([e[0] for e in events[at:]], ["<", "*", "*", ">", "-"])
        self.assertEqual(events[at + 1][2], "refused")
        self.assertRegex(events[at + 1][1], "Accept-Any-Recipient")
        self.assertEqual(events[at + 2][1], "Tarpit for '0.00:00:01'")
        self.assertEqual(events[-1], ("-", "", "Remote"))
        time = [datetime.datetime.fromisoformat(r["date-time"][:-1]) for r in session[at:]]
        self.assertGreaterEqual((time[3] - time[2]).total_seconds(), 0.99, "when the reply left")

    def test_refused_connections(self):
        self.serve(max_inbound_connection=1)
        first = self.client()
        with Client(self.port, greet=False) as second:
            self.assertTrue(second.reply().startswith("421 "))
        first.quit()
        # Each core writes its own when it likes, so either may stand first.
        refused = min(self.ended(2), key=len)
        self.assertEqual([r["event"] for r in refused], ["+", "*", ">", "-"])
        self.assertRegex(refused[2]["data"], r"\A421 4\.3\.2 ")

    def test_the_plaintext_of_a_tls_session(self):
        self.serve(tls=harness.certificate(self.folder))
        client = self.client()
        client.expect("STARTTLS", 220)
        context = ssl.create_default_context(cafile=str(self.folder / "cert.pem"))
        client.socket = context.wrap_socket(client.socket, server_hostname="relay.contoso.com")
        client.expect("EHLO client.example", 250)
        guid = client.message("chris@contoso.com", ["kate@fabrikam.com"], BODY)
        client.quit()
        events = self.events(self.ended()[0])
        at = events.index(("<", "STARTTLS", ""))
        self.assertEqual(events[at + 1], (">", "220 2.0.0 SMTP server ready", ""))
        self.assertEqual(events[at + 2], ("*", "version=TLSv1.3, cipher=TLS_AES_128_GCM_SHA256",
                                          "TLS negotiated"))
        self.assertEqual(events[at + 3], ("<", "EHLO client.example", ""))
        self.assertIn(("*", guid, "receiving message"), events)
        self.assertEqual(events[-2][1], "221 2.0.0 Service closing transmission channel")
        self.no_secret()
        failed = self.client()
        failed.expect("STARTTLS", 220)
        failed.send(b"nonsense\r\n" * 10)
        while failed.socket.recv(1000):
            pass
        failed.close()
        failed = self.events(self.ended(2)[1])
        self.assertEqual((failed[-2][0], failed[-2][2]), ("*", "TLS handshake failed"))

    def test_never_a_password_nor_content(self):
        self.serve(max_protocol_errors="unlimited")
        client = self.client()
        secret = SECRET.decode()
        for lines in ([f"AUTH PLAIN {secret}"], ["AUTH LOGIN", secret, secret], [f"AUTH {secret}"],
                      ["RSET", f"PASS {secret}"], ["DATA", f"Subject: {secret}", "", secret, "."],
                      [f"BDAT {len(SECRET)}\r\n{secret}NOOP"], ["MAIL FROM:<a@contoso.com>",
                      "RCPT TO:<b@contoso.com>", f"BDAT {len(BODY)} LAST"]):
            client.send("".join(line + "\r\n" for line in lines))
        client.send(BODY + b"QUIT\r\n")
        while client.line():
            pass
        client.close()
        events = self.events(self.ended()[0])
        said = [e[1] for e in events if e[0] == "<"]
        self.assertIn("AUTH PLAIN (withheld)", said)
        self.assertIn("PASS (withheld)", said)
        self.assertIn(f"BDAT {len(BODY)} LAST", said)
        self.assertEqual(said[-1], "QUIT")
        self.no_secret()

    def test_authentication(self):
        """Who it was and what came of it, never with what."""
        password = "correct horse"
        words = [base64.b64encode(word.encode()).decode()
                 for word in (f"\0kate\0{password}", "kate", password, "\0kate\0wrong")]
        connector = harness.relay_connector(
            self.port, protocol_logging_level="Verbose", auth_mechanism=["BasicAuth"],
            permission_groups=["ExchangeUsers"], auth_tarpit_interval="1s")
        connector["permission"] = []
        self.relais.configure(receive=[connector], send=[harness.smart_host(self.hop.port)],
                              auth={"password_file": "users"})
        done = subprocess.run([harness.BINARY, "user", "add", "kate", "--password-stdin",
                               "--config", self.relais.config_dir], input=password + "\n",
                              capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.relais.start()
        client = self.client()
        client.expect(f"AUTH PLAIN {words[3]}", 535)
        client.expect("AUTH LOGIN", 334)
        client.expect(words[1], 334)
        client.expect(words[2], 235)
        client.expect("MAIL FROM:<kate@contoso.com>", 250)
        client.quit()
        with Client(self.port) as other:
            other.expect("EHLO client.example", 250)
            other.expect("AUTH PLAIN", 334)
            other.expect(words[0], 235)
            other.quit()
        first, second = [self.events(session) for session in self.ended(2)]
        at = first.index(("<", "AUTH PLAIN (withheld)", ""))
        self.assertEqual(first[at + 1:at + 4], [
            ("*", "unknown user or wrong password", "refused"),
            ("*", "Tarpit for '0.00:00:01'", "auth_tarpit_interval"),
            (">", "535 5.7.3 Authentication unsuccessful", "")])
        at = first.index(("<", "AUTH LOGIN", ""))
        said = first[at + 1:first.index(("<", "MAIL FROM:<kate@contoso.com>", ""))]
        self.assertEqual([e[:1] + e[2:] for e in said], [
            (">", ""), (">", ""), ("*", "authenticated"), ("*", "Set Session Permissions"),
            (">", "")])
        self.assertEqual(said[2][1], "kate")
        self.assertIn("SMTPAcceptAnyRecipient", said[3][1])
        self.assertEqual(said[4][1], "235 2.7.0 Authentication successful")
        self.assertIn(("<", "AUTH PLAIN", ""), second)
        text = b"".join(path.read_bytes() for path in self.files())
        for word in [*words[:1], *words[2:], password]:
            self.assertNotIn(word.encode(), text)

    def test_odd_octets_are_escaped_and_bounded(self):
        self.serve(max_protocol_errors="unlimited")
        client = self.client()
        client.send(b"NOOP \x1b[2J\xff\\,\"\r\n" + b"NOOP " + b"x" * 1500 + b"\r\n"
                    + b"NOOP " + b"x" * 5000 + b"\r\nQUIT\r\n")
        while client.line():
            pass
        client.close()
        said = [e[1] for e in self.events(self.ended()[0]) if e[0] == "<"]
        self.assertEqual(said[1], "NOOP \\x1b[2J\\xff\\\\,\"")
        self.assertEqual(said[2], "NOOP " + "x" * 1019 + "... (1505 octets)")
        self.assertEqual(said[3:], ["", "QUIT"])

    def test_files_end_and_the_folder_stays_small(self):
        folder = self.folder / "logs"
        log = {"folder": str(folder), "max_file_size": "8KB", "max_folder_size": "32KB"}
        self.serve(log=log)
        for _ in range(60):
            with Client(self.port) as client:
                client.expect("EHLO client.example", 250)
                client.quit()
        self.relais.stop()
        sizes = [path.stat().st_size for path in self.files(folder)]
        self.assertLessEqual(sum(sizes), 32 * 1024)
        self.assertGreater(sum(sizes), 16 * 1024)
        self.assertLessEqual(max(sizes), 8 * 1024)
        rows = self.rows(folder)
        self.assertEqual(rows[-1]["event"], "-", "what the cores had at the end is written")
        self.assertEqual(rows[-1]["context"], "Local")

    def dropped(self, admin):
        with urllib.request.urlopen(f"http://{admin}/metrics", timeout=10) as page:
            text = page.read().decode()
        return int(float(re.search(r"^relais_protocol_log_dropped_lines_total (\S+)$", text,
                                   re.M)[1]))

    def test_a_folder_that_cannot_be_written(self):
        """Mail goes on, it is said once, counted, and a reload can cure it."""
        in_the_way = self.folder / "logs"
        in_the_way.write_text("a file\n")
        admin = f"127.0.0.1:{self.ports.take()}"
        self.serve(log={"folder": str(in_the_way)}, admin={"listen": admin})
        for _ in range(3):
            harness.send(self.port, "chris@contoso.com", ["kate@fabrikam.com"], BODY)
            harness.wait_until(lambda: self.relais.said("protocol log"), 10, "the complaint")
        harness.wait_until(lambda: self.dropped(admin) > 50, 10, "the count of dropped lines")
        self.assertEqual(len(self.relais.said("protocol log")), 1, self.relais.tail())
        self.assertIn(str(in_the_way), self.relais.said("protocol log")[0])
        self.configure(log={"folder": str(self.logs)}, admin={"listen": admin})
        self.relais.signal(signal.SIGHUP)
        harness.wait_until(lambda: self.relais.said("reload: .* in force"), 10, "the reload")

        def again():
            harness.send(self.port, "chris@contoso.com", ["kate@fabrikam.com"], BODY)
            return self.relais.said(r"written again; \d+ lines were dropped")
        harness.wait_until(again, 15, "the good news")
        self.ended()
        self.assertRegex(self.files()[0].read_text(), r"\n#Dropped: \S+Z \d+ lines\n")

    @unittest.skipUnless(os.getuid() == 0, "only root can mount a small file system")
    def test_a_full_disk(self):
        """Its own: the spool has room, so mail goes on, and lines are whole again later."""
        libc = ctypes.CDLL(None, use_errno=True)
        folder = self.folder / "logs"
        folder.mkdir()
        if (libc.unshare(0x00020000) != 0  # CLONE_NEWNS
                or libc.mount(b"none", b"/", None, 0x44000, None) != 0  # MS_REC | MS_PRIVATE
                or libc.mount(b"tmpfs", bytes(folder), b"tmpfs", 0, b"size=1m") != 0):
            self.skipTest("no mount here: " + os.strerror(ctypes.get_errno()))
        self.addCleanup(libc.umount2, bytes(folder), 2)
        self.serve(log={"folder": str(folder)})
        filler = pathlib.Path(folder / "filler")
        filler.write_bytes(b"f" * ((1 << 20) - 3 * 4096))
        for _ in range(30):
            harness.send(self.port, "chris@contoso.com", ["kate@fabrikam.com"], BODY)
        harness.wait_until(lambda: self.relais.said("protocol log: .*no space"), 10, "the complaint")
        filler.unlink()

        def again():
            harness.send(self.port, "chris@contoso.com", ["kate@fabrikam.com"], BODY)
            return self.relais.said("written again")
        harness.wait_until(again, 15, "lines again")
        self.relais.stop()
        self.assertEqual(len(self.relais.said("mail goes on, lines")), 1)
        self.assertEqual(self.rows(folder)[-1]["event"], "-")
        text = "".join(path.read_text() for path in self.files(folder))
        self.assertRegex(text, r"\n#Dropped: \S+Z \d+ lines\n")
        self.assertTrue(all(line.startswith("#") or line.count(",") >= 8
                            for line in text.splitlines()), "a line is cut")


if __name__ == "__main__":
    harness.main()
