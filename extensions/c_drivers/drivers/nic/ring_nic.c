/* A network driver with one ring for each way: frames in several pieces are sent, short ones that
 * come are copied. Written for dmalab; the device is a model in ring_nic.dma. */
#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "ring_nic.h"

/* What is to be undone for a descriptor of the ring. */
struct nic_tx_slot {
	DEFINE_DMA_UNMAP_ADDR(dma);
	DEFINE_DMA_UNMAP_LEN(len);
	bool is_page;
	/* Of a frame's last descriptor: the head's memory, which was taken for it. */
	void *head;
};

struct nic_tx_ring {
	struct nic_desc *desc;
	dma_addr_t dma;
	struct nic_tx_slot *slots;
	u32 next;
	u32 clean;
};

struct nic_rx_slot {
	struct page *page;
	dma_addr_t dma;
};

struct nic_rx_ring {
	struct nic_desc *desc;
	dma_addr_t dma;
	struct nic_rx_slot *slots;
	u32 next;
};

struct nic {
	struct device *dev;
	void __iomem *regs;
	struct nic_tx_ring tx;
	struct nic_rx_ring rx;
};

static struct nic *the_nic;

static void nic_free_rings(struct nic *nic)
{
	struct device *dev = nic->dev;

	if (nic->rx.desc)
		dma_free_coherent(dev, NIC_RX_SLOTS * sizeof(struct nic_desc), nic->rx.desc,
				  nic->rx.dma);
	if (nic->tx.desc)
		dma_free_coherent(dev, NIC_TX_SLOTS * sizeof(struct nic_desc), nic->tx.desc,
				  nic->tx.dma);
	kfree(nic->rx.slots);
	kfree(nic->tx.slots);
}

static int nic_alloc_rings(struct nic *nic)
{
	struct device *dev = nic->dev;

	nic->tx.slots = kcalloc(NIC_TX_SLOTS, sizeof(*nic->tx.slots), GFP_KERNEL);
	nic->rx.slots = kcalloc(NIC_RX_SLOTS, sizeof(*nic->rx.slots), GFP_KERNEL);
	if (!nic->tx.slots || !nic->rx.slots)
		return -ENOMEM;
	nic->tx.desc = dma_alloc_coherent(dev, NIC_TX_SLOTS * sizeof(struct nic_desc), &nic->tx.dma,
					  GFP_KERNEL);
	if (!nic->tx.desc)
		return -ENOMEM;
	nic->rx.desc = dma_alloc_coherent(dev, NIC_RX_SLOTS * sizeof(struct nic_desc), &nic->rx.dma,
					  GFP_KERNEL);
	return nic->rx.desc ? 0 : -ENOMEM;
}

/* Puts a new page into a slot of the receive ring. */
static int nic_rx_refill(struct nic *nic, u32 index)
{
	struct nic_rx_slot *slot = &nic->rx.slots[index];
	struct page *page = alloc_page(GFP_ATOMIC);
	dma_addr_t dma;

	if (!page)
		return -ENOMEM;
	dma = dma_map_page(nic->dev, page, NIC_RX_OFFSET, NIC_RX_ROOM, DMA_FROM_DEVICE);
	if (dma_mapping_error(nic->dev, dma)) {
		__free_page(page);
		return -ENOMEM;
	}
	slot->page = page;
	slot->dma = dma;
	return 0;
}

/* Gives a slot to the device. */
static void nic_rx_post(struct nic *nic, u32 index)
{
	struct nic_desc *desc = &nic->rx.desc[index];

	desc->addr = cpu_to_le64(nic->rx.slots[index].dma);
	desc->len = cpu_to_le16(NIC_RX_ROOM);
	dma_wmb();
	WRITE_ONCE(desc->flags, 0);
}

static void nic_rx_empty(struct nic *nic)
{
	u32 index;

	for (index = 0; index < NIC_RX_SLOTS; index++) {
		struct nic_rx_slot *slot = &nic->rx.slots[index];

		if (!slot->page)
			continue;
		dma_unmap_page(nic->dev, slot->dma, NIC_RX_ROOM, DMA_FROM_DEVICE);
		__free_page(slot->page);
		slot->page = NULL;
	}
}

