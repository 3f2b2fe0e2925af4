"""The model against PyTorch's own transformer, and what padding may not change."""

import torch
from torch import nn

from course_lib.text.bert import Bert, Classifier, Size, mean_state
from course_lib.text.wordpiece import PAD

SMALL = Size(tokens=50, longest=12, width=16, layers=2, heads=4)


def some_tokens():
    tokens = torch.randint(5, 50, (3, 10), generator=torch.Generator().manual_seed(0))
    tokens[1, 6:] = PAD
    return tokens


def test_the_full_size_has_one_million_and_a_bit_of_weights():
    assert sum(p.numel() for p in Bert(Size()).parameters()) == 1_112_788


def test_a_layer_is_the_pre_norm_layer_of_pytorch():
    torch.manual_seed(0)
    ours = Bert(SMALL).layers[0].eval()
    theirs = nn.TransformerEncoderLayer(
        16, 4, 64, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    )
    pairs = {
        "self_attn.in_proj_weight": ours.query_key_value.weight,
        "self_attn.in_proj_bias": ours.query_key_value.bias,
        "self_attn.out_proj.weight": ours.out.weight,
        "self_attn.out_proj.bias": ours.out.bias,
        "linear1.weight": ours.wider.weight, "linear1.bias": ours.wider.bias,
        "linear2.weight": ours.narrower.weight, "linear2.bias": ours.narrower.bias,
        "norm1.weight": ours.norm1.weight, "norm1.bias": ours.norm1.bias,
        "norm2.weight": ours.norm2.weight, "norm2.bias": ours.norm2.bias,
    }  # fmt: skip
    theirs.load_state_dict(pairs)
    x, real = torch.randn(3, 10, 16), some_tokens() != PAD
    nn.init.normal_(ours.near)
    far = [[ours.near[:, j - i + 11].tolist() for j in range(10)] for i in range(10)]
    bias = torch.tensor(far).permute(2, 0, 1).repeat(3, 1, 1)  # (batch * heads, length, length)
    padded = torch.zeros(real.shape).masked_fill(~real, float("-inf"))
    with torch.no_grad():
        want = theirs(x, src_mask=bias, src_key_padding_mask=padded)
        torch.testing.assert_close(ours(x, real)[real], want[real], rtol=1e-4, atol=1e-5)


def test_padding_changes_nothing_of_what_is_read():
    body, tokens = Bert(SMALL).eval(), some_tokens()
    with torch.no_grad():
        alone = body(tokens[1:2, :6])
        torch.testing.assert_close(body(tokens)[1:2, :6], alone)
        torch.testing.assert_close(mean_state(body, tokens)[1], alone[0].mean(0))


def test_the_embeddings_serve_as_scores_once_more():
    body = Bert(SMALL).eval()
    states = body(some_tokens())
    want = torch.einsum("blw,tw->blt", states, body.tokens.weight) + body.bias
    torch.testing.assert_close(body.scores(states), want)


def test_a_classifier_drops_out_only_while_it_learns():
    net, tokens = Classifier(Bert(SMALL), 3, dropout=0.5), some_tokens()
    net.eval()
    assert net(tokens).shape == (3, 3) and net(tokens).equal(net(tokens))
    net.train()
    assert not net(tokens).equal(net(tokens))
