"""Servers that tools/compare and tools/bench-proxy measure: one small class each, with its configuration,
what its documentation says about tuning, and which durability its 250 stands for."""

import importlib.machinery
import importlib.util
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "tests" / "e2e"))  # other_servers


def tool(name):
    """A program of tools/ as a module."""
    loader = importlib.machinery.SourceFileLoader(name, str(ROOT / "tools" / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


measure = tool("measure")

import harness  # noqa: E402

PORTS = harness.Ports()  # below those that the system gives to clients, which come and go by thousands
