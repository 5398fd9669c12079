import numpy as np
import pytest
from mmaction.datasets.transforms import LoadLocalizationFeature

from dyfadet_mm.fileio import CSVReader


def _lines(array, header):
    rows = [','.join(f'{x:.6f}' for x in row) for row in array]
    return '\n'.join([header, *rows, '']).encode()


@pytest.mark.parametrize('header', ['f0,f1,f2', '0,1,2', 'features', ''])
def test_the_first_line_is_the_header(read, header):
    stored = np.arange(12.).reshape(4, 3)
    feats = read(CSVReader(), _lines(stored, header), feat_dim=3)
    assert feats.dtype == np.float32 and np.array_equal(feats, stored)


def test_agrees_with_mmaction(read, tmp_path):
    stored = np.random.randn(100, 40)
    feats = read(CSVReader(), _lines(stored, 'a,b'), name='vid.csv')
    results = dict(feature_path=str(tmp_path / 'vid.csv'))
    theirs = LoadLocalizationFeature().transform(results)['raw_feature']
    assert feats.shape == (100, 40) and np.array_equal(feats.T, theirs)


@pytest.mark.parametrize('content, shape', [
    (b'a,b\r\n1,2\r\n3,4\r\n', (2, 2)),
    (b'a,b\n1,2', (1, 2)),
    (b'a\n1\n2\n3\n', (3, 1)),
])
def test_one_row_one_column_and_other_line_ends(read, content, shape):
    assert read(CSVReader(), content).shape == shape


@pytest.mark.parametrize('content, words', [
    (b'0.5,1.5\n1,2\n', 'begin with a header line, but got numbers'),
    (b'1,2,3\n1,2,3\n', 'begin with a header line, but got numbers'),
    (b'a,b\n1,2\n1,2,3\n', 'the number of columns changed from 2 to 3'),
    (b'a,b\n1,x\n', "could not convert string 'x'"),
    (b'a,b\n1,nan\n', 'be finite in float32'),
    (b'a,b\n1,1e300\n', 'be finite in float32'),
    (b'a,b\n', 'at least one cell'),
    (b'', 'at least one cell'),
    (b'\x93NUMPY\x01', 'be a text file of numbers'),
])
def test_unusable_files_are_refused(refusal, content, words):
    assert words in refusal(CSVReader(), content)
