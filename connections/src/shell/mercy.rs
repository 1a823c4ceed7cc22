//! Ending what a command left running. A shell's process id comes in, a POSIX script goes out that ends the command
//! and everything it started, `TERM` first and `KILL` a second later, with the right of whoever runs it. Needs only
//! builtins and `/proc`, or `ps`. A shell without a terminal cannot give commands process groups of their own, so
//! what belongs to the command is told by ancestry and by age: what earlier commands left behind is spared.

/// The script that ends the children of a shell, or with `itself` that process too.
pub(crate) fn script(pid: i64, itself: bool) -> String {
    let itself = u8::from(itself);
    format!("P={pid} S={itself}\n{BODY}")
}

const BODY: &str = r#"
scan() {
  if [ -r /proc/self/stat ]; then
    for f in /proc/[0-9]*/stat; do
      read -r l 2>/dev/null <"$f" || continue
      i=${l%% *} l=${l##*) }
      set -- $l
      [ "$1" = Z ] || echo "$i $2 $3 ${20}"
    done
  else
    ps -A -o pid= -o ppid= -o pgid= | while read -r i p g; do echo "$i $p $g 0"; done
  fi
}
T= D=" " G=
pick() {
  L=$(scan)
  set -- $L
  while [ $# -ge 4 ]; do
    [ "$1" = "$P" ] && G=$3
    if [ -z "$T" ]; then
      if [ $S = 1 ]; then [ "$1" = "$P" ] && T=$4; else [ "$2" = "$P" ] && T=$4; fi
    elif [ $S = 0 ] && [ "$2" = "$P" ] && [ "$4" -lt "$T" ]; then T=$4
    fi
    shift 4
  done
  N=" "
  set -- $L
  while [ $# -ge 4 ]; do
    if [ $S = 1 ] && [ "$1" = "$P" ] || [ "$2" = "$P" ]; then N="$N$1 "; fi
    case $D in *" $1.$4 "*) N="$N$1 ";; esac
    shift 4
  done
  O=" $P "
  [ $S = 1 ] && O=" "
  c=$P
  while [ -n "$c" ]; do
    u=
    set -- $L
    while [ $# -ge 4 ]; do
      [ "$1" = "$c" ] && { u=$2; [ "$c" != "$P" ] && { [ "$3" = "$G" ] && O="$O$c " || u=; }; }
      shift 4
    done
    c=$u
  done
  set -- $L
  while [ $# -ge 4 ]; do
    if [ -n "$T" ] && [ "$3" = "$G" ] && [ "$4" -lt "$T" ]; then O="$O$1 "; fi
    shift 4
  done
  more=1
  while [ $more = 1 ]; do
    more=0
    set -- $L
    while [ $# -ge 4 ]; do
      case $N$O in
      *" $1 "*) ;;
      *)
        case $N in *" $2 "*) N="$N$1 " more=1;; *)
          case $O in *" $2 "*) [ "$2" = "$P" ] || { O="$O$1 " more=1; };; esac;;
        esac;;
      esac
      shift 4
    done
  done
  set -- $L
  while [ $# -ge 4 ]; do
    case $N$O in *" $1 "*) ;; *)
      if [ -n "$T" ] && [ "$3" = "$G" ] && [ "$4" -ge "$T" ] && [ "$4" != 0 ]; then N="$N$1 "; fi;;
    esac
    case $N in *" $1 "*) D="$D$1.$4 ";; esac
    shift 4
  done
}
pick
[ "$N" = " " ] || kill -TERM $N 2>/dev/null
for w in 1 2 3 4 5 6 7 8 9 10; do
  pick
  [ "$N" = " " ] && exit 0
  sleep 0.1 2>/dev/null || { sleep 1; break; }
done
for w in 1 2 3 4 5; do
  pick
  [ "$N" = " " ] && exit 0
  kill -KILL $N 2>/dev/null
  sleep 0.05 2>/dev/null
done
exit 1
"#;
