"""The command line of the tools that measure. What is wrong with it is said in one line, with exit status 2,
before anything starts. A tool that hears Ctrl-C or SIGTERM ends what it started and says so in one line."""

import argparse
import math
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAME = f"tools/{pathlib.Path(sys.argv[0]).name}"
PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"  # smtp-source, smtp-sink
INTERRUPTED = 130


def refuse(why):
    print(f"{NAME}: {why}", file=sys.stderr)
    sys.exit(2)


class Parser(argparse.ArgumentParser):
    def __init__(self, description):
        super().__init__(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)

    def error(self, message):
        refuse(message)

    def add_binary(self, name="relais"):
        self.add_argument("--binary", type=program, default=str(ROOT / "build" / "release" / name),
                          help="build/release/" + name)

    def add_folder(self, what, default=ROOT / "build"):
        self.add_argument("--folder", type=folder, default=str(default), metavar="DIR", help=what)

    def add_cores(self):
        self.add_argument("--cores", type=cores, default="auto", help="auto or a number")


# ---- types of options

def count(text):
    if not (text.isascii() and text.isdigit()) or not 0 < int(text) <= 1_000_000_000:
        raise argparse.ArgumentTypeError(f"{text}: a whole number, 1 or more")
    return int(text)


def positive(text):
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not 0 < number < math.inf:  # NaN is none either
        raise argparse.ArgumentTypeError(f"{text}: a number, more than 0")
    return number


def cores(text):
    return text if text == "auto" else count(text)


def program(text):
    path = pathlib.Path(text).absolute()
    if not path.is_file() or not os.access(path, os.X_OK):
        raise argparse.ArgumentTypeError(f"{text}: there is no such program; tools/build release makes it")
    return path


def folder(text):
    path = pathlib.Path(text)
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text}: there is no such folder")
    try_to_write(text)
    return path


def new_folder(text):
    """That is made where it is not there."""
    path = pathlib.Path(text)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as why:
        raise argparse.ArgumentTypeError(f"{text}: is no folder: {why.strerror}") from None
    try_to_write(text)
    return path


def try_to_write(text):
    try:
        tempfile.TemporaryFile(dir=text).close()
    except OSError as why:
        raise argparse.ArgumentTypeError(f"{text}: nothing can be written there: {why.strerror}") from None


def need(*names, brought_by="--test"):
    """Programs of other people, by name."""
    for name in names:
        if shutil.which(name, path=PATH) is None:
            refuse(f"{name} is not there; tools/setup {brought_by} brings it")


def beside(binary, *names):
    """Programs that are built with that one."""
    for name in names:
        if not os.access(binary.with_name(name), os.X_OK):
            refuse(f"{binary.with_name(name)} is not there; tools/build release makes it")


# ---- the end

def interrupt(*_):
    # What is ended now takes a moment, and is not to be ended halfway.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def forget_signals():
    """In a child, which its parent ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def run(main):
    """Ends the program with the status of main()."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    os.register_at_fork(after_in_child=forget_signals)  # those of multiprocessing
    try:
        status = main()
        sys.stdout.flush()
    except KeyboardInterrupt:
        print(f"{NAME}: interrupted; what was started has been ended", file=sys.stderr)
        status = INTERRUPTED
    except subprocess.CalledProcessError as why:
        print(f"{NAME}: {why.cmd[0]} ended with {why.returncode}", file=sys.stderr)
        status = 1
    except BrokenPipeError:  # `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    sys.exit(status)
