#!/usr/bin/python3
"""`relais top` against a running server: one frame, JSON, and the screen in a pseudo terminal."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import harness
from harness import Client
from next_hop import NextHop

BODY = b"Subject: x\r\n\r\nx\r\n"
ENTER = "\x1b[?1049h"
LEAVE = "\x1b[?1049l"
ESCAPE = re.compile(r"\x1b\[[?0-9;]*[A-Za-z]")


class Screen:
    """relais top in a pseudo terminal of its own."""

    def __init__(self, *arguments, columns=80, lines=24, term="xterm"):
        self.master, self.slave = pty.openpty()
        self.resize(columns, lines)
        self.before = termios.tcgetattr(self.slave)
        self.seen = ""
        self.process = subprocess.Popen(
            [harness.BINARY, "top", *arguments], stdin=self.slave, stdout=self.slave,
            stderr=subprocess.PIPE, env={**os.environ, "TERM": term}, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))

    def resize(self, columns, lines):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def read(self, seconds=0.1):
        """What came meanwhile is in `seen`, too."""
        end = time.monotonic() + seconds
        text = b""
        while time.monotonic() < end:
            if select.select([self.master], [], [], 0.02)[0]:
                text += os.read(self.master, 65536)
        self.seen += text.decode()
        return text.decode()

    def wait_for(self, pattern, seconds=10):
        harness.wait_until(lambda: self.read() and re.search(pattern, self.seen), seconds,
                           f"{pattern!r} on the screen: {self.seen[-2000:]!r}")

    def press(self, keys):
        os.write(self.master, keys)

    def end(self):
        """Its status; the screen and the terminal's settings must be as they were."""
        status = self.process.wait(15 * harness.PATIENCE)
        self.read(0.2)
        assert self.seen.startswith(ENTER), repr(self.seen[:80])
        assert self.seen.rstrip().endswith(LEAVE), repr(self.seen[-80:])
        assert "\x1b[?25h" in self.seen[self.seen.rfind("\x1b[?7h"):], "the cursor stays hidden"
        assert termios.tcgetattr(self.slave) == self.before, "the terminal's settings are changed"
        return status

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stderr.close()
        os.close(self.master)
        os.close(self.slave)


def last_frame(text):
    """Lines of the last whole frame."""
    frames = [part for part in text.split("\x1b[H")[1:] if "\x1b[J" in part] or ["\x1b[J"]
    return ESCAPE.sub("", frames[-1].split("\x1b[J")[0]).replace("\r", "").split("\n")


