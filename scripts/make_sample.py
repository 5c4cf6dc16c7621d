"""Write samples/bracket.step, the part that `make run` reviews. Run from the project's folder."""

from pathlib import Path

from tests.parts import bracket

if __name__ == "__main__":
    print(bracket().write_step(Path("samples/bracket.step")))
