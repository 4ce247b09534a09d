"""HAProxy in TCP mode: it looks at no SMTP."""

import re

from peers.peer import Peer, output_of, program

CONFIG = """
global
  maxconn 4000
{threads}
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen smtp
  bind 127.0.0.1:{port} backlog 4000
  server sink 127.0.0.1:{hop}
"""


class HAProxy(Peer):
    key, name, kind = "haproxy", "HAProxy, TCP", "proxy"
    durability = "250 is the next hop's; carries bytes, and looks at no SMTP"
    tuning = "a thread for each CPU, which is its default; no log"
    threads = None

    def start(self):
        config = self.folder / "haproxy.cfg"
        threads = f"  nbthread {self.threads}" if self.threads else ""
        config.write_text(CONFIG.format(threads=threads, port=self.port, hop=self.hop))
        self.run([program("haproxy"), "-db", "-f", config])

    @classmethod
    def version(cls):
        return re.search(r"version (\S+)", output_of(program("haproxy"), "-v"))[1]