class Top(harness.EndToEnd):
    def setUp(self):
        super().setUp()
        self.hop = NextHop(self.ports.take()).start()
        self.addCleanup(self.hop.stop)
        connector = harness.relay_connector(
            self.port, remote_ip_ranges=["127.0.0.0/8"], name="Relay für Tests")
        connector["limit"] = [
            {"measure": "messages", "per": "source", "rate": "4/h", "burst": 4},
            {"measure": "messages", "rate": "10/h", "burst": 10, "action": "shadow"}]
        self.relais.configure(receive=[connector], send=[harness.smart_host(self.hop.port)],
                              back_pressure={"enabled": True})
        self.config = ["--config", str(self.relais.config_dir)]

    def traffic(self):
        with Client(self.port, "127.0.0.2") as client:
            client.expect("EHLO client.contoso.com", 250)
            for _ in range(4):
                client.message("chris@contoso.com", ["kate@contoso.com", "a@contoso.com"], BODY)
            client.expect("MAIL FROM:<chris@contoso.com>", 451)
            client.quit()
        with Client(self.port, "127.0.0.3") as client:
            client.expect("EHLO client.contoso.com", 250)
            client.message("chris@contoso.com", ["kate@contoso.com"], BODY)
            client.quit()

    def top(self, *more, status=0):
        done = harness.run([harness.BINARY, "top", *self.config, *more])
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stdout if status == 0 else done.stderr

    def screen(self, **more):
        screen = Screen(*self.config, **more)
        self.addCleanup(screen.close)
        return screen

    def test_one_frame_and_json(self):
        self.relais.start()
        self.top("--json", "--once")  # now the server looks when limits do something
        self.traffic()

        def counted():
            json_text = self.top("--json", "--once")
            self.assertEqual(json_text.count("\n"), 1)
            told = json.loads(json_text)
            return told if told["connectors"][0]["messages"] == 5 else None

        told = harness.wait_until(counted, 15, "5 messages in top")
        connector = told["connectors"][0]
        self.assertEqual(connector["connector"], "Relay für Tests")
        self.assertEqual((connector["recipients"], connector["deferred"], connector["refused"]),
                         (9, 1, 1))
        self.assertIn("messages_per_s", connector)
        self.assertGreater(told["rates_over_s"], 0.5)
        limits = {limit["limit"]: limit for limit in told["limits"]}
        by_source = limits["messages/source"]
        self.assertEqual(by_source["terms"], "4/h burst 4 defer")
        self.assertEqual([(s["source"], s["level"]) for s in by_source["sources"]],
                         [("127.0.0.2", 1.0), ("127.0.0.3", 0.25)])
        self.assertTrue(by_source["last_event"])
        self.assertEqual(limits["messages/connector"]["level"], 0.5)
        self.assertEqual(len(told["resources"]), 5)

        text = self.top("--once", "--top", "1")
        self.assertNotIn("\x1b", text)
        self.assertRegex(text, r"relay\.contoso\.com  up \d\d:\d\d:\d\d ")
        self.assertRegex(text, r"Relay für Tests +0 ")
        self.assertRegex(text, r"messages/source  4/h burst 4 defer  deferred 1  last \d+ s ago")
        self.assertRegex(text, r"127\.0\.0\.2 +\[#+\] 100 %  \d+ s ago")
        self.assertIn("and 1 more sources", text)

    def test_the_screen_refreshes_and_is_given_back(self):
        self.relais.start()
        screen = self.screen()
        screen.wait_for(r"Relay für Tests +0 ")
        self.traffic()
        screen.wait_for(r"127\.0\.0\.2 .*100 %", 15)
        for columns, lines in ((40, 10), (200, 50)):
            screen.resize(columns, lines)
            screen.seen = screen.seen[:len(ENTER)]

            def fits():
                screen.read()
                frame = last_frame(screen.seen)
                return frame if max(map(len, frame)) <= columns and len(frame) <= lines else None

            frame = harness.wait_until(fits, 5, f"a frame of {columns} x {lines}")
            if columns == 40:
                self.assertIn("more lines", frame[-1])
            else:
                self.assertTrue(any(len(line) > 80 for line in frame), frame)
        screen.press(b"xq")
        self.assertEqual(screen.end(), 0)

    def test_signals_give_the_screen_back(self):
        self.relais.start()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            screen = self.screen()
            screen.wait_for("Relay")
            if number == signal.SIGINT:
                screen.press(b"\x03")  # Ctrl-C
            else:
                screen.process.send_signal(number)
            self.assertEqual(screen.end(), 0)

    def test_a_server_that_ends_and_comes_back(self):
        self.relais.start()
        screen = self.screen()
        screen.wait_for("Relay")
        self.relais.kill()
        screen.wait_for("No answer since .*no server runs")
        self.relais.start()
        screen.seen = screen.seen[:len(ENTER)]
        harness.wait_until(lambda: screen.read() and "\x1b[J" in screen.seen and
                           "No answer" not in last_frame(screen.seen)[1], 20, "the server is back")
        screen.press(b"q")
        self.assertEqual(screen.end(), 0)

    def test_json_lines(self):
        self.relais.start()
        process = subprocess.Popen(
            [harness.BINARY, "top", *self.config, "--json", "--interval", "1"],
            stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        times = [json.loads(process.stdout.readline())["gathered"] for _ in range(3)]
        self.assertEqual(len(set(times)), 3, times)

    def test_what_is_wrong_is_said(self):
        self.assertRegex(self.top("--once", status=1), "^relais top: no server runs with the data folder "
                         + re.escape(str(self.relais.data_dir)) + "\n$")
        self.assertIn("--once", self.top(status=2))  # standard output is no terminal
        self.assertIn("interval", self.top("--once", "--interval", "0", status=2))
        screen = self.screen(term="dumb")
        self.assertEqual(screen.process.wait(15), 2)
        screen = self.screen()
        self.assertEqual(screen.process.wait(15), 1)
        self.assertIn(b"no server runs", screen.process.stderr.read())
        self.assertEqual(screen.read(), "")

    def test_a_data_folder_whose_path_is_too_long(self):
        self.relais.data_dir = self.folder / ("d" * 120)
        self.relais.configure(send=[harness.smart_host(self.hop.port)])
        self.relais.start()
        self.assertTrue(self.relais.said("/live: the path has .* choose a shorter data_dir"))
        harness.send(self.port, "chris@contoso.com", ["kate@contoso.com"], BODY)
        self.assertIn("too long", self.top("--once", status=1))


if __name__ == "__main__":
    harness.main()
