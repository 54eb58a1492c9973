"""The groups of quantities, a file each: found when they are first asked for (rnnlab.flow.group.GROUPS)."""
