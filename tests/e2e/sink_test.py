#!/usr/bin/python3
"""relais-sink: what it takes from other people's clients, what it counts, how it misbehaves; and what
relais-verify finds."""

import json
import os
import pty
import re
import resource
import signal
import smtplib
import socket
import ssl
import subprocess
import time

import harness
from next_hop import NextHop
from sink import LOAD, SINK, VERIFY, Sink, marked, verify

SENDER = "chris@contoso.com"
KATE = "kate@fabrikam.com"


def words_of(path):
    """The lines of a ledger as lists of words, without its first ones."""
    return [line.split() for line in path.read_text().splitlines() if not line.startswith("relais")]


class Taking(harness.EndToEnd):
    def test_swaks_curl_smtplib_and_smtpsource(self):
        mail = self.folder / "mail"
        content = marked(1, b"Dear Kate,\r\n.\r\n..dots\r\n\r\nbye\r\n")
        mail.write_bytes(content)
        for_swaks = self.folder / "for_swaks"
        for_swaks.write_bytes(content.removesuffix(b"\r\n"))  # it adds one
        sink = Sink(self, "--ledger", self.folder / "ledger")
        done = harness.run([harness.need("swaks"), "--server", "127.0.0.1", "--port", str(sink.port),
                            "--from", SENDER, "--to", f"{KATE},lee@fabrikam.com", "--data",
                            f"@{for_swaks}"])
        self.assertEqual(done.returncode, 0, done.stdout)
        done = harness.run([harness.need("curl"), "-sS", f"smtp://127.0.0.1:{sink.port}",
                            "--mail-from", SENDER, "--mail-rcpt", "curl@fabrikam.com", "-T",
                            str(mail)])
        self.assertEqual(done.returncode, 0, done.stderr)
        with smtplib.SMTP("127.0.0.1", sink.port) as client:
            client.sendmail(SENDER, ["smtplib@fabrikam.com"], content)
        done = harness.run([harness.need("smtp-source"), "-s", "5", "-m", "20", "-l", "10240", "-f",
                            SENDER, "-t", KATE, f"127.0.0.1:{sink.port}"])
        self.assertEqual(done.returncode, 0, done.stderr)
        told = sink.stop()
        self.assertEqual([told[k] for k in ("messages", "recipients", "unmarked", "damaged")],
                         [23, 24, 20, 0])
        marks = [line for line in words_of(self.folder / "ledger") if line[2] != "-"]
        self.assertEqual(len(marks), 3)
        self.assertEqual([line[8:] for line in marks],
                         [[KATE, "lee@fabrikam.com"], ["curl@fabrikam.com"],
                          ["smtplib@fabrikam.com"]])

    def test_data_and_bdat_give_the_same_sum_however_they_are_cut(self):
        sink = Sink(self, "--ledger", self.folder / "ledger")
        client = sink.client(self)
        bodies = [b"text\r\n", b"no line end", b"", b"\r\n", b".\r\n..\r\n...", b"\r\n\r\n",
                  os.urandom(300_000).replace(b"\n", b"\r\n").replace(b"\r", b"\r\n"),
                  b"." * 70_000]
        for number, body in enumerate(bodies):
            content = marked(number, body)
            client.begin(SENDER, [KATE])
            self.assertEqual(client.content(content if content.endswith(b"\r\n")
                                            else content + b"\r\n"), "250 2.6.0 Message taken")
            for cuts in (1, 7):
                client.expect(f"MAIL FROM:<{SENDER}> BODY=BINARYMIME", 250)
                client.expect(f"RCPT TO:<bdat{cuts}@fabrikam.com>", 250)
                step = len(content) // cuts + 1
                for at in range(0, len(content), step):
                    piece = content[at:at + step]
                    last = " LAST" if at + step >= len(content) else ""
                    client.send(f"BDAT {len(piece)}{last}\r\n".encode() + piece)
                    self.assertEqual(client.reply()[:3], "250")
        told = sink.stop()
        self.assertEqual([told[k] for k in ("messages", "damaged", "duplicates", "unmarked")],
                         [3 * len(bodies), 0, 0, 0])
        for words in words_of(self.folder / "ledger"):
            self.assertEqual(words[4:6], words[6:8], words)

    def test_any_octets_are_content(self):
        sink = Sink(self)
        client = sink.client(self)
        for number, body in enumerate([b"bare\nline\rends\r\n", b"nul\0\r\n", bytes(range(256)),
                                       b"\n.\n\r\n"]):
            client.begin(SENDER, [KATE])
            client.expect("DATA", 354)
            client.send(marked(number, body) + b"\r\n.\r\n")
            self.assertEqual(client.reply(), "250 2.6.0 Message taken")
        # Where the body had its last line end, the one in front of the dot is one more.
        self.assertEqual(sink.stop()["damaged"], 3)

    def test_a_group_of_commands_is_answered_in_one_go(self):
        sink = Sink(self)
        client = sink.client(self)
        group = f"MAIL FROM:<{SENDER}>\r\nRCPT TO:<{KATE}>\r\nDATA\r\n".encode()
        client.send(group)
        for code in ("250", "250", "354"):
            self.assertEqual(client.reply()[:3], code)
        client.send((marked(1, b"x\r\n") + b".\r\n" + group) * 20)
        octets = client.socket.recv(100_000)
        self.assertEqual(octets.count(b"\r\n"), 80, octets)

    def test_damage_and_duplicates_are_seen(self):
        sink = Sink(self, "--ledger", self.folder / "ledger")
        client = sink.client(self)
        content = marked(1, b"x" * 10_000 + b"\r\n")
        for body in (content, content, content.replace(b"xxx\r\n", b"xyx\r\n")):
            client.begin(SENDER, [KATE])
            client.content(body)
        told = sink.stop()
        self.assertEqual((told["messages"], told["duplicates"], told["damaged"]), (3, 2, 1))
        damaged = words_of(self.folder / "ledger")[2]
        self.assertEqual(damaged[4], damaged[6])
        self.assertNotEqual(damaged[5], damaged[7])

    def test_two_threads_share_everything(self):
        ledger = self.folder / "ledger"
        sink = Sink(self, "--threads", 2, "--ledger", ledger, listen=("127.0.0.1:0", "[::1]:0"))
        done = harness.run([LOAD, f"127.0.0.1:{sink.ports[0]}", f"[::1]:{sink.ports[1]}", "--count",
                            "2000", "--sessions", "20", "--messages-per-connection", "7", "--ledger",
                            str(self.folder / "sent")])
        self.assertEqual(done.returncode, 0, done.stderr)
        told = sink.stop()
        self.assertEqual((told["messages"], told["damaged"], told["duplicates"]), (2000, 0, 0))
        self.assertEqual(verify(self.folder / "sent", ledger, 0)["received"], 2000)


