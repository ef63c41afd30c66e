# SPDX-License-Identifier: GPL-2.0-or-later
#
# What QEMU renamed after 10.0, for scripts/qemu-half.
s|"exec/memory\.h"|"system/memory.h"|
s|"exec/address-spaces\.h"|"system/address-spaces.h"|
s|(ObjectClass \*oc, void \*data)|(ObjectClass *oc, const void *data)|
s|\<tb_flush(|queue_tb_flush(|
s|qio_channel_socket_get_local_address(ms->listener->sioc\[i\], NULL)|qio_net_listener_get_local_address(ms->listener, i, NULL)|
s|struct fw_dynamic_info info|struct fw_dynamic_info64 info|
