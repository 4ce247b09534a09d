"""A next hop on loopback that writes down exactly what it is sent and misbehaves on request.

    hop = NextHop(port)
    hop.rule = lambda verb, argument, session: "451 4.3.0 later" if verb == "RCPT" else None
    hop.start(); ...; hop.messages; hop.stop()

A rule is asked at CONNECT, EHLO, STARTTLS, HANDSHAKE, AUTH, MAIL, RCPT, DATA, BODY (while content is
coming in), END (after the dot), RSET and QUIT. None: the good answer. A string: that reply.
Delay(seconds): the good answer, later. CLOSE: the connection is cut. Rules run in the hop's own thread.
A string at BODY is said once, and the content goes on coming in (421 cuts the connection as everywhere).

With `tls` (an ssl.SSLContext) it offers STARTTLS, or begins with TLS where `implicit`; a string as the
rule for HANDSHAKE is what it says instead of shaking hands. With `users` (name to password) it offers
AUTH inside TLS (`auth_in_clear`: outside as well), and takes mail only from who has logged on.
"""

import asyncio
import base64
import re
import ssl
import threading
import time

CLOSE = object()


class Delay:
    def __init__(self, seconds):
        self.seconds = seconds


class Message:
    """One transaction whose dot has arrived. `accepted`: what we answered was 2xx."""

    def __init__(self, sender, recipients, content, session):
        self.sender = sender          # argument of MAIL FROM, between the angle brackets
        self.sender_parameters = ""
        self.recipients = recipients  # accepted ones
        self.content = content        # octets as sent, dot-stuffing undone
        self.session = session.number
        self.tls = session.tls        # "TLSv1.3", or None
        self.resumed = session.resumed
        self.user = session.user
        self.hello = session.hello
        self.time = time.time()
        self.accepted = False


class Session:
    def __init__(self, number, peer=None):
        self.number = number
        self.peer = peer        # its address
        self.hello = None
        self.tls = None
        self.resumed = False
        self.user = None
        self.state = {}  # for rules


class NextHop:
    GOOD = {"CONNECT": "220 next.hop ESMTP", "MAIL": "250 2.1.0 ok", "RCPT": "250 2.1.5 ok",
            "DATA": "354 go ahead", "END": "250 2.0.0 kept", "RSET": "250 2.0.0 ok",
            "QUIT": "221 2.0.0 bye", "NOOP": "250 2.0.0 ok", "CHUNK": "250 2.0.0 more",
            "STARTTLS": "220 2.0.0 go ahead", "AUTH": "235 2.7.0 welcome"}

    def __init__(self, port, address="127.0.0.1", extensions=("PIPELINING", "8BITMIME", "SIZE 0"),
                 keep=lambda message: message, tls=None, implicit=False, users=None,
                 mechanisms="PLAIN LOGIN", auth_in_clear=False):
        self.tls = tls
        self.implicit = implicit
        self.users = users
        self.mechanisms = mechanisms
        self.auth_in_clear = auth_in_clear
        self.handshakes = 0
        self.tls_failures = []  # words of OpenSSL, or of the rule
        self.logons = []        # (mechanism, user, password, in TLS)
        self.port = port
        self.address = address
        self.extensions = list(extensions)
        self.keep = keep        # what goes into `messages`: all of it, or only what the test needs
        self.rule = lambda verb, argument, session: None
        self.messages = []      # accepted
        self.rejected = []      # whose dot was answered with 4xx or 5xx, or not at all
        self.commands = []      # (session number, line)
        self.violations = []    # of the protocol, by relais
        self.sessions = 0
        self.open = 0
        self.open_max = 0
        self.talks = []         # under way; touched by the hop's thread alone
        self.loop = None
        self.thread = None
        self.keep_commands = True

    # --- start and stop, from the test's thread

    def start(self):
        started = threading.Event()
        self.loop = asyncio.new_event_loop()

        def run():
            asyncio.set_event_loop(self.loop)
            self.loop.run_until_complete(self._listen())
            started.set()
            self.loop.run_forever()
            self.loop.close()

        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()
        assert started.wait(10), f"the next hop cannot listen on {self.address}:{self.port}"
        return self

    async def _listen(self):
        self.tasks = set()
        self.server = await asyncio.start_server(self._accept, self.address, self.port,
                                                 limit=1 << 20, backlog=1000)

    def stop(self):
        """Stops listening and cuts every connection; start() may follow."""
        if self.loop is None:
            return

        async def finish():
            self.server.close()
            for task in list(self.tasks):
                task.cancel()
            await asyncio.gather(*self.tasks, return_exceptions=True)
            self.loop.stop()

        asyncio.run_coroutine_threadsafe(finish(), self.loop)
        self.thread.join(10)
        self.loop = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    # --- one session, in the hop's thread

    async def _accept(self, reader, writer):
        task = asyncio.current_task()
        self.tasks.add(task)
        self.sessions += 1
        self.open += 1
        self.open_max = max(self.open_max, self.open)
        try:
            peer = writer.get_extra_info("peername")
            talk = _Talk(self, reader, writer, Session(self.sessions, peer and peer[0]))
            self.talks.append(talk)
            await talk.run()
        except (ConnectionError, asyncio.CancelledError, _Cut):
            pass
        except Exception as error:  # a fault of this file: the test must see it
            self.violations.append(f"next hop: {error!r}")
        finally:
            self.open -= 1
            self.talks = [one for one in self.talks if one.writer is not writer]
            self.tasks.discard(task)
            writer.transport.abort()