class Extensions(harness.EndToEnd):
    def offered(self, *options):
        sink = Sink(self, *options)
        reply = sink.client(self, hello=False).command("EHLO client.example")
        return {line[4:].split()[0] for line in reply.split("\n")[1:]}

    def test_each_is_there_until_it_is_hidden(self):
        usual = {"PIPELINING", "SIZE", "8BITMIME", "CHUNKING", "BINARYMIME", "SMTPUTF8", "DSN",
                 "ENHANCEDSTATUSCODES"}
        self.assertEqual(self.offered(), usual)
        self.assertEqual(self.offered("--hide", "CHUNKING", "--hide", "dsn"),
                         usual - {"CHUNKING", "BINARYMIME", "DSN"})
        self.assertEqual(self.offered("--offer", "AUTH", "--offer", "LIMITS"),
                         usual | {"AUTH", "LIMITS"})

    def test_any_password_is_right(self):
        sink = Sink(self, "--offer", "AUTH")
        with smtplib.SMTP("127.0.0.1", sink.port) as client:
            self.assertEqual(client.login("kate", "anything")[0], 235)
            client.sendmail(SENDER, [KATE], marked(1, b"x\r\n"))
        self.assertEqual(sink.stop()["messages"], 1)

    def test_starttls_and_tls_at_once(self):
        table = harness.certificate(self.folder, "localhost")
        files = ("--tls-certificate", table["certificate"], "--tls-key", table["key"])
        context = ssl.create_default_context(cafile=table["certificate"])
        body = b"x" * 100_000 + b"\r\n"
        sink = Sink(self, *files)
        with smtplib.SMTP("localhost", sink.port) as client:
            client.starttls(context=context)
            client.sendmail(SENDER, [KATE], marked(1, body))
        told = sink.stop()
        self.assertEqual((told["messages"], told["damaged"], told["tls_failures"]), (1, 0, 0))
        sink = Sink(self, *files, "--tls-at-once", "--tarpit", "1ms")
        with smtplib.SMTP_SSL("localhost", sink.port, context=context) as client:
            self.assertNotIn("starttls", client.ehlo()[1].decode().lower())
            client.sendmail(SENDER, [KATE], marked(1, body))
        with socket.create_connection(("127.0.0.1", sink.port)) as plain:
            plain.sendall(b"EHLO client.example\r\n")
            while plain.recv(1000):
                pass
        told = sink.stop()
        self.assertEqual((told["messages"], told["damaged"], told["tls_failures"]), (1, 0, 1))


