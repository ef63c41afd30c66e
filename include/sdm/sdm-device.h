/* SPDX-License-Identifier: GPL-2.0-or-later OR BSD-2-Clause */
/*
 * A driver for the Signal Distribution Module (SDM) in a header: for firmware
 * and small operating systems, as a part of theirs or as a start for a port.
 *
 * It needs a freestanding C compiler, no library and no memory of its own. It
 * does not lock: callers serialise the calls for one device, apart from
 * sdm_dev_irq_pending(). Nothing waits, but sdm_dev_receive_wait(). Little
 * endian only. Documentation/porting.rst is the guide to it.
 *
 * Where interrupts, waiting and mapping are concerned it is the board's turn:
 * the registers have to be mapped as device memory (no gathering, reordering
 * or caching), at the address that the device tree or a PCI BAR says.
 */
#ifndef SDM_SDM_DEVICE_H
#define SDM_SDM_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include <sdm/sdm-regs.h>

/**
 * struct sdm_dev - a device
 * @base: where the CPU sees its registers (SDM_REGS_SIZE bytes)
 */
struct sdm_dev {
	uintptr_t base;
};

/**
 * struct sdm_dev_signal - a signal
 * @peer: its destination or, when received, its source
 * @number: its number, 0..SDM_REG_NUM_SIGNALS-1 of the receiver
 * @data: payload words
 */
struct sdm_dev_signal {
	uint32_t peer;
	uint32_t number;
	uint64_t data[2];
};

static inline uint32_t sdm_dev_read(const struct sdm_dev *dev, uint32_t reg)
{
	return *(const volatile uint32_t *)(dev->base + reg);
}

static inline void sdm_dev_write(const struct sdm_dev *dev, uint32_t reg,
				 uint32_t value)
{
	*(volatile uint32_t *)(dev->base + reg) = value;
}

/*
 * All accesses to memory before it, by whatever instruction, are there before
 * any access after it, to memory or to a device.
 */
static inline void sdm_dev_barrier(void)
{
#if defined(__aarch64__) || (defined(__arm__) && __ARM_ARCH >= 7)
	__asm__ volatile("dsb sy" : : : "memory");
#elif defined(__riscv)
	__asm__ volatile("fence iorw, iorw" : : : "memory");
#else
	__sync_synchronize();
#endif
}

/**
 * sdm_dev_probe - look whether there is a device that this driver knows
 * @dev: the device; only @dev->base has to be set
 *
 * Returns true if it is an SDM of a version that this code is for.
 */
static inline bool sdm_dev_probe(const struct sdm_dev *dev)
{
	return sdm_dev_read(dev, SDM_REG_MAGIC) == SDM_MAGIC &&
	       SDM_VERSION_GET_MAJOR(sdm_dev_read(dev, SDM_REG_VERSION)) ==
		       SDM_VERSION_MAJOR;
}

/**
 * sdm_dev_start - bring a device into a known state and serve it
 * @dev: the device
 * @interrupts: which causes shall interrupt: SDM_IRQ_RX and others, or 0
 *
 * What has been received before is discarded: on a slave that begins, the
 * signal that has booted it. From now on peers see that there is a driver.
 */
static inline void sdm_dev_start(const struct sdm_dev *dev, uint32_t interrupts)
{
	sdm_dev_write(dev, SDM_REG_CONTROL, SDM_CTRL_RESET);
	sdm_dev_write(dev, SDM_REG_IRQ_ENABLE, interrupts);
	sdm_dev_write(dev, SDM_REG_CONTROL, SDM_CTRL_ENABLE);
}

/**
 * sdm_dev_stop - end the service; peers see that nobody is there
 * @dev: the device
 */
static inline void sdm_dev_stop(const struct sdm_dev *dev)
{
	sdm_dev_write(dev, SDM_REG_CONTROL, SDM_CTRL_RESET);
}

/**
 * sdm_dev_id - this machine's own ID
 * @dev: the device
 *
 * Returns SDM_ID_MASTER, 1..255 for a slave, or SDM_ID_NONE as long as it has
 * not been connected.
 */
static inline uint32_t sdm_dev_id(const struct sdm_dev *dev)
{
	return sdm_dev_read(dev, SDM_REG_ID);
}

/**
 * sdm_dev_peer_state - what another machine does
 * @dev: the device
 * @peer: its ID
 *
 * Returns SDM_PEER_ABSENT, ..._RESET, ..._RUNNING and so on, with
 * SDM_PEER_STATE_DRIVER if signals find somebody there. An ID that does not
 * exist is absent.
 */
static inline uint32_t sdm_dev_peer_state(const struct sdm_dev *dev,
					  uint32_t peer)
{
	if (peer >= sdm_dev_read(dev, SDM_REG_NUM_IDS))
		return SDM_PEER_ABSENT;
	return sdm_dev_read(dev, SDM_REG_PEER(peer, SDM_PEER_STATE));
}

