"""The configs that come with rnnlab, wherever it is installed, and what a config is for."""

from __future__ import annotations

import re
from pathlib import Path


def shipped_configs() -> dict[str, Path]:
    """Give the configs that come with rnnlab by name, those of a folder as `folder/name`."""
    package = Path(__file__).parent
    folder = package / "configs"  # where an installation has them; in a checkout they stand beside the package
    if not folder.is_dir():
        folder = package.parent / "configs"
    return {file.relative_to(folder).with_suffix("").as_posix(): file for file in sorted(folder.rglob("*.yaml"))}


def has_axes(file: Path) -> bool:
    """Tell whether a config is one for `rnnlab sweep`, by the section that it must have."""
    return re.search(r"^[\"']?sweep[\"']?\s*:", file.read_text(encoding="utf-8"), re.MULTILINE) is not None
