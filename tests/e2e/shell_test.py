#!/usr/bin/python3
"""relais shell: the seven lines of the manual, word for word, on files alone and with a running server."""

import json
import os
import re
import socket
import subprocess
import time

import harness
from harness import Client
from next_hop import NextHop

WALK_THROUGH = r'''New-ReceiveConnector -Name "Anonymous Relay" -TransportRole FrontendTransport -Custom -Bindings 0.0.0.0:25 -RemoteIpRanges 192.168.5.10,192.168.5.11
Set-ReceiveConnector "Anonymous Relay" -PermissionGroups AnonymousUsers
Get-ReceiveConnector "Anonymous Relay" | Add-ADPermission -User "NT AUTHORITY\ANONYMOUS LOGON" -ExtendedRights "Ms-Exch-SMTP-Accept-Any-Recipient"
Set-ReceiveConnector "Anonymous Relay" -AuthMechanism ExternalAuthoritative -PermissionGroups ExchangeServers
Get-ReceiveConnector "Anonymous Relay" | Format-List Enabled,TransportRole,Bindings,RemoteIPRanges
Get-ADPermission "Anonymous Relay" -User "NT AUTHORITY\ANONYMOUS LOGON" | where {($_.Deny -eq $false) -and ($_.IsInherited -eq $false)} | Format-Table User,ExtendedRights
Get-ADPermission "Anonymous Relay" -User "MS Exchange\Externally Secured Servers" | where {($_.Deny -eq $false) -and ($_.IsInherited -eq $false)} | Format-Table User,ExtendedRights
'''

RIGHTS_OF_THE_ANONYMOUS = r'''
User                         ExtendedRights
----                         --------------
NT AUTHORITY\ANONYMOUS LOGON {ms-Exch-SMTP-Submit}
NT AUTHORITY\ANONYMOUS LOGON {ms-Exch-SMTP-Accept-Any-Sender}
NT AUTHORITY\ANONYMOUS LOGON {ms-Exch-SMTP-Accept-Authoritative-Domain-Sender}
NT AUTHORITY\ANONYMOUS LOGON {ms-Exch-Accept-Headers-Routing}
NT AUTHORITY\ANONYMOUS LOGON {ms-Exch-SMTP-Accept-Any-Recipient}

'''

OUTPUT = r'''
Identity              Bindings     Enabled
--------              --------     -------
RELAY\Anonymous Relay {0.0.0.0:25} True


Identity              User                         Deny  Inherited
--------              ----                         ----  ---------
RELAY\Anonymous Relay NT AUTHORITY\ANONYMOUS LOGON False False


Enabled        : True
TransportRole  : FrontendTransport
Bindings       : {0.0.0.0:25}
RemoteIPRanges : {192.168.5.10, 192.168.5.11}


User                         ExtendedRights
----                         --------------
NT AUTHORITY\ANONYMOUS LOGON {ms-Exch-SMTP-Accept-Any-Recipient}


User                                   ExtendedRights
----                                   --------------
MS Exchange\Externally Secured Servers {ms-Exch-SMTP-Submit}
MS Exchange\Externally Secured Servers {ms-Exch-SMTP-Accept-Any-Recipient}
MS Exchange\Externally Secured Servers {ms-Exch-SMTP-Accept-Any-Sender}
MS Exchange\Externally Secured Servers {ms-Exch-SMTP-Accept-Authoritative-Domain-Sender}
MS Exchange\Externally Secured Servers {ms-Exch-SMTP-Accept-Authentication-Flag}
MS Exchange\Externally Secured Servers {ms-Exch-SMTP-Accept-Exch50}
MS Exchange\Externally Secured Servers {ms-Exch-Accept-Headers-Routing}
MS Exchange\Externally Secured Servers {ms-Exch-Bypass-Anti-Spam}
MS Exchange\Externally Secured Servers {ms-Exch-Bypass-Message-Size-Limit}

'''

NO_SERVER = "No server runs with data_dir "
TAKEN = "The running server has taken the change.\n"


