// SPDX-License-Identifier: GPL-2.0-only
/*
 * SDM rpmsg driver: services. A service has a name and an address here, and is
 * announced to the master each time that it comes. Drivers of channels expect to
 * know the address of the other side, so a service's channel begins with the
 * first message from there, which waits until the driver is ready.
 */

#include <linux/rpmsg/ns.h>
#include <linux/slab.h>

#include "rpmsg.h"

/* Messages that wait for one service. More are thrown away. */
#define SDM_RPMSG_MAX_WAITING 32

/**
 * struct sdm_rpmsg_service - a service
 * @node: in sdm_rpmsg.services
 * @name: its name
 * @addr: its address
 * @released: it goes; by sdm_rpmsg.services_lock
 * @announced: the master knows of it
 * @waiting: messages that wait; by the work item
 * @num_waiting: how many
 */
struct sdm_rpmsg_service {
	struct list_head node;
	char name[RPMSG_NAME_SIZE];
	u32 addr;
	bool released;
	bool announced;
	struct list_head waiting;
	unsigned int num_waiting;
};

/* One that is not about to go. */
static struct sdm_rpmsg_service *sdm_rpmsg_find_service(struct sdm_rpmsg *priv,
							u32 addr)
{
	struct sdm_rpmsg_service *service;

	lockdep_assert_held(&priv->services_lock);

	list_for_each_entry(service, &priv->services, node) {
		if (service->addr == addr && !service->released)
			return service;
	}

	return NULL;
}

/**
 * sdm_rpmsg_add_service() - add a service
 * @priv: for which master
 * @name: its name
 * @addr: its address
 *
 * Return: 0, -EINVAL if the name or the address is none, -EEXIST if a service
 * has the address, or -ENOMEM.
 */
int sdm_rpmsg_add_service(struct sdm_rpmsg *priv, const char *name, u32 addr)
{
	struct sdm_rpmsg_service *service;
	int ret = 0;

	if (!name[0] || addr >= INT_MAX || addr == RPMSG_NS_ADDR) {
		dev_err(&priv->parent->dev,
			"a service needs a name and an address, not 0x%x\n",
			addr);
		return -EINVAL;
	}
	service = kzalloc(sizeof(*service), GFP_KERNEL);
	if (!service)
		return -ENOMEM;
	strscpy(service->name, name, sizeof(service->name));
	service->addr = addr;
	INIT_LIST_HEAD(&service->waiting);

	mutex_lock(&priv->services_lock);
	if (sdm_rpmsg_find_service(priv, addr))
		ret = -EEXIST;
	else
		list_add_tail(&service->node, &priv->services);
	mutex_unlock(&priv->services_lock);
	if (ret) {
		dev_err(&priv->parent->dev,
			"there is a service at 0x%x already\n", addr);
		kfree(service);
		return ret;
	}
	sdm_rpmsg_queue_rx(priv);

	return 0;
}

/* The work item does the rest. Returns 0, or -ENOENT. */
int sdm_rpmsg_release_service(struct sdm_rpmsg *priv, const char *name,
			      u32 addr)
{
	struct sdm_rpmsg_service *service;
	int ret = -ENOENT;

	mutex_lock(&priv->services_lock);
	service = sdm_rpmsg_find_service(priv, addr);
	if (service && !strcmp(service->name, name)) {
		service->released = true;
		ret = 0;
	}
	mutex_unlock(&priv->services_lock);
	if (!ret)
		sdm_rpmsg_queue_rx(priv);

	return ret;
}

static void sdm_rpmsg_wait_message(struct sdm_rpmsg *priv,
				   struct sdm_rpmsg_service *service,
				   const struct sdm_rpmsg_msg *msg)
{
	struct sdm_rpmsg_msg *copy = NULL;

	if (service->num_waiting < SDM_RPMSG_MAX_WAITING)
		copy = kmemdup(msg, sizeof(*msg), GFP_KERNEL);
	if (copy) {
		list_add_tail(&copy->node, &service->waiting);
		service->num_waiting++;
	} else {
		dev_warn_ratelimited(&priv->parent->dev,
				     "messages for %s are lost: it has no driver that takes them\n",
				     service->name);
	}
}

static void sdm_rpmsg_drop_message(struct sdm_rpmsg_service *service,
				   struct sdm_rpmsg_msg *msg)
{
	list_del(&msg->node);
	service->num_waiting--;
	kfree(msg);
}

static void sdm_rpmsg_drop_messages(struct sdm_rpmsg_service *service)
{
	struct sdm_rpmsg_msg *msg, *next;

	list_for_each_entry_safe(msg, next, &service->waiting, node)
		sdm_rpmsg_drop_message(service, msg);
}

/* Stops at the first one that has to wait. */
static void sdm_rpmsg_deliver_waiting(struct sdm_rpmsg *priv,
				      struct sdm_rpmsg_service *service)
{
	struct sdm_rpmsg_msg *msg, *next;

