"""The documents say what is so: every command in them is one that works, every code block runs."""

from __future__ import annotations

import os
import pathlib
import re
import shlex
import subprocess
import sys

import pytest

from supcon_tf.command import VERBS
from tests.distributed.test_trainer import free_ports

ROOT = pathlib.Path(__file__).parents[1]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")),
             *sorted((ROOT / "experiments").rglob("*.md"))]  # fmt: skip
HEADERS = sorted((ROOT / "experiments").rglob("*.py"))


def blocks(path, language=""):
    """Fenced code blocks of a document that name this language, or none."""
    fenced = re.findall(r"^```(\w*)\n(.*?)^```", path.read_text(encoding="utf-8"), re.M | re.S)
    return [text for named, text in fenced if named == language]


def within_sentences(path):
    """What stands between single backticks and has a flag whose value is said."""
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    return [each for each in re.findall(r"`([^`\n]+)`", text) if re.search(r" --?\w+(=\S+)?$", each)]


def commands(start):
    """Every line of a code block or an experiment's header that starts so, with the name of its file."""
    found = {}
    for path in DOCUMENTS:
        for line in [*"".join(blocks(path)).splitlines(), *within_sentences(path)]:
            if line.strip().startswith(start):
                found[line.strip()] = path.name
    for path in HEADERS:
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("    " + start):
                found[line.strip()] = path.name
    return sorted(found)


def programs():
    """Commands of programs, by their module: `supcon train` is `python -m launch.train`."""
    of_verbs = {}
    for line in commands("supcon "):
        verb = line.split()[1]
        module = verb.replace("hosts-", "hosts.").replace("-", "_")
        assert verb in VERBS, line
        of_verbs[line.replace(f"supcon {verb}", f"python -m launch.{module}", 1)] = line
    return sorted({*commands("python -m launch."), *of_verbs})


# What commands hand themselves to, and what loads TensorFlow on the way: a name of it, called, ends with 42.
BEHIND = ["run.experiment", "run.speed", "run.evaluating", "run.evaluating_model", "run.comparing", "run.transferring",
          "run.export", "run.embedding", "run.restored", "run.context", "distribution.strategy", "data.sets.load",
          "data.sets.prepared", "data.sets.source", "data.sets.selection", "data.sets.tfds_files",
          "report.report"]  # fmt: skip


@pytest.mark.parametrize("command", programs())
def test_a_launch_command_is_understood(command, tmp_path):
    """All of it but the run itself: flags, experiment, values, and how they go together; where nothing has run yet."""
    words = shlex.split(command.split("  #")[0].removesuffix(" &"))
    if words[2] == "launch.benchmark" or words[2].startswith("launch.hosts."):  # They can say what they would do.
        dry = [sys.executable, *words[1:3], *words[3:4], "--dry_run", *words[4:]]
        ended = subprocess.run(dry, cwd=ROOT, capture_output=True, timeout=60)
        assert ended.returncode == 0, ended.stderr
        return
    for run in (word.split("=", 1)[1] for word in words if word.startswith(("--run=", "--against=", "--baseline="))):
        if run.endswith(".keras"):  # a model of somebody, or one of an export
            (tmp_path / run).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / run).write_bytes(b"")
            continue
        (tmp_path / run).mkdir(parents=True)
        (tmp_path / run / "config.json").write_text("{}")
    program = (
        "import sys, types\n"
        "class Stub(types.ModuleType):\n"
        "    def __getattr__(self, name): return lambda *a, **k: sys.exit(42)\n"
        f"for name in {BEHIND!r}:\n"
        "    sys.modules[f'supcon_tf.{name}'] = Stub(name)\n"
        f"sys.argv = {['x', *words[3:]]!r}\n"
        f"import runpy; runpy.run_module({words[2]!r}, run_name='__main__', alter_sys=False)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True,
        text=True, timeout=60,
    )  # fmt: skip
    says_only = {"--help", "--transfer_sets"} & set(words)
    assert ended.returncode == (0 if says_only else 42), ended.stderr


