"""Wrong options and wrong numbers in what scores and suppresses."""
import numpy as np
import torch
from harness import check_case, seeds
from mutators import mutate_value

from dyfadet_mm.evaluation import tad_average_recall, tad_map, tad_recall
from dyfadet_mm.models import LossNormalizer
from dyfadet_mm.models.postprocessors import SegmentPostprocessor
from dyfadet_mm.ops import segment_voting, soft_nms

VIDEO = dict(
    segments=[[0., 2.], [1., 4.], [5., 6.]],
    scores=[0.9, 0.5, 0.1],
    labels=[0, 1, 0])
NMS = dict(
    method='gaussian',
    sigma=0.5,
    iou_threshold=0.1,
    min_score=0.001,
    max_num=200,
    class_wise=True)
OPTIONS = dict(
    score_thr=0.001,
    pre_nms_topk=2000,
    topk_per_level=True,
    min_length=0.05,
    nms=NMS,
    voting_thr=0.,
    voting_by_iou=False)
METAINFO = dict(
    video_id='v', fps=10., feat_stride=4, feat_num_frames=8, duration=60.)


def test_options_of_suppression(num_cases, tmp_path):
    levels = [(torch.tensor(VIDEO['segments']), torch.rand(3, 2))]
    for rng in seeds('options', num_cases):
        options = mutate_value(rng, OPTIONS, rng.randint(1, 2))

        def read():
            found = SegmentPostprocessor(**options)(levels, METAINFO)
            assert found.scores.isfinite().all()
            assert found.segments.isfinite().all()

        if isinstance(options, dict):
            check_case(read, tmp_path)


def test_candidates(num_cases, tmp_path):
    for rng in seeds('candidates', num_cases):
        video = mutate_value(rng, VIDEO, rng.randint(1, 2))
        try:
            args = [torch.tensor(video[name]) for name in VIDEO]
        except (KeyError, OverflowError, RuntimeError, TypeError, ValueError):
            continue  # no tensors

        def read():
            segments, scores, _ = soft_nms(*args)
            assert scores.isfinite().all() and segments.isfinite().all()
            voted = segment_voting(segments, args[0], args[1], 0.5)
            assert voted.isfinite().all()

        check_case(read, tmp_path)


def test_scored_videos(num_cases, tmp_path):
    for rng in seeds('scored', num_cases):
        videos = dict(
            predictions=dict(a=VIDEO, b=VIDEO),
            ground_truth=dict(a=VIDEO, b=VIDEO),
            tiou_thresholds=[0.3, 0.5])
        videos = mutate_value(rng, videos, rng.randint(1, 2))

        def read():
            with np.errstate(all='ignore'):
                for score in (tad_map, tad_recall, tad_average_recall):
                    for value in score(**videos).values():
                        assert np.isfinite(value).all()

        if isinstance(videos, dict):
            check_case(read, tmp_path, allow=[KeyError])


def test_options_of_the_normalizer(num_cases, tmp_path):
    for rng in seeds('normalizer', num_cases):
        options = mutate_value(rng, dict(init_value=100., momentum=0.9))

        def read():
            divisor = LossNormalizer(**options)(torch.tensor(3))
            assert divisor.isfinite() and divisor > 0

        if isinstance(options, dict):
            check_case(read, tmp_path)
