"""What mim and MMEngine's hub read about the models."""
import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from mmengine.config import Config
from modelindex.load_model_index import load

from dyfadet_mm.registry import MODELS as MODULES
from dyfadet_mm.utils import register_all_modules
from dyfadet_mm.zoo.table import TABLE

ROOT = Path(__file__).parents[2]
MODELS = [
    model for path in yaml.safe_load((ROOT /
                                      'model-index.yml').read_text())['Import']
    for model in yaml.safe_load((ROOT / path).read_text())['Models']
]
SOURCES = {'paper', 'OpenTAD', 'trained here'}


@pytest.fixture(params=MODELS, ids=lambda model: model['Name'])
def model(request):
    return request.param


def metrics(model):
    """mAP by threshold, and the mean that is printed."""
    result, = model['Results']
    values = dict(result['Metrics'])
    average = values.pop('average mAP')
    return {float(k[len('mAP@'):]): v for k, v in values.items()}, average


def test_index_is_read_as_mim_reads_it():
    index = load(str(ROOT / 'model-index.yml'))
    index.build_models_with_collections()
    index.check(silent=False)
    names = [model.name for model in index.models]
    assert names == [model['Name'] for model in MODELS]
    assert len(set(names)) == len(names)


def test_entry_tells_what_its_config_does(model):
    cfg = Config.fromfile(ROOT / model['Config'])
    data = model['Metadata']
    assert Path(model['Config']).stem == model['Name']
    assert data['Epochs'] == cfg.train_cfg.max_epochs
    assert data['Batch Size'] == cfg.train_dataloader.batch_size
    assert re.search(rf'_\dxb{data["Batch Size"]}-{data["Epochs"]}e_',
                     model['Name'])
    assert data['Source'] in SOURCES
    assert (data['Source'] == 'OpenTAD') == ('-opentad_' in model['Name'])


def test_numbers_belong_together(model):
    by_threshold, average = metrics(model)
    cfg = Config.fromfile(ROOT / model['Config'])
    evaluators = cfg.val_evaluator
    if not isinstance(evaluators, list):
        evaluators = [evaluators]
    thresholds = np.round(evaluators[0].tiou_thresholds, 2).tolist()
    assert set(by_threshold) <= set(thresholds)
    values = list(by_threshold.values())
    assert values == sorted(values, reverse=True)
    assert min(values) < average < max(values)
    if len(values) == len(thresholds):
        # printed figures are rounded, each by half of the last digit at most
        assert abs(np.mean(values) - average) <= 0.1001


def test_weights_are_those_of_the_table(model):
    if 'Weights' not in model:
        assert model['Metadata']['Source'] == 'paper'
        return
    name = re.match(r'dyfadet://(.+)/$|.*#/(.+)\.pth$', model['Weights'])
    entry = TABLE[name[1] or name[2]]
    assert entry.config == model['Name']
    assert model['Weights'].startswith(entry.url or 'dyfadet://')


def test_every_entry_of_the_table_is_listed():
    listed = {model['Name'] for model in MODELS if 'Weights' in model}
    assert {entry.config for entry in TABLE.values()} == listed


@pytest.mark.parametrize('name', TABLE)
def test_the_number_of_weights_is_that_of_the_model(name):
    register_all_modules(init_default_scope=False)
    cfg = Config.fromfile(ROOT / f'configs/dyfadet/{TABLE[name].config}.py')
    cfg.merge_from_dict(dict(width=16))  # as many, but small
    model = MODULES.build(cfg.model)
    names = set(model.state_dict()) - {'head.loss_normalizer.value'}
    assert len(names) == TABLE[name].num_weights
