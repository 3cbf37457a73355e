"""The matrix: every pattern against every control, each cell red when its control is switched off."""
