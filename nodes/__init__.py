"""The steps that graphs are made of."""
