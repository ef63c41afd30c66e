/*
 * SDM: holding a slave in reset and booting it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

/*
 * A machine with the option "slave" waits: its CPUs are powered off. The boot
 * signal starts the first of them, any reset of the machine makes it wait
 * again, with its RAM as it was.
 *
 * There are two ways to wait:
 *  -M virt,slave -incoming shared:ID   the whole machine is paused until the
 *      first boot and QEMU loads nothing into RAM, which is the master's
 *  -M virt,slave                       the machine runs, without CPUs. What
 *      was loaded by other means (-device loader) is in RAM
 * "-incoming shared:" on a machine that is not a slave is an error.
 *
 * All functions belong to the main loop and need the BQL.
 */
#ifndef HW_SDM_BOOT_H
#define HW_SDM_BOOT_H

#include "qemu/notify.h"
#include "system/hostmem.h"

/* Prepare for machine-done. To be called before; any number of times. */
void sdm_boot_init(void);

/**
 * sdm_boot_find_ram - look up what a boot signal may boot from
 * @id: ID of a memory backend, or NULL for that of "-incoming shared:"
 * @errp: set if it is not there, is not mapped, or is a master's
 */
HostMemoryBackend *sdm_boot_find_ram(const char *id, Error **errp);

/*
 * SDM_PEER_RESET while the CPUs are held in reset, otherwise SDM_PEER_RUNNING,
 * which includes a guest that crashed or was paused.
 */
uint32_t sdm_boot_state(void);

/**
 * sdm_boot_start - boot a slave
 * @ram: both addresses must lie in this memory
 * @entry: guest-physical address of the first instruction
 * @dtb: guest-physical address of the device tree, or 0
 *
 * Returns SDM_ACTION_OK, after which the first CPU is on, or the reason
 * why nothing has changed: BUSY, BAD_ADDRESS or FAILED.
 */
uint32_t sdm_boot_start(HostMemoryBackend *ram, uint64_t entry, uint64_t dtb);

/*
 * Request a system reset. It happens after the return to the main loop; until
 * then a boot is refused with SDM_ACTION_BUSY.
 */
void sdm_boot_reset(void);

/* Have @n called, with NULL, whenever sdm_boot_state() has changed. */
void sdm_boot_add_state_notifier(Notifier *n);

/* Instruction set of the first CPU: ELF e_machine number, 0 if unknown. */
uint32_t sdm_boot_elf_machine(void);

/*
 * What boot.c needs of the target: start the first CPU, which is powered off,
 * by the target's boot protocol. Returns when it is on, or when not possible,
 * with a SDM_ACTION_*. The addresses are in @ram, where firmware goes as well.
 */
uint32_t sdm_boot_start_cpu(HostMemoryBackend *ram, uint64_t entry,
                            uint64_t dtb);

#endif
