"""absl flags made from the config: one dotted flag for every field of an experiment.

The experiment is read from the command line first, so that `--help` shows the values that this experiment has, and
wrong names and values are refused before anything heavy is imported.
"""

from __future__ import annotations

import functools
import shlex
import sys

from absl import app, flags

from launch import catalogue, flag_help
from launch.endings import leave, refuse
from supcon_tf import names, settings
from supcon_tf.config import Experiment
from supcon_tf.paths import expanded

flags.disclaim_key_flags()  # what is defined here belongs to the command line that asked for it

HELPS_WITH = "digits.supcon"  # what a command line without an experiment shows, where it shows anything


class _SettingParser(flags.ArgumentParser):
    """Parses the text of one dotted flag by the rules of its config field."""

    def __init__(self, setting: settings.Setting):
        self._setting = setting
        self.syntactic_help = settings.type_name(setting.type) + _limits(setting)

    def parse(self, argument):
        return self._setting.parse(argument) if isinstance(argument, str) else argument

    def flag_type(self) -> str:
        return settings.type_name(self._setting.type)


class _SettingSerializer(flags.ArgumentSerializer):
    """Shows a value as it would be typed."""

    def serialize(self, value) -> str:
        return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _limits(setting: settings.Setting) -> str:
    limits = setting.field.metadata
    if limits["choices"]:
        return f": {', '.join(limits['choices'])}"
    words = [("least", "at least"), ("above", "above"), ("most", "at most")]
    told = [f"{word} {limits[key]}" for key, word in words if limits[key] is not None]
    return f", {', '.join(told)}" if told else ""


def parse(argv: list[str], *, experiment_flag: str, usage: str, default: bool = False) -> list[str]:
    """Parses a command line whose experiment decides the flags; bind the keywords for `app.run(flags_parser=...)`.

    Args:
        argv: the command line, program name first.
        experiment_flag: name of the flag that says the experiment, or several separated by commas.
        usage: what `--help` says before the flags.
        default: whether a command without an experiment means `HELPS_WITH`.

    Exits with status 2 and one message on standard error when a name or value is wrong; with 0 after `--help`.
    """
    section, shown = flag_help.asked(argv), []
    try:
        named = _peek(argv, experiment_flag)
        listing = "" if named else f"{catalogue.listing()}\n\n"
        if (section is not None or default) and not named:
            named = HELPS_WITH
        if not named:
            raise ValueError(f"name one with --{experiment_flag}.\n{catalogue.listing()}")
        shown = [catalogue.load(name) for name in named.split(",")]  # all of them, so that every name is checked
        own = _own_flags(argv[0])
        _define(shown[0], module=argv[0])
        if section is not None:
            values = flag_help.text(shown[0], own=own, section=section)
            print(f"{usage}\n{listing}The values shown are those of --{experiment_flag}={named}.\n\n{values}")
            sys.exit(0)
        return refuse_strays(flags.FLAGS(argv))
    except flags.UnrecognizedFlagError as error:
        read = [name for name in _own_flags(argv[0]) if not _of_absent_stages(name, shown)]
        refuse(f"no flag is called --{error.flagname}.{names.nearest(error.flagname, read)}")
    except (ValueError, flags.Error) as error:
        refuse(str(error))


def parse_plainly(argv: list[str]) -> list[str]:
    """As `parse`, of a command line without an experiment's fields."""
    try:
        return flags.FLAGS(argv)
    except flags.UnrecognizedFlagError as error:
        refuse(f"no flag is called --{error.flagname}.{names.nearest(error.flagname, _own_flags(argv[0]))}")
    except flags.Error as error:
        refuse(str(error))


def refuse_strays(rest: list[str]) -> list[str]:
    """What is left of a command line after its flags, program name first; ValueError where there is more."""
    if len(rest) > 1:
        raise ValueError(f"'{rest[1]}' is not a flag; flags look like --name=value.")
    return rest


def run_app(main, **how) -> None:
    """Runs a program by absl and ends the process; `how` are keywords of `parse`, or nothing for `parse_plainly`."""
    try:
        app.run(main, flags_parser=functools.partial(parse, **how) if how else parse_plainly)
    except SystemExit as end:
        leave(end)
    except BrokenPipeError:  # of what reads the help, as `head` does
        leave(SystemExit(74))
    except BaseException as error:
        sys.excepthook(*sys.exc_info())
        leave(SystemExit(130 if isinstance(error, KeyboardInterrupt) else 1))


def chosen(experiment: Experiment, *, only_its_stages: bool = False) -> Experiment:
    """The experiment with the fields that the command line sets.

    Args:
        experiment: as its file has it.
        only_its_stages: pass over flags of a stage that the experiment leaves out, where one command line serves
            several experiments.

    Raises:
        ValueError: the fields do not go together.
    """
    fields = [setting.name for setting in settings.settings(experiment)]
    given = {name: flags.FLAGS[name].value for name in fields if flags.FLAGS[name].present}
    if only_its_stages:
        absent = set(names.STAGE_KINDS) - set(experiment.stages)
        given = {name: value for name, value in given.items() if name.split(".")[0] not in absent}
    try:
        return settings.override(experiment, given)
    except ValueError as error:
        raise ValueError(f"{experiment.name}: {error}") from error


def define_directory(name: str, help: str) -> None:
    """Defines a flag that names a directory; a leading `~` is the home directory, as a shell has it."""
    flags.DEFINE(_DirectoryParser(), name, None, help, serializer=flags.ArgumentSerializer())


def define_section(section, prefix: str) -> None:
    """Defines a flag for every field of a section of the config, `prefix` and its name."""
    for setting in settings.settings(section, prefix):
        flags.DEFINE(
            _SettingParser(setting), setting.name, setting.value, setting.help, serializer=_SettingSerializer()
        )


def given_section(section, prefix: str):
    """The section with the fields that the command line sets; ValueError where they do not go together."""
    names = [setting.name for setting in settings.settings(section, prefix)]
    given = {name.removeprefix(prefix): flags.FLAGS[name].value for name in names if flags.FLAGS[name].present}
    return settings.override(section, given, prefix)


class _DirectoryParser(flags.ArgumentParser):
    syntactic_help = "a directory"

    def parse(self, argument: str) -> str:
        return expanded(argument)

    def flag_type(self) -> str:
        return "str"


def typed(module: str) -> str:
    """The command line as a person typed it."""
    begun = sys.argv[0].split() if sys.argv[0].startswith("supcon ") else ["python", "-m", module]
    return shlex.join([*begun, *sys.argv[1:]])


def _define(experiment: Experiment, *, module: str) -> None:
    """Defines a flag for every field; the default it shows is the experiment's value."""
    for setting in settings.settings(experiment):
        serializer = _SettingSerializer()
        parser = _SettingParser(setting)
        flags.DEFINE(parser, setting.name, setting.value, setting.help, serializer=serializer, module_name=module)


def _of_absent_stages(name: str, experiments: list[Experiment]) -> bool:
    """Whether a flag is about a stage that none of the experiments has."""
    stage = name.split(".")[0]
    return stage in names.STAGE_KINDS and not any(stage in experiment.stages for experiment in experiments)


def _peek(argv: list[str], flag: str) -> str:
    """The value of one flag before flags are parsed; empty when it is not given."""
    for position, argument in enumerate(argv):
        name, equals, value = argument.lstrip("-").partition("=")
        if argument.startswith("-") and name == flag:
            return value if equals else (argv[position + 1] if position + 1 < len(argv) else "")
    return ""


def _own_flags(module: str) -> list[str]:
    return [flag.name for flag in flags.FLAGS.get_key_flags_for_module(module)]
