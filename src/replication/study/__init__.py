"""Many runs together: results that accumulate, fidelity to the paper, the rule of verdicts, comparisons."""
