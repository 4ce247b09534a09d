"""CPU, memory and flushes of all processes of a server, from a control group (cgroup v2) where one can be
made, else from the family of its first process."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import threading
import time

import other_servers
from peers import measure

FLUSHES = ("fsync", "fdatasync", "sync", "syncfs", "sync_file_range", "msync")
BETWEEN_SAMPLES_S = 0.25


def end(pids):
    """Ends processes that we started, or theirs, and were left over."""
    for pid in pids:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)


class Group:
    """A control group of its own: no process that ended or went to another parent is missed."""

    how = "cgroup v2 (cpu.stat)"

    def __init__(self, name):
        self.name = f"relais-compare-{os.getpid()}-{name}"
        self.mount, self.home = own_group()
        self.path = self.home / self.name
        self.path.mkdir()

    @contextlib.contextmanager
    def entered(self, _):
        """What is started in here is in the group."""
        (self.path / "cgroup.procs").write_text(str(os.getpid()))
        try:
            yield
        finally:
            (self.home / "cgroup.procs").write_text(str(os.getpid()))

    def pids(self):
        return [int(pid) for pid in (self.path / "cgroup.procs").read_text().split()]

    def cpu(self):
        """Seconds."""
        return int(re.search(r"usage_usec (\d+)", (self.path / "cpu.stat").read_text())[1]) / 1e6

    def for_perf(self):
        return str(self.path.relative_to(self.mount))

    def close(self):
        until = time.monotonic() + 10
        while self.path.exists() and time.monotonic() < until:
            end(self.pids())
            with contextlib.suppress(OSError):  # those that were ended are not all gone
                self.path.rmdir()
                return
            time.sleep(0.05)


def own_group():
    """Where cgroup v2 is mounted, and the folder of this process' group."""
    mounts = pathlib.Path("/proc/self/mountinfo").read_text()
    mount = re.search(r"(?m)^\S+ \S+ \S+ \S+ (\S+) .* - cgroup2 ", mounts)
    group = re.search(r"(?m)^0::/(.*)$", pathlib.Path("/proc/self/cgroup").read_text())
    if not mount or not group:
        raise OSError("no cgroup v2")
    mount = pathlib.Path(mount[1])
    return mount, mount / group[1]


class Family:
    """The first process and all below it, and those of them that ended and were waited for. Ones that
    ended after they had gone to another parent are missed."""

    how = "family of processes (/proc/PID/stat); those that went to another parent are missed"

    def __init__(self, _):
        self.peer = None

    @contextlib.contextmanager
    def entered(self, peer):
        self.peer = peer
        yield

    def pids(self):
        return other_servers.family(self.peer.first_pid())

    def cpu(self):
        return sum(family_cpu(self.peer.first_pid()))

    def for_perf(self):
        return None

    def close(self):
        pass


def family_cpu(first):
    """User and system seconds so far, of those that have ended as well."""
    total = [0, 0]
    for pid in other_servers.family(first):
        try:
            stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
        except OSError:  # ended meanwhile; its parent has its time
            continue
        fields = [int(field) for field in stat.rpartition(")")[2].split()[11:15]]
        total = [total[0] + fields[0] + fields[2], total[1] + fields[1] + fields[3]]
    return [ticks / measure.TICKS for ticks in total]


def accountant():
    """The class to use here."""
    try:
        Group("probe").close()
        return Group
    except OSError:
        return Family


class Memory(threading.Thread):
    """The most that the processes of an account held together, in MiB: the sum of their PSS, so that what
    they share counts once. Sampled, and seldom enough to take 5 % of a CPU at most."""

    def __init__(self, account):
        super().__init__(daemon=True)
        self.account = account
        self.peak = 0.0
        self.over = threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()

    def run(self):
        pause = 0
        while not self.over.wait(pause):
            began = time.monotonic()
            self.peak = max(self.peak, sum(map(held_by, self.account.pids())))
            pause = max(BETWEEN_SAMPLES_S, 20 * (time.monotonic() - began))


def held_by(pid):
    try:
        rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:  # ended meanwhile
        return 0
    found = re.search(r"(?m)^Pss:\s+(\d+)", rollup)
    return int(found[1]) / 1024 if found else 0


class Flushes:
    """How often the processes of an account flush, by perf. Tracing costs them time, so nothing else is
    measured meanwhile. `count` stays None where it cannot be known."""

    def __init__(self, account, peer):
        self.peer = peer
        self.group = account.for_perf()
        self.count = self.process = None

    def __enter__(self):
        self.before = self.peer.flushes()
        if self.before is None and self.group and shutil.which("perf"):
            events = ",".join(f"syscalls:sys_enter_{call}" for call in FLUSHES)
            self.process = subprocess.Popen(
                ["perf", "stat", "-x", ",", "-a", "-e", events, "--for-each-cgroup", self.group],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                start_new_session=True)
            with measure.kept(self.process):
                time.sleep(0.3)  # until it counts
        return self

    def __exit__(self, failed, *_):
        if self.before is not None and not failed:
            self.count = self.peer.flushes() - self.before
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            said = self.process.communicate(timeout=30)[1]
            counts = re.findall(r"(?m)^(\d+|<not counted>),,syscalls:", said)
            if len(counts) == len(FLUSHES):  # not counted: no process of the group ran meanwhile
                self.count = sum(int(count) for count in counts if count.isdigit())