class _Cut(Exception):
    pass


class _Talk:
    def __init__(self, hop, reader, writer, session):
        self.hop = hop
        self.reader = reader
        self.writer = writer
        self.session = session
        self.buffer = bytearray()
        self.sender = None
        self.parameters = ""
        self.recipients = []
        self.chunks = b""

    async def answer(self, verb, argument="", before=lambda code: None):
        """Asks the rule, answers, gives the code. `before` is told it first: whoever has heard the
        answer may look for what became of it."""
        rule = self.hop.rule(verb, argument, self.session)
        reply = rule if isinstance(rule, str) else None
        if rule is CLOSE:
            raise _Cut
        if isinstance(rule, Delay):
            await self.flush()
            await asyncio.sleep(rule.seconds)
        if reply is None:
            if verb == "EHLO":
                lines = ["next.hop greets you"] + self.hop.extensions + self.security()
                reply = "\r\n".join(f"250{'-' if i + 1 < len(lines) else ' '}{line}"
                                    for i, line in enumerate(lines))
            else:
                reply = self.hop.GOOD[verb]
        code = int(reply[:3]) if reply[:3].isdecimal() else 0  # 0: whatever that may be
        before(code)
        self.writer.write(reply.encode() + b"\r\n")
        if reply.startswith("421"):
            await self.flush()
            raise _Cut
        return code

    async def flush(self):
        await self.writer.drain()

    async def fill(self):
        await self.flush()
        data = await self.reader.read(262144)
        if not data:
            raise _Cut
        self.buffer += data

    async def line(self):
        while (end := self.buffer.find(b"\n")) < 0:
            await self.fill()
        line = bytes(self.buffer[:end + 1])
        del self.buffer[:end + 1]
        if not line.endswith(b"\r\n") or b"\r" in line[:-2]:
            self.hop.violations.append(f"a command line not ended by CRLF: {line!r}")
        return line.rstrip(b"\r\n").decode("utf-8", "replace")

    def security(self):
        offers = []
        if self.hop.tls and not self.hop.implicit and not self.session.tls:
            offers.append("STARTTLS")
        if self.hop.users and (self.session.tls or self.hop.auth_in_clear):
            offers.append(f"AUTH {self.hop.mechanisms}")
        return offers

    async def start_tls(self):
        if await self.answer("STARTTLS") != 220:
            return
        if self.buffer:
            self.hop.violations.append(f"said in the clear behind STARTTLS: {bytes(self.buffer)!r}")
        await self.shake_hands()
        self.reset()

    async def shake_hands(self):
        await self.flush()
        rule = self.hop.rule("HANDSHAKE", "", self.session)
        if rule is CLOSE:
            await self.fill()  # the client's hello: left unread, it would make a reset of the close
            raise _Cut
        if isinstance(rule, Delay):
            await asyncio.sleep(rule.seconds)
        if isinstance(rule, str):
            await self.fill()  # the client's hello, so that this is not behind our 220
            self.writer.write(rule.encode())
            while True:  # until we are left
                await self.fill()
        try:
            await self.writer.start_tls(self.hop.tls)
        except (ssl.SSLError, ConnectionError) as error:
            self.hop.tls_failures.append(str(error))
            raise _Cut from None
        self.reader._transport = self.writer.transport  # Python 3.11 forgets it
        self.hop.handshakes += 1
        connection = self.writer.get_extra_info("ssl_object")
        self.session.tls = connection.version()
        self.session.resumed = connection.session_reused

    async def log_on(self, argument):
        mechanism, _, response = argument.partition(" ")
        if mechanism == "PLAIN":
            response = response or await self.prompt("")
            parts = base64.b64decode(response).decode().split("\0")
            user, password = parts[1], parts[2]
        else:
            user, password = [base64.b64decode(await self.prompt(word)).decode()
                              for word in ("VXNlcm5hbWU6", "UGFzc3dvcmQ6")]
        self.hop.logons.append((mechanism, user, password, bool(self.session.tls)))
        if self.hop.users.get(user) != password:
            self.writer.write(b"535 5.7.8 authentication credentials invalid\r\n")
        elif await self.answer("AUTH", user) == 235:
            self.session.user = user

    async def prompt(self, word):
        self.writer.write(f"334 {word}\r\n".encode())
        return await self.line()

    async def run(self):
        if self.hop.implicit:
            await self.shake_hands()
        await self.answer("CONNECT")
        while True:
            line = await self.line()
            if self.hop.keep_commands:
                self.hop.commands.append((self.session.number, line))
            verb, _, argument = line.partition(" ")
            verb = verb.upper()
            if verb in ("EHLO", "HELO"):
                self.reset()
                self.session.hello = argument
                if verb == "EHLO":
                    await self.answer("EHLO", argument)
                else:
                    self.writer.write(b"250 next.hop\r\n")
            elif verb == "STARTTLS" and "STARTTLS" in self.security():
                await self.start_tls()
            elif verb == "AUTH" and self.hop.users and not self.session.user:
                await self.log_on(argument)
            elif verb == "MAIL" and self.hop.users and not self.session.user:
                self.writer.write(b"530 5.7.0 authentication required\r\n")
            elif verb == "MAIL":
                await self.mail(argument)
            elif verb == "RCPT":
                await self.recipient(argument)
            elif verb == "DATA":
                await self.data()
            elif verb == "BDAT" and "CHUNKING" in self.hop.extensions:
                await self.chunk(argument)
            elif verb == "RSET":
                self.reset()
                await self.answer("RSET")
            elif verb == "NOOP":
                await self.answer("NOOP")
            elif verb == "QUIT":
                await self.answer("QUIT")
                await self.flush()
                return
            else:
                self.hop.violations.append(f"unknown command: {line!r}")
                self.writer.write(b"500 5.5.1 what\r\n")

    def reset(self):
        self.sender = None
        self.recipients = []
        self.chunks = b""

    async def mail(self, argument):
        match = re.fullmatch(r"FROM:<([^>]*)>(.*)", argument, re.I)
        if not match or self.sender is not None:
            self.hop.violations.append(f"MAIL {argument!r} after sender {self.sender!r}")
        code = await self.answer("MAIL", match[1] if match else argument)
        if code // 100 == 2:
            self.sender, self.parameters = match[1], match[2].strip()

    async def recipient(self, argument):
        match = re.fullmatch(r"TO:<([^>]*)>(.*)", argument, re.I)
        if not match:
            self.hop.violations.append(f"RCPT {argument!r}")
        if self.sender is None:
            self.writer.write(b"503 5.5.1 MAIL first\r\n")
            return
        if await self.answer("RCPT", match[1]) // 100 == 2:
            self.recipients.append(match[1])

    async def data(self):
        if not self.recipients:
            self.writer.write(b"554 5.5.1 no valid recipients\r\n")
            return
        if await self.answer("DATA") != 354:
            return
        await self.keep(await self.content())

    async def chunk(self, argument):
        """The rule is asked about CHUNK, with what has come so far."""
        match = re.fullmatch(r"(\d+)( LAST)?", argument)
        if not match:
            self.hop.violations.append(f"BDAT {argument!r}")
            raise _Cut
        while len(self.buffer) < int(match[1]):
            await self.fill()
        self.chunks += bytes(self.buffer[:int(match[1])])
        del self.buffer[:int(match[1])]
        if not self.recipients:
            self.hop.violations.append("a chunk without a recipient")
            self.writer.write(b"503 5.5.1 no valid recipients\r\n")
        elif match[2]:
            content = self.chunks
            if "BODY=BINARYMIME" not in self.parameters:
                self.check_lines(b"\r\n" + content)
            await self.keep(content)
        elif await self.answer("CHUNK", self.chunks) // 100 != 2:
            self.reset()

    async def keep(self, content):
        message = Message(self.sender, self.recipients, content, self.session)
        message.sender_parameters = self.parameters
        self.reset()
        known = []

        def note(code):
            known.append(code)
            message.accepted = code // 100 == 2
            message.time = time.time()
            kept = self.hop.messages if message.accepted else self.hop.rejected
            kept.append(self.hop.keep(message))
        try:
            await self.answer("END", message, note)
        except (_Cut, ConnectionError):
            if not known:
                self.hop.rejected.append(self.hop.keep(message))
            raise

    async def content(self):
        raw = bytearray(b"\r\n")  # so that a lone dot in front is found as one
        searched = 0
        while True:
            raw += self.buffer
            self.buffer.clear()
            end = raw.find(b"\r\n.\r\n", max(0, searched - 5))
            if end >= 0:
                self.buffer += raw[end + 5:]
                del raw[end + 2:]
                break
            searched = len(raw)
            rule = self.hop.rule("BODY", len(raw) - 2, self.session)
            if rule is CLOSE:
                raise _Cut
            if isinstance(rule, Delay):
                await asyncio.sleep(rule.seconds)
            if isinstance(rule, str):
                self.writer.write(rule.encode() + b"\r\n")
                if rule.startswith("421"):
                    await self.flush()
                    raise _Cut
            await self.fill()
        self.check(raw)
        return bytes(raw.replace(b"\r\n..", b"\r\n.")[2:])

    def check(self, raw):
        if match := re.search(rb"\r\n\.[^.]", raw):
            self.hop.violations.append(f"not dot-stuffed: {bytes(raw[match.start():][:80])!r}")
        self.check_lines(raw)

    def check_lines(self, raw):
        if match := re.search(rb"\r(?!\n)|(?<!\r)\n|\0", raw):
            near = bytes(raw[match.start():][:80])
            self.hop.violations.append(f"bare CR, LF or NUL near {near!r}")
