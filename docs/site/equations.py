"""Equations of the site: a fence named `math` holds LaTeX, which becomes MathML when the site is built.

A code-hosting page draws such a fence by itself, and browsers draw MathML: neither needs a script from elsewhere.
mkdocs loads this file as a hook (mkdocs.yml).
"""

from __future__ import annotations

from latex2mathml.converter import convert


def on_config(config):
    """Hands fences named `math` to `equation`."""
    fences = {"custom_fences": [{"name": "math", "class": "equation", "format": equation}]}
    config["mdx_configs"].setdefault("pymdownx.superfences", {}).update(fences)
    return config


def equation(source: str, language: str, class_name: str, options: dict, md, **kwargs) -> str:
    """LaTeX as a block of MathML; the arguments are those that pymdownx.superfences hands to a formatter."""
    return f'<div class="{class_name}">{convert(source, display="block")}</div>'
