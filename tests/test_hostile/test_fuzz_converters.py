"""Wrong yamls, configs and weights of other codes."""
import ast
import importlib
import pprint
import tempfile
from pathlib import Path

import pytest
import torch
import yaml
from harness import check_case, seeds
from mutators import mutate_bytes, mutate_value

from dyfadet_mm.conversion import convert_config, convert_state_dict

ROOT = Path(__file__).parents[2]
DETECTORS = ('thumos_like', 'actionformer_thumos_like', 'tridet_thumos_like',
             'opentad_thumos_like')


@pytest.fixture(scope='module')
def tool():
    """The converter as a module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / 'tools/model_converters'))
        yield importlib.import_module('dyfadet_to_mm')


@pytest.fixture(scope='module', params=DETECTORS)
def recorded(request):
    """Configuration and weights of one of the codes."""
    path = ROOT / f'tests/data/golden/{request.param}.pt'
    return torch.load(path, weights_only=True)


@pytest.fixture
def cases(num_cases):
    """Number for each of the codes."""
    return -(-num_cases // len(DETECTORS))


@pytest.fixture(scope='module')
def reference(recorded):
    """What the file says that belongs to the weights."""
    if 'projection' in recorded['config']:
        return opentad_config(recorded['config'])
    model = dict(recorded['config']['model'])
    sizes = ('input_dim', 'num_classes', 'max_seq_len')
    given = dict(
        dataset_name='thumos',
        train_split=['validation'],
        val_split=['test'],
        dataset=dict(
            json_file='ann.json',
            feat_folder='feats',
            file_prefix=None,
            file_ext='.npy',
            feat_stride=4,
            num_frames=16,
            default_fps=30,
            trunc_thresh=0.5,
            crop_ratio=[0.9, 1.0],
            **{key: model.pop(key)
               for key in sizes}),
        model=model,
        opt=dict(learning_rate=1e-4, epochs=20, warmup_epochs=20),
        loader=dict(batch_size=2),
        train_cfg=recorded['config']['train_cfg'],
        test_cfg=recorded['config']['test_cfg'])
    return yaml.safe_load(yaml.safe_dump(given))


def opentad_config(model):
    """A config of OpenTAD around a model."""
    data = dict(
        ann_file='ann.json',
        block_list='missing.txt',
        class_map='names.txt',
        data_path='feats',
        feature_stride=4,
        sample_stride=1,
        offset_frames=8,
        subset_name='training',
        pipeline=[
            dict(type='LoadFeats', feat_format='npy'),
            dict(type='RandomTrunc', trunc_thresh=0.3, crop_ratio=[0.8, 1.])
        ])
    return dict(
        dataset=dict(train=data, test=data),
        evaluation=dict(type='mAP', tiou_thresholds=[0.25, 0.5]),
        model=model,
        solver=dict(train=dict(batch_size=3), clip_grad_norm=0.5),
        optimizer=dict(type='AdamW', lr=2e-4, weight_decay=0.05),
        scheduler=dict(warmup_epoch=4, max_epoch=9, eta_min=1e-6),
        post_processing=dict(
            nms=dict(use_soft_nms=True, sigma=0.4, voting_thresh=0.7),
            external_cls=dict(type='StandardClassifier', path='x.json')))


def test_configurations(recorded, reference, cases, tmp_path):
    for rng in seeds('converted configurations', cases):
        given = recorded['config'] if rng.random() < 0.5 else reference
        wrong = mutate_value(rng, given, rng.randrange(1, 4))
        check_case(lambda: convert_config(wrong), tmp_path)


#: In front of the recorded detector of OpenTAD.
FRAMES = dict(
    type='mmaction.Recognizer3D',
    backbone=dict(
        type='VisionTransformerAdapter',
        embed_dims=24,
        depth=2,
        num_heads=2,
        drop_path_rate=0.1,
        norm_cfg=dict(type='LN', eps=1e-6),
        adapter_index=[0, 1]),
    data_preprocessor=dict(mean=[1., 2., 3.], std=[1., 1., 1.]),
    custom=dict(
        freeze_backbone=False,
        post_processing_pipeline=[
            dict(type='Reduce', reduction='mean'),
            dict(type='Rearrange'),
            dict(type='Interpolate', size=128)
        ]))


def test_configurations_of_detectors_on_frames(tool, num_cases, tmp_path):
    path = ROOT / 'tests/data/golden/opentad_thumos_like.pt'
    model = torch.load(path, weights_only=True)['config']
    given = opentad_config(dict(model, backbone=FRAMES))
    given['dataset']['test'].update(window_size=64, window_overlap_ratio=0.5)
    for data in given['dataset'].values():
        data['pipeline'] = [
            dict(type='PrepareVideoInfo', format='mp4', prefix=''),
            dict(type='LoadFrames', method='random_trunc', scale_factor=2),
            dict(type='mmaction.Resize', scale=(-1, 32)),
            dict(type='mmaction.CenterCrop', crop_size=32)
        ]
    assert 'encoder' in tool.make_config(given).model
    for rng in seeds('configurations on frames', num_cases):
        wrong = mutate_value(rng, given, rng.randrange(1, 4))
        check_case(lambda: convert_config(wrong), tmp_path)


def test_weights(recorded, cases, tmp_path):
    weights = recorded['state_dict']
    for rng in seeds('converted weights', cases):
        wrong = mutate_value(rng, dict(weights), rng.randrange(0, 3))
        if isinstance(wrong, dict) and wrong:
            name = rng.choice(list(wrong))
            wrong[rng.choice([name, f'module.{name}',
                              name * 999])] = rng.choice(TENSORS)(
                                  wrong[name])
        check_case(lambda: convert_state_dict(wrong), tmp_path)


#: Tensors, and what is none, that nobody expects.
TENSORS = (
    lambda x: x, lambda x: torch.empty(7, 7, device='meta'),
    lambda x: torch.ones(1).expand(10**6, 10**6), lambda x: torch.ones(0),
    lambda x: torch.full((3, ), torch.nan), lambda x: torch.ones(2).cfloat(),
    lambda x: torch.ones(3).to_sparse(), lambda x: torch.ones(9).bool(),
    lambda x: torch.quantize_per_tensor(torch.ones(3), 1., 0, torch.quint8),
    lambda x: torch.nn.Parameter(torch.ones(2, 1, 2)), lambda x: torch.Size())


def test_files(tool, recorded, reference, cases, tmp_path, monkeypatch):
    """Through the command line: yaml, or config of OpenTAD, and weights."""
    # MMEngine reads a config by a copy
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))
    monkeypatch.chdir(tmp_path)
    # half of the time, of layout alone
    monkeypatch.setattr('mmengine.config.config.FormatCode', lambda text, **_:
                        (text, True))
    is_python = 'projection' in reference['model']
    path = tmp_path / ('toy.py' if is_python else 'toy.yaml')
    weights = tmp_path / 'epoch.pth'
    torch.save(dict(state_dict_ema=recorded['state_dict']), weights)
    for case, rng in enumerate(seeds('converted files', -(-cases // 2))):
        wrong = mutate_value(rng, reference, rng.randrange(0, 3))
        if is_python:
            text = '\n'.join(
                f'{key} = {pprint.pformat(value)}'
                for key, value in wrong.items()
                if str(key).isidentifier()) if isinstance(wrong, dict) else ''
        else:
            text = yaml.safe_dump(wrong, allow_unicode=True)
        path.write_text(text, errors='surrogatepass')
        out = tmp_path / f'out{case}'
        args = [str(weights), str(path), '--out-dir', str(out)]
        error = check_case(lambda: tool.main(args), tmp_path, [str(path)])
        assert (error is None) == out.exists()
        if error is None:
            written = ast.parse((out / 'toy.py').read_text())
            called = [x for x in ast.walk(written) if isinstance(x, ast.Call)]
            assert {ast.unparse(call.func) for call in called} == {'dict'}


def test_bytes_of_yamls(tool, reference, cases, tmp_path):
    content = yaml.safe_dump(reference).encode()
    path = tmp_path / 'toy.yaml'
    for rng in seeds('yamls', cases):
        path.write_bytes(mutate_bytes(rng, content, rng.randrange(1, 4)))
        check_case(lambda: tool.load_reference(str(path)), tmp_path,
                   [str(path)])
