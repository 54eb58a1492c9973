"""The unrolled net as a graph: gradients at nodes, Jacobians at edges, the paths from a parameter to the loss."""
