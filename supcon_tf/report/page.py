"""The HTML page that a report is written on: one style sheet, and the few elements that its sections are made of.

Everything is inside the page: no script, no link, no font but the reader's own. Text from outside comes through
`escape`; parameters called `html...` are markup already and are not escaped again.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Optional

TONES = 7  # Colours of experiments; those beyond repeat them.

# Series: Okabe and Ito, "Color Universal Design" (2008). Classes: M. Petroff, "Accessible color sequences for data
# visualization" (arXiv:2107.02270), ten colours. Both keep their order under the common colour-vision deficiencies.
STYLE = """
:root {
  color-scheme: light dark;
  --paper: #ffffff; --sheet: #f6f7f8; --ink: #1b1f24; --soft: #5a636e; --rule: #dfe3e7;
  --right: 0 114 178; --wrong: 213 94 0; --on-cell: #ffffff;
  --tone-0: #0072b2; --tone-1: #d55e00; --tone-2: #009e73; --tone-3: #b5679a; --tone-4: #c98a00; --tone-5: #3fa0d8;
  --tone-6: #6b7280;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171a; --sheet: #1c2024; --ink: #e6e8ea; --soft: #9aa4af; --rule: #2f353b;
    --right: 77 163 217; --wrong: 240 138 60; --on-cell: #101214;
    --tone-0: #4da3d9; --tone-1: #f08a3c; --tone-2: #2fc197; --tone-3: #dd92c2; --tone-4: #e8b03a; --tone-5: #86cdf2;
    --tone-6: #a3abb5;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
main { max-width: 1136px; margin: 0 auto; padding: 56px 32px 72px; }
h1 { font-size: 34px; line-height: 1.2; letter-spacing: -0.015em; margin: 0 0 14px; overflow-wrap: anywhere; }
h2 { font-size: 21px; letter-spacing: -0.01em; margin: 0 0 4px; }
h3 { font-size: 15px; margin: 26px 0 10px; overflow-wrap: anywhere; }
p { margin: 0 0 12px; max-width: 46em; }
.lead { font-size: 17px; color: var(--soft); }
.note { color: var(--soft); font-size: 14px; }
.warning { background: var(--sheet); border-left: 4px solid rgb(var(--wrong)); border-radius: 8px; padding: 12px 18px;
  max-width: none; }
section { margin-top: 52px; padding-top: 26px; border-top: 1px solid var(--rule); }
.tiles { display: grid; gap: 14px;
  grid-template-columns: repeat(auto-fit, minmax(max(150px, 100% / var(--columns) - 14px), 1fr)); margin: 28px 0 0; }
.tile { background: var(--sheet); border-radius: 8px; padding: 15px 18px 13px; border-left: 4px solid var(--rule); }
.tile b { display: block; font-size: 29px; line-height: 1.2; font-weight: 620; letter-spacing: -0.02em;
  font-variant-numeric: tabular-nums; white-space: nowrap; }
.tile b small { font-size: 15px; font-weight: 450; letter-spacing: 0; color: var(--soft); }
.tile span { font-size: 13.5px; color: var(--soft); overflow-wrap: anywhere; display: block; line-height: 1.4;
  margin-top: 3px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14.5px; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 500; color: var(--soft); font-size: 13px; vertical-align: bottom; }
th, td { padding: 8px 20px 8px 0; border-bottom: 1px solid var(--rule); }
th:last-child, td:last-child { padding-right: 0; }
td { vertical-align: middle; }
td small { color: var(--soft); display: block; font-size: 12.5px; line-height: 1.4; }
.number { text-align: right; white-space: nowrap; }
.results { min-width: 860px; }
.results svg { display: block; width: 240px; }
.worst { font-size: 13px; }
.worst td { padding-top: 3px; padding-bottom: 3px; }
.settings td { overflow-wrap: anywhere; font: 12.5px/1.45 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
  padding-top: 4px; padding-bottom: 4px; vertical-align: top; }
.chip { display: inline-block; width: 11px; height: 11px; border-radius: 3px; margin-right: 8px; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 24px; margin: 12px 0 4px; font-size: 14px; }
.legend svg { width: 30px; height: 10px; margin-right: 7px; overflow: visible; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr)); column-gap: 32px; }
.pair > figure { margin-bottom: 14px; }
.pair > figure:only-child { max-width: 520px; }
figure { margin: 0; min-width: 0; }
.pair > figure { display: grid; grid-template-rows: subgrid; grid-row: span 2; align-content: start; row-gap: 0; }
figcaption { font-size: 14px; font-weight: 600; margin-bottom: 8px; }
figcaption small { display: block; color: var(--soft); font-weight: 400; font-size: 13px; line-height: 1.45; }
figure svg, .heat { display: block; width: 100%; height: auto; }
.heat { border: 1px solid var(--rule); margin-bottom: 14px; }
.cards { display: flex; flex-wrap: wrap; gap: 18px 30px; }
.card { display: flex; gap: 4px; align-items: center; }
.card img { width: 64px; height: 64px; border-radius: 3px; display: block; }
.card img:first-child { margin-right: 8px; outline: 2px solid var(--soft); outline-offset: 2px; }
.mistake { width: 76px; font-size: 13px; line-height: 1.35; overflow-wrap: anywhere; }
.mistake img { width: 76px; height: 76px; border-radius: 3px; display: block; margin-bottom: 6px; }
.mistake s { text-decoration: none; color: rgb(var(--wrong)); font-weight: 600; }
.corruptions, .neighbours { margin-top: 26px; }
.original { display: flex; gap: 14px; align-items: center; margin-bottom: 16px; max-width: 46em; }
.original small { color: var(--soft); font-size: 13px; line-height: 1.45; }
.original img, .corrupted img { width: 64px; height: 64px; border-radius: 3px; display: block;
  outline: 1px solid var(--rule); }
