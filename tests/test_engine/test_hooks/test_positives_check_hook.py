import pytest
import torch

from dyfadet_mm.models import LossNormalizer

HOOKS = [dict(type='dyfadet_mm.PositivesCheckHook')]
BY_ITER = dict(by_epoch=False, max_iters=5)
WARNING = 'no action has reached any cell of any of the 4 training videos'


class CountingHead(torch.nn.Linear):
    """Counts the inputs that are 3 as positive cells."""

    def __init__(self):
        super().__init__(2, 1)
        self.normalizer = LossNormalizer()

    def forward(self, inputs):
        num_positives = (inputs[:, 0] == 3).sum()
        return super().forward(inputs) / self.normalizer(num_positives)


@pytest.fixture
def logged(make_runner, make_data, capsys):
    """What a training with these numbers logs."""

    def _logged(numbers, head=CountingHead, **kwargs):
        runner = make_runner(make_data(numbers=numbers), HOOKS, **kwargs)
        if head is not None:
            runner.model.head = head()
        runner.train()
        return ''.join(capsys.readouterr())

    return _logged


@pytest.mark.parametrize('options', [{}, dict(train_cfg=BY_ITER)])
def test_an_epoch_without_positive_cells_is_one_warning(logged, options):
    log = logged([0, 1, 1, 2], **options)
    assert log.count(WARNING) == 1 and 'feat_stride' in log


@pytest.mark.parametrize('options', [{}, dict(train_cfg=BY_ITER)])
def test_one_positive_cell_is_enough(logged, options):
    assert WARNING not in logged([0, 1, 2, 3], **options)


def test_a_short_run_is_judged_at_its_end(logged):
    options = dict(train_cfg=dict(by_epoch=False, max_iters=1))
    assert WARNING in logged([0, 1, 2, 3], **options)


def test_a_model_without_normalizer_is_left_alone(logged):
    assert WARNING not in logged([0, 1, 1, 2], head=None)
