# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# What the scripts of this directory have in common.  Use:  . "$(dirname "$0")/lib.sh"
#
# Two places hold everything that is made:
#   $cache  what does not depend on this tree (downloads, unpacked sources, kernel and QEMU object files);
#           shared by all clones, safe to delete, named by version or by the hash of what went in
#   $build  what does (build/ in this tree)
#
# The variables below are for the scripts that read this file.
# shellcheck disable=SC2034

set -eu

self=${0##*/}
top=$(cd "$(dirname "$0")/.." && pwd)
scripts=$top/scripts
cache=${XDG_CACHE_HOME:-$HOME/.cache}/sdm
build=$top/build
jobs=${JOBS:-$(nproc)}
export LC_ALL=C

# The compiler of the 32-bit Arm guests.
: "${CROSS_COMPILE:=arm-linux-gnueabihf-}"

# Who only starts machines, say as a daemon, may have no home and need not be able to write here.
mkdir -p "$cache/.locks" "$build/logs" 2>/dev/null || :

step()
{
	printf '%s: %s\n' "$self" "$*" >&2
}

die()
{
	printf '%s: error: %s\n' "$self" "$*" >&2
	exit 1
}

# usage: ends with the leading comment of the script itself, so that help and documentation are one text.
usage()
{
	sed -n '/^#!/d; /^# SPDX/d; /^#$/{s/#//p;d;}; /^# /!q; s/^# //p' "$scripts/$self" >&2
	exit 2
}

# need COMMAND...: fails early, with the remedy, instead of late and far away.
need()
{
	for _command; do
		command -v "$_command" >/dev/null ||
			die "$_command is missing: run scripts/setup"
	done
}

# hash_of FILE-OR-DIRECTORY...: one short name for names and contents; what does not exist counts as empty.
hash_of()
{
	for _path; do
		[ -e "$_path" ] || continue
		find "$_path" -type f | LC_ALL=C sort | while read -r _file; do
			sha256sum <"$_file"
			echo "${_file#"$top"/}"
		done
	done | sha256sum | cut -c1-12
}

# tell_progress LOG: says every half minute how far a long step is, as long as this script runs.
tell_progress()
{
	_seconds=0
	while sleep 1 && kill -0 $$ 2>/dev/null; do
		_seconds=$((_seconds + 1))
		[ $((_seconds % 30)) != 0 ] ||
			step "$_seconds s: $(tail -c 2000 "$1" 2>/dev/null | grep . | tail -n 1 | sed 's/  */ /g' | cut -c1-90)"
	done
}

# logged NAME COMMAND...: the output goes to build/logs/NAME.log; when COMMAND fails its end is shown and the script stops.
logged()
{
	_log=$build/logs/$1.log
	shift
	# It must not keep locks, nor the pipe of whoever reads what this script prints.
	tell_progress "$_log" >/dev/null 7>&- 9>&- &
	_progress=$!
	_status=0
	"$@" >"$_log" 2>&1 </dev/null || _status=$?
	kill "$_progress" 2>/dev/null || :
	[ "$_status" = 0 ] || {
		tail -n 30 "$_log" >&2
		die "failed: $* (whole output: $_log; what is complete is kept: when the cause is gone, try again)"
	}
}

# locked NAME COMMAND...: COMMAND does not run at the same time as another one locked by the same name.
locked()
{
	_lock=$cache/.locks/$1
	shift
	(
		flock -n 9 || {
			step "waiting for another ${_lock##*/}"
			flock 9
		}
		"$@" 9>&-
	) 9>"$_lock"
}

# alone COMMAND...: for heavy work.  Two builds that share the machine's cores take longer than one after the other.
alone()
{
	locked build "$@"
}

# make_once TARGET COMMAND...: unless TARGET exists, has "COMMAND... TARGET.part" create it under another
# name and renames that: TARGET is complete or not there, whatever interrupts.
make_once()
{
	[ -e "$1" ] || locked "${1##*/}" make_now "$@"
}

make_now()
{
	_target=$1
	shift
	[ -e "$_target" ] && return
	rm -rf "$_target.part"
	mkdir -p "${_target%/*}"
	"$@" "$_target.part"
	mv "$_target.part" "$_target"
}
