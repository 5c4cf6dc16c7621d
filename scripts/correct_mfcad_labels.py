"""Undo the exchange of class numbers in the labels of the MFCAD parts: LABELS.json -> corrected copy.

    python scripts/correct_mfcad_labels.py ../shared/parts/labelled/labels.json corrected.json

MFCAD numbers its classes in an order of its own, which its file names use and its geometry confirms
(docs/accuracy.md). The labels were made as if the order were another; this maps them to what the faces are.
"""

import json
import sys
from pathlib import Path

# MFCAD's number (its place here) -> the MFCAD++ class that it was given, and the one that it is.
GIVEN = (6, 5, 3, 2, 4, 8, 9, 10, 22, 20, 17, 14, 13, 15, 0)
MEANT = (0, 2, 3, 4, 5, 6, 8, 9, 10, 13, 14, 15, 17, 20, 22)
STOCK = 24


def main() -> None:
    """Read the labels named first, write the corrected ones to the file named second."""
    source, target = map(Path, sys.argv[1:])
    meant = dict(zip(GIVEN, MEANT, strict=True)) | {STOCK: STOCK}
    labels = json.loads(source.read_text())
    for name, truth in labels.items():
        if name.startswith("mfcad_"):
            truth["cls"] = [meant[number] for number in truth["cls"]]
    target.write_text(json.dumps(labels))


if __name__ == "__main__":
    main()
