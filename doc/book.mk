# The woven book, by make so that a change re-weaves what it touches and `make -j` helps. Called from local.mk:
#   make -f doc/book.mk SRC=<source tree> OUT=<folder for the pages>

WEAVE = LC_ALL=C sh $(SRC)/doc/weave
MAKEFLAGS += --no-print-directory -rR

# Sources are prerequisites here: no built-in rule may make one.
.SUFFIXES:
%: %.c
%: %.sh
%: %.o

# The lists are made first, and touched only where they change.
NONE := $(shell mkdir -p $(OUT)/.lists && $(WEAVE) lists $(SRC) $(OUT) || echo failed)
ifneq ($(NONE),)
$(error the book's lists could not be made)
endif
PATHS := $(shell cut -f1 $(OUT)/.lists/pages.tsv)
SOURCES := $(filter-out doc/%,$(PATHS))
DOCUMENTS := $(filter doc/%,$(PATHS))
LISTS := $(addprefix $(OUT)/.lists/,pages.tsv symbols.tsv equations.tsv says.tsv held.tsv tests.tsv)
TOOLS := $(addprefix $(SRC)/doc/,weave weave.awk polish.awk cites.awk rooms.tsv)
FONTS := $(notdir $(wildcard $(SRC)/doc/fonts/*))

html: $(SOURCES:%=$(OUT)/%.html) $(DOCUMENTS:%=$(OUT)/%.html) $(OUT)/index.html $(OUT)/equations.html $(OUT)/book.css \
  $(FONTS:%=$(OUT)/fonts/%)

$(SOURCES:%=$(OUT)/%.html): $(OUT)/%.html: $(SRC)/% $(TOOLS) $(LISTS)
	@$(WEAVE) page $(SRC) $(OUT) $*
$(DOCUMENTS:%=$(OUT)/%.html): $(OUT)/%.html: $(SRC)/%.md $(TOOLS) $(LISTS)
	@$(WEAVE) page $(SRC) $(OUT) $*
$(OUT)/equations.html: $(TOOLS) $(LISTS) $(OUT)/.lists/cites.tsv
	@$(WEAVE) equations $(SRC) $(OUT)
$(OUT)/index.html: $(TOOLS) $(LISTS) $(SRC)/doc/index.text $(wildcard $(OUT)/../results/index.html $(OUT)/../tests/equations.html)
	@$(WEAVE) index $(SRC) $(OUT)
$(OUT)/book.css: $(SRC)/doc/book.css
	@cp $< $@ && chmod u+w $@
$(OUT)/fonts/%: $(SRC)/doc/fonts/%
	@mkdir -p $(OUT)/fonts && cp $< $@ && chmod u+w $@

.PHONY: html
.DELETE_ON_ERROR:
