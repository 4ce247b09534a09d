#!/usr/bin/python3
"""A next hop that is the bottleneck: sources share it, and a flood keeps nobody else waiting. A
spool that is the bottleneck: what is reserved for a connector is there for it."""

import threading
import time

import harness
from harness import Client
from next_hop import Delay, NextHop

BODY = b"Subject: fair\r\n\r\ntext\r\n"
ALARM = "127.0.0.2"


class Fair(harness.EndToEnd):
    def setUp(self):
        super().setUp()
        self.hop = NextHop(self.ports.take(), keep=lambda message: message.recipients[0])
        self.hop.keep_commands = False
        self.addCleanup(self.hop.stop)

    def start(self, receive, **more):
        self.relais.configure(
            receive=receive, server={"cores": 1},
            send=[harness.smart_host(self.hop.port, max_connections=2)], **more)
        self.relais.start()

    def slow(self, seconds):
        self.hop.rule = lambda verb, argument, session: Delay(seconds) if verb == "END" else None

    def flood(self, name, count, port=None, source="127.0.0.1", clients=8):
        """Sends `count` messages to name-0, name-1 ... as fast as it can; all must be taken."""
        failures = []

        def one(first):
            try:
                with Client(port or self.port, source) as client:
                    client.expect("EHLO flood.example", 250)
                    for n in range(first, count, clients):
                        client.send(f"MAIL FROM:<a@contoso.com>\r\nRCPT TO:<{name}-{n}@x.com>\r\n"
                                    "DATA\r\n")
                        replies = [client.reply() for _ in range(3)]
                        assert replies[2].startswith("354"), replies
                        client.send(BODY + b".\r\n")
                        harness.guid_of(client.reply())
            except (AssertionError, OSError) as error:
                failures.append(repr(error))

        threads = [threading.Thread(target=one, args=(n,)) for n in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])

    def delivered(self, name, first=0, last=None):
        """How many of the messages that have arrived, or of these, are this one's."""
        return sum(1 for r in self.hop.messages[first:last] if r.startswith(name + "-"))

    def wait_delivered(self, count, seconds=30):
        harness.wait_until(lambda: len(self.hop.messages) >= count, seconds,
                           f"{count} messages at the next hop")

    def test_an_alarm_does_not_wait_behind_a_flood(self):
        """More waits than has room in memory, so most of the flood is parked in the log."""
        self.slow(0.02)
        self.hop.start()
        self.start([harness.relay_connector(self.port, remote_ip_ranges=["127.0.0.1-127.0.0.9"])])
        self.flood("flood", 3000)
        before = len(self.hop.messages)
        self.assertLess(before, 1500, "the next hop is no bottleneck here")
        harness.send(self.port, "a@contoso.com", ["alarm-0@x.com"], BODY, ALARM)
        harness.wait_until(lambda: self.delivered("alarm") == 1, 20, "the alarm")
        behind = self.hop.messages.index("alarm-0@x.com") - before
        print(f"{before} delivered before the alarm was sent, {behind} more before it arrived")
        self.assertLessEqual(behind, 20)
        # So many that some of them are parked as well: turn by turn with the flood.
        before = len(self.hop.messages)
        self.flood("alarms", 400, source=ALARM, clients=1)
        sent = len(self.hop.messages)
        harness.wait_until(lambda: self.delivered("alarms") == 400, 30, "all alarms")
        last = max(n for n, r in enumerate(self.hop.messages) if r.startswith("alarms-"))
        print(f"400 alarms: {sent - before} delivered while they were sent, "
              f"{last - before} until the last had arrived")
        self.assertLessEqual(last - sent, 2 * 400 + 20)
        self.assertEqual(self.hop.violations, [])

    def test_shares_follow_the_weights_also_after_a_restart(self):
        self.slow(0.005)
        self.hop.start()
        other = self.ports.take()
        light = harness.relay_connector(self.port)
        heavy = {**harness.relay_connector(other, fair_weight=300), "name": "Heavy"}
        self.start([light, heavy])
        floods = [threading.Thread(target=self.flood, args=("light", 1500)),
                  threading.Thread(target=self.flood, args=("heavy", 1500, other))]
        for thread in floods:
            thread.start()
        for thread in floods:
            thread.join()
        begun = len(self.hop.messages) + 50  # what was under way
        self.check_shares(begun, 400)
        self.relais.kill()
        self.relais.start()
        self.check_shares(len(self.hop.messages) + 50, 400)

    def check_shares(self, begun, count):
        self.wait_delivered(begun + count)
        of_heavy = self.delivered("heavy", begun, begun + count)
        of_light = self.delivered("light", begun, begun + count)
        print(f"heavy {of_heavy}, light {of_light}")
        self.assertEqual(of_heavy + of_light, count)
        self.assertAlmostEqual(of_heavy / count, 0.75, delta=0.02)

    def test_a_reserved_share_of_the_spool_takes_mail_when_the_rest_is_full(self):
        other = self.ports.take()
        alarm = {**harness.relay_connector(other, reserved_share=40), "name": "Alarm"}
        self.start([harness.relay_connector(self.port), alarm],
                   spool={"segment_size": "1MB", "max_size": "16MB"})
        large = b"Subject: large\r\n\r\n" + (b"x" * 998 + b"\r\n") * 100
        refused = "452 4.3.1 Insufficient system resources"

        def fill(port, most):
            with Client(port) as client:
                client.expect("EHLO x", 250)
                for n in range(most):
                    reply = client.command("MAIL FROM:<a@contoso.com>")
                    if not reply.startswith("250"):
                        self.assertEqual(reply, refused)
                        return n
                    client.expect("RCPT TO:<b@x.com>", 250)
                    harness.guid_of(client.content(large))
            return most

        flood = fill(self.port, 1000)
        alarms = fill(other, 1000)
        print(f"16 MB, 40 % reserved: {flood} messages of 100 kB taken, and {alarms} more")
        self.assertGreater(flood, 20)
        self.assertGreaterEqual(alarms, 0.9 * 0.4 * (16 << 20) / 106_496)
        self.assertEqual(fill(self.port, 1), 0)
        self.hop.start()
        harness.wait_until(lambda: fill(self.port, 1) == 1, 90, "mail is taken again")


if __name__ == "__main__":
    harness.main()
