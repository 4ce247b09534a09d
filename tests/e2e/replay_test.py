#!/usr/bin/python3
"""The log of a running server against other limits: `relais replay`."""

import json
import pathlib
import shutil
import subprocess
import time

import harness
from harness import Client
from next_hop import NextHop

BODY = b"Subject: x\r\n\r\nx\r\n"


class Replay(harness.EndToEnd):
    def configure(self, *limits, port=None, **more):
        connector = harness.relay_connector(port or self.port,
                                            remote_ip_ranges=["127.0.0.0/8"], **more)
        if limits:
            connector["limit"] = list(limits)
        self.relais.configure(receive=[connector], send=[harness.smart_host(self.hop.port)])

    def setUp(self):
        super().setUp()
        self.hop = NextHop(self.ports.take()).start()
        self.addCleanup(self.hop.stop)

    def new_limits(self, *limits, **more):
        """The same configuration with other limits, in a folder beside it."""
        self.configure(*limits, **more)
        new = self.folder / "new"
        shutil.rmtree(new, ignore_errors=True)
        shutil.copytree(self.relais.config_dir, new)
        return new

    def replay(self, config, *more, status=0, log=None, stdin=None):
        done = subprocess.run(
            [harness.BINARY, "replay", str(log or self.relais.log_file), "--config", str(config),
             *more], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            timeout=60 * harness.PATIENCE, check=False)
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stdout if status == 0 else done.stderr

    def traffic(self):
        """Twelve messages from each of two clients; five of each get through, then 451."""
        for source in ("127.0.0.2", "127.0.0.3"):
            with Client(self.port, source) as client:
                client.expect("EHLO client.contoso.com", 250)
                for _ in range(5):
                    client.message("chris@contoso.com", ["kate@contoso.com"], BODY)
                for _ in range(7):
                    client.expect("MAIL FROM:<chris@contoso.com>", 451)
                client.quit()
        harness.wait_until(lambda: len(self.relais.events("refused")) == 14, 10, "the log")

    def test_a_day_of_a_server_against_other_limits(self):
        tight = {"measure": "messages", "per": "source", "rate": "1/h", "burst": 5}
        self.configure(tight)
        self.relais.start()
        self.traffic()
        self.relais.stop()

        same = json.loads(self.replay(self.new_limits(tight), "--json"))
        connector = same["connectors"][0]
        self.assertEqual(connector["connector"], "Anonymous Relay")
        self.assertEqual((same["sessions"], same["unreadable"]), (2, 0))
        was = {"connections": 2, "messages": 24, "accepted": 10, "deferred": 14}
        for key, value in was.items():
            self.assertEqual(connector["was"][key], value, key)
            self.assertEqual(connector["would_be"][key], value, key)
            self.assertEqual(connector["difference"][key], 0, key)

        wide = self.new_limits({**tight, "burst": 10})
        text = self.replay(wide)
        self.assertRegex(text, r"accepted +10 +20 +\+10\n")
        self.assertRegex(text, r"deferred +14 +4 +-10\n")
        self.assertIn("127.0.0.2", text)
        self.assertIn("What replay cannot know:", text)
        from_input = self.replay(wide, log="-", stdin=self.relais.log_file.read_text())
        self.assertEqual(from_input, text)

        delayed = json.loads(self.replay(self.new_limits(
            {**tight, "rate": "60/min", "burst": 1, "action": "delay"}), "--json"))
        would = delayed["connectors"][0]["would_be"]
        self.assertEqual((would["accepted"], would["delayed_sessions"]), (24, 2))
        self.assertGreaterEqual(would["delayed"], 20)
        self.assertLessEqual(would["longest_s"], 1)

    def test_another_connector_takes_the_clients(self):
        """Selection is done anew, by the address and port that a client connected to."""
        self.configure()
        self.relais.start()
        harness.send(self.port, "chris@contoso.com", ["kate@contoso.com"], BODY)
        self.relais.wait_event("message")
        self.relais.stop()
        new = self.new_limits(port=self.ports.take())
        report = json.loads(self.replay(new, "--json"))
        self.assertEqual(report["unserved_sessions"], 1)
        self.assertEqual(report["connectors"][0]["would_be"]["accepted"], 0)

    def test_what_is_wrong_is_said(self):
        new = self.new_limits()
        log = pathlib.Path(self.folder) / "log"
        self.assertIn(f"{log} cannot be read", self.replay(new, log=log, status=1))
        self.assertIn("cannot be read", self.replay(new, log=self.folder, status=1))
        log.write_text("")
        self.assertIn("none of 0 lines", self.replay(new, log=log, status=1))
        log.write_text("\nnonsense\n")
        self.assertIn(f"{log}:2: it is no JSON", self.replay(new, log=log, status=1))
        good = ('{"time":"2026-01-31T10:20:30.123Z","event":"message","connector":"Anonymous Relay",'
                '"client":"127.0.0.1:4711","from":"","to":["kate@contoso.com"],"size":10,"ms":1}\n')
        log.write_text(good + "{\n" + good + '{"time":"2026-0')
        text = self.replay(new, log=log)
        self.assertIn(f"2 lines could not be read; the first is {log}:2: ", text)
        self.assertIn("2 lines without the local address", text)
        (new / "relais.toml").write_text("[server]\nfqdn = 7\n")
        self.assertIn("is not valid", self.replay(new, log=log, status=1))
        done = harness.run([harness.BINARY, "replay", "--config", str(new)])
        self.assertEqual(done.returncode, 2)

    def test_many_lines_are_read_in_a_few_seconds(self):
        new = self.new_limits({"measure": "messages", "per": "source", "rate": "60/min"})
        log = pathlib.Path(self.folder) / "log"
        with open(log, "w", encoding="utf-8") as out:
            for i in range(100_000):
                out.write(f'{{"time":"2026-01-31T{i // 3600 % 24:02}:{i // 60 % 60:02}:{i % 60:02}.000Z",'
                          f'"event":"message","connector":"Anonymous Relay","range":"127.0.0.0/8",'
                          f'"client":"127.0.0.{i % 250 + 1}:4711","local":"127.0.0.1:{self.port}",'
                          f'"session_ms":1.000,"helo":"a","from":"chris@contoso.com",'
                          f'"to":["kate@contoso.com"],"size":1000,"id":"x","reply":"250 2.6.0 ok",'
                          f'"reason":"accepted","ms":1.000}}\n')
        begin = time.monotonic()
        self.assertIn("100000 lines of 100000", self.replay(new, log=log))
        self.assertLess(time.monotonic() - begin, 5 * harness.PATIENCE)


if __name__ == "__main__":
    harness.main()
