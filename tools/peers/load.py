"""One load: relais-sink behind a peer, relais-load before it, and relais-verify on their ledgers."""

import json
import signal
import subprocess
import time

from peers.accounting import Flushes, Memory
from peers.machine import Others
from peers.relais import Relais

BAD = ("missing", "duplicate", "damaged", "unexpected")  # findings of relais-verify
DRAIN_S = 120  # how long a queue may take to empty


def tool_path(name):
    """Beside relais."""
    return Relais.binary.with_name(name)


class Sink:
    """The next hop, for one load. Its ledger is at most half a second behind."""

    def __init__(self, port, ledger):
        self.ledger = ledger
        self.read = self.lines = 0
        self.command = [tool_path("relais-sink"), "--listen", f"127.0.0.1:{port}", "--json", "--quiet",
                        "--ledger", ledger]
        self.process = None
        try:
            self.start()
        except BaseException:
            if self.process is not None:
                self.stop()
            raise

    def start(self):
        until = time.monotonic() + 10
        while not self.started():
            if time.monotonic() > until:
                raise RuntimeError(f"relais-sink: {self.said.read_text().strip()}")
            time.sleep(0.05)

    def started(self):
        """False: the one before holds the address yet. The kernel takes a ring apart after its process."""
        self.said = self.ledger.with_name("sink.said")
        with open(self.said, "w", encoding="utf-8") as said:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, text=True,
                                            stdout=subprocess.PIPE, stderr=said,
                                            start_new_session=True)
        while self.process.poll() is None:
            if "listening" in self.said.read_text():
                return True
            time.sleep(0.005)
        return False

    def messages(self):
        with open(self.ledger, "rb") as file:
            file.seek(self.read)
            new = file.read()
        new = new[:new.rfind(b"\n") + 1]
        self.read += len(new)
        self.lines += sum(line.startswith(b"accepted ") for line in new.splitlines())
        return self.lines

    def wait_for(self, messages):
        until = time.monotonic() + DRAIN_S
        while self.messages() < messages and time.monotonic() < until:
            time.sleep(0.05)

    def stop(self):
        """What it says at the end."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.communicate(timeout=30)[0]


def generate(peer, work, seconds, ledger):
    """What relais-load says, as JSON."""
    command = [tool_path("relais-load"), f"127.0.0.1:{peer.port}", "--for", f"{1000 * seconds:.0f}ms",
               "--sessions", work.sessions, "--size", work.size, "--json", "--ledger", ledger]
    if not work.many:
        command += ["--messages-per-connection", 1]
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, text=True,
                          capture_output=True, check=False)
    if not done.stdout:
        raise RuntimeError(f"relais-load: {done.stderr.strip()}")
    return json.loads(done.stdout)


def verify(sent, received):
    """None, or why the run is void."""
    done = subprocess.run([tool_path("relais-verify"), "--json", sent, received], text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode == 0:
        return None
    if done.returncode != 1:
        return done.stderr.strip()
    found = json.loads(done.stdout)
    return ", ".join(f"{found[key]['count']} {key}" for key in BAD if found[key]["count"])


def run(peer, account, work, seconds, folder, traced=False):
    """The figures of one run. `traced`: flushes are counted, which makes the others worthless."""
    sent, received = folder / "sent", folder / "received"
    for ledger in (sent, received):
        ledger.unlink(missing_ok=True)
    others = Others(account)
    sink = Sink(peer.hop, received)
    try:
        flushes = Flushes(account, peer) if traced else None
        with Memory(account) as memory:
            if flushes:
                with flushes:
                    told = one_load(peer, work, seconds, sent, sink)
            else:
                before = account.cpu()
                told = one_load(peer, work, seconds, sent, sink)
                cpu = account.cpu() - before
    finally:
        summary = sink.stop()
    share = others.share()
    void = told["problem"] or verify(sent, received)
    accepted = told["messages"]["accepted"]
    if not void and accepted == 0:
        void = "no message was accepted"
    if void:
        return {"void": void}
    if flushes:
        return {"flushes_per_message": None if flushes.count is None else flushes.count / accepted}
    hop = json.loads(summary)
    latency = told["latency_ms"]["message"]
    return {"accepted_per_s": told["messages_per_second"],
            "delivered_per_s": hop["messages"] / hop["seconds"],
            "cpu_us": 1e6 * cpu / accepted, "peak_mib": memory.peak, "others": share,
            "p50_ms": latency["p50"], "p99_ms": latency["p99"], "messages": accepted,
            "refused": told["messages"]["refused"] + told["messages"]["lost"]}


def one_load(peer, work, seconds, sent, sink):
    told = generate(peer, work, seconds, sent)
    if peer.kind == "durable":
        sink.wait_for(told["messages"]["accepted"])
        time.sleep(0.2)  # what it writes down behind the last delivery
    return told
