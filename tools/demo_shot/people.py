"""The two people: measurements, sculpted parts, and the skeleton that moves them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from demo_shot.sculpt import Shape, capsule, carve, diffuse, ellipsoid, ring, surface, union

SIDES = (("l", 1.0), ("r", -1.0))


@dataclass(frozen=True)
class Build:
    """One person's measurements, metres. The figure stands at the origin and faces -y."""

    name: str
    height: float
    shoulder: float
    """Half the distance between the shoulder joints."""
    chest: float
    """Half the width of the rib cage."""
    waist: float
    hips: float
    bust: float
    """Radius added at the front of the chest; 0 for none."""
    jaw: float
    """Width of the lower face, 1 for average."""
    limb: float
    """Thickness of arms and legs, 1 for average."""


ANA = Build(
    "ana", height=1.68, shoulder=0.155, chest=0.128, waist=0.112, hips=0.162, bust=0.038, jaw=0.94, limb=0.92
)
BEN = Build(
    "ben", height=1.82, shoulder=0.200, chest=0.160, waist=0.145, hips=0.160, bust=0.0, jaw=1.06, limb=1.12
)


@dataclass(frozen=True)
class Part:
    """A meshed piece of a person in the rest pose.

    `weights` maps a bone name to (V,) influence; rows sum to one. `weave` (V, 3) is the cloth coordinate:
    metres around the limb, metres along it, and which limb. `tint` (V,) selects a second colour (lips, the
    shirt under an open jacket).
    """

    name: str
    vertices: np.ndarray
    quads: np.ndarray
    weights: dict[str, np.ndarray]
    weave: np.ndarray
    tint: np.ndarray


def skeleton(build: Build) -> dict[str, tuple[str | None, np.ndarray, np.ndarray]]:
    """Bones by name: (parent, joint, end), parents before children."""
    k = build.height / 1.68
    joint = lambda x, y, z: np.array([x, y, z * k])  # noqa: E731
    bones: dict[str, tuple[str | None, np.ndarray, np.ndarray]] = {
        "hips": (None, joint(0, 0.01, 0.92), joint(0, 0.01, 1.02)),
        "spine": ("hips", joint(0, 0.01, 1.02), joint(0, 0.01, 1.18)),
        "chest": ("spine", joint(0, 0.01, 1.18), joint(0, 0.02, 1.38)),
        "neck": ("chest", joint(0, 0.03, 1.38), joint(0, 0.02, 1.47)),
        "head": ("neck", joint(0, 0.02, 1.47), joint(0, 0.0, 1.68)),
    }
    for side, s in SIDES:
        shoulder = joint(s * build.shoulder, 0.02, 1.345)
        down = np.array([s * np.sin(0.52), 0.0, -np.cos(0.52)])
        elbow = shoulder + down * 0.27 * k
        wrist = elbow + (down + [0, -0.12, 0]) * 0.235 * k
        knuckles = wrist + (down + [0, -0.16, 0]) * 0.16 * k
        knee, ankle = joint(s * 0.088, -0.005, 0.49), joint(s * 0.09, 0.015, 0.09)
        bones[f"arm.{side}"] = ("chest", shoulder, elbow)
        bones[f"forearm.{side}"] = (f"arm.{side}", elbow, wrist)
        bones[f"hand.{side}"] = (f"forearm.{side}", wrist, knuckles)
        bones[f"thigh.{side}"] = ("hips", joint(s * 0.088, 0.01, 0.90), knee)
        bones[f"shin.{side}"] = (f"thigh.{side}", knee, ankle)
        bones[f"foot.{side}"] = (f"shin.{side}", ankle, ankle + [0, -0.16, -0.06])
    return bones


def head_center(build: Build) -> np.ndarray:
    """(3,) the middle of the skull, where the eyes' height is."""
    return np.array([0.0, 0.0, build.height - 0.105])


def parts(build: Build) -> list[Part]:
    """Everything solid about a person but eyes and hair, meshed and weighted."""
    bones = skeleton(build)
    made = [
        _head(build, bones),
        _lines(build, bones),
        _top(build, bones),
        _bottom(build, bones),
        _shoes(bones),
    ]
    made += [_hand(side, bones, build) for side, _ in SIDES]
    made.append(_collar(build, bones))
    return made


