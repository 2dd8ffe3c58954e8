"""Every tool there is."""

from segstudio.core.tools.base import Kit, Tool, ToolName
from segstudio.core.tools.box import BoxTool
from segstudio.core.tools.brush import BrushTool
from segstudio.core.tools.fill import FillTool
from segstudio.core.tools.measure import MeasureTool
from segstudio.core.tools.pick import PickTool
from segstudio.core.tools.polygon import PolygonTool
from segstudio.core.tools.region import RegionTool
from segstudio.core.tools.scissors import ScissorsTool
from segstudio.core.tools.shapes import EllipseTool, LassoTool, RectangleTool
from segstudio.core.tools.superpixel import SuperpixelTool
from segstudio.core.tools.viewing import LevelTool, PanTool
from segstudio.core.tools.wand import WandTool


def make_tools(kit: Kit) -> dict[ToolName, Tool]:
    """Every tool, by name, sharing one kit."""
    tools: tuple[Tool, ...] = (
        BrushTool(kit),
        BrushTool(kit, erases=True),
        LassoTool(kit),
        PolygonTool(kit),
        RectangleTool(kit),
        EllipseTool(kit),
        FillTool(kit),
        WandTool(kit),
        ScissorsTool(kit),
        SuperpixelTool(kit),
        BoxTool(kit),
        RegionTool(kit),
        PickTool(kit),
        MeasureTool(kit),
        LevelTool(kit),
        PanTool(kit),
    )
    return {tool.name: tool for tool in tools}
