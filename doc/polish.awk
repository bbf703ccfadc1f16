# What pandoc cannot know: make a fragment a page, with links.
#   awk -v path=src/process/vp.c -v root=../../ -v title=... -f polish.awk \
#     list=pages pages.tsv list=symbols symbols.tsv list=lines lines.tsv list=equations equations.tsv \
#     list=says says.tsv list=held held.tsv list=tests tests.tsv list= FRAGMENT
# The lists are those of `weave lists`.

function text(s) { gsub(/&/, "\\&amp;", s); gsub(/</, "\\&lt;", s); gsub(/>/, "\\&gt;", s); gsub(/"/, "\\&quot;", s); return s }
function label(p,    t) { t = title_of[p]; gsub(/`/, "", t); return text(t) }
function short(p) { sub(/^.*\//, "", p); return p }
function link(p, inner, class) { return "<a" (class ? " class=\"" class "\"" : "") " href=\"" root p ".html\">" inner "</a>" }
function here(p) { return p == path ? "" : root p ".html" }

# [scoresde.eq29] becomes a link to the equation index, and a place that the index links to.
function cite(s,    out, id, k) {
  while (match(s, /\[(dsm2ddpm|scoresde|soft|consistent|nonuniform)\.[A-Za-z0-9._-]*[A-Za-z0-9]\]/)) {
    id = substr(s, RSTART + 1, RLENGTH - 2)
    k = ++times[id]
    out = out substr(s, 1, RSTART - 1) "<a class=\"eq\" id=\"at-" id (k > 1 ? "-" k : "") "\" title=\"" text(statement[id]) \
          "\" href=\"" root "equations.html#" id "\">" id "</a>"
    s = substr(s, RSTART + RLENGTH)
  }
  return out s
}

# sb_names become links: from a use to the definition, from the definition to the declaration.
function names(s, line,    out, word, to) {
  while (match(s, /[A-Za-z_][A-Za-z0-9_]*/)) {
    word = substr(s, RSTART, RLENGTH)
    to = ""
    if (word ~ /^(sb_|SB_|property_)/ && (word in defined)) {
      to = defined[word]
      if (line in name_at && name_at[line] == word) {
        if (to == path "#" word) to = declared[word]
        if (to == path "#" word) to = ""
      }
    }
    if (to) {
      sub(/#/, ".html#", to)
      word = "<a class=\"name\" href=\"" root to "\">" word "</a>"
    }
    out = out substr(s, 1, RSTART - 1) word
    s = substr(s, RSTART + RLENGTH)
  }
  return out s
}

# The same in a line of highlighted code: only outside of tags, entities, strings and comments.
function code_line(s, line,    out, n, part, i, tag, rest, at, skip) {
  n = split(s, part, "<")
  out = part[1] ~ /&/ ? part[1] : names(part[1], line)
  for (i = 2; i <= n; i++) {
    at = index(part[i], ">")
    tag = substr(part[i], 1, at)
    rest = substr(part[i], at + 1)
    if (tag ~ /class="(st|co|im|ch|sc)"/) skip = 1
    else if (tag ~ /^\/span/) skip = 0
    out = out "<" tag (skip || rest ~ /&/ ? rest : names(rest, line))
  }
  return out
}

# `path`, `path:name`, `name` in prose.
function inline_code(s,    out, inner, to, name, p) {
  while (match(s, /<code>[^<]*<\/code>/)) {
    inner = substr(s, RSTART + 6, RLENGTH - 13)
    p = inner; sub(/:.*/, "", p)
    name = inner; sub(/^[^:]*:/, "", name)
    sub(/ \(.*/, "", name)
    to = ""
    if (p in title_of && p != path) to = p ".html"
    if (p in title_of && p != inner && name ~ /^[0-9]+$/) to = p ".html#L" name
    else if (p in title_of && (p "\t" name) in test) to = p ".html#test-" name
    else if (to == "") {
      name = inner; sub(/[ (].*/, "", name)
      if (name in defined && name ~ /_/) { to = defined[name]; sub(/#/, ".html#", to) }
      else if ((dir p) in title_of && dir p != path) to = dir p ".html"
      else if (("src/" p) in title_of && "src/" p != path) to = "src/" p ".html"
      else if (("tests/" p) in title_of && "tests/" p != path) to = "tests/" p ".html"
    }
    inner = "<code>" inner "<\t/code>"
    if (to) inner = "<a class=\"name\" href=\"" root to "\">" inner "</a>"
    out = out substr(s, 1, RSTART - 1) inner
    s = substr(s, RSTART + RLENGTH)
  }
  out = out s
  gsub(/<\t\/code>/, "</code>", out)
  return out
}

# What browsers need to set pandoc's MathML as TeX would. TeX's plain brackets keep their size, \\big ones have the size
# they say, and those of \\left stretch; accents are the spacing characters, which are placed over the middle; words and
# bold digits, whose variant is no longer inherited, say what they are; a minus after a relation or a bracket is a sign;
# operators in scripts stand close.
function maths(s,    out, m, at, d) {
  while ((at = index(s, "<math "))) {
    out = out substr(s, 1, at - 1); s = substr(s, at)
    at = index(s, "</math>") + 7
    m = substr(s, 1, at - 1); s = substr(s, at)
    while (match(m, /minsize="[0-9.]+" maxsize="[0-9.]+" stretchy="false"/)) {
      at = substr(m, RSTART + 9, RLENGTH); sub(/".*/, "", at)
      m = substr(m, 1, RSTART - 1) "minsize=\"" at "em\" maxsize=\"" at "em\" stretchy=\"big\"" substr(m, RSTART + RLENGTH)
    }
    if (m !~ /\\left[^a-z]/) gsub(/stretchy="true"/, "stretchy=\"false\"", m)
    gsub(/stretchy="big"/, "stretchy=\"true\"", m)
    gsub(/>∥<\/mo>/, " lspace=\"0\" rspace=\"0\">‖</mo>", m)
    while (match(m, /(<mo>(=|≈|∝|≤|≥|→|,|;|∼|≔)<\/mo>(<mspace width="[^"]*"><\/mspace>)?|form="prefix">[[(|]<\/mo>)<mo>−<\/mo>/))
      m = substr(m, 1, RSTART + RLENGTH - 10) " form=\"prefix\"" substr(m, RSTART + RLENGTH - 9)
    if (m !~ /\\wide/) {
      gsub(/accent="true">\xCC\x82/, "accent=\"true\" stretchy=\"false\">\xCB\x86", m)
      gsub(/accent="true">\xCC\x83/, "accent=\"true\" stretchy=\"false\">\xCB\x9C", m)
      gsub(/accent="true">\xCC\x87/, "accent=\"true\" stretchy=\"false\">\xCB\x99", m)
      gsub(/accent="true">\xE2\x80\xBE/, "accent=\"true\" stretchy=\"false\">\xC2\xAF", m)
    }
    while (match(m, /<mo>(ς|ϱ|𝜚|ϰ|𝜘|ϝ|ℓ|ℵ|ϖ|ℶ)<\/mo>/)) # letters that pandoc takes for operators
      m = substr(m, 1, RSTART + 1) "i" substr(m, RSTART + 3, RLENGTH - 5) "i" substr(m, RSTART + RLENGTH - 1)
    gsub(/<mo>[A-Za-z]+<\/mo><mrow><mo [^>]*form="prefix">/, "<mo\t&", m)
    gsub(/<mo\t<mo>/, "<mo lspace=\".12em\" rspace=\"0\">", m)
    while (match(m, /<mo>[A-Za-z][A-Za-z]+<\/mo>/))
      m = substr(m, 1, RSTART + 2) " lspace=\".12em\" rspace=\".16em\"" substr(m, RSTART + 3)
    while (match(m, /<mstyle mathvariant="normal">(<mi>[^<]*<\/mi>)+<\/mstyle>/)) {
      d = substr(m, RSTART + 29, RLENGTH - 38)
      gsub(/<\/?mi>/, "", d)
      m = substr(m, 1, RSTART - 1) "<mi mathvariant=\"normal\">" d "</mi>" substr(m, RSTART + RLENGTH)
    }
    while (match(m, /<mstyle mathvariant="bold"><mn>[0-9]<\/mn><\/mstyle>/)) {
      d = substr(m, RSTART + 31, 1)
      m = substr(m, 1, RSTART - 1) "<mn>" sprintf("\xF0\x9D\x9F%c", 142 + d) "</mn>" substr(m, RSTART + RLENGTH)
    }
    out = out fit(scripts(m))
  }
  return out s
}

# A wide display is broken where its parts stand apart by a quad; what is still wide is set smaller beside code.
function width(s) {
  sub(/<annotation.*/, "", s); gsub(/<[^>]*>/, "", s); gsub(/[\x80-\xBF]/, "", s)
  return length(s)
}
function fit(m,    n, part, i, depth, head, foot, line, wide, out, from) {
  if (m !~ /^<math display="block"/ || width(m) <= 40) return m
  if (!match(m, /^<math [^>]*><semantics><mrow>/)) return sized(m)
  head = substr(m, 1, RLENGTH); m = substr(m, RLENGTH + 1)
  i = index(m, "</mrow><annotation"); foot = substr(m, i); m = substr(m, 1, i - 1)
  n = split(m, part, "<")
  for (i = 2; i <= n; i++) {
    if (depth == 0 && part[i] ~ /^mspace width="[12](\.0)?em"/) {
      from = line; line = ""
      # Keep parts together for as long as they fit.
      if (wide != "" && width(wide) + width(from) > 44) { out = out sized(head wide foot); wide = from }
      else wide = wide (wide == "" ? "" : "<mspace width=\"2em\"></mspace>") from
      i++ # its end tag
      continue
    }
    line = line "<" part[i]
    if (part[i] ~ /^\//) depth--
    else if (part[i] !~ /\/>/) depth++
  }
  if (wide != "" && width(wide) + width(line) > 44) { out = out sized(head wide foot); wide = line }
  else wide = wide (wide == "" ? "" : "<mspace width=\"2em\"></mspace>") line
  return out sized(head wide foot)
}
function sized(m,    n) {
  n = width(m)
  if (n > 40) sub(/<math /, "<math class=\"" (n > 66 ? "w4" : n > 57 ? "w3" : n > 48 ? "w2" : "w1") "\" ", m)
  return m
}
function scripts(m,    out, flat) {
  while (match(m, /(<m(sub|sup|subsup|under|underover)>(<mi>[^<]*<\/mi>|<mo[^>]*>[^<]*<\/mo>|<mstyle [^>]*><mi>[^<]*<\/mi><\/mstyle>)<mrow>(<m[ino][^>]*>[^<]*<\/m[ino]>)+<\/mrow>)|(<mrow>(<m[ino][^>]*>[^<]*<\/m[ino]>)+<\/mrow><\/m(sub|sup|subsup|under|over|underover)>)/)) {
    flat = substr(m, RSTART, RLENGTH)
    gsub(/<mo>/, "<mo lspace=\"0\" rspace=\"0\">", flat)
    out = out substr(m, 1, RSTART - 1) flat
    m = substr(m, RSTART + RLENGTH)
  }
  return out m
}

function include(s,    file, to) {
  if (!match(s, /&quot;[^&]*&quot;/)) return s
  file = substr(s, RSTART + 6, RLENGTH - 12)
  to = dir file
  while (sub(/[^\/]+\/\.\.\//, "", to)) ;
  if (!(to in title_of)) to = "src/" file
  if (!(to in title_of)) to = "tests/" file
  if (!(to in title_of)) return s
  return substr(s, 1, RSTART - 1) link(to, "&quot;" file "&quot;", "name") substr(s, RSTART + RLENGTH)
}

function twin(p,    base, d) {
  base = short(p); d = p; sub(/[^\/]*$/, "", d)
  sub(/\.[a-z]+$/, "", base); sub(/^test_/, "", base); sub(/^(src|tests)\//, "", d)
  own["source"] = "src/" d base ".c"; own["header"] = "src/" d base ".h"; own["test"] = "tests/" d "test_" base ".c"
}

BEGIN { FS = "\t"; dir = path; sub(/[^\/]*$/, "", dir) }
list == "pages" {
  title_of[$1] = $3
  if ($1 ~ /\.c$/ || $4 == "chapter") { # the book's order goes through sources, or through tests
    side = ($1 ~ /^tests/) ? "tests" : ($1 ~ /^src/) ? "src" : ($1 ~ /^exp/) ? "experiments" : "doc"
    order[side, ++count[side]] = $1; place[$1] = count[side]
  }
  room_of[$1] = $2; is_room[$2]
  next
}
list == "symbols" {
  if ($1 == "test") { test[$2 "\t" $3]; next }
  if ($1 == "declared") declared[$3] = $2 "#" $3
  if ($1 == "defined" || !($3 in defined)) defined[$3] = $2 "#" $3
  next
}
list == "lines" { if ($2 == path) name_at[$3] = ($1 == "test" ? "test-" : "") $4; next }
list == "says" { html[$1] = $2; next }
list == "held" { if ($1 == path) held[++holds] = $2; at_home[$2] = at_home[$2] "\t" $1; next }
list == "tests" { if ($1 == path) tests[++tested] = $2; if ($2 == path && !($1 in tests_of)) { tests_of[$1]; subject[++subjects] = $1 } next }
list == "equations" { statement[$1] = $3; gsub(/\$/, "", statement[$1]); next }

# ---- The page ----

FNR == 1 {
  twin(path)
  side = (path ~ /^tests/) ? "tests" : (path ~ /^src/) ? "src" : (path ~ /^exp/) ? "experiments" : "doc"
  key = path
  if (!(key in place) && own["source"] in place) key = own["source"]
  previous = place[key] > 1 ? order[side, place[key] - 1] : ""
  next_one = key in place ? order[side, place[key] + 1] : ""

  print "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">"
  print "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
  print "<title>" text(title) (title == "Scorebook" ? "" : " · Scorebook") "</title>"
  print "<link rel=\"stylesheet\" href=\"" root "book.css\">\n</head>"
  print "<body class=\"" kind "\">\n<header>\n<nav>"
  print "<a class=\"home\" href=\"" root "index.html\">Scorebook</a>"
  room = room_of[path]
  if (room ~ /\//) {
    name = room; sub(/^[a-z]*\//, "", name)
    to = ("src/" name) in is_room ? "src/" name : side
    print "<a href=\"" root "index.html#" to "\">" text(side == "src" ? name : room) "</a>"
  }
  print "<span class=\"path\">" text(path ~ /\// ? short(path) : "") "</span>"
  n = 0
  if (path ~ /^(src|tests)\//) {
    split("source header test", what, " ")
    for (i = 1; i <= 3; i++)
      if (own[what[i]] in title_of && own[what[i]] != path) print link(own[what[i]], what[i], "twin")
    if (!(own["test"] in title_of))
      for (i = 1; i <= tested; i++) print link(tests[i], short(tests[i]), "twin")
    if (path ~ /^tests/ && !(own["source"] in title_of) && !(own["header"] in title_of))
      for (i = 1; i <= subjects && i <= 3; i++) print link(subject[i], short(subject[i]), "twin")
  }
  print "<span class=\"gap\"></span>"
  print "<a href=\"" root "equations.html\">Equations</a>"
  if (previous) print "<a rel=\"prev\" title=\"" label(previous) "\" href=\"" root previous ".html\">&larr;<span> " short(previous) "</span></a>"
  if (next_one) print "<a rel=\"next\" title=\"" label(next_one) "\" href=\"" root next_one ".html\"><span>" short(next_one) " </span>&rarr;</a>"
  print "</nav>\n</header>\n<main>"
}

# A display may run over several lines: take it as one.
{
  while (split($0, parts, "<math ") > split($0, ends, "</math>")) {
    if ((getline more) <= 0) break
    $0 = $0 " " more
  }
}
/<div class="sourceCode" id="L"/ { sub(/ id="L"/, ""); sub(/ data-startFrom="[0-9]*"/, ""); sub(/class="sourceCode"/, "class=\"code\"") }
{
  in_code = match($0, /<span id="L-[0-9]+">/)
  if (in_code) {
    line = substr($0, RSTART + 12, RLENGTH - 14)
    head = substr($0, 1, RSTART - 1); tail = substr($0, RSTART + RLENGTH)
    sub(/<a href="#L-[0-9]+"><\/a>/, "", tail)
    if (head ~ /<pre/) opened = 1
    if (tail ~ /class="im"/) tail = include(tail)
    else tail = code_line(tail, line)
    $0 = head "<span id=\"L" line "\">" (line in name_at ? "<a id=\"" name_at[line] "\"></a>" : "") "<a class=\"n\" href=\"#L" line "\">" line "</a>" cite(tail)
    gsub(/ style="counter-reset: source-line [0-9]*;"/, "")
  } else {
    if (kind == "chapter") sub(/ class="sourceCode [a-z]*"/, "")
    $0 = cite(maths($0))
    if (kind != "front") $0 = inline_code($0)
  }
  # Links between documents and sources, as they stand in the repository, lead to their pages here.
  while (match($0, /href="[^":#]*\.(c|h|sh|md)["#]/)) {
    target = substr($0, RSTART + 6, RLENGTH - 7)
    tail = substr($0, RSTART + RLENGTH - 1)
    sub(/\.md$/, "", target)
    $0 = substr($0, 1, RSTART - 1) "href=\"" target ".html" tail
  }
  printf "%s%s", $0, in_code && !/<\/pre>/ ? "" : "\n"
}
END {
  print "</main>"
  # The equations that this page holds, each with the pages that hold it too.
  if (holds && kind == "chapter") {
    print "<section class=\"holds\">\n<h2>Equations on this page</h2>\n<table>"
    for (i = 1; i <= holds; i++) {
      id = held[i]
      n = split(substr(at_home[id], 2), other, "\t"); also = ""
      for (k = 1; k <= n; k++) if (other[k] != path && other[k] in title_of)
        also = also " <a href=\"" root other[k] ".html#at-" id "\">" short(other[k]) "</a>"
      print "<tr><th><a href=\"#at-" id "\">" id "</a></th><td>" maths(html[id]) "</td><td class=\"also\">" also "</td></tr>"
    }
    print "</table>\n</section>"
  }
  if (previous || next_one) {
    print "<footer>"
    print "<span>" (previous ? link(previous, "&larr; " label(previous)) : "") "</span>"
    print "<span>" (next_one ? link(next_one, label(next_one) " &rarr;") : "") "</span>"
    print "</footer>"
  }
  print "</body>\n</html>"
}
