#!/usr/bin/python3
"""The tools that measure still run, with sizes at which their figures mean nothing."""

import json
import os
import pathlib
import re
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


if __name__ == "__main__":
    harness.main()
