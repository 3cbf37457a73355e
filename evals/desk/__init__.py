"""The desk's own expectations."""
