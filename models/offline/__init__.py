"""The offline model: real computation on the real input, and no language model."""
