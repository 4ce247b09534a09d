"""Haraka: its outbound queue, and its plugin smtp_forward. tools/setup --compare puts it into
build/haraka, with npm."""

import json
import shutil

from peers import ROOT
from peers.peer import Missing, Peer, output_of, program

PACKAGE = ROOT / "build" / "haraka" / "node_modules" / "Haraka"

# Everybody may send to anybody, and it all goes to one next hop.
PLUGIN = """
exports.hook_connect = (next, connection) => {{ connection.relaying = true; next() }}
exports.hook_rcpt = (next) => next(OK)
exports.hook_get_mx = (next) => next(OK, {{ priority: 0, exchange: '127.0.0.1', port: {hop} }})
"""


class Haraka(Peer):
    key, name, kind = "haraka", "Haraka", "durable"
    durability = "250 when the message is in a file of its own in the queue, after fsync of the file"
    tuning = "a process for each CPU (nodes = cpus), log level WARN"
    plugins = ["all_onward"]

    def start(self):
        if not PACKAGE.exists():
            raise Missing("it is not in build/haraka; tools/setup --compare brings it")
        shutil.copytree(PACKAGE / "config", self.folder / "config")  # as its own installation does
        for name in ("plugins", "queue"):
            (self.folder / name).mkdir()
        files = {"config/smtp.ini": f"listen=127.0.0.1:{self.port}\nnodes=cpus\n",
                 "config/plugins": "\n".join(self.plugins) + "\n",
                 "config/loglevel": "WARN\n", "config/me": "mx.contoso.com\n",
                 "config/outbound.ini": "local_mx_ok=true\nenable_tls=false\n",
                 "config/smtp_forward.ini":
                     f"host=127.0.0.1\nport={self.hop}\nenable_outbound=true\n",
                 "plugins/all_onward.js": PLUGIN.format(hop=self.hop)}
        for name, text in files.items():
            (self.folder / name).write_text(text)
        self.run([program("node"), PACKAGE / "bin" / "haraka", "-c", self.folder], cwd=self.folder)

    @classmethod
    def version(cls):
        if not PACKAGE.exists():
            raise Missing("it is not in build/haraka; tools/setup --compare brings it")
        version = json.loads((PACKAGE / "package.json").read_text())["version"]
        return f"{version} on Node.js {output_of(program('node'), '--version').lstrip('v')}"


class HarakaForward(Haraka):
    key, name, kind = "haraka-forward", "Haraka, smtp_forward", "proxy"
    durability = ("has the whole message, then sends it on; 250 when the next hop has said so; keeps "
                  "nothing")
    tuning = Haraka.tuning + (". The end of each message waits 40 ms for the next hop's delayed "
                              "acknowledgement: it is sent without TCP_NODELAY, for which there is no "
                              "setting")
    plugins = ["all_onward", "queue/smtp_forward"]