class Misbehaving(harness.EndToEnd):
    def transaction(self, client, body=b"x\r\n"):
        client.begin(SENDER, [KATE])
        return client.content(marked(1, body))

    def test_delays(self):
        sink = Sink(self, *(word for place in ("connect", "hello", "mail", "rcpt", "data", "content",
                                               "end", "rset", "noop", "quit")
                            for word in ("--delay", f"{place}=150ms")))
        begin = time.monotonic()

        def took(what):
            nonlocal begin
            now = time.monotonic()
            self.assertGreaterEqual(now - begin, 0.14, what)
            begin = now

        client = sink.client(self, hello=False)
        took("banner")
        for command, code in (("EHLO client.example", 250), (f"MAIL FROM:<{SENDER}>", 250),
                              (f"RCPT TO:<{KATE}>", 250), ("DATA", 354)):
            client.expect(command, code)
            took(command)
        client.send(marked(1, b"x\r\n") + b".\r\n")
        self.assertEqual(client.reply()[:3], "250")
        took("content")
        self.assertGreaterEqual(time.monotonic() - begin, 0)
        for command, code in (("RSET", 250), ("NOOP", 250), ("QUIT", 221)):
            client.expect(command, code)
            took(command)
        self.assertEqual(sink.stop()["messages"], 1)

    def test_a_client_that_gave_up_before_the_reply_has_not_been_told(self):
        ledger = self.folder / "ledger"
        sink = Sink(self, "--delay", "end=500ms", "--ledger", ledger)
        client = sink.client(self)
        client.begin(SENDER, [KATE])
        client.expect("DATA", 354)
        client.send(marked(1, b"x\r\n") + b".\r\n")
        client.close()
        harness.wait_until(lambda: [w[0] for w in words_of(ledger)] == ["unknown"], 10, "a line")
        self.assertEqual(sink.stop()["messages"], 0)

    def test_refusals(self):
        sink = Sink(self, "--answer", "mail=450,50%", "--answer", "end=554,50%", "--answer-to",
                    "*@slow.contoso.com=451", "--seed", "3", "--ledger", self.folder / "ledger")
        client = sink.client(self)
        codes = []
        for _ in range(100):
            if client.command(f"MAIL FROM:<{SENDER}>").startswith("450 4.3.0"):
                codes.append("450")
                continue
            client.expect("RCPT TO:<a@Slow.contoso.com>", 451)
            client.expect(f"RCPT TO:<{KATE}>", 250)
            codes.append(client.content(marked(1, b"x\r\n"))[:3])
        for code, least, most in (("450", 30, 70), ("554", 10, 40), ("250", 10, 40)):
            self.assertTrue(least <= codes.count(code) <= most, (code, codes))
        told = sink.stop()
        self.assertEqual(told["messages"], codes.count("250"))
        self.assertEqual(told["refused"], codes.count("554"))
        fates = [words[:2] for words in words_of(self.folder / "ledger")]
        self.assertEqual(fates.count(["refused", "554"]), codes.count("554"))

    def test_refusals_of_connections_and_data(self):
        sink = Sink(self, "--answer", "connect=554")
        client = sink.client(self, hello=False)
        self.assertEqual(client.greeting[:3], "554")
        self.assertEqual(client.line(), "")
        sink = Sink(self, "--answer", "data=421")
        for command in ("DATA", "BDAT 2 LAST\r\nxy"):
            client = sink.client(self)
            client.begin(SENDER, [KATE])
            client.expect(command, 421)
            self.assertEqual(client.line(), "")

    def test_closes(self):
        for place, said in (("connect", ""), ("hello", ""), ("mail", "."), ("rcpt", ".."),
                            ("data", "..."), ("content", "...."), ("end", "....")):
            ledger = self.folder / place
            sink = Sink(self, "--close-at", place, "--ledger", ledger)
            client = harness.Client(sink.port, greet=False)
            self.addCleanup(client.close)
            replies = -1 if place == "connect" else 0
            for words in (b"", b"EHLO client.example\r\n", f"MAIL FROM:<{SENDER}>\r\n".encode(),
                          f"RCPT TO:<{KATE}>\r\n".encode(), b"DATA\r\n",
                          marked(1, b"x\r\n") + b".\r\n"):
                if words:
                    client.send(words)
                if not client.reply():
                    break
                replies += 1
            else:
                self.fail(f"no close at {place}")
            self.assertEqual(replies, {"connect": -1, "hello": 1}.get(place, len(said) + 1), place)
            told = sink.stop()
            self.assertEqual((told["cut"], told["messages"]), (1, 0), place)
            self.assertEqual([words[0] for words in words_of(ledger)],
                             ["unknown"] if place == "end" else [], place)

    def test_what_was_answered_before_a_close_is_heard(self):
        sink = Sink(self, "--close-at", "rcpt")
        client = sink.client(self)
        client.send(f"MAIL FROM:<{SENDER}>\r\nRCPT TO:<{KATE}>\r\nDATA\r\n")
        self.assertEqual(client.reply()[:3], "250")
        self.assertEqual(client.line(), "")

    def test_tarpit_and_slow_reading(self):
        sink = Sink(self, "--tarpit", "5ms")
        begin = time.monotonic()
        client = sink.client(self, hello=False)
        self.assertGreater(time.monotonic() - begin, 0.005 * (len(client.greeting) - 5))
        client.expect("EHLO client.example", 250)
        self.assertEqual(self.transaction(client), "250 2.6.0 Message taken")
        client.quit()
        sink = Sink(self, "--read-pause", "100ms")
        begin = time.monotonic()
        with smtplib.SMTP("127.0.0.1", sink.port) as client:
            client.sendmail(SENDER, [KATE], marked(1, b"x" * 200_000 + b"\r\n"))
        self.assertGreater(time.monotonic() - begin, 1.5)
        self.assertEqual(sink.stop()["damaged"], 0)

    def test_refusing_for_a_while(self):
        for how, error in (("closed", ConnectionRefusedError), ("reset", ConnectionResetError)):
            sink = Sink(self, "--refuse-after", "300ms", "--refuse-for", "700ms", "--refuse-by", how)
            client = sink.client(self)
            with self.assertRaises(ConnectionResetError):
                client.line()
            with self.assertRaises(error):
                harness.Client(sink.port)

            def comes_back():
                try:
                    return sink.client(self)
                except OSError:
                    return None

            self.transaction(harness.wait_until(comes_back, 10, "it takes connections again"))
            told = sink.stop()
            self.assertEqual((told["messages"], told["sessions"]), (1, 2))

    def test_sessions_beyond_the_limit(self):
        sink = Sink(self, "--max-sessions", "2", "--threads", "2")
        first = sink.client(self)
        second = sink.client(self)
        third = harness.Client(sink.port)
        self.assertEqual(third.greeting, "421 4.3.2 Too many sessions")
        third.close()
        first.quit()

        def fits():
            client = harness.Client(sink.port)
            self.addCleanup(client.close)
            return client.greeting.startswith("220")

        harness.wait_until(fits, 10, "room for another session")
        self.transaction(second)
        self.assertGreaterEqual(sink.stop()["turned_away"], 1)


