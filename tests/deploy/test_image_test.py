"""scripts/image_test.sh never passes where it tested nothing."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from server.settings import PROJECT_ROOT

TOOLS = ("bash", "dirname", "env", "id")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with nothing beside it, and a `bin` with the least that the script needs."""
    folder = tmp_path / "project"
    shutil.copytree(PROJECT_ROOT / "scripts", folder / "scripts")
    (folder / "bin").mkdir()
    for tool in TOOLS:
        (folder / "bin" / tool).symlink_to(shutil.which(tool) or tool)
    return folder


def offer(project: Path, engine: str, script: str) -> None:
    """Have `engine` found, as a shell script."""
    command = project / "bin" / engine
    command.write_text(f"#!{project}/bin/bash\n{script}\n")
    command.chmod(0o755)


def image_test(project: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [project / "scripts" / "image_test.sh"],
        env={"PATH": str(project / "bin"), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_an_engine_it_says_that_it_tested_nothing(project: Path) -> None:
    done = image_test(project)
    assert done.returncode == 3
    assert "NOT TESTED: the image was neither built nor run" in done.stderr


def test_an_engine_that_does_not_answer_is_none(project: Path) -> None:
    offer(project, "docker", "exit 1")
    assert image_test(project).returncode == 3


def test_another_engine_than_the_one_that_was_asked_for_is_not_taken(project: Path) -> None:
    offer(project, "docker", "exit 0")
    done = image_test(project, ENGINE="podman")
    assert done.returncode == 3
    assert "podman does not work here" in done.stderr


def test_what_was_only_built_is_not_tested(project: Path) -> None:
    offer(project, "buildah", "exit 0")
    done = image_test(project)
    assert done.returncode == 3
    assert "buildah cannot run it" in done.stderr


@pytest.mark.parametrize("engine", ["docker", "podman", "buildah"])
def test_an_image_that_does_not_build_fails(project: Path, engine: str) -> None:
    offer(project, engine, '[ "$1" = info ]')
    assert image_test(project).returncode == 1


@pytest.mark.skipif(os.getuid() != 0, reason="container_check.sh needs root")
@pytest.mark.parametrize(("status", "expected"), [(0, 0), (1, 1), (2, 3)])  # 2: it could not do its work
def test_the_engine_beside_the_project_is_given_the_checks(project: Path, status: int, expected: int) -> None:
    checker = project.parent / "shared" / "tools" / "container_check.sh"
    checker.parent.mkdir(parents=True)
    checker.write_text(f'#!{project}/bin/bash\necho "$1 $CC_PORT $CC_VOL $CC_HOOK"; exit {status}\n')
    checker.chmod(0o755)
    done = image_test(project)
    assert done.returncode == expected
    assert done.stdout.splitlines()[-1] == f"{project} 8080 /data {project}/scripts/image_checks.sh"
    assert ("NOT TESTED" in done.stderr) == (expected == 3)
