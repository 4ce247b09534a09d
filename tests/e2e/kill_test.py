#!/usr/bin/python3
"""kill -9 in a loop under load: what was answered 250 arrives, and what arrives twice was due to.

Several sessions send messages with ids of their own; the ledger holds each id whose 250 was read.
The server is killed at random moments and started again on the same data. In the end every id of
the ledger must be at the next hop. Each life of the server greets with a name of its own, so the
next hop knows which one delivered. An id that came twice must have come from two lives, and the
first time shortly before the end of the first one: a delivery record may be up to 100 ms younger
than the delivery (plus what a loaded machine adds).
"""

import os
import random
import re
import socket
import threading
import time

import harness
from harness import Client
from next_hop import NextHop

KILLS = int(os.environ.get("RELAIS_KILLS", "6" if harness.SANITIZED else "32"))
SESSIONS = 6
WINDOW = 0.4 * harness.PATIENCE  # seconds


def take(verb, argument, session):
    return None


def later(verb, argument, session):
    return "451 4.3.0 not now" if verb == "END" else None


class Kill(harness.EndToEnd):
    def setUp(self):
        super().setUp()
        keep = lambda message: (re.search(rb"\r\nX-Id: (\S+)\r\n", message.content)[1].decode(),
                                message.time, len(message.content),
                                int(re.match(r"life(\d+)\.", message.hello)[1]))
        self.hop = NextHop(self.ports.take(), keep=keep)
        self.hop.keep_commands = False
        self.addCleanup(self.hop.stop)
        self.ledger = {}       # id -> octets of content; one key a thread at a time
        self.answers = {}
        self.ended = threading.Event()

    def start(self, life):
        self.relais.configure(send=[harness.smart_host(self.hop.port)],
                              server={"fqdn": f"life{life}.contoso.com"},
                              retry={"first": "100ms", "max": "500ms"})
        self.relais.start()

    def client(self, number):
        """Sends until the end; a broken connection is what this test is about."""
        rng = random.Random(number)
        count = 0
        while not self.ended.is_set():
            try:
                with Client(self.port, timeout=10) as client:
                    client.expect("EHLO x", 250)
                    for _ in range(rng.randrange(1, 200)):
                        name = f"{number}-{count}"
                        count += 1
                        size = 400_000 if rng.random() < 0.01 else rng.randrange(1, 10_000)
                        body = (b"Subject: kill\r\nX-Id: " + name.encode() + b"\r\n\r\n"
                                + b"." * 60 + (b"k" * 70 + b"\r\n") * (size // 72) + b"\r\n")
                        client.begin("chris@contoso.com", ["kate@fabrikam.com"])
                        reply = client.content(body)
                        self.answers[reply[:3]] = self.answers.get(reply[:3], 0) + 1
                        if reply.startswith("250"):
                            self.ledger[name] = len(body)
                        if self.ended.is_set():
                            return
            except (OSError, AssertionError, socket.timeout):
                time.sleep(0.02)

    def test_nothing_acknowledged_is_lost(self):
        rng = random.Random(os.environ.get("RELAIS_SEED"))
        self.hop.start()
        self.start(0)
        clients = [threading.Thread(target=self.client, args=(n,)) for n in range(SESSIONS)]
        for thread in clients:
            thread.start()
        kills = []
        starts = []
        try:
            for number in range(KILLS):
                # A third of the time the hop takes no mail, so there is a queue to recover.
                self.hop.rule = take if number % 3 else later
                time.sleep(rng.uniform(0.2, 1.0))
                kills.append(time.time())
                self.relais.kill()
                before = time.monotonic()
                self.start(number + 1)
                starts.append(time.monotonic() - before)
        finally:
            self.ended.set()
            for thread in clients:
                thread.join()
        self.hop.rule = take

        acknowledged = set(self.ledger)
        at_sink = lambda: {name for name, *_ in self.hop.messages}
        try:
            harness.wait_until(lambda: acknowledged <= at_sink(), 60, "all acknowledged messages")
        except AssertionError:
            lost = sorted(acknowledged - at_sink())
            self.fail(f"{len(lost)} of {len(acknowledged)} acknowledged messages lost: {lost[:20]}")
        time.sleep(1)
        self.relais.stop()

        first = {}
        ages = []  # of duplicates: from the first delivery to the kill
        outside = 0
        for name, when, size, life in self.hop.messages:
            if name in self.ledger:
                self.assertGreater(size, self.ledger[name], f"{name} was cut")
            if name not in first:
                first[name] = (when, life)
                continue
            before, first_life = first[name]
            age = kills[first_life] - before if first_life < life else float("inf")
            ages.append(age)
            if age > WINDOW:
                outside += 1
                print(f"{name}: from life {first_life} at {before:.3f}, from life {life} at "
                      f"{when:.3f}; kills {kills[first_life:life]}")
        print(f"{KILLS} kills, {len(acknowledged)} acknowledged, none lost; "
              f"{len(set(first) - acknowledged)} arrived whose 250 the client did not see; "
              f"{len(ages)} duplicates, {outside} outside the window, the oldest delivered "
              f"{max(ages, default=0) * 1000:.0f} ms before the kill; "
              f"restart {sorted(starts)[len(starts) // 2] * 1000:.0f} ms (median), "
              f"{max(starts) * 1000:.0f} ms (longest); answers {self.answers}")
        self.assertEqual(outside, 0)
        self.assertEqual(self.hop.violations, [])
        self.assertGreater(len(acknowledged), KILLS * 10, "too little load to prove anything")


if __name__ == "__main__":
    harness.main()