	list_for_each_entry_safe(msg, next, &service->waiting, node) {
		if (READ_ONCE(priv->stopping) || sdm_rpmsg_deliver(priv, msg))
			return;
		sdm_rpmsg_drop_message(service, msg);
	}
}

/* Does what is due. Returns true if it is over with the service. */
static bool sdm_rpmsg_serve(struct sdm_rpmsg *priv,
			    struct sdm_rpmsg_service *service)
{
	struct rpmsg_channel_info info = { .src = service->addr,
					   .dst = RPMSG_ADDR_ANY };
	struct sdm_rpmsg_msg *msg;

	if (READ_ONCE(service->released)) {
		/* If there is no buffer, at the next kick. */
		if (service->announced &&
		    sdm_rpmsg_announce(priv, service->name, service->addr,
				       RPMSG_NS_DESTROY, false) == -ENOMEM)
			return false;
		strscpy(info.name, service->name, sizeof(info.name));
		sdm_rpmsg_remove_channel(priv, &info);
		return true;
	}

	if (!service->announced)
		service->announced =
			!sdm_rpmsg_announce(priv, service->name, service->addr,
					    RPMSG_NS_CREATE, false);

	sdm_rpmsg_deliver_waiting(priv, service);
	msg = list_first_entry_or_null(&service->waiting, struct sdm_rpmsg_msg,
				       node);
	if (msg && !READ_ONCE(priv->stopping) &&
	    !sdm_rpmsg_has_channel(priv, service->name, service->addr)) {
		sdm_rpmsg_add_service_channel(priv, service->name,
					      service->addr, msg->src);
		sdm_rpmsg_deliver_waiting(priv, service);
	}

	return false;
}

static void sdm_rpmsg_free_service(struct sdm_rpmsg *priv,
				   struct sdm_rpmsg_service *service)
{
	lockdep_assert_held(&priv->services_lock);

	list_del(&service->node);
	sdm_rpmsg_drop_messages(service);
	kfree(service);
}

/*
 * In the order in which they were added: one may have the address of another that
 * goes. Others only add at the end meanwhile. For the work item.
 */
void sdm_rpmsg_serve_services(struct sdm_rpmsg *priv)
{
	struct sdm_rpmsg_service *service, *next;
	bool over;

	mutex_lock(&priv->services_lock);
	service = list_first_entry(&priv->services, struct sdm_rpmsg_service,
				   node);
	while (!list_entry_is_head(service, &priv->services, node)) {
		mutex_unlock(&priv->services_lock);
		over = sdm_rpmsg_serve(priv, service);
		mutex_lock(&priv->services_lock);
		next = list_next_entry(service, node);
		if (over)
			sdm_rpmsg_free_service(priv, service);
		service = next;
	}
	mutex_unlock(&priv->services_lock);
}

/* Hands a message on, or keeps it. For the work item. */
void sdm_rpmsg_receive(struct sdm_rpmsg *priv, struct sdm_rpmsg_msg *msg)
{
	struct sdm_rpmsg_service *service;
	int ret = -EAGAIN;

	mutex_lock(&priv->services_lock);
	service = sdm_rpmsg_find_service(priv, msg->dst);
	mutex_unlock(&priv->services_lock);

	/* Not ahead of others. */
	if (!service || !service->num_waiting)
		ret = sdm_rpmsg_deliver(priv, msg);
	if (!ret)
		return;
	if (service) {
		sdm_rpmsg_wait_message(priv, service, msg);
		sdm_rpmsg_serve(priv, service);
	} else {
		dev_warn_ratelimited(&priv->parent->dev,
				     "a message for 0x%x is lost: nobody has this address\n",
				     msg->dst);
	}
}

/**
 * sdm_rpmsg_leave_services() - the rings will be closed
 * @priv: those with which master
 * @tell: they are still open: tell the master
 *
 * The work item does not run. Services stay, for when the master is back.
 */
void sdm_rpmsg_leave_services(struct sdm_rpmsg *priv, bool tell)
{
	struct sdm_rpmsg_service *service, *next;

	mutex_lock(&priv->services_lock);
	list_for_each_entry_safe(service, next, &priv->services, node) {
		if (tell && service->announced)
			sdm_rpmsg_announce(priv, service->name, service->addr,
					   RPMSG_NS_DESTROY, false);
		service->announced = false;
		if (service->released)
			sdm_rpmsg_free_service(priv, service);
		else
			sdm_rpmsg_drop_messages(service);
	}
	mutex_unlock(&priv->services_lock);
}

void sdm_rpmsg_free_services(struct sdm_rpmsg *priv)
{
	struct sdm_rpmsg_service *service, *next;

	mutex_lock(&priv->services_lock);
	list_for_each_entry_safe(service, next, &priv->services, node)
		sdm_rpmsg_free_service(priv, service);
	mutex_unlock(&priv->services_lock);
}
