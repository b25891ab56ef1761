"""Where a benchmark writes its table into a page, so that nobody types a figure."""

from __future__ import annotations

import pathlib
import platform
from importlib import metadata

PACKAGES = (
    *("tensorflow", "numpy", "scipy", "scikit-learn", "torch", "pytorch-metric-learning", "faiss-cpu", "scikit-image"),
    *("pillow", "jax", "libtpu"),
)


def block(page: pathlib.Path, command: str) -> tuple[int, int]:
    """Where, in the text of `page`, what `command` measured begins and ends.

    Args:
        page: a Markdown file with the two lines `<!-- measured: COMMAND -->` and `<!-- end -->`.
        command: as it is written there.

    Raises:
        ValueError: the page is not there, or has no such block.
    """
    begin, end = f"<!-- measured: {command} -->\n", "<!-- end -->"
    text = page.read_text(encoding="utf-8") if page.is_file() else ""
    if text.count(begin) != 1 or end not in text.split(begin)[1]:
        raise ValueError(f"{page} is no page for this: it needs the lines {begin.strip()!r} and {end!r}, once.")
    start = text.index(begin) + len(begin)
    return start, text.index(end, start)


def write(page: pathlib.Path, command: str, table: str) -> None:
    """Puts a table, with the machine and the software that gave it, in the place of the one before."""
    start, end = block(page, command)
    text = page.read_text(encoding="utf-8")
    table = table.strip()
    new = f"{surroundings()}\n\n" + (f"{table}\n" if "\n|" in f"\n{table}" else f"```\n{table}\n```\n")
    page.write_text(text[:start] + new + text[end:], encoding="utf-8")


def surroundings() -> str:
    """Processor, cores, Python and the packages that are measured."""
    installed = {name: _version(name) for name in PACKAGES}
    versions = ", ".join(f"{name} {version}" for name, version in installed.items() if version)
    return f"{_processor()}; Python {platform.python_version()}, {versions}"


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _processor() -> str:
    facts = pathlib.Path("/proc/cpuinfo")
    lines = facts.read_text().splitlines() if facts.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {len(names)} cores" if names else platform.machine()
