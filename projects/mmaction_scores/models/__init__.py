"""Parts of this project, registered in the registries of dyfadet_mm."""
from .bmn_loss import StableBMNLoss
from .bmn_proposals import BMNProposals

__all__ = ['BMNProposals', 'StableBMNLoss']
