"""OpenMIM and MMEngine's hub on an installed wheel, with real weights.

The weights are those that ship with the package. No public server holds them,
so that here the metafile of the installed copy names one on loopback.
"""
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml
from installations import (DEMO_CONFIG, TINY, build_wheel, copy_checkout,
                           make_install, run, run_mim)

ROOT = Path(__file__).resolve().parents[2]
NAME = Path(DEMO_CONFIG).stem
SHIPPED = ROOT / 'dyfadet_mm/zoo/digit-streams.pth'
RECORDED = next(model['Results'][0]['Metrics'] for model in yaml.safe_load((
    ROOT / 'configs/dyfadet/metafile.yml').read_text())['Models']
                if model['Name'] == NAME)


class SilentHandler(SimpleHTTPRequestHandler):

    def log_message(self, *args):
        """Keep the terminal clean."""


@pytest.fixture(scope='module')
def weights_url():
    """A server with the shipped weights."""
    handler = partial(SilentHandler, directory=str(SHIPPED.parent))
    with ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f'http://127.0.0.1:{server.server_port}/{SHIPPED.name}'
        server.shutdown()
        thread.join()


@pytest.fixture(scope='module')
def install(tmp_path_factory):
    """The package, installed from a wheel."""
    folder = tmp_path_factory.mktemp('mim')
    checkout = copy_checkout(folder / 'checkout')
    wheel = build_wheel(checkout, folder)
    return make_install(folder, [wheel], checkout)


@pytest.fixture(scope='module')
def downloaded(install, weights_url):
    """A folder into which ``mim download`` wrote weights and config."""
    metafile = install.site / 'dyfadet_mm/.mim/configs/dyfadet/metafile.yml'
    shipped = metafile.read_text()
    metafile.write_text(
        shipped.replace('dyfadet://digit-streams/', weights_url))
    mim(install, 'download', 'dyfadet_mm', f'--config={NAME}', '--dest=zoo')
    metafile.write_text(shipped)
    return install.cwd / 'zoo'


@pytest.fixture(scope='module')
def predictions(install, downloaded):
    """Detections of the downloaded model on the whole validation subset."""
    folder = install.cwd / 'full'
    data = folder / 'data' / 'digit_streams'
    data.parent.mkdir(parents=True)
    tools = install.site / 'dyfadet_mm/.mim/tools'
    run(install.python,
        tools / 'dataset_converters/digit_streams.py',
        '--train=0',
        f'--out={data}',
        cwd=folder)
    run(install.python,
        '-m',
        'mim',
        'test',
        'dyfadet_mm',
        downloaded / f'{NAME}.py',
        f'--checkpoint={downloaded / SHIPPED.name}',
        '--out=predictions.json',
        cwd=folder)
    return folder / 'predictions.json'


def mim(install, *args):
    return run(install.python, '-m', 'mim', *args, cwd=install.cwd)


def search(install, *args):
    """The fields of the models that ``mim search`` finds, in its order."""
    mim(install, 'search', 'dyfadet_mm', *args, '--json=found.json')
    return pd.read_json(install.cwd / 'found.json')


def test_search_by_config(install):
    found = search(install, f'--config={NAME}').loc[NAME]
    assert found['weight'] == 'dyfadet://digit-streams/'
    assert found['source'] == 'trained here' and found['epochs'] == 10
    assert found['digit-streams/average_map'] == RECORDED['average mAP']
    assert found['architecture'] == 'dyne,dyhead'


def test_search_by_data_set_and_number(install):
    found = search(install, '--dataset=thumos14', '--model=dyfadet')
    assert len(found) > 2 and set(found['training_data']) == {'thumos14'}
    found = search(install, '--condition=average_map>70', '--sort=epochs',
                   '--ascending')
    assert NAME in found.index and found['epochs'].is_monotonic_increasing
    assert 'dyfadet_i3d_1xb2-40e_thumos14' not in found.index