def head_shape(build: Build) -> Shape:
    """The head and neck, without eyes."""
    c, j = head_center(build), build.jaw
    at = lambda x, y, z: c + [x, y, z]  # noqa: E731
    skull = union(
        [
            ellipsoid(at(0, 0.012, 0.022), (0.073, 0.092, 0.082)),
            ellipsoid(at(0, -0.018, -0.036), (0.059 * j, 0.073, 0.080)),
            ellipsoid(at(0, -0.066, -0.094), (0.024 * j, 0.022, 0.019)),
            capsule(at(0.050 * j, -0.005, -0.075), at(0.015, -0.062, -0.098), 0.016, 0.016),
            capsule(at(-0.050 * j, -0.005, -0.075), at(-0.015, -0.062, -0.098), 0.016, 0.016),
            ellipsoid(at(0.036, -0.058, -0.030), (0.027, 0.026, 0.026)),
            ellipsoid(at(-0.036, -0.058, -0.030), (0.027, 0.026, 0.026)),
            capsule(at(0.014, -0.083, 0.026), at(0.046, -0.070, 0.028), 0.011, 0.008),
            capsule(at(-0.014, -0.083, 0.026), at(-0.046, -0.070, 0.028), 0.011, 0.008),
            capsule(at(0, 0.018, -0.06), at(0, 0.032, -0.24), 0.050 * build.limb, 0.058 * build.limb),
        ],
        blend=0.028,
    )
    sockets = [ellipsoid(at(s * 0.031, -0.096, 0.006), (0.020, 0.021, 0.013)) for _, s in SIDES]
    face = carve(skull, sockets, blend=0.012)
    fine = [
        capsule(at(0, -0.086, 0.014), at(0, -0.104, -0.026), 0.0075, 0.0115),
        ellipsoid(at(0, -0.0815, -0.0595), (0.024, 0.0105, 0.0050)),
        ellipsoid(at(0, -0.0805, -0.0690), (0.021, 0.0105, 0.0062)),
    ]
    fine += [ellipsoid(at(s * 0.0115, -0.094, -0.031), (0.008, 0.011, 0.0065)) for _, s in SIDES]
    fine += [ellipsoid(at(s * 0.073, 0.012, -0.010), (0.010, 0.020, 0.031)) for _, s in SIDES]
    # Lids: thin shells over the upper half of each eyeball, so that the eyes do not stare.
    fine += [ellipsoid(at(s * 0.031, -0.068, 0.0155), (0.0185, 0.0185, 0.0085)) for _, s in SIDES]
    fine += [ellipsoid(at(s * 0.031, -0.068, -0.0045), (0.0170, 0.0165, 0.0055)) for _, s in SIDES]
    return union([face, union(fine, blend=0.004)], blend=0.008)


def _head(build: Build, bones: dict) -> Part:
    c = head_center(build)
    v, q = surface(head_shape(build), c + [-0.11, -0.135, -0.26], c + [0.11, 0.13, 0.13], step=0.0042)
    local = v - c
    lips = np.exp(-(((local[:, 0] / 0.024) ** 2 + ((local[:, 2] + 0.064) / 0.0088) ** 2) ** 2))
    lips *= local[:, 1] < -0.07
    return _part("skin", v, q, bones, ("neck", "head"), tint=lips, rounds=10)


def _lines(build: Build, bones: dict) -> Part:
    """Brows and lash lines, one dark mesh that rides on the head."""
    c = head_center(build)
    at = lambda x, y, z: c + [x, y, z]  # noqa: E731
    heavy = 1.0 if build.bust else 1.35
    shapes = []
    for _, s in SIDES:
        shapes.append(
            capsule(at(s * 0.013, -0.0935, 0.031), at(s * 0.034, -0.086, 0.037), 0.0042 * heavy, 0.0042)
        )
        shapes.append(capsule(at(s * 0.034, -0.086, 0.037), at(s * 0.051, -0.072, 0.031), 0.0042, 0.0018))
        shapes.append(capsule(at(s * 0.017, -0.0855, 0.0105), at(s * 0.031, -0.0885, 0.0125), 0.0016, 0.0024))
        shapes.append(capsule(at(s * 0.031, -0.0885, 0.0125), at(s * 0.048, -0.0770, 0.0095), 0.0024, 0.0018))
    v, q = surface(
        union(shapes, blend=0.002), c + [-0.07, -0.12, -0.01], c + [0.07, -0.05, 0.06], step=0.0018
    )
    return _part("lines", v, q, bones, ("head",), rounds=0)


