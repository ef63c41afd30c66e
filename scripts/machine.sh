# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# What run-master and run-slave have in common; comes after lib.sh.

# not_empty OPTION VALUE...: prints the value. Without one, as of a variable that is not set, there would be no protection.
not_empty()
{
	[ -n "$2" ] || die "$1 needs a value that is not empty"
	printf '%s\n' "$2"
}

# A path as a value in one of QEMU's options, where a comma is written twice
option_value()
{
	printf '%s\n' "$1" | sed 's/,/,,/g'
}

# HOST:PORT, [IPV6]:PORT or PATH, as options of multi-socket-backend
socket_options()
{
	case $1 in
	*/*) echo "path=$(option_value "$1")" ;;
	\[*\]:*)
		_host=${1%]:*}
		echo "host=${_host#\[},port=${1##*:}"
		;;
	*:*:*) die "$1: an IPv6 address is written in brackets, as in [::1]:1234" ;;
	*:*) echo "host=${1%:*},port=${1##*:}" ;;
	*) die "$1 is neither HOST:PORT nor the path of a socket" ;;
	esac
}

# check_certificates DIRECTORY ROLE WHAT: has all that TLS needs for this ROLE; make-certs makes it for WHAT.
check_certificates()
{
	[ -n "$1" ] || return 0
	for _file in ca-cert.pem "$2-cert.pem" "$2-key.pem"; do
		[ -r "$1/$_file" ] || die "$1/$_file is missing or not yours to read: scripts/make-certs CERTIFICATES $3 makes it"
	done
}

# A size as QEMU has it, in MiB
mebibytes()
{
	case ${1%?} in
	'' | 0* | *[!0-9]*) die "$1: a size is a number and M or G" ;;
	esac
	case $1 in
	*[Gg]) echo $((${1%?} * 1024)) ;;
	*[Mm]) echo "${1%?}" ;;
	*) die "$1: a size ends in M or G" ;;
	esac
}

# A word as one would type it
quoted()
{
	case $1 in
	*[!A-Za-z0-9_,=./:+-]* | '') printf "'%s'" "$(echo "$1" | sed "s/'/'\\\\''/g")" ;;
	*) printf %s "$1" ;;
	esac
}

run_qemu()
{
	qemu=${QEMU:-$build/$qemu_program}
	[ -x "$qemu" ] || die "$qemu is missing: run scripts/build-qemu release $qemu_program"
	set -- "$qemu" "$@"
	for word; do
		case $word in
		# One option a line
		-[!-]*) printf ' \\\n  %s' "$word" ;;
		*) printf ' %s' "$(quoted "$word")" ;;
		esac
	done >&2
	echo >&2
	exec "$@"
}
