#!/usr/bin/python3
"""Proxy mode by a Send connector: TLS and logons towards upstreams, and what a client hears when
one of them cannot, will not or must not."""

import ssl
import unittest

import harness
from cut_through_test import BODY, PRX2
from next_hop import CLOSE, NextHop

KEPT = "250 2.0.0 kept"
NAME = "mx.contoso.com"
CHUNKS = ("PIPELINING", "8BITMIME", "CHUNKING")


class CutThroughTls(harness.EndToEnd):
    def setUp(self):
        super().setUp()
        self.table = harness.certificate(self.folder, NAME)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.table["certificate"], self.table["key"])
        self.hop = self.make_hop()

    def make_hop(self, **more):
        hop = NextHop(self.ports.take(), **{"tls": self.context, **more})
        self.addCleanup(hop.stop)
        return hop

    def configure(self, *hops, **connector):
        hops = hops or (self.hop,)
        self.name = f"127.0.0.1:{hops[0].port}"
        self.relais.configure(
            receive=[harness.relay_connector(self.port, delivery="proxy",
                                             upstream_send_connector="Mailbox servers")],
            send=[harness.smart_host(*[hop.port for hop in hops],
                                     **{"name": "Mailbox servers", **connector})],
            server={"cores": 1})

    def serve(self, *hops, **connector):
        for hop in hops or (self.hop,):
            hop.start()
        self.configure(*hops, **connector)
        self.relais.start()

    def verified(self, **more):
        return {"tls_auth_level": "DomainValidation", "tls_domain": NAME,
                "tls_ca_file": self.table["certificate"], **more}

    def deliver(self, body=BODY):
        """The last reply: to the content, or to what was refused before it."""
        client = self.client()
        said = client.command("MAIL FROM:<chris@contoso.com>")
        if said[0] == "2":
            said = client.command("RCPT TO:<kate@fabrikam.com>")
        if said[0] != "2":
            return said
        return client.content(body)

    def arrived(self, count=1, hop=None, body=BODY):
        hop = hop or self.hop
        harness.wait_until(lambda: len(hop.messages) >= count, 20, "the message")
        self.assertEqual((hop.violations, len(hop.messages)), ([], count))
        for message in hop.messages:
            self.assertEqual(harness.without_received(message.content), body)
        return hop.messages[-1]

    def refused(self, words):
        self.assertEqual(self.deliver(), PRX2)
        event = self.relais.wait_event("refused", command="MAIL", reply=PRX2)
        self.assertRegex(event["reason"], words)
        self.assertEqual(self.hop.messages, [])

    # ---- opportunistic

    def test_where_it_is_offered_and_resumed(self):
        self.serve()
        for count in range(1, 4):
            self.assertEqual(self.deliver(), KEPT)
            message = self.arrived(count)
            self.assertEqual(message.tls, "TLSv1.3")
        self.assertEqual(self.hop.handshakes, 1, "sessions share the connection")
        # A new connection resumes.
        import asyncio

        async def cut():
            for talk in list(self.hop.talks):
                talk.writer.transport.abort()
        asyncio.run_coroutine_threadsafe(cut(), self.hop.loop).result(5)
        harness.wait_until(lambda: self.hop.open == 0, 5, "the end of the connection")
        self.assertEqual(self.deliver(), KEPT)
        self.assertTrue(self.arrived(4).resumed)

    def test_large_content_both_ways(self):
        body = b"Subject: large\r\n\r\n" + b".a line of some length, as they come\r\n" * 100_000
        for extensions in (CHUNKS, ("PIPELINING", "8BITMIME"), ("8BITMIME",)):
            self.hop = self.make_hop(extensions=extensions)
            self.serve()
            self.assertEqual(self.deliver(body), KEPT)
            self.assertEqual(self.arrived(body=body).tls, "TLSv1.3")
            self.relais.stop()
            self.hop.stop()

    def test_where_it_is_not_offered_or_ignored(self):
        for hop, connector in ((self.make_hop(tls=None), {}),
                               (self.make_hop(), {"ignore_starttls": True})):
            self.hop = hop
            self.serve(**connector)
            self.assertEqual(self.deliver(), KEPT)
            self.assertIsNone(self.arrived().tls)
            self.relais.stop()
            hop.stop()

    def test_a_handshake_that_fails_goes_on_in_the_clear_and_is_remembered(self):
        for what in ("500 what is this\r\n", CLOSE):
            self.hop = self.make_hop()
            self.hop.rule = lambda verb, *_, what=what: what if verb == "HANDSHAKE" else None
            self.serve()
            for count in range(1, 4):
                self.assertEqual(self.deliver(), KEPT)
                self.assertIsNone(self.arrived(count).tls)
            harness.wait_until(lambda: [e for e in self.relais.events("no tls")
                                        if e["upstream"] == self.name], 5, "a line in the log")
            tried = [line for _, line in self.hop.commands if line == "STARTTLS"]
            self.assertEqual(len(tried), 1, "it is tried again in ten minutes")
            self.assertEqual(self.relais.events("upstream down"), [])
            self.relais.stop()
            self.hop.stop()

    # ---- required

    def test_required_and_not_offered(self):
        self.hop = self.make_hop(tls=None)
        self.serve(require_tls=True)
        self.refused("no TLS: STARTTLS is not offered")

    def test_required_and_the_handshake_fails(self):
        self.hop.rule = lambda verb, *_: "500 what\r\n" if verb == "HANDSHAKE" else None
        self.serve(require_tls=True)
        self.refused("TLS handshake: wrong version number")

    def test_required_and_another_upstream_can(self):
        bad = self.make_hop(tls=None)
        self.serve(bad, self.hop, require_tls=True)
        for count in range(1, 5):
            self.assertEqual(self.deliver(), KEPT)
            self.assertEqual(self.arrived(count).tls, "TLSv1.3")
        self.assertEqual(bad.messages, [])

    def test_octets_behind_the_220(self):
        self.hop.rule = lambda verb, *_: (
            "220 2.0.0 go\r\n250-evil\r\n250 AUTH PLAIN" if verb == "STARTTLS" else None)
        self.serve(require_tls=True)
        self.refused("octets in the clear|nobody had asked for")

    def test_verified(self):
        self.serve(**self.verified())
        self.assertEqual(self.deliver(), KEPT)
        self.assertEqual(self.arrived().tls, "TLSv1.3")

    def test_verified_and_of_another_name(self):
        self.serve(**self.verified(tls_domain="other.contoso.com"))
        self.refused("TLS handshake: certificate verify failed: hostname mismatch")

    def test_implicit(self):
        self.hop = self.make_hop(implicit=True)
        self.serve(tls="implicit")
        for count in range(1, 3):
            self.assertEqual(self.deliver(), KEPT)
            self.assertEqual(self.arrived(count).tls, "TLSv1.3")
        self.assertNotIn("STARTTLS", [line for _, line in self.hop.commands])

    def test_cut_in_the_middle_of_content(self):
        self.serve(require_tls=True)
        body = b"Subject: x\r\n\r\n" + b"0123456789\r\n" * 200_000
        self.hop.rule = lambda verb, argument, _: CLOSE if (
            verb == "BODY" and argument > 100_000) else None
        self.assertEqual(self.deliver(body), PRX2)
        self.hop.rule = lambda *_: None
        self.assertEqual(self.deliver(), KEPT)
        self.arrived()

    # ---- logging on

    def password(self, text="secret"):
        path = self.folder / "password"
        path.write_text(text + "\n")
        path.chmod(0o600)
        return {"smart_host_auth_mechanism": "BasicAuthRequireTLS", "auth_user": "relay",
                "auth_password_file": str(path)}

    def test_logs_on_once_a_connection(self):
        for mechanisms in ("PLAIN LOGIN", "LOGIN"):
            self.hop = self.make_hop(users={"relay": "secret"}, mechanisms=mechanisms)
            self.serve(**self.password())
            for count in range(1, 3):
                self.assertEqual(self.deliver(), KEPT)
                self.assertEqual(self.arrived(count).user, "relay")
            self.assertEqual(len(self.hop.logons), 1)
            self.assertTrue(self.hop.logons[0][3], "in TLS")
            self.relais.stop()
            self.hop.stop()

    def test_a_wrong_password(self):
        self.hop = self.make_hop(users={"relay": "another"})
        self.serve(**self.password())
        self.refused('cannot log on as "relay": 535')
        self.assertNotIn("secret", self.relais.log_file.read_text())

    # ---- check

    def check(self):
        done = harness.run([harness.BINARY, "check", "--config", str(self.relais.config_dir)])
        return done.returncode, done.stdout + done.stderr

    def test_check_holds_the_send_connector_to_the_same_rules(self):
        """R052 to R054, and the name itself."""
        self.configure(ignore_starttls=True, require_tls=True)
        status, text = self.check()
        self.assertEqual(status, 1, text)
        self.assertIn("R052", text)
        self.configure(smart_host_auth_mechanism="BasicAuth", auth_user="relay")
        status, text = self.check()
        self.assertEqual(status, 1, text)
        self.assertIn("R053", text)
        self.configure(name="Somebody else")
        status, text = self.check()
        self.assertEqual(status, 1, text)
        self.assertIn("there is no [[send_connector]] with the name 'Mailbox servers'", text)


if __name__ == "__main__":
    unittest.main(verbosity=2, warnings="ignore")
