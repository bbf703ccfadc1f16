# The book: the sources woven into pages (make html), or into one file for paper (make pdf).

dist_man_MANS += %D%/scorebook.3
EXTRA_DIST += %D%/weave %D%/weave.awk %D%/polish.awk %D%/cites.awk %D%/book.mk %D%/book.css %D%/book.tex %D%/rooms.tsv %D%/index.text %D%/links.awk \
  %D%/consistent.md %D%/dsm2ddpm.md %D%/errata.md %D%/interfaces.md %D%/nonuniform.md %D%/scoresde.md %D%/soft.md \
  %D%/equations/consistent.tsv %D%/equations/dsm2ddpm.tsv %D%/equations/nonuniform.tsv %D%/equations/scoresde.tsv \
  %D%/equations/soft.tsv \
  %D%/fonts/STIXTwoText-Italic.woff2 %D%/fonts/STIXTwoText-Regular.woff2 %D%/fonts/STIXTwoText-SemiBold.woff2 \
  %D%/fonts/STIXTwoText-SemiBoldItalic.woff2 %D%/fonts/TeXGyreTermesMath-Regular.woff2 %D%/fonts/OFL.txt \
  %D%/fonts/GUST-FONT-LICENSE.txt
examplesdir = $(docdir)/examples
dist_examples_DATA = %D%/examples/blur.c %D%/examples/blur.out %D%/examples/condition.c %D%/examples/condition.out \
  %D%/examples/denoiser.c %D%/examples/denoiser.out %D%/examples/likelihood.c %D%/examples/likelihood.out \
  %D%/examples/own_process.c %D%/examples/own_process.out %D%/examples/train.c %D%/examples/train.out
dist_check_SCRIPTS += tests/doc/citations tests/doc/pages

html-local:
	@test -n '$(PANDOC)' || { echo 'make html: pandoc is missing (Debian: apt install pandoc)' >&2; exit 1; }
	@$(MAKE) -f $(srcdir)/doc/book.mk SRC='$(srcdir)' OUT=html html
	@echo 'The book: html/index.html'

pdf-local:
	@test -n '$(PANDOC)' || { echo 'make pdf: pandoc is missing (Debian: apt install pandoc)' >&2; exit 1; }
	@for engine in xelatex lualatex; do command -v $$engine >/dev/null && break; engine=; done; \
	  test -n "$$engine" || { echo 'make pdf: LaTeX is missing (Debian: apt install texlive-xetex texlive-fonts-recommended)' >&2; exit 1; }; \
	  mkdir -p html && sh '$(srcdir)/doc/weave' lists '$(srcdir)' html && sh '$(srcdir)/doc/weave' pdf '$(srcdir)' html $$engine

# Installed below $(htmldir), in a folder of its own.
install-html-local: html-local
	@find html -name .lists -prune -o -type f -print | while read -r f; do \
	  to="$(DESTDIR)$(htmldir)/book/$${f#html/}"; \
	  $(MKDIR_P) "`dirname "$$to"`" && $(INSTALL_DATA) "$$f" "$$to" || exit 1; done
uninstall-local:
	rm -rf "$(DESTDIR)$(htmldir)/book"

clean-local: clean-book
clean-book:
	rm -rf html scorebook.pdf
.PHONY: clean-book