.corrupted { display: grid; grid-template-columns: repeat(auto-fill, minmax(200px, 1fr)); gap: 18px 24px; }
.corrupted b { font-size: 13.5px; font-weight: 600; display: block; margin-bottom: 5px; }
.corrupted small { color: var(--soft); font-weight: 400; white-space: nowrap; }
.corrupted b + div { display: flex; gap: 4px; }
.corrupted span { font-size: 12px; color: var(--soft); font-variant-numeric: tabular-nums; }
.found { display: grid; grid-template-columns: repeat(6, minmax(0, 74px)); gap: 10px; margin-bottom: 14px; }
.found span { font-size: 11.5px; line-height: 1.35; overflow-wrap: anywhere; }
.found img { width: 100%; aspect-ratio: 1; border-radius: 3px; display: block; margin-bottom: 3px;
  border: 3px solid transparent; }
.found .query { font-weight: 600; }
.found .query img { border-color: var(--soft); }
.found .right img { border-color: rgb(var(--right)); }
.found .wrong img { border-color: rgb(var(--wrong)); border-style: dashed; }
.found .right b { color: rgb(var(--right)); }
.found .wrong b { color: rgb(var(--wrong)); }
figure .legend svg { display: inline-block; width: 30px; }
.set { font-size: 11.5px; fill: var(--ink); }
.bar, .key { fill: var(--tone, var(--soft)); }
.bar.transfer_fine_tune { fill-opacity: 0.35; stroke: var(--tone, var(--soft)); }
.whisker { fill: none; stroke: var(--ink); stroke-width: 1.2; }
.sharp { image-rendering: pixelated; }
details { margin-top: 14px; }
summary { cursor: pointer; font-size: 14.5px; font-weight: 600; padding: 6px 0; }
pre { background: var(--sheet); border-radius: 8px; padding: 12px 16px; margin: 8px 0; font-size: 12.5px;
  white-space: pre-wrap; overflow-wrap: anywhere; }
svg text { font-family: inherit; }
.tick { font-size: 11.5px; fill: var(--soft); font-variant-numeric: tabular-nums; }
svg .note { font-size: 12px; fill: var(--soft); font-style: italic; stroke: var(--paper); stroke-width: 3px;
  paint-order: stroke; }
.grid { stroke: var(--rule); }
.line { fill: none; stroke: var(--tone); stroke-linejoin: round; stroke-linecap: round; }
.line.mean, .line.median { stroke-width: 2.4; }
.line.seed { stroke-width: 1; opacity: 0.45; }
.line.train { stroke-width: 1.4; stroke-dasharray: 1 4; }
.level { stroke: var(--tone, var(--soft)); stroke-width: 1.3; stroke-dasharray: 6 4; }
circle.seed { fill: var(--tone); fill-opacity: 0.8; stroke: var(--paper); }
rect.band { fill: var(--tone); opacity: 0.16; }
line.mean { stroke: var(--tone); stroke-width: 2; }
.dots { fill: none; stroke: var(--class); stroke-width: 5.4; stroke-linecap: round; stroke-opacity: 0.82; }
.dots.rest { stroke: var(--soft); stroke-opacity: 0.28; }
.missed { fill: none; stroke: var(--ink); stroke-width: 1.5; }
.name { font-size: 14px; font-weight: 650; fill: var(--ink); stroke: var(--paper); stroke-width: 4px;
  paint-order: stroke; stroke-linejoin: round; }
