#!/usr/bin/python3
"""Milters: a scripted one that answers everything that a milter can, and more; and real ones."""

import os
import pathlib
import signal
import socket
import subprocess
import time

import harness
from next_hop import NextHop
from scripted_milter import MUTE, ScriptedMilter, packet

BODY = b"Subject: a\r\n folded\r\nFrom: chris@contoso.com\r\n\r\n.dotted\r\nlast line\r\n"
TRY_AGAIN = "451 4.7.1 Service unavailable - try again later"
REJECTED = "550 5.7.1 Message rejected by the content filter"


class MilterTest(harness.EndToEnd):
    """With a next hop, and a relais whose connector has a milter on self.milter_port."""

    def setUp(self):
        super().setUp()
        self.hop = NextHop(self.ports.take())
        self.hop.start()
        self.addCleanup(self.hop.stop)
        self.milter_port = self.ports.take()
        self.milter = None

    def start_milter(self, answers=None, **more):
        self.milter = ScriptedMilter(("127.0.0.1", self.milter_port), answers, **more)
        self.addCleanup(self.milter.close)
        return self.milter

    def start(self, cores=1, **connector):
        connector = {"milter": f"inet:127.0.0.1:{self.milter_port}", "milter_timeout": "2s",
                     **connector}
        self.relais.configure(receive=[harness.relay_connector(self.port, **connector)],
                              send=[harness.smart_host(self.hop.port)], server={"cores": cores})
        self.relais.start()

    def client(self):
        client = harness.Client(self.port)
        self.addCleanup(client.close)
        client.expect("EHLO client.example", 250)
        return client

    def submit(self, body=BODY):
        client = self.client()
        client.begin("chris@contoso.com", ["kate@fabrikam.com"])
        reply = client.content(body)
        client.quit()
        return reply

    def first_refusal(self):
        """None: the message was taken."""
        client = self.client()
        for line in ("MAIL FROM:<chris@contoso.com>", "RCPT TO:<kate@fabrikam.com>", "DATA"):
            reply = client.command(line)
            if not reply.startswith(("250", "354")):
                client.close()
                return reply
        client.send(harness.stuff(BODY) + b".\r\n")
        reply = client.reply()
        client.close()
        return None if reply.startswith("250") else reply

    def refused(self, reason):
        """The one refusal in the log; its reason must contain this."""
        event = self.relais.wait_event("refused")
        self.assertIn(reason, event["reason"])
        self.assertIn(f"milter inet:127.0.0.1:{self.milter_port}: ", event["reason"])
        return event

    def delivered(self, count):
        harness.wait_until(lambda: len(self.hop.messages) >= count, 10,
                           f"{count} messages at the next hop")
        self.assertEqual(len(self.hop.messages), count)
        return self.hop.messages


