"""The models of a project, newest first, one of them in use."""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QMenu, QVBoxLayout, QWidget

from segstudio.storage.pruning import RULE
from segstudio.ui.icons import icon
from segstudio.ui.panels.parts import ElidedLabel, Picture, describe, plain_button, push_button, set_role, text_label
from segstudio.ui.panels.scores import number
from segstudio.ui.theme import DARK, Tokens

if TYPE_CHECKING:
    from segstudio.storage.project import ModelRecord

SHOWN = 5  # rows before one has to ask for more
ROW = 44
KEPT = "Kept: no rule removes it"


class ModelList(QWidget):
    """Rows of model name, mean IoU with its interval, "Use", and a menu of all else that can be done with a model.

    Signals:
        use_requested(str): a person wants the model of this name in use.
        back_requested(): they want the model back in use that was before.
        card_requested(str): all that is known of this model.
        compare_requested(str): this model beside the one in use.
        keep_requested(str, bool): keep it whatever comes, or no longer.
        export_requested(str): write it for other programs.
        remove_requested(str): remove it for good.
    """

    use_requested = Signal(str)
    back_requested = Signal()
    card_requested = Signal(str)
    compare_requested = Signal(str)
    keep_requested = Signal(str, bool)
    export_requested = Signal(str)
    remove_requested = Signal(str)

    def __init__(self, tokens: Tokens = DARK, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tokens = tokens
        self._models: Sequence[ModelRecord] = ()
        self._all = False
        self._previous = ""
        self._rows: list[_Row] = []
        self._back = push_button("", "", "link")
        self._back.clicked.connect(self.back_requested)
        self._more = push_button("", "Show or hide older models", "link")
        self._more.clicked.connect(self._toggle)
        self._rule = text_label(RULE, "quiet", wrap=True)
        self._rule.setAccessibleName("Which models are kept")
        self._rule.setContentsMargins(8, 4, 0, 0)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(0)
        indented = QHBoxLayout()
        indented.setContentsMargins(4, 0, 0, 0)
        indented.addWidget(self._back, 1)
        self._layout.addLayout(indented)
        for part in (self._more, self._rule):
            self._layout.addWidget(part)
        self.set_previous("")

    def set_models(self, models: Sequence["ModelRecord"]) -> None:
        """Show these models, newest first; tells nobody."""
        self._models = models
        for row in self._rows:
            self._layout.removeWidget(row)
            row.hide()
            row.deleteLater()
        shown = [model for at, model in enumerate(models) if self._all or at < SHOWN or model.in_use]
        comparable = any(model.in_use for model in models)
        self._rows = [_Row(model, comparable, self._tokens, self) for model in shown]
        for at, row in enumerate(self._rows):
            self._layout.insertWidget(at + 1, row)
        self._more.setText("Show fewer" if self._all else f"Show all {len(models)} models")
        describe(self._more, self._more.text(), "Show or hide older models")
        self._more.setVisible(len(models) > SHOWN)
        self._rule.setVisible(len(models) > 1)

    def set_previous(self, name: str) -> None:
        """The model that was in use before the one in use; empty when there is none."""
        self._previous = name
        text = f"Back to {short(name)}"
        self._back.setText(text)
        describe(self._back, text, f"Put {name} in use again, which was before; once more goes further back")
        self._back.setVisible(bool(name))

    def set_tokens(self, tokens: Tokens) -> None:
        """Follow a change of theme."""
        self._tokens = tokens
        for row in self._rows:
            row.set_tokens(tokens)

    def _toggle(self) -> None:
        self._all = not self._all
        self.set_models(self._models)


class _Row(QFrame):
    """One model: what it is on the left, what one can do with it on the right."""

    def __init__(self, model: "ModelRecord", comparable: bool, tokens: Tokens, owner: ModelList) -> None:
        super().__init__()
        self._model, self._comparable, self._owner = model, comparable, owner
        set_role(self, role="row")
        self.setFixedHeight(ROW)
        self.setAccessibleName(f"Model {model.name}")
        self.setToolTip(told(model))
        self._pin = Picture(12)
        self._pin.setAccessibleName(KEPT)
        self._pin.setVisible(model.kept)
        self._menu_button = plain_button(
            "more", tokens, f"More about {model.name}", "Card, compare, keep, export, remove"
        )
        self._menu_button.clicked.connect(
            lambda: self._open_menu(self._menu_button.mapToGlobal(QPoint(0, self._menu_button.height())))
        )
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 4, 0, 4)
        layout.setSpacing(4)
        layout.addLayout(self._words(model), 1)
        layout.addWidget(_in_use() if model.in_use else self._use(model.name))
        layout.addWidget(self._menu_button)
        self.set_tokens(tokens)

    def set_tokens(self, tokens: Tokens) -> None:
        """Follow a change of theme."""
        self._pin.set_icon(icon("pin", tokens))
        self._menu_button.setIcon(icon("more", tokens))

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Qt's virtual."""
        self._open_menu(event.globalPos())

    def menu(self) -> QMenu:
        """All that can be done with the model."""
        model, owner, name = self._model, self._owner, self._model.name
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        menu.setAccessibleName(f"Model {name}")

        def add(text: str, tip: str, act: Any, *, enabled: bool = True) -> None:
            action = menu.addAction(text)
            action.setToolTip(tip)
            action.setEnabled(enabled)
            action.triggered.connect(lambda _on=False: act())

        add("Card…", "All that is known of it", lambda: owner.card_requested.emit(name))
        add(
            "Compare with the one in use",
            "Both on the open image: blink, or only where they differ",
            lambda: owner.compare_requested.emit(name),
            enabled=self._comparable and not model.in_use,
        )
        add("Export…", "Write it as ONNX or torch.export", lambda: owner.export_requested.emit(name))
        menu.addSeparator()
        add(
            "Keep no longer" if model.kept else "Keep",
            "The rule may remove it again" if model.kept else "No rule removes it",
            lambda: owner.keep_requested.emit(name, not model.kept),
        )
        add(
            "Remove…",
            "The one in use cannot be removed" if model.in_use else "Delete weights and card for good",
            lambda: owner.remove_requested.emit(name),
            enabled=not model.in_use,
        )
        menu.aboutToHide.connect(menu.deleteLater)
        return menu

    def _open_menu(self, at: QPoint) -> None:
        self.menu().popup(at)

    def _words(self, model: "ModelRecord") -> QVBoxLayout:
        kind = "" if model.in_use else "lead"
        score = text_label(number(miou_of(model)), "quiet")
        score.setToolTip("Mean IoU on the validation labels")
        span = ElidedLabel(f"({found})" if (found := span_of(model.card)) else "", "quiet")
        second = QHBoxLayout()
        second.setSpacing(4)
        second.addWidget(self._pin)
        second.addWidget(text_label("mIoU", "quiet"))
        second.addWidget(score)
        second.addWidget(span, 1)
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addWidget(ElidedLabel(model.name, kind, Qt.TextElideMode.ElideMiddle))
        words.addLayout(second)
        return words

    def _use(self, name: str) -> QWidget:
        use = push_button("Use", f"Use {name} for proposals", "small")
        describe(use, f"Use {name}", f"Use {name} for proposals")
        use.setFixedWidth(48)
        use.clicked.connect(lambda: self._owner.use_requested.emit(name))
        return use


