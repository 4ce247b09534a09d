"""nginx's mail proxy. It asks an HTTP server where each session goes: here one that it is itself."""

import os
import pathlib
import re

from peers import PORTS
from peers.peer import Missing, Peer, output_of, program

MODULE = pathlib.Path("/usr/lib/nginx/modules/ngx_mail_module.so")

CONFIG = """
load_module {module};
{user}
pid {folder}/pid;
error_log {folder}/error.log warn;
worker_processes auto;
worker_rlimit_nofile 20000;
events {{
  worker_connections 8000;
}}
mail {{
  server_name mx.contoso.com;
  proxy_buffer 64k;
  auth_http 127.0.0.1:{auth}/auth;
  server {{
    listen 127.0.0.1:{port} backlog=4000;
    protocol smtp;
    smtp_auth none;
    smtp_client_buffer 64k;
    smtp_capabilities "SIZE 104857600" 8BITMIME PIPELINING;
    xclient off;
  }}
}}
http {{
  access_log off;
  server {{
    listen 127.0.0.1:{auth} backlog=4000;
    location /auth {{
      add_header Auth-Status OK;
      add_header Auth-Server 127.0.0.1;
      add_header Auth-Port {hop};
      return 204;
    }}
  }}
}}
"""


class Nginx(Peer):
    key, name, kind = "nginx", "nginx mail proxy", "proxy"
    durability = "250 is the next hop's; reads SMTP up to the first RCPT, then carries bytes"
    tuning = ("a worker for each CPU; auth_http is answered by the same workers; no access log; "
              "buffers of 64k in place of 4k: each piece of content waits for the next hop's "
              "acknowledgement, as nginx sends without TCP_NODELAY here")

    def start(self):
        if not MODULE.exists():
            raise Missing("nginx's mail module is not there; tools/setup --compare brings it")
        config = self.folder / "nginx.conf"
        config.write_text(CONFIG.format(
            module=MODULE, folder=self.folder, auth=PORTS.take(), port=self.port, hop=self.hop,
            user="user www-data;" if os.getuid() == 0 else ""))
        self.run([program("nginx"), "-p", self.folder, "-c", config, "-e", self.folder / "error.log",
                  "-g", "daemon off;"])

    @classmethod
    def version(cls):
        return re.search(r"nginx/(\S+)", output_of(program("nginx"), "-v"))[1]
