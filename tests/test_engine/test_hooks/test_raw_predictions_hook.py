import pytest

from dyfadet_mm.engine.hooks import RawPredictionsHook


def test_a_detector_of_another_kind_is_named(make_runner, make_data, tmp_path):
    hook = RawPredictionsHook(str(tmp_path / 'raw'))
    runner = make_runner(make_data(), [hook], val_dataset=make_data())
    with pytest.raises(TypeError, match='got ToyModel with NoneType'):
        runner.test()
    assert not (tmp_path / 'raw').exists()


def test_unknown_dtypes_are_refused(tmp_path):
    with pytest.raises(ValueError, match="dtype must be .* got 'bfloat16'"):
        RawPredictionsHook(str(tmp_path), dtype='bfloat16')


@pytest.mark.parametrize('force', [False, True])
def test_a_folder_of_other_files_is_refused_at_the_start(tmp_path, force):
    """Features have the names that raw predictions would have."""
    (tmp_path / 'v0.npz').write_text('mine')
    with pytest.raises(FileExistsError, match='must be new or empty'):
        RawPredictionsHook(str(tmp_path), force=force)
