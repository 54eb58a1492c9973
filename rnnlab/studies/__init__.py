"""Where config, tasks, nets, training, flow and store meet: what makes a run (`run`), and what makes many (`sweep`).

`plan`, `sweep` and `pool` do not import torch: the process that watches over a sweep stays small; its workers train.
"""
