#!/usr/bin/python3
"""Limits that an operator overrides on the running server, and a configuration that is watched."""

import json
import os
import pathlib
import re
import signal
import time

import harness
from harness import BINARY, Client, run
from next_hop import NextHop

MAIL = "MAIL FROM:<chris@contoso.com>"
BODY = b"Subject: x\r\n\r\nx\r\n"
RELAY = "Anonymous Relay"


def limit(measure, rate, **more):
    return {"measure": measure, "rate": rate, **more}


class Override(harness.EndToEnd):
    def setUp(self):
        super().setUp()
        self.hop = NextHop(self.ports.take()).start()
        self.addCleanup(self.hop.stop)

    def configure(self, *limits, server=None, name=RELAY, **more):
        connector = harness.relay_connector(self.port, **more)
        connector["name"] = name
        if limits:
            connector["limit"] = list(limits)
        self.relais.configure(receive=[connector], send=[harness.smart_host(self.hop.port)],
                              server=server)

    def serve(self, *limits, **more):
        self.configure(*limits, **more)
        self.relais.start()

    def relais_limit(self, *words):
        return run([BINARY, "limit", *words, "--config", str(self.relais.config_dir)])

    def good(self, *words):
        done = self.relais_limit(*words)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def refused(self, *words, status=1):
        done = self.relais_limit(*words)
        self.assertEqual((done.returncode, done.stdout), (status, ""), done.stderr)
        return done.stderr

    def listed(self):
        return json.loads(self.good("list", "--json"))

    def stats(self, *words):
        done = run([BINARY, "stats", *words, "--config", str(self.relais.config_dir)])
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def audit(self):
        text = (self.relais.data_dir / "audit.log").read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]

    def reload(self):
        before = len(self.relais.said("reload: .* in force"))
        self.relais.signal(signal.SIGHUP)
        harness.wait_until(lambda: len(self.relais.said("reload: .* in force")) > before, 10,
                           "reload")

    # ---- in force

    def test_it_is_in_force_for_a_running_session_with_its_level_scaled(self):
        """Half of 10 is used: after the change half of 40 is left, and not one more."""
        self.serve(limit("messages", "10/h", per="source"))
        client = self.client()
        self.messages(client, 5)
        said = self.good("set", RELAY, "messages/source=40/h", "--for", "2h")
        self.assertRegex(said, r'^limit messages/source of "Anonymous Relay" was 10/h and is 40/h '
                               r"until .* UTC\. A restart of the server ends that, too\.\n$")
        self.messages(client, 20)
        reply = client.command(MAIL)
        self.assertRegex(reply, r'^451 4\.7\.1 connector="Anonymous Relay" '
                                r"limit=messages/h per source 40/40 retry in ")
        self.good("remove", RELAY, "messages/source")
        self.assertRegex(client.command(MAIL), r"limit=messages/h per source 10/10 retry in ")

    def test_a_new_limit_and_a_parameter_of_exchange(self):
        """Without a [[limit]] of the measure and key: the parameter, or a limit that defers."""
        self.serve(message_rate_limit=3)
        self.assertIn("was 3/min and is 6/min",
                      self.good("set", RELAY, "messages/source=6/min", "--for", "1h"))
        self.assertIn("limit recipients/connector of \"Anonymous Relay\" was none and is 5/h",
                      self.good("set", RELAY.upper(), "recipients=5/h", "--for", "1h"))
        client = self.client()
        self.messages(client, 5)
        client.expect(MAIL, 250)
        self.assertRegex(client.command("RCPT TO:<kate@contoso.com>"),
                         r"^451 4\.7\.1 .* limit=recipients/h 5/5 ")
        self.good("remove", RELAY, "recipients/connector")
        client.expect("RCPT TO:<kate@contoso.com>", 250)
        client.expect("RSET", 250)
        self.messages(client, 1)
        self.assertEqual(client.command(MAIL),
                         "421 4.4.2 Message submission rate for this client has exceeded the "
                         "configured limit")
        self.assertIn("was 6/min and is 3/min, as the configuration says",
                      self.good("remove", RELAY, "Messages/Source"))
        self.assertIn("limit message_rate_limit of \"Anonymous Relay\" was 3 and is unlimited",
                      self.good("set", RELAY, "MessageRateLimit=unlimited", "--for", "1h"))
        self.messages(self.client(), 7)

    def test_a_burst_of_its_own(self):
        self.serve(limit("messages", "10/h", per="source", action="close"))
        self.assertIn("and is 60/h with a burst of 2",
                      self.good("set", RELAY, "messages/source=60/h", "burst=2", "--for", "1m"))
        client = self.client()
        self.messages(client, 2)
        self.assertRegex(client.command(MAIL), r"^421 4\.7\.1 .*2/2")  # the action stays

    def test_connections_at_one_time(self):
        self.serve(limit("messages", "100/h"), max_inbound_connection_per_source=1)
        self.client()
        self.good("set", RELAY, "concurrent/source=2", "--for", "1h")
        self.client()
        with Client(self.port) as third:
            self.assertRegex(third.greeting, r"^421 4\.3\.2 The maximum number of concurrent server")

    # ---- its end

    def test_it_expires_by_itself(self):
        self.serve(limit("messages", "2/h", per="source"))
        self.good("set", RELAY, "messages/source=10/h", "--for", "2s", "--keep")
        client = self.client()
        self.messages(client, 9)
        harness.wait_until(
            lambda: self.relais.said(r'limit messages/source of "Anonymous Relay" is 2/h again, as '
                                     r"the configuration says: the override with 10/h has expired"),
            10, "the end of the override")
        self.assertEqual(self.listed(), [])
        self.assertTrue(client.command(MAIL).startswith("451 4.7.1"))
        self.assertEqual(len(self.relais.said("has expired")), 1)

    def test_a_restart_forgets_and_keep_remembers(self):
        self.serve(limit("messages", "2/h", per="source"))
        self.good("set", RELAY, "messages/source=100/h", "--for", "2h")
        self.assertIn("That is kept over a restart.",
                      self.good("set", RELAY, "recipients/source=50/h", "--for", "2h", "--keep"))
        self.good("set", RELAY, "commands=500/h", "--for", "1s", "--keep")
        before = self.listed()
        self.relais.kill()
        time.sleep(1.1)
        self.relais.start()
        self.assertTrue(self.relais.said(r"limit messages/source .* set without --keep"))
        self.assertTrue(self.relais.said(r"limit recipients/source .* is kept until"))
        self.assertTrue(self.relais.said(r"limit commands/connector .* its time has run out"))
        after = self.listed()
        self.assertEqual(after, [entry for entry in before if entry["limit"] == "recipients/source"])
        client = self.client()
        self.messages(client, 2)
        self.assertTrue(client.command(MAIL).startswith("451 4.7.1"))

    # ---- against the file

    def test_a_reload_keeps_it_on_top_of_the_file(self):
        self.serve(limit("messages", "2/h", per="source"))
        self.good("set", RELAY, "messages/source=100/h", "--for", "2h")
        self.configure(limit("messages", "4/h", per="source", action="close"))
        self.reload()
        listed = self.listed()[0]
        self.assertEqual((listed["was"], listed["now"]), ("4/h", "100/h"))
        client = self.client()
        self.messages(client, 20)
        self.good("set", RELAY, "messages/source=5/h", "--for", "2h")
        self.messages(client, 4)  # a fifth of the bucket is used
        self.assertRegex(client.command(MAIL), r"^421 4\.7\.1 .* 5/5 ")  # the file's new action

    def test_a_connector_that_goes_takes_its_overrides_along(self):
        self.serve(limit("messages", "2/h", per="source"))
        self.good("set", RELAY, "messages/source=100/h", "--for", "2h")
        self.configure(limit("messages", "2/h", per="source"), name="Another")
        self.reload()
        self.assertTrue(self.relais.said(
            r'the override of limit messages/source of "Anonymous Relay" \(100/h\) is dropped: the '
            r"configuration has no such connector"))
        self.assertEqual(self.listed(), [])

    # ---- who sees it

    def test_stats_shows_it_as_drift(self):
        self.serve(limit("messages", "600/min", per="source"))
        self.assertEqual(json.loads(self.stats("--json"))["overrides"], [])
        self.assertNotIn("differ", self.stats())
        self.good("set", RELAY, "messages/source=1200/min", "--for", "2h")
        self.assertRegex(
            self.stats(),
            r'(?m)^limits that differ from the configuration\n  "Anonymous Relay" messages/source: '
            r"1200/min, in the configuration 600/min; by \S+ \(uid \d+\) at .* UTC, until .* UTC "
            r"\((119 min|1 h 59 min|2 h 0 min) left\)$")
        drift = json.loads(self.stats("--json"))["overrides"]
        self.assertEqual(drift, self.listed())
        self.assertEqual({key: drift[0][key] for key in ("connector", "limit", "was", "now", "uid")},
                         {"connector": RELAY, "limit": "messages/source", "was": "600/min",
                          "now": "1200/min", "uid": os.getuid()})
        self.assertRegex(self.good("list"), r'^  "Anonymous Relay" messages/source: 1200/min, in ')
        self.good("remove", RELAY, "messages/source")
        self.assertNotIn("differ", self.stats())
        self.assertEqual(self.good("list"), "No limit is overridden.\n")

    def test_explain_has_a_note_of_it(self):
        def explained():
            done = run([BINARY, "explain", "--config", str(self.relais.config_dir), "--local",
                        f"127.0.0.1:{self.port}", "--remote", "127.0.0.1"])
            self.assertEqual(done.returncode, 0, done.stderr)
            return done.stdout

        self.serve(limit("messages", "600/min", per="source"))
        self.assertNotIn("running server", explained())
        self.good("set", RELAY, "messages/source=1200/min", "--for", "2h", "--keep")
        self.assertRegex(explained(), r"the running server has limit messages/source at 1200/min "
                                      r"until .* UTC \(relais limit\); the configuration says 600/min")
        self.relais.stop()
        self.assertNotIn("running server", explained())

    def test_it_is_audited(self):
        self.serve(limit("messages", "600/min", per="source"))
        self.good("set", RELAY, "messages/source=1200/min", "--for", "2h")
        self.good("set", RELAY, "messages/source=1800/min", "--for", "2h", "--keep")
        self.refused("set", RELAY, "messages/source=0/min", "--for", "2h")
        self.good("remove", RELAY, "messages/source")
        first, second, third, fourth = self.audit()
        key = 'limit messages/source of "Anonymous Relay"'
        self.assertEqual(first["uid"], os.getuid())
        self.assertRegex(first["when"], r"^\d{4}-\d\d-\d\dT")
        self.assertEqual(first["command"],
                         'relais limit set "Anonymous Relay" messages/source=1200/min --for 2h')
        self.assertEqual(first["before"], {key: "600/min"})
        self.assertEqual(first["after"][key], "1200/min")
        self.assertRegex(first["after"]["until"], r"^\d{4}-\d\d-\d\dT")
        self.assertEqual(first["result"], "taken by the server")
        self.assertEqual(second["before"], {key: "1200/min"})
        self.assertTrue(second["command"].endswith("--for 2h --keep"))
        self.assertRegex(third["result"], r"^refused by the server: rate: '0/min'")
        self.assertEqual((fourth["before"], fourth["after"]), ({key: "1800/min"}, {key: "600/min"}))

    # ---- bad input

    def test_what_cannot_be_is_refused_and_changes_nothing(self):
        self.serve(limit("messages", "600/min", per="source"))
        said = self.refused("set", "Anonymus Relay", "messages/source=5/min", "--for", "2h")
        self.assertEqual(said, 'relais limit: no connector is called "Anonymus Relay". Did you mean '
                               '"Anonymous Relay"? There are "Anonymous Relay"\n')
        for words, wanted in [
                (["messages/source=10/fortnight"], "'fortnight' is no unit of time; those are s, min"),
                (["messages/source=0/min"], "rate: '0/min': the count is 0. Write "),
                (["messages/source=-5/min"], "'-5' is no whole number above 0"),
                (["messages/source=5/min", "burst=0"], "burst: 0 is out of range. Write a whole"),
                (["mesages/source=5/min"], "measure: 'mesages' is not known. Write "),
                (["messages/recipient_domain=5/min"],
                 "messages cannot be counted per recipient_domain. With this measure write one of"),
                (["bytes/source=1MB/min"], "a message of that size would never pass"),
                (["message_rate_limit=0"], "message_rate_limit: 0 is out of range")]:
            self.assertIn(wanted, self.refused("set", RELAY, *words, "--for", "2h"))
        for words, wanted in [
                (["messages/source=5/min"], "--for is missing"),
                (["messages/source=5/min", "--for", "soon"],
                 "--for: 'soon' is no duration. Write a duration from 1s to 30d"),
                (["messages/source=5/min", "--for", "31d"], "--for: '31d' is out of range."),
                (["messages/source", "--for", "2h"], "the = is missing"),
                (["messages/source=", "--for", "2h"], "nothing behind the ="),
                (["a=1/s", "b=1/s", "--for", "2h"], "one limit at a time"),
                (["burst=5", "--for", "2h"], "write relais limit set CONNECTOR LIMIT=RATE")]:
            self.assertIn(wanted, self.refused("set", RELAY, *words, status=2))
        self.assertIn("There are", self.refused("remove", "No", "messages/source"))
        self.assertIn('limit messages/source of "Anonymous Relay" is not overridden',
                      self.refused("remove", RELAY, "messages/source"))
        self.refused("frobnicate", status=2)
        self.refused(status=2)
        self.assertEqual(self.listed(), [])

    def test_without_a_server_it_says_so(self):
        self.configure(limit("messages", "600/min", per="source"))
        for words in (["set", RELAY, "messages/source=5/min", "--for", "2h"], ["list"],
                      ["remove", RELAY, "messages/source"]):
            self.assertIn("no server runs with the configuration in", self.refused(*words))
        self.assertFalse(self.relais.data_dir.exists())

    def test_an_older_server_is_not_killed_by_the_question(self):
        """One that keeps no book of overrides does not know the signal."""
        self.serve(limit("messages", "600/min", per="source"))
        (self.relais.data_dir / "overrides.json").unlink()
        self.assertIn("takes no overrides; restart it",
                      self.refused("set", RELAY, "messages/source=5/min", "--for", "2h"))
        self.messages(self.client(), 1)


