"""Find the stages of any net: where its forward pass can be cut, and which cuts are worth making.

`torch.fx` writes a forward pass down as a list of steps. Between two steps the net can be cut when
exactly one value goes across: what is computed before then has no other way to what comes after,
so the first half can run alone, once, and be kept. Of these cuts the ones are taken that people
speak of: where the pictures' resolution falls, and between the blocks of a transformer.
"""

import copy
import inspect
import operator
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, fx, nn

from course_lib.errors import CourseError

Stages = Callable[[nn.Module], dict[str, nn.Module]]
TOLERANCE = 1e-4  # of the largest logit, between the net and its stages run in order


@dataclass(frozen=True)
class Found:
    """head: name of the linear layer that gives the logits. stages: net -> its stages by name."""

    head: str
    stages: Stages


def find_stages(
    net: nn.Module,
    size: int,
    head: str | None = None,
    ends: Sequence[str] | None = None,
    channels: int = 3,
) -> Found:
    """The stages of a net that takes float pictures (n, channels, size, size).

    head: name of its last linear layer; default: the one whose output the net returns.
    ends: names of modules with which a stage ends, in order; default: found. What follows the last
        of them, up to the head, belongs to the last stage.

    The net is run with two pictures of noise, in eval mode without gradients, and left as it was.
    Raises CourseError when its forward pass cannot be followed or cut, or has no linear layer at
    its end.
    """
    x = torch.randn(2, channels, size, size, generator=torch.Generator().manual_seed(0))
    with _modes_kept(net), torch.no_grad():
        logits = _run(net, x)
        steps = _steps(net, head)
        head = _checked_head(net, steps, head)
        shapes = _shapes(net, steps, x)
        cuts = _cuts(net, steps, head)
        if ends is None:
            chosen = _chosen_cuts(net, steps, shapes, cuts)
            names = _names(net, steps, chosen)
        else:
            chosen, names = _given_cuts(steps, cuts, ends), tuple(ends)
        stages = _stage_maker(steps, chosen, names)
        y = x
        for stage in stages(net).values():
            y = stage(y)
        y = net.get_submodule(head)(y)
    if y.shape != logits.shape or not (y - logits).abs().max() <= TOLERANCE * logits.abs().max():
        raise CourseError(
            f"The stages of this {_kind(net)}, run in order, do not give what the net gives: its "
            "forward pass changes from call to call. Take what is random or counted out of it in "
            "eval mode."
        )
    return Found(head, stages)


# ---- following the forward pass ------------------------------------------------------------------


class _Tracer(fx.Tracer):
    """Writes down calls of blocks as one step each; goes into containers and what is in `opened`.

    The fewer modules are opened, the less of a net must be understood: a block may do what it
    likes inside.
    """

    def __init__(self, opened: set[str]):
        super().__init__()
        self.opened = opened

    def is_leaf_module(self, module: nn.Module, name: str) -> bool:
        return not (isinstance(module, nn.Sequential) or name in self.opened)


@dataclass(frozen=True)
class _Steps:
    """The same forward pass as training and as evaluation do it, step by step alike."""

    train: fx.Graph
    eval: fx.Graph

    @property
    def calls(self) -> list[fx.Node]:
        """All steps but the input and the output, in order."""
        return [n for n in self.eval.nodes if n.op not in ("placeholder", "output")]


def _steps(net: nn.Module, head: str | None) -> _Steps:
    """The forward pass with as many modules opened as can be followed."""
    reasons = []
    for opened in (_containers(net), set()):
        try:
            return _traced(net, opened | _around(head))
        except Exception as error:  # a forward pass may fail on fx's stand-ins in any way
            reasons.append(error)
    raise CourseError(
        f"The forward pass of this {_kind(net)} cannot be followed, so its stages are not known: "
        f"{str(reasons[0]).splitlines()[0][:200]}. Write it without `if` on values of tensors, "
        "returning the logits alone, or move such code into a module of its own."
    ) from reasons[0]


def _traced(net: nn.Module, opened: set[str]) -> _Steps:
    """The forward pass in both modes; a module of several layers at its end is opened too."""
    graphs = []
    for training in (True, False):
        net.train(training)
        with _len_followed(net):
            graphs.append(_one_input(_Tracer(opened).trace(net, _defaults(net))))
    steps = _Steps(*graphs)
    last = _last(steps)
    inside = dict(net.named_modules())
    if last is not None and last in inside and any(True for _ in inside[last].children()):
        return _traced(net, opened | {last})
    if not _same_calls(steps.train, steps.eval):
        raise ValueError("it takes other steps in training than in evaluation")
    return steps


