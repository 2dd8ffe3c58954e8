"""The one table of actions: menus, toolbar, shortcuts, command palette and the page of shortcuts read it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from PySide6.QtGui import QKeySequence

from segstudio.core.tools.base import OPERATIONS, Operation, ToolName
from segstudio.ui.theme import Mode


@dataclass(frozen=True, slots=True)
class ModelState:
    """Attributes: previous: another model was in use before; comparing, blinking, difference: of these what is on."""

    previous: bool = False
    comparing: bool = False
    blinking: bool = False
    difference: bool = False


@dataclass(frozen=True, slots=True)
class AppState:
    """What decides which actions can be used and which are checked.

    Attributes:
        project_open, image_open: there is one.
        images: the project has more than one image to go to.
        can_undo, can_redo: of the open image.
        training, stopping: a run is going, and was asked to stop.
        resumable: a run was stopped that can go on.
        comparing: transfers are being compared.
        predicting: a prediction of many images is going.
        model: a model is in use.
        models: what can be done with it and others.
        proposal: the open image has a proposal.
        reviewed: the open image is marked so.
        classes: there is a class to paint with.
        predecessor: there is an image before the open one.
        tool: in the hand.
        operation: of the region tool.
        annotation_shown, proposal_shown: the layers.
        minimap, history, alone, beside, blink, inverted: what of these is on.
        theme: the chosen one.
    """

    project_open: bool = False
    image_open: bool = False
    images: bool = False
    can_undo: bool = False
    can_redo: bool = False
    training: bool = False
    stopping: bool = False
    resumable: bool = False
    comparing: bool = False
    predicting: bool = False
    model: bool = False
    models: ModelState = ModelState()
    proposal: bool = False
    reviewed: bool = False
    classes: bool = False
    predecessor: bool = False
    tool: ToolName = "brush"
    operation: Operation = "delete"
    annotation_shown: bool = True
    proposal_shown: bool = True
    minimap: bool = True
    history: bool = False
    alone: bool = False
    beside: bool = False
    blink: bool = False
    inverted: bool = False
    theme: Mode = "dark"


Test = Callable[[AppState], bool]
Keys = Callable[[str], tuple[str, ...]]  # by id, the keys something has, as this platform writes them


def _always(_state: AppState) -> bool:
    return True


def _project(state: AppState) -> bool:
    return state.project_open


def _image(state: AppState) -> bool:
    return state.image_open


def _images(state: AppState) -> bool:
    return state.image_open and state.images


def _proposal(state: AppState) -> bool:
    return state.image_open and state.proposal


def _comparable(state: AppState) -> bool:
    """Also without a proposal while two views or the blinking are on: an image that has none must not lock them."""
    return _proposal(state) or state.beside or state.blink


def _classed(state: AppState) -> bool:
    return state.image_open and state.classes


def _can_predict(state: AppState) -> bool:
    return state.image_open and state.model


def _can_train(state: AppState) -> bool:
    return state.project_open and not state.training and not state.comparing


def _compared(state: AppState) -> bool:
    return state.image_open and state.models.comparing


def _can_compare(state: AppState) -> bool:
    return state.models.comparing or (state.image_open and state.model and state.models.previous)


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """One thing the program can be told to do.

    Attributes:
        id: how code calls it.
        text: in menus; an ellipsis says that a question follows.
        menu: title of its menu, ``View/Theme`` for a menu in a menu.
        shortcuts: portable key sequences, the first is the one shown.
        icon: name in ``resources/icons``, or empty.
        tip: one line: what it does.
        enabled: whether it can be used.
        checked: whether it is on; None for actions that are not on or off.
        group: of the actions with one group, one is on.
        rule: a line above it in its menu.
        canvas: its keys act only while the canvas has the focus: elsewhere they mean something else.
        held: id in `OTHER_KEYS` of what does the same while a key is held, with any tool in the hand; or empty.
    """

    id: str
    text: str
    menu: str
    shortcuts: tuple[str, ...]
    icon: str
    tip: str
    enabled: Test
    checked: Test | None = None
    group: str = ""
    rule: bool = False
    canvas: bool = False
    held: str = ""

    @property
    def checkable(self) -> bool:
        """Whether it is an on-off action."""
        return self.checked is not None

    @property
    def keys(self) -> str:
        """Its first shortcut as this platform writes it; empty without one."""
        return native(self.shortcuts[0]) if self.shortcuts else ""

    @property
    def title(self) -> str:
        """Its text without the ellipsis."""
        return self.text.rstrip("…")


def native(shortcut: str) -> str:
    """A portable key sequence as this platform writes it."""
    return QKeySequence(shortcut).toString(QKeySequence.SequenceFormat.NativeText)


def key_of(shortcut: str) -> int:
    """The `Qt.Key` of a portable sequence of one key."""
    return int(QKeySequence(shortcut)[0].key())  # type: ignore[index]  # it is, but not in the stubs


A = ActionSpec


def _tool(name: ToolName, title: str, keys: str, tip: str, *, rule: bool = False, held: str = "") -> ActionSpec:
    def chosen(state: AppState) -> bool:
        return state.tool == name

    return A(f"tool_{name}", title, "Tools", (keys,), name, tip, _image, chosen, "tool", rule, held=held)


def _operation(operation: Operation, title: str, tip: str) -> ActionSpec:
    def chosen(state: AppState) -> bool:
        return state.tool == "region" and state.operation == operation

    first = operation == OPERATIONS[0]
    drawn = "trash" if operation == "delete" else operation
    return A(f"region_{operation}", title, "Region", (), drawn, tip, _image, chosen, "operation", first)


_TOOL_ACTIONS = (
    _tool("brush", "Brush", "B", "Paint the class in the hand; right-drag erases"),
    _tool("eraser", "Eraser", "E", "Take labels away"),
    _tool("lasso", "Lasso", "L", "Draw round an area to fill it", rule=True),
    _tool("polygon", "Polygon", "P", "Click the corners of an area; Enter closes it"),
    _tool("rectangle", "Rectangle", "M", "Drag from corner to corner; Shift makes a square"),
    _tool("ellipse", "Ellipse", "Shift+M", "Drag from corner to corner; Shift makes a circle"),
    _tool("fill", "Fill", "G", "Give a connected region of one label another one", rule=True),
    _tool("wand", "Magic wand", "W", "Fill what has a similar colour; drag to widen or narrow it"),
    _tool("superpixel", "Superpixel brush", "U", "Paint small areas of one colour as a whole"),
    _tool("scissors", "Scissors", "S", "Click along an outline; the line follows edges in the image"),
    _tool("box", "Box to mask", "K", "Drag a box round an object to find its mask"),
    _tool("region", "Regions", "T", "Delete, grow, shrink, smooth or fill whole regions"),
    _tool("pick", "Pick class", "I", "Take the class under the cursor into the hand", rule=True),
    _tool("measure", "Measure", "Shift+I", "Drag a length; click on for a path or an area"),
    _tool("level", "Window/level", "Z", "Drag sideways for contrast, up and down for brightness"),
    _tool("pan", "Pan", "H", "Drag the image", held="hold_pan"),
)
_OPERATION_ACTIONS = (
    _operation("delete", "Delete regions", "Click a region: its pixels become void"),
    _operation("reclass", "Re-class regions", "Click a region: it becomes the class in the hand"),
    _operation("holes", "Fill holes", "Click a region: void inside it becomes part of it"),
    _operation("islands", "Drop islands", "Click: regions below a number of pixels become void"),
    _operation("grow", "Grow regions", "Click a region: it becomes wider by some pixels, over void"),
    _operation("shrink", "Shrink regions", "Click a region: it becomes narrower by some pixels"),
    _operation("smooth", "Smooth regions", "Click a region: its outline becomes smoother"),
)
TOOL_ORDER: tuple[ToolName | None, ...] = (
    "brush", "eraser", None, "lasso", "polygon", "rectangle", "ellipse", None,
    "fill", "wand", "superpixel", "scissors", "box", "region", None, "pick", "measure", "level", "pan",
)  # fmt: skip
# fmt: off
ACTIONS: tuple[ActionSpec, ...] = (
    A("new_project", "New project…", "File", ("Ctrl+N",), "new", "Label a folder of images", _always),
    A("open_project", "Open project…", "File", ("Ctrl+O",), "open", "Open a project folder", _always),
    A("open_demo", "Try the demo", "File", (), "demo", "Open a small project to play with", _always),
    A("close_project", "Close project", "File", ("Ctrl+W",), "reject", "Back to the start screen", _project),
    A("add_images", "Add images…", "File", ("Ctrl+Shift+I",), "image",
      "Add a folder of images to this project", _project, rule=True),
    A("export_masks", "Export masks…", "File", ("Ctrl+E",), "export", "Write the annotations as mask images", _project),
    A("quit", "Quit", "File", ("Ctrl+Q",), "quit", "Leave; everything is saved", _always, rule=True),
    A("undo", "Undo", "Edit", ("Ctrl+Z",), "undo", "Take back the last stroke", lambda s: s.can_undo),
    A("redo", "Redo", "Edit", ("Ctrl+Shift+Z", "Ctrl+Y"), "redo", "Bring the stroke back", lambda s: s.can_redo),
    *_TOOL_ACTIONS,
    A("brush_smaller", "Smaller brush", "Tools", ("[",), "minus", "Shift+wheel does it too", _image, rule=True),
    A("brush_larger", "Larger brush", "Tools", ("]",), "plus", "Shift+wheel does it too", _image),
    A("swap_class", "Swap with the last class", "Tools", ("X",), "swap", "Back to the class used before", _image),
    A("previous_class", "Previous class", "Tools", (",",), "class-up", "Take the class above into the hand", _classed),
    A("next_class", "Next class", "Tools", (".",), "class-down", "Take the class below into the hand", _classed),
    A("snap_stroke", "Snap last stroke to edges", "Region", ("Shift+S",), "snap",
      "Move the outline of what you painted last to the edges in the image", lambda s: s.can_undo),
    A("mask_from_strokes", "Mask from strokes", "Region", ("Shift+K",), "box",
      "Find the object that your strokes of this class lie in", _classed),
    *_OPERATION_ACTIONS,
    A("delete_region", "Delete the region under the cursor", "Region", ("Del",), "trash",
      "Its pixels become void", _image, rule=True),
    A("delete_class", "Delete all of this class", "Region", (), "trash",
      "Every pixel of the class in the hand becomes void in this image", _classed),
    A("fill_void", "Fill void with this class", "Region", ("Shift+G",), "fill",
      "Every pixel without a label becomes the class in the hand", _classed),
    A("copy_previous", "Copy labels from the previous image", "Region", ("Ctrl+Shift+C",), "copy-previous",
      "Onto pixels without a label", lambda s: s.image_open and s.predecessor),
    A("fit", "Fit image", "View", ("F", "Ctrl+F"), "fit", "Show the whole image", _image),
    A("actual_size", "Actual size", "View", ("Ctrl+1",), "actual-size", "One image pixel on one screen pixel", _image),
    A("zoom_in", "Zoom in", "View", ("Ctrl+=", "Ctrl++"), "zoom-in", "The wheel zooms at the cursor", _image),
    A("zoom_out", "Zoom out", "View", ("Ctrl+-",), "zoom-out", "The wheel zooms at the cursor", _image),
    A("toggle_annotation", "Show annotation", "View", ("V",), "eye",
      "Show or hide what you painted", _image, lambda s: s.annotation_shown, rule=True),
    A("toggle_proposal", "Show proposal", "View", ("Shift+V",), "layers",
      "Show or hide what the model says", _image, lambda s: s.proposal_shown),
    A("opacity_up", "More opaque", "View", ("O",), "opacity", "Labels cover more of the image", _image),
    A("opacity_down", "More transparent", "View", ("Shift+O",), "opacity", "More of the image shows through", _image),
    A("cycle_look", "Areas, outlines or both", "View", ("C",), "contour",
      "How the annotation is drawn", _image),
    A("layers", "Layers…", "View", ("Shift+L",), "layers", "How annotation and proposal are drawn", _image),
    A("contrast", "Contrast…", "View", ("Ctrl+L",), "contrast", "Brightness, contrast, gamma and window", _image,
      rule=True),
    A("auto_contrast", "Automatic contrast", "View", ("Ctrl+Shift+L",), "auto",
      "Black and white at the darkest and lightest values", _image),
    A("invert", "Invert the image", "View", ("Ctrl+I",), "invert", "Black for white", _image, lambda s: s.inverted),
    A("reset_contrast", "Original contrast", "View", ("Ctrl+Alt+L",), "image", "See the image as it is", _image),
    A("beside", "Annotation beside proposal", "View", ("Shift+D",), "side-by-side",
      "Two views that move together", _comparable, lambda s: s.beside, rule=True),
    A("blink", "Blink annotation and proposal", "View", ("Shift+B",), "blink",
      "One after the other in the same place", _comparable, lambda s: s.blink),
    A("minimap", "Minimap", "View", ("Ctrl+Shift+M",), "map",
      "The whole image in the corner, while only a part is seen", _project, lambda s: s.minimap),
    A("history", "History", "View", ("Shift+H",), "history",
      "All strokes of this image, to go back to any", _project, lambda s: s.history),
    A("canvas_alone", "Canvas alone", "View", ("Ctrl+\\",), "canvas-alone",
      "Put away everything around the image, or bring it back", _project, lambda s: s.alone),
    A("reset_layout", "Reset layout", "View", (), "layout", "Panels where they were at first", _project),
    A("theme_dark", "Dark", "View/Theme", (), "moon",
      "Neutral dark grey, best for judging colours", _always, lambda s: s.theme == "dark", "theme", rule=True),
    A("theme_light", "Light", "View/Theme", (), "sun",
      "For bright rooms", _always, lambda s: s.theme == "light", "theme"),
    A("theme_system", "As the system", "View/Theme", (), "monitor",
      "Dark or light as the desktop is", _always, lambda s: s.theme == "system", "theme"),
    A("previous_image", "Previous image", "Image", ("A", "PgUp"), "previous", "Go one image back", _images),
    A("next_image", "Next image", "Image", ("D", "PgDown"), "next", "Go one image on", _images),
    A("next_suggested", "Next suggested image", "Image", ("N",), "suggested",
      "Go to the next image without labels, then to what is begun", _images),
    A("mark_reviewed", "Mark reviewed", "Image", ("R",), "reviewed",
      "Say that this image is finished", _image, lambda s: s.reviewed, rule=True),
    A("train", "Train", "Model", ("Ctrl+T",), "train",
      "Fine-tune on all labels; you can go on painting", _can_train),
    A("stop", "Stop training", "Model", ("Ctrl+.",), "stop",
      "Stop; the best model so far stays", lambda s: s.training and not s.stopping),
    A("resume", "Resume training", "Model", ("Ctrl+Shift+T",), "train",
      "Let the run that was stopped go on", lambda s: s.resumable and _can_train(s)),
    A("training_options", "Training options…", "Model", ("Shift+T",), "settings",
      "Network, crops, augmentation, learning and limits of the next run", _project),
    A("compare_transfers", "Compare transfers…", "Model", (), "chart",
      "Train each for the same time, to see which helps most", _project),
    A("backbones", "Backbones and weights…", "Model", (), "weights",
      "What a network can start from; download, import and export weights", _project),
    A("predict_image", "Predict this image", "Model", ("Ctrl+P",), "predict",
      "Propose labels for the open image", _can_predict, rule=True),
    A("predict_all", "Predict all images", "Model", (), "predict",
      "Propose labels for every image", lambda s: s.project_open and s.images and s.model and not s.predicting),
    A("compare_models", "Compare with the model before", "Model", ("Shift+Y",), "compare-models",
      "The model in use and the one before, on the open image", _can_compare, lambda s: s.models.comparing, rule=True),
    A("other_model", "Show the other model", "Model", ("Y",), "swap", "Of the two that are compared", _compared),
    A("blink_models", "Blink the two models", "Model", (), "blink",
      "One after the other in the same place", _compared, lambda s: s.models.blinking),
    A("difference_models", "Only where the two models differ", "Model", (), "contour",
      "Hide what both say alike", _compared, lambda s: s.models.difference),
    A("model_card", "Card of the model in use", "Model", (), "info",
      "How it was trained, and its scores", lambda s: s.model, rule=True),
    A("roll_back", "Back to the model before", "Model", (), "previous",
      "Put it in use again; once more goes further back", lambda s: s.models.previous),
    A("export_model", "Export the model in use…", "Model", (), "export",
      "Write it as ONNX or torch.export, for other programs", lambda s: s.model),
    A("accept_region", "Accept region", "Review", ("Return", "Enter"), "check",
      "Take over the proposed region under the cursor", _proposal),
    A("accept_all", "Accept all", "Review", ("Ctrl+Return", "Ctrl+Enter"), "check-all",
      "Take over everything above the confidence threshold", _proposal),
    A("reject_region", "Reject region", "Review", ("Backspace",), "reject",
      "Drop the proposed region under the cursor", _proposal),
    A("next_uncertain", "Next uncertain region", "Review", ("Tab",), "uncertain",
      "Go to where the model is least sure", _proposal, rule=True, canvas=True),
    A("palette", "Search commands…", "Help", ("Ctrl+K", "Ctrl+Shift+P"), "search", "Find any command by name", _always),
    A("shortcuts", "Keyboard and mouse", "Help", ("F1",), "keyboard", "All keys on one page", _always),
    A("keys", "Change keys…", "Help", (), "key", "Give any command another key", _always),
    A("log_folder", "Open the log folder", "Help", (), "folder", "Where the program writes what happened", _always),
    A("about", "About SegStudio", "Help", (), "info", "Version and licence", _always, rule=True),
)
# fmt: on
MENUS = ("File", "Edit", "Tools", "Region", "View", "Image", "Model", "Review", "Help")
TOOLS: tuple[str | None, ...] = (*(None if title is None else f"tool_{title}" for title in TOOL_ORDER),)


SPECS: Mapping[str, ActionSpec] = {spec.id: spec for spec in ACTIONS}
KEYED_CLASSES = 10  # of the list of classes, the first so many have keys
# What has a key and is no action.
OTHER_KEYS: Mapping[str, str] = {
    "hold_pan": "Space",
    "hold_peek": "`",
    **{f"class_{at}": str(at % 10) for at in range(1, KEYED_CLASSES + 1)},
    **{f"lock_class_{at}": f"Shift+{at % 10}" for at in range(1, KEYED_CLASSES + 1)},
}


def default_keys(name: str) -> tuple[str, ...]:
    """The keys of an action, or of one of `OTHER_KEYS`, before a person changed any; see `Keys`.

    Raises:
        KeyError: when there is nothing of that id.
    """
    keys = SPECS[name].shortcuts if name in SPECS else (OTHER_KEYS[name],)
    return tuple(native(key) for key in keys)


def first_key(keys: Keys, name: str) -> str:
    """The one of its keys that is shown; empty when it has none."""
    return next(iter(keys(name)), "")


def tooltip(spec: ActionSpec, keys: Keys = default_keys) -> str:
    """Title, first key and what it does, in two lines."""
    key, held = first_key(keys, spec.id), first_key(keys, spec.held) if spec.held else ""
    first = f"{spec.title} ({key})" if key else spec.title
    return f"{first}\n{spec.tip}{f'; holding {held} does it with any tool' if held else ''}"
