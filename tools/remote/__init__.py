"""Tools whose answers come from another system, through the same gateway as all the others."""
