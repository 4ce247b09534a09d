#!/usr/bin/python3
"""relais-load against relais, Postfix's smtp-sink, and servers that misbehave."""

import json
import os
import re
import signal
import ssl
import statistics
import subprocess
import time

import harness
from next_hop import CLOSE, Delay, NextHop
from sink import LOAD, Sink, crc32c

MARK = re.compile(rb"\AX-Relais-Load: run=([0-9a-f]{16}) n=(\d+) octets=(\d+) crc32c=([0-9a-f]{8})\r\n")


def mark_of(content):
    """The message's number in its run, once its mark is found to be true."""
    mark = MARK.match(content)
    assert mark, content[:200]
    body = content.partition(b"\r\n\r\n")[2]
    assert int(mark[3]) == len(body), (mark[3], len(body))
    assert int(mark[4], 16) == crc32c(body), "the body is not what the mark says"
    return int(mark[2])


class Load:
    """A server of python's to be loaded, on `self.port`."""

    def start_hop(self, **more):
        self.hop = NextHop(self.port, **more).start()
        self.addCleanup(self.hop.stop)
        return self.hop

    def load_text(self, *options, status=0, target=None, seconds=60):
        target = [f"127.0.0.1:{self.port}"] if target is None else target
        done = harness.run([LOAD, *target, *map(str, options)], seconds)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done

    def load(self, *options, **more):
        done = self.load_text("--json", *options, **more)
        return json.loads(done.stdout)

    def assert_all_arrived(self, count):
        self.assertEqual(self.hop.violations, [])
        self.assertEqual(sorted(mark_of(m.content) for m in self.hop.messages), list(range(count)))


