import pytest
import torch

from dyfadet_mm.utils.weights import check_weights


@pytest.mark.parametrize('content', [
    dict(weight=torch.ones(1)),
    dict(state_dict=dict(weight=torch.ones(1)), meta=dict()),
])
def test_weights_pass(content):
    check_weights(content, 'a.pth')


@pytest.mark.parametrize('content, found', [
    ([1, 2], 'a list'),
    (torch.ones(1), 'a Tensor'),
    (dict(epoch=1, meta=dict()), "no tensor, under the keys .'epoch', 'meta'"),
    (dict(state_dict=dict()), 'no tensor'),
])
def test_anything_else_is_refused_in_one_line(content, found):
    with pytest.raises(ValueError, match=f"'a.pth' holds {found}") as caught:
        check_weights(content, 'a.pth')
    assert '\n' not in str(caught.value)


def test_shared_dicts_are_looked_at_once():
    content = dict(a=1)
    for _ in range(60):
        content = dict(a=content, b=content)
    with pytest.raises(ValueError, match='no tensor'):
        check_weights(content, 'a.pth')


def test_an_error_is_short():
    with pytest.raises(ValueError, match="'a.pth'") as caught:
        check_weights({'x' * 10**5: 1}, 'a.pth')
    assert len(str(caught.value)) < 1000
