/*
 * SDM: holding a slave in reset and booting it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "exec/tb-flush.h"
#include "hw/boards.h"
#include "hw/core/cpu.h"
#include "hw/sdm/address.h"
#include "hw/sdm/boot.h"
#include "hw/sdm/cpus.h"
#include "hw/sdm/hostmem-network.h"
#include "hw/sdm/machine.h"
#include "migration/misc.h"
#include "migration/vmstate.h"
#include "qapi/error.h"
#include "qemu/cutils.h"
#include "qemu/error-report.h"
#include "qom/object_interfaces.h"
#include "sdm/sdm-regs.h"
#include "system/reset.h"
#include "system/runstate.h"
#include "system/system.h"
#include "trace.h"

/* There is one machine in a QEMU, and it waits or it does not. */
typedef struct SDMBoot {
    Notifier machine_done;
    NotifierList state_notifiers;
    /* argument of "-incoming shared:" */
    const char *shared_id;
    /* a boot signal started the CPUs, and there was no reset since */
    bool started;
    /* the guest had brought the machine to a halt before it was reset */
    bool revive;
} SDMBoot;

static void sdm_boot_machine_done(Notifier *notifier, void *data);

static SDMBoot boot = {
    .machine_done.notify = sdm_boot_machine_done,
    .state_notifiers = NOTIFIER_LIST_INITIALIZER(boot.state_notifiers),
};

void sdm_boot_init(void)
{
    static bool registered;

    if (!registered) {
        registered = true;
        qemu_add_machine_init_done_notifier(&boot.machine_done);
    }
}

bool sdm_boot_parse_incoming(const char *uri)
{
    if (!strstart(uri, "shared:", &boot.shared_id)) {
        /* A later -incoming replaces an earlier one. */
        boot.shared_id = NULL;
        return false;
    }
    sdm_boot_init();
    return true;
}

HostMemoryBackend *sdm_boot_find_ram(const char *id, Error **errp)
{
    ERRP_GUARD();
    HostMemoryBackend *ram;
    Object *obj;
    hwaddr base;

    if (!id) {
        id = boot.shared_id;
    }
    if (!id) {
        error_setg(errp, "no memory backend is named, neither here "
                   "nor by '-incoming shared:ID'");
        return NULL;
    }
    obj = object_resolve_path_component(object_get_objects_root(), id);
    ram = (HostMemoryBackend *)object_dynamic_cast(obj, TYPE_MEMORY_BACKEND);
    if (!ram) {
        error_setg(errp, "there is no memory backend '%s'", id);
        return NULL;
    }
    if (!sdm_ram_address(ram, &base)) {
        error_setg(errp, "memory backend '%s' is not part of the machine", id);
        error_append_hint(errp, "Use it as '-numa node,memdev=%s'.\n", id);
        return NULL;
    }
    if (object_dynamic_cast(obj, TYPE_MEMORY_BACKEND_NETWORK) &&
        memory_backend_network_is_master(MEMORY_BACKEND_NETWORK(obj))) {
        error_setg(errp, "memory backend '%s' is a master's, "
                   "a slave boots from its own RAM", id);
        return NULL;
    }
    return ram;
}

static void sdm_boot_check_shared(Error **errp)
{
    ERRP_GUARD();
    HostMemoryBackend *ram;

    if (!sdm_machine_is_slave(current_machine)) {
        error_setg(errp, "only a slave can wait for a boot signal");
        error_append_hint(errp, "Use '-machine ...,slave' with a machine that "
                          "has this option.\n");
        return;
    }
    ram = sdm_boot_find_ram(boot.shared_id, errp);
    if (ram && !object_dynamic_cast(OBJECT(ram), TYPE_MEMORY_BACKEND_NETWORK)) {
        error_setg(errp, "memory backend '%s' is not a "
                   TYPE_MEMORY_BACKEND_NETWORK, boot.shared_id);
    }
}

static void sdm_boot_set_started(bool started)
{
    if (boot.started != started) {
        boot.started = started;
        notifier_list_notify(&boot.state_notifiers, NULL);
    }
}

static void sdm_boot_on_reset(void *opaque)
{
    trace_sdm_boot_wait();
    boot.revive = boot.revive || runstate_needs_reset() ||
                  runstate_check(RUN_STATE_GUEST_PANICKED);
    sdm_boot_set_started(false);
}

/* Whoever lets the machine run has ended its halt. */
static void sdm_boot_vm_state(void *opaque, bool running, RunState state)
{
    if (running) {
        boot.revive = false;
    }
}

