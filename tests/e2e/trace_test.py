#!/usr/bin/python3
"""`relais trace` beside a running server: live dialogues, and tracers that misbehave."""

import json
import re
import signal
import socket
import stat
import subprocess
import time

import harness
from harness import BINARY, Client
from next_hop import NextHop

SECRET = "c2VjcmV0LWNvbnRlbnQ="
LINE = re.compile(r"\d\d:\d\d:\d\d\.\d{3} [0-9A-F]{16} [-+<>*] .*")


class Trace(harness.EndToEnd):
    def setUp(self):
        super().setUp()
        self.hop = NextHop(self.ports.take()).start()
        self.addCleanup(self.hop.stop)

    def serve(self, **more):
        self.relais.configure(
            receive=[harness.relay_connector(self.port, **more),
                     harness.default_connector(self.port)],
            send=[harness.smart_host(self.hop.port)])
        self.relais.start()

    def trace(self, *arguments, remote="127.0.0.0/8"):
        """A trace that is in place."""
        process = subprocess.Popen(
            [BINARY, "trace", "--config", str(self.relais.config_dir), "--remote", remote,
             *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True)
        self.addCleanup(self.end, process)
        self.assertRegex(process.stderr.readline(), "that begin from now on")
        return process

    @staticmethod
    def end(process):
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stdout.close()
        process.stderr.close()

    def lines(self, process, status=0):
        out, err = process.communicate(timeout=30 * harness.PATIENCE)
        self.assertEqual(process.returncode, status, out + err)
        return out.splitlines()

    def refused(self, status, *arguments):
        done = harness.run([BINARY, "trace", "--config", str(self.relais.config_dir), *arguments])
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        self.assertEqual(done.stdout, "")
        return done.stderr

    def test_a_session_of_swaks(self):
        swaks = harness.need("swaks")
        self.serve()
        trace = self.trace("--count", "1")
        done = harness.run([swaks, "--server", f"127.0.0.1:{self.port}", "--from",
                            "chris@contoso.com", "--to", "kate@fabrikam.com", "--body", SECRET])
        self.assertEqual(done.returncode, 0, done.stdout)
        lines = self.lines(trace)
        for line in lines:
            self.assertRegex(line, LINE)
            self.assertNotIn(SECRET, line)
        text = "\n".join(line.split(" ", 2)[2] for line in lines)
        self.assertRegex(text, rf'\A\+ 127\.0\.0\.1:\d+ -> 127\.0\.0\.1:{self.port} '
                               r'"Anonymous Relay"\n\* Set Session Permissions: SMTPSubmit ')
        self.assertRegex(text, r"\n> 220 relay\.contoso\.com")
        self.assertIn("\n< MAIL FROM:<chris@contoso.com>\n> 250 2.1.0 Sender OK\n", text)
        self.assertRegex(text, r"\n< DATA\n\* receiving message: [-0-9a-f]{36}\n> 354 ")
        self.assertTrue(text.endswith("\n< QUIT\n> 221 2.0.0 Service closing transmission channel"
                                      "\n- Local"), text)

    def test_json(self):
        self.serve()
        trace = self.trace("--json", "--count", "1")
        with Client(self.port) as client:
            client.expect("NOOP \x1b[2J", 501)
            client.quit()
        lines = [json.loads(line) for line in self.lines(trace)]
        self.assertEqual([line["sequence"] for line in lines], list(range(len(lines))))
        self.assertEqual([line["event"] for line in lines], list("+*><><>-"))
        self.assertEqual(lines[3]["data"], "NOOP \\x1b[2J")
        self.assertEqual({line["connector"] for line in lines}, {"Anonymous Relay"})

    def test_only_what_was_asked_for_and_begins_behind_it(self):
        self.serve()
        old = self.client()
        one = self.trace("--count", "2", remote="127.0.0.1")
        other = self.trace("--count", "1", "--connector", "default frontend")
        old.expect("NOOP", 250)
        old.quit()
        for source in ("127.0.0.1", "127.0.0.2", "127.0.0.1"):
            with Client(self.port, source) as client:
                client.expect(f"NOOP {source}", 250)
                client.quit()
        text = "\n".join(self.lines(one))
        self.assertEqual(len(re.findall(r" \+ ", text)), 2)
        self.assertEqual(len(re.findall(r" < NOOP 127.0.0.1\n", text)), 2)
        self.assertNotIn("127.0.0.2", text)
        self.assertNotIn("EHLO", text)
        text = "\n".join(self.lines(other))
        self.assertEqual(len(re.findall(r" < NOOP ", text)), 1)
        self.assertIn("NOOP 127.0.0.2", text)

    def test_connections_that_nobody_serves(self):
        self.relais.configure(receive=[harness.relay_connector(self.port)],
                              send=[harness.smart_host(self.hop.port)])
        self.relais.start()
        trace = self.trace("--count", "1")
        with Client(self.port, "127.0.0.9", greet=False) as client:
            client.reply()
        text = "\n".join(self.lines(trace))
        self.assertRegex(text, r"no connector\n.* \* refused: no connector serves this address .*\n"
                               r".* > 421 4\.3\.2 .*\n.* - Local\Z")

    def test_mistakes(self):
        self.relais.configure(receive=[harness.relay_connector(self.port)],
                              send=[harness.smart_host(self.hop.port)])
        self.assertIn("no server runs with the data folder", self.refused(1, "--remote", "10.0.0.1"))
        self.relais.start()
        self.assertRegex(self.refused(2, "--remote", "10.0.0.0/33"), r"--remote 10\.0\.0\.0/33: ")
        self.refused(2)
        self.refused(2, "--remote", "10.0.0.1", "--count", "0")
        self.assertIn('no connector is called "Anonymus Relay"; did you mean "Anonymous Relay"?',
                      self.refused(1, "--remote", "::/0", "--connector", "Anonymus Relay"))
        mode = (self.relais.data_dir / "trace").stat().st_mode
        self.assertEqual(stat.S_IMODE(mode), 0o600)

    def test_seconds(self):
        self.serve()
        begin = time.monotonic()
        self.assertEqual(self.lines(self.trace("--seconds", "1")), [])
        self.assertGreater(time.monotonic() - begin, 0.9)

    def test_the_server_stops(self):
        self.serve()
        trace = self.trace()
        with Client(self.port) as client:
            client.expect("NOOP", 250)
            while "< NOOP" not in trace.stdout.readline():
                pass
        self.relais.stop()
        _, err = trace.communicate(timeout=20)
        self.assertEqual(trace.returncode, 1)
        self.assertIn("the server has stopped", err)
        self.assertFalse((self.relais.data_dir / "trace").exists())

    def test_tracers_that_are_killed_and_others_that_stay(self):
        self.serve()
        traces = [self.trace() for _ in range(15)]
        last = self.trace("--count", "3")
        self.assertIn("16 traces run already", self.refused(1, "--remote", "127.0.0.1"))
        for number, trace in enumerate(traces):
            trace.send_signal(signal.SIGKILL if number % 2 else signal.SIGINT)
            trace.wait()
        for _ in range(3):
            with Client(self.port) as client:
                client.expect("NOOP", 250)
                client.quit()
        self.assertEqual(len([x for x in self.lines(last) if " + " in x]), 3)
        # Their places are free, and nobody watches any more.
        self.end(self.trace())

    def test_a_tracer_that_does_not_read(self):
        """It costs a bounded memory and nobody's time, and hears how much it has missed."""
        self.serve()
        slow = socket.socket(socket.AF_UNIX)
        self.addCleanup(slow.close)
        slow.settimeout(30)
        slow.connect(str(self.relais.data_dir / "trace"))
        slow.sendall(b'{"remote":"127.0.0.1"}\n')
        received = slow.recv(100)
        self.assertEqual(received, b'{"trace":"begins"}\n')
        before = self.relais.rss()
        client = self.client()
        longest = 0.0
        for _ in range(60):
            begin = time.monotonic()
            client.send(b"NOOP " + b"x" * 900 + b"\r\n")
            client.send((b"NOOP " + b"x" * 900 + b"\r\n") * 99)
            for _ in range(100):
                client.reply()
            longest = max(longest, time.monotonic() - begin)
        grown = self.relais.rss() - before
        print(f"6 MB of dialogue: memory grew by {grown >> 10} KiB, 100 commands took "
              f"{longest * 1000:.0f} ms at most")
        if not harness.SANITIZED:  # it keeps what was freed
            self.assertLess(grown, 12 << 20)
        client.quit()
        data = b""
        while b'"dropped"' not in data:
            part = slow.recv(65536)
            self.assertTrue(part)
            data += part
        self.assertRegex(data, rb'\n\{"dropped":\d+\}\n')

    def test_nonsense_at_the_socket(self):
        self.serve()
        path = str(self.relais.data_dir / "trace")
        for said in (b"", b"GET / HTTP/1.1\r\n\r\n", b"\0" * 5000, b'{"remote":"10.0.0.1"'):
            with socket.socket(socket.AF_UNIX) as peer:
                peer.connect(path)
                peer.sendall(said)
        with socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(10)
            peer.connect(path)
            peer.sendall(b'{"remote":"x"}\n')
            self.assertIn(b'"problem"', peer.recv(1000))
        trace = self.trace("--count", "1")
        with Client(self.port) as client:
            client.quit()
        self.assertTrue(self.lines(trace))


if __name__ == "__main__":
    harness.main()
