#!/usr/bin/python3
"""Reloads of a very large set of ranges, under which no session may end or wait for long."""

import ipaddress
import os
import random
import signal
import threading
import time

import harness
from harness import Client
from next_hop import NextHop

BODY = b"Subject: reload\r\n\r\ntext\r\n"
RANGES = 50_000 if harness.SANITIZED else int(os.environ.get("RELAIS_RANGES", "1000000"))
CONNECTORS = 10
RELOADS = 2 if harness.SANITIZED else int(os.environ.get("RELAIS_RELOADS", "3"))
SENDERS = 4
PAUSE = 0.01  # of a sender between two messages
STALL_MAX = 0.25  # nobody may wait longer for a whole message


def random_ranges(count):
    """Half of each family, no two alike, none of them loopback."""
    prng = random.Random(7)
    v4 = prng.sample(range(0x80000000, 0xe0000000), count // 2)
    v6 = prng.sample(range(1 << 40), count - count // 2)
    ranges = [str(ipaddress.IPv4Address(a)) for a in v4]
    ranges += [str(ipaddress.IPv6Address((0x20010db8 << 96) | a << 40)) for a in v6]
    prng.shuffle(ranges)
    return ranges


def p99(values):
    return sorted(values)[len(values) * 99 // 100]


class Sender(threading.Thread):
    """One session after another, ten messages each; `taken`: (when, seconds) of each message."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port = port
        self.ended = threading.Event()
        self.taken = []
        self.problem = None

    def run(self):
        try:
            while not self.ended.is_set():
                with Client(self.port) as client:
                    client.expect("EHLO client.example", 250)
                    for _ in range(10):
                        begin = time.monotonic()
                        client.message("chris@contoso.com", ["kate@fabrikam.com"], BODY)
                        self.taken.append((begin, time.monotonic() - begin))
                        time.sleep(PAUSE)
                    client.quit()
        except (AssertionError, OSError) as problem:
            self.problem = problem


class Reload(harness.EndToEnd):
    def setUp(self):
        super().setUp()
        self.hop = NextHop(self.ports.take()).start()
        self.addCleanup(self.hop.stop)

    def test_a_million_ranges_are_reloaded_under_load(self):
        ranges = random_ranges(RANGES)
        bindings = [f"127.0.0.1:{self.port}", f"[::1]:{self.port}"]
        receive = [harness.relay_connector(self.port, bindings=bindings)]
        for number in range(CONNECTORS):
            receive.append({"name": f"Connector {number}",
                            "bindings": bindings,
                            "remote_ip_ranges": ranges[number::CONNECTORS],
                            "permission_groups": ["AnonymousUsers"]})
        self.relais.configure(receive=receive, send=[harness.smart_host(self.hop.port)])
        self.relais.start()
        senders = [Sender(self.port) for _ in range(SENDERS)]
        for sender in senders:
            sender.start()
        time.sleep(3)  # what the load is like without a reload
        windows = []
        for number in range(1, RELOADS + 1):
            begin = time.monotonic()
            self.relais.signal(signal.SIGHUP)
            harness.wait_until(lambda n=number: len(self.relais.said("are in force")) == n, 60,
                               "the reload")
            time.sleep(0.5)  # the old table is freed
            windows.append((begin, time.monotonic()))
            time.sleep(1.5)  # and between two
        for sender in senders:
            sender.ended.set()
        for sender in senders:
            sender.join(30)
            self.assertIsNone(sender.problem)
        inside, outside = [], []
        for when, seconds in (taken for sender in senders for taken in sender.taken):
            touched = any(begin <= when + seconds and when <= end for begin, end in windows)
            (inside if touched else outside).append(seconds)
        for line in self.relais.said("are in force"):
            print(line)
        for name, values in (("without a reload", outside), ("during a reload", inside)):
            print(f"{name}: {len(values)} messages, p50 {1000 * sorted(values)[len(values) // 2]:.1f}"
                  f" ms, p99 {1000 * p99(values):.1f} ms, most {1000 * max(values):.1f} ms")
        self.assertGreater(len(inside), 100)
        # Whoever sends from the busy machine of a test run waits for his own turn, too.
        self.assertLess(max(inside), max(STALL_MAX * harness.PATIENCE, 2 * max(outside)))


    def test_two_hundred_reloads_of_limits_lose_nothing(self):
        """Under load: every session goes on, every reply comes, and the last limits are in force."""
        def configure(number):
            limits = [{"measure": "messages", "rate": f"{60_000 + number}/min", "action": "delay"},
                      {"measure": "messages", "per": "source", "rate": f"{50_000 + number}/min",
                       "burst": 1000 + number},
                      {"measure": "recipients", "per": "sender", "rate": f"{90_000 + number}/min"}]
            self.relais.configure(receive=[harness.relay_connector(self.port, limit=limits)],
                                  send=[harness.smart_host(self.hop.port)])

        configure(0)
        self.relais.start()
        senders = [Sender(self.port) for _ in range(SENDERS)]
        for sender in senders:
            sender.start()
        reloads = 20 if harness.SANITIZED else 200
        for number in range(1, reloads + 1):
            configure(number)
            self.relais.signal(signal.SIGHUP)
            harness.wait_until(
                lambda n=number: len(self.relais.said("reload: .* in force")) == n, 10, "a reload")
        for sender in senders:
            sender.ended.set()
        for sender in senders:
            sender.join(30)
            self.assertFalse(sender.is_alive(), "a reply is missing")
            self.assertIsNone(sender.problem)
        sent = sum(len(sender.taken) for sender in senders)
        longest = max(seconds for sender in senders for _, seconds in sender.taken)
        print(f"{reloads} reloads, {sent} messages, the longest took {longest * 1000:.0f} ms")
        self.assertGreater(sent, reloads)
        harness.wait_until(lambda: len(self.relais.events("message")) == sent, 10, "all in the log")
        harness.wait_until(lambda: len(self.hop.messages) == sent, 30, "all at the next hop")
        self.assertEqual(self.relais.events("refused", "limited"), [])


if __name__ == "__main__":
    harness.main()
