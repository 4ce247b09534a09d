#!/usr/bin/python3
"""Reads every file of src/ and holds it against the rules that a machine can check.

usage: rooms_test.py SRC        prints FILE:LINE: RULE for each breach, exit status 1 if there is one
       rooms_test.py --self     tests this test
"""

import pathlib
import re
import sys
import tempfile

# A room includes itself and what stands in an earlier row. Rooms of one row do not see each other.
ROWS = [["base"], ["ring", "smtp", "policy", "milter", "tls", "ledger"], ["auth"],
        ["spool", "config", "upstream"],
        ["front", "relay", "sink", "load"], ["admin"], ["shell"], ["main"]]
ROW_OF = {room: row for row, rooms in enumerate(ROWS) for room in rooms}

# A library that only one room knows.
OWNED = [(re.compile(r"^liburing"), "ring"), (re.compile(r"^linux/io_uring"), "ring"),
         (re.compile(r"^openssl/"), "tls"), (re.compile(r"^toml\+\+|^toml\.h"), "config"),
         (re.compile(r"^prometheus/|^civetweb\.h"), "admin"),
         (re.compile(r"^crypt\.h"), "auth"),
         (re.compile(r"^histedit\.h|^editline/"), "main")]

# Pure rooms know no socket, clock, file or environment.
PURE = {"smtp", "policy", "milter"}
IMPURE = re.compile(r"^(sys/|netinet/|arpa/|linux/|netdb\.h|unistd\.h|fcntl\.h|poll\.h|time\.h|ctime"
                    r"|chrono|thread|mutex|fstream|filesystem|iostream|cstdio|stdio\.h)")

LINES_MAX = 600
COLUMNS_MAX = 100
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def may_include(room, other):
    return room == other or ROW_OF[other] < ROW_OF[room]


def check_include(room, quote, target):
    """The rule that this include breaks, or None."""
    first = target.split("/")[0]
    if quote == '"':
        if "/" not in target or first not in ROW_OF:
            return f'write "room/file.h", not "{target}"'
        if not may_include(room, first):
            return f"{room} must not include {target}: " + " -> ".join(
                "{" + " | ".join(row) + "}" if len(row) > 1 else row[0] for row in ROWS)
        return None
    for pattern, owner in OWNED:
        if pattern.match(target) and room != owner:
            return f"only {owner} includes <{target}>"
    if room in PURE and IMPURE.match(target):
        return f"{room} knows no socket, clock, file or environment, so not <{target}>"
    return None


def check(src):
    breaches = []
    for path in sorted(p for p in src.rglob("*") if p.suffix in {".h", ".cpp"}):
        where = path.relative_to(src)
        room = where.parts[0] if len(where.parts) > 1 else "main"
        if room not in ROW_OF:
            breaches.append((path, 1, f"{room} is no room; the rooms are {', '.join(ROW_OF)}"))
            continue
        lines = path.read_text(encoding="utf-8").splitlines()
        if len(lines) > LINES_MAX:
            breaches.append((path, len(lines), f"more than {LINES_MAX} lines: split it"))
        for number, line in enumerate(lines, 1):
            if len(line) > COLUMNS_MAX:
                breaches.append((path, number, f"{len(line)} columns, at most {COLUMNS_MAX}"))
            if re.search(r"\b(TODO|FIXME|XXX)\b", line):
                breaches.append((path, number, "no TODO in the tree: do it, or file an issue"))
            if room in PURE and re.search(r"\bgetenv\s*\(", line):
                breaches.append((path, number, f"{room} knows no environment"))
            if include := INCLUDE.match(line):
                if rule := check_include(room, *include.groups()):
                    breaches.append((path, number, rule))
    return breaches


def self_test():
    """A checker that finds nothing proves nothing: each rule must catch its breach, and only that."""
    bad = {
        "smtp/a.h": '#include "ring/loop.h"\n',            # same row
        "policy/b.h": '#include "smtp/path.h"\n',          # same row
        "base/c.h": '#include "smtp/path.h"\n',            # to the right
        "front/d.cpp": '#include "relay/queue.h"\n',       # same row
        "front/e.cpp": "#include <liburing.h>\n",
        "main/e.cpp": "#include <civetweb.h>\n",
        "spool/f.cpp": "#include <toml++/toml.h>\n",
        "smtp/g.cpp": "#include <chrono>\n",
        "smtp/h.cpp": '#include "path.h"\n',
        "relay/i.cpp": "// " + "x" * 98 + "\n",
        "relay/j.cpp": "\n" * 601,
        "relay/k.cpp": "// TODO: later\n",
        "misc/l.cpp": "\n",
    }
    good = {
        "front/ok.cpp": '#include "spool/log.h"\n#include "base/ip.h"\n#include <chrono>\n',
        "ring/ok.cpp": "#include <liburing.h>\n",
        "main.cpp": '#include "admin/log.h"\n',
        "main/ok.cpp": '#include "front/front.h"\n' + "// " + "é" * 97 + "\n",
        "smtp/ok.h": '#include "smtp/path.h"\n#include <string>\n',
    }
    with tempfile.TemporaryDirectory() as folder:
        src = pathlib.Path(folder)
        for name, text in {**bad, **good}.items():
            (src / name).parent.mkdir(exist_ok=True)
            (src / name).write_text(text, encoding="utf-8")
        found = sorted(str(path.relative_to(src)) for path, _, _ in check(src))
    assert found == sorted(bad), f"expected breaches in {sorted(bad)}, found {found}"


def main():
    self_test()
    if sys.argv[1:] == ["--self"]:
        return 0
    breaches = check(pathlib.Path(sys.argv[1]))
    for path, number, rule in breaches:
        print(f"{path}:{number}: {rule}")
    return 1 if breaches else 0


sys.exit(main())
