"""Servers that other people wrote, each as a private instance in a test's folder, ended with the test:
Postfix, Exim, Dovecot, HAProxy. What they say goes to files there (`log()`)."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import unittest

import harness

NOBODY = 65534


def need_root(what):
    if os.getuid() != 0:
        raise unittest.SkipTest(f"{what} starts for root only")


def family(first):
    """A process id and all below it, parents first."""
    parents = {}
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:  # ended meanwhile
            pass
    found = [first]
    for pid in found:  # grows while it is walked
        found += [child for child, parent in parents.items() if parent == pid]
    return found


class Process:
    """One that stays in the foreground. Its output goes into a file."""

    own_session = False  # True: Ctrl-C in the terminal is not for it

    def __init__(self, test, name):
        self.said = test.folder / f"{name}.said"
        self.process = None
        test.addCleanup(self.stop)

    def run(self, command, **more):
        with open(self.said, "ab") as said:
            self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL,
                                            stdout=said, stderr=said,
                                            start_new_session=self.own_session, **more)

    def family(self):
        return family(self.process.pid)

    def kill(self):
        for pid in self.family():  # the first one first: it starts no new ones meanwhile
            os.kill(pid, signal.SIGKILL)
        self.process.wait(20)
        self.process = None

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)
            self.process = None

    def log(self):
        return self.said.read_text(errors="replace") if self.said.exists() else ""


class Postfix:
    """Takes mail on `port` from 127.0.0.1, for anybody, and passes it on to its `relayhost`."""

    SERVICES = """
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
tlsproxy unix - - n - 0 tlsproxy
rewrite unix - - n - - trivial-rewrite
proxymap unix - - n - - proxymap
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
smtp unix - - n - - smtp
relay unix - - n - - smtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""

    def __init__(self, test):
        self.program = harness.need("postfix")
        need_root("Postfix")
        self.folder = test.folder / "postfix"
        for name in ("queue", "data", "config"):
            (self.folder / name).mkdir(parents=True)
        os.chmod(test.folder, 0o755)
        shutil.chown(self.folder / "data", "postfix")
        self.clean_up = test.addCleanup

    def start(self, port, relayhost, **more):
        settings = {
            "compatibility_level": "3.6", "queue_directory": self.folder / "queue",
            "data_directory": self.folder / "data", "myhostname": "mx.contoso.com",
            "mydestination": "", "inet_interfaces": "127.0.0.1", "inet_protocols": "ipv4",
            "mynetworks": "127.0.0.0/8", "relayhost": relayhost,
            "smtpd_relay_restrictions": "permit_mynetworks, reject",
            "smtp_host_lookup": "native", "smtp_tls_security_level": "none",
            "maillog_file": self.folder / "log",
            "maillog_file_prefixes": self.folder, "alias_maps": "", "alias_database": "",
            "local_recipient_maps": "", "local_header_rewrite_clients": "", **more,
        }
        (self.folder / "config" / "main.cf").write_text(
            "".join(f"{key} = {value}\n" for key, value in settings.items()))
        (self.folder / "config" / "master.cf").write_text(
            f"127.0.0.1:{port} inet n - n - - smtpd{self.SERVICES}")
        self.clean_up(self.run, "stop")
        assert self.run("start") == 0, self.log()

    def run(self, what):
        """What it starts keeps its output open, so that is no pipe."""
        with open(self.folder / "said", "a", encoding="utf-8") as said:
            return subprocess.run([self.program, "-c", str(self.folder / "config"), what],
                                  stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                                  timeout=60, check=False).returncode

    def log(self):
        logs = [self.folder / "said", self.folder / "log"]
        return "".join(log.read_text() for log in logs if log.exists())


