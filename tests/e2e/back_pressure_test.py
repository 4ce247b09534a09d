#!/usr/bin/python3
"""Resources that run short: real figures, what clients, the log and `relais stats` are told."""

import ctypes
import json
import os
import signal
import time
import unittest

import harness
from harness import Client
from next_hop import NextHop

MIB = 1 << 20
BODY = b"Subject: pressure\r\n\r\ntext\r\n"
RESOURCES = ["memory", "system_memory", "spool_disk", "spool", "queue"]
INTERNAL = "127.0.0.2"  # externally secured


def thresholds(resource, medium, high, high_ends, medium_ends):
    return {f"{resource}_medium": medium, f"{resource}_high": high,
            f"{resource}_high_ends": high_ends, f"{resource}_medium_ends": medium_ends}


def only(*watched, **more):
    """Back pressure in which the machine's own memory and disk play no part."""
    table = {"poll_interval": "1s"}
    for resource in ("memory", "system_memory", "spool_disk"):
        table |= thresholds(resource, 99, 100, 99, 99)
    for one in watched:
        table |= one
    return table | more


class BackPressure(harness.EndToEnd):
    def setUp(self):
        super().setUp()
        self.hop = NextHop(self.ports.take())
        self.addCleanup(self.hop.stop)

    def configure(self, back_pressure, **more):
        self.relais.configure(
            receive=[harness.relay_connector(self.port),
                     harness.relay_connector(self.port, name="Secured", remote_ip_ranges=[INTERNAL],
                                             auth_mechanism=["ExternalAuthoritative"],
                                             permission_groups=["ExchangeServers"])],
            send=[harness.smart_host(self.hop.port)], back_pressure=back_pressure, **more)

    def reload(self, back_pressure, **more):
        before = len(self.relais.said(r"reload: .* in force for new sessions"))
        self.configure(back_pressure, **more)
        self.relais.signal(signal.SIGHUP)
        harness.wait_until(
            lambda: len(self.relais.said(r"reload: .* in force for new sessions")) > before, 10,
            "the reload")

    def mail(self, source="127.0.0.1"):
        """The reply to MAIL."""
        with Client(self.port, source) as client:
            client.expect("EHLO client.example", 250)
            return client.command("MAIL FROM:<chris@contoso.com>")

    def fill(self, count):
        for _ in range(count):
            harness.send(self.port, "chris@contoso.com", ["kate@fabrikam.com"], BODY, INTERNAL)

    def stats(self):
        done = harness.run([harness.BINARY, "stats", "--json", "--config",
                            str(self.relais.config_dir)])
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)["back_pressure"]

    def state(self, resource):
        found = [r for r in (self.stats() or {"resources": []})["resources"]
                 if r["resource"] == resource]
        return found[0] if found else {"state": None}

    def wait_state(self, resource, state, seconds=15):
        harness.wait_until(lambda: self.state(resource)["state"] == state, seconds,
                           f"{resource} is {state}")
        # The file is written before the cores read their letters.
        time.sleep(0.1)
        return self.state(resource)

    def test_queue(self):
        """Medium refuses anonymous clients, High everybody; what is in transaction goes on; Normal
        comes back when mail leaves."""
        self.configure(only(thresholds("queue", 3, 6, 5, 2), queue_history="0s"))
        self.relais.start()
        self.assertEqual(self.wait_state("queue", "Normal")["figure"], 0)
        under_way = Client(self.port)
        self.addCleanup(under_way.close)
        under_way.expect("EHLO client.example", 250)
        under_way.begin("chris@contoso.com", ["kate@fabrikam.com"])

        self.fill(3)
        medium = self.wait_state("queue", "Medium")
        self.assertEqual({key: medium[key] for key in
                          ("figure", "unit", "medium", "high", "high_ends", "medium_ends")},
                         {"figure": 3, "unit": "messages", "medium": 3, "high": 6, "high_ends": 5,
                          "medium_ends": 2})
        self.assertEqual(self.mail(),
                         "452 4.3.1 Insufficient system resources (queue Medium, 3 messages)")
        refused = self.relais.wait_event("refused", command="MAIL")
        self.assertEqual(refused["reason"], "back pressure: queue is Medium with 3 messages "
                                            "(from 3, until below 2)")
        self.assertEqual(self.mail(INTERNAL)[:3], "250")
        self.assertEqual(self.stats()["mail"],
                         {"external": "refused", "internal": "taken", "delay_s": 0,
                          "reply": "452 4.3.1 Insufficient system resources "
                                   "(queue Medium, 3 messages)"})

        self.fill(3)
        self.wait_state("queue", "High")
        for source in ("127.0.0.1", INTERNAL):
            self.assertEqual(self.mail(source),
                             "452 4.3.1 Insufficient system resources (queue High, 6 messages)")
        harness.guid_of(under_way.content(BODY))  # begun before: taken
        self.assertEqual(under_way.command("MAIL FROM:<chris@contoso.com>")[:9], "452 4.3.1")

        text = harness.run([harness.BINARY, "stats", "--config", str(self.relais.config_dir)]).stdout
        self.assertRegex(text, r"(?m)^queue +[67]  High +\d+ s ago +3, below 2 +6, below 5$")
        self.assertRegex(text, r"(?m)^MAIL is refused to everybody: 452 4\.3\.1 Insufficient")

        self.hop.start()
        self.wait_state("queue", "Normal", 30)
        self.assertEqual(self.mail()[:3], "250")
        harness.wait_until(lambda: len(self.hop.messages) == 7, 20, "all seven messages")
        self.check_story()

    def check_story(self):
        """Each change is in the log once, and on standard error with its cure."""
        states = [(e["was"], e["state"]) for e in self.relais.events("resource")
                  if e["resource"] == "queue"]
        self.assertEqual(states[:2], [("Normal", "Medium"), ("Medium", "High")])
        self.assertEqual(states[-1][1], "Normal")
        high = [e for e in self.relais.events("resource") if e["state"] == "High"][0]
        self.assertEqual((high["figure"], high["from"], high["until_below"]), (6, 6, 5))
        said = self.relais.said(r"queue is High with 6 messages \(from 6, until below 5\): MAIL is "
                                r"answered 452 4\.3\.1 to everybody\. Cure: see in the log")
        self.assertEqual(len(said), 1, self.relais.tail())
        self.assertEqual(len(self.relais.said("queue is Normal again, with")), 1)

    def test_reload(self):
        """Higher thresholds bring Normal back at once, without a restart; so does switching it
        off; wrong ones leave what was there."""
        tight = only(thresholds("queue", 1, 2, 1, 1), queue_history="0s")
        self.configure(tight)
        self.relais.start()
        self.fill(2)
        self.wait_state("queue", "High")
        self.assertEqual(self.mail()[:9], "452 4.3.1")

        self.reload(only(thresholds("queue", 100, 200, 150, 1), queue_history="0s"))
        wide = self.wait_state("queue", "Normal")
        self.assertEqual((wide["figure"], wide["medium"]), (2, 100))
        self.assertEqual(self.mail()[:3], "250")

        self.reload(tight)
        self.wait_state("queue", "High")
        self.configure(only(thresholds("queue", 2, 2, 1, 1)))
        self.relais.signal(signal.SIGHUP)
        harness.wait_until(lambda: self.relais.said(r"queue_medium: 2 is not below queue_high \(2\)"),
                           10, "the mistake")
        self.assertEqual(self.mail()[:9], "452 4.3.1")

        self.reload({"enabled": False})
        harness.wait_until(lambda: self.mail()[:3] == "250", 10, "mail is taken again")
        off = self.stats()
        self.assertEqual((off["enabled"], off["resources"]), (False, []))
        self.assertIn("Back pressure is off",
                      harness.run([harness.BINARY, "stats", "--config",
                                   str(self.relais.config_dir)]).stdout)

    def test_history(self):
        """A queue that is Medium refuses nobody before its history is over, and says when it is."""
        self.configure(only(thresholds("queue", 1, 100, 50, 1), queue_history="4s"))
        self.relais.start()
        self.fill(1)
        self.wait_state("queue", "Medium")
        mail = self.stats()["mail"]
        self.assertEqual((mail["external"], mail["internal"]), ("delayed", "taken"))
        self.assertIn(mail["delay_s"], range(10, 56, 5))
        harness.wait_until(lambda: self.stats()["mail"]["external"] == "refused", 15, "refused")
        harness.wait_until(lambda: self.mail()[:9] == "452 4.3.1", 5, "452")
        harness.wait_until(
            lambda: self.relais.said(r"queue is Medium with 1 message .*: MAIL is answered 452"), 5,
            "a notice")

    def test_tarpit(self):
        """Until then the reply to MAIL of an anonymous client waits, 10 s and more; that of an
        internal one does not."""
        self.configure(only(thresholds("queue", 1, 100, 50, 1), poll_interval="10s"))
        self.relais.start()
        self.fill(1)
        self.wait_state("queue", "Medium", 25)
        begin = time.monotonic()
        self.assertEqual(self.mail(INTERNAL), "250 2.1.0 Sender OK")
        self.assertLess(time.monotonic() - begin, 5)
        delay = self.stats()["mail"]["delay_s"]
        with Client(self.port, timeout=60) as client:
            client.expect("EHLO client.example", 250)
            begin = time.monotonic()
            client.send("MAIL FROM:<chris@contoso.com>\r\nRCPT TO:<kate@fabrikam.com>\r\n")
            self.assertEqual(client.reply(), "250 2.1.0 Sender OK")
            waited = time.monotonic() - begin
            self.assertEqual(client.reply()[:3], "250")
            harness.guid_of(client.content(BODY))
        print(f"MAIL waited {waited:.1f} s, {delay} s were said")
        self.assertGreaterEqual(waited, delay - 0.1)
        self.assertLess(waited, delay + 10)
        self.assertIn("once this has lasted 10m; until then it waits",
                      self.relais.said("queue is Medium")[0])

    def test_defaults(self):
        """All five resources have a figure, and on a machine with room all is Normal."""
        self.configure({"poll_interval": "1s"})
        self.relais.start()
        self.fill(1)
        harness.wait_until(lambda: self.state("queue").get("figure") == 1, 10, "the queue")
        resources = self.stats()["resources"]
        self.assertEqual([r["resource"] for r in resources], RESOURCES)
        for resource in resources:
            self.assertIsNotNone(resource["figure"], resource)
            self.assertLess(resource["medium"], resource["high"])
        disk = os.statvfs(self.relais.data_dir)
        used = disk.f_blocks - disk.f_bfree
        self.assertAlmostEqual(resources[2]["figure"], 100 * used // (used + disk.f_bavail), delta=3)
        self.relais.stop()
        self.assertIsNone(self.stats(), "nobody watches any more")

    def mount_small_disk(self, megabytes):
        data = self.folder / "data"
        data.mkdir()
        libc = ctypes.CDLL(None, use_errno=True)
        if (libc.unshare(0x00020000) != 0  # CLONE_NEWNS
                or libc.mount(b"none", b"/", None, 0x44000, None) != 0  # MS_REC | MS_PRIVATE
                or libc.mount(b"tmpfs", bytes(data), b"tmpfs", 0,
                              f"size={megabytes}m".encode()) != 0):
            self.skipTest("no mount here: " + os.strerror(ctypes.get_errno()))
        self.addCleanup(libc.umount2, bytes(data), 2)
        return data

    @unittest.skipUnless(os.getuid() == 0, "only root can mount a small file system")
    def test_disk_that_others_fill(self):
        """A real disk: Medium, High while it is full to the last octet, and back."""
        data = self.mount_small_disk(100)
        self.configure(only(thresholds("spool_disk", 89, 99, 90, 80)), server={"cores": 1},
                       spool={"segment_size": "4MB", "max_size": "32MB"})
        self.relais.start()
        self.wait_state("spool_disk", "Normal")
        with open(data / "filler", "wb", buffering=0) as filler:
            filler.write(b"f" * (88 * MIB))
            medium = self.wait_state("spool_disk", "Medium")
            self.assertGreaterEqual(medium["figure"], 89)
            self.assertRegex(self.mail(), r"\A452 4\.3\.1 Insufficient system resources "
                                          r"\(spool_disk Medium, (89|9\d) % used\)\Z")
            self.assertEqual(self.mail(INTERNAL)[:3], "250")
            try:
                while True:
                    filler.write(b"f" * 4096)
            except OSError:
                pass
            high = self.wait_state("spool_disk", "High")
            self.assertGreaterEqual(high["figure"], 99)
            self.assertRegex(self.mail(INTERNAL), r"\(spool_disk High, (99|100) % used\)\Z")
        os.truncate(data / "filler", 50 * MIB)
        self.wait_state("spool_disk", "Normal")
        self.assertEqual(self.mail()[:3], "250")
        said = self.relais.said(rf"spool_disk is High .* Cure: free space on the file system of {data}")
        self.assertEqual(len(said), 1, self.relais.tail())

    @unittest.skipUnless(os.getuid() == 0, "only root can mount a small file system")
    def test_disk_that_the_spool_filled(self):
        """The spool keeps its files. Once what they hold has gone, they are no used space."""
        self.mount_small_disk(40)
        self.configure(only(thresholds("spool_disk", 89, 99, 90, 80)), server={"cores": 1},
                       spool={"segment_size": "4MB", "max_size": "1GB"})
        self.relais.start()
        sent = 0
        while True:
            with Client(self.port, INTERNAL) as client:
                client.expect("EHLO client.example", 250)
                if client.command("MAIL FROM:<chris@contoso.com>")[:3] != "250":
                    break
                client.expect("RCPT TO:<kate@fabrikam.com>", 250)
                if client.command("DATA")[:3] != "354":
                    break
                client.send(b"Subject: x\r\n\r\n" + (b"d" * 998 + b"\r\n") * 200 + b".\r\n")
                if not client.reply().startswith("250"):
                    break
                sent += 1
        self.assertGreater(sent, 50)
        harness.wait_until(lambda: self.state("spool_disk")["figure"] >= 80, 10, "it is full")
        self.hop.start()
        harness.wait_until(lambda: len(self.hop.messages) == sent, 60, "everything has left")
        self.wait_state("spool_disk", "Normal")
        self.assertEqual(self.mail()[:3], "250")
        disk = os.statvfs(self.relais.data_dir)
        print(f"{sent} messages; {100 - 100 * disk.f_bavail // disk.f_blocks} % of the disk are files")


if __name__ == "__main__":
    harness.main()
