"""The desk's wordings and procedures."""
