"""Set-up and types; nothing that knows about detection."""
from .cpu import choose_cpu_threads, prepare_cpu_launch
from .setup_env import register_all_modules

__all__ = ['choose_cpu_threads', 'prepare_cpu_launch', 'register_all_modules']
