#!/usr/bin/python3
"""AUTH on the running server: password file, Dovecot's socket, what failures cost, and whom an
authenticated session runs as. Clients: smtplib, swaks, curl."""

import base64
import smtplib
import socket
import ssl
import subprocess
import threading
import time

import harness
from harness import BINARY, Client
from next_hop import NextHop

NAME = "relay.contoso.com"
PASSWORD = "s3cret pass"


def plain(user, password):
    return base64.b64encode(f"\0{user}\0{password}".encode()).decode()


class Dovecot:
    """Plays Dovecot's authentication socket; `users` may change at any time."""

    def __init__(self, path, users):
        self.path, self.users, self.asked = path, users, []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        connection.sendall(b"VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nDONE\n")
        for line in connection.makefile("rb"):
            fields = line.decode().rstrip("\n").split("\t")
            if fields[0] != "AUTH":
                continue
            self.asked.append(fields)
            _, user, password = base64.b64decode(fields[-1][len("resp="):]).decode().split("\0")
            verdict = "OK" if self.users.get(user) == password else "FAIL"
            connection.sendall(f"{verdict}\t{fields[1]}\tuser={user}\n".encode())

    def close(self):
        self.listener.close()


class Auth(harness.EndToEnd):
    def setUp(self):
        super().setUp()
        self.hop = NextHop(self.ports.take()).start()
        self.addCleanup(self.hop.stop)
        self.users = self.relais.config_dir / "users"
        self.tls = harness.certificate(self.folder, NAME)

    def user(self, *words, password=None, status=0):
        done = subprocess.run([BINARY, "user", *words, "--config", self.relais.config_dir],
                              input=None if password is None else password + "\n",
                              capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def configure(self, auth=None, tls=True, **more):
        settings = {"auth_mechanism": ["Tls", "BasicAuth", "BasicAuthRequireTLS"],
                    "permission_groups": ["ExchangeUsers"], "permission": [],
                    "auth_tarpit_interval": "0s", "tarpit_interval": "0s", **more}
        connector = harness.relay_connector(self.port, **settings)
        self.relais.configure(receive=[connector], send=[harness.smart_host(self.hop.port)],
                              tls=self.tls if tls else None,
                              auth=auth or {"password_file": "users"})

    def serve(self, **more):
        self.configure(**more)
        self.user("add", "kate", "--password-stdin", password=PASSWORD)
        self.relais.start()

    def serve_in_the_clear(self, **more):
        self.serve(tls=False, auth_mechanism=["BasicAuth"], **more)

    def context(self):
        return ssl.create_default_context(cafile=str(self.folder / "cert.pem"))

    def smtp(self):
        server = smtplib.SMTP("127.0.0.1", self.port, timeout=20)
        self.addCleanup(server.close)
        server.ehlo()
        server._host = NAME
        server.starttls(context=self.context())
        server.ehlo()
        return server

    def test_who_offers_auth_takes_auth_of_mail(self):
        """RFC 4954 section 5; what it says is not believed."""
        self.serve()
        server = self.smtp()
        server.login("kate", PASSWORD)
        for value, code in (("<>", 250), ("e+3Dmc2@example.com", 250), ("a+4", 501)):
            self.assertEqual(server.docmd("MAIL", f"FROM:<kate@contoso.com> AUTH={value}")[0], code)
            server.rset()

    def test_a_user_relays_and_nobody_else_does(self):
        self.serve()
        self.assertTrue(self.client().command("MAIL FROM:<kate@contoso.com>").startswith("530 5.7.1"))
        for mechanism in ("auth_plain", "auth_login"):
            server = self.smtp()
            self.assertEqual(server.esmtp_features["auth"].strip(), "PLAIN LOGIN")
            server.user, server.password = "kate", PASSWORD
            self.assertEqual(server.auth(mechanism.split("_")[1].upper(), getattr(server, mechanism)),
                             (235, b"2.7.0 Authentication successful"))
            server.ehlo()
            self.assertNotIn("auth", server.esmtp_features)
            server.sendmail("kate@contoso.com", ["bob@example.net"], b"Subject: x\r\n\r\nx\r\n")
            self.assertEqual(server.mail("kate@fabrikam.com")[0], 550)  # no accepted domain
        harness.wait_until(lambda: len(self.hop.messages) == 2, 20, "two messages")
        self.assertRegex(self.hop.messages[0].content.replace(b"\r\n", b""), rb"with ESMTPSA \(version=")
        taken = self.relais.wait_event("message", user="kate")
        self.assertEqual(taken["from"], "kate@contoso.com")

    def test_swaks_and_curl(self):
        self.serve()
        mail = self.folder / "mail"
        mail.write_text("Subject: curl\r\n\r\nhello\r\n")
        for mechanism in ("PLAIN", "LOGIN"):
            done = subprocess.run(
                ["curl", "-sS", "--ssl-reqd", "--cacert", self.folder / "cert.pem",
                 "--resolve", f"{NAME}:{self.port}:127.0.0.1", "--login-options", f"AUTH={mechanism}",
                 "--user", f"kate:{PASSWORD}", "--mail-from", "kate@contoso.com",
                 "--mail-rcpt", "bob@example.net", "-T", mail, f"smtp://{NAME}:{self.port}"],
                capture_output=True, text=True, timeout=30)
            self.assertEqual(done.returncode, 0, done.stderr)
        wrong = subprocess.run(
            ["curl", "-sS", "--ssl-reqd", "--cacert", self.folder / "cert.pem",
             "--resolve", f"{NAME}:{self.port}:127.0.0.1", "--user", "kate:wrong",
             "--mail-from", "kate@contoso.com", "--mail-rcpt", "bob@example.net", "-T", mail,
             f"smtp://{NAME}:{self.port}"], capture_output=True, text=True, timeout=30)
        self.assertEqual(wrong.returncode, 67, wrong.stderr)  # login denied
        harness.wait_until(lambda: len(self.hop.messages) == 2, 20, "two messages")

    def test_swaks_in_the_clear(self):
        self.serve_in_the_clear()
        for mechanism in ("PLAIN", "LOGIN"):
            done = subprocess.run(
                ["swaks", "--server", f"127.0.0.1:{self.port}", "--auth", mechanism, "--auth-user",
                 "kate", "--auth-password", PASSWORD, "--from", "kate@contoso.com", "--to",
                 "bob@example.net"], capture_output=True, text=True, timeout=30)
            self.assertEqual(done.returncode, 0, done.stdout)

    def test_no_password_in_the_clear_where_tls_is_offered(self):
        self.serve(auth_mechanism=["Tls", "BasicAuth"])
        client = self.client()
        self.assertNotIn("AUTH", client.command("EHLO client.example"))
        reply = client.command("AUTH PLAIN " + plain("kate", PASSWORD))
        self.assertTrue(reply.startswith("538 5.7.11"), reply)
        event = self.relais.wait_event("refused", command="AUTH")
        self.assertEqual(event["reason"], "AUTH is offered in TLS only")
        self.assertNotIn(plain("kate", PASSWORD), str(event))

    def test_one_reply_for_all_failures_and_the_log_knows_why(self):
        self.serve_in_the_clear(max_logon_failures=0)
        client = self.client()
        for user, password in (("kate", "gue55"), ("nobody", PASSWORD), ("kate", ""),
                               ("kate", PASSWORD + "\0x")):
            self.assertEqual(client.command("AUTH PLAIN " + plain(user, password)),
                             "535 5.7.3 Authentication unsuccessful")
        client.expect("AUTH PLAIN " + plain("kate", PASSWORD), 235)
        event = self.relais.wait_event("refused", command="AUTH", user="nobody")
        self.assertEqual(event["reason"], "unknown user or wrong password")
        for password in ("", PASSWORD + "\0x"):
            self.assertIn("malformed credentials: " + ("a control character in the password"
                                                       if password else "no password"),
                          [e["reason"] for e in self.relais.events("refused")])
        client = self.client()
        client.expect("AUTH XOAUTH2 " + plain("kate", PASSWORD), 504)
        client.expect("AUTH gue55", 504)
        self.relais.wait_event("refused", command="AUTH", reason="neither PLAIN nor LOGIN")
        log = "\n".join(map(str, self.relais.events()))
        for secret in (PASSWORD, "gue55", plain("kate", "gue55"), plain("kate", PASSWORD)):
            self.assertNotIn(secret, log)

    def test_failures_end_the_session_and_wait(self):
        self.serve_in_the_clear(max_logon_failures=2, auth_tarpit_interval="700ms")
        client = self.client()
        began = time.monotonic()
        client.expect("AUTH PLAIN " + plain("kate", "wrong"), 535)
        self.assertGreater(time.monotonic() - began, 0.65)
        self.assertTrue(client.command("AUTH PLAIN " + plain("kate", "wrong"))
                        .startswith("421 4.7.0 Too many errors"))
        self.assertGreater(time.monotonic() - began, 1.3)
        self.assertEqual(client.socket.recv(10), b"")
        first, last = self.relais.events("refused")
        self.assertEqual(first["reply"], "535 5.7.3 Authentication unsuccessful")
        self.assertTrue(last["reply"].startswith("421 4.7.0 Too many errors"), last)
        self.assertEqual(last["reason"], "unknown user or wrong password")

    def test_auth_that_is_not_offered(self):
        self.configure(tls=False, auth_mechanism=["Tls"], permission_groups=["AnonymousUsers"])
        self.users.write_text("")
        self.users.chmod(0o600)
        self.relais.start()
        self.client().expect("AUTH PLAIN " + plain("kate", PASSWORD), 504)
        event = self.relais.wait_event("refused", command="AUTH")
        self.assertEqual(event["reason"], "AUTH is not offered")

    def test_a_failed_logon_waits_for_its_own_time_alone(self):
        self.serve_in_the_clear(max_logon_failures=0, auth_tarpit_interval="0s", tarpit_interval="60s")
        client = self.client()
        client.expect("AUTH PLAIN " + plain("kate", PASSWORD + "x"), 535)
        began = time.monotonic()
        client.expect("AUTH PLAIN " + plain("kate", PASSWORD + "y"), 535)
        self.assertLess(time.monotonic() - began, 30)

    def test_a_limit_of_failures_asks_nobody_any_more(self):
        limit = {"measure": "auth_failures", "per": "source", "rate": "3/min", "burst": 3}
        self.serve_in_the_clear(max_logon_failures=0, limit=[limit])
        client = self.client()
        for _ in range(3):  # successes are given back
            other = self.client()
            other.expect("AUTH PLAIN " + plain("kate", PASSWORD), 235)
        for _ in range(3):
            client.expect("AUTH PLAIN " + plain("kate", "wrong"), 535)
        reply = client.command("AUTH PLAIN " + plain("kate", PASSWORD))
        self.assertRegex(reply, r"^451 4\.7\.1 .*limit=auth_failures/min per source 3/3 retry in")

    def logged_on(self, user, source="127.0.0.1"):
        client = self.client(source=source)
        client.expect("AUTH PLAIN " + plain(user, PASSWORD), 235)
        return client

    def test_limits_by_user(self):
        limit = {"measure": "messages", "per": "user", "rate": "2/min", "burst": 2}
        self.serve_in_the_clear(limit=[limit], remote_ip_ranges=["127.0.0.0/8"])
        self.user("add", "bob", "--password-stdin", password=PASSWORD)
        for source in ("127.0.0.1", "127.0.0.2"):
            self.logged_on("kate", source).message("kate@contoso.com", ["x@example.net"], b"x\r\n")
        third = self.logged_on("kate", "127.0.0.3")
        self.assertRegex(third.command("MAIL FROM:<other@contoso.com>"),
                         r"^451 4\.7\.1 .*limit=messages/min per user 2/2 retry in")
        self.logged_on("bob").message("bob@contoso.com", ["x@example.net"], b"x\r\n")

    def test_exchange_s_message_rate_by_user(self):
        for source, per_address in (("User", False), ("All", True)):
            with self.subTest(source):
                self.serve_in_the_clear(message_rate_limit=2, message_rate_source=source,
                                        remote_ip_ranges=["127.0.0.0/8"])
                self.user("add", "bob", "--password-stdin", password=PASSWORD)
                kate = self.logged_on("kate")
                for _ in range(2):
                    kate.message("kate@contoso.com", ["x@example.net"], b"x\r\n")
                self.assertEqual(
                    self.logged_on("kate", "127.0.0.2").command("MAIL FROM:<kate@contoso.com>"),
                    "421 4.4.2 Message submission rate for this client has exceeded the configured "
                    "limit")
                bob = self.logged_on("bob").command("MAIL FROM:<bob@contoso.com>")
                self.assertEqual(bob[:3], "421" if per_address else "250")
                self.relais.stop()

    def test_users_without_submit_cannot_authenticate(self):
        self.serve_in_the_clear(permission_groups=["AnonymousUsers"])
        client = self.client()
        client.expect("AUTH PLAIN " + plain("kate", PASSWORD), 535)
        event = self.relais.wait_event("refused", command="AUTH")
        self.assertIn("ms-Exch-SMTP-Submit", event["reason"])

    def test_the_file_changes_under_a_running_server(self):
        self.serve_in_the_clear(max_logon_failures=0)
        client = self.client()
        self.user("add", "kate", "--password-stdin", password="another")
        client.expect("AUTH PLAIN " + plain("kate", "another"), 235)
        self.client().expect("AUTH PLAIN " + plain("kate", PASSWORD), 535)
        self.assertEqual(self.user("list").stdout, "kate\n")
        self.user("add", "ann", "--password-stdin", password="a")
        self.user("remove", "kate")
        self.user("remove", "kate", status=1)
        self.client().expect("AUTH PLAIN " + plain("ann", "a"), 235)
        harness.wait_until(lambda: self.client().command("AUTH PLAIN " + plain("kate", "another"))
                           .startswith("535"), 10, "kate to be forgotten")
        self.assertEqual(self.users.stat().st_mode & 0o777, 0o600)

    def test_bad_files_are_refused_by_check(self):
        self.serve()
        check = lambda: subprocess.run([BINARY, "check", "--config", self.relais.config_dir],
                                       capture_output=True, text=True, timeout=30)
        self.assertEqual(check().returncode, 0, check().stdout)
        self.users.chmod(0o644)
        self.assertIn("every user of this machine can read it. Run `chmod 640", check().stdout + check().stderr)
        self.assertEqual(check().returncode, 1)
        self.users.chmod(0o600)
        self.users.write_text("kate:plain\n")
        self.assertIn("users:1: user 'kate': no hash that is known here", check().stdout + check().stderr)
        self.users.unlink()
        self.assertIn("No such file or directory", check().stdout + check().stderr)

    def test_wrong_uses_of_relais_user(self):
        self.configure()
        self.user("add", "ka:te", "--password-stdin", password="x", status=2)
        self.user("add", "kate", "--password-stdin", password="", status=1)
        self.user("add", "kate", status=2, password="x")
        self.assertFalse(self.users.exists())

    def test_dovecot(self):
        self.configure(auth={"dovecot_socket": "dovecot"}, max_logon_failures=0)
        dovecot = Dovecot(self.relais.config_dir / "dovecot", {"kate": PASSWORD})
        self.addCleanup(dovecot.close)
        self.relais.start()
        server = self.smtp()
        with self.assertRaises(smtplib.SMTPAuthenticationError):
            server.login("kate", "wrong")
        server.login("kate", PASSWORD)
        server.sendmail("kate@contoso.com", ["bob@example.net"], b"Subject: x\r\n\r\nx\r\n")
        self.assertIn("secured", dovecot.asked[0])
        self.assertIn("rip=127.0.0.1", dovecot.asked[0])

    def test_dovecot_that_is_not_there(self):
        self.configure(auth={"dovecot_socket": "dovecot"}, tls=False, auth_mechanism=["BasicAuth"])
        self.relais.start()
        client = self.client()
        for _ in range(4):  # no logon has failed
            self.assertEqual(client.command("AUTH PLAIN " + plain("kate", PASSWORD)),
                             "454 4.7.0 Temporary authentication failure")
        dovecot = Dovecot(self.relais.config_dir / "dovecot", {"kate": PASSWORD})
        self.addCleanup(dovecot.close)
        client.expect("AUTH PLAIN " + plain("kate", PASSWORD), 235)

    def test_guesses_do_not_delay_mail(self):
        self.serve_in_the_clear(max_logon_failures=0,
                                permission_groups=["ExchangeUsers", "AnonymousUsers"],
                                max_inbound_connection_per_source=200)
        stop = threading.Event()

        def guess():
            with Client(self.port, source="127.0.0.1") as client:
                client.expect("EHLO guess", 250)
                while not stop.is_set():
                    client.expect("AUTH PLAIN " + plain("kate", "guess"), 535)

        guessers = [threading.Thread(target=guess, daemon=True) for _ in range(10)]
        for thread in guessers:
            thread.start()
        time.sleep(0.5)
        client = self.client()
        times = []
        for _ in range(50):
            began = time.monotonic()
            client.message("chris@contoso.com", ["kate@contoso.com"], b"Subject: x\r\n\r\nx\r\n")
            times.append(time.monotonic() - began)
        stop.set()
        for thread in guessers:
            thread.join(20)
        self.assertLess(sorted(times)[len(times) // 2], 0.25, times)


if __name__ == "__main__":
    harness.main()