@pytest.mark.guard
def test_the_two_processes_of_the_guide_train_together(tmp_path):
    """Its block for several hosts, as it stands, but for ports that are free, the directory and the size."""
    (block,) = [text for text in blocks(ROOT / "docs/guides/distribute.md") if text.startswith("TF_CONFIG=")]
    for port, free in zip(("2222", "2223"), free_ports(2)):
        block = block.replace(port, str(free))
    small = "--data.examples=64 --contrastive.epochs=1 --contrastive.warmup_epochs=0 --linear.epochs=1"
    small += " --contrastive.batch_size=32 --linear.batch_size=32 --encoder.width=0.0625 --knn.every=0"
    block = block.replace("--strategy=multi_worker", f"--strategy=multi_worker {small}").replace(
        "runs/", f"{tmp_path}/"
    )
    block = block.replace("python -m", f"{shlex.quote(sys.executable)} -m") + "\nwait\n"
    ended = subprocess.run(["bash", "-c", block], cwd=ROOT, capture_output=True, text=True, timeout=400)
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert ended.stdout.count("2 replicas on 2 hosts, 16 images each") == 2
    assert (tmp_path / "hosts" / "summary.json").exists()


@pytest.mark.parametrize("command", commands("make "))
def test_a_make_target_exists(command):
    target = shlex.split(command.split("#")[0])
    ended = subprocess.run([*target, "-n"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr


def test_there_are_commands_to_check():
    """Control: the two tests above would pass on documents whose commands they fail to find."""
    assert len(commands("python -m launch.")) >= 5 and len(commands("make ")) >= 3 and len(commands("supcon ")) >= 3


# Pages whose programs follow on each other; elsewhere each runs as it stands.
CONTINUED = [ROOT / "README.md", ROOT / "docs" / "guides" / "migrating.md"]
# Programs that need files of a run or of others, which these tests make, and run them with.
ELSEWHERE = {
    "docs/guides/use.md": "tests/run/test_export.py", "docs/guides/encoders.md": "tests/networks/test_published.py",
}  # fmt: skip
FILES = ('"exported/', '"supcon.pth"', '"model.ckpt-')


@pytest.mark.slow
@pytest.mark.parametrize("path", [path for path in DOCUMENTS if blocks(path, "python")], ids=lambda path: path.name)
def test_python_in_a_document_runs(path):
    names = {}
    for block in blocks(path, "python"):
        if any(each in block for each in FILES):
            assert path.name in (ROOT / ELSEWHERE[path.relative_to(ROOT).as_posix()]).read_text(encoding="utf-8")
            continue
        if "tf.distribute." in block:  # a second strategy of a process would use the first one's collectives again
            ended = subprocess.run([sys.executable, "-c", block], cwd=ROOT, capture_output=True, text=True, timeout=200)
            assert ended.returncode == 0, ended.stderr[-3000:]
            continue
        names = {"__name__": "document", **(names if path in CONTINUED else {})}
        exec(compile(block, path.name, "exec"), names)
    if path == ROOT / "README.md":  # what it says of both its ways
        assert names["probe"].accuracy > 0.92
        assert names["classifier"].evaluate(*names["test"], verbose=0)[1] > 0.92


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_to_files(path):
    for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_files_that_are_named_are_there(path):
    for name in re.findall(r"`((?:tests|supcon_tf|launch|benchmarks|experiments)/[\w./]+)`", path.read_text("utf-8")):
        assert (ROOT / name).exists(), name


def test_every_page_is_linked_from_the_index_and_from_the_readme():
    pages = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")} - {"docs/README.md"}
    for index in (ROOT / "docs" / "README.md", ROOT / "README.md"):
        linked = re.findall(r"\]\(([^)#:]+\.md)\)", index.read_text(encoding="utf-8"))
        assert pages <= {(index.parent / target).resolve().relative_to(ROOT).as_posix() for target in linked}, index


def test_no_unsuited_python_gets_past_make():
    ended = subprocess.run(
        ["make", "test", "PYTHON=no-such-python"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode != 0
    assert "no Python answers to 'no-such-python'" in ended.stderr and len(ended.stderr.splitlines()) == 1


def test_the_readme_is_short():
    """What it is, the loss in a Keras model, one command, links, a map: a newcomer reads it to its end."""
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


def test_the_version_is_one():
    import supcon_tf

    setup = (ROOT / "setup.py").read_text(encoding="utf-8")
    head, call = setup.split("\nsetup(")
    assert "version=VERSION," in call and supcon_tf.__version__ not in setup
    read = next(line for line in head.splitlines() if line.startswith("VERSION = "))
    found = {"re": re, "HERE": ROOT}
    exec(read, found)  # as setup.py reads it
    assert found["VERSION"] == supcon_tf.__version__
    assert f"\nversion: {supcon_tf.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_every_public_name_is_documented():
    import supcon_tf

    written = "".join(path.read_text(encoding="utf-8") for path in DOCUMENTS)
    for name in supcon_tf.__all__:
        assert len(getattr(supcon_tf, name).__doc__) > (40 if name in supcon_tf._ROOMS else 200)
        assert name in written, name
