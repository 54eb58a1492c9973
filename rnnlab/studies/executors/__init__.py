"""Where stacks are made: one file an executor, found by its `name`.

An executor knows how to start "make this stack" somewhere and how to hear of it, nothing else. What a stack is, what
a failure costs, when to try again and when to stop is decided above it, in `rnnlab.studies.sweeper`. The function
that it runs is `rnnlab.studies.stack_maker.make`, and what passes between are `rnnlab.studies.messages`.
"""

from rnnlab.studies.executors.executor import EXECUTORS, Executor, Handle

__all__ = ["EXECUTORS", "Executor", "Handle"]
