#!/usr/bin/python3
"""delivery = "discard": mail that is accepted as always, and thrown away. A connector beside it queues,
and its mail arrives."""

import os
import re
import signal
import smtplib
import ssl
import time
import urllib.request

import harness
from harness import BINARY, Client
from next_hop import NextHop
from scripted_milter import ScriptedMilter, packet

BODY = b"Subject: x\r\n\r\ntext\r\n"
DISCARDED = re.compile(r"250 2\.6\.0 <([^<> ]+)> Discarded")
WARNING = (r"\d\.toml:\d+: warning: delivery: 'Benchmark' throws away all mail that it accepts: clients "
           r"hear 250, and nobody gets it\. .* \[R057\]")


class Discard(harness.EndToEnd):
    def setUp(self):
        super().setUp()
        self.hop = NextHop(self.ports.take()).start()
        self.addCleanup(self.hop.stop)
        self.queued = self.ports.take()
        self.admin = self.ports.take()

    def configure(self, server=None, more=None, delivery="discard", **rest):
        self.relais.configure(
            receive=[harness.relay_connector(self.port, name="Benchmark", delivery=delivery,
                                             **(more or {})),
                     harness.relay_connector(self.queued, name="Queue")],
            send=[harness.smart_host(self.hop.port)], server=server,
            top={"admin": {"listen": f"127.0.0.1:{self.admin}"}}, **rest)

    def serve(self, **more):
        self.configure(**more)
        self.relais.start()

    def guid(self, reply):
        match = DISCARDED.fullmatch(reply)
        self.assertIsNotNone(match, reply)
        return match[1]

    def discarded(self, client, body=BODY):
        """One message; its id."""
        client.begin("chris@contoso.com", ["kate@fabrikam.com"])
        return self.guid(client.content(body))

    def taken(self, guid):
        """The line in the log."""
        event = self.relais.wait_event("message", id=guid)
        self.assertEqual((event["connector"], event["reason"]), ("Benchmark", "discarded"))
        self.assertEqual(event["reply"], f"250 2.6.0 <{guid}> Discarded")
        return event

    def only_the_queued_arrives(self):
        """What comes last through the other connector is the first that the next hop sees."""
        guid = harness.send(self.queued, "a@contoso.com", ["b@fabrikam.com"], b"Subject: queued\r\n\r\n")
        self.assertEqual(self.relais.wait_event("delivered")["id"], guid)
        self.assertEqual([harness.without_received(m.content) for m in self.hop.messages],
                         [b"Subject: queued\r\n\r\n"])
        self.assertEqual({e["connector"] for e in self.relais.events("delivered")}, {"Queue"})
        self.assertEqual(self.relais.events("failed", "deferred", "notified"), [])

    def metrics(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}/metrics", timeout=20) as page:
            return dict(re.findall(r"(?m)^(relais_[^ ]+) (\S+)$", page.read().decode()))

    def counted(self, name, value):
        harness.wait_until(lambda: float(self.metrics().get(name, -1)) == value, 10, f"{name} {value}")

    # ---- what is kept: nothing

    def test_mail_is_acknowledged_and_nobody_gets_it(self):
        self.serve()
        client = self.client()
        mark = os.urandom(16).hex().encode()
        body = b"Subject: x\r\n\r\n" + mark + b"\r\n"
        guids = [self.discarded(client, body) for _ in range(20)]
        client.quit()
        self.assertEqual(len(set(guids)), 20)
        self.assertEqual(self.taken(guids[-1])["size"], len(body))
        harness.wait_until(lambda: len(self.relais.events("message")) == 20, 10, "20 lines")
        connector = '{connector="Benchmark"}'
        self.counted("relais_messages_accepted_total" + connector, 20)
        self.counted("relais_recipients_accepted_total" + connector, 20)
        self.counted("relais_octets_accepted_total" + connector, 20 * len(body))
        for nothing in ("spool_messages", "spool_flushes_total", "queue_messages",
                        "recipients_delivered_total"):
            self.assertEqual(float(self.metrics()[f"relais_{nothing}"]), 0, nothing)
        for file in self.relais.data_dir.rglob("*"):
            if file.is_file():
                self.assertNotIn(mark, file.read_bytes(), file)
        self.only_the_queued_arrives()
        self.relais.stop()
        self.relais.start()
        self.assertTrue(self.relais.said(r"recovered 0 messages"), self.relais.tail())

    def test_swaks(self):
        swaks = harness.need("swaks")
        self.serve()
        done = harness.run([swaks, "--server", f"127.0.0.1:{self.port}", "--from", "chris@contoso.com",
                            "--to", "kate@fabrikam.com"])
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"<-\s+250 2\.6\.0 <[^<> ]+> Discarded\n")
        self.assertNotIn("Queued", done.stdout)
        self.only_the_queued_arrives()

    def test_no_notification_of_what_nobody_has(self):
        self.serve(notifications={"enabled": True})
        client = self.client()
        client.expect("MAIL FROM:<chris@contoso.com> RET=FULL ENVID=abc", 250)
        client.expect("RCPT TO:<kate@fabrikam.com> NOTIFY=SUCCESS,FAILURE,DELAY", 250)
        self.taken(self.guid(client.content(BODY)))
        self.only_the_queued_arrives()

    def test_large_mail_takes_no_memory_and_no_disk(self):
        self.serve(server={"cores": 1, "message_memory": "1MB"},
                   spool={"segment_size": "1MB", "max_size": "16MB"})
        client = self.client()
        self.discarded(client)
        before = self.relais.rss()
        body = b"Subject: large\r\n\r\n" + b"123456789\r\n" * 3_000_000
        for _ in range(3):
            self.assertEqual(self.taken(self.discarded(client, body))["size"], len(body))
        self.assertLess(self.relais.rss() - before, 20 << 20)  # receive buffers, touched once
        self.only_the_queued_arrives()

    def test_a_full_spool_is_no_matter(self):
        self.hop.stop()
        self.serve(server={"cores": 1}, spool={"segment_size": "1MB", "max_size": "4MB"})
        with Client(self.queued) as client:
            client.expect("EHLO client.example", 250)
            for _ in range(20):
                if client.command("MAIL FROM:<a@contoso.com>").startswith("452 4.3.1 "):
                    break
                client.expect("RCPT TO:<b@fabrikam.com>", 250)
                self.assertRegex(client.content(b"x" * 78 + b"\r\n" + BODY * 20_000), r"\A250 ")
            else:
                self.fail("the spool does not become full")
        client = self.client()
        self.taken(self.discarded(client, BODY * 20_000))

    # ---- what is accepted: what always is

    def test_content_comes_in_every_way(self):
        self.serve()
        client = self.client()
        group = b"MAIL FROM:<a@contoso.com>\r\nRCPT TO:<b@fabrikam.com>\r\n"
        client.send(group + b"DATA\r\n")
        self.assertEqual([client.reply()[:3] for _ in range(3)], ["250", "250", "354"])
        client.send(BODY + b".\r\n" + group + b"BDAT 4\r\nSubjBDAT %d LAST\r\n" % (len(BODY) - 4)
                    + BODY[4:] + group + b"BDAT 0 LAST\r\nNOOP\r\n")
        replies = [client.reply() for _ in range(9)]
        self.assertEqual([r[:9] for r in replies],
                         ["250 2.6.0", "250 2.1.0", "250 2.1.5", "250 2.6.0", "250 2.6.0", "250 2.1.0",
                          "250 2.1.5", "250 2.6.0", "250 2.0.0"])
        self.assertEqual(replies[3], "250 2.6.0 CHUNK received OK, 4 octets")
        sizes = [self.taken(self.guid(replies[at]))["size"] for at in (0, 4, 7)]
        self.assertEqual(sizes, [len(BODY), len(BODY), 0])
        client.expect("MAIL FROM:<a@contoso.com> BODY=BINARYMIME", 250)
        client.expect("RCPT TO:<b@fabrikam.com>", 250)
        client.send(b"BDAT 17 LAST\r\nSubject: b\r\n\r\n\0\n\r")
        self.assertEqual(self.taken(self.guid(client.reply()))["size"], 17)
        self.only_the_queued_arrives()

    def test_in_tls(self):
        self.serve(tls=harness.certificate(self.folder))
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with smtplib.SMTP("127.0.0.1", self.port, timeout=60) as client:
            client.starttls(context=context)
            client.sendmail("chris@contoso.com", ["kate@fabrikam.com"], BODY)
            client.mail("chris@contoso.com")
            client.rcpt("kate@fabrikam.com")
            code, text = client.data(BODY * 100_000)
        self.assertEqual(code, 250)
        self.taken(self.guid(f"250 {text.decode()}"))
        self.only_the_queued_arrives()

    def test_what_is_refused_is_refused_as_always(self):
        self.serve(more={"max_message_size": "64KB", "max_hop_count": 2, "message_rate_limit": 2})
        client = self.client()
        too_large = b"Subject: x\r\n\r\n" + b"y" * 70 + b"\r\n" * 40_000
        client.expect("MAIL FROM:<chris@contoso.com> SIZE=70000", "552 5.3.4 ")
        for body, reply in ((too_large, "552 5.3.4 "), (b"Received: x\r\n" * 3 + BODY, "554 5.4.6 "),
                            (b"Subject: x\r\n\r\nbare\nline feed\r\n", "550 5.6.11 ")):
            client.begin("chris@contoso.com", ["kate@fabrikam.com"])
            said = client.content(body)
            self.assertTrue(said.startswith(reply), said)
        client.expect("MAIL FROM:<chris@contoso.com>", 250)
        client.expect("RCPT TO:<kate@fabrikam.com>", 250)
        client.send(b"BDAT %d LAST\r\n" % len(too_large) + too_large)
        self.assertTrue(client.reply().startswith("552 5.3.4 "))
        guids = [self.discarded(client) for _ in range(2)]  # the limit is of messages that are taken
        self.taken(guids[-1])
        self.assertEqual([e["id"] for e in self.relais.events("message")], guids)
        self.assertRegex(client.command("MAIL FROM:<chris@contoso.com>"), r"\A4\d\d ")
        with Client(self.port, "127.0.0.9", greet=False) as stranger:
            self.assertTrue(stranger.reply().startswith("421 4.3.2 "))
        self.only_the_queued_arrives()

    def test_messages_that_never_end(self):
        self.serve(server={"cores": 1})
        for how in ("DATA", "BDAT 100000"):
            for end in (Client.close, Client.reset):
                client = self.client()
                client.begin("chris@contoso.com", ["kate@fabrikam.com"])
                client.send(f"{how}\r\n")
                if how == "DATA":
                    self.assertTrue(client.reply().startswith("354 "))
                client.send(b"Subject: half\r\n\r\n" + b"x" * 50_000)
                time.sleep(0.05)
                end(client)
        client = self.client()
        client.begin("chris@contoso.com", ["kate@fabrikam.com"])
        client.expect("RSET", 250)
        client.begin("chris@contoso.com", ["kate@fabrikam.com"])
        client.send(b"BDAT 4\r\nSubj")
        self.assertTrue(client.reply().startswith("250 2.6.0 CHUNK"))
        client.expect("RSET", 250)
        client.expect("DATA", 503)
        guid = self.discarded(client)
        client.quit()
        self.counted('relais_sessions{connector="Benchmark"}', 0)
        self.only_the_queued_arrives()
        self.assertEqual([e["id"] for e in self.relais.events("message")
                          if e["connector"] == "Benchmark"], [guid])

    def test_a_milter_is_asked_as_always(self):
        port = self.ports.take()
        verdicts = iter(([packet("c")], [packet("r")], [packet("d")]))
        milter = ScriptedMilter(("127.0.0.1", port), {"E": lambda _: next(verdicts)})
        self.addCleanup(milter.close)
        self.serve(more={"milter": f"inet:127.0.0.1:{port}"})
        client = self.client()
        self.taken(self.discarded(client))
        self.assertEqual(b"".join(data for _, command, data in milter.told if command == "B"),
                         b"text\r\n")
        client.begin("chris@contoso.com", ["kate@fabrikam.com"])
        self.assertEqual(client.content(BODY), "550 5.7.1 Message rejected by the content filter")
        guid = self.discarded(client)  # by the milter, which the client does not hear
        self.assertIn("milter", self.relais.wait_event("discarded", id=guid)["reason"])
        self.only_the_queued_arrives()

    # ---- who is told

    def check(self):
        done = harness.run([BINARY, "check", "--config", str(self.relais.config_dir)])
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_check_start_and_reload_warn(self):
        self.configure(delivery="queue")
        self.assertNotRegex(self.check(), "throws away")
        self.relais.start()
        self.assertFalse(self.relais.said("throws away|DISCARDS"))
        self.configure()
        self.assertRegex(self.check(), WARNING)
        self.relais.signal(signal.SIGHUP)
        harness.wait_until(lambda: self.relais.said(WARNING), 20, "the warning")
        self.discarded_at_last()
        self.relais.stop()
        self.relais.start()
        self.assertTrue(self.relais.said(WARNING), self.relais.tail())
        self.assertTrue(self.relais.said(rf'listens on 127\.0\.0\.1:{self.port} .*"Benchmark" '
                                         r"\(DISCARDS ITS MAIL\)"), self.relais.tail())
        self.assertTrue(self.relais.said(rf'listens on 127\.0\.0\.1:{self.queued} +"Queue"$'))

    def discarded_at_last(self):
        """The reload is in force for sessions that begin after it."""
        def is_discarded():
            with Client(self.port) as client:
                client.expect("EHLO client.example", 250)
                client.begin("chris@contoso.com", ["kate@fabrikam.com"])
                return DISCARDED.fullmatch(client.content(BODY))
        harness.wait_until(is_discarded, 20, "a message that is discarded")

    def test_explain_says_so(self):
        self.configure()
        done = harness.run([BINARY, "explain", "--config", str(self.relais.config_dir), "--local",
                            f"127.0.0.1:{self.port}", "--remote", "127.0.0.1", "--mail-from",
                            "chris@contoso.com", "--rcpt-to", "kate@fabrikam.com"])
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r'(?m)^Note +"Benchmark" throws away all mail that it accepts, and '
                                      r'nobody is told: delivery = "discard" \(.*/0\.toml:\d+\)$')
        self.assertIn("S: 250 2.6.0 <GUID> Discarded\n", done.stdout)
        self.assertNotIn("Next hop", done.stdout)

    def test_relais_load_measures_the_front_alone(self):
        self.serve()
        program = os.path.join(os.path.dirname(BINARY), "relais-load")
        done = harness.run([program, f"127.0.0.1:{self.port}", "--count", "200", "--sessions", "5",
                            "--mode", "pipelining"])
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.counted('relais_messages_accepted_total{connector="Benchmark"}', 200)
        self.assertEqual(self.hop.messages, [])


if __name__ == "__main__":
    harness.main()
