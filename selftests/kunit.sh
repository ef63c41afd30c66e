#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The KUnit tests in sdm_kunit.ko.  Needs CONFIG_KUNIT_DEBUGFS, and "kunit.enable=1" on the kernel's command line
# where that is not the default.

. "$(dirname "$0")/common.sh"

results=/sys/kernel/debug/kunit

# It comes with what it tests; only what was there before stays.
brought=
grep -q '^sdm_remoteproc ' /proc/modules || brought=sdm_remoteproc

modprobe sdm_kunit 2>/dev/null || skip_all "no KUnit in this kernel"
[ -d $results ] || skip_all "no results in debugfs"

ktap_print_header
for suite in "$results"/sdm*; do
	name=${suite##*/}
	[ -f "$suite/results" ] || continue
	# The results of the cases are indented; what is deeper are those of parameters.
	grep -E '^ {4}(not )?ok ' "$suite/results" >"$work/cases"
	while read -r status number rest; do
		case $status in
		ok) result "$name $rest" true ;;
		not)
			# "not ok NUMBER NAME": what it says is in the whole.
			result "$name ${rest#* }" sh -c "echo '$number'; cat '$suite/results'; false"
			;;
		esac
	done <"$work/cases"
	cases=$(sed -n 's/^ \{4\}1\.\.//p' "$suite/results")
	result "$name has all $cases results" test "$(wc -l <"$work/cases")" = "$cases"
done
[ "$planned" -gt 0 ] || result "there are suites" false

try 0 "" "the module can be unloaded" rmmod sdm_kunit
! grep -q "^${brought:-none} " /proc/modules || rmmod "$brought"
finish
