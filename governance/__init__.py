"""The control plane: who may do what, at what cost, and what was done."""
