/*
 * sdm-communication-local: joins the SDM devices of one machine
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "qemu/error-report.h"
#include "qom/object_interfaces.h"
#include "system/system.h"
#include "hw/sdm/boot.h"
#include "hw/sdm/core.h"

OBJECT_DECLARE_SIMPLE_TYPE(SDMCommunicationLocal, SDM_COMMUNICATION_LOCAL)

struct SDMCommunicationLocal {
    SDMCommunication parent_obj;

    Notifier machine_done;
    SDMCore *cores[SDM_MAX_IDS]; /* in the order of -device */
    unsigned num_cores;
};

static SDMCore *find_core(SDMCommunication *comm, uint32_t id)
{
    SDMCommunicationLocal *local = SDM_COMMUNICATION_LOCAL(comm);
    unsigned i;

    for (i = 0; i < local->num_cores; i++) {
        if (local->cores[i]->id == id) {
            return local->cores[i];
        }
    }
    return NULL;
}

static bool local_attach(SDMCommunication *comm, SDMCore *core, Error **errp)
{
    SDMCommunicationLocal *local = SDM_COMMUNICATION_LOCAL(comm);
    unsigned i;

    for (i = 0; i < local->num_cores; i++) {
        SDMConfig *other = &local->cores[i]->config;

        if (core->config.master && other->master) {
            error_setg(errp, "sdm-communication-local '%s' has a master "
                       "already", object_get_canonical_path_component(
                       OBJECT(comm)));
            return false;
        }
        if (core->config.slave_id &&
            core->config.slave_id == other->slave_id) {
            error_setg(errp, "slave ID %u is in use", other->slave_id);
            return false;
        }
    }
    if (local->num_cores == SDM_MAX_IDS) {
        error_setg(errp, "at most %d devices can be joined", SDM_MAX_IDS);
        return false;
    }
    local->cores[local->num_cores++] = core;
    return true;
}

static bool local_send(SDMCommunication *comm, SDMCore *core,
                       const struct sdm_proto_signal *signal)
{
    sdm_core_receive(find_core(comm, signal->dest), signal);
    return true;
}

static void local_return_credits(SDMCommunication *comm, SDMCore *core,
                                 uint32_t id, uint32_t n, bool now)
{
    sdm_core_add_credits(find_core(comm, id), core->id, n);
}

static void local_report_taken(SDMCommunication *comm, SDMCore *core,
                               uint32_t id, uint32_t signal)
{
    SDMCore *sender = find_core(comm, id);

    sdm_core_taken(sender, core->id, signal);
    sdm_core_add_credits(sender, core->id, 1);
}

static void local_announce_state(SDMCommunication *comm, SDMCore *core)
{
    SDMCommunicationLocal *local = SDM_COMMUNICATION_LOCAL(comm);
    unsigned i;

    for (i = 0; i < local->num_cores; i++) {
        if (local->cores[i] != core && core->id != SDM_ID_NONE) {
            sdm_core_peer_state(local->cores[i], core->id,
                                sdm_core_state(core));
        }
    }
}

static void local_announce_action(SDMCommunication *comm, SDMCore *core,
                                  uint32_t id, uint32_t signal,
                                  uint32_t result)
{
    sdm_core_peer_action(find_core(comm, id), core->id, signal, result);
}

static MemoryBackendNetwork *local_memory(SDMCommunication *comm)
{
    return NULL;
}

static bool assign_ids(SDMCommunicationLocal *local, Error **errp)
{
    SDMCore *master = NULL;
    uint32_t num_ids, next = 1;
    unsigned i;

    for (i = 0; i < local->num_cores; i++) {
        if (local->cores[i]->config.master) {
            master = local->cores[i];
        }
    }
    if (!master) {
        error_setg(errp, "none of its devices is the master");
        return false;
    }
    num_ids = master->num_ids;

    /* Those who ask first, so that the others get what is left. */
    for (i = 0; i < local->num_cores; i++) {
        SDMCore *core = local->cores[i];

        if (core != master && core->config.slave_id) {
            if (core->config.slave_id >= num_ids) {
                error_setg(errp, "slave ID %u does not exist: the master has "
                           "num-slaves=%u", core->config.slave_id,
                           num_ids - 1);
                return false;
            }
            sdm_core_set_identity(core, core->config.slave_id, num_ids);
        }
    }
    for (i = 0; i < local->num_cores; i++) {
        SDMCore *core = local->cores[i];

        if (core == master || core->config.slave_id) {
            continue;
        }
        while (find_core(SDM_COMMUNICATION(local), next)) {
            next++;
        }
        if (next >= num_ids) {
            error_setg(errp, "there are more slaves than num-slaves=%u",
                       num_ids - 1);
            return false;
        }
        sdm_core_set_identity(core, next, num_ids);
    }
    return true;
}

static void local_machine_done(Notifier *notifier, void *data)
{
    SDMCommunicationLocal *local =
        container_of(notifier, SDMCommunicationLocal, machine_done);
    Error *err = NULL;
    unsigned i, j;

    if (!local->num_cores) {
        return;
    }
    if (!assign_ids(local, &err)) {
        error_reportf_err(err, "sdm-communication-local '%s': ",
                          object_get_canonical_path_component(OBJECT(local)));
        exit(EXIT_FAILURE);
    }
    for (i = 0; i < local->num_cores; i++) {
        for (j = 0; j < local->num_cores; j++) {
            struct sdm_proto_signals signals;

            if (i != j) {
                sdm_core_describe(local->cores[j], local->cores[i]->id,
                                  &signals);
                sdm_core_peer_up(local->cores[i], local->cores[j]->id,
                                 sdm_boot_cpus(), &signals);
            }
        }
    }
}

static void local_complete(UserCreatable *uc, Error **errp)
{
    SDMCommunicationLocal *local = SDM_COMMUNICATION_LOCAL(uc);

    local->machine_done.notify = local_machine_done;
    qemu_add_machine_init_done_notifier(&local->machine_done);
}

static bool local_can_be_deleted(UserCreatable *uc)
{
    return !SDM_COMMUNICATION_LOCAL(uc)->num_cores;
}

static void local_finalize(Object *obj)
{
    SDMCommunicationLocal *local = SDM_COMMUNICATION_LOCAL(obj);

    if (local->machine_done.notify) {
        qemu_remove_machine_init_done_notifier(&local->machine_done);
    }
}

static void local_class_init(ObjectClass *oc, void *data)
{
    SDMCommunicationClass *cc = SDM_COMMUNICATION_CLASS(oc);
    UserCreatableClass *ucc = USER_CREATABLE_CLASS(oc);

    cc->attach = local_attach;
    cc->send = local_send;
    cc->return_credits = local_return_credits;
    cc->report_taken = local_report_taken;
    cc->announce_state = local_announce_state;
    cc->announce_action = local_announce_action;
    cc->memory = local_memory;
    ucc->complete = local_complete;
    ucc->can_be_deleted = local_can_be_deleted;
}

static const TypeInfo local_types[] = {
    {
        .name = TYPE_SDM_COMMUNICATION_LOCAL,
        .parent = TYPE_SDM_COMMUNICATION,
        .instance_size = sizeof(SDMCommunicationLocal),
        .instance_finalize = local_finalize,
        .class_init = local_class_init,
        .interfaces = (InterfaceInfo[]) {
            { TYPE_USER_CREATABLE },
            { }
        },
    },
};

DEFINE_TYPES(local_types)