class Ending(harness.EndToEnd):
    def test_behind_so_many_messages(self):
        sink = Sink(self, "--count", "30")
        harness.run([harness.need("smtp-source"), "-m", "30", "-f", SENDER, "-t", KATE,
                     f"127.0.0.1:{sink.port}"])
        told = sink.wait()
        self.assertEqual(told["messages"], 30)
        self.assertGreater(told["cpu_us_per_message"], 0)
        self.assertGreater(told["messages_per_s"], 0)

    def test_after_so_long(self):
        begin = time.monotonic()
        self.assertEqual(Sink(self, "--for", "500ms").wait()["messages"], 0)
        self.assertGreaterEqual(time.monotonic() - begin, 0.5)

    def test_idle_clients_hear_421_and_others_may_finish(self):
        sink = Sink(self)
        idle = sink.client(self)
        busy = sink.client(self)
        busy.begin(SENDER, [KATE])
        busy.expect("DATA", 354)
        sink.process.send_signal(signal.SIGINT)
        self.assertEqual(idle.line(), "421 4.3.2 Service not active")
        busy.send(marked(1, b"x\r\n") + b".\r\n")
        self.assertEqual(busy.reply()[:3], "250")
        self.assertEqual(sink.wait()["messages"], 1)

    def test_table_and_progress_on_a_terminal(self):
        screen, terminal = pty.openpty()
        self.addCleanup(os.close, screen)
        with subprocess.Popen([SINK, "--listen", "127.0.0.1:0", "--for", "2500ms"], stderr=terminal,
                              stdout=subprocess.PIPE, text=True) as process:
            table = process.stdout.read()
        os.close(terminal)
        seen = harness.read_screen(screen)
        self.assertIn(b"\r0 messages, 0/s, 0 sessions open, 0 damaged, 0 duplicates\x1b[K", seen)
        self.assertRegex(table, r"(?m)^own CPU us/message +0\.0$")

    def test_wrong_use_is_one_line_and_status_two(self):
        torn = self.folder / "torn"
        torn.write_text("relais-ledger 1 received\naccepted 25")
        for options, text in (
                (["--listen", "0.0.0.0:0"], "--any-address"),
                (["--listen", "nowhere"], "write an address and a port"),
                (["--delay", "mial=2s"], "there is no place 'mial'"),
                (["--answer", "rcpt=250"], "no code that refuses"),
                (["--close-at", "end,150%"], "no percentage"),
                (["--tarpit", "slow"], "no time"),
                (["--hide", "EVERYTHING"], "there is no extension"),
                (["--threads", "0"], "--threads"),
                (["--max-sessions", "many"], "--max-sessions"),
                (["--for", "30"], "no time, as in"),
                (["--refuse-by", "fire", "--refuse-for", "1s"], "closed or reset"),
                (["--refuse-by", "reset"], "--refuse-by needs --refuse-for"),
                (["--count", "0"], "--count: 0 is no whole number from 1 on"),
                (["--seed", "-1"], "--seed: -1 is no whole number from 0 on"),
                (["--tarpit", "0s"], "'0s' is no time"), (["--hide", "LIMITS"], "not offered"),
                (["--ledger", self.folder], f"--ledger {self.folder}: is a directory"),
                (["--tls-certificate", self.folder / "none.pem"], "none.pem"),
                (["--ledger", self.folder / "none" / "ledger"], "no such file"),
                (["--ledger", torn], "no whole ledger"),
                (["--bogus"], "--bogus"), (["word"], "word")):
            done = harness.run([SINK, *map(str, options)])
            self.assertEqual(done.returncode, 2, (options, done.stderr))
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
            self.assertIn(text, done.stderr)
            self.assertEqual(done.stdout, "")

    def test_a_port_that_is_taken(self):
        sink = Sink(self)
        done = harness.run([SINK, "--listen", f"127.0.0.1:{sink.port}"])
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr, f"relais-sink: cannot listen on 127.0.0.1:{sink.port}: "
                                      "address already in use\n")

    def test_a_ledger_that_cannot_be_written_ends_the_run(self):
        sink = Sink(self, "--ledger", self.folder / "ledger")
        resource.prlimit(sink.process.pid, resource.RLIMIT_FSIZE, (60, 60))
        client = sink.client(self)
        client.begin(SENDER, [KATE])
        client.content(marked(1, b"x\r\n"))
        self.assertEqual(sink.wait(status=1)["messages"], 1)
        self.assertTrue(sink.said(r"--ledger .*/ledger: it could not be written, so it is not whole: "
                                  "no space left"), sink.lines)


