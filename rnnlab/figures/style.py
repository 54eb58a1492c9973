"""How figures look: three styles, colours that colour blindness leaves apart, and files whose bytes repeat.

Single colours are those of Okabe and Ito 2008; maps are matplotlib's perceptually even ones (viridis, cividis).
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import matplotlib as mpl
from matplotlib.colors import to_hex

from rnnlab.figures.errors import choose

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("png", "svg", "pdf")

# From cron the home folder may not be writable; that matplotlib then keeps its font cache elsewhere is no news.
logging.getLogger("matplotlib").setLevel(logging.ERROR)


@dataclass(frozen=True)
class Style:
    """Colours and sizes of a figure.

    Attributes:
        background, ink, faint: of the page, of text and axes, of what stands behind.
        palette: single colours, for what has no order.
        sequential, diverging: maps for what has an order, and for what has a middle.
        zero, infinite, undefined: marked colours of true zeros, of inf and of NaN, found in no map.
        diverged: of cells and marks of diverged runs.
        font: size in points.
        line: width in points.
        panel: width and height of one panel in inches.
        dpi: of a png.
    """

    background: str
    ink: str
    faint: str
    palette: tuple[str, ...]
    sequential: str
    diverging: str
    zero: str
    infinite: str
    undefined: str
    diverged: str
    font: float
    line: float
    panel: tuple[float, float]
    dpi: int


_OKABE_ITO = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8C6D1F", "#555555")
_ON_DARK = ("#56B4E9", "#E69F00", "#2DBE93", "#E29BC4", "#F0E442", "#F0763A", "#B39DFF", "#BBBBBB")

_PAPER = Style(
    background="#FFFFFF",
    ink="#000000",
    faint="#8A8A8A",
    palette=_OKABE_ITO,
    sequential="viridis",
    diverging="RdBu_r",
    zero="#FFFFFF",
    infinite="#D55E00",
    undefined="#9A9A9A",
    diverged="#D55E00",
    font=7.5,
    line=1.1,
    panel=(2.5, 2.0),
    dpi=300,
)
_SCREEN = Style(**{**vars(_PAPER), "ink": "#222222", "font": 10.0, "line": 1.6, "panel": (3.5, 2.8), "dpi": 100})
_DARK = Style(
    **{
        **vars(_SCREEN),
        "background": "#15181C",
        "ink": "#E4E4E4",
        "faint": "#8C9299",
        "palette": _ON_DARK,
        "zero": "#000000",
        "infinite": "#F0763A",
        "undefined": "#7D838A",
        "diverged": "#F0763A",
    }
)
STYLES = {"paper": _PAPER, "screen": _SCREEN, "dark": _DARK}


def find_style(name: str) -> Style:
    """Give a style by its name.

    Raises:
        FigureError: there is none of that name.
    """
    return STYLES[choose("--style", name, tuple(STYLES))]


@contextmanager
def using(style: Style) -> Iterator[None]:
    """Set matplotlib up for a style, whatever the person's own matplotlibrc says; figures are made and saved inside."""
    with mpl.rc_context():
        mpl.rcdefaults()
        settings: Any = _settings(style)
        mpl.rcParams.update(settings)
        yield


def _settings(style: Style) -> dict[str, Any]:
    colours = dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.edgecolor", "axes.titlecolor", "xtick.color", "ytick.color"), style.ink
    )
    pages = dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), style.background)
    small = dict.fromkeys(("legend.fontsize", "xtick.labelsize", "ytick.labelsize"), 0.88 * style.font)
    return (
        colours
        | pages
        | small
        | {
            "font.size": style.font,
            "axes.titlesize": style.font,
            "axes.labelsize": style.font,
            "figure.titlesize": style.font,
            "axes.titlelocation": "left",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.linewidth": 0.5 * style.line,
            "axes.formatter.limits": (-3, 4),
            "axes.formatter.use_mathtext": True,
            "axes.formatter.useoffset": False,
            "lines.linewidth": style.line,
            "legend.frameon": False,
            "legend.handlelength": 1.8,
            "legend.borderaxespad": 0.2,
            "savefig.dpi": style.dpi,
            "figure.dpi": style.dpi,
            "svg.hashsalt": "rnnlab",  # names inside an svg come from it, else from chance
            "svg.fonttype": "path",
            "pdf.fonttype": 42,  # letters stay letters that a journal's editor can search
        }
    )


_METADATA: dict[str, dict[str, str | None]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": "rnnlab", "Producer": None},
}
"""No dates and no versions, so that the same input gives the same bytes."""


def render(figure: Figure, file_format: Literal["png", "svg", "pdf"] | str) -> bytes:
    """Give a figure as the bytes of a file: the same figure, the same bytes."""
    stream = io.BytesIO()
    figure.savefig(stream, format=file_format, metadata=_METADATA[file_format])
    return stream.getvalue()


def ordered_colours(style: Style, count: int) -> list[str]:
    """Give colours for what has an order, first to last; the map's palest end is left out on a light page."""
    colour_map = mpl.colormaps[style.sequential]
    low, high = (0.0, 0.88) if style.background == "#FFFFFF" else (0.25, 1.0)
    return [to_hex(colour_map(low + (high - low) * i / max(1, count - 1))) for i in range(count)]


def single_colours(style: Style, count: int) -> list[str]:
    """Give colours for what has no order; they repeat after the eighth."""
    return [style.palette[i % len(style.palette)] for i in range(count)]