@contextmanager
def _len_followed(net: nn.Module):
    """Inside, `len(x)` in the net's own code is a step of the pass, as `x.shape[0]` is.

    Python wants a number of len at once, so fx refuses it, and people write it often.
    """

    def length(x):
        return x.shape[0] if isinstance(x, fx.Proxy) else len(x)

    spaces = [
        space
        for space in {id(s): s for s in map(_globals, net.modules()) if s is not None}.values()
        if "len" not in space
    ]
    try:
        for space in spaces:
            space["len"] = length
        yield
    finally:
        for space in spaces:
            del space["len"]


def _globals(module: nn.Module) -> dict | None:
    return getattr(type(module).forward, "__globals__", None)


def _defaults(net: nn.Module) -> dict:
    """What the further arguments of a forward pass are when nobody gives them."""
    _, *others = inspect.signature(net.forward).parameters.values()
    return {p.name: p.default for p in others if p.default is not p.empty}


def _one_input(graph: fx.Graph) -> fx.Graph:
    """The graph without the further inputs, which fx keeps to assert that they were not given."""

    def erase(node: fx.Node) -> None:
        for user in list(node.users):
            erase(user)
        graph.erase_node(node)

    for node in [n for n in graph.nodes if n.op == "placeholder"][1:]:
        erase(node)
    return graph


def _last(steps: _Steps) -> str | None:
    """Name of the module whose output the net returns, if it does."""
    (output,) = (n for n in steps.eval.nodes if n.op == "output")
    last = output.args[0]
    return last.target if isinstance(last, fx.Node) and last.op == "call_module" else None


def _around(head: str | None) -> set[str]:
    """Names of the modules that the head lies in."""
    parts = head.split(".")[:-1] if head else []
    return {".".join(parts[: i + 1]) for i in range(len(parts))}


def _containers(net: nn.Module) -> set[str]:
    """Modules to look into: those that only hold other blocks, and those that hold most weights."""
    total = sum(p.numel() for p in net.parameters())
    return {
        name
        for name, module in net.named_modules()
        if not type(module).__module__.startswith("torch.nn")
        and any(True for _ in module.children())
        and 2 * sum(p.numel() for p in module.parameters()) > total
    }


def _same_calls(first: fx.Graph, second: fx.Graph) -> bool:
    """Whether two passes differ in constants alone, such as `training=True` of a dropout."""

    def calls(graph):
        return [
            (n.op, n.target if n.op != "output" else "", n.all_input_nodes) for n in graph.nodes
        ]

    a, b = calls(first), calls(second)
    return len(a) == len(b) and all(
        x[:2] == y[:2] and [n.name for n in x[2]] == [n.name for n in y[2]]
        for x, y in zip(a, b, strict=True)
    )


def _checked_head(net: nn.Module, steps: _Steps, head: str | None) -> str:
    found = _last(steps)
    if head is not None and head not in dict(net.named_modules()):
        raise CourseError(
            f"This {_kind(net)} has no module {head!r}. Its linear layers: {_linears(net)}."
        )
    if found is None or (head is not None and found != head):
        what = f"does not return what {head} gives" if head else "does not end in a linear layer"
        raise CourseError(
            f"The forward pass of this {_kind(net)} {what}. The head must be an nn.Linear whose "
            "output, the logits, is returned as it is; leave out a softmax, cross_entropy does it. "
            f"Its linear layers: {_linears(net)}."
        )
    if not isinstance(net.get_submodule(found), nn.Linear):
        raise CourseError(
            f"The last layer of this {_kind(net)}, {found}, is a "
            f"{type(net.get_submodule(found)).__name__}. A head that can be put anew must be an "
            "nn.Linear that reads one feature vector per picture and gives the logits."
        )
    return found


def _linears(net: nn.Module) -> str:
    names = [name for name, module in net.named_modules() if isinstance(module, nn.Linear)]
    return ", ".join(names[-5:]) or "none"


# ---- where it can be cut, and where it is --------------------------------------------------------


def _shapes(net: nn.Module, steps: _Steps, x: Tensor) -> dict[fx.Node, tuple[int, ...]]:
    """Shape of each step's result, for two pictures; () for what is no tensor."""
    shapes = {}

    class Shapes(fx.Interpreter):
        def run_node(self, node):
            result = super().run_node(node)
            shapes[node] = tuple(result.shape) if isinstance(result, Tensor) else ()
            return result

    Shapes(net, graph=steps.eval).run(x)
    return shapes


def _cuts(net: nn.Module, steps: _Steps, head: str) -> list[int]:
    """Positions i after which one value alone goes on, and no weight is used on both sides.

    The last is the one before the head.
    """
    calls = [*steps.calls]
    place = {node: i for i, node in enumerate(calls)}
    place |= {node: -1 for node in steps.eval.nodes if node.op == "placeholder"}
    place |= {node: len(calls) for node in steps.eval.nodes if node.op == "output"}
    until = {
        node: max((place[user] for user in node.users), default=at) for node, at in place.items()
    }
    weights: dict[int, list[int]] = {}
    for at, node in enumerate(calls):
        for parameter in _weights(net, node):
            weights.setdefault(id(parameter), []).append(at)
    spans = [(places[0], places[-1]) for places in weights.values() if len(places) > 1]
    (at_head,) = (i for i, n in enumerate(calls) if n.op == "call_module" and n.target == head)
    return [
        i
        for i in range(at_head)
        if [n for n in place if place[n] <= i < until[n]] == [calls[i]]
        and not any(first <= i < last for first, last in spans)
    ]


