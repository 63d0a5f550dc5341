/* What the network layer does for a driver of a device: one queue of packets in, and one out. */
#include <linux/etherdevice.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/version.h>
#include <net/page_pool/helpers.h>
#include <dmalab/lab.h>

#define MOST_DEVICES 8

/* What c_page_pools.ts knows of pages of a pool. */
struct page_pool *lab_pool_of_page(struct page *page);
void lab_page_held(struct page *page, const char *holder);

static struct net_device *registered[MOST_DEVICES];
static unsigned long received_packets;
static u32 received_crc;
/* Packets that the network keeps, as a socket does whose program does not read. */
static struct sk_buff *kept;
static bool keeps;

struct net_device *alloc_netdev_mqs(int private_bytes, const char *name, unsigned char name_type,
				    void (*setup)(struct net_device *), unsigned int txqs,
				    unsigned int rxqs)
{
	struct net_device *dev = kvzalloc(sizeof(*dev) + private_bytes, GFP_KERNEL);
	unsigned int at;

	if (!dev)
		return NULL;
	lab_made(&dev->dev, true);
	dev->_tx = kvzalloc(txqs * sizeof(*dev->_tx), GFP_KERNEL);
	dev->dev_addr = kzalloc(MAX_ADDR_LEN, GFP_KERNEL);
	if (!dev->_tx || !dev->dev_addr) {
		free_netdev(dev);
		return NULL;
	}
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
	dev->priv_len = private_bytes;
#endif
	dev->num_tx_queues = dev->real_num_tx_queues = txqs;
	dev->num_rx_queues = dev->real_num_rx_queues = rxqs;
	for (at = 0; at < txqs; at++) {
		dev->_tx[at].dev = dev;
		spin_lock_init(&dev->_tx[at]._xmit_lock);
	}
	INIT_LIST_HEAD(&dev->napi_list);
	INIT_LIST_HEAD(&dev->mc.list);
	INIT_LIST_HEAD(&dev->uc.list);
	strscpy(dev->name, name, sizeof(dev->name));
	setup(dev);
	return dev;
}
EXPORT_SYMBOL(alloc_netdev_mqs);

void ether_setup(struct net_device *dev)
{
	dev->mtu = ETH_DATA_LEN;
	dev->min_mtu = ETH_MIN_MTU;
	dev->max_mtu = ETH_DATA_LEN;
	dev->hard_header_len = ETH_HLEN;
	dev->addr_len = ETH_ALEN;
	dev->flags = IFF_BROADCAST | IFF_MULTICAST;
}
EXPORT_SYMBOL(ether_setup);

struct net_device *alloc_etherdev_mqs(int private_bytes, unsigned int txqs, unsigned int rxqs)
{
	return alloc_netdev_mqs(private_bytes, "eth%d", 0, ether_setup, txqs, rxqs);
}
EXPORT_SYMBOL(alloc_etherdev_mqs);

struct net_device *alloc_netdev_dummy(int private_bytes)
{
	return alloc_netdev_mqs(private_bytes, "dummy#", 0, ether_setup, 1, 1);
}
EXPORT_SYMBOL(alloc_netdev_dummy);

void free_netdev(struct net_device *dev)
{
	lab_release(&dev->dev);
	lab_made(&dev->dev, false);
	kvfree(dev->_tx);
	kfree(dev->dev_addr);
	kvfree(dev);
}
EXPORT_SYMBOL(free_netdev);

static void free_managed(void *dev)
{
	free_netdev(dev);
}

struct net_device *devm_alloc_etherdev_mqs(struct device *dev, int private_bytes,
					   unsigned int txqs, unsigned int rxqs)
{
	struct net_device *made = alloc_etherdev_mqs(private_bytes, txqs, rxqs);

	if (made && devm_add_action_or_reset(dev, free_managed, made))
		return NULL;
	return made;
}
EXPORT_SYMBOL(devm_alloc_etherdev_mqs);

