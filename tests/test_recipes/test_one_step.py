"""Every recipe trains one step and tests one video, as the scripts do it.

One recipe has its real width, of which test_configs.py builds all. Each runs
in the folder of data sets that are laid out like the real ones, so that the
paths of the recipes count as well.
"""
import pytest
from one_step import check_one_step, run_one_step
from real_layouts import write
from settings import CONFIGS

# the demo and the recipe for own data are trained by the tests of the tools
RECIPES = sorted(
    path.stem for path in CONFIGS.glob('*.py')
    if not path.stem.endswith(('digit-streams', 'custom')))
REAL_SIZE = 'dyfadet_i3d_1xb2-40e_thumos14'


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """Folder with all data sets, and what is known of them."""
    folder = tmp_path_factory.mktemp('recipes')
    return folder, write(folder)


@pytest.mark.parametrize('name', RECIPES)
def test_recipe_trains_and_tests_one_step(name, data, tmp_path):
    folder, known = data
    options = ['width=64', 'model.head.feat_channels=64']
    if name == REAL_SIZE:
        options = []
    runner, metrics, results = run_one_step(CONFIGS / f'{name}.py', tmp_path,
                                            folder, options)
    data_set = runner.test_dataloader.dataset.data_root.split('/')[1]
    check_one_step(runner, metrics, results, *known[data_set])