def _weights(net: nn.Module, node: fx.Node) -> list[nn.Parameter]:
    if node.op == "call_module":
        return list(net.get_submodule(node.target).parameters())
    if node.op == "get_attr":
        value = operator.attrgetter(node.target)(net)
        return [value] if isinstance(value, nn.Parameter) else []
    return []


@dataclass(frozen=True)
class _Piece:
    """Steps between two neighbouring cuts: up to position `end`."""

    end: int
    shape: tuple[int, ...]  # of what it gives
    weighty: bool  # whether it has weights
    block: bool  # whether it holds a module of several layers


def _pieces(net, steps, shapes, cuts) -> list[_Piece]:
    calls, pieces, start = steps.calls, [], 0
    for end in cuts:
        inside = calls[start : end + 1]
        # Norms alone (vectors of weights) make no stage.
        weighty = any(p.ndim > 1 for node in inside for p in _weights(net, node))
        block = any(
            node.op == "call_module"
            and any(True for _ in net.get_submodule(node.target).children())
            for node in inside
        )
        pieces.append(_Piece(end, shapes[calls[end]], weighty, block))
        start = end + 1
    return pieces


def _chosen_cuts(net, steps, shapes, cuts) -> list[int]:
    """The cuts that end a stage, the last one before the head.

    A stage ends where the next piece gives another resolution, after the plain layers before the
    first block (the stem), and, where resolution never falls, after every block.
    """
    pieces = _pieces(net, steps, shapes, cuts)
    if not pieces or pieces[-1].end != cuts[-1] or not any(p.weighty for p in pieces):
        raise CourseError(
            f"This {_kind(net)} has no part with weights before its head, or none that can be cut "
            "off: there is nothing to transfer."
        )
    stem = next((i for i, p in enumerate(pieces) if p.block), None)
    tokens = Counter(p.shape for p in pieces if p.block and len(p.shape) == 3)
    of_layers = {shape for shape, times in tokens.items() if times > 2}
    ends = {pieces[-1].end}
    for i, (piece, following) in enumerate(zip(pieces, pieces[1:], strict=False)):
        if stem is not None and i < stem:
            wanted = i == stem - 1
        else:
            wanted = _resolution(piece.shape) != _resolution(following.shape)
            wanted |= following.block and following.shape in of_layers
        if wanted:
            ends.add(piece.end)
    if len(_with_weights(pieces, ends)) < 2:  # a net of a few layers: each is a stage
        ends = {piece.end for piece in pieces}
    return _with_weights(pieces, ends)


