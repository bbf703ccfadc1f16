scoredir = $(scorebookdir)/score
score_HEADERS = %D%/score.h