void dev_addr_mod(struct net_device *dev, unsigned int offset, const void *addr, size_t bytes)
{
	memcpy((u8 *)dev->dev_addr + offset, addr, bytes);
}
EXPORT_SYMBOL(dev_addr_mod);

/* Counters of each CPU that a driver leaves to the core. */
static int make_counters(struct net_device *dev)
{
	switch (dev->pcpu_stat_type) {
	case NETDEV_PCPU_STAT_LSTATS:
		dev->lstats = netdev_alloc_pcpu_stats(struct pcpu_lstats);
		return dev->lstats ? 0 : -ENOMEM;
	case NETDEV_PCPU_STAT_TSTATS:
		dev->tstats = netdev_alloc_pcpu_stats(struct pcpu_sw_netstats);
		return dev->tstats ? 0 : -ENOMEM;
	case NETDEV_PCPU_STAT_DSTATS:
		dev->dstats = netdev_alloc_pcpu_stats(struct pcpu_dstats);
		return dev->dstats ? 0 : -ENOMEM;
	default:
		return 0;
	}
}

static void free_counters(struct net_device *dev)
{
	if (dev->pcpu_stat_type == NETDEV_PCPU_STAT_NONE)
		return;
	/* The three are one union. */
	free_percpu(dev->lstats);
	dev->lstats = NULL;
}

int register_netdev(struct net_device *dev)
{
	int at, error;

	for (at = 0; at < MOST_DEVICES && registered[at]; at++)
		;
	if (at == MOST_DEVICES)
		return -ENOSPC;
	error = make_counters(dev);
	if (error)
		return error;
	error = dev->netdev_ops->ndo_init ? dev->netdev_ops->ndo_init(dev) : 0;
	if (error) {
		free_counters(dev);
		return error;
	}
	registered[at] = dev;
	dev->reg_state = NETREG_REGISTERED;
	/* What netif_device_present() looks at. */
	set_bit(__LINK_STATE_PRESENT, &dev->state);
	return 0;
}
EXPORT_SYMBOL(register_netdev);

int register_netdevice(struct net_device *dev)
{
	return register_netdev(dev);
}
EXPORT_SYMBOL(register_netdevice);

static int stop(struct net_device *dev)
{
	if (!(dev->flags & IFF_UP))
		return 0;
	clear_bit(__LINK_STATE_START, &dev->state);
	dev->flags &= ~IFF_UP;
	return dev->netdev_ops->ndo_stop ? dev->netdev_ops->ndo_stop(dev) : 0;
}

void unregister_netdev(struct net_device *dev)
{
	int at;

	stop(dev);
	for (at = 0; at < MOST_DEVICES; at++)
		if (registered[at] == dev)
			registered[at] = NULL;
	if (dev->netdev_ops->ndo_uninit)
		dev->netdev_ops->ndo_uninit(dev);
	free_counters(dev);
	dev->reg_state = NETREG_UNREGISTERED;
}
EXPORT_SYMBOL(unregister_netdev);

void unregister_netdevice_queue(struct net_device *dev, struct list_head *others)
{
	unregister_netdev(dev);
}
EXPORT_SYMBOL(unregister_netdevice_queue);

static void unregister_managed(void *dev)
{
	unregister_netdev(dev);
}

int devm_register_netdev(struct device *dev, struct net_device *made)
{
	int error = register_netdev(made);

	return error ? error : devm_add_action_or_reset(dev, unregister_managed, made);
}
EXPORT_SYMBOL(devm_register_netdev);

/* What a scenario does with the interface that a device's driver has registered. */
static struct net_device *interface_of(struct device *dev)
{
	int at;

	for (at = 0; at < MOST_DEVICES; at++)
		if (registered[at] && (registered[at]->dev.parent == dev || !registered[at]->dev.parent))
			return registered[at];
	return NULL;
}

