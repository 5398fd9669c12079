import json

import pytest

from dyfadet_mm.models import ScoreFusion

HOOKS = [dict(type='dyfadet_mm.ScoreFusionHook')]


@pytest.fixture
def run(make_runner, make_data, tmp_path):
    """Run a task of a model that has a fusion of these scores."""

    def _run(task, classes=('run', 'hop', 'jump'), videos=4):
        path = tmp_path / 'scores.json'
        results = {f'v{i}': [0.5, 0.25, 0.125] for i in range(videos)}
        path.write_text(json.dumps(dict(results=results, classes=classes)))
        runner = make_runner(make_data(), HOOKS, val_dataset=make_data())
        runner.model.score_fusion = ScoreFusion(str(path))
        getattr(runner, task)()
        return runner.model.score_fusion

    return _run


@pytest.mark.parametrize('task', ['train', 'val', 'test'])
def test_scores_come_in_the_order_of_the_data_set(run, task):
    assert run(task).class_scores('v3').tolist() == [0.25, 0.125, 0.5]


@pytest.mark.parametrize('task', ['train', 'val', 'test'])
def test_a_file_that_does_not_fit_ends_the_run_at_its_start(run, task):
    with pytest.raises(
            ValueError,
            match=r"lacks 1 \('hop'\).*all 4 videos, but lacks 2, such as "
            r"\['v2', 'v3'\]"):
        run(task, classes=('run', 'fly', 'jump'), videos=2)


@pytest.mark.parametrize('task', ['train', 'val', 'test'])
def test_a_missing_file_ends_the_run_at_its_start(task, make_runner,
                                                  make_data):
    runner = make_runner(make_data(), HOOKS, val_dataset=make_data())
    runner.model.score_fusion = ScoreFusion('no/scores.json')
    with pytest.raises(
            FileNotFoundError,
            match="no class scores at 'no/scores.json'; set score_file"):
        getattr(runner, task)()
    assert runner.iter == 0


def test_a_model_without_fusion_is_left_alone(make_runner, make_data):
    runner = make_runner(make_data(), HOOKS, val_dataset=make_data())
    assert runner.test() == dict(count=2)