class Exim(Process):
    """As Postfix above. Debian's packages of the two exclude each other, so tools/setup only unpacks
    Exim's; the user that its build insists on exists for it alone, by libnss-wrapper."""

    CONFIG = """
exim_path = {program}
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
pid_file_path = {folder}/pid
keep_environment = LD_PRELOAD : NSS_WRAPPER_PASSWD : NSS_WRAPPER_GROUP
primary_hostname = mx.contoso.com
disable_ipv6
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
tls_advertise_hosts =
dsn_advertise_hosts = *
acl_smtp_rcpt = anybody
{logged}
smtp_accept_queue_per_connection = 0
{main}
begin acl
anybody:
  accept
begin routers
onward:
  driver = manualroute
  route_list = * localhost byname
  self = send
  transport = onward
begin transports
onward:
  driver = smtp
  port = {next_port}
  allow_localhost
  {transport}
begin retry
* * F,1h,1s
begin authenticators
{authenticators}
"""

    logged = "log_selector = +all"

    @staticmethod
    def program():
        for path in (harness.ROOT / "build" / "exim" / "usr" / "sbin" / "exim4",
                     pathlib.Path("/usr/sbin/exim4")):
            if path.exists():
                return path
        raise unittest.SkipTest("Exim is not there; tools/setup --test unpacks it into build/exim")

    def __init__(self, test):
        super().__init__(test, "exim")
        self.binary = self.program()
        need_root("Exim")
        self.folder = test.folder / "exim"
        os.chmod(test.folder, 0o755)
        for name in ("spool", "log"):
            (self.folder / name).mkdir(parents=True)
            os.chown(self.folder / name, NOBODY, NOBODY)
        for name, entry in (("passwd", f"Debian-exim:x:{NOBODY}:{NOBODY}::/nonexistent:/bin/false\n"),
                            ("group", f"Debian-exim:x:{NOBODY}:\n")):
            (self.folder / name).write_text(pathlib.Path("/etc", name).read_text() + entry)
        self.environment = {**os.environ, "LD_PRELOAD": "libnss_wrapper.so",
                            "NSS_WRAPPER_PASSWD": str(self.folder / "passwd"),
                            "NSS_WRAPPER_GROUP": str(self.folder / "group")}

    def start(self, port, next_port, main="", transport=(), authenticators="", queue_only=False):
        """Mail waits for queue_run() where `queue_only`."""
        self.config = self.folder / "config"
        self.config.write_text(self.CONFIG.format(
            program=self.binary, folder=self.folder, port=port, next_port=next_port,
            main=main + ("\nqueue_only" if queue_only else ""), transport="\n  ".join(transport),
            authenticators=authenticators, logged=self.logged))
        self.run([self.binary, "-C", self.config, "-bdf"], env=self.environment)

        def answers():
            assert self.process.poll() is None, self.log()
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0
        harness.wait_until(answers, 20, "Exim")

    def queue_run(self):
        with open(self.said, "ab") as said:
            subprocess.run([self.binary, "-C", self.config, "-qqff"], env=self.environment,
                           stdin=subprocess.DEVNULL, stdout=said, stderr=said, timeout=60,
                           check=False)

    def log(self):
        return super().log() + "".join(path.read_text(errors="replace")
                                       for path in sorted((self.folder / "log").glob("*")))


class Dovecot(Process):
    """Its authentication alone, without what it does to addresses that have failed before. Users are
    lines `name:{SCHEME}password:::::: extra`."""

    CONFIG = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols =
ssl = no
auth_mechanisms = plain login
auth_verbose = yes
auth_failure_delay = {failure_delay}
passdb {{
  driver = {driver}
  args = {arguments}
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home=/nonexistent
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service auth {{
  unix_listener {socket} {{
    mode = 0600
  }}
}}
"""

    def __init__(self, test, path, failure_delay="1 secs", program=None):
        """`program` is asked in the way of checkpassword, instead of the file of users."""
        super().__init__(test, "dovecot")
        self.program = harness.need("dovecot")
        need_root("Dovecot")
        self.socket = path
        self.folder = test.folder / "dovecot"
        self.folder.mkdir()
        os.chmod(test.folder, 0o755)
        self.users = self.folder / "users"
        self.config = self.folder / "dovecot.conf"
        self.config.write_text(self.CONFIG.format(
            folder=self.folder, socket=path, failure_delay=failure_delay,
            driver="checkpassword" if program else "passwd-file",
            arguments=program or f"username_format=%u {self.users}"))

    def set_users(self, *lines):
        self.users.write_text("".join(line + "\n" for line in lines))
        os.chmod(self.users, 0o644)

    def start(self):
        self.run([self.program, "-F", "-c", self.config])

        def answers():
            assert self.process.poll() is None, self.log()
            with socket.socket(socket.AF_UNIX) as probe:
                return probe.connect_ex(str(self.socket)) == 0
        harness.wait_until(answers, 20, "Dovecot")

    def log(self):
        path = self.folder / "log"
        return super().log() + (path.read_text() if path.exists() else "")


class HAProxy(Process):
    """In TCP mode on 127.0.0.1:`port` in front of one server."""

    def __init__(self, test):
        super().__init__(test, "haproxy")
        self.program = harness.need("haproxy")
        self.folder = test.folder
        self.stats = self.folder / "haproxy.sock"

    def start(self, bind, server, *options):
        config = self.folder / "haproxy.cfg"
        lines = ["global", f"    stats socket {self.stats}", "defaults",
                 "    mode tcp", "    timeout connect 5s", "    timeout client 60s",
                 "    timeout server 60s", "listen smtp", f"    bind {bind}",
                 *(f"    {option}" for option in options), f"    server relais {server}", ""]
        config.write_text("\n".join(lines))
        self.run([self.program, "-db", "-f", config])
        # Its stats socket: a connection to the other one would be a client.

        def listens():
            assert self.process.poll() is None, self.log()
            return self.stats.exists()
        harness.wait_until(listens, 10, "HAProxy")

    def health(self):
        """What it thinks of the server: "UP", "L4CON", ...: its status and its last check."""
        with socket.socket(socket.AF_UNIX) as stats:
            stats.connect(str(self.stats))
            stats.sendall(b"show stat\n")
            text = b""
            while chunk := stats.recv(65536):
                text += chunk
        rows = [line.split(",") for line in text.decode().lstrip("# ").splitlines() if line]
        for row in rows[1:]:
            fields = dict(zip(rows[0], row))
            if fields["svname"] == "relais":
                # "* ": the next one is under way
                return fields["status"], fields["check_status"].lstrip("* "), fields["check_code"]
        return None