class Scripted(MilterTest, harness.EndToEnd):
    def test_what_it_is_told(self):
        milter = self.start_milter()
        self.start()
        client = self.client()
        client.expect("MAIL FROM:<chris@contoso.com> SIZE=100 BODY=8BITMIME", 250)
        client.expect("RCPT TO:<kate@fabrikam.com>", 250)
        client.expect("RCPT TO:<dave@fabrikam.com>", 250)
        reply = client.content(BODY)
        guid = harness.guid_of(reply)
        self.assertEqual(milter.commands(), "OCHMRRTLLNBE")
        port = client.socket.getsockname()[1]
        self.assertEqual(milter.data("C"), [b"[127.0.0.1]\0" + b"4" + port.to_bytes(2, "big")
                                            + b"127.0.0.1\0"])
        self.assertEqual(milter.data("H"), [b"client.example\0"])
        self.assertEqual(milter.data("M"), [b"<chris@contoso.com>\0SIZE=100\0BODY=8BITMIME\0"])
        self.assertEqual(milter.data("R"), [b"<kate@fabrikam.com>\0", b"<dave@fabrikam.com>\0"])
        # Not our own Received field; folds as LF; no stuffing in the body.
        self.assertEqual(milter.data("L"), [b"Subject\0a\n folded\0", b"From\0chris@contoso.com\0"])
        self.assertEqual(milter.data("B"), [b".dotted\r\nlast line\r\n"])
        self.assertEqual(milter.macros("E"), {b"i": guid.encode()})
        self.assertEqual(milter.macros("M")[b"i"], guid.encode())
        self.assertEqual(milter.macros("C")[b"j"], b"relay.contoso.com")
        self.assertEqual(milter.macros("C")[b"{daemon_name}"], b"Anonymous Relay")
        self.assertEqual(milter.macros("C")[b"{client_addr}"], b"127.0.0.1")
        self.delivered(1)

    def test_verdicts_at_the_end(self):
        cases = [
            ([packet("a")], "250 2.6.0 ", "accept"),
            ([packet("r")], REJECTED, "reject at end of data"),
            ([packet("t")], TRY_AGAIN, "tempfail at end of data"),
            ([packet("y", b"554 5.7.9 no viruses, please\0")], "554 5.7.9 no viruses, please",
             "reject at end of data"),
            ([packet("y", b"451 4.7.5 greylisted\0")], "451 4.7.5 greylisted",
             "tempfail at end of data"),
            # Changes are ignored, and do not get in the way.
            ([packet("h", b"X-Spam\0yes\0"), packet("p"), packet("c")], "250 2.6.0 ", "accept"),
        ]
        verdicts = iter([answer for answer, _, _ in cases])
        self.start_milter({"E": lambda _: next(verdicts)})
        self.start()
        taken = 0
        for _, reply, reason in cases:
            got = self.submit()
            self.assertTrue(got.startswith(reply), f"{got!r} for {reply!r}")
            if reply.startswith("250"):
                taken += 1
            else:
                harness.wait_until(lambda r=reason: any(
                    r in e["reason"] for e in self.relais.events("refused")), 5, reason)
        for message in self.delivered(taken):
            self.assertEqual(harness.without_received(message.content), BODY)
        self.assertEqual(self.milter.connections, 1)

    def test_discarded(self):
        self.start_milter({"E": [packet("d")]})
        self.start()
        guid = harness.guid_of(self.submit())
        event = self.relais.wait_event("discarded")
        self.assertEqual(event["id"], guid)
        self.assertIn("discard at end of data", event["reason"])
        self.milter.answers = {}
        self.submit()
        self.delivered(1)
        self.relais.wait_event("message")
        self.assertEqual(len(self.relais.events("message")), 1)

    def test_verdicts_before_the_end(self):
        def at_recipient(data):
            return [packet("r")] if b"bad" in data else [packet("c")]
        self.start_milter({"R": at_recipient,
                           "M": lambda d: [packet("t") if b"later" in d else packet("c")],
                           "H": lambda d: [packet("y", b"550 5.7.1 go away\0") if b"evil" in d
                                           else packet("c")]})
        self.start()
        client = self.client()
        self.assertEqual(client.command("MAIL FROM:<later@contoso.com>"), TRY_AGAIN)
        self.refused("tempfail at MAIL")
        client.expect("MAIL FROM:<chris@contoso.com>", 250)
        self.assertEqual(client.command("RCPT TO:<bad@fabrikam.com>"), REJECTED)
        self.assertEqual(self.relais.wait_event("refused", to="bad@fabrikam.com")["command"],
                         "RCPT")
        client.expect("RCPT TO:<kate@fabrikam.com>", 250)
        harness.guid_of(client.content(BODY))
        # A client that says EHLO again is another one to the milter.
        client.expect("EHLO evil.example", 250)
        self.assertEqual(client.command("MAIL FROM:<chris@contoso.com>"), "550 5.7.1 go away")
        self.assertEqual(self.delivered(1)[0].recipients, ["kate@fabrikam.com"])

    def test_shutdown_closes_the_session(self):
        self.start_milter({"M": [packet("4")]})
        self.start()
        client = self.client()
        self.assertTrue(client.command("MAIL FROM:<chris@contoso.com>").startswith("421 4.3.2"))
        self.assertEqual(client.line(), "")

    def test_one_connection_carries_many_messages(self):
        milter = self.start_milter(wishes=MUTE)
        self.start()
        for _ in range(20):
            client = self.client()
            for _ in range(3):
                client.message("chris@contoso.com", ["kate@fabrikam.com"], BODY)
            client.quit()
        self.delivered(60)
        self.assertEqual(milter.connections, 1)
        # Each SMTP client is introduced once, with SMFIC_QUIT_NC in between.
        self.assertEqual(milter.commands(), "O" + "K".join(["CH" + 3 * "MRTLLNBE"] * 20))

    def test_a_milter_that_cannot_be_reused(self):
        """It closes at SMFIC_QUIT_NC: seen once, then each SMTP client gets a connection."""
        for wishes in (0, MUTE):
            with self.subTest(wishes=wishes):
                milter = ScriptedMilter(str(self.folder / f"m{wishes}"), {"K": "close"}, wishes)
                self.addCleanup(milter.close)
                self.start(milter=f"unix:{self.folder}/m{wishes}")
                replies = [self.first_refusal() for _ in range(6)]
                # One that answers nothing before the end has lost a message by then.
                self.assertEqual(replies.count(TRY_AGAIN), 1 if wishes else 0, replies)
                self.assertEqual(replies.count(None), 5 if wishes else 6, replies)
                self.assertEqual(milter.commands().count("K"), 1)
                self.relais.stop()

    def test_old_versions_get_a_connection_for_each_client(self):
        milter = self.start_milter(version=2)
        self.start()
        for _ in range(3):
            client = self.client()
            for _ in range(2):
                client.message("chris@contoso.com", ["kate@fabrikam.com"], BODY)
            client.quit()
        self.delivered(6)
        self.assertEqual(milter.connections, 3)
        self.assertEqual(milter.commands(0), "OCHMRLLNBEMRLLNBE")

    def test_pipelined_and_reset(self):
        milter = self.start_milter()
        self.start()
        client = self.client()
        message = (b"MAIL FROM:<chris@contoso.com>\r\nRCPT TO:<kate@fabrikam.com>\r\n")
        client.send(message + b"RSET\r\n" + message + b"DATA\r\n")
        replies = [client.reply()[:3] for _ in range(6)]
        self.assertEqual(replies, ["250", "250", "250", "250", "250", "354"])
        client.send(harness.stuff(BODY) + b".\r\n")
        harness.guid_of(client.reply())
        self.assertEqual(milter.commands(), "OCHMRAMRTLLNBE")

    def test_bypassed_by_the_right(self):
        milter = self.start_milter({"C": [packet("r")]})
        connector = harness.relay_connector(
            self.port, milter=f"inet:127.0.0.1:{self.milter_port}")
        del connector["permission"]
        connector.update(auth_mechanism=["ExternalAuthoritative"],
                         permission_groups=["ExchangeServers"])
        self.relais.configure(receive=[connector], send=[harness.smart_host(self.hop.port)])
        self.relais.start()
        self.submit()
        self.delivered(1)
        self.assertEqual(milter.connections, 0)

    def test_bypass_as_a_single_right(self):
        milter = self.start_milter({"C": [packet("r")]})
        connector = harness.relay_connector(
            self.port, milter=f"inet:127.0.0.1:{self.milter_port}")
        connector["permission"][0]["extended_rights"].append("ms-Exch-Bypass-Anti-Spam")
        self.relais.configure(receive=[connector], send=[harness.smart_host(self.hop.port)])
        self.relais.start()
        self.submit()
        self.delivered(1)
        self.assertEqual(milter.connections, 0)

    def test_large_message_and_a_slow_milter(self):
        """What waits for the milter is bounded: the client is not read from meanwhile."""
        milter = self.start_milter(wishes=MUTE)
        self.start(milter_timeout="30s")
        body = b"Subject: large\r\n\r\n" + (b"x" * 998 + b"\r\n") * 20_000
        before = self.relais.rss()
        client = self.client()
        client.begin("chris@contoso.com", ["kate@fabrikam.com"])
        client.expect("DATA", 354)
        milter.paused.clear()
        client.socket.settimeout(1)
        sent = 0
        try:
            while sent < len(body):
                sent += client.socket.send(body[sent:sent + 65536])
        except TimeoutError:
            pass
        self.assertLess(sent, len(body), "nothing stopped the client")
        if not harness.SANITIZED:
            self.assertLess(self.relais.rss() - before, 16_000_000)
        milter.paused.set()
        client.socket.settimeout(30 * harness.PATIENCE)
        client.send(body[sent:] + b".\r\n")
        harness.guid_of(client.reply())
        self.assertEqual(b"".join(milter.data("B")), body.partition(b"\r\n\r\n")[2])
        self.assertTrue(all(len(b) <= 65535 for b in milter.data("B")))
        self.delivered(1)

    def test_clients_that_leave(self):
        milter = self.start_milter(wishes=MUTE)
        self.start()
        for cut in (0, 20, 60):
            client = self.client()
            client.begin("chris@contoso.com", ["kate@fabrikam.com"])
            client.expect("DATA", 354)
            client.send(BODY[:cut])
            client.reset()
        self.submit()
        self.delivered(1)
        self.assertEqual(milter.connections, 1)
        self.assertEqual(milter.commands().count("A"), 3)

    def test_many_clients_at_once(self):
        milter = self.start_milter()
        self.start(cores=2)
        clients = [self.client() for _ in range(50)]
        for client in clients:
            client.send(b"MAIL FROM:<chris@contoso.com>\r\nRCPT TO:<kate@fabrikam.com>\r\n"
                        b"DATA\r\n")
        for client in clients:
            for code in ("250", "250", "354"):
                self.assertEqual(client.reply()[:3], code)
        self.assertEqual(milter.open, 50)
        for client in clients:
            client.send(harness.stuff(BODY) + b".\r\n")
        for client in clients:
            harness.guid_of(client.reply())
        self.delivered(50)
        # They are idle now, and serve whoever comes.
        self.submit()
        self.assertEqual(milter.connections, 50)


