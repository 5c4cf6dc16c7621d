"""Variants of a part: other files, the same part."""

from loadtests.variants import new_variant, variant
from tests.stack.running import SAMPLE


def test_a_variant_has_a_comment_after_its_first_line_and_nothing_else() -> None:
    content = SAMPLE.read_bytes()
    lines = variant(content, "one").splitlines()
    assert lines[1] == b"/* one */"
    assert lines[:1] + lines[2:] == content.splitlines()


def test_no_variant_comes_twice() -> None:
    content = SAMPLE.read_bytes()
    assert len({new_variant(content, run) for run in ("a", "b") for _ in range(50)}) == 100
