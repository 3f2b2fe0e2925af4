"""The six steps, read from a real (small) net."""

from course_lib.widgets.weights_flow import STEPS, WeightsFlow, flow, stage_shapes
from tests.fakes import STAGES, small_backbone


def states(step):
    return [part["state"] for part in step["parts"]]


def test_only_the_head_moves_in_training_and_the_last_stage_joins_when_unfrozen():
    steps = flow(small_backbone(), classes=3)
    assert [step["title"] for step in steps] == [title for title, _ in STEPS]
    assert states(steps[0]) == ["pretrained"] * 6
    assert states(steps[1])[-1] == states(steps[2])[-1] == "gone"
    assert states(steps[3]) == ["locked"] * 5 + ["new"]
    assert states(steps[4]) == ["locked"] * 5 + ["changed"]
    assert states(steps[5]) == ["locked"] * 4 + ["changed"] * 2


def test_batch_norm_statistics_are_the_tensors_that_stay():
    """layer4 has two blocks, three convolutions in the first and five batch norms in all."""
    net = small_backbone()
    last = flow(net, classes=3)[5]["parts"][4]
    buffers = len(list(net.stages["layer4"].buffers()))
    assert last["tensors"] - last["changed"] == buffers == 15


def test_counts_and_shapes_are_those_of_the_net():
    net = small_backbone()
    steps = flow(net, classes=3)
    assert [part["name"] for part in steps[0]["parts"]] == [*STAGES, "head"]
    assert sum(part["parameters"] for part in steps[0]["parts"]) == sum(
        p.numel() for p in net.parameters()
    )
    assert steps[3]["parts"][-1]["parameters"] == 3 * net.feature_dim + 3
    assert stage_shapes(net)["layer4"][0] == net.feature_dim


def test_the_net_itself_is_not_changed():
    net, twin = small_backbone(), small_backbone()
    WeightsFlow(net, classes=3)
    same = zip(net.state_dict().values(), twin.state_dict().values(), strict=True)
    assert all(a.equal(b) for a, b in same)


def test_the_picture_says_what_each_part_is():
    alt = WeightsFlow(small_backbone(), classes=3).figure()[1]
    assert "Train: stem locked" in alt and "head changed" in alt
