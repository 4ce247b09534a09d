#!/usr/bin/python3
"""One that behaves, beside hundreds that do not: its p99 stays what it was, and relais's memory within
bounds. Both are compared within one run; tools/bench-peers is the large form, with figures."""

import multiprocessing
import statistics

import harness
import hostile_peers
from hostile_peers import Crowd, percentile
from next_hop import NextHop

WINDOWS = 3
SECONDS = 1.5
RATE = 60
FACTOR = 5           # of the p99 beside them to the p99 alone ...
SLACK_SECONDS = 0.1  # ... and what a busy machine may add
BUFFERS = 24 << 20   # octets: the receive buffers of a core (16 MiB, a budget), touched once; and slack
PLAIN_OCTETS = 4096  # a session: the project's own target
TLS_OCTETS = 40_960  # a session in TLS that has nothing under way


class Peers(harness.EndToEnd):
    def setUp(self):
        super().setUp()
        hostile_peers.room_for(8000)
        self.hop = NextHop(self.ports.take(), keep=lambda message: None).start()
        self.hop.keep_commands = False
        self.addCleanup(self.hop.stop)
        self.tls = harness.certificate(self.folder)
        connector = harness.relay_connector(self.port, max_inbound_connection=6000)
        self.relais.configure(receive=[connector], send=[harness.smart_host(self.hop.port)],
                              server={"cores": 1}, tls=self.tls)
        self.relais.start()
        self.probe()

    def probe(self):
        """Times of one window, from a process of its own."""
        context = multiprocessing.get_context("fork")
        ours, theirs = context.Pipe()
        process = context.Process(
            target=lambda: theirs.send(hostile_peers.probe(self.port, SECONDS, RATE)))
        process.start()
        theirs.close()
        try:
            return ours.recv()
        finally:
            process.join()

    def check(self, kind, *arguments, octets, seconds=60):
        """Alone and beside in turn; `octets` is what all of the peers together may cost."""
        before = self.relais.rss()
        alone, beside, peaks = [], [], []
        for _ in range(WINDOWS):
            alone.append(percentile(self.probe(), 0.99))
            with Crowd(kind, self.port, *arguments, seconds=seconds * harness.PATIENCE):
                beside.append(percentile(self.probe(), 0.99))
                peaks.append(self.relais.rss())
        after = self.relais.rss()
        mean = [1000 * statistics.median(times) for times in (alone, beside)]
        grown = [(octets - before) >> 10 for octets in (max(peaks), after)]
        print(f"{kind.__name__} {arguments}: p99 {mean[0]:.1f} ms alone, {mean[1]:.1f} ms beside; "
              f"{grown[0]} KiB more at the peak, {grown[1]} KiB after")
        self.assertLess(mean[1], FACTOR * mean[0] + 1000 * SLACK_SECONDS * harness.PATIENCE)
        if not harness.SANITIZED:
            self.assertLess(max(peaks) - before, BUFFERS + octets)
            # Three crowds cost no more than one: what they took is given back, or taken again.
            self.assertLess(peaks[-1] - peaks[0], BUFFERS / 4)

    def test_an_octet_a_second(self):
        self.check(hostile_peers.an_octet_a_second, 100, octets=100 * PLAIN_OCTETS)

    def test_one_that_never_reads(self):
        # Replies that wait: 32 KiB being sent, as much again behind them, and what strings grow by.
        # A server ten times slower would still be answering fifty of them when it is measured.
        count = 5 if harness.SANITIZED else 50
        self.check(hostile_peers.never_read, count, octets=count * (128 << 10))

    def test_resets_in_every_state(self):
        self.check(hostile_peers.resets, 200, octets=0)

    def test_http(self):
        self.check(hostile_peers.speaks_http, 200, octets=200 * PLAIN_OCTETS)

    def test_silent_ones(self):
        count = 500 if harness.SANITIZED else 2000
        self.check(hostile_peers.silent, count, octets=count * PLAIN_OCTETS)

    def test_idle_ones_in_tls(self):
        count = 100 if harness.SANITIZED else 500
        self.check(hostile_peers.idle_in_tls, count, octets=count * TLS_OCTETS)


if __name__ == "__main__":
    harness.main()