def _in_use() -> QLabel:
    badge = text_label("in use", "badge")
    badge.setFixedSize(48, 20)
    badge.setAlignment(Qt.AlignmentFlag.AlignCenter)
    return badge


def short(name: str) -> str:
    """The number of a model, where its name begins with one: ``m0003`` of ``m0003-resnet18-feature``."""
    first = name.partition("-")[0]
    return first if first[:1] == "m" and first[1:].isdigit() else name


def made_at(created: str) -> str:
    """When a model was made, as the clock of this machine tells it; what is no time stays as it is.

    Args:
        created: as a card has it, ISO 8601.
    """
    try:
        return f"{datetime.fromisoformat(created).astimezone():%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError):
        return created


def miou_of(model: "ModelRecord") -> float | None:
    """Mean IoU on the validation labels when the model was saved; None when nothing validated."""
    value = model.card.get("miou")
    return float(value) if isinstance(value, int | float) else None


def span_of(card: Any) -> str:
    """The 90 % interval of the mean IoU, as in ``0.66 to 0.75``; empty without."""
    bounds = card.get("interval") or []
    known = len(bounds) == 2 and all(isinstance(bound, int | float) and math.isfinite(bound) for bound in bounds)
    return f"{number(bounds[0])} to {number(bounds[1])}" if known else ""


def told(model: "ModelRecord") -> str:
    """What its card says, in a few lines."""
    card = model.card
    lines = [model.name, f"{card.get('backbone', '?')} · {card.get('transfer', '?')} · {card.get('decoder', '?')}"]
    if created := card.get("created"):
        lines.append(f"Trained {made_at(str(created))}")
    if span := span_of(card):
        lines.append(f"Mean IoU {number(miou_of(model))}, 90 % interval {span}")
    if model.kept:
        lines.append(KEPT)
    return "\n".join(lines)
