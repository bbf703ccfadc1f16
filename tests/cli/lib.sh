# What the program's tests share. A test is a POSIX shell script that sources this file; it runs `scorebook` (a function
# here) in a scratch folder and says what must be true. The first thing that is not true ends it.

set -eu
LC_ALL=C; export LC_ALL

root=$(cd "$top_builddir" && pwd)
data=$(cd "$srcdir/data" && pwd)
manual=$(cd "$srcdir/doc" && pwd)/scorebook.1
digits=$data/t10k-images-idx3-ubyte.gz

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
cd "$scratch"
mkdir out

scorebook() { "$root/scorebook" "$@"; }

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

# succeeds ARGUMENT...: status 0.
succeeds() {
  scorebook "$@" >stdout 2>stderr || {
    status=$?
    cat stderr >&2
    fail "status $status: scorebook $*"
  }
}

# refuses STATUS REGEX ARGUMENT...: that status, and one line "scorebook: ..." on standard error that matches; nothing on
# standard output; nothing new in out/.
refuses() {
  expected=$1 regex=$2
  shift 2
  before=$(find out | sort)
  status=0
  scorebook "$@" >stdout 2>stderr || status=$?
  [ "$status" -eq "$expected" ] || {
    cat stderr >&2
    fail "status $status, not $expected: scorebook $*"
  }
  [ "$(wc -l <stderr)" -eq 1 ] || fail "not one line but: $(cat stderr) -- scorebook $*"
  grep -q '^scorebook: ' stderr || fail "no 'scorebook: ' before: $(cat stderr) -- scorebook $*"
  grep -Eq -e "$regex" stderr || fail "no '$regex' in: $(cat stderr) -- scorebook $*"
  [ ! -s stdout ] || fail "standard output is not empty: scorebook $*"
  [ "$(find out | sort)" = "$before" ] || fail "files were left: $(find out) -- scorebook $*"
}

same() { cmp -s "$1" "$2" || fail "$1 and $2 differ: $3"; }
differ() { cmp -s "$1" "$2" && fail "$1 and $2 are the same: $3" || :; }
