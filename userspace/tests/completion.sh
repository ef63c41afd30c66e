#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What bash completes in command lines of sdm-test and rproc-pack. No device is needed. Output is TAP.
#
#   completion.sh SDM-TEST RPROC-PACK

set -u
export LC_ALL=C

program=$(realpath "$1")
packer=$(realpath "$2")
completions=$(realpath "$(dirname "$0")/..")
number=0
failures=0

echo 'TAP version 13'
if ! [[ -r /usr/share/bash-completion/bash_completion ]]; then
	echo 'ok 1 - completion # skip there is no bash-completion'
	echo '1..1'
	exit
fi

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
export SDM_TEST_DEVICES=$work/devices
mkdir -p "$work"/devices/{sdm0,sdm0-p0,sdm0-p1,sdm0-p12,sdm3,sdm3-p2} "$work/bin" "$work/files/folder"
touch "$work/files/image" "$work/files/image two"
ln -s "$program" "$work/bin/sdm-test"
ln -s "$packer" "$work/bin/rproc-pack"
PATH=$work/bin:$PATH
cd "$work/files" || exit 1

set +u
# shellcheck source=/dev/null
. /usr/share/bash-completion/bash_completion
# shellcheck source=SCRIPTDIR/../sdm-test.bash
. "$completions/sdm-test.bash"
# shellcheck source=SCRIPTDIR/../rproc-pack.bash
. "$completions/rproc-pack.bash"

# completed WORD...: what the last word becomes, sorted, in a line; $tool is the program
tool=sdm-test
completed()
{
	COMP_WORDS=("$tool" "$@")
	COMP_CWORD=$#
	COMP_LINE=${COMP_WORDS[*]}
	COMP_POINT=${#COMP_LINE}
	COMPREPLY=()
	"_${tool//-/_}" "$tool" "${COMP_WORDS[-1]}" "${COMP_WORDS[-2]}" 2>"$work/err"
	[[ ! -s $work/err ]] || cat "$work/err"
	printf '%s\n' "${COMPREPLY[@]}" | sort | paste -sd ' '
}

# result TEXT WANTED WORD...: one test.
result()
{
	local text=$1 wanted=$2 found
	shift 2
	found=$(completed "$@")
	number=$((number + 1))
	if [[ $found == "$wanted" ]]; then
		echo "ok $number - $text"
	else
		echo "not ok $number - $text"
		echo "# found: $found"
		echo "# wanted: $wanted"
		failures=$((failures + 1))
	fi
}

all=$(sdm-test --help | grep -oE '^ (-., |    )--[a-z]+' | grep -oE -e '--[a-z]+' | sort | paste -sd ' ')
options=$(sdm-test --help | sed '1,/^Options/d' | grep -oE '^ (-., |    )--[a-z]+' | grep -oE -e '--[a-z]+' | sort |
	paste -sd ' ')

result 'all options' "$all" -
result 'nothing yet' "$all" ''
result 'the beginning of an option' '--answer --append' --a
result 'after a command, only options' "$options" -b 0 -
result 'after a command with a long name' "$options" --read 0 -
result 'devices' '0 3' -b ''
result 'devices of an optional operand' '0 3' --list ''
result 'no peer is a device' '' -l 0-
result 'peers' '0 1 12' -b 0 ''
result 'peers that begin with 1' '1 12' --ping 0 1
result 'peers of another device' '2' -s 3 ''
result 'no such device' '' -R 7 ''
result 'a signal is any number' '' -s 0 1 ''
result 'an image' 'folder image image two' -b 0 1 ''
result 'a device tree' 'folder image image two' -b 0 1 image ''
result 'no more operands' '' -b 0 1 image image ''
result 'options do not count' '0 1 12' --verify -b -t 5 0 ''
result 'the argument of an option' 'folder image image two' -b 0 1 --initrd ''
result 'the same with =' 'image image two' -b 0 1 --initrd = im
result 'any argument' '' -b 0 1 --append ''
result 'an operand after it' 'folder' --append text -b 0 1 fold
result 'a file behind numbers' 'folder image image two' --read 0 1 0 4K ''
result 'a number before a file' '' --write 0 1 ''

tool=rproc-pack
result 'rproc-pack: all options' "$(rproc-pack --help | grep -oE '^ +--[a-z]+' | tr -d ' ' | sort | paste -sd ' ')" -
result 'rproc-pack: an option' '--dtb --dump' --d
result 'rproc-pack: the file of an option' 'image image two' --dtb im
result 'rproc-pack: a number' '' --memory ''
result 'rproc-pack: an image' 'image image two' --memory 64 im
result 'rproc-pack: with =' 'image image two' --initrd = im

echo "1..$number"
((failures == 0))
