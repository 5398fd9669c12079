"""TriDet's outputs on random weights, reproduced."""
import pytest
from parity import Parity, assert_levels_close, build_model, golden_files, load

OUTPUTS = ('cls_logits', 'offsets', 'start_logits', 'end_logits')


@pytest.fixture(
    scope='module', params=golden_files('tridet_'), ids=lambda path: path.stem)
def golden(request):
    return load(request.param)


class TestTriDet(Parity):
    """The tests are those of :class:`Parity`."""

    @pytest.fixture
    def model(self, golden):
        model = build_model(golden)
        self.head = model.head
        return model

    def check_outputs(self, outputs, expected):
        """Raw outputs, and the offsets of every class that they mean."""
        for name, ours in zip(OUTPUTS, outputs):
            if name in expected:  # the embedded recording has gaps
                assert_levels_close(ours, expected[name], 1e-4)
        if 'decoded_offsets' in expected:
            decoded = [
                x.permute(0, 3, 2, 1)
                for x in self.head.to_offsets(*outputs[1:])
            ]
            assert_levels_close(decoded, expected['decoded_offsets'], 1e-4)
