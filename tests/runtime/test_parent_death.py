"""A program of supervisord's does not outlive it, not even if it was still starting when that was killed."""

import os
import subprocess
import sys

GO_ON = "from rapiddraft._parent_death import end_with_supervisord; end_with_supervisord(); print('goes on')"


def started(supervisord: int | None) -> subprocess.CompletedProcess[str]:
    environment = os.environ | ({"SUPERVISORD_PID": str(supervisord)} if supervisord else {})
    command = [sys.executable, "-c", GO_ON]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_a_program_whose_supervisord_is_gone_already_ends() -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    assert started(gone.pid).returncode == 1


def test_a_program_of_a_living_supervisord_and_one_without_any_go_on() -> None:
    assert started(os.getpid()).stdout == started(None).stdout == "goes on\n"
