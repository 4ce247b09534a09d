"""What all peers have in common."""

import os
import shutil
import signal
import subprocess
import unittest

from peers import PORTS, measure

ENVIRONMENT = {**os.environ, "PATH": measure.PATH}


class Missing(Exception):
    """The server is not on this machine, or does not start; why."""


def output_of(*command, env=ENVIRONMENT):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL, env=env)
    return (done.stdout + done.stderr).strip()


def program(name):
    found = shutil.which(name, path=measure.PATH)
    if found is None:
        raise Missing(f"{name} is not there; tools/setup --compare brings it")
    return found


class Peer:
    """One server on 127.0.0.1:`port` before a next hop on 127.0.0.1:`hop`, made for `sessions` clients at
    a time. It keeps everything in `folder`."""

    key = name = ""
    # durable: 250 means it is in a queue on disk; proxy: it means that the next hop said so; discard: it
    # means nothing, the message is gone
    kind = ""
    durability = ""
    tuning = ""

    def __init__(self, folder, hop, sessions):
        self.folder = folder / self.key
        self.folder.mkdir()
        self.folder.chmod(0o755)
        self.hop = hop
        self.sessions = sessions
        self.port = PORTS.take()
        self.process = None
        self.cleanups = []

    def addCleanup(self, *call):  # the name that unittest and so other_servers use
        self.cleanups.append(call)

    def start(self):
        """Listens when this returns."""
        raise NotImplementedError

    def run(self, command, **more):
        """In a session of its own: Ctrl-C is for the tool, which ends it."""
        said = self.folder / "said"
        with open(said, "ab") as file:
            self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL,
                                            stdout=file, stderr=file, env=ENVIRONMENT,
                                            start_new_session=True, **more)
        self.wait_until_it_listens(self.process)

    def wait_until_it_listens(self, process=None):
        def done():
            return measure.listens(self.port) or (process and process.poll() is not None)
        measure.wait_for(done, 30, self.name)
        if process and process.poll() is not None:
            raise Missing(f"it does not start: {self.said()[-500:]}")

    def said(self):
        said = self.folder / "said"
        return said.read_text(errors="replace") if said.exists() else ""

    def first_pid(self):
        return self.process.pid

    def flushes(self):
        """Its own count of flushes; None where tracing the calls of its processes finds all of them."""
        return None

    def stop(self):
        for call, *arguments in reversed(self.cleanups):
            call(*arguments)
        self.cleanups = []
        if self.process is not None:
            self.process.terminate()  # nothing is sent to one that has ended
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)  # its children as well
                self.process.wait()
            self.process = None

    @classmethod
    def version(cls):
        raise NotImplementedError


def skip_is_missing(function):
    """other_servers says by SkipTest that a program is not there."""
    def wrapped(*arguments):
        try:
            return function(*arguments)
        except unittest.SkipTest as reason:
            raise Missing(str(reason)) from None
    return wrapped
