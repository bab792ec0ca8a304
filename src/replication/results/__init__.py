"""Results of many runs: tables that accumulate, fidelity to the paper, model cards. Needs no torch."""
