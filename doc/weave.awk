# Turn one source file into Markdown: rows of prose (comment blocks that start in column 0) and the code they precede.
#   awk -v name=vp.c -v language=c -v mark=// [-v title=vp.h -v include=scorebook/process/vp.h] -f weave.awk FILE
# In C files every such block is Markdown. In headers a block is taken when it starts a paragraph, and is plain text
# unless it has a heading or maths. In scripts the mark is "#" and all is plain text.

function is_comment(line) {
  return index(line, mark) == 1 && line !~ /^\/\/ *(clang-format|NOLINT|LCOV|GCOV)/ && !(mark == "#" && line ~ /^#!/)
}

# Plain text, made safe: everything that Markdown would read is escaped, but for `code`.
function plain(text,    i, n, out, part) {
  n = split(text, part, "`")
  if (n % 2 == 0) return escape(text)
  for (i = 1; i <= n; i++) out = out (i % 2 ? escape(part[i]) : "`" part[i] "`")
  return out
}
function escape(text) {
  gsub(/[][\\`*_{}()#+.!<>$^~|@&"'=-]/, "\\\\&", text)
  return text
}

function prose_line(line) {
  line = substr(line, length(mark) + 1)
  if (line ~ /^ /) line = substr(line, 2)
  gsub(/\\Big[lr]/, "\\Big", line) # the one size that pandoc's TeX reader knows by no other name
  return line
}

function flush_row(    i, k, all, markdown, last) {
  while (codes && code[codes] ~ /^[ \t]*$/) codes--
  for (k = 1; k <= codes && code[k] ~ /^[ \t]*$/; k++) ;
  if (!proses && k > codes) { codes = 0; return }

  print "::: {.row" (proses || lead ? "" : " .bare") (k > codes ? " .wide" : "") "}\n"
  if (lead && !proses) print "::: {.prose}\n\n" lead "\n:::\n"
  if (proses) {
    markdown = !header && mark != "#"
    all = ""
    for (i = 1; i <= proses; i++) all = all "\n" prose[i]
    if (header && all ~ /\$[^$]+\$|\n#+ /) markdown = 1
    print "::: {.prose" (markdown ? "" : " .plain") "}\n"
    last = ""
    if (lead) print lead
    for (i = 1; i <= proses; i++) {
      if (markdown) print prose[i]
      else if (prose[i] ~ /^  /) { print (last ~ /^  / ? "" : "\n") "    " prose[i] }
      else { if (last ~ /^  /) print ""; print plain(prose[i]) }
      last = prose[i]
    }
    print "\n:::\n"
  }
  if (k <= codes) {
    print "~~~~~~~~~~~ {." language " .numberLines #L startFrom=" first + k - 1 "}"
    for (; k <= codes; k++) print code[k]
    print "~~~~~~~~~~~\n"
  }
  print ":::\n"
  proses = codes = 0
  lead = ""
}

BEGIN {
  header = (name ~ /\.h$/); blank = 1
  # A file without a heading of its own is headed by its name, a header by how it is included.
  if (title != "") lead = "# `" title "`\n" (include != "" ? "\n`#include <" include ">`\n" : "")
}
{
  if (is_comment($0) && (!header || taking || blank)) {
    if (!taking) {
      # A second block with no code between joins the first, unless it opens a section.
      for (i = 1; i <= codes && code[i] ~ /^[ \t]*$/; i++) ;
      if (codes && i > codes && proses && $0 !~ /^\/\/ #/) { prose[++proses] = ""; codes = 0 }
      else flush_row()
    }
    taking = 1
    prose[++proses] = prose_line($0)
  } else {
    if (!codes) first = FNR
    taking = 0
    code[++codes] = $0
  }
  blank = ($0 ~ /^[ \t]*$/)
}
END { flush_row() }
