"""What `--help` shows of a command whose flags are the fields of an experiment: the command's own, then by section."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from absl import flags

from supcon_tf import settings
from supcon_tf.config import Experiment
from supcon_tf.names import STAGE_KINDS, nearest

FLAGS_OF_HELP = ("help", "h", "helpfull", "helpshort")
RUN = "run"  # the section of fields that belong to none: seed, strategy, precision, ...


def asked(argv: Sequence[str]) -> Optional[str]:
    """The section that a command line asks help of, empty for all; None where it asks for none.

    Example:
        >>> asked(["train", "--help=loss"]), asked(["train", "-h"]), asked(["train", "--seed=1"])
        ('loss', '', None)
    """
    for argument in argv[1:]:
        name, _, value = argument.lstrip("-").partition("=")
        if argument.startswith("-") and name in FLAGS_OF_HELP:
            return value
    return None


def text(experiment: Experiment, *, own: Sequence[str], section: str = "") -> str:
    """Flags with their help and their values: those of the command, then the experiment's in the order of the config.

    Args:
        experiment: whose values are shown; sections of stages that it leaves out are left out, unless named.
        own: names of the flags that are no field of it.
        section: of the config, all that is shown; empty: everything.

    Raises:
        ValueError: there is no such section.
    """
    sections: dict[str, list[str]] = {}
    for known in settings.settings(experiment):
        sections.setdefault(known.name.split(".")[0] if "." in known.name else RUN, []).append(known.name)
    if section and section not in sections:
        raise ValueError(
            f"no section is called '{section}'.{nearest(section, sections)} There are {', '.join(sections)}."
        )
    if section:
        return _rendered(section, sections[section])
    absent = [name for name in STAGE_KINDS if name not in experiment.stages]
    told = [_rendered("this command", own)]
    told += [_rendered(name, names) for name, names in sections.items() if name not in absent]
    return "\n".join([*told, f"Stages that this experiment leaves out: --help={', --help='.join(absent)}."])


def _rendered(title: str, names: Sequence[str]) -> str:
    """Some flags as absl shows them, below a title."""
    shown = flags.FlagValues()
    for name in names:
        shown[name] = flags.FLAGS[name]
    return f"{title}:\n{shown.get_help(prefix='  ', include_special_flags=False)}"
