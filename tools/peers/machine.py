"""On what machine, and how quiet it was."""

import datetime
import os
import pathlib
import platform
import re
import statistics
import subprocess
import time

from peers import ROOT
from peers.peer import output_of

BUSY = 0.1  # share of the CPUs that others may use


def busy_seconds():
    """Of all CPUs together, used by whatever."""
    words = pathlib.Path("/proc/stat").read_text().split("\n")[0].split()
    fields = [int(word) for word in words[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


class Others:
    """The share of all CPUs that is used by neither us and the programs that we ran and waited for, nor the
    server of `account`; threads of the kernel, for one those that write to the disk, are among them."""

    def __init__(self, account=None):
        self.account = account
        self.began = time.monotonic()
        self.at_first = self.used()

    def used(self):
        ours = sum(os.times()[:4]) + (self.account.cpu() if self.account else 0)
        return busy_seconds() - ours

    def share(self):
        passed = (time.monotonic() - self.began) * os.cpu_count()
        return max(0.0, (self.used() - self.at_first) / passed)


def busy_share(seconds=2):
    others = Others()
    time.sleep(seconds)
    return others.share()


def disturbed(result):
    """What others used in the middle run and in the worst, and a warning if that is much."""
    shares = [row["others"] for case in result["cases"] for found in case["found"].values()
              for row in found["rounds"]]
    if not shares:
        return None, None
    middle, most = statistics.median(shares), max(shares)
    warning = (f"other programs used {100 * middle:.0f} % of the CPUs in the middle run and "
               f"{100 * most:.0f} % in the worst; throughput and latency say little")
    return (middle, most), warning if middle > BUSY or most > 3 * BUSY else None


def describe(folder):
    cpu = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text())
    system = re.search(r'PRETTY_NAME="(.*)"', pathlib.Path("/etc/os-release").read_text())
    filesystem = output_of("df", "--output=fstype", folder).split()[-1]
    share, load = busy_share(), os.getloadavg()
    warnings = []
    if share > BUSY:
        warnings.append(f"the machine was busy with other things: {100 * share:.0f} % of its CPUs before "
                        "the first load; throughput and latency say little")
    if filesystem in ("tmpfs", "ramfs", "overlay"):
        warnings.append(f"queues were on {filesystem}, not on a disk: durable figures say nothing")
    return {"date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
            "cpu": cpu[1] if cpu else platform.machine(), "cpus": len(os.sched_getaffinity(0)),
            "memory_gib": round(int(memory[1]) / 2**20, 1), "kernel": platform.release(),
            "system": system[1] if system else platform.system(), "filesystem": filesystem,
            "load_average": load, "busy_share": share, "commit": commit(), "warnings": warnings}


def commit():
    done = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], text=True,
                          capture_output=True, check=False)
    return done.stdout.strip() or "unknown"
