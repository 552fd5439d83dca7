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
        name="Package",
        description="What Install Worker installs: a wheel (make wheel), a folder with a checkout or wheels, "
        "or the URL of a package index",
        subtype="FILE_PATH",
    )

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.prop(self, "python")
        self.layout.prop(self, "package")
        row = self.layout.row()
        row.operator("maggie.locate_worker")
        row.operator("maggie.install_worker")
        for line in install.shown_commands(install.default_folder(), package()):
            self.layout.label(text=line)


def preferences() -> MaggiePreferences | None:
    """The preferences; None while the extension is loaded without being enabled."""
    addon = bpy.context.preferences.addons.get(__package__)
    return addon.preferences if addon else None


def package() -> str:
    """What is to be installed; empty when it is not named."""
    found = preferences()
    return bpy.path.abspath(found.package) if found else ""


def python() -> str:
    """The interpreter that is set here; empty when none is, so that it has to be looked for."""
    found = preferences()
    return install.python_in(bpy.path.abspath(found.python)) if found and found.python else ""


def register() -> None:
    bpy.utils.register_class(MaggiePreferences)


def unregister() -> None:
    bpy.utils.unregister_class(MaggiePreferences)
