// SPDX-License-Identifier: GPL-2.0-only
/*
 * SDM rpmsg driver: messages in the rings, and the signals that go with them. The
 * rules are in Documentation/rpmsg.rst.
 */

#include <linux/jiffies.h>
/* Needed by the next one */
#include <asm/byteorder.h>
#include <linux/rpmsg/byteorder.h>
#include <linux/rpmsg/ns.h>
#include <linux/string.h>

#include <sdm/sdm-rproc.h>

#include "rpmsg.h"

/* How long a sender waits for a buffer: as long as elsewhere in Linux. */
#define SDM_RPMSG_SEND_TIMEOUT msecs_to_jiffies(15000)

static void sdm_rpmsg_try_signal(struct sdm_rpmsg *priv, unsigned int word)
{
	u64 payload[SDM_MSG_WORDS] = { word };

	lockdep_assert_held(&priv->signal_lock);

	/* If the master has gone that is told otherwise. */
	if (sdm_send(priv->master, &sdm_rpmsg_client, SDM_RPROC_SIGNAL,
		     payload) == -EAGAIN)
		priv->refused |= BIT(word);
	else
		priv->refused &= ~BIT(word);
}

/**
 * sdm_rpmsg_signal() - send a signal to the master, now or when it has room
 * @priv: whose master
 * @word: word 0 of its payload
 *
 * Any context.
 */
void sdm_rpmsg_signal(struct sdm_rpmsg *priv, unsigned int word)
{
	unsigned long flags;

	spin_lock_irqsave(&priv->signal_lock, flags);
	if (!(priv->refused & BIT(word)))
		sdm_rpmsg_try_signal(priv, word);
	spin_unlock_irqrestore(&priv->signal_lock, flags);
}

/* There is room. Atomic. */
void sdm_rpmsg_send_refused(struct sdm_rpmsg *priv)
{
	unsigned long flags, refused;
	unsigned int word;

	spin_lock_irqsave(&priv->signal_lock, flags);
	refused = priv->refused;
	for_each_set_bit(word, &refused, BITS_PER_LONG)
		sdm_rpmsg_try_signal(priv, word);
	spin_unlock_irqrestore(&priv->signal_lock, flags);
}

/* They were for a connection that has ended. */
void sdm_rpmsg_forget_refused(struct sdm_rpmsg *priv)
{
	spin_lock_irq(&priv->signal_lock);
	priv->refused = 0;
	spin_unlock_irq(&priv->signal_lock);
}

/* What cannot be right is not looked at again. */
static void sdm_rpmsg_break(struct sdm_rpmsg *priv)
{
	set_bit(SDM_RPMSG_BROKEN, &priv->due);
	sdm_rpmsg_queue_control(priv);
}

/* Writes a message into the next buffer. -EAGAIN if there is none. */
static int sdm_rpmsg_put(struct sdm_rpmsg *priv,
			 const struct sdm_rpmsg_hdr *hdr, const void *data,
			 size_t len)
{
	struct sdm_rpmsg_buffer buffer;
	int ret;

	lockdep_assert_held(&priv->ring_lock);

	if (!priv->up)
		return -ENOLINK;
	ret = sdm_rpmsg_ring_next(&priv->to_master, &buffer);
	if (!ret && buffer.size < sizeof(*hdr) + len)
		ret = -EPROTO;
	if (ret)
		return ret;
	memcpy(buffer.data, hdr, sizeof(*hdr));
	memcpy(buffer.data + sizeof(*hdr), data, len);
	sdm_rpmsg_ring_return(&priv->to_master, &buffer, sizeof(*hdr) + len);

	return 0;
}

static int sdm_rpmsg_try_send(struct sdm_rpmsg *priv,
			      const struct sdm_rpmsg_hdr *hdr, const void *data,
			      size_t len)
{
	unsigned long flags;
	int ret;

	spin_lock_irqsave(&priv->ring_lock, flags);
	ret = sdm_rpmsg_put(priv, hdr, data, len);
	spin_unlock_irqrestore(&priv->ring_lock, flags);

	if (!ret)
		sdm_rpmsg_signal(priv, SDM_RPROC_KICK);
	else if (ret == -EPROTO)
		sdm_rpmsg_break(priv);

	return ret;
}

/* The condition of a wait. */
static bool sdm_rpmsg_sent(struct sdm_rpmsg *priv,
			   const struct sdm_rpmsg_hdr *hdr, const void *data,
			   size_t len, int *ret)
{
	*ret = READ_ONCE(priv->stopping) ?
		       -ENOLINK :
		       sdm_rpmsg_try_send(priv, hdr, data, len);

	return *ret != -EAGAIN;
}

/**
 * sdm_rpmsg_send() - send a message to the master
 * @priv: whose master
 * @src: address of the sender
 * @dst: address of the receiver
 * @data: contents
 * @len: length of the contents
 * @wait: wait for a buffer if there is none; otherwise in any context
 *
 * Return: 0, -EINVAL if an address is none, -EMSGSIZE, -ENOMEM if there is no
 * buffer, -ETIMEDOUT if there was none for long, -ERESTARTSYS when interrupted,
 * -ENOLINK if the master has gone or has let go of the rings, -EPROTO if it has
 * written nonsense into them.
 */
