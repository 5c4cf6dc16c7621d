"""Why two reviews cannot be compared."""


class NotComparableError(Exception):
    """Two reviews that say nothing about one another: `detail` says why, `advice` what to do."""

    def __init__(self, detail: str, advice: str) -> None:
        super().__init__(detail)
        self.detail = detail
        self.advice = advice