class Watched(harness.EndToEnd):
    def setUp(self):
        super().setUp()
        self.hop = NextHop(self.ports.take()).start()
        self.addCleanup(self.hop.stop)
        self.relais.configure(receive=[harness.relay_connector(self.port)],
                              send=[harness.smart_host(self.hop.port)],
                              server={"watch_config": True})
        self.file = self.relais.config_dir / "connectors" / "0.toml"
        self.text = self.file.read_text()
        self.relais.start()

    def put(self, text, path=None):
        """As editors do it: beside the file, then into its place."""
        path = path or self.file
        fresh = path.with_name(f".{path.name}.swp")
        fresh.write_text(text)
        fresh.rename(path)

    def reloads(self):
        return len(self.relais.said(r"reload: .* are in force"))

    def wait_reloads(self, count):
        harness.wait_until(lambda: self.reloads() >= count, 10, f"reload {count}")
        time.sleep(1)
        self.assertEqual(self.reloads(), count)

    def test_a_file_that_is_renamed_into_place_is_taken(self):
        self.put("max_hop_count = 7\n" + self.text)
        self.wait_reloads(1)
        self.assertTrue(self.relais.said(r"reload: \S+/connectors/0\.toml has changed"))
        with open(self.file, "a", encoding="utf-8") as file:  # and one that is written in place
            file.write("# more\n")
        self.wait_reloads(2)
        self.put('name = "Other"\nbindings = ["127.0.0.1:%d"]\nremote_ip_ranges = ["127.0.0.2"]\n'
                 % self.port, self.file.with_name("other.toml"))
        self.wait_reloads(3)
        with Client(self.port, "127.0.0.2") as client:
            self.assertTrue(client.greeting.startswith("220 "))
        self.file.with_name("other.toml").unlink()
        self.wait_reloads(4)

    def test_several_changes_at_one_time_are_one_reload(self):
        main = self.relais.config_dir / "relais.toml"
        for _ in range(5):
            self.put(self.text)
            self.put(main.read_text(), main)
        self.wait_reloads(1)

    def test_a_broken_file_keeps_the_old_and_says_why_once(self):
        self.put("max_hop_count = 0\n" + self.text)
        harness.wait_until(lambda: self.relais.said("the last good one stays in force"), 10, "no")
        time.sleep(1)
        self.assertEqual(len(self.relais.said("the last good one stays in force")), 1)
        self.assertEqual(len(self.relais.said(r"0\.toml:1: max_hop_count: 0 is out of range")), 1)
        harness.send(self.port, "chris@contoso.com", ["kate@fabrikam.com"], BODY)
        self.put(self.text)
        self.wait_reloads(1)

    def test_other_files_are_nobodys_matter(self):
        for name in (".0.toml.swp", "0.toml~", "4913", "notes.txt"):
            (self.relais.config_dir / "connectors" / name).write_text("x")
            (self.relais.config_dir / name).write_text("x")
        time.sleep(1.5)
        self.assertEqual(self.relais.said("reload:"), [])

    def test_a_signal_and_a_change_are_one_reload(self):
        """As the shell does it: the file, then SIGHUP."""
        self.put("max_hop_count = 7\n" + self.text)
        self.relais.signal(signal.SIGHUP)
        self.wait_reloads(1)

    def test_a_folder_in_another_ones_place(self):
        connectors = self.relais.config_dir / "connectors"
        fresh = pathlib.Path(self.folder) / "fresh"
        fresh.mkdir()
        (fresh / "0.toml").write_text("max_hop_count = 7\n" + self.text)
        connectors.rename(pathlib.Path(self.folder) / "old")
        fresh.rename(connectors)
        self.wait_reloads(1)
        self.put("max_hop_count = 8\n" + self.text)
        self.wait_reloads(2)

    def test_it_can_be_switched_off_and_on(self):
        main = self.relais.config_dir / "relais.toml"
        text = main.read_text()
        self.put(text.replace("watch_config = true", "watch_config = false"), main)
        self.wait_reloads(1)
        self.assertFalse(self.relais.said("take effect at the next start"))
        self.put(self.text)
        time.sleep(1.5)
        self.assertEqual(self.reloads(), 1)
        self.put(text, main)
        self.relais.signal(signal.SIGHUP)
        self.wait_reloads(2)
        self.put(self.text)
        self.wait_reloads(3)


if __name__ == "__main__":
    harness.main()
