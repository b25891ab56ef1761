"""What a notebook shows in the cell that runs: bars and pages. Elsewhere bars need a terminal, and pages are files.

Nothing of the notebook is changed: a page stands in a frame of its own, so that its style sheet is nobody else's.
"""

from __future__ import annotations

import html
import sys
from collections.abc import Iterable
from typing import Any, Optional

HEIGHT, WIDTH = "560px", "100%"  # of a frame; a longer page is scrolled in it


def inside() -> bool:
    """Whether this is the kernel of a notebook: Jupyter, Colab, an editor's.

    Example:
        >>> inside()
        False
    """
    ipython = sys.modules.get("IPython")  # a kernel has loaded it
    shell = ipython.get_ipython() if ipython is not None and hasattr(ipython, "get_ipython") else None
    return getattr(shell, "kernel", None) is not None


def bar(iterable: Optional[Iterable[Any]] = None, **how: Any) -> Any:
    """A bar of tqdm: on a terminal and in a notebook; elsewhere, as in a log file, no control characters.

    Args:
        iterable: what is counted, or None.
        how: other arguments of tqdm.

    Example:
        >>> list(bar([1, 2], desc="images"))
        [1, 2]
    """
    import tqdm  # of the extra [train], as those who show bars are

    if not inside():
        return tqdm.tqdm(iterable, **{"disable": None, **how})
    import tqdm.notebook

    drawn = tqdm.notebook.IProgress is not None  # ipywidgets is there; in text otherwise
    return (tqdm.notebook.tqdm if drawn else tqdm.tqdm)(iterable, **how)


class Page:
    """A page in the output of the cell that shows it first; shown again, it is replaced where it stands.

    Args:
        height, width: of its frame, as CSS has them.

    Example:
        >>> Page().show("<p>nowhere, for this is no notebook</p>")
    """

    def __init__(self, height: str = HEIGHT, width: str = WIDTH):
        self.height, self.width = height, width
        self._handle: Any = None

    def show(self, document: str) -> None:
        """Shows a whole HTML document, where there is a notebook."""
        if not inside():
            return
        from IPython.display import HTML, display

        style = f"width: {self.width}; height: {self.height}; border: 0"
        framed = HTML(f'<div><iframe srcdoc="{html.escape(document)}" style="{style}"></iframe></div>')
        if self._handle is None:
            self._handle = display(framed, display_id=True)
        else:
            self._handle.update(framed)
