"""The documentation as a site: every page is in its menu, every public name in its reference; and it builds."""

from __future__ import annotations

import importlib
import pathlib
import re
import shutil
import subprocess

import pytest

import supcon_tf

ROOT = pathlib.Path(__file__).parents[1]
MENU = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").split("\nnav:")[1]


def test_every_page_is_in_the_menu_once():
    pages = sorted(path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md"))
    assert sorted(re.findall(r": (\S+\.md)$", MENU, re.M)) == pages


def test_every_public_name_is_in_the_reference():
    """Those of the package, and those that its rooms offer."""
    text = (ROOT / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
    shown = re.findall(r"^::: (\S+)$", text, re.M)
    rooms = [importlib.import_module(f"supcon_tf.{name}") for name in supcon_tf._ROOMS]
    offered = [getattr(room, name) for room in rooms for name in getattr(room, "__all__", ())]
    offered += [getattr(supcon_tf, name) for name in supcon_tf._HOME]
    assert len(offered) > 30
    assert {f"{each.__module__}.{each.__name__}" for each in offered} == set(shown)


def test_every_name_of_the_reference_is_where_it_says():
    text = (ROOT / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
    for name in re.findall(r"^::: (\S+)$", text, re.M):
        file, own = name.rsplit(".", 1)
        source = (ROOT / f"{file.replace('.', '/')}.py").read_text(encoding="utf-8")
        assert re.search(rf"^(?:class|def) {own}\b", source, re.M), name


@pytest.mark.slow
def test_the_site_builds_strictly_and_needs_nothing_from_elsewhere(tmp_path):
    mkdocs = shutil.which("mkdocs") or ROOT / ".venv-docs" / "bin" / "mkdocs"
    if not pathlib.Path(mkdocs).exists():
        pytest.skip("mkdocs is not installed: make docs")
    built = subprocess.run([mkdocs, "build", "--strict", "--quiet", "--site-dir", tmp_path], cwd=ROOT,
                           capture_output=True, text=True)  # fmt: skip
    assert built.returncode == 0, built.stderr
    for page in tmp_path.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r'<(?:script|img|link)[^>]+(?:src|href)="(https?://[^"]+)"', text)
        assert not [url for url in loaded if "canonical" not in url], page