def _top(build: Build, bones: dict) -> Part:
    k = build.height / 1.68
    at = lambda x, y, z: np.array([x, y, z * k])  # noqa: E731
    w = build.limb
    shapes = [
        ellipsoid(at(0, 0.012, 1.245), (build.chest, 0.098, 0.135 * k)),
        ellipsoid(at(0, 0.005, 1.06), (build.waist, 0.090, 0.150 * k)),
        ellipsoid(at(0, 0.012, 0.945), (build.hips, 0.112, 0.105 * k)),
    ]
    shapes += [
        ellipsoid(at(s * 0.062, -0.052, 1.225), (0.060, build.bust + 0.012, 0.062))
        for _, s in SIDES
        if build.bust
    ]
    for side, s in SIDES:
        _, shoulder, elbow = bones[f"arm.{side}"]
        wrist = bones[f"forearm.{side}"][2]
        neck = at(s * 0.02, 0.025, 1.395)
        shapes.append(capsule(neck, shoulder, 0.044 * w, 0.048 * w))
        shapes.append(capsule(shoulder, elbow, 0.049 * w, 0.045 * w))
        shapes.append(capsule(elbow, wrist - (wrist - elbow) * 0.04, 0.045 * w, 0.038 * w))
    cloth = union(shapes, blend=0.045)
    hem = 0.865 * k

    def folded(p: np.ndarray) -> np.ndarray:
        x, y, z = p.T
        ripple = np.sin(38 * z + 9 * np.abs(x) + 3 * np.sin(11 * x)) * np.sin(17 * y + 13 * x + 4 * z)
        return np.maximum(cloth(p) + 0.0035 * ripple, hem + 0.006 * np.sin(24 * np.arctan2(y, x)) - z)

    reach = np.abs(bones["hand.l"][1][0]) + 0.08
    v, q = surface(folded, [-reach, -0.19, hem - 0.05], [reach, 0.19, 1.47 * k], step=0.008)
    # The undershirt of an open jacket: a wedge at the front, wider at the neck.
    edge = 0.030 + 0.055 * np.clip((v[:, 2] / k - 0.95) / 0.42, 0, 1)
    inside = np.minimum(edge - np.abs(v[:, 0]), -v[:, 1])
    open_front = np.clip(0.5 + inside / 0.03, 0.0, 1.0)
    bound = ("hips", "spine", "chest", "arm.l", "arm.r", "forearm.l", "forearm.r")
    return _part("top", v, q, bones, bound, tint=open_front, rounds=16)


def _bottom(build: Build, bones: dict) -> Part:
    k, w = build.height / 1.68, build.limb
    shapes = [ellipsoid([0, 0.012, 0.905 * k], (build.hips - 0.008, 0.106, 0.11 * k))]
    for side, _ in SIDES:
        _, hip, knee = bones[f"thigh.{side}"]
        ankle = bones[f"shin.{side}"][2]
        shapes += [capsule(hip, knee, 0.082 * w, 0.060 * w), capsule(knee, ankle, 0.060 * w, 0.052 * w)]
    legs = union(shapes, blend=0.03)

    def folded(p: np.ndarray) -> np.ndarray:
        x, y, z = p.T
        return legs(p) + 0.003 * np.sin(45 * z + 20 * y) * np.sin(21 * x + 8 * z)

    v, q = surface(folded, [-0.24, -0.17, 0.03], [0.24, 0.17, 1.03 * k], step=0.011)
    return _part("bottom", v, q, bones, ("hips", "thigh.l", "shin.l", "thigh.r", "shin.r"), rounds=14)


def _shoes(bones: dict) -> Part:
    shapes = []
    for side, _ in SIDES:
        _, ankle, toe = bones[f"foot.{side}"]
        shapes += [
            capsule(ankle - [0, -0.02, 0.03], toe, 0.050, 0.036),
            capsule(ankle, ankle - [0, 0, 0.03], 0.05),
        ]
    v, q = surface(union(shapes, blend=0.02), [-0.2, -0.3, -0.05], [0.2, 0.12, 0.18], step=0.01)
    return _part("shoes", v, q, bones, ("foot.l", "foot.r"), rounds=2)


