/*
 * SDM: booting a slave, 64-bit RISC-V
 *
 * Software for the supervisor, Linux above all, needs firmware below it (SBI).
 * That is the machine's, as it is without a master: "-bios" names it, OpenSBI
 * unless said otherwise. The boot signal puts it at the start of the RAM, and
 * it goes on with what the master wants to run. With "-bios none" that starts
 * at once, in machine mode.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "cpu.h"
#include "elf.h"
#include "hw/core/cpu.h"
#include "hw/loader.h"
#include "hw/riscv/boot.h"
#include "hw/riscv/boot_opensbi.h"
#include "hw/sdm/address.h"
#include "hw/sdm/boot.h"
#include "hw/sdm/machine.h"
#include "qemu/error-report.h"
#include "sdm/sdm-regs.h"
#include "system/kvm.h"

typedef struct SDMFirmware {
    char *file; /* NULL: none */
    hwaddr info_address; /* where it is told what to go on with */
} SDMFirmware;

typedef struct SDMHartStart {
    hwaddr pc;
    hwaddr dtb; /* a1 */
    hwaddr info; /* a2 */
} SDMHartStart;

static SDMFirmware firmware;

uint32_t sdm_boot_elf_machine(void)
{
    return first_cpu ? EM_RISCV : EM_NONE;
}

void sdm_boot_riscv_init(MachineState *machine, const char *default_firmware,
                         hwaddr rom)
{
    if (riscv_cpu_mxl(&RISCV_CPU(first_cpu)->env) != MXL_RV64) {
        error_report("a slave needs 64-bit CPUs");
        exit(EXIT_FAILURE);
    }
    if (kvm_enabled()) {
        error_report("a RISC-V slave cannot use KVM");
        exit(EXIT_FAILURE);
    }
    firmware.file = riscv_find_firmware(machine->firmware, default_firmware);
    firmware.info_address = rom;
}

/* Puts the firmware into the RAM: *start..*end, entered at *entry. */
static bool sdm_firmware_load(HostMemoryBackend *ram, hwaddr *start,
                              hwaddr *entry, hwaddr *end)
{
    g_autofree char *data = NULL;
    gsize size;

    if (load_elf_ram_sym(firmware.file, NULL, NULL, NULL, entry, start, end,
                         NULL, ELFDATA2LSB, EM_RISCV, 1, 0, NULL, false,
                         NULL) > 0) {
        return true;
    }
    if (!sdm_ram_address(ram, start) ||
        !g_file_get_contents(firmware.file, &data, &size, NULL) ||
        size > memory_region_size(&ram->mr)) {
        return false;
    }
    *entry = *start;
    *end = *start + size;
    return address_space_write(&address_space_memory, *start,
                               MEMTXATTRS_UNSPECIFIED, data,
                               size) == MEMTX_OK;
}

/* Tells the firmware to go on with @entry, in supervisor mode. */
static bool sdm_firmware_tell(uint64_t entry)
{
    struct fw_dynamic_info info = {
        .magic = cpu_to_le64(FW_DYNAMIC_INFO_MAGIC_VALUE),
        .version = cpu_to_le64(FW_DYNAMIC_INFO_VERSION),
        .next_addr = cpu_to_le64(entry),
        .next_mode = cpu_to_le64(FW_DYNAMIC_INFO_NEXT_MODE_S),
    };

    return address_space_write_rom(&address_space_memory,
                                   firmware.info_address,
                                   MEMTXATTRS_UNSPECIFIED, &info,
                                   sizeof(info)) == MEMTX_OK;
}

static void sdm_boot_start_hart(CPUState *cs, run_on_cpu_data data)
{
    const SDMHartStart *start = data.host_ptr;
    CPURISCVState *env = &RISCV_CPU(cs)->env;

    env->pc = start->pc;
    env->gpr[xA0] = env->mhartid;
    env->gpr[xA1] = start->dtb;
    env->gpr[xA2] = start->info;
    cs->halted = 0;
}

/*
 * All harts start, as they do after a reset of the board: it is the software
 * that chooses one, and the firmware has the others wait for the supervisor.
 */
uint32_t sdm_boot_start_cpu(HostMemoryBackend *ram, uint64_t entry,
                            uint64_t dtb)
{
    bool compressed = riscv_has_ext(&RISCV_CPU(first_cpu)->env, RVC);
    SDMHartStart start = { .pc = entry, .dtb = dtb };
    CPUState *cs;

    if (entry & (compressed ? 1 : 3)) {
        return SDM_ACTION_BAD_ADDRESS;
    }
    if (firmware.file) {
        hwaddr low, high;

        if (!sdm_firmware_load(ram, &low, &start.pc, &high)) {
            return SDM_ACTION_FAILED;
        }
        /* It cannot do without a device tree. */
        if (!dtb || (dtb >= low && dtb < high) ||
            (entry >= low && entry < high)) {
            return SDM_ACTION_BAD_ADDRESS;
        }
        start.info = firmware.info_address;
        if (!sdm_firmware_tell(entry)) {
            return SDM_ACTION_FAILED;
        }
    }

    /* The first one drops code that is no longer there before it does this. */
    CPU_FOREACH(cs) {
        run_on_cpu(cs, sdm_boot_start_hart, RUN_ON_CPU_HOST_PTR(&start));
    }
    return SDM_ACTION_OK;
}
