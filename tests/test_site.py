"""The documentation as a site: every page is in its menu, every public name in its reference; and it builds."""

from __future__ import annotations

import importlib
import pathlib
import re
import shutil
import subprocess
import urllib.parse

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


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the site, as `make docs` builds it."""
    folder = tmp_path_factory.mktemp("site")
    mkdocs = shutil.which("mkdocs") or ROOT / ".venv-docs" / "bin" / "mkdocs"
    if not pathlib.Path(mkdocs).exists():
        pytest.skip("mkdocs is not installed: make docs")
    built = subprocess.run([mkdocs, "build", "--strict", "--quiet", "--site-dir", folder], cwd=ROOT,
                           capture_output=True, text=True)  # fmt: skip
    assert built.returncode == 0, built.stderr
    return folder


@pytest.mark.slow
def test_the_site_needs_nothing_from_elsewhere_and_its_links_lead_somewhere(site):
    pages = {page: page.read_text(encoding="utf-8") for page in site.rglob("*.html")}
    assert len(pages) > 30
    for page, text in pages.items():
        loaded = re.findall(r'<(?:script|img|link)[^>]+(?:src|href)="(https?://[^"]+)"', text)
        assert not [url for url in loaded if "canonical" not in url], page
        assert broken(page, pages) == []
    assert not list(site.rglob("*.py"))  # the hook is no page


def broken(page, pages):
    """Links of a built page that lead to no file of the site, or to no place in it."""
    found = []
    for link in set(re.findall(r'(?:href|src)="([^"]+)"', pages[page])):
        if re.match(r"(https?|mailto|data|javascript):", link) or page.name == "404.html":
            continue
        path, _, place = urllib.parse.unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        target = target / "index.html" if target.is_dir() else target
        if not target.exists() or (place and target in pages and f'id="{place}"' not in pages[target]):
            found.append(link)
    return found


def test_the_check_sees_a_broken_link(tmp_path):
    """Control: a file that is not there, and a place that is not in one that is."""
    page, other = tmp_path / "a" / "index.html", tmp_path / "b" / "index.html"
    for each in (page, other):
        each.parent.mkdir()
        each.write_text("")
    links = '<a href="../b/#here"> <a href="../b/#there"> <img src="../c.svg"> <a href="#top"> <a href="../b/">'
    assert set(broken(page, {page: links, other: '<h2 id="here">'})) == {"../b/#there", "../c.svg", "#top"}


@pytest.mark.slow
def test_equations_are_drawn_without_a_script(site):
    """Every fence named `math` has become MathML, and no LaTeX is left to read."""
    fences = {
        page.relative_to(ROOT / "docs").with_suffix(""): page.read_text(encoding="utf-8").count("\n```math\n")
        for page in (ROOT / "docs").rglob("*.md")
    }
    assert sum(fences.values()) >= 6
    for page, count in fences.items():
        if count:
            text = (site / page / "index.html").read_text(encoding="utf-8")
            assert text.count("<math ") == count and "\\frac" not in text
