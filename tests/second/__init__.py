"""A small second domain: a ticket office that refunds orders. The control tests run on it."""
