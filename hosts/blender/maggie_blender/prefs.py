# SPDX-License-Identifier: GPL-3.0-or-later
"""Preferences > Add-ons > MaGGIe: which Python runs the worker."""
# pyright: reportInvalidTypeForm=false
# A property of Blender's is an annotation that is a call.

import bpy
from bpy.props import StringProperty

from . import install


class MaggiePreferences(bpy.types.AddonPreferences):
    """What is set once for all files."""

    bl_idname = __package__

    python: StringProperty(
        name="Python",
        description="The Python that has maggie-node, or the folder of its virtual environment. Empty: "
        "$MAGGIE_PYTHON, else the one located or installed here, else that of the maggie-node command",
        subtype="FILE_PATH",
    )
    package: StringProperty(
        name="Package", description="What pip installs: a name, a version, a file", default="maggie-node"
    )

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.prop(self, "python")
        row = self.layout.row()
        row.operator("maggie.locate_worker")
        row.operator("maggie.install_worker")
        for command in install.commands(install.default_folder(), self.package):
            self.layout.label(text=install.shown(command))


def preferences() -> MaggiePreferences | None:
    """The preferences; None while the extension is loaded without being enabled."""
    addon = bpy.context.preferences.addons.get(__package__)
    return addon.preferences if addon else None


def python() -> str:
    """The interpreter that is set here; empty when none is, so that it has to be looked for."""
    found = preferences()
    return install.python_in(bpy.path.abspath(found.python)) if found and found.python else ""


def register() -> None:
    bpy.utils.register_class(MaggiePreferences)


def unregister() -> None:
    bpy.utils.unregister_class(MaggiePreferences)
