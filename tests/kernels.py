"""The kernel of a notebook as IPython presents itself, where IPython need not be installed."""

from __future__ import annotations

import sys
import types


class Cell:
    """What a cell shows: one entry an output, replaced when it is updated."""

    def __init__(self):
        self.outputs: list[str] = []

    def display(self, html: str, display_id: bool = False) -> Cell.Handle:
        self.outputs.append(html)
        return Cell.Handle(self, len(self.outputs) - 1)

    class Handle:
        """Of an output."""

        def __init__(self, cell: Cell, place: int):
            self.cell, self.place = cell, place

        def update(self, html: str) -> None:
            self.cell.outputs[self.place] = html


def start(monkeypatch, *, kernel: bool = True) -> Cell:
    """Makes this process a kernel, or an IPython in a terminal, until the test ends; returns the cell that runs."""
    cell, shell = Cell(), types.SimpleNamespace(**({"kernel": object()} if kernel else {}))
    ipython, display = types.ModuleType("IPython"), types.ModuleType("IPython.display")
    ipython.get_ipython = lambda: shell
    display.HTML, display.display = str, cell.display
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    return cell
