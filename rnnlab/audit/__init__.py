"""The same gradients by independent ways, and a verdict on each: no number is believed because it was computed once."""

from rnnlab.audit.case import AuditCase, make_case
from rnnlab.audit.check import CheckReport, run_check
from rnnlab.audit.verdict import Finding, judge

__all__ = ["AuditCase", "CheckReport", "Finding", "judge", "make_case", "run_check"]
