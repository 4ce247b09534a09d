#!/usr/bin/python3
"""The admin address: figures for Prometheus, read by Prometheus' own parser, and /healthz."""

import http.client
import json
import os
import pathlib
import re
import signal
import socket
import threading
import time
import urllib.error
import urllib.request

import harness
from harness import Client
from next_hop import NextHop

try:
    from prometheus_client.parser import text_string_to_metric_families
except ImportError:  # setUp skips
    text_string_to_metric_families = None

BODY = harness.Counted.BODY
NAME = 'Relay "7" \\ caf\u00e9'  # what has to be escaped
DOCUMENTED = set(re.findall(r"^\| `((?:relais|process)_\w+)`",
                            (harness.ROOT / "docs/metrics.md").read_text(), re.M))


class Page:
    """One scrape: {(name, labels): value}; fails on whatever is not strictly as it should be."""

    def __init__(self, text):
        assert text.endswith("\n"), text[-80:]
        self.values = {}
        for family in text_string_to_metric_families(text):
            assert family.documentation, f"{family.name} has no HELP"
            for sample in family.samples:
                key = (sample.name, tuple(sorted(sample.labels.items())))
                assert key not in self.values, f"{key} stands twice"
                assert sample.name in DOCUMENTED, f"{sample.name} is not in docs/metrics.md"
                assert family.type == ("counter" if sample.name.endswith("_total") else "gauge"), key
                self.values[key] = sample.value

    def get(self, name, **labels):
        return self.values.get((name, tuple(sorted(labels.items()))))

    def by(self, name, label, **labels):
        """{value of the label: value of the sample} of those that have the other labels."""
        found = {}
        for (sample, pairs), value in self.values.items():
            pairs = dict(pairs)
            if sample == name and all(pairs.get(k) == v for k, v in labels.items()):
                found[pairs[label]] = value
        return found


