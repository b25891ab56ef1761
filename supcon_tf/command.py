"""`supcon`, the command of an installation: its verbs are the programs of `launch`.

    supcon train --experiment=digits.supcon --workdir=runs/digits_supcon

`launch`, `experiments` and `benchmarks` are folders beside this package in its repository. A wheel has them inside the
package, in `commands/`, so that no name but `supcon_tf` lands in site-packages; this finds them in either place.
"""

from __future__ import annotations

import os
import pathlib
import runpy
import sys
from collections.abc import Sequence
from typing import Optional

from supcon_tf.names import nearest

VERBS = {
    "train": "one experiment, start to report",
    "compare": "several experiments over several seeds",
    "reproduce": "the tables of the paper",
    "evaluate": "what a trained run, or a model of anybody, is worth",
    "transfer": "an encoder on other data sets",
    "export": "trained networks as files that others load",
    "embed": "features of any set of images",
    "prepare-data": "TFDS data sets from files that are there",
    "benchmark": "time and memory, beside other libraries",
    "hosts-gpu": "a run on several GPU hosts",
    "hosts-tpu": "a run on a TPU pod",
}


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Runs the verb that the command line names, with the rest of it.

    Args:
        argv: without the program's name; None takes that of the process.

    Raises:
        SystemExit: as the program ends (docs/reference/exit_statuses.md); 2 where there is no such verb.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    if not argv or argv[0] in ("-h", "--help", "-help", "help"):
        print(listing())
        raise SystemExit(0 if argv else 2)
    if argv[0] == "--version":
        from supcon_tf import __version__

        print(f"supcon_tf {__version__}")
        raise SystemExit(0)
    verb = argv[0].replace("_", "-")
    if verb not in VERBS:
        print(f"error: supcon has no command {argv[0]!r}.{nearest(verb, VERBS)}\n{listing()}", file=sys.stderr)
        raise SystemExit(2)
    folder = str(home())
    sys.path.insert(0, folder)
    # What this program starts, it starts with the same Python: it must find these folders, too.
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (folder, os.environ.get("PYTHONPATH"))))
    sys.argv = [f"supcon {verb}", *argv[1:]]
    runpy.run_module(module_of(verb), run_name="__main__", alter_sys=False)


def module_of(verb: str) -> str:
    """The program of a verb.

    Example:
        >>> module_of("prepare-data"), module_of("hosts-gpu")
        ('launch.prepare_data', 'launch.hosts.gpu')
    """
    return f"launch.{verb.replace('hosts-', 'hosts.').replace('-', '_')}"


def home() -> pathlib.Path:
    """The folder that holds `launch`, `experiments` and `benchmarks`."""
    package = pathlib.Path(__file__).resolve().parent
    inside = package / "commands"
    return inside if inside.is_dir() else package.parent


def listing() -> str:
    """All verbs, a line each."""
    lines = [f"  {verb:<14}{about}" for verb, about in VERBS.items()]
    return "\n".join(["usage: supcon COMMAND --flag=value ...; supcon COMMAND --help", "", *lines])