def _hand(side: str, bones: dict, build: Build) -> Part:
    _, wrist, tip = bones[f"hand.{side}"]
    w = build.limb
    reach = (tip - wrist) / np.linalg.norm(tip - wrist)
    front = np.array([0.0, -1.0, 0.0])
    front = front - reach * (front @ reach)
    front /= np.linalg.norm(front)
    palm_side = np.cross(reach, front)
    inward = palm_side if palm_side[0] * wrist[0] < 0 else -palm_side
    at = lambda along, across, bend=0.0: wrist + along * reach + across * front + bend * inward  # noqa: E731
    shapes = [
        capsule(at(-0.03, 0), at(0.02, 0), 0.027 * w, 0.025 * w),
        ellipsoid(at(0.055, 0.0), (0.021 * w, 0.036 * w, 0.045 * w)),
        capsule(at(0.025, 0.022), at(0.055, 0.050, 0.012), 0.013 * w, 0.010 * w),
        capsule(at(0.055, 0.050, 0.012), at(0.083, 0.052, 0.022), 0.0105 * w, 0.008 * w),
    ]
    for across, length in ((0.027, 0.068), (0.010, 0.078), (-0.008, 0.073), (-0.025, 0.058)):
        middle = at(0.088 + length * 0.45, across, 0.007)
        shapes.append(capsule(at(0.080, across * 0.95), middle, 0.0105 * w, 0.009 * w))
        shapes.append(capsule(middle, at(0.080 + length * 0.93, across * 0.9, 0.030), 0.009 * w, 0.007 * w))
    low, high = np.minimum(wrist, tip) - 0.09, np.maximum(wrist, tip) + 0.09
    v, q = surface(union(shapes, blend=0.008), low, high, step=0.0045)
    return _part(f"hand.{side}", v, q, bones, (f"hand.{side}",), rounds=0)


def _collar(build: Build, bones: dict) -> Part:
    """Ana's scarf, or the soft collar of Ben's jacket."""
    k = build.height / 1.68
    z = 1.405 * k
    if build.bust:
        shapes = [
            ring([0, 0.022, z - 0.005], 0.066, 0.031, tilt=0.25, squash=0.95),
            ring([0, 0.020, z + 0.030], 0.060, 0.024, tilt=0.10),
            ring([0, 0.012, z - 0.030], 0.078, 0.022, tilt=0.45),
        ]
    else:
        shapes = [
            ring([0, 0.030, z + 0.004], 0.066, 0.015, tilt=0.45),
            ring([0, 0.030, z - 0.012], 0.076, 0.016, tilt=0.55),
        ]
    wrapped = union(shapes, blend=0.012)
    if not build.bust:
        wrapped = carve(wrapped, [ellipsoid([0, -0.10, z - 0.03], (0.085, 0.115, 0.10))], blend=0.008)

    def folded(p: np.ndarray) -> np.ndarray:
        around = np.arctan2(p[:, 1], p[:, 0])
        return wrapped(p) + 0.003 * np.sin(9 * around + 60 * p[:, 2])

    v, q = surface(folded, [-0.15, -0.15, z - 0.12], [0.15, 0.17, z + 0.13], step=0.006)
    return _part("collar", v, q, bones, ("chest", "neck"), rounds=12)


def _part(
    name: str, v: np.ndarray, q: np.ndarray, bones: dict, bound: tuple[str, ...], *, rounds: int, tint=None
) -> Part:
    """Bind vertices to their nearest bone, then let the binding bleed over joints along the mesh."""
    distance = np.stack([capsule(bones[b][1], bones[b][2], 0.0)(v) for b in bound], 1)
    nearest = distance.argmin(1)
    weights = diffuse(np.eye(len(bound))[nearest], q, rounds=rounds)
    weights /= weights.sum(1, keepdims=True)
    return Part(
        name=name,
        vertices=v,
        quads=q,
        weights={b: weights[:, i] for i, b in enumerate(bound)},
        weave=_weave(v, bones, bound, nearest),
        tint=np.zeros(len(v)) if tint is None else tint,
    )


def _weave(v: np.ndarray, bones: dict, bound: tuple[str, ...], nearest: np.ndarray) -> np.ndarray:
    """Cloth coordinates: the trunk is one cylinder, every arm and leg another."""
    weave = np.stack([0.15 * np.arctan2(v[:, 0], -v[:, 1]), v[:, 2], np.zeros(len(v))], 1)
    for i, bone in enumerate(bound):
        if bone.split(".")[0] not in ("arm", "forearm", "thigh", "shin"):
            continue
        side = bone.split(".")[1]
        root = bones[("arm." if "arm" in bone else "thigh.") + side][1]
        end = bones[("forearm." if "arm" in bone else "shin.") + side][2]
        axis = (end - root) / np.linalg.norm(end - root)
        here = nearest == i
        q = v[here] - root
        down = q @ axis
        off = q - down[:, None] * axis
        across = np.cross(axis, [0.0, 1.0, 0.0])
        weave[here] = np.stack(
            [0.05 * np.arctan2(off @ across, -off[:, 1]), root[2] - down, np.full(len(q), 1.0)], 1
        )
    return weave
