from .single_stage_tad import SingleStageTAD

__all__ = ['SingleStageTAD']
