"""Verdicts on claims of the paper: the statistical rule, comparisons, planning, and the claims themselves."""
