"""Where the CPU time of relais goes, by perf: samples of its call chains, sorted into kinds of work."""

import collections
import contextlib
import pathlib
import signal
import subprocess
import tempfile
import time

# Each sample is of the first kind of which a pattern is in one of its functions; `leaf`: in the innermost.
# On loopback a send is carried to the receiver at once, by a softirq of the sender, and what an
# acknowledgement lets the peer send is sent by whoever acknowledges.
SOFTIRQ = "handle_softirqs"
KINDS = [
    ("network: softirq, much of it the peer's work", [("io_recv", SOFTIRQ), ("io_send", SOFTIRQ)], ()),
    ("network: octets out of the socket", [("io_recv",)], ("_copy_to_iter",)),
    ("network: octets into the socket", [("io_send",)], ("_copy_from_iter",)),
    ("network: the rest of receives", [("io_recv",)], ()),
    ("network: the rest of sends", [("io_send",)], ()),
    ("disk: writes", [("io_write",)], ()),
    ("disk: reads", [("io_read",)], ()),
    ("disk: requests to the device", [("blk_mq_dispatch_rq_list",)], ()),
    ("kernel: waking up and going to sleep", [("__schedule",), ("try_to_wake_up",)], ()),
    ("kernel: the rest of io_uring", [("io_uring_enter",)], ()),
    ("kernel: interrupts and the rest", [("entry_SYSCALL_64",), ("asm_sysvec",), ("asm_exc",)], ()),
    ("relais: CRC of what is written and read", [("crc32c",)], ()),
    ("relais: content from receive buffers to the spool", [("Front::on_body",)], ("memmove", "memcpy")),
    ("relais: scanning content", [("DataScanner",), ("next_dotted_line",), ("HeaderFilter",)], ()),
    ("relais: the log of events", [("admin::",)], ()),
    ("relais: sessions", [("front::",)], ()),
    ("relais: next hops", [("relay::",)], ()),
    ("relais: spool", [("spool::",)], ()),
]
REST = "relais: the rest"


def kind_of(functions):
    """`functions`: of one sample, the innermost first."""
    for name, chains, leaves in KINDS:
        if leaves and not any(leaf in functions[0] for leaf in leaves):
            continue
        if any(all(any(part in function for function in functions) for part in chain)
               for chain in chains):
            return name
    return REST


def shares(script):
    """Of the lines of `perf script -F ip,sym`: kinds and their parts of 1, the largest first."""
    counts = collections.Counter()
    functions = []
    for line in [*script, ""]:
        words = line.split(maxsplit=1)
        if words:
            functions.append(words[1].strip() if len(words) > 1 else words[0])
        elif functions:
            counts[kind_of(functions)] += 1
            functions = []
    total = sum(counts.values())
    return [(name, count / total) for name, count in counts.most_common()]


@contextlib.contextmanager
def of(pid):
    """A list that has the shares of what `pid` does in here, afterwards."""
    found = []
    with tempfile.TemporaryDirectory(prefix="relais-profile-") as folder:
        data = pathlib.Path(folder) / "data"
        recorder = subprocess.Popen(["perf", "record", "-q", "-e", "cpu-clock", "-F", "4000", "-g", "-p",
                                     str(pid), "-o", data], stdin=subprocess.DEVNULL,
                                    start_new_session=True)
        try:
            time.sleep(0.5)  # until it records
            yield found
        finally:
            recorder.send_signal(signal.SIGINT)
            recorder.wait()
        script = subprocess.run(["perf", "script", "-i", data, "-F", "ip,sym"], text=True, check=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL)
        found += shares(script.stdout.splitlines())
