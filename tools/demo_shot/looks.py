"""Materials. Cloth patterns read the `weave` attribute, so that they stick to a moving limb."""

from __future__ import annotations

import bpy

Color = tuple[float, float, float]


class Graph:
    """A thin hand for building one material's nodes: `node(kind, input=value-or-socket)` returns output 0."""

    def __init__(self, name: str) -> None:
        self.material = bpy.data.materials.new(name)
        self.material.use_nodes = True
        self.tree = self.material.node_tree
        self.tree.nodes.clear()

    def node(self, kind: str, out: int | str = 0, *, settings: dict | None = None, **inputs):
        made = self.tree.nodes.new(kind)
        for key, value in (settings or {}).items():
            setattr(made, key, value)
        for key, value in inputs.items():
            name = key.replace("_", " ")
            socket = made.inputs[int(key[1:])] if key[0] == "i" and key[1:].isdigit() else made.inputs[name]
            self.feed(socket, value)
        return made.outputs[out]

    def feed(self, socket, value) -> None:
        if isinstance(value, bpy.types.NodeSocket):
            self.tree.links.new(value, socket)
        elif isinstance(value, tuple) and len(value) == 3 and socket.type == "RGBA":
            socket.default_value = (*value, 1.0)
        else:
            socket.default_value = value

    def attribute(self, name: str, out: str = "Vector"):
        return self.node("ShaderNodeAttribute", out, settings={"attribute_name": name})

    def math(self, operation: str, a, b=0.0):
        return self.node("ShaderNodeMath", settings={"operation": operation}, i0=a, i1=b)

    def mix(self, amount, a, b):
        return self.node("ShaderNodeMix", 2, settings={"data_type": "RGBA"}, i0=amount, i6=a, i7=b)

    def noise(self, vector, scale: float, detail: float = 4.0):
        return self.node("ShaderNodeTexNoise", "Fac", Vector=vector, Scale=scale, Detail=detail)

    def stripes(self, coordinate, period: float, share: float, phase: float = 0.0):
        """1 inside stripes that fill `share` of each `period`."""
        turned = self.math("FRACT", self.math("ADD", self.math("DIVIDE", coordinate, period), 50.0 + phase))
        return self.math("LESS_THAN", turned, share)

    def bump(self, height, strength: float, distance: float = 0.004):
        return self.node("ShaderNodeBump", Height=height, Strength=strength, Distance=distance)

    def finish(self, shader):
        sink = self.tree.nodes.new("ShaderNodeOutputMaterial")
        self.tree.links.new(shader, sink.inputs["Surface"])
        return self.material

    def principled(self, color, **inputs):
        return self.finish(self.node("ShaderNodeBsdfPrincipled", Base_Color=color, **inputs))


def plain(name: str, color: Color, *, roughness: float = 0.6, metallic: float = 0.0):
    return Graph(name).principled(color, Roughness=roughness, Metallic=metallic)


def glow(name: str, color: Color, strength: float):
    """A lamp that is seen but lights nothing: the lights of `stage` do that, with less noise."""
    graph = Graph(name)
    made = graph.finish(graph.node("ShaderNodeEmission", Color=color, Strength=strength))
    made.cycles.emission_sampling = "NONE"
    return made


def skin(name: str, color: Color, lips: Color):
    graph = Graph(name)
    where = graph.node("ShaderNodeNewGeometry", "Position")
    blotch = graph.noise(where, 22.0)
    warm = graph.mix(blotch, tuple(c * 0.90 for c in color), tuple(min(c * 1.10, 1.0) for c in color))
    tone = graph.mix(graph.math("MULTIPLY", graph.attribute("tint", "Fac"), 0.7), warm, lips)
    return graph.principled(
        tone,
        Roughness=0.48,
        Subsurface_Weight=0.15,
        Subsurface_Radius=(0.010, 0.004, 0.002),
        Specular_IOR_Level=0.4,
    )


