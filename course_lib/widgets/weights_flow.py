"""The six steps of transfer learning, shown on a real net: its stages, shapes and tensors.

    WeightsFlow()                   # WorldNet
    WeightsFlow("resnet18")         # after its weights were downloaded once

Nothing is drawn from memory: shapes come from a picture sent through the net, and which tensors
change comes from real training steps, compared before and after.
"""

import torch
import traitlets

from course_lib.backbones.backbone import Backbone
from course_lib.train import strategies as S
from course_lib.widgets.live import LiveWidget, module

STEPS = (
    ("Generic model", "A net trained on many pictures of another kind, with its old head."),
    ("Cut the head", "The last layer knows only the old classes. Take it away: what is left, the "
     "backbone, turns a picture into features."),
    ("Freeze", "Lock every tensor of the backbone: no gradient, and batch norm in eval mode, so "
     "that its running statistics stay as well."),
    ("New head", "A new last layer for your classes, with random weights."),
    ("Train", "One training step was taken: only the head has moved."),
    ("Unfreeze", "The last stage is unlocked and a step is taken with its rate a tenth of the "
     "head's: now it moves too. The tensors of it that do not are batch-norm statistics."),
)  # fmt: skip


class WeightsFlow(LiveWidget):
    """Tabs, one for each step. backbone: a name for load_backbone, or a Backbone."""

    _esm = module("weights_flow")
    steps = traitlets.List().tag(sync=True)

    def __init__(self, backbone: str | Backbone = "worldnet", classes: int = 6, **traits):
        from course_lib import load_backbone

        net = backbone if isinstance(backbone, Backbone) else load_backbone(backbone)
        super().__init__(steps=flow(net, classes), **traits)
        self._name = net.name

    def figure(self):
        from matplotlib import pyplot as plt
        from matplotlib.patches import Rectangle

        fig, ax = plt.subplots(figsize=(9.6, 4.4))
        colours = {
            "pretrained": "#56B4E9",
            "locked": "#cccccc",
            "new": "#E69F00",
            "changed": "#009E73",
        }
        for row, step in enumerate(self.steps):
            ax.text(-0.1, -row, f"{row + 1}. {step['title']}", ha="right", va="center", fontsize=10)
            for column, part in enumerate(step["parts"]):
                if part["state"] == "gone":
                    continue
                box = Rectangle(
                    (column + 0.03, -row - 0.36), 0.94, 0.72,
                    facecolor=colours[part["state"]], edgecolor="#555555", alpha=0.75,
                    hatch="//" if part["state"] == "locked" else None,
                )  # fmt: skip
                ax.add_patch(box)
                words = part["name"]
                if part["changed"]:
                    words += f"\n{part['changed']} of {part['tensors']} tensors move"
                ax.text(column + 0.5, -row, words, ha="center", va="center", fontsize=8)
        columns = len(self.steps[0]["parts"])
        for column, part in enumerate(self.steps[0]["parts"]):
            ax.text(column + 0.5, 0.55, f"{part['parameters']:,}", ha="center", fontsize=8.5)
            ax.text(
                column + 0.5,
                -len(self.steps) + 0.4,
                part["shape"],
                ha="center",
                fontsize=8.5,
            )
        ax.set_xlim(-1.6, columns)
        ax.set_ylim(-len(self.steps) + 0.2, 0.9)
        ax.axis("off")
        ax.set_title(
            f"{self._name}: parameters above, shape of the output below\nblue: pretrained; grey, "
            "hatched: locked; orange: new; green: changed by a step",
            fontsize=10,
        )
        alt = (
            "Six steps of transfer learning on "
            + self._name
            + ". "
            + " ".join(
                f"{step['title']}: "
                + ", ".join(f"{p['name']} {p['state']}" for p in step["parts"])
                + "."
                for step in self.steps
            )
        )
        return fig, alt


