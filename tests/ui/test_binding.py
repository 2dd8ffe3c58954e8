"""The Qt binding itself: some builds lose a reference to None with every call, and abort after some thousands."""

import sys

from PySide6.QtCore import QObject


def test_a_call_into_qt_gives_away_no_reference() -> None:
    thing = QObject()
    before = sys.getrefcount(None)
    for _ in range(1000):
        thing.setObjectName("name")
    assert abs(sys.getrefcount(None) - before) < 500
