import json
from pathlib import Path

import pytest
from mmengine.logging import MMLogger

from dyfadet_mm.datasets import MultiTHUMOSDataset

ROOT = Path(__file__).resolve().parents[2]
REVERSED = ROOT.parent / 'shared/cases/multithumos_reversed.json'


def test_classes_follow_the_ids_of_the_file(write_set):
    actions = [
        dict(segment=[0, 1], label=name, label_id=label_id)
        for name, label_id in (('Run', 2), ('BaseballPitch', 0), ('Diving', 1))
    ]
    entry = dict(
        subset='Validation', duration=9, fps=30.0, annotations=actions)
    options = write_set(dict(a=entry, b=entry), 'a.npy')
    [info] = dataset = MultiTHUMOSDataset(**options, subset='validation')
    assert info['labels_s'].tolist() == [2, 0, 1]
    assert dataset.metainfo['classes'] == ('BaseballPitch', 'Diving', 'Run')


@pytest.mark.skipif(not REVERSED.exists(), reason='../shared is absent')
def test_published_videos_with_reversed_actions_load(write_set, capsys):
    database = json.loads(REVERSED.read_text())['database']
    options = write_set(database, *(f'{name}.npy' for name in database))
    MMLogger.get_instance('multithumos', log_level='INFO')
    targets = actions = 0
    for subset in ('validation', 'test'):
        dataset = MultiTHUMOSDataset(**options, subset=subset)
        targets += sum(len(dataset.get_cat_ids(i)) for i in range(3))
        actions += sum(len(info['labels_s']) for info in dataset)
    assert (targets, actions) == (290, 320)
    logged = ''.join(capsys.readouterr())
    assert logged.count('end before they start') == 2
