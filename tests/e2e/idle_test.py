#!/usr/bin/python3
"""10,000 connections held open while mail flows; prints what an idle one costs in user memory."""

import os
import resource
import selectors
import socket
import time

import harness
from harness import Client
from next_hop import NextHop

BODY = b"Subject: among many\r\n\r\n" + b"m" * 800 + b"\r\n"
OCTETS_MAX = 4096  # user memory an idle connection, the project's own target
PROCESS_MAX = 40 << 20  # octets, with all of them


def room_for(files):
    """Raises the limit of open files for us and, by inheritance, for relais."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = files + 1000
    if soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(hard, wanted)))
        except (ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return min(files, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 1000)


class Crowd:
    """Many sessions in one thread, each brought past its greeting and its EHLO, then left alone."""

    def __init__(self, port):
        self.port = port
        self.sockets = []

    def grow(self, count, batch=250):
        while count > 0:
            self._grow(min(batch, count))
            count -= batch

    def _grow(self, count):
        selector = selectors.DefaultSelector()
        for _ in range(count):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", self.port))
            selector.register(one, selectors.EVENT_READ, bytearray())
            self.sockets.append(one)
        greeted = set()
        end = time.monotonic() + 30 * harness.PATIENCE
        while selector.get_map():
            ready = selector.select(5)
            assert ready or time.monotonic() < end, f"{len(selector.get_map())} sessions hang"
            for key, _ in ready:
                data = key.fileobj.recv(4096)
                assert data, f"a session was closed: {bytes(key.data)!r}"
                key.data.extend(data)
                if key.fd not in greeted and key.data.endswith(b"\r\n"):
                    assert key.data.startswith(b"220"), bytes(key.data)
                    greeted.add(key.fd)
                    key.data.clear()
                    key.fileobj.send(b"EHLO idle.example\r\n")
                elif key.fd in greeted and b"\r\n250 " in key.data and key.data.endswith(b"\r\n"):
                    selector.unregister(key.fileobj)
        selector.close()

    def alive(self):
        """How many still answer."""
        for one in self.sockets:
            one.setblocking(True)
            one.settimeout(20 * harness.PATIENCE)
            one.send(b"NOOP\r\n")
        return sum(one.recv(100).startswith(b"250") for one in self.sockets)

    def close(self):
        for one in self.sockets:
            one.close()
        self.sockets.clear()


class Idle(harness.EndToEnd):
    def test_ten_thousand_connections_and_mail(self):
        count = room_for(2000 if harness.SANITIZED else 10_000)
        hop = NextHop(self.ports.take(), keep=lambda message: message.session).start()
        self.addCleanup(hop.stop)
        self.relais.configure(
            receive=[harness.relay_connector(self.port, max_inbound_connection=count + 1000)],
            send=[harness.smart_host(hop.port)])
        self.relais.start()
        crowd = Crowd(self.port)
        self.addCleanup(crowd.close)

        def mail(number):
            with Client(self.port) as client:
                client.expect("EHLO x", 250)
                for _ in range(number):
                    client.message("chris@contoso.com", ["kate@fabrikam.com"], BODY)
                client.quit()

        # Both cores and every buffer have been in use once before the first look at the memory.
        for _ in range(10):
            mail(100)
        crowd.grow(100)
        before = self.relais.rss()
        started = time.monotonic()
        crowd.grow(count - 100)
        took = time.monotonic() - started
        after = self.relais.rss()
        each = (after - before) / (count - 100)

        started = time.monotonic()
        for _ in range(10):
            mail(100)
        flow = time.monotonic() - started
        harness.wait_until(lambda: len(hop.messages) >= 2000, 30, "all mail while 10,000 are open")
        print(f"{count} connections open after {took:.1f} s; "
              f"RSS {before >> 10} -> {after >> 10} KiB: "
              f"{each:.0f} octets of user memory an idle connection; "
              f"1,000 messages one after the other beside them in {flow:.2f} s")
        self.assertEqual(crowd.alive(), count)
        if not harness.SANITIZED:
            self.assertLessEqual(each, OCTETS_MAX)
            self.assertLessEqual(after, PROCESS_MAX)
        crowd.close()
        mail(10)

    def test_one_more_than_max_inbound_connection_gets_421(self):
        hop = NextHop(self.ports.take()).start()
        self.addCleanup(hop.stop)
        self.relais.configure(
            receive=[harness.relay_connector(self.port, max_inbound_connection=10)],
            send=[harness.smart_host(hop.port)])
        self.relais.start()
        crowd = Crowd(self.port)
        self.addCleanup(crowd.close)
        crowd.grow(10)
        with Client(self.port) as client:
            self.assertTrue(client.greeting.startswith("421 "), client.greeting)
            self.assertEqual(client.line(), "")
        crowd.close()

        def again():
            try:
                return harness.send(self.port, "a@contoso.com", ["b@contoso.com"], BODY)
            except (AssertionError, OSError):
                return None
        harness.wait_until(again, 10, "room again after the others left")


if __name__ == "__main__":
    harness.main()
