"""Windows with a name: a person's own for images of each depth, and the customary ones of computed tomography."""

from typing import Any, NamedTuple

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QStackedLayout, QWidget

from segstudio.core.tone import PRESETS, Hounsfield, OwnPreset, Window
from segstudio.ui.panels.parts import NameEdit, combo, describe, push_button


class _Row(NamedTuple):
    title: str
    window: Window | None
    own: str = ""  # the name a person gave it


class PresetRow(QWidget):
    """A list of presets; the window that is shown can be saved under a name, and such a one be removed.

    Signals:
        chosen(object): a person chose this `Window`, or None for the image's own.
    """

    chosen = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._presets: list[OwnPreset] = []
        self._rows: list[_Row | None] = []  # of the list; None is a line between them
        self._kind = ""
        self._hounsfield: Hounsfield | None = None
        self._tone_window: Window | None = None
        self._window: Window = (0.0, 1.0)
        self._list = combo("Preset", "Windows with a name")
        self._list.setPlaceholderText("Unnamed window")
        self._list.activated.connect(self._take)
        self._editor = NameEdit()
        self._editor.setPlaceholderText("Name of this window")
        describe(self._editor, "Name of this window", "Return saves it, Escape drops it")
        self._editor.committed.connect(self._save)
        self._editor.dropped.connect(self._close_editor)
        self._add = push_button("Save…", "Save the window that is shown under a name", "small")
        self._add.clicked.connect(self._ask)
        self._remove = push_button("Remove", "Take this preset off the list", "small")
        self._remove.clicked.connect(self._forget)
        self._names = QStackedLayout()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(self._names, 1)
        layout.addWidget(self._add)
        layout.addWidget(self._remove)
        self._names.addWidget(self._list)
        self._names.addWidget(self._editor)
        self._fill()

    def kept(self) -> list[dict[str, Any]]:
        """A person's own presets, for the preferences."""
        return [preset.to_dict() for preset in self._presets]

    def restore(self, kept: object) -> None:
        """As `kept` gave it; what is no preset is left out."""
        read = [OwnPreset.from_dict(one) for one in kept] if isinstance(kept, list) else []
        self._presets = [preset for preset in read if preset is not None]
        self._fill()

    def set_image(self, kind: str, hounsfield: Hounsfield | None) -> None:
        """Offer the presets for images of this type, and of computed tomography those in Hounsfield units."""
        if (kind, hounsfield) != (self._kind, self._hounsfield):
            self._kind, self._hounsfield = kind, hounsfield
            self._close_editor()
            self._fill()

    def show_window(self, window: Window | None, shown: Window) -> None:
        """Show which preset this is, if any; tells nobody.

        Args:
            window: a person's own; None for the image's.
            shown: what is in force.
        """
        self._tone_window, self._window = window, shown
        current = self._current
        if current is None or current.window != window:  # of two with one window, that which was chosen is meant
            rows = enumerate(self._rows)
            at = next((at for at, row in rows if row is not None and row.window == window), -1)
            self._list.setCurrentIndex(at)
        self._remove.setEnabled(self._current is not None and bool(self._current.own))

    @property
    def _current(self) -> _Row | None:
        at = self._list.currentIndex()
        return self._rows[at] if 0 <= at < len(self._rows) else None

    def _fill(self) -> None:
        groups = [
            [_Row("The image's own", None)],
            [_Row(one.name, one.window, one.name) for one in self._presets if one.kind == self._kind],
            [],
        ]
        for preset in PRESETS if self._hounsfield is not None else ():
            if self._hounsfield is not None and (window := self._hounsfield.window(preset)) is not None:
                groups[2].append(_Row(f"{preset.name}  {preset.width:g} / {preset.centre:g}", window))
        self._list.clear()
        self._rows = []
        for group in filter(None, groups):
            if self._rows:
                self._list.insertSeparator(len(self._rows))
                self._rows.append(None)
            self._list.addItems([row.title for row in group])
            self._rows += group
        self.show_window(self._tone_window, self._window)

    def _take(self, at: int) -> None:
        if (row := self._rows[at]) is not None:
            self.chosen.emit(row.window)

    def _ask(self) -> None:
        if self._names.currentWidget() is self._editor:
            self._save(self._editor.text().strip())
            return
        self._editor.setText("" if self._current is None else self._current.own)
        self._editor.selectAll()
        self._names.setCurrentWidget(self._editor)
        self._editor.setFocus(Qt.FocusReason.OtherFocusReason)

    def _save(self, name: str) -> None:
        if name:
            made = OwnPreset(name, self._window, self._kind)
            self._presets = [one for one in self._presets if (one.name, one.kind) != (name, self._kind)] + [made]
            self._close_editor()
            self._fill()
            self.chosen.emit(made.window)

    def _forget(self) -> None:
        name = "" if self._current is None else self._current.own
        self._presets = [one for one in self._presets if (one.name, one.kind) != (name, self._kind)]
        self._fill()

    def _close_editor(self) -> None:
        self._names.setCurrentWidget(self._list)
