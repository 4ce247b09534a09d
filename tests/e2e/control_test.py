#!/usr/bin/python3
"""Signals: SIGTERM finishes what is in flight, SIGHUP changes policy or says why not."""

import signal
import subprocess
import time

import harness
from harness import Client
from next_hop import Delay, NextHop

BODY = b"Subject: control\r\n\r\ntext\r\n"


class Control(harness.EndToEnd):
    def setUp(self):
        super().setUp()
        self.hop = NextHop(self.ports.take()).start()
        self.addCleanup(self.hop.stop)
        self.configure()

    def configure(self, receive=None):
        self.relais.configure(receive=receive, send=[harness.smart_host(self.hop.port)])

    def test_sigterm_says_421_to_an_idle_session(self):
        self.relais.start()
        with Client(self.port) as idle, Client(self.port) as greeted:
            greeted.expect("EHLO x", 250)
            started = time.monotonic()
            self.relais.signal(signal.SIGTERM)
            for client in (idle, greeted):
                self.assertRegex(client.reply(), r"\A421 4\.3\.2 ")
                self.assertEqual(client.line(), "")
            self.assertEqual(self.relais.wait(), 0)
            self.assertLess(time.monotonic() - started, 4 * harness.PATIENCE,
                            "nothing was in flight, so nothing to wait for")

    def test_sigterm_lets_a_message_in_the_middle_of_data_finish(self):
        self.relais.start()
        with Client(self.port) as client:
            client.expect("EHLO x", 250)
            client.begin("chris@contoso.com", ["kate@fabrikam.com"])
            client.expect("DATA", 354)
            client.send(BODY[:20])
            self.relais.signal(signal.SIGTERM)
            time.sleep(0.5)
            for _ in range(10):  # each core has a listener
                with self.assertRaises(ConnectionRefusedError):
                    Client(self.port, timeout=2)
            client.send(BODY[20:] + b".\r\n")
            harness.guid_of(client.reply())
            self.assertRegex(client.reply(), r"\A421 ")
            self.assertEqual(client.line(), "")
        self.assertEqual(self.relais.wait(), 0)
        if not self.hop.messages:  # kept, then: it goes out at the next start
            self.relais.start()
        harness.wait_until(lambda: self.hop.messages, 10, "the message")
        self.assertEqual(harness.without_received(self.hop.messages[0].content), BODY)

    def test_sigterm_does_not_wait_for_ever(self):
        self.relais.configure(send=[harness.smart_host(self.hop.port)],
                              server={"drain_timeout": "1s"})
        self.relais.start()
        with Client(self.port) as client:
            client.expect("EHLO x", 250)
            client.begin("chris@contoso.com", ["kate@fabrikam.com"])
            client.expect("DATA", 354)
            client.send(BODY)
            started = time.monotonic()
            self.relais.signal(signal.SIGTERM)
            self.assertEqual(self.relais.wait(), 0)
            self.assertLess(time.monotonic() - started, 5 * harness.PATIENCE)
        self.relais.start()
        time.sleep(1)
        self.assertEqual(self.hop.messages, [], "a message without its dot was delivered")

    def test_sigterm_under_load_loses_and_doubles_nothing(self):
        self.hop.rule = lambda verb, argument, session: Delay(0.02) if verb == "END" else None
        self.relais.start()
        ledger = []
        clients = []
        for _ in range(5):
            client = Client(self.port)
            client.expect("EHLO x", 250)
            clients.append(client)
        for number in range(50):
            for index, client in enumerate(clients):
                name = f"u{number}x{index}@fabrikam.com"
                client.message("chris@contoso.com", [name], BODY)
                ledger.append(name)
        self.relais.stop()
        for client in clients:
            client.close()
        self.relais.start()
        got = lambda: sorted(r for m in self.hop.messages for r in m.recipients)
        harness.wait_until(lambda: len(got()) >= len(ledger), 20, "all messages")
        time.sleep(0.5)
        self.assertEqual(got(), sorted(ledger))

    def test_sigint_is_as_good(self):
        self.relais.start()
        self.relais.signal(signal.SIGINT)
        self.assertEqual(self.relais.wait(), 0)

    def test_sighup_changes_policy_for_new_sessions_only(self):
        self.relais.start()
        with Client(self.port) as old:
            old.expect("EHLO x", 250)
            self.configure(receive=[harness.default_connector(self.port)])
            self.relais.signal(signal.SIGHUP)

            def refused():
                with Client(self.port) as new:
                    new.expect("EHLO x", 250)
                    new.expect("MAIL FROM:<a@contoso.com>", 250)
                    return new.command("RCPT TO:<b@fabrikam.com>") == "550 5.7.1 Unable to relay"
            harness.wait_until(refused, 10, "the new policy")
            old.message("a@contoso.com", ["b@fabrikam.com"], BODY)
            old.quit()
        # And back again.
        self.configure()
        self.relais.signal(signal.SIGHUP)
        harness.wait_until(lambda: not refused(), 10, "the first policy again")

    def test_sighup_with_a_bad_file_keeps_the_last_good_policy(self):
        self.relais.start()
        path = self.relais.config_dir / "connectors" / "0.toml"
        good = path.read_text()
        path.write_text(good + "\n[[nonsense]]\n")
        self.relais.signal(signal.SIGHUP)
        harness.wait_until(lambda: self.relais.said(r"0\.toml:\d+.*nonsense"), 10,
                           "the reason on standard error")
        harness.send(self.port, "a@contoso.com", ["b@fabrikam.com"], BODY)
        harness.wait_until(lambda: self.hop.messages, 10, "the message")
        path.write_text(good)

    def told(self, command):
        done = harness.run([harness.BINARY, command, "--config", str(self.relais.config_dir)])
        return done.returncode, done.stdout, done.stderr

    def test_reload_waits_for_the_servers_word(self):
        status, _, said = self.told("reload")
        self.assertEqual(status, 1)
        self.assertIn("no server runs", said)
        self.relais.start()
        self.configure(receive=[harness.default_connector(self.port)])
        status, text, said = self.told("reload")
        self.assertEqual((status, said), (0, ""))
        self.assertIn("has taken the configuration", text)
        with Client(self.port) as new:  # at once: nothing to wait for
            new.expect("EHLO x", 250)
            new.expect("MAIL FROM:<a@contoso.com>", 250)
            new.expect("RCPT TO:<b@fabrikam.com>", 550)
        path = self.relais.config_dir / "connectors" / "0.toml"
        good = path.read_text()
        path.write_text(good + "\n[[nonsense]]\n")
        status, text, said = self.told("reload")
        self.assertEqual((status, text), (1, ""))
        self.assertRegex(said, r"0\.toml:\d+.*nonsense")
        self.assertIn("not taken, and what was in force still is", said)
        path.write_text(good)
        self.assertEqual(self.told("reload")[0], 0)

    def test_drain_waits_for_the_end(self):
        self.assertEqual(self.told("drain")[0], 1)
        self.relais.start()
        with Client(self.port) as client:
            client.expect("EHLO x", 250)
            status, text, said = self.told("drain")
            self.assertEqual((status, said), (0, ""))
            self.assertIn("It has ended", text)
            self.assertRegex(client.reply(), r"\A421 ")
        self.assertEqual(self.relais.wait(), 0)

    def test_wrong_words_are_named(self):
        def run(*arguments):
            return harness.run([harness.BINARY, *arguments])
        done = run("chek")
        self.assertEqual(done.returncode, 2)
        self.assertIn("there is no command 'chek'. Did you mean 'check'?", done.stderr)
        done = run("explain", "--foo")
        self.assertEqual(done.returncode, 2)
        self.assertIn("there is no option '--foo'", done.stderr)
        self.assertEqual(run("--version").stdout, run("version").stdout)
        self.assertEqual(run("--version").returncode, 0)

    def test_an_answer_that_cannot_be_written_is_none(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([harness.BINARY, "version"], stdout=full,
                                  stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("standard output could not be written: No space left", done.stderr)

    def test_many_sighups_under_load(self):
        self.relais.start()
        with Client(self.port) as client:
            client.expect("EHLO x", 250)
            for number in range(100):
                if number % 5 == 0:
                    self.relais.signal(signal.SIGHUP)
                client.message("a@contoso.com", ["b@fabrikam.com"], BODY)
            client.quit()
        harness.wait_until(lambda: len(self.hop.messages) >= 100, 10, "100 messages")


if __name__ == "__main__":
    harness.main()
