"""What the clinic's agents may read."""
