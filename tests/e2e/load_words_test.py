#!/usr/bin/python3
"""What relais-load says of wrong use, of servers that let no session begin, and while it runs."""

import os
import pty
import re
import socket
import subprocess
import threading

import harness
from load_test import Load
from sink import LOAD


class Steps(Load, harness.EndToEnd):
    """Where a connection came to nothing, the line says at which step."""

    def test_the_step_is_named(self):
        password = self.folder / "password"
        password.write_text("secret")
        logon = ("--user", "me", "--password-file", password)
        auth = b"250-hop\r\n250 AUTH PLAIN\r\n"
        for replies, options, says in (
                ([b"554 5.3.0 Not today\r\n"], (), "banner: 554 5.3.0 Not today"),
                ([b"250 hop\r\n"], (), "banner: 250 hop; 220 is expected"),
                ([], (), "banner: the server closed the connection"),
                ([b"220 hop\r\n"], (), "EHLO: the server closed the connection"),
                ([b"220 hop\r\n", b"502 5.5.1 No\r\n"], (), "EHLO was answered 502 5.5.1 No"),
                ([b"220 hop\r\n", b"354 Go\r\n"], (), "EHLO was answered 354 Go; 250 is expected"),
                ([b"220 hop\r\n", auth, b"250 2.0.0 Ok\r\n"], logon,
                 "AUTH was answered 250 2.0.0 Ok; 235 is expected"),
                ([b"220 hop\r\n", b"250-hop\r\n250 STARTTLS\r\n", b"250 Ok\r\n"], ("--tls", "starttls"),
                 "STARTTLS was answered 250 Ok; 220 is expected")):
            with self.subTest(says):
                self.assertEqual(self.said_to(replies, *options), says)

    def said_to(self, replies, *options):
        """What is said of a server that answers so, and then hangs up."""
        def answer():
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                with client, client.makefile("rb") as lines:
                    for number, reply in enumerate(replies):
                        if number and not lines.readline():
                            break
                        client.sendall(reply)
                    else:
                        if replies:
                            lines.readline()
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            thread = threading.Thread(target=answer, daemon=True)
            thread.start()
            done = self.load_text("--count", 1, "--sessions", 1, "--timeout", "2s", *options, status=1,
                                  target=[f"127.0.0.1:{port}"])
            server.shutdown(socket.SHUT_RDWR)
        thread.join(10)
        return done.stderr.removeprefix(f"relais-load: 127.0.0.1:{port}: ").removesuffix("\n")


class Telling(Load, harness.EndToEnd):
    def test_the_first_line_of_progress_has_a_rate(self):
        self.start_hop()
        screen, terminal = pty.openpty()
        self.addCleanup(os.close, screen)
        with subprocess.Popen([LOAD, f"127.0.0.1:{self.port}", "--for", "1200ms", "--size", "1k"],
                              stderr=terminal, stdout=subprocess.DEVNULL):
            os.close(terminal)
            seen = harness.read_screen(screen)
        first = re.search(rb"\d\.\d s: (\d+) accepted, (\d+)/s,", seen)
        self.assertTrue(first, seen)
        # After half a second: as many again in a whole one.
        self.assertTrue(first and int(first[1]) < int(first[2]) < 3 * int(first[1]), seen)

    def test_small_numbers_are_told_as_they_are(self):
        self.start_hop()
        done = self.load_text("--rate", "0.5", "--for", "4s", "--size", "1k")
        self.assertIn("open loop, 0.5 a second", done.stdout)
        self.assertIn("accepted    2 messages in 4.00 s: 0.5 a second", done.stdout)
        done = self.load_text("--count", 1, "--size", "1k")
        self.assertIn("accepted    1 message in ", done.stdout)


class WrongUse(Load, harness.EndToEnd):
    def test_a_ledger_that_grows_no_further_is_named(self):
        self.start_hop()
        ledger = self.folder / "ledger"
        done = subprocess.run(
            ["prlimit", "--fsize=60", LOAD, f"127.0.0.1:{self.port}", "--count", "3", "--size", "1k",
             "--ledger", ledger], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stderr),
                         (1, f"relais-load: --ledger {ledger}: it could not be written, so it is not "
                             "whole: no space left on the device\n"))

    def test_postmaster_needs_no_domain(self):
        hop = self.start_hop()
        self.load("--count", 1, "--to", "postmaster", "--from", "")
        self.assertIn("RCPT TO:<postmaster>", [line for _, line in hop.commands])

    def test_one_line_with_the_cure(self):
        here = f"127.0.0.1:{self.port}"
        for arguments, cure in (
                ([], "relais-load 127.0.0.1:2525"),
                (["192.0.2.1:25"], "--i-own-this-server"),
                (["10.1.2.3:25"], "--i-own-this-server"),
                (["[2001:db8::1]:25"], "--i-own-this-server"),
                ([here, "--sizes", "0"], "10k"),
                ([here, "--sizes", "1k:0"], "1k:60"),
                ([here, "--sizes", ""], "is empty"),
                ([here, "--sizes", "pareto"], "1k:60"),
                ([here, "--rate", "0"], "500"),
                ([here, "--rate", "10..0"], "100..2000"),
                ([here, "--rate", "10..20"], "--ramp 60s"),
                ([here, "--count", "0"], "from 1"),
                ([here, "--for", "0s"], "30s"),
                ([here, "--corpus", "/nonexistent"], "folder"),
                ([here, "--user", "me", "--password-file", "/nonexistent"], "cannot be read"),
                ([here, "--user", "me", "--password-file", "/"], "--password-file /: cannot be read: Is a dir"),
                ([here, "--ledger", "/"], "--ledger /: is a directory"),
                ([here, "--source", ""], "--source: is empty"),
                ([here, "--seed", "-1"], "--seed -1: write"),
                ([here, "--to", "foo"], "Postmaster alone"), ([here, "--to", "foo@"], "it has no domain"),
                ([here, "--to", "Postmaster", "--recipients", "2"], "it has no domain"),
                ([here, "--from", "foo"], "it has no domain"),
                ([here, "--html", "/nonexistent/page"], "can be written"),
                ([here, "--ledger", "/nonexistent/ledger"], "name a new file"),
                ([here, "--source", "127.0.0"], "127.0.1.1-127.0.1.50"),
                ([here, "--source", "192.0.2.77"], "name addresses of this machine"),
                ([here, "--size", "0"], "--size: "),
                ([here, "--nonsense"], "--help"),
                ([here, "--mode", "fast"], "lock-step")):
            done = harness.run([LOAD, *arguments])
            self.assertEqual(done.returncode, 2, arguments)
            self.assertEqual(done.stdout, "")
            self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
            self.assertIn(cure, done.stderr)


if __name__ == "__main__":
    harness.main()