def _resolution(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Sides of maps, whether their channels come first or last; tokens; () for vectors."""
    if len(shape) == 4:
        _, a, b, c = shape
        return (b, c) if b == c else (a, b)
    return shape[1:2] if len(shape) == 3 else ()


def _with_weights(pieces: list[_Piece], ends: set[int]) -> list[int]:
    """The ends of stages such that each has weights: what has none begins the following stage.

    What has none at the very end goes with the last stage.
    """
    chosen, weighty = [], False
    for piece in pieces:
        weighty |= piece.weighty
        if piece.end in ends and weighty:
            chosen.append(piece.end)
            weighty = False
    if chosen:
        chosen[-1:] = [pieces[-1].end] if not weighty else [chosen[-1], pieces[-1].end]
    return chosen


def _given_cuts(steps: _Steps, cuts: list[int], ends: Sequence[str]) -> list[int]:
    calls = steps.calls
    known = {n.target: i for i, n in enumerate(calls) if n.op == "call_module"}
    possible = [calls[i].target for i in cuts if calls[i].op == "call_module"]
    chosen: list[int] = []
    for name in ends:
        # A container is not a step; it ends with the last step inside it.
        inside = [at for step, at in known.items() if step == name or step.startswith(f"{name}.")]
        at = max(inside, default=None)
        if at not in cuts or (chosen and at <= chosen[-1]):
            raise CourseError(
                f"No stage can end with {name!r} there. In order, a stage may end with: "
                f"{', '.join(possible)}."
            )
        chosen.append(at)
    if not chosen:
        raise CourseError("stages must name one module or more with which a stage ends.")
    return [*chosen[:-1], cuts[-1]]


def _names(net, steps, chosen: list[int]) -> tuple[str, ...]:
    """stem, stage1, stage2, ...; a first stage that has blocks already is stage1."""
    first = steps.calls[: chosen[0] + 1]
    block = any(
        n.op == "call_module" and any(True for _ in net.get_submodule(n.target).children())
        for n in first
    )
    if block or len(chosen) == 1:
        return tuple(f"stage{i}" for i in range(1, len(chosen) + 1))
    return ("stem", *(f"stage{i}" for i in range(1, len(chosen))))


# ---- the stages as modules -----------------------------------------------------------------------


class _Stage(nn.Module):
    """A stretch of a net's forward pass, on the net's own modules.

    Dropout called as a function reads `training` of the module around it, which is not part of
    the stage: where it matters, the mode is that of the stage's last layer.
    """

    def __init__(self, net: nn.Module, train: fx.Graph, evaluation: fx.Graph, alike: bool):
        super().__init__()
        self.evaluation = fx.GraphModule(net, evaluation)
        self.training_pass = None if alike else fx.GraphModule(net, train)
        kinds = (nn.modules.batchnorm._BatchNorm,)
        layers = [m for m in self.evaluation.modules() if any(True for _ in m.parameters(False))]
        layers = [m for m in layers if not isinstance(m, kinds)]
        object.__setattr__(self, "_mode_of", layers[-1] if layers else self)

    def forward(self, x: Tensor) -> Tensor:
        if self.training_pass is not None and self._mode_of.training:
            return self.training_pass(x)
        return self.evaluation(x)


def _stage_maker(steps: _Steps, chosen: list[int], names: Sequence[str]) -> Stages:
    """A function from a net of this kind to its stages, which it keeps for each net.

    They are made anew when a part of the net was replaced.
    """
    parts = [
        (_part(steps.train, first, last), _part(steps.eval, first, last))
        for first, last in zip([-1, *chosen[:-1]], chosen, strict=True)
    ]
    alike = [str(train) == str(evaluation) for train, evaluation in parts]
    targets = {n.target for _, g in parts for n in g.nodes if n.op in ("call_module", "get_attr")}
    kept: WeakKeyDictionary = WeakKeyDictionary()

    def stages(net: nn.Module) -> dict[str, nn.Module]:
        now = [operator.attrgetter(target)(net) for target in sorted(targets)]
        before, made = kept.get(net, ([], {}))
        if len(before) != len(now) or any(a is not b for a, b in zip(before, now, strict=True)):
            made = {
                name: _Stage(net, train, evaluation, same)
                for name, (train, evaluation), same in zip(names, parts, alike, strict=True)
            }
            kept[net] = (now, made)
        return dict(made)

    return stages


def _part(graph: fx.Graph, first: int, last: int) -> fx.Graph:
    """The steps first+1..last as a graph of its own, with one input."""
    calls = [n for n in graph.nodes if n.op not in ("placeholder", "output")]
    part = fx.Graph()
    came_in = calls[first] if first >= 0 else next(n for n in graph.nodes if n.op == "placeholder")
    copies = {came_in: part.placeholder("x")}
    for node in calls[first + 1 : last + 1]:
        copies[node] = part.node_copy(node, lambda n: copies[n])
    part.output(copies[calls[last]])
    return part


def _run(net: nn.Module, x: Tensor) -> Tensor:
    net.eval()
    try:
        logits = net(x)
    except Exception as error:  # whatever a net of someone else raises
        raise CourseError(
            f"This {_kind(net)} cannot take float pictures {tuple(x.shape)}: {error}. Give the "
            "size in pixels that it was made for, size=..."
        ) from error
    if not isinstance(logits, Tensor) or logits.ndim != 2 or len(logits) != len(x):
        got = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise CourseError(
            f"This {_kind(net)} must give logits (n, classes); for {len(x)} pictures it gave {got}."
        )
    return logits


class _modes_kept:
    """Afterwards every module has the mode, train or eval, that it had."""

    def __init__(self, net: nn.Module):
        self.modes = [(module, module.training) for module in net.modules()]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for module, training in self.modes:
            module.training = training


def _kind(net: nn.Module) -> str:
    return type(net).__name__


def as_new(net: nn.Module) -> nn.Module:
    """A copy with fresh random weights, by each layer's own reset_parameters.

    Raises CourseError for a layer that has weights and no such method.
    """
    twin = copy.deepcopy(net)
    for name, module in twin.named_modules():
        if any(True for _ in module.parameters(recurse=False)):
            reset = getattr(module, "reset_parameters", getattr(module, "_reset_parameters", None))
            if reset is None:
                raise CourseError(
                    f"{name or 'This net'} ({type(module).__name__}) has weights of its own and no "
                    "reset_parameters(), so the net cannot be made anew with random weights. Give "
                    "Backbone.wrap(..., build=...), a function from a number of classes to a fresh "
                    "net."
                )
            reset()
    return twin