def eye(name: str, iris: Color):
    graph = Graph(name)
    local = graph.node("ShaderNodeTexCoord", "Object")
    unit = graph.node("ShaderNodeVectorMath", settings={"operation": "NORMALIZE"}, i0=local)
    facing = graph.math("MULTIPLY", graph.node("ShaderNodeSeparateXYZ", "Y", Vector=unit), -1.0)
    color = graph.mix(graph.math("GREATER_THAN", facing, 0.885), (0.72, 0.70, 0.67), iris)
    color = graph.mix(graph.math("GREATER_THAN", facing, 0.972), color, (0.004, 0.004, 0.004))
    return graph.principled(color, Roughness=0.08, Coat_Weight=0.6)


def hair(name: str, color: Color):
    graph = Graph(name)
    shade = graph.node("ShaderNodeHairInfo", "Random")
    tone = graph.mix(shade, tuple(c * 0.72 for c in color), tuple(min(c * 1.3, 1.0) for c in color))
    return graph.finish(
        graph.node(
            "ShaderNodeBsdfHairPrincipled",
            settings={"parametrization": "COLOR", "model": "CHIANG"},
            Color=tone,
            Roughness=0.34,
            Radial_Roughness=0.45,
            IOR=1.45,
        )
    )


def knit(name: str, base: Color, stripe: Color, thin: Color):
    """A sweater with broad and thin stripes and a ribbed surface."""
    graph = Graph(name)
    weave = graph.attribute("weave")
    u = graph.node("ShaderNodeSeparateXYZ", "X", Vector=weave)
    v = graph.node("ShaderNodeSeparateXYZ", "Y", Vector=weave)
    color = graph.mix(graph.stripes(v, 0.075, 0.40), base, stripe)
    color = graph.mix(graph.stripes(v, 0.075, 0.09, 0.34), color, thin)
    color = graph.mix(graph.noise(weave, 300.0, 2.0), color, graph.mix(0.35, color, (0.02, 0.02, 0.02)))
    rib = graph.math("SINE", graph.math("MULTIPLY", u, 900.0))
    loops = graph.math("MULTIPLY", rib, graph.math("SINE", graph.math("MULTIPLY", v, 1100.0)))
    height = graph.math("ADD", graph.math("MULTIPLY", loops, 0.12), graph.noise(weave, 18.0))
    return graph.principled(color, Roughness=0.85, Sheen_Weight=0.35, Normal=graph.bump(height, 0.7, 0.012))


def plaid(name: str, base: Color, wide: Color, line: Color, shirt: Color):
    """A checked overshirt, open over a plain shirt where `tint` is set."""
    graph = Graph(name)
    weave = graph.attribute("weave")
    u = graph.node("ShaderNodeSeparateXYZ", "X", Vector=weave)
    v = graph.node("ShaderNodeSeparateXYZ", "Y", Vector=weave)
    checks = graph.math(
        "MULTIPLY", graph.math("ADD", graph.stripes(u, 0.09, 0.45), graph.stripes(v, 0.09, 0.45)), 0.5
    )
    color = graph.mix(checks, base, wide)
    thin = graph.math("MAXIMUM", graph.stripes(u, 0.09, 0.06, 0.30), graph.stripes(v, 0.09, 0.06, 0.30))
    color = graph.mix(graph.math("MULTIPLY", thin, 0.8), color, line)
    color = graph.mix(graph.math("GREATER_THAN", graph.attribute("tint", "Fac"), 0.5), color, shirt)
    height = graph.noise(weave, 14.0)
    return graph.principled(color, Roughness=0.8, Sheen_Weight=0.2, Normal=graph.bump(height, 0.8, 0.015))


def denim(name: str, color: Color):
    graph = Graph(name)
    weave = graph.attribute("weave")
    grain = graph.noise(weave, 220.0, 3.0)
    worn = graph.noise(weave, 7.0, 3.0)
    tone = graph.mix(grain, tuple(c * 0.7 for c in color), tuple(c * 1.35 for c in color))
    tone = graph.mix(graph.math("MULTIPLY", worn, 0.5), tone, tuple(min(c * 2.2, 1.0) for c in color))
    return graph.principled(tone, Roughness=0.8, Normal=graph.bump(worn, 0.6, 0.02))


