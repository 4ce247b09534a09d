#!/usr/bin/python3
"""TLS towards next hops: what a Send connector asks of them, and what becomes of mail where one of
them cannot, will not or must not."""

import random
import ssl
import threading
import time

import harness
from harness import BINARY, Client
from next_hop import CLOSE, NextHop
from other_servers import Postfix

NAME = "mx.contoso.com"
BODY = b"Subject: outward\r\n\r\n.dot\r\n" + b"a line of some length, as they come\r\n" * 300


class OutwardTls(harness.EndToEnd):
    def setUp(self):
        super().setUp()
        self.table = harness.certificate(self.folder, NAME)
        self.hop = self.make_hop()

    def context(self, **more):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.table["certificate"], self.table["key"])
        for name, value in more.items():
            setattr(context, name, value)
        return context

    def make_hop(self, **more):
        hop = NextHop(self.ports.take(), **{"tls": self.context(), **more})
        self.addCleanup(hop.stop)
        return hop

    def serve(self, *hops, **connector):
        hops = hops or (self.hop,)
        for hop in hops:
            hop.start()
        self.relais.configure(send=[harness.smart_host(*[h.port for h in hops], **connector)],
                              server={"cores": 1})
        self.relais.start()

    def send(self, count=1, body=BODY):
        with Client(self.port) as client:
            client.expect("EHLO client.example", 250)
            for _ in range(count):
                client.message("chris@contoso.com", ["kate@fabrikam.com"], body)

    def arrived(self, count=1, hop=None, body=BODY):
        hop = hop or self.hop
        harness.wait_until(lambda: len(hop.messages) >= count, 20, f"{count} messages")
        self.assertEqual(hop.violations, [])
        for message in hop.messages:
            self.assertEqual(harness.without_received(message.content), body)
        return hop.messages

    def nothing_arrives(self, hop=None):
        time.sleep(1.5)
        self.assertEqual((hop or self.hop).messages, [])

    def down(self, words, hop=None):
        """Why the host counts as down; other hosts than one have a line of their own."""
        event = self.relais.wait_event("host down", host=f"127.0.0.1:{(hop or self.hop).port}")
        self.assertRegex(event["reply"], words)
        return event

    def verified(self, **more):
        return {"tls_auth_level": "DomainValidation", "tls_domain": NAME,
                "tls_ca_file": self.table["certificate"], **more}

    # --- opportunistic

    def test_where_it_is_offered(self):
        self.serve()
        self.send(20)
        for message in self.arrived(20):
            self.assertEqual(message.tls, "TLSv1.3")
        event = self.relais.wait_event("delivered")
        self.assertEqual(event["tls"], "TLSv1.3")
        self.assertRegex(event["cipher"], "^TLS_AES_")
        # A connection that came too late for a message may still be opening.
        harness.wait_until(lambda: 2 * self.hop.sessions == sum(
            line.startswith("EHLO") for _, line in self.hop.commands), 10,
            "one hello before TLS, one inside")

    def test_where_it_is_not(self):
        hop = self.make_hop(tls=None)
        self.serve(hop)
        self.send()
        self.assertIsNone(self.arrived(hop=hop)[0].tls)
        self.assertNotIn("tls", self.relais.wait_event("delivered"))
        self.assertEqual(self.relais.events("no tls", "host down"), [])

    def test_old_versions(self):
        self.hop.tls = self.context(maximum_version=ssl.TLSVersion.TLSv1_2)
        self.serve()
        self.send()
        self.assertEqual(self.arrived()[0].tls, "TLSv1.2")

    def test_454_goes_on_in_the_clear(self):
        self.hop.rule = lambda verb, *_: "454 4.7.0 not now" if verb == "STARTTLS" else None
        self.serve()
        self.send()
        self.assertIsNone(self.arrived()[0].tls)

    def test_a_failed_handshake_goes_on_in_the_clear_and_is_remembered(self):
        self.hop.rule = lambda verb, *_: "500 5.5.1 what?\r\n" if verb == "HANDSHAKE" else None
        self.serve(max_messages_per_connection=1)
        for n in range(5):
            self.send()
            self.assertIsNone(self.arrived(n + 1)[n].tls)
        commands = [line for _, line in self.hop.commands]
        self.assertEqual(commands.count("STARTTLS"), 1)
        self.relais.wait_event("no tls")
        events = self.relais.events("no tls")
        self.assertEqual(len(events), 1)
        self.assertEqual(events[0]["host"], f"127.0.0.1:{self.hop.port}")
        self.assertRegex(events[0]["reason"], "^TLS handshake: wrong version number$")
        self.assertEqual(self.relais.events("host down"), [])

    def test_a_handshake_that_is_cut_goes_on_in_the_clear(self):
        self.hop.rule = lambda verb, *_: CLOSE if verb == "HANDSHAKE" else None
        self.serve()
        self.send()
        self.arrived()
        self.assertRegex(self.relais.wait_event("no tls")["reason"],
                         "^TLS handshake: the next hop closed the connection$")

    def test_silence_in_the_handshake_goes_on_in_the_clear(self):
        self.hop.rule = lambda verb, *_: "" if verb == "HANDSHAKE" else None
        self.serve(inactivity_timeout="500ms")
        self.send()
        self.arrived()
        self.assertRegex(self.relais.wait_event("no tls")["reason"],
                         "^TLS handshake: no answer in time$")

    def test_no_common_version_goes_on_in_the_clear(self):
        alert = "\x15\x03\x03\x00\x02\x02\x46"  # fatal, protocol_version
        self.hop.rule = lambda verb, *_: alert if verb == "HANDSHAKE" else None
        self.serve()
        self.send()
        self.arrived()
        self.assertRegex(self.relais.wait_event("no tls")["reason"],
                         "^TLS handshake: .*alert protocol version$")

    def test_a_server_that_knows_old_versions_only(self):
        self.hop.tls = self.context(minimum_version=ssl.TLSVersion.TLSv1,
                                    maximum_version=ssl.TLSVersion.TLSv1_1)
        self.hop.tls.set_ciphers("ALL:@SECLEVEL=0")
        self.serve()
        self.send()
        self.arrived()
        self.relais.wait_event("no tls")

    def test_a_handshake_that_fails_at_its_very_end(self):
        """With TLS 1.3 the client has finished when the server refuses its missing certificate."""
        self.hop.tls = self.context(verify_mode=ssl.CERT_REQUIRED)
        self.hop.tls.load_verify_locations(self.table["certificate"])
        self.serve()
        self.send()
        self.assertIsNone(self.arrived()[0].tls)
        self.assertRegex(self.relais.wait_event("no tls")["reason"], "^TLS handshake: ")

    def test_one_that_was_down_and_cannot_do_tls(self):
        """Nothing waits for ever: the one connection that finds out fails twice over."""
        self.hop.rule = lambda verb, *_: CLOSE if verb == "HANDSHAKE" else None
        self.relais.configure(send=[harness.smart_host(self.hop.port)], server={"cores": 1})
        self.relais.start()
        self.send()
        self.relais.wait_event("host down")
        self.hop.start()
        self.arrived()

    def test_ignored(self):
        self.serve(ignore_starttls=True)
        self.send()
        self.assertIsNone(self.arrived()[0].tls)
        self.assertEqual(self.hop.handshakes, 0)

    def test_sessions_are_resumed(self):
        self.serve(max_messages_per_connection=1)
        for n in range(6):
            self.send()
            self.arrived(n + 1)
        self.assertEqual([m.resumed for m in self.hop.messages], [False] + [True] * 5)

    # --- content

    def test_content_over_tls(self):
        """Byte for byte, with DATA and with BDAT, in records that end anywhere."""
        rng = random.Random(5)
        bodies = [b".\r\n", b"\r\n", b"", b".\r\n..\r\n" * 9000, BODY * 200,
                  b"Subject: x\r\n\r\n" + b"".join(
                      rng.choice([b".", b"", b"..", b"\xff" * rng.randrange(900)]) + b"\r\n"
                      for _ in range(8000))]
        chunking = self.make_hop(extensions=("PIPELINING", "8BITMIME", "CHUNKING"))
        lock_step = self.make_hop(extensions=())
        for hop in (self.hop, chunking, lock_step):
            hop.start()
        spaces = {self.hop: "data.example", chunking: "bdat.example", lock_step: "slow.example"}
        self.relais.configure(send=[
            harness.smart_host(hop.port, name=domain, address_spaces=[domain], require_tls=True)
            for hop, domain in spaces.items()])
        self.relais.start()
        for hop, domain in spaces.items():
            with Client(self.port) as client:
                client.expect("EHLO client.example", 250)
                for body in bodies:
                    client.message("chris@contoso.com", [f"kate@{domain}"], body)
        for hop, domain in spaces.items():
            harness.wait_until(lambda h=hop: len(h.messages) == len(bodies), 30, domain)
            self.assertEqual(hop.violations, [])
            got = sorted(harness.without_received(m.content) for m in hop.messages)
            self.assertTrue(got == sorted(bodies), f"{domain}: content differs")
            self.assertTrue(all(m.tls for m in hop.messages))
        self.assertTrue(any(line.startswith("BDAT") for _, line in chunking.commands))

    def test_a_connection_that_is_cut_in_tls(self):
        """Messages go again, over TLS again."""
        cuts = []

        def rule(verb, argument, session):
            if verb in ("MAIL", "DATA", "BODY") and len(cuts) < 9 and session.number % 2:
                cuts.append(verb)
                return CLOSE
            return None

        self.hop.rule = rule
        self.serve(require_tls=True)
        self.send(10)
        harness.wait_until(lambda: len(self.hop.messages) == 10, 40, "all ten")
        self.assertTrue(all(m.tls for m in self.hop.messages))

    def test_many_at_once(self):
        self.serve(require_tls=True)
        threads = [threading.Thread(target=self.send, args=(20,)) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.arrived(200)
        self.assertEqual(self.relais.events("host down", "deferred", "no tls"), [])

    # --- required

    def test_required_and_not_offered(self):
        hop = self.make_hop(tls=None)
        self.serve(hop, require_tls=True)
        self.send()
        self.down("^no TLS: STARTTLS is not offered$", hop)
        self.nothing_arrives(hop)
        self.assertFalse([line for _, line in hop.commands if line.startswith("MAIL")])
        hop.tls = self.context()
        self.assertEqual(self.arrived(hop=hop)[0].tls, "TLSv1.3")

    def test_required_and_refused(self):
        self.hop.rule = lambda verb, *_: "454 4.7.0 not now" if verb == "STARTTLS" else None
        self.serve(require_tls=True)
        self.send()
        self.down("^no TLS: 454 4.7.0 not now$")
        self.nothing_arrives()

    def test_required_and_the_handshake_fails(self):
        self.hop.rule = lambda verb, *_: "500 5.5.1 what?\r\n" if verb == "HANDSHAKE" else None
        self.serve(require_tls=True)
        self.send()
        self.down("^TLS handshake: wrong version number$")
        self.nothing_arrives()
        self.assertEqual(self.relais.events("no tls"), [])

    def test_required_and_another_host_can(self):
        plain = self.make_hop(tls=None)
        self.serve(plain, self.hop, require_tls=True)
        self.send(10)
        self.arrived(10)
        self.assertEqual(plain.messages, [])

    def test_octets_behind_the_220(self):
        """CVE-2011-0411 from the client's side: whoever put them there is not believed."""
        self.hop.rule = lambda verb, *_: (
            "220 go\r\n250-evil\r\n250 AUTH PLAIN" if verb == "STARTTLS" else None)
        self.serve()
        self.send()
        self.down("^no TLS: octets in the clear behind the answer to STARTTLS$")
        self.nothing_arrives()
        self.assertEqual(self.hop.handshakes, 0)

    def test_required_until_it_expires(self):
        """What is given up says why it could not go."""
        hop = self.make_hop(tls=None)
        hop.start()
        self.relais.configure(send=[harness.smart_host(hop.port, require_tls=True)],
                              retry={"first": "200ms", "max": "400ms", "expire_after": "1s"})
        self.relais.start()
        self.send()
        failed = self.relais.wait_event("failed", 20)
        self.assertRegex(failed["reply"], "4\\.4\\.7 .*: no TLS: STARTTLS is not offered$")

    # --- verified

    def test_verified(self):
        self.serve(**self.verified())
        self.send()
        self.assertEqual(self.arrived()[0].tls, "TLSv1.3")

    def test_verified_and_of_another_name(self):
        self.serve(**self.verified(tls_domain="mx.fabrikam.com"))
        self.send()
        self.down("^TLS handshake: certificate verify failed: hostname mismatch$")
        self.nothing_arrives()
        harness.wait_until(lambda: self.hop.tls_failures, 5, "the next hop's view")
        self.assertIn("ALERT", self.hop.tls_failures[0].upper(), "it is told why")

    def test_the_chain_alone_is_verified(self):
        self.serve(tls_auth_level="CertificateValidation",
                   tls_ca_file=self.table["certificate"])
        self.send()
        self.assertEqual(self.arrived()[0].tls, "TLSv1.3")

    def test_verified_and_of_an_unknown_authority(self):
        for level in ("CertificateValidation", "DomainValidation"):
            with self.subTest(level):
                if self.relais.process:
                    self.relais.stop()
                    self.hop.stop()
                    self.relais.log_file.unlink()
                self.serve(tls_auth_level=level, tls_domain=NAME)
                self.send()
                self.down("^TLS handshake: certificate verify failed: self-signed certificate$")
                self.nothing_arrives()

    def test_verified_and_expired(self):
        harness.expire(self.table)
        self.hop.tls = self.context()
        self.serve(**self.verified())
        self.send()
        self.down("^TLS handshake: certificate verify failed: certificate has expired$")
        self.nothing_arrives()

    def test_expired_is_good_enough_where_nothing_is_verified(self):
        harness.expire(self.table)
        self.hop.tls = self.context()
        self.serve(require_tls=True)
        self.send()
        self.assertEqual(self.arrived()[0].tls, "TLSv1.3")

    # --- from the first octet

    def test_implicit(self):
        hop = self.make_hop(implicit=True)
        self.serve(hop, tls="implicit", **self.verified())
        self.send(5)
        for message in self.arrived(5, hop):
            self.assertEqual(message.tls, "TLSv1.3")
        self.assertFalse([line for _, line in hop.commands if line == "STARTTLS"])

    def test_implicit_to_one_that_speaks_first(self):
        hop = self.make_hop(tls=None)
        self.serve(hop, tls="implicit")
        self.send()
        self.down("^TLS handshake: wrong version number$", hop)
        self.nothing_arrives(hop)

    # --- another program

    def test_postfix(self):
        """Real records, a real tlsmgr, BDAT and DATA; what Postfix has passed on is compared."""
        postfix = Postfix(self)
        last = self.make_hop(tls=None)
        last.start()
        port = self.ports.take()
        postfix.start(port, f"[127.0.0.1]:{last.port}", myhostname=NAME,
                      smtpd_tls_cert_file=self.table["certificate"],
                      smtpd_tls_key_file=self.table["key"], smtpd_tls_security_level="encrypt",
                      smtpd_tls_received_header="yes")
        for name, chunking in (("bdat", True), ("data", False)):
            with self.subTest(name):
                self.relais.configure(send=[harness.smart_host(
                    port, chunking_enabled=chunking, **self.verified())])
                self.relais.start()
                before = len(last.messages)
                bodies = [BODY, BODY * 40, b"Subject: dots\r\n\r\n.\r\n..\r\n", BODY]
                for body in bodies:
                    self.send(body=body)
                harness.wait_until(lambda n=before: len(last.messages) == n + len(bodies), 30,
                                   "all through Postfix")
                got = [m.content for m in last.messages[before:]]
                for content in got:
                    self.assertRegex(content[:400], rb"using TLSv1\.3 with cipher TLS_AES_")
                self.assertEqual(sorted(harness.without_received(harness.without_received(c))
                                        for c in got), sorted(bodies))
                self.relais.wait_event("delivered")
                self.assertEqual({e["tls"] for e in self.relais.events("delivered")}, {"TLSv1.3"})
                self.relais.stop()
        self.assertEqual(last.violations, [])

    # --- check

    def check(self, connector, status, *words):
        self.relais.configure(send=[harness.smart_host(25, **connector)])
        done = harness.run([BINARY, "check", "--config", str(self.relais.config_dir)])
        said = done.stdout + done.stderr
        self.assertEqual(done.returncode, status, said)
        for word in words:
            self.assertIn(word, said)

    def test_what_check_says_of_the_authorities(self):
        self.check(self.verified(), 0)
        self.check(self.verified(tls_ca_file=str(self.folder / "none.pem")), 1, "tls_ca_file",
                   "none.pem: cannot be read", "[R052]")
        self.check(self.verified(tls_ca_file=self.table["key"]), 1, "tls_ca_file", "key.pem")


if __name__ == "__main__":
    harness.main()
