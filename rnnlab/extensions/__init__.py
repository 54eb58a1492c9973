"""Code of one's own: Python files and installed packages that declare tasks, cells, starts, quantities and more.

A config names them (`extensions: [mine.py]`). A file is read once, known by its sha256 and executed as a module of its
own; its folder is not imported from. What it declares through the registries counts for the configs that name it. To
read such a config is to run its code.
"""

from rnnlab.extensions.faults import ExtensionError, fault_of, has_part_in
from rnnlab.extensions.loading import LOADER, use
from rnnlab.extensions.source import GROUP, ExtensionSource, find_package, is_file_name, read_file

__all__ = [
    "GROUP",
    "LOADER",
    "ExtensionError",
    "ExtensionSource",
    "fault_of",
    "find_package",
    "has_part_in",
    "is_file_name",
    "read_file",
    "use",
]
