#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Loading and unloading the modules, in order and at bad moments.

. "$(dirname "$0")/common.sh"

[ -n "$tool" ] || skip_all "no sdm-test here"
grep -q '^sdm_test_mod ' /proc/modules || skip_all "sdm_test_mod is no module here, or not loaded"

ktap_print_header

# Kernels that look for bugs are slow at this.
many=10
some=5
[ -z "${SDM_QUICK:-}" ] || many=4 some=2

# Another client, which keeps the core
mailbox=
! grep -q '^sdm_mailbox ' /proc/modules || mailbox=sdm_mailbox

loopback()
{
	"$tool" -w "$device" -n 1 -t 20 >"$work/events" &
	sleep 0.3
	"$tool" -q -s "$device" 0 7 "$1" || return
	wait $! || return
	grep "signal 7 from 0 payload $1 " "$work/events"
}

reload_test_mod()
{
	for round in $(seq $many); do
		rmmod sdm_test_mod || return
		[ ! -e "/dev/sdm$device" ] || return
		modprobe sdm_test_mod || return
		[ -c "/dev/sdm$device" ] || return
	done
	loopback "0x$round"
}
result "sdm_test_mod, many times" reload_test_mod

reload_platform()
{
	for round in $(seq $some); do
		rmmod sdm_platform || return
		[ ! -e "/dev/sdm$device" ] || return
		modprobe sdm_platform || return
		[ -c "/dev/sdm$device" ] || return
	done
	loopback "0x$round"
}
result "sdm_platform, many times" reload_platform

reload_all()
{
	for round in $(seq $some); do
		rmmod sdm_test_mod ${mailbox:+"$mailbox"} sdm_platform sdm_core || return
		[ ! -d /sys/bus/sdm ] || return
		modprobe -a sdm_platform ${mailbox:+"$mailbox"} || return
		modprobe sdm_test_mod || return
		[ -c "/dev/sdm$device" ] || return
	done
	loopback "0x$round"
}
result "all modules, many times" reload_all

# Clients first, and hardware last: both orders must do.
reload_in_other_order()
{
	rmmod sdm_platform sdm_test_mod ${mailbox:+"$mailbox"} sdm_core || return
	modprobe sdm_test_mod || return
	[ ! -e "/dev/sdm$device" ] || return
	modprobe -a sdm_platform ${mailbox:+"$mailbox"} || return
	loopback 0x99
}
result "client before hardware" reload_in_other_order

# An open file keeps its module, but not the hardware.
refused_while_open()
{
	(
		exec 3<>"/dev/sdm$device"
		! rmmod sdm_test_mod || exit 1
		! rmmod sdm_core || exit 1
		rmmod sdm_platform || exit
		! rmmod sdm_test_mod
	) || return
	modprobe sdm_platform || return
	loopback 0x55
}
result "open file" refused_while_open

# A signal may come in at any moment of it.
unload_under_fire()
{
	: >"$work/fire"
	(
		while [ -e "$work/fire" ]; do
			"$tool" -q -s "$device" 0 9 2>/dev/null
		done
	) &
	for round in $(seq $some); do
		# The sender has the device open now and then.
		rmmod sdm_test_mod 2>/dev/null || sleep 0.05
		modprobe sdm_test_mod || return
		rmmod sdm_platform || return
		modprobe sdm_platform || return
	done
	rm "$work/fire"
	wait
	loopback "0x$round"
}
result "unload while signals come in" unload_under_fire

read_attributes()
{
	find /sys/bus/sdm/devices/*/ -maxdepth 2 -type f -perm -0400 ! -path '*/power/*' | while read -r file; do
		cat "$file" >/dev/null || {
			echo "$file"
			exit 1
		}
	done
}
result "all attributes can be read" read_attributes

attribute()
{
	cat "/sys/bus/sdm/devices/sdm$device/$1"
}
result "attribute role" test "$(attribute role)" = master
result "attribute id" test "$(attribute id)" = 0
result "attribute num_signals" test "$(attribute num_signals)" = 64
result "attribute state of oneself" test "$(state 0)" = running

# Counters count.
count()
{
	before=$(cat "/sys/bus/sdm/devices/sdm$device-p0/statistics/$1")
	for _ in 1 2 3; do
		"$tool" -q -s "$device" 0 9 || return
	done
	after=$(cat "/sys/bus/sdm/devices/sdm$device-p0/statistics/$1")
	echo "$before, then $after"
	[ $((after - before)) = 3 ]
}
result "statistics of sent signals" count tx
result "statistics of received signals" count rx

finish
