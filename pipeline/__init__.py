"""The stages of the pipeline, and what they share. The library below src/ knows nothing of them."""

import os
import sys
from pathlib import Path

# DVC runs queued and --temp experiments in a copy of the project: use that copy's library, not the installed one.
SOURCE = str(Path(__file__).resolve().parents[1] / "src")
sys.path.insert(0, SOURCE)
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (SOURCE, os.environ.get("PYTHONPATH"))))
