"""Public names of a package: what `dir` and tab show, each loaded at its first use."""

from __future__ import annotations

import importlib
from typing import Any, Callable, Optional


def offered(package: str, homes: dict[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """`__getattr__`, `__dir__` and `__all__` of a package.

    Args:
        package: its dotted name.
        homes: public names, and the module inside the package where each is defined; "" for a module itself.

    Example:
        >>> get, names, everything = offered("supcon_tf", {"LARS": "optim.lars", "optim": ""})
        >>> names(), everything
        (['LARS', 'optim'], ['LARS', 'optim'])
        >>> get("LARS").__name__
        'LARS'
    """

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module '{package}' has no attribute {name!r}; it offers {', '.join(homes)}.")
        home = homes[name]
        try:
            module = importlib.import_module(f"{package}.{home or name}")
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("supcon_tf"):
                raise
            raise ModuleNotFoundError(not_installed(f"`{package}.{name}`", error.name), name=error.name) from error
        return getattr(module, name) if home else module

    return get, lambda: sorted(homes), list(homes)


def not_installed(what: str, needed: Optional[str]) -> str:
    """What is said where a library of the extra [train] is missing.

    Args:
        what: needs it.
        needed: the library, as it is imported.

    Example:
        >>> not_installed("reading images", "PIL")
        "reading images needs PIL, which is not installed: pip install 'supcon-tf[train]'."
    """
    return f"{what} needs {needed}, which is not installed: pip install 'supcon-tf[train]'."