.cell { font-size: 11.5px; font-variant-numeric: tabular-nums; }
.cell.right rect { fill: rgb(var(--right)); }
.cell.wrong rect { fill: rgb(var(--wrong)); }
.cell text { fill: var(--ink); }
.cell.strong text { fill: var(--on-cell); }
.outline { fill: none; stroke: var(--rule); }
footer { margin-top: 60px; padding-top: 18px; border-top: 1px solid var(--rule); font-size: 13px; color: var(--soft); }
@media (max-width: 640px) {
  main { padding: 32px 18px 48px; } h1 { font-size: 27px; }
  .corrupted { grid-template-columns: repeat(auto-fill, minmax(160px, 1fr)); gap: 16px; }
  .corrupted img { width: 50px; height: 50px; }
  .corrupted b { font-size: 12px; }
}
@media print { main { padding: 0; } section, figure, .card { break-inside: avoid; } }
"""
CLASS_COLOURS = (
    "#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd",
)  # fmt: skip


def document(title: str, html: Sequence[str]) -> str:
    """A whole page from its sections."""
    tones = "".join(f".tone-{number} {{ --tone: var(--tone-{number}); }}\n" for number in range(TONES))
    classes = "".join(f".class-{number} {{ --class: {colour}; }}\n" for number, colour in enumerate(CLASS_COLOURS))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}{tones}{classes}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(html)
        + "\n</main>\n</body>\n</html>\n"
    )


def section(title: str, html: Sequence[str], *, lead: str = "") -> str:
    """A part of the page under its heading; `lead` is plain text below it."""
    return f"<section>\n<h2>{escape(title)}</h2>\n{note(lead) if lead else ''}\n" + "\n".join(html) + "\n</section>"


def note(text: str) -> str:
    """A sentence in small print."""
    return f'<p class="note">{escape(text)}</p>'


def warning(text: str) -> str:
    """A sentence that must not be missed."""
    return f'<p class="warning">{escape(text)}</p>'


def legend(names: Sequence[str]) -> str:
    """The colours of experiments; nothing where there is one, which needs no telling apart."""
    spans = "".join(f"<span>{chip(tone)}{escape(name)}</span>" for tone, name in enumerate(names))
    return f'<div class="legend">{spans}</div>' if len(names) > 1 else ""


def chip(tone: int) -> str:
    """A small square in the colour of an experiment."""
    return f'<span class="chip tone-{tone % TONES}" style="background: var(--tone)"></span>'


def tiles(html: Sequence[str]) -> str:
    """Tiles in rows that are as even as can be."""
    columns = len(html) if len(html) <= 5 else min((5, 4, 3), key=lambda columns: -len(html) % columns)
    return f'<div class="tiles" style="--columns: {columns}">{"".join(html)}</div>'


def tile(number: str, text: str, *, unit: str = "", tone: Optional[int] = None) -> str:
    """A key number in large type."""
    style = "" if tone is None else f' style="border-color: var(--tone-{tone % TONES})"'
    value = f"<b>{escape(number)} <small>{escape(unit)}</small></b>"
    return f'<div class="tile"{style}>{value}<span>{escape(text)}</span></div>'


def table(
    html_head: Sequence[str], html_rows: Sequence[Sequence[str]], *, kind: str, numbers: Sequence[int] = ()
) -> str:
    """A table that scrolls inside itself where the screen is narrow.

    Args:
        html_head: markup of the first row.
        html_rows: markup of the cells.
        kind: class of the table in the style sheet.
        numbers: columns that are set to the right.
    """

    def cells(row: Sequence[str], name: str) -> str:
        marks = [' class="number"' if column in numbers else "" for column in range(len(row))]
        return "".join(f"<{name}{mark}>{cell}</{name}>" for mark, cell in zip(marks, row))

    body = "\n".join(f"<tr>{cells(row, 'td')}</tr>" for row in html_rows)
    top = f"<thead><tr>{cells(html_head, 'th')}</tr></thead>"
    return f'<div class="scroll"><table class="{kind}">{top}<tbody>\n{body}\n</tbody></table></div>'


def figure(title: str, html: str, *, caption: str = "") -> str:
    """A picture under its title and a plain-text caption."""
    small = f"<small>{escape(caption)}</small>" if caption else ""
    return f"<figure><figcaption>{escape(title)}{small}</figcaption><div>{html}</div></figure>"


def pair(html: Sequence[str]) -> str:
    """Figures side by side where the screen is wide enough."""
    return f'<div class="pair">{"".join(html)}</div>'


def details(title: str, html: str) -> str:
    """Something to open on demand."""
    return f"<details><summary>{escape(title)}</summary>{html}</details>"


def picture(uri: str, *, text: str, kind: str = "") -> str:
    """An image of the page itself; kind "sharp" shows single pixels as squares."""
    return f'<img class="{kind}" src="{uri}" alt="{escape(text)}">'
