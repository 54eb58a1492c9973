"""The explorer: one net under sliders, computed anew at every move, in a window, a browser, a notebook or a picture."""

from rnnlab.explore.show import explore

__all__ = ["explore"]
