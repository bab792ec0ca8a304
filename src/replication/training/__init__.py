"""Training of one net: the loop, its gradient and learning rate, resumable state, the supervised run."""
