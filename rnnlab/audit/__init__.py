"""The same gradients by independent ways, and a verdict on each: no number is believed because it was computed once."""

from rnnlab.audit.check import Report, run_check
from rnnlab.audit.problem import Problem, make_problem
from rnnlab.audit.verdict import Finding, judge

__all__ = ["Finding", "Problem", "Report", "judge", "make_problem", "run_check"]
