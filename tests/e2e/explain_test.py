#!/usr/bin/python3
"""relais explain says beforehand what the server answers, relais check and diff say yes and no."""

import json

import harness
from harness import BINARY, Client
from next_hop import NextHop


class Explain(harness.EndToEnd):
    def setUp(self):
        super().setUp()
        self.hop = NextHop(self.ports.take()).start()
        self.addCleanup(self.hop.stop)

    def connectors(self):
        """By client address: relay, default, no submit, no spoofing, strict, trusted."""
        def one(name, ranges, **more):
            return {"name": name, "bindings": [f"127.0.0.1:{self.port}"],
                    "remote_ip_ranges": ranges, **more}
        return [
            harness.relay_connector(self.port),
            harness.default_connector(self.port),
            one("Closed", ["127.0.0.4"]),
            one("No spoofing", ["127.0.0.5"], permission_groups=["AnonymousUsers"],
                permission=[{"user": harness.ANONYMOUS, "deny": True, "extended_rights": [
                    "ms-Exch-SMTP-Accept-Authoritative-Domain-Sender"]}]),
            one("Strict", ["127.0.0.6"], permission_groups=["AnonymousUsers"],
                require_ehlo_domain=True, max_message_size="64KB", banner="220 strict",
                size_enabled="EnabledWithoutValue", reject_single_label_recipient_domains=True,
                reject_reserved_top_level_recipient_domains=True),
            one("Trusted", ["127.0.0.7"], permission_groups=["ExchangeServers"],
                auth_mechanism=["ExternalAuthoritative"], max_message_size="64KB"),
            one("Disabled", ["127.0.0.0/28"], enabled=False),
        ]

    def explain(self, *arguments, status=None):
        done = harness.run([BINARY, "explain", "--config", str(self.relais.config_dir), *arguments])
        if status is not None:
            self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done

    def served(self, source, hello, sender, recipients, size):
        """What the server says to the same dialogue: the replies, as explain has them."""
        replies = []
        with Client(self.port, source) as client:
            replies.append(client.greeting)
            replies.append(client.command(f"EHLO {hello}".strip()))
            if not replies[-1].startswith("250"):
                return replies
            offered = "SIZE" in replies[-1]
            mail = f"MAIL FROM:<{sender}>" + (f" SIZE={size}" if size and offered else "")
            replies.append(client.command(mail))
            if not replies[-1].startswith("250"):
                return replies
            for recipient in recipients:
                replies.append(client.command(f"RCPT TO:<{recipient}>"))
            if all(not r.startswith("250") for r in replies[3:]):
                return replies
            replies.append(client.command("DATA"))
            content = b"Subject: Test\r\n\r\n" + b"x" * 70 + b"\r\n"
            if size:
                content += b"y" * (size - len(content) - 2) + b"\r\n"
            client.send(content + b".\r\n")
            replies.append(client.reply())
            replies.append(client.command("QUIT"))
        return replies

    @staticmethod
    def comparable(reply):
        """Without what no one can know beforehand: the date and the GUID."""
        if reply.startswith("220 ") and " ready at " in reply:
            return reply[:reply.index(" ready at ")]
        if reply.startswith("250 2.6.0 <"):
            return "250 2.6.0 <GUID>" + reply[reply.index(">") + 1:]
        return reply

    def test_the_replies_are_those_of_the_server(self):
        self.relais.configure(receive=self.connectors(), send=[harness.smart_host(self.hop.port)])
        self.relais.start()
        cases = [
            ("127.0.0.1", "c.example", "chris@contoso.com", ["kate@fabrikam.com"], None, True),
            ("127.0.0.1", "", "", ["kate@fabrikam.com"], 5000, True),
            ("127.0.0.1", "c.example", "chris@contoso.com", ["kate@fabrikam.com"], 40 << 20, False),
            ("127.0.0.1", "c.example", "no address", ["kate@fabrikam.com"], None, False),
            ("127.0.0.1", "c.example", "chris@contoso.com", ["kate@@fabrikam.com"], None, False),
            ("127.0.0.2", "c.example", "chris@contoso.com", ["kate@fabrikam.com"], None, False),
            ("127.0.0.2", "c.example", "a@b.example", ["kate@contoso.com", "x@y.org"], None, False),
            ("127.0.0.2", "c.example", "a@b.example", ["kate@contoso.com"], None, True),
            ("127.0.0.4", "c.example", "chris@contoso.com", ["kate@contoso.com"], None, False),
            ("127.0.0.5", "c.example", "chris@contoso.com", ["kate@contoso.com"], None, False),
            ("127.0.0.5", "c.example", "a@fabrikam.com", ["kate@contoso.com"], None, True),
            ("127.0.0.6", "", "a@fabrikam.com", ["kate@contoso.com"], None, False),
            ("127.0.0.6", "c.example", "a@fabrikam.com", ["kate@contoso.com"], 65536, True),
            ("127.0.0.6", "c.example", "a@fabrikam.com", ["kate@contoso.com"], 65537, False),
            ("127.0.0.6", "c.example", "a@fabrikam.com", ["kate@contoso", "k@x.test"], None, False),
            ("127.0.0.7", "c.example", "a@fabrikam.com", ["kate@fabrikam.com"], 70000, True),
        ]
        for source, hello, sender, recipients, size, good in cases:
            with self.subTest(source=source, hello=hello, sender=sender, to=recipients, size=size):
                arguments = ["--local", f"127.0.0.1:{self.port}", "--remote", source, "--json",
                             "--helo", hello, "--mail-from", sender or "<>"]
                for recipient in recipients:
                    arguments += ["--rcpt-to", recipient]
                if size:
                    arguments += ["--size", str(size)]
                said = json.loads(self.explain(*arguments, status=0 if good else 1).stdout)
                self.assertEqual(said["result"], "accepted" if good else "refused")
                expected = [self.comparable(r)
                            for r in self.served(source, hello, sender, recipients, size)]
                self.assertEqual([self.comparable(s["reply"]) for s in said["dialogue"]], expected)
                for step in said["dialogue"]:
                    if not step["accepted"]:
                        self.assertTrue(step["reason"], step)
                        self.assertTrue(step["cure"], step)

    def test_the_winner_is_the_one_in_the_log(self):
        self.relais.configure(receive=self.connectors(), send=[harness.smart_host(self.hop.port)])
        self.relais.start()
        for number in range(1, 10):
            source = f"127.0.0.{number}"
            with Client(self.port, source) as client:
                client.expect("EHLO c.example", 250)
                client.command("XYZZY")  # a refusal, which is logged with its connector
            said = json.loads(self.explain("--local", f"127.0.0.1:{self.port}", "--remote", source,
                                           "--json").stdout)
            winner = said["connectors"][0]
            self.assertEqual(winner["standing"], "wins")
            self.assertEqual(len(said["connectors"]), 7)

            def logged():
                found = [e for e in self.relais.events("refused")
                         if e.get("client", e.get("remote", "")).startswith(source)]
                return found[-1] if found else None
            event = harness.wait_until(logged, 10, f"the refusal of {source}")
            self.assertEqual(event["connector"], winner["name"])

    def test_present_levels_of_a_running_server(self):
        self.relais.configure(receive=self.connectors(), send=[harness.smart_host(self.hop.port)])
        arguments = ["--local", f"127.0.0.1:{self.port}", "--remote", "127.0.0.1", "--json"]

        def sessions():
            said = json.loads(self.explain(*arguments).stdout)
            return {limit["key"]: limit.get("now") for limit in said["limits"]}[
                "max_inbound_connection"]
        self.assertIsNone(sessions())
        self.relais.start()
        with Client(self.port), Client(self.port), Client(self.port, "127.0.0.2"):
            harness.wait_until(lambda: sessions() == 2, 15, "two sessions of the connector")
        self.relais.stop()
        self.assertIsNone(sessions())

    def test_present_levels_of_rate_limits(self):
        limits = [{"measure": "messages", "per": "source", "rate": "4/hour", "burst": 4},
                  {"measure": "messages", "rate": "10/hour", "burst": 10}]
        relay = harness.relay_connector(self.port, remote_ip_ranges=["127.0.0.0/8"], limit=limits)
        self.relais.configure(receive=[relay], send=[harness.smart_host(self.hop.port)])

        def levels(source):
            said = json.loads(self.explain("--local", f"127.0.0.1:{self.port}", "--remote", source,
                                           "--json").stdout)
            found = {limit["limit"]: limit.get("level") for limit in said["binding"]}
            return found["messages/source"], found["messages/connector"]
        self.assertEqual(levels("127.0.0.1"), (None, None))
        self.relais.start()
        self.messages(self.client(), 3)
        harness.wait_until(lambda: levels("127.0.0.1") == (0.75, 0.3), 15, "three messages counted")
        self.assertEqual(levels("127.0.0.9"), (None, 0.3))  # one that it does not know

    def test_wrong_use_is_2(self):
        self.relais.configure(receive=self.connectors(), send=[harness.smart_host(self.hop.port)])
        local = f"127.0.0.1:{self.port}"
        for arguments, words in [
                (["--local", "127.0.0.1", "--remote", "127.0.0.1"], "no address and port"),
                (["--local", local, "--remote", "host"], "no IP address"),
                (["--local", local, "--remote", "::1"], "never arrives"),
                (["--local", local, "--remote", "127.0.0.1", "--size", "much"], "no size"),
                (["--local", local], "--remote")]:
            done = self.explain(*arguments, status=2)
            self.assertIn(words, done.stderr)
        (self.relais.config_dir / "relais.toml").write_text("x = [")
        done = self.explain("--local", local, "--remote", "127.0.0.1", status=1)
        self.assertIn("[R002]", done.stderr)

    def test_check_numbers_and_explains(self):
        self.relais.configure(receive=[harness.relay_connector(self.port)],
                              send=[harness.smart_host(self.hop.port)])
        check = [BINARY, "check", "--config", str(self.relais.config_dir)]
        done = harness.run(check)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        wide = {**harness.relay_connector(self.port), "remote_ip_ranges": ["10.0.0.0/8"]}
        self.relais.configure(receive=[wide], send=[harness.smart_host(self.hop.port)])
        done = harness.run(check)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"0\.toml:\d+: remote_ip_ranges\[0\]: .* open relay.* \[R012\]\n")
        done = harness.run(check + ["--json"])
        self.assertEqual(done.returncode, 1)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([line.get("rule") for line in lines], ["R012", None])
        self.assertEqual(lines[1], {"result": "not valid", "errors": 1, "warnings": 0})
        done = harness.run([BINARY, "check", "--explain", "R012"])
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"\AR012  .*\n  Why:  .*\n  Do:   .*\n\Z")
        done = harness.run([BINARY, "check", "--explain", "all"])
        self.assertIn("\nR001  ", "\n" + done.stdout)
        self.assertEqual(harness.run([BINARY, "check", "--explain", "R999"]).returncode, 2)

    def test_diff(self):
        def folder(name, relay):
            side = harness.Relais(self.folder / name, self.port)
            side.configure(receive=[relay, harness.default_connector(self.port)],
                           send=[harness.smart_host(self.hop.port)],
                           server={"data_dir": "x", "log_file": str(self.folder / "log")})
            return side.config_dir
        relay = harness.relay_connector(self.port)
        old = folder("old", relay)
        new = folder("new", {**relay, "remote_ip_ranges": ["127.0.0.1-127.0.0.5"]})
        same = harness.run([BINARY, "diff", str(old), str(old)])
        self.assertEqual((same.returncode, same.stdout), (0, "no change\n"))
        # [server] differs by the path of its data; the folders of connectors alone do not.
        done = harness.run([BINARY, "diff", str(old / "connectors"), str(new / "connectors")])
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(
            done.stdout,
            f'127.0.0.2-127.0.0.5 on 127.0.0.1:{self.port}: "Default Frontend" -> "Anonymous Relay"'
            ': gains ms-Exch-SMTP-Accept-Any-Recipient\n'
            'Receive connector "Anonymous Relay": remote_ip_ranges: 1 added, 1 removed\n')
        clients = self.folder / "clients"
        clients.write_text("# seen\n127.0.0.3 17\n127.0.0.9 2\n")
        done = harness.run([BINARY, "diff", str(new), str(old), "--clients", str(clients), "--json"])
        self.assertEqual(done.returncode, 1, done.stderr)
        changes = json.loads(done.stdout)["clients"]
        self.assertEqual([(c["first"], c["loses"], c["count"]) for c in changes],
                         [("127.0.0.3", ["ms-Exch-SMTP-Accept-Any-Recipient"], 17)])
        clients.write_text("host\n")
        done = harness.run([BINARY, "diff", str(new), str(old), "--clients", str(clients)])
        self.assertEqual(done.returncode, 2)
        self.assertEqual(harness.run([BINARY, "diff", str(old), "/nowhere"]).returncode, 2)


if __name__ == "__main__":
    harness.main()
