"""`metrics.jsonl`, a record of every epoch: the one writer, reader and repairer of it.

A record is a JSON object on a line of its own, with at least "stage", "epoch" and "step", the number of steps of the
stage after which it was written. docs/reference/records.md lists what else it may hold.
"""

from __future__ import annotations

import json
import pathlib

from supcon_tf.records.directory import RunDirectory
from supcon_tf.records.files import append_line, replace_text


def append(directory: RunDirectory, record: dict) -> None:
    """Writes the record of an epoch; it is on the disk before this returns.

    The checkpoint that says that the epoch is done must not outlive it.

    Raises:
        OSError: it could not be written, as on a full disk.
    """
    directory.verify()
    try:
        append_line(directory.metrics, json.dumps(record))
    except OSError as error:
        what = f"the record of epoch {record['epoch']} could not be written ({error.strerror})"
        raise OSError(error.errno, what, str(directory.metrics)) from error


def read(path: pathlib.Path) -> list[dict]:
    """All records of a metrics file, in order; none where there is no file.

    A last line that an interruption or a full disk cut short is none: its epoch has no checkpoint.

    Raises:
        ValueError: another line is no record.
    """
    return _parsed(path)[0]


def drop(directory: RunDirectory, stage: str, *, after_step: int) -> list[dict]:
    """Takes the records of `stage` after a step out of the file: those steps run again. Returns its others.

    Mends the end of the file, too: what is cut short goes, and a whole record without its newline gets it.

    Raises:
        ValueError: a line is no record.
    """
    path = directory.metrics
    records, sound = _parsed(path)
    kept = [record for record in records if record["stage"] != stage or record["step"] <= after_step]
    if len(kept) < len(records) or not sound:
        directory.verify()
        replace_text(path, "".join(json.dumps(record) + "\n" for record in kept))
    return [record for record in kept if record["stage"] == stage]


def seconds(records: list[dict]) -> dict:
    """Training time of each stage, over all sessions that worked on the run."""
    stages = dict.fromkeys(record["stage"] for record in records)
    return {stage: sum(record["seconds"] for record in records if record["stage"] == stage) for stage in stages}


def _parsed(path: pathlib.Path) -> tuple[list[dict], bool]:
    """The records, and whether the file ends as it should."""
    if not path.exists():
        return [], True
    lines = path.read_bytes().splitlines(keepends=True)
    records = [_record(line) for line in lines]
    whole = not lines or lines[-1].endswith(b"\n")
    broken = [number for number, record in enumerate(records, 1) if record is None and (number < len(lines) or whole)]
    if broken:
        line = lines[broken[0] - 1]
        raise ValueError(f"line {broken[0]} of {path} is no record of an epoch; mend or remove the line: {line[:80]!r}")
    return [record for record in records if record is not None], whole


def _record(line: bytes):
    """One record, or None."""
    try:
        record = json.loads(line)
        kinds = (("stage", str), ("epoch", int), ("step", int))
        return record if all(isinstance(record[key], kind) for key, kind in kinds) else None
    except (ValueError, KeyError, TypeError):
        return None
