"""Which keys do what: the defaults, a person's changes, and what cannot be had at the same time.

Keys are written as portable sequences, ``Ctrl+Shift+Z`` or ``Ctrl+K, Ctrl+S``, the way Qt writes them on every
platform. A symbol is written without the Shift it may take to type it: which symbols do differs from keyboard to
keyboard, and Qt looks for the symbol alone.
"""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping

from segstudio.errors import UsageError

WINDOW = "window"  # the context of keys that act anywhere in the window, and so clash with those of every other

_MODIFIERS = ("Meta", "Ctrl", "Alt", "Shift")  # in the order of a portable sequence
_MOST_CHORDS = 4
_NAMES = {
    name.lower(): name
    for name in (
        *("Tab", "Backtab", "Backspace", "Return", "Enter", "Ins", "Del", "Pause", "Print", "SysReq", "Clear", "Home"),
        *("End", "Left", "Up", "Right", "Down", "PgUp", "PgDown", "CapsLock", "NumLock", "ScrollLock", "Menu", "Help"),
        *("Space", "Back", "Forward", "Esc", *(f"F{number}" for number in range(1, 36))),
    )
}
_OTHER_NAMES = {"Delete": "Del", "Insert": "Ins", "Escape": "Esc", "PageUp": "PgUp", "PageDown": "PgDown"}
_NAMES |= {other.lower(): name for other, name in _OTHER_NAMES.items()}
_log = logging.getLogger(__name__)


def portable(keys: str) -> str | None:
    """A key sequence in its one spelling, or None when it is none.

    ``shift+ctrl+z`` becomes ``Ctrl+Shift+Z``, and ``Shift+?`` becomes ``?``.
    """
    chords = [_chord(text) for text in re.split(r",\s+", keys.strip())]
    known = [chord for chord in chords if chord is not None]
    return ", ".join(known) if len(known) == len(chords) <= _MOST_CHORDS else None


def _chord(text: str) -> str | None:
    *modifiers, key = ["+"] if text == "+" else re.split(r"\+(?=.)", text)
    wanted = {modifier.capitalize() for modifier in modifiers}
    if not wanted <= set(_MODIFIERS) or len(wanted) < len(modifiers):
        return None
    single = len(key) == 1 and key.isprintable() and not key.isspace()
    if single and not key.isdigit() and key.lower() == key.upper():
        wanted.discard("Shift")
    # Upper case of some letters is two, and of some another key's.
    name = (key.upper() if len(key.upper()) == 1 else key) if single else _NAMES.get(key.lower())
    return None if name is None else "+".join([*(m for m in _MODIFIERS if m in wanted), name])


def overlap(first: str, second: str) -> bool:
    """Whether pressing one portable sequence does, or begins, the other."""
    return first == second or first.startswith(f"{second}, ") or second.startswith(f"{first}, ")


