#!/usr/bin/python3
"""Sessions gather on as few cores as can carry them, and go over to others when one is busy."""

import os
import pathlib
import re
import subprocess
import urllib.request

import harness
from next_hop import NextHop
from sink import LOAD, VERIFY, Sink

SANITIZED = os.environ.get("RELAIS_SANITIZED") is not None


class Gather(harness.EndToEnd):
    def serve(self, **more):
        self.admin = self.ports.take()
        self.relais.configure(server={"gather_sessions": True, **more.pop("server", {})},
                              top={"admin": {"listen": f"127.0.0.1:{self.admin}"}}, **more)
        self.relais.start()

    def core_times(self):
        """CPU seconds of each core's thread."""
        times = {}
        for task in pathlib.Path(f"/proc/{self.relais.pid}/task").iterdir():
            name = (task / "comm").read_text().strip()
            if match := re.fullmatch(r"core-(\d+)", name):
                fields = (task / "stat").read_text().rpartition(")")[2].split()
                ticks = int(fields[11]) + int(fields[12])
                times[int(match[1])] = ticks / os.sysconf("SC_CLK_TCK")
        return times

    def metric(self, name):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/metrics", timeout=10) as page:
            text = page.read().decode()
        return float(re.search(rf"^{name} (\S+)$", text, re.MULTILINE)[1])

    def load(self, *options):
        return subprocess.Popen([LOAD, f"127.0.0.1:{self.port}", *map(str, options)],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def test_what_one_core_can_carry_stays_there(self):
        sink = NextHop(self.ports.take()).start()
        self.addCleanup(sink.stop)
        self.serve(send=[harness.smart_host(sink.port)])
        before = self.core_times()
        load = self.load("--rate", "100", "--count", 500, "--sessions", 10, "--size", "2k")
        self.assertEqual(load.wait(60), 0, load.stdout.read())
        harness.wait_until(lambda: len(sink.messages) == 500, 30, "delivery")
        taken = {core: time - before[core] for core, time in self.core_times().items()}
        self.assertEqual(sorted(taken), [0, 1])
        self.assertGreater(taken[0], 0.02)
        # A clock tick or two for what it is asked from outside.
        self.assertLessEqual(taken[1], 0.03 + taken[0] / 20)
        self.assertEqual(self.metric("relais_sessions_moved_total"), 0)

    def heavy(self, *options, receive=None, **more):
        """Twelve sessions where a core has room for thirteen; nothing may be lost."""
        sink = Sink(self, "--ledger", self.folder / "arrived")
        self.serve(receive=receive, server={"max_sessions": 13},
                   send=[harness.smart_host(sink.port)], **more)
        ledger = self.folder / "sent"
        load = self.load("--sessions", 12, "--count", 1500 if SANITIZED else 15000, "--size", "4k",
                         "--ledger", ledger, *options)
        harness.wait_until(lambda: self.metric("relais_sessions_moved_total") > 0, 60, "a move")
        out, _ = load.communicate(timeout=150)
        self.assertEqual(load.returncode, 0, out)
        return ledger, sink

    def assert_all_arrived(self, ledger, sink):
        harness.wait_until(lambda: self.metric("relais_spool_messages") == 0, 30, "delivery")
        sink.stop()
        done = harness.run([VERIFY, str(ledger), str(self.folder / "arrived")], 60)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        harness.wait_until(lambda: self.metric(r"relais_sessions\{[^}]*\}") == 0, 10, "their end")

    def test_a_core_that_is_nearly_full_gives_sessions_away_and_no_message_is_lost(self):
        self.assert_all_arrived(*self.heavy())

    def test_pipelining_sessions_go_with_what_has_come_already(self):
        self.assert_all_arrived(*self.heavy("--mode", "pipelining"))

    def test_who_finds_one_core_full_is_served_by_another(self):
        sink = NextHop(self.ports.take()).start()
        self.addCleanup(sink.stop)
        self.serve(send=[harness.smart_host(sink.port)], server={"max_sessions": 5})
        clients = [self.client() for _ in range(10)]  # each has its greeting
        for client in clients:
            client.command("EHLO web1.contoso.com")
        with harness.Client(self.port) as one_too_many:
            self.assertIn("421 4.3.2", one_too_many.greeting)

    def test_sessions_in_tls_go_with_their_keys(self):
        receive = [harness.relay_connector(self.port, auth_mechanism=["Tls"])]
        self.assert_all_arrived(*self.heavy("--tls", "starttls", receive=receive,
                                            tls=harness.certificate(self.folder)))


if __name__ == "__main__":
    harness.main()
