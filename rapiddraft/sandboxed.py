"""What the command line does with a part: the same engine in the same sandbox as the service, one job after another."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import typer
from rich.console import Console

from server.part_format import EXPORT_STEP, HEAD_BYTES, NotAPartError, format_of
from server.settings import get_settings
from workers.errors import PartError
from workers.sandbox import ChildFailed, Limits, Sandbox, SandboxError

COULD_NOT_REVIEW = 2

errors = Console(stderr=True, highlight=False, markup=False)


class SandboxedPart:
    """A part that can be read, and a sandbox for jobs on it."""

    def __init__(self, part: Path, sandbox: Sandbox) -> None:
        self.part = part
        self._sandbox = sandbox
        settings = get_settings()
        self._allowed = Limits(settings.sandbox_deadline_seconds, settings.sandbox_memory_mb * 1024 * 1024)

    def run(self, target: str, **payload: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """What `target` makes of the part and the payload; ends the program with a plain reason if there is nothing."""
        try:
            return self.attempt(target, **payload)
        except PartError as error:
            end(f"{self.part.name}: {error.detail}", error.advice)
        except ChildFailed as error:
            end(f"{self.part.name}: {error} (while: {error.stage})", error.traceback)
        except SandboxError as error:
            end(f"{self.part.name}: {error} (while: {error.stage})", "Check the part in the CAD system.")

    def attempt(self, target: str, **payload: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """As `run`, but raises PartError or SandboxError; `payload` may name another file as `path`."""
        payload = {"path": str(self.part.absolute()), "name": self.part.name} | payload
        with errors.status("start …") as status:
            result: dict[str, Any] = self._sandbox.run(
                target, payload, self._allowed, on_stage=lambda stage: status.update(f"{stage} …")
            )
            return result

    def review(
        self,
        process: str,
        limits: str,
        material: str | None,
        rules: Path | None,
        *,
        cache: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The review of the part; ends the program as `run`. `cache` is where its geometry is kept (KeptGeometry)."""
        own = str(rules or get_settings().rules_dir)
        asked = {"process": process, "limits": limits, "material": material, "rules": own, "cache": cache}
        return self.run("workers.review:review_in_sandbox", **asked)


@contextmanager
def sandboxed(part: Path) -> Iterator[SandboxedPart]:
    """The part at `part` with a sandbox; ends the program with a plain reason if it is no part."""
    _check_readable(part)
    sandbox = Sandbox(["workers.preload"])
    try:
        yield SandboxedPart(part, sandbox)
    finally:
        sandbox.close()


def end(reason: str, advice: str) -> NoReturn:
    """End the program: it could not be done, and why."""
    errors.print(reason, style="red", soft_wrap=True)
    errors.print(advice, soft_wrap=True)
    raise typer.Exit(COULD_NOT_REVIEW)


def _check_readable(part: Path) -> None:
    try:
        with part.open("rb") as file:
            format_of(file.read(HEAD_BYTES))
    except OSError as error:
        end(f"{part}: {error.strerror}.", "Name a file that can be read.")
    except NotAPartError as seen:
        end(f"{part.name}: this is {seen}.", EXPORT_STEP)
