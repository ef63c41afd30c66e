/*
 * SDM: x86, which cannot be a slave: there is no protocol for the boot
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "cpu.h"
#include "elf.h"
#include "hw/core/cpu.h"
#include "hw/sdm/boot.h"
#include "sdm/sdm-regs.h"

uint32_t sdm_boot_elf_machine(void)
{
    if (!first_cpu) {
        return EM_NONE;
    }
    return X86_CPU(first_cpu)->env.features[FEAT_8000_0001_EDX] &
           CPUID_EXT2_LM ? EM_X86_64 : EM_386;
}

uint32_t sdm_boot_start_cpu(HostMemoryBackend *ram, uint64_t entry,
                            uint64_t dtb)
{
    return SDM_ACTION_FAILED;
}