LAB_FOR_SCENARIOS int net_open(struct device *parent)
{
	struct net_device *dev = interface_of(parent);
	int error;

	if (!dev)
		return -ENODEV;
	set_bit(__LINK_STATE_START, &dev->state);
	error = dev->netdev_ops->ndo_open ? dev->netdev_ops->ndo_open(dev) : 0;
	if (error)
		clear_bit(__LINK_STATE_START, &dev->state);
	else
		dev->flags |= IFF_UP;
	return error;
}

LAB_FOR_SCENARIOS int net_stop(struct device *parent)
{
	struct net_device *dev = interface_of(parent);

	return dev ? stop(dev) : -ENODEV;
}

/* Sends a packet of so many bytes, which count up. NETDEV_TX_BUSY where the queue is stopped. */
LAB_FOR_SCENARIOS int net_send(struct device *parent, unsigned int bytes)
{
	struct net_device *dev = interface_of(parent);
	struct sk_buff *skb;
	unsigned int at;
	int sent;

	if (!dev)
		return -ENODEV;
	if (netif_queue_stopped(dev))
		return NETDEV_TX_BUSY;
	skb = alloc_skb(bytes, GFP_ATOMIC);
	if (!skb)
		return -ENOMEM;
	skb->dev = dev;
	skb_put(skb, bytes);
	for (at = 0; at < bytes; at++)
		skb->data[at] = at;
	local_bh_disable();
	sent = dev->netdev_ops->ndo_start_xmit(skb, dev);
	local_bh_enable();
	if (sent != NETDEV_TX_OK)
		kfree_skb(skb);
	return sent;
}

/* How many packets drivers have handed on. */
LAB_FOR_SCENARIOS unsigned long net_received(void)
{
	return received_packets;
}

/* CRC-32 of the bytes of the packet that came last, behind its Ethernet header; not inverted at the end. */
LAB_FOR_SCENARIOS unsigned long net_received_crc(void)
{
	return received_crc;
}

