"""Starts the real relais for an end-to-end test, with a configuration of its own, and watches it.

The program is $RELAIS_BINARY (ctest sets it). Every test has its own folder and its own ports. A
relais that a test started must end with status 0 (unless the test killed it) and without a word
from a sanitizer; when a test fails its folder is kept and the end of what relais said is printed.
"""

import fcntl
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

BINARY = os.environ.get("RELAIS_BINARY", "build/release/relais")
ROOT = pathlib.Path(__file__).resolve().parents[2]
SANITIZED = bool(os.environ.get("RELAIS_SANITIZED"))
PATIENCE = 4.0 if SANITIZED else 1.0  # what a time-out is multiplied with
ANONYMOUS = r"NT AUTHORITY\ANONYMOUS LOGON"
SANITIZER = re.compile(r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:")


def read_screen(screen):
    """All that is written to the other end of a pseudo-terminal, until that is closed."""
    seen = b""
    try:
        while piece := os.read(screen, 10_000):
            seen += piece
    except OSError:
        pass  # the end, as Linux says it
    return seen


def wait_until(condition, seconds, what):
    """The first true value of condition(); an AssertionError after `seconds` (times PATIENCE)."""
    end = time.monotonic() + seconds * PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds * PATIENCE:.0f} s in vain: {what}")
        time.sleep(0.02)


