"""The READMEs name what there is: commands, files, arrays. Examples are run in tests/test_docs.py."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from rnnlab.flow import GROUPS
from rnnlab.nets import CELLS, INITIALISERS, NONLINEARITIES
from rnnlab.training import OPTIMIZERS
from rnnlab.training.regularisers import REGULARISERS
from rnnlab.training.schedules import SCHEDULES

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_its_table_has_every_command() -> None:
    from rnnlab.cli.main import app

    known = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    assert set(re.findall(r"^\| `([a-z]+)[ `]", README, re.MULTILINE)) == known


def test_every_link_leads_to_a_file() -> None:
    links = re.findall(r"\]\(([^)#]+)", README)
    assert len(links) > 15
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_it_names_whatever_nets_and_trainings_are_made_of() -> None:
    kinds: tuple[Mapping[str, object], ...] = (
        *(CELLS, NONLINEARITIES, INITIALISERS),
        *(OPTIMIZERS, SCHEDULES, REGULARISERS),
    )
    assert [name for kind in kinds for name in kind if f"`{name}`" not in README] == []


def quantity_table() -> str:
    """Give the table of arrays as the README of the runs must have it."""
    rows = [f"| `{each.name}` | {each.shape} | {each.meaning} |" for each in GROUPS["base"].quantities]
    return "\n".join(["| array | shape, type | meaning |", "|---|---|---|", *rows])


def test_the_table_of_arrays_is_what_is_declared() -> None:
    text = (ROOT / "runs" / "README.md").read_text(encoding="utf-8")
    found = re.search(r"<!-- quantities:.*?-->\n(.*?)\n<!-- /quantities -->", text, re.DOTALL)
    assert found, "the README of the runs has no table of arrays"
    assert found[1] == quantity_table()