static int sdm_boot_post_load(void *opaque, int version_id)
{
    notifier_list_notify(&boot.state_notifiers, NULL);
    return 0;
}

static const VMStateDescription vmstate_sdm_boot = {
    .name = "sdm-boot",
    .version_id = 1,
    .minimum_version_id = 1,
    .post_load = sdm_boot_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_BOOL(started, SDMBoot),
        VMSTATE_BOOL(revive, SDMBoot),
        VMSTATE_END_OF_LIST()
    },
};

static void sdm_boot_machine_done(Notifier *notifier, void *data)
{
    Error *err = NULL;
    CPUState *cpu;

    /* Here is nobody to return an error to. */
    if (boot.shared_id) {
        sdm_boot_check_shared(&err);
        if (err) {
            error_reportf_err(err, "-incoming shared:%s: ", boot.shared_id);
            exit(EXIT_FAILURE);
        }
    }
    if (!sdm_machine_is_slave(current_machine)) {
        return;
    }
    if (current_machine->kernel_filename || current_machine->dtb) {
        error_report("a slave is booted by its master: "
                     "-kernel, -initrd and -dtb are not possible");
        exit(EXIT_FAILURE);
    }

    /* The reset that makes this effective comes after machine-done. */
    CPU_FOREACH(cpu) {
        object_property_set_bool(OBJECT(cpu), "start-powered-off", true,
                                 &error_abort);
    }
    qemu_register_reset(sdm_boot_on_reset, NULL);
    qemu_add_vm_change_state_handler(sdm_boot_vm_state, NULL);
    vmstate_register(NULL, 0, &vmstate_sdm_boot, &boot);
}

uint32_t sdm_boot_state(void)
{
    return sdm_machine_is_slave(current_machine) && !boot.started ?
           SDM_PEER_RESET : SDM_PEER_RUNNING;
}

static bool sdm_boot_in_ram(HostMemoryBackend *ram, uint64_t addr)
{
    hwaddr base;

    return sdm_ram_address(ram, &base) && addr >= base &&
           addr - base < memory_region_size(&ram->mr);
}

/* A boot starts what waits for it, not what the user has stopped. */
static void sdm_boot_resume(void)
{
    if (runstate_check(RUN_STATE_INMIGRATE)) {
        if (autostart) {
            vm_start();
        } else {
            runstate_set(RUN_STATE_PAUSED);
        }
    } else if (boot.revive && !runstate_is_running()) {
        vm_start();
    }
    boot.revive = false;
}

static uint32_t sdm_boot_try(HostMemoryBackend *ram, uint64_t entry,
                             uint64_t dtb)
{
    Error *err = NULL;
    uint32_t result;

    if (sdm_boot_state() != SDM_PEER_RESET || qemu_reset_requested_get() ||
        qemu_shutdown_requested_get()) {
        return SDM_ACTION_BUSY;
    }
    /* It waits for a migration stream, not for us. */
    if (runstate_check(RUN_STATE_INMIGRATE) && !boot.shared_id) {
        return SDM_ACTION_BUSY;
    }
    if (!sdm_boot_in_ram(ram, entry) || (dtb && !sdm_boot_in_ram(ram, dtb))) {
        return SDM_ACTION_BAD_ADDRESS;
    }
    /* A machine that waits for a migration does not own its disks yet. */
    if (runstate_check(RUN_STATE_INMIGRATE) &&
        !migration_block_activate(&err)) {
        error_free(err);
        return SDM_ACTION_FAILED;
    }

    /*
     * RAM that the master has mapped changed behind TCG's back. The first
     * CPU does this before the work that sdm_boot_start_cpu() queues.
     */
    tb_flush(first_cpu);
    result = sdm_boot_start_cpu(ram, entry, dtb);
    if (result == SDM_ACTION_OK) {
        sdm_boot_resume();
        sdm_boot_set_started(true);
    }
    return result;
}

SDMCpus sdm_boot_cpus(void)
{
    return (SDMCpus) {
        .arch = sdm_boot_elf_machine(),
        .number = first_cpu ? current_machine->smp.cpus : 0,
    };
}

uint32_t sdm_boot_start(HostMemoryBackend *ram, uint64_t entry, uint64_t dtb)
{
    uint32_t result = sdm_boot_try(ram, entry, dtb);

    trace_sdm_boot_start(entry, dtb, result);
    return result;
}

void sdm_boot_reset(void)
{
    trace_sdm_boot_reset();
    qemu_system_reset_request(SHUTDOWN_CAUSE_GUEST_RESET);
}

void sdm_boot_add_state_notifier(Notifier *n)
{
    notifier_list_add(&boot.state_notifiers, n);
}
