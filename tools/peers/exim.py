"""Exim, which delivers each message in a process of its own as soon as it has it."""

import pathlib
import re
import tempfile
import types

import other_servers
from peers.peer import Peer, output_of, skip_is_missing

MAIN = """
smtp_accept_max = {limit}
smtp_accept_max_per_connection = 0
smtp_connect_backlog = 1000
smtp_accept_max_nonmail = 1000000
split_spool_directory
"""


class Exim(Peer):
    key, name, kind = "exim", "Exim", "durable"
    durability = "250 when the message is in two files in the spool, after fsync"
    tuning = ("split_spool_directory, limits of sessions lifted, messages delivered at once; logs each "
              "message. It answers QUIT only after 200 ms, in which it waits for the client to close first; "
              "relais-load waits for that answer, so that its messages a second with one a connection "
              "are not what it could do")

    @skip_is_missing
    def start(self):
        self.exim = other_servers.Exim(self)
        self.exim.logged = ""
        self.exim.own_session = True
        self.exim.start(self.port, self.hop, main=MAIN.format(limit=self.sessions + 100))

    def first_pid(self):
        return self.exim.process.pid

    @classmethod
    @skip_is_missing
    def version(cls):
        with tempfile.TemporaryDirectory() as folder:
            exim = other_servers.Exim(types.SimpleNamespace(
                folder=pathlib.Path(folder), addCleanup=lambda *_: None))
            said = output_of(exim.binary, "-bV", env=exim.environment)
        return re.search(r"version (\S+)", said)[1]
