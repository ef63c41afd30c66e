# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
#
# What the guests' instruction sets differ in: the one place that knows; comes after lib.sh.
#
# The variables below are for the scripts that read this file.
# shellcheck disable=SC2034

architectures="arm arm64 riscv64 x86_64"

# arch_use ARCHITECTURE: sets
#   arch            its name, as Debian's packages of the tools have it without "hf"
#   linux_arch      the kernel's name for it (ARCH=)
#   CROSS_COMPILE   the prefix of its compiler; for what is not arm taken from CROSS_COMPILE_ARM64, ..._RISCV64, ..._X86_64
#   debian_arch     the name of Debian's port
#   kernel_image    the file that is booted, in arch/$linux_arch/boot of a kernel's build directory
#   qemu_program    what emulates it
#   qemu_machine    the board
#   qemu_cpu        options that make the machine one of this instruction set
#   sdm_device      the SDM of its masters: sdm-platform or sdm-pci
#   slave_dtb       the device tree of its slaves, in build/dts; none: its machines cannot be slaves
arch_use()
{
	qemu_machine=virt sdm_device=sdm-platform
	case $1 in
	arm)
		linux_arch=arm debian_arch=armhf kernel_image=zImage
		CROSS_COMPILE=$cross_compile_arm
		qemu_program=qemu-system-arm qemu_cpu=
		slave_dtb=slave.dtb
		;;
	arm64)
		linux_arch=arm64 debian_arch=arm64 kernel_image=Image
		CROSS_COMPILE=${CROSS_COMPILE_ARM64:-aarch64-linux-gnu-}
		# Without a CPU that is named it is a 32-bit machine.
		qemu_program=qemu-system-aarch64 qemu_cpu='-cpu cortex-a57'
		slave_dtb=slave-arm64.dtb
		;;
	riscv64)
		linux_arch=riscv debian_arch=riscv64 kernel_image=Image
		CROSS_COMPILE=${CROSS_COMPILE_RISCV64:-riscv64-linux-gnu-}
		qemu_program=qemu-system-riscv64 qemu_cpu=
		slave_dtb=slave-riscv64.dtb
		;;
	x86_64)
		linux_arch=x86_64 debian_arch=amd64 kernel_image=bzImage
		CROSS_COMPILE=$cross_compile_x86_64
		# The firmware would look for a disc in the default drive for half a minute.
		qemu_program=qemu-system-x86_64 qemu_machine=q35 qemu_cpu=-nodefaults
		sdm_device=sdm-pci slave_dtb=
		;;
	*) die "$1 is none of the instruction sets: $architectures" ;;
	esac
	arch=$1
}

# arch_of_kernel KERNEL: prints the architecture of a kernel that guest-kernel knows.
arch_of_kernel()
{
	case $1 in
	small | debug | debug-rproc | armmp) echo arm ;;
	debug-arm64) echo arm64 ;;
	*) echo "$1" ;;
	esac
}

cross_compile_arm=$CROSS_COMPILE
# This machine's own compiler, where it is one.
if [ "$(uname -m)" = x86_64 ]; then
	cross_compile_x86_64=${CROSS_COMPILE_X86_64-}
else
	cross_compile_x86_64=${CROSS_COMPILE_X86_64-x86_64-linux-gnu-}
fi
