"""The results of tools/compare, for people: Markdown with plots; and for machines: JSON."""

import json
import math
import statistics
from xml.sax.saxutils import escape

from peers.machine import disturbed

KINDS = {"durable": "Durable queue", "proxy": "Proxy"}
KIND_TEXT = {
    "durable": "The server keeps a message on disk before it answers 250, and delivers it later.",
    "proxy": "The server keeps nothing: 250 is what the next hop has said. Not to be held against the "
             "durable ones, whose work is another.",
}
COLUMNS = {"accepted_per_s": "accepted/s", "delivered_per_s": "delivered/s", "cpu_us": "CPU us/message",
           "peak_mib": "peak MiB", "p50_ms": "p50 ms", "p99_ms": "p99 ms"}
PLOTS = {"cpu_us": "Server CPU, us a message (less is better)",
         "accepted_per_s": "Accepted messages a second (more is better)",
         "p99_ms": "p99 of a message, ms (less is better)"}


def said_of(peer, version):
    return {"name": peer.name, "kind": peer.kind, "version": version, "durability": peer.durability,
            "tuning": peer.tuning}


def summary(rounds):
    """Of each column median, least and most."""
    return {key: [function(row[key] for row in rounds) for function in (statistics.median, min, max)]
            for key in COLUMNS}


def number(value):
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def cell(three):
    median, least, most = map(number, three)
    return f"**{median}** ({least}–{most})"


def ranked(case, peers, kind):
    """Those with figures, the cheapest first, and then those without."""
    keys = [key for key in case["found"] if peers[key]["kind"] == kind]
    figures = {key: summary(case["found"][key]["rounds"]) for key in keys if case["found"][key]["rounds"]}
    order = sorted(figures, key=lambda key: figures[key]["cpu_us"][0])
    return [(key, figures[key]) for key in order] + [(key, None) for key in keys if key not in figures]


def remarks(found):
    refused = sum(row["refused"] for row in found["rounds"])
    said = [f"{refused} refused or lost connections"] if refused else []
    return "; ".join(said + [f"void: {why}" for why in sorted(set(found["void"]))])


def table(case, peers, kind):
    rows = ranked(case, peers, kind)
    if not rows:
        return ""
    lines = [f"| {KINDS[kind]} | " + " | ".join(COLUMNS.values()) + " | flushes/message | remarks |",
             "|---|" + "--:|" * (len(COLUMNS) + 1) + "---|"]
    for key, figures in rows:
        found = case["found"][key]
        cells = [cell(figures[column]) if figures else "–" for column in COLUMNS]
        flushes = "not counted" if found["flushes"] is None else f"{found['flushes']:.2f}"
        lines.append("| " + " | ".join([peers[key]["name"], *cells, flushes, remarks(found)]) + " |")
    return "\n".join(lines) + "\n"


def about(result):
    machine = result["machine"]
    load = ", ".join(f"{value:.2f}" for value in machine["load_average"])
    lines = [f"- {machine['date']}; relais at {machine['commit']}",
             f"- {machine['cpus']} CPUs, {machine['cpu']}; {machine['memory_gib']} GiB; "
             f"{machine['system']}, kernel {machine['kernel']}; queues on {machine['filesystem']}",
             f"- before the first load: load average {load}; {100 * machine['busy_share']:.0f} % of the "
             "CPUs in use by others",
             f"- {result['rounds']} rounds of {result['seconds']:g} s, all servers by turns; generator, "
             "next hop and server share the CPUs",
             f"- CPU from {result['accounting']}; memory is the sum of PSS of all processes, sampled"]
    shares, disturbance = disturbed(result)
    if shares:
        lines.append(f"- meanwhile others and the kernel's own threads used {100 * shares[0]:.0f} % of the "
                     f"CPUs in the middle run, {100 * shares[1]:.0f} % in the worst")
    warnings = [f"\n> **Warning:** {warning}.\n"
                for warning in machine["warnings"] + ([disturbance] if disturbance else [])]
    return "\n".join(lines) + "\n" + "".join(warnings)


def where(machine):
    """Of a page about relais alone: lines that say when, which relais and on what."""
    return [f"- {machine['date']}; relais at {machine['commit']}",
            f"- {machine['cpus']} CPUs, {machine['cpu']}; {machine['memory_gib']} GiB; {machine['system']}, "
            f"kernel {machine['kernel']}; the queue on {machine['filesystem']}",
            *(f"- **Warning:** {warning}" for warning in machine["warnings"])]


def legend(result):
    rows = ["| server | version | what 250 stands for | set up |", "|---|---|---|---|"]
    for said in result["peers"].values():
        rows.append("| " + " | ".join([said["name"], said["version"], said["durability"],
                                       said["tuning"]]) + " |")
    missing = [f"\nLeft out: {key} ({why}).\n" for key, why in result["missing"].items()]
    return "\n".join(rows) + "\n" + "".join(missing)


