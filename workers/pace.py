"""How long jobs take here at the moment."""

_WEIGHT = 0.2  # of the latest job: a part that takes longer than others counts for a while, not for ever


class Pace:
    """The mean time of the jobs that a process did, the latest of which count most."""

    def __init__(self) -> None:
        self.mean_seconds: float | None = None

    def add(self, seconds: float) -> None:
        """Take in how long one more took. Two threads at once may lose one of theirs."""
        mean = self.mean_seconds
        self.mean_seconds = seconds if mean is None else mean + _WEIGHT * (seconds - mean)
