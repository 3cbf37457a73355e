"""The clinic's agents and its way in."""
