/*
 * sdm-pci: the SDM as a PCI device
 *
 * BAR 0 holds the registers. A master whose memory backend says so has its
 * window in BAR 2. The interrupt is one message, or INTA.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "hw/irq.h"
#include "hw/pci/msi.h"
#include "hw/pci/pci_device.h"
#include "hw/qdev-properties.h"
#include "hw/resettable.h"
#include "hw/sdm/device.h"
#include "hw/sdm/hostmem-network.h"
#include "sdm/sdm-pci.h"

#define TYPE_SDM_PCI "sdm-pci"
OBJECT_DECLARE_SIMPLE_TYPE(SDMPci, SDM_PCI)

struct SDMPci {
    PCIDevice parent_obj;

    SDMCore core;
    OnOffAuto msi;
    bool level; /* of the interrupt */
};

static void sdm_pci_set_irq(void *opaque, int n, int level)
{
    SDMPci *s = opaque;
    PCIDevice *pci = PCI_DEVICE(s);
    bool rises = level && !s->level;

    s->level = level;
    if (!msi_enabled(pci)) {
        pci_set_irq(pci, level);
    } else if (rises) {
        msi_notify(pci, 0);
    }
}

/* INTA is that of a device whose messages have just been switched off. */
static void sdm_pci_write_config(PCIDevice *pci, uint32_t addr, uint32_t value,
                                 int len)
{
    SDMPci *s = SDM_PCI(pci);

    pci_default_write_config(pci, addr, value, len);
    sdm_pci_set_irq(s, 0, s->level);
}

/* On some boards messages do not work: that is an error if they are wanted. */
static bool sdm_pci_init_msi(SDMPci *s, Error **errp)
{
    ERRP_GUARD();
    int ret;

    if (s->msi == ON_OFF_AUTO_OFF) {
        return true;
    }
    ret = msi_init(PCI_DEVICE(s), 0, SDM_PCI_NUM_VECTORS, true, false, errp);
    if (ret == -ENOTSUP && s->msi == ON_OFF_AUTO_AUTO) {
        error_free(*errp);
        *errp = NULL;
        return true;
    }
    return ret == 0;
}

static bool sdm_pci_take_window(SDMPci *s, MemoryRegion **window, Error **errp)
{
    SDMConfig *config = &s->core.config;
    MemoryBackendNetwork *nm = NULL;

    if (config->master && config->comm) {
        nm = SDM_COMMUNICATION_GET_CLASS(config->comm)->memory(config->comm);
    }
    *window = NULL;
    return !nm || memory_backend_network_take_window(nm, window, errp);
}

static void sdm_pci_realize(PCIDevice *pci, Error **errp)
{
    SDMPci *s = SDM_PCI(pci);
    MemoryRegion *window;

    pci_config_set_interrupt_pin(pci->config, 1);
    if (!sdm_pci_init_msi(s, errp)) {
        return;
    }
    if (!sdm_pci_take_window(s, &window, errp) ||
        !sdm_device_realize(DEVICE(pci), &s->core,
                            pci_get_address_space(pci), errp)) {
        msi_uninit(pci);
        return;
    }
    s->core.irq = qemu_allocate_irq(sdm_pci_set_irq, s, 0);
    /* Socket and threads refer to it for ever, see sdm_pci_exit(). */
    object_ref(OBJECT(pci));
    pci_register_bar(pci, SDM_PCI_BAR_REGS, PCI_BASE_ADDRESS_SPACE_MEMORY,
                     &s->core.registers);
    if (window) {
        pci_register_bar(pci, SDM_PCI_BAR_WINDOW,
                         PCI_BASE_ADDRESS_SPACE_MEMORY |
                         PCI_BASE_ADDRESS_MEM_TYPE_64 |
                         PCI_BASE_ADDRESS_MEM_PREFETCH, window);
    }
}

/*
 * It cannot be unplugged by the user, but PCIe slots let their guest switch off
 * any device. Peers stay connected: to one that nobody drives any more.
 */
static void sdm_pci_exit(PCIDevice *pci)
{
    SDMPci *s = SDM_PCI(pci);

    sdm_core_reset(&s->core);
    sdm_device_unrealize(&s->core);
    qemu_free_irq(s->core.irq);
    s->core.irq = NULL;
    msi_uninit(pci);
}

static void sdm_pci_reset_hold(Object *obj, ResetType type)
{
    sdm_core_reset(&SDM_PCI(obj)->core);
}

static const Property sdm_pci_properties[] = {
#define SDM_DEVICE SDMPci
#include "properties.h.inc"
    DEFINE_PROP_ON_OFF_AUTO("msi", SDMPci, msi, ON_OFF_AUTO_AUTO),
};

static void sdm_pci_class_init(ObjectClass *oc, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(oc);
    PCIDeviceClass *pc = PCI_DEVICE_CLASS(oc);
    ResettableClass *rc = RESETTABLE_CLASS(oc);

    pc->realize = sdm_pci_realize;
    pc->exit = sdm_pci_exit;
    pc->config_write = sdm_pci_write_config;
    pc->vendor_id = SDM_PCI_VENDOR_ID;
    pc->device_id = SDM_PCI_DEVICE_ID;
    pc->class_id = SDM_PCI_CLASS;
    pc->revision = SDM_PCI_REVISION;
    rc->phases.hold = sdm_pci_reset_hold;
    /* Machines meet before they run: the socket refers to the device. */
    dc->hotpluggable = false;
    device_class_set_props(dc, sdm_pci_properties);
    sdm_device_class_init(oc, offsetof(SDMPci, core));
}

static const TypeInfo sdm_pci_types[] = {
    {
        .name = TYPE_SDM_PCI,
        .parent = TYPE_PCI_DEVICE,
        .instance_size = sizeof(SDMPci),
        .class_init = sdm_pci_class_init,
        .interfaces = (InterfaceInfo[]) {
            { INTERFACE_CONVENTIONAL_PCI_DEVICE },
            { },
        },
    },
};

DEFINE_TYPES(sdm_pci_types)
