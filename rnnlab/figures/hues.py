"""Colours for the values of an axis: ordered ones for numbers, single ones for words; and the legend of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from matplotlib.lines import Line2D

from rnnlab.figures.names import axis_name, plain, value_text
from rnnlab.figures.style import Style, ordered_colours, single_colours
from rnnlab.picking import pick

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from rnnlab.figures.collection import Collection

_MOST_ENTRIES = 8
_FEW_NUMBERS = 3
_LONGEST = 34  # characters

Dashes = Literal["-", "--", ":", "-."]
_DASHES: tuple[Dashes, ...] = ("-", "--", ":", "-.")


class Hues:
    """The colours of an axis' values; without an axis a single colour."""

    def __init__(self, collection: Collection, key: str | None, style: Style) -> None:
        self.key, self.style = key, style
        self.values: Sequence[Any] = collection.axes[key] if key else (None,)
        ordered = key is not None and collection.is_numeric(key) and len(self.values) > _FEW_NUMBERS
        choose_colours = ordered_colours if ordered else single_colours
        self.colours = dict(zip(self.values, choose_colours(style, len(self.values)), strict=True))
        self.dashes: dict[Any, Dashes] = {
            value: _DASHES[0 if ordered else i // 8 % 4] for i, value in enumerate(self.values)
        }

    def legend(self, axes: Axes, extra: Sequence[tuple[Line2D, str]] = ()) -> None:
        """Put beside the axes what each colour means; of many values, some."""
        entries: list[tuple[Any, str]] = []
        if self.key:
            for i in pick(len(self.values), _MOST_ENTRIES):
                value = self.values[i]
                entries.append((Line2D([], [], color=self.colours[value], linestyle=self.dashes[value]), _short(value)))
        entries += extra
        if entries:
            handles, labels = zip(*entries, strict=True)
            title = axis_name(self.key) if self.key else None
            if title and len(self.values) > _MOST_ENTRIES:
                title += f"\n({_MOST_ENTRIES} of {len(self.values)} named)"
            axes.legend(
                list(handles), list(labels), loc="upper left", bbox_to_anchor=(1.02, 1.0), title=title, alignment="left"
            )


def _short(value: Any) -> str:
    text = value_text(value)
    return plain(text if len(text) <= _LONGEST else text[: _LONGEST // 2] + "…" + text[-_LONGEST // 2 + 1 :])
