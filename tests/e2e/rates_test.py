#!/usr/bin/python3
"""Rates over a minute: what a limit says is what goes through, within 1 %, whatever comes in. And one
client's flood beside another's message a second."""

import datetime
import math
import os
import re
import subprocess
import threading
import time

import harness
from harness import Client

BODY = b"Subject: rate\r\n\r\ntext\r\n"
MAIL = "MAIL FROM:<chris@contoso.com>"
SPAN = 60  # s
SLOW, MIDDLE, FAST = 10, 600, 60_000  # messages a minute


def when(event):
    return datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp()


class Poller(threading.Thread):
    """Tries MAIL all the time and sends a message whenever it is let; `taken`: when it was."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.client = Client(port)
        self.ended = threading.Event()
        self.taken = []
        self.refused = []
        self.problem = None

    def run(self):
        try:
            self.client.expect("EHLO client.example", 250)
            while not self.ended.is_set():
                reply = self.client.command(MAIL)
                if reply.startswith("250"):
                    self.taken.append(time.monotonic())
                    self.client.expect("RCPT TO:<kate@fabrikam.com>", 250)
                    harness.guid_of(self.client.content(BODY))
                else:
                    assert re.match(r"451 4\.7\.1 .* retry in \d+s ", reply), reply
                    self.refused.append(time.monotonic())
                    time.sleep(0.02)
            self.client.quit()
        except (AssertionError, OSError) as problem:
            self.problem = problem


class Rates(harness.EndToEnd):
    def setUp(self):
        super().setUp()
        self.source = harness.need("smtp-source")
        sink = harness.need("smtp-sink")
        port = self.ports.take()
        command = [sink, f"127.0.0.1:{port}", "200"]
        if os.getuid() == 0:
            command[1:1] = ["-u", "nobody"]
        self.started = [subprocess.Popen(command, stdin=subprocess.DEVNULL)]
        self.addCleanup(self.end)
        self.hop = harness.smart_host(port)

    def end(self):
        for process in self.started:
            process.kill()
            process.wait()

    def flood(self, port, sessions, size=512):
        """As fast as it can, until the end of the test or longer."""
        command = [self.source, "-d", "-s", str(sessions), "-m", "10000000", "-l", str(size), "-f",
                   "chris@contoso.com", "-t", "kate@fabrikam.com", f"127.0.0.1:{port}"]
        self.started.append(subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    def under_load(self, relais, cores):
        """Starts it with a connector for each rate, each with more work than it lets through; returns
        the client of the slow one."""
        ports = {rate: self.ports.take() for rate in (SLOW, MIDDLE, FAST)}
        receive = []
        for rate, port in ports.items():
            limit = {"measure": "messages", "rate": f"{rate}/min", "burst": 10,
                     "action": "defer" if rate == SLOW else "delay"}
            receive.append({**harness.relay_connector(port, limit=[limit]), "name": str(rate)})
        relais.port = ports[SLOW]
        relais.configure(receive=receive, send=[self.hop], server={"cores": cores})
        relais.start()
        poller = Poller(ports[SLOW])
        poller.start()
        self.flood(ports[MIDDLE], 5)
        self.flood(ports[FAST], 20)
        return poller

    def measured(self, relais, poller, begin):
        """Messages a minute, by rate."""
        poller.ended.set()
        poller.join()
        self.assertIsNone(poller.problem)
        # The burst goes at once and is exact; then one in six seconds.
        first_refusal = poller.refused[0]
        burst = sum(1 for taken in poller.taken if taken < first_refusal)
        self.assertEqual(burst, 10)
        after = poller.taken[burst:]
        rates = {SLOW: (len(after) - 1) * 60 / (after[-1] - after[0])}
        events = [(int(e["connector"]), when(e)) for e in relais.events("message")]
        for rate in (MIDDLE, FAST):
            # From when the burst is over.
            times = [t - begin for connector, t in events if connector == rate]
            rates[rate] = sum(1 for t in times if 2 <= t < 2 + SPAN)
        return rates

    def test_held_over_a_minute_by_one_core_and_by_two(self):
        """Two servers at the same time: a minute is a minute."""
        two = harness.Relais(self.folder / "two")
        self.addCleanup(two.stop)
        servers = [(self.relais, 1), (two, 2)]
        pollers = [self.under_load(relais, cores) for relais, cores in servers]
        begin = time.time()
        time.sleep(SPAN + 2)
        self.end()
        for (relais, cores), poller in zip(servers, pollers):
            rates = self.measured(relais, poller, begin)
            print(f"{cores} cores: " + ", ".join(f"{r}/min: {m:.2f}" for r, m in rates.items()))
            for rate, measured in rates.items():
                self.assertAlmostEqual(measured / rate, 1, delta=0.01)

    def test_a_flood_of_500_connections_beside_a_message_a_second(self):
        """Eight such, for the sake of the figure, on the two cores of the flood's own client and hop."""
        other = self.ports.take()
        flood = {**harness.relay_connector(other), "name": "Flood"}
        self.relais.configure(receive=[harness.relay_connector(self.port), flood], send=[self.hop])
        self.relais.start()
        self.flood(other, 500)
        time.sleep(2)
        begin = len(self.relais.events("message"))
        times = []
        monitors = [Client(self.port) for _ in range(8)]
        for monitor in monitors:
            self.addCleanup(monitor.close)
            monitor.expect("EHLO monitor.example", 250)
        for _ in range(30):
            for monitor in monitors:
                start = time.monotonic()
                monitor.message("monitor@contoso.com", ["kate@fabrikam.com"], BODY)
                times.append(time.monotonic() - start)
                time.sleep(1 / len(monitors))
        rate = (len(self.relais.events("message")) - begin) / 30
        self.end()
        times.sort()
        median, p99 = times[len(times) // 2], times[math.ceil(len(times) * 0.99) - 1]
        print(f"{rate:.0f} messages a second of the flood; the others' took {median * 1000:.1f} ms "
              f"(median), {p99 * 1000:.1f} ms (p99), {times[-1] * 1000:.1f} ms at most")
        self.assertGreater(rate, 300, "this was no flood")
        self.assertLess(p99, 0.05 * harness.PATIENCE)


if __name__ == "__main__":
    harness.main()
