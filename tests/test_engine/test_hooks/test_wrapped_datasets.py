import pytest
from mmengine.dataset import BaseDataset, ConcatDataset, RepeatDataset

from dyfadet_mm.engine.hooks import unwrap_datasets


class _Numbers(BaseDataset):

    def load_data_list(self):
        return [dict(number=i) for i in range(3)]


@pytest.mark.parametrize('wrap', [
    lambda inner: ConcatDataset(inner),
    lambda inner: RepeatDataset(
        dict(type='ConcatDataset', datasets=inner), times=2),
])
def test_inner_datasets_are_found_in_order(wrap):
    datasets = [_Numbers(), _Numbers()]
    assert unwrap_datasets(wrap(datasets)) == datasets


def test_a_plain_dataset_is_its_own_inner_one():
    dataset = _Numbers()
    assert unwrap_datasets(dataset) == [dataset]
