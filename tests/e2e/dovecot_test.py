#!/usr/bin/python3
"""AUTH against a real Dovecot: passwords right and wrong, Dovecot gone, stuck, and restarted under load."""

import base64
import os
import signal
import smtplib
import ssl
import threading
import time

import harness
from harness import Client
from next_hop import NextHop
from other_servers import Dovecot

PASSWORD = "s3cret päss"
NAME = "localhost"
GOOD = "235 2.7.0 Authentication successful"
WRONG = "535 5.7.3 Authentication unsuccessful"
LATER = "454 4.7.0 Temporary authentication failure"


def plain(user, password):
    return "AUTH PLAIN " + base64.b64encode(f"\0{user}\0{password}".encode()).decode()


class RealDovecot(harness.EndToEnd):
    def setUp(self):
        super().setUp()
        self.hop = NextHop(self.ports.take()).start()
        self.addCleanup(self.hop.stop)

    def serve(self, failure_delay="0 secs", tls=False, program=None, **more):
        self.dovecot = Dovecot(self, self.folder / "auth.sock", failure_delay, program)
        self.dovecot.set_users(f"kate:{{PLAIN}}{PASSWORD}::::::",
                               "elsewhere:{PLAIN}x::::::allow_nets=10.0.0.0/8",
                               "here:{PLAIN}x::::::allow_nets=127.0.0.0/8")
        self.dovecot.start()
        settings = {"auth_mechanism": ["Tls", "BasicAuth", "BasicAuthRequireTLS"] if tls
                    else ["BasicAuth"], "permission_groups": ["ExchangeUsers"], "permission": [],
                    "max_logon_failures": 0, "auth_tarpit_interval": "0s", **more}
        self.relais.configure(
            receive=[harness.relay_connector(self.port, **settings)],
            send=[harness.smart_host(self.hop.port)],
            tls=harness.certificate(self.folder, NAME) if tls else None,
            auth={"dovecot_socket": str(self.dovecot.socket)})
        self.relais.start()

    def attempt(self, user, password):
        with Client(self.port) as client:
            client.expect("EHLO client.example", 250)
            return client.command(plain(user, password))

    def until(self, wanted, seconds=10):
        harness.wait_until(lambda: self.attempt("kate", PASSWORD) == wanted, seconds, wanted)

    def test_right_and_wrong(self):
        self.serve(tls=True)
        context = ssl.create_default_context(cafile=str(self.folder / "cert.pem"))
        for mechanism in ("PLAIN", "LOGIN"):
            with smtplib.SMTP(NAME, self.port, timeout=20) as server:
                server.starttls(context=context)
                server.ehlo()
                for user, password, code in (("kate", "wrong", 535), ("nobody", PASSWORD, 535),
                                             ("", "", 535), ("kate", PASSWORD, 235)):
                    got = (server.docmd(plain(user, password)) if mechanism == "PLAIN"
                           else self.login(server, user, password))
                    self.assertEqual(got[0], code, (mechanism, user, got))
                server.sendmail("kate@contoso.com", ["bob@example.net"], b"Subject: x\r\n\r\nx\r\n")
        harness.wait_until(lambda: len(self.hop.messages) == 2, 20, "two messages")
        self.assertEqual(self.relais.wait_event("message")["user"], "kate")
        log = self.dovecot.log() + "\n".join(map(str, self.relais.events()))
        self.assertNotIn(PASSWORD, log)

    @staticmethod
    def login(server, user, password):
        code = server.docmd("AUTH LOGIN")
        for word in (user, password):
            if code[0] != 334:
                return code
            code = server.docmd(base64.b64encode(word.encode()).decode())
        return code

    def test_it_hears_the_client_s_address(self):
        self.serve()
        self.assertEqual(self.attempt("here", "x"), GOOD)
        self.assertEqual(self.attempt("elsewhere", "x"), WRONG)

    def test_its_delay_of_failures_delays_nobody_else(self):
        self.serve(failure_delay="3 secs")
        with Client(self.port) as guesser:
            guesser.expect("EHLO client.example", 250)
            began = time.monotonic()
            guesser.send(plain("kate", "wrong") + "\r\n")
            self.assertEqual(self.attempt("kate", PASSWORD), GOOD)
            self.assertLess(time.monotonic() - began, 2)
            self.assertEqual(guesser.reply(), WRONG)
            self.assertGreater(time.monotonic() - began, 2)

    def test_a_new_password(self):
        self.serve()
        self.assertEqual(self.attempt("kate", "new"), WRONG)
        time.sleep(1.1)  # Dovecot looks at the file's second
        self.dovecot.set_users("kate:{PLAIN}new::::::")
        self.assertEqual(self.attempt("kate", "new"), GOOD)
        self.assertEqual(self.attempt("kate", PASSWORD), WRONG)

    def test_it_has_trouble_of_its_own(self):
        """What it cannot find out is no wrong password."""
        program = self.folder / "checkpassword"
        program.write_text("#!/bin/sh\nexit 111\n")
        program.chmod(0o755)
        self.serve(program=program)
        self.assertEqual(self.attempt("kate", PASSWORD), LATER)

    def test_dead_and_back(self):
        self.serve()
        client = self.client()
        self.assertEqual(client.command(plain("kate", "wrong")), WRONG)
        self.dovecot.stop()
        # Its old process serves on whom it knows, but nobody asks it for long.
        self.until(LATER, 15)
        for _ in range(5):
            began = time.monotonic()
            self.assertEqual(client.command(plain("kate", PASSWORD)), LATER)
            self.assertLess(time.monotonic() - began, 2)
        harness.wait_until(lambda: self.relais.said("AUTH is answered 454"), 5, "the reason")
        self.assertEqual(len(self.relais.said("AUTH is answered 454")), 1, self.relais.tail())
        self.dovecot.start()
        self.assertEqual(client.command(plain("kate", PASSWORD)), GOOD)
        # Killed without a farewell, while a connection of ours is open
        self.dovecot.kill()
        self.dovecot.start()
        self.until(GOOD)

    def test_it_does_not_answer(self):
        self.serve()
        self.assertEqual(self.attempt("kate", PASSWORD), GOOD)
        stopped = self.dovecot.family()
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)
        try:
            with Client(self.port, timeout=60) as client:
                client.expect("EHLO client.example", 250)
                began = time.monotonic()
                self.assertEqual(client.command(plain("kate", PASSWORD)), LATER)
                took = time.monotonic() - began
        finally:
            for pid in stopped:
                os.kill(pid, signal.SIGCONT)
        self.assertGreater(took, 25)
        self.assertLess(took, 40 * harness.PATIENCE)
        self.until(GOOD)

    def test_a_reload(self):
        """New settings hold within seconds, whoever keeps Dovecot busy."""
        self.serve(max_inbound_connection_per_source=100)
        stop = threading.Event()

        def guess():
            while not stop.is_set():
                self.attempt("kate", "wrong")

        guesser = threading.Thread(target=guess)
        guesser.start()
        try:
            self.until(GOOD)
            config = self.dovecot.config.read_text()
            self.dovecot.config.write_text(config.replace(str(self.dovecot.users), "/dev/null"))
            self.dovecot.process.send_signal(signal.SIGHUP)
            self.until(WRONG, 20)
        finally:
            stop.set()
            guesser.join(60)

    def test_restarts_under_load(self):
        """The right password is never called wrong, the wrong one never right, and no session is lost."""
        self.serve(max_inbound_connection_per_source=100)
        stop = threading.Event()
        replies = {"right": [], "wrong": []}
        problems = []

        def work(kind):
            password = PASSWORD if kind == "right" else "wrong"
            while not stop.is_set():
                try:
                    replies[kind].append(self.attempt("kate", password))
                except (AssertionError, OSError) as problem:
                    problems.append(problem)
                time.sleep(0.002)

        threads = [threading.Thread(target=work, args=(kind,)) for kind in replies for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            for end in (self.dovecot.stop, self.dovecot.kill, self.dovecot.stop):
                seen = len(replies["right"])
                harness.wait_until(lambda n=seen: GOOD in replies["right"][n:], 20, GOOD)
                end()
                harness.wait_until(lambda n=seen: LATER in replies["right"][n:], 20, LATER)
                self.dovecot.start()
            self.until(GOOD)
        finally:
            stop.set()
            for thread in threads:
                thread.join(60)
        self.assertEqual(problems, [])
        self.assertLessEqual(set(replies["right"]), {GOOD, LATER})
        self.assertLessEqual(set(replies["wrong"]), {WRONG, LATER})
        print({kind: {reply[:3]: found.count(reply) for reply in set(found)}
               for kind, found in replies.items()})


if __name__ == "__main__":
    harness.main()
