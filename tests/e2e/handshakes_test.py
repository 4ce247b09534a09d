#!/usr/bin/python3
"""Handshakes on threads of their own, of which there is one here, with a key that makes each step long:
so hundreds of steps wait, and whatever happens meanwhile happens to sessions whose step is away."""

import selectors
import ssl
import time

import harness
import hostile_peers
from harness import Client
from next_hop import NextHop

NAME = "relay.contoso.com"
MANY = 60 if harness.SANITIZED else 200


class Handshakes(harness.EndToEnd):
    def setUp(self):
        super().setUp()
        self.hop = NextHop(self.ports.take()).start()
        self.addCleanup(self.hop.stop)
        self.secure_port = self.ports.take()
        hostile_peers.room_for(10_000)

    def serve(self, key=("rsa:4096",), threads=1, **more):
        self.tls = harness.certificate(self.folder, NAME, key=key)
        connector = harness.relay_connector(
            self.port, remote_ip_ranges=["127.0.0.0/8"],
            bindings=[f"127.0.0.1:{self.port}", f"127.0.0.1:{self.secure_port};tls=implicit"], **more)
        self.relais.configure(receive=[connector], send=[harness.smart_host(self.hop.port)],
                              tls={**self.tls, "handshake_threads": threads})
        self.relais.start()

    def secured(self, source="127.0.0.1"):
        context = ssl.create_default_context(cafile=self.tls["certificate"])
        client = Client(self.port, source)
        self.addCleanup(client.close)
        client.expect("EHLO client.example", 250)
        client.expect("STARTTLS", 220)
        client.socket = context.wrap_socket(client.socket, server_hostname=NAME)
        return client

    def hellos(self, count=MANY):
        """So many clients whose hello has been sent, all within a moment."""
        outgoing = ssl.MemoryBIO()
        context = ssl.create_default_context(cafile=self.tls["certificate"])
        half = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=NAME)
        with self.assertRaises(ssl.SSLWantReadError):
            half.do_handshake()
        hello = outgoing.read()
        clients = [Client(self.secure_port, greet=False) for _ in range(count)]
        for client in clients:
            self.addCleanup(client.close)
            client.send(hello)
        return clients

    def answered(self, clients):
        """How many of them have been sent something, or have been closed, by now."""
        with selectors.DefaultSelector() as selector:
            for client in clients:
                selector.register(client.socket, selectors.EVENT_READ)
            return len(selector.select(0))

    def wait_for_answers(self, clients):
        harness.wait_until(lambda: self.answered(clients) == len(clients), 60, "an answer to each")

    def ends(self):
        """A session that nobody lets go is waited for until 5 s after drain_timeout, which is 5 s."""
        began = time.monotonic()
        self.relais.stop()
        took = time.monotonic() - began
        print(f"ended within {took:.1f} s")
        self.assertLess(took, 9 * harness.PATIENCE)

    def works(self, client):
        client.expect("EHLO client.example", 250)
        client.message("chris@contoso.com", ["kate@fabrikam.com"], b"Subject: x\r\n\r\nx\r\n")

    def test_many_of_one_client_keep_no_other_waiting(self):
        self.serve()
        clients = self.hellos()
        with Client(self.port) as plain:
            self.works(plain)
        other = self.secured("127.0.0.2")
        self.assertLess(self.answered(clients), MANY, "nobody waited, so this has tested nothing")
        self.works(other)
        self.wait_for_answers(clients)

    def test_clients_that_leave_meanwhile(self):
        self.serve()
        clients = self.hellos()
        for number, client in enumerate(clients):
            if number % 2:
                client.reset()
            else:
                client.close()
        self.works(self.secured("127.0.0.2"))
        self.ends()

    def test_the_end_while_many_are_away(self):
        self.serve()
        clients = self.hellos()
        self.assertLess(self.answered(clients), MANY, "nobody waited, so this has tested nothing")
        self.ends()

    def test_waiting_for_long_is_a_time_out(self):
        self.serve(connection_inactivity_timeout="2s")
        began = time.monotonic()
        self.wait_for_answers(self.hellos(20))
        a_second = 20 / (time.monotonic() - began)
        # Many times what two seconds are good for: the machine may have been busy a moment ago.
        clients = self.hellos(20 + int(12 * a_second))
        self.wait_for_answers(clients)
        unheard = [client for client in clients if not client.socket.recv(1)]
        print(f"{a_second:.0f} a second; of {len(clients)} {len(unheard)} waited for too long")
        self.assertTrue(unheard)
        self.assertLess(len(unheard), len(clients))
        self.works(self.secured("127.0.0.2"))

    def test_two_hundred_hellos_and_resets(self):
        self.serve(key=harness.P256, threads=2)
        for client in self.hellos(200):
            client.reset()
        self.works(self.secured())

    def test_without_threads(self):
        self.serve(key=harness.P256, threads=0)
        clients = self.hellos()
        self.works(self.secured())
        self.wait_for_answers(clients)


if __name__ == "__main__":
    harness.main()
