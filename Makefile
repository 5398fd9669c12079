# make setup   environment in .venv (Python 3.11, CPU)
# make test    set up, lint, run the tests
# make demo    set up, train on digit streams, evaluate, draw
# make lint    flake8, isort and yapf, without changing anything
# make format  let isort and yapf change the files
# make clean   remove what demo and tests wrote, keep .venv
#
# Each step leaves a stamp, and a second run skips what is done. Two runs at a
# time need a DEMO_WORK of their own: the second one in a folder ends at once.

SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
LOCK := requirements/lock-py311-cpu.txt
# torch goes first and by exact version: a range pulls gigabytes
TORCH = $(shell grep '^torch==' $(LOCK))
# a quarter of its time went into collecting garbage, of which there is little
YAPF := $(BIN)/python -c "import gc, yapf; gc.disable(); yapf.run_main()"
SOURCES := $(wildcard dyfadet_mm tools tests configs projects demo setup.py)

DEMO_CONFIG := configs/dyfadet/dyfadet-plus_pixels_1xb8-10e_digit-streams.py
DEMO_DATA := data/digit_streams
DEMO_WORK := work_dirs/demo
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# `python -c "$$ALONE" LOCK COMMAND`: the command holds the lock while it runs
define ALONE
import fcntl, os, sys, time
path, *command = sys.argv[1:]
os.makedirs(os.path.dirname(path), exist_ok=True)
lock = open(path, "a+")
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    lock.seek(0)
    sys.exit(f"{path} is held by {lock.read()}; wait for its end")
except OSError:
    pass  # a file system without locks
lock.truncate(0)
lock.write(f"process {os.getpid()}, since {time.ctime()}")
lock.flush()
os.set_inheritable(lock.fileno(), True)
os.execvp(command[0], command)
endef
export ALONE
AGAIN = $(MAKE) --no-print-directory

.PHONY: setup environment lint format test demo pictures clean

setup: $(VENV)/.stamp

$(VENV)/.stamp: $(LOCK) requirements/runtime.txt setup.py
	@$(PYTHON) -c "$$ALONE" $(VENV)/.lock $(AGAIN) environment
	@touch $@

environment:
	@echo "Setting up $(VENV): minutes, and a gigabyte on the disk"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q --constraint $(LOCK) $(TORCH)
	@$(BIN)/python -m pip install -q --no-deps --requirement $(LOCK)
	@$(BIN)/python -m pip install -q --no-deps --no-build-isolation \
	    --editable .
	@$(BIN)/python -m pip check

lint: setup
	$(BIN)/flake8 $(SOURCES)
	$(BIN)/isort --check-only --diff $(SOURCES)
	$(YAPF) --diff --recursive --parallel $(SOURCES)

format: setup
	$(BIN)/isort $(SOURCES)
	$(YAPF) --in-place --recursive --parallel $(SOURCES)

test: lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) \
	    --dist loadfile --no-loadscope-reorder

demo:
	@$(PYTHON) -c "$$ALONE" $(DEMO_WORK).lock $(AGAIN) pictures

pictures: $(DEMO_WORK)/timeline.png $(DEMO_WORK)/page.html
	@echo
	@echo "Done. A page to look at: $(DEMO_WORK)/page.html"
	@echo "The picture:       $(DEMO_WORK)/timeline.png"
	@echo "The detections:    $(DEMO_WORK)/predictions.json"
	@echo "One picture each:  $(DEMO_WORK)/timelines/"
	@echo "The table again:   $(BIN)/python" \
	    "tools/analysis_tools/eval_predictions.py" \
	    "$(DEMO_WORK)/predictions.json $(DEMO_DATA)/annotations.json" \
	    "--subset validation"
	@echo "Next, your own features, (T, C) per video as npy (README.md," \
	    "'Train on your own features'):"
	@echo "  $(BIN)/python tools/train.py configs/dyfadet/dyfadet-plus_custom.py" \
	    "--cfg-options data_root=DIR feat_dim=C feat_stride=S"

$(DEMO_DATA)/.stamp: tools/dataset_converters/digit_streams.py \
    | $(VENV)/.stamp
	@echo "1/5 Writing the videos of digits"
	@$(BIN)/python $< --out $(DEMO_DATA)
	@touch $@

# --resume goes on where an interrupted demo stopped
$(DEMO_WORK)/.trained: $(DEMO_DATA)/.stamp
	@echo "2/5 Training with $(DEMO_CONFIG)"
	@$(BIN)/python tools/train.py $(DEMO_CONFIG) --work-dir $(DEMO_WORK) \
	    --resume --progress
	@touch $@

$(DEMO_WORK)/.tested: $(DEMO_WORK)/.trained
	@echo "3/5 Testing the best checkpoint"
	@$(BIN)/python tools/test.py $(DEMO_CONFIG) \
	    "$$(ls -t $(DEMO_WORK)/best_*.pth | head -n 1)" \
	    --work-dir $(DEMO_WORK) --out $(DEMO_WORK)/predictions.json \
	    --show-dir $(DEMO_WORK)/timelines --progress
	@touch $@

$(DEMO_WORK)/timeline.png: $(DEMO_WORK)/.tested
	@echo "4/5 Drawing the timeline"
	@$(BIN)/python tools/analysis_tools/plot_timeline.py \
	    $(DEMO_WORK)/predictions.json $(DEMO_DATA)/annotations.json \
	    --subset validation --out $@

# from a video file to a page, without the annotations of the training
$(DEMO_WORK)/page.html: $(DEMO_WORK)/.tested
	@echo "5/5 Detecting in video files of digits"
	@$(BIN)/python tools/dataset_converters/digit_videos.py $(DEMO_DATA)
	@$(BIN)/python demo/tad_demo.py $(DEMO_DATA)/videos \
	    --model "$$(ls -t $(DEMO_WORK)/best_*.pth | head -n 1)" \
	    --ground-truth $(DEMO_DATA)/annotations.json --report $@ --force

clean:
	@$(PYTHON) -c "$$ALONE" $(DEMO_WORK).lock rm -rf $(DEMO_WORK)
	rm -rf $(DEMO_WORK).lock $(DEMO_DATA) build dist *.egg-info .pytest_cache
	find dyfadet_mm tools tests configs -name __pycache__ -prune \
	    -exec rm -r {} +
