"""Importing torch without holding up the other threads of the process.

Python holds its lock while it loads an extension module, and torch's libraries take most of a second: long enough for a
person to see the window stop. Called through ctypes as a plain function, the system's loader runs with the lock
released; the import that follows finds the libraries already there. The imports make so many objects that full garbage
collections, which hold the lock too, take up to a quarter of a second each: none runs meanwhile (see `importing`), and
later ones need not look at the modules again.
"""

import ctypes
import gc
import importlib
import importlib.util
import logging
import os
import sys
import threading
from pathlib import Path

_log = logging.getLogger(__name__)
_EVERYTHING = "segstudio.learn.training.runs"
_importing = threading.Event()
_LIBRARIES = ("libtorch_global_deps.so", "libtorch_python.so")  # the second one needs all the others


def warm_up(*modules: str) -> None:
    """Import what learning needs, and `modules`, on this thread, while the others go on as well as they can."""
    if all(name in sys.modules for name in (_EVERYTHING, *modules)):
        return
    _preload_torch()
    collects = gc.isenabled()
    gc.disable()
    _importing.set()
    try:
        for name in (*modules, _EVERYTHING):
            importlib.import_module(name)
        gc.freeze()
    finally:
        _importing.clear()
        if collects:
            gc.enable()


def importing() -> bool:
    """Whether `warm_up` is at it: who collects garbage by hand should wait."""
    return _importing.is_set()


def _preload_torch() -> None:
    """Load torch's shared libraries on this thread while the others go on. Harmless when there is nothing to do."""
    if "torch" in sys.modules or not sys.platform.startswith("linux"):
        return
    found = importlib.util.find_spec("torch")
    if found is None or not found.submodule_search_locations:
        return
    folder = Path(found.submodule_search_locations[0]) / "lib"
    loader = ctypes.CDLL(None)
    loader.dlopen.argtypes = (ctypes.c_char_p, ctypes.c_int)
    loader.dlopen.restype = ctypes.c_void_p
    for name in _LIBRARIES:
        flags = os.RTLD_NOW | (os.RTLD_GLOBAL if "global" in name else os.RTLD_LOCAL)
        if not loader.dlopen(os.fsencode(folder / name), flags):
            _log.info("%s could not be loaded ahead", name)
            return
