/*
 * SDM: the machine option "slave"
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "hw/sdm/boot.h"
#include "hw/sdm/hostmem-network.h"
#include "hw/sdm/machine.h"
#include "qom/object_interfaces.h"

#define SLAVE_OPTION "slave"

/* The machine that has slave=on: a class property has no storage in it. */
static Object *slave_machine;

static bool sdm_machine_get_slave(Object *obj, Error **errp)
{
    return obj == slave_machine;
}

static void sdm_machine_set_slave(Object *obj, bool value, Error **errp)
{
    if (value) {
        slave_machine = obj;
        sdm_boot_init();
    } else if (obj == slave_machine) {
        slave_machine = NULL;
    }
}

void sdm_machine_class_add_slave(ObjectClass *oc)
{
    object_class_property_add_bool(oc, SLAVE_OPTION, sdm_machine_get_slave,
                                   sdm_machine_set_slave);
    object_class_property_set_description(oc, SLAVE_OPTION,
        "Hold the CPUs in reset until a signal boots them");
}

bool sdm_machine_is_slave(const MachineState *machine)
{
    return slave_machine && OBJECT(machine) == slave_machine;
}

typedef struct SDMUsableRAM {
    hwaddr base;
    uint64_t size;
} SDMUsableRAM;

static int sdm_machine_subtract_window(Object *obj, void *opaque)
{
    SDMUsableRAM *ram = opaque;
    MemoryBackendNetwork *nm = (MemoryBackendNetwork *)
        object_dynamic_cast(obj, TYPE_MEMORY_BACKEND_NETWORK);
    uint64_t base, size;

    if (nm && memory_backend_network_window_in_ram(nm) &&
        memory_backend_network_window(nm, &base, &size) &&
        base >= ram->base) {
        ram->size = MIN(ram->size, base - ram->base);
    }
    return 0;
}

uint64_t sdm_machine_usable_ram(const MachineState *machine)
{
    SDMUsableRAM ram = {
        .base = machine->ram ? machine->ram->addr : 0,
        .size = machine->ram_size,
    };

    object_child_foreach(object_get_objects_root(),
                         sdm_machine_subtract_window, &ram);
    return ram.size;
}

/* Length of the option at @p. A doubled comma stands for one in a value. */
static size_t option_length(const char *p)
{
    size_t len = 0;

    while (p[len] && (p[len] != ',' || p[len + 1] == ',')) {
        len += p[len] == ',' ? 2 : 1;
    }
    return len;
}

char *sdm_machine_expand_options(const char *options)
{
    GString *expanded = g_string_new(NULL);
    const char *p = options;

    for (;;) {
        size_t len = option_length(p);

        g_string_append_len(expanded, p, len);
        if (p != options && len == strlen(SLAVE_OPTION) &&
            !memcmp(p, SLAVE_OPTION, len)) {
            g_string_append(expanded, "=on");
        }
        p += len;
        if (!*p) {
            return g_string_free(expanded, false);
        }
        g_string_append_c(expanded, *p++);
    }
}
