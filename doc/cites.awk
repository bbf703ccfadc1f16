# Every [paper.id] of some files, in order: path, line, id, how often it has stood in its file, and, among tests in C, the
# test that would fail if it were wrong, SUITE::NAME, which is the first one below it: awk -f cites.awk FILE...

BEGIN { OFS = "\t" }

FNR == 1 {
  print_held("")
  split("", times)
}

{
  rest = $0
  while (match(rest, /\[(dsm2ddpm|scoresde|soft|consistent|nonuniform)\.[A-Za-z0-9._-]*[A-Za-z0-9]\]/)) {
    id = substr(rest, RSTART + 1, RLENGTH - 2)
    times[id]++
    held[++count] = FILENAME OFS FNR OFS id OFS times[id]
    rest = substr(rest, RSTART + RLENGTH)
  }
}

/^(Test|ParameterizedTest|Theory|IN_EACH_WORLD) \(/ {
  test = substr($0, index($0, "(") + 1)
  if (/^ParameterizedTest/) sub(/^[^,]*, */, "", test)
  split(test, part, /[,) ]+/)
  print_held(part[1] "::" part[2])
}

END { print_held("") }

function print_held(test,    k) {
  for (k = 1; k <= count; k++) print held[k], test
  count = 0
}
