"""Copies of a STEP file that are other files to the service: reviews of one and the same file share their result."""

from itertools import count

_numbers = count(1)


def variant(content: bytes, mark: str) -> bytes:
    """The STEP file with a comment after its first line."""
    head, newline, rest = content.partition(b"\n")
    return head + newline + f"/* {mark} */\n".encode() + rest


def new_variant(content: bytes, run: str) -> bytes:
    """Another one each time, as long as `run` differs from process to process."""
    return variant(content, f"{run} {next(_numbers)}")
