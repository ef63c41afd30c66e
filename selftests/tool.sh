#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# sdm-test on a real device: what it refuses, how it says so, and that it does no harm then.  For a slave that waits
# in reset, and with the kernel $IMAGE (zImage) and slave.dtb in the current directory.

. "$(dirname "$0")/common.sh"

[ -n "$tool" ] || skip_all "no sdm-test here"
slave=$(find_peer reset)
[ -n "$slave" ] || skip_all "no slave waits in reset"
IMAGE=${IMAGE:-zImage}
for file in "$IMAGE" slave.dtb; do
	[ -f "$file" ] || skip_all "no $file here"
done

ktap_print_header

sdm()
{
	"$tool" "$@"
}

boot()
{
	sdm -b "$device" "$slave" "$@"
}

size=$(cat "/sys/bus/sdm/devices/sdm$device-p$slave/mem_size")
base=$(cat "/sys/bus/sdm/devices/sdm$device-p$slave/mem_base")

# Files that are not what they should be
: >"$work/empty"
echo "no kernel" >"$work/text"
# Only a zImage tells how long its file is: of others, part of the header.
case $IMAGE in
*zImage) head -c 100000 "$IMAGE" ;;
*) head -c 60 "$IMAGE" ;;
esac >"$work/short-image"
head -c 500 slave.dtb >"$work/short.dtb"
head -c 20 slave.dtb >"$work/header.dtb"
truncate -s $((size + 1)) "$work/too-large"
truncate -s $((size - 8192)) "$work/nearly-all"
truncate -s 96M "$work/large"

# Usage

try 2 "nothing to do" "no command" sdm
try 2 "too few operands" "no image" boot
try 2 "too much" "too many operands" boot "$IMAGE" slave.dtb more
try 2 "PEER" "peer is no number" sdm -b "$device" one "$IMAGE" slave.dtb
try 2 "--append go into the device tree" "command line without device tree" boot --raw "$IMAGE" --append quiet
try 2 "--entry is for raw images" "entry of an image that has one" boot "$IMAGE" slave.dtb --entry 0x40008000

# Files

try 1 "cannot open $work/none: No such file" "image is missing" boot "$work/none" slave.dtb
try 1 "cannot open $work/none: No such file" "device tree is missing" boot "$IMAGE" "$work/none"
try 1 "cannot open $work/none: No such file" "initrd is missing" boot "$IMAGE" slave.dtb --initrd "$work/none"
try 1 "is a directory" "image is a directory" boot "$work" slave.dtb
try 1 "sdm-test: .*text" "image is a text" boot "$work/text" slave.dtb
try 1 "sdm-test: .*empty" "image is empty" boot "$work/empty" slave.dtb
try 1 "sdm-test: .*short-image" "image is truncated" boot "$work/short-image" slave.dtb
try 1 "sdm-test: .*slave.dtb" "image is a device tree" boot slave.dtb slave.dtb
try 1 "needs a device tree" "kernel without device tree" boot "$IMAGE"
try 1 "sdm-test: .*short.dtb" "device tree is truncated" boot "$IMAGE" "$work/short.dtb"
try 1 "sdm-test: .*header.dtb" "device tree is truncated in its header" boot "$IMAGE" "$work/header.dtb"
try 1 "sdm-test: .*$IMAGE" "device tree is a kernel" boot "$IMAGE" "$IMAGE"
try 1 "empty is empty" "initrd is empty" boot "$IMAGE" slave.dtb --initrd "$work/empty"

# Sizes and addresses

try 1 "does not fit" "image is larger than the RAM" boot --raw "$work/too-large"
try 1 "does not fit" "initrd is larger than the RAM" boot "$IMAGE" slave.dtb --initrd "$work/too-large"
# The file is read, which takes its time in kernels that look for bugs.
[ -n "${SDM_QUICK:-}" ] || try 1 "no room for the (initrd|device tree)" "initrd leaves no room" \
	boot "$IMAGE" slave.dtb --initrd "$work/nearly-all"
try 1 "outside of the peer's RAM" "address below the RAM" boot --load 0x1000 "$work/text"
try 1 "outside of the peer's RAM" "address at the end of the RAM" boot --load $((base + size)) "$work/text"
try 1 "outside of the peer's RAM" "last byte does not fit" boot --load $((base + size - 8)) "$work/text"
try 1 "entry point 0x1000 is outside of" "entry outside of the image" \
	boot --load $((base + 0x8000)) --entry 0x1000 "$work/text"

# Peers and devices

try 1 "there is none" "unknown slave" sdm -b "$device" 99 "$IMAGE" slave.dtb
try 1 "there is no /dev/sdm77" "unknown device" sdm -b 77 "$slave" "$IMAGE" slave.dtb
try 1 "is this machine itself" "master" sdm -b "$device" 0 "$IMAGE" slave.dtb
absent=$(find_peer "absent|lost")
if [ -n "$absent" ]; then
	try 1 "slave $absent is not connected" "boot of an absent slave" sdm -b "$device" "$absent" "$IMAGE" slave.dtb
	try 1 "slave $absent.* is not connected" "reset of an absent slave" sdm -R "$device" "$absent"
	try 1 "slave $absent.* is not connected" "signal to an absent slave" sdm -s "$device" "$absent" 3
	try 1 "slave $absent" "memory of an absent slave" sdm -r "$device" "$absent" 0 4
