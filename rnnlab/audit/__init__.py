"""The same numbers by independent ways, and a verdict on each: none is believed because it was computed once."""

from rnnlab.audit.case import AuditCase, make_case
from rnnlab.audit.check import CheckReport, run_check
from rnnlab.audit.groups import GroupFinding, check_groups
from rnnlab.audit.verdict import Finding, judge

__all__ = ["AuditCase", "CheckReport", "Finding", "GroupFinding", "check_groups", "judge", "make_case", "run_check"]
