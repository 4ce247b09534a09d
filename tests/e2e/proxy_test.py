#!/usr/bin/python3
"""Behind a load balancer: HAProxy names the clients in PROXY headers, and relais serves them as if
they had come themselves."""

import json
import threading
import time

import harness
from harness import Client
from next_hop import NextHop
from other_servers import HAProxy

BODY = b"Subject: balanced\r\n\r\ntext\r\n"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


class Proxied(harness.EndToEnd):
    """relais on self.port, which expects PROXY headers of 127.0.0.1, and HAProxy on self.front."""

    def setUp(self):
        super().setUp()
        self.front = self.ports.take()
        self.plain = self.ports.take()
        self.hop = NextHop(self.ports.take()).start()
        self.addCleanup(self.hop.stop)

    def start(self, own=False, **more):
        """Printers are 127.0.0.2 and .3, web servers 127.0.0.4; `own`: a connector for 127.0.0.1."""
        behind = {"proxy_protocol": "required", "trusted_proxies": ["127.0.0.1"], **more}
        def connector(name, *ranges):
            return {**harness.relay_connector(self.port, **behind), "name": name,
                    "remote_ip_ranges": list(ranges), "fqdn": f"{name}.contoso.com"}
        receive = [connector("printers", "127.0.0.2", "127.0.0.3"), connector("web", "127.0.0.4"),
                   {**harness.default_connector(self.plain), "fqdn": "plain.contoso.com"}]
        if own:
            receive.append(connector("balancer", "127.0.0.1"))
        self.relais.configure(receive=receive, send=[harness.smart_host(self.hop.port)])
        self.relais.start()

    def start_haproxy(self, server, *options):
        self.haproxy = HAProxy(self)
        self.haproxy.start(f"127.0.0.1:{self.front}", f"127.0.0.1:{self.port} {server}", *options)

    def balanced(self, source):
        client = Client(self.front, source)
        self.addCleanup(client.close)
        return client

    def send_balanced(self, source):
        with self.balanced(source) as client:
            client.expect("EHLO client.example", 250)
            client.message("chris@contoso.com", ["kate@fabrikam.com"], BODY)
            client.quit()
            return client.greeting

    def refusals(self):
        return self.relais.events("refused", "turned away", "limited")

    def turned_away(self, seconds=10, **fields):
        return self.relais.wait_event("turned away", seconds, **fields)

    def check_clients(self):
        for source, name in (("127.0.0.2", "printers"), ("127.0.0.3", "printers"),
                             ("127.0.0.4", "web")):
            greeting = self.send_balanced(source)
            self.assertTrue(greeting.startswith(f"220 {name}.contoso.com "), greeting)
        events = harness.wait_until(lambda: (found := self.relais.events("message"))
                                    and len(found) == 3 and found, 10, "three messages")
        self.assertEqual(sorted((e["connector"], e["client"].split(":")[0]) for e in events),
                         [("printers", "127.0.0.2"), ("printers", "127.0.0.3"),
                          ("web", "127.0.0.4")])
        harness.wait_until(lambda: len(self.hop.messages) == 3, 10, "deliveries")
        received = sorted(m.content.split(b"\r\n\r\n")[0] for m in self.hop.messages)
        for field, source in zip(received, (b"127.0.0.2", b"127.0.0.3", b"127.0.0.4")):
            self.assertIn(b"(" + source + b")", field)
        self.assertEqual(self.refusals(), [])

    def test_haproxy_version_2(self):
        self.start()
        self.start_haproxy("send-proxy-v2")
        self.check_clients()

    def test_haproxy_version_2_with_extensions(self):
        self.start()
        self.start_haproxy("send-proxy-v2 proxy-v2-options crc32c,unique-id",
                           "unique-id-format %[uuid()]")
        self.check_clients()

    def test_haproxy_version_1(self):
        self.start()
        self.start_haproxy("send-proxy")
        self.check_clients()

    def test_a_client_that_nobody_serves(self):
        self.start()
        self.start_haproxy("send-proxy-v2")
        with Client(self.front, "127.0.0.9", greet=False) as client:
            self.assertRegex(client.reply(), r"\A421 4\.3\.2 ")
        refused = self.relais.wait_event("refused")
        self.assertEqual(refused["client"].split(":")[0], "127.0.0.9")

    def test_limits_of_a_source(self):
        self.start(max_inbound_connection_per_source=1)
        self.start_haproxy("send-proxy-v2")
        first = self.balanced("127.0.0.2")
        self.assertTrue(first.greeting.startswith("220 "), first.greeting)
        self.assertTrue(self.balanced("127.0.0.2").greeting.startswith("421 "))
        self.assertTrue(self.balanced("127.0.0.3").greeting.startswith("220 "))
        refused = self.relais.wait_event("refused")
        self.assertEqual(refused["client"].split(":")[0], "127.0.0.2")
        first.quit()
        harness.wait_until(lambda: self.balanced("127.0.0.2").greeting.startswith("220 "), 10,
                           "a place for the next one")

    def test_many_at_once_on_both_cores(self):
        self.start()
        self.start_haproxy("send-proxy-v2")
        wrong = []

        def talk(number):
            source, name = (("127.0.0.2", "printers"), ("127.0.0.4", "web"))[number % 2]
            for _ in range(5):
                greeting = self.send_balanced(source)
                if not greeting.startswith(f"220 {name}.contoso.com "):
                    wrong.append((source, greeting))

        threads = [threading.Thread(target=talk, args=(number,)) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])
        harness.wait_until(lambda: len(self.relais.events("message")) == 100, 20, "messages")
        for event in self.relais.events("message"):
            self.assertTrue(event["via"].startswith("127.0.0.1:"), event)
            self.assertEqual(event["connector"],
                             "web" if event["client"].startswith("127.0.0.4:") else "printers")
        self.assertEqual(self.refusals(), [])

    def check_health(self, wanted, server, *options):
        """Checks for a while: HAProxy is content, and nothing of them is in log or counters."""
        self.start_haproxy(f"{server} inter 100ms fastinter 100ms downinter 100ms", *options)
        harness.wait_until(lambda: self.haproxy.health()[:2] == ("UP", wanted), 10, f"{wanted}")
        time.sleep(2)
        self.assertEqual(self.haproxy.health()[:2], ("UP", wanted))
        self.send_balanced("127.0.0.2")
        self.relais.wait_event("message")
        self.assertEqual(self.refusals(), [])
        self.relais.stop()
        stats = harness.run([harness.BINARY, "stats", "--config", str(self.relais.config_dir),
                             "--json"])
        for connector in json.loads(stats.stdout)["connectors"]:
            self.assertEqual(connector["refused"], 0, connector)

    def test_health_checks_of_version_2(self):
        self.start()
        self.check_health("L4OK", "send-proxy-v2 check")

    def test_health_checks_of_version_1(self):
        self.start()
        self.check_health("L4OK", "send-proxy check")

    def test_health_checks_without_a_header(self):
        self.start()
        self.check_health("L4OK", f"send-proxy-v2 check port {self.port}")

    def test_health_checks_that_speak_smtp(self):
        self.start(own=True)
        self.check_health("L7OK", "send-proxy-v2 check", "option smtpchk EHLO balancer.contoso.com")

    def test_health_checks_that_speak_smtp_after_version_1(self):
        self.start(own=True)
        self.check_health("L7OK", "send-proxy check", "option smtpchk EHLO balancer.contoso.com")

    def until_closed(self, sent, source="127.0.0.1"):
        """What comes back on a direct connection, to its end or reset."""
        with Client(self.port, source, greet=False) as client:
            try:
                client.send(sent)
                return client.socket.recv(65536)
            except ConnectionError:
                return b""

    def test_without_a_header(self):
        self.start()
        self.assertEqual(self.until_closed(b"EHLO client.example\r\n"), b"")
        self.turned_away(reason="bad PROXY header: what came is no PROXY header")
        began = time.monotonic()
        self.assertEqual(self.until_closed(b""), b"")
        self.assertGreater(time.monotonic() - began, 4)
        self.turned_away(reason="no PROXY header came in time")

    def test_from_somebody_who_is_not_trusted(self):
        self.start()
        header = b"PROXY TCP4 127.0.0.2 127.0.0.1 1000 25\r\n"
        self.assertEqual(self.until_closed(header + b"EHLO x\r\n", "127.0.0.2"), b"")
        event = self.turned_away(reason="not one of trusted_proxies")
        self.assertEqual(event["client"].split(":")[0], "127.0.0.2")
        self.assertEqual(event["local"], f"127.0.0.1:{self.port}")

    def test_early_talkers(self):
        """What stands behind the header in the same segment is the client's."""
        self.start()
        header = b"PROXY TCP4 127.0.0.2 127.0.0.1 1000 25\r\n"
        with Client(self.port, greet=False) as client:
            client.send(header + b"EHLO client.example\r\nNOOP\r\nQUIT\r\n")
            replies = [client.reply().split("\n")[-1][:3] for _ in range(4)]
        self.assertEqual(replies, ["220", "250", "250", "221"])

    def test_a_header_on_another_binding(self):
        self.start()
        for header in (b"PROXY TCP4 127.0.0.2 127.0.0.1 1000 25\r\n",
                       SIGNATURE + b"\x21\x11\0\x0c\x7f\0\0\2\x7f\0\0\1\x03\xe8\0\x19\r\n"):
            with Client(self.plain) as client:
                self.assertTrue(client.greeting.startswith("220 plain.contoso.com "))
                client.send(header + b"EHLO client.example\r\n")
                replies = [client.reply()]
                while replies[-1].startswith("500 5.3.3 "):
                    replies.append(client.reply())
                self.assertGreater(len(replies), 1)
                self.assertIn("[127.0.0.1]", replies[-1])
                client.expect("MAIL FROM:<chris@contoso.com>", 250)
                client.expect("RCPT TO:<kate@fabrikam.com>", 550)  # 127.0.0.2 might


if __name__ == "__main__":
    harness.main()