class Keymap:
    """The keys of every action. Immutable; changes give a new one.

    What a person changed wins over the defaults: a default key that was given to another action is not in force.

    Args:
        defaults: keys by action id, the first is the one shown.
        changes: what a person changed, as `changed` gave it, from a file that may hold anything: what cannot be used
            is left out, with a line in the log.
        contexts: where the keys of an id act, `WINDOW` for those not named. Two ids may share a key when they act in
            different contexts, neither of which is `WINDOW`.

    Raises:
        UsageError: when the defaults clash or are no keys.
    """

    def __init__(
        self,
        defaults: Mapping[str, Iterable[str]],
        changes: object = None,
        contexts: Mapping[str, str] | None = None,
    ) -> None:
        self._defaults = {action: tuple(_checked(key, action) for key in keys) for action, keys in defaults.items()}
        self._contexts = dict(contexts or {})
        self._keys = self._defaults
        for action, keys in self._defaults.items():
            if both := next(((other, key) for key in keys if (other := self.clash(action, key))), None):
                raise UsageError(f"'{action}' and '{both[0]}' both have the key {both[1]}")
        self._changed: dict[str, tuple[str, ...]] = {}
        for action, keys in self._usable(changes):
            self._accept(action, keys)
        self._keys = {action: self._in_force(action) for action in self._defaults}

    @property
    def changed(self) -> dict[str, tuple[str, ...]]:
        """What differs from the defaults, for the preferences: portable sequences by action id."""
        return dict(self._changed)

    def keys(self, action: str) -> tuple[str, ...]:
        """The portable sequences in force, the first is the one shown; empty when there is none.

        Raises:
            KeyError: when there is no such action.
        """
        return self._keys[action]

    def owners(self, action: str, key: str) -> list[str]:
        """The other actions that have a portable sequence, or one that begins alike, where `action` acts."""
        have = (other for other, keys in self._keys.items() if any(overlap(key, own) for own in keys))
        return [other for other in have if self._rivals(action, other)]

    def clash(self, action: str, key: str) -> str | None:
        """The first of the `owners`; None when the key is free."""
        return next(iter(self.owners(action, key)), None)

    def with_change(self, action: str, keys: Iterable[str]) -> "Keymap":
        """This map with other keys for one action; none takes its keys away.

        Raises:
            KeyError: when there is no such action.
            UsageError: when a key is none, or another action has it.
        """
        wanted = self._wanted(action, keys)
        for key in wanted:
            if other := self.clash(action, key):
                raise UsageError(f"{key} is the key of '{other}'", remedy="Give that another key first")
        return self._with({action: wanted})

    def taking_over(self, action: str, keys: Iterable[str]) -> "Keymap":
        """As `with_change`, but other actions lose what they have of the keys."""
        wanted = self._wanted(action, keys)
        # Defaults of others give way by themselves, and come back when this change is reset.
        left = {
            other: tuple(own for own in owns if not any(overlap(own, key) for key in wanted))
            for other, owns in self._changed.items()
            if self._rivals(action, other)
        }
        return self._with({**left, action: wanted})

    def swapping(self, action: str, key: str) -> "Keymap":
        """Give `action` the key alone, and the action that has it the keys `action` had, in the key's place.

        Raises:
            UsageError: when nobody has the key, `action` has none to give, or a third action would lose a key.
        """
        chosen, given = _checked(key, action), self._keys[action]
        other = self.clash(action, chosen)
        if other is None or not given:
            raise UsageError(f"there is nothing to swap {chosen} with")
        kept = tuple(own for own in self._keys[other] if not overlap(own, chosen))
        made = self._with({action: (chosen,), other: (*given, *kept)})
        as_meant = made.keys(action) == (chosen,) and made.keys(other) == (*given, *kept)
        if not as_meant or any(set(self._keys[a]) - set(made.keys(a)) for a in self._keys if a not in (action, other)):
            raise UsageError(f"{chosen} cannot be swapped", remedy="A third command would lose its key")
        return made

    def reset(self, action: str) -> "Keymap":
        """This map with the default keys for one action, but for those a person gave to others."""
        return Keymap(self._defaults, {a: k for a, k in self._changed.items() if a != action}, self._contexts)

    def reset_all(self) -> "Keymap":
        """The defaults."""
        return Keymap(self._defaults, None, self._contexts)

    def _with(self, changes: Mapping[str, tuple[str, ...]]) -> "Keymap":
        return Keymap(self._defaults, {**self._changed, **changes}, self._contexts)

    def _rivals(self, action: str, other: str) -> bool:
        """Whether the keys of one act where those of the other do."""
        here, there = self._contexts.get(action, WINDOW), self._contexts.get(other, WINDOW)
        return action != other and (here == there or WINDOW in (here, there))

    def _in_force(self, action: str) -> tuple[str, ...]:
        if action in self._changed:
            return self._changed[action]
        given = [key for other, keys in self._changed.items() if self._rivals(action, other) for key in keys]
        return tuple(key for key in self._defaults[action] if not any(overlap(key, other) for other in given))

    def _wanted(self, action: str, keys: Iterable[str]) -> tuple[str, ...]:
        wanted = tuple(dict.fromkeys(_checked(key, action) for key in keys))
        for at, key in enumerate(wanted):
            if any(overlap(key, before) for before in wanted[:at]):
                raise UsageError(f"{key} and another key of '{action}' begin alike", remedy="Keep one of them")
        self._keys[action]  # an unknown action is the caller's mistake
        return wanted

    def _accept(self, action: str, keys: tuple[str, ...]) -> None:
        """Note a change, without the keys that changes noted before gave to others."""
        if keys == self._defaults[action]:
            return
        taken = [own for other, owns in self._changed.items() if self._rivals(action, other) for own in owns]
        free: list[str] = []
        for key in keys:
            if any(overlap(key, other) for other in (*taken, *free)):
                _log.warning("%s is left without %s: it is taken", action, key)
            else:
                free.append(key)
        self._changed[action] = tuple(free)

    def _usable(self, changes: object) -> Iterator[tuple[str, tuple[str, ...]]]:
        """What of the changes are keys of actions there are."""
        if changes is not None and not isinstance(changes, Mapping):
            _log.warning("changed keys are left out: %r is no table", changes)
        for action, keys in changes.items() if isinstance(changes, Mapping) else ():
            if action not in self._defaults or not isinstance(keys, list | tuple):
                _log.warning("changed keys are left out: %r for %r", keys, action)
                continue
            read = [portable(key) if isinstance(key, str) else None for key in keys]
            known = tuple(dict.fromkeys(key for key in read if key is not None))
            if None in read:
                _log.warning("some changed keys of %s are left out: %r", action, keys)
            if known or not keys:  # all of it garbage: the defaults hold
                yield action, known


def _checked(key: str, action: str) -> str:
    checked = portable(key)
    if checked is None:
        raise UsageError(f"'{key}' is no key for '{action}'")
    return checked
