"""The desk's graphs: each pattern with the desk's agents in it."""