static int nic_rx_fill(struct nic *nic)
{
	u32 index;

	for (index = 0; index < NIC_RX_SLOTS; index++) {
		int error = nic_rx_refill(nic, index);

		if (error)
			return error;
		nic_rx_post(nic, index);
	}
	return 0;
}

int nic_open(struct device *dev, void __iomem *regs)
{
	struct nic *nic = kzalloc(sizeof(*nic), GFP_KERNEL);
	int error;

	if (!nic)
		return -ENOMEM;
	nic->dev = dev;
	nic->regs = regs;
	error = dma_set_mask_and_coherent(dev, DMA_BIT_MASK(64));
	if (error)
		goto free_nic;
	error = nic_alloc_rings(nic);
	if (error)
		goto free_rings;
	error = nic_rx_fill(nic);
	if (error)
		goto empty;
	writel(lower_32_bits(nic->tx.dma), regs + NIC_TX_BASE);
	writel(upper_32_bits(nic->tx.dma), regs + NIC_TX_BASE + 4);
	writel(lower_32_bits(nic->rx.dma), regs + NIC_RX_BASE);
	writel(upper_32_bits(nic->rx.dma), regs + NIC_RX_BASE + 4);
	writel(NIC_CTRL_ENABLE, regs + NIC_CTRL);
	the_nic = nic;
	return 0;

empty:
	nic_rx_empty(nic);
free_rings:
	nic_free_rings(nic);
free_nic:
	kfree(nic);
	dev_err(dev, "cannot be opened: %d\n", error);
	return error;
}

static void nic_unmap_slot(struct nic *nic, struct nic_tx_slot *slot)
{
	if (slot->is_page)
		dma_unmap_page(nic->dev, dma_unmap_addr(slot, dma), dma_unmap_len(slot, len),
			       DMA_TO_DEVICE);
	else
		dma_unmap_single(nic->dev, dma_unmap_addr(slot, dma), dma_unmap_len(slot, len),
				 DMA_TO_DEVICE);
}

static u32 nic_tx_room(const struct nic_tx_ring *tx)
{
	return NIC_TX_SLOTS - (tx->next - tx->clean);
}

/* Fills the next descriptor and its slot; the device does not see it before the doorbell. */
static void nic_tx_put(struct nic *nic, u32 at, dma_addr_t dma, u32 len, bool is_page)
{
	struct nic_tx_slot *slot = &nic->tx.slots[at % NIC_TX_SLOTS];
	struct nic_desc *desc = &nic->tx.desc[at % NIC_TX_SLOTS];

	dma_unmap_addr_set(slot, dma, dma);
	dma_unmap_len_set(slot, len, len);
	slot->is_page = is_page;
	slot->head = NULL;
	desc->addr = cpu_to_le64(dma);
	desc->len = cpu_to_le16(len);
	desc->flags = 0;
}

/* Sends a frame; its head, which was taken by kmalloc, is the driver's from then on. */
static int nic_send(struct nic *nic, void *head, u32 len, const struct nic_frag *frags, u32 count)
{
	struct nic_tx_ring *tx = &nic->tx;
	u32 at = tx->next, index;
	dma_addr_t dma;

	if (nic_tx_room(tx) < count + 1)
		return -EBUSY;
	dma = dma_map_single(nic->dev, head, len, DMA_TO_DEVICE);
	if (dma_mapping_error(nic->dev, dma))
		return -ENOMEM;
	nic_tx_put(nic, at++, dma, len, false);
	for (index = 0; index < count; index++) {
		const struct nic_frag *frag = &frags[index];

		dma = dma_map_page(nic->dev, frag->page, frag->offset, frag->len, DMA_TO_DEVICE);
		if (dma_mapping_error(nic->dev, dma))
			goto unwind;
		nic_tx_put(nic, at++, dma, frag->len, true);
	}
	tx->slots[(at - 1) % NIC_TX_SLOTS].head = head;
	tx->desc[(at - 1) % NIC_TX_SLOTS].flags = cpu_to_le16(NIC_DESC_END);
	tx->next = at;
	dma_wmb();
	writel(at % NIC_TX_SLOTS, nic->regs + NIC_TX_TAIL);
	return 0;

unwind:
	while (at-- != tx->next)
		nic_unmap_slot(nic, &tx->slots[at % NIC_TX_SLOTS]);
	return -ENOMEM;
}