class Trouble(MilterTest, harness.EndToEnd):
    def default_action(self, action, reply, event):
        self.start(milter_default_action=action)
        begun = time.monotonic()
        for _ in range(20):
            client = self.client()
            got = client.command("MAIL FROM:<chris@contoso.com>")
            self.assertTrue(got.startswith(reply), got)
            if action == "accept":
                client.expect("RCPT TO:<kate@fabrikam.com>", 250)
                harness.guid_of(client.content(BODY))
            client.quit()
        self.assertLess(time.monotonic() - begun, 5 * harness.PATIENCE)
        found = harness.wait_until(
            lambda: len(self.relais.events(event)) == 20 and self.relais.events(event), 5,
            f"20 times {event}")
        self.assertIn("connection refused", found[0]["reason"])
        self.assertIn("connection refused", found[19]["reason"])
        down = self.relais.events("milter down")
        self.assertIn(len(down), (1, 2))  # a dead milter does not cost a connect a message
        self.assertEqual(down[0]["milter"], f"inet:127.0.0.1:{self.milter_port}")

    def test_down_tempfail(self):
        self.default_action("tempfail", TRY_AGAIN, "refused")

    def test_down_reject(self):
        self.default_action("reject", REJECTED, "refused")

    def test_down_accept(self):
        self.default_action("accept", "250 2.1.0 Sender OK", "unfiltered")
        self.delivered(20)

    def test_comes_back(self):
        self.start()
        self.assertEqual(self.client().command("MAIL FROM:<chris@contoso.com>"), TRY_AGAIN)
        self.start_milter()
        client = self.client()
        harness.wait_until(
            lambda: client.command("MAIL FROM:<chris@contoso.com>").startswith("250"), 10,
            "the milter is used again")
        self.relais.wait_event("milter up")

    def test_time_outs(self):
        for command in "OCMRTLE":
            with self.subTest(command=command):
                self.start_milter({command: None})
                self.start(milter_timeout="500ms")
                begun = time.monotonic()
                reply = self.first_refusal()
                took = time.monotonic() - begun
                self.assertEqual(reply, TRY_AGAIN)
                expected = 2.0 if command in "LE" else 0.5
                self.assertGreater(took, expected * 0.9)
                self.assertLess(took, expected + 2 * harness.PATIENCE)
                self.refused("no answer in time")
                self.relais.stop()
                self.relais.log_file.unlink()
                self.milter.close()

    def test_progress_extends_the_time(self):
        def slowly(_):
            def work():
                for _ in range(4):
                    yield packet("p")
                    time.sleep(0.8)  # less than the time-out, more than it in sum
                yield packet("c")
            return work()
        self.start_milter({"E": slowly})
        self.start(milter_timeout="300ms")  # 1.2 s at the end of data; it takes 3.2
        harness.guid_of(self.submit())

    def test_closes_in_mid_message(self):
        for command in "OCMRTLNBE":
            for action, reply in (("tempfail", TRY_AGAIN), ("accept", None)):
                with self.subTest(command=command, action=action):
                    self.start_milter({command: "close"})
                    self.start(milter_default_action=action)
                    self.assertEqual(self.first_refusal(), reply)
                    event = self.relais.wait_event("refused" if action == "tempfail"
                                                   else "unfiltered")
                    self.assertRegex(event["reason"], "it closed the connection|reset|dropped")
                    self.relais.stop()
                    self.relais.log_file.unlink()
                    self.milter.close()

    def test_nonsense(self):
        for nonsense, reason in (
                (b"\0\0\0\0", "impossible length"), (b"\xff\xff\xff\xffc", "impossible length"),
                (b"220 an SMTP server\r\n", "impossible length"),
                (packet("?"), "does not exist"), (packet("c") * 3, "without being asked"),
                (packet("y", b"250 2.0.0 yes\0"), "no SMTP refusal"),
                (packet("y", b"550 x\r\n250 y\0"), "no SMTP refusal"),
                (packet("b", b"other body"), "before its end")):
            with self.subTest(nonsense=nonsense):
                self.start_milter({"M": [nonsense]})
                self.start()
                client = self.client()
                reply = client.command("MAIL FROM:<chris@contoso.com>")
                if not reply.startswith("451"):  # what comes behind the answer is seen later
                    reply = client.command("RCPT TO:<kate@fabrikam.com>")
                self.assertEqual(reply, TRY_AGAIN)
                self.refused(reason)
                self.relais.stop()
                self.relais.log_file.unlink()
                self.milter.close()

    def test_a_stalled_milter_in_mid_message(self):
        self.start_milter(wishes=MUTE)
        self.start(milter_timeout="1s")
        client = self.client()
        client.begin("chris@contoso.com", ["kate@fabrikam.com"])
        client.expect("DATA", 354)
        self.milter.paused.clear()
        client.send(b"Subject: x\r\n\r\n" + (b"x" * 998 + b"\r\n") * 20_000 + b".\r\n")
        self.assertEqual(client.reply(), TRY_AGAIN)
        self.refused("no answer in time")

    def test_stops_while_a_milter_works(self):
        """SIGTERM: the message in work is finished first."""
        self.start_milter({"E": lambda _: time.sleep(1) or [packet("c")]})
        self.start(milter_timeout="10s")
        client = self.client()
        client.begin("chris@contoso.com", ["kate@fabrikam.com"])
        client.expect("DATA", 354)
        client.send(harness.stuff(BODY) + b".\r\n")
        harness.wait_until(lambda: "E" in self.milter.commands(), 5, "the end of data")
        self.relais.signal(signal.SIGTERM)
        harness.guid_of(client.reply())
        self.assertEqual(self.relais.wait(), 0)
        harness.wait_until(lambda: self.milter.open == 0, 5, "the connection is closed")


