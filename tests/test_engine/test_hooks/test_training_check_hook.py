import pytest

HOOKS = [dict(type='dyfadet_mm.TrainingCheckHook')]


def schedule(warmup, end):
    """Warm-up and cosine, in epochs, as in the recipes."""
    return [
        dict(
            type='LinearLR',
            start_factor=1e-8,
            end=warmup,
            convert_to_iter_based=True),
        dict(
            type='CosineAnnealingLR',
            eta_min=1e-8,
            begin=warmup,
            end=end,
            convert_to_iter_based=True)
    ]


def by_epoch(max_epochs, **kwargs):
    return dict(by_epoch=True, max_epochs=max_epochs, **kwargs)


@pytest.fixture
def train(make_runner, make_data, capsys):
    """Train; returns the runner and its warnings of this package."""

    def _train(max_epochs=2, numbers=range(4), hooks=HOOKS, **kwargs):
        options = dict(
            train_cfg=by_epoch(max_epochs),
            param_scheduler=schedule(1, max_epochs))
        options.update(kwargs)
        runner = make_runner(make_data(numbers=numbers), hooks, **options)
        runner.train()
        log = ''.join(capsys.readouterr())
        return runner, [
            line for line in log.splitlines()
            if 'WARNING' in line and 'mmengine.readthedocs' not in line
            and 'LocalBackend' not in line
        ]

    return _train


def test_a_sound_training_is_not_warned_of(train):
    runner, warnings = train()
    assert runner.iter == 4 and warnings == []


def test_a_rate_that_never_rises_is_refused(train, tmp_path):
    with pytest.raises(
            ValueError,
            match='rate must rise .* is at most 9.7e-09 .*warm-up'):
        train(10, numbers=range(2))
    assert not list(tmp_path.rglob('*.pth'))


def test_a_trial_of_one_iteration_is_warned_of(train):
    runner, warnings = train(
        numbers=range(2),
        train_cfg=by_epoch(1),
        param_scheduler=schedule(20, 40))
    assert runner.iter == 1 and len(warnings) == 1
    assert 'rate must rise' in warnings[0]


def test_an_empty_loader_of_another_loop_is_refused(train):
    with pytest.raises(ValueError, match='got 1 samples for batch_size=2'):
        train(
            numbers=[1],
            train_cfg=dict(by_epoch=False, max_iters=3),
            param_scheduler=None)


@pytest.mark.parametrize('asked', [schedule(1, 10), schedule(1, 2)])
def test_a_resumed_run_longer_than_its_schedule_is_refused(
        train, tmp_path, asked):
    """Whether the config's schedule grew, which MMEngine undoes, or not."""
    train(2)
    with pytest.raises(
            ValueError,
            match='ends after 2 epochs, and the training after 10 epochs'
            '.*load_from=CHECKPOINT .*or keep 2 epochs'):
        train(
            10,
            param_scheduler=asked,
            resume=True,
            load_from=str(tmp_path / 'epoch_2.pth'))


@pytest.mark.parametrize('end', [3, 2])
def test_a_run_cut_off_is_resumed(train, tmp_path, end):
    train(3, param_scheduler=schedule(1, end))
    runner, warnings = train(
        3,
        param_scheduler=schedule(1, end),
        resume=True,
        load_from=str(tmp_path / 'epoch_1.pth'))
    assert runner.iter == 6 and warnings == []


def test_a_constant_rate_is_resumed_for_longer(train, tmp_path):
    warmup = schedule(1, 2)[:1]
    train(2, param_scheduler=warmup)
    runner, _ = train(
        4,
        param_scheduler=warmup,
        resume=True,
        load_from=str(tmp_path / 'epoch_2.pth'))
    assert runner.iter == 8


def test_a_finished_run_is_one_warning(train, tmp_path):
    train(2)
    runner, warnings = train(
        2, resume=True, load_from=str(tmp_path / 'epoch_2.pth'))
    assert runner.iter == 4 and len(warnings) == 1
    assert 'nothing is left to train: 2 epochs of 2 epochs' in warnings[0]


def test_a_schedule_that_ends_early_is_a_warning(train):
    _, warnings = train(4, numbers=range(40), param_scheduler=schedule(1, 2))
    assert len(warnings) == 1
    assert 'ends after 2 epochs, and the training after 4' in warnings[0]
    # a warm-up alone ends early too, and leaves the full rate
    _, warnings = train(4, param_scheduler=schedule(1, 4)[:1])
    assert warnings == []


@pytest.mark.parametrize('cfg, text', [
    (by_epoch(2, val_begin=3), '2 epochs of the training, but got 3'),
    (dict(by_epoch=False, max_iters=4, val_begin=9), '4 iterations'),
])
def test_a_validation_out_of_reach_is_a_warning(train, make_data, cfg, text):
    _, warnings = train(
        train_cfg=cfg, val_dataset=make_data(), param_scheduler=None)
    warning, = (line for line in warnings if 'val_begin' in line)
    assert text in warning


def test_a_long_average_is_a_warning(train):
    hooks = [*HOOKS, dict(type='EMAHook', momentum=0.001)]
    _, warnings = train(hooks=hooks)
    assert len(warnings) == 1
    assert '1000 updates, and the training has 4' in warnings[0]
    hooks = [*HOOKS, dict(type='EMAHook', momentum=0.5)]
    assert train(hooks=hooks)[1] == []
