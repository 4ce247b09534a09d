#!/usr/bin/python3
"""The tools that measure still run, with sizes at which their figures mean nothing."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree

import harness


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
        self.assertIn("reply/forgets: allocates 0.010000 times an operation, at most 0.000000 are allowed",
                      done.stdout)


if __name__ == "__main__":
    harness.main()
