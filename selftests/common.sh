# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# What the tests that are scripts have in common.

here=$(dirname "$(readlink -f "$0")")
# shellcheck source=/dev/null
. "$here/../kselftest/ktap_helpers.sh"

# Where the tool is: SDM_TEST, the current directory, or PATH
tool=${SDM_TEST:-$(readlink -f ./sdm-test || :)}
[ -x "$tool" ] || tool=$(command -v sdm-test || :)

skip_all()
{
	ktap_print_header
	ktap_skip_all "$*"
	exit "$KSFT_SKIP"
}

[ "$(id -u)" = 0 ] || skip_all "not root"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The number of the first device that is a master's
device=
for role in /sys/bus/sdm/devices/sdm*/role; do
	[ "$(cat "$role" 2>/dev/null)" = master ] || continue
	device=${role%/role}
	device=${device##*/sdm}
	break
done
[ -n "$device" ] || skip_all "no SDM master here"

# The state of peer $1
state()
{
	cat "/sys/bus/sdm/devices/sdm$device-p$1/state"
}

# The first slave in one of the states that the pattern $1 names
find_peer()
{
	for peer in /sys/bus/sdm/devices/sdm"$device"-p*; do
		id=${peer##*-p}
		[ "$id" != 0 ] || continue
		state "$id" | grep -qxE "$1" || continue
		echo "$id"
		return
	done
}

planned=0

# One result: what the command says, and why if it is not 0
result()
{
	description=$1
	shift
	planned=$((planned + 1))
	if "$@" >"$work/result" 2>&1; then
		ktap_test_pass "$description"
	else
		sed 's/^/# /' "$work/result"
		ktap_test_fail "$description"
	fi
}

# try STATUS PATTERN DESCRIPTION COMMAND...: one result: whether the command ends with that status, and an extended
# regular expression matches what it prints
try()
{
	wanted=$1
	pattern=$2
	description=$3
	shift 3
	status=0
	"$@" >"$work/output" 2>&1 || status=$?
	planned=$((planned + 1))
	if [ "$status" = "$wanted" ] && { [ -z "$pattern" ] || grep -qE -e "$pattern" "$work/output"; }; then
		ktap_test_pass "$description"
	else
		echo "# $*"
		echo "# status $status, not $wanted, or no '$pattern' in:"
		sed 's/^/# /' "$work/output"
		ktap_test_fail "$description"
	fi
}

# The plan may come last.
finish()
{
	ktap_set_plan "$planned"
	ktap_finished
}
