# Does every link inside the book lead somewhere? Does every formula arrive as a formula?
#   cd html; awk -f links.awk $(find . -name '*.html' | sed 's|^\./||')
# Prints a line for each link to a page or a place that is not there, and for TeX left over in the text.

function resolve(from, to) {
  sub(/[^\/]*$/, "", from)
  to = from to
  while (sub(/[^\/]+\/\.\.\//, "", to)) ;
  return to
}
function balanced(m,    n, part, i, tag, depth, stack) {
  n = split(m, part, "<")
  for (i = 2; i <= n; i++) {
    tag = part[i]; sub(/[ >].*/, "", tag)
    if (tag ~ /^\//) { if (stack[depth--] != substr(tag, 2)) return 0 }
    else if (part[i] !~ /\/>$/) stack[++depth] = tag
  }
  return depth == 0
}
BEGIN { for (i = 1; i < ARGC; i++) page[ARGV[i]] }
{
  s = $0
  while (match(s, / (id|href|src)="[^"]*"/)) {
    a = substr(s, RSTART + 1, RLENGTH - 2); s = substr(s, RSTART + RLENGTH)
    kind = a; sub(/=.*/, "", kind); sub(/^[a-z]*="/, "", a)
    if (kind == "id") { if ((FILENAME, a) in place) print FILENAME ": two places are called " a; place[FILENAME, a] }
    else if (a !~ /^[a-z]+:/) { link[++links] = a; origin[links] = FILENAME }
  }
  s = $0
  while ((at = index(s, "<math "))) {
    s = substr(s, at); at = index(s, "</math>")
    if (!balanced(substr(s, 1, at + 6))) print FILENAME ": a formula whose tags do not match"
    s = substr(s, at + 7)
  }
  # A file that prose names must be there; polish.awk has made the names that it knows links.
  s = $0
  gsub(/<a class="name"[^>]*><code>[^<]*<\/code><\/a>/, "", s)
  while (match(s, /<code>(src|tests|experiments)\/[^< ]*\.[ch](:[^<]*)?<\/code>/)) {
    a = substr(s, RSTART + 6, RLENGTH - 13); s = substr(s, RSTART + RLENGTH)
    if (a ".html" != FILENAME) print FILENAME ": no such file: " a
  }
  # What is left when tags, code and the formulas themselves are taken away is text.
  s = $0
  gsub(/<annotation[^>]*>[^<]*<\/annotation>/, "", s)
  gsub(/<code>[^<]*<\/code>/, "", s)
  if (s ~ /<script/) script = 1
  if (s ~ /<div class="prose plain">/) plain = 1
  if (s ~ /<\/div>/) plain = 0
  if (!script && !plain && s !~ /<span id="L[0-9]/ && s !~ /^<tr /) {
    gsub(/<[^>]*>/, "", s)
    if (s ~ /\\[A-Za-z]|\$/) { sub(/^ +/, "", s); print FILENAME ": TeX left in the text: " substr(s, 1, 100) }
  }
  if ($0 ~ /<\/script/) script = 0
}
END {
  for (i = 1; i <= links; i++) {
    a = link[i]; anchor = ""
    if ((at = index(a, "#"))) { anchor = substr(a, at + 1); a = substr(a, 1, at - 1) }
    to = a == "" ? origin[i] : resolve(origin[i], a)
    if (!(to in page)) {
      if (to ~ /\.html$/ || (getline line < to) < 0) print origin[i] ": no page " link[i]
      close(to)
    } else if (anchor != "" && !((to, anchor) in place)) print origin[i] ": no place " link[i]
  }
}
