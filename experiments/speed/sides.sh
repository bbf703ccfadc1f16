# Two sides that take turns: source it with `. "$EXPERIMENTS/speed/sides.sh"`. A side is a process that says "ready
# ...", then answers a line "N" with the seconds of one of N units of work, and the end of input with the largest
# memory it had, in MB (rounds.h, rounds.py).

pause=${PAUSE-0.3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
trap '' PIPE

give_up() { echo "$*" >&2; cat "$work"/*.log >&2; exit 1; }

# python_with MODULE: the first Python that has it.
python_with() {
  for python in ${PYTHON-} python3 /usr/bin/python3
  do
    "$python" -c "import $1" 2>/dev/null && { echo "$python"; return; }
  done
  return 1
}

# begin ours|peer COMMAND...: start a side and wait until it has warmed up. Of the pipes that lead to the other side it
# knows nothing, or that would never see the end of its input.
begin() {
  side=$1
  shift
  rm -f "$work/$side".*
  mkfifo "$work/$side.in" "$work/$side.out"
  case $side in
    ours)
      "$@" <"$work/ours.in" >"$work/ours.out" 2>"$work/ours.log" 5>&- 6<&- &
      ours_process=$!
      exec 3>"$work/ours.in" 4<"$work/ours.out"
      read -r word facts <&4 || give_up "ours did not start: $*" ;;
    peer)
      "$@" <"$work/peer.in" >"$work/peer.out" 2>"$work/peer.log" 3>&- 4<&- &
      peer_process=$!
      exec 5>"$work/peer.in" 6<"$work/peer.out"
      read -r word facts <&6 || give_up "the peer did not start: $*" ;;
  esac
  [ "$word" = ready ] || give_up "not ready: $*: $word $facts"
  echo "$facts" >"$work/$side.facts"
  : >"$work/$side.seconds"
}

# turn ours|peer N: N units of work. First a pause: threads of the other side's libraries (OpenBLAS's, a tenth of a
# second) still look out for work when theirs is done, and would do so on the processors of this side.
turn() {
  sleep "$pause"
  case $1 in
    ours) echo "$2" >&3; read -r seconds <&4 || give_up "ours has ended" ;;
    peer) echo "$2" >&5; read -r seconds <&6 || give_up "the peer has ended" ;;
  esac
  echo "$seconds" >>"$work/$1.seconds"
}

# end ours|peer: leave its median and its memory in $work/SIDE.median and $work/SIDE.memory.
end() {
  case $1 in
    ours) exec 3>&-; read -r memory <&4 || give_up "ours did not end well"; exec 4<&-; wait "$ours_process" ;;
    peer) exec 5>&-; read -r memory <&6 || give_up "the peer did not end well"; exec 6<&-; wait "$peer_process" ;;
  esac
  echo "$memory" >"$work/$1.memory"
  sort -g "$work/$1.seconds" |
    awk '{ s[NR] = $1 } END { print NR % 2 ? s[(NR + 1) / 2] : (s[NR / 2] + s[NR / 2 + 1]) / 2 }' >"$work/$1.median"
}

# fact SIDE NAME: the number after that word in what the side said when it was ready.
fact() { awk -v name="$2" '{ for (k = 1; k < NF; k++) if ($k == name) print $(k + 1) }' "$work/$1.facts"; }
