"""Going from image to image: the strip, the order, what to look at next."""

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from segstudio.core.suggest import next_image
from segstudio.storage.project import ImageRecord
from segstudio.ui.jobs import Jobs
from segstudio.ui.session import Session
from segstudio.ui.thumbnails import Thumbnailer
from segstudio.ui.workbench import Workbench

_OPENING = "Opening…"
_NONE_OPENS = "None of the images can be opened.\nThe log says why; add other images from the File menu."
_NO_IMAGES = "No images yet.\nAdd a folder of images from the File menu, or drop one here."


class Browsing(QObject):
    """Keeps the strip true and opens what a person goes to.

    Args:
        session: opens the images.
        bench: its strip lists them.
        jobs: makes thumbnails.
        say: tells the person one line.
        parent: owner.

    Signals:
        changed(): images came, or one of them is in another state.
    """

    changed = Signal()

    def __init__(
        self, session: Session, bench: Workbench, jobs: Jobs, say: Callable[[str], None], parent: QObject
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._strip = bench.strip
        self._canvas = bench.canvas
        self._say = say
        self._records: dict[str, ImageRecord] = {}
        self._unreadable: set[str] = set()
        self._thumbnails = Thumbnailer(jobs, self)
        self._thumbnails.ready.connect(self._strip.set_thumbnail)
        self._strip.chosen.connect(session.open_image)
        self._strip.thumbnail_wanted.connect(self._want_thumbnail)
        session.record_changed.connect(self._on_record)
        session.images_changed.connect(self.reload)
        session.unreadable.connect(self._pass_over)

    @property
    def count(self) -> int:
        """How many images the project has."""
        return len(self._records)

    def record(self, key: str | None) -> ImageRecord | None:
        """What the project knows of an image; None when there is none of that key."""
        return self._records.get(key or "")

    def begin(self, last: object) -> None:
        """Show all images and open the one that was in the hand the last time, else the first."""
        self._show()
        self._open_first(last if isinstance(last, str) and last in self._records else None)

    def close(self) -> None:
        """Listen to the strip no more: it outlives the project."""
        self._thumbnails.forget()
        self._strip.chosen.disconnect(self._session.open_image)
        self._strip.thumbnail_wanted.disconnect(self._want_thumbnail)

    def reload(self) -> None:
        """Show the project's images anew."""
        self._show()
        if self._session.wanted is None:
            self._open_first(None)

    def step(self, by: int) -> None:
        """Go some images on, or back when negative, in the order of the strip."""
        keys, key = self._order(), self._session.wanted
        if keys:
            at = keys.index(key) + by if key in keys else 0
            self._session.open_image(keys[max(0, min(len(keys) - 1, at))])

    def predecessor(self) -> str | None:
        """Key of the image before the one in hand; None for the first."""
        keys, key = self._order(), self._session.key
        at = keys.index(key) if key in keys else 0
        return keys[at - 1] if at > 0 else None

    def go_to_suggested(self) -> None:
        """Open the image most worth a look."""
        key = next_image([(record.key, record.state) for record in self._records.values()], self._session.key)
        if key is None:
            self._say("Every other image is reviewed")
        else:
            self._session.open_image(key)

    def toggle_reviewed(self) -> None:
        """Say that the image in hand is finished, or that it is not."""
        if (record := self.record(self._session.key)) is not None:
            self._session.set_reviewed(not record.reviewed)

    def _order(self) -> list[str]:
        return self._strip.keys_shown() or list(self._records)

    def _show(self) -> None:
        self._records = {record.key: record for record in self._session.project.images()}
        self._strip.set_records(list(self._records.values()))
        if self._session.key is not None:
            self._strip.set_current(self._session.key)
        self._canvas.set_hint(_OPENING if self._records else _NO_IMAGES)
        self.changed.emit()

    def _open_first(self, key: str | None) -> None:
        first = key or next(iter(self._records), None)
        if first is not None:
            self._session.open_image(first)

    def _want_thumbnail(self, key: str) -> None:
        if (record := self.record(key)) is not None:
            self._thumbnails.want(key, record.path)

    def _pass_over(self, key: str) -> None:
        """With no image in the hand yet, try the others when one cannot be opened."""
        self._unreadable.add(key)
        if self._session.image is not None:
            return
        others = [other for other in self._records if other not in self._unreadable]
        self._canvas.set_hint(_OPENING if others else _NONE_OPENS)
        if others:
            self._open_first(others[0])

    def _on_record(self, record: ImageRecord) -> None:
        self._records[record.key] = record
        self._strip.update_record(record)
        self.changed.emit()
