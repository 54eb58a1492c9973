"""Where config, tasks, nets, training, flow and store meet: what makes a run, and what makes many."""

from rnnlab.studies.run import Outcome, run_one
from rnnlab.studies.training import Hooks, Progress, StoppedError

__all__ = ["Hooks", "Outcome", "Progress", "StoppedError", "run_one"]
