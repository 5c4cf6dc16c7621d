"""The stores on a data folder of their own, without the API."""

from pathlib import Path

import pytest

from server.data_folder import DataFolder


@pytest.fixture
def data(tmp_path: Path) -> DataFolder:
    folder = DataFolder(tmp_path / "data")
    folder.prepare()
    return folder