/* What a script calls: a frame of a head, which is copied, and up to three pieces of 1 KiB. */
int nic_xmit(const void *head, u32 len, void *pieces, u32 count)
{
	struct nic_frag frags[NIC_FRAGS];
	void *copy;
	u32 index;
	int error;

	if (count > NIC_FRAGS)
		return -EINVAL;
	copy = kmalloc(len, GFP_ATOMIC);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, head, len);
	for (index = 0; index < count; index++) {
		u8 *piece = (u8 *)pieces + index * 1024;

		frags[index].page = virt_to_page(piece);
		frags[index].offset = offset_in_page(piece);
		frags[index].len = 1024;
	}
	error = nic_send(the_nic, copy, len, frags, count);
	if (error)
		kfree(copy);
	return error;
}

/* Takes back what the device has sent; gives how many frames those were. */
int nic_clean(void)
{
	struct nic_tx_ring *tx = &the_nic->tx;
	int frames = 0;

	while (tx->clean != tx->next) {
		u32 index = tx->clean % NIC_TX_SLOTS;
		struct nic_tx_slot *slot = &tx->slots[index];

		if (!(le16_to_cpu(READ_ONCE(tx->desc[index].flags)) & NIC_DESC_DONE))
			break;
		dma_rmb();
		nic_unmap_slot(the_nic, slot);
		if (slot->head) {
			kfree(slot->head);
			frames++;
		}
		tx->clean++;
	}
	return frames;
}

/* Takes a frame out of its page, which stays in the ring. */
static void nic_copy_out(struct nic *nic, struct nic_rx_slot *slot, void *into, u32 len)
{
	dma_sync_single_for_cpu(nic->dev, slot->dma, len, DMA_FROM_DEVICE);
	memcpy(into, (u8 *)page_address(slot->page) + NIC_RX_OFFSET, len);
	dma_sync_single_for_device(nic->dev, slot->dma, len, DMA_FROM_DEVICE);
}

/* The frame in the next slot goes into memory of the caller; gives its length, 0 where there is none. */
int nic_poll(void *into, u32 room)
{
	struct nic *nic = the_nic;
	u32 index = nic->rx.next % NIC_RX_SLOTS;
	struct nic_rx_slot *slot = &nic->rx.slots[index];
	struct nic_rx_slot old = *slot;
	struct nic_desc *desc = &nic->rx.desc[index];
	u32 len;

	if (!(le16_to_cpu(READ_ONCE(desc->flags)) & NIC_DESC_DONE))
		return 0;
	dma_rmb();
	len = min(le16_to_cpu(desc->len), (u16)NIC_RX_ROOM);
	if (len > room)
		len = room;
	/* A page that cannot be replaced stays where it is. */
	if (len <= NIC_COPYBREAK || nic_rx_refill(nic, index)) {
		nic_copy_out(nic, slot, into, len);
	} else {
		dma_unmap_page(nic->dev, old.dma, NIC_RX_ROOM, DMA_FROM_DEVICE);
		memcpy(into, (u8 *)page_address(old.page) + NIC_RX_OFFSET, len);
		__free_page(old.page);
	}
	nic_rx_post(nic, index);
	nic->rx.next++;
	writel(nic->rx.next % NIC_RX_SLOTS, nic->regs + NIC_RX_TAIL);
	return (int)len;
}

void nic_close(void)
{
	struct nic *nic = the_nic;

	writel(0, nic->regs + NIC_CTRL);
	for (; nic->tx.clean != nic->tx.next; nic->tx.clean++) {
		struct nic_tx_slot *slot = &nic->tx.slots[nic->tx.clean % NIC_TX_SLOTS];

		nic_unmap_slot(nic, slot);
		kfree(slot->head);
	}
	nic_rx_empty(nic);
	nic_free_rings(nic);
	kfree(nic);
	the_nic = NULL;
}

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("A ring NIC for dmalab");