class Shell(harness.EndToEnd):
    def shell(self, lines=None, *arguments, config=None):
        command = [harness.BINARY, "shell", "--config", str(config or self.relais.config_dir),
                   *arguments]
        return subprocess.run(command, input=lines or "", capture_output=True, text=True,
                              timeout=30 * harness.PATIENCE, check=False)

    def started(self):
        """A server with one connector, for everybody, and a next hop."""
        self.hop = NextHop(self.ports.take()).start()
        self.addCleanup(self.hop.stop)
        self.relais.configure(receive=[harness.default_connector(self.port)],
                              send=[harness.smart_host(self.hop.port)])
        self.relais.start()
        harness.wait_until((self.relais.data_dir / "state.json").exists, 5, "state.json")

    def lines_for_the_test(self):
        """The walk-through's first method, for an address of this machine."""
        lines = WALK_THROUGH.splitlines()[:3] + [WALK_THROUGH.splitlines()[5]]
        text = "\n".join(lines).replace("0.0.0.0:25", f"127.0.0.1:{self.port}")
        return text.replace("192.168.5.10,192.168.5.11", "127.0.0.11") + "\n"

    def test_the_walk_through_is_word_for_word(self):
        self.relais.configure(receive=[harness.default_connector(self.port)])
        done = self.shell(WALK_THROUGH)
        self.assertEqual(done.stdout, OUTPUT)
        self.assertEqual(done.returncode, 0, done.stderr)
        warnings = done.stderr.splitlines()
        self.assertEqual([w for w in warnings if not w.startswith("WARNING: ")],
                         [f"{NO_SERVER}{self.relais.data_dir}; the change takes effect at the next "
                          "start."])
        self.assertTrue(any("both relay methods at once" in w for w in warnings), warnings)

    def test_the_first_method_gives_five_rights(self):
        self.relais.configure(receive=[harness.default_connector(self.port)])
        done = self.shell(self.lines_for_the_test())
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(done.stdout.endswith(RIGHTS_OF_THE_ANONYMOUS), done.stdout)

    def test_an_argument_and_a_file_do_the_same(self):
        outputs = []
        script = self.folder / "script.ps1"
        script.write_text(WALK_THROUGH)
        for name, arguments in (("a", ["-c", WALK_THROUGH]), ("b", [str(script)])):
            folder = self.folder / name
            folder.mkdir()
            (folder / "relais.toml").write_text('[server]\nfqdn = "relay.contoso.com"\n'
                                                f'data_dir = "{self.folder}/none"\n')
            outputs.append(self.shell(None, *arguments, config=folder).stdout)
        self.assertEqual(outputs, [OUTPUT, OUTPUT])

    def test_exit_status(self):
        self.relais.configure(receive=[harness.default_connector(self.port)])
        self.assertEqual(self.shell("Get-ReceiveConnector\n").returncode, 0)
        done = self.shell("Nonsense-Here\nGet-ReceiveConnector | select Name | ConvertTo-Json -c\n")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stdout, '{"Name":"Default Frontend"}\n')
        self.assertEqual(self.shell("", "--nonsense").returncode, 2)
        self.assertEqual(self.shell("", "/nowhere/at/all").returncode, 2)

    def test_the_dialogue_after_the_walk_through_on_a_running_server(self):
        self.started()
        self.assertEqual(self.rcpt("127.0.0.11"), "550 5.7.1 Unable to relay")
        done = self.shell(self.lines_for_the_test())
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr.count(TAKEN), 3, done.stderr)
        # The cores take the new policy from their mailboxes, in a moment.
        harness.wait_until(lambda: self.rcpt("127.0.0.11").startswith("250"), 5, "the new policy")
        with Client(self.port, "127.0.0.11") as client:
            client.expect("EHLO", 250)
            for line, answer in [
                    ("MAIL FROM:chris@contoso.com", "250 2.1.0 Sender OK"),
                    ("RCPT TO:kate@fabrikam.com", "250 2.1.5 Recipient OK"),
                    ("DATA", "354 Start mail input; end with <CRLF>.<CRLF>")]:
                self.assertEqual(client.command(line), answer)
            client.send("Subject: Test\r\n\r\nThis is a test message\r\n.\r\n")
            self.assertRegex(client.reply(),
                             r"\A250 2\.6\.0 <[^<> ]+> Queued mail for delivery\Z")
            client.quit()
        self.assertEqual(self.rcpt("127.0.0.12"), "550 5.7.1 Unable to relay")
        harness.wait_until(lambda: self.hop.messages, 10, "the message at the next hop")
        message = self.hop.messages[0]
        self.assertEqual((message.sender, message.recipients),
                         ("chris@contoso.com", ["kate@fabrikam.com"]))
        self.assertEqual(harness.without_received(message.content),
                         b"Subject: Test\r\n\r\nThis is a test message\r\n")

    def rcpt(self, source):
        with Client(self.port, source) as client:
            client.expect("EHLO", 250)
            self.assertEqual(client.command("MAIL FROM:chris@contoso.com"), "250 2.1.0 Sender OK")
            answer = client.command("RCPT TO:kate@fabrikam.com")
            client.quit()
            return answer

    def state(self):
        return json.loads((self.relais.data_dir / "state.json").read_text())

    def test_a_refused_change_does_not_reach_the_server(self):
        self.started()
        before = self.state()
        self.assertEqual(before["pid"], self.relais.process.pid)
        done = self.shell('Set-ReceiveConnector "Default Frontend" -RemoteIPRanges 10.0.0.0/33\n')
        self.assertEqual(done.returncode, 1)
        self.assertEqual(self.state(), before)

    def test_what_the_server_cannot_take_is_said(self):
        self.started()
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = other.getsockname()[1]
            done = self.shell(f"New-ReceiveConnector B -Internet -Bindings 127.0.0.1:{port}\n")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"New-ReceiveConnector : the files are changed, but the running "
                         rf"server did not take them: .*{port}")
        log = [json.loads(line) for line in
               (self.relais.data_dir / "audit.log").read_text().splitlines()]
        self.assertEqual([entry["result"].split(":")[0] for entry in log],
                         ["written", "refused by the server"])
        self.assertEqual(log[0]["uid"], os.getuid())
        self.assertEqual(log[0]["command"], log[1]["command"])
        self.assertEqual(log[0]["file"], log[1]["file"])
        self.assertIn("after", log[0])
        self.assertNotIn("after", log[1])

    def test_another_configuration_is_not_this_server(self):
        self.started()
        other = self.folder / "other"
        other.mkdir()
        (other / "relais.toml").write_text(f'[server]\ndata_dir = "{self.relais.data_dir}"\n')
        before = self.state()
        done = self.shell("New-AcceptedDomain fabrikam.com\n", config=other)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn(TAKEN, done.stderr)
        self.assertEqual(self.state(), before)

    def test_a_server_with_another_data_dir_is_not_found_and_that_is_said(self):
        self.started()
        main = self.relais.config_dir / "relais.toml"
        moved = self.folder / "moved"
        main.write_text(main.read_text().replace(str(self.relais.data_dir), str(moved)))
        done = self.shell("New-AcceptedDomain fabrikam.com\nNew-AcceptedDomain tailspin.com\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr, f"{NO_SERVER}{moved}; the change takes effect at the next "
                         "start.\n")

    def test_a_send_connector_waits_for_the_next_start(self):
        self.started()
        done = self.shell("New-SendConnector B -AddressSpaces contoso.com -SmartHosts 127.0.0.9:26\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("WARNING: changes in [[send_connector]] take effect when the server is started "
                      "again\n", done.stderr)

    def test_two_shells_at_once_do_not_lose_a_change(self):
        self.relais.configure(receive=[harness.default_connector(self.port)])
        lines = [[f"New-AcceptedDomain d{shell}x{i}.com | Out-Null\n" for i in range(8)]
                 for shell in range(4)]
        shells = [subprocess.Popen([harness.BINARY, "shell", "--config",
                                    str(self.relais.config_dir)], stdin=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True) for _ in lines]
        for process, text in zip(shells, lines):
            process.stdin.write("".join(text))
            process.stdin.close()
        for process in shells:
            self.assertEqual(process.wait(60 * harness.PATIENCE), 0, process.stderr.read())
            process.stderr.close()
        done = self.shell("Get-AcceptedDomain *x*.com | measure | ConvertTo-Json -Compress\n")
        self.assertEqual(done.stdout, '{"Count":32}\n')

    def test_a_person_at_a_terminal(self):
        self.relais.configure(receive=[harness.default_connector(self.port)])
        controller, terminal = os.openpty()
        environment = dict(os.environ, TERM="dumb", XDG_STATE_HOME=str(self.folder / "state"))
        process = subprocess.Popen([harness.BINARY, "shell", "--config",
                                    str(self.relais.config_dir)], stdin=terminal, stdout=terminal,
                                   stderr=terminal, env=environment, start_new_session=True)
        os.close(terminal)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        seen = b""

        def read_until(wanted):
            nonlocal seen
            end = time.monotonic() + 20 * harness.PATIENCE
            while wanted not in seen:
                self.assertLess(time.monotonic(), end, f"{wanted!r} in {seen!r}")
                try:
                    seen += os.read(controller, 4096)
                except OSError:  # the other side has gone
                    break
            self.assertIn(wanted, seen)
            seen = seen[seen.index(wanted) + len(wanted):]

        read_until(b"[PS] relais> ")
        os.write(controller, b"Get-Rec\t| fl Name,\nEnabled\n")
        read_until(b">> ")
        read_until(b"Name    : Default Frontend")
        read_until(b"[PS] relais> ")
        os.write(controller, b"Remove-ReceiveConnector 'Default Frontend'\n")
        read_until(b'(default is "Y"): ')
        os.write(controller, b"n\n")
        read_until(b"[PS] relais> ")
        os.write(controller, b"exit\n")
        self.assertEqual(process.wait(20 * harness.PATIENCE), 0)
        os.close(controller)
        history = (self.folder / "state" / "relais" / "history").read_text()
        self.assertRegex(history, re.escape("Remove-ReceiveConnector"))


if __name__ == "__main__":
    harness.main()
