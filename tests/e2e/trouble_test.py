#!/usr/bin/python3
"""A next hop in trouble: nothing is lost, and nobody who has the message gets it again."""

import collections
import datetime
import socket
import threading
import time

import harness
from next_hop import CLOSE, Delay, NextHop

BODY = b"Subject: trouble\r\n\r\n.some text\r\n" + b"t" * 400 + b"\r\n"
THREE = ["a@fabrikam.com", "b@fabrikam.com", "c@fabrikam.com"]


class Trouble(harness.EndToEnd):
    def setUp(self):
        super().setUp()
        self.hop = NextHop(self.ports.take())
        self.addCleanup(self.hop.stop)
        self.relais.configure(send=[harness.smart_host(self.hop.port)])

    def send(self, recipients=("kate@fabrikam.com",), body=BODY):
        return harness.send(self.port, "chris@contoso.com", list(recipients), body)

    def received(self, *hops):
        """How often each recipient got a message."""
        return collections.Counter(r for hop in hops or (self.hop,) for m in hop.messages
                                   for r in m.recipients)

    def settle(self, expected, seconds=20, hops=None):
        """Waits for what is expected, then a little longer for what is not."""
        expected = collections.Counter(expected)
        hops = hops or [self.hop]
        harness.wait_until(lambda: sum(self.received(*hops).values()) >= sum(expected.values()),
                           seconds, f"{expected}")
        time.sleep(1.5)  # longer than the longest retry interval of the configuration
        self.assertEqual(self.received(*hops), expected)
        for hop in hops:
            self.assertEqual(hop.violations, [])
            for message in hop.messages:
                self.assertEqual(harness.without_received(message.content), BODY)

    def failed(self):
        return sorted((self.relais.data_dir / "failed" / "new").glob("*"))

    def test_down_at_first(self):
        self.relais.start()
        for n in range(20):
            self.send([f"u{n}@fabrikam.com"])
        # Told once for the host, not once for each message that waits for it.
        down = self.relais.wait_event("host down", host=f"127.0.0.1:{self.hop.port}")
        self.assertEqual(down["send_connector"], "Smart host")
        time.sleep(1)
        self.hop.start()
        self.settle([f"u{n}@fabrikam.com" for n in range(20)])

    def test_says_hello_and_one_reply_too_many_or_hangs_up(self):
        """It is as good as down: left alone for a growing time, and told so."""
        for name, behind in (("a reply that nobody asked for: 250 more", b"250 more\r\n"),
                             ("421 timeout", b"421 timeout\r\n"), ("closed the connection", b"")):
            with self.subTest(name):
                connections = []
                listener = socket.create_server(("127.0.0.1", self.hop.port))

                def serve():
                    while True:
                        try:
                            connection, _ = listener.accept()
                        except OSError:
                            return
                        connections.append(time.monotonic())
                        connection.sendall(b"220 hop\r\n")
                        connection.recv(1000)
                        connection.sendall(b"250 hop\r\n" + behind)
                        connection.shutdown(socket.SHUT_WR)
                        connection.recv(1000)
                        connection.close()

                thread = threading.Thread(target=serve, daemon=True)
                thread.start()
                self.relais.log_file.unlink(missing_ok=True)
                self.relais.configure(send=[harness.smart_host(self.hop.port)],
                                      retry={"first": "200ms", "max": "1s", "expire_after": "6s"})
                self.relais.start()
                for n in range(3):
                    self.send([f"u{n}@fabrikam.com"])
                down = self.relais.wait_event("host down")
                self.assertIn(name, down["reply"])
                harness.wait_until(lambda: len(self.relais.events("failed")) == 3, 30, "the end")
                self.assertIn(name, self.relais.events("failed")[0]["reply"])
                self.assertLess(len(connections), 25)
                self.relais.stop()
                listener.shutdown(socket.SHUT_RDWR)
                listener.close()
                thread.join()

    def test_expires_while_its_next_hop_is_found_down(self):
        """It has had its time: it does not wait until the next hop is tried again."""
        listener = socket.create_server(("127.0.0.1", self.hop.port))  # that says nothing
        self.relais.configure(send=[harness.smart_host(self.hop.port)],
                              retry={"first": "200ms", "max": "1s", "expire_after": "2s"})
        self.relais.start()
        for n in range(4):
            self.send([f"u{n}@fabrikam.com"])
        time.sleep(2.5)
        listener.close()
        harness.wait_until(lambda: len(self.relais.events("failed")) == 4, 10, "the end")
        for failed in self.relais.events("failed"):
            self.assertIn("550 4.4.7 message expired: the next hop could not be reached in time: ",
                          failed["reply"])
        self.assertEqual(len(self.relais.events("host down")), 1)

    def test_hangs_up_on_several_at_once(self):
        """Each was ready, but what they found out together counts once."""
        listener = socket.create_server(("127.0.0.1", self.hop.port))
        waiting = []

        def serve():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                connection.sendall(b"220 hop\r\n")
                connection.recv(1000)
                waiting.append(connection)
                if len(waiting) != 4:
                    continue
                for connection in waiting[:4]:  # one that is made meanwhile is not answered
                    connection.sendall(b"250 hop\r\n")
                    connection.shutdown(socket.SHUT_WR)
                    time.sleep(0.05)

        threading.Thread(target=serve, daemon=True).start()
        self.relais.start()
        for n in range(8):
            self.send([f"u{n}@fabrikam.com"])
        self.relais.wait_event("host down")
        time.sleep(0.5)
        self.assertEqual(len(self.relais.events("host down")), 1)
        down = self.relais.wait_event("host down")
        times = [datetime.datetime.fromisoformat(down[key]) for key in ("time", "next_attempt")]
        self.assertLess(times[1] - times[0], datetime.timedelta(seconds=1.5))
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in waiting:
            connection.close()
        self.hop.start()
        self.settle([f"u{n}@fabrikam.com" for n in range(8)])

    def test_hangs_up_on_connections_that_had_nothing_to_do(self):
        """One connection takes all the mail, while the others wait for their hello. A next hop that
        ends these then, as one does that stops, has not shown that it cannot take mail."""
        listener = socket.create_server(("127.0.0.1", self.hop.port))
        spare, spared, served = [], threading.Event(), []

        def serve(connection):
            lines = connection.makefile("rb")
            connection.sendall(b"220 hop\r\n")
            for line in lines:
                spared.wait(10)
                if line[:4].upper() == b"DATA":
                    connection.sendall(b"354 go on\r\n")
                    while lines.readline() != b".\r\n":
                        pass
                    served.append(line)
                connection.sendall(b"250 hop\r\n")

        def accept():
            threading.Thread(target=serve, args=listener.accept()[:1], daemon=True).start()
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                connection.sendall(b"220 hop\r\n")
                connection.recv(1000)
                spare.append(connection)
                if len(spare) == 3:
                    spared.set()

        threading.Thread(target=accept, daemon=True).start()
        self.relais.start()
        for n in range(8):
            self.send([f"u{n}@fabrikam.com"])
        harness.wait_until(lambda: len(served) == 8, 10, "all mail over one connection")
        for connection in spare:
            connection.sendall(b"250 hop\r\n")
            time.sleep(0.05)
            connection.sendall(b"421 4.3.2 closing\r\n")
            connection.close()
        time.sleep(0.2)
        self.send(["u8@fabrikam.com"])
        harness.wait_until(lambda: len(served) == 9, 10, "one more")
        self.assertEqual(self.relais.events("host down"), [])
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()

    def test_hangs_up_before_its_hello(self):
        # As a load balancer without a backend does. The host is left alone for a growing time.
        connections = []
        listener = socket.create_server(("127.0.0.1", self.hop.port))

        def hang_up():
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                connections.append(time.monotonic())
                client.close()

        threading.Thread(target=hang_up, daemon=True).start()
        self.relais.start()
        self.send()
        self.relais.wait_event("host down", host=f"127.0.0.1:{self.hop.port}")
        time.sleep(3)
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        self.assertLessEqual(len(connections), 4)
        self.hop.start()
        self.settle(["kate@fabrikam.com"])

    def test_down_in_the_middle(self):
        self.hop.start()
        self.relais.start()
        sent = []
        for n in range(60):
            if n == 20:
                self.hop.stop()
            if n == 40:
                self.hop.start()
            sent.append(f"u{n}@fabrikam.com")
            self.send(sent[-1:])
        harness.wait_until(lambda: set(self.received()) >= set(sent), 20, "all 60")

    def test_down_over_a_restart(self):
        self.relais.start()
        for n in range(20):
            self.send([f"u{n}@fabrikam.com"])
        self.relais.stop()
        self.hop.start()
        self.relais.start()
        self.assertTrue(self.relais.said(
            r"recovered 20 messages, 20 of them without a try on record; what was sent in the last "
            r"100 ms before a crash is sent again"),
                        "the start does not say how many messages were recovered:\n"
                        + "\n".join(self.relais.lines))
        self.settle([f"u{n}@fabrikam.com" for n in range(20)])

    def test_slow(self):
        self.hop.rule = lambda verb, argument, session: (
            Delay(0.3) if verb in ("CONNECT", "MAIL", "END") else None)
        self.hop.start()
        self.relais.start()
        started = time.monotonic()
        for n in range(30):
            self.send([f"u{n}@fabrikam.com"])
        self.assertLess(time.monotonic() - started, 5 * harness.PATIENCE,
                        "a slow next hop must not slow the client")
        self.settle([f"u{n}@fabrikam.com" for n in range(30)])

    def test_a_hop_that_says_nothing_is_given_up(self):
        self.relais.configure(send=[harness.smart_host(self.hop.port, inactivity_timeout="1s")])
        self.hop.rule = lambda verb, argument, session: (
            Delay(30) if verb == "MAIL" and session.number == 1 else None)
        self.hop.start()
        self.relais.start()
        self.send()
        self.settle(["kate@fabrikam.com"])

    def test_4xx_for_a_while_at_each_verb(self):
        for verb in ("CONNECT", "MAIL", "RCPT", "DATA", "END"):
            with self.subTest(verb):
                refusals = []

                def rule(asked, argument, session, verb=verb, refusals=refusals):
                    if asked == verb and len(refusals) < 3:
                        refusals.append(time.monotonic())
                        return "421 4.3.2 not now" if verb == "CONNECT" else "451 4.3.0 not now"
                    return None

                self.hop.messages.clear()
                self.hop.rejected.clear()
                self.hop.rule = rule
                if self.hop.loop is None:
                    self.hop.start()
                    self.relais.start()
                self.send()
                self.settle(["kate@fabrikam.com"])
                self.assertEqual(len(refusals), 3)
                gaps = [b - a for a, b in zip(refusals, refusals[1:])]
                self.assertTrue(all(gap > 0.1 for gap in gaps), f"no pause between tries: {gaps}")
        self.assertEqual(self.failed(), [])

    def test_closing_in_the_middle(self):
        cases = {
            "at once": lambda verb, argument: verb == "CONNECT",
            "at MAIL": lambda verb, argument: verb == "MAIL",
            "at RCPT": lambda verb, argument: verb == "RCPT",
            "at DATA": lambda verb, argument: verb == "DATA",
            "in the content": lambda verb, argument: verb == "BODY",
        }
        self.hop.start()
        self.relais.start()
        for name, when in cases.items():
            with self.subTest(name):
                cuts = []

                def rule(verb, argument, session, when=when, cuts=cuts):
                    if len(cuts) < 2 and when(verb, argument):
                        cuts.append(verb)
                        return CLOSE
                    return None

                self.hop.messages.clear()
                self.hop.rule = rule
                self.send()
                self.settle(["kate@fabrikam.com"])
                self.assertEqual(len(cuts), 2)

    def test_closing_after_the_dot_before_the_answer(self):
        """Nobody can know whether it was kept, so it is sent again: RFC 1047, at least once."""
        cuts = []

        def rule(verb, argument, session):
            if verb == "END" and not cuts:
                cuts.append(1)
                return CLOSE
            return None

        self.hop.rule = rule
        self.hop.start()
        self.relais.start()
        self.send()
        self.settle(["kate@fabrikam.com"])
        self.assertEqual(len(self.hop.rejected), 1)

    def test_one_of_three_refused_for_good(self):
        self.hop.rule = lambda verb, argument, session: (
            "550 5.1.1 no such user" if (verb, argument) == ("RCPT", "b@fabrikam.com") else None)
        self.hop.start()
        self.relais.start()
        guid = self.send(THREE)
        self.settle(["a@fabrikam.com", "c@fabrikam.com"])
        failed = self.relais.wait_event("failed")
        self.assertEqual(failed["to"], ["b@fabrikam.com"])
        self.assertIn("550", str(failed["reply"]))
        self.assertIn(failed["id"], guid)
        kept = harness.wait_until(self.failed, 5, "the failed message in data/failed/new")
        self.assertEqual(len(kept), 1)
        content = kept[0].read_bytes()
        self.assertIn(b"X-Relais-Failed-Recipient: ", content)
        fields = [line for line in content.split(b"\n") if line.startswith(b"X-Relais-Failed-Rec")]
        self.assertEqual(len(fields), 1)
        self.assertIn(b"b@fabrikam.com", fields[0])
        self.assertTrue(content.endswith(BODY.replace(b"\r\n", b"\n")), content)

    def test_all_refused_for_good(self):
        self.hop.rule = lambda verb, argument, session: (
            "550 5.1.1 no such user" if verb == "RCPT" else None)
        self.hop.start()
        self.relais.start()
        self.send(THREE)
        harness.wait_until(self.failed, 10, "the failed message")
        time.sleep(1.5)
        content = b"".join(path.read_bytes() for path in self.failed())
        for recipient in THREE:
            self.assertEqual(content.count(recipient.encode()), 1, content)
        self.assertEqual(self.hop.messages, [])
        tries = [line for _, line in self.hop.commands if line.startswith("MAIL")]
        self.assertEqual(len(tries), 1, "a permanent refusal is not tried again")

    def test_sender_refused_for_good(self):
        self.hop.rule = lambda verb, argument, session: (
            "550 5.7.1 not you" if verb == "MAIL" else None)
        self.hop.start()
        self.relais.start()
        self.send(THREE)
        harness.wait_until(self.failed, 10, "the failed message")
        self.relais.wait_event("failed")
        to = sorted(r for event in self.relais.events("failed") for r in event["to"])
        self.assertEqual(to, THREE)

    def test_content_refused_for_good(self):
        self.hop.rule = lambda verb, argument, session: (
            "554 5.6.0 not that" if verb == "END" else None)
        self.hop.start()
        self.relais.start()
        self.send(THREE)
        harness.wait_until(self.failed, 10, "the failed message")
        self.assertEqual(len(self.hop.rejected), 1)

    def test_one_of_three_later(self):
        refusals = []

        def rule(verb, argument, session):
            if (verb, argument) == ("RCPT", "b@fabrikam.com") and len(refusals) < 3:
                refusals.append(1)
                return "450 4.2.1 busy"
            return None

        self.hop.rule = rule
        self.hop.start()
        self.relais.start()
        self.send(THREE)
        self.settle(THREE)
        asked = collections.Counter(line for _, line in self.hop.commands
                                    if line.startswith("RCPT TO:<a@"))
        self.assertEqual(sum(asked.values()), 1, "a recipient who has it must not be named again")
        self.assertEqual(self.failed(), [])

    def test_one_of_three_later_over_a_restart(self):
        self.hop.rule = lambda verb, argument, session: (
            "450 4.2.1 busy" if (verb, argument) == ("RCPT", "b@fabrikam.com") else None)
        self.hop.start()
        self.relais.start()
        self.send(THREE)
        self.relais.wait_event("deferred")
        harness.wait_until(lambda: self.hop.messages, 5, "the first delivery")
        self.relais.stop()
        self.hop.rule = lambda verb, argument, session: None
        self.relais.start()
        self.settle(THREE)

    def test_expiry_ends_in_failed(self):
        self.relais.configure(send=[harness.smart_host(self.hop.port)],
                              retry={"first": "200ms", "max": "500ms", "expire_after": "2s"})
        self.hop.rule = lambda verb, argument, session: (
            "450 4.2.1 busy" if verb == "RCPT" else None)
        self.hop.start()
        self.relais.start()
        self.send()
        harness.wait_until(self.failed, 20, "the expired message in data/failed/new")
        self.relais.wait_event("failed")

    def test_what_is_too_old_has_one_more_try_however_much_waits(self):
        """A server that was off for days tries all of it before it says that it has expired."""
        self.relais.configure(server={"cores": 1}, send=[harness.smart_host(self.hop.port)])
        self.relais.start()
        recipients = [f"u{n}@fabrikam.com" for n in range(3000)]
        with harness.Client(self.port) as client:
            client.expect("EHLO client.example", 250)
            for recipient in recipients:
                client.message("chris@contoso.com", [recipient], BODY)
        self.relais.stop()
        self.relais.configure(server={"cores": 1}, send=[harness.smart_host(self.hop.port)],
                              retry={"first": "200ms", "max": "500ms", "expire_after": "1s"})
        time.sleep(1.5)
        self.hop.start()
        self.relais.start()
        self.settle(recipients, seconds=60)
        self.assertEqual(self.relais.events("failed"), [])

    def test_second_smart_host_takes_over(self):
        second = NextHop(self.ports.take()).start()
        self.addCleanup(second.stop)
        self.relais.configure(send=[harness.smart_host(self.hop.port, second.port)],
                              retry={"first": "20s", "max": "30s"})
        self.relais.start()  # the first host is down: no retry is needed, the second has it at once
        for n in range(20):
            self.send([f"u{n}@fabrikam.com"])
        self.settle([f"u{n}@fabrikam.com" for n in range(20)], hops=[self.hop, second], seconds=10)
        self.assertEqual(len(second.messages), 20)

    def test_two_smart_hosts_share_the_load(self):
        second = NextHop(self.ports.take()).start()
        self.addCleanup(second.stop)
        self.hop.start()
        for hop in (self.hop, second):
            hop.rule = lambda verb, argument, session: Delay(0.05) if verb == "END" else None
        self.relais.configure(send=[harness.smart_host(self.hop.port, second.port)])
        self.relais.start()
        with harness.Client(self.port) as client:  # faster than one connection can deliver
            client.expect("EHLO x", 250)
            for n in range(60):
                client.message("chris@contoso.com", [f"u{n}@fabrikam.com"], BODY)
        self.settle([f"u{n}@fabrikam.com" for n in range(60)], hops=[self.hop, second])
        print(f"shared {len(self.hop.messages)} : {len(second.messages)}")
        self.assertGreater(min(len(self.hop.messages), len(second.messages)), 0)

    def test_the_most_specific_address_space_wins(self):
        special = NextHop(self.ports.take()).start()
        self.addCleanup(special.stop)
        self.hop.start()
        self.relais.configure(send=[
            harness.smart_host(self.hop.port),
            {"name": "Special", "address_spaces": ["*.contoso.com", "fabrikam.com"],
             "smart_hosts": [f"127.0.0.1:{special.port}"]}])
        self.relais.start()
        self.send(["a@fabrikam.com", "b@sub.fabrikam.com", "c@contoso.com", "d@x.contoso.com"])
        self.settle(["a@fabrikam.com", "b@sub.fabrikam.com", "c@contoso.com", "d@x.contoso.com"],
                    hops=[self.hop, special])
        self.assertEqual(set(self.received(special)) - {"c@contoso.com"},
                         {"a@fabrikam.com", "d@x.contoso.com"})
        self.assertIn("b@sub.fabrikam.com", self.received(self.hop))

    def test_postmaster_without_a_domain_goes_where_our_own_domain_goes(self):
        own = NextHop(self.ports.take()).start()
        self.addCleanup(own.stop)
        self.hop.start()
        to_own = {"name": "Own", "address_spaces": ["contoso.com"],
                  "smart_hosts": [f"127.0.0.1:{own.port}"]}
        for count, send in enumerate(([to_own], [to_own, harness.smart_host(self.hop.port)]), 1):
            self.relais.configure(send=send)
            self.relais.start()
            self.send(["Postmaster"])
            harness.wait_until(lambda: len(own.messages) == count, 10, "the message")
            self.assertEqual(own.messages[-1].recipients, ["Postmaster"])
            self.relais.stop()
        self.assertEqual(self.hop.messages, [])

    def test_connections_stay_within_the_limit_and_are_reused(self):
        self.relais.configure(
            send=[harness.smart_host(self.hop.port, max_connections=3,
                                     max_messages_per_connection=10)],
            server={"cores": 1})
        self.hop.rule = lambda verb, argument, session: Delay(0.01) if verb == "END" else None
        self.hop.start()
        self.relais.start()
        with harness.Client(self.port) as client:
            client.expect("EHLO x", 250)
            for n in range(100):
                client.message("chris@contoso.com", [f"u{n}@fabrikam.com"], BODY)
            client.quit()
        self.settle([f"u{n}@fabrikam.com" for n in range(100)])
        self.assertLessEqual(self.hop.open_max, 3)
        per_session = collections.Counter(m.session for m in self.hop.messages)
        self.assertLessEqual(max(per_session.values()), 10)
        self.assertGreater(max(per_session.values()), 1, "connections are not reused")


if __name__ == "__main__":
    harness.main()
