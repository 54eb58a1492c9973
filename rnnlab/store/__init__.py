"""Run folders: where they stand, how they are written whole or not at all, and how they are read.

    runs/<name>/<label>-<hash12>/    config.yaml, metrics.npz, weights.npz, run.json (written last)
    runs/<name>/.<hash12>/           the workspace of a run in the making; locked by its owner
    runs/<name>/index.csv            one row a run, derived from the folders

Only open formats, and never pickle. Finished folders are never changed.
"""

from rnnlab.store.errors import DamagedRunError, MissingRunError, RunBusyError, StoreError, WatchedRunError
from rnnlab.store.folders import RunEntry, find_run, folder_hashes, list_runs, list_studies, look_at, short_hash
from rnnlab.store.index import index_rows, write_index
from rnnlab.store.leftovers import remove_leftovers
from rnnlab.store.locks import StudyLock
from rnnlab.store.reading import Run, open_run
from rnnlab.store.record import FileFacts, GitState, Machine, RunRecord, StackPlace, file_facts
from rnnlab.store.status import SweepStatus, read_status, write_status
from rnnlab.store.study import Study, open_study
from rnnlab.store.workspace import Workspace

__all__ = [
    "DamagedRunError",
    "FileFacts",
    "GitState",
    "Machine",
    "MissingRunError",
    "Run",
    "RunBusyError",
    "RunEntry",
    "RunRecord",
    "StackPlace",
    "StoreError",
    "Study",
    "StudyLock",
    "SweepStatus",
    "WatchedRunError",
    "Workspace",
    "file_facts",
    "find_run",
    "folder_hashes",
    "index_rows",
    "list_runs",
    "list_studies",
    "look_at",
    "open_run",
    "open_study",
    "read_status",
    "remove_leftovers",
    "short_hash",
    "write_index",
    "write_status",
]
