#!/usr/bin/python3
"""Proxy mode that names its clients to the upstream: a PROXY header in front of everything."""

import harness
from named_clients import NamedClients


class CutThroughProxy(NamedClients, harness.EndToEnd):
    SENDS = {"send_proxy_protocol": True}
    BELIEVES = {"proxy_protocol": "required", "trusted_proxies": ["127.0.0.1"]}
    POSTFIX = {"smtpd_upstream_proxy_protocol": "haproxy"}

    def test_the_upstream_serves_the_client(self):
        self.serves_the_client()

    def test_in_tls(self):
        self.in_tls()

    def test_many_clients_and_few_connections(self):
        self.few_connections()

    def test_one_that_comes_back_is_tried_without_a_client(self):
        """LOCAL; and our own address is one that the upstream does not serve: 421."""
        self.comes_back()

    def test_a_client_that_the_upstream_does_not_serve(self):
        self.serves_others()

    def test_postfix(self):
        self.behind_postfix()


if __name__ == "__main__":
    harness.main()