GTUBE = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"

RSPAMD = """
options {{
  pidfile = "{folder}/rspamd.pid"; tempdir = "{folder}"; cache_file = "{folder}/symbols";
  control_socket = "{folder}/rspamd.control mode=0600";
  filters = ""; disable_hyperscan = true; url_tld = "{folder}/tld";
  dns {{ nameserver = ["127.0.0.1:1"]; timeout = 0.1s; retransmits = 1; }}
}}
logging {{ type = "console"; level = "info"; }}
actions {{ reject = 15; }}
worker "rspamd_proxy" {{
  bind_socket = "127.0.0.1:{port}"; count = 1; milter = yes; timeout = 10s;
  upstream "local" {{ default = yes; self_scan = yes; }}
}}
"""

# libmilter itself, through Debian's python3-milter.
LIBMILTER = """
import sys
import Milter

class Filter(Milter.Base):
    def __init__(self):
        self.content = b""
    @Milter.noreply
    def hello(self, name):
        return Milter.CONTINUE
    def connect(self, name, family, address):
        print("connect", name, address[0], flush=True)
        return Milter.CONTINUE
    def envfrom(self, sender, *arguments):
        self.content = b""
        print("mail", sender, *arguments, flush=True)
        return Milter.CONTINUE
    def envrcpt(self, recipient, *arguments):
        if "bad" in recipient:
            self.setreply("550", "5.1.1", "no such person")
            return Milter.REJECT
        return Milter.CONTINUE
    @Milter.noreply
    def header(self, name, value):
        self.content += name.encode() + b":" + value.encode() + b"\\n"
        return Milter.CONTINUE
    def eoh(self):
        return Milter.CONTINUE
    def body(self, chunk):
        self.content += chunk
        return Milter.CONTINUE
    def eom(self):
        print("id", self.getsymval("i"), "octets", len(self.content), flush=True)
        if b"virus" in self.content:
            self.setreply("554", "5.7.1", "a virus")
            return Milter.REJECT
        return Milter.ACCEPT
    def close(self):
        print("close", flush=True)
        return Milter.CONTINUE

Milter.factory = Filter
Milter.set_flags(0)
Milter.runmilter("filter", sys.argv[1], 5)
"""


