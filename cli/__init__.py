"""The `tower` command and the HTTP door: where people come in."""