class Verifying(harness.EndToEnd):
    def load(self, port, *options):
        sent = self.folder / "sent"
        done = harness.run([LOAD, f"127.0.0.1:{port}", "--ledger", str(sent), *map(str, options)])
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return sent

    def crooked(self, faults):
        """Messages of relais-load go through a relay that plants faults: those of number n are sent
        on as faults(n, content) says."""
        hop = NextHop(self.ports.take()).start()
        self.addCleanup(hop.stop)
        sent = self.load(hop.port, "--count", 50, "--recipients", 2)
        ledger = self.folder / "received"
        sink = Sink(self, "--ledger", ledger)
        with smtplib.SMTP("127.0.0.1", sink.port) as client:
            for message in hop.messages:
                number = int(re.search(rb" n=(\d+) ", message.content)[1])
                for content in faults(number, message.content):
                    client.sendmail(SENDER, [r.strip("<>") for r in message.recipients], content)
        sink.stop()
        return sent, ledger

    def test_nothing_is_wrong_with_a_straight_relay(self):
        told = verify(*self.crooked(lambda n, content: [content]), 0)
        self.assertEqual((told["good"], told["accepted"], told["received"]), (True, 100, 100))

    def test_a_planted_loss_is_found(self):
        told = verify(*self.crooked(lambda n, content: [] if n == 7 else [content]), 1)
        self.assertEqual(told["missing"]["count"], 2)
        self.assertEqual({example["n"] for example in told["missing"]["examples"]}, {7})

    def test_a_planted_duplicate_is_found(self):
        told = verify(*self.crooked(lambda n, content: [content] * (2 if n == 7 else 1)), 1)
        self.assertEqual(told["duplicate"]["count"], 2)
        self.assertEqual({example["n"] for example in told["duplicate"]["examples"]}, {7})

    def test_a_planted_flipped_bit_is_found(self):
        def flip(number, content):
            if number == 7:
                at = content.index(b"\r\n\r\n") + 100
                content = content[:at] + bytes([content[at] ^ 1]) + content[at + 1:]
            return [content]
        told = verify(*self.crooked(flip), 1)
        self.assertEqual(told["damaged"]["count"], 2)
        self.assertEqual({example["n"] for example in told["damaged"]["examples"]}, {7})
        self.assertEqual([told[k]["count"] for k in ("missing", "duplicate", "unexpected")], [0] * 3)

    def test_a_run_through_relais_to_a_bad_next_hop(self):
        """It refuses, hangs up in the middle and before its reply, and is away for a while: and yet
        each message comes to each recipient once."""
        ledger = self.folder / "received"
        sink = Sink(self, "--ledger", ledger, "--answer", "end=451,5%", "--answer", "rcpt=450,3%",
                    "--close-at", "content,2%", "--close-at", "end,2%", "--refuse-after", "500ms",
                    "--refuse-for", "500ms", "--delay", "mail=1ms-20ms,10%")
        self.relais.configure(send=[harness.smart_host(sink.port)])
        self.relais.start()
        sent = self.load(self.port, "--count", 1000, "--recipients", 3, "--sizes", "1k:5,20k:1")

        def arrived():
            words = words_of(ledger)
            return sum(len(w) - 8 for w in words if w[0] == "accepted") >= 3000

        harness.wait_until(arrived, 60, "3,000 deliveries")
        told = sink.stop()
        self.assertGreater(told["refused"], 0)
        self.assertGreater(told["cut"], 0)
        found = verify(sent, ledger, 0)
        self.assertEqual((found["accepted"], found["received"]), (3000, 3000))

    def test_ledgers_that_are_none(self):
        sent = self.folder / "sent"
        received = self.folder / "received"
        received.write_text("relais-ledger 1 received\n")
        mark = "5f0c2a9e11d3b847 17 10240 1a2b3c4d"
        for text, problem in ((f"accepted 250 {mark} {KATE}", f"{sent}:2: the line is torn"),
                              (f"accepted 250 {mark}\n", f"{sent}:2: the line is damaged"),
                              ("\n", f"{sent}:2: the line is damaged")):
            sent.write_text("relais-ledger 1 sent\n" + text)
            done = harness.run([VERIFY, str(sent), str(received)])
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertTrue(done.stderr.startswith(f"relais-verify: {problem}"), done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1)
        for words in ([], [sent], [sent, self.folder / "none"], [sent, self.folder],
                      [received, received], [sent, received, "--bogus"]):
            done = harness.run([VERIFY, *map(str, words)])
            self.assertEqual((done.returncode, done.stderr.count("\n")), (2, 1), done.stderr)
        sent.write_text("relais-ledger 1 sent\n")
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([VERIFY, sent, received], stdout=full, stderr=subprocess.PIPE, text=True,
                                  check=False)
        self.assertEqual((done.returncode, done.stderr),
                         (1, "relais-verify: standard output could not be written\n"))


if __name__ == "__main__":
    harness.main()
