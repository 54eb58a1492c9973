"""Worker processes of this machine: `pool` starts and watches them, `worker` is what they run.

`pool` does not import torch, so that the process which watches over a sweep stays small; `server`, from which the
workers are forked, has imported it once for all of them.
"""

from rnnlab.studies.executors.local.pool import LocalExecutor, core_count

__all__ = ["LocalExecutor", "core_count"]
