#!/usr/bin/python3
"""Who uses it: the server counts by connector and range, and `relais stats` says what it counted."""

import json
import re
import signal
import time

import harness
from harness import Client
from next_hop import NextHop

BODY = harness.Counted.BODY
NOBODY = {"connections": 0, "messages": 0, "recipients": 0, "octets": 0, "refused": 0,
          "refusals": {}, "sessions": 0}


class Stats(harness.Counted, harness.EndToEnd):
    def setUp(self):
        super().setUp()
        self.hop = NextHop(self.ports.take()).start()
        self.addCleanup(self.hop.stop)
        self.configure()

    def configure(self, relay=("127.0.0.11", "127.0.0.12-127.0.0.14", "127.0.1.0/24"),
                  other=("127.0.0.0/24", "127.0.9.0/24")):
        self.relais.configure(
            receive=[harness.relay_connector(self.port, remote_ip_ranges=list(relay)),
                     harness.default_connector(self.port, remote_ip_ranges=list(other))],
            send=[harness.smart_host(self.hop.port)])

    def run_stats(self, *more):
        return harness.run([harness.BINARY, "stats", "--config", str(self.relais.config_dir),
                            *more])

    def stats(self, *more):
        done = self.run_stats("--json", *more)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def connector(self, name, *more):
        for connector in self.stats(*more)["connectors"]:
            if connector["connector"] == name:
                return connector
        return None

    def ranges(self, name):
        return {entry["range"]: entry for entry in (self.connector(name) or {"ranges": []})["ranges"]}

    def expect(self, entry, **figures):
        wanted = {**NOBODY, **figures}
        self.assertEqual({key: entry[key] for key in wanted}, wanted, entry)

    def wait_counted(self, name, seconds=10, **figures):
        """Until the file says so; within 5 s is promised."""
        def counted():
            entry = self.connector(name)
            return entry and all(entry[key] == value for key, value in figures.items())
        harness.wait_until(counted, seconds, f"{name}: {figures}")

    def traffic(self):
        self.send("127.0.0.11", 3)
        self.send("127.0.0.12", 2, ["a@contoso.com", "b@fabrikam.com"])
        self.send("127.0.0.13")
        self.send("127.0.0.99")
        self.refused_relay("127.0.0.99")
        self.refused_relay("127.0.0.98")
        with Client(self.port, "127.0.0.99") as client:
            client.expect("EHLO x", 250)
            client.expect("NONSENSE", 500)
            client.quit()
        with Client(self.port, "127.0.5.1", greet=False) as nobody:
            self.assertRegex(nobody.reply(), r"\A421 4\.3\.2 ")

    def check_traffic(self, times=1):
        relay = self.connector("Anonymous Relay")
        size = len(BODY)
        self.expect(relay, connections=3 * times, messages=6 * times, recipients=8 * times,
                    octets=6 * size * times)
        self.assertEqual((relay["ranges_configured"], relay["ranges_used"]), (3, 2))
        ranges = {entry["range"]: entry for entry in relay["ranges"]}
        self.assertEqual(set(ranges), {"127.0.0.11", "127.0.0.12-127.0.0.14"})
        self.expect(ranges["127.0.0.11"], connections=times, messages=3 * times,
                    recipients=3 * times, octets=3 * size * times)
        self.expect(ranges["127.0.0.12-127.0.0.14"], connections=2 * times, messages=3 * times,
                    recipients=5 * times, octets=3 * size * times)
        self.assertEqual([(c["client"], c["connections"], c["messages"], c["refused"], c["exact"])
                          for c in relay["clients"]],
                         [("127.0.0.11", times, 3 * times, 0, True),
                          ("127.0.0.12", times, 2 * times, 0, True),
                          ("127.0.0.13", times, times, 0, True)])
        other = self.connector("Default Frontend")
        self.expect(other, connections=4 * times, messages=times, recipients=times,
                    octets=size * times, refused=3 * times,
                    refusals={"relay": 2 * times, "protocol": times})
        self.assertEqual({c["client"]: (c["connections"], c["messages"], c["refused"])
                          for c in other["clients"]},
                         {"127.0.0.99": (3 * times, times, 2 * times),
                          "127.0.0.98": (times, 0, times)})
        self.assertEqual(other["last_refusal"]["client"], "127.0.0.99")
        self.assertEqual(other["last_refusal"]["reply"], "500 5.3.3 Unrecognized command")
        nobody = self.connector("")
        self.expect(nobody, refused=times, refusals={"no_connector": times})
        self.assertEqual(nobody["clients"][0]["client"], "127.0.5.1")

    def test_counts_are_exact_over_two_cores(self):
        self.relais.start()
        began = time.time()
        self.traffic()
        self.wait_counted("", refused=1)
        self.wait_counted("Default Frontend", refused=3, sessions=0)
        self.check_traffic()
        stats = self.stats()
        self.assertTrue(stats["running"])
        seen = stats["connectors"][0]["last_seen"]
        self.assertLess(abs(time.mktime(time.strptime(seen[:19], "%Y-%m-%dT%H:%M:%S"))
                            - time.timezone - began), 30 * harness.PATIENCE)

    def test_many_clients_at_once_are_each_counted_once(self):
        self.relais.start()
        clients = [Client(self.port, f"127.0.1.{number}") for number in range(1, 101)]
        for client in clients:
            client.expect("EHLO x", 250)
        for client in clients:
            client.message("a@contoso.com", ["b@contoso.com"], BODY)
        self.wait_counted("Anonymous Relay", sessions=100, messages=100)
        for client in clients[:60]:
            client.quit()
        self.wait_counted("Anonymous Relay", sessions=40, connections=100, messages=100)
        self.assertEqual(self.ranges("Anonymous Relay")["127.0.1.0/24"]["sessions"], 40)
        self.assertEqual(len(self.connector("Anonymous Relay")["clients"]), 64)
        self.assertEqual(len(self.connector("Anonymous Relay", "--top", "5")["clients"]), 5)
        for client in clients[60:]:
            client.close()
        self.wait_counted("Anonymous Relay", sessions=0)

    def test_a_restart_goes_on_counting(self):
        for times in (1, 2):
            self.relais.start()
            self.traffic()
            self.relais.stop()
            self.check_traffic(times)  # without a running server
            self.assertFalse(self.stats()["running"])

    def test_what_is_under_way_at_sigterm_is_counted_too(self):
        self.relais.start()
        with Client(self.port, "127.0.0.11") as client:
            client.expect("EHLO x", 250)
            client.begin("chris@contoso.com", ["kate@contoso.com"])
            client.expect("DATA", 354)
            self.relais.signal(signal.SIGTERM)
            time.sleep(0.3)  # the drain has begun, and the message is still open
            client.send(BODY + b".\r\n")
            harness.guid_of(client.reply())
        self.assertEqual(self.relais.wait(), 0)
        self.expect(self.connector("Anonymous Relay"), connections=1, messages=1, recipients=1,
                    octets=len(BODY))

    def test_kill_loses_at_most_five_seconds(self):
        self.relais.start()
        self.send("127.0.0.11", 5)
        time.sleep(5 * harness.PATIENCE)  # the promise under test: older than that is on disk
        self.send("127.0.0.11", 2)
        self.relais.kill()
        before = self.connector("Anonymous Relay")["messages"]
        self.assertIn(before, range(5, 8))
        self.assertFalse(self.stats()["running"])
        self.assertEqual(self.connector("Anonymous Relay")["sessions"], 0)
        self.relais.start()
        self.send("127.0.0.11", 1)
        self.relais.stop()
        self.assertEqual(self.connector("Anonymous Relay")["messages"], before + 1)

    def test_kill_in_a_loop_never_breaks_the_file(self):
        counted = 0
        for _ in range(5):
            self.relais.start()
            self.assertFalse(self.relais.said("counting begins anew"))
            end = time.monotonic() + 1.5
            while time.monotonic() < end:
                self.send("127.0.0.11", 10)
            self.relais.kill()
            now = (self.connector("Anonymous Relay") or {"messages": 0})["messages"]
            self.assertGreaterEqual(now, counted)
            counted = now

    def test_a_reload_keeps_what_stays_and_remembers_what_goes(self):
        self.relais.start()
        self.send("127.0.0.11")
        self.send("127.0.0.12")
        with Client(self.port, "127.0.0.11") as old:
            old.expect("EHLO x", 250)
            # In another order, one gone, one new: positions mean nothing.
            self.configure(relay=("127.0.7.0/24", "127.0.0.12-127.0.0.14"))
            self.relais.signal(signal.SIGHUP)
            harness.wait_until(lambda: self.relais.said("are in force"), 10, "the reload")
            self.send("127.0.7.7")
            self.send("127.0.0.12", 2)
            self.send("127.0.0.11")  # now the other connector's
            old.message("a@contoso.com", ["b@contoso.com"], BODY)  # still the old policy's
            old.quit()
        self.relais.stop()
        relay = self.ranges("Anonymous Relay")
        self.assertEqual({name: (entry["messages"], entry["configured"])
                          for name, entry in relay.items()},
                         {"127.0.0.11": (2, False), "127.0.0.12-127.0.0.14": (3, True),
                          "127.0.7.0/24": (1, True)})
        self.assertEqual(self.ranges("Default Frontend")["127.0.0.0/24"]["messages"], 1)
        text = self.run_stats().stdout
        self.assertRegex(text, r"(?m)^  127\.0\.0\.11 \(removed\) +0 +2 +2 ")
        self.configure()
        self.assertTrue(self.ranges("Anonymous Relay")["127.0.0.11"]["configured"])

    def test_unused_lists_exactly_the_unused(self):
        self.relais.start()
        self.traffic()
        self.relais.stop()
        report = self.stats("--unused")
        self.assertEqual([(e["connector"], e["range"], e["last_seen"]) for e in report["unused"]],
                         [("Anonymous Relay", "127.0.1.0/24", None),
                          ("Default Frontend", "127.0.9.0/24", None)])
        # The line that is named holds the range.
        for entry in report["unused"]:
            with open(entry["file"], encoding="utf-8") as file:
                self.assertIn(entry["range"], file.read().split("\n")[entry["line"] - 1])
        text = self.run_stats("--unused").stdout
        self.assertRegex(text, r'(?m)^\S+/0\.toml:\d+: 127\.0\.1\.0/24 of "Anonymous Relay": '
                               r'never used$')
        self.assertIn("\n2 of 5 ranges were not used since ", text)
        self.assertNotIn("is not known", text)
        one = self.stats("--unused", "--connector", "default frontend")
        self.assertEqual([e["range"] for e in one["unused"]], ["127.0.9.0/24"])

    def test_unused_since(self):
        self.relais.start()
        self.send("127.0.0.11")
        self.relais.stop()
        time.sleep(1.1)  # so that the use lies before a --since of now
        self.assertEqual(len(self.stats("--unused", "--since", "0s")["unused"]), 5)
        lately = self.stats("--unused", "--since", "1h")
        self.assertEqual(len(lately["unused"]), 4)
        self.assertFalse(lately["covered"], "counting has not run that long")
        text = self.run_stats("--unused", "--since", "30d").stdout
        self.assertIn("what was used before it is not known", text)
        text = self.run_stats("--unused", "--since", "0s").stdout
        self.assertRegex(text, r'127\.0\.0\.11 of "Anonymous Relay": last used 20\d\d-')

    def test_the_table_for_people(self):
        self.relais.start()
        with Client(self.port, "127.0.0.11") as client:
            client.expect("EHLO x", 250)
            self.traffic()
            self.wait_counted("Anonymous Relay", sessions=1)
            self.wait_counted("Default Frontend", refused=3)
            text = self.run_stats().stdout
        self.assertRegex(text, r"\ACounted since 20\d\d-.* UTC\. The server runs \(process "
                               rf"{self.relais.pid}\)")
        self.assertRegex(text, r"(?m)^Anonymous Relay +1 +4 +6 +8 +\d+ B +0  \d+ s ago$")
        self.assertRegex(text, r"(?m)^  127\.0\.0\.11 +1 +2 +3 +3 ")
        self.assertRegex(text, r"(?m)^  1 of 3 ranges were never used$")
        self.assertRegex(text, r"(?m)^  refused  unable to relay 2, protocol error 1$")
        self.assertRegex(text, r"(?m)^  last +\d+ s ago, 127\.0\.0\.99: 500 5\.3\.3 ")
        self.assertRegex(text, r"(?m)^  clients  127\.0\.0\.11 +2 connections +3 messages ")
        self.assertRegex(text, r"(?m)^\(no connector\) +0 +0 +0 ")
        only = self.run_stats("--connector", "default frontend").stdout
        self.assertNotIn("Anonymous Relay", only)
        self.assertIn("Default Frontend", only)

    def test_the_log_names_the_range(self):
        self.relais.start()
        self.send("127.0.0.12")
        self.refused_relay("127.0.0.99")
        self.assertEqual(self.relais.wait_event("message")["range"], "127.0.0.12-127.0.0.14")
        self.assertEqual(self.relais.wait_event("refused")["range"], "127.0.0.0/24")

    def test_a_damaged_file_is_set_aside(self):
        self.relais.start()
        self.send("127.0.0.11")
        self.relais.stop()
        path = self.relais.data_dir / "usage.json"
        path.write_text(path.read_text()[:200])
        done = self.run_stats()
        self.assertEqual(done.returncode, 1)
        self.assertIn("usage.json is damaged; a running server sets it aside at its next start",
                      done.stderr)
        self.assertNotIn("parse", done.stderr)
        self.relais.start()
        self.assertTrue(self.relais.said(r"usage\.json: damaged\. .*counting begins anew"))
        self.send("127.0.0.12")
        self.relais.stop()
        self.expect(self.connector("Anonymous Relay"), connections=1, messages=1, recipients=1,
                    octets=len(BODY))
        self.assertTrue((self.relais.data_dir / "usage.json.damaged").exists())

    def test_wrong_use(self):
        self.assertEqual(self.run_stats("--top", "-1").returncode, 2)
        done = self.run_stats()
        self.assertEqual(done.returncode, 1)
        self.assertIn("no server has counted anything yet", done.stderr)
        self.relais.start()
        done = self.run_stats("--connector", "Nobody")
        self.assertEqual(done.returncode, 1)
        self.assertIn('"Anonymous Relay"', done.stderr)
        for wrong in (["--since", "30d"], ["--unused", "--since", "yesterday"], ["--top", "x"],
                      ["--nonsense"]):
            done = self.run_stats(*wrong)
            self.assertEqual(done.returncode, 2, wrong)
            self.assertTrue(re.search(r"since|top|nonsense", done.stderr), done.stderr)


if __name__ == "__main__":
    harness.main()
