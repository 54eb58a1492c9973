"""Why gradients vanish or explode, in sentences with numbers, and the weight scale at which they would do neither.

Every reading follows from the rules in `rnnlab/explain/rules.py`, and every sentence names the arrays that it is from.
"""

from rnnlab.explain.critical import CriticalScales, NoExponentError, SeedScale, find_critical_scales
from rnnlab.explain.explanation import Explanation, explain_run
from rnnlab.explain.finding import RunFinding, Source

__all__ = [
    "CriticalScales",
    "Explanation",
    "NoExponentError",
    "RunFinding",
    "SeedScale",
    "Source",
    "explain_run",
    "find_critical_scales",
]
