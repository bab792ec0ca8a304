"""The one exception that a user is meant to read."""


class UserError(Exception):
    """Bad input or a hopeless situation, told in one sentence that names the file or key and the remedy."""
