"""Set-up and types; nothing that knows about detection."""
from .cpu_launch import prepare_cpu_launch
from .setup_env import register_all_modules

__all__ = ['prepare_cpu_launch', 'register_all_modules']
