"""Which keys of data tasks only follow from others: a run's data are one thing, of which its config says several.

Where runs differ by their data, the file stands for that, or, where files and contents are not one to one (edited in
place, or copied), the checksum; what the file answers follows from it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

FILE, CONTENT = "task.file", "task.sha256"


class DataKeys:
    """Gathers, config by config, what each content goes with."""

    def __init__(self) -> None:
        self._values: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        self._kinds: set[str] = set()

    def add(self, flat: Mapping[str, Any]) -> None:
        """Take in a config, by dotted keys."""
        content = flat.get(CONTENT)
        if content is None:
            return
        self._kinds.add(str(flat["task.kind"]))
        for key, value in flat.items():
            if key.startswith("task."):
                self._values[key][content].add(repr(value))

    def following(self) -> set[str]:
        """Give the keys that say nothing beside the one that stands for the data."""
        if not self._kinds:
            return set()
        from rnnlab.tasks import TASKS  # only here: most runs have no data of their own

        answered = {f"task.{key}" for kind in self._kinds if kind in TASKS for key in TASKS[kind].read_from_file}
        facts = {key for key in answered - {CONTENT} if all(len(each) == 1 for each in self._values[key].values())}
        return facts | {CONTENT if self._are_one_to_one() else FILE}

    def _are_one_to_one(self) -> bool:
        """Tell whether every content came from one file and every file held one content."""
        files = [file for each in self._values[FILE].values() for file in each]
        return len(files) == len(set(files)) == len(self._values[FILE])