def wool(name: str, color: Color):
    graph = Graph(name)
    weave = graph.attribute("weave")
    tone = graph.mix(graph.noise(weave, 120.0), tuple(c * 0.6 for c in color), color)
    return graph.principled(
        tone, Roughness=0.9, Sheen_Weight=0.5, Normal=graph.bump(graph.noise(weave, 90.0), 0.8)
    )


def brick(name: str):
    graph = Graph(name)
    at = graph.node("ShaderNodeTexCoord", "Object")
    flat = graph.node("ShaderNodeMapping", Vector=at, Rotation=(1.5707963, 0.0, 0.0))
    tiles = graph.tree.nodes.new("ShaderNodeTexBrick")
    for key, value in (("Scale", 4.2), ("Mortar Size", 0.018), ("Bias", -0.2), ("Mortar Smooth", 0.2)):
        tiles.inputs[key].default_value = value
    graph.feed(tiles.inputs["Vector"], flat)
    graph.feed(tiles.inputs["Color1"], (0.23, 0.085, 0.050))
    graph.feed(tiles.inputs["Color2"], (0.11, 0.045, 0.035))
    graph.feed(tiles.inputs["Mortar"], (0.21, 0.19, 0.17))
    stain = graph.noise(at, 2.3, 8.0)
    color = graph.mix(graph.math("MULTIPLY", stain, 0.55), tiles.outputs["Color"], (0.055, 0.050, 0.052))
    color = graph.mix(graph.math("MULTIPLY", graph.noise(at, 40.0), 0.35), color, (0.34, 0.22, 0.15))
    height = graph.math("SUBTRACT", graph.math("MULTIPLY", graph.noise(at, 55.0), 0.4), tiles.outputs["Fac"])
    return graph.principled(color, Roughness=0.85, Normal=graph.bump(height, 0.9, 0.02))


def wood(name: str, dark: Color, light: Color):
    graph = Graph(name)
    at = graph.node("ShaderNodeTexCoord", "Object")
    stretched = graph.node("ShaderNodeMapping", Vector=at, Scale=(1.0, 6.0, 6.0))
    grain = graph.noise(stretched, 6.0, 8.0)
    return graph.principled(graph.mix(grain, dark, light), Roughness=0.5, Normal=graph.bump(grain, 0.2))


def poster(name: str, a: Color, b: Color, *, scale: float):
    graph = Graph(name)
    at = graph.node("ShaderNodeTexCoord", "Object")
    cells = graph.node("ShaderNodeTexVoronoi", "Color", Vector=at, Scale=scale)
    amount = graph.node("ShaderNodeSeparateXYZ", "X", Vector=cells)
    return graph.principled(graph.mix(graph.math("GREATER_THAN", amount, 0.5), a, b), Roughness=0.4)


def window_view(name: str):
    """The bright street beyond the window: a hazy gradient with blocks of light, well above 1."""
    graph = Graph(name)
    at = graph.node("ShaderNodeTexCoord", "Object")
    height = graph.node("ShaderNodeSeparateXYZ", "Z", Vector=at)
    sky = graph.mix(
        graph.node("ShaderNodeClamp", Value=graph.math("ADD", graph.math("MULTIPLY", height, 0.9), 0.45)),
        (1.0, 0.62, 0.36),
        (0.50, 0.68, 1.0),
    )
    blocks = graph.node(
        "ShaderNodeTexVoronoi", "Color", settings={"distance": "CHEBYCHEV"}, Vector=at, Scale=4.2
    )
    lit = graph.node("ShaderNodeSeparateXYZ", "Y", Vector=blocks)
    strength = graph.math("ADD", 0.35, graph.math("MULTIPLY", lit, 1.1))
    return graph.finish(graph.node("ShaderNodeEmission", Color=sky, Strength=strength))


def coverage_marker():
    """What replaces every material in the alpha pass: the object's own flat colour, unlit."""
    graph = Graph("coverage marker")
    color = graph.node("ShaderNodeObjectInfo", "Color")
    return graph.finish(graph.node("ShaderNodeEmission", Color=color, Strength=1.0))
