/*
 * SDM: what existing code of QEMU has to know
 *
 * Boards, the option parser and the device-tree code call these. There are
 * stubs for builds without CONFIG_SDM.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_SDM_MACHINE_H
#define HW_SDM_MACHINE_H

#include "hw/boards.h"
#include "hw/platform-bus.h"
#include "hw/sysbus.h"

/* The memory-mapped front end, for a board's list of dynamic devices. */
#define TYPE_SDM_PLATFORM "sdm-platform"

/**
 * sdm_machine_expand_options - accept "-machine virt,slave"
 * @options: argument of -machine
 *
 * Returns a copy in which the option "slave" without a value has become
 * "slave=on", the only form that keyval accepts. The first option is not
 * touched: without a value it is the name of a machine type.
 */
char *sdm_machine_expand_options(const char *options);

/**
 * sdm_machine_class_add_slave - give a machine type the property "slave"
 * @oc: the machine class
 *
 * A machine with slave=on holds its CPUs in reset until a signal boots it.
 */
void sdm_machine_class_add_slave(ObjectClass *oc);

/* Is @machine a slave? Valid once the machine's options are set. */
bool sdm_machine_is_slave(const MachineState *machine);

/**
 * sdm_machine_usable_ram - how much RAM something may be loaded into
 * @machine: a machine that has its RAM in one piece, complete
 *
 * Returns its size in bytes without the window at the end.
 */
uint64_t sdm_machine_usable_ram(const MachineState *machine);

/**
 * sdm_boot_parse_incoming - accept "-incoming shared:ID"
 * @uri: argument of -incoming
 *
 * ID names the memory-backend-network with the slave's RAM, which is checked
 * when the machine is complete. Nothing migrates: the machine stays paused,
 * and nothing else is loaded into its RAM, until a signal boots it.
 *
 * Returns true if @uri is of that form.
 */
bool sdm_boot_parse_incoming(const char *uri);

/**
 * sdm_boot_riscv_init - what a RISC-V board does instead of loading firmware
 * @machine: a slave, complete
 * @default_firmware: name of the file if "-bios" says nothing
 * @rom: where the board has at least 64 bytes of ROM
 *
 * Ends the program with an error if it cannot be a slave.
 */
void sdm_boot_riscv_init(MachineState *machine, const char *default_firmware,
                         hwaddr rom);

/**
 * sdm_fdt_add_device - describe an sdm-platform device
 * @fdt: device tree
 * @parent: path of the platform bus' node
 * @pbus: the platform bus
 * @sbdev: the device
 * @irq_start: number of the first interrupt of the bus
 *
 * Also adds an alias, sdm0 for the first device on the command line.
 */
void sdm_fdt_add_device(void *fdt, const char *parent, PlatformBusDevice *pbus,
                        SysBusDevice *sbdev, int irq_start);

/**
 * sdm_fdt_reserve_windows - keep the guest from taking windows for RAM
 * @fdt: device tree
 */
void sdm_fdt_reserve_windows(void *fdt);

#endif
