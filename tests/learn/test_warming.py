"""Importing torch in the background of a window."""

import os
import subprocess
import sys
import time


def run(code: str) -> str:
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_everything_is_there_afterwards_and_collections_go_on() -> None:
    code = """
import gc, sys
from segstudio.learn.warming import importing, warm_up
assert "torch" not in sys.modules
seen = []
class Asks:
    def find_spec(self, name, path=None, target=None):
        seen.append(importing())
sys.meta_path.insert(0, Asks())
warm_up("colorsys")
assert any(seen) and not importing()
assert "torch" in sys.modules and "segstudio.learn.training.loop" in sys.modules and "colorsys" in sys.modules
assert gc.isenabled()
assert gc.get_freeze_count() > 0
import torch
print(float(torch.ones(3).sum()))
"""
    assert run(code).strip() == "3.0"


def test_the_second_time_costs_nothing() -> None:
    import segstudio.learn.training.runs
    from segstudio.learn.warming import warm_up

    assert segstudio.learn.training.runs
    began = time.perf_counter()
    warm_up()
    assert time.perf_counter() - began < 0.05
