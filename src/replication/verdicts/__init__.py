"""Verdicts on claims of the paper: the statistical rule, comparisons, seeds needed, and the claims themselves."""