static u32 crc_of(u32 crc, const u8 *bytes, unsigned int count)
{
	unsigned int at, bit;

	for (at = 0; at < count; at++) {
		crc ^= bytes[at];
		for (bit = 0; bit < 8; bit++)
			crc = (crc >> 1) ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return crc;
}

static u32 packet_crc(const struct sk_buff *skb)
{
	const struct skb_shared_info *shared = skb_shinfo(skb);
	u32 crc = crc_of(~0U, skb->data, skb_headlen(skb));
	unsigned int at;

	for (at = 0; at < shared->nr_frags; at++) {
		const skb_frag_t *part = &shared->frags[at];

		/* Memory of another device has no page, and the CPU reads none of it. */
		if (skb_frag_page(part))
			crc = crc_of(crc, skb_frag_address(part), skb_frag_size(part));
	}
	return crc;
}

/* Pages of a pool that a packet consists of have another holder now. */
static void note_holder(struct sk_buff *skb, const char *holder)
{
	struct skb_shared_info *shared = skb_shinfo(skb);
	struct sk_buff *part;
	unsigned int at;

	if (skb->head_frag)
		lab_page_held(virt_to_head_page(skb->head), holder);
	for (at = 0; at < shared->nr_frags; at++)
		lab_page_held(skb_frag_page(&shared->frags[at]), holder);
	for (part = shared->frag_list; part; part = part->next)
		note_holder(part, holder);
}

static int receive(struct sk_buff *skb)
{
	received_packets++;
	received_crc = packet_crc(skb);
	if (keeps) {
		note_holder(skb, "the network");
		skb->next = kept;
		kept = skb;
	} else {
		kfree_skb(skb);
	}
	return NET_RX_SUCCESS;
}

/* Has the network keep the packets that drivers hand on from now on, or free each at once again. */
LAB_FOR_SCENARIOS void net_keep(bool is_on)
{
	keeps = is_on;
}

/* The network frees the packets that it has kept: how many. */
LAB_FOR_SCENARIOS unsigned long net_free_kept(void)
{
	unsigned long count = 0;

	while (kept) {
		struct sk_buff *skb = kept;

		kept = skb->next;
		skb->next = NULL;
		kfree_skb(skb);
		count++;
	}
	return count;
}

int netif_rx(struct sk_buff *skb)
{
	return receive(skb);
}
EXPORT_SYMBOL(netif_rx);

int netif_receive_skb(struct sk_buff *skb)
{
	return receive(skb);
}
EXPORT_SYMBOL(netif_receive_skb);

#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
gro_result_t gro_receive_skb(struct gro_node *gro, struct sk_buff *skb)
#else
gro_result_t napi_gro_receive(struct napi_struct *napi, struct sk_buff *skb)
#endif
{
	receive(skb);
	return GRO_NORMAL;
}
EXPORT_SYMBOL(gro_receive_skb);
EXPORT_SYMBOL(napi_gro_receive);

__be16 eth_type_trans(struct sk_buff *skb, struct net_device *dev)
{
	skb->dev = dev;
	skb_pull(skb, ETH_HLEN);
	return htons(ETH_P_IP);
}
EXPORT_SYMBOL(eth_type_trans);

void netif_carrier_on(struct net_device *dev)
{
	clear_bit(__LINK_STATE_NOCARRIER, &dev->state);
}
EXPORT_SYMBOL(netif_carrier_on);

void netif_carrier_off(struct net_device *dev)
{
	set_bit(__LINK_STATE_NOCARRIER, &dev->state);
}
EXPORT_SYMBOL(netif_carrier_off);

void netif_device_detach(struct net_device *dev)
{
	clear_bit(__LINK_STATE_PRESENT, &dev->state);
}
EXPORT_SYMBOL(netif_device_detach);

void netif_device_attach(struct net_device *dev)
{
	set_bit(__LINK_STATE_PRESENT, &dev->state);
}
EXPORT_SYMBOL(netif_device_attach);

void netif_tx_wake_queue(struct netdev_queue *queue)
{
	clear_bit(__QUEUE_STATE_DRV_XOFF, &queue->state);
}
EXPORT_SYMBOL(netif_tx_wake_queue);

/* Polling: as work of its own, until a turn leaves something over of its budget. */
static void poll(struct napi_struct *napi)
{
	int done = napi->poll(napi, napi->weight);

	if (done >= napi->weight)
		lab_defer(napi, poll);
}

static void add_polling(struct net_device *dev, struct napi_struct *napi,
			int (*function)(struct napi_struct *, int), int weight)
{
	memset(napi, 0, sizeof(*napi));
	napi->dev = dev;
	napi->poll = function;
	napi->weight = weight;
	/* It is off until napi_enable(). */
	set_bit(NAPI_STATE_SCHED, &napi->state);
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
void netif_napi_add_weight_locked(struct net_device *dev, struct napi_struct *napi,
				  int (*function)(struct napi_struct *, int), int weight)
#else
void netif_napi_add_weight(struct net_device *dev, struct napi_struct *napi,
			   int (*function)(struct napi_struct *, int), int weight)
#endif
{
	add_polling(dev, napi, function, weight);
}
EXPORT_SYMBOL(netif_napi_add_weight);
EXPORT_SYMBOL(netif_napi_add_weight_locked);

#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
void __netif_napi_del_locked(struct napi_struct *napi)
#else
void __netif_napi_del(struct napi_struct *napi)
#endif
{
}
EXPORT_SYMBOL(__netif_napi_del);
EXPORT_SYMBOL(__netif_napi_del_locked);

void napi_enable(struct napi_struct *napi)
{
	clear_bit(NAPI_STATE_SCHED, &napi->state);
}
EXPORT_SYMBOL(napi_enable);

void napi_disable(struct napi_struct *napi)
{
	lab_may_sleep("napi_disable");
	lab_flush(napi);
	set_bit(NAPI_STATE_SCHED, &napi->state);
}
EXPORT_SYMBOL(napi_disable);

bool napi_schedule_prep(struct napi_struct *napi)
{
	return !test_and_set_bit(NAPI_STATE_SCHED, &napi->state);
}
EXPORT_SYMBOL(napi_schedule_prep);

void __napi_schedule(struct napi_struct *napi)
{
	lab_defer(napi, poll);
}
EXPORT_SYMBOL(__napi_schedule);

void __napi_schedule_irqoff(struct napi_struct *napi)
{
	lab_defer(napi, poll);
}
EXPORT_SYMBOL(__napi_schedule_irqoff);

bool napi_complete_done(struct napi_struct *napi, int done)
{
	clear_bit(NAPI_STATE_SCHED, &napi->state);
	return true;
}
EXPORT_SYMBOL(napi_complete_done);

struct sk_buff *__alloc_skb(unsigned int bytes, gfp_t gfp, int flags, int node)
{
	unsigned int room = SKB_DATA_ALIGN(bytes);
	struct sk_buff *skb = kzalloc(sizeof(*skb), gfp);
	u8 *data = kmalloc(room + SKB_DATA_ALIGN(sizeof(struct skb_shared_info)), gfp);

	if (!skb || !data) {
		kfree(skb);
		kfree(data);
		return NULL;
	}
	refcount_set(&skb->users, 1);
	skb->head = skb->data = data;
	skb_reset_tail_pointer(skb);
	skb_set_end_offset(skb, room);
	skb->truesize = SKB_TRUESIZE(bytes);
	memset(skb_shinfo(skb), 0, sizeof(struct skb_shared_info));
	atomic_set(&skb_shinfo(skb)->dataref, 1);
	return skb;
}
EXPORT_SYMBOL(__alloc_skb);

struct sk_buff *__netdev_alloc_skb(struct net_device *dev, unsigned int bytes, gfp_t gfp)
{
	struct sk_buff *skb = __alloc_skb(bytes + NET_SKB_PAD, gfp, 0, 0);

	if (skb) {
		skb_reserve(skb, NET_SKB_PAD);
		skb->dev = dev;
	}
	return skb;
}
EXPORT_SYMBOL(__netdev_alloc_skb);

struct sk_buff *napi_alloc_skb(struct napi_struct *napi, unsigned int bytes)
{
	return __netdev_alloc_skb(napi->dev, bytes + NET_IP_ALIGN, GFP_ATOMIC);
}
EXPORT_SYMBOL(napi_alloc_skb);

/* A packet in memory of the driver's: a page's, or from kmalloc() where no size is given. */
static struct sk_buff *skb_around(void *data, unsigned int bytes)
{
	unsigned int room = (bytes ? bytes : ksize(data)) - SKB_DATA_ALIGN(sizeof(struct skb_shared_info));
	struct sk_buff *skb = kzalloc(sizeof(*skb), GFP_ATOMIC);

	if (!skb)
		return NULL;
	refcount_set(&skb->users, 1);
	skb->head = skb->data = data;
	skb->head_frag = bytes != 0;
	skb_reset_tail_pointer(skb);
	skb_set_end_offset(skb, room);
	skb->truesize = SKB_TRUESIZE(room);
	memset(skb_shinfo(skb), 0, sizeof(struct skb_shared_info));
	atomic_set(&skb_shinfo(skb)->dataref, 1);
	if (bytes)
		lab_page_held(virt_to_head_page(data), "a packet");
	return skb;
}

struct sk_buff *build_skb(void *data, unsigned int bytes)
{
	return data ? skb_around(data, bytes) : NULL;
}
EXPORT_SYMBOL(build_skb);

struct sk_buff *napi_build_skb(void *data, unsigned int bytes)
{
	return build_skb(data, bytes);
}
EXPORT_SYMBOL(napi_build_skb);

struct sk_buff *slab_build_skb(void *data)
{
	return build_skb(data, 0);
}
EXPORT_SYMBOL(slab_build_skb);

#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
void skb_add_rx_frag_netmem(struct sk_buff *skb, int at, netmem_ref memory, int offset, int bytes,
			    unsigned int truesize)
{
	skb_fill_netmem_desc(skb, at, memory, offset, bytes);
	skb->len += bytes;
	skb->data_len += bytes;
	skb->truesize += truesize;
}
EXPORT_SYMBOL(skb_add_rx_frag_netmem);
#endif

/* A page of a pool goes back to it, if the driver has marked the packet (skb_mark_for_recycle()). */
static void free_page_of(struct sk_buff *skb, struct page *page)
{
	struct page_pool *pool = skb->pp_recycle ? lab_pool_of_page(page) : NULL;

	if (pool)
		page_pool_put_full_page(pool, page, false);
	else
		put_page(page);
}

/* The pages of its fragments and the packets of its list have a reference each. */
static void free_skb(struct sk_buff *skb)
{
	struct skb_shared_info *shared;
	struct sk_buff *part, *next;
	unsigned int index;

	if (!skb || !skb_unref(skb))
		return;
	shared = skb_shinfo(skb);
	for (index = 0; index < shared->nr_frags; index++)
		free_page_of(skb, skb_frag_page(&shared->frags[index]));
	for (part = shared->frag_list; part; part = next) {
		next = part->next;
		free_skb(part);
	}
	if (skb->head_frag)
		free_page_of(skb, virt_to_head_page(skb->head));
	else
		kfree(skb->head);
	kfree(skb);
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
void sk_skb_reason_drop(const struct sock *sk, struct sk_buff *skb, enum skb_drop_reason reason)
#else
void sk_skb_reason_drop(struct sock *sk, struct sk_buff *skb, enum skb_drop_reason reason)
#endif
{
	free_skb(skb);
}
EXPORT_SYMBOL(sk_skb_reason_drop);

void dev_kfree_skb_any_reason(struct sk_buff *skb, enum skb_drop_reason reason)
{
	free_skb(skb);
}
EXPORT_SYMBOL(dev_kfree_skb_any_reason);

void dev_kfree_skb_irq_reason(struct sk_buff *skb, enum skb_drop_reason reason)
{
	free_skb(skb);
}
EXPORT_SYMBOL(dev_kfree_skb_irq_reason);

#ifdef CONFIG_TRACEPOINTS
void consume_skb(struct sk_buff *skb)
{
	free_skb(skb);
}
EXPORT_SYMBOL(consume_skb);
#endif

void napi_consume_skb(struct sk_buff *skb, int budget)
{
	free_skb(skb);
}
EXPORT_SYMBOL(napi_consume_skb);

void *skb_put(struct sk_buff *skb, unsigned int bytes)
{
	return __skb_put(skb, bytes);
}
EXPORT_SYMBOL(skb_put);

void *skb_pull(struct sk_buff *skb, unsigned int bytes)
{
	return bytes > skb->len ? NULL : __skb_pull(skb, bytes);
}
EXPORT_SYMBOL(skb_pull);

void *skb_push(struct sk_buff *skb, unsigned int bytes)
{
	return __skb_push(skb, bytes);
}
EXPORT_SYMBOL(skb_push);

void skb_trim(struct sk_buff *skb, unsigned int bytes)
{
	if (skb->len > bytes)
		__skb_trim(skb, bytes);
}
EXPORT_SYMBOL(skb_trim);

/* A packet of the pack's is in one piece, and wants no checksum. */
void skb_copy_and_csum_dev(const struct sk_buff *skb, u8 *to)
{
	memcpy(to, skb->data, skb_headlen(skb));
}
EXPORT_SYMBOL(skb_copy_and_csum_dev);

int __skb_pad(struct sk_buff *skb, int bytes, bool frees)
{
	if (skb_tailroom(skb) >= bytes) {
		memset(skb_tail_pointer(skb), 0, bytes);
		return 0;
	}
	if (frees)
		free_skb(skb);
	return -ENOMEM;
}
EXPORT_SYMBOL(__skb_pad);
