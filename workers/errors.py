"""What can be wrong with a part, said so that its owner can act on it."""

from dataclasses import dataclass


@dataclass
class PartError(Exception):
    """The part itself cannot be reviewed; trying again will not help.

    `code` is a stable machine-readable name (`not_step`, `no_solid`, …), `detail` says what was
    found, `advice` what to do about it.
    """

    code: str
    detail: str
    advice: str

    def __str__(self) -> str:
        return f"{self.detail} {self.advice}"