int sdm_rpmsg_send(struct sdm_rpmsg *priv, u32 src, u32 dst, const void *data,
		   int len, bool wait)
{
	bool little_endian = rpmsg_is_little_endian();
	struct sdm_rpmsg_hdr hdr = {
		.src = __cpu_to_rpmsg32(little_endian, src),
		.dst = __cpu_to_rpmsg32(little_endian, dst),
		.len = __cpu_to_rpmsg16(little_endian, len),
	};
	long left;
	int ret;

	if (src == RPMSG_ADDR_ANY || dst == RPMSG_ADDR_ANY || len < 0)
		return -EINVAL;
	if (len > SDM_RPMSG_MTU)
		return -EMSGSIZE;

	ret = sdm_rpmsg_try_send(priv, &hdr, data, len);
	if (ret != -EAGAIN)
		return ret;
	if (!wait)
		return -ENOMEM;

	left = wait_event_interruptible_timeout(priv->room,
						sdm_rpmsg_sent(priv, &hdr, data,
							       len, &ret),
						SDM_RPMSG_SEND_TIMEOUT);
	if (left < 0)
		return left;

	return ret == -EAGAIN ? -ETIMEDOUT : ret;
}

/* Tells the master's name service about a channel. */
int sdm_rpmsg_announce(struct sdm_rpmsg *priv, const char *name, u32 addr,
		       u32 flags, bool wait)
{
	bool little_endian = rpmsg_is_little_endian();
	struct rpmsg_ns_msg msg = {
		.addr = __cpu_to_rpmsg32(little_endian, addr),
		.flags = __cpu_to_rpmsg32(little_endian, flags),
	};

	if (!(priv->layout.features & BIT(SDM_RPMSG_F_NS)))
		return 0;
	strscpy_pad(msg.name, name, sizeof(msg.name));

	return sdm_rpmsg_send(priv, addr, RPMSG_NS_ADDR, &msg, sizeof(msg),
			      wait);
}

/* Is there a buffer for a message to the master? */
bool sdm_rpmsg_has_room(struct sdm_rpmsg *priv)
{
	struct sdm_rpmsg_buffer buffer;
	unsigned long flags;
	bool room;

	spin_lock_irqsave(&priv->ring_lock, flags);
	room = priv->up && !sdm_rpmsg_ring_next(&priv->to_master, &buffer);
	spin_unlock_irqrestore(&priv->ring_lock, flags);

	return room;
}

/* Copies a message, then looks whether it makes sense. */
static bool sdm_rpmsg_copy(struct sdm_rpmsg *priv, struct sdm_rpmsg_msg *msg,
			   const struct sdm_rpmsg_buffer *buffer)
{
	bool little_endian = rpmsg_is_little_endian();
	struct sdm_rpmsg_hdr hdr;
	size_t len;

	if (buffer->size < sizeof(hdr) || buffer->size > SDM_RPROC_BUFFER_SIZE)
		goto bad;
	len = buffer->size - sizeof(hdr);
	memcpy(&hdr, buffer->data, sizeof(hdr));
	msg->src = __rpmsg32_to_cpu(little_endian, hdr.src);
	msg->dst = __rpmsg32_to_cpu(little_endian, hdr.dst);
	msg->len = __rpmsg16_to_cpu(little_endian, hdr.len);
	if (msg->len > len)
		goto bad;
	memcpy(msg->data, buffer->data + sizeof(hdr), msg->len);

	return true;

bad:
	dev_warn_ratelimited(&priv->parent->dev,
			     "a message of the master is longer than its buffer, or the buffer than buffers are\n");
	return false;
}

/*
 * Takes some messages, and gives their buffers back before anybody is called who
 * may wait. Returns how many buffers, and in count how many messages.
 */
static unsigned int sdm_rpmsg_take(struct sdm_rpmsg *priv, unsigned int *count)
{
	struct sdm_rpmsg_buffer buffer;
	unsigned int taken;
	int ret = 0;

	*count = 0;
	for (taken = 0; taken < SDM_RPMSG_BATCH; taken++) {
		ret = sdm_rpmsg_ring_next(&priv->from_master, &buffer);
		if (ret)
			break;
		if (sdm_rpmsg_copy(priv, &priv->batch[*count], &buffer))
			(*count)++;
		sdm_rpmsg_ring_return(&priv->from_master, &buffer, 0);
	}
	if (taken)
		sdm_rpmsg_signal(priv, SDM_RPROC_KICK);
	if (ret == -EPROTO)
		sdm_rpmsg_break(priv);

	return taken;
}

bool sdm_rpmsg_table_changed(const struct sdm_rpmsg *priv)
{
	return memcmp(priv->table, priv->region, priv->layout.end);
}

static bool sdm_rpmsg_may_rx(struct sdm_rpmsg *priv)
{
	return READ_ONCE(priv->up) && !READ_ONCE(priv->stopping);
}

/* Looks at the rings until there is nothing new. */
void sdm_rpmsg_rx_work(struct work_struct *work)
{
	struct sdm_rpmsg *priv = container_of(work, struct sdm_rpmsg, rx);
	unsigned int count, i;
	bool kicked;

	if (!sdm_rpmsg_may_rx(priv))
		goto control;
	kicked = test_and_clear_bit(SDM_RPMSG_KICKED, &priv->due);
	/* The bit, then what it is about. */
	smp_mb__after_atomic();
	if (kicked && sdm_rpmsg_table_changed(priv)) {
		set_bit(SDM_RPMSG_KICKED, &priv->due);
		goto control;
	}

	while (sdm_rpmsg_may_rx(priv) && sdm_rpmsg_take(priv, &count)) {
		for (i = 0; i < count && sdm_rpmsg_may_rx(priv); i++)
			sdm_rpmsg_receive(priv, &priv->batch[i]);
	}
	sdm_rpmsg_serve_services(priv);

	return;

control:
	/* What the master wants is not forgotten. */
	if (test_bit(SDM_RPMSG_KICKED, &priv->due))
		sdm_rpmsg_queue_control(priv);
}
