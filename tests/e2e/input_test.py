#!/usr/bin/python3
"""Bad input from the operator: one clear message, status 1 (or 2), nothing half started."""

import re
import socket

import harness

# (what, file, how the good text is changed, what the message must name)
RELAIS = "relais.toml"
RELAY = "connectors/0.toml"


def replace(old, new):
    def change(text):
        assert old in text, f"{old!r} is not in the good file:\n{text}"
        return text.replace(old, new, 1)
    return change


def add(more):
    return lambda text: text + more


BROKEN = [
    ("syntax", RELAIS, add("\n[server\n"), []),
    ("unknown key", RELAIS, replace("[server]", "[server]\nfoo_bar = 1"), ["foo_bar"]),
    ("unknown table", RELAIS, add("\n[serving]\nx = 1\n"), ["serving"]),
    ("wrong type", RELAIS, replace('fqdn = "relay.contoso.com"', "fqdn = 7"), ["fqdn"]),
    ("bad duration", RELAIS, replace('drain_timeout = "5s"', 'drain_timeout = "soon"'),
     ["drain_timeout", "soon"]),
    ("bad size", RELAIS, replace('segment_size = "4MB"', 'segment_size = "4 apples"'),
     ["segment_size", "4 apples"]),
    ("no cores", RELAIS, replace("cores = 2", "cores = 0"), ["cores"]),
    ("domain type", RELAIS, replace('"Authoritative"', '"Mine"'),
     ["type", "Mine", "Authoritative"]),
    ("domain name", RELAIS, replace('name = "contoso.com"', 'name = "con toso.com"'), ["con toso"]),
    ("smart host", RELAIS, replace('smart_hosts = ["127.0.0.1:', 'smart_hosts = ["127.0.0.1.1:'),
     ["smart_hosts", "127.0.0.1.1"]),
    ("address space", RELAIS,
     replace('address_spaces = ["*"]', 'address_spaces = ["*contoso.com"]'),
     ["address_spaces", "*contoso.com"]),
    ("nowhere to send", RELAIS, lambda text: re.sub(r"(?m)^smart_hosts.*\n", "", text),
     ["smart_hosts", "maildir"]),
    ("no such file", RELAIS, None, ["relais.toml"]),
    ("connector key", RELAY, replace("permission_groups", "permision_groups"),
     ["permision_groups"]),
    ("permission group", RELAY, replace('"AnonymousUsers"', '"Anonymous"'),
     ["permission_groups", "Anonymous", "AnonymousUsers"]),
    ("right", RELAY, replace("ms-Exch-SMTP-Accept-Any-Recipient", "ms-Exch-SMTP-Accept-Everything"),
     ["extended_rights", "ms-Exch-SMTP-Accept-Everything"]),
    ("range", RELAY, replace('"127.0.0.1"]', '"127.0.0.0/33"]'),
     ["remote_ip_ranges", "127.0.0.0/33"]),
    ("reversed range", RELAY, replace('"127.0.0.1"]', '"127.0.0.9-127.0.0.1"]'),
     ["remote_ip_ranges", "127.0.0.9-127.0.0.1"]),
    ("binding", RELAY, lambda text: re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:70000", text),
     ["bindings", "127.0.0.1:70000"]),
    ("no binding", RELAY, lambda text: re.sub(r"(?m)^bindings.*\n", "", text), ["bindings"]),
    ("no name", RELAY, lambda text: re.sub(r"(?m)^name.*\n", "", text), ["name"]),
    ("out of range", RELAY, replace("permission_groups", "max_hop_count = 501\npermission_groups"),
     ["max_hop_count", "501", "500"]),
    ("negative", RELAY, replace("permission_groups", "max_header_size = -1\npermission_groups"),
     ["max_header_size", "-1"]),
    ("banner", RELAY, replace("permission_groups", 'banner = "hello"\npermission_groups'),
     ["banner", "220"]),
    ("time-outs", RELAY, replace("permission_groups",
                                 'connection_timeout = "1m"\nconnection_inactivity_timeout = "2m"\n'
                                 "permission_groups"), ["connection_inactivity_timeout"]),
    ("bool", RELAY, replace("permission_groups", 'enabled = "yes"\npermission_groups'),
     ["enabled"]),
]