class Ports:
    """Ports below the ephemeral range, each held by a lock file: SO_REUSEPORT would let two servers
    of two tests share one without a word."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.gettempdir()) / "relais-e2e-ports"
        self.folder.mkdir(exist_ok=True)
        self.locks = []

    def take(self):
        for _ in range(1000):
            port = random.randrange(10_000, 30_000)
            lock = open(self.folder / str(port), "w")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                with socket.socket() as probe:
                    probe.bind(("0.0.0.0", port))
            except OSError:
                lock.close()
                continue
            self.locks.append(lock)
            return port
        raise AssertionError("no free port")

    def close(self):
        for lock in self.locks:
            lock.close()


def toml(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, list):
        return "[" + ", ".join(toml(v) for v in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml(v)}" for key, v in value.items()) + " }"
    return json.dumps(str(value))


def toml_table(table, prefix=""):
    """Plain keys first, then tables, then arrays of tables (which are lists of dicts)."""
    def is_tables(value):
        return isinstance(value, list) and value and isinstance(value[0], dict)

    lines = [f"{key} = {toml(value)}" for key, value in table.items()
             if not isinstance(value, dict) and not is_tables(value)]
    for key, value in table.items():
        if isinstance(value, dict):
            lines += ["", f"[{prefix}{key}]", toml_table(value, f"{prefix}{key}.")]
        elif is_tables(value):
            for entry in value:
                lines += ["", f"[[{prefix}{key}]]", toml_table(entry, f"{prefix}{key}.")]
    return "\n".join(lines)


def relay_connector(port, **more):
    """A connector whose clients (127.0.0.1) may relay anywhere."""
    return {"name": "Anonymous Relay", "bindings": [f"127.0.0.1:{port}"],
            "remote_ip_ranges": ["127.0.0.1"], "permission_groups": ["AnonymousUsers"],
            **more,
            "permission": [{"user": ANONYMOUS,
                            "extended_rights": ["ms-Exch-SMTP-Accept-Any-Recipient"]}]}


def default_connector(port, **more):
    """A connector for everybody else: accepted domains only."""
    return {"name": "Default Frontend", "bindings": [f"127.0.0.1:{port}"],
            "remote_ip_ranges": ["0.0.0.0-255.255.255.255"],
            "permission_groups": ["AnonymousUsers"], **more}


# What tests of other things would only wait for. Percentages and sources: all clients are 127.0.0.1.
UNLIMITED = {"tarpit_interval": "0s", "max_inbound_connection_per_source": "unlimited",
             "max_inbound_connection_percentage_per_source": 100}


P256 = ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")


def certificate(folder, name="relay.contoso.com", serial=1, key=P256):
    """Makes one with its key in the folder; the table [tls] for it."""
    table = {"certificate": str(folder / "cert.pem"), "key": str(folder / "key.pem")}
    done = run(["openssl", "req", "-x509", "-newkey", *key, "-nodes", "-days", "100",
                "-keyout", table["key"], "-out", table["certificate"], "-subj", f"/CN={name}",
                "-set_serial", str(serial), "-addext", f"subjectAltName=DNS:{name}"])
    assert done.returncode == 0, done.stderr
    os.chmod(table["key"], 0o600)
    return table


def expire(table):
    """The certificate of such a table, as it is a day too late."""
    done = run(["openssl", "x509", "-in", table["certificate"], "-signkey", table["key"], "-days",
                "-1", "-out", table["certificate"]])
    assert done.returncode == 0, done.stderr


def smart_host(*ports, **more):
    return {"name": "Smart host", "address_spaces": ["*"],
            "smart_hosts": [f"127.0.0.1:{p}" for p in ports], "connect_timeout": "3s", **more}


class Relais:
    """One server: its folder (configuration, data, log); between start and stop, its process."""

    def __init__(self, folder, port=0):
        self.folder = pathlib.Path(folder)
        self.port = port
        self.config_dir = self.folder / "config"
        self.data_dir = self.folder / "data"
        self.log_file = self.folder / "relais.log"
        self.process = None
        self.lines = []  # what it said on standard error, over all starts
        self.reader = None
        self.cpus = None

    def configure(self, *, receive=None, send=None, domains=("contoso.com",), server=None,
                  spool=None, retry=None, top=None, back_pressure=None, tls=None, auth=None,
                  notifications=None):
        """Writes relais.toml and connectors/*.toml. `receive`: connectors; default one relay. `top`:
        keys above the first table. Back pressure is off unless a test asks for it: how full the
        machine is that tests run on is not their matter. So are notifications: what fails is kept
        in failed/, and next hops see what the test has sent and no more."""
        receive = [{**UNLIMITED, **r} for r in receive or [relay_connector(self.port)]]
        main = {
            **(top or {}),
            "server": {"fqdn": "relay.contoso.com", "cores": 2,
                       "gather_sessions": os.environ.get("RELAIS_SPREAD") is None,
                       "data_dir": str(self.data_dir),
                       "log_file": str(self.log_file), "drain_timeout": "5s",
                       "max_connection_rate_per_minute": "unlimited",
                       **(server or {})},
            "spool": {"segment_size": "4MB", "max_size": "256MB", **(spool or {})},
            "retry": {"first": "200ms", "max": "1s", "expire_after": "1h", **(retry or {})},
            "back_pressure": back_pressure or {"enabled": False},
            "notifications": notifications or {"enabled": False},
            **({"tls": tls} if tls else {}),
            **({"auth": auth} if auth else {}),
            "accepted_domain": [{"name": d, "type": "Authoritative"} for d in domains],
            "send_connector": send,
        }
        connectors = self.config_dir / "connectors"
        shutil.rmtree(connectors, ignore_errors=True)
        connectors.mkdir(parents=True)
        (self.config_dir / "relais.toml").write_text(toml_table(main) + "\n")
        for number, connector in enumerate(receive):
            (connectors / f"{number}.toml").write_text(toml_table(connector) + "\n")

    def start(self, ready=True):
        command = [BINARY, "serve", "--config", str(self.config_dir)]
        with open(self.folder / "stdout", "ab") as out:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out,
                                            stderr=subprocess.PIPE, text=True, errors="replace")
        self.start_line = len(self.lines)
        self.reader = threading.Thread(target=self._read, args=(self.process.stderr,), daemon=True)
        self.reader.start()
        if ready:
            wait_until(lambda: self.is_ready() or self.process.poll() is not None, 30, "ready")
            if not self.is_ready():
                raise AssertionError(f"relais ended with {self.process.poll()}:\n{self.tail()}")
        return self

    def _read(self, stream):
        with stream, open(self.folder / "stderr", "a", encoding="utf-8") as keep:
            for line in stream:
                self.lines.append(line.rstrip("\n"))
                keep.write(line)
                keep.flush()

    def said(self, pattern):
        """Lines of this start that match."""
        return [line for line in self.lines[self.start_line:] if re.search(pattern, line)]

    def is_ready(self):
        return bool(self.said(r"\bready\b"))

    @property
    def pid(self):
        return self.process.pid

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, seconds=20):
        try:
            status = self.process.wait(seconds * PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"relais did not end within {seconds * PATIENCE:.0f} s") from None
        self.reader.join(5)
        self.process = None
        return status

    def stop(self, seconds=20):
        """SIGTERM, and the status must be 0."""
        if self.process is None:
            return
        self.signal(signal.SIGTERM)
        status = self.wait(seconds)
        self.check_sanitizers()
        assert status == 0, f"after SIGTERM relais ended with {status}, not 0:\n{self.tail()}"

    def kill(self):
        """As a power cut, as far as a process can have one."""
        self.signal(signal.SIGKILL)
        self.process.wait()
        self.reader.join(5)
        self.process = None
        self.check_sanitizers()

    def check_sanitizers(self):
        found = [line for line in self.lines if SANITIZER.search(line)]
        assert not found, "a sanitizer spoke:\n" + self.tail(80)

    def tail(self, count=30):
        return "\n".join(self.lines[-count:])

    def events(self, *kinds):
        """The log, decoded; every line must be one JSON object with time and event."""
        if not self.log_file.exists():
            return []
        found = []
        for line in self.log_file.read_text(encoding="utf-8").split("\n")[:-1]:
            try:
                event = json.loads(line)
            except ValueError as error:
                raise AssertionError(f"log line is no JSON ({error}): {line!r}") from None
            assert "time" in event and "event" in event, f"log line lacks a common field: {line}"
            if not kinds or event["event"] in kinds:
                found.append(event)
        return found

    def wait_event(self, kind, seconds=10, **fields):
        def find():
            for event in self.events(kind):
                if all(event.get(k) == v for k, v in fields.items()):
                    return event
            return None
        return wait_until(find, seconds, f"log event {kind} {fields}")

    def rss(self):
        """Octets of user memory. Not Pss: that grows when another relais ends, by the pages of
        the program that the two shared."""
        text = pathlib.Path(f"/proc/{self.pid}/smaps_rollup").read_text()
        return int(re.search(r"^Rss:\s+(\d+) kB", text, re.M)[1]) * 1024


class Client:
    """A raw SMTP client: sends exactly what it is told and reads whole replies."""

    def __init__(self, port, source="127.0.0.1", timeout=15, greet=True):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout * PATIENCE,
                                               source_address=(source, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        try:
            self.greeting = self.reply() if greet else None
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def reset(self):
        """Closes with a TCP reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())

    def line(self):
        """One line without CRLF; "" at the end of the connection."""
        while b"\r\n" not in self.buffer:
            data = self.socket.recv(65536)
            if not data:
                assert not self.buffer, f"the connection ended in the middle of {self.buffer!r}"
                return ""
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line.decode("ascii")

    def reply(self):
        """All lines of one reply, joined with \\n."""
        lines = [self.line()]
        while lines[-1][3:4] == "-":
            lines.append(self.line())
        return "\n".join(lines)

    def command(self, text):
        self.send(text + "\r\n")
        return self.reply()

    def expect(self, text, code):
        reply = self.command(text)
        assert reply.startswith(str(code)), f"{text!r}: wanted {code}, got {reply!r}"
        return reply

    def begin(self, sender, recipients):
        self.expect(f"MAIL FROM:<{sender}>", 250)
        for recipient in recipients:
            self.expect(f"RCPT TO:<{recipient}>", 250)

    def content(self, body):
        """DATA, the body dot-stuffed, the dot. Gives the reply to the dot."""
        self.expect("DATA", 354)
        self.send(stuff(body) + b".\r\n")
        return self.reply()

    def message(self, sender, recipients, body):
        """A whole transaction that must be accepted; gives the GUID."""
        self.begin(sender, recipients)
        return guid_of(self.content(body))

    def quit(self):
        reply = self.command("QUIT")
        assert reply == "221 2.0.0 Service closing transmission channel", reply
        assert self.line() == "", "after QUIT the connection stays open"
        self.close()


def stuff(body):
    assert not body or body.endswith(b"\r\n"), "content ends with CRLF"
    return (b"\r\n" + body).replace(b"\r\n.", b"\r\n..")[2:]


def guid_of(reply):
    match = re.fullmatch(r"250 2\.6\.0 <([^<> ]+)> Queued mail for delivery", reply)
    assert match, f"not the walk-through's reply: {reply!r}"
    return match[1]


def without_received(content):
    """Takes the one field that relais puts in front off; fails when it is not there."""
    match = re.match(rb"Received: [^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*", content)
    assert match, f"no Received field in front: {content[:200]!r}"
    return content[match.end():]


def send(port, sender, recipients, body, source="127.0.0.1"):
    with Client(port, source) as client:
        client.expect("EHLO client.example", 250)
        guid = client.message(sender, recipients, body)
        client.quit()
        return guid


def run(command, seconds=60, **more):
    """Runs a program to its end; gives the finished process with its output as text."""
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, errors="replace",
                          timeout=seconds * PATIENCE, check=False, **more)


def need(program):
    """The path of a test program; without it the test is skipped and says how to get it."""
    path = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not path:
        raise unittest.SkipTest(f"{program} is not there; tools/setup --test installs it")
    return path


class EndToEnd(unittest.TestCase):
    """A test with a folder, ports and one relais (`self.relais`, on `self.port`)."""

    folder_parent = None  # elsewhere than in the temporary folder, for one test

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="relais-e2e-"))
        self.ports = Ports()
        self.port = self.ports.take()
        self.relais = Relais(self.folder, self.port)
        self.addCleanup(self._clean_up)

    def client(self, source="127.0.0.1"):
        """One that has said EHLO; closed when the test ends."""
        client = Client(self.port, source)
        self.addCleanup(client.close)
        client.expect("EHLO client.contoso.com", 250)
        return client

    def messages(self, client, count):
        for _ in range(count):
            client.message("chris@contoso.com", ["kate@contoso.com"], b"Subject: x\r\n\r\nx\r\n")

    def _clean_up(self):
        problem = None
        try:
            if self.relais.process is not None:
                self.relais.stop()
            self.relais.check_sanitizers()
        except AssertionError as error:
            problem = error
        outcome = getattr(self, "_outcome", None)
        errors = outcome.result.errors + outcome.result.failures if outcome else []
        failed = problem or any(test is self and text for test, text in errors)
        self.ports.close()
        if failed or os.environ.get("RELAIS_KEEP"):
            print(f"\nkept: {self.folder}\nthe end of its standard error:\n{self.relais.tail()}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)
        if problem:
            raise problem


class Counted:
    """Beside EndToEnd: traffic whose figures a test looks at."""

    BODY = b"Subject: counted\r\n\r\ntext\r\n"

    def send(self, source, count=1, recipients=("kate@contoso.com",)):
        with Client(self.port, source) as client:
            client.expect("EHLO client.example", 250)
            for _ in range(count):
                client.message("chris@contoso.com", list(recipients), self.BODY)
            client.quit()

    def refused_relay(self, source):
        with Client(self.port, source) as client:
            client.expect("EHLO client.example", 250)
            client.expect("MAIL FROM:<chris@contoso.com>", 250)
            client.expect("RCPT TO:<kate@fabrikam.com>", 550)
            client.quit()


def main():
    unittest.main(verbosity=2, warnings="ignore")
