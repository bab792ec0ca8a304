"""Many runs together: results that accumulate, fidelity to the paper, statistics and comparisons."""
