#!/usr/bin/python3
"""The tools that measure still run, with sizes at which their figures mean nothing."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import smtplib
import socketserver
import subprocess
import sys
import threading
import time
import types
import xml.etree.ElementTree

import harness


class LyingSession(socketserver.StreamRequestHandler):
    """Takes messages and hands them on; the first one of all is lost, doubled or changed."""

    def handle(self):
        self.say("220 liar.contoso.com")
        with smtplib.SMTP("127.0.0.1", self.server.hop) as hop:
            while verb := self.rfile.readline()[:4].upper():
                if verb != b"DATA":
                    self.say("221 2.0.0 Bye" if verb == b"QUIT" else "250 2.0.0 Ok")
                    continue
                self.say("354 Go on")
                self.hand_on(hop, b"".join(iter(self.rfile.readline, b".\r\n")))
                self.say("250 2.0.0 Ok")

    def say(self, line):
        self.wfile.write(line.encode() + b"\r\n")

    def hand_on(self, hop, content):
        content = content.replace(b"\r\n..", b"\r\n.")
        with self.server.lock:
            lie, self.server.lie = self.server.lie, ""
        if lie == "flip":
            content = content[:-3] + bytes([content[-3] ^ 1]) + content[-2:]
        for _ in range({"lose": 0, "double": 2}.get(lie, 1)):
            hop.sendmail("chris@contoso.com", ["recipient@example.com"], content)


@contextlib.contextmanager
def lying_peer(port, hop, lie):
    socketserver.ThreadingTCPServer.allow_reuse_address = True
    with socketserver.ThreadingTCPServer(("127.0.0.1", port), LyingSession) as server:
        server.daemon_threads = True
        server.hop, server.lie, server.lock = hop, lie, threading.Lock()
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()


class BenchTools(harness.EndToEnd):
    def run_tool(self, name, *options):
        for program in ("smtp-sink", "smtp-source", "haproxy"):
            harness.need(program)
        done = subprocess.run(
            [sys.executable, harness.ROOT / "tools" / name, "--binary", os.path.abspath(harness.BINARY),
             *map(str, options)], capture_output=True, text=True, timeout=80 * harness.PATIENCE)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_bench_peers(self):
        said = self.run_tool("bench-peers", "--seconds", 0.5, "--rounds", 1, "--scale", 0.02,
                             "--handshakes", 20, "--burst", 10, "--folder", self.folder)
        self.assertEqual(said.count(" at the peak"), 6 + 2 * 3, said)
        self.assertRegex(said, r"RSA-2048 closed +\d+/s done: delays ")

    def test_bench_proxy(self):
        said = self.run_tool("bench-proxy", "--messages", 100, "--rounds", 1)
        self.assertEqual(said.count("relais / HAProxy"), 2, said)
        if os.getuid() == 0:
            self.assertEqual(said.count("relais / Postfix"), 2, said)

    def test_bench_floor(self):
        if not pathlib.Path(harness.BINARY).with_name("bare_responder").exists():
            self.skipTest("no benchmarks were built; tools/setup --test installs Google Benchmark")
        said = self.run_tool("bench-floor", "--messages", 100, "--rounds", 1)
        self.assertEqual(said.count("relais / floor"), 2, said)

    def test_bench_scaling(self):
        if os.getuid() != 0 or not os.access("/sys/fs/cgroup", os.W_OK):
            self.skipTest("no control groups here")
        said = self.run_tool("bench-scaling", "--messages", 200, "--sessions", 5, "--rounds", 1, "--folder",
                             self.folder)
        self.assertRegex(said, r"two carry \d+\.\d\d times")

    def test_bench_wire(self):
        said = self.run_tool("bench-wire", "--messages", 100, "--handshakes", 20, "--rounds", 1)
        self.assertIn("a second and core", said)

    def test_bench_load(self):
        load = pathlib.Path(harness.BINARY).with_name("relais-load")
        said = self.run_tool("bench-load", "--binary", load, "--messages", 100, "--rounds", 1)
        self.assertEqual(len(re.findall(r"(?m)^  (smtp-source|relais-load)\b.* us ", said)), 5, said)

    def test_measure(self):
        said = self.run_tool("measure", "--messages", 100, "--rounds", 1, "--folder", self.folder)
        self.assertRegex(said, r"(?m)^relais /.*: [\d.]+ us CPU a message .* delivered/s")

    def test_measure_says_where_the_time_goes(self):
        harness.need("perf")
        said = self.run_tool("measure", "--messages", 2000, "--rounds", 1, "--folder", self.folder,
                             "--profile")
        shares = dict(map(reversed, re.findall(r"(?m)^ +([\d.]+) %  (.*)$", said)))
        self.assertIn("network: octets out of the socket", shares, said)
        self.assertAlmostEqual(sum(map(float, shares.values())), 100, delta=2)
        self.assertLess(float(shares.get("relais: the rest", 0)), 20, said)

    def test_profile_sorts_samples_by_their_chains(self):
        sys.path.insert(0, str(harness.ROOT / "tools"))
        from peers import profile
        samples = [["_copy_to_iter", "tcp_recvmsg", "io_recv", "io_uring_enter2"],
                   ["tcp_ack", "handle_softirqs", "tcp_cleanup_rbuf", "io_recv", "io_uring_enter2"],
                   ["fget", "io_uring_enter2"],
                   ["__memmove_avx512", "relais::front::Front::on_body", "relais::front::Front::step"],
                   ["relais::front::Front::step"], ["relais::Guid::text"]]
        script = [line for sample in samples * 2
                  for line in [*(f"    ffff {function}" for function in sample), ""]]
        self.assertEqual(dict(profile.shares(script)), {kind: 1 / 6 for kind in (
            "network: octets out of the socket", "network: softirq, much of it the peer's work",
            "kernel: the rest of io_uring", "relais: content from receive buffers to the spool",
            "relais: sessions", "relais: the rest")})

    def test_bench_growth(self):
        said = self.run_tool("bench-growth", "--messages", 20, "--rounds", 1, "--folder", self.folder)
        self.assertEqual(re.findall(r"(?m)^\| (\d.*?) \|", said),
                         ["1 session", "10 sessions", "100 sessions", "1,000 sessions", "1,024 octets",
                          "10,240 octets", "102,400 octets", "1,048,576 octets", "1 recipient",
                          "10 recipients", "50 recipients"], said)

    def test_bench_queue(self):
        said = self.run_tool("bench-queue", "--messages", 50, "--lengths", "20,60", "--rounds", 1,
                             "--folder", self.folder)
        head, _, *rows = [line.split("|")[1:-1] for line in said.splitlines() if line.startswith("|")]
        self.assertEqual([row[0].strip() for row in rows], ["0", "20", "60"], said)
        accepted = head.index(" accepted/s of these ")
        for row in rows:
            self.assertRegex(row[accepted], r"^ \*\*[\d.,]+\*\*")
        self.assertRegex(rows[1][accepted + 1], r"^ [+-][\d.]+ % $")

    def test_pages_of_growth_and_queue(self):
        sys.path.insert(0, str(harness.ROOT / "tools"))
        import peers
        growth, queue = peers.tool("bench-growth"), peers.tool("bench-queue")
        pages = self.folder / "docs" / "benchmarks"
        pages.mkdir(parents=True)
        growth.ROOT = queue.ROOT = self.folder
        about = {"date": "today", "commit": "1234", "cpus": 2, "cpu": "fast", "memory_gib": 8,
                 "system": "Debian", "kernel": "6.12", "filesystem": "ext4", "warnings": ["it was busy"]}
        options = types.SimpleNamespace(rounds=2, messages=10, cores="auto")
        found = {place: [(9, 9, 9, 9, 9), (1, 2, 3, 4, 5), (3, 2, 1, 4, 5)]
                 for _, places in growth.kinds() for place in places}
        rows = growth.rows_of(found)
        growth.write(growth.table(rows), rows, about, options)
        rows = [(0, 0, [60.0, 62.0], [5000.0, 5200.0], 2**24, 0.1, 2**24),
                (1000, 9000.0, [61.0, 63.0], [4896.0, 5100.0], 2**25, 0.2, 2**24 + 164_000)]
        queue.write(queue.table(rows), rows, about, options)
        self.assertIn("| 1,024 octets | **2.00** (1.00–3.00) |", (pages / "growth.md").read_text())
        text = (pages / "queue.md").read_text()
        self.assertIn("- **Warning:** it was busy", text)
        self.assertIn("| **4,998** (4,896–5,100) | -2.0 % | 32.0 | 0.20 | 16.2 | 164 |", text)
        for plot in ("growth.svg", "queue.svg"):
            xml.etree.ElementTree.parse(pages / plot)

    def test_compare(self):
        out = self.folder / "out"
        self.run_tool("compare", "--no-setup", "--only", "relais,relais-proxy,haproxy", "--sizes", "1k",
                      "--sessions", 2, "--rounds", 1, "--seconds", 0.2, "--out", out)
        result = json.loads((out / "comparison.json").read_text())
        self.assertEqual([case["many"] for case in result["cases"]], [False, True])
        for case in result["cases"]:
            for key, found in case["found"].items():
                self.assertEqual((len(found["rounds"]), found["void"]), (1, []), (key, found))
            self.assertGreater(case["found"]["relais"]["flushes"], 0)
        text = (out / "comparison.md").read_text()
        durable, proxy = text.split("\n## Durable queue")[1].split("\n## Proxy")
        self.assertNotIn("HAProxy", durable)
        self.assertNotIn("| relais |", proxy.split("\n## The servers")[0])
        for plot in re.findall(r"\((comparison-.*?\.svg)\)", text):
            xml.etree.ElementTree.parse(out / plot)

    def test_compare_finds_a_loss(self):
        sys.path.insert(0, str(harness.ROOT / "tools"))
        from peers import load, relais
        relais.Relais.binary = pathlib.Path(harness.BINARY).absolute()
        sent, received = self.folder / "sent", self.folder / "received"
        port = self.ports.take()
        sink = load.Sink(port, received)
        subprocess.run([load.tool_path("relais-load"), f"127.0.0.1:{port}", "--count", "3", "--ledger",
                        sent], stdout=subprocess.DEVNULL, check=True)
        sink.stop()
        self.assertIsNone(load.verify(sent, received))
        received.write_text("".join(received.read_text().splitlines(keepends=True)[:-1]))
        self.assertEqual(load.verify(sent, received), "1 missing")


    def test_compare_makes_a_run_void_when_the_peer_lies(self):
        sys.path.insert(0, str(harness.ROOT / "tools"))
        import peers
        from peers import peer, relais, report
        relais.Relais.binary = pathlib.Path(harness.BINARY).absolute()
        compare = peers.tool("compare")
        work = compare.Work("1k", 2, True)
        account = types.SimpleNamespace(cpu=lambda: 0.0, pids=lambda: [])
        options = types.SimpleNamespace(seconds=0.1)
        case, said = {"title": work.title(), "found": {}}, {}
        for lie, why in (("", None), ("lose", "1 missing"), ("double", "1 duplicate"), ("flip", "1 damaged")):
            folder = self.folder / f"lie-{lie}"
            folder.mkdir()
            subject = type("Liar", (peer.Peer,), {
                "key": f"liar-{lie}", "name": f"one that would {lie}", "kind": "proxy"})(
                    folder, self.ports.take(), work.sessions)
            row = case["found"][subject.key] = {"rounds": [], "void": [], "flushes": None}
            said[subject.key] = report.said_of(subject, "1")
            with lying_peer(subject.port, subject.hop, lie):
                compare.one_round(subject, account, work, folder, options, row, False)
            self.assertEqual((row["void"], len(row["rounds"])), ([why], 0) if why else ([], 1), lie)
        rows = report.table(case, said, "proxy").splitlines()[2:]
        self.assertRegex(rows[0], r"^\| one that would  \| \*\*[\d.,]+\*\*")
        self.assertEqual([re.sub("^.* would | –|not counted", "", line) for line in rows[1:]],
                         [f"{lie} | | | | | | |  | void: 1 {finding} |" for lie, finding in
                          (("lose", "missing"), ("double", "duplicate"), ("flip", "damaged"))])

    def test_compare_without_a_good_run_says_so(self):
        binary = pathlib.Path(harness.BINARY).absolute()
        for name in ("relais", "relais-sink", "relais-verify"):
            (self.folder / name).symlink_to(binary.with_name(name))
        load = self.folder / "relais-load"
        load.write_text("#!/bin/sh\necho 'relais-load: not today' >&2\nexit 1\n")
        load.chmod(0o755)
        done = subprocess.run(
            [sys.executable, harness.ROOT / "tools" / "compare", "--binary", self.folder / "relais",
             "--no-setup", "--only", "relais-proxy", "--sizes", "1k", "--sessions", "1", "--rounds", "1",
             "--seconds", "0.1", "--out", self.folder / "out"],
            capture_output=True, text=True, timeout=60 * harness.PATIENCE, check=False)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("void, relais-load: relais-load: not today", done.stderr)
        self.assertIn("tools/compare: no run was good, so there are no figures\n", done.stderr)
        self.assertTrue((self.folder / "out" / "comparison.md").exists())


class WhatIsAskedOfTools(harness.EndToEnd):
    """Bad input, and the end before its time."""

    TOOLS = ("measure", "bench-floor", "bench-wire", "bench-load", "bench-proxy", "bench-peers",
             "bench-growth", "bench-queue", "bench-scaling", "compare")
    # What of theirs is a number or a folder.
    MISTAKES = (("--rounds", "0", TOOLS), ("--rounds", "many", TOOLS), ("--rounds", "-1", TOOLS),
                ("--binary", "/nonexistent", TOOLS),
                ("--messages", "0", set(TOOLS) - {"bench-peers", "compare"}),
                ("--sessions", "0", set(TOOLS) - {"bench-wire", "bench-peers", "bench-growth", "bench-queue"}),
                ("--size", "0", ("measure", "bench-floor", "bench-wire", "bench-load", "bench-proxy")),
                ("--recipients", "0", ("measure",)), ("--baseline", "/nonexistent", ("measure",)),
                ("--cores", "some", ("measure", "bench-growth", "bench-queue")),
                ("--seconds", "0", ("bench-peers", "compare")), ("--seconds", "nan", ("bench-peers",)),
                ("--seconds", "0.0001", ("compare",)), ("--share", "0", ("bench-scaling",)),
                ("--handshakes", "0", ("bench-wire", "bench-peers")),
                ("--lengths", "5,4", ("bench-queue",)), ("--sizes", "0k", ("compare",)),
                ("--folder", "/nonexistent",
                 set(TOOLS) - {"bench-floor", "bench-wire", "bench-load", "bench-proxy"}),
                ("--folder", "/proc", ("measure", "compare")), ("--out", "/dev/full/x", ("compare",)),
                ("--out", "/etc/passwd", ("compare",)))

    def test_what_is_wrong_is_said_in_one_line_before_anything_starts(self):
        for option, value, tools in self.MISTAKES:
            for name in tools:
                with self.subTest(f"{name} {option} {value}"):
                    done = subprocess.run([sys.executable, harness.ROOT / "tools" / name, option, value],
                                          capture_output=True, text=True, timeout=60, check=False)
                    said = done.stdout + done.stderr
                    self.assertEqual((done.returncode, said.count("\n")), (2, 1), said)
                    self.assertTrue(said.startswith(f"tools/{name}: ") and option in said, said)
                    self.assertIn(value, said)

    def test_each_says_what_it_does(self):
        for name in (*self.TOOLS, "bench", "bench-ktls"):
            done = subprocess.run([harness.ROOT / "tools" / name, "--help"], capture_output=True, text=True,
                                  timeout=60, check=False)
            self.assertEqual((done.returncode, done.stderr), (0, ""), name)
            self.assertIn(f"tools/{name}", done.stdout)

    def marked(self):
        """Names of the processes that a tool started, and theirs, by number."""
        found = {}
        for environ in pathlib.Path("/proc").glob("[0-9]*/environ"):
            try:
                if self.mark.encode() in environ.read_bytes():
                    found[int(environ.parent.name)] = (environ.parent / "comm").read_text().strip()
            except OSError:  # ended meanwhile, or of another user
                pass
        return found

    def interrupt(self, name, program, number, *options, after=0.3):
        """Interrupts the tool once the program runs: Ctrl-C is heard by all of its group."""
        for needed in ("smtp-sink", "smtp-source", "haproxy"):
            harness.need(needed)
        places = self.folder / "places"
        places.mkdir(exist_ok=True)
        for folder in (self.folder, places):
            os.chmod(folder, 0o755)  # Postfix' processes are not root
        self.mark = f"RELAIS_TEST_MARK={name}-{number}-{os.getpid()}"
        key, value = self.mark.split("=")
        tool = subprocess.Popen(
            [sys.executable, harness.ROOT / "tools" / name, "--binary", os.path.abspath(harness.BINARY),
             *map(str, options)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True, env={**os.environ, "TMPDIR": str(places), key: value})
        try:
            harness.wait_until(lambda: tool.poll() is not None or program in self.marked().values(), 30,
                               f"{name} to start {program}")
            time.sleep(after)
            if number == signal.SIGINT and tool.poll() is None:
                os.killpg(tool.pid, number)
            else:
                tool.send_signal(number)
            said = tool.communicate(timeout=60 * harness.PATIENCE)
        finally:
            left = self.marked()
            for pid in left:
                os.kill(pid, signal.SIGKILL)
        words = [line for line in said[1].splitlines() if not line.startswith("warning: ")]
        self.assertEqual((tool.returncode, words),
                         (130, [f"tools/{name}: interrupted; what was started has been ended"]), said)
        self.assertEqual(left, {}, name)
        self.assertEqual([path.name for path in places.iterdir() if path.name != "relais-e2e-ports"], [])

    def test_one_that_is_interrupted_ends_what_it_started(self):
        with_folder = ["--folder", self.folder / "places"]
        load = ["--binary", pathlib.Path(harness.BINARY).absolute().with_name("relais-load")]
        compare = ["--no-setup", "--only", "relais,haproxy", "--out", self.folder / "out"]
        cases = [("measure", "relais", signal.SIGTERM, *with_folder),
                 ("measure", "smtp-source", signal.SIGINT, *with_folder),
                 ("bench-growth", "smtp-source", signal.SIGTERM, *with_folder),
                 ("bench-queue", "relais-load", signal.SIGTERM, *with_folder),
                 ("bench-wire", "relais", signal.SIGTERM), ("bench-wire", "relais", signal.SIGINT),
                 ("bench-load", "smtp-source", signal.SIGTERM, *load),
                 ("bench-proxy", "smtp-source", signal.SIGINT),
                 ("bench-peers", "relais", signal.SIGINT, *with_folder),
                 # The first round, in which flushes are counted.
                 ("compare", "relais-load", signal.SIGINT, *with_folder, *compare),
                 ("compare", "relais-load", signal.SIGTERM, *with_folder, *compare)]
        for name, program, number, *options in cases:
            with self.subTest(f"{name} {program} {number}"):
                self.interrupt(name, program, number, *options)


class Bench(harness.EndToEnd):
    """tools/bench: the benchmarks of the parts."""

    def setUp(self):
        super().setUp()
        self.programs = pathlib.Path(harness.BINARY).absolute().parent
        if not (self.programs / "reply_bench").exists():
            self.skipTest("no benchmarks were built; tools/setup --test installs Google Benchmark")

    def run_bench(self, *options):
        return subprocess.run(
            [sys.executable, harness.ROOT / "tools" / "bench", "--programs", self.programs,
             "--folder", self.folder, *map(str, options)], capture_output=True, text=True,
            timeout=80 * harness.PATIENCE)

    def measured(self, *options):
        """Its rows by name, and the file that holds them."""
        saved = self.folder / "saved.json"
        done = self.run_bench("--filter", "^reply/(group|line)$", "--json", saved, *options)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        rows = json.loads(saved.read_text())["benchmarks"]
        self.assertEqual(sorted(rows), ["reply/group", "reply/line"], done.stdout)
        self.assertRegex(done.stdout, r"(?m)^reply/group +\d")
        return rows, saved

    def doctored(self, rows, name, **factors):
        """A baseline that differs in one row."""
        path = self.folder / "doctored.json"
        row = {key: value * factors.get(key, 1) for key, value in rows[name].items()}
        path.write_text(json.dumps({"benchmarks": {**rows, name: row}}))
        return path

    def test_bench_marks_what_moved(self):
        rows, saved = self.measured("--quick")
        self.assertEqual([row["allocs"] for row in rows.values()], [0, 0])
        line = rows["reply/line"]
        for noise, factors, words, status in (
                (0.01, {"median_ns": 0.5}, "SLOWER", 1), (0.01, {"median_ns": 2}, "faster", 0),
                (0.01, {}, "", 0), (0.01, {"median_ns": 1.04}, "", 0), (0.2, {"median_ns": 2 / 3}, "", 0),
                (0.01, {"allocs": 0}, "ALLOCATES MORE", 1), (0.01, {"allocs": 2}, "allocates less", 0)):
            line.update(allocs=1, mad_ns=noise * line["median_ns"])
            rows["reply/group"]["mad_ns"] = 0
            saved.write_text(json.dumps({"benchmarks": rows}))
            baseline = self.doctored(rows, "reply/line", **factors)
            done = self.run_bench("--saved", saved, "--baseline", baseline, "--fail")
            self.assertEqual(done.returncode, status, (factors, done.stdout, done.stderr))
            self.assertRegex(done.stdout, rf"(?m)^reply/line .* % *{words}$")
            self.assertRegex(done.stdout, r"(?m)^reply/group .* \+0\.0 %$")
            moved = 1 if words else 0
            self.assertIn(f"2 compared: {moved} moved, of which {status} for worse", done.stdout)

    def test_bench_counts_instructions(self):
        harness.need("valgrind")
        rows, saved = self.measured("--instructions")
        again = self.run_bench("--filter", "^reply/", "--instructions", "--baseline", saved, "--fail")
        self.assertEqual(again.returncode, 0, again.stdout + again.stderr)
        self.assertIn("2 compared: 0 moved", again.stdout)
        self.assertRegex(again.stdout, r"(?m)^reply/received .* new$")
        baseline = self.doctored(rows, "reply/group", instructions=0.98)
        done = self.run_bench("--instructions", "--saved", saved, "--baseline", baseline, "--fail")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertRegex(done.stdout, r"(?m)^reply/group .* \+2\.0 % +MORE$")

    def test_bench_says_what_is_wrong(self):
        broken, other, times = (self.folder / name for name in ("broken", "other", "times"))
        broken.write_text('{"benchmarks": {')
        other.write_text('["benchmarks"]')
        times.write_text('{"benchmarks": {"limit/x": {"median_ns": 1.5, "mad_ns": 0.1}}}')
        empty = self.folder / "empty"
        empty.mkdir()
        for options, problem in (
                (["--baseline", self.folder / "nothing"], "nothing: No such file or directory"),
                (["--baseline", broken], "broken: is no JSON"),
                (["--baseline", other], "other: is nothing that tools/bench --json has written"),
                (["--saved", times, "--baseline", times, "--instructions"],
                 "times: has no instruction counts; was it saved without --instructions?"),
                (["--filter", "no such"], "--filter no such: no benchmark has such a name"),
                (["--saved", times, "--filter", "no such"], "--filter no such: no benchmark"),
                (["--filter", "^reply/line$", "--quick", "--baseline", times],
                 "times: has none of these benchmarks"),
                (["--filter", "("], "argument --filter: (: missing )"),
                (["--repetitions", "0"], "argument --repetitions: 0: a number from 1 to 1000"),
                (["--json", self.folder / "no" / "file"], "no/file: there is no such folder"),
                (["--folder", self.folder / "no"], "no: there is no such folder"),
                (["--saved", times, "--json", other], "--json saves a new run, and --saved wants none"),
                (["--fail"], "--fail needs a --baseline"),
                (["--programs", empty], "_bench is not there: tools/build release makes it")):
            done = self.run_bench(*options)
            self.assertEqual(done.returncode, 2, (options, done.stdout, done.stderr))
            said = [line for line in done.stderr.splitlines()
                    if not line.startswith("warning: ") and not line.endswith(" ...")]
            self.assertEqual(len(said), 1, (options, done.stderr))
            self.assertTrue(said[0].startswith("tools/bench: ") and problem in said[0],
                            (options, said, problem))

    def test_bench_says_what_allocates(self):
        for source in (harness.ROOT / "bench").glob("*_bench.cpp"):
            shutil.copy(self.programs / "allocation_canary", self.folder / source.stem)
        done = self.run_bench("--programs", self.folder, "--filter", "^reply/", "--quick")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("reply/forgets/iterations:1000: allocates 0.010000 times an operation, at most "
                      "0.000000 are allowed",
                      done.stdout)


if __name__ == "__main__":
    harness.main()
