#!/usr/bin/python3
"""docs/getting-started.md, typed: its sh blocks in order, and what its text blocks promise."""

import pathlib
import re
import os
import subprocess

import harness

PAGE = harness.ROOT / "docs" / "getting-started.md"
READY = "until [ -e my-relay/data/state.json ]; do sleep 0.05; done\n"
DELIVERED = ("for i in $(seq 200); do [ $(ls my-relay/Maildir/new 2>/dev/null | wc -l) = 2 ] && break;"
             " sleep 0.05; done\necho delivered: $(ls my-relay/Maildir/new | wc -l)\n")


class GettingStarted(harness.EndToEnd):
    def test_the_page_as_it_is_typed(self):
        harness.need("swaks")
        page = PAGE.read_text().replace("2525", str(self.port))
        script = ""
        for block in re.findall(r"```sh\n(.*?)```", page, re.S):
            if block.startswith("kill"):
                script += DELIVERED
            script += block
            if "relais serve" in block:
                script += READY
        script += "wait %1\n"
        environment = dict(os.environ)
        binary = str(pathlib.Path(harness.BINARY).resolve().parent)
        environment["PATH"] = f"{binary}:{environment.get('PATH', '')}:/usr/bin:/bin"
        done = subprocess.run(["/bin/bash", "-c", script], cwd=self.folder, env=environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False,
                              timeout=60 * harness.PATIENCE)
        squeezed = re.sub(r" +", " ", done.stdout)
        for block in re.findall(r"```text\n(.*?)```", page, re.S):
            for line in block.splitlines():
                self.assertIn(re.sub(r" +", " ", line), squeezed)
        self.assertIn("my-relay: valid: 2 Receive connectors, 1 Send connector, 1 accepted domain, 0 "
                      "warnings", done.stdout)
        self.assertIn("The running server has taken the change.", done.stdout)
        self.assertEqual(done.stdout.count("Queued mail for delivery"), 2, done.stdout)
        self.assertEqual(done.stdout.count("550 5.7.1 Unable to relay"), 1, done.stdout)
        self.assertIn("delivered: 2\n", done.stdout)
        self.assertEqual(done.returncode, 0, done.stdout)


if __name__ == "__main__":
    harness.main()