def test_download_brings_weights_and_config(downloaded):
    assert (downloaded / SHIPPED.name).read_bytes() == SHIPPED.read_bytes()
    assert (downloaded / f'{NAME}.py').is_file()


def test_download_of_weights_in_the_package_brings_the_config(install):
    mim(install, 'download', 'dyfadet_mm', f'--config={NAME}', '--dest=named')
    found = [path.name for path in (install.cwd / 'named').iterdir()]
    assert found == [f'{NAME}.py']


def test_data_sets_of_the_index(install):
    done = mim_fails(install, 'download', 'dyfadet_mm', '--dataset=nonsense')
    assert 'here are the available datasets' in done and 'fineaction' in done


def mim_fails(install, *args):
    """What a failing ``mim`` printed."""
    with pytest.raises(AssertionError) as error:
        mim(install, *args)
    return str(error.value)


def test_downloaded_weights_give_the_recorded_map(install, predictions):
    out = mim(install, 'run', 'dyfadet_mm', 'eval_predictions', predictions,
              predictions.parent / 'data/digit_streams/annotations.json',
              '--subset=validation')
    row, = (line for line in out.splitlines() if line.startswith('| mAP '))
    values = [float(cell) for cell in row.strip('| ').split('|')[2:]]
    assert values == pytest.approx(list(RECORDED.values()), abs=0.1)


@pytest.fixture(scope='module')
def trained(install):
    """A checkpoint, from weights of the zoo."""
    run_mim(install, 'train', '--no-validate', *TINY,
            'load_from=dyfadet://digit-streams')
    return install.cwd / 'out/epoch_1.pth'


def test_train_from_weights_of_the_zoo(install, trained):
    log, = (install.cwd / 'out').glob('*/*.log')
    assert 'Load checkpoint from dyfadet://digit-streams' in log.read_text()
    assert trained.is_file()


def test_published_weights_keep_the_class_names(install, trained):
    mim(install, 'run', 'dyfadet_mm', 'publish_model', trained, 'my.pth')
    published, = install.cwd.glob('my-*.pth')
    content = torch.load(published, weights_only=True)
    assert 'optimizer' not in content
    assert len(content['meta']['dataset_meta']['classes']) == 10
    run_mim(install, 'test', f'--checkpoint={published}')
    out = mim(install, 'run', 'dyfadet_mm', 'print_config', published)
    assert "default_scope = 'dyfadet_mm'" in out


def test_test_loads_weights_by_their_name(install):
    run_mim(install, 'test', '--checkpoint=dyfadet://digit-streams',
            '--out=tiny.json')
    assert (install.cwd / 'tiny.json').is_file()


def test_gridsearch(install):
    run_mim(install, 'gridsearch', '--search-args',
            '--optim_wrapper.optimizer.lr 1e-3 2e-3', '--no-validate')
    for lr in ('0.001', '0.002'):
        folder = f'out_search_optim_wrapper.optimizer.lr_{lr}'
        assert (install.cwd / folder / 'epoch_1.pth').is_file()


def test_train_by_way_of_mmaction(install, downloaded):
    mim(install, 'train', 'mmaction', downloaded / f'{NAME}.py',
        '--work-dir=mmaction', *TINY)
    assert (install.cwd / 'mmaction/epoch_1.pth').is_file()


def test_hub_builds_config_and_pretrained_model(install):
    code = f'''
import torch, dyfadet_mm
from mmengine.hub import get_config, get_model
name = "dyfadet_mm::{DEMO_CONFIG}"
print(get_config(name, pretrained=True).model_path)
model = get_model(name, pretrained=True)
weights = torch.load({str(SHIPPED)!r}, weights_only=True)["state_dict"]
found = model.state_dict()
assert found.keys() == weights.keys()
assert all(torch.equal(found[key], weights[key]) for key in found)
print(type(model).__module__)'''
    out = run(install.python, '-c', code, cwd=install.cwd).splitlines()
    assert 'dyfadet://digit-streams/' in out
    assert out[-1].startswith('dyfadet_mm.models.detectors.')
