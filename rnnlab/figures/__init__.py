"""Pictures of runs: run folders to matplotlib figures.

They read only the store (and draw fresh sequences from the tasks), so that `rnnlab plot` starts without torch.
matplotlib is used through its Figure objects, never through pyplot: nothing here needs a display or keeps a global
state.
"""
