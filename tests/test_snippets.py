"""Nothing that a document shows to be typed escapes the tests: every fence, in whatever language, is one that is run.

`test_documents.py` runs Python and every command of this package, `test_migrating.py` the programs of other libraries.
"""

from __future__ import annotations

import importlib.util
import pathlib
import re

import pytest

from supcon_tf.command import VERBS
from tests.test_architecture import drawing
from tests.test_documents import DOCUMENTS, HEADERS, ROOT, blocks, commands, programs

FENCE = re.compile(r"^(?P<indent> *)(?P<mark>```+|~~~+)(?P<named>[^\n]*)\n(?P<text>.*?)^ *(?P=mark) *$", re.M | re.S)
WRITTEN = re.compile(r"<!-- (?:measured|results): [^\n]* -->\n.*?<!-- end -->", re.S)  # by a command, which a test runs
OTHERS = ROOT / "docs" / "guides" / "migrating.md"  # the one page with programs of other libraries
EXTRAS = (ROOT / "setup.py").read_text(encoding="utf-8").split("extras_require={")[1].split("\n    },")[0]


def named(path: pathlib.Path) -> str:
    return path.relative_to(ROOT).as_posix()


def fences(text: str) -> list[tuple[str, str]]:
    """(language with all that follows it, text) of every fence that no command has written."""
    return [(found["named"].strip(), found["text"]) for found in FENCE.finditer(WRITTEN.sub("", text))]


def lines_of(block: str) -> list[str]:
    """The commands of a block; those that go on in the next line as one."""
    return [line.strip() for line in block.replace("\\\n", " ").splitlines() if line.strip()]


def is_drawing(block: str) -> bool:
    """The map of the rooms or the arrows between them, which test_architecture compares with the code."""
    house = (ROOT / "docs" / "explained" / "house.md").read_text(encoding="utf-8").split("## Arrows")[1]
    return block in (
        drawing("README.md"),
        drawing("docs/explained/house.md"),
        re.search(r"```\n(.*?)```", house, re.S)[1],
    )


def is_tested(line: str) -> bool:
    """Whether a command is of a kind that a test looks at."""
    if line.startswith(("python -m launch.", "supcon ")):
        return line.startswith("supcon ") or line in programs()
    if line.startswith("make "):
        return line in commands("make ")
    if line.startswith("TF_CONFIG="):
        return (
            line.split("' ", 1)[1].strip().startswith("python -m launch.train")
        )  # test_the_two_processes_of_the_guide
    return installs(line) or line.startswith("tensorboard --logdir=")


def installs(line: str) -> bool:
    """pip, here or in an environment that the line makes, with this checkout and extras that it has."""
    steps = line.split("  #")[0].strip().split(" && ")
    here = r"(?:--no-deps )?(?:-e )?['\"]?\.(?:\[(\w+)\])?['\"]?"
    allowed = rf"python3\.\d+ -m venv \.venv|\S*pip install (?:--upgrade pip|{here})"
    found = [re.fullmatch(allowed, step) for step in steps]
    return all(found) and all(f'"{extra}": ' in EXTRAS for step in found for extra in step.groups() if extra)


def escaped(text: str, path: pathlib.Path) -> list[str]:
    """What of a document no test would run."""
    found = []
    for language, block in fences(text):
        if language == "python":
            found += [] if block in blocks(path, "python") else [block]
        elif language == "py":
            found += [] if path == OTHERS else [block]
        elif language == "":
            found += [] if is_drawing(block) else [line for line in lines_of(block) if not is_tested(line)]
        elif language != "math":
            found.append(f"{language}: {block}")
    return found


@pytest.mark.parametrize("path", DOCUMENTS, ids=named)
def test_every_fence_is_run(path):
    assert escaped(path.read_text(encoding="utf-8"), path) == []


ESCAPING = ["bash\nls", "console\n$ supcon train", "py\nprint(1)", "python\n1 + 1", "python title=x\nprint(1)",
            "\nrm -r runs", "\nsupcon_tf/", "\npip install '.[absent]'",
            "\npython -m launch.train --experiment=unseen"]  # fmt: skip


@pytest.mark.parametrize("fence", ESCAPING)
@pytest.mark.parametrize("around", ["```{}\n```\n", "~~~{}\n~~~\n", "* a list\n\n  ```{}\n  ```\n"])
def test_the_check_sees_what_escapes(fence, around):
    """Control: other languages, other fences, commands that nobody looks at."""
    assert escaped(around.format(fence), ROOT / "README.md")


@pytest.mark.parametrize("path", DOCUMENTS, ids=named)
def test_indented_blocks_are_no_programs(path):
    """Markdown takes four blanks after an empty line for code, which no test would find."""
    text = FENCE.sub("", WRITTEN.sub("", path.read_text(encoding="utf-8")))
    for block in re.findall(r"\n\n((?: {4}[^\n]+\n)+)", text):
        assert not re.search(r"^ {4}(import|from|python|supcon|make|pip|\$) ?", block, re.M), block


def test_programs_named_in_sentences_are_there():
    """`supcon VERB` and `python -m launch.NAME`, with or without flags; in experiments' headers, too."""
    seen = 0
    for path in (*DOCUMENTS, *HEADERS):
        text = path.read_text(encoding="utf-8")
        for verb in re.findall(r"`supcon ([\w-]+)", text):
            assert verb in VERBS, (path, verb)
        for module in re.findall(r"python -m (launch\.[\w.]+\w)", text):
            assert importlib.util.find_spec(module), (path, module)
            seen += 1
    assert seen > 50


def test_tensorboard_takes_the_flags_that_a_guide_gives_it():
    """TensorFlow brings TensorBoard along, and with it how it reads flags."""
    given = [line for path in DOCUMENTS for block in blocks(path) for line in lines_of(block) if "tensorboard" in line]
    assert given and all(re.fullmatch(r"tensorboard --logdir=[\w/]+", line) for line in given)
    source = importlib.util.find_spec("tensorboard.plugins.core.core_plugin").origin
    assert '"--logdir"' in pathlib.Path(source).read_text(encoding="utf-8")
