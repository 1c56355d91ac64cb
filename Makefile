# Everything starts here: `make book` builds the book, `make test` tests it, `make help` lists the rest.
# Only Python >= 3.11, git and make are needed; the first target makes an environment in .venv.

SHELL := /bin/sh
RUN := .venv/bin/python
TOOLS := book/_tools

.DEFAULT_GOAL := help
.PHONY: help env book serve lab test test-fast clean

help:  ## list every target
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-13s %s\n", $$1, $$2}' Makefile

env:  ## make or repair the environment in .venv (every target below does it first)
	@sh $(TOOLS)/bootstrap.sh

book: env  ## execute what changed, build the pages, check them
	@$(RUN) $(TOOLS)/build.py

serve: env  ## show the built book on localhost
	@$(RUN) $(TOOLS)/serve.py

lab: env  ## open the chapters in JupyterLab
	@$(RUN) -m jupyterlab --notebook-dir book

test: env  ## test everything: style, library, every notebook afresh, pages, browser
	@$(RUN) $(TOOLS)/test_all.py

test-fast: env  ## test style and library only
	@$(RUN) $(TOOLS)/test_all.py lint unit

clean:  ## remove executed notebooks and pages (and keep the environment)
	@rm -rf out
