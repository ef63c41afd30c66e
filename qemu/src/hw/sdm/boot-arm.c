/*
 * SDM: booting a slave, Arm
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "cpu.h"
#include "elf.h"
#include "hw/core/cpu.h"
#include "hw/sdm/boot.h"
#include "sdm/sdm-regs.h"
#include "system/hw_accel.h"
#include "target/arm/arm-powerctl.h"
#include "target/arm/multiprocessing.h"

static bool sdm_boot_is_aarch64(void)
{
    return arm_feature(&ARM_CPU(first_cpu)->env, ARM_FEATURE_AARCH64);
}

uint32_t sdm_boot_elf_machine(void)
{
    if (!first_cpu) {
        return EM_NONE;
    }
    return sdm_boot_is_aarch64() ? EM_AARCH64 : EM_ARM;
}

static void sdm_boot_arm_begin(CPUState *cs, run_on_cpu_data data)
{
    /* What follows is to reach KVM when the CPU runs next. */
    cpu_synchronize_state(cs);
}

static void sdm_boot_arm_end(CPUState *cs, run_on_cpu_data data)
{
    CPUARMState *env = &ARM_CPU(cs)->env;

    if (!arm_feature(env, ARM_FEATURE_AARCH64)) {
        /* r0 is zero, r1 no machine type, r2 the device tree */
        env->regs[1] = UINT32_MAX;
        env->regs[2] = data.target_ptr;
    }
}

/*
 * The boot protocol of Linux, which firmware can live with as well: EL2 if
 * there is one, otherwise EL1; x0 (AArch64) or r2 (AArch32) is the device tree.
 */
uint32_t sdm_boot_start_cpu(HostMemoryBackend *ram, uint64_t entry,
                            uint64_t dtb)
{
    ARMCPU *cpu = ARM_CPU(first_cpu);
    bool aarch64 = sdm_boot_is_aarch64();
    uint32_t el = arm_feature(&cpu->env, ARM_FEATURE_EL2) ? 2 : 1;

    if (!aarch64 && (entry | dtb) >> 32) {
        return SDM_ACTION_BAD_ADDRESS;
    }
    /* AArch32: bit 0 chooses Thumb, whose instructions are half as wide. */
    if (entry & (aarch64 ? 3 : entry & 1 ? 0 : 2)) {
        return SDM_ACTION_BAD_ADDRESS;
    }

    /*
     * A CPU does its work in the order in which it was queued. Only the last
     * item is waited for: then a reset that comes next finds the CPU on.
     */
    async_run_on_cpu(first_cpu, sdm_boot_arm_begin, RUN_ON_CPU_NULL);
    if (arm_set_cpu_on(arm_cpu_mp_affinity(cpu), entry, aarch64 ? dtb : 0, el,
                       aarch64) != QEMU_ARM_POWERCTL_RET_SUCCESS) {
        return SDM_ACTION_FAILED;
    }
    run_on_cpu(first_cpu, sdm_boot_arm_end, RUN_ON_CPU_TARGET_PTR(dtb));
    return SDM_ACTION_OK;
}
