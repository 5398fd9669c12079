import torch
from mmengine.model import BaseModel


class ToyModel(BaseModel):
    """Fits a line."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)

    def forward(self, inputs, mode='tensor'):
        return dict(loss=self.layer(inputs).pow(2).mean())
