"""What is said of decoders without torch is what they are."""

import subprocess
import sys

from segstudio.learn.networks.decoder_table import DECODER_TABLE
from segstudio.learn.networks.decoders import DECODERS
from segstudio.learn.networks.network import STRIDE as NETWORK_STRIDE
from segstudio.learn.request import TrainSettings
from segstudio.learn.training.checking import STRIDE, check_values


def test_the_table_is_true() -> None:
    told = {name: (entry.name, entry.title, entry.smallest_batch) for name, entry in DECODER_TABLE.items()}
    assert told == {name: (made.name, made.title, made.smallest_batch) for name, made in DECODERS.items()}
    assert STRIDE == NETWORK_STRIDE


def test_the_defaults_pass() -> None:
    check_values(TrainSettings())


def test_it_needs_no_torch() -> None:
    code = "import sys, segstudio.learn.training.checking; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