class Real(MilterTest, harness.EndToEnd):
    """Milters that other people wrote."""

    def run_milter(self, command, where):
        """Starts it in the foreground; it is ended by its pid."""
        self.output = self.folder / "milter.out"
        with open(self.output, "wb") as out:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out,
                                       stderr=subprocess.STDOUT, cwd=self.folder)
        self.addCleanup(self.end, process)

        def answers():
            self.assertIsNone(process.poll(), self.output.read_text(errors="replace")[-2000:])
            if isinstance(where, pathlib.Path):
                return where.exists()
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", where)) == 0
        harness.wait_until(answers, 30, f"{command[0]} listens")

    def end(self, process):
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def test_rspamd(self):
        rspamd = harness.need("rspamd")
        (self.folder / "tld").write_text("com\nexample\n")
        config = self.folder / "rspamd.conf"
        config.write_text(RSPAMD.format(folder=self.folder, port=self.milter_port))
        run_as = ["--insecure"] if os.geteuid() == 0 else []
        self.run_milter([rspamd, "--no-fork", *run_as, "--config", str(config)], self.milter_port)
        self.start(milter_timeout="10s")
        spam = b"Subject: buy\r\nFrom: chris@contoso.com\r\n\r\n" + GTUBE + b"\r\n"
        for number in range(6):
            self.assertTrue(self.submit(spam).startswith("554 5.7.1"), number)
            harness.guid_of(self.submit())
        client = self.client()
        for _ in range(5):
            client.message("chris@contoso.com", ["kate@fabrikam.com"], BODY)
        for message in self.delivered(11):
            self.assertEqual(harness.without_received(message.content), BODY)
        harness.wait_until(lambda: len(self.relais.events("refused")) == 6, 5, "six refusals")
        self.refused("reject at end of data")
        self.assertEqual(self.relais.events("milter down"), [])
        # Of all that over one connection: rspamd writes one line for each that it accepts.
        said = self.output.read_text(errors="replace")
        self.assertEqual(said.count("accepted milter connection"), 2, "the probe's and ours")

    def test_libmilter(self):
        program = self.folder / "filter.py"
        program.write_text(LIBMILTER)
        if subprocess.run(["/usr/bin/python3", "-c", "import Milter"], stderr=subprocess.DEVNULL,
                          check=False).returncode != 0:
            self.skipTest("python3-milter is not there; tools/setup --test installs it")
        path = self.folder / "milter.sock"
        self.run_milter(["/usr/bin/python3", str(program), f"unix:{path}"], path)
        self.start(milter=f"unix:{path}")
        for number in range(3):
            client = self.client()
            client.expect("MAIL FROM:<chris@contoso.com> SIZE=100", 250)
            self.assertEqual(client.command("RCPT TO:<bad@fabrikam.com>"),
                             "550 5.1.1 no such person")
            client.expect("RCPT TO:<kate@fabrikam.com>", 250)
            harness.guid_of(client.content(BODY))
            client.begin("chris@contoso.com", ["kate@fabrikam.com"])
            self.assertEqual(client.content(b"Subject: v\r\n\r\n" + 9000 * b"a virus\r\n"),
                             "554 5.7.1 a virus", number)
            client.begin("chris@contoso.com", ["kate@fabrikam.com"])
            client.expect("RSET", 250)
            client.quit()
        self.delivered(3)
        said = self.output.read_text().splitlines()
        self.assertEqual(sum(s.startswith("connect [127.0.0.1] 127.0.0.1") for s in said), 3, said)
        self.assertEqual(said.count("mail <chris@contoso.com> SIZE=100"), 3)
        self.assertEqual(said.count("mail <chris@contoso.com>"), 6)
        ids = [s.split()[1] for s in said if s.startswith("id ")]
        harness.wait_until(lambda: ids[::2] == [e["id"] for e in self.relais.events("message")], 5,
                           f"the log has {ids[::2]}")
        self.assertEqual(self.relais.events("milter down"), [])

    def test_opendkim_wants_to_change_messages(self):
        """It ends the negotiation when it may add no field; that must be seen as what it is."""
        opendkim = harness.need("opendkim")
        path = self.folder / "dkim.sock"
        self.run_milter([opendkim, "-f", "-x", "/dev/null", "-b", "v", "-p", f"local:{path}",
                         "-P", str(self.folder / "pid")], path)
        self.start(milter=f"unix:{path}")
        self.assertEqual(self.first_refusal(), TRY_AGAIN)
        down = self.relais.wait_event("milter down")
        self.assertIn("perhaps it wants to change messages", down["reason"])


if __name__ == "__main__":
    harness.main()
