"""Configs of configs/features/: the grids of public features."""
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config

from dyfadet_mm.apis import FeatureExtractor
from dyfadet_mm.fileio import write_video

pytest.importorskip('av')
ROOT = Path(__file__).parents[2]
# all but those of digits, which make no public features
CONFIGS = sorted((ROOT / 'configs/features').glob('*_[!d]*.py'))
#: fps, window, stride; channels of the recognizer as it is.
TABLE = dict(
    thumos14_i3d=(None, 16, 4, 2048),
    thumos14_videomaev2=(None, 16, 4, 768),
    fineaction_videomaev2=(None, 16, 16, 768),
    activitynet_tsp=(15, 16, 16, 512),
    activitynet_i3d=(25, 16, 16, 2048),
    epic100_slowfast=(30, 32, 16, 2304),
    ego4d_slowfast=(30, 32, 16, 2304),
    hacs_slowfast=(15, 32, 8, 2304))
#: The same networks, an eighth as wide.
THIN = dict(
    ResNet3d=dict(base_channels=8),
    ResNet2Plus1d=dict(base_channels=8),
    ResNet3dSlowFast=dict(
        slow_pathway=dict(base_channels=8),
        fast_pathway=dict(base_channels=1)),
    VisionTransformer=dict(img_size=32, embed_dims=96, depth=1, num_heads=2))


@pytest.fixture(scope='module')
def video(tmp_path_factory):
    """80 frames, 2 seconds and 2/3."""
    path = str(tmp_path_factory.mktemp('video') / 'v.mp4')
    rng = np.random.default_rng(0)
    frame = rng.integers(0, 255, (36, 64, 3), dtype=np.uint8)
    write_video(path, [np.roll(frame, k, 1) for k in range(80)], 30)
    return path


def test_every_config_is_in_the_table():
    assert {path.stem for path in CONFIGS} == set(TABLE)


@pytest.mark.filterwarnings('ignore:no checkpoint was given')
@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_config_makes_features(path, video):
    fps, window, stride, channels = TABLE[path.stem]
    cfg = Config.fromfile(path)
    kind = cfg.model.backbone.type
    cfg.merge_from_dict(dict(model=dict(backbone=THIN[kind])))
    small = {} if kind == 'VisionTransformer' else dict(size=32, short_side=36)
    extractor = FeatureExtractor(cfg, preprocessing=small)
    assert (extractor.grid.fps, extractor.grid.window,
            extractor.grid.stride) == (fps, window, stride)
    num_frames = round(80 / 30 * (fps or 30))
    feats = extractor.extract(video)
    assert feats.shape == (len(range(0, num_frames - window + 1,
                                     stride)), channels // 8)
    assert np.isfinite(feats).all() and feats.std(0).max() > 0
    assert extractor.facts['config'] == path.name
