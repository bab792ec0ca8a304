# make repro   the study of params.yaml, and its page        make ui     every run in the MLflow UI
# make test    the fast tests                              make lint   ruff
# make test-all   all tests: with whole studies, clusters and browsers
# make plan PROFILE=paper   what it would take, on this machine and on a GPU
# make verify   recount every number of the record, without this project's code: seconds
# make verify-weights   score the nets of weights/ on official CIFAR-10
# make prune   delete what the run store keeps beside the runs of params.yaml
# make runs    all committed runs into MLflow                make plots  the same curves, by DVC, without a network
# make exps    the errors of all DVC experiments, in one table
# make metadata   validate ro-crate-metadata.json and CITATION.cff: a minute at first
# make locked   install by requirements.lock, with hashes    make lock  make it again from constraints.txt
# make newest, make lowest   the fast tests with the newest and the oldest allowed packages: 15 minutes each
# make audit   known holes in the pinned packages
# make drill   kills, damage, full disks: 15 minutes   make bench  how fast it is here: 10 minutes
#
# Each makes .venv first, from constraints.txt, if it is not there.

VENV := .venv
VALIDATORS := .work/validators
PORT ?= 5000
SEED ?= 0
TOGETHER := -n auto --dist loadfile --no-loadscope-reorder
# Named by what it was made from, so that a new constraint makes a new install and a new checkout does not.
INSTALLED := $(VENV)/.installed-$(shell cat pyproject.toml constraints.txt | cksum | cut -d' ' -f1)
# A uid without a name, as in a container: DVC asks for the user's name, and all ask for a home.
export HOME ?= $(CURDIR)/.work/home
export USER ?= uid-$(shell id -u)
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: repro plan verify verify-weights prune test test-all lint ui plots runs exps audit lock locked newest lowest metadata drill bench

repro: $(INSTALLED)
	dvc repro
	@echo "The page: reports/replication.html   The runs: make ui   One more net: . $(VENV)/bin/activate && dvc exp run -S depth=110"

plan: $(INSTALLED)
	@python -m pipeline.forecast $(addprefix --profile ,$(PROFILE)) $(addprefix --gpu ,$(GPU))

verify:
	@python3 verify.py

verify-weights: $(INSTALLED)
	@python -m pipeline.verify_weights

prune: $(INSTALLED)
	python -m pipeline.prune

test: $(INSTALLED)
	OMP_NUM_THREADS=1 python -m pytest -m "not slow" $(TOGETHER)

test-all: $(INSTALLED)
	OMP_NUM_THREADS=1 python -m pytest $(TOGETHER)

drill: $(INSTALLED)
	@OMP_NUM_THREADS=1 PYTHONPATH=src:tests python -m drills --seed $(SEED) $(addprefix --only ,$(ONLY))

bench: $(INSTALLED)
	@python -m benchmarks.speed $(if $(QUICK),--quick)

lint: $(INSTALLED)
	ruff check .
	ruff format --check .

ui: $(INSTALLED)
	@test -f mlflow.db || { echo "There are no runs yet: make repro makes some, make runs imports those of results/."; exit 1; }
	@python -m pipeline.charts --free $(PORT)
	@echo "MLflow UI: http://127.0.0.1:$(PORT) (ready in about 10 seconds; Ctrl-C ends it; another port: make ui PORT=5001)"
	@MLFLOW_DISABLE_TELEMETRY=true MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false \
		mlflow ui --backend-store-uri sqlite:///mlflow.db --host 127.0.0.1 --port $(PORT) --workers 1

plots: $(INSTALLED)
	@python -m pipeline.plots
	dvc plots show

exps: $(INSTALLED)
	@dvc exp show --no-pager --drop '.*' \
		--keep '(.*:)?(Experiment|Created|depth|depth\.top1_error|top1_error\.(plain|resnet)-(20|56))$$'

runs: $(INSTALLED)
	python -m pipeline.track

audit: $(INSTALLED)
	pip-audit --strict --no-deps --disable-pip -r constraints.txt

lock: $(INSTALLED)
	python -m pipeline.lock

# As $(INSTALLED), by the hashes of requirements.lock: Linux on x86-64, Python 3.11.
locked:
	python3 -m venv $(VENV)
	python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@rm -f $(VENV)/.installed-* && touch $(INSTALLED)

# In environments of their own: the newest versions, and the lower bounds of pyproject.toml. The weekly workflow does it.
newest lowest:
	@python3 -m venv .work/$@
	@python3 -c "import re, tomllib; project = tomllib.load(open('pyproject.toml', 'rb'))['project']; \
		lines = project['dependencies'] + project['optional-dependencies']['dev']; \
		print(*(re.sub('>=([^,]+).*', r'==\1', line) for line in lines if '>=' in line), sep='\n')" > .work/lowest.txt
	.work/$@/bin/python -m pip install -q --disable-pip-version-check $(if $(filter lowest,$@),-c .work/lowest.txt) -e '.[dev]'
	OMP_NUM_THREADS=1 .work/$@/bin/python -m pytest -m "not slow" $(TOGETHER)

# In an environment of its own: cffconvert needs an old jsonschema.
metadata: $(INSTALLED)
	@test -x $(VALIDATORS)/bin/rocrate-validator || { python3 -m venv $(VALIDATORS) && \
		$(VALIDATORS)/bin/python -m pip install -q --disable-pip-version-check cffconvert==2.0.0 roc-validator==0.13.0; }
	PATH="$$PATH:$(CURDIR)/$(VALIDATORS)/bin" python -m pytest -q tests/test_metadata.py

$(INSTALLED):
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "python3 is $$(python3 -V 2>&1); Python 3.11 or newer is needed."; exit 1; }
	@echo "Installing into $(VENV): once, about 3 minutes and 6 GB with torch's CUDA libraries."
	@test -x $(VENV)/bin/python || python3 -m venv $(VENV) \
		|| { rm -rf $(VENV); echo "No venv could be made; on Debian: apt-get install python3-venv."; exit 1; }
	@python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev]' \
		|| { echo "pip could not install; the last lines above say why. Run the same command again."; exit 1; }
	@rm -f $(VENV)/.installed-* && touch $@
