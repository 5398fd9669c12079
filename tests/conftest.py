"""Mends before any test imports OpenMMLab's packages, and one seed."""
import random

import numpy as np
import pytest
import torch

import dyfadet_mm  # noqa: F401


@pytest.fixture(autouse=True)
def fixed_seed():
    """Start every test from the same random numbers."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
