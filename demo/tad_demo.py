"""Find the actions in a video: see tools/misc/tad_demo.py."""
import runpy
from pathlib import Path

TOOL = Path(__file__).resolve().parents[1] / 'tools' / 'misc' / 'tad_demo.py'

if __name__ == '__main__':
    runpy.run_path(str(TOOL), run_name='__main__')
