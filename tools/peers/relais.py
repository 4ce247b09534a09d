"""relais: its durable queue, its proxy mode, and its front alone."""

import re
import time
import urllib.request

from peers import PORTS, ROOT, measure
from peers.peer import Peer, output_of

BINARY = ROOT / "build" / "release" / "relais"


class Relais(Peer):
    key, name, kind = "relais", "relais", "durable"
    durability = ("250 when the message is in the log on disk, by writes with O_DIRECT and O_DSYNC that "
                  "messages of several sessions share")
    tuning = ("limits for each source and for connections a minute lifted; else as it comes; logs each "
              "message")
    binary = BINARY
    cores = '"auto"'
    keys = ""  # more of the connector's

    def configure(self):
        self.metrics = PORTS.take()
        server = f'[admin]\nlisten = "127.0.0.1:{self.metrics}"\n'
        main = measure.CONFIG.replace("[[send_connector]]", server + "[[send_connector]]")
        (self.folder / "relais.toml").write_text(main.format(
            cores=self.cores, folder=self.folder, hop=self.hop, send=""))
        (self.folder / "connectors").mkdir()
        connector = measure.CONNECTOR.format(port=self.port)
        (self.folder / "connectors" / "relay.toml").write_text(
            connector.replace("[[permission]]", self.keys + "[[permission]]"))

    def start(self):
        self.configure()
        self.run([self.binary, "serve", "--config", self.folder])
        measure.wait_for(lambda: self.process.poll() is not None
                         or re.search(r"\bready\b", self.said()), 60, "relais")

    def flushes(self):
        """Up to now. Writes with O_DSYNC through io_uring are no calls that could be traced."""
        asked = time.time()
        while self.figure("relais_figures_timestamp_seconds") < asked:
            if time.time() > asked + 30:
                raise RuntimeError("relais has shown no new figures for 30 s")
            time.sleep(0.1)
        return self.figure("relais_spool_flushes_total")

    def figure(self, name):
        """Of all series of that name, the sum."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics}/metrics", timeout=10) as page:
            text = page.read().decode()
        return sum(float(value) for value in re.findall(rf"(?m)^{name}(?:\{{.*\}})? (\S+)", text))

    @classmethod
    def version(cls):
        return output_of(cls.binary, "--version")


class RelaisProxy(Relais):
    key, name, kind = "relais-proxy", "relais, proxy mode", "proxy"
    durability = "250 when the next hop has said so; keeps nothing"
    tuning = Relais.tuning + "; as many connections to the next hop as there are sessions"

    def configure(self):
        self.keys = (f'delivery = "proxy"\nupstreams = ["127.0.0.1:{self.hop}"]\n'
                     f"upstream_max_connections = {max(100, self.sessions)}\n")
        super().configure()

    def flushes(self):
        return None


class RelaisDiscard(Relais):
    """Nothing arrives, so nothing of it can be verified: for figures of the front, in no ranking."""
    key, name, kind = "relais-discard", "relais, its front alone", "discard"
    durability = "none: 250 and thrown away"
    keys = 'delivery = "discard"\n'
