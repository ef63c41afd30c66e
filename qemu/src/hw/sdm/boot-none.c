/*
 * SDM: targets that cannot be slaves
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "elf.h"
#include "hw/sdm/boot.h"
#include "sdm/sdm-regs.h"

uint32_t sdm_boot_elf_machine(void)
{
    return EM_NONE;
}

uint32_t sdm_boot_start_cpu(HostMemoryBackend *ram, uint64_t entry,
                            uint64_t dtb)
{
    return SDM_ACTION_FAILED;
}