/**
 * sdm_dev_send - send a signal
 * @dev: the device
 * @signal: destination, number and payload
 *
 * What has been written to memory that both share is there when the receiver
 * gets the signal.
 *
 * Returns SDM_TX_OK: it will be delivered unless the link breaks;
 * SDM_TX_BUSY: the receiver has no room: try again, or wait for SDM_IRQ_TX_FREE
 * (see sdm_dev_take_tx_free()); SDM_TX_NO_LINK, SDM_TX_NO_PEER or
 * SDM_TX_NO_SIGNAL: it cannot be delivered.
 */
static inline uint32_t sdm_dev_send(const struct sdm_dev *dev,
				    const struct sdm_dev_signal *signal)
{
	if (signal->peer >= SDM_MAX_IDS)
		return SDM_TX_NO_PEER;
	if (signal->number > 0xffff)
		return SDM_TX_NO_SIGNAL;
	sdm_dev_write(dev, SDM_REG_TX_DATA0_LO, (uint32_t)signal->data[0]);
	sdm_dev_write(dev, SDM_REG_TX_DATA0_HI,
		      (uint32_t)(signal->data[0] >> 32));
	sdm_dev_write(dev, SDM_REG_TX_DATA1_LO, (uint32_t)signal->data[1]);
	sdm_dev_write(dev, SDM_REG_TX_DATA1_HI,
		      (uint32_t)(signal->data[1] >> 32));
	sdm_dev_barrier();
	sdm_dev_write(dev, SDM_REG_TX_DOORBELL,
		      SDM_TX_DOORBELL(signal->peer, signal->number));
	return sdm_dev_read(dev, SDM_REG_TX_STATUS);
}

/**
 * sdm_dev_take_tx_free - has a receiver that was full got room?
 * @dev: the device
 * @peer: its ID
 *
 * To be asked when SDM_IRQ_TX_FREE is a cause, of each peer that is waited
 * for. Returns true once for each time that it has; then send again.
 */
static inline bool sdm_dev_take_tx_free(const struct sdm_dev *dev,
					uint32_t peer)
{
	uint32_t bit = SDM_ID_BIT(peer);

	if (peer >= SDM_MAX_IDS ||
	    !(sdm_dev_read(dev, SDM_REG_TX_FREE(peer)) & bit))
		return false;
	sdm_dev_write(dev, SDM_REG_TX_FREE(peer), bit);
	return true;
}

/**
 * sdm_dev_receive - take the oldest signal that has arrived
 * @dev: the device
 * @signal: receives source, number and payload
 *
 * What the sender has written to shared memory before it sent the signal can
 * be read from now on. The sender gets a credit back for the signal.
 *
 * Returns false if there is none.
 */
static inline bool sdm_dev_receive(const struct sdm_dev *dev,
				   struct sdm_dev_signal *signal)
{
	uint32_t head = sdm_dev_read(dev, SDM_REG_RX_HEAD);

	if (!(head & SDM_RX_VALID))
		return false;
	signal->peer = SDM_RX_SOURCE(head);
	signal->number = SDM_RX_SIGNAL(head);
	signal->data[0] = 0;
	signal->data[1] = 0;
	if (head & SDM_RX_HAS_DATA) {
		signal->data[0] = sdm_dev_read(dev, SDM_REG_RX_DATA0_LO) |
				  (uint64_t)sdm_dev_read(dev,
							 SDM_REG_RX_DATA0_HI)
					  << 32;
		signal->data[1] = sdm_dev_read(dev, SDM_REG_RX_DATA1_LO) |
				  (uint64_t)sdm_dev_read(dev,
							 SDM_REG_RX_DATA1_HI)
					  << 32;
	}
	sdm_dev_write(dev, SDM_REG_RX_POP, 0);
	sdm_dev_barrier();
	return true;
}

/**
 * sdm_dev_receive_wait - wait for a signal, and take it
 * @dev: the device
 * @signal: receives source, number and payload
 * @idle: called while there is none, for instance to execute WFI; or NULL
 */
static inline void sdm_dev_receive_wait(const struct sdm_dev *dev,
					struct sdm_dev_signal *signal,
					void (*idle)(void))
{
	while (!sdm_dev_receive(dev, signal)) {
		if (idle)
			idle();
	}
}

/**
 * sdm_dev_irq_pending - what has interrupted
 * @dev: the device
 *
 * Returns the causes (SDM_IRQ_*) that are enabled. Each goes away when it is
 * served: SDM_IRQ_RX when nothing is left to receive.
 */
static inline uint32_t sdm_dev_irq_pending(const struct sdm_dev *dev)
{
	return sdm_dev_read(dev, SDM_REG_IRQ_STATUS) &
	       sdm_dev_read(dev, SDM_REG_IRQ_ENABLE);
}

/**
 * sdm_dev_irq_done - end a handler of messages (MSI), on PCI
 * @dev: the device
 *
 * There is no other message as long as a cause is left, be it one that came
 * while the handler ran: this asks for it. A line needs nothing of the kind.
 */
static inline void sdm_dev_irq_done(const struct sdm_dev *dev)
{
	sdm_dev_write(dev, SDM_REG_IRQ_ENABLE,
		      sdm_dev_read(dev, SDM_REG_IRQ_ENABLE));
}

#endif /* SDM_SDM_DEVICE_H */
