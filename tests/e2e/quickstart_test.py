#!/usr/bin/python3
"""conf/quickstart as it is shipped, on other ports: who may relay, and what lies in the Maildir."""

import pathlib
import re
import shutil

import harness
from harness import ROOT, Client


class Quickstart(harness.EndToEnd):
    def setUp(self):
        super().setUp()
        config = self.relais.config_dir
        shutil.copytree(ROOT / "conf" / "quickstart", config)
        for path in config.rglob("*.toml"):
            text = re.sub(r":2525\b", f":{self.port}", path.read_text())
            path.write_text(text)
        # Paths in the file are relative to it; a copy must not write into the tree.
        main = config / "relais.toml"
        text = main.read_text()
        text = re.sub(r'(?m)^(\s*data_dir\s*=\s*).*$', rf'\1"{self.folder}/data"', text)
        text = re.sub(r'(?m)^(\s*maildir\s*=\s*).*$', rf'\1"{self.folder}/Maildir"', text)
        text = text.replace("[server]", f'[server]\nlog_file = "{self.folder}/relais.log"', 1)
        main.write_text(text)

    def maildir(self):
        return sorted((self.folder / "Maildir" / "new").glob("*"))

    def wait_mail(self, count=1):
        return harness.wait_until(lambda: self.maildir() if len(self.maildir()) >= count else None,
                                  10, f"{count} messages in the Maildir")

    def test_swaks_delivers_into_the_maildir(self):
        swaks = harness.need("swaks")
        self.relais.start()
        done = harness.run([swaks, "--server", f"127.0.0.1:{self.port}",
                            "--from", "chris@contoso.com", "--to", "kate@fabrikam.com",
                            "--header", "Subject: from swaks",
                            "--body", "first line\n..dots\nlast"])
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("Queued mail for delivery", done.stdout)
        content = self.wait_mail()[0].read_bytes()
        self.assertNotIn(b"\r", content, "a Maildir holds lines that end with LF")
        self.assertIn(b"\nSubject: from swaks\n", content)
        self.assertTrue(content.rstrip(b"\n").endswith(b"\n\nfirst line\n..dots\nlast"), content)

    def test_the_file_is_byte_exact_under_one_received_field(self):
        self.relais.start()
        body = (b"From: chris@contoso.com\r\nTo: kate@fabrikam.com\r\nSubject: bytes\r\n\r\n"
                b".leading dot\r\n..two\r\n.\r\n" + bytes(range(128, 256)) + b"\r\n"
                + b"x" * 998 + b"\r\n\r\n")
        # The lone dot line is stuffed on the way in, so it is content here.
        harness.send(self.port, "chris@contoso.com", ["kate@fabrikam.com"], body)
        content = self.wait_mail()[0].read_bytes()
        self.assertTrue(content.endswith(body.replace(b"\r\n", b"\n")), content)
        added = content[:-len(body.replace(b"\r\n", b"\n"))]
        self.assertEqual(len(re.findall(rb"(?m)^Received: ", added)), 1, added)
        self.assertRegex(added, rb"\A(?:[A-Z][A-Za-z-]*: .*\n(?:[ \t].*\n)*)+\Z")
        self.assertEqual(list((self.folder / "Maildir" / "tmp").glob("*")), [])

    def test_who_may_relay_depends_on_the_client_address(self):
        self.relais.start()
        with Client(self.port, "127.0.0.1") as local:
            local.expect("EHLO", 250)
            local.expect("MAIL FROM:<chris@contoso.com>", 250)
            self.assertEqual(local.command("RCPT TO:<kate@fabrikam.com>"), "250 2.1.5 Recipient OK")
            local.quit()
        with Client(self.port, "127.0.0.2") as other:
            other.expect("EHLO", 250)
            other.expect("MAIL FROM:<chris@contoso.com>", 250)
            self.assertEqual(other.command("RCPT TO:<kate@fabrikam.com>"),
                             "550 5.7.1 Unable to relay")
            self.assertEqual(other.command("RCPT TO:<kate@contoso.com>"), "250 2.1.5 Recipient OK")
            other.quit()
        refused = self.relais.wait_event("refused")
        self.assertIn("kate@fabrikam.com", str(refused["to"]))
        self.assertTrue(refused["client"].startswith("127.0.0.2:"), refused)
        self.assertIn("550", str(refused["reply"]))

    def test_swaks_from_the_other_address_is_refused(self):
        swaks = harness.need("swaks")
        self.relais.start()
        done = harness.run([swaks, "--server", f"127.0.0.1:{self.port}",
                            "--local-interface", "127.0.0.2",
                            "--from", "chris@contoso.com", "--to", "kate@fabrikam.com"])
        self.assertEqual(done.returncode, 24, done.stdout + done.stderr)  # swaks: no recipient left
        self.assertIn("550 5.7.1 Unable to relay", done.stdout)

    def test_it_says_where_it_listens_and_what_to_try(self):
        self.relais.start()
        said = "\n".join(self.relais.lines)
        self.assertRegex(said, rf"listens on 127\.0\.0\.1:{self.port}")
        self.assertRegex(said, r"(?i)maildir")
        self.assertRegex(said, r"swaks")
        version = harness.run([harness.BINARY, "version"])
        self.assertEqual(version.returncode, 0)
        self.assertRegex(version.stdout, r"\d+\.\d+\.\d+")

    def test_both_shipped_configurations_pass_check(self):
        for name in ("quickstart", "smarthost"):
            done = harness.run([harness.BINARY, "check", "--config", str(ROOT / "conf" / name)])
            self.assertEqual(done.returncode, 0, f"{name}: {done.stdout}{done.stderr}")


if __name__ == "__main__":
    harness.main()
