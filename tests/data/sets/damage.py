"""What disks and people do to a prepared TFDS set: one table of it, for the tests of whoever must notice."""

from __future__ import annotations

import json
import pathlib
import struct

SHARD = "digits-train.tfrecord-00001-of-00004"


def _flip(place: int):
    def damage(folder: pathlib.Path) -> None:
        content = bytearray((folder / SHARD).read_bytes())
        content[place] ^= 1
        (folder / SHARD).write_bytes(content)

    return damage


def _cut(records: int, more: int = 0):
    """Keeps so many records, and so many bytes of the next."""

    def damage(folder: pathlib.Path) -> None:
        content, place = (folder / SHARD).read_bytes(), 0
        for _ in range(records):
            place += 16 + struct.unpack("<Q", content[place : place + 8])[0]
        (folder / SHARD).write_bytes(content[: place + more])

    return damage


def _text(name: str, text: str):
    return lambda folder: (folder / name).write_text(text)


def _gone(name: str, then=lambda path: None):
    def damage(folder: pathlib.Path) -> None:
        (folder / name).unlink()
        then(folder / name)

    return damage


def _without(*keys: str):
    """A description without some field of the set, or of each of its splits."""

    def damage(folder: pathlib.Path) -> None:
        info = json.loads((folder / "dataset_info.json").read_text())
        for place in (info, *info["splits"]):
            for key in keys:
                place.pop(key, None)
        (folder / "dataset_info.json").write_text(json.dumps(info))

    return damage


# What is done, and what the message must say beside the place.
DAMAGE = {
    "a flipped byte": (_flip(200), rf"{SHARD}: corrupted record at 194"),
    "a flipped length": (_flip(0), rf"{SHARD}: (corrupted record at 0|it )"),
    "cut within a record": (_cut(3, 40), rf"{SHARD}: it ends within record 4 of 315"),
    "cut between records": (_cut(3), rf"{SHARD}: it holds 3 records, where dataset_info\.json says 315"),
    "an empty file": (_cut(0), rf"{SHARD}: it holds 0 records"),
    "a missing file": (_gone(SHARD), rf"{SHARD}: it is missing"),
    "a directory for a file": (_gone(SHARD, pathlib.Path.mkdir), rf"{SHARD}: it is missing"),
    "a brace": (_text("dataset_info.json", "{"), r"dataset_info\.json: Expecting property name"),
    "no text": (_text("dataset_info.json", ""), r"dataset_info\.json: Expecting value"),
    "a list": (_text("dataset_info.json", "[]"), r"dataset_info\.json: it holds no JSON object"),
    "an empty object": (_text("dataset_info.json", "{}"), r"dataset_info\.json or features\.json: "),
    "a number for splits": (_text("dataset_info.json", '{"splits": 3}'), r"dataset_info\.json or features\.json: "),
    "too many brackets": (_text("features.json", "[" * 100_000), r"features\.json: "),
    "no description": (_gone("dataset_info.json"), r"dataset_info\.json: it is missing"),
    "no name": (_without("name"), r"dataset_info\.json"),
    "no version": (_without("version"), r"dataset_info\.json"),
    "no splits": (
        _without("splits"),
        r"dataset_info\.json: the name of the set, its splits or their lengths are missing",
    ),
    "no lengths": (_without("shardLengths"), r"dataset_info\.json: the name of the set, its splits or"),
    "a brace for features": (_text("features.json", "{"), r"features\.json: Expecting property name"),
    "empty features": (_text("features.json", "{}"), r"dataset_info\.json or features\.json: "),
    "no features": (_gone("features.json"), r"features\.json: .*No such file"),
    "bytes for features": (lambda folder: (folder / "features.json").write_bytes(b"\xff\xfe\0"), r"features\.json: "),
}
HARMLESS = {
    name: _without(name)
    for name in (
        "description",
        "disableShuffling",
        "fileFormat",
        "location",
        "moduleName",
        "supervisedKeys",
        "numBytes",
    )
}
