#!/bin/bash
# check.sh: runs the model and its mutations, prints a table, ends with 0 only when each came out as it must. Called by `dev model`.
#
#   check.sh               every row but the long ones
#   check.sh full          the long ones too: about 4 GB of memory and ten minutes or more
#   check.sh show NAME     runs one row and prints its counterexample, step by step
set -u
cd "$(dirname "$0")" || exit 1
MODEL=$PWD/channel.pml
WORK=$(mktemp -d /tmp/mithaq-model.XXXXXX)
trap 'rm -rf "$WORK"' EXIT
FAULTS=0
HOLDS_OPTIMISE=1

# name | what must come out: holds, or the property that must be found broken | flags
SMALL="-DMESSAGES=1 -DCRASHES=1 -DRESTORES=1"
NO_RESTORE="-DCRASHES=1 -DRESTORES=0"
ROWS="
one-message          | holds | -DMESSAGES=1 -DCRASHES=2 -DRESTORES=1
two-messages         | holds | -DCRASHES=2 -DRESTORES=0
two-restored         | holds | -DCRASHES=0 -DRESTORES=1
both-ask             | holds | -DCRASHES=0 -DRESTORES=1 -DBOTH_ASK
suspend-crossing     | holds | $SMALL -DSUSPENDS=1
suspend-two          | holds | $NO_RESTORE -DSUSPENDS=1
lying-reader         | holds | -DMESSAGES=1 -DCRASHES=2 -DRESTORES=1 -DLIAR
one-epoch-no-restore | holds | -DMESSAGES=1 -DCRASHES=2 -DRESTORES=0 -DONE_EPOCH -DONLY=1
COUNTER_EPOCH        | P1    | $SMALL -DCOUNTER_EPOCH
ONE_EPOCH            | P1    | $SMALL -DONE_EPOCH
SIGN_BEFORE_FSYNC    | P1    | $NO_RESTORE -DSIGN_BEFORE_FSYNC -DONLY=1
SIGN_BEFORE_FSYNC_3  | P3    | $NO_RESTORE -DSIGN_BEFORE_FSYNC
DEDUPE_BY_INDEX      | P2    | $SMALL -DDEDUPE_BY_INDEX
RECEIPT_BEFORE_FSYNC | P4    | $SMALL -DRECEIPT_BEFORE_FSYNC
DELIVERED_EARLY      | P5    | $NO_RESTORE -DRECEIPT_BEFORE_FSYNC -DONLY=5
NO_ADOPT             | P6    | $SMALL -DNO_ADOPT
ADOPT_ANY_ORDER      | P6    | $SMALL -DADOPT_ANY_ORDER
SUSPEND_BY_ARRIVAL   | P7    | $NO_RESTORE -DSUSPENDS=1 -DSUSPEND_BY_ARRIVAL
JUDGE_ON_ARRIVAL     | P7    | $NO_RESTORE -DSUSPENDS=1 -DJUDGE_ON_ARRIVAL
REACH_ADOPT          | there | $SMALL -DREACH_ADOPT
REACH_CROSSING       | there | $NO_RESTORE -DSUSPENDS=1 -DREACH_CROSSING
REACH_END            | there | -DCRASHES=1 -DRESTORES=1 -DREACH_END
"
LONG="
two-and-two          | holds | -DCRASHES=1 -DRESTORES=1
two-lying            | holds | -DCRASHES=1 -DRESTORES=1 -DLIAR
two-two-one          | holds | -DCRASHES=2 -DRESTORES=1
"

die() { echo "model: $*" >&2; exit 1; }

# build FLAG...: the search of one row. A state is stored as 96 bits of its hash. Spin hashes tables of ordinary size with a
# function of 32 bits, which loses one state in two thousand of a million here; with its other one, of 64, none is lost.
build() {
	spin "$@" -a "$MODEL" >spin.out 2>&1 || die "spin: $(head -n 3 spin.out)"
	# Most of the time of a small search is its compilation.
	sed -i 's/hasher = d_sfh;/hasher = d_hash;/' pan.c
	gcc -O$OPTIMISE -w -DSAFETY -DNOREDUCE -DHC4 -DMEMLIM=9000 -o pan pan.c || die "the search does not compile"
}

# A party that waits for what a liar withholds waits for ever, so there the search does not ask for an end (-E).
search() {
	local options=(-m10000)
	[[ $* == *-DLIAR* ]] && options+=(-E)
	nice ./pan "${options[@]}" >pan.out 2>&1
}

# replay FLAG...: the counterexample, in words.
replay() { spin "$@" -k channel.pml.trail -t "$MODEL" 2>&1 | sed '/^#processes/,$d; /text of failed assertion/d'; }

# broken FLAG...: which property the counterexample breaks, from the line of the failed assertion.
broken() {
	local line property
	grep -q '^pan:1: invalid end state' pan.out && { echo stuck; return; }
	line=$(replay "$@" | sed -n 's/.*channel.pml:\([0-9]*\), Error: assertion violated.*/\1/p')
	property=$(sed -n "${line:-0}p" "$MODEL" 2>/dev/null | grep -o 'P[1-8]' | head -n 1)
	[[ $* == *-DREACH_* ]] && [ -z "$property" ] && property=there
	echo "${property:-line-${line:-unknown}}"
}

result() {
	grep -q 'errors: 0' pan.out && ! grep -qE 'reached -DMEMLIM|max search depth too small|out of memory' pan.out && { echo holds; return; }
	[ -f channel.pml.trail ] && { broken "$@"; return; }
	echo "not finished"
}

row() {
	local name=$1 expected=$2 got
	shift 2
	OPTIMISE=0
	[ "$expected" = holds ] && OPTIMISE=$HOLDS_OPTIMISE
	mkdir -p "$WORK/$name" && cd "$WORK/$name" || exit 1
	build "$@"
	search "$@"
	got=$(result "$@")
	[ "$got" = "$expected" ] || FAULTS=$((FAULTS + 1))
	printf '%-21s %-7s %-13s %12s %8s s  %s\n' "$name" "$expected" "$got" "$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' pan.out)" \
		"$(sed -n 's/^pan: elapsed time \([0-9.]*\).*/\1/p' pan.out)" "$([ "$got" = "$expected" ] && echo right || echo WRONG)"
}

each() {
	local name expected flags
	while IFS='|' read -r name expected flags; do
		# shellcheck disable=SC2086
		[ -n "${name// /}" ] && "$1" ${name} ${expected} ${flags}
	done
}

show() {
	[ "$1" = "$SHOWN" ] || return 0
	row "$@"
	shift 2
	[ ! -f channel.pml.trail ] || replay "$@"
}

case ${1:-} in
"" | full)
	printf '%-21s %-7s %-13s %12s %10s\n' row must found states time
	each row <<<"$ROWS"
	[ "${1:-}" = full ] && HOLDS_OPTIMISE=2 && each row <<<"$LONG"
	;;
show) SHOWN=${2:-} && each show <<<"$ROWS$LONG" ;;
*) die "what is $1? It is: nothing, full, or show NAME" ;;
esac
[ "$FAULTS" -eq 0 ] || die "$FAULTS rows did not come out as they must"