def flow(net: Backbone, classes: int = 6) -> list[dict]:
    """The six steps as plain data, measured on copies of `net`.

    classes: of the new task. Each step: title, text, parts (the stages in order, then the head):
    name, parameters, shape (of what comes out, without the batch), state ("pretrained", "locked",
    "new", "changed", "gone"), tensors and changed (how many there are, buffers included, and how
    many of them the step changed), moved (the largest change of any number), names of changed ones.
    """
    shapes = stage_shapes(net)
    old_head = _part("head", net.head, net.classes, "pretrained", {})
    learner = net.copy().with_head(classes)
    before = _state(learner)
    head_step = _after_step(learner, S.FEATURE_EXTRACTION)
    fine_step = _after_step(learner, S.FINE_TUNING)

    def stages(state: str, changes: dict | None = None) -> list[dict]:
        return [
            _part(name, stage, shapes[name], state, (changes or {}).get(name, {}))
            for name, stage in net.stages.items()
        ]

    new_head = _part("head", learner.head, classes, "new", {})
    moved, moved_more = _differences(before, head_step), _differences(before, fine_step)
    parts = (
        [*stages("pretrained"), old_head],
        [*stages("pretrained"), {**old_head, "state": "gone"}],
        [*stages("locked"), {**old_head, "state": "gone"}],
        [*stages("locked"), new_head],
        [
            *stages("locked", moved),
            _part("head", learner.head, classes, "new", moved.get("head", {})),
        ],
        [
            *stages("locked", moved_more),
            _part("head", learner.head, classes, "new", moved_more.get("head", {})),
        ],
    )
    return [
        {"title": title, "text": text, "parts": list(row)}
        for (title, text), row in zip(STEPS, parts, strict=True)
    ]


def stage_shapes(net: Backbone) -> dict[str, list[int]]:
    """The shape, without the batch, of what each stage makes of one picture."""
    size = net.architecture.size
    x = net.prepare(torch.zeros(1, 3, size, size, dtype=torch.uint8).to(net.device))
    shapes = {}
    with torch.no_grad():
        for name, stage in net.stages.items():
            x = stage(x)
            shapes[name] = list(x.shape[1:])
    return shapes


def _after_step(learner: Backbone, strategy: S.Strategy) -> dict:
    """Every tensor of the net after one training step on noise under `strategy`."""
    from course_lib.data.split import Split
    from course_lib.data.task import Task
    from course_lib.train.fit import prepare_run

    classes, size = learner.classes, learner.architecture.size
    noise = torch.randint(
        0, 256, (2 * classes, 3, size, size), generator=torch.Generator().manual_seed(0)
    )
    split = Split(noise.byte(), torch.arange(2 * classes) % classes)
    names = tuple(f"class {k}" for k in range(classes))
    none = Split(*(part[:0] for part in split))
    task = Task("noise", "Noise", split, none, none, names, "accuracy", "different", "noise")
    run = prepare_run(learner, task, strategy, 1, batch_size=2 * classes, cache=False,
                      validate_every=0, test=False, device="cpu")  # fmt: skip
    run.model.head.load_state_dict(learner.head.state_dict())  # the same start for every step
    next(tick for tick in run.ticks() if tick.kind == "train")
    return _state(run.model)


def _state(net: Backbone) -> dict[str, dict[str, torch.Tensor]]:
    parts = {**net.stages, "head": net.head}
    return {part: {k: v.clone() for k, v in m.state_dict().items()} for part, m in parts.items()}


def _differences(before: dict, after: dict) -> dict[str, dict[str, float]]:
    """part -> tensor -> largest change of a number in it, for those that changed."""
    return {
        part: {
            name: float((after[part][name].double() - value.double()).abs().max())
            for name, value in tensors.items()
            if not value.equal(after[part][name])
        }
        for part, tensors in before.items()
    }


def _part(name: str, module, shape, state: str, changes: dict[str, float]) -> dict:
    shape = [shape] if isinstance(shape, int) else shape
    return {
        "name": name,
        "parameters": sum(p.numel() for p in module.parameters()),
        "shape": " × ".join(str(n) for n in shape),
        "state": "changed" if changes else state,
        "tensors": len(module.state_dict()),
        "changed": len(changes),
        "moved": max(changes.values(), default=0.0),
        "names": sorted(changes)[:4],
    }
