"""ActionFormer's outputs on random weights, reproduced."""
import pytest
import torch
from parity import Parity, as_batch, build_model, golden_files, load

from dyfadet_mm.models import LocalAttentionBackbone


@pytest.fixture(
    scope='module',
    params=golden_files('actionformer_'),
    ids=lambda path: path.stem)
def golden(request):
    return load(request.param)


class TestActionFormer(Parity):
    """Further tests are those of :class:`Parity`."""

    def test_encoder_is_local_attention(self, golden, model):
        assert isinstance(model.backbone, LocalAttentionBackbone)

    @torch.no_grad()
    def test_far_padding_is_not_computed(self, golden):
        """And this changes nothing."""
        video = golden['inputs'][1]
        found = []
        for reach in (1, None):
            model = build_model(golden).eval()
            model.backbone.stem[0].reach = reach
            lengths = []
            model.backbone.stem[0].register_forward_pre_hook(
                lambda module, args: lengths.append(args[0].size(2)))
            batch = model.data_preprocessor(as_batch([video]))
            found.append(model(**batch, mode='tensor'))
            assert (lengths[0] < batch['inputs'].size(2)) == (reach == 1)
        for ours, theirs in zip(*found):
            for x, y in zip(ours, theirs):
                torch.testing.assert_close(x, y, rtol=0, atol=1e-5)