class Modes(Load, harness.EndToEnd):
    def test_each_mode_says_what_it_should(self):
        hop = self.start_hop(extensions=["PIPELINING", "CHUNKING", "SIZE 0"])
        for mode, verb in (("lock-step", "DATA"), ("pipelining", "DATA"), ("bdat", "BDAT")):
            hop.messages.clear()
            hop.commands.clear()
            told = self.load("--mode", mode, "--count", 60, "--size", "2k", "--sessions", 3)
            self.assertEqual(told["messages"]["accepted"], 60)
            self.assertEqual(told["asked"]["mode"], mode)
            self.assert_all_arrived(60)
            self.assertEqual({len(m.content) for m in hop.messages}, {2048})
            self.assertEqual(sum(line.startswith(verb) for _, line in hop.commands), 60)
            self.assertEqual(sum(line == "QUIT" for _, line in hop.commands), 3)
            self.assertEqual(told["connections"], 3)

    def test_a_mode_that_is_not_offered_is_no_measurement(self):
        self.start_hop(extensions=["SIZE 0"])
        for mode, lacks in (("pipelining", "PIPELINING"), ("bdat", "CHUNKING")):
            done = self.load_text("--mode", mode, "--count", 5, status=1)
            self.assertIn(f"the server does not offer {lacks}", done.stderr)
            self.assertEqual(len(done.stderr.splitlines()), 1)
        self.assertEqual(self.hop.messages, [])

    def test_through_relais_with_its_ledger(self):
        sink = NextHop(self.ports.take()).start()
        self.addCleanup(sink.stop)
        self.relais.configure(send=[harness.smart_host(sink.port)])
        self.relais.start()
        ledger = self.folder / "ledger"
        total = 0
        for mode in ("lock-step", "pipelining", "bdat"):
            told = self.load("--mode", mode, "--count", 100, "--sizes", "1k:5,5k:5,40k:1",
                             "--ledger", ledger, "--recipients", 2)
            self.assertEqual(told["messages"]["accepted"], 100)
            self.assertEqual(told["recipients_accepted"], 200)
            total += 100
        harness.wait_until(lambda: len(sink.messages) == total, 30, "delivery")
        self.assertEqual(sink.violations, [])
        for message in sink.messages:
            content = message.content[message.content.index(b"X-Relais-Load:"):]
            mark_of(content)
        lines = ledger.read_text().splitlines()
        self.assertEqual(lines.count("relais-ledger 1 sent"), 3)
        sent = [line for line in lines if line.startswith("accepted 250 ")]
        self.assertEqual(len(sent), total)
        self.assertTrue(all(line.endswith(" recipient1@example.com recipient2@example.com")
                            for line in sent))
        self.assertEqual(len({tuple(line.split()[2:4]) for line in sent}), total)

    def test_who_is_always_turned_away_ends(self):
        sink = Sink(self, "--answer", "connect=421")
        done = self.load_text("--count", 5, "--sessions", 3, status=1,
                              target=[f"127.0.0.1:{sink.port}"])
        self.assertIn("421", done.stdout + done.stderr)

    def test_smtp_sink_takes_thousands(self):
        sink = harness.need("smtp-sink")
        as_nobody = ["-u", "nobody"] if os.getuid() == 0 else []
        process = subprocess.Popen([sink, *as_nobody, f"127.0.0.1:{self.port}", "1000"],
                                   stdin=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        harness.wait_until(lambda: harness.run([LOAD, f"127.0.0.1:{self.port}", "-n", "1"]).returncode
                           == 0, 10, "smtp-sink")
        for mode in ("lock-step", "pipelining"):
            told = self.load("--count", 5000, "--mode", mode, "--messages-per-connection", 50)
            self.assertEqual(told["messages"]["accepted"], 5000)
            self.assertGreaterEqual(told["connections"], 100)
            self.assertEqual(told["latency_ms"]["content"]["count"], 5000)


class Security(Load, harness.EndToEnd):
    def contexts(self):
        table = harness.certificate(self.folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(table["certificate"], table["key"])
        return context

    def test_starttls_and_implicit(self):
        context = self.contexts()
        for implicit in (False, True):
            self.port = self.ports.take()
            self.start_hop(tls=context, implicit=implicit,
                           extensions=["PIPELINING", "CHUNKING", "SIZE 0"])
            for mode in ("lock-step", "pipelining", "bdat"):
                self.hop.messages.clear()
                told = self.load("--tls", "implicit" if implicit else "starttls", "--count", 40,
                                 "--mode", mode, "--sizes", "2k:9,100k:1", "--sessions", 2)
                self.assertEqual(told["messages"]["accepted"], 40)
                self.assertEqual(told["latency_ms"]["TLS"]["count"], 2)
                self.assertEqual("STARTTLS" in told["latency_ms"], not implicit)
                self.assert_all_arrived(40)
                self.assertTrue(all(m.tls for m in self.hop.messages))
            self.hop.stop()

    def test_sessions_are_resumed_on_request_alone(self):
        self.start_hop(tls=self.contexts())
        for options, resumed in (((), False), (("--tls-resume",), True)):
            self.hop.messages.clear()
            self.load("--tls", "starttls", "--count", 6, "--sessions", 1,
                      "--messages-per-connection", 1, "--size", "1k", *options)
            self.assertEqual(any(m.resumed for m in self.hop.messages), resumed)

    def test_a_server_without_tls(self):
        self.start_hop()
        done = self.load_text("--tls", "starttls", "--count", 3, status=1)
        self.assertIn("STARTTLS is not offered", done.stderr)

    def test_plain_and_login(self):
        hop = self.start_hop(users={"me": "it's secret"}, auth_in_clear=True)
        password = self.folder / "password"
        password.write_text("it's secret\n")
        logon = ("--user", "me", "--password-file", password, "--count", 4, "--sessions", 2)
        told = self.load(*logon)
        self.assertEqual(told["messages"]["accepted"], 4)
        self.assertEqual(told["latency_ms"]["AUTH"]["count"], 2)
        self.assertEqual({one[0] for one in hop.logons}, {"PLAIN"})
        hop.logons.clear()
        self.load("--auth", "login", *logon)
        self.assertEqual(hop.logons, [("LOGIN", "me", "it's secret", False)] * 2)
        password.write_text("wrong")
        done = self.load_text(*logon, status=1)
        self.assertIn(f":{self.port}: AUTH was answered 535 5.7.8 authentication credentials invalid\n",
                      done.stderr)
        self.assertNotIn("wrong", done.stdout + done.stderr)


class Places(Load, harness.EndToEnd):
    def test_sources_in_turn_and_targets_alike(self):
        self.start_hop()
        other = NextHop(self.ports.take()).start()
        self.addCleanup(other.stop)
        peers = set()
        for hop in (self.hop, other):
            hop.rule = lambda verb, argument, session: peers.add(session.peer)
        targets = [f"127.0.0.1:{hop.port}" for hop in (self.hop, other)]
        told = self.load("--source", "127.0.1.1-127.0.1.5,127.0.2.0/31", "--count", 70,
                         "--sessions", 7, "--messages-per-connection", 5, target=targets)
        self.assertEqual(peers, {f"127.0.1.{i}" for i in range(1, 6)} | {"127.0.2.0", "127.0.2.1"})
        self.assertEqual([t["target"] for t in told["targets"]], targets)
        self.assertEqual(sum(t["accepted"] for t in told["targets"]), 70)
        for target, hop in zip(told["targets"], (self.hop, other)):
            self.assertEqual(target["accepted"], len(hop.messages))
            self.assertGreater(target["accepted"], 20)
        told = self.load("--rate", 100, "--count", 60, target=targets)
        self.assertTrue(all(t["accepted"] > 20 for t in told["targets"]), told["targets"])

    def test_sources_meet_their_connector_of_relais(self):
        sink = NextHop(self.ports.take()).start()
        self.addCleanup(sink.stop)
        relay = harness.relay_connector(self.port, remote_ip_ranges=["127.0.1.0/24"])
        self.relais.configure(receive=[relay, harness.default_connector(self.port)],
                              send=[harness.smart_host(sink.port)])
        self.relais.start()
        told = self.load("--source", "127.0.1.7,127.0.2.7", "--count", 40, "--sessions", 2,
                         "--messages-per-connection", 2, status=1)
        accepted, refused = told["messages"]["accepted"], told["messages"]["refused"]
        self.assertEqual(accepted + refused, 40)
        self.assertGreater(accepted, 5)
        self.assertGreater(refused, 5)
        self.assertEqual(told["refusals"], [{"step": "RCPT", "code": 550, "count": refused,
                                             "text": "5.7.1 Unable to relay"}])

    def test_a_source_that_is_not_ours(self):
        self.start_hop()
        done = self.load_text("--source", "127.0.1.1,192.0.2.77", "--count", 1, status=2)
        self.assertIn("cannot send from 192.0.2.77", done.stderr)


class Fates(Load, harness.EndToEnd):
    def test_refusals_are_counted_by_code_and_text(self):
        hop = self.start_hop()
        seen = {"MAIL": 0, "RCPT": 0, "END": 0}

        def rule(verb, argument, session):
            if verb not in seen:
                return None
            seen[verb] += 1
            if verb == "MAIL" and seen[verb] % 10 == 0:
                return "451 4.3.2 not now"
            if verb == "RCPT" and seen[verb] % 9 == 0:
                return "550-5.1.1 nobody\r\n550 5.1.1 here"
            if verb == "END" and seen[verb] % 8 == 0:
                return "554 5.6.0 no"
            return None
        hop.rule = rule
        for mode in ("lock-step", "pipelining"):
            hop.messages.clear()
            seen.update(MAIL=0, RCPT=0, END=0)
            told = self.load("--count", 100, "--sessions", 4, "--mode", mode, status=1)
            refusals = {(r["step"], r["code"], r["text"]): r["count"] for r in told["refusals"]}
            self.assertEqual(refusals["MAIL", 451, "4.3.2 not now"], 10)
            self.assertEqual(refusals["RCPT", 550, "5.1.1 nobody here"], 10)
            self.assertEqual(refusals["content", 554, "5.6.0 no"], 10)
            self.assertEqual(told["messages"]["accepted"], 70)
            self.assertEqual(told["messages"]["refused"], 30)
            self.assertEqual(len(hop.messages), 70)
            self.assertEqual(hop.violations, [])

    def test_some_recipients_refused(self):
        hop = self.start_hop()
        hop.rule = lambda verb, argument, session: (
            "550 5.1.1 no" if verb == "RCPT" and argument.startswith("x2@") else None)
        ledger = self.folder / "ledger"
        told = self.load("--count", 5, "--to", "x@fabrikam.com", "--recipients", 3, "--sessions", 1,
                         "--ledger", ledger, status=1)
        self.assertEqual(told["messages"]["accepted"], 5)
        self.assertEqual(told["messages"]["partly_accepted"], 5)
        self.assertEqual(told["recipients_accepted"], 10)
        text = ledger.read_text()
        self.assertEqual(len(re.findall(
            r"(?m)^accepted 250 \w{16} \d \d+ \w{8} x1@fabrikam.com x3@fabrikam.com$", text)), 5)
        self.assertEqual(len(re.findall(
            r"(?m)^refused 550 \w{16} \d \d+ \w{8} x2@fabrikam.com$", text)), 5)

    def test_connections_that_are_cut(self):
        hop = self.start_hop()
        counts = {"END": 0, "RCPT": 0}

        def rule(verb, argument, session):
            if verb in counts:
                counts[verb] += 1
                if counts[verb] % 5 == 0:
                    return CLOSE
            return None
        hop.rule = rule
        ledger = self.folder / "ledger"
        told = self.load("--count", 50, "--sessions", 2, "--ledger", ledger, status=1)
        self.assertEqual(told["messages"]["accepted"], len(hop.messages))
        self.assertEqual(told["messages"]["lost"], 50 - len(hop.messages))
        text = ledger.read_text()
        unknown = counts["END"] // 5
        self.assertEqual(len(re.findall(r"(?m)^unknown - ", text)), unknown)
        self.assertEqual(len(re.findall(r"(?m)^refused - ", text)), counts["RCPT"] // 5)
        refusals = {(r["step"], r["code"], r["text"]): r["count"] for r in told["refusals"]}
        self.assertEqual(refusals["content", 0, "the server closed the connection"], unknown)

    def test_421_ends_a_connection_and_the_next_goes_on(self):
        hop = self.start_hop()
        hop.rule = lambda verb, argument, session: (
            "421 4.3.2 going" if verb == "MAIL" and session.number == 1 else None)
        told = self.load("--count", 20, "--sessions", 1, status=1)
        self.assertEqual(told["messages"], {**told["messages"], "accepted": 19, "refused": 1})
        self.assertEqual(told["connections"], 2)

    def test_a_server_that_says_nothing_more(self):
        hop = self.start_hop()
        hop.rule = lambda verb, argument, session: (
            Delay(60) if verb == "RCPT" and session.number == 1 else None)
        told = self.load("--count", 10, "--sessions", 2, "--timeout", "1s", status=1)
        self.assertEqual(told["messages"]["lost"], 1)
        self.assertEqual(told["refusals"], [{"step": "RCPT", "code": 0, "count": 1,
                                             "text": "no answer in time"}])

    def test_nobody_listens(self):
        begun = time.monotonic()
        done = self.load_text("--count", 10, status=1)
        self.assertEqual(done.stderr,
                         f"relais-load: 127.0.0.1:{self.port}: connection refused\n")
        self.assertLess(time.monotonic() - begun, 5 * harness.PATIENCE)

    def test_a_server_that_goes_away_and_comes_back(self):
        hop = self.start_hop()
        process = subprocess.Popen([LOAD, f"127.0.0.1:{self.port}", "--for", "4s", "--json",
                                    "--size", "1k"], stdout=subprocess.PIPE, text=True)
        harness.wait_until(lambda: len(hop.messages) > 20, 10, "messages")
        hop.stop()
        time.sleep(0.5)
        hop.start()
        before = len(hop.messages)
        told = json.loads(process.communicate(timeout=60)[0])
        self.assertEqual(process.returncode, 1)
        self.assertGreater(len(hop.messages), before + 20)
        self.assertGreater(told["messages"]["lost"], 0)
        self.assertIn(("connect", "connection refused"),
                      {(r["step"], r["text"]) for r in told["refusals"]})

    def test_a_signal_ends_it_cleanly(self):
        for options in ([], ["--rate", "200"]):
            if options:
                self.port = self.ports.take()
            hop = self.start_hop()
            process = subprocess.Popen([LOAD, f"127.0.0.1:{self.port}", "--json", "--size", "1k",
                                        *options], stdout=subprocess.PIPE, text=True)
            harness.wait_until(lambda: len(hop.messages) > 50, 20, "messages")
            process.send_signal(signal.SIGINT)
            told = json.loads(process.communicate(timeout=20)[0])
            self.assertTrue(told["interrupted"])
            self.assertEqual(told["messages"]["accepted"], len(hop.messages))
            self.assertEqual(told["messages"]["lost"], 0)
            self.assertEqual(hop.rejected, [])
            self.assertEqual(process.returncode, 0 if told["messages"]["not_begun"] == 0 else 1)
            hop.stop()


class Extent(Load, harness.EndToEnd):
    def test_messages_per_connection(self):
        hop = self.start_hop()
        for each, connections in ((1, 12), (5, 3), (100, 1)):
            hop.sessions = 0
            self.load("--count", 12, "--sessions", 1, "--messages-per-connection", each)
            self.assertEqual(hop.sessions, connections)

    def test_a_constant_rate(self):
        self.start_hop()
        told = self.load("--rate", 100, "--for", "2s", "--size", "1k")
        self.assertEqual(told["messages"]["accepted"], 200)
        self.assertEqual(told["asked"]["rate"], [100, 100])
        self.assertAlmostEqual(told["messages_per_second"], 100, delta=10 * harness.PATIENCE)
        times = sorted(m.time for m in self.hop.messages)
        self.assertGreater(times[-1] - times[0], 1.9)

    def test_a_ramp(self):
        self.start_hop()
        told = self.load("--rate", "20..180", "--ramp", "2s", "--for", "3s", "--size", "1k")
        self.assertAlmostEqual(told["messages"]["accepted"], 200 + 180, delta=1)
        times = sorted(m.time for m in self.hop.messages)
        first = sum(t - times[0] < 1 for t in times)
        self.assertAlmostEqual(first, 60, delta=30)

    def test_what_is_due_and_never_begun_is_told(self):
        hop = self.start_hop()
        hop.rule = lambda verb, argument, session: Delay(0.5) if verb == "END" else None
        begun = time.monotonic()
        told = self.load("--rate", 100, "--for", "1s", "--sessions", 2, "--timeout", "2s", status=1)
        self.assertLess(time.monotonic() - begun, 10 * harness.PATIENCE)
        messages = told["messages"]
        self.assertEqual(messages["accepted"], len(hop.messages))
        self.assertGreater(messages["not_begun"], 50)
        self.assertEqual(messages["accepted"] + messages["not_begun"], 100)

    def test_the_warm_up_is_not_counted(self):
        for options in (["--rate", "100"], ["--sessions", "2"]):
            self.port = self.ports.take()
            hop = self.start_hop()
            told = self.load("--warm-up", "1s", "--count", 50, "--size", "1k", *options)
            self.assertEqual(told["messages"]["accepted"], 50)
            self.assertEqual(told["latency_ms"]["message"]["count"], 50)
            self.assertGreater(len(hop.messages), 50 + 50)
            self.assert_all_arrived(len(hop.messages))
            hop.stop()

    def test_a_corpus(self):
        hop = self.start_hop(extensions=["8BITMIME", "CHUNKING", "PIPELINING"])
        corpus = self.folder / "corpus"
        (corpus / "below").mkdir(parents=True)
        (corpus / "a.eml").write_bytes(b"From: <a@b>\nSubject: one\n\n.dotted\nlast")
        (corpus / "below" / "b").write_bytes("grüße\r\n.\r\nend\r\n".encode())
        for mode in ("lock-step", "bdat"):
            hop.messages.clear()
            self.load("--corpus", corpus, "--count", 30, "--mode", mode)
            self.assert_all_arrived(30)
            bodies = {m.content.partition(b"\r\n\r\n")[2] for m in hop.messages}
            self.assertEqual(bodies, {b".dotted\r\nlast\r\n", "grüße\r\n.\r\nend\r\n".encode()})
            self.assertEqual({m.sender_parameters for m in hop.messages}, {"", "BODY=8BITMIME"})

    def test_sizes_come_as_often_as_they_should(self):
        hop = self.start_hop()
        self.load("--sizes", "1k:60,10k:30,100k:10", "--count", 400, "--mode", "pipelining")
        sizes = [len(m.content) for m in hop.messages]
        self.assertEqual(set(sizes), {1024, 10240, 102400})
        for size, share in ((1024, 0.6), (10240, 0.3), (102400, 0.1)):
            self.assertAlmostEqual(sizes.count(size) / 400, share, delta=0.12)
        self.assert_all_arrived(400)


class Truth(Load, harness.EndToEnd):
    """A server that stands still for 200 ms, once. Who sends the next message only when the last one
    was answered does not send while it stands still, and hardly sees it."""

    STALL = 0.2

    def stall_at(self, number):
        """None: not at all. Each message takes the server 20 ms, asleep: so its speed is that, and
        not what else runs on this machine."""
        count = [0]

        def rule(verb, argument, session):
            if verb == "MAIL":
                count[0] += 1
                if count[0] == number:
                    time.sleep(self.STALL)  # the whole server: its thread, not this session
            return Delay(0.02) if verb == "END" else None
        self.hop.rule = rule

    def test_a_stall_shows_in_an_open_loop_and_not_in_a_closed_one(self):
        self.start_hop(keep=lambda message: None)
        self.hop.keep_commands = False
        open_loop = ("--rate", 100, "--for", "4s", "--size", "1k")
        closed_loop = ("--sessions", 1, "--for", "4s", "--size", "1k")
        with_stall, without, closed_99 = [], [], []
        for _ in range(3):
            self.stall_at(None)
            without.append(self.load(*closed_loop)["messages_per_second"])
            self.stall_at(80)
            told = self.load(*closed_loop)
            with_stall.append(told["messages_per_second"])
            closed_99.append(told["latency_ms"]["message"]["p99"])
            # It did stand still, and one message knows it.
            self.assertGreaterEqual(told["latency_ms"]["message"]["max"], self.STALL * 1000 * 0.95)
        self.assertGreater(statistics.median(with_stall), 0.75 * statistics.median(without))
        self.assertLess(min(closed_99), self.STALL * 1000 / 2, "the closed loop hardly sees it")
        self.stall_at(200)
        latency = self.load(*open_loop)["latency_ms"]["message"]
        # 20 of the 400 were due within the stall: the worst waited for all of it, a fourth of them
        # for more than three quarters.
        self.assertEqual(latency["count"], 400)
        self.assertGreaterEqual(latency["max"], self.STALL * 1000 * 0.95)
        self.assertGreaterEqual(latency["p99.9"], self.STALL * 1000 * 0.9)
        self.assertGreaterEqual(latency["p99"], self.STALL * 1000 * 0.7)
        self.assertGreater(latency["p99"], 2 * min(closed_99))
        self.stall_at(None)
        calm = min(self.load(*open_loop)["latency_ms"]["message"]["p99.9"] for _ in range(2))
        self.assertLess(calm, self.STALL * 1000 * 0.75, "without a stall there is none")


class Results(Load, harness.EndToEnd):
    def test_json(self):
        self.start_hop()
        told = self.load("--rate", 50, "--count", 20, "--size", "1k")
        self.assertEqual(
            list(told),
            ["version", "began", "asked", "seconds", "messages", "recipients_accepted",
             "octets_accepted", "messages_per_second", "octets_per_second", "connections",
             "targets", "own_cpu", "latency_ms", "begun_late_ms", "refusals", "series", "problem",
             "interrupted"])
        self.assertEqual(told["octets_accepted"], 20 * 1024)
        self.assertEqual(list(told["latency_ms"]), ["connect", "banner", "EHLO", "MAIL", "RCPT",
                                                    "DATA", "content", "QUIT", "message"])
        for latency in told["latency_ms"].values():
            self.assertEqual(list(latency), ["count", "mean", "p50", "p90", "p99", "p99.9", "max"])
            self.assertLessEqual(latency["p50"], latency["p99"])
            self.assertLessEqual(latency["p99"], latency["max"])
        self.assertEqual(sum(row["accepted"] for row in told["series"]["rows"]), 20)
        self.assertGreater(told["own_cpu"]["us_per_message"], 0)

    def test_a_table_and_a_page(self):
        self.start_hop()
        page = self.folder / "page.html"
        done = self.load_text("--count", 50, "--size", "1k", "--html", page)
        self.assertIn("accepted    50 messages in ", done.stdout)
        self.assertRegex(done.stdout, r"(?m)^message +50( +[\d.]+){5}$")
        self.assertEqual(done.stderr, "", "no progress where no terminal is")
        text = page.read_text()
        self.assertEqual(text.count("<svg"), 3)
        self.assertNotRegex(text, r"\b(nan|inf)\b")
        self.assertNotRegex(text, r"(src|href)=")


if __name__ == "__main__":
    harness.main()
