"""Files of annotation tools, read and written."""
from .cvat import read_cvat, write_cvat
from .elan import read_elan, write_elan
from .label_studio import read_label_studio, write_label_studio
from .records import Action, ToolFile, ToolVideo, video_id_of
from .tables import read_table, write_table
from .via import read_via, write_via
from .x_anylabeling import read_x_anylabeling

__all__ = [
    'Action', 'ToolFile', 'ToolVideo', 'read_cvat', 'read_elan',
    'read_label_studio', 'read_table', 'read_via', 'read_x_anylabeling',
    'video_id_of', 'write_cvat', 'write_elan', 'write_label_studio',
    'write_table', 'write_via'
]
