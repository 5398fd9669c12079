import re
import sys
from pathlib import Path

import pytest
from mmengine.config import Config

from dyfadet_mm.engine import ProgressRunner, show_progress

HOOKS = [dict(type='dyfadet_mm.ProgressHook')]


def test_an_epoch_and_its_validation_are_one_line(make_runner, make_data,
                                                  capsys):
    runner = make_runner(
        make_data(),
        HOOKS,
        val_dataset=make_data(),
        train_cfg=dict(by_epoch=True, max_epochs=3, val_interval=2))
    runner.train()
    lines = re.findall('^epoch.*', capsys.readouterr().out, re.M)
    lines = [re.sub(r'(loss|time) \S+', r'\1 X', line) for line in lines]
    # MMEngine validates the last epoch whatever the interval
    assert lines == [
        'epoch 1/3  loss X  time X', 'epoch 2/3  loss X  time X  count 2',
        'epoch 3/3  loss X  time X  count 2'
    ]


def test_a_loop_by_iterations_writes_a_line_per_validation(
        make_runner, make_data, capsys):
    runner = make_runner(
        make_data(),
        HOOKS,
        val_dataset=make_data(),
        train_cfg=dict(by_epoch=False, max_iters=4, val_interval=2))
    runner.train()
    out = capsys.readouterr().out
    found = re.findall(r'^iteration (\d/4)  loss .*  count 2$', out, re.M)
    assert found == ['2/4', '4/4']


def test_validation_and_test_alone_write_their_results(make_runner, make_data,
                                                       capsys):
    runner = make_runner(make_data(), HOOKS, val_dataset=make_data())
    runner.val()
    runner.test()
    lines = capsys.readouterr().out.splitlines()
    assert 'validation  count 2' in lines and 'test  count 2' in lines


def test_a_terminal_shows_a_bar_that_leaves_no_trace(make_runner, make_data,
                                                     capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, 'isatty', lambda: True)
    monkeypatch.setattr('dyfadet_mm.engine.hooks.progress_hook.UPDATE_S', 0.)
    make_runner(make_data(), HOOKS, val_dataset=make_data()).train()
    out = capsys.readouterr().out
    bar = r'epoch 1/2 \[############------------\] 1/2  loss \S+  ETA 0:00:'
    assert re.search(bar, out)
    assert 'validation [########################] 2/2' in out
    for line in out.split('\n'):
        seen = line.rsplit('\r\x1b[K')[-1]  # what the terminal keeps
        assert '[##' not in seen


def test_details_are_in_the_log_file_only(make_runner, make_data, tmp_path,
                                          capsys):
    plain = make_runner(make_data(), [])
    capsys.readouterr()
    runner = ProgressRunner(
        model=plain.model,
        work_dir=str(tmp_path / 'quiet'),
        train_dataloader=plain._train_dataloader,
        train_cfg=dict(by_epoch=True, max_epochs=1),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=1e-3)),
        custom_hooks=HOOKS,  # registered once
        experiment_name=f'quiet_{tmp_path.name}',
        cfg=Config(dict(some_key='some value')))
    runner.logger.warning('something is odd')
    runner.train()
    out = capsys.readouterr().out
    assert 'something is odd' in out
    lines = [line for line in out.splitlines() if ' WARNING ' not in line]
    assert [line.split()[0] for line in lines] == ['Log', 'epoch']
    log = Path(runner.logger.log_file).read_text()
    for part in ('System environment', 'some value', 'something is odd',
                 'Epoch(train)'):
        assert part in log


def test_another_runner_of_the_config_is_not_replaced():
    cfg = Config(dict())
    show_progress(cfg)
    show_progress(cfg)  # the config that a run saved
    assert cfg.runner_type == 'dyfadet_mm.ProgressRunner'
    with pytest.raises(ValueError, match="got 'FlexibleRunner'"):
        show_progress(Config(dict(runner_type='FlexibleRunner')))
