#!/usr/bin/python3
"""Proxy mode that names its clients to the upstream with XCLIENT, and gives it nothing otherwise."""

import base64
import subprocess

import harness
from cut_through_test import BODY
from harness import BINARY, Client
from named_clients import NamedClients
from next_hop import NextHop


class CutThroughXclient(NamedClients, harness.EndToEnd):
    SENDS = {"send_xclient": True}
    OTHERS = [{"name": "proxy", "remote_ip_ranges": ["127.0.0.1"], "xclient_hosts": ["127.0.0.1"]}]
    POSTFIX = {"smtpd_authorized_xclient_hosts": "127.0.0.1"}

    def test_the_upstream_serves_the_client(self):
        self.serves_the_client()

    def test_in_tls(self):
        self.in_tls()

    def test_many_clients_and_few_connections(self):
        self.few_connections()

    def test_one_that_comes_back_is_tried_without_a_client(self):
        self.comes_back()

    def test_a_client_that_the_upstream_does_not_serve(self):
        self.serves_others()

    def test_postfix(self):
        for field in self.behind_postfix():
            self.assertRegex(field, r"\AReceived: from web1\.contoso\.com \(unknown \[127\.")

    def test_postfix_that_does_not_trust_us(self):
        """It offers no XCLIENT, and would relay for our address."""
        self.POSTFIX = {"smtpd_authorized_xclient_hosts": "127.0.0.99"}
        with self.assertRaises(AssertionError) as raised:
            self.behind_postfix()
        self.assertIn("PRX2", str(raised.exception))
        self.assertEqual(self.hop.messages, [])

    def test_one_that_does_not_offer_it_gets_nothing(self):
        other = NextHop(self.ports.take()).start()
        self.addCleanup(other.stop)
        self.start(other.port)
        self.refused("127.0.0.2", 4)
        refused = self.relais.wait_event("refused", command="MAIL")
        self.assertEqual(refused["reason"], f"no upstream answers: 127.0.0.1:{other.port}: "
                         "XCLIENT with ADDR is not offered")
        self.relais.wait_event("upstream down")
        self.assertEqual(other.messages, [])

    def test_one_that_does_and_one_that_does_not(self):
        """Who is offered it takes all the mail."""
        other = NextHop(self.ports.take()).start()
        self.addCleanup(other.stop)
        self.start_upstream()
        self.start(other.port, self.upstream.port)
        for _ in range(5):
            self.deliver("127.0.0.2", 2)
        self.check(["127.0.0.2"], 10)
        self.assertEqual(other.messages, [])

    def test_a_user_who_has_authenticated_here(self):
        """The connection of before is not theirs."""
        self.start_upstream(auth_mechanism=["Tls", "BasicAuth"],
                            permission_groups=["AnonymousUsers", "ExchangeUsers"])
        users = self.folder / "users"
        users.touch(mode=0o600)
        self.start(self.upstream.port, auth={"password_file": str(users)},
                   receive={"auth_mechanism": ["BasicAuth"],
                            "permission_groups": ["AnonymousUsers", "ExchangeUsers"]})
        subprocess.run([BINARY, "user", "add", "chris@contoso.com", "--password-stdin", "--config",
                        self.relais.config_dir], input="secret\n", text=True, timeout=30, check=True)
        with Client(self.port, source="127.0.0.2") as client:
            client.expect("EHLO x", 250)
            client.message("chris@contoso.com", ["kate@fabrikam.com"], BODY)
            logon = base64.b64encode(b"\0chris@contoso.com\0secret").decode()
            client.expect("AUTH PLAIN " + logon, 235)
            for _ in range(2):
                client.message("chris@contoso.com", ["kate@fabrikam.com"], BODY)
            client.quit()
        self.check(["127.0.0.2"], 3)
        self.assertEqual([event.get("user") for event in self.upstream.events("message")],
                         [None, "chris@contoso.com", "chris@contoso.com"])


if __name__ == "__main__":
    harness.main()
