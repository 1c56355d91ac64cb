# Everything starts here: `make book` builds the book, `make test` tests it, `make help` lists the rest.
# Only Python >= 3.11, git and make are needed; the first target makes an environment in .venv.

SHELL := /bin/sh
RUN := .venv/bin/python
TOOLS := book/_tools

.DEFAULT_GOAL := help
.PHONY: help env book serve lab test test-fast test-environment test-pythons test-latest mutants bench pdf clean

help:  ## list every target
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-16s %s\n", $$1, $$2}' Makefile

env:  ## make or repair the environment in .venv (every target below does it first)
	@sh $(TOOLS)/bootstrap.sh

book: env  ## execute what changed, build the pages, check them
	@$(RUN) $(TOOLS)/build.py

serve: env  ## show the built book on localhost
	@$(RUN) $(TOOLS)/serve.py

lab: env  ## open the chapters in JupyterLab
	@$(RUN) -m jupyterlab --notebook-dir book

test: env  ## test everything (or make test PARTS="lint unit book pages deep tools products", some of these)
	@$(RUN) $(TOOLS)/test_all.py $(PARTS)

test-fast: env  ## test style and library only
	@$(RUN) $(TOOLS)/test_all.py lint unit deep

.PHONY: hooks check-style
check-style: env  ## check code, notebooks, spelling, Markdown and house style (seconds)
	@$(RUN) $(TOOLS)/test_all.py lint

hooks: env  ## let git check the same before every commit
	@$(RUN) -m pre_commit install

test-environment: env  ## install environment.yml's pip part in a fresh environment and import (minutes)
	@$(RUN) $(TOOLS)/check_environment.py

test-pythons: env  ## test the library with the locked packages on each Python from 3.11 to 3.13 found
	@$(RUN) $(TOOLS)/test_pythons.py

test-latest: env  ## test the library with the newest packages on the newest Python found
	@$(RUN) $(TOOLS)/test_pythons.py --latest

mutants: env  ## break the library in many places, one at a time, and see that tests notice
	@$(RUN) $(TOOLS)/mutants.py

bench: env  ## show how fast library and pages are (make bench NAMES="page_load" brings these up to date)
	@$(RUN) $(TOOLS)/bench.py $(if $(NAMES),--update $(NAMES))

.PHONY: assignments grade
assignments: env  ## make student notebooks, autograders and solutions of the problem sets
	@$(RUN) $(TOOLS)/assignments.py

grade: env  ## grade a class: make grade ASSIGNMENT=name SUBMISSIONS=folder [OPTIONS="--seconds 600"]
	@$(RUN) $(TOOLS)/grade.py "$(ASSIGNMENT)" "$(SUBMISSIONS)" $(OPTIONS)

.PHONY: colab test-colab
colab: env  ## make the notebooks for Colab in out/colab: same code, plain Markdown
	@$(RUN) $(TOOLS)/colab.py

test-colab: assignments  ## run them and the student notebooks as Colab would, with the newest packages (half an hour)
	@$(RUN) $(TOOLS)/colab_run.py

pdf: book  ## print the whole book to out/book.pdf (needs a Chromium)
	@$(RUN) $(TOOLS)/pdf.py

.PHONY: slides
slides: book  ## make a deck of every chapter in out/slides, PDF and HTML (needs a Chromium)
	@$(RUN) $(TOOLS)/slides.py

clean:  ## remove executed notebooks and pages (and keep the environment)
	@rm -rf out
