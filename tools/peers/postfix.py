"""Postfix: its queue, and smtpd_proxy_filter, where its smtpd hands on before anything is queued."""

import other_servers
from peers.peer import Peer, output_of, program, skip_is_missing


class Postfix(Peer):
    key, name, kind = "postfix", "Postfix", "durable"
    durability = "250 when the message is in a file of its own in the queue, after fsync"
    tuning = ("as TUNING_README says: processes for all sessions, limits of clients lifted, no names "
              "looked up, more deliveries at a time (100) to the one next hop; logs each message")
    relayed = True

    def settings(self):
        return {"smtp_destination_concurrency_limit": 100, "initial_destination_concurrency": 20}

    @skip_is_missing
    def start(self):
        postfix = other_servers.Postfix(self)
        self.pid_file = postfix.folder / "queue" / "pid" / "master.pid"
        postfix.start(
            self.port, f"[127.0.0.1]:{self.hop}" if self.relayed else "",
            default_process_limit=max(100, self.sessions + 50),
            smtpd_client_connection_count_limit=0, smtpd_client_connection_rate_limit=0,
            smtpd_peername_lookup="no", **self.settings())
        self.wait_until_it_listens()

    def first_pid(self):
        return int(self.pid_file.read_text())

    @classmethod
    def version(cls):
        return output_of(program("postconf"), "-dh", "mail_version").splitlines()[-1]


class PostfixProxy(Postfix):
    key, name, kind = "postfix-proxy", "Postfix, smtpd_proxy_filter", "proxy"
    durability = "250 when the next hop has said so; keeps nothing"
    tuning = "as Postfix above; smtpd_proxy_options is empty, which is its default"
    relayed = False

    def settings(self):
        return {"smtpd_proxy_filter": f"127.0.0.1:{self.hop}"}
