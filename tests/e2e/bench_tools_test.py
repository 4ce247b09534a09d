#!/usr/bin/python3
"""The tools that measure still run, with sizes at which their figures mean nothing."""

import os
import pathlib
import re
import subprocess
import sys

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


if __name__ == "__main__":
    harness.main()