class Input(harness.EndToEnd):
    def setUp(self):
        super().setUp()
        self.configure()

    def configure(self):
        self.relais.configure(receive=[harness.relay_connector(self.port),
                                       harness.default_connector(self.port)],
                              send=[harness.smart_host(self.ports.take())])

    def check(self):
        return harness.run([harness.BINARY, "check", "--config", str(self.relais.config_dir)])

    def assert_clean(self, text):
        for ugly in ("terminate called", "what():", "Sanitizer", "core dumped", "#0 ", "std::"):
            self.assertNotIn(ugly, text)

    def test_the_good_one_passes(self):
        done = self.check()
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_each_mistake_is_named_with_file_line_and_key(self):
        for what, file, change, names in BROKEN:
            with self.subTest(what):
                self.configure()
                path = self.relais.config_dir / file
                if change is None:
                    path.unlink()
                else:
                    path.write_text(change(path.read_text()))
                done = self.check()
                said = done.stdout + done.stderr
                self.assertEqual(done.returncode, 1, f"{what}: status {done.returncode}: {said}")
                self.assert_clean(said)
                self.assertIn(file, said)
                for name in names:
                    self.assertIn(name, said)
                if change is not None:
                    line = re.search(re.escape(file) + r":(\d+)", said)
                    self.assertTrue(line, f"no line number: {said}")
                    lines = path.read_text().count("\n") + 1
                    self.assertTrue(1 <= int(line[1]) <= lines, said)

    def test_the_line_is_the_right_one(self):
        path = self.relais.config_dir / RELAIS
        path.write_text("# one\n# two\n[server]\nfqdn = 7\n")
        self.assertIn("relais.toml:4:", (lambda d: d.stdout + d.stderr)(self.check()))

    def test_all_mistakes_are_told_at_once(self):
        for file, old, new in ((RELAIS, "cores = 2", "corse = 2"),
                               (RELAY, '"127.0.0.1"]', '"127.0.0.0/33"]')):
            path = self.relais.config_dir / file
            path.write_text(replace(old, new)(path.read_text()))
        done = self.check()
        self.assertIn("corse", done.stdout + done.stderr)
        self.assertIn("/33", done.stdout + done.stderr)

    def test_two_connectors_of_one_name(self):
        same = harness.default_connector(self.port, name="Anonymous Relay")
        self.relais.configure(receive=[harness.relay_connector(self.port), same],
                              send=[harness.smart_host(2526)])
        done = self.check()
        said = done.stdout + done.stderr
        self.assertEqual(done.returncode, 1, said)
        self.assertIn("Anonymous Relay", said)
        self.assertRegex(said, r"connectors/[01]\.toml:\d+")

    def test_conflicting_ranges_name_both_connectors(self):
        for what, ranges in {"the same": ["127.0.0.1"], "in part": ["127.0.0.0-127.0.0.9"]}.items():
            with self.subTest(what):
                one = harness.relay_connector(self.port)
                one["remote_ip_ranges"] = ["127.0.0.1"] if what == "the same" else [
                    "127.0.0.5-127.0.0.20"]
                two = harness.default_connector(self.port)
                two["remote_ip_ranges"] = ranges
                self.relais.configure(receive=[one, two], send=[harness.smart_host(2526)])
                done = self.check()
                said = done.stdout + done.stderr
                self.assertEqual(done.returncode, 1, said)
                self.assertIn("Anonymous Relay", said)
                self.assertIn("Default Frontend", said)

    def test_serve_with_a_bad_configuration_starts_nothing(self):
        path = self.relais.config_dir / RELAIS
        path.write_text(path.read_text().replace("cores = 2", "corse = 2"))
        done = harness.run([harness.BINARY, "serve", "--config", str(self.relais.config_dir)])
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("corse", done.stderr)
        self.assertFalse(self.relais.data_dir.exists(), "a spool was made for a bad configuration")

    def refused_start(self):
        done = harness.run([harness.BINARY, "serve", "--config", str(self.relais.config_dir)])
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assert_clean(done.stderr)
        self.assertNotRegex(done.stderr, r"\bready\b")
        return done.stderr

    def test_a_port_that_is_taken(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", self.port))
            taken.listen()
            said = self.refused_start()
        self.assertIn(f"127.0.0.1:{self.port}", said)
        self.assertIn("Anonymous Relay", said)

    def test_a_second_relais_on_the_same_port_and_data(self):
        self.relais.start()
        said = self.refused_start()
        self.assertTrue(f"127.0.0.1:{self.port}" in said or str(self.relais.data_dir) in said, said)
        harness.send(self.port, "a@contoso.com", ["b@contoso.com"], b"Subject: alive\r\n\r\n")

    def test_a_second_relais_on_the_same_port_with_other_data(self):
        self.relais.start()
        other = harness.Relais(self.folder / "other", self.port)
        other.configure(send=[harness.smart_host(2526)])
        done = harness.run([harness.BINARY, "serve", "--config", str(other.config_dir)])
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(f"127.0.0.1:{self.port}", done.stderr)

    def test_an_address_that_is_not_ours(self):
        self.relais.configure(receive=[harness.relay_connector(
            self.port, bindings=[f"192.0.2.1:{self.port}"])], send=[harness.smart_host(2526)])
        said = self.refused_start()
        self.assertIn(f"192.0.2.1:{self.port}", said)
        self.assertIn("Anonymous Relay", said)

    def test_a_data_folder_that_cannot_be(self):
        (self.folder / "file").write_text("in the way")
        self.relais.configure(send=[harness.smart_host(2526)],
                              server={"data_dir": str(self.folder / "file" / "data")})
        self.assertIn(str(self.folder / "file"), self.refused_start())

    def test_a_log_file_that_cannot_be(self):
        self.relais.configure(send=[harness.smart_host(2526)],
                              server={"log_file": str(self.folder / "nowhere" / "relais.log")})
        self.assertIn(str(self.folder / "nowhere"), self.refused_start())

    def test_wrong_use(self):
        for arguments in ([], ["fly"], ["serve", "--frobnicate"], ["check", "--config"],
                          ["serve", "extra"]):
            with self.subTest(arguments):
                done = harness.run([harness.BINARY, *arguments])
                self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
                self.assertTrue(done.stderr.strip(), "not a word on standard error")
                self.assert_clean(done.stderr)

    def test_help_is_no_mistake(self):
        done = harness.run([harness.BINARY, "--help"])
        self.assertEqual(done.returncode, 0)
        for word in ("serve", "check", "version"):
            self.assertIn(word, done.stdout)


if __name__ == "__main__":
    harness.main()