fi

# Signals

try 1 "master has no signal 64; it has 64" "unknown signal" sdm -s "$device" 0 64
try 1 "there is none" "signal to an unknown peer" sdm -s "$device" 99 0
try 2 "SIGNAL" "signal is no number" sdm -s "$device" 0 x
try 0 "signal 5 to 0 payload 0x1 0xffffffffffffffff" "signal to oneself" \
	sdm -s "$device" 0 5 1 0xffffffffffffffff
try 1 "0 of 1 signals arrived in time" "no signal comes" sdm -w "$device" -n 1 -t 0.2
try 1 "cannot write to standard output" "full standard output" sh -c "'$tool' -l >/dev/full"

signal_arrives()
{
	sdm -w "$device" -n 1 -t 20 >"$work/events" &
	sleep 1
	sdm -s "$device" 0 0x0 0x1234 0x5678 >/dev/null || return
	wait $! || return
	grep "signal 0 from 0 payload 0x1234 0x5678" "$work/events"
}
result "a signal that is sent arrives" signal_arrives

# Memory

head -c 100003 "$IMAGE" >"$work/data"
try 0 "wrote 100003 bytes" "memory is written" sdm --write "$device" "$slave" 12345 "$work/data" --verify
try 0 "100003 bytes are the same" "memory is the same" sdm --compare "$device" "$slave" 12345 "$work/data"
try 1 "differs at offset 0x303[0-9a-f] of the memory" "memory differs" sdm --compare "$device" "$slave" 12344 "$work/data"
try 0 "" "memory is read" sdm -r "$device" "$slave" 12345 100003 "$work/back"
result "what is read is what was written" cmp "$work/data" "$work/back"
try 1 "exceed the memory" "memory beyond the end" sdm -r "$device" "$slave" $((size - 3)) 4
try 1 "does not fit" "file over the end" sdm --write "$device" "$slave" $((size - 100)) "$work/data"

# Rights

cp "$tool" "$IMAGE" slave.dtb "$work"
chmod 755 "$work"
as_nobody()
{
	(cd "$work" && start-stop-daemon -S -q -c nobody -x ./sdm-test -- "$@")
}
try 1 "Permission denied; be root" "boot without permission" as_nobody -b "$device" "$slave" "$IMAGE" slave.dtb
try 1 "Permission denied; be root" "signal without permission" as_nobody -s "$device" 0 0
try 1 "Permission denied; be root" "list without permission" as_nobody -l "$device"
rm -f "$work/sdm-test" "$work/$IMAGE" "$work/slave.dtb"

# Interruption: a load that does not end well does not end in a boot.

# Loads something large, and sends signal number $1 to sdm-test as soon as it says that it has begun.
load_and_signal()
{
	"$here/probe" signal "$1" "load raw" "$tool" -b "$device" "$slave" --raw "$work/large"
}

interrupted()
{
	status=0
	load_and_signal "$1" || status=$?
	echo "status $status, then $(state "$slave")"
	[ "$status" = "$2" ] && [ "$(state "$slave")" = reset ]
}
result "interrupted by INT" interrupted 2 130
result "interrupted by TERM" interrupted 15 143
result "killed" interrupted 9 137

# The first one is stopped in the middle of it.
two_at_once()
{
	load_and_signal 19 >"$work/first" 2>&1 &
	for _ in $(seq 200); do
		grep -q "sent signal" "$work/first" && break
		sleep 0.1
	done
	status=0
	"$tool" -b "$device" "$slave" "$IMAGE" slave.dtb >"$work/second" 2>&1 || status=$?
	kill -9 "$(sed -n 's/^sent signal 19 to //p' "$work/first")"
	wait $!
	cat "$work/first" "$work/second"
	[ $status = 1 ] && grep "another sdm-test is loading" "$work/second"
}
result "two loads at once" two_at_once

result "after all this the slave waits in reset" test "$(state "$slave")" = reset

# What is right

# Behind what firmware takes
try 0 "verified" "boot" boot --load $((base + 0x200000)) "$work/data" slave.dtb --verify
try 1 "is running; reset it first" "boot of a running slave" boot "$IMAGE" slave.dtb
try 0 "in reset" "reset" sdm -R "$device" "$slave"
result "the slave waits in reset again" test "$(state "$slave")" = reset
try 0 "slave $slave started" "second boot" boot "$IMAGE" slave.dtb
try 0 "\"state\": ?\"reset\"" "second reset" sdm -R "$device" "$slave" --json
try 0 "$slave reset " "list" sdm -l "$device"

# How the memory is accessed is told as the driver sees it.
mapped_is_told()
{
	case $(cat "/sys/bus/sdm/devices/sdm$device-p$slave/mem_mapped") in
	1) told=true text=", mapped$" ;;
	*) told=false text="[0-9a-f]$" ;;
	esac
	sdm -l "$device" -j | tr -d ' \n' | grep -o "\"peer\":$slave,.*" | sed 's/}.*//' |
		grep "\"memory_mapped\":$told" || return
	sdm -l "$device" | grep "^ *$slave .*$text"
}
result "list tells whether the memory is mapped" mapped_is_told

finish
