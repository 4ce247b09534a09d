"""What holds for both ways in which an upstream hears whose mail it is: cut_through_proxy_test.py and
cut_through_xclient_test.py say how, and call these."""

import threading

import harness
from cut_through_test import BODY
from harness import Client
from next_hop import NextHop
from other_servers import Postfix

NAME = "mx.contoso.com"


class NamedClients(harness.EndToEnd):
    """The upstream is another relais: printers are 127.0.0.2, web servers 127.0.0.3 to 127.0.0.9."""

    SENDS = {}     # of the Send connector
    BELIEVES = {}  # of each connector of the upstream
    OTHERS = []    # connectors that the upstream has as well, without bindings
    POSTFIX = {}

    def setUp(self):
        super().setUp()
        self.hop = NextHop(self.ports.take()).start()
        self.addCleanup(self.hop.stop)
        self.table = harness.certificate(self.folder, NAME)
        folder = self.folder / "upstream"
        folder.mkdir()
        self.upstream = harness.Relais(folder, self.ports.take())
        self.addCleanup(lambda: self.upstream.process and self.upstream.stop())

    def start_upstream(self, **more):
        def connector(name, address):
            return {**harness.relay_connector(self.upstream.port, **more), "name": name,
                    "remote_ip_ranges": [address], **self.BELIEVES}
        others = [{**harness.default_connector(self.upstream.port, **more), **other}
                  for other in self.OTHERS]
        self.upstream.configure(receive=[connector("printers", "127.0.0.2"),
                                         connector("web", "127.0.0.3-127.0.0.9"), *others],
                                send=[harness.smart_host(self.hop.port)], tls=self.table)
        self.upstream.start()

    def start(self, *ports, receive=None, auth=None, **connector):
        self.relais.configure(
            receive=[harness.relay_connector(
                self.port, delivery="proxy", upstream_send_connector="Smart host",
                remote_ip_ranges=["127.0.0.0/8"], **(receive or {}))],
            send=[harness.smart_host(*ports, **self.SENDS, **connector)],
            server={"cores": 1}, auth=auth)
        self.relais.start()

    def deliver(self, source, count=1):
        with Client(self.port, source=source) as client:
            client.expect("EHLO x", 250)
            for _ in range(count):
                client.message("chris@contoso.com", ["kate@fabrikam.com"], BODY)
            client.quit()

    def refused(self, source, count):
        with Client(self.port, source=source) as client:
            client.expect("EHLO x", 250)
            for _ in range(count):
                self.assertIn("PRX2", client.command("MAIL FROM:<chris@contoso.com>"))

    def check(self, sources, count):
        harness.wait_until(lambda: len(self.upstream.events("message")) == count, 20, "messages")
        for event in self.upstream.events("message"):
            source = event["client"].rpartition(":")[0]
            self.assertIn(source, sources)
            self.assertEqual(event["connector"], "printers" if source == "127.0.0.2" else "web")
            self.assertTrue(event["via"].startswith("127.0.0.1:"), event)
        clients = {event["client"] for event in self.upstream.events("message")}
        self.assertEqual({client.rpartition(":")[0] for client in clients}, set(sources))
        self.assertEqual(self.upstream.events("refused") + self.upstream.events("turned away"), [])

    # ---- what the tests call

    def serves_the_client(self):
        self.start_upstream()
        self.start(self.upstream.port)
        sources = [f"127.0.0.{n}" for n in range(2, 10)]
        for source in sources:
            self.deliver(source, 3)
        self.check(sources, 24)
        # One client's messages share a connection.
        self.assertEqual(len({e["client"] for e in self.upstream.events("message")}), 8)

    def in_tls(self):
        self.start_upstream(require_tls=True)
        self.start(self.upstream.port, tls_auth_level="DomainValidation", tls_domain=NAME,
                   tls_ca_file=self.table["certificate"])
        self.deliver("127.0.0.2")
        self.deliver("127.0.0.3")
        self.check(["127.0.0.2", "127.0.0.3"], 2)

    def few_connections(self):
        """What is idle and another's makes room; who finds no room waits."""
        self.start_upstream()
        self.start(self.upstream.port, receive={"upstream_max_connections": 2})
        sources = [f"127.0.0.{n}" for n in range(2, 10)]
        threads = [threading.Thread(target=self.deliver, args=(source, 5)) for source in sources]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.check(sources, 40)

    def comes_back(self):
        """Found out without a client."""
        self.start(self.upstream.port)
        self.refused("127.0.0.2", 4)
        self.relais.wait_event("upstream down")
        self.start_upstream()
        self.relais.wait_event("upstream up", seconds=30)
        self.deliver("127.0.0.2")
        self.check(["127.0.0.2"], 1)

    def serves_others(self):
        """A client that the upstream does not serve takes it from nobody else."""
        self.start_upstream()
        self.start(self.upstream.port)
        self.refused("127.0.0.10", 5)
        self.deliver("127.0.0.2")
        refused = self.relais.wait_event("refused", command="MAIL")
        self.assertEqual(refused["reason"], f"no upstream answers: 127.0.0.1:{self.upstream.port}: "
                         "does not serve this client: "
                         "421 4.3.2 System not accepting network messages")
        self.upstream.wait_event("message")
        self.assertEqual(self.relais.events("upstream down"), [])

    def behind_postfix(self):
        """What it says of each client in its Received field."""
        postfix = Postfix(self)
        port = self.ports.take()
        postfix.start(port, f"[127.0.0.1]:{self.hop.port}", mynetworks="127.0.0.0/8",
                      **self.POSTFIX)
        self.start(port)
        for source in ("127.0.0.2", "127.0.0.3"):
            with Client(self.port, source=source) as client:
                client.expect("EHLO web1.contoso.com", 250)
                client.begin("chris@contoso.com", ["kate@fabrikam.com"])
                self.assertIn("queued as", client.content(BODY))
        # Its queue sends them on in any order.
        harness.wait_until(lambda: len(self.hop.messages) == 2, 20, "messages")
        fields = [message.content[:300].split(b";")[0].decode() for message in self.hop.messages]
        for source in ("[127.0.0.2]", "[127.0.0.3]"):
            self.assertEqual(sum(source in field for field in fields), 1, fields)
        for message in self.hop.messages:
            self.assertTrue(message.content.endswith(BODY))
        return fields