HOW = """
Written by `tools/compare`. relais-load sends (closed loop, lock-step), each server hands on to a
relais-sink, all on loopback. relais-verify has held what was accepted against what has arrived after
every run; one in which a message was lost, doubled or damaged is void. Figures are medians, with the
least and the most of the rounds. CPU is user plus system time of all processes of a server, from the
first message until the last one is delivered. `delivered/s` counts from the first session at the next
hop to the last message there, which without a queue is a moment less than the run takes. p50 and p99
are of whole messages, from MAIL to the answer. Flushes are counted in a round of their own: calls such as
fsync of all processes, by perf; relais, which writes with O_DSYNC through io_uring, where no call is to
be seen, says itself how many (`relais_spool_flushes_total`).
"""


def write(result, folder):
    for case in result["cases"]:
        for key, found in case["found"].items():
            if found["rounds"]:
                found["summary"] = summary(found["rounds"])
    (folder / "comparison.json").write_text(json.dumps(result, indent=1) + "\n")
    text = ["# relais beside other servers\n", HOW, "\n", about(result)]
    for kind, title in KINDS.items():
        if not any(table(case, result["peers"], kind) for case in result["cases"]):
            continue
        text.append(f"\n## {title}\n\n{KIND_TEXT[kind]}\n")
        for column, caption in PLOTS.items():
            name = f"comparison-{kind}-{column.split('_', maxsplit=1)[0]}.svg"
            (folder / name).write_text(plot(result, kind, column, caption))
            text.append(f"\n![{title}: {caption}]({name})\n")
        for case in result["cases"]:
            text.append(f"\n### {title}: {case['title']}\n\n{table(case, result['peers'], kind)}")
    text += ["\n## The servers\n\n", legend(result)]
    (folder / "comparison.md").write_text("".join(text))


# Geometry of a plot: a panel for each kind of work, a bar for each server.
WIDTH, LABELS, VALUES, BAR, GAP, HEAD = 860, 220, 200, 16, 8, 34


def plot(result, kind, column, caption):
    panels = [(case["title"], [(result["peers"][key]["name"], key, figures[column])
                               for key, figures in ranked(case, result["peers"], kind) if figures])
              for case in result["cases"]]
    return draw(panels, caption)


def draw(panels, caption):
    """Bars from the least to the most on a logarithmic axis that all panels share: medians, and a line
    from the least to the most. A panel: its title, and (name, key, (median, least, most)) of each bar."""
    values = [value for _, bars in panels for *_, three in bars for value in three if value > 0]
    if not values:
        return svg(HEAD, [text_at(10, 22, caption + ": no figures")])
    low = 10 ** math.floor(math.log10(min(values)) - 0.01)
    high = 10 ** math.ceil(math.log10(max(values)) + 0.01)

    def x(value):
        share = math.log10(max(value, low) / low) / math.log10(high / low)
        return LABELS + share * (WIDTH - LABELS - VALUES)
    parts, y = [text_at(10, 22, f"{caption}; logarithmic axis", size=15, weight="bold")], HEAD
    for title, bars in panels:
        parts.append(text_at(10, y + 18, title, weight="bold"))
        y += HEAD
        bottom = y + len(bars) * (BAR + GAP)
        parts += axis(low, high, x, y, bottom)
        for name, key, three in bars:
            parts += bar(name, key.startswith("relais"), three, x, y)
            y += BAR + GAP
        y = bottom + HEAD
    return svg(y, parts)


def axis(low, high, x, top, bottom):
    parts, value = [], low
    while value <= high * 1.001:
        parts.append(f'<line x1="{x(value):.1f}" x2="{x(value):.1f}" y1="{top - 4}" y2="{bottom}" '
                     'stroke="#ddd"/>')
        parts.append(text_at(x(value), bottom + 13, f"{value:,g}", size=10, anchor="middle",
                             fill="#666"))
        value *= 10
    return parts


def bar(name, ours, three, x, y):
    median, least, most = three
    middle = y + BAR / 2
    spread = f" ({number(least)}–{number(most)})" if least < most else ""
    return [text_at(LABELS - 8, middle + 4, name, anchor="end"),
            f'<rect x="{LABELS}" y="{y}" width="{x(median) - LABELS:.1f}" height="{BAR}" '
            f'fill="{"#1f6fb2" if ours else "#a9b4bf"}"/>',
            f'<line x1="{x(least):.1f}" x2="{x(most):.1f}" y1="{middle}" y2="{middle}" '
            'stroke="#222" stroke-width="1.5"/>',
            text_at(x(most) + 6, middle + 4, number(median) + spread, fill="#222")]


def text_at(x, y, words, size=12, anchor="start", weight="normal", fill="#111"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" '
            f'font-weight="{weight}" fill="{fill}">{escape(words)}</text>')


def svg(height, parts):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:.0f}" '
            f'viewBox="0 0 {WIDTH} {height:.0f}" font-family="sans-serif">\n'
            f'<rect width="100%" height="100%" fill="white"/>\n' + "\n".join(parts) + "\n</svg>\n")
