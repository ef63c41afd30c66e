/*
 * sdm-communication: how SDM devices reach each other
 *
 * Abstract; sdm-communication-socket joins machines over a
 * multi-socket-backend, sdm-communication-local joins the devices of one
 * machine. All operations belong to the main loop and run under the BQL.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HW_SDM_COMM_H
#define HW_SDM_COMM_H

#include "qom/object.h"
#include "sdm/sdm-proto.h"
#include "hw/sdm/hostmem-network.h"

#define TYPE_SDM_COMMUNICATION "sdm-communication"
OBJECT_DECLARE_TYPE(SDMCommunication, SDMCommunicationClass,
                    SDM_COMMUNICATION)

#define TYPE_SDM_COMMUNICATION_SOCKET "sdm-communication-socket"
#define TYPE_SDM_COMMUNICATION_LOCAL "sdm-communication-local"

typedef struct SDMCore SDMCore;

/**
 * struct SDMCommunicationClass
 * @attach: a device is realized; its configuration is complete
 * @send: deliver a signal to another machine. The device has checked the
 *     link and taken a credit, so there is room. False: the link is broken
 * @return_credits: the guest has taken @n signals of machine @id. They may be
 *     collected for a while, unless @now
 * @report_taken: the guest has taken @signal of machine @id, which wants to
 *     know; returns its credit, too
 * @announce_state: sdm_core_state() of the device has changed
 * @announce_action: the result of a signal of machine @id with an action
 * @memory: the memory with the window, or NULL
 */
struct SDMCommunicationClass {
    ObjectClass parent_class;

    bool (*attach)(SDMCommunication *comm, SDMCore *core, Error **errp);
    bool (*send)(SDMCommunication *comm, SDMCore *core,
                 const struct sdm_proto_signal *signal);
    void (*return_credits)(SDMCommunication *comm, SDMCore *core, uint32_t id,
                           uint32_t n, bool now);
    void (*report_taken)(SDMCommunication *comm, SDMCore *core, uint32_t id,
                         uint32_t signal);
    void (*announce_state)(SDMCommunication *comm, SDMCore *core);
    void (*announce_action)(SDMCommunication *comm, SDMCore *core, uint32_t id,
                            uint32_t signal, uint32_t result);
    MemoryBackendNetwork *(*memory)(SDMCommunication *comm);
};

struct SDMCommunication {
    Object parent_obj;
};

#endif
