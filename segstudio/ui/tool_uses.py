"""What the mouse does with each tool, in one line."""

from segstudio.core.tools.base import ToolName

# For the status line while a tool is in the hand.
TOOL_USES: dict[ToolName, str] = {
    "brush": "Left paints  ·  right erases  ·  Shift+click draws a straight line  ·  Shift+wheel sizes",
    "eraser": "Left erases  ·  right paints  ·  Shift+click draws a straight line  ·  Shift+wheel sizes",
    "lasso": "Left fills what you draw round  ·  right takes it away  ·  Esc drops it",
    "polygon": "Click corners, drag to move them  ·  Enter or double click closes  ·  Backspace takes one back",
    "rectangle": "Left fills  ·  right takes away  ·  Shift makes a square",
    "ellipse": "Left fills  ·  right takes away  ·  Shift makes a circle",
    "fill": "Left gives the region the class in hand  ·  right makes it void",
    "wand": "Click fills similar colours  ·  drag right or left for more or less  ·  right takes away",
    "superpixel": "Left paints small areas  ·  right erases them  ·  Shift+wheel makes them coarser or finer",
    "scissors": "Click along an edge  ·  drag points or the line  ·  Enter closes  ·  Backspace takes one back"
    "  ·  right subtracts",
    "box": "Drag a box round an object  ·  right takes the object's labels away",
    "region": "Click a region  ·  Shift+click the whole class  ·  Shift+wheel changes the amount",
    "pick": "Click takes the class under the cursor into the hand",
    "measure": "Drag a length, or click corners  ·  double click ends  ·  Esc clears",
    "level": "Drag sideways for contrast, up and down for brightness",
    "pan": "Drag moves the image  ·  the wheel zooms",
}
