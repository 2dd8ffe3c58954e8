"""The models of a project, newest first, one of them in use."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from segstudio.ui.panels.parts import ElidedLabel, describe, push_button, set_role, text_label
from segstudio.ui.panels.scores import number

if TYPE_CHECKING:
    from segstudio.storage.project import ModelRecord

SHOWN = 5  # rows before one has to ask for more
ROW = 28


class ModelList(QWidget):
    """Rows of model name, mean IoU and "Use".

    Signals:
        use_requested(str): a person wants the model of this name in use.
    """

    use_requested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._models: Sequence[ModelRecord] = ()
        self._all = False
        self._rows: list[QWidget] = []
        self._more = push_button("", "Show or hide older models", "link")
        self._more.clicked.connect(self._toggle)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(0)
        self._layout.addWidget(self._more)

    def set_models(self, models: Sequence["ModelRecord"]) -> None:
        """Show these models, newest first; tells nobody."""
        self._models = models
        for row in self._rows:
            self._layout.removeWidget(row)
            row.hide()
            row.deleteLater()
        shown = [model for at, model in enumerate(models) if self._all or at < SHOWN or model.in_use]
        self._rows = [self._row(model) for model in shown]
        for at, row in enumerate(self._rows):
            self._layout.insertWidget(at, row)
        self._more.setText("Show fewer" if self._all else f"Show all {len(models)} models")
        describe(self._more, self._more.text(), "Show or hide older models")
        self._more.setVisible(len(models) > SHOWN)

    def _toggle(self) -> None:
        self._all = not self._all
        self.set_models(self._models)

    def _row(self, model: "ModelRecord") -> QWidget:
        row = QFrame()
        set_role(row, role="row")
        row.setFixedHeight(ROW)
        row.setAccessibleName(f"Model {model.name}")
        row.setToolTip(told(model))
        name = ElidedLabel(model.name, "" if model.in_use else "lead", Qt.TextElideMode.ElideMiddle)
        score = text_label(number(miou_of(model)), "" if model.in_use else "lead")
        score.setToolTip("Mean IoU on the validation labels")
        layout = QHBoxLayout(row)
        layout.setContentsMargins(8, 0, 4, 0)
        layout.setSpacing(8)
        layout.addWidget(name, 1)
        layout.addWidget(score)
        if model.in_use:
            badge = text_label("in use", "badge")
            badge.setFixedSize(48, 20)
            badge.setAlignment(Qt.AlignmentFlag.AlignCenter)
            layout.addWidget(badge)
        else:
            use = push_button("Use", f"Use {model.name} for proposals", "small")
            describe(use, f"Use {model.name}", f"Use {model.name} for proposals")
            use.setFixedWidth(48)
            use.clicked.connect(lambda: self.use_requested.emit(model.name))
            layout.addWidget(use)
        return row


def miou_of(model: "ModelRecord") -> float | None:
    """Mean IoU on the validation labels when the model was saved; None when nothing validated."""
    value = model.card.get("miou")
    return float(value) if isinstance(value, int | float) else None


def told(model: "ModelRecord") -> str:
    """What its card says, in a few lines."""
    card = model.card
    lines = [model.name, f"{card.get('backbone', '?')} · {card.get('transfer', '?')} · {card.get('decoder', '?')}"]
    if created := card.get("created"):
        lines.append(f"Trained {str(created).replace('T', ' ')[:16]}")
    return "\n".join(lines)
