/*
 * SDM: what machines tell each other of their CPUs
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_SDM_CPUS_H
#define HW_SDM_CPUS_H

typedef struct SDMCpus {
    uint32_t arch;   /* instruction set: ELF e_machine, 0 if unknown */
    uint32_t number; /* how many, 0 if unknown */
} SDMCpus;

/* Those of this machine. */
SDMCpus sdm_boot_cpus(void);

#endif
