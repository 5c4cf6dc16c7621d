"""Models and documents for the stores' tests."""

from server.data_folder import DataFolder
from server.stores.model_store import ModelStore

STEP = b"ISO-10303-21;\nHEADER;\nENDSEC;\nDATA;\nENDSEC;\nEND-ISO-10303-21;\n"


def make_model(data: DataFolder, text: str = "") -> str:
    """Upload a part that differs from others by `text`; the model's id."""
    store = ModelStore(data)
    content = STEP + text.encode()
    part = store.receive(len(content))
    try:
        part.write(content)
        return store.keep(part, "a.step", "ann")[0].id
    finally:
        part.close()