class Metrics(harness.Counted, harness.EndToEnd):
    def setUp(self):
        super().setUp()
        if text_string_to_metric_families is None:
            self.skipTest("python3-prometheus-client is not there; tools/setup --test installs it")
        self.admin = self.ports.take()
        self.hop = NextHop(self.ports.take()).start()
        self.addCleanup(self.hop.stop)
        self.configure()

    def configure(self, receive=None, **more):
        self.relais.configure(
            receive=receive or [
                harness.relay_connector(self.port, name=NAME,
                                        remote_ip_ranges=["127.0.0.11", "127.0.1.0/24"]),
                harness.default_connector(self.port, remote_ip_ranges=["127.0.0.0/24"])],
            send=[harness.smart_host(self.hop.port)],
            top={"admin": {"listen": f"127.0.0.1:{self.admin}"}}, **more)

    def fetch(self, path, timeout=20):
        """(status, text), also of what is not 200."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}{path}",
                                        timeout=timeout * harness.PATIENCE) as answer:
                return answer.status, answer.read().decode("utf-8")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode("utf-8")

    def scrape(self):
        status, text = self.fetch("/metrics")
        self.assertEqual(status, 200, text)
        return Page(text)

    def wait_page(self, condition, what, seconds=10):
        def find():
            page = self.scrape()
            return page if condition(page) else None
        return harness.wait_until(find, seconds, what)

    def wait_value(self, wanted, name, **labels):
        return self.wait_page(lambda page: page.get(name, **labels) == wanted,
                              f"{name} {labels} is {wanted}")

    def stats(self):
        done = harness.run([harness.BINARY, "stats", "--json", "--config",
                            str(self.relais.config_dir)])
        self.assertEqual(done.returncode, 0, done.stderr)
        return {c["connector"]: c for c in json.loads(done.stdout)["connectors"]}

    def test_figures_are_those_of_stats(self):
        self.relais.start()
        page = self.scrape()
        self.assertEqual(page.by("relais_messages_accepted_total", "connector"),
                         {NAME: 0, "Default Frontend": 0})
        self.assertEqual(page.get("relais_build_info",
                                  version=harness.run([harness.BINARY, "version"]).stdout.split()[1]),
                         1)
        self.send("127.0.0.11", 3)
        self.send("127.0.1.12", 2, ["a@contoso.com", "b@fabrikam.com"])
        self.send("127.0.0.99")
        self.refused_relay("127.0.0.99")
        self.refused_relay("127.0.0.98")
        with Client(self.port, "127.0.5.1", greet=False) as nobody:
            self.assertRegex(nobody.reply(), r"\A421 4\.3\.2 ")
        page = self.wait_page(
            lambda p: p.get("relais_refusals_total", connector="", reason="no_connector") == 1
            and p.get("relais_refusals_total", connector="Default Frontend", reason="relay") == 2
            and p.get("relais_sessions", connector="Default Frontend") == 0, "all that was done")
        harness.wait_until(lambda: "" in self.stats(), 10, "the file says the same")
        stats = self.stats()
        for name in (NAME, "Default Frontend"):
            for metric, key in (("relais_messages_accepted_total", "messages"),
                                ("relais_recipients_accepted_total", "recipients"),
                                ("relais_octets_accepted_total", "octets"),
                                ("relais_sessions_opened_total", "connections"),
                                ("relais_sessions", "sessions")):
                self.assertEqual(page.get(metric, connector=name), stats[name][key], (metric, name))
            refusals = page.by("relais_refusals_total", "reason", connector=name)
            self.assertEqual({k: v for k, v in refusals.items() if v}, stats[name]["refusals"])
            self.assertEqual(page.by("relais_top_source_messages_total", "source", connector=name),
                             {c["client"]: c["messages"] for c in stats[name]["clients"]})
            self.assertEqual(page.by("relais_top_source_refusals_total", "source", connector=name),
                             {c["client"]: c["refused"] for c in stats[name]["clients"]})
        self.assertEqual(stats[NAME]["messages"], 5, "else nothing was compared")

    def test_limits(self):
        self.configure(receive=[harness.relay_connector(
            self.port, name=NAME, remote_ip_ranges=["127.0.0.0/24"],
            limit=[{"measure": "messages", "per": "source", "rate": "6/min", "burst": 4},
                   {"measure": "recipients", "rate": "2/s", "burst": 1, "action": "delay"}])])
        self.relais.start()
        self.send("127.0.0.11", 2)
        with Client(self.port, "127.0.0.12") as client:
            client.expect("EHLO x", 250)
            for _ in range(4):
                client.message("chris@contoso.com", ["kate@contoso.com"], BODY)
            for _ in range(2):
                client.expect("MAIL FROM:<chris@contoso.com>", 451)
            client.quit()
        limited = {"connector": NAME, "limit": "messages/source"}
        page = self.wait_page(
            lambda p: p.get("relais_limited_total", action="defer", **limited) == 2
            and len(p.by("relais_limit_level", "source", **limited)) == 2, "two were refused")
        levels = page.by("relais_limit_level", "source", **limited)
        self.assertGreater(levels["127.0.0.12"], levels["127.0.0.11"], "a place in 10 s")
        self.assertLessEqual(levels["127.0.0.12"], 1)
        self.assertGreater(page.get("relais_limited_total", connector=NAME,
                                    limit="recipients/connector", action="delay"), 3)
        self.assertGreater(page.get("relais_delayed_seconds_total", connector=NAME), 1)
        self.wait_value(2, "relais_refusals_total", connector=NAME, reason="limit")

    def test_upstreams(self):
        upstreams = [NextHop(self.ports.take()).start(), NextHop(self.ports.take())]
        for upstream in upstreams:
            self.addCleanup(upstream.stop)
        good, bad = (f"127.0.0.1:{upstream.port}" for upstream in upstreams)
        self.configure(receive=[harness.relay_connector(self.port, delivery="proxy",
                                                        upstreams=[good, bad])],
                       server={"cores": 1})
        self.relais.start()
        client = self.client()
        for _ in range(8):
            client.begin("chris@contoso.com", ["kate@fabrikam.com"])
            self.assertEqual(client.content(BODY), "250 2.0.0 kept")
        page = self.wait_page(
            lambda page: page.get("relais_upstream_messages_total", upstream=good) == 8, "8 messages")
        for name, wanted in (("connections_opened_total", 1), ("connections", 1),
                             ("outstanding_messages", 0), ("left_alone_cores", 0), ("share", 1)):
            self.assertEqual(page.get(f"relais_upstream_{name}", upstream=good), wanted, name)
        self.assertEqual(set(page.by("relais_upstream_failures_total", "cause", upstream=good)
                             .values()), {0})
        self.assertEqual(page.get("relais_upstream_messages_total", upstream=bad), 0)
        self.assertGreaterEqual(page.get("relais_upstream_failures_total", upstream=bad,
                                         cause="connect"), 3)
        self.assertEqual((page.get("relais_upstream_left_alone_cores", upstream=bad),
                          page.get("relais_upstream_share", upstream=bad)), (1, 0))
        # It comes back, at first with a tenth of its share; nobody's mail is needed to see it.
        upstreams[1].start()
        self.wait_page(lambda page: 0 < page.get("relais_upstream_share", upstream=bad) < 1,
                       "the slow start", 40)
        self.wait_page(lambda page: page.get("relais_upstream_share", upstream=bad) == 1,
                       "its whole share", 40)

    def test_resources(self):
        self.hop.stop()
        self.configure(back_pressure={"poll_interval": "1s", "queue_medium": 2, "queue_high": 100,
                                      "queue_high_ends": 50, "queue_medium_ends": 1})
        self.relais.start()
        page = self.wait_value(0, "relais_resource_state", resource="queue")
        self.assertEqual(set(page.by("relais_resource_state", "resource")),
                         {"memory", "system_memory", "spool_disk", "spool", "queue"})
        self.send("127.0.0.11", 2)
        page = self.wait_value(1, "relais_resource_state", resource="queue")
        self.assertEqual(page.get("relais_resource_figure", resource="queue"), 2)

    def test_process_figures(self):
        before = time.time()
        self.relais.start()
        page = self.scrape()
        self.assertAlmostEqual(page.get("process_start_time_seconds"), before,
                               delta=10 * harness.PATIENCE)
        self.assertEqual(page.get("process_start_time_seconds"),
                         self.scrape().get("process_start_time_seconds"))
        fds = len(list(pathlib.Path(f"/proc/{self.relais.pid}/fd").iterdir()))
        self.assertAlmostEqual(page.get("process_open_fds"), fds, delta=3)
        self.assertGreater(page.get("process_resident_memory_bytes"), 1_000_000)
        self.assertLess(abs(page.get("relais_figures_timestamp_seconds") - time.time()),
                        5 * harness.PATIENCE)

    def test_a_page_has_all_that_happened_before_its_timestamp(self):
        self.relais.start()
        kept = []
        for number in range(1, 4):
            kept += [Client(self.port, source=f"127.0.1.{10 * number + i}") for i in range(3)]
            opened = time.time()
            page = self.wait_page(
                lambda page: page.get("relais_figures_timestamp_seconds") > opened,
                "a page of later than that")
            self.assertEqual(page.get("relais_sessions", connector=NAME), len(kept))
            time.sleep(0.37)  # so that the next ones come at another part of a second
        for client in kept:
            client.close()

    def test_the_queue_is_told_without_another_client(self):
        self.hop.stop()
        self.relais.start()
        self.send("127.0.0.11", 2)
        page = self.wait_page(lambda p: p.get("relais_spool_messages") == 2, "both are in the log")
        self.assertEqual(page.get("relais_recipients_delivered_total"), 0)
        time.sleep(1.5)
        page = self.scrape()
        self.assertEqual(page.get("relais_queue_messages") + page.get("relais_deliveries"), 2)
        self.assertGreater(page.get("relais_spool_flushes_total"), 0)
        self.hop = NextHop(self.hop.port).start()
        self.addCleanup(self.hop.stop)
        page = self.wait_value(2, "relais_recipients_delivered_total")
        page = self.wait_value(0, "relais_spool_messages")
        self.assertEqual(page.get("relais_queue_messages"), 0)
        self.assertEqual(page.get("relais_recipients_failed_total"), 0)

    def test_counters_begin_with_the_process(self):
        self.relais.start()
        self.send("127.0.0.11", 3)
        self.wait_value(3, "relais_messages_accepted_total", connector=NAME)
        self.relais.stop()
        self.relais.start()
        self.assertEqual(self.scrape().get("relais_messages_accepted_total", connector=NAME), 0)
        self.send("127.0.0.11")
        self.wait_value(1, "relais_messages_accepted_total", connector=NAME)
        harness.wait_until(lambda: self.stats()[NAME]["messages"] == 4, 10, "stats goes on")

    def reload(self, generation):
        self.relais.signal(signal.SIGHUP)
        return self.wait_value(generation, "relais_config_generation")

    def test_reloads_are_told(self):
        self.relais.start()
        page = self.scrape()
        self.assertEqual(page.get("relais_config_last_reload_success"), 1)
        self.assertEqual(page.get("relais_config_generation"), 1)
        self.configure(receive=[harness.relay_connector(self.port, name="New one")])
        page = self.reload(2)
        self.assertEqual(page.get("relais_config_last_reload_success"), 1)
        self.assertEqual(page.get("relais_messages_accepted_total", connector="New one"), 0)
        self.configure(receive=[harness.relay_connector(self.port, max_hop_count=501)])
        page = self.reload(3)
        self.assertEqual(page.get("relais_config_last_reload_success"), 0)
        self.assertIn("New one", page.by("relais_sessions", "connector"))
        self.configure(receive=[harness.relay_connector(self.port)])
        self.admin, old = self.ports.take(), self.admin
        self.configure()
        self.admin = old
        page = self.reload(4)
        self.assertEqual(page.get("relais_config_last_reload_success"), 1)
        self.assertTrue(self.relais.said(r"changes in \[admin\] take effect at the next start"))

    def test_paths_and_methods(self):
        self.relais.start()
        self.assertEqual(self.fetch("/healthz"), (200, "ok\n"))
        self.assertEqual(self.fetch("/metrics?name=x")[0], 200)
        for path in ("/", "/metrics/", "/metricsx", "/../../etc/passwd", "/%2e%2e/etc/passwd"):
            self.assertIn(self.fetch(path)[0], (400, 404), path)
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "HEAD"):
            connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=20)
            connection.request(method, "/metrics")
            answer = connection.getresponse()
            self.assertEqual(answer.status, 200 if method == "HEAD" else 405, method)
            if method == "HEAD":
                self.assertEqual(answer.read(), b"")
                self.assertGreater(int(answer.headers["Content-Length"]), 1000)
                self.assertRegex(answer.headers["Date"], r"\A\w{3}, \d\d \w{3} 20\d\d [0-9:]{8} GMT\Z")
                self.assertEqual(answer.headers["Content-Type"],
                                 "text/plain; version=0.0.4; charset=utf-8")
            connection.close()

    def test_health_while_draining(self):
        self.relais.start()
        with Client(self.port, "127.0.0.11") as client:
            client.expect("EHLO x", 250)
            client.begin("chris@contoso.com", ["kate@contoso.com"])
            client.expect("DATA", 354)
            self.relais.signal(signal.SIGTERM)
            harness.wait_until(lambda: self.fetch("/healthz") == (503, "draining\n"), 3, "draining")
            self.scrape()
            client.send(BODY + b".\r\n")
            harness.guid_of(client.reply())
        began = time.monotonic()
        self.assertEqual(self.relais.wait(), 0)
        self.assertLess(time.monotonic() - began, 2 * harness.PATIENCE, "the end waits for nobody")

    def test_off_unless_it_is_written(self):
        self.configure()
        path = self.relais.config_dir / "relais.toml"
        path.write_text(path.read_text().replace(f'listen = "127.0.0.1:{self.admin}"', ""))
        self.relais.start()
        self.assertNotIn("admin", self.threads())
        with self.assertRaises(OSError):
            socket.create_connection(("127.0.0.1", self.admin), 5).close()

    def threads(self):
        """{name: nice} of the server's threads."""
        found = {}
        for task in pathlib.Path(f"/proc/{self.relais.pid}/task").iterdir():
            stat = (task / "stat").read_text()
            found[stat[stat.index("(") + 1:stat.rindex(")")]] = int(
                stat[stat.rindex(")") + 2:].split()[16])
        return found

    def test_two_servers_on_one_address(self):
        self.relais.start()
        second = harness.Relais(self.folder / "second", self.ports.take())
        second.folder.mkdir()
        second.configure(send=[harness.smart_host(self.hop.port)],
                         top={"admin": {"listen": f"127.0.0.1:{self.admin}"}})
        done = harness.run([harness.BINARY, "serve", "--config", str(second.config_dir)])
        self.assertEqual(done.returncode, 1)
        self.assertIn(f'cannot start: [admin] listen = "127.0.0.1:{self.admin}": ', done.stderr)
        self.assertIn("Address already in use", done.stderr)
        self.assertIn("cure: ", done.stderr)
        self.assertNotRegex(done.stderr, r"\bready\b")
        self.assertFalse((second.data_dir / "spool").exists(), "half started")
        self.assertEqual(self.fetch("/healthz"), (200, "ok\n"))

    def test_a_listener_has_the_address(self):
        self.admin = self.port
        self.configure()
        done = harness.run([harness.BINARY, "serve", "--config", str(self.relais.config_dir)])
        self.assertEqual(done.returncode, 1)
        self.assertIn(f'cannot start: [admin] listen = "127.0.0.1:{self.port}": ', done.stderr)

    def test_scrapes_under_load(self):
        """Pages are read while mail comes in: counters never fall, and a page fits together."""
        self.relais.start()
        ours = os.nice(0)
        self.assertEqual({name: nice for name, nice in self.threads().items()
                          if name == "admin" or name.startswith("core-")},
                         {"admin": 10, "core-0": ours, "core-1": ours})
        stop = threading.Event()
        sent, wrong = [], []

        def load(number):
            count = 0
            try:
                with Client(self.port, f"127.0.1.{number + 1}") as client:
                    client.expect("EHLO x", 250)
                    while not stop.is_set():
                        client.message("chris@contoso.com", ["kate@contoso.com"], BODY)
                        count += 1
                    client.quit()
            except Exception as error:  # pylint: disable=broad-except
                wrong.append(error)
            sent.append(count)

        def read():
            last, pages = {}, 0
            try:
                while not stop.is_set():
                    page = self.scrape()
                    for key, value in page.values.items():
                        if key[0].endswith("_total"):
                            assert value >= last.get(key, 0), f"{key}: {last[key]}, then {value}"
                    last, pages = page.values, pages + 1
                    assert (page.get("relais_messages_accepted_total", connector=NAME) * len(BODY)
                            == page.get("relais_octets_accepted_total", connector=NAME))
                assert pages > 5, pages
            except Exception as error:  # pylint: disable=broad-except
                wrong.append(error)

        threads = [threading.Thread(target=load, args=(n,)) for n in range(12)]
        threads += [threading.Thread(target=read) for _ in range(3)]
        for thread in threads:
            thread.start()
        time.sleep(5)
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])
        page = self.wait_value(sum(sent), "relais_messages_accepted_total", connector=NAME)
        self.assertEqual(len(page.by("relais_top_source_messages_total", "source", connector=NAME)),
                         10)
        self.wait_value(sum(sent), "relais_recipients_delivered_total")

    def test_hostile_web_clients_do_not_disturb_mail(self):
        """Slow, silent, huge and nonsensical ones, more than the server has threads for them."""
        self.relais.start()

        def slowest_of(count):
            slowest = 0
            for _ in range(count):
                began = time.monotonic()
                self.send("127.0.0.11")
                slowest = max(slowest, time.monotonic() - began)
            return slowest

        undisturbed = slowest_of(100)  # other tests use the machine, too
        before = self.scrape().get("process_open_fds")
        address = ("127.0.0.1", self.admin)
        held = []
        for number in range(60):
            client = socket.create_connection(address, 10 * harness.PATIENCE)
            held.append(client)
            if number % 3 == 0:
                client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x")  # and no more
            elif number % 3 == 1:
                client.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")  # and does not read
        stop = threading.Event()

        def drip():
            """One octet at a time."""
            while not stop.is_set():
                try:
                    with socket.create_connection(address, 10) as client:
                        for octet in b"GET /metrics HTTP/1.1\r\nHost: " + b"x" * 400:
                            client.sendall(bytes([octet]))
                            if stop.wait(0.05):
                                break
                except OSError:
                    pass

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            for nonsense in (b"\x00\xff\xfe\r\n\r\n", b"EHLO x\r\n\r\n",
                             b"GET /metrics HTTP/9.9\r\n\r\n", b"GET\r\n\r\n", b"\r\n" * 500,
                             b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
                             b"GET / HTTP/1.1\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
                             b"POST /metrics HTTP/1.1\r\nContent-Length: -5\r\n\r\nx",
                             b"POST /metrics HTTP/1.1\r\nContent-Length: 99999999999999\r\n\r\nx",
                             b"GET %s HTTP/1.1\r\n\r\n" % (b"%n%s" * 100)):
                client = socket.create_connection(address, 10)
                try:
                    client.sendall(nonsense)
                except OSError:
                    pass
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                client.close()
            self.assertLess(slowest_of(100), max(1 * harness.PATIENCE, 5 * undisturbed))
            fds = len(list(pathlib.Path(f"/proc/{self.relais.pid}/fd").iterdir()))
            self.assertLess(fds, before + 60, "waiting connections are not taken without bound")
        finally:
            stop.set()
            thread.join()
            for client in held:
                client.close()
        self.wait_value(200, "relais_messages_accepted_total", connector=NAME)
        self.assertEqual(self.fetch("/healthz"), (200, "ok\n"))


if __name__ == "__main__":
    harness.main()
