#!/usr/bin/python3
"""XCLIENT: a proxy that is trusted with it says whose session it is, and that client counts."""

import harness
from harness import Client
from next_hop import NextHop

BODY = b"Subject: for another\r\n\r\ntext\r\n"


class Xclient(harness.EndToEnd):
    """The proxy is 127.0.0.5, printers are 127.0.0.2, web servers 127.0.0.4; users may relay."""

    def setUp(self):
        super().setUp()
        self.hop = NextHop(self.ports.take()).start()
        self.addCleanup(self.hop.stop)

    def start(self, tls=None, **more):
        def connector(name, address, relays=False, **own):
            kind = harness.relay_connector if relays else harness.default_connector
            return {**kind(self.port), "name": name, "remote_ip_ranges": [address],
                    "fqdn": f"{name}.contoso.com", **own}
        users = {"auth_mechanism": ["Tls", "BasicAuth"],
                 "permission_groups": ["AnonymousUsers", "ExchangeUsers"]}
        users_file = self.folder / "users"
        users_file.touch(mode=0o600)
        self.relais.configure(
            receive=[connector("proxy", "127.0.0.5", xclient_hosts=["127.0.0.5"]),
                     connector("printers", "127.0.0.2", relays=True, **more),
                     connector("web", "127.0.0.4", **users)],
            send=[harness.smart_host(self.hop.port)], tls=tls,
            auth={"password_file": str(users_file)})
        self.relais.start()

    def proxy(self):
        return Client(self.port, source="127.0.0.5")

    def test_it_is_the_session_of_the_client_that_was_named(self):
        self.start()
        with self.proxy() as client:
            self.assertIn("XCLIENT NAME ADDR PORT PROTO HELO LOGIN", client.command("EHLO proxy"))
            client.expect("MAIL FROM:<a@contoso.com>", 250)
            client.expect("RCPT TO:<b@fabrikam.com>", 550)  # the proxy itself may not
            client.expect("RSET", 250)
            self.assertRegex(client.command("XCLIENT ADDR=127.0.0.2 PORT=4711 NAME=printer"),
                             r"\A220 printers\.contoso\.com ")
            self.assertIn("printers.contoso.com Hello [127.0.0.2]", client.command("EHLO printer"))
            client.message("a@contoso.com", ["b@fabrikam.com"], BODY)
            # Once: behind it may come what the printer says.
            client.expect("XCLIENT ADDR=127.0.0.4", 500)
            client.quit()
        with self.proxy() as client:
            client.expect("XCLIENT ADDR=127.0.0.4", 220)
            self.assertNotIn("XCLIENT", client.command("EHLO web"))
            client.expect("MAIL FROM:<a@contoso.com>", 250)
            self.assertEqual(client.command("RCPT TO:<b@fabrikam.com>"),
                             "550 5.7.1 Unable to relay")
            client.quit()
        harness.wait_until(lambda: self.hop.messages, 10, "the message")
        self.assertIn(b"from printer (127.0.0.2)", self.hop.messages[0].content)
        taken = self.relais.wait_event("message")
        self.assertEqual((taken["connector"], taken["client"]), ("printers", "127.0.0.2:4711"))
        self.assertTrue(taken["via"].startswith("127.0.0.5:"), taken)
        refused = self.relais.wait_event("refused", connector="web")
        self.assertTrue(refused["client"].startswith("127.0.0.4:"), refused)

    def test_a_user_who_has_authenticated_elsewhere(self):
        self.start()
        with self.proxy() as client:
            client.expect("XCLIENT ADDR=127.0.0.4 LOGIN=chris+40contoso.com", 220)
            self.assertNotIn("AUTH", client.command("EHLO web"))
            client.message("chris@contoso.com", ["b@fabrikam.com"], BODY)
        with self.proxy() as client:
            client.expect("XCLIENT ADDR=127.0.0.4 LOGIN=[UNAVAILABLE]", 220)
            client.expect("EHLO web", 250)
            client.expect("MAIL FROM:<a@contoso.com>", 250)
            client.expect("RCPT TO:<b@fabrikam.com>", 550)
        taken = self.relais.wait_event("message")
        self.assertEqual(taken["user"], "chris@contoso.com")

    def test_nobody_else_may(self):
        self.start()
        for source in ("127.0.0.2", "127.0.0.4"):
            with Client(self.port, source=source) as client:
                self.assertNotIn("XCLIENT", client.command("EHLO x"))
                client.expect("XCLIENT ADDR=127.0.0.2", 500)

    def test_a_client_that_nobody_serves(self):
        self.start()
        with self.proxy() as client:
            client.expect("XCLIENT ADDR=[UNAVAILABLE]", 550)
            self.assertEqual(client.command("XCLIENT ADDR=192.0.2.1"),
                             "421 4.3.2 System not accepting network messages")
            self.assertEqual(client.line(), "")
        refused = self.relais.wait_event("refused", command="XCLIENT",
                                         reply="421 4.3.2 System not accepting network messages")
        self.assertIn("no connector serves", refused["reason"])
        self.assertTrue(refused["client"].startswith("192.0.2.1:"), refused)

    def test_the_limits_are_those_of_the_client(self):
        self.start(max_inbound_connection_per_source=2)
        first, second, third = self.proxy(), self.proxy(), self.proxy()
        first.expect("XCLIENT ADDR=127.0.0.2", 220)
        second.expect("XCLIENT ADDR=127.0.0.2", 220)
        third.expect("XCLIENT ADDR=127.0.0.2", 421)
        refused = self.relais.wait_event("refused", command="XCLIENT", connector="printers")
        self.assertTrue(refused["client"].startswith("127.0.0.2:"), refused)
        self.assertTrue(refused["via"].startswith("127.0.0.5:"), refused)
        first.quit()

        def taken():  # the place is free a moment after the client sees its connection closed
            with self.proxy() as client:
                return client.command("XCLIENT ADDR=127.0.0.2").startswith("220")

        harness.wait_until(taken, 10, "a free place")
        for client in (first, second, third):
            client.close()

    def test_a_reload_in_the_middle(self):
        self.start()
        with self.proxy() as client:
            client.expect("EHLO proxy", 250)
            path = self.relais.config_dir / "connectors" / "2.toml"
            path.write_text(path.read_text().replace("127.0.0.4", "127.0.0.9"))
            self.assertEqual(harness.run([harness.BINARY, "reload", "--config",
                                          str(self.relais.config_dir)]).returncode, 0)
            client.expect("XCLIENT ADDR=127.0.0.9", 220)
        with self.proxy() as client:
            client.expect("XCLIENT ADDR=127.0.0.4", 421)

    def test_in_tls(self):
        self.start(tls=harness.certificate(self.folder))
        swaks = harness.need("swaks")
        done = harness.run([swaks, "--server", f"127.0.0.1:{self.port}", "--local-interface",
                            "127.0.0.5", "--tls", "--xclient-addr", "127.0.0.2", "--xclient-port",
                            "99", "--from", "a@contoso.com", "--to", "b@fabrikam.com"])
        self.assertEqual(done.returncode, 0, done.stdout)
        taken = self.relais.wait_event("message")
        self.assertEqual((taken["connector"], taken["client"]), ("printers", "127.0.0.2:99"))
        harness.wait_until(lambda: self.hop.messages, 10, "the message")
        self.assertIn(b"TLSv1.3", self.hop.messages[0].content)


if __name__ == "__main__":
    harness.main()
