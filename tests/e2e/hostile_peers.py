"""Peers that mean harm or know no better, by the hundred, each kind in a process of its own; and one that
behaves, which times what it hears beside them. For tests/e2e/peers_test.py and tools/bench-peers.

    with Crowd(silent, port, 5000): times = probe(port, 5, 100)

A kind is a function (ready, stop, *arguments): it calls ready.set() once all of its peers are as they will
be, goes on until stop.is_set(), and opens again what the server ends.
"""

import multiprocessing
import os
import random
import re
import resource
import selectors
import socket
import ssl
import time

ENVELOPE = [b"EHLO peer.example\r\n", b"MAIL FROM:<chris@contoso.com>\r\n",
            b"RCPT TO:<kate@contoso.com>\r\n", b"DATA\r\n"]
CONTENT = b"Subject: slow\r\n\r\n" + b"one octet after the other\r\n" * 40
HTTP = b"POST / HTTP/1.1\r\nHost: relay\r\nContent-Length: 500\r\n\r\n" + b"".join(ENVELOPE) + b"x\r\n.\r\n"
NICE = 10  # of a crowd: it is the server that is looked at, not the crowd's share of the machine


def room_for(files):
    """Raises the limit of open files, for us and for what we start."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, max(hard, files)))
    except (ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(files, hard), hard))


def connect(port, timeout=20):
    client = socket.create_connection(("127.0.0.1", port), timeout)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def read_reply(client):
    data = b""
    while not re.search(rb"^\d\d\d .*\r\n", data, re.M):
        piece = client.recv(65536)
        if not piece:
            raise ConnectionError(f"closed after {data!r}")
        data += piece
    return data


def walk(client, steps):
    """Through the first commands of a transaction, waiting for each reply."""
    read_reply(client)
    for line in ENVELOPE[:steps]:
        client.sendall(line)
        read_reply(client)
    return client


# --- kinds

def an_octet_a_second(ready, stop, port, count):
    """Half of them spell commands, half are in the middle of a message."""
    peers = [None] * count

    def open_one(index):
        talks = index % 2 == 0
        client = walk(connect(port), 0 if talks else 4)
        peers[index] = (client, iter((b"NOOP\r\n" if talks else CONTENT) * 10_000))
    for index in range(count):
        open_one(index)
    ready.set()
    began = time.monotonic()
    sent = 0
    while not stop.is_set():
        due = int((time.monotonic() - began) * count)
        for number in range(sent, due):
            client, octets = peers[number % count]
            try:
                client.sendall(bytes([next(octets)]))
            except OSError:
                client.close()
                open_one(number % count)
        sent = due
        time.sleep(0.005)


def never_read(ready, stop, port, count):
    """They send commands for as long as anybody takes them."""
    commands = b"NOOP\r\n" + ENVELOPE[1] + ENVELOPE[2] * 5 + b"RSET\r\n"
    commands *= 100
    selector = selectors.DefaultSelector()

    def open_one():
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(20)
        client.connect(("127.0.0.1", port))
        walk(client, 1)
        client.setblocking(False)
        selector.register(client, selectors.EVENT_WRITE)
    for _ in range(count):
        open_one()
    began = quiet_since = time.monotonic()
    while not stop.is_set():
        ready_ones = selector.select(0.1)
        for key, _ in ready_ones:
            try:
                key.fileobj.send(commands)
            except BlockingIOError:
                pass
            except OSError:
                selector.unregister(key.fileobj)
                key.fileobj.close()
                open_one()
        now = time.monotonic()
        if ready_ones:
            quiet_since = now
        if now - quiet_since > 0.5 or now - began > 20:
            ready.set()  # all of them are stuck, or nearly


def at_rate(ready, stop, rate, act):
    """act(number), so many times a second, as far as it can be done one after the other."""
    ready.set()
    began = time.monotonic()
    number = 0
    while not stop.is_set():
        wait = began + number / rate - time.monotonic()
        if wait > 0:
            time.sleep(min(wait, 0.1))
            continue
        try:
            act(number)
        except OSError:
            pass
        number += 1


def reset(client):
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()


def resets(ready, stop, port, rate, authority=None):
    """In every state: before the greeting, after each command, in the content, in a TLS handshake."""
    hello = client_hello(authority)

    def act(number):
        client = connect(port)
        step = number % 10
        if step > 0:
            walk(client, min(step - 1, 4))
        if step == 6:
            client.sendall(CONTENT[:500])
        elif step == 7:
            client.sendall(CONTENT + b".\r")
        elif step == 8:
            client.sendall(CONTENT + b".\r\n")  # ... and does not wait for the answer
        elif step == 9:
            client.close()
            client = connect(port)
            walk(client, 1)
            client.sendall(b"STARTTLS\r\n")
            read_reply(client)
            client.sendall(hello[:random.randrange(len(hello) + 1)])
        reset(client)
    at_rate(ready, stop, rate, act)


def client_hello(authority):
    going = ssl.MemoryBIO()
    half = client_context(authority).wrap_bio(ssl.MemoryBIO(), going)
    try:
        half.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return going.read()


def speaks_http(ready, stop, port, rate):
    """What it is told it reads; it does not wait for the end."""
    waiting = []

    def act(_):
        client = connect(port)
        client.sendall(HTTP)
        waiting.append(client)
        if len(waiting) > 200:
            old = waiting.pop(0)
            old.settimeout(0.01)
            try:
                old.recv(65536)
            finally:
                old.close()
    at_rate(ready, stop, rate, act)


def silent(ready, stop, port, count):
    """They connect, hear the greeting and say nothing."""
    peers = [connect(port) for _ in range(count)]
    for client in peers:
        read_reply(client)
    ready.set()
    stop.wait()
    for client in peers:
        client.close()


def client_context(authority=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if authority:
        context.load_verify_locations(authority)
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def idle_in_tls(ready, stop, port, count):
    """STARTTLS, EHLO inside, and then nothing."""
    context = client_context()
    peers = []
    for _ in range(count):
        client = walk(connect(port), 1)
        client.sendall(b"STARTTLS\r\n")
        read_reply(client)
        client = context.wrap_socket(client)
        client.sendall(ENVELOPE[0])
        read_reply(client)
        peers.append(client)
    ready.set()
    stop.wait()
    for client in peers:
        client.close()


def shakes_hands(ready, stop, port, rate, done, bunch=1, at_once=8, most=2000):
    """Whole TLS handshakes with a binding that begins with TLS, so many a second, each `bunch` when it is
    due (`most` under way); without a rate always so many `at_once`. They are counted in `done`."""
    context = client_context()
    selector = selectors.DefaultSelector()

    def begin():
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex(("127.0.0.1", port))
        selector.register(client, selectors.EVENT_WRITE, None)

    def go_on(key):
        client, secured = key.fileobj, key.data
        if secured is None:  # connected
            selector.unregister(client)
            secured = context.wrap_socket(client, do_handshake_on_connect=False)
            selector.register(secured, selectors.EVENT_READ, secured)
        try:
            secured.do_handshake()
            done.value += 1
        except (ssl.SSLWantReadError, BlockingIOError):
            return
        except OSError:
            pass
        selector.unregister(secured)
        reset(secured)
    ready.set()
    began = time.monotonic()
    number = 0
    while not stop.is_set():
        under_way = len(selector.get_map())
        if rate:
            due = int((time.monotonic() - began) * rate / bunch) * bunch
            for _ in range(min(due - number, most - under_way)):
                begin()
            number = due
        else:
            for _ in range(at_once - under_way):
                begin()
        for key, _ in selector.select(0.002) if selector.get_map() else ():
            go_on(key)
        if not selector.get_map():
            time.sleep(0.001)


class Crowd:
    """All the peers of a kind, in a process; there within the context, gone behind it."""

    def __init__(self, kind, *arguments, seconds=120):
        self.kind, self.arguments, self.seconds = kind, arguments, seconds
        context = multiprocessing.get_context("fork")
        self.ready, self.stop = context.Event(), context.Event()
        self.process = context.Process(target=self._run, daemon=True)

    def _run(self):
        os.nice(NICE)
        self.kind(self.ready, self.stop, *self.arguments)

    def __enter__(self):
        began = time.monotonic()
        self.process.start()
        while not self.ready.wait(0.1):
            assert self.process.is_alive(), f"{self.kind.__name__} could not begin"
            assert time.monotonic() - began < self.seconds, f"{self.kind.__name__} takes too long"
        self.took = time.monotonic() - began
        self.began = time.monotonic()
        return self

    def __exit__(self, kind, *_):
        alive = self.process.is_alive()
        self.stop.set()
        self.lasted = time.monotonic() - self.began
        self.process.join(10)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        assert alive or kind, f"{self.kind.__name__} ended by itself"


# --- the one that behaves

def probe(port, seconds, rate, mail=True):
    """So many times a second on one connection: MAIL, RCPT and content, or NOOP. Seconds from when each
    was due to its last reply, so that one which comes late because of the one before counts in full."""
    body = b"Subject: well behaved\r\n\r\n" + b"a line of some length, as they come\r\n" * 25
    said = (b"MAIL FROM:<chris@contoso.com>\r\nRCPT TO:<kate@contoso.com>\r\nBDAT %d LAST\r\n"
            % len(body) + body) if mail else b"NOOP\r\n"
    replies = 3 if mail else 1
    times = []
    with connect(port) as client:
        walk(client, 1)
        began = time.monotonic()
        for number in range(int(seconds * rate)):
            due = began + number / rate
            if (wait := due - time.monotonic()) > 0:
                time.sleep(wait)
            client.sendall(said)
            got = b""
            while got.count(b"\r\n") < replies:
                got += (piece := client.recv(65536))
                assert piece, f"the connection of the one that behaves was closed: {got!r}"
            assert got.count(b"250 ") == replies, got
            times.append(time.monotonic() - due)
    return times


def percentile(times, share):
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
