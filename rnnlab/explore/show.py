"""Where the explorer is shown: a file, a window, a notebook. rnnlab.explore.web serves it to a browser.

In a notebook, after `pip install 'rnnlab[notebook]'`:

    %matplotlib widget
    from rnnlab.explore import explore
    view = explore("configs/vanishing.yaml", ["model.layers=2"])
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path

from matplotlib.figure import Figure

from rnnlab.config import load_config
from rnnlab.explore.model import Explorer, Settings
from rnnlab.explore.picture import SIZE, SIZE_ALONE, Picture
from rnnlab.explore.view import ExploreView
from rnnlab.figures.errors import FigureError
from rnnlab.figures.style import FORMATS, find_style, render, using
from rnnlab.store.atomic import write_bytes

_LOOK_EVERY = 200  # milliseconds between two looks at whether a signal asked for the end

NO_WINDOW = (
    "explore opens a window, and there is no display here, or nothing that could open one (tkinter, Qt); "
    "--web serves the same to a browser, and --save FILE writes the picture"
)


def explore(path: str | PathLike[str], overrides: Sequence[str] = ()) -> ExploreView:
    """Show the sliders of a config in a notebook; keep what is returned, or they stand still.

    Args:
        path: a YAML file.
        overrides: `key=value`, as on the command line.

    Raises:
        ConfigError: the config is not valid; the message lists every problem.
    """
    explorer = Explorer(load_config(path, overrides))
    return make_view(explorer, explorer.start)


def make_view(explorer: Explorer, start: Settings) -> ExploreView:
    """Make the view on a figure of whatever canvas matplotlib uses here; its letters are no shortcuts."""
    from matplotlib import pyplot

    with using(find_style("screen")):
        figure = pyplot.figure(figsize=SIZE)
        manager = figure.canvas.manager
        if manager is not None:
            manager.set_window_title(f"rnnlab explore: {explorer.config.name}")
            if manager.key_press_handler_id is not None:
                figure.canvas.mpl_disconnect(manager.key_press_handler_id)
        return ExploreView(figure, explorer, start)


def open_window(
    explorer: Explorer, start: Settings, should_stop: Callable[[], bool], backend: str | None = None
) -> None:
    """Show the view in a window of its own until it is closed, or until `should_stop` says so.

    Args:
        explorer: of the config.
        start: where the sliders stand at first.
        should_stop: asked some times a second.
        backend: the matplotlib backend that the person asked for, or None for what there is.

    Raises:
        FigureError: there is no display, no toolkit, or no such backend.
    """
    from matplotlib import pyplot

    try:
        if backend is not None:
            pyplot.switch_backend(backend)
        canvas = pyplot.figure().canvas
    except (ImportError, ValueError) as error:  # a backend that the person asked for and that cannot run here
        raise FigureError(NO_WINDOW) from error
    pyplot.close()
    if canvas.required_interactive_framework is None:
        raise FigureError(NO_WINDOW)
    view = make_view(explorer, start)

    def look() -> None:
        if should_stop():
            pyplot.close(view.figure)

    timer = view.figure.canvas.new_timer(_LOOK_EVERY)
    timer.add_callback(look)
    timer.start()
    pyplot.show(block=True)
    timer.stop()


def check_target(path: Path) -> str:
    """Give the format that a file's name asks for.

    Raises:
        FigureError: it asks for none that there is.
    """
    ending = path.suffix.lower().removeprefix(".")
    if ending not in FORMATS:
        valid = ", ".join(f".{each}" for each in FORMATS)
        raise FigureError(f"--save: got '{path}'; the name must end in one of {valid}")
    if path.is_dir():
        raise FigureError(f"--save: {path} is a folder; name a file")
    return ending


def save_picture(explorer: Explorer, settings: Settings, path: Path) -> None:
    """Write the panels to a file, without a display; the same settings give the same bytes.

    Raises:
        FigureError: the name asks for no format that there is.
    """
    ending = check_target(path)
    with using(find_style("screen")):
        figure = Figure(SIZE_ALONE)
        Picture(figure, explorer, says_scales=True).show(settings)
        content = render(figure, ending)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, content, durable=False)
