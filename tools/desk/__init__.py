"""The insurer's desk: its records and the tools that read and change them."""
