"""Many runs together: fidelity to the paper, results tables, statistics and claims."""
