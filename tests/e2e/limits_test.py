#!/usr/bin/python3
"""Limits on the running server: what clients are told, how they are paced, what a reload changes."""

import re
import signal
import statistics
import time

import harness
from harness import Client
from next_hop import NextHop

MAIL = "MAIL FROM:<chris@contoso.com>"


def limit(measure, rate=None, **more):
    return {"measure": measure, **({"rate": rate} if rate else {}), **more}


class Limits(harness.EndToEnd):
    def setUp(self):
        super().setUp()
        self.hop = NextHop(self.ports.take()).start()
        self.addCleanup(self.hop.stop)

    def configure(self, *limits, server=None, may_relay=True, **more):
        connector = harness.relay_connector(self.port, remote_ip_ranges=["127.0.0.0/8"], **more)
        if not may_relay:
            del connector["permission"]
        if limits:
            connector["limit"] = list(limits)
        self.relais.configure(receive=[connector], send=[harness.smart_host(self.hop.port)],
                              server=server)

    def serve(self, *limits, **more):
        self.configure(*limits, **more)
        self.relais.start()

    def reload(self, times):
        self.relais.signal(signal.SIGHUP)
        harness.wait_until(lambda: len(self.relais.said("reload: .* in force")) == times, 10,
                           "reload")

    def test_the_first_burst_is_exact_and_retry_in_is_right(self):
        """Each refusal names connector, limit, level, wait and an id that the log has too."""
        self.serve(limit("messages", "12/min", per="source", burst=5))
        client = self.client()
        self.messages(client, 5)
        reply = client.command(MAIL)
        told = re.fullmatch(r'451 4\.7\.1 connector="Anonymous Relay" '
                            r"limit=messages/min per source 5/5 retry in (\d+)s \(id ([0-9a-f]{8})\)", reply)
        self.assertTrue(told, reply)
        refused = self.relais.wait_event("refused", command="MAIL")
        self.assertIn(told[2], refused["reason"])
        self.assertEqual((refused["from"], refused["local"]),
                         ("chris@contoso.com", f"127.0.0.1:{self.port}"))
        self.assertGreater(refused["session_ms"], 0)
        self.assertIn("limit messages/source: 5/5", refused["reason"])
        other = self.client("127.0.0.2")  # has a bucket of its own
        self.messages(other, 5)
        time.sleep(int(told[1]))
        self.messages(client, 1)
        self.assertTrue(client.command(MAIL).startswith("451 4.7.1"))

    def test_what_is_refused_or_reset_is_given_back(self):
        self.serve(limit("messages", "1/h", burst=2), limit("recipients", "1/h", burst=3))
        client = self.client()
        for _ in range(5):
            client.expect(MAIL, 250)
            client.expect("RCPT TO:<kate@contoso.com>", 250)
            client.expect("RSET", 250)
        for _ in range(3):
            client.begin("chris@contoso.com", ["kate@contoso.com"])
            self.assertTrue(client.content(b"Subject: bare\n\r\n").startswith("550 5.6.11"))
        lost = self.client()
        lost.expect(MAIL, 250)
        lost.close()
        time.sleep(0.3)  # until the server has read the end of it; nothing tells of that
        self.messages(client, 2)
        self.assertTrue(client.command(MAIL).startswith("451 4.7.1"))

    def test_delay_paces_a_sender_smoothly(self):
        """Twice the rate comes in; a smooth stream at the rate goes through. Others use this machine
        too, so the calmest of three streams counts."""
        self.serve(limit("messages", "20/s", burst=1, action="delay"))
        client = self.client()
        self.messages(client, 3)
        streams = []
        for _ in range(3):
            times = []
            for _ in range(30):
                self.messages(client, 1)
                times.append(time.monotonic())
                time.sleep(0.025)
            gaps = [b - a for a, b in zip(times, times[1:])]
            streams.append((statistics.stdev(gaps), statistics.mean(gaps)))
        deviation, mean = min(streams)
        print(f"mean {mean * 1000:.2f} ms, standard deviation {deviation * 1000:.2f} ms")
        self.assertAlmostEqual(mean, 0.05, delta=0.005)
        self.assertLess(deviation, 0.2 * mean)
        limited = self.relais.wait_event("limited")
        self.assertEqual((limited["limit"], limited["action"]), ("messages/connector", "delay"))

    def test_beyond_max_delay_it_is_deferred(self):
        self.serve(limit("messages", "10/min", burst=1, action="delay", max_delay="1s"))
        client = self.client()
        self.messages(client, 1)
        self.assertRegex(client.command(MAIL), r"^451 4\.7\.1 .* retry in [56]s ")

    def test_content_is_paced(self):
        """100 kB at 100 kB/s with 10 kB at once: 0.9 s, and nothing is refused."""
        self.serve(limit("bytes", "100000/s", burst="10000", action="delay"))
        client = self.client()
        begin = time.monotonic()
        client.message("chris@contoso.com", ["kate@contoso.com"],
                       b"Subject: x\r\n\r\n" + (b"x" * 76 + b"\r\n") * 1282)
        self.assertAlmostEqual(time.monotonic() - begin, 0.9, delta=0.35)

    def test_bytes_that_do_not_fit_are_refused_at_mail_and_at_the_end(self):
        self.serve(limit("bytes", "1/s", burst="100000"), max_message_size="100000")
        client = self.client()
        self.assertEqual(client.command(MAIL + " SIZE=90000"), "250 2.1.0 Sender OK")
        client.expect("RCPT TO:<kate@contoso.com>", 250)
        big = b"Subject: x\r\n\r\n" + (b"x" * 76 + b"\r\n") * 1000
        self.assertTrue(client.content(big).startswith("250 2.6.0"))
        self.assertTrue(client.command(MAIL + " SIZE=90000").startswith("451 4.7.1"))
        client.begin("chris@contoso.com", ["kate@contoso.com"])  # says nothing of its size
        self.assertTrue(client.content(big).startswith("451 4.7.1"))
        self.messages(client, 1)

    def test_connections(self):
        self.serve(limit("connections", "1/min", burst=4))
        for _ in range(4):
            self.client()
        fifth = Client(self.port, greet=False)
        self.addCleanup(fifth.close)
        self.assertRegex(fifth.reply(), r'^421 4\.7\.1 connector="Anonymous Relay" '
                         "limit=connections/min 4/4")

    def test_a_command_too_many_does_not_run(self):
        """Whatever it is, and whether it would have been accepted; the server goes on."""
        dialogue = [MAIL, "RCPT TO:<kate@contoso.com>", "DATA"]
        for action in ("defer", "close"):
            with self.subTest(action=action):
                self.serve(limit("commands", "1/min", per="source", burst=20, action=action))
                for number in range(len(dialogue) + 1):
                    source = f"127.0.0.{10 + number}"
                    client = self.client(source)
                    for _ in range(19 - number):
                        client.expect("NOOP", 250)
                    for command in dialogue[:number]:
                        self.assertIn(client.command(command)[0], "23")
                    if number == 3:  # the content is no command
                        client.send(b"x\r\n.\r\n")
                        self.assertTrue(client.reply().startswith("250 2.6.0"))
                    over = (dialogue + [MAIL])[number]
                    self.assertRegex(client.command(over), r"^421 4\.7\.1 .*limit=commands/min per "
                                     r"source 20/20 retry in \d+s")
                    self.assertEqual(client.reply(), "")
                    with Client(self.port, source) as again:
                        self.assertRegex(again.command("EHLO x.example"), "^421 ")
                pipelined = self.client("127.0.0.30")
                pipelined.send(b"NOOP\r\n" * 18 + (MAIL + "\r\nRSET\r\nNOOP\r\n").encode())
                replies = [pipelined.reply()[:3] for _ in range(20)]
                self.assertEqual(replies, ["250"] * 19 + ["421"])
                self.relais.stop()

    def test_an_error_too_many_ends_the_session_and_the_next_one(self):
        self.serve(limit("errors", "1/min", per="source", burst=2, action="close"))
        told = r"^421 4\.7\.1 .*limit=errors/min per source 2/2 retry in \d+s"
        with Client(self.port) as client:
            for _ in range(2):
                self.assertTrue(client.command("NONSENSE").startswith("500"))
            self.assertRegex(client.command("NONSENSE"), told)
            self.assertEqual(client.reply(), "")
        again = Client(self.port, greet=False)
        self.addCleanup(again.close)
        self.assertRegex(again.reply(), told)
        self.client("127.0.0.2")

    def test_content_that_comes_to_nothing_is_counted(self):
        self.serve(limit("bytes", "70KB/min", per="source", burst="70KB"),
                   max_message_size="64KB")
        line = b"x" * 998 + b"\r\n"
        for end in ("cut", "bare"):
            with self.subTest(end=end):
                source = "127.0.0.7" if end == "cut" else "127.0.0.8"
                for _ in range(2):
                    client = self.client(source)
                    client.begin("chris@contoso.com", ["kate@contoso.com"])
                    client.expect("DATA", 354)
                    client.send(line * 45)
                    if end == "bare":
                        client.send(b"a\nb\r\n.\r\n")
                        self.assertTrue(client.reply().startswith("550"))
                    client.close()
                client = self.client(source)

                def refused():
                    reply = client.command(MAIL)
                    if reply.startswith("250"):
                        client.expect("RSET", 250)
                    return reply.startswith("451")
                harness.wait_until(refused, 5, "90 KB are counted")

    def test_who_goes_away_while_it_waits_frees_its_place(self):
        self.serve(limit("messages", "60/min", burst=1, action="delay", max_delay="20s"),
                   limit("concurrent", max=3, action="close"))
        first = self.client()
        first.expect(MAIL, 250)
        waiting = [self.client() for _ in range(2)]
        for client in waiting:
            client.send((MAIL + "\r\n").encode())
        time.sleep(0.3)
        for client in waiting:
            client.close()

        def has_room():
            with Client(self.port, greet=False) as client:
                return client.reply().startswith("220")
        harness.wait_until(has_room, 1, "a place is free")

    def test_a_shadow_lets_pass_and_says_so(self):
        self.serve(limit("messages", "1/h", burst=1, action="shadow"))
        self.messages(self.client(), 3)
        self.assertEqual(self.relais.wait_event("limited")["action"], "shadow")

    def served(self):
        client = Client(self.port, greet=False)
        self.addCleanup(client.close)
        if not client.reply().startswith("220 "):
            return None
        client.expect("EHLO client.example", 250)
        return client

    def test_exchange_s_limits_answer_with_its_texts(self):
        self.serve(max_inbound_connection_per_source=2, message_rate_limit=3,
                   max_recipients_per_message=2)
        first, second = self.client(), self.client()
        third = Client(self.port, greet=False)
        self.addCleanup(third.close)
        self.assertEqual(third.reply(), "421 4.3.2 The maximum number of concurrent server "
                         "connections has exceeded a per-source limit, closing transmission channel")
        second.quit()
        second.close()
        fourth = harness.wait_until(self.served, 5, "the place is free again")
        self.messages(first, 3)
        self.assertEqual(fourth.command(MAIL), "421 4.4.2 Message submission rate for this client "
                         "has exceeded the configured limit")
        elsewhere = self.client("127.0.0.3")
        elsewhere.expect(MAIL, 250)
        elsewhere.expect("RCPT TO:<a@contoso.com>", 250)
        elsewhere.expect("RCPT TO:<b@contoso.com>", 250)
        self.assertEqual(elsewhere.command("RCPT TO:<c@contoso.com>"),
                         "452 4.5.3 Too many recipients")
        elsewhere.expect("DATA", 354)

    def test_errors_wait_in_the_tarpit_unless_the_client_may_relay(self):
        self.serve(tarpit_interval="1s")
        relay = self.client()
        begin = time.monotonic()
        self.assertTrue(relay.command("NONSENSE").startswith("500"))
        self.assertLess(time.monotonic() - begin, 0.5)
        self.configure(tarpit_interval="1s", may_relay=False)
        self.reload(1)
        client = self.client()
        client.expect(MAIL, 250)
        begin = time.monotonic()
        self.assertTrue(client.command("RCPT TO:<kate@fabrikam.com>").startswith("550 5.7.1"))
        self.assertAlmostEqual(time.monotonic() - begin, 1, delta=0.4)
        begin = time.monotonic()
        client.expect("RCPT TO:<kate@contoso.com>", 250)
        self.assertLess(time.monotonic() - begin, 0.5)

    def test_the_server_s_connection_rate_paces_and_refuses_nobody(self):
        self.serve(server={"max_connection_rate_per_minute": 300, "cores": 1})
        begin = time.monotonic()
        for _ in range(315):
            with Client(self.port) as client:
                client.quit()
        self.assertAlmostEqual(time.monotonic() - begin, 3, delta=1.2)
        self.assertEqual(self.relais.events("refused"), [])

    def test_a_reload_is_in_force_for_running_sessions_and_keeps_levels(self):
        self.serve(limit("messages", "1/h", burst=10))
        client = self.client()
        self.messages(client, 5)
        self.configure(limit("messages", "1/h", burst=4))
        self.reload(1)
        self.messages(client, 2)  # half of ten was used, so half of four is
        self.assertTrue(client.command(MAIL).startswith("451 4.7.1"))
        self.configure()
        self.reload(2)
        self.messages(client, 5)


if __name__ == "__main__":
    harness.main()
