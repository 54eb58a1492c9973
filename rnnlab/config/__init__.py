"""Configs: YAML and overrides to frozen models, sweeps to lists of runs, and the identity of a run.

Every problem of a file is told at once, each with its line, what was got, what is valid and what was probably meant.
"""

from __future__ import annotations

from rnnlab.config.all_keys import KeyDescription, describe_keys
from rnnlab.config.errors import ConfigError, Diagnostic
from rnnlab.config.loading import (
    LoadedRun,
    config_from_mapping,
    load_config,
    load_extensions,
    load_run,
    load_sweep,
)
from rnnlab.config.run_identity import FORMAT_VERSION, canonical_json, identity, label
from rnnlab.config.scalars import Scalar
from rnnlab.config.schema import Config, RecordSection, SweepSection, json_schema
from rnnlab.config.sections import ModelSection, TrainingSection
from rnnlab.config.sweeps import Expansion, Sweep, SweptRun
from rnnlab.config.writing import changed_values, differences, flatten, write_config

__all__ = [
    "FORMAT_VERSION",
    "Config",
    "ConfigError",
    "Diagnostic",
    "Expansion",
    "KeyDescription",
    "LoadedRun",
    "ModelSection",
    "RecordSection",
    "Scalar",
    "Sweep",
    "SweepSection",
    "SweptRun",
    "TrainingSection",
    "canonical_json",
    "changed_values",
    "config_from_mapping",
    "describe_keys",
    "differences",
    "flatten",
    "identity",
    "json_schema",
    "label",
    "load_config",
    "load_extensions",
    "load_run",
    "load_sweep",
    "write_config",
]
