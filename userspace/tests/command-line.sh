#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# What sdm-test does with its command line, and how it tells. No device is
# needed, nor touched. Output is TAP.
#
#   command-line.sh PROGRAM

set -u
export LC_ALL=C

program=$1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
number=0
failures=0

# result TEXT CONDITION...: one test.
result()
{
	text=$1
	shift
	number=$((number + 1))
	if "$@"; then
		echo "ok $number - $text"
	else
		echo "not ok $number - $text"
		sed 's/^/# out: /' "$work/out"
		sed 's/^/# err: /' "$work/err"
		failures=$((failures + 1))
	fi
}

# run STATUS ARGUMENT...: run the program; does it end with that status?
run()
{
	wanted=$1
	shift
	"$program" "$@" >"$work/out" 2>"$work/err" </dev/null
	status=$?
	[ $status -eq "$wanted" ] && return
	echo "# exit status $status, not $wanted: $*"
	return 1
}

# A mistake: status 2, nothing on stdout, on stderr what is wrong and where
# to look.
mistake()
{
	wanted_text=$1
	shift
	run 2 "$@" && [ ! -s "$work/out" ] &&
		grep -q "^sdm-test: .*$wanted_text" "$work/err" &&
		grep -q -- --help "$work/err"
}

# A failure: status 1 and one line on stderr.
failure()
{
	wanted_text=$1
	shift
	run 1 "$@" && [ "$(wc -l <"$work/err")" = 1 ] &&
		grep -q "^sdm-test: .*$wanted_text" "$work/err"
}

printed()
{
	run 0 "$@" && [ -s "$work/out" ] && [ ! -s "$work/err" ]
}

# The text of --help for terminals of 80 columns names each option.
help_complete()
{
	printed --help && ! grep -q '.\{81\}' "$work/out" || return
	for option in boot send list wait read write compare reset answer ping \
		initrd append raw load entry verify timeout count json \
		verbose quiet help version; do
		grep -q -e "--$option\\b" "$work/out" || return
	done
}

full_device()
{
	"$program" "$@" >/dev/full 2>"$work/err"
	[ $? -eq 1 ] && grep -q 'No space left' "$work/err"
}

closed_output()
{
	"$program" --help >&- 2>"$work/err"
	[ $? -eq 1 ] && [ -s "$work/err" ]
}

# By whatever name it is called.
name_in_messages()
{
	ln -sf "$(realpath "$program")" "$work/other"
	"$work/other" --nonsense 2>"$work/err"
	[ $? -eq 2 ] && grep -q '^sdm-test: ' "$work/err"
}

none=4294967295

echo 'TAP version 13'

result '--help is complete' help_complete
result '-h is the same' printed -h
result '--version' printed --version
result '-V is the same' printed -V
result '--help into a full device fails' full_device --help
result '--version into a full device fails' full_device -V
result '--help into a closed output fails' closed_output
result 'messages begin with the name of the program' name_in_messages

result 'no command' mistake 'give a command'
result 'only an option' mistake 'give a command' -v
result 'only operands' mistake 'give a command' 0 1 zImage slave.dtb
result 'unknown option' mistake nonsense --nonsense
result 'unknown letter' mistake X -X
result 'ambiguous abbreviation' mistake ambiguous --ver
result 'option without its argument' mistake timeout -l --timeout
result 'two commands' mistake 'exclude each other' -s -b 0 0 0
result 'option of another command' mistake 'no meaning' -s 0 0 0 --verify
result '--count for -b' mistake 'no meaning' -b 0 1 a b --count 1

result '-b without operands' mistake 'too few' -b
result '-b without an image' mistake 'too few' -b 0 1
result '-b with too much' mistake "'more' is too much" -b 0 1 a b more
result '-s without a signal' mistake 'too few' -s 0 0
result '-s with too much' mistake 'too much' -s 0 0 0 0 0 0
result '-l with too much' mistake 'too much' -l 0 0
result '-w without a device' mistake 'too few' -w
result '-r without a length' mistake 'too few' -r 0 1 0
result '--write without a file' mistake 'too few' --write 0 1 0
result '--compare without a file' mistake 'too few' --compare 0 1 0
result '-R without a peer' mistake 'too few' -R 0
result '--answer without a device' mistake 'too few' --answer
result '--ping without a peer' mistake 'too few' --ping 0

result 'DEV is no number' mistake "DEV 'x'" -s x 0 0
result 'DEV is negative' mistake "DEV '-1'" -s -- -1 0 0
result 'PEER is too large' mistake "PEER '4294967296'" -R 0 4294967296
result 'DEST is empty' mistake "DEST ''" -s 0 '' 0
result 'SIGNAL has a tail' mistake "SIGNAL '1x'" -s 0 0 1x
result 'P0 is too large' mistake P0 -s 0 0 0 0x10000000000000000
result 'P1 is no number' mistake P1 -s 0 0 0 0 y
result 'OFFSET has a bad suffix' mistake OFFSET -r 0 1 1T 1
result 'LENGTH is too large' mistake LENGTH -r 0 1 0 99999999999G
result '--timeout is no number' mistake --timeout -w 0 --timeout soon
result '--timeout 0 for -b' mistake 'too short' -b 0 1 a b --timeout 0
result '--timeout 0 for -R' mistake 'too short' -R 0 1 -t 0
result '--count 0' mistake --count -w 0 -n 0
result '--count too large for --ping' mistake 'too much' --ping 0 1 -n 1000001
result '--load is no number' mistake --load -b 0 1 a --load top
result '--entry is no number' mistake --entry -b 0 1 a --raw --entry 1K
result '--entry without --raw' mistake 'raw' -b 0 1 a b --entry 0
result '--initrd without DTB' mistake DTB -b 0 1 a --initrd b
result '--append without DTB' mistake DTB -b 0 1 a --append b
result '--json for -r' mistake json -r 0 1 0 1 --json

result 'no such device, -b' failure "/dev/sdm$none" -b $none 1 zImage slave.dtb
result 'no such device, -s' failure "/dev/sdm$none" -s $none 0 0x0 0x0 0x0
result 'no such device, -l' failure "/dev/sdm$none" -l $none
result 'no such device, -w' failure "/dev/sdm$none" -w $none -n 1 -t 0
result 'no such device, -r' failure "/dev/sdm$none" -r $none 1 0 1K
result 'no such device, --write' failure "/dev/sdm$none" --write $none 1 0 -
result 'no such device, --compare' failure "/dev/sdm$none" --compare $none 1 0 -
result 'no such device, -R' failure "/dev/sdm$none" -R $none 1
result 'no such device, --answer' failure "/dev/sdm$none" --answer $none
result 'options may follow operands' failure "/dev/sdm$none" \
	-b $none 1 a b --append 'console=ttyAMA0' --initrd c --verify -t 1.5
result 'options may come first' failure "/dev/sdm$none" \
	--verify --timeout=1 -b $none 1 a b
result 'long names of commands' failure "/dev/sdm$none" --send $none 0 0

echo "1..$number"
[ $failures -eq 0 ]
