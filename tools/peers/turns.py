"""Peers under the same load by turns, and the table of what a message costs each."""

import os
import statistics

from peers.accounting import family_cpu
from peers.command import count


def add_options(parser, messages):
    parser.add_argument("--messages", type=count, default=messages, help="a round")
    parser.add_argument("--sessions", type=count, default=10)
    parser.add_argument("--size", type=count, default=10_240, help="octets of a message")
    parser.add_argument("--rounds", type=count, default=5)


def introduce(options):
    print(f"{options.size} octets, {options.sessions} sessions, {options.messages} messages a round, "
          f"medians of {options.rounds} rounds, lowest to highest; load {os.getloadavg()[0]:.2f}")


def one_round(peer, options, send):
    """CPU us a message of all its processes, those that have ended meanwhile included: user, system."""
    before = family_cpu(peer.first_pid())
    send(peer)
    return [1e6 * (now - then) / options.messages
            for now, then in zip(family_cpu(peer.first_pid()), before)]


def compare(title, peers, options, send):
    """Rounds alternate (A B C A B C ...), after one that does not count. The first is set against the
    others. `send(peer)` sends the load."""
    found = {peer.name: [] for peer in peers}
    for number in range(options.rounds + 1):
        for peer in peers:
            cost = one_round(peer, options, send)
            if number > 0:
                found[peer.name].append(cost)
    print(title)
    medians = {}
    for name, costs in found.items():
        totals = sorted(user + system for user, system in costs)
        medians[name] = statistics.median(totals)
        print(f"  {name:8} {medians[name]:6.1f} us a message (user "
              f"{statistics.median(c[0] for c in costs):.1f}, system "
              f"{statistics.median(c[1] for c in costs):.1f}; {totals[0]:.1f} to {totals[-1]:.1f})")
    first, *others = medians
    for name in others:
        ratio = f"{medians[first] / medians[name]:.2f}" if medians[name] else "less than a tick"
        print(f"  {first} / {name}: {ratio}")
